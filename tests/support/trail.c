#include "tests/support/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/realm.h"

static void
look(struct core *core, struct idm_txn *txn)
{
	struct idm_error err = { .text = "" };

	if (idm_store_local_read_begin(core->data.store, txn, &err) != IDM_OK)
		fail_msg("%s", err.text);
}

uint64_t
trail_write(struct core *core)
{
	struct idm_error err = { .text = "" };
	struct idm_audit_extent extent;
	struct idm_txn txn;
	bool more = true;

	while (more) {
		if (core_audit_write(core, &more, &err) != IDM_OK)
			fail_msg("%s", err.text);
	}
	look(core, &txn);
	assert_int_equal(idm_audit_extent(&txn, &extent, &err), IDM_OK);
	idm_store_read_end(&txn);
	return extent.last;
}

static void
put_name(char *line, struct idm_span name)
{
	static const char domain[] = "@" REALM_DOMAIN;
	size_t len = name.len;

	if (len > strlen(domain) &&
	    memcmp(name.ptr + len - strlen(domain), domain, strlen(domain)) == 0)
		len -= strlen(domain);
	if (len == 0)
		strcat(line, "-");
	else
		strncat(line, (const char *)name.ptr, len);
}

static void
write_line(const struct idm_audit_record *record, char line[TRAIL_LINE_BYTES])
{
	snprintf(line, TRAIL_LINE_BYTES, "%s %s %s ", idm_audit_protocol_name(record->protocol),
	    idm_audit_operation_name(record->operation), idm_result_name(record->outcome));
	put_name(line, record->actor_name);
	strcat(line, " > ");
	put_name(line, record->target_name);
	strcat(line, " [");
	for (size_t i = 0; i < record->attribute_count && strlen(line) < 900; i++) {
		strcat(line, i == 0 ? "" : ",");
		strncat(line, (const char *)record->attributes[i].ptr, record->attributes[i].len);
	}
	strcat(line, "]");
	if (record->reason.len != 0) {
		strcat(line, " ");
		strncat(line, (const char *)record->reason.ptr, record->reason.len);
	}
}

const char *
trail_line(struct core *core, uint64_t serial)
{
	static char lines[4][TRAIL_LINE_BYTES];
	static int turn;
	struct idm_error err = { .text = "" };
	struct idm_audit_record record;
	struct idm_txn txn;

	turn = (turn + 1) % 4;
	look(core, &txn);
	if (idm_audit_get(&txn, serial, &record, &err) != IDM_OK)
		fail_msg("record %llu: %s", (unsigned long long)serial, err.text);
	write_line(&record, lines[turn]);
	idm_store_read_end(&txn);
	return lines[turn];
}

static bool
fits(const char *line, const char *wanted)
{
	size_t len = strlen(wanted);

	return len != 0 && wanted[len - 1] == '*' ? strncmp(line, wanted, len - 1) == 0
						  : strcmp(line, wanted) == 0;
}

unsigned
trail_count(struct core *core, uint64_t from, const char *line)
{
	uint64_t last = trail_write(core);
	unsigned count = 0;

	for (uint64_t i = from + 1; i <= last; i++)
		count += fits(trail_line(core, i), line);
	return count;
}

void
trail_expect(struct core *core, uint64_t from, const char *line)
{
	uint64_t last;

	if (trail_count(core, from, line) != 0)
		return;
	last = trail_write(core);
	for (uint64_t i = from + 1; i <= last; i++)
		print_message("%s\n", trail_line(core, i));
	fail_msg("no record: %s", line);
}
