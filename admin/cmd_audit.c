/* audit: the records of the server's audit trail, and whether it is whole (SPEC 11.3). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/client.h"
#include "admin/output.h"
#include "admin/timearg.h"
#include "common/exop.h"
#include "core/timefmt.h"

enum { LIMIT_DEFAULT = 100, PAGE_MAX = 500, COLUMNS = 7, HASH_DIGITS = 64 };

/* --- what is asked for */

struct asked {
	int64_t since_s;
	int64_t until_s;
	int64_t left; /* records; INT64_MAX: all of them */
	int outcome;  /* enum exop_audit_outcome */
};

static int
read_time(const struct cli *cli, const char *option, const char *text, int64_t *out)
{
	bool none;

	*out = 0;
	if (text == NULL || timearg_parse(text, "any", time(NULL), out, &none))
		return CLI_DONE;
	return cli_misuse(
	    cli, "--%s %s is no time: write it like 2020-09-25T11:22:04+00:00", option, text);
}

static int
read_outcome(const struct cli *cli, int *out)
{
	*out = EXOP_AUDIT_ANY;
	if (cli->outcome == NULL)
		return CLI_DONE;
	if (strcmp(cli->outcome, "ok") == 0)
		*out = EXOP_AUDIT_OK;
	else if (strcmp(cli->outcome, "refused") == 0)
		*out = EXOP_AUDIT_REFUSED;
	else
		return cli_misuse(cli, "--outcome %s: it is ok or refused", cli->outcome);
	return CLI_DONE;
}

static int
read_limit(const struct cli *cli, int64_t *out)
{
	char *end;
	long long limit;

	*out = LIMIT_DEFAULT;
	if (cli->limit == NULL)
		return CLI_DONE;
	errno = 0;
	limit = strtoll(cli->limit, &end, 10);
	if (errno != 0 || end == cli->limit || *end != '\0' || limit < 0)
		return cli_misuse(
		    cli, "--limit %s is no number of records; 0: all of them", cli->limit);
	*out = limit == 0 ? INT64_MAX : limit;
	return CLI_DONE;
}

static int
read_asked(const struct cli *cli, struct asked *out)
{
	int status = read_time(cli, "since", cli->since, &out->since_s);

	if (status == CLI_DONE)
		status = read_time(cli, "until", cli->until, &out->until_s);
	if (status == CLI_DONE)
		status = read_outcome(cli, &out->outcome);
	return status == CLI_DONE ? read_limit(cli, &out->left) : status;
}

static const char *
text_of(const char *option)
{
	return option == NULL ? "" : option;
}

/* --- one record of an answer */

/* The fields of a record that are texts, in the order in which they come. */
struct fields {
	struct berval serial, at, protocol, operation, outcome, actor, actor_name, session, source,
	    target, target_name, change, reason, left, hash;
	ber_int_t trusted;
	char **attributes;
};

static json_t *
text(const struct berval *value)
{
	return value->bv_len == 0 ? json_null() : json_stringn(value->bv_val, value->bv_len);
}

static json_t *
number(const struct berval *value)
{
	return json_integer(client_number(value));
}

static json_t *
at_of(const struct cli *cli, const struct berval *value)
{
	char local[TIMEARG_TEXT], stored[IDM_TIME_TEXT];

	timearg_format_local(client_number(value), local);
	idm_time_format(client_number(value), stored);
	return json_string(cli->json ? stored : local);
}

static json_t *
names_of(char **names)
{
	json_t *array = json_array();

	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		json_array_append_new(array, json_string(names[i]));
	return array;
}

static json_t *
record_of(const struct cli *cli, const struct fields *f)
{
	json_t *record = json_object();

	json_object_set_new(record, "serial", number(&f->serial));
	json_object_set_new(record, "at", at_of(cli, &f->at));
	json_object_set_new(record, "clock_trusted", json_boolean(f->trusted));
	json_object_set_new(record, "protocol", text(&f->protocol));
	json_object_set_new(record, "operation", text(&f->operation));
	json_object_set_new(record, "outcome", text(&f->outcome));
	json_object_set_new(record, "actor", text(&f->actor));
	json_object_set_new(record, "actor_name", text(&f->actor_name));
	json_object_set_new(record, "session", text(&f->session));
	json_object_set_new(record, "source", text(&f->source));
	json_object_set_new(record, "target", text(&f->target));
	json_object_set_new(record, "target_name", text(&f->target_name));
	json_object_set_new(
	    record, "change", client_number(&f->change) == 0 ? json_null() : number(&f->change));
	json_object_set_new(record, "reason", text(&f->reason));
	json_object_set_new(record, "attributes", names_of(f->attributes));
	json_object_set_new(record, "attributes_left_out", number(&f->left));
	json_object_set_new(record, "hash", text(&f->hash));
	return record;
}

