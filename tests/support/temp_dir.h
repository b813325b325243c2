/* A new directory of a test's own. */
#ifndef TESTS_SUPPORT_TEMP_DIR_H
#define TESTS_SUPPORT_TEMP_DIR_H

#include <stddef.h>

enum { TEMP_DIR_BYTES = 48 };

/* Make /tmp/kanidm-WHAT-PID-N, for this user alone; its path into `out`.  Fails the test if it
 * can't. */
void temp_dir_make(const char *what, char *out, size_t size);

/* Remove it with all that is in it.  Fails the test if it can't. */
void temp_dir_remove(const char *path);

#endif
