/*
 * LDAPMessage <-> structs (RFC 4511 section 4).  A decoded message borrows from the octets that it
 * was decoded from; its lists and its filter stand in an arena.  Nothing here does I/O or keeps
 * state.  Names are those of <ldap.h> where it has them, so no file may include both.
 */
#ifndef LDAPD_MESSAGE_H
#define LDAPD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/span.h"
#include "ldapd/ber.h"

/* RFC 4511 appendix A, and what extensions add. */
enum ldap_result_code {
	LDAP_SUCCESS = 0,
	LDAP_OPERATIONS_ERROR = 1,
	LDAP_PROTOCOL_ERROR = 2,
	LDAP_TIME_LIMIT_EXCEEDED = 3,
	LDAP_SIZE_LIMIT_EXCEEDED = 4,
	LDAP_COMPARE_FALSE = 5,
	LDAP_COMPARE_TRUE = 6,
	LDAP_AUTH_METHOD_NOT_SUPPORTED = 7,
	LDAP_STRONGER_AUTH_REQUIRED = 8,
	LDAP_REFERRAL = 10,
	LDAP_ADMIN_LIMIT_EXCEEDED = 11,
	LDAP_UNAVAILABLE_CRITICAL_EXTENSION = 12,
	LDAP_CONFIDENTIALITY_REQUIRED = 13,
	LDAP_SASL_BIND_IN_PROGRESS = 14,
	LDAP_NO_SUCH_ATTRIBUTE = 16,
	LDAP_UNDEFINED_ATTRIBUTE_TYPE = 17,
	LDAP_INAPPROPRIATE_MATCHING = 18,
	LDAP_CONSTRAINT_VIOLATION = 19,
	LDAP_ATTRIBUTE_OR_VALUE_EXISTS = 20,
	LDAP_INVALID_ATTRIBUTE_SYNTAX = 21,
	LDAP_NO_SUCH_OBJECT = 32,
	LDAP_ALIAS_PROBLEM = 33,
	LDAP_INVALID_DN_SYNTAX = 34,
	LDAP_ALIAS_DEREFERENCING_PROBLEM = 36,
	LDAP_INAPPROPRIATE_AUTHENTICATION = 48,
	LDAP_INVALID_CREDENTIALS = 49,
	LDAP_INSUFFICIENT_ACCESS_RIGHTS = 50,
	LDAP_BUSY = 51,
	LDAP_UNAVAILABLE = 52,
	LDAP_UNWILLING_TO_PERFORM = 53,
	LDAP_LOOP_DETECT = 54,
	LDAP_NAMING_VIOLATION = 64,
	LDAP_OBJECT_CLASS_VIOLATION = 65,
	LDAP_NOT_ALLOWED_ON_NON_LEAF = 66,
	LDAP_NOT_ALLOWED_ON_RDN = 67,
	LDAP_ENTRY_ALREADY_EXISTS = 68,
	LDAP_OBJECT_CLASS_MODS_PROHIBITED = 69,
	LDAP_AFFECTS_MULTIPLE_DSAS = 71,
	LDAP_OTHER = 80,
	LDAP_CANCELED = 118,               /* RFC 3909 */
	LDAP_NO_SUCH_OPERATION = 119,      /* RFC 3909 */
	LDAP_TOO_LATE = 120,               /* RFC 3909 */
	LDAP_CANNOT_CANCEL = 121,          /* RFC 3909 */
	LDAP_ASSERTION_FAILED = 122,       /* RFC 4528 */
	LDAP_AUTHORIZATION_DENIED = 123,   /* RFC 4370 */
	LDAP_SYNC_REFRESH_REQUIRED = 4096, /* RFC 4533 */
};

/* The operations that a client may ask for; the values are the tags of their protocolOp. */
enum ldap_op {
	LDAP_BIND_REQUEST = 0x60,
	LDAP_UNBIND_REQUEST = 0x42,
	LDAP_SEARCH_REQUEST = 0x63,
	LDAP_MODIFY_REQUEST = 0x66,
	LDAP_ADD_REQUEST = 0x68,
	LDAP_DELETE_REQUEST = 0x4a,
	LDAP_MODIFY_DN_REQUEST = 0x6c,
	LDAP_COMPARE_REQUEST = 0x6e,
	LDAP_ABANDON_REQUEST = 0x50,
	LDAP_EXTENDED_REQUEST = 0x77,
};

