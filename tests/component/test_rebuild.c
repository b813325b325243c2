/* Vacuum and reindex: what is made is equal to what a sound database held, or nothing is replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/closure.h"
#include "core/dbfile.h"
#include "core/index.h"
#include "core/rebuild.h"
#include "core/store_impl.h"
#include "tests/support/fixture.h"
#include "tests/support/patient.h"
#include "tests/support/store_dir.h"

static int finding_count;
static uint64_t progress_count;
static struct idm_rebuilt rebuilt;

static void
take_finding(void *ctx, enum idm_finding kind, const char *text)
{
	(void)ctx;
	(void)kind;
	assert_true(text[0] != '\0');
	finding_count++;
}

static void
take_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	(void)ctx;
	assert_true(what[0] != '\0' && done <= total);
	progress_count++;
}

static enum idm_result
try_rebuild(struct patient *p,
    enum idm_result (*rebuild)(
	const struct idm_rebuild *ask, struct idm_rebuilt *out, struct idm_error *err),
    bool accept)
{
	const struct idm_rebuild ask = { .db_dir = p->realm->dir,
		.read_group = (gid_t)-1,
		.accept = accept,
		.report = { .most = 100, .finding = take_finding, .progress = take_progress } };
	enum idm_result result;
	char work[96];

	finding_count = 0;
	progress_count = 0;
	result = rebuild(&ask, &rebuilt, &p->err);
	for (int i = 0; i < 2; i++) {
		snprintf(work, sizeof(work), "%.60s/%s.work", p->realm->dir,
		    i == 0 ? "vacuum" : "reindex");
		assert_int_equal(access(work, F_OK), -1);
	}
	return result;
}

static void
reindex(struct patient *p)
{
	if (try_rebuild(p, idm_reindex, false) != IDM_OK)
		fail_msg("%s", p->err.text);
	assert_true(progress_count > 5);
}

static void
vacuum(struct patient *p)
{
	if (try_rebuild(p, idm_vacuum, false) != IDM_OK)
		fail_msg("%s", p->err.text);
}

/* --- what is in a file */

struct content {
	uint8_t *bytes;
	size_t len;
	size_t room;
};

static void
append(struct content *content, struct idm_span span)
{
	size_t need = content->len + span.len + sizeof(span.len);

	if (need > content->room) {
		content->room = 2 * need;
		content->bytes = realloc(content->bytes, content->room);
		assert_non_null(content->bytes);
	}
	memcpy(content->bytes + content->len, &span.len, sizeof(span.len));
	if (span.len != 0)
		memcpy(content->bytes + content->len + sizeof(span.len), span.ptr, span.len);
	content->len = need;
}

/* All records but the file's id. */
static struct content
content_of(struct patient *p)
{
	struct content content = { NULL, 0, 0 };
	struct idm_environment *env;
	struct idm_txn txn = { .write = false };
	MDB_txn *mdb;

	assert_int_equal(
	    idm_environment_open_bare(&env, p->identity, idm_dbs_identity, false, &p->err), IDM_OK);
	assert_int_equal(mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &mdb), 0);
	txn.mdb = mdb;
	assert_int_equal(idm_environment_look(env, &txn, &p->err), IDM_OK);
	for (enum idm_db db = IDM_DB_META; db < IDM_DB_LOCAL_META; db++) {
		struct idm_cursor cursor;
		struct idm_span key, value;

		assert_int_equal(
		    idm_cursor_open(&txn, db, IDM_SPAN_EMPTY, &cursor, &p->err), IDM_OK);
		while (idm_cursor_next(&cursor, &key, &value, &p->err) == IDM_OK) {
			if (db == IDM_DB_META && idm_span_is(key, "file_id"))
				continue;
			append(&content, key);
			append(&content, value);
		}
		idm_cursor_close(&cursor);
	}
	mdb_txn_abort(mdb);
	idm_environment_unref(&env);
	return content;
}

static void
assert_content(struct patient *p, const struct content *wanted)
{
	struct content found = content_of(p);

	assert_int_equal(found.len, wanted->len);
	assert_memory_equal(found.bytes, wanted->bytes, found.len);
	free(found.bytes);
}

static void
assert_file_is(struct patient *p, const uint8_t *bytes, size_t len)
{
	size_t now_len;
	uint8_t *now = store_dir_load(p->identity, &now_len);

	assert_int_equal(now_len, len);
	assert_memory_equal(now, bytes, len);
	free(now);
}

/* --- a patient with dynamic groups and an attribute of its own */

