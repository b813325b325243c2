#include "core/builtin.h"

#include <stdlib.h>

#include "core/builtin_profiles.h"
#include "core/floor.h"
#include "core/hold.h"

static const struct {
	uint64_t number;
	const char *name;
	const char *displayname;
} accounts[] = {
	{ IDM_BUILTIN_ADMIN, "admin", "System Administrator" },
	{ IDM_BUILTIN_IDM_ADMIN, "idm_admin", "IDM Administrator" },
	{ IDM_BUILTIN_ANONYMOUS, "anonymous", "Anonymous" },
};

/* clang-format off */

/* The table of SPEC 4, row by row. */
static const struct idm_builtin_group groups[] = {
	{ 0x0001, "idm_admins", "Identity administration", true, "idm_admin", NULL },
	{ 0x0002, "idm_people_read_priv", "Read personal data", true, "idm_people_write_priv", NULL },
	{ 0x0003, "idm_people_write_priv", "Write personal data", true,
	    "idm_people_manage_priv idm_people_extend_priv", NULL },
	{ 0x0004, "idm_group_write_priv", "Write groups", true, "idm_group_manage_priv", NULL },
	{ 0x0005, "idm_account_read_priv", "Read account details", true, "idm_account_write_priv", NULL },
	{ 0x0006, "idm_account_write_priv", "Write accounts, credentials, validity, tokens", true,
	    "idm_account_manage_priv", NULL },
	{ 0x0007, "idm_radius_servers", "Read RADIUS secrets", true, NULL, NULL },
	{ 0x0008, "idm_hp_account_read_priv", "Read high privilege accounts", true,
	    "idm_hp_account_write_priv", NULL },
	{ 0x0009, "idm_hp_account_write_priv", "Write high privilege accounts", true,
	    "idm_hp_account_manage_priv", NULL },
	{ 0x0010, "idm_schema_manage_priv", "Manage the schema", true, "system_admins", NULL },
	{ 0x0011, "idm_acp_manage_priv", "Manage access control profiles", true, "system_admins", NULL },
	{ 0x0012, "idm_hp_group_write_priv", "Write high privilege groups", true,
	    "idm_hp_group_manage_priv", NULL },
	{ 0x0013, "idm_people_manage_priv", "Create and delete persons", true, "idm_admins", NULL },
	{ 0x0014, "idm_account_manage_priv", "Create and delete accounts, reset credentials", true,
	    "idm_admins", NULL },
	{ 0x0015, "idm_group_manage_priv", "Create and delete groups", true,
	    "idm_admins system_admins", NULL },
	{ 0x0016, "idm_hp_account_manage_priv", "Delete high privilege accounts", true,
	    "system_admins", NULL },
	{ 0x0017, "idm_hp_group_manage_priv", "Delete high privilege groups, dynamic groups", true,
	    "system_admins", NULL },
	{ 0x0019, "system_admins", "System administration", true, "admin", NULL },
	{ 0x0020, "domain_admins", "Domain settings", true, "admin", NULL },
	{ 0x0021, "idm_account_unix_extend_priv", "POSIX data on accounts", true, "idm_admins", NULL },
	{ 0x0022, "idm_group_unix_extend_priv", "POSIX data on groups", true, "idm_admins", NULL },
	{ 0x0023, "idm_people_account_password_import_priv", "Import password hashes", true, NULL, NULL },
	{ 0x0024, "idm_people_extend_priv", "Turn accounts into persons", true, "idm_admins", NULL },
	{ 0x0025, "idm_hp_account_unix_extend_priv", "POSIX data on high privilege accounts", true,
	    "system_admins", NULL },
	{ 0x0026, "idm_hp_group_unix_extend_priv", "POSIX data on high privilege groups", true,
	    "system_admins", NULL },
	{ 0x0028, "idm_hp_people_read_priv", "Read high privilege persons' data", true,
	    "idm_hp_people_write_priv", NULL },
	{ 0x0029, "idm_hp_people_write_priv", "Write high privilege persons' data", true,
	    "idm_hp_people_extend_priv", NULL },
	{ 0x0030, "idm_hp_people_extend_priv", "Turn high privilege accounts into persons", true,
	    "system_admins", NULL },
	{ 0x0031, "idm_radius_secret_write_priv", "Write RADIUS secrets", true, "idm_admins", NULL },
	{ 0x0032, "idm_radius_secret_read_priv", "Read RADIUS secrets", true,
	    "idm_radius_secret_write_priv", NULL },
	{ 0x0033, "idm_people_self_write_mail_priv", "Persons who may change their own mail", false,
	    NULL, NULL },
	{ 0x0034, "idm_hp_service_account_into_person_migrate_priv",
	    "Turn service accounts into persons", true, "system_admins", NULL },
	{ 0x0035, "idm_all_persons", "All persons", false, NULL, "(class=person)" },
	{ 0x0036, "idm_all_accounts", "All accounts", false, NULL, "(class=account)" },
	{ 0x0041, "idm_service_desk", "Reset credentials and softlocks of ordinary persons", true,
	    NULL, NULL },
	{ 0x0042, "idm_recycle_bin_admins", "The recycle bin", true, "system_admins", NULL },
	{ 0x0047, "idm_account_policy_admins", "Account policy, bad passwords, denied names", true,
	    "idm_admins", NULL },
	{ 0x0050, "idm_application_admins", "Application passwords' targets", true, "idm_admins", NULL },
	{ 0x0060, "idm_network_manage_priv", "RADIUS clients, RADIUS policy of groups", true,
	    "system_admins", NULL },
	{ 0x0061, "idm_audit_read_priv", "Read the audit trail", true, "system_admins", NULL },
	{ 0x0062, "radius_access_allowed", "Let in over RADIUS by default", false, NULL, NULL },
	{ 0x0063, "idm_mail_read_priv", "Mail and validity of ordinary accounts, for applications", true,
	    NULL, NULL },
	{ 0x1000, "idm_high_privilege", "High privilege: out of reach of ordinary rights", true, NULL,
	    NULL },
};
/* clang-format on */

