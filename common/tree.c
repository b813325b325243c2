#include "common/tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/builtin.h"

enum { SUFFIX_ARENA_BYTES = 32 * 1024 };

/* --- the suffix */

static bool
is_current(const struct tree *tree, struct idm_span of, bool of_domain)
{
	return tree != NULL && tree->of_domain == of_domain && idm_span_equal(tree->of, of);
}

static struct tree *
tree_new(struct idm_span of, bool of_domain)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	bool ok;

	if (tree == NULL)
		return NULL;
	tree->arena = idm_arena_new(SUFFIX_ARENA_BYTES);
	if (tree->arena == NULL)
		goto fail;
	tree->of = idm_arena_copy(tree->arena, of);
	tree->of_domain = of_domain;
	if (tree->of.ptr == NULL)
		goto fail;
	ok = of_domain ? dn_suffix_of_domain(tree->of, tree->arena, &tree->suffix)
		       : dn_suffix_parse(tree->of, tree->arena, &tree->suffix);
	if (ok)
		return tree;
fail:
	tree_free(&tree);
	return NULL;
}

void
tree_free(struct tree **tree)
{
	if (*tree == NULL)
		return;
	idm_arena_free(&(*tree)->arena);
	free(*tree);
	*tree = NULL;
}

/* A base DN that can't be used must not take the directory away: the domain's name serves. */
static enum idm_result
make_current(const struct idm_read *read, struct tree **tree, struct idm_error *err)
{
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	struct idm_span domain = idm_span_cstr(read->domain);
	struct idm_span base;
	struct idm_entry entry;
	struct tree *fresh = NULL;
	enum idm_result result = idm_lookup_uuid(read, &uuid, &entry, err);

	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	base = result == IDM_OK ? idm_entry_text(&entry, IDM_ATTR_LDAP_BASE_DN) : IDM_SPAN_EMPTY;
	if (is_current(*tree, base.len != 0 ? base : domain, base.len == 0))
		return IDM_OK;
	if (base.len != 0)
		fresh = tree_new(base, false);
	if (fresh == NULL)
		fresh = tree_new(domain, true);
	if (fresh == NULL)
		return idm_fail(err, IDM_SYSTEM, "no suffix can be made of \"%s\"", read->domain);
	tree_free(tree);
	*tree = fresh;
	return IDM_OK;
}

/* Nothing can be another as long as no change was made; a number of changes is one file's. */
enum idm_result
tree_refresh(const struct idm_read *read, struct tree **tree, struct idm_error *err)
{
	uint8_t file[IDM_STORE_FILE_ID_BYTES];
	uint64_t no;
	enum idm_result result = idm_store_get_number(read->txn, IDM_DB_META, "applied", &no, err);

	if (result != IDM_OK)
		return result;
	idm_store_file_id(read->txn, file);
	if (*tree != NULL && (*tree)->seen_no == no &&
	    memcmp((*tree)->seen_file, file, sizeof(file)) == 0)
		return IDM_OK;
	result = make_current(read, tree, err);
	if (result != IDM_OK)
		return result;
	assert(*tree != NULL);
	(*tree)->seen_no = no;
	memcpy((*tree)->seen_file, file, sizeof(file));
	return IDM_OK;
}

/* --- the DN of an entry */

enum dn_container
tree_container(const struct idm_entry *entry)
{
	struct idm_value_iter classes = idm_entry_values(entry, IDM_ATTR_CLASS);
	enum dn_container container = DN_CONTAINER_NONE;
	struct idm_value class;

	while (idm_value_next(&classes, &class)) {
		if (idm_span_is(class.norm, "person"))
			container = DN_CONTAINER_PEOPLE;
		else if (idm_span_is(class.norm, "group"))
			container = DN_CONTAINER_GROUPS;
		else if (idm_span_is(class.norm, "service_account"))
			container = DN_CONTAINER_SERVICES;
		else if (idm_span_is(class.norm, "access_control_profile"))
			container = DN_CONTAINER_ACCESS;
		else if (idm_span_is(class.norm, "attributetype") ||
			 idm_span_is(class.norm, "classtype"))
			container = DN_CONTAINER_SCHEMA;
		else if (idm_span_is(class.norm, "application"))
			container = DN_CONTAINER_APPLICATIONS;
		else if (idm_span_is(class.norm, "recycled") ||
			 idm_span_is(class.norm, "tombstone"))
			return DN_CONTAINER_NONE;
	}
	return container;
}

