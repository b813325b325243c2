#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fixture.h"

static const char alice_uuid[] = "4c5d0f1e-6f3a-4a51-9c9e-0123456789ab";

static uint64_t
add_alice(struct fixture *f)
{
	return fixture_add(f, "class", "account", "class", "person", "class", "posixaccount",
	    "name", "alice", "displayname", "Alice", "mail", "Alice@Mail.example.com", "gidnumber",
	    "70123", "uuid", alice_uuid, NULL);
}

static enum idm_result
lookup(struct fixture *f, const char *text, uint64_t *id)
{
	struct idm_entry entry = { .id = 0 };
	enum idm_result result = idm_lookup_text(&f->read, idm_span_cstr(text), &entry, &f->err);

	*id = entry.id;
	return result;
}

static enum idm_result
lookup_mail(struct fixture *f, const char *text, uint64_t *id)
{
	struct idm_entry entry = { .id = 0 };
	enum idm_result result = idm_lookup_mail(&f->read, idm_span_cstr(text), &entry, &f->err);

	*id = entry.id;
	return result;
}

static void
an_entry_is_found_by_name_spn_uuid_and_gid_number_in_any_case(void **state)
{
	static const char *const texts[] = { "alice", "ALICE", "Alice", "alice@idm.example.com",
		"Alice@IDM.Example.COM", "4c5d0f1e-6f3a-4a51-9c9e-0123456789ab",
		"4C5D0F1E-6F3A-4A51-9C9E-0123456789AB", "70123" };
	struct fixture *f = *state;
	uint64_t alice = add_alice(f), id;

	fixture_person(f, "bob");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(lookup(f, texts[i], &id), IDM_OK);
		assert_int_equal(id, alice);
		assert_int_equal(lookup_mail(f, texts[i], &id), IDM_OK);
		assert_int_equal(id, alice);
	}
}

static void
what_names_nobody_is_not_found(void **state)
{
	static const char *const texts[] = { "", "@", "alic", "alice2", "alice ", " alice",
		"alice@", "@idm.example.com", "alice@example.com", "alice@idm.example.com.",
		"alice@idm.example.com@idm.example.com", "alice@alice@idm.example.com", "070123",
		"70124", "4294967296", "4295037419", "18446744073709621739", "-1", "0",
		"4c5d0f1e-6f3a-4a51-9c9e-0123456789ac", "{4c5d0f1e-6f3a-4a51-9c9e-0123456789ab}",
		"Alice@Mail.example.com" };
	struct fixture *f = *state;
	char longer[70000];
	uint64_t id;

	add_alice(f);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(lookup(f, texts[i], &id), IDM_NOT_FOUND);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(lookup(f, longer, &id), IDM_NOT_FOUND);
	assert_int_equal(lookup_mail(f, longer, &id), IDM_NOT_FOUND);
}

static void
octets_that_are_no_text_are_not_found(void **state)
{
	struct fixture *f = *state;
	struct idm_entry entry;

	add_alice(f);
	assert_int_equal(
	    idm_lookup_text(&f->read, IDM_SPAN_LIT("alice\0"), &entry, &f->err), IDM_NOT_FOUND);
	assert_int_equal(idm_lookup_text(&f->read, IDM_SPAN_EMPTY, &entry, &f->err), IDM_NOT_FOUND);
	assert_int_equal(idm_lookup_mail(&f->read, IDM_SPAN_LIT("\xff\xfe@\x80"), &entry, &f->err),
	    IDM_NOT_FOUND);
	assert_int_equal(idm_lookup_mail(&f->read, IDM_SPAN_EMPTY, &entry, &f->err), IDM_NOT_FOUND);
}

static void
mail_is_found_in_any_case(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = add_alice(f), id;

	assert_int_equal(lookup_mail(f, "Alice@Mail.example.com", &id), IDM_OK);
	assert_int_equal(id, alice);
	assert_int_equal(lookup_mail(f, "aLICE@mail.EXAMPLE.com", &id), IDM_OK);
	assert_int_equal(id, alice);
	assert_int_equal(lookup_mail(f, "bob@mail.example.com", &id), IDM_NOT_FOUND);
}

