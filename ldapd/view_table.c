/* Which attribute descriptions and object classes there are, and which a request asks for. */
#include "ldapd/view.h"

#include <stdio.h>

#include "common/exop.h"

/* Where our own object identifiers of attributes are: aliases, and native ones by their number. */
#define OID_ALIAS EXOP_ARC ".11."
#define OID_NATIVE EXOP_ARC ".10."

enum { OID_TEXT = sizeof(OID_NATIVE) + 10 };

/* clang-format off */

/*
 * Standard names come before native ones of the same letters.  What has no `show` is an alias of
 * something that is shown, or large: it comes when it is named.
 */
static const struct view_attr table[] = {
	/* RFC 4512, RFC 4519 */
	{ .name = "objectClass", .oid = "2.5.4.0", .form = VIEW_OBJECT_CLASS,
	  .number = IDM_ATTR_CLASS, .show = VIEW_USER, .syntax = VIEW_SYNTAX_OID },
	{ .name = "uid", .other = "userid", .oid = "0.9.2342.19200300.100.1.1", .form = VIEW_STORED,
	  .number = IDM_ATTR_NAME, .only = "account", .show = VIEW_USER, .single = true },
	{ .name = "cn", .other = "commonName", .oid = "2.5.4.3", .form = VIEW_NAMES,
	  .number = IDM_ATTR_DISPLAYNAME, .second_number = IDM_ATTR_NAME, .show = VIEW_USER },
	{ .name = "sn", .other = "surname", .oid = "2.5.4.4", .form = VIEW_SURNAME,
	  .number = IDM_ATTR_LEGALNAME, .second_number = IDM_ATTR_DISPLAYNAME, .only = "person",
	  .show = VIEW_USER },
	{ .name = "givenName", .other = "gn", .oid = "2.5.4.42", .form = VIEW_GIVEN_NAME,
	  .number = IDM_ATTR_LEGALNAME, .second_number = IDM_ATTR_DISPLAYNAME, .only = "person",
	  .show = VIEW_USER },
	{ .name = "description", .oid = "2.5.4.13", .form = VIEW_STORED,
	  .number = IDM_ATTR_DESCRIPTION, .show = VIEW_USER, .syntax = VIEW_SYNTAX_EXACT_STRING,
	  .single = true },
	{ .name = "member", .oid = "2.5.4.31", .form = VIEW_STORED,
	  .number = IDM_ATTR_MEMBER, .show = VIEW_USER, .syntax = VIEW_SYNTAX_DN },
	{ .name = "uniqueMember", .oid = "2.5.4.50", .form = VIEW_MEMBERS,
	  .number = IDM_ATTR_MEMBER, .second_number = IDM_ATTR_DYNMEMBER, .only = "group",
	  .syntax = VIEW_SYNTAX_DN },
	{ .name = "ou", .other = "organizationalUnitName", .oid = "2.5.4.11", .form = VIEW_STORED,
	  .number = IDM_ATTR_OU, .show = VIEW_USER, .single = true },
	{ .name = "dc", .other = "domainComponent", .oid = "0.9.2342.19200300.100.1.25",
	  .form = VIEW_DC, .number = IDM_ATTR_CLASS, .only = "domain_info", .show = VIEW_USER,
	  .syntax = VIEW_SYNTAX_IA5, .single = true },
	{ .name = "userPassword", .oid = "2.5.4.35", .form = VIEW_WRITTEN_ONLY,
	  .number = IDM_ATTR_PRIMARY_CREDENTIAL, .syntax = VIEW_SYNTAX_OCTETS },

	/* RFC 2798, RFC 4524, and what applications call the mail address */
	{ .name = "displayName", .oid = "2.16.840.1.113730.3.1.241", .form = VIEW_STORED,
	  .number = IDM_ATTR_DISPLAYNAME, .show = VIEW_USER, .single = true },
	{ .name = "mail", .other = "rfc822Mailbox", .oid = "0.9.2342.19200300.100.1.3",
	  .form = VIEW_STORED, .number = IDM_ATTR_MAIL, .show = VIEW_USER,
	  .syntax = VIEW_SYNTAX_IA5 },
	{ .name = "mail;primary", .form = VIEW_FIRST, .number = IDM_ATTR_MAIL,
	  .syntax = VIEW_SYNTAX_IA5 },
	{ .name = "mail;alternative", .form = VIEW_REST, .number = IDM_ATTR_MAIL,
	  .syntax = VIEW_SYNTAX_IA5 },
	{ .name = "email", .oid = OID_ALIAS "1", .form = VIEW_STORED, .number = IDM_ATTR_MAIL,
	  .syntax = VIEW_SYNTAX_IA5 },
	{ .name = "emailAddress", .oid = "1.2.840.113549.1.9.1", .form = VIEW_STORED,
	  .number = IDM_ATTR_MAIL, .syntax = VIEW_SYNTAX_IA5 },
	{ .name = "emailPrimary", .oid = OID_ALIAS "2", .form = VIEW_FIRST, .number = IDM_ATTR_MAIL,
	  .syntax = VIEW_SYNTAX_IA5, .single = true },

	/* RFC 2307, and its successor draft-howard-rfc2307bis */
	{ .name = "uidNumber", .oid = "1.3.6.1.1.1.1.0", .form = VIEW_STORED,
	  .number = IDM_ATTR_GIDNUMBER, .only = "account", .show = VIEW_USER,
	  .syntax = VIEW_SYNTAX_INTEGER, .single = true },
	{ .name = "gidNumber", .oid = "1.3.6.1.1.1.1.1", .form = VIEW_STORED,
	  .number = IDM_ATTR_GIDNUMBER, .show = VIEW_USER, .syntax = VIEW_SYNTAX_INTEGER,
	  .single = true },
	{ .name = "gecos", .oid = "1.3.6.1.1.1.1.2", .form = VIEW_STORED,
	  .number = IDM_ATTR_DISPLAYNAME, .only = "posixaccount", .single = true },
	{ .name = "homeDirectory", .oid = "1.3.6.1.1.1.1.3", .form = VIEW_STORED,
	  .number = IDM_ATTR_HOMEDIRECTORY, .show = VIEW_USER,
	  .syntax = VIEW_SYNTAX_EXACT_STRING, .single = true },
	{ .name = "loginShell", .oid = "1.3.6.1.1.1.1.4", .form = VIEW_STORED,
	  .number = IDM_ATTR_LOGINSHELL, .show = VIEW_USER, .syntax = VIEW_SYNTAX_EXACT_STRING,
	  .single = true },
	{ .name = "memberUid", .oid = "1.3.6.1.1.1.1.12", .form = VIEW_MEMBER_UID,
	  .number = IDM_ATTR_MEMBER, .second_number = IDM_ATTR_DYNMEMBER, .only = "group" },

	/* openssh-lpk */
	{ .name = "sshPublicKey", .oid = "1.3.6.1.4.1.24552.500.1.1.1.13", .form = VIEW_SSHKEY,
	  .number = IDM_ATTR_SSH_PUBLICKEY, .show = VIEW_USER,
	  .syntax = VIEW_SYNTAX_EXACT_STRING },
	{ .name = "keys", .oid = OID_ALIAS "3", .form = VIEW_SSHKEY, .number = IDM_ATTR_SSH_PUBLICKEY,
	  .syntax = VIEW_SYNTAX_EXACT_STRING },

	/* Microsoft's name, which everybody uses; virtual, and most clients want it with "*" */
	{ .name = "memberOf", .oid = "1.2.840.113556.1.2.102", .form = VIEW_STORED,
	  .number = IDM_ATTR_MEMBEROF, .show = VIEW_USER | VIEW_OPERATIONAL,
	  .syntax = VIEW_SYNTAX_DN },

	/* operational: RFC 4512, RFC 4530, RFC 5020, OpenLDAP */
	{ .name = "entryUUID", .oid = "1.3.6.1.1.16.4", .form = VIEW_STORED,
	  .number = IDM_ATTR_UUID, .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_UUID,
	  .single = true },
	{ .name = "entryDN", .oid = "1.3.6.1.1.20", .form = VIEW_ENTRY_DN,
	  .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_DN, .single = true },
	{ .name = "createTimestamp", .oid = "2.5.18.1", .form = VIEW_TIME,
	  .number = IDM_ATTR_CREATED, .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_TIME,
	  .single = true },
	{ .name = "modifyTimestamp", .oid = "2.5.18.2", .form = VIEW_TIME,
	  .number = IDM_ATTR_LAST_MODIFIED, .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_TIME,
	  .single = true },
	{ .name = "hasSubordinates", .oid = "2.5.18.9", .form = VIEW_HAS_SUBORDINATES,
	  .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_BOOLEAN, .single = true },
	{ .name = "subschemaSubentry", .oid = "2.5.18.10", .form = VIEW_SUBSCHEMA,
	  .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_DN, .single = true },
	{ .name = "structuralObjectClass", .oid = "2.5.21.9", .form = VIEW_STRUCTURAL_CLASS,
	  .number = IDM_ATTR_CLASS, .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_OID,
	  .single = true },
	{ .name = "entryCSN", .oid = "1.3.6.1.4.1.4203.666.1.7", .form = VIEW_CSN,
	  .number = IDM_ATTR_LAST_MODIFIED, .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_EXACT_STRING,
	  .single = true },

	/* validity, as other servers tell it: shadow(5), MIT Kerberos, Active Directory, 389
	 * Directory Server, eDirectory, draft-behera-ldap-password-policy */
	{ .name = "shadowExpire", .oid = "1.3.6.1.1.1.1.10", .form = VIEW_SHADOW_EXPIRE,
	  .number = IDM_ATTR_ACCOUNT_EXPIRE, .second_number = IDM_ATTR_ACCOUNT_VALID_FROM,
	  .only = "account", .syntax = VIEW_SYNTAX_INTEGER, .single = true },
	{ .name = "krbPrincipalExpiration", .oid = "2.16.840.1.113719.1.301.4.6.1",
	  .form = VIEW_KRB_EXPIRE, .number = IDM_ATTR_ACCOUNT_EXPIRE,
	  .second_number = IDM_ATTR_ACCOUNT_VALID_FROM, .only = "account",
	  .syntax = VIEW_SYNTAX_TIME, .single = true },
	{ .name = "accountExpires", .oid = "1.2.840.113556.1.4.159", .form = VIEW_AD_EXPIRE,
	  .number = IDM_ATTR_ACCOUNT_EXPIRE, .second_number = IDM_ATTR_ACCOUNT_VALID_FROM,
	  .only = "account", .syntax = VIEW_SYNTAX_INTEGER, .single = true },
	{ .name = "nsAccountLock", .oid = "2.16.840.1.113730.3.1.610", .form = VIEW_LOCKED,
	  .number = IDM_ATTR_ACCOUNT_EXPIRE, .second_number = IDM_ATTR_ACCOUNT_VALID_FROM,
	  .only = "account", .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_BOOLEAN,
	  .single = true },
	{ .name = "loginDisabled", .oid = OID_ALIAS "4", .form = VIEW_LOCKED,
	  .number = IDM_ATTR_ACCOUNT_EXPIRE, .second_number = IDM_ATTR_ACCOUNT_VALID_FROM,
	  .only = "account", .syntax = VIEW_SYNTAX_BOOLEAN, .single = true },
	{ .name = "pwdAccountLockedTime", .oid = "1.3.6.1.4.1.42.2.27.8.1.17",
	  .form = VIEW_LOCKED_SINCE, .number = IDM_ATTR_ACCOUNT_EXPIRE,
	  .second_number = IDM_ATTR_ACCOUNT_VALID_FROM, .only = "account",
	  .show = VIEW_OPERATIONAL, .syntax = VIEW_SYNTAX_TIME, .single = true },
};

