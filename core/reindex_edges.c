/*
 * The direct memberships of a reindex.  They stand twice, in the groups' lists and in the members';
 * where the two differ, the digest tells which is right.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/change_digest.h"
#include "core/closure.h"
#include "core/dyngroup.h"
#include "core/reindex_impl.h"

enum { DOWN_KEY_BYTES = 8 + 1 + 8, FIRST_EDGES = 1024 };

struct edge {
	uint64_t group_id;
	uint64_t member_id;
};

/* Sorted by group, then member; each once. */
struct edges {
	struct edge *list;
	size_t count;
	size_t room;
};

struct choice {
	struct edges down;
	struct edges up;
	struct edges either;
	struct edges both;
	uint8_t entries[IDM_DIGEST_BYTES];
	uint8_t wanted[IDM_DIGEST_BYTES];
};

static enum idm_result
add_edge(struct reindex *r, struct edges *edges, uint64_t group_id, uint64_t member_id)
{
	if (edges->count == edges->room) {
		size_t room = edges->room == 0 ? FIRST_EDGES : 2 * edges->room;
		struct edge *list = realloc(edges->list, room * sizeof(*list));

		if (list == NULL)
			return idm_fail(r->err, IDM_SYSTEM, "no memory for %zu memberships", room);
		edges->list = list;
		edges->room = room;
	}
	edges->list[edges->count++] = (struct edge){ group_id, member_id };
	return IDM_OK;
}

static int
compare(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->group_id != y->group_id)
		return x->group_id < y->group_id ? -1 : 1;
	return x->member_id < y->member_id ? -1 : x->member_id > y->member_id;
}

static void
sort_edges(struct edges *edges)
{
	size_t kept = 0;

	if (edges->count > 1)
		qsort(edges->list, edges->count, sizeof(*edges->list), compare);
	for (size_t i = 0; i < edges->count; i++) {
		if (kept == 0 || compare(&edges->list[kept - 1], &edges->list[i]) != 0)
			edges->list[kept++] = edges->list[i];
	}
	edges->count = kept;
}

/* --- reading them */

static enum idm_result
read_container(
    struct reindex *r, struct edges *edges, struct idm_span key, const struct idm_window *window)
{
	uint64_t group_id = idm_store_load_u64(key.ptr), no = idm_store_load_u64(key.ptr + 9);
	enum idm_result result = IDM_OK;

	for (uint64_t id = idm_window_next(window, no, no << IDM_WINDOW_BITS);
	     id != UINT64_MAX && result == IDM_OK; id = idm_window_next(window, no, id + 1))
		result = add_edge(r, edges, group_id, id);
	return result;
}

/* A row that does not decode says nothing: then the other direction has to. */
static enum idm_result
read_row(struct reindex *r, enum idm_db db, struct edges *edges, struct idm_span key,
    struct idm_span row)
{
	struct idm_window window = { { 0 } };
	struct idm_ids above;
	enum idm_result result = IDM_OK;

	if (db == IDM_DB_DOWN) {
		if (key.len == DOWN_KEY_BYTES && idm_container_decode(row, &window, NULL) == IDM_OK)
			result = read_container(r, edges, key, &window);
		return result;
	}
	if (key.len != 8 || idm_packed_decode(row, &above, r->old.arena, NULL) != IDM_OK)
		return IDM_OK;
	for (size_t i = 0; i < above.count && result == IDM_OK; i++)
		result = add_edge(r, edges, above.ids[i], idm_store_load_u64(key.ptr));
	return result;
}

