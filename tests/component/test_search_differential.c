/*
 * Random filters over a random directory, as several callers: the engine finds what a full scan
 * finds, which knows neither the engine's filters nor its indexes nor its walks.  It holds every
 * entry's values as text, and every membership in a matrix; what a caller may read of an entry is
 * the business of other tests, and taken from there.
 *
 * KANIDM_TEST_LONG=1: 200,000 filters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#include "core/groups.h"
#include "core/search.h"
#include "tests/support/fixture.h"
#include "tests/support/profiles.h"

enum {
	PERSONS = 150,
	GROUPS = 24,
	THINGS_MAX = 512,
	VALUES_MAX = 24,
	TEXT_BYTES = 96,
	NODES_MAX = 64, /* of a filter */
	CHILDREN_MAX = 6,
	DEPTH_MAX = 6,
	CALLERS = 5,
	FILTERS = 10000,
	FILTERS_LONG = 200000,
	ARENA_BYTES = 1024 * 1024,
};

/* --- text, as the standards have it and the test needs it */

/* Lower case, with "ss" for sharp s; runs of spaces are one.  The test uses no other letters. */
static void
fold(const char *text, bool cut_ends, char out[TEXT_BYTES])
{
	size_t len = 0;

	for (; *text != '\0'; text++) {
		assert_true(len + 3 < TEXT_BYTES);
		if ((uint8_t)text[0] == 0xc3 && (uint8_t)text[1] == 0x9f) {
			out[len++] = 's';
			out[len++] = 's';
			text++;
		} else if ((uint8_t)text[0] == 0xc3) { /* capital letters of Latin-1 */
			uint8_t second = (uint8_t) * ++text;

			out[len++] = (char)0xc3;
			out[len++] = (char)(second < 0x9f ? second + 0x20 : second);
		} else if (*text == ' ') {
			if ((len == 0 && cut_ends) || (len > 0 && out[len - 1] == ' '))
				continue;
			out[len++] = ' ';
		} else {
			out[len++] = (char)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text);
		}
	}
	while (cut_ends && len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}

/* How the values of an attribute compare. */
enum match {
	MATCH_NOCASE,
	MATCH_EXACT,
	MATCH_UUID,
	MATCH_NUMBER,
	MATCH_TIME,
	MATCH_TAG,       /* of an SSH key: equality alone */
	MATCH_REFERENCE, /* equality alone, by name, spn or uuid */
	MATCH_PRESENCE,
	MATCH_ELSEWHERE, /* nothing that a search can see */
	MATCH_UNKNOWN,   /* no such attribute */
};

