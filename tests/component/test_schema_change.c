/* Attributes and classes of administrators: made, used, changed, deleted (SPEC 2.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/change_log.h"
#include "core/index.h"
#include "core/rebuild.h"
#include "core/schema_load.h"
#include "core/search.h"
#include "core/verify.h"
#include "tests/support/realm.h"

/* --- asking */

/* The uuid of the entry that made an attribute or a class, or of a profile, as text. */
static const char *
maker(struct realm *r, const char *name)
{
	static char text[IDM_UUID_TEXT];
	struct idm_entry entry;

	realm_entry(r, "admin");
	if (idm_lookup_unique(&r->read, IDM_ATTR_ATTRIBUTETYPE_NAME, idm_span_cstr(name), &entry,
		&r->err) != IDM_OK &&
	    idm_lookup_unique(&r->read, IDM_ATTR_CLASSTYPE_NAME, idm_span_cstr(name), &entry,
		&r->err) != IDM_OK &&
	    idm_lookup_claim(&r->read, IDM_CLAIM_PROFILE, idm_span_cstr(name), &entry, &r->err) !=
		IDM_OK)
		fail_msg("nobody made %s", name);
	idm_uuid_format(&entry.uuid, text);
	realm_done(r);
	return text;
}

static void
assert_ok(struct realm *r, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), r->err.text);
}

static void
assert_refused(struct realm *r, enum idm_result result, enum idm_result expected, const char *text)
{
	if (result != expected)
		fail_msg("%s instead of %s: %s", idm_result_name(result), idm_result_name(expected),
		    r->err.text);
	assert_string_equal(r->err.client_text, text);
}

