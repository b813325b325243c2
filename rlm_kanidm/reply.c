#include "rlm_kanidm/reply.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { TERMINATION_ACTION_RADIUS_REQUEST = 1 };

/* A talloc destructor. */
static int
wipe(char *text)
{
	OPENSSL_cleanse(text, talloc_get_size(text));
	return 0;
}

static VALUE_PAIR *
replace(TALLOC_CTX *ctx, VALUE_PAIR **list, unsigned int attribute)
{
	VALUE_PAIR *pair = fr_pair_afrom_num(ctx, attribute, 0);

	if (pair == NULL)
		return NULL;
	fr_pair_delete_by_num(list, attribute, 0, TAG_ANY);
	fr_pair_add(list, pair);
	return pair;
}

static bool
replace_integer(TALLOC_CTX *ctx, VALUE_PAIR **list, unsigned int attribute, uint32_t value)
{
	VALUE_PAIR *pair = replace(ctx, list, attribute);

	if (pair == NULL)
		return false;
	pair->vp_integer = value;
	pair->vp_length = sizeof(pair->vp_integer);
	return true;
}

static VALUE_PAIR *
replace_text(TALLOC_CTX *ctx, VALUE_PAIR **list, unsigned int attribute, struct idm_span text)
{
	VALUE_PAIR *pair = replace(ctx, list, attribute);

	if (pair == NULL)
		return NULL;
	fr_pair_value_bstrncpy(pair, text.ptr, text.len);
	return pair;
}

bool
handle_format(const struct idm_radius_answer *answer, char out[HANDLE_TEXT])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(answer->secret, answer->secret_len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	idm_uuid_format(&answer->uuid, out);
	out[IDM_UUID_TEXT - 1] = '/';
	fr_bin2hex(out + IDM_UUID_TEXT, digest, HANDLE_DIGEST_HEX / 2);
	return true;
}

struct idm_span
handle_uuid(struct idm_span handle)
{
	if (handle.len != HANDLE_TEXT - 1 || handle.ptr[IDM_UUID_TEXT - 1] != '/')
		return IDM_SPAN_EMPTY;
	return idm_span_of(handle.ptr, IDM_UUID_TEXT - 1);
}

bool
handle_set(TALLOC_CTX *ctx, VALUE_PAIR **list, const char *handle)
{
	return replace_text(ctx, list, PW_CACHED_SESSION_POLICY, idm_span_cstr(handle)) != NULL;
}

struct idm_span
handle_get(VALUE_PAIR *list)
{
	VALUE_PAIR *pair = fr_pair_find_by_num(list, PW_CACHED_SESSION_POLICY, 0, TAG_ANY);

	return pair == NULL ? IDM_SPAN_EMPTY : idm_span_of(pair->vp_strvalue, pair->vp_length);
}

void
handle_clear(VALUE_PAIR **list)
{
	fr_pair_delete_by_num(list, PW_CACHED_SESSION_POLICY, 0, TAG_ANY);
}

bool
reply_give_secret(REQUEST *request, struct idm_span secret)
{
	VALUE_PAIR *pair = replace_text(request, &request->config, PW_CLEARTEXT_PASSWORD, secret);
	char *copy;

	if (pair == NULL)
		return false;
	memcpy(&copy, &pair->vp_strvalue, sizeof(copy)); /* it is ours, and only looks const */
	talloc_set_destructor(copy, wipe);
	return true;
}

uint32_t
session_timeout(uint32_t configured_s, int64_t expire_s, int64_t now_s)
{
	int64_t left_s = INT64_MAX;

	if (expire_s <= now_s)
		left_s = 1; /* the last second passes while we look; 0 would be for ever */
	else if (expire_s != INT64_MAX)
		left_s = expire_s - now_s;
	if (configured_s > 0 && configured_s < left_s)
		return configured_s;
	return left_s < UINT32_MAX ? (uint32_t)left_s : 0;
}

bool
reply_limit_session(REQUEST *request, uint32_t timeout_s)
{
	TALLOC_CTX *ctx = request->reply;
	VALUE_PAIR **list = &request->reply->vps;

	if (timeout_s == 0)
		return true;
	return replace_integer(ctx, list, PW_SESSION_TIMEOUT, timeout_s) &&
	       replace_integer(ctx, list, PW_TERMINATION_ACTION, TERMINATION_ACTION_RADIUS_REQUEST);
}

bool
reply_name_account(REQUEST *request, const char *name)
{
	VALUE_PAIR **list = &request->reply->vps;

	if (fr_pair_find_by_num(request->packet->vps, PW_EAP_MESSAGE, 0, TAG_ANY) == NULL)
		return true;
	return replace_text(request->reply, list, PW_USER_NAME, idm_span_cstr(name)) != NULL;
}

const char *
failure_message(VALUE_PAIR *list)
{
	VALUE_PAIR *pair = fr_pair_find_by_num(list, PW_MODULE_FAILURE_MESSAGE, 0, TAG_ANY);

	return pair == NULL ? NULL : pair->vp_strvalue;
}

void
failure_set(TALLOC_CTX *ctx, VALUE_PAIR **list, const char *text)
{
	replace_text(ctx, list, PW_MODULE_FAILURE_MESSAGE, idm_span_cstr(text));
}
