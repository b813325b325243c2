/* The descriptions of RFC 4512 section 4.1, of all that a client can meet here. */
#include <stdarg.h>
#include <stdio.h>

#include "common/exop.h"
#include "ldapd/rootdse.h"

#define SUBSTRING_SYNTAX "1.3.6.1.4.1.1466.115.121.1.58"

enum {
	TEXT_BYTES = 32 * 1024, /* a description and all attributes of a class */
	NUMBER_DIGITS = 40,     /* of 128 bits */
};

/* A description while it is written. */
struct text {
	char bytes[TEXT_BYTES];
	size_t len;
	bool cut;
};

static void
begin(struct text *text)
{
	text->len = 0;
	text->cut = false;
}

static void __attribute__((format(printf, 2, 3))) put(struct text *text, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text->bytes + text->len, sizeof(text->bytes) - text->len, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text->bytes) - text->len)
		text->cut = true;
	else
		text->len += (size_t)len;
}

/* End a description, and add it to the entry. */
static void
add(struct made_entry *entry, const char *name, struct text *text)
{
	put(text, " )");
	if (text->cut)
		entry->failed = true;
	else
		made_add(entry, name, VIEW_OPERATIONAL,
		    idm_arena_copy(entry->arena, idm_span_of(text->bytes, text->len)));
}

/* " DESC 'text'" (RFC 4512 section 4.1: qdstring); NULL: none. */
static void
put_description(struct text *text, const char *description)
{
	if (description == NULL)
		return;
	put(text, " DESC '");
	for (; *description != '\0'; description++) {
		if (*description == '\'')
			put(text, "\\27");
		else if (*description == '\\')
			put(text, "\\5C");
		else
			put(text, "%c", *description);
	}
	put(text, "'");
}

/* --- attribute types */

/* RFC 4512 sections 4.2 and 5.1, RFC 3045: of the entries that are made up; and cn=monitor's. */
static const char *const fixed_attributes[] = {
	"( 1.3.6.1.4.1.1466.101.120.5 NAME 'namingContexts' SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.12 USAGE dSAOperation )",
	"( " EXOP_ARC ".11.10 NAME 'defaultNamingContext' SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE USAGE dSAOperation )",
	"( 1.3.6.1.4.1.1466.101.120.13 NAME 'supportedControl' SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.38 USAGE dSAOperation )",
	"( 1.3.6.1.4.1.1466.101.120.7 NAME 'supportedExtension' SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.38 USAGE dSAOperation )",
	"( 1.3.6.1.4.1.4203.1.3.5 NAME 'supportedFeatures' EQUALITY objectIdentifierMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.38 USAGE dSAOperation )",
	"( 1.3.6.1.4.1.1466.101.120.15 NAME 'supportedLDAPVersion' SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.27 USAGE dSAOperation )",
	"( 1.3.6.1.1.4 NAME 'vendorName' EQUALITY caseExactMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE NO-USER-MODIFICATION USAGE dSAOperation )",
	"( 1.3.6.1.1.5 NAME 'vendorVersion' EQUALITY caseExactMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE NO-USER-MODIFICATION USAGE dSAOperation )",
	"( 2.5.21.5 NAME 'attributeTypes' EQUALITY objectIdentifierFirstComponentMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.3 USAGE directoryOperation )",
	"( 2.5.21.6 NAME 'objectClasses' EQUALITY objectIdentifierFirstComponentMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.37 USAGE directoryOperation )",
	"( 2.5.21.4 NAME 'matchingRules' EQUALITY objectIdentifierFirstComponentMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.30 USAGE directoryOperation )",
	"( 1.3.6.1.4.1.1466.101.120.16 NAME 'ldapSyntaxes' EQUALITY "
	"objectIdentifierFirstComponentMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.54 USAGE "
	"directoryOperation )",
	"( " EXOP_ARC ".13.1 NAME 'monitorContext' SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 "
	"SINGLE-VALUE NO-USER-MODIFICATION USAGE dSAOperation )",
	"( " EXOP_ARC ".13.2 NAME 'monitoredInfo' EQUALITY caseIgnoreMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.15 )",
	"( " EXOP_ARC ".13.3 NAME 'monitorCounter' EQUALITY caseIgnoreMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
	"( " EXOP_ARC ".13.4 NAME 'monitorOpInitiated' EQUALITY caseIgnoreMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
	"( " EXOP_ARC ".13.5 NAME 'monitorOpCompleted' EQUALITY caseIgnoreMatch SYNTAX "
	"1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )",
};

static void
put_rule(struct text *text, const char *keyword, const struct view_rule *rule)
{
	if (rule->name != NULL)
		put(text, " %s %s", keyword, rule->name);
}

