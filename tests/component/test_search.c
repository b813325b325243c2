/* Searches by claims, edges and indexes find what a scan of all entries finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/closure.h"
#include "core/search.h"
#include "tests/support/fixture.h"
#include "tests/support/profiles.h"

enum {
	PERSONS = 240,
	GROUPS = 40,
	FILTERS = 3000,
	FOUND_MAX = 2048,
	ARENA_BYTES = 512 * 1024, /* of one search: what it tests must not add up */
};

struct world {
	struct fixture *f;
	struct idm_access_table *table;
	struct idm_arena *arena;
	uint64_t ids[FOUND_MAX]; /* of all entries */
	size_t id_count;
	uint32_t random;
};

/* --- a random directory, the same each time */

static uint32_t
roll(struct world *w, uint32_t sides)
{
	w->random = w->random * 1664525U + 1013904223U;
	return (w->random >> 8) % sides;
}

static const char *const given[] = { "ann", "bert", "clara", "\u00c5sa", "emil", "joanna" };
static const char *const family[] = { "Stra\u00dfe", "Miller", "Mill", "Ng", "Example" };

static const char *
pick(struct world *w, const char *const *from, size_t count)
{
	return from[roll(w, (uint32_t)count)];
}

#define PICK(w, from) pick(w, from, sizeof(from) / sizeof((from)[0]))

struct pairs {
	const char *words[40];
	char text[20][64];
	size_t count;
};

static void put(struct pairs *p, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
put(struct pairs *p, const char *name, const char *fmt, ...)
{
	char *text = p->text[p->count / 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(p->text[0]), fmt, args);
	va_end(args);
	p->words[p->count++] = name;
	p->words[p->count++] = text;
	p->words[p->count] = NULL;
}

/* A recycled entry keeps its values and gives up its claims. */
static void
release_claims(struct world *w, uint64_t id)
{
	static const struct {
		uint32_t number;
		enum idm_claim kind;
	} claims[] = {
		{ IDM_ATTR_NAME, IDM_CLAIM_NAME },
		{ IDM_ATTR_MAIL, IDM_CLAIM_MAIL },
		{ IDM_ATTR_GIDNUMBER, IDM_CLAIM_GID },
	};
	struct idm_claim_key keys[8];
	struct idm_entry entry = fixture_entry(w->f, id);
	size_t count = 0;

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct idm_value_iter iter = idm_entry_values(&entry, claims[i].number);
		struct idm_value value;

		while (idm_value_next(&iter, &value))
			keys[count++] = idm_claim_key(claims[i].kind, claims[i].number, value.norm);
	}
	while (count-- > 0)
		assert_int_equal(idm_store_del(&w->f->txn, IDM_DB_NAME,
				     idm_span_of(keys[count].bytes, keys[count].len), &w->f->err),
		    IDM_OK);
}

static void
add(struct world *w, const struct pairs *p, bool recycled)
{
	uint64_t id = fixture_add_pairs(w->f, p->words);

	if (recycled)
		release_claims(w, id);
}

static void
add_person(struct world *w, int i)
{
	struct pairs p = { .count = 0 };
	bool recycled = roll(w, 12) == 0;

	put(&p, "class", "object");
	put(&p, "class", "account");
	put(&p, "class", "%s", roll(w, 5) == 0 ? "service_account" : "person");
	if (recycled)
		put(&p, "class", "recycled");
	put(&p, "name", "u%d%s", i, roll(w, 3) == 0 ? "-mill" : "");
	put(&p, "displayname", "%s %s", PICK(w, given), PICK(w, family));
	if (roll(w, 3) == 0)
		put(&p, "legalname", "%s", PICK(w, family));
	if (roll(w, 2) == 0)
		put(&p, "mail", "U%d@%s.example.com", i, roll(w, 2) == 0 ? "mill" : "idm");
	if (roll(w, 8) == 0)
		put(&p, "mail", "alias%d@other.example", i);
	if (roll(w, 3) == 0)
		put(&p, "account_expire", "20%02u-01-01T00:00:00Z", 18 + roll(w, 10));
	if (roll(w, 3) == 0)
		put(&p, "gidnumber", "%d", 70000 + i);
	add(w, &p, recycled);
}

