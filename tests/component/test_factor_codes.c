/* The second factor as it is stored: what is sealed, and which codes were used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/second_factor.h"
#include "tests/support/realm.h"

static struct idm_factor
factor_of(char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES])
{
	struct idm_factor factor = { .set = true, .totp_no = 7, .has_codes = true, .codes_no = 8 };

	assert_true(idm_totp_generate(&factor.totp));
	assert_true(idm_backup_generate(texts, &factor.codes));
	return factor;
}

static enum idm_result
use(struct realm *r, const struct idm_factor *factor, const char *code, int64_t now_s)
{
	struct idm_uuid account = { { 1 } };
	struct idm_txn txn;
	enum idm_result result = idm_store_local_write_begin(r->store, &txn, &r->err);

	assert_int_equal(result, IDM_OK);
	result = idm_factor_use(&txn, &account, factor, idm_span_cstr(code), now_s, &r->err);
	return idm_store_write_end(&txn, result, &r->err);
}

static const char *
code_at(const struct idm_factor *factor, uint64_t step)
{
	static char text[16];
	uint32_t value;

	assert_true(idm_hotp(&factor->totp, step, &value));
	snprintf(text, sizeof(text), "%06u", value);
	return text;
}

static void
a_code_is_used_once_until_another_secret_is_set(void **state)
{
	struct realm *r = *state;
	char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES];
	struct idm_factor factor = factor_of(texts);

	assert_int_equal(use(r, &factor, code_at(&factor, 1000), 30000), IDM_OK);
	assert_int_equal(use(r, &factor, code_at(&factor, 1000), 30000), IDM_DENIED);
	assert_non_null(strstr(r->err.text, "used already"));
	assert_int_equal(use(r, &factor, code_at(&factor, 1005), 30000), IDM_DENIED);
	assert_non_null(strstr(r->err.text, "wrong code"));
	factor.totp_no = 9;
	assert_int_equal(use(r, &factor, code_at(&factor, 1000), 30000), IDM_OK);
	factor.set = false;
	assert_int_equal(use(r, &factor, code_at(&factor, 1001), 30000), IDM_DENIED);
}

static void
each_backup_code_is_used_once(void **state)
{
	struct realm *r = *state;
	char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES];
	struct idm_factor factor = factor_of(texts);
	struct idm_uuid account = { { 1 } };
	struct idm_txn txn;
	uint32_t left;

	factor.totp_no = 20;
	factor.codes_no = 21;
	for (size_t i = 0; i < IDM_BACKUP_CODES; i++) {
		assert_int_equal(use(r, &factor, texts[i], 30000), IDM_OK);
		assert_int_equal(use(r, &factor, texts[i], 30000), IDM_DENIED);
	}
	assert_int_equal(idm_store_local_read_begin(r->store, &txn, &r->err), IDM_OK);
	assert_int_equal(idm_factor_codes_left(&txn, &account, &factor, &left, &r->err), IDM_OK);
	assert_int_equal(left, 0);
	factor.codes_no = 22;
	assert_int_equal(idm_factor_codes_left(&txn, &account, &factor, &left, &r->err), IDM_OK);
	assert_int_equal(left, IDM_BACKUP_CODES);
	idm_store_read_end(&txn);
	factor.has_codes = false;
	assert_int_equal(use(r, &factor, texts[0], 30000), IDM_DENIED);
}

static void
what_is_no_code_is_refused(void **state)
{
	static const char *const texts[] = { "", " ", "12345", "1234567", "AAAAA-BBBBB-CCCCC-DDDDD",
		"a long text that is none at all, neither of the one kind nor of the other" };
	struct realm *r = *state;
	char codes[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES];
	struct idm_factor factor = factor_of(codes);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(use(r, &factor, texts[i], 30000), IDM_DENIED);
	codes[0][22] ^= 1;
	assert_int_equal(use(r, &factor, codes[0], 30000), IDM_DENIED);
}

/* Sealed by a change, as the core process does it; `totp` and `codes` as they are to be stored. */
static enum idm_result
store(struct realm *r, struct idm_span totp, struct idm_span codes)
{
	struct idm_identity console = realm_identity(r, NULL);
	struct idm_request_secret secrets[] = {
		{ .attr_number = IDM_ATTR_TOTP_SECRET, .plain = totp, .marker = "set" },
		{ .attr_number = IDM_ATTR_BACKUP_CODES, .plain = codes, .marker = "set" }
	};
	struct idm_request request = { .operation = IDM_OP_MODIFY,
		.target = realm_uuid(r, "zoe"),
		.secrets = secrets,
		.secret_count = 2 };

	return realm_run(r, &console, &request);
}