static void
the_dead_are_found_by_id_alone(void **state)
{
	static const char *const dead[] = { "recycled", "tombstone" };
	struct fixture *f = *state;
	uint64_t alice = add_alice(f), id;
	struct idm_entry entry = fixture_entry(f, alice);
	struct idm_uuid uuid = entry.uuid;

	assert_true(idm_entry_is_live(&entry));
	for (size_t i = 0; i < 2; i++) {
		fixture_replace(f, alice, "class", "person", "class", dead[i], "name", "alice",
		    "mail", "a@b.example", "gidnumber", "70123", NULL);
		entry = fixture_entry(f, alice);
		assert_false(idm_entry_is_live(&entry));
		assert_int_equal(lookup(f, "alice", &id), IDM_NOT_FOUND);
		assert_int_equal(lookup(f, "alice@idm.example.com", &id), IDM_NOT_FOUND);
		assert_int_equal(lookup(f, "70123", &id), IDM_NOT_FOUND);
		assert_int_equal(lookup(f, alice_uuid, &id), IDM_NOT_FOUND);
		assert_int_equal(lookup_mail(f, "a@b.example", &id), IDM_NOT_FOUND);
		assert_int_equal(idm_lookup_uuid(&f->read, &uuid, &entry, &f->err), IDM_OK);
		assert_int_equal(entry.id, alice);
	}
}

static void
names_can_be_swapped(void **state)
{
	struct fixture *f = *state;
	uint64_t a = fixture_person(f, "aa"), b = fixture_person(f, "bb");

	fixture_replace(f, a, "class", "person", "name", "cc", NULL);
	fixture_replace(f, b, "class", "person", "name", "aa", NULL);
	fixture_replace(f, a, "class", "person", "name", "bb", NULL);
	assert_int_equal(fixture_id(f, "aa"), b);
	assert_int_equal(fixture_id(f, "bb"), a);
	assert_int_equal(fixture_id(f, "cc"), 0);
	fixture_remove(f, a);
	assert_int_equal(fixture_id(f, "bb"), 0);
}

static void
a_name_that_leads_nowhere_is_corrupt(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = add_alice(f), bob = fixture_person(f, "bob"), id;
	struct idm_entry entry = fixture_entry(f, bob);
	struct idm_uuid uuid = entry.uuid;
	uint8_t key[8];

	/* The uuid of one leads to the other. */
	idm_store_u64(alice, key);
	assert_int_equal(
	    idm_store_put(&f->txn, IDM_DB_UUID, idm_uuid_span(&uuid), idm_span_of(key, 8), &f->err),
	    IDM_OK);
	assert_int_equal(idm_lookup_uuid(&f->read, &uuid, &entry, &f->err), IDM_CORRUPT);

	assert_int_equal(
	    idm_store_del(&f->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), &f->err), IDM_OK);
	assert_int_equal(lookup(f, "alice", &id), IDM_CORRUPT);
	assert_int_equal(lookup(f, "70123", &id), IDM_CORRUPT);
	assert_int_equal(lookup(f, alice_uuid, &id), IDM_CORRUPT);
	assert_int_equal(idm_lookup_id(&f->read, alice, &entry, &f->err), IDM_NOT_FOUND);

	/* A claim whose value is no id. */
	assert_int_equal(idm_store_put(&f->txn, IDM_DB_NAME, IDM_SPAN_LIT("nmallory"),
			     IDM_SPAN_LIT("1234567"), &f->err),
	    IDM_OK);
	assert_int_equal(lookup(f, "mallory", &id), IDM_CORRUPT);
	memset(key, 0, sizeof(key));
	assert_int_equal(idm_store_put(&f->txn, IDM_DB_NAME, IDM_SPAN_LIT("nmallory"),
			     idm_span_of(key, 8), &f->err),
	    IDM_OK);
	assert_int_equal(lookup(f, "mallory", &id), IDM_CORRUPT);
}

