/* Distinguished names: parsing, comparing, writing, and what they stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/dn.h"

#define LIT IDM_SPAN_LIT
#define SUFFIX "dc=idm,dc=example,dc=com"

static struct idm_arena *arena;
static struct dn_suffix suffix;

static int
set_up(void **state)
{
	(void)state;
	arena = idm_arena_new(256 * 1024);
	if (arena == NULL || !dn_suffix_parse(LIT(SUFFIX), arena, &suffix))
		return -1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	idm_arena_free(&arena);
	return 0;
}

static void
assert_span(struct idm_span span, const char *expected)
{
	assert_int_equal(span.len, strlen(expected));
	if (span.len != 0)
		assert_memory_equal(span.ptr, expected, span.len);
}

static struct dn
parsed(const char *text)
{
	struct dn dn;

	assert_true(dn_parse(idm_span_cstr(text), arena, &dn));
	return dn;
}

static void
assert_refused(struct idm_span text)
{
	uint8_t *exact = malloc(text.len); /* a block of its own: ASan sees one octet too far */
	struct dn dn;

	assert_non_null(exact);
	memcpy(exact, text.ptr, text.len);
	assert_false(dn_parse(idm_span_of(exact, text.len), arena, &dn));
	free(exact);
}

static void
a_dn_is_split_into_its_rdns(void **state)
{
	struct dn dn = parsed("uid=alice,ou=people,dc=example,dc=com");

	(void)state;
	assert_int_equal(dn.count, 4);
	assert_int_equal(dn.rdns[0].count, 1);
	assert_span(dn.rdns[0].avas[0].type, "uid");
	assert_span(dn.rdns[0].avas[0].value, "alice");
	assert_span(dn.rdns[3].avas[0].type, "dc");
	assert_span(dn.rdns[3].avas[0].value, "com");
	assert_int_equal(parsed("").count, 0);
	assert_int_equal(parsed("  ").count, 0);
}

static void
the_examples_of_rfc_4514_are_understood(void **state)
{
	struct dn dn = parsed("OU=Sales+CN=J.  Smith,DC=example,DC=net");

	(void)state;
	assert_int_equal(dn.count, 3);
	assert_int_equal(dn.rdns[0].count, 2);
	assert_span(dn.rdns[0].avas[1].value, "J.  Smith");
	dn = parsed("CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net");
	assert_span(dn.rdns[0].avas[0].value, "James \"Jim\" Smith, III");
	dn = parsed("CN=Before\\0dAfter,DC=example,DC=net");
	assert_span(dn.rdns[0].avas[0].value, "Before\rAfter");
	dn = parsed("CN=Lu\\C4\\8Di\\C4\\87");
	assert_span(dn.rdns[0].avas[0].value, "Lu\xc4\x8di\xc4\x87");
	assert_refused(LIT("1.3.6.1.4.1.1466.0=#04024869")); /* BER of an unknown type */
}

static void
spaces_around_separators_are_tolerated(void **state)
{
	struct dn dn = parsed(" uid = alice , ou=people ,dc=com  ");

	(void)state;
	assert_int_equal(dn.count, 3);
	assert_span(dn.rdns[0].avas[0].type, "uid");
	assert_span(dn.rdns[0].avas[0].value, "alice");
	assert_span(dn.rdns[2].avas[0].value, "com");
	dn = parsed("ou = Sales + cn = J");
	assert_int_equal(dn.rdns[0].count, 2);
	assert_span(dn.rdns[0].avas[0].value, "Sales");
	assert_span(dn.rdns[0].avas[1].value, "J");
}

static void
escapes_are_undone(void **state)
{
	(void)state;
	assert_span(parsed("cn=a\\2Cb").rdns[0].avas[0].value, "a,b");
	assert_span(parsed("cn=a\\2cb").rdns[0].avas[0].value, "a,b");
	assert_span(parsed("cn=\\ a\\ ").rdns[0].avas[0].value, " a ");
	assert_span(parsed("cn=a\\   ").rdns[0].avas[0].value, "a ");
	assert_span(parsed("cn=\\#a").rdns[0].avas[0].value, "#a");
	assert_span(parsed("cn=\\\\\\+\\;\\<\\>\\=").rdns[0].avas[0].value, "\\+;<>=");
	assert_span(parsed("cn=a=b#c").rdns[0].avas[0].value, "a=b#c");
	assert_span(parsed("cn=,dc=x").rdns[0].avas[0].value, "");
}

