#include "tests/support/fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/closure.h"
#include "core/index.h"
#include "tests/support/temp_dir.h"

enum {
	ARENA_BYTES = 256 * 1024 * 1024,
	SCRATCH_BYTES = 8 * 1024 * 1024,
	WORDS_MAX = 256, /* of one list of pairs, with its NULL */
};

static const struct idm_now now = { .at_s = 1600000000, .trusted = true };

static void
check(struct fixture *f, enum idm_result result)
{
	if (result != IDM_OK)
		fail_msg("%s: %s", idm_result_name(result), f->err.text);
}

uint32_t
fixture_random_below(uint64_t *seed, uint32_t n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33) % n;
}

/* --- transactions */

static void
attach(struct fixture *f)
{
	check(f, idm_read_attach(&f->txn, f->arena, now, &f->read, &f->err));
}

static void
begin_write(struct fixture *f)
{
	check(f, idm_store_write_begin(f->store, &f->txn, &f->err));
	attach(f);
}

void
fixture_commit_then_read(struct fixture *f)
{
	check(f, idm_store_write_commit(&f->txn, &f->err));
	check(f, idm_store_read_begin(f->store, &f->txn, &f->err));
	attach(f);
}

void
fixture_read_then_write(struct fixture *f)
{
	idm_store_read_end(&f->txn);
	begin_write(f);
}

/* --- entries */

static void
put_id(struct fixture *f, enum idm_db db, struct idm_span key, uint64_t id)
{
	uint8_t value[8];

	idm_store_u64(id, value);
	check(f, idm_store_put(&f->txn, db, key, idm_span_of(value, sizeof(value)), &f->err));
}

/* Take the claims of an entry, or release them. */
static void
set_claims(struct fixture *f, const struct idm_entry *entry, bool take)
{
	bool of_profile = idm_entry_has_class(entry, "access_control_profile");

	for (uint32_t i = 0; i < entry->attr_count; i++) {
		uint32_t number = idm_entry_attr_at(entry, i);
		const struct idm_attr *attr = idm_schema_attr_number(f->read.schema, number);
		struct idm_value_iter iter = idm_entry_values(entry, number);
		struct idm_value value;

		if (attr == NULL || idm_claim_kind(attr, of_profile) == 0)
			continue;
		while (idm_value_next(&iter, &value)) {
			struct idm_claim_key key =
			    idm_claim_key(idm_claim_kind(attr, of_profile), number, value.norm);
			struct idm_span span = idm_span_of(key.bytes, key.len);

			if (take)
				put_id(f, IDM_DB_NAME, span, entry->id);
			else
				check(f, idm_store_del(&f->txn, IDM_DB_NAME, span, &f->err));
		}
	}
}

/* From `before` to `after`; NULL: there was or will be none.  Both are in memory of their own. */
static void
store_entry(struct fixture *f, const struct idm_entry *before, const struct idm_entry *after)
{
	uint64_t id = before != NULL ? before->id : after->id;
	uint8_t key_bytes[8];
	struct idm_span key = idm_span_of(key_bytes, sizeof(key_bytes));

	idm_store_u64(id, key_bytes);
	if (before != NULL)
		set_claims(f, before, false);
	if (after != NULL) {
		set_claims(f, after, true);
		put_id(f, IDM_DB_UUID, idm_uuid_span(&after->uuid), id);
		check(f, idm_store_put(&f->txn, IDM_DB_ENTRIES, key, after->bytes, &f->err));
	} else {
		check(
		    f, idm_store_del(&f->txn, IDM_DB_UUID, idm_uuid_span(&before->uuid), &f->err));
		check(f, idm_store_del(&f->txn, IDM_DB_ENTRIES, key, &f->err));
	}
	check(f, idm_index_update(&f->read, before, after, &f->err));
}

