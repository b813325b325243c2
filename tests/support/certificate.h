/* Certificates and keys for tests: ECDSA P-256, self-signed, in PEM. */
#ifndef TESTS_SUPPORT_CERTIFICATE_H
#define TESTS_SUPPORT_CERTIFICATE_H

#include "ldapd/tls.h"

/*
 * Write a certificate for localhost, which holds from `from_s` to `until_s` seconds after now, and
 * its key, under `passphrase` unless that is NULL.
 */
void certificate_write(const char *chain_path, const char *key_path, long from_s, long until_s,
    const char *passphrase);

/* A context of a client that takes any certificate. */
SSL_CTX *certificate_client(void);

#endif
