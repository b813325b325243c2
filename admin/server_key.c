/* kanidmd key rotate: new keys for what is sealed (SPEC 6.10). */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "admin/server.h"
#include "admin/server_progress.h"
#include "common/privilege.h"
#include "common/server_data.h"
#include "core/rotate.h"

static const struct ring {
	const char *word;
	const char *file;
	enum idm_purpose purpose;
} rings[] = {
	{ "password", "password.keys", IDM_PURPOSE_PASSWORD },
	{ "radius", "radius.keys", IDM_PURPOSE_RADIUS },
};

enum { RING_COUNT = sizeof(rings) / sizeof(rings[0]) };

struct job {
	const struct server_config *config;
	struct server_data data;
	struct server_progress progress;
	struct idm_error err;
};

static void
show(void *context, uint64_t resealed)
{
	struct job *job = context;

	server_progress_show(&job->progress, "secrets", resealed, 0);
}

/*
 * What an interrupted rotation left comes first: after 64 of them a ring loses its oldest key.  The
 * ring is on the disk before anything is sealed under the new key.
 */
static enum idm_result
rotate(struct job *job, const struct ring *ring, uint64_t *resealed)
{
	const struct idm_keyring *old =
	    ring->purpose == IDM_PURPOSE_PASSWORD ? job->data.password_ring : job->data.radius_ring;
	gid_t group =
	    ring->purpose == IDM_PURPOSE_RADIUS ? server_radius_group(job->config) : (gid_t)-1;
	struct idm_keyring *renewed = NULL;
	char path[CONFIG_PATH_BYTES + 32];
	enum idm_result result;

	snprintf(path, sizeof(path), "%s/%s", job->config->key_path, ring->file);
	result = idm_secrets_reseal(job->data.store, old, show, job, resealed, &job->err);
	if (result == IDM_OK)
		result = idm_keyring_rotate(path, ring->purpose, group, &job->err);
	if (result == IDM_OK)
		result = idm_keyring_open(path, ring->purpose, &renewed, &job->err);
	if (result == IDM_OK)
		result =
		    idm_secrets_reseal(job->data.store, renewed, show, job, resealed, &job->err);
	idm_keyring_close(&renewed);
	return result;
}

static enum idm_result
rotate_all(struct job *job, const struct server_cli *cli, uint64_t resealed[RING_COUNT])
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < RING_COUNT && result == IDM_OK; i++) {
		if (cli->arg_count == 0 || strcmp(cli->args[0], rings[i].word) == 0)
			result = rotate(job, &rings[i], &resealed[i]);
	}
	server_progress_clear(&job->progress);
	return result;
}

static int
tell(const struct server_cli *cli, const uint64_t resealed[RING_COUNT])
{
	const char *comma = "";

	fputs(cli->json ? "{ " : "", stdout);
	for (size_t i = 0; i < RING_COUNT; i++) {
		if (cli->arg_count != 0 && strcmp(cli->args[0], rings[i].word) != 0)
			continue;
		if (cli->json)
			printf("%s\"%s\": %llu", comma, rings[i].word,
			    (unsigned long long)resealed[i]);
		else
			printf("%s: a new key; %llu secrets are sealed under it\n", rings[i].file,
			    (unsigned long long)resealed[i]);
		comma = ", ";
	}
	fputs(cli->json ? " }\n" : "", stdout);
	return fflush(stdout) == 0 ? SERVER_DONE : server_fail("the output could not be written");
}

static bool
is_ring(const char *word)
{
	for (size_t i = 0; i < RING_COUNT; i++) {
		if (strcmp(word, rings[i].word) == 0)
			return true;
	}
	return false;
}

int
server_rotate_key(struct server_cli *cli)
{
	static struct server_config config;
	struct job job = { .config = &config };
	uint64_t resealed[RING_COUNT] = { 0 };
	enum idm_result result;

	if (cli->arg_count != 0 && !is_ring(cli->args[0])) {
		server_fail("%s: there are the rings password and radius", cli->args[0]);
		return SERVER_USAGE;
	}
	result = config_load(cli->config_path, &config, &job.err);
	if (result == IDM_OK)
		result = privilege_drop(config.core_user, config.read_group, &job.err);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core file with a key */
	if (result == IDM_OK)
		result = server_data_open(&config, &job.data, &job.err);
	if (result == IDM_BUSY)
		return server_fail("%s: stop the server first; nothing was changed", job.err.text);
	if (result != IDM_OK)
		return server_fail("%s", job.err.text);
	server_tell_upgrade(job.data.store, &config);
	server_progress_begin(&job.progress, cli->json);
	result = rotate_all(&job, cli, resealed);
	server_data_close(&job.data);
	return result == IDM_OK ? tell(cli, resealed)
				: server_fail("%s: what is sealed under older keys stays readable; "
					      "repeat the command",
				      job.err.text);
}
