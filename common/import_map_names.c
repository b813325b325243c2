/* What an entry of a file is called here. */
#include "common/import_map_impl.h"

/* --- names */

/* Does the first RDN name the entry by this value? */
static bool
is_in_rdn(const struct import_mapping *m, const char *type, struct idm_span value)
{
	for (size_t i = 0; m->dn.count != 0 && i < m->dn.rdns[0].count; i++) {
		const struct dn_ava *ava = &m->dn.rdns[0].avas[i];

		if (idm_span_equal_nocase(ava->type, idm_span_cstr(type)) &&
		    dn_value_equal(ava->value, value))
			return true;
	}
	return false;
}

/* Of the lines with `what` the one in the RDN, else the first; NULL: there are none. */
static const struct ldif_line *
choose(const struct import_mapping *m, enum import_what what, const char *type)
{
	const struct ldif_line *first = NULL;

	for (size_t i = 1; i < m->record->count; i++) {
		const struct ldif_line *line = &m->record->lines[i];
		const struct import_rule *rule;

		if (line->fault != NULL || line->options.len != 0)
			continue;
		rule = import_rule(line->type);
		if (rule == NULL || rule->what != what || line->value.len == 0)
			continue;
		if (is_in_rdn(m, type, line->value))
			return line;
		if (first == NULL)
			first = line;
	}
	return first;
}

/* A second name is one that can't be kept. */
static void
tell_others(struct import_mapping *m, enum import_what what, const struct ldif_line *chosen,
    const char *why)
{
	for (size_t i = 1; chosen != NULL && i < m->record->count; i++) {
		const struct ldif_line *line = &m->record->lines[i];
		const struct import_rule *rule;

		if (line == chosen || line->fault != NULL || line->options.len != 0)
			continue;
		rule = import_rule(line->type);
		if (rule != NULL && rule->what == what &&
		    !dn_value_equal(line->value, chosen->value))
			import_tell(m, line, why);
	}
}

/* What stands before the first comma is the full name (passwd(5)). */
static struct idm_span
cut_gecos(struct idm_span text)
{
	const uint8_t *comma = text.len == 0 ? NULL : memchr(text.ptr, ',', text.len);

	return comma == NULL ? text : idm_span_of(text.ptr, (size_t)(comma - text.ptr));
}

static void
name_display(struct import_mapping *m, const struct ldif_line *name, const struct ldif_line *cn)
{
	const struct ldif_line *gecos = choose(m, IMPORT_GECOS, "gecos");

	if (import_has_line(m, "displayName"))
		return; /* it comes as any other value */
	if (cn != NULL)
		import_add(m, cn, IDM_ATTR_DISPLAYNAME, cn->value);
	else if (gecos != NULL && cut_gecos(gecos->value).len != 0)
		import_add(m, gecos, IDM_ATTR_DISPLAYNAME, cut_gecos(gecos->value));
	else
		import_add(m, name, IDM_ATTR_DISPLAYNAME, name->value);
}

/* A person has one more name: what cn says beside displayName. */
static void
name_legal(struct import_mapping *m, const struct ldif_line *cn)
{
	if (m->out->kind != IMPORT_PERSON || cn == NULL || import_has_line(m, "legalname") ||
	    !import_has_line(m, "displayName"))
		return;
	for (size_t i = 1; i < m->record->count; i++) {
		const struct ldif_line *line = &m->record->lines[i];

		if (import_is_type(line, "displayName") && dn_value_equal(line->value, cn->value))
			return;
	}
	import_add(m, cn, IDM_ATTR_LEGALNAME, cn->value);
}

static void
name_account(struct import_mapping *m)
{
	const struct ldif_line *uid = choose(m, IMPORT_UID, "uid");
	const struct ldif_line *cn = choose(m, IMPORT_CN, "cn");
	const struct ldif_line *name = uid != NULL ? uid : cn;

	if (name == NULL || (uid == NULL && m->out->kind == IMPORT_PERSON)) {
		import_refuse(m, &m->record->lines[0],
		    "the account has no name: give it one with a line uid: NAME");
		return;
	}
	import_add(m, name, IDM_ATTR_NAME, name->value);
	name_display(m, name, cn);
	name_legal(m, cn);
	tell_others(m, IMPORT_UID, uid, "an account has one name: leave the others out");
	tell_others(m, IMPORT_CN, cn, "there is one cn here: leave the others out");
}

static void
name_group(struct import_mapping *m)
{
	const struct ldif_line *cn = choose(m, IMPORT_CN, "cn");

	if (cn == NULL) {
		import_refuse(m, &m->record->lines[0],
		    "the group has no name: give it one with a line cn: NAME");
		return;
	}
	import_add(m, cn, IDM_ATTR_NAME, cn->value);
	tell_others(m, IMPORT_CN, cn, "a group has one name: leave the others out");
}

void
import_map_names(struct import_mapping *m)
{
	if (m->out->is_ours)
		return;
	if (import_is_account(m))
		name_account(m);
	else if (m->out->kind == IMPORT_GROUP)
		name_group(m);
	else if (m->out->kind == IMPORT_RADIUS_CLIENT)
		import_refuse(
		    m, &m->record->lines[0], "a radius_client is imported with class: lines");
}