#define make_attribute(r, name, syntax, ...)                                                       \
	realm_create(r, NULL, "class", "attributetype", "attributetype_name", name,                \
	    "attributetype_syntax", syntax, ##__VA_ARGS__, NULL)
#define make_class(r, name, ...)                                                                   \
	realm_create(r, NULL, "class", "classtype", "classtype_name", name, ##__VA_ARGS__, NULL)

/* Persons alice, bob and carol, who may hold what `attribute` is. */
static void
employ(struct realm *r, const char *attribute)
{
	static const char *const names[] = { "alice", "bob", "carol" };

	assert_ok(r, make_class(r, "employee", "classtype_may", attribute));
	for (size_t i = 0; i < 3; i++) {
		realm_person(r, names[i]);
		assert_ok(r, realm_modify(r, NULL, names[i], "+class", "employee", NULL));
	}
}

static bool
take_name(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	char *text = context;
	size_t len = strlen(text);

	(void)read;
	(void)readable;
	snprintf(text + len, 1000 - len, "%s%.*s", len == 0 ? "" : " ",
	    IDM_SPAN_ARG(idm_entry_text(entry, IDM_ATTR_NAME)));
	return true;
}

/* The names of those whom a filter finds, in the order of their ids. */
static const char *
found(struct realm *r, const char *text)
{
	static char names[1000];
	struct idm_identity identity = realm_identity(r, NULL);
	struct idm_filter filter;
	struct idm_access *access;
	struct idm_search search = { .filter = &filter };

	names[0] = '\0';
	realm_entry(r, "admin");
	assert_ok(r, idm_access_table_refresh(&r->read, &r->table, &r->err));
	assert_ok(r, idm_access_resolve(&r->read, r->table, &identity, r->arena, &access, &r->err));
	search.access = access;
	assert_ok(r, idm_filter_parse(&r->read, idm_span_cstr(text), true, &filter, &r->err));
	while (!search.done)
		assert_ok(r, idm_search_slice(&search, &r->read, 1000, take_name, names, &r->err));
	realm_done(r);
	return names;
}

/* Its number; 0: there is no such attribute. */
static uint32_t
number_of(struct realm *r, const char *name)
{
	const struct idm_attr *attr;
	uint32_t number;

	realm_entry(r, "admin");
	attr = idm_schema_attr(r->read.schema, idm_span_cstr(name));
	number = attr == NULL ? 0 : attr->number;
	realm_done(r);
	return number;
}

/* --- derived data */

struct rows {
	uint8_t *bytes;
	size_t len;
};

static void
add_bytes(struct rows *rows, struct idm_span span)
{
	uint32_t len = (uint32_t)span.len;

	rows->bytes = realloc(rows->bytes, rows->len + sizeof(len) + span.len);
	assert_non_null(rows->bytes);
	memcpy(rows->bytes + rows->len, &len, sizeof(len));
	if (span.len != 0)
		memcpy(rows->bytes + rows->len + sizeof(len), span.ptr, span.len);
	rows->len += sizeof(len) + span.len;
}

static struct rows
rows_of(struct realm *r, const struct idm_txn *txn, enum idm_db db)
{
	struct rows rows = { NULL, 0 };
	struct idm_cursor cursor;
	struct idm_span key, value;

	assert_ok(r, idm_cursor_open(txn, db, IDM_SPAN_EMPTY, &cursor, &r->err));
	while (idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK) {
		add_bytes(&rows, key);
		add_bytes(&rows, value);
	}
	idm_cursor_close(&cursor);
	return rows;
}

static void
free_and_compare(struct rows *a, struct rows *b)
{
	bool equal = a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;

	free(a->bytes);
	free(b->bytes);
	assert_true(equal);
}

static void
index_all(struct realm *r, const struct idm_read *read)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	uint64_t last = 0;
	bool more = true;

	while (more) { /* a write ends what was read, and the cursor may rest on it */
		uint8_t from[8];
		struct idm_entry entry;

		idm_store_u64(last + 1, from);
		assert_ok(r,
		    idm_cursor_open(read->txn, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, &r->err));
		assert_ok(r, idm_cursor_seek(&cursor, idm_span_of(from, 8), &r->err));
		more = idm_cursor_next(&cursor, &key, &value, &r->err) == IDM_OK;
		last = more ? idm_store_load_u64(key.ptr) : last;
		idm_cursor_close(&cursor);
		if (!more)
			break;
		assert_ok(r, idm_lookup_id(read, last, &entry, &r->err));
		assert_ok(r, idm_index_update(read, NULL, &entry, &r->err));
	}
}

/* The index is what it would be had the schema always been this one. */
static void
assert_index_is_whole(struct realm *r)
{
	struct idm_txn txn;
	struct idm_read read;
	struct rows kept, made;

	realm_done(r);
	assert_ok(r, idm_store_write_begin(r->store, &txn, &r->err));
	assert_ok(r, idm_read_attach(&txn, r->arena, r->now, &read, &r->err));
	kept = rows_of(r, &txn, IDM_DB_INDEX);
	assert_ok(r, idm_store_del_all(&txn, IDM_DB_INDEX, IDM_SPAN_EMPTY, &r->err));
	index_all(r, &read);
	made = rows_of(r, &txn, IDM_DB_INDEX);
	idm_store_write_abort(&txn);
	free_and_compare(&kept, &made);
}

/* How many rows the index has for an attribute by equality. */
static bool
is_indexed(struct realm *r, const char *name, const char *value)
{
	const struct idm_attr *attr;
	struct idm_attr equality;
	struct idm_window window = { { 0 } };

	realm_entry(r, "admin");
	attr = idm_schema_attr(r->read.schema, idm_span_cstr(name));
	assert_non_null(attr);
	equality = *attr;
	equality.flags |= IDM_ATTR_EQ; /* whatever the schema says now */
	assert_ok(
	    r, idm_index_equal(&r->read, &equality, idm_span_cstr(value), 0, &window, &r->err));
	realm_done(r);
	return idm_window_count(&window) != 0;
}

/* --- making and using */

static void
an_attribute_is_usable_at_once(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8", "attributetype_index", "equality"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "A-17", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "B-17", NULL));
	assert_string_equal(found(r, "(badge=A-17)"), "alice");
	assert_string_equal(found(r, "(badge=*)"), "alice bob");
	assert_string_equal(found(r, "(badge=*-17)"), "alice bob");
	assert_string_equal(found(r, "(badge>=B)"), "bob");
	assert_string_equal(found(r, "(&(class=employee)(!(badge=*)))"), "carol");
	assert_true(is_indexed(r, "badge", "A-17"));
	assert_index_is_whole(r);
}

static void
every_syntax_keeps_and_finds_its_values(void **state)
{
	static const struct {
		const char *syntax, *given, *asked, *index;
	} cases[] = {
		{ "utf8", "Some Text", "Some Text", "substring" },
		{ "utf8_nocase", "Some  Text", "some text", "ordering" },
		{ "keyword", "Two.words", "two.words", "presence" },
		{ "iname", "Seven", "seven", "substring" },
		{ "iname_dns", "Host.Example.com", "host.example.com", "equality" },
		{ "email", "Big@Example.com", "big@example.com", "substring" },
		{ "uint32", "4711", "4711", "ordering" },
		{ "boolean", "TRUE", "true", "equality" },
		{ "datetime", "2030-01-01T01:00:00+01:00", "2030-01-01T00:00:00Z", "ordering" },
		{ "uuid", "01234567-89AB-4cde-8f01-23456789abcd",
		    "01234567-89ab-4cde-8f01-23456789abcd", "equality" },
		{ "reference", "bob", "bob", "presence" },
		{ "path", "/home/x", "/home/x", "substring" },
		{ "network", "192.0.2.0/24", "192.0.2.0/24", "equality" },
	};
	struct realm *r = *state;

	employ(r, "description");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[32], value[64], filter[128];

		snprintf(name, sizeof(name), "x-%zu", i);
		snprintf(value, sizeof(value), "=%s", name);
		assert_ok(r, make_attribute(
				 r, name, cases[i].syntax, "attributetype_index", cases[i].index));
		assert_ok(
		    r, realm_modify(r, NULL, maker(r, "employee"), "+classtype_may", name, NULL));
		assert_ok(r, realm_modify(r, NULL, "alice", value, cases[i].given, NULL));
		snprintf(filter, sizeof(filter), "(%s=%s)", name, cases[i].asked);
		assert_string_equal(found(r, filter), "alice");
		snprintf(filter, sizeof(filter), "(%s=*)", name);
		assert_string_equal(found(r, filter), "alice");
	}
	assert_index_is_whole(r);
}

static void
values_are_checked_by_their_syntax(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "shoesize", "uint32"));
	employ(r, "shoesize");
	assert_refused(r, realm_modify(r, NULL, "alice", "=shoesize", "large", NULL), IDM_INVALID,
	    "shoesize takes a number from 0 to 4294967295");
	assert_ok(r, realm_modify(r, NULL, "alice", "=shoesize", "42", NULL));
	assert_refused(r, realm_modify(r, NULL, "alice", "+shoesize", "43", NULL), IDM_SCHEMA,
	    "shoesize takes one value: remove the old one first");
	realm_person(r, "dave");
	assert_refused(r, realm_modify(r, NULL, "dave", "=shoesize", "42", NULL), IDM_SCHEMA,
	    "shoesize is not allowed on this person: no class of the entry has it");
}

