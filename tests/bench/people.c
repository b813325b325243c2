#include "tests/bench/people.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SYLLABLES = 3, LAYERS = 4 };

static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint32_t
people_pick(uint64_t a, uint64_t b, uint32_t n)
{
	return (uint32_t)(mix(mix(a) + b) % n);
}

/* Three syllables, as names have them: a consonant and a vowel each. */
static void
word(uint64_t random, char out[2 * SYLLABLES + 1])
{
	static const char consonants[] = "bdfghklmnprstvwz";
	static const char vowels[] = "aeiou";

	for (int i = 0; i < SYLLABLES; i++, random /= 80) {
		out[2 * i] = consonants[random % 16];
		out[2 * i + 1] = vowels[random % 80 / 16];
	}
	out[2 * SYLLABLES] = '\0';
}

void
person_make(uint32_t number, struct person *out)
{
	uint64_t random = mix(number);
	char given[2 * SYLLABLES + 1];
	char family[2 * SYLLABLES + 1];

	word(random, given);
	word(random >> 32, family);
	snprintf(out->name, sizeof(out->name), "%s%" PRIu32, family, number);
	snprintf(out->mail, sizeof(out->mail), "%s.%s.%" PRIu32 "@mail.example.org", given, family,
	    number);
	given[0] = (char)(given[0] - 'a' + 'A');
	family[0] = (char)(family[0] - 'a' + 'A');
	snprintf(out->displayname, sizeof(out->displayname), "%s %s", given, family);
}

void
group_name(uint32_t number, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "team%" PRIu32, number);
}

void
nest_name(uint32_t layer, uint32_t place, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "nest%" PRIu32 "x%" PRIu32, layer, place);
}

uint32_t
people_groups(uint32_t persons)
{
	return persons / 10;
}

uint32_t
people_crowd(uint32_t persons)
{
	return persons < CROWD_MEMBERS ? persons : CROWD_MEMBERS;
}

/* The first group of a layer; of the one behind the last: the number of groups. */
static uint32_t
layer_start(uint32_t groups, uint32_t layer)
{
	static const uint32_t percent[LAYERS + 1] = { 0, 70, 90, 98, 100 };

	return (uint32_t)((uint64_t)groups * percent[layer] / 100);
}

static uint32_t
layer_of(uint32_t groups, uint32_t number)
{
	uint32_t layer = 0;

	while (number >= layer_start(groups, layer + 1))
		layer++;
	return layer;
}

/* So many steps stay below `persons`, and then the sum wraps around once. */
uint32_t
group_person(uint32_t persons, uint32_t number, uint32_t i)
{
	uint32_t first = people_pick(number, 0, persons);
	uint32_t step = 1 + people_pick(number, 1, persons / GROUP_PERSONS);

	return (first + i * step) % persons;
}

uint32_t
group_stranger(uint32_t persons, uint32_t number, uint32_t turn)
{
	uint32_t who = people_pick(turn, 3, persons);
	uint32_t i = 0;

	while (i < GROUP_PERSONS) {
		if (group_person(persons, number, i++) == who) {
			who = (who + 1) % persons;
			i = 0;
		}
	}
	return who;
}

uint32_t
group_children(uint32_t groups, uint32_t number)
{
	uint32_t layer = layer_of(groups, number);
	uint32_t below =
	    layer == 0 ? 0 : layer_start(groups, layer) - layer_start(groups, layer - 1);

	return below < GROUP_GROUPS ? below : GROUP_GROUPS;
}

uint32_t
group_child(uint32_t groups, uint32_t number, uint32_t i)
{
	uint32_t layer = layer_of(groups, number);
	uint32_t first = layer_start(groups, layer - 1);
	uint32_t below = layer_start(groups, layer) - first;

	return first + (people_pick(number, 2, below) + i) % below;
}

uint32_t
group_of_layer(uint32_t groups, uint32_t layer, uint32_t turn)
{
	uint32_t first = layer_start(groups, layer);

	return first + people_pick(turn, 8, layer_start(groups, layer + 1) - first);
}
