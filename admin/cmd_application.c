/* Applications, and the passwords that accounts have for them (SPEC 6.1). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "admin/answer.h"
#include "admin/output.h"
#include "common/exop.h"

/* --- the applications: entries below ou=applications */

int
cmd_system_application_list(struct cli *cli)
{
	const char *suffix;
	json_t *entries = NULL;

	if (client_open(cli) != CLI_DONE || (suffix = client_suffix(cli)) == NULL ||
	    client_search(cli, suffix, "(class=application)", &entries) != CLI_DONE)
		return CLI_FAILED;
	output_entries(cli, entries);
	json_decref(entries);
	return CLI_DONE;
}

/* The DN of one; false after it was said that it can't have that name. */
static bool
dn_of(struct cli *cli, const char *name, char *out, size_t size)
{
	const char *suffix;

	if (strlen(name) > 128 || strpbrk(name, ",+\"\\<>;=#") != NULL) {
		cli_fail(cli,
		    "%.40s: an application's name has up to 64 of a-z, 0-9, `-`, `_`, `.` and "
		    "begins with a letter",
		    name);
		return false;
	}
	if (client_open(cli) != CLI_DONE || (suffix = client_suffix(cli)) == NULL)
		return false;
	snprintf(out, size, "cn=%s,ou=applications,%s", name, suffix);
	return true;
}

int
cmd_system_application_create(struct cli *cli)
{
	char *displayname[] = { cli->args[cli->arg_count == 3 ? 2 : 0], NULL };
	char *group[] = { cli->args[1], NULL };
	LDAPMod mods[2] = { { .mod_op = LDAP_MOD_ADD }, { .mod_op = LDAP_MOD_ADD } };
	LDAPMod *list[] = { &mods[0], &mods[1], NULL };
	char dn[2048];

	mods[0].mod_type = (char *)(uintptr_t) "displayname";
	mods[0].mod_values = displayname;
	mods[1].mod_type = (char *)(uintptr_t) "linked_group";
	mods[1].mod_values = group;
	if (!dn_of(cli, cli->args[0], dn, sizeof(dn)) || client_add(cli, dn, list) != CLI_DONE)
		return CLI_FAILED;
	return output_done_with(cli, "Success", "name", cli->args[0]);
}

int
cmd_system_application_delete(struct cli *cli)
{
	char dn[2048];

	if (!dn_of(cli, cli->args[0], dn, sizeof(dn)) || client_delete(cli, dn) != CLI_DONE)
		return CLI_FAILED;
	return output_done(cli, "Success");
}

/* --- the passwords of an account */

static int
ask(struct cli *cli, struct berval *request, struct berval **value)
{
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_APPLICATION_PASSWORD, request, value);
	ber_bvfree(request);
	return status;
}

/* One password of the answer, without itself; NULL: it does not decode. */
static json_t *
read_one(const struct cli *cli, BerElement *ber)
{
	struct berval id, application, label, issued;
	json_t *one;

	if (ber_scanf(ber, "{mmmm}", &id, &application, &label, &issued) == LBER_ERROR)
		return NULL;
	one = json_pack("{s:s%, s:s%, s:s%}", "id", id.bv_val, (size_t)id.bv_len, "application",
	    application.bv_val, (size_t)application.bv_len, "label", label.bv_val,
	    (size_t)label.bv_len);
	json_object_set_new(one, "issued_at", output_time(cli, client_number(&issued)));
	return one;
}

static void
print_list(const struct cli *cli, const json_t *list)
{
	static const char *const keys[] = { "id", "application", "label", "issued_at" };

	if (json_array_size(list) == 0)
		cli_note(cli, "%s has no application passwords", cli->args[0]);
	for (size_t i = 0; i < json_array_size(list); i++) {
		puts("---");
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			printf("%s: %s\n", keys[k],
			    json_string_value(json_object_get(json_array_get(list, i), keys[k])));
	}
}

int
cmd_application_list(struct cli *cli)
{
	struct berval *value = NULL;
	json_t *list;
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(cli, client_value("se", cli->args[0], EXOP_APPLICATION_LIST), &value);
	if (status != CLI_DONE)
		return status;
	list = answer_list(cli, value, read_one);
	ber_bvfree(value);
	if (list == NULL)
		return cli_fail(cli, "the server's answer does not decode");
	if (cli->json)
		output_json(json_incref(list));
	else
		print_list(cli, list);
	json_decref(list);
	return CLI_DONE;
}

int
cmd_application_create(struct cli *cli)
{
	const char *label = cli->arg_count == 3 ? cli->args[2] : cli->args[1];
	struct berval *value = NULL;
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(cli,
		    client_value(
			"sess", cli->args[0], EXOP_APPLICATION_CREATE, cli->args[1], label),
		    &value);
	if (status != CLI_DONE)
		return status;
	status = answer_show_once(
	    cli, value, "password", "see `application list`, and destroy what it made");
	client_wipe_value(value);
	return status;
}

int
cmd_application_destroy(struct cli *cli)
{
	int status = client_open_target(cli, NULL);

	if (status == CLI_DONE)
		status = ask(cli,
		    client_value("ses", cli->args[0], EXOP_APPLICATION_DESTROY, cli->args[1]),
		    NULL);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}
