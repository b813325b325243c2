#include "core/totp.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

enum { BASE32_CHARS = (IDM_TOTP_SECRET_BYTES * 8 + 4) / 5 };

bool
idm_totp_generate(struct idm_totp *out)
{
	out->algorithm = IDM_TOTP_SHA256;
	out->secret_len = IDM_TOTP_SECRET_BYTES;
	return RAND_bytes(out->secret, IDM_TOTP_SECRET_BYTES) == 1;
}

/* Dynamic truncation (RFC 4226 section 5.3). */
static uint32_t
truncate_mac(const uint8_t *mac, size_t len)
{
	size_t at = mac[len - 1] & 0x0f;
	uint32_t value = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
			 (uint32_t)mac[at + 2] << 8 | mac[at + 3];

	return value % 1000000;
}

bool
idm_hotp(const struct idm_totp *totp, uint64_t counter, uint32_t *out)
{
	const EVP_MD *md = totp->algorithm == IDM_TOTP_SHA1 ? EVP_sha1() : EVP_sha256();
	uint8_t message[8], mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool ok;

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(counter >> (56 - 8 * i));
	ok = HMAC(md, totp->secret, (int)totp->secret_len, message, sizeof(message), mac, &len) !=
		 NULL &&
	     len >= 20;
	if (ok)
		*out = truncate_mac(mac, len);
	OPENSSL_cleanse(mac, sizeof(mac));
	return ok;
}

bool
idm_totp_parse(struct idm_span text, uint32_t *code)
{
	int digits = 0;

	*code = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == ' ')
			continue;
		if (c < '0' || c > '9' || ++digits > IDM_TOTP_DIGITS)
			return false;
		*code = *code * 10 + (uint32_t)(c - '0');
	}
	return digits == IDM_TOTP_DIGITS;
}

bool
idm_totp_find(
    const struct idm_totp *totp, uint32_t code, int64_t now_s, uint64_t last_step, uint64_t *step)
{
	uint64_t now = now_s < 0 ? 0 : (uint64_t)now_s / IDM_TOTP_STEP_S;
	bool found = false;

	for (uint64_t at = now < IDM_TOTP_WINDOW ? 0 : now - IDM_TOTP_WINDOW;
	     at <= now + IDM_TOTP_WINDOW; at++) {
		uint32_t value = 0;
		bool fits =
		    idm_hotp(totp, at, &value) && CRYPTO_memcmp(&value, &code, sizeof(code)) == 0;

		if (fits && at > last_step) {
			found = true;
			*step = at;
		}
	}
	return found;
}

/* RFC 4648 section 6, without padding, as authenticators want it. */
static void
base32(const uint8_t *octets, size_t len, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t bits = 0;
	int count = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | octets[i]) & 0xffff;
		for (count += 8; count >= 5; count -= 5)
			*out++ = digits[bits >> (count - 5) & 31];
	}
	if (count > 0)
		*out++ = digits[bits << (5 - count) & 31];
	*out = '\0';
}

/* A part of a URI (RFC 3986 section 2.3).  False: no room. */
static bool
escape(const char *text, char *out, size_t size)
{
	size_t len = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr("-._~@", c) != NULL;

		if (len + 4 > size)
			return false;
		len += (size_t)snprintf(out + len, size - len, plain ? "%c" : "%%%02X", c);
	}
	out[len] = '\0';
	return true;
}

bool
idm_totp_uri(const struct idm_totp *totp, const char *issuer, const char *account,
    char out[IDM_TOTP_URI_BYTES])
{
	char secret[BASE32_CHARS + 1], issuer_text[300], account_text[500];
	int len = -1;

	base32(totp->secret, totp->secret_len, secret);
	if (issuer[0] != '\0' && escape(issuer, issuer_text, sizeof(issuer_text)) &&
	    escape(account, account_text, sizeof(account_text)))
		len = snprintf(out, IDM_TOTP_URI_BYTES,
		    "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=%s&digits=%d&period=%d",
		    issuer_text, account_text, secret, issuer_text,
		    totp->algorithm == IDM_TOTP_SHA1 ? "SHA1" : "SHA256", IDM_TOTP_DIGITS,
		    IDM_TOTP_STEP_S);
	OPENSSL_cleanse(secret, sizeof(secret));
	return len > 0 && len < IDM_TOTP_URI_BYTES;
}