static void
numbers_are_never_used_again(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "one", "utf8"));
	assert_ok(r, make_attribute(r, "two", "utf8"));
	assert_int_equal(number_of(r, "one"), IDM_ATTR_CUSTOM_MIN);
	assert_int_equal(number_of(r, "two"), IDM_ATTR_CUSTOM_MIN + 1);
	assert_ok(r, realm_delete(r, NULL, maker(r, "two")));
	assert_int_equal(number_of(r, "two"), 0);
	assert_ok(r, make_attribute(r, "two", "utf8"));
	assert_int_equal(number_of(r, "two"), IDM_ATTR_CUSTOM_MIN + 2);
	assert_ok(r, realm_modify(r, NULL, maker(r, "two"), "=description", "again", NULL));
	assert_int_equal(number_of(r, "two"), IDM_ATTR_CUSTOM_MIN + 2);
}

/* --- who may, and what */

static void
only_schema_managers_change_the_schema(void **state)
{
	struct realm *r = *state;
	char text[IDM_UUID_TEXT];

	assert_int_equal(realm_create(r, "idm_admin", "class", "attributetype",
			     "attributetype_name", "badge", "attributetype_syntax", "utf8", NULL),
	    IDM_DENIED);
	assert_non_null(strstr(r->err.client_text, "idm_schema_manage_priv"));
	assert_ok(r, realm_create(r, "admin", "class", "attributetype", "attributetype_name",
			 "badge", "attributetype_syntax", "utf8", NULL));
	assert_ok(r, realm_create(r, "admin", "class", "classtype", "classtype_name", "employee",
			 "classtype_may", "badge", NULL));
	snprintf(text, sizeof(text), "%s", maker(r, "badge"));
	assert_int_equal(realm_modify(r, "idm_admin", text, "=attributetype_multi", "true", NULL),
	    IDM_NOT_FOUND);
	assert_int_equal(realm_delete(r, "idm_admin", text), IDM_NOT_FOUND);
	assert_ok(r, realm_modify(r, "admin", text, "=attributetype_multi", "true", NULL));
	assert_ok(r, realm_delete(r, "admin", maker(r, "employee")));
	assert_ok(r, realm_delete(r, "admin", text));
	assert_int_equal(realm_modify(r, NULL, "admin", "=description", "x", NULL), IDM_OK);
}

static void
names_that_mean_something_can_not_be_taken(void **state)
{
	struct realm *r = *state;

	assert_refused(r, make_attribute(r, "entryUUID", "utf8"), IDM_EXISTS,
	    "entryuuid is a name of LDAP: choose another");
	assert_refused(r, make_attribute(r, "displayname", "utf8"), IDM_EXISTS,
	    "displayname is a name of LDAP: choose another");
	assert_refused(r, make_attribute(r, "account_expire", "utf8"), IDM_EXISTS,
	    "attributetype_name account_expire is built into the server: choose another name");
	assert_refused(r, make_attribute(r, "system_config", "utf8"), IDM_EXISTS,
	    "attributetype_name system_config is built into the server: choose another name");
	assert_refused(r, make_class(r, "inetOrgPerson"), IDM_EXISTS,
	    "inetorgperson is a name of LDAP: choose another");
	assert_refused(r, make_class(r, "dyngroup"), IDM_EXISTS,
	    "classtype_name dyngroup is built into the server: choose another name");
	assert_refused(r, make_attribute(r, "a.b", "utf8"), IDM_INVALID,
	    "attributetype_name may hold letters from a to z, digits and '-' only");
	assert_int_equal(make_attribute(r, "a_b", "utf8"), IDM_INVALID);
	assert_int_equal(make_attribute(r, "9lives", "utf8"), IDM_INVALID);
	assert_int_equal(make_attribute(r, "dn=token", "utf8"), IDM_INVALID);

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	assert_refused(r, make_attribute(r, "Badge", "utf8"), IDM_EXISTS,
	    "attributetype_name badge is an attribute that is there already: choose another name");
	assert_refused(r, make_class(r, "badge"), IDM_EXISTS,
	    "classtype_name badge is an attribute that is there already: choose another name");
	assert_ok(r, make_class(r, "employee"));
	assert_refused(r, make_attribute(r, "employee", "utf8"), IDM_EXISTS,
	    "attributetype_name employee is a class that is there already: choose another name");
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "badge"), "=attributetype_name", "pass", NULL),
	    IDM_CONSTRAINT,
	    "attributetype_name can't change: classes and profiles refer to badge by it");
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "employee"), "=classtype_name", "staff", NULL),
	    IDM_CONSTRAINT,
	    "classtype_name can't change: classes and profiles refer to employee by it");
}

static void
words_that_mean_nothing_are_refused(void **state)
{
	struct realm *r = *state;

	assert_int_equal(make_attribute(r, "x", "string"), IDM_INVALID);
	assert_non_null(strstr(r->err.client_text, "utf8, utf8_nocase"));
	assert_int_equal(make_attribute(r, "x", "secret"), IDM_INVALID);
	assert_int_equal(make_attribute(r, "x", "credential"), IDM_INVALID);
	assert_int_equal(make_attribute(r, "x", "spn"), IDM_INVALID);
	assert_refused(r, make_attribute(r, "x", "utf8", "attributetype_index", "fast"),
	    IDM_INVALID,
	    "attributetype_index is not fast but any of equality, presence, substring, ordering");
	assert_refused(r, make_attribute(r, "x", "uint32", "attributetype_index", "substring"),
	    IDM_INVALID, "the syntax uint32 has no index for substring: leave it out");
	assert_refused(r, make_attribute(r, "x", "boolean", "attributetype_unique", "true"),
	    IDM_INVALID,
	    "values of the syntax boolean can't be unique: set attributetype_unique to false");
	assert_refused(r,
	    realm_create(r, NULL, "class", "attributetype", "attributetype_name", "x", NULL),
	    IDM_SCHEMA, "attributetype needs attributetype_syntax");
	assert_refused(r,
	    realm_create(r, NULL, "class", "attributetype", "attributetype_syntax", "utf8", NULL),
	    IDM_SCHEMA, "attributetype needs attributetype_name");
	assert_refused(r, realm_create(r, NULL, "class", "classtype", NULL), IDM_SCHEMA,
	    "classtype needs classtype_name");
	assert_refused(r, make_class(r, "x", "classtype_may", "nothing"), IDM_INVALID,
	    "classtype_may: there is no attribute nothing: create it first");
	assert_int_equal(
	    make_attribute(r, "x", "utf8", "attributetype_number", "5000"), IDM_DENIED);
	assert_int_equal(number_of(r, "x"), 0);
}

