#include "ldapd/ldap_filter.h"

#include "core/builtin.h"

/* One term of a client's filter. */
struct term {
	const struct view *view;
	const struct view_attr *attr;
	enum idm_filter_kind kind; /* PRESENT, EQUAL, SUBSTRING, GREATER_EQUAL, LESS_EQUAL */
	struct idm_span value;
	const struct idm_span *pieces; /* of SUBSTRING */
	size_t piece_count;
	bool initial;
	bool final;
	bool chain; /* by the in-chain matching rule */
	struct idm_error *err;
};

/* --- nodes */

static const struct idm_attr *
attr_of(const struct view *view, uint32_t number)
{
	return idm_schema_attr_number(view->read->schema, number);
}

static enum idm_result
no_memory(struct idm_error *err)
{
	return idm_fail(err, IDM_LIMIT, "no memory for a filter");
}

static enum idm_result
set_undefined(struct idm_filter *out)
{
	*out = (struct idm_filter){ .kind = IDM_FILTER_UNDEFINED };
	return IDM_OK;
}

/* TRUE is an AND of nothing, FALSE an OR of nothing (RFC 4526). */
static enum idm_result
set_constant(bool holds, struct idm_filter *out)
{
	*out = (struct idm_filter){ .kind = holds ? IDM_FILTER_AND : IDM_FILTER_OR };
	return IDM_OK;
}

static enum idm_result
set_composite(const struct view *view, enum idm_filter_kind kind, const struct idm_filter *terms,
    size_t count, struct idm_filter *out, struct idm_error *err)
{
	struct idm_filter *children = idm_arena_array(view->read->arena, count, sizeof(*children));

	if (children == NULL)
		return no_memory(err);
	if (count != 0)
		memcpy(children, terms, count * sizeof(*children));
	*out = (struct idm_filter){ .kind = kind, .children = children, .child_count = count };
	return IDM_OK;
}

static enum idm_result
set_pair(const struct term *t, enum idm_filter_kind kind, const struct idm_filter pair[2],
    struct idm_filter *out)
{
	return set_composite(t->view, kind, pair, 2, out, t->err);
}

static enum idm_result
set_not(const struct term *t, struct idm_filter *filter)
{
	struct idm_filter inner = *filter;

	return set_composite(t->view, IDM_FILTER_NOT, &inner, 1, filter, t->err);
}

/* A term of our own: of an attribute that the result shows anyway. */
static enum idm_result
set_own(const struct view *view, uint32_t number, struct idm_span value, struct idm_filter *out,
    struct idm_error *err)
{
	enum idm_result result =
	    idm_filter_term(view->read, IDM_FILTER_EQUAL, attr_of(view, number), value, out, err);

	out->own = true;
	return result;
}

enum idm_result
ldap_filter_all(const struct view *view, const struct idm_filter *terms, size_t count,
    struct idm_filter *out, struct idm_error *err)
{
	return set_composite(view, IDM_FILTER_AND, terms, count, out, err);
}

enum idm_result
ldap_filter_any_class(const struct view *view, const char *const *names, size_t count,
    struct idm_filter *out, struct idm_error *err)
{
	enum idm_result result = set_composite(view, IDM_FILTER_OR, NULL, 0, out, err);

	out->children = idm_arena_array(view->read->arena, count, sizeof(*out->children));
	if (out->children == NULL)
		return no_memory(err);
	for (; result == IDM_OK && out->child_count < count; out->child_count++)
		result = set_own(view, IDM_ATTR_CLASS, idm_span_cstr(names[out->child_count]),
		    &out->children[out->child_count], err);
	if (result == IDM_OK && count == 1)
		*out = out->children[0];
	return result;
}

static enum idm_result
set_uuid(const struct view *view, const struct idm_uuid *uuid, struct idm_filter *out,
    struct idm_error *err)
{
	char text[IDM_UUID_TEXT];

	idm_uuid_format(uuid, text);
	return set_own(view, IDM_ATTR_UUID, idm_span_cstr(text), out, err);
}

