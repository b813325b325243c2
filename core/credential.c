#include "core/credential.h"

#include <stdio.h>
#include <sys/mman.h>

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "core/base64.h"
#include "core/foreign_hash.h"

enum {
	M_KIB_MAX = 256 * 1024,
	T_MAX = 16,
	P_MAX = 4,
	SALT_MIN_BYTES = 8,
	SALT_MAX_BYTES = 64,
	TAG_MIN_BYTES = 16,
	TAG_MAX_BYTES = 64,
	OUR_SALT_BYTES = 16,
	OUR_TAG_BYTES = 32,
};

/* A PHC string's parts: $argon2id$v=19$m=..,t=..,p=..$salt$tag (RFC 9106 and the PHC format). */
struct phc {
	argon2_type type; /* ours are Argon2_id, imported ones may be Argon2_i */
	struct idm_argon2 params;
	uint8_t salt[SALT_MAX_BYTES];
	size_t salt_len;
	uint8_t tag[TAG_MAX_BYTES];
	size_t tag_len;
};

bool
idm_argon2_valid(const struct idm_argon2 *params)
{
	return params->p >= 1 && params->p <= P_MAX && params->t >= 1 && params->t <= T_MAX &&
	       params->m_kib >= 8 * params->p && params->m_kib <= M_KIB_MAX;
}

/* --- PHC strings */

/* `name` and a number of at most 9 digits, without a zero in front. */
static bool
take_param(struct idm_span *rest, const char *name, uint32_t *out)
{
	size_t len = strlen(name);
	size_t digits = 0;

	if (rest->len <= len || memcmp(rest->ptr, name, len) != 0 || rest->ptr[len] == '0')
		return false;
	*out = 0;
	for (; len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9'; len++) {
		if (++digits > 9)
			return false;
		*out = *out * 10 + (uint32_t)(rest->ptr[len] - '0');
	}
	*rest = idm_span_of(rest->ptr + len, rest->len - len);
	return digits > 0;
}

static bool
decode_octets(struct idm_span field, size_t min, size_t max, uint8_t *out, size_t *out_len)
{
	*out_len = field.len * 6 / 8;
	return *out_len >= min && *out_len <= max &&
	       idm_base64_decode(IDM_BASE64, field, out, *out_len);
}

static bool
take_type(struct idm_span *rest, argon2_type *out)
{
	struct idm_span name = idm_span_take(rest, '$');

	*out = idm_span_is(name, "argon2i") ? Argon2_i : Argon2_id;
	return *out == Argon2_i || idm_span_is(name, "argon2id");
}

static bool
parse_phc(struct idm_span text, struct phc *out)
{
	struct idm_span params;

	if (idm_span_take(&text, '$').len != 0 || !take_type(&text, &out->type) ||
	    !idm_span_is(idm_span_take(&text, '$'), "v=19"))
		return false;
	params = idm_span_take(&text, '$');
	return take_param(&params, "m=", &out->params.m_kib) &&
	       take_param(&params, ",t=", &out->params.t) &&
	       take_param(&params, ",p=", &out->params.p) && params.len == 0 &&
	       idm_argon2_valid(&out->params) &&
	       decode_octets(idm_span_take(&text, '$'), SALT_MIN_BYTES, SALT_MAX_BYTES, out->salt,
		   &out->salt_len) &&
	       decode_octets(text, TAG_MIN_BYTES, TAG_MAX_BYTES, out->tag, &out->tag_len);
}

static void
format_phc(const struct phc *phc, char out[IDM_PHC_BYTES])
{
	int len = snprintf(out, IDM_PHC_BYTES, "$argon2id$v=19$m=%u,t=%u,p=%u$", phc->params.m_kib,
	    phc->params.t, phc->params.p);
	char *to = out + len;

	to += idm_base64_encode(IDM_BASE64, idm_span_of(phc->salt, phc->salt_len), to);
	*to++ = '$';
	idm_base64_encode(IDM_BASE64, idm_span_of(phc->tag, phc->tag_len), to);
}

/* --- Argon2 */

/*
 * The blocks come from the kernel and go back to it, which wipes them before anyone else has them;
 * libargon2 wipes them before.  In huge pages, where there are, a hash takes a third less.
 */
