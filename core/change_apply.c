#include "core/change.h"

#include <inttypes.h>

#include "core/builtin.h"
#include "core/change_digest.h"
#include "core/change_log.h"
#include "core/dyngroup.h"
#include "core/index.h"
#include "core/rest.h"
#include "core/schema_load.h"
#include "core/token_store.h"

/* How an item's entry stood and stands, through the phases of one apply. */
struct applied {
	bool existed;
	bool exists;             /* not, once it was purged */
	bool written;            /* it is another one than `before` */
	struct idm_entry before; /* a copy: the map's bytes move under our writes */
	uint64_t id;
};

struct apply {
	const struct idm_read *read;
	const struct idm_txn *txn;
	const struct idm_change_set *set;
	struct applied *items;
	uint8_t digest[IDM_DIGEST_BYTES];
	struct idm_error *err;
};

enum { SWEEP_AT_ONCE = 16 /* names a change forgets at most */ };

/* Fetch the entry as it is, copied, and hold it against the version that evaluation saw. */
static enum idm_result
load_before(struct apply *a, size_t index)
{
	const struct idm_item *item = &a->set->items[index];
	struct applied *state = &a->items[index];
	struct idm_entry entry;
	struct idm_span copy;
	char text[IDM_UUID_TEXT];
	enum idm_result result = idm_lookup_uuid(a->read, &item->uuid, &entry, a->err);

	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	state->existed = result == IDM_OK;
	if ((state->existed ? entry.version : 0) != item->base) {
		idm_uuid_format(&item->uuid, text);
		return idm_refuse(
		    a->err, IDM_BUSY, "entry %s was changed meanwhile; try again", text);
	}
	state->exists = state->existed;
	if (!state->existed)
		return IDM_OK;
	state->id = entry.id;
	if (item->kind == IDM_ITEM_SESSION)
		return IDM_OK;
	copy = idm_arena_copy(a->read->arena, entry.bytes);
	if (copy.ptr == NULL)
		return idm_fail(a->err, IDM_LIMIT, "no room for the entry");
	return idm_entry_view(copy, entry.id, &state->before, a->err);
}

/* A name that is given up rests; who takes it again, by whatever right, ends that (SPEC 2.5). */
static enum idm_result
change_rest(struct apply *a, const struct idm_item *item, const struct idm_claim_change *claim)
{
	const struct idm_rest rest = { item->uuid, a->set->at_s + IDM_NAME_REST_S };

	if (claim->kind != IDM_CLAIM_NAME)
		return IDM_OK;
	return idm_rest_set(a->txn, claim->norm, claim->take ? NULL : &rest, a->err);
}

static enum idm_result
change_claim(struct apply *a, const struct idm_claim_change *claim, uint64_t id)
{
	struct idm_claim_key key = idm_claim_key(claim->kind, claim->attr_number, claim->norm);
	struct idm_span span = idm_span_of(key.bytes, key.len);
	uint8_t row[8];
	enum idm_result result;

	idm_store_u64(id, row);
	if (claim->take)
		return idm_store_put(a->txn, IDM_DB_NAME, span, idm_span_of(row, 8), a->err);
	result = idm_store_del(a->txn, IDM_DB_NAME, span, a->err);
	if (result == IDM_NOT_FOUND)
		return idm_fail(a->err, IDM_CORRUPT, "a claim to be released is not there");
	return result;
}

static enum idm_result
change_claims(struct apply *a, size_t index, bool take)
{
	const struct idm_item *item = &a->set->items[index];
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < item->claim_count && result == IDM_OK; i++) {
		if (item->claims[i].take != take)
			continue;
		result = change_claim(a, &item->claims[i], a->items[index].id);
		if (result == IDM_OK)
			result = change_rest(a, item, &item->claims[i]);
	}
	return result;
}

static enum idm_result
apply_mod(struct idm_draft *draft, const struct idm_mod *mod)
{
	enum idm_result result = IDM_OK;

	if (mod->kind == IDM_MOD_SET)
		return idm_draft_set(draft, mod->attr_number, mod->values, mod->count);
	if (mod->kind == IDM_MOD_CLEAR)
		idm_draft_clear(draft, mod->attr_number);
	for (size_t i = 0; i < mod->count && result == IDM_OK; i++) {
		if (mod->kind == IDM_MOD_REMOVE)
			idm_draft_remove(draft, mod->attr_number, mod->values[i].norm);
		else
			result = idm_draft_add(draft, mod->attr_number, mod->values[i]);
	}
	return result;
}

