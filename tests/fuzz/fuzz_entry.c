/* Any bytes as a flat entry: refused, or read to the last value, changed and encoded again. */
#include "core/entry.h"
#include "tests/fuzz/fuzz.h"

static void
check_values(const struct idm_entry *entry, const struct idm_entry *again, uint32_t number)
{
	struct idm_value_iter iter = idm_entry_values(entry, number);
	struct idm_value value;

	while (idm_value_next(&iter, &value)) {
		require(idm_entry_has_norm(entry, number, value.norm));
		require(idm_entry_has_norm(again, number, value.norm));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct idm_entry entry, again;
	struct idm_arena *arena;
	struct idm_draft *draft;
	struct idm_span bytes;
	uint32_t number;

	if (idm_entry_view(idm_span_of(data, size), 1, &entry, NULL) != IDM_OK)
		return 0;
	idm_entry_datetime(&entry, IDM_ATTR_ACCOUNT_EXPIRE, 0);
	arena = idm_arena_new(16 * 1024 * 1024);
	require(arena != NULL);
	draft = idm_draft_of(arena, &entry);
	require(draft != NULL);
	require(idm_draft_encode(draft, &entry.uuid, entry.version, &bytes, NULL) == IDM_OK);
	require(idm_entry_view(bytes, 1, &again, NULL) == IDM_OK);
	require(again.attr_count == entry.attr_count && again.version == entry.version);
	for (uint32_t i = 0; (number = idm_entry_attr_at(&entry, i)) != 0; i++) {
		check_values(&entry, &again, number);
		idm_draft_clear(draft, number);
	}
	require(idm_draft_attr_at(draft, 0) == 0);
	idm_arena_free(&arena);
	return 0;
}
