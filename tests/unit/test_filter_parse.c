#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/filter.h"

struct world {
	struct idm_arena *arena;
	struct idm_read read; /* no transaction: no name is looked up here */
	struct idm_error err;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->arena = idm_arena_new(1024 * 1024);
	assert_non_null(w->arena);
	w->read.arena = w->arena;
	w->read.schema = idm_schema_builtin();
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	idm_arena_free(&w->arena);
	free(w);
	return 0;
}

static enum idm_result
parse(struct world *w, const char *text, bool strict, struct idm_filter *out)
{
	memset(out, 0, sizeof(*out));
	return idm_filter_parse(&w->read, idm_span_cstr(text), strict, out, &w->err);
}

/* Parse what must parse. */
static struct idm_filter
filter_of(struct world *w, const char *text)
{
	struct idm_filter filter;

	if (parse(w, text, false, &filter) != IDM_OK)
		fail_msg("%s: %s", text, w->err.text);
	return filter;
}

static void
assert_refused(struct world *w, const char *text)
{
	struct idm_filter filter;

	if (parse(w, text, false, &filter) != IDM_INVALID)
		fail_msg("\"%s\" was not refused", text);
	assert_true(w->err.client_text[0] != '\0');
}

static void
assert_term(
    const struct idm_filter *filter, enum idm_filter_kind kind, uint32_t number, const char *norm)
{
	assert_int_equal(filter->kind, kind);
	assert_int_equal(filter->attr->number, number);
	assert_true(idm_span_is(filter->norm, norm));
}

static void
each_kind_of_term_is_built(void **state)
{
	struct world *w = *state;
	struct idm_filter f;

	f = filter_of(w, "(name=Alice)");
	assert_term(&f, IDM_FILTER_EQUAL, IDM_ATTR_NAME, "alice");
	f = filter_of(w, "(NAME~=alice)");
	assert_term(&f, IDM_FILTER_EQUAL, IDM_ATTR_NAME, "alice");
	f = filter_of(w, "(name=*)");
	assert_term(&f, IDM_FILTER_PRESENT, IDM_ATTR_NAME, "");
	f = filter_of(w, "(name>=b)");
	assert_term(&f, IDM_FILTER_GREATER_EQUAL, IDM_ATTR_NAME, "b");
	f = filter_of(w, "(name<=b)");
	assert_term(&f, IDM_FILTER_LESS_EQUAL, IDM_ATTR_NAME, "b");
	f = filter_of(w, "(displayname=  Ann   B )");
	assert_term(&f, IDM_FILTER_EQUAL, IDM_ATTR_DISPLAYNAME, "ann b");
	f = filter_of(w, "(gidnumber=65536)");
	assert_int_equal(f.norm.len, 4);
	assert_int_equal(idm_uint32_load(f.norm), 65536);
}

static void
composites_keep_the_order_of_their_children(void **state)
{
	struct world *w = *state;
	struct idm_filter f = filter_of(w, "(&(name=a)(|(name=b)(!(name=c))(&))(class=person))");

	assert_int_equal(f.kind, IDM_FILTER_AND);
	assert_int_equal(f.child_count, 3);
	assert_term(&f.children[0], IDM_FILTER_EQUAL, IDM_ATTR_NAME, "a");
	assert_term(&f.children[2], IDM_FILTER_EQUAL, IDM_ATTR_CLASS, "person");
	f = f.children[1];
	assert_int_equal(f.kind, IDM_FILTER_OR);
	assert_int_equal(f.child_count, 3);
	assert_term(&f.children[0], IDM_FILTER_EQUAL, IDM_ATTR_NAME, "b");
	assert_int_equal(f.children[1].kind, IDM_FILTER_NOT);
	assert_term(&f.children[1].children[0], IDM_FILTER_EQUAL, IDM_ATTR_NAME, "c");
	assert_int_equal(f.children[2].kind, IDM_FILTER_AND);
	assert_int_equal(f.children[2].child_count, 0);
}

