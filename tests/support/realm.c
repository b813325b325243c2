#include "tests/support/realm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/change_digest.h"
#include "core/closure.h"
#include "tests/support/temp_dir.h"

enum { ARENA_BYTES = 16 * 1024 * 1024, MAX_MODS = 16 };

static void
assert_ok(struct realm *r, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), r->err.text);
}

static void
open_ring(struct realm *r, const char *name, enum idm_purpose purpose, struct idm_keyring **out)
{
	char path[96];

	snprintf(path, sizeof(path), "%.60s/%s", r->dir, name);
	assert_ok(r, idm_keyring_create(path, purpose, (gid_t)-1, &r->err));
	assert_ok(r, idm_keyring_open(path, purpose, out, &r->err));
}

static struct realm *
realm_new(void)
{
	struct realm *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->now = (struct idm_now){ REALM_NOW_S, true };
	r->arena = idm_arena_new(ARENA_BYTES);
	assert_non_null(r->arena);
	return r;
}

static void
use_rings(struct realm *r)
{
	r->context = (struct idm_change_context){
		.table = &r->table, .password_ring = r->password_ring, .radius_ring = r->radius_ring
	};
}

static int
setup(void **state, bool empty)
{
	struct realm *r = realm_new();

	temp_dir_make("realm", r->dir, sizeof(r->dir));
	assert_ok(r,
	    empty ? idm_store_open_writer(r->dir, (gid_t)-1, &r->store, &r->err)
		  : idm_builtin_open(r->dir, (gid_t)-1, REALM_DOMAIN, r->now, &r->store, &r->err));
	open_ring(r, "password.keys", IDM_PURPOSE_PASSWORD, &r->password_ring);
	open_ring(r, "radius.keys", IDM_PURPOSE_RADIUS, &r->radius_ring);
	use_rings(r);
	*state = r;
	return 0;
}

int
realm_setup(void **state)
{
	return setup(state, false);
}

int
realm_setup_empty(void **state)
{
	return setup(state, true);
}

static void
verify_digest(struct realm *r)
{
	struct idm_txn txn;
	struct idm_read read;

	assert_ok(r, idm_store_read_begin(r->store, &txn, &r->err));
	assert_ok(r, idm_read_attach(&txn, r->arena, r->now, &read, &r->err));
	assert_ok(r, idm_digest_verify(&read, &r->err));
	idm_store_read_end(&txn);
}

static void
realm_free(struct realm *r)
{
	realm_done(r);
	if (r->store != NULL)
		verify_digest(r);
	idm_access_table_free(&r->table);
	idm_schema_unref(&r->schema);
	idm_arena_free(&r->arena);
}

int
realm_teardown(void **state)
{
	struct realm *r = *state;

	realm_free(r);
	idm_keyring_close(&r->password_ring);
	idm_keyring_close(&r->radius_ring);
	idm_store_close(&r->store);
	temp_dir_remove(r->dir);
	free(r);
	return 0;
}

struct realm *
realm_of(
    struct idm_store *store, struct idm_keyring *password_ring, struct idm_keyring *radius_ring)
{
	struct realm *r = realm_new();

	r->store = store;
	r->password_ring = password_ring;
	r->radius_ring = radius_ring;
	use_rings(r);
	return r;
}

void
realm_let_go(struct realm **r)
{
	realm_free(*r);
	free(*r);
	*r = NULL;
}

/* "acp:NAME" is a profile: these have names of their own. */
static enum idm_result
find(struct realm *r, const char *name, struct idm_entry *out)
{
	if (strncmp(name, "acp:", 4) == 0)
		return idm_lookup_claim(
		    &r->read, IDM_CLAIM_PROFILE, idm_span_cstr(name + 4), out, &r->err);
	return idm_lookup_text(&r->read, idm_span_cstr(name), out, &r->err);
}

struct idm_entry
realm_entry(struct realm *r, const char *name)
{
	struct idm_entry entry;

	realm_done(r);
	idm_arena_reset(r->arena);
	assert_ok(r, idm_store_read_begin(r->store, &r->txn, &r->err));
	assert_ok(r, idm_read_attach(&r->txn, r->arena, r->now, &r->read, &r->err));
	if (find(r, name, &entry) != IDM_OK)
		fail_msg("there is no %s", name);
	return entry;
}

