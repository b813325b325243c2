#include "common/dn.h"

#include <string.h>

#include <unistr.h>

static bool
is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* The other names of the types that our DNs are made of (RFC 4519 section 2, RFC 4524). */
static const struct {
	const char *other;
	const char *name;
} type_names[] = {
	{ "0.9.2342.19200300.100.1.1", "uid" },
	{ "userid", "uid" },
	{ "2.5.4.3", "cn" },
	{ "commonName", "cn" },
	{ "0.9.2342.19200300.100.1.25", "dc" },
	{ "domainComponent", "dc" },
	{ "2.5.4.11", "ou" },
	{ "organizationalUnitName", "ou" },
	{ "2.5.4.10", "o" },
	{ "organizationName", "o" },
	{ "2.5.4.6", "c" },
	{ "countryName", "c" },
	{ "0.9.2342.19200300.100.1.3", "mail" },
	{ "rfc822Mailbox", "mail" },
	{ "entryUUID", "uuid" },
	{ "1.3.6.1.1.16.4", "uuid" },
};

static struct idm_span
short_type(struct idm_span type)
{
	/* Most are short already, and no other name is. */
	if (type.len <= 4)
		return type;
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (idm_span_equal_nocase(type, idm_span_cstr(type_names[i].other)))
			return idm_span_cstr(type_names[i].name);
	}
	return type;
}

/* What is left of the text. */
struct parser {
	const uint8_t *pos;
	const uint8_t *end;
	struct idm_arena *arena;
};

/* The next character; 0 at the end, which no DN may hold unescaped. */
static uint8_t
peek(const struct parser *p)
{
	return p->pos < p->end ? *p->pos : 0;
}

static void
skip_spaces(struct parser *p)
{
	while (peek(p) == ' ')
		p->pos++;
}

/* numericoid: numbers without leading zeros, joined by dots, at least two. */
static bool
parse_oid(struct parser *p)
{
	for (size_t numbers = 1;; numbers++) {
		const uint8_t *start = p->pos;

		while (is_digit(peek(p)))
			p->pos++;
		if (p->pos == start || (*start == '0' && p->pos - start > 1))
			return false;
		if (peek(p) != '.')
			return numbers >= 2;
		p->pos++;
	}
}

/* attributeType = descr / numericoid (RFC 4514 section 3), and the "=" behind it. */
static bool
parse_type(struct parser *p, struct idm_span *out)
{
	const uint8_t *start = p->pos;

	if (is_digit(peek(p))) {
		if (!parse_oid(p))
			return false;
	} else {
		if (!is_alpha(peek(p)))
			return false;
		while (is_alpha(peek(p)) || is_digit(peek(p)) || peek(p) == '-')
			p->pos++;
	}
	*out = short_type(idm_span_of(start, (size_t)(p->pos - start)));
	skip_spaces(p);
	if (peek(p) != '=')
		return false;
	p->pos++;
	return true;
}

/* How many octets the escape at `pos` takes; 0: it is none. */
static size_t
escape_length(const uint8_t *pos, const uint8_t *end)
{
	if (end - pos < 2)
		return 0;
	if (strchr(" \"#+,;<=>\\", pos[1]) != NULL && pos[1] != 0)
		return 2;
	if (end - pos >= 3 && idm_hex_value(pos[1]) >= 0 && idm_hex_value(pos[2]) >= 0)
		return 3;
	return 0;
}

/* A copy of `raw`, whose escapes were checked, without them. */
static bool
unescape(struct idm_arena *arena, struct idm_span raw, struct idm_span *out)
{
	uint8_t *copy = idm_arena_alloc(arena, raw.len);
	size_t len = 0;

	if (copy == NULL)
		return false;
	for (size_t i = 0; i < raw.len;) {
		if (raw.ptr[i] != '\\') {
			copy[len++] = raw.ptr[i++];
		} else if (idm_hex_value(raw.ptr[i + 1]) < 0) {
			copy[len++] = raw.ptr[i + 1];
			i += 2;
		} else {
			copy[len++] = (uint8_t)(idm_hex_value(raw.ptr[i + 1]) << 4 |
						idm_hex_value(raw.ptr[i + 2]));
			i += 3;
		}
	}
	*out = idm_span_of(copy, len);
	return true;
}

