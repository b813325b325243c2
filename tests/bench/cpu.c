#include "tests/bench/cpu.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/bench.h"

/* The first number of schedstat is the time on a CPU; /proc/PID/stat has it in ticks of 10 ms. */
static uint64_t
of_thread(const char *path)
{
	FILE *file = fopen(path, "r");
	uint64_t ns = 0;

	if (file == NULL)
		return 0; /* it has ended */
	if (fscanf(file, "%" SCNu64, &ns) != 1)
		bench_die("%s does not tell the time", path);
	fclose(file);
	return ns;
}

uint64_t
cpu_ns_of(const char *pids)
{
	uint64_t sum = 0;
	char *end;

	while (*pids != '\0') {
		char pattern[64];
		glob_t paths;

		snprintf(pattern, sizeof(pattern), "/proc/%lu/task/*/schedstat",
		    strtoul(pids, &end, 10));
		if (end == pids || glob(pattern, 0, NULL, &paths) != 0)
			bench_die("%s: no such process", pids);
		for (size_t i = 0; i < paths.gl_pathc; i++)
			sum += of_thread(paths.gl_pathv[i]);
		globfree(&paths);
		pids = *end == ',' ? end + 1 : end;
	}
	return sum;
}