static const struct {
	uint64_t number;
	const char *ou;
} containers[] = {
	{ IDM_BUILTIN_OU_PEOPLE, "people" },
	{ IDM_BUILTIN_OU_GROUPS, "groups" },
	{ IDM_BUILTIN_OU_SERVICES, "services" },
	{ IDM_BUILTIN_OU_ACCESS, "access" },
	{ IDM_BUILTIN_OU_SCHEMA, "schema" },
	{ IDM_BUILTIN_OU_APPLICATIONS, "applications" },
};

enum {
	ACCOUNT_COUNT = sizeof(accounts) / sizeof(accounts[0]),
	GROUP_COUNT = sizeof(groups) / sizeof(groups[0]),
	CONTAINER_COUNT = sizeof(containers) / sizeof(containers[0]),
	ARENA_BYTES = 16 * 1024 * 1024,
	ITEM_MODS = 16,
};

const struct idm_builtin_group *
idm_builtin_groups(size_t *count)
{
	*count = GROUP_COUNT;
	return groups;
}

bool
idm_uuid_is_builtin(const struct idm_uuid *uuid)
{
	static const uint8_t zeros[10] = { 0 };

	return memcmp(uuid->bytes, zeros, sizeof(zeros)) == 0;
}

/* The change set that fills a new database, while it grows. */
struct making {
	const struct idm_read *read;
	struct idm_arena *arena;
	struct idm_change_set *set;
	struct idm_item *item; /* the entry at hand */
	enum idm_result result;
	struct idm_error *err;
};

static void
begin_item(struct making *m, struct idm_uuid uuid)
{
	if (m->result != IDM_OK)
		return;
	m->item = &m->set->items[m->set->item_count++];
	m->item->kind = IDM_ITEM_CREATE;
	m->item->uuid = uuid;
	m->item->mods = idm_arena_array(m->arena, ITEM_MODS, sizeof(*m->item->mods));
	m->item->claims = idm_arena_array(m->arena, 1, sizeof(*m->item->claims));
	if (m->item->mods == NULL || m->item->claims == NULL)
		m->result = IDM_LIMIT;
}

