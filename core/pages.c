#include "core/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dbfile.h"

/* Where things are in a page, in a node, in a tree's record (lmdb's mdb.c, version 0.9). */
enum {
	PAGE_NUMBER = 0, /* u64 */
	PAGE_FLAGS = 10, /* u16 */
	PAGE_LOWER = 12, /* u16: behind the offsets of the nodes */
	PAGE_UPPER = 14, /* u16: the lowest node */
	PAGE_COUNT = 12, /* u32, of a page with its followers that hold one long value */
	PAGE_HEAD_BYTES = 16,
	BRANCH = 0x01,
	LEAF = 0x02,
	OVERFLOW = 0x04,

	NODE_LOW = 0,   /* u16 and */
	NODE_HIGH = 2,  /* u16: length of the value; in a branch the low bits of a page number, */
	NODE_FLAGS = 4, /* u16: and its high ones */
	NODE_KEY_BYTES = 6, /* u16 */
	NODE_HEAD_BYTES = 8,
	LONG_VALUE = 0x01, /* the value is a page number */
	TREE_VALUE = 0x02, /* the value is a tree's record */

	TREE_FLAGS = 4,    /* u16 */
	TREE_DEPTH = 6,    /* u16 */
	TREE_BRANCHES = 8, /* u64, and so on */
	TREE_LEAVES = 16,
	TREE_OVERFLOWS = 24,
	TREE_ENTRIES = 32,
	TREE_ROOT = 40,
	TREE_BYTES = 48,
	INTEGER_KEYS = 0x08,

	META_FREE_TREE = 40,
	META_MAIN_TREE = META_FREE_TREE + TREE_BYTES,
	META_BYTES = IDM_DBFILE_META_BYTES,
	META_PAGES = 2,

	DEPTH_MAX = 32,
	TREES_MAX = 32,
	NAME_BYTES = 32,
	TELL_EVERY = 4096, /* pages */
};

#define NO_PAGE UINT64_MAX /* the root of an empty tree */

struct tree {
	char name[NAME_BYTES];
	bool integer_keys;
	uint32_t depth;
	uint64_t branches;
	uint64_t leaves;
	uint64_t overflows;
	uint64_t entries;
	uint64_t root;
};

struct walk {
	const uint8_t *map;
	uint64_t page_count;
	uint32_t page_bytes;
	uint8_t *seen; /* a bit a page */
	const struct idm_pages_sink *sink;
	struct idm_pages *out;
	struct tree trees[TREES_MAX]; /* that the main tree names */
	size_t tree_count;

	/* of the tree at hand */
	const struct tree *tree;
	struct tree counted;
	bool (*on_value)(
	    struct walk *w, struct idm_span key, uint16_t flags, struct idm_span value);
	struct idm_span last;  /* key; no key may be less than the one before it */
	struct idm_span floor; /* what a branch says of the leaf below it: no key is less */
};

static uint64_t
load(const uint8_t *from, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, from, bytes); /* little endian, as LMDB writes here */
	return value;
}

/* False: the caller has seen enough of that place. */
#define wrong(w, ...) (note_wrong(w, __VA_ARGS__), false)

__attribute__((format(printf, 2, 3))) static void
note_wrong(struct walk *w, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	w->out->wrong++;
	w->sink->finding(w->sink->ctx, w->tree->name, text);
}

/* --- pages */

static bool
take_number(struct walk *w, uint64_t number, const char *as)
{
	uint8_t bit = (uint8_t)(1 << number % 8);

	if (number < META_PAGES || number >= w->page_count)
		return wrong(
		    w, "it has page %" PRIu64 " as %s, which the file does not have", number, as);
	if ((w->seen[number / 8] & bit) != 0)
		return wrong(w, "page %" PRIu64 " is in use twice, or in use and free", number);
	w->seen[number / 8] |= bit;
	return true;
}

/* The page with this number, which nobody else may have; NULL: it is not one. */
static const uint8_t *
take_page(struct walk *w, uint64_t number, unsigned flags)
{
	const uint8_t *page;

	if (!take_number(w, number, flags == OVERFLOW ? "a long value" : "a part"))
		return NULL;
	w->out->in_use++;
	if (w->out->in_use % TELL_EVERY == 0 && w->sink->progress != NULL)
		w->sink->progress(w->sink->ctx, w->out->in_use, w->out->total);
	page = w->map + number * w->page_bytes;
	if (load(page + PAGE_NUMBER, 8) != number)
		note_wrong(w, "page %" PRIu64 " says that it is page %" PRIu64, number,
		    load(page + PAGE_NUMBER, 8));
	else if (load(page + PAGE_FLAGS, 2) != flags)
		note_wrong(w, "page %" PRIu64 " is of the kind 0x%x where 0x%x belongs", number,
		    (unsigned)load(page + PAGE_FLAGS, 2), flags);
	else
		return page;
	return NULL;
}

