/* validity: show, begin_from, expire_at (SPEC 10.6). */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/timearg.h"
#include "core/timefmt.h"

/* "any time" and "never", or the second in the caller's zone. */
static const char *
show_border(const json_t *entry, const char *attribute, const char *none, char out[TIMEARG_TEXT])
{
	const char *stored = client_first(entry, attribute);
	int64_t at_s;

	if (stored == NULL || !idm_time_parse(idm_span_cstr(stored), &at_s))
		return none;
	timearg_format_local(at_s, out);
	return out;
}

int
cmd_validity_show(struct cli *cli)
{
	char from_text[TIMEARG_TEXT], expire_text[TIMEARG_TEXT];
	const char *from, *expire;
	json_t *entry;

	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	/* Computed from the window, so it is there exactly for those who may read that. */
	if (!client_has_value(
		cli, json_string_value(json_object_get(entry, "dn")), "nsAccountLock")) {
		json_decref(entry);
		return cli_fail(cli,
		    "%s: you may not see its validity: idm_account_read_priv grants that",
		    cli->args[0]);
	}
	from = show_border(entry, "account_valid_from", "any time", from_text);
	expire = show_border(entry, "account_expire", "never", expire_text);
	if (cli->json)
		output_json(json_pack("{s:s, s:s}", "valid_from", from, "expire", expire));
	else
		printf("valid after: %s\nexpire: %s\n", from, expire);
	json_decref(entry);
	return CLI_DONE;
}

static int
set_border(struct cli *cli, const char *attribute, const char *none_word)
{
	char stored[IDM_TIME_TEXT];
	char *values[] = { stored, NULL };
	json_t *entry;
	int64_t at_s;
	bool none;
	int status;

	if (!timearg_parse(cli->args[1], none_word, time(NULL), &at_s, &none))
		return cli_misuse(cli,
		    "%s is no time: write it like 2020-09-25T11:22:04+00:00, or one of: %s, clear, "
		    "now, epoch",
		    cli->args[1], none_word);
	if (client_open_target(cli, &entry) != CLI_DONE)
		return CLI_FAILED;
	idm_time_format(at_s, stored);
	status = client_modify_one(cli, json_string_value(json_object_get(entry, "dn")),
	    LDAP_MOD_REPLACE, attribute, none ? NULL : values);
	json_decref(entry);
	return status == CLI_DONE ? output_done(cli, "Success") : status;
}

int
cmd_validity_begin_from(struct cli *cli)
{
	return set_border(cli, "account_valid_from", "any");
}

int
cmd_validity_expire_at(struct cli *cli)
{
	return set_border(cli, "account_expire", "never");
}
