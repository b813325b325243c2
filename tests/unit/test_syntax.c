#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/schema.h"
#include "core/uuid.h"

/* One call on an attribute, from a block of its own: ASan sees one byte too far. */
struct fixture {
	struct idm_arena *arena;
	struct idm_error err;
	struct idm_value value;
	struct idm_span norm;
};

enum { ARENA_BYTES = 256 * 1024 };

static const struct idm_schema *schema;

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->arena = idm_arena_new(ARENA_BYTES);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	idm_arena_free(&f->arena);
	free(f);
	return 0;
}

static enum idm_result
parse_bytes(struct fixture *f, const char *attr, const void *bytes, size_t len)
{
	uint8_t *exact = malloc(len + (len == 0));
	enum idm_result result;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	memset(&f->err, 0, sizeof(f->err));
	result = idm_value_parse(idm_schema_attr(schema, idm_span_cstr(attr)),
	    idm_span_of(exact, len), f->arena, &f->value, &f->err);
	free(exact); /* so the value can't borrow from it */
	return result;
}

static void
assert_value(
    struct fixture *f, const char *attr, const char *text, const char *stored, const char *norm)
{
	enum idm_result result = parse_bytes(f, attr, text, strlen(text));

	if (result != IDM_OK)
		fail_msg("%s: %s: %s", attr, text, f->err.text);
	if (!idm_span_is(f->value.stored, stored))
		fail_msg("%s is stored as %.*s", text, IDM_SPAN_ARG(f->value.stored));
	if (!idm_span_is(f->value.norm, norm))
		fail_msg("%s is compared as %.*s", text, IDM_SPAN_ARG(f->value.norm));
	idm_arena_reset(f->arena);
}

/* Refused with a text for the client that names the attribute and does not quote the value. */
static void
assert_refused_bytes(struct fixture *f, const char *attr, const void *bytes, size_t len)
{
	if (parse_bytes(f, attr, bytes, len) != IDM_INVALID)
		fail_msg("%s takes \"%.*s\"", attr, (int)len, (const char *)bytes);
	assert_memory_equal(f->err.client_text, attr, strlen(attr));
	assert_string_equal(f->err.client_text, f->err.text);
	idm_arena_reset(f->arena);
}

static void
assert_refused(struct fixture *f, const char *attr, const char *text)
{
	assert_refused_bytes(f, attr, text, strlen(text));
}

static void
assert_asserts(struct fixture *f, const char *attr,
    enum idm_result (*parse)(const struct idm_attr *, struct idm_span, struct idm_arena *,
	struct idm_span *, struct idm_error *),
    const char *text, const char *norm)
{
	struct idm_span out;
	enum idm_result result = parse(idm_schema_attr(schema, idm_span_cstr(attr)),
	    idm_span_cstr(text), f->arena, &out, &f->err);

	if (norm == NULL) {
		assert_int_equal(result, IDM_INVALID);
		return;
	}
	if (result != IDM_OK)
		fail_msg("%s: %s: %s", attr, text, f->err.text);
	if (!idm_span_is(out, norm))
		fail_msg("\"%s\" is asserted as \"%.*s\"", text, IDM_SPAN_ARG(out));
	idm_arena_reset(f->arena);
}

/* The text of a value comes back as `printed`. */
static void
assert_prints(struct fixture *f, const char *attr, const char *text, const char *printed)
{
	struct idm_span out;

	if (parse_bytes(f, attr, text, strlen(text)) != IDM_OK)
		fail_msg("%s: %s: %s", attr, text, f->err.text);
	out = idm_value_print(
	    idm_schema_attr(schema, idm_span_cstr(attr)), f->value.stored, f->arena);
	if (!idm_span_is(out, printed))
		fail_msg("%s is printed as %.*s", text, IDM_SPAN_ARG(out));
	idm_arena_reset(f->arena);
}

/* --- text */

static void
text_is_kept_as_given_and_compared_without_case(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "displayname", "Alice Liddell", "Alice Liddell", "alice liddell");
	assert_value(f, "displayname", "  Two   Spaces ", "  Two   Spaces ", "two spaces");
	assert_value(f, "description", "Kept AS it is", "Kept AS it is", "Kept AS it is");
}

