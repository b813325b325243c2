/* The built-in attributes and classes (SPEC 2.1, 2.2). */
#include "core/schema_impl.h"

#include <assert.h>
#include <pthread.h>

/* clang-format off */
#define MULTI      IDM_ATTR_MULTI
#define UNIQUE     IDM_ATTR_UNIQUE
#define EQ         IDM_ATTR_EQ
#define PRES       IDM_ATTR_PRES
#define SUB        IDM_ATTR_SUB
#define ORD        IDM_ATTR_ORD
#define COMPUTED   IDM_ATTR_COMPUTED
#define SYSTEM     IDM_ATTR_SYSTEM
#define EDGE       IDM_ATTR_EDGE
#define ROWS       IDM_ATTR_ROWS
#define LOCAL      IDM_ATTR_LOCAL
#define WRITE_ONLY IDM_ATTR_WRITE_ONLY

static const struct idm_attr attrs[SCHEMA_SLOT_COUNT] = {
#define ATTR(number, constant, name, syntax, flags) \
	{ (number), SCHEMA_SLOT_##constant, (name), IDM_SYNTAX_##syntax, (flags), NULL },
	IDM_ATTRIBUTES(ATTR)
#undef ATTR
};

static const uint8_t slot_of_number[] = { /* plus one; 0: no attribute has this number */
#define NUMBER(number, constant, name, syntax, flags) [number] = SCHEMA_SLOT_##constant + 1,
	IDM_ATTRIBUTES(NUMBER)
#undef NUMBER
};

#define A(constant) &attrs[SCHEMA_SLOT_##constant]
#define ATTRS(...)  (const struct idm_attr *const[]){ __VA_ARGS__, NULL }
#define NO_ATTRS    (const struct idm_attr *const[]){ NULL }
#define STRUCTURAL  .structural = true
#define AUXILIARY   .structural = false
#define NEEDS(name) .needs = (name)

/* SPEC 2.2. */
static const struct idm_class classes[] = {
	{ .name = "object",
	    .must = ATTRS(A(CLASS), A(UUID)),
	    .may = ATTRS(A(DESCRIPTION), A(CREATED), A(LAST_MODIFIED)), AUXILIARY },
	{ .name = "person",
	    .must = ATTRS(A(NAME), A(DISPLAYNAME)),
	    .may = ATTRS(A(LEGALNAME), A(MAIL), A(PASSWORD_IMPORT)), STRUCTURAL },
	{ .name = "service_account",
	    .must = ATTRS(A(NAME), A(DISPLAYNAME)),
	    .may = ATTRS(A(MAIL), A(ENTRY_MANAGED_BY)), STRUCTURAL },
	{ .name = "account",
	    .must = NO_ATTRS,
	    .may = ATTRS(A(SPN), A(MEMBEROF), A(DIRECTMEMBEROF), A(ACCOUNT_VALID_FROM), A(ACCOUNT_EXPIRE),
		A(ACCOUNT_SOFTLOCK_EXPIRE), A(PRIMARY_CREDENTIAL), A(UNIX_PASSWORD), A(RADIUS_SECRET),
		A(SSH_PUBLICKEY), A(API_TOKEN_SESSION), A(USER_SESSION), A(TOTP_SECRET), A(BACKUP_CODES)),
	    AUXILIARY },
	{ .name = "group",
	    .must = ATTRS(A(NAME)),
	    .may = ATTRS(A(SPN), A(MEMBER), A(MEMBEROF), A(DIRECTMEMBEROF), A(ENTRY_MANAGED_BY)), STRUCTURAL },
	{ .name = "dyngroup",
	    .must = ATTRS(A(DYNGROUP_FILTER)),
	    .may = ATTRS(A(DYNMEMBER)), NEEDS("group") },
	{ .name = "posixaccount",
	    .must = ATTRS(A(GIDNUMBER)),
	    .may = ATTRS(A(LOGINSHELL), A(HOMEDIRECTORY), A(UNIX_PASSWORD)), NEEDS("account") },
	{ .name = "posixgroup",
	    .must = ATTRS(A(GIDNUMBER)),
	    .may = NO_ATTRS, NEEDS("group") },
	{ .name = "radius_policy",
	    .must = NO_ATTRS,
	    .may = ATTRS(A(RADIUS_VLAN), A(RADIUS_PRIORITY), A(RADIUS_REPLY)), NEEDS("group") },
	{ .name = "account_policy",
	    .must = NO_ATTRS,
	    .may = ATTRS(A(POLICY_PASSWORD_MINIMUM), A(POLICY_SESSION_EXPIRY), A(POLICY_PRIVILEGE_EXPIRY),
		A(POLICY_PRIMARY_LDAP_BIND), A(POLICY_SEARCH_LIMIT)), NEEDS("group") },
	{ .name = "radius_client",
	    .must = ATTRS(A(NAME), A(RADIUS_CLIENT_NETWORK)),
	    .may = ATTRS(A(RADIUS_CLIENT_SECRET), A(RADIUS_CLIENT_VENDOR), A(RADIUS_CLIENT_REQUIRED_GROUP),
		A(RADIUS_CLIENT_DEFAULT_VLAN), A(RADIUS_CLIENT_AUTH_SOURCE),
		A(RADIUS_CLIENT_REQUIRE_MESSAGE_AUTHENTICATOR)), STRUCTURAL },
	{ .name = "domain_info",
	    .must = ATTRS(A(DOMAIN_NAME), A(DOMAIN_UUID)),
	    .may = ATTRS(A(NAME), A(DOMAIN_DISPLAY_NAME), A(LDAP_BASE_DN), A(RADIUS_REQUIRED_GROUP)), STRUCTURAL },
	{ .name = "system_config",
	    .must = NO_ATTRS,
	    .may = ATTRS(A(NAME), A(BADLIST_PASSWORD), A(DENIED_NAME), A(AUDIT_TRAIL)), STRUCTURAL },
	{ .name = "attributetype",
	    .must = ATTRS(A(ATTRIBUTETYPE_NAME), A(ATTRIBUTETYPE_SYNTAX), A(ATTRIBUTETYPE_NUMBER)),
	    .may = ATTRS(A(ATTRIBUTETYPE_MULTI), A(ATTRIBUTETYPE_UNIQUE), A(ATTRIBUTETYPE_INDEX)), STRUCTURAL },
	{ .name = "classtype",
	    .must = ATTRS(A(CLASSTYPE_NAME)),
	    .may = ATTRS(A(CLASSTYPE_MUST), A(CLASSTYPE_MAY)), STRUCTURAL },
	{ .name = "access_control_profile",
	    .must = ATTRS(A(NAME)),
	    .may = ATTRS(A(ACP_RECEIVER), A(ACP_TARGET), A(ACP_SEARCH), A(ACP_MODIFY_PRESENT),
		A(ACP_MODIFY_REMOVED), A(ACP_MODIFY_CLASS), A(ACP_CREATE_CLASS), A(ACP_CREATE_ATTR),
		A(ACP_DELETE), A(ACP_HP), A(ACP_ENABLE)), STRUCTURAL },
	{ .name = "application",
	    .must = ATTRS(A(NAME), A(DISPLAYNAME)),
	    .may = ATTRS(A(LINKED_GROUP)), STRUCTURAL },
	{ .name = "container",
	    .must = ATTRS(A(OU)),
	    .may = NO_ATTRS, STRUCTURAL },
	{ .name = "recycled", .must = NO_ATTRS, .may = NO_ATTRS, AUXILIARY },
	{ .name = "tombstone", .must = NO_ATTRS, .may = NO_ATTRS, AUXILIARY },
};
/* clang-format on */

enum { CLASS_COUNT = sizeof(classes) / sizeof(classes[0]) };

_Static_assert((int)SCHEMA_SLOT_COUNT + (int)IDM_CUSTOM_ATTRS_MAX <= (int)IDM_ATTR_SLOTS,
    "struct idm_attrset is too small");
_Static_assert((int)CLASS_COUNT + (int)IDM_CUSTOM_CLASSES_MAX <= (int)SCHEMA_CLASSES_MAX,
    "there is no place for so many classes");
_Static_assert((int)IDM_ATTR_SLOTS <= (int)SCHEMA_BUCKETS / 4, "the table of names is too full");

static struct idm_schema builtin;
static pthread_once_t builtin_once = PTHREAD_ONCE_INIT;

void
idm_schema_fill_builtin(struct idm_schema *schema)
{
	for (size_t i = 0; i < SCHEMA_SLOT_COUNT; i++) {
		bool added = idm_schema_add_attr(schema, &attrs[i]);

		assert(added);
		(void)added;
	}
	for (size_t i = 0; i < CLASS_COUNT; i++) {
		bool added = idm_schema_add_class(schema, &classes[i]);

		assert(added);
		(void)added;
	}
}

static void
fill_builtin(void)
{
	idm_schema_fill_builtin(&builtin);
}

const struct idm_schema *
idm_schema_builtin(void)
{
	pthread_once(&builtin_once, fill_builtin);
	return &builtin;
}

size_t
idm_schema_builtin_slot(uint32_t number)
{
	if (number >= sizeof(slot_of_number) || slot_of_number[number] == 0)
		return SCHEMA_SLOT_COUNT;
	return slot_of_number[number] - 1U;
}
