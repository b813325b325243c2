/* Who may do what: the built-in profiles row by row, and the engine's corner cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/access.h"
#include "core/builtin_profiles.h"
#include "tests/support/fixture.h"
#include "tests/support/profiles.h"
#include "tests/support/realm.h"

/* What several rows below share, written out once more than in the table under test. */
#define POSIX "gidnumber loginshell homedirectory "
#define WINDOW "account_expire account_valid_from "
#define CREDS "primary_credential unix_password "
#define ALL                                                                                        \
	"name spn displayname class memberof directmemberof member dynmember uuid " POSIX          \
	"ssh_publickey created last_modified "
#define SELF ALL "legalname mail radius_secret " WINDOW CREDS "api_token_session user_session "
#define DETAILS ALL "mail " WINDOW CREDS "api_token_session user_session account_softlock_expire "
#define WRITE                                                                                      \
	"name displayname ssh_publickey mail api_token_session account_softlock_expire " WINDOW    \
	    CREDS
#define PERSON "name displayname legalname mail "
#define GROUP "name description member entry_managed_by "
#define TREE "class ou uuid domain_name domain_display_name "
#define BASE "uuid class created last_modified "
#define POLICY                                                                                     \
	"policy_password_minimum policy_session_expiry policy_privilege_expiry "                   \
	"policy_primary_ldap_bind policy_search_limit "
#define VLAN "radius_vlan radius_priority radius_reply "
#define LISTS "badlist_password denied_name "
#define NOTE "description entry_managed_by "
#define INTO_ON "displayname legalname mail "

struct world {
	struct fixture *f;
	struct idm_access_table *table;
};

/* --- the directory that is judged */

static void
edge(struct fixture *f, const char *group, const char *member)
{
	assert_true(fixture_edge(f, fixture_id(f, group), fixture_id(f, member), true));
}

static void
add_service(struct fixture *f, const char *name, const char *manager)
{
	fixture_add(f, "class", "object", "class", "account", "class", "service_account", "name",
	    name, "displayname", name, manager == NULL ? NULL : "entry_managed_by", manager, NULL);
}

static void
add_others(struct fixture *f)
{
	fixture_add(f, "class", "object", "class", "domain_info", "name", "domain", "domain_name",
	    FIXTURE_DOMAIN, NULL);
	fixture_add(f, "class", "object", "class", "system_config", "name", "config", NULL);
	fixture_add(f, "class", "object", "class", "radius_client", "name", "nas", NULL);
	fixture_add(f, "class", "object", "class", "application", "name", "app", NULL);
	fixture_add(f, "class", "object", "class", "attributetype", "name", "newtype", NULL);
	fixture_add(f, "class", "object", "class", "account", "class", "person", "class",
	    "recycled", "name", "old", "displayname", "Old", NULL);
}

/* boss manages managed_svc, and managed_team through the group bosses. */
static void
add_managed(struct fixture *f)
{
	char uuid[IDM_UUID_TEXT];
	struct idm_entry entry;

	fixture_person(f, "boss");
	fixture_group(f, "bosses");
	edge(f, "bosses", "boss");
	entry = fixture_entry(f, fixture_id(f, "boss"));
	idm_uuid_format(&entry.uuid, uuid);
	add_service(f, "managed_svc", uuid);
	entry = fixture_entry(f, fixture_id(f, "bosses"));
	idm_uuid_format(&entry.uuid, uuid);
	fixture_add(f, "class", "object", "class", "group", "name", "managed_team",
	    "entry_managed_by", uuid, NULL);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *fixture;

	assert_non_null(w);
	fixture_setup(&fixture);
	w->f = fixture;
	profiles_add(w->f);
	fixture_person(w->f, "plain");
	fixture_person(w->f, "alice");
	fixture_person(w->f, "hilda"); /* HP, as whoever is in vips */
	add_service(w->f, "svc", NULL);
	add_service(w->f, "hsvc", NULL);
	fixture_group(w->f, "team");
	fixture_group(w->f, "vips");
	edge(w->f, "idm_high_privilege", "vips");
	edge(w->f, "vips", "hilda");
	edge(w->f, "vips", "hsvc");
	add_others(w->f);
	add_managed(w->f);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	void *fixture = w->f;

	idm_access_table_free(&w->table);
	fixture_teardown(&fixture);
	free(w);
	return 0;
}

/* --- asking */

/* An account by its name; a group stands for a person that is in it and in nothing else. */
static struct idm_access *
role(struct world *w, const char *name, char actor[64])
{
	uint64_t id = fixture_id(w->f, name);
	struct idm_entry entry;

	if (id == 0)
		fail_msg("no role %s", name);
	entry = fixture_entry(w->f, id);
	snprintf(actor, 64, "%s", name);
	if (idm_entry_has_class(&entry, "group")) {
		snprintf(actor, 64, "in.%s", name);
		if (fixture_id(w->f, actor) == 0) {
			fixture_person(w->f, actor);
			edge(w->f, name, actor);
		}
	}
	return profiles_of(w->f, &w->table, actor,
	    strcmp(name, "anonymous") == 0 ? IDM_IDENTITY_ANONYMOUS : IDM_IDENTITY_SESSION);
}

/* The entry with this name, recycled ones too. */
static struct idm_entry
target(struct world *w, const char *name)
{
	struct idm_span text = idm_span_cstr(name);
	struct idm_entry entry;

	if (idm_lookup_claim(&w->f->read, IDM_CLAIM_NAME, text, &entry, &w->f->err) != IDM_OK &&
	    idm_lookup_claim(&w->f->read, IDM_CLAIM_PROFILE, text, &entry, &w->f->err) != IDM_OK)
		fail_msg("no target %s", name);
	return entry;
}

static const struct idm_attr *
attr(const char *name)
{
	const struct idm_attr *out = idm_schema_attr(idm_schema_builtin(), idm_span_cstr(name));

	if (out == NULL)
		fail_msg("no attribute %s", name);
	return out;
}

static struct idm_attrset
set_of(const char *words)
{
	struct idm_attrset set = { { 0 } };
	struct idm_span word;

	while (idm_word_next(&words, &word)) {
		const struct idm_attr *one = idm_schema_attr(idm_schema_builtin(), word);

		if (one == NULL)
			fail_msg("no attribute %.*s", IDM_SPAN_ARG(word));
		idm_attrset_add(&set, one);
	}
	return set;
}

/* Every difference of the two sets is named. */
static void
assert_set(const char *who, const char *whom, const char *what, const struct idm_attrset *got,
    const char *words)
{
	struct idm_attrset expected = set_of(words);
	const struct idm_attr *one;
	size_t differences = 0;

	for (size_t i = 0; (one = idm_schema_attr_at(idm_schema_builtin(), i)) != NULL; i++) {
		bool has = idm_attrset_has(got, one);

		if (has == idm_attrset_has(&expected, one))
			continue;
		print_error(
		    "%s may%s %s %s of %s\n", who, has ? "" : " not", what, one->name, whom);
		differences++;
	}
	assert_int_equal(differences, 0);
}

