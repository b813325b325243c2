#include "core/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/child.h"
#include "core/pages.h"
#include "core/verify_impl.h"

enum {
	ARENA_BYTES = 256 * 1024 * 1024, /* for one record at a time */
	TELL_EVERY = 4096,
	TRIES = 100,
};

/* What the child tells. */
enum message_kind {
	MESSAGE_FINDING = 1,
	MESSAGE_PROGRESS = 2,
	MESSAGE_TOTALS = 3,
};

struct message {
	enum message_kind kind;
	enum idm_finding finding;
	uint64_t done;
	uint64_t total;
	struct idm_verify_totals totals;
	char text[VERIFY_TEXT_BYTES];
};

_Static_assert(sizeof(struct message) <= IDM_CHILD_MESSAGE_MAX, "a message is one frame");

const char *
idm_finding_name(enum idm_finding kind)
{
	switch (kind) {
	case IDM_FINDING_FILE: return "file";
	case IDM_FINDING_PAGE: return "page";
	case IDM_FINDING_RECORD: return "record";
	case IDM_FINDING_META: return "meta";
	case IDM_FINDING_ENTRY: return "entry";
	case IDM_FINDING_CLAIM: return "claim";
	case IDM_FINDING_EDGE: return "edge";
	case IDM_FINDING_REFERENCE: return "reference";
	case IDM_FINDING_SECRET: return "secret";
	case IDM_FINDING_TOKEN: return "token";
	case IDM_FINDING_CHANGE: return "change";
	case IDM_FINDING_DIGEST: return "digest";
	case IDM_FINDING_INDEX: return "index";
	case IDM_FINDING_LOCAL: return "local";
	case IDM_FINDING_AUDIT: return "audit";
	}
	return "unknown";
}

/* --- what the child tells */

void
verify_found(struct verify *v, enum idm_finding kind, const char *fmt, ...)
{
	struct message message = { .kind = MESSAGE_FINDING, .finding = kind };
	va_list args;

	v->totals.findings++;
	if (v->totals.findings > v->ask->most)
		return;
	va_start(args, fmt);
	vsnprintf(message.text, sizeof(message.text), fmt, args);
	va_end(args);
	idm_child_send(v->to_parent, &message, sizeof(message));
}

static void
tell_progress(struct verify *v, const char *what, uint64_t done, uint64_t total)
{
	struct message message = { .kind = MESSAGE_PROGRESS, .done = done, .total = total };

	snprintf(message.text, sizeof(message.text), "%s", what);
	idm_child_send(v->to_parent, &message, sizeof(message));
}

/* --- walking and looking up */

void
verify_walk(struct verify *v, enum idm_db db, const char *what,
    void (*record)(struct verify *v, struct idm_span key, struct idm_span value))
{
	struct idm_cursor cursor;
	struct idm_span key, value;
	char text[VERIFY_NAME_BYTES];
	uint64_t done = 0;
	MDB_stat all;
	enum idm_result result = idm_cursor_open(&v->txn, db, IDM_SPAN_EMPTY, &cursor, &v->err);

	if (mdb_stat(v->txn.mdb, v->env->dbis[db], &all) != 0)
		all.ms_entries = 0;
	while (result == IDM_OK) {
		struct idm_arena_mark mark = idm_arena_mark(v->read.arena);

		if (done % TELL_EVERY == 0)
			tell_progress(v, what, done, all.ms_entries);
		done++;
		result = idm_cursor_next(&cursor, &key, &value, &v->err);
		if (result == IDM_OK) {
			record(v, key, value);
		} else if (result == IDM_CORRUPT && key.len != 0) {
			verify_found(v, IDM_FINDING_RECORD,
			    "%s: the record under %s does not have its checksum", idm_db_name(db),
			    verify_octets_text(key, text));
			result = IDM_OK;
		}
		idm_arena_rewind(v->read.arena, mark);
	}
	if (result != IDM_NOT_FOUND)
		verify_found(
		    v, IDM_FINDING_RECORD, "%s can't be read: %s", idm_db_name(db), v->err.text);
	idm_cursor_close(&cursor);
}

