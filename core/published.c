#include "core/published.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dbfile.h"

enum { PUBLISHED_BYTES = 4096 };

static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "readers map the page without write access");
static_assert(sizeof(struct idm_published_page) <= PUBLISHED_BYTES, "one page");

static enum idm_result
map_page(struct idm_published *pub, const char *path, int protection, struct idm_error *err)
{
	void *page = mmap(NULL, PUBLISHED_BYTES, protection, MAP_SHARED, pub->fd, 0);

	if (page == MAP_FAILED)
		return idm_fail(err, IDM_SYSTEM, "%s: mmap: %s", path, strerror(errno));
	pub->page = page;
	return IDM_OK;
}

/*
 * Readers test this lock.  That it can't be had is no failure: whoever may read the file can hold a
 * read lock on it, and must not be able to keep the writer from starting.  Readers then believe
 * that the writer is gone, which costs them time and nothing else (see reader.c).
 */
static void
lock_for_readers(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	(void)fcntl(fd, F_OFD_SETLK, &lock);
}

enum idm_result
idm_published_open_writer(
    struct idm_published *pub, const char *path, gid_t group, struct idm_error *err)
{
	struct stat st;
	enum idm_result result;

	*pub = (struct idm_published){ .fd = -1 };
	result = idm_dbfile_create(path, 0640, group, &pub->fd, err);
	if (result != IDM_OK)
		return result;
	if (fstat(pub->fd, &st) != 0 ||
	    (st.st_size < PUBLISHED_BYTES && ftruncate(pub->fd, PUBLISHED_BYTES) != 0)) {
		result = idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
		goto out;
	}
	result = map_page(pub, path, PROT_READ | PROT_WRITE, err);
	if (result == IDM_OK)
		lock_for_readers(pub->fd);
out:
	if (result != IDM_OK)
		idm_published_close(pub);
	return result;
}

