/*
 * The whole matrix of SPEC 5.4: each role on each kind of entry, each attribute searched, written
 * and removed, each class, deleting and creating, against the table in access_matrix.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/builtin_profiles.h"
#include "core/explain.h"
#include "tests/component/access_matrix.h"
#include "tests/support/realm.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OK(r, call)                                                                                \
	do {                                                                                       \
		if ((call) != IDM_OK)                                                              \
			fail_msg("%s: %s", #call, (r)->err.text);                                  \
	} while (0)

enum { ROLES_MAX = 64, ABOVE_MAX = 32, TARGETS = COUNT(matrix_targets) };

/* Somebody who acts. */
struct role {
	const char *name; /* as the table calls it */
	struct idm_identity identity;
	const char *is;                   /* what SPEC 5.4 calls its own entry */
	struct idm_span above[ABOVE_MAX]; /* itself, and all whose rights it has */
	size_t above_count;
};

struct matrix {
	struct realm *realm;
	struct idm_uuid targets[TARGETS];
	struct role roles[ROLES_MAX];
	size_t role_count;
	struct idm_access_table *table;
	struct idm_access *access; /* of the role at hand */
	size_t cells;
	size_t differences;
};

static bool
has_word(const char *words, struct idm_span wanted)
{
	struct idm_span word;

	while (idm_word_next(&words, &word)) {
		if (idm_span_equal(word, wanted))
			return true;
	}
	return false;
}

/* --- the realm */

static void
add_service(struct realm *r, const char *name, const char *manager)
{
	OK(r, realm_create(r, NULL, "class", "account", "class", "service_account", "name", name,
		  "displayname", name, manager == NULL ? NULL : "entry_managed_by", manager, NULL));
}

static void
add_group(struct realm *r, const char *name, const char *manager)
{
	OK(r, realm_create(r, NULL, "class", "group", "name", name,
		  manager == NULL ? NULL : "entry_managed_by", manager, NULL));
}

static void
add_member(struct realm *r, const char *group, const char *member)
{
	OK(r, realm_modify(r, NULL, group, "+member", member, NULL));
}

static void
add_accounts_and_groups(struct realm *r)
{
	static const char *const hp[] = { "hilda", "hsvc", "mhsvc", "mvips", "hgone" };

	realm_person(r, "plain");
	realm_person(r, "boss");
	realm_person(r, "paula");
	realm_person(r, "hilda");
	realm_person(r, "gone");
	realm_person(r, "hgone");
	add_group(r, "bosses", NULL);
	add_member(r, "bosses", "boss");
	add_service(r, "svc", NULL);
	add_service(r, "hsvc", NULL);
	add_service(r, "msvc", "bosses");
	add_service(r, "mhsvc", "boss");
	add_group(r, "team", NULL);
	add_group(r, "gteam", NULL);
	add_group(r, "vips", NULL);
	add_group(r, "mteam", "bosses");
	add_group(r, "mvips", "boss");
	OK(r, realm_create(r, NULL, "class", "group", "class", "dyngroup", "name", "dyn",
		  "dyngroup_filter", "(class=posixaccount)", NULL));
	add_member(r, "idm_high_privilege", "vips");
	for (size_t i = 0; i < COUNT(hp); i++)
		add_member(r, "vips", hp[i]);
}

/* The uuid of the entry that was just made goes to the target of this name. */
static void
note_target(struct matrix *m, const char *name)
{
	for (size_t i = 0; i < TARGETS; i++) {
		if (matrix_targets[i].name != NULL && strcmp(matrix_targets[i].name, name) == 0)
			m->targets[i] = m->realm->set.items[0].uuid;
	}
}

