#include "tests/support/profiles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/builtin_profiles.h"

enum { WORDS_MAX = 256, TEXT_BYTES = 16384 };

/* --- groups */

/* SPEC 4: a group and one of its initial members, or a member alone. */
static const struct {
	const char *group;
	const char *member;
} nesting[] = {
	{ "idm_people_read_priv", "idm_people_write_priv" },
	{ "idm_people_write_priv", "idm_people_manage_priv" },
	{ "idm_people_write_priv", "idm_people_extend_priv" },
	{ "idm_group_write_priv", "idm_group_manage_priv" },
	{ "idm_account_read_priv", "idm_account_write_priv" },
	{ "idm_account_write_priv", "idm_account_manage_priv" },
	{ "idm_hp_account_read_priv", "idm_hp_account_write_priv" },
	{ "idm_hp_account_write_priv", "idm_hp_account_manage_priv" },
	{ "idm_hp_group_write_priv", "idm_hp_group_manage_priv" },
	{ "idm_hp_people_read_priv", "idm_hp_people_write_priv" },
	{ "idm_hp_people_write_priv", "idm_hp_people_extend_priv" },
	{ "idm_radius_secret_read_priv", "idm_radius_secret_write_priv" },
	{ "idm_people_manage_priv", "idm_admins" },
	{ "idm_account_manage_priv", "idm_admins" },
	{ "idm_group_manage_priv", "idm_admins" },
	{ "idm_group_manage_priv", "system_admins" },
	{ "idm_hp_account_manage_priv", "system_admins" },
	{ "idm_hp_group_manage_priv", "system_admins" },
	{ "idm_account_unix_extend_priv", "idm_admins" },
	{ "idm_group_unix_extend_priv", "idm_admins" },
	{ "idm_people_extend_priv", "idm_admins" },
	{ "idm_hp_people_extend_priv", "system_admins" },
	{ "idm_radius_secret_write_priv", "idm_admins" },
	{ "idm_schema_manage_priv", "system_admins" },
	{ "idm_acp_manage_priv", "system_admins" },
	{ "idm_recycle_bin_admins", "system_admins" },
	{ "idm_network_manage_priv", "system_admins" },
	{ "idm_account_policy_admins", "idm_admins" },
	{ "idm_admins", "idm_admin" },
	{ "system_admins", "admin" },
	{ "domain_admins", "admin" },
};

static bool
is_hp(const char *group)
{
	return strcmp(group, "idm_people_self_write_mail_priv") != 0;
}

static void
add_group(struct fixture *f, const char *name)
{
	if (fixture_id(f, name) != 0)
		return;
	fixture_group(f, name);
	if (is_hp(name))
		fixture_edge(f, fixture_id(f, "idm_high_privilege"), fixture_id(f, name), true);
}

static void
add_service_account(struct fixture *f, const char *name, const char *uuid)
{
	fixture_add(f, "class", "object", "class", "account", "class", "service_account", "name",
	    name, "displayname", name, "uuid", uuid, NULL);
}

/* --- profiles */

/* The name and value pairs of one entry, with memory for the words of lists. */
struct pairs {
	const char *words[WORDS_MAX];
	size_t count;
	char text[TEXT_BYTES];
	size_t used;
};

static void
put(struct pairs *p, const char *name, const char *value)
{
	assert_true(p->count + 3 <= WORDS_MAX);
	p->words[p->count++] = name;
	p->words[p->count++] = value;
	p->words[p->count] = NULL;
}

static void
put_words(struct pairs *p, const char *name, const char *list)
{
	struct idm_span word;

	while (idm_word_next(&list, &word)) {
		assert_true(p->used + word.len + 1 < TEXT_BYTES);
		memcpy(p->text + p->used, word.ptr, word.len);
		p->text[p->used + word.len] = '\0';
		put(p, name, p->text + p->used);
		p->used += word.len + 1;
	}
}

