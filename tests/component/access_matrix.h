/*
 * Who may do what with which entry: SPEC 4 and 5.4 once more, in a form that a test can hold the
 * core against (test_access_matrix.c).  Written from SPEC; whatever is not listed is refused.
 *
 * A role is a person who is in the group and in nothing else, or one of the accounts named there.
 * It has what its row and the rows of all groups that its own is an initial member of say, and what
 * everybody has.
 */

/* --- lists that several rows share */

#define POSIX "gidnumber loginshell homedirectory "
#define VALIDITY "account_expire account_valid_from "
#define CREDENTIALS "primary_credential unix_password " /* their state: set, not set */
#define PERSONAL "name displayname legalname mail "
#define ALL_READ                                                                                   \
	"name spn displayname class memberof directmemberof member dynmember uuid " POSIX          \
	"ssh_publickey created last_modified "
#define SELF_READ                                                                                  \
	"name spn displayname legalname mail class memberof directmemberof " POSIX                 \
	"ssh_publickey uuid " VALIDITY CREDENTIALS "api_token_session user_session "
#define ACCOUNT_READ                                                                               \
	ALL_READ "mail " VALIDITY CREDENTIALS                                                      \
		 "api_token_session user_session account_softlock_expire "
#define ACCOUNT_WRITE                                                                              \
	"name displayname ssh_publickey " CREDENTIALS "mail " VALIDITY                             \
	"api_token_session account_softlock_expire "
#define SERVICE_NEW "name displayname description mail " VALIDITY "ssh_publickey entry_managed_by "
#define NOTES "description entry_managed_by " /* who writes them reads them */
#define GROUP "name description member entry_managed_by "
#define SELF_WRITE "name displayname legalname radius_secret " CREDENTIALS "ssh_publickey "
#define RADIUS_GROUP "radius_vlan radius_priority radius_reply "
#define POLICY                                                                                     \
	"policy_password_minimum policy_session_expiry policy_privilege_expiry "                   \
	"policy_primary_ldap_bind policy_search_limit "
#define LISTS "badlist_password denied_name "
#define SERVERS "uuid class created last_modified " /* on what a role manages: what it looks at */
#define DOMAIN "domain_display_name ldap_base_dn radius_required_group "
#define NAS                                                                                        \
	"name description radius_client_network radius_client_secret radius_client_vendor "        \
	"radius_client_required_group radius_client_default_vlan radius_client_auth_source "       \
	"radius_client_require_message_authenticator "
#define APPLICATION "name displayname description linked_group entry_managed_by "
#define ACP                                                                                        \
	"name description acp_receiver acp_target acp_search acp_modify_present "                  \
	"acp_modify_removed acp_modify_class acp_create_class acp_create_attr acp_delete acp_hp "  \
	"acp_enable "
#define SCHEMA                                                                                     \
	"description attributetype_name attributetype_syntax attributetype_multi "                 \
	"attributetype_unique attributetype_index classtype_name classtype_must classtype_may "
#define DYNGROUP "name description entry_managed_by dyngroup_filter "
#define INTO_PERSON "person service_account"

/* --- the entries that are tried, and what SPEC 5.4 calls them; `hp:` is one that is HP */

struct matrix_target {
	const char *kind;
	const char *name; /* as made in test_access_matrix.c; NULL: the role itself */
	const char *is;
};