/* The text of a value up to the "," or "+" behind it, without the spaces before that. */
static bool
scan_value(struct parser *p, struct idm_span *raw, bool *escaped)
{
	const uint8_t *start = p->pos;
	const uint8_t *end = p->pos; /* behind the last character that is no space */
	size_t len;

	*escaped = false;
	while (p->pos < p->end && *p->pos != ',' && *p->pos != '+') {
		switch (*p->pos) {
		case '\\':
			len = escape_length(p->pos, p->end);
			if (len == 0)
				return false;
			*escaped = true;
			p->pos += len;
			end = p->pos;
			continue;
		case 0:
		case '"':
		case ';':
		case '<':
		case '>': return false;
		case ' ': p->pos++; continue;
		default: end = ++p->pos;
		}
	}
	*raw = idm_span_of(start, (size_t)(end - start));
	return true;
}

static bool
parse_value(struct parser *p, struct idm_span *out)
{
	bool escaped;

	if (peek(p) == '#' || !scan_value(p, out, &escaped))
		return false;
	if (escaped && !unescape(p->arena, *out, out))
		return false;
	return out->len == 0 || u8_check(out->ptr, out->len) == NULL;
}

static bool
parse_ava(struct parser *p, struct dn_ava *out)
{
	skip_spaces(p);
	if (!parse_type(p, &out->type))
		return false;
	skip_spaces(p);
	return parse_value(p, &out->value);
}

static bool
parse_rdn(struct parser *p, struct dn_rdn *out)
{
	struct dn_ava avas[DN_AVAS_MAX];
	size_t count = 0;

	for (;;) {
		if (count == DN_AVAS_MAX || !parse_ava(p, &avas[count]))
			return false;
		count++;
		if (peek(p) != '+')
			break;
		p->pos++;
	}
	out->avas = idm_arena_array(p->arena, count, sizeof(*avas));
	if (out->avas == NULL)
		return false;
	memcpy(out->avas, avas, count * sizeof(*avas));
	out->count = count;
	return true;
}

bool
dn_parse(struct idm_span text, struct idm_arena *arena, struct dn *out)
{
	struct parser p = { text.ptr, text.ptr, arena };
	struct dn_rdn rdns[DN_RDNS_MAX];
	size_t count = 0;

	*out = (struct dn){ 0 };
	if (text.len == 0)
		return true;
	if (text.len > DN_BYTES_MAX)
		return false;
	p.end += text.len;
	skip_spaces(&p);
	while (p.pos < p.end) {
		if (count == DN_RDNS_MAX || !parse_rdn(&p, &rdns[count]))
			return false;
		count++;
		if (p.pos == p.end)
			break;
		p.pos++; /* the comma that the value ended at */
		if (p.pos == p.end)
			return false;
	}
	out->rdns = idm_arena_array(arena, count, sizeof(*rdns));
	if (out->rdns == NULL)
		return false;
	memcpy(out->rdns, rdns, count * sizeof(*rdns));
	out->count = count;
	return true;
}

static struct idm_span
trim(struct idm_span text)
{
	while (text.len != 0 && text.ptr[0] == ' ') {
		text.ptr++;
		text.len--;
	}
	while (text.len != 0 && text.ptr[text.len - 1] == ' ')
		text.len--;
	return text;
}

/* The place behind the space or spaces, or behind the one other character, at `i`. */
static size_t
next_place(struct idm_span text, size_t i)
{
	bool space = text.ptr[i++] == ' ';

	while (space && i < text.len && text.ptr[i] == ' ')
		i++;
	return i;
}

bool
dn_value_equal(struct idm_span a, struct idm_span b)
{
	size_t i = 0, j = 0;

	a = trim(a);
	b = trim(b);
	while (i < a.len && j < b.len) {
		if (lower(a.ptr[i]) != lower(b.ptr[j]))
			return false;
		i = next_place(a, i);
		j = next_place(b, j);
	}
	return i == a.len && j == b.len;
}