static enum idm_result
next_id(struct apply *a, uint64_t *out)
{
	enum idm_result result = idm_store_get_number(a->txn, IDM_DB_META, "next_id", out, a->err);

	if (result != IDM_OK)
		return result;
	if (*out == 0)
		*out = 1; /* 0 means "none" everywhere */
	return idm_store_put_number(a->txn, IDM_DB_META, "next_id", *out + 1, a->err);
}

static enum idm_result
make_draft(struct apply *a, const struct applied *state, struct idm_draft **out)
{
	*out = state->existed ? idm_draft_of(a->read->arena, &state->before)
			      : idm_draft_new(a->read->arena);
	if (*out == NULL)
		return idm_fail(a->err, IDM_LIMIT, "no room for the entry");
	return IDM_OK;
}

static enum idm_result
store_entry(
    struct apply *a, const struct idm_item *item, const struct applied *state, struct idm_span flat)
{
	uint8_t key[8];
	enum idm_result result;

	idm_store_u64(state->id, key);
	result = idm_store_put(a->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), flat, a->err);
	if (result == IDM_OK && !state->existed)
		result = idm_store_put(
		    a->txn, IDM_DB_UUID, idm_uuid_span(&item->uuid), idm_span_of(key, 8), a->err);
	return result;
}

static enum idm_result
write_new_version(struct apply *a, const struct idm_item *item, struct applied *state)
{
	struct idm_draft *draft;
	struct idm_span flat;
	enum idm_result result = make_draft(a, state, &draft);

	for (size_t i = 0; i < item->mod_count && result == IDM_OK; i++) {
		if (item->mods[i].attr_number != IDM_ATTR_MEMBER)
			result = apply_mod(draft, &item->mods[i]);
	}
	if (result == IDM_OK)
		result = idm_draft_encode(draft, &item->uuid, a->set->no, &flat, a->err);
	if (result == IDM_OK && !state->existed)
		result = next_id(a, &state->id);
	if (result == IDM_OK)
		result = store_entry(a, item, state, flat);
	if (result == IDM_OK)
		result = idm_digest_entry(a->digest, flat, a->err);
	state->exists = true;
	return result;
}

/* Its id is not given out again: those that follow are above it (SPEC 11.6). */
static enum idm_result
purge_entry(struct apply *a, const struct idm_item *item, struct applied *state)
{
	uint8_t key[8];
	enum idm_result result;

	idm_store_u64(state->id, key);
	result = idm_store_del(a->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), a->err);
	if (result == IDM_OK)
		result = idm_store_del(a->txn, IDM_DB_UUID, idm_uuid_span(&item->uuid), a->err);
	if (result == IDM_NOT_FOUND)
		return idm_fail(a->err, IDM_CORRUPT, "an entry to be purged is not there");
	state->exists = false;
	return result;
}

/* Every item but a SESSION makes a new version of its entry, edges alone included (CHANGES 5). */
static enum idm_result
write_entry(struct apply *a, size_t index)
{
	const struct idm_item *item = &a->set->items[index];
	struct applied *state = &a->items[index];
	struct idm_arena_mark mark = idm_arena_mark(a->read->arena);
	enum idm_result result = IDM_OK;

	if (item->kind == IDM_ITEM_SESSION)
		return IDM_OK;
	if (state->existed)
		result = idm_digest_entry(a->digest, state->before.bytes, a->err);
	if (result == IDM_OK && item->kind == IDM_ITEM_PURGE)
		result = purge_entry(a, item, state);
	else if (result == IDM_OK)
		result = write_new_version(a, item, state);
	state->written = true;
	idm_arena_rewind(a->read->arena, mark);
	return result;
}

