#include "common/import_map_impl.h"

#include <string.h>

/* --- telling, and taking */

bool
import_tell(struct import_mapping *m, const struct ldif_line *line, const char *why)
{
	return m->reporter->line(m->reporter->ctx, line->number, line->type, why);
}

void
import_refuse(struct import_mapping *m, const struct ldif_line *line, const char *why)
{
	if (!import_tell(m, line, why))
		m->out->is_refused = true;
}

void
import_add(struct import_mapping *m, const struct ldif_line *line, uint32_t attr_number,
    struct idm_span text)
{
	m->out->values[m->out->value_count++] = (struct import_value){ line->number, line->type,
		idm_schema_attr_number(m->schema, attr_number), text };
}

void
import_add_cstr(
    struct import_mapping *m, const struct ldif_line *line, uint32_t attr_number, const char *text)
{
	if (text == NULL)
		m->no_memory = true;
	else
		import_add(m, line, attr_number, idm_span_cstr(text));
}

bool
import_is_account(const struct import_mapping *m)
{
	return m->out->kind == IMPORT_PERSON || m->out->kind == IMPORT_SERVICE;
}

bool
import_is_type(const struct ldif_line *line, const char *type)
{
	return line->fault == NULL && line->options.len == 0 &&
	       idm_span_equal_nocase(line->type, idm_span_cstr(type));
}

bool
import_has_line(const struct import_mapping *m, const char *type)
{
	for (size_t i = 1; i < m->record->count; i++) {
		if (import_is_type(&m->record->lines[i], type))
			return true;
	}
	return false;
}

/* --- classes */

static void
add_class(struct import_mapping *m, const struct ldif_line *line, const char *name)
{
	const struct idm_class *class = idm_schema_class(m->schema, idm_span_cstr(name));

	for (size_t i = 0; i < m->class_count; i++) {
		if (m->classes[i] == class)
			return;
	}
	if (m->class_count == IMPORT_CLASSES_MAX) {
		import_refuse(m, line, "too many classes: leave out what is not needed");
		return;
	}
	m->classes[m->class_count++] = class;
	import_add_cstr(m, line, IDM_ATTR_CLASS, class->name);
}

/* A class of ours in what else is foreign: one that was made by an administrator, or the like. */
static bool
is_addition(const struct idm_class *class)
{
	static const char *const others[] = { "object", "account", "posixaccount", "posixgroup",
		"recycled", "tombstone" };

	if (class == NULL || class->structural)
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(class->name, others[i]) == 0)
			return false;
	}
	return true;
}

static void
add_own_class(struct import_mapping *m, const struct ldif_line *line)
{
	const struct idm_class *class = idm_schema_class(m->schema, line->value);

	if (class == NULL)
		import_refuse(
		    m, line, "an unknown class: make it first (classtype), or correct its name");
	else
		add_class(m, line, class->name);
}

static void
add_kind_classes(struct import_mapping *m)
{
	const struct ldif_line *dn = &m->record->lines[0];

	add_class(m, dn, "object");
	switch (m->out->kind) {
	case IMPORT_PERSON: add_class(m, dn, "person"); break;
	case IMPORT_SERVICE: add_class(m, dn, "service_account"); break;
	case IMPORT_GROUP: add_class(m, dn, "group"); break;
	case IMPORT_RADIUS_CLIENT: add_class(m, dn, "radius_client"); break;
	case IMPORT_CONTAINER:
	case IMPORT_OTHER: break;
	}
	if (import_is_account(m)) {
		add_class(m, dn, "account");
		if (import_has_line(m, "uidNumber"))
			add_class(m, dn, "posixaccount");
	}
	if (m->out->kind == IMPORT_GROUP && import_has_line(m, "gidNumber"))
		add_class(m, dn, "posixgroup");
}

/* What the entry is, by its strongest class. */
static void
find_kind(struct import_mapping *m)
{
	int strength = -1;

	m->out->is_ours = import_has_line(m, "class");
	for (size_t i = 1; i < m->record->count; i++) {
		const struct ldif_line *line = &m->record->lines[i];
		const struct import_class *class;

		if (!import_is_type(line, m->out->is_ours ? "class" : "objectClass"))
			continue;
		class = import_class(line->value);
		if (class != NULL && class->strength > strength) {
			strength = class->strength;
			m->out->kind = class->kind;
		}
	}
}