/* NULL: it does not decode. */
static json_t *
read_record(const struct cli *cli, BerElement *ber)
{
	struct fields f = { .attributes = NULL };
	json_t *record = NULL;

	if (ber_scanf(ber, "{mmbmmmmmmmmmmmm{v}m}", &f.serial, &f.at, &f.trusted, &f.protocol,
		&f.operation, &f.outcome, &f.actor, &f.actor_name, &f.session, &f.source, &f.target,
		&f.target_name, &f.change, &f.reason, &f.left, &f.attributes,
		&f.hash) != LBER_ERROR)
		record = record_of(cli, &f);
	ber_memvfree((void **)f.attributes);
	return record;
}

/* The records of an answer, and where it is to go on; NULL: it does not decode. */
static json_t *
read_page(const struct cli *cli, struct berval *value, int64_t *next)
{
	BerElement *ber = value == NULL ? NULL : ber_init(value);
	struct berval number_next;
	json_t *page = NULL;
	char *last;
	ber_len_t len;

	if (ber != NULL && ber_scanf(ber, "{m", &number_next) != LBER_ERROR) {
		*next = client_number(&number_next);
		page = json_array();
	}
	for (ber_tag_t tag = page == NULL ? LBER_DEFAULT : ber_first_element(ber, &len, &last);
	     tag != LBER_DEFAULT && page != NULL; tag = ber_next_element(ber, &len, last)) {
		json_t *record = read_record(cli, ber);

		if (record != NULL) {
			json_array_append_new(page, record);
		} else {
			json_decref(page);
			page = NULL;
		}
	}
	ber_free(ber, 1);
	return page;
}

/* --- text */

static const char *
shown(const json_t *record, const char *name, const char *uuid)
{
	const char *value = json_string_value(json_object_get(record, name));

	if (value == NULL && uuid != NULL)
		value = json_string_value(json_object_get(record, uuid));
	return value == NULL ? "-" : value;
}

/* Who did it: what has no account is the server itself, or its console. */
static const char *
actor_of(const json_t *record)
{
	const char *actor = shown(record, "actor_name", "actor");
	const char *protocol = shown(record, "protocol", NULL);

	if (strcmp(actor, "-") != 0)
		return actor;
	if (strcmp(protocol, "kanidmd") == 0)
		return "(console)";
	return strcmp(protocol, "internal") == 0 ? "(server)" : "-";
}

static void
columns_of(const json_t *record, const char *out[COLUMNS], char serial[24])
{
	snprintf(
	    serial, 24, "%lld", (long long)json_integer_value(json_object_get(record, "serial")));
	out[0] = serial;
	out[1] = shown(record, "at", NULL);
	out[2] = shown(record, "outcome", NULL);
	out[3] = shown(record, "operation", NULL);
	out[4] = actor_of(record);
	out[5] = shown(record, "target_name", "target");
	out[6] = shown(record, "source", "protocol");
}

/* What comes behind the columns: attributes in brackets, the reason, the session. */
static void
print_details(const json_t *record)
{
	const json_t *attributes = json_object_get(record, "attributes");
	const char *reason = json_string_value(json_object_get(record, "reason"));
	long long left =
	    (long long)json_integer_value(json_object_get(record, "attributes_left_out"));

	for (size_t i = 0; i < json_array_size(attributes); i++)
		printf(
		    "%s%s", i == 0 ? "  [" : " ", json_string_value(json_array_get(attributes, i)));
	if (left != 0)
		printf(" and %lld others", left);
	if (json_array_size(attributes) != 0)
		putchar(']');
	if (reason != NULL)
		printf("  %s", reason);
	if (!json_is_true(json_object_get(record, "clock_trusted")))
		fputs("  (the clock was not trusted)", stdout);
	putchar('\n');
}

