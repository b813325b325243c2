/* The entries that are made up, filters on them, and the paged results control. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ldapd/assertion.h"
#include "ldapd/entry_read.h"
#include "ldapd/paging.h"
#include "ldapd/sort_control.h"
#include "ldapd/rootdse.h"
#include "tests/support/directory.h"

static bool
has(const struct made_entry *entry, const char *name, const char *value)
{
	const struct made_attr *attr = made_find(entry, idm_span_cstr(name));

	return attr != NULL && made_has_value(attr, idm_span_cstr(value));
}

static void
the_root_dse_names_the_suffix_and_what_works(void **state)
{
	struct directory *d = *state;
	struct made_entry entry;

	assert_int_equal(rootdse_make(&d->view, &entry, &d->err), IDM_OK);
	assert_true(has(&entry, "namingContexts", DIRECTORY_SUFFIX));
	assert_true(has(&entry, "NAMINGCONTEXTS", DIRECTORY_SUFFIX));
	assert_true(has(&entry, "supportedControl", LDAP_CONTROL_PAGED));
	assert_true(has(&entry, "supportedControl", LDAP_CONTROL_SORT));
	assert_true(has(&entry, "supportedControl", LDAP_CONTROL_ASSERTION));
	assert_true(has(&entry, "supportedControl", LDAP_CONTROL_PRE_READ));
	assert_true(has(&entry, "supportedControl", LDAP_CONTROL_POST_READ));
	assert_true(has(&entry, "supportedLDAPVersion", "3"));
	assert_false(has(&entry, "supportedLDAPVersion", "2"));
	assert_null(made_find(&entry, IDM_SPAN_LIT("supportedSASLMechanisms")));
}

static void
a_made_entry_is_tested_with_three_values(void **state)
{
	static const struct {
		const char *filter;
		enum idm_truth truth;
	} cases[] = {
		{ "(objectClass=*)", IDM_TRUE },
		{ "(OBJECTCLASS=Top)", IDM_TRUE },
		{ "(objectClass=person)", IDM_FALSE },
		{ "(uid=*)", IDM_FALSE },
		{ "(uid=x)", IDM_UNDEFINED },
		{ "(!(uid=x))", IDM_UNDEFINED },
		{ "(!(objectClass=person))", IDM_TRUE },
		{ "(|(uid=x)(objectClass=top))", IDM_TRUE },
		{ "(&(uid=x)(objectClass=top))", IDM_UNDEFINED },
		{ "(&(uid=x)(objectClass=person))", IDM_FALSE },
		{ "(objectClass=t*)", IDM_UNDEFINED },
		{ "(&)", IDM_TRUE },
		{ "(|)", IDM_FALSE },
	};
	struct directory *d = *state;
	struct made_entry entry;

	assert_int_equal(rootdse_make(&d->view, &entry, &d->err), IDM_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    made_test(&entry, directory_filter(d, cases[i].filter)), cases[i].truth);
}

static void
the_subschema_tells_every_attribute_that_is_shown(void **state)
{
	struct directory *d = *state;
	const struct made_attr *types;
	const struct view_attr *attr;
	struct made_entry entry;

	assert_int_equal(subschema_make(&d->view, &entry, &d->err), IDM_OK);
	types = made_find(&entry, IDM_SPAN_LIT("attributeTypes"));
	assert_non_null(types);
	for (size_t i = 0; (attr = view_attr_at(d->view.read->schema, i)) != NULL; i++) {
		bool told = strchr(attr->name, ';') != NULL;

		for (size_t v = 0; v < types->count && !told; v++)
			told = memmem(types->values[v].ptr, types->values[v].len, attr->oid,
				   strlen(attr->oid)) != NULL;
		if (!told)
			fail_msg("%s is not told", attr->name);
	}
}

static void
an_arena_that_is_used_up_is_a_limit(void **state)
{
	struct directory *d = *state;
	struct idm_arena *small = idm_arena_new(256);
	struct idm_read read = *d->view.read;
	struct view view = { &read, d->view.suffix, NULL };
	struct made_entry entry;

	assert_non_null(small);
	read.arena = small;
	assert_int_equal(rootdse_make(&view, &entry, &d->err), IDM_LIMIT);
	assert_int_equal(subschema_make(&view, &entry, &d->err), IDM_LIMIT);
	idm_arena_free(&small);
}

/* --- paged results */