void
realm_done(struct realm *r)
{
	if (r->txn.store != NULL)
		idm_store_read_end(&r->txn);
}

struct idm_uuid
realm_uuid(struct realm *r, const char *name)
{
	struct idm_entry entry = realm_entry(r, name);

	realm_done(r);
	return entry.uuid;
}

bool
realm_is_memberof(struct realm *r, const char *name, const char *group)
{
	uint64_t group_id = realm_entry(r, group).id;
	struct idm_entry entry = realm_entry(r, name);
	struct idm_ids above = { NULL, 0, 0 };
	bool is;

	assert_ok(r, idm_closure_memberof(&r->read, &entry, &above, &r->err));
	is = idm_ids_has(&above, group_id);
	realm_done(r);
	return is;
}

uint64_t
realm_applied(struct realm *r)
{
	uint64_t no;

	realm_entry(r, "admin");
	assert_ok(r, idm_store_get_number(&r->txn, IDM_DB_META, "applied", &no, &r->err));
	realm_done(r);
	return no;
}

void
realm_digest(struct realm *r, uint8_t out[32])
{
	struct idm_span digest;

	realm_entry(r, "admin");
	assert_ok(r, idm_store_get(&r->txn, IDM_DB_META, IDM_SPAN_LIT("digest"), &digest, &r->err));
	assert_int_equal(digest.len, 32);
	memcpy(out, digest.ptr, 32);
	realm_done(r);
}

struct idm_identity
realm_identity(struct realm *r, const char *actor)
{
	struct idm_identity identity = {
		.kind = IDM_IDENTITY_INTERNAL, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};

	if (actor == NULL)
		return identity;
	identity.kind = IDM_IDENTITY_PASSWORD;
	identity.uuid = realm_uuid(r, actor);
	identity.privileged_until_s = INT64_MAX;
	identity.high_privilege = true; /* or who has just bound is */
	return identity;
}

void
realm_group_begin(struct realm *r)
{
	assert_ok(r, idm_store_write_begin(r->store, &r->group, &r->err));
}

void
realm_group_commit(struct realm *r)
{
	assert_ok(r, idm_store_write_commit(&r->group, &r->err));
	r->group.store = NULL;
}

void
realm_group_abort(struct realm *r)
{
	idm_store_write_abort(&r->group);
	idm_access_table_free(&r->table);
	r->group.store = NULL;
}

static enum idm_result
run_alone(struct realm *r, const struct idm_identity *identity, const struct idm_request *request)
{
	struct idm_txn txn;
	enum idm_result result;

	assert_ok(r, idm_store_write_begin(r->store, &txn, &r->err));
	result = idm_change_run(
	    &txn, &r->context, identity, request, r->now, r->arena, &r->set, &r->err);
	if (result == IDM_OK)
		assert_ok(r, idm_store_write_commit(&txn, &r->err));
	else
		idm_store_write_abort(&txn);
	return result;
}

enum idm_result
realm_run(struct realm *r, const struct idm_identity *identity, struct idm_request *request)
{
	idm_arena_reset(r->arena);
	if (idm_uuid_is_null(&request->id))
		assert_true(idm_uuid_generate(&request->id));
	snprintf(request->source, sizeof(request->source), "console");
	if (r->group.store == NULL)
		return run_alone(r, identity, request);
	return idm_change_run(
	    &r->group, &r->context, identity, request, r->now, r->arena, &r->set, &r->err);
}

static enum idm_result
run(struct realm *r, const char *actor, struct idm_request *request)
{
	struct idm_identity identity = realm_identity(r, actor);

	return realm_run(r, &identity, request);
}

/* Names of attributes are those of the newest snapshot. */
static void
see_schema(struct realm *r)
{
	struct idm_arena *arena = idm_arena_new(64 * 1024);
	struct idm_txn txn = r->group;
	struct idm_read read;

	assert_non_null(arena);
	if (r->group.store == NULL)
		assert_ok(r, idm_store_read_begin(r->store, &txn, &r->err));
	assert_ok(r, idm_read_attach(&txn, arena, r->now, &read, &r->err));
	idm_schema_unref(&r->schema);
	r->schema = idm_schema_ref(read.schema);
	if (r->group.store == NULL)
		idm_store_read_end(&txn);
	idm_arena_free(&arena);
}

