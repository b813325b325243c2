/* The search operation: scopes, limits, pages, and which attributes come (RFC 4511 section 4.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/paging.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define PEOPLE "ou=people," DIRECTORY_SUFFIX
#define GROUPS "ou=groups," DIRECTORY_SUFFIX
#define SERVICES "ou=services," DIRECTORY_SUFFIX
#define ANNA "uid=anna," PEOPLE

enum { DNS_BYTES = 256 * 1024 };

static struct client *
client_of(struct server *s, const char *name)
{
	struct client *client = client_open(s);

	if (name != NULL)
		client_bind(client, name, SERVER_PASSWORD);
	return client;
}

static int
compare_dns(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The DNs that a search gives until its end, whose code it must be; sorted, in `out`; how many. */
static size_t
collect(struct client *client, int32_t id, enum ldap_result_code code, char *out)
{
	static char list[512][160];
	static const char *sorted[512];
	const struct answer *answer;
	size_t count = 0, len = 0;

	while ((answer = client_take(client))->tag == LDAP_TAG_SEARCH_ENTRY) {
		assert_int_equal(answer->id, id);
		assert_true(count < 512);
		snprintf(list[count], sizeof(list[0]), "%.159s", answer->dn);
		sorted[count] = list[count];
		count++;
	}
	if (answer->code != code)
		fail_msg("%s %s", ldap_result_name(answer->code), answer->text);
	assert_int_equal(answer->tag, LDAP_TAG_SEARCH_DONE);
	assert_int_equal(answer->id, id);
	qsort(sorted, count, sizeof(sorted[0]), compare_dns);
	if (out != NULL)
		out[0] = '\0';
	for (size_t i = 0; out != NULL && i < count; i++)
		len += (size_t)snprintf(out + len, DNS_BYTES - len, "%s\n", sorted[i]);
	return count;
}

static size_t
search(struct client *client, const struct search *what, enum ldap_result_code code, char *out)
{
	request_search(&client->requests, 1, what);
	client_send(client);
	return collect(client, 1, code, out);
}

/* The one entry that a search gives; it lives until the next answer. */
static const struct answer *
look(struct client *client, const char *base, const char *attributes, bool types_only)
{
	static struct answer entry;
	const struct search what = {
		.base = base, .attributes = attributes, .types_only = types_only
	};

	request_search(&client->requests, 1, &what);
	client_send(client);
	assert_int_equal(client_take(client)->tag, LDAP_TAG_SEARCH_ENTRY);
	entry = client->answer;
	client_expect(client, 1, LDAP_SUCCESS);
	return &entry;
}

static char dns[DNS_BYTES], others[DNS_BYTES];

/* --- scopes */

static void
a_base_is_the_entry_itself(void **state)
{
	static const char *const bases[] = { ANNA, "UID=ANNA,OU=PEOPLE," DIRECTORY_SUFFIX,
		"spn=anna@idm.example.com," DIRECTORY_SUFFIX, "cn=anna," PEOPLE };
	struct client *client = client_of(*state, "anna");

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		const struct search what = { .base = bases[i], .scope = LDAP_SCOPE_BASE };

		assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 1);
		assert_string_equal(dns, ANNA "\n");
	}
	client_close(&client);
}

static void
below_an_entry_is_nothing(void **state)
{
	struct search what = { .base = ANNA, .scope = LDAP_SCOPE_ONE };
	struct client *client = client_of(*state, "anna");

	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 0);
	what.scope = LDAP_SCOPE_SUB;
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 1);
	client_close(&client);
}

static void
a_filter_is_tested_on_the_base_too(void **state)
{
	struct search what = { .base = ANNA, .filter = "(uid=ben)" };
	struct client *client = client_of(*state, "anna");

	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 0);
	what.filter = "(favouriteDrink=*)"; /* Undefined, and no error */
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 0);
	what.filter = "(&(uid=anna)(!(uid=ben)))";
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 1);
	client_close(&client);
}