static void
add_group(struct world *w, int i)
{
	struct pairs p = { .count = 0 };
	bool recycled = roll(w, 12) == 0;

	put(&p, "class", "object");
	put(&p, "class", "group");
	if (recycled)
		put(&p, "class", "recycled");
	put(&p, "name", "g%d", i);
	if (roll(w, 3) == 0)
		put(&p, "description", "%s", PICK(w, family));
	add(w, &p, recycled);
}

/* A live entry with this name, or 0. */
static uint64_t
random_id(struct world *w, bool group)
{
	char name[32];

	if (group) {
		snprintf(name, sizeof(name), "g%u", roll(w, GROUPS));
		return fixture_id(w->f, name);
	}
	snprintf(name, sizeof(name), "u%u%s", roll(w, PERSONS), roll(w, 3) == 0 ? "-mill" : "");
	return fixture_id(w->f, name);
}

static void
add_edges(struct world *w)
{
	for (int i = 0; i < 400; i++) {
		uint64_t group = random_id(w, true);
		uint64_t member = random_id(w, roll(w, 5) == 0);

		if (group != 0 && member != 0)
			fixture_edge(w->f, group, member, true);
	}
	/* a few are HP, and some may do more than others */
	fixture_edge(w->f, fixture_id(w->f, "idm_high_privilege"), random_id(w, true), true);
	fixture_edge(
	    w->f, fixture_id(w->f, "idm_account_read_priv"), fixture_id(w->f, "reader"), true);
	fixture_edge(
	    w->f, fixture_id(w->f, "idm_recycle_bin_admins"), fixture_id(w->f, "reader"), true);
	fixture_edge(
	    w->f, fixture_id(w->f, "idm_people_read_priv"), fixture_id(w->f, "reader"), true);
}

static void
list_ids(struct world *w)
{
	struct idm_cursor cursor;
	struct idm_span key, value;

	assert_int_equal(
	    idm_cursor_open(&w->f->txn, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, &w->f->err),
	    IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &w->f->err) == IDM_OK) {
		assert_true(w->id_count < FOUND_MAX);
		w->ids[w->id_count++] = idm_store_load_u64(key.ptr);
	}
	idm_cursor_close(&cursor);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *fixture;

	assert_non_null(w);
	fixture_setup(&fixture);
	w->f = fixture;
	w->random = 4511;
	profiles_add(w->f);
	fixture_person(w->f, "reader");
	for (int i = 0; i < GROUPS; i++)
		add_group(w, i);
	for (int i = 0; i < PERSONS; i++)
		add_person(w, i);
	/* ids with a gap of two windows behind them */
	assert_int_equal(idm_store_put_number(&w->f->txn, IDM_DB_META, "next_id",
			     3 * IDM_WINDOW_IDS - 20, &w->f->err),
	    IDM_OK);
	for (int i = PERSONS; i < PERSONS + 40; i++)
		add_person(w, i);
	add_edges(w);
	list_ids(w);
	fixture_commit_then_read(w->f);
	w->arena = idm_arena_new(ARENA_BYTES);
	assert_non_null(w->arena);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	void *fixture = w->f;

	idm_access_table_free(&w->table);
	idm_arena_free(&w->arena);
	fixture_teardown(&fixture);
	free(w);
	return 0;
}

/* --- searching, and scanning */

struct hits {
	uint64_t ids[FOUND_MAX];
	struct idm_attrset readable[FOUND_MAX];
	size_t count;
	size_t stop_after; /* answer false after so many; 0: never */
};

static bool
take(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct hits *hits = context;

	(void)read;
	assert_true(hits->count < FOUND_MAX);
	hits->ids[hits->count] = entry->id;
	hits->readable[hits->count] = *readable;
	hits->count++;
	return hits->stop_after == 0 || hits->count % hits->stop_after != 0;
}

static struct idm_read
read_of(struct world *w)
{
	struct idm_read read = w->f->read;

	read.arena = w->arena;
	return read;
}

static struct idm_filter
parse(struct world *w, const char *text)
{
	struct idm_read read = read_of(w);
	struct idm_filter filter;

	if (idm_filter_parse(&read, idm_span_cstr(text), false, &filter, &w->f->err) != IDM_OK)
		fail_msg("%s: %s", text, w->f->err.text);
	return filter;
}

