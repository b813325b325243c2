/* meta.digest against what is stored: kept up by each change, and seen to be wrong when it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/change_digest.h"
#include "core/closure.h"
#include "tests/support/realm.h"

/* What the digest says of a store in which `damage` was done behind the back of changes. */
static enum idm_result
verify_after(struct realm *r, void (*damage)(const struct idm_read *read))
{
	struct idm_txn txn;
	struct idm_read read;
	enum idm_result result;

	assert_int_equal(idm_store_write_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_read_attach(&txn, r->arena, r->now, &read, &r->err), IDM_OK);
	damage(&read);
	result = idm_digest_verify(&read, &r->err);
	idm_store_write_abort(&txn);
	return result;
}

static struct idm_entry
find(const struct idm_read *read, const char *name)
{
	struct idm_entry entry;

	assert_int_equal(idm_lookup_text(read, idm_span_cstr(name), &entry, NULL), IDM_OK);
	return entry;
}

static void
do_nothing(const struct idm_read *read)
{
	(void)read;
}

static void
cut_an_edge(const struct idm_read *read)
{
	struct idm_entry alice = find(read, "alice");
	bool changed;

	assert_int_equal(
	    idm_closure_set_edge(read, find(read, "staff").id, &alice, false, &changed, NULL),
	    IDM_OK);
	assert_true(changed);
}

static void
add_an_edge(const struct idm_read *read)
{
	struct idm_entry bob = find(read, "bob");
	bool changed;

	assert_int_equal(
	    idm_closure_set_edge(read, find(read, "staff").id, &bob, true, &changed, NULL), IDM_OK);
}

static void
write_a_value(const struct idm_read *read)
{
	struct idm_entry alice = find(read, "alice");
	struct idm_draft *draft = idm_draft_of(read->arena, &alice);
	struct idm_span flat;
	uint8_t key[8];

	idm_store_u64(alice.id, key);
	assert_int_equal(idm_draft_add(draft, IDM_ATTR_DESCRIPTION,
			     (struct idm_value){ IDM_SPAN_LIT("x"), IDM_SPAN_LIT("x") }),
	    IDM_OK);
	assert_int_equal(idm_draft_encode(draft, &alice.uuid, alice.version, &flat, NULL), IDM_OK);
	assert_int_equal(
	    idm_store_put(read->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), flat, NULL), IDM_OK);
}

static void
lose_an_entry(const struct idm_read *read)
{
	uint8_t key[8];

	idm_store_u64(find(read, "bob").id, key);
	assert_int_equal(
	    idm_store_del(read->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), NULL), IDM_OK);
}

static void
lose_a_member(const struct idm_read *read)
{
	uint8_t key[8];

	idm_store_u64(find(read, "alice").id, key);
	assert_int_equal(
	    idm_store_del(read->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), NULL), IDM_OK);
}

static void
cut_the_digest(const struct idm_read *read)
{
	assert_int_equal(idm_store_put(read->txn, IDM_DB_META, IDM_SPAN_LIT("digest"),
			     IDM_SPAN_LIT("short"), NULL),
	    IDM_OK);
}

static void
what_no_change_did_is_noticed(void **state)
{
	struct realm *r = *state;

	realm_person(r, "alice");
	realm_person(r, "bob");
	realm_group(r, "staff");
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	assert_int_equal(verify_after(r, do_nothing), IDM_OK);
	assert_int_equal(verify_after(r, cut_an_edge), IDM_CORRUPT);
	assert_int_equal(verify_after(r, add_an_edge), IDM_CORRUPT);
	assert_int_equal(verify_after(r, write_a_value), IDM_CORRUPT);
	assert_int_equal(verify_after(r, lose_an_entry), IDM_CORRUPT);
	assert_int_equal(verify_after(r, lose_a_member), IDM_CORRUPT);
	assert_int_equal(verify_after(r, cut_the_digest), IDM_CORRUPT);
}

static void
a_change_that_is_taken_back_takes_the_digest_back(void **state)
{
	struct realm *r = *state;
	uint8_t before[IDM_DIGEST_BYTES], with_edge[IDM_DIGEST_BYTES], after[IDM_DIGEST_BYTES];

	realm_person(r, "alice");
	realm_group(r, "staff");
	realm_digest(r, before);
	assert_int_equal(realm_modify(r, NULL, "staff", "+member", "alice", NULL), IDM_OK);
	realm_digest(r, with_edge);
	assert_memory_not_equal(before, with_edge, IDM_DIGEST_BYTES);
	assert_int_equal(realm_modify(r, NULL, "staff", "-member", "alice", NULL), IDM_OK);
	realm_digest(r, after); /* not the first one: the group has another version */
	assert_memory_not_equal(before, after, IDM_DIGEST_BYTES);
	assert_memory_not_equal(with_edge, after, IDM_DIGEST_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, realm_setup, realm_teardown)
		T(what_no_change_did_is_noticed),
		T(a_change_that_is_taken_back_takes_the_digest_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
