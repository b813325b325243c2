/* Certificates and keys as they are found on disk, and what TLS is spoken with them. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <openssl/err.h>

#include "ldapd/tls.h"
#include "tests/support/certificate.h"
#include "tests/support/store_dir.h"
#include "tests/support/temp_dir.h"

static char dir[TEMP_DIR_BYTES];
static char chain[sizeof(dir) + 16];
static char key[sizeof(dir) + 16];

static int
setup(void **state)
{
	(void)state;
	temp_dir_make("tls", dir, sizeof(dir));
	snprintf(chain, sizeof(chain), "%s/chain.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	temp_dir_remove(dir);
	return 0;
}

static void
write_text(const char *path, const char *text)
{
	store_dir_save(path, (const uint8_t *)text, strlen(text));
}

/* The text names the file, and says what is wrong; nothing is kept. */
static void
expect(enum idm_result result, const char *path, const char *text)
{
	struct idm_error err = { .text = "" };
	struct tls_material material;

	memset(&material, 0xa5, sizeof(material));
	assert_int_equal(tls_material_load(chain, key, &material, &err), result);
	if (strstr(err.text, path) == NULL || strstr(err.text, text) == NULL)
		fail_msg("%s", err.text);
	assert_null(material.chain);
	assert_null(material.key);
	assert_int_equal(ERR_peek_error(), 0); /* for the next one to fail */
}

static void
a_certificate_with_its_key_is_taken(void **state)
{
	struct tls_material material;
	struct idm_error err = { .text = "" };
	SSL_CTX *ctx;

	(void)state;
	certificate_write(chain, key, -3600, 3600, NULL);
	assert_int_equal(tls_material_load(chain, key, &material, &err), IDM_OK);
	assert_int_equal(tls_context_new(&material, &ctx, &err), IDM_OK);
	SSL_CTX_free(ctx);
	tls_material_free(&material);
	assert_null(material.key);
	assert_int_equal(material.key_len, 0);
	tls_material_free(&material); /* once more does no harm */
}

static void
the_rest_of_a_chain_is_sent_too(void **state)
{
	struct tls_material material;
	struct idm_error err = { .text = "" };
	STACK_OF(X509) *sent = NULL;
	SSL_CTX *ctx;
	size_t len, more_len;
	uint8_t *first, *more, *both;

	(void)state;
	certificate_write(chain, key, -3600, 3600, NULL);
	more = store_dir_load(chain, &more_len); /* an issuer, as far as a chain goes */
	certificate_write(chain, key, -3600, 3600, NULL);
	first = store_dir_load(chain, &len);
	both = malloc(len + more_len);
	assert_non_null(both);
	memcpy(both, first, len);
	memcpy(both + len, more, more_len);
	store_dir_save(chain, both, len + more_len);
	assert_int_equal(tls_material_load(chain, key, &material, &err), IDM_OK);
	assert_int_equal(tls_context_new(&material, &ctx, &err), IDM_OK);
	SSL_CTX_get0_chain_certs(ctx, &sent);
	assert_int_equal(sk_X509_num(sent), 1);
	SSL_CTX_free(ctx);
	tls_material_free(&material);
	free(first);
	free(more);
	free(both);
}

static void
a_file_that_is_missing_is_named(void **state)
{
	(void)state;
	certificate_write(chain, key, -3600, 3600, NULL);
	unlink(key);
	expect(IDM_NOT_FOUND, key, "tls_key");
	unlink(chain);
	expect(IDM_NOT_FOUND, chain, "tls_chain");
	assert_int_equal(mkdir(chain, 0700), 0);
	expect(IDM_INVALID, chain, "not a PEM file");
	assert_int_equal(rmdir(chain), 0);
}

static void
a_file_of_no_sensible_size_is_refused(void **state)
{
	(void)state;
	certificate_write(chain, key, -3600, 3600, NULL);
	write_text(chain, "");
	expect(IDM_INVALID, chain, "not a PEM file");
	certificate_write(chain, key, -3600, 3600, NULL);
	assert_int_equal(truncate(key, 1024 * 1024), 0);
	expect(IDM_INVALID, key, "at most");
}

static void
what_is_no_certificate_is_refused(void **state)
{
	uint8_t *bytes;
	size_t len;

	(void)state;
	certificate_write(chain, key, -3600, 3600, NULL);
	write_text(chain, "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n");
	expect(IDM_INVALID, chain, "no certificate in PEM");
	write_text(chain, "a text\n");
	expect(IDM_INVALID, chain, "no certificate in PEM");
	certificate_write(chain, key, -3600, 3600, NULL);
	bytes = store_dir_load(chain, &len);
	store_dir_save(chain, bytes, len / 2);
	free(bytes);
	expect(IDM_INVALID, chain, "no certificate in PEM");
}

static void
what_is_no_key_is_refused(void **state)
{
	(void)state;
	certificate_write(chain, key, -3600, 3600, NULL);
	write_text(key, "a text\n");
	expect(IDM_INVALID, key, "no usable private key in PEM");
}

/* Nobody is there who could be asked for it; and nobody is asked. */
static void
a_key_under_a_passphrase_is_refused(void **state)
{
	(void)state;
	certificate_write(chain, key, -3600, 3600, "open sesame");
	expect(IDM_INVALID, key, "without a passphrase");
}

