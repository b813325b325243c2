/*
 * server.toml (SPEC 11.1): the configuration of kanidm-ldapd and kanidmd as one constant struct.
 * The manual page server.toml(5) and config/server.toml explain each key; a field is named like it.
 */
#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <sys/socket.h>

#include "common/schedule.h"
#include "core/credential.h"
#include "core/lookup.h"
#include "core/result.h"

#define CONFIG_DEFAULT_FILE "/etc/kanidm/server.toml"

enum {
	CONFIG_PATH_BYTES = 1024,
	CONFIG_SOCKET_BYTES = 108, /* of struct sockaddr_un */
	CONFIG_NAME_BYTES = 33,    /* of a system user or group: 32 as useradd(8) has it */
	CONFIG_ADDRESS_BYTES = 64,
	CONFIG_ADDRESSES_MAX = 16,
};

enum config_log_level {
	CONFIG_LOG_ERROR,
	CONFIG_LOG_WARN,
	CONFIG_LOG_INFO,
	CONFIG_LOG_DEBUG,
};

/* When the time may be trusted (SPEC 11.5). */
enum config_clock {
	CONFIG_CLOCK_SYSTEM,       /* unless it lies below the floor */
	CONFIG_CLOCK_SYNCHRONISED, /* and it was synchronised once since the machine started */
};

struct config_address {
	char text[CONFIG_ADDRESS_BYTES]; /* as written */
	struct sockaddr_storage addr;
	socklen_t addr_len;
};

/* [limits]: what clients may cost (SPEC 8.7). */
struct server_limits {
	uint32_t message_bytes_unbound;  /* of an LDAPMessage before a bind */
	uint32_t message_bytes;          /* and after it */
	uint32_t connections;            /* of all workers together */
	uint32_t connections_per_source; /* address, or /64 of IPv6 */
	uint32_t handshake_s;
	uint32_t first_pdu_s; /* from the handshake to the first whole PDU */
	uint32_t pdu_s;       /* from a PDU's first octet to its last */
	uint32_t idle_unbound_s;
	uint32_t idle_s;
	uint32_t write_stall_s; /* the client takes nothing of what it is sent */
	uint32_t output_bytes;  /* waiting to be sent: above it, nothing is read */
	uint32_t outstanding;   /* operations of a connection: above it, nothing is read */
	uint32_t search_entries;
	uint32_t sort_bytes;       /* keys of one search that is sorted */
	uint32_t sort_total_bytes; /* of all such searches and pages of a worker */
	uint32_t filter_depth;
	uint32_t filter_nodes;
	uint32_t attributes;
	uint32_t controls;
	uint32_t hash_pool_threads;  /* never 0: the default is filled in */
	uint32_t hash_queue;         /* password tests that wait: above it, busy (51) */
	uint32_t verified_passwords; /* that fitted, and need not be hashed again; 0: none */
	uint32_t verified_s;         /* for so long */
};

struct server_config {
	char domain[IDM_DOMAIN_MAX];
	char db_path[CONFIG_PATH_BYTES];
	char key_path[CONFIG_PATH_BYTES];  /* directory of password.keys and radius.keys */
	char tls_chain[CONFIG_PATH_BYTES]; /* "": not set; see config_require_listeners */
	char tls_key[CONFIG_PATH_BYTES];
	struct config_address ldapbindaddress[CONFIG_ADDRESSES_MAX];
	size_t ldapbindaddress_count;          /* 0: no LDAPS, the local socket alone */
	char ldapi_path[CONFIG_SOCKET_BYTES];  /* "": no local socket */
	struct config_address metrics_address; /* on loopback; text "": not served */
	enum config_log_level log_level;
	enum config_clock clock;
	uint32_t workers; /* never 0: the number of processors is filled in */
	char core_user[CONFIG_NAME_BYTES];
	char worker_user[CONFIG_NAME_BYTES];
	char read_group[CONFIG_NAME_BYTES];
	char radius_group[CONFIG_NAME_BYTES]; /* may read radius.keys */
	struct idm_argon2 argon2;
	char online_backup_path[CONFIG_PATH_BYTES]; /* directory; "": no backups by schedule */
	struct schedule online_backup_schedule;
	uint32_t online_backup_versions;                       /* that are kept */
	char online_backup_passphrase_file[CONFIG_PATH_BYTES]; /* "": without the key rings */
	uint32_t audit_bytes; /* the audit trail forgets its oldest records above it */
	struct server_limits limits;
};

/* What holds where the file says nothing; `domain` and the TLS files are empty. */
void config_defaults(struct server_config *config);

/*
 * Read server.toml.  Anything but IDM_OK: nothing may start, and err->text says "FILE:LINE: KEY:
 * what is wrong; what to write".  IDM_NOT_FOUND: there is no such file.
 */
enum idm_result config_load(const char *path, struct server_config *config, struct idm_error *err);

/* The same for `text`, which came from the file `path`. */
enum idm_result config_parse(
    const char *path, struct idm_span text, struct server_config *config, struct idm_error *err);

/* What a program that serves needs besides: tls_chain, tls_key, and somewhere to listen. */
enum idm_result config_require_listeners(
    const struct server_config *config, const char *path, struct idm_error *err);

#endif
