/* API tokens and application passwords, which come and go with a change of their account (SPEC 7.4,
 * CHANGES 18). */
#include "core/application.h"
#include "core/builtin.h"
#include "core/closure.h"
#include "core/evaluation.h"
#include "core/text.h"
#include "core/token_store.h"

/* Which kind is it about?  One that is not there is told as an API token's absence. */
static enum idm_token_kind
kind_of(const struct idm_evaluation *e)
{
	const struct idm_request_token *token = e->request->token;
	struct idm_token_row row;

	if (token->issue != NULL)
		return token->issue->kind;
	if (idm_token_get(e->read->txn, &token->id, &row, NULL) == IDM_OK &&
	    idm_uuid_equal(&row.account, &e->uuid))
		return row.kind;
	return IDM_TOKEN_API;
}

/* Whoever may set an account's unix password may give it application passwords: they are as good.
 */
void
idm_evaluate_token_access(struct idm_evaluation *e)
{
	const struct idm_request_token *token = e->request->token;
	uint32_t attr_number = IDM_ATTR_API_TOKEN_SESSION;

	if (token == NULL)
		return;
	if (kind_of(e) == IDM_TOKEN_APPLICATION)
		attr_number = IDM_ATTR_UNIX_PASSWORD;
	idm_attrset_add(token->issue != NULL ? &e->change.present : &e->change.removed,
	    idm_schema_attr_number(e->read->schema, attr_number));
}

/* The token that is to be destroyed must be there, and this account's. */
static enum idm_result
check_destroyed(struct idm_evaluation *e)
{
	struct idm_token_row row;
	char text[IDM_UUID_TEXT];
	enum idm_result result = idm_token_get(e->read->txn, &e->request->token->id, &row, e->err);

	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	if (result == IDM_OK && idm_uuid_equal(&row.account, &e->uuid))
		return IDM_OK;
	idm_uuid_format(&e->request->token->id, text);
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "there is no API token %s of this account: `api-token status` lists them", text);
}

static enum idm_result
check_application(struct idm_evaluation *e)
{
	enum idm_result result;

	if (!idm_draft_has_class(e->draft, "account"))
		return idm_refuse(
		    e->err, IDM_CONSTRAINT, "only accounts have application passwords");
	result = idm_application_check(
	    e->read, &e->before, &e->request->token->issue->application, e->err);
	return result == IDM_DENIED ? IDM_CONSTRAINT : result;
}

/* Ids are random, so one that is taken was not made as they are. */
static enum idm_result
check_issued(struct idm_evaluation *e)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);
	struct idm_token_row row;
	enum idm_result result = IDM_OK;

	if (idm_uuid_equal(&e->uuid, &anonymous))
		return idm_refuse(e->err, IDM_PROTECTED,
		    "system protected object: anonymous never has an API token");
	if (e->request->token->issue->kind == IDM_TOKEN_APPLICATION)
		result = check_application(e);
	else if (!idm_draft_has_class(e->draft, "service_account"))
		return idm_refuse(e->err, IDM_CONSTRAINT, "only service accounts have API tokens");
	if (result != IDM_OK)
		return result;
	result = idm_token_get(e->read->txn, &e->request->token->id, &row, e->err);
	if (result == IDM_OK)
		return idm_fail(e->err, IDM_EXISTS, "the id of a new token is taken");
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_rules_token(struct idm_evaluation *e)
{
	if (e->request->token == NULL)
		return IDM_OK;
	return e->request->token->issue != NULL ? check_issued(e) : check_destroyed(e);
}

static void
add_token(struct idm_item *item, const struct idm_uuid *id, struct idm_span row)
{
	item->tokens[item->token_count++] = (struct idm_token_change){ *id, row };
}

/* Tokens that have expired; a clock that may be wrong ends none. */
static enum idm_result
remove_expired(
    struct idm_evaluation *e, const struct idm_uuid *ids, size_t count, struct idm_item *item)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < count && e->read->now.trusted && result == IDM_OK; i++) {
		struct idm_token_row row;

		result = idm_token_get(e->read->txn, &ids[i], &row, e->err);
		if (result == IDM_NOT_FOUND)
			return idm_fail(e->err, IDM_CORRUPT, "an account's token is not there");
		if (result == IDM_OK && row.expire_s <= e->read->now.at_s)
			add_token(item, &ids[i], IDM_SPAN_EMPTY);
	}
	return result;
}

/* An account that has as many as it may makes room by those that never work again. */
static enum idm_result
make_room(struct idm_evaluation *e, struct idm_item *item)
{
	struct idm_uuid *ids;
	size_t count;
	enum idm_result result =
	    idm_token_list(e->read->txn, &e->uuid, e->read->arena, &ids, &count, e->err);

	if (result != IDM_OK)
		return result;
	item->tokens = idm_arena_array(e->read->arena, count + 1, sizeof(*item->tokens));
	if (item->tokens == NULL)
		return IDM_LIMIT;
	if (count < IDM_TOKENS_MAX)
		return IDM_OK;
	result = remove_expired(e, ids, count, item);
	if (result == IDM_OK && count - item->token_count >= IDM_TOKENS_MAX)
		return idm_refuse(e->err, IDM_CONSTRAINT,
		    "this account has %d API tokens, and may have no more: destroy one first",
		    IDM_TOKENS_MAX);
	return result;
}

static enum idm_result
issue(struct idm_evaluation *e, struct idm_item *item)
{
	struct idm_token_row row = *e->request->token->issue;
	struct idm_span bytes;
	enum idm_result result = make_room(e, item);

	if (result == IDM_OK)
		result = idm_text_parse("the label", row.label, IDM_TOKEN_LABEL_MAX, e->read->arena,
		    &row.label, e->err);
	if (result != IDM_OK)
		return result;
	if (row.kind != IDM_TOKEN_APPLICATION)
		row.kind = IDM_TOKEN_API;
	else
		result = idm_closure_is_hp(e->read, &e->before, &row.high_privilege, e->err);
	if (result != IDM_OK)
		return result;
	row.id = e->request->token->id;
	row.account = e->uuid;
	row.issued_by = e->identity->uuid;
	row.issued_s = e->set->at_s;
	row.privileged_until_s = 0;
	row.credential_no = 0; /* no password began it */
	bytes = idm_token_row_encode(&row, e->read->arena);
	if (bytes.ptr == NULL)
		return IDM_LIMIT;
	add_token(item, &row.id, bytes);
	return IDM_OK;
}

enum idm_result
idm_evaluate_token(struct idm_evaluation *e, struct idm_item *item)
{
	const struct idm_request_token *token = e->request->token;

	if (token == NULL)
		return IDM_OK;
	if (token->issue != NULL)
		return issue(e, item);
	item->tokens = idm_arena_alloc(e->read->arena, sizeof(*item->tokens));
	if (item->tokens == NULL)
		return IDM_LIMIT;
	add_token(item, &token->id, IDM_SPAN_EMPTY);
	return IDM_OK;
}
