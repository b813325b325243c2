/*
 * Nothing leaks (SPEC 5.2): what somebody may not search makes no difference to anything that he
 * gets.  The same questions are put while the hidden values are absent, set, and set to others; all
 * answers must be equal, whatever the attribute, its alias, the kind of filter and its value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/ldap_filter.h"
#include "ldapd/sort_order.h"
#include "tests/support/directory.h"

#define OK(d, call)                                                                                \
	do {                                                                                       \
		if ((call) != IDM_OK)                                                              \
			fail_msg("%s: %s", #call, (d)->realm->err.text);                           \
	} while (0)

/* What anna has and neither anonymous nor ben may search. */
struct hidden {
	const char *legalname;
	const char *mail;
	const char *valid_from;
	const char *expire;
	const char *secrets; /* NULL: none is set */
	const char *manager; /* of robot and staff */
	const char *description;
};

static const struct hidden absent = { .legalname = "",
	.mail = "",
	.valid_from = "",
	.expire = "",
	.manager = "",
	.description = "" };
static const struct hidden first = { "Zora Zufall", "zora@example.org", "2020-01-01T00:00:00Z",
	"2030-01-01T00:00:00Z", "one", "carl", "Zora's group" };
static const struct hidden second = { "Xaver Anders", "xaver@example.net", "2099-01-01T00:00:00Z",
	"1970-01-01T00:00:00Z", "two", "everyone", "something else" };

static const char *const values[] = { "Zora Zufall", "zora zufall", "Zora", "Zufall", "Xaver",
	"Anders", "zora@example.org", "xaver@example.net", "mail=zora@example.org",
	"mail=zora@example.org,ou=people," DIRECTORY_SUFFIX,
	"mail=xaver@example.net," DIRECTORY_SUFFIX, "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z",
	"20300101000000Z", "19700101000000Z", "0", "21915", "TRUE", "FALSE", "set", "password",
	"carl", "everyone", "cn=everyone,ou=groups," DIRECTORY_SUFFIX, "Zora's group",
	"something else", "anna" };

static const char *const forms[] = { "(%s=*)", "(!(%s=*))", "(%s=%s)", "(!(%s=%s))", "(%s>=%s)",
	"(%s<=%s)", "(!(%s>=%s))", "(%s~=%s)", "(%s=%.3s*)", "(%s=*%.2s*)", "(!(%s=*%.3s*))" };

enum { HAS_VALUE_FROM = 2 }; /* the forms before need none */

static void
set_attr(struct directory *d, const char *target, const char *attr, const char *value)
{
	OK(d, realm_modify(d->realm, NULL, target, attr, value, NULL));
}

static void
set_secret(struct directory *d, uint32_t attr_number, const char *name, const char *value)
{
	if (value != NULL)
		OK(d, realm_set_secret(d->realm, NULL, "anna", attr_number, value));
	else
		set_attr(d, "anna", name, "");
}

static void
set_hidden(struct directory *d, const struct hidden *hidden)
{
	set_attr(d, "anna", "=legalname", hidden->legalname);
	set_attr(d, "anna", "=mail", hidden->mail);
	set_attr(d, "anna", "=account_valid_from", hidden->valid_from);
	set_attr(d, "anna", "=account_expire", hidden->expire);
	set_attr(d, "robot", "=entry_managed_by", hidden->manager);
	set_attr(d, "staff", "=entry_managed_by", hidden->manager);
	set_attr(d, "staff", "=description", hidden->description);
	set_secret(d, IDM_ATTR_RADIUS_SECRET, "=radius_secret", hidden->secrets);
	set_secret(d, IDM_ATTR_PRIMARY_CREDENTIAL, "=primary_credential", hidden->secrets);
	set_secret(d, IDM_ATTR_UNIX_PASSWORD, "=unix_password", hidden->secrets);
}

/* --- what somebody gets */

/* A running hash of all answers, and the last of them for a person to look at. */
struct answers {
	uint64_t hash;
	size_t count;
};

