/*
 * Softlocks in local.mdb: a row for each credential, under its account's uuid and attribute number.
 * What it holds of time is what remains of it, in milliseconds, with the boot and the moment it was
 * written in, so that the next process goes on from there.
 */
#include <stdio.h>
#include <string.h>

#include "core/fields.h"
#include "core/softlock_impl.h"

enum {
	KEY_BYTES = IDM_UUID_BYTES + 4,
	ROW_FORMAT = 1,
	/* The format, boot, moment, failures and rest of all sources, how many slots follow. */
	HEAD_BYTES = 1 + IDM_CLOCK_BOOT_BYTES + 8 + 4 + 4 + 1,
	/* The source, failures, how long it is locked, and how long until it begins anew. */
	SLOT_BYTES = IDM_SOFTLOCK_SOURCE_BYTES + 4 + 4 + 4,
	SLOTS_MAX = IDM_SOFTLOCK_SOURCES_OF_ONE + 1, /* the shared one too */
	ROW_MAX_BYTES = HEAD_BYTES + SLOTS_MAX * SLOT_BYTES,
	LOCK_MAX_MS = 60 * 1000,
	RESET_MAX_MS = IDM_SOFTLOCK_RESET_S * 1000,
};

/* --- writing */

struct row_writer {
	uint8_t bytes[ROW_MAX_BYTES];
	size_t len;
	uint64_t now_ms;
};

static void
put(struct row_writer *w, const void *from, size_t len)
{
	memcpy(w->bytes + w->len, from, len);
	w->len += len;
}

static void
put_u32(struct row_writer *w, uint32_t value)
{
	idm_store_u32(value, w->bytes + w->len);
	w->len += 4;
}

/* What remains until then. */
static void
put_until(struct row_writer *w, uint64_t until_ms)
{
	uint64_t left_ms = until_ms > w->now_ms ? until_ms - w->now_ms : 0;

	put_u32(w, (uint32_t)left_ms);
}

/* 1: it was written; 0: there is nothing to it. */
static uint8_t
put_slot(struct row_writer *w, const struct softlock_slot *slot)
{
	if (slot->failures == 0 || w->now_ms >= slot->reset_ms)
		return 0;
	put(w, slot->source.bytes, IDM_SOFTLOCK_SOURCE_BYTES);
	put_u32(w, slot->failures);
	put_until(w, slot->until_ms);
	put_until(w, slot->reset_ms);
	return 1;
}

static void
encode(struct row_writer *w, const struct softlock *lock, const uint8_t boot[IDM_CLOCK_BOOT_BYTES])
{
	const uint8_t format = ROW_FORMAT;
	bool counts = lock->failures != 0 && w->now_ms < lock->reset_ms;
	uint8_t slots = 0;
	uint8_t moment[8];
	size_t count_at;

	idm_store_u64(w->now_ms, moment);
	put(w, &format, 1);
	put(w, boot, IDM_CLOCK_BOOT_BYTES);
	put(w, moment, sizeof(moment));
	put_u32(w, counts ? lock->failures : 0);
	put_until(w, counts ? lock->reset_ms : 0);
	count_at = w->len;
	put(w, &slots, 1);
	for (const struct softlock_slot *slot = lock->slots; slot != NULL; slot = slot->next)
		slots = (uint8_t)(slots + put_slot(w, slot));
	slots = (uint8_t)(slots + put_slot(w, &lock->shared));
	w->bytes[count_at] = slots;
}

static void
key_of(const struct idm_softlock_id *id, uint8_t out[KEY_BYTES])
{
	memcpy(out, id->account.bytes, IDM_UUID_BYTES);
	idm_store_u32(id->attr_number, out + IDM_UUID_BYTES);
}

