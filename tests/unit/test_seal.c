#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/seal.h"
#include "tests/support/temp_dir.h"

enum { ATTR = 17, OTHER_ATTR = 19 };

static const struct idm_uuid alice = { { 1 } };
static const struct idm_uuid bob = { { 2 } };
static char dir[TEMP_DIR_BYTES];
static char path[sizeof(dir) + 16];
static struct idm_arena *arena;

#define KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD "kanidm-keyring 1 password\n"

static int
set_up(void **state)
{
	(void)state;
	arena = idm_arena_new(1 << 20);
	if (arena == NULL)
		return -1;
	temp_dir_make("seal", dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/keys", dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	idm_arena_free(&arena);
	return rmdir(dir);
}

static void
write_file(const char *text, mode_t mode)
{
	FILE *file;

	unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static struct idm_keyring *
ring_of(const char *text)
{
	struct idm_keyring *ring;
	struct idm_error err = { .text = "" };

	write_file(text, 0600);
	if (idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err) != IDM_OK)
		fail_msg("%s", err.text);
	return ring;
}

static struct idm_span
seal(const struct idm_keyring *ring, struct idm_span plain, uint64_t set_at_no)
{
	struct idm_span blob;

	assert_int_equal(
	    idm_seal(ring, &alice, ATTR, set_at_no, plain, arena, &blob, NULL), IDM_OK);
	return blob;
}

static enum idm_result
unseal(const struct idm_keyring *ring, struct idm_span blob, struct idm_span *plain,
    struct idm_error *err)
{
	return idm_unseal(ring, &alice, ATTR, blob, arena, plain, err);
}

static void
a_sealed_secret_comes_back(void **state)
{
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_span plain = IDM_SPAN_LIT("a\0secret"), back;
	struct idm_span blob = seal(ring, plain, 77);

	(void)state;
	assert_int_equal(blob.len, 14 + 12 + plain.len + 16);
	assert_null(memmem(blob.ptr, blob.len, plain.ptr, plain.len));
	assert_true(idm_seal_set_at(blob) == 77);
	assert_int_equal(unseal(ring, blob, &back, NULL), IDM_OK);
	assert_true(idm_span_equal(back, plain));
	blob = seal(ring, IDM_SPAN_EMPTY, UINT64_MAX);
	assert_true(idm_seal_set_at(blob) == UINT64_MAX);
	assert_int_equal(unseal(ring, blob, &back, NULL), IDM_OK);
	assert_int_equal(back.len, 0);
	idm_keyring_close(&ring);
	assert_null(ring);
}

/* The layout of seal.h: the next version must read what this one wrote. */
static void
the_head_of_a_blob_is_as_documented(void **state)
{
	static const uint8_t head[] = { 1, IDM_PURPOSE_PASSWORD, 0, 0, 0x12, 0x34, 0, 0, 0, 0, 0, 0,
		1, 2 };
	struct idm_keyring *ring = ring_of(HEAD "4660 active " KEY_A "\n");
	struct idm_span blob = seal(ring, IDM_SPAN_LIT("x"), 258);

	(void)state;
	assert_memory_equal(blob.ptr, head, sizeof(head));
	idm_keyring_close(&ring);
}

/* Made with Python's cryptography: key A, id 1, nonce 0..11. */
static void
a_blob_of_another_implementation_opens(void **state)
{
	static const uint8_t blob[] = { 0x01, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
		0x00, 0x00, 0x00, 0x05, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
		0x0a, 0x0b, 0x75, 0x77, 0xc7, 0x44, 0x25, 0x2a, 0xb9, 0x96, 0xa1, 0x54, 0x1d, 0x8f,
		0x54, 0x01, 0x36, 0x00, 0xe1, 0x08, 0x70, 0x95, 0x86, 0x17, 0xd2, 0x64, 0xe7, 0x7c,
		0xa3, 0x05, 0xa1 };
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_span plain;

	(void)state;
	assert_int_equal(unseal(ring, idm_span_of(blob, sizeof(blob)), &plain, NULL), IDM_OK);
	assert_true(idm_span_is(plain, "correct horse"));
	idm_keyring_close(&ring);
}

static void
no_two_blobs_are_alike(void **state)
{
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_span a = seal(ring, IDM_SPAN_LIT("secret"), 1);
	struct idm_span b = seal(ring, IDM_SPAN_LIT("secret"), 1);

	(void)state;
	assert_memory_not_equal(a.ptr + 14, b.ptr + 14, 12); /* nonce */
	assert_memory_not_equal(a.ptr + 26, b.ptr + 26, 6);
	idm_keyring_close(&ring);
}

static void
a_change_of_any_octet_is_seen(void **state)
{
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n2 retired " KEY_A "\n");
	struct idm_span blob = seal(ring, IDM_SPAN_LIT("secret"), 1);
	struct idm_span plain = IDM_SPAN_EMPTY;
	uint8_t wrong[64];

	(void)state;
	memcpy(wrong, blob.ptr, blob.len);
	for (size_t i = 0; i < blob.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			wrong[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(
			    unseal(ring, idm_span_of(wrong, blob.len), &plain, NULL), IDM_CORRUPT);
			wrong[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_null(plain.ptr);
	wrong[5] = 2; /* the other key id, with the same key: the head is covered too */
	assert_int_equal(unseal(ring, idm_span_of(wrong, blob.len), &plain, NULL), IDM_CORRUPT);
	idm_keyring_close(&ring);
}

static void
every_truncation_is_corrupt(void **state)
{
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_span blob = seal(ring, IDM_SPAN_LIT("secret"), 1);
	struct idm_span plain;

	(void)state;
	for (size_t n = 0; n < blob.len; n++) {
		uint8_t *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, blob.ptr, n);
		assert_int_equal(unseal(ring, idm_span_of(cut, n), &plain, NULL), IDM_CORRUPT);
		if (n < 14 + 12 + 16)
			assert_true(idm_seal_set_at(idm_span_of(cut, n)) == 0);
		free(cut);
	}
	idm_keyring_close(&ring);
}

static void
a_blob_fits_its_entry_and_attribute_alone(void **state)
{
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_span blob = seal(ring, IDM_SPAN_LIT("secret"), 1);
	struct idm_span plain;
	struct idm_error err;

	(void)state;
	assert_int_equal(idm_unseal(ring, &bob, ATTR, blob, arena, &plain, &err), IDM_CORRUPT);
	assert_string_equal(
	    err.text, "a sealed secret does not verify: changed, or of another entry or key");
	assert_int_equal(
	    idm_unseal(ring, &alice, OTHER_ATTR, blob, arena, &plain, NULL), IDM_CORRUPT);
	idm_keyring_close(&ring);
}

static void
another_key_or_purpose_opens_nothing(void **state)
{
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_span blob = seal(ring, IDM_SPAN_LIT("secret"), 1);
	struct idm_span plain;
	struct idm_error err;

	(void)state;
	idm_keyring_close(&ring);
	ring = ring_of(HEAD "1 active " KEY_B "\n");
	assert_int_equal(unseal(ring, blob, &plain, &err), IDM_CORRUPT);
	idm_keyring_close(&ring);
	ring = ring_of(HEAD "2 active " KEY_A "\n");
	assert_int_equal(unseal(ring, blob, &plain, &err), IDM_CORRUPT);
	assert_string_equal(err.text, "the password key ring lacks key 1");
	idm_keyring_close(&ring);
	write_file("kanidm-keyring 1 radius\n1 active " KEY_A "\n", 0640);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_RADIUS, &ring, &err), IDM_OK);
	assert_int_equal(idm_keyring_purpose(ring), IDM_PURPOSE_RADIUS);
	assert_int_equal(unseal(ring, blob, &plain, &err), IDM_CORRUPT);
	assert_string_equal(err.text, "a secret is not sealed for the radius key ring");
	idm_keyring_close(&ring);
}

static void
the_newest_active_key_seals_and_retired_ones_unseal(void **state)
{
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_span old = seal(ring, IDM_SPAN_LIT("old"), 1);
	struct idm_span blob, plain;
	struct idm_error err;

	(void)state;
	idm_keyring_close(&ring);
	ring = ring_of(HEAD "3 active " KEY_B "\n1 retired " KEY_A "\n2 active " KEY_A
			    "\n9 retired " KEY_A "\n");
	assert_int_equal(unseal(ring, old, &plain, NULL), IDM_OK);
	assert_true(idm_span_is(plain, "old"));
	assert_int_equal(seal(ring, IDM_SPAN_LIT("new"), 1).ptr[5], 3);
	idm_keyring_close(&ring);
	ring = ring_of(HEAD "1 retired " KEY_A "\n");
	assert_int_equal(
	    idm_seal(ring, &alice, ATTR, 1, IDM_SPAN_LIT("x"), arena, &blob, &err), IDM_INVALID);
	assert_string_equal(err.text, "the password key ring has no active key");
	idm_keyring_close(&ring);
}

static struct idm_keyring *
open_ring(void)
{
	struct idm_keyring *ring;
	struct idm_error err = { .text = "" };

	if (idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err) != IDM_OK)
		fail_msg("%s", err.text);
	return ring;
}