static void
substrings_know_their_ends(void **state)
{
	static const struct {
		const char *text;
		size_t pieces;
		bool initial, final;
	} cases[] = {
		{ "(name=a*)", 1, true, false },
		{ "(name=*a)", 1, false, true },
		{ "(name=*a*)", 1, false, false },
		{ "(name=a*b)", 2, true, true },
		{ "(name=a*b*c*)", 3, true, false },
		{ "(name=*a**b)", 2, false, true },
		{ "(name=1*2*3*4*5*6*7*8)", 8, true, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct idm_filter f = filter_of(*state, cases[i].text);

		assert_int_equal(f.kind, IDM_FILTER_SUBSTRING);
		assert_int_equal(f.piece_count, cases[i].pieces);
		assert_int_equal(f.initial, cases[i].initial);
		assert_int_equal(f.final, cases[i].final);
	}
	assert_refused(*state, "(name=1*2*3*4*5*6*7*8*9)");
	assert_refused(*state, "(name=**)");
	assert_refused(*state, "(name>=a*)");
}

static void
escapes_are_undone(void **state)
{
	struct world *w = *state;
	struct idm_filter f = filter_of(w, "(description=\\28a\\2a\\5Cb\\29)");

	assert_term(&f, IDM_FILTER_EQUAL, IDM_ATTR_DESCRIPTION, "(a*\\b)");
	f = filter_of(w, "(description=a\\2ab*c)");
	assert_int_equal(f.kind, IDM_FILTER_SUBSTRING);
	assert_true(idm_span_is(f.pieces[0], "a*b"));
	assert_refused(w, "(description=\\)");
	assert_refused(w, "(description=\\2)");
	assert_refused(w, "(description=\\2g)");
	assert_refused(w, "(description=a\\g0b)");
}

static void
references_are_octets_of_a_uuid(void **state)
{
	struct world *w = *state;
	struct idm_filter f = filter_of(w, "(memberof=00000000-0000-0000-0000-000000001000)");
	struct idm_uuid uuid = idm_uuid_builtin(0x1000);

	assert_int_equal(f.kind, IDM_FILTER_EQUAL);
	assert_true(idm_span_equal(f.norm, idm_uuid_span(&uuid)));
	assert_non_null(f.cache);
	f = filter_of(w, "(entry_managed_by=00000000-0000-0000-0000-000000001000)");
	assert_true(idm_span_equal(f.norm, idm_uuid_span(&uuid)));
	assert_null(f.cache);
}

static void
memberof_is_the_whole_chain(void **state)
{
	struct idm_filter f = filter_of(*state, "(MemberOf:1.2.840.113556.1.4.1941:="
						"00000000-0000-0000-0000-000000001000)");

	assert_int_equal(f.kind, IDM_FILTER_EQUAL);
	assert_int_equal(f.attr->number, IDM_ATTR_MEMBEROF);
	f = filter_of(*state, "(name:1.2.840.113556.1.4.1941:=x)");
	assert_int_equal(f.kind, IDM_FILTER_UNDEFINED);
}

/* What nobody can answer is Undefined for a client, and an error in what is stored. */
static void
what_nobody_knows_is_undefined_or_an_error(void **state)
{
	static const char *const cases[] = { "(shoesize=44)", "(shoesize=*)", "(mail;primary=a)",
		"(gidnumber=many)", "(gidnumber=4*)", "(account_expire=soon)",
		"(primary_credential=password)", "(radius_secret=set)", "(api_token_session=x)",
		"(entry_managed_by>=00000000-0000-0000-0000-000000001000)", "(uuid=nine)",
		"(uuid=00*)", "(ssh_publickey>=a)", "(:dn:2.5.13.5:=a)",
		"(name:caseIgnoreMatch:=a)", "(acp_delete>=true)", "(description=\\ff)" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world *w = *state;
		struct idm_filter f = filter_of(w, cases[i]);

		if (f.kind != IDM_FILTER_UNDEFINED)
			fail_msg("%s is not Undefined", cases[i]);
		if (parse(w, cases[i], true, &f) != IDM_INVALID)
			fail_msg("%s is no error", cases[i]);
		assert_true(w->err.text[0] != '\0');
	}
}

static void
presence_of_a_credential_can_be_asked(void **state)
{
	struct idm_filter f = filter_of(*state, "(primary_credential=*)");

	assert_term(&f, IDM_FILTER_PRESENT, IDM_ATTR_PRIMARY_CREDENTIAL, "");
}

static void
bad_syntax_is_refused(void **state)
{
	static const char *const cases[] = { "", " ", "name=a", "(", ")", "()", "(())", "(name)",
		"(name=a", "(name=a))", "(name=a)(name=b)", "(name=a) ", " (name=a)", "(=a)",
		"(na me=a)", "(na*me=a)", "(&(name=a)", "(&name=a)", "(!)", "(!(name=a)(name=b))",
		"(&)(", "(name=a(b)", "(name>a)", "(name==", "(&(name=a)x)", "(name=(a))",
		"(a b>=c)", "(\\61=a)", "(|)x", "(shoesize=\\4)" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(*state, cases[i]);
}

static void
a_nul_is_refused(void **state)
{
	static const char text[] = "(name=a\0b)";
	static const char unknown[] = "(shoesize=a\0b)";
	struct world *w = *state;
	struct idm_filter f;

	assert_int_equal(
	    idm_filter_parse(&w->read, idm_span_of(text, sizeof(text) - 1), false, &f, &w->err),
	    IDM_INVALID);
	assert_int_equal(idm_filter_parse(&w->read, idm_span_of(unknown, sizeof(unknown) - 1),
			     false, &f, &w->err),
	    IDM_INVALID);
}

static void
every_truncation_is_refused(void **state)
{
	static const char text[] = "(&(name=a\\2ab*c)(!(|(class=person)(gidnumber>=5))))";
	struct world *w = *state;

	filter_of(w, text);
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		uint8_t *cut = malloc(n + 1); /* a block of its own: ASan sees one byte too far */
		struct idm_filter f;

		assert_non_null(cut);
		memcpy(cut + 1, text, n);
		assert_int_equal(
		    idm_filter_parse(&w->read, idm_span_of(cut + 1, n), false, &f, &w->err),
		    IDM_INVALID);
		free(cut);
	}
}

/* `depth` NOTs around a term. */
static const char *
nested(size_t depth)
{
	static char text[4096];
	size_t n = 0;

	for (size_t i = 0; i < depth; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "(!");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "(name=a)");
	for (size_t i = 0; i < depth; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ")");
	return text;
}

