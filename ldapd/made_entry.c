#include "ldapd/made_entry.h"

static struct made_attr *
attr_called(struct made_entry *entry, const char *name, unsigned show)
{
	struct made_attr *attr = entry->attrs;

	while (attr < entry->attrs + entry->count && strcmp(attr->name, name) != 0)
		attr++;
	if (attr == entry->attrs + MADE_ATTRS_MAX)
		return NULL;
	if (attr == entry->attrs + entry->count) {
		*attr = (struct made_attr){ .name = name, .show = show };
		entry->count++;
	}
	return attr;
}

static bool
make_room(struct made_attr *attr, struct idm_arena *arena)
{
	size_t room = attr->room == 0 ? 8 : 2 * attr->room;
	struct idm_span *values;

	if (attr->count < attr->room)
		return true;
	values = idm_arena_array(arena, room, sizeof(*values));
	if (values == NULL)
		return false;
	if (attr->count != 0)
		memcpy(values, attr->values, attr->count * sizeof(*values));
	attr->values = values;
	attr->room = room;
	return true;
}

void
made_add(struct made_entry *entry, const char *name, unsigned show, struct idm_span value)
{
	struct made_attr *attr = attr_called(entry, name, show);

	if (attr == NULL || value.ptr == NULL || !make_room(attr, entry->arena))
		entry->failed = true;
	else
		attr->values[attr->count++] = value;
}

void
made_add_text(struct made_entry *entry, const char *name, unsigned show, const char *value)
{
	made_add(entry, name, show, value != NULL ? idm_span_cstr(value) : IDM_SPAN_EMPTY);
}

const struct made_attr *
made_find(const struct made_entry *entry, struct idm_span name)
{
	for (size_t i = 0; i < entry->count; i++) {
		if (idm_span_equal_nocase(name, idm_span_cstr(entry->attrs[i].name)))
			return &entry->attrs[i];
	}
	return NULL;
}

bool
made_has_value(const struct made_attr *attr, struct idm_span value)
{
	for (size_t i = 0; i < attr->count; i++) {
		if (dn_value_equal(attr->values[i], value))
			return true;
	}
	return false;
}

/* AND is the least of its children and OR the greatest, for FALSE < Undefined < TRUE. */
static enum idm_truth
test_children(const struct made_entry *entry, const struct ldap_filter *filter)
{
	bool all = filter->kind == LDAP_FILTER_AND;
	enum idm_truth out = all ? IDM_TRUE : IDM_FALSE;

	for (const struct ldap_filter *f = filter->children; f != NULL; f = f->next) {
		enum idm_truth one = made_test(entry, f);

		if (all ? one < out : one > out)
			out = one;
	}
	return out;
}

static enum idm_truth
test_not(const struct made_entry *entry, const struct ldap_filter *filter)
{
	enum idm_truth inner = made_test(entry, filter->children);

	if (inner == IDM_UNDEFINED)
		return inner;
	return inner == IDM_TRUE ? IDM_FALSE : IDM_TRUE;
}

/* As deep as the decoder lets a filter be. */
enum idm_truth
made_test(const struct made_entry *entry, const struct ldap_filter *filter)
{
	const struct made_attr *attr;

	switch (filter->kind) {
	case LDAP_FILTER_AND:
	case LDAP_FILTER_OR: return test_children(entry, filter);
	case LDAP_FILTER_NOT: return test_not(entry, filter);
	case LDAP_FILTER_PRESENT:
		return made_find(entry, filter->attribute) != NULL ? IDM_TRUE : IDM_FALSE;
	case LDAP_FILTER_EQUALITY:
	case LDAP_FILTER_APPROX:
		attr = made_find(entry, filter->attribute);
		if (attr == NULL)
			return IDM_UNDEFINED;
		return made_has_value(attr, filter->value) ? IDM_TRUE : IDM_FALSE;
	case LDAP_FILTER_SUBSTRINGS:
	case LDAP_FILTER_GREATER_OR_EQUAL:
	case LDAP_FILTER_LESS_OR_EQUAL:
	case LDAP_FILTER_EXTENSIBLE:
	case LDAP_FILTER_UNKNOWN: break;
	}
	return IDM_UNDEFINED;
}

/* Is it asked for, by name or as one of its kind? */
static bool
is_asked(const struct made_attr *attr, const struct ldap_search_request *search)
{
	if (search->attribute_count == 0)
		return (attr->show & VIEW_USER) != 0;
	for (size_t i = 0; i < search->attribute_count; i++) {
		struct idm_span asked = search->attributes[i];

		if (idm_span_equal_nocase(asked, idm_span_cstr(attr->name)) ||
		    (idm_span_is(asked, "*") && (attr->show & VIEW_USER) != 0) ||
		    (idm_span_is(asked, "+") && (attr->show & VIEW_OPERATIONAL) != 0))
			return true;
	}
	return false;
}

bool
made_write(
    const struct made_entry *entry, const struct ldap_message *message, struct ber_writer *out)
{
	const struct ldap_search_request *search = &message->search;
	struct ldap_entry_writer writer;

	ldap_entry_begin(
	    &writer, out, message->message_id, idm_span_cstr(entry->dn), search->types_only);
	for (size_t i = 0; i < entry->count; i++) {
		const struct made_attr *attr = &entry->attrs[i];

		if (!is_asked(attr, search))
			continue;
		ldap_entry_attribute(&writer, idm_span_cstr(attr->name));
		for (size_t v = 0; v < attr->count; v++)
			ldap_entry_value(&writer, attr->values[v]);
	}
	return ldap_entry_end(&writer, (struct ldap_controls){ NULL, 0 });
}
