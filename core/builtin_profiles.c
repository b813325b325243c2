/*
 * The table of SPEC 5.4, row by row.  Every target excludes recycled entries and tombstones unless
 * it names them; an HP entry is out of reach unless `hp` says so (SPEC 5.5).
 */
#include "core/builtin_profiles.h"

/* clang-format off */

/* What several rows share. */
#define CREDENTIALS   "primary_credential unix_password"
#define VALIDITY      "account_expire account_valid_from"
#define POSIX         "gidnumber loginshell homedirectory"
#define PERSONAL      "name displayname legalname mail"
#define ALL_READ      "name spn displayname class memberof directmemberof member dynmember uuid " \
                      POSIX " ssh_publickey created last_modified"
#define ACCOUNT_READ  ALL_READ " mail " VALIDITY " " CREDENTIALS " api_token_session user_session " \
                      "account_softlock_expire"
#define ACCOUNT_WRITE "name displayname ssh_publickey " CREDENTIALS " mail " VALIDITY \
                      " api_token_session account_softlock_expire"
#define GROUP_WRITE   "name description member entry_managed_by"
#define SERVICE_NEW   "name displayname description mail " VALIDITY " ssh_publickey entry_managed_by"
#define SERVICE_WRITE "displayname description " VALIDITY " ssh_publickey entry_managed_by " \
                      "primary_credential api_token_session"
#define SERVICE_CLASS "object account service_account"
#define INTO_PERSON   "person service_account"
#define INTO_PRESENT  "displayname legalname mail"
#define UNIX_ACCOUNT  POSIX " unix_password"
#define RADIUS_POLICY "radius_vlan radius_priority radius_reply"
#define POLICY        "policy_password_minimum policy_session_expiry policy_privilege_expiry " \
                      "policy_primary_ldap_bind policy_search_limit"
#define NAS           "name description radius_client_network radius_client_secret " \
                      "radius_client_vendor radius_client_required_group " \
                      "radius_client_default_vlan radius_client_auth_source " \
                      "radius_client_require_message_authenticator"
#define SCHEMA        "description attributetype_name attributetype_syntax attributetype_multi " \
                      "attributetype_unique attributetype_index classtype_name classtype_must " \
                      "classtype_may"
#define ACP           "name description acp_receiver acp_target acp_search acp_modify_present " \
                      "acp_modify_removed acp_modify_class acp_create_class acp_create_attr " \
                      "acp_delete acp_hp acp_enable"
#define DOMAIN        "domain_display_name ldap_base_dn radius_required_group"
#define APPLICATION   "name displayname description linked_group entry_managed_by"
#define OF_THE_SERVER "uuid class created last_modified"