static bool
is_class_line(const struct import_mapping *m, const struct ldif_line *line)
{
	if (m->out->is_ours)
		return import_is_type(line, "class");
	return import_is_type(line, "objectClass") &&
	       is_addition(idm_schema_class(m->schema, line->value));
}

static void
find_classes(struct import_mapping *m)
{
	if (!m->out->is_ours)
		add_kind_classes(m);
	for (size_t i = 1; i < m->record->count; i++) {
		if (is_class_line(m, &m->record->lines[i]))
			add_own_class(m, &m->record->lines[i]);
	}
}

/* --- records */

/* What ldapsearch writes behind the entries, when it is not told -LLL. */
static bool
is_trailer(const struct ldif_line *first)
{
	return import_is_type(first, "search") || import_is_type(first, "result");
}

/* The record is an entry: it begins with its DN, and is no change of one. */
static bool
is_entry(struct import_mapping *m)
{
	const struct ldif_line *first = &m->record->lines[0];

	if (is_trailer(first))
		return false;
	m->out->line = first->number;
	if (first->fault != NULL || !import_is_type(first, "dn")) {
		import_refuse(
		    m, first, first->fault != NULL ? first->fault : "an entry begins with dn:");
		return false;
	}
	m->out->dn = first->value;
	for (size_t i = 1; i < m->record->count; i++) {
		const struct ldif_line *line = &m->record->lines[i];

		if ((import_is_type(line, "changetype") && !idm_span_is(line->value, "add")) ||
		    import_is_type(line, "control")) {
			import_refuse(
			    m, line, "a change of an entry: only whole entries are imported");
			return false;
		}
	}
	if (dn_parse(first->value, m->arena, &m->dn) && m->dn.count != 0)
		return true;
	import_refuse(
	    m, first, "no distinguished name, or one of more than 1024 octets or 16 parts");
	return false;
}

static bool
has_room(struct import_mapping *m)
{
	/* A line gives one value at most, and a few come from nowhere: classes, names, an expiry.
	 */
	size_t room = m->record->count + IMPORT_CLASSES_MAX + 8;

	m->out->values = idm_arena_array(m->arena, room, sizeof(*m->out->values));
	m->out->references =
	    idm_arena_array(m->arena, m->record->count, sizeof(*m->out->references));
	return m->out->values != NULL && m->out->references != NULL;
}

static void
map_lines(struct import_mapping *m)
{
	for (size_t i = 1; i < m->record->count; i++) {
		const struct ldif_line *line = &m->record->lines[i];

		if (line->fault != NULL)
			import_tell(m, line, line->fault);
		else
			import_map_line(m, line);
	}
	import_map_end(m);
}

static void
map_entry(struct import_mapping *m)
{
	find_kind(m);
	if (m->out->kind == IMPORT_CONTAINER)
		return;
	if (m->out->kind == IMPORT_OTHER) {
		import_refuse(m, &m->record->lines[0],
		    "neither a person, a service account nor a group by its object classes: leave "
		    "it out, or give it one such as inetOrgPerson or groupOfNames");
		return;
	}
	find_classes(m);
	import_map_names(m);
	map_lines(m);
}

enum idm_result
import_map(const struct idm_schema *schema, const struct ldif_record *record,
    const struct import_reporter *reporter, struct idm_arena *arena, struct import_entry *out,
    struct idm_error *err)
{
	struct import_mapping m = { .schema = schema,
		.record = record,
		.reporter = reporter,
		.arena = arena,
		.out = out,
		.expire_s = INT64_MAX };

	memset(out, 0, sizeof(*out));
	if (!has_room(&m))
		return idm_fail(err, IDM_LIMIT, "an entry is too large to be imported");
	if (is_entry(&m))
		map_entry(&m);
	if (m.no_memory)
		return idm_fail(err, IDM_LIMIT, "an entry is too large to be imported");
	return IDM_OK;
}