static void
a_container_holds_its_own(void **state)
{
	struct search what = { .base = PEOPLE, .scope = LDAP_SCOPE_ONE };
	struct client *client = client_of(*state, "anna");

	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 3);
	assert_string_equal(dns, ANNA "\nuid=ben," PEOPLE "\nuid=carl," PEOPLE "\n");
	what.scope = LDAP_SCOPE_SUB;
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 4);
	assert_string_equal(dns, PEOPLE "\n" ANNA "\nuid=ben," PEOPLE "\nuid=carl," PEOPLE "\n");
	what.base = GROUPS;
	what.filter = "(cn=staff)";
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 1);
	what.filter = "(uid=anna)";
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 0);
	what.base = SERVICES;
	what.filter = "(uid=robot)";
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 1);
	client_close(&client);
}

static void
right_below_the_suffix_are_the_containers(void **state)
{
	struct search what = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_ONE };
	struct client *client = client_of(*state, "anna");

	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 3);
	assert_string_equal(dns, GROUPS "\n" PEOPLE "\n" SERVICES "\n");
	what.scope = LDAP_SCOPE_BASE;
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 1);
	assert_string_equal(dns, DIRECTORY_SUFFIX "\n");
	what.scope = LDAP_SCOPE_SUB;
	what.filter = "(|(uid=anna)(cn=staff)(ou=people)(dc=idm))";
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 4);
	client_close(&client);
}

/* Clients without a base mean the suffix. */
static void
an_empty_base_with_a_scope_is_the_suffix(void **state)
{
	struct search what = { .base = "", .scope = LDAP_SCOPE_SUB };
	struct client *client = client_of(*state, "anna");
	size_t count = search(client, &what, LDAP_SUCCESS, dns);

	what.base = DIRECTORY_SUFFIX;
	assert_int_equal(search(client, &what, LDAP_SUCCESS, others), count);
	assert_string_equal(dns, others);
	what.base = "";
	what.scope = LDAP_SCOPE_BASE;
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 1);
	assert_string_equal(dns, "\n"); /* the RootDSE */
	client_close(&client);
}

static void
a_base_that_is_not_there_says_where_it_would_be(void **state)
{
	static const struct {
		const char *base;
		enum ldap_result_code code;
		const char *matched;
	} cases[] = {
		{ "uid=nobody," PEOPLE, LDAP_NO_SUCH_OBJECT, PEOPLE },
		{ "cn=nobody," GROUPS, LDAP_NO_SUCH_OBJECT, GROUPS },
		{ "uid=anna," GROUPS, LDAP_NO_SUCH_OBJECT, GROUPS },
		{ "uid=nobody," DIRECTORY_SUFFIX, LDAP_NO_SUCH_OBJECT, DIRECTORY_SUFFIX },
		{ "ou=nowhere," DIRECTORY_SUFFIX, LDAP_NO_SUCH_OBJECT, DIRECTORY_SUFFIX },
		{ "dc=example,dc=org", LDAP_NO_SUCH_OBJECT, "" },
		{ "uuid=00000000-0000-0000-0000-000000f00002," DIRECTORY_SUFFIX,
		    LDAP_NO_SUCH_OBJECT, DIRECTORY_SUFFIX }, /* there, and not to be seen */
		{ "=,", LDAP_INVALID_DN_SYNTAX, "" },
		{ "uid=anna,,", LDAP_INVALID_DN_SYNTAX, "" },
	};
	struct client *client = client_of(*state, "anna");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int scope = LDAP_SCOPE_BASE; scope <= LDAP_SCOPE_SUB; scope++) {
			const struct search what = { .base = cases[i].base,
				.scope = (enum ldap_scope)scope };

			assert_int_equal(search(client, &what, cases[i].code, NULL), 0);
			assert_string_equal(client->answer.matched_dn, cases[i].matched);
		}
	}
	client_close(&client);
}

