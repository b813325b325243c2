/*
 * One-time codes from a shared secret and the time (RFC 6238, RFC 4226): six digits, a step of 30
 * seconds.
 */
#ifndef CORE_TOTP_H
#define CORE_TOTP_H

#include <stddef.h>

#include "core/result.h"
#include "core/span.h"

enum {
	IDM_TOTP_DIGITS = 6,
	IDM_TOTP_STEP_S = 30,
	IDM_TOTP_WINDOW = 1, /* steps before and behind now whose codes are taken */
	IDM_TOTP_SECRET_BYTES = 32,
	IDM_TOTP_URI_BYTES = 1024,
};

/* These numbers are stored. */
enum idm_totp_algorithm {
	IDM_TOTP_SHA1 = 1,
	IDM_TOTP_SHA256 = 2,
};

struct idm_totp {
	enum idm_totp_algorithm algorithm;
	uint8_t secret[IDM_TOTP_SECRET_BYTES];
	size_t secret_len;
};

/* A new secret, for SHA-256.  False: the random source failed. */
bool idm_totp_generate(struct idm_totp *out);

/* The value of a counter (RFC 4226 section 5.3), below 1,000,000.  False: no memory. */
bool idm_hotp(const struct idm_totp *totp, uint64_t counter, uint32_t *out);

/* Six digits and nothing else, but for blanks: "123 456".  False: not so. */
bool idm_totp_parse(struct idm_span text, uint32_t *code);

/*
 * The step whose code this is: the newest one in the window around `now_s` that is behind
 * `last_step`, so that no code is taken twice.  All steps are tried, whichever fits.  False: none.
 */
bool idm_totp_find(
    const struct idm_totp *totp, uint32_t code, int64_t now_s, uint64_t last_step, uint64_t *step);

/*
 * What an authenticator scans: otpauth://totp/ISSUER:ACCOUNT?secret=...  False: it is too long.
 * The secret is in it: to be wiped.
 */
bool idm_totp_uri(const struct idm_totp *totp, const char *issuer, const char *account,
    char out[IDM_TOTP_URI_BYTES]);

#endif