/* `value` in the one form of all that are equal to it. */
static bool
fold(struct idm_arena *arena, struct idm_span value, struct idm_span *out)
{
	uint8_t *copy;
	size_t len = 0;

	value = trim(value);
	copy = idm_arena_alloc(arena, value.len);
	if (copy == NULL)
		return false;
	for (size_t i = 0; i < value.len; i = next_place(value, i))
		copy[len++] = lower(value.ptr[i]);
	*out = idm_span_of(copy, len);
	return true;
}

/* Each of `a` has its equal in `b`. */
static bool
rdn_within(const struct dn_rdn *a, const struct dn_rdn *b)
{
	for (size_t i = 0; i < a->count; i++) {
		size_t j = 0;

		while (j < b->count && !(idm_span_equal_nocase(a->avas[i].type, b->avas[j].type) &&
					   dn_value_equal(a->avas[i].value, b->avas[j].value)))
			j++;
		if (j == b->count)
			return false;
	}
	return true;
}

static bool
rdn_equal(const struct dn_rdn *a, const struct dn_rdn *b)
{
	return a->count == b->count && rdn_within(a, b) && (a->count == 1 || rdn_within(b, a));
}

bool
dn_is_below(const struct dn *dn, const struct dn *ancestor)
{
	size_t own;

	if (dn->count < ancestor->count)
		return false;
	own = dn->count - ancestor->count;
	for (size_t i = 0; i < ancestor->count; i++) {
		if (!rdn_equal(&dn->rdns[own + i], &ancestor->rdns[i]))
			return false;
	}
	return true;
}

bool
dn_equal(const struct dn *a, const struct dn *b)
{
	return a->count == b->count && dn_is_below(a, b);
}

/* What is written to: octets beyond `size` are counted only. */
struct output {
	uint8_t *out;
	size_t size;
	size_t len;
};

static void
put(struct output *o, struct idm_span text)
{
	if (text.len != 0 && o->len <= o->size && text.len <= o->size - o->len)
		memcpy(o->out + o->len, text.ptr, text.len);
	o->len += text.len;
}

/* Whether the character at `i` cannot stand as it is (RFC 4514 section 2.4). */
static bool
needs_escape(struct idm_span value, size_t i)
{
	switch (value.ptr[i]) {
	case '"':
	case '+':
	case ',':
	case ';':
	case '<':
	case '>':
	case '\\':
	case 0: return true;
	case '#': return i == 0;
	case ' ': return i == 0 || i == value.len - 1;
	default: return false;
	}
}

static void
put_escaped(struct output *o, struct idm_span value)
{
	size_t start = 0; /* what is not put yet */

	for (size_t i = 0; i < value.len; i++) {
		if (!needs_escape(value, i))
			continue;
		put(o, idm_span_of(value.ptr + start, i - start));
		if (value.ptr[i] == 0)
			put(o, IDM_SPAN_LIT("\\00"));
		else
			put(o, IDM_SPAN_LIT("\\"));
		start = value.ptr[i] == 0 ? i + 1 : i;
	}
	if (start < value.len)
		put(o, idm_span_of(value.ptr + start, value.len - start));
}

size_t
dn_escape(struct idm_span value, uint8_t *out, size_t size)
{
	struct output o = { out, size, 0 };

	put_escaped(&o, value);
	return o.len;
}

static void
put_dn(struct output *o, const struct dn *dn)
{
	for (size_t i = 0; i < dn->count; i++) {
		for (size_t j = 0; j < dn->rdns[i].count; j++) {
			if (i + j != 0)
				put(o, j == 0 ? IDM_SPAN_LIT(",") : IDM_SPAN_LIT("+"));
			put(o, dn->rdns[i].avas[j].type);
			put(o, IDM_SPAN_LIT("="));
			put_escaped(o, dn->rdns[i].avas[j].value);
		}
	}
}

