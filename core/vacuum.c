/* Vacuum: compact copies take the place of the files; and the frame that reindex uses too. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/backup_format.h"
#include "core/rebuild_impl.h"

static uint64_t
length_of(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_MAX || stat(path, &st) != 0)
		return 0;
	return (uint64_t)st.st_size;
}

static uint64_t
length_of_both(const struct rebuild *r)
{
	return length_of(r->ask->db_dir, IDENTITY_FILE) + length_of(r->ask->db_dir, LOCAL_FILE);
}

enum idm_result
rebuild_begin(struct rebuild *r, const struct idm_rebuild *ask, struct idm_rebuilt *out,
    const char *name, struct idm_error *err)
{
	enum idm_result result;

	*out = (struct idm_rebuilt){ 0 };
	*r = (struct rebuild){ .ask = ask, .out = out, .lock_fd = -1, .err = err };
	r->work.fd = -1;
	if (snprintf(r->identity, PATH_MAX, "%s/" IDENTITY_FILE, ask->db_dir) >= PATH_MAX)
		return idm_fail(err, IDM_INVALID, "%s: path too long", ask->db_dir);
	result = idm_store_lock(ask->db_dir, &r->lock_fd, err);
	if (result == IDM_OK)
		result = idm_workdir_open(ask->db_dir, name, &r->work, err);
	if (result != IDM_OK)
		return result;
	idm_workdir_path(&r->work, IDENTITY_FILE, r->made);
	out->bytes_before = length_of_both(r);
	return IDM_OK;
}

void
rebuild_end(struct rebuild *r)
{
	idm_workdir_close(&r->work);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
}

enum idm_result
rebuild_adopt(struct rebuild *r)
{
	const struct idm_rings none = { NULL, NULL };
	struct idm_verify_totals *totals = &r->out->totals;
	char local[PATH_MAX];
	struct idm_unpacked made = { .has_local = false };
	enum idm_result result;

	idm_workdir_path(&r->work, LOCAL_FILE, local);
	made.has_local = access(local, F_OK) == 0;
	result = idm_verify_unpacked(&r->work, &made, &none, &r->ask->report, totals, r->err);
	if (result == IDM_OK && totals->findings != 0)
		result = idm_fail(r->err, IDM_CORRUPT,
		    "%llu findings are left: nothing was replaced; restore a backup",
		    (unsigned long long)totals->findings);
	if (result == IDM_OK && made.has_local)
		result = idm_store_replace_locked(
		    r->ask->db_dir, IDM_STORE_LOCAL, (gid_t)-1, local, r->err);
	if (result == IDM_OK)
		result = idm_store_replace_locked(
		    r->ask->db_dir, IDM_STORE_IDENTITY, r->ask->read_group, r->made, r->err);
	r->out->bytes_after = length_of_both(r);
	return result;
}

/* --- vacuum */

static enum idm_result
copy_both(struct rebuild *r)
{
	char local[PATH_MAX];
	enum idm_result result =
	    idm_store_copy_beside(r->ask->db_dir, IDM_STORE_IDENTITY, r->made, r->err);

	idm_workdir_path(&r->work, LOCAL_FILE, local);
	if (result == IDM_OK && length_of(r->ask->db_dir, LOCAL_FILE) != 0)
		result = idm_store_copy_beside(r->ask->db_dir, IDM_STORE_LOCAL, local, r->err);
	return result;
}

enum idm_result
idm_vacuum(const struct idm_rebuild *ask, struct idm_rebuilt *out, struct idm_error *err)
{
	struct rebuild r;
	enum idm_result result = rebuild_begin(&r, ask, out, "vacuum.work", err);

	if (result == IDM_OK)
		result = copy_both(&r);
	if (result == IDM_OK)
		result = rebuild_adopt(&r);
	rebuild_end(&r);
	return result;
}