/* --- limits */

static void
no_more_entries_come_than_were_asked_for(void **state)
{
	struct search what = { .base = PEOPLE, .scope = LDAP_SCOPE_ONE, .size_limit = 2 };
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	assert_int_equal(search(client, &what, LDAP_SIZE_LIMIT_EXCEEDED, dns), 2);
	what.size_limit = 3; /* just as many as there are */
	assert_int_equal(search(client, &what, LDAP_SUCCESS, dns), 3);
	s->config.limits.search_entries = 2;
	assert_int_equal(search(client, &what, LDAP_SIZE_LIMIT_EXCEEDED, dns), 2);
	what.size_limit = 0;
	assert_int_equal(search(client, &what, LDAP_SIZE_LIMIT_EXCEEDED, dns), 2);
	what.size_limit = 1;
	assert_int_equal(search(client, &what, LDAP_SIZE_LIMIT_EXCEEDED, dns), 1);
	s->config.limits.search_entries = 10000;
	client_close(&client);
}

/* With what was found until then. */
static void
a_search_ends_when_its_time_is_over(void **state)
{
	static const struct search what = {
		.base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB, .time_limit_s = 2
	};
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	size_t count;

	s->config.limits.output_bytes = 1; /* an entry a slice */
	request_search(&client->requests, 1, &what);
	client_send(client);
	server_turn(s);
	test_clock.monotonic_ms += 1999;
	server_turn(s);
	test_clock.monotonic_ms += 1;
	count = collect(client, 1, LDAP_TIME_LIMIT_EXCEEDED, NULL);
	assert_true(count >= 2 && count < 50);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

/* A client that takes its time between slices gets what there is then, each entry once at most. */
static void
entries_that_come_and_go_meanwhile_do_no_harm(void **state)
{
	static const struct search what = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB };
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	size_t count;
	char name[16];

	count = search(client, &what, LDAP_SUCCESS, NULL);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "x%02d", i);
		realm_person(s->realm, name);
	}
	s->config.limits.output_bytes = 1;
	request_search(&client->requests, 1, &what);
	client_send(client);
	for (int i = 0; i < 20; i++) {
		server_turn(s);
		snprintf(name, sizeof(name), "x%02d", i);
		assert_int_equal(realm_delete(s->realm, NULL, name), IDM_OK);
	}
	assert_in_range(collect(client, 1, LDAP_SUCCESS, dns), count, count + 20);
	for (const char *at = dns; *at != '\0';) {
		const char *end = strchr(at, '\n') + 1;

		assert_false(strncmp(at, end, (size_t)(end - at)) == 0);
		at = end;
	}
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

/* --- pages */

/* The value of the request's control: the size, and the cookie of the last answer, if any. */
static void
ask_for_page(struct client *client, int64_t size, bool go_on)
{
	static uint8_t value[64];
	bool bad = false;
	struct ber_reader top = ber_reader_of(
	    idm_span_of(client->answer.control_value, client->answer.control_value_len), &bad);
	struct idm_span cookie = IDM_SPAN_EMPTY;
	struct ber_writer w;
	size_t seq;

	if (go_on) {
		struct ber_reader inner = ber_read_nested(&top, BER_SEQUENCE);

		ber_read_integer(&inner, BER_INTEGER, 0, INT32_MAX);
		cookie = ber_read_octets(&inner, BER_OCTET_STRING);
		assert_false(bad);
	}
	ber_writer_init(&w, sizeof(value));
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_INTEGER, size);
	ber_write_octets(&w, BER_OCTET_STRING, cookie);
	ber_close(&w, seq);
	memcpy(value, w.data, w.len);
	client->requests.control = (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED),
		.critical = true,
		.has_value = true,
		.value = idm_span_of(value, w.len) };
	ber_writer_free(&w);
}

