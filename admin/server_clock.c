/* kanidmd trust_clock: an administrator says that the clock is right (SPEC 11.5). */
#include <stdio.h>
#include <string.h>

#include "admin/server.h"
#include "common/clock.h"
#include "common/privilege.h"
#include "common/server_data.h"
#include "core/floor.h"

/* From now on this is the newest trusted time, though another one was newer. */
static enum idm_result
trust(struct idm_store *store, int64_t now_s, struct idm_error *err)
{
	struct idm_clock_seen seen = {
		.wall_s = now_s, .boot_ms = clock_monotonic_ms(), .synchronised = true
	};
	enum idm_result result;

	clock_boot_id(seen.boot);
	result = idm_floor_set(store, now_s, err);
	return result == IDM_OK ? idm_clock_seen_store(store, &seen, err) : result;
}

static int
tell(const struct server_cli *cli, int64_t now_s, int64_t before_s)
{
	char now[IDM_TIME_TEXT], before[IDM_TIME_TEXT];

	idm_time_format(now_s, now);
	idm_time_format(before_s, before);
	if (cli->json)
		printf("{ \"time\": \"%s\", \"before\": \"%s\" }\n", now, before);
	else
		printf("The clock is trusted: it is %s; the newest trusted time was %s\n", now,
		    before);
	return fflush(stdout) == 0 ? SERVER_DONE : server_fail("the output could not be written");
}

int
server_trust_clock(struct server_cli *cli)
{
	static struct server_config config;
	struct server_data data;
	struct idm_error err = { .text = "" };
	int64_t now_s = clock_now_s(), before_s;
	enum idm_result result = config_load(cli->config_path, &config, &err);

	if (result == IDM_OK)
		result = privilege_drop(config.core_user, config.read_group, &err);
	if (result == IDM_OK)
		result = server_data_open(&config, &data, &err);
	if (result == IDM_BUSY)
		return server_fail("%s: stop the server first; nothing was changed", err.text);
	if (result != IDM_OK)
		return server_fail("%s", err.text);
	server_tell_upgrade(data.store, &config);
	before_s = idm_store_clock_floor(data.store);
	if (now_s < clock_build_s())
		result = idm_fail(&err, IDM_INVALID,
		    "the clock is before the time when this program was made: set it first");
	if (result == IDM_OK)
		result = trust(data.store, now_s, &err);
	server_data_close(&data);
	return result == IDM_OK ? tell(cli, now_s, before_s) : server_fail("%s", err.text);
}
