/* Sorted searches (RFC 2891) as a client sees them: order, rights, limits, and pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/paging.h"
#include "ldapd/sort_control.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

#define PEOPLE "ou=people," DIRECTORY_SUFFIX

enum { NOT_TOLD = -1, VALUE_BYTES = 512, NAMES_BYTES = 64 * 1024 };

static const struct search people = {
	.base = PEOPLE, .scope = LDAP_SCOPE_ONE, .attributes = "uid"
};
static char names[NAMES_BYTES];

static struct client *
client_of(struct server *s, const char *name)
{
	struct client *client = client_open(s);

	if (name != NULL)
		client_bind(client, name, SERVER_PASSWORD);
	return client;
}

/* One key from "-attribute:rule". */
static void
write_key(struct ber_writer *w, struct idm_span text)
{
	size_t key = ber_open(w, BER_SEQUENCE, BER_SHORT);
	bool reverse = text.len != 0 && *text.ptr == '-';
	struct idm_span attribute;

	if (reverse)
		text = idm_span_of(text.ptr + 1, text.len - 1);
	attribute = idm_span_take(&text, ':');
	ber_write_octets(w, BER_OCTET_STRING, attribute);
	if (text.len != 0)
		ber_write_octets(w, 0x80, text);
	if (reverse)
		ber_write_boolean(w, 0x81, true);
	ber_close(w, key);
}

/* The next search is to be sorted by these keys, a space between them. */
static void
sort_by(struct client *client, const char *keys, bool critical)
{
	static uint8_t value[VALUE_BYTES];
	struct idm_span rest = idm_span_cstr(keys);
	struct ber_writer w;
	size_t list;

	ber_writer_init(&w, sizeof(value));
	list = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	while (rest.len != 0)
		write_key(&w, idm_span_take(&rest, ' '));
	ber_close(&w, list);
	assert_false(w.failed);
	memcpy(value, w.data, w.len);
	client->requests.other = (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_SORT),
		.critical = critical,
		.has_value = true,
		.value = idm_span_of(value, w.len) };
	ber_writer_free(&w);
}

/* What the answer says of the order; NOT_TOLD: nothing. */
static int64_t
order_told(const struct answer *answer)
{
	bool paged = strcmp(answer->control, LDAP_CONTROL_PAGED) == 0;
	const char *oid = paged ? answer->other : answer->control;
	struct idm_span value = paged
				    ? idm_span_of(answer->other_value, answer->other_value_len)
				    : idm_span_of(answer->control_value, answer->control_value_len);
	bool bad = false;
	struct ber_reader top = ber_reader_of(value, &bad);
	struct ber_reader inner;
	int64_t code;

	if (strcmp(oid, LDAP_CONTROL_SORTED) != 0)
		return NOT_TOLD;
	inner = ber_read_nested(&top, BER_SEQUENCE);
	code = ber_read_integer(&inner, BER_ENUMERATED, 0, 255);
	assert_false(bad);
	return code;
}

/* The names in the order in which they come, a space between; the answer must have this code. */
static const char *
collect(struct client *client, enum ldap_result_code code)
{
	const struct answer *answer;

	names[0] = '\0';
	while ((answer = client_take(client))->tag == LDAP_TAG_SEARCH_ENTRY) {
		const char *name = strchr(answer->dn, '=') + 1;
		size_t len = strlen(names);

		snprintf(names + len, sizeof(names) - len, "%s%.*s", len != 0 ? " " : "",
		    (int)strcspn(name, ","), name);
	}
	if (answer->code != code)
		fail_msg("%s %s", ldap_result_name(answer->code), answer->text);
	return names;
}

static const char *
search(struct client *client, const struct search *what, enum ldap_result_code code)
{
	request_search(&client->requests, 1, what);
	client_send(client);
	return collect(client, code);
}

static const char *
sorted(struct client *client, const struct search *what, const char *keys)
{
	sort_by(client, keys, true);
	search(client, what, LDAP_SUCCESS);
	assert_int_equal(order_told(&client->answer), LDAP_SUCCESS);
	return names;
}

/* --- order */

