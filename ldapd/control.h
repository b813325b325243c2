/* Messages on the control sockets of supervisor.h: a type, a text, maybe a descriptor. */
#ifndef LDAPD_CONTROL_H
#define LDAPD_CONTROL_H

#include <stdbool.h>

#include "ldapd/tls.h"

enum { CONTROL_BYTES = 512 };

enum control_received {
	CONTROL_AGAIN, /* nothing there */
	CONTROL_GONE,  /* the other end is closed */
	CONTROL_MESSAGE,
};

/* `text` may be NULL, `fd` -1: none. */
bool control_send(int control_fd, char type, const char *text, int fd);

/* *fd is -1 or the caller's to close. */
enum control_received control_receive(
    int control_fd, char *type, char text[CONTROL_BYTES], int *fd);

bool control_send_material(int control_fd, const struct tls_material *material);

#endif