/* The entry that is a node of the tree itself: a container, or the suffix for none of them. */
static struct idm_uuid
node_uuid(enum dn_container container)
{
	static const uint64_t numbers[] = {
		[DN_CONTAINER_NONE] = IDM_BUILTIN_DOMAIN_INFO,
		[DN_CONTAINER_PEOPLE] = IDM_BUILTIN_OU_PEOPLE,
		[DN_CONTAINER_GROUPS] = IDM_BUILTIN_OU_GROUPS,
		[DN_CONTAINER_SERVICES] = IDM_BUILTIN_OU_SERVICES,
		[DN_CONTAINER_ACCESS] = IDM_BUILTIN_OU_ACCESS,
		[DN_CONTAINER_SCHEMA] = IDM_BUILTIN_OU_SCHEMA,
		[DN_CONTAINER_APPLICATIONS] = IDM_BUILTIN_OU_APPLICATIONS,
	};

	return idm_uuid_builtin(numbers[container]);
}

static bool
is_node(const struct idm_entry *entry, enum dn_container container)
{
	struct idm_uuid uuid = node_uuid(container);

	return idm_uuid_equal(&entry->uuid, &uuid);
}

enum dn_container
tree_container_itself(const struct idm_entry *entry)
{
	for (int c = DN_CONTAINER_PEOPLE; c <= DN_CONTAINER_LAST; c++) {
		if (is_node(entry, (enum dn_container)c))
			return (enum dn_container)c;
	}
	return DN_CONTAINER_NONE;
}

bool
tree_has_subordinates(const struct idm_entry *entry)
{
	return is_node(entry, DN_CONTAINER_NONE) ||
	       tree_container_itself(entry) != DN_CONTAINER_NONE;
}

uint32_t
tree_naming_attr(const struct idm_entry *entry)
{
	if (idm_entry_has_class(entry, "attributetype"))
		return IDM_ATTR_ATTRIBUTETYPE_NAME;
	if (idm_entry_has_class(entry, "classtype"))
		return IDM_ATTR_CLASSTYPE_NAME;
	return IDM_ATTR_NAME;
}

static size_t
put_uuid_dn(const struct dn_suffix *suffix, const struct idm_uuid *uuid, uint8_t out[TREE_DN_BYTES])
{
	char text[IDM_UUID_TEXT];
	int len;

	idm_uuid_format(uuid, text);
	len =
	    snprintf((char *)out, TREE_DN_BYTES, "uuid=%s,%.*s", text, IDM_SPAN_ARG(suffix->text));
	return len > 0 ? (size_t)len : 0;
}

struct idm_span
tree_dn(const struct dn_suffix *suffix, const struct idm_entry *entry, uint8_t out[TREE_DN_BYTES])
{
	enum dn_container container = tree_container(entry);
	struct idm_span name = idm_entry_text(entry, tree_naming_attr(entry));
	size_t len;

	if (container != DN_CONTAINER_NONE && name.len != 0)
		len = dn_of_entry(container, name, suffix, out, TREE_DN_BYTES);
	else if (tree_container_itself(entry) != DN_CONTAINER_NONE)
		len = dn_of_container(tree_container_itself(entry), suffix, out, TREE_DN_BYTES);
	else if (is_node(entry, DN_CONTAINER_NONE))
		return suffix->text;
	else
		len = put_uuid_dn(suffix, &entry->uuid, out);
	assert(len <= TREE_DN_BYTES); /* names and suffixes are bounded */
	return idm_span_of(out, len);
}

/* --- the entry of a DN */

static enum idm_result
find_node(const struct idm_read *read, const struct dn_target *target, struct idm_entry *out,
    struct idm_error *err)
{
	struct idm_uuid uuid =
	    node_uuid(target->kind == DN_SUFFIX ? DN_CONTAINER_NONE : target->container);

	return idm_lookup_uuid(read, &uuid, out, err);
}

