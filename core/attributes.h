/*
 * The built-in attributes (SPEC 2.1): number, constant, name, syntax, flags.  Numbers are stored
 * and travel in change sets: never renumber, never use a number again.  Built-ins stay below 4096.
 */
#ifndef CORE_ATTRIBUTES_H
#define CORE_ATTRIBUTES_H

/* clang-format off */
#define IDM_ATTRIBUTES(A) \
	A(  1, UUID,                   "uuid",                   UUID,      UNIQUE | EQ | PRES | SYSTEM) \
	A(  2, CLASS,                  "class",                  KEYWORD,   MULTI | EQ | PRES) \
	A(  3, NAME,                   "name",                   INAME,     UNIQUE | EQ | PRES | SUB) \
	A(  4, SPN,                    "spn",                    SPN,       COMPUTED) \
	A(  5, DISPLAYNAME,            "displayname",            UTF8_NOCASE, EQ | SUB) \
	A(  6, LEGALNAME,              "legalname",              UTF8_NOCASE, EQ | SUB) \
	A(  7, MAIL,                   "mail",                   EMAIL,     MULTI | UNIQUE | EQ | PRES | SUB) \
	A(  8, DESCRIPTION,            "description",            UTF8,      0) \
	A(  9, MEMBER,                 "member",                 REFERENCE, MULTI | EDGE) \
	A( 10, MEMBEROF,               "memberof",               REFERENCE, MULTI | COMPUTED) \
	A( 11, DIRECTMEMBEROF,         "directmemberof",         REFERENCE, MULTI | COMPUTED) \
	A( 12, DYNMEMBER,              "dynmember",              REFERENCE, MULTI | COMPUTED) \
	A( 13, DYNGROUP_FILTER,        "dyngroup_filter",        FILTER,    0) \
	A( 14, ACCOUNT_VALID_FROM,     "account_valid_from",     DATETIME,  ORD) \
	A( 15, ACCOUNT_EXPIRE,         "account_expire",         DATETIME,  ORD) \
	A( 16, ACCOUNT_SOFTLOCK_EXPIRE, "account_softlock_expire", DATETIME, LOCAL) \
	A( 17, PRIMARY_CREDENTIAL,     "primary_credential",     CREDENTIAL, PRES) \
	A( 18, UNIX_PASSWORD,          "unix_password",          CREDENTIAL, PRES) \
	A( 19, RADIUS_SECRET,          "radius_secret",          SECRET,    PRES) \
	A( 20, API_TOKEN_SESSION,      "api_token_session",      SESSION,   MULTI | ROWS) \
	A( 21, USER_SESSION,           "user_session",           SESSION,   MULTI | LOCAL) \
	A( 22, SSH_PUBLICKEY,          "ssh_publickey",          SSHKEY,    MULTI) \
	A( 23, GIDNUMBER,              "gidnumber",              UINT32,    UNIQUE | EQ) \
	A( 24, LOGINSHELL,             "loginshell",             PATH,      0) \
	A( 25, HOMEDIRECTORY,          "homedirectory",          PATH,      0) \
	A( 26, ENTRY_MANAGED_BY,       "entry_managed_by",       REFERENCE, EQ) \
	A( 27, PASSWORD_IMPORT,        "password_import",        UTF8,      WRITE_ONLY) \
	A( 28, RADIUS_VLAN,            "radius_vlan",            UINT32,    0) \
	A( 29, RADIUS_PRIORITY,        "radius_priority",        UINT32,    0) \
	A( 30, RADIUS_REPLY,           "radius_reply",           UTF8,      MULTI) \
	A( 31, RADIUS_CLIENT_NETWORK,  "radius_client_network",  NETWORK,   MULTI) \
	A( 32, RADIUS_CLIENT_SECRET,   "radius_client_secret",   SECRET,    0) \
	A( 33, RADIUS_CLIENT_VENDOR,   "radius_client_vendor",   KEYWORD,   0) \
	A( 34, RADIUS_CLIENT_REQUIRED_GROUP, "radius_client_required_group", REFERENCE, MULTI | EQ) \
	A( 35, RADIUS_CLIENT_DEFAULT_VLAN, "radius_client_default_vlan", UINT32, 0) \
	A( 36, RADIUS_CLIENT_AUTH_SOURCE, "radius_client_auth_source", KEYWORD, 0) \
	A( 37, RADIUS_CLIENT_REQUIRE_MESSAGE_AUTHENTICATOR, "radius_client_require_message_authenticator", BOOLEAN, 0) \
	A( 40, DOMAIN_NAME,            "domain_name",            INAME_DNS, SYSTEM) \
	A( 41, DOMAIN_DISPLAY_NAME,    "domain_display_name",    UTF8,      0) \
	A( 42, DOMAIN_UUID,            "domain_uuid",            UUID,      SYSTEM) \
	A( 43, LDAP_BASE_DN,           "ldap_base_dn",           UTF8,      0) \
	A( 44, RADIUS_REQUIRED_GROUP,  "radius_required_group",  REFERENCE, MULTI | EQ) \
	A( 45, OU,                     "ou",                     KEYWORD,   EQ) \
	A( 46, RECYCLED_DIRECTMEMBEROF, "recycled_directmemberof", REFERENCE, MULTI | SYSTEM) \
	A( 47, RECYCLED_MEMBER,        "recycled_member",        REFERENCE, MULTI | SYSTEM) \
	A( 48, AUDIT_TRAIL,            "audit_trail",            UTF8,      LOCAL) \
	A( 50, BADLIST_PASSWORD,       "badlist_password",       UTF8_NOCASE,   MULTI) \
	A( 51, DENIED_NAME,            "denied_name",            KEYWORD,   MULTI) \
	A( 60, LAST_MODIFIED,          "last_modified",          DATETIME,  ORD | SYSTEM) \
	A( 61, CREATED,                "created",                DATETIME,  ORD | SYSTEM) \
	A( 70, POLICY_PASSWORD_MINIMUM, "policy_password_minimum", UINT32,  0) \
	A( 71, POLICY_SESSION_EXPIRY,  "policy_session_expiry",  UINT32,    0) \
	A( 72, POLICY_PRIVILEGE_EXPIRY, "policy_privilege_expiry", UINT32,  0) \
	A( 73, POLICY_PRIMARY_LDAP_BIND, "policy_primary_ldap_bind", BOOLEAN, 0) \
	A( 74, POLICY_SEARCH_LIMIT,    "policy_search_limit",    UINT32,    0) \
	A( 80, ACP_RECEIVER,           "acp_receiver",           REFERENCE, MULTI | EQ) \
	A( 81, ACP_TARGET,             "acp_target",             UTF8,      0) \
	A( 82, ACP_SEARCH,             "acp_search",             KEYWORD,   MULTI) \
	A( 83, ACP_MODIFY_PRESENT,     "acp_modify_present",     KEYWORD,   MULTI) \
	A( 84, ACP_MODIFY_REMOVED,     "acp_modify_removed",     KEYWORD,   MULTI) \
	A( 85, ACP_MODIFY_CLASS,       "acp_modify_class",       KEYWORD,   MULTI) \
	A( 86, ACP_CREATE_CLASS,       "acp_create_class",       KEYWORD,   MULTI) \
	A( 87, ACP_CREATE_ATTR,        "acp_create_attr",        KEYWORD,   MULTI) \
	A( 88, ACP_DELETE,             "acp_delete",             BOOLEAN,   0) \
	A( 89, ACP_HP,                 "acp_hp",                 KEYWORD,   0) \
	A( 90, ACP_ENABLE,             "acp_enable",             BOOLEAN,   0) \
	A(100, ATTRIBUTETYPE_NAME,     "attributetype_name",     INAME,     UNIQUE | EQ | SUB) \
	A(101, ATTRIBUTETYPE_SYNTAX,   "attributetype_syntax",   KEYWORD,   0) \
	A(102, ATTRIBUTETYPE_MULTI,    "attributetype_multi",    BOOLEAN,   0) \
	A(103, ATTRIBUTETYPE_UNIQUE,   "attributetype_unique",   BOOLEAN,   0) \
	A(104, ATTRIBUTETYPE_INDEX,    "attributetype_index",    KEYWORD,   MULTI) \
	A(105, ATTRIBUTETYPE_NUMBER,   "attributetype_number",   UINT32,    SYSTEM) \
	A(106, CLASSTYPE_NAME,         "classtype_name",         INAME,     UNIQUE | EQ | SUB) \
	A(107, CLASSTYPE_MUST,         "classtype_must",         KEYWORD,   MULTI) \
	A(108, CLASSTYPE_MAY,          "classtype_may",          KEYWORD,   MULTI) \
	A(120, LINKED_GROUP,           "linked_group",           REFERENCE, EQ) \
	A(130, TOTP_SECRET,            "totp_secret",            CREDENTIAL, 0) \
	A(131, BACKUP_CODES,           "backup_codes",           CREDENTIAL, 0)
/* clang-format on */

enum idm_attr_number {
	IDM_ATTR_NONE = 0,
#define IDM_ATTR_ENUM(number, constant, name, syntax, flags) IDM_ATTR_##constant = (number),
	IDM_ATTRIBUTES(IDM_ATTR_ENUM)
#undef IDM_ATTR_ENUM
};

#endif
