#include "core/lookup.h"

#include <assert.h>
#include <inttypes.h>

#include <xxhash.h>

#include "core/schema_load.h"

enum {
	NAME_MAX_BYTES = 64, /* SPEC 2.3 */
	ID_BYTES = 8,
	WELLKNOWN_BYTES = 3 * ID_BYTES,
	HASHED = 0x80, /* in the kind octet of a claim */
};

static const char domain_key[] = "domain";
static const char wellknown_key[] = "wellknown";

/* --- the snapshot */

static enum idm_result
load_domain(const struct idm_txn *txn, struct idm_read *out, struct idm_error *err)
{
	struct idm_span value;
	enum idm_result result =
	    idm_store_get(txn, IDM_DB_META, idm_span_cstr(domain_key), &value, err);

	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	if (value.len == 0 || value.len >= sizeof(out->domain))
		return idm_fail(err, IDM_CORRUPT, "a domain of %zu octets", value.len);
	memcpy(out->domain, value.ptr, value.len);
	return IDM_OK;
}

static enum idm_result
load_wellknown(const struct idm_txn *txn, struct idm_read *out, struct idm_error *err)
{
	struct idm_span value;
	enum idm_result result =
	    idm_store_get(txn, IDM_DB_META, idm_span_cstr(wellknown_key), &value, err);

	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	if (value.len != WELLKNOWN_BYTES)
		return idm_fail(err, IDM_CORRUPT, "well-known ids of %zu octets", value.len);
	out->all_persons_id = idm_store_load_u64(value.ptr);
	out->all_accounts_id = idm_store_load_u64(value.ptr + ID_BYTES);
	out->high_privilege_id = idm_store_load_u64(value.ptr + 2 * ID_BYTES);
	return IDM_OK;
}

static enum idm_result
attach(const struct idm_txn *txn, struct idm_arena *arena, struct idm_now now, struct idm_read *out,
    struct idm_error *err)
{
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	out->txn = txn;
	out->arena = arena;
	out->now = now;
	out->schema = idm_schema_builtin();
	result = load_domain(txn, out, err);
	return result == IDM_OK ? load_wellknown(txn, out, err) : result;
}

enum idm_result
idm_read_attach(const struct idm_txn *txn, struct idm_arena *arena, struct idm_now now,
    struct idm_read *out, struct idm_error *err)
{
	enum idm_result result = attach(txn, arena, now, out, err);

	return result == IDM_OK ? idm_schema_current(txn, arena, &out->schema, err) : result;
}

enum idm_result
idm_read_attach_scan(
    const struct idm_txn *txn, struct idm_arena *arena, struct idm_read *out, struct idm_error *err)
{
	enum idm_result result = attach(txn, arena, (struct idm_now){ 0 }, out, err);

	return result == IDM_OK ? idm_schema_scan(txn, arena, &out->schema, err) : result;
}

enum idm_result
idm_lookup_store_domain(const struct idm_txn *txn, struct idm_span domain, struct idm_error *err)
{
	if (domain.len == 0 || domain.len >= IDM_DOMAIN_MAX)
		return idm_refuse(err, IDM_INVALID, "a domain has 1 to %d octets, not %zu",
		    IDM_DOMAIN_MAX - 1, domain.len);
	return idm_store_put(txn, IDM_DB_META, idm_span_cstr(domain_key), domain, err);
}

enum idm_result
idm_lookup_store_wellknown(const struct idm_txn *txn, uint64_t all_persons_id,
    uint64_t all_accounts_id, uint64_t high_privilege_id, struct idm_error *err)
{
	uint8_t value[WELLKNOWN_BYTES];

	idm_store_u64(all_persons_id, value);
	idm_store_u64(all_accounts_id, value + ID_BYTES);
	idm_store_u64(high_privilege_id, value + 2 * ID_BYTES);
	return idm_store_put(
	    txn, IDM_DB_META, idm_span_cstr(wellknown_key), idm_span_of(value, sizeof(value)), err);
}

/* --- claims */

enum idm_claim
idm_claim_kind(const struct idm_attr *attr, bool of_profile)
{
	if ((attr->flags & IDM_ATTR_UNIQUE) == 0 || attr->number == IDM_ATTR_UUID)
		return 0;
	switch (attr->number) {
	case IDM_ATTR_NAME: return of_profile ? IDM_CLAIM_PROFILE : IDM_CLAIM_NAME;
	case IDM_ATTR_MAIL: return IDM_CLAIM_MAIL;
	case IDM_ATTR_GIDNUMBER: return IDM_CLAIM_GID;
	default: return IDM_CLAIM_CUSTOM;
	}
}

/* How long a value may be to stand in a claim as it is. */
static size_t
claim_room(enum idm_claim kind)
{
	return IDM_STORE_KEY_BYTES - 1 - (kind == IDM_CLAIM_CUSTOM ? sizeof(uint32_t) : 0);
}

