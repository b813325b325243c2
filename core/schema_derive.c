/* What a change of the schema brings along: index and claims of the attributes whose flags changed.
 */
#include "core/index_build.h"
#include "core/schema_load.h"
#include "core/schema_users.h"

enum { INDEXED = IDM_ATTR_EQ | IDM_ATTR_PRES | IDM_ATTR_SUB | IDM_ATTR_ORD };

/* One attribute, as it is now. */
struct deriving {
	const struct idm_read *read;
	const struct idm_schema *after;
	const struct idm_attr *attr;
	struct idm_index_build *build; /* rows of one window */
	uint64_t window_no;
};

/* --- index */

static enum idm_result
write_rows(struct deriving *d, struct idm_error *err)
{
	struct idm_span key, container;
	enum idm_result result = IDM_OK;

	idm_index_build_sort(d->build);
	for (size_t i = 0; result == IDM_OK && idm_index_build_row(d->build, i, &key, &container);
	     i++)
		result = idm_store_put(d->read->txn, IDM_DB_INDEX, key, container, err);
	idm_index_build_reset(d->build);
	return result;
}

static enum idm_result
visit_index(void *context, const struct idm_entry *entry, struct idm_error *err)
{
	struct deriving *d = context;
	uint64_t window_no = idm_window_of(entry->id);
	struct idm_entry again = *entry;
	enum idm_result result = IDM_OK;

	if (window_no != d->window_no) { /* a write ends what the entry borrows */
		result = write_rows(d, err);
		if (result == IDM_OK)
			result = idm_lookup_id(d->read, entry->id, &again, err);
	}
	d->window_no = window_no;
	if (result != IDM_OK)
		return result;
	return idm_index_build_add_attr(d->build, d->read, d->attr, &again, err);
}

static enum idm_result
derive_index(struct deriving *d, struct idm_error *err)
{
	enum idm_result result = idm_index_drop_attr(d->read, d->attr->number, err);

	if (result != IDM_OK || (d->attr->flags & INDEXED) == 0)
		return result;
	d->build = idm_index_build_new();
	if (d->build == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for an index");
	d->window_no = 0;
	result = idm_schema_visit_attr(d->read, d->after, d->attr, visit_index, d, err);
	if (result == IDM_OK)
		result = write_rows(d, err);
	idm_index_build_free(&d->build);
	return result;
}

/* --- claims */

/* The claims of all values of an entry; the keys first, for a write ends what they borrow. */
static enum idm_result
take_claims(
    const struct deriving *d, const struct idm_entry *entry, uint32_t count, struct idm_error *err)
{
	struct idm_value_iter iter = idm_entry_values(entry, d->attr->number);
	struct idm_claim_key *keys = idm_arena_array(d->read->arena, count, sizeof(*keys));
	struct idm_value value;
	uint8_t id[8];
	enum idm_result result = IDM_OK;

	if (keys == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for the claims of an entry");
	for (uint32_t i = 0; idm_value_next(&iter, &value); i++)
		keys[i] = idm_claim_key(IDM_CLAIM_CUSTOM, d->attr->number, value.norm);
	idm_store_u64(entry->id, id);
	for (uint32_t i = 0; i < count && result == IDM_OK; i++)
		result = idm_store_put(d->read->txn, IDM_DB_NAME,
		    idm_span_of(keys[i].bytes, keys[i].len), idm_span_of(id, sizeof(id)), err);
	return result;
}

/* What rests in the recycle bin claims nothing. */
static enum idm_result
visit_claims(void *context, const struct idm_entry *entry, struct idm_error *err)
{
	const struct deriving *d = context;
	uint32_t count = idm_entry_values(entry, d->attr->number).left;

	if (count == 0 || !idm_entry_is_live(entry))
		return IDM_OK;
	return take_claims(d, entry, count, err);
}

static enum idm_result
derive_claims(struct deriving *d, struct idm_error *err)
{
	enum idm_result result = idm_lookup_drop_claims(d->read, d->attr->number, err);

	if (result != IDM_OK || (d->attr->flags & IDM_ATTR_UNIQUE) == 0)
		return result;
	return idm_schema_visit_attr(d->read, d->after, d->attr, visit_claims, d, err);
}

/* --- all attributes */

/* Of one that is new, or has another syntax, there are no values (core/rules_attribute.c). */
static enum idm_result
derive_attr(struct deriving *d, struct idm_error *err)
{
	const struct idm_attr *before = idm_schema_attr_number(d->read->schema, d->attr->number);
	uint32_t changed = before == NULL ? 0 : before->flags ^ d->attr->flags;
	enum idm_result result = IDM_OK;

	if ((changed & INDEXED) != 0)
		result = derive_index(d, err);
	if (result == IDM_OK && (changed & IDM_ATTR_UNIQUE) != 0)
		result = derive_claims(d, err);
	return result;
}

static enum idm_result
note_number(const struct idm_read *read, uint32_t number, struct idm_error *err)
{
	uint64_t next;
	enum idm_result result =
	    idm_store_get_number(read->txn, IDM_DB_META, IDM_SCHEMA_NEXT_ATTR, &next, err);

	if (result != IDM_OK || next > number)
		return result;
	return idm_store_put_number(
	    read->txn, IDM_DB_META, IDM_SCHEMA_NEXT_ATTR, (uint64_t)number + 1, err);
}

enum idm_result
idm_schema_derive(const struct idm_read *read, struct idm_error *err)
{
	struct deriving d = { .read = read };
	enum idm_result result = idm_schema_load(read->txn, &d.after, err);

	for (size_t i = 0; result == IDM_OK && (d.attr = idm_schema_attr_at(d.after, i)) != NULL;
	     i++) {
		if (d.attr->number < IDM_ATTR_CUSTOM_MIN)
			continue;
		result = derive_attr(&d, err);
		if (result == IDM_OK)
			result = note_number(read, d.attr->number, err);
	}
	idm_schema_unref(&d.after);
	return result;
}