/* A value that no address can have names nobody. */
static enum idm_result
find_mail(
    const struct idm_read *read, struct idm_span text, struct idm_entry *out, struct idm_error *err)
{
	const struct idm_attr *mail = idm_schema_attr_number(read->schema, IDM_ATTR_MAIL);
	struct idm_span norm;
	enum idm_result result = idm_assertion_parse(mail, text, read->arena, &norm, NULL);

	if (result == IDM_INVALID)
		return IDM_NOT_FOUND;
	if (result != IDM_OK)
		return idm_fail(err, result, "a mail address can't be looked up");
	return idm_lookup_claim(read, IDM_CLAIM_MAIL, norm, out, err);
}

/* By the name that the container's entries have. */
static enum idm_result
find_by_name(const struct idm_read *read, enum dn_container container, struct idm_span name,
    struct idm_entry *out, struct idm_error *err)
{
	enum idm_result result;

	if (container == DN_CONTAINER_ACCESS)
		return idm_lookup_claim(read, IDM_CLAIM_PROFILE, name, out, err);
	if (container != DN_CONTAINER_SCHEMA)
		return idm_lookup_claim(read, IDM_CLAIM_NAME, name, out, err);
	result = idm_lookup_unique(read, IDM_ATTR_ATTRIBUTETYPE_NAME, name, out, err);
	if (result == IDM_NOT_FOUND) /* no two are called alike */
		result = idm_lookup_unique(read, IDM_ATTR_CLASSTYPE_NAME, name, out, err);
	return result;
}

static enum idm_result
find_named(const struct idm_read *read, const struct dn_target *target, struct idm_entry *out,
    struct idm_error *err)
{
	struct idm_span value = target->value;
	struct idm_uuid uuid;

	switch (target->naming) {
	case DN_NAMING_UID:
	case DN_NAMING_CN:
	case DN_NAMING_NAME: return find_by_name(read, target->container, value, out, err);
	case DN_NAMING_SPN:
		if (memchr(value.ptr, '@', value.len) == NULL)
			return IDM_NOT_FOUND;
		return idm_lookup_text(read, value, out, err);
	case DN_NAMING_UUID:
		if (!idm_uuid_parse(value, &uuid))
			return IDM_NOT_FOUND;
		return idm_lookup_uuid(read, &uuid, out, err);
	case DN_NAMING_MAIL: return find_mail(read, value, out, err);
	case DN_NAMING_BARE: return idm_lookup_text(read, value, out, err);
	}
	return IDM_NOT_FOUND;
}

enum idm_result
tree_find(const struct idm_read *read, const struct dn_target *target, struct idm_entry *out,
    struct idm_error *err)
{
	enum idm_result result;

	if (target->kind == DN_SUFFIX || target->kind == DN_CONTAINER)
		return find_node(read, target, out, err);
	if (target->kind != DN_ENTRY || target->application.len != 0 || target->value.len == 0)
		return IDM_NOT_FOUND;
	result = find_named(read, target, out, err);
	if (result != IDM_OK)
		return result;
	if (!idm_entry_is_live(out) && target->naming != DN_NAMING_UUID)
		return IDM_NOT_FOUND;
	if (target->container != DN_CONTAINER_NONE && tree_container(out) != target->container)
		return IDM_NOT_FOUND;
	return IDM_OK;
}

enum idm_result
tree_check_naming(const struct idm_read *read, const struct idm_access *access,
    const struct dn_target *target, const struct idm_entry *entry, struct idm_error *err)
{
	struct idm_attrset seen;
	enum idm_result result;

	if (target->kind != DN_ENTRY || target->naming != DN_NAMING_MAIL)
		return IDM_OK;
	if (access == NULL)
		return IDM_NOT_FOUND;
	result = idm_access_search(read, access, entry, &seen, err);
	if (result == IDM_OK &&
	    !idm_attrset_has(&seen, idm_schema_attr_number(read->schema, IDM_ATTR_MAIL)))
		return IDM_NOT_FOUND;
	return result;
}

enum idm_result
tree_find_text(const struct idm_read *read, const struct dn_suffix *suffix, struct idm_span text,
    struct idm_entry *out, struct idm_error *err)
{
	struct dn_target target;

	dn_to_target(text, suffix, read->arena, &target);
	if (target.kind == DN_INVALID)
		return idm_refuse(err, IDM_INVALID, "neither a DN nor a name, spn or uuid");
	return tree_find(read, &target, out, err);
}
