/*
 * What the attributes and object classes of other directories are here: inetOrgPerson (RFC 2798),
 * posixAccount and posixGroup (RFC 2307), groupOfNames and groupOfUniqueNames (RFC 4519),
 * ldapPublicKey (openssh-lpk), and what OpenLDAP, 389-ds, FreeIPA and Samba add.
 */
#ifndef COMMON_IMPORT_RULES_H
#define COMMON_IMPORT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

enum import_kind {
	IMPORT_OTHER,     /* nothing that is imported */
	IMPORT_CONTAINER, /* holds others and is left out: the tree here is as it is */
	IMPORT_PERSON,
	IMPORT_SERVICE,
	IMPORT_GROUP,
	IMPORT_RADIUS_CLIENT, /* in our own words alone */
};

/* What to do with a line. */
enum import_what {
	IMPORT_UNKNOWN,
	IMPORT_NOTHING,       /* the server keeps or computes it, or it says how to read others */
	IMPORT_AS,            /* the value of `attr_number` */
	IMPORT_UUID,          /* of the entry */
	IMPORT_UID,           /* an account's name */
	IMPORT_CN,            /* a group's name, or what others are called */
	IMPORT_GECOS,         /* what a person is called, if nothing else says so */
	IMPORT_UID_NUMBER,    /* gidnumber of an account */
	IMPORT_GID_NUMBER,    /* gidnumber of a group; of an account: its first group */
	IMPORT_SSH_KEY,       /* without a tag */
	IMPORT_PASSWORD,      /* a hash */
	IMPORT_NT_PASSWORD,   /* in hexadecimal */
	IMPORT_NT_HASH,       /* 16 octets */
	IMPORT_MEMBER,        /* a DN, or a name */
	IMPORT_UNIQUE_MEMBER, /* a DN, and maybe a bit string */
	IMPORT_MEMBER_UID,    /* a name */
	IMPORT_EXPIRE_DAYS,   /* since 1970 */
	IMPORT_EXPIRE_TIME,   /* GeneralizedTime */
	IMPORT_EXPIRE_TICKS,  /* of 100 ns, since 1601; Active Directory */
	IMPORT_LOCKED,        /* TRUE: expired for ever */
	IMPORT_LOCKED_SINCE,  /* 000001010000Z: expired for ever */
};

struct import_rule {
	const char *type;
	enum import_what what;
	uint32_t attr_number; /* IMPORT_AS */
};

/* By name in any case; NULL: unknown here. */
const struct import_rule *import_rule(struct idm_span type);

/* An object class that tells what its entry is; of several, the strongest does. */
struct import_class {
	const char *name;
	enum import_kind kind;
	int strength;
};

/* By name in any case; NULL: it tells nothing of that. */
const struct import_class *import_class(struct idm_span name);

#endif
