/*
 * The built-in profiles in a fixture's store, with the groups that receive them; and identities to
 * judge by them.
 */
#ifndef TESTS_SUPPORT_PROFILES_H
#define TESTS_SUPPORT_PROFILES_H

#include "core/access.h"
#include "tests/support/fixture.h"

/*
 * Add a group for each receiver, HP where SPEC 4 says so, each an initial member of the others as
 * there, then the profiles; and anonymous, admin and idm_admin with their groups.
 */
void profiles_add(struct fixture *f);

/* Store another profile: pairs as of fixture_add, behind those that make it one. */
void profiles_add_one(struct fixture *f, const char *name, const char *receiver, ...)
    __attribute__((sentinel));

/* The rights of an account, by name, who may write: a fresh session in its first minutes. */
struct idm_access *profiles_of(struct fixture *f, struct idm_access_table **table,
    const char *account, enum idm_identity_kind kind);

#endif