static void
add_system(struct matrix *m)
{
	struct realm *r = m->realm;

	OK(r, realm_create(r, NULL, "class", "access_control_profile", "name", "custom",
		  "acp_receiver", "idm_admins", "acp_target", "(class=application)", NULL));
	OK(r, realm_create(r, NULL, "class", "radius_client", "name", "nas1",
		  "radius_client_network", "192.0.2.0/24", NULL));
	OK(r, realm_create(
		  r, NULL, "class", "application", "name", "app1", "displayname", "App", NULL));
	OK(r, realm_create(r, NULL, "class", "attributetype", "attributetype_name", "shoesize",
		  "attributetype_syntax", "utf8", NULL));
	note_target(m, "shoesize");
	OK(r, realm_create(r, NULL, "class", "classtype", "classtype_name", "shoewearer", NULL));
	note_target(m, "shoewearer");
}

static void
find_targets(struct matrix *m)
{
	static const char *const deleted[] = { "gone", "hgone", "gteam" };

	for (size_t i = 0; i < TARGETS; i++) {
		if (matrix_targets[i].name != NULL && idm_uuid_is_null(&m->targets[i]))
			m->targets[i] = realm_uuid(m->realm, matrix_targets[i].name);
	}
	for (size_t i = 0; i < COUNT(deleted); i++)
		OK(m->realm, realm_delete(m->realm, NULL, deleted[i]));
}

/* --- roles */

/* The role itself, and whatever the table says that it has the rights of. */
static void
rise(struct role *role, struct idm_span name)
{
	for (size_t i = 0; i < role->above_count; i++) {
		if (idm_span_equal(role->above[i], name))
			return;
	}
	assert_true(role->above_count < ABOVE_MAX);
	role->above[role->above_count++] = name;
	for (size_t i = 0; i < COUNT(matrix_nesting); i++) {
		const char *of = matrix_nesting[i].of;
		struct idm_span word;

		while (idm_span_is(name, matrix_nesting[i].member) && idm_word_next(&of, &word))
			rise(role, word);
	}
}

static void
add_role(struct matrix *m, const char *name, const char *account, const char *is)
{
	struct role *role = &m->roles[m->role_count++];

	assert_true(m->role_count <= ROLES_MAX);
	role->name = name;
	role->is = is;
	role->identity = realm_identity(m->realm, account);
	if (strcmp(name, "anonymous") == 0)
		role->identity.kind = IDM_IDENTITY_ANONYMOUS;
	rise(role, idm_span_cstr(name));
	rise(role, IDM_SPAN_LIT("everybody"));
	if (strcmp(name, "anonymous") != 0)
		rise(role, IDM_SPAN_LIT("accounts"));
	if (has_word(is, IDM_SPAN_LIT("person")) || has_word(is, IDM_SPAN_LIT("hp:person")))
		rise(role, IDM_SPAN_LIT("persons"));
}

static void
add_roles(struct matrix *m)
{
	size_t count;
	const struct idm_builtin_group *groups = idm_builtin_groups(&count);

	add_role(m, "anonymous", "anonymous", "account service_account");
	add_role(m, "nothing", "plain", "account person");
	add_role(m, "nothing", "svc", "account service_account");
	add_role(m, "manager", "boss", "account person");
	add_role(m, "admin", "admin", "hp:account hp:service_account");
	add_role(m, "idm_admin", "idm_admin", "hp:account hp:service_account");
	for (size_t i = 0; i < count; i++) {
		char account[80];

		if (groups[i].dyngroup_filter != NULL)
			continue;
		snprintf(account, sizeof(account), "in.%s", groups[i].name);
		realm_person(m->realm, account);
		add_member(m->realm, groups[i].name, account);
		add_role(m, groups[i].name, account,
		    groups[i].high_privilege ? "hp:account hp:person" : "account person");
	}
}

static int
setup(void **state)
{
	struct matrix *m = calloc(1, sizeof(*m));
	void *realm;

	assert_non_null(m);
	realm_setup(&realm);
	m->realm = realm;
	add_accounts_and_groups(m->realm);
	add_system(m);
	find_targets(m);
	add_roles(m);
	*state = m;
	return 0;
}

static int
teardown(void **state)
{
	struct matrix *m = *state;
	void *realm = m->realm;

	idm_access_table_free(&m->table);
	realm_teardown(&realm);
	free(m);
	return 0;
}

