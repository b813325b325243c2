/*
 * bench_core fill|ldif|read|open|sizes|write DIR PERSONS: the bench's part that links core/.  The
 * directory of `fill` is what the others look at; `write` changes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"
#include "tests/bench/core_read.h"
#include "tests/bench/core_write.h"
#include "tests/bench/fill.h"
#include "tests/bench/people.h"

static uint32_t
read_persons(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < PERSONS_MIN || value > 100000000)
		bench_die("%s: a number of persons, %d at least", text, PERSONS_MIN);
	return (uint32_t)value;
}

int
main(int argc, char **argv)
{
	const char *what = argc == 4 ? argv[1] : "";
	uint32_t persons = argc == 4 ? read_persons(argv[3]) : 0;

	if (strcmp(what, "fill") == 0)
		fill(argv[2], persons);
	else if (strcmp(what, "ldif") == 0)
		fill_ldif(persons);
	else if (strcmp(what, "read") == 0)
		core_read(argv[2], persons);
	else if (strcmp(what, "open") == 0)
		core_open(argv[2]);
	else if (strcmp(what, "sizes") == 0)
		core_sizes(argv[2], persons);
	else if (strcmp(what, "write") == 0)
		core_write(argv[2], persons);
	else
		bench_die("usage: bench_core fill|ldif|read|open|sizes|write DIR PERSONS");
	return EXIT_SUCCESS;
}
