/* Backup and restore: what comes back is what was there, and nothing changes otherwise. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>
#include <cmocka.h>

#include "core/restore.h"
#include "core/session.h"
#include "core/store_impl.h"
#include "tests/support/fixture.h"
#include "tests/support/patient.h"
#include "tests/support/store_dir.h"

#define PASSPHRASE "correct horse battery staple"

enum { COUNTER_BITS = 40 };

static int finding_count;
static char last_finding[512];

static void
take_finding(void *ctx, enum idm_finding kind, const char *text)
{
	(void)ctx;
	(void)kind;
	finding_count++;
	snprintf(last_finding, sizeof(last_finding), "%s", text);
}

static const struct idm_report report = { .most = 1000, .finding = take_finding };

/* --- steps */

static const char *
file_of(const struct patient *p, const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%.60s/%s", p->realm->dir, name);
	return path;
}

static enum idm_result
try_backup(struct patient *p, const char *path, const char *passphrase)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	const struct idm_backup ask = { .db_dir = p->realm->dir,
		.key_dir = p->realm->dir,
		.fd = fd,
		.passphrase = idm_span_cstr(passphrase),
		.now_s = REALM_NOW_S,
		.report = report };
	enum idm_result result;
	char work[96];

	assert_true(fd >= 0);
	finding_count = 0;
	result = idm_backup(&ask, &p->totals, &p->err);
	close(fd);
	snprintf(work, sizeof(work), "%.60s/backup.work", p->realm->dir);
	assert_int_equal(access(work, F_OK), -1);
	return result;
}

static void
backup(struct patient *p, const char *path, const char *passphrase)
{
	if (try_backup(p, path, passphrase) != IDM_OK)
		fail_msg("%s", p->err.text);
}

static struct idm_restored restored;

static enum idm_result
restore_into(struct patient *p, const char *dir, const char *path, struct idm_restore with)
{
	enum idm_result result;
	char work[96];

	with.db_dir = with.key_dir = dir;
	with.read_group = with.radius_group = (gid_t)-1;
	with.fd = open(path, O_RDONLY);
	with.report = report;
	assert_true(with.fd >= 0);
	finding_count = 0;
	result = idm_restore(&with, &restored, &p->err);
	close(with.fd);
	snprintf(work, sizeof(work), "%.60s/restore.work", dir);
	assert_int_equal(access(work, F_OK), -1);
	snprintf(work, sizeof(work), "%.60s/password.keys.restored", dir);
	assert_int_equal(access(work, F_OK), -1);
	return result;
}

static enum idm_result
try_restore(struct patient *p, const char *path)
{
	return restore_into(p, p->realm->dir, path, (struct idm_restore){ .db_dir = NULL });
}

static void
restore(struct patient *p, const char *path)
{
	if (try_restore(p, path) != IDM_OK)
		fail_msg("%s", p->err.text);
}

static void
open_store(struct patient *p)
{
	assert_int_equal(
	    idm_store_open_writer(p->realm->dir, (gid_t)-1, &p->realm->store, &p->err), IDM_OK);
}

static void
close_store(struct patient *p)
{
	realm_done(p->realm);
	idm_access_table_free(&p->realm->table);
	idm_store_close(&p->realm->store);
}

static bool
has_name(struct patient *p, const char *name)
{
	struct idm_txn txn;
	struct idm_read read;
	struct idm_entry entry;
	enum idm_result result;

	assert_int_equal(idm_store_read_begin(p->realm->store, &txn, &p->err), IDM_OK);
	assert_int_equal(
	    idm_read_attach(&txn, p->realm->arena, p->realm->now, &read, &p->err), IDM_OK);
	result = idm_lookup_text(&read, idm_span_cstr(name), &entry, &p->err);
	idm_store_read_end(&txn);
	assert_true(result == IDM_OK || result == IDM_NOT_FOUND);
	return result == IDM_OK;
}

static bool
same_file(const char *path, const uint8_t *bytes, size_t len)
{
	size_t now_len;
	uint8_t *now = store_dir_load(path, &now_len);
	bool same = now_len == len && memcmp(now, bytes, len) == 0;

	free(now);
	return same;
}

/* --- there and back */