static bool
is_last_page(const struct client *client)
{
	assert_string_equal(client->answer.control, LDAP_CONTROL_PAGED);
	return client->answer.control_value_len == 7; /* an empty cookie */
}

static void
pages_together_are_the_whole(void **state)
{
	static const int64_t sizes[] = { 1, 7, 50, 1000 };
	static const struct search what = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB };
	struct client *client = client_of(*state, "anna");
	size_t whole = search(client, &what, LDAP_SUCCESS, NULL);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t got = 0, page = 0, pages = 0;
		bool last = false;

		for (; !last; pages++) {
			ask_for_page(client, sizes[i], pages != 0);
			page = search(client, &what, LDAP_SUCCESS, NULL);
			last = is_last_page(client);
			assert_true(page <= (size_t)sizes[i]);
			assert_true(last || page == (size_t)sizes[i]);
			got += page;
		}
		assert_int_equal(got, whole);
		assert_int_equal(pages, (whole + (size_t)sizes[i] - 1) / (size_t)sizes[i]);
	}
	client_close(&client);
}

/* The cookie is no right: the next page is a search of its own. */
static void
a_page_is_read_with_the_rights_of_its_time(void **state)
{
	static const struct search what = {
		.base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB, .filter = "(mail=*)"
	};
	struct server *s = *state;
	struct client *client;

	assert_int_equal(
	    realm_modify(s->realm, NULL, "carl", "+mail", "carl@example.com", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_mail_read_priv", "+member", "anna", NULL), IDM_OK);
	client = client_of(s, "anna");
	ask_for_page(client, 1, false);
	assert_int_equal(search(client, &what, LDAP_SUCCESS, NULL), 1);
	assert_false(is_last_page(client));
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_mail_read_priv", "-member", "anna", NULL), IDM_OK);
	ask_for_page(client, 1, true);
	assert_int_equal(search(client, &what, LDAP_SUCCESS, NULL), 0);
	assert_true(is_last_page(client));
	client_close(&client);
}

static void
a_page_of_nothing_ends_the_paging(void **state)
{
	static const struct search what = { .base = DIRECTORY_SUFFIX, .scope = LDAP_SCOPE_SUB };
	struct client *client = client_of(*state, "anna");

	ask_for_page(client, 5, false);
	assert_int_equal(search(client, &what, LDAP_SUCCESS, NULL), 5);
	ask_for_page(client, 0, true);
	assert_int_equal(search(client, &what, LDAP_SUCCESS, NULL), 0);
	assert_true(is_last_page(client));
	client->requests.control = (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED),
		.has_value = true,
		.value = IDM_SPAN_LIT("x") };
	assert_int_equal(search(client, &what, LDAP_PROTOCOL_ERROR, NULL), 0);
	client->requests.control = (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED),
		.has_value = true,
		.value = IDM_SPAN_LIT("\x30\x06\x02\x01\x05\x04\x01x") };
	assert_int_equal(search(client, &what, LDAP_UNWILLING_TO_PERFORM, NULL), 0);
	client_close(&client);
}

/* --- what comes of an entry */

static void
attributes_come_as_they_are_asked_for(void **state)
{
	struct client *client = client_of(*state, "anna");
	const struct answer *entry = look(client, ANNA, NULL, false);

	assert_true(answer_has(entry, "uid: anna"));
	assert_true(answer_has(entry, "objectClass: person"));
	assert_null(strstr(entry->entry, "entryUUID:"));
	entry = look(client, ANNA, "+", false);
	assert_non_null(strstr(entry->entry, "entryUUID:"));
	assert_false(answer_has(entry, "uid: anna"));
	entry = look(client, ANNA, "* +", false);
	assert_non_null(strstr(entry->entry, "entryUUID:"));
	assert_true(answer_has(entry, "uid: anna"));
	entry = look(client, ANNA, "1.1", false);
	assert_string_equal(entry->entry, "");
	entry = look(client, ANNA, "UID favouriteDrink", false);
	assert_string_equal(entry->entry, "UID: anna\n");
	entry = look(client, ANNA, "uid mail", true);
	assert_string_equal(entry->entry, "uid:\nmail:\n");
	client_close(&client);
}