enum idm_result
idm_published_open_reader(struct idm_published *pub, const char *path, struct idm_error *err)
{
	struct stat st;
	enum idm_result result;

	*pub = (struct idm_published){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (pub->fd < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	if (fstat(pub->fd, &st) != 0)
		result = idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	else if (st.st_size < PUBLISHED_BYTES) /* mapping less would end in SIGBUS */
		result = idm_fail(err, IDM_SYSTEM, "%s: it is still being created", path);
	else
		result = map_page(pub, path, PROT_READ, err);
	if (result != IDM_OK)
		idm_published_close(pub);
	return result;
}

void
idm_published_close(struct idm_published *pub)
{
	if (pub->page != NULL)
		munmap(pub->page, PUBLISHED_BYTES);
	if (pub->fd >= 0)
		close(pub->fd); /* and the lock goes with it */
	*pub = (struct idm_published){ .fd = -1 };
}

void
idm_published_set(struct idm_published *pub, const struct idm_file_id *file_id, uint64_t commit_id)
{
	struct idm_published_page *page = pub->page;
	uint64_t odd = atomic_load_explicit(&page->sequence, memory_order_relaxed) | 1;

	/* An odd number may stand there already: the last writer died between the two stores. */
	atomic_store_explicit(&page->sequence, odd, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	for (size_t i = 0; i < IDM_FILE_ID_BYTES / 8; i++)
		atomic_store_explicit(&page->file_id[i], file_id->word[i], memory_order_relaxed);
	atomic_store_explicit(&page->commit_id, commit_id, memory_order_relaxed);
	atomic_store_explicit(&page->sequence, odd + 1, memory_order_seq_cst);
}

bool
idm_published_load(const struct idm_published *pub, struct idm_published_view *view)
{
	const struct idm_published_page *page = pub->page;

	view->sequence = atomic_load_explicit(&page->sequence, memory_order_seq_cst);
	for (size_t i = 0; i < IDM_FILE_ID_BYTES / 8; i++)
		view->file_id.word[i] =
		    atomic_load_explicit(&page->file_id[i], memory_order_relaxed);
	view->commit_id = atomic_load_explicit(&page->commit_id, memory_order_relaxed);
	return view->sequence % 2 == 0 && idm_published_is_still(pub, view);
}

bool
idm_published_is_still(const struct idm_published *pub, const struct idm_published_view *view)
{
	atomic_thread_fence(memory_order_seq_cst); /* after all that was read before */
	return atomic_load_explicit(&pub->page->sequence, memory_order_relaxed) == view->sequence;
}

bool
idm_published_writer_lives(const struct idm_published *pub)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };

	/* If it can't be asked, wait as for a writer that lives. */
	return fcntl(pub->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

/* --- holds */

enum { HOLD_WORDS = IDM_UUID_BYTES / 8 };

/* What stands in a free place: no entry's uuid, while nulls are admin's. */
static const struct idm_uuid nobody = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static void
load_hold(const struct idm_published_page *page, size_t place, struct idm_uuid *out)
{
	uint64_t words[HOLD_WORDS];

	for (size_t i = 0; i < HOLD_WORDS; i++)
		words[i] = ~atomic_load(&page->holds[place][i]);
	memcpy(out->bytes, words, sizeof(words));
}

static void
store_hold(struct idm_published_page *page, size_t place, const struct idm_uuid *account)
{
	uint64_t words[HOLD_WORDS];

	memcpy(words, account->bytes, sizeof(words));
	for (size_t i = 0; i < HOLD_WORDS; i++)
		atomic_store(&page->holds[place][i], ~words[i]);
}

static size_t
hold_places(const struct idm_published_page *page)
{
	uint64_t places = atomic_load(&page->hold_places);

	return places < IDM_HOLDS_MAX ? (size_t)places : IDM_HOLDS_MAX;
}

static bool
is_among(const struct idm_uuid *accounts, size_t count, const struct idm_uuid *account)
{
	for (size_t i = 0; i < count; i++) {
		if (idm_uuid_equal(&accounts[i], account))
			return true;
	}
	return false;
}

/* The places of those who are held no more. */
static void
release_places(struct idm_published_page *page, const struct idm_uuid *accounts, size_t count)
{
	for (size_t i = 0; i < hold_places(page); i++) {
		struct idm_uuid held;

		load_hold(page, i, &held);
		if (!is_among(accounts, count, &held))
			store_hold(page, i, &nobody);
	}
}

static void
take_place(struct idm_published_page *page, const struct idm_uuid *account)
{
	size_t place = 0;
	struct idm_uuid held;

	for (; place < IDM_HOLDS_MAX; place++) {
		load_hold(page, place, &held);
		if (idm_uuid_equal(&held, &nobody))
			break;
	}
	assert(place < IDM_HOLDS_MAX);
	if (place >= hold_places(page))
		atomic_store(&page->hold_places, place + 1);
	store_hold(page, place, account);
}

void
idm_published_set_holds(struct idm_published *pub, const struct idm_uuid *accounts, size_t count)
{
	struct idm_published_page *page = pub->page;

	assert(count <= IDM_HOLDS_MAX);
	release_places(page, accounts, count);
	for (size_t i = 0; i < count; i++) {
		if (!idm_published_is_held(pub, &accounts[i]))
			take_place(page, &accounts[i]);
	}
	atomic_fetch_add(&page->hold_changes, 1);
}

bool
idm_published_is_held(const struct idm_published *pub, const struct idm_uuid *account)
{
	size_t places = hold_places(pub->page);
	struct idm_uuid held;

	for (size_t i = 0; i < places; i++) {
		load_hold(pub->page, i, &held);
		if (idm_uuid_equal(&held, account))
			return true;
	}
	return false;
}

size_t
idm_published_holds(const struct idm_published *pub, struct idm_uuid out[IDM_HOLDS_MAX])
{
	size_t places = hold_places(pub->page), count = 0;

	for (size_t i = 0; i < places; i++) {
		load_hold(pub->page, i, &out[count]);
		count += !idm_uuid_equal(&out[count], &nobody);
	}
	return count;
}