static void
entries_come_in_the_order_that_is_asked_for(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=displayname", "aaron", NULL), IDM_OK);
	assert_string_equal(sorted(client, &people, "uid"), "anna ben carl");
	assert_string_equal(sorted(client, &people, "-uid"), "carl ben anna");
	assert_string_equal(sorted(client, &people, "NAME"), "anna ben carl");
	assert_string_equal(sorted(client, &people, "0.9.2342.19200300.100.1.1"), "anna ben carl");
	/* "aaron" comes before "Anna Apfel" where case does not matter, and behind all where it
	 * does */
	assert_string_equal(sorted(client, &people, "displayName"), "ben anna carl");
	assert_string_equal(
	    sorted(client, &people, "displayName:caseIgnoreOrderingMatch"), "ben anna carl");
	assert_string_equal(
	    sorted(client, &people, "displayName:caseExactOrderingMatch"), "anna carl ben");
	assert_string_equal(sorted(client, &people, "-displayName:2.5.13.6"), "ben carl anna");
	client_close(&client);
}

static void
the_second_key_decides_where_the_first_does_not(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	for (const char *const *name = (const char *const[]){ "anna", "carl", NULL }; *name != NULL;
	     name++)
		assert_int_equal(
		    realm_modify(s->realm, NULL, *name, "=displayname", "Same", NULL), IDM_OK);
	assert_string_equal(sorted(client, &people, "displayname uid"), "ben anna carl");
	assert_string_equal(sorted(client, &people, "displayname -uid"), "ben carl anna");
	assert_string_equal(sorted(client, &people, "-displayname uid"), "anna carl ben");
	client_close(&client);
}

static void
numbers_are_no_text(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	for (const char *const *one = (const char *const[]){ "ben", "=gidnumber", "800000", "carl",
		 "=gidnumber", "1000000", NULL };
	     *one != NULL; one += 3)
		assert_int_equal(realm_modify(s->realm, NULL, one[0], "+class", "posixaccount",
				     one[1], one[2], "=homedirectory", "/", NULL),
		    IDM_OK);
	assert_string_equal(sorted(client, &people, "uidNumber"), "anna ben carl");
	assert_string_equal(sorted(client, &people, "-gidnumber"), "carl ben anna");
	assert_string_equal(
	    sorted(client, &people, "gidnumber:integerOrderingMatch"), "anna ben carl");
	client_close(&client);
}

/* An absent value is larger than all others, and so before them when all is turned over. */
static void
entries_without_the_attribute_come_last(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	assert_string_equal(sorted(client, &people, "sshPublicKey -uid"), "anna carl ben");
	assert_string_equal(sorted(client, &people, "mail -uid"), "anna carl ben");
	assert_string_equal(sorted(client, &people, "-mail uid"), "ben carl anna");
	assert_string_equal(sorted(client, &people, "userPassword uid"), "anna ben carl");
	client_close(&client);
}

static void
of_several_values_the_least_counts(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "idm_admin");

	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "+mail", "b@example.com", NULL), IDM_OK);
	assert_int_equal(realm_modify(s->realm, NULL, "carl", "+mail", "z@example.com", "+mail",
			     "a@example.com", NULL),
	    IDM_OK);
	assert_string_equal(sorted(client, &people, "mail"), "carl anna ben");
	client_close(&client);
}

static void
one_entry_and_none_are_in_order(void **state)
{
	const struct search one = { .base = "uid=anna," PEOPLE, .attributes = "uid" };
	const struct search none = {
		.base = PEOPLE, .scope = LDAP_SCOPE_SUB, .filter = "(uid=nobody)"
	};
	const struct search root = { .base = "", .attributes = "1.1" };
	struct client *client = client_of(*state, "anna");

	assert_string_equal(sorted(client, &one, "uid"), "anna");
	assert_string_equal(sorted(client, &none, "uid"), "");
	sort_by(client, "uid", true);
	request_search(&client->requests, 1, &root);
	client_send(client);
	assert_int_equal(client_take(client)->tag, LDAP_TAG_SEARCH_ENTRY);
	client_expect(client, 1, LDAP_SUCCESS);
	client_close(&client);
}

/* --- what cannot be sorted */

