#include "common/import_names.h"

#include <stdlib.h>

#include <openssl/rand.h>
#include <xxhash.h>

#include "common/dn.h"

enum { FIRST_SLOTS = 1 << 12 };

/*
 * What stands for a DN: its hash under a secret, so that nobody can make two that are equal.  The
 * last bit of it tells whether the entry was taken.
 */
enum { TAKEN = 1 };
struct slot {
	XXH128_hash_t hash; /* both halves 0: free */
	struct idm_uuid uuid;
};

struct import_names {
	uint8_t secret[XXH3_SECRET_SIZE_MIN];
	struct slot *slots;
	size_t slot_count;
	size_t count;
};

struct import_names *
import_names_new(void)
{
	struct import_names *names = calloc(1, sizeof(*names));

	if (names == NULL)
		return NULL;
	names->slot_count = FIRST_SLOTS;
	names->slots = calloc(names->slot_count, sizeof(*names->slots));
	if (names->slots == NULL || RAND_bytes(names->secret, sizeof(names->secret)) != 1)
		import_names_free(&names);
	return names;
}

void
import_names_free(struct import_names **names)
{
	if (*names == NULL)
		return;
	free((*names)->slots);
	free(*names);
	*names = NULL;
}

/* --- the normal form of a DN: octets that are equal where the DNs are */

struct text {
	uint8_t bytes[2 * DN_BYTES_MAX];
	size_t len;
};

static void
put(struct text *text, uint8_t c)
{
	if (text->len < sizeof(text->bytes))
		text->bytes[text->len++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* ASCII case does not count, nor spaces at the ends; inner ones count as one (dn_value_equal). */
static void
put_value(struct text *text, struct idm_span value)
{
	bool space = false, begun = false;

	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == ' ') {
			space = begun;
			continue;
		}
		if (space)
			put(text, ' ');
		put(text, value.ptr[i]);
		space = false;
		begun = true;
	}
}

/* A length in front of each part, so that none can be taken for another. */
static void
put_part(struct text *text, struct idm_span part, bool is_value)
{
	size_t at = text->len;

	text->len += 2;
	if (is_value)
		put_value(text, part);
	for (size_t i = 0; !is_value && i < part.len; i++)
		put(text, part.ptr[i]);
	text->bytes[at] = (uint8_t)((text->len - at) >> 8);
	text->bytes[at + 1] = (uint8_t)(text->len - at);
}

static int
compare_texts(const void *a, const void *b)
{
	const struct text *x = a, *y = b;

	return idm_span_compare(idm_span_of(x->bytes, x->len), idm_span_of(y->bytes, y->len));
}

/* The order of the parts of an RDN does not count. */
static void
put_rdn(struct text *text, const struct dn_rdn *rdn)
{
	struct text avas[DN_AVAS_MAX];

	for (size_t i = 0; i < rdn->count; i++) {
		avas[i].len = 0;
		put_part(&avas[i], rdn->avas[i].type, false);
		put_part(&avas[i], rdn->avas[i].value, true);
	}
	if (rdn->count > 1)
		qsort(avas, rdn->count, sizeof(avas[0]), compare_texts);
	text->bytes[text->len++] = (uint8_t)rdn->count;
	for (size_t i = 0; i < rdn->count; i++) {
		memcpy(text->bytes + text->len, avas[i].bytes, avas[i].len);
		text->len += avas[i].len;
	}
}

static bool
hash_dn(const struct import_names *names, struct idm_span dn_text, struct idm_arena *arena,
    XXH128_hash_t *out)
{
	struct idm_arena_mark mark = idm_arena_mark(arena);
	struct text text = { .len = 0 };
	struct dn dn;
	bool ok = dn_parse(dn_text, arena, &dn) && dn.count != 0;

	for (size_t i = 0; ok && i < dn.count; i++)
		put_rdn(&text, &dn.rdns[i]);
	if (ok)
		*out = XXH3_128bits_withSecret(
		    text.bytes, text.len, names->secret, sizeof(names->secret));
	out->low64 &= ~(XXH64_hash_t)TAKEN;
	idm_arena_rewind(arena, mark);
	return ok;
}

/* --- the table */

static bool
is_free(const struct slot *slot)
{
	return slot->hash.low64 == 0 && slot->hash.high64 == 0;
}

static bool
is_same(XXH128_hash_t a, XXH128_hash_t b)
{
	return (a.low64 | TAKEN) == (b.low64 | TAKEN) && a.high64 == b.high64;
}

static struct slot *
find_slot(const struct import_names *names, XXH128_hash_t hash)
{
	size_t at = hash.high64 & (names->slot_count - 1);

	while (!is_free(&names->slots[at]) && !is_same(names->slots[at].hash, hash))
		at = (at + 1) & (names->slot_count - 1);
	return &names->slots[at];
}

static bool
grow(struct import_names *names)
{
	struct slot *old = names->slots;
	size_t old_count = names->slot_count;
	struct slot *slots = calloc(2 * old_count, sizeof(*slots));

	if (slots == NULL)
		return false;
	names->slots = slots;
	names->slot_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++) {
		if (!is_free(&old[i]))
			*find_slot(names, old[i].hash) = old[i];
	}
	free(old);
	return true;
}

enum idm_result
import_names_add(struct import_names *names, struct idm_span dn, const struct idm_uuid *uuid,
    struct idm_arena *arena)
{
	XXH128_hash_t hash = { 0, 0 };
	struct slot *slot;

	if (!hash_dn(names, dn, arena, &hash))
		return IDM_INVALID;
	if (names->count >= names->slot_count / 4 * 3 && !grow(names))
		return IDM_LIMIT;
	slot = find_slot(names, hash);
	if (!is_free(slot))
		return IDM_EXISTS;
	slot->hash = hash;
	if (uuid != NULL) {
		slot->hash.low64 |= TAKEN;
		slot->uuid = *uuid;
	}
	names->count++;
	return IDM_OK;
}

enum idm_result
import_names_find(const struct import_names *names, struct idm_span dn, struct idm_arena *arena,
    struct idm_uuid *uuid)
{
	const struct slot *slot;
	XXH128_hash_t hash = { 0, 0 };

	if (!hash_dn(names, dn, arena, &hash))
		return IDM_INVALID;
	slot = find_slot(names, hash);
	if (is_free(slot))
		return IDM_NOT_FOUND;
	if ((slot->hash.low64 & TAKEN) == 0)
		return IDM_DENIED;
	*uuid = slot->uuid;
	return IDM_OK;
}
