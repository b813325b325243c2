#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

#include "core/index.h"
#include "tests/support/fixture.h"

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

static const struct idm_attr *
attr(struct fixture *f, uint32_t number)
{
	return idm_schema_attr_number(f->read.schema, number);
}

static struct idm_window
equal(struct fixture *f, uint32_t number, struct idm_span norm, uint64_t window_no)
{
	struct idm_window window = { { 0 } };

	assert_int_equal(
	    idm_index_equal(&f->read, attr(f, number), norm, window_no, &window, &f->err), IDM_OK);
	return window;
}

static struct idm_window
present(struct fixture *f, uint32_t number, uint64_t window_no)
{
	struct idm_window window = { { 0 } };

	assert_int_equal(
	    idm_index_present(&f->read, attr(f, number), window_no, &window, &f->err), IDM_OK);
	return window;
}

/* Windows are asked for from the first on; what was learned in one serves the next. */
static struct idm_window
substring(struct fixture *f, uint32_t number, struct idm_span piece, uint64_t window_no)
{
	static struct idm_index_orders orders;
	struct idm_window window = { { 0 } };

	if (window_no == 0)
		orders = (struct idm_index_orders){ .count = 0 };
	assert_int_equal(idm_index_substring(&f->read, attr(f, number), piece, &orders, window_no,
			     &window, &f->err),
	    IDM_OK);
	return window;
}

static struct idm_window
range(struct fixture *f, uint32_t number, struct idm_span from, struct idm_span to,
    uint64_t window_no)
{
	struct idm_window window = { { 0 } };

	assert_int_equal(
	    idm_index_range(&f->read, attr(f, number), from, to, window_no, &window, &f->err),
	    IDM_OK);
	return window;
}

static uint64_t
window_end(struct fixture *f)
{
	uint64_t end;

	assert_int_equal(idm_index_window_end(&f->read, &end, &f->err), IDM_OK);
	return end;
}

/* --- random entries against a scan over all of them */

enum { ENTRIES = 120, EDITS = 1500, QUERIES = 400, WINDOWS = 5, WORD_MAX = 8 };

struct people {
	struct fixture *f;
	uint64_t seed;
	uint64_t id[ENTRIES];
	bool is_there[ENTRIES];
	unsigned serial; /* makes what is unique */
};

/* Few letters, so that values share trigrams, hold some twice, and are equal now and then. */
static void
random_word(struct people *p, uint32_t min, char out[WORD_MAX + 1])
{
	uint32_t len = min + fixture_random_below(&p->seed, WORD_MAX + 1 - min);

	for (uint32_t i = 0; i < len; i++)
		out[i] = "abcA"[fixture_random_below(&p->seed, 4)];
	out[len] = '\0';
}

static void
random_date(struct people *p, char out[IDM_TIME_TEXT])
{
	idm_time_format(-300 + (int64_t)fixture_random_below(&p->seed, 600), out);
}

/* Give the entry at `at` random values: a new entry where there is none. */
static void
edit(struct people *p, size_t at)
{
	static const char *const domains[] = { "abc.example", "cab.example" };
	char shown[WORD_MAX + 1], legal[WORD_MAX + 1], word[WORD_MAX + 1], mail[64], name[32];
	char from[IDM_TIME_TEXT], until[IDM_TIME_TEXT];
	const char *domain = domains[fixture_random_below(&p->seed, 2)];
	const char *optional = fixture_random_below(&p->seed, 2) ? "mail" : NULL;
	const char *class = fixture_random_below(&p->seed, 3) ? "person" : "recycled";

	random_word(p, 1, shown);
	random_word(p, 1, legal);
	random_word(p, 1, word);
	random_date(p, from);
	random_date(p, until);
	p->serial++;
	snprintf(mail, sizeof(mail), "%s%u@%s", word, p->serial, domain);
	random_word(p, 1, word);
	snprintf(name, sizeof(name), "%s%u", word, p->serial);
	if (!p->is_there[at])
		p->id[at] = fixture_add(p->f, "class", class, "name", name, "displayname", shown,
		    "legalname", legal, "account_expire", until, optional, mail, NULL);
	else
		fixture_replace(p->f, p->id[at], "class", class, "name", name, "displayname", shown,
		    "account_valid_from", from, "account_expire", until, optional, mail, NULL);
	p->is_there[at] = true;
}

