/*
 * memberof, directmemberof, member, dynmember and the filters over them, after random changes of
 * edges, entries, filters of dynamic groups, with cycles, deletions and revivals: as the writer
 * answers them within a transaction, as it answers them from the committed state, and as another
 * process does, the latter two from what they keep of groups; each against a computation that is
 * too simple to be wrong.
 *
 * KANIDM_TEST_LONG=1: 10,000 sequences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/groups.h"
#include "core/search.h"
#include "tests/support/fixture.h"
#include "tests/support/realm.h"

enum {
	GROUPS = 9,
	DYNAMIC = 2, /* behind them */
	ALL_GROUPS = GROUPS + DYNAMIC,
	PERSONS = 4,                      /* behind these */
	NODES = ALL_GROUPS + PERSONS + 2, /* and service accounts */
	SEQUENCES = 400,
	SEQUENCES_LONG = 10000,
	EDITS = 12,              /* of one sequence at most */
	SMALL_BYTES = 48 * 1024, /* of what the other process keeps: it is used up now and then */
	ARENA_BYTES = 4 * 1024 * 1024,
};

/* --- what there is to ask, and answers: sets of nodes as bits */

struct question {
	struct idm_uuid uuids[NODES];
	uint32_t budget; /* of a slice of a search */
};

struct answers {
	uint32_t memberof[NODES]; /* values */
	uint32_t direct[NODES];
	uint32_t members[NODES];
	uint32_t dynmembers[NODES];
	uint32_t is_memberof[NODES]; /* who is found by a filter */
	uint32_t is_not_memberof[NODES];
	uint32_t is_direct[NODES];
	uint32_t lists[NODES];
	uint32_t lists_dynamic[NODES];
	uint32_t has_memberof;
	uint32_t has_member;
};

/* --- the model */

enum filter {
	FILTER_POSIX_ACCOUNTS,
	FILTER_POSIX_GROUPS,
	FILTER_PLAIN_PERSONS,
	FILTER_MIXED,
	FILTER_DYNAMIC,
	FILTERS,
};

static const char *const filter_texts[FILTERS] = {
	"(class=posixaccount)",
	"(class=posixgroup)",
	"(&(class=person)(!(class=posixaccount)))",
	"(|(&(class=group)(gidnumber=*))(class=service_account))",
	"(class=dyngroup)",
};

struct model {
	bool live[NODES];
	bool posix[NODES];
	bool edge[GROUPS][NODES];
	bool waits[GROUPS][NODES]; /* cut by a deletion: it comes back when both are there again */
	enum filter filter[DYNAMIC];
};

static bool
is_group(int node)
{
	return node < ALL_GROUPS;
}

static bool
matches(const struct model *m, enum filter filter, int node)
{
	switch (filter) {
	case FILTER_POSIX_ACCOUNTS: return !is_group(node) && m->posix[node];
	case FILTER_POSIX_GROUPS: return is_group(node) && m->posix[node];
	case FILTER_PLAIN_PERSONS:
		return node >= ALL_GROUPS && node < ALL_GROUPS + PERSONS && !m->posix[node];
	case FILTER_MIXED: return is_group(node) ? m->posix[node] : node >= ALL_GROUPS + PERSONS;
	case FILTER_DYNAMIC: return node >= GROUPS && node < ALL_GROUPS;
	case FILTERS: break;
	}
	return false;
}

static bool
lists(const struct model *m, int group, int node)
{
	if (!m->live[group] || !m->live[node])
		return false;
	return group < GROUPS ? m->edge[group][node] : matches(m, m->filter[group - GROUPS], node);
}

/* idm_all_persons and idm_all_accounts are dynamic groups too: who holds these holds everybody. */
static bool
holds_everybody(const struct model *m, int group)
{
	return group >= GROUPS && m->live[group] && m->filter[group - GROUPS] == FILTER_DYNAMIC;
}

