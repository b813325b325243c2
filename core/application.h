/*
 * Application passwords (SPEC 6.1, 8.4): generated ones of an account, each for one application, an
 * entry that is linked with a group.  They are rows beside the API tokens, bind to LDAP alone, give
 * the rights that a unix password gives, and work as long as the account is in the linked group.
 */
#ifndef CORE_APPLICATION_H
#define CORE_APPLICATION_H

#include "core/access.h"
#include "core/credential.h"

/*
 * A fresh one, 48 characters as all that are generated (SPEC 6.5); id and hash in `row`, both from
 * SHA-256 of the text: against 277 random bits a slow hash would be no better.  False: the random
 * source failed.
 */
bool idm_application_password_generate(
    char text[IDM_GENERATED_PASSWORD_BYTES], struct idm_token_row *row);

/* The id and hash that a password would have.  False: it is not of that form. */
bool idm_application_password_parse(
    struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES]);

/*
 * May the account use passwords of the application?  IDM_DENIED, with a text for the log and for
 * who may know: there is no such application, it is linked with no group, or the account is not in
 * that.
 */
enum idm_result idm_application_check(const struct idm_read *read, const struct idm_entry *account,
    const struct idm_uuid *application, struct idm_error *err);

/*
 * Is this one of the account's application passwords?  `name`: of the application that the bind
 * named; empty: none.  The account's own state is the caller's to check.  IDM_NOT_FOUND without a
 * text: it is none of them, so it may be another kind of password.  IDM_DENIED with a text for the
 * log: it is one, and not for this application, or may not be used now.
 */
enum idm_result idm_application_prove(const struct idm_read *read, const struct idm_entry *account,
    struct idm_span name, struct idm_span password, struct idm_identity *out,
    struct idm_error *err);

/* Does the login that a password began go on?  IDM_DENIED: the password or the right to it is gone.
 */
enum idm_result idm_application_recheck(const struct idm_read *read,
    const struct idm_entry *account, const struct idm_identity *identity, struct idm_error *err);

#endif