static void
a_class_lists_plain_attributes_alone(void **state)
{
	static const char *const special[] = { "uuid", "class", "spn", "memberof", "member",
		"primary_credential", "radius_secret", "radius_vlan", "acp_target",
		"dyngroup_filter", "password_import", "user_session", "denied_name" };
	struct realm *r = *state;

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		assert_int_equal(make_class(r, "x", "classtype_may", special[i]), IDM_CONSTRAINT);
		assert_non_null(strstr(r->err.client_text, special[i]));
	}
	assert_ok(r, make_attribute(r, "boss", "reference"));
	assert_int_equal(make_class(r, "x", "classtype_must", "boss"), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "classtype_may"));
	assert_refused(r,
	    make_class(r, "x", "classtype_must", "legalname", "classtype_may", "legalname"),
	    IDM_CONSTRAINT, "legalname is in classtype_must and in classtype_may: leave it in one");
	assert_ok(r, make_class(r, "x", "classtype_must", "legalname", "classtype_may", "mail"));
	realm_person(r, "alice");
	assert_refused(r, realm_modify(r, NULL, "alice", "+class", "x", NULL), IDM_SCHEMA,
	    "x needs legalname");
	assert_ok(
	    r, realm_modify(r, NULL, "alice", "+class", "x", "=legalname", "Alice Liddell", NULL));
}

static void
there_is_an_end_to_what_can_be_made(void **state)
{
	struct realm *r = *state;
	char name[32];

	realm_group_begin(r);
	for (int i = 0; i < IDM_CUSTOM_ATTRS_MAX; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		assert_ok(r, make_attribute(r, name, "utf8"));
	}
	assert_int_equal(make_attribute(r, "y", "utf8"), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.client_text, "delete one"));
	realm_group_commit(r);
	assert_int_equal(number_of(r, "x383"), IDM_ATTR_CUSTOM_MIN + 383);
	assert_ok(r, realm_delete(r, NULL, maker(r, "x17")));
	assert_ok(r, make_attribute(r, "y", "utf8"));
	assert_int_equal(number_of(r, "y"), IDM_ATTR_CUSTOM_MIN + 384);
}

/* --- unique values */

static void
a_unique_attribute_is_claimed(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8_nocase", "attributetype_unique", "true",
			 "attributetype_multi", "true"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "+badge", "A 1", "+badge", "A 2", NULL));
	assert_refused(r, realm_modify(r, NULL, "bob", "+badge", "a  2", NULL), IDM_CONSTRAINT,
	    "badge a  2 is taken by another entry: choose another");
	assert_ok(r, realm_modify(r, NULL, "alice", "-badge", "A 2", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "+badge", "a 2", NULL));
	assert_ok(r, realm_delete(r, NULL, "alice"));
	assert_ok(r, realm_modify(r, NULL, "carol", "+badge", "A 1", NULL));
	assert_string_equal(found(r, "(badge=a 1)"), "carol");
	assert_index_is_whole(r);
}

static void
unique_is_refused_while_values_are_equal(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "1", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "1", NULL));
	assert_ok(r, realm_modify(r, NULL, "carol", "=badge", "2", NULL));
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "badge"), "=attributetype_unique", "true", NULL),
	    IDM_SCHEMA,
	    "badge can't become unique: alice, bob hold equal values: change them first");
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "3", NULL));
	assert_ok(
	    r, realm_modify(r, NULL, maker(r, "badge"), "=attributetype_unique", "true", NULL));
	assert_int_equal(realm_modify(r, NULL, "bob", "=badge", "2", NULL), IDM_CONSTRAINT);
	assert_string_equal(found(r, "(badge=2)"), "carol"); /* unique brings equality along */
	assert_index_is_whole(r);
	assert_ok(
	    r, realm_modify(r, NULL, maker(r, "badge"), "=attributetype_unique", "false", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "2", NULL));
	assert_string_equal(found(r, "(badge=2)"), "bob carol");
	assert_index_is_whole(r);
}

static void
what_rests_in_the_recycle_bin_claims_nothing(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "1", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "1", NULL));
	assert_ok(r, realm_delete(r, NULL, "bob"));
	assert_ok(
	    r, realm_modify(r, NULL, maker(r, "badge"), "=attributetype_unique", "true", NULL));
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "2", NULL));
	assert_ok(r, realm_modify(r, NULL, "carol", "=badge", "1", NULL));
}

/* --- references */