static void
enrich(struct patient *p)
{
	struct realm *r = p->realm;

	assert_int_equal(idm_store_open_writer(r->dir, (gid_t)-1, &r->store, &r->err), IDM_OK);
	assert_int_equal(
	    realm_create(r, NULL, "class", "group", "class", "dyngroup", "name", "machines",
		"dyngroup_filter", "(|(class=service_account)(class=group))", NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_create(r, NULL, "class", "attributetype", "attributetype_name", "badge",
		"attributetype_syntax", "utf8_nocase", "attributetype_unique", "true",
		"attributetype_index", "equality", "attributetype_index", "substring", NULL),
	    IDM_OK);
	realm_done(r);
	idm_access_table_free(&r->table);
	idm_store_close(&r->store);
	free(p->identity_bytes);
	p->identity_bytes = store_dir_load(p->identity, &p->identity_len);
}

static void
a_sound_database_is_equal_after_a_reindex(void **state)
{
	struct patient *p = *state;
	struct content before;

	enrich(p);
	before = content_of(p);
	reindex(p);
	assert_content(p, &before);
	assert_int_equal(rebuilt.edges, IDM_EDGES_AGREE);
	assert_false(rebuilt.new_digest);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	free(before.bytes);
}

static void
an_empty_database_survives_a_reindex_and_a_vacuum(void **state)
{
	struct realm *r = *state;
	const struct idm_rebuild ask = { .db_dir = r->dir, .read_group = (gid_t)-1 };

	idm_store_close(&r->store);
	assert_int_equal(idm_reindex(&ask, &rebuilt, &r->err), IDM_OK);
	assert_int_equal(idm_vacuum(&ask, &rebuilt, &r->err), IDM_OK);
	assert_int_equal(rebuilt.totals.findings, 0);
}

/* --- damage that a reindex mends */

static void
empty(struct patient *p, enum idm_db db)
{
	assert_int_equal(idm_store_del_all(&p->txn, db, IDM_SPAN_EMPTY, &p->err), IDM_OK);
}

static void
lose_the_index(struct patient *p)
{
	empty(p, IDM_DB_INDEX);
}

static void
lose_all_claims(struct patient *p)
{
	empty(p, IDM_DB_NAME);
}

static void
lose_all_uuids(struct patient *p)
{
	empty(p, IDM_DB_UUID);
}

static void
lose_the_members(struct patient *p)
{
	empty(p, IDM_DB_DOWN);
}

static void
lose_the_memberships(struct patient *p)
{
	empty(p, IDM_DB_UP);
}

static void
invent_rows(struct patient *p)
{
	static const enum idm_db dbs[] = { IDM_DB_INDEX, IDM_DB_NAME, IDM_DB_UUID };

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(idm_store_put(&p->txn, dbs[i], IDM_SPAN_LIT("sixteen octets!!"),
				     IDM_SPAN_LIT("\0\0\0\0\0\0\0\7"), &p->err),
		    IDM_OK);
}

static void
invent_a_member(struct patient *p)
{
	uint8_t key[17] = { 0 };
	uint64_t bob_id = patient_entry(p, "bob").id;
	bool changed;

	idm_store_u64(patient_entry(p, "everyone").id, key);
	key[8] = IDM_MEMBER_ACCOUNT;
	assert_int_equal(idm_index_set_id(&p->read, IDM_DB_DOWN, idm_span_of(key, sizeof(key)),
			     bob_id, true, &changed, &p->err),
	    IDM_OK);
}

static void
move_a_dynamic_member(struct patient *p)
{
	struct idm_entry robot = patient_entry(p, "robot"), bob;
	uint64_t group_id = patient_entry(p, "machines").id;
	bool changed;

	assert_int_equal(
	    idm_closure_set_edge(&p->read, group_id, &robot, false, &changed, &p->err), IDM_OK);
	assert_true(changed);
	bob = patient_entry(p, "bob");
	assert_int_equal(
	    idm_closure_set_edge(&p->read, group_id, &bob, true, &changed, &p->err), IDM_OK);
}

static void
forget_the_dynamic_groups(struct patient *p)
{
	assert_int_equal(
	    idm_store_del(&p->txn, IDM_DB_META, IDM_SPAN_LIT("dyngroups"), &p->err), IDM_OK);
}

static void
move_the_wellknown(struct patient *p)
{
	assert_int_equal(idm_lookup_store_wellknown(&p->txn, 2, 1, 3, &p->err), IDM_OK);
	assert_int_equal(
	    idm_lookup_store_domain(&p->txn, IDM_SPAN_LIT("lost.example.net"), &p->err), IDM_OK);
}

static void
what_is_derived_is_mended(void **state)
{
	static const struct {
		const char *name;
		void (*damage)(struct patient *p);
		enum idm_edge_source edges;
	} cases[] = {
		{ "index", lose_the_index, IDM_EDGES_AGREE },
		{ "claims", lose_all_claims, IDM_EDGES_AGREE },
		{ "uuids", lose_all_uuids, IDM_EDGES_AGREE },
		{ "members", lose_the_members, IDM_EDGES_UP },
		{ "memberships", lose_the_memberships, IDM_EDGES_DOWN },
		{ "rows too many", invent_rows, IDM_EDGES_AGREE },
		{ "a member too many", invent_a_member, IDM_EDGES_UP },
		{ "members of a dynamic group", move_a_dynamic_member, IDM_EDGES_AGREE },
		{ "the list of dynamic groups", forget_the_dynamic_groups, IDM_EDGES_AGREE },
		{ "well-known", move_the_wellknown, IDM_EDGES_AGREE },
	};
	struct patient *p = *state;
	struct content before;

	enrich(p);
	before = content_of(p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		patient_heal(p);
		patient_open(p);
		cases[i].damage(p);
		patient_close(p);
		patient_verify(p);
		assert_true(p->totals.findings != 0);
		if (try_rebuild(p, idm_reindex, false) != IDM_OK)
			fail_msg("%s: %s", cases[i].name, p->err.text);
		if (rebuilt.edges != cases[i].edges)
			fail_msg("%s: edges from %d", cases[i].name, rebuilt.edges);
		assert_content(p, &before);
	}
	free(before.bytes);
}

/* --- damage that it does not mend */

static void
lie_about_the_digest(struct patient *p)
{
	assert_int_equal(idm_store_put(&p->txn, IDM_DB_META, IDM_SPAN_LIT("digest"),
			     IDM_SPAN_LIT("thirty-two octets of a lie, here"), &p->err),
	    IDM_OK);
}

static void
where_nothing_fits_the_digest_only_consent_helps(void **state)
{
	struct patient *p = *state;
	struct content before = content_of(p), after;
	size_t len;
	uint8_t *bytes;

	patient_open(p);
	lie_about_the_digest(p);
	patient_close(p);
	bytes = store_dir_load(p->identity, &len);
	assert_int_equal(try_rebuild(p, idm_reindex, false), IDM_CORRUPT);
	assert_non_null(strstr(p->err.text, "digest"));
	assert_file_is(p, bytes, len);
	free(bytes);
	assert_int_equal(try_rebuild(p, idm_reindex, true), IDM_OK);
	assert_true(rebuilt.new_digest);
	after = content_of(p);
	assert_int_equal(after.len, before.len);
	assert_memory_equal(after.bytes, before.bytes, after.len);
	free(after.bytes);
	free(before.bytes);
}

static void
an_edge_of_one_direction_is_no_membership_when_accepted(void **state)
{
	struct patient *p = *state;

	patient_open(p);
	invent_a_member(p);
	lie_about_the_digest(p);
	patient_close(p);
	assert_int_equal(try_rebuild(p, idm_reindex, true), IDM_OK);
	patient_open(p);
	{
		struct idm_entry bob = patient_entry(p, "bob");
		struct idm_ids groups;

		assert_int_equal(idm_closure_memberof(&p->read, &bob, &groups, &p->err), IDM_OK);
		assert_false(idm_ids_has(&groups, patient_entry(p, "everyone").id));
	}
	patient_close(p);
}

static void
a_lost_entry_is_not_made_up(void **state)
{
	struct patient *p = *state;
	uint8_t key[8];
	size_t len;
	uint8_t *bytes;

	patient_open(p);
	idm_store_u64(patient_entry(p, "bob").id, key);
	assert_int_equal(
	    idm_store_del(&p->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), &p->err), IDM_OK);
	patient_close(p);
	bytes = store_dir_load(p->identity, &len);
	assert_int_equal(try_rebuild(p, idm_reindex, false), IDM_CORRUPT);
	assert_int_equal(try_rebuild(p, idm_reindex, true), IDM_CORRUPT); /* bob manages staff */
	assert_true(finding_count > 0);
	assert_file_is(p, bytes, len);
	free(bytes);
}

