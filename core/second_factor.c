#include "core/second_factor.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum {
	TOTP_FORMAT = 1,
	CODES_FORMAT = 1,
	TOTP_HEAD_BYTES = 4, /* format, algorithm, short password, 0 */
	USED_BYTES = 4 * 8,
	USED_KEY_BYTES = 7 + IDM_UUID_BYTES,
};

/* --- secrets */

bool
idm_factor_is_set(const struct idm_entry *account)
{
	return idm_entry_has(account, IDM_ATTR_TOTP_SECRET);
}

struct idm_span
idm_factor_encode_totp(const struct idm_totp *totp, bool short_password, struct idm_arena *arena)
{
	uint8_t *out = idm_arena_alloc(arena, TOTP_HEAD_BYTES + totp->secret_len);

	if (out == NULL)
		return IDM_SPAN_EMPTY;
	out[0] = TOTP_FORMAT;
	out[1] = (uint8_t)totp->algorithm;
	out[2] = short_password;
	out[3] = 0;
	memcpy(out + TOTP_HEAD_BYTES, totp->secret, totp->secret_len);
	return idm_span_of(out, TOTP_HEAD_BYTES + totp->secret_len);
}

static enum idm_result
decode_totp(struct idm_span bytes, struct idm_factor *out, struct idm_error *err)
{
	if (bytes.len <= TOTP_HEAD_BYTES || bytes.len > TOTP_HEAD_BYTES + IDM_TOTP_SECRET_BYTES ||
	    bytes.ptr[0] != TOTP_FORMAT || bytes.ptr[1] < IDM_TOTP_SHA1 ||
	    bytes.ptr[1] > IDM_TOTP_SHA256 || bytes.ptr[2] > 1 || bytes.ptr[3] != 0)
		return idm_fail(err, IDM_CORRUPT, "a stored TOTP secret does not decode");
	out->set = true;
	out->totp.algorithm = (enum idm_totp_algorithm)bytes.ptr[1];
	out->short_password = bytes.ptr[2] != 0;
	out->totp.secret_len = bytes.len - TOTP_HEAD_BYTES;
	memcpy(out->totp.secret, bytes.ptr + TOTP_HEAD_BYTES, out->totp.secret_len);
	return IDM_OK;
}

struct idm_span
idm_factor_encode_codes(const struct idm_backup_codes *codes, struct idm_arena *arena)
{
	uint8_t *out = idm_arena_alloc(arena, 1 + sizeof(codes->hashes));

	if (out == NULL)
		return IDM_SPAN_EMPTY;
	out[0] = CODES_FORMAT;
	memcpy(out + 1, codes->hashes, sizeof(codes->hashes));
	return idm_span_of(out, 1 + sizeof(codes->hashes));
}

static enum idm_result
decode_codes(struct idm_span bytes, struct idm_factor *out, struct idm_error *err)
{
	if (bytes.len != 1 + sizeof(out->codes.hashes) || bytes.ptr[0] != CODES_FORMAT)
		return idm_fail(err, IDM_CORRUPT, "stored backup codes do not decode");
	out->has_codes = true;
	memcpy(out->codes.hashes, bytes.ptr + 1, sizeof(out->codes.hashes));
	return IDM_OK;
}

static enum idm_result
open_secret(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_entry *account, uint32_t attr_number, struct idm_span *out, uint64_t *no,
    struct idm_error *err)
{
	struct idm_span blob;
	enum idm_result result = idm_lookup_secret(read, account->id, attr_number, &blob, err);

	if (result != IDM_OK)
		return result;
	*no = idm_seal_set_at(blob);
	return idm_unseal(ring, &account->uuid, attr_number, blob, read->arena, out, err);
}