static void
edit_at_random(struct people *p)
{
	for (int i = 0; i < EDITS; i++) {
		size_t at = fixture_random_below(&p->seed, ENTRIES);

		if (i % (EDITS / WINDOWS) == 0)
			fixture_skip_to_window(p->f, (uint64_t)i / (EDITS / WINDOWS));
		if (p->is_there[at] && fixture_random_below(&p->seed, 4) == 0) {
			fixture_remove(p->f, p->id[at]);
			p->is_there[at] = false;
		} else {
			edit(p, at);
		}
	}
}

static bool
holds(struct idm_span value, struct idm_span piece)
{
	return memmem(value.ptr, value.len, piece.ptr, piece.len) != NULL;
}

enum question { ASK_EQUAL, ASK_PRESENT, ASK_SUBSTRING, ASK_RANGE };

/* Is there a value for which the answer is yes? */
static bool
naive(const struct idm_entry *entry, uint32_t number, enum question question, struct idm_span a,
    struct idm_span b)
{
	struct idm_value_iter iter = idm_entry_values(entry, number);
	struct idm_value value;
	bool yes = false;

	while (!yes && idm_value_next(&iter, &value)) {
		switch (question) {
		case ASK_EQUAL: yes = idm_span_equal(value.norm, a); break;
		case ASK_PRESENT: yes = true; break;
		case ASK_SUBSTRING: yes = holds(value.norm, a); break;
		case ASK_RANGE:
			yes = (a.len == 0 || idm_span_compare(value.norm, a) >= 0) &&
			      (b.len == 0 || idm_span_compare(value.norm, b) <= 0);
			break;
		}
	}
	return yes;
}

static struct idm_window
ask(struct fixture *f, uint32_t number, enum question question, struct idm_span a,
    struct idm_span b, uint64_t window_no)
{
	switch (question) {
	case ASK_EQUAL: return equal(f, number, a, window_no);
	case ASK_PRESENT: return present(f, number, window_no);
	case ASK_SUBSTRING: return substring(f, number, a, window_no);
	case ASK_RANGE: break;
	}
	return range(f, number, a, b, window_no);
}

/*
 * Ask index and scan; whom the scan finds the index must name.  A substring's candidates may be
 * more; how many were named beyond the scan is added to *more.
 */
static void
compare(struct people *p, uint32_t number, enum question question, struct idm_span a,
    struct idm_span b, size_t *more)
{
	struct idm_window window[WINDOWS + 1];
	size_t wanted = 0, named = 0;

	for (uint64_t no = 0; no <= WINDOWS; no++) {
		window[no] = ask(p->f, number, question, a, b, no);
		named += idm_window_count(&window[no]);
	}
	for (size_t i = 0; i < ENTRIES; i++) {
		struct idm_entry entry;

		if (!p->is_there[i])
			continue;
		entry = fixture_entry(p->f, p->id[i]);
		if (!naive(&entry, number, question, a, b))
			continue;
		wanted++;
		assert_true(idm_window_has(&window[idm_window_of(entry.id)], entry.id));
	}
	assert_true(named >= wanted);
	*more += named - wanted;
}

/* The groups of the fixture have names and classes too: out of the way for these tests. */
static void
begin_people(struct people *p, struct fixture *f, uint64_t seed)
{
	memset(p, 0, sizeof(*p));
	p->f = f;
	p->seed = seed;
	for (uint64_t id = 1; id <= 3; id++)
		fixture_remove(f, id);
	edit_at_random(p);
}

/* A value that some entry has, or a random word. */
static struct idm_span
random_value(struct people *p, uint32_t number, char word[WORD_MAX + 1])
{
	size_t at = fixture_random_below(&p->seed, ENTRIES);
	struct idm_value value;
	struct idm_entry entry;

	if (p->is_there[at]) {
		entry = fixture_entry(p->f, p->id[at]);
		if (idm_entry_first(&entry, number, &value))
			return value.norm;
	}
	random_word(p, 3, word);
	for (char *c = word; *c != '\0'; c++)
		*c = *c == 'A' ? 'a' : *c;
	return idm_span_cstr(word);
}