/* A search to its end, in slices of at most `budget` entries. */
static void
search(struct world *w, const struct idm_filter *filter, const struct idm_access *access,
    uint32_t budget, struct hits *hits)
{
	struct idm_read read = read_of(w);
	struct idm_search s = { .filter = filter, .access = access };
	size_t slices = 0;

	hits->count = 0;
	while (!s.done) {
		struct idm_arena_mark mark = idm_arena_mark(w->arena);
		uint64_t from = s.next_id;
		size_t before = hits->count;

		if (idm_search_slice(&s, &read, budget, take, hits, &w->f->err) != IDM_OK)
			fail_msg("%s", w->f->err.text);
		assert_true(s.done || s.next_id > from); /* each slice gets somewhere */
		assert_true(hits->count - before <= budget);
		assert_true(++slices < 10000);
		idm_arena_rewind(w->arena, mark);
	}
}

/* What a search is to find, entry by entry, without a plan and unprepared. */
static void
scan(struct world *w, const struct idm_filter *filter, const struct idm_access *access,
    struct hits *hits)
{
	struct idm_read read = read_of(w);
	struct idm_arena_mark mark = idm_arena_mark(w->arena);

	hits->count = 0;
	for (size_t i = 0; i < w->id_count; i++) {
		struct idm_entry entry;
		struct idm_attrset readable;
		struct idm_attrset none = { { 0 } };
		enum idm_truth truth;

		idm_arena_rewind(w->arena, mark);
		assert_int_equal(idm_lookup_id(&read, w->ids[i], &entry, &w->f->err), IDM_OK);
		if (idm_entry_has_class(&entry, "recycled") &&
		    !idm_filter_asks_class(filter, "recycled"))
			continue;
		assert_int_equal(
		    idm_access_search(&read, access, &entry, &readable, &w->f->err), IDM_OK);
		if (memcmp(&readable, &none, sizeof(none)) == 0)
			continue;
		assert_int_equal(
		    idm_filter_test(&read, filter, &entry, &readable, &truth, &w->f->err), IDM_OK);
		if (truth == IDM_TRUE)
			take(hits, &read, &entry, &readable);
	}
	idm_arena_rewind(w->arena, mark);
}

static bool
same(const struct hits *a, const struct hits *b)
{
	return a->count == b->count && memcmp(a->ids, b->ids, a->count * sizeof(a->ids[0])) == 0 &&
	       memcmp(a->readable, b->readable, a->count * sizeof(a->readable[0])) == 0;
}

/* --- random filters */

struct text {
	char bytes[4096];
	size_t len;
};

