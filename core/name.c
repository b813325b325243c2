#include "core/name.h"

#include "core/schema.h"
#include "core/text.h"
#include "core/uuid.h"

#include <unistr.h>
#include <unictype.h>

enum {
	INAME_BYTES_MAX = 64,
	DOMAIN_BYTES_MAX = 253,
	LABEL_BYTES_MAX = 63,
	MAIL_BYTES_MAX = 254,
	LOCAL_PART_BYTES_MAX = 64,
};

static bool
is_lower_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_alnum(uint8_t c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* Which rule lower-cased `text` breaks, as the end of a sentence; NULL: it is a name. */
static const char *
iname_fault(struct idm_span text)
{
	struct idm_uuid uuid;

	if (text.len == 0)
		return "must not be empty";
	if (text.len > INAME_BYTES_MAX)
		return "is longer than 64 characters: shorten it";
	if (idm_uuid_parse(text, &uuid))
		return "looks like a UUID: choose another";
	if (idm_span_is(text, "dn=token"))
		return "is reserved for binds with a token: choose another";
	if (text.ptr[0] < 'a' || text.ptr[0] > 'z')
		return "must begin with a letter from a to z";
	for (size_t i = 1; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!is_lower_alnum(c) && c != '-' && c != '_' && c != '.')
			return "may hold letters from a to z, digits, '-', '_' and '.' only";
	}
	return NULL;
}

enum idm_result
idm_iname_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err)
{
	struct idm_span shortened =
	    idm_span_of(text.ptr, text.len > INAME_BYTES_MAX + 1 ? INAME_BYTES_MAX + 1 : text.len);
	enum idm_result result = idm_text_lower(shortened, arena, out, err);
	const char *fault;

	if (result != IDM_OK)
		return result;
	fault = iname_fault(*out);
	if (fault != NULL)
		return idm_refuse(err, IDM_INVALID, "%s %s", what, fault);
	return IDM_OK;
}

/* Labels of letters, digits, inner hyphens and, where `beyond_ascii`, whatever is not ASCII. */
static bool
is_domain(struct idm_span text, bool beyond_ascii)
{
	size_t label = 0; /* octets of the label so far */

	if (text.len == 0 || text.len > DOMAIN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '.' || c == '-') {
			if (label == 0 || (c == '.' && text.ptr[i - 1] == '-'))
				return false;
		} else if (!is_alnum(c) && !(beyond_ascii && c >= 0x80)) {
			return false;
		}
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_BYTES_MAX)
			return false;
	}
	return label != 0 && text.ptr[text.len - 1] != '-';
}

enum idm_result
idm_domain_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err)
{
	if (!is_domain(text, false))
		return idm_refuse(
		    err, IDM_INVALID, "%s takes a domain name such as idm.example.com", what);
	return idm_text_lower(text, arena, out, err);
}

/* Split at the only '@'; false: there is none, or a second one. */
static bool
split_at(struct idm_span text, struct idm_span *local, struct idm_span *domain)
{
	const uint8_t *at = text.len == 0 ? NULL : memchr(text.ptr, '@', text.len);

	if (at == NULL)
		return false;
	*local = idm_span_of(text.ptr, (size_t)(at - text.ptr));
	*domain = idm_span_of(at + 1, text.len - local->len - 1);
	return domain->len == 0 || memchr(domain->ptr, '@', domain->len) == NULL;
}

enum idm_result
idm_spn_parse(const char *what, struct idm_span text, struct idm_arena *arena, struct idm_span *out,
    struct idm_error *err)
{
	struct idm_span name, domain;
	enum idm_result result;

	if (text.len > INAME_BYTES_MAX + 1 + DOMAIN_BYTES_MAX)
		return idm_refuse(err, IDM_INVALID, "%s is too long", what);
	result = idm_text_lower(text, arena, out, err);
	if (result != IDM_OK)
		return result;
	if (!split_at(*out, &name, &domain) || iname_fault(name) != NULL ||
	    !is_domain(domain, false))
		return idm_refuse(err, IDM_INVALID,
		    "%s takes a name and the domain such as alice@idm.example.com", what);
	return IDM_OK;
}

/* RFC 5321 section 4.1.2: a Dot-string of atoms (RFC 5322 section 3.2.3: atext). */
static bool
is_local_part(struct idm_span text)
{
	if (text.len == 0 || text.len > LOCAL_PART_BYTES_MAX)
		return false;
	if (text.ptr[0] == '.' || text.ptr[text.len - 1] == '.')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '.' ? text.ptr[i - 1] == '.'
			     : !is_alnum(c) && c < 0x80 && strchr("!#$%&'*+-/=?^_`{|}~", c) == NULL)
			return false;
	}
	return true;
}

/* Unicode has spaces beyond U+0020, which no address holds. */
static bool
has_white_space(struct idm_span text)
{
	for (size_t i = 0; i < text.len;) {
		ucs4_t c;
		int len = u8_mbtoucr(&c, text.ptr + i, text.len - i);

		if (len <= 0 || uc_is_property_white_space(c))
			return true;
		i += (size_t)len;
	}
	return false;
}

enum idm_result
idm_mail_parse(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err)
{
	struct idm_span local, domain;
	enum idm_result result = idm_text_parse(what, text, MAIL_BYTES_MAX, arena, out, err);

	if (result != IDM_OK)
		return result;
	if (!split_at(*out, &local, &domain) || !is_local_part(local) || !is_domain(domain, true) ||
	    has_white_space(*out))
		return idm_refuse(
		    err, IDM_INVALID, "%s takes an address such as alice@example.com", what);
	return IDM_OK;
}
