#include "core/hold.h"

#include "core/audit.h"
#include "core/store_impl.h"

enum { ARENA_BYTES = 1024 * 1024 };

/* Who is meant, and what he is called now; spn_len 0: it is not known. */
struct who {
	struct idm_uuid uuid;
	char spn[IDM_SPN_MAX];
	size_t spn_len;
};

/* In local meta: this and the account's uuid -> the second at which it was held. */
static const char prefix[] = "hold:";
enum { PREFIX_BYTES = sizeof(prefix) - 1, KEY_BYTES = PREFIX_BYTES + IDM_UUID_BYTES };

static struct idm_span
key_of(const struct idm_uuid *account, uint8_t out[KEY_BYTES])
{
	memcpy(out, prefix, PREFIX_BYTES);
	memcpy(out + PREFIX_BYTES, account->bytes, IDM_UUID_BYTES);
	return idm_span_of(out, KEY_BYTES);
}

/* Those that are stored.  IDM_LIMIT: more than can be. */
static enum idm_result
load(const struct idm_txn *txn, struct idm_uuid out[IDM_HOLDS_MAX], size_t *count,
    struct idm_error *err)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	enum idm_result result =
	    idm_cursor_open(txn, IDM_DB_LOCAL_META, idm_span_cstr(prefix), &cursor, err);

	*count = 0;
	if (result != IDM_OK)
		return result;
	while ((result = idm_cursor_next(&cursor, &key, &value, err)) == IDM_OK) {
		if (key.len != KEY_BYTES || *count == IDM_HOLDS_MAX) {
			result = idm_fail(err, IDM_CORRUPT, "a hold's key, or one too many");
			break;
		}
		memcpy(out[(*count)++].bytes, key.ptr + PREFIX_BYTES, IDM_UUID_BYTES);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_hold_load(struct idm_store *store, struct idm_error *err)
{
	struct idm_uuid held[IDM_HOLDS_MAX];
	struct idm_txn txn;
	size_t count;
	enum idm_result result = idm_store_local_read_begin(store, &txn, err);

	if (result != IDM_OK)
		return result;
	result = load(&txn, held, &count, err);
	idm_store_read_end(&txn);
	if (result == IDM_OK)
		idm_published_set_holds(&store->pub, held, count);
	return result;
}

size_t
idm_hold_list(const struct idm_store *store, struct idm_uuid out[IDM_HOLDS_MAX])
{
	return idm_published_holds(&store->pub, out);
}

/* --- changing them */

/* In the transaction that does it, for no change set tells of it. */
static enum idm_result
record(const struct idm_txn *txn, const struct who *who, struct idm_now now, bool held,
    struct idm_error *err)
{
	struct idm_audit audit;
	const struct idm_audit_record line = { .at_s = now.at_s,
		.trusted = now.trusted,
		.protocol = IDM_AUDIT_KANIDMD,
		.operation = IDM_AUDIT_HOLD,
		.outcome = IDM_OK,
		.source = IDM_SPAN_LIT("console"),
		.has_target = true,
		.target = who->uuid,
		.target_name = idm_span_of(who->spn, who->spn_len),
		.reason = held ? IDM_SPAN_LIT("held") : IDM_SPAN_LIT("held no longer") };
	enum idm_result result = idm_audit_begin(txn, &audit, err);

	if (result == IDM_OK)
		result = idm_audit_append(&audit, &line, err);
	/* What is too much is forgotten by who knows how much may be kept. */
	return result == IDM_OK ? idm_audit_end(&audit, UINT64_MAX, now, err) : result;
}

static enum idm_result
check_room(const struct idm_txn *txn, struct idm_error *err)
{
	struct idm_uuid held[IDM_HOLDS_MAX];
	size_t count;
	enum idm_result result = load(txn, held, &count, err);

	if (result == IDM_OK && count == IDM_HOLDS_MAX)
		return idm_refuse(err, IDM_LIMIT,
		    "%d accounts are held, which is as many as can be: disable some instead",
		    IDM_HOLDS_MAX);
	return result;
}

static enum idm_result
write_row(const struct idm_txn *txn, const struct idm_uuid *account, struct idm_now now, bool held,
    bool *changed, struct idm_error *err)
{
	uint8_t bytes[KEY_BYTES], at[8];
	struct idm_span key = key_of(account, bytes), value;
	enum idm_result result = idm_store_get(txn, IDM_DB_LOCAL_META, key, &value, err);

	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	*changed = (result == IDM_OK) != held;
	if (!*changed)
		return IDM_OK;
	if (!held)
		return idm_store_del(txn, IDM_DB_LOCAL_META, key, err);
	result = check_room(txn, err);
	idm_datetime_store(now.at_s, at);
	return result == IDM_OK
		   ? idm_store_put(txn, IDM_DB_LOCAL_META, key, idm_span_of(at, sizeof(at)), err)
		   : result;
}

static enum idm_result
change(struct idm_store *store, const struct who *who, struct idm_now now, bool held, bool *changed,
    struct idm_error *err)
{
	struct idm_txn txn;
	bool did = false;
	enum idm_result result = idm_store_local_write_begin(store, &txn, err);

	if (result == IDM_OK)
		result = write_row(&txn, &who->uuid, now, held, &did, err);
	if (result == IDM_OK && did)
		result = record(&txn, who, now, held, err);
	result = idm_store_write_end(&txn, result, err);
	if (changed != NULL)
		*changed = did;
	return result == IDM_OK ? idm_hold_load(store, err) : result;
}

enum idm_result
idm_hold_set(struct idm_store *store, const struct idm_uuid *account, struct idm_now now,
    bool *changed, struct idm_error *err)
{
	const struct who who = { .uuid = *account };

	return change(store, &who, now, true, changed, err);
}

enum idm_result
idm_hold_clear(struct idm_store *store, const struct idm_uuid *account, struct idm_now now,
    bool *changed, struct idm_error *err)
{
	const struct who who = { .uuid = *account };

	return change(store, &who, now, false, changed, err);
}

/* --- by name */

static enum idm_result
look_up(const struct idm_read *read, const char *name, struct who *out, struct idm_error *err)
{
	struct idm_entry account;
	enum idm_result result = idm_lookup_text(read, idm_span_cstr(name), &account, err);

	if (result == IDM_OK && !idm_entry_has_class(&account, "account"))
		return IDM_NOT_FOUND;
	if (result != IDM_OK)
		return result;
	out->uuid = account.uuid;
	out->spn_len = idm_lookup_spn(read, &account, out->spn);
	return IDM_OK;
}

static enum idm_result
find(struct idm_store *store, const char *name, struct idm_now now, struct who *out,
    struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result;

	*out = (struct who){ .spn_len = 0 };
	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_read_begin(store, &txn, err);
	if (result == IDM_OK) {
		result = idm_read_attach(&txn, arena, now, &read, err);
		if (result == IDM_OK)
			result = look_up(&read, name, out, err);
		idm_store_read_end(&txn);
	}
	idm_arena_free(&arena);
	if (result == IDM_NOT_FOUND)
		return idm_refuse(err, IDM_NOT_FOUND, "there is no account '%s'", name);
	return result;
}

enum idm_result
idm_hold_set_named(struct idm_store *store, const char *name, struct idm_now now,
    struct idm_uuid *account, bool *changed, struct idm_error *err)
{
	struct who who;
	enum idm_result result = find(store, name, now, &who, err);

	*account = who.uuid;
	return result == IDM_OK ? change(store, &who, now, true, changed, err) : result;
}

enum idm_result
idm_hold_clear_named(struct idm_store *store, const char *name, struct idm_now now,
    struct idm_uuid *account, bool *changed, struct idm_error *err)
{
	struct who who;
	enum idm_result result = find(store, name, now, &who, err);

	if (result == IDM_NOT_FOUND && idm_uuid_parse(idm_span_cstr(name), &who.uuid))
		result = IDM_OK;
	*account = who.uuid;
	return result == IDM_OK ? change(store, &who, now, false, changed, err) : result;
}
