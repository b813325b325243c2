#include "admin/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/toml.h"

static enum idm_result
on_table(void *ctx, const struct toml_place *place, struct idm_error *err)
{
	(void)ctx;
	return toml_fail(
	    err, place, "[%s] is not known here; write key = \"value\" lines alone", place->table);
}

/* Keys of older files: what they may say is what is done anyway. */
static enum idm_result
check_verify(const struct toml_place *place, const struct toml_value *value, struct idm_error *err)
{
	if (value->kind == TOML_BOOLEAN && value->boolean)
		return IDM_OK;
	return toml_fail(err, place,
	    "is always true; take the line out, and name the CA of the server with ca_path");
}

static enum idm_result
on_value(void *ctx, const struct toml_place *place, const struct toml_value *value,
    struct idm_error *err)
{
	struct settings *settings = ctx;
	struct {
		const char *key;
		char *out;
		size_t size;
	} known[] = {
		{ "uri", settings->uri, sizeof(settings->uri) },
		{ "name", settings->name, sizeof(settings->name) },
		{ "ca_path", settings->ca_path, sizeof(settings->ca_path) },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(place->key, known[i].key) != 0)
			continue;
		if (value->kind != TOML_STRING || strlen(value->text) >= known[i].size)
			return toml_fail(
			    err, place, "is not a short text; write %s = \"...\"", known[i].key);
		snprintf(known[i].out, known[i].size, "%s", value->text);
		return IDM_OK;
	}
	if (strcmp(place->key, "verify_ca") == 0 || strcmp(place->key, "verify_hostnames") == 0)
		return check_verify(place, value, err);
	return toml_fail(err, place, "is not known; the keys are uri, name, ca_path");
}

static bool
load_file(const struct cli *cli, const char *path, struct settings *settings)
{
	const struct toml_reader reader = { on_table, on_value, settings };
	struct idm_error err = { .text = "" };
	enum idm_result result = toml_load(path, &reader, &err);

	if (result == IDM_OK || result == IDM_NOT_FOUND)
		return true;
	cli_fail(cli, "%s", err.text);
	return false;
}

static const char *
first_of(const char *option, const char *variable, const char *setting)
{
	const char *value = option != NULL ? option : getenv(variable);

	if (value == NULL || value[0] == '\0')
		value = setting[0] == '\0' ? NULL : setting;
	return value;
}

bool
settings_load(struct cli *cli, struct settings *settings)
{
	const char *home = getenv("HOME");
	char path[4096];

	if (!load_file(cli, "/etc/kanidm/config", settings))
		return false;
	snprintf(path, sizeof(path), "%s/.config/kanidm", home == NULL ? "" : home);
	if (home != NULL && !load_file(cli, path, settings))
		return false;
	cli->url = first_of(cli->url, "KANIDM_URL", settings->uri);
	if (cli->url == NULL)
		cli->url = CLI_DEFAULT_URL;
	cli->name = first_of(cli->name, "KANIDM_NAME", settings->name);
	cli->ca = first_of(cli->ca, "KANIDM_CA_PATH", settings->ca_path);
	return true;
}