/* --- terms on native attributes */

static enum idm_result
set_present(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	return idm_filter_term(
	    t->view->read, IDM_FILTER_PRESENT, attr, IDM_SPAN_EMPTY, out, t->err);
}

/* A reference to the entry whose uuid the value is; an empty one is nobody's. */
static enum idm_result
set_named(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	enum idm_result result =
	    idm_filter_term(t->view->read, IDM_FILTER_EQUAL, attr, t->value, out, t->err);

	out->chain = t->chain;
	return result;
}

/* A DN in any form, name, spn or uuid.  Nobody: FALSE; no such thing: Undefined. */
static enum idm_result
set_reference(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	char uuid[IDM_UUID_TEXT] = "";
	struct term named = *t;
	struct idm_entry entry;
	enum idm_result result = view_find_entry(t->view, t->value, &entry, t->err);

	if (result == IDM_INVALID)
		return set_undefined(out);
	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	if (result == IDM_OK)
		idm_uuid_format(&entry.uuid, uuid);
	named.value = idm_span_cstr(uuid);
	return set_named(&named, attr, out);
}

static enum idm_result
set_native(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	const struct idm_read *read = t->view->read;

	if (t->kind == IDM_FILTER_SUBSTRING) {
		if (t->piece_count == 0 || t->piece_count > IDM_FILTER_PIECES)
			return set_undefined(out);
		return idm_filter_substring(
		    read, attr, t->pieces, t->piece_count, t->initial, t->final, out, t->err);
	}
	if (t->kind == IDM_FILTER_EQUAL && attr->syntax == IDM_SYNTAX_REFERENCE)
		return set_reference(t, attr, out);
	return idm_filter_term(read, t->kind, attr, t->value, out, t->err);
}

/* Of an attribute with two sources: either. */
static enum idm_result
set_either(const struct term *t,
    enum idm_result (*set)(
	const struct term *t, const struct idm_attr *attr, struct idm_filter *out),
    struct idm_filter *out)
{
	struct idm_filter pair[2];
	enum idm_result result = set(t, t->attr->attr, &pair[0]);

	if (result == IDM_OK)
		result = set(t, t->attr->second, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_OR, pair, out) : result;
}

static bool
has_space(struct idm_span text)
{
	return text.len != 0 && memchr(text.ptr, ' ', text.len) != NULL;
}

/* By its tag; a whole key is not what the core compares. */
static enum idm_result
set_sshkey(const struct term *t, struct idm_filter *out)
{
	if (t->kind == IDM_FILTER_EQUAL && has_space(t->value))
		return set_undefined(out);
	return set_native(t, t->attr->attr, out);
}

/* --- words of names */

static enum idm_result
set_pieces(const struct term *t, const struct idm_attr *attr, const struct idm_span *pieces,
    size_t count, bool initial, bool final, struct idm_filter *out)
{
	if (count > IDM_FILTER_PIECES)
		return set_undefined(out);
	return idm_filter_substring(
	    t->view->read, attr, pieces, count, initial, final, out, t->err);
}

/* `value` with a space before or behind it. */
static bool
spaced(const struct term *t, struct idm_span value, bool before, struct idm_span *out)
{
	uint8_t *text = idm_arena_alloc(t->view->read->arena, value.len + 1);

	if (text == NULL)
		return false;
	memset(text, ' ', value.len + 1);
	if (value.len != 0)
		memcpy(text + (before ? 1 : 0), value.ptr, value.len);
	*out = idm_span_of(text, value.len + 1);
	return true;
}

/* The last word: all of the text, or what stands behind its last space. */
static enum idm_result
set_surname_equal(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	struct idm_filter pair[2];
	struct idm_span last;
	enum idm_result result;

	if (has_space(t->value))
		return set_constant(false, out);
	if (!spaced(t, t->value, true, &last))
		return no_memory(t->err);
	result = set_native(t, attr, &pair[0]);
	if (result == IDM_OK)
		result = set_pieces(t, attr, &last, 1, false, true, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_OR, pair, out) : result;
}