enum idm_result
verify_get(struct verify *v, enum idm_db db, struct idm_span key, struct idm_span *value)
{
	return idm_store_get(&v->txn, db, key, value, &v->err);
}

bool
verify_entry(struct verify *v, uint64_t id, struct idm_entry *out)
{
	return idm_lookup_id(&v->read, id, out, &v->err) == IDM_OK;
}

bool
verify_referent(struct verify *v, struct idm_span uuid)
{
	struct idm_uuid wanted;
	struct idm_entry entry;

	return idm_uuid_load(uuid, &wanted) &&
	       idm_lookup_uuid(&v->read, &wanted, &entry, &v->err) == IDM_OK &&
	       idm_entry_is_live(&entry);
}

const char *
verify_entry_text(const struct idm_entry *entry, char out[VERIFY_NAME_BYTES])
{
	struct idm_span name = idm_entry_text(entry, IDM_ATTR_NAME);
	char uuid[IDM_UUID_TEXT];

	idm_uuid_format(&entry->uuid, uuid);
	snprintf(out, VERIFY_NAME_BYTES, "entry %llu (%.*s%s%s)", (unsigned long long)entry->id,
	    name.len > 64 ? 64 : (int)name.len, name.len == 0 ? "" : (const char *)name.ptr,
	    name.len == 0 ? "" : ", ", uuid);
	return out;
}

const char *
verify_octets_text(struct idm_span octets, char out[VERIFY_NAME_BYTES])
{
	enum { SHOWN = 48 };
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < octets.len && i < SHOWN; i++)
		len += (size_t)snprintf(out + len, VERIFY_NAME_BYTES - len, "%02x", octets.ptr[i]);
	if (octets.len > SHOWN)
		snprintf(out + len, VERIFY_NAME_BYTES - len, "... (%zu octets)", octets.len);
	return out;
}

bool
verify_is_sealed(const struct idm_attr *attr)
{
	return attr->syntax == IDM_SYNTAX_CREDENTIAL || attr->syntax == IDM_SYNTAX_SECRET;
}

/* --- one file */

static void
page_finding(void *ctx, const char *database, const char *text)
{
	verify_found(ctx, IDM_FINDING_PAGE, "%s: %s", database, text);
}

static void
page_progress(void *ctx, uint64_t done, uint64_t total)
{
	tell_progress(ctx, "pages", done, total);
}

/* Begin the snapshot, and look at its pages before anybody trusts them. */
static enum idm_result
begin_and_check_pages(struct verify *v, struct idm_pages *pages)
{
	const struct idm_pages_sink sink = { page_finding, page_progress, v };
	enum idm_result result = IDM_BUSY;
	MDB_txn *mdb;
	int fd;

	for (int tries = 0; result == IDM_BUSY && tries < TRIES; tries++) {
		int rc = mdb_txn_begin(v->env->mdb, NULL, MDB_RDONLY, &mdb);

		if (rc == 0)
			rc = mdb_env_get_fd(v->env->mdb, &fd);
		if (rc != 0)
			return idm_lmdb_fail(&v->err, rc, "begin");
		v->txn = (struct idm_txn){ .mdb = mdb };
		result = idm_pages_check(fd, mdb_txn_id(mdb), &sink, pages, &v->err);
		if (result == IDM_BUSY) {
			mdb_txn_abort(mdb);
			v->txn = (struct idm_txn){ 0 };
		}
	}
	return result;
}

static enum idm_result
look(struct verify *v, const char *path)
{
	struct idm_error inner;
	enum idm_result result = idm_environment_look(v->env, &v->txn, &inner);

	return result == IDM_OK ? IDM_OK : idm_fail(&v->err, result, "%s: %s", path, inner.text);
}

