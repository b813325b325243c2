/* Reindex: all derived data computed again, into a new file (core/rebuild.h). */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/builtin.h"
#include "core/child.h"
#include "core/dyngroup.h"
#include "core/index_build.h"
#include "core/pages.h"
#include "core/reindex_impl.h"
#include "core/scratch.h"
#include "core/token_store.h"

enum {
	ARENA_BYTES = 256 * 1024 * 1024, /* for one entry, or one dynamic group's window */
	COMMIT_BYTES = 16 * 1024 * 1024, /* so few pages are dirty at a time */
	TELL_EVERY = 4096,
};

/* What the child tells. */
struct message {
	bool last;
	uint64_t done;
	uint64_t total;
	enum idm_edge_source edges;
	bool new_digest;
	bool finding;
	char text[480];
};

void
reindex_progress(struct reindex *r, const char *what, uint64_t done, uint64_t total)
{
	struct message message = { .done = done, .total = total };

	snprintf(message.text, sizeof(message.text), "%s", what);
	idm_child_send(r->to_parent, &message, sizeof(message));
}

/* --- writing */

enum idm_result
reindex_commit(struct reindex *r)
{
	enum idm_result result = idm_store_write_commit(&r->to, r->err);

	r->put_bytes = 0;
	return result == IDM_OK ? idm_store_write_begin(r->made, &r->to, r->err) : result;
}

enum idm_result
reindex_put(struct reindex *r, enum idm_db db, struct idm_span key, struct idm_span value)
{
	enum idm_result result = idm_store_put(&r->to, db, key, value, r->err);

	r->put_bytes += key.len + value.len;
	return result == IDM_OK && r->put_bytes > COMMIT_BYTES ? reindex_commit(r) : result;
}

