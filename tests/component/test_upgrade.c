/*
 * Databases of other formats: a former one is upgraded in place after a verified copy was made, a
 * newer one is refused, and whatever goes wrong leaves everything as it was.
 *
 * This program with the words "set-format", a directory and a number makes the database there one
 * of that format, for the end-to-end tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/audit.h"
#include "core/change_log.h"
#include "core/rest.h"
#include "core/session.h"
#include "core/token_store.h"
#include "core/upgrade.h"
#include "tests/support/patient.h"
#include "tests/support/store_dir.h"

/* --- a database as version 1 of the format had it */

/* Visit all records under a prefix, from a list of copies. */
static void
each(struct patient *p, enum idm_db db, const char *prefix,
    void (*visit)(struct patient *p, struct idm_span key, struct idm_span value))
{
	struct idm_span keys[256], values[256];
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t count = 0;

	assert_int_equal(
	    idm_cursor_open(&p->txn, db, idm_span_cstr(prefix), &cursor, &p->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &p->err) == IDM_OK) {
		assert_true(count < 256);
		keys[count] = idm_arena_copy(p->realm->arena, key);
		values[count++] = idm_arena_copy(p->realm->arena, value);
	}
	idm_cursor_close(&cursor);
	for (size_t i = 0; i < count; i++)
		visit(p, keys[i], values[i]);
}

static void
del(struct patient *p, enum idm_db db, struct idm_span key)
{
	assert_int_equal(idm_store_del(&p->txn, db, key, &p->err), IDM_OK);
}

static void
make_old_request(struct patient *p, struct idm_span key, struct idm_span value)
{
	del(p, IDM_DB_REQUESTS, key);
	if (key.ptr[0] == 'i')
		assert_int_equal(
		    idm_store_put(&p->txn, IDM_DB_REQUESTS, idm_span_of(key.ptr + 1, key.len - 1),
			idm_span_of(value.ptr, 8), &p->err),
		    IDM_OK);
}

static void
drop_meta(struct patient *p, struct idm_span key, struct idm_span value)
{
	(void)value;
	del(p, IDM_DB_META, key);
}

static void
drop_list_of_tokens(struct patient *p, struct idm_span key, struct idm_span value)
{
	(void)value;
	if (key.len != IDM_UUID_BYTES)
		del(p, IDM_DB_TOKENS, key);
}

static void
drop_claim(struct patient *p, struct idm_span key, struct idm_span value)
{
	(void)value;
	del(p, IDM_DB_NAME, key);
}

static void
drop_session_end(struct patient *p, struct idm_span key, struct idm_span value)
{
	(void)value;
	del(p, IDM_DB_SESSIONS, key);
}

static void
set_format(struct patient *p, enum idm_db meta, uint64_t format)
{
	assert_int_equal(
	    idm_store_put_number(&p->txn, meta, "format_version", format, &p->err), IDM_OK);
}

static void
make_former(struct patient *p)
{
	patient_heal(p);
	patient_open(p);
	each(p, IDM_DB_REQUESTS, "", make_old_request);
	each(p, IDM_DB_META, "rest_until.", drop_meta);
	each(p, IDM_DB_META, "builtin_format", drop_meta);
	each(p, IDM_DB_TOKENS, "", drop_list_of_tokens);
	each(p, IDM_DB_NAME, "p", drop_claim);
	set_format(p, IDM_DB_META, 1);
	patient_close(p);
	patient_open_local(p);
	each(p, IDM_DB_SESSIONS, "e", drop_session_end);
	set_format(p, IDM_DB_LOCAL_META, 1);
	patient_close(p);
}

/* --- what is made of it */

static enum idm_result
open_again(struct patient *p)
{
	struct realm *r = p->realm;

	return idm_builtin_open(r->dir, (gid_t)-1, REALM_DOMAIN, r->now, &r->store, &p->err);
}

static void
assert_opens(struct patient *p)
{
	if (open_again(p) != IDM_OK)
		fail_msg("%s", p->err.text);
}

