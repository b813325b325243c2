#include "common/config.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/toml.h"
#include "core/audit.h"

enum {
	CPUS_MAX = 256,
	HASH_THREADS_MAX = 64,
	SHOWN_MAX = 40, /* characters of a value in a message */
};

/* What one file's reading needs. */
struct load {
	struct server_config *config;
	const struct toml_place *place; /* of the value at hand */
	struct idm_error *err;
};

struct key {
	const char *table;
	const char *name;
	enum toml_kind kind;
	/* Check `value` and store it at `field`. */
	enum idm_result (*take)(const struct load *load, const struct key *key,
	    const struct toml_value *value, void *field);
	size_t offset; /* of the field in struct server_config */
	uint32_t low;  /* numbers: bounds; texts: their room in octets is `high` */
	uint32_t high;
};

/* A value for a message: not long, and nothing in it that a terminal would act on. */
static const char *
show(const char *text, char out[SHOWN_MAX + 4])
{
	size_t len = 0;

	for (; len < SHOWN_MAX && text[len] != '\0'; len++) {
		out[len] = text[len];
		if ((unsigned char)text[len] < 0x20 || text[len] == 0x7f)
			out[len] = '?';
	}
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--; /* no half of a character */
	snprintf(out + len, 4, "%s", text[len] == '\0' ? "" : "...");
	return out;
}

static enum idm_result
take_number(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	uint32_t *out = field;

	if (value->integer < key->low || value->integer > key->high)
		return toml_fail(load->err, load->place,
		    "%lld is out of bounds; write a number from %u to %u",
		    (long long)value->integer, key->low, key->high);
	*out = (uint32_t)value->integer;
	return IDM_OK;
}

static enum idm_result
store_text(const struct load *load, const struct key *key, const char *text, char *out)
{
	if (strlen(text) >= key->high)
		return toml_fail(
		    load->err, load->place, "too long; write at most %u octets", key->high - 1);
	snprintf(out, key->high, "%s", text);
	return IDM_OK;
}

static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((*text > 0 && *text < 0x20) || *text == 0x7f)
			return true;
	return false;
}

static enum idm_result
take_path(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	char shown[SHOWN_MAX + 4];

	if (value->text[0] != '/')
		return toml_fail(load->err, load->place,
		    "\"%s\" is no absolute path; write one that begins with /",
		    show(value->text, shown));
	if (has_control(value->text))
		return toml_fail(load->err, load->place,
		    "\"%s\" holds a control character; write it without", show(value->text, shown));
	return store_text(load, key, value->text, field);
}

/* The local socket: a path, or nothing at all. */
static enum idm_result
take_socket(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	return value->text[0] == '\0' ? store_text(load, key, "", field)
				      : take_path(load, key, value, field);
}

/* One label of a DNS name (RFC 1123 section 2.1), in lower case; its length, 0: none. */
static size_t
label_len(const char *text)
{
	size_t len = 0;

	while ((text[len] >= 'a' && text[len] <= 'z') || (text[len] >= '0' && text[len] <= '9') ||
	       (text[len] == '-' && len > 0))
		len++;
	return len > 63 || (len > 0 && text[len - 1] == '-') ? 0 : len;
}

static bool
is_domain(const char *text)
{
	bool digits_only = true; /* of the last label: an address, no name */

	for (;;) {
		size_t len = label_len(text);

		if (len == 0)
			return false;
		digits_only = strspn(text, "0123456789") >= len;
		if (text[len] == '\0')
			return !digits_only;
		if (text[len] != '.')
			return false;
		text += len + 1;
	}
}

static enum idm_result
take_domain(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	char shown[SHOWN_MAX + 4];

	if (!is_domain(value->text))
		return toml_fail(load->err, load->place,
		    "\"%s\" is no DNS name in lower case; write one such as \"idm.example.com\"",
		    show(value->text, shown));
	return store_text(load, key, value->text, field);
}

/* The name of a system user or group, as useradd(8) takes them. */
static enum idm_result
take_user(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char more[] = "abcdefghijklmnopqrstuvwxyz_0123456789-";
	const char *text = value->text;
	char shown[SHOWN_MAX + 4];

	if (text[0] == '\0' || strchr(first, text[0]) == NULL || text[strspn(text, more)] != '\0')
		return toml_fail(load->err, load->place,
		    "\"%s\" is no name of a system user or group; write one such as \"kanidm\"",
		    show(text, shown));
	return store_text(load, key, text, field);
}

