/* Points in time as people write and read them (SPEC 10.3, 10.6). */
#ifndef ADMIN_TIMEARG_H
#define ADMIN_TIMEARG_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMEARG_TEXT = 40 };

/*
 * RFC 3339, or a word: `now`, `epoch`; `clear` and `none_word` ("any", "never") say that there is
 * to be none: *none.  False: it is no time.
 */
bool timearg_parse(
    const char *text, const char *none_word, int64_t now_s, int64_t *out_s, bool *none);

/* In the caller's zone: 2020-09-25T21:22:04+10:00. */
void timearg_format_local(int64_t at_s, char out[TIMEARG_TEXT]);

#endif
