#include "core/schema_entry.h"

/* clang-format off */
#define ORDERED (IDM_ATTR_EQ | IDM_ATTR_PRES | IDM_ATTR_ORD)
#define TEXT    (ORDERED | IDM_ATTR_SUB)
#define EQUAL   (IDM_ATTR_EQ | IDM_ATTR_PRES)

/* Words, and what an attribute of the syntax may be; `index` 0: administrators make none. */
static const struct {
	const char *word;
	uint32_t index;
	bool unique;
} syntaxes[] = {
	[IDM_SYNTAX_UUID]        = { "uuid", ORDERED, true },
	[IDM_SYNTAX_KEYWORD]     = { "keyword", TEXT, true },
	[IDM_SYNTAX_INAME]       = { "iname", TEXT, true },
	[IDM_SYNTAX_INAME_DNS]   = { "iname_dns", TEXT, true },
	[IDM_SYNTAX_SPN]         = { "spn", 0, false },
	[IDM_SYNTAX_UTF8]        = { "utf8", TEXT, true },
	[IDM_SYNTAX_UTF8_NOCASE] = { "utf8_nocase", TEXT, true },
	[IDM_SYNTAX_EMAIL]       = { "email", TEXT, true },
	[IDM_SYNTAX_REFERENCE]   = { "reference", EQUAL, true },
	[IDM_SYNTAX_FILTER]      = { "filter", 0, false },
	[IDM_SYNTAX_DATETIME]    = { "datetime", ORDERED, true },
	[IDM_SYNTAX_CREDENTIAL]  = { "credential", 0, false },
	[IDM_SYNTAX_SECRET]      = { "secret", 0, false },
	[IDM_SYNTAX_SESSION]     = { "session", 0, false },
	[IDM_SYNTAX_SSHKEY]      = { "sshkey", 0, false },
	[IDM_SYNTAX_UINT32]      = { "uint32", ORDERED, true },
	[IDM_SYNTAX_PATH]        = { "path", TEXT, true },
	[IDM_SYNTAX_BOOLEAN]     = { "boolean", EQUAL, false },
	[IDM_SYNTAX_NETWORK]     = { "network", EQUAL, true },
};
/* clang-format on */

static const struct {
	const char *word;
	uint32_t flag;
} indexes[] = {
	{ "equality", IDM_ATTR_EQ },
	{ "presence", IDM_ATTR_PRES },
	{ "substring", IDM_ATTR_SUB },
	{ "ordering", IDM_ATTR_ORD },
};

enum {
	SYNTAX_COUNT = sizeof(syntaxes) / sizeof(syntaxes[0]),
	INDEX_COUNT = sizeof(indexes) / sizeof(indexes[0]),
};

const char *
idm_syntax_word(enum idm_syntax syntax)
{
	return syntaxes[syntax].word;
}

bool
idm_syntax_parse(struct idm_span word, enum idm_syntax *out)
{
	for (int i = 0; i < SYNTAX_COUNT; i++) {
		if (syntaxes[i].index != 0 && idm_span_is(word, syntaxes[i].word)) {
			*out = (enum idm_syntax)i;
			return true;
		}
	}
	return false;
}

const char *
idm_index_word(size_t position, uint32_t *flag)
{
	if (position >= INDEX_COUNT)
		return NULL;
	*flag = indexes[position].flag;
	return indexes[position].word;
}

/* --- attributes */

static bool
is_true(const struct idm_entry *entry, uint32_t number)
{
	struct idm_value value;

	return idm_entry_first(entry, number, &value) && value.stored.ptr[0] != 0;
}

static enum idm_result
parse_syntax(const struct idm_entry *entry, struct idm_attr *out, struct idm_error *err)
{
	struct idm_span word = idm_entry_text(entry, IDM_ATTR_ATTRIBUTETYPE_SYNTAX);

	if (idm_syntax_parse(word, &out->syntax))
		return IDM_OK;
	return idm_refuse(err, IDM_INVALID,
	    "attributetype_syntax is not %.*s but one of utf8, utf8_nocase, keyword, iname, "
	    "iname_dns, email, uint32, boolean, datetime, uuid, reference, path, network",
	    IDM_SPAN_ARG(word));
}

static enum idm_result
parse_index(const struct idm_entry *entry, struct idm_attr *out, struct idm_error *err)
{
	struct idm_value_iter iter = idm_entry_values(entry, IDM_ATTR_ATTRIBUTETYPE_INDEX);
	struct idm_value value;

	while (idm_value_next(&iter, &value)) {
		size_t i = 0;

		while (i < INDEX_COUNT && !idm_span_is(value.norm, indexes[i].word))
			i++;
		if (i == INDEX_COUNT)
			return idm_refuse(err, IDM_INVALID,
			    "attributetype_index is not %.*s but any of equality, presence, "
			    "substring, ordering",
			    IDM_SPAN_ARG(value.norm));
		if ((syntaxes[out->syntax].index & indexes[i].flag) == 0)
			return idm_refuse(err, IDM_INVALID,
			    "the syntax %s has no index for %s: leave it out",
			    syntaxes[out->syntax].word, indexes[i].word);
		out->flags |= indexes[i].flag;
	}
	return IDM_OK;
}