static enum idm_result
load(struct realm *r, struct idm_factor *out)
{
	struct idm_entry zoe = realm_entry(r, "zoe");
	enum idm_result result = idm_factor_load(&r->read, r->password_ring, &zoe, out, &r->err);

	realm_done(r);
	return result;
}

static void
what_is_stored_is_what_was_set(void **state)
{
	struct realm *r = *state;
	char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES];
	struct idm_factor factor = factor_of(texts), loaded;
	struct idm_arena *arena = idm_arena_new(65536);

	realm_person(r, "zoe");
	assert_int_equal(load(r, &loaded), IDM_OK);
	assert_false(loaded.set || loaded.has_codes);
	assert_int_equal(store(r, idm_factor_encode_totp(&factor.totp, true, arena),
			     idm_factor_encode_codes(&factor.codes, arena)),
	    IDM_OK);
	assert_int_equal(load(r, &loaded), IDM_OK);
	assert_true(loaded.set && loaded.has_codes && loaded.short_password);
	assert_int_equal(loaded.totp.algorithm, IDM_TOTP_SHA256);
	assert_memory_equal(loaded.totp.secret, factor.totp.secret, IDM_TOTP_SECRET_BYTES);
	assert_memory_equal(&loaded.codes, &factor.codes, sizeof(factor.codes));
	assert_int_equal(loaded.totp_no, realm_applied(r));
	assert_int_equal(loaded.codes_no, realm_applied(r));
	idm_arena_free(&arena);
}

static void
what_does_not_decode_is_damage(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} bad[] = { { "", 0 }, { "\x01\x01\x00\x00", 4 }, { "\x02\x01\x00\x00x", 5 },
		{ "\x01\x03\x00\x00x", 5 }, { "\x01\x00\x00\x00x", 5 }, { "\x01\x01\x02\x00x", 5 },
		{ "\x01\x01\x00\x01x", 5 },
		{ "\x01\x01\x00\x00"
		  "123456789012345678901234567890123",
		    37 } };
	struct realm *r = *state;
	char texts[IDM_BACKUP_CODES][IDM_GENERATED_SECRET_BYTES];
	struct idm_factor factor = factor_of(texts), loaded;
	struct idm_arena *arena = idm_arena_new(65536);
	struct idm_span good = idm_factor_encode_codes(&factor.codes, arena);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    store(r, idm_span_of((const uint8_t *)bad[i].octets, bad[i].len), good),
		    IDM_OK);
		assert_int_equal(load(r, &loaded), IDM_CORRUPT);
		assert_false(loaded.set);
	}
	good.len--;
	assert_int_equal(
	    store(r, idm_factor_encode_totp(&factor.totp, false, arena), good), IDM_OK);
	assert_int_equal(load(r, &loaded), IDM_CORRUPT);
	idm_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_is_used_once_until_another_secret_is_set),
		cmocka_unit_test(each_backup_code_is_used_once),
		cmocka_unit_test(what_is_no_code_is_refused),
		cmocka_unit_test(what_is_stored_is_what_was_set),
		cmocka_unit_test(what_does_not_decode_is_damage),
	};

	return cmocka_run_group_tests(tests, realm_setup, realm_teardown);
}