/* A piece that begins the surname begins the text, or stands behind a space. */
static enum idm_result
set_surname_pieces(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	struct idm_span pieces[IDM_FILTER_PIECES];
	struct idm_filter pair[2];
	enum idm_result result = set_native(t, attr, &pair[0]);

	if (result != IDM_OK || !t->initial || pair[0].kind == IDM_FILTER_UNDEFINED) {
		*out = pair[0];
		return result;
	}
	memcpy(pieces, t->pieces, t->piece_count * sizeof(*pieces));
	if (!spaced(t, t->pieces[0], true, &pieces[0]))
		return no_memory(t->err);
	result = set_pieces(t, attr, pieces, t->piece_count, false, t->final, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_OR, pair, out) : result;
}

static enum idm_result
set_surname(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	switch (t->kind) {
	case IDM_FILTER_PRESENT: return set_present(t, attr, out);
	case IDM_FILTER_EQUAL: return set_surname_equal(t, attr, out);
	case IDM_FILTER_SUBSTRING: return set_surname_pieces(t, attr, out);
	default: return set_undefined(out);
	}
}

/* The first of several words: it ends in a space. */
static enum idm_result
set_given_name(const struct term *t, const struct idm_attr *attr, struct idm_filter *out)
{
	struct idm_span pieces[IDM_FILTER_PIECES] = { IDM_SPAN_LIT(" ") };
	size_t count = 1;
	bool initial = false;

	if (t->kind == IDM_FILTER_EQUAL) {
		if (has_space(t->value) || t->value.len == 0)
			return set_constant(false, out);
		if (!spaced(t, t->value, false, &pieces[0]))
			return no_memory(t->err);
		initial = true;
	} else if (t->kind == IDM_FILTER_SUBSTRING) {
		if (t->piece_count == 0 || t->piece_count > IDM_FILTER_PIECES)
			return set_undefined(out);
		count = t->piece_count;
		memcpy(pieces, t->pieces, count * sizeof(*pieces));
		if (t->final && !spaced(t, pieces[count - 1], false, &pieces[count - 1]))
			return no_memory(t->err);
		initial = t->initial;
	} else if (t->kind != IDM_FILTER_PRESENT) {
		return set_undefined(out);
	}
	return set_pieces(t, attr, pieces, count, initial, false, out);
}

/* cn: displayname, or what the RDN of an entry holds. */
static enum idm_result
set_names(const struct term *t, struct idm_filter *out)
{
	struct idm_filter any[3];
	enum idm_result result = set_either(t, set_native, &any[0]);

	for (size_t i = 0; i < 2 && result == IDM_OK; i++)
		result = set_native(t, t->attr->made[i], &any[i + 1]);
	return result == IDM_OK ? set_composite(t->view, IDM_FILTER_OR, any, 3, out, t->err)
				: result;
}

/* --- classes and the tree */

static enum idm_result
set_class(const struct term *t, const char *native, struct idm_filter *out)
{
	return idm_filter_term(t->view->read, IDM_FILTER_EQUAL, attr_of(t->view, IDM_ATTR_CLASS),
	    idm_span_cstr(native), out, t->err);
}

static enum idm_result
set_object_class(const struct term *t, struct idm_filter *out)
{
	const struct view_class *standard;
	const struct idm_class *native;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_present(t, t->attr->attr, out);
	if (t->kind != IDM_FILTER_EQUAL)
		return set_undefined(out);
	standard = view_class_find(t->value);
	if (standard != NULL && strcmp(standard->name, "top") == 0)
		return set_present(t, t->attr->attr, out);
	if (standard != NULL)
		return set_class(t, standard->native, out);
	native = idm_schema_class(t->view->read->schema, t->value);
	return native != NULL ? set_class(t, native->name, out) : set_undefined(out);
}

