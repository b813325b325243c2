#include "tests/support/patient.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/session.h"
#include "core/token_store.h"
#include "tests/support/store_dir.h"

static void
assert_ok(struct patient *p, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), p->err.text);
}

static void
put_session(struct realm *r)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = { .kind = IDM_TOKEN_SESSION, .expire_s = INT64_MAX };
	struct idm_uuid account = realm_uuid(r, "alice");
	struct idm_txn txn;

	assert_true(idm_token_generate(text, &row));
	row.account = account;
	assert_int_equal(idm_store_local_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_session_put(&txn, &row, r->arena, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
}

static void
put_token(struct realm *r)
{
	char text[IDM_TOKEN_TEXT];
	struct idm_token_row row = { .kind = IDM_TOKEN_API, .expire_s = INT64_MAX };
	struct idm_uuid account = realm_uuid(r, "robot");
	struct idm_span bytes;
	struct idm_txn txn;

	assert_true(idm_token_generate(text, &row));
	row.account = account;
	bytes = idm_token_row_encode(&row, r->arena);
	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_token_put(&txn, &row.id, bytes, &r->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
}

static void
make_people(struct realm *r)
{
	realm_person(r, "alice");
	realm_person(r, "bob");
	realm_person(r, "gone");
	realm_group(r, "staff");
	realm_group(r, "everyone");
	assert_int_equal(realm_create(r, NULL, "class", "account", "class", "service_account",
			     "name", "robot", "displayname", "Robot", NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_modify(r, NULL, "alice", "+mail", "Alice@example.org", "+mail", "a2@example.org",
		"+class", "posixaccount", "+gidnumber", "70001", NULL),
	    IDM_OK);
	assert_int_equal(
	    realm_set_secret(r, NULL, "alice", IDM_ATTR_PRIMARY_CREDENTIAL, "$argon2id$"), IDM_OK);
	assert_int_equal(
	    realm_set_secret(r, NULL, "alice", IDM_ATTR_RADIUS_SECRET, "a radius secret"), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", "+member", "gone",
			     "+entry_managed_by", "bob", NULL),
	    IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "everyone", "+member", "staff", NULL), IDM_OK);
	assert_int_equal(realm_create(r, NULL, "class", "group", "class", "dyngroup", "name",
			     "unix", "dyngroup_filter", "(class=posixaccount)", NULL),
	    IDM_OK);
	assert_int_equal(realm_delete(r, NULL, "gone"), IDM_OK);
	put_session(r);
	put_token(r);
}

/* Without the free pages, where damage does no harm. */
static void
compact(struct patient *p)
{
	char copy[96];

	snprintf(copy, sizeof(copy), "%.60s/copy", p->realm->dir);
	assert_ok(p, idm_store_copy(p->realm->store, copy, &p->err));
	idm_store_close(&p->realm->store);
	assert_int_equal(rename(copy, p->identity), 0);
}

int
patient_setup(void **state)
{
	struct patient *p = calloc(1, sizeof(*p));
	void *realm;

	assert_non_null(p);
	realm_setup(&realm);
	p->realm = realm;
	make_people(p->realm);
	realm_done(p->realm);
	snprintf(p->identity, sizeof(p->identity), "%.60s/identity.mdb", p->realm->dir);
	snprintf(p->local, sizeof(p->local), "%.60s/local.mdb", p->realm->dir);
	compact(p);
	p->identity_bytes = store_dir_load(p->identity, &p->identity_len);
	p->local_bytes = store_dir_load(p->local, &p->local_len);
	*state = p;
	return 0;
}

int
patient_teardown(void **state)
{
	struct patient *p = *state;
	void *realm = p->realm;

	realm_teardown(&realm);
	free(p->identity_bytes);
	free(p->local_bytes);
	free(p);
	return 0;
}

void
patient_heal(struct patient *p)
{
	store_dir_save(p->identity, p->identity_bytes, p->identity_len);
	store_dir_save(p->local, p->local_bytes, p->local_len);
}

static void
open_file(struct patient *p, const char *path, struct idm_db_range range, uint64_t map_bytes)
{
	MDB_txn *mdb;

	assert_ok(p, idm_environment_open_writer(
			 &p->env, path, (gid_t)-1, range, map_bytes, MDB_NOSYNC, &p->err));
	assert_int_equal(mdb_txn_begin(p->env->mdb, NULL, 0, &mdb), 0);
	p->txn = (struct idm_txn){ .mdb = mdb, .write = true };
}

void
patient_open(struct patient *p)
{
	idm_arena_reset(p->realm->arena);
	open_file(p, p->identity, idm_dbs_identity, IDM_IDENTITY_MAP_BYTES);
	assert_ok(p, idm_read_attach(&p->txn, p->realm->arena, p->realm->now, &p->read, &p->err));
}

void
patient_open_local(struct patient *p)
{
	open_file(p, p->local, idm_dbs_local, IDM_LOCAL_MAP_BYTES);
}

void
patient_close(struct patient *p)
{
	assert_int_equal(mdb_txn_commit(p->txn.mdb), 0);
	p->txn = (struct idm_txn){ 0 };
	idm_environment_unref(&p->env);
}

struct idm_entry
patient_entry(struct patient *p, const char *name)
{
	struct idm_entry entry;
	struct idm_cursor cursor;
	struct idm_span key, flat;

	assert_ok(p, idm_cursor_open(&p->txn, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, &p->err));
	do {
		assert_ok(p, idm_cursor_next(&cursor, &key, &flat, &p->err));
		assert_ok(p, idm_entry_view(flat, idm_store_load_u64(key.ptr), &entry, &p->err));
	} while (!idm_span_is(idm_entry_text(&entry, IDM_ATTR_NAME), name));
	idm_cursor_close(&cursor);
	return entry;
}

static void
take_finding(void *ctx, enum idm_finding kind, const char *text)
{
	struct patient *p = ctx;

	assert_true(p->finding_count < PATIENT_FINDINGS_MAX);
	p->findings[p->finding_count].kind = kind;
	snprintf(p->findings[p->finding_count].text, sizeof(p->findings[0].text), "%s", text);
	p->finding_count++;
}

static void
take_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct patient *p = ctx;

	assert_true(what[0] != '\0');
	assert_true(done <= total);
	p->progress++;
}

enum idm_result
patient_try_verify(struct patient *p, const char *identity_path)
{
	const struct idm_verify ask = { .identity_path = identity_path,
		.local_path = p->local,
		.password_ring = p->realm->password_ring,
		.radius_ring = p->realm->radius_ring,
		.most = PATIENT_FINDINGS_MAX,
		.finding = take_finding,
		.progress = take_progress,
		.ctx = p };

	p->finding_count = 0;
	p->progress = 0;
	return idm_verify(&ask, &p->totals, &p->err);
}

void
patient_verify(struct patient *p)
{
	assert_ok(p, patient_try_verify(p, p->identity));
}

bool
patient_has(const struct patient *p, enum idm_finding kind, const char *part)
{
	for (size_t i = 0; i < p->finding_count; i++) {
		if (p->findings[i].kind == kind && strstr(p->findings[i].text, part) != NULL)
			return true;
	}
	return false;
}
