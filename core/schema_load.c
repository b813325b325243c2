#include "core/schema_load.h"

#include <stdlib.h>

#include "core/index.h"
#include "core/schema_entry.h"
#include "core/schema_impl.h"

enum {
	SCHEMA_BUDGET_BYTES = 16 * 1024 * 1024,
	SCRATCH_BYTES = 4 * 1024 * 1024,
};

/* The parsing of one snapshot. */
struct loading {
	struct idm_read read; /* by the built-in schema, in memory of its own */
	bool scan;            /* all entries are read, for the index may be damaged */
	struct idm_schema *schema;
	struct idm_attr *attrs[IDM_CUSTOM_ATTRS_MAX];
	size_t attr_count;
	struct idm_class *class_list[IDM_CUSTOM_CLASSES_MAX];
	size_t class_count;
	struct idm_error *err;
};

/* What is damaged is an error; what says something that we do not know is left out. */
static enum idm_result
left_out(enum idm_result result)
{
	return result == IDM_INVALID ? IDM_OK : result;
}

static enum idm_result
no_memory(struct idm_error *err)
{
	return idm_fail(err, IDM_LIMIT, "no memory for the schema");
}

static enum idm_result
take_attr(struct loading *l, const struct idm_entry *entry)
{
	struct idm_attr *attr = idm_arena_alloc(l->schema->arena, sizeof(*attr));
	enum idm_result result;

	if (attr == NULL)
		return no_memory(l->err);
	result = idm_schema_parse_attr(entry, l->schema->arena, attr, l->err);
	if (result == IDM_OK && l->attr_count < IDM_CUSTOM_ATTRS_MAX)
		l->attrs[l->attr_count++] = attr;
	return left_out(result);
}

static enum idm_result
take_class(struct loading *l, const struct idm_entry *entry)
{
	struct idm_class *class = idm_arena_alloc(l->schema->arena, sizeof(*class));
	enum idm_result result;

	if (class == NULL)
		return no_memory(l->err);
	result = idm_schema_parse_class(l->schema, entry, l->schema->arena, class, l->err);
	if (result == IDM_OK && l->class_count < IDM_CUSTOM_CLASSES_MAX)
		l->class_list[l->class_count++] = class;
	return left_out(result);
}

static enum idm_result
take_window(struct loading *l, const struct idm_window *window, uint64_t no,
    enum idm_result (*take)(struct loading *l, const struct idm_entry *entry))
{
	uint64_t id = idm_window_next(window, no, no << IDM_WINDOW_BITS);
	enum idm_result result = IDM_OK;

	while (id != UINT64_MAX && result == IDM_OK) {
		struct idm_entry entry;

		result = idm_lookup_id(&l->read, id, &entry, l->err);
		if (result == IDM_NOT_FOUND)
			return idm_fail(
			    l->err, IDM_CORRUPT, "the index names an entry that is gone");
		if (result == IDM_OK && idm_entry_is_live(&entry))
			result = take(l, &entry);
		id = idm_window_next(window, no, id + 1);
	}
	return result;
}

/* The same from all entries; one that is damaged is none. */
static enum idm_result
take_scanned(struct loading *l, const char *class_name,
    enum idm_result (*take)(struct loading *l, const struct idm_entry *entry))
{
	struct idm_cursor cursor;
	struct idm_span key, flat;
	struct idm_entry entry;
	enum idm_result result =
	    idm_cursor_open(l->read.txn, IDM_DB_ENTRIES, IDM_SPAN_EMPTY, &cursor, l->err);

	if (result != IDM_OK)
		return result;
	while (result == IDM_OK) {
		key = IDM_SPAN_EMPTY;
		result = idm_cursor_next(&cursor, &key, &flat, l->err);
		if (result == IDM_CORRUPT && key.len != 0)
			result = IDM_OK;
		else if (result == IDM_OK && key.len == 8 &&
			 idm_entry_view(flat, idm_store_load_u64(key.ptr), &entry, NULL) ==
			     IDM_OK &&
			 idm_entry_is_live(&entry) && idm_entry_has_class(&entry, class_name))
			result = take(l, &entry);
	}
	idm_cursor_close(&cursor);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

/* All live entries of a class. */
static enum idm_result
take_all(struct loading *l, const char *class_name,
    enum idm_result (*take)(struct loading *l, const struct idm_entry *entry))
{
	const struct idm_attr *class = idm_schema_attr_number(l->read.schema, IDM_ATTR_CLASS);
	uint64_t end;
	enum idm_result result;

