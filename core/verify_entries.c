/* Check of `entries` and `uuid`: layout, values, schema, what an entry says of others. */
#include <inttypes.h>

#include "core/verify_impl.h"

/* --- values */

/* As the syntax would store the value's text, so that it is found by it. */
static bool
is_normal(struct verify *v, const struct idm_attr *attr, const struct idm_value *value)
{
	struct idm_value made;
	struct idm_span text;

	if (verify_is_sealed(attr))
		return value->stored.len != 0 && idm_span_equal(value->stored, value->norm);
	text = idm_value_print(attr, value->stored, v->read.arena);
	return text.ptr != NULL &&
	       idm_value_parse(attr, text, v->read.arena, &made, &v->err) == IDM_OK &&
	       idm_span_equal(made.stored, value->stored) && idm_span_equal(made.norm, value->norm);
}

static void
check_sealed(struct verify *v, const struct idm_entry *entry, const struct idm_attr *attr)
{
	char text[VERIFY_NAME_BYTES];
	struct idm_span blob;
	uint8_t key[12];

	idm_store_u64(entry->id, key);
	idm_store_u32(attr->number, key + 8);
	if (verify_get(v, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), &blob) == IDM_NOT_FOUND)
		verify_found(v, IDM_FINDING_SECRET, "%s: its %s is marked as set and is not there",
		    verify_entry_text(entry, text), attr->name);
}

/* What a live entry holds to and a deleted one need not. */
static void
check_live_value(struct verify *v, const struct idm_entry *entry, const struct idm_attr *attr,
    const struct idm_value *value)
{
	enum idm_claim kind =
	    idm_claim_kind(attr, idm_entry_has_class(entry, "access_control_profile"));
	struct idm_claim_key key;
	struct idm_span id;
	char text[VERIFY_NAME_BYTES];

	if (attr->syntax == IDM_SYNTAX_REFERENCE && !verify_referent(v, value->norm))
		verify_found(v, IDM_FINDING_REFERENCE, "%s: its %s names no live entry",
		    verify_entry_text(entry, text), attr->name);
	if (kind == 0)
		return;
	key = idm_claim_key(kind, attr->number, value->norm);
	if (verify_get(v, IDM_DB_NAME, idm_span_of(key.bytes, key.len), &id) == IDM_NOT_FOUND)
		verify_found(v, IDM_FINDING_CLAIM, "%s: its %s is not claimed",
		    verify_entry_text(entry, text), attr->name);
	else if (id.len == 8 && idm_store_load_u64(id.ptr) != entry->id)
		verify_found(v, IDM_FINDING_CLAIM, "%s: its %s is claimed by id %" PRIu64,
		    verify_entry_text(entry, text), attr->name, idm_store_load_u64(id.ptr));
}

static void
check_attr(struct verify *v, const struct idm_entry *entry, const struct idm_attr *attr)
{
	struct idm_value_iter iter = idm_entry_values(entry, attr->number);
	bool live = idm_entry_is_live(entry);
	struct idm_value value;
	char text[VERIFY_NAME_BYTES];

	if (verify_is_sealed(attr))
		check_sealed(v, entry, attr);
	while (idm_value_next(&iter, &value)) {
		if (!is_normal(v, attr, &value))
			verify_found(v, IDM_FINDING_ENTRY, "%s: a value of %s is not in its form",
			    verify_entry_text(entry, text), attr->name);
		if (live)
			check_live_value(v, entry, attr, &value);
	}
}

/* --- entries */

static void
check_uuid(struct verify *v, const struct idm_entry *entry)
{
	struct idm_span id;
	char text[VERIFY_NAME_BYTES];
	enum idm_result result = verify_get(v, IDM_DB_UUID, idm_uuid_span(&entry->uuid), &id);

	if (result == IDM_NOT_FOUND)
		verify_found(v, IDM_FINDING_ENTRY, "%s: its uuid does not lead to it",
		    verify_entry_text(entry, text));
	else if (result == IDM_OK && (id.len != 8 || idm_store_load_u64(id.ptr) != entry->id))
		verify_found(v, IDM_FINDING_ENTRY, "%s: its uuid leads to another entry",
		    verify_entry_text(entry, text));
}

static void
check_schema(struct verify *v, const struct idm_entry *entry)
{
	struct idm_draft *draft = idm_draft_of(v->read.arena, entry);
	struct idm_error err = { .text = "no memory" };
	char text[VERIFY_NAME_BYTES];

	if (draft == NULL || idm_schema_check(v->read.schema, draft, &err) != IDM_OK)
		verify_found(
		    v, IDM_FINDING_ENTRY, "%s: %s", verify_entry_text(entry, text), err.text);
}

