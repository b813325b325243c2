#include "tests/bench/fill.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/builtin.h"
#include "core/bulk.h"
#include "tests/bench/bench.h"
#include "tests/bench/people.h"

enum {
	MODS_MAX = 8,
	TELL_EVERY = 20000,
};

struct filling {
	struct idm_bulk *bulk;
	uint64_t done;
	uint64_t all;
	struct idm_uuid *persons; /* as they were made */
	struct idm_uuid *groups;
	struct idm_error err;
};

static void
tell(const struct filling *f)
{
	if (isatty(STDERR_FILENO) && (f->done % TELL_EVERY == 0 || f->done == f->all))
		fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " changes%s", f->done, f->all,
		    f->done == f->all ? "\n" : "");
}

/* The uuid of the entry. */
static struct idm_uuid
change(struct filling *f, struct idm_request *request)
{
	struct idm_uuid uuid;

	bench_check(idm_bulk_run(f->bulk, request, &uuid, &f->err), &f->err, "change");
	f->done++;
	tell(f);
	return uuid;
}

/* --- entries */

/* Pairs of attribute and value, to a NULL. */
static struct idm_uuid
create(struct filling *f, const char *const *pairs)
{
	struct idm_request_mod mods[MODS_MAX];
	struct idm_span values[MODS_MAX];
	struct idm_request request = { .operation = IDM_OP_CREATE, .mods = mods };

	for (; pairs[0] != NULL; pairs += 2) {
		size_t n = request.mod_count++;

		if (n == MODS_MAX)
			bench_die("too many attributes");
		values[n] = idm_span_cstr(pairs[1]);
		mods[n] = (struct idm_request_mod){ IDM_REQUEST_ADD,
			idm_schema_attr(idm_schema_builtin(), idm_span_cstr(pairs[0])), &values[n],
			1 };
	}
	return change(f, &request);
}

static struct idm_uuid
create_person(struct filling *f, uint32_t number)
{
	struct person person;

	person_make(number, &person);
	return create(
	    f, (const char *const[]){ "class", "account", "class", "person", "name", person.name,
		   "displayname", person.displayname, "mail", person.mail, NULL });
}

static struct idm_uuid
create_group(struct filling *f, const char *name)
{
	return create(f, (const char *const[]){ "class", "group", "name", name, NULL });
}

static void
add_members(
    struct filling *f, const struct idm_uuid *group, const struct idm_uuid *members, size_t count)
{
	struct idm_request_mod mod = { IDM_REQUEST_ADD,
		idm_schema_attr_number(idm_schema_builtin(), IDM_ATTR_MEMBER), NULL, count };
	struct idm_request request = {
		.operation = IDM_OP_MODIFY, .target = *group, .mods = &mod, .mod_count = 1
	};
	struct idm_span *values = calloc(count, sizeof(*values));
	char(*texts)[IDM_UUID_TEXT] = calloc(count, sizeof(*texts));

	if (values == NULL || texts == NULL)
		bench_die("out of memory");
	for (size_t i = 0; i < count; i++) {
		idm_uuid_format(&members[i], texts[i]);
		values[i] = idm_span_cstr(texts[i]);
	}
	mod.values = values;
	change(f, &request);
	free(values);
	free(texts);
}

/* --- the people of people.h */

static void
fill_persons(struct filling *f, uint32_t persons)
{
	for (uint32_t i = 0; i < persons; i++)
		f->persons[i] = create_person(f, i);
}

/* A group of a higher layer holds groups of the one below too, which are there already. */
static void
fill_group(struct filling *f, uint32_t persons, uint32_t number)
{
	uint32_t groups = people_groups(persons);
	struct idm_uuid members[GROUP_PERSONS + GROUP_GROUPS];
	size_t count = 0;
	char name[NAME_BYTES];

	for (; count < GROUP_PERSONS; count++)
		members[count] = f->persons[group_person(persons, number, (uint32_t)count)];
	for (uint32_t i = 0; i < group_children(groups, number); i++)
		members[count++] = f->groups[group_child(groups, number, i)];
	group_name(number, name);
	f->groups[number] = create_group(f, name);
	add_members(f, &f->groups[number], members, count);
}

static void
fill_groups(struct filling *f, uint32_t persons)
{
	for (uint32_t i = 0; i < people_groups(persons); i++)
		fill_group(f, persons, i);
}