static enum idm_result
set_structural_class(const struct term *t, struct idm_filter *out)
{
	const char *native;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_present(t, t->attr->attr, out);
	if (t->kind != IDM_FILTER_EQUAL)
		return set_undefined(out);
	native = view_structural_native(t->view->read->schema, t->value);
	return native != NULL ? set_class(t, native, out) : set_undefined(out);
}

static enum idm_result
set_entry_dn(const struct term *t, struct idm_filter *out)
{
	struct idm_entry named;
	enum idm_result result;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_constant(true, out);
	if (t->kind != IDM_FILTER_EQUAL)
		return set_undefined(out);
	result = view_find_entry(t->view, t->value, &named, t->err);
	if (result == IDM_INVALID)
		return set_undefined(out);
	if (result == IDM_NOT_FOUND)
		return set_constant(false, out);
	return result == IDM_OK ? set_uuid(t->view, &named.uuid, out, t->err) : result;
}

static enum idm_result
set_subschema(const struct term *t, struct idm_filter *out)
{
	struct dn_target target;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_constant(true, out);
	if (t->kind != IDM_FILTER_EQUAL)
		return set_undefined(out);
	dn_to_target(t->value, t->view->suffix, t->view->read->arena, &target);
	if (target.kind == DN_INVALID)
		return set_undefined(out);
	return set_constant(target.kind == DN_SUBSCHEMA, out);
}

static bool
is_boolean(struct idm_span value, bool *out)
{
	*out = idm_span_equal_nocase(value, IDM_SPAN_LIT("TRUE"));
	return *out || idm_span_equal_nocase(value, IDM_SPAN_LIT("FALSE"));
}

static enum idm_result
set_has_subordinates(const struct term *t, struct idm_filter *out)
{
	static const char *const classes[] = { "container", "domain_info" };
	enum idm_result result;
	bool wanted;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_constant(true, out);
	if (t->kind != IDM_FILTER_EQUAL || !is_boolean(t->value, &wanted))
		return set_undefined(out);
	result = ldap_filter_any_class(t->view, classes, 2, out, t->err);
	return result == IDM_OK && !wanted ? set_not(t, out) : result;
}

/* Who has it at all is decided by `only`; the right is that to the class. */
static enum idm_result
set_dc(const struct term *t, struct idm_filter *out)
{
	const struct dn_ava *ava = &t->view->suffix->dn.rdns[0].avas[0];

	if (t->kind != IDM_FILTER_PRESENT && t->kind != IDM_FILTER_EQUAL)
		return set_undefined(out);
	if (!idm_span_equal_nocase(ava->type, IDM_SPAN_LIT("dc")) ||
	    (t->kind == IDM_FILTER_EQUAL && !dn_value_equal(t->value, ava->value)))
		return set_constant(false, out);
	return set_present(t, t->attr->attr, out);
}

/* --- members */

/* The account of that name, and no other form of it; *found false: there is none. */
static enum idm_result
find_account(const struct term *t, struct idm_entry *out, bool *found)
{
	const struct idm_read *read = t->view->read;
	struct idm_span norm;
	enum idm_result result = idm_assertion_parse(
	    attr_of(t->view, IDM_ATTR_NAME), t->value, read->arena, &norm, t->err);

	*found = false;
	if (result == IDM_OK)
		result = idm_lookup_claim(read, IDM_CLAIM_NAME, norm, out, t->err);
	if (result == IDM_NOT_FOUND || result == IDM_INVALID)
		return IDM_OK;
	*found = result == IDM_OK && idm_entry_is_live(out) && idm_entry_has_class(out, "account");
	return result;
}

static enum idm_result
set_member_uid(const struct term *t, struct idm_filter *out)
{
	char uuid[IDM_UUID_TEXT];
	struct term member = *t;
	struct idm_entry account;
	enum idm_result result;
	bool found;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_either(t, set_present, out);
	if (t->kind != IDM_FILTER_EQUAL)
		return set_undefined(out);
	result = find_account(t, &account, &found);
	if (result != IDM_OK)
		return result;
	if (!found)
		return set_constant(false, out);
	idm_uuid_format(&account.uuid, uuid);
	member.value = idm_span_cstr(uuid);
	member.chain = true;
	return set_either(&member, set_named, out);
}