static const struct {
	const char *keys;
	int64_t told;
} impossible[] = {
	{ "favouriteDrink", LDAP_NO_SUCH_ATTRIBUTE },
	{ "uid favouriteDrink", LDAP_NO_SUCH_ATTRIBUTE },
	{ "mail;lang-de", LDAP_NO_SUCH_ATTRIBUTE },
	{ "uid:integerOrderingMatch", LDAP_INAPPROPRIATE_MATCHING },
	{ "uidNumber:caseIgnoreOrderingMatch", LDAP_INAPPROPRIATE_MATCHING },
	{ "uid:1.2.3", LDAP_INAPPROPRIATE_MATCHING },
	{ "memberOf", LDAP_INAPPROPRIATE_MATCHING },
	{ "memberUid", LDAP_INAPPROPRIATE_MATCHING },
	{ "uid -userid", LDAP_UNWILLING_TO_PERFORM },
	{ "uid cn sn mail displayname uidNumber spn entryUUID gidNumber",
	    LDAP_UNWILLING_TO_PERFORM },
};

static void
what_cannot_be_sorted_comes_unsorted_or_not_at_all(void **state)
{
	struct client *client = client_of(*state, "anna");

	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		sort_by(client, impossible[i].keys, false);
		assert_string_equal(search(client, &people, LDAP_SUCCESS), "anna ben carl");
		assert_int_equal(order_told(&client->answer), impossible[i].told);
		sort_by(client, impossible[i].keys, true);
		assert_string_equal(
		    search(client, &people, LDAP_UNAVAILABLE_CRITICAL_EXTENSION), "");
		assert_int_equal(order_told(&client->answer), impossible[i].told);
	}
	client_close(&client);
}

static void
a_control_that_does_not_decode_is_a_protocol_error(void **state)
{
	struct client *client = client_of(*state, "anna");

	client->requests.control = (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_SORT),
		.has_value = true,
		.value = IDM_SPAN_LIT("x") };
	assert_string_equal(search(client, &people, LDAP_PROTOCOL_ERROR), "");
	assert_int_equal(order_told(&client->answer), NOT_TOLD);
	client_close(&client);
}

/* --- rights */

/* Whatever they are, values that one may not search leave everybody where he was. */
static void
what_one_may_not_search_does_not_move_anybody(void **state)
{
	static const char *const hidden[] = { "mail", "legalname", "radius_secret", "sn",
		"primary_credential", "account_expire", "shadowExpire", "mail;primary" };
	static char before[8][64];
	struct server *s = *state;
	struct client *client;

	assert_int_equal(realm_modify(s->realm, NULL, "anna", "=mail", "", NULL), IDM_OK);
	for (int round = 0; round < 2; round++) {
		client = client_of(s, NULL);
		for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
			const char *order = sorted(client, &people, hidden[i]);

			if (round == 0)
				snprintf(before[i], sizeof(before[i]), "%s", order);
			else
				assert_string_equal(order, before[i]);
		}
		client_close(&client);
		assert_int_equal(
		    realm_modify(s->realm, NULL, "carl", "=mail", "a@example.com", "=legalname",
			"A", "=account_expire", "2030-01-01T00:00:00Z", NULL),
		    IDM_OK);
		assert_int_equal(
		    realm_modify(s->realm, NULL, "ben", "=mail", "b@example.com", "=legalname", "B",
			"=account_expire", "2029-01-01T00:00:00Z", NULL),
		    IDM_OK);
		assert_int_equal(
		    realm_set_secret(s->realm, NULL, "carl", IDM_ATTR_RADIUS_SECRET, "x"), IDM_OK);
	}
	client = client_of(s, "idm_admin");
	assert_string_equal(sorted(client, &people, "mail"), "carl ben anna");
	assert_string_equal(sorted(client, &people, "legalname"), "carl anna ben");
	assert_string_equal(sorted(client, &people, "account_expire"), "ben carl anna");
	assert_string_equal(sorted(client, &people, "radius_secret -uid"), "carl ben anna");
	client_close(&client);
}

/* anna may see her own address, and no other. */
static void
an_entry_whose_value_one_may_search_comes_before_the_others(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "+mail", "aaa@example.com", NULL), IDM_OK);
	assert_string_equal(sorted(client, &people, "mail uid"), "anna ben carl");
	assert_string_equal(sorted(client, &people, "-mail uid"), "ben carl anna");
	client_close(&client);
}