static void
what_was_there_comes_back_and_changes_go_on_in_a_new_epoch(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	uint8_t before[32], after[32];
	uint64_t no;

	open_store(p);
	realm_digest(p->realm, before);
	no = realm_applied(p->realm);
	backup(p, file, ""); /* while the writer is open */
	assert_int_equal(p->totals.findings, 0);
	assert_memory_equal(p->totals.digest, before, 32);
	realm_person(p->realm, "later");
	assert_int_equal(realm_delete(p->realm, NULL, "bob"), IDM_OK);
	close_store(p);

	restore(p, file);
	assert_int_equal(restored.epoch, 1);
	assert_false(restored.keys);
	assert_false(restored.local);
	assert_true(restored.former);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	open_store(p);
	realm_digest(p->realm, after);
	assert_memory_equal(before, after, 32);
	assert_false(has_name(p, "later"));
	assert_true(has_name(p, "bob"));
	assert_int_equal(realm_applied(p->realm), UINT64_C(1) << COUNTER_BITS | no);
	realm_person(p->realm, "anew");
	assert_int_equal(realm_applied(p->realm), (UINT64_C(1) << COUNTER_BITS | no) + 1);
	close_store(p);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
}

static void
no_epoch_comes_twice(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	size_t len;
	uint8_t *bytes;

	backup(p, file, "");
	for (uint64_t epoch = 1; epoch < 3; epoch++) {
		restore(p, file);
		assert_int_equal(restored.epoch, epoch);
	}
	/* Also when the database that goes can't be read: local.mdb remembers. */
	bytes = store_dir_load(p->identity, &len);
	store_dir_save(p->identity, bytes, 5000);
	free(bytes);
	restore(p, file);
	assert_int_equal(restored.epoch, 3);
	assert_int_equal(unlink(p->local), 0);
	restore(p, file); /* brings local.mdb along */
	assert_true(restored.local);
	assert_int_equal(restored.epoch, 4);
}

static uint64_t
generation(struct idm_store *store)
{
	struct idm_txn txn;
	uint64_t value;

	assert_int_equal(idm_store_read_begin(store, &txn, NULL), IDM_OK);
	assert_int_equal(
	    idm_store_get_number(&txn, IDM_DB_META, "generation.groups", &value, NULL), IDM_OK);
	idm_store_read_end(&txn);
	return value;
}

static void
readers_follow_and_drop_what_they_have_kept(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	struct idm_store *reader;
	uint64_t kept;

	backup(p, file, "");
	assert_int_equal(idm_store_open_reader(p->realm->dir, &reader, &p->err), IDM_OK);
	kept = generation(reader);
	restore(p, file);
	assert_int_not_equal(generation(reader), kept);
	open_store(p); /* its first write waits for them */
	realm_person(p->realm, "later");
	realm_group(p->realm, "later_too");
	assert_true(generation(reader) > UINT64_C(1) << COUNTER_BITS);
	idm_store_close(&reader);
}

/* Each backup is one state: of two numbers that every change moves together, both. */
static void
a_backup_is_consistent_while_writes_go_on(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	uint64_t first, last = 0;
	int ends[2];
	char ready;
	pid_t pid;

	patient_verify(p);
	first = p->totals.no;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		open_store(p);
		for (int i = 0;; i++) {
			assert_int_equal(realm_modify(p->realm, NULL, "staff",
					     i % 2 == 0 ? "+member" : "-member", "bob", NULL),
			    IDM_OK);
			if (i == 0)
				assert_int_equal(write(ends[1], "r", 1), 1);
		}
	}
	assert_int_equal(read(ends[0], &ready, 1), 1);
	for (int i = 0; i < 5; i++) {
		backup(p, file, "");
		assert_int_equal(finding_count, 0);
		assert_int_equal(p->totals.findings, 0);
		assert_true(p->totals.no >= last);
		last = p->totals.no;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ends[0]);
	close(ends[1]);
	assert_true(last > first);
	restore(p, file);
	assert_int_equal(restored.totals.no, last);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
}

static void
a_data_file_on_its_own_is_restored_too(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "plain");
	uint64_t no;

	patient_verify(p);
	no = p->totals.no;
	store_dir_save(file, p->identity_bytes, p->identity_len);
	restore(p, file);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
	assert_int_equal(p->totals.no, UINT64_C(1) << COUNTER_BITS | no);
}

/* --- what is refused changes nothing */

static void
assert_unchanged(struct patient *p)
{
	assert_true(same_file(p->identity, p->identity_bytes, p->identity_len));
	assert_true(same_file(p->local, p->local_bytes, p->local_len));
}

