/* The requests that the bench's client sends: one LDAPMessage each (RFC 4511 section 4.1.1). */
#ifndef TESTS_BENCH_REQUESTS_H
#define TESTS_BENCH_REQUESTS_H

#include "ldapd/ber.h"

enum { UUID_TEXT_BYTES = 37 };

/* Of whom the requests speak. */
struct asking {
	uint32_t persons;
	const char *suffix;
	const char *bind_name;
	const char *password;
	char (*uuids)[UUID_TEXT_BYTES]; /* some persons' entryUUID */
	uint32_t uuid_count;
	uint64_t salt; /* another at each run, so that a write changes something */
};

struct operation {
	const char *name;
	void (*put)(struct ber_writer *w, const struct asking *a, uint32_t turn);
	uint32_t least; /* entries that the answer must hold */
	uint8_t done;   /* tag of the response that ends it */
};

/* By name; NULL: there is none. */
const struct operation *operation_find(const char *name);

/* One message; what it asks for depends on `turn`. */
void operation_put(struct ber_writer *w, const struct operation *op, const struct asking *a,
    int32_t message_id, uint32_t turn);

/* (uid=...) for the entryUUID of the `turn`th person whom a search by uuid will name. */
void put_uuid_question(struct ber_writer *w, const struct asking *a, uint32_t turn);

#endif
