/*
 * Names of entries, domain names, spns and mail addresses (SPEC 2.3): checked, in the arena.
 * `what` names the attribute in the client's error text.
 */
#ifndef CORE_NAME_H
#define CORE_NAME_H

#include "core/arena.h"
#include "core/result.h"
#include "core/span.h"

/* `[a-z][a-z0-9-_.]{0,63}`, lower-cased, no UUID, not the reserved `dn=token`. */
enum idm_result idm_iname_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);

/* A DNS name of letters, digits and hyphens, lower-cased (RFC 1123 section 2.1). */
enum idm_result idm_domain_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);

/* name@domain, lower-cased. */
enum idm_result idm_spn_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);

/*
 * A mail address, case kept, NFC: a dot-string local part of at most 64 octets and a domain
 * (RFC 5321 sections 4.1.2 and 4.5.3.1; RFC 6531 section 3.3: letters beyond ASCII in both).
 */
enum idm_result idm_mail_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);

#endif
