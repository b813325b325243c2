#include "admin/timearg.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/timefmt.h"

bool
timearg_parse(const char *text, const char *none_word, int64_t now_s, int64_t *out_s, bool *none)
{
	*none = strcmp(text, none_word) == 0 || strcmp(text, "clear") == 0;
	*out_s = 0;
	if (*none || strcmp(text, "epoch") == 0)
		return true;
	if (strcmp(text, "now") == 0) {
		*out_s = now_s;
		return true;
	}
	return idm_time_parse(idm_span_cstr(text), out_s);
}

void
timearg_format_local(int64_t at_s, char out[TIMEARG_TEXT])
{
	time_t at = (time_t)at_s;
	struct tm tm;
	long offset;
	size_t len;

	if (localtime_r(&at, &tm) == NULL) {
		idm_time_format(at_s, out);
		return;
	}
	len = strftime(out, TIMEARG_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	offset = tm.tm_gmtoff / 60;
	snprintf(out + len, TIMEARG_TEXT - len, "%c%02ld:%02ld", offset < 0 ? '-' : '+',
	    (offset < 0 ? -offset : offset) / 60, (offset < 0 ? -offset : offset) % 60);
}
