/* Any text as a filter: what is taken keeps its limits, and taken strictly it is taken laxly. */
#include "core/filter.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_BYTES = 16 * 1024 * 1024 };

static size_t
check_tree(const struct idm_filter *filter, unsigned depth)
{
	bool composite = filter->kind == IDM_FILTER_AND || filter->kind == IDM_FILTER_OR ||
			 filter->kind == IDM_FILTER_NOT;
	size_t nodes = 1;

	require(composite || filter->child_count == 0);
	require(!composite || depth < IDM_FILTER_DEPTH);
	require(filter->kind != IDM_FILTER_NOT || filter->child_count == 1);
	require(composite || filter->kind == IDM_FILTER_UNDEFINED || filter->attr != NULL);
	require(filter->kind != IDM_FILTER_SUBSTRING ||
		(filter->piece_count >= 1 && filter->piece_count <= IDM_FILTER_PIECES));
	for (size_t i = 0; i < filter->child_count; i++)
		nodes += check_tree(&filter->children[i], depth + 1);
	return nodes;
}

/* Values of references are looked up in the store, and there is none here. */
static bool
may_look_up(struct idm_span text)
{
	const struct idm_attr *attr;

	for (size_t i = 0; (attr = idm_schema_attr_at(idm_schema_builtin(), i)) != NULL; i++) {
		size_t len = strlen(attr->name);

		for (size_t at = 0; attr->syntax == IDM_SYNTAX_REFERENCE && at + len <= text.len;
		     at++) {
			if (idm_span_equal_nocase(
				idm_span_of(text.ptr + at, len), idm_span_cstr(attr->name)))
				return true;
		}
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct idm_read read = { .schema = idm_schema_builtin() };
	struct idm_filter lax, strict;
	enum idm_result result;

	read.arena = idm_arena_new(ARENA_BYTES);
	require(read.arena != NULL);
	if (!may_look_up(idm_span_of(data, size))) {
		result = idm_filter_parse(&read, idm_span_of(data, size), false, &lax, NULL);
		if (result == IDM_OK)
			require(check_tree(&lax, 0) <= IDM_FILTER_NODES);
		if (idm_filter_parse(&read, idm_span_of(data, size), true, &strict, NULL) == IDM_OK)
			require(result == IDM_OK);
	}
	idm_arena_free(&read.arena);
	return 0;
}
