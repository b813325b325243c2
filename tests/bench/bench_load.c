/*
 * bench_load OPTION=VALUE...: ask a server for one operation again and again over TLS, and print
 * what it took: the answers' times as the client saw them, and the CPU of the server's processes.
 *
 *   port=N ca=FILE suffix=DN persons=N   where
 *   bind=NAME                            as whom; the password is BENCH_PASSWORD
 *   names=N                              as NAME0, NAME1 ...: each connection as one of so many
 *   op=NAME row=NAME                     of requests.c; how the line is called
 *   count=N ms=N                         requests at most, and for how long
 *   outstanding=N connections=N          on each connection; how many
 *   pids=N,N,...                         of the server
 *   idle=N                               none of that: open so many connections, print a line, and
 *                                        hold them until stdin ends
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ldapd/message.h"
#include "tests/bench/bench.h"
#include "tests/bench/client.h"
#include "tests/bench/cpu.h"
#include "tests/bench/people.h"
#include "tests/bench/requests.h"

enum { CONNECTIONS_MAX = 1024, OUTSTANDING_MAX = 64, UUIDS = 256, ROUNDS = 10 };

struct options {
	uint16_t port;
	const char *ca;
	const char *op;
	const char *row;
	const char *pids;
	const char *bind;
	uint32_t count;
	uint32_t ms;
	uint32_t outstanding;
	uint32_t connections;
	uint32_t idle;
	uint32_t names; /* 0: all are `bind` */
	struct asking asking;
};

/* One connection and what it waits for; a messageID tells the place of its request. */
struct asker {
	struct client client;
	struct load *load;
	int32_t next_id;
	uint32_t waiting;
	bool waits[OUTSTANDING_MAX];
	uint64_t sent_ns[OUTSTANDING_MAX];
	uint32_t entries[OUTSTANDING_MAX];
};

struct load {
	struct options options;
	const struct operation *op;
	struct asker *askers;
	char name[64]; /* of choose_name */
	uint32_t turn;
	uint32_t last_turn; /* one behind */
	uint64_t end_ns;
	struct meter *meter; /* NULL: to warm up */
	uint64_t entries;
	uint32_t learned;
};

/* --- answers */

static void
finish(struct asker *asker, int32_t id, struct ber_reader *result)
{
	struct load *load = asker->load;
	size_t place = (size_t)id % OUTSTANDING_MAX;
	int64_t code = ber_read_integer(result, BER_ENUMERATED, 0, INT32_MAX);

	if (*result->bad || code != LDAP_SUCCESS)
		bench_die("%s: the server answers %s", load->op->name,
		    ldap_result_name((enum ldap_result_code)code));
	if (asker->entries[place] < load->op->least)
		bench_die("%s: %" PRIu32 " entries, not %" PRIu32 " and more", load->op->name,
		    asker->entries[place], load->op->least);
	asker->waits[place] = false;
	asker->waiting--;
	if (load->meter == NULL || load->meter->count == load->meter->room)
		return;
	load->meter->ns[load->meter->count++] = bench_ns() - asker->sent_ns[place];
	load->entries += asker->entries[place];
}

static void
take_answer(void *context, struct idm_span message)
{
	struct asker *asker = context;
	bool bad = false;
	struct ber_reader top = ber_reader_of(message, &bad);
	struct ber_reader inner = ber_read_nested(&top, BER_SEQUENCE);
	int32_t id = (int32_t)ber_read_integer(&inner, BER_INTEGER, 0, INT32_MAX);
	uint8_t tag = ber_next_tag(&inner);
	struct ber_reader op = ber_read_nested(&inner, tag);

	if (bad || id == 0)
		bench_die("the server has disconnected");
	if (tag == asker->load->op->done)
		finish(asker, id, &op);
	else
		asker->entries[(size_t)id % OUTSTANDING_MAX]++;
}

/* --- questions */

/* An even number in all: who has joined in a turn leaves in the next. */
static bool
goes_on(const struct load *load)
{
	return load->turn < load->last_turn && (load->turn % 2 != 0 || bench_ns() < load->end_ns);
}

/* As whom this connection binds: each has a name of its own, as far as there are so many. */
static void
choose_name(struct load *load, const struct asker *asker)
{
	uint32_t number = (uint32_t)(asker - load->askers);

	if (load->options.names == 0)
		return;
	snprintf(load->name, sizeof(load->name), "%s%" PRIu32, load->options.bind,
	    number % load->options.names);
	load->options.asking.bind_name = load->name;
}

static void
ask(struct asker *asker)
{
	struct load *load = asker->load;

	choose_name(load, asker);

	while (asker->waiting < load->options.outstanding && goes_on(load)) {
		size_t place = (size_t)asker->next_id % OUTSTANDING_MAX;

		if (asker->waits[place]) { /* a server may answer later requests first */
			asker->next_id++;
			continue;
		}
		asker->waits[place] = true;
		operation_put(&asker->client.out, load->op, &load->options.asking, asker->next_id,
		    load->turn++);
		asker->entries[place] = 0;
		asker->sent_ns[place] = bench_ns();
		asker->next_id++;
		asker->waiting++;
	}
	client_flush(&asker->client);
}

