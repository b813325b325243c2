#include "common/clock.h"

#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

#include "core/uuid.h"

static int64_t
real_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static bool
kernel_is_synchronised(void)
{
	struct timex state = { .modes = 0 };

	return adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

uint64_t
clock_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
clock_boot_id(uint8_t out[CLOCK_BOOT_BYTES])
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	char text[IDM_UUID_TEXT] = "";
	struct idm_uuid id = { { 0 } };

	if (file != NULL && fgets(text, sizeof(text), file) != NULL)
		idm_uuid_parse(idm_span_cstr(text), &id);
	if (file != NULL)
		fclose(file);
	memcpy(out, id.bytes, CLOCK_BOOT_BYTES);
}

#ifndef IDM_BUILD_S
#define IDM_BUILD_S 0 /* a build that does not tell */
#endif

#ifndef IDM_TEST_CLOCK

int64_t
clock_build_s(void)
{
	return IDM_BUILD_S;
}

bool
clock_init(struct idm_error *err)
{
	(void)err;
	return true;
}

int64_t
clock_now_s(void)
{
	return real_now_s();
}

bool
clock_is_synchronised(void)
{
	return kernel_is_synchronised();
}

#else

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_BYTES = 16,
	READ_TRIES = 1000000, /* far more than a write takes: the lines differ for good */
};

struct setting {
	bool fixed;
	int64_t seconds;
	bool unsynchronised;
};

/* Two lines of LINE_BYTES, mapped; NULL: the real clock. */
static const volatile char *shared;

/* The line copied, octet by octet, so that the order of the reads is the one written here. */
static void
read_line(size_t at, char line[LINE_BYTES])
{
	for (size_t i = 0; i < LINE_BYTES; i++)
		line[i] = shared[at + i];
}

static bool
parse_line(char line[LINE_BYTES], struct setting *out)
{
	char *end;

	if ((line[0] != '+' && line[0] != '-' && line[0] != '@') || line[LINE_BYTES - 1] != '\n')
		return false;
	line[LINE_BYTES - 1] = '\0';
	out->fixed = line[0] == '@';
	errno = 0;
	out->seconds = strtoll(line[0] == '-' ? line : line + 1, &end, 10);
	out->unsynchronised = *end == '?';
	if (out->unsynchronised)
		end++;
	return errno == 0 && end > line + 1 && end[strspn(end, " ")] == '\0';
}

/* A writer fills the first line before the second: equal lines are whole ones. */
static bool
read_setting(struct setting *out)
{
	char first[LINE_BYTES];
	char second[LINE_BYTES];

	for (int tries = 0; tries < READ_TRIES; tries++) {
		read_line(LINE_BYTES, second);
		read_line(0, first);
		if (memcmp(first, second, sizeof(first)) == 0)
			return parse_line(first, out);
	}
	return false;
}

/* A test that writes nonsense is to be told, not to run by some other time. */
static struct setting
current_setting(void)
{
	struct setting setting = { .fixed = false };

	if (shared != NULL && !read_setting(&setting)) {
		fprintf(stderr, "KANIDM_TEST_CLOCK: the file does not hold one setting twice\n");
		abort();
	}
	return setting;
}

bool
clock_init(struct idm_error *err)
{
	const char *path = getenv("KANIDM_TEST_CLOCK");
	struct setting setting;
	struct stat info;
	void *map = MAP_FAILED;
	int fd;

	if (path == NULL || shared != NULL)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size == 2 * LINE_BYTES)
		map = mmap(NULL, 2 * LINE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (map == MAP_FAILED) {
		idm_fail(err, IDM_SYSTEM, "KANIDM_TEST_CLOCK: %s: no file of %d octets", path,
		    2 * LINE_BYTES);
		return false;
	}
	shared = map;
	if (read_setting(&setting))
		return true;
	shared = NULL;
	munmap(map, 2 * LINE_BYTES);
	idm_fail(err, IDM_INVALID, "KANIDM_TEST_CLOCK: %s: not one setting, twice", path);
	return false;
}

int64_t
clock_now_s(void)
{
	struct setting setting = current_setting();

	return setting.fixed ? setting.seconds : real_now_s() + setting.seconds;
}

int64_t
clock_build_s(void)
{
	return 0; /* tests set the clock to times before */
}

bool
clock_is_synchronised(void)
{
	if (shared == NULL)
		return kernel_is_synchronised();
	return !current_setting().unsynchronised;
}

#endif
