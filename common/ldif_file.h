/*
 * LDIF files (RFC 2849): entries as slapcat, ldapsearch and others write them.  Records, folded
 * lines and their numbers are found here; a line is taken apart by libldap (ldif.h).  Nothing but
 * the file itself is read: `include:` and values by URL are faults.
 */
#ifndef COMMON_LDIF_FILE_H
#define COMMON_LDIF_FILE_H

#include "core/result.h"
#include "core/span.h"

enum {
	LDIF_RECORD_MAX_BYTES = 256 * 1024 * 1024,
	LDIF_TYPE_MAX_BYTES = 128,
};

struct ldif_file;

/* `type` and `options` of `cn;lang-en` are "cn" and "lang-en". */
struct ldif_line {
	uint64_t number; /* of the first physical line, from 1 */
	struct idm_span type;
	struct idm_span options; /* empty: none */
	struct idm_span value;
	const char *fault; /* NULL: none.  Else what is wrong, and nothing else is set. */
};

/* Borrows from the reader, until the next call.  One line at least. */
struct ldif_record {
	const struct ldif_line *lines;
	size_t count;
};

/* IDM_SYSTEM: the text names file and errno.  Nothing but regular files, which can be read twice.
 */
enum idm_result ldif_file_open(const char *path, struct ldif_file **out, struct idm_error *err);
void ldif_file_close(struct ldif_file **ldif);

/*
 * The next record.  A line with a fault is one of its lines; a first line `version: 1` is none.
 * IDM_NOT_FOUND: there are no more.  IDM_LIMIT: a record above LDIF_RECORD_MAX_BYTES.
 */
enum idm_result ldif_file_next(
    struct ldif_file *ldif, struct ldif_record *out, struct idm_error *err);

/* Begin again at the first record. */
enum idm_result ldif_file_rewind(struct ldif_file *ldif, struct idm_error *err);

/* How far it has come, and how far that will be, in octets. */
uint64_t ldif_file_position(const struct ldif_file *ldif);
uint64_t ldif_file_size(const struct ldif_file *ldif);

#endif
