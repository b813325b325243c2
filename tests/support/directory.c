#include "tests/support/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/timefmt.h"
#include "ldapd/ldap_filter.h"

enum { TEXT_BYTES = 4096, TEXTS = 8 };

static void
assert_ok(const struct idm_error *err, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), err->text);
}

static const char *
time_text(int64_t at_s)
{
	static char text[IDM_TIME_TEXT];

	idm_time_format(at_s, text);
	return text;
}

void
directory_fill(struct realm *r)
{
	enum idm_result result;

	realm_person(r, "anna");
	realm_person(r, "ben");
	realm_person(r, "carl");
	realm_group(r, "staff");
	realm_group(r, "everyone");
	result = realm_create(r, NULL, "class", "account", "class", "service_account", "name",
	    "robot", "displayname", "Robot", NULL);
	assert_ok(&r->err, result);
	result = realm_modify(r, NULL, "anna", "=displayname", "Anna Apfel", "=legalname",
	    "Anna Maria Apfel", "+mail", "Anna@example.com", "+mail", "apfel@example.com", "+class",
	    "posixaccount", "=gidnumber", "70001", "=loginshell", "/bin/sh", "=homedirectory",
	    "/home/anna", "+ssh_publickey", "laptop " DIRECTORY_KEY, NULL);
	assert_ok(&r->err, result);
	result = realm_modify(r, NULL, "ben", "=displayname", "Ben Birne", "=account_expire",
	    time_text(REALM_NOW_S + 86400), NULL);
	assert_ok(&r->err, result);
	result = realm_modify(r, NULL, "carl", "=displayname", "Carl", "=account_valid_from",
	    time_text(REALM_NOW_S + 3600), NULL);
	assert_ok(&r->err, result);
	result = realm_modify(r, NULL, "staff", "+member", "anna", "+class", "posixgroup",
	    "=gidnumber", "70002", NULL);
	assert_ok(&r->err, result);
	assert_ok(&r->err, realm_modify(r, NULL, "everyone", "+member", "staff", NULL));
}

int
directory_setup(void **state)
{
	struct directory *d = calloc(1, sizeof(*d));
	void *realm;

	assert_non_null(d);
	realm_setup(&realm);
	d->realm = realm;
	directory_fill(d->realm);
	directory_look(d, NULL);
	*state = d;
	return 0;
}

int
directory_teardown(void **state)
{
	struct directory *d = *state;
	void *realm = d->realm;

	idm_access_table_free(&d->table);
	tree_free(&d->tree);
	realm_teardown(&realm);
	free(d);
	return 0;
}

void
directory_look(struct directory *d, const char *actor)
{
	struct idm_identity identity = { .kind = IDM_IDENTITY_INTERNAL, .expire_s = INT64_MAX };
	struct idm_access *access;
	const struct idm_read *read = &d->realm->read;

	identity.uuid = realm_entry(d->realm, actor != NULL ? actor : "admin").uuid;
	if (actor != NULL)
		identity.kind = IDM_IDENTITY_PASSWORD;
	assert_ok(&d->err, idm_access_table_refresh(read, &d->table, &d->err));
	assert_ok(
	    &d->err, idm_access_resolve(read, d->table, &identity, read->arena, &access, &d->err));
	d->access = access;
	assert_ok(&d->err, tree_refresh(read, &d->tree, &d->err));
	d->view = (struct view){ read, &d->tree->suffix, access };
}

struct idm_entry
directory_entry(struct directory *d, const char *name)
{
	struct idm_entry entry;

	if (tree_find_text(d->view.read, d->view.suffix, idm_span_cstr(name), &entry, &d->err) !=
	    IDM_OK)
		fail_msg("there is no %s", name);
	return entry;
}

struct idm_attrset
directory_readable(struct directory *d, const struct idm_entry *entry)
{
	struct idm_attrset readable;

	assert_ok(&d->err, idm_access_search(d->view.read, d->access, entry, &readable, &d->err));
	return readable;
}

/* Texts with a "|" between them. */
static char *
next_text(void)
{
	static char texts[TEXTS][TEXT_BYTES];
	static unsigned next;
	char *text = texts[next++ % TEXTS];

	text[0] = '\0';
	return text;
}

static bool
append(void *context, struct idm_span value)
{
	char *text = context;
	size_t len = strlen(text);

	snprintf(text + len, TEXT_BYTES - len, "%s%.*s", len != 0 ? "|" : "", IDM_SPAN_ARG(value));
	return true;
}

const char *
directory_values(struct directory *d, const char *name, const char *attribute)
{
	struct idm_entry entry = directory_entry(d, name);
	struct idm_attrset readable = directory_readable(d, &entry);
	const struct view_attr *attr = view_find(d->view.read->schema, idm_span_cstr(attribute));
	char *text = next_text();

	if (attr == NULL)
		fail_msg("there is no %s", attribute);
	assert_ok(&d->err, view_values(&d->view, &entry, &readable, attr, append, text, &d->err));
	return text;
}

/* --- filters */

struct parser {
	struct idm_arena *arena;
	const char *at;
};

static void *
take_room(struct parser *p, size_t count, size_t bytes)
{
	void *room = idm_arena_array(p->arena, count, bytes);

	assert_non_null(room);
	return room;
}

static struct ldap_filter *parse_node(struct parser *p);

