/* Which resultCode a result of core/ becomes (SPEC 8.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ldapd/request.h"

static void
every_result_has_the_code_that_the_specification_names(void **state)
{
	static const struct {
		enum idm_result result;
		int code; /* RFC 4511 appendix A */
	} cases[] = {
		{ IDM_OK, 0 },
		{ IDM_NOT_FOUND, 32 },
		{ IDM_DENIED, 50 },
		{ IDM_INVALID, 21 },
		{ IDM_SCHEMA, 65 },
		{ IDM_CONSTRAINT, 19 },
		{ IDM_EXISTS, 68 },
		{ IDM_PROTECTED, 50 },
		{ IDM_ASSERTION, 122 }, /* assertionFailed (RFC 4528 section 3) */
		{ IDM_LIMIT, 53 },
		{ IDM_BUSY, 51 },
		{ IDM_CORRUPT, 80 },
		{ IDM_SYSTEM, 80 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(request_result_code(cases[i].result), cases[i].code);
	assert_int_equal(sizeof(cases) / sizeof(cases[0]), IDM_SYSTEM + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_result_has_the_code_that_the_specification_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
