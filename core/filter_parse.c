/* RFC 4515 text -> tree, with a stack of its own; and the terms, for whoever builds a tree. */
#include "core/filter.h"

/* --- terms */

static bool
has_order(enum idm_syntax syntax)
{
	switch (syntax) {
	case IDM_SYNTAX_UUID:
	case IDM_SYNTAX_KEYWORD:
	case IDM_SYNTAX_INAME:
	case IDM_SYNTAX_INAME_DNS:
	case IDM_SYNTAX_SPN:
	case IDM_SYNTAX_UTF8:
	case IDM_SYNTAX_UTF8_NOCASE:
	case IDM_SYNTAX_EMAIL:
	case IDM_SYNTAX_PATH:
	case IDM_SYNTAX_DATETIME:
	case IDM_SYNTAX_UINT32: return true;
	case IDM_SYNTAX_REFERENCE:
	case IDM_SYNTAX_FILTER:
	case IDM_SYNTAX_CREDENTIAL:
	case IDM_SYNTAX_SECRET:
	case IDM_SYNTAX_SESSION:
	case IDM_SYNTAX_SSHKEY:
	case IDM_SYNTAX_BOOLEAN:
	case IDM_SYNTAX_NETWORK: break;
	}
	return false;
}

/* Of a credential or a secret only the presence can be asked, whatever its marker says. */
static bool
has_equality(enum idm_syntax syntax)
{
	return syntax != IDM_SYNTAX_CREDENTIAL && syntax != IDM_SYNTAX_SECRET &&
	       syntax != IDM_SYNTAX_SESSION;
}

static enum idm_result
undefined_term(struct idm_filter *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = IDM_FILTER_UNDEFINED;
	return IDM_OK;
}

/* A uuid stands for itself, whoever has it; a name is looked up.  Nobody: norm stays empty. */
static enum idm_result
resolve_reference(
    const struct idm_read *read, struct idm_span text, struct idm_span *norm, struct idm_error *err)
{
	struct idm_uuid uuid;
	struct idm_entry named;
	enum idm_result result;

	*norm = IDM_SPAN_EMPTY;
	if (!idm_uuid_parse(text, &uuid)) {
		result = idm_lookup_text(read, text, &named, err);
		if (result == IDM_NOT_FOUND)
			return IDM_OK;
		if (result != IDM_OK)
			return result;
		uuid = named.uuid;
	}
	*norm = idm_arena_copy(read->arena, idm_uuid_span(&uuid));
	return norm->ptr == NULL ? idm_fail(err, IDM_LIMIT, "filter: out of memory") : IDM_OK;
}

static bool
is_membership(const struct idm_attr *attr)
{
	return attr->number == IDM_ATTR_MEMBEROF || attr->number == IDM_ATTR_DIRECTMEMBEROF ||
	       attr->number == IDM_ATTR_MEMBER || attr->number == IDM_ATTR_DYNMEMBER;
}

static enum idm_result
reference_term(const struct idm_read *read, struct idm_span value, bool strict,
    struct idm_filter *out, struct idm_error *err)
{
	enum idm_result result = resolve_reference(read, value, &out->norm, err);

	if (result != IDM_OK)
		return result;
	if (strict && out->norm.len == 0)
		return idm_refuse(err, IDM_INVALID, "nobody is called \"%.*s\" in (%s=...)",
		    IDM_SPAN_ARG(value), out->attr->name);
	if (!is_membership(out->attr))
		return IDM_OK;
	out->cache = idm_arena_alloc(read->arena, sizeof(*out->cache));
	return out->cache == NULL ? idm_fail(err, IDM_LIMIT, "filter: out of memory") : IDM_OK;
}

/* IDM_INVALID also when not `strict`: the caller makes it UNDEFINED. */
static enum idm_result
value_term(const struct idm_read *read, struct idm_span value, bool strict, struct idm_filter *out,
    struct idm_error *err)
{
	const struct idm_attr *attr = out->attr;
	bool allowed =
	    out->kind == IDM_FILTER_EQUAL ? has_equality(attr->syntax) : has_order(attr->syntax);

	if (!allowed)
		return idm_refuse(err, IDM_INVALID, "%s can't be compared so", attr->name);
	if (attr->syntax == IDM_SYNTAX_REFERENCE)
		return reference_term(read, value, strict, out, err);
	return idm_assertion_parse(attr, value, read->arena, &out->norm, err);
}

