/* `kanidmd domain rename`: all that is computed of the domain follows, in one change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/change_log.h"
#include "core/domain.h"
#include "core/verify.h"
#include "tests/support/realm.h"

#define NEW "id.example.net"

static char former[IDM_DOMAIN_MAX];

static enum idm_result
rename_to(struct realm *r, const char *domain)
{
	realm_done(r);
	return idm_domain_rename(r->store, &r->context, domain, r->now, former, &r->err);
}

static bool
answers_to(struct realm *r, const char *text)
{
	struct idm_entry entry;
	enum idm_result result;

	realm_entry(r, "admin");
	result = idm_lookup_text(&r->read, idm_span_cstr(text), &entry, &r->err);
	realm_done(r);
	return result == IDM_OK;
}

static uint64_t
findings(struct realm *r)
{
	char path[96];
	const struct idm_verify ask = { .identity_path = path, .beside = true };
	struct idm_verify_totals totals;

	realm_done(r);
	snprintf(path, sizeof(path), "%.60s/identity.mdb", r->dir);
	assert_int_equal(idm_verify(&ask, &totals, &r->err), IDM_OK);
	return totals.findings;
}

static void
spns_follow_and_nothing_else_of_an_entry_changes(void **state)
{
	struct realm *r = *state;
	char spn[IDM_SPN_MAX];
	struct idm_entry alice;
	struct idm_uuid uuid;
	uint64_t version;

	realm_person(r, "alice");
	alice = realm_entry(r, "alice");
	uuid = alice.uuid;
	version = alice.version;
	assert_int_equal(rename_to(r, NEW), IDM_OK);
	assert_string_equal(former, REALM_DOMAIN);
	alice = realm_entry(r, "alice");
	assert_true(idm_uuid_equal(&alice.uuid, &uuid));
	assert_int_equal(alice.version, version);
	idm_lookup_spn(&r->read, &alice, spn);
	assert_string_equal(spn, "alice@" NEW);
	realm_done(r);
	assert_true(answers_to(r, "alice@" NEW));
	assert_false(answers_to(r, "alice@" REALM_DOMAIN));
	assert_int_equal(findings(r), 0);
	assert_int_equal(idm_builtin_check_domain(r->store, NEW, &r->err), IDM_OK);
	assert_int_equal(idm_builtin_check_domain(r->store, REALM_DOMAIN, &r->err), IDM_INVALID);
}

static void
the_display_name_follows_where_it_was_the_domain(void **state)
{
	struct realm *r = *state;
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	struct idm_entry info;
	const struct idm_span value = IDM_SPAN_LIT("Our House");
	struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
		idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_DOMAIN_DISPLAY_NAME), &value,
		1 };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = uuid, .mods = &mod, .mod_count = 1
	};
	struct idm_identity console = realm_identity(r, NULL);

	assert_int_equal(rename_to(r, NEW), IDM_OK);
	realm_entry(r, "admin");
	assert_int_equal(idm_lookup_uuid(&r->read, &uuid, &info, &r->err), IDM_OK);
	assert_true(idm_span_is(idm_entry_text(&info, IDM_ATTR_DOMAIN_DISPLAY_NAME), NEW));
	realm_done(r);
	assert_int_equal(realm_run(r, &console, &request), IDM_OK);
	assert_int_equal(rename_to(r, "third.example.org"), IDM_OK);
	assert_string_equal(former, NEW);
	realm_entry(r, "admin");
	assert_int_equal(idm_lookup_uuid(&r->read, &uuid, &info, &r->err), IDM_OK);
	assert_true(idm_span_is(idm_entry_text(&info, IDM_ATTR_DOMAIN_DISPLAY_NAME), "Our House"));
	assert_true(idm_span_is(idm_entry_text(&info, IDM_ATTR_DOMAIN_NAME), "third.example.org"));
	realm_done(r);
}

static void
what_is_no_domain_or_the_same_one_is_refused(void **state)
{
	static const char *const bad[] = { "", "-a.example.org", "a..example.org",
		"under_score.example.org", "sp ace.example.org", ".example.org" };
	struct realm *r = *state;
	uint64_t before = realm_applied(r);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rename_to(r, bad[i]), IDM_INVALID);
	assert_int_equal(rename_to(r, REALM_DOMAIN), IDM_EXISTS);
	assert_int_equal(realm_applied(r), before);
	assert_true(answers_to(r, "admin@" REALM_DOMAIN));
}

static void
no_spn_becomes_a_mail_address_of_somebody_else(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_person(r, "bob");
	assert_int_equal(realm_modify(r, NULL, "bob", "+mail", "Alice@" NEW, NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "alice", "+mail", "bobby@" NEW, NULL), IDM_OK);
	assert_int_equal(rename_to(r, NEW), IDM_CONSTRAINT);
	assert_non_null(strstr(r->err.text, "alice@" NEW));
	assert_non_null(strstr(r->err.text, "of bob"));
	assert_true(answers_to(r, "alice@" REALM_DOMAIN));
	/* One's own may be. */
	assert_int_equal(realm_modify(r, NULL, "bob", "-mail", "", NULL), IDM_OK);
	assert_int_equal(realm_modify(r, NULL, "bob", "+mail", "bob@" NEW, NULL), IDM_OK);
	assert_int_equal(rename_to(r, NEW), IDM_OK);
	assert_int_equal(findings(r), 0);
}