static void append(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
append(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	t->len += (size_t)vsnprintf(t->bytes + t->len, sizeof(t->bytes) - t->len, fmt, args);
	va_end(args);
	assert_true(t->len < sizeof(t->bytes));
}

static void
append_equality(struct world *w, struct text *t)
{
	unsigned person = roll(w, PERSONS + 40);
	unsigned group = roll(w, GROUPS);

	switch (roll(w, 14)) {
	case 0: append(t, "(name=u%u)", person); break;
	case 1: append(t, "(spn=u%u@%s)", person, FIXTURE_DOMAIN); break;
	case 2: append(t, "(mail=u%u@mill.example.com)", person); break;
	case 3: append(t, "(gidnumber=%u)", 70000 + person); break;
	case 4: append(t, "(displayname=%s %s)", PICK(w, given), PICK(w, family)); break;
	case 5: append(t, "(legalname=%s)", PICK(w, family)); break;
	case 6: append(t, "(class=person)"); break;
	case 7: append(t, "(class=%s)", roll(w, 4) == 0 ? "recycled" : "group"); break;
	case 8: append(t, "(description=%s)", PICK(w, family)); break;
	case 9: append(t, "(memberof=g%u)", group); break;
	case 10: append(t, "(directmemberof=g%u)", group); break;
	case 11: append(t, "(member=u%u)", person); break;
	case 12: append(t, "(memberof=%s)", roll(w, 2) ? "idm_all_persons" : "nobody"); break;
	default: append(t, "(dynmember=u%u)", person); break;
	}
}

static void
append_other(struct world *w, struct text *t)
{
	static const char *const attrs[] = { "name", "displayname", "mail", "legalname", "spn" };
	static const char *const pieces[] = { "mill", "u1", "ill", "@mil", "straSSE", "exa", "12",
		"a", "ng", "idm.exa", "2@idm" };
	static const char *const present[] = { "mail", "name", "uuid", "gidnumber", "memberof",
		"member", "class", "radius_secret", "user_session", "account_expire" };

	switch (roll(w, 8)) {
	case 0: append(t, "(%s=*)", PICK(w, present)); break;
	case 1: append(t, "(%s=%s*)", PICK(w, attrs), PICK(w, pieces)); break;
	case 2: append(t, "(%s=*%s)", PICK(w, attrs), PICK(w, pieces)); break;
	case 3: append(t, "(%s=*%s*)", PICK(w, attrs), PICK(w, pieces)); break;
	case 4: append(t, "(%s=*%s*%s*)", PICK(w, attrs), PICK(w, pieces), PICK(w, pieces)); break;
	case 5: append(t, "(account_expire>=20%02u-06-01T00:00:00Z)", 17 + roll(w, 12)); break;
	case 6: append(t, "(account_expire<=20%02u-01-01T00:00:00Z)", 17 + roll(w, 12)); break;
	default: append(t, roll(w, 2) ? "(shoesize=44)" : "(gidnumber>=70100)"); break;
	}
}

static void
append_filter(struct world *w, struct text *t, unsigned depth)
{
	uint32_t kind = depth == 0 ? roll(w, 5) : roll(w, 12);

	if (kind < 3) {
		append_equality(w, t);
		return;
	}
	if (kind < 5) {
		append_other(w, t);
		return;
	}
	append(t, kind < 8 ? "(&" : kind < 11 ? "(|" : "(!");
	for (uint32_t i = kind == 11 ? 1 : roll(w, 4); i > 0; i--)
		append_filter(w, t, depth - 1);
	append(t, ")");
}

static void
any_filter_finds_what_a_scan_finds(void **state)
{
	static const char *const roles[] = { "reader", "anonymous", NULL };
	static struct hits expected, found;
	struct world *w = *state;
	struct idm_access *access[3];
	size_t matched = 0;

	for (size_t i = 0; i < 3; i++)
		access[i] = profiles_of(w->f, &w->table, roles[i],
		    i == 0   ? IDM_IDENTITY_SESSION
		    : i == 1 ? IDM_IDENTITY_ANONYMOUS
			     : IDM_IDENTITY_INTERNAL);
	for (int round = 0; round < FILTERS; round++) {
		struct text t = { .len = 0 };
		struct idm_filter filter;
		const struct idm_access *who = access[round % 3];

		append_filter(w, &t, 3);
		filter = parse(w, t.bytes);
		scan(w, &filter, who, &expected);
		search(w, &filter, who, 1000000, &found);
		if (!same(&expected, &found))
			fail_msg(
			    "%s: %zu found, %zu expected", t.bytes, found.count, expected.count);
		if (round % 5 == 0) {
			search(w, &filter, who, 1 + roll(w, 30), &found);
			if (!same(&expected, &found))
				fail_msg("%s, in slices: %zu found, %zu expected", t.bytes,
				    found.count, expected.count);
		}
		matched += expected.count != 0;
		idm_arena_reset(w->arena);
	}
	assert_true(matched > FILTERS / 4); /* the filters are about what is there */
}

/* --- slices */

static void
the_smallest_slices_give_the_same(void **state)
{
	static const char *const filters[] = { "(class=person)", "(name=*)",
		"(|(name=u1)(name=u2)(mail=u3@mill.example.com))", "(!(class=group))",
		"(displayname=*mill*)", "(memberof=idm_all_persons)", "(name=nobody)" };
	static struct hits whole, sliced;
	struct world *w = *state;
	struct idm_access *access = profiles_of(w->f, &w->table, "reader", IDM_IDENTITY_SESSION);

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		struct idm_filter filter = parse(w, filters[i]);

		search(w, &filter, access, 1000000, &whole);
		for (uint32_t budget = 1; budget < 8; budget++) {
			search(w, &filter, access, budget, &sliced);
			assert_true(same(&whole, &sliced));
		}
	}
}

static void
a_taker_that_has_enough_ends_the_slice(void **state)
{
	static struct hits whole, stopped;
	struct world *w = *state;
	struct idm_access *access = profiles_of(w->f, &w->table, "reader", IDM_IDENTITY_SESSION);
	struct idm_filter filter = parse(w, "(class=person)");
	struct idm_read read = read_of(w);
	struct idm_search s = { .filter = &filter, .access = access };

	search(w, &filter, access, 1000000, &whole);
	stopped.count = 0;
	stopped.stop_after = 7;
	assert_int_equal(idm_search_slice(&s, &read, 1000000, take, &stopped, &w->f->err), IDM_OK);
	assert_int_equal(stopped.count, 7);
	assert_false(s.done);
	assert_int_equal(s.next_id, stopped.ids[6] + 1);
	while (!s.done)
		assert_int_equal(
		    idm_search_slice(&s, &read, 1000000, take, &stopped, &w->f->err), IDM_OK);
	assert_true(same(&whole, &stopped));
	stopped.stop_after = 0;
}

