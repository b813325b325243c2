/*
 * What the FreeRADIUS module tells the core process of a login or a session: one datagram on a
 * local socket (DESIGN 7), which is sent without waiting and may be lost.  Here are its one encoder
 * and its one bounds-checked decoder (a fuzz target).
 *
 * version (u8), kind (u8), the account's uuid (null: not known), then six texts, each octets behind
 * a u32 length.  Integers are big endian.
 */
#ifndef CORE_RADIUS_REPORT_H
#define CORE_RADIUS_REPORT_H

#include "core/uuid.h"

/* The socket, in the directory of radius.keys: FreeRADIUS and the core process alone reach it. */
#define IDM_REPORT_SOCKET "radius.socket"

enum {
	IDM_REPORT_VERSION = 1,
	IDM_REPORT_MAX = 1024, /* octets of a datagram */
	IDM_REPORT_NAME_MAX = 320,
	IDM_REPORT_REASON_MAX = 320,
	IDM_REPORT_SHORT_MAX = 64, /* octets of each other text; what is longer is cut */
};

enum idm_report_kind {
	IDM_REPORT_ACCEPTED = 1, /* an Access-Accept */
	IDM_REPORT_REFUSED = 2,  /* an Access-Reject */
	IDM_REPORT_FAILED = 3,   /* no answer: the core could not be read */
	IDM_REPORT_STARTED = 4,  /* accounting: a session began, */
	IDM_REPORT_STOPPED = 5,  /* and ended */
};

/* Spans borrow; an empty text: it is not known. */
struct idm_report {
	enum idm_report_kind kind;
	struct idm_uuid account;
	struct idm_span name;    /* as it was typed; of who was let in: the spn */
	struct idm_span reason;  /* why; of who was let in: how */
	struct idm_span nas;     /* its address */
	struct idm_span port;    /* of the NAS: NAS-Port-Id, or the number of NAS-Port */
	struct idm_span session; /* Acct-Session-Id */
	struct idm_span station; /* Calling-Station-Id */
};

/* The length; texts that are too long are cut. */
size_t idm_report_encode(const struct idm_report *report, uint8_t out[IDM_REPORT_MAX]);

/* False: no such datagram.  `out` borrows from it. */
bool idm_report_decode(struct idm_span datagram, struct idm_report *out);

#endif