static bool
anything_waits(const struct load *load)
{
	for (uint32_t i = 0; i < load->options.connections; i++) {
		if (load->askers[i].waiting != 0)
			return true;
	}
	return false;
}

/* Ask on all connections until `count` were asked or the time is up, and hear all answers. */
static void
run(struct load *load, uint32_t count, uint32_t ms)
{
	uint32_t connections = load->options.connections;
	struct pollfd fds[CONNECTIONS_MAX];

	load->last_turn = load->turn + count;
	load->end_ns = bench_ns() + UINT64_C(1000000) * ms;
	for (uint32_t i = 0; i < connections; i++) {
		fds[i] = (struct pollfd){ load->askers[i].client.fd, POLLIN, 0 };
		ask(&load->askers[i]);
	}
	while (anything_waits(load)) {
		if (connections > 1 && poll(fds, connections, -1) < 0)
			bench_die("poll failed");
		for (uint32_t i = 0; i < connections; i++) {
			if (connections > 1 && fds[i].revents == 0)
				continue;
			client_read(&load->askers[i].client, take_answer, &load->askers[i]);
			ask(&load->askers[i]);
		}
	}
}

static void
run_as(struct load *load, const char *name, uint32_t count)
{
	const struct operation *op = load->op;

	load->op = operation_find(name);
	run(load, count, UINT32_MAX / 1000);
	load->op = op;
}

/* --- entryUUIDs, asked for before a search by them */

static void
learn_uuid(void *context, struct idm_span message)
{
	struct asker *asker = context;
	struct asking *asking = &asker->load->options.asking;
	bool bad = false;
	struct ber_reader top = ber_reader_of(message, &bad);
	struct ber_reader inner = ber_read_nested(&top, BER_SEQUENCE);
	struct ber_reader entry, attributes, attribute, values;
	struct idm_span uuid;

	ber_read_integer(&inner, BER_INTEGER, 0, INT32_MAX);
	if (ber_next_tag(&inner) != LDAP_TAG_SEARCH_ENTRY) {
		asker->waiting = 0;
		return;
	}
	entry = ber_read_nested(&inner, LDAP_TAG_SEARCH_ENTRY);
	ber_read_octets(&entry, BER_OCTET_STRING);
	attributes = ber_read_nested(&entry, BER_SEQUENCE);
	attribute = ber_read_nested(&attributes, BER_SEQUENCE);
	ber_read_octets(&attribute, BER_OCTET_STRING);
	values = ber_read_nested(&attribute, BER_SET);
	uuid = ber_read_octets(&values, BER_OCTET_STRING);
	if (bad || uuid.len != UUID_TEXT_BYTES - 1 || asking->uuid_count == UUIDS)
		bench_die("no entryUUID came");
	memcpy(asking->uuids[asking->uuid_count++], uuid.ptr, uuid.len);
}

static void
learn_uuids(struct load *load)
{
	static const struct operation question = { "entryUUID", put_uuid_question, 1,
		LDAP_TAG_SEARCH_DONE };
	struct asker *asker = &load->askers[0];

	load->options.asking.uuids = calloc(UUIDS, UUID_TEXT_BYTES);
	if (load->options.asking.uuids == NULL)
		bench_die("out of memory");
	for (uint32_t i = 0; i < UUIDS; i++) {
		operation_put(
		    &asker->client.out, &question, &load->options.asking, asker->next_id++, i);
		client_flush(&asker->client);
		for (asker->waiting = 1; asker->waiting != 0;)
			client_read(&asker->client, learn_uuid, asker);
	}
}

/* --- the whole */

static void
open_all(struct load *load)
{
	SSL_CTX *context = client_context(load->options.ca);

	load->askers = calloc(load->options.connections, sizeof(*load->askers));
	if (load->askers == NULL)
		bench_die("out of memory");
	for (uint32_t i = 0; i < load->options.connections; i++) {
		load->askers[i].load = load;
		load->askers[i].next_id = 1;
		client_open(&load->askers[i].client, context, load->options.port);
	}
	SSL_CTX_free(context);
}

static void
close_all(struct load *load)
{
	for (uint32_t i = 0; i < load->options.connections; i++)
		client_close(&load->askers[i].client);
	free(load->askers);
	free(load->options.asking.uuids);
}

/* Hold connections that say nothing. */
static void
hold(struct load *load)
{
	char c;

	load->options.connections = load->options.idle;
	open_all(load);
	puts("open");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	close_all(load);
}

/* A part of the requests.  Of all parts the median counts: others may have the machine's caches in
 * some of them. */
struct round {
	double cpu_ns; /* a request */
	uint64_t took_ns;
};