static void
what_is_no_dn_is_refused(void **state)
{
	(void)state;
	assert_refused(LIT("alice"));
	assert_refused(LIT("uid"));
	assert_refused(LIT("=alice"));
	assert_refused(LIT(","));
	assert_refused(LIT("uid=alice,"));
	assert_refused(LIT("uid=alice, "));
	assert_refused(LIT("uid=alice,,dc=com"));
	assert_refused(LIT(",dc=com"));
	assert_refused(LIT("uid=alice+"));
	assert_refused(LIT("mail=a+b@example.com"));
	assert_refused(LIT("uid=alice;dc=com"));
	assert_refused(LIT("uid=\"alice\",dc=com"));
	assert_refused(LIT("uid=<alice>"));
	assert_refused(LIT("uid=a\0b"));
	assert_refused(LIT("u_d=alice"));
	assert_refused(LIT("-id=alice"));
	assert_refused(LIT("u id=alice"));
}

static void
broken_escapes_are_refused(void **state)
{
	(void)state;
	assert_refused(LIT("cn=a\\"));
	assert_refused(LIT("cn=a\\2"));
	assert_refused(LIT("cn=a\\2,dc=x"));
	assert_refused(LIT("cn=a\\zz"));
	assert_refused(LIT("cn=a\\x"));
	assert_refused(LIT("cn=#6162"));
	assert_refused(LIT("cn= #6162"));
}

static void
values_are_utf8(void **state)
{
	(void)state;
	assert_span(parsed("cn=J\xc3\xb6rg").rdns[0].avas[0].value, "J\xc3\xb6rg");
	assert_refused(LIT("cn=\xc3"));
	assert_refused(LIT("cn=\xff\xfe"));
	assert_refused(LIT("cn=\\ff"));
	assert_refused(LIT("cn=\xed\xa0\x80")); /* a surrogate */
	assert_refused(LIT("cn=\xc0\xaf"));     /* not the shortest form */
}

static void
types_may_be_object_identifiers(void **state)
{
	(void)state;
	assert_span(parsed("0.9.2342.19200300.100.1.1=a").rdns[0].avas[0].type, "uid");
	assert_span(parsed("2.5.4.3=a").rdns[0].avas[0].type, "cn");
	assert_span(parsed("organizationalunitname=a").rdns[0].avas[0].type, "ou");
	assert_span(parsed("1.2.3=a").rdns[0].avas[0].type, "1.2.3");
	assert_refused(LIT("1=a"));
	assert_refused(LIT("1.=a"));
	assert_refused(LIT("1..2=a"));
	assert_refused(LIT("1.02=a"));
	assert_refused(LIT(".1=a"));
	assert_refused(LIT("1.2a=a"));
}

/* `count` times `part`, parted by `separator`. */
static struct idm_span
repeated(const char *part, char separator, size_t count)
{
	size_t len = strlen(part);
	uint8_t *out = idm_arena_alloc(arena, count * (len + 1));

	assert_non_null(out);
	for (size_t i = 0; i < count; i++) {
		memcpy(out + i * (len + 1), part, len);
		out[i * (len + 1) + len] = (uint8_t)separator;
	}
	return idm_span_of(out, count * (len + 1) - 1);
}

static void
dns_keep_their_limits(void **state)
{
	struct dn dn;
	struct idm_span longest = repeated("a=", 'a', DN_BYTES_MAX / 3);
	uint8_t text[DN_BYTES_MAX + 1];

	(void)state;
	assert_true(dn_parse(longest, arena, &dn));
	assert_true(dn_parse(repeated("dc=x", ',', DN_RDNS_MAX), arena, &dn));
	assert_int_equal(dn.count, DN_RDNS_MAX);
	assert_refused(repeated("dc=x", ',', DN_RDNS_MAX + 1));
	assert_true(dn_parse(repeated("dc=x", '+', DN_AVAS_MAX), arena, &dn));
	assert_int_equal(dn.rdns[0].count, DN_AVAS_MAX);
	assert_refused(repeated("dc=x", '+', DN_AVAS_MAX + 1));
	memset(text, 'a', sizeof(text));
	memcpy(text, "cn=", 3);
	assert_true(dn_parse(idm_span_of(text, DN_BYTES_MAX), arena, &dn));
	assert_refused(idm_span_of(text, DN_BYTES_MAX + 1));
}

