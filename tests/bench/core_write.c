#include "tests/bench/core_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/builtin.h"
#include "core/change.h"
#include "tests/bench/bench.h"
#include "tests/bench/people.h"

enum {
	ARENA_BYTES = 64 * 1024 * 1024,
	SAMPLES = 2000,
	PAGE_BYTES = 4096,
};

struct writing {
	uint32_t persons;
	struct idm_store *store;
	struct idm_access_table *table;
	struct idm_arena *arena;
	struct idm_identity identity;
	struct idm_txn txn;
	uint32_t turn;
	struct idm_error err;
};

static struct idm_uuid
uuid_of(struct writing *w, const char *name)
{
	struct idm_entry entry;
	struct idm_read read;
	struct idm_txn txn;

	bench_check(idm_store_read_begin(w->store, &txn, &w->err), &w->err, "begin");
	bench_check(
	    idm_read_attach(&txn, w->arena, (struct idm_now){ time(NULL), true }, &read, &w->err),
	    &w->err, "attach");
	bench_check(idm_lookup_text(&read, idm_span_cstr(name), &entry, &w->err), &w->err, name);
	idm_store_read_end(&txn);
	return entry.uuid;
}

/* One change of one attribute, in the open transaction. */
static void
change(struct writing *w, const char *target, enum idm_request_kind kind, uint32_t attr_number,
    const char *text)
{
	const struct idm_change_context context = { .table = &w->table };
	struct idm_span value = idm_span_cstr(text);
	struct idm_request_mod mod = { kind,
		idm_schema_attr_number(idm_schema_builtin(), attr_number), &value, 1 };
	struct idm_request request = { .operation = IDM_OP_MODIFY, .mods = &mod, .mod_count = 1 };
	struct idm_change_set set;

	request.target = uuid_of(w, target);
	idm_arena_reset(w->arena);
	if (!idm_uuid_generate(&request.id))
		bench_die("no random octets");
	snprintf(request.source, sizeof(request.source), "ldapi");
	bench_check(idm_change_run(&w->txn, &context, &w->identity, &request,
			(struct idm_now){ time(NULL), true }, w->arena, &set, &w->err),
	    &w->err, target);
	if (set.no == 0)
		bench_die("%s: the change changed nothing", target);
}

static void
begin(struct writing *w)
{
	bench_check(idm_store_write_begin(w->store, &w->txn, &w->err), &w->err, "begin");
}

static void
commit(struct writing *w)
{
	bench_check(idm_store_write_commit(&w->txn, &w->err), &w->err, "commit");
}

/* Octets that this process has handed to write(2) and its like. */
static uint64_t
written_bytes(void)
{
	FILE *io = fopen("/proc/self/io", "r");
	char line[64];
	uint64_t bytes = 0;

	while (io != NULL && fgets(line, sizeof(line), io) != NULL)
		sscanf(line, "wchar: %" SCNu64, &bytes);
	if (io != NULL)
		fclose(io);
	return bytes;
}

/* A member comes, and goes again: the change alone is measured, and the pages of its commit. */
static void
measure_join(struct writing *w, const char *row,
    void (*choose)(
	const struct writing *w, uint32_t turn, char group[NAME_BYTES], char member[NAME_BYTES]))
{
	struct meter meter;
	uint64_t bytes = 0;

	meter_open(&meter, row, SAMPLES);
	for (uint32_t turn = 0; meter_goes_on(&meter); turn++) {
		char group[NAME_BYTES], member[NAME_BYTES];
		uint64_t before;

		choose(w, turn, group, member);
		begin(w);
		meter_start(&meter);
		change(w, group, IDM_REQUEST_ADD, IDM_ATTR_MEMBER, member);
		meter_stop(&meter);
		before = written_bytes();
		commit(w);
		bytes += written_bytes() - before;
		begin(w);
		change(w, group, IDM_REQUEST_DELETE, IDM_ATTR_MEMBER, member);
		commit(w);
	}
	meter_close(&meter, "\"pages\": %.1f", (double)bytes / (double)meter.count / PAGE_BYTES);
}

static void
choose_person(
    const struct writing *w, uint32_t turn, char group[NAME_BYTES], char member[NAME_BYTES])
{
	uint32_t number = people_pick(turn, 9, people_groups(w->persons));
	struct person person;

	group_name(number, group);
	person_make(group_stranger(w->persons, number, turn), &person);
	memcpy(member, person.name, NAME_BYTES);
}

static void
choose_crowd(
    const struct writing *w, uint32_t turn, char group[NAME_BYTES], char member[NAME_BYTES])
{
	(void)w, (void)turn;
	snprintf(group, NAME_BYTES, CROWD_OUTER);
	snprintf(member, NAME_BYTES, CROWD);
}

/* Another legalname for somebody, `group` of them a commit; the time is that of a commit. */
static void
measure_durable(struct writing *w, const char *row, unsigned group)
{
	struct meter meter;
	uint64_t before = written_bytes();
	uint64_t start_ns = bench_ns();
	double seconds;

	meter_open(&meter, row, SAMPLES);
	while (meter_goes_on(&meter)) {
		meter_start(&meter);
		begin(w);
		for (unsigned i = 0; i < group; i++) {
			struct person person;
			char text[TEXT_BYTES + 16];

			person_make(people_pick(w->turn, 11, w->persons), &person);
			snprintf(
			    text, sizeof(text), "%.80s %" PRIu32, person.displayname, w->turn++);
			change(w, person.name, IDM_REQUEST_REPLACE, IDM_ATTR_LEGALNAME, text);
		}
		commit(w);
		meter_stop(&meter);
	}
	seconds = (double)(bench_ns() - start_ns) / 1e9;
	meter_close(&meter, "\"per_s\": %.0f, \"pages\": %.1f",
	    (double)(meter.count * group) / seconds,
	    (double)(written_bytes() - before) / (double)meter.count / PAGE_BYTES);
}

void
core_write(const char *dir, uint32_t persons)
{
	struct writing w = { .persons = persons };

	w.arena = idm_arena_new(ARENA_BYTES);
	if (w.arena == NULL)
		bench_die("out of memory");
	bench_check(idm_store_open_writer(dir, (gid_t)-1, &w.store, &w.err), &w.err, dir);
	/* With all rights looked at, as an administrator's change is. */
	w.identity = (struct idm_identity){ .kind = IDM_IDENTITY_TOKEN,
		.high_privilege = true,
		.uuid = idm_uuid_builtin(IDM_BUILTIN_IDM_ADMIN),
		.scope = IDM_SCOPE_READ_WRITE,
		.expire_s = INT64_MAX };
	measure_join(&w, "core.join_person", choose_person);
	measure_join(&w, "core.join_crowd", choose_crowd);
	measure_durable(&w, "core.durable_1", 1);
	measure_durable(&w, "core.durable_64", 64);
	idm_store_close(&w.store);
	idm_access_table_free(&w.table);
	idm_arena_free(&w.arena);
}
