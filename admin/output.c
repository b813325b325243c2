#include "admin/output.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/timearg.h"
#include "core/timefmt.h"

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A value may hold anything: what would move the cursor is shown as it is written in C. */
static void
print_value(const char *value)
{
	for (; *value != '\0'; value++) {
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			printf("\\x%02x", (unsigned char)*value);
		else
			putchar(*value);
	}
}

static void
print_attribute(const char *name, const json_t *values)
{
	for (size_t i = 0; i < json_array_size(values); i++) {
		printf("%s: ", name);
		print_value(json_string_value(json_array_get(values, i)));
		putchar('\n');
	}
}

static void
print_entry(const json_t *entry)
{
	size_t count = 0;
	const char **names = calloc(json_object_size(entry) + 1, sizeof(*names));
	const char *name;
	json_t *values;
	json_t *mutable_entry = (json_t *)(uintptr_t)entry; /* jansson's iterators are not const */

	if (names == NULL)
		return;
	json_object_foreach(mutable_entry, name, values) names[count++] = name;
	qsort(names, count, sizeof(*names), compare_names);
	puts("---");
	for (size_t i = 0; i < count; i++) {
		values = json_object_get(entry, names[i]);
		if (json_is_array(values))
			print_attribute(names[i], values);
	}
	free(names);
}

void
output_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(value);
}

void
output_entry(const struct cli *cli, const json_t *entry)
{
	if (cli->json)
		output_json(json_deep_copy(entry));
	else
		print_entry(entry);
}

void
output_entries(const struct cli *cli, const json_t *entries)
{
	if (cli->json) {
		output_json(json_deep_copy(entries));
		return;
	}
	for (size_t i = 0; i < json_array_size(entries); i++)
		print_entry(json_array_get(entries, i));
}

json_t *
output_time(const struct cli *cli, int64_t at_s)
{
	char local[TIMEARG_TEXT], stored[IDM_TIME_TEXT];

	timearg_format_local(at_s, local);
	idm_time_format(at_s, stored);
	return json_string(cli->json ? stored : local);
}

int
output_done(const struct cli *cli, const char *text)
{
	return output_done_with(cli, text, NULL, NULL);
}

int
output_done_with(const struct cli *cli, const char *text, const char *name, const char *value)
{
	json_t *answer;

	if (!cli->json) {
		if (text[0] != '\0')
			puts(text);
		return CLI_DONE;
	}
	answer = json_pack("{s:s}", "status", "ok");
	if (name != NULL)
		json_object_set_new(answer, name, json_string(value));
	output_json(answer);
	return CLI_DONE;
}
