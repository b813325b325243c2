#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base64.h"
#include "core/sshkey.h"

#define ED25519 "AAAAC3NzaC1lZDI1NTE5AAAAIM6d2fDmz/XyG9N43e2fg2ZOeHlfAdhJ3MLRbkJfu/zL"
#define NISTP256                                                                                   \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBbs8wgQm0H5SnNEwOxFbKdHZLFppWom/6Bx" \
	"LDOVcAghVTMLjodDhYSzKLIy9xHQa3F3smlcmx42YMw/xBit3Pk="
#define NISTP384                                                                                   \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBJkhuv6/MOcf80h4mGCOR3ejqCfKKKxuO5d+" \
	"hPDpXpsbk0xgLt8CEXYbUF1VZ9DGMUd49IxUVHbBNJhLFQrf4pP4PUcEeINin0PFqlDWoA3dTEB1NDKL/TVkPq9p" \
	"jRnlIQ=="
#define NISTP521                                                                                   \
	"AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAEjDlkTA4JtjzNgdPinO91lSHRhLg1of5b7" \
	"Te4HkTJXzYA6QAN2qyDT4RvdPmk5BN86flPSUgdE6nJHayh6wLLAYADPWWHGmRvTiawsbHX/c42ykotYt+m4xxta" \
	"8soH87vgA2D/XKUJUa00HUquE3mE7H5ZwRGZsNp3sekOsrQhz76OxA=="

struct fixture {
	struct idm_arena *arena;
	struct idm_error err;
	struct idm_value value;
	uint8_t blob[4096]; /* a key that a test puts together */
	size_t blob_len;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->arena = idm_arena_new(256 * 1024);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	idm_arena_free(&f->arena);
	free(f);
	return 0;
}

static enum idm_result
parse(struct fixture *f, const char *text)
{
	size_t len = strlen(text);
	uint8_t *exact = malloc(len + (len == 0));
	enum idm_result result;

	assert_non_null(exact);
	memcpy(exact, text, len);
	idm_arena_reset(f->arena);
	memset(&f->err, 0, sizeof(f->err));
	result = idm_sshkey_parse(
	    "ssh_publickey", idm_span_of(exact, len), f->arena, &f->value, &f->err);
	free(exact);
	return result;
}

static void
assert_refused(struct fixture *f, const char *text, const char *why)
{
	if (parse(f, text) != IDM_INVALID)
		fail_msg("taken: %s", text);
	if (strstr(f->err.client_text, why) == NULL)
		fail_msg("%s: %s", text, f->err.client_text);
}

static void
put(struct fixture *f, const void *bytes, size_t len)
{
	const uint8_t head[] = { 0, 0, (uint8_t)(len >> 8), (uint8_t)len };

	assert_true(f->blob_len + 4 + len <= sizeof(f->blob));
	memcpy(f->blob + f->blob_len, head, 4);
	memcpy(f->blob + f->blob_len + 4, bytes, len);
	f->blob_len += 4 + len;
}

static void
put_text(struct fixture *f, const char *text)
{
	put(f, text, strlen(text));
}

/* The line of a key that says to be of `type`, with the blob that was put together. */
static const char *
line(struct fixture *f, const char *type)
{
	static char text[8192];
	size_t len = (size_t)snprintf(text, sizeof(text), "tag %s ", type);

	len += idm_base64_encode(IDM_BASE64, idm_span_of(f->blob, f->blob_len), text + len);
	while (f->blob_len % 3 != 0 && (len - strlen("tag ") - strlen(type) - 1) % 4 != 0)
		text[len++] = '=';
	text[len] = '\0';
	f->blob_len = 0;
	return text;
}

static const char *
rsa_line(struct fixture *f, const uint8_t *modulus, size_t len)
{
	put_text(f, "ssh-rsa");
	put(f, "\1\0\1", 3);
	put(f, modulus, len);
	return line(f, "ssh-rsa");
}