/* The tags of what a server sends. */
enum {
	LDAP_TAG_BIND_RESPONSE = 0x61,
	LDAP_TAG_SEARCH_ENTRY = 0x64,
	LDAP_TAG_SEARCH_DONE = 0x65,
	LDAP_TAG_MODIFY_RESPONSE = 0x67,
	LDAP_TAG_ADD_RESPONSE = 0x69,
	LDAP_TAG_DELETE_RESPONSE = 0x6b,
	LDAP_TAG_MODIFY_DN_RESPONSE = 0x6d,
	LDAP_TAG_COMPARE_RESPONSE = 0x6f,
	LDAP_TAG_EXTENDED_RESPONSE = 0x78,
	LDAP_TAG_INTERMEDIATE = 0x79,
};

/* The most that a message may hold, besides its size in all. */
struct ldap_limits {
	size_t filter_depth;     /* nodes on the way from the root to a leaf, both counted */
	size_t filter_nodes;     /* of the whole filter: a flat OR of hundreds is usual */
	size_t substring_pieces; /* initial, any and final of one item */
	size_t attributes_asked; /* in a search request */
	size_t attributes_sent;  /* in an add request, or modifications */
	size_t controls;
	size_t dn_bytes;          /* of a DN or a bind name */
	size_t description_bytes; /* of an attribute description, a matching rule or an OID */
	size_t assertion_bytes;   /* of a value to compare with */
};

/* What the documentation states as the defaults. */
extern const struct ldap_limits ldap_limits_default;

enum {
	LDAP_FILTER_DEPTH_MAX = 32, /* whatever the limits say */
	LDAP_MESSAGE_ID_MAX = INT32_MAX,
};

struct ldap_control {
	struct idm_span oid;
	bool critical;
	bool has_value;
	struct idm_span value;
};

enum ldap_auth {
	LDAP_AUTH_SIMPLE,
	LDAP_AUTH_SASL,
	LDAP_AUTH_UNKNOWN, /* another choice; to be answered with authMethodNotSupported too */
};

struct ldap_bind_request {
	struct idm_span name;
	enum ldap_auth auth;
	struct idm_span password;  /* LDAP_AUTH_SIMPLE */
	struct idm_span mechanism; /* LDAP_AUTH_SASL */
};

enum ldap_filter_kind {
	LDAP_FILTER_AND, /* without children: absolute True (RFC 4526) */
	LDAP_FILTER_OR,  /* without children: absolute False */
	LDAP_FILTER_NOT, /* one child */
	LDAP_FILTER_EQUALITY,
	LDAP_FILTER_SUBSTRINGS,
	LDAP_FILTER_GREATER_OR_EQUAL,
	LDAP_FILTER_LESS_OR_EQUAL,
	LDAP_FILTER_PRESENT,
	LDAP_FILTER_APPROX,
	LDAP_FILTER_EXTENSIBLE,
	LDAP_FILTER_UNKNOWN, /* a choice of later standards: Undefined (RFC 4511 section 4.5.1.7) */
};

struct ldap_filter {
	enum ldap_filter_kind kind;
	bool dn_attributes;         /* EXTENSIBLE: also the attributes of the DN */
	struct idm_span attribute;  /* description as sent; EXTENSIBLE: may be empty */
	struct idm_span value;      /* EQUALITY, GREATER, LESS, APPROX, EXTENSIBLE */
	struct idm_span rule;       /* EXTENSIBLE: matching rule, may be empty */
	struct idm_span initial;    /* SUBSTRINGS: ptr is NULL where there is none */
	struct idm_span final;      /* SUBSTRINGS: likewise */
	const struct idm_span *any; /* SUBSTRINGS: in their order */
	size_t any_count;
	struct ldap_filter *children; /* AND, OR, NOT: the first one */
	struct ldap_filter *next;     /* the next child of the same parent */
	size_t child_count;
};

