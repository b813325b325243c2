/*
 * Whether a database is what it must be (SPEC 11.2): its pages, every record's checksum, and what
 * the records say of one another, in both directions.  Reading alone, in a child process, so that
 * no damage harms the caller; a writer may be at work meanwhile.
 */
#ifndef CORE_VERIFY_H
#define CORE_VERIFY_H

#include "core/change_digest.h"
#include "core/seal.h"

enum idm_finding {
	IDM_FINDING_FILE,      /* cut off, or the check of it died */
	IDM_FINDING_PAGE,      /* LMDB's pages: then nothing else is looked at */
	IDM_FINDING_RECORD,    /* a checksum, or a key that is none */
	IDM_FINDING_META,      /* domain, counters, well-known ids */
	IDM_FINDING_ENTRY,     /* layout, schema, a value that is not in its normal form, uuid */
	IDM_FINDING_CLAIM,     /* a unique value without its claim, or a claim without its value */
	IDM_FINDING_EDGE,      /* a membership of one direction alone, or of what is no group */
	IDM_FINDING_REFERENCE, /* to an entry that is not there */
	IDM_FINDING_SECRET,    /* does not unseal; without its marker, or a marker without it */
	IDM_FINDING_TOKEN,
	IDM_FINDING_CHANGE, /* change sets and requests */
	IDM_FINDING_DIGEST,
	IDM_FINDING_INDEX, /* a row that lacks ids, or has too many, or is too much */
	IDM_FINDING_LOCAL, /* local.mdb: sessions */
	IDM_FINDING_AUDIT, /* the chain of the audit trail */
};

/* "page", "claim", ... */
const char *idm_finding_name(enum idm_finding kind);

struct idm_verify {
	const char *identity_path;
	const char *local_path; /* NULL: it is not looked at */
	bool beside; /* a writer may be at work, and we are of its user; else: nobody writes */
	const struct idm_keyring *password_ring; /* NULL: no seal of these is tried */
	const struct idm_keyring *radius_ring;
	uint64_t most; /* findings that are told; all are counted */
	void (*finding)(void *ctx, enum idm_finding kind, const char *text);
	/* NULL: not told.  `what` is being looked at, `done` of `total`. */
	void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
	void *ctx;
};

struct idm_verify_totals {
	uint64_t findings;
	uint64_t pages;
	uint64_t entries;
	uint64_t edges;
	uint64_t index_rows;
	uint64_t secrets;
	uint64_t untried; /* secrets whose seal no key ring was given for */
	uint64_t no;      /* of the last change */
	int64_t at_s;     /* and its time */
	char domain[IDM_DOMAIN_MAX];
	uint8_t digest[IDM_DIGEST_BYTES];
};

/*
 * Look at everything.  IDM_OK: it was looked at, and totals->findings says how much is wrong.
 * IDM_INVALID: of another format, or of another program; IDM_SYSTEM: it can't be opened.  In a
 * process of one thread that has none of these files open.
 */
enum idm_result idm_verify(
    const struct idm_verify *ask, struct idm_verify_totals *totals, struct idm_error *err);

#endif
