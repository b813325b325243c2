/* What RADIUS asks of the core, on a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/closure.h"
#include "core/radius.h"
#include "tests/support/fixture.h"

#define DOMAIN_INFO "00000000-0000-0000-0000-000000f00001"
#define ACCESS_GROUP "00000000-0000-0000-0000-000000000062"
#define ALICE "6c1c2d53-43e0-4c57-9b3c-6f3a9a4d0001"
#define SECRET "QWERT-asdfg-12345-yxcvb"

enum { NOW_S = 1600000000 };

struct scene {
	struct fixture f;
	struct idm_keyring *ring;
	struct idm_arena *arena;
	struct idm_radius_memory *memory;
	uint64_t access_id;
	uint64_t alice_id;
	struct idm_now now;
	struct idm_radius_answer answer;
	struct idm_error err;
	bool writing;
};

static void
put_secret(struct scene *s, uint64_t id, const char *secret)
{
	struct idm_entry entry = fixture_entry(&s->f, id);
	struct idm_span blob;
	uint8_t key[12];

	idm_store_u64(id, key);
	idm_store_u32(IDM_ATTR_RADIUS_SECRET, key + 8);
	assert_int_equal(idm_seal(s->ring, &entry.uuid, IDM_ATTR_RADIUS_SECRET, 7,
			     idm_span_cstr(secret), s->arena, &blob, &s->err),
	    IDM_OK);
	assert_int_equal(
	    idm_store_put(&s->f.txn, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), blob, &s->err),
	    IDM_OK);
}

static int
setup(void **state)
{
	static struct scene scene;
	struct scene *s = &scene;
	char path[128];

	memset(s, 0, sizeof(*s));
	fixture_open(&s->f);
	snprintf(path, sizeof(path), "%.60s/radius.keys", s->f.dir);
	assert_int_equal(idm_keyring_create(path, IDM_PURPOSE_RADIUS, (gid_t)-1, &s->err), IDM_OK);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_RADIUS, &s->ring, &s->err), IDM_OK);
	s->arena = idm_arena_new(4 << 20);
	s->memory = idm_radius_memory_new(4 << 20);
	assert_non_null(s->memory);
	s->now = (struct idm_now){ .at_s = NOW_S, .trusted = true };
	s->access_id = fixture_add(&s->f, "class", "object", "class", "group", "name",
	    "radius_access_allowed", "uuid", ACCESS_GROUP, NULL);
	fixture_add(&s->f, "class", "object", "class", "domain_info", "radius_required_group",
	    ACCESS_GROUP, "uuid", DOMAIN_INFO, NULL);
	s->alice_id = fixture_add(&s->f, "class", "object", "class", "account", "class", "person",
	    "name", "alice", "displayname", "Alice", "uuid", ALICE, NULL);
	fixture_edge(&s->f, s->access_id, s->alice_id, true);
	put_secret(s, s->alice_id, SECRET);
	s->writing = true;
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	idm_radius_answer_wipe(&s->answer);
	idm_arena_free(&s->arena);
	idm_radius_memory_free(&s->memory);
	idm_keyring_close(&s->ring);
	fixture_close(&s->f);
	return 0;
}

/* Decide about `name`; the fixture's transaction is committed first, and gone afterwards. */
static enum idm_result
ask(struct scene *s, const char *name, const struct idm_span *groups, size_t group_count)
{
	struct idm_radius_query query = { .user_name = idm_span_cstr(name),
		.groups = groups,
		.group_count = group_count,
		.need_secret = true };
	enum idm_result result;

	if (s->writing)
		assert_int_equal(idm_store_write_commit(&s->f.txn, &s->err), IDM_OK);
	s->writing = false;
	result =
	    idm_radius_decide(s->f.store, s->ring, &query, s->now, s->memory, &s->answer, &s->err);
	idm_arena_reset(s->arena);
	return result;
}

static void
expect(struct scene *s, const char *name, enum idm_radius_verdict verdict)
{
	assert_int_equal(ask(s, name, NULL, 0), IDM_OK);
	if (s->answer.verdict != verdict)
		fail_msg("%s: verdict %d (%s)", name, (int)s->answer.verdict, s->answer.reason);
	if (verdict != IDM_RADIUS_ACCEPT)
		assert_int_equal(s->answer.secret_len, 0);
}

/* Let alice be another kind of entry, or have a window. */
static void
alice_becomes(struct scene *s, const char *class_name, const char *from, const char *expire)
{
	fixture_replace(&s->f, s->alice_id, "class", "object", "class", "account", "class",
	    class_name, "name", "alice", "displayname", "Alice",
	    from != NULL ? "account_valid_from" : "description", from != NULL ? from : "-",
	    expire != NULL ? "account_expire" : "description", expire != NULL ? expire : "-", NULL);
}