struct idm_claim_key
idm_claim_key(enum idm_claim kind, uint32_t attr_number, struct idm_span norm)
{
	struct idm_claim_key key = { .len = 1 };
	XXH128_canonical_t hash;

	key.bytes[0] = (uint8_t)kind;
	if (kind == IDM_CLAIM_CUSTOM) {
		idm_store_u32(attr_number, key.bytes + key.len);
		key.len += sizeof(uint32_t);
	}
	if (norm.len > claim_room(kind)) {
		key.bytes[0] |= HASHED;
		XXH128_canonicalFromHash(&hash, XXH3_128bits(norm.ptr, norm.len));
		norm = idm_span_of(hash.digest, sizeof(hash.digest));
	}
	if (norm.len != 0)
		memcpy(key.bytes + key.len, norm.ptr, norm.len);
	key.len += norm.len;
	return key;
}

enum idm_result
idm_lookup_drop_claims(const struct idm_read *read, uint32_t attr_number, struct idm_error *err)
{
	uint8_t prefix[1 + sizeof(uint32_t)] = { IDM_CLAIM_CUSTOM };
	enum idm_result result;

	idm_store_u32(attr_number, prefix + 1);
	result =
	    idm_store_del_all(read->txn, IDM_DB_NAME, idm_span_of(prefix, sizeof(prefix)), err);
	if (result != IDM_OK)
		return result;
	prefix[0] |= HASHED;
	return idm_store_del_all(read->txn, IDM_DB_NAME, idm_span_of(prefix, sizeof(prefix)), err);
}

static enum idm_result
load_id(struct idm_span value, uint64_t *id, struct idm_error *err)
{
	*id = value.len == ID_BYTES ? idm_store_load_u64(value.ptr) : 0;
	if (*id == 0)
		return idm_fail(err, IDM_CORRUPT, "a uuid or a claim leads to no id");
	return IDM_OK;
}

enum idm_result
idm_lookup_claim_id(const struct idm_read *read, const struct idm_claim_key *key, uint64_t *id,
    struct idm_error *err)
{
	struct idm_span value;
	enum idm_result result =
	    idm_store_get(read->txn, IDM_DB_NAME, idm_span_of(key->bytes, key->len), &value, err);

	return result == IDM_OK ? load_id(value, id, err) : result;
}

/* The attribute whose values a kind of claim is made of. */
static uint32_t
claim_attr(enum idm_claim kind)
{
	switch (kind) {
	case IDM_CLAIM_NAME:
	case IDM_CLAIM_PROFILE: return IDM_ATTR_NAME;
	case IDM_CLAIM_MAIL: return IDM_ATTR_MAIL;
	case IDM_CLAIM_GID: return IDM_ATTR_GIDNUMBER;
	case IDM_CLAIM_CUSTOM: break;
	}
	return IDM_ATTR_NONE;
}

/* --- entries */

enum idm_result
idm_lookup_id(
    const struct idm_read *read, uint64_t id, struct idm_entry *out, struct idm_error *err)
{
	uint8_t key[ID_BYTES];
	struct idm_span bytes;
	enum idm_result result;

	idm_store_u64(id, key);
	result =
	    idm_store_get(read->txn, IDM_DB_ENTRIES, idm_span_of(key, sizeof(key)), &bytes, err);
	return result == IDM_OK ? idm_entry_view(bytes, id, out, err) : result;
}

/* An id that a uuid or a claim has named, so that there must be an entry. */
static enum idm_result
lookup_named(const struct idm_read *read, uint64_t id, struct idm_entry *out, struct idm_error *err)
{
	enum idm_result result = idm_lookup_id(read, id, out, err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "id %" PRIu64 " is named but has no entry", id);
	return result;
}

enum idm_result
idm_lookup_uuid(const struct idm_read *read, const struct idm_uuid *uuid, struct idm_entry *out,
    struct idm_error *err)
{
	struct idm_span value;
	uint64_t id;
	enum idm_result result =
	    idm_store_get(read->txn, IDM_DB_UUID, idm_uuid_span(uuid), &value, err);

	if (result == IDM_OK)
		result = load_id(value, &id, err);
	if (result == IDM_OK)
		result = lookup_named(read, id, out, err);
	if (result == IDM_OK && !idm_uuid_equal(&out->uuid, uuid))
		return idm_fail(err, IDM_CORRUPT, "entry %" PRIu64 " has another uuid", id);
	return result;
}

static enum idm_result
lookup_holder(const struct idm_read *read, enum idm_claim kind, uint32_t attr_number,
    struct idm_span norm, struct idm_entry *out, struct idm_error *err)
{
	struct idm_claim_key key = idm_claim_key(kind, attr_number, norm);
	uint64_t id;
	enum idm_result result = idm_lookup_claim_id(read, &key, &id, err);

	if (result == IDM_OK)
		result = lookup_named(read, id, out, err);
	if (result == IDM_OK && norm.len > claim_room(kind) &&
	    !idm_entry_has_norm(out, attr_number, norm))
		return IDM_NOT_FOUND; /* the hash alone is equal */
	return result;
}