static const struct kind {
	const char *attr;
	enum match match;
} kinds[] = {
	{ "name", MATCH_NOCASE },
	{ "spn", MATCH_NOCASE },
	{ "displayname", MATCH_NOCASE },
	{ "legalname", MATCH_NOCASE },
	{ "mail", MATCH_NOCASE },
	{ "class", MATCH_NOCASE },
	{ "description", MATCH_EXACT },
	{ "loginshell", MATCH_EXACT },
	{ "homedirectory", MATCH_EXACT },
	{ "uuid", MATCH_UUID },
	{ "gidnumber", MATCH_NUMBER },
	{ "account_expire", MATCH_TIME },
	{ "account_valid_from", MATCH_TIME },
	{ "ssh_publickey", MATCH_TAG },
	{ "entry_managed_by", MATCH_REFERENCE },
	{ "memberof", MATCH_REFERENCE },
	{ "directmemberof", MATCH_REFERENCE },
	{ "member", MATCH_REFERENCE },
	{ "dynmember", MATCH_REFERENCE },
	{ "radius_secret", MATCH_PRESENCE },
	{ "primary_credential", MATCH_PRESENCE },
	{ "user_session", MATCH_ELSEWHERE },
	{ "api_token_session", MATCH_ELSEWHERE },
	{ "password_import", MATCH_ELSEWHERE },
	{ "shoesize", MATCH_UNKNOWN },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* --- the directory as the scan knows it */

struct held {
	const struct kind *kind;
	char text[TEXT_BYTES];
	char folded[TEXT_BYTES];
};

struct thing {
	uint64_t id;
	char uuid[IDM_UUID_TEXT];
	bool live;
	bool account;
	bool person;
	bool group;
	bool dynamic;
	struct held values[VALUES_MAX];
	size_t value_count;
	bool direct[THINGS_MAX]; /* groups that list it */
	bool above[THINGS_MAX];
	bool visible[CALLERS];
	bool readable[CALLERS][KINDS];
	struct idm_attrset shown[CALLERS];
};

struct world {
	struct fixture *f;
	struct idm_access_table *table;
	struct idm_access *callers[CALLERS];
	struct idm_groups *known;
	struct idm_arena *arena;
	struct thing *things;
	size_t count;
	uint64_t seed;
};

static uint32_t
roll(struct world *w, size_t sides)
{
	return fixture_random_below(&w->seed, (uint32_t)sides);
}

static const char *
pick(struct world *w, const char *const *from, size_t count)
{
	return from[roll(w, count)];
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define PICK(w, list) pick(w, list, COUNT(list))

/* --- a random directory */

static const char *const given[] = { "Anna", "anna-maria", "\u00c5sa", "Ren\u00e9", "Joanna",
	"Jo" };
static const char *const family[] = { "Stra\u00dfe", "Miller", "Mill", "Ng", "Example  (1)",
	"A*b" };
static const char *const shells[] = { "/bin/sh", "/bin/zsh", "/Bin/sh" };
static const char *const domains[] = { "idm.example.com", "Example.ORG", "mill.test" };
static const char *const words[] = { "first", "First", "second one", "st", "mill" };
static const char key_text[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

struct pairs {
	const char *list[2 * VALUES_MAX + 1];
	char text[VALUES_MAX][160];
	size_t count;
};

static void put(struct pairs *p, const char *attr, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
put(struct pairs *p, const char *attr, const char *format, ...)
{
	char *text = p->text[p->count];
	va_list args;

	assert_true(p->count < VALUES_MAX);
	va_start(args, format);
	vsnprintf(text, sizeof(p->text[0]), format, args);
	va_end(args);
	p->list[2 * p->count] = attr;
	p->list[2 * p->count + 1] = text;
	p->list[2 * ++p->count] = NULL;
}

static void
put_account(struct world *w, struct pairs *p, int i)
{
	put(p, "class", "account");
	put(p, "class", "%s", roll(w, 5) == 0 ? "service_account" : "person");
	put(p, "name", "u%d%s", i, roll(w, 3) == 0 ? ".mill" : "");
	put(p, "displayname", "%s %s", PICK(w, given), PICK(w, family));
	if (roll(w, 3) == 0)
		put(p, "legalname", "%s", PICK(w, family));
	for (uint32_t left = roll(w, 3); left > 0; left--)
		put(p, "mail", "U%d-%u@%s", i, left, PICK(w, domains));
	if (roll(w, 3) == 0)
		put(p, "account_expire", "20%02u-01-01T00:00:00Z", 18 + roll(w, 10));
	if (roll(w, 6) == 0)
		put(p, "account_valid_from", "20%02u-06-01T00:00:00Z", 18 + roll(w, 10));
	if (roll(w, 4) == 0)
		put(p, "ssh_publickey", "%s %s", roll(w, 2) ? "Laptop" : "home-pc", key_text);
}

static void
put_posix(struct world *w, struct pairs *p, int gid, bool account)
{
	if (roll(w, 3) != 0)
		return;
	put(p, "class", "%s", account ? "posixaccount" : "posixgroup");
	put(p, "gidnumber", "%d", gid);
	if (account)
		put(p, "loginshell", "%s", PICK(w, shells));
	if (account && roll(w, 2))
		put(p, "homedirectory", "/home/u%d", gid);
}

static uint64_t
id_of(struct world *w, const char *format, int i)
{
	char name[32];
	uint64_t id;

	snprintf(name, sizeof(name), format[0] == 'g' ? "g%d" : "u%d", i);
	id = fixture_id(w->f, name);
	if (id != 0 || format[0] == 'g')
		return id;
	snprintf(name, sizeof(name), "u%d.mill", i);
	return fixture_id(w->f, name);
}

static void
put_manager(struct world *w, struct pairs *p)
{
	uint64_t id = id_of(w, "g", (int)roll(w, GROUPS));
	char uuid[IDM_UUID_TEXT];
	struct idm_entry entry;

	if (id == 0 || roll(w, 3) != 0)
		return;
	entry = fixture_entry(w->f, id);
	idm_uuid_format(&entry.uuid, uuid);
	put(p, "entry_managed_by", "%s", uuid);
}

static void
add(struct world *w, int i, bool group)
{
	struct pairs p = { .count = 0 };

	put(&p, "class", "object");
	if (group) {
		put(&p, "class", "group");
		put(&p, "name", "g%d", i);
		if (roll(w, 2))
			put(&p, "description", "%s", PICK(w, words));
	} else {
		put_account(w, &p, i);
	}
	put_posix(w, &p, 70000 + 1000 * group + i, !group);
	put_manager(w, &p);
	/* Those that lie in the bin have no names of others: the fixture claims them. */
	if (roll(w, 10) == 0)
		put(&p, "class", "recycled");
	fixture_add_pairs(w->f, p.list);
}

static void
add_edges(struct world *w)
{
	for (int i = 0; i < 5 * PERSONS / 2; i++) {
		uint64_t group = id_of(w, "g", (int)roll(w, GROUPS));
		uint64_t member = roll(w, 5) == 0 ? id_of(w, "g", (int)roll(w, GROUPS))
						  : id_of(w, "u", (int)roll(w, PERSONS));

		if (group != 0 && member != 0)
			fixture_edge(w->f, group, member, true);
	}
	for (int i = 0; i < 2; i++)
		fixture_edge(w->f, fixture_id(w->f, "idm_high_privilege"),
		    id_of(w, "g", i) != 0 ? id_of(w, "g", i) : id_of(w, "g", i + 2), true);
	fixture_edge(
	    w->f, fixture_id(w->f, "idm_account_read_priv"), fixture_id(w->f, "reader"), true);
	fixture_edge(
	    w->f, fixture_id(w->f, "idm_recycle_bin_admins"), fixture_id(w->f, "reader"), true);
	fixture_edge(
	    w->f, fixture_id(w->f, "idm_people_read_priv"), fixture_id(w->f, "plain"), true);
	fixture_edge(w->f, id_of(w, "g", 5) != 0 ? id_of(w, "g", 5) : id_of(w, "g", 6),
	    fixture_id(w->f, "idm_all_persons"), true);
}

/* --- reading it for the scan */

static const struct kind *
kind_of(const char *attr)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strcasecmp(kinds[i].attr, attr) == 0)
			return &kinds[i];
	}
	return NULL;
}

static void
hold(struct thing *t, const char *attr, const char *text, size_t len)
{
	struct held *held = &t->values[t->value_count];

	held->kind = kind_of(attr);
	if (held->kind == NULL)
		return; /* no filter of this test asks for it */
	assert_true(t->value_count < VALUES_MAX - 1 && len < TEXT_BYTES);
	memcpy(held->text, text, len);
	held->text[len] = '\0';
	if (held->kind->match == MATCH_TAG)
		held->text[strstr(held->text, " ssh-") - held->text] = '\0';
	fold(held->text, true, held->folded);
	t->value_count++;
}

static bool
has(const struct thing *t, const char *attr, const char *folded)
{
	for (size_t i = 0; i < t->value_count; i++) {
		if (strcmp(t->values[i].kind->attr, attr) == 0 &&
		    (folded == NULL || strcmp(t->values[i].folded, folded) == 0))
			return true;
	}
	return false;
}

static const char *
name_of(const struct thing *t)
{
	for (size_t i = 0; i < t->value_count; i++) {
		if (strcmp(t->values[i].kind->attr, "name") == 0)
			return t->values[i].text;
	}
	return NULL;
}

static void
load_thing(struct world *w, const struct idm_entry *entry)
{
	struct thing *t = &w->things[w->count++];
	char spn[TEXT_BYTES];

	assert_true(w->count <= THINGS_MAX);
	t->id = entry->id;
	idm_uuid_format(&entry->uuid, t->uuid);
	hold(t, "uuid", t->uuid, strlen(t->uuid));
	for (uint32_t i = 0; i < entry->attr_count; i++) {
		const struct idm_attr *attr =
		    idm_schema_attr_number(w->f->read.schema, idm_entry_attr_at(entry, i));
		struct idm_value_iter iter = idm_entry_values(entry, attr->number);
		struct idm_value value;

		while (kind_of(attr->name) != NULL && idm_value_next(&iter, &value)) {
			struct idm_span text = idm_value_print(attr, value.stored, w->arena);

			hold(t, attr->name, (const char *)text.ptr, text.len);
		}
	}
	t->live = !has(t, "class", "recycled");
	t->account = has(t, "class", "account");
	t->person = has(t, "class", "person");
	t->group = has(t, "class", "group");
	t->dynamic = has(t, "class", "dyngroup");
	if (name_of(t) != NULL && (t->account || t->group)) {
		snprintf(spn, sizeof(spn), "%s@%s", name_of(t), FIXTURE_DOMAIN);
		hold(t, "spn", spn, strlen(spn));
	}
	idm_arena_reset(w->arena);
}

static struct thing *
thing_of(struct world *w, uint64_t id)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->things[i].id == id)
			return &w->things[i];
	}
	fail_msg("id %llu is no entry", (unsigned long long)id);
	return NULL;
}