static const struct matrix_target matrix_targets[] = {
	{ "person", "paula", "account person" }, { "HP person", "hilda", "hp:account hp:person" },
	{ "service account", "svc", "account service_account" },
	{ "HP service account", "hsvc", "hp:account hp:service_account" },
	{ "managed service account", "msvc", "account service_account managed_service" },
	{ "managed HP service account", "mhsvc", "hp:account hp:service_account" },
	{ "group", "team", "group" }, { "HP group", "vips", "hp:group" },
	{ "managed group", "mteam", "group managed_group" },
	{ "managed HP group", "mvips", "hp:group" }, { "dynamic group", "dyn", "group dyngroup" },
	{ "built-in account", "idm_admin", "hp:account hp:service_account" },
	{ "built-in account without privilege", "anonymous", "account service_account" },
	{ "built-in group", "idm_people_read_priv", "hp:group" },
	{ "the marker group", "idm_high_privilege", "hp:group" }, /* it is in itself */
	{ "built-in group without privilege", "radius_access_allowed", "group" },
	{ "built-in dynamic group", "idm_all_persons", "group dyngroup" },
	{ "domain", "00000000-0000-0000-0000-000000f00001", "domain" },
	{ "container", "00000000-0000-0000-0000-000000f00003", "container" },
	{ "container of profiles", "00000000-0000-0000-0000-000000f00006", "acp_container" },
	{ "container of the schema", "00000000-0000-0000-0000-000000f00007", "schema_container" },
	{ "system config", "00000000-0000-0000-0000-000000f00002", "system_config" },
	{ "profile", "acp:custom", "profile" }, { "built-in profile", "acp:all_read", "profile" },
	{ "RADIUS client", "nas1", "nas" }, { "application", "app1", "application" },
	{ "attribute type", "shoesize", "schema" }, { "class type", "shoewearer", "schema" },
	{ "recycled person", "gone", "recycled" }, { "recycled HP person", "hgone", "recycled" },
	{ "recycled group", "gteam", "recycled" },
	{ "self", NULL, "" }, /* and as whatever kind of account the role is */
};

/* --- initial members of the built-in groups (SPEC 4) */

static const struct {
	const char *member;
	const char *of; /* it has what these have */
} matrix_nesting[] = {
	{ "idm_admin", "idm_admins" },
	{ "admin", "system_admins domain_admins" },
	{ "idm_admins",
	    "idm_people_manage_priv idm_account_manage_priv idm_group_manage_priv "
	    "idm_account_unix_extend_priv idm_group_unix_extend_priv idm_people_extend_priv "
	    "idm_radius_secret_write_priv idm_account_policy_admins idm_application_admins" },
	{ "system_admins",
	    "idm_schema_manage_priv idm_acp_manage_priv idm_group_manage_priv "
	    "idm_hp_account_manage_priv idm_hp_group_manage_priv "
	    "idm_hp_account_unix_extend_priv idm_hp_group_unix_extend_priv "
	    "idm_hp_people_extend_priv idm_hp_service_account_into_person_migrate_priv "
	    "idm_recycle_bin_admins idm_network_manage_priv idm_audit_read_priv" },
	{ "idm_people_write_priv", "idm_people_read_priv" },
	{ "idm_people_manage_priv", "idm_people_write_priv" },
	{ "idm_people_extend_priv", "idm_people_write_priv" },
	{ "idm_group_manage_priv", "idm_group_write_priv" },
	{ "idm_account_write_priv", "idm_account_read_priv" },
	{ "idm_account_manage_priv", "idm_account_write_priv" },
	{ "idm_hp_account_write_priv", "idm_hp_account_read_priv" },
	{ "idm_hp_account_manage_priv", "idm_hp_account_write_priv" },
	{ "idm_hp_group_manage_priv", "idm_hp_group_write_priv" },
	{ "idm_hp_people_write_priv", "idm_hp_people_read_priv" },
	{ "idm_hp_people_extend_priv", "idm_hp_people_write_priv" },
	{ "idm_radius_secret_write_priv", "idm_radius_secret_read_priv" },
};

/* --- rights */

struct matrix_right {
	const char *role;   /* "everybody": anonymous too; "accounts": not; "persons": who is one */
	const char *target; /* of `is` above; "any:X": X and hp:X */
	const char *search;
	const char *present;
	const char *removed; /* NULL: as `present` */
	const char *classes;
	bool deletes;
};