static void
a_rotated_ring_opens_what_it_sealed_before_and_seals_anew(void **state)
{
	struct idm_keyring *ring;
	struct idm_span before, after, again, plain;
	struct stat info;
	bool changed;

	(void)state;
	ring = ring_of(HEAD "1 active " KEY_A "\n");
	before = seal(ring, IDM_SPAN_LIT("hush"), 77);
	assert_int_equal(
	    idm_reseal(ring, &alice, ATTR, before, arena, &after, &changed, NULL), IDM_OK);
	assert_false(changed);
	idm_keyring_close(&ring);

	assert_int_equal(idm_keyring_rotate(path, IDM_PURPOSE_PASSWORD, (gid_t)-1, NULL), IDM_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	ring = open_ring();
	assert_int_equal(
	    idm_reseal(ring, &alice, ATTR, before, arena, &after, &changed, NULL), IDM_OK);
	assert_true(changed);
	assert_int_equal(after.ptr[5], 2); /* its key id */
	assert_int_equal(idm_seal_set_at(after), 77);
	assert_int_equal(idm_unseal(ring, &alice, ATTR, after, arena, &plain, NULL), IDM_OK);
	assert_true(idm_span_is(plain, "hush"));
	assert_int_equal(idm_unseal(ring, &alice, ATTR, before, arena, &plain, NULL), IDM_OK);
	assert_int_equal(
	    idm_reseal(ring, &alice, ATTR, after, arena, &again, &changed, NULL), IDM_OK);
	assert_false(changed);
	assert_int_equal(
	    idm_reseal(ring, &bob, ATTR, before, arena, &again, &changed, NULL), IDM_CORRUPT);
	idm_keyring_close(&ring);
}

static void
a_full_ring_loses_its_oldest_key_alone(void **state)
{
	struct idm_keyring *ring;
	struct idm_span first, second, plain;

	(void)state;
	ring = ring_of(HEAD "1 active " KEY_A "\n");
	first = seal(ring, IDM_SPAN_LIT("first"), 1);
	idm_keyring_close(&ring);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(
		    idm_keyring_rotate(path, IDM_PURPOSE_PASSWORD, (gid_t)-1, NULL), IDM_OK);
		if (i == 0) {
			ring = open_ring();
			second = seal(ring, IDM_SPAN_LIT("second"), 2);
			idm_keyring_close(&ring);
		}
	}
	ring = open_ring();
	assert_int_equal(idm_unseal(ring, &alice, ATTR, first, arena, &plain, NULL), IDM_CORRUPT);
	assert_int_equal(idm_unseal(ring, &alice, ATTR, second, arena, &plain, NULL), IDM_OK);
	idm_keyring_close(&ring);
	write_file(HEAD "999999999 active " KEY_A "\n", 0600);
	assert_int_equal(
	    idm_keyring_rotate(path, IDM_PURPOSE_PASSWORD, (gid_t)-1, NULL), IDM_LIMIT);
	ring = open_ring(); /* as it was */
	idm_keyring_close(&ring);
}

