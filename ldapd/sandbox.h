/* What processes give up once they have what they need (DESIGN 1). */
#ifndef LDAPD_SANDBOX_H
#define LDAPD_SANDBOX_H

#include "core/result.h"

/* No core dumps, and no ptrace by others of the same user: of the supervisor, which has the key of
 * the certificate. */
enum idm_result sandbox_no_core(struct idm_error *err);

/* The same for a child; besides, no new privileges, and its end with the parent's. */
enum idm_result sandbox_common(struct idm_error *err);

/*
 * A worker: besides, it may open nothing but files below `db_path`, and those to read (landlock,
 * where the kernel has it), and use only the system calls that serving needs (seccomp).  Under a
 * sanitizer the latter is left out, for its run-time needs others.
 */
enum idm_result sandbox_worker(const char *db_path, struct idm_error *err);

#endif
