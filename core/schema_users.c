#include "core/schema_users.h"

#include <stdio.h>

#include "core/filter.h"
#include "core/index.h"

/* --- names */

enum { NAMED = 3 };

static struct idm_span
name_of(const struct idm_entry *entry)
{
	static const uint32_t numbers[] = { IDM_ATTR_NAME, IDM_ATTR_ATTRIBUTETYPE_NAME,
		IDM_ATTR_CLASSTYPE_NAME, IDM_ATTR_OU, IDM_ATTR_DOMAIN_NAME };
	struct idm_span name = IDM_SPAN_EMPTY;

	for (size_t i = 0; name.len == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		name = idm_entry_text(entry, numbers[i]);
	return name;
}

/* Without the "and 12 more" that it may end in. */
static size_t
listed_len(const struct idm_named *named)
{
	const char *more = strstr(named->text, " and ");

	return more == NULL ? strlen(named->text) : (size_t)(more - named->text);
}

void
idm_named_add(struct idm_named *named, const struct idm_entry *entry)
{
	struct idm_span name = name_of(entry);
	char uuid[IDM_UUID_TEXT];
	size_t len = listed_len(named);

	named->count++;
	if (named->count > NAMED) {
		snprintf(named->text + len, sizeof(named->text) - len, " and %zu more",
		    named->count - NAMED);
		return;
	}
	if (name.len == 0) {
		idm_uuid_format(&entry->uuid, uuid);
		name = idm_span_cstr(uuid);
	}
	snprintf(named->text + len, sizeof(named->text) - len, "%s%.*s%s", len == 0 ? "" : ", ",
	    name.len < 40 ? (int)name.len : 40, (const char *)name.ptr,
	    idm_entry_is_live(entry) ? "" : " (recycled)");
}

/* --- holders */

/* Whom to visit, window by window. */
struct visiting {
	const struct idm_read *read;
	idm_schema_visit visit;
	void *context;
	struct idm_error *err;
};

static enum idm_result
or_class(struct visiting *v, struct idm_span class_name, uint64_t no, struct idm_window *window)
{
	return idm_index_equal(v->read, idm_schema_attr_number(v->read->schema, IDM_ATTR_CLASS),
	    class_name, no, window, v->err);
}

static enum idm_result
visit_window(struct visiting *v, const struct idm_window *window, uint64_t no)
{
	uint64_t id = idm_window_next(window, no, no << IDM_WINDOW_BITS);
	enum idm_result result = IDM_OK;

	while (id != UINT64_MAX && result == IDM_OK) {
		struct idm_arena_mark mark = idm_arena_mark(v->read->arena);
		struct idm_entry entry;

		result = idm_lookup_id(v->read, id, &entry, v->err);
		if (result == IDM_NOT_FOUND)
			return idm_fail(
			    v->err, IDM_CORRUPT, "the index names an entry that is gone");
		if (result == IDM_OK && !idm_entry_has_class(&entry, "tombstone"))
			result = v->visit(v->context, &entry, v->err);
		idm_arena_rewind(v->read->arena, mark);
		id = idm_window_next(window, no, id + 1);
	}
	return result;
}

enum idm_result
idm_schema_visit_class(const struct idm_read *read, struct idm_span class_name,
    idm_schema_visit visit, void *context, struct idm_error *err)
{
	struct visiting v = { read, visit, context, err };
	uint64_t end;
	enum idm_result result = idm_index_window_end(read, &end, err);

	for (uint64_t no = 0; result == IDM_OK && no < end; no++) {
		struct idm_window window;

		idm_window_clear(&window);
		result = or_class(&v, class_name, no, &window);
		if (result == IDM_OK)
			result = visit_window(&v, &window, no);
	}
	return result;
}

enum idm_result
idm_schema_visit_attr(const struct idm_read *read, const struct idm_schema *schema,
    const struct idm_attr *attr, idm_schema_visit visit, void *context, struct idm_error *err)
{
	struct visiting v = { read, visit, context, err };
	const struct idm_class *class;
	uint64_t end;
	enum idm_result result = idm_index_window_end(read, &end, err);

	for (uint64_t no = 0; result == IDM_OK && no < end; no++) {
		struct idm_window window;

		idm_window_clear(&window);
		for (size_t i = 0;
		     result == IDM_OK && (class = idm_schema_class_at(schema, i)) != NULL; i++) {
			if (idm_class_lists(class, attr))
				result = or_class(&v, idm_span_cstr(class->name), no, &window);
		}
		if (result == IDM_OK)
			result = visit_window(&v, &window, no);
	}
	return result;
}

/* --- mentions */

struct mentioning {
	const struct idm_read *read;
	const struct idm_attr *attr; /* NULL: a class is looked for */
	struct idm_span class_name;
	struct idm_named *out;
};

static bool
filter_names(const struct mentioning *m, const struct idm_filter *filter)
{
	if (m->attr != NULL && filter->attr != NULL && filter->attr->number == m->attr->number)
		return true;
	if (m->attr == NULL && filter->attr != NULL && filter->attr->number == IDM_ATTR_CLASS &&
	    filter->kind == IDM_FILTER_EQUAL && idm_span_equal(filter->norm, m->class_name))
		return true;
	for (size_t i = 0; i < filter->child_count; i++) {
		if (filter_names(m, &filter->children[i]))
			return true;
	}
	return false;
}

/* The filter in a value, behind the word that it may begin with. */
static enum idm_result
text_names(const struct mentioning *m, struct idm_span text, bool *out, struct idm_error *err)
{
	const uint8_t *start = text.len == 0 ? NULL : memchr(text.ptr, '(', text.len);
	struct idm_filter filter;
	enum idm_result result;

	*out = false;
	if (start == NULL)
		return IDM_OK;
	text = idm_span_of(start, text.len - (size_t)(start - text.ptr));
	result = idm_filter_parse(m->read, text, false, &filter, err);
	if (result == IDM_INVALID)
		return IDM_OK; /* it means nothing now */
	*out = result == IDM_OK && filter_names(m, &filter);
	return result;
}

/* Does a list of a profile hold the name? */
static bool
lists_name(const struct mentioning *m, const struct idm_entry *profile)
{
	static const uint32_t of_attrs[] = { IDM_ATTR_ACP_SEARCH, IDM_ATTR_ACP_MODIFY_PRESENT,
		IDM_ATTR_ACP_MODIFY_REMOVED, IDM_ATTR_ACP_CREATE_ATTR };
	static const uint32_t of_classes[] = { IDM_ATTR_ACP_MODIFY_CLASS,
		IDM_ATTR_ACP_CREATE_CLASS };

	for (size_t i = 0; m->attr != NULL && i < sizeof(of_attrs) / sizeof(of_attrs[0]); i++) {
		if (idm_entry_has_norm(profile, of_attrs[i], idm_span_cstr(m->attr->name)))
			return true;
	}
	for (size_t i = 0; m->attr == NULL && i < sizeof(of_classes) / sizeof(of_classes[0]); i++) {
		if (idm_entry_has_norm(profile, of_classes[i], m->class_name))
			return true;
	}
	return false;
}

static enum idm_result
visit_mention(void *context, const struct idm_entry *entry, struct idm_error *err)
{
	const struct mentioning *m = context;
	bool named = lists_name(m, entry);
	enum idm_result result = IDM_OK;

	if (!idm_entry_is_live(entry))
		return IDM_OK;
	if (!named)
		result = text_names(m, idm_entry_text(entry, IDM_ATTR_ACP_TARGET), &named, err);
	if (result == IDM_OK && !named)
		result =
		    text_names(m, idm_entry_text(entry, IDM_ATTR_DYNGROUP_FILTER), &named, err);
	if (result == IDM_OK && named)
		idm_named_add(m->out, entry);
	return result;
}

enum idm_result
idm_schema_find_mentions(const struct idm_read *read, const struct idm_attr *attr,
    struct idm_span class_name, struct idm_named *out, struct idm_error *err)
{
	struct mentioning m = { read, attr, class_name, out };
	enum idm_result result = idm_schema_visit_class(
	    read, IDM_SPAN_LIT("access_control_profile"), visit_mention, &m, err);

	if (result == IDM_OK)
		result =
		    idm_schema_visit_class(read, IDM_SPAN_LIT("dyngroup"), visit_mention, &m, err);
	return result;
}