static enum idm_result
read_edges(struct reindex *r, enum idm_db db, struct edges *edges)
{
	struct idm_cursor cursor;
	struct idm_span key, row;
	enum idm_result result = idm_cursor_open(&r->from, db, IDM_SPAN_EMPTY, &cursor, r->err);

	while (result == IDM_OK) {
		struct idm_arena_mark mark = idm_arena_mark(r->old.arena);

		result = idm_cursor_next(&cursor, &key, &row, r->err);
		if (result == IDM_OK)
			result = read_row(r, db, edges, key, row);
		else if (result == IDM_CORRUPT && key.len != 0)
			result = IDM_OK;
		idm_arena_rewind(r->old.arena, mark);
	}
	idm_cursor_close(&cursor);
	sort_edges(edges);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* Members of dynamic groups are derived; and nothing else lists anybody than a live group. */
static bool
is_listing(const struct reindex *r, uint64_t group_id, struct idm_entry *group)
{
	return idm_lookup_id(&r->old, group_id, group, NULL) == IDM_OK &&
	       idm_entry_is_live(group) && idm_entry_has_class(group, "group") &&
	       !idm_dyngroup_is(group) && !idm_closure_is_by_class(&r->old, group_id);
}

static void
drop_impossible(const struct reindex *r, struct edges *edges)
{
	struct idm_entry group, member;
	uint64_t last_id = 0;
	bool listing = false;
	size_t kept = 0;

	for (size_t i = 0; i < edges->count; i++) {
		const struct edge *edge = &edges->list[i];

		if (edge->group_id != last_id)
			listing = is_listing(r, edge->group_id, &group);
		last_id = edge->group_id;
		if (listing && idm_lookup_id(&r->old, edge->member_id, &member, NULL) == IDM_OK &&
		    idm_entry_is_live(&member))
			edges->list[kept++] = *edge;
	}
	edges->count = kept;
}

/* --- choosing */

static enum idm_result
combine(struct reindex *r, struct choice *c)
{
	const struct edges *a = &c->down, *b = &c->up;
	enum idm_result result = IDM_OK;

	for (size_t i = 0, j = 0; result == IDM_OK && (i < a->count || j < b->count);) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : compare(&a->list[i], &b->list[j]);
		const struct edge *edge = order <= 0 ? &a->list[i] : &b->list[j];

		result = add_edge(r, &c->either, edge->group_id, edge->member_id);
		if (result == IDM_OK && order == 0)
			result = add_edge(r, &c->both, edge->group_id, edge->member_id);
		i += order <= 0;
		j += order >= 0;
	}
	return result;
}

static enum idm_result
digest_of(struct reindex *r, const struct choice *c, const struct edges *edges,
    uint8_t out[IDM_DIGEST_BYTES])
{
	struct idm_entry group, member;
	struct idm_uuid group_uuid = { { 0 } };
	enum idm_result result = IDM_OK;

	memcpy(out, c->entries, IDM_DIGEST_BYTES);
	for (size_t i = 0; i < edges->count && result == IDM_OK; i++) {
		result = idm_lookup_id(&r->old, edges->list[i].group_id, &group, r->err);
		if (result == IDM_OK) {
			group_uuid = group.uuid;
			result = idm_lookup_id(&r->old, edges->list[i].member_id, &member, r->err);
		}
		if (result == IDM_OK)
			result = idm_digest_edge(out, &group_uuid, &member.uuid, r->err);
	}
	return result;
}

