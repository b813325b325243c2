/* Any text as a value of any attribute: what is taken prints, and takes its own text again. */
#include "core/schema.h"
#include "tests/fuzz/fuzz.h"

/* A value asserted as it is printed matches itself. */
static void
check_taken(const struct idm_attr *attr, const struct idm_value *value, struct idm_arena *arena)
{
	struct idm_span text = idm_value_print(attr, value->stored, arena);
	struct idm_value again;
	struct idm_span norm;

	require(text.ptr != NULL && value->norm.len != 0);
	require(idm_value_parse(attr, text, arena, &again, NULL) == IDM_OK);
	require(idm_span_equal(again.stored, value->stored));
	require(idm_span_equal(again.norm, value->norm));
	require(idm_assertion_parse(attr, text, arena, &norm, NULL) == IDM_OK);
	require(idm_span_equal(norm, value->norm));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct idm_schema *schema = idm_schema_builtin();
	const struct idm_attr *attr;
	struct idm_arena *arena;
	struct idm_value value;
	struct idm_span norm;

	if (size == 0)
		return 0;
	attr = idm_schema_attr_number(schema, data[0]);
	if (attr == NULL)
		return 0;
	arena = idm_arena_new(16 * 1024 * 1024);
	require(arena != NULL);
	if (idm_value_parse(attr, idm_span_of(data + 1, size - 1), arena, &value, NULL) == IDM_OK)
		check_taken(attr, &value, arena);
	(void)idm_assertion_parse(attr, idm_span_of(data + 1, size - 1), arena, &norm, NULL);
	(void)idm_assertion_parse_piece(attr, idm_span_of(data + 1, size - 1), arena, &norm, NULL);
	idm_arena_free(&arena);
	return 0;
}