static void
claims_of_each_length_have_keys_of_their_own(void **state)
{
	static uint8_t value[2000];
	struct idm_claim_key last = { .len = 0 };

	(void)state;
	memset(value, 'x', sizeof(value));
	for (size_t len = 0; len < sizeof(value); len++) {
		struct idm_claim_key key =
		    idm_claim_key(IDM_CLAIM_MAIL, 0, idm_span_of(value, len));

		assert_true(key.len <= IDM_STORE_KEY_BYTES);
		assert_int_equal(key.bytes[0], len <= 510 ? 'm' : 'm' | 0x80);
		assert_int_equal(key.len, len <= 510 ? len + 1 : 17);
		assert_false(idm_span_equal(
		    idm_span_of(key.bytes, key.len), idm_span_of(last.bytes, last.len)));
		last = key;
	}
}

static void
custom_claims_are_told_apart_by_their_attribute(void **state)
{
	static uint8_t value[600];
	const size_t lens[] = { 0, 5, 506, 507, 600 };

	(void)state;
	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct idm_span norm = idm_span_of(value, lens[i]);
		struct idm_claim_key a = idm_claim_key(IDM_CLAIM_CUSTOM, 4096, norm);
		struct idm_claim_key b = idm_claim_key(IDM_CLAIM_CUSTOM, 4097, norm);

		assert_int_equal(a.len, lens[i] <= 506 ? 5 + lens[i] : 21);
		assert_int_equal(idm_store_load_u32(a.bytes + 1), 4096);
		assert_int_equal(idm_store_load_u32(b.bytes + 1), 4097);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.bytes + 5, b.bytes + 5, a.len - 5);
	}
}

/* A claim under a hash that another value has too: set by hand, for nobody can find such a pair. */
static void
an_equal_hash_alone_finds_nobody(void **state)
{
	struct fixture *f = *state;
	static uint8_t value[600];
	struct idm_claim_key key;
	struct idm_entry entry;
	uint8_t id[8];

	memset(value, 'x', sizeof(value));
	key = idm_claim_key(IDM_CLAIM_MAIL, 0, idm_span_of(value, sizeof(value)));
	idm_store_u64(add_alice(f), id);
	assert_int_equal(idm_store_put(&f->txn, IDM_DB_NAME, idm_span_of(key.bytes, key.len),
			     idm_span_of(id, 8), &f->err),
	    IDM_OK);
	assert_int_equal(idm_lookup_claim(&f->read, IDM_CLAIM_MAIL,
			     idm_span_of(value, sizeof(value)), &entry, &f->err),
	    IDM_NOT_FOUND);
}

static void
the_spn_is_name_and_domain(void **state)
{
	struct fixture *f = *state;
	struct idm_entry entry = fixture_entry(f, add_alice(f));
	char spn[IDM_SPN_MAX];

	assert_int_equal(idm_lookup_spn(&f->read, &entry, spn), strlen("alice@" FIXTURE_DOMAIN));
	assert_string_equal(spn, "alice@" FIXTURE_DOMAIN);
	entry = fixture_entry(f, fixture_add(f, "class", "object", NULL));
	assert_int_equal(idm_lookup_spn(&f->read, &entry, spn), 0);
	assert_string_equal(spn, "");
}

static void
the_longest_spn_fits(void **state)
{
	struct fixture *f = *state;
	char name[65], domain[254], spn[IDM_SPN_MAX];
	struct idm_entry entry;
	uint64_t id;

	memset(name, 'n', 64);
	name[64] = '\0';
	memset(domain, 'd', 253);
	domain[253] = '\0';
	assert_int_equal(idm_lookup_store_domain(&f->txn, idm_span_cstr(domain), &f->err), IDM_OK);
	assert_int_equal(
	    idm_read_attach(&f->txn, f->arena, f->read.now, &f->read, &f->err), IDM_OK);
	id = fixture_person(f, name);
	entry = fixture_entry(f, id);
	assert_int_equal(idm_lookup_spn(&f->read, &entry, spn), 64 + 1 + 253);
	assert_int_equal(strlen(spn), 64 + 1 + 253);
	assert_int_equal(fixture_id(f, spn), id);
}