/* The mod of the item that sets an attribute, with room for one more value. */
static struct idm_mod *
mod_of(struct making *m, uint32_t attr_number)
{
	struct idm_mod *mod;
	struct idm_value *values;

	mod = m->item->mods;
	while (mod < m->item->mods + m->item->mod_count && mod->attr_number != attr_number)
		mod++;
	if (mod == m->item->mods + ITEM_MODS)
		return NULL;
	if (mod == m->item->mods + m->item->mod_count)
		m->item->mod_count++;
	values = idm_arena_array(m->arena, mod->count + 1, sizeof(*values));
	if (values == NULL)
		return NULL;
	if (mod->count != 0)
		memcpy(values, mod->values, mod->count * sizeof(*values));
	mod->kind = attr_number == IDM_ATTR_MEMBER ? IDM_MOD_ADD : IDM_MOD_SET;
	mod->attr_number = attr_number;
	mod->values = values;
	return mod;
}

static void
add_value(struct making *m, uint32_t attr_number, struct idm_value value)
{
	struct idm_mod *mod;

	if (m->result != IDM_OK)
		return;
	mod = mod_of(m, attr_number);
	if (mod == NULL)
		m->result = IDM_LIMIT;
	else
		mod->values[mod->count++] = value;
}

static void
add_text(struct making *m, uint32_t attr_number, struct idm_span text)
{
	const struct idm_attr *attr = idm_schema_attr_number(m->read->schema, attr_number);
	struct idm_value value = { IDM_SPAN_EMPTY, IDM_SPAN_EMPTY };

	if (m->result != IDM_OK)
		return;
	m->result = idm_value_parse(attr, text, m->arena, &value, m->err);
	add_value(m, attr_number, value);
}

/* One value a word; NULL: none. */
static void
add_words(struct making *m, uint32_t attr_number, const char *words)
{
	struct idm_span word;

	while (idm_word_next(&words, &word))
		add_text(m, attr_number, word);
}

static void
add_reference(struct making *m, uint32_t attr_number, struct idm_uuid uuid)
{
	struct idm_span span = idm_arena_copy(m->arena, idm_uuid_span(&uuid));

	if (span.ptr == NULL)
		m->result = IDM_LIMIT;
	add_value(m, attr_number, (struct idm_value){ span, span });
}

/* The uuid of a built-in account or group by its name. */
static struct idm_uuid
uuid_of(struct idm_span name)
{
	for (size_t i = 0; i < GROUP_COUNT; i++) {
		if (idm_span_is(name, groups[i].name))
			return idm_uuid_builtin(groups[i].number);
	}
	for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
		if (idm_span_is(name, accounts[i].name))
			return idm_uuid_builtin(accounts[i].number);
	}
	abort(); /* the tables above name what they do not hold */
}

static void
add_references(struct making *m, uint32_t attr_number, const char *names)
{
	struct idm_span name;

	while (idm_word_next(&names, &name))
		add_reference(m, attr_number, uuid_of(name));
}

static void
add_classes(struct making *m, const char *classes)
{
	uint8_t *at = idm_arena_alloc(m->arena, 8);
	struct idm_span now = { at, 8 };

	if (at == NULL) {
		m->result = IDM_LIMIT;
		return;
	}
	add_words(m, IDM_ATTR_CLASS, classes);
	idm_datetime_store(m->set->at_s, at);
	add_value(m, IDM_ATTR_CREATED, (struct idm_value){ now, now });
	add_value(m, IDM_ATTR_LAST_MODIFIED, (struct idm_value){ now, now });
}

static void
add_name(struct making *m, enum idm_claim kind, const char *name)
{
	add_text(m, IDM_ATTR_NAME, idm_span_cstr(name));
	if (m->result != IDM_OK)
		return;
	m->item->claims[m->item->claim_count++] =
	    (struct idm_claim_change){ kind, true, IDM_ATTR_NAME, idm_span_cstr(name) };
}

static void
make_domain(struct making *m, const char *domain)
{
	struct idm_uuid uuid;
	char text[IDM_UUID_TEXT];

	begin_item(m, idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO));
	add_classes(m, "object domain_info");
	add_text(m, IDM_ATTR_DOMAIN_NAME, idm_span_cstr(domain));
	add_text(m, IDM_ATTR_DOMAIN_DISPLAY_NAME, idm_span_cstr(domain));
	if (!idm_uuid_generate(&uuid))
		m->result = idm_fail(m->err, IDM_SYSTEM, "no random octets");
	idm_uuid_format(&uuid, text);
	add_text(m, IDM_ATTR_DOMAIN_UUID, idm_span_cstr(text));
	add_references(m, IDM_ATTR_RADIUS_REQUIRED_GROUP, "radius_access_allowed");

	begin_item(m, idm_uuid_builtin(IDM_BUILTIN_SYSTEM_CONFIG));
	add_classes(m, "object system_config");
	add_words(m, IDM_ATTR_DENIED_NAME,
	    "root nobody nogroup wheel sshd shadow systemd mail man administrator");

	for (size_t i = 0; i < CONTAINER_COUNT; i++) {
		begin_item(m, idm_uuid_builtin(containers[i].number));
		add_classes(m, "object container");
		add_text(m, IDM_ATTR_OU, idm_span_cstr(containers[i].ou));
	}
}