static void
a_member_is_let_in_with_the_secret(void **state)
{
	struct scene *s = *state;
	char uuid[IDM_UUID_TEXT];

	expect(s, "alice", IDM_RADIUS_ACCEPT);
	assert_int_equal(s->answer.secret_len, strlen(SECRET));
	assert_memory_equal(s->answer.secret, SECRET, strlen(SECRET));
	idm_uuid_format(&s->answer.uuid, uuid);
	assert_string_equal(uuid, ALICE);
	assert_string_equal(s->answer.name, "alice");
	assert_string_equal(s->answer.spn, "alice@" FIXTURE_DOMAIN);
	assert_true(s->answer.expire_s == INT64_MAX);
}

static void
every_form_of_the_name_is_taken(void **state)
{
	static const char *const forms[] = { "alice", "ALICE", "alice@" FIXTURE_DOMAIN,
		"Alice@IDM.Example.Com", "EXAMPLE\\alice", "EXAMPLE\\alice@" FIXTURE_DOMAIN,
		"\\alice", ALICE };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		expect(*state, forms[i], IDM_RADIUS_ACCEPT);
}

static void
what_names_no_account_is_not_found(void **state)
{
	static const char *const names[] = { "", "bob", "alice@other.example", "alice@", "@",
		"EXAMPLE\\", "EXAMPLE\\A\\alice", "alice ", "host/alice", "radius_access_allowed",
		ACCESS_GROUP, DOMAIN_INFO, "alice\n", "\xff\xfe" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect(*state, names[i], IDM_RADIUS_NOT_FOUND);
}

static void
a_name_of_any_length_is_not_found(void **state)
{
	char name[1024];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	expect(*state, name, IDM_RADIUS_NOT_FOUND);
}

static void
the_window_holds_to_the_second(void **state)
{
	struct scene *s = *state;

	alice_becomes(s, "person", "2020-09-13T12:26:40Z", "2020-09-13T12:26:42Z");
	s->now.at_s = NOW_S - 1;
	expect(s, "alice", IDM_RADIUS_OUTSIDE_WINDOW);
	assert_non_null(strstr(s->answer.reason, "not valid before 2020-09-13T12:26:40Z"));
	s->now.at_s = NOW_S;
	expect(s, "alice", IDM_RADIUS_ACCEPT);
	assert_true(s->answer.expire_s == NOW_S + 2);
	s->now.at_s = NOW_S + 1;
	expect(s, "alice", IDM_RADIUS_ACCEPT);
	s->now.at_s = NOW_S + 2;
	expect(s, "alice", IDM_RADIUS_OUTSIDE_WINDOW);
	assert_non_null(strstr(s->answer.reason, "expired at 2020-09-13T12:26:42Z"));
	assert_string_equal(s->answer.spn, "alice@" FIXTURE_DOMAIN); /* the log names the account */
}

static void
a_window_needs_trusted_time(void **state)
{
	struct scene *s = *state;

	alice_becomes(s, "person", NULL, "2030-01-01T00:00:00Z");
	s->now.trusted = false;
	expect(s, "alice", IDM_RADIUS_OUTSIDE_WINDOW);
}

static void
without_a_window_time_does_not_matter(void **state)
{
	struct scene *s = *state;

	s->now.trusted = false;
	expect(s, "alice", IDM_RADIUS_ACCEPT);
}

static void
a_service_account_is_refused(void **state)
{
	alice_becomes(*state, "service_account", NULL, NULL);
	expect(*state, "alice", IDM_RADIUS_SERVICE_ACCOUNT);
}

static void
a_recycled_account_is_not_found(void **state)
{
	struct scene *s = *state;

	alice_becomes(s, "recycled", NULL, NULL);
	expect(s, "alice", IDM_RADIUS_NOT_FOUND);
	expect(s, ALICE, IDM_RADIUS_NOT_FOUND);
}

static void
who_is_in_no_required_group_is_refused(void **state)
{
	struct scene *s = *state;

	fixture_edge(&s->f, s->access_id, s->alice_id, false);
	expect(s, "alice", IDM_RADIUS_NOT_IN_GROUP);
}

static void
a_group_within_the_group_counts(void **state)
{
	struct scene *s = *state;
	uint64_t staff = fixture_group(&s->f, "staff"), team = fixture_group(&s->f, "team");

	fixture_edge(&s->f, s->access_id, s->alice_id, false);
	fixture_edge(&s->f, team, s->alice_id, true);
	fixture_edge(&s->f, staff, team, true);
	fixture_edge(&s->f, team, staff, true); /* a cycle */
	fixture_edge(&s->f, s->access_id, staff, true);
	expect(s, "alice", IDM_RADIUS_ACCEPT);
}

static void
no_required_group_at_all_refuses_everybody(void **state)
{
	struct scene *s = *state;

	fixture_replace(
	    &s->f, fixture_id(&s->f, DOMAIN_INFO), "class", "object", "class", "domain_info", NULL);
	expect(s, "alice", IDM_RADIUS_NOT_IN_GROUP);
}

static void
a_required_group_that_is_gone_holds_nobody(void **state)
{
	struct scene *s = *state;

	fixture_edge(&s->f, s->access_id, s->alice_id, false);
	fixture_remove(&s->f, s->access_id);
	expect(s, "alice", IDM_RADIUS_NOT_IN_GROUP);
}

static void
the_query_can_require_other_groups(void **state)
{
	struct scene *s = *state;
	const struct idm_span vpn = IDM_SPAN_LIT("vpn");
	const struct idm_span several[] = { IDM_SPAN_LIT("no-such-group"), vpn,
		IDM_SPAN_LIT("radius_access_allowed@" FIXTURE_DOMAIN) };

	fixture_group(&s->f, "vpn");
	assert_int_equal(ask(s, "alice", &vpn, 1), IDM_OK);
	assert_int_equal(s->answer.verdict, IDM_RADIUS_NOT_IN_GROUP);
	assert_int_equal(ask(s, "alice", several, 2), IDM_OK);
	assert_int_equal(s->answer.verdict, IDM_RADIUS_NOT_IN_GROUP);
	assert_int_equal(ask(s, "alice", several, 3), IDM_OK);
	assert_int_equal(s->answer.verdict, IDM_RADIUS_ACCEPT);
}

static void
without_a_secret_is_refused(void **state)
{
	struct scene *s = *state;

	fixture_edge(&s->f, s->access_id, fixture_person(&s->f, "bob"), true);
	expect(s, "bob", IDM_RADIUS_NO_SECRET);
}

static void
a_check_without_the_secret_needs_no_key(void **state)
{
	struct scene *s = *state;
	struct idm_radius_query query = { .user_name = IDM_SPAN_LIT("bob") };

	fixture_edge(&s->f, s->access_id, fixture_person(&s->f, "bob"), true);
	assert_int_equal(idm_store_write_commit(&s->f.txn, &s->err), IDM_OK);
	assert_int_equal(
	    idm_radius_decide(s->f.store, NULL, &query, s->now, s->memory, &s->answer, &s->err),
	    IDM_OK);
	assert_int_equal(s->answer.verdict, IDM_RADIUS_ACCEPT);
	assert_int_equal(s->answer.secret_len, 0);
}

/* The blob is bound to its entry: put elsewhere it opens nothing, and nobody is let in on it. */
static void
a_secret_of_another_account_fails(void **state)
{
	struct scene *s = *state;
	uint64_t bob = fixture_person(&s->f, "bob");
	struct idm_span blob, copy;
	uint8_t key[12];

	fixture_edge(&s->f, s->access_id, bob, true);
	idm_store_u64(s->alice_id, key);
	idm_store_u32(IDM_ATTR_RADIUS_SECRET, key + 8);
	assert_int_equal(
	    idm_store_get(&s->f.txn, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), &blob, &s->err),
	    IDM_OK);
	copy = idm_arena_copy(s->arena, blob);
	idm_store_u64(bob, key);
	assert_int_equal(
	    idm_store_put(&s->f.txn, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), copy, &s->err),
	    IDM_OK);
	assert_int_equal(ask(s, "bob", NULL, 0), IDM_CORRUPT);
	assert_int_not_equal(s->answer.verdict, IDM_RADIUS_ACCEPT);
	expect(s, "alice", IDM_RADIUS_ACCEPT);
}