static void
measure_round(struct load *load, struct round *round)
{
	const struct options *options = &load->options;
	uint32_t count = (options->count / ROUNDS + 1) / 2 * 2;
	uint32_t before = load->turn;
	uint64_t cpu_ns = cpu_ns_of(options->pids);
	uint64_t start_ns = bench_ns();

	run(load, count, options->ms / ROUNDS);
	round->took_ns = bench_ns() - start_ns;
	round->cpu_ns = (double)(cpu_ns_of(options->pids) - cpu_ns) / (load->turn - before);
}

static int
compare_cpu(const void *a, const void *b)
{
	double x = ((const struct round *)a)->cpu_ns, y = ((const struct round *)b)->cpu_ns;

	return x < y ? -1 : x > y;
}

static void
measure(struct load *load)
{
	const struct options *options = &load->options;
	uint32_t warm_up = options->count / ROUNDS / 2 * 2;
	struct round rounds[ROUNDS];
	struct meter meter;
	uint64_t took_ns = 0;
	double count;

	open_all(load);
	/* One a connection: each is asked before the first has answered. */
	run_as(load, "bind", options->connections);
	if (strcmp(options->op, "search_uuid") == 0)
		learn_uuids(load);
	load->turn = 0;
	run(load, warm_up, options->ms / 4);
	meter_open(&meter, options->row, options->count);
	load->meter = &meter;
	for (int i = 0; i < ROUNDS; i++)
		measure_round(load, &rounds[i]);
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_cpu);
	for (int i = 0; i < ROUNDS; i++)
		took_ns += rounds[i].took_ns;
	count = (double)meter.count;
	meter_close(&meter, "\"per_s\": %.1f, \"cpu_ns\": %.0f, \"found\": %.1f",
	    count * 1e9 / (double)took_ns, rounds[ROUNDS / 2].cpu_ns,
	    (double)load->entries / count);
	close_all(load);
}

static uint32_t
number_of(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || value > INT32_MAX)
		bench_die("%s: not a number", text);
	return (uint32_t)value;
}

static void
set_option(struct options *options, const char *name, const char *value)
{
	struct asking *asking = &options->asking;

	if (strcmp(name, "port") == 0)
		options->port = (uint16_t)number_of(value);
	else if (strcmp(name, "ca") == 0)
		options->ca = value;
	else if (strcmp(name, "suffix") == 0)
		asking->suffix = value;
	else if (strcmp(name, "persons") == 0)
		asking->persons = number_of(value);
	else if (strcmp(name, "bind") == 0)
		options->bind = asking->bind_name = value;
	else if (strcmp(name, "op") == 0)
		options->op = value;
	else if (strcmp(name, "row") == 0)
		options->row = value;
	else if (strcmp(name, "count") == 0)
		options->count = number_of(value);
	else if (strcmp(name, "ms") == 0)
		options->ms = number_of(value);
	else if (strcmp(name, "outstanding") == 0)
		options->outstanding = number_of(value);
	else if (strcmp(name, "connections") == 0)
		options->connections = number_of(value);
	else if (strcmp(name, "pids") == 0)
		options->pids = value;
	else if (strcmp(name, "names") == 0)
		options->names = number_of(value);
	else if (strcmp(name, "idle") == 0)
		options->idle = number_of(value);
	else
		bench_die("%s: no such option", name);
}

static void
check_options(const struct options *options)
{
	if (options->port == 0 || options->ca == NULL)
		bench_die("port and ca are needed");
	if (options->idle > CONNECTIONS_MAX || options->connections > CONNECTIONS_MAX ||
	    options->connections == 0 || options->outstanding == 0 ||
	    options->outstanding > OUTSTANDING_MAX)
		bench_die("too many connections or requests, or none");
	if (options->idle == 0 &&
	    (options->op == NULL || options->row == NULL || options->pids == NULL ||
		options->count < ROUNDS || options->asking.persons < PERSONS_MIN ||
		options->asking.suffix == NULL || options->asking.bind_name == NULL ||
		options->asking.password == NULL))
		bench_die(
		    "op, row, pids, count, persons, suffix, bind and BENCH_PASSWORD are needed");
}

int
main(int argc, char **argv)
{
	struct load load = { .options = { .ms = 2000, .outstanding = 1, .connections = 1 } };

	load.options.asking.password = getenv("BENCH_PASSWORD");
	load.options.asking.salt = (uint64_t)time(NULL);
	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (equals == NULL)
			bench_die("%s: write OPTION=VALUE", argv[i]);
		*equals = '\0';
		set_option(&load.options, argv[i], equals + 1);
	}
	check_options(&load.options);
	if (load.options.idle != 0) {
		hold(&load);
		return EXIT_SUCCESS;
	}
	load.op = operation_find(load.options.op);
	if (load.op == NULL)
		bench_die("%s: no such operation", load.options.op);
	measure(&load);
	return EXIT_SUCCESS;
}
