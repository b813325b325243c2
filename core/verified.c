#include "core/verified.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <xxhash.h>

#include "core/credential.h"

enum {
	KEY_BYTES = 64,
	MAC_BYTES = 32,
	WAYS = 8, /* places where a credential may be: those of its account */
};

/* One password that fitted; until_ms 0: free. */
struct place {
	struct idm_verified_id id;
	uint8_t mac[MAC_BYTES];
	uint64_t until_ms;
	uint64_t used; /* number of its last use */
};

/* Pages of its own; the first one, with the keys, is locked. */
struct idm_verified {
	uint8_t key[KEY_BYTES];
	uint64_t seed; /* of the hash that spreads accounts over the sets */
	size_t bytes;  /* of all of this */
	EVP_MAC *mac;
	uint64_t lifetime_ms;
	uint64_t uses;
	size_t count;
	size_t set_count;
	struct place places[][WAYS];
};

/* --- the MAC: BLAKE2b under the key (RFC 7693), of the credential and the password */

/* No two credentials, or passwords of one, give the same octets: all but the last part is as long
 * for all of them. */
static bool
compute_with(EVP_MAC_CTX *ctx, const struct idm_verified *cache, const struct idm_verified_id *id,
    struct idm_span password, uint8_t out[MAC_BYTES])
{
	size_t size = MAC_BYTES;
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end() };
	uint32_t attr_number = htobe32(id->attr_number);
	uint64_t no = htobe64(id->set_at_no);

	return EVP_MAC_init(ctx, cache->key, KEY_BYTES, params) == 1 &&
	       EVP_MAC_update(ctx, id->account.bytes, IDM_UUID_BYTES) == 1 &&
	       EVP_MAC_update(ctx, (const uint8_t *)&attr_number, sizeof(attr_number)) == 1 &&
	       EVP_MAC_update(ctx, (const uint8_t *)&no, sizeof(no)) == 1 &&
	       EVP_MAC_update(ctx, password.ptr, password.len) == 1 &&
	       EVP_MAC_final(ctx, out, &size, MAC_BYTES) == 1 && size == MAC_BYTES;
}

/* The hash's block function leaves a copy of its block, which the password is in, where the stack
 * was. */
static void __attribute__((noinline)) wipe_stack_below(void)
{
	uint8_t below[4096];

	OPENSSL_cleanse(below, sizeof(below));
}

static bool
compute(const struct idm_verified *cache, const struct idm_verified_id *id,
    struct idm_span password, uint8_t out[MAC_BYTES])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(cache->mac);
	bool ok = ctx != NULL && compute_with(ctx, cache, id, password, out);

	EVP_MAC_CTX_free(ctx); /* and with it its copy of the key, wiped */
	wipe_stack_below();
	return ok;
}

/* --- places */

static struct place *
set_of(struct idm_verified *cache, const struct idm_uuid *account)
{
	uint64_t hash = XXH3_64bits_withSeed(account->bytes, IDM_UUID_BYTES, cache->seed);

	return cache->places[hash % cache->set_count];
}

static void
clear(struct idm_verified *cache, struct place *place)
{
	if (place->until_ms == 0)
		return;
	OPENSSL_cleanse(place, sizeof(*place));
	cache->count--;
}

static bool
is_of(const struct place *place, const struct idm_verified_id *id)
{
	return place->until_ms != 0 && place->id.set_at_no == id->set_at_no &&
	       place->id.attr_number == id->attr_number &&
	       idm_uuid_equal(&place->id.account, &id->account);
}

/* Of this credential; NULL: none. */
static struct place *
find_place(struct place *set, const struct idm_verified_id *id)
{
	for (size_t i = 0; i < WAYS; i++) {
		if (is_of(&set[i], id))
			return &set[i];
	}
	return NULL;
}

/* A free one, else the one used longest ago. */
static struct place *
make_room(struct idm_verified *cache, struct place *set)
{
	struct place *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].until_ms == 0)
			return &set[i];
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	clear(cache, oldest);
	return oldest;
}

static bool
can_be_kept(const struct idm_verified *cache, struct idm_span password)
{
	return cache != NULL && password.len != 0 && password.len <= IDM_PASSWORD_MAX_BYTES;
}

bool
idm_verified_has(struct idm_verified *cache, const struct idm_verified_id *id,
    struct idm_span password, uint64_t now_ms)
{
	uint8_t mac[MAC_BYTES];
	struct place *place = NULL;
	bool fits;