/* above[g]: the nodes that are in g over one edge or more. */
static void
close_up(const struct model *m, bool above[ALL_GROUPS][NODES])
{
	for (int g = 0; g < ALL_GROUPS; g++) {
		for (int n = 0; n < NODES; n++)
			above[g][n] =
			    lists(m, g, n) || (holds_everybody(m, g) && m->live[n] && !is_group(n));
	}
	for (int via = 0; via < ALL_GROUPS; via++) {
		for (int g = 0; g < ALL_GROUPS; g++) {
			for (int n = 0; n < NODES; n++) {
				if (above[g][via] && above[via][n])
					above[g][n] = true;
			}
		}
	}
}

static void
expect_group(const struct model *m, bool above[ALL_GROUPS][NODES], int g, struct answers *out)
{
	for (int n = 0; n < NODES; n++) {
		bool listed = lists(m, g, n);
		uint32_t group = UINT32_C(1) << g, node = UINT32_C(1) << n;

		if (above[g][n]) {
			out->memberof[n] |= group;
			out->is_memberof[g] |= node;
			out->has_memberof |= node;
		} else if (m->live[n]) {
			out->is_not_memberof[g] |= node;
		}
		if (!listed)
			continue;
		out->direct[n] |= group;
		out->is_direct[g] |= node;
		*(g < GROUPS ? &out->members[g] : &out->dynmembers[g]) |= node;
		*(g < GROUPS ? &out->lists[n] : &out->lists_dynamic[n]) |= group;
		if (g < GROUPS)
			out->has_member |= group;
	}
}

static void
expect(const struct model *m, struct answers *out)
{
	bool above[ALL_GROUPS][NODES];

	memset(out, 0, sizeof(*out));
	close_up(m, above);
	for (int g = 0; g < ALL_GROUPS; g++)
		expect_group(m, above, g, out);
	for (int n = ALL_GROUPS; n < NODES; n++) { /* no groups: everybody is not in them */
		for (int k = 0; k < NODES; k++)
			out->is_not_memberof[n] |= m->live[k] ? UINT32_C(1) << k : 0;
		out->has_memberof |= m->live[n] ? UINT32_C(1) << n : 0; /* idm_all_accounts */
	}
}

/* --- answers from a snapshot; in both processes */

struct asking {
	const struct idm_read *read;
	const struct question *question;
	const struct idm_access *access;
	struct idm_error err;
};

static void
die(const struct asking *a, const char *what, enum idm_result result)
{
	fprintf(stderr, "%s: %s: %s\n", what, idm_result_name(result), a->err.text);
	abort();
}

static uint32_t
bit_of(const struct question *question, const struct idm_uuid *uuid)
{
	for (int n = 0; n < NODES; n++) {
		if (idm_uuid_equal(&question->uuids[n], uuid))
			return UINT32_C(1) << n;
	}
	return 0; /* none of ours: built in */
}

struct taking {
	const struct question *question;
	uint32_t bits;
};

static bool
take_value(void *context, struct idm_span stored)
{
	struct taking *t = context;
	struct idm_uuid uuid;

	if (idm_uuid_load(stored, &uuid))
		t->bits |= bit_of(t->question, &uuid);
	return true;
}

static uint32_t
values(struct asking *a, const struct idm_entry *entry, uint32_t attr_number)
{
	struct idm_arena_mark mark = idm_arena_mark(a->read->arena);
	struct taking t = { a->question, 0 };
	const struct idm_attr *attr = idm_schema_attr_number(a->read->schema, attr_number);
	enum idm_result result = idm_search_values(a->read, entry, attr, take_value, &t, &a->err);

	if (result != IDM_OK)
		die(a, attr->name, result);
	idm_arena_rewind(a->read->arena, mark);
	return t.bits;
}

static bool
take_entry(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct taking *t = context;

	(void)read;
	(void)readable;
	t->bits |= bit_of(t->question, &entry->uuid);
	return true;
}