/* Person 0 in the first layer, each group of a layer in two of the next. */
static void
fill_nests(struct filling *f)
{
	struct idm_uuid below[NEST_WIDTH], layer[NEST_WIDTH];

	for (uint32_t l = 0; l < NEST_LAYERS; l++) {
		for (uint32_t i = 0; i < NEST_WIDTH; i++) {
			struct idm_uuid members[2] = { f->persons[0] };
			char name[NAME_BYTES];

			if (l != 0) {
				members[0] = below[i];
				members[1] = below[(i + 1) % NEST_WIDTH];
			}
			nest_name(l, i, name);
			layer[i] = create_group(f, name);
			add_members(f, &layer[i], members, l == 0 ? 1 : 2);
		}
		memcpy(below, layer, sizeof(below));
	}
}

static void
fill_special(struct filling *f, uint32_t persons)
{
	struct idm_uuid reader =
	    create(f, (const char *const[]){ "class", "account", "class", "service_account", "name",
			  READER, "displayname", "Reader of the bench", NULL });
	struct idm_uuid mail_read = idm_uuid_builtin(0x63);
	struct idm_uuid crowd = create_group(f, CROWD);

	add_members(f, &mail_read, &reader, 1);
	add_members(f, &crowd, f->persons, people_crowd(persons));
	create_group(f, CROWD_OUTER);
}

static void
make_room(struct filling *f, uint32_t persons)
{
	uint32_t groups = people_groups(persons);

	if (persons < PERSONS_MIN)
		bench_die("a directory has %d persons at least", PERSONS_MIN);
	f->persons = calloc(persons, sizeof(*f->persons));
	f->groups = calloc(groups, sizeof(*f->groups));
	if (f->persons == NULL || f->groups == NULL)
		bench_die("out of memory");
	f->all = persons + 2 * (groups + NEST_LAYERS * NEST_WIDTH) + 5;
}

void
fill(const char *dir, uint32_t persons)
{
	const struct idm_now now = { .at_s = time(NULL), .trusted = true };
	struct idm_access_table *table = NULL;
	const struct idm_change_context context = { .table = &table };
	struct filling f = { .bulk = NULL };
	struct idm_store *store;
	uint64_t start_ns;

	make_room(&f, persons);
	bench_check(
	    idm_builtin_open(dir, (gid_t)-1, SUFFIX_DOMAIN, now, &store, &f.err), &f.err, dir);
	start_ns = bench_ns();
	bench_check(idm_bulk_begin(store, &context, now, &f.bulk, &f.err), &f.err, "bulk");
	fill_persons(&f, persons);
	fill_groups(&f, persons);
	fill_nests(&f);
	fill_special(&f, persons);
	bench_check(idm_bulk_adopt(&f.bulk, &store, &f.err), &f.err, "adopt");
	bench_number("fill.changes_per_s", (double)f.done * 1e9 / (double)(bench_ns() - start_ns));
	idm_access_table_free(&table);
	free(f.persons);
	free(f.groups);
}

/* --- LDIF */

static void
ldif_person(uint32_t number)
{
	struct person person;
	const char *family;

	person_make(number, &person);
	family = strchr(person.displayname, ' ') + 1;
	printf("dn: uid=%s,ou=people,dc=idm,dc=example,dc=com\n"
	       "objectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\n"
	       "displayName: %s\nmail: %s\n\n",
	    person.name, person.name, person.displayname, family, person.displayname, person.mail);
}

static void
ldif_group(uint32_t number, uint32_t persons)
{
	uint32_t groups = people_groups(persons);
	char name[NAME_BYTES];

	group_name(number, name);
	printf("dn: cn=%s,ou=groups,dc=idm,dc=example,dc=com\nobjectClass: groupOfNames\ncn: %s\n",
	    name, name);
	for (uint32_t i = 0; i < GROUP_PERSONS; i++) {
		struct person person;

		person_make(group_person(persons, number, i), &person);
		printf("member: uid=%s,ou=people,dc=idm,dc=example,dc=com\n", person.name);
	}
	for (uint32_t i = 0; i < group_children(groups, number); i++) {
		group_name(group_child(groups, number, i), name);
		printf("member: cn=%s,ou=groups,dc=idm,dc=example,dc=com\n", name);
	}
	putchar('\n');
}

void
fill_ldif(uint32_t persons)
{
	for (uint32_t i = 0; i < persons; i++)
		ldif_person(i);
	for (uint32_t i = 0; i < people_groups(persons); i++)
		ldif_group(i, persons);
}
