/*
 * Check of `index`: it is made anew window by window and held against what is stored.  What is
 * stored and was not asked for then is too much.
 */
#include <inttypes.h>
#include <stdio.h>

#include "core/index_build.h"
#include "core/verify_impl.h"

/* What a key is of, for people. */
static const char *
key_text(struct verify *v, struct idm_span key, char out[VERIFY_NAME_BYTES])
{
	const struct idm_attr *attr;
	struct idm_index_key_parts parts;
	char term[VERIFY_NAME_BYTES];
	const char *kind;

	if (!idm_index_key_parse(key, &parts))
		return verify_octets_text(key, out);
	switch (parts.kind) {
	case 'e': kind = "equality"; break;
	case 'p': kind = "presence"; break;
	case 'o': kind = "ordering"; break;
	default: kind = "substring"; break;
	}
	attr = idm_schema_attr_number(v->read.schema, parts.attr_number);
	snprintf(out, VERIFY_NAME_BYTES, "%s of %s%s%.80s, window %" PRIu64, kind,
	    attr == NULL ? "an unknown attribute" : attr->name, parts.term.len == 0 ? "" : " ",
	    verify_octets_text(parts.term, term), parts.window_no);
	return out;
}

static uint64_t
first_of(const struct idm_window *window, uint64_t no)
{
	return idm_window_next(window, no, no << IDM_WINDOW_BITS);
}

/* Two containers that are not equal: which ids are in one alone? */
static void
tell_difference(
    struct verify *v, struct idm_span key, struct idm_span wanted, struct idm_span found)
{
	struct idm_window lacking = { { 0 } }, extra = { { 0 } }, both = { { 0 } };
	struct idm_index_key_parts parts = { .window_no = 0 };
	char text[VERIFY_NAME_BYTES];

	idm_index_key_parse(key, &parts);
	idm_container_decode(wanted, &lacking, NULL);
	if (idm_container_decode(found, &extra, &v->err) != IDM_OK) {
		verify_found(
		    v, IDM_FINDING_INDEX, "index: %s: %s", key_text(v, key, text), v->err.text);
		return;
	}
	both = lacking;
	idm_window_and_not(&lacking, &extra);
	idm_window_and_not(&extra, &both);
	if (idm_window_count(&lacking) != 0)
		verify_found(v, IDM_FINDING_INDEX, "index: %s lacks %u ids, first %" PRIu64,
		    key_text(v, key, text), idm_window_count(&lacking),
		    first_of(&lacking, parts.window_no));
	if (idm_window_count(&extra) != 0)
		verify_found(v, IDM_FINDING_INDEX, "index: %s has %u ids too many, first %" PRIu64,
		    key_text(v, key, text), idm_window_count(&extra),
		    first_of(&extra, parts.window_no));
}

/* --- what must be there */

struct index_check {
	struct verify *v;
	struct idm_index_build *build;
	uint64_t window_no; /* of the entries in `build` */
	uint64_t expected;  /* rows */
};

static void
check_window(struct index_check *c)
{
	struct idm_span key, wanted, found;
	char text[VERIFY_NAME_BYTES];

	idm_index_build_sort(c->build);
	for (size_t i = 0; idm_index_build_row(c->build, i, &key, &wanted); i++) {
		enum idm_result result = verify_get(c->v, IDM_DB_INDEX, key, &found);

		if (result == IDM_NOT_FOUND)
			verify_found(c->v, IDM_FINDING_INDEX, "index: %s is missing",
			    key_text(c->v, key, text));
		else if (result == IDM_OK && !idm_span_equal(wanted, found))
			tell_difference(c->v, key, wanted, found);
		if (result != IDM_NOT_FOUND)
			c->expected++;
	}
	idm_index_build_reset(c->build);
}

static void
take_entry(struct verify *v, struct idm_span key, struct idm_span flat)
{
	struct index_check *c = v->part;
	uint64_t id = key.len == 8 ? idm_store_load_u64(key.ptr) : 0;
	struct idm_entry entry;

	if (id == 0 || idm_window_of(id) > UINT32_MAX ||
	    idm_entry_view(flat, id, &entry, &v->err) != IDM_OK)
		return; /* told before */
	if (idm_window_of(id) != c->window_no)
		check_window(c);
	c->window_no = idm_window_of(id);
	if (idm_index_build_add(c->build, &v->read, &entry, &v->err) != IDM_OK)
		verify_found(v, IDM_FINDING_INDEX, "index: of id %" PRIu64 ": %s", id, v->err.text);
}

/* --- what must not */

static void
count_row(struct verify *v, struct idm_span key, struct idm_span row)
{
	(void)key;
	(void)row;
	v->totals.index_rows++;
}

static bool
has_key(struct verify *v, const struct idm_entry *entry, struct idm_span key)
{
	struct idm_index_keys keys;

	if (idm_index_keys(&v->read, entry, &keys, &v->err) != IDM_OK)
		return false;
	for (size_t i = 0; i < keys.count; i++) {
		if (idm_span_equal(keys.keys[i], key))
			return true;
	}
	return false;
}

/* A row that an entry asks for was looked at as a whole, so one of its ids is enough to tell. */
static void
check_row(struct verify *v, struct idm_span key, struct idm_span row)
{
	struct idm_index_key_parts parts;
	struct idm_window window = { { 0 } };
	struct idm_entry entry;
	char text[VERIFY_NAME_BYTES];

	if (idm_index_key_parse(key, &parts) &&
	    idm_container_decode(row, &window, &v->err) == IDM_OK &&
	    verify_entry(v, first_of(&window, parts.window_no), &entry) && has_key(v, &entry, key))
		return;
	verify_found(v, IDM_FINDING_INDEX, "index: %s is there, and no entry has it",
	    key_text(v, key, text));
}

void
verify_index(struct verify *v)
{
	struct index_check c = { .v = v, .build = idm_index_build_new() };

	v->part = &c;
	if (c.build == NULL) {
		verify_found(v, IDM_FINDING_INDEX, "index: no memory to look at it");
		return;
	}
	verify_walk(v, IDM_DB_INDEX, "index", count_row);
	verify_walk(v, IDM_DB_ENTRIES, "entries against the index", take_entry);
	check_window(&c);
	idm_index_build_free(&c.build);
	if (v->totals.index_rows != c.expected)
		verify_walk(v, IDM_DB_INDEX, "index rows too many", check_row);
}