static void
equality_and_presence_equal_a_scan(void **state)
{
	static const uint32_t numbers[] = { IDM_ATTR_CLASS, IDM_ATTR_NAME, IDM_ATTR_DISPLAYNAME,
		IDM_ATTR_LEGALNAME, IDM_ATTR_MAIL };
	struct people p;
	size_t more = 0;
	char word[WORD_MAX + 1];

	begin_people(&p, *state, 1);
	for (int i = 0; i < QUERIES; i++) {
		uint32_t number = numbers[fixture_random_below(&p.seed, 5)];
		struct idm_span value = random_value(&p, number, word);

		compare(&p, number, ASK_EQUAL, value, IDM_SPAN_EMPTY, &more);
	}
	compare(&p, IDM_ATTR_CLASS, ASK_PRESENT, IDM_SPAN_EMPTY, IDM_SPAN_EMPTY, &more);
	compare(&p, IDM_ATTR_NAME, ASK_PRESENT, IDM_SPAN_EMPTY, IDM_SPAN_EMPTY, &more);
	compare(&p, IDM_ATTR_MAIL, ASK_PRESENT, IDM_SPAN_EMPTY, IDM_SPAN_EMPTY, &more);
	assert_int_equal(more, 0);
}

static void
a_range_equals_a_scan(void **state)
{
	static const uint32_t numbers[] = { IDM_ATTR_ACCOUNT_VALID_FROM, IDM_ATTR_ACCOUNT_EXPIRE };
	struct people p;
	size_t more = 0;

	begin_people(&p, *state, 2);
	for (int i = 0; i < QUERIES; i++) {
		uint8_t from[8], to[8];
		uint32_t open = fixture_random_below(&p.seed, 5);

		idm_datetime_store(-330 + (int64_t)fixture_random_below(&p.seed, 660), from);
		idm_datetime_store(-330 + (int64_t)fixture_random_below(&p.seed, 660), to);
		compare(&p, numbers[i % 2], ASK_RANGE,
		    open == 0 ? IDM_SPAN_EMPTY : idm_span_of(from, 8),
		    open <= 1 ? IDM_SPAN_EMPTY : idm_span_of(to, 8), &more);
	}
	assert_int_equal(more, 0);
}

static void
a_substring_names_all_that_a_scan_finds_and_few_more(void **state)
{
	static const uint32_t numbers[] = { IDM_ATTR_NAME, IDM_ATTR_DISPLAYNAME, IDM_ATTR_LEGALNAME,
		IDM_ATTR_MAIL };
	struct people p;
	size_t more = 0;
	char word[WORD_MAX + 1];

	begin_people(&p, *state, 3);
	for (int i = 0; i < QUERIES; i++) {
		uint32_t number = numbers[fixture_random_below(&p.seed, 4)];
		struct idm_span value = random_value(&p, number, word);
		size_t from, len;

		if (value.len < 3)
			continue;
		from = fixture_random_below(&p.seed, (uint32_t)value.len - 2);
		len = 3 + fixture_random_below(&p.seed, (uint32_t)(value.len - from) - 2);
		compare(&p, number, ASK_SUBSTRING, idm_span_of(value.ptr + from, len),
		    IDM_SPAN_EMPTY, &more);
	}
	assert_true(more < QUERIES * ENTRIES / 10);
}

static uint64_t
fold(uint64_t hash, struct idm_span bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ bytes.ptr[i]) * UINT64_C(1099511628211);
	return hash ^ bytes.len;
}

/* The number of rows and a hash of all of them. */
static size_t
index_rows(struct fixture *f, uint64_t *hash)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t count = 0;

	*hash = 0;
	assert_int_equal(
	    idm_cursor_open(&f->txn, IDM_DB_INDEX, IDM_SPAN_EMPTY, &cursor, &f->err), IDM_OK);
	for (; idm_cursor_next(&cursor, &key, &value, &f->err) == IDM_OK; count++)
		*hash = fold(fold(*hash, key), value);
	idm_cursor_close(&cursor);
	return count;
}

static void
delete_index(struct fixture *f)
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	uint8_t first[IDM_STORE_KEY_BYTES];
	enum idm_result result;

	for (;;) {
		size_t len = 0;

		assert_int_equal(
		    idm_cursor_open(&f->txn, IDM_DB_INDEX, IDM_SPAN_EMPTY, &cursor, &f->err),
		    IDM_OK);
		result = idm_cursor_next(&cursor, &key, &value, &f->err);
		if (result == IDM_OK) {
			len = key.len;
			memcpy(first, key.ptr, len);
		}
		idm_cursor_close(&cursor);
		if (result == IDM_NOT_FOUND)
			return;
		assert_int_equal(
		    idm_store_del(&f->txn, IDM_DB_INDEX, idm_span_of(first, len), &f->err), IDM_OK);
	}
}