struct mods {
	struct idm_request_mod list[MAX_MODS];
	struct idm_span values[MAX_MODS];
	size_t count;
};

static void
add_mod(const struct realm *r, struct mods *mods, enum idm_request_kind kind, const char *name,
    const char *value)
{
	struct idm_request_mod *mod = &mods->list[mods->count];

	assert_true(mods->count < MAX_MODS);
	mods->values[mods->count] = idm_span_cstr(value);
	mod->kind = kind;
	mod->attr = idm_schema_attr(r->schema, idm_span_cstr(name));
	if (mod->attr == NULL)
		fail_msg("there is no attribute %s", name);
	mod->values = &mods->values[mods->count];
	mod->count = kind != IDM_REQUEST_ADD && value[0] == '\0' ? 0 : 1;
	mods->count++;
}

enum idm_result
realm_create(struct realm *r, const char *actor, ...)
{
	struct mods mods = { .count = 0 };
	struct idm_request request = { .operation = IDM_OP_CREATE, .mods = mods.list };
	const char *name;
	va_list args;

	see_schema(r);
	va_start(args, actor);
	while ((name = va_arg(args, const char *)) != NULL)
		add_mod(r, &mods, IDM_REQUEST_ADD, name, va_arg(args, const char *));
	va_end(args);
	request.mod_count = mods.count;
	return run(r, actor, &request);
}

static enum idm_request_kind
kind_of(char sign)
{
	switch (sign) {
	case '+': return IDM_REQUEST_ADD;
	case '-': return IDM_REQUEST_DELETE;
	default: assert_int_equal(sign, '='); return IDM_REQUEST_REPLACE;
	}
}

enum idm_result
realm_modify(struct realm *r, const char *actor, const char *target, ...)
{
	struct mods mods = { .count = 0 };
	struct idm_request request = { .operation = IDM_OP_MODIFY, .mods = mods.list };
	const char *name;
	va_list args;

	request.target = realm_uuid(r, target);
	see_schema(r);
	va_start(args, target);
	while ((name = va_arg(args, const char *)) != NULL)
		add_mod(r, &mods, kind_of(name[0]), name + 1, va_arg(args, const char *));
	va_end(args);
	request.mod_count = mods.count;
	return run(r, actor, &request);
}

enum idm_result
realm_delete(struct realm *r, const char *actor, const char *target)
{
	struct idm_request request = { .operation = IDM_OP_DELETE,
		.target = realm_uuid(r, target) };

	return run(r, actor, &request);
}

enum idm_result
realm_set_secret(
    struct realm *r, const char *actor, const char *target, uint32_t attr_number, const char *plain)
{
	struct idm_request_secret secret = { .attr_number = attr_number,
		.plain = idm_span_cstr(plain),
		.marker = attr_number == IDM_ATTR_RADIUS_SECRET ? "set" : "password" };
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, target),
		.secrets = &secret,
		.secret_count = 1 };

	return run(r, actor, &request);
}

static enum idm_result
run_token(
    struct realm *r, const char *actor, const char *target, const struct idm_request_token *token)
{
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = realm_uuid(r, target), .token = token
	};

	return run(r, actor, &request);
}

enum idm_result
realm_issue_token(struct realm *r, const char *actor, const char *target, const char *label,
    enum idm_scope scope, int64_t expire_s, char text[IDM_TOKEN_TEXT], struct idm_uuid *id)
{
	struct idm_token_row row = {
		.scope = scope, .expire_s = expire_s, .label = idm_span_cstr(label)
	};
	struct idm_request_token token = { .issue = &row };

	assert_true(idm_token_generate(text, &row));
	token.id = *id = row.id;
	return run_token(r, actor, target, &token);
}

enum idm_result
realm_destroy_token(
    struct realm *r, const char *actor, const char *target, const struct idm_uuid *id)
{
	return run_token(r, actor, target, &(struct idm_request_token){ .id = *id });
}

void
realm_person(struct realm *r, const char *name)
{
	assert_ok(r, realm_create(r, NULL, "class", "account", "class", "person", "name", name,
			 "displayname", name, NULL));
}

void
realm_group(struct realm *r, const char *name)
{
	assert_ok(r, realm_create(r, NULL, "class", "group", "name", name, NULL));
}