static size_t
index_of(const struct world *w, const struct thing *t)
{
	return (size_t)(t - w->things);
}

static void
load_edges(struct world *w)
{
	size_t persons = index_of(w, thing_of(w, w->f->read.all_persons_id));
	size_t accounts = index_of(w, thing_of(w, w->f->read.all_accounts_id));
	struct idm_cursor cursor;
	struct idm_span key, row;

	assert_int_equal(
	    idm_cursor_open(&w->f->txn, IDM_DB_UP, IDM_SPAN_EMPTY, &cursor, &w->f->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &row, &w->f->err) == IDM_OK) {
		struct thing *t = thing_of(w, idm_store_load_u64(key.ptr));
		struct idm_ids groups;

		assert_int_equal(idm_packed_decode(row, &groups, w->arena, &w->f->err), IDM_OK);
		for (size_t i = 0; i < groups.count; i++)
			t->direct[index_of(w, thing_of(w, groups.ids[i]))] = true;
	}
	idm_cursor_close(&cursor);
	for (size_t i = 0; i < w->count; i++) {
		struct thing *t = &w->things[i];

		t->direct[persons] = t->direct[persons] || (t->live && t->person);
		t->direct[accounts] = t->direct[accounts] || (t->live && t->account);
		memcpy(t->above, t->direct, sizeof(t->above));
	}
	idm_arena_reset(w->arena);
}