static void
a_search_that_is_done_stays_done(void **state)
{
	static struct hits hits;
	struct world *w = *state;
	struct idm_access *access = profiles_of(w->f, &w->table, "reader", IDM_IDENTITY_SESSION);
	struct idm_filter filter = parse(w, "(name=u1)");
	struct idm_read read = read_of(w);
	struct idm_search s = { .filter = &filter, .access = access, .done = true };

	hits.count = 0;
	assert_int_equal(idm_search_slice(&s, &read, 10, take, &hits, &w->f->err), IDM_OK);
	assert_int_equal(hits.count, 0);
}

/* In the order of the list, and without those that match no more, or are no more. */
static void
a_list_that_was_found_is_tested_again(void **state)
{
	static struct hits whole, some, listed;
	struct world *w = *state;
	struct idm_access *access = profiles_of(w->f, &w->table, "reader", IDM_IDENTITY_SESSION);
	struct idm_filter filter = parse(w, "(class=person)");
	struct idm_filter fewer = parse(w, "(&(class=person)(name=*1*))");
	struct idm_read read = read_of(w);
	struct idm_search s = { .filter = &filter, .access = access };
	uint64_t ids[FOUND_MAX + 1];
	size_t tested = 0;

	search(w, &filter, access, 1000000, &whole);
	search(w, &fewer, access, 1000000, &some);
	assert_in_range(some.count, 6, whole.count - 1);
	for (size_t i = 0; i < whole.count; i++)
		ids[i] = whole.ids[whole.count - 1 - i];
	ids[whole.count] = UINT64_MAX - 1; /* nobody */
	listed.count = 0;
	assert_int_equal(
	    idm_search_list(&s, &read, ids, whole.count + 1, &tested, take, &listed, &w->f->err),
	    IDM_OK);
	assert_int_equal(tested, whole.count + 1);
	assert_int_equal(listed.count, whole.count);
	assert_memory_equal(listed.ids, ids, whole.count * sizeof(ids[0]));
	s.filter = &fewer;
	listed.count = 0;
	listed.stop_after = 5;
	assert_int_equal(
	    idm_search_list(&s, &read, ids, whole.count, &tested, take, &listed, &w->f->err),
	    IDM_OK);
	assert_int_equal(listed.count, 5);
	assert_true(tested < whole.count);
	listed.stop_after = 0;
	listed.count = 0;
	assert_int_equal(
	    idm_search_list(&s, &read, ids, whole.count, &tested, take, &listed, &w->f->err),
	    IDM_OK);
	assert_int_equal(listed.count, some.count);
}

/* However many entries are tested, a search holds no more memory than for one. */
static void
memory_does_not_grow_with_the_entries_tested(void **state)
{
	static struct hits hits;
	struct world *w = *state;
	struct idm_access *access = profiles_of(w->f, &w->table, "reader", IDM_IDENTITY_SESSION);
	struct idm_filter filter = parse(w, "(&(class=account)(!(memberof=nobody))"
					    "(!(directmemberof=nobody))(|(memberof=*)(name=x)))");
	size_t before = idm_arena_mark(w->arena).spent;

	search(w, &filter, access, 1000000, &hits);
	assert_true(hits.count > PERSONS / 2);
	assert_true(idm_arena_mark(w->arena).spent - before < 8 * 1024);
}

/* --- what is shown */

static void
assert_found_by_name(struct world *w, const struct idm_access *access, uint64_t id)
{
	static struct hits hits;
	struct idm_entry entry = fixture_entry(w->f, id);
	struct text t = { .len = 0 };
	struct idm_filter filter;

	append(&t, "(&(class=recycled)(name=%.*s))",
	    IDM_SPAN_ARG(idm_entry_text(&entry, IDM_ATTR_NAME)));
	filter = parse(w, t.bytes);
	search(w, &filter, access, 1000, &hits);
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.ids[0], id);
}