static uint32_t
found(struct asking *a, const char *text)
{
	struct idm_arena_mark mark = idm_arena_mark(a->read->arena);
	struct taking t = { a->question, 0 };
	struct idm_filter filter;
	struct idm_search search = { .filter = &filter, .access = a->access };
	enum idm_result result =
	    idm_filter_parse(a->read, idm_span_cstr(text), true, &filter, &a->err);

	while (result == IDM_OK && !search.done)
		result = idm_search_slice(
		    &search, a->read, a->question->budget, take_entry, &t, &a->err);
	if (result != IDM_OK)
		die(a, text, result);
	idm_arena_rewind(a->read->arena, mark);
	return t.bits;
}

/* The same, with the node's uuid in the middle. */
static uint32_t
found_by(struct asking *a, const char *before, int node, const char *behind)
{
	char uuid[IDM_UUID_TEXT], text[200];

	idm_uuid_format(&a->question->uuids[node], uuid);
	snprintf(text, sizeof(text), "%s%s%s", before, uuid, behind);
	return found(a, text);
}

static void
answer_node(struct asking *a, int n, struct answers *out)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_uuid(a->read, &a->question->uuids[n], &entry, &a->err);

	if (result != IDM_OK)
		die(a, "a node", result);
	out->memberof[n] = values(a, &entry, IDM_ATTR_MEMBEROF);
	out->direct[n] = values(a, &entry, IDM_ATTR_DIRECTMEMBEROF);
	out->members[n] = values(a, &entry, IDM_ATTR_MEMBER);
	out->dynmembers[n] = values(a, &entry, IDM_ATTR_DYNMEMBER);
	out->is_memberof[n] = found_by(a, "(memberof=", n, ")");
	out->is_not_memberof[n] =
	    found_by(a, "(&(|(class=account)(class=group))(!(memberof=", n, ")))");
	out->is_direct[n] = found_by(a, "(directmemberof=", n, ")");
	out->lists[n] = found_by(a, "(member=", n, ")");
	out->lists_dynamic[n] = found_by(a, "(dynmember=", n, ")");
}

/* `table` is the process's; `known` may be NULL. */
static void
answer(struct idm_txn *txn, struct idm_arena *arena, struct idm_groups *known,
    struct idm_access_table **table, const struct question *question, struct answers *out)
{
	struct idm_identity console = { .kind = IDM_IDENTITY_INTERNAL, .expire_s = INT64_MAX };
	struct idm_read read;
	struct idm_access *access = NULL;
	struct asking a = { &read, question, NULL, { .text = "" } };
	enum idm_result result =
	    idm_read_attach(txn, arena, (struct idm_now){ REALM_NOW_S, true }, &read, &a.err);

	if (result == IDM_OK && known != NULL)
		result = idm_groups_use(known, &read, &a.err);
	if (result == IDM_OK)
		result = idm_access_table_refresh(&read, table, &a.err);
	if (result == IDM_OK)
		result = idm_access_resolve(&read, *table, &console, arena, &access, &a.err);
	if (result != IDM_OK)
		die(&a, "begin", result);
	a.access = access;
	for (int n = 0; n < NODES; n++)
		answer_node(&a, n, out);
	out->has_memberof = found(&a, "(memberof=*)");
	out->has_member = found(&a, "(member=*)");
	idm_arena_reset(arena);
}

/* --- the other process: it opens the store to read, and keeps what it finds out */

struct reader {
	pid_t pid;
	int to;
	int from;
};