static void
nothing_is_restored_while_a_server_runs(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	int held;

	backup(p, file, "");
	assert_int_equal(idm_store_hold_files(p->realm->dir, &held, &p->err), IDM_OK);
	assert_int_equal(try_restore(p, file), IDM_BUSY);
	close(held);
	assert_unchanged(p);
	open_store(p);
	assert_int_equal(try_restore(p, file), IDM_BUSY);
	assert_non_null(strstr(p->err.text, "a server is running"));
	realm_person(p->realm, "later");
}

static void
a_backup_that_was_changed_is_refused(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	uint64_t seed = 7;
	size_t len;
	uint8_t *bytes;

	backup(p, file, "");
	bytes = store_dir_load(file, &len);
	for (int i = 0; i < 150; i++) {
		size_t at = i < 30 ? (size_t)i * 5 : fixture_random_below(&seed, (uint32_t)len);
		uint8_t bit = (uint8_t)(1 << fixture_random_below(&seed, 8));
		enum idm_result result;

		bytes[at] ^= bit;
		store_dir_save(file, bytes, len);
		bytes[at] ^= bit;
		result = try_restore(p, file);
		if (result == IDM_OK) { /* behind the last member nothing counts */
			assert_true(at >= len - 1024 || bytes[at] == 0);
			patient_heal(p);
		} else {
			assert_true(p->err.text[0] != '\0');
			assert_unchanged(p);
		}
	}
	for (size_t cut = 0; cut < len - 1024; cut += cut < 2048 ? 100 : len / 9) {
		store_dir_save(file, bytes, cut);
		assert_int_not_equal(try_restore(p, file), IDM_OK);
		assert_unchanged(p);
	}
	free(bytes);
}

static void
what_is_no_backup_is_refused(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	uint8_t noise[4000];
	uint64_t seed = 3;

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)fixture_random_below(&seed, 256);
	store_dir_save(file, noise, sizeof(noise));
	assert_int_equal(try_restore(p, file), IDM_CORRUPT);
	store_dir_save(file, p->local_bytes, p->local_len);
	assert_int_equal(try_restore(p, file), IDM_CORRUPT);
	assert_unchanged(p);
}

static void
a_backup_of_a_damaged_database_says_so_and_is_not_restored(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	size_t len;
	uint8_t *bytes;

	patient_open(p);
	assert_int_equal(idm_store_put(&p->txn, IDM_DB_META, IDM_SPAN_LIT("digest"),
			     IDM_SPAN_LIT("thirty-two octets of a lie, here"), &p->err),
	    IDM_OK);
	patient_close(p);
	backup(p, file, "");
	assert_int_equal(p->totals.findings, 1);
	assert_int_equal(finding_count, 1);
	assert_non_null(strstr(last_finding, "digest"));
	bytes = store_dir_load(p->identity, &len);
	assert_int_equal(try_restore(p, file), IDM_CORRUPT);
	assert_int_equal(finding_count, 1);
	assert_true(same_file(p->identity, bytes, len));
	free(bytes);

	/* Pages that kill whoever reads them are no reason to die, either. */
	patient_heal(p);
	bytes = store_dir_load(p->identity, &len);
	memset(bytes + 8192, 0xff, len - 8192);
	store_dir_save(p->identity, bytes, len);
	free(bytes);
	assert_int_not_equal(try_backup(p, file, ""), IDM_OK);
	assert_true(p->err.text[0] != '\0');
}

static void
a_backup_of_another_domain_is_refused(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");

	backup(p, file, "");
	assert_int_equal(restore_into(p, p->realm->dir, file,
			     (struct idm_restore){ .domain = "other.example.net" }),
	    IDM_INVALID);
	assert_non_null(strstr(p->err.text, REALM_DOMAIN));
	assert_unchanged(p);
	assert_int_equal(
	    restore_into(p, p->realm->dir, file, (struct idm_restore){ .domain = REALM_DOMAIN }),
	    IDM_OK);
}

/* --- key rings */

