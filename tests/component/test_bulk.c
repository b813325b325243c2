/* Many changes at once: the same state as one by one, all of it or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/bulk.h"
#include "core/index.h"
#include "core/verify.h"
#include "tests/support/realm.h"

enum { PEOPLE = 9000 /* more than a window of ids */, GROUP_OF = 50 };

static const struct idm_attr *
attr(uint32_t number)
{
	return idm_schema_attr_number(idm_schema_builtin(), number);
}

static struct idm_bulk *
begin(struct realm *r)
{
	struct idm_bulk *bulk;

	if (idm_bulk_begin(r->store, &r->context, r->now, &bulk, &r->err) != IDM_OK)
		fail_msg("%s", r->err.text);
	return bulk;
}

static enum idm_result
create(struct realm *r, struct idm_bulk *bulk, bool person, const char *name,
    const char *displayname, struct idm_uuid *uuid)
{
	const struct idm_span classes[] = { idm_span_cstr(person ? "person" : "group"),
		IDM_SPAN_LIT("account") };
	const struct idm_span name_span = idm_span_cstr(name);
	const struct idm_span display = idm_span_cstr(displayname);
	const struct idm_request_mod mods[] = {
		{ IDM_REQUEST_ADD, attr(IDM_ATTR_CLASS), classes, person ? 2 : 1 },
		{ IDM_REQUEST_ADD, attr(IDM_ATTR_NAME), &name_span, 1 },
		{ IDM_REQUEST_ADD, attr(IDM_ATTR_DISPLAYNAME), &display, 1 },
	};
	struct idm_request request = {
		.operation = IDM_OP_CREATE, .mods = mods, .mod_count = person ? 3 : 2
	};

	if (uuid != NULL)
		request.target = *uuid;
	return idm_bulk_run(bulk, &request, uuid, &r->err);
}

static enum idm_result
add_members(struct realm *r, struct idm_bulk *bulk, const struct idm_uuid *group,
    const struct idm_span *members, size_t count)
{
	const struct idm_request_mod mod = { IDM_REQUEST_ADD, attr(IDM_ATTR_MEMBER), members,
		count };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = *group, .mods = &mod, .mod_count = 1
	};

	return idm_bulk_run(bulk, &request, NULL, &r->err);
}

static void
adopt(struct realm *r, struct idm_bulk **bulk)
{
	if (idm_bulk_adopt(bulk, &r->store, &r->err) != IDM_OK)
		fail_msg("%s", r->err.text);
	assert_null(r->store);
	assert_null(*bulk);
}

static void
reopen(struct realm *r)
{
	if (idm_store_open_writer(r->dir, (gid_t)-1, &r->store, &r->err) != IDM_OK)
		fail_msg("%s", r->err.text);
}

static void
tell(void *ctx, enum idm_finding kind, const char *text)
{
	(void)ctx;
	print_message("%s: %s\n", idm_finding_name(kind), text);
}

/* Closed: everything in the database agrees with everything else. */
static void
assert_sound(struct realm *r)
{
	char path[96];
	struct idm_verify ask = { .identity_path = path,
		.password_ring = r->password_ring,
		.radius_ring = r->radius_ring,
		.most = 10,
		.finding = tell };
	struct idm_verify_totals totals;

	snprintf(path, sizeof(path), "%.60s/identity.mdb", r->dir);
	assert_int_equal(idm_verify(&ask, &totals, &r->err), IDM_OK);
	assert_int_equal(totals.findings, 0);
}

