/*
 * Text of values: UTF-8, Unicode normalisation form C, case folding, white space (RFC 4518).
 * Everything returned lives in the arena; `what` names the attribute in the client's error text.
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "core/arena.h"
#include "core/result.h"
#include "core/span.h"

/* What folding does with white space at the ends; runs of it become one space either way. */
enum idm_text_ends {
	IDM_TEXT_CUT_ENDS,
	IDM_TEXT_KEEP_ENDS, /* as one space: pieces of a substring assertion */
};

/* Nothing but U+0020 to U+007E: such text is in NFC already. */
bool idm_text_is_ascii(struct idm_span text);

/* To NFC.  IDM_INVALID: not UTF-8. */
enum idm_result idm_text_nfc(const char *what, struct idm_span text, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);

/*
 * Text that may be stored, to NFC: not empty, at most `bytes_max` octets, without control
 * characters (C0, DEL, C1, line and paragraph separators) and bidirectional controls.
 */
enum idm_result idm_text_parse(const char *what, struct idm_span text, size_t bytes_max,
    struct idm_arena *arena, struct idm_span *out, struct idm_error *err);

/* NFC text, folded for comparison: Unicode full case folding, NFC again, white space. */
enum idm_result idm_text_fold(struct idm_span nfc, enum idm_text_ends ends, struct idm_arena *arena,
    struct idm_span *out, struct idm_error *err);

/* A copy with the ASCII letters in lower case. */
enum idm_result idm_text_lower(
    struct idm_span text, struct idm_arena *arena, struct idm_span *out, struct idm_error *err);

/* What every function here says when the arena is used up: IDM_LIMIT. */
enum idm_result idm_text_no_memory(struct idm_error *err);

#endif
