#include "tests/bench/core_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "core/groups.h"
#include "core/search.h"
#include "tests/bench/bench.h"
#include "tests/bench/people.h"

enum {
	ARENA_BYTES = 64 * 1024 * 1024,
	SAMPLES = 20000,
	WARM_UP = 2000,
	SLICE = 1024, /* as ldapd/search.c has it */
	PAGE = 500,
	PIECE = 8, /* octets of a rare substring */
	OPENINGS = 21,
};

struct reading {
	uint32_t persons;
	struct idm_store *store;
	struct idm_arena *kept; /* for the rights */
	struct idm_arena *arena;
	struct idm_txn txn;
	struct idm_read read;
	struct idm_access_table *table;
	struct idm_access *access;
	struct idm_groups *groups; /* as a worker keeps it */
	struct idm_attrset shown;  /* what an application looks at: name, displayname, mail */
	char text[256];            /* what the next operation looks for */
	struct idm_uuid uuid;
	uint64_t left; /* entries that are still wanted */
	uint64_t found;
	struct idm_error err;
};

static void
begin(struct reading *r)
{
	const struct idm_now now = { .at_s = time(NULL), .trusted = true };

	bench_check(idm_store_read_begin(r->store, &r->txn, &r->err), &r->err, "begin");
	bench_check(idm_read_attach(&r->txn, r->arena, now, &r->read, &r->err), &r->err, "attach");
	bench_check(idm_groups_use(r->groups, &r->read, &r->err), &r->err, "groups");
}

static void
end(struct reading *r)
{
	idm_store_read_end(&r->txn);
}

/* Nothing that was made of the last snapshot is needed any more. */
static void
begin_afresh(struct reading *r)
{
	idm_arena_reset(r->arena);
	begin(r);
}

static struct idm_entry
entry_called(struct reading *r, const char *name)
{
	struct idm_entry entry;

	bench_check(idm_lookup_text(&r->read, idm_span_cstr(name), &entry, &r->err), &r->err, name);
	return entry;
}

/* --- operations: prepare is not measured, run is; both within one snapshot */

struct operation {
	const char *row;
	void (*prepare)(struct reading *r, uint32_t turn);
	enum idm_result (*run)(struct reading *r);
	uint64_t least; /* entries or groups that each run must find */
};

static uint32_t
some_person(const struct reading *r, uint32_t turn, struct person *out)
{
	uint32_t number = people_pick(turn, 7, r->persons);

	person_make(number, out);
	return number;
}

static void
prepare_name(struct reading *r, uint32_t turn)
{
	struct person person;

	some_person(r, turn, &person);
	snprintf(r->text, sizeof(r->text), "%s", person.name);
}

static void
prepare_uuid(struct reading *r, uint32_t turn)
{
	prepare_name(r, turn);
	r->uuid = entry_called(r, r->text).uuid;
}

static void
prepare_one_name(struct reading *r, uint32_t turn)
{
	struct person person;

	(void)turn;
	person_make(0, &person);
	snprintf(r->text, sizeof(r->text), "%s", person.name);
}

static void
prepare_name_filter(struct reading *r, uint32_t turn)
{
	struct person person;

	some_person(r, turn, &person);
	snprintf(r->text, sizeof(r->text), "(name=%s)", person.name);
}

static void
prepare_displayname_filter(struct reading *r, uint32_t turn)
{
	struct person person;

	some_person(r, turn, &person);
	snprintf(r->text, sizeof(r->text), "(displayname=%s)", person.displayname);
}

static void
prepare_application_filter(struct reading *r, uint32_t turn)
{
	struct person person;

	some_person(r, turn, &person);
	snprintf(r->text, sizeof(r->text), "(&(class=person)(|(name=%s)(mail=%s)))", person.mail,
	    person.mail);
}

static void
prepare_memberof_of_layer(struct reading *r, uint32_t layer, uint32_t turn)
{
	char name[NAME_BYTES];

	group_name(group_of_layer(people_groups(r->persons), layer, turn), name);
	snprintf(r->text, sizeof(r->text), "(memberof=%s)", name);
}

static void
prepare_memberof_filter(struct reading *r, uint32_t turn)
{
	prepare_memberof_of_layer(r, 0, turn);
}

static void
prepare_nested_memberof_filter(struct reading *r, uint32_t turn)
{
	prepare_memberof_of_layer(r, 1, turn);
}

static void
prepare_person_of_group(struct reading *r, uint32_t turn)
{
	char name[NAME_BYTES];
	struct person person;

	group_name(people_pick(turn, 8, people_groups(r->persons)), name);
	some_person(r, turn, &person);
	snprintf(r->text, sizeof(r->text), "(&(name=%s)(memberof=%s))", person.name, name);
}

