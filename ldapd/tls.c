#include "ldapd/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { MATERIAL_BYTES_MAX = 256 * 1024 };

static enum idm_result
read_file(const char *path, uint8_t **out, size_t *len, struct idm_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return idm_fail(err, errno == ENOENT ? IDM_NOT_FOUND : IDM_SYSTEM,
		    "%s: %s: give a PEM file as tls_chain and tls_key", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
	    st.st_size > MATERIAL_BYTES_MAX) {
		close(fd);
		return idm_fail(err, IDM_INVALID, "%s: not a PEM file of at most %d octets", path,
		    MATERIAL_BYTES_MAX);
	}
	*len = (size_t)st.st_size;
	*out = malloc(*len);
	n = *out == NULL ? -1 : read(fd, *out, *len);
	close(fd);
	if (n != (ssize_t)*len)
		return idm_fail(err, IDM_SYSTEM, "%s: could not be read", path);
	return IDM_OK;
}

/* The reason that OpenSSL noted first, and nothing left behind. */
static const char *
openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	ERR_clear_error();
	return reason == NULL ? "unknown error" : reason;
}

static enum idm_result
use_chain(SSL_CTX *ctx, const struct tls_material *material, struct idm_error *err)
{
	BIO *bio = BIO_new_mem_buf(material->chain, (int)material->chain_len);
	X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	bool good = leaf != NULL && SSL_CTX_use_certificate(ctx, leaf) == 1;
	X509 *next;

	X509_free(leaf);
	while (good && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		good = SSL_CTX_add0_chain_cert(ctx, next) == 1;
		if (!good)
			X509_free(next);
	}
	BIO_free(bio);
	if (!good)
		return idm_fail(err, IDM_INVALID, "%s: no certificate in PEM: %s",
		    material->chain_name, openssl_reason());
	ERR_clear_error(); /* the end of the file */
	return IDM_OK;
}

/* A daemon has nobody to ask: a key with a passphrase is one that can't be read. */
static int
no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static enum idm_result
use_key(SSL_CTX *ctx, const struct tls_material *material, struct idm_error *err)
{
	BIO *bio = BIO_new_mem_buf(material->key, (int)material->key_len);
	EVP_PKEY *key =
	    bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	bool good = key != NULL;

	BIO_free(bio);
	if (!good)
		return idm_fail(err, IDM_INVALID,
		    "%s: no usable private key in PEM, without a passphrase: %s",
		    material->key_name, openssl_reason());
	good = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	if (!good)
		return idm_fail(err, IDM_INVALID, "%s is not the key of the certificate in %s: %s",
		    material->key_name, material->chain_name, openssl_reason());
	return IDM_OK;
}

static bool
set_protocol(SSL_CTX *ctx)
{
	char groups[] = "X25519:P-256:P-384"; /* the macro casts const away */

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
				     SSL_OP_CLEANSE_PLAINTEXT | /* passwords came in it */
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1); /* one system call a record, not two */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, groups) == 1;
}

enum idm_result
tls_context_new(const struct tls_material *material, SSL_CTX **out, struct idm_error *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	enum idm_result result;

	*out = NULL;
	if (ctx == NULL || !set_protocol(ctx)) {
		SSL_CTX_free(ctx);
		return idm_fail(err, IDM_SYSTEM, "TLS: %s", openssl_reason());
	}
	result = use_chain(ctx, material, err);
	if (result == IDM_OK)
		result = use_key(ctx, material, err);
	if (result == IDM_OK)
		*out = ctx;
	else
		SSL_CTX_free(ctx);
	return result;
}

static enum idm_result
check_dates(SSL_CTX *ctx, const char *path, struct idm_error *err)
{
	const X509 *leaf = SSL_CTX_get0_certificate(ctx);

	if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
		return idm_fail(err, IDM_INVALID,
		    "%s: the certificate is not valid yet: look at the clock, or renew it", path);
	if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
		return idm_fail(
		    err, IDM_INVALID, "%s: the certificate has expired: renew it", path);
	return IDM_OK;
}

enum idm_result
tls_material_load(
    const char *chain_path, const char *key_path, struct tls_material *out, struct idm_error *err)
{
	SSL_CTX *ctx = NULL;
	enum idm_result result;

	*out = (struct tls_material){ .chain_name = chain_path, .key_name = key_path };
	result = read_file(chain_path, &out->chain, &out->chain_len, err);
	if (result == IDM_OK)
		result = read_file(key_path, &out->key, &out->key_len, err);
	if (result == IDM_OK)
		result = tls_context_new(out, &ctx, err);
	if (result == IDM_OK)
		result = check_dates(ctx, chain_path, err);
	SSL_CTX_free(ctx);
	if (result != IDM_OK)
		tls_material_free(out);
	return result;
}

void
tls_material_free(struct tls_material *material)
{
	if (material->key != NULL)
		OPENSSL_cleanse(material->key, material->key_len);
	free(material->key);
	free(material->chain);
	memset(material, 0, sizeof(*material));
}
