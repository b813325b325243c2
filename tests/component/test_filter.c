/* Filters before entries of a real store: three-valued, over stored and computed attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/filter.h"
#include "tests/support/fixture.h"

#define ALICE_UUID "11111111-2222-4333-8444-555555555555"

static void
edge(struct fixture *f, const char *group, const char *member)
{
	assert_true(fixture_edge(f, fixture_id(f, group), fixture_id(f, member), true));
}

/*
 * alice is in inner, inner in middle, middle in outer, outer in middle: a cycle.  bob is in no
 * group.  svc is managed by alice.  old is recycled.
 */
static int
setup(void **state)
{
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	fixture_add(f, "class", "object", "class", "account", "class", "person", "name", "alice",
	    "uuid", ALICE_UUID, "displayname", "Alice  Ångström", "legalname", "STRASSE", "mail",
	    "Alice@Example.com", "mail", "al@other.example", "account_expire",
	    "2030-01-01T00:00:00Z", "gidnumber", "70000", "loginshell", "/bin/Zsh", NULL);
	fixture_person(f, "bob");
	fixture_add(f, "class", "object", "class", "account", "class", "service_account", "name",
	    "svc", "displayname", "Service", "entry_managed_by", ALICE_UUID, NULL);
	fixture_add(f, "class", "object", "class", "account", "class", "person", "class",
	    "recycled", "name", "old", "displayname", "Old", NULL);
	fixture_group(f, "inner");
	fixture_group(f, "middle");
	fixture_group(f, "outer");
	fixture_group(f, "empty");
	fixture_add(f, "class", "object", "class", "container", "ou", "people", NULL);
	edge(f, "inner", "alice");
	edge(f, "middle", "inner");
	edge(f, "outer", "middle");
	edge(f, "middle", "outer");
	fixture_commit_then_read(f);
	return 0;
}

static struct idm_filter
parse(struct fixture *f, const char *text)
{
	struct idm_filter filter;

	if (idm_filter_parse(&f->read, idm_span_cstr(text), false, &filter, &f->err) != IDM_OK)
		fail_msg("%s: %s", text, f->err.text);
	return filter;
}

static enum idm_truth
test(struct fixture *f, const struct idm_filter *filter, const char *name,
    const struct idm_attrset *readable)
{
	struct idm_entry entry = fixture_entry(f, fixture_id(f, name));
	enum idm_truth truth = IDM_UNDEFINED;

	if (idm_filter_test(&f->read, filter, &entry, readable, &truth, &f->err) != IDM_OK)
		fail_msg("%s: %s", name, f->err.text);
	return truth;
}

/* The same answer whether prepared or not. */
static void
assert_truth(struct fixture *f, const char *name, const char *text, enum idm_truth expected)
{
	struct idm_filter filter = parse(f, text);
	enum idm_truth truth = test(f, &filter, name, NULL);

	if (truth != expected)
		fail_msg("%s %s: %d", name, text, truth);
	assert_int_equal(idm_filter_prepare(&f->read, &filter, &f->err), IDM_OK);
	truth = test(f, &filter, name, NULL);
	if (truth != expected)
		fail_msg("%s %s, prepared: %d", name, text, truth);
	idm_filter_release(&filter);
}

struct expectation {
	const char *name;
	const char *filter;
	enum idm_truth truth;
};

static void
check_all(struct fixture *f, const struct expectation *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_truth(f, cases[i].name, cases[i].filter, cases[i].truth);
}

#define CHECK(state, cases) check_all(*(state), cases, sizeof(cases) / sizeof((cases)[0]))