static const struct matrix_right matrix_rights[] = {
	/* everybody; dc is computed from domain_name */
	{ "everybody", "any:account", ALL_READ, "", NULL, "", false },
	{ "everybody", "any:group", ALL_READ, "", NULL, "", false },
	{ "everybody", "domain", "class ou uuid domain_name domain_display_name", "", NULL, "",
	    false },
	{ "everybody", "container", "class ou uuid domain_name domain_display_name", "", NULL, "",
	    false },
	{ "everybody", "self", SELF_READ, "", NULL, "", false },
	{ "accounts", "self", "radius_secret", "", NULL, "", false }, /* anonymous has no secret */
	{ "persons", "self", "", SELF_WRITE, SELF_WRITE "user_session", "", false },
	{ "idm_people_self_write_mail_priv", "self", "", "mail", NULL, "", false },

	/* persons */
	{ "idm_mail_read_priv", "account", "name spn uuid mail " VALIDITY, "", NULL, "", false },
	{ "idm_people_read_priv", "person", PERSONAL, "", NULL, "", false },
	{ "idm_people_write_priv", "person", "", PERSONAL, NULL, "", false },
	{ "idm_people_manage_priv", "person", "", "", NULL, "", true },
	{ "idm_people_extend_priv", "service_account", "", "displayname legalname mail", "",
	    INTO_PERSON, false },
	{ "idm_hp_service_account_into_person_migrate_priv", "any:service_account", "",
	    "displayname legalname mail", "", INTO_PERSON, false },
	{ "idm_people_account_password_import_priv", "person", "", "password_import", "", "",
	    false },
	{ "idm_service_desk", "person",
	    "name spn displayname uuid memberof " VALIDITY CREDENTIALS "account_softlock_expire",
	    CREDENTIALS "account_softlock_expire", NULL, "", false },
	{ "idm_hp_people_read_priv", "hp:person", PERSONAL, "", NULL, "", false },
	{ "idm_hp_people_write_priv", "hp:person", "", PERSONAL, NULL, "", false },
	{ "idm_hp_people_extend_priv", "hp:service_account", "", "displayname legalname mail", "",
	    INTO_PERSON, false },

	/* accounts */
	{ "idm_account_read_priv", "account", ACCOUNT_READ, "", NULL, "", false },
	{ "idm_account_write_priv", "account", "", ACCOUNT_WRITE, ACCOUNT_WRITE "user_session", "",
	    false },
	{ "idm_account_manage_priv", "service_account", NOTES, NOTES, NULL, "", true },
	{ "idm_account_unix_extend_priv", "account", "", POSIX "unix_password", NULL,
	    "posixaccount", false },
	{ "idm_hp_account_read_priv", "hp:account", ACCOUNT_READ, "", NULL, "", false },
	{ "idm_hp_account_write_priv", "hp:account", "", ACCOUNT_WRITE "radius_secret",
	    ACCOUNT_WRITE "radius_secret user_session", "", false },
	{ "idm_hp_account_manage_priv", "hp:service_account", NOTES, NOTES, NULL, "", true },
	{ "idm_hp_account_manage_priv", "hp:person", "", "", NULL, "", true },
	{ "idm_hp_account_unix_extend_priv", "hp:account", "", POSIX "unix_password", NULL,
	    "posixaccount", false },
	{ "system_admins", "service_account", ACCOUNT_READ NOTES,
	    "displayname ssh_publickey primary_credential api_token_session " NOTES VALIDITY, NULL,
	    "", true },
	{ "idm_radius_servers", "account",
	    "name spn uuid displayname memberof radius_secret " VALIDITY, "", NULL, "", false },
	{ "idm_radius_secret_read_priv", "account", "radius_secret", "", NULL, "", false },
	{ "idm_radius_secret_write_priv", "account", "", "radius_secret", NULL, "", false },

	/* groups */
	{ "idm_group_write_priv", "group", GROUP, GROUP, NULL, "", false },
	{ "idm_group_manage_priv", "group", "", "", NULL, "", true },
	{ "idm_group_unix_extend_priv", "group", "", "gidnumber", NULL, "posixgroup", false },
	{ "idm_hp_group_write_priv", "hp:group", GROUP POLICY, GROUP POLICY, NULL, "account_policy",
	    false },
	{ "idm_hp_group_manage_priv", "hp:group", "", "", NULL, "", true },
	{ "idm_hp_group_manage_priv", "dyngroup", DYNGROUP, DYNGROUP, NULL, "", true },
	{ "idm_hp_group_unix_extend_priv", "hp:group", "", "gidnumber", NULL, "posixgroup", false },
	{ "manager", "managed_group", "member description", "member description", NULL, "", false },
	{ "manager", "managed_service",
	    "api_token_session primary_credential displayname " VALIDITY,
	    "api_token_session primary_credential displayname " VALIDITY, NULL, "", false },

	/* the system */
	{ "idm_recycle_bin_admins", "recycled", "name spn class uuid displayname", "", NULL,
	    "recycled", false },
	{ "idm_schema_manage_priv", "schema", SERVERS "attributetype_number " SCHEMA, SCHEMA, NULL,
	    "", true },
	{ "idm_acp_manage_priv", "profile", SERVERS ACP, ACP, NULL, "", true },
	{ "idm_acp_manage_priv", "acp_container", "class ou uuid", "", NULL, "", false },
	{ "idm_schema_manage_priv", "schema_container", "class ou uuid", "", NULL, "", false },
	{ "domain_admins", "domain", SERVERS "domain_name domain_uuid " DOMAIN, DOMAIN, NULL, "",
	    false },
	{ "system_admins", "system_config", SERVERS LISTS, LISTS, NULL, "", false },
	{ "idm_audit_read_priv", "system_config", "class uuid audit_trail", "", NULL, "", false },
	{ "idm_account_policy_admins", "system_config", SERVERS LISTS, LISTS, NULL, "", false },
	{ "idm_account_policy_admins", "group", POLICY, POLICY, NULL, "account_policy", false },
	{ "idm_application_admins", "application", SERVERS APPLICATION, APPLICATION, NULL, "",
	    true },
	{ "idm_network_manage_priv", "nas", SERVERS NAS, NAS, NULL, "", true },
	{ "idm_network_manage_priv", "any:group", RADIUS_GROUP, RADIUS_GROUP, NULL, "radius_policy",
	    false },
};