static enum idm_result
set_edge(struct apply *a, const struct idm_item *item, uint64_t group_id,
    const struct idm_uuid *member, bool present)
{
	struct idm_arena_mark mark = idm_arena_mark(a->read->arena);
	struct idm_entry entry;
	bool changed = false;
	char text[IDM_UUID_TEXT];
	enum idm_result result = idm_lookup_uuid(a->read, member, &entry, a->err);

	if (result == IDM_NOT_FOUND) {
		idm_uuid_format(member, text);
		return idm_fail(a->err, IDM_CORRUPT, "member %s is not there", text);
	}
	if (result == IDM_OK)
		result = idm_closure_set_edge(a->read, group_id, &entry, present, &changed, a->err);
	idm_arena_rewind(a->read->arena, mark);
	if (result != IDM_OK || !changed)
		return result;
	return idm_digest_edge(a->digest, &item->uuid, member, a->err);
}

/* The digest of the edges to all members in a window, which are there and go. */
static enum idm_result
digest_members(
    struct apply *a, const struct idm_item *item, const struct idm_window *members, uint64_t no)
{
	enum idm_result result = IDM_OK;

	for (uint64_t id = idm_window_next(members, no, no << IDM_WINDOW_BITS);
	     result == IDM_OK && id != UINT64_MAX; id = idm_window_next(members, no, id + 1)) {
		struct idm_entry member;

		result = idm_lookup_id(a->read, id, &member, a->err);
		if (result == IDM_NOT_FOUND)
			return idm_fail(a->err, IDM_CORRUPT, "a member is not there");
		if (result == IDM_OK)
			result = idm_digest_edge(a->digest, &item->uuid, &member.uuid, a->err);
	}
	return result;
}

/* All members of a kind, window by window: of a large group each container is written once. */
static enum idm_result
clear_edges_of_kind(
    struct apply *a, const struct idm_item *item, uint64_t group_id, enum idm_member_kind kind)
{
	static const struct idm_window none = { { 0 } };
	uint64_t next_no = 0;
	enum idm_result result = IDM_OK;

	if (idm_closure_is_by_class(a->read, group_id))
		return idm_fail(a->err, IDM_INVALID, "a group by class has no edges");
	for (uint64_t no = 0; no != IDM_NO_WINDOW && result == IDM_OK; no = next_no) {
		struct idm_arena_mark mark = idm_arena_mark(a->read->arena);
		struct idm_window members;
		bool changed;

		idm_window_clear(&members);
		result =
		    idm_closure_members(a->read, group_id, kind, no, &members, &next_no, a->err);
		if (result == IDM_OK)
			result = digest_members(a, item, &members, no);
		if (result == IDM_OK)
			result = idm_closure_set_window(
			    a->read, group_id, kind, no, &none, &changed, a->err);
		idm_arena_rewind(a->read->arena, mark);
	}
	return result;
}

static enum idm_result
clear_edges(struct apply *a, const struct idm_item *item, uint64_t group_id)
{
	enum idm_result result = clear_edges_of_kind(a, item, group_id, IDM_MEMBER_GROUP);

	return result == IDM_OK ? clear_edges_of_kind(a, item, group_id, IDM_MEMBER_ACCOUNT)
				: result;
}

static enum idm_result
change_edges(struct apply *a, size_t index)
{
	const struct idm_item *item = &a->set->items[index];
	uint64_t group_id = a->items[index].id;
	enum idm_result result = IDM_OK;

	if (a->items[index].existed && idm_dyngroup_is(&a->items[index].before))
		return IDM_OK; /* its edges are derived */
	for (size_t i = 0; i < item->mod_count && result == IDM_OK; i++) {
		const struct idm_mod *mod = &item->mods[i];

		if (mod->attr_number != IDM_ATTR_MEMBER)
			continue;
		if (mod->kind == IDM_MOD_SET || mod->kind == IDM_MOD_CLEAR)
			result = clear_edges(a, item, group_id);
		for (size_t k = 0; k < mod->count && result == IDM_OK; k++) {
			struct idm_uuid member;

			if (!idm_uuid_load(mod->values[k].norm, &member))
				return idm_fail(a->err, IDM_CORRUPT, "a member is no uuid");
			result = set_edge(a, item, group_id, &member, mod->kind != IDM_MOD_REMOVE);
		}
	}
	return result;
}

