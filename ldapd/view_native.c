/* What an administrator writes in LDAP's words, in the core's. */
#include "ldapd/view.h"

enum view_writable
view_native(const struct idm_schema *schema, struct idm_span description,
    enum dn_container container, const struct idm_attr **out)
{
	const struct view_attr *attr = view_find(schema, description);

	*out = NULL;
	if (attr == NULL)
		return VIEW_UNKNOWN;
	switch (attr->form) {
	case VIEW_NAMES: /* cn: a group's or profile's name, and what others are called */
		*out = container == DN_CONTAINER_GROUPS || container == DN_CONTAINER_ACCESS
			   ? attr->second
			   : attr->attr;
		return VIEW_WRITABLE;
	case VIEW_STORED:
	case VIEW_TIME:
	case VIEW_SSHKEY:
	case VIEW_OBJECT_CLASS:
	case VIEW_MEMBER_UID:
	case VIEW_MEMBERS:
	case VIEW_WRITTEN_ONLY: *out = attr->attr; return VIEW_WRITABLE;
	case VIEW_FIRST:
	case VIEW_REST:
	case VIEW_GIVEN_NAME:
	case VIEW_SURNAME:
	case VIEW_STRUCTURAL_CLASS:
	case VIEW_ENTRY_DN:
	case VIEW_SUBSCHEMA:
	case VIEW_HAS_SUBORDINATES:
	case VIEW_CSN:
	case VIEW_DC:
	case VIEW_SHADOW_EXPIRE:
	case VIEW_KRB_EXPIRE:
	case VIEW_AD_EXPIRE:
	case VIEW_LOCKED:
	case VIEW_LOCKED_SINCE: break;
	}
	return VIEW_COMPUTED;
}

enum idm_result
view_find_entry(
    const struct view *view, struct idm_span text, struct idm_entry *out, struct idm_error *err)
{
	struct dn_target target;
	enum idm_result result = tree_find_text(view->read, view->suffix, text, out, err);

	if (result != IDM_OK)
		return result;
	dn_to_target(text, view->suffix, view->read->arena, &target);
	return tree_check_naming(view->read, view->access, &target, out, err);
}

/* The uuid's text, so that the core looks up the very entry that the DN named. */
static enum idm_result
reference_value(
    const struct view *view, struct idm_span value, struct idm_span *out, struct idm_error *err)
{
	const struct idm_read *read = view->read;
	char text[IDM_UUID_TEXT];
	struct dn_target target;
	struct idm_entry named;
	enum idm_result result;

	*out = value;
	dn_to_target(value, view->suffix, read->arena, &target);
	if (target.kind == DN_INVALID)
		return idm_refuse(err, IDM_INVALID, "\"%.*s\" is no DN, name, spn or uuid",
		    value.len < 100 ? (int)value.len : 100,
		    value.len != 0 ? (const char *)value.ptr : "");
	result = tree_find(read, &target, &named, err);
	if (result == IDM_OK)
		result = tree_check_naming(read, view->access, &target, &named, err);
	if (result == IDM_NOT_FOUND && target.kind == DN_ENTRY && target.value.len != 0)
		*out = target.value;
	if (result != IDM_OK)
		return result == IDM_NOT_FOUND ? IDM_OK : result;
	idm_uuid_format(&named.uuid, text);
	*out = idm_arena_copy(read->arena, idm_span_cstr(text));
	return out->ptr == NULL ? idm_fail(err, IDM_LIMIT, "no memory for a reference") : IDM_OK;
}

/* Cut the next word off `rest`. */
static struct idm_span
next_word(struct idm_span *rest)
{
	struct idm_span word = *rest;

	for (word.len = 0; word.len < rest->len && word.ptr[word.len] != ' ';)
		word.len++;
	*rest = idm_span_of(rest->ptr + word.len, rest->len - word.len);
	while (rest->len != 0 && *rest->ptr == ' ')
		*rest = idm_span_of(rest->ptr + 1, rest->len - 1);
	return word;
}

static bool
begins_with(struct idm_span text, const char *start)
{
	size_t len = strlen(start);

	return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

/* Does the value begin with the type of a key, and so without a tag? */
static bool
is_untagged(struct idm_span value)
{
	return begins_with(value, "ssh-") || begins_with(value, "ecdsa-sha2-") ||
	       begins_with(value, "sk-ssh-") || begins_with(value, "sk-ecdsa-");
}

/* "type base64 comment": the comment's first word is the tag, as view_values writes it. */
static enum idm_result
sshkey_value(
    const struct view *view, struct idm_span value, struct idm_span *out, struct idm_error *err)
{
	struct idm_span rest = value, type, key, tag;
	char *text;

	*out = value;
	if (!is_untagged(value))
		return IDM_OK;
	type = next_word(&rest);
	key = next_word(&rest);
	tag = next_word(&rest);
	if (tag.len == 0)
		tag = IDM_SPAN_LIT("ldap");
	text = idm_arena_printf(view->read->arena, "%.*s %.*s %.*s", IDM_SPAN_ARG(tag),
	    IDM_SPAN_ARG(type), IDM_SPAN_ARG(key));
	if (text == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for a key");
	*out = idm_span_cstr(text);
	return IDM_OK;
}

/* Of the standard ones, those that tell what kind of entry it is; the others follow from it. */
static struct idm_span
class_value(struct idm_span value)
{
	const struct view_class *standard = view_class_find(value);

	if (standard == NULL)
		return value;
	if (strcmp(standard->native, "account") == 0 || strcmp(standard->name, "top") == 0 ||
	    strcmp(standard->name, "shadowAccount") == 0)
		return IDM_SPAN_EMPTY;
	return idm_span_cstr(standard->native);
}

enum idm_result
view_native_value(const struct view *view, const struct idm_attr *attr, struct idm_span value,
    struct idm_span *out, struct idm_error *err)
{
	*out = value;
	if (attr->number == IDM_ATTR_CLASS)
		*out = class_value(value);
	else if (attr->syntax == IDM_SYNTAX_SSHKEY)
		return sshkey_value(view, value, out, err);
	else if (attr->syntax == IDM_SYNTAX_REFERENCE)
		return reference_value(view, value, out, err);
	return IDM_OK;
}