static bool
is_read_only(const struct view *view, const struct view_attr *attr)
{
	const struct idm_attr *native;

	return view_native(view->read->schema, idm_span_cstr(attr->name), DN_CONTAINER_NONE,
		   &native) != VIEW_WRITABLE ||
	       (native->flags & (IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM)) != 0;
}

static void
add_attribute(struct made_entry *entry, const struct view *view, const struct view_attr *attr)
{
	const struct view_syntax_info *syntax = view_syntax_info(attr->syntax);
	struct text text;

	begin(&text);
	put(&text, "( %s NAME ", attr->oid);
	if (attr->other != NULL)
		put(&text, "( '%s' '%s' )", attr->name, attr->other);
	else
		put(&text, "'%s'", attr->name);
	if (attr->attr != NULL)
		put_description(&text, attr->attr->description);
	put_rule(&text, "EQUALITY", &syntax->equality);
	put_rule(&text, "ORDERING", &syntax->ordering);
	put_rule(&text, "SUBSTR", &syntax->substrings);
	put(&text, " SYNTAX %s", syntax->oid);
	if (attr->single)
		put(&text, " SINGLE-VALUE");
	/* Only what is operational may say that nobody writes it (RFC 4512 section 4.1.2). */
	if (attr->show == VIEW_OPERATIONAL)
		put(&text, "%s USAGE directoryOperation",
		    is_read_only(view, attr) ? " NO-USER-MODIFICATION" : "");
	add(entry, "attributeTypes", &text);
}

static void
add_attributes(struct made_entry *entry, const struct view *view)
{
	const struct view_attr *attr;

	for (size_t i = 0; (attr = view_attr_at(view->read->schema, i)) != NULL; i++) {
		if (attr->oid != NULL)
			add_attribute(entry, view, attr);
	}
	for (size_t i = 0; i < sizeof(fixed_attributes) / sizeof(fixed_attributes[0]); i++)
		made_add_text(entry, "attributeTypes", VIEW_OPERATIONAL, fixed_attributes[i]);
}

/* --- object classes */

static const char *const fixed_classes[] = {
	"( 2.5.17.0 NAME 'subentry' SUP top STRUCTURAL MUST cn )",
	"( 2.5.20.1 NAME 'subschema' AUXILIARY MAY ( objectClasses $ attributeTypes $ "
	"matchingRules $ ldapSyntaxes ) )",
	"( " EXOP_ARC ".14.1 NAME 'monitorServer' SUP top STRUCTURAL MUST cn MAY monitoredInfo )",
	"( " EXOP_ARC ".14.2 NAME 'monitorContainer' SUP top STRUCTURAL MUST cn )",
	"( " EXOP_ARC ".14.3 NAME 'monitoredObject' SUP top STRUCTURAL MUST cn MAY ( description "
	"$ monitoredInfo $ monitorCounter $ monitorOpInitiated $ monitorOpCompleted ) )",
};

/* " MUST ( a $ b )", from names with a space between them; NULL: none. */
static void
put_words(struct text *text, const char *keyword, const char *words)
{
	const char *before = "";

	if (words == NULL)
		return;
	put(text, " %s ( ", keyword);
	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		put(text, "%s%.*s", before, (int)len, words);
		before = " $ ";
		words += len;
		words += strspn(words, " ");
	}
	put(text, " )");
}

static void
put_attrs(struct text *text, const char *keyword, const struct idm_attr *const *attrs)
{
	if (*attrs == NULL)
		return;
	put(text, " %s ( ", keyword);
	for (const char *before = ""; *attrs != NULL; attrs++, before = " $ ")
		put(text, "%s%s", before, (*attrs)->name);
	put(text, " )");
}

static void
add_standard_class(struct made_entry *entry, const struct view_class *class)
{
	struct text text;

	begin(&text);
	put(&text, "( %s NAME '%s'", class->oid, class->name);
	if (class->superior != NULL)
		put(&text, " SUP %s", class->superior);
	put(&text, " %s", class->kind);
	put_words(&text, "MUST", class->must);
	put_words(&text, "MAY", class->may);
	add(entry, "objectClasses", &text);
}

/* The uuid of an administrator's class makes its OID (X.667): 2.25, and its 128 bits as a number.
 */
static void
put_uuid_oid(struct text *text, const struct idm_uuid *uuid)
{
	char digits[NUMBER_DIGITS];
	char *first = digits + sizeof(digits) - 1;
	unsigned __int128 number = 0;

	for (size_t i = 0; i < sizeof(uuid->bytes); i++)
		number = number << 8 | uuid->bytes[i];
	*first = '\0';
	do {
		*--first = (char)('0' + (int)(number % 10));
		number /= 10;
	} while (number != 0);
	put(text, "2.25.%s", first);
}