struct idm_span
dn_text(const struct dn *dn, struct idm_arena *arena)
{
	struct output o = { 0 };

	put_dn(&o, dn);
	o = (struct output){ .out = idm_arena_alloc(arena, o.len), .size = o.len };
	if (o.out == NULL)
		return IDM_SPAN_EMPTY;
	put_dn(&o, dn);
	return idm_span_of(o.out, o.len);
}

bool
dn_suffix_parse(struct idm_span text, struct idm_arena *arena, struct dn_suffix *out)
{
	struct dn dn;

	/* Parsed again from what is written, so that all of it stands in the arena. */
	if (!dn_parse(text, arena, &dn) || dn.count == 0)
		return false;
	out->text = dn_text(&dn, arena);
	return out->text.ptr != NULL && dn_parse(out->text, arena, &out->dn);
}

bool
dn_suffix_of_domain(struct idm_span domain, struct idm_arena *arena, struct dn_suffix *out)
{
	uint8_t text[DN_BYTES_MAX];
	struct output o = { text, sizeof(text), 0 };
	size_t start = 0;

	for (size_t i = 0; i <= domain.len; i++) {
		if (i < domain.len && domain.ptr[i] != '.')
			continue;
		if (i == start)
			return false;
		put(&o, start == 0 ? IDM_SPAN_LIT("dc=") : IDM_SPAN_LIT(",dc="));
		put_escaped(&o, idm_span_of(domain.ptr + start, i - start));
		start = i + 1;
	}
	return o.len <= sizeof(text) && dn_suffix_parse(idm_span_of(text, o.len), arena, out);
}

static const struct {
	const char *name;
	const char *naming; /* the type that names the entries below */
} containers[] = {
	[DN_CONTAINER_NONE] = { NULL, "name" },
	[DN_CONTAINER_PEOPLE] = { "people", "uid" },
	[DN_CONTAINER_GROUPS] = { "groups", "cn" },
	[DN_CONTAINER_SERVICES] = { "services", "uid" },
	[DN_CONTAINER_ACCESS] = { "access", "cn" },
	[DN_CONTAINER_SCHEMA] = { "schema", "cn" },
	[DN_CONTAINER_APPLICATIONS] = { "applications", "cn" },
};

static const struct {
	enum dn_naming naming;
	const char *type;
} namings[] = {
	{ DN_NAMING_UID, "uid" },
	{ DN_NAMING_CN, "cn" },
	{ DN_NAMING_NAME, "name" },
	{ DN_NAMING_SPN, "spn" },
	{ DN_NAMING_UUID, "uuid" },
	{ DN_NAMING_MAIL, "mail" },
};

/* The only value of an RDN that has one alone and the type `type`. */
static bool
is_single(const struct dn_rdn *rdn, const char *type)
{
	return rdn->count == 1 && idm_span_equal_nocase(rdn->avas[0].type, idm_span_cstr(type));
}

static bool
is_pair(const struct dn_rdn *rdn, const char *type, const char *value)
{
	return is_single(rdn, type) && dn_value_equal(rdn->avas[0].value, idm_span_cstr(value));
}

/* DN_CONTAINER_NONE: the RDN is no container's. */
static enum dn_container
container_of(const struct dn_rdn *rdn)
{
	for (size_t i = DN_CONTAINER_PEOPLE; i < sizeof(containers) / sizeof(containers[0]); i++) {
		if (is_pair(rdn, "ou", containers[i].name))
			return (enum dn_container)i;
	}
	return DN_CONTAINER_NONE;
}

/* The RDN names an entry. */
static bool
naming_of(const struct dn_rdn *rdn, enum dn_naming *out)
{
	for (size_t i = 0; i < sizeof(namings) / sizeof(namings[0]); i++) {
		if (is_single(rdn, namings[i].type)) {
			*out = namings[i].naming;
			return rdn->avas[0].value.len != 0;
		}
	}
	return false;
}

