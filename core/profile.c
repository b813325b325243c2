#include "core/profile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/builtin_profiles.h"
#include "core/index.h"

enum { TABLE_BUDGET_BYTES = 16 * 1024 * 1024 };

bool
idm_words_have(const struct idm_words *words, struct idm_span word)
{
	for (size_t i = 0; i < words->count; i++) {
		if (idm_span_equal(words->words[i], word))
			return true;
	}
	return false;
}

/* Keep the first complaint, count the others. */
static void __attribute__((format(printf, 3, 4)))
complain(struct idm_access_table *table, const char *profile, const char *fmt, ...)
{
	va_list args;
	int used;

	if (table->complaint_count++ != 0)
		return;
	used = snprintf(table->complaint, sizeof(table->complaint), "profile %s: ", profile);
	if (used < 0 || (size_t)used >= sizeof(table->complaint))
		return;
	va_start(args, fmt);
	vsnprintf(table->complaint + used, sizeof(table->complaint) - (size_t)used, fmt, args);
	va_end(args);
}

/* --- the parts of a profile */

struct parsing {
	const struct idm_read *read;
	const struct idm_entry *entry;
	struct idm_access_table *table;
	struct idm_profile *out;
};

/*
 * What no profile may grant: the server alone writes these (SPEC 5.5), class has its own list, and
 * the filter of a dynamic group is for one of the built-in profiles alone (SPEC 3.2).
 */
static bool
is_writable(const struct idm_profile *profile, const struct idm_attr *attr)
{
	if (attr->number == IDM_ATTR_DYNGROUP_FILTER)
		return idm_builtin_profile_is(&profile->uuid, IDM_PROFILE_HP_DYNGROUP_MANAGE);
	return (attr->flags & (IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM)) == 0 &&
	       attr->number != IDM_ATTR_CLASS;
}

static void
parse_attributes(struct parsing *p, uint32_t number, bool writes, struct idm_attrset *out)
{
	const char *list = idm_schema_attr_number(p->read->schema, number)->name;
	struct idm_value_iter iter = idm_entry_values(p->entry, number);
	struct idm_value value;

	while (idm_value_next(&iter, &value)) {
		const struct idm_attr *attr = idm_schema_attr(p->read->schema, value.norm);

		if (attr == NULL)
			complain(p->table, p->out->name,
			    "%s names %.*s, which the schema does not know", list,
			    IDM_SPAN_ARG(value.norm));
		else if (writes && !is_writable(p->out, attr))
			complain(p->table, p->out->name,
			    "%s names %.*s, which this profile may let nobody write", list,
			    IDM_SPAN_ARG(value.norm));
		else
			idm_attrset_add(out, attr);
	}
}

static enum idm_result
no_memory(struct idm_error *err)
{
	return idm_fail(err, IDM_LIMIT, "no memory for the access control profiles");
}

static enum idm_result
parse_words(struct parsing *p, uint32_t number, struct idm_words *out, struct idm_error *err)
{
	struct idm_value_iter iter = idm_entry_values(p->entry, number);
	struct idm_span *words = idm_arena_array(p->read->arena, iter.left, sizeof(*words));
	struct idm_value value;

	if (words == NULL)
		return no_memory(err);
	out->words = words;
	while (idm_value_next(&iter, &value)) {
		struct idm_span copy = idm_arena_copy(p->read->arena, value.norm);

		if (idm_schema_class(p->read->schema, value.norm) == NULL)
			complain(p->table, p->out->name,
			    "%s names the class %.*s, which the schema does not know",
			    idm_schema_attr_number(p->read->schema, number)->name,
			    IDM_SPAN_ARG(value.norm));

		if (copy.ptr == NULL)
			return no_memory(err);
		words[out->count++] = copy;
	}
	return IDM_OK;
}

/* A receiver that is not there any more receives nothing. */
static enum idm_result
parse_receivers(struct parsing *p, struct idm_error *err)
{
	struct idm_value_iter iter = idm_entry_values(p->entry, IDM_ATTR_ACP_RECEIVER);
	struct idm_value value;
	enum idm_result result = IDM_OK;

	while (result == IDM_OK && idm_value_next(&iter, &value)) {
		struct idm_uuid uuid;
		struct idm_entry group;

		if (!idm_uuid_load(value.norm, &uuid))
			return idm_fail(err, IDM_CORRUPT, "acp_receiver is no uuid");
		result = idm_lookup_uuid(p->read, &uuid, &group, err);
		if (result == IDM_OK)
			result = idm_ids_add(&p->out->receivers, p->read->arena, group.id, NULL);
		else if (result == IDM_NOT_FOUND)
			result = IDM_OK;
	}
	return result;
}

