/* Public keys of SSH as values: "tag type base64" (RFC 4253 section 6.6, RFC 5656, RFC 8709). */
#ifndef CORE_SSHKEY_H
#define CORE_SSHKEY_H

#include "core/arena.h"
#include "core/result.h"
#include "core/schema.h"
#include "core/span.h"

/*
 * "tag key-type base64 [comment]": the key is of a known type and decodes as one; an RSA key has
 * 2048 bits or more.  Stored without the comment; the norm is the tag, folded.
 */
enum idm_result idm_sshkey_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_value *out, struct idm_error *err);

/* The tag of a value or of an assertion: what stands before the first space. */
struct idm_span idm_sshkey_tag(struct idm_span text);

#endif