static void
a_full_arena_and_an_overlong_secret_are_limits(void **state)
{
	static const uint8_t large[64 * 1024 + 1];
	struct idm_keyring *ring = ring_of(HEAD "1 active " KEY_A "\n");
	struct idm_arena *small = idm_arena_new(32);
	struct idm_span blob = seal(ring, IDM_SPAN_LIT("a secret longer than the arena is"), 1);
	struct idm_span plain;

	(void)state;
	assert_int_equal(
	    idm_seal(ring, &alice, ATTR, 1, IDM_SPAN_LIT("x"), small, &plain, NULL), IDM_LIMIT);
	assert_int_equal(idm_unseal(ring, &alice, ATTR, blob, small, &plain, NULL), IDM_LIMIT);
	assert_int_equal(
	    idm_seal(ring, &alice, ATTR, 1, idm_span_of(large, sizeof(large)), arena, &plain, NULL),
	    IDM_LIMIT);
	idm_arena_free(&small);
	idm_keyring_close(&ring);
}

static void
a_ring_is_made_once_with_its_mode(void **state)
{
	struct idm_keyring *ring;
	struct idm_span blob, plain;
	struct stat info;

	(void)state;
	unlink(path);
	assert_int_equal(idm_keyring_create(path, IDM_PURPOSE_PASSWORD, (gid_t)-1, NULL), IDM_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, NULL), IDM_OK);
	blob = seal(ring, IDM_SPAN_LIT("secret"), 1);
	idm_keyring_close(&ring);
	/* again: it stays as it is */
	assert_int_equal(idm_keyring_create(path, IDM_PURPOSE_PASSWORD, (gid_t)-1, NULL), IDM_OK);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, NULL), IDM_OK);
	assert_int_equal(unseal(ring, blob, &plain, NULL), IDM_OK);
	idm_keyring_close(&ring);
	/* another file: another key */
	unlink(path);
	assert_int_equal(idm_keyring_create(path, IDM_PURPOSE_PASSWORD, (gid_t)-1, NULL), IDM_OK);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, NULL), IDM_OK);
	assert_int_equal(unseal(ring, blob, &plain, NULL), IDM_CORRUPT);
	idm_keyring_close(&ring);
}

