#include "core/index.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include <xxhash.h>

#include "core/index_batch.h"

enum key_kind {
	KEY_EQUAL = 'e',
	KEY_PRESENT = 'p',
	KEY_ORDER = 'o',
	KEY_TRIGRAM = 't',
	KEY_TRIGRAM_DOMAIN = 'd', /* of a mail address behind its `@`, where everybody is equal */
	KEY_HASHED = 0x80,        /* a bit: the term is a hash */
};

enum {
	WINDOW_BYTES = 8,
	TRIGRAM_BYTES = IDM_INDEX_PIECE_MIN,
	TERM_MAX_BYTES = IDM_STORE_KEY_BYTES - WINDOW_BYTES - 4 - 1,
	FEW_IDS = 1, /* so few candidates are tested faster than narrowed */
	FIRST_KEYS = 64,
};

struct index_key {
	uint8_t bytes[IDM_STORE_KEY_BYTES];
	size_t len;
};

/* --- keys */

static void
put_window(struct index_key *key, uint64_t window_no)
{
	idm_store_u64(window_no, key->bytes + key->len);
	key->len += WINDOW_BYTES;
}

static void
put_term(struct index_key *key, uint32_t number, int kind, struct idm_span term)
{
	idm_store_u32(number, key->bytes + key->len);
	key->bytes[key->len + 4] = (uint8_t)kind;
	key->len += 5;
	if (term.len != 0)
		memcpy(key->bytes + key->len, term.ptr, term.len);
	key->len += term.len;
}

/* Filters walk window by window: only rare values, whose few rows are to stand together, stand
 * value first. */
static bool
is_value_first(uint32_t number, enum key_kind kind)
{
	return kind == KEY_EQUAL && number != IDM_ATTR_CLASS;
}

static struct index_key
key_of(uint32_t number, enum key_kind kind, struct idm_span term, uint64_t window_no)
{
	struct index_key key;
	bool value_first = is_value_first(number, kind);
	XXH128_canonical_t hash;
	int octet = kind;

	key.len = 0;
	if (term.len > TERM_MAX_BYTES) {
		octet |= KEY_HASHED;
		XXH128_canonicalFromHash(&hash, XXH3_128bits(term.ptr, term.len));
		term = idm_span_of(hash.digest, sizeof(hash.digest));
	}
	if (!value_first)
		put_window(&key, window_no);
	put_term(&key, number, octet, term);
	if (value_first)
		put_window(&key, window_no);
	return key;
}

/* --- the keys of an entry */

/* A sorted set of keys, in an arena. */
struct key_set {
	struct idm_arena *arena;
	struct idm_span *keys;
	size_t count;
	size_t room;
};

static bool
keys_grow(struct key_set *set)
{
	size_t room = set->room == 0 ? FIRST_KEYS : 2 * set->room;
	struct idm_span *keys = idm_arena_array(set->arena, room, sizeof(*keys));

	if (keys == NULL)
		return false;
	if (set->count != 0)
		memcpy(keys, set->keys, set->count * sizeof(*keys));
	set->keys = keys;
	set->room = room;
	return true;
}

static bool
keys_add(struct key_set *set, struct index_key key)
{
	struct idm_span copy = idm_arena_copy(set->arena, idm_span_of(key.bytes, key.len));

	if (copy.ptr == NULL || (set->count == set->room && !keys_grow(set)))
		return false;
	set->keys[set->count++] = copy;
	return true;
}

static int
compare_keys(const void *a, const void *b)
{
	return idm_span_compare(*(const struct idm_span *)a, *(const struct idm_span *)b);
}

/* Sort, and drop what is there twice: a value may hold a trigram more than once. */
static void
keys_sort(struct key_set *set)
{
	size_t kept = 0;

	if (set->count > 1)
		qsort(set->keys, set->count, sizeof(*set->keys), compare_keys);
	for (size_t i = 0; i < set->count; i++) {
		if (kept == 0 || !idm_span_equal(set->keys[kept - 1], set->keys[i]))
			set->keys[kept++] = set->keys[i];
	}
	set->count = kept;
}

static bool
add_trigrams(struct key_set *set, uint32_t number, enum key_kind kind, struct idm_span text,
    uint64_t window_no)
{
	for (size_t i = 0; i + TRIGRAM_BYTES <= text.len; i++) {
		if (!keys_add(set,
			key_of(number, kind, idm_span_of(text.ptr + i, TRIGRAM_BYTES), window_no)))
			return false;
	}
	return true;
}

