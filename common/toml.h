/*
 * Configuration files: a strict subset of TOML 1.0, cut into lines and keys by inih.
 *
 *	# comment
 *	key = "string"        # escapes as in TOML; 'literal' strings too
 *	number = 65_536       # decimal
 *	switch = true
 *	list = [ "a", "b" ]   # of strings, on one line
 *	[table]
 *
 * What inih would let pass is refused: `key: value`, text behind [table], values without quotes,
 * `;` comments, a key or a table that stands twice, lines that are too long, NUL, no UTF-8.
 */
#ifndef COMMON_TOML_H
#define COMMON_TOML_H

#include "core/result.h"
#include "core/span.h"

enum {
	TOML_FILE_MAX = 64 * 1024,
	TOML_LINE_MAX = 4096,
	TOML_ITEMS_MAX = 64, /* of an array */
	TOML_KEYS_MAX = 256,
	TOML_NAME_MAX = 64, /* of a key or a table */
};

enum toml_kind {
	TOML_STRING,
	TOML_INTEGER,
	TOML_BOOLEAN,
	TOML_ARRAY,
};

/* Valid during the call alone. */
struct toml_value {
	enum toml_kind kind;
	int64_t integer;
	bool boolean;
	const char *text;                  /* a string; it holds no NUL */
	const char *items[TOML_ITEMS_MAX]; /* the strings of an array */
	size_t count;
};

/* Where a value stands; `table` is "" above the first table. */
struct toml_place {
	const char *file;
	int line; /* 0: the file as a whole */
	const char *table;
	const char *key; /* "": the line as a whole */
};

struct toml_reader {
	/* Each value in turn; each table once, with key "".  Anything but IDM_OK ends the reading.
	 */
	enum idm_result (*on_table)(
	    void *ctx, const struct toml_place *place, struct idm_error *err);
	enum idm_result (*on_value)(void *ctx, const struct toml_place *place,
	    const struct toml_value *value, struct idm_error *err);
	void *ctx;
};

/*
 * Read a file.  IDM_NOT_FOUND: it does not exist; IDM_SYSTEM: it can't be read; IDM_INVALID: it is
 * no regular file, may be written by others than its owner, or breaks a rule above.
 */
enum idm_result toml_load(
    const char *path, const struct toml_reader *reader, struct idm_error *err);

/* Read `text`, which came from the file `path`. */
enum idm_result toml_parse(const char *path, struct idm_span text, const struct toml_reader *reader,
    struct idm_error *err);

/*
 * "FILE:LINE: KEY: what is wrong; what to write" into `err`, and IDM_INVALID.  A long FILE loses
 * its middle, so that the rest is whole.
 */
enum idm_result toml_fail(struct idm_error *err, const struct toml_place *place, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* What a value is, for messages: "a string", "a number", ... */
const char *toml_kind_name(enum toml_kind kind);

#endif
