/* What time alone brings in the core process: sessions and deleted entries that are over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/session.h"
#include "core/token_store.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"

enum { DAY_S = 86400 };

/* Time passes, and a minute's work is done to its end. */
static void
pass_s(struct server *s, int64_t seconds)
{
	test_clock.now_s += seconds;
	test_clock.monotonic_ms += (uint64_t)seconds * 1000;
	s->realm->now.at_s = test_clock.now_s;
	event_active(s->core->minute_event, EV_TIMEOUT, 0);
	for (int i = 0; i < 8; i++) {
		server_settle(s);
		event_active(s->core->step_event, EV_TIMEOUT, 0);
	}
	server_settle(s);
}

static struct idm_uuid
put_session(struct server *s, const char *name, int64_t expire_s)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION };
	struct idm_txn txn;

	assert_true(idm_token_generate(text, &row));
	row.account = realm_uuid(s->realm, name);
	row.expire_s = expire_s;
	assert_int_equal(idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, s->realm->arena, &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	return row.id;
}

static bool
has_session(struct server *s, const struct idm_uuid *id)
{
	struct idm_token_row row;
	struct idm_txn txn;
	enum idm_result result;

	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	result = idm_session_get(&txn, id, &row, &s->err);
	idm_store_read_end(&txn);
	return result == IDM_OK;
}

/* Which of these an entry is by now; "": it is not there. */
static const char *
state_of(struct server *s, const struct idm_uuid *uuid)
{
	struct realm *r = s->realm;
	struct idm_entry entry;
	const char *state = "live";

	realm_entry(r, "admin");
	if (idm_lookup_uuid(&r->read, uuid, &entry, &r->err) != IDM_OK)
		state = "";
	else if (idm_entry_has_class(&entry, "tombstone"))
		state = "tombstone";
	else if (idm_entry_has_class(&entry, "recycled"))
		state = "recycled";
	realm_done(r);
	return state;
}

static void
sessions_that_expired_are_forgotten(void **state)
{
	struct server *s = *state;
	struct idm_uuid soon = put_session(s, "anna", test_clock.now_s + 100);
	struct idm_uuid later = put_session(s, "anna", test_clock.now_s + 10000);

	pass_s(s, 99);
	assert_true(has_session(s, &soon));
	pass_s(s, 61);
	assert_false(has_session(s, &soon));
	assert_true(has_session(s, &later));
}

static void
a_deleted_entry_rests_then_is_a_tombstone_then_gone(void **state)
{
	struct server *s = *state;
	struct idm_uuid carl = realm_uuid(s->realm, "carl");
	struct idm_uuid ben = realm_uuid(s->realm, "ben");

	pass_s(s, 1);
	assert_int_equal(realm_delete(s->realm, NULL, "carl"), IDM_OK);
	pass_s(s, 7 * DAY_S - 1);
	assert_string_equal(state_of(s, &carl), "recycled");
	pass_s(s, 60);
	assert_string_equal(state_of(s, &carl), "tombstone");
	pass_s(s, 7 * DAY_S - 61);
	assert_string_equal(state_of(s, &carl), "tombstone");
	pass_s(s, 120);
	assert_string_equal(state_of(s, &carl), "");
	assert_string_equal(state_of(s, &ben), "live");
}

/* More than a minute does at once: it goes on in steps until all is done. */
static void
many_deleted_entries_are_all_aged(void **state)
{
	enum { MANY = 100 };
	struct server *s = *state;
	struct idm_uuid uuids[MANY];
	char name[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		realm_person(s->realm, name);
		uuids[i] = realm_uuid(s->realm, name);
		assert_int_equal(realm_delete(s->realm, NULL, name), IDM_OK);
	}
	pass_s(s, 7 * DAY_S + 60);
	for (int i = 0; i < MANY; i++)
		assert_string_equal(state_of(s, &uuids[i]), "tombstone");
}

/* A clock that nobody vouches for must not take away what could still be revived (SPEC 11.5). */
static void
a_clock_that_jumped_ages_nothing(void **state)
{
	struct server *s = *state;
	struct idm_uuid ben = realm_uuid(s->realm, "ben");

	pass_s(s, 60);
	assert_int_equal(realm_delete(s->realm, NULL, "ben"), IDM_OK);
	test_clock.unsynchronised = true;
	test_clock.now_s += 30 * DAY_S; /* in which no time has passed */
	pass_s(s, 60);
	assert_string_equal(state_of(s, &ben), "recycled");
	test_clock.unsynchronised = false; /* somebody vouches for it */
	pass_s(s, 60);
	assert_string_equal(state_of(s, &ben), "tombstone");
}

static uint64_t
change_bytes(struct server *s, uint64_t set)
{
	struct idm_txn txn;
	uint64_t value;

	assert_int_equal(idm_store_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(
	    idm_store_get_number(&txn, IDM_DB_META, "changes.bytes", &value, &s->err), IDM_OK);
	if (set != 0)
		assert_int_equal(
		    idm_store_put_number(&txn, IDM_DB_META, "changes.bytes", set, &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	return value;
}

/* After a large change, none need come for the record to be as large as it may (CHANGES 24). */
static void
the_record_of_changes_is_kept_by_size(void **state)
{
	struct server *s = *state;
	uint64_t bytes = change_bytes(s, 0);

	pass_s(s, 60);
	assert_int_equal(change_bytes(s, 0), bytes);
	change_bytes(s, IDM_CHANGES_KEEP_BYTES + bytes / 2);
	pass_s(s, 60);
	assert_in_range(change_bytes(s, 0), 1, IDM_CHANGES_KEEP_BYTES);
}

static struct idm_uuid
put_token(struct server *s, const char *account, int64_t expire_s)
{
	struct realm *r = s->realm;
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_token_row row = { .expire_s = expire_s, .label = IDM_SPAN_LIT("label") };
	struct idm_request_token token = { .issue = &row };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = realm_uuid(r, account), .token = &token
	};
	char text[IDM_TOKEN_TEXT];

	assert_true(idm_token_generate(text, &row));
	token.id = row.id;
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	return row.id;
}

static bool
has_token(struct server *s, const struct idm_uuid *id)
{
	struct idm_token_row row;
	enum idm_result result;

	realm_entry(s->realm, "admin");
	result = idm_token_get(s->realm->read.txn, id, &row, &s->err);
	realm_done(s->realm);
	return result == IDM_OK;
}

static void
tokens_that_expired_a_week_ago_are_gone(void **state)
{
	struct server *s = *state;
	struct idm_uuid expired = put_token(s, "robot", test_clock.now_s + 60);
	struct idm_uuid kept = put_token(s, "robot", INT64_MAX);

	pass_s(s, 6 * DAY_S);
	assert_true(has_token(s, &expired)); /* `api-token status` still tells of it */
	pass_s(s, 2 * DAY_S);
	assert_false(has_token(s, &expired));
	assert_true(has_token(s, &kept));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_that_expired_are_forgotten),
		cmocka_unit_test(tokens_that_expired_a_week_ago_are_gone),
		cmocka_unit_test(a_deleted_entry_rests_then_is_a_tombstone_then_gone),
		cmocka_unit_test(many_deleted_entries_are_all_aged),
		cmocka_unit_test(a_clock_that_jumped_ages_nothing),
		cmocka_unit_test(the_record_of_changes_is_kept_by_size),
	};

	return cmocka_run_group_tests(tests, server_setup_core, server_teardown);
}