static void
text_is_folded_as_unicode_says(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "displayname", "Groß", "Groß", "gross");
	assert_value(f, "displayname", "GROẞ", "GROẞ", "gross");
	assert_value(f, "displayname", "İstanbul", "İstanbul", "i\xcc\x87stanbul");
	assert_value(f, "displayname", "ΣΊΣΥΦΟΣ", "ΣΊΣΥΦΟΣ", "σίσυφοσ");
	assert_value(f, "displayname", "σίσυφος", "σίσυφος", "σίσυφοσ");
	assert_value(f, "displayname", "Éva", "Éva", "éva");
	assert_value(f, "displayname", "\xef\xac\x81n", "\xef\xac\x81n", "fin"); /* the ligature */
}

static void
text_is_stored_in_nfc(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "displayname", "E\xcc\x81va", "Éva", "éva");
	assert_value(f, "description", "E\xcc\x81va", "Éva", "Éva");
	/* two marks in either order are one text */
	assert_value(f, "displayname", "a\xcc\xa3\xcc\x82", "\xe1\xba\xad", "\xe1\xba\xad");
	assert_value(f, "displayname", "a\xcc\x82\xcc\xa3", "\xe1\xba\xad", "\xe1\xba\xad");
	assert_value(f, "displayname", "\xe2\x84\xab", "\xc3\x85", "\xc3\xa5"); /* Angstrom */
}

static void
white_space_of_any_kind_is_one_space_when_compared(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "displayname", "a\xc2\xa0 \xe3\x80\x80z", "a\xc2\xa0 \xe3\x80\x80z", "a z");
	assert_refused(f, "displayname", "   ");
	assert_refused(f, "displayname", "\xe3\x80\x80\xc2\xa0");
}

static void
control_characters_are_refused(void **state)
{
	static const char *const texts[] = { "a\nb", "a\tb", "\x01", "a\x1b[31m", "a\x7f",
		"a\xc2\x80", "a\xc2\x9f", "é\r", "a\xd8\x9c", "a\xe2\x80\x8e", "a\xe2\x80\x8f",
		"a\xe2\x80\xa8", "a\xe2\x80\xa9", "a\xe2\x80\xaa", "a\xe2\x80\xae", "a\xe2\x81\xa6",
		"a\xe2\x81\xa9" };
	static const char *const attrs[] = { "displayname", "description", "mail", "homedirectory",
		"ssh_publickey", "dyngroup_filter", "name", "class" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t j = 0; j < sizeof(attrs) / sizeof(attrs[0]); j++)
			assert_refused(f, attrs[j], texts[i]);
	}
	assert_refused_bytes(f, "displayname", "a\0b", 3);
	assert_refused_bytes(f, "homedirectory", "/a\0b", 4);
}

static void
what_is_not_utf8_is_refused(void **state)
{
	static const char *const texts[] = { "\x80", "a\xc3", "\xc0\xaf", "\xe0\x80\xaf",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff\xfe",
		"a\xe2\x80" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_refused(f, "displayname", texts[i]);
		assert_refused(f, "description", texts[i]);
		assert_refused(f, "mail", texts[i]);
		assert_refused(f, "ssh_publickey", texts[i]);
		assert_asserts(f, "displayname", idm_assertion_parse, texts[i], NULL);
		assert_asserts(f, "displayname", idm_assertion_parse_piece, texts[i], NULL);
	}
}

static void
text_has_its_greatest_length(void **state)
{
	static const struct {
		const char *attr;
		size_t bytes;
	} limits[] = { { "displayname", 1024 }, { "legalname", 1024 }, { "description", 4096 },
		{ "homedirectory", 1024 }, { "class", 128 }, { "name", 64 } };
	struct fixture *f = *state;
	char text[5000];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		text[0] = strcmp(limits[i].attr, "homedirectory") == 0 ? '/' : 'a';
		assert_int_equal(parse_bytes(f, limits[i].attr, text, limits[i].bytes), IDM_OK);
		assert_refused_bytes(f, limits[i].attr, text, limits[i].bytes + 1);
		assert_refused_bytes(f, limits[i].attr, text, 0);
	}
}

