/* The built-in access control profiles (SPEC 5.4), from which a new database's entries are made. */
#ifndef CORE_BUILTIN_PROFILES_H
#define CORE_BUILTIN_PROFILES_H

#include "core/span.h"
#include "core/uuid.h"

/* Numbers that code decides on: what anonymous may hold, and who writes dynamic groups. */
enum idm_builtin_profile_number {
	IDM_PROFILE_SELF_READ = 0x01,
	IDM_PROFILE_ALL_READ = 0x04,
	IDM_PROFILE_TREE_READ = 0x05,
	IDM_PROFILE_HP_DYNGROUP_MANAGE = 0x4b,
};

/* Lists are words with a space between them, the form that idm_word_next takes apart. */
struct idm_builtin_profile {
	uint8_t number; /* of the uuid: idm_builtin_profile_uuid; never used again */
	const char *name;
	const char *receivers; /* names of groups; NULL: none, for `managed` */
	const char *target;    /* acp_target */
	const char *hp;        /* acp_hp: no, only, also */
	const char *search;    /* attributes; NULL: none, here and below */
	const char *present;
	const char *removed;
	const char *classes; /* class values that may come and go */
	const char *create_classes;
	const char *create_attributes;
	bool deletes;
};

const struct idm_builtin_profile *idm_builtin_profiles(size_t *count);

/* 00000000-0000-0000-0000-0000ac0000NN, NN the number in hexadecimal digits. */
struct idm_uuid idm_builtin_profile_uuid(const struct idm_builtin_profile *profile);

/* Is that the uuid of the built-in profile with this number? */
bool idm_builtin_profile_is(const struct idm_uuid *uuid, uint8_t number);

/* Cut the first word off `rest`; false: there is none left.  NULL is an empty list. */
bool idm_word_next(const char **rest, struct idm_span *word);

#endif