/* "ari" and its like: a vowel, a consonant, a vowel out of somebody's name. */
static void
prepare_substring(struct reading *r, uint32_t turn)
{
	struct person person;

	some_person(r, turn, &person);
	snprintf(r->text, sizeof(r->text), "(displayname=*%.3s*)", person.displayname + 1);
}

static void
prepare_rare_substring(struct reading *r, uint32_t turn)
{
	struct person person;

	some_person(r, turn, &person);
	snprintf(r->text, sizeof(r->text), "(displayname=*%.*s*)", PIECE, person.displayname + 3);
}

static void
prepare_page(struct reading *r, uint32_t turn)
{
	(void)turn;
	snprintf(r->text, sizeof(r->text), "(class=person)");
	r->left = PAGE;
}

static enum idm_result
run_name(struct reading *r)
{
	struct idm_entry entry;

	r->found = 1;
	return idm_lookup_text(&r->read, idm_span_cstr(r->text), &entry, &r->err);
}

static enum idm_result
run_uuid(struct reading *r)
{
	struct idm_entry entry;

	r->found = 1;
	return idm_lookup_uuid(&r->read, &r->uuid, &entry, &r->err);
}

static enum idm_result
run_memberof(struct reading *r)
{
	struct idm_entry entry = entry_called(r, r->text);
	struct idm_ids groups;
	enum idm_result result = idm_closure_memberof(&r->read, &entry, &groups, &r->err);

	r->found = groups.count;
	return result;
}

static bool
count_found(void *context, const struct idm_read *read, const struct idm_entry *entry,
    const struct idm_attrset *readable)
{
	struct reading *r = context;

	(void)read, (void)entry, (void)readable;
	r->found++;
	return --r->left != 0;
}

/* The text of the filter, all slices, each in a snapshot of its own. */
static enum idm_result
run_search(struct reading *r)
{
	struct idm_filter filter;
	struct idm_search search = { .filter = &filter, .access = r->access, .shown = &r->shown };
	enum idm_result result =
	    idm_filter_parse(&r->read, idm_span_cstr(r->text), true, &filter, &r->err);

	while (result == IDM_OK) {
		result = idm_search_slice(&search, &r->read, SLICE, count_found, r, &r->err);
		if (search.done || r->left == 0)
			break;
		end(r);
		begin(r);
	}
	return result;
}

static const struct operation operations[] = {
	{ "core.lookup_name", prepare_name, run_name, 1 },
	{ "core.lookup_uuid", prepare_uuid, run_uuid, 1 },
	{ "core.memberof", prepare_name, run_memberof, 1 },
	{ "core.memberof_1000_nested", prepare_one_name, run_memberof, 1000 },
	{ "core.search_name", prepare_name_filter, run_search, 1 },
	{ "core.search_displayname", prepare_displayname_filter, run_search, 1 },
	{ "core.search_application", prepare_application_filter, run_search, 1 },
	{ "core.search_memberof", prepare_memberof_filter, run_search, GROUP_PERSONS },
	{ "core.search_memberof_nested", prepare_nested_memberof_filter, run_search,
	    GROUP_PERSONS },
	{ "core.search_person_in_group", prepare_person_of_group, run_search, 0 },
	{ "core.search_substring_3", prepare_substring, run_search, 1 },
	{ "core.search_substring_8", prepare_rare_substring, run_search, 1 },
	{ "core.search_page_500", prepare_page, run_search, 1 },
};

/* One run in a snapshot of its own; `meter` NULL: to warm up. */
static void
run_once(struct reading *r, const struct operation *op, uint32_t turn, struct meter *meter)
{
	enum idm_result result;

	begin_afresh(r);
	r->found = 0;
	r->left = UINT64_MAX;
	op->prepare(r, turn);
	if (meter != NULL)
		meter_start(meter);
	result = op->run(r);
	if (meter != NULL)
		meter_stop(meter);
	bench_check(result, &r->err, r->text);
	if (r->found < op->least)
		bench_die("%s: %s found %" PRIu64 ", not %" PRIu64 " and more", op->row, r->text,
		    r->found, op->least);
	end(r);
}

static void
measure(struct reading *r, const struct operation *op)
{
	uint64_t start_ns = bench_ns();
	struct meter meter;
	uint64_t found = 0;
	uint32_t turn = 0;

	for (; turn < WARM_UP && bench_ns() - start_ns < bench_budget_ns() / 4; turn++)
		run_once(r, op, turn, NULL);
	meter_open(&meter, op->row, SAMPLES);
	for (; meter_goes_on(&meter); turn++) {
		run_once(r, op, turn, &meter);
		found += r->found;
	}
	meter_close(&meter, "\"found\": %.1f", (double)found / (double)meter.count);
}