/* RFC 4519, RFC 2798, RFC 2307, openssh-lpk, RFC 4524, RFC 2247. */
static const struct view_class classes[] = {
	{ "top", "2.5.6.0", "object", "ABSTRACT", NULL, "objectClass", NULL },
	{ "person", "2.5.6.6", "person", "STRUCTURAL", "top", "sn cn",
	  "userPassword description uid displayName mail givenName memberOf name displayname "
	  "legalname spn password_import" },
	{ "organizationalPerson", "2.5.6.7", "person", "STRUCTURAL", "person", NULL, NULL },
	{ "inetOrgPerson", "2.16.840.1.113730.3.2.2", "person", "STRUCTURAL",
	  "organizationalPerson", NULL, "displayName givenName mail uid" },
	{ "posixAccount", "1.3.6.1.1.1.2.0", "posixaccount", "AUXILIARY", "top",
	  "cn uid uidNumber gidNumber homeDirectory",
	  "userPassword loginShell gecos description unix_password" },
	{ "shadowAccount", "1.3.6.1.1.1.2.1", "posixaccount", "AUXILIARY", "top", "uid",
	  "userPassword shadowExpire description" },
	{ "posixGroup", "1.3.6.1.1.1.2.2", "posixgroup", "AUXILIARY", "top", "gidNumber",
	  "userPassword memberUid description" },
	{ "ldapPublicKey", "1.3.6.1.4.1.24552.500.1.1.2.0", "account", "AUXILIARY", "top", NULL,
	  "sshPublicKey uid" },
	{ "groupOfNames", "2.5.6.9", "group", "STRUCTURAL", "top", "cn",
	  "member description memberOf ou" },
	{ "groupOfUniqueNames", "2.5.6.17", "group", "STRUCTURAL", "top", "cn",
	  "uniqueMember description memberOf ou" },
	{ "organizationalUnit", "2.5.6.5", "container", "STRUCTURAL", "top", "ou", "description" },
	{ "domain", "0.9.2342.19200300.100.4.13", "domain_info", "STRUCTURAL", "top", "dc",
	  "description" },
	{ "dcObject", "1.3.6.1.4.1.1466.344", "domain_info", "AUXILIARY", "top", "dc", NULL },
};
/* clang-format on */

