#include "core/refusal.h"

#include <stdio.h>

enum { RIGHT_BYTES = 128 };

/* The class that says what an entry is; empty: it has none. */
static struct idm_span
structural_class(const struct idm_read *read, const struct idm_entry *entry)
{
	struct idm_value_iter iter = idm_entry_values(entry, IDM_ATTR_CLASS);
	struct idm_value value;

	while (idm_value_next(&iter, &value)) {
		const struct idm_class *class = idm_schema_class(read->schema, value.norm);

		if (class != NULL && class->structural)
			return value.norm;
	}
	return IDM_SPAN_EMPTY;
}

static void
word_right(const struct idm_judged *judged, const struct idm_wish *wish, char out[RIGHT_BYTES])
{
	struct idm_span kind = structural_class(judged->read, judged->entry);

	switch (wish->kind) {
	case IDM_WISH_SEARCH: snprintf(out, RIGHT_BYTES, "read %s", wish->attr->name); break;
	case IDM_WISH_PRESENT: snprintf(out, RIGHT_BYTES, "write %s", wish->attr->name); break;
	case IDM_WISH_REMOVED: snprintf(out, RIGHT_BYTES, "remove %s", wish->attr->name); break;
	case IDM_WISH_CLASS:
		snprintf(out, RIGHT_BYTES, "change the class %.*s", IDM_SPAN_ARG(wish->class_name));
		break;
	case IDM_WISH_DELETE:
		snprintf(out, RIGHT_BYTES, "delete %.*s entries", IDM_SPAN_ARG(kind));
		break;
	case IDM_WISH_CREATE:
		snprintf(out, RIGHT_BYTES, "create %.*s entries%s%s", IDM_SPAN_ARG(kind),
		    wish->attr != NULL ? " with " : "", wish->attr != NULL ? wish->attr->name : "");
		break;
	}
}

/* A profile that would have granted the wish here: the caller's own `self` before any other. */
static enum idm_result
find_granting(struct idm_judged *judged, const struct idm_wish *wish,
    const struct idm_profile **out, struct idm_error *err)
{
	const struct idm_access_table *table = judged->access->table;

	*out = NULL;
	for (size_t i = 0; i < table->count; i++) {
		const struct idm_profile *profile = &table->profiles[i];
		enum idm_result result;
		bool applies;

		if (profile->receivers.count == 0 || !idm_profile_grants(profile, judged, wish) ||
		    (*out != NULL && profile->target != IDM_TARGET_SELF))
			continue;
		result = idm_profile_applies(judged, profile, &applies, err);
		if (result != IDM_OK)
			return result;
		if (applies)
			*out = profile;
		if (applies && profile->target == IDM_TARGET_SELF)
			return IDM_OK;
	}
	return IDM_OK;
}

static bool
is_the_servers(const struct idm_wish *wish)
{
	return wish->kind != IDM_WISH_SEARCH && wish->attr != NULL &&
	       (wish->attr->flags & (IDM_ATTR_SYSTEM | IDM_ATTR_COMPUTED)) != 0;
}

enum idm_result
idm_refuse_wish(struct idm_judged *judged, const struct idm_wish *wish, struct idm_error *err)
{
	const struct idm_profile *profile;
	struct idm_entry group;
	char right[RIGHT_BYTES];
	enum idm_result result;

	if (is_the_servers(wish))
		return idm_refuse(
		    err, IDM_DENIED, "nobody may write %s: the server keeps it", wish->attr->name);
	word_right(judged, wish, right);
	result = find_granting(judged, wish, &profile, err);
	if (result != IDM_OK)
		return result;
	if (profile == NULL)
		return idm_refuse(
		    err, IDM_DENIED, "needs the right to %s; no group grants it", right);
	result = idm_lookup_id(judged->read, profile->receivers.ids[0], &group, err);
	if (result != IDM_OK)
		return idm_refuse(err, IDM_DENIED, "needs the right to %s", right);
	return idm_refuse(err, IDM_DENIED, "needs the right to %s; %.*s grants it", right,
	    IDM_SPAN_ARG(idm_entry_text(&group, IDM_ATTR_NAME)));
}

enum idm_result
idm_refuse_read_only(const struct idm_access *access, struct idm_error *err)
{
	if (access->anonymous)
		return idm_refuse(err, IDM_DENIED, "anonymous may not write");
	switch (access->identity.kind) {
	case IDM_IDENTITY_UNIX_PASSWORD:
		return idm_refuse(err, IDM_DENIED,
		    "a bind with the unix password may only read; use the account's password");
	case IDM_IDENTITY_APPLICATION:
		return idm_refuse(err, IDM_DENIED,
		    "a bind with an application password may only read; use the account's "
		    "password");
	case IDM_IDENTITY_TOKEN:
		return idm_refuse(err, IDM_DENIED,
		    "this token is read-only: only one that was generated with --rw may write");
	case IDM_IDENTITY_PASSWORD:
	case IDM_IDENTITY_SESSION:
		return idm_refuse(err, IDM_DENIED,
		    "this session is read-only by now; `kanidm reauth` lets it write again");
	case IDM_IDENTITY_ANONYMOUS:
	case IDM_IDENTITY_INTERNAL: break;
	}
	return idm_fail(err, IDM_DENIED, "this identity may not write");
}