static void
close_edges(struct world *w)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < w->count; i++) {
			for (size_t g = 0; g < w->count; g++) {
				for (size_t a = 0; w->things[i].above[g] && a < w->count; a++) {
					if (!w->things[g].above[a] || w->things[i].above[a])
						continue;
					w->things[i].above[a] = true;
					more = true;
				}
			}
		}
	}
}

static void
load_rights(struct world *w, int caller)
{
	for (size_t i = 0; i < w->count; i++) {
		struct thing *t = &w->things[i];
		struct idm_entry entry = fixture_entry(w->f, t->id);

		assert_int_equal(idm_access_search(&w->f->read, w->callers[caller], &entry,
				     &t->shown[caller], &w->f->err),
		    IDM_OK);
		t->visible[caller] = !idm_attrset_is_empty(&t->shown[caller]);
		for (size_t k = 0; k < KINDS; k++) {
			const struct idm_attr *attr =
			    idm_schema_attr(w->f->read.schema, idm_span_cstr(kinds[k].attr));

			t->readable[caller][k] =
			    attr != NULL && idm_attrset_has(&t->shown[caller], attr);
		}
	}
}

static void
load(struct world *w)
{
	struct idm_cursor cursor;
	struct idm_span key, flat;

	assert_int_equal(
	    idm_cursor_open(&w->f->txn, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, &w->f->err),
	    IDM_OK);
	while (idm_cursor_next(&cursor, &key, &flat, &w->f->err) == IDM_OK) {
		struct idm_entry entry;

		assert_int_equal(
		    idm_entry_view(flat, idm_store_load_u64(key.ptr), &entry, &w->f->err), IDM_OK);
		load_thing(w, &entry);
	}
	idm_cursor_close(&cursor);
	load_edges(w);
	close_edges(w);
}

static int
setup(void **state)
{
	static const struct {
		const char *name;
		enum idm_identity_kind kind;
	} who[CALLERS] = {
		{ NULL, IDM_IDENTITY_INTERNAL },
		{ "reader", IDM_IDENTITY_SESSION },
		{ "plain", IDM_IDENTITY_SESSION },
		{ "plain", IDM_IDENTITY_UNIX_PASSWORD },
		{ "anonymous", IDM_IDENTITY_ANONYMOUS },
	};
	struct world *w = calloc(1, sizeof(*w));
	void *fixture;

	assert_non_null(w);
	fixture_setup(&fixture);
	w->f = fixture;
	w->seed = 4511;
	w->arena = idm_arena_new(ARENA_BYTES);
	w->known = idm_groups_new(IDM_GROUPS_BYTES);
	w->things = calloc(THINGS_MAX + 1, sizeof(*w->things));
	assert_non_null(w->things);
	profiles_add(w->f);
	fixture_person(w->f, "reader");
	fixture_person(w->f, "plain");
	for (int i = 0; i < GROUPS; i++)
		add(w, i, true);
	for (int i = 0; i < PERSONS / 2; i++)
		add(w, i, false);
	/* The others stand in other windows of ids. */
	assert_int_equal(idm_store_put_number(&w->f->txn, IDM_DB_META, "next_id",
			     4 * IDM_WINDOW_IDS - PERSONS / 4, &w->f->err),
	    IDM_OK);
	for (int i = PERSONS / 2; i < PERSONS; i++)
		add(w, i, false);
	add_edges(w);
	fixture_commit_then_read(w->f);
	load(w);
	for (int i = 0; i < CALLERS; i++) {
		w->callers[i] = profiles_of(w->f, &w->table, who[i].name, who[i].kind);
		load_rights(w, i);
	}
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	void *fixture = w->f;

	idm_access_table_free(&w->table);
	idm_groups_free(&w->known);
	idm_arena_free(&w->arena);
	fixture_teardown(&fixture);
	free(w->things);
	free(w);
	return 0;
}