static void
text_that_grows_beyond_its_limit_in_nfc_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[1022];

	/* U+0958 may not be composed: three octets become six */
	for (size_t i = 0; i + 3 <= sizeof(text); i += 3)
		memcpy(text + i, "\xe0\xa5\x98", 3);
	assert_refused_bytes(f, "displayname", text, 1020);
	assert_int_equal(parse_bytes(f, "displayname", text, 510), IDM_OK);
	assert_int_equal(f->value.stored.len, 1020);
}

/* --- names and addresses */

static void
names_are_put_into_lower_case(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "name", "Demo_User", "demo_user", "demo_user");
	assert_value(f, "name", "a-b_c.d9", "a-b_c.d9", "a-b_c.d9");
}

static void
names_break_no_rule(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} names[] = {
		{ "", "name must not be empty" },
		{ "9lives", "name must begin with a letter from a to z" },
		{ "_x", "name must begin with a letter from a to z" },
		{ " alice", "name must begin with a letter from a to z" },
		{ "alice ", "name may hold letters from a to z, digits, '-', '_' and '.' only" },
		{ "al@ice", "name may hold letters from a to z, digits, '-', '_' and '.' only" },
		{ "al\xc3\xa9",
		    "name may hold letters from a to z, digits, '-', '_' and '.' only" },
		/* U+212A KELVIN SIGN has k as its lower case, but is not ASCII */
		{ "a\xe2\x84\xaa",
		    "name may hold letters from a to z, digits, '-', '_' and '.' only" },
		{ "dn=token", "name is reserved for binds with a token: choose another" },
		{ "DN=Token", "name is reserved for binds with a token: choose another" },
		{ "a1234567-89ab-4cde-8f01-23456789ABCD",
		    "name looks like a UUID: choose another" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_refused(f, "name", names[i].text);
		assert_string_equal(f->err.client_text, names[i].why);
	}
}

static void
mail_addresses_are_checked(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "mail", "Alice@Example.COM", "Alice@Example.COM", "alice@example.com");
	assert_value(
	    f, "mail", "a.b+c=d/e@x-1.example", "a.b+c=d/e@x-1.example", "a.b+c=d/e@x-1.example");
	assert_value(f, "mail", "root@localhost", "root@localhost", "root@localhost");
	assert_value(
	    f, "mail", "Jörg@Bücher.example", "Jörg@Bücher.example", "jörg@bücher.example");
}

static void
what_is_no_mail_address_is_refused(void **state)
{
	static const char *const texts[] = { "", "@", "a@", "@b", "alice", "a@b@c", "a b@c",
		"a@b c", "a@b..c", "a@.b", "a@b.", "a@-b", "a@b-", "a@b-.c", "a@b.-c", ".a@b",
		"a.@b", "a..b@c", "\"a\"@b", "a@[192.0.2.1]", "<a@b>", "a,b@c", "a@b_c", "a@b;c",
		"a\\b@c", "(a)@b", "a\xc2\xa0z@b", "a@b\xe3\x80\x80" };
	struct fixture *f = *state;
	char text[300];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(f, "mail", texts[i]);
	memset(text, 'a', sizeof(text));
	text[64] = '@';
	assert_int_equal(parse_bytes(f, "mail", text, 64 + 1 + 63), IDM_OK);
	assert_refused_bytes(f, "mail", text, 64 + 1 + 64); /* a label of 64 */
	assert_refused_bytes(f, "mail", text + 1, 300 - 1);
	text[64] = 'a';
	text[65] = '@';
	assert_refused_bytes(f, "mail", text, 70); /* a local part of 65 */
	text[65] = 'a';
	text[64] = '@';
	text[128] = text[192] = '.';
	assert_int_equal(parse_bytes(f, "mail", text, 254), IDM_OK);
	assert_refused_bytes(f, "mail", text, 255);
}