static enum idm_result
delete_row(const struct idm_txn *txn, const struct idm_softlock_id *id, struct idm_error *err)
{
	uint8_t key[KEY_BYTES];
	enum idm_result result;

	key_of(id, key);
	result = idm_store_del(txn, IDM_DB_SOFTLOCKS, idm_span_of(key, sizeof(key)), err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static bool
is_empty(const struct softlock *lock)
{
	return lock->failures == 0 && lock->slots == NULL && lock->shared.failures == 0;
}

static enum idm_result
store_row(const struct softlock *lock, const struct idm_txn *txn,
    const uint8_t boot[IDM_CLOCK_BOOT_BYTES], uint64_t now_ms, struct idm_error *err)
{
	struct row_writer w = { .now_ms = now_ms };
	uint8_t key[KEY_BYTES];

	if (is_empty(lock))
		return delete_row(txn, &lock->id, err);
	key_of(&lock->id, key);
	encode(&w, lock, boot);
	return idm_store_put(
	    txn, IDM_DB_SOFTLOCKS, idm_span_of(key, sizeof(key)), idm_span_of(w.bytes, w.len), err);
}

bool
idm_softlocks_dirty(const struct idm_softlocks *locks)
{
	return locks->dirty != NULL || locks->gone_count != 0;
}

enum idm_result
idm_softlocks_store(const struct idm_softlocks *locks, const struct idm_txn *txn,
    const uint8_t boot[IDM_CLOCK_BOOT_BYTES], uint64_t now_ms, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	/* First these: a credential may have come back since. */
	for (size_t i = 0; i < locks->gone_count && result == IDM_OK; i++)
		result = delete_row(txn, &locks->gone[i], err);
	for (const struct softlock *lock = locks->dirty; lock != NULL && result == IDM_OK;
	     lock = lock->next_dirty)
		result = store_row(lock, txn, boot, now_ms, err);
	return result;
}

void
idm_softlocks_stored(struct idm_softlocks *locks)
{
	struct softlock *lock;

	locks->gone_count = 0;
	while ((lock = locks->dirty) != NULL) {
		softlock_unmark(lock);
		lock->stored = !is_empty(lock);
	}
}

enum idm_result
idm_softlock_delete_rows(
    const struct idm_txn *txn, const struct idm_uuid *account, struct idm_error *err)
{
	return idm_store_del_all(txn, IDM_DB_SOFTLOCKS, idm_uuid_span(account), err);
}

/* --- reading */

struct row_slot {
	struct idm_softlock_source source;
	uint32_t failures;
	uint32_t lock_ms;
	uint32_t reset_ms;
};

struct row {
	struct idm_softlock_id id;
	uint8_t boot[IDM_CLOCK_BOOT_BYTES];
	uint64_t written_ms;
	uint32_t failures;
	uint32_t reset_ms;
	struct row_slot slots[SLOTS_MAX];
	size_t slot_count;
};

enum { NAME_BYTES = 2 * 32 + 1 };

/* The key in words, or as hexadecimal digits where it is none. */
static const char *
name_row(struct idm_span key, char out[NAME_BYTES])
{
	struct idm_uuid account;

	if (key.len == KEY_BYTES) {
		idm_uuid_load(idm_span_of(key.ptr, IDM_UUID_BYTES), &account);
		idm_uuid_format(&account, out);
		snprintf(out + IDM_UUID_TEXT - 1, NAME_BYTES - IDM_UUID_TEXT + 1, " attribute %u",
		    idm_store_load_u32(key.ptr + IDM_UUID_BYTES));
		return out;
	}
	out[0] = '\0';
	for (size_t i = 0; i < key.len && i < NAME_BYTES / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", key.ptr[i]);
	return out;
}

/* NULL, or what is wrong with it. */
static const char *
read_slot(struct idm_fields *fields, struct row *row)
{
	struct row_slot *slot = &row->slots[row->slot_count];
	struct idm_span source = idm_fields_take(fields, IDM_SOFTLOCK_SOURCE_BYTES);

	if (source.len == 0)
		return "it is cut off";
	memcpy(slot->source.bytes, source.ptr, source.len);
	slot->failures = idm_fields_u32(fields);
	slot->lock_ms = idm_fields_u32(fields);
	slot->reset_ms = idm_fields_u32(fields);
	if (slot->failures == 0 || slot->lock_ms > LOCK_MAX_MS || slot->reset_ms > RESET_MAX_MS)
		return "a source's failures or times are out of range";
	for (size_t i = 0; i < row->slot_count; i++) {
		if (memcmp(row->slots[i].source.bytes, source.ptr, source.len) == 0)
			return "a source is there twice";
	}
	row->slot_count++;
	return NULL;
}

static const char *
read_row(struct idm_span key, struct idm_span value, struct row *row)
{
	struct idm_fields names = { key, false };
	struct idm_fields fields = { value, false };
	struct idm_span boot;
	const char *wrong = NULL;
	uint8_t slots;

	row->id.account = idm_fields_uuid(&names);
	row->id.attr_number = idm_fields_u32(&names);
	row->slot_count = 0;
	if (!idm_fields_end(&names))
		return "it is no key";
	if (idm_fields_u8(&fields) != ROW_FORMAT)
		return "its format is unknown";
	boot = idm_fields_take(&fields, IDM_CLOCK_BOOT_BYTES);
	if (boot.len != 0)
		memcpy(row->boot, boot.ptr, boot.len);
	row->written_ms = idm_fields_u64(&fields);
	row->failures = idm_fields_u32(&fields);
	row->reset_ms = idm_fields_u32(&fields);
	slots = idm_fields_u8(&fields);
	if (slots > SLOTS_MAX || row->reset_ms > RESET_MAX_MS)
		return "its sources or times are out of range";
	for (uint8_t i = 0; i < slots && wrong == NULL; i++)
		wrong = read_slot(&fields, row);
	return wrong != NULL || idm_fields_end(&fields) ? wrong : "its length is wrong";
}

static enum idm_result
decode(struct idm_span key, struct idm_span value, struct row *row, struct idm_error *err)
{
	const char *wrong = read_row(key, value, row);
	char name[NAME_BYTES];

	if (wrong == NULL)
		return IDM_OK;
	return idm_fail(err, IDM_CORRUPT, "softlock of %s: %s", name_row(key, name), wrong);
}

enum idm_result
idm_softlock_check_row(struct idm_span key, struct idm_span value, struct idm_error *err)
{
	struct row row;

	return decode(key, value, &row, err);
}

/* --- from rows to the table */

struct loading {
	struct idm_softlocks *locks;
	const uint8_t *boot;
	const struct idm_clock_seen *seen;
	uint64_t now_ms;
};

/* How long ago a row was written, as far as that is known. */
static uint64_t
age_ms(const struct loading *load, const struct row *row)
{
	static const uint8_t
	    untold[IDM_CLOCK_BOOT_BYTES]; /* the kernel does not tell boots apart */
	uint64_t until_ms = 0;

	if (memcmp(row->boot, untold, IDM_CLOCK_BOOT_BYTES) == 0)
		return 0;
	if (memcmp(row->boot, load->boot, IDM_CLOCK_BOOT_BYTES) == 0)
		until_ms = load->now_ms;
	else if (memcmp(row->boot, load->seen->boot, IDM_CLOCK_BOOT_BYTES) == 0)
		until_ms = load->seen->boot_ms;
	return until_ms > row->written_ms ? until_ms - row->written_ms : 0;
}

/* When something ends of which so much remained then; 0: it has. */
static uint64_t
end_of(const struct loading *load, uint32_t left_ms, uint64_t age)
{
	return left_ms > age ? load->now_ms + left_ms - age : 0;
}

static void
load_slot(
    const struct loading *load, struct softlock *lock, const struct row_slot *from, uint64_t age)
{
	struct softlock_slot *slot = &lock->shared;
	uint64_t reset_ms = end_of(load, from->reset_ms, age);

	if (reset_ms == 0)
		return;
	if (memcmp(from->source.bytes, softlock_shared_source.bytes, IDM_SOFTLOCK_SOURCE_BYTES) !=
	    0)
		slot = softlock_place(load->locks, lock, &from->source, load->now_ms);
	slot->failures = from->failures;
	slot->reset_ms = reset_ms;
	slot->until_ms = end_of(load, from->lock_ms, age);
	if (slot->until_ms > lock->until_ms)
		lock->until_ms = slot->until_ms;
}

static void
load_row(const struct loading *load, const struct row *row)
{
	uint64_t age = age_ms(load, row);
	struct softlock *lock = softlock_add(load->locks, &row->id, load->now_ms);

	if (lock == NULL)
		return; /* all that are here are locked */
	lock->stored = true;
	lock->reset_ms = end_of(load, row->reset_ms, age);
	lock->failures = lock->reset_ms == 0 ? 0 : row->failures;
	for (size_t i = 0; i < row->slot_count; i++)
		load_slot(load, lock, &row->slots[i], age);
	softlock_rank(load->locks, lock);
	softlock_mark(load->locks, lock); /* its times are another boot's, or it is over */
}

/* Tell of a row that is damaged, and delete it. */
static enum idm_result
drop_row(const struct idm_txn *txn, struct idm_span key, const struct idm_error *why,
    idm_softlock_on_bad on_bad, void *context, struct idm_error *err)
{
	uint8_t copy[IDM_STORE_KEY_BYTES]; /* the deletion ends what `key` borrows from */

	on_bad(context, why);
	memcpy(copy, key.ptr, key.len);
	return idm_store_del(txn, IDM_DB_SOFTLOCKS, idm_span_of(copy, key.len), err);
}

/* The next row; IDM_CORRUPT: *why names it. */
static enum idm_result
next_row(struct idm_cursor *cursor, struct idm_span *key, struct row *row, struct idm_error *why)
{
	struct idm_error damage = { .text = "" };
	struct idm_span value;
	char name[NAME_BYTES];
	enum idm_result result = idm_cursor_next(cursor, key, &value, &damage);

	if (result == IDM_OK)
		return decode(*key, value, row, why);
	return idm_fail(why, result, "softlock of %s: %.160s", name_row(*key, name), damage.text);
}

enum idm_result
idm_softlocks_load(struct idm_softlocks *locks, const struct idm_txn *txn,
    const uint8_t boot[IDM_CLOCK_BOOT_BYTES], const struct idm_clock_seen *seen, uint64_t now_ms,
    idm_softlock_on_bad on_bad, void *context, struct idm_error *err)
{
	const struct loading load = { locks, boot, seen, now_ms };
	struct idm_cursor cursor;
	struct idm_span key;
	struct idm_error why = { .text = "" };
	struct row row;
	enum idm_result result =
	    idm_cursor_open(txn, IDM_DB_SOFTLOCKS, IDM_SPAN_EMPTY, &cursor, err);

	while (result == IDM_OK) {
		result = next_row(&cursor, &key, &row, &why);
		if (result == IDM_OK)
			load_row(&load, &row);
		else if (result == IDM_CORRUPT)
			result = drop_row(txn, key, &why, on_bad, context, err);
		else if (result != IDM_NOT_FOUND && err != NULL)
			*err = why;
	}
	idm_cursor_close(&cursor);
	idm_softlock_sweep(locks, now_ms);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}
