#include "admin/server_report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "admin/prompt.h"
#include "common/privilege.h"

enum { FINDINGS_MAX = 1000 };

static void
take_finding(void *ctx, enum idm_finding kind, const char *text)
{
	struct server_report *report = ctx;

	server_progress_clear(&report->progress);
	if (report->json) {
		json_array_append_new(
		    report->findings, json_pack("{s:s, s:o?}", "kind", idm_finding_name(kind),
					  "text", json_string(text)));
		return;
	}
	fprintf(report->lines, "%s: ", idm_finding_name(kind));
	for (const char *c = text; *c != '\0'; c++) /* a damaged name holds anything */
		fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, report->lines);
	fputc('\n', report->lines);
}

static void
take_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct server_report *report = ctx;

	server_progress_show(&report->progress, what, done, total);
}

bool
server_report_begin(struct server_report *report, const struct server_cli *cli, FILE *lines)
{
	*report = (struct server_report){ .json = cli->json, .lines = lines };
	server_progress_begin(&report->progress, cli->json);
	report->findings = json_array();
	report->report = (struct idm_report){ .most = FINDINGS_MAX,
		.finding = take_finding,
		.progress = take_progress,
		.ctx = report };
	if (report->findings == NULL)
		server_fail("out of memory");
	return report->findings != NULL;
}

void
server_report_end(struct server_report *report)
{
	server_progress_clear(&report->progress);
	json_decref(report->findings);
	report->findings = NULL;
}

int
server_report_answer(struct server_report *report, json_t *pairs)
{
	bool ok = true;

	server_progress_clear(&report->progress);
	if (report->json) {
		ok = pairs != NULL && json_object_set(pairs, "findings", report->findings) == 0 &&
		     json_dumpf(pairs, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	}
	json_decref(pairs);
	ok = fflush(stdout) == 0 && ok;
	return ok ? SERVER_DONE : server_fail("the output could not be written");
}

bool
server_load_config(const struct server_cli *cli, struct server_config *config)
{
	struct idm_error err = { .text = "" };

	if (config_load(cli->config_path, config, &err) == IDM_OK)
		return true;
	server_fail("%s", err.text);
	return false;
}

bool
server_become_owner(const struct server_config *config)
{
	struct idm_error err = { .text = "" };

	if (privilege_drop(config->core_user, config->read_group, &err) != IDM_OK) {
		server_fail("%s", err.text);
		return false;
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file with a key */
	return true;
}

/* --- passphrases */

static bool
read_first_line(const char *path, char out[SERVER_PASSPHRASE_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got = fd < 0 ? -1 : 1;

	while (got > 0 && len < SERVER_PASSPHRASE_BYTES - 1) {
		got = read(fd, out + len, SERVER_PASSPHRASE_BYTES - 1 - len);
		len += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		server_fail("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return false;
	out[len] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (out[0] != '\0')
		return true;
	server_fail("%s: its first line is empty: write the passphrase there", path);
	return false;
}

static bool
ask(const char *question, bool twice, char out[SERVER_PASSPHRASE_BYTES])
{
	char again[PROMPT_BYTES];
	bool same;

	if (!prompt_password(question, out)) {
		server_fail("no passphrase was given");
		return false;
	}
	if (!twice || out[0] == '\0')
		return true;
	same = prompt_password("The same again: ", again) && strcmp(again, out) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same)
		server_fail("the two passphrases are not the same");
	return same;
}

bool
server_read_passphrase(const struct server_cli *cli, const char *question, bool twice,
    char out[SERVER_PASSPHRASE_BYTES])
{
	out[0] = '\0';
	if (cli->passphrase_file != NULL)
		return read_first_line(cli->passphrase_file, out);
	return question == NULL || !prompt_is_terminal() || ask(question, twice, out);
}
