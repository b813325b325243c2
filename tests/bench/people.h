/*
 * Who is in the benchmark's directories: names made from a number, so that each program of the
 * bench knows whom to ask for, and a directory of the same size is always the same.
 *
 *   persons  0 .. n-1, each with displayname and mail; on average in 4.5 groups
 *   groups   0 .. n/10-1, 45 persons each; seven in ten hold persons alone, the others four groups
 *            of the layer below too, up to three layers above the first
 *   nests    NEST_LAYERS x NEST_WIDTH groups: each is in two of the next layer; person 0 is in all
 *            of the first, and so memberof all
 *   crowd    a group of CROWD_MEMBERS persons, or of all where there are fewer
 */
#ifndef TESTS_BENCH_PEOPLE_H
#define TESTS_BENCH_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

enum {
	PERSONS_MIN = 100,
	GROUP_PERSONS = 45,
	GROUP_GROUPS = 4,
	NEST_LAYERS = 10,
	NEST_WIDTH = 100,
	CROWD_MEMBERS = 10000,
	NAME_BYTES = 24,
	TEXT_BYTES = 96,
};

#define CROWD "crowd"
#define CROWD_OUTER "outer"   /* the crowd joins and leaves it */
#define READER "bench.reader" /* a service account that may read mail, as applications do */
#define SUFFIX_DOMAIN "idm.example.com"

struct person {
	char name[NAME_BYTES];
	char displayname[TEXT_BYTES];
	char mail[TEXT_BYTES];
};

void person_make(uint32_t number, struct person *out);
void group_name(uint32_t number, char out[NAME_BYTES]);
void nest_name(uint32_t layer, uint32_t place, char out[NAME_BYTES]);

uint32_t people_groups(uint32_t persons);
uint32_t people_crowd(uint32_t persons);

/* The `i`th person of a group, i < GROUP_PERSONS; no two are equal. */
uint32_t group_person(uint32_t persons, uint32_t number, uint32_t i);
/* Somebody who is not in the group. */
uint32_t group_stranger(uint32_t persons, uint32_t number, uint32_t turn);
/* Some group of a layer, 0 or 1. */
uint32_t group_of_layer(uint32_t groups, uint32_t layer, uint32_t turn);
/* How many groups a group holds, and the `i`th of them. */
uint32_t group_children(uint32_t groups, uint32_t number);
uint32_t group_child(uint32_t groups, uint32_t number, uint32_t i);

/* A number below `n` that `a` and `b` decide. */
uint32_t people_pick(uint64_t a, uint64_t b, uint32_t n);

#endif
