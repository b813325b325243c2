/* The built-in groups (SPEC 4), and the making of a new database. */
#ifndef CORE_BUILTIN_H
#define CORE_BUILTIN_H

#include "core/change.h"

/* UUIDs that code decides on, by the last twelve digits of their text. */
enum idm_builtin_number {
	IDM_BUILTIN_PEOPLE_WRITE = 0x3,
	IDM_BUILTIN_ACCOUNT_WRITE = 0x6,
	IDM_BUILTIN_ACP_MANAGE = 0x11,
	IDM_BUILTIN_ADMIN = 0x0,
	IDM_BUILTIN_IDM_ADMIN = 0x18,
	IDM_BUILTIN_ALL_PERSONS = 0x35,
	IDM_BUILTIN_ALL_ACCOUNTS = 0x36,
	IDM_BUILTIN_HIGH_PRIVILEGE = 0x1000,
	IDM_BUILTIN_DOMAIN_INFO = 0xf00001,
	IDM_BUILTIN_SYSTEM_CONFIG = 0xf00002,
	IDM_BUILTIN_OU_PEOPLE = 0xf00003,
	IDM_BUILTIN_OU_GROUPS = 0xf00004,
	IDM_BUILTIN_OU_SERVICES = 0xf00005,
	IDM_BUILTIN_OU_ACCESS = 0xf00006,
	IDM_BUILTIN_OU_SCHEMA = 0xf00007,
	IDM_BUILTIN_OU_APPLICATIONS = 0xf00008,
};

#define IDM_BUILTIN_ANONYMOUS UINT64_C(0xffffffffffff)

struct idm_builtin_group {
	uint64_t number;
	const char *name;
	const char *description;
	bool high_privilege;         /* listed in idm_high_privilege */
	const char *members;         /* names, a space between them; NULL: none */
	const char *dyngroup_filter; /* NULL: an ordinary group */
};

const struct idm_builtin_group *idm_builtin_groups(size_t *count);

/* Is this the uuid of a built-in entry (00000000-0000-0000-0000-*)? */
bool idm_uuid_is_builtin(const struct idm_uuid *uuid);

/*
 * Fill a new database with the built-in entries, as one change set of the console.  `domain` is a
 * DNS name in lower case.  IDM_EXISTS: the database has a domain already.
 */
enum idm_result idm_builtin_create(
    struct idm_store *store, const char *domain, struct idm_now now, struct idm_error *err);

/* The change set that fills a new database, in the read's arena; room for one item more. */
enum idm_result idm_builtin_make(const struct idm_read *read, const char *domain,
    struct idm_change_set *set, struct idm_error *err);

/*
 * Once after an upgrade: make the built-in entries that came with this format.  IDM_EXISTS: the
 * name of one is taken.
 */
enum idm_result idm_builtin_assert(
    struct idm_store *store, struct idm_now now, struct idm_error *err);

/*
 * Is the database of `domain`, or of none yet?  IDM_INVALID: of another; the text names `kanidmd
 * domain rename`.
 */
enum idm_result idm_builtin_check_domain(
    struct idm_store *store, const char *domain, struct idm_error *err);

/*
 * Open DIR's databases for writing, and fill them if they are new.  `domain` NULL: whatever it is,
 * and IDM_NOT_FOUND if they are new.  IDM_INVALID: as idm_builtin_check_domain.
 */
enum idm_result idm_builtin_open(const char *dir, gid_t read_group, const char *domain,
    struct idm_now now, struct idm_store **out, struct idm_error *err);

#endif
