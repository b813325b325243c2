/* system schema attribute, system schema class: list, get, create, update, delete. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/schema_thing.h"

enum { DN_BYTES = 2048, MODS_MAX = 12 };

/* Add those that a filter finds in ou=schema. */
static int
add_own(struct cli *cli, const struct schema_kind *kind, const char *filter, json_t *out)
{
	const char *suffix = client_suffix(cli);
	char base[DN_BYTES];
	json_t *entries;

	if (suffix == NULL)
		return CLI_FAILED;
	snprintf(base, sizeof(base), "ou=schema,%s", suffix);
	if (client_search(cli, base, filter, &entries) != CLI_DONE)
		return CLI_FAILED;
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);

		json_array_append_new(out, schema_of_entry(kind, entry));
	}
	json_decref(entries);
	return CLI_DONE;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(schema_name(*(json_t *const *)a), schema_name(*(json_t *const *)b));
}

/* The list sorted by name; takes it over. */
static json_t *
sorted(json_t *things)
{
	size_t count = json_array_size(things);
	json_t **list = calloc(count + 1, sizeof(*list));
	json_t *out = json_array();

	for (size_t i = 0; list != NULL && i < count; i++)
		list[i] = json_array_get(things, i);
	if (list != NULL)
		qsort(list, count, sizeof(*list), compare_names);
	for (size_t i = 0; list != NULL && i < count; i++)
		json_array_append(out, list[i]);
	free(list);
	json_decref(things);
	return out;
}

static int
list(struct cli *cli, const struct schema_kind *kind)
{
	json_t *things = json_array();
	char filter[64];

	snprintf(filter, sizeof(filter), "(class=%s)", kind->class);
	if (client_open(cli) != CLI_DONE || add_own(cli, kind, filter, things) != CLI_DONE) {
		json_decref(things);
		return CLI_FAILED;
	}
	schema_add_builtin(kind, things);
	things = sorted(things);
	if (cli->json) {
		output_json(things);
		return CLI_DONE;
	}
	for (size_t i = 0; i < json_array_size(things); i++)
		schema_print_line(kind, json_array_get(things, i));
	json_decref(things);
	return CLI_DONE;
}

/* --- one of them */

/* Can something be called so?  What can't need not be looked for, and stands in no DN or filter. */
static bool
is_name(const char *name)
{
	size_t len =
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return len != 0 && len <= 64 && name[len] == '\0';
}

static int
fail_unknown(struct cli *cli, const struct schema_kind *kind)
{
	return cli_fail(cli, "%.80s: there is no such %s: `kanidm system schema %s list` shows all",
	    cli->args[0], kind->word, kind->word);
}

/* The first of a list that is called so; NULL: none. */
static json_t *
find_called(json_t *things, const char *name)
{
	for (size_t i = 0; i < json_array_size(things); i++) {
		json_t *thing = json_array_get(things, i);

		if (strcasecmp(schema_name(thing), name) == 0)
			return thing;
	}
	return NULL;
}

static int
get(struct cli *cli, const struct schema_kind *kind)
{
	const char *name = cli->args[0];
	json_t *things = json_array();
	json_t *thing = NULL;
	char filter[256];
	int status = CLI_DONE;

	if (!is_name(name)) {
		json_decref(things);
		return fail_unknown(cli, kind);
	}
	schema_add_builtin(kind, things);
	if (find_called(things, name) == NULL) {
		snprintf(filter, sizeof(filter), "(&(class=%s)(cn=%s))", kind->class, name);
		status = client_open(cli);
		if (status == CLI_DONE)
			status = add_own(cli, kind, filter, things);
	}
	if (status == CLI_DONE && (thing = find_called(things, name)) == NULL)
		status = fail_unknown(cli, kind);
	if (status == CLI_DONE && cli->json)
		output_json(json_incref(thing));
	else if (status == CLI_DONE)
		schema_print(thing);
	json_decref(things);
	return status;
}

/* Connect, and the DN of what the first operand names. */
static int
open_named(struct cli *cli, const struct schema_kind *kind, char dn[DN_BYTES])
{
	const char *suffix;

	if (!is_name(cli->args[0]))
		return cli_fail(cli,
		    "%.80s: the name of %s %s has up to 64 of a-z, 0-9, `-` and begins with a "
		    "letter",
		    cli->args[0], kind == &schema_attributes ? "an" : "a", kind->word);
	if (client_open(cli) != CLI_DONE || (suffix = client_suffix(cli)) == NULL)
		return CLI_FAILED;
	snprintf(dn, DN_BYTES, "cn=%s,ou=schema,%s", cli->args[0], suffix);
	return CLI_DONE;
}

static int
remove_named(struct cli *cli, const struct schema_kind *kind)
{
	char dn[DN_BYTES];
	char text[200];

	if (open_named(cli, kind, dn) != CLI_DONE || client_delete(cli, dn) != CLI_DONE)
		return CLI_FAILED;
	snprintf(text, sizeof(text), "Successfully deleted %s %s", kind->word, cli->args[0]);
	return output_done(cli, text);
}

/* --- making and changing */

