/* Bounds of account policy: whatever it says, a login stays possible (SPEC 5.5). */
#include "core/evaluation.h"

static const struct {
	uint32_t number;
	uint32_t least;
	uint32_t most;
} bounds[] = {
	{ IDM_ATTR_POLICY_PASSWORD_MINIMUM, 1, 64 },          /* characters */
	{ IDM_ATTR_POLICY_SESSION_EXPIRY, 600, 366 * 86400 }, /* seconds */
	{ IDM_ATTR_POLICY_PRIVILEGE_EXPIRY, 60, 86400 },      /* seconds */
	{ IDM_ATTR_POLICY_SEARCH_LIMIT, 1, UINT32_MAX },      /* entries */
};

enum idm_result
idm_rules_policy(struct idm_evaluation *e)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		size_t count;
		const struct idm_value *values =
		    idm_draft_values(e->draft, bounds[i].number, &count);
		uint32_t value = count == 0 ? bounds[i].least : idm_uint32_load(values[0].stored);

		if (value < bounds[i].least || value > bounds[i].most)
			return idm_refuse(e->err, IDM_CONSTRAINT,
			    "%s goes from %u to %u: beyond that nobody could log in",
			    idm_schema_attr_number(e->read->schema, bounds[i].number)->name,
			    bounds[i].least, bounds[i].most);
	}
	return IDM_OK;
}