static bool
read_paging(
    const char *value, size_t len, bool has_value, struct paging *out, enum ldap_result_code *code)
{
	uint8_t *own = malloc(len + 1); /* a block of its own: ASan sees one byte too far */
	struct ldap_control control = { .oid = IDM_SPAN_LIT(LDAP_CONTROL_PAGED),
		.has_value = has_value,
		.value = idm_span_of(own, len) };
	struct ldap_message message = { .controls = &control, .control_count = 1 };
	const char *text;
	bool ok;

	assert_non_null(own);
	memcpy(own, value, len);
	ok = paging_read(&message, out, code, &text);
	free(own);
	return ok;
}

#define READ(value, out, code) read_paging(value, sizeof(value) - 1, true, out, code)

static void
a_page_is_asked_for_by_size_and_cookie(void **state)
{
	struct ldap_message none = { .control_count = 0 };
	struct paging paging;
	enum ldap_result_code code;
	const char *text;

	(void)state;
	assert_true(paging_read(&none, &paging, &code, &text));
	assert_false(paging.asked);
	assert_true(READ("\x30\x06\x02\x02\x01\xf4\x04\x00", &paging, &code));
	assert_true(paging.asked);
	assert_int_equal(paging.size, 500);
	assert_int_equal(paging.place.next_id, 0);
	assert_true(READ("\x30\x0d\x02\x01\x05\x04\x08\0\0\0\0\0\0\x12\x34", &paging, &code));
	assert_int_equal(paging.place.next_id, 0x1234);
}

static void
a_page_control_that_does_not_decode_is_refused(void **state)
{
	static const char whole[] = "\x30\x0d\x02\x01\x05\x04\x08\0\0\0\0\0\0\x12\x34";
	struct paging paging;
	enum ldap_result_code code;

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		assert_false(read_paging(whole, n, true, &paging, &code));
		assert_int_equal(code, LDAP_PROTOCOL_ERROR);
	}
	assert_false(read_paging("", 0, false, &paging, &code));
	assert_false(READ("\x30\x05\x02\x01\xff\x04\x00", &paging, &code));
	assert_int_equal(code, LDAP_PROTOCOL_ERROR);
	assert_false(READ("\x30\x06\x02\x01\x05\x04\x01x", &paging, &code));
	assert_int_equal(code, LDAP_UNWILLING_TO_PERFORM);
	assert_false(READ("\x30\x0d\x02\x01\x05\x04\x08\0\0\0\0\0\0\0\0", &paging, &code));
	assert_int_equal(code, LDAP_UNWILLING_TO_PERFORM);
}

static void
a_cookie_comes_back_as_it_was_given(void **state)
{
	struct idm_arena *arena = idm_arena_new(1024);
	const struct ldap_control *control;
	struct ldap_message message = { .control_count = 1 };
	struct paging paging;
	enum ldap_result_code code;
	const char *text;

	(void)state;
	control = paging_control(arena, &(struct paging_place){ .next_id = 0x123456789a });
	assert_non_null(control);
	message.controls = control;
	assert_true(paging_read(&message, &paging, &code, &text));
	assert_int_equal(paging.place.next_id, 0x123456789a);
	control = paging_control(arena, &(struct paging_place){ 0 });
	assert_non_null(control);
	message.controls = control;
	assert_true(paging_read(&message, &paging, &code, &text));
	assert_int_equal(paging.place.next_id, 0);
	idm_arena_free(&arena);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_root_dse_names_the_suffix_and_what_works),
		TEST(a_made_entry_is_tested_with_three_values),
		TEST(the_subschema_tells_every_attribute_that_is_shown),
		TEST(an_arena_that_is_used_up_is_a_limit),
		cmocka_unit_test(a_page_is_asked_for_by_size_and_cookie),
		cmocka_unit_test(a_page_control_that_does_not_decode_is_refused),
		cmocka_unit_test(a_cookie_comes_back_as_it_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