static void
stored_values_match_by_their_normalised_form(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(name=ALICE)", IDM_TRUE },
		{ "alice", "(displayname=alice ångström)", IDM_TRUE },
		{ "alice", "(displayname=ALICE  \xc3\x85NGSTR\xc3\x96M)", IDM_TRUE },
		{ "alice",
		    "(legalname=stra\xc3\x9f"
		    "e)",
		    IDM_TRUE },
		{ "alice", "(mail=alice@example.COM)", IDM_TRUE },
		{ "alice", "(mail=AL@other.example)", IDM_TRUE },
		{ "alice", "(mail=bob@example.com)", IDM_FALSE },
		{ "alice", "(loginshell=/bin/Zsh)", IDM_TRUE },
		{ "alice", "(loginshell=/bin/zsh)", IDM_FALSE },
		{ "alice", "(gidnumber=70000)", IDM_TRUE },
		{ "alice", "(class=person)", IDM_TRUE },
		{ "alice", "(class=group)", IDM_FALSE },
		{ "alice", "(uuid=" ALICE_UUID ")", IDM_TRUE },
		{ "bob", "(uuid=" ALICE_UUID ")", IDM_FALSE },
		{ "bob", "(uuid=*)", IDM_TRUE },
		{ "svc", "(entry_managed_by=alice)", IDM_TRUE },
		{ "svc", "(entry_managed_by=bob)", IDM_FALSE },
		{ "svc", "(entry_managed_by=nobody-has-it)", IDM_FALSE },
		{ "alice", "(mail=*)", IDM_TRUE },
		{ "bob", "(mail=*)", IDM_FALSE },
		{ "bob", "(mail=x@y)", IDM_FALSE },
	};

	CHECK(state, cases);
}

static void
pieces_match_in_order_and_without_overlap(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(name=al*)", IDM_TRUE },
		{ "alice", "(name=*ce)", IDM_TRUE },
		{ "alice", "(name=*lic*)", IDM_TRUE },
		{ "alice", "(name=a*i*e)", IDM_TRUE },
		{ "alice", "(name=alic*lice)", IDM_FALSE },
		{ "alice", "(name=ali*ice)", IDM_FALSE },
		{ "alice", "(name=*c*l*)", IDM_FALSE },
		{ "alice", "(name=alice*)", IDM_TRUE },
		{ "alice", "(name=alice*alice)", IDM_FALSE },
		{ "alice", "(name=*lice*e)", IDM_FALSE },
		{ "alice", "(displayname=alice *)", IDM_TRUE },
		{ "alice", "(mail=*@other*)", IDM_TRUE },
		{ "alice", "(mail=*@nowhere*)", IDM_FALSE },
	};

	CHECK(state, cases);
}

static void
order_is_that_of_times_numbers_and_text(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(account_expire>=2029-12-31T23:59:59Z)", IDM_TRUE },
		{ "alice", "(account_expire>=2030-01-01T00:00:00Z)", IDM_TRUE },
		{ "alice", "(account_expire>=2030-01-01T00:00:01Z)", IDM_FALSE },
		{ "alice", "(account_expire<=20300101000000Z)", IDM_TRUE },
		{ "alice", "(account_expire<=1969-12-31T23:59:59Z)", IDM_FALSE },
		{ "alice", "(gidnumber>=8000)", IDM_TRUE }, /* as numbers, not as digits */
		{ "alice", "(gidnumber<=8000)", IDM_FALSE },
		{ "alice", "(name>=alic)", IDM_TRUE },
		{ "alice", "(name<=alic)", IDM_FALSE },
		{ "bob", "(account_expire>=2020-01-01T00:00:00Z)", IDM_FALSE },
	};

	CHECK(state, cases);
}

static void
spn_is_tested_as_name_and_domain(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(spn=alice@" FIXTURE_DOMAIN ")", IDM_TRUE },
		{ "alice", "(spn=ALICE@IDM.example.com)", IDM_TRUE },
		{ "alice", "(spn=alice@elsewhere.example)", IDM_FALSE },
		{ "alice", "(spn=alice)", IDM_FALSE },
		{ "alice", "(spn=*)", IDM_TRUE },
		{ "alice", "(spn=*ice@idm*)", IDM_TRUE },
		{ "alice", "(spn=*example*)", IDM_TRUE },
		{ "alice", "(spn=bob*)", IDM_FALSE },
		{ "inner", "(spn=inner@" FIXTURE_DOMAIN ")", IDM_TRUE },
	};

	CHECK(state, cases);
}