enum idm_result
reindex_walk(struct reindex *r, enum idm_db db,
    enum idm_result (*record)(struct reindex *r, struct idm_span key, struct idm_span value))
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	uint64_t done = 0;
	MDB_stat all = { .ms_entries = 0 };
	enum idm_result result = idm_cursor_open(&r->from, db, IDM_SPAN_EMPTY, &cursor, r->err);

	mdb_stat(r->from.mdb, r->env->dbis[db], &all);
	while (result == IDM_OK) {
		struct idm_arena_mark mark = idm_arena_mark(r->old.arena);

		if (done++ % TELL_EVERY == 0)
			reindex_progress(r, idm_db_name(db), done - 1, all.ms_entries);
		result = idm_cursor_next(&cursor, &key, &value, r->err);
		if (result == IDM_OK)
			result = record(r, key, value);
		idm_arena_rewind(r->old.arena, mark);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* --- what is copied */

static enum idm_result
copy_meta(struct reindex *r, struct idm_span key, struct idm_span value)
{
	if (idm_span_is(key, "format_version") || idm_span_is(key, "file_id"))
		return IDM_OK; /* the new file has its own */
	return reindex_put(r, IDM_DB_META, key, value);
}

static enum idm_result
copy_secret(struct reindex *r, struct idm_span key, struct idm_span value)
{
	return reindex_put(r, IDM_DB_SECRETS, key, value);
}

static enum idm_result
copy_change(struct reindex *r, struct idm_span key, struct idm_span value)
{
	return reindex_put(r, IDM_DB_CHANGES, key, value);
}

static enum idm_result
copy_request(struct reindex *r, struct idm_span key, struct idm_span value)
{
	return reindex_put(r, IDM_DB_REQUESTS, key, value);
}

/* The rows that find the tokens of an account are made of the others. */
static enum idm_result
copy_token(struct reindex *r, struct idm_span key, struct idm_span value)
{
	struct idm_uuid id;

	if (!idm_uuid_load(key, &id))
		return IDM_OK;
	return idm_token_put(&r->to, &id, value, r->err);
}

/* --- what an entry brings along */

static enum idm_result
put_claims(struct reindex *r, const struct idm_entry *entry, struct idm_span id)
{
	bool of_profile = idm_entry_has_class(entry, "access_control_profile");
	enum idm_result result = IDM_OK;

	for (uint32_t i = 0; idm_entry_attr_at(entry, i) != 0; i++) {
		const struct idm_attr *attr =
		    idm_schema_attr_number(r->old.schema, idm_entry_attr_at(entry, i));
		enum idm_claim kind = attr == NULL ? 0 : idm_claim_kind(attr, of_profile);
		struct idm_value_iter iter = idm_entry_values(entry, idm_entry_attr_at(entry, i));
		struct idm_value value;

		while (kind != 0 && result == IDM_OK && idm_value_next(&iter, &value)) {
			struct idm_claim_key key = idm_claim_key(kind, attr->number, value.norm);

			result = reindex_put(r, IDM_DB_NAME, idm_span_of(key.bytes, key.len), id);
		}
	}
	return result;
}

static enum idm_result
copy_entry(struct reindex *r, struct idm_span key, struct idm_span flat)
{
	struct idm_entry entry;
	enum idm_result result;

	if (key.len != 8)
		return idm_fail(r->err, IDM_CORRUPT, "an entry's key has %zu octets", key.len);
	result = idm_entry_view(flat, idm_store_load_u64(key.ptr), &entry, r->err);
	if (result == IDM_OK)
		result = reindex_put(r, IDM_DB_ENTRIES, key, flat);
	if (result == IDM_OK)
		result = reindex_put(r, IDM_DB_UUID, idm_uuid_span(&entry.uuid), key);
	if (result == IDM_OK && idm_entry_is_live(&entry))
		result = put_claims(r, &entry, key);
	return result;
}

/* --- the index */

static enum idm_result
put_window(struct reindex *r, struct idm_index_build *build)
{
	struct idm_span key, container;
	enum idm_result result = IDM_OK;

	idm_index_build_sort(build);
	for (size_t i = 0; result == IDM_OK && idm_index_build_row(build, i, &key, &container); i++)
		result = reindex_put(r, IDM_DB_INDEX, key, container);
	idm_index_build_reset(build);
	return result;
}

static enum idm_result
build_index(struct reindex *r, struct idm_index_build *build)
{
	struct idm_cursor cursor;
	struct idm_span key, flat;
	struct idm_entry entry;
	uint64_t no = 0;
	enum idm_result result =
	    idm_cursor_open(&r->from, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, r->err);

	while (result == IDM_OK) {
		result = idm_cursor_next(&cursor, &key, &flat, r->err);
		if (result == IDM_OK)
			result = idm_entry_view(flat, idm_store_load_u64(key.ptr), &entry, r->err);
		if (result != IDM_OK)
			break;
		if (idm_window_of(entry.id) != no) {
			result = put_window(r, build);
			no = idm_window_of(entry.id);
			reindex_progress(r, "index", entry.id, entry.id);
		}
		if (result == IDM_OK)
			result = idm_index_build_add(build, &r->old, &entry, r->err);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? put_window(r, build) : result;
}

static enum idm_result
make_index(struct reindex *r)
{
	struct idm_index_build *build = idm_index_build_new();
	enum idm_result result;

	if (build == NULL)
		return idm_fail(r->err, IDM_SYSTEM, "out of memory");
	result = build_index(r, build);
	idm_index_build_free(&build);
	return result;
}

/* --- what every read begins with, and the members of dynamic groups */

/* A database that was never filled has none of these. */
static enum idm_result
make_wellknown(struct reindex *r)
{
	static const uint64_t numbers[] = { IDM_BUILTIN_ALL_PERSONS, IDM_BUILTIN_ALL_ACCOUNTS,
		IDM_BUILTIN_HIGH_PRIVILEGE, IDM_BUILTIN_DOMAIN_INFO };
	struct idm_read read = { .txn = &r->to, .arena = r->old.arena };
	struct idm_entry entry;
	struct idm_span domain;
	uint64_t ids[4];

	for (size_t i = 0; i < 4; i++) {
		struct idm_uuid uuid = idm_uuid_builtin(numbers[i]);
		enum idm_result result = idm_lookup_uuid(&read, &uuid, &entry, r->err);

		if (result == IDM_NOT_FOUND && i == 0)
			return IDM_OK;
		if (result != IDM_OK)
			return idm_fail(r->err, IDM_CORRUPT, "a built-in entry is missing");
		ids[i] = entry.id;
	}
	domain = idm_arena_copy(read.arena, idm_entry_text(&entry, IDM_ATTR_DOMAIN_NAME));
	if (idm_lookup_store_domain(&r->to, domain, r->err) != IDM_OK)
		return IDM_CORRUPT;
	return idm_lookup_store_wellknown(&r->to, ids[0], ids[1], ids[2], r->err);
}

static enum idm_result
make_dynamic_groups(struct reindex *r)
{
	struct idm_read read;
	enum idm_result result =
	    idm_read_attach(&r->to, r->old.arena, (struct idm_now){ 0 }, &read, r->err);

	return result == IDM_OK ? idm_dyngroups_rebuild(&read, r->err) : result;
}

/* --- the child */

static enum idm_result
make_all(struct reindex *r)
{
	static const struct {
		enum idm_db db;
		enum idm_result (*record)(struct reindex *, struct idm_span, struct idm_span);
	} copied[] = {
		{ IDM_DB_META, copy_meta },
		{ IDM_DB_ENTRIES, copy_entry },
		{ IDM_DB_SECRETS, copy_secret },
		{ IDM_DB_TOKENS, copy_token },
		{ IDM_DB_CHANGES, copy_change },
		{ IDM_DB_REQUESTS, copy_request },
	};
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]) && result == IDM_OK; i++)
		result = reindex_walk(r, copied[i].db, copied[i].record);
	if (result == IDM_OK)
		result = make_wellknown(r);
	if (result == IDM_OK)
		result = make_index(r);
	if (result == IDM_OK)
		result = reindex_edges(r);
	if (result == IDM_OK)
		result = make_dynamic_groups(r);
	return result;
}

