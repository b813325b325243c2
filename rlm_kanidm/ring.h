/* The RADIUS keys of the module, which change while it runs (kanidmd key rotate). */
#ifndef RLM_KANIDM_RING_H
#define RLM_KANIDM_RING_H

#include "core/seal.h"

struct ring;

/* Read a key file; `path` is borrowed.  On anything but IDM_OK, *out is NULL. */
enum idm_result ring_open(const char *path, struct ring **out, struct idm_error *err);
/* No thread uses it any more. */
void ring_close(struct ring **ring);

/* The keys as they were read last; they last as long as the ring.  For all threads. */
const struct idm_keyring *ring_keys(const struct ring *ring);

/*
 * A secret did not open under `keys`: read the file again if it is another one since.  True: there
 * are other keys to try.  For all threads.
 */
bool ring_renew(struct ring *ring, const struct idm_keyring *keys);

#endif