/* All tests look at one realm, and leave it as it is. */
static int
begin_count(void **state)
{
	struct matrix *m = *state;

	m->cells = m->differences = 0;
	return 0;
}

/* One snapshot for all that a role is asked about. */
static void
begin_role(struct matrix *m, const struct role *role)
{
	struct realm *r = m->realm;

	realm_entry(r, "admin");
	OK(r, idm_access_table_refresh(&r->read, &m->table, &r->err));
	assert_null(idm_access_table_complaint(m->table));
	OK(r, idm_access_resolve(
		  &r->read, m->table, &role->identity, r->read.arena, &m->access, &r->err));
}

/* --- what the table says */

struct rights {
	struct idm_attrset search;
	struct idm_attrset present;
	struct idm_attrset removed;
	const char *classes[ABOVE_MAX];
	size_t class_count;
	bool deletes;
};

static void
add_words(struct idm_attrset *set, const char *words)
{
	struct idm_span word;

	while (idm_word_next(&words, &word)) {
		const struct idm_attr *attr = idm_schema_attr(idm_schema_builtin(), word);

		if (attr == NULL)
			fail_msg("the table names the attribute %.*s", IDM_SPAN_ARG(word));
		idm_attrset_add(set, attr);
	}
}

static bool
is_above(const struct role *role, const char *name)
{
	for (size_t i = 0; i < role->above_count; i++) {
		if (idm_span_is(role->above[i], name))
			return true;
	}
	return false;
}

/* `what`: a word of `is`; "any:X" is X and hp:X. */
static bool
is_target(const char *is, const char *what)
{
	char hp[64];

	if (strncmp(what, "any:", 4) != 0)
		return has_word(is, idm_span_cstr(what));
	snprintf(hp, sizeof(hp), "hp:%s", what + 4);
	return has_word(is, idm_span_cstr(what + 4)) || has_word(is, idm_span_cstr(hp));
}

static void
look_up(const struct role *role, const char *is, bool self, struct rights *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < COUNT(matrix_rights); i++) {
		const struct matrix_right *row = &matrix_rights[i];

		if (!is_above(role, row->role) ||
		    !(strcmp(row->target, "self") == 0 ? self : is_target(is, row->target)))
			continue;
		add_words(&out->search, row->search);
		add_words(&out->present, row->present);
		add_words(&out->removed, row->removed != NULL ? row->removed : row->present);
		assert_true(out->class_count < ABOVE_MAX);
		out->classes[out->class_count++] = row->classes;
		out->deletes = out->deletes || row->deletes;
	}
}

static bool
has_class(const struct rights *rights, struct idm_span class_name)
{
	for (size_t i = 0; i < rights->class_count; i++) {
		if (has_word(rights->classes[i], class_name))
			return true;
	}
	return false;
}

/* --- what the core says, against that */

static void
compare(struct matrix *m, const struct role *role, const char *kind, const char *what,
    const char *of, bool got, bool expected)
{
	m->cells++;
	if (got == expected)
		return;
	m->differences++;
	print_error("%s: may%s %s%s%s of: %s\n", role->name, got ? "" : " not", what,
	    of[0] == '\0' ? "" : " ", of, kind);
}

/* Whatever is refused is refused for want of a right, or of sight. */
static bool
may(struct matrix *m, enum idm_result result, bool sees)
{
	if (result == IDM_OK)
		return true;
	assert_int_equal(result, sees ? IDM_DENIED : IDM_NOT_FOUND);
	if (!sees)
		assert_string_equal(m->realm->err.client_text, "no matching entries");
	else
		assert_true(m->realm->err.client_text[0] != '\0');
	return false;
}

static bool
may_modify(struct matrix *m, const struct idm_entry *entry, const struct idm_access_change *change,
    bool sees)
{
	struct realm *r = m->realm;
	struct idm_arena_mark mark = idm_arena_mark(r->read.arena);
	bool out = may(m, idm_access_modify(&r->read, m->access, entry, change, &r->err), sees);

	idm_arena_rewind(r->read.arena, mark);
	return out;
}