	if (l->scan)
		return take_scanned(l, class_name, take);
	result = idm_index_window_end(&l->read, &end, l->err);
	for (uint64_t no = 0; result == IDM_OK && no < end; no++) {
		struct idm_window window;

		idm_window_clear(&window);
		result = idm_index_equal(
		    &l->read, class, idm_span_cstr(class_name), no, &window, l->err);
		if (result == IDM_OK)
			result = take_window(l, &window, no, take);
	}
	return result;
}

static int
compare_attrs(const void *a, const void *b)
{
	uint32_t left = (*(const struct idm_attr *const *)a)->number;
	uint32_t right = (*(const struct idm_attr *const *)b)->number;

	return (left > right) - (left < right);
}

static int
compare_classes(const void *a, const void *b)
{
	return strcmp((*(const struct idm_class *const *)a)->name,
	    (*(const struct idm_class *const *)b)->name);
}

static enum idm_result
load(struct loading *l)
{
	enum idm_result result = take_all(l, "attributetype", take_attr);

	qsort(l->attrs, l->attr_count, sizeof(l->attrs[0]), compare_attrs);
	for (size_t i = 0; i < l->attr_count; i++) {
		l->attrs[i]->slot = (uint32_t)l->schema->attr_count;
		idm_schema_add_attr(l->schema, l->attrs[i]);
	}
	if (result == IDM_OK)
		result = take_all(l, "classtype", take_class);
	qsort(l->class_list, l->class_count, sizeof(l->class_list[0]), compare_classes);
	for (size_t i = 0; i < l->class_count; i++)
		idm_schema_add_class(l->schema, l->class_list[i]);
	return result;
}

static struct idm_schema *
schema_new(void)
{
	struct idm_schema *schema = calloc(1, sizeof(*schema));

	if (schema == NULL)
		return NULL;
	schema->arena = idm_arena_new(SCHEMA_BUDGET_BYTES);
	if (schema->arena == NULL) {
		free(schema);
		return NULL;
	}
	atomic_init(&schema->refs, 1);
	idm_schema_fill_builtin(schema);
	return schema;
}

/* The domain and the rest of a snapshot are not asked for: they are what is attached around this.
 */
static enum idm_result
load_in(const struct idm_txn *txn, bool scan, struct idm_arena *arena, struct idm_schema *schema,
    struct idm_error *err)
{
	struct loading *l = idm_arena_alloc(arena, sizeof(*l));

	if (l == NULL)
		return no_memory(err);
	l->read = (struct idm_read){
		.txn = txn,
		.arena = arena,
		.schema = idm_schema_builtin(),
	};
	l->scan = scan;
	l->schema = schema;
	l->err = err;
	return load(l);
}

static enum idm_result
load_new(const struct idm_txn *txn, bool scan, const struct idm_schema **out, struct idm_error *err)
{
	struct idm_arena *arena = idm_arena_new(SCRATCH_BYTES);
	struct idm_schema *schema = schema_new();
	enum idm_result result = IDM_LIMIT;

	*out = NULL;
	if (arena != NULL && schema != NULL)
		result = load_in(txn, scan, arena, schema, err);
	else
		no_memory(err);
	idm_arena_free(&arena);
	*out = schema;
	if (result != IDM_OK)
		idm_schema_unref(out);
	return result;
}

enum idm_result
idm_schema_load(const struct idm_txn *txn, const struct idm_schema **out, struct idm_error *err)
{
	return load_new(txn, false, out, err);
}

enum idm_result
idm_schema_scan(const struct idm_txn *txn, struct idm_arena *arena, const struct idm_schema **out,
    struct idm_error *err)
{
	const struct idm_schema *schema;
	enum idm_result result = load_new(txn, true, &schema, err);

	if (result == IDM_OK && !idm_schema_hold(schema, arena))
		result = no_memory(err);
	if (result == IDM_OK)
		*out = schema;
	idm_schema_unref(&schema); /* the arena has one more */
	return result;
}