static void
add_answer(struct answers *answers, const char *text)
{
	for (; *text != '\0'; text++)
		answers->hash = (answers->hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	answers->hash = (answers->hash ^ 0xff) * UINT64_C(0x100000001b3);
	answers->count++;
}

/* What says when the entry was changed moves with every change, and all may read it. */
static bool
tells_the_time(const struct view_attr *attr)
{
	return attr->number == IDM_ATTR_LAST_MODIFIED || attr->number == IDM_ATTR_CREATED;
}

static void
ask_filters(struct directory *d, const struct view_attr *attr, struct answers *answers)
{
	char text[512];

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		size_t count = f < HAS_VALUE_FROM ? 1 : sizeof(values) / sizeof(values[0]);

		for (size_t v = 0; v < count; v++) {
			struct idm_arena_mark mark = idm_arena_mark(d->realm->arena);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(text, sizeof(text), forms[f], attr->name, values[v]);
#pragma GCC diagnostic pop
			add_answer(answers, directory_search(d, text));
			idm_arena_rewind(d->realm->arena, mark);
		}
	}
}

static void
ask_values(struct directory *d, const struct view_attr *attr, struct answers *answers)
{
	static const char *const names[] = { "anna", "robot", "staff" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_answer(answers, directory_values(d, names[i], attr->name));
}

static const char *
hex_of(struct idm_arena *arena, struct idm_span octets)
{
	char *text = idm_arena_alloc(arena, 2 * octets.len + 1);

	assert_non_null(text);
	for (size_t i = 0; i < octets.len; i++)
		snprintf(text + 2 * i, 3, "%02x", octets.ptr[i]);
	return text;
}

/* The keys by which entries are sorted, where the attribute has an order. */
static void
ask_order(struct directory *d, const struct view_attr *attr, struct answers *answers)
{
	static const char *const names[] = { "anna", "ben", "robot", "staff" };
	struct sort_request request = { .count = 1,
		.keys[0].attribute = idm_span_cstr(attr->name) };
	struct sort_order order;
	struct idm_span span;

	if (sort_order_resolve(d->view.read->schema, &request, &order, &span) != LDAP_SUCCESS)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct idm_arena_mark mark = idm_arena_mark(d->realm->arena);
		struct idm_entry entry = directory_entry(d, names[i]);
		struct idm_attrset readable = directory_readable(d, &entry);

		OK(d, sort_order_key(&d->view, &entry, &readable, &order, &span, &d->err));
		add_answer(answers, hex_of(d->realm->arena, span));
		idm_arena_rewind(d->realm->arena, mark);
	}
}

/* One hash an attribute. */
static void
ask_all(struct directory *d, const char *actor, struct answers *out)
{
	const struct view_attr *attr;

	directory_look(d, actor);
	for (size_t i = 0; (attr = view_attr_at(d->realm->read.schema, i)) != NULL; i++) {
		out[i] = (struct answers){ 0 };
		if (tells_the_time(attr))
			continue;
		ask_filters(d, attr, &out[i]);
		ask_values(d, attr, &out[i]);
		ask_order(d, attr, &out[i]);
	}
}

enum { ATTRS_MAX = 1024 };

static void
assert_no_difference(
    struct directory *d, const char *actor, const struct answers *a, const struct answers *b)
{
	const struct view_attr *attr;
	size_t asked = 0;

	for (size_t i = 0; (attr = view_attr_at(d->realm->read.schema, i)) != NULL; i++) {
		asked += a[i].count;
		assert_int_equal(a[i].count, b[i].count);
		if (a[i].hash != b[i].hash)
			fail_msg("%s can tell hidden values by %s", actor, attr->name);
	}
	assert_true(asked > 10000);
}

static void
check_actor(struct directory *d, const char *actor)
{
	static struct answers without[ATTRS_MAX], with[ATTRS_MAX], other[ATTRS_MAX];

	set_hidden(d, &absent);
	ask_all(d, actor, without);
	set_hidden(d, &first);
	ask_all(d, actor, with);
	assert_no_difference(d, actor, without, with);
	set_hidden(d, &second);
	ask_all(d, actor, other);
	assert_no_difference(d, actor, with, other);
}