static void
keys_of_every_type_are_taken(void **state)
{
	static const char *const texts[] = { "a ssh-ed25519 " ED25519,
		"a ecdsa-sha2-nistp256 " NISTP256, "a ecdsa-sha2-nistp384 " NISTP384,
		"a ecdsa-sha2-nistp521 " NISTP521 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(f, texts[i]), IDM_OK);
		assert_true(idm_span_is(f->value.stored, texts[i]));
		assert_true(idm_span_is(f->value.norm, "a"));
	}
}

static void
the_comment_goes_and_the_tag_is_compared_without_case(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
	    parse(f, "  LapTop  ssh-ed25519  " ED25519 "  alice@laptop of mine "), IDM_OK);
	assert_true(idm_span_is(f->value.stored, "LapTop ssh-ed25519 " ED25519));
	assert_true(idm_span_is(f->value.norm, "laptop"));
	assert_true(idm_span_is(idm_sshkey_tag(f->value.stored), "LapTop"));
	assert_int_equal(parse(f, "Büro ssh-ed25519 " ED25519), IDM_OK);
	assert_true(idm_span_is(f->value.norm, "büro"));
}

static void
security_keys_are_taken(void **state)
{
	struct fixture *f = *state;
	uint8_t point[65] = { 4 };

	put_text(f, "sk-ssh-ed25519@openssh.com");
	put(f, point, 32);
	put_text(f, "ssh:");
	assert_int_equal(parse(f, line(f, "sk-ssh-ed25519@openssh.com")), IDM_OK);
	put_text(f, "sk-ecdsa-sha2-nistp256@openssh.com");
	put_text(f, "nistp256");
	put(f, point, 65);
	put_text(f, "ssh:");
	assert_int_equal(parse(f, line(f, "sk-ecdsa-sha2-nistp256@openssh.com")), IDM_OK);
	put_text(f, "sk-ssh-ed25519@openssh.com");
	put(f, point, 32);
	assert_refused(f, line(f, "sk-ssh-ed25519@openssh.com"), "does not decode");
	put_text(f, "sk-ssh-ed25519@openssh.com");
	put(f, point, 32);
	put_text(f, "");
	assert_refused(f, line(f, "sk-ssh-ed25519@openssh.com"), "does not decode");
}

static void
rsa_keys_are_long_enough(void **state)
{
	struct fixture *f = *state;
	uint8_t modulus[2050] = { 0, 0x80 };

	assert_int_equal(parse(f, rsa_line(f, modulus, 257)), IDM_OK);  /* 2048 bits */
	assert_int_equal(parse(f, rsa_line(f, modulus, 2049)), IDM_OK); /* 16384 bits */
	assert_refused(f, rsa_line(f, modulus, 256), "less than 2048 bits");
	assert_refused(f, rsa_line(f, modulus, 129), "less than 2048 bits");
	assert_refused(f, rsa_line(f, modulus, 2050), "more than 16384 bits");
	modulus[1] = 0x7f; /* a zero in front that need not be */
	assert_refused(f, rsa_line(f, modulus, 257), "does not decode");
	modulus[0] = 0x80; /* negative */
	assert_refused(f, rsa_line(f, modulus, 257), "does not decode");
	assert_refused(f, rsa_line(f, modulus, 0), "does not decode");
	modulus[0] = 0x7f; /* 2047 bits */
	assert_refused(f, rsa_line(f, modulus, 256), "less than 2048 bits");
}

static void
a_key_is_of_the_type_that_it_says(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "a ssh-rsa " ED25519, "another type");
	assert_refused(f, "a ecdsa-sha2-nistp384 " NISTP256, "another type");
	assert_refused(f, "a ssh-dss " ED25519, "unknown type");
	assert_refused(f, "a SSH-ED25519 " ED25519, "unknown type");
	put_text(f, "ecdsa-sha2-nistp256");
	put_text(f, "nistp384");
	put(f, "\4", 1);
	assert_refused(f, line(f, "ecdsa-sha2-nistp256"), "does not decode");
}