/* --- validity */

/* attr >= at_s, or <= */
static enum idm_result
set_time(const struct term *t, const struct idm_attr *attr, bool from, int64_t at_s,
    struct idm_filter *out)
{
	enum idm_filter_kind kind = from ? IDM_FILTER_GREATER_EQUAL : IDM_FILTER_LESS_EQUAL;
	char text[IDM_TIME_TEXT];

	idm_time_format(at_s, text);
	return idm_filter_term(t->view->read, kind, attr, idm_span_cstr(text), out, t->err);
}

/* Out of its window: not begun, or expired; while time is not trusted, whoever has a window. */
static enum idm_result
set_locked(const struct term *t, struct idm_filter *out)
{
	struct idm_now now = t->view->read->now;
	struct idm_filter pair[2];
	enum idm_result result;

	if (!now.trusted)
		return set_either(t, set_present, out);
	result = set_time(t, t->attr->attr, false, now.at_s, &pair[0]);
	if (result == IDM_OK)
		result = set_time(t, t->attr->second, true, now.at_s + 1, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_OR, pair, out) : result;
}

/* Every account has it, for those who may read the window. */
static enum idm_result
set_lock_known(const struct term *t, struct idm_filter *out)
{
	struct idm_filter pair[2];
	enum idm_result result = set_locked(t, &pair[0]);

	pair[1] = pair[0];
	if (result == IDM_OK)
		result = set_not(t, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_OR, pair, out) : result;
}

static enum idm_result
set_lock(const struct term *t, struct idm_filter *out)
{
	enum idm_result result;
	bool wanted;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_lock_known(t, out);
	if (t->kind != IDM_FILTER_EQUAL || !is_boolean(t->value, &wanted))
		return set_undefined(out);
	result = set_locked(t, out);
	return result == IDM_OK && !wanted ? set_not(t, out) : result;
}

static enum idm_result
set_locked_since(const struct term *t, struct idm_filter *out)
{
	if (t->kind == IDM_FILTER_PRESENT)
		return set_locked(t, out);
	if (t->kind != IDM_FILTER_EQUAL)
		return set_undefined(out);
	if (!idm_span_is(t->value, "000001010000Z"))
		return set_constant(false, out);
	return set_locked(t, out);
}

/* Decimal digits; false: no number, or one that no time reaches. */
static bool
read_number(struct idm_span text, int64_t *out)
{
	int64_t value = 0;

	if (text.len == 0 || text.len > 18)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (text.ptr[i] - '0');
	}
	*out = value;
	return true;
}

/* The times for which an attribute shows this number: from, to. */
static bool
read_times(const struct term *t, int64_t *from_s, int64_t *to_s)
{
	static const int64_t ad_epoch_s = INT64_C(11644473600);
	static const int64_t ad_ticks_per_s = 10000000;
	static const int64_t day_s = 86400;
	int64_t number;

	if (!read_number(t->value, &number))
		return false;
	if (t->attr->form == VIEW_SHADOW_EXPIRE) {
		if (number > INT64_MAX / day_s - 1)
			return false;
		*from_s = (number - 1) * day_s + 1;
		*to_s = number * day_s;
		return true;
	}
	*to_s = number / ad_ticks_per_s - ad_epoch_s;
	*from_s = *to_s + (number % ad_ticks_per_s != 0 ? 1 : 0);
	return true;
}

