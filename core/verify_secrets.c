/* Check of `secrets` and `tokens`, and of the sessions in local.mdb. */
#include <inttypes.h>

#include "core/token.h"
#include "core/verify_impl.h"

enum { SECRET_KEY_BYTES = 8 + 4 };

static void
check_seal(struct verify *v, const struct idm_entry *entry, const struct idm_attr *attr,
    struct idm_span blob)
{
	const struct idm_keyring *ring =
	    attr->syntax == IDM_SYNTAX_CREDENTIAL ? v->ask->password_ring : v->ask->radius_ring;
	struct idm_span plain; /* wiped with the arena */
	char text[VERIFY_NAME_BYTES];

	if (idm_seal_set_at(blob) > v->totals.no)
		verify_found(v, IDM_FINDING_SECRET, "%s: its %s was set by no change",
		    verify_entry_text(entry, text), attr->name);
	if (ring == NULL) {
		v->totals.untried++;
		return;
	}
	if (idm_unseal(ring, &entry->uuid, attr->number, blob, v->read.arena, &plain, &v->err) !=
	    IDM_OK)
		verify_found(v, IDM_FINDING_SECRET, "%s: %s: %s", verify_entry_text(entry, text),
		    attr->name, v->err.text);
}

static void
check_secret(struct verify *v, struct idm_span key, struct idm_span blob)
{
	const struct idm_attr *attr;
	struct idm_entry entry;
	char text[VERIFY_NAME_BYTES];

	v->totals.secrets++;
	if (key.len != SECRET_KEY_BYTES) {
		verify_found(
		    v, IDM_FINDING_SECRET, "secrets: %s is no key", verify_octets_text(key, text));
		return;
	}
	attr = idm_schema_attr_number(v->read.schema, idm_store_load_u32(key.ptr + 8));
	if (!verify_entry(v, idm_store_load_u64(key.ptr), &entry))
		verify_found(v, IDM_FINDING_SECRET,
		    "secrets: one of id %" PRIu64 ", which is no entry",
		    idm_store_load_u64(key.ptr));
	else if (attr == NULL || !verify_is_sealed(attr))
		verify_found(v, IDM_FINDING_SECRET, "%s: a secret of attribute %u, which has none",
		    verify_entry_text(&entry, text), idm_store_load_u32(key.ptr + 8));
	else if (!idm_entry_has(&entry, attr->number))
		verify_found(v, IDM_FINDING_SECRET, "%s: its %s is there and not marked as set",
		    verify_entry_text(&entry, text), attr->name);
	else
		check_seal(v, &entry, attr, blob);
}

static void
check_token(struct verify *v, struct idm_span key, struct idm_span bytes)
{
	struct idm_token_row row;
	struct idm_entry entry;
	char text[VERIFY_NAME_BYTES];

	verify_octets_text(key, text);
	if (idm_token_row_decode(bytes, &row, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_TOKEN, "tokens: %s: %s", text, v->err.text);
	else if (!idm_span_equal(idm_uuid_span(&row.id), key) || row.kind != IDM_TOKEN_API)
		verify_found(v, IDM_FINDING_TOKEN, "tokens: %s holds another token", text);
	else if (idm_lookup_uuid(&v->read, &row.account, &entry, &v->err) != IDM_OK ||
		 !idm_entry_has_class(&entry, "account"))
		verify_found(v, IDM_FINDING_TOKEN, "tokens: %s is of no account", text);
}

void
verify_secrets(struct verify *v)
{
	verify_walk(v, IDM_DB_SECRETS, "secrets", check_secret);
	verify_walk(v, IDM_DB_TOKENS, "tokens", check_token);
}

/* --- local.mdb */

static void
check_any(struct verify *v, struct idm_span key, struct idm_span value)
{
	(void)v;
	(void)key;
	(void)value;
}

/* Rows under 's' and the session's id; under 'a', account and id (core/session.c). */
static void
check_session(struct verify *v, struct idm_span key, struct idm_span bytes)
{
	uint8_t other[1 + 2 * IDM_UUID_BYTES];
	struct idm_token_row row;
	struct idm_span found;
	char text[VERIFY_NAME_BYTES];

	verify_octets_text(key, text);
	if (key.len == 1 + IDM_UUID_BYTES && key.ptr[0] == 's') {
		if (idm_token_row_decode(bytes, &row, &v->err) != IDM_OK) {
			verify_found(v, IDM_FINDING_LOCAL, "sessions: %s: %s", text, v->err.text);
			return;
		}
		other[0] = 'a';
		memcpy(other + 1, row.account.bytes, IDM_UUID_BYTES);
		memcpy(other + 1 + IDM_UUID_BYTES, key.ptr + 1, IDM_UUID_BYTES);
		if (verify_get(v, IDM_DB_SESSIONS, idm_span_of(other, sizeof(other)), &found) ==
		    IDM_NOT_FOUND)
			verify_found(v, IDM_FINDING_LOCAL,
			    "sessions: %s is not among those of its account", text);
	} else if (key.len == sizeof(other) && key.ptr[0] == 'a') {
		other[0] = 's';
		memcpy(other + 1, key.ptr + 1 + IDM_UUID_BYTES, IDM_UUID_BYTES);
		if (verify_get(v, IDM_DB_SESSIONS, idm_span_of(other, 1 + IDM_UUID_BYTES),
			&found) == IDM_NOT_FOUND)
			verify_found(
			    v, IDM_FINDING_LOCAL, "sessions: %s leads to no session", text);
	} else {
		verify_found(v, IDM_FINDING_LOCAL, "sessions: %s is no key", text);
	}
}

void
verify_local(struct verify *v)
{
	for (enum idm_db db = IDM_DB_LOCAL_META; db < IDM_DB_COUNT; db++) {
		bool sessions = db == IDM_DB_SESSIONS;

		verify_walk(v, db, sessions ? "sessions" : "local rows",
		    sessions ? check_session : check_any);
	}
}