static void
recycled_entries_are_there_for_who_asks_and_may(void **state)
{
	static struct hits hits;
	struct world *w = *state;
	struct idm_access *reader = profiles_of(w->f, &w->table, "reader", IDM_IDENTITY_SESSION);
	struct idm_access *anonymous =
	    profiles_of(w->f, &w->table, "anonymous", IDM_IDENTITY_ANONYMOUS);
	struct idm_filter asks = parse(w, "(class=recycled)");
	struct idm_filter avoids = parse(w, "(|(name=*)(!(class=recycled)))");
	struct idm_entry entry;

	search(w, &asks, reader, 1000, &hits);
	assert_true(hits.count > 5);
	for (size_t i = 0; i < hits.count; i++) {
		entry = fixture_entry(w->f, hits.ids[i]);
		assert_true(idm_entry_has_class(&entry, "recycled"));
	}
	for (size_t i = 0; i < hits.count; i++) /* also by a name that it gave up */
		assert_found_by_name(w, reader, hits.ids[i]);
	search(w, &asks, anonymous, 1000, &hits);
	assert_int_equal(hits.count, 0);
	search(w, &avoids, reader, 1000, &hits);
	for (size_t i = 0; i < hits.count; i++) {
		entry = fixture_entry(w->f, hits.ids[i]);
		assert_false(idm_entry_has_class(&entry, "recycled"));
	}
}

static void
one_entry_is_judged_as_a_search_would(void **state)
{
	struct world *w = *state;
	struct idm_read read = read_of(w);
	struct idm_access *anonymous =
	    profiles_of(w->f, &w->table, "anonymous", IDM_IDENTITY_ANONYMOUS);
	struct idm_filter by_name = parse(w, "(name=reader)");
	struct idm_filter not_mail = parse(w, "(!(mail=x@example.com))");
	struct idm_search s = { .filter = &by_name, .access = anonymous };
	struct idm_entry entry = fixture_entry(w->f, fixture_id(w->f, "reader"));
	struct idm_attrset readable;
	bool matches;

	assert_int_equal(
	    idm_access_search(&read, anonymous, &entry, &readable, &w->f->err), IDM_OK);
	assert_int_equal(
	    idm_search_entry(&s, &read, &entry, &readable, &matches, &w->f->err), IDM_OK);
	assert_true(matches);
	assert_true(
	    idm_attrset_has(&readable, idm_schema_attr_number(read.schema, IDM_ATTR_DISPLAYNAME)));
	assert_false(
	    idm_attrset_has(&readable, idm_schema_attr_number(read.schema, IDM_ATTR_MAIL)));
	s.filter = &not_mail; /* anonymous may not search mail: Undefined, so no match */
	assert_int_equal(
	    idm_search_entry(&s, &read, &entry, &readable, &matches, &w->f->err), IDM_OK);
	assert_false(matches);
}

/* --- values */

struct values {
	struct idm_uuid uuids[FOUND_MAX];
	char first[IDM_SPN_MAX];
	size_t count;
	size_t most; /* stop then; 0: never */
};

static bool
keep(void *context, struct idm_span stored)
{
	struct values *v = context;

	if (v->count == 0)
		snprintf(v->first, sizeof(v->first), "%.*s", IDM_SPAN_ARG(stored));
	if (stored.len == IDM_UUID_BYTES)
		memcpy(v->uuids[v->count].bytes, stored.ptr, IDM_UUID_BYTES);
	v->count++;
	return v->count != v->most;
}

static void
values_of(struct world *w, uint64_t id, uint32_t number, struct values *out)
{
	struct idm_entry entry = fixture_entry(w->f, id);

	out->count = 0;
	assert_int_equal(
	    idm_search_values(&w->f->read, &entry,
		idm_schema_attr_number(w->f->read.schema, number), keep, out, &w->f->err),
	    IDM_OK);
}

