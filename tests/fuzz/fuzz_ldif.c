/*
 * LDIF files of strangers: whatever the octets are, the lines are numbered in order, every value
 * lies within the file, and what a record comes to is within what was read.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/import_map.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_BYTES = 8 * 1024 * 1024 };

static bool
disregard(void *ctx, uint64_t number, struct idm_span type, const char *why)
{
	uint64_t *last = ctx;

	require(number >= 1 && why != NULL && why[0] != '\0');
	require(type.len <= LDIF_TYPE_MAX_BYTES);
	*last = number;
	return number % 2 == 0;
}

static void
check_lines(const struct ldif_record *record, uint64_t *last, size_t size)
{
	size_t total = 0;

	require(record->count != 0);
	for (size_t i = 0; i < record->count; i++) {
		const struct ldif_line *line = &record->lines[i];

		require(line->number > *last);
		*last = line->number;
		if (line->fault != NULL)
			continue;
		require(line->type.len != 0);
		total += line->type.len + line->options.len + line->value.len;
	}
	require(total <= size);
}

static void
check_entry(const struct import_entry *entry, const struct ldif_record *record)
{
	require(entry->reference_count <= record->count);
	for (size_t i = 0; i < entry->value_count; i++) {
		require(entry->values[i].attr != NULL);
		require(entry->values[i].text.len == 0 || entry->values[i].text.ptr != NULL);
	}
	for (size_t i = 0; i < entry->reference_count; i++)
		require(entry->references[i].attr->syntax == IDM_SYNTAX_REFERENCE);
	if (entry->hash != NULL) {
		char again[IDM_PHC_BYTES];

		require(strlen(entry->hash) < IDM_PHC_BYTES);
		require(idm_password_import(idm_span_cstr(entry->hash), again, NULL) == IDM_OK);
		require(strcmp(again, entry->hash) == 0);
	}
}

static void
read_all(struct ldif_file *ldif, struct idm_arena *arena, size_t size)
{
	uint64_t last = 0, told = 0;
	const struct import_reporter reporter = { disregard, &told };
	struct ldif_record record;
	struct import_entry entry;
	struct idm_error err;

	while (ldif_file_next(ldif, &record, &err) == IDM_OK) {
		check_lines(&record, &last, size);
		idm_arena_reset(arena);
		if (import_map(idm_schema_builtin(), &record, &reporter, arena, &entry, &err) ==
		    IDM_OK)
			check_entry(&entry, &record);
	}
	require(ldif_file_position(ldif) == ldif_file_size(ldif));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	int fd = memfd_create("ldif", MFD_CLOEXEC);
	struct ldif_file *ldif;
	struct idm_error err;
	char path[64];

	require(arena != NULL && fd >= 0);
	require(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	require(ldif_file_open(path, &ldif, &err) == IDM_OK);
	read_all(ldif, arena, size);
	require(ldif_file_rewind(ldif, &err) == IDM_OK);
	ldif_file_close(&ldif);
	close(fd);
	idm_arena_free(&arena);
	return 0;
}
