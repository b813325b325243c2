/* Descriptors, written whole. */
#ifndef CORE_FD_H
#define CORE_FD_H

#include <stdbool.h>
#include <stddef.h>

/* Write all of it to a blocking descriptor, past signals; false, with errno: some of it is not. */
bool idm_fd_write(int fd, const void *bytes, size_t len);

#endif