static enum idm_result
put_or_del(struct apply *a, enum idm_db db, struct idm_span key, struct idm_span value)
{
	enum idm_result result;

	if (value.len != 0)
		return idm_store_put(a->txn, db, key, value, a->err);
	result = idm_store_del(a->txn, db, key, a->err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
change_secrets(struct apply *a, size_t index)
{
	const struct idm_item *item = &a->set->items[index];
	enum idm_result result = IDM_OK;
	uint8_t key[12];

	idm_store_u64(a->items[index].id, key);
	for (size_t i = 0; i < item->secret_count && result == IDM_OK; i++) {
		idm_store_u32(item->secrets[i].attr_number, key + 8);
		result = put_or_del(
		    a, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), item->secrets[i].blob);
	}
	for (size_t i = 0; i < item->token_count && result == IDM_OK; i++)
		result = idm_token_put(a->txn, &item->tokens[i].id, item->tokens[i].row, a->err);
	return result;
}

static enum idm_result
derive(struct apply *a, size_t index)
{
	const struct applied *state = &a->items[index];
	struct idm_entry after;
	enum idm_result result = IDM_OK;

	if (!state->written)
		return IDM_OK;
	if (state->exists)
		result = idm_lookup_id(a->read, state->id, &after, a->err);
	if (result != IDM_OK)
		return result;
	return idm_index_update(
	    a->read, state->existed ? &state->before : NULL, state->exists ? &after : NULL, a->err);
}

/* A dynamic group whose filter changed, or that came or went, holds others now. */
static enum idm_result
refill_dynamic(struct apply *a, size_t index)
{
	const struct applied *state = &a->items[index];
	struct idm_entry after;
	enum idm_result result;

	if (!state->written || !state->exists)
		return IDM_OK;
	result = idm_lookup_id(a->read, state->id, &after, a->err);
	if (result != IDM_OK ||
	    !idm_dyngroup_is_changed(state->existed ? &state->before : NULL, &after))
		return result;
	return idm_dyngroup_refill(a->read, state->id, a->err);
}

/* Behind the index of all items: the members of dynamic groups. */
static enum idm_result
derive_dynamic(struct apply *a)
{
	struct idm_dyngroups groups;
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < a->set->item_count && result == IDM_OK; i++)
		result = refill_dynamic(a, i);
	if (result == IDM_OK)
		result = idm_dyngroups_load(a->read, &groups, a->err);
	for (size_t i = 0; i < a->set->item_count && result == IDM_OK; i++) {
		const struct applied *state = &a->items[i];

		if (state->written && state->exists)
			result = idm_dyngroups_follow(a->read, &groups, state->id, a->err);
	}
	return result;
}

/* What every read of a database begins with: its domain, and the ids of the well-known groups. */
static enum idm_result
derive_wellknown(struct apply *a)
{
	static const uint64_t numbers[] = { IDM_BUILTIN_ALL_PERSONS, IDM_BUILTIN_ALL_ACCOUNTS,
		IDM_BUILTIN_HIGH_PRIVILEGE, IDM_BUILTIN_DOMAIN_INFO };
	struct idm_entry entry;
	struct idm_span domain; /* a copy: what is put may not borrow from the map */
	uint64_t ids[4];
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < 4 && result == IDM_OK; i++) {
		struct idm_uuid uuid = idm_uuid_builtin(numbers[i]);

		result = idm_lookup_uuid(a->read, &uuid, &entry, a->err);
		ids[i] = entry.id;
	}
	if (result == IDM_NOT_FOUND)
		return idm_fail(a->err, IDM_CORRUPT, "the database lacks built-in entries");
	if (result != IDM_OK)
		return result;
	domain = idm_arena_copy(a->read->arena, idm_entry_text(&entry, IDM_ATTR_DOMAIN_NAME));
	result = idm_lookup_store_domain(a->txn, domain, a->err);
	if (result == IDM_OK)
		result = idm_lookup_store_wellknown(a->txn, ids[0], ids[1], ids[2], a->err);
	return result;
}

static uint32_t
all_flags(const struct apply *a)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < a->set->item_count; i++)
		flags |= a->set->items[i].flags;
	return flags;
}

