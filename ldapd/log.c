#include "ldapd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum config_log_level max_level = CONFIG_LOG_INFO;

void
log_set_level(enum config_log_level level)
{
	max_level = level;
}

/* One write a line, so that lines of several processes do not mix; sd-daemon's <N> is its level. */
static void __attribute__((format(printf, 2, 0)))
write_line(enum config_log_level level, const char *fmt, va_list args)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	char line[LOG_LINE_BYTES];
	int head, len;

	if (level > max_level)
		return;
	head = snprintf(line, sizeof(line), "kanidm-ldapd: %s: ", names[level]);
	len = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, args);
	if (len < 0)
		return;
	len += head;
	if (len > (int)sizeof(line) - 2)
		len = (int)sizeof(line) - 2;
	for (int i = 0; i < len; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?'; /* whoever forgot to escape must not make a second line */
	}
	line[len] = '\n';
	if (write(STDERR_FILENO, line, (size_t)len + 1) < 0)
		return; /* there is nowhere to say so */
}

#define LOG_AT(name, level)                                                                        \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, fmt);                                                               \
		write_line(level, fmt, args);                                                      \
		va_end(args);                                                                      \
	}

LOG_AT(log_error, CONFIG_LOG_ERROR)
LOG_AT(log_warn, CONFIG_LOG_WARN)
LOG_AT(log_info, CONFIG_LOG_INFO)
LOG_AT(log_debug, CONFIG_LOG_DEBUG)

const char *
log_escape(struct idm_span text, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';

		if (len + (plain ? 1 : 4) + 4 > size) {
			memcpy(out + len, "...", 4);
			return out;
		}
		if (plain)
			out[len++] = (char)c;
		else
			len += (size_t)snprintf(out + len, 5, "\\x%02x", c);
	}
	out[len] = '\0';
	return out;
}