static void
the_key_of_another_certificate_is_refused(void **state)
{
	uint8_t *other;
	size_t len;

	(void)state;
	certificate_write(chain, key, -3600, 3600, NULL);
	other = store_dir_load(key, &len);
	certificate_write(chain, key, -3600, 3600, NULL);
	store_dir_save(key, other, len);
	free(other);
	expect(IDM_INVALID, key, "is not the key of the certificate");
}

static void
a_certificate_out_of_its_time_is_refused(void **state)
{
	(void)state;
	certificate_write(chain, key, -7200, -3600, NULL);
	expect(IDM_INVALID, chain, "has expired: renew it");
	certificate_write(chain, key, 3600, 7200, NULL);
	expect(IDM_INVALID, chain, "not valid yet");
}

/* --- what is spoken */

/* Both sides of a handshake, in memory. */
struct talk {
	SSL_CTX *server_ctx;
	SSL_CTX *client_ctx;
	SSL *server;
	SSL *client;
};

static void
begin(struct talk *talk)
{
	struct tls_material material;
	struct idm_error err = { .text = "" };

	certificate_write(chain, key, -3600, 3600, NULL);
	assert_int_equal(tls_material_load(chain, key, &material, &err), IDM_OK);
	assert_int_equal(tls_context_new(&material, &talk->server_ctx, &err), IDM_OK);
	tls_material_free(&material);
	talk->client_ctx = certificate_client();
	SSL_CTX_set_security_level(talk->client_ctx, 0);
}

static bool
shake_hands(struct talk *talk)
{
	BIO *one, *two;
	bool done = false;

	talk->server = SSL_new(talk->server_ctx);
	talk->client = SSL_new(talk->client_ctx);
	assert_int_equal(BIO_new_bio_pair(&one, 0, &two, 0), 1);
	SSL_set_bio(talk->server, one, one);
	SSL_set_bio(talk->client, two, two);
	for (int i = 0; i < 10 && !done; i++) {
		int client = SSL_connect(talk->client);
		int server = SSL_accept(talk->server);

		done = client == 1 && server == 1;
	}
	ERR_clear_error();
	return done;
}

static void
end(struct talk *talk)
{
	SSL_free(talk->server);
	SSL_free(talk->client);
	SSL_CTX_free(talk->server_ctx);
	SSL_CTX_free(talk->client_ctx);
}

static void
tls_1_3_and_1_2_are_spoken_and_no_older_ones(void **state)
{
	static const struct {
		int version;
		bool spoken;
	} cases[] = { { TLS1_3_VERSION, true }, { TLS1_2_VERSION, true }, { TLS1_1_VERSION, false },
		{ TLS1_VERSION, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk talk;

		begin(&talk);
		SSL_CTX_set_min_proto_version(talk.client_ctx, cases[i].version);
		SSL_CTX_set_max_proto_version(talk.client_ctx, cases[i].version);
		assert_int_equal(shake_hands(&talk), cases[i].spoken);
		if (cases[i].spoken)
			assert_int_equal(SSL_version(talk.client), cases[i].version);
		end(&talk);
	}
}

static void
in_tls_1_2_only_forward_secret_aead_is_spoken(void **state)
{
	static const struct {
		const char *ciphers;
		bool spoken;
	} cases[] = { { "ECDHE-ECDSA-AES128-GCM-SHA256", true },
		{ "ECDHE-ECDSA-CHACHA20-POLY1305", true },
		{ "ECDHE-ECDSA-AES128-SHA", false },         /* CBC */
		{ "ECDHE-ECDSA-AES256-SHA384", false },      /* CBC */
		{ "AES128-GCM-SHA256:AES128-SHA", false } }; /* RSA key exchange */

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk talk;

		begin(&talk);
		SSL_CTX_set_max_proto_version(talk.client_ctx, TLS1_2_VERSION);
		assert_int_equal(SSL_CTX_set_cipher_list(talk.client_ctx, cases[i].ciphers), 1);
		assert_int_equal(shake_hands(&talk), cases[i].spoken);
		end(&talk);
	}
}

/* Each worker has its own keys: a ticket would be nothing to the next one. */
static void
no_session_is_resumed(void **state)
{
	struct talk talk;

	(void)state;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_SESSION *session;
		char octet;

		begin(&talk);
		SSL_CTX_set_max_proto_version(talk.client_ctx, version);
		assert_true(shake_hands(&talk));
		SSL_read(talk.client, &octet, 1); /* a ticket would come now */
		session = SSL_get1_session(talk.client);
		assert_false(SSL_SESSION_has_ticket(session));
		assert_false(SSL_SESSION_is_resumable(session));
		SSL_SESSION_free(session);
		end(&talk);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_with_its_key_is_taken),
		cmocka_unit_test(the_rest_of_a_chain_is_sent_too),
		cmocka_unit_test(a_file_that_is_missing_is_named),
		cmocka_unit_test(a_file_of_no_sensible_size_is_refused),
		cmocka_unit_test(what_is_no_certificate_is_refused),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(a_key_under_a_passphrase_is_refused),
		cmocka_unit_test(the_key_of_another_certificate_is_refused),
		cmocka_unit_test(a_certificate_out_of_its_time_is_refused),
		cmocka_unit_test(tls_1_3_and_1_2_are_spoken_and_no_older_ones),
		cmocka_unit_test(in_tls_1_2_only_forward_secret_aead_is_spoken),
		cmocka_unit_test(no_session_is_resumed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