/* Columns never become narrower, so that pages look like one. */
static void
print_page(const json_t *page, size_t widths[COLUMNS])
{
	const char *columns[COLUMNS];
	char serial[24];

	for (size_t i = 0; i < json_array_size(page); i++) {
		columns_of(json_array_get(page, i), columns, serial);
		for (size_t k = 0; k < COLUMNS; k++)
			widths[k] = strlen(columns[k]) > widths[k] ? strlen(columns[k]) : widths[k];
	}
	for (size_t i = 0; i < json_array_size(page); i++) {
		columns_of(json_array_get(page, i), columns, serial);
		printf("%*s", (int)widths[0], columns[0]);
		for (size_t k = 1; k < COLUMNS; k++)
			printf("  %-*s", (int)widths[k], columns[k]);
		print_details(json_array_get(page, i));
	}
}

/* --- list */

static int
ask_page(struct cli *cli, const struct asked *asked, int64_t before, json_t **page, int64_t *next)
{
	int64_t limit = asked->left < PAGE_MAX ? asked->left : PAGE_MAX;
	struct berval *value = NULL;
	struct berval *request = client_value("ennnnssse", EXOP_AUDIT_LIST, before, limit,
	    asked->since_s, asked->until_s, text_of(cli->actor), text_of(cli->target),
	    text_of(cli->operation), asked->outcome);
	int status;

	*page = NULL;
	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_AUDIT, request, &value);
	ber_bvfree(request);
	if (status != CLI_DONE)
		return status;
	*page = read_page(cli, value, next);
	ber_bvfree(value);
	return *page == NULL ? cli_fail(cli, "the server's answer does not decode") : CLI_DONE;
}