static void
memberof_and_member_are_the_same_edges_from_both_ends(void **state)
{
	static struct values groups, members;
	struct world *w = *state;
	size_t edges = 0;

	for (int i = 0; i < PERSONS; i += 3) {
		char name[32];
		uint64_t id;
		struct idm_entry person, group;

		snprintf(name, sizeof(name), "u%d", i);
		id = fixture_id(w->f, name);
		if (id == 0)
			continue;
		person = fixture_entry(w->f, id);
		values_of(w, id, IDM_ATTR_DIRECTMEMBEROF, &groups);
		for (size_t g = 0; g < groups.count; g++) {
			bool listed = false;

			assert_int_equal(
			    idm_lookup_uuid(&w->f->read, &groups.uuids[g], &group, &w->f->err),
			    IDM_OK);
			values_of(w, group.id,
			    idm_entry_is_dynamic_group(&group) ? IDM_ATTR_DYNMEMBER
							       : IDM_ATTR_MEMBER,
			    &members);
			for (size_t m = 0; m < members.count && !listed; m++)
				listed = idm_uuid_equal(&members.uuids[m], &person.uuid);
			assert_true(listed);
			edges++;
		}
	}
	assert_true(edges > 50);
}

static void
computed_values_are_given_as_stored_ones_are(void **state)
{
	static struct values v;
	struct world *w = *state;
	uint64_t id = fixture_id(w->f, "reader");
	struct idm_entry entry = fixture_entry(w->f, id);

	values_of(w, id, IDM_ATTR_SPN, &v);
	assert_int_equal(v.count, 1);
	assert_string_equal(v.first, "reader@" FIXTURE_DOMAIN);
	values_of(w, id, IDM_ATTR_UUID, &v);
	assert_int_equal(v.count, 1);
	assert_true(idm_uuid_equal(&v.uuids[0], &entry.uuid));
	values_of(w, id, IDM_ATTR_CLASS, &v);
	assert_int_equal(v.count, 3);
	values_of(w, id, IDM_ATTR_DIRECTMEMBEROF, &v);
	assert_int_equal(v.count, 5); /* three privileges, all_persons, all_accounts */
	values_of(w, id, IDM_ATTR_MEMBEROF, &v);
	assert_int_equal(v.count, 6); /* and idm_high_privilege */
	values_of(w, id, IDM_ATTR_USER_SESSION, &v);
	assert_int_equal(v.count, 0);
	values_of(w, id, IDM_ATTR_MEMBER, &v);
	assert_int_equal(v.count, 0);
	values_of(w, fixture_id(w->f, "idm_all_persons"), IDM_ATTR_MEMBER, &v);
	assert_int_equal(v.count, 0);
	values_of(w, fixture_id(w->f, "idm_all_persons"), IDM_ATTR_DYNMEMBER, &v);
	assert_true(v.count > PERSONS / 2);
	v.most = 3;
	values_of(w, fixture_id(w->f, "idm_all_persons"), IDM_ATTR_DYNMEMBER, &v);
	assert_int_equal(v.count, 3);
	v.most = 0;
}

/* An index that names an entry that is not there is damage, not an empty answer. */
static void
damage_is_an_error(void **state)
{
	static struct hits hits;
	struct world *w = *state;
	uint64_t id = fixture_id(w->f, "reader");
	struct idm_access *access = profiles_of(w->f, &w->table, "reader", IDM_IDENTITY_SESSION);
	struct idm_filter filter = parse(w, "(class=person)");
	struct idm_search s = { .filter = &filter, .access = access };
	struct idm_read read;
	uint8_t key[8];

	fixture_read_then_write(w->f);
	idm_store_u64(id, key);
	assert_int_equal(
	    idm_store_del(&w->f->txn, IDM_DB_ENTRIES, idm_span_of(key, 8), &w->f->err), IDM_OK);
	fixture_commit_then_read(w->f);
	read = read_of(w);
	hits.count = 0;
	assert_int_equal(
	    idm_search_slice(&s, &read, 1000000, take, &hits, &w->f->err), IDM_CORRUPT);
	assert_false(s.done);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_filter_finds_what_a_scan_finds),
		cmocka_unit_test(the_smallest_slices_give_the_same),
		cmocka_unit_test(a_taker_that_has_enough_ends_the_slice),
		cmocka_unit_test(a_search_that_is_done_stays_done),
		cmocka_unit_test(a_list_that_was_found_is_tested_again),
		cmocka_unit_test(memory_does_not_grow_with_the_entries_tested),
		cmocka_unit_test(recycled_entries_are_there_for_who_asks_and_may),
		cmocka_unit_test(one_entry_is_judged_as_a_search_would),
		cmocka_unit_test(memberof_and_member_are_the_same_edges_from_both_ends),
		cmocka_unit_test(computed_values_are_given_as_stored_ones_are),
		cmocka_unit_test(damage_is_an_error), /* the last one: it damages */
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
