#include "common/toml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ini.h>
#include <unistr.h>

enum { FILE_SHOWN_MAX = 90 /* characters of the file's name in a message */ };

/* A key or table that was seen, to refuse it when it comes again. */
struct seen {
	char table[TOML_NAME_MAX + 1];
	char key[TOML_NAME_MAX + 1]; /* "": the table itself */
	int line;
};

/* One file as inih goes through it. */
struct parse {
	const struct toml_reader *reader;
	struct idm_error *err;
	struct toml_place place;
	struct idm_span rest;            /* of the text, behind the line at hand */
	char line[TOML_LINE_MAX + 1];    /* the line at hand; inih has a copy that it cuts up */
	char strings[TOML_LINE_MAX + 1]; /* the strings of its value, each with its NUL */
	size_t strings_len;
	char table[TOML_NAME_MAX + 1];
	struct seen seen[TOML_KEYS_MAX];
	size_t seen_count;
	enum idm_result result; /* the first failure */
};

/* A cursor over one value; the text ends with a NUL. */
struct cursor {
	struct parse *parse;
	const char *pos;
};

const char *
toml_kind_name(enum toml_kind kind)
{
	switch (kind) {
	case TOML_STRING: return "a string";
	case TOML_INTEGER: return "a number";
	case TOML_BOOLEAN: return "true or false";
	case TOML_ARRAY: return "a list";
	}
	return "nothing known";
}

/* The name of the file, without its middle where it is long. */
static void
show_file(const char *path, char out[FILE_SHOWN_MAX + 1])
{
	static const char gap[] = "...";
	size_t len = strlen(path);
	size_t head = FILE_SHOWN_MAX / 3;
	size_t tail = FILE_SHOWN_MAX - head - (sizeof(gap) - 1);

	if (len <= FILE_SHOWN_MAX)
		snprintf(out, FILE_SHOWN_MAX + 1, "%s", path);
	else
		snprintf(
		    out, FILE_SHOWN_MAX + 1, "%.*s%s%s", (int)head, path, gap, path + len - tail);
}