static enum idm_result
digest_entries(struct reindex *r, struct choice *c)
{
	struct idm_cursor cursor;
	struct idm_span key, flat;
	enum idm_result result =
	    idm_cursor_open(&r->from, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, r->err);

	while (result == IDM_OK) {
		result = idm_cursor_next(&cursor, &key, &flat, r->err);
		if (result == IDM_OK)
			result = idm_digest_entry(c->entries, flat, r->err);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* The first whose digest is the one that was kept up; *out NULL: none. */
static enum idm_result
find_fitting(struct reindex *r, struct choice *c, const struct edges **out)
{
	const struct edges *all[] = { &c->down, &c->up, &c->either, &c->both };
	uint8_t digest[IDM_DIGEST_BYTES];
	bool agree = c->either.count == c->both.count;
	enum idm_result result = IDM_OK;

	*out = NULL;
	for (size_t i = 0; i < 4 && result == IDM_OK && *out == NULL; i++) {
		result = digest_of(r, c, all[i], digest);
		if (result == IDM_OK && memcmp(digest, c->wanted, sizeof(digest)) == 0) {
			*out = all[i];
			r->edges = agree ? IDM_EDGES_AGREE : IDM_EDGES_DOWN + (unsigned)i;
		}
	}
	return result;
}

static enum idm_result
accept_both(struct reindex *r, struct choice *c, const struct edges **out)
{
	uint8_t digest[IDM_DIGEST_BYTES];
	enum idm_result result;

	if (!r->ask->accept)
		return idm_fail(r->err, IDM_CORRUPT,
		    "neither direction of the memberships fits the digest: entries or memberships "
		    "are not what the last change left; restore a backup, or (--accept) take the "
		    "entries as they are and the memberships that both directions have");
	*out = &c->both;
	r->edges = IDM_EDGES_BOTH;
	r->new_digest = true;
	result = digest_of(r, c, &c->both, digest);
	return result == IDM_OK ? idm_digest_store(&r->to, digest, r->err) : result;
}

/* --- writing them */

/* The members of one group, of one kind, in one window. */
static enum idm_result
put_members(struct reindex *r, const struct idm_read *read, const struct edge *edges, size_t count,
    enum idm_member_kind kind)
{
	struct idm_arena_mark mark = idm_arena_mark(read->arena);
	struct idm_window window = { { 0 } };
	bool changed;
	enum idm_result result;

	for (size_t i = 0; i < count; i++) {
		struct idm_entry member;

		result = idm_lookup_id(&r->old, edges[i].member_id, &member, r->err);
		if (result != IDM_OK)
			return result;
		if (idm_entry_has_class(&member, "group") == (kind == IDM_MEMBER_GROUP))
			idm_window_add(&window, edges[i].member_id);
	}
	if (idm_window_count(&window) == 0)
		return IDM_OK;
	result = idm_closure_set_window(read, edges[0].group_id, kind,
	    idm_window_of(edges[0].member_id), &window, &changed, r->err);
	idm_arena_rewind(read->arena, mark);
	return result;
}

static size_t
same_window(const struct edges *edges, size_t from)
{
	size_t to = from + 1;

	while (
	    to < edges->count && edges->list[to].group_id == edges->list[from].group_id &&
	    idm_window_of(edges->list[to].member_id) == idm_window_of(edges->list[from].member_id))
		to++;
	return to - from;
}

static enum idm_result
put_edges(struct reindex *r, const struct edges *edges)
{
	enum { COMMIT_EVERY = 50000 };
	struct idm_read read;
	size_t uncommitted = 0;
	enum idm_result result =
	    idm_read_attach(&r->to, r->old.arena, (struct idm_now){ 0 }, &read, r->err);

	for (size_t i = 0; i < edges->count && result == IDM_OK;) {
		size_t count = same_window(edges, i);

		result = put_members(r, &read, &edges->list[i], count, IDM_MEMBER_GROUP);
		if (result == IDM_OK)
			result = put_members(r, &read, &edges->list[i], count, IDM_MEMBER_ACCOUNT);
		i += count;
		uncommitted += count;
		if (result == IDM_OK && uncommitted > COMMIT_EVERY) {
			uncommitted = 0;
			result = reindex_commit(r); /* the read goes on in r->to */
			reindex_progress(r, "memberships", i, edges->count);
		}
	}
	return result;
}

static enum idm_result
choose_and_put(struct reindex *r, struct choice *c)
{
	const struct edges *chosen = NULL;
	enum idm_result result = IDM_OK;

	if (!r->lost_down)
		result = read_edges(r, IDM_DB_DOWN, &c->down);
	if (result == IDM_OK && !r->lost_up)
		result = read_edges(r, IDM_DB_UP, &c->up);
	drop_impossible(r, &c->down);
	drop_impossible(r, &c->up);
	if (result == IDM_OK)
		result = combine(r, c);
	if (result == IDM_OK)
		result = digest_entries(r, c);
	if (result == IDM_OK && idm_digest_load(&r->from, c->wanted, r->err) != IDM_OK)
		memset(c->wanted, 0, sizeof(c->wanted)); /* fits nothing */
	if (result == IDM_OK)
		result = find_fitting(r, c, &chosen);
	if (result == IDM_OK && chosen == NULL)
		result = accept_both(r, c, &chosen);
	return result == IDM_OK ? put_edges(r, chosen) : result;
}

enum idm_result
reindex_edges(struct reindex *r)
{
	struct choice c = { .entries = { 0 } };
	enum idm_result result = choose_and_put(r, &c);

	free(c.down.list);
	free(c.up.list);
	free(c.either.list);
	free(c.both.list);
	return result;
}