/* --- filters: a tree for the scan, and its text for the engine */

enum shape {
	SHAPE_AND,
	SHAPE_OR,
	SHAPE_NOT,
	SHAPE_PRESENT,
	SHAPE_EQUAL,
	SHAPE_APPROX,
	SHAPE_SUBSTRING,
	SHAPE_ABOVE,
	SHAPE_BELOW,
};

struct node {
	enum shape shape;
	struct node *children[CHILDREN_MAX];
	size_t child_count;
	const struct kind *kind;
	char value[TEXT_BYTES];
	char pieces[3][TEXT_BYTES]; /* initial, any, final; "" there is none */
	/* The same as the scan compares them, and whom a reference names; -1: nobody. */
	char compared[TEXT_BYTES];
	char compared_pieces[3][TEXT_BYTES];
	int named;
};

struct filter {
	struct node nodes[NODES_MAX];
	size_t count;
	char text[8192];
	size_t len;
};

static void emit(struct filter *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
emit(struct filter *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	f->len += (size_t)vsnprintf(f->text + f->len, sizeof(f->text) - f->len, format, args);
	va_end(args);
	assert_true(f->len < sizeof(f->text));
}

/* RFC 4515: what would be taken for syntax, escaped; and other octets, for they may be. */
static void
emit_value(struct world *w, struct filter *f, const char *value)
{
	for (; *value != '\0'; value++) {
		if (strchr("*()\\", *value) != NULL || roll(w, 20) == 0)
			emit(f, "\\%02x", (unsigned)(uint8_t)*value);
		else
			emit(f, "%c", *value);
	}
}

/* A part of a value that somebody has, or of no value. */
static void
cut_piece(struct world *w, const char *value, char out[TEXT_BYTES])
{
	static const char *const others[] = { "1@idm.e", "@idm", "2@", "mill", "ILL", "ss", "@",
		"idm.", "  ", "a", "\u00e9", "12", "u1", "example.com", "*", "zzz" };
	size_t len = strlen(value), from, most;

	out[0] = '\0';
	if (roll(w, 3) == 0 || len == 0) {
		snprintf(out, TEXT_BYTES, "%s", PICK(w, others));
		return;
	}
	from = roll(w, len);
	most = len - from < 6 ? len - from : 6;
	snprintf(out, TEXT_BYTES, "%.*s", (int)(1 + roll(w, most)), value + from);
	for (char *c = out; *c != '\0'; c++) {
		if ((uint8_t)*c >= 0x80) { /* half a letter is none */
			snprintf(out, TEXT_BYTES, "%s", PICK(w, others));
			return;
		}
	}
}

/* Somebody's value of this kind; else one that may be nobody's, or of another form. */
static void
choose_value(struct world *w, const struct kind *kind, char out[TEXT_BYTES])
{
	static const char *const odd[] = { "u1", "nobody", "70010", "-1", "x y", "Person",
		"2021-01-01T00:00:00Z", "not a time", "00000000-0000-0000-0000-000000000035",
		"idm_all_persons", "g3", "g4@idm.example.com", "G5", "recycled", "group",
		"laptop" };
	const struct thing *t = &w->things[roll(w, w->count)];
	size_t first = roll(w, t->value_count);

	snprintf(out, TEXT_BYTES, "%s", PICK(w, odd));
	if (roll(w, 6) == 0)
		return;
	if (kind->match == MATCH_REFERENCE) {
		if (name_of(t) != NULL)
			snprintf(out, TEXT_BYTES, "%s", roll(w, 4) == 0 ? t->uuid : name_of(t));
		if (roll(w, 2))
			snprintf(out, TEXT_BYTES, "g%u", roll(w, GROUPS));
		return;
	}
	for (int tries = 0; tries < 20; tries++, t = &w->things[roll(w, w->count)]) {
		for (size_t i = 0; i < t->value_count; i++) {
			const struct held *held = &t->values[(first + i) % t->value_count];

			if (held->kind != kind)
				continue;
			snprintf(out, TEXT_BYTES, "%s",
			    roll(w, 3) == 0 && kind->match != MATCH_EXACT ? held->folded
									  : held->text);
			return;
		}
	}
}

static void
make_term(struct world *w, struct filter *f, struct node *node)
{
	static const enum shape shapes[] = { SHAPE_EQUAL, SHAPE_EQUAL, SHAPE_EQUAL, SHAPE_APPROX,
		SHAPE_PRESENT, SHAPE_SUBSTRING, SHAPE_SUBSTRING, SHAPE_ABOVE, SHAPE_BELOW };
	static const char *const signs[] = { [SHAPE_EQUAL] = "=",
		[SHAPE_APPROX] = "~=",
		[SHAPE_ABOVE] = ">=",
		[SHAPE_BELOW] = "<=" };

	node->shape = shapes[roll(w, COUNT(shapes))];
	node->kind = &kinds[roll(w, KINDS)];
	if (roll(w, 4) == 0)
		node->kind = kind_of(roll(w, 2) ? "memberof" : "class");
	choose_value(w, node->kind, node->value);
	emit(f, "(%s", node->kind->attr);
	if (node->shape == SHAPE_PRESENT) {
		emit(f, "=*)");
		return;
	}
	if (node->shape != SHAPE_SUBSTRING) {
		emit(f, "%s", signs[node->shape]);
		emit_value(w, f, node->value);
		emit(f, ")");
		return;
	}
	for (uint32_t wanted = 1 + roll(w, 7), i = 0; i < 3; i++) {
		if ((wanted >> i & 1) != 0)
			cut_piece(w, node->value, node->pieces[i]);
	}
	emit(f, "=");
	emit_value(w, f, node->pieces[0]);
	emit(f, "*");
	emit_value(w, f, node->pieces[1]);
	emit(f, "%s", node->pieces[1][0] != '\0' ? "*" : "");
	emit_value(w, f, node->pieces[2]);
	emit(f, ")");
}

/* Who a reference names: a live entry by name, spn, gid number or uuid; -1: nobody. */
static int
named(const struct world *w, const char *value)
{
	char folded[TEXT_BYTES];

	fold(value, true, folded);
	for (size_t i = 0; i < w->count; i++) {
		const struct thing *t = &w->things[i];

		if (strcasecmp(t->uuid, value) == 0)
			return (int)i;
		if (t->live && (has(t, "spn", folded) || has(t, "gidnumber", value) ||
				   (has(t, "spn", NULL) && has(t, "name", folded))))
			return (int)i;
	}
	return -1;
}

static void
prepare_term(const struct world *w, struct node *node)
{
	bool exact = node->kind->match == MATCH_EXACT;

	node->named = node->kind->match == MATCH_REFERENCE ? named(w, node->value) : -1;
	memcpy(node->compared, node->value, TEXT_BYTES);
	memcpy(node->compared_pieces, node->pieces, sizeof(node->pieces));
	if (exact)
		return;
	fold(node->value, true, node->compared);
	for (int i = 0; i < 3; i++)
		fold(node->pieces[i], false, node->compared_pieces[i]);
}

static struct node *
make_node(struct world *w, struct filter *f, unsigned depth)
{
	struct node *node = &f->nodes[f->count++];
	uint32_t form = depth == 0 || f->count > NODES_MAX / 2 ? 0 : roll(w, 10);
	size_t children;

	*node = (struct node){ .shape = SHAPE_AND };
	if (form < 4) {
		make_term(w, f, node);
		prepare_term(w, node);
		return node;
	}
	node->shape = form < 6 ? SHAPE_AND : form < 8 ? SHAPE_OR : SHAPE_NOT;
	children = node->shape == SHAPE_NOT ? 1 : roll(w, 12) == 0 ? 0 : 1 + roll(w, 3);
	emit(f, "(%c", "&|!"[node->shape]);
	for (size_t i = 0; i < children && f->count < NODES_MAX; i++)
		node->children[node->child_count++] = make_node(w, f, depth - 1);
	emit(f, ")");
	return node;
}

/* --- the scan: RFC 4511 section 4.5.1.7 */

enum truth {
	NO,
	UNDEFINED,
	YES,
};

static enum truth
truth_of(bool holds)
{
	return holds ? YES : NO;
}

static bool
is_uuid(const char *value)
{
	size_t i = 0;

	for (; value[i] != '\0'; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? value[i] != '-' : strchr("0123456789abcdefABCDEF", value[i]) == NULL)
			return false;
	}
	return i == 36;
}