static enum idm_result
build_term(const struct idm_read *read, enum idm_filter_kind kind, const struct idm_attr *attr,
    struct idm_span value, bool strict, struct idm_filter *out, struct idm_error *err)
{
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	out->kind = kind;
	out->attr = attr;
	if (kind == IDM_FILTER_PRESENT)
		return IDM_OK;
	result = value_term(read, value, strict, out, err);
	if (result == IDM_INVALID && !strict)
		return undefined_term(out);
	return result;
}

enum idm_result
idm_filter_term(const struct idm_read *read, enum idm_filter_kind kind, const struct idm_attr *attr,
    struct idm_span value, struct idm_filter *out, struct idm_error *err)
{
	if (attr == NULL)
		return undefined_term(out);
	return build_term(read, kind, attr, value, false, out, err);
}

static enum idm_result
build_substring(const struct idm_read *read, const struct idm_span *pieces, bool strict,
    struct idm_filter *term, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	if (term->piece_count == 0 || term->piece_count > IDM_FILTER_PIECES)
		return idm_refuse(err, IDM_INVALID, "a substring match has 1 to %d pieces",
		    (int)IDM_FILTER_PIECES);
	term->pieces = idm_arena_array(read->arena, term->piece_count, sizeof(*term->pieces));
	if (term->pieces == NULL)
		return idm_fail(err, IDM_LIMIT, "filter: out of memory");
	for (size_t i = 0; i < term->piece_count && result == IDM_OK; i++) {
		result = idm_assertion_parse_piece(
		    term->attr, pieces[i], read->arena, &term->pieces[i], err);
	}
	if (result == IDM_INVALID && !strict)
		return undefined_term(term);
	return result;
}

enum idm_result
idm_filter_substring(const struct idm_read *read, const struct idm_attr *attr,
    const struct idm_span *pieces, size_t piece_count, bool initial, bool final,
    struct idm_filter *out, struct idm_error *err)
{
	undefined_term(out);
	if (attr == NULL)
		return IDM_OK;
	*out = (struct idm_filter){
		.kind = IDM_FILTER_SUBSTRING,
		.attr = attr,
		.piece_count = piece_count,
		.initial = initial,
		.final = final,
	};
	return build_substring(read, pieces, false, out, err);
}

/* --- text */

/* A node that waits for its parent to be closed. */
struct item {
	struct item *next;
	struct idm_filter filter;
};

/* An AND, OR or NOT whose ')' has not come yet. */
struct frame {
	enum idm_filter_kind kind;
	struct item *first;
	struct item **tail;
	size_t count;
};

struct parser {
	const struct idm_read *read;
	struct idm_span rest;
	bool strict;
	struct idm_error *err;
	struct frame stack[IDM_FILTER_DEPTH];
	size_t depth;
	size_t nodes;
	struct item *root; /* set when the outermost ')' has come */
};

static enum idm_result
syntax_error(struct parser *p, const char *what)
{
	return idm_refuse(p->err, IDM_INVALID, "filter: %s before \"%.*s\"", what,
	    (int)(p->rest.len < 40 ? p->rest.len : 40),
	    p->rest.len != 0 ? (const char *)p->rest.ptr : "");
}

static bool
next_is(const struct parser *p, char c)
{
	return p->rest.len != 0 && p->rest.ptr[0] == (uint8_t)c;
}

static struct idm_span
take(struct parser *p, size_t n)
{
	struct idm_span out = { p->rest.ptr, n };

	p->rest.ptr += n;
	p->rest.len -= n;
	return out;
}

/* The next octets, up to one of `stops` or the end. */
static struct idm_span
take_until(struct parser *p, const char *stops)
{
	size_t n = 0;

	while (n < p->rest.len && (p->rest.ptr[n] == 0 || strchr(stops, p->rest.ptr[n]) == NULL))
		n++;
	return take(p, n);
}

/* NULL, and *result says why. */
static struct item *
new_item(struct parser *p, enum idm_result *result)
{
	struct item *item;

	if (p->nodes == IDM_FILTER_NODES) {
		*result = idm_refuse(
		    p->err, IDM_INVALID, "filter: more than %d terms", (int)IDM_FILTER_NODES);
		return NULL;
	}
	p->nodes++;
	item = idm_arena_alloc(p->read->arena, sizeof(*item));
	*result = item == NULL ? idm_fail(p->err, IDM_LIMIT, "filter: out of memory") : IDM_OK;
	return item;
}