static void
a_reference_goes_with_what_it_refers_to(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "boss", "reference", "attributetype_unique", "true"));
	employ(r, "boss");
	assert_refused(r, realm_modify(r, NULL, "alice", "=boss", "nobody-here", NULL),
	    IDM_CONSTRAINT, "boss: no account or group is called nobody-here");
	assert_ok(r, realm_modify(r, NULL, "alice", "=boss", "carol", NULL));
	assert_ok(r, realm_modify(r, NULL, "carol", "=boss", "alice", NULL));
	assert_int_equal(realm_modify(r, NULL, "bob", "=boss", "carol", NULL), IDM_CONSTRAINT);
	assert_string_equal(found(r, "(boss=carol)"), "alice");
	assert_ok(r, realm_delete(r, NULL, "carol"));
	assert_string_equal(found(r, "(boss=*)"), "");
	assert_ok(r, realm_modify(r, NULL, "bob", "=boss", "alice", NULL));
	assert_index_is_whole(r);
}

static void
many_references_to_one_entry_go_at_once(void **state)
{
	struct realm *r = *state;
	char name[16], change[20];

	employ(r, "description");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "ref%d", i);
		snprintf(change, sizeof(change), "=%s", name);
		realm_group_begin(r);
		assert_ok(r, make_attribute(r, name, "reference"));
		realm_group_commit(r);
		assert_ok(
		    r, realm_modify(r, NULL, maker(r, "employee"), "+classtype_may", name, NULL));
		assert_ok(r, realm_modify(r, NULL, "alice", change, "bob", NULL));
	}
	assert_ok(r, realm_delete(r, NULL, "bob"));
	assert_string_equal(found(r, "(|(ref0=*)(ref39=*))"), "");
}

/* --- changes that entries would break */

static void
an_attribute_stays_multi_valued_while_somebody_holds_several(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8", "attributetype_multi", "true"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "bob", "+badge", "1", "+badge", "2", NULL));
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "badge"), "=attributetype_multi", "false", NULL),
	    IDM_SCHEMA,
	    "attributetype_multi of badge can't change: bob holds several values: leave one each");
	assert_int_equal(
	    realm_modify(r, NULL, maker(r, "badge"), "-attributetype_multi", "", NULL), IDM_SCHEMA);
	assert_ok(r, realm_modify(r, NULL, "bob", "-badge", "2", NULL));
	assert_ok(
	    r, realm_modify(r, NULL, maker(r, "badge"), "=attributetype_multi", "false", NULL));
}

static void
a_syntax_stays_while_somebody_holds_a_value(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "17", NULL));
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "badge"), "=attributetype_syntax", "uint32", NULL),
	    IDM_SCHEMA, "the syntax of badge can't change: alice holds values: remove them first");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "", NULL));
	assert_ok(r, realm_modify(r, NULL, maker(r, "badge"), "=attributetype_syntax", "uint32",
			 "=attributetype_index", "ordering", NULL));
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "17", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "9", NULL));
	assert_string_equal(found(r, "(badge>=10)"), "alice");
	assert_index_is_whole(r);
}

static void
an_attribute_in_use_stays(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "1", NULL));
	assert_refused(r, realm_delete(r, NULL, maker(r, "badge")), IDM_SCHEMA,
	    "badge is listed by the class employee: take it out there first");
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "employee"), "-classtype_may", "badge", NULL),
	    IDM_SCHEMA, "employee can't lose badge: bob holds it: remove it there first");
	assert_refused(r, realm_delete(r, NULL, maker(r, "employee")), IDM_SCHEMA,
	    "alice, bob, carol have the class employee: take it from them first");
	assert_ok(r, make_class(r, "guest", "classtype_may", "badge"));
	assert_ok(r, realm_modify(r, NULL, "bob", "+class", "guest", NULL));
	assert_ok(r, realm_modify(r, NULL, maker(r, "employee"), "-classtype_may", "badge", NULL));
	assert_int_equal(realm_modify(r, NULL, "bob", "-class", "guest", NULL), IDM_SCHEMA);
	assert_ok(r, realm_modify(r, NULL, "bob", "-class", "guest", "=badge", "", NULL));
	assert_ok(r, realm_delete(r, NULL, maker(r, "guest")));
	assert_ok(r, realm_delete(r, NULL, maker(r, "badge")));
	assert_int_equal(number_of(r, "badge"), 0);
	assert_index_is_whole(r);
}

static void
a_class_needs_what_all_its_entries_have(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	employ(r, "badge");
	realm_person(r, "dave");
	assert_ok(r, realm_modify(r, NULL, "dave", "+class", "employee", NULL));
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "employee"), "-classtype_may", "badge",
		"+classtype_must", "badge", NULL),
	    IDM_SCHEMA,
	    "employee can't need badge: alice, bob, carol and 1 more lack it: give it to them "
	    "first");
	for (const char *const *name = (const char *const[]){ "alice", "bob", "carol", NULL };
	     *name != NULL; name++)
		assert_ok(r, realm_modify(r, NULL, *name, "=badge", *name, NULL));
	assert_ok(r, realm_delete(r, NULL, "dave"));
	assert_refused(r,
	    realm_modify(r, NULL, maker(r, "employee"), "-classtype_may", "badge",
		"+classtype_must", "badge", NULL),
	    IDM_SCHEMA,
	    "employee can't need badge: dave (recycled) lacks it: give it to them first");
	assert_int_equal(realm_modify(r, NULL, "alice", "=badge", "", NULL), IDM_OK);
}

static void
a_class_in_the_recycle_bins_entries_stays(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_class(r, "guest"));
	realm_person(r, "alice");
	assert_ok(r, realm_modify(r, NULL, "alice", "+class", "guest", NULL));
	assert_ok(r, realm_delete(r, NULL, "alice"));
	assert_refused(r, realm_delete(r, NULL, maker(r, "guest")), IDM_SCHEMA,
	    "alice (recycled) has the class guest: take it from them first");
}