/* The modifications of one request, and the values that they point to. */
struct mods {
	LDAPMod list[MODS_MAX];
	LDAPMod *pointers[MODS_MAX + 1];
	char *single[MODS_MAX][2];
	size_t count;
	int op;
};

static void
add_values(struct mods *mods, const char *attribute, char **values)
{
	LDAPMod *mod = &mods->list[mods->count];

	*mod = (LDAPMod){ .mod_op = mods->op, .mod_type = (char *)(uintptr_t)attribute };
	mod->mod_values = values;
	mods->pointers[mods->count++] = mod;
}

/* An empty value takes the attribute away; where it is made, it leaves it out. */
static void
add_text(struct mods *mods, const char *attribute, const char *text)
{
	char **values = mods->single[mods->count];

	if (text == NULL || (text[0] == '\0' && mods->op == LDAP_MOD_ADD))
		return;
	values[0] = text[0] == '\0' ? NULL : (char *)(uintptr_t)text;
	add_values(mods, attribute, text[0] == '\0' ? NULL : values);
}

/* Given several times: these and no others; given as "": none. */
static void
add_list(struct mods *mods, const char *attribute, struct cli_values *values)
{
	bool none = values->count == 1 && values->list[0][0] == '\0';

	if (values->count == 0 || (none && mods->op == LDAP_MOD_ADD))
		return;
	add_values(mods, attribute, none ? NULL : values->list);
}

static void
add_switch(struct mods *mods, const char *attribute, bool on, bool off)
{
	if (on || off)
		add_text(mods, attribute, on ? "TRUE" : "FALSE");
}

static int
check_switches(struct cli *cli)
{
	if (cli->multi && cli->single)
		return cli_misuse(cli, "--multi and --single exclude each other: give one");
	if (cli->unique && cli->not_unique)
		return cli_misuse(cli, "--unique and --not-unique exclude each other: give one");
	return CLI_DONE;
}

static void
add_attribute(struct cli *cli, struct mods *mods)
{
	add_text(mods, "attributetype_syntax", cli->syntax);
	add_switch(mods, "attributetype_multi", cli->multi, cli->single);
	add_switch(mods, "attributetype_unique", cli->unique, cli->not_unique);
	add_list(mods, "attributetype_index", &cli->index);
	add_text(mods, "description", cli->description);
}

static void
add_class(struct cli *cli, struct mods *mods)
{
	add_list(mods, "classtype_must", &cli->must);
	add_list(mods, "classtype_may", &cli->may);
	add_text(mods, "description", cli->description);
}

static int
create(struct cli *cli, const struct schema_kind *kind)
{
	struct mods mods = { .op = LDAP_MOD_ADD };
	char dn[DN_BYTES];
	char text[200];

	add_text(&mods, "class", kind->class);
	if (kind == &schema_attributes)
		add_attribute(cli, &mods);
	else
		add_class(cli, &mods);
	if (open_named(cli, kind, dn) != CLI_DONE || client_add(cli, dn, mods.pointers) != CLI_DONE)
		return CLI_FAILED;
	snprintf(text, sizeof(text), "Successfully created %s %s", kind->word, cli->args[0]);
	return output_done_with(cli, text, "name", cli->args[0]);
}

static int
update(struct cli *cli, const struct schema_kind *kind)
{
	struct mods mods = { .op = LDAP_MOD_REPLACE };
	char dn[DN_BYTES];
	char text[200];

	if (kind == &schema_attributes)
		add_attribute(cli, &mods);
	else
		add_class(cli, &mods);
	if (mods.count == 0)
		return cli_misuse(cli, "nothing to change: give one of the options");
	if (open_named(cli, kind, dn) != CLI_DONE ||
	    client_modify(cli, dn, mods.pointers) != CLI_DONE)
		return CLI_FAILED;
	snprintf(text, sizeof(text), "Successfully updated %s %s", kind->word, cli->args[0]);
	return output_done(cli, text);
}

/* --- the commands */

int
cmd_attribute_list(struct cli *cli)
{
	return list(cli, &schema_attributes);
}

int
cmd_attribute_get(struct cli *cli)
{
	return get(cli, &schema_attributes);
}

int
cmd_attribute_create(struct cli *cli)
{
	if (cli->syntax != NULL)
		return cli_misuse(cli, "the syntax stands behind the name: leave --syntax out");
	cli->syntax = cli->args[1];
	return check_switches(cli) == CLI_DONE ? create(cli, &schema_attributes) : CLI_USAGE;
}

int
cmd_attribute_update(struct cli *cli)
{
	return check_switches(cli) == CLI_DONE ? update(cli, &schema_attributes) : CLI_USAGE;
}

int
cmd_attribute_delete(struct cli *cli)
{
	return remove_named(cli, &schema_attributes);
}

int
cmd_class_list(struct cli *cli)
{
	return list(cli, &schema_classes);
}

int
cmd_class_get(struct cli *cli)
{
	return get(cli, &schema_classes);
}

int
cmd_class_create(struct cli *cli)
{
	return create(cli, &schema_classes);
}

int
cmd_class_update(struct cli *cli)
{
	return update(cli, &schema_classes);
}

int
cmd_class_delete(struct cli *cli)
{
	return remove_named(cli, &schema_classes);
}