enum idm_result
idm_factor_load(const struct idm_read *read, const struct idm_keyring *ring,
    const struct idm_entry *account, struct idm_factor *out, struct idm_error *err)
{
	struct idm_span plain;
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	result = open_secret(read, ring, account, IDM_ATTR_TOTP_SECRET, &plain, &out->totp_no, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK)
		result = decode_totp(plain, out, err);
	if (result != IDM_OK)
		return result;
	result =
	    open_secret(read, ring, account, IDM_ATTR_BACKUP_CODES, &plain, &out->codes_no, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	return result == IDM_OK ? decode_codes(plain, out, err) : result;
}

void
idm_factor_wipe(struct idm_factor *factor)
{
	OPENSSL_cleanse(factor, sizeof(*factor));
}

/* --- backup codes: chance enough for a plain hash to hide them */

static bool
hash_code(struct idm_span text, uint8_t out[IDM_BACKUP_HASH_BYTES])
{
	static const char purpose[] = "kanidm backup code";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned len = 0;
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, purpose, sizeof(purpose)) == 1 &&
		  EVP_DigestUpdate(ctx, text.ptr, text.len) == 1 &&
		  EVP_DigestFinal_ex(ctx, out, &len) == 1 && len == IDM_BACKUP_HASH_BYTES;

	EVP_MD_CTX_free(ctx);
	return ok;
}

bool
idm_backup_generate(
    char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES], struct idm_backup_codes *out)
{
	for (size_t i = 0; i < IDM_BACKUP_CODES; i++) {
		if (!idm_secret_generate(texts[i]) ||
		    !hash_code(idm_span_cstr(texts[i]), out->hashes[i]))
			return false;
	}
	return true;
}

/* All are compared, whichever fits; -1: none. */
static int
find_code(const struct idm_backup_codes *codes, struct idm_span text)
{
	uint8_t hash[IDM_BACKUP_HASH_BYTES];
	int found = -1;

	while (text.len != 0 && text.ptr[0] == ' ')
		text = idm_span_of(text.ptr + 1, text.len - 1);
	while (text.len != 0 && text.ptr[text.len - 1] == ' ')
		text.len--;
	if (!hash_code(text, hash))
		return -1;
	for (int i = 0; i < IDM_BACKUP_CODES; i++) {
		if (CRYPTO_memcmp(hash, codes->hashes[i], sizeof(hash)) == 0)
			found = i;
	}
	OPENSSL_cleanse(hash, sizeof(hash));
	return found;
}

/* --- what was used */

/* Of the secrets that were set by these changes; of others nothing was used. */
struct used {
	uint64_t totp_no;
	uint64_t step; /* the last one whose code was taken */
	uint64_t codes_no;
	uint64_t codes; /* a bit for each */
};

static void
used_key(const struct idm_uuid *account, uint8_t out[USED_KEY_BYTES])
{
	memcpy(out, "factor.", USED_KEY_BYTES - IDM_UUID_BYTES);
	memcpy(out + USED_KEY_BYTES - IDM_UUID_BYTES, account->bytes, IDM_UUID_BYTES);
}

static enum idm_result
load_used(const struct idm_txn *local, const struct idm_uuid *account, struct used *out,
    struct idm_error *err)
{
	uint8_t key[USED_KEY_BYTES];
	struct idm_span row;
	enum idm_result result;

	*out = (struct used){ .totp_no = 0 };
	used_key(account, key);
	result = idm_store_get(local, IDM_DB_LOCAL_META, idm_span_of(key, sizeof(key)), &row, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK && row.len != USED_BYTES)
		result = idm_fail(err, IDM_CORRUPT, "a row of used codes has %zu octets", row.len);
	if (result != IDM_OK)
		return result;
	out->totp_no = idm_store_load_u64(row.ptr);
	out->step = idm_store_load_u64(row.ptr + 8);
	out->codes_no = idm_store_load_u64(row.ptr + 16);
	out->codes = idm_store_load_u64(row.ptr + 24);
	return IDM_OK;
}

static enum idm_result
put_used(const struct idm_txn *local, const struct idm_uuid *account, const struct used *used,
    struct idm_error *err)
{
	uint8_t key[USED_KEY_BYTES], row[USED_BYTES];