/* --- limits */

static void
add_people(struct server *s, int count)
{
	char name[16];

	realm_group_begin(s->realm);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "p%04d", (i * 7919) % 10000);
		realm_person(s->realm, name);
	}
	realm_group_commit(s->realm);
}

static void
the_first_of_all_come_where_the_size_is_limited(void **state)
{
	struct search some = people;
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	add_people(s, 50);
	some.size_limit = 3;
	sort_by(client, "-uid", true);
	assert_string_equal(search(client, &some, LDAP_SIZE_LIMIT_EXCEEDED), "p9651 p9595 p9246");
	assert_int_equal(order_told(&client->answer), LDAP_SUCCESS);
	client_close(&client);
}

static void
too_many_to_sort_come_unsorted_or_not_at_all(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	char *unsorted;

	add_people(s, 500);
	unsorted = strdup(search(client, &people, LDAP_SUCCESS));
	s->config.limits.sort_bytes = 16384;
	sort_by(client, "-uid", false);
	assert_string_equal(search(client, &people, LDAP_SUCCESS), unsorted);
	assert_int_equal(order_told(&client->answer), LDAP_ADMIN_LIMIT_EXCEEDED);
	sort_by(client, "-uid", true);
	assert_string_equal(search(client, &people, LDAP_UNAVAILABLE_CRITICAL_EXTENSION), "");
	assert_int_equal(order_told(&client->answer), LDAP_ADMIN_LIMIT_EXCEEDED);
	s->config.limits.sort_bytes = 8388608;
	s->config.limits.sort_total_bytes = 1;
	sort_by(client, "-uid", false);
	assert_string_equal(search(client, &people, LDAP_SUCCESS), unsorted);
	assert_int_equal(order_told(&client->answer), LDAP_BUSY);
	s->config.limits.sort_total_bytes = 33554432;
	assert_int_equal(s->worker->sorting.used_bytes, 0);
	free(unsorted);
	client_close(&client);
}

/* A client that takes its time keeps nobody waiting, and gets each entry in its place. */
static void
entries_come_in_slices_and_what_goes_meanwhile_does_not_come(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	add_people(s, 60);
	s->config.limits.output_bytes = 1; /* an entry a slice */
	sort_by(client, "uid", true);
	request_search(&client->requests, 1, &people);
	client_send(client);
	server_turn(s);
	server_turn(s);
	assert_int_equal(realm_delete(s->realm, NULL, "p9651"), IDM_OK);
	collect(client, LDAP_SUCCESS);
	assert_non_null(strstr(names, "anna ben carl p0000 "));
	assert_non_null(strstr(names, " p9595")); /* the last one now */
	assert_null(strstr(names, "p9651"));
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

static void
a_search_that_is_abandoned_leaves_nothing(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	s->config.limits.output_bytes = 1;
	sort_by(client, "uid", true);
	request_search(&client->requests, 1, &people);
	request_abandon(&client->requests, 2, 1);
	client_send(client);
	server_settle(s);
	s->config.limits.output_bytes = 262144;
	assert_int_equal(s->worker->sorting.used_bytes, 0);
	client_close(&client);
}

static void
a_search_whose_time_is_over_says_so(void **state)
{
	struct search timed = people;
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	timed.time_limit_s = 1;
	s->config.limits.output_bytes = 1;
	sort_by(client, "uid", true);
	request_search(&client->requests, 1, &timed);
	client_send(client);
	server_turn(s);
	test_clock.monotonic_ms += 1000;
	collect(client, LDAP_TIME_LIMIT_EXCEEDED);
	assert_int_not_equal(order_told(&client->answer), NOT_TOLD);
	s->config.limits.output_bytes = 262144;
	client_close(&client);
}

/* --- pages */

struct cookie {
	uint8_t octets[32];
	size_t len;
};

static struct cookie
cookie_of(const struct client *client)
{
	struct cookie out = { .len = 0 };
	bool bad = false;
	struct ber_reader top = ber_reader_of(
	    idm_span_of(client->answer.control_value, client->answer.control_value_len), &bad);
	struct ber_reader inner = ber_read_nested(&top, BER_SEQUENCE);
	struct idm_span cookie;

	assert_string_equal(client->answer.control, LDAP_CONTROL_PAGED);
	ber_read_integer(&inner, BER_INTEGER, 0, INT32_MAX);
	cookie = ber_read_octets(&inner, BER_OCTET_STRING);
	assert_false(bad);
	assert_true(cookie.len <= sizeof(out.octets));
	if (cookie.len != 0)
		memcpy(out.octets, cookie.ptr, cookie.len);
	out.len = cookie.len;
	return out;
}

static void
ask_for_page(struct client *client, int64_t size, const struct cookie *cookie)
{
	static uint8_t value[64];
	struct ber_writer w;
	size_t seq;

	ber_writer_init(&w, sizeof(value));
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_INTEGER, size);
	ber_write_octets(&w, BER_OCTET_STRING,
	    cookie != NULL ? idm_span_of(cookie->octets, cookie->len) : IDM_SPAN_EMPTY);
	ber_close(&w, seq);
	memcpy(value, w.data, w.len);
	client->requests.control = (struct ldap_control){ .oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED),
		.critical = true,
		.has_value = true,
		.value = idm_span_of(value, w.len) };
	ber_writer_free(&w);
}

