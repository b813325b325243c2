#include "core/application.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/token_store.h"

static bool
hash_text(struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES])
{
	unsigned len = 0;

	if (EVP_Digest(text.ptr, text.len, hash, &len, EVP_sha256(), NULL) != 1 ||
	    len != IDM_TOKEN_HASH_BYTES)
		return false;
	memcpy(id->bytes, hash, IDM_UUID_BYTES);
	return true;
}

bool
idm_application_password_generate(
    char text[IDM_GENERATED_PASSWORD_BYTES], struct idm_token_row *row)
{
	return idm_password_generate(text) && hash_text(idm_span_cstr(text), &row->id, row->hash);
}

bool
idm_application_password_parse(
    struct idm_span text, struct idm_uuid *id, uint8_t hash[IDM_TOKEN_HASH_BYTES])
{
	if (!idm_password_looks_generated(text))
		return false;
	return hash_text(text, id, hash);
}

/* The group that the application is linked with. */
static enum idm_result
linked_group(const struct idm_read *read, const struct idm_uuid *application,
    struct idm_entry *group, struct idm_error *err)
{
	struct idm_entry entry;
	struct idm_value_iter iter;
	struct idm_value value;
	struct idm_uuid uuid;
	enum idm_result result = idm_lookup_uuid(read, application, &entry, err);

	if (result == IDM_NOT_FOUND ||
	    (result == IDM_OK &&
		(!idm_entry_is_live(&entry) || !idm_entry_has_class(&entry, "application"))))
		return idm_refuse(err, IDM_DENIED, "there is no such application");
	if (result != IDM_OK)
		return result;
	iter = idm_entry_values(&entry, IDM_ATTR_LINKED_GROUP);
	if (!idm_value_next(&iter, &value))
		return idm_refuse(err, IDM_DENIED,
		    "the application %.*s is linked with no group, so nobody may use it",
		    IDM_SPAN_ARG(idm_entry_text(&entry, IDM_ATTR_NAME)));
	memcpy(uuid.bytes, value.stored.ptr, IDM_UUID_BYTES);
	result = idm_lookup_uuid(read, &uuid, group, err);
	return result == IDM_NOT_FOUND
		   ? idm_refuse(err, IDM_DENIED, "the application's group was deleted")
		   : result;
}

enum idm_result
idm_application_check(const struct idm_read *read, const struct idm_entry *account,
    const struct idm_uuid *application, struct idm_error *err)
{
	struct idm_entry group;
	struct idm_ids above;
	enum idm_result result = linked_group(read, application, &group, err);

	if (result == IDM_OK)
		result = idm_closure_memberof(read, account, &above, err);
	if (result == IDM_OK && !idm_ids_has(&above, group.id))
		return idm_refuse(err, IDM_DENIED,
		    "%.*s is not in %.*s, the group of the application",
		    IDM_SPAN_ARG(idm_entry_text(account, IDM_ATTR_NAME)),
		    IDM_SPAN_ARG(idm_entry_text(&group, IDM_ATTR_NAME)));
	return result;
}

/* Is it the name of the application of this uuid? */
static enum idm_result
check_name(const struct idm_read *read, struct idm_span name, const struct idm_uuid *application,
    struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_uuid(read, application, &entry, err);

	if (result == IDM_OK && idm_entry_has_norm(&entry, IDM_ATTR_NAME, name))
		return IDM_OK;
	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	return idm_fail(err, IDM_DENIED, "the password is of another application");
}

enum idm_result
idm_application_prove(const struct idm_read *read, const struct idm_entry *account,
    struct idm_span name, struct idm_span password, struct idm_identity *out, struct idm_error *err)
{
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_token_row row;
	struct idm_uuid id;
	enum idm_result result;

	if (!idm_application_password_parse(password, &id, hash))
		return IDM_NOT_FOUND;
	result = idm_token_get(read->txn, &id, &row, err);
	if (result == IDM_OK &&
	    (row.kind != IDM_TOKEN_APPLICATION || !idm_uuid_equal(&row.account, &account->uuid)))
		result = IDM_NOT_FOUND;
	if (result == IDM_OK)
		result = idm_token_check(&row, hash, read->now, err);
	OPENSSL_cleanse(hash, sizeof(hash));
	if (result == IDM_OK && name.len != 0)
		result = check_name(read, name, &row.application, err);
	if (result == IDM_OK)
		result = idm_application_check(read, account, &row.application, err);
	if (result != IDM_OK)
		return result;
	*out = (struct idm_identity){ .kind = IDM_IDENTITY_APPLICATION,
		.uuid = account->uuid,
		.session = row.id,
		.expire_s = row.expire_s };
	result = idm_closure_is_hp(read, account, &out->high_privilege, err);
	if (result == IDM_OK && out->high_privilege && !row.high_privilege)
		return idm_fail(err, IDM_DENIED,
		    "the account became high privilege since it got this application password");
	return result;
}

enum idm_result
idm_application_recheck(const struct idm_read *read, const struct idm_entry *account,
    const struct idm_identity *identity, struct idm_error *err)
{
	struct idm_token_row row;
	enum idm_result result = idm_token_get(read->txn, &identity->session, &row, err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_DENIED, "the application password was destroyed");
	return result == IDM_OK ? idm_application_check(read, account, &row.application, err)
				: result;
}
