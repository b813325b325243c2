#include "common/console.h"

#include <stdio.h>

bool
console_address(const struct server_config *config, struct sockaddr_un *out)
{
	int len = snprintf(out->sun_path, sizeof(out->sun_path), "%s/console", config->db_path);

	out->sun_family = AF_UNIX;
	return len > 0 && (size_t)len < sizeof(out->sun_path);
}