static void
memberof_goes_through_nesting_and_cycles(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(memberof=inner)", IDM_TRUE },
		{ "alice", "(memberof=middle)", IDM_TRUE },
		{ "alice", "(memberof=outer@" FIXTURE_DOMAIN ")", IDM_TRUE },
		{ "alice", "(memberof=empty)", IDM_FALSE },
		{ "alice", "(memberof=idm_all_persons)", IDM_TRUE },
		{ "alice", "(memberof=no-such-group)", IDM_FALSE },
		{ "alice", "(!(memberof=no-such-group))", IDM_TRUE },
		{ "alice", "(memberof=00000000-0000-4000-8000-000000000001)", IDM_FALSE },
		{ "alice", "(memberof:1.2.840.113556.1.4.1941:=outer)", IDM_TRUE },
		{ "bob", "(memberof=outer)", IDM_FALSE },
		{ "bob", "(memberof=idm_all_accounts)", IDM_TRUE },
		{ "bob", "(memberof=*)", IDM_TRUE },
		{ "svc", "(memberof=idm_all_persons)", IDM_FALSE },
		{ "middle", "(memberof=middle)", IDM_TRUE }, /* the cycle gives it */
		{ "middle", "(memberof=outer)", IDM_TRUE },
		{ "inner", "(memberof=inner)", IDM_FALSE },
		{ "empty", "(memberof=*)", IDM_FALSE },
		{ "alice", "(directmemberof=inner)", IDM_TRUE },
		{ "alice", "(directmemberof=middle)", IDM_FALSE },
		{ "alice", "(directmemberof=nobody)", IDM_FALSE },
		{ "empty", "(directmemberof=*)", IDM_FALSE },
	};

	CHECK(state, cases);
}

static void
member_is_what_a_group_lists(void **state)
{
	static const struct expectation cases[] = {
		{ "inner", "(member=alice)", IDM_TRUE },
		{ "middle", "(member=alice)", IDM_FALSE },
		{ "middle", "(member=inner)", IDM_TRUE },
		{ "inner", "(member=*)", IDM_TRUE },
		{ "middle", "(member=*)", IDM_TRUE },
		{ "empty", "(member=*)", IDM_FALSE },
		{ "inner", "(member=nobody)", IDM_FALSE },
		{ "alice", "(member=alice)", IDM_FALSE },
		{ "alice", "(member=*)", IDM_FALSE },
		/* of a dynamic group it is dynmember */
		{ "idm_all_persons", "(member=alice)", IDM_FALSE },
		{ "idm_all_persons", "(member=*)", IDM_FALSE },
		{ "idm_all_persons", "(dynmember=alice)", IDM_TRUE },
		{ "idm_all_persons", "(dynmember=svc)", IDM_FALSE },
		{ "idm_all_accounts", "(dynmember=svc)", IDM_TRUE },
		{ "idm_all_persons", "(dynmember=*)", IDM_TRUE },
		{ "inner", "(dynmember=alice)", IDM_FALSE },
		{ "inner", "(dynmember=*)", IDM_FALSE },
	};

	CHECK(state, cases);
}

static void
logic_has_three_values(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(&)", IDM_TRUE },
		{ "alice", "(|)", IDM_FALSE },
		{ "alice", "(!(name=alice))", IDM_FALSE },
		{ "alice", "(!(shoesize=44))", IDM_UNDEFINED },
		{ "alice", "(&(name=alice)(shoesize=44))", IDM_UNDEFINED },
		{ "alice", "(&(name=bob)(shoesize=44))", IDM_FALSE },
		{ "alice", "(&(shoesize=44)(name=bob))", IDM_FALSE },
		{ "alice", "(|(name=alice)(shoesize=44))", IDM_TRUE },
		{ "alice", "(|(shoesize=44)(name=alice))", IDM_TRUE },
		{ "alice", "(|(name=bob)(shoesize=44))", IDM_UNDEFINED },
		{ "alice", "(!(|(name=bob)(shoesize=44)))", IDM_UNDEFINED },
		{ "alice", "(!(&(name=bob)(shoesize=44)))", IDM_TRUE },
		{ "alice", "(&(name=alice)(!(class=group))(mail=*))", IDM_TRUE },
	};

	CHECK(state, cases);
}

