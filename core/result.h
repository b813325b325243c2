/* How everything in this tree reports failure: a result for the program, a text for the operator.
 */
#ifndef CORE_RESULT_H
#define CORE_RESULT_H

enum idm_result {
	IDM_OK = 0,
	IDM_NOT_FOUND,  /* no live entry answers */
	IDM_DENIED,     /* access control, validity or credential said no */
	IDM_INVALID,    /* a value breaks its syntax, or a setting is wrong */
	IDM_SCHEMA,     /* the entry would break the schema */
	IDM_CONSTRAINT, /* unknown reference, a unique value other than a name, a weak password */
	IDM_EXISTS,     /* a name is taken, or the thing is there already */
	IDM_PROTECTED,  /* a built-in that nobody may change so */
	IDM_ASSERTION,  /* what the client expects of the entry is not so */
	IDM_LIMIT,      /* a memory, size or time budget is used up */
	IDM_BUSY,       /* try again: a pool or queue is full */
	IDM_CORRUPT,    /* stored bytes do not decode */
	IDM_SYSTEM,     /* LMDB or the operating system failed */
};

/* What to tell the operator, and what a client may know (empty: nothing but the result). */
struct idm_error {
	char text[256];
	char client_text[256];
};

/*
 * Fill err->text (`err` may be NULL), empty err->client_text, and return `result`, so that a
 * caller writes `return idm_fail(...)`.
 */
enum idm_result idm_fail(struct idm_error *err, enum idm_result result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As idm_fail, and the client may know the text too: it names nothing that the client can't see. */
enum idm_result idm_refuse(struct idm_error *err, enum idm_result result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The name of a result for logs: "IDM_DENIED" is "denied". */
const char *idm_result_name(enum idm_result result);

#endif
