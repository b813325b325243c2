#include "core/access.h"

#include "core/builtin.h"
#include "core/builtin_profiles.h"
#include "core/profile.h"
#include "core/refusal.h"

/* --- identities */

bool
idm_identity_may_write(const struct idm_identity *identity, struct idm_now now)
{
	switch (identity->kind) {
	case IDM_IDENTITY_INTERNAL: return true;
	case IDM_IDENTITY_ANONYMOUS:
	case IDM_IDENTITY_UNIX_PASSWORD:
	case IDM_IDENTITY_APPLICATION: return false;
	case IDM_IDENTITY_TOKEN:
		return identity->scope == IDM_SCOPE_READ_WRITE && now.at_s < identity->expire_s;
	case IDM_IDENTITY_PASSWORD:
	case IDM_IDENTITY_SESSION:
		return identity->scope == IDM_SCOPE_READ_WRITE && now.at_s < identity->expire_s &&
		       now.at_s < identity->privileged_until_s;
	}
	return false;
}

static bool
is_anonymous(const struct idm_identity *identity)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);

	return identity->kind == IDM_IDENTITY_ANONYMOUS ||
	       idm_uuid_equal(&identity->uuid, &anonymous);
}

/* --- which profiles an identity receives */

/* All that anonymous gets, and a unix password: three profiles, whatever they are called now, and
 * no other that takes such a name (SPEC 5.1, 8.4). */
static bool
is_for_everybody(const struct idm_profile *profile)
{
	return idm_builtin_profile_is(&profile->uuid, IDM_PROFILE_ALL_READ) ||
	       idm_builtin_profile_is(&profile->uuid, IDM_PROFILE_TREE_READ) ||
	       idm_builtin_profile_is(&profile->uuid, IDM_PROFILE_SELF_READ);
}

/* A profile without a receiver is the manager's, if it is one for `managed`. */
static bool
receives(const struct idm_access *access, const struct idm_profile *profile)
{
	if (access->restricted && !is_for_everybody(profile))
		return false;
	if (profile->receivers.count == 0)
		return profile->target == IDM_TARGET_MANAGED;
	return idm_ids_intersect(&profile->receivers, &access->memberof);
}

static void
hide(struct idm_attrset *set, const struct idm_attr *attr)
{
	set->bits[attr->slot / 64] &= ~(UINT64_C(1) << attr->slot % 64);
}

static void
attrset_or(struct idm_attrset *set, const struct idm_attrset *other)
{
	for (size_t i = 0; i < IDM_ATTRSET_WORDS; i++)
		set->bits[i] |= other->bits[i];
}

static void
attrset_and(struct idm_attrset *set, const struct idm_attrset *other)
{
	for (size_t i = 0; i < IDM_ATTRSET_WORDS; i++)
		set->bits[i] &= other->bits[i];
}

static enum idm_result
find_account(const struct idm_read *read, struct idm_access *access, struct idm_error *err)
{
	struct idm_uuid uuid = access->identity.uuid;
	struct idm_entry account;
	enum idm_result result;

	if (access->anonymous)
		uuid = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);
	access->identity.uuid = uuid;
	result = idm_lookup_uuid(read, &uuid, &account, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK)
		return result;
	if (!idm_entry_is_live(&account))
		return IDM_OK;
	access->account_id = account.id;
	return idm_closure_memberof(read, &account, &access->memberof, err);
}

/* The received profiles that ask whether an entry is HP, or the others. */
static void
collect(struct idm_access *access, bool asking)
{
	const struct idm_access_table *table = access->table;

	for (size_t i = 0; i < table->count; i++) {
		const struct idm_profile *profile = &table->profiles[i];

		if ((profile->hp != IDM_HP_ALSO) != asking || !receives(access, profile))
			continue;
		access->profiles[access->count++] = profile;
		attrset_or(&access->anywhere, &profile->search);
		if (profile->target != IDM_TARGET_SELF)
			attrset_or(&access->elsewhere, &profile->search);
	}
}