static bool
is_number(const char *value)
{
	size_t digits = strspn(value, "0123456789");

	return digits > 0 && value[digits] == '\0' && (digits == 1 || value[0] != '0') &&
	       strtoull(value, NULL, 10) <= UINT32_MAX;
}

static bool
is_time(const char *value)
{
	return strlen(value) == 20 && value[4] == '-' && strchr("Tt", value[10]) != NULL &&
	       strchr("Zz", value[19]) != NULL;
}

/* May the value be compared so at all?  If not, nothing is known. */
static bool
is_comparable(const struct node *node)
{
	bool order = node->shape == SHAPE_ABOVE || node->shape == SHAPE_BELOW;

	switch (node->kind->match) {
	case MATCH_NOCASE:
	case MATCH_EXACT: return true;
	case MATCH_UUID: return node->shape != SHAPE_SUBSTRING && is_uuid(node->value);
	case MATCH_NUMBER: return node->shape != SHAPE_SUBSTRING && is_number(node->value);
	case MATCH_TIME: return node->shape != SHAPE_SUBSTRING && is_time(node->value);
	case MATCH_TAG:
	case MATCH_REFERENCE: return node->shape != SHAPE_SUBSTRING && !order;
	case MATCH_PRESENCE:
	case MATCH_ELSEWHERE:
	case MATCH_UNKNOWN: break;
	}
	return false;
}