/* A value of `len` octets on pages of its own. */
static bool
take_long_value(struct walk *w, uint64_t number, size_t len, struct idm_span *value)
{
	uint64_t pages = (PAGE_HEAD_BYTES - 1 + len) / w->page_bytes + 1;
	const uint8_t *page = take_page(w, number, OVERFLOW);

	if (page == NULL)
		return false;
	if (load(page + PAGE_COUNT, 4) != pages || pages > w->page_count - number)
		return wrong(w, "the long value on page %" PRIu64 " has not its %" PRIu64 " pages",
		    number, pages);
	for (uint64_t i = 1; i < pages; i++) {
		if (!take_number(w, number + i, "a part of a long value"))
			return false;
	}
	w->out->in_use += pages - 1;
	w->counted.overflows += pages;
	*value = idm_span_of(page + PAGE_HEAD_BYTES, len);
	return true;
}

/* --- keys */

static int
compare_keys(const struct walk *w, struct idm_span a, struct idm_span b)
{
	uint64_t x, y;

	if (!w->tree->integer_keys)
		return idm_span_compare(a, b);
	x = load(a.ptr, 8);
	y = load(b.ptr, 8);
	return x < y ? -1 : x > y;
}

static bool
check_key(struct walk *w, uint64_t number, struct idm_span key)
{
	if (key.len == 0 || (w->tree->integer_keys && key.len != 8))
		return wrong(w, "page %" PRIu64 " has a key of %zu octets", number, key.len);
	if ((w->last.len != 0 && compare_keys(w, w->last, key) >= 0) ||
	    (w->floor.len != 0 && compare_keys(w, w->floor, key) > 0))
		return wrong(
		    w, "page %" PRIu64 " has a key where nobody would look for it", number);
	w->last = key;
	w->floor = IDM_SPAN_EMPTY;
	return true;
}

/* What a branch has in front of its second and later parts. */
static bool
check_separator(struct walk *w, uint64_t number, struct idm_span key)
{
	if (key.len == 0 || (w->tree->integer_keys && key.len != 8))
		return wrong(w, "page %" PRIu64 " has a key of %zu octets", number, key.len);
	if (w->last.len != 0 && compare_keys(w, w->last, key) >= 0)
		return wrong(w, "page %" PRIu64 " leads to the wrong part of the tree", number);
	w->floor = key;
	return true;
}

/* --- nodes */

struct node {
	const uint8_t *at;
	struct idm_span key;
	const uint8_t *rest; /* behind the key, up to the page's end */
	size_t rest_len;
};

static bool
take_node(struct walk *w, const uint8_t *page, size_t index, struct node *node)
{
	uint64_t number = load(page + PAGE_NUMBER, 8);
	size_t offset = load(page + PAGE_HEAD_BYTES + 2 * index, 2);
	size_t key_len;

	if (offset < load(page + PAGE_UPPER, 2) || offset % 2 != 0 ||
	    offset + NODE_HEAD_BYTES > w->page_bytes)
		return wrong(w, "page %" PRIu64 " has a record outside of it", number);
	node->at = page + offset;
	key_len = load(node->at + NODE_KEY_BYTES, 2);
	if (offset + NODE_HEAD_BYTES + key_len > w->page_bytes)
		return wrong(w, "page %" PRIu64 " has a key outside of it", number);
	node->key = idm_span_of(node->at + NODE_HEAD_BYTES, key_len);
	node->rest = node->at + NODE_HEAD_BYTES + key_len;
	node->rest_len = w->page_bytes - offset - NODE_HEAD_BYTES - key_len;
	return true;
}