static struct cookie
page(struct client *client, int64_t size, const struct cookie *cookie, const char *keys,
    const char *expected)
{
	ask_for_page(client, size, cookie);
	sort_by(client, keys, true);
	assert_string_equal(search(client, &people, LDAP_SUCCESS), expected);
	assert_int_equal(order_told(&client->answer), LDAP_SUCCESS);
	return cookie_of(client);
}

static void
refused_page(struct client *client, const struct cookie *cookie, const char *keys)
{
	ask_for_page(client, 1, cookie);
	if (keys != NULL)
		sort_by(client, keys, true);
	assert_string_equal(search(client, &people, LDAP_UNWILLING_TO_PERFORM), "");
}

static void
pages_together_are_the_whole_in_order(void **state)
{
	static const int64_t sizes[] = { 1, 7, 100, 1000 };
	static char whole[NAMES_BYTES], together[NAMES_BYTES];
	struct server *s = *state;
	struct client *client = client_of(s, "anna");

	add_people(s, 150);
	snprintf(whole, sizeof(whole), "%s", sorted(client, &people, "-uid"));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct cookie cookie = { .len = 0 };
		size_t len = 0;

		do {
			ask_for_page(client, sizes[i], &cookie);
			sort_by(client, "-uid", true);
			search(client, &people, LDAP_SUCCESS);
			assert_int_equal(order_told(&client->answer), LDAP_SUCCESS);
			len += (size_t)snprintf(together + len, sizeof(together) - len, "%s%s",
			    len != 0 ? " " : "", names);
			cookie = cookie_of(client);
		} while (cookie.len != 0);
		assert_string_equal(together, whole);
		assert_int_equal(s->worker->sorting.used_bytes, 0); /* nothing is kept */
	}
	client_close(&client);
}

static void
a_page_may_be_asked_for_again(void **state)
{
	struct client *client = client_of(*state, "anna");
	struct cookie first = page(client, 1, NULL, "uid", "anna");

	page(client, 1, &first, "uid", "ben");
	page(client, 2, &first, "uid", "ben carl");
	client_close(&client);
}

static void
a_cookie_is_good_for_its_own_search_and_connection_alone(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	struct client *other = client_of(s, "anna");
	struct cookie cookie = page(client, 1, NULL, "uid", "anna");
	struct cookie bent = cookie;
	struct search narrow = people;

	page(other, 1, NULL, "uid", "anna");
	refused_page(other, &cookie, "uid");
	refused_page(client, &cookie, "-uid");
	refused_page(client, &cookie, NULL);
	ask_for_page(client, 1, &cookie);
	sort_by(client, "uid", true);
	narrow.filter = "(uid=*)";
	assert_string_equal(search(client, &narrow, LDAP_UNWILLING_TO_PERFORM), "");
	for (size_t i = 0; i < cookie.len; i++) {
		bent.octets[i] ^= 0x55;
		refused_page(client, &bent, "uid");
		bent = cookie;
	}
	page(client, 5, &cookie, "uid", "ben carl");
	refused_page(client, &cookie, "uid"); /* it was the last page */
	client_close(&client);
	client_close(&other);
}