enum ldap_scope {
	LDAP_SCOPE_BASE = 0,
	LDAP_SCOPE_ONE = 1,
	LDAP_SCOPE_SUB = 2,
};

struct ldap_search_request {
	struct idm_span base;
	enum ldap_scope scope;
	int deref;          /* 0 to 3; there are no aliases */
	int32_t size_limit; /* entries; 0: the server's own */
	int32_t time_limit_s;
	bool types_only;
	const struct ldap_filter *filter;
	const struct idm_span *attributes; /* empty: all user attributes */
	size_t attribute_count;
};

struct ldap_attribute {
	struct idm_span type;
	const struct idm_span *values;
	size_t value_count;
};

enum ldap_modify_kind {
	LDAP_MODIFY_ADD = 0,
	LDAP_MODIFY_DELETE = 1,
	LDAP_MODIFY_REPLACE = 2,
	LDAP_MODIFY_INCREMENT = 3, /* RFC 4525 */
};

struct ldap_modification {
	enum ldap_modify_kind kind;
	struct ldap_attribute attribute; /* may have no values */
};

struct ldap_modify_request {
	struct idm_span dn;
	const struct ldap_modification *changes;
	size_t change_count;
};

struct ldap_add_request {
	struct idm_span dn;
	const struct ldap_attribute *attributes; /* each has a value */
	size_t attribute_count;
};

struct ldap_modify_dn_request {
	struct idm_span dn;
	struct idm_span new_rdn;
	bool delete_old_rdn;
	bool has_new_superior;
	struct idm_span new_superior;
};

struct ldap_compare_request {
	struct idm_span dn;
	struct idm_span attribute;
	struct idm_span value;
};

struct ldap_extended_request {
	struct idm_span oid;
	bool has_value;
	struct idm_span value;
};

struct ldap_message {
	int32_t message_id; /* 1 or more */
	enum ldap_op op;
	union {
		struct ldap_bind_request bind;
		struct ldap_search_request search;
		struct ldap_modify_request modify;
		struct ldap_add_request add;
		struct idm_span delete_dn;
		struct ldap_modify_dn_request modify_dn;
		struct ldap_compare_request compare;
		int32_t abandon_id;
		struct ldap_extended_request extended;
	};
	const struct ldap_control *controls;
	size_t control_count;
	enum ldap_result_code refusal; /* with LDAP_DECODE_REFUSED: what to answer, */
	const char *refusal_text;      /* and why, for the client to see */
};

enum ldap_decode {
	LDAP_DECODE_OK,
	LDAP_DECODE_REFUSED, /* a limit, or what cannot be meant: answer `refusal`, read on */
	LDAP_DECODE_BAD,     /* a violation: disconnect with protocolError */
};

/*
 * Decode one request.
 *
 *   pdu      one whole LDAPMessage, as ber_frame found it
 *   limits   what it may hold; above that it is refused, not read on
 *   arena    for its lists and its filter; used up counts as a limit
 *   out      borrows from `pdu` and `arena`.  With LDAP_DECODE_REFUSED only message_id, op and the
 *            refusal are set; if the operation has no response (ldap_response_tag gives 0), there
 *            is nothing to answer
 *
 * Source: RFC 4511 sections 4.1.1 (LDAPMessage, and when to disconnect), 4.2 to 4.12.
 */
enum ldap_decode ldap_message_decode(struct idm_span pdu, const struct ldap_limits *limits,
    struct idm_arena *arena, struct ldap_message *out);

/* The tag of the response that ends an operation; 0 for unbind and abandon, which have none. */
uint8_t ldap_response_tag(enum ldap_op op);

/* For logs: "search". */
const char *ldap_op_name(enum ldap_op op);

/* For logs: "noSuchObject", as RFC 4511 writes it. */
const char *ldap_result_name(enum ldap_result_code code);

/* What a Password Modify request asks for (RFC 3062 section 2); each field may be absent. */
struct ldap_password_modify {
	bool has_user;
	bool has_old;
	bool has_new;
	struct idm_span user;
	struct idm_span old_password;
	struct idm_span new_password;
};