static bool
cut_keyword(struct idm_span *text, const char *keyword)
{
	size_t len = strlen(keyword);

	if (text->len < len || memcmp(text->ptr, keyword, len) != 0)
		return false;
	if (text->len > len && text->ptr[len] != '(')
		return false;
	*text = idm_span_of(text->ptr + len, text->len - len);
	return true;
}

/* `self`, `managed`, a filter, or a keyword directly followed by a filter. */
static enum idm_result
parse_target(struct parsing *p, struct idm_error *err)
{
	struct idm_span text = idm_entry_text(p->entry, IDM_ATTR_ACP_TARGET);
	struct idm_profile *out = p->out;
	enum idm_result result;

	if (cut_keyword(&text, "self"))
		out->target = IDM_TARGET_SELF;
	else if (cut_keyword(&text, "managed"))
		out->target = IDM_TARGET_MANAGED;
	else if (text.len == 0)
		return idm_fail(err, IDM_INVALID, "acp_target is missing");
	out->filtered = text.len != 0;
	if (!out->filtered)
		return IDM_OK;
	result = idm_filter_parse(p->read, text, true, &out->filter, err);
	if (result != IDM_OK)
		return result;
	out->recycled = idm_filter_asks_class(&out->filter, "recycled");
	out->tombstone = idm_filter_asks_class(&out->filter, "tombstone");
	return IDM_OK;
}

static enum idm_result
parse_hp(struct parsing *p, struct idm_error *err)
{
	struct idm_span text = idm_entry_text(p->entry, IDM_ATTR_ACP_HP);

	if (text.len == 0 || idm_span_is(text, "no"))
		p->out->hp = IDM_HP_NO;
	else if (idm_span_is(text, "only"))
		p->out->hp = IDM_HP_ONLY;
	else if (idm_span_is(text, "also"))
		p->out->hp = IDM_HP_ALSO;
	else
		return idm_fail(err, IDM_INVALID, "acp_hp is none of no, only, also");
	return IDM_OK;
}

static bool
is_set(const struct idm_entry *entry, uint32_t number, bool fallback)
{
	struct idm_value value;

	if (!idm_entry_first(entry, number, &value) || value.stored.len != 1)
		return fallback;
	return value.stored.ptr[0] != 0;
}

enum idm_result
idm_profile_parse(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_access_table *table, struct idm_profile *out, struct idm_error *err)
{
	struct parsing p = { read, entry, table, out };
	enum idm_result result;

	out->uuid = entry->uuid;
	out->name = idm_arena_printf(
	    read->arena, "%.*s", IDM_SPAN_ARG(idm_entry_text(entry, IDM_ATTR_NAME)));
	if (out->name == NULL)
		return no_memory(err);
	result = parse_target(&p, err);
	if (result == IDM_OK)
		result = parse_hp(&p, err);
	if (result == IDM_OK)
		result = parse_receivers(&p, err);
	if (result == IDM_OK)
		result = parse_words(&p, IDM_ATTR_ACP_MODIFY_CLASS, &out->classes, err);
	if (result == IDM_OK)
		result = parse_words(&p, IDM_ATTR_ACP_CREATE_CLASS, &out->create_classes, err);
	if (result != IDM_OK)
		return result;
	parse_attributes(&p, IDM_ATTR_ACP_SEARCH, false, &out->search);
	parse_attributes(&p, IDM_ATTR_ACP_MODIFY_PRESENT, true, &out->present);
	parse_attributes(&p, IDM_ATTR_ACP_MODIFY_REMOVED, true, &out->removed);
	parse_attributes(&p, IDM_ATTR_ACP_CREATE_ATTR, true, &out->create);
	out->deletes = is_set(entry, IDM_ATTR_ACP_DELETE, false);
	return IDM_OK;
}

enum idm_result
idm_profile_check(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_profile *out, struct idm_error *err)
{
	struct idm_access_table complaints = { .complaint_count = 0 };
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	result = idm_profile_parse(read, entry, &complaints, out, err);
	if (result == IDM_OK && complaints.complaint_count != 0)
		return idm_fail(err, IDM_INVALID, "%s", complaints.complaint);
	return result;
}

bool
idm_profile_is_enabled(const struct idm_entry *entry)
{
	return is_set(entry, IDM_ATTR_ACP_ENABLE, true);
}

bool
idm_profile_writes_others(const struct idm_profile *profile)
{
	return profile->target == IDM_TARGET_ANY &&
	       (!idm_attrset_is_empty(&profile->present) ||
		   !idm_attrset_is_empty(&profile->removed) ||
		   !idm_attrset_is_empty(&profile->create) || profile->classes.count != 0 ||
		   profile->create_classes.count != 0 || profile->deletes);
}