static int
allocate_blocks(uint8_t **memory, size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return ARGON2_MEMORY_ALLOCATION_ERROR;
	madvise(map, bytes, MADV_DONTDUMP);
	madvise(map, bytes, MADV_HUGEPAGE);
	*memory = map;
	return ARGON2_OK;
}

static void
free_blocks(uint8_t *memory, size_t bytes)
{
	munmap(memory, bytes);
}

/*
 * Compute the tag of `password` with the salt and parameters of `phc`.  Lanes are computed one
 * after the other: the pool that calls this bounds the threads.
 */
static enum idm_result
compute_tag(struct idm_span password, const struct phc *phc, uint8_t tag[TAG_MAX_BYTES],
    struct idm_error *err)
{
	uint8_t salt[SALT_MAX_BYTES];
	argon2_context context = {
		.out = tag,
		.outlen = (uint32_t)phc->tag_len,
		.pwd = (uint8_t *)(uintptr_t)password.ptr, /* not written: no ARGON2_FLAG_CLEAR_* */
		.pwdlen = (uint32_t)password.len,
		.salt = salt,
		.saltlen = (uint32_t)phc->salt_len,
		.t_cost = phc->params.t,
		.m_cost = phc->params.m_kib,
		.lanes = phc->params.p,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.allocate_cbk = allocate_blocks,
		.free_cbk = free_blocks,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	int code;

	memcpy(salt, phc->salt, sizeof(salt));
	code = phc->type == Argon2_i ? argon2i_ctx(&context) : argon2id_ctx(&context);
	if (code != ARGON2_OK)
		return idm_fail(err, IDM_SYSTEM, "Argon2: %s", argon2_error_message(code));
	return IDM_OK;
}

enum idm_result
idm_password_hash(struct idm_span password, const struct idm_argon2 *params,
    char out[IDM_PHC_BYTES], struct idm_error *err)
{
	struct phc phc = { .type = Argon2_id,
		.params = *params,
		.salt_len = OUR_SALT_BYTES,
		.tag_len = OUR_TAG_BYTES };
	enum idm_result result;

	if (password.len == 0 || password.len > IDM_PASSWORD_MAX_BYTES)
		return idm_refuse(
		    err, IDM_CONSTRAINT, "a password has 1 to %d octets", IDM_PASSWORD_MAX_BYTES);
	if (!idm_argon2_valid(params))
		return idm_fail(err, IDM_INVALID, "Argon2: m=%u t=%u p=%u is out of bounds",
		    params->m_kib, params->t, params->p);
	if (RAND_bytes(phc.salt, OUR_SALT_BYTES) != 1)
		return idm_fail(err, IDM_SYSTEM, "the random source failed");
	result = compute_tag(password, &phc, phc.tag, err);
	if (result == IDM_OK)
		format_phc(&phc, out);
	OPENSSL_cleanse(&phc, sizeof(phc));
	return result;
}

/* Work first, then the verdict: an empty or an overlong password costs as much as any other. */
static enum idm_result
test_password(const struct phc *phc, struct idm_span password, struct idm_error *err)
{
	uint8_t tag[TAG_MAX_BYTES];
	bool overlong = password.len > IDM_PASSWORD_MAX_BYTES;
	enum idm_result result;

	if (overlong)
		password.len = IDM_PASSWORD_MAX_BYTES;
	result = compute_tag(password, phc, tag, err);
	if (result == IDM_OK &&
	    (CRYPTO_memcmp(tag, phc->tag, phc->tag_len) != 0 || overlong || password.len == 0))
		result = idm_fail(err, IDM_DENIED, "the password does not fit");
	OPENSSL_cleanse(tag, sizeof(tag));
	return result;
}

enum idm_result
idm_password_verify(struct idm_span phc_text, struct idm_span password, struct idm_error *err)
{
	struct phc phc;
	enum idm_result result;

	if (idm_foreign_hash_is(phc_text))
		return idm_foreign_hash_verify(phc_text, password, err);
	if (parse_phc(phc_text, &phc))
		result = test_password(&phc, password, err);
	else
		result = idm_fail(err, IDM_CORRUPT, "the stored hash is no Argon2 PHC string");
	OPENSSL_cleanse(&phc, sizeof(phc));
	return result;
}

uint32_t
idm_password_memory_kib(struct idm_span phc_text)
{
	struct phc phc;
	uint32_t m_kib;

	if (idm_foreign_hash_is(phc_text))
		return idm_foreign_hash_memory_kib(phc_text);
	m_kib = parse_phc(phc_text, &phc) ? phc.params.m_kib : 0;
	OPENSSL_cleanse(&phc, sizeof(phc));
	return m_kib;
}

void
idm_password_dummy(struct idm_span password, const struct idm_argon2 *params)
{
	struct phc phc = { .type = Argon2_id,
		.params = IDM_ARGON2_DEFAULT,
		.salt_len = OUR_SALT_BYTES,
		.tag_len = OUR_TAG_BYTES };

	if (idm_argon2_valid(params))
		phc.params = *params;
	test_password(&phc, password, NULL);
}

bool
idm_password_needs_upgrade(struct idm_span phc_text, const struct idm_argon2 *params)
{
	struct phc phc;
	bool same = parse_phc(phc_text, &phc) && phc.type == Argon2_id &&
		    phc.params.m_kib == params->m_kib && phc.params.t == params->t &&
		    phc.params.p == params->p && phc.salt_len == OUR_SALT_BYTES &&
		    phc.tag_len == OUR_TAG_BYTES;

	OPENSSL_cleanse(&phc, sizeof(phc));
	return !same;
}

enum idm_result
idm_password_import(struct idm_span text, char out[IDM_PHC_BYTES], struct idm_error *err)
{
	static const char scheme[] = "{ARGON2}";
	size_t scheme_len = sizeof(scheme) - 1;
	struct phc phc;
	bool fits;

	if (text.len > scheme_len &&
	    idm_span_equal_nocase(idm_span_of(text.ptr, scheme_len), idm_span_cstr(scheme)))
		text = idm_span_of(text.ptr + scheme_len, text.len - scheme_len);
	else if (text.len == 0 || text.ptr[0] != '$' || text.len < 7 ||
		 memcmp(text.ptr, "$argon2", 7) != 0)
		return idm_foreign_hash_import(text, out, err);
	fits = text.len < IDM_PHC_BYTES && parse_phc(text, &phc);
	OPENSSL_cleanse(&phc, sizeof(phc));
	if (!fits)
		return idm_refuse(err, IDM_INVALID,
		    "an Argon2 hash that can't be tested here: it must be $argon2id$v=19$ or "
		    "$argon2i$v=19$, with m up to %d KiB, t up to %d and p up to %d",
		    M_KIB_MAX, T_MAX, P_MAX);
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return IDM_OK;
}

/* --- generated secrets */

/* SPEC 6.5: no letters that are taken for digits or for each other. */
static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ"
			       "abcdefghjkpqrstuvwxyz"
			       "0123456789";

enum {
	LETTERS = sizeof(alphabet) - 1,
	/* Octets from here on are thrown away: below it each letter has as many octets. */
	FAIR_OCTETS = 256 / LETTERS * LETTERS,
};

static bool
generate(char *out, size_t len)
{
	uint8_t octets[64];
	size_t at = sizeof(octets);

	for (size_t i = 0; i < len;) {
		if (at == sizeof(octets)) {
			if (RAND_bytes(octets, sizeof(octets)) != 1) {
				OPENSSL_cleanse(out, len);
				return false;
			}
			at = 0;
		}
		if (octets[at] < FAIR_OCTETS)
			out[i++] = alphabet[octets[at] % LETTERS];
		at++;
	}
	OPENSSL_cleanse(octets, sizeof(octets));
	return true;
}

bool
idm_password_looks_generated(struct idm_span password)
{
	if (password.len != IDM_GENERATED_PASSWORD_BYTES - 1)
		return false;
	for (size_t i = 0; i < password.len; i++) {
		if (memchr(alphabet, password.ptr[i], LETTERS) == NULL)
			return false;
	}
	return true;
}

bool
idm_password_generate(char out[IDM_GENERATED_PASSWORD_BYTES])
{
	out[IDM_GENERATED_PASSWORD_BYTES - 1] = '\0';
	return generate(out, IDM_GENERATED_PASSWORD_BYTES - 1);
}

bool
idm_secret_generate(char out[IDM_GENERATED_SECRET_BYTES])
{
	if (!generate(out, IDM_GENERATED_SECRET_BYTES - 1))
		return false;
	for (size_t dash = 5; dash < IDM_GENERATED_SECRET_BYTES - 1; dash += 6)
		out[dash] = '-';
	out[IDM_GENERATED_SECRET_BYTES - 1] = '\0';
	return true;
}