static void
a_ring_with_a_group_may_be_read_by_it(void **state)
{
	struct idm_keyring *ring;
	struct stat info;
	struct idm_error err;

	(void)state;
	unlink(path);
	assert_int_equal(idm_keyring_create(path, IDM_PURPOSE_RADIUS, getgid(), NULL), IDM_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0640);
	assert_int_equal(info.st_gid, getgid());
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_RADIUS, &ring, NULL), IDM_OK);
	idm_keyring_close(&ring);
	/* a file of another purpose is told from its first line */
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err), IDM_INVALID);
	assert_non_null(
	    strstr(err.text, ":1: it does not begin with \"kanidm-keyring 1 password\""));
}

static void
what_a_crash_left_does_not_hinder(void **state)
{
	char beside[sizeof(path) + 4];
	FILE *file;

	(void)state;
	unlink(path);
	snprintf(beside, sizeof(beside), "%s.new", path);
	file = fopen(beside, "we");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(idm_keyring_create(path, IDM_PURPOSE_PASSWORD, (gid_t)-1, NULL), IDM_OK);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_not_equal(access(beside, F_OK), 0);
}

static void
a_place_that_is_not_there_is_an_error(void **state)
{
	struct idm_keyring *ring;
	struct idm_error err;

	(void)state;
	assert_int_equal(
	    idm_keyring_create("/nonexistent/keys", IDM_PURPOSE_PASSWORD, (gid_t)-1, &err),
	    IDM_SYSTEM);
	assert_int_equal(idm_keyring_open("/nonexistent/keys", IDM_PURPOSE_PASSWORD, &ring, &err),
	    IDM_NOT_FOUND);
	assert_null(ring);
	assert_int_equal(idm_keyring_open(dir, IDM_PURPOSE_PASSWORD, &ring, &err), IDM_INVALID);
	assert_non_null(strstr(err.text, "not a regular file"));
}

static void
modes_that_let_others_at_the_keys_are_refused(void **state)
{
	static const mode_t password_modes[] = { 0640, 0620, 0604, 0602, 0644, 0666 };
	static const mode_t radius_modes[] = { 0660, 0644, 0602 };
	struct idm_keyring *ring;
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(password_modes) / sizeof(password_modes[0]); i++) {
		write_file(HEAD "1 active " KEY_A "\n", password_modes[i]);
		assert_int_equal(
		    idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err), IDM_INVALID);
		assert_non_null(strstr(err.text, "lets others at the keys; chmod it to 0600"));
	}
	for (size_t i = 0; i < sizeof(radius_modes) / sizeof(radius_modes[0]); i++) {
		write_file("kanidm-keyring 1 radius\n1 active " KEY_A "\n", radius_modes[i]);
		assert_int_equal(
		    idm_keyring_open(path, IDM_PURPOSE_RADIUS, &ring, &err), IDM_INVALID);
	}
}