/* Also of an id, which an unsorted search goes on with. */
static void
an_unsorted_page_does_not_go_on_sorted(void **state)
{
	struct client *client = client_of(*state, "anna");
	struct cookie cookie;

	ask_for_page(client, 1, NULL);
	search(client, &people, LDAP_SUCCESS);
	cookie = cookie_of(client);
	refused_page(client, &cookie, "uid");
	client_close(&client);
}

static void
a_search_that_cannot_be_sorted_is_paged_unsorted(void **state)
{
	struct client *client = client_of(*state, "anna");
	struct cookie cookie = { .len = 0 };

	for (int i = 0; i < 3; i++) {
		ask_for_page(client, 1, &cookie);
		sort_by(client, "favouriteDrink", false);
		assert_string_equal(search(client, &people, LDAP_SUCCESS),
		    ((const char *[]){ "anna", "ben", "carl" })[i]);
		assert_int_equal(order_told(&client->answer), LDAP_NO_SUCH_ATTRIBUTE);
		cookie = cookie_of(client);
	}
	assert_int_equal(cookie.len, 0);
	client_close(&client);
}

static void
who_binds_anew_begins_anew(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	struct cookie cookie = page(client, 1, NULL, "uid", "anna");

	client_bind(client, "anna", SERVER_PASSWORD);
	assert_int_equal(s->worker->sorting.used_bytes, 0);
	refused_page(client, &cookie, "uid");
	client_close(&client);
}

static void
a_connection_keeps_one_list(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	struct cookie one = page(client, 1, NULL, "uid", "anna");
	size_t bytes = s->worker->sorting.used_bytes;
	struct cookie other = page(client, 1, NULL, "-uid", "carl");

	assert_true(bytes != 0);
	assert_int_equal(s->worker->sorting.used_bytes, bytes);
	refused_page(client, &one, "uid");
	page(client, 1, &other, "-uid", "ben");
	ask_for_page(client, 0, &other);
	sort_by(client, "-uid", true);
	search(client, &people, LDAP_SUCCESS);
	assert_int_equal(s->worker->sorting.used_bytes, 0);
	page(client, 1, NULL, "uid", "anna");
	client_close(&client);
	server_settle(s);
	assert_int_equal(s->worker->sorting.used_bytes, 0);
}

/* The list is no right: each page is read with the rights of its time. */
static void
a_page_holds_what_may_be_seen_when_it_is_read(void **state)
{
	struct server *s = *state;
	struct client *client = client_of(s, "anna");
	struct cookie cookie = page(client, 1, NULL, "uid", "anna");

	assert_int_equal(realm_delete(s->realm, NULL, "ben"), IDM_OK);
	cookie = page(client, 5, &cookie, "uid", "carl");
	assert_int_equal(cookie.len, 0);
	client_close(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
		T(entries_come_in_the_order_that_is_asked_for),
		T(the_second_key_decides_where_the_first_does_not),
		T(numbers_are_no_text),
		T(entries_without_the_attribute_come_last),
		T(of_several_values_the_least_counts),
		T(one_entry_and_none_are_in_order),
		T(what_cannot_be_sorted_comes_unsorted_or_not_at_all),
		T(a_control_that_does_not_decode_is_a_protocol_error),
		T(what_one_may_not_search_does_not_move_anybody),
		T(an_entry_whose_value_one_may_search_comes_before_the_others),
		T(the_first_of_all_come_where_the_size_is_limited),
		T(too_many_to_sort_come_unsorted_or_not_at_all),
		T(entries_come_in_slices_and_what_goes_meanwhile_does_not_come),
		T(a_search_that_is_abandoned_leaves_nothing),
		T(a_search_whose_time_is_over_says_so),
		T(pages_together_are_the_whole_in_order),
		T(a_page_may_be_asked_for_again),
		T(a_cookie_is_good_for_its_own_search_and_connection_alone),
		T(an_unsorted_page_does_not_go_on_sorted),
		T(a_search_that_cannot_be_sorted_is_paged_unsorted),
		T(who_binds_anew_begins_anew),
		T(a_connection_keeps_one_list),
		T(a_page_holds_what_may_be_seen_when_it_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