/* Built-in ones are told apart by their place; one of a standard name is that one. */
static void
add_native_class(struct made_entry *entry, const struct idm_class *class, size_t index)
{
	struct text text;

	if (view_class_find(idm_span_cstr(class->name)) != NULL)
		return;
	begin(&text);
	put(&text, "( ");
	if (idm_class_is_built_in(class))
		put(&text, EXOP_ARC ".12.%zu", index);
	else
		put_uuid_oid(&text, &class->uuid);
	put(&text, " NAME '%s'", class->name);
	put_description(&text, class->description);
	put(&text, " SUP top %s", class->structural ? "STRUCTURAL" : "AUXILIARY");
	put_attrs(&text, "MUST", class->must);
	put_attrs(&text, "MAY", class->may);
	add(entry, "objectClasses", &text);
}

static void
add_classes(struct made_entry *entry, const struct view *view)
{
	const struct view_class *standard;
	const struct idm_class *native;

	for (size_t i = 0; (standard = view_class_at(i)) != NULL; i++)
		add_standard_class(entry, standard);
	for (size_t i = 0; (native = idm_schema_class_at(view->read->schema, i)) != NULL; i++)
		add_native_class(entry, native, i);
	for (size_t i = 0; i < sizeof(fixed_classes) / sizeof(fixed_classes[0]); i++)
		made_add_text(entry, "objectClasses", VIEW_OPERATIONAL, fixed_classes[i]);
}

/* --- syntaxes and matching rules */

/* Syntaxes share a rule, or an OID: each is told once. */
static bool
is_told(const struct made_entry *entry, const char *name, const char *oid)
{
	const struct made_attr *attr = made_find(entry, idm_span_cstr(name));
	size_t len = strlen(oid);

	for (size_t i = 0; attr != NULL && i < attr->count; i++) {
		struct idm_span value = attr->values[i];

		if (value.len > len + 2 && memcmp(value.ptr + 2, oid, len) == 0 &&
		    value.ptr[len + 2] == ' ')
			return true;
	}
	return false;
}

static void
add_rule(struct made_entry *entry, const struct view_rule *rule, const char *syntax)
{
	struct text text;

	if (rule->name == NULL || is_told(entry, "matchingRules", rule->oid))
		return;
	begin(&text);
	put(&text, "( %s NAME '%s' SYNTAX %s", rule->oid, rule->name, syntax);
	add(entry, "matchingRules", &text);
}

static void
add_syntax(struct made_entry *entry, const char *oid, const char *description)
{
	struct text text;

	if (is_told(entry, "ldapSyntaxes", oid))
		return;
	begin(&text);
	put(&text, "( %s DESC '%s'", oid, description);
	add(entry, "ldapSyntaxes", &text);
}

static void
add_syntaxes(struct made_entry *entry)
{
	static const struct view_rule in_chain = { "LDAP_MATCHING_RULE_IN_CHAIN", VIEW_IN_CHAIN };
	static const struct view_rule first = { "objectIdentifierFirstComponentMatch",
		"2.5.13.30" };

	for (int i = 0; i < VIEW_SYNTAX_COUNT; i++) {
		const struct view_syntax_info *syntax = view_syntax_info((enum view_syntax)i);

		add_syntax(entry, syntax->oid, syntax->description);
		add_rule(entry, &syntax->equality, syntax->oid);
		add_rule(entry, &syntax->ordering, syntax->oid);
		add_rule(entry, &syntax->substrings, SUBSTRING_SYNTAX);
	}
	add_syntax(entry, SUBSTRING_SYNTAX, "Substring Assertion");
	add_syntax(entry, "1.3.6.1.4.1.1466.115.121.1.3", "Attribute Type Description");
	add_syntax(entry, "1.3.6.1.4.1.1466.115.121.1.37", "Object Class Description");
	add_syntax(entry, "1.3.6.1.4.1.1466.115.121.1.30", "Matching Rule Description");
	add_syntax(entry, "1.3.6.1.4.1.1466.115.121.1.54", "LDAP Syntax Description");
	add_rule(entry, &in_chain, view_syntax_info(VIEW_SYNTAX_DN)->oid);
	add_rule(entry, &first, view_syntax_info(VIEW_SYNTAX_OID)->oid);
}

enum idm_result
subschema_make(const struct view *view, struct made_entry *out, struct idm_error *err)
{
	static const char *const classes[] = { "top", "subentry", "subschema" };

	*out = (struct made_entry){ .arena = view->read->arena, .dn = VIEW_SUBSCHEMA_DN };
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		made_add_text(out, "objectClass", VIEW_USER, classes[i]);
	made_add_text(out, "cn", VIEW_USER, "subschema");
	made_add_text(out, "subschemaSubentry", VIEW_OPERATIONAL, VIEW_SUBSCHEMA_DN);
	add_attributes(out, view);
	add_classes(out, view);
	add_syntaxes(out);
	return out->failed ? idm_fail(err, IDM_LIMIT, "no memory for the subschema") : IDM_OK;
}