static void
check_attributes(struct matrix *m, const struct role *role, const char *kind,
    const struct idm_entry *entry, const struct rights *rights, bool sees)
{
	struct realm *r = m->realm;
	const struct idm_attr *attr;
	struct idm_attrset searched;

	OK(r, idm_access_search(&r->read, m->access, entry, &searched, &r->err));
	for (size_t i = 0; (attr = idm_schema_attr_at(idm_schema_builtin(), i)) != NULL; i++) {
		struct idm_access_change present = { .class_count = 0 }, removed = present;

		compare(m, role, kind, "search", attr->name, idm_attrset_has(&searched, attr),
		    idm_attrset_has(&rights->search, attr));
		if (attr->number == IDM_ATTR_CLASS)
			continue; /* its values are granted one by one */
		idm_attrset_add(&present.present, attr);
		idm_attrset_add(&removed.removed, attr);
		compare(m, role, kind, "write", attr->name, may_modify(m, entry, &present, sees),
		    idm_attrset_has(&rights->present, attr));
		compare(m, role, kind, "remove", attr->name, may_modify(m, entry, &removed, sees),
		    idm_attrset_has(&rights->removed, attr));
	}
}

static void
check_classes(struct matrix *m, const struct role *role, const char *kind,
    const struct idm_entry *entry, const struct rights *rights, bool sees)
{
	const struct idm_class *class;

	for (size_t i = 0; (class = idm_schema_class_at(idm_schema_builtin(), i)) != NULL; i++) {
		struct idm_span name = idm_span_cstr(class->name);
		struct idm_access_change change = { .classes = &name, .class_count = 1 };

		compare(m, role, kind, "change the class", class->name,
		    may_modify(m, entry, &change, sees), has_class(rights, name));
	}
}

/* What is explained adds up to the rights, and each part of it comes from somewhere (SPEC 5). */
static void
check_explained(struct matrix *m, const struct role *role, const char *kind,
    const struct idm_entry *entry, const struct rights *rights)
{
	struct realm *r = m->realm;
	struct idm_attrset search = { { 0 } }, present = search, removed = search;
	struct idm_granted *list;
	bool deletes = false;
	size_t count;

	OK(r, idm_access_explain(&r->read, m->access, entry, &list, &count, &r->err));
	for (size_t i = 0; i < count; i++) {
		for (size_t word = 0; word < IDM_ATTRSET_WORDS; word++) {
			search.bits[word] |= list[i].search.bits[word];
			present.bits[word] |= list[i].present.bits[word];
			removed.bits[word] |= list[i].removed.bits[word];
		}
		deletes = deletes || list[i].deletes;
		assert_true(list[i].through_count != 0);
		for (size_t k = 0; k < list[i].class_count; k++)
			assert_true(has_class(rights, list[i].classes[k]));
	}
	compare(m, role, kind, "be told", "of searches",
	    memcmp(&search, &rights->search, sizeof(search)) == 0, true);
	compare(m, role, kind, "be told", "of writes",
	    memcmp(&present, &rights->present, sizeof(present)) == 0 &&
		memcmp(&removed, &rights->removed, sizeof(removed)) == 0,
	    true);
	compare(m, role, kind, "be told", "of deleting", deletes, rights->deletes);
}

/* anonymous sees what it may not write, and is told nothing of it all the same (SPEC 5.6). */
static bool
is_told(const struct role *role, const struct rights *rights)
{
	return role->identity.kind != IDM_IDENTITY_ANONYMOUS &&
	       !idm_attrset_is_empty(&rights->search);
}

static void
check_target(struct matrix *m, const struct role *role, size_t index)
{
	struct realm *r = m->realm;
	const struct matrix_target *target = &matrix_targets[index];
	const struct idm_uuid *uuid =
	    target->name == NULL ? &role->identity.uuid : &m->targets[index];
	bool self = idm_uuid_equal(uuid, &role->identity.uuid);
	struct idm_entry entry;
	struct rights rights;
	bool told;

	look_up(role, target->name == NULL ? role->is : target->is, self, &rights);
	told = is_told(role, &rights);
	OK(r, idm_lookup_uuid(&r->read, uuid, &entry, &r->err));
	check_attributes(m, role, target->kind, &entry, &rights, told);
	check_classes(m, role, target->kind, &entry, &rights, told);
	check_explained(m, role, target->kind, &entry, &rights);
	compare(m, role, target->kind, "delete", "",
	    may(m, idm_access_delete(&r->read, m->access, &entry, &r->err), told), rights.deletes);
}