/* Cut off the part before the first `@`, or all of it; *rest: what stands behind that `@`. */
static struct idm_span
cut_at(struct idm_span text, struct idm_span *rest)
{
	const uint8_t *at = text.len == 0 ? NULL : memchr(text.ptr, '@', text.len);
	size_t len = at == NULL ? text.len : (size_t)(at - text.ptr);

	*rest = at == NULL ? IDM_SPAN_EMPTY : idm_span_of(at + 1, text.len - len - 1);
	return idm_span_of(text.ptr, len);
}

/* No trigram of a mail address holds its `@`. */
static bool
add_mail_trigrams(struct key_set *set, uint32_t number, struct idm_span text, uint64_t window_no)
{
	struct idm_span part = cut_at(text, &text);
	bool ok = add_trigrams(set, number, KEY_TRIGRAM, part, window_no);

	while (ok && text.len != 0) {
		part = cut_at(text, &text);
		ok = add_trigrams(set, number, KEY_TRIGRAM_DOMAIN, part, window_no);
	}
	return ok;
}

static bool
add_value(
    struct key_set *set, const struct idm_attr *attr, struct idm_span norm, uint64_t window_no)
{
	uint32_t number = attr->number;
	bool ok = true;

	if ((attr->flags & IDM_ATTR_EQ) != 0)
		ok = keys_add(set, key_of(number, KEY_EQUAL, norm, window_no));
	if (ok && (attr->flags & IDM_ATTR_ORD) != 0)
		ok = keys_add(set, key_of(number, KEY_ORDER, norm, window_no));
	if (!ok || (attr->flags & IDM_ATTR_SUB) == 0)
		return ok;
	if (attr->syntax == IDM_SYNTAX_EMAIL)
		return add_mail_trigrams(set, number, norm, window_no);
	return add_trigrams(set, number, KEY_TRIGRAM, norm, window_no);
}

static bool
add_attr(struct key_set *set, const struct idm_attr *attr, const struct idm_entry *entry)
{
	uint64_t window_no = idm_window_of(entry->id);
	struct idm_value_iter iter = idm_entry_values(entry, attr->number);
	struct idm_value value;

	if ((attr->flags & IDM_ATTR_PRES) != 0 &&
	    !keys_add(set, key_of(attr->number, KEY_PRESENT, IDM_SPAN_EMPTY, window_no)))
		return false;
	while (idm_value_next(&iter, &value)) {
		if (!add_value(set, attr, value.norm, window_no))
			return false;
	}
	return true;
}

/* An attribute that the schema does not know (any more) has no index. */
static enum idm_result
collect(const struct idm_read *read, const struct idm_entry *entry, struct key_set *set,
    struct idm_error *err)
{
	bool ok = entry == NULL || keys_add(set, key_of(IDM_ATTR_UUID, KEY_PRESENT, IDM_SPAN_EMPTY,
						     idm_window_of(entry->id)));

	for (uint32_t i = 0; ok && entry != NULL && i < entry->attr_count; i++) {
		const struct idm_attr *attr =
		    idm_schema_attr_number(read->schema, idm_entry_attr_at(entry, i));

		if (attr != NULL && attr->number != IDM_ATTR_UUID)
			ok = add_attr(set, attr, entry);
	}
	if (!ok)
		return idm_fail(err, IDM_LIMIT, "no memory for the index keys of an entry");
	keys_sort(set);
	return IDM_OK;
}

enum idm_result
idm_index_keys(const struct idm_read *read, const struct idm_entry *entry,
    struct idm_index_keys *out, struct idm_error *err)
{
	struct key_set set = { .arena = read->arena };
	enum idm_result result = collect(read, entry, &set, err);

	*out = (struct idm_index_keys){ set.keys, set.count };
	return result;
}

enum idm_result
idm_index_attr_keys(const struct idm_read *read, const struct idm_attr *attr,
    const struct idm_entry *entry, struct idm_index_keys *out, struct idm_error *err)
{
	struct key_set set = { .arena = read->arena };

	if (idm_entry_has(entry, attr->number) && !add_attr(&set, attr, entry))
		return idm_fail(err, IDM_LIMIT, "no memory for the index keys of an entry");
	keys_sort(&set);
	*out = (struct idm_index_keys){ set.keys, set.count };
	return IDM_OK;
}