static enum idm_result
set_expiry(const struct term *t, struct idm_filter *out)
{
	struct idm_filter pair[2];
	enum idm_result result;
	int64_t from_s, to_s;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_present(t, t->attr->attr, out);
	if (t->kind == IDM_FILTER_SUBSTRING || !read_times(t, &from_s, &to_s))
		return set_undefined(out);
	if (t->kind == IDM_FILTER_GREATER_EQUAL)
		return set_time(t, t->attr->attr, true, from_s, out);
	if (t->kind == IDM_FILTER_LESS_EQUAL)
		return set_time(t, t->attr->attr, false, to_s, out);
	result = set_time(t, t->attr->attr, true, from_s, &pair[0]);
	if (result == IDM_OK)
		result = set_time(t, t->attr->attr, false, to_s, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_AND, pair, out) : result;
}

/* Active Directory shows every account; one that never expires by a number above all times. */
static enum idm_result
set_ad_expiry(const struct term *t, struct idm_filter *out)
{
	struct idm_filter pair[2];
	bool never = idm_span_is(t->value, "9223372036854775807");
	enum idm_result result = set_present(t, t->attr->attr, &pair[0]);

	if (result == IDM_OK)
		result = set_not(t, &pair[0]);
	if (result != IDM_OK)
		return result;
	if (never && (t->kind == IDM_FILTER_EQUAL || t->kind == IDM_FILTER_GREATER_EQUAL)) {
		*out = pair[0];
		return IDM_OK;
	}
	if (t->kind != IDM_FILTER_PRESENT && t->kind != IDM_FILTER_GREATER_EQUAL && !never)
		return set_expiry(t, out);
	result = never ? set_present(t, t->attr->attr, &pair[1]) : set_expiry(t, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_OR, pair, out) : result;
}

/* "20200925012204.000000Z#...": what was changed since, to the second. */
static enum idm_result
set_csn(const struct term *t, struct idm_filter *out)
{
	enum { SECOND_DIGITS = 14 };
	char text[SECOND_DIGITS + 2];
	struct term time = *t;

	if (t->kind == IDM_FILTER_PRESENT)
		return set_present(t, t->attr->attr, out);
	if ((t->kind != IDM_FILTER_GREATER_EQUAL && t->kind != IDM_FILTER_LESS_EQUAL) ||
	    t->value.len < SECOND_DIGITS)
		return set_undefined(out);
	memcpy(text, t->value.ptr, SECOND_DIGITS);
	memcpy(text + SECOND_DIGITS, "Z", 2);
	time.value = idm_span_cstr(text);
	return set_native(&time, t->attr->attr, out);
}

/* --- by the form of an attribute */

static enum idm_result
set_form(const struct term *t, struct idm_filter *out)
{
	switch (t->attr->form) {
	case VIEW_STORED:
	case VIEW_TIME:
	case VIEW_FIRST:
	case VIEW_REST: return set_native(t, t->attr->attr, out);
	case VIEW_SSHKEY: return set_sshkey(t, out);
	case VIEW_NAMES: return set_names(t, out);
	case VIEW_MEMBERS: return set_either(t, set_native, out);
	case VIEW_GIVEN_NAME: return set_either(t, set_given_name, out);
	case VIEW_SURNAME: return set_either(t, set_surname, out);
	case VIEW_OBJECT_CLASS: return set_object_class(t, out);
	case VIEW_STRUCTURAL_CLASS: return set_structural_class(t, out);
	case VIEW_ENTRY_DN: return set_entry_dn(t, out);
	case VIEW_SUBSCHEMA: return set_subschema(t, out);
	case VIEW_HAS_SUBORDINATES: return set_has_subordinates(t, out);
	case VIEW_CSN: return set_csn(t, out);
	case VIEW_MEMBER_UID: return set_member_uid(t, out);
	case VIEW_DC: return set_dc(t, out);
	case VIEW_SHADOW_EXPIRE: return set_expiry(t, out);
	case VIEW_AD_EXPIRE: return set_ad_expiry(t, out);
	case VIEW_KRB_EXPIRE: return set_native(t, t->attr->attr, out);
	case VIEW_LOCKED: return set_lock(t, out);
	case VIEW_LOCKED_SINCE: return set_locked_since(t, out);
	case VIEW_WRITTEN_ONLY: break;
	}
	return set_undefined(out);
}