enum idm_result
toml_fail(struct idm_error *err, const struct toml_place *place, const char *fmt, ...)
{
	char file[FILE_SHOWN_MAX + 1];
	char line[16] = "";
	char why[sizeof(err->text)];
	va_list args;

	show_file(place->file, file);
	if (place->line > 0)
		snprintf(line, sizeof(line), "%d:", place->line);
	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return idm_fail(err, IDM_INVALID, "%s:%s %s%s%s", file, line, place->key,
	    place->key[0] == '\0' ? "" : ": ", why);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_key_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static const char *
skip_spaces(const char *pos)
{
	while (is_space(*pos))
		pos++;
	return pos;
}

/* Nothing but white space, a comment, or the end of the line. */
static bool
ends_here(const char *pos)
{
	pos = skip_spaces(pos);
	return *pos == '\0' || *pos == '#' || *pos == '\n' || (*pos == '\r' && pos[1] == '\n');
}

static bool fail(struct parse *parse, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Record the first failure of the line at hand; false, so that callers return it. */
static bool
fail(struct parse *parse, const char *fmt, ...)
{
	char why[sizeof(parse->err->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	parse->result = toml_fail(parse->err, &parse->place, "%s", why);
	return false;
}

/* --- values */

static void
add_octets(struct parse *parse, const void *from, size_t len)
{
	/* Never longer than the line: an escape is longer than what it stands for. */
	memcpy(parse->strings + parse->strings_len, from, len);
	parse->strings_len += len;
}

/* \uHHHH or \UHHHHHHHH; the cursor stands at the first digit. */
static bool
take_code_point(struct cursor *c, size_t digits)
{
	char hex[9] = "";
	uint8_t utf8[6];
	ucs4_t code;
	int len;

	for (size_t i = 0; i < digits; i++) {
		if (strchr("0123456789abcdefABCDEF", c->pos[i]) == NULL || c->pos[i] == '\0')
			return fail(c->parse, "\\u needs 4 hexadecimal digits, \\U needs 8");
		hex[i] = c->pos[i];
	}
	c->pos += digits;
	code = (ucs4_t)strtoul(hex, NULL, 16);
	len = code == 0 ? -1 : u8_uctomb(utf8, code, sizeof(utf8));
	if (len < 0)
		return fail(c->parse, "\\u%s is no character that may stand here", hex);
	add_octets(c->parse, utf8, (size_t)len);
	return true;
}

/* The cursor stands behind the backslash. */
static bool
take_escape(struct cursor *c)
{
	static const char names[] = "btnfr\"\\";
	static const char octets[] = "\b\t\n\f\r\"\\";
	char name = *c->pos;
	const char *at = name == '\0' ? NULL : strchr(names, name);

	if (name == 'u' || name == 'U') {
		c->pos++;
		return take_code_point(c, name == 'u' ? 4 : 8);
	}
	if (at == NULL)
		return fail(c->parse, "an unknown escape; write \\\\ for a backslash");
	c->pos++;
	add_octets(c->parse, &octets[at - names], 1);
	return true;
}

/* The cursor stands at the opening quote; *out gets the string. */
static bool
take_string(struct cursor *c, const char **out)
{
	char quote = *c->pos++;
	size_t start = c->parse->strings_len;

	while (*c->pos != quote) {
		uint8_t octet = (uint8_t)*c->pos;

		if (octet == '\0')
			return fail(
			    c->parse, "the string does not end; write a %c behind it", quote);
		if ((octet < 0x20 && octet != '\t') || octet == 0x7f)
			return fail(c->parse, "a control character; write it as \\uHHHH");
		c->pos++;
		if (octet != '\\' || quote == '\'')
			add_octets(c->parse, &octet, 1);
		else if (!take_escape(c))
			return false;
	}
	c->pos++;
	add_octets(c->parse, "", 1);
	*out = c->parse->strings + start;
	return true;
}

/* [+-] digits, single underscores between them, no zero in front. */
static bool
take_integer(struct cursor *c, int64_t *out)
{
	char digits[24];
	size_t len = 0;
	size_t sign;

	if (*c->pos == '+' || *c->pos == '-')
		digits[len++] = *c->pos++;
	sign = len;
	while (is_key_char(*c->pos) && len < sizeof(digits) - 1) {
		bool joins = *c->pos == '_' && len > sign && c->pos[-1] != '_' &&
			     c->pos[1] >= '0' && c->pos[1] <= '9';

		if (!joins && (*c->pos < '0' || *c->pos > '9'))
			return fail(c->parse, "no value; write a number, or a string in quotes");
		if (!joins)
			digits[len++] = *c->pos;
		c->pos++;
	}
	digits[len] = '\0';
	if (len == sign || (digits[sign] == '0' && len > sign + 1))
		return fail(c->parse, "no number; write decimal digits, no 0 in front");
	errno = 0;
	*out = strtoll(digits, NULL, 10);
	return (errno == 0 && len < sizeof(digits) - 1) || fail(c->parse, "a number out of range");
}

static bool
take_word(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(c->pos, word, len) != 0 || is_key_char(c->pos[len]))
		return false;
	c->pos += len;
	return true;
}

/* The cursor stands behind the bracket. */
static bool
take_array(struct cursor *c, struct toml_value *out)
{
	for (;;) {
		c->pos = skip_spaces(c->pos);
		if (*c->pos == ']') {
			c->pos++;
			return true;
		}
		if (*c->pos != '"' && *c->pos != '\'')
			break;
		if (out->count == TOML_ITEMS_MAX)
			return fail(c->parse, "more than %d items", TOML_ITEMS_MAX);
		if (!take_string(c, &out->items[out->count++]))
			return false;
		c->pos = skip_spaces(c->pos);
		if (*c->pos == ',')
			c->pos++;
		else if (*c->pos != ']')
			break;
	}
	return fail(c->parse, "a list of strings; write it on one line: [ \"a\", \"b\" ]");
}

static bool
take_value(struct cursor *c, struct toml_value *out)
{
	if (*c->pos == '"' || *c->pos == '\'') {
		out->kind = TOML_STRING;
		return take_string(c, &out->text);
	}
	if (*c->pos == '[') {
		out->kind = TOML_ARRAY;
		c->pos++;
		return take_array(c, out);
	}
	out->kind = TOML_BOOLEAN;
	out->boolean = *c->pos == 't';
	if (take_word(c, "true") || take_word(c, "false"))
		return true;
	out->kind = TOML_INTEGER;
	if (ends_here(c->pos))
		return fail(c->parse, "no value; write one behind the =");
	if (*c->pos != '+' && *c->pos != '-' && (*c->pos < '0' || *c->pos > '9'))
		return fail(c->parse, "no value; write a string in quotes: \"...\"");
	return take_integer(c, &out->integer);
}

/* --- lines */

/* Note a key (or, with "", a table); false: it was seen before. */
static bool
note(struct parse *parse, const char *table, const char *key)
{
	struct seen *seen;

	for (size_t i = 0; i < parse->seen_count; i++) {
		seen = &parse->seen[i];
		if (strcmp(seen->table, table) == 0 && strcmp(seen->key, key) == 0)
			return fail(parse, "stands in line %d already; write it once", seen->line);
	}
	if (parse->seen_count == TOML_KEYS_MAX)
		return fail(parse, "more than %d keys", TOML_KEYS_MAX);
	seen = &parse->seen[parse->seen_count++];
	snprintf(seen->table, sizeof(seen->table), "%s", table);
	snprintf(seen->key, sizeof(seen->key), "%s", key);
	seen->line = parse->place.line;
	return true;
}

/* `[name]`, strictly; inih would take anything that begins so. */
static bool
take_table(struct parse *parse, const char *pos)
{
	size_t len = 0;

	pos = skip_spaces(pos + 1);
	while (is_key_char(pos[len]))
		len++;
	if (len == 0 || len > TOML_NAME_MAX || *skip_spaces(pos + len) != ']' ||
	    !ends_here(skip_spaces(pos + len) + 1))
		return fail(parse, "no table; write [name]");
	snprintf(parse->table, sizeof(parse->table), "%.*s", (int)len, pos);
	if (!note(parse, parse->table, ""))
		return false;
	if (parse->reader->on_table != NULL)
		parse->result =
		    parse->reader->on_table(parse->reader->ctx, &parse->place, parse->err);
	return parse->result == IDM_OK;
}

/* `key =`, strictly; inih would also take `key:`, and any text before it for a key. */
static bool
check_key(struct parse *parse, const char *pos)
{
	size_t len = 0;

	while (is_key_char(pos[len]))
		len++;
	if (len > TOML_NAME_MAX)
		return fail(parse, "a name of more than %d characters", TOML_NAME_MAX);
	if (len == 0 || *skip_spaces(pos + len) != '=')
		return fail(parse, "neither a comment nor a table nor a key; write KEY = VALUE");
	return true;
}

static bool
check_line(struct parse *parse)
{
	const char *pos = skip_spaces(parse->line);

	parse->place.key = "";
	if (ends_here(pos))
		return true;
	return *pos == '[' ? take_table(parse, pos) : check_key(parse, pos);
}

/* inih's source of lines.  It ends at the first that is wrong. */
static char *
next_line(char *out, int room, void *ctx)
{
	struct parse *parse = ctx;
	const uint8_t *end;
	size_t len;

	if (parse->result != IDM_OK || parse->rest.len == 0)
		return NULL;
	parse->place.line++;
	end = memchr(parse->rest.ptr, '\n', parse->rest.len);
	len = end == NULL ? parse->rest.len : (size_t)(end - parse->rest.ptr) + 1;
	if (len > TOML_LINE_MAX || len >= (size_t)room) {
		fail(parse, "a line of more than %d octets", TOML_LINE_MAX);
		return NULL;
	}
	memcpy(parse->line, parse->rest.ptr, len);
	parse->line[len] = '\0';
	parse->rest = idm_span_of(parse->rest.ptr + len, parse->rest.len - len);
	if (!check_line(parse))
		return NULL;
	memcpy(out, parse->line, len + 1);
	return out;
}

/* inih's handler: 1 goes on. */
static int
on_pair(void *ctx, const char *section, const char *name, const char *text)
{
	struct parse *parse = ctx;
	struct cursor cursor = { parse, text };
	struct toml_value value = { .count = 0 };

	(void)section; /* cut off at 49 characters; the table's own name is whole */
	parse->place.key = name;
	parse->strings_len = 0;
	if (!note(parse, parse->table, name) || !take_value(&cursor, &value))
		return 0;
	if (!ends_here(cursor.pos))
		return fail(parse, "text behind the value; a comment begins with #");
	parse->result =
	    parse->reader->on_value(parse->reader->ctx, &parse->place, &value, parse->err);
	return parse->result == IDM_OK;
}

/* What inih does is set in global variables. */
static void
configure_inih(void)
{
	static char comment[] = "#";

	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_allow_no_value = false;
	ini_allow_bom = false;
	ini_start_comment_prefixes = comment;
	ini_stop_on_first_error = true;
	ini_use_stack = false;
	ini_allow_realloc = false;
	ini_max_line = TOML_LINE_MAX + 2;
	ini_initial_alloc = TOML_LINE_MAX + 2;
}

/* What holds for the text as a whole. */
static bool
check_text(struct parse *parse, struct idm_span text)
{
	const uint8_t *bad = text.len == 0 ? NULL : u8_check(text.ptr, text.len);
	const uint8_t *nul = text.len == 0 ? NULL : memchr(text.ptr, '\0', text.len);

	if (nul != NULL && (bad == NULL || nul < bad))
		bad = nul;
	if (bad == NULL)
		return true;
	parse->place.line = 1;
	for (const uint8_t *pos = text.ptr; pos < bad; pos++)
		parse->place.line += *pos == '\n';
	return fail(parse, bad == nul ? "a NUL; write text" : "no UTF-8; save the file as UTF-8");
}

enum idm_result
toml_parse(
    const char *path, struct idm_span text, const struct toml_reader *reader, struct idm_error *err)
{
	static const char mark[] = "\xef\xbb\xbf"; /* what some editors put in front of UTF-8 */
	struct parse *parse = calloc(1, sizeof(*parse));
	enum idm_result result;
	int bad_line;

	if (parse == NULL)
		return idm_fail(err, IDM_SYSTEM, "%s: out of memory", path);
	parse->reader = reader;
	parse->err = err;
	if (text.len >= sizeof(mark) - 1 && memcmp(text.ptr, mark, sizeof(mark) - 1) == 0)
		text = idm_span_of(text.ptr + sizeof(mark) - 1, text.len - (sizeof(mark) - 1));
	parse->rest = text;
	parse->place = (struct toml_place){ path, 0, parse->table, "" };
	if (check_text(parse, text)) {
		configure_inih();
		bad_line = ini_parse_stream(next_line, parse, on_pair, parse);
		if (bad_line != 0 && parse->result == IDM_OK)
			fail(parse, "inih can't read it (%d)", bad_line);
	}
	result = parse->result;
	explicit_bzero(parse, sizeof(*parse));
	free(parse);
	return result;
}

/* Open the file and look at what it is, before a byte of it counts. */
static enum idm_result
open_file(const char *path, int *fd, struct idm_error *err)
{
	const struct toml_place place = { path, 0, "", "" };
	struct stat info;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, &info) != 0) {
		toml_fail(err, &place, "%s", strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? IDM_NOT_FOUND : IDM_SYSTEM;
	}
	if (!S_ISREG(info.st_mode))
		return toml_fail(err, &place, "not a regular file");
	if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return toml_fail(err, &place,
		    "others than its owner may write it (mode %04o); chmod go-w it",
		    (unsigned)info.st_mode & 07777);
	if (info.st_size > TOML_FILE_MAX)
		return toml_fail(err, &place, "larger than %d octets", TOML_FILE_MAX);
	return IDM_OK;
}

static enum idm_result
read_all(int fd, const char *path, uint8_t *text, size_t *len, struct idm_error *err)
{
	const struct toml_place place = { path, 0, "", "" };
	ssize_t got;

	*len = 0;
	while (*len <= TOML_FILE_MAX) {
		got = read(fd, text + *len, TOML_FILE_MAX + 1 - *len);
		if (got == 0)
			return IDM_OK;
		if (got < 0) {
			toml_fail(err, &place, "%s", strerror(errno));
			return IDM_SYSTEM;
		}
		*len += (size_t)got;
	}
	return toml_fail(err, &place, "larger than %d octets", TOML_FILE_MAX);
}

enum idm_result
toml_load(const char *path, const struct toml_reader *reader, struct idm_error *err)
{
	enum idm_result result;
	uint8_t *text = NULL;
	size_t len;
	int fd;

	result = open_file(path, &fd, err);
	if (result != IDM_OK)
		goto out;
	text = malloc(TOML_FILE_MAX + 1);
	if (text == NULL) {
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
		goto out;
	}
	result = read_all(fd, path, text, &len, err);
	if (result == IDM_OK)
		result = toml_parse(path, idm_span_of(text, len), reader, err);
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return result;
}