static void
it_is_a_change_that_another_box_can_follow(void **state)
{
	struct realm *r = *state;
	void *other_state;
	struct realm *other;
	uint8_t ours[32], theirs[32];
	uint64_t last;

	realm_person(r, "alice");
	assert_int_equal(rename_to(r, NEW), IDM_OK);
	realm_digest(r, ours);
	last = realm_applied(r);
	assert_int_equal(realm_setup_empty(&other_state), 0);
	other = other_state;
	for (uint64_t no = 1; no <= last; no++) {
		struct idm_change_set set;
		struct idm_txn txn;
		struct idm_read read;

		realm_entry(r, "admin");
		assert_int_equal(idm_change_log_get(&r->read, no, &set, &r->err), IDM_OK);
		assert_int_equal(set.operation == IDM_OP_RENAME_DOMAIN, no == last);
		assert_int_equal(idm_store_write_begin(other->store, &txn, &r->err), IDM_OK);
		assert_int_equal(
		    idm_read_attach(&txn, other->arena, r->now, &read, &r->err), IDM_OK);
		assert_int_equal(idm_change_apply(&read, &set, &r->err), IDM_OK);
		assert_int_equal(idm_store_write_commit(&txn, &r->err), IDM_OK);
		realm_done(r);
	}
	realm_digest(other, theirs);
	assert_memory_equal(ours, theirs, 32);
	assert_true(answers_to(other, "alice@" NEW));
	assert_int_equal(findings(other), 0);
	realm_teardown(&other_state);
}

static void
nobody_else_renames_the_domain(void **state)
{
	struct realm *r = *state;
	const struct idm_span value = IDM_SPAN_LIT(NEW);
	struct idm_request_mod mod = { IDM_REQUEST_REPLACE,
		idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_DOMAIN_NAME), &value, 1 };
	struct idm_request request = { .operation = IDM_OP_RENAME_DOMAIN,
		.target = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO),
		.mods = &mod,
		.mod_count = 1 };
	struct idm_identity admin = realm_identity(r, "admin"), console = realm_identity(r, NULL);

	assert_int_equal(realm_run(r, &admin, &request), IDM_DENIED);
	request.operation = IDM_OP_MODIFY;
	request.id = (struct idm_uuid){ { 0 } };
	assert_int_equal(realm_run(r, &console, &request), IDM_DENIED);
	/* And no other entry is one. */
	request.operation = IDM_OP_RENAME_DOMAIN;
	request.target = realm_uuid(r, "admin");
	request.id = (struct idm_uuid){ { 0 } };
	assert_int_equal(realm_run(r, &console, &request), IDM_NOT_FOUND);
	assert_true(answers_to(r, "admin@" REALM_DOMAIN));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
	const struct CMUnitTest tests[] = {
		T(spns_follow_and_nothing_else_of_an_entry_changes),
		T(the_display_name_follows_where_it_was_the_domain),
		T(what_is_no_domain_or_the_same_one_is_refused),
		T(no_spn_becomes_a_mail_address_of_somebody_else),
		T(it_is_a_change_that_another_box_can_follow),
		T(nobody_else_renames_the_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