static enum idm_result
write_all(struct reindex *r, const char *path)
{
	enum idm_result result = idm_scratch_at(path, &r->made, r->err);

	if (result != IDM_OK)
		return result;
	result = idm_store_write_begin(r->made, &r->to, r->err);
	if (result == IDM_OK)
		result = idm_store_write_end(&r->to, make_all(r), r->err);
	if (result == IDM_OK)
		return idm_scratch_finish(&r->made, r->err);
	idm_store_close(&r->made);
	return result;
}

/* Damage to these is what a reindex is for, and to one direction of the memberships. */
static bool
is_derived(const char *database)
{
	static const enum idm_db derived[] = { IDM_DB_UUID, IDM_DB_NAME, IDM_DB_INDEX };

	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++) {
		if (strcmp(database, idm_db_name(derived[i])) == 0)
			return true;
	}
	return strcmp(database, "free pages") == 0;
}

struct page_check {
	struct reindex *r;
	uint64_t primary; /* findings that can't be mended */
};

static void
on_page_finding(void *ctx, const char *database, const char *text)
{
	struct page_check *check = ctx;
	struct message message = { .finding = true };

	if (strcmp(database, idm_db_name(IDM_DB_DOWN)) == 0)
		check->r->lost_down = true;
	else if (strcmp(database, idm_db_name(IDM_DB_UP)) == 0)
		check->r->lost_up = true;
	else if (!is_derived(database))
		check->primary++;
	else
		return;
	snprintf(message.text, sizeof(message.text), "%s: %s", database, text);
	idm_child_send(check->r->to_parent, &message, sizeof(message));
}

static enum idm_result
check_pages(struct reindex *r)
{
	struct page_check check = { r, 0 };
	const struct idm_pages_sink sink = { on_page_finding, NULL, &check };
	struct idm_pages pages;
	enum idm_result result;
	int fd;

	if (mdb_env_get_fd(r->env->mdb, &fd) != 0)
		return idm_fail(r->err, IDM_SYSTEM, "the file has no descriptor");
	result = idm_pages_check(fd, mdb_txn_id(r->from.mdb), &sink, &pages, r->err);
	if (result == IDM_OK && (check.primary != 0 || (r->lost_down && r->lost_up)))
		result = idm_fail(
		    r->err, IDM_CORRUPT, "more than derived data is damaged: restore a backup");
	return result;
}

static enum idm_result
read_and_write(struct reindex *r, const char *from, const char *to)
{
	MDB_txn *mdb;
	enum idm_result result =
	    idm_environment_open_bare(&r->env, from, idm_dbs_identity, false, r->err);
	int rc;

	if (result != IDM_OK)
		return result;
	rc = mdb_txn_begin(r->env->mdb, NULL, MDB_RDONLY, &mdb);
	if (rc != 0)
		return idm_lmdb_fail(r->err, rc, from);
	r->from.mdb = mdb;
	result = check_pages(r);
	if (result == IDM_OK)
		result = idm_environment_look(r->env, &r->from, r->err);
	if (result == IDM_OK)
		result = idm_read_attach_scan(&r->from, r->old.arena, &r->old, r->err);
	if (result == IDM_OK)
		result = write_all(r, to);
	mdb_txn_abort(mdb);
	return result;
}

static enum idm_result
work(void *ctx, int to_parent, struct idm_error *err)
{
	const struct rebuild *rebuild = ctx;
	struct reindex r = { .ask = rebuild->ask, .to_parent = to_parent, .err = err };
	struct message last = { .last = true };
	enum idm_result result;

	r.old.arena = idm_arena_new(ARENA_BYTES);
	if (r.old.arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = read_and_write(&r, rebuild->identity, rebuild->made);
	idm_environment_unref(&r.env);
	idm_arena_free(&r.old.arena);
	last.edges = r.edges;
	last.new_digest = r.new_digest;
	idm_child_send(to_parent, &last, sizeof(last));
	return result;
}

static void
on_message(void *ctx, struct idm_span bytes)
{
	struct rebuild *r = ctx;
	const struct idm_report *report = &r->ask->report;
	struct message message;

	memcpy(&message, bytes.ptr, sizeof(message));
	if (message.last) {
		r->out->edges = message.edges;
		r->out->new_digest = message.new_digest;
	} else if (message.finding) {
		report->finding(report->ctx, IDM_FINDING_PAGE, message.text);
	} else if (report->progress != NULL) {
		report->progress(report->ctx, message.text, message.done, message.total);
	}
}

enum idm_result
idm_reindex(const struct idm_rebuild *ask, struct idm_rebuilt *out, struct idm_error *err)
{
	struct rebuild r;
	const struct idm_child_task task = { work, on_message, &r };
	enum idm_result result = rebuild_begin(&r, ask, out, "reindex.work", err);

	if (result == IDM_OK)
		result = idm_child_run(&task, err);
	if (result == IDM_OK)
		result = rebuild_adopt(&r);
	rebuild_end(&r);
	return result;
}