/* Hand a finished node to the composite around it, or make it the root. */
static void
attach(struct parser *p, struct item *item)
{
	struct frame *frame;

	if (p->depth == 0) {
		p->root = item;
		return;
	}
	frame = &p->stack[p->depth - 1];
	*frame->tail = item;
	frame->tail = &item->next;
	frame->count++;
}

/* Undo `\XX` (RFC 4515 section 3, valueencoding) into the arena. */
static enum idm_result
unescape(struct parser *p, struct idm_span text, struct idm_span *out)
{
	uint8_t *to = idm_arena_alloc(p->read->arena, text.len + 1);
	size_t n = 0;

	if (to == NULL)
		return idm_fail(p->err, IDM_LIMIT, "filter: out of memory");
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.ptr[i] == 0)
			return syntax_error(p, "a NUL");
		if (text.ptr[i] != '\\') {
			to[n++] = text.ptr[i];
			continue;
		}
		high = i + 2 < text.len ? idm_hex_value(text.ptr[i + 1]) : -1;
		low = i + 2 < text.len ? idm_hex_value(text.ptr[i + 2]) : -1;
		if (high < 0 || low < 0)
			return syntax_error(p, "\\ without two hexadecimal digits");
		to[n++] = (uint8_t)(high * 16 + low);
		i += 2;
	}
	*out = idm_span_of(to, n);
	return IDM_OK;
}

static bool
is_attribute_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == ';';
}

static bool
is_attribute_text(struct idm_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_attribute_octet(text.ptr[i]))
			return false;
	}
	return text.len != 0;
}

/*
 * What stands between the attribute and `=`: nothing, `~`, `<`, `>`, or an extensible match's rest.
 * Approximate matching is equality.  Of the matching rules only the one that Active Directory
 * calls "in chain" is known: memberof is the whole chain already.
 */
static bool
read_rule(struct idm_span attr, struct idm_span rest, enum idm_filter_kind *kind)
{
	static const char in_chain[] = ":1.2.840.113556.1.4.1941:";

	*kind = IDM_FILTER_EQUAL;
	if (rest.len == 0 || idm_span_is(rest, "~"))
		return true;
	if (idm_span_is(rest, "<"))
		*kind = IDM_FILTER_LESS_EQUAL;
	else if (idm_span_is(rest, ">"))
		*kind = IDM_FILTER_GREATER_EQUAL;
	else
		return idm_span_is(rest, in_chain) &&
		       idm_span_equal_nocase(attr, IDM_SPAN_LIT("memberof"));
	return true;
}

/* `a*b*c`: a and c may be empty, and are then neither initial nor final. */
static enum idm_result
substring_term(struct parser *p, struct idm_span text, struct idm_filter *term)
{
	struct idm_span pieces[IDM_FILTER_PIECES];
	const uint8_t *end = text.ptr + text.len;
	const uint8_t *from = text.ptr;

	term->kind = IDM_FILTER_SUBSTRING;
	term->initial = text.ptr[0] != '*';
	term->final = end[-1] != '*';
	while (from <= end) {
		const uint8_t *star = memchr(from, '*', (size_t)(end - from));
		size_t len = (size_t)((star != NULL ? star : end) - from);
		enum idm_result result = IDM_OK;

		if (len != 0 && term->piece_count == IDM_FILTER_PIECES)
			return syntax_error(p, "too many pieces");
		if (len != 0)
			result = unescape(p, idm_span_of(from, len), &pieces[term->piece_count++]);
		if (result != IDM_OK)
			return result;
		from += len + 1;
	}
	if (term->piece_count == 0)
		return syntax_error(p, "** without a piece");
	return build_substring(p->read, pieces, p->strict, term, p->err);
}

static enum idm_result
term_of(struct parser *p, const struct idm_attr *attr, enum idm_filter_kind kind,
    struct idm_span value, struct idm_filter *out)
{
	struct idm_span raw;
	enum idm_result result;

	out->kind = kind;
	out->attr = attr;
	if (kind == IDM_FILTER_EQUAL && idm_span_is(value, "*")) {
		out->kind = IDM_FILTER_PRESENT;
		return IDM_OK;
	}
	if (memchr(value.ptr, '*', value.len) != NULL) {
		if (kind != IDM_FILTER_EQUAL)
			return syntax_error(p, "* in an ordering match");
		return substring_term(p, value, out);
	}
	result = unescape(p, value, &raw);
	if (result != IDM_OK)
		return result;
	return build_term(p->read, kind, attr, raw, p->strict, out, p->err);
}