/* A generation is the number of the change that moved it, so none is ever seen twice. */
static enum idm_result
move_generations(struct apply *a)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} generations[] = {
		{ IDM_ITEM_FLAG_SCHEMA, "generation.schema" },
		{ IDM_ITEM_FLAG_ACCESS, "generation.access" },
		{ IDM_ITEM_FLAG_GROUPS, "generation.groups" },
		{ IDM_ITEM_FLAG_RADIUS, "generation.radius" },
	};
	uint32_t flags = all_flags(a);
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < sizeof(generations) / sizeof(generations[0]); i++) {
		if (result == IDM_OK && (flags & generations[i].flag) != 0)
			result = idm_store_put_number(
			    a->txn, IDM_DB_META, generations[i].name, a->set->no, a->err);
	}
	return result;
}

static enum idm_result
for_each_item(struct apply *a, enum idm_result (*phase)(struct apply *, size_t))
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < a->set->item_count && result == IDM_OK; i++)
		result = phase(a, i);
	return result;
}

static enum idm_result
release_claims(struct apply *a, size_t index)
{
	return change_claims(a, index, false);
}

static enum idm_result
take_claims(struct apply *a, size_t index)
{
	return change_claims(a, index, true);
}

/* CHANGES 12: all items go through a phase before the next one begins, so names can be swapped. */
static enum idm_result
apply_items(struct apply *a)
{
	static enum idm_result (*const phases[])(struct apply *, size_t) = { load_before,
		release_claims, write_entry, take_claims, change_edges, change_secrets, derive };
	enum idm_result result = idm_digest_load(a->txn, a->digest, a->err);

	a->items = idm_arena_array(a->read->arena, a->set->item_count, sizeof(*a->items));
	if (a->items == NULL && result == IDM_OK)
		result = idm_fail(a->err, IDM_LIMIT, "no room for the change");
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]) && result == IDM_OK; i++)
		result = for_each_item(a, phases[i]);
	if (result == IDM_OK &&
	    (a->set->operation == IDM_OP_BOOTSTRAP || a->set->operation == IDM_OP_RENAME_DOMAIN))
		result = derive_wellknown(a);
	if (result == IDM_OK && (all_flags(a) & IDM_ITEM_FLAG_SCHEMA) != 0)
		result = idm_schema_derive(a->read, a->err);
	if (result == IDM_OK)
		result = derive_dynamic(a);
	if (result == IDM_OK)
		result = move_generations(a);
	if (result == IDM_OK)
		result = idm_digest_store(a->txn, a->digest, a->err);
	return result;
}

/* The next number of the epoch, or the next counter in a later epoch (after a restore). */
static bool
follows(uint64_t no, uint64_t applied)
{
	return idm_change_counter(no) == idm_change_counter(applied) + 1 &&
	       idm_change_epoch(no) >= idm_change_epoch(applied);
}

enum idm_result
idm_change_apply(
    const struct idm_read *read, const struct idm_change_set *set, struct idm_error *err)
{
	struct apply a = { .read = read, .txn = read->txn, .set = set, .err = err };
	struct idm_answer known;
	uint64_t applied;
	enum idm_result result;

	result = idm_store_get_number(a.txn, IDM_DB_META, "applied", &applied, err);
	if (result != IDM_OK)
		return result;
	if (set->no <= applied)
		return IDM_OK;
	if (!follows(set->no, applied))
		return idm_fail(err, IDM_INVALID, "change %" PRIu64 " does not follow %" PRIu64,
		    set->no, applied);
	result = idm_change_log_find(read, &set->request_id, &known, err);
	if (result == IDM_NOT_FOUND) {
		result = apply_items(&a);
		if (result == IDM_OK)
			result = idm_rest_sweep(a.txn, set->at_s, SWEEP_AT_ONCE, err);
		if (result == IDM_OK)
			result = idm_change_log_append(read, set, err);
	}
	if (result == IDM_OK)
		result = idm_store_put_number(a.txn, IDM_DB_META, "at", (uint64_t)set->at_s, err);
	if (result == IDM_OK)
		result = idm_store_put_number(a.txn, IDM_DB_META, "applied", set->no, err);
	return result;
}