static const struct idm_builtin_profile profiles[] = {
	/* --- everybody, and anonymous: all_read, tree_read and self_read are all that it gets */
	{ IDM_PROFILE_SELF_READ, "self_read", "idm_all_accounts", "self", "also",
	    .search = "name spn displayname legalname mail class memberof directmemberof "
	              "radius_secret " POSIX " ssh_publickey uuid " VALIDITY " " CREDENTIALS
	              " api_token_session user_session" },
	{ 0x02, "self_write", "idm_all_persons", "self", "also",
	    .present = "name displayname legalname radius_secret " CREDENTIALS " ssh_publickey",
	    .removed = "name displayname legalname radius_secret " CREDENTIALS " ssh_publickey "
	               "user_session" },
	{ 0x03, "self_write_mail", "idm_people_self_write_mail_priv", "self(class=person)", "also",
	    .present = "mail", .removed = "mail" },
	{ IDM_PROFILE_ALL_READ, "all_read", "idm_all_accounts", "(|(class=account)(class=group))", "also",
	    .search = ALL_READ },
	/* dc is computed from the domain's name */
	{ IDM_PROFILE_TREE_READ, "tree_read", "idm_all_accounts",
	    "(|(class=domain_info)"
	    "(&(class=container)(|(ou=people)(ou=groups)(ou=services))))", "also",
	    .search = "class ou uuid domain_name domain_display_name" },
	{ 0x06, "mail_read", "idm_mail_read_priv", "(class=account)", "no",
	    .search = "name spn uuid mail " VALIDITY },

	/* --- persons */
	{ 0x10, "people_read", "idm_people_read_priv", "(class=person)", "no",
	    .search = PERSONAL },
	{ 0x11, "people_write", "idm_people_write_priv", "(class=person)", "no",
	    .present = PERSONAL, .removed = PERSONAL },
	{ 0x12, "people_manage", "idm_people_manage_priv", "(class=person)", "no",
	    .create_classes = "object account person",
	    .create_attributes = PERSONAL " ssh_publickey " VALIDITY,
	    .deletes = true },
	{ 0x15, "password_import", "idm_people_account_password_import_priv", "(class=person)", "no",
	    .present = "password_import" },
	{ 0x16, "service_desk", "idm_service_desk", "(class=person)", "no",
	    .search = "name spn displayname uuid memberof " VALIDITY " " CREDENTIALS
	              " account_softlock_expire",
	    .present = CREDENTIALS " account_softlock_expire",
	    .removed = CREDENTIALS " account_softlock_expire" },

	/* --- accounts */
	{ 0x20, "account_read", "idm_account_read_priv", "(class=account)", "no",
	    .search = ACCOUNT_READ },
	{ 0x21, "account_write", "idm_account_write_priv", "(class=account)", "no",
	    .present = ACCOUNT_WRITE, .removed = ACCOUNT_WRITE " user_session" },
	{ 0x22, "account_manage", "idm_account_manage_priv", "(class=service_account)", "no",
	    .search = "description entry_managed_by",
	    .present = "description entry_managed_by", .removed = "description entry_managed_by",
	    .create_classes = SERVICE_CLASS, .create_attributes = SERVICE_NEW,
	    .deletes = true },
	{ 0x23, "service_account_admin", "system_admins", "(class=service_account)", "no",
	    .search = ACCOUNT_READ " description entry_managed_by",
	    .present = SERVICE_WRITE, .removed = SERVICE_WRITE,
	    .create_classes = SERVICE_CLASS, .create_attributes = SERVICE_NEW,
	    .deletes = true },
	{ 0x24, "account_unix_extend", "idm_account_unix_extend_priv", "(class=account)", "no",
	    .present = UNIX_ACCOUNT, .removed = UNIX_ACCOUNT, .classes = "posixaccount" },
	{ 0x25, "radius_secret_read", "idm_radius_secret_read_priv", "(class=account)", "no",
	    .search = "radius_secret" },
	{ 0x26, "radius_secret_write", "idm_radius_secret_write_priv", "(class=account)", "no",
	    .present = "radius_secret", .removed = "radius_secret" },
	{ 0x27, "radius_servers", "idm_radius_servers", "(class=account)", "no",
	    .search = "name spn uuid displayname memberof radius_secret " VALIDITY },

	/* --- groups */
	{ 0x30, "group_write", "idm_group_write_priv", "(class=group)", "no",
	    .search = GROUP_WRITE, .present = GROUP_WRITE, .removed = GROUP_WRITE },
	{ 0x31, "group_manage", "idm_group_manage_priv", "(class=group)", "no",
	    .create_classes = "object group", .create_attributes = GROUP_WRITE,
	    .deletes = true },
	{ 0x32, "group_unix_extend", "idm_group_unix_extend_priv", "(class=group)", "no",
	    .present = "gidnumber", .removed = "gidnumber", .classes = "posixgroup" },

	/* --- whom entry_managed_by names: no receiver */
	{ 0x38, "entry_manager_group", NULL, "managed(class=group)", "no",
	    .search = "member description",
	    .present = "member description", .removed = "member description" },
	{ 0x39, "entry_manager_service_account", NULL, "managed(class=service_account)", "no",
	    .search = "api_token_session primary_credential displayname " VALIDITY,
	    .present = "api_token_session primary_credential displayname " VALIDITY,
	    .removed = "api_token_session primary_credential displayname " VALIDITY },

	/* --- the twins for what is HP */
	{ 0x40, "hp_account_read", "idm_hp_account_read_priv", "(class=account)", "only",
	    .search = ACCOUNT_READ },
	{ 0x41, "hp_account_write", "idm_hp_account_write_priv", "(class=account)", "only",
	    .present = ACCOUNT_WRITE " radius_secret",
	    .removed = ACCOUNT_WRITE " radius_secret user_session" },
	{ 0x42, "hp_account_manage", "idm_hp_account_manage_priv", "(class=service_account)", "only",
	    .search = "description entry_managed_by",
	    .present = "description entry_managed_by", .removed = "description entry_managed_by",
	    .create_classes = SERVICE_CLASS, .create_attributes = SERVICE_NEW,
	    .deletes = true },
	{ 0x43, "hp_account_manage_person", "idm_hp_account_manage_priv", "(class=person)", "only",
	    .deletes = true },
	{ 0x44, "hp_account_unix_extend", "idm_hp_account_unix_extend_priv", "(class=account)",
	    "only",
	    .present = UNIX_ACCOUNT, .removed = UNIX_ACCOUNT, .classes = "posixaccount" },
	{ 0x45, "hp_people_read", "idm_hp_people_read_priv", "(class=person)", "only",
	    .search = PERSONAL },
	{ 0x46, "hp_people_write", "idm_hp_people_write_priv", "(class=person)", "only",
	    .present = PERSONAL, .removed = PERSONAL },
	/* account policy of HP groups comes with the right to write them */
	{ 0x48, "hp_group_write", "idm_hp_group_write_priv", "(class=group)", "only",
	    .search = GROUP_WRITE " " POLICY,
	    .present = GROUP_WRITE " " POLICY, .removed = GROUP_WRITE " " POLICY,
	    .classes = "account_policy" },
	{ 0x49, "hp_group_manage", "idm_hp_group_manage_priv", "(class=group)", "only",
	    .deletes = true },
	/* a group is HP only after it was put into one, so who creates it needs both */
	{ 0x4a, "hp_group_create", "idm_hp_group_manage_priv", "(class=group)", "also",
	    .create_classes = "object group", .create_attributes = GROUP_WRITE },
	{ IDM_PROFILE_HP_DYNGROUP_MANAGE, "hp_dyngroup_manage", "idm_hp_group_manage_priv",
	    "(class=dyngroup)", "also",
	    .search = "name description entry_managed_by dyngroup_filter",
	    .present = "name description entry_managed_by dyngroup_filter",
	    .removed = "name description entry_managed_by dyngroup_filter",
	    .create_classes = "object group dyngroup",
	    .create_attributes = "name description entry_managed_by dyngroup_filter",
	    .deletes = true },
	{ 0x4c, "hp_group_unix_extend", "idm_hp_group_unix_extend_priv", "(class=group)", "only",
	    .present = "gidnumber", .removed = "gidnumber", .classes = "posixgroup" },

	/* --- service accounts that become persons: what was theirs ends by itself, tokens,
	 * passwords, their manager; behind what else writes displayname, for a refusal names the
	 * first that grants */
	{ 0x13, "into_person", "idm_people_extend_priv", "(class=service_account)", "no",
	    .classes = INTO_PERSON, .present = INTO_PRESENT },
	{ 0x14, "into_person_migrate", "idm_hp_service_account_into_person_migrate_priv",
	    "(class=service_account)", "also",
	    .classes = INTO_PERSON, .present = INTO_PRESENT },
	{ 0x47, "hp_people_extend", "idm_hp_people_extend_priv", "(class=service_account)", "only",
	    .classes = INTO_PERSON, .present = INTO_PRESENT },

	/* --- the recycle bin; reviving takes the class away */
	{ 0x50, "recycle_search", "idm_recycle_bin_admins", "(class=recycled)", "also",
	    .search = "name spn class uuid displayname" },
	{ 0x51, "recycle_revive", "idm_recycle_bin_admins", "(class=recycled)", "also",
	    .classes = "recycled" },

	/* --- the system: each kind of entry has its group */
	{ 0x60, "schema", "idm_schema_manage_priv", "(|(class=attributetype)(class=classtype))", "no",
	    .search = OF_THE_SERVER " attributetype_number " SCHEMA,
	    .present = SCHEMA, .removed = SCHEMA,
	    .create_classes = "object attributetype classtype", .create_attributes = SCHEMA,
	    .deletes = true },
	/* the container that they stand in */
	{ 0x6a, "schema_container", "idm_schema_manage_priv", "(&(class=container)(ou=schema))",
	    "no",
	    .search = "class ou uuid" },
	{ 0x61, "acp", "idm_acp_manage_priv", "(class=access_control_profile)", "no",
	    .search = OF_THE_SERVER " " ACP, .present = ACP, .removed = ACP,
	    .create_classes = "object access_control_profile", .create_attributes = ACP,
	    .deletes = true },
	/* the container that the profiles stand in */
	{ 0x69, "acp_container", "idm_acp_manage_priv", "(&(class=container)(ou=access))", "no",
	    .search = "class ou uuid" },
	/* its name and uuid are changed offline alone (`kanidmd domain rename`) */
	{ 0x62, "domain", "domain_admins", "(class=domain_info)", "no",
	    .search = OF_THE_SERVER " domain_name domain_uuid " DOMAIN,
	    .present = DOMAIN, .removed = DOMAIN },
	{ 0x63, "system_config", "system_admins", "(class=system_config)", "no",
	    .search = OF_THE_SERVER " badlist_password denied_name",
	    .present = "badlist_password denied_name",
	    .removed = "badlist_password denied_name" },
	{ 0x64, "application", "idm_application_admins", "(class=application)", "no",
	    .search = OF_THE_SERVER " " APPLICATION, .present = APPLICATION, .removed = APPLICATION,
	    .create_classes = "object application", .create_attributes = APPLICATION,
	    .deletes = true },
	/* the container that they stand in */
	{ 0x6b, "application_container", "idm_application_admins",
	    "(&(class=container)(ou=applications))", "no",
	    .search = "class ou uuid" },
	{ 0x65, "network_nas", "idm_network_manage_priv", "(class=radius_client)", "no",
	    .search = OF_THE_SERVER " " NAS, .present = NAS, .removed = NAS,
	    .create_classes = "object radius_client", .create_attributes = NAS,
	    .deletes = true },
	{ 0x66, "network_group", "idm_network_manage_priv", "(class=group)", "also",
	    .search = RADIUS_POLICY, .present = RADIUS_POLICY, .removed = RADIUS_POLICY,
	    .classes = "radius_policy" },
	{ 0x67, "account_policy_config", "idm_account_policy_admins", "(class=system_config)", "no",
	    .search = OF_THE_SERVER " badlist_password denied_name",
	    .present = "badlist_password denied_name",
	    .removed = "badlist_password denied_name" },
	/* its records are asked for by an extended operation alone */
	{ 0x70, "audit", "idm_audit_read_priv", "(class=system_config)", "no",
	    .search = "class uuid audit_trail" },
	{ 0x68, "account_policy_group", "idm_account_policy_admins", "(class=group)", "no",
	    .search = POLICY, .present = POLICY, .removed = POLICY, .classes = "account_policy" },
};
/* clang-format on */

const struct idm_builtin_profile *
idm_builtin_profiles(size_t *count)
{
	*count = sizeof(profiles) / sizeof(profiles[0]);
	return profiles;
}

struct idm_uuid
idm_builtin_profile_uuid(const struct idm_builtin_profile *profile)
{
	return idm_uuid_builtin(UINT64_C(0x0000ac000000) + profile->number);
}

bool
idm_builtin_profile_is(const struct idm_uuid *uuid, uint8_t number)
{
	struct idm_uuid of_number =
	    idm_builtin_profile_uuid(&(struct idm_builtin_profile){ .number = number });

	return idm_uuid_equal(uuid, &of_number);
}

bool
idm_word_next(const char **rest, struct idm_span *word)
{
	size_t len;

	if (*rest == NULL)
		return false;
	*rest += strspn(*rest, " ");
	len = strcspn(*rest, " ");
	*word = idm_span_of(*rest, len);
	*rest += len;
	return len != 0;
}