static bool
walk_record(struct walk *w, const uint8_t *page, size_t index)
{
	uint64_t number = load(page + PAGE_NUMBER, 8);
	struct idm_span value;
	struct node node;
	uint16_t flags;
	size_t len;

	if (!take_node(w, page, index, &node) || !check_key(w, number, node.key))
		return false;
	flags = (uint16_t)load(node.at + NODE_FLAGS, 2);
	len = load(node.at + NODE_LOW, 2) | load(node.at + NODE_HIGH, 2) << 16;
	w->counted.entries++;
	if ((flags & ~(LONG_VALUE | TREE_VALUE)) != 0)
		return wrong(w, "page %" PRIu64 " has a record of an unknown kind", number);
	if ((flags & LONG_VALUE) != 0 ? node.rest_len < 8 : node.rest_len < len)
		return wrong(w, "page %" PRIu64 " has a value outside of it", number);
	value = idm_span_of(node.rest, len);
	if ((flags & LONG_VALUE) != 0 && !take_long_value(w, load(node.rest, 8), len, &value))
		return false;
	return w->on_value == NULL || w->on_value(w, node.key, flags, value);
}

static bool walk_page(struct walk *w, uint64_t number, uint32_t depth);

static bool
walk_part(struct walk *w, const uint8_t *page, size_t index, uint32_t depth)
{
	struct node node;
	uint64_t part;

	if (!take_node(w, page, index, &node))
		return false;
	if (index > 0 && !check_separator(w, load(page + PAGE_NUMBER, 8), node.key))
		return false;
	part = load(node.at + NODE_LOW, 2) | load(node.at + NODE_HIGH, 2) << 16 |
	       load(node.at + NODE_FLAGS, 2) << 32;
	return walk_page(w, part, depth + 1);
}

/* A page and all below it, in the order of keys; false: some of it can't be read. */
static bool
walk_page(struct walk *w, uint64_t number, uint32_t depth)
{
	bool leaf = depth == w->tree->depth;
	const uint8_t *page = take_page(w, number, leaf ? LEAF : BRANCH);
	size_t lower, upper;
	bool ok = true;

	if (page == NULL)
		return false;
	*(leaf ? &w->counted.leaves : &w->counted.branches) += 1;
	lower = load(page + PAGE_LOWER, 2);
	upper = load(page + PAGE_UPPER, 2);
	if (lower <= PAGE_HEAD_BYTES || lower % 2 != 0 || lower > upper || upper > w->page_bytes)
		return wrong(w, "page %" PRIu64 " has a wrong head", number);
	for (size_t i = 0; i < (lower - PAGE_HEAD_BYTES) / 2; i++) {
		if (!(leaf ? walk_record(w, page, i) : walk_part(w, page, i, depth)))
			ok = false;
	}
	return ok;
}

/* --- trees */

static void
load_tree(struct tree *tree, struct idm_span name, const uint8_t *from)
{
	snprintf(tree->name, sizeof(tree->name), "%.*s", IDM_SPAN_ARG(name));
	for (char *c = tree->name; *c != '\0'; c++)
		*c = *c > ' ' && *c < 0x7f ? *c : '?';
	tree->integer_keys = (load(from + TREE_FLAGS, 2) & INTEGER_KEYS) != 0;
	tree->depth = (uint32_t)load(from + TREE_DEPTH, 2);
	tree->branches = load(from + TREE_BRANCHES, 8);
	tree->leaves = load(from + TREE_LEAVES, 8);
	tree->overflows = load(from + TREE_OVERFLOWS, 8);
	tree->entries = load(from + TREE_ENTRIES, 8);
	tree->root = load(from + TREE_ROOT, 8);
}

static void
walk_tree(struct walk *w, const struct tree *tree,
    bool (*on_value)(struct walk *, struct idm_span, uint16_t, struct idm_span))
{
	bool ok = true;

	w->tree = tree;
	w->on_value = on_value;
	w->counted = (struct tree){ .name = "" };
	w->last = w->floor = IDM_SPAN_EMPTY;
	if (tree->depth > DEPTH_MAX || (tree->root == NO_PAGE) != (tree->depth == 0))
		ok = wrong(w, "its root is damaged");
	else if (tree->root != NO_PAGE)
		ok = walk_page(w, tree->root, 1);
	if (ok &&
	    (w->counted.branches != tree->branches || w->counted.leaves != tree->leaves ||
		w->counted.overflows != tree->overflows || w->counted.entries != tree->entries))
		note_wrong(w,
		    "it has %" PRIu64 " records and should have %" PRIu64 ", or other pages",
		    w->counted.entries, tree->entries);
}

/* A record of the main tree: a database by its name. */
static bool
take_tree(struct walk *w, struct idm_span key, uint16_t flags, struct idm_span value)
{
	if (flags != TREE_VALUE || value.len != TREE_BYTES || w->tree_count == TREES_MAX)
		return wrong(w, "a record is no database of ours");
	load_tree(&w->trees[w->tree_count++], key, value.ptr);
	return true;
}