static void
a_rebuilt_index_is_equal_octet_by_octet(void **state)
{
	struct people p;
	uint64_t kept, rebuilt;
	size_t count;

	begin_people(&p, *state, 4);
	count = index_rows(p.f, &kept);
	assert_true(count > ENTRIES);
	delete_index(p.f);
	for (size_t i = 0; i < ENTRIES; i++) {
		struct idm_entry entry;

		if (!p.is_there[i])
			continue;
		entry = fixture_entry(p.f, p.id[i]);
		assert_int_equal(idm_index_update(&p.f->read, NULL, &entry, &p.f->err), IDM_OK);
	}
	assert_int_equal(index_rows(p.f, &rebuilt), count);
	assert_int_equal(rebuilt, kept);
}

static void
entries_that_are_gone_leave_no_keys(void **state)
{
	struct people p;
	uint64_t hash;

	begin_people(&p, *state, 5);
	for (size_t i = 0; i < ENTRIES; i++) {
		if (p.is_there[i])
			fixture_remove(p.f, p.id[i]);
	}
	assert_int_equal(index_rows(p.f, &hash), 0);
}

/* --- one thing at a time */

/* Some of its trigrams are enough, and pieces that begin at one place do not share an order. */
static void
pieces_of_any_length_are_found(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog and back again";
	struct fixture *f = *state;
	struct idm_index_orders orders = { .count = 0 };
	uint64_t short_one, long_one;

	short_one =
	    fixture_add(f, "class", "person", "name", "a", "displayname", "the quick", NULL);
	fixture_skip_to_window(f, 1);
	long_one = fixture_add(f, "class", "person", "name", "b", "displayname", text, NULL);
	for (size_t len = sizeof(text) - 1; len >= IDM_INDEX_PIECE_MIN; len--) {
		for (uint64_t no = 0; no < 2; no++) {
			struct idm_window window = { { 0 } };

			assert_int_equal(
			    idm_index_substring(&f->read, attr(f, IDM_ATTR_DISPLAYNAME),
				idm_span_of(text, len), &orders, no, &window, &f->err),
			    IDM_OK);
			assert_int_equal(idm_window_has(&window, long_one), no == 1);
			if (no == 0 && len <= strlen("the quick"))
				assert_true(idm_window_has(&window, short_one));
		}
	}
	assert_int_equal(orders.count, IDM_INDEX_ORDERS);
}

static void
a_candidate_is_added_to_those_that_are_there(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_person(f, "alice"), bob = fixture_person(f, "bob");
	struct idm_window window = equal(f, IDM_ATTR_NAME, IDM_SPAN_LIT("alice"), 0);

	assert_int_equal(idm_index_equal(&f->read, attr(f, IDM_ATTR_NAME), IDM_SPAN_LIT("bob"), 0,
			     &window, &f->err),
	    IDM_OK);
	assert_int_equal(idm_index_substring(&f->read, attr(f, IDM_ATTR_NAME),
			     IDM_SPAN_LIT("nobody"), NULL, 0, &window, &f->err),
	    IDM_OK);
	assert_int_equal(idm_window_count(&window), 2);
	assert_true(idm_window_has(&window, alice));
	assert_true(idm_window_has(&window, bob));
}

static void
a_uuid_is_found_without_a_key_of_its_own(void **state)
{
	struct fixture *f = *state;
	uint64_t alice, other = 0;
	struct idm_entry entry;
	struct idm_window window;

	fixture_skip_to_window(f, 3);
	alice = fixture_person(f, "alice");
	entry = fixture_entry(f, alice);
	window = equal(f, IDM_ATTR_UUID, idm_uuid_span(&entry.uuid), 3);
	assert_int_equal(idm_window_count(&window), 1);
	assert_true(idm_window_has(&window, alice));
	window = equal(f, IDM_ATTR_UUID, idm_uuid_span(&entry.uuid), 2);
	assert_int_equal(idm_window_count(&window), 0);
	window = present(f, IDM_ATTR_UUID, 3);
	assert_int_equal(idm_window_count(&window), 1);
	window = equal(f, IDM_ATTR_UUID, idm_span_of(&other, 8), 3);
	assert_int_equal(idm_window_count(&window), 0);
}

