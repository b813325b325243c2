#include "ldapd/shown_name.h"

#include "ldapd/log.h"

enum { NAME_MAX_BYTES = 128, TOKEN_LIKE_BYTES = 32 };

/* A token that was cut or folded to lower case is one still. */
static bool
is_like_token(struct idm_span text)
{
	static const struct idm_span prefix = { (const uint8_t *)"kt_", 3 };

	return text.len >= TOKEN_LIKE_BYTES &&
	       idm_span_equal_nocase(idm_span_of(text.ptr, prefix.len), prefix);
}

static bool
is_like_name(struct idm_span text)
{
	if (text.len == 0 || text.len > NAME_MAX_BYTES || is_like_token(text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) && c != '-' && c != '_' &&
		    c != '.' && c != '@')
			return false;
	}
	return true;
}

const char *
shown_name(const struct dn_suffix *suffix, struct idm_span name, struct idm_arena *arena,
    char out[SHOWN_NAME_BYTES])
{
	struct dn_target target;

	dn_to_target(name, suffix, arena, &target);
	if (target.kind == DN_TOKEN || target.kind == DN_ROOT)
		return "a token";
	if (target.kind != DN_ENTRY || !is_like_name(target.value))
		return "what is no name";
	return log_escape(target.value, out, SHOWN_NAME_BYTES);
}