/* --- the table */

/* One that can't be used is left out, and named; what the store says ends the parsing. */
static enum idm_result
add_profile(
    const struct idm_read *read, uint64_t id, struct idm_access_table *table, struct idm_error *err)
{
	struct idm_profile *profile = &table->profiles[table->count];
	struct idm_error why = { 0 };
	struct idm_entry entry;
	enum idm_result result = idm_lookup_id(read, id, &entry, err);

	if (result != IDM_OK)
		return result == IDM_NOT_FOUND ? idm_fail(err, IDM_CORRUPT,
						     "the index names a profile that is not there")
					       : result;
	if (!idm_entry_is_live(&entry) || !idm_profile_is_enabled(&entry))
		return IDM_OK;
	memset(profile, 0, sizeof(*profile));
	result = idm_profile_parse(read, &entry, table, profile, &why);
	if (result == IDM_OK) {
		table->count++;
		return IDM_OK;
	}
	if (result != IDM_INVALID)
		return idm_fail(err, result, "%s", why.text);
	complain(table, profile->name, "%s", why.text);
	return IDM_OK;
}

static enum idm_result
add_window(const struct idm_read *read, const struct idm_window *window, uint64_t no,
    struct idm_access_table *table, struct idm_error *err)
{
	enum idm_result result = IDM_OK;
	uint64_t id = idm_window_next(window, no, no << IDM_WINDOW_BITS);

	while (id != UINT64_MAX && result == IDM_OK) {
		result = add_profile(read, id, table, err);
		id = idm_window_next(window, no, id + 1);
	}
	return result;
}

/* The ids of one window whose entries are profiles. */
static enum idm_result
profiles_of_window(
    const struct idm_read *read, uint64_t no, struct idm_window *window, struct idm_error *err)
{
	const struct idm_attr *class = idm_schema_attr_number(read->schema, IDM_ATTR_CLASS);

	idm_window_clear(window);
	return idm_index_equal(
	    read, class, IDM_SPAN_LIT("access_control_profile"), no, window, err);
}

static enum idm_result
parse_all(const struct idm_read *read, struct idm_access_table *table, struct idm_error *err)
{
	struct idm_window window;
	uint64_t end;
	size_t room = 0;
	enum idm_result result = idm_index_window_end(read, &end, err);

	for (uint64_t no = 0; no < end && result == IDM_OK; no++) {
		result = profiles_of_window(read, no, &window, err);
		room += result == IDM_OK ? idm_window_count(&window) : 0;
	}
	if (result != IDM_OK)
		return result;
	table->profiles = idm_arena_array(table->arena, room, sizeof(*table->profiles));
	if (table->profiles == NULL)
		return no_memory(err);
	for (uint64_t no = 0; no < end && result == IDM_OK; no++) {
		result = profiles_of_window(read, no, &window, err);
		if (result == IDM_OK)
			result = add_window(read, &window, no, table, err);
	}
	return result;
}

static struct idm_access_table *
table_new(const struct idm_read *read, uint64_t generation)
{
	struct idm_access_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->schema = read->schema;
	table->generation = generation;
	table->arena = idm_arena_new(TABLE_BUDGET_BYTES);
	if (table->arena == NULL || !idm_schema_hold(read->schema, table->arena))
		idm_access_table_free(&table);
	return table;
}

enum idm_result
idm_access_table_refresh(
    const struct idm_read *read, struct idm_access_table **table, struct idm_error *err)
{
	struct idm_read own = *read;
	struct idm_access_table *fresh;
	uint64_t generation;
	enum idm_result result =
	    idm_store_get_number(read->txn, IDM_DB_META, "generation.access", &generation, err);

	if (result != IDM_OK)
		return result;
	if (*table != NULL && (*table)->generation == generation &&
	    (*table)->schema == read->schema)
		return IDM_OK;
	fresh = table_new(read, generation);
	if (fresh == NULL)
		return no_memory(err);
	own.arena = fresh->arena;
	result = parse_all(&own, fresh, err);
	if (result != IDM_OK) {
		idm_access_table_free(&fresh);
		return result;
	}
	idm_access_table_free(table);
	*table = fresh;
	return IDM_OK;
}

void
idm_access_table_free(struct idm_access_table **table)
{
	if (*table == NULL)
		return;
	idm_arena_free(&(*table)->arena);
	free(*table);
	*table = NULL;
}

uint64_t
idm_access_table_generation(const struct idm_access_table *table)
{
	return table->generation;
}

const char *
idm_access_table_complaint(const struct idm_access_table *table)
{
	return table->complaint_count == 0 ? NULL : table->complaint;
}
