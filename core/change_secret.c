/* Secrets that a request sets, removes or brings along as a hash (SPEC 6.3, 6.10, CHANGES 16). */
#include <string.h>

#include "core/credential.h"
#include "core/evaluation.h"

const struct idm_request_secret *
idm_evaluation_secret(const struct idm_evaluation *e, size_t i)
{
	if (i < e->request->secret_count)
		return &e->request->secrets[i];
	return i == e->request->secret_count && e->import.attr_number != 0 ? &e->import : NULL;
}

/* The secret as it is stored now, in another form: nothing of the entry changes. */
static enum idm_result
check_same(struct idm_evaluation *e, const struct idm_request_secret *secret)
{
	struct idm_span blob;
	enum idm_result result;

	if (e->identity->kind != IDM_IDENTITY_INTERNAL || !e->exists || secret->plain.ptr == NULL)
		return idm_fail(
		    e->err, IDM_DENIED, "only the core stores a secret in another form");
	result = idm_lookup_secret(e->read, e->before.id, secret->attr_number, &blob, e->err);
	if (result == IDM_NOT_FOUND ||
	    (result == IDM_OK && idm_seal_set_at(blob) != secret->set_at_no))
		return idm_refuse(e->err, IDM_CONSTRAINT, "the secret was changed since");
	return result;
}

/* A second factor is a part of the primary credential: so is the right to write it. */
static const struct idm_attr *
governing_attribute(const struct idm_evaluation *e, uint32_t attr_number)
{
	if (attr_number == IDM_ATTR_TOTP_SECRET || attr_number == IDM_ATTR_BACKUP_CODES)
		attr_number = IDM_ATTR_PRIMARY_CREDENTIAL;
	return idm_schema_attr_number(e->read->schema, attr_number);
}

enum idm_result
idm_evaluate_secret(struct idm_evaluation *e, const struct idm_request_secret *secret)
{
	const struct idm_attr *attr = governing_attribute(e, secret->attr_number);

	if (secret->set_at_no != 0)
		return check_same(e, secret);
	idm_draft_clear(e->draft, secret->attr_number);
	if (secret->plain.ptr == NULL) {
		idm_attrset_add(&e->change.removed, attr);
		return IDM_OK;
	}
	idm_attrset_add(&e->change.present, attr);
	return idm_draft_add(e->draft, secret->attr_number, idm_value_marker(secret->marker));
}

/*
 * The value goes where a password goes; it is never one of the entry's.  Whoever may write it need
 * not have the right to set passwords.
 */
enum idm_result
idm_evaluate_import(struct idm_evaluation *e, const struct idm_request_mod *mod)
{
	char *phc = idm_arena_alloc(e->read->arena, IDM_PHC_BYTES);
	enum idm_result result;

	idm_attrset_add(&e->change.present, mod->attr);
	if (phc == NULL)
		return IDM_LIMIT;
	if (mod->kind == IDM_REQUEST_DELETE || mod->count == 0)
		return idm_refuse(e->err, IDM_CONSTRAINT,
		    "password_import is written alone: there is none to remove");
	if (mod->count != 1 || e->import.attr_number != 0)
		return idm_refuse(
		    e->err, IDM_CONSTRAINT, "password_import takes one hash, and no more");
	if (!idm_draft_has_class(e->draft, "person"))
		return idm_refuse(e->err, IDM_SCHEMA,
		    "password_import is of persons: others have no password of "
		    "their own choice");
	result = idm_password_import(mod->values[0], phc, e->err);
	if (result != IDM_OK)
		return result;
	e->import = (struct idm_request_secret){ .attr_number = IDM_ATTR_PRIMARY_CREDENTIAL,
		.plain = idm_span_cstr(phc),
		.marker = "password" };
	idm_draft_clear(e->draft, IDM_ATTR_PRIMARY_CREDENTIAL);
	return idm_draft_add(
	    e->draft, IDM_ATTR_PRIMARY_CREDENTIAL, idm_value_marker(e->import.marker));
}

static enum idm_result
seal(struct idm_evaluation *e, const struct idm_request_secret *secret, struct idm_item *item)
{
	struct idm_secret_change *out = &item->secrets[item->secret_count++];
	bool hash = idm_schema_attr_number(e->read->schema, secret->attr_number)->syntax ==
		    IDM_SYNTAX_CREDENTIAL;

	out->attr_number = secret->attr_number;
	return idm_seal(hash ? e->context->password_ring : e->context->radius_ring, &e->uuid,
	    secret->attr_number, secret->set_at_no != 0 ? secret->set_at_no : e->set->no,
	    secret->plain, e->read->arena, &out->blob, e->err);
}

/* Those that are set, and those whose marker the request took away. */
enum idm_result
idm_evaluate_secrets(struct idm_evaluation *e, struct idm_item *item)
{
	static const uint32_t sealed[] = { IDM_ATTR_PRIMARY_CREDENTIAL, IDM_ATTR_UNIX_PASSWORD,
		IDM_ATTR_RADIUS_SECRET, IDM_ATTR_RADIUS_CLIENT_SECRET, IDM_ATTR_TOTP_SECRET,
		IDM_ATTR_BACKUP_CODES };
	const struct idm_request_secret *secret;
	size_t room = e->request->secret_count + 1 + sizeof(sealed) / sizeof(sealed[0]);
	enum idm_result result = IDM_OK;

	item->secrets = idm_arena_array(e->read->arena, room, sizeof(*item->secrets));
	if (item->secrets == NULL)
		return IDM_LIMIT;
	for (size_t i = 0; result == IDM_OK && (secret = idm_evaluation_secret(e, i)) != NULL;
	     i++) {
		if (secret->plain.ptr != NULL)
			result = seal(e, secret, item);
	}
	for (size_t i = 0; i < sizeof(sealed) / sizeof(sealed[0]) && e->exists; i++) {
		size_t count;

		idm_draft_values(e->draft, sealed[i], &count);
		if (count == 0 && idm_entry_has(&e->before, sealed[i]))
			item->secrets[item->secret_count++].attr_number = sealed[i];
	}
	return result;
}