static bool
may(enum idm_result result)
{
	assert_true(result == IDM_OK || result == IDM_DENIED || result == IDM_NOT_FOUND);
	return result == IDM_OK;
}

static bool
may_modify(struct world *w, const struct idm_access *access, const struct idm_entry *entry,
    const struct idm_access_change *change)
{
	struct idm_arena_mark mark = idm_arena_mark(w->f->arena);
	bool out = may(idm_access_modify(&w->f->read, access, entry, change, &w->f->err));

	idm_arena_rewind(w->f->arena, mark);
	return out;
}

/* What can be written, one attribute at a time. */
static struct idm_attrset
writable(
    struct world *w, const struct idm_access *access, const struct idm_entry *entry, bool removes)
{
	struct idm_attrset out = { { 0 } };
	const struct idm_attr *one;

	for (size_t i = 0; (one = idm_schema_attr_at(idm_schema_builtin(), i)) != NULL; i++) {
		struct idm_access_change change = { .present = { { 0 } } };

		if (one->number == IDM_ATTR_CLASS)
			continue; /* the class values say it */
		idm_attrset_add(removes ? &change.removed : &change.present, one);
		if (may_modify(w, access, entry, &change))
			idm_attrset_add(&out, one);
	}
	return out;
}

static bool
has_word(const char *words, const char *wanted)
{
	struct idm_span word;

	while (idm_word_next(&words, &word)) {
		if (idm_span_is(word, wanted))
			return true;
	}
	return false;
}

static void
assert_classes(struct world *w, const char *who, const char *whom, const struct idm_access *access,
    const struct idm_entry *entry, const char *expected)
{
	const struct idm_class *class;

	for (size_t i = 0; (class = idm_schema_class_at(idm_schema_builtin(), i)) != NULL; i++) {
		struct idm_span name = idm_span_cstr(class->name);
		struct idm_access_change change = { .classes = &name, .class_count = 1 };

		if (may_modify(w, access, entry, &change) != has_word(expected, class->name))
			fail_msg("%s on the class %s of %s", who, class->name, whom);
	}
}

/* --- the table of SPEC 5.4: exactly these rights, and no others */

struct row {
	const char *role;   /* an account, or a group: a person who is in that alone */
	const char *target; /* "self": the role's own entry */
	const char *search; /* NULL: the entry is not there */
	const char *present;
	const char *removed; /* NULL: as `present` */
	const char *classes;
	bool deletes;
};

/* Who looks at one attribute learns of it what who looks at all does. */
static void
assert_each_alone(struct world *w, const struct idm_access *access, const struct idm_entry *entry,
    const struct idm_attrset *all)
{
	const struct idm_attr *attr;

	for (size_t i = 0; (attr = idm_schema_attr_at(w->f->read.schema, i)) != NULL; i++) {
		struct idm_attrset wanted = { { 0 } }, set;

		idm_attrset_add(&wanted, attr);
		assert_int_equal(
		    idm_access_search_for(&w->f->read, access, entry, &wanted, &set, &w->f->err),
		    IDM_OK);
		assert_true(idm_attrset_has(&set, attr) == idm_attrset_has(all, attr));
		assert_true(idm_attrset_covers(all, &set));
		assert_true(idm_attrset_is_empty(&set) == idm_attrset_is_empty(all));
	}
}

static void
check_row(struct world *w, const struct row *row)
{
	char actor[64];
	struct idm_access *access = role(w, row->role, actor);
	const char *whom = strcmp(row->target, "self") == 0 ? actor : row->target;
	struct idm_entry entry = target(w, whom);
	struct idm_attrset set;

	assert_int_equal(idm_access_search(&w->f->read, access, &entry, &set, &w->f->err), IDM_OK);
	assert_set(row->role, whom, "search", &set, row->search);
	assert_each_alone(w, access, &entry, &set);
	set = writable(w, access, &entry, false);
	assert_set(row->role, whom, "write", &set, row->present);
	set = writable(w, access, &entry, true);
	assert_set(
	    row->role, whom, "remove", &set, row->removed != NULL ? row->removed : row->present);
	assert_classes(w, row->role, whom, access, &entry, row->classes);
	if (may(idm_access_delete(&w->f->read, access, &entry, &w->f->err)) != row->deletes)
		fail_msg("%s deleting %s", row->role, whom);
	if (row->search == NULL)
		assert_string_equal(w->f->err.client_text, "no matching entries");
}

static void
check_rows(struct world *w, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_row(w, &rows[i]);
}

#define CHECK(state, rows) check_rows(*(state), rows, sizeof(rows) / sizeof((rows)[0]))

static void
everybody_reads_accounts_groups_and_the_tree(void **state)
{
	static const struct row rows[] = {
		{ "anonymous", "alice", ALL, .present = NULL },
		{ "anonymous", "hilda", ALL, .present = NULL },
		{ "anonymous", "team", ALL, .present = NULL },
		{ "anonymous", "vips", ALL, .present = NULL },
		{ "anonymous", "domain", TREE, .present = NULL },
		{ "anonymous", "config", NULL, .present = NULL },
		{ "anonymous", "nas", NULL, .present = NULL },
		{ "anonymous", "app", NULL, .present = NULL },
		{ "anonymous", "old", NULL, .present = NULL },
		{ "anonymous", "all_read", NULL, .present = NULL },
		{ "plain", "alice", ALL, .present = NULL },
		{ "plain", "admin", ALL, .present = NULL },
		{ "plain", "svc", ALL, .present = NULL },
		{ "plain", "domain", TREE, .present = NULL },
		{ "plain", "config", NULL, .present = NULL },
		{ "plain", "newtype", NULL, .present = NULL },
		{ "plain", "old", NULL, .present = NULL },
		{ "svc", "alice", ALL, .present = NULL },
		{ "svc", "self", SELF, .present = NULL }, /* not a person: nothing to write */
		{ "hilda", "alice", ALL, .present = NULL },
	};

	CHECK(state, rows);
}

static void
persons_write_what_is_theirs(void **state)
{
#define OWN "name displayname legalname radius_secret ssh_publickey " CREDS
	static const struct row rows[] = {
		{ "alice", "self", SELF, .present = OWN, .removed = OWN "user_session" },
		{ "hilda", "self", SELF, .present = OWN, .removed = OWN "user_session" },
		{ "idm_people_self_write_mail_priv", "self", SELF, .present = OWN "mail",
		    .removed = OWN "mail user_session" },
		{ "idm_people_self_write_mail_priv", "alice", ALL, .present = NULL },
		/* anonymous has no RADIUS secret to look at */
		{ "anonymous", "self",
		    ALL "legalname mail api_token_session user_session " WINDOW CREDS,
		    .present = NULL },
	};

	CHECK(state, rows);
#undef OWN
}