static void
domain_names_and_spns_are_checked(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "domain_name", "IDM.Example.com", "idm.example.com", "idm.example.com");
	assert_refused(f, "domain_name", "");
	assert_refused(f, "domain_name", "idm..example.com");
	assert_refused(f, "domain_name", "idm.example.com.");
	assert_refused(f, "domain_name", "bücher.example");
	assert_refused(f, "domain_name", "a_b.example");
	assert_value(
	    f, "spn", "Alice@IDM.example.com", "alice@idm.example.com", "alice@idm.example.com");
	assert_refused(f, "spn", "alice");
	assert_refused(f, "spn", "alice@");
	assert_refused(f, "spn", "@idm.example.com");
	assert_refused(f, "spn", "a@b@c");
	assert_refused(f, "spn", "1a@b");
}

static void
keywords_and_paths_are_checked(void **state)
{
	struct fixture *f = *state;

	assert_value(f, "class", "Person", "person", "person");
	assert_value(f, "acp_search", "a_b-c.d:9", "a_b-c.d:9", "a_b-c.d:9");
	assert_refused(f, "class", "a b");
	assert_refused(f, "class", "é");
	assert_refused(f, "class", "a;b");
	assert_value(f, "homedirectory", "/Home/Alice", "/Home/Alice", "/Home/Alice");
	assert_value(f, "loginshell", "/", "/", "/");
	assert_value(f, "homedirectory", "/a/...b/.c", "/a/...b/.c", "/a/...b/.c");
	assert_refused(f, "homedirectory", "home/alice");
	assert_refused(f, "homedirectory", "/home/../etc");
	assert_refused(f, "homedirectory", "/home/..");
	assert_refused(f, "homedirectory", "/./a");
	assert_refused(f, "loginshell", "/bin/sh:0");
}

/* --- fixed forms */

static void
fixed_forms_print_as_they_were_given(void **state)
{
	struct fixture *f = *state;

	assert_prints(f, "member", "01234567-89AB-4cde-8f01-23456789abcd",
	    "01234567-89ab-4cde-8f01-23456789abcd");
	assert_prints(f, "account_expire", "2020-09-25T11:22:04+10:00", "2020-09-25T01:22:04Z");
	assert_prints(f, "account_expire", "20200925112204Z", "2020-09-25T11:22:04Z");
	assert_prints(f, "gidnumber", "4294967295", "4294967295");
	assert_prints(f, "gidnumber", "0", "0");
	assert_prints(f, "acp_delete", "TRUE", "true");
	assert_prints(f, "acp_delete", "false", "false");
	assert_prints(f, "radius_client_network", "192.0.2.0/24", "192.0.2.0/24");
	assert_prints(f, "radius_client_network", "2001:DB8:0::/32", "2001:db8::/32");
	assert_prints(f, "displayname", "Éva", "Éva");
}

static void
fixed_forms_refuse_anything_else(void **state)
{
	static const struct {
		const char *attr;
		const char *text;
	} bad[] = { { "member", "alice" }, { "member", "" }, { "account_expire", "never" },
		{ "account_expire", "clear" }, { "account_expire", "now" },
		{ "account_expire", "" }, { "gidnumber", "" }, { "gidnumber", "-1" },
		{ "gidnumber", "+1" }, { "gidnumber", "01" }, { "gidnumber", "4294967296" },
		{ "gidnumber", "99999999999" }, { "gidnumber", "1e3" }, { "gidnumber", "0x10" },
		{ "gidnumber", " 1" }, { "acp_delete", "" }, { "acp_delete", "yes" },
		{ "acp_delete", "1" }, { "radius_client_network", "" },
		{ "radius_client_network", "192.0.2.1/24" },
		{ "radius_client_network", "switch.example" } };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(f, bad[i].attr, bad[i].text);
}

static void
bits_behind_the_prefix_are_answered_with_the_network(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse_bytes(f, "radius_client_network", "192.0.2.7/24", 12), IDM_INVALID);
	assert_string_equal(f->err.client_text,
	    "radius_client_network has bits set behind the prefix: write 192.0.2.0/24");
}