static void
an_arena_that_is_used_up_refuses_a_dn(void **state)
{
	const struct idm_span text = LIT("cn=a\\,b+ou=x,dc=com");
	struct dn dn;
	bool ok = false;

	(void)state;
	for (size_t budget = 0; !ok; budget += 16) {
		struct idm_arena *small = idm_arena_new(budget);

		assert_non_null(small);
		ok = dn_parse(text, small, &dn);
		idm_arena_free(&small);
		assert_true(budget < 1024);
	}
}

static void
values_are_equal_without_regard_to_case_and_spaces(void **state)
{
	(void)state;
	assert_true(dn_value_equal(LIT("Alice  B"), LIT("alice b")));
	assert_true(dn_value_equal(LIT("  alice "), LIT("ALICE")));
	assert_true(dn_value_equal(LIT("   "), LIT("")));
	assert_true(dn_value_equal(LIT("a   b c"), LIT("a b  c ")));
	assert_false(dn_value_equal(LIT("a b"), LIT("ab")));
	assert_false(dn_value_equal(LIT("a"), LIT("a b")));
	assert_false(dn_value_equal(LIT("a\0"), LIT("a")));
	assert_false(dn_value_equal(LIT("J\xc3\xb6rg"), LIT("J\xc3\xb6rh")));
}

static void
assert_equal(const char *a, const char *b, bool equal)
{
	struct dn x = parsed(a), y = parsed(b);

	assert_true(dn_equal(&x, &y) == equal);
	assert_true(dn_equal(&y, &x) == equal);
}

static void
dns_are_equal_by_their_meaning(void **state)
{
	(void)state;
	assert_equal("UID=Alice, DC=Example , dc=COM", "uid=alice,dc=example,dc=com", true);
	assert_equal("userid=alice", "0.9.2342.19200300.100.1.1=ALICE", true);
	assert_equal("cn=a\\2cb", "cn=a\\,b", true);
	assert_equal("ou=x+cn=y,dc=z", "CN=Y+OU=X,DC=Z", true);
	assert_equal("ou=x+ou=x", "ou=x+ou=y", false);
	assert_equal("ou=x+cn=y", "ou=x", false);
	assert_equal("uid=alice", "uid=alice,dc=com", false);
	assert_equal("uid=alice", "cn=alice", false);
	assert_equal("uid=alice,dc=com", "uid=bob,dc=com", false);
	assert_equal("", "", true);
}

static void
below_is_by_whole_rdns(void **state)
{
	struct dn top = parsed("dc=example,dc=com"), root = parsed("");
	struct dn below = parsed("uid=a,DC=example,DC=com"), beside = parsed("dc=anexample,dc=com");
	struct dn above = parsed("dc=com");

	(void)state;
	assert_true(dn_is_below(&below, &top));
	assert_true(dn_is_below(&top, &top));
	assert_true(dn_is_below(&top, &root));
	assert_false(dn_is_below(&beside, &top));
	assert_false(dn_is_below(&above, &top));
	assert_false(dn_is_below(&root, &top));
}

static void
assert_escaped(struct idm_span value, const char *expected)
{
	uint8_t out[64];
	size_t len = dn_escape(value, out, sizeof(out));

	assert_true(len <= sizeof(out));
	assert_span(idm_span_of(out, len), expected);
	assert_int_equal(dn_escape(value, NULL, 0), len);
}

static void
values_are_escaped_as_rfc_4514_says(void **state)
{
	(void)state;
	assert_escaped(LIT("alice"), "alice");
	assert_escaped(LIT(""), "");
	assert_escaped(LIT("a,b+c\"d\\e<f>g;h=i#j"), "a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=i#j");
	assert_escaped(LIT(" a b "), "\\ a b\\ ");
	assert_escaped(LIT(" "), "\\ ");
	assert_escaped(LIT("#a"), "\\#a");
	assert_escaped(LIT("a\0b"), "a\\00b");
	assert_escaped(LIT("\0"), "\\00");
	assert_escaped(LIT("J\xc3\xb6rg"), "J\xc3\xb6rg");
}