static bool
read_all(int fd, void *out, size_t len)
{
	for (uint8_t *at = out; len > 0;) {
		ssize_t n = read(fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static void
serve(int in, int out)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_groups *known = idm_groups_new(SMALL_BYTES);
	struct idm_access_table *table = NULL;
	struct idm_store *store = NULL;
	struct idm_error err = { .text = "" };
	struct question question;
	struct answers answers;
	char dir[64];

	if (!read_all(in, dir, sizeof(dir)) || idm_store_open_reader(dir, &store, &err) != IDM_OK) {
		fprintf(stderr, "reader: %s\n", err.text);
		return;
	}
	while (read_all(in, &question, sizeof(question))) {
		struct idm_txn txn;

		if (idm_store_read_begin(store, &txn, &err) != IDM_OK)
			abort();
		answer(&txn, arena, known, &table, &question, &answers);
		idm_store_read_end(&txn);
		if (write(out, &answers, sizeof(answers)) != sizeof(answers))
			return;
	}
}

/* Before this process opens the store: LMDB's environments are not for use after a fork. */
static void
start_reader(struct reader *reader)
{
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	reader->pid = fork();
	assert_true(reader->pid >= 0);
	if (reader->pid == 0) {
		close(to[1]);
		close(from[0]);
		serve(to[0], from[1]);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	reader->to = to[1];
	reader->from = from[0];
}

static void
stop_reader(struct reader *reader)
{
	int status;

	close(reader->to);
	close(reader->from);
	assert_int_equal(waitpid(reader->pid, &status, 0), reader->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- changes */

struct world {
	struct realm *realm;
	struct reader reader;
	struct model model;
	struct question question;
	struct idm_groups *known;
	struct idm_access_table *table; /* of reads: the realm's own is of its changes */
	struct idm_access_table *inner; /* of reads within a transaction */
	struct idm_arena *arena;
	uint64_t seed;
};

static uint32_t
roll(struct world *w, uint32_t sides)
{
	return fixture_random_below(&w->seed, sides);
}

struct change {
	struct idm_request_mod mods[2];
	struct idm_span values[NODES];
	char texts[NODES][IDM_UUID_TEXT];
	struct idm_request request;
};

static void
run(struct world *w, struct change *c, enum idm_operation operation, int node)
{
	struct idm_identity console = {
		.kind = IDM_IDENTITY_INTERNAL, .scope = IDM_SCOPE_READ_WRITE, .expire_s = INT64_MAX
	};
	enum idm_result result;

	c->request.operation = operation;
	c->request.target = w->question.uuids[node];
	c->request.mods = c->mods;
	result = realm_run(w->realm, &console, &c->request);
	if (result != IDM_OK)
		fail_msg("a change of node %d: %s", node, w->realm->err.text);
}

static void
add_mod(struct change *c, enum idm_request_kind kind, uint32_t attr_number,
    const struct idm_span *list, size_t count)
{
	c->mods[c->request.mod_count++] = (struct idm_request_mod){ kind,
		idm_schema_attr_number(idm_schema_builtin(), attr_number), list, count };
}

/* Write members of a group: those for which `wanted` has a bit. */
static void
write_members(struct world *w, int group, enum idm_request_kind kind, uint32_t wanted)
{
	struct change c = { .request = { .mod_count = 0 } };
	size_t count = 0;

	for (int n = 0; n < NODES; n++) {
		if ((wanted >> n & 1) == 0)
			continue;
		idm_uuid_format(&w->question.uuids[n], c.texts[count]);
		c.values[count] = idm_span_cstr(c.texts[count]);
		count++;
	}
	add_mod(&c, kind, IDM_ATTR_MEMBER, c.values, count);
	run(w, &c, IDM_OP_MODIFY, group);
	for (int n = 0; n < NODES; n++) {
		if (kind == IDM_REQUEST_REPLACE || (wanted >> n & 1) != 0)
			w->model.edge[group][n] =
			    (wanted >> n & 1) != 0 && kind != IDM_REQUEST_DELETE;
	}
}

static uint32_t
some_live(struct world *w)
{
	uint32_t out = 0;

	for (int n = 0; n < NODES; n++) {
		if (w->model.live[n] && roll(w, 4) == 0)
			out |= UINT32_C(1) << n;
	}
	return out;
}

static void
change_members(struct world *w, int group)
{
	int node = (int)roll(w, NODES);
	uint32_t bit = UINT32_C(1) << node;

	if (!w->model.live[group])
		return;
	switch (roll(w, 8)) {
	case 0: write_members(w, group, IDM_REQUEST_REPLACE, some_live(w)); return;
	case 1: write_members(w, group, IDM_REQUEST_ADD, some_live(w)); return;
	case 2: write_members(w, group, IDM_REQUEST_REPLACE, 0); return;
	default: break;
	}
	if (w->model.edge[group][node])
		write_members(w, group, IDM_REQUEST_DELETE, bit);
	else if (w->model.live[node])
		write_members(w, group, IDM_REQUEST_ADD, bit);
}

static void
change_posix(struct world *w, int node)
{
	struct change c = { .request = { .mod_count = 0 } };
	struct idm_span class_name =
	    is_group(node) ? IDM_SPAN_LIT("posixgroup") : IDM_SPAN_LIT("posixaccount");
	struct idm_span gid;
	char text[16];

	if (!w->model.live[node])
		return;
	snprintf(text, sizeof(text), "%d", 70000 + node);
	gid = idm_span_cstr(text);
	w->model.posix[node] = !w->model.posix[node];
	add_mod(&c, w->model.posix[node] ? IDM_REQUEST_ADD : IDM_REQUEST_DELETE, IDM_ATTR_CLASS,
	    &class_name, 1);
	add_mod(&c, w->model.posix[node] ? IDM_REQUEST_ADD : IDM_REQUEST_DELETE, IDM_ATTR_GIDNUMBER,
	    &gid, 1);
	run(w, &c, IDM_OP_MODIFY, node);
}

static void
change_filter(struct world *w, int dynamic)
{
	struct change c = { .request = { .mod_count = 0 } };
	enum filter filter = (enum filter)roll(w, FILTERS);
	struct idm_span text = idm_span_cstr(filter_texts[filter]);

	if (!w->model.live[GROUPS + dynamic])
		return;
	add_mod(&c, IDM_REQUEST_REPLACE, IDM_ATTR_DYNGROUP_FILTER, &text, 1);
	run(w, &c, IDM_OP_MODIFY, GROUPS + dynamic);
	w->model.filter[dynamic] = filter;
}

/* An edge that a deletion cuts comes back, unless a group listed itself. */
static void
delete_node(struct world *w, int node)
{
	struct change c = { .request = { .mod_count = 0 } };
	struct model *m = &w->model;

	run(w, &c, IDM_OP_DELETE, node);
	m->live[node] = false;
	for (int g = 0; g < GROUPS; g++) {
		for (int n = 0; n < NODES; n++) {
			if ((g != node && n != node) || !m->edge[g][n])
				continue;
			m->edge[g][n] = false;
			m->waits[g][n] = g != n;
		}
	}
}

static void
revive_node(struct world *w, int node)
{
	struct change c = { .request = { .mod_count = 0 } };
	struct model *m = &w->model;

	run(w, &c, IDM_OP_REVIVE, node);
	m->live[node] = true;
	for (int g = 0; g < GROUPS; g++) {
		for (int n = 0; n < NODES; n++) {
			if (!m->waits[g][n] || !m->live[g] || !m->live[n])
				continue;
			m->edge[g][n] = true;
			m->waits[g][n] = false;
		}
	}
}

static void
change_something(struct world *w)
{
	int node = (int)roll(w, NODES);

	switch (roll(w, 12)) {
	case 0: change_posix(w, node); return;
	case 1: change_filter(w, (int)roll(w, DYNAMIC)); return;
	case 2:
		if (w->model.live[node])
			delete_node(w, node);
		return;
	case 3:
	case 4:
		if (!w->model.live[node])
			revive_node(w, node);
		return;
	default: change_members(w, (int)roll(w, GROUPS)); return;
	}
}

/* --- the comparison */

static const char *
first_difference(const struct answers *expected, const struct answers *got)
{
	static char text[160];
	static const char *const names[] = { "memberof", "directmemberof", "member", "dynmember",
		"(memberof=)", "(!(memberof=))", "(directmemberof=)", "(member=)", "(dynmember=)" };
	const uint32_t *want = expected->memberof, *have = got->memberof;

	for (size_t i = 0; i < sizeof(*expected) / sizeof(uint32_t); i++) {
		if (want[i] == have[i])
			continue;
		snprintf(text, sizeof(text), "%s of node %zu is %05x instead of %05x",
		    i / NODES < 9 ? names[i / NODES] : "presence", i % NODES, have[i], want[i]);
		return text;
	}
	return NULL;
}

static void
assert_answers(
    const struct answers *expected, const struct answers *got, const char *who, unsigned sequence)
{
	const char *difference = first_difference(expected, got);

	if (difference != NULL)
		fail_msg("sequence %u, %s: %s", sequence, who, difference);
}

static void
ask_within(struct world *w, struct answers *out)
{
	idm_access_table_free(&w->inner);
	answer(&w->realm->group, w->arena, NULL, &w->inner, &w->question, out);
}

static void
ask_writer(struct world *w, struct answers *out)
{
	struct idm_txn txn;

	assert_int_equal(idm_store_read_begin(w->realm->store, &txn, &w->realm->err), IDM_OK);
	answer(&txn, w->arena, w->known, &w->table, &w->question, out);
	idm_store_read_end(&txn);
}

static void
ask_reader(struct world *w, struct answers *out)
{
	assert_int_equal(
	    write(w->reader.to, &w->question, sizeof(w->question)), sizeof(w->question));
	assert_true(read_all(w->reader.from, out, sizeof(*out)));
}

/* A sequence of changes in one transaction, which may come to nothing. */
static void
run_sequence(struct world *w, unsigned sequence)
{
	struct model before = w->model;
	struct answers expected, got;

	w->question.budget = sequence % 2 == 0 ? 1000 : 3;
	realm_group_begin(w->realm);
	for (uint32_t left = 1 + roll(w, EDITS); left > 0; left--)
		change_something(w);
	expect(&w->model, &expected);
	if (sequence % 4 == 0) {
		ask_within(w, &got);
		assert_answers(&expected, &got, "within the transaction", sequence);
	}
	if (roll(w, 8) == 0) {
		realm_group_abort(w->realm);
		w->model = before;
		expect(&w->model, &expected);
	} else {
		realm_group_commit(w->realm);
	}
	ask_writer(w, &got);
	assert_answers(&expected, &got, "the writer", sequence);
	ask_reader(w, &got);
	assert_answers(&expected, &got, "the reader", sequence);
}

static void
make_node(struct world *w, int n)
{
	struct realm *r = w->realm;
	char name[8];
	enum idm_result result;

	snprintf(name, sizeof(name), "n%d", n);
	if (n < GROUPS)
		result = realm_create(r, NULL, "class", "group", "name", name, NULL);
	else if (n < ALL_GROUPS)
		result = realm_create(r, NULL, "class", "group", "class", "dyngroup", "name", name,
		    "dyngroup_filter", filter_texts[0], NULL);
	else
		result = realm_create(r, NULL, "class", "account", "class",
		    n < ALL_GROUPS + PERSONS ? "person" : "service_account", "name", name,
		    "displayname", name, NULL);
	assert_int_equal(result, IDM_OK);
	w->question.uuids[n] = realm_uuid(r, name);
	w->model.live[n] = true;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *realm;
	char dir[64] = "";

	assert_non_null(w);
	start_reader(&w->reader);
	realm_setup(&realm);
	w->realm = realm;
	w->seed = 20251124;
	w->arena = idm_arena_new(ARENA_BYTES);
	w->known = idm_groups_new(IDM_GROUPS_BYTES);
	for (int n = 0; n < NODES; n++)
		make_node(w, n);
	snprintf(dir, sizeof(dir), "%s", w->realm->dir);
	assert_int_equal(write(w->reader.to, dir, sizeof(dir)), sizeof(dir));
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	void *realm = w->realm;

	stop_reader(&w->reader);
	idm_access_table_free(&w->table);
	idm_access_table_free(&w->inner);
	idm_groups_free(&w->known);
	idm_arena_free(&w->arena);
	realm_teardown(&realm);
	free(w);
	return 0;
}

static void
every_process_answers_as_a_naive_computation_does(void **state)
{
	struct world *w = *state;
	unsigned count = getenv("KANIDM_TEST_LONG") != NULL ? SEQUENCES_LONG : SEQUENCES;

	for (unsigned sequence = 0; sequence < count; sequence++)
		run_sequence(w, sequence);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_process_answers_as_a_naive_computation_does),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