/* Whatever page is garbage: all comes back, or nothing is replaced; and nobody dies of it. */
static void
a_page_of_garbage_is_mended_or_refused(void **state)
{
	struct patient *p = *state;
	struct content before = content_of(p);
	struct idm_dbfile_info info;
	uint8_t *bytes = malloc(p->identity_len);
	int mended = 0, refused = 0;

	assert_non_null(bytes);
	assert_int_equal(idm_dbfile_check(p->identity, &info, &p->err), IDM_OK);
	for (uint64_t page = 2; page <= info.last_page; page++) {
		memcpy(bytes, p->identity_bytes, p->identity_len);
		memset(bytes + page * info.page_bytes, page % 2 == 0 ? 0 : 0xff, info.page_bytes);
		store_dir_save(p->identity, bytes, p->identity_len);
		if (try_rebuild(p, idm_reindex, false) == IDM_OK) {
			assert_content(p, &before);
			mended++;
		} else {
			assert_true(p->err.text[0] != '\0');
			assert_file_is(p, bytes, p->identity_len);
			refused++;
		}
		if (try_rebuild(p, idm_vacuum, false) == IDM_OK)
			assert_content(p, &before);
	}
	assert_true(mended > 5);
	assert_true(refused > 5);
	free(bytes);
	free(before.bytes);
}

