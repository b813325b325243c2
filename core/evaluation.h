/*
 * One request while it is decided: shared by the steps of idm_change_evaluate, each in a file of
 * its own (change_evaluate, change_member, change_recycle, rules).  Private to core.
 */
#ifndef CORE_EVALUATION_H
#define CORE_EVALUATION_H

#include "core/change.h"

/* A direct edge that comes or goes. */
struct idm_edge_change {
	struct idm_entry member;
	bool present;
};

struct idm_evaluation {
	const struct idm_read *read;
	const struct idm_change_context *context;
	const struct idm_identity *identity;
	const struct idm_request *request;
	const struct idm_access *access;
	struct idm_error *err;

	struct idm_uuid uuid; /* of the entry that the request is about */
	bool exists;
	struct idm_entry before; /* when it exists */
	struct idm_draft *draft; /* the entry after the change, without its edges */

	/* What the request touches, whatever the values were: what access is asked about. */
	struct idm_access_change change;
	struct idm_edge_change *edges; /* one a member */
	struct idm_ids edge_ids;       /* the members that `edges` speaks of */
	size_t edge_count;
	size_t edge_room;
	bool edges_cleared;    /* all members go before `edges` come */
	struct idm_ids raised; /* accounts whose tokens end because a group of theirs is HP now */

	/* change_secret: the password that a value of password_import is; attribute 0: none. */
	struct idm_request_secret import;

	/* change_recycle: what all items that refer to the entry share. */
	struct idm_value *own_uuid;
	struct idm_value *at;

	struct idm_change_set *set;
	size_t item_room;
};

/* A zeroed item at the end of the set, about `entry` (NULL: about the one that is made); NULL: the
 * arena is used up. */
struct idm_item *idm_evaluation_item(
    struct idm_evaluation *e, const struct idm_entry *entry, enum idm_item_kind kind);

/*
 * Is the entry as the request expects it?  Asked after access.  IDM_BUSY: at another version;
 * IDM_ASSERTION: its assertion is not TRUE.
 */
enum idm_result idm_evaluation_check_base(const struct idm_evaluation *e);

/* Does the draft hold to the schema? */
enum idm_result idm_evaluation_check_schema(const struct idm_evaluation *e);

/* Text of a REFERENCE value -> the live entry that it names.  IDM_CONSTRAINT names the value. */
enum idm_result idm_evaluation_resolve(struct idm_evaluation *e, const struct idm_attr *attr,
    struct idm_span text, struct idm_entry *out);

/* change_member: one modification of `member`, whether the entry takes any, and what they bring. */
enum idm_result idm_evaluate_member(struct idm_evaluation *e, const struct idm_request_mod *mod);
enum idm_result idm_rules_members(struct idm_evaluation *e);
/* The item may take its entry out of a dynamic group, or others, when it is about such a group. */
enum idm_result idm_evaluate_dynamic(struct idm_evaluation *e, struct idm_item *item);
enum idm_result idm_evaluate_edges(struct idm_evaluation *e, struct idm_item *item);
/* Is the group high privilege, itself or by the groups above it, as things stand? */
enum idm_result idm_evaluation_is_hp(
    struct idm_evaluation *e, const struct idm_entry *group, bool *out);
/* `member` comes into a group that is: what that ends, and whether it may. */
enum idm_result idm_evaluation_raise(struct idm_evaluation *e, const struct idm_entry *member);

/*
 * The item of the entry that the request is about: the difference of draft and entry, secrets too.
 * Flags, claims and edges are the caller's; there is room for four more mods.
 */
enum idm_result idm_evaluation_draft_item(
    struct idm_evaluation *e, enum idm_item_kind kind, struct idm_item **out);

/* All API tokens of `account` are removed by `item`. */
enum idm_result idm_evaluation_end_tokens(
    struct idm_evaluation *e, const struct idm_uuid *account, struct idm_item *item);

/*
 * change_secret: a secret that the request sets or removes, and the hash of a password that it
 * imports (SPEC 6.3), in the draft and for access; then all of them in the item, sealed.
 */
