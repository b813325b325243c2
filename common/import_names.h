/*
 * Which entry of a file became which entry of the database: distinguished names -> uuids, a million
 * of them in 64 MiB.
 */
#ifndef COMMON_IMPORT_NAMES_H
#define COMMON_IMPORT_NAMES_H

#include "core/arena.h"
#include "core/result.h"
#include "core/uuid.h"

struct import_names;

struct import_names *import_names_new(void); /* NULL: out of memory, or no random octets */
void import_names_free(struct import_names **names);

/*
 * Remember the entry of a DN; `uuid` NULL: it was not taken.  DNs are equal by
 * distinguishedNameMatch (RFC 4517 section 4.2.15).  IDM_EXISTS: the DN is there already;
 * IDM_INVALID: it is no DN (common/dn.h); IDM_LIMIT: no memory.
 */
enum idm_result import_names_add(struct import_names *names, struct idm_span dn,
    const struct idm_uuid *uuid, struct idm_arena *arena);

/* IDM_NOT_FOUND, IDM_INVALID; IDM_DENIED: it was not taken.  `arena` is for parsing alone. */
enum idm_result import_names_find(const struct import_names *names, struct idm_span dn,
    struct idm_arena *arena, struct idm_uuid *uuid);

#endif