/* Open a file and make sure that it can be read.  False: it can't; that was told. */
static bool
open_file(struct verify *v, const char *path, struct idm_db_range range, enum idm_result *result)
{
	struct idm_pages pages = { 0 };

	*result = idm_environment_open_bare(&v->env, path, range, v->ask->beside, &v->err);
	if (*result == IDM_OK)
		*result = begin_and_check_pages(v, &pages);
	v->totals.pages += pages.total;
	if (*result == IDM_OK && pages.wrong == 0)
		*result = look(v, path);
	if (*result != IDM_CORRUPT)
		return *result == IDM_OK && pages.wrong == 0;
	verify_found(v, IDM_FINDING_FILE, "%s", v->err.text);
	*result = IDM_OK;
	return false;
}

static void
close_file(struct verify *v)
{
	if (v->txn.mdb != NULL)
		mdb_txn_abort(v->txn.mdb);
	v->txn = (struct idm_txn){ 0 };
	idm_environment_unref(&v->env);
}

static enum idm_result
check_identity(struct verify *v)
{
	void (*const parts[])(struct verify *) = { verify_meta, verify_entries, verify_claims,
		verify_edges, verify_dyngroups, verify_secrets, verify_log, verify_index,
		verify_digest };
	enum idm_result result;

	if (!open_file(v, v->ask->identity_path, idm_dbs_identity, &result))
		return result;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		parts[i](v);
	return IDM_OK;
}

static enum idm_result
check_local(struct verify *v)
{
	enum idm_result result;

	if (open_file(v, v->ask->local_path, idm_dbs_local, &result)) {
		verify_local(v);
		verify_audit(v);
	}
	return result;
}

/* --- the child and its parent */

struct run {
	const struct idm_verify *ask;
	struct idm_verify_totals *totals;
	uint64_t told;
	bool ended;
	char what[VERIFY_TEXT_BYTES]; /* the child is looking at */
};

static enum idm_result
work(void *ctx, int to_parent, struct idm_error *err)
{
	const struct run *run = ctx;
	struct verify v = { .ask = run->ask, .to_parent = to_parent };
	struct message last = { .kind = MESSAGE_TOTALS };
	enum idm_result result;

	v.read.arena = idm_arena_new(ARENA_BYTES);
	if (v.read.arena == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = check_identity(&v);
	close_file(&v);
	if (result == IDM_OK && run->ask->local_path != NULL) {
		result = check_local(&v);
		close_file(&v);
	}
	idm_arena_free(&v.read.arena);
	last.totals = v.totals;
	idm_child_send(to_parent, &last, sizeof(last));
	*err = v.err;
	return result;
}

static void
on_message(void *ctx, struct idm_span bytes)
{
	struct run *run = ctx;
	struct message message;

	if (bytes.len != sizeof(message))
		return;
	memcpy(&message, bytes.ptr, sizeof(message));
	switch (message.kind) {
	case MESSAGE_FINDING:
		run->told++;
		run->ask->finding(run->ask->ctx, message.finding, message.text);
		break;
	case MESSAGE_PROGRESS:
		memcpy(run->what, message.text, sizeof(run->what));
		if (run->ask->progress != NULL)
			run->ask->progress(
			    run->ask->ctx, message.text, message.done, message.total);
		break;
	case MESSAGE_TOTALS:
		*run->totals = message.totals;
		run->ended = true;
		break;
	}
}

/* What page and checksum let pass, and killed the child. */
static void
tell_death(struct run *run, const struct idm_error *how)
{
	char text[VERIFY_TEXT_BYTES];

	run->totals->findings = run->told + 1;
	snprintf(text, sizeof(text), "the check ended in the middle of %.100s: %.250s",
	    run->what[0] == '\0' ? "opening it" : run->what, how->text);
	run->ask->finding(run->ask->ctx, IDM_FINDING_FILE, text);
}

enum idm_result
idm_verify(const struct idm_verify *ask, struct idm_verify_totals *totals, struct idm_error *err)
{
	struct run run = { .ask = ask, .totals = totals };
	const struct idm_child_task task = { work, on_message, &run };
	struct idm_error how = { .text = "" };
	enum idm_result result;

	*totals = (struct idm_verify_totals){ 0 };
	result = idm_child_run(&task, &how);
	if (result == IDM_CORRUPT && !run.ended) {
		tell_death(&run, &how);
		return IDM_OK;
	}
	if (err != NULL)
		*err = how;
	return result;
}
