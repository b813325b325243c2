/*
 * What an LDAP client writes and reads: requests from their parts as text, and answers as text to
 * compare with.  The decoder of requests and the encoder of answers are what is tested.
 */
#ifndef TESTS_SUPPORT_PDU_H
#define TESTS_SUPPORT_PDU_H

#include "ldapd/message.h"

enum {
	PDU_REQUESTS_BYTES = 64 * 1024 * 1024,
	ANSWER_TEXT_BYTES = 1024,
	ANSWER_ENTRY_BYTES = 2 * 1024 * 1024,
	ANSWER_VALUE_BYTES = 8192,
};

/* Requests one behind the other; the controls, if set, go with the next one alone. */
struct requests {
	struct ber_writer w;
	struct ldap_control control; /* oid.len 0: none */
	struct ldap_control other;   /* likewise */
};

void requests_init(struct requests *r);
void requests_free(struct requests *r);
/* Forget what was written. */
void requests_clear(struct requests *r);

struct search {
	const char *base;
	enum ldap_scope scope;
	const char *filter;     /* RFC 4515: &, |, !, equality, presence; NULL: (objectClass=*) */
	const char *attributes; /* a space between them; NULL: none named */
	int32_t size_limit;
	int32_t time_limit_s;
	bool types_only;
};

void request_bind(struct requests *r, int32_t id, const char *name, const char *password);
void request_bind_sasl(struct requests *r, int32_t id, const char *mechanism);
void request_unbind(struct requests *r, int32_t id);
void request_search(struct requests *r, int32_t id, const struct search *search);
void request_compare(
    struct requests *r, int32_t id, const char *dn, const char *attribute, const char *value);
void request_abandon(struct requests *r, int32_t id, int32_t other);
void request_delete(struct requests *r, int32_t id, const char *dn);
/* `superior` NULL: none. */
void request_rename(
    struct requests *r, int32_t id, const char *dn, const char *rdn, const char *superior);
/* Pairs of attribute and value, then NULL; one value an attribute. */
void request_add(struct requests *r, int32_t id, const char *dn, ...) __attribute__((sentinel));
/* The same, an attribute with '+', '-', '=' or '#' (increment) before it; a value "": none. */
void request_modify(struct requests *r, int32_t id, const char *dn, ...) __attribute__((sentinel));
/* `value` with ptr NULL: none. */
void request_extended(struct requests *r, int32_t id, const char *oid, struct idm_span value);

/* The value of one of our extended operations: a SEQUENCE of texts.  Borrows until the next. */
struct idm_span exop_strings(const char *const *texts, size_t count);

/* The value of an assertion control: a filter as in struct search.  Borrows until the next. */
struct idm_span filter_value(const char *text);

/* A response, a SearchResultEntry or a notice (id 0). */
struct answer {
	int32_t id;
	uint8_t tag;
	enum ldap_result_code code;
	char matched_dn[ANSWER_TEXT_BYTES];
	char text[ANSWER_TEXT_BYTES];   /* diagnosticMessage */
	char dn[ANSWER_TEXT_BYTES];     /* of an entry */
	char entry[ANSWER_ENTRY_BYTES]; /* of an entry: lines "type: value" */
	char oid[ANSWER_TEXT_BYTES];
	bool has_value; /* responseValue */
	uint8_t value[ANSWER_VALUE_BYTES];
	size_t value_len;
	char control[ANSWER_TEXT_BYTES]; /* OID of the response control, "" none */
	uint8_t control_value[1024];
	size_t control_value_len;
	char other[ANSWER_TEXT_BYTES]; /* the same of a second one */
	uint8_t other_value[1024];
	size_t other_value_len;
};

/* Decode one whole PDU, which fails the test if it is not one that a server sends. */
void answer_decode(struct idm_span pdu, struct answer *out);

/* Has the entry this line? */
bool answer_has(const struct answer *answer, const char *line);

/* The texts of an extended response's value: what its SEQUENCE holds, a "|" between, sequences
 * within written flat; in one of four buffers that take turns. */
const char *exop_fields(struct idm_span value);

#endif
