#include "core/reset.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { RESET_CHARS = IDM_GENERATED_SECRET_BYTES - 1 };

/* The id is a part of the hash, which tells nothing of the token; the rest is compared. */
static bool
hash_text(struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES])
{
	static const char purpose[] = "kanidm reset token";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned len = 0;
	bool ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(ctx, purpose, sizeof(purpose)) == 1 &&
		  EVP_DigestUpdate(ctx, text.ptr, text.len) == 1 &&
		  EVP_DigestFinal_ex(ctx, hash, &len) == 1 && len == IDM_TOKEN_HASH_BYTES;

	EVP_MD_CTX_free(ctx);
	if (ok)
		memcpy(id->bytes, hash, IDM_UUID_BYTES);
	return ok;
}

bool
idm_reset_generate(char text[IDM_GENERATED_SECRET_BYTES], struct idm_token_row *row)
{
	row->kind = IDM_TOKEN_RESET;
	row->scope = IDM_SCOPE_READ_ONLY;
	return idm_secret_generate(text) && hash_text(idm_span_cstr(text), &row->id, row->hash);
}

bool
idm_reset_parse(struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES])
{
	while (text.len != 0 && text.ptr[0] == ' ')
		text = idm_span_of(text.ptr + 1, text.len - 1);
	while (text.len != 0 && text.ptr[text.len - 1] == ' ')
		text.len--;
	return text.len == RESET_CHARS && hash_text(text, id, hash);
}

void
idm_reset_use(struct idm_token_row *row, int64_t until_s)
{
	row->privileged_until_s = idm_reset_expire_s(row);
	if (row->expire_s < until_s)
		row->expire_s = until_s;
}

int64_t
idm_reset_expire_s(const struct idm_token_row *row)
{
	return row->privileged_until_s != 0 ? row->privileged_until_s : row->expire_s;
}