enum idm_result
idm_lookup_claim(const struct idm_read *read, enum idm_claim kind, struct idm_span norm,
    struct idm_entry *out, struct idm_error *err)
{
	assert(claim_attr(kind) != IDM_ATTR_NONE);
	return lookup_holder(read, kind, claim_attr(kind), norm, out, err);
}

enum idm_result
idm_lookup_unique(const struct idm_read *read, uint32_t attr_number, struct idm_span norm,
    struct idm_entry *out, struct idm_error *err)
{
	return lookup_holder(read, IDM_CLAIM_CUSTOM, attr_number, norm, out, err);
}

enum idm_result
idm_lookup_secret(const struct idm_read *read, uint64_t id, uint32_t attr_number,
    struct idm_span *blob, struct idm_error *err)
{
	uint8_t key[ID_BYTES + 4];

	idm_store_u64(id, key);
	idm_store_u32(attr_number, key + ID_BYTES);
	return idm_store_get(read->txn, IDM_DB_SECRETS, idm_span_of(key, sizeof(key)), blob, err);
}

bool
idm_entry_is_live(const struct idm_entry *entry)
{
	struct idm_value_iter iter = idm_entry_values(entry, IDM_ATTR_CLASS);
	struct idm_value value;

	while (idm_value_next(&iter, &value)) {
		if (idm_span_equal(value.norm, IDM_SPAN_LIT("recycled")) ||
		    idm_span_equal(value.norm, IDM_SPAN_LIT("tombstone")))
			return false;
	}
	return true;
}

/* --- what people type */

static enum idm_result
lookup_name(
    const struct idm_read *read, struct idm_span text, struct idm_entry *out, struct idm_error *err)
{
	uint8_t name[NAME_MAX_BYTES];

	if (text.len == 0 || text.len > sizeof(name))
		return IDM_NOT_FOUND;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		name[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
	}
	return idm_lookup_claim(read, IDM_CLAIM_NAME, idm_span_of(name, text.len), out, err);
}

/* `at` is the position of the `@`. */
static enum idm_result
lookup_spn(const struct idm_read *read, struct idm_span text, size_t at, struct idm_entry *out,
    struct idm_error *err)
{
	struct idm_span domain = idm_span_of(text.ptr + at + 1, text.len - at - 1);

	if (domain.len == 0 || !idm_span_equal_nocase(domain, idm_span_cstr(read->domain)))
		return IDM_NOT_FOUND;
	return lookup_name(read, idm_span_of(text.ptr, at), out, err);
}

static enum idm_result
lookup_any(
    const struct idm_read *read, struct idm_span text, struct idm_entry *out, struct idm_error *err)
{
	struct idm_uuid uuid;
	uint8_t norm[4];
	const uint8_t *at;
	uint32_t gid;

	if (idm_uuid_parse(text, &uuid))
		return idm_lookup_uuid(read, &uuid, out, err);
	if (idm_uint32_parse(text, &gid)) { /* no name: those begin with a letter */
		idm_uint32_store(gid, norm);
		return idm_lookup_claim(
		    read, IDM_CLAIM_GID, idm_span_of(norm, sizeof(norm)), out, err);
	}
	at = text.len == 0 ? NULL : memchr(text.ptr, '@', text.len);
	if (at != NULL)
		return lookup_spn(read, text, (size_t)(at - text.ptr), out, err);
	return lookup_name(read, text, out, err);
}

static enum idm_result
live_only(enum idm_result result, const struct idm_entry *entry)
{
	return result == IDM_OK && !idm_entry_is_live(entry) ? IDM_NOT_FOUND : result;
}

enum idm_result
idm_lookup_text(
    const struct idm_read *read, struct idm_span text, struct idm_entry *out, struct idm_error *err)
{
	return live_only(lookup_any(read, text, out, err), out);
}

enum idm_result
idm_lookup_mail(
    const struct idm_read *read, struct idm_span text, struct idm_entry *out, struct idm_error *err)
{
	const struct idm_attr *attr = idm_schema_attr_number(read->schema, IDM_ATTR_MAIL);
	struct idm_span norm;
	enum idm_result result = idm_lookup_text(read, text, out, err);

	if (result != IDM_NOT_FOUND)
		return result;
	result = idm_assertion_parse(attr, text, read->arena, &norm, err);
	if (result == IDM_INVALID)
		return IDM_NOT_FOUND; /* no address, so nobody's */
	if (result != IDM_OK)
		return result;
	return live_only(idm_lookup_claim(read, IDM_CLAIM_MAIL, norm, out, err), out);
}

size_t
idm_lookup_spn(const struct idm_read *read, const struct idm_entry *entry, char out[IDM_SPN_MAX])
{
	struct idm_span name = idm_entry_text(entry, IDM_ATTR_NAME);
	size_t domain_len = strlen(read->domain);

	out[0] = '\0';
	if (name.len == 0 || name.len > NAME_MAX_BYTES)
		return 0;
	memcpy(out, name.ptr, name.len);
	out[name.len] = '@';
	memcpy(out + name.len + 1, read->domain, domain_len + 1);
	return name.len + 1 + domain_len;
}
