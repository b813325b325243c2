#include "core/foreign_hash.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistr.h>

#include "core/base64.h"
#include "core/md4.h"
#include "core/schema.h"

enum {
	SALT_MAX = 64,
	ITERATIONS_MAX = 2 * 1000 * 1000, /* of PBKDF2: about a second */
	ROUNDS_MAX = 1000 * 1000,         /* of $5$ and $6$ */
	CRYPT_MAX = 192,
	OLD_389_ITERATIONS = 4, /* {PBKDF2_SHA256}: a number of 32 bits, */
	OLD_389_SALT = 64,      /* the salt, */
	OLD_389_HASH = 256,     /* and far more of the hash than anyone needs */
};

enum kind { KIND_DIGEST, KIND_PBKDF2, KIND_CRYPT, KIND_NT };

struct foreign {
	enum kind kind;
	const struct scheme *scheme;
	uint32_t iterations;
	uint8_t hash[EVP_MAX_MD_SIZE];
	size_t hash_len;
	uint8_t salt[SALT_MAX];
	size_t salt_len;
	char crypt[CRYPT_MAX + 1]; /* KIND_CRYPT: all of it */
};

/* --- schemes */

static const struct scheme {
	const char *name;   /* as we write it; the names that follow are read as well */
	const char *django; /* NULL: none */
	const EVP_MD *(*digest)(void);
	enum kind kind;
	bool salted;
} schemes[] = {
	{ "{SHA}", NULL, EVP_sha1, KIND_DIGEST, false },
	{ "{SSHA}", NULL, EVP_sha1, KIND_DIGEST, true },
	{ "{SHA256}", NULL, EVP_sha256, KIND_DIGEST, false },
	{ "{SSHA256}", NULL, EVP_sha256, KIND_DIGEST, true },
	{ "{SHA384}", NULL, EVP_sha384, KIND_DIGEST, false },
	{ "{SSHA384}", NULL, EVP_sha384, KIND_DIGEST, true },
	{ "{SHA512}", NULL, EVP_sha512, KIND_DIGEST, false },
	{ "{SSHA512}", NULL, EVP_sha512, KIND_DIGEST, true },
	{ "{PBKDF2-SHA1}", "pbkdf2_sha1$", EVP_sha1, KIND_PBKDF2, true },
	{ "{PBKDF2}", NULL, EVP_sha1, KIND_PBKDF2, true },
	{ "{PBKDF2-SHA256}", "pbkdf2_sha256$", EVP_sha256, KIND_PBKDF2, true },
	{ "{PBKDF2-SHA512}", "pbkdf2_sha512$", EVP_sha512, KIND_PBKDF2, true },
	{ "{CRYPT}", NULL, NULL, KIND_CRYPT, true },
	{ "{NT}", NULL, NULL, KIND_NT, false },
};

enum { SCHEME_COUNT = sizeof(schemes) / sizeof(schemes[0]) };

