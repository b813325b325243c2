/* One event a line on stderr, where journald takes it (SPEC 11.4).  What clients sent is escaped.
 */
#ifndef LDAPD_LOG_H
#define LDAPD_LOG_H

#include "common/config.h"
#include "core/span.h"

/* The most that a line holds; what is longer is cut. */
enum { LOG_LINE_BYTES = 1024 };

void log_set_level(enum config_log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * `text` as it may stand in a line: printable ASCII as it is, all else, quotes and backslashes as
 * \xNN; at most `size` octets with the NUL, "..." at the end where it was cut.  Returns `out`.
 */
const char *log_escape(struct idm_span text, char *out, size_t size);

#endif