static void
make_accounts(struct making *m)
{
	for (size_t i = 0; i < ACCOUNT_COUNT; i++) {
		begin_item(m, idm_uuid_builtin(accounts[i].number));
		add_classes(m, "object account service_account");
		add_name(m, IDM_CLAIM_NAME, accounts[i].name);
		add_text(m, IDM_ATTR_DISPLAYNAME, idm_span_cstr(accounts[i].displayname));
	}
}

static void
make_groups(struct making *m)
{
	for (size_t i = 0; i < GROUP_COUNT; i++) {
		const struct idm_builtin_group *group = &groups[i];

		begin_item(m, idm_uuid_builtin(group->number));
		add_classes(
		    m, group->dyngroup_filter == NULL ? "object group" : "object group dyngroup");
		add_name(m, IDM_CLAIM_NAME, group->name);
		add_text(m, IDM_ATTR_DESCRIPTION, idm_span_cstr(group->description));
		if (group->dyngroup_filter != NULL)
			add_text(
			    m, IDM_ATTR_DYNGROUP_FILTER, idm_span_cstr(group->dyngroup_filter));
		add_references(m, IDM_ATTR_MEMBER, group->members);
		if (group->number != IDM_BUILTIN_HIGH_PRIVILEGE)
			continue;
		for (size_t k = 0; k < GROUP_COUNT; k++) {
			if (groups[k].high_privilege)
				add_reference(
				    m, IDM_ATTR_MEMBER, idm_uuid_builtin(groups[k].number));
		}
		m->item->flags = IDM_ITEM_FLAG_GROUPS;
	}
}

static void
make_profiles(struct making *m)
{
	size_t count;
	const struct idm_builtin_profile *profiles = idm_builtin_profiles(&count);

	for (size_t i = 0; i < count; i++) {
		const struct idm_builtin_profile *profile = &profiles[i];

		begin_item(m, idm_builtin_profile_uuid(profile));
		add_classes(m, "object access_control_profile");
		add_name(m, IDM_CLAIM_PROFILE, profile->name);
		add_references(m, IDM_ATTR_ACP_RECEIVER, profile->receivers);
		add_text(m, IDM_ATTR_ACP_TARGET, idm_span_cstr(profile->target));
		add_text(m, IDM_ATTR_ACP_HP, idm_span_cstr(profile->hp));
		add_words(m, IDM_ATTR_ACP_SEARCH, profile->search);
		add_words(m, IDM_ATTR_ACP_MODIFY_PRESENT, profile->present);
		add_words(m, IDM_ATTR_ACP_MODIFY_REMOVED, profile->removed);
		add_words(m, IDM_ATTR_ACP_MODIFY_CLASS, profile->classes);
		add_words(m, IDM_ATTR_ACP_CREATE_CLASS, profile->create_classes);
		add_words(m, IDM_ATTR_ACP_CREATE_ATTR, profile->create_attributes);
		add_text(m, IDM_ATTR_ACP_DELETE,
		    profile->deletes ? IDM_SPAN_LIT("true") : IDM_SPAN_LIT("false"));
		add_text(m, IDM_ATTR_ACP_ENABLE, IDM_SPAN_LIT("true"));
		m->item->flags = IDM_ITEM_FLAG_ACCESS;
	}
}

enum idm_result
idm_builtin_make(const struct idm_read *read, const char *domain, struct idm_change_set *set,
    struct idm_error *err)
{
	struct making m = { .read = read, .arena = read->arena, .set = set, .err = err };
	size_t profile_count;

