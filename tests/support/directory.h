/*
 * A realm with people in it, seen as LDAP clients see it: views of the newest snapshot, and filters
 * from their text.
 *
 *   anna    person: displayname "Anna Apfel", legalname "Anna Maria Apfel", two mail addresses,
 *           posix with gid 70001, an SSH key "laptop"; in staff
 *   ben     person: displayname "Ben Birne", expires a day from now; in no group
 *   carl    person: displayname "Carl", not valid before an hour from now
 *   robot   service account
 *   staff, everyone    groups; staff is in everyone; staff is posix with gid 70002
 */
#ifndef TESTS_SUPPORT_DIRECTORY_H
#define TESTS_SUPPORT_DIRECTORY_H

#include "ldapd/view.h"
#include "tests/support/realm.h"

#define DIRECTORY_SUFFIX "dc=idm,dc=example,dc=com"
#define DIRECTORY_KEY                                                                              \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

struct directory {
	struct realm *realm;
	struct tree *tree;
	struct view view;
	const struct idm_access *access;
	struct idm_access_table *table;
	struct idm_error err;
};

/* Make these people in a realm that is new. */
void directory_fill(struct realm *r);

/* For cmocka: *state is a struct directory. */
int directory_setup(void **state);
int directory_teardown(void **state);

/* Look at the newest snapshot as `actor` (a name; NULL: as the console, which may read all). */
void directory_look(struct directory *d, const char *actor);

/* The entry of a name in that snapshot, and what may be read of it. */
struct idm_entry directory_entry(struct directory *d, const char *name);
struct idm_attrset directory_readable(struct directory *d, const struct idm_entry *entry);

/* The values of an attribute, "|" between them; "" none.  One of eight buffers that take turns. */
const char *directory_values(struct directory *d, const char *name, const char *attribute);

/* The text of a filter (RFC 4515) as the decoder would give it; lives until the next look. */
const struct ldap_filter *directory_filter(struct directory *d, const char *text);

/* The names of all entries that match and may be seen, sorted, "|" between them. */
const char *directory_search(struct directory *d, const char *filter);

#endif