enum idm_result idm_evaluate_secret(
    struct idm_evaluation *e, const struct idm_request_secret *secret);
enum idm_result idm_evaluate_import(struct idm_evaluation *e, const struct idm_request_mod *mod);
enum idm_result idm_evaluate_secrets(struct idm_evaluation *e, struct idm_item *item);
/* The secrets of a request, the imported one last; NULL: there are no more. */
const struct idm_request_secret *idm_evaluation_secret(const struct idm_evaluation *e, size_t i);

/* change_token: what the request's token asks of access; whether it may come or go; and its row in
 * the item. */
void idm_evaluate_token_access(struct idm_evaluation *e);
enum idm_result idm_rules_token(struct idm_evaluation *e);
enum idm_result idm_evaluate_token(struct idm_evaluation *e, struct idm_item *item);

/* change_recycle: a whole IDM_OP_DELETE, access included. */
enum idm_result idm_evaluate_recycle(struct idm_evaluation *e);
/* Let `entry` refer to the one that the request is about, or no longer. */
enum idm_result idm_evaluation_reference(
    struct idm_evaluation *e, const struct idm_entry *entry, uint32_t attr_number, bool present);

/* change_revive: a whole IDM_OP_REVIVE, and what becomes of who is not revived. */
enum idm_result idm_evaluate_revive(struct idm_evaluation *e);
enum idm_result idm_evaluate_tombstone(struct idm_evaluation *e);
enum idm_result idm_evaluate_purge(struct idm_evaluation *e);

/* rules: what the finished draft must hold to, its claims included (SPEC 2.3-2.5, 4). */
enum idm_result idm_rules_check(struct idm_evaluation *e);
enum idm_result idm_rules_claims(struct idm_evaluation *e, struct idm_item *item);

/* rules_profile: a profile that is written, and whoever receives one once the change is done. */
struct idm_profile;
enum idm_result idm_rules_profile(struct idm_evaluation *e);
enum idm_result idm_rules_receivers(struct idm_evaluation *e);

/* rules_posix: a gid number in its range; one that is missing is made from the uuid (SPEC 2.1). */
enum idm_result idm_rules_posix(struct idm_evaluation *e);

/* rules_policy: bounds of account policy. */
enum idm_result idm_rules_policy(struct idm_evaluation *e);

/* rules_dyngroup: a dynamic group's filter, and a profile that lets accounts write their own
 * entries, against what such filters go by. */
enum idm_result idm_rules_dyngroup(struct idm_evaluation *e);
enum idm_result idm_rules_self_written(struct idm_evaluation *e, const struct idm_profile *profile);

/* rules_domain: under another domain no spn is a mail address of somebody else. */
enum idm_result idm_rules_domain(struct idm_evaluation *e);

/* rules_schema: an attribute or a class that is made or changed, and one that is to be deleted. */
enum idm_result idm_rules_schema(struct idm_evaluation *e);
enum idm_result idm_rules_schema_goes(struct idm_evaluation *e);
/* Does a service account become a person?  Its credentials and tokens end (SPEC 5.4). */
bool idm_rules_becomes_person(const struct idm_evaluation *e);

/* The same for an entry that comes back: its names may be another's by now; it takes them all. */
enum idm_result idm_rules_check_revived(struct idm_evaluation *e);
enum idm_result idm_rules_take(struct idm_evaluation *e, struct idm_item *item);

/* All claims of an entry as it stands are released by `item`. */
enum idm_result idm_rules_release(
    struct idm_evaluation *e, const struct idm_entry *entry, struct idm_item *item);

/*
 * change_revoke: does somebody have to go (CHANGES 21)?  `before`: the item's entry as it was; NULL
 * where there was none, or where the item changes no more than who refers to whom.
 */
bool idm_change_revokes(
    const struct idm_change_set *set, const struct idm_entry *before, const struct idm_item *item);

/* What other parts of an item have to hear of it: flags, from the entry before and the draft after.
 */
uint32_t idm_rules_flags(const struct idm_evaluation *e);

#endif
