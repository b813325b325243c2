#include "tests/bench/core_read.h"

#include <lmdb.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/bench/bench.h"
#include "tests/bench/people.h"

static const char *const databases[] = { "meta", "entries", "uuid", "name", "index", "up", "down",
	"secrets", "tokens", "changes", "requests" };

static void
lmdb_check(int rc, const char *what)
{
	if (rc != 0)
		bench_die("%s: %s", what, mdb_strerror(rc));
}

static double
bytes_of(MDB_txn *txn, const char *name)
{
	MDB_stat stat_of;
	MDB_dbi dbi;

	lmdb_check(mdb_dbi_open(txn, name, 0, &dbi), name);
	lmdb_check(mdb_stat(txn, dbi, &stat_of), name);
	return (double)stat_of.ms_psize * (double)(stat_of.ms_branch_pages + stat_of.ms_leaf_pages +
						   stat_of.ms_overflow_pages);
}

void
core_sizes(const char *dir, uint32_t persons)
{
	double entries = persons + people_groups(persons) + NEST_LAYERS * NEST_WIDTH;
	const size_t count = sizeof(databases) / sizeof(databases[0]);
	char path[4096], row[64];
	struct stat st;
	MDB_env *env;
	MDB_txn *txn;

	snprintf(path, sizeof(path), "%s/identity.mdb", dir);
	if (stat(path, &st) != 0)
		bench_die("%s: no database", path);
	bench_number("size.file", (double)st.st_size / entries);
	lmdb_check(mdb_env_create(&env), path);
	lmdb_check(mdb_env_set_maxdbs(env, count), path);
	lmdb_check(mdb_env_open(env, path, MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR, 0), path);
	lmdb_check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), path);
	for (size_t i = 0; i < count; i++) {
		snprintf(row, sizeof(row), "size.%s", databases[i]);
		bench_number(row, bytes_of(txn, databases[i]) / entries);
	}
	mdb_txn_abort(txn);
	mdb_env_close(env);
}