static void
a_new_box_gets_the_keys_by_the_passphrase(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	const struct idm_restore right = { .passphrase = idm_span_cstr(PASSPHRASE) };
	const struct idm_restore wrong = { .passphrase = IDM_SPAN_LIT("another passphrase") };
	struct store_dir box = { .store = NULL };
	size_t len;
	uint8_t *keys;

	backup(p, file, PASSPHRASE);
	temp_dir_make("box", box.path, sizeof(box.path));
	assert_int_equal(restore_into(p, box.path, file, (struct idm_restore){ 0 }), IDM_INVALID);
	assert_non_null(strstr(p->err.text, "passphrase"));
	assert_int_equal(restore_into(p, box.path, file, wrong), IDM_DENIED);
	assert_int_equal(access(store_dir_file(&box, "identity.mdb"), F_OK), -1);
	assert_int_equal(access(store_dir_file(&box, "password.keys"), F_OK), -1);
	assert_int_equal(restore_into(p, box.path, file, right), IDM_OK);
	assert_true(restored.keys);
	assert_true(restored.local);
	assert_int_equal(restored.totals.untried, 0);
	keys = store_dir_load(file_of(p, "password.keys"), &len);
	assert_true(same_file(store_dir_file(&box, "password.keys"), keys, len));
	free(keys);
	/* The same keys are no others. */
	assert_int_equal(restore_into(p, box.path, file, right), IDM_OK);
	assert_false(restored.keys);
	temp_dir_remove(box.path);
}

static void
other_keys_of_a_box_are_kept_aside(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	const struct idm_restore right = { .passphrase = idm_span_cstr(PASSPHRASE) };
	struct store_dir box = { .store = NULL };
	size_t len;
	uint8_t *own;

	backup(p, file, PASSPHRASE);
	temp_dir_make("box", box.path, sizeof(box.path));
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    idm_keyring_create(
			store_dir_file(&box, i == 0 ? "password.keys" : "radius.keys"),
			i == 0 ? IDM_PURPOSE_PASSWORD : IDM_PURPOSE_RADIUS, (gid_t)-1, &p->err),
		    IDM_OK);
	own = store_dir_load(store_dir_file(&box, "password.keys"), &len);
	/* Its own keys open nothing of the backup. */
	assert_int_equal(restore_into(p, box.path, file, (struct idm_restore){ 0 }), IDM_CORRUPT);
	assert_non_null(strstr(last_finding, "does not verify"));
	assert_true(same_file(store_dir_file(&box, "password.keys"), own, len));
	assert_int_equal(restore_into(p, box.path, file, right), IDM_OK);
	assert_true(restored.keys);
	assert_true(same_file(store_dir_file(&box, "password.keys.replaced"), own, len));
	assert_false(same_file(store_dir_file(&box, "password.keys"), own, len));
	free(own);
	temp_dir_remove(box.path);
}

static void
without_keys_the_secrets_may_be_given_up(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	struct store_dir box = { .store = NULL };

	backup(p, file, "");
	temp_dir_make("box", box.path, sizeof(box.path));
	assert_int_equal(restore_into(p, box.path, file,
			     (struct idm_restore){ .passphrase = idm_span_cstr(PASSPHRASE) }),
	    IDM_INVALID);
	assert_non_null(strstr(p->err.text, "no key rings in this backup"));
	assert_int_equal(
	    restore_into(p, box.path, file, (struct idm_restore){ .lost_secrets = true }), IDM_OK);
	assert_int_equal(restored.totals.untried, 2);
	temp_dir_remove(box.path);
}

static void
a_passphrase_needs_some_length_and_key_rings(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");

	assert_int_equal(try_backup(p, file, "too short"), IDM_INVALID);
	assert_int_equal(unlink(file_of(p, "radius.keys")), 0);
	assert_int_equal(try_backup(p, file, PASSPHRASE), IDM_INVALID);
	assert_int_equal(try_backup(p, file, ""), IDM_OK);
}

static void
no_key_stands_in_a_backup_in_the_clear(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	size_t len, keys_len;
	uint8_t *bytes;
	char *keys;

	backup(p, file, PASSPHRASE);
	bytes = store_dir_load(file, &len);
	keys = (char *)store_dir_load(file_of(p, "password.keys"), &keys_len);
	keys[keys_len] = '\0';
	assert_null(memmem(bytes, len, strstr(keys, "active ") + 7, 32));
	assert_non_null(memmem(bytes, len, "password.keys.sealed", 20));
	free(bytes);
	free(keys);
}

/* --- local.mdb */