enum {
	ROWS = sizeof(table) / sizeof(table[0]),
	CLASSES = sizeof(classes) / sizeof(classes[0]),
};

/* Native attributes that `*` leaves out: shown under another name, large, or never shown. */
static const uint32_t not_user[] = { IDM_ATTR_CLASS, IDM_ATTR_CREATED, IDM_ATTR_LAST_MODIFIED,
	IDM_ATTR_SSH_PUBLICKEY, IDM_ATTR_DYNMEMBER, IDM_ATTR_DIRECTMEMBEROF, IDM_ATTR_USER_SESSION,
	IDM_ATTR_API_TOKEN_SESSION, IDM_ATTR_ACCOUNT_SOFTLOCK_EXPIRE, IDM_ATTR_PASSWORD_IMPORT };

static unsigned
show_native(uint32_t number)
{
	if (number == IDM_ATTR_DIRECTMEMBEROF)
		return VIEW_OPERATIONAL;
	for (size_t i = 0; i < sizeof(not_user) / sizeof(not_user[0]); i++) {
		if (not_user[i] == number)
			return 0;
	}
	return VIEW_USER;
}

static enum view_syntax
syntax_of(enum idm_syntax syntax)
{
	switch (syntax) {
	case IDM_SYNTAX_UUID: return VIEW_SYNTAX_UUID;
	case IDM_SYNTAX_REFERENCE: return VIEW_SYNTAX_DN;
	case IDM_SYNTAX_UINT32: return VIEW_SYNTAX_INTEGER;
	case IDM_SYNTAX_BOOLEAN: return VIEW_SYNTAX_BOOLEAN;
	case IDM_SYNTAX_UTF8:
	case IDM_SYNTAX_PATH:
	case IDM_SYNTAX_FILTER:
	case IDM_SYNTAX_SSHKEY:
	case IDM_SYNTAX_NETWORK: return VIEW_SYNTAX_EXACT_STRING;
	case IDM_SYNTAX_KEYWORD:
	case IDM_SYNTAX_INAME:
	case IDM_SYNTAX_INAME_DNS:
	case IDM_SYNTAX_SPN:
	case IDM_SYNTAX_UTF8_NOCASE:
	case IDM_SYNTAX_EMAIL:
	case IDM_SYNTAX_DATETIME: /* as RFC 3339 has it */
	case IDM_SYNTAX_CREDENTIAL:
	case IDM_SYNTAX_SECRET:
	case IDM_SYNTAX_SESSION: break;
	}
	return VIEW_SYNTAX_STRING;
}