static void
people_privileges_end_at_hp(void **state)
{
	static const struct row rows[] = {
		{ "idm_mail_read_priv", "alice", ALL "mail " WINDOW, .present = NULL },
		{ "idm_mail_read_priv", "hilda", ALL, .present = NULL },
		{ "idm_people_read_priv", "alice", ALL "legalname mail", .present = NULL },
		{ "idm_people_read_priv", "svc", ALL, .present = NULL },
		{ "idm_people_read_priv", "hilda", ALL, .present = NULL },
		{ "idm_people_write_priv", "alice", ALL "legalname mail", .present = PERSON },
		{ "idm_people_write_priv", "hilda", ALL, .present = NULL },
		{ "idm_people_write_priv", "svc", ALL, .present = NULL },
		{ "idm_people_manage_priv", "alice", ALL "legalname mail", .present = PERSON,
		    .deletes = true },
		{ "idm_people_manage_priv", "hilda", ALL, .present = NULL },
		{ "idm_people_manage_priv", "svc", ALL, .present = NULL },
		{ "idm_people_account_password_import_priv", "alice", ALL,
		    .present = "password_import", .removed = "" },
		{ "idm_people_account_password_import_priv", "hilda", ALL, .present = NULL },
		{ "idm_service_desk", "alice", ALL WINDOW CREDS "account_softlock_expire",
		    .present = CREDS "account_softlock_expire" },
		{ "idm_service_desk", "hilda", ALL, .present = NULL },
		{ "idm_service_desk", "svc", ALL, .present = NULL },
		{ "idm_people_extend_priv", "svc", ALL, .present = INTO_ON, .removed = "",
		    .classes = "person service_account" },
		{ "idm_people_extend_priv", "hsvc", ALL, .present = NULL },
		{ "idm_hp_service_account_into_person_migrate_priv", "svc", ALL, .present = INTO_ON,
		    .removed = "", .classes = "person service_account" },
		{ "idm_hp_service_account_into_person_migrate_priv", "hsvc", ALL,
		    .present = INTO_ON, .removed = "", .classes = "person service_account" },
	};

	CHECK(state, rows);
}

static void
account_privileges_end_at_hp(void **state)
{
	static const struct row rows[] = {
		{ "idm_account_read_priv", "alice", DETAILS, .present = NULL },
		{ "idm_account_read_priv", "svc", DETAILS, .present = NULL },
		{ "idm_account_read_priv", "hilda", ALL, .present = NULL },
		{ "idm_account_read_priv", "team", ALL, .present = NULL },
		{ "idm_account_write_priv", "alice", DETAILS, .present = WRITE,
		    .removed = WRITE "user_session" },
		{ "idm_account_write_priv", "svc", DETAILS, .present = WRITE,
		    .removed = WRITE "user_session" },
		{ "idm_account_write_priv", "hilda", ALL, .present = NULL },
		{ "idm_account_write_priv", "admin", ALL, .present = NULL },
		{ "idm_account_manage_priv", "alice", DETAILS, .present = WRITE,
		    .removed = WRITE "user_session" },
		{ "idm_account_manage_priv", "svc", DETAILS NOTE, .present = WRITE NOTE,
		    .removed = WRITE NOTE "user_session", .deletes = true },
		{ "idm_account_manage_priv", "hsvc", ALL, .present = NULL },
		{ "idm_account_unix_extend_priv", "alice", ALL, .present = POSIX "unix_password",
		    .classes = "posixaccount" },
		{ "idm_account_unix_extend_priv", "hilda", ALL, .present = NULL },
		{ "idm_radius_servers", "alice", ALL "radius_secret " WINDOW, .present = NULL },
		{ "idm_radius_servers", "hilda", ALL, .present = NULL },
		{ "idm_radius_secret_read_priv", "alice", ALL "radius_secret", .present = NULL },
		{ "idm_radius_secret_read_priv", "hilda", ALL, .present = NULL },
		{ "idm_radius_secret_write_priv", "alice", ALL "radius_secret",
		    .present = "radius_secret" },
		{ "idm_radius_secret_write_priv", "hilda", ALL, .present = NULL },
	};

	CHECK(state, rows);
}

static void
group_privileges_end_at_hp(void **state)
{
	static const struct row rows[] = {
		{ "idm_group_write_priv", "team", ALL NOTE, .present = GROUP },
		{ "idm_group_write_priv", "vips", ALL, .present = NULL },
		{ "idm_group_write_priv", "alice", ALL, .present = NULL },
		{ "idm_group_manage_priv", "team", ALL NOTE, .present = GROUP, .deletes = true },
		{ "idm_group_manage_priv", "vips", ALL, .present = NULL },
		{ "idm_group_manage_priv", "idm_high_privilege", ALL NOTE, .present = GROUP,
		    .deletes = true },
		{ "idm_group_unix_extend_priv", "team", ALL, .present = "gidnumber",
		    .classes = "posixgroup" },
		{ "idm_group_unix_extend_priv", "vips", ALL, .present = NULL },
		{ "idm_account_policy_admins", "team", ALL POLICY, .present = POLICY,
		    .classes = "account_policy" },
		{ "idm_account_policy_admins", "vips", ALL, .present = NULL },
		{ "idm_network_manage_priv", "team", ALL VLAN, .present = VLAN,
		    .classes = "radius_policy" },
		{ "idm_network_manage_priv", "vips", ALL VLAN, .present = VLAN,
		    .classes = "radius_policy" },
	};

	CHECK(state, rows);
}

static void
hp_privileges_reach_hp_alone(void **state)
{
	static const struct row rows[] = {
		{ "idm_hp_account_read_priv", "hilda", DETAILS, .present = NULL },
		{ "idm_hp_account_read_priv", "alice", ALL, .present = NULL },
		{ "idm_hp_account_write_priv", "hilda", DETAILS, .present = WRITE "radius_secret",
		    .removed = WRITE "radius_secret user_session" },
		{ "idm_hp_account_write_priv", "alice", ALL, .present = NULL },
		{ "idm_hp_account_manage_priv", "hilda", DETAILS, .present = WRITE "radius_secret",
		    .removed = WRITE "radius_secret user_session", .deletes = true },
		{ "idm_hp_account_manage_priv", "hsvc", DETAILS NOTE,
		    .present = WRITE NOTE "radius_secret",
		    .removed = WRITE NOTE "radius_secret user_session", .deletes = true },
		{ "idm_hp_account_manage_priv", "alice", ALL, .present = NULL },
		{ "idm_hp_account_manage_priv", "svc", ALL, .present = NULL },
		{ "idm_hp_people_read_priv", "hilda", ALL "legalname mail", .present = NULL },
		{ "idm_hp_people_read_priv", "alice", ALL, .present = NULL },
		{ "idm_hp_people_write_priv", "hilda", ALL "legalname mail", .present = PERSON },
		{ "idm_hp_people_write_priv", "alice", ALL, .present = NULL },
		{ "idm_hp_people_extend_priv", "hsvc", ALL, .present = INTO_ON, .removed = "",
		    .classes = "person service_account" },
		{ "idm_hp_people_extend_priv", "svc", ALL, .present = NULL },
		{ "idm_hp_group_write_priv", "vips", ALL NOTE POLICY, .present = GROUP POLICY,
		    .classes = "account_policy" },
		{ "idm_hp_group_write_priv", "team", ALL, .present = NULL },
		{ "idm_hp_group_manage_priv", "vips", ALL NOTE POLICY, .present = GROUP POLICY,
		    .classes = "account_policy", .deletes = true },
		{ "idm_hp_group_manage_priv", "team", ALL, .present = NULL },
		{ "idm_hp_group_manage_priv", "idm_all_persons", ALL NOTE "dyngroup_filter",
		    .present = "name description entry_managed_by dyngroup_filter",
		    .deletes = true },
		{ "idm_hp_account_unix_extend_priv", "hilda", ALL, .present = POSIX "unix_password",
		    .classes = "posixaccount" },
		{ "idm_hp_account_unix_extend_priv", "alice", ALL, .present = NULL },
		{ "idm_hp_group_unix_extend_priv", "vips", ALL, .present = "gidnumber",
		    .classes = "posixgroup" },
		{ "idm_hp_group_unix_extend_priv", "team", ALL, .present = NULL },
	};

	CHECK(state, rows);
}