static void
what_profiles_and_dynamic_groups_name_stays(void **state)
{
	struct realm *r = *state;

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	assert_ok(r, make_class(r, "guest"));
	assert_ok(r, realm_create(r, NULL, "class", "access_control_profile", "name", "badges",
			 "acp_receiver", "idm_all_accounts", "acp_target", "(class=person)",
			 "acp_search", "badge", NULL));
	assert_refused(r, realm_delete(r, NULL, maker(r, "badge")), IDM_SCHEMA,
	    "badge is named by access control profiles or dynamic groups (badges): take it out "
	    "there first");
	assert_ok(r, realm_modify(r, NULL, maker(r, "badges"), "=acp_search", "name", "=acp_target",
			 "self(&(badge=*)(class=guest))", NULL));
	assert_int_equal(realm_delete(r, NULL, maker(r, "badge")), IDM_SCHEMA);
	assert_refused(r, realm_delete(r, NULL, maker(r, "guest")), IDM_SCHEMA,
	    "guest is named by access control profiles or dynamic groups (badges): take it out "
	    "there first");
	assert_ok(r, realm_delete(r, NULL, maker(r, "badges")));
	assert_ok(r, realm_delete(r, NULL, maker(r, "badge")));
	assert_ok(r, realm_delete(r, NULL, maker(r, "guest")));
}

/* --- indexes */

static void
a_changed_index_is_rebuilt_within_the_change(void **state)
{
	struct realm *r = *state;
	const char *badge;

	assert_ok(r, make_attribute(r, "badge", "utf8_nocase", "attributetype_multi", "true"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "+badge", "Alpha", "+badge", "Beta", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "+badge", "Alphabet", NULL));
	assert_ok(r, realm_modify(r, NULL, "carol", "+badge", "Beta", NULL));
	assert_ok(r, realm_delete(r, NULL, "carol")); /* the index knows her all the same */
	assert_false(is_indexed(r, "badge", "beta"));
	badge = maker(r, "badge");
	assert_ok(r, realm_modify(r, NULL, badge, "=attributetype_index", "equality", NULL));
	assert_true(is_indexed(r, "badge", "beta"));
	assert_index_is_whole(r);
	assert_string_equal(found(r, "(badge=beta)"), "alice");
	assert_ok(
	    r, realm_modify(r, NULL, badge, "=attributetype_index", "substring",
		   "+attributetype_index", "ordering", "+attributetype_index", "presence", NULL));
	assert_false(is_indexed(r, "badge", "beta"));
	assert_index_is_whole(r);
	assert_string_equal(found(r, "(badge=*phabet)"), "bob");
	assert_string_equal(found(r, "(badge=*lph*)"), "alice bob");
	assert_string_equal(found(r, "(badge>=b)"), "alice");
	assert_ok(r, realm_modify(r, NULL, badge, "=attributetype_index", "", NULL));
	assert_index_is_whole(r);
	assert_string_equal(found(r, "(badge=*lph*)"), "alice bob");
}

/* --- snapshots, groups of changes, other boxes */

static void
a_change_that_comes_to_nothing_leaves_no_schema(void **state)
{
	struct realm *r = *state;

	realm_group_begin(r);
	assert_ok(r, make_attribute(r, "one", "utf8"));
	assert_ok(r, make_class(r, "guest", "classtype_may", "one"));
	realm_group_abort(r);
	realm_group_begin(r);
	assert_int_equal(make_class(r, "guest", "classtype_may", "one"), IDM_INVALID);
	assert_ok(r, make_attribute(r, "other", "uint32"));
	assert_ok(r, make_class(r, "guest", "classtype_may", "other"));
	realm_group_commit(r);
	assert_int_equal(number_of(r, "one"), 0);
	assert_int_equal(number_of(r, "other"), IDM_ATTR_CUSTOM_MIN);
	realm_person(r, "alice");
	assert_ok(r, realm_modify(r, NULL, "alice", "+class", "guest", "=other", "5", NULL));
}

static void
a_request_made_before_a_change_is_decided_by_what_is_there(void **state)
{
	struct realm *r = *state;
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_span value = IDM_SPAN_LIT("17");
	struct idm_arena *arena = idm_arena_new(1 << 20);
	struct idm_request_mod mod = { .kind = IDM_REQUEST_REPLACE, .values = &value, .count = 1 };
	struct idm_request request = { .operation = IDM_OP_MODIFY, .mods = &mod, .mod_count = 1 };
	struct idm_txn txn;
	struct idm_read read;

	assert_ok(r, make_attribute(r, "badge", "utf8"));
	employ(r, "description");
	request.target = realm_uuid(r, "alice");
	assert_ok(r, idm_store_read_begin(r->store, &txn, &r->err));
	assert_ok(r, idm_read_attach(&txn, arena, r->now, &read, &r->err));
	mod.attr = idm_schema_attr(read.schema, IDM_SPAN_LIT("badge"));
	idm_store_read_end(&txn);
	assert_ok(r, make_attribute(r, "another", "utf8"));
	assert_ok(r, realm_delete(r, NULL, maker(r, "badge")));
	assert_refused(r, realm_run(r, &console, &request), IDM_SCHEMA,
	    "there is no attribute badge any more");
	idm_arena_free(&arena);
}