static void
parse_children(struct parser *p, struct ldap_filter *f)
{
	struct ldap_filter **tail = &f->children;

	for (p->at++; *p->at == '('; f->child_count++) {
		*tail = parse_node(p);
		tail = &(*tail)->next;
	}
}

/* "a*b*c": what stands before the first and behind the last star may be missing. */
static void
split_pieces(struct parser *p, struct ldap_filter *f, struct idm_span text)
{
	struct idm_span *any = take_room(p, text.len, sizeof(*any));
	const uint8_t *end = text.ptr + text.len;
	const uint8_t *from = text.ptr;

	f->kind = LDAP_FILTER_SUBSTRINGS;
	f->any = any;
	for (;;) {
		const uint8_t *star = memchr(from, '*', (size_t)(end - from));
		struct idm_span piece = { from, (size_t)((star != NULL ? star : end) - from) };

		if (star == NULL) {
			f->final = piece.len != 0 ? piece : IDM_SPAN_EMPTY;
			return;
		}
		if (piece.len != 0 && from == text.ptr)
			f->initial = piece;
		else if (piece.len != 0)
			any[f->any_count++] = piece;
		from = star + 1;
	}
}

/* "attr:dn:rule" before ":=" */
static void
split_rule(struct ldap_filter *f)
{
	struct idm_span name = f->attribute;
	const uint8_t *colon = memchr(name.ptr, ':', name.len);

	f->kind = LDAP_FILTER_EXTENSIBLE;
	f->attribute.len = (size_t)(colon - name.ptr);
	f->rule = idm_span_of(colon + 1, name.len - f->attribute.len - 1);
	if (f->rule.len >= 3 && memcmp(f->rule.ptr, "dn:", 3) == 0) {
		f->dn_attributes = true;
		f->rule = idm_span_of(f->rule.ptr + 3, f->rule.len - 3);
	}
	if (f->rule.len != 0)
		f->rule.len--; /* the colon of ":=" */
}

static void
parse_term(struct parser *p, struct ldap_filter *f)
{
	const char *equals = strchr(p->at, '=');
	const char *end = strchr(p->at, ')');

	assert_non_null(equals);
	assert_non_null(end);
	f->kind = LDAP_FILTER_EQUALITY;
	f->attribute = idm_span_of(p->at, (size_t)(equals - p->at));
	f->value = idm_span_of(equals + 1, (size_t)(end - equals - 1));
	p->at = end;
	switch (equals[-1]) {
	case '>': f->kind = LDAP_FILTER_GREATER_OR_EQUAL; break;
	case '<': f->kind = LDAP_FILTER_LESS_OR_EQUAL; break;
	case '~': f->kind = LDAP_FILTER_APPROX; break;
	case ':': split_rule(f); return;
	default:
		if (idm_span_is(f->value, "*"))
			f->kind = LDAP_FILTER_PRESENT;
		else if (memchr(f->value.ptr, '*', f->value.len) != NULL)
			split_pieces(p, f, f->value);
		return;
	}
	f->attribute.len--;
}

static struct ldap_filter *
parse_node(struct parser *p)
{
	struct ldap_filter *f = take_room(p, 1, sizeof(*f));

	assert_int_equal(*p->at, '(');
	switch (*++p->at) {
	case '&': f->kind = LDAP_FILTER_AND; break;
	case '|': f->kind = LDAP_FILTER_OR; break;
	case '!': f->kind = LDAP_FILTER_NOT; break;
	default: parse_term(p, f);
	}
	if (*p->at != ')')
		parse_children(p, f);
	assert_int_equal(*p->at, ')');
	p->at++;
	return f;
}

const struct ldap_filter *
directory_filter(struct directory *d, const char *text)
{
	struct idm_span copy = idm_arena_copy(d->view.read->arena, idm_span_cstr(text));
	struct parser p = { d->view.read->arena, (const char *)copy.ptr };
	const struct ldap_filter *filter = parse_node(&p);

	assert_int_equal(*p.at, '\0');
	return filter;
}

struct names {
	char list[256][80];
	size_t count;
};

static bool
take_name(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct names *names = context;
	struct idm_span name = idm_entry_text(entry, IDM_ATTR_NAME);

	(void)read;
	(void)readable;
	if (name.len == 0)
		name = idm_entry_has(entry, IDM_ATTR_OU) ? idm_entry_text(entry, IDM_ATTR_OU)
							 : IDM_SPAN_LIT("domain");
	assert_true(names->count < 256);
	snprintf(names->list[names->count++], sizeof(names->list[0]), "%.*s", IDM_SPAN_ARG(name));
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *
directory_search(struct directory *d, const char *text)
{
	struct idm_filter filter;
	struct idm_search search = { .filter = &filter, .access = d->access };
	struct names names = { .count = 0 };
	char *out = next_text();

	assert_ok(
	    &d->err, ldap_filter_translate(&d->view, directory_filter(d, text), &filter, &d->err));
	while (!search.done)
		assert_ok(&d->err,
		    idm_search_slice(&search, d->view.read, 1000, take_name, &names, &d->err));
	qsort(names.list, names.count, sizeof(names.list[0]), compare_names);
	for (size_t i = 0; i < names.count; i++)
		append(out, idm_span_cstr(names.list[i]));
	return out;
}