static void
what_may_not_be_read_does_not_come(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, NULL);
	const struct search by_mail = { .base = DIRECTORY_SUFFIX,
		.scope = LDAP_SCOPE_SUB,
		.filter = "(mail=anna@example.com)" };

	assert_string_equal(look(client, ANNA, "uid mail legalname", false)->entry, "uid: anna\n");
	assert_int_equal(search(client, &by_mail, LDAP_SUCCESS, NULL), 0);
	client_close(&client);
	client = client_of(s, "anna");
	assert_int_equal(search(client, &by_mail, LDAP_SUCCESS, NULL), 1);
	client_close(&client);
}

/* --- who may ask, and what with */

/* Who may bind asks them first; all else is as for anybody whose login is over. */
static void
while_anonymous_is_locked_the_root_dse_is_read_alone(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, NULL);
	const struct search suffix = { .base = DIRECTORY_SUFFIX };

	assert_int_equal(realm_modify(s->realm, NULL, "anonymous", "=account_expire",
			     "2020-01-01T00:00:00Z", NULL),
	    IDM_OK);
	assert_true(answer_has(look(client, "", "+", false), "supportedLDAPVersion: 3"));
	assert_true(answer_has(look(client, "cn=subschema", "*", false), "objectClass: subschema"));
	assert_int_equal(search(client, &suffix, LDAP_INSUFFICIENT_ACCESS_RIGHTS, NULL), 0);
	assert_string_equal(client->answer.text, "");
	assert_int_equal(
	    realm_modify(s->realm, NULL, "anonymous", "=account_expire", "", NULL), IDM_OK);
	assert_int_equal(search(client, &suffix, LDAP_SUCCESS, NULL), 1);
	client_close(&client);
}

static void
an_unknown_critical_control_refuses_it(void **state)
{
	static const struct search what = { .base = ANNA };
	struct client *client = client_of(*state, NULL);

	client->requests.control =
	    (struct ldap_control){ .oid = IDM_SPAN_LIT("1.2.3.4"), .critical = true };
	assert_int_equal(search(client, &what, LDAP_UNAVAILABLE_CRITICAL_EXTENSION, NULL), 0);
	client->requests.control = (struct ldap_control){ .oid = IDM_SPAN_LIT("1.2.3.4") };
	assert_int_equal(search(client, &what, LDAP_SUCCESS, NULL), 1);
	client_close(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_base_is_the_entry_itself),
		cmocka_unit_test(below_an_entry_is_nothing),
		cmocka_unit_test(a_filter_is_tested_on_the_base_too),
		cmocka_unit_test(a_container_holds_its_own),
		cmocka_unit_test(right_below_the_suffix_are_the_containers),
		cmocka_unit_test(an_empty_base_with_a_scope_is_the_suffix),
		cmocka_unit_test(a_base_that_is_not_there_says_where_it_would_be),
		cmocka_unit_test(no_more_entries_come_than_were_asked_for),
		cmocka_unit_test(a_search_ends_when_its_time_is_over),
		cmocka_unit_test(entries_that_come_and_go_meanwhile_do_no_harm),
		cmocka_unit_test(pages_together_are_the_whole),
		cmocka_unit_test(a_page_is_read_with_the_rights_of_its_time),
		cmocka_unit_test(a_page_of_nothing_ends_the_paging),
		cmocka_unit_test(attributes_come_as_they_are_asked_for),
		cmocka_unit_test(what_may_not_be_read_does_not_come),
		cmocka_unit_test(while_anonymous_is_locked_the_root_dse_is_read_alone),
		cmocka_unit_test(an_unknown_critical_control_refuses_it),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