static void
a_schema_is_parsed_once_a_generation_and_lives_while_it_is_used(void **state)
{
	struct realm *r = *state;
	struct idm_arena *arenas[3];
	struct idm_read reads[3];
	struct idm_txn txn;

	realm_entry(r, "admin");
	assert_ptr_equal(r->read.schema, idm_schema_builtin());
	realm_done(r);
	assert_ok(r, make_attribute(r, "badge", "utf8"));
	for (int i = 0; i < 3; i++) {
		arenas[i] = idm_arena_new(1 << 20);
		assert_non_null(arenas[i]);
		if (i == 2)
			assert_ok(r, make_attribute(r, "other", "utf8"));
		assert_ok(r, idm_store_read_begin(r->store, &txn, &r->err));
		assert_ok(r, idm_read_attach(&txn, arenas[i], r->now, &reads[i], &r->err));
		idm_store_read_end(&txn);
	}
	assert_ptr_equal(reads[0].schema, reads[1].schema);
	assert_ptr_not_equal(reads[0].schema, reads[2].schema);
	assert_non_null(idm_schema_attr(reads[0].schema, IDM_SPAN_LIT("badge")));
	assert_null(idm_schema_attr(reads[0].schema, IDM_SPAN_LIT("other")));
	assert_non_null(idm_schema_attr(reads[2].schema, IDM_SPAN_LIT("other")));
	for (int i = 0; i < 3; i++)
		idm_arena_free(&arenas[i]);
}

static void
another_process_sees_the_schema_with_its_snapshot(void **state)
{
	struct realm *r = *state;
	struct idm_arena *arena = idm_arena_new(1 << 20);
	struct idm_store *reader;
	struct idm_txn txn;
	struct idm_read read;

	assert_ok(r, idm_store_open_reader(r->dir, &reader, &r->err));
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "x%d", i);
		assert_ok(r, make_attribute(r, name, "utf8"));
		assert_ok(r, idm_store_read_begin(reader, &txn, &r->err));
		assert_ok(r, idm_read_attach(&txn, arena, r->now, &read, &r->err));
		assert_non_null(idm_schema_attr(read.schema, idm_span_cstr(name)));
		idm_store_read_end(&txn);
		idm_arena_reset(arena);
	}
	idm_store_close(&reader);
	idm_arena_free(&arena);
}

static void
apply_all(struct realm *from, struct realm *to, uint64_t last)
{
	struct idm_txn txn;
	struct idm_read read;
	struct idm_change_set set;

	for (uint64_t no = 1; no <= last; no++) {
		realm_entry(from, "admin");
		assert_ok(from, idm_change_log_get(&from->read, no, &set, &from->err));
		assert_ok(to, idm_store_write_begin(to->store, &txn, &to->err));
		assert_ok(to, idm_read_attach(&txn, to->arena, to->now, &read, &to->err));
		assert_ok(to, idm_change_apply(&read, &set, &to->err));
		assert_ok(to, idm_store_write_commit(&txn, &to->err));
		realm_done(from);
	}
}

static void
assert_same_rows(struct realm *a, struct realm *b, enum idm_db db)
{
	struct rows mine, theirs;

	realm_entry(a, "admin");
	mine = rows_of(a, &a->txn, db);
	realm_done(a);
	realm_entry(b, "admin");
	theirs = rows_of(b, &b->txn, db);
	realm_done(b);
	free_and_compare(&mine, &theirs);
}

static void
another_box_that_follows_ends_with_the_same_schema(void **state)
{
	struct realm *r = *state;
	struct realm *other;
	uint8_t mine[32], theirs[32];
	void *other_state;

	assert_ok(r, make_attribute(r, "badge", "utf8", "attributetype_index", "substring"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "Alpha", NULL));
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "Beta", NULL));
	assert_ok(r, realm_modify(r, NULL, maker(r, "badge"), "=attributetype_index", "equality",
			 "=attributetype_unique", "true", NULL));
	assert_ok(r, make_attribute(r, "gone", "utf8"));
	assert_ok(r, realm_delete(r, NULL, maker(r, "gone")));
	assert_ok(r, realm_delete(r, NULL, "carol"));
	realm_digest(r, mine);

	realm_setup_empty(&other_state);
	other = other_state;
	apply_all(r, other, r->set.no);
	realm_digest(other, theirs);
	assert_memory_equal(mine, theirs, 32);
	assert_same_rows(r, other, IDM_DB_INDEX);
	assert_same_rows(r, other, IDM_DB_NAME);
	assert_string_equal(found(other, "(badge=Beta)"), "bob");
	assert_ok(other, make_attribute(other, "new", "utf8"));
	assert_int_equal(number_of(other, "new"), IDM_ATTR_CUSTOM_MIN + 2);
	realm_teardown(&other_state);
}

/* --- the recycle bin, and repair */

static enum idm_result
revive(struct realm *r, const char *uuid)
{
	struct idm_request request = { .operation = IDM_OP_REVIVE };
	struct idm_identity console = realm_identity(r, NULL);

	assert_true(idm_uuid_parse(idm_span_cstr(uuid), &request.target));
	return realm_run(r, &console, &request);
}

static void
what_was_deleted_comes_back_with_its_number(void **state)
{
	struct realm *r = *state;
	char badge[IDM_UUID_TEXT], employee[IDM_UUID_TEXT];

	assert_ok(r, make_attribute(r, "badge", "utf8", "attributetype_index", "equality"));
	assert_ok(r, make_class(r, "employee", "classtype_may", "badge"));
	snprintf(badge, sizeof(badge), "%s", maker(r, "badge"));
	snprintf(employee, sizeof(employee), "%s", maker(r, "employee"));
	assert_ok(r, realm_delete(r, NULL, employee));
	assert_ok(r, realm_delete(r, NULL, badge));
	assert_refused(r, revive(r, employee), IDM_INVALID,
	    "classtype_may: there is no attribute badge: create it first");
	assert_ok(r, revive(r, badge));
	assert_int_equal(number_of(r, "badge"), IDM_ATTR_CUSTOM_MIN);
	assert_ok(r, revive(r, employee));
	realm_person(r, "alice");
	assert_ok(r, realm_modify(r, NULL, "alice", "+class", "employee", "=badge", "1", NULL));
	assert_string_equal(found(r, "(badge=1)"), "alice");
	assert_ok(r, realm_modify(r, NULL, "alice", "-class", "employee", "=badge", "", NULL));
	assert_ok(r, realm_delete(r, NULL, employee));
	assert_ok(r, realm_delete(r, NULL, badge));
	assert_ok(r, make_attribute(r, "badge", "uint32"));
	assert_int_equal(revive(r, badge), IDM_CONSTRAINT); /* another has its name */
	assert_int_equal(number_of(r, "badge"), IDM_ATTR_CUSTOM_MIN + 1);
}

