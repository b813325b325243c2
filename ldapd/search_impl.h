/*
 * A search as search.c begins it, search_slices.c runs it, search_sort.c brings it in order, and
 * search_large.c sends those of its entries that take several turns.
 */
#ifndef LDAPD_SEARCH_IMPL_H
#define LDAPD_SEARCH_IMPL_H

#include "ldapd/large_entry.h"
#include "ldapd/paging.h"
#include "ldapd/search.h"
#include "ldapd/sort_order.h"
#include "ldapd/sorter.h"

enum {
	SEARCH_SLICE_ENTRIES = 1024, /* tested before others have their turn */
	SEARCH_ATTEMPTS = 3,         /* at a slice whose snapshot grew too old, or a large entry */
};

/* Why a slice ended before its search did. */
enum stop {
	STOP_NOT,
	STOP_FAILED,    /* `result` says how */
	STOP_SIZE,      /* there is one more entry than may be sent */
	STOP_PAGE,      /* or than the page holds */
	STOP_ROOM,      /* the client has to take some first */
	STOP_LARGE,     /* the entry is written in several turns */
	STOP_TOO_LARGE, /* an entry that no message can hold */
	STOP_UNSORTED,  /* `sort_code` says why they can't be sorted */
};

/* Which entries are in scope, beside what the filter says. */
enum scope {
	SCOPE_ALL,
	SCOPE_TOP,       /* containers, and what stands in none */
	SCOPE_BELOW,     /* those of `container` */
	SCOPE_CONTAINER, /* and the container itself */
};

enum phase {
	PHASE_UNSORTED,   /* what is found is sent */
	PHASE_COLLECTING, /* all that is found goes to the sorter */
	PHASE_SORTED,     /* what the sorter has is sent */
};

/* A search; lives in its request's arena. */
struct searching {
	struct request *request;
	const struct idm_schema *schema; /* by which these are made */
	struct view_selection selection;
	struct sort_order order;
	struct idm_attrset shown; /* what they need */
	struct idm_filter filter;
	struct idm_search search;
	enum scope scope;
	enum dn_container container; /* the only one whose entries are in scope, or NONE */
	uint32_t limit;              /* entries that may be sent */
	uint32_t sent;
	struct paging paging;
	const struct ldap_filter *assertion; /* of the base; NULL: none */
	uint64_t deadline_ms;                /* UINT64_MAX: none */
	unsigned attempts;                   /* at the slice at hand */
	bool base;                           /* nothing but the base is in scope */
	struct idm_arena_mark again_mark;    /* of the arena, before the base was looked at again */
	bool again;

	struct large_entry large;
	bool large_held;         /* by the arena, which drops it in the end */
	unsigned large_attempts; /* at the entry at hand */

	struct sort_request sort;
	enum ldap_result_code sort_code; /* what the response says of the order */
	struct idm_span sort_fault;      /* and of the key at fault */
	enum phase phase;
	struct sorter *sorter; /* held by the request's arena */
	size_t position;       /* in it, of the next entry to be sent */

	/* of one slice */
	struct view view;
	enum stop stop;
	uint64_t stop_id;    /* the entry that was not sent any more */
	size_t sorter_bytes; /* of keys that were collected */
	enum idm_result result;
	struct idm_error *err;
};

/* --- search.c */

/* Attributes, keys and filter by the schema of a snapshot: again, if it changes between slices. */
enum idm_result search_resolve(struct searching *s, const struct request_read *read);

/* Look at the base once more: for request_yield. */
void search_resume_base(struct request *request);

/* --- search_slices.c */

/* Go on in another turn. */
void search_yield(struct searching *s);
/* The time limit is over, and the client was told. */
bool search_is_late(struct searching *s);
/* The entry that ended a slice is the next one, or (`sent`) the one behind it. */
void search_set_next(struct searching *s, uint64_t id, bool sent);

/* End the search; `place`: of the next page, NULL: there is none. */
void search_respond(struct searching *s, enum ldap_result_code code, const char *text,
    const struct paging_place *place);

/* Run a slice in a snapshot that has begun, end the snapshot, and go on. */
void search_step(struct searching *s, struct request_read *read, struct idm_error *err);

/* What the end of a slice means for the search. */
void search_go_on(struct searching *s);

/* Write an entry behind what waits to be sent; STOP_NOT: it is there. */
enum stop search_write_entry(
    struct searching *s, const struct idm_entry *entry, const struct idm_attrset *readable);

bool search_is_in_scope(const struct searching *s, const struct idm_entry *entry);

/* --- search_large.c */

/*
 * An entry is written in part: let it go on in other turns; or, while the connection makes another
 * large one, let it be begun anew in another turn.
 */
enum stop search_put_off(struct searching *s, struct ldap_entry_writer *writer,
    const struct view_progress *progress, const struct idm_entry *entry,
    const struct idm_attrset *readable);
/* Go on with it in another turn. */
void search_yield_large(struct searching *s);

/* --- search_sort.c */

/*
 * Begin to sort, or go on with the pages of a list, once the keys are resolved; *text is then what
 * to answer with the code, if it is not LDAP_SUCCESS.
 */
enum ldap_result_code search_sort_begin(struct searching *s, const char **text);

/* Take all that a slice finds; what is in there counts once search_sort_end says that it does. */
enum idm_result search_sort_collect(struct searching *s, const struct request_read *read);
void search_sort_end(struct searching *s, bool counts);

/* All are there: from now on they are sent.  Or they can't be sorted: from the beginning. */
void search_sort_finish(struct searching *s);
void search_sort_give_up(struct searching *s);

/* The next ids of the list, at most as many as are wanted of them. */
size_t search_sort_next(struct searching *s, uint64_t ids[SEARCH_SLICE_ENTRIES]);

/* Where the next page begins, on a list that the connection keeps; it needs that no more. */
struct paging_place search_sort_place(struct searching *s);
void search_sort_forget(struct conn *conn, const struct sorter *sorter);

#endif