static void
each_kind_of_system_entry_has_its_group(void **state)
{
#define DOMAIN_SET "domain_display_name ldap_base_dn radius_required_group "
#define NAS                                                                                        \
	"name description radius_client_network radius_client_secret radius_client_vendor "        \
	"radius_client_required_group radius_client_default_vlan radius_client_auth_source "       \
	"radius_client_require_message_authenticator "
#define APP "name displayname description linked_group entry_managed_by "
#define ACP                                                                                        \
	"name description acp_receiver acp_target acp_search acp_modify_present "                  \
	"acp_modify_removed acp_modify_class acp_create_class acp_create_attr acp_delete "         \
	"acp_hp acp_enable "
#define TYPES                                                                                      \
	"description attributetype_name attributetype_syntax attributetype_multi "                 \
	"attributetype_unique attributetype_index classtype_name classtype_must classtype_may "
	static const struct row rows[] = {
		{ "domain_admins", "domain", BASE "ou domain_name domain_uuid " DOMAIN_SET,
		    .present = DOMAIN_SET },
		{ "domain_admins", "config", NULL, .present = NULL },
		{ "idm_account_policy_admins", "config", BASE LISTS, .present = LISTS },
		{ "idm_network_manage_priv", "nas", BASE NAS, .present = NAS, .deletes = true },
		{ "idm_application_admins", "app", BASE APP, .present = APP, .deletes = true },
		{ "idm_acp_manage_priv", "all_read", BASE ACP, .present = ACP, .deletes = true },
		{ "idm_schema_manage_priv", "newtype", BASE "attributetype_number " TYPES,
		    .present = TYPES, .deletes = true },
		{ "idm_schema_manage_priv", "all_read", NULL, .present = NULL },
	};

	CHECK(state, rows);
#undef DOMAIN_SET
#undef NAS
#undef APP
#undef ACP
#undef TYPES
}

static void
the_recycle_bin_is_for_its_admins(void **state)
{
	static const struct row rows[] = {
		{ "idm_recycle_bin_admins", "old", "name spn class uuid displayname",
		    .classes = "recycled" },
		{ "idm_recycle_bin_admins", "alice", ALL, .present = NULL },
		{ "idm_account_manage_priv", "old", NULL, .present = NULL },
		{ "idm_admin", "old", NULL, .present = NULL },
	};

	CHECK(state, rows);
}

static void
a_manager_writes_what_is_managed(void **state)
{
#define KEPT "api_token_session primary_credential displayname " WINDOW
	static const struct row rows[] = {
		{ "boss", "managed_team", ALL "description", .present = "member description" },
		{ "boss", "managed_svc", ALL "api_token_session primary_credential " WINDOW,
		    .present = KEPT },
		{ "boss", "team", ALL, .present = NULL },
		{ "boss", "svc", ALL, .present = NULL },
		{ "plain", "managed_team", ALL, .present = NULL },
		{ "plain", "managed_svc", ALL, .present = NULL },
	};
#undef KEPT
	struct world *w = *state;

	CHECK(state, rows);
	/* a managed group that becomes HP is out of the manager's reach */
	edge(w->f, "idm_high_privilege", "managed_team");
	check_row(w, &(struct row){ "boss", "managed_team", ALL, .present = NULL });
}

/* The chapter: admin manages the server and service accounts, idm_admin people and groups. */
static void
the_two_admins_do_what_the_chapter_says(void **state)
{
#define SERVICE                                                                                    \
	"displayname description ssh_publickey entry_managed_by primary_credential "               \
	"api_token_session " WINDOW
	static const struct row rows[] = {
		{ "admin", "alice", ALL, .present = NULL },
		{ "admin", "svc", DETAILS NOTE, .present = SERVICE, .deletes = true },
		{ "admin", "hilda", DETAILS "legalname", .present = WRITE "legalname radius_secret",
		    .removed = WRITE "legalname radius_secret user_session", .deletes = true },
		{ "admin", "team", ALL NOTE VLAN, .present = GROUP VLAN, .classes = "radius_policy",
		    .deletes = true },
		{ "idm_admin", "alice", DETAILS "legalname radius_secret",
		    .present = WRITE "legalname radius_secret " POSIX,
		    .removed = WRITE "legalname radius_secret user_session " POSIX,
		    .classes = "posixaccount", .deletes = true },
		{ "idm_admin", "hilda", ALL, .present = NULL },
		{ "idm_admin", "admin", ALL, .present = NULL },
		{ "idm_admin", "vips", ALL, .present = NULL },
		{ "idm_admin", "team", ALL NOTE POLICY, .present = GROUP POLICY "gidnumber",
		    .classes = "posixgroup account_policy", .deletes = true },
		{ "idm_admin", "config", BASE LISTS, .present = LISTS },
	};

	CHECK(state, rows);
#undef SERVICE
}

/* --- creating: one profile covers all of it */

struct creation {
	const char *role;
	const char *classes;
	const char *attributes;
	bool allowed;
};

/* A value of the length that the attribute's syntax wants. */
static struct idm_value
some_value(const struct idm_attr *of)
{
	static const uint8_t octets[17] = { 1 };
	size_t len = 1;

	if (of->syntax == IDM_SYNTAX_DATETIME)
		len = 8;
	else if (of->syntax == IDM_SYNTAX_REFERENCE)
		len = IDM_UUID_BYTES;
	else if (of->syntax == IDM_SYNTAX_NETWORK)
		len = sizeof(octets);
	return (struct idm_value){ { octets, len }, { octets, len } };
}

/* An entry that is to be: classes and attributes, with some value each. */
static struct idm_entry
candidate(struct world *w, const char *classes, const char *attributes)
{
	struct idm_draft *draft = idm_draft_new(w->f->arena);
	struct idm_uuid uuid;
	struct idm_span word, bytes;
	struct idm_entry entry;

	assert_non_null(draft);
	assert_true(idm_uuid_generate(&uuid));
	while (idm_word_next(&classes, &word)) {
		struct idm_value class = { word, word };

		assert_int_equal(idm_draft_add(draft, IDM_ATTR_CLASS, class), IDM_OK);
	}
	while (idm_word_next(&attributes, &word)) {
		const struct idm_attr *one = idm_schema_attr(w->f->read.schema, word);

		assert_non_null(one);
		assert_int_equal(idm_draft_add(draft, one->number, some_value(one)), IDM_OK);
	}
	assert_int_equal(idm_draft_encode(draft, &uuid, 1, &bytes, &w->f->err), IDM_OK);
	assert_int_equal(idm_entry_view(bytes, 0, &entry, &w->f->err), IDM_OK);
	return entry;
}