/* --- creating: the kinds of entry that are tried, and who may make which with what */

static const struct {
	const char *kind;
	const char *classes;
	const char *needs; /* attributes that every one of them has */
} matrix_new[] = {
	{ "person", "object account person", "name displayname" },
	{ "posix person", "object account person posixaccount", "name displayname gidnumber" },
	{ "service account", "object account service_account", "name displayname" },
	{ "group", "object group", "name" },
	{ "posix group", "object group posixgroup", "name gidnumber" },
	{ "dynamic group", "object group dyngroup", "name dyngroup_filter" },
	{ "RADIUS client", "object radius_client", "name radius_client_network" },
	{ "application", "object application", "name displayname" },
	{ "profile", "object access_control_profile", "name acp_target" },
	{ "attribute type", "object attributetype", "attributetype_name attributetype_syntax" },
	{ "class type", "object classtype", "classtype_name" },
	{ "domain", "object domain_info", "" },
	{ "system config", "object system_config", "" },
	{ "container", "object container", "ou" },
	{ "recycled person", "object account person recycled", "name displayname" },
};

static const struct {
	const char *role;
	const char *kind;
	const char *attributes;
} matrix_creates[] = {
	{ "idm_people_manage_priv", "person", PERSONAL "ssh_publickey " VALIDITY },
	{ "idm_account_manage_priv", "service account", SERVICE_NEW },
	{ "system_admins", "service account", SERVICE_NEW },
	/* as its twin; what is HP at birth alone: nothing that anybody can ask for */
	{ "idm_group_manage_priv", "group", GROUP },
	{ "idm_hp_group_manage_priv", "group", GROUP },
	{ "idm_hp_group_manage_priv", "dynamic group", DYNGROUP },
	{ "idm_network_manage_priv", "RADIUS client", NAS },
	{ "idm_application_admins", "application", APPLICATION },
	{ "idm_acp_manage_priv", "profile", ACP },
	{ "idm_schema_manage_priv", "attribute type", SCHEMA },
	{ "idm_schema_manage_priv", "class type", SCHEMA },
};