static void
each_role_has_its_rights_on_each_kind_of_entry_and_no_others(void **state)
{
	struct matrix *m = *state;

	for (size_t i = 0; i < m->role_count; i++) {
		begin_role(m, &m->roles[i]);
		for (size_t k = 0; k < TARGETS; k++)
			check_target(m, &m->roles[i], k);
	}
	realm_done(m->realm);
	print_message(
	    "%zu roles, %zu kinds of entry, %zu cells\n", m->role_count, (size_t)TARGETS, m->cells);
	assert_int_equal(m->differences, 0);
}

/* --- creating */

/* A value that fits the attribute's syntax; what access asks is only that it is there. */
static struct idm_value
some_value(const struct idm_attr *of)
{
	static const uint8_t octets[17] = { 1 };
	size_t len = 1;

	if (of->syntax == IDM_SYNTAX_DATETIME)
		len = 8;
	else if (of->syntax == IDM_SYNTAX_UINT32)
		len = 4;
	else if (of->syntax == IDM_SYNTAX_REFERENCE || of->syntax == IDM_SYNTAX_UUID)
		len = IDM_UUID_BYTES;
	else if (of->syntax == IDM_SYNTAX_NETWORK)
		len = sizeof(octets);
	return (struct idm_value){ { octets, len }, { octets, len } };
}

static void
add_attributes(struct realm *r, struct idm_draft *draft, const char *words)
{
	struct idm_span word;

	while (idm_word_next(&words, &word)) {
		const struct idm_attr *attr = idm_schema_attr(idm_schema_builtin(), word);

		assert_non_null(attr);
		OK(r, idm_draft_add(draft, attr->number, some_value(attr)));
	}
}

/* May the role make an entry of these classes with these attributes, and one more (or "")? */
static bool
may_create(struct matrix *m, const char *classes, const char *needs, const char *more)
{
	struct realm *r = m->realm;
	struct idm_arena_mark mark = idm_arena_mark(r->read.arena);
	struct idm_draft *draft = idm_draft_new(r->read.arena);
	struct idm_uuid uuid = { { 1 } };
	struct idm_span word, bytes;
	struct idm_entry entry;
	enum idm_result result;

	assert_non_null(draft);
	while (idm_word_next(&classes, &word)) {
		struct idm_value class = { word, word };

		OK(r, idm_draft_add(draft, IDM_ATTR_CLASS, class));
	}
	add_attributes(r, draft, needs);
	add_attributes(r, draft, more);
	OK(r, idm_draft_encode(draft, &uuid, 1, &bytes, &r->err));
	OK(r, idm_entry_view(bytes, 0, &entry, &r->err));
	result = idm_access_create(&r->read, m->access, &entry, false, &r->err);
	assert_true(result == IDM_OK || result == IDM_DENIED);
	idm_arena_rewind(r->read.arena, mark);
	return result == IDM_OK;
}

static void
check_creation(struct matrix *m, const struct role *role, size_t index)
{
	const char *kind = matrix_new[index].kind;
	const struct idm_attr *attr;
	struct idm_attrset allowed = { { 0 } };
	bool any = false;

	for (size_t i = 0; i < COUNT(matrix_creates); i++) {
		if (strcmp(matrix_creates[i].kind, kind) != 0 ||
		    !is_above(role, matrix_creates[i].role))
			continue;
		any = true;
		add_words(&allowed, matrix_creates[i].attributes);
	}
	compare(m, role, kind, "create", "",
	    may_create(m, matrix_new[index].classes, matrix_new[index].needs, ""), any);
	for (size_t i = 0; (attr = idm_schema_attr_at(idm_schema_builtin(), i)) != NULL; i++) {
		if (attr->number == IDM_ATTR_CLASS ||
		    (attr->flags & (IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM)) != 0)
			continue; /* the server's: refused by the change, and no right */
		compare(m, role, kind, "create with", attr->name,
		    may_create(m, matrix_new[index].classes, matrix_new[index].needs, attr->name),
		    any && idm_attrset_has(&allowed, attr));
	}
}