static void
what_lives_elsewhere_is_undefined(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(user_session=*)", IDM_UNDEFINED },
		{ "alice", "(!(user_session=*))", IDM_UNDEFINED },
		{ "alice", "(api_token_session=*)", IDM_UNDEFINED },
		{ "alice", "(account_softlock_expire>=2020-01-01T00:00:00Z)", IDM_UNDEFINED },
		{ "alice", "(password_import=*)", IDM_UNDEFINED },
	};

	CHECK(state, cases);
}

static void
what_may_not_be_read_is_undefined_also_under_not(void **state)
{
	static const struct expectation cases[] = {
		{ "alice", "(mail=alice@example.com)", IDM_UNDEFINED },
		{ "alice", "(!(mail=alice@example.com))", IDM_UNDEFINED },
		{ "alice", "(!(mail=other@example.com))", IDM_UNDEFINED },
		{ "alice", "(mail=*)", IDM_UNDEFINED },
		{ "alice", "(!(mail=*))", IDM_UNDEFINED },
		{ "alice", "(mail=*ice*)", IDM_UNDEFINED },
		{ "alice", "(gidnumber>=1)", IDM_UNDEFINED },
		{ "alice", "(uuid=*)", IDM_UNDEFINED },
		{ "alice", "(spn=*)", IDM_UNDEFINED },
		{ "alice", "(memberof=inner)", IDM_UNDEFINED },
		{ "inner", "(member=alice)", IDM_UNDEFINED },
		{ "alice", "(|(name=alice)(mail=alice))", IDM_TRUE },
		{ "alice", "(&(name=alice)(!(mail=x@y)))", IDM_UNDEFINED },
	};
	struct fixture *f = *state;
	struct idm_attrset readable = { { 0 } };

	idm_attrset_add(&readable, idm_schema_attr_number(f->read.schema, IDM_ATTR_NAME));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct idm_filter filter = parse(f, cases[i].filter);

		if (test(f, &filter, cases[i].name, &readable) != cases[i].truth)
			fail_msg("%s %s", cases[i].name, cases[i].filter);
	}
}

static void
a_container_has_no_spn(void **state)
{
	struct fixture *f = *state;
	struct idm_filter filter = parse(f, "(spn=*)");
	struct idm_entry entry;
	enum idm_truth truth;

	for (uint64_t id = 1; idm_lookup_id(&f->read, id, &entry, &f->err) == IDM_OK; id++) {
		if (!idm_entry_has_class(&entry, "container"))
			continue;
		assert_int_equal(
		    idm_filter_test(&f->read, &filter, &entry, NULL, &truth, &f->err), IDM_OK);
		assert_int_equal(truth, IDM_FALSE);
		return;
	}
	fail_msg("no container");
}

/* What was prepared in one snapshot says nothing of the next. */
static void
a_released_filter_sees_the_next_snapshot(void **state)
{
	struct fixture *f = *state;
	struct idm_filter filter = parse(f, "(memberof=outer)");

	assert_int_equal(idm_filter_prepare(&f->read, &filter, &f->err), IDM_OK);
	assert_int_equal(test(f, &filter, "alice", NULL), IDM_TRUE);
	idm_filter_release(&filter);
	fixture_read_then_write(f);
	assert_true(fixture_edge(f, fixture_id(f, "inner"), fixture_id(f, "alice"), false));
	fixture_commit_then_read(f);
	assert_int_equal(test(f, &filter, "alice", NULL), IDM_FALSE);
	assert_int_equal(idm_filter_prepare(&f->read, &filter, &f->err), IDM_OK);
	assert_int_equal(test(f, &filter, "alice", NULL), IDM_FALSE);
	idm_filter_release(&filter);
}