	if (can_be_kept(cache, password))
		place = find_place(set_of(cache, &id->account), id);
	if (place == NULL)
		return false;
	if (place->until_ms <= now_ms) {
		clear(cache, place);
		return false;
	}
	fits = compute(cache, id, password, mac) && CRYPTO_memcmp(mac, place->mac, MAC_BYTES) == 0;
	if (fits)
		place->used = ++cache->uses;
	OPENSSL_cleanse(mac, sizeof(mac));
	return fits;
}

void
idm_verified_put(struct idm_verified *cache, const struct idm_verified_id *id,
    struct idm_span password, uint64_t now_ms)
{
	struct place fresh = { .id = *id };
	struct place *set, *place;

	if (!can_be_kept(cache, password) || !compute(cache, id, password, fresh.mac))
		return;
	fresh.until_ms = now_ms + cache->lifetime_ms;
	fresh.used = ++cache->uses;
	set = set_of(cache, &id->account);
	place = find_place(set, id);
	if (place == NULL) {
		place = make_room(cache, set);
		cache->count++;
	}
	*place = fresh;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
}

void
idm_verified_drop(struct idm_verified *cache, const struct idm_uuid *account)
{
	struct place *set = cache == NULL ? NULL : set_of(cache, account);

	for (size_t i = 0; set != NULL && i < WAYS; i++) {
		if (set[i].until_ms != 0 && idm_uuid_equal(&set[i].id.account, account))
			clear(cache, &set[i]);
	}
}

void
idm_verified_sweep(struct idm_verified *cache, uint64_t now_ms)
{
	if (cache == NULL || cache->count == 0)
		return;
	for (size_t i = 0; i < cache->set_count; i++) {
		for (size_t k = 0; k < WAYS; k++) {
			if (cache->places[i][k].until_ms <= now_ms)
				clear(cache, &cache->places[i][k]);
		}
	}
}

size_t
idm_verified_count(const struct idm_verified *cache)
{
	return cache == NULL ? 0 : cache->count;
}

/* --- begin and end */

/* Pages that are left out of core dumps; those of places that were never used take no memory. */
static struct idm_verified *
map_pages(size_t bytes, struct idm_error *err)
{
	struct idm_verified *cache =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (cache == MAP_FAILED) {
		idm_fail(err, IDM_SYSTEM, "verified passwords: no memory: %s", strerror(errno));
		return NULL;
	}
	cache->bytes = bytes;
	if (mlock(cache, offsetof(struct idm_verified, places)) != 0 ||
	    madvise(cache, bytes, MADV_DONTDUMP) != 0) {
		idm_fail(err, IDM_SYSTEM,
		    "verified passwords: can't lock memory: %s; allow at least 64 KiB (ulimit -l)",
		    strerror(errno));
		munmap(cache, bytes);
		return NULL;
	}
	return cache;
}

enum idm_result
idm_verified_open(
    uint32_t room, uint32_t lifetime_s, struct idm_verified **out, struct idm_error *err)
{
	size_t set_count = room < WAYS ? 1 : room / WAYS;
	struct idm_verified *cache =
	    map_pages(sizeof(*cache) + set_count * sizeof(cache->places[0]), err);

	*out = cache;
	if (cache == NULL)
		return IDM_SYSTEM;
	cache->set_count = set_count;
	cache->lifetime_ms = (uint64_t)lifetime_s * 1000;
	cache->mac = EVP_MAC_fetch(NULL, "BLAKE2BMAC", NULL);
	if (cache->mac != NULL && RAND_bytes(cache->key, KEY_BYTES) == 1 &&
	    RAND_bytes((uint8_t *)&cache->seed, sizeof(cache->seed)) == 1)
		return IDM_OK;
	idm_verified_close(out);
	return idm_fail(
	    err, IDM_SYSTEM, "verified passwords: OpenSSL has no BLAKE2b or no random octets");
}

void
idm_verified_close(struct idm_verified **cache)
{
	struct idm_verified *c = *cache;
	size_t bytes;

	if (c == NULL)
		return;
	bytes = c->bytes;
	EVP_MAC_free(c->mac);
	for (size_t i = 0; i < c->set_count && c->count != 0; i++) {
		for (size_t k = 0; k < WAYS; k++)
			clear(c, &c->places[i][k]);
	}
	OPENSSL_cleanse(c, sizeof(*c));
	munmap(c, bytes); /* unlocks it too */
	*cache = NULL;
}