/* Undefined, but of good syntax all the same. */
static enum idm_result
unknown_term(struct parser *p, struct idm_span value, struct idm_filter *out)
{
	struct idm_span raw;
	enum idm_result result = unescape(p, value, &raw);

	return result == IDM_OK ? undefined_term(out) : result;
}

/* `attr OP value`, up to the ')' that stays. */
static enum idm_result
parse_term(struct parser *p)
{
	struct idm_span name = take_until(p, "=<>~:()*\\");
	struct idm_span rule = take_until(p, "=()*\\");
	struct idm_span value;
	const struct idm_attr *attr;
	enum idm_filter_kind kind;
	struct item *item;
	enum idm_result result;
	bool known;

	if (!next_is(p, '=') || (name.len != 0 ? !is_attribute_text(name) : rule.len == 0))
		return syntax_error(p, "attribute=value expected");
	take(p, 1);
	value = take_until(p, "()");
	if (!next_is(p, ')'))
		return syntax_error(p, "')' expected");

	item = new_item(p, &result);
	if (item == NULL)
		return result;
	attr = idm_schema_attr(p->read->schema, name);
	known = read_rule(name, rule, &kind) && attr != NULL;
	if (known)
		result = term_of(p, attr, kind, value, &item->filter);
	else if (p->strict)
		result = idm_refuse(p->err, IDM_INVALID,
		    "filter: no attribute or matching rule "
		    "\"%.*s%.*s\"",
		    IDM_SPAN_ARG(name), IDM_SPAN_ARG(rule));
	else
		result = unknown_term(p, value, &item->filter);
	if (result == IDM_OK)
		attach(p, item);
	return result;
}

static enum idm_result
push(struct parser *p, enum idm_filter_kind kind)
{
	struct frame *frame;

	if (p->depth == IDM_FILTER_DEPTH)
		return idm_refuse(
		    p->err, IDM_INVALID, "filter: nested deeper than %d", (int)IDM_FILTER_DEPTH);
	take(p, 1);
	frame = &p->stack[p->depth++];
	*frame = (struct frame){ .kind = kind };
	frame->tail = &frame->first;
	return IDM_OK;
}

/* '(' has been taken: a composite begins, or a whole term stands here. */
static enum idm_result
open_node(struct parser *p)
{
	enum idm_result result;

	if (next_is(p, '&'))
		return push(p, IDM_FILTER_AND);
	if (next_is(p, '|'))
		return push(p, IDM_FILTER_OR);
	if (next_is(p, '!'))
		return push(p, IDM_FILTER_NOT);
	result = parse_term(p);
	if (result == IDM_OK)
		take(p, 1); /* the ')' that parse_term saw */
	return result;
}

/* ')' has been taken: the innermost composite is complete. */
static enum idm_result
close_node(struct parser *p)
{
	struct frame *frame;
	struct item *item;
	enum idm_result result;

	if (p->depth == 0)
		return syntax_error(p, "unexpected ')'");
	frame = &p->stack[--p->depth];
	if (frame->kind == IDM_FILTER_NOT && frame->count != 1)
		return syntax_error(p, "'!' takes one filter");
	item = new_item(p, &result);
	if (item == NULL)
		return result;
	item->filter.kind = frame->kind;
	item->filter.child_count = frame->count;
	item->filter.children =
	    idm_arena_array(p->read->arena, frame->count, sizeof(*item->filter.children));
	if (item->filter.children == NULL)
		return idm_fail(p->err, IDM_LIMIT, "filter: out of memory");
	for (size_t i = 0; i < frame->count; i++, frame->first = frame->first->next)
		item->filter.children[i] = frame->first->filter;
	attach(p, item);
	return IDM_OK;
}

enum idm_result
idm_filter_parse(const struct idm_read *read, struct idm_span text, bool strict,
    struct idm_filter *out, struct idm_error *err)
{
	struct parser p = { .read = read, .rest = text, .strict = strict, .err = err };
	enum idm_result result = IDM_OK;

	while (p.root == NULL && result == IDM_OK) {
		if (next_is(&p, '(')) {
			take(&p, 1);
			result = open_node(&p);
		} else if (next_is(&p, ')')) {
			take(&p, 1);
			result = close_node(&p);
		} else {
			result = syntax_error(&p, "'(' expected");
		}
	}
	if (result == IDM_OK && p.rest.len != 0)
		result = syntax_error(&p, "more text");
	if (result == IDM_OK)
		*out = p.root->filter;
	return result;
}
