/*
 * Messages between a worker and the core process: a stream of frames over a socketpair, each a
 * length (u32, big endian, of what follows), a type octet and fields: integers big endian, octets
 * with a u32 length before them.  One decoder per type, bounds-checked; a frame that does not
 * decode ends the peer: a worker is ended by the core process, the core process by the supervisor.
 */
#ifndef LDAPD_IPC_H
#define LDAPD_IPC_H

#include "core/access.h"
#include "ldapd/counts.h"
#include "ldapd/message.h"

enum {
	IPC_FRAME_MAX = 1024 * 1024,
	IPC_SOURCE_MAX = 64,
};

enum ipc_type {
	IPC_BIND = 1,      /* worker -> core: struct ipc_bind */
	IPC_OPERATION = 2, /* worker -> core: struct ipc_operation */
	IPC_RELEASE = 3, /* worker -> core: a handle that is no longer used (struct ipc_release) */
	IPC_BOUND = 4,   /* core -> worker: struct ipc_bound, the answer to IPC_BIND */
	IPC_DONE = 5,    /* core -> worker: struct ipc_done, the answer to IPC_OPERATION */
	IPC_REVOKED = 6, /* core -> worker: struct ipc_revoked, check the account's connections */
	IPC_COUNTS = 7,  /* worker -> core: struct counts, when they have changed */
};

/* Which of an account's connections are over. */
enum ipc_revoke {
	IPC_REVOKE_UNFIT = 0,   /* those that a check on a new snapshot does not let go on */
	IPC_REVOKE_SESSION = 1, /* those bound by one session */
	IPC_REVOKE_ALL = 2,
	IPC_REVOKE_RISEN = 3, /* of any account: those that it had before it was high privilege */
};

/* A simple bind that is not anonymous.  The core process wipes the password's frame. */
struct ipc_bind {
	uint64_t seq;           /* the worker's own number; the answer carries it */
	struct idm_span source; /* "192.0.2.7", "2001:db8::1", "ldapi" */
	struct idm_span name;
	struct idm_span password;
};

/* An add, modify, delete, modifyDN or extended request, as it was received and decoded once; or a
 * search or comparison of what the core process alone knows. */
struct ipc_operation {
	uint64_t seq;
	uint64_t handle; /* the identity; 0: anonymous */
	struct idm_span source;
	struct idm_span pdu; /* the whole LDAPMessage */
};

struct ipc_release {
	uint64_t handle;
};

struct ipc_bound {
	uint64_t seq;
	enum ldap_result_code code;
	struct idm_span text;   /* diagnosticMessage, mostly empty */
	struct idm_span reason; /* for the worker's log alone */
	uint64_t handle;        /* success: never 0, but for anonymous */
	struct idm_identity identity;
};

struct ipc_done {
	uint64_t seq;
	enum ldap_result_code code;
	struct idm_span text;
	struct idm_span oid; /* responseName; empty: none */
	bool has_value;
	struct idm_span value; /* responseValue; of a search, all messages of its answer */
	/* The identity behind the handle changed (re-authentication): take it over. */
	bool has_identity;
	struct idm_identity identity;
	/* Entries that were read with a change (RFC 4527); empty: none. */
	struct idm_span pre_read;
	struct idm_span post_read;
};

struct ipc_revoked {
	struct idm_uuid account;
	enum ipc_revoke what;
	struct idm_uuid session; /* with IPC_REVOKE_SESSION */
};

struct ipc_frame {
	enum ipc_type type;
	union {
		struct ipc_bind bind;
		struct ipc_operation operation;
		struct ipc_release release;
		struct ipc_bound bound;
		struct ipc_done done;
		struct ipc_revoked revoked;
		struct counts counts;
	};
};

/* Octets of the frame that begins at `data`, its length field included; 0: not all there yet;
 * SIZE_MAX: longer than IPC_FRAME_MAX. */
size_t ipc_frame_length(const uint8_t *data, size_t len);

/* Decode one whole frame; `out` borrows from it.  False: not a frame. */
bool ipc_decode(struct idm_span frame, struct ipc_frame *out);

/* Octets of frames, in a block that grows (malloc) and is wiped wherever it is left behind. */
struct ipc_buffer {
	uint8_t *data;
	size_t len;
	size_t room;
};

/* Append a frame; false: out of memory or too large. */
bool ipc_encode(struct ipc_buffer *out, const struct ipc_frame *frame);

/* Make room for so many octets behind those that are there; false: out of memory. */
bool ipc_buffer_reserve(struct ipc_buffer *buffer, size_t bytes);
void ipc_buffer_free(struct ipc_buffer *buffer); /* wipes */

#endif
