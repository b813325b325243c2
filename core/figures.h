/* How a store is doing, for who watches over it (SPEC 11.4). */
#ifndef CORE_FIGURES_H
#define CORE_FIGURES_H

#include "core/store.h"

struct idm_file_figures {
	uint64_t map_bytes;  /* the most that the file may become */
	uint64_t file_bytes; /* to the end of the last page that was ever used */
	uint64_t used_bytes; /* of pages that hold something; guards may keep more */
	uint64_t commits;    /* of this process, each made durable */
};

struct idm_figures {
	struct idm_file_figures identity;
	struct idm_file_figures local;
	uint64_t change_no;       /* of the last change that was applied */
	bool nearly_full;         /* new entries are refused (idm_store_nearly_full) */
	uint64_t guards;          /* snapshots that are kept for readers */
	uint64_t oldest_guard_ms; /* and how old the oldest is */
	uint64_t sessions;        /* logins, those that are over and not swept yet too */
};

/* Of a writer's store. */
enum idm_result idm_store_figures(
    struct idm_store *store, struct idm_figures *out, struct idm_error *err);

/* Records of a database. */
uint64_t idm_store_records(const struct idm_txn *txn, enum idm_db db);

#endif