/*
 * Decode the requestValue of a Password Modify request (RFC 3062); `out` borrows from `value`.
 * A request without a value asks for nothing in particular; an empty value is a violation.
 * Returns false on any violation; the request is then answered with protocolError.
 */
bool ldap_password_modify_decode(struct idm_span value, struct ldap_password_modify *out);

/* The COMPONENTS OF LDAPResult; the spans may be empty. */
struct ldap_result {
	enum ldap_result_code code;
	struct idm_span matched_dn;
	struct idm_span text; /* diagnosticMessage: UTF-8, for people */
};

/*
 * Decode a Filter that is the value of a control.  *refusal is set with LDAP_DECODE_REFUSED, and
 * *out is NULL unless it is LDAP_DECODE_OK.
 */
enum ldap_decode ldap_filter_decode(struct idm_span value, const struct ldap_limits *limits,
    struct idm_arena *arena, const struct ldap_filter **out, struct ldap_result *refusal);

/* Controls that go with a response; count 0: none. */
struct ldap_controls {
	const struct ldap_control *list;
	size_t count;
};

/*
 * Each of these appends one whole message to `w`.  Returns false if the budget of `w` does not
 * hold it; `w` is then as before.
 */

/* Any response that is an LDAPResult alone; `tag` as ldap_response_tag gives it. */
bool ldap_result_encode(struct ber_writer *w, int32_t message_id, uint8_t tag,
    const struct ldap_result *result, struct ldap_controls controls);

/* An ExtendedResponse (RFC 4511 section 4.12). */
struct ldap_extended_response {
	struct ldap_result result;
	struct idm_span oid; /* responseName; empty: none */
	bool has_value;
	struct idm_span value;
};

bool ldap_extended_encode(struct ber_writer *w, int32_t message_id,
    const struct ldap_extended_response *response, struct ldap_controls controls);

/* The Notice of Disconnection (RFC 4511 section 4.4.1). */
bool ldap_disconnection_encode(struct ber_writer *w, enum ldap_result_code code, const char *text);

/* An IntermediateResponse (RFC 4511 section 4.13); an empty `oid`, a NULL value is left out. */
bool ldap_intermediate_encode(struct ber_writer *w, int32_t message_id, struct idm_span oid,
    struct idm_span value, struct ldap_controls controls);

/*
 * A SearchResultEntry as it is written (RFC 4511 section 4.5.2): begin, then for each attribute its
 * type and its values, then end.
 */
struct ldap_entry_writer {
	struct ber_writer *w;
	bool types_only;
	bool in_attribute; /* an attribute is open */
	bool has_value;    /* and was given a value */
	size_t message;    /* marks of the elements that are open */
	size_t op;
	size_t attributes;
	size_t attribute;
	size_t values;
};

/* Begin an entry; with `types_only` its values are counted and not written. */
void ldap_entry_begin(struct ldap_entry_writer *e, struct ber_writer *w, int32_t message_id,
    struct idm_span dn, bool types_only);

/* Begin an attribute, and end the one before.  One that is given no value is left out. */
void ldap_entry_attribute(struct ldap_entry_writer *e, struct idm_span type);

/* A value of the attribute. */
void ldap_entry_value(struct ldap_entry_writer *e, struct idm_span value);

/* A value that the caller fills in at once; NULL: nothing to fill in (types only, or failed). */
uint8_t *ldap_entry_value_room(struct ldap_entry_writer *e, size_t len);

/* End the entry.  Returns false if the budget did not hold it; the writer is as before begin. */
bool ldap_entry_end(struct ldap_entry_writer *e, struct ldap_controls controls);

/* Take back an entry that was begun: the writer is as before begin. */
void ldap_entry_cancel(struct ldap_entry_writer *e);

/*
 * What was written of an entry moves behind what is in `to`, and goes on there; its writer so far
 * is as before begin.
 */
void ldap_entry_move(struct ldap_entry_writer *e, struct ber_writer *to);

/* The responseValue of a Password Modify response that tells a generated password (RFC 3062). */
void ldap_password_modify_encode(struct ber_writer *w, struct idm_span generated);

#endif