/* --- vacuum */

static void
a_vacuum_gives_back_the_free_pages_and_changes_nothing(void **state)
{
	struct patient *p = *state;
	struct realm *r = p->realm;
	struct content before;
	struct idm_store *reader;
	struct idm_txn txn;
	uint8_t file_id[IDM_STORE_FILE_ID_BYTES], another[IDM_STORE_FILE_ID_BYTES];

	assert_int_equal(idm_store_open_writer(r->dir, (gid_t)-1, &r->store, &r->err), IDM_OK);
	for (int i = 0; i < 60; i++)
		assert_int_equal(
		    realm_modify(r, NULL, "staff", i % 2 == 0 ? "+member" : "-member", "bob", NULL),
		    IDM_OK);
	realm_done(r);
	idm_access_table_free(&r->table);
	idm_store_close(&r->store);
	before = content_of(p);
	assert_int_equal(idm_store_open_reader(r->dir, &reader, &p->err), IDM_OK);
	assert_int_equal(idm_store_read_begin(reader, &txn, &p->err), IDM_OK);
	idm_store_file_id(&txn, file_id);
	idm_store_read_end(&txn);

	vacuum(p);
	assert_true(rebuilt.bytes_after < rebuilt.bytes_before);
	assert_content(p, &before);
	assert_int_equal(idm_store_read_begin(reader, &txn, &p->err), IDM_OK);
	idm_store_file_id(&txn, another);
	idm_store_read_end(&txn);
	assert_memory_not_equal(file_id, another, sizeof(file_id));
	idm_store_close(&reader);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	free(before.bytes);
}

static void
neither_runs_beside_a_server_or_a_backup(void **state)
{
	struct patient *p = *state;
	int held;

	assert_int_equal(idm_store_hold_files(p->realm->dir, &held, &p->err), IDM_OK);
	assert_int_equal(try_rebuild(p, idm_vacuum, false), IDM_BUSY);
	assert_non_null(strstr(p->err.text, "backup"));
	close(held);
	assert_int_equal(
	    idm_store_open_writer(p->realm->dir, (gid_t)-1, &p->realm->store, &p->err), IDM_OK);
	assert_int_equal(try_rebuild(p, idm_vacuum, false), IDM_BUSY);
	assert_int_equal(try_rebuild(p, idm_reindex, false), IDM_BUSY);
	assert_non_null(strstr(p->err.text, "a server is running"));
}

static void
a_damaged_database_is_not_vacuumed(void **state)
{
	struct patient *p = *state;
	size_t len;
	uint8_t *bytes;

	patient_open(p);
	lose_all_claims(p);
	patient_close(p);
	bytes = store_dir_load(p->identity, &len);
	assert_int_equal(try_rebuild(p, idm_vacuum, false), IDM_CORRUPT);
	assert_true(finding_count > 0);
	assert_file_is(p, bytes, len);
	free(bytes);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, patient_setup, patient_teardown)
	const struct CMUnitTest tests[] = {
		T(a_sound_database_is_equal_after_a_reindex),
		cmocka_unit_test_setup_teardown(an_empty_database_survives_a_reindex_and_a_vacuum,
		    realm_setup_empty, realm_teardown),
		T(what_is_derived_is_mended),
		T(where_nothing_fits_the_digest_only_consent_helps),
		T(an_edge_of_one_direction_is_no_membership_when_accepted),
		T(a_lost_entry_is_not_made_up),
		T(a_page_of_garbage_is_mended_or_refused),
		T(a_vacuum_gives_back_the_free_pages_and_changes_nothing),
		T(neither_runs_beside_a_server_or_a_backup),
		T(a_damaged_database_is_not_vacuumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