static void
check_entry(struct verify *v, struct idm_span key, struct idm_span flat)
{
	uint64_t id = key.len == 8 ? idm_store_load_u64(key.ptr) : 0;
	struct idm_entry entry;
	char text[VERIFY_NAME_BYTES];

	v->totals.entries++;
	if (id == 0 || id >= v->next_id)
		verify_found(v, IDM_FINDING_ENTRY, "entries: %s is an id that was never given out",
		    verify_octets_text(key, text));
	if (idm_entry_view(flat, id, &entry, &v->err) != IDM_OK) {
		verify_found(v, IDM_FINDING_ENTRY, "entry %" PRIu64 ": %s", id, v->err.text);
		return;
	}
	if (entry.version == 0 || entry.version > v->totals.no)
		verify_found(v, IDM_FINDING_ENTRY,
		    "%s: its version %" PRIu64 " is of no change; the last one is %" PRIu64,
		    verify_entry_text(&entry, text), entry.version, v->totals.no);
	check_uuid(v, &entry);
	check_schema(v, &entry);
	for (uint32_t i = 0; idm_entry_attr_at(&entry, i) != 0; i++) {
		const struct idm_attr *attr =
		    idm_schema_attr_number(v->read.schema, idm_entry_attr_at(&entry, i));

		if (attr != NULL) /* else the schema's check has told */
			check_attr(v, &entry, attr);
	}
}

static void
check_uuid_row(struct verify *v, struct idm_span key, struct idm_span row)
{
	struct idm_entry entry;
	uint64_t id = row.len == 8 ? idm_store_load_u64(row.ptr) : 0;
	char text[VERIFY_NAME_BYTES];

	if (!verify_entry(v, id, &entry) || !idm_span_equal(idm_uuid_span(&entry.uuid), key))
		verify_found(v, IDM_FINDING_ENTRY,
		    "uuid: %s leads to id %" PRIu64 ", which is no entry of that uuid",
		    verify_octets_text(key, text), id);
}

void
verify_entries(struct verify *v)
{
	verify_walk(v, IDM_DB_ENTRIES, "entries", check_entry);
	verify_walk(v, IDM_DB_UUID, "uuids", check_uuid_row);
}

/* --- claims, from their side */

/* Does the entry hold a value that this is the claim of? */
static bool
has_claimed(struct verify *v, const struct idm_entry *entry, struct idm_span claim)
{
	bool of_profile = idm_entry_has_class(entry, "access_control_profile");

	for (uint32_t i = 0; idm_entry_attr_at(entry, i) != 0; i++) {
		const struct idm_attr *attr =
		    idm_schema_attr_number(v->read.schema, idm_entry_attr_at(entry, i));
		enum idm_claim kind = attr == NULL ? 0 : idm_claim_kind(attr, of_profile);
		struct idm_value_iter iter = idm_entry_values(entry, idm_entry_attr_at(entry, i));
		struct idm_value value;

		if (kind == 0)
			continue;
		while (idm_value_next(&iter, &value)) {
			struct idm_claim_key key = idm_claim_key(kind, attr->number, value.norm);

			if (idm_span_equal(claim, idm_span_of(key.bytes, key.len)))
				return true;
		}
	}
	return false;
}

static void
check_claim(struct verify *v, struct idm_span key, struct idm_span row)
{
	struct idm_entry entry;
	uint64_t id = row.len == 8 ? idm_store_load_u64(row.ptr) : 0;
	char octets[VERIFY_NAME_BYTES], text[VERIFY_NAME_BYTES];

	verify_octets_text(key, octets);
	if (!verify_entry(v, id, &entry))
		verify_found(v, IDM_FINDING_CLAIM,
		    "name: claim %s leads to id %" PRIu64 ", which is no entry", octets, id);
	else if (!idm_entry_is_live(&entry))
		verify_found(v, IDM_FINDING_CLAIM, "name: claim %s is held by %s, which is deleted",
		    octets, verify_entry_text(&entry, text));
	else if (!has_claimed(v, &entry, key))
		verify_found(v, IDM_FINDING_CLAIM,
		    "name: claim %s is held by %s, which has no such value", octets,
		    verify_entry_text(&entry, text));
}

void
verify_claims(struct verify *v)
{
	verify_walk(v, IDM_DB_NAME, "claims", check_claim);
}