static void
points_have_the_length_and_form_of_their_curve(void **state)
{
	struct fixture *f = *state;
	uint8_t point[66] = { 4 };

	for (size_t n = 0; n <= sizeof(point); n++) {
		put_text(f, "ecdsa-sha2-nistp256");
		put_text(f, "nistp256");
		put(f, point, n);
		if (n == 65)
			assert_int_equal(parse(f, line(f, "ecdsa-sha2-nistp256")), IDM_OK);
		else
			assert_refused(f, line(f, "ecdsa-sha2-nistp256"), "does not decode");
	}
	point[0] = 2; /* compressed */
	put_text(f, "ecdsa-sha2-nistp256");
	put_text(f, "nistp256");
	put(f, point, 65);
	assert_refused(f, line(f, "ecdsa-sha2-nistp256"), "does not decode");
}

static void
lines_without_a_tag_or_a_key_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "", "must not be empty");
	assert_refused(f, "   ", "takes a tag and a key");
	assert_refused(f, "laptop", "takes a tag and a key");
	assert_refused(f, "laptop ssh-ed25519", "takes a tag and a key");
	assert_refused(f, "ssh-ed25519 " ED25519, "needs a tag");
	assert_refused(f, "ssh-ed25519 " ED25519 " alice@laptop", "needs a tag");
	assert_refused(f,
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
	    "ssh-ed25519 " ED25519,
	    "64 octets");
}

static void
only_clean_base64_is_taken(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "a ssh-ed25519 AAAA", "another type");
	assert_refused(f, "a ssh-ed25519 AAA", "not base64");
	assert_refused(f, "a ssh-ed25519 AAA-", "not base64");
	assert_refused(f, "a ssh-ed25519 A===", "not base64");
	assert_refused(f, "a ssh-ed25519 ====", "not base64");
	assert_refused(f, "a ssh-ed25519 AB==", "not base64"); /* bits behind the last octet */
	assert_refused(f, "a ssh-ed25519 " ED25519 "AA==", "does not decode");
}

static void
every_truncation_of_a_key_is_refused(void **state)
{
	static const struct {
		const char *type;
		const char *base64;
	} keys[] = { { "ssh-ed25519", ED25519 }, { "ecdsa-sha2-nistp256", NISTP256 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (size_t n = 1; n < strlen(keys[i].base64); n++) {
			char text[300];

			snprintf(
			    text, sizeof(text), "a %s %.*s", keys[i].type, (int)n, keys[i].base64);
			assert_refused(f, text, "ssh_publickey holds a key");
		}
	}
}

static void
lengths_that_lie_are_refused(void **state)
{
	struct fixture *f = *state;

	put_text(f, "ssh-ed25519");
	put(f, "0123456789abcdef0123456789abcdef", 32);
	memset(f->blob + 15, 0xff, 4); /* the length of the key */
	assert_refused(f, line(f, "ssh-ed25519"), "does not decode");
	put_text(f, "ssh-ed25519");
	memset(f->blob, 0xff, 4); /* of the type */
	assert_refused(f, line(f, "ssh-ed25519"), "another type");
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(keys_of_every_type_are_taken),
		WITH_ARENA(the_comment_goes_and_the_tag_is_compared_without_case),
		WITH_ARENA(security_keys_are_taken),
		WITH_ARENA(rsa_keys_are_long_enough),
		WITH_ARENA(a_key_is_of_the_type_that_it_says),
		WITH_ARENA(points_have_the_length_and_form_of_their_curve),
		WITH_ARENA(lines_without_a_tag_or_a_key_are_refused),
		WITH_ARENA(only_clean_base64_is_taken),
		WITH_ARENA(every_truncation_of_a_key_is_refused),
		WITH_ARENA(lengths_that_lie_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
