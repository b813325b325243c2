/* Gid numbers: chosen by an administrator, or made from the uuid (SPEC 2.1). */
#include "core/evaluation.h"

/* What a made number looks like: the last 28 bits of the uuid behind a 7. */
enum { MADE_MASK = 0x0fffffff, MADE_BASE = 0x70000000 };

/* The ranges to choose from: systemd's and Debian's own stay free. */
static enum idm_result
check_range(struct idm_evaluation *e, uint32_t gid)
{
	static const struct {
		uint32_t from, to;
	} ranges[] = { { 1000, 60000 }, { 60578, 61183 }, { 65520, 65533 }, { 65536, 524287 },
		{ 524288, 2147483647 } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (gid >= ranges[i].from && gid <= ranges[i].to)
			return IDM_OK;
	}
	return idm_refuse(e->err, IDM_CONSTRAINT,
	    "gidnumber %u is reserved: choose from 1000-60000, 60578-61183, 65520-65533 or "
	    "65536-2147483647",
	    gid);
}

static uint32_t
made_from(const struct idm_uuid *uuid)
{
	const uint8_t *last = uuid->bytes + sizeof(uuid->bytes) - 4;
	uint32_t number =
	    (uint32_t)last[0] << 24 | (uint32_t)last[1] << 16 | (uint32_t)last[2] << 8 | last[3];

	return (number & MADE_MASK) | MADE_BASE;
}

/* The entry's own number, or the next one that no entry holds.  An entry in the recycle bin holds
 * none, and its own may be another's when it comes back. */
static enum idm_result
make_number(struct idm_evaluation *e, uint8_t out[4])
{
	uint32_t gid = made_from(&e->uuid);

	for (uint32_t tried = 0; tried <= MADE_MASK; tried++) {
		struct idm_claim_key key;
		enum idm_result result;
		uint64_t id;

		idm_uint32_store(gid, out);
		key = idm_claim_key(IDM_CLAIM_GID, IDM_ATTR_GIDNUMBER, idm_span_of(out, 4));
		result = idm_lookup_claim_id(e->read, &key, &id, e->err);
		if (result == IDM_OK && e->exists && id == e->before.id)
			return IDM_OK;
		if (result != IDM_OK)
			return result == IDM_NOT_FOUND ? IDM_OK : result;
		gid = ((gid + 1) & MADE_MASK) | MADE_BASE;
	}
	return idm_refuse(e->err, IDM_CONSTRAINT, "no gidnumber is free: choose one");
}

static enum idm_result
add_made(struct idm_evaluation *e)
{
	uint8_t *number = idm_arena_alloc(e->read->arena, 4);
	struct idm_span span = { number, 4 };
	enum idm_result result;

	if (number == NULL)
		return IDM_LIMIT;
	result = make_number(e, number);
	if (result != IDM_OK)
		return result;
	return idm_draft_add(e->draft, IDM_ATTR_GIDNUMBER, (struct idm_value){ span, span });
}

enum idm_result
idm_rules_posix(struct idm_evaluation *e)
{
	size_t count;
	const struct idm_value *gid = idm_draft_values(e->draft, IDM_ATTR_GIDNUMBER, &count);

	if (count == 0 && (idm_draft_has_class(e->draft, "posixaccount") ||
			      idm_draft_has_class(e->draft, "posixgroup")))
		return add_made(e);
	if (count == 0 ||
	    (e->exists && idm_entry_has_norm(&e->before, IDM_ATTR_GIDNUMBER, gid[0].norm)))
		return IDM_OK;
	return check_range(e, idm_uint32_load(gid[0].norm));
}