static void
native_attr(const struct idm_attr *attr, const char *oid, struct view_attr *out)
{
	*out = (struct view_attr){
		.name = attr->name,
		.oid = oid,
		.form = VIEW_STORED,
		.number = attr->number,
		.show = show_native(attr->number),
		.syntax = syntax_of(attr->syntax),
		.single = (attr->flags & IDM_ATTR_MULTI) == 0,
		.attr = attr,
	};
}

/* --- by name */

enum {
	ATTRS_MAX = ROWS + IDM_ATTR_SLOTS,
	BUCKETS = 4 * ATTRS_MAX, /* three names each, and room between them */
};

/* All of a schema's, found by any of their names; one thread has it. */
static struct {
	const struct idm_schema *schema; /* what it was made of, and refers to */
	struct view_attr attrs[ATTRS_MAX];
	size_t count;
	uint16_t buckets[BUCKETS]; /* position plus one; 0: empty */
	char oids[IDM_ATTR_SLOTS][OID_TEXT];
} all;

static bool
is_called(struct idm_span name, const char *text)
{
	return text != NULL && idm_span_equal_nocase(name, idm_span_cstr(text));
}

/* The bucket that holds an attribute of this name, or the empty one where it belongs. */
static size_t
find_bucket(struct idm_span name)
{
	size_t at = idm_span_hash_nocase(name) % BUCKETS;

	while (all.buckets[at] != 0) {
		const struct view_attr *attr = &all.attrs[all.buckets[at] - 1];

		if (is_called(name, attr->name) || is_called(name, attr->other) ||
		    is_called(name, attr->oid))
			break;
		at = (at + 1) % BUCKETS;
	}
	return at;
}