static void
a_person_comes_back_with_claims_that_are_free(void **state)
{
	struct realm *r = *state;
	char alice[IDM_UUID_TEXT];
	struct idm_uuid uuid;

	assert_ok(r, make_attribute(r, "badge", "utf8", "attributetype_unique", "true"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "1", NULL));
	uuid = realm_uuid(r, "alice");
	idm_uuid_format(&uuid, alice);
	assert_ok(r, realm_delete(r, NULL, "alice"));
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "1", NULL));
	assert_int_equal(revive(r, alice), IDM_CONSTRAINT);
	assert_ok(r, realm_modify(r, NULL, "bob", "=badge", "2", NULL));
	assert_ok(r, revive(r, alice));
	assert_int_equal(realm_modify(r, NULL, "bob", "=badge", "1", NULL), IDM_CONSTRAINT);
	assert_string_equal(found(r, "(badge=1)"), "alice");
}

/* Without any index, and so without the rows that lead to the schema's own entries. */
static void
a_reindex_knows_the_schema_without_an_index(void **state)
{
	struct realm *r = *state;
	const struct idm_rebuild ask = { .db_dir = r->dir, .read_group = (gid_t)-1 };
	struct idm_rebuilt rebuilt;
	struct idm_txn txn;
	struct rows before, after;

	assert_ok(r, make_attribute(r, "badge", "utf8", "attributetype_unique", "true",
			 "attributetype_index", "substring"));
	employ(r, "badge");
	assert_ok(r, realm_modify(r, NULL, "alice", "=badge", "Alpha", NULL));
	realm_entry(r, "admin");
	before = rows_of(r, &r->txn, IDM_DB_INDEX);
	realm_done(r);
	assert_ok(r, idm_store_write_begin(r->store, &txn, &r->err));
	assert_ok(r, idm_store_del_all(&txn, IDM_DB_INDEX, IDM_SPAN_EMPTY, &r->err));
	assert_ok(r, idm_store_write_commit(&txn, &r->err));
	idm_store_close(&r->store);
	assert_ok(r, idm_reindex(&ask, &rebuilt, &r->err));
	assert_ok(r, idm_store_open_writer(r->dir, (gid_t)-1, &r->store, &r->err));
	realm_entry(r, "admin");
	after = rows_of(r, &r->txn, IDM_DB_INDEX);
	realm_done(r);
	free_and_compare(&before, &after);
	assert_string_equal(found(r, "(badge=Alpha)"), "alice");
	assert_int_equal(realm_modify(r, NULL, "bob", "=badge", "Alpha", NULL), IDM_CONSTRAINT);
}

/* --- the whole, at the end of each test */

static void
tell(void *ctx, enum idm_finding kind, const char *text)
{
	(void)ctx;
	print_error("%s: %s\n", idm_finding_name(kind), text);
}

/* Whatever a test did, the database is what it must be. */
static int
verify_and_tear_down(void **state)
{
	struct realm *r = *state;
	char path[96];
	struct idm_verify ask = { .identity_path = path, .most = 10, .finding = tell };
	struct idm_verify_totals totals;
	enum idm_result result;

	realm_done(r);
	snprintf(path, sizeof(path), "%s/identity.mdb", r->dir);
	idm_store_close(&r->store);
	result = idm_verify(&ask, &totals, &r->err);
	realm_teardown(state);
	return result == IDM_OK && totals.findings == 0 ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, verify_and_tear_down)
		T(an_attribute_is_usable_at_once),
		T(every_syntax_keeps_and_finds_its_values),
		T(values_are_checked_by_their_syntax),
		T(numbers_are_never_used_again),
		T(only_schema_managers_change_the_schema),
		T(names_that_mean_something_can_not_be_taken),
		T(words_that_mean_nothing_are_refused),
		T(a_class_lists_plain_attributes_alone),
		T(there_is_an_end_to_what_can_be_made),
		T(a_unique_attribute_is_claimed),
		T(unique_is_refused_while_values_are_equal),
		T(what_rests_in_the_recycle_bin_claims_nothing),
		T(a_reference_goes_with_what_it_refers_to),
		T(many_references_to_one_entry_go_at_once),
		T(an_attribute_stays_multi_valued_while_somebody_holds_several),
		T(a_syntax_stays_while_somebody_holds_a_value),
		T(an_attribute_in_use_stays),
		T(a_class_needs_what_all_its_entries_have),
		T(a_class_in_the_recycle_bins_entries_stays),
		T(what_profiles_and_dynamic_groups_name_stays),
		T(a_changed_index_is_rebuilt_within_the_change),
		T(a_change_that_comes_to_nothing_leaves_no_schema),
		T(a_request_made_before_a_change_is_decided_by_what_is_there),
		T(a_schema_is_parsed_once_a_generation_and_lives_while_it_is_used),
		T(another_process_sees_the_schema_with_its_snapshot),
		T(another_box_that_follows_ends_with_the_same_schema),
		T(what_was_deleted_comes_back_with_its_number),
		T(a_person_comes_back_with_claims_that_are_free),
		T(a_reindex_knows_the_schema_without_an_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
