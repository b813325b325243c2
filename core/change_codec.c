#include "core/change.h"

/*
 * Encoding of a change set: integers big endian, octets behind a u32 length, lists behind a u32
 * count.  The encoder runs twice: first it counts, then it writes into room of that size.
 */

enum {
	MAX_ITEMS = 1 << 20,
	MAX_PARTS = 1 << 20, /* mods, claims, secrets, tokens of an item; values of a mod */
};

struct encoder {
	uint8_t *out; /* NULL: only count */
	size_t len;
};

static void
put(struct encoder *e, const void *bytes, size_t n)
{
	if (e->out != NULL && n != 0)
		memcpy(e->out + e->len, bytes, n);
	e->len += n;
}

static void
put_u8(struct encoder *e, uint8_t value)
{
	put(e, &value, 1);
}

static void
put_u32(struct encoder *e, uint32_t value)
{
	uint8_t bytes[4];

	idm_store_u32(value, bytes);
	put(e, bytes, sizeof(bytes));
}

static void
put_u64(struct encoder *e, uint64_t value)
{
	uint8_t bytes[8];

	idm_store_u64(value, bytes);
	put(e, bytes, sizeof(bytes));
}

static void
put_uuid(struct encoder *e, const struct idm_uuid *uuid)
{
	put(e, uuid->bytes, sizeof(uuid->bytes));
}

static void
put_span(struct encoder *e, struct idm_span span)
{
	put_u32(e, (uint32_t)span.len);
	put(e, span.ptr, span.len);
}

/* A norm that is the stored form itself is not written twice. */
static void
put_value(struct encoder *e, const struct idm_value *value)
{
	bool same = idm_span_equal(value->stored, value->norm);

	put_u8(e, same);
	put_span(e, value->stored);
	if (!same)
		put_span(e, value->norm);
}

static void
put_item(struct encoder *e, const struct idm_item *item)
{
	put_uuid(e, &item->uuid);
	put_u64(e, item->base);
	put_u8(e, (uint8_t)item->kind);
	put_u32(e, item->flags);
	put_u32(e, (uint32_t)item->mod_count);
	for (size_t i = 0; i < item->mod_count; i++) {
		const struct idm_mod *mod = &item->mods[i];

		put_u8(e, (uint8_t)mod->kind);
		put_u32(e, mod->attr_number);
		put_u32(e, (uint32_t)mod->count);
		for (size_t k = 0; k < mod->count; k++)
			put_value(e, &mod->values[k]);
	}
	put_u32(e, (uint32_t)item->claim_count);
	for (size_t i = 0; i < item->claim_count; i++) {
		const struct idm_claim_change *claim = &item->claims[i];

		put_u8(e, (uint8_t)claim->kind);
		put_u8(e, claim->take);
		put_u32(e, claim->attr_number);
		put_span(e, claim->norm);
	}
	put_u32(e, (uint32_t)item->secret_count);
	for (size_t i = 0; i < item->secret_count; i++) {
		put_u32(e, item->secrets[i].attr_number);
		put_span(e, item->secrets[i].blob);
	}
	put_u32(e, (uint32_t)item->token_count);
	for (size_t i = 0; i < item->token_count; i++) {
		put_uuid(e, &item->tokens[i].id);
		put_span(e, item->tokens[i].row);
	}
}

static void
put_set(struct encoder *e, const struct idm_change_set *set)
{
	put_u8(e, IDM_CHANGE_FORMAT);
	put_uuid(e, &set->request_id);
	put_u64(e, set->no);
	put_u64(e, (uint64_t)set->at_s);
	put_uuid(e, &set->actor);
	put_uuid(e, &set->session);
	put_uuid(e, &set->box);
	put_span(e, set->source);
	put_u8(e, (uint8_t)set->operation);
	put_u32(e, (uint32_t)set->item_count);
	for (size_t i = 0; i < set->item_count; i++)
		put_item(e, &set->items[i]);
}

enum idm_result
idm_change_encode(const struct idm_change_set *set, struct idm_arena *arena, struct idm_span *out,
    struct idm_error *err)
{
	struct encoder e = { NULL, 0 };
	size_t len;

	put_set(&e, set);
	len = e.len;
	if (len > IDM_CHANGE_MAX_BYTES)
		return idm_refuse(err, IDM_LIMIT, "the change is too large; split it");
	e = (struct encoder){ idm_arena_alloc(arena, len), 0 };
	if (e.out == NULL)
		return idm_refuse(err, IDM_LIMIT, "the change is too large; split it");
	put_set(&e, set);
	*out = idm_span_of(e.out, len);
	return IDM_OK;
}

/* Reads from the front; the first violation sets `bad`, and from then on all is zero or empty. */
struct decoder {
	struct idm_span rest;
	struct idm_arena *arena;
	bool bad;
};

/* The one place that compares with what is left and moves on. */
static struct idm_span
take(struct decoder *d, size_t n)
{
	struct idm_span out = { d->rest.ptr, n };

	if (d->bad || n > d->rest.len) {
		d->bad = true;
		return IDM_SPAN_EMPTY;
	}
	d->rest.ptr += n;
	d->rest.len -= n;
	return out;
}