/* A record of the list of free pages: how many, and which. */
static bool
take_free(struct walk *w, struct idm_span key, uint16_t flags, struct idm_span value)
{
	uint64_t count = value.len < 8 ? 0 : load(value.ptr, 8);

	(void)key;
	if ((flags & TREE_VALUE) != 0 || value.len < 8 || count > (value.len - 8) / 8)
		return wrong(w, "a record does not decode");
	for (uint64_t i = 1; i <= count; i++) {
		if (!take_number(w, load(value.ptr + 8 * i, 8), "free"))
			return false;
		w->out->free++;
	}
	return true;
}

static bool
plain_value(struct walk *w, struct idm_span key, uint16_t flags, struct idm_span value)
{
	(void)key;
	(void)value;
	return (flags & TREE_VALUE) == 0 || wrong(w, "a record says that it is a database");
}

static void
walk_trees(struct walk *w, const uint8_t *meta)
{
	struct tree tree;

	load_tree(&tree, IDM_SPAN_LIT("databases"), meta + META_MAIN_TREE);
	walk_tree(w, &tree, take_tree);
	for (size_t i = 0; i < w->tree_count; i++)
		walk_tree(w, &w->trees[i], plain_value);
	load_tree(&tree, IDM_SPAN_LIT("free pages"), meta + META_FREE_TREE);
	tree.integer_keys = true;
	walk_tree(w, &tree, take_free);
}

/* --- the file */

/* The meta page of the commit, copied: a writer at work overwrites it with its second next one. */
static enum idm_result
find_meta(
    int fd, uint32_t page_bytes, uint64_t txn_id, uint8_t out[META_BYTES], struct idm_error *err)
{
	for (int i = 0; i < META_PAGES; i++) {
		off_t at = (off_t)i * page_bytes;
		struct idm_dbfile_info info;
		uint8_t again[META_BYTES];

		if (pread(fd, out, META_BYTES, at) != META_BYTES ||
		    pread(fd, again, META_BYTES, at) != META_BYTES)
			return idm_fail(err, IDM_CORRUPT, "the meta pages can't be read");
		idm_dbfile_load_meta(out, &info);
		if (info.txn_id == txn_id && memcmp(out, again, META_BYTES) == 0)
			return IDM_OK;
	}
	return idm_fail(err, IDM_BUSY, "commit %" PRIu64 " was superseded", txn_id);
}

static enum idm_result
check_mapped(struct walk *w, const uint8_t *meta, struct idm_error *err)
{
	w->seen = calloc(w->page_count / 8 + 1, 1);
	if (w->seen == NULL)
		return idm_fail(err, IDM_SYSTEM, "no memory for %" PRIu64 " pages", w->page_count);
	walk_trees(w, meta);
	free(w->seen);
	return IDM_OK;
}

enum idm_result
idm_pages_check(int fd, uint64_t txn_id, const struct idm_pages_sink *sink, struct idm_pages *out,
    struct idm_error *err)
{
	struct walk *w;
	struct idm_dbfile_info info;
	uint8_t meta[META_BYTES];
	uint64_t last_page;
	size_t bytes;
	void *map;
	enum idm_result result = idm_dbfile_check_fd(fd, "the data file", &info, err);

	*out = (struct idm_pages){ 0 };
	if (result == IDM_OK)
		result = find_meta(fd, info.page_bytes, txn_id, meta, err);
	if (result != IDM_OK)
		return result;
	last_page = info.last_page; /* the file is that long */
	idm_dbfile_load_meta(meta, &info);
	if (info.last_page > last_page)
		return idm_fail(err, IDM_CORRUPT, "its meta pages contradict each other");
	out->total = info.last_page + 1;
	bytes = out->total * info.page_bytes;
	map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	w = calloc(1, sizeof(*w));
	if (map == MAP_FAILED || w == NULL) {
		result = idm_fail(err, IDM_SYSTEM, "mapping the file: %s", strerror(errno));
	} else {
		*w = (struct walk){ .map = map,
			.page_count = out->total,
			.page_bytes = info.page_bytes,
			.sink = sink,
			.out = out };
		result = check_mapped(w, meta, err);
	}
	free(w);
	if (map != MAP_FAILED)
		munmap(map, bytes);
	return result;
}