static void
stored_times_and_numbers_sort_as_octets(void **state)
{
	static const int64_t times[] = { INT64_MIN, -1600996924, -1, 0, 1, 1600996924, 253402300799,
		INT64_MAX };
	uint8_t last[8] = { 0 }, now[8];
	uint8_t number[4];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		idm_datetime_store(times[i], now);
		assert_true(i == 0 || memcmp(last, now, 8) < 0);
		assert_true(idm_datetime_load(idm_span_of(now, 8)) == times[i]);
		memcpy(last, now, 8);
	}
	idm_uint32_store(0x01020304, number);
	assert_memory_equal(number, "\1\2\3\4", 4);
	assert_int_equal(idm_uint32_load(idm_span_of(number, 4)), 0x01020304);
}

static void
secrets_are_neither_taken_nor_quoted_nor_shown(void **state)
{
	static const char *const attrs[] = { "primary_credential", "unix_password", "radius_secret",
		"api_token_session", "user_session", "radius_client_secret" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++) {
		const struct idm_attr *attr = idm_schema_attr(schema, idm_span_cstr(attrs[i]));
		struct idm_span out;

		assert_refused(f, attrs[i], "correct horse");
		assert_null(strstr(f->err.text, "horse"));
		assert_asserts(f, attrs[i], idm_assertion_parse, "set", NULL);
		assert_asserts(f, attrs[i], idm_assertion_parse_piece, "s", NULL);
		out = idm_value_print(attr, IDM_SPAN_LIT("password"), f->arena);
		assert_true(
		    attr->syntax == IDM_SYNTAX_SESSION ? out.ptr == NULL : idm_span_is(out, "set"));
	}
}

static void
bytes_that_are_no_value_print_as_nothing(void **state)
{
	static const char *const attrs[] = { "member", "account_expire", "gidnumber", "acp_delete",
		"radius_client_network" };
	struct fixture *f = *state;
	uint8_t bytes[20];

	memset(bytes, 0xff, sizeof(bytes));
	for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++) {
		const struct idm_attr *attr = idm_schema_attr(schema, idm_span_cstr(attrs[i]));

		for (size_t n = 0; n <= sizeof(bytes); n++) {
			bool fits = (i == 0 && n == 16) || (i == 1 && n == 8) || (i == 2 && n == 4);
			struct idm_span out =
			    idm_value_print(attr, idm_span_of(bytes, n), f->arena);

			assert_int_equal(out.ptr != NULL, fits);
		}
	}
}

/* --- assertions */

static void
assertions_are_normalised_as_values_are(void **state)
{
	struct fixture *f = *state;

	assert_asserts(f, "displayname", idm_assertion_parse, "  ALICE  liddell", "alice liddell");
	assert_asserts(f, "displayname", idm_assertion_parse, "GROSS", "gross");
	assert_asserts(f, "displayname", idm_assertion_parse, "E\xcc\x81VA", "éva");
	assert_asserts(f, "name", idm_assertion_parse, "Alice", "alice");
	assert_asserts(f, "mail", idm_assertion_parse, "ALICE@example.com", "alice@example.com");
	assert_asserts(f, "class", idm_assertion_parse, "PERSON", "person");
	assert_asserts(f, "description", idm_assertion_parse, "As it Is", "As it Is");
	assert_asserts(f, "ssh_publickey", idm_assertion_parse, "Laptop", "laptop");
	assert_asserts(
	    f, "ssh_publickey", idm_assertion_parse, "Laptop ssh-ed25519 AAAA", "laptop");
}

static void
a_value_that_no_entry_holds_matches_nothing(void **state)
{
	struct fixture *f = *state;

	assert_asserts(f, "name", idm_assertion_parse, "no such name!", "no such name!");
	assert_asserts(f, "mail", idm_assertion_parse, "", "");
	assert_asserts(f, "displayname", idm_assertion_parse, "a\nb", "a b");
	assert_asserts(f, "class", idm_assertion_parse, "é", "é");
}

static void
an_assertion_outside_its_syntax_is_undefined(void **state)
{
	struct fixture *f = *state;

	assert_asserts(f, "member", idm_assertion_parse, "alice", NULL);
	assert_asserts(f, "gidnumber", idm_assertion_parse, "many", NULL);
	assert_asserts(f, "account_expire", idm_assertion_parse, "soon", NULL);
	assert_asserts(f, "acp_enable", idm_assertion_parse, "maybe", NULL);
	assert_asserts(f, "radius_client_network", idm_assertion_parse, "here", NULL);
	assert_asserts(f, "acp_enable", idm_assertion_parse, "TRUE", "\1");
}