static void
print_json_page(const json_t *page, bool *any)
{
	for (size_t i = 0; i < json_array_size(page); i++) {
		fputs(*any ? ",\n" : "[\n", stdout);
		json_dumpf(json_array_get(page, i), stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
		*any = true;
	}
}

static int
list(struct cli *cli, struct asked *asked)
{
	size_t widths[COLUMNS] = { 0 };
	int64_t next = 0;
	bool any = false;
	int status = client_open(cli);

	while (status == CLI_DONE && asked->left > 0) {
		json_t *page;

		status = ask_page(cli, asked, next, &page, &next);
		if (status != CLI_DONE)
			break;
		if (cli->json)
			print_json_page(page, &any);
		else
			print_page(page, widths);
		asked->left -= (int64_t)json_array_size(page);
		json_decref(page);
		if (next == 0)
			break;
	}
	if (cli->json && any)
		puts("\n]"); /* also where the rest did not come: what is there is one value */
	else if (cli->json && status == CLI_DONE)
		puts("[]");
	return status;
}

int
cmd_audit_list(struct cli *cli)
{
	struct asked asked;
	int status = read_asked(cli, &asked);

	return status == CLI_DONE ? list(cli, &asked) : status;
}

/* --- verify */

struct verdict {
	int64_t next;
	int64_t first;
	int64_t last;
	int64_t broken; /* 0: it is not */
	char hash[80];
	char text[256];
};

static bool
read_verdict(struct berval *value, struct verdict *out)
{
	BerElement *ber = value == NULL ? NULL : ber_init(value);
	struct berval next, first, last, hash, broken, why;
	bool good = ber != NULL && ber_scanf(ber, "{mmmmmm}", &next, &first, &last, &hash, &broken,
				       &why) != LBER_ERROR;

	if (good) {
		out->next = client_number(&next);
		out->first = client_number(&first);
		out->last = client_number(&last);
		out->broken = client_number(&broken);
		snprintf(out->hash, sizeof(out->hash), "%.*s", (int)hash.bv_len, hash.bv_val);
		snprintf(out->text, sizeof(out->text), "%.*s", (int)why.bv_len, why.bv_val);
	}
	ber_free(ber, 1);
	return good;
}

static int
ask_verify(struct cli *cli, int64_t from, struct verdict *out)
{
	struct berval *value = NULL;
	struct berval *request = client_value("en", EXOP_AUDIT_VERIFY, from);
	int status;

	if (request == NULL)
		return cli_fail(cli, "out of memory");
	status = client_exop(cli, EXOP_AUDIT, request, &value);
	ber_bvfree(request);
	if (status == CLI_DONE && !read_verdict(value, out))
		status = cli_fail(cli, "the server's answer does not decode");
	ber_bvfree(value);
	return status;
}

static void
tell_json(const struct verdict *v)
{
	json_t *answer = json_pack("{s:b, s:I, s:I, s:s}", "intact", v->broken == 0, "first",
	    (json_int_t)v->first, "last", (json_int_t)v->last, "hash", v->hash);

	json_object_set_new(
	    answer, "broken_at", v->broken != 0 ? json_integer(v->broken) : json_null());
	json_object_set_new(
	    answer, "reason", v->text[0] != '\0' ? json_string(v->text) : json_null());
	output_json(answer);
}

static int
tell(const struct cli *cli, const struct verdict *v)
{
	if (cli->json)
		tell_json(v);
	if (v->broken != 0)
		return cli_fail(cli, "the audit trail is broken at record %lld: %s",
		    (long long)v->broken, v->text);
	if (cli->json)
		return CLI_DONE;
	printf("The audit trail is intact: records %lld to %lld.\nhash of record %lld: %s\n",
	    (long long)v->first, (long long)v->last, (long long)v->last, v->hash);
	return CLI_DONE;
}

/* --- verify against what was noted of it */

/* "SERIAL:HASH" */
struct noted {
	int64_t serial;
	const char *hash;
};

static int
read_noted(const struct cli *cli, struct noted *out)
{
	char *end;

	errno = 0;
	out->serial = strtoll(cli->head, &end, 10);
	out->hash = end + 1;
	if (errno == 0 && out->serial > 0 && out->serial < INT64_MAX && *end == ':' &&
	    strlen(out->hash) == HASH_DIGITS &&
	    strspn(out->hash, "0123456789abcdef") == HASH_DIGITS)
		return CLI_DONE;
	return cli_misuse(cli,
	    "--head %s: write the number of a record, a colon, and the hash that `kanidm audit "
	    "verify` told of it",
	    cli->head);
}

/* The record of this number, in an array of one; an empty one: it is not there. */
static int
ask_record(struct cli *cli, int64_t serial, json_t **page)
{
	const struct asked asked = { .left = 1, .outcome = EXOP_AUDIT_ANY };
	int64_t next;
	int status = ask_page(cli, &asked, serial + 1, page, &next);
	const json_t *record;

	if (status != CLI_DONE)
		return status;
	record = json_array_get(*page, 0);
	if (json_integer_value(json_object_get(record, "serial")) != serial)
		json_array_clear(*page);
	return CLI_DONE;
}

/* Is that record still the one that was noted? */
static int
compare_noted(struct cli *cli, const struct noted *noted, const struct verdict *verdict)
{
	json_t *page = NULL;
	const char *hash;
	int status;

	if (noted->serial < verdict->first)
		return cli_fail(
		    cli, "record %lld was forgotten: note a newer one", (long long)noted->serial);
	status = ask_record(cli, noted->serial, &page);
	if (status != CLI_DONE)
		return status;
	hash = json_string_value(json_object_get(json_array_get(page, 0), "hash"));
	if (hash == NULL)
		status = cli_fail(cli, "record %lld is not there: the audit trail was cut",
		    (long long)noted->serial);
	else if (strcmp(hash, noted->hash) != 0)
		status = cli_fail(cli,
		    "record %lld is another one than was noted: the audit trail was written anew",
		    (long long)noted->serial);
	json_decref(page);
	return status;
}

/* In steps, between which the server serves others. */
int
cmd_audit_verify(struct cli *cli)
{
	struct verdict verdict = { .next = 0 };
	struct noted noted = { .serial = 0 };
	int status = cli->head == NULL ? CLI_DONE : read_noted(cli, &noted);

	if (status == CLI_DONE)
		status = client_open(cli);
	while (status == CLI_DONE) {
		status = ask_verify(cli, verdict.next, &verdict);
		if (verdict.next == 0)
			break;
	}
	if (status == CLI_DONE && verdict.broken == 0 && noted.serial != 0)
		status = compare_noted(cli, &noted, &verdict);
	return status == CLI_DONE ? tell(cli, &verdict) : status;
}