static void
each_role_creates_its_kinds_of_entry_and_no_others(void **state)
{
	struct matrix *m = *state;

	for (size_t i = 0; i < m->role_count; i++) {
		begin_role(m, &m->roles[i]);
		for (size_t k = 0; k < COUNT(matrix_new); k++)
			check_creation(m, &m->roles[i], k);
	}
	realm_done(m->realm);
	print_message("%zu roles, %zu kinds of entry, %zu cells\n", m->role_count,
	    COUNT(matrix_new), m->cells);
	assert_int_equal(m->differences, 0);
}

/* --- the same as changes, which rules judge too */

static void
check_deletion(struct matrix *m, const struct role *role, size_t index)
{
	struct realm *r = m->realm;
	const struct matrix_target *target = &matrix_targets[index];
	struct idm_request request = { .operation = IDM_OP_DELETE,
		.target = target->name == NULL ? role->identity.uuid : m->targets[index] };
	bool self = idm_uuid_equal(&request.target, &role->identity.uuid);
	bool builtin = idm_uuid_is_builtin(&request.target);
	struct rights rights;
	enum idm_result result;

	look_up(role, target->name == NULL ? role->is : target->is, self, &rights);
	if (idm_span_is(idm_span_cstr(target->is), "recycled"))
		rights.deletes = false; /* it is deleted */
	realm_group_begin(r);
	result = realm_run(r, &role->identity, &request);
	realm_group_abort(r);
	if (rights.deletes && builtin)
		assert_int_equal(result, IDM_PROTECTED);
	else
		compare(m, role, target->kind, "delete", "", result == IDM_OK, rights.deletes);
}

static void
each_role_deletes_what_it_may_and_no_built_in(void **state)
{
	struct matrix *m = *state;

	for (size_t i = 0; i < m->role_count; i++) {
		for (size_t k = 0; k < TARGETS; k++)
			check_deletion(m, &m->roles[i], k);
	}
	assert_int_equal(m->differences, 0);
}

/* Some text that the attribute's syntax takes; NULL: it is not written as an attribute. */
static const char *
some_text(const struct idm_attr *attr)
{
	const uint32_t never = IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM | IDM_ATTR_ROWS |
			       IDM_ATTR_LOCAL | IDM_ATTR_WRITE_ONLY;

	if ((attr->flags & never) != 0 || attr->number == IDM_ATTR_CLASS)
		return NULL;
	switch (attr->syntax) {
	case IDM_SYNTAX_CREDENTIAL:
	case IDM_SYNTAX_SECRET:
	case IDM_SYNTAX_SESSION: return NULL;
	case IDM_SYNTAX_REFERENCE: return "team";
	case IDM_SYNTAX_DATETIME: return "2030-01-01T00:00:00Z";
	case IDM_SYNTAX_UINT32: return "70000";
	case IDM_SYNTAX_BOOLEAN: return "true";
	case IDM_SYNTAX_EMAIL: return "x@example.org";
	case IDM_SYNTAX_PATH: return "/x";
	case IDM_SYNTAX_NETWORK: return "192.0.2.0/28";
	case IDM_SYNTAX_FILTER: return "(class=posixaccount)";
	case IDM_SYNTAX_UUID:
	case IDM_SYNTAX_KEYWORD:
	case IDM_SYNTAX_INAME:
	case IDM_SYNTAX_INAME_DNS:
	case IDM_SYNTAX_SPN:
	case IDM_SYNTAX_UTF8:
	case IDM_SYNTAX_UTF8_NOCASE:
	case IDM_SYNTAX_SSHKEY: break;
	}
	return "zz";
}