static const struct scheme *
scheme_named(const char *name)
{
	for (size_t i = 0; i < SCHEME_COUNT; i++) {
		if (strcmp(schemes[i].name, name) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* Cut `prefix` off, in any case; false: `text` begins otherwise. */
static bool
cut_prefix(struct idm_span *text, const char *prefix)
{
	size_t len = strlen(prefix);

	if (text->len < len ||
	    !idm_span_equal_nocase(idm_span_of(text->ptr, len), idm_span_cstr(prefix)))
		return false;
	*text = idm_span_of(text->ptr + len, text->len - len);
	return true;
}

/* --- base64, with or without padding, `.` for `+` as some write it; 0: none, or too long */

static size_t
decode_base64(struct idm_span text, uint8_t *out, size_t room)
{
	uint8_t copy[IDM_PHC_BYTES * 3];
	size_t bytes;
	bool ok;

	while (text.len != 0 && text.ptr[text.len - 1] == '=')
		text.len--;
	bytes = text.len * 6 / 8;
	if (text.len == 0 || text.len > sizeof(copy) || bytes > room)
		return 0;
	for (size_t i = 0; i < text.len; i++)
		copy[i] = text.ptr[i] == '.' ? '+' : text.ptr[i];
	ok = idm_base64_decode(IDM_BASE64, idm_span_of(copy, text.len), out, bytes);
	OPENSSL_cleanse(copy, sizeof(copy));
	return ok ? bytes : 0;
}

/* --- parsing */

static size_t
digest_bytes(const struct foreign *f)
{
	return (size_t)EVP_MD_get_size(f->scheme->digest());
}

/* The digest, and the salt behind it. */
static bool
parse_digest(struct idm_span text, struct foreign *out)
{
	uint8_t bytes[EVP_MAX_MD_SIZE + SALT_MAX];
	size_t len = decode_base64(text, bytes, sizeof(bytes));

	out->hash_len = digest_bytes(out);
	if (len < out->hash_len || len - out->hash_len > SALT_MAX ||
	    (len == out->hash_len) == out->scheme->salted)
		return false;
	out->salt_len = len - out->hash_len;
	memcpy(out->hash, bytes, out->hash_len);
	memcpy(out->salt, bytes + out->hash_len, out->salt_len);
	return true;
}

/* One block of PBKDF2's output is kept: more would prove nothing more (RFC 8018 section 5.2). */
static bool
set_derived(struct foreign *out, const uint8_t *hash, size_t len)
{
	out->hash_len = digest_bytes(out);
	if (len < out->hash_len)
		return false;
	memcpy(out->hash, hash, out->hash_len);
	return out->iterations >= 1 && out->iterations <= ITERATIONS_MAX;
}

/* "iterations$salt$hash"; Django's salt is text as it stands. */
static bool
parse_pbkdf2(struct idm_span text, bool django, struct foreign *out)
{
	uint8_t hash[OLD_389_HASH];
	struct idm_span iterations = idm_span_take(&text, '$'), salt = idm_span_take(&text, '$');
	size_t len = decode_base64(text, hash, sizeof(hash));

	if (!idm_uint32_parse(iterations, &out->iterations) || salt.len == 0)
		return false;
	if (!django) {
		out->salt_len = decode_base64(salt, out->salt, sizeof(out->salt));
	} else if (salt.len <= sizeof(out->salt)) {
		out->salt_len = salt.len;
		memcpy(out->salt, salt.ptr, salt.len);
	}
	return out->salt_len != 0 && set_derived(out, hash, len);
}

static bool
parse_old_389(struct idm_span text, struct foreign *out)
{
	uint8_t bytes[OLD_389_ITERATIONS + OLD_389_SALT + OLD_389_HASH];

	if (decode_base64(text, bytes, sizeof(bytes)) != sizeof(bytes))
		return false;
	out->iterations = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
			  (uint32_t)bytes[2] << 8 | bytes[3];
	out->salt_len = OLD_389_SALT;
	memcpy(out->salt, bytes + OLD_389_ITERATIONS, OLD_389_SALT);
	return set_derived(out, bytes + OLD_389_ITERATIONS + OLD_389_SALT, OLD_389_HASH);
}

/* Of yescrypt: 1 MiB, and twice as much with each step. */
static const char yescrypt_steps[] = "56789AB";

/* Rounds and memory that a login here may cost (crypt(5)). */
static bool
is_affordable(struct idm_span hash)
{
	struct idm_span rest = hash, id, params;
	uint32_t rounds = 0;

	idm_span_take(&rest, '$');
	id = idm_span_take(&rest, '$');
	params = idm_span_take(&rest, '$');
	if (idm_span_is(id, "1"))
		return true;
	if (idm_span_is(id, "5") || idm_span_is(id, "6"))
		return !cut_prefix(&params, "rounds=") ||
		       (idm_uint32_parse(params, &rounds) && rounds <= ROUNDS_MAX);
	/* yescrypt's flags, the logarithm of N, and r: up to 64 MiB. */
	return idm_span_is(id, "y") && params.len == 3 && params.ptr[0] == 'j' &&
	       strchr(yescrypt_steps, params.ptr[1]) != NULL && params.ptr[1] != '\0' &&
	       params.ptr[2] == 'T';
}

static bool
parse_crypt(struct idm_span text, struct foreign *out)
{
	int check;

	if (text.len > CRYPT_MAX || !is_affordable(text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c >= 0x80 || (!isalnum(c) && strchr("$./=,", c) == NULL) || c == '\0')
			return false;
	}
	memcpy(out->crypt, text.ptr, text.len);
	out->crypt[text.len] = '\0';
	check = crypt_checksalt(out->crypt);
	return check == CRYPT_SALT_OK || check == CRYPT_SALT_METHOD_LEGACY;
}

static bool
parse_nt(struct idm_span text, struct foreign *out)
{
	out->hash_len = IDM_MD4_BYTES;
	if (text.len != 2 * IDM_MD4_BYTES)
		return decode_base64(text, out->hash, IDM_MD4_BYTES) == IDM_MD4_BYTES;
	for (size_t i = 0; i < IDM_MD4_BYTES; i++) {
		int high = idm_hex_value(text.ptr[2 * i]), low = idm_hex_value(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out->hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
parse_as(const struct scheme *scheme, struct idm_span text, bool django, struct foreign *out)
{
	out->scheme = scheme;
	out->kind = scheme->kind;
	switch (out->kind) {
	case KIND_DIGEST: return parse_digest(text, out);
	case KIND_PBKDF2: return parse_pbkdf2(text, django, out);
	case KIND_CRYPT: return parse_crypt(text, out);
	case KIND_NT: return parse_nt(text, out);
	}
	return false;
}

/* What other directories name otherwise. */
static bool
parse_alias(struct idm_span text, bool *known, struct foreign *out)
{
	*known = true;
	out->scheme = scheme_named("{PBKDF2-SHA256}");
	out->kind = KIND_PBKDF2;
	if (cut_prefix(&text, "{PBKDF2_SHA256}"))
		return parse_old_389(text, out);
	if (cut_prefix(&text, "ipaNTHash:") || cut_prefix(&text, "sambaNTPassword:")) {
		while (text.len != 0 && text.ptr[0] == ' ')
			text = idm_span_of(text.ptr + 1, text.len - 1);
		return parse_as(scheme_named("{NT}"), text, false, out);
	}
	if (text.len != 0 && text.ptr[0] == '$')
		return parse_as(scheme_named("{CRYPT}"), text, false, out);
	*known = false;
	return false;
}

/* *known: the scheme is one of ours, whether the rest is or not. */
static bool
parse(struct idm_span text, bool *known, struct foreign *out)
{
	memset(out, 0, sizeof(*out));
	*known = true;
	for (size_t i = 0; i < SCHEME_COUNT; i++) {
		struct idm_span rest = text;

		if (cut_prefix(&rest, schemes[i].name))
			return parse_as(&schemes[i], rest, false, out);
		if (schemes[i].django != NULL && cut_prefix(&rest, schemes[i].django))
			return parse_as(&schemes[i], rest, true, out);
	}
	return parse_alias(text, known, out);
}

/* --- writing */

static char *
put_base64(char *to, const uint8_t *bytes, size_t len)
{
	return to + idm_base64_encode(IDM_BASE64, idm_span_of(bytes, len), to);
}

static void
format_digest(const struct foreign *f, char *to)
{
	uint8_t bytes[EVP_MAX_MD_SIZE + SALT_MAX];

	memcpy(bytes, f->hash, f->hash_len);
	memcpy(bytes + f->hash_len, f->salt, f->salt_len);
	put_base64(to, bytes, f->hash_len + f->salt_len);
}

/* The longest are SHA-512's with 64 octets of salt, and fit. */
static void
format(const struct foreign *f, char out[IDM_PHC_BYTES])
{
	int len = snprintf(out, IDM_PHC_BYTES, "%s", f->scheme->name);
	char *to = out + len;

	switch (f->kind) {
	case KIND_DIGEST: format_digest(f, to); break;
	case KIND_PBKDF2:
		to += snprintf(to, IDM_PHC_BYTES - (size_t)len, "%u$", (unsigned)f->iterations);
		to = put_base64(to, f->salt, f->salt_len);
		*to++ = '$';
		put_base64(to, f->hash, f->hash_len);
		break;
	case KIND_CRYPT: snprintf(to, IDM_PHC_BYTES - (size_t)len, "%s", f->crypt); break;
	case KIND_NT: put_base64(to, f->hash, f->hash_len); break;
	}
}

/* The scheme as it may be quoted: letters, digits and `-` in braces, and nothing behind them. */
static struct idm_span
quotable_scheme(struct idm_span text)
{
	for (size_t i = 1; text.len != 0 && text.ptr[0] == '{' && i < text.len && i < 32; i++) {
		if (text.ptr[i] == '}')
			return idm_span_of(text.ptr, i + 1);
		if (text.ptr[i] >= 0x80 ||
		    (!isalnum(text.ptr[i]) && strchr("-_.", text.ptr[i]) == NULL))
			break;
	}
	return IDM_SPAN_EMPTY;
}

static enum idm_result
refuse(struct idm_span text, bool known, struct idm_error *err)
{
	struct idm_span scheme = quotable_scheme(text);

	if (known)
		return idm_refuse(err, IDM_INVALID,
		    "a password hash that does not decode, or takes too long to test: let the "
		    "password be set anew");
	if (scheme.len == 0 || idm_span_equal_nocase(scheme, IDM_SPAN_LIT("{CLEAR}")) ||
	    idm_span_equal_nocase(scheme, IDM_SPAN_LIT("{CLEARTEXT}")))
		return idm_refuse(err, IDM_INVALID,
		    "a password in clear text is not taken: hash it, for example with slappasswd "
		    "-h '{SSHA512}', or let it be set anew");
	return idm_refuse(err, IDM_INVALID,
	    "a password hash of the kind %.*s can't be tested here: let the password be set anew",
	    IDM_SPAN_ARG(scheme));
}

enum idm_result
idm_foreign_hash_import(struct idm_span text, char out[IDM_PHC_BYTES], struct idm_error *err)
{
	struct foreign f;
	bool known;
	bool ok = parse(text, &known, &f);

	if (ok)
		format(&f, out);
	OPENSSL_cleanse(&f, sizeof(f));
	return ok ? IDM_OK : refuse(text, known, err);
}

/* --- testing */

uint32_t
idm_foreign_hash_memory_kib(struct idm_span text)
{
	struct idm_span rest = text, id;
	const char *step;

	if (!cut_prefix(&rest, "{CRYPT}$y$j") || rest.len == 0)
		return 0;
	id = idm_span_take(&rest, 'T');
	step = id.len == 1 && id.ptr[0] != '\0' ? strchr(yescrypt_steps, id.ptr[0]) : NULL;
	return step == NULL ? 0 : UINT32_C(1024) << (step - yescrypt_steps);
}

static bool
digest_fits(const struct foreign *f, struct idm_span password)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool fits = ctx != NULL && EVP_DigestInit_ex(ctx, f->scheme->digest(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, password.ptr, password.len) == 1 &&
		    EVP_DigestUpdate(ctx, f->salt, f->salt_len) == 1 &&
		    EVP_DigestFinal_ex(ctx, hash, NULL) == 1 &&
		    CRYPTO_memcmp(hash, f->hash, f->hash_len) == 0;

	EVP_MD_CTX_free(ctx);
	OPENSSL_cleanse(hash, sizeof(hash));
	return fits;
}

static bool
pbkdf2_fits(const struct foreign *f, struct idm_span password)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	bool fits = PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, f->salt,
			(int)f->salt_len, (int)f->iterations, f->scheme->digest(), (int)f->hash_len,
			hash) == 1 &&
		    CRYPTO_memcmp(hash, f->hash, f->hash_len) == 0;

	OPENSSL_cleanse(hash, sizeof(hash));
	return fits;
}

static bool
crypt_fits(const struct foreign *f, struct idm_span password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	char phrase[IDM_PASSWORD_MAX_BYTES + 1];
	const char *hash;
	bool fits;

	memcpy(phrase, password.ptr, password.len);
	phrase[password.len] = '\0';
	hash = data == NULL ? NULL : crypt_rn(phrase, f->crypt, data, (int)sizeof(*data));
	fits = hash != NULL && strlen(phrase) == password.len &&
	       idm_span_equal_secret(idm_span_cstr(hash), idm_span_cstr(f->crypt));
	if (data != NULL)
		OPENSSL_cleanse(data, sizeof(*data));
	OPENSSL_cleanse(phrase, sizeof(phrase));
	free(data);
	return fits;
}

/* MD4 of the password in UTF-16, the low octets first. */
static bool
nt_fits(const struct foreign *f, struct idm_span password)
{
	uint16_t wide[IDM_PASSWORD_MAX_BYTES];
	uint8_t octets[2 * IDM_PASSWORD_MAX_BYTES];
	uint8_t hash[IDM_MD4_BYTES];
	size_t len = IDM_PASSWORD_MAX_BYTES;
	bool fits;

	if (u8_to_u16(password.ptr, password.len, wide, &len) != wide)
		return false;
	for (size_t i = 0; i < len; i++) {
		octets[2 * i] = (uint8_t)wide[i];
		octets[2 * i + 1] = (uint8_t)(wide[i] >> 8);
	}
	idm_md4(idm_span_of(octets, 2 * len), hash);
	fits = CRYPTO_memcmp(hash, f->hash, sizeof(hash)) == 0;
	OPENSSL_cleanse(wide, sizeof(wide));
	OPENSSL_cleanse(octets, sizeof(octets));
	OPENSSL_cleanse(hash, sizeof(hash));
	return fits;
}

static bool
fits(const struct foreign *f, struct idm_span password)
{
	switch (f->kind) {
	case KIND_DIGEST: return digest_fits(f, password);
	case KIND_PBKDF2: return pbkdf2_fits(f, password);
	case KIND_CRYPT: return crypt_fits(f, password);
	case KIND_NT: return nt_fits(f, password);
	}
	return false;
}

enum idm_result
idm_foreign_hash_verify(struct idm_span text, struct idm_span password, struct idm_error *err)
{
	struct foreign f;
	bool known;
	enum idm_result result = IDM_OK;

	if (!parse(text, &known, &f))
		result = idm_fail(err, IDM_CORRUPT, "the stored hash does not decode");
	else if (password.len == 0 || password.len > IDM_PASSWORD_MAX_BYTES || !fits(&f, password))
		result = idm_fail(err, IDM_DENIED, "the password does not fit");
	OPENSSL_cleanse(&f, sizeof(f));
	return result;
}