static void
hidden_values_make_no_difference_to_anonymous(void **state)
{
	check_actor(*state, "anonymous");
}

static void
hidden_values_make_no_difference_to_another_person(void **state)
{
	check_actor(*state, "ben");
}

/* The same questions are answered to who may ask them, or the test above would test nothing. */
static void
they_do_to_those_who_may_search_them(void **state)
{
	static struct answers without[ATTRS_MAX], with[ATTRS_MAX];
	static const char *const told[] = { "mail", "legalname", "sn", "account_expire",
		"shadowExpire", "nsAccountLock", "radius_secret", "primary_credential" };
	struct directory *d = *state;
	const struct view_attr *attr;

	set_hidden(d, &absent);
	ask_all(d, "idm_admin", without);
	set_hidden(d, &second);
	ask_all(d, "idm_admin", with);
	for (size_t i = 0; (attr = view_attr_at(d->realm->read.schema, i)) != NULL; i++) {
		for (size_t k = 0; k < sizeof(told) / sizeof(told[0]); k++) {
			if (strcmp(attr->name, told[k]) == 0 && without[i].hash == with[i].hash)
				fail_msg("idm_admin is told nothing by %s", attr->name);
		}
	}
}

/* --- the examples of SPEC 5.2, one by one */

static const char *
found(struct directory *d, const char *actor, const char *filter)
{
	directory_look(d, actor);
	return directory_search(d, filter);
}

static void
a_term_on_a_hidden_attribute_is_undefined_under_not_too(void **state)
{
	struct directory *d = *state;

	set_hidden(d, &first);
	assert_string_equal(found(d, "ben", "(mail=z*)"), "");
	assert_string_equal(found(d, "ben", "(&(uid=anna)(mail=z*))"), "");
	assert_string_equal(found(d, "ben", "(&(uid=anna)(!(mail=z*)))"), "");
	assert_string_equal(found(d, "ben", "(&(uid=anna)(!(!(mail=z*))))"), "");
	assert_string_equal(found(d, "ben", "(&(uid=anna)(radius_secret=*))"), "");
	assert_string_equal(found(d, "ben", "(&(uid=anna)(!(radius_secret=*)))"), "");
	/* but it does not spoil what one may search */
	assert_string_equal(found(d, "ben", "(|(uid=anna)(mail=z*))"), "anna");
	assert_string_equal(found(d, "ben", "(|(uid=anna)(!(mail=z*)))"), "anna|ben");
	assert_string_equal(found(d, "ben", "(mail=*)"), "");
	assert_string_equal(found(d, "ben", "(&(uid=ben)(!(mail=*)))"), "ben"); /* his own */
	assert_string_equal(found(d, "idm_admin", "(mail=z*)"), "anna");
}

static bool
go_on(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	(void)context;
	(void)read;
	(void)entry;
	(void)readable;
	return true;
}

/* How many entries a search tests. */
static size_t
work_of(struct directory *d, const char *actor, const char *text)
{
	struct idm_filter filter;
	struct idm_search search = { .filter = &filter };
	size_t slices = 0;

	directory_look(d, actor);
	search.access = d->access;
	OK(d, ldap_filter_translate(&d->view, directory_filter(d, text), &filter, &d->err));
	for (; !search.done; slices++)
		OK(d, idm_search_slice(&search, d->view.read, 1, go_on, NULL, &d->err));
	return slices;
}