static void
every_octet_survives_writing_and_parsing(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 0x80; c++) {
		for (size_t place = 0; place < 3; place++) {
			uint8_t value[3] = { 'x', 'y', 'z' };
			struct dn_ava ava = { LIT("cn"), idm_span_of(value, 3) };
			struct dn_rdn rdn = { &ava, 1 };
			struct dn dn = { &rdn, 1 }, again;
			struct idm_span text;

			value[place] = (uint8_t)c;
			text = dn_text(&dn, arena);
			assert_non_null(text.ptr);
			assert_true(dn_parse(text, arena, &again));
			assert_int_equal(again.count, 1);
			assert_true(idm_span_equal(again.rdns[0].avas[0].value, ava.value));
		}
	}
}

static void
a_dn_is_written_without_needless_spaces(void **state)
{
	struct dn dn = parsed(" ou = Sales + cn=J\\2C K , dc=example");

	(void)state;
	assert_span(dn_text(&dn, arena), "ou=Sales+cn=J\\, K,dc=example");
	dn = parsed("");
	assert_span(dn_text(&dn, arena), "");
}

static void
a_suffix_comes_from_a_domain(void **state)
{
	struct dn_suffix s;

	(void)state;
	assert_true(dn_suffix_of_domain(LIT("idm.example.com"), arena, &s));
	assert_span(s.text, "dc=idm,dc=example,dc=com");
	assert_int_equal(s.dn.count, 3);
	assert_true(dn_suffix_of_domain(LIT("localhost"), arena, &s));
	assert_span(s.text, "dc=localhost");
	assert_false(dn_suffix_of_domain(LIT(""), arena, &s));
	assert_false(dn_suffix_of_domain(LIT("a..b"), arena, &s));
	assert_false(dn_suffix_of_domain(LIT(".a"), arena, &s));
	assert_false(dn_suffix_of_domain(LIT("a."), arena, &s));
	assert_false(dn_suffix_of_domain(repeated("a", '.', DN_RDNS_MAX + 1), arena, &s));
	assert_false(dn_suffix_of_domain(repeated("a", '.', DN_BYTES_MAX), arena, &s));
}

static void
a_suffix_is_written_plainly_and_is_not_the_root(void **state)
{
	struct dn_suffix s;

	(void)state;
	assert_true(dn_suffix_parse(LIT("o = Example , c = DE"), arena, &s));
	assert_span(s.text, "o=Example,c=DE");
	assert_false(dn_suffix_parse(LIT(""), arena, &s));
	assert_false(dn_suffix_parse(LIT("example"), arena, &s));
}

static struct dn_target
target(const char *text)
{
	struct dn_target out;

	dn_to_target(idm_span_cstr(text), &suffix, arena, &out);
	return out;
}

static void
assert_kind(const char *text, enum dn_kind kind)
{
	struct dn_target out = target(text);

	assert_int_equal(out.kind, kind);
	if (kind != DN_CONTAINER)
		assert_int_equal(out.container, DN_CONTAINER_NONE);
}

static void
assert_entry(
    const char *text, enum dn_naming naming, const char *value, enum dn_container container)
{
	struct dn_target out = target(text);

	assert_int_equal(out.kind, DN_ENTRY);
	assert_int_equal(out.naming, naming);
	assert_span(out.value, value);
	assert_int_equal(out.container, container);
	assert_int_equal(out.application.len, 0);
}

static void
root_suffix_and_containers_are_told_apart(void **state)
{
	(void)state;
	assert_kind("", DN_ROOT);
	assert_kind("   ", DN_ROOT);
	assert_kind(SUFFIX, DN_SUFFIX);
	assert_kind("DC=IDM, DC=Example, DC=Com", DN_SUFFIX);
	assert_kind("ou=people," SUFFIX, DN_CONTAINER);
	assert_int_equal(target("ou=people," SUFFIX).container, DN_CONTAINER_PEOPLE);
	assert_int_equal(target("OU=Groups," SUFFIX).container, DN_CONTAINER_GROUPS);
	assert_int_equal(target("ou=services," SUFFIX).container, DN_CONTAINER_SERVICES);
	assert_int_equal(target("ou=access," SUFFIX).container, DN_CONTAINER_ACCESS);
	assert_int_equal(target("ou=services").kind, DN_CONTAINER);
	assert_kind("cn=Subschema", DN_SUBSCHEMA);
}