static void
measure_snapshot(struct reading *r)
{
	struct meter meter;

	meter_open(&meter, "core.snapshot", SAMPLES);
	while (meter_goes_on(&meter)) {
		meter_start(&meter);
		begin_afresh(r);
		end(r);
		meter_stop(&meter);
	}
	meter_close(&meter, NULL);
}

/* --- the process */

/* Map the whole file, as it is in a process that has served for long. */
static void
warm_up(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, stop;
	char line[512];
	struct stat st;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		char *path = strchr(line, '/');

		if (path == NULL || strstr(path, "identity.mdb\n") == NULL ||
		    sscanf(line, "%lx-%lx", &start, &stop) != 2)
			continue;
		path[strcspn(path, "\n")] = '\0';
		if (stat(path, &st) == 0 && (unsigned long)st.st_size < stop - start)
			stop = start + (unsigned long)st.st_size;
		/* A kernel before 5.14 can't; then the first look-ups are slower. */
		madvise((void *)start, stop - start, MADV_POPULATE_READ);
	}
	if (maps != NULL)
		fclose(maps);
}

static void
print_rss(const char *row)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[128];
	double anon_kib = 0, file_kib = 0;

	while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
		sscanf(line, "RssAnon: %lf", &anon_kib);
		sscanf(line, "RssFile: %lf", &file_kib);
	}
	if (status != NULL)
		fclose(status);
	printf(
	    "{\"row\": \"%s\", \"anon_kib\": %.0f, \"file_kib\": %.0f}\n", row, anon_kib, file_kib);
}

static void
open_reading(struct reading *r, const char *dir)
{
	r->arena = idm_arena_new(ARENA_BYTES);
	r->kept = idm_arena_new(ARENA_BYTES);
	r->groups = idm_groups_new(IDM_GROUPS_BYTES);
	if (r->arena == NULL || r->kept == NULL || r->groups == NULL)
		bench_die("out of memory");
	bench_check(idm_store_open_reader(dir, &r->store, &r->err), &r->err, dir);
}

static void
close_reading(struct reading *r)
{
	idm_store_close(&r->store);
	idm_access_table_free(&r->table);
	idm_groups_free(&r->groups);
	idm_arena_free(&r->kept);
	idm_arena_free(&r->arena);
}

/* The rights of the application's account, as a worker keeps them. */
static void
resolve_rights(struct reading *r)
{
	static const uint32_t shown[] = { IDM_ATTR_NAME, IDM_ATTR_DISPLAYNAME, IDM_ATTR_MAIL };
	struct idm_identity identity = {
		.kind = IDM_IDENTITY_TOKEN, .scope = IDM_SCOPE_READ_ONLY, .expire_s = INT64_MAX
	};

	begin(r);
	identity.uuid = entry_called(r, READER).uuid;
	bench_check(
	    idm_access_table_refresh(&r->read, &r->table, &r->err), &r->err, "access profiles");
	bench_check(idm_access_resolve(&r->read, r->table, &identity, r->kept, &r->access, &r->err),
	    &r->err, "rights");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		idm_attrset_add(&r->shown, idm_schema_attr_number(r->read.schema, shown[i]));
	end(r);
}

void
core_read(const char *dir, uint32_t persons)
{
	struct reading r = { .persons = persons };

	open_reading(&r, dir);
	warm_up();
	resolve_rights(&r);
	measure_snapshot(&r);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		measure(&r, &operations[i]);
	print_rss("core.rss");
	close_reading(&r);
}

static void
open_and_look(const char *dir)
{
	struct reading r = { .persons = 1 };

	open_reading(&r, dir);
	begin(&r);
	entry_called(&r, READER);
	end(&r);
	close_reading(&r);
}

static void
open_writer(const char *dir)
{
	struct idm_store *store;
	struct idm_error err;

	bench_check(idm_store_open_writer(dir, (gid_t)-1, &store, &err), &err, dir);
	idm_store_close(&store);
}

static void
measure_opening(const char *row, const char *dir, void (*open)(const char *dir))
{
	struct meter meter;

	meter_open(&meter, row, OPENINGS);
	while (meter_goes_on(&meter)) {
		meter_start(&meter);
		open(dir);
		meter_stop(&meter);
	}
	meter_close(&meter, NULL);
}

void
core_open(const char *dir)
{
	measure_opening("core.open_reader", dir, open_and_look);
	measure_opening("core.open_writer", dir, open_writer);
}
