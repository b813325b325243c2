/* system access explain: what an account may do with an entry, and why (SPEC 5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/client.h"
#include "admin/output.h"
#include "common/exop.h"

/* --- the answer, as common/exop.h has it */

/*
 * The answer as an object: "attributes" and "classes" hold, by name, which rights ("search", "add",
 * "remove", "change") come from which profiles; "delete" the profiles that grant that.
 */
static json_t *
source_of(const char *profile, char **through)
{
	json_t *names = json_array();

	for (size_t i = 0; through != NULL && through[i] != NULL; i++)
		json_array_append_new(names, json_string(through[i]));
	return json_pack("{s:s, s:o}", "profile", profile, "through", names);
}

static void
add_source(json_t *rights, const char *right, json_t *source)
{
	json_t *list = json_object_get(rights, right);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(rights, right, list);
	}
	json_array_append(list, source);
}

static void
add_names(json_t *objects, char **names, const char *right, json_t *source)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		json_t *rights = json_object_get(objects, names[i]);

		if (rights == NULL) {
			rights = json_object();
			json_object_set_new(objects, names[i], rights);
		}
		add_source(rights, right, source);
	}
}

/* What one profile grants. */
struct grant {
	char *profile;
	char **through;
	char **search;
	char **add;
	char **remove;
	char **classes;
	ber_int_t deletes;
};

static void
wipe_grant(struct grant *grant)
{
	ber_memfree(grant->profile);
	ber_memvfree((void **)grant->through);
	ber_memvfree((void **)grant->search);
	ber_memvfree((void **)grant->add);
	ber_memvfree((void **)grant->remove);
	ber_memvfree((void **)grant->classes);
}

static bool
read_grant(BerElement *ber, json_t *out)
{
	struct grant grant = { .profile = NULL };
	bool good =
	    ber_scanf(ber, "{a{v}{v}{v}{v}{v}b}", &grant.profile, &grant.through, &grant.search,
		&grant.add, &grant.remove, &grant.classes, &grant.deletes) != LBER_ERROR;

	if (good) {
		json_t *source = source_of(grant.profile, grant.through);
		json_t *attributes = json_object_get(out, "attributes");

		add_names(attributes, grant.search, "search", source);
		add_names(attributes, grant.add, "add", source);
		add_names(attributes, grant.remove, "remove", source);
		add_names(json_object_get(out, "classes"), grant.classes, "change", source);
		if (grant.deletes)
			json_array_append(json_object_get(out, "delete"), source);
		json_decref(source);
	}
	wipe_grant(&grant);
	return good;
}

/* NULL: it does not decode. */
static json_t *
read_answer(struct berval *value)
{
	BerElement *ber = ber_init(value);
	char *actor = NULL, *target = NULL, *last;
	ber_int_t hp = 0, builtin = 0;
	ber_len_t len;
	json_t *out = NULL;
	bool good =
	    ber != NULL && ber_scanf(ber, "{aabb", &actor, &target, &hp, &builtin) != LBER_ERROR;

	if (good)
		out = json_pack("{s:s, s:s, s:b, s:b, s:{}, s:{}, s:[]}", "actor", actor, "target",
		    target, "high_privilege", hp, "built_in", builtin, "attributes", "classes",
		    "delete");
	for (ber_tag_t tag = good ? ber_first_element(ber, &len, &last) : LBER_DEFAULT;
	     good && out != NULL && tag != LBER_DEFAULT; tag = ber_next_element(ber, &len, last))
		good = read_grant(ber, out);
	ber_memfree(actor);
	ber_memfree(target);
	ber_free(ber, 1);
	if (!good)
		json_decref(out);
	return good ? out : NULL;
}

/* --- for people */

static bool
is_printed(const json_t *sources, const char *profile)
{
	for (size_t i = 0; i < json_array_size(sources); i++) {
		if (strcmp(json_string_value(json_array_get(sources, i)), profile) == 0)
			return true;
	}
	return false;
}

/* "people_read (idm_people_read_priv)", each profile of the list once. */
static void
print_sources(const json_t *list, json_t *printed)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *source = json_array_get(list, i);
		const json_t *through = json_object_get(source, "through");
		const char *profile = json_string_value(json_object_get(source, "profile"));

		if (is_printed(printed, profile))
			continue;
		printf("%s%s", json_array_size(printed) == 0 ? "" : ", ", profile);
		json_array_append_new(printed, json_string(profile));
		for (size_t k = 0; k < json_array_size(through); k++)
			printf("%s%s", k == 0 ? " (" : ", ",
			    json_string_value(json_array_get(through, k)));
		printf("%s", json_array_size(through) == 0 ? "" : ")");
	}
}

static void
print_rights(const char *name, const json_t *rights)
{
	static const char *const kinds[] = { "search", "add", "remove", "change" };
	json_t *printed = json_array();
	char words[64] = "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (json_object_get(rights, kinds[i]) == NULL)
			continue;
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s",
		    words[0] == '\0' ? "" : " ", kinds[i]);
	}
	printf("%-26s %-18s ", name, words);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		print_sources(json_object_get(rights, kinds[i]), printed);
	putchar('\n');
	json_decref(printed);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `prefix`: "" or "class ". */
static void
print_objects(json_t *objects, const char *prefix)
{
	const char **names = calloc(json_object_size(objects) + 1, sizeof(*names));
	const char *name;
	json_t *rights;
	size_t count = 0;

	if (names == NULL)
		return;
	json_object_foreach(objects, name, rights) names[count++] = name;
	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		char label[128];

		snprintf(label, sizeof(label), "%s%s", prefix, names[i]);
		print_rights(label, json_object_get(objects, names[i]));
	}
	free(names);
}

static void
print_answer(const json_t *answer)
{
	json_t *attributes = json_object_get(answer, "attributes");
	json_t *classes = json_object_get(answer, "classes");
	json_t *delete = json_object_get(answer, "delete");
	json_t *printed = json_array();

	printf("%s on %s%s\n", json_string_value(json_object_get(answer, "actor")),
	    json_string_value(json_object_get(answer, "target")),
	    json_is_true(json_object_get(answer, "high_privilege")) ? ", which is high privilege"
								    : "");
	if (json_object_size(attributes) + json_object_size(classes) + json_array_size(delete) == 0)
		puts("nothing: for this account the entry is not there");
	print_objects(attributes, "");
	print_objects(classes, "class ");
	if (json_array_size(delete) != 0) {
		printf("%-26s %-18s ", "the entry", "delete");
		print_sources(delete, printed);
		putchar('\n');
	}
	if (json_is_true(json_object_get(answer, "built_in")))
		puts("it is built in: nobody renames or deletes it, or changes its classes");
	json_decref(printed);
}

int
cmd_access_explain(struct cli *cli)
{
	struct berval *value = NULL;
	struct berval *request;
	json_t *answer;
	int status;

	if (client_open(cli) != CLI_DONE)
		return CLI_FAILED;
	request = client_value("ss", cli->args[0], cli->args[1]);
	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_ACCESS_EXPLAIN, request, &value);
	ber_bvfree(request);
	if (status != CLI_DONE)
		return status;
	answer = value == NULL ? NULL : read_answer(value);
	ber_bvfree(value);
	if (answer == NULL)
		return cli_fail(cli, "the server's answer does not decode: is it of our version?");
	if (cli->json) {
		output_json(answer);
		return CLI_DONE;
	}
	print_answer(answer);
	json_decref(answer);
	return CLI_DONE;
}