static enum idm_result
take_log_level(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	enum config_log_level *out = field;
	char shown[SHOWN_MAX + 4];

	(void)key;
	for (int i = CONFIG_LOG_ERROR; i <= CONFIG_LOG_DEBUG; i++) {
		if (strcmp(value->text, names[i]) == 0) {
			*out = (enum config_log_level)i;
			return IDM_OK;
		}
	}
	return toml_fail(load->err, load->place,
	    "\"%s\" is no level; write \"error\", \"warn\", \"info\" or \"debug\"",
	    show(value->text, shown));
}

static enum idm_result
take_clock(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	enum config_clock *out = field;
	char shown[SHOWN_MAX + 4];

	(void)key;
	if (strcmp(value->text, "system") == 0)
		*out = CONFIG_CLOCK_SYSTEM;
	else if (strcmp(value->text, "synchronised") == 0)
		*out = CONFIG_CLOCK_SYNCHRONISED;
	else
		return toml_fail(load->err, load->place,
		    "\"%s\" is no way to trust a clock; write \"system\" or \"synchronised\"",
		    show(value->text, shown));
	return IDM_OK;
}

static enum idm_result
take_schedule(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	char shown[SHOWN_MAX + 4];

	(void)key;
	if (schedule_parse(value->text, field))
		return IDM_OK;
	return toml_fail(load->err, load->place,
	    "\"%s\" is no schedule; write minute, hour, day, month and weekday such as "
	    "\"00 22 * * *\"",
	    show(value->text, shown));
}

/* --- addresses */

/* The port behind the last colon; 0: none. */
static uint16_t
parse_port(const char *text)
{
	size_t len = strlen(text);
	unsigned long port;

	if (len == 0 || len > 5 || text[0] == '0' || strspn(text, "0123456789") != len)
		return 0;
	port = strtoul(text, NULL, 10);
	return port > UINT16_MAX ? 0 : (uint16_t)port;
}

static bool
parse_ipv6(const char *host, uint16_t port, struct config_address *out)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (inet_pton(AF_INET6, host, &addr.sin6_addr) != 1)
		return false;
	memcpy(&out->addr, &addr, sizeof(addr));
	out->addr_len = sizeof(addr);
	return true;
}

static bool
parse_ipv4(const char *host, uint16_t port, struct config_address *out)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		return false;
	memcpy(&out->addr, &addr, sizeof(addr));
	out->addr_len = sizeof(addr);
	return true;
}

/* "127.0.0.1:636" or "[::1]:636"; names are not resolved. */
static bool
parse_address(const char *text, struct config_address *out)
{
	const char *colon = strrchr(text, ':');
	char host[CONFIG_ADDRESS_BYTES];
	size_t len;
	uint16_t port;

	memset(out, 0, sizeof(*out));
	if (colon == NULL || strlen(text) >= sizeof(out->text))
		return false;
	snprintf(out->text, sizeof(out->text), "%s", text);
	port = parse_port(colon + 1);
	len = (size_t)(colon - text);
	if (port == 0 || len < 2)
		return false;
	if (text[0] != '[') {
		snprintf(host, sizeof(host), "%.*s", (int)len, text);
		return parse_ipv4(host, port, out);
	}
	snprintf(host, sizeof(host), "%.*s", (int)(len - 2), text + 1);
	return text[len - 1] == ']' && parse_ipv6(host, port, out);
}

static enum idm_result
add_address(const struct load *load, const char *text)
{
	struct server_config *config = load->config;
	size_t count = config->ldapbindaddress_count;
	char shown[SHOWN_MAX + 4];

	if (count == CONFIG_ADDRESSES_MAX)
		return toml_fail(load->err, load->place, "more than %d addresses; write fewer",
		    CONFIG_ADDRESSES_MAX);
	if (!parse_address(text, &config->ldapbindaddress[count]))
		return toml_fail(load->err, load->place,
		    "\"%s\" is no address and port; write one such as \"[::]:636\"",
		    show(text, shown));
	for (size_t i = 0; i < count; i++)
		if (strcmp(config->ldapbindaddress[i].text, text) == 0)
			return toml_fail(load->err, load->place,
			    "\"%s\" stands twice; write it once", show(text, shown));
	config->ldapbindaddress_count++;
	return IDM_OK;
}