static void
put_receiver(struct fixture *f, struct pairs *p, const char *group)
{
	struct idm_entry entry;
	char *at = p->text + p->used;

	add_group(f, group);
	entry = fixture_entry(f, fixture_id(f, group));
	assert_true(p->used + IDM_UUID_TEXT < TEXT_BYTES);
	idm_uuid_format(&entry.uuid, at);
	p->used += IDM_UUID_TEXT;
	put(p, "acp_receiver", at);
}

static void
begin_profile(struct pairs *p, const char *name)
{
	memset(p, 0, sizeof(*p));
	put(p, "class", "object");
	put(p, "class", "access_control_profile");
	put(p, "name", name);
}

static void
put_uuid(struct pairs *p, struct idm_uuid uuid)
{
	char *at = p->text + p->used;

	assert_true(p->used + IDM_UUID_TEXT < TEXT_BYTES);
	idm_uuid_format(&uuid, at);
	p->used += IDM_UUID_TEXT;
	put(p, "uuid", at);
}

static void
add_profile(struct fixture *f, const struct idm_builtin_profile *profile)
{
	static struct pairs p;
	char uuid[IDM_UUID_TEXT];
	struct idm_uuid number = idm_builtin_profile_uuid(profile);

	begin_profile(&p, profile->name);
	put_uuid(&p, idm_builtin_profile_uuid(profile));
	idm_uuid_format(&number, uuid);
	put(&p, "uuid", uuid);
	put(&p, "acp_target", profile->target);
	put(&p, "acp_hp", profile->hp);
	put(&p, "acp_delete", profile->deletes ? "true" : "false");
	if (profile->receivers != NULL)
		put_receiver(f, &p, profile->receivers);
	put_words(&p, "acp_search", profile->search);
	put_words(&p, "acp_modify_present", profile->present);
	put_words(&p, "acp_modify_removed", profile->removed);
	put_words(&p, "acp_modify_class", profile->classes);
	put_words(&p, "acp_create_class", profile->create_classes);
	put_words(&p, "acp_create_attr", profile->create_attributes);
	fixture_add_pairs(f, p.words);
}

void
profiles_add_one(struct fixture *f, const char *name, const char *receiver, ...)
{
	static struct pairs p;
	const char *word;
	va_list args;

	begin_profile(&p, name);
	if (receiver != NULL)
		put_receiver(f, &p, receiver);
	va_start(args, receiver);
	while ((word = va_arg(args, const char *)) != NULL)
		put(&p, word, va_arg(args, const char *));
	va_end(args);
	fixture_add_pairs(f, p.words);
}

void
profiles_add(struct fixture *f)
{
	size_t count;
	const struct idm_builtin_profile *profiles = idm_builtin_profiles(&count);

	for (size_t i = 0; i < count; i++)
		add_profile(f, &profiles[i]);
	add_service_account(f, "anonymous", "00000000-0000-0000-0000-ffffffffffff");
	add_service_account(f, "admin", "00000000-0000-0000-0000-000000000000");
	add_service_account(f, "idm_admin", "00000000-0000-0000-0000-000000000018");
	add_group(f, "idm_admins");
	for (size_t i = 0; i < sizeof(nesting) / sizeof(nesting[0]); i++) {
		add_group(f, nesting[i].group);
		if (fixture_id(f, nesting[i].member) == 0)
			add_group(f, nesting[i].member);
		fixture_edge(
		    f, fixture_id(f, nesting[i].group), fixture_id(f, nesting[i].member), true);
	}
}

struct idm_access *
profiles_of(struct fixture *f, struct idm_access_table **table, const char *account,
    enum idm_identity_kind kind)
{
	struct idm_identity identity = {
		.kind = kind,
		.scope = IDM_SCOPE_READ_WRITE,
		.privileged_until_s = f->read.now.at_s + 600,
		.expire_s = INT64_MAX,
	};
	struct idm_access *access;

	if (account != NULL)
		identity.uuid = fixture_entry(f, fixture_id(f, account)).uuid;
	assert_int_equal(idm_access_table_refresh(&f->read, table, &f->err), IDM_OK);
	if (idm_access_resolve(&f->read, *table, &identity, f->arena, &access, &f->err) != IDM_OK)
		fail_msg("%s: %s", account, f->err.text);
	return access;
}