static enum idm_result
parse_flags(const struct idm_entry *entry, struct idm_attr *out, struct idm_error *err)
{
	enum idm_result result = parse_index(entry, out, err);

	if (result != IDM_OK)
		return result;
	if (is_true(entry, IDM_ATTR_ATTRIBUTETYPE_MULTI))
		out->flags |= IDM_ATTR_MULTI;
	if (is_true(entry, IDM_ATTR_ATTRIBUTETYPE_UNIQUE)) {
		if (!syntaxes[out->syntax].unique)
			return idm_refuse(err, IDM_INVALID,
			    "values of the syntax %s can't be unique: set attributetype_unique to "
			    "false",
			    syntaxes[out->syntax].word);
		out->flags |= IDM_ATTR_UNIQUE | IDM_ATTR_EQ;
	}
	if (out->syntax == IDM_SYNTAX_REFERENCE)
		out->flags |= IDM_ATTR_EQ; /* to be found when what it refers to goes */
	if (out->syntax == IDM_SYNTAX_EMAIL && (out->flags & IDM_ATTR_SUB) != 0)
		out->flags |= IDM_ATTR_PRES; /* idm_index_substring needs it */
	return IDM_OK;
}

/* A copy as a string; NULL: the arena is used up. */
static const char *
copy_text(struct idm_arena *arena, struct idm_span text)
{
	return (const char *)idm_arena_copy(arena, text).ptr;
}

static enum idm_result
no_memory(struct idm_error *err)
{
	return idm_fail(err, IDM_LIMIT, "no memory for the schema");
}

enum idm_result
idm_schema_parse_attr(const struct idm_entry *entry, struct idm_arena *arena, struct idm_attr *out,
    struct idm_error *err)
{
	struct idm_span description = idm_entry_text(entry, IDM_ATTR_DESCRIPTION);
	struct idm_value number;
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	if (!idm_entry_first(entry, IDM_ATTR_ATTRIBUTETYPE_NUMBER, &number))
		return idm_fail(err, IDM_INVALID, "an attributetype has no number");
	out->number = idm_uint32_load(number.stored);
	if (out->number < IDM_ATTR_CUSTOM_MIN)
		return idm_fail(err, IDM_INVALID, "the number %u is built in", out->number);
	result = parse_syntax(entry, out, err);
	if (result == IDM_OK)
		result = parse_flags(entry, out, err);
	if (result != IDM_OK)
		return result;
	out->name = copy_text(arena, idm_entry_text(entry, IDM_ATTR_ATTRIBUTETYPE_NAME));
	if (description.len != 0)
		out->description = copy_text(arena, description);
	if (out->name == NULL || (description.len != 0 && out->description == NULL))
		return no_memory(err);
	return IDM_OK;
}

/* --- classes */

/* The attributes that a list names, NULL-terminated. */
static enum idm_result
parse_list(const struct idm_schema *schema, const struct idm_entry *entry, uint32_t number,
    struct idm_arena *arena, const struct idm_attr *const **out, struct idm_error *err)
{
	struct idm_value_iter iter = idm_entry_values(entry, number);
	const struct idm_attr **list = idm_arena_array(arena, iter.left + 1, sizeof(*list));
	struct idm_value value;
	size_t count = 0;

	if (list == NULL)
		return no_memory(err);
	while (idm_value_next(&iter, &value)) {
		list[count] = idm_schema_attr(schema, value.norm);
		if (list[count] == NULL)
			return idm_refuse(err, IDM_INVALID,
			    "%s: there is no attribute %.*s: create it first",
			    idm_schema_attr_number(schema, number)->name, IDM_SPAN_ARG(value.norm));
		count++;
	}
	*out = list;
	return IDM_OK;
}

enum idm_result
idm_schema_parse_class(const struct idm_schema *schema, const struct idm_entry *entry,
    struct idm_arena *arena, struct idm_class *out, struct idm_error *err)
{
	struct idm_span description = idm_entry_text(entry, IDM_ATTR_DESCRIPTION);
	enum idm_result result;

	memset(out, 0, sizeof(*out));
	out->uuid = entry->uuid;
	result = parse_list(schema, entry, IDM_ATTR_CLASSTYPE_MUST, arena, &out->must, err);
	if (result == IDM_OK)
		result = parse_list(schema, entry, IDM_ATTR_CLASSTYPE_MAY, arena, &out->may, err);
	if (result != IDM_OK)
		return result;
	out->name = copy_text(arena, idm_entry_text(entry, IDM_ATTR_CLASSTYPE_NAME));
	if (description.len != 0)
		out->description = copy_text(arena, description);
	if (out->name == NULL || (description.len != 0 && out->description == NULL))
		return no_memory(err);
	return IDM_OK;
}
