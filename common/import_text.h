/* Values as other directories write them, in the form that they have here. */
#ifndef COMMON_IMPORT_TEXT_H
#define COMMON_IMPORT_TEXT_H

#include "common/import_map.h"

/*
 * "type base64 comment" -> "tag type base64", with a tag made of the comment that none of the
 * entry's `values` has; what has a tag stays as it is.  NULL: the arena is used up.
 */
const char *import_ssh_key(
    struct idm_span key, const struct import_value *values, size_t count, struct idm_arena *arena);

/* No password can be this one's: locked, or never set (shadow(5): `!`, `*`, and empty). */
bool import_is_no_password(struct idm_span text);

/* 16 octets -> "{NT}" and hexadecimal; NULL: the arena is used up. */
char *import_nt_hash(struct idm_span octets, struct idm_arena *arena);

/* A DN without the bit string of `DN#'0101'B` (RFC 4517 section 3.3.21). */
struct idm_span import_cut_bits(struct idm_span text);

/* When an account expires by a value of IMPORT_EXPIRE_ or IMPORT_LOCKED_; INT64_MAX: never.  False:
 * that can't be told. */
bool import_expire(enum import_what what, struct idm_span text, int64_t *at_s);

#endif