static void
assert_no_scratch(struct realm *r)
{
	char path[96];

	snprintf(path, sizeof(path), "%.60s/identity.mdb.scratch", r->dir);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%.60s/identity.mdb.scratch-lock", r->dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void
make_people(struct realm *r, struct idm_bulk *bulk)
{
	char name[32], displayname[32];

	for (int i = 0; i < PEOPLE; i++) {
		snprintf(name, sizeof(name), "person%d", i);
		snprintf(displayname, sizeof(displayname), "Person %d", i);
		assert_int_equal(create(r, bulk, true, name, displayname, NULL), IDM_OK);
	}
}

/* Groups of GROUP_OF persons each, and each lists the group before it. */
static void
make_groups(struct realm *r, struct idm_bulk *bulk)
{
	char names[GROUP_OF + 1][32];
	struct idm_span members[GROUP_OF + 1];

	for (int i = 0; i < PEOPLE / GROUP_OF; i++) {
		struct idm_uuid uuid = { { 0 } };

		for (int k = 0; k < GROUP_OF; k++)
			snprintf(names[k], sizeof(names[k]), "person%d",
			    (i * GROUP_OF + k * 7) % PEOPLE);
		snprintf(names[GROUP_OF], sizeof(names[0]), "group%d", i == 0 ? 0 : i - 1);
		for (int k = 0; k <= GROUP_OF; k++)
			members[k] = idm_span_cstr(names[k]);
		snprintf(names[0], sizeof(names[0]), "group%d", i);
		assert_int_equal(create(r, bulk, false, names[0], "", &uuid), IDM_OK);
		snprintf(names[0], sizeof(names[0]), "person%d", i);
		members[0] = idm_span_cstr(names[0]);
		assert_int_equal(add_members(r, bulk, &uuid, members, GROUP_OF + 1), IDM_OK);
	}
}

/* Entries whose display name the index says may hold the text. */
static uint32_t
count_candidates(struct realm *r, const char *text)
{
	uint32_t count = 0;

	realm_entry(r, "admin");
	for (uint64_t no = 0; no <= idm_window_of(PEOPLE + 1000); no++) {
		struct idm_window window = { { 0 } };

		assert_int_equal(idm_index_substring(&r->read, attr(IDM_ATTR_DISPLAYNAME),
				     idm_span_cstr(text), NULL, no, &window, &r->err),
		    IDM_OK);
		count += idm_window_count(&window);
	}
	realm_done(r);
	return count;
}

static void
what_was_made_in_bulk_is_as_if_made_one_by_one(void **state)
{
	struct realm *r = *state;
	struct idm_bulk *bulk;

	realm_person(r, "person-before");
	bulk = begin(r);
	make_people(r, bulk);
	make_groups(r, bulk);
	adopt(r, &bulk);
	assert_sound(r);
	assert_no_scratch(r);
	reopen(r);
	assert_in_range(count_candidates(r, "person 8999"), 1, 8);
	assert_int_equal(count_candidates(r, "person "), PEOPLE);
	assert_true(realm_is_memberof(r, "person0", "group0"));
	assert_true(realm_is_memberof(r, "person7", "group179"));
	assert_false(realm_is_memberof(r, "person-before", "group179"));
	/* And the database goes on as any. */
	realm_person(r, "person-after");
	assert_int_equal(realm_create(r, NULL, "class", "person", "class", "account", "name",
			     "person7", "displayname", "x", NULL),
	    IDM_EXISTS);
	idm_store_close(&r->store);
	assert_sound(r);
	reopen(r);
}

static void
a_refused_change_leaves_no_trace_and_the_others_go_on(void **state)
{
	struct realm *r = *state;
	struct idm_bulk *bulk = begin(r);

	assert_int_equal(create(r, bulk, true, "alice", "Alice", NULL), IDM_OK);
	assert_int_equal(create(r, bulk, true, "alice", "Zzzz", NULL), IDM_EXISTS);
	assert_non_null(strstr(r->err.client_text, "alice"));
	assert_int_equal(create(r, bulk, true, "no name", "x", NULL), IDM_INVALID);
	assert_int_equal(create(r, bulk, true, "root", "x", NULL), IDM_CONSTRAINT);
	assert_false(idm_bulk_is_broken(bulk));
	assert_int_equal(create(r, bulk, true, "bob", "Bob", NULL), IDM_OK);
	adopt(r, &bulk);
	assert_sound(r);
	reopen(r);
	assert_int_equal(count_candidates(r, "zzzz"), 0);
	assert_int_equal(count_candidates(r, "bob"), 1);
}

static void
the_console_may_choose_a_uuid_that_is_free(void **state)
{
	struct realm *r = *state;
	struct idm_bulk *bulk = begin(r);
	struct idm_uuid chosen, kept, builtin = idm_uuid_builtin(IDM_BUILTIN_IDM_ADMIN), got;

	assert_true(idm_uuid_parse(IDM_SPAN_LIT("01234567-89ab-4cde-8f01-23456789abcd"), &chosen));
	kept = chosen;
	assert_int_equal(create(r, bulk, true, "alice", "Alice", &chosen), IDM_OK);
	assert_true(idm_uuid_equal(&chosen, &kept));
	assert_int_equal(create(r, bulk, true, "bob", "Bob", &chosen), IDM_EXISTS);
	assert_int_equal(create(r, bulk, true, "bob", "Bob", &builtin), IDM_PROTECTED);
	adopt(r, &bulk);
	reopen(r);
	got = realm_uuid(r, "alice");
	assert_true(idm_uuid_equal(&got, &kept));
}

static void
what_is_dropped_never_was(void **state)
{
	struct realm *r = *state;
	struct idm_bulk *bulk = begin(r);
	uint64_t applied = realm_applied(r);
	uint8_t before[32], after[32];

	realm_digest(r, before);
	make_people(r, bulk);
	idm_bulk_drop(&bulk);
	assert_no_scratch(r);
	assert_int_equal(realm_applied(r), applied);
	realm_digest(r, after);
	assert_memory_equal(before, after, sizeof(before));
	realm_person(r, "alice"); /* it is written as before */
}

static void
readers_follow(void **state)
{
	struct realm *r = *state;
	struct idm_bulk *bulk = begin(r);
	struct idm_store *reader;
	struct idm_entry entry;
	struct idm_read read;
	struct idm_txn txn;

	assert_int_equal(idm_store_open_reader(r->dir, &reader, &r->err), IDM_OK);
	assert_int_equal(create(r, bulk, true, "alice", "Alice", NULL), IDM_OK);
	adopt(r, &bulk);
	if (idm_store_read_begin(reader, &txn, &r->err) != IDM_OK)
		fail_msg("%s", r->err.text);
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	assert_int_equal(idm_lookup_text(&read, IDM_SPAN_LIT("alice"), &entry, &r->err), IDM_OK);
	idm_store_read_end(&txn);
	idm_store_close(&reader);
	reopen(r);
}

static void
what_a_killed_import_left_is_in_nobody_s_way(void **state)
{
	struct realm *r = *state;
	struct idm_bulk *bulk;
	char path[96];
	FILE *left;

	snprintf(path, sizeof(path), "%.60s/identity.mdb.scratch", r->dir);
	left = fopen(path, "w");
	assert_non_null(left);
	fputs("half a database", left);
	fclose(left);
	bulk = begin(r);
	assert_int_equal(create(r, bulk, true, "alice", "Alice", NULL), IDM_OK);
	adopt(r, &bulk);
	assert_no_scratch(r);
	reopen(r);
	realm_entry(r, "alice");
	realm_done(r);
}

/* A file that may not grow is what a full disk is to a program. */
static void
without_space_nothing_is_changed(void **state)
{
	struct realm *r = *state;
	struct rlimit old, tight = { 1024 * 1024, RLIM_INFINITY };
	struct idm_bulk *bulk;
	enum idm_result result = IDM_OK;
	char name[32];

	signal(SIGXFSZ, SIG_IGN);
	bulk = begin(r);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	for (int i = 0; i < 100000 && result == IDM_OK; i++) {
		snprintf(name, sizeof(name), "person%d", i);
		result = create(r, bulk, true, name, name, NULL);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(result, IDM_LIMIT);
	assert_true(idm_bulk_is_broken(bulk));
	assert_null(idm_bulk_read(bulk, &r->err));
	assert_int_equal(create(r, bulk, true, "alice", "Alice", NULL), IDM_SYSTEM);
	idm_bulk_drop(&bulk);
	assert_no_scratch(r);
	realm_person(r, "alice");
}

static void
the_schema_is_not_changed_in_bulk_and_what_it_holds_is_used(void **state)
{
	struct realm *r = *state;
	struct idm_bulk *bulk;
	const struct idm_read *read;
	const struct idm_span class = IDM_SPAN_LIT("attributetype"), name = IDM_SPAN_LIT("other");
	const struct idm_span syntax = IDM_SPAN_LIT("utf8"), guest = IDM_SPAN_LIT("guest");
	const struct idm_span badge = IDM_SPAN_LIT("17");
	const struct idm_request_mod attribute[] = {
		{ IDM_REQUEST_ADD, attr(IDM_ATTR_CLASS), &class, 1 },
		{ IDM_REQUEST_ADD, attr(IDM_ATTR_ATTRIBUTETYPE_NAME), &name, 1 },
		{ IDM_REQUEST_ADD, attr(IDM_ATTR_ATTRIBUTETYPE_SYNTAX), &syntax, 1 },
	};
	struct idm_request make = { .operation = IDM_OP_CREATE, .mods = attribute, .mod_count = 3 };
	struct idm_request_mod hold[] = {
		{ IDM_REQUEST_ADD, attr(IDM_ATTR_CLASS), &guest, 1 },
		{ IDM_REQUEST_ADD, NULL, &badge, 1 },
	};
	struct idm_request use = { .operation = IDM_OP_MODIFY, .mods = hold, .mod_count = 2 };
	struct idm_uuid uuid = { { 0 } };

	assert_int_equal(
	    realm_create(r, NULL, "class", "attributetype", "attributetype_name", "badge",
		"attributetype_syntax", "utf8", "attributetype_unique", "true", NULL),
	    IDM_OK);
	assert_int_equal(realm_create(r, NULL, "class", "classtype", "classtype_name", "guest",
			     "classtype_may", "badge", NULL),
	    IDM_OK);
	bulk = begin(r);
	assert_int_equal(idm_bulk_run(bulk, &make, NULL, &r->err), IDM_INVALID);
	assert_non_null(strstr(r->err.client_text, "kanidm system schema"));
	assert_false(idm_bulk_is_broken(bulk));
	assert_int_equal(create(r, bulk, true, "alice", "Alice", &uuid), IDM_OK);
	use.target = uuid;
	for (int i = 0; i < 3; i++) { /* each time in memory that was given back */
		read = idm_bulk_read(bulk, &r->err);
		assert_non_null(read);
		hold[1].attr = idm_schema_attr(read->schema, IDM_SPAN_LIT("badge"));
		assert_non_null(hold[1].attr);
		assert_int_equal(idm_bulk_run(bulk, &use, NULL, &r->err), IDM_OK);
	}
	assert_int_equal(idm_bulk_adopt(&bulk, &r->store, &r->err), IDM_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(what_was_made_in_bulk_is_as_if_made_one_by_one),
		T(a_refused_change_leaves_no_trace_and_the_others_go_on),
		T(the_console_may_choose_a_uuid_that_is_free),
		T(what_is_dropped_never_was),
		T(readers_follow),
		T(what_a_killed_import_left_is_in_nobody_s_way),
		T(without_space_nothing_is_changed),
		T(the_schema_is_not_changed_in_bulk_and_what_it_holds_is_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