/* With and without preparing; the groups above bob, who is in none, are none. */
static void
a_chain_of_members_goes_through_groups(void **state)
{
	static const struct {
		const char *group;
		const char *member;
		enum idm_truth direct, chain;
	} cases[] = {
		{ "inner", "alice", IDM_TRUE, IDM_TRUE },
		{ "outer", "alice", IDM_FALSE, IDM_TRUE },
		{ "middle", "outer", IDM_TRUE, IDM_TRUE },
		{ "empty", "alice", IDM_FALSE, IDM_FALSE },
		{ "outer", "bob", IDM_FALSE, IDM_FALSE },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		struct idm_filter filter;

		snprintf(text, sizeof(text), "(member=%s)", cases[i].member);
		assert_truth(f, cases[i].group, text, cases[i].direct);
		filter = parse(f, text);
		filter.chain = true;
		assert_int_equal(test(f, &filter, cases[i].group, NULL), cases[i].chain);
		assert_int_equal(idm_filter_prepare(&f->read, &filter, &f->err), IDM_OK);
		assert_int_equal(test(f, &filter, cases[i].group, NULL), cases[i].chain);
		idm_filter_release(&filter);
	}
}

static void
a_term_of_the_program_needs_no_right(void **state)
{
	struct fixture *f = *state;
	struct idm_attrset none = { { 0 } };
	struct idm_attrset named = { { 0 } };
	struct idm_filter filter = parse(f, "(name=alice)");

	assert_int_equal(test(f, &filter, "alice", &none), IDM_UNDEFINED);
	filter.own = true;
	assert_int_equal(test(f, &filter, "alice", &none), IDM_TRUE);
	idm_filter_attributes(&filter, &named);
	assert_memory_equal(&named, &none, sizeof(none));
}

/* A tree that somebody else built deeper than allowed is refused, not walked. */
static void
a_tree_that_is_too_deep_is_refused(void **state)
{
	struct fixture *f = *state;
	struct idm_filter nodes[IDM_FILTER_TEST_DEPTH + 2];
	struct idm_entry entry = fixture_entry(f, fixture_id(f, "alice"));
	enum idm_truth truth;

	memset(nodes, 0, sizeof(nodes));
	for (size_t i = 0; i <= IDM_FILTER_TEST_DEPTH; i++) {
		nodes[i].kind = IDM_FILTER_NOT;
		nodes[i].children = &nodes[i + 1];
		nodes[i].child_count = 1;
	}
	nodes[IDM_FILTER_TEST_DEPTH + 1] = parse(f, "(name=alice)");
	assert_int_equal(
	    idm_filter_test(&f->read, &nodes[0], &entry, NULL, &truth, &f->err), IDM_LIMIT);
	assert_int_equal(
	    idm_filter_test(&f->read, &nodes[1], &entry, NULL, &truth, &f->err), IDM_OK);
	assert_int_equal(truth, IDM_TRUE);
}

static void
strict_text_names_who_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct idm_filter filter;

	assert_int_equal(idm_filter_parse(&f->read, IDM_SPAN_LIT("(memberof=no-such-group)"), true,
			     &filter, &f->err),
	    IDM_INVALID);
	assert_non_null(strstr(f->err.client_text, "no-such-group"));
	assert_int_equal(
	    idm_filter_parse(&f->read, IDM_SPAN_LIT("(memberof=old)"), true, &filter, &f->err),
	    IDM_INVALID);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(stored_values_match_by_their_normalised_form),
		TEST(pieces_match_in_order_and_without_overlap),
		TEST(order_is_that_of_times_numbers_and_text),
		TEST(spn_is_tested_as_name_and_domain),
		TEST(memberof_goes_through_nesting_and_cycles),
		TEST(member_is_what_a_group_lists),
		TEST(logic_has_three_values),
		TEST(what_lives_elsewhere_is_undefined),
		TEST(what_may_not_be_read_is_undefined_also_under_not),
		TEST(a_container_has_no_spn),
		TEST(a_released_filter_sees_the_next_snapshot),
		TEST(a_chain_of_members_goes_through_groups),
		TEST(a_term_of_the_program_needs_no_right),
		TEST(a_tree_that_is_too_deep_is_refused),
		TEST(strict_text_names_who_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
