/*
 * Attributes and classes of administrators as entries tell them: classes attributetype and
 * classtype (SPEC 2.1, 2.2).
 */
#ifndef CORE_SCHEMA_ENTRY_H
#define CORE_SCHEMA_ENTRY_H

#include "core/entry.h"

/* The word of attributetype_syntax for a syntax; and back, for those that administrators may use:
 * false: none of them. */
const char *idm_syntax_word(enum idm_syntax syntax);
bool idm_syntax_parse(struct idm_span word, enum idm_syntax *out);

/* The words of attributetype_index, one after the other; NULL behind the last. */
const char *idm_index_word(size_t position, uint32_t *flag);

/*
 * What an entry of class attributetype says; the text of `out` is in `arena`, its slot is not set.
 * Of a unique attribute and of a reference there is always an index for equality.  IDM_INVALID with
 * a text for the client: a word that is not known, or flags that its syntax can't have.
 */
enum idm_result idm_schema_parse_attr(const struct idm_entry *entry, struct idm_arena *arena,
    struct idm_attr *out, struct idm_error *err);

/*
 * What an entry of class classtype says: its lists lead into `schema`, and are in `arena`.
 * IDM_INVALID with a text for the client: it lists an attribute that is not known.
 */
enum idm_result idm_schema_parse_class(const struct idm_schema *schema,
    const struct idm_entry *entry, struct idm_arena *arena, struct idm_class *out,
    struct idm_error *err);

#endif