static uint8_t
take_u8(struct decoder *d)
{
	struct idm_span bytes = take(d, 1);

	return bytes.len == 1 ? bytes.ptr[0] : 0;
}

static uint32_t
take_u32(struct decoder *d)
{
	struct idm_span bytes = take(d, 4);

	return bytes.len == 4 ? idm_store_load_u32(bytes.ptr) : 0;
}

static uint64_t
take_u64(struct decoder *d)
{
	struct idm_span bytes = take(d, 8);

	return bytes.len == 8 ? idm_store_load_u64(bytes.ptr) : 0;
}

static struct idm_uuid
take_uuid(struct decoder *d)
{
	struct idm_span bytes = take(d, IDM_UUID_BYTES);
	struct idm_uuid uuid = { { 0 } };

	if (bytes.len == IDM_UUID_BYTES)
		memcpy(uuid.bytes, bytes.ptr, IDM_UUID_BYTES);
	return uuid;
}

static struct idm_span
take_span(struct decoder *d)
{
	return take(d, take_u32(d));
}

static bool
take_bool(struct decoder *d)
{
	uint8_t value = take_u8(d);

	if (value > 1)
		d->bad = true;
	return value == 1;
}

/* An octet that must lie in 1..most. */
static uint8_t
take_kind(struct decoder *d, uint8_t most)
{
	uint8_t value = take_u8(d);

	if (value == 0 || value > most)
		d->bad = true;
	return value;
}

/*
 * Room for a list whose count comes next.  Every element takes at least `least` octets of what is
 * left, so a lie about the count can't make us allocate more than a multiple of the input.
 */
static void *
take_list(struct decoder *d, size_t element_bytes, size_t least, size_t most, size_t *count)
{
	size_t n = take_u32(d);
	void *list;

	*count = 0;
	if (d->bad || n == 0)
		return NULL;
	if (n > most || n > d->rest.len / least) {
		d->bad = true;
		return NULL;
	}
	list = idm_arena_array(d->arena, n, element_bytes);
	if (list == NULL) {
		d->bad = true;
		return NULL;
	}
	*count = n;
	return list;
}

static void
take_mod(struct decoder *d, struct idm_mod *mod)
{
	mod->kind = take_kind(d, IDM_MOD_CLEAR);
	mod->attr_number = take_u32(d);
	mod->values = take_list(d, sizeof(*mod->values), 5, MAX_PARTS, &mod->count);
	for (size_t i = 0; i < mod->count; i++) {
		bool same = take_bool(d);

		mod->values[i].stored = take_span(d);
		mod->values[i].norm = same ? mod->values[i].stored : take_span(d);
	}
}

static void
take_item(struct decoder *d, struct idm_item *item)
{
	item->uuid = take_uuid(d);
	item->base = take_u64(d);
	item->kind = take_kind(d, IDM_ITEM_SESSION);
	item->flags = take_u32(d);
	item->mods = take_list(d, sizeof(*item->mods), 9, MAX_PARTS, &item->mod_count);
	for (size_t i = 0; i < item->mod_count; i++)
		take_mod(d, &item->mods[i]);
	item->claims = take_list(d, sizeof(*item->claims), 10, MAX_PARTS, &item->claim_count);
	for (size_t i = 0; i < item->claim_count; i++) {
		item->claims[i].kind = take_u8(d);
		item->claims[i].take = take_bool(d);
		item->claims[i].attr_number = take_u32(d);
		item->claims[i].norm = take_span(d);
	}
	item->secrets = take_list(d, sizeof(*item->secrets), 8, MAX_PARTS, &item->secret_count);
	for (size_t i = 0; i < item->secret_count; i++) {
		item->secrets[i].attr_number = take_u32(d);
		item->secrets[i].blob = take_span(d);
	}
	item->tokens = take_list(d, sizeof(*item->tokens), 20, MAX_PARTS, &item->token_count);
	for (size_t i = 0; i < item->token_count; i++) {
		item->tokens[i].id = take_uuid(d);
		item->tokens[i].row = take_span(d);
	}
}

enum idm_result
idm_change_decode(struct idm_span bytes, struct idm_arena *arena, struct idm_change_set *out,
    struct idm_error *err)
{
	struct decoder d = { bytes, arena, false };
	uint8_t format = take_u8(&d);

	memset(out, 0, sizeof(*out));
	if (format != IDM_CHANGE_FORMAT)
		return idm_fail(err, IDM_CORRUPT, "change set of format %u; this build knows %d",
		    format, IDM_CHANGE_FORMAT);
	out->request_id = take_uuid(&d);
	out->no = take_u64(&d);
	out->at_s = (int64_t)take_u64(&d);
	out->actor = take_uuid(&d);
	out->session = take_uuid(&d);
	out->box = take_uuid(&d);
	out->source = take_span(&d);
	out->operation = take_u8(&d);
	out->items = take_list(&d, sizeof(*out->items), 45, MAX_ITEMS, &out->item_count);
	for (size_t i = 0; i < out->item_count; i++)
		take_item(&d, &out->items[i]);
	if (d.bad || d.rest.len != 0)
		return idm_fail(err, IDM_CORRUPT, "change set does not decode");
	return IDM_OK;
}