static void
an_entry_is_named_in_its_container_without_it_or_without_suffix(void **state)
{
	const struct {
		const char *type;
		enum dn_naming naming;
	} types[] = {
		{ "uid", DN_NAMING_UID },
		{ "cn", DN_NAMING_CN },
		{ "name", DN_NAMING_NAME },
		{ "spn", DN_NAMING_SPN },
		{ "uuid", DN_NAMING_UUID },
		{ "mail", DN_NAMING_MAIL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const char *type = types[i].type;
		enum dn_naming naming = types[i].naming;

		assert_entry(idm_arena_printf(arena, "%s=x,ou=people,%s", type, SUFFIX), naming,
		    "x", DN_CONTAINER_PEOPLE);
		assert_entry(idm_arena_printf(arena, "%s=x,%s", type, SUFFIX), naming, "x",
		    DN_CONTAINER_NONE);
		assert_entry(idm_arena_printf(arena, "%s=x", type), naming, "x", DN_CONTAINER_NONE);
		assert_entry(idm_arena_printf(arena, "%s=x,ou=groups", type), naming, "x",
		    DN_CONTAINER_GROUPS);
	}
}

static void
the_value_is_ready_to_be_looked_up(void **state)
{
	(void)state;
	assert_entry(
	    "UID= Alice  B , OU=People, " SUFFIX, DN_NAMING_UID, "alice b", DN_CONTAINER_PEOPLE);
	assert_entry("spn=Demo_User@IDM.example.com," SUFFIX, DN_NAMING_SPN,
	    "demo_user@idm.example.com", DN_CONTAINER_NONE);
	assert_entry("uid=\\61lice," SUFFIX, DN_NAMING_UID, "alice", DN_CONTAINER_NONE);
	assert_entry(
	    "mail=a\\+b@example.com," SUFFIX, DN_NAMING_MAIL, "a+b@example.com", DN_CONTAINER_NONE);
	assert_entry("uid=alice\\ ," SUFFIX, DN_NAMING_UID, "alice", DN_CONTAINER_NONE);
	assert_entry("uid=alice\\ ", DN_NAMING_UID, "alice", DN_CONTAINER_NONE);
}

static void
a_name_alone_is_a_name(void **state)
{
	(void)state;
	assert_entry("demo_user", DN_NAMING_BARE, "demo_user", DN_CONTAINER_NONE);
	assert_entry(" Demo_User ", DN_NAMING_BARE, "demo_user", DN_CONTAINER_NONE);
	assert_entry("demo_user@idm.example.com", DN_NAMING_BARE, "demo_user@idm.example.com",
	    DN_CONTAINER_NONE);
	assert_entry("00000000-0000-0000-0000-FFFF00000000", DN_NAMING_BARE,
	    "00000000-0000-0000-0000-ffff00000000", DN_CONTAINER_NONE);
	assert_entry("1879048194", DN_NAMING_BARE, "1879048194", DN_CONTAINER_NONE);
	assert_entry("a+b@example.com", DN_NAMING_BARE, "a+b@example.com", DN_CONTAINER_NONE);
}

static void
a_token_bind_is_recognised(void **state)
{
	(void)state;
	assert_kind("dn=token", DN_TOKEN);
	assert_kind("DN = Token", DN_TOKEN);
	assert_kind("dn=token," SUFFIX, DN_TOKEN);
	assert_kind("dn=tokens", DN_FOREIGN);
	assert_kind("dn=token,dc=other", DN_FOREIGN);
}

static void
an_application_password_names_its_application(void **state)
{
	struct dn_target out = target("name=Alice,app=Mail Client," SUFFIX);

	(void)state;
	assert_int_equal(out.kind, DN_ENTRY);
	assert_int_equal(out.naming, DN_NAMING_NAME);
	assert_span(out.value, "alice");
	assert_span(out.application, "mail client");
	assert_int_equal(out.container, DN_CONTAINER_NONE);
	assert_span(target("name=alice,app=mail").application, "mail");
	assert_kind("name=alice,app=," SUFFIX, DN_UNKNOWN);
	assert_kind("app=mail," SUFFIX, DN_UNKNOWN);
}

static void
what_cannot_be_there_is_unknown_or_foreign(void **state)
{
	(void)state;
	assert_kind("ou=printers," SUFFIX, DN_UNKNOWN);
	assert_kind("o=x," SUFFIX, DN_UNKNOWN);
	assert_kind("uid=alice,ou=printers," SUFFIX, DN_UNKNOWN);
	assert_kind("uid=alice,ou=people,ou=people," SUFFIX, DN_UNKNOWN);
	assert_kind("uid=alice+cn=Alice," SUFFIX, DN_UNKNOWN);
	assert_kind("uid=," SUFFIX, DN_UNKNOWN);
	assert_kind("dc=com", DN_FOREIGN);
	assert_kind("dc=example,dc=com", DN_FOREIGN);
	assert_kind("uid=alice,dc=other,dc=com", DN_FOREIGN);
	assert_kind("uid=alice,ou=people,dc=other,dc=com", DN_FOREIGN);
	assert_kind("uid=alice," SUFFIX ",dc=com", DN_FOREIGN);
}

static void
what_is_no_dn_is_invalid(void **state)
{
	struct dn_target out;

	(void)state;
	assert_kind("alice," SUFFIX, DN_INVALID);
	assert_kind("uid=alice,,dc=com", DN_INVALID);
	assert_kind("uid=#616c696365," SUFFIX, DN_INVALID);
	assert_kind("\xff", DN_INVALID);
	dn_to_target(LIT("a\0b"), &suffix, arena, &out);
	assert_int_equal(out.kind, DN_INVALID);
	dn_to_target(repeated("a", 'b', DN_BYTES_MAX), &suffix, arena, &out);
	assert_int_equal(out.kind, DN_INVALID);
	dn_to_target(IDM_SPAN_EMPTY, &suffix, arena, &out);
	assert_int_equal(out.kind, DN_ROOT);
}

static void
an_arena_that_is_used_up_makes_no_other_target(void **state)
{
	const struct idm_span texts[] = { LIT("name=alice,app=mail," SUFFIX), LIT("alice") };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct dn_target out = { .kind = DN_INVALID };

		for (size_t budget = 0; out.kind == DN_INVALID; budget += 16) {
			struct idm_arena *small = idm_arena_new(budget);

			assert_non_null(small);
			dn_to_target(texts[i], &suffix, small, &out);
			idm_arena_free(&small);
			assert_true(budget < 4096);
		}
		assert_int_equal(out.kind, DN_ENTRY);
	}
}