static void
a_domain_of_no_or_too_great_length_is_refused(void **state)
{
	struct fixture *f = *state;
	char domain[255];

	memset(domain, 'd', 254);
	domain[254] = '\0';
	assert_int_equal(idm_lookup_store_domain(&f->txn, IDM_SPAN_EMPTY, &f->err), IDM_INVALID);
	assert_int_equal(
	    idm_lookup_store_domain(&f->txn, idm_span_cstr(domain), &f->err), IDM_INVALID);
	assert_int_equal(
	    idm_read_attach(&f->txn, f->arena, f->read.now, &f->read, &f->err), IDM_OK);
	assert_string_equal(f->read.domain, FIXTURE_DOMAIN);

	assert_int_equal(idm_store_put(&f->txn, IDM_DB_META, IDM_SPAN_LIT("domain"),
			     idm_span_cstr(domain), &f->err),
	    IDM_OK);
	assert_int_equal(
	    idm_read_attach(&f->txn, f->arena, f->read.now, &f->read, &f->err), IDM_CORRUPT);
}

static void
a_database_that_is_being_made_attaches_without_domain_and_groups(void **state)
{
	struct fixture *f = *state;
	struct idm_read read;

	assert_int_equal(
	    idm_store_del(&f->txn, IDM_DB_META, IDM_SPAN_LIT("domain"), &f->err), IDM_OK);
	assert_int_equal(
	    idm_store_del(&f->txn, IDM_DB_META, IDM_SPAN_LIT("wellknown"), &f->err), IDM_OK);
	assert_int_equal(idm_read_attach(&f->txn, f->arena, f->read.now, &read, &f->err), IDM_OK);
	assert_string_equal(read.domain, "");
	assert_int_equal(read.all_persons_id, 0);
	assert_int_equal(read.all_accounts_id, 0);
	assert_int_equal(read.high_privilege_id, 0);
	assert_non_null(read.schema);
	f->read = read;
	fixture_person(f, "bob");
	assert_int_equal(fixture_id(f, "bob@"), 0); /* no domain is nobody's */
}

static void
well_known_ids_of_another_length_are_corrupt(void **state)
{
	struct fixture *f = *state;
	struct idm_read read;

	assert_int_equal(idm_store_put(&f->txn, IDM_DB_META, IDM_SPAN_LIT("wellknown"),
			     IDM_SPAN_LIT("short"), &f->err),
	    IDM_OK);
	assert_int_equal(
	    idm_read_attach(&f->txn, f->arena, f->read.now, &read, &f->err), IDM_CORRUPT);
}

static void
a_snapshot_keeps_what_it_saw(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = add_alice(f);

	fixture_commit_then_read(f);
	assert_int_equal(fixture_id(f, "alice"), alice);
	assert_int_equal(
	    f->read.all_persons_id, fixture_id(f, "00000000-0000-0000-0000-000000000035"));
	assert_int_equal(f->read.high_privilege_id, fixture_id(f, "idm_high_privilege"));
	fixture_read_then_write(f);
	fixture_remove(f, alice);
	assert_int_equal(fixture_id(f, "alice"), 0);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(an_entry_is_found_by_name_spn_uuid_and_gid_number_in_any_case),
		WITH_STORE(what_names_nobody_is_not_found),
		WITH_STORE(octets_that_are_no_text_are_not_found),
		WITH_STORE(mail_is_found_in_any_case),
		WITH_STORE(the_dead_are_found_by_id_alone),
		WITH_STORE(names_can_be_swapped),
		WITH_STORE(a_name_that_leads_nowhere_is_corrupt),
		cmocka_unit_test(claims_of_each_length_have_keys_of_their_own),
		cmocka_unit_test(custom_claims_are_told_apart_by_their_attribute),
		WITH_STORE(an_equal_hash_alone_finds_nobody),
		WITH_STORE(the_spn_is_name_and_domain),
		WITH_STORE(the_longest_spn_fits),
		WITH_STORE(a_domain_of_no_or_too_great_length_is_refused),
		WITH_STORE(a_database_that_is_being_made_attaches_without_domain_and_groups),
		WITH_STORE(well_known_ids_of_another_length_are_corrupt),
		WITH_STORE(a_snapshot_keeps_what_it_saw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