static void
a_value_is_found_in_its_windows_alone(void **state)
{
	static const uint64_t windows[] = { 2, 3, 90 };
	struct fixture *f = *state;
	struct idm_span smith = IDM_SPAN_LIT("smith");
	char name[8];

	for (size_t i = 0; i < 3; i++) {
		fixture_skip_to_window(f, windows[i]);
		snprintf(name, sizeof(name), "a%zu", i);
		fixture_add(f, "class", "person", "name", name, "displayname", "Smith", NULL);
		snprintf(name, sizeof(name), "b%zu", i);
		fixture_add(f, "class", "person", "name", name, "displayname", "Smithers", NULL);
		snprintf(name, sizeof(name), "c%zu", i);
		fixture_add(f, "class", "person", "name", name, "displayname", "Smit", NULL);
	}
	assert_int_equal(window_end(f), 91);
	for (uint64_t no = 0; no < 91; no++) {
		bool is_one = no == windows[0] || no == windows[1] || no == windows[2];
		struct idm_window window = equal(f, IDM_ATTR_DISPLAYNAME, smith, no);

		assert_int_equal(idm_window_count(&window), is_one);
		window = equal(f, IDM_ATTR_DISPLAYNAME, IDM_SPAN_LIT("smi"), no);
		assert_int_equal(idm_window_count(&window), 0);
		window = equal(f, IDM_ATTR_CLASS, IDM_SPAN_LIT("person"), no);
		assert_int_equal(idm_window_count(&window), is_one ? 3 : 0);
	}
}

static void
a_mail_piece_is_found_on_either_side_of_the_at(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_add(f, "class", "person", "name", "alice", "mail",
	    "alice.smith@example.com", "mail", "boss@smith.example", NULL);
	uint64_t bob =
	    fixture_add(f, "class", "person", "name", "bob", "mail", "bob@example.com", NULL);
	static const struct {
		const char *piece;
		bool alice, bob;
	} cases[] = {
		{ "smith", true, false },
		{ "alice.smith@example.com", true, false },
		{ "smith@exam", true, false },
		{ "boss@sm", true, false },
		{ "bob@", false, true },
		{ "ob@ex", true, true }, /* too short on both sides: whoever has an address */
		{ "@example", true, true },
		{ "@exa", true, true },
		{ "example.com", true, true },
		{ "carol@example.com", false, false },
		{ "bob@smith.example", false, false },
		{ "smith.example", true, false },
	};

	fixture_person(f, "without");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct idm_window window =
		    substring(f, IDM_ATTR_MAIL, idm_span_cstr(cases[i].piece), 0);

		assert_int_equal(idm_window_has(&window, alice), cases[i].alice);
		assert_int_equal(idm_window_has(&window, bob), cases[i].bob);
		assert_int_equal(idm_window_count(&window), cases[i].alice + cases[i].bob);
	}
}

/* What everybody's domain holds must not make a piece of the part before the `@` worthless. */
static void
the_domain_of_a_mail_is_not_mixed_with_the_part_before(void **state)
{
	struct fixture *f = *state;
	struct idm_window window;
	char name[16], mail[64];

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		snprintf(mail, sizeof(mail), "u%d@lexample.com", i);
		fixture_add(f, "class", "person", "name", name, "mail", mail, NULL);
	}
	fixture_add(f, "class", "person", "name", "alex", "mail", "alex@lexample.com", NULL);
	window = substring(f, IDM_ATTR_MAIL, IDM_SPAN_LIT("alex"), 0);
	assert_int_equal(idm_window_count(&window), 1);
	window = substring(f, IDM_ATTR_MAIL, IDM_SPAN_LIT("alex@lex"), 0);
	assert_int_equal(idm_window_count(&window), 1);
	window = substring(f, IDM_ATTR_MAIL, IDM_SPAN_LIT("lex"), 0);
	assert_int_equal(idm_window_count(&window), 51);
}

/* An entry made by hand, for values that no client could store. */
static struct idm_entry
make_entry(struct fixture *f, uint64_t id, uint32_t number, struct idm_span norm)
{
	struct idm_draft *draft = idm_draft_new(f->arena);
	struct idm_uuid uuid;
	struct idm_entry entry;
	struct idm_span bytes;

	assert_non_null(draft);
	assert_true(idm_uuid_generate(&uuid));
	assert_int_equal(idm_draft_add(draft, number, (struct idm_value){ norm, norm }), IDM_OK);
	assert_int_equal(idm_draft_encode(draft, &uuid, 1, &bytes, &f->err), IDM_OK);
	assert_int_equal(idm_entry_view(bytes, id, &entry, &f->err), IDM_OK);
	return entry;
}