static void
assert_dn_of(enum dn_container container, const char *name, const char *expected)
{
	uint8_t out[128];
	struct idm_span span = idm_span_cstr(name);
	size_t len = dn_of_entry(container, span, &suffix, out, sizeof(out));

	assert_true(len <= sizeof(out));
	assert_span(idm_span_of(out, len), expected);
	assert_int_equal(dn_of_entry(container, span, &suffix, NULL, 0), len);
}

static void
an_entrys_dn_is_the_same_everywhere(void **state)
{
	(void)state;
	assert_dn_of(DN_CONTAINER_PEOPLE, "alice", "uid=alice,ou=people," SUFFIX);
	assert_dn_of(DN_CONTAINER_GROUPS, "staff", "cn=staff,ou=groups," SUFFIX);
	assert_dn_of(DN_CONTAINER_SERVICES, "mail", "uid=mail,ou=services," SUFFIX);
	assert_dn_of(DN_CONTAINER_ACCESS, "all_read", "cn=all_read,ou=access," SUFFIX);
	assert_dn_of(DN_CONTAINER_NONE, "x", "name=x," SUFFIX);
	assert_dn_of(DN_CONTAINER_GROUPS, "a,b", "cn=a\\,b,ou=groups," SUFFIX);
}

static void
a_dn_that_is_written_names_the_same_entry(void **state)
{
	const enum dn_container all[] = { DN_CONTAINER_NONE, DN_CONTAINER_PEOPLE,
		DN_CONTAINER_GROUPS, DN_CONTAINER_SERVICES, DN_CONTAINER_ACCESS };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint8_t out[128];
		size_t len = dn_of_entry(all[i], LIT("a, b#"), &suffix, out, sizeof(out));
		struct dn_target found;

		dn_to_target(idm_span_of(out, len), &suffix, arena, &found);
		assert_int_equal(found.kind, DN_ENTRY);
		assert_int_equal(found.container, all[i]);
		assert_span(found.value, "a, b#");
	}
}

