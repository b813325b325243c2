/*
 * What the filter of a dynamic group may go by (SPEC 2.1, 3.2): class, and attributes that no
 * account may write for itself; else whoever may write that could choose his groups.
 */
#include "core/evaluation.h"
#include "core/index.h"
#include "core/profile.h"

/* What an account writes by such a profile it may write for itself: it may be its own manager. */
static bool
is_about_oneself(const struct idm_profile *profile)
{
	return profile->target != IDM_TARGET_ANY;
}

/* As deep as the parser lets a filter be. */
static bool
names_class(const struct idm_filter *filter, const struct idm_words *classes)
{
	if (filter->kind == IDM_FILTER_EQUAL && filter->attr->number == IDM_ATTR_CLASS)
		return idm_words_have(classes, filter->norm);
	for (size_t i = 0; i < filter->child_count; i++) {
		if (names_class(&filter->children[i], classes))
			return true;
	}
	return false;
}

/* What the filter goes by and the profile lets accounts write for themselves; NULL: nothing. */
static const struct idm_attr *
find_self_written(const struct idm_schema *schema, const struct idm_filter *filter,
    const struct idm_profile *profile)
{
	struct idm_attrset used = { { 0 } };
	const struct idm_attr *attr;

	if (!is_about_oneself(profile))
		return NULL;
	if (names_class(filter, &profile->classes))
		return idm_schema_attr_number(schema, IDM_ATTR_CLASS);
	idm_filter_attributes(filter, &used);
	for (size_t i = 0; (attr = idm_schema_attr_at(schema, i)) != NULL; i++) {
		if (idm_attrset_has(&used, attr) && (idm_attrset_has(&profile->present, attr) ||
							idm_attrset_has(&profile->removed, attr)))
			return attr;
	}
	return NULL;
}

/* --- a filter that is written */

static enum idm_result
refuse_derived(struct idm_evaluation *e, const struct idm_filter *filter)
{
	const uint32_t derived = IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM | IDM_ATTR_EDGE |
				 IDM_ATTR_ROWS | IDM_ATTR_LOCAL | IDM_ATTR_WRITE_ONLY;
	struct idm_attrset used = { { 0 } };
	const struct idm_attr *attr;

	idm_filter_attributes(filter, &used);
	for (size_t i = 0; (attr = idm_schema_attr_at(e->read->schema, i)) != NULL; i++) {
		if (idm_attrset_has(&used, attr) && (attr->flags & derived) != 0)
			return idm_refuse(e->err, IDM_PROTECTED,
			    "dyngroup_filter can't go by %s, which is no value of the entry "
			    "itself: use class, or what no account may write for itself",
			    attr->name);
	}
	return IDM_OK;
}

static enum idm_result
refuse_self_written(struct idm_evaluation *e, const struct idm_filter *filter)
{
	const struct idm_access_table *table = *e->context->table;

	for (size_t i = 0; i < table->count; i++) {
		const struct idm_attr *attr =
		    find_self_written(e->read->schema, filter, &table->profiles[i]);

		if (attr != NULL)
			return idm_refuse(e->err, IDM_PROTECTED,
			    "dyngroup_filter can't go by %s, which accounts may write for "
			    "themselves (profile %s)",
			    attr->name, table->profiles[i].name);
	}
	return IDM_OK;
}

enum idm_result
idm_rules_dyngroup(struct idm_evaluation *e)
{
	struct idm_error why = { .text = "" };
	struct idm_filter filter;
	const struct idm_value *values;
	size_t count;
	enum idm_result result;

	values = idm_draft_values(e->draft, IDM_ATTR_DYNGROUP_FILTER, &count);
	if (count == 0 ||
	    (e->exists && e->request->operation != IDM_OP_REVIVE &&
		idm_entry_has_norm(&e->before, IDM_ATTR_DYNGROUP_FILTER, values[0].norm)))
		return IDM_OK;
	result = idm_filter_parse(e->read, values[0].stored, true, &filter, &why);
	if (result == IDM_INVALID)
		return idm_refuse(
		    e->err, IDM_CONSTRAINT, "dyngroup_filter can't be used: %s", why.text);
	if (result != IDM_OK)
		return idm_fail(e->err, result, "%s", why.text);
	result = refuse_derived(e, &filter);
	return result == IDM_OK ? refuse_self_written(e, &filter) : result;
}

/* --- a profile that is written */

/* Does the group go by something that the profile would let accounts write for themselves? */
static enum idm_result
check_group(struct idm_evaluation *e, const struct idm_profile *profile, uint64_t group_id)
{
	const struct idm_attr *attr;
	struct idm_filter filter;
	struct idm_entry group;
	struct idm_span text;
	enum idm_result result = idm_lookup_id(e->read, group_id, &group, e->err);

	if (result != IDM_OK || !idm_entry_is_live(&group))
		return result;
	text = idm_entry_text(&group, IDM_ATTR_DYNGROUP_FILTER);
	result = idm_filter_parse(e->read, text, false, &filter, NULL);
	if (result == IDM_INVALID)
		return IDM_OK; /* it holds nobody */
	if (result != IDM_OK)
		return idm_fail(e->err, result, "a dynamic group's filter can't be read");
	attr = find_self_written(e->read->schema, &filter, profile);
	if (attr != NULL)
		return idm_refuse(e->err, IDM_PROTECTED,
		    "the dynamic group %.*s goes by %s, so no profile may let accounts write that "
		    "for themselves",
		    IDM_SPAN_ARG(idm_entry_text(&group, IDM_ATTR_NAME)), attr->name);
	return IDM_OK;
}

enum idm_result
idm_rules_self_written(struct idm_evaluation *e, const struct idm_profile *profile)
{
	const struct idm_attr *class = idm_schema_attr_number(e->read->schema, IDM_ATTR_CLASS);
	uint64_t end;
	enum idm_result result;

	if (!is_about_oneself(profile))
		return IDM_OK;
	result = idm_index_window_end(e->read, &end, e->err);
	for (uint64_t no = 0; no < end && result == IDM_OK; no++) {
		struct idm_window window;

		idm_window_clear(&window);
		result =
		    idm_index_equal(e->read, class, IDM_SPAN_LIT("dyngroup"), no, &window, e->err);
		for (uint64_t id = no << IDM_WINDOW_BITS;
		     result == IDM_OK && (id = idm_window_next(&window, no, id)) != UINT64_MAX;
		     id++)
			result = check_group(e, profile, id);
	}
	return result;
}
