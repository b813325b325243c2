/* What the value of a line comes to. */
#include "common/import_map_impl.h"

#include "common/import_text.h"
#include "core/timefmt.h"

/* --- values as they stand */

static bool
is_allowed(const struct import_mapping *m, const struct idm_attr *attr)
{
	for (size_t i = 0; i < m->class_count; i++) {
		if (idm_class_lists(m->classes[i], attr))
			return true;
	}
	return false;
}

/* The value of an attribute of ours, if the entry's classes have it. */
static void
take_value(struct import_mapping *m, const struct ldif_line *line, uint32_t attr_number)
{
	const struct idm_attr *attr = idm_schema_attr_number(m->schema, attr_number);
	char *why;

	if (is_allowed(m, attr)) {
		import_add(m, line, attr_number, line->value);
		return;
	}
	why = idm_arena_printf(m->arena,
	    "%s is nothing that such an entry holds here: leave it out with --ignore %.*s",
	    attr->name, IDM_SPAN_ARG(line->type));
	import_tell(m, line, why != NULL ? why : attr->name);
}

/* --- values that are written otherwise elsewhere */

static void
take_uuid(struct import_mapping *m, const struct ldif_line *line)
{
	m->out->has_uuid = idm_uuid_parse(line->value, &m->out->uuid);
	if (!m->out->has_uuid)
		import_refuse(m, line, "no UUID such as 01234567-89ab-4cde-8f01-23456789abcd");
}

static void
take_gid_number(struct import_mapping *m, const struct ldif_line *line)
{
	if (m->out->kind == IMPORT_GROUP) {
		take_value(m, line, IDM_ATTR_GIDNUMBER);
	} else if (!import_has_line(m, "uidNumber")) {
		import_tell(m, line, "an account's gidNumber comes with a uidNumber: add that");
	} else if (idm_uint32_parse(line->value, &m->out->primary_gid)) {
		m->out->primary_gid_line = line->number;
	} else {
		import_tell(m, line, "gidNumber takes a number from 0 to 4294967295");
	}
}

static void
take_ssh_key(struct import_mapping *m, const struct ldif_line *line)
{
	const struct idm_attr *attr = idm_schema_attr_number(m->schema, IDM_ATTR_SSH_PUBLICKEY);
	const char *text;

	if (!is_allowed(m, attr)) {
		take_value(m, line, IDM_ATTR_SSH_PUBLICKEY); /* which tells */
		return;
	}
	text = import_ssh_key(line->value, m->out->values, m->out->value_count, m->arena);
	import_add_cstr(m, line, IDM_ATTR_SSH_PUBLICKEY, text);
}

static void
add_reference(struct import_mapping *m, const struct ldif_line *line, const struct idm_attr *attr,
    struct idm_span text, bool is_name)
{
	m->out->references[m->out->reference_count++] =
	    (struct import_reference){ line->number, line->type, attr, text, is_name };
}

/* A hash, in the form that idm_password_import takes; the first that can be used counts. */
static void
take_hash(struct import_mapping *m, const struct ldif_line *line, struct idm_span text, bool weak)
{
	char hash[IDM_PHC_BYTES];
	struct idm_error err = { .text = "" };
	enum idm_result result;

	if (m->out->kind == IMPORT_SERVICE) {
		import_tell(m, line,
		    "a service account holds generated passwords alone: leave it out, and make one "
		    "with `kanidm service-account credential generate-pw`");
		return;
	}
	if (m->out->kind != IMPORT_PERSON) {
		import_tell(m, line, "only a person has a password: leave it out");
		return;
	}
	if (m->out->hash != NULL) {
		if (!weak)
			import_tell(m, line, "a person has one password: leave the others out");
		return;
	}
	result = idm_password_import(text, hash, &err);
	if (result != IDM_OK) {
		import_tell(m, line, err.client_text);
		return;
	}
	m->out->hash = (const char *)idm_arena_copy(m->arena, idm_span_cstr(hash)).ptr;
	m->out->hash_line = line->number;
	m->no_memory = m->no_memory || m->out->hash == NULL;
	explicit_bzero(hash, sizeof(hash));
}