static void
one_profile_covers_a_new_entry(void **state)
{
	static const struct creation cases[] = {
		{ "idm_admin", "object account person", "name displayname legalname mail", true },
		{ "idm_admin", "object account person", "name displayname created last_modified",
		    true },
		{ "idm_admin", "object account person", "name displayname radius_secret", false },
		{ "idm_admin", "object account person posixaccount", "name displayname", false },
		{ "idm_admin", "object account service_account", "name displayname", true },
		{ "idm_admin", "object account service_account person", "name displayname", false },
		{ "idm_admin", "object group", "name description member entry_managed_by", true },
		{ "idm_admin", "object group dyngroup", "name dyngroup_filter", false },
		{ "idm_admin", "object radius_client", "name", false },
		{ "idm_admin", "", "name", false },
		{ "admin", "object account person", "name displayname", false },
		{ "admin", "object account service_account", "name displayname mail", true },
		{ "admin", "object group", "name", true },
		{ "admin", "object group dyngroup", "name dyngroup_filter", true },
		{ "admin", "object radius_client", "name radius_client_network", true },
		{ "admin", "object access_control_profile", "name acp_target", true },
		{ "admin", "object domain_info", "name", false },
		{ "admin", "object container", "ou", false },
		{ "idm_people_manage_priv", "object account person", "name displayname", true },
		{ "idm_people_manage_priv", "object account service_account", "name", false },
		{ "idm_people_write_priv", "object account person", "name displayname", false },
		{ "idm_account_manage_priv", "object account service_account", "name", true },
		{ "idm_group_manage_priv", "object group", "name", true },
		{ "idm_group_write_priv", "object group", "name", false },
		{ "idm_hp_group_manage_priv", "object group", "name", true },
		{ "plain", "object account person", "name", false },
		{ "anonymous", "object account person", "name", false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct creation *c = &cases[i];
		char actor[64];
		struct idm_access *access = role(w, c->role, actor);
		struct idm_entry entry = candidate(w, c->classes, c->attributes);

		if (may(idm_access_create(&w->f->read, access, &entry, false, &w->f->err)) !=
		    c->allowed)
			fail_msg("%s creates %s with %s: %s", c->role, c->classes, c->attributes,
			    w->f->err.text);
	}
}

static void
what_is_hp_at_birth_is_for_hp_profiles(void **state)
{
	struct world *w = *state;
	char actor[64];
	struct idm_entry person = candidate(w, "object account person", "name displayname");
	struct idm_entry group = candidate(w, "object group", "name");

	assert_int_equal(
	    idm_access_create(&w->f->read, role(w, "idm_admin", actor), &person, true, &w->f->err),
	    IDM_DENIED);
	assert_int_equal(
	    idm_access_create(&w->f->read, role(w, "idm_admin", actor), &group, true, &w->f->err),
	    IDM_DENIED);
	assert_int_equal(
	    idm_access_create(&w->f->read, role(w, "admin", actor), &group, true, &w->f->err),
	    IDM_OK);
}

/* --- refusals */

static void
assert_refusal(struct world *w, const char *who, const char *whom, const char *attribute,
    bool removes, const char *text)
{
	char actor[64];
	struct idm_access *access = role(w, who, actor);
	struct idm_entry entry = target(w, whom);
	struct idm_access_change change = { .present = { { 0 } } };

	idm_attrset_add(removes ? &change.removed : &change.present, attr(attribute));
	assert_int_equal(
	    idm_access_modify(&w->f->read, access, &entry, &change, &w->f->err), IDM_DENIED);
	assert_string_equal(w->f->err.client_text, text);
}

static void
a_refusal_names_the_right_and_a_group(void **state)
{
	struct world *w = *state;
	char actor[64];
	struct idm_span class = IDM_SPAN_LIT("posixaccount");
	struct idm_access_change change = { .classes = &class, .class_count = 1 };
	struct idm_entry entry;

	assert_refusal(w, "plain", "alice", "mail", false,
	    "needs the right to write mail; idm_people_write_priv grants it");
	assert_refusal(w, "plain", "alice", "mail", true,
	    "needs the right to remove mail; idm_people_write_priv grants it");
	assert_refusal(w, "idm_admin", "hilda", "account_expire", false,
	    "needs the right to write account_expire; idm_hp_account_write_priv grants it");
	assert_refusal(w, "idm_admin", "vips", "member", false,
	    "needs the right to write member; idm_hp_group_write_priv grants it");
	assert_refusal(w, "alice", "alice", "mail", false,
	    "needs the right to write mail; idm_people_self_write_mail_priv grants it");
	assert_refusal(w, "idm_admin", "alice", "memberof", false,
	    "nobody may write memberof: the server keeps it");
	assert_refusal(w, "admin", "alice", "domain_display_name", false,
	    "needs the right to write domain_display_name; no group grants it");

	entry = target(w, "alice");
	assert_int_equal(
	    idm_access_modify(&w->f->read, role(w, "plain", actor), &entry, &change, &w->f->err),
	    IDM_DENIED);
	assert_string_equal(w->f->err.client_text,
	    "needs the right to change the class posixaccount; "
	    "idm_account_unix_extend_priv grants it");
	assert_int_equal(
	    idm_access_delete(&w->f->read, role(w, "plain", actor), &entry, &w->f->err),
	    IDM_DENIED);
	assert_string_equal(w->f->err.client_text,
	    "needs the right to delete person entries; idm_people_manage_priv grants it");
	entry = candidate(w, "object account person", "name");
	assert_int_equal(
	    idm_access_create(&w->f->read, role(w, "plain", actor), &entry, false, &w->f->err),
	    IDM_DENIED);
	assert_string_equal(w->f->err.client_text,
	    "needs the right to create person entries; idm_people_manage_priv grants it");
	entry = candidate(w, "object account person", "name radius_secret");
	assert_int_equal(
	    idm_access_create(&w->f->read, role(w, "idm_admin", actor), &entry, false, &w->f->err),
	    IDM_DENIED);
	assert_string_equal(w->f->err.client_text,
	    "needs the right to create person entries with radius_secret; no group grants it");
}

/* Present, removed and class values are granted apart, each over all profiles together. */
static void
a_change_is_judged_as_a_whole(void **state)
{
	struct world *w = *state;
	char actor[64];
	struct idm_access *access = role(w, "idm_admin", actor);
	struct idm_entry entry = target(w, "alice");
	struct idm_span class = IDM_SPAN_LIT("posixaccount");
	struct idm_access_change change = {
		.present = set_of("legalname account_expire gidnumber class"),
		.removed = set_of("mail user_session"),
		.classes = &class,
		.class_count = 1,
	};

	assert_true(may_modify(w, access, &entry, &change));
	idm_attrset_add(&change.present, attr("user_session"));
	assert_false(may_modify(w, access, &entry, &change));
	change.present = set_of("legalname");
	change.class_count = 0;
	assert_true(may_modify(w, access, &entry, &change));
	change.removed = set_of("mail uuid");
	assert_false(may_modify(w, access, &entry, &change));
}

static void
what_is_hp_is_left_to_the_hp_groups(void **state)
{
	struct world *w = *state;
	char actor[64];
	struct idm_entry entry = target(w, "alice");
	struct idm_access_change change = { .present = set_of("mail") };

	assert_true(may_modify(w, role(w, "idm_people_write_priv", actor), &entry, &change));
	assert_false(may_modify(w, role(w, "idm_hp_people_write_priv", actor), &entry, &change));
	entry = target(w, "hilda");
	assert_false(may_modify(w, role(w, "idm_people_write_priv", actor), &entry, &change));
	assert_true(may_modify(w, role(w, "idm_hp_people_write_priv", actor), &entry, &change));
}

/* --- identities */

static void
anonymous_stays_anonymous_whatever_it_is_memberof(void **state)
{
	struct world *w = *state;
	struct idm_entry entry = target(w, "alice");
	char actor[64];
	struct idm_attrset set;
	struct idm_access_change change = { .present = set_of("mail") };

	edge(w->f, "idm_admins", "anonymous");
	for (int kind = IDM_IDENTITY_ANONYMOUS; kind <= IDM_IDENTITY_SESSION; kind++) {
		struct idm_access *access =
		    profiles_of(w->f, &w->table, "anonymous", (enum idm_identity_kind)kind);

		assert_int_equal(
		    idm_access_search(&w->f->read, access, &entry, &set, &w->f->err), IDM_OK);
		assert_set("anonymous", "alice", "search", &set, ALL);
		assert_int_equal(
		    idm_access_modify(&w->f->read, access, &entry, &change, &w->f->err),
		    IDM_NOT_FOUND);
		assert_string_equal(w->f->err.client_text, "no matching entries");
	}
	entry = candidate(w, "object account person", "name");
	assert_int_equal(
	    idm_access_create(&w->f->read, role(w, "anonymous", actor), &entry, false, &w->f->err),
	    IDM_DENIED);
}

static void
a_unix_password_reads_little_and_writes_nothing(void **state)
{
	struct world *w = *state;
	struct idm_access *access =
	    profiles_of(w->f, &w->table, "idm_admin", IDM_IDENTITY_UNIX_PASSWORD);
	struct idm_access_change change = { .present = set_of("displayname") };
	struct idm_attrset set;
	struct idm_entry entry = target(w, "alice");

	assert_int_equal(idm_access_search(&w->f->read, access, &entry, &set, &w->f->err), IDM_OK);
	assert_set("a unix password", "alice", "search", &set, ALL);
	assert_int_equal(
	    idm_access_modify(&w->f->read, access, &entry, &change, &w->f->err), IDM_DENIED);
	assert_non_null(strstr(w->f->err.client_text, "unix password"));

	access = profiles_of(w->f, &w->table, "alice", IDM_IDENTITY_UNIX_PASSWORD);
	assert_int_equal(idm_access_search(&w->f->read, access, &entry, &set, &w->f->err), IDM_OK);
	assert_set("a unix password", "itself", "search", &set,
	    ALL "legalname mail " WINDOW CREDS "api_token_session user_session ");
	assert_false(may_modify(w, access, &entry, &change));
}

static void
a_session_writes_while_its_window_is_open(void **state)
{
	struct idm_now now = { .at_s = 1000, .trusted = true };
	struct idm_identity session = {
		.kind = IDM_IDENTITY_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.privileged_until_s = 1001,
		.expire_s = 2000,
	};

	(void)state;
	assert_true(idm_identity_may_write(&session, now));
	session.kind = IDM_IDENTITY_PASSWORD;
	assert_true(idm_identity_may_write(&session, now));
	session.privileged_until_s = 1000;
	assert_false(idm_identity_may_write(&session, now));
	session.privileged_until_s = 1001;
	session.scope = IDM_SCOPE_READ_ONLY;
	assert_false(idm_identity_may_write(&session, now));
	session.scope = IDM_SCOPE_READ_WRITE;
	session.expire_s = 1000;
	assert_false(idm_identity_may_write(&session, now));
	session = (struct idm_identity){
		.kind = IDM_IDENTITY_TOKEN, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};
	assert_true(idm_identity_may_write(&session, now));
	session.scope = IDM_SCOPE_READ_ONLY;
	assert_false(idm_identity_may_write(&session, now));
	session.scope = IDM_SCOPE_READ_WRITE;
	session.kind = IDM_IDENTITY_UNIX_PASSWORD;
	assert_false(idm_identity_may_write(&session, now));
	session.kind = IDM_IDENTITY_ANONYMOUS;
	assert_false(idm_identity_may_write(&session, now));
	session.kind = IDM_IDENTITY_INTERNAL;
	assert_true(idm_identity_may_write(&session, now));
}

static void
a_read_only_identity_gets_nothing_but_search(void **state)
{
	struct world *w = *state;
	struct idm_identity token = { .kind = IDM_IDENTITY_TOKEN, .expire_s = INT64_MAX };
	struct idm_entry entry = target(w, "alice");
	struct idm_access_change change = { .present = set_of("mail") };
	struct idm_access *access;
	struct idm_attrset set;

	token.uuid = target(w, "idm_admin").uuid;
	assert_int_equal(idm_access_table_refresh(&w->f->read, &w->table, &w->f->err), IDM_OK);
	assert_int_equal(
	    idm_access_resolve(&w->f->read, w->table, &token, w->f->arena, &access, &w->f->err),
	    IDM_OK);
	assert_int_equal(idm_access_search(&w->f->read, access, &entry, &set, &w->f->err), IDM_OK);
	assert_true(idm_attrset_has(&set, attr("legalname")));
	assert_int_equal(
	    idm_access_modify(&w->f->read, access, &entry, &change, &w->f->err), IDM_DENIED);
	assert_string_equal(w->f->err.client_text,
	    "this token is read-only: only one that was generated with --rw may write");
	assert_int_equal(idm_access_delete(&w->f->read, access, &entry, &w->f->err), IDM_DENIED);
	entry = candidate(w, "object account person", "name");
	assert_int_equal(
	    idm_access_create(&w->f->read, access, &entry, false, &w->f->err), IDM_DENIED);
	/* the entry that nobody sees is still not there, rather than read-only */
	entry = target(w, "old");
	assert_int_equal(idm_access_delete(&w->f->read, access, &entry, &w->f->err), IDM_NOT_FOUND);
}

static void
an_account_that_is_gone_receives_nothing(void **state)
{
	struct world *w = *state;
	struct idm_access *access = profiles_of(w->f, &w->table, "idm_admin", IDM_IDENTITY_SESSION);
	struct idm_identity nobody = { .kind = IDM_IDENTITY_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.privileged_until_s = INT64_MAX,
		.expire_s = INT64_MAX };
	struct idm_entry entry = target(w, "alice");
	struct idm_attrset set;

	assert_non_null(access);
	nobody.uuid = target(w, "old").uuid; /* recycled */
	for (int round = 0; round < 2; round++) {
		assert_int_equal(idm_access_resolve(&w->f->read, w->table, &nobody, w->f->arena,
				     &access, &w->f->err),
		    IDM_OK);
		assert_int_equal(
		    idm_access_search(&w->f->read, access, &entry, &set, &w->f->err), IDM_OK);
		assert_set("nobody", "alice", "search", &set, "");
		assert_int_equal(
		    idm_access_delete(&w->f->read, access, &entry, &w->f->err), IDM_NOT_FOUND);
		assert_true(idm_uuid_generate(&nobody.uuid)); /* never was there */
	}
}

static void
the_core_itself_may_do_everything(void **state)
{
	struct world *w = *state;
	struct idm_access *access = profiles_of(w->f, &w->table, NULL, IDM_IDENTITY_INTERNAL);
	struct idm_entry entry = target(w, "old");
	struct idm_access_change change = { .present = set_of("uuid created") };
	struct idm_attrset set;

	assert_int_equal(idm_access_search(&w->f->read, access, &entry, &set, &w->f->err), IDM_OK);
	assert_true(idm_attrset_has(&set, attr("dyngroup_filter")));
	assert_true(may_modify(w, access, &entry, &change));
	assert_int_equal(idm_access_delete(&w->f->read, access, &entry, &w->f->err), IDM_OK);
	assert_int_equal(idm_access_create(&w->f->read, access, &entry, true, &w->f->err), IDM_OK);
}

/* --- profiles as data */

static void
touch(struct world *w)
{
	uint64_t generation;

	assert_int_equal(idm_store_get_number(
			     &w->f->txn, IDM_DB_META, "generation.access", &generation, &w->f->err),
	    IDM_OK);
	assert_int_equal(idm_store_put_number(&w->f->txn, IDM_DB_META, "generation.access",
			     generation + 1, &w->f->err),
	    IDM_OK);
}

static void
a_table_follows_its_generation(void **state)
{
	struct world *w = *state;
	struct idm_access_table *before;
	struct idm_entry entry = target(w, "alice");
	char actor[64];
	struct idm_access_change change = { .present = set_of("loginshell") };

	assert_false(may_modify(w, role(w, "plain", actor), &entry, &change));
	before = w->table;
	assert_int_equal(idm_access_table_generation(before), 0);
	fixture_group(w->f, "shells");
	profiles_add_one(w->f, "write_shells", "shells", "acp_target", "(class=person)",
	    "acp_modify_present", "loginshell", NULL);
	edge(w->f, "shells", "plain");
	entry = target(w, "alice");
	assert_false(may_modify(w, role(w, "plain", actor), &entry, &change));
	assert_ptr_equal(w->table, before);
	touch(w);
	assert_true(may_modify(w, role(w, "plain", actor), &entry, &change));
	assert_int_equal(idm_access_table_generation(w->table), 1);
	assert_null(idm_access_table_complaint(w->table));
}

/* plain is in the profile's receiver; what may be written of alice then. */
static struct idm_attrset
with_profile(struct world *w, const char *word, const char *value)
{
	struct idm_entry entry;
	char actor[64];

	profiles_add_one(w->f, "mine", "mine_receiver", "acp_modify_present", "loginshell",
	    "acp_search", "legalname", word, value, NULL);
	edge(w->f, "mine_receiver", "plain");
	touch(w);
	entry = target(w, "alice");
	return writable(w, role(w, "plain", actor), &entry, false);
}

static void
a_profile_that_does_not_parse_is_left_out_and_named(void **state)
{
	struct world *w = *state;
	struct idm_attrset set = with_profile(w, "acp_target", "(class=person");

	assert_set("plain", "alice", "write", &set, "");
	assert_non_null(strstr(idm_access_table_complaint(w->table), "profile mine: "));
}

static void
a_target_about_nobody_knows_what_is_left_out(void **state)
{
	struct world *w = *state;
	struct idm_attrset set = with_profile(w, "acp_target", "(!(shoesize=44))");

	assert_set("plain", "alice", "write", &set, "");
	assert_non_null(strstr(idm_access_table_complaint(w->table), "shoesize"));
}

static void
a_profile_without_a_target_is_left_out(void **state)
{
	struct world *w = *state;
	struct idm_attrset set = with_profile(w, "description", "everything");

	assert_set("plain", "alice", "write", &set, "");
	assert_non_null(strstr(idm_access_table_complaint(w->table), "acp_target"));
}

static void
a_disabled_profile_grants_nothing(void **state)
{
	struct world *w = *state;
	struct idm_entry entry;
	char actor[64];
	struct idm_attrset set;

	profiles_add_one(w->f, "off", "off_receiver", "acp_target", "(class=person)",
	    "acp_modify_present", "loginshell", "acp_enable", "false", NULL);
	profiles_add_one(w->f, "on", "off_receiver", "acp_target", "(class=person)",
	    "acp_modify_present", "homedirectory", "acp_enable", "true", NULL);
	edge(w->f, "off_receiver", "plain");
	entry = target(w, "alice");
	set = writable(w, role(w, "plain", actor), &entry, false);
	assert_set("plain", "alice", "write", &set, "homedirectory");
}

static void
nobody_is_granted_what_the_server_writes(void **state)
{
	struct world *w = *state;
	struct idm_entry entry;
	char actor[64];
	struct idm_attrset set;

	profiles_add_one(w->f, "greedy", "greedy_receiver", "acp_target", "(class=account)",
	    "acp_modify_present", "memberof", "acp_modify_present", "spn", "acp_modify_present",
	    "uuid", "acp_modify_present", "created", "acp_modify_present", "last_modified",
	    "acp_modify_present", "class", "acp_modify_present", "loginshell", "acp_modify_present",
	    "shoesize", "acp_modify_removed", "uuid", NULL);
	edge(w->f, "greedy_receiver", "plain");
	entry = target(w, "alice");
	set = writable(w, role(w, "plain", actor), &entry, false);
	assert_set("plain", "alice", "write", &set, "loginshell");
	set = writable(w, role(w, "plain", actor), &entry, true);
	assert_set("plain", "alice", "remove", &set, "");
	assert_classes(w, "plain", "alice", role(w, "plain", actor), &entry, "");
	assert_non_null(strstr(idm_access_table_complaint(w->table), "profile greedy: "));
}

static void
nobody_reaches_tombstones_and_recycled_entries_by_accident(void **state)
{
	struct world *w = *state;
	struct idm_entry entry;
	char actor[64];
	struct idm_attrset set;

	fixture_add(w->f, "class", "object", "class", "account", "class", "person", "class",
	    "recycled", "class", "tombstone", "name", "stone", "displayname", "Stone", NULL);
	profiles_add_one(w->f, "wide", "wide_receiver", "acp_target", "(class=*)", "acp_hp", "also",
	    "acp_search", "name", "acp_modify_present", "mail", "acp_delete", "true", NULL);
	profiles_add_one(w->f, "not", "wide_receiver", "acp_target", "(!(class=recycled))",
	    "acp_hp", "also", "acp_search", "name", NULL);
	edge(w->f, "wide_receiver", "plain");
	entry = target(w, "old");
	assert_int_equal(
	    idm_access_search(&w->f->read, role(w, "plain", actor), &entry, &set, &w->f->err),
	    IDM_OK);
	assert_set("plain", "old", "search", &set, "");
	assert_int_equal(
	    idm_access_delete(&w->f->read, role(w, "plain", actor), &entry, &w->f->err),
	    IDM_NOT_FOUND);
	entry = target(w, "stone");
	assert_int_equal(idm_access_search(&w->f->read, role(w, "idm_recycle_bin_admins", actor),
			     &entry, &set, &w->f->err),
	    IDM_OK);
	assert_set("the bin's admins", "stone", "search", &set, "");
}

static void
targets_may_ask_for_groups_and_self_for_more(void **state)
{
	struct world *w = *state;
	struct idm_entry entry;
	char actor[64];
	struct idm_attrset set;

	edge(w->f, "team", "alice");
	profiles_add_one(w->f, "by_group", "by_receiver", "acp_target",
	    "(&(class=person)(memberof=team))", "acp_hp", "also", "acp_modify_present",
	    "loginshell", NULL);
	profiles_add_one(w->f, "by_self", "by_receiver", "acp_target", "self(memberof=team)",
	    "acp_hp", "also", "acp_modify_present", "homedirectory", NULL);
	edge(w->f, "by_receiver", "plain");
	edge(w->f, "by_receiver", "alice");
	entry = target(w, "alice");
	set = writable(w, role(w, "plain", actor), &entry, false);
	assert_set("plain", "alice", "write", &set, "loginshell");
	set = writable(w, role(w, "alice", actor), &entry, false);
	assert_true(idm_attrset_has(&set, attr("homedirectory")));
	entry = target(w, "plain");
	set = writable(w, role(w, "plain", actor), &entry, false);
	assert_false(idm_attrset_has(&set, attr("homedirectory")));
}

static void
without_profiles_everything_is_refused(void **state)
{
	struct fixture *f = *state;
	struct idm_access_table *table = NULL;
	struct idm_entry entry;
	struct idm_attrset set;
	struct idm_access_change change = { .present = set_of("displayname") };

	fixture_person(f, "alice");
	for (int kind = IDM_IDENTITY_ANONYMOUS; kind < IDM_IDENTITY_INTERNAL; kind++) {
		struct idm_access *access =
		    profiles_of(f, &table, "alice", (enum idm_identity_kind)kind);

		entry = fixture_entry(f, fixture_id(f, "alice"));
		assert_int_equal(
		    idm_access_search(&f->read, access, &entry, &set, &f->err), IDM_OK);
		assert_set("alice", "alice", "search", &set, "");
		assert_int_equal(
		    idm_access_modify(&f->read, access, &entry, &change, &f->err), IDM_NOT_FOUND);
		assert_int_equal(
		    idm_access_delete(&f->read, access, &entry, &f->err), IDM_NOT_FOUND);
		assert_int_equal(
		    idm_access_create(&f->read, access, &entry, false, &f->err), IDM_DENIED);
	}
	idm_access_table_free(&table);
}

static void
every_built_in_profile_parses(void **state)
{
	struct world *w = *state;

	assert_int_equal(idm_access_table_refresh(&w->f->read, &w->table, &w->f->err), IDM_OK);
	if (idm_access_table_complaint(w->table) != NULL)
		fail_msg("%s", idm_access_table_complaint(w->table));
}

/* The table as a new database has it, made by the core itself. */
static void
a_new_database_has_every_profile(void **state)
{
	struct realm *r = *state;
	struct idm_access_table *table = NULL;
	struct idm_identity admin = { .kind = IDM_IDENTITY_SESSION,
		.scope = IDM_SCOPE_READ_WRITE,
		.privileged_until_s = INT64_MAX,
		.expire_s = INT64_MAX };
	struct idm_entry entry = realm_entry(r, "idm_admin");
	struct idm_access_change change = { .present = set_of("primary_credential") };
	struct idm_access *access;

	assert_int_equal(idm_access_table_refresh(&r->read, &table, &r->err), IDM_OK);
	if (idm_access_table_complaint(table) != NULL)
		fail_msg("%s", idm_access_table_complaint(table));
	/* admin resets the credential of idm_admin, as in the chapter; not the other way round */
	admin.uuid = idm_uuid_builtin(IDM_BUILTIN_ADMIN);
	assert_int_equal(
	    idm_access_resolve(&r->read, table, &admin, r->read.arena, &access, &r->err), IDM_OK);
	assert_int_equal(idm_access_modify(&r->read, access, &entry, &change, &r->err), IDM_OK);
	admin.uuid = idm_uuid_builtin(IDM_BUILTIN_IDM_ADMIN);
	assert_int_equal(idm_lookup_text(&r->read, IDM_SPAN_LIT("admin"), &entry, &r->err), IDM_OK);
	assert_int_equal(
	    idm_access_resolve(&r->read, table, &admin, r->read.arena, &access, &r->err), IDM_OK);
	assert_int_equal(idm_access_modify(&r->read, access, &entry, &change, &r->err), IDM_DENIED);
	idm_access_table_free(&table);
	realm_done(r);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_built_in_profile_parses),
		TEST(everybody_reads_accounts_groups_and_the_tree),
		TEST(persons_write_what_is_theirs),
		TEST(people_privileges_end_at_hp),
		TEST(account_privileges_end_at_hp),
		TEST(group_privileges_end_at_hp),
		TEST(hp_privileges_reach_hp_alone),
		TEST(each_kind_of_system_entry_has_its_group),
		TEST(the_recycle_bin_is_for_its_admins),
		TEST(a_manager_writes_what_is_managed),
		TEST(the_two_admins_do_what_the_chapter_says),
		TEST(one_profile_covers_a_new_entry),
		TEST(what_is_hp_at_birth_is_for_hp_profiles),
		TEST(a_refusal_names_the_right_and_a_group),
		TEST(a_change_is_judged_as_a_whole),
		TEST(what_is_hp_is_left_to_the_hp_groups),
		TEST(anonymous_stays_anonymous_whatever_it_is_memberof),
		TEST(a_unix_password_reads_little_and_writes_nothing),
		cmocka_unit_test(a_session_writes_while_its_window_is_open),
		TEST(a_read_only_identity_gets_nothing_but_search),
		TEST(an_account_that_is_gone_receives_nothing),
		TEST(the_core_itself_may_do_everything),
		TEST(a_table_follows_its_generation),
		TEST(a_profile_that_does_not_parse_is_left_out_and_named),
		TEST(a_target_about_nobody_knows_what_is_left_out),
		TEST(a_profile_without_a_target_is_left_out),
		TEST(a_disabled_profile_grants_nothing),
		TEST(nobody_is_granted_what_the_server_writes),
		TEST(nobody_reaches_tombstones_and_recycled_entries_by_accident),
		TEST(targets_may_ask_for_groups_and_self_for_more),
		cmocka_unit_test_setup_teardown(
		    without_profiles_everything_is_refused, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    a_new_database_has_every_profile, realm_setup, realm_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
