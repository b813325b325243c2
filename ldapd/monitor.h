/*
 * cn=monitor: what the server tells of itself, as entries (SPEC 11.4).  Each metric has its own,
 * cn=LEAF,cn=GROUP,cn=monitor, in the manner of OpenLDAP's.
 *
 * Who may search domain_uuid of the domain's entry may read it: by the built-in profile `domain`
 * the members of domain_admins, and whom a profile of one's own gives that.  For nobody else is it
 * there.
 */
#ifndef LDAPD_MONITOR_H
#define LDAPD_MONITOR_H

#include "ldapd/made_entry.h"
#include "ldapd/metrics.h"

#define MONITOR_DN "cn=monitor"

/* Is this the DN of cn=monitor, or of what is below it? */
bool monitor_is_at(struct idm_span dn, struct idm_arena *arena);

/* `access` may be NULL: nobody's. */
enum idm_result monitor_may_read(
    const struct idm_read *read, const struct idm_access *access, bool *out, struct idm_error *err);

/* The entries that show some samples, in their order; a walk from the first: {samples, arena}. */
struct monitor_walk {
	const struct metric_samples *samples;
	struct idm_arena *arena; /* for what is made */
	size_t next;             /* sample */
	size_t number;           /* of entries that were given */
	bool group_given;        /* the entry of the next sample's group */
};

/* The next entry, made anew in `out`; false: that was the last.  out->failed: no memory. */
bool monitor_next(struct monitor_walk *walk, struct made_entry *out);

/*
 * The whole answer to a search below cn=monitor, or its result, written to `out`; the code, for who
 * counts.  Rights were looked at before.  `most`: entries that the server gives.
 */
enum ldap_result_code monitor_search(const struct ldap_message *message,
    const struct metric_samples *samples, uint32_t most, struct idm_arena *arena,
    struct ber_writer *out);

/* What a comparison comes to. */
enum ldap_result_code monitor_compare(const struct ldap_compare_request *compare,
    const struct metric_samples *samples, struct idm_arena *arena);

#endif