static void
add_name(const char *name, size_t position)
{
	size_t at;

	if (name == NULL)
		return;
	at = find_bucket(idm_span_cstr(name));
	if (all.buckets[at] == 0)
		all.buckets[at] = (uint16_t)(position + 1);
}

/* Add the attribute that stands at `count`. */
static void
add_attr(void)
{
	const struct view_attr *attr = &all.attrs[all.count];

	add_name(attr->name, all.count);
	add_name(attr->other, all.count);
	add_name(attr->oid, all.count);
	all.count++;
}

static void
load(const struct idm_schema *schema)
{
	const struct idm_attr *native;

	if (all.schema == schema)
		return;
	idm_schema_unref(&all.schema);
	memset(&all, 0, sizeof(all));
	for (size_t i = 0; i < ROWS; i++) {
		struct view_attr *attr = &all.attrs[i];

		*attr = table[i];
		attr->attr = idm_schema_attr_number(schema, attr->number);
		attr->second = idm_schema_attr_number(schema, attr->second_number);
		if (attr->form == VIEW_NAMES) {
			attr->made[0] = idm_schema_attr_number(schema, IDM_ATTR_ATTRIBUTETYPE_NAME);
			attr->made[1] = idm_schema_attr_number(schema, IDM_ATTR_CLASSTYPE_NAME);
		}
		add_attr();
	}
	for (size_t i = 0; (native = idm_schema_attr_at(schema, i)) != NULL; i++) {
		if (all.buckets[find_bucket(idm_span_cstr(native->name))] != 0)
			continue;
		snprintf(all.oids[i], OID_TEXT, OID_NATIVE "%u", (unsigned)native->number);
		native_attr(native, all.oids[i], &all.attrs[all.count]);
		add_attr();
	}
	all.schema = idm_schema_ref(schema);
}

const struct view_attr *
view_find(const struct idm_schema *schema, struct idm_span description)
{
	uint16_t position;

	load(schema);
	position = all.buckets[find_bucket(description)];
	return position == 0 ? NULL : &all.attrs[position - 1];
}

const struct view_attr *
view_attr_at(const struct idm_schema *schema, size_t index)
{
	load(schema);
	return index < all.count ? &all.attrs[index] : NULL;
}

const struct view_class *
view_class_at(size_t index)
{
	return index < CLASSES ? &classes[index] : NULL;
}

const struct view_class *
view_class_find(struct idm_span name)
{
	for (size_t i = 0; i < CLASSES; i++) {
		if (is_called(name, classes[i].name) || is_called(name, classes[i].oid))
			return &classes[i];
	}
	return NULL;
}

/* The one of several structural classes that describes an entry best. */
static const struct {
	const char *native;
	const char *shown;
} structural[] = {
	{ "person", "inetOrgPerson" },
	{ "group", "groupOfNames" },
	{ "service_account", "account" },
	{ "container", "organizationalUnit" },
	{ "domain_info", "domain" },
};

const char *
view_structural_class(const struct idm_schema *schema, const struct idm_entry *entry)
{
	struct idm_value_iter values = idm_entry_values(entry, IDM_ATTR_CLASS);
	struct idm_value value;

	for (size_t i = 0; i < sizeof(structural) / sizeof(structural[0]); i++) {
		if (idm_entry_has_class(entry, structural[i].native))
			return structural[i].shown;
	}
	while (idm_value_next(&values, &value)) {
		const struct idm_class *class = idm_schema_class(schema, value.norm);

		if (class != NULL && class->structural)
			return class->name;
	}
	return "top";
}

const char *
view_structural_native(const struct idm_schema *schema, struct idm_span name)
{
	const struct view_class *standard = view_class_find(name);
	const struct idm_class *native = idm_schema_class(schema, name);

	if (standard != NULL)
		name = idm_span_cstr(standard->name);
	for (size_t i = 0; i < sizeof(structural) / sizeof(structural[0]); i++) {
		if (is_called(name, structural[i].shown))
			return structural[i].native;
	}
	return standard == NULL && native != NULL && native->structural ? native->name : NULL;
}

