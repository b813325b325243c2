/* Check of `secrets` and `tokens`, and of the sessions in local.mdb. */
#include <inttypes.h>

#include "core/session.h"
#include "core/softlock.h"
#include "core/token_store.h"
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
	if (idm_token_check_row(&v->txn, key, bytes, &row, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_TOKEN, "tokens: %s: %s", text, v->err.text);
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

static void
check_session(struct verify *v, struct idm_span key, struct idm_span bytes)
{
	char text[VERIFY_NAME_BYTES];

	if (idm_session_check_row(&v->txn, key, bytes, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_LOCAL, "sessions: %s: %s",
		    verify_octets_text(key, text), v->err.text);
}

static void
check_softlock(struct verify *v, struct idm_span key, struct idm_span bytes)
{
	if (idm_softlock_check_row(key, bytes, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_LOCAL, "softlocks: %s", v->err.text);
}

void
verify_local(struct verify *v)
{
	for (enum idm_db db = IDM_DB_LOCAL_META; db < IDM_DB_COUNT; db++) {
		if (db == IDM_DB_SESSIONS)
			verify_walk(v, db, "sessions", check_session);
		else if (db == IDM_DB_SOFTLOCKS)
			verify_walk(v, db, "softlocks", check_softlock);
		else
			verify_walk(v, db, "local rows", check_any);
	}
}