/* Only the entries of one class have some attributes. */
static enum idm_result
set_term(const struct term *t, struct idm_filter *out)
{
	struct idm_filter pair[2];
	enum idm_result result;

	if (t->attr->only == NULL)
		return set_form(t, out);
	result = set_form(t, &pair[1]);
	if (result != IDM_OK)
		return result;
	if (pair[1].kind == IDM_FILTER_UNDEFINED)
		return set_undefined(out);
	result = set_own(t->view, IDM_ATTR_CLASS, idm_span_cstr(t->attr->only), &pair[0], t->err);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_AND, pair, out) : result;
}

enum idm_result
ldap_filter_equality(const struct view *view, const struct view_attr *attr, struct idm_span value,
    struct idm_filter *out, bool *exact, struct idm_error *err)
{
	struct term t = {
		.view = view, .attr = attr, .kind = IDM_FILTER_EQUAL, .value = value, .err = err
	};
	enum idm_result result = set_term(&t, out);

	*exact = result == IDM_OK && out->kind != IDM_FILTER_UNDEFINED &&
		 attr->form != VIEW_FIRST && attr->form != VIEW_REST;
	return result;
}

/* --- a client's tree */

static enum idm_result
translate_substrings(struct term *t, const struct ldap_filter *filter, struct idm_filter *out)
{
	struct idm_span *pieces =
	    idm_arena_array(t->view->read->arena, filter->any_count + 2, sizeof(*pieces));

	if (pieces == NULL)
		return no_memory(t->err);
	t->kind = IDM_FILTER_SUBSTRING;
	t->pieces = pieces;
	t->initial = filter->initial.ptr != NULL;
	t->final = filter->final.ptr != NULL;
	if (t->initial)
		pieces[t->piece_count++] = filter->initial;
	for (size_t i = 0; i < filter->any_count; i++)
		pieces[t->piece_count++] = filter->any[i];
	if (t->final)
		pieces[t->piece_count++] = filter->final;
	return set_term(t, out);
}

/* Does the DN of the entries hold `attribute=value`, besides their own RDN? */
static enum idm_result
set_dn_part(const struct term *t, struct idm_filter *out)
{
	static const char *const classes[] = { "person", "group", "service_account" };
	static const char *const containers[] = { "people", "groups", "services" };
	const struct dn *suffix = &t->view->suffix->dn;

	for (size_t i = 0; i < suffix->count; i++) {
		const struct dn_ava *ava = &suffix->rdns[i].avas[0];

		if (idm_span_equal_nocase(ava->type, idm_span_cstr(t->attr->name)) &&
		    dn_value_equal(ava->value, t->value))
			return set_constant(true, out);
	}
	for (size_t i = 0; strcmp(t->attr->name, "ou") == 0 && i < 3; i++) {
		if (dn_value_equal(t->value, idm_span_cstr(containers[i])))
			return ldap_filter_any_class(t->view, &classes[i], 1, out, t->err);
	}
	return set_constant(false, out);
}

/* Follow the chain, where the attribute is one of membership; *known false: it is not. */
static enum idm_result
set_in_chain(struct term *t, struct idm_filter *out)
{
	if (t->attr->number == IDM_ATTR_MEMBEROF)
		return set_term(t, out); /* is the whole chain by itself */
	if (t->attr->form != VIEW_MEMBERS &&
	    (t->attr->form != VIEW_STORED ||
		(t->attr->number != IDM_ATTR_MEMBER && t->attr->number != IDM_ATTR_DYNMEMBER)))
		return set_undefined(out);
	t->chain = true;
	return set_term(t, out);
}