static struct idm_entry
encode(struct fixture *f, const struct idm_draft *draft, const struct idm_uuid *uuid, uint64_t id)
{
	struct idm_entry entry;
	struct idm_span bytes;

	f->version++;
	check(f, idm_draft_encode(draft, uuid, f->version, &bytes, &f->err));
	check(f, idm_entry_view(bytes, id, &entry, &f->err));
	return entry;
}

static void
gather(va_list args, const char *words[WORDS_MAX])
{
	size_t n = 0;

	do
		assert_true(n < WORDS_MAX);
	while ((words[n++] = va_arg(args, const char *)) != NULL);
}

/* Pairs of name and value into a draft; a uuid goes to `uuid`. */
static struct idm_draft *
draft_of_pairs(
    struct fixture *f, struct idm_arena *scratch, struct idm_uuid *uuid, const char *const *pairs)
{
	struct idm_draft *draft = idm_draft_new(scratch);

	assert_non_null(draft);
	for (; pairs[0] != NULL; pairs += 2) {
		const char *name = pairs[0];
		struct idm_span text = idm_span_cstr(pairs[1]);
		const struct idm_attr *attr = idm_schema_attr(f->read.schema, idm_span_cstr(name));
		struct idm_value value;

		if (attr == NULL)
			fail_msg("no attribute %s", name);
		if (attr->number == IDM_ATTR_UUID) {
			assert_true(idm_uuid_parse(text, uuid));
			continue;
		}
		check(f, idm_value_parse(attr, text, scratch, &value, &f->err));
		check(f, idm_draft_add(draft, attr->number, value));
	}
	return draft;
}

static uint64_t
take_id(struct fixture *f)
{
	uint64_t id;

	check(f, idm_store_get_number(&f->txn, IDM_DB_META, "next_id", &id, &f->err));
	if (id == 0)
		id = 1;
	check(f, idm_store_put_number(&f->txn, IDM_DB_META, "next_id", id + 1, &f->err));
	return id;
}

/* Run a piece of work on entries in memory of its own, so that f->arena does not grow with it. */
static struct idm_arena *
scratch_begin(struct fixture *f)
{
	f->read.arena = idm_arena_new(SCRATCH_BYTES);
	assert_non_null(f->read.arena);
	return f->read.arena;
}

static void
scratch_end(struct fixture *f)
{
	idm_arena_free(&f->read.arena);
	f->read.arena = f->arena;
}

uint64_t
fixture_add(struct fixture *f, ...)
{
	const char *words[WORDS_MAX];
	va_list args;

	va_start(args, f);
	gather(args, words);
	va_end(args);
	return fixture_add_pairs(f, words);
}

uint64_t
fixture_add_pairs(struct fixture *f, const char *const *pairs)
{
	struct idm_arena *scratch = scratch_begin(f);
	struct idm_draft *draft;
	struct idm_entry entry;
	struct idm_uuid uuid;

	assert_true(idm_uuid_generate(&uuid));
	draft = draft_of_pairs(f, scratch, &uuid, pairs);
	entry = encode(f, draft, &uuid, take_id(f));
	store_entry(f, NULL, &entry);
	scratch_end(f);
	return entry.id;
}

/* The entry, in memory that no write takes away. */
static struct idm_entry
kept_entry(struct fixture *f, uint64_t id)
{
	struct idm_entry entry = fixture_entry(f, id);

	entry.bytes = idm_arena_copy(f->read.arena, entry.bytes);
	assert_non_null(entry.bytes.ptr);
	return entry;
}

void
fixture_replace(struct fixture *f, uint64_t id, ...)
{
	struct idm_arena *scratch = scratch_begin(f);
	struct idm_entry before = kept_entry(f, id), after;
	struct idm_draft *draft;
	struct idm_uuid uuid = before.uuid;
	const char *words[WORDS_MAX];
	va_list args;

	va_start(args, id);
	gather(args, words);
	va_end(args);
	draft = draft_of_pairs(f, scratch, &uuid, words);
	after = encode(f, draft, &before.uuid, id);
	store_entry(f, &before, &after);
	scratch_end(f);
}