	idm_builtin_profiles(&profile_count);
	memset(set, 0, sizeof(*set));
	set->no = 1;
	set->at_s = read->now.at_s;
	set->operation = IDM_OP_BOOTSTRAP;
	set->source = IDM_SPAN_LIT("console");
	set->items = idm_arena_array(read->arena,
	    2 + CONTAINER_COUNT + ACCOUNT_COUNT + GROUP_COUNT + profile_count + 1,
	    sizeof(*set->items));
	if (set->items == NULL)
		return idm_fail(err, IDM_LIMIT, "no room for the built-in entries");
	if (!idm_uuid_generate(&set->request_id))
		return idm_fail(err, IDM_SYSTEM, "no random octets");
	make_domain(&m, domain);
	make_accounts(&m);
	make_groups(&m);
	make_profiles(&m);
	return m.result;
}

static enum idm_result
fill(struct idm_txn *txn, const char *domain, struct idm_now now, struct idm_arena *arena,
    struct idm_error *err)
{
	struct idm_read read;
	struct idm_change_set set;
	enum idm_result result;

	result = idm_read_attach(txn, arena, now, &read, err);
	if (result == IDM_OK)
		result = idm_builtin_make(&read, domain, &set, err);
	if (result == IDM_OK)
		result = idm_change_apply(&read, &set, err);
	if (result == IDM_OK)
		result =
		    idm_store_put_number(txn, IDM_DB_META, "builtin_format", IDM_STORE_FORMAT, err);
	return result;
}

/* The domain that the database was made for; empty: it was not. */
static enum idm_result
stored_domain(struct idm_store *store, struct idm_arena *arena, char out[IDM_DOMAIN_MAX],
    struct idm_error *err)
{
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result = idm_store_read_begin(store, &txn, err);

	out[0] = '\0';
	if (result != IDM_OK)
		return result;
	result = idm_read_attach(&txn, arena, (struct idm_now){ 0, true }, &read, err);
	if (result == IDM_OK)
		memcpy(out, read.domain, IDM_DOMAIN_MAX);
	idm_store_read_end(&txn);
	return result;
}

enum idm_result
idm_builtin_create(
    struct idm_store *store, const char *domain, struct idm_now now, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	char stored[IDM_DOMAIN_MAX];
	struct idm_txn txn;
	enum idm_result result;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = stored_domain(store, arena, stored, err);
	if (result == IDM_OK && stored[0] != '\0')
		result = idm_fail(err, IDM_EXISTS, "the database is of the domain %s", stored);
	if (result == IDM_OK)
		result = idm_store_write_begin(store, &txn, err);
	if (result == IDM_OK)
		result = idm_store_write_end(&txn, fill(&txn, domain, now, arena, err), err);
	idm_arena_free(&arena);
	return result;
}

static enum idm_result
compare_domain(const char *stored, const char *domain, struct idm_error *err)
{
	if (stored[0] == '\0' || domain == NULL || strcmp(stored, domain) == 0)
		return IDM_OK;
	return idm_fail(err, IDM_INVALID,
	    "the database is of the domain %s, the configuration says %s: correct "
	    "`domain`, or rename with `kanidmd domain rename`",
	    stored, domain);
}

enum idm_result
idm_builtin_check_domain(struct idm_store *store, const char *domain, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	char stored[IDM_DOMAIN_MAX];
	enum idm_result result;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = stored_domain(store, arena, stored, err);
	if (result == IDM_OK)
		result = compare_domain(stored, domain, err);
	idm_arena_free(&arena);
	return result;
}

enum idm_result
idm_builtin_open(const char *dir, gid_t read_group, const char *domain, struct idm_now now,
    struct idm_store **out, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	char stored[IDM_DOMAIN_MAX];
	enum idm_result result;

	if (arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_store_open_writer(dir, read_group, out, err);
	if (result == IDM_OK) {
		result = idm_floor_load(*out, err);
		if (result == IDM_OK)
			result = idm_hold_load(*out, err);
		if (result == IDM_OK)
			result = stored_domain(*out, arena, stored, err);
		if (result == IDM_OK && stored[0] == '\0' && domain == NULL)
			result = idm_fail(err, IDM_NOT_FOUND, "%s: there is no database yet", dir);
		else if (result == IDM_OK && stored[0] == '\0')
			result = idm_builtin_create(*out, domain, now, err);
		else if (result == IDM_OK)
			result = compare_domain(stored, domain, err);
		if (result == IDM_OK)
			result = idm_builtin_assert(*out, now, err);
		if (result != IDM_OK)
			idm_store_close(out);
	}
	idm_arena_free(&arena);
	return result;
}
