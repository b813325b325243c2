#include "core/change.h"
#include "core/fields.h"

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
	bool too_many; /* in some list, for the decoder to take */
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

static void
put_count(struct encoder *e, size_t count, size_t most)
{
	e->too_many = e->too_many || count > most;
	put_u32(e, (uint32_t)count);
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
	put_count(e, item->mod_count, MAX_PARTS);
	for (size_t i = 0; i < item->mod_count; i++) {
		const struct idm_mod *mod = &item->mods[i];

		put_u8(e, (uint8_t)mod->kind);
		put_u32(e, mod->attr_number);
		put_count(e, mod->count, MAX_PARTS);
		for (size_t k = 0; k < mod->count; k++)
			put_value(e, &mod->values[k]);
	}
	put_count(e, item->claim_count, MAX_PARTS);
	for (size_t i = 0; i < item->claim_count; i++) {
		const struct idm_claim_change *claim = &item->claims[i];

		put_u8(e, (uint8_t)claim->kind);
		put_u8(e, claim->take);
		put_u32(e, claim->attr_number);
		put_span(e, claim->norm);
	}
	put_count(e, item->secret_count, MAX_PARTS);
	for (size_t i = 0; i < item->secret_count; i++) {
		put_u32(e, item->secrets[i].attr_number);
		put_span(e, item->secrets[i].blob);
	}
	put_count(e, item->token_count, MAX_PARTS);
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
	put_count(e, set->item_count, MAX_ITEMS);
	for (size_t i = 0; i < set->item_count; i++)
		put_item(e, &set->items[i]);
}

enum idm_result
idm_change_size(const struct idm_change_set *set, size_t *bytes, struct idm_error *err)
{
	struct encoder e = { NULL, 0, false };

	put_set(&e, set);
	*bytes = e.len;
	if (e.len > IDM_CHANGE_MAX_BYTES || e.too_many)
		return idm_refuse(err, IDM_LIMIT, "the change is too large; split it");
	return IDM_OK;
}

enum idm_result
idm_change_encode(const struct idm_change_set *set, struct idm_arena *arena, struct idm_span *out,
    struct idm_error *err)
{
	struct encoder e;
	size_t len;
	enum idm_result result = idm_change_size(set, &len, err);

	if (result != IDM_OK)
		return result;
	e = (struct encoder){ .out = idm_arena_alloc(arena, len) };
	if (e.out == NULL)
		return idm_refuse(err, IDM_LIMIT, "the change is too large; split it");
	put_set(&e, set);
	*out = idm_span_of(e.out, len);
	return IDM_OK;
}

struct decoder {
	struct idm_fields f;
	struct idm_arena *arena; /* for lists */
	bool used_up;            /* the arena is */
};

/* An octet that must lie in 1..most. */
static uint8_t
take_kind(struct decoder *d, uint8_t most)
{
	uint8_t value = idm_fields_u8(&d->f);

	if (value == 0 || value > most)
		d->f.bad = true;
	return value;
}

/*
 * Room for a list whose count comes next.  Every element takes at least `least` octets of what is
 * left, so a lie about the count can't make us allocate more than a multiple of the input.
 */
static void *
take_list(struct decoder *d, size_t element_bytes, size_t least, size_t most, size_t *count)
{
	size_t n = idm_fields_u32(&d->f);
	void *list;

	*count = 0;
	if (d->f.bad || n == 0)
		return NULL;
	if (n > most || n > d->f.rest.len / least) {
		d->f.bad = true;
		return NULL;
	}
	list = idm_arena_array(d->arena, n, element_bytes);
	if (list == NULL) {
		d->f.bad = d->used_up = true;
		return NULL;
	}
	*count = n;
	return list;
}

