/* The built-in attributes and classes, and how they are found by name and by number. */
#include "core/schema.h"

#include <pthread.h>

enum {
	NAME_BYTES_MAX = 64, /* no attribute or class has a longer name */
	BUCKETS = 256,       /* a power of two, well above the number of names */
};

/* Dense positions in the order of the list, which is that of the numbers. */
enum slot {
#define SLOT(number, constant, name, syntax, flags) SLOT_##constant,
	IDM_ATTRIBUTES(SLOT)
#undef SLOT
	    SLOT_COUNT
};

/* Names to positions: open addressing, filled once, read ever after; 0 is an empty bucket. */
struct name_table {
	uint8_t position[BUCKETS]; /* plus one */
};

struct idm_schema {
	struct name_table attr_names;
	struct name_table class_names;
};

_Static_assert(SLOT_COUNT < BUCKETS / 2, "the table of names is too full");
_Static_assert((int)SLOT_COUNT <= (int)IDM_ATTR_SLOTS, "struct idm_attrset is too small");

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

static const struct idm_attr attrs[SLOT_COUNT] = {
#define ATTR(number, constant, name, syntax, flags) \
	{ (number), SLOT_##constant, (name), IDM_SYNTAX_##syntax, (flags) },
	IDM_ATTRIBUTES(ATTR)
#undef ATTR
};

static const uint8_t slot_of_number[] = { /* plus one; 0: no attribute has this number */
#define NUMBER(number, constant, name, syntax, flags) [number] = SLOT_##constant + 1,
	IDM_ATTRIBUTES(NUMBER)
#undef NUMBER
};

#define A(constant) &attrs[SLOT_##constant]
#define ATTRS(...)  (const struct idm_attr *const[]){ __VA_ARGS__, NULL }
#define NO_ATTRS    (const struct idm_attr *const[]){ NULL }

/* SPEC 2.2. */
static const struct idm_class classes[] = {
	{ "object",
	    ATTRS(A(CLASS), A(UUID)),
	    ATTRS(A(DESCRIPTION), A(CREATED), A(LAST_MODIFIED)), false },
	{ "person",
	    ATTRS(A(NAME), A(DISPLAYNAME)),
	    ATTRS(A(LEGALNAME), A(MAIL), A(PASSWORD_IMPORT)), true },
	{ "service_account",
	    ATTRS(A(NAME), A(DISPLAYNAME)),
	    ATTRS(A(MAIL), A(ENTRY_MANAGED_BY)), true },
	{ "account",
	    NO_ATTRS,
	    ATTRS(A(SPN), A(MEMBEROF), A(DIRECTMEMBEROF), A(ACCOUNT_VALID_FROM), A(ACCOUNT_EXPIRE),
		A(ACCOUNT_SOFTLOCK_EXPIRE), A(PRIMARY_CREDENTIAL), A(UNIX_PASSWORD), A(RADIUS_SECRET),
		A(SSH_PUBLICKEY), A(API_TOKEN_SESSION), A(USER_SESSION)), false },
	{ "group",
	    ATTRS(A(NAME)),
	    ATTRS(A(SPN), A(MEMBER), A(MEMBEROF), A(DIRECTMEMBEROF), A(ENTRY_MANAGED_BY)), true },
	{ "dyngroup",
	    ATTRS(A(DYNGROUP_FILTER)),
	    ATTRS(A(DYNMEMBER)), false },
	{ "posixaccount",
	    ATTRS(A(GIDNUMBER)),
	    ATTRS(A(LOGINSHELL), A(HOMEDIRECTORY), A(UNIX_PASSWORD)), false },
	{ "posixgroup",
	    ATTRS(A(GIDNUMBER)),
	    NO_ATTRS, false },
	{ "radius_policy",
	    NO_ATTRS,
	    ATTRS(A(RADIUS_VLAN), A(RADIUS_PRIORITY), A(RADIUS_REPLY)), false },
	{ "account_policy",
	    NO_ATTRS,
	    ATTRS(A(POLICY_PASSWORD_MINIMUM), A(POLICY_SESSION_EXPIRY), A(POLICY_PRIVILEGE_EXPIRY),
		A(POLICY_PRIMARY_LDAP_BIND), A(POLICY_SEARCH_LIMIT)), false },
	{ "radius_client",
	    ATTRS(A(NAME), A(RADIUS_CLIENT_NETWORK)),
	    ATTRS(A(RADIUS_CLIENT_SECRET), A(RADIUS_CLIENT_VENDOR), A(RADIUS_CLIENT_REQUIRED_GROUP),
		A(RADIUS_CLIENT_DEFAULT_VLAN), A(RADIUS_CLIENT_AUTH_SOURCE),
		A(RADIUS_CLIENT_REQUIRE_MESSAGE_AUTHENTICATOR)), true },
	{ "domain_info",
	    ATTRS(A(DOMAIN_NAME), A(DOMAIN_UUID)),
	    ATTRS(A(NAME), A(DOMAIN_DISPLAY_NAME), A(LDAP_BASE_DN), A(RADIUS_REQUIRED_GROUP)), true },
	{ "system_config",
	    NO_ATTRS,
	    ATTRS(A(NAME), A(BADLIST_PASSWORD), A(DENIED_NAME)), true },
	{ "attributetype",
	    ATTRS(A(ATTRIBUTETYPE_NAME), A(ATTRIBUTETYPE_SYNTAX), A(ATTRIBUTETYPE_NUMBER)),
	    ATTRS(A(ATTRIBUTETYPE_MULTI), A(ATTRIBUTETYPE_UNIQUE), A(ATTRIBUTETYPE_INDEX)), true },
	{ "classtype",
	    ATTRS(A(CLASSTYPE_NAME)),
	    ATTRS(A(CLASSTYPE_MUST), A(CLASSTYPE_MAY)), true },
	{ "access_control_profile",
	    ATTRS(A(NAME)),
	    ATTRS(A(ACP_RECEIVER), A(ACP_TARGET), A(ACP_SEARCH), A(ACP_MODIFY_PRESENT),
		A(ACP_MODIFY_REMOVED), A(ACP_MODIFY_CLASS), A(ACP_CREATE_CLASS), A(ACP_CREATE_ATTR),
		A(ACP_DELETE), A(ACP_HP), A(ACP_ENABLE)), true },
	{ "application",
	    ATTRS(A(NAME), A(DISPLAYNAME)),
	    ATTRS(A(LINKED_GROUP)), true },
	{ "container",
	    ATTRS(A(OU)),
	    NO_ATTRS, true },
	{ "recycled", NO_ATTRS, NO_ATTRS, false },
	{ "tombstone", NO_ATTRS, NO_ATTRS, false },
};
/* clang-format on */

enum { CLASS_COUNT = sizeof(classes) / sizeof(classes[0]) };

static struct idm_schema builtin;
static pthread_once_t builtin_once = PTHREAD_ONCE_INIT;

static void
name_table_add(struct name_table *table, const char *name, size_t position)
{
	uint32_t bucket = idm_span_hash_nocase(idm_span_cstr(name)) % BUCKETS;

	while (table->position[bucket] != 0)
		bucket = (bucket + 1) % BUCKETS;
	table->position[bucket] = (uint8_t)(position + 1);
}

static void
name_builtin(void)
{
	for (size_t i = 0; i < SLOT_COUNT; i++)
		name_table_add(&builtin.attr_names, attrs[i].name, i);
	for (size_t i = 0; i < CLASS_COUNT; i++)
		name_table_add(&builtin.class_names, classes[i].name, i);
}

const struct idm_schema *
idm_schema_builtin(void)
{
	pthread_once(&builtin_once, name_builtin);
	return &builtin;
}

const struct idm_attr *
idm_schema_attr(const struct idm_schema *schema, struct idm_span name)
{
	const uint8_t *position = schema->attr_names.position;

	if (name.len == 0 || name.len > NAME_BYTES_MAX)
		return NULL;
	for (uint32_t at = idm_span_hash_nocase(name) % BUCKETS; position[at] != 0;
	     at = (at + 1) % BUCKETS) {
		const struct idm_attr *attr = &attrs[position[at] - 1];

		if (idm_span_equal_nocase(name, idm_span_cstr(attr->name)))
			return attr;
	}
	return NULL;
}

const struct idm_attr *
idm_schema_attr_number(const struct idm_schema *schema, uint32_t number)
{
	(void)schema;
	if (number >= sizeof(slot_of_number) || slot_of_number[number] == 0)
		return NULL;
	return &attrs[slot_of_number[number] - 1];
}

const struct idm_class *
idm_schema_class(const struct idm_schema *schema, struct idm_span name)
{
	const uint8_t *position = schema->class_names.position;

	if (name.len == 0 || name.len > NAME_BYTES_MAX)
		return NULL;
	for (uint32_t at = idm_span_hash_nocase(name) % BUCKETS; position[at] != 0;
	     at = (at + 1) % BUCKETS) {
		const struct idm_class *class = &classes[position[at] - 1];

		if (idm_span_equal_nocase(name, idm_span_cstr(class->name)))
			return class;
	}
	return NULL;
}

const struct idm_attr *
idm_schema_attr_at(const struct idm_schema *schema, size_t index)
{
	(void)schema;
	return index < SLOT_COUNT ? &attrs[index] : NULL;
}

const struct idm_class *
idm_schema_class_at(const struct idm_schema *schema, size_t index)
{
	(void)schema;
	return index < CLASS_COUNT ? &classes[index] : NULL;
}
