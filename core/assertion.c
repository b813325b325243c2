/* The values of assertions (RFC 4511 section 4.5.1.7), normalised as stored values are. */
#include "core/schema.h"

#include "core/sshkey.h"
#include "core/text.h"

/* One assertion on its way. */
struct input {
	const struct idm_attr *attr;
	struct idm_span text;
	struct idm_arena *arena;
	struct idm_error *err;
};

/* How the values of a syntax are asserted. */
enum assertion {
	ASSERT_FIXED,  /* in the form that a value has */
	ASSERT_EXACT,  /* any text, compared as it is */
	ASSERT_NOCASE, /* any text, folded */
	ASSERT_TAG,    /* the tag of an SSH key, folded */
	ASSERT_NEVER,  /* presence only */
};

static enum assertion
assertion_of(enum idm_syntax syntax)
{
	switch (syntax) {
	case IDM_SYNTAX_UUID:
	case IDM_SYNTAX_REFERENCE:
	case IDM_SYNTAX_DATETIME:
	case IDM_SYNTAX_UINT32:
	case IDM_SYNTAX_BOOLEAN:
	case IDM_SYNTAX_NETWORK: return ASSERT_FIXED;
	case IDM_SYNTAX_UTF8:
	case IDM_SYNTAX_FILTER:
	case IDM_SYNTAX_PATH: return ASSERT_EXACT;
	case IDM_SYNTAX_KEYWORD:
	case IDM_SYNTAX_INAME:
	case IDM_SYNTAX_INAME_DNS:
	case IDM_SYNTAX_SPN:
	case IDM_SYNTAX_UTF8_NOCASE:
	case IDM_SYNTAX_EMAIL: return ASSERT_NOCASE;
	case IDM_SYNTAX_SSHKEY: return ASSERT_TAG;
	case IDM_SYNTAX_CREDENTIAL:
	case IDM_SYNTAX_SECRET:
	case IDM_SYNTAX_SESSION: return ASSERT_NEVER;
	}
	return ASSERT_NEVER;
}

static enum idm_result
refuse(const struct input *in, const char *why)
{
	return idm_refuse(in->err, IDM_INVALID, "%s %s", in->attr->name, why);
}

static enum idm_result
assert_text(const struct input *in, bool fold, enum idm_text_ends ends, struct idm_span *norm)
{
	struct idm_span nfc;
	enum idm_result result =
	    idm_text_nfc(in->attr->name, in->text, in->arena, fold ? &nfc : norm, in->err);

	if (result != IDM_OK || !fold)
		return result;
	return idm_text_fold(nfc, ends, in->arena, norm, in->err);
}

enum idm_result
idm_assertion_parse(const struct idm_attr *attr, struct idm_span text, struct idm_arena *arena,
    struct idm_span *norm, struct idm_error *err)
{
	struct input in = { attr, text, arena, err };
	struct idm_value value;
	enum idm_result result;

	switch (assertion_of(attr->syntax)) {
	case ASSERT_EXACT: return assert_text(&in, false, IDM_TEXT_CUT_ENDS, norm);
	case ASSERT_TAG:
		in.text = idm_sshkey_tag(text);
		return assert_text(&in, true, IDM_TEXT_CUT_ENDS, norm);
	case ASSERT_NOCASE: return assert_text(&in, true, IDM_TEXT_CUT_ENDS, norm);
	case ASSERT_NEVER: return refuse(&in, "has no values that can be compared");
	case ASSERT_FIXED: break;
	}
	result = idm_value_parse(attr, text, arena, &value, err);
	if (result == IDM_OK)
		*norm = value.norm;
	return result;
}

enum idm_result
idm_assertion_parse_piece(const struct idm_attr *attr, struct idm_span text,
    struct idm_arena *arena, struct idm_span *norm, struct idm_error *err)
{
	struct input in = { attr, text, arena, err };

	if (text.len == 0)
		return refuse(&in, "can't be searched for an empty piece");
	switch (assertion_of(attr->syntax)) {
	case ASSERT_EXACT: return assert_text(&in, false, IDM_TEXT_KEEP_ENDS, norm);
	case ASSERT_NOCASE: return assert_text(&in, true, IDM_TEXT_KEEP_ENDS, norm);
	case ASSERT_FIXED:
	case ASSERT_TAG:
	case ASSERT_NEVER: break;
	}
	return refuse(&in, "has no substrings");
}