/* --- what a request asks for */

struct selecting {
	const struct idm_schema *schema;
	struct view_selection *out; /* with room for all that there are */
};

/* Add an attribute unless it is there. */
static void
add(struct selecting *s, const struct view_attr *attr, struct idm_span type)
{
	for (size_t i = 0; i < s->out->count; i++) {
		if (s->out->columns[i].attr == attr)
			return;
	}
	s->out->columns[s->out->count++] = (struct view_column){ attr, type };
}

static void
add_named(struct selecting *s, struct idm_span name)
{
	const struct view_attr *attr = view_find(s->schema, name);
	bool oid = name.len != 0 && name.ptr[0] >= '0' && name.ptr[0] <= '9';

	if (attr != NULL)
		add(s, attr, oid ? idm_span_cstr(attr->name) : name);
}

static void
add_shown(struct selecting *s, unsigned show)
{
	const struct view_attr *attr;

	for (size_t i = 0; (attr = view_attr_at(s->schema, i)) != NULL; i++) {
		if ((attr->show & show) != 0)
			add(s, attr, idm_span_cstr(attr->name));
	}
}

/* Names with a space between them; NULL: none. */
static void
add_words(struct selecting *s, const char *words)
{
	while (words != NULL && *words != '\0') {
		size_t len = strcspn(words, " ");

		add_named(s, idm_span_of(words, len));
		words += len;
		words += strspn(words, " ");
	}
}

static void
add_attrs(struct selecting *s, const struct idm_attr *const *attrs)
{
	for (; *attrs != NULL; attrs++)
		add_named(s, idm_span_cstr((*attrs)->name));
}

/* "@class": all that the class and those above it may hold (RFC 4529). */
static void
add_class(struct selecting *s, struct idm_span name)
{
	const struct view_class *standard = view_class_find(name);
	const struct idm_class *native = idm_schema_class(s->schema, name);

	while (standard != NULL) {
		add_words(s, standard->must);
		add_words(s, standard->may);
		standard = standard->superior == NULL
			       ? NULL
			       : view_class_find(idm_span_cstr(standard->superior));
	}
	if (native != NULL) {
		add_attrs(s, native->must);
		add_attrs(s, native->may);
	}
}

static bool
is_wide(struct idm_span asked)
{
	return asked.len != 0 && (*asked.ptr == '@' || *asked.ptr == '*' || *asked.ptr == '+');
}

static size_t
room_for(const struct idm_schema *schema, const struct idm_span *asked, size_t count)
{
	bool wide = count == 0;

	load(schema);
	for (size_t i = 0; i < count && !wide; i++)
		wide = is_wide(asked[i]);
	return wide || count > all.count ? all.count : count;
}

/* What is named comes first, in the client's own writing; "1.1" is no attribute's name. */
enum idm_result
view_select(const struct idm_schema *schema, const struct idm_span *asked, size_t count,
    struct idm_arena *arena, struct view_selection *out, struct idm_error *err)
{
	struct selecting s = { .schema = schema, .out = out };
	unsigned show = count == 0 ? VIEW_USER : 0;

	*out = (struct view_selection){ 0 };
	out->columns =
	    idm_arena_array(arena, room_for(schema, asked, count), sizeof(*out->columns));
	if (out->columns == NULL)
		return idm_fail(err, IDM_LIMIT, "no memory for a list of attributes");
	for (size_t i = 0; i < count; i++) {
		if (idm_span_is(asked[i], "*"))
			show |= VIEW_USER;
		else if (idm_span_is(asked[i], "+"))
			show |= VIEW_OPERATIONAL;
		else if (asked[i].len != 0 && *asked[i].ptr == '@')
			add_class(&s, idm_span_of(asked[i].ptr + 1, asked[i].len - 1));
		else
			add_named(&s, asked[i]);
	}
	if (show != 0)
		add_shown(&s, show);
	return IDM_OK;
}

void
view_attr_needs(const struct view_attr *attr, struct idm_attrset *out)
{
	const struct idm_attr *needed[] = { attr->attr, attr->second, attr->made[0],
		attr->made[1] };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (needed[i] != NULL)
			idm_attrset_add(out, needed[i]);
	}
}

void
view_selection_needs(const struct view_selection *selection, struct idm_attrset *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < selection->count; i++)
		view_attr_needs(selection->columns[i].attr, out);
}