static const char *
compared(const struct held *held)
{
	return held->kind->match == MATCH_EXACT ? held->text : held->folded;
}

static int
compare(const struct held *held, const struct node *node)
{
	uint32_t a, b;

	if (node->kind->match != MATCH_NUMBER)
		return strcmp(compared(held), node->compared);
	a = (uint32_t)strtoul(held->text, NULL, 10);
	b = (uint32_t)strtoul(node->value, NULL, 10);
	return a < b ? -1 : a > b;
}

/* The pieces in order: the first at the beginning, the last at the end, the other in between. */
static bool
has_pieces(const struct held *held, const struct node *node)
{
	const char(*pieces)[TEXT_BYTES] = node->compared_pieces;
	const char *text = compared(held);
	size_t len, last = strlen(pieces[2]);

	if (strncmp(text, pieces[0], strlen(pieces[0])) != 0)
		return false;
	text = strstr(text + strlen(pieces[0]), pieces[1]);
	if (text == NULL)
		return false;
	text += strlen(pieces[1]);
	len = strlen(text);
	return len >= last && strcmp(text + len - last, pieces[2]) == 0;
}

static bool
matches(const struct held *held, const struct node *node)
{
	switch (node->shape) {
	case SHAPE_PRESENT: return true;
	case SHAPE_EQUAL:
	case SHAPE_APPROX: return compare(held, node) == 0;
	case SHAPE_ABOVE: return compare(held, node) >= 0;
	case SHAPE_BELOW: return compare(held, node) <= 0;
	case SHAPE_SUBSTRING: return has_pieces(held, node);
	case SHAPE_AND:
	case SHAPE_OR:
	case SHAPE_NOT: break;
	}
	return false;
}

static bool
any_of(const bool *set, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (set[i])
			return true;
	}
	return false;
}

static bool
has_members(const struct world *w, const struct thing *group)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->things[i].direct[index_of(w, group)])
			return true;
	}
	return false;
}

/* memberof, directmemberof, member, dynmember. */
static enum truth
test_membership(const struct world *w, const struct node *node, const struct thing *t)
{
	const char *attr = node->kind->attr;
	bool up = strcmp(attr, "memberof") == 0 || strcmp(attr, "directmemberof") == 0;
	const bool *groups = strcmp(attr, "memberof") == 0 ? t->above : t->direct;

	if (!up && (!t->group || !t->live || t->dynamic != (strcmp(attr, "dynmember") == 0)))
		return NO;
	if (node->shape == SHAPE_PRESENT)
		return truth_of(up ? any_of(groups, w->count) : has_members(w, t));
	if (node->named < 0)
		return NO;
	return truth_of(up ? groups[node->named] : w->things[node->named].direct[index_of(w, t)]);
}

static enum truth
test_reference(const struct world *w, const struct node *node, const struct held *held)
{
	return truth_of(node->named >= 0 && strcmp(w->things[node->named].uuid, held->text) == 0);
}

static enum truth
test_term(const struct world *w, int caller, const struct node *node, const struct thing *t)
{
	size_t kind = (size_t)(node->kind - kinds);

	if (node->kind->match == MATCH_UNKNOWN || node->kind->match == MATCH_ELSEWHERE ||
	    !t->readable[caller][kind])
		return UNDEFINED;
	if (node->shape != SHAPE_PRESENT && !is_comparable(node))
		return UNDEFINED;
	if (strstr(node->kind->attr, "member") != NULL)
		return test_membership(w, node, t);
	for (size_t i = 0; i < t->value_count; i++) {
		const struct held *held = &t->values[i];

		if (held->kind != node->kind)
			continue;
		if (node->kind->match == MATCH_REFERENCE && node->shape != SHAPE_PRESENT) {
			if (test_reference(w, node, held) == YES)
				return YES;
		} else if (matches(held, node)) {
			return YES;
		}
	}
	return NO;
}

