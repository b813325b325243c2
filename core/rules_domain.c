/* Another domain makes other spns, and none of them may be a mail address of another entry
 * (SPEC 2.3).
 */
#include "core/evaluation.h"

/* The name in front of `@domain`; empty: the mail address is of another domain. */
static struct idm_span
name_in(struct idm_span mail, struct idm_span domain)
{
	size_t len = mail.len <= domain.len + 1 ? 0 : mail.len - domain.len - 1;

	if (len == 0 || mail.ptr[len] != '@' ||
	    memcmp(mail.ptr + len + 1, domain.ptr, domain.len) != 0)
		return IDM_SPAN_EMPTY;
	return idm_span_of(mail.ptr, len);
}

/* `mail` is a claim's value, held by the entry with the id. */
static enum idm_result
check_mail(
    struct idm_evaluation *e, struct idm_span mail, uint64_t holder_id, struct idm_span domain)
{
	struct idm_span name = name_in(mail, domain);
	struct idm_claim_key key = idm_claim_key(IDM_CLAIM_NAME, IDM_ATTR_NAME, name);
	struct idm_entry holder;
	uint64_t id;
	enum idm_result result;

	if (name.len == 0)
		return IDM_OK;
	result = idm_lookup_claim_id(e->read, &key, &id, e->err);
	if (result == IDM_NOT_FOUND || (result == IDM_OK && id == holder_id))
		return IDM_OK;
	if (result == IDM_OK)
		result = idm_lookup_id(e->read, holder_id, &holder, e->err);
	if (result != IDM_OK)
		return result;
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "%.*s is a mail address of %.*s and would be the spn of %.*s: change one of them first",
	    IDM_SPAN_ARG(mail), IDM_SPAN_ARG(idm_entry_text(&holder, IDM_ATTR_NAME)),
	    IDM_SPAN_ARG(name));
}

/* An address that is too long for a claim to hold it is too long for an spn, too. */
static enum idm_result
check_all_mails(struct idm_evaluation *e, struct idm_span domain)
{
	const uint8_t kind = IDM_CLAIM_MAIL;
	struct idm_cursor cursor;
	struct idm_span key, id;
	enum idm_result result =
	    idm_cursor_open(e->read->txn, IDM_DB_NAME, idm_span_of(&kind, 1), &cursor, e->err);

	while (result == IDM_OK) {
		result = idm_cursor_next(&cursor, &key, &id, e->err);
		if (result == IDM_OK && id.len == 8)
			result = check_mail(e, idm_span_of(key.ptr + 1, key.len - 1),
			    idm_store_load_u64(id.ptr), domain);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_rules_domain(struct idm_evaluation *e)
{
	size_t count;
	const struct idm_value *domain = idm_draft_values(e->draft, IDM_ATTR_DOMAIN_NAME, &count);

	if (count == 0 || idm_span_is(domain[0].norm, e->read->domain))
		return IDM_OK;
	return check_all_mails(e, domain[0].norm);
}