static const char *
copy_path(struct patient *p, const char *file)
{
	static char paths[2][160];
	static int turn;

	turn = 1 - turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", p->realm->dir, file);
	return paths[turn];
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void
remove_copies(struct patient *p)
{
	unlink(copy_path(p, "identity.mdb.format-1"));
	unlink(copy_path(p, "local.mdb.format-1"));
}

static void
a_former_format_is_upgraded_and_nothing_is_lost(void **state)
{
	struct patient *p = *state;
	struct realm *r = p->realm;
	uint8_t before[32], after[32];

	patient_heal(p);
	assert_opens(p);
	assert_int_equal(idm_store_upgraded_from(r->store), 0);
	realm_digest(r, before);
	idm_store_close(&r->store);

	make_former(p);
	assert_opens(p);
	assert_int_equal(idm_store_upgraded_from(r->store), 1);
	realm_digest(r, after);
	assert_memory_equal(before, after, sizeof(before));
	idm_store_close(&r->store);
	patient_verify(p); /* every row that the new format wants is there */
	for (size_t i = 0; i < p->finding_count; i++)
		print_message("%s\n", p->findings[i].text);
	assert_int_equal(p->totals.findings, 0);

	assert_opens(p); /* and it is done once */
	assert_int_equal(idm_store_upgraded_from(r->store), 0);
	idm_store_close(&r->store);
	remove_copies(p);
}

static void
the_upgraded_one_goes_on_as_one_that_was_made_new(void **state)
{
	struct patient *p = *state;
	struct realm *r = p->realm;
	struct idm_change_set set;
	struct idm_answer answer;
	uint64_t no;

	make_former(p);
	assert_opens(p);
	no = realm_applied(r);
	realm_entry(r, "admin");
	assert_int_equal(idm_change_log_get(&r->read, no, &set, &r->err), IDM_OK);
	assert_int_equal(idm_change_log_find(&r->read, &set.request_id, &answer, &r->err), IDM_OK);
	assert_int_equal(answer.no, no);
	realm_done(r);
	assert_int_equal(realm_modify(r, NULL, "alice", "=displayname", "A", NULL), IDM_OK);
	assert_int_equal(realm_delete(r, NULL, "robot"), IDM_OK);
	assert_int_equal(r->set.items[0].token_count, 1); /* it is found by its account */
	r->now.at_s += IDM_NAME_REST_S;                   /* gone's name is swept */
	assert_int_equal(realm_modify(r, NULL, "alice", "=displayname", "B", NULL), IDM_OK);
	r->now.at_s -= IDM_NAME_REST_S;
	idm_store_close(&r->store);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	remove_copies(p);
}

static void
the_copy_is_the_former_database(void **state)
{
	struct patient *p = *state;
	struct realm *r = p->realm;
	struct stat st;

	make_former(p);
	assert_opens(p);
	idm_store_close(&r->store);
	assert_int_equal(stat(copy_path(p, "local.mdb.format-1"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(copy_path(p, "identity.mdb.format-1"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(is_there(copy_path(p, "identity.mdb.new-copy")));

	/* In the place of the upgraded one it is upgraded as the first time. */
	assert_int_equal(
	    idm_store_replace(r->dir, (gid_t)-1, copy_path(p, "identity.mdb.format-1"), &p->err),
	    IDM_OK);
	assert_opens(p);
	assert_int_equal(idm_store_upgraded_from(r->store), 1);
	idm_store_close(&r->store);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	remove_copies(p);
}

static void
readers_are_told_that_the_server_upgrades_it_and_then_follow(void **state)
{
	struct patient *p = *state;
	struct realm *r = p->realm;
	struct idm_store *reader = NULL;

	make_former(p);
	assert_int_equal(idm_store_open_reader(r->dir, &reader, &p->err), IDM_INVALID);
	assert_non_null(strstr(p->err.text, "kanidm-ldapd upgrades it"));
	assert_opens(p);
	assert_int_equal(idm_store_open_reader(r->dir, &reader, &p->err), IDM_OK);
	idm_store_close(&reader);
	idm_store_close(&r->store);
	remove_copies(p);
}

/* --- built-in entries that came with the format */

static void
forget_entry(struct patient *p, struct idm_uuid uuid)
{
	struct idm_read read;
	struct idm_entry entry;
	struct idm_change_set set = { .operation = IDM_OP_PURGE, .source = IDM_SPAN_LIT("test") };
	struct idm_item item = { .uuid = uuid, .kind = IDM_ITEM_PURGE };
	struct idm_claim_change claim = { IDM_CLAIM_PROFILE, false, IDM_ATTR_NAME, IDM_SPAN_EMPTY };
	uint64_t applied;

	assert_int_equal(
	    idm_read_attach(&p->txn, p->realm->arena, p->realm->now, &read, &p->err), IDM_OK);
	assert_int_equal(idm_lookup_uuid(&read, &uuid, &entry, &p->err), IDM_OK);
	claim.norm = idm_arena_copy(read.arena, idm_entry_text(&entry, IDM_ATTR_NAME));
	item.base = entry.version;
	item.claims = &claim;
	item.claim_count = 1;
	set.items = &item;
	set.item_count = 1;
	assert_true(idm_uuid_generate(&set.request_id));
	assert_int_equal(
	    idm_store_get_number(&p->txn, IDM_DB_META, "applied", &applied, &p->err), IDM_OK);
	set.no = applied + 1;
	set.at_s = p->realm->now.at_s;
	assert_int_equal(idm_change_apply(&read, &set, &p->err), IDM_OK);
}

static void
built_in_entries_that_are_new_are_made_once(void **state)
{
	struct patient *p = *state;
	struct realm *r = p->realm;
	struct idm_uuid profile = idm_uuid_builtin(UINT64_C(0xac000006)); /* mail_read */
	struct idm_entry entry;

	patient_heal(p);
	patient_open(p);
	forget_entry(p, profile);
	each(p, IDM_DB_META, "builtin_format", drop_meta);
	patient_close(p);
	assert_opens(p);
	realm_entry(r, "admin");
	assert_int_equal(idm_lookup_uuid(&r->read, &profile, &entry, &r->err), IDM_OK);
	assert_true(idm_span_is(idm_entry_text(&entry, IDM_ATTR_NAME), "mail_read"));
	realm_done(r);
	idm_store_close(&r->store);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);

	patient_open(p); /* what is gone after that stays gone */
	forget_entry(p, profile);
	patient_close(p);
	assert_opens(p);
	realm_entry(r, "admin");
	assert_int_equal(idm_lookup_uuid(&r->read, &profile, &entry, &r->err), IDM_NOT_FOUND);
	realm_done(r);
	idm_store_close(&r->store);
}

/* --- from format 2: it had no audit trail */

static void
remove_audit(struct patient *p)
{
	patient_heal(p);
	patient_open(p);
	forget_entry(p, idm_uuid_builtin(UINT64_C(0xac000070))); /* the profile `audit` */
	each(p, IDM_DB_META, "builtin_format", drop_meta);
	set_format(p, IDM_DB_META, 2);
	patient_close(p);
	patient_open_local(p);
	assert_int_equal(mdb_drop(p->txn.mdb, p->env->dbis[IDM_DB_AUDIT], 1), 0);
	set_format(p, IDM_DB_LOCAL_META, 2);
	patient_close(p);
}

static void
an_audit_trail_and_who_may_read_it_come_with_the_upgrade(void **state)
{
	struct patient *p = *state;
	struct realm *r = p->realm;
	struct idm_audit_record record = { .protocol = IDM_AUDIT_LDAP,
		.operation = IDM_AUDIT_LOGIN,
		.actor_name = IDM_SPAN_LIT("anna") };
	struct idm_audit audit;
	struct idm_txn txn;
	struct idm_entry entry;

	remove_audit(p);
	assert_opens(p);
	assert_int_equal(idm_store_upgraded_from(r->store), 2);
	realm_entry(r, "admin");
	assert_int_equal(
	    idm_lookup_claim(&r->read, IDM_CLAIM_PROFILE, IDM_SPAN_LIT("audit"), &entry, &r->err),
	    IDM_OK);
	assert_true(idm_uuid_is_builtin(&entry.uuid));
	realm_done(r);
	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_audit_begin(&txn, &audit, &r->err), IDM_OK);
	assert_int_equal(idm_audit_append(&audit, &record, &r->err), IDM_OK);
	assert_int_equal(idm_audit_end(&audit, IDM_AUDIT_KEEP_BYTES, r->now, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
	idm_store_close(&r->store);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	unlink(copy_path(p, "identity.mdb.format-2"));
	unlink(copy_path(p, "local.mdb.format-2"));
}

/* --- what goes wrong */

static void
assert_refused(struct patient *p, enum idm_result wanted, const char *text)
{
	enum idm_result result;
	uint8_t *before, *after;
	size_t before_len, after_len;

	before = store_dir_load(p->identity, &before_len);
	result = open_again(p);
	after = store_dir_load(p->identity, &after_len);
	if (result != wanted || strstr(p->err.text, text) == NULL)
		fail_msg("%s: %s", idm_result_name(result), p->err.text);
	assert_null(p->realm->store);
	assert_true(before_len <= after_len);
	assert_memory_equal(before, after, before_len);
	for (size_t i = before_len; i < after_len; i++)
		assert_int_equal(after[i], 0); /* a hole behind the last page (core/dbfile.h) */
	free(before);
	free(after);
}

static void
a_newer_format_is_refused_and_left_alone(void **state)
{
	struct patient *p = *state;
	struct idm_store *reader = NULL;

	patient_heal(p);
	patient_open(p);
	set_format(p, IDM_DB_META, IDM_STORE_FORMAT + 1);
	patient_close(p);
	assert_refused(p, IDM_INVALID, "a newer version of this program wrote");
	assert_int_equal(idm_store_open_reader(p->realm->dir, &reader, &p->err), IDM_INVALID);

	patient_heal(p);
	patient_open_local(p);
	set_format(p, IDM_DB_LOCAL_META, IDM_STORE_FORMAT + 1);
	patient_close(p);
	assert_refused(p, IDM_INVALID, "local.mdb");

	patient_heal(p);
	patient_open(p);
	set_format(p, IDM_DB_META, 0);
	patient_close(p);
	assert_refused(p, IDM_INVALID, "no version of this program wrote");
}

/* A directory stands where the copy is to be made. */
static void
without_a_copy_nothing_is_upgraded(void **state)
{
	struct patient *p = *state;
	const char *way = copy_path(p, "identity.mdb.new-copy");

	make_former(p);
	assert_int_equal(mkdir(way, 0700), 0);
	assert_refused(p, IDM_SYSTEM, "could not be upgraded, and is as it was");
	assert_int_equal(rmdir(way), 0);
	assert_opens(p);
	idm_store_close(&p->realm->store);
	remove_copies(p);
}

static void
damage_is_found_before_anything_is_changed(void **state)
{
	struct patient *p = *state;

	make_former(p);
	/* The second octet of a value: its record's checksum no longer fits. */
	store_dir_patch(
	    p->identity, "RADIUS clients, RADIUS policy", "RBDIUS clients, RADIUS policy");
	assert_refused(p, IDM_CORRUPT, "checksum");
	assert_false(is_there(copy_path(p, "identity.mdb.format-1")));
	assert_false(is_there(copy_path(p, "identity.mdb.new-copy")));
	remove_copies(p);
}

static void
what_a_step_can_not_read_stops_it(void **state)
{
	struct patient *p = *state;

	make_former(p);
	patient_open(p);
	assert_int_equal(idm_store_put(&p->txn, IDM_DB_REQUESTS, IDM_SPAN_LIT("sixteen octets!!"),
			     IDM_SPAN_LIT("?"), &p->err),
	    IDM_OK);
	patient_close(p);
	assert_refused(p, IDM_CORRUPT, "a row of requests");
	assert_true(is_there(copy_path(p, "identity.mdb.format-1")));
	remove_copies(p);
}

static void
a_copy_of_an_earlier_time_is_replaced(void **state)
{
	struct patient *p = *state;

	make_former(p);
	store_dir_save(copy_path(p, "identity.mdb.new-copy"), (const uint8_t *)"half", 4);
	store_dir_save(copy_path(p, "identity.mdb.format-1"), (const uint8_t *)"old", 3);
	assert_opens(p);
	idm_store_close(&p->realm->store);
	assert_false(is_there(copy_path(p, "identity.mdb.new-copy")));
	assert_int_equal(idm_store_replace(p->realm->dir, (gid_t)-1,
			     copy_path(p, "identity.mdb.format-1"), &p->err),
	    IDM_OK);
	remove_copies(p);
}

/* --- for the end-to-end tests */

static int
set_format_of(const char *dir, uint64_t format)
{
	struct idm_store *store;
	struct idm_txn txn;
	struct idm_error err = { .text = "" };
	enum idm_result result = idm_store_open_writer(dir, (gid_t)-1, &store, &err);

	if (result == IDM_OK)
		result = idm_store_write_begin(store, &txn, &err);
	if (result == IDM_OK)
		result = idm_store_write_end(&txn,
		    idm_store_put_number(&txn, IDM_DB_META, "format_version", format, &err), &err);
	if (result != IDM_OK) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	idm_store_close(&store);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_former_format_is_upgraded_and_nothing_is_lost),
		cmocka_unit_test(the_upgraded_one_goes_on_as_one_that_was_made_new),
		cmocka_unit_test(the_copy_is_the_former_database),
		cmocka_unit_test(readers_are_told_that_the_server_upgrades_it_and_then_follow),
		cmocka_unit_test(built_in_entries_that_are_new_are_made_once),
		cmocka_unit_test(an_audit_trail_and_who_may_read_it_come_with_the_upgrade),
		cmocka_unit_test(a_newer_format_is_refused_and_left_alone),
		cmocka_unit_test(without_a_copy_nothing_is_upgraded),
		cmocka_unit_test(damage_is_found_before_anything_is_changed),
		cmocka_unit_test(what_a_step_can_not_read_stops_it),
		cmocka_unit_test(a_copy_of_an_earlier_time_is_replaced),
	};

	if (argc == 4 && strcmp(argv[1], "set-format") == 0)
		return set_format_of(argv[2], strtoull(argv[3], NULL, 10));
	return cmocka_run_group_tests(tests, patient_setup, patient_teardown);
}
