#include "rlm_kanidm/ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Keys that were read once: another thread may be at them, so they stay. */
struct held {
	struct idm_keyring *keys;
	struct held *next;
};

struct ring {
	const char *path;
	_Atomic(struct idm_keyring *) current;
	pthread_mutex_t lock; /* of all below */
	struct held *all;
	struct stat file; /* as it was before it was read */
};

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_size == b->st_size;
}

static enum idm_result
read_keys(struct ring *ring, struct idm_error *err)
{
	struct held *held = calloc(1, sizeof(*held));
	enum idm_result result;

	if (held == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_keyring_open(ring->path, IDM_PURPOSE_RADIUS, &held->keys, err);
	if (result != IDM_OK) {
		free(held);
		return result;
	}
	held->next = ring->all;
	ring->all = held;
	atomic_store(&ring->current, held->keys);
	return IDM_OK;
}

enum idm_result
ring_open(const char *path, struct ring **out, struct idm_error *err)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	enum idm_result result;

	*out = NULL;
	if (ring == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	ring->path = path;
	pthread_mutex_init(&ring->lock, NULL);
	(void)stat(path, &ring->file); /* else it is read again, or said why not */
	result = read_keys(ring, err);
	if (result == IDM_OK)
		*out = ring;
	else
		ring_close(&ring);
	return result;
}

void
ring_close(struct ring **ring)
{
	struct ring *r = *ring;

	if (r == NULL)
		return;
	for (struct held *next, *held = r->all; held != NULL; held = next) {
		next = held->next;
		idm_keyring_close(&held->keys);
		free(held);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
	*ring = NULL;
}

const struct idm_keyring *
ring_keys(const struct ring *ring)
{
	return atomic_load(&ring->current);
}

bool
ring_renew(struct ring *ring, const struct idm_keyring *keys)
{
	struct stat file;
	bool renewed;

	pthread_mutex_lock(&ring->lock);
	renewed = ring_keys(ring) != keys;
	/* A file that can't be read now is tried again with the next secret that does not open. */
	if (!renewed && stat(ring->path, &file) == 0 && !same_file(&file, &ring->file) &&
	    read_keys(ring, NULL) == IDM_OK) {
		ring->file = file;
		renewed = true;
	}
	pthread_mutex_unlock(&ring->lock);
	return renewed;
}
