/*
 * DIR/identity.pub: one page that the writer maps to write and readers map to read.  It says which
 * data file (file_id) and which finished commit of it readers take, what the clock is worth, and
 * who is held.
 * It is created once and never renamed, so that a mapping of it stays good for ever.
 */
#ifndef CORE_PUBLISHED_H
#define CORE_PUBLISHED_H

#include <stdatomic.h>
#include <sys/types.h>

#include "core/result.h"
#include "core/span.h"
#include "core/uuid.h"

enum {
	IDM_FILE_ID_BYTES = 16,
	IDM_HOLDS_MAX = 128, /* accounts that are held at a time (core/hold.h) */
};

/* A number of its own in each data file, new after create, restore and vacuum. */
struct idm_file_id {
	uint64_t word[IDM_FILE_ID_BYTES / 8];
};

/* `last_commit_ms` while a commit is under way, and after a writer that died in one. */
#define IDM_PUBLISHED_COMMITTING UINT64_MAX

/* The file's bytes.  `file_id` and `commit_id` belong together: `sequence` is odd while they are
 * being changed, and even, but another number, afterwards. */
struct idm_published_page {
	_Atomic uint64_t sequence;
	_Atomic uint64_t file_id[IDM_FILE_ID_BYTES / 8];
	_Atomic uint64_t commit_id;      /* LMDB's transaction id */
	_Atomic uint64_t last_commit_ms; /* CLOCK_MONOTONIC, after it was published */
	_Atomic int64_t clock_floor_s;
	_Atomic uint64_t clock_trusted; /* 0 or 1; 0 in a new file */
	/*
	 * Behind what the first version of the file had, whose other octets are nulls: nobody is
	 * held.  A place is changed by two stores, of which a reader may see one: it takes for held
	 * whom it finds whole, so nobody who is and stays held is let through meanwhile.
	 */
	_Atomic uint64_t hold_changes; /* how often that was changed */
	_Atomic uint64_t hold_places;  /* those behind are free */
	/* The complements of their uuids, so that nulls are nobody's: a free place. */
	_Atomic uint64_t holds[IDM_HOLDS_MAX][IDM_UUID_BYTES / 8];
};

struct idm_published {
	int fd;
	struct idm_published_page *page; /* NULL: closed */
};

/* What stood in the page at one moment. */
struct idm_published_view {
	uint64_t sequence;
	struct idm_file_id file_id;
	uint64_t commit_id;
};

/* Create the file if there is none (0640, `group` unless -1), map it for writing, lock it. */
enum idm_result idm_published_open_writer(
    struct idm_published *pub, const char *path, gid_t group, struct idm_error *err);
enum idm_result idm_published_open_reader(
    struct idm_published *pub, const char *path, struct idm_error *err);
void idm_published_close(struct idm_published *pub);

void idm_published_set(
    struct idm_published *pub, const struct idm_file_id *file_id, uint64_t commit_id);

/* False: a change is under way, or the writer died in the middle of one. */
bool idm_published_load(const struct idm_published *pub, struct idm_published_view *view);

/* True when nothing was published since `view` was loaded. */
bool idm_published_is_still(const struct idm_published *pub, const struct idm_published_view *view);

/* False when no writer holds its lock: it ended, or died, perhaps before it published. */
bool idm_published_writer_lives(const struct idm_published *pub);

/* Let exactly these accounts be held; more than IDM_HOLDS_MAX are the caller's mistake. */
void idm_published_set_holds(
    struct idm_published *pub, const struct idm_uuid *accounts, size_t count);
bool idm_published_is_held(const struct idm_published *pub, const struct idm_uuid *account);
/* Who is held; how many. */
size_t idm_published_holds(const struct idm_published *pub, struct idm_uuid out[IDM_HOLDS_MAX]);

static inline bool
idm_file_id_equal(const struct idm_file_id *a, const struct idm_file_id *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

#endif