static enum idm_claim
take_claim_kind(struct decoder *d)
{
	enum idm_claim kind = idm_fields_u8(&d->f);

	switch (kind) {
	case IDM_CLAIM_NAME:
	case IDM_CLAIM_PROFILE:
	case IDM_CLAIM_MAIL:
	case IDM_CLAIM_GID:
	case IDM_CLAIM_CUSTOM: return kind;
	}
	d->f.bad = true;
	return kind;
}

static void
take_mod(struct decoder *d, struct idm_mod *mod)
{
	mod->kind = take_kind(d, IDM_MOD_CLEAR);
	mod->attr_number = idm_fields_u32(&d->f);
	mod->values = take_list(d, sizeof(*mod->values), 5, MAX_PARTS, &mod->count);
	for (size_t i = 0; i < mod->count; i++) {
		bool same = idm_fields_bool(&d->f);

		mod->values[i].stored = idm_fields_span(&d->f);
		mod->values[i].norm = same ? mod->values[i].stored : idm_fields_span(&d->f);
	}
}

static void
take_item(struct decoder *d, struct idm_item *item)
{
	item->uuid = idm_fields_uuid(&d->f);
	item->base = idm_fields_u64(&d->f);
	item->kind = take_kind(d, IDM_ITEM_SESSION);
	item->flags = idm_fields_u32(&d->f);
	item->mods = take_list(d, sizeof(*item->mods), 9, MAX_PARTS, &item->mod_count);
	for (size_t i = 0; i < item->mod_count; i++)
		take_mod(d, &item->mods[i]);
	item->claims = take_list(d, sizeof(*item->claims), 10, MAX_PARTS, &item->claim_count);
	for (size_t i = 0; i < item->claim_count; i++) {
		item->claims[i].kind = take_claim_kind(d);
		item->claims[i].take = idm_fields_bool(&d->f);
		item->claims[i].attr_number = idm_fields_u32(&d->f);
		item->claims[i].norm = idm_fields_span(&d->f);
	}
	item->secrets = take_list(d, sizeof(*item->secrets), 8, MAX_PARTS, &item->secret_count);
	for (size_t i = 0; i < item->secret_count; i++) {
		item->secrets[i].attr_number = idm_fields_u32(&d->f);
		item->secrets[i].blob = idm_fields_span(&d->f);
	}
	item->tokens = take_list(d, sizeof(*item->tokens), 20, MAX_PARTS, &item->token_count);
	for (size_t i = 0; i < item->token_count; i++) {
		item->tokens[i].id = idm_fields_uuid(&d->f);
		item->tokens[i].row = idm_fields_span(&d->f);
	}
}

enum idm_result
idm_change_decode(struct idm_span bytes, struct idm_arena *arena, struct idm_change_set *out,
    struct idm_error *err)
{
	struct decoder d = { { bytes, false }, arena, false };
	uint8_t format = idm_fields_u8(&d.f);

	memset(out, 0, sizeof(*out));
	if (format != IDM_CHANGE_FORMAT)
		return idm_fail(err, IDM_CORRUPT, "change set of format %u; this build knows %d",
		    format, IDM_CHANGE_FORMAT);
	out->request_id = idm_fields_uuid(&d.f);
	out->no = idm_fields_u64(&d.f);
	out->at_s = (int64_t)idm_fields_u64(&d.f);
	out->actor = idm_fields_uuid(&d.f);
	out->session = idm_fields_uuid(&d.f);
	out->box = idm_fields_uuid(&d.f);
	out->source = idm_fields_span(&d.f);
	out->operation = take_kind(&d, IDM_OP_RENAME_DOMAIN);
	out->items = take_list(&d, sizeof(*out->items), 45, MAX_ITEMS, &out->item_count);
	for (size_t i = 0; i < out->item_count; i++)
		take_item(&d, &out->items[i]);
	if (d.used_up)
		return idm_fail(err, IDM_LIMIT, "no room for a change set");
	if (!idm_fields_end(&d.f))
		return idm_fail(err, IDM_CORRUPT, "change set does not decode");
	return IDM_OK;
}
