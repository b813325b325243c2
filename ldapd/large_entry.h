/*
 * An entry that is too large for one turn of a search: a group with very many members.  Its
 * encoding grows beside what a connection sends, some members a turn, each turn in the snapshot of
 * its time, and is sent when it is whole, for its length comes first.  One that changes meanwhile
 * is begun anew, so that what is sent is of one state of the entry.
 *
 * A connection makes one of them at a time: it holds no more memory than one answer may take.
 */
#ifndef LDAPD_LARGE_ENTRY_H
#define LDAPD_LARGE_ENTRY_H

#include "ldapd/request.h"
#include "ldapd/view.h"

enum { LARGE_ENTRY_VALUES = 256 /* members a turn */ };

struct large_entry {
	struct conn *conn; /* NULL: there is none */
	struct ber_writer out;
	struct ldap_entry_writer writer;
	struct view_progress progress;
	uint64_t id;
	uint64_t version;
	struct idm_attrset readable; /* of what is shown */
};

/*
 * Take over an entry of which a part was written.  False: the connection makes another one just
 * now; nothing was taken.
 */
bool large_entry_begin(struct large_entry *large, struct conn *conn,
    const struct ldap_entry_writer *writer, const struct view_progress *progress,
    const struct idm_entry *entry, const struct idm_attrset *readable);

/* Some members more.  IDM_BUSY: the entry, or what may be read of it, is no longer what it was. */
enum idm_result large_entry_go_on(struct large_entry *large, const struct request_read *read,
    const struct view *view, const struct view_selection *selection,
    const struct idm_attrset *shown, struct idm_error *err);

/* It is written as a whole: send it.  False: no message can hold it.  There is none afterwards. */
bool large_entry_end(struct large_entry *large);

/* There is none any more. */
void large_entry_drop(struct large_entry *large);

#endif