void
fixture_remove(struct fixture *f, uint64_t id)
{
	struct idm_entry before;

	scratch_begin(f);
	before = kept_entry(f, id);
	store_entry(f, &before, NULL);
	scratch_end(f);
}

void
fixture_skip_to_window(struct fixture *f, uint64_t window_no)
{
	check(f, idm_store_put_number(
		     &f->txn, IDM_DB_META, "next_id", window_no << IDM_WINDOW_BITS, &f->err));
}

uint64_t
fixture_person(struct fixture *f, const char *name)
{
	return fixture_add(f, "class", "object", "class", "account", "class", "person", "name",
	    name, "displayname", name, NULL);
}

uint64_t
fixture_group(struct fixture *f, const char *name)
{
	return fixture_add(f, "class", "object", "class", "group", "name", name, NULL);
}

struct idm_entry
fixture_entry(struct fixture *f, uint64_t id)
{
	struct idm_entry entry;

	check(f, idm_lookup_id(&f->read, id, &entry, &f->err));
	return entry;
}

uint64_t
fixture_id(struct fixture *f, const char *text)
{
	struct idm_entry entry;
	enum idm_result result = idm_lookup_text(&f->read, idm_span_cstr(text), &entry, &f->err);

	if (result == IDM_NOT_FOUND)
		return 0;
	check(f, result);
	return entry.id;
}

/* What the change of an edge between groups does: whoever knows of groups is to forget. */
static void
move_generation(struct fixture *f)
{
	static const char name[] = "generation.groups";
	uint64_t generation;

	check(f, idm_store_get_number(&f->txn, IDM_DB_META, name, &generation, &f->err));
	check(f, idm_store_put_number(&f->txn, IDM_DB_META, name, generation + 1, &f->err));
}

bool
fixture_edge(struct fixture *f, uint64_t group_id, uint64_t member_id, bool present)
{
	struct idm_entry member;
	bool changed, is_group;

	scratch_begin(f);
	member = fixture_entry(f, member_id);
	is_group = idm_entry_has_class(&member, "group");
	check(f, idm_closure_set_edge(&f->read, group_id, &member, present, &changed, &f->err));
	if (changed && is_group)
		move_generation(f);
	scratch_end(f);
	return changed;
}

/* --- the store */

static uint64_t
add_builtin_group(struct fixture *f, const char *name, const char *uuid, const char *kind)
{
	return fixture_add(f, "class", "object", "class", kind, "class", "group", "name", name,
	    "uuid", uuid, NULL);
}

void
fixture_open(struct fixture *f)
{
	uint64_t persons, accounts, hp;

	memset(f, 0, sizeof(*f));
	temp_dir_make("fixture", f->dir, sizeof(f->dir));
	f->arena = idm_arena_new(ARENA_BYTES);
	assert_non_null(f->arena);
	check(f, idm_store_open_writer(f->dir, (gid_t)-1, &f->store, &f->err));
	begin_write(f);
	check(f, idm_lookup_store_domain(&f->txn, IDM_SPAN_LIT(FIXTURE_DOMAIN), &f->err));
	persons = add_builtin_group(
	    f, "idm_all_persons", "00000000-0000-0000-0000-000000000035", "dyngroup");
	accounts = add_builtin_group(
	    f, "idm_all_accounts", "00000000-0000-0000-0000-000000000036", "dyngroup");
	hp = add_builtin_group(
	    f, "idm_high_privilege", "00000000-0000-0000-0000-000000001000", "group");
	check(f, idm_lookup_store_wellknown(&f->txn, persons, accounts, hp, &f->err));
	attach(f);
}

void
fixture_close(struct fixture *f)
{
	if (f->txn.write)
		idm_store_write_abort(&f->txn);
	else
		idm_store_read_end(&f->txn);
	idm_store_close(&f->store);
	idm_arena_free(&f->arena);
	temp_dir_remove(f->dir);
}

int
fixture_setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	assert_non_null(f);
	fixture_open(f);
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	free(f);
	return 0;
}