/* Not even by the time it takes: what only the own entry may show is not looked for elsewhere. */
static void
how_long_a_search_takes_does_not_tell_who_has_a_hidden_value(void **state)
{
	static const char *const filters[] = { "(mail=z*)", "(mail=z0@example.org)", "(mail=*)",
		"(legalname=zor*)", "(radius_secret=*)", "(!(mail=z*))", "(|(uid=anna)(mail=z*))",
		"(&(class=person)(mail=z*))" };
	enum { FILTERS = sizeof(filters) / sizeof(filters[0]), PERSONS = 40 };
	struct directory *d = *state;
	size_t before[FILTERS], admin_before[FILTERS];
	char name[16], mail[40];

	for (int i = 0; i < PERSONS; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		realm_person(d->realm, name);
	}
	for (size_t i = 0; i < FILTERS; i++) {
		before[i] = work_of(d, "ben", filters[i]);
		admin_before[i] = work_of(d, "idm_admin", filters[i]);
	}
	for (int i = 0; i < PERSONS; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		snprintf(mail, sizeof(mail), "z%d@example.org", i);
		OK(d, realm_modify(
			  d->realm, NULL, name, "=mail", mail, "=legalname", "Zora Zufall", NULL));
		OK(d, realm_set_secret(d->realm, NULL, name, IDM_ATTR_RADIUS_SECRET, "x"));
	}
	for (size_t i = 0; i < FILTERS; i++)
		assert_int_equal(work_of(d, "ben", filters[i]), before[i]);
	/* those who may know are searched for */
	assert_true(work_of(d, "idm_admin", filters[3]) >= admin_before[3] + PERSONS / 2);
}

static const char *
order_key(struct directory *d, const char *actor, const char *name, const char *attribute)
{
	struct sort_request request = { .count = 1, .keys[0].attribute = idm_span_cstr(attribute) };
	struct sort_order order;
	struct idm_entry entry;
	struct idm_attrset readable;
	struct idm_span span;

	directory_look(d, actor);
	entry = directory_entry(d, name);
	readable = directory_readable(d, &entry);
	assert_int_equal(sort_order_resolve(d->view.read->schema, &request, &order, &span), 0);
	OK(d, sort_order_key(&d->view, &entry, &readable, &order, &span, &d->err));
	return hex_of(d->realm->arena, span);
}

/* Nor has a hidden value a place in an order: it is as if it were not there. */
static void
what_one_may_not_search_is_absent_from_an_order(void **state)
{
	static const char *const hidden[] = { "mail", "radius_secret", "primary_credential",
		"legalname", "sn", "account_expire", "nsAccountLock", "mail;primary" };
	struct directory *d = *state;

	set_hidden(d, &first);
	OK(d, realm_modify(d->realm, NULL, "anna", "=displayname", "anna", NULL));
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (strcmp(hidden[i], "sn") != 0) /* displayname, which all may search, has one */
			assert_string_equal(order_key(d, "ben", "anna", hidden[i]), "ff");
		assert_string_not_equal(order_key(d, "idm_admin", "anna", hidden[i]), "ff");
	}
	assert_string_equal(order_key(d, "ben", "anna", "sn"), "01616e6e610000");
	assert_string_equal(order_key(d, "idm_admin", "anna", "radius_secret"), "017365740000");
}

/* What nobody may see has no effect on a search that asks for everything. */
static void
entries_that_one_may_not_see_are_not_there(void **state)
{
	struct directory *d = *state;

	assert_string_equal(found(d, "ben", "(class=access_control_profile)"), "");
	assert_string_equal(found(d, "ben", "(name=all_read)"), "");
	assert_string_equal(found(d, "ben", "(class=system_config)"), "");
	assert_string_equal(found(d, "ben", "(denied_name=*)"), "");
	OK(d, realm_delete(d->realm, NULL, "carl"));
	assert_string_equal(found(d, "ben", "(&(class=recycled)(objectClass=*))"), "");
	assert_string_equal(found(d, "ben", "(name=carl)"), "");
	assert_null(strstr(found(d, "ben", "(objectClass=*)"), "carl"));
	directory_look(d, "admin");
	assert_non_null(strstr(directory_search(d, "(class=recycled)"), "carl"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
		T(hidden_values_make_no_difference_to_anonymous),
		T(hidden_values_make_no_difference_to_another_person),
		T(they_do_to_those_who_may_search_them),
		T(a_term_on_a_hidden_attribute_is_undefined_under_not_too),
		T(how_long_a_search_takes_does_not_tell_who_has_a_hidden_value),
		T(what_one_may_not_search_is_absent_from_an_order),
		T(entries_that_one_may_not_see_are_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
