#include "core/domain.h"

#include <stdio.h>

#include "core/builtin.h"

enum { ARENA_BYTES = 16 * 1024 * 1024 };

struct rename {
	const struct idm_change_context *context;
	struct idm_now now;
	struct idm_arena *arena;
	struct idm_txn txn;
	struct idm_error *err;
};

/* What the domain was; and does domain_info show that as its name? */
static enum idm_result
look(struct rename *r, const struct idm_uuid *uuid, char former[IDM_DOMAIN_MAX], bool *shown)
{
	struct idm_read read;
	struct idm_entry info;
	enum idm_result result = idm_read_attach(&r->txn, r->arena, r->now, &read, r->err);

	if (result == IDM_OK)
		result = idm_lookup_uuid(&read, uuid, &info, r->err);
	if (result == IDM_NOT_FOUND)
		return idm_fail(r->err, IDM_CORRUPT, "the database has no domain_info");
	memcpy(former, read.domain, IDM_DOMAIN_MAX);
	*shown = result == IDM_OK &&
		 idm_span_is(idm_entry_text(&info, IDM_ATTR_DOMAIN_DISPLAY_NAME), read.domain);
	return result;
}

static enum idm_result
change_domain(struct rename *r, const char *domain, char former[IDM_DOMAIN_MAX])
{
	const struct idm_schema *schema = idm_schema_builtin();
	const struct idm_identity console = {
		.kind = IDM_IDENTITY_INTERNAL, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};
	const struct idm_span value = idm_span_cstr(domain);
	const struct idm_request_mod mods[] = {
		{ IDM_REQUEST_REPLACE, idm_schema_attr_number(schema, IDM_ATTR_DOMAIN_NAME), &value,
		    1 },
		{ IDM_REQUEST_REPLACE, idm_schema_attr_number(schema, IDM_ATTR_DOMAIN_DISPLAY_NAME),
		    &value, 1 },
	};
	struct idm_request request = { .operation = IDM_OP_RENAME_DOMAIN,
		.target = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO),
		.mods = mods,
		.mod_count = 1,
		.source = "console" };
	struct idm_change_set set;
	bool shown = false;
	enum idm_result result = look(r, &request.target, former, &shown);

	if (result != IDM_OK)
		return result;
	if (shown)
		request.mod_count = 2;
	if (!idm_uuid_generate(&request.id))
		return idm_fail(r->err, IDM_SYSTEM, "no random octets");
	result =
	    idm_change_run(&r->txn, r->context, &console, &request, r->now, r->arena, &set, r->err);
	if (result == IDM_OK && set.no == 0)
		return idm_fail(r->err, IDM_EXISTS, "the domain is %s already", domain);
	return result;
}

enum idm_result
idm_domain_rename(struct idm_store *store, const struct idm_change_context *context,
    const char *domain, struct idm_now now, char former[IDM_DOMAIN_MAX], struct idm_error *err)
{
	struct rename r = { .context = context, .now = now, .err = err };
	enum idm_result result;

	r.arena = idm_arena_new(ARENA_BYTES);
	if (r.arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_write_begin(store, &r.txn, err);
	if (result == IDM_OK)
		result = idm_store_write_end(&r.txn, change_domain(&r, domain, former), err);
	idm_arena_free(&r.arena);
	return result;
}
