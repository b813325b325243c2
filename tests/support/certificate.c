#include "tests/support/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static X509 *
make_certificate(EVP_PKEY *key, long from_s, long until_s)
{
	X509 *cert = X509_new();
	X509_NAME *name;

	assert_non_null(cert);
	name = X509_get_subject_name(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
	X509_gmtime_adj(X509_getm_notAfter(cert), until_s);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) != 0);
	return cert;
}

static FILE *
open_file(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	return file;
}

void
certificate_write(
    const char *chain_path, const char *key_path, long from_s, long until_s, const char *passphrase)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert;
	FILE *file = open_file(chain_path);

	assert_non_null(key);
	cert = make_certificate(key, from_s, until_s);
	assert_int_equal(PEM_write_X509(file, cert), 1);
	fclose(file);
	file = open_file(key_path);
	assert_int_equal(
	    PEM_write_PKCS8PrivateKey(file, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
		passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	fclose(file);
	X509_free(cert);
	EVP_PKEY_free(key);
}

SSL_CTX *
certificate_client(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return ctx;
}