/* The first `count` RDNs, the suffix being cut off, name an entry; fill `out`. */
static bool
entry_of(const struct dn_rdn *rdns, size_t count, struct idm_arena *arena, struct dn_target *out)
{
	struct idm_span application = IDM_SPAN_EMPTY;

	if (!naming_of(&rdns[0], &out->naming))
		return false;
	if (count == 2 && is_single(&rdns[1], "app")) {
		application = rdns[1].avas[0].value;
		if (application.len == 0)
			return false;
	} else if (count == 2) {
		out->container = container_of(&rdns[1]);
		if (out->container == DN_CONTAINER_NONE)
			return false;
	} else if (count != 1) {
		return false;
	}
	out->kind = DN_ENTRY;
	if (!fold(arena, rdns[0].avas[0].value, &out->value) ||
	    (application.len != 0 && !fold(arena, application, &out->application)))
		out->kind = DN_INVALID;
	return true;
}

/* What stands before the suffix, or all there is if that is missing. */
static void
classify(const struct dn_rdn *rdns, size_t count, bool below, struct idm_arena *arena,
    struct dn_target *out)
{
	if (count == 1 && is_pair(&rdns[0], "dn", "token")) {
		out->kind = DN_TOKEN;
		return;
	}
	if (count == 1 && !below && is_pair(&rdns[0], "cn", "subschema")) {
		out->kind = DN_SUBSCHEMA;
		return;
	}
	if (count == 1 && container_of(&rdns[0]) != DN_CONTAINER_NONE) {
		out->kind = DN_CONTAINER;
		out->container = container_of(&rdns[0]);
		return;
	}
	if (!entry_of(rdns, count, arena, out)) {
		out->container = DN_CONTAINER_NONE;
		out->kind = below ? DN_UNKNOWN : DN_FOREIGN;
	}
}

/* A name alone has no "=", which every DN has. */
static bool
is_bare(struct idm_span text)
{
	return memchr(text.ptr, '=', text.len) == NULL;
}

static void
bare_to_target(struct idm_span text, struct idm_arena *arena, struct dn_target *out)
{
	if (text.len > DN_BYTES_MAX || memchr(text.ptr, 0, text.len) != NULL ||
	    u8_check(text.ptr, text.len) != NULL || !fold(arena, text, &out->value))
		return;
	out->kind = DN_ENTRY;
	out->naming = DN_NAMING_BARE;
}

void
dn_to_target(struct idm_span text, const struct dn_suffix *suffix, struct idm_arena *arena,
    struct dn_target *out)
{
	struct dn dn;
	bool below;

	*out = (struct dn_target){ .kind = DN_INVALID };
	if (trim(text).len == 0) {
		out->kind = DN_ROOT;
		return;
	}
	if (is_bare(text)) {
		bare_to_target(text, arena, out);
		return;
	}
	if (!dn_parse(text, arena, &dn))
		return;
	below = dn_is_below(&dn, &suffix->dn);
	if (below)
		dn.count -= suffix->dn.count;
	if (dn.count == 0)
		out->kind = DN_SUFFIX;
	else
		classify(dn.rdns, dn.count, below, arena, out);
}

static void
put_container(struct output *o, enum dn_container container, const struct dn_suffix *suffix)
{
	if (container != DN_CONTAINER_NONE) {
		put(o, IDM_SPAN_LIT("ou="));
		put(o, idm_span_cstr(containers[container].name));
		put(o, IDM_SPAN_LIT(","));
	}
	put(o, suffix->text);
}

size_t
dn_of_entry(enum dn_container container, struct idm_span name, const struct dn_suffix *suffix,
    uint8_t *out, size_t size)
{
	struct output o = { out, size, 0 };

	put(&o, idm_span_cstr(containers[container].naming));
	put(&o, IDM_SPAN_LIT("="));
	put_escaped(&o, name);
	put(&o, IDM_SPAN_LIT(","));
	put_container(&o, container, suffix);
	return o.len;
}

size_t
dn_of_container(
    enum dn_container container, const struct dn_suffix *suffix, uint8_t *out, size_t size)
{
	struct output o = { out, size, 0 };

	put_container(&o, container, suffix);
	return o.len;
}