static void
take_password(struct import_mapping *m, const struct ldif_line *line)
{
	if (!import_is_no_password(line->value))
		take_hash(m, line, line->value, false);
}

/* --- NT hashes: what a better one makes needless is not told */

static void
take_nt(struct import_mapping *m, const struct ldif_line *line, enum import_what what)
{
	char *text = what == IMPORT_NT_PASSWORD
			 ? idm_arena_printf(m->arena, "{NT}%.*s", IDM_SPAN_ARG(line->value))
			 : import_nt_hash(line->value, m->arena);

	if (text == NULL)
		m->no_memory = true;
	else
		take_hash(m, line, idm_span_cstr(text), true);
}

static void
note_expire(struct import_mapping *m, const struct ldif_line *line, int64_t at_s)
{
	if (at_s >= m->expire_s)
		return;
	m->expire_s = at_s;
	m->expire_line = line->number;
	m->expire_type = line->type;
}

/* An end of validity that can't be read is no reason to let somebody in for ever. */
static void
take_expire(struct import_mapping *m, const struct ldif_line *line, enum import_what what)
{
	int64_t at_s;

	if (!import_is_account(m))
		import_tell(m, line, "only an account expires: leave it out");
	else if (import_expire(what, line->value, &at_s))
		note_expire(m, line, at_s);
	else
		import_refuse(m, line,
		    what == IMPORT_LOCKED_SINCE
			? "a lock after wrong passwords is not imported: leave it out, or lock the "
			  "account with 000001010000Z"
			: "it can't be read when the account expires: correct the value");
}

static void
add_expire(struct import_mapping *m)
{
	char text[IDM_TIME_TEXT];
	const struct ldif_line line = { .number = m->expire_line, .type = m->expire_type };
	struct idm_span copy;

	if (m->expire_s == INT64_MAX)
		return;
	idm_time_format(m->expire_s, text);
	copy = idm_arena_copy(m->arena, idm_span_cstr(text));
	m->no_memory = m->no_memory || copy.ptr == NULL;
	import_add(m, &line, IDM_ATTR_ACCOUNT_EXPIRE, copy);
}

static void
take_member(struct import_mapping *m, const struct ldif_line *line, enum import_what what)
{
	struct idm_span text = line->value;

	if (m->out->kind != IMPORT_GROUP) {
		import_tell(m, line, "only a group has members: leave it out");
		return;
	}
	if (what == IMPORT_UNIQUE_MEMBER)
		text = import_cut_bits(text);
	if (text.len != 0) /* an empty one stands where the schema wants a member */
		add_reference(m, line, idm_schema_attr_number(m->schema, IDM_ATTR_MEMBER), text,
		    what == IMPORT_MEMBER_UID);
}

/* --- lines */

static void
tell_unknown(struct import_mapping *m, const struct ldif_line *line)
{
	char *why = idm_arena_printf(m->arena,
	    "there is no such attribute here: leave it out with --ignore %.*s, or make one "
	    "(attributetype, classtype)",
	    IDM_SPAN_ARG(line->type));

	import_tell(m, line, why != NULL ? why : "there is no such attribute here");
}