static void
depth_has_a_limit(void **state)
{
	filter_of(*state, nested(IDM_FILTER_DEPTH));
	assert_refused(*state, nested(IDM_FILTER_DEPTH + 1));
	assert_refused(*state, nested(1000));
}

/* An OR of `count` terms. */
static const char *
wide(size_t count)
{
	static char text[16384];
	size_t n = (size_t)snprintf(text, sizeof(text), "(|");

	for (size_t i = 0; i < count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "(name=a%zu)", i);
	snprintf(text + n, sizeof(text) - n, ")");
	return text;
}

static void
the_number_of_nodes_has_a_limit(void **state)
{
	struct idm_filter f = filter_of(*state, wide(IDM_FILTER_NODES - 1));

	assert_int_equal(f.child_count, IDM_FILTER_NODES - 1);
	assert_refused(*state, wide(IDM_FILTER_NODES));
}

static void
an_arena_that_is_used_up_is_a_limit(void **state)
{
	static const char text[] = "(&(name=a*b)(|(displayname=\\61)(gidnumber>=7))"
				   "(memberof=00000000-0000-0000-0000-000000001000))";
	struct world *w = *state;
	bool fitted = false;

	for (size_t budget = 16; budget < 8192; budget += 16) {
		struct idm_arena *small = idm_arena_new(budget);
		struct idm_read read = w->read;
		struct idm_filter f;
		enum idm_result result;

		assert_non_null(small);
		read.arena = small;
		result = idm_filter_parse(&read, idm_span_cstr(text), true, &f, &w->err);
		if (result == IDM_OK)
			fitted = true;
		else
			assert_int_equal(result, IDM_LIMIT);
		idm_arena_free(&small);
	}
	assert_true(fitted);
}

