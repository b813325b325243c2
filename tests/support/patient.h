/*
 * A database to damage: a realm with people, closed, and written back whole before each test; and
 * what the check says of it.
 *
 *   alice  person: two mail addresses, password and RADIUS secret, posix; in staff
 *   bob    person; manages staff
 *   robot  service account with an API token
 *   staff, everyone   groups; staff is in everyone
 *   unix   dynamic group of who is posix: alice
 *   gone   deleted
 * and a session of alice.
 */
#ifndef TESTS_SUPPORT_PATIENT_H
#define TESTS_SUPPORT_PATIENT_H

#include "core/environment.h"
#include "core/verify.h"
#include "tests/support/realm.h"

enum { PATIENT_FINDINGS_MAX = 64 };

struct patient {
	struct realm *realm; /* its store is closed */
	char identity[96];   /* paths */
	char local[96];
	uint8_t *identity_bytes; /* as they were made */
	size_t identity_len;
	uint8_t *local_bytes;
	size_t local_len;
	struct idm_environment *env; /* of patient_open */
	struct idm_txn txn;
	struct idm_read read;

	/* of patient_verify */
	struct idm_verify_totals totals;
	struct {
		enum idm_finding kind;
		char text[512];
	} findings[PATIENT_FINDINGS_MAX];
	size_t finding_count; /* that were told */
	uint64_t progress;    /* how often it was told */
	struct idm_error err;
};

/* For cmocka: *state is a struct patient. */
int patient_setup(void **state);
int patient_teardown(void **state);

/* Write the files back as they were made. */
void patient_heal(struct patient *p);

/* Begin a write transaction on identity.mdb or local.mdb that no rule watches; and commit it. */
void patient_open(struct patient *p);
void patient_open_local(struct patient *p);
void patient_close(struct patient *p);

/* The entry of a name within it, live or not. */
struct idm_entry patient_entry(struct patient *p, const char *name);

/* Verify both files, which nobody has open; the result is IDM_OK unless the test asks for it. */
enum idm_result patient_try_verify(struct patient *p, const char *identity_path);
void patient_verify(struct patient *p);

/* Was something of this kind found, with this in its text? */
bool patient_has(const struct patient *p, enum idm_finding kind, const char *part);

#endif
