/* Which entries of a file were taken, by their DNs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/import_names.h"

struct scene {
	struct import_names *names;
	struct idm_arena *arena;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->names = import_names_new();
	s->arena = idm_arena_new(1 << 20);
	assert_non_null(s->names);
	assert_non_null(s->arena);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	import_names_free(&s->names);
	idm_arena_free(&s->arena);
	free(s);
	return 0;
}

static struct idm_uuid
uuid_of(uint32_t number)
{
	struct idm_uuid uuid = { { 0 } };

	memcpy(uuid.bytes, &number, sizeof(number));
	return uuid;
}

static enum idm_result
add(struct scene *s, const char *dn, uint32_t number)
{
	struct idm_uuid uuid = uuid_of(number);

	return import_names_add(s->names, idm_span_cstr(dn), &uuid, s->arena);
}

static enum idm_result
find(struct scene *s, const char *dn, uint32_t expected)
{
	struct idm_uuid uuid, wanted = uuid_of(expected);
	enum idm_result result = import_names_find(s->names, idm_span_cstr(dn), s->arena, &uuid);

	if (result == IDM_OK)
		assert_true(idm_uuid_equal(&uuid, &wanted));
	return result;
}

static void
equal_names_are_one(void **state)
{
	static const char *const same[] = {
		"uid=alice+cn=Alice  Abc,ou=people,dc=old,dc=org",
		"UID=Alice+CN=alice abc , OU=People, DC=old ,dc=ORG",
		"cn=Alice Abc+uid=alice,ou=people,dc=old,dc=org",
		"0.9.2342.19200300.100.1.1=alice+commonName=\\41lice\\20 "
		"Abc,ou=people,dc=old,dc=org",
		"userid=alice+cn=\\ Alice Abc\\ ,ou=people,dc=old,dc=org",
	};
	struct scene *s = *state;

	assert_int_equal(add(s, same[0], 7), IDM_OK);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(find(s, same[i], 7), IDM_OK);
		assert_int_equal(add(s, same[i], 8), IDM_EXISTS);
	}
	assert_int_equal(find(s, same[0], 7), IDM_OK);
}

static void
other_names_are_not(void **state)
{
	static const char *const others[] = {
		"uid=alice,ou=people,dc=old",
		"uid=alice,ou=people,dc=old,dc=org,dc=org",
		"uid=alice,dc=old,dc=org",
		"cn=alice,ou=people,dc=old,dc=org",
		"uid=alicf,ou=people,dc=old,dc=org",
		"uid=a lice,ou=people,dc=old,dc=org",
		"uid=alice+uid=alice,ou=people,dc=old,dc=org",
		"uid=alice\\,ou=people,dc=old,dc=org",
		"uid=,uid=alice,ou=people,dc=old,dc=org",
		"uidalice=,ou=people,dc=old,dc=org",
	};
	struct scene *s = *state;

	assert_int_equal(add(s, "uid=alice,ou=people,dc=old,dc=org", 1), IDM_OK);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (find(s, others[i], 0) == IDM_OK)
			fail_msg("%s is found", others[i]);
	}
}

static void
what_was_not_taken_is_known_as_that(void **state)
{
	struct scene *s = *state;

	assert_int_equal(
	    import_names_add(s->names, IDM_SPAN_LIT("uid=a,dc=old"), NULL, s->arena), IDM_OK);
	assert_int_equal(find(s, "uid=a,dc=old", 0), IDM_DENIED);
	assert_int_equal(add(s, "uid=a,dc=old", 1), IDM_EXISTS);
	assert_int_equal(add(s, "uid=b,dc=old", 0), IDM_OK); /* all zeros are an entry too */
	assert_int_equal(find(s, "uid=b,dc=old", 0), IDM_OK);
}

static void
what_is_no_name_is_told(void **state)
{
	struct scene *s = *state;
	char *large = malloc(3000);

	assert_non_null(large);
	memset(large, 'x', 2999);
	memcpy(large, "cn=", 3);
	large[2999] = '\0';
	assert_int_equal(add(s, "", 1), IDM_INVALID);
	assert_int_equal(add(s, "alice", 1), IDM_INVALID);
	assert_int_equal(add(s, "uid=alice,", 1), IDM_INVALID);
	assert_int_equal(add(s, large, 1), IDM_INVALID);
	assert_int_equal(find(s, "alice", 1), IDM_INVALID);
	free(large);
}

static void
there_may_be_many(void **state)
{
	enum { MANY = 100000 };
	struct scene *s = *state;
	char dn[64];

	for (int i = 0; i < MANY; i++) {
		snprintf(dn, sizeof(dn), "uid=person%d,dc=old", i);
		assert_int_equal(add(s, dn, (uint32_t)i), IDM_OK);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(dn, sizeof(dn), "uid=Person%d, dc=old", i);
		assert_int_equal(find(s, dn, (uint32_t)i), IDM_OK);
	}
	assert_int_equal(find(s, "uid=person100000,dc=old", 0), IDM_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(equal_names_are_one),
		T(other_names_are_not),
		T(what_was_not_taken_is_known_as_that),
		T(what_is_no_name_is_told),
		T(there_may_be_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