static bool
is_kind(int kind)
{
	switch (kind) {
	case KEY_EQUAL:
	case KEY_PRESENT:
	case KEY_ORDER:
	case KEY_TRIGRAM:
	case KEY_TRIGRAM_DOMAIN: return true;
	}
	return false;
}

bool
idm_index_key_parse(struct idm_span key, struct idm_index_key_parts *out)
{
	const uint8_t *term;

	if (key.len < WINDOW_BYTES + 5)
		return false;
	out->value_first = idm_store_load_u32(key.ptr) != 0;
	term = key.ptr + (out->value_first ? 0 : WINDOW_BYTES);
	out->window_no =
	    idm_store_load_u64(out->value_first ? key.ptr + key.len - WINDOW_BYTES : key.ptr);
	out->attr_number = idm_store_load_u32(term);
	out->kind = (char)(term[4] & ~KEY_HASHED);
	out->hashed = (term[4] & KEY_HASHED) != 0;
	out->term = idm_span_of(term + 5, key.len - WINDOW_BYTES - 5);
	return is_kind(out->kind) &&
	       out->value_first == is_value_first(out->attr_number, (enum key_kind)out->kind);
}

enum idm_result
idm_index_set_id(const struct idm_read *read, enum idm_db db, struct idm_span key, uint64_t id,
    bool present, bool *changed, struct idm_error *err)
{
	uint8_t container[IDM_CONTAINER_MAX_BYTES];
	struct idm_span old = IDM_SPAN_EMPTY;
	size_t len = 0;
	enum idm_result result = idm_store_get(read->txn, db, key, &old, err);

	*changed = false;
	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	result = idm_container_set(old, id, present, container, &len, changed, err);
	if (result != IDM_OK || !*changed)
		return result;
	if (len == 0)
		return idm_store_del(read->txn, db, key, err);
	return idm_store_put(read->txn, db, key, idm_span_of(container, len), err);
}

static enum idm_result
change_row(const struct idm_read *read, struct idm_span key, uint64_t id, bool present,
    struct idm_error *err)
{
	bool changed;

	if (read->index_batch == NULL)
		return idm_index_set_id(read, IDM_DB_INDEX, key, id, present, &changed, err);
	if (!idm_index_batch_add(read->index_batch, key, id, present))
		return idm_fail(err, IDM_LIMIT, "no memory for index keys");
	return IDM_OK;
}

/* Walk the two sorted sets side by side; what stands in one alone has changed. */
static enum idm_result
apply_difference(const struct idm_read *read, const struct key_set *old, const struct key_set *new,
    uint64_t id, struct idm_error *err)
{
	enum idm_result result = IDM_OK;
	size_t i = 0, j = 0;

	while (result == IDM_OK && (i < old->count || j < new->count)) {
		int order = i == old->count   ? 1
			    : j == new->count ? -1
					      : idm_span_compare(old->keys[i], new->keys[j]);

		if (order < 0)
			result = change_row(read, old->keys[i], id, false, err);
		else if (order > 0)
			result = change_row(read, new->keys[j], id, true, err);
		if (order <= 0)
			i++;
		if (order >= 0)
			j++;
	}
	return result;
}

enum idm_result
idm_index_update(const struct idm_read *read, const struct idm_entry *before,
    const struct idm_entry *after, struct idm_error *err)
{
	struct key_set old = { .arena = read->arena }, new = { .arena = read->arena };
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	uint64_t id;
	enum idm_result result;

	assert(before == NULL || after == NULL || before->id == after->id);
	if (before == NULL && after == NULL)
		return IDM_OK;
	id = before != NULL ? before->id : after->id;
	if (idm_window_of(id) > UINT32_MAX)
		return idm_fail(err, IDM_LIMIT, "no index reaches id %" PRIu64, id);
	/* All keys first: a write ends what the entries borrow. */
	result = collect(read, before, &old, err);
	if (result == IDM_OK)
		result = collect(read, after, &new, err);
	if (result == IDM_OK)
		result = apply_difference(read, &old, &new, id, err);
	idm_arena_rewind(read->arena, mark);
	return result;
}

/* --- one attribute */

static enum idm_result
drop_rows(const struct idm_read *read, const struct index_key *prefix, struct idm_error *err)
{
	return idm_store_del_all(
	    read->txn, IDM_DB_INDEX, idm_span_of(prefix->bytes, prefix->len), err);
}