static void
check_change(struct matrix *m, const struct role *role, size_t index, const struct idm_attr *attr,
    const struct rights *rights)
{
	struct idm_span value = idm_span_cstr(some_text(attr));
	struct idm_request_mod mod = { IDM_REQUEST_ADD, attr, &value, 1 };
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target =
		    matrix_targets[index].name == NULL ? role->identity.uuid : m->targets[index],
		.mods = &mod,
		.mod_count = 1 };
	enum idm_result result;

	realm_group_begin(m->realm);
	result = realm_run(m->realm, &role->identity, &request);
	realm_group_abort(m->realm);
	compare(m, role, matrix_targets[index].kind, "change", attr->name,
	    result != IDM_DENIED && result != IDM_NOT_FOUND,
	    idm_attrset_has(&rights->present, attr) &&
		!has_word(matrix_targets[index].is, IDM_SPAN_LIT("recycled")));
}

/* Every attribute of every kind of entry by every role takes a while: here one of many. */
static void
a_change_is_judged_as_the_rights_are(void **state)
{
	struct matrix *m = *state;
	size_t step = getenv("KANIDM_TEST_LONG") != NULL ? 1 : 23, at = 0;
	const struct idm_attr *attr;

	for (size_t i = 0; i < m->role_count * TARGETS; i++) {
		const struct role *role = &m->roles[i / TARGETS];
		const struct matrix_target *target = &matrix_targets[i % TARGETS];
		const struct idm_uuid *uuid =
		    target->name == NULL ? &role->identity.uuid : &m->targets[i % TARGETS];
		struct rights rights;

		look_up(role, target->name == NULL ? role->is : target->is,
		    idm_uuid_equal(uuid, &role->identity.uuid), &rights);
		for (size_t k = 0; (attr = idm_schema_attr_at(idm_schema_builtin(), k)) != NULL;
		     k++) {
			if (some_text(attr) != NULL && at++ % step == 0)
				check_change(m, role, i % TARGETS, attr, &rights);
		}
	}
	print_message("%zu changes\n", m->cells);
	assert_int_equal(m->differences, 0);
}

/* Nobody raises himself, whatever he may write else (SPEC 5.5). */
static void
no_role_writes_what_makes_an_entry_what_it_is(void **state)
{
	static const char *const attrs[] = { "memberof", "directmemberof", "dynmember", "spn",
		"uuid", "created", "last_modified", "domain_name", "domain_uuid",
		"attributetype_number" };
	struct matrix *m = *state;
	struct realm *r = m->realm;

	for (size_t i = 0; i < m->role_count * TARGETS * COUNT(attrs); i++) {
		const struct role *role = &m->roles[i / COUNT(attrs) / TARGETS];
		size_t index = i / COUNT(attrs) % TARGETS;
		struct idm_span value = IDM_SPAN_LIT("00000000-0000-0000-0000-000000001000");
		struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
			idm_schema_attr(
			    idm_schema_builtin(), idm_span_cstr(attrs[i % COUNT(attrs)])),
			&value, 1 };
		struct idm_request request = { .operation = IDM_OP_MODIFY,
			.target = matrix_targets[index].name == NULL ? role->identity.uuid
								     : m->targets[index],
			.mods = &mod,
			.mod_count = 1 };
		enum idm_result result;

		realm_group_begin(r);
		result = realm_run(r, &role->identity, &request);
		realm_group_abort(r);
		if (result != IDM_DENIED && result != IDM_NOT_FOUND)
			fail_msg("%s wrote %s of: %s: %s", role->name, attrs[i % COUNT(attrs)],
			    matrix_targets[index].kind, idm_result_name(result));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, begin_count)
		T(each_role_has_its_rights_on_each_kind_of_entry_and_no_others),
		T(each_role_creates_its_kinds_of_entry_and_no_others),
		T(each_role_deletes_what_it_may_and_no_built_in),
		T(a_change_is_judged_as_the_rights_are),
		T(no_role_writes_what_makes_an_entry_what_it_is),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