static void
a_dn_that_does_not_fit_stays_within_its_buffer(void **state)
{
	size_t whole = dn_of_entry(DN_CONTAINER_GROUPS, LIT("staff,"), &suffix, NULL, 0);

	(void)state;
	for (size_t size = 0; size <= whole; size++) {
		uint8_t *out = malloc(size ? size : 1);

		assert_non_null(out);
		assert_int_equal(
		    dn_of_entry(DN_CONTAINER_GROUPS, LIT("staff,"), &suffix, out, size), whole);
		free(out);
	}
}

static void
containers_have_dns_too(void **state)
{
	uint8_t out[128];
	size_t len = dn_of_container(DN_CONTAINER_SERVICES, &suffix, out, sizeof(out));

	(void)state;
	assert_span(idm_span_of(out, len), "ou=services," SUFFIX);
	len = dn_of_container(DN_CONTAINER_NONE, &suffix, out, sizeof(out));
	assert_span(idm_span_of(out, len), SUFFIX);
}

/* The generator is fixed (xorshift), so that a failure can be had again. */
static uint32_t
next_random(void)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void
mutations_parse_alike_once_written(void **state)
{
	static const char alphabet[] = "uidcn=,+\\ #2C;\"\xc3\xb6\xff";
	const char seed[] = "uid=al\\2Cice+cn = A  B , ou=people," SUFFIX;
	size_t understood = 0;

	(void)state;
	for (size_t round = 0; round < 6000; round++) {
		struct idm_arena *scratch = idm_arena_new(32 * 1024);
		uint8_t *text = malloc(sizeof(seed) - 1);
		size_t len = sizeof(seed) - 1 - next_random() % 8;
		struct dn dn, again;

		assert_non_null(scratch);
		assert_non_null(text);
		memcpy(text, seed, sizeof(seed) - 1);
		for (uint32_t n = next_random() % 3; n > 0; n--)
			text[next_random() % len] =
			    (uint8_t)alphabet[next_random() % (sizeof(alphabet) - 1)];
		text = realloc(text, len);
		assert_non_null(text);
		if (dn_parse(idm_span_of(text, len), scratch, &dn)) {
			struct idm_span written = dn_text(&dn, scratch);

			understood++;
			assert_non_null(written.ptr);
			assert_true(dn_parse(written, scratch, &again));
			assert_true(dn_equal(&dn, &again));
		}
		free(text);
		idm_arena_free(&scratch);
	}
	assert_true(understood > 1000 && understood < 5900);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_dn_is_split_into_its_rdns),
		TEST(the_examples_of_rfc_4514_are_understood),
		TEST(spaces_around_separators_are_tolerated),
		TEST(escapes_are_undone),
		TEST(what_is_no_dn_is_refused),
		TEST(broken_escapes_are_refused),
		TEST(values_are_utf8),
		TEST(types_may_be_object_identifiers),
		TEST(dns_keep_their_limits),
		TEST(an_arena_that_is_used_up_refuses_a_dn),
		TEST(values_are_equal_without_regard_to_case_and_spaces),
		TEST(dns_are_equal_by_their_meaning),
		TEST(below_is_by_whole_rdns),
		TEST(values_are_escaped_as_rfc_4514_says),
		TEST(every_octet_survives_writing_and_parsing),
		TEST(a_dn_is_written_without_needless_spaces),
		TEST(a_suffix_comes_from_a_domain),
		TEST(a_suffix_is_written_plainly_and_is_not_the_root),
		TEST(root_suffix_and_containers_are_told_apart),
		TEST(an_entry_is_named_in_its_container_without_it_or_without_suffix),
		TEST(the_value_is_ready_to_be_looked_up),
		TEST(a_name_alone_is_a_name),
		TEST(a_token_bind_is_recognised),
		TEST(an_application_password_names_its_application),
		TEST(what_cannot_be_there_is_unknown_or_foreign),
		TEST(what_is_no_dn_is_invalid),
		TEST(an_arena_that_is_used_up_makes_no_other_target),
		TEST(an_entrys_dn_is_the_same_everywhere),
		TEST(a_dn_that_is_written_names_the_same_entry),
		TEST(a_dn_that_does_not_fit_stays_within_its_buffer),
		TEST(containers_have_dns_too),
		TEST(mutations_parse_alike_once_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