enum idm_result
idm_index_drop_attr(const struct idm_read *read, uint32_t attr_number, struct idm_error *err)
{
	struct index_key prefix = { .len = sizeof(uint32_t) };
	uint64_t end;
	enum idm_result result = idm_index_window_end(read, &end, err);

	idm_store_u32(attr_number, prefix.bytes);
	if (result == IDM_OK)
		result = drop_rows(read, &prefix, err);
	for (uint64_t no = 0; no < end && result == IDM_OK; no++) {
		prefix.len = 0;
		put_window(&prefix, no);
		idm_store_u32(attr_number, prefix.bytes + prefix.len);
		prefix.len += sizeof(uint32_t);
		result = drop_rows(read, &prefix, err);
	}
	return result;
}

/* --- candidates */

/* The container under a key; empty: there is none. */
static enum idm_result
get_key(const struct idm_read *read, struct index_key key, struct idm_span *container,
    struct idm_error *err)
{
	enum idm_result result =
	    idm_store_get(read->txn, IDM_DB_INDEX, idm_span_of(key.bytes, key.len), container, err);

	if (result != IDM_NOT_FOUND)
		return result;
	*container = IDM_SPAN_EMPTY;
	return IDM_OK;
}

static enum idm_result
or_key(const struct idm_read *read, struct index_key key, struct idm_window *window,
    struct idm_error *err)
{
	struct idm_span container;
	enum idm_result result = get_key(read, key, &container, err);

	if (result != IDM_OK || container.len == 0)
		return result;
	return idm_container_decode(container, window, err);
}

/* The id of a uuid, from its own database. */
static enum idm_result
or_uuid(const struct idm_read *read, struct idm_span norm, uint64_t window_no,
    struct idm_window *window, struct idm_error *err)
{
	struct idm_span value;
	uint64_t id;
	enum idm_result result;

	if (norm.len != IDM_UUID_BYTES)
		return IDM_OK;
	result = idm_store_get(read->txn, IDM_DB_UUID, norm, &value, err);
	if (result != IDM_OK)
		return result == IDM_NOT_FOUND ? IDM_OK : result;
	if (value.len != sizeof(id))
		return idm_fail(err, IDM_CORRUPT, "a uuid leads to no id");
	id = idm_store_load_u64(value.ptr);
	if (idm_window_of(id) == window_no)
		idm_window_add(window, id);
	return IDM_OK;
}

enum idm_result
idm_index_equal(const struct idm_read *read, const struct idm_attr *attr, struct idm_span norm,
    uint64_t window_no, struct idm_window *window, struct idm_error *err)
{
	assert((attr->flags & IDM_ATTR_EQ) != 0);
	if (attr->number == IDM_ATTR_UUID)
		return or_uuid(read, norm, window_no, window, err);
	return or_key(read, key_of(attr->number, KEY_EQUAL, norm, window_no), window, err);
}

/*
 * Values of one attribute are of one length or hold no NUL, and a window begins with one: so the
 * keys of a value stand together, and the first of another length ends them.
 */