/* Those first that are cheap to judge: often what they grant is all that is wanted. */
static enum idm_result
collect_profiles(struct idm_access *access, struct idm_arena *arena, struct idm_error *err)
{
	const struct idm_access_table *table = access->table;

	access->profiles = idm_arena_array(arena, table->count, sizeof(const struct idm_profile *));
	if (access->profiles == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for an identity's profiles");
	if (access->account_id != 0) {
		collect(access, false);
		collect(access, true);
	}
	attrset_and(&access->anywhere, &access->mask);
	return IDM_OK;
}

enum idm_result
idm_access_resolve(const struct idm_read *read, const struct idm_access_table *table,
    const struct idm_identity *identity, struct idm_arena *arena, struct idm_access **out,
    struct idm_error *err)
{
	struct idm_read own = *read;
	struct idm_access *access = idm_arena_alloc(arena, sizeof(*access));
	enum idm_result result;

	if (access == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for an identity's rights");
	*out = access;
	own.arena = arena; /* the groups live as long as the rights do */
	access->table = table;
	access->identity = *identity;
	access->everything = identity->kind == IDM_IDENTITY_INTERNAL;
	memset(&access->mask, 0xff, sizeof(access->mask));
	if (access->everything) {
		access->anywhere = access->elsewhere = access->mask;
		return IDM_OK;
	}
	access->anonymous = is_anonymous(identity);
	access->restricted = access->anonymous || identity->kind == IDM_IDENTITY_UNIX_PASSWORD ||
			     identity->kind == IDM_IDENTITY_APPLICATION;
	if (access->restricted)
		hide(&access->mask, idm_schema_attr_number(read->schema, IDM_ATTR_RADIUS_SECRET));
	result = find_account(&own, access, err);
	return result == IDM_OK ? collect_profiles(access, arena, err) : result;
}

const struct idm_attrset *
idm_access_search_anywhere(const struct idm_access *access)
{
	return &access->anywhere;
}

const struct idm_attrset *
idm_access_search_elsewhere(const struct idm_access *access, uint64_t *own_id)
{
	*own_id = access->account_id;
	return &access->elsewhere;
}

/* --- whether a profile reaches an entry */

struct idm_judged
idm_judge(
    const struct idm_read *read, const struct idm_access *access, const struct idm_entry *entry)
{
	return (struct idm_judged){
		.read = read,
		.access = access,
		.entry = entry,
		.recycled = idm_entry_has_class(entry, "recycled"),
		.tombstone = idm_entry_has_class(entry, "tombstone"),
	};
}

static bool
is_self(const struct idm_judged *judged)
{
	return judged->access->account_id != 0 && judged->entry->id == judged->access->account_id;
}

/* entry_managed_by names the caller, or a group that the caller is memberof. */
static enum idm_result
is_managed(const struct idm_judged *judged, bool *out, struct idm_error *err)
{
	const struct idm_access *access = judged->access;
	struct idm_value value;
	struct idm_uuid uuid;
	struct idm_entry manager;
	enum idm_result result;

	*out = false;
	if (!idm_entry_first(judged->entry, IDM_ATTR_ENTRY_MANAGED_BY, &value) ||
	    !idm_uuid_load(value.norm, &uuid))
		return IDM_OK;
	result = idm_lookup_uuid(judged->read, &uuid, &manager, err);
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	*out = result == IDM_OK && idm_entry_is_live(&manager) &&
	       (manager.id == access->account_id || idm_ids_has(&access->memberof, manager.id));
	return result;
}

static enum idm_result
in_target(const struct idm_judged *judged, const struct idm_profile *profile, bool *out,
    struct idm_error *err)
{
	enum idm_truth truth;
	enum idm_result result = IDM_OK;

	*out = true;
	switch (profile->target) {
	case IDM_TARGET_ANY: break;
	case IDM_TARGET_SELF: *out = is_self(judged); break;
	case IDM_TARGET_MANAGED: result = is_managed(judged, out, err); break;
	}
	if (result != IDM_OK || !*out || !profile->filtered)
		return result;
	result = idm_filter_test(judged->read, &profile->filter, judged->entry, NULL, &truth, err);
	*out = result == IDM_OK && truth == IDM_TRUE;
	return result;
}

/* Found out once per entry, and only for a profile that asks. */
static enum idm_result
is_hp(struct idm_judged *judged, bool *out, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	if (!judged->hp_known)
		result = idm_closure_is_hp(judged->read, judged->entry, &judged->hp, err);
	judged->hp_known = result == IDM_OK;
	*out = judged->hp;
	return result;
}

enum idm_result
idm_profile_applies(
    struct idm_judged *judged, const struct idm_profile *profile, bool *out, struct idm_error *err)
{
	enum idm_result result;
	bool hp;

	*out = false;
	if ((judged->recycled && !profile->recycled) || (judged->tombstone && !profile->tombstone))
		return IDM_OK;
	result = in_target(judged, profile, out, err);
	if (result != IDM_OK || !*out || profile->hp == IDM_HP_ALSO)
		return result;
	result = is_hp(judged, &hp, err);
	*out = result == IDM_OK && hp == (profile->hp == IDM_HP_ONLY);
	return result;
}

/* --- search */

/*
 * Is the profile of no use, whether it applies or not?  Who sees nothing so far may see the entry
 * by any attribute; after that the wanted ones count alone.
 */
static bool
adds_nothing(const struct idm_attrset *granted, const struct idm_attrset *wanted,
    const struct idm_attrset *out)
{
	struct idm_attrset rest = *granted;

	if (wanted != NULL && !idm_attrset_is_empty(out))
		attrset_and(&rest, wanted);
	return idm_attrset_covers(out, &rest);
}

/* `wanted` NULL: all attributes. */
static enum idm_result
searchable(struct idm_judged *judged, const struct idm_attrset *wanted, struct idm_attrset *out,
    struct idm_error *err)
{
	const struct idm_access *access = judged->access;
	enum idm_result result = IDM_OK;

	memset(out, 0, sizeof(*out));
	if (access->everything) {
		*out = access->mask;
		return IDM_OK;
	}
	for (size_t i = 0; i < access->count && result == IDM_OK; i++) {
		const struct idm_profile *profile = access->profiles[i];
		struct idm_attrset granted = profile->search;
		bool applies;

		attrset_and(&granted, &access->mask);
		if (adds_nothing(&granted, wanted, out))
			continue;
		result = idm_profile_applies(judged, profile, &applies, err);
		if (result == IDM_OK && applies)
			attrset_or(out, &granted);
	}
	return result;
}

enum idm_result
idm_access_search_for(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, const struct idm_attrset *wanted, struct idm_attrset *out,
    struct idm_error *err)
{
	struct idm_judged judged = idm_judge(read, access, entry);

	return searchable(&judged, wanted, out, err);
}

enum idm_result
idm_access_search(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, struct idm_attrset *out, struct idm_error *err)
{
	return idm_access_search_for(read, access, entry, NULL, out, err);
}

/* --- what every kind of write asks first */

/* Who does not see the entry is told nothing of it; nor is anonymous (SPEC 5.6). */
static enum idm_result
require_sight(struct idm_judged *judged, struct idm_error *err)
{
	struct idm_attrset visible;
	enum idm_result result = searchable(judged, NULL, &visible, err);

	if (result != IDM_OK)
		return result;
	if (judged->access->anonymous || idm_attrset_is_empty(&visible))
		return idm_refuse(err, IDM_NOT_FOUND, "no matching entries");
	return IDM_OK;
}

static enum idm_result
require_write(const struct idm_judged *judged, struct idm_error *err)
{
	const struct idm_identity *identity = &judged->access->identity;

	if (!judged->access->anonymous && idm_identity_may_write(identity, judged->read->now))
		return IDM_OK;
	return idm_refuse_read_only(judged->access, err);
}

/* --- modify */

/* The rights that the received profiles add up to, for this entry and change. */
struct rights {
	struct idm_attrset present;
	struct idm_attrset removed;
	bool *classes; /* of the change's class values: granted */
};

static void
grant_classes(const struct idm_profile *profile, const struct idm_access_change *change,
    struct rights *rights)
{
	for (size_t i = 0; i < change->class_count; i++) {
		if (idm_words_have(&profile->classes, change->classes[i]))
			rights->classes[i] = true;
	}
}

static enum idm_result
add_up(struct idm_judged *judged, const struct idm_access_change *change, struct rights *rights,
    struct idm_error *err)
{
	const struct idm_access *access = judged->access;
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < access->count && result == IDM_OK; i++) {
		const struct idm_profile *profile = access->profiles[i];
		bool applies;

		result = idm_profile_applies(judged, profile, &applies, err);
		if (result != IDM_OK || !applies)
			continue;
		attrset_or(&rights->present, &profile->present);
		attrset_or(&rights->removed, &profile->removed);
		grant_classes(profile, change, rights);
	}
	return result;
}

/* The first attribute of `wanted` that is not granted; class has a list of its own. */
static const struct idm_attr *
first_missing(const struct idm_read *read, const struct idm_attrset *wanted,
    const struct idm_attrset *granted)
{
	const struct idm_attr *attr;

	for (size_t i = 0; (attr = idm_schema_attr_at(read->schema, i)) != NULL; i++) {
		if (attr->number != IDM_ATTR_CLASS && idm_attrset_has(wanted, attr) &&
		    !idm_attrset_has(granted, attr))
			return attr;
	}
	return NULL;
}

/* Nothing of the change may be left that no profile grants. */
static enum idm_result
require_rights(struct idm_judged *judged, const struct idm_access_change *change,
    const struct rights *rights, struct idm_error *err)
{
	struct idm_wish wish = { .kind = IDM_WISH_PRESENT };

	wish.attr = first_missing(judged->read, &change->present, &rights->present);
	if (wish.attr != NULL)
		return idm_refuse_wish(judged, &wish, err);
	wish.kind = IDM_WISH_REMOVED;
	wish.attr = first_missing(judged->read, &change->removed, &rights->removed);
	if (wish.attr != NULL)
		return idm_refuse_wish(judged, &wish, err);
	wish.kind = IDM_WISH_CLASS;
	for (size_t i = 0; i < change->class_count; i++) {
		wish.class_name = change->classes[i];
		if (!rights->classes[i])
			return idm_refuse_wish(judged, &wish, err);
	}
	return IDM_OK;
}

enum idm_result
idm_access_modify(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, const struct idm_access_change *change, struct idm_error *err)
{
	struct idm_judged judged = idm_judge(read, access, entry);
	struct rights rights = { 0 };
	enum idm_result result;

	if (access->everything)
		return IDM_OK;
	result = require_sight(&judged, err);
	if (result == IDM_OK)
		result = require_write(&judged, err);
	if (result != IDM_OK)
		return result;
	rights.classes = idm_arena_array(read->arena, change->class_count, sizeof(bool));
	if (rights.classes == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory to judge a change");
	result = add_up(&judged, change, &rights, err);
	return result == IDM_OK ? require_rights(&judged, change, &rights, err) : result;
}

/* --- create and delete */

static bool
covers_classes(const struct idm_profile *profile, const struct idm_entry *entry)
{
	struct idm_value_iter iter = idm_entry_values(entry, IDM_ATTR_CLASS);
	struct idm_value value;

	if (iter.left == 0)
		return false;
	while (idm_value_next(&iter, &value)) {
		if (!idm_words_have(&profile->create_classes, value.norm))
			return false;
	}
	return true;
}

/* The first attribute of a new entry that the profile does not cover; NULL: none. */
static const struct idm_attr *
first_uncovered(
    const struct idm_read *read, const struct idm_profile *profile, const struct idm_entry *entry)
{
	static const struct idm_attr unknown = { .name = "an unknown attribute" };

	for (uint32_t i = 0; i < entry->attr_count; i++) {
		const struct idm_attr *attr =
		    idm_schema_attr_number(read->schema, idm_entry_attr_at(entry, i));

		if (attr == NULL)
			return &unknown;
		if (attr->number == IDM_ATTR_CLASS ||
		    (attr->flags & (IDM_ATTR_SYSTEM | IDM_ATTR_COMPUTED)) != 0)
			continue;
		if (!idm_attrset_has(&profile->create, attr))
			return attr;
	}
	return NULL;
}

bool
idm_profile_grants(
    const struct idm_profile *profile, const struct idm_judged *judged, const struct idm_wish *wish)
{
	switch (wish->kind) {
	case IDM_WISH_SEARCH: return idm_attrset_has(&profile->search, wish->attr);
	case IDM_WISH_PRESENT: return idm_attrset_has(&profile->present, wish->attr);
	case IDM_WISH_REMOVED: return idm_attrset_has(&profile->removed, wish->attr);
	case IDM_WISH_CLASS: return idm_words_have(&profile->classes, wish->class_name);
	case IDM_WISH_DELETE: return profile->deletes;
	case IDM_WISH_CREATE:
		return covers_classes(profile, judged->entry) &&
		       first_uncovered(judged->read, profile, judged->entry) == NULL;
	}
	return false;
}

/* IDM_DENIED unless one received profile grants the whole wish. */
static enum idm_result
require_one(struct idm_judged *judged, struct idm_wish *wish, struct idm_error *err)
{
	const struct idm_access *access = judged->access;

	for (size_t i = 0; i < access->count; i++) {
		const struct idm_profile *profile = access->profiles[i];
		enum idm_result result;
		bool applies;

		if (wish->kind == IDM_WISH_CREATE ? !covers_classes(profile, judged->entry)
						  : !idm_profile_grants(profile, judged, wish))
			continue;
		result = idm_profile_applies(judged, profile, &applies, err);
		if (result != IDM_OK)
			return result;
		if (!applies)
			continue;
		if (wish->kind != IDM_WISH_CREATE)
			return IDM_OK;
		wish->attr = first_uncovered(judged->read, profile, judged->entry);
		if (wish->attr == NULL)
			return IDM_OK;
	}
	return idm_refuse_wish(judged, wish, err);
}

enum idm_result
idm_access_create(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, bool hp_after, struct idm_error *err)
{
	struct idm_judged judged = idm_judge(read, access, entry);
	struct idm_wish wish = { .kind = IDM_WISH_CREATE };
	enum idm_result result;

	if (access->everything)
		return IDM_OK;
	result = require_write(&judged, err);
	if (result != IDM_OK)
		return result;
	judged.hp = hp_after;
	judged.hp_known = true;
	return require_one(&judged, &wish, err);
}

enum idm_result
idm_access_delete(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, struct idm_error *err)
{
	struct idm_judged judged = idm_judge(read, access, entry);
	struct idm_wish wish = { .kind = IDM_WISH_DELETE };
	enum idm_result result;

	if (access->everything)
		return IDM_OK;
	result = require_sight(&judged, err);
	if (result == IDM_OK)
		result = require_write(&judged, err);
	return result == IDM_OK ? require_one(&judged, &wish, err) : result;
}

enum idm_result
idm_access_refuse_search(const struct idm_read *read, const struct idm_access *access,
    const struct idm_entry *entry, const struct idm_attr *attr, struct idm_error *err)
{
	struct idm_judged judged = idm_judge(read, access, entry);
	struct idm_wish wish = { .kind = IDM_WISH_SEARCH, .attr = attr };

	return idm_refuse_wish(&judged, &wish, err);
}
