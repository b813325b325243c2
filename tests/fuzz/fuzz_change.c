/*
 * Change sets as octets: what decodes encodes to octets that decode to the same again, and may be
 * applied to a whole database, whatever it says, with a result.  `make fuzz`.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/builtin.h"
#include "tests/fuzz/fuzz.h"

static const struct idm_now now = { 1700000000, true };
static char dir[48];
static struct idm_store *store;

static int
remove_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
remove_store(void)
{
	idm_store_close(&store);
	nftw(dir, remove_file, 8, FTW_DEPTH | FTW_PHYS);
}

static void
open_store(void)
{
	struct idm_error err;

	snprintf(dir, sizeof(dir), "/tmp/kanidm-fuzz-change-%ld", (long)getpid());
	if (mkdir(dir, 0700) != 0 ||
	    idm_builtin_open(dir, (gid_t)-1, "idm.example.com", now, &store, &err) != IDM_OK)
		abort();
	atexit(remove_store);
}

/* Nothing of it is kept. */
static void
apply(const struct idm_change_set *decoded, struct idm_arena *arena)
{
	struct idm_change_set set = *decoded;
	struct idm_txn txn;
	struct idm_read read;
	struct idm_error err;

	if (idm_store_write_begin(store, &txn, &err) != IDM_OK ||
	    idm_read_attach(&txn, arena, now, &read, &err) != IDM_OK)
		abort();
	set.no = 2; /* what follows */
	idm_change_apply(&read, &set, &err);
	idm_store_write_abort(&txn);
}

static void
encode_again(const struct idm_change_set *set, size_t size, struct idm_arena *arena)
{
	struct idm_change_set decoded;
	struct idm_span first, second;

	if (idm_change_encode(set, arena, &first, NULL) != IDM_OK)
		return;
	if (first.len > size)
		abort(); /* it can only become shorter: a norm that need not be written */
	if (idm_change_decode(first, arena, &decoded, NULL) != IDM_OK ||
	    idm_change_encode(&decoded, arena, &second, NULL) != IDM_OK)
		return;
	if (!idm_span_equal(first, second))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct idm_arena *arena = idm_arena_new(8 * 1024 * 1024);
	struct idm_change_set set;

	if (arena == NULL)
		return 0;
	if (store == NULL)
		open_store();
	if (idm_change_decode(idm_span_of(data, size), arena, &set, NULL) == IDM_OK) {
		encode_again(&set, size, arena);
		apply(&set, arena);
	}
	idm_arena_free(&arena);
	return 0;
}
