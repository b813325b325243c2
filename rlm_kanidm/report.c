#include "rlm_kanidm/report.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/clock.h"

enum { TELL_MS = 60 * 1000 };

struct reporter {
	int fd; /* -1: reports go nowhere */
	struct sockaddr_un address;
	atomic_uint_fast64_t lost;
	atomic_uint_fast64_t untold;
	atomic_uint_fast64_t told_ms; /* 0: never */
};

char *
report_default_path(TALLOC_CTX *ctx, const char *key_file)
{
	const char *slash = strrchr(key_file, '/');

	if (slash == NULL)
		return talloc_strdup(ctx, IDM_REPORT_SOCKET);
	return talloc_asprintf(
	    ctx, "%.*s/%s", (int)(slash - key_file), key_file, IDM_REPORT_SOCKET);
}

struct reporter *
reporter_new(const char *path)
{
	struct reporter *reporter = calloc(1, sizeof(*reporter));

	if (reporter == NULL || strlen(path) >= sizeof(reporter->address.sun_path)) {
		free(reporter);
		return NULL;
	}
	reporter->fd = -1;
	if (path[0] == '\0')
		return reporter;
	reporter->address.sun_family = AF_UNIX;
	strlcpy(reporter->address.sun_path, path, sizeof(reporter->address.sun_path));
	reporter->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (reporter->fd < 0)
		reporter_free(&reporter);
	return reporter;
}

void
reporter_free(struct reporter **reporter)
{
	if (*reporter != NULL && (*reporter)->fd >= 0)
		close((*reporter)->fd);
	free(*reporter);
	*reporter = NULL;
}

uint64_t
reporter_lost(const struct reporter *reporter)
{
	return atomic_load(&reporter->lost);
}

/* One thread tells, and the others' losses with its own. */
static void
lose(struct reporter *reporter, int error)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint_fast64_t told_ms = atomic_load(&reporter->told_ms);

	atomic_fetch_add(&reporter->lost, 1);
	atomic_fetch_add(&reporter->untold, 1);
	if ((told_ms != 0 && now_ms - told_ms < TELL_MS) ||
	    !atomic_compare_exchange_strong(&reporter->told_ms, &told_ms, now_ms))
		return;
	radlog(L_WARN, "kanidm: %llu reports did not reach %s: %s",
	    (unsigned long long)atomic_exchange(&reporter->untold, 0), reporter->address.sun_path,
	    fr_syserror(error));
}

void
report_send(struct reporter *reporter, const struct idm_report *report)
{
	uint8_t datagram[IDM_REPORT_MAX];
	size_t len;

	if (reporter->fd < 0)
		return;
	len = idm_report_encode(report, datagram);
	if (sendto(reporter->fd, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&reporter->address, sizeof(reporter->address)) < 0)
		lose(reporter, errno);
}