static size_t
session_count(struct patient *p)
{
	struct idm_txn txn;
	struct idm_cursor cursor;
	struct idm_span key, value;
	size_t count = 0;

	assert_int_equal(idm_store_local_read_begin(p->realm->store, &txn, &p->err), IDM_OK);
	assert_int_equal(
	    idm_cursor_open(&txn, IDM_DB_SESSIONS, IDM_SPAN_EMPTY, &cursor, &p->err), IDM_OK);
	while (idm_cursor_next(&cursor, &key, &value, &p->err) == IDM_OK)
		count++;
	idm_cursor_close(&cursor);
	idm_store_read_end(&txn);
	return count;
}

static void
set_floor(struct patient *p, uint64_t floor_s)
{
	struct idm_txn txn;

	assert_int_equal(idm_store_local_write_begin(p->realm->store, &txn, &p->err), IDM_OK);
	assert_int_equal(
	    idm_store_put_number(&txn, IDM_DB_LOCAL_META, "clock_floor", floor_s, &p->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &p->err), IDM_OK);
}

static uint64_t
floor_of(struct patient *p)
{
	struct idm_txn txn;
	uint64_t value;

	assert_int_equal(idm_store_local_read_begin(p->realm->store, &txn, &p->err), IDM_OK);
	assert_int_equal(
	    idm_store_get_number(&txn, IDM_DB_LOCAL_META, "clock_floor", &value, &p->err), IDM_OK);
	idm_store_read_end(&txn);
	return value;
}

static void
the_boxs_own_state_stays_unless_asked_for(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");

	open_store(p);
	set_floor(p, 1000);
	backup(p, file, "");
	set_floor(p, 5000);
	close_store(p);
	restore(p, file);
	assert_false(restored.local);
	open_store(p);
	assert_true(session_count(p) != 0);
	assert_int_equal(floor_of(p), 5000);
	close_store(p);

	assert_int_equal(
	    restore_into(p, p->realm->dir, file, (struct idm_restore){ .local = true }), IDM_OK);
	assert_true(restored.local);
	open_store(p);
	assert_int_equal(session_count(p), 0); /* one may have been ended since */
	assert_int_equal(floor_of(p), 5000);   /* time does not go back */
	close_store(p);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
}

static void
a_damaged_local_file_is_told_before_anything_changes(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");
	size_t len;
	uint8_t *bytes;

	backup(p, file, "");
	bytes = store_dir_load(p->local, &len);
	memset(bytes + 8192, 0xff, len - 8192);
	store_dir_save(p->local, bytes, len);
	free(bytes);
	assert_int_not_equal(try_restore(p, file), IDM_OK);
	assert_non_null(strstr(p->err.text, "--local"));
	assert_true(same_file(p->identity, p->identity_bytes, p->identity_len));
	assert_int_equal(
	    restore_into(p, p->realm->dir, file, (struct idm_restore){ .local = true }), IDM_OK);
	patient_verify(p);
	assert_int_equal(p->totals.findings, 0);
}

static void
what_a_killed_backup_has_left_is_cleared(void **state)
{
	struct patient *p = *state;
	const char *file = file_of(p, "backup");

	assert_int_equal(mkdir(file_of(p, "backup.work"), 0700), 0);
	store_dir_save(file_of(p, "backup.work/identity.mdb"), (const uint8_t *)"half", 4);
	backup(p, file, "");
	assert_int_equal(finding_count, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, patient_setup, patient_teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_there_comes_back_and_changes_go_on_in_a_new_epoch),
		T(no_epoch_comes_twice),
		T(readers_follow_and_drop_what_they_have_kept),
		T(a_backup_is_consistent_while_writes_go_on),
		T(a_data_file_on_its_own_is_restored_too),
		T(nothing_is_restored_while_a_server_runs),
		T(a_backup_that_was_changed_is_refused),
		T(what_is_no_backup_is_refused),
		T(a_backup_of_a_damaged_database_says_so_and_is_not_restored),
		T(a_backup_of_another_domain_is_refused),
		T(a_new_box_gets_the_keys_by_the_passphrase),
		T(other_keys_of_a_box_are_kept_aside),
		T(without_keys_the_secrets_may_be_given_up),
		T(a_passphrase_needs_some_length_and_key_rings),
		T(no_key_stands_in_a_backup_in_the_clear),
		T(the_boxs_own_state_stays_unless_asked_for),
		T(a_damaged_local_file_is_told_before_anything_changes),
		T(what_a_killed_backup_has_left_is_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