static const struct {
	const char *text;
	const char *error;
} bad_rings[] = {
	{ "", ":1: no key" },
	{ HEAD, ":2: no key" },
	{ "kanidm-keyring 2 password\n1 active " KEY_A "\n",
	    ":1: it does not begin with \"kanidm-keyring 1 password\"" },
	{ HEAD "1 active " KEY_A, ":2: the line does not end" },
	{ HEAD "0 active " KEY_A "\n", ":2: no key id: a number from 1 and a space" },
	{ HEAD "x active " KEY_A "\n", ":2: no key id: a number from 1 and a space" },
	{ HEAD "-1 active " KEY_A "\n", ":2: no key id: a number from 1 and a space" },
	{ HEAD "1234567890 active " KEY_A "\n", ":2: no key id: a number from 1 and a space" },
	{ HEAD "1 activ " KEY_A "\n", ":2: no state: active or retired" },
	{ HEAD "1 active  " KEY_A "\n", ":2: no key: 64 hexadecimal digits in lower case" },
	{ HEAD "1 active " KEY_A "0\n", ":2: no key: 64 hexadecimal digits in lower case" },
	{ HEAD "1 active 0011\n", ":2: no key: 64 hexadecimal digits in lower case" },
	{ HEAD "1 active\n", ":2: no state: active or retired" },
	{ HEAD "1 active " KEY_A "\n\n", ":3: no key id: a number from 1 and a space" },
	{ HEAD "1 active " KEY_A "\n1 retired " KEY_B "\n", ":3: a key id that stands twice" },
};

static void
a_damaged_ring_names_file_and_line(void **state)
{
	struct idm_keyring *ring;
	struct idm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_rings) / sizeof(bad_rings[0]); i++) {
		write_file(bad_rings[i].text, 0600);
		assert_int_equal(
		    idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err), IDM_INVALID);
		assert_memory_equal(err.text, path, strlen(path));
		assert_string_equal(err.text + strlen(path), bad_rings[i].error);
		assert_null(ring);
	}
}

static void
no_error_shows_a_key(void **state)
{
	struct idm_keyring *ring;
	struct idm_error err;

	(void)state;
	write_file(HEAD "1 active " KEY_A "x\n", 0600);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err), IDM_INVALID);
	assert_null(strstr(err.text, "00112233"));
}

static void
too_many_keys_or_too_large_a_file_is_refused(void **state)
{
	char text[32 * 1024] = HEAD;
	size_t len = strlen(text);
	struct idm_keyring *ring;
	struct idm_error err;

	(void)state;
	for (int i = 1; i <= 65; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d active " KEY_A "\n", i);
	write_file(text, 0600);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err), IDM_INVALID);
	assert_string_equal(err.text + strlen(path), ":66: too many keys");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	write_file(text, 0600);
	assert_int_equal(idm_keyring_open(path, IDM_PURPOSE_PASSWORD, &ring, &err), IDM_INVALID);
	assert_string_equal(err.text + strlen(path), ": too large for a key file");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_secret_comes_back),
		cmocka_unit_test(the_head_of_a_blob_is_as_documented),
		cmocka_unit_test(a_blob_of_another_implementation_opens),
		cmocka_unit_test(no_two_blobs_are_alike),
		cmocka_unit_test(a_change_of_any_octet_is_seen),
		cmocka_unit_test(every_truncation_is_corrupt),
		cmocka_unit_test(a_blob_fits_its_entry_and_attribute_alone),
		cmocka_unit_test(another_key_or_purpose_opens_nothing),
		cmocka_unit_test(the_newest_active_key_seals_and_retired_ones_unseal),
		cmocka_unit_test(a_rotated_ring_opens_what_it_sealed_before_and_seals_anew),
		cmocka_unit_test(a_full_ring_loses_its_oldest_key_alone),
		cmocka_unit_test(a_full_arena_and_an_overlong_secret_are_limits),
		cmocka_unit_test(a_ring_is_made_once_with_its_mode),
		cmocka_unit_test(a_ring_with_a_group_may_be_read_by_it),
		cmocka_unit_test(what_a_crash_left_does_not_hinder),
		cmocka_unit_test(a_place_that_is_not_there_is_an_error),
		cmocka_unit_test(modes_that_let_others_at_the_keys_are_refused),
		cmocka_unit_test(a_damaged_ring_names_file_and_line),
		cmocka_unit_test(no_error_shows_a_key),
		cmocka_unit_test(too_many_keys_or_too_large_a_file_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