/* RFC 4511 section 4.5.1.7.7; a rule must be the attribute's own, or the in-chain one. */
static enum idm_result
translate_extensible(struct term *t, const struct ldap_filter *filter, struct idm_filter *out)
{
	const struct view_syntax_info *syntax = view_syntax_info(t->attr->syntax);
	struct idm_filter pair[2];
	enum idm_result result;

	t->kind = IDM_FILTER_EQUAL;
	if (idm_span_is(filter->rule, VIEW_IN_CHAIN))
		return set_in_chain(t, out);
	if (filter->rule.len != 0 && !view_rule_is(&syntax->equality, filter->rule))
		return set_undefined(out);
	if (!filter->dn_attributes)
		return set_term(t, out);
	result = set_term(t, &pair[0]);
	if (result == IDM_OK)
		result = set_dn_part(t, &pair[1]);
	return result == IDM_OK ? set_pair(t, IDM_FILTER_OR, pair, out) : result;
}

static enum idm_result
translate_term(const struct view *view, const struct ldap_filter *filter, struct idm_filter *out,
    struct idm_error *err)
{
	struct term t = { .view = view, .value = filter->value, .err = err };

	t.attr = view_find(view->read->schema, filter->attribute);
	if (t.attr == NULL)
		return set_undefined(out);
	switch (filter->kind) {
	case LDAP_FILTER_PRESENT: t.kind = IDM_FILTER_PRESENT; return set_term(&t, out);
	case LDAP_FILTER_EQUALITY:
	case LDAP_FILTER_APPROX: t.kind = IDM_FILTER_EQUAL; return set_term(&t, out);
	case LDAP_FILTER_GREATER_OR_EQUAL:
		t.kind = IDM_FILTER_GREATER_EQUAL;
		return set_term(&t, out);
	case LDAP_FILTER_LESS_OR_EQUAL: t.kind = IDM_FILTER_LESS_EQUAL; return set_term(&t, out);
	case LDAP_FILTER_SUBSTRINGS: return translate_substrings(&t, filter, out);
	case LDAP_FILTER_EXTENSIBLE: return translate_extensible(&t, filter, out);
	case LDAP_FILTER_AND:
	case LDAP_FILTER_OR:
	case LDAP_FILTER_NOT:
	case LDAP_FILTER_UNKNOWN: break;
	}
	return set_undefined(out);
}

static enum idm_result
translate_children(const struct view *view, enum idm_filter_kind kind,
    const struct ldap_filter *filter, struct idm_filter *out, struct idm_error *err)
{
	const struct ldap_filter *child = filter->children;
	enum idm_result result = IDM_OK;

	*out = (struct idm_filter){ .kind = kind };
	out->children =
	    idm_arena_array(view->read->arena, filter->child_count, sizeof(*out->children));
	if (out->children == NULL)
		return no_memory(err);
	for (; child != NULL && result == IDM_OK; child = child->next)
		result =
		    ldap_filter_translate(view, child, &out->children[out->child_count++], err);
	return result;
}

/* As deep as the decoder lets a filter be: LDAP_FILTER_DEPTH_MAX. */
enum idm_result
ldap_filter_translate(const struct view *view, const struct ldap_filter *filter,
    struct idm_filter *out, struct idm_error *err)
{
	switch (filter->kind) {
	case LDAP_FILTER_AND:
	case LDAP_FILTER_OR:
		if (filter->child_count == 1) /* many templates write (&(uid=x)) */
			return ldap_filter_translate(view, filter->children, out, err);
		return translate_children(view,
		    filter->kind == LDAP_FILTER_AND ? IDM_FILTER_AND : IDM_FILTER_OR, filter, out,
		    err);
	case LDAP_FILTER_NOT: return translate_children(view, IDM_FILTER_NOT, filter, out, err);
	case LDAP_FILTER_EQUALITY:
	case LDAP_FILTER_SUBSTRINGS:
	case LDAP_FILTER_GREATER_OR_EQUAL:
	case LDAP_FILTER_LESS_OR_EQUAL:
	case LDAP_FILTER_PRESENT:
	case LDAP_FILTER_APPROX:
	case LDAP_FILTER_EXTENSIBLE:
	case LDAP_FILTER_UNKNOWN: break;
	}
	return translate_term(view, filter, out, err);
}
