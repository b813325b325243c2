/*
 * Built-in entries that came with a newer format: asserted once, when a database is upgraded to it,
 * never at a start (SPEC 4).  What is there stays as it is.
 */
#include "core/builtin.h"

#include <inttypes.h>

enum { ARENA_BYTES = 16 * 1024 * 1024 };

static const char asserted_key[] = "builtin_format";

struct asserting {
	struct idm_txn *txn;
	struct idm_read read;
	struct idm_change_set set;
	struct idm_error *err;
};

static enum idm_result
is_there(struct asserting *a, const struct idm_uuid *uuid, bool *out)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_uuid(&a->read, uuid, &entry, a->err);

	*out = result == IDM_OK;
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* A name that somebody has given to an entry of his own is not taken from it. */
static enum idm_result
check_claims(struct asserting *a, const struct idm_item *item)
{
	for (size_t i = 0; i < item->claim_count; i++) {
		const struct idm_claim_change *claim = &item->claims[i];
		struct idm_claim_key key =
		    idm_claim_key(claim->kind, claim->attr_number, claim->norm);
		uint64_t id;
		enum idm_result result = idm_lookup_claim_id(&a->read, &key, &id, a->err);

		if (result == IDM_OK)
			return idm_fail(a->err, IDM_EXISTS,
			    "the name %.*s is that of a built-in entry now, and taken by another: "
			    "rename that one with the former version of this program",
			    IDM_SPAN_ARG(claim->norm));
		if (result != IDM_NOT_FOUND)
			return result;
	}
	return IDM_OK;
}

/* Leave in the set what the database lacks. */
static enum idm_result
keep_missing(struct asserting *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->set.item_count; i++) {
		struct idm_item *item = &a->set.items[i];
		bool there;
		enum idm_result result = is_there(a, &item->uuid, &there);

		if (result == IDM_OK && !there)
			result = check_claims(a, item);
		if (result != IDM_OK)
			return result;
		if (!there)
			a->set.items[kept++] = *item;
	}
	a->set.item_count = kept;
	return IDM_OK;
}

static bool
is_high_privilege(const struct idm_uuid *uuid)
{
	size_t count;
	const struct idm_builtin_group *groups = idm_builtin_groups(&count);

	for (size_t i = 0; i < count; i++) {
		struct idm_uuid group = idm_uuid_builtin(groups[i].number);

		if (idm_uuid_equal(&group, uuid))
			return groups[i].high_privilege;
	}
	return false;
}

/* New groups that are high privilege by our table: idm_high_privilege lists them too. */
static enum idm_result
raise_new_groups(struct asserting *a)
{
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_HIGH_PRIVILEGE);
	struct idm_entry group;
	struct idm_item *item = &a->set.items[a->set.item_count];
	struct idm_mod *mod = idm_arena_alloc(a->read.arena, sizeof(*mod));
	enum idm_result result = idm_lookup_uuid(&a->read, &uuid, &group, a->err);

	if (result != IDM_OK || mod == NULL)
		return mod == NULL ? IDM_LIMIT : result;
	*mod = (struct idm_mod){ .kind = IDM_MOD_ADD, .attr_number = IDM_ATTR_MEMBER };
	mod->values = idm_arena_array(a->read.arena, a->set.item_count, sizeof(*mod->values));
	if (mod->values == NULL)
		return IDM_LIMIT;
	for (size_t i = 0; i < a->set.item_count; i++) {
		struct idm_span value = idm_uuid_span(&a->set.items[i].uuid);

		if (is_high_privilege(&a->set.items[i].uuid))
			mod->values[mod->count++] = (struct idm_value){ value, value };
	}
	if (mod->count == 0)
		return IDM_OK;
	*item = (struct idm_item){ .uuid = uuid,
		.base = group.version,
		.kind = IDM_ITEM_MODIFY,
		.flags = IDM_ITEM_FLAG_GROUPS,
		.mods = mod,
		.mod_count = 1 };
	a->set.item_count++;
	return IDM_OK;
}

static enum idm_result
number_set(struct asserting *a)
{
	uint64_t applied, last;
	enum idm_result result =
	    idm_store_get_number(a->txn, IDM_DB_META, "applied", &applied, a->err);

	if (result == IDM_OK)
		result = idm_store_get_number(a->txn, IDM_DB_META, "at", &last, a->err);
	if (result != IDM_OK)
		return result;
	a->set.no = applied + 1;
	if (a->set.at_s < (int64_t)last)
		a->set.at_s = (int64_t)last;
	return IDM_OK;
}

static enum idm_result
assert_in(struct idm_txn *txn, struct idm_now now, struct idm_arena *arena, struct idm_error *err)
{
	struct asserting a = { .txn = txn, .err = err };
	enum idm_result result = idm_read_attach(txn, arena, now, &a.read, err);

	if (result == IDM_OK)
		result = idm_builtin_make(&a.read, a.read.domain, &a.set, err);
	if (result == IDM_OK)
		result = number_set(&a);
	if (result == IDM_OK)
		result = keep_missing(&a);
	if (result == IDM_OK && a.set.item_count != 0) {
		result = raise_new_groups(&a);
		if (result == IDM_OK)
			result = idm_change_apply(&a.read, &a.set, err);
	}
	if (result == IDM_OK)
		result =
		    idm_store_put_number(txn, IDM_DB_META, asserted_key, IDM_STORE_FORMAT, err);
	return result == IDM_LIMIT && err != NULL && err->text[0] == '\0'
		   ? idm_fail(err, IDM_LIMIT, "no room for the built-in entries")
		   : result;
}

static enum idm_result
asserted_format(struct idm_store *store, uint64_t *out, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result = idm_store_read_begin(store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = idm_store_get_number(&txn, IDM_DB_META, asserted_key, out, err);
	idm_store_read_end(&txn);
	return result;
}

enum idm_result
idm_builtin_assert(struct idm_store *store, struct idm_now now, struct idm_error *err)
{
	struct idm_arena *arena;
	struct idm_txn txn;
	uint64_t format;
	enum idm_result result = asserted_format(store, &format, err);

	if (result != IDM_OK || format == IDM_STORE_FORMAT)
		return result;
	arena = idm_arena_new(ARENA_BYTES);
	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_write_begin(store, &txn, err);
	if (result == IDM_OK)
		result = idm_store_write_end(&txn, assert_in(&txn, now, arena, err), err);
	idm_arena_free(&arena);
	return result;
}