enum idm_result
idm_index_equal_ids(const struct idm_read *read, const struct idm_attr *attr, struct idm_span norm,
    size_t most, struct idm_ids *out, bool *few, struct idm_error *err)
{
	struct index_key key = key_of(attr->number, KEY_EQUAL, norm, 0);
	struct idm_span prefix = { key.bytes, key.len - WINDOW_BYTES }, found, container;
	struct idm_window window;
	struct idm_cursor cursor;
	enum idm_result result;

	assert(is_value_first(attr->number, KEY_EQUAL) && attr->number != IDM_ATTR_UUID);
	*few = true;
	result = idm_cursor_open(read->txn, IDM_DB_INDEX, prefix, &cursor, err);
	if (result != IDM_OK)
		return result;
	while (result == IDM_OK) {
		result = idm_cursor_next(&cursor, &found, &container, err);
		if (result != IDM_OK || found.len != key.len)
			break;
		idm_window_clear(&window);
		result = idm_container_decode(container, &window, err);
		*few = out->count + idm_window_count(&window) <= most;
		if (result != IDM_OK || !*few)
			break;
		result = idm_ids_add_window(
		    out, read->arena, &window, idm_store_load_u64(found.ptr + prefix.len));
		if (result != IDM_OK)
			idm_fail(err, result, "no memory for a list of ids");
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_index_present(const struct idm_read *read, const struct idm_attr *attr, uint64_t window_no,
    struct idm_window *window, struct idm_error *err)
{
	assert((attr->flags & IDM_ATTR_PRES) != 0);
	return or_key(
	    read, key_of(attr->number, KEY_PRESENT, IDM_SPAN_EMPTY, window_no), window, err);
}

/* --- trigrams */

/* A text and the order of its trigrams. */
struct trigrams {
	struct idm_span text;
	enum key_kind kind;
	struct idm_index_orders *orders;
};

/* At first those that share no octet come before those that do; of a long text some will do. */
static void
spread(size_t text_len, struct idm_index_order *order)
{
	size_t all = text_len - TRIGRAM_BYTES + 1;

	if (all > IDM_INDEX_TRIGRAMS) {
		for (order->count = 0; order->count < IDM_INDEX_TRIGRAMS; order->count++)
			order->at[order->count] =
			    (uint32_t)(order->count * all / IDM_INDEX_TRIGRAMS);
		return;
	}
	for (size_t from = 0; from < TRIGRAM_BYTES; from++) {
		for (size_t at = from; at < all; at += TRIGRAM_BYTES)
			order->at[order->count++] = (uint32_t)at;
	}
}

/* The order that is kept of a text, or a new one; `spare` where there is no room to keep it. */
static struct idm_index_order *
order_of(const struct trigrams *t, struct idm_index_order *spare)
{
	struct idm_index_orders *orders = t->orders;
	struct idm_index_order *order;

	for (size_t i = 0; orders != NULL && i < orders->count; i++) {
		order = &orders->list[i];
		if (order->text.ptr == t->text.ptr && order->text.len == t->text.len &&
		    order->kind == (int)t->kind)
			return order;
	}
	order = spare;
	if (orders != NULL && orders->count < IDM_INDEX_ORDERS)
		order = &orders->list[orders->count++];
	*order = (struct idm_index_order){ .text = t->text, .kind = (int)t->kind };
	spread(t->text.len, order);
	return order;
}

/* Bring the first `count` trigrams into the order of their containers' lengths. */
static void
sort_by_length(struct idm_index_order *order, size_t *lengths, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint32_t at = order->at[i];
		size_t len = lengths[i], k = i;

		for (; k != 0 && lengths[k - 1] > len; k--) {
			lengths[k] = lengths[k - 1];
			order->at[k] = order->at[k - 1];
		}
		lengths[k] = len;
		order->at[k] = at;
	}
}

/* Limit `all` to the entries of a container; *few: what is left is not worth to be narrowed. */
static enum idm_result
and_container(struct idm_span container, struct idm_window *all, bool *few, struct idm_error *err)
{
	struct idm_window one = { { 0 } };
	enum idm_result result = IDM_OK;

	if (container.len != 0)
		result = idm_container_decode(container, &one, err);
	idm_window_and(all, &one);
	*few = !idm_window_has_more(all, FEW_IDS);
	return result;
}

/* OR the entries that hold every trigram of the text under one kind. */
static enum idm_result
or_trigrams(const struct idm_read *read, uint32_t number, const struct trigrams *t,
    uint64_t window_no, struct idm_window *window, struct idm_error *err)
{
	struct idm_index_order spare;
	struct idm_index_order *order = order_of(t, &spare);
	size_t lengths[IDM_INDEX_TRIGRAMS];
	struct idm_window all;
	bool few = false;
	size_t i = 0;

	memset(&all, 0xff, sizeof(all));
	for (; i < order->count && !few; i++) {
		struct idm_span term = { t->text.ptr + order->at[i], TRIGRAM_BYTES };
		struct idm_span container;
		enum idm_result result =
		    get_key(read, key_of(number, t->kind, term, window_no), &container, err);

		if (result == IDM_OK)
			result = and_container(container, &all, &few, err);
		if (result != IDM_OK)
			return result;
		lengths[i] = container.len;
	}
	sort_by_length(order, lengths, i);
	idm_window_or(window, &all);
	return IDM_OK;
}

/* AND the entries whose addresses hold `t->text`, which has no `@`, on one side of theirs. */
static enum idm_result
and_mail_part(const struct idm_read *read, uint32_t number, struct trigrams t, bool first,
    uint64_t window_no, struct idm_window *all, struct idm_error *err)
{
	struct idm_window one = { { 0 } };
	enum idm_result result = IDM_OK;

	if (t.text.len < TRIGRAM_BYTES)
		return IDM_OK;
	/* What stands before the piece's first `@` may still stand behind one of the address. */
	t.kind = KEY_TRIGRAM;
	if (first)
		result = or_trigrams(read, number, &t, window_no, &one, err);
	t.kind = KEY_TRIGRAM_DOMAIN;
	if (result == IDM_OK)
		result = or_trigrams(read, number, &t, window_no, &one, err);
	if (result == IDM_OK)
		idm_window_and(all, &one);
	return result;
}

static enum idm_result
mail_substring(const struct idm_read *read, const struct idm_attr *attr, struct trigrams t,
    uint64_t window_no, struct idm_window *window, struct idm_error *err)
{
	struct idm_window all = { { 0 } };
	struct idm_span piece = t.text;
	bool first = true;
	enum idm_result result;

	/* Parts too short for a trigram narrow nothing: then whoever has an address. */
	result =
	    or_key(read, key_of(attr->number, KEY_PRESENT, IDM_SPAN_EMPTY, window_no), &all, err);
	while (result == IDM_OK && piece.len != 0) {
		t.text = cut_at(piece, &piece);
		result = and_mail_part(read, attr->number, t, first, window_no, &all, err);
		first = false;
	}
	if (result == IDM_OK)
		idm_window_or(window, &all);
	return result;
}

enum idm_result
idm_index_substring(const struct idm_read *read, const struct idm_attr *attr, struct idm_span piece,
    struct idm_index_orders *orders, uint64_t window_no, struct idm_window *window,
    struct idm_error *err)
{
	const struct trigrams t = { piece, KEY_TRIGRAM, orders };

	assert((attr->flags & IDM_ATTR_SUB) != 0 && piece.len >= TRIGRAM_BYTES);
	if (attr->syntax == IDM_SYNTAX_EMAIL)
		return mail_substring(read, attr, t, window_no, window, err);
	return or_trigrams(read, attr->number, &t, window_no, window, err);
}

/* --- ranges */

/* OR all containers under `prefix` whose term lies in [from, to]. */
static enum idm_result
or_terms(const struct idm_read *read, struct index_key prefix, struct idm_span from,
    struct idm_span to, struct idm_window *window, struct idm_error *err)
{
	struct index_key start = prefix;
	struct idm_cursor cursor;
	struct idm_span key, container;
	size_t cut = from.len < TERM_MAX_BYTES ? from.len : TERM_MAX_BYTES;
	enum idm_result result;

	if (cut != 0)
		memcpy(start.bytes + start.len, from.ptr, cut);
	start.len += cut;
	result = idm_cursor_open(
	    read->txn, IDM_DB_INDEX, idm_span_of(prefix.bytes, prefix.len), &cursor, err);
	if (result != IDM_OK)
		return result;
	result = idm_cursor_seek(&cursor, idm_span_of(start.bytes, start.len), err);
	while (result == IDM_OK) {
		result = idm_cursor_next(&cursor, &key, &container, err);
		if (result != IDM_OK ||
		    (to.len != 0 &&
			idm_span_compare(
			    idm_span_of(key.ptr + prefix.len, key.len - prefix.len), to) > 0))
			break;
		result = idm_container_decode(container, window, err);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

enum idm_result
idm_index_range(const struct idm_read *read, const struct idm_attr *attr, struct idm_span from,
    struct idm_span to, uint64_t window_no, struct idm_window *window, struct idm_error *err)
{
	struct index_key prefix = key_of(attr->number, KEY_ORDER, IDM_SPAN_EMPTY, window_no);
	enum idm_result result;

	assert((attr->flags & IDM_ATTR_ORD) != 0);
	result = or_terms(read, prefix, from, to, window, err);
	if (result != IDM_OK)
		return result;
	/* A hash tells nothing of the order: all of them are candidates. */
	prefix.bytes[prefix.len - 1] |= KEY_HASHED;
	return or_terms(read, prefix, IDM_SPAN_EMPTY, IDM_SPAN_EMPTY, window, err);
}

/* --- windows */

enum idm_result
idm_index_window_end(const struct idm_read *read, uint64_t *out, struct idm_error *err)
{
	uint64_t next_id = 0;
	enum idm_result result =
	    idm_store_get_number(read->txn, IDM_DB_META, "next_id", &next_id, err);

	*out = next_id <= 1 ? 0 : idm_window_of(next_id - 1) + 1;
	return result;
}