/* In our own words. */
static void
take_own(struct import_mapping *m, const struct ldif_line *line, const struct idm_attr *attr)
{
	if (attr->number == IDM_ATTR_UUID)
		take_uuid(m, line);
	else if (attr->number == IDM_ATTR_CLASS || (attr->flags & IDM_ATTR_COMPUTED) != 0 ||
		 (attr->flags & IDM_ATTR_SYSTEM) != 0)
		return;
	else if (attr->number == IDM_ATTR_PASSWORD_IMPORT)
		take_password(m, line);
	else if ((attr->flags & (IDM_ATTR_ROWS | IDM_ATTR_LOCAL | IDM_ATTR_WRITE_ONLY)) != 0)
		import_tell(m, line, "it is not imported: leave it out with --ignore");
	else if (attr->syntax == IDM_SYNTAX_CREDENTIAL || attr->syntax == IDM_SYNTAX_SECRET)
		import_tell(m, line,
		    "a file tells only that a secret is set: leave it out with --ignore, and set "
		    "it anew");
	else if (!is_allowed(m, attr))
		take_value(m, line, attr->number); /* which tells */
	else if (attr->syntax == IDM_SYNTAX_REFERENCE)
		add_reference(m, line, attr, line->value, false);
	else
		import_add(m, line, attr->number, line->value);
}

static void
take_foreign(struct import_mapping *m, const struct ldif_line *line, const struct import_rule *rule)
{
	switch (rule->what) {
	case IMPORT_UNKNOWN: tell_unknown(m, line); break;
	case IMPORT_NOTHING:
	case IMPORT_UID: /* chosen before */
	case IMPORT_CN:
	case IMPORT_GECOS: break;
	case IMPORT_AS: take_value(m, line, rule->attr_number); break;
	case IMPORT_UUID: take_uuid(m, line); break;
	case IMPORT_UID_NUMBER: take_value(m, line, IDM_ATTR_GIDNUMBER); break;
	case IMPORT_GID_NUMBER: take_gid_number(m, line); break;
	case IMPORT_SSH_KEY: take_ssh_key(m, line); break;
	case IMPORT_PASSWORD: take_password(m, line); break;
	case IMPORT_NT_PASSWORD:
	case IMPORT_NT_HASH: break; /* taken behind the others */
	case IMPORT_MEMBER:
	case IMPORT_UNIQUE_MEMBER:
	case IMPORT_MEMBER_UID: take_member(m, line, rule->what); break;
	case IMPORT_EXPIRE_DAYS:
	case IMPORT_EXPIRE_TIME:
	case IMPORT_EXPIRE_TICKS:
	case IMPORT_LOCKED:
	case IMPORT_LOCKED_SINCE: take_expire(m, line, rule->what); break;
	}
}

static bool
is_nt(enum import_what what)
{
	return what == IMPORT_NT_PASSWORD || what == IMPORT_NT_HASH;
}

static bool
is_secret(enum import_what what)
{
	return what == IMPORT_PASSWORD || is_nt(what);
}

/* mail;primary and the like are what our own server shows beside the attribute itself. */
static bool
is_repetition(const struct ldif_line *line)
{
	return idm_span_equal_nocase(line->type, IDM_SPAN_LIT("mail")) &&
	       (idm_span_is(line->options, "primary") || idm_span_is(line->options, "alternative"));
}

void
import_map_line(struct import_mapping *m, const struct ldif_line *line)
{
	const struct import_rule *rule = import_rule(line->type);
	const struct idm_attr *attr = idm_schema_attr(m->schema, line->type);

	if (line->options.len != 0) {
		if (!is_repetition(line))
			import_tell(
			    m, line, "an attribute with options: leave it out with --ignore");
	} else if (attr != NULL && (m->out->is_ours || rule == NULL)) {
		take_own(m, line, attr);
	} else if (rule != NULL) {
		/* Beside our own attributes these are what they are shown as to others. */
		if (!m->out->is_ours || is_secret(rule->what))
			take_foreign(m, line, rule);
	} else {
		tell_unknown(m, line);
	}
}

void
import_map_end(struct import_mapping *m)
{
	for (size_t i = 1; i < m->record->count; i++) {
		const struct ldif_line *line = &m->record->lines[i];
		const struct import_rule *rule =
		    line->fault != NULL || line->options.len != 0 ? NULL : import_rule(line->type);

		if (rule != NULL && is_nt(rule->what))
			take_nt(m, line, rule->what);
	}
	add_expire(m);
}