static void
values_of_every_length_are_found_and_told_apart(void **state)
{
	static const size_t lens[] = { 0, 1, 2, 3, 496, 497, 498, 499, 500, 511, 512, 513, 4000 };
	struct fixture *f = *state;
	enum { COUNT = sizeof(lens) / sizeof(lens[0]) };
	struct idm_entry entry[COUNT];
	uint8_t *value = idm_arena_alloc(f->arena, 4000);
	uint64_t hash, rows = index_rows(f, &hash);

	assert_non_null(value);
	memset(value, 'x', 4000);
	for (size_t i = 0; i < COUNT; i++) {
		entry[i] =
		    make_entry(f, 1000 + i, IDM_ATTR_DISPLAYNAME, idm_span_of(value, lens[i]));
		assert_int_equal(idm_index_update(&f->read, NULL, &entry[i], &f->err), IDM_OK);
	}
	for (size_t i = 0; i < COUNT; i++) {
		struct idm_window window =
		    equal(f, IDM_ATTR_DISPLAYNAME, idm_span_of(value, lens[i]), 0);

		assert_int_equal(idm_window_count(&window), 1);
		assert_true(idm_window_has(&window, 1000 + i));
	}
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(idm_index_update(&f->read, &entry[i], NULL, &f->err), IDM_OK);
	assert_int_equal(index_rows(f, &hash), rows);
}

static void
a_value_is_not_taken_for_another_one_that_is_its_hash(void **state)
{
	static uint8_t value[600];
	struct fixture *f = *state;
	XXH128_canonical_t hash;
	struct idm_entry entry;
	struct idm_window window;

	memset(value, 'x', sizeof(value));
	XXH128_canonicalFromHash(&hash, XXH3_128bits(value, sizeof(value)));
	entry = make_entry(f, 500, IDM_ATTR_DISPLAYNAME, idm_span_of(value, sizeof(value)));
	assert_int_equal(idm_index_update(&f->read, NULL, &entry, &f->err), IDM_OK);
	window = equal(f, IDM_ATTR_DISPLAYNAME, idm_span_of(hash.digest, sizeof(hash.digest)), 0);
	assert_int_equal(idm_window_count(&window), 0);
}

/* A bound may be any octets, as long as a client likes. */
static void
a_range_takes_bounds_of_any_length(void **state)
{
	static uint8_t low[600], high[600];
	struct fixture *f = *state;
	struct idm_span small = idm_span_of(low, sizeof(low)), great = idm_span_of(high, 600);
	uint32_t number = IDM_ATTR_ACCOUNT_EXPIRE;
	struct idm_window window;

	memset(high, 0xff, sizeof(high));
	fixture_add(
	    f, "class", "person", "name", "a", "account_expire", "2020-09-25T00:00:00Z", NULL);
	window = range(f, number, small, great, 0);
	assert_int_equal(idm_window_count(&window), 1);
	window = range(f, number, great, IDM_SPAN_EMPTY, 0);
	assert_int_equal(idm_window_count(&window), 0);
	window = range(f, number, IDM_SPAN_EMPTY, small, 0);
	assert_int_equal(idm_window_count(&window), 0);
	window = range(f, number, great, small, 0);
	assert_int_equal(idm_window_count(&window), 0);
}

/* Custom attributes may be ordered and long; here is the key of such a value. */
static void
a_hashed_value_is_a_candidate_of_every_range(void **state)
{
	struct fixture *f = *state;
	struct idm_window window = { { 0 } };
	uint8_t container[IDM_CONTAINER_MAX_BYTES], bound[8] = { 1 };
	size_t len;

	idm_window_add(&window, 77);
	len = idm_container_encode(&window, container);
	assert_int_equal(idm_store_put(&f->txn, IDM_DB_INDEX,
			     IDM_SPAN_LIT("\0\0\0\0\0\0\0\0\0\0\0\x3d\xef"
					  "0123456789abcdef"),
			     idm_span_of(container, len), &f->err),
	    IDM_OK);
	window = range(f, IDM_ATTR_CREATED, idm_span_of(bound, 8), idm_span_of(bound, 8), 0);
	assert_int_equal(idm_window_count(&window), 1);
	assert_true(idm_window_has(&window, 77));
}