static enum idm_result
take_addresses(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	enum idm_result result = IDM_OK;

	(void)key;
	(void)field;
	memset(load->config->ldapbindaddress, 0, sizeof(load->config->ldapbindaddress));
	load->config->ldapbindaddress_count = 0;
	if (value->kind == TOML_STRING)
		return add_address(load, value->text);
	for (size_t i = 0; i < value->count && result == IDM_OK; i++)
		result = add_address(load, value->items[i]);
	return result;
}

static bool
is_loopback(const struct config_address *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->addr;

	if (address->addr.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* Where metrics are served: to this machine alone, for nobody proves who he is there. */
static enum idm_result
take_loopback(
    const struct load *load, const struct key *key, const struct toml_value *value, void *field)
{
	struct config_address *out = field;
	char shown[SHOWN_MAX + 4];

	(void)key;
	memset(out, 0, sizeof(*out));
	if (value->text[0] == '\0')
		return IDM_OK;
	if (!parse_address(value->text, out))
		return toml_fail(load->err, load->place,
		    "\"%s\" is no address and port; write one such as \"127.0.0.1:9637\"",
		    show(value->text, shown));
	if (!is_loopback(out))
		return toml_fail(load->err, load->place,
		    "\"%s\" is not on loopback; write \"127.0.0.1:9637\" or \"[::1]:9637\", or "
		    "\"\" for none",
		    show(value->text, shown));
	return IDM_OK;
}

/* --- the keys */

#define FIELD(field) offsetof(struct server_config, field)
#define ROOM(field) (uint32_t)sizeof(((struct server_config *)0)->field)
#define TEXT(name, take)                                                                           \
	{                                                                                          \
		"", #name, TOML_STRING, take, FIELD(name), 0, ROOM(name)                           \
	}
#define NUMBER(name, field, low, high)                                                             \
	{                                                                                          \
		"", #name, TOML_INTEGER, take_number, FIELD(field), low, high                      \
	}
#define LIMIT(name, low, high)                                                                     \
	{                                                                                          \
		"limits", #name, TOML_INTEGER, take_number, FIELD(limits.name), low, high          \
	}

static const struct key keys[] = {
	TEXT(domain, take_domain),
	TEXT(db_path, take_path),
	TEXT(key_path, take_path),
	TEXT(tls_chain, take_path),
	TEXT(tls_key, take_path),
	{ "", "ldapbindaddress", TOML_ARRAY, take_addresses, FIELD(ldapbindaddress), 0, 0 },
	TEXT(ldapi_path, take_socket),
	TEXT(metrics_address, take_loopback),
	TEXT(log_level, take_log_level),
	TEXT(clock, take_clock),
	NUMBER(workers, workers, 0, CPUS_MAX),
	TEXT(core_user, take_user),
	TEXT(worker_user, take_user),
	TEXT(read_group, take_user),
	TEXT(radius_group, take_user),
	NUMBER(argon2_m_kib, argon2.m_kib, 64, 262144),
	NUMBER(argon2_t, argon2.t, 1, 16),
	NUMBER(argon2_p, argon2.p, 1, 4),
	TEXT(online_backup_path, take_path),
	TEXT(online_backup_schedule, take_schedule),
	NUMBER(online_backup_versions, online_backup_versions, 1, 1000),
	TEXT(online_backup_passphrase_file, take_path),
	NUMBER(audit_bytes, audit_bytes, 1024 * 1024, 4000000000),
	LIMIT(message_bytes_unbound, 1024, 1000000),
	LIMIT(message_bytes, 1024, 1000000),
	LIMIT(connections, 1, 100000),
	LIMIT(connections_per_source, 1, 100000),
	LIMIT(handshake_s, 1, 300),
	LIMIT(first_pdu_s, 1, 3600),
	LIMIT(pdu_s, 1, 3600),
	LIMIT(idle_unbound_s, 1, 86400),
	LIMIT(idle_s, 1, 86400),
	LIMIT(write_stall_s, 1, 3600),
	LIMIT(output_bytes, 16384, 16777216),
	LIMIT(outstanding, 1, 1024),
	LIMIT(search_entries, 1, 1000000),
	LIMIT(sort_bytes, 16384, 1073741824),
	LIMIT(sort_total_bytes, 16384, 1073741824),
	LIMIT(filter_depth, 1, 32),
	LIMIT(filter_nodes, 1, 10000),
	LIMIT(attributes, 1, 1024),
	LIMIT(controls, 1, 64),
	LIMIT(hash_pool_threads, 0, HASH_THREADS_MAX),
	LIMIT(hash_queue, 1, 4096),
	LIMIT(verified_passwords, 0, 4194304),
	LIMIT(verified_s, 1, 86400),
};

enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

static uint32_t
min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Processors that this process may use. */
static uint32_t
cpu_count(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return min_u32((uint32_t)CPU_COUNT(&set), CPUS_MAX);
}

static uint32_t
default_hash_threads(void)
{
	uint32_t cpus = cpu_count();

	return min_u32(cpus > 1 ? cpus - 1 : 1, HASH_THREADS_MAX);
}

/* How many letters to change, add or leave out to make one name of the other (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
	size_t row[TOML_NAME_MAX + 1];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
		}
	}
	return row[b_len];
}

/* The known key that is most like this one; NULL: none is much like it. */
static const struct key *
nearest_key(const char *name)
{
	const struct key *nearest = NULL;
	size_t least = strlen(name) / 3 + 1;

	for (size_t i = 0; i < KEY_COUNT; i++) {
		size_t far = distance(name, keys[i].name);

		if (far < least) {
			least = far;
			nearest = &keys[i];
		}
	}
	return nearest;
}

static enum idm_result
unknown_key(const struct load *load, const struct toml_place *place)
{
	const struct key *nearest = nearest_key(place->key);

	if (nearest == NULL)
		return toml_fail(
		    load->err, place, "unknown key; see server.toml(5) for those that there are");
	if (strcmp(nearest->name, place->key) != 0)
		return toml_fail(load->err, place, "unknown key; did you mean %s?", nearest->name);
	if (nearest->table[0] == '\0')
		return toml_fail(
		    load->err, place, "unknown key; write it above [%s]", place->table);
	return toml_fail(load->err, place, "unknown key; write it below [%s]", nearest->table);
}

static enum idm_result
wrong_kind(const struct load *load, const struct key *key, enum toml_kind kind)
{
	static const char *const remedies[] = {
		[TOML_STRING] = "a string in quotes",
		[TOML_INTEGER] = "a number",
		[TOML_BOOLEAN] = "true or false",
		[TOML_ARRAY] = "a string, or a list of strings",
	};

	return toml_fail(
	    load->err, load->place, "is %s; write %s", toml_kind_name(kind), remedies[key->kind]);
}

static enum idm_result
on_value(void *ctx, const struct toml_place *place, const struct toml_value *value,
    struct idm_error *err)
{
	struct load *load = ctx;

	(void)err; /* the same as load->err */
	load->place = place;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key *key = &keys[i];
		void *field = (char *)load->config + key->offset;

		if (strcmp(key->name, place->key) != 0 || strcmp(key->table, place->table) != 0)
			continue;
		if (value->kind != key->kind &&
		    !(key->kind == TOML_ARRAY && value->kind == TOML_STRING))
			return wrong_kind(load, key, value->kind);
		return key->take(load, key, value, field);
	}
	return unknown_key(load, place);
}

static enum idm_result
on_table(void *ctx, const struct toml_place *place, struct idm_error *err)
{
	(void)ctx;
	if (strcmp(place->table, "limits") == 0)
		return IDM_OK;
	return toml_fail(err, place, "[%s] is no table; write [limits]", place->table);
}

void
config_defaults(struct server_config *config)
{
	memset(config, 0, sizeof(*config));
	snprintf(config->db_path, sizeof(config->db_path), "/var/lib/kanidm");
	snprintf(config->key_path, sizeof(config->key_path), "/var/lib/kanidm/keys");
	parse_address("127.0.0.1:3636", &config->ldapbindaddress[0]);
	config->ldapbindaddress_count = 1;
	snprintf(config->ldapi_path, sizeof(config->ldapi_path), "/run/kanidm/ldapi");
	config->log_level = CONFIG_LOG_INFO;
	config->workers = cpu_count();
	snprintf(config->core_user, sizeof(config->core_user), "kanidm-core");
	snprintf(config->worker_user, sizeof(config->worker_user), "kanidm-ldap");
	snprintf(config->read_group, sizeof(config->read_group), "kanidm-read");
	snprintf(config->radius_group, sizeof(config->radius_group), "freerad");
	config->argon2 = IDM_ARGON2_DEFAULT;
	schedule_parse("00 22 * * *", &config->online_backup_schedule);
	config->online_backup_versions = 7;
	config->audit_bytes = IDM_AUDIT_KEEP_BYTES;
	config->limits = (struct server_limits){
		.message_bytes_unbound = 65536,
		.message_bytes = 262144,
		.connections = 4096,
		.connections_per_source = 512,
		.handshake_s = 10,
		.first_pdu_s = 30,
		.pdu_s = 10,
		.idle_unbound_s = 120,
		.idle_s = 900,
		.write_stall_s = 30,
		.output_bytes = 262144,
		.outstanding = 32,
		/*
		 * Not the 1,024 that embedded servers have: many applications list all persons
		 * without paging.  Memory does not grow with it, for entries are sent in slices.
		 */
		.search_entries = 10000,
		.sort_bytes = 8388608, /* 100,000 names and more */
		.sort_total_bytes = 33554432,
		.filter_depth = 12,
		.filter_nodes = 600,
		.attributes = 64,
		.controls = 8,
		.hash_pool_threads = default_hash_threads(),
		.hash_queue = 64,
		.verified_passwords = 65536,
		.verified_s = 3600,
	};
}

/* Keys that stand for another value, or follow another key. */
static enum idm_result
complete(struct server_config *config, const char *path, struct idm_error *err)
{
	static const char below[] = "/keys";
	const struct toml_place place = { path, 0, "", "key_path" };
	size_t len = strlen(config->db_path);

	if (config->workers == 0)
		config->workers = cpu_count();
	if (config->limits.hash_pool_threads == 0)
		config->limits.hash_pool_threads = default_hash_threads();
	if (config->key_path[0] != '\0')
		return IDM_OK;
	if (len + sizeof(below) > sizeof(config->key_path))
		return toml_fail(err, &place, "db_path is too long to hold it; write a key_path");
	memcpy(config->key_path, config->db_path, len);
	memcpy(config->key_path + len, below, sizeof(below));
	return IDM_OK;
}

/* What must hold between keys. */
static enum idm_result
check_together(const struct server_config *config, const char *path, struct idm_error *err)
{
	struct toml_place place = { path, 0, "", "domain" };

	if (config->domain[0] == '\0')
		return toml_fail(
		    err, &place, "is missing; write a DNS name: domain = \"idm.example.com\"");
	place.key = "tls_key";
	if (config->tls_chain[0] != '\0' && config->tls_key[0] == '\0')
		return toml_fail(err, &place, "is missing; write the file of tls_chain's key");
	place.key = "tls_chain";
	if (config->tls_key[0] != '\0' && config->tls_chain[0] == '\0')
		return toml_fail(
		    err, &place, "is missing; write the file of tls_key's certificate");
	place.key = "message_bytes";
	if (config->limits.message_bytes < config->limits.message_bytes_unbound)
		return toml_fail(err, &place,
		    "is less than message_bytes_unbound; write %u or more",
		    config->limits.message_bytes_unbound);
	place.key = "argon2_m_kib";
	if (!idm_argon2_valid(&config->argon2))
		return toml_fail(err, &place, "does not go with argon2_p; write %u or more",
		    8 * config->argon2.p);
	return IDM_OK;
}

/* Before the file is read, and when it was. */
static struct load
begin(struct server_config *config, struct idm_error *err)
{
	config_defaults(config);
	config->key_path[0] = '\0'; /* follows db_path */
	return (struct load){ .config = config, .err = err };
}

static enum idm_result
finish(
    enum idm_result result, const char *path, struct server_config *config, struct idm_error *err)
{
	if (result == IDM_OK)
		result = complete(config, path, err);
	if (result == IDM_OK)
		result = check_together(config, path, err);
	return result;
}

enum idm_result
config_load(const char *path, struct server_config *config, struct idm_error *err)
{
	struct load load = begin(config, err);
	const struct toml_reader reader = { on_table, on_value, &load };

	return finish(toml_load(path, &reader, err), path, config, err);
}

enum idm_result
config_parse(
    const char *path, struct idm_span text, struct server_config *config, struct idm_error *err)
{
	struct load load = begin(config, err);
	const struct toml_reader reader = { on_table, on_value, &load };

	return finish(toml_parse(path, text, &reader, err), path, config, err);
}

enum idm_result
config_require_listeners(
    const struct server_config *config, const char *path, struct idm_error *err)
{
	struct toml_place place = { path, 0, "", "ldapbindaddress" };

	if (config->ldapbindaddress_count == 0 && config->ldapi_path[0] == '\0')
		return toml_fail(err, &place, "is empty, and ldapi_path too; write one of them");
	place.key = "tls_chain";
	if (config->ldapbindaddress_count > 0 && config->tls_chain[0] == '\0')
		return toml_fail(err, &place, "is missing; write the file of the certificate");
	return IDM_OK;
}