static void
pieces_keep_one_space_at_their_ends(void **state)
{
	struct fixture *f = *state;

	assert_asserts(f, "displayname", idm_assertion_parse_piece, "  Al  ICE ", " al ice ");
	assert_asserts(f, "displayname", idm_assertion_parse_piece, "   ", " ");
	assert_asserts(f, "displayname", idm_assertion_parse_piece, "\xe3\x80\x80\xc3\x89", " é");
	assert_asserts(f, "name", idm_assertion_parse_piece, "DEMO_", "demo_");
	assert_asserts(f, "description", idm_assertion_parse_piece, " As ", " As ");
	assert_asserts(f, "displayname", idm_assertion_parse_piece, "", NULL);
	assert_asserts(f, "gidnumber", idm_assertion_parse_piece, "1", NULL);
	assert_asserts(f, "member", idm_assertion_parse_piece, "00000000", NULL);
	assert_asserts(f, "ssh_publickey", idm_assertion_parse_piece, "lap", NULL);
}

static void
a_used_up_arena_is_a_limit(void **state)
{
	static const struct {
		const char *attr;
		const char *text;
	} values[] = { { "displayname", "Alice" }, { "displayname", "Éva" }, { "mail", "a@b" },
		{ "name", "alice" }, { "class", "person" }, { "gidnumber", "1" },
		{ "member", "01234567-89ab-4cde-8f01-23456789abcd" }, { "domain_name", "a.b" },
		{ "spn", "a@b" } };
	struct fixture *f = *state;
	struct idm_arena *full = idm_arena_new(16);

	assert_non_null(idm_arena_alloc(full, 16));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct idm_attr *attr =
		    idm_schema_attr(schema, idm_span_cstr(values[i].attr));

		assert_int_equal(
		    idm_value_parse(attr, idm_span_cstr(values[i].text), full, &f->value, &f->err),
		    IDM_LIMIT);
		assert_int_equal(idm_assertion_parse(
				     attr, idm_span_cstr(values[i].text), full, &f->norm, &f->err),
		    IDM_LIMIT);
		assert_string_equal(f->err.client_text, "");
	}
	idm_arena_free(&full);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(text_is_kept_as_given_and_compared_without_case),
		WITH_ARENA(text_is_folded_as_unicode_says),
		WITH_ARENA(text_is_stored_in_nfc),
		WITH_ARENA(white_space_of_any_kind_is_one_space_when_compared),
		WITH_ARENA(control_characters_are_refused),
		WITH_ARENA(what_is_not_utf8_is_refused),
		WITH_ARENA(text_has_its_greatest_length),
		WITH_ARENA(text_that_grows_beyond_its_limit_in_nfc_is_refused),
		WITH_ARENA(names_are_put_into_lower_case),
		WITH_ARENA(names_break_no_rule),
		WITH_ARENA(mail_addresses_are_checked),
		WITH_ARENA(what_is_no_mail_address_is_refused),
		WITH_ARENA(domain_names_and_spns_are_checked),
		WITH_ARENA(keywords_and_paths_are_checked),
		WITH_ARENA(fixed_forms_print_as_they_were_given),
		WITH_ARENA(fixed_forms_refuse_anything_else),
		WITH_ARENA(bits_behind_the_prefix_are_answered_with_the_network),
		WITH_ARENA(stored_times_and_numbers_sort_as_octets),
		WITH_ARENA(secrets_are_neither_taken_nor_quoted_nor_shown),
		WITH_ARENA(bytes_that_are_no_value_print_as_nothing),
		WITH_ARENA(assertions_are_normalised_as_values_are),
		WITH_ARENA(a_value_that_no_entry_holds_matches_nothing),
		WITH_ARENA(an_assertion_outside_its_syntax_is_undefined),
		WITH_ARENA(pieces_keep_one_space_at_their_ends),
		WITH_ARENA(a_used_up_arena_is_a_limit),
	};

	schema = idm_schema_builtin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