static void
an_update_touches_only_what_differs(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = fixture_person(f, "alice"), before, after;
	struct idm_entry entry = fixture_entry(f, alice);
	struct idm_entry copy = entry;

	index_rows(f, &before);
	assert_int_equal(idm_index_update(&f->read, &entry, &copy, &f->err), IDM_OK);
	assert_int_equal(idm_index_update(&f->read, NULL, NULL, &f->err), IDM_OK);
	index_rows(f, &after);
	assert_int_equal(before, after);

	/* A key of the entry that is damaged, but does not differ, is not read. */
	assert_int_equal(
	    idm_store_put(&f->txn, IDM_DB_INDEX, IDM_SPAN_LIT("\0\0\0\3ealice\0\0\0\0\0\0\0\0"),
		IDM_SPAN_LIT("?"), &f->err),
	    IDM_OK);
	fixture_replace(f, alice, "class", "person", "name", "alice", "displayname", "B", NULL);
	entry = fixture_entry(f, alice);
	assert_int_equal(idm_index_update(&f->read, &entry, NULL, &f->err), IDM_CORRUPT);
}

static void
damage_and_lack_of_memory_are_results(void **state)
{
	struct fixture *f = *state;
	struct idm_window window = { { 0 } };
	struct idm_arena *small = idm_arena_new(256);
	struct idm_entry entry = fixture_entry(f, fixture_person(f, "alice"));

	assert_non_null(small);
	f->read.arena = small;
	assert_int_equal(idm_index_update(&f->read, &entry, NULL, &f->err), IDM_LIMIT);
	f->read.arena = f->arena;
	idm_arena_free(&small);
	entry.id = UINT64_MAX;
	assert_int_equal(idm_index_update(&f->read, NULL, &entry, &f->err), IDM_LIMIT);

	assert_int_equal(
	    idm_store_put(&f->txn, IDM_DB_INDEX, IDM_SPAN_LIT("\0\0\0\0\0\0\0\0\0\0\0\3tali"),
		IDM_SPAN_LIT("?"), &f->err),
	    IDM_OK);
	assert_int_equal(idm_index_substring(&f->read, attr(f, IDM_ATTR_NAME),
			     IDM_SPAN_LIT("alice"), NULL, 0, &window, &f->err),
	    IDM_CORRUPT);
}

static void
the_window_end_lies_behind_the_last_id(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(window_end(f), 1);
	fixture_skip_to_window(f, 1);
	assert_int_equal(window_end(f), 1); /* the first id of window 1 is not given out yet */
	fixture_person(f, "alice");
	assert_int_equal(window_end(f), 2);
	assert_int_equal(idm_store_put_number(&f->txn, IDM_DB_META, "next_id", 1, &f->err), IDM_OK);
	assert_int_equal(window_end(f), 0);
	assert_int_equal(idm_store_put_number(&f->txn, IDM_DB_META, "next_id", 0, &f->err), IDM_OK);
	assert_int_equal(window_end(f), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(equality_and_presence_equal_a_scan),
		WITH_STORE(a_range_equals_a_scan),
		WITH_STORE(a_substring_names_all_that_a_scan_finds_and_few_more),
		WITH_STORE(a_rebuilt_index_is_equal_octet_by_octet),
		WITH_STORE(entries_that_are_gone_leave_no_keys),
		WITH_STORE(pieces_of_any_length_are_found),
		WITH_STORE(a_candidate_is_added_to_those_that_are_there),
		WITH_STORE(a_uuid_is_found_without_a_key_of_its_own),
		WITH_STORE(a_value_is_found_in_its_windows_alone),
		WITH_STORE(a_mail_piece_is_found_on_either_side_of_the_at),
		WITH_STORE(the_domain_of_a_mail_is_not_mixed_with_the_part_before),
		WITH_STORE(values_of_every_length_are_found_and_told_apart),
		WITH_STORE(a_value_is_not_taken_for_another_one_that_is_its_hash),
		WITH_STORE(a_range_takes_bounds_of_any_length),
		WITH_STORE(a_hashed_value_is_a_candidate_of_every_range),
		WITH_STORE(an_update_touches_only_what_differs),
		WITH_STORE(damage_and_lack_of_memory_are_results),
		WITH_STORE(the_window_end_lies_behind_the_last_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