/* Random bytes of the grammar's alphabet: whatever comes, it is an answer. */
static void
noise_does_no_harm(void **state)
{
	static const char alphabet[] = "()&|!=*\\~<>:; nameuid2a";
	struct world *w = *state;

	srand(4515);
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand() % 40;
		uint8_t *text = malloc(len + 1);
		struct idm_filter f;
		enum idm_result result;

		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			text[i] = (uint8_t)alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		result = idm_filter_parse(&w->read, idm_span_of(text, len), false, &f, &w->err);
		assert_true(result == IDM_OK || result == IDM_INVALID);
		free(text);
		idm_arena_reset(w->arena);
	}
}

static void
terms_are_built_from_raw_values(void **state)
{
	struct world *w = *state;
	const struct idm_attr *attr = idm_schema_attr(w->read.schema, IDM_SPAN_LIT("description"));
	const struct idm_span pieces[] = { IDM_SPAN_LIT("*a"), IDM_SPAN_LIT("\\62") };
	struct idm_filter f;

	assert_int_equal(
	    idm_filter_term(&w->read, IDM_FILTER_EQUAL, attr, IDM_SPAN_LIT("a*\\62"), &f, &w->err),
	    IDM_OK);
	assert_term(&f, IDM_FILTER_EQUAL, IDM_ATTR_DESCRIPTION, "a*\\62");
	assert_int_equal(
	    idm_filter_substring(&w->read, attr, pieces, 2, true, false, &f, &w->err), IDM_OK);
	assert_int_equal(f.kind, IDM_FILTER_SUBSTRING);
	assert_true(f.initial && !f.final);
	assert_true(idm_span_is(f.pieces[0], "*a"));
	assert_true(idm_span_is(f.pieces[1], "\\62"));
	assert_int_equal(
	    idm_filter_term(&w->read, IDM_FILTER_EQUAL, NULL, IDM_SPAN_LIT("a"), &f, &w->err),
	    IDM_OK);
	assert_int_equal(f.kind, IDM_FILTER_UNDEFINED);
	assert_int_equal(
	    idm_filter_substring(&w->read, attr, pieces, 0, true, false, &f, &w->err), IDM_INVALID);
}

static void
class_is_asked_for_but_under_not(void **state)
{
	struct world *w = *state;
	struct idm_filter f = filter_of(w, "(&(name=a)(|(name=b)(class=Recycled)))");

	assert_true(idm_filter_asks_class(&f, "recycled"));
	assert_false(idm_filter_asks_class(&f, "tombstone"));
	f = filter_of(w, "(&(name=a)(!(class=recycled)))");
	assert_false(idm_filter_asks_class(&f, "recycled"));
	f = filter_of(w, "(class=recy*)");
	assert_false(idm_filter_asks_class(&f, "recycled"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_kind_of_term_is_built, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    composites_keep_the_order_of_their_children, setup, teardown),
		cmocka_unit_test_setup_teardown(substrings_know_their_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(escapes_are_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(references_are_octets_of_a_uuid, setup, teardown),
		cmocka_unit_test_setup_teardown(memberof_is_the_whole_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_nobody_knows_is_undefined_or_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    presence_of_a_credential_can_be_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_syntax_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_nul_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(every_truncation_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(depth_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(the_number_of_nodes_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_arena_that_is_used_up_is_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(noise_does_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(terms_are_built_from_raw_values, setup, teardown),
		cmocka_unit_test_setup_teardown(class_is_asked_for_but_under_not, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
