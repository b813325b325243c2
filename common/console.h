/*
 * The console of a running server: a Unix socket (SOCK_SEQPACKET) of the core process, for root
 * alone (SPEC 6.9).  One packet asks, one answers, and the connection is over.
 *
 * A request is words, each with a NUL behind it: the command, and its operands.  An answer is one
 * octet, CONSOLE_DONE or CONSOLE_FAILED, and a text: what was done, or why it was not.
 */
#ifndef COMMON_CONSOLE_H
#define COMMON_CONSOLE_H

#include <stdbool.h>
#include <sys/un.h>

#include "common/config.h"

enum {
	CONSOLE_PACKET_BYTES = 4096,
	CONSOLE_WORDS_MAX = 4,
	CONSOLE_DONE = '+',
	CONSOLE_FAILED = '-',
};

/* NAME; with a second operand "restore-roles".  The answer is the new password. */
#define CONSOLE_RECOVER "recover_account"
/* NAME */
#define CONSOLE_DISABLE "disable_account"

/* "add" or "remove", NAME.  The answer is empty if it was so already, else one "*". */
#define CONSOLE_HOLD "hold"

/* Where it is: beside the databases.  False: the path is too long for a socket. */
bool console_address(const struct server_config *config, struct sockaddr_un *out);

#endif