static void
too_little_memory_lets_nobody_in(void **state)
{
	struct scene *s = *state;

	idm_radius_memory_free(&s->memory);
	s->memory = idm_radius_memory_new(64);
	assert_non_null(s->memory);
	assert_int_not_equal(ask(s, "alice", NULL, 0), IDM_OK);
	assert_int_not_equal(s->answer.verdict, IDM_RADIUS_ACCEPT);
	assert_int_equal(s->answer.secret_len, 0);
}

static void
a_wiped_answer_holds_nothing_and_lets_nobody_in(void **state)
{
	struct scene *s = *state;

	expect(s, "alice", IDM_RADIUS_ACCEPT);
	idm_radius_answer_wipe(&s->answer);
	for (size_t i = 0; i < sizeof(s->answer.secret); i++)
		assert_int_equal(s->answer.secret[i], 0);
	assert_int_not_equal(s->answer.verdict, IDM_RADIUS_ACCEPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_member_is_let_in_with_the_secret),
		TEST(every_form_of_the_name_is_taken),
		TEST(what_names_no_account_is_not_found),
		TEST(a_name_of_any_length_is_not_found),
		TEST(the_window_holds_to_the_second),
		TEST(a_window_needs_trusted_time),
		TEST(without_a_window_time_does_not_matter),
		TEST(a_service_account_is_refused),
		TEST(a_recycled_account_is_not_found),
		TEST(who_is_in_no_required_group_is_refused),
		TEST(a_group_within_the_group_counts),
		TEST(no_required_group_at_all_refuses_everybody),
		TEST(a_required_group_that_is_gone_holds_nobody),
		TEST(the_query_can_require_other_groups),
		TEST(without_a_secret_is_refused),
		TEST(a_check_without_the_secret_needs_no_key),
		TEST(a_secret_of_another_account_fails),
		TEST(too_little_memory_lets_nobody_in),
		TEST(a_wiped_answer_holds_nothing_and_lets_nobody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