	used_key(account, key);
	idm_store_u64(used->totp_no, row);
	idm_store_u64(used->step, row + 8);
	idm_store_u64(used->codes_no, row + 16);
	idm_store_u64(used->codes, row + 24);
	return idm_store_put(local, IDM_DB_LOCAL_META, idm_span_of(key, sizeof(key)),
	    idm_span_of(row, sizeof(row)), err);
}

/* The row for the secrets as they are now. */
static enum idm_result
load_current(const struct idm_txn *local, const struct idm_uuid *account,
    const struct idm_factor *factor, struct used *out, struct idm_error *err)
{
	enum idm_result result = load_used(local, account, out, err);

	if (out->totp_no != factor->totp_no) {
		out->totp_no = factor->totp_no;
		out->step = 0;
	}
	if (out->codes_no != factor->codes_no) {
		out->codes_no = factor->codes_no;
		out->codes = 0;
	}
	return result;
}

static enum idm_result
use_totp(const struct idm_factor *factor, uint32_t code, int64_t now_s, struct used *used,
    struct idm_error *err)
{
	uint64_t step;

	if (idm_totp_find(&factor->totp, code, now_s, used->step, &step)) {
		used->step = step;
		return IDM_OK;
	}
	if (idm_totp_find(&factor->totp, code, now_s, 0, &step))
		return idm_fail(err, IDM_DENIED, "the code was used already");
	return idm_fail(err, IDM_DENIED, "wrong code");
}

static enum idm_result
use_backup(
    const struct idm_factor *factor, struct idm_span text, struct used *used, struct idm_error *err)
{
	int found = factor->has_codes ? find_code(&factor->codes, text) : -1;
	uint64_t bit = found < 0 ? 0 : UINT64_C(1) << found;

	if (found < 0)
		return idm_fail(err, IDM_DENIED, "wrong code");
	if ((used->codes & bit) != 0)
		return idm_fail(err, IDM_DENIED, "the backup code was used already");
	used->codes |= bit;
	return IDM_OK;
}

enum idm_result
idm_factor_use(const struct idm_txn *local, const struct idm_uuid *account,
    const struct idm_factor *factor, struct idm_span code, int64_t now_s, struct idm_error *err)
{
	struct used used;
	uint32_t number;
	enum idm_result result = load_current(local, account, factor, &used, err);

	if (result != IDM_OK)
		return result;
	if (!factor->set)
		return idm_fail(err, IDM_DENIED, "there is no second factor");
	if (idm_totp_parse(code, &number))
		result = use_totp(factor, number, now_s, &used, err);
	else
		result = use_backup(factor, code, &used, err);
	return result == IDM_OK ? put_used(local, account, &used, err) : result;
}

enum idm_result
idm_factor_begin(const struct idm_txn *local, const struct idm_uuid *account, uint64_t totp_no,
    uint64_t step, struct idm_error *err)
{
	struct used used;
	enum idm_result result = load_used(local, account, &used, err);

	used.totp_no = totp_no;
	used.step = step;
	return result == IDM_OK ? put_used(local, account, &used, err) : result;
}

enum idm_result
idm_factor_codes_left(const struct idm_txn *local, const struct idm_uuid *account,
    const struct idm_factor *factor, uint32_t *out, struct idm_error *err)
{
	struct used used;
	enum idm_result result = load_current(local, account, factor, &used, err);

	*out = 0;
	for (int i = 0; factor->has_codes && i < IDM_BACKUP_CODES && result == IDM_OK; i++)
		*out += (used.codes >> i & 1) == 0;
	return result;
}

enum idm_result
idm_factor_forget(
    const struct idm_txn *local, const struct idm_uuid *account, struct idm_error *err)
{
	uint8_t key[USED_KEY_BYTES];
	enum idm_result result;

	used_key(account, key);
	result = idm_store_del(local, IDM_DB_LOCAL_META, idm_span_of(key, sizeof(key)), err);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}