/* AND: NO if any is, else UNDEFINED if any is; OR: YES if any is, else UNDEFINED if any is. */
static enum truth
test(const struct world *w, int caller, const struct node *node, const struct thing *t)
{
	size_t of[3] = { 0, 0, 0 };

	if (node->shape != SHAPE_AND && node->shape != SHAPE_OR && node->shape != SHAPE_NOT)
		return test_term(w, caller, node, t);
	for (size_t i = 0; i < node->child_count; i++)
		of[test(w, caller, node->children[i], t)]++;
	switch (node->shape) {
	case SHAPE_AND: return of[NO] != 0 ? NO : of[UNDEFINED] != 0 ? UNDEFINED : YES;
	case SHAPE_OR: return of[YES] != 0 ? YES : of[UNDEFINED] != 0 ? UNDEFINED : NO;
	default: return of[UNDEFINED] != 0 ? UNDEFINED : truth_of(of[NO] != 0);
	}
}

/* Deleted entries are there for who asks for them by class, and not by the absence of it. */
static bool
asks_for_deleted(const struct node *node)
{
	if (node->shape == SHAPE_NOT)
		return false;
	if (node->shape == SHAPE_EQUAL || node->shape == SHAPE_APPROX)
		return strcmp(node->kind->attr, "class") == 0 &&
		       strcmp(node->compared, "recycled") == 0;
	for (size_t i = 0; i < node->child_count; i++) {
		if (asks_for_deleted(node->children[i]))
			return true;
	}
	return false;
}

struct found {
	uint64_t ids[THINGS_MAX];
	struct idm_attrset shown[THINGS_MAX];
	size_t count;
};

static void
scan(const struct world *w, int caller, const struct node *root, struct found *out)
{
	bool deleted = asks_for_deleted(root);

	out->count = 0;
	for (size_t i = 0; i < w->count; i++) {
		const struct thing *t = &w->things[i];

		if (!t->visible[caller] || (!t->live && !deleted) ||
		    test(w, caller, root, t) != YES)
			continue;
		out->ids[out->count] = t->id;
		out->shown[out->count++] = t->shown[caller];
	}
}

/* --- the engine */

static bool
take(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct found *found = context;

	(void)read;
	assert_true(found->count < THINGS_MAX);
	found->ids[found->count] = entry->id;
	found->shown[found->count++] = *readable;
	return true;
}

static void
search(
    struct world *w, int caller, const char *text, uint32_t budget, bool known, struct found *out)
{
	struct idm_read read = w->f->read;
	struct idm_filter filter;
	struct idm_search s = { .filter = &filter, .access = w->callers[caller] };
	struct idm_error *err = &w->f->err;

	idm_arena_reset(w->arena);
	read.arena = w->arena;
	out->count = 0;
	if (known)
		assert_int_equal(idm_groups_use(w->known, &read, err), IDM_OK);
	if (idm_filter_parse(&read, idm_span_cstr(text), false, &filter, err) != IDM_OK)
		fail_msg("%s: %s", text, err->text);
	while (!s.done) {
		struct idm_arena_mark mark = idm_arena_mark(w->arena);

		if (idm_search_slice(&s, &read, budget, take, out, err) != IDM_OK)
			fail_msg("%s: %s", text, err->text);
		idm_arena_rewind(w->arena, mark);
	}
}

static void
assert_found(const struct found *want, const struct found *have, int caller, const char *text)
{
	size_t i = 0;

	while (i < want->count && i < have->count && want->ids[i] == have->ids[i])
		i++;
	if (i < want->count && (i == have->count || want->ids[i] < have->ids[i]))
		fail_msg("caller %d, %s: entry %llu is not found", caller, text,
		    (unsigned long long)want->ids[i]);
	if (i < have->count)
		fail_msg("caller %d, %s: entry %llu is found", caller, text,
		    (unsigned long long)have->ids[i]);
	assert_memory_equal(want->shown, have->shown, want->count * sizeof(want->shown[0]));
}

static void
any_filter_finds_what_a_full_scan_finds(void **state)
{
	static struct found want, have;
	static struct filter f;
	struct world *w = *state;
	unsigned rounds = getenv("KANIDM_TEST_LONG") != NULL ? FILTERS_LONG : FILTERS;
	size_t hits = 0, partial = 0;

	for (unsigned round = 0; round < rounds; round++) {
		int caller = (int)(round % CALLERS);
		uint32_t budget = roll(w, 4) == 0 ? 1 + roll(w, 40) : 100000;
		const struct node *root;

		f.count = f.len = 0;
		root = make_node(w, &f, 1 + roll(w, DEPTH_MAX));
		scan(w, caller, root, &want);
		search(w, caller, f.text, budget, round % 2 == 0, &have);
		assert_found(&want, &have, caller, f.text);
		hits += want.count != 0;
		partial += want.count != 0 && want.count < w->count / 2;
	}
	/* The filters are about what is there, and tell one from another. */
	assert_true(hits > rounds / 4);
	assert_true(partial > rounds / 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_filter_finds_what_a_full_scan_finds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
