#include "common/ldif_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ldap.h>
#include <ldif.h>

enum { BUFFER_BYTES = 256 * 1024, FIRST_TEXT_BYTES = 4096, FIRST_LINES = 32 };

/* A logical line: folded ones are joined. */
struct raw_line {
	uint64_t number;
	size_t start; /* in the record's text; a NUL stands behind each line */
	size_t len;
};

struct ldif_file {
	int fd;
	const char *path; /* the caller's, for texts */
	uint64_t size;
	uint64_t position; /* of what is behind the buffer */
	uint8_t *buffer;
	size_t at; /* in the buffer */
	size_t end;
	uint64_t number; /* of the physical line read last */
	bool version_seen;

	char *text; /* of the record */
	size_t text_len;
	size_t text_room;
	struct raw_line *raw;
	struct ldif_line *lines;
	size_t count;
	size_t room; /* of both */
	bool in_comment;
};

/* --- the file */

static enum idm_result
open_file(struct ldif_file *ldif, const char *path, struct idm_error *err)
{
	struct stat st;

	ldif->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (ldif->fd < 0 || fstat(ldif->fd, &st) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return idm_fail(err, IDM_SYSTEM,
		    "%s: not a regular file; it is read twice, so write it to one", path);
	ldif->size = (uint64_t)st.st_size;
	return IDM_OK;
}

enum idm_result
ldif_file_open(const char *path, struct ldif_file **out, struct idm_error *err)
{
	struct ldif_file *ldif = calloc(1, sizeof(*ldif));
	enum idm_result result;

	*out = ldif;
	if (ldif == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	ldif->fd = -1;
	ldif->path = path;
	ldif->buffer = malloc(BUFFER_BYTES);
	ldif->text_room = FIRST_TEXT_BYTES;
	ldif->text = malloc(ldif->text_room);
	if (ldif->buffer == NULL || ldif->text == NULL)
		result = idm_fail(err, IDM_SYSTEM, "out of memory");
	else
		result = open_file(ldif, path, err);
	if (result != IDM_OK)
		ldif_file_close(out);
	return result;
}

/* It may hold passwords in clear text, and hashes. */
void
ldif_file_close(struct ldif_file **ldif)
{
	struct ldif_file *it = *ldif;

	*ldif = NULL;
	if (it == NULL)
		return;
	if (it->fd >= 0)
		close(it->fd);
	if (it->buffer != NULL)
		explicit_bzero(it->buffer, BUFFER_BYTES);
	if (it->text != NULL)
		explicit_bzero(it->text, it->text_room);
	free(it->buffer);
	free(it->text);
	free(it->raw);
	free(it->lines);
	free(it);
}

enum idm_result
ldif_file_rewind(struct ldif_file *ldif, struct idm_error *err)
{
	if (lseek(ldif->fd, 0, SEEK_SET) != 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", ldif->path, strerror(errno));
	ldif->position = 0;
	ldif->at = ldif->end = 0;
	ldif->number = 0;
	ldif->version_seen = false;
	return IDM_OK;
}

uint64_t
ldif_file_position(const struct ldif_file *ldif)
{
	return ldif->position - (ldif->end - ldif->at);
}

uint64_t
ldif_file_size(const struct ldif_file *ldif)
{
	return ldif->size;
}

/* Something is in the buffer behind this; IDM_NOT_FOUND: the file is at its end. */
static enum idm_result
fill(struct ldif_file *ldif, struct idm_error *err)
{
	ssize_t got;

	if (ldif->at < ldif->end)
		return IDM_OK;
	do
		got = read(ldif->fd, ldif->buffer, BUFFER_BYTES);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return idm_fail(err, IDM_SYSTEM, "%s: %s", ldif->path, strerror(errno));
	ldif->at = 0;
	ldif->end = (size_t)got;
	ldif->position += (uint64_t)got;
	return got == 0 ? IDM_NOT_FOUND : IDM_OK;
}

/* --- the text of a record */

static enum idm_result
append(struct ldif_file *ldif, const uint8_t *bytes, size_t len, struct idm_error *err)
{
	size_t room = ldif->text_room;
	char *text;

	if (len > LDIF_RECORD_MAX_BYTES - ldif->text_len)
		return idm_fail(err, IDM_LIMIT, "%s:%llu: an entry of more than %d MiB", ldif->path,
		    (unsigned long long)ldif->number, LDIF_RECORD_MAX_BYTES >> 20);
	while (room < ldif->text_len + len)
		room *= 2;
	if (room != ldif->text_room) {
		text = realloc(ldif->text, room);
		if (text == NULL)
			return idm_fail(err, IDM_SYSTEM, "out of memory");
		ldif->text = text;
		ldif->text_room = room;
	}
	memcpy(ldif->text + ldif->text_len, bytes, len);
	ldif->text_len += len;
	return IDM_OK;
}

/* Append the next physical line, without its end. */
static enum idm_result
append_physical(struct ldif_file *ldif, struct idm_error *err)
{
	const uint8_t *newline = NULL;
	size_t start = ldif->text_len;
	enum idm_result result = fill(ldif, err);

	if (result != IDM_OK)
		return result;
	ldif->number++;
	while (result == IDM_OK && newline == NULL) {
		const uint8_t *from = ldif->buffer + ldif->at;
		size_t len = ldif->end - ldif->at;

		newline = memchr(from, '\n', len);
		if (newline != NULL)
			len = (size_t)(newline - from);
		result = append(ldif, from, len, err);
		ldif->at += len + (newline != NULL);
		if (result == IDM_OK && newline == NULL)
			result = fill(ldif, err);
	}
	if (result == IDM_NOT_FOUND)
		result = IDM_OK; /* the last line need not be ended */
	if (ldif->text_len > start && ldif->text[ldif->text_len - 1] == '\r')
		ldif->text_len--;
	return result;
}

static bool
grow_lines(struct ldif_file *ldif)
{
	size_t room = ldif->room == 0 ? FIRST_LINES : 2 * ldif->room;
	struct raw_line *raw = realloc(ldif->raw, room * sizeof(*raw));
	struct ldif_line *lines = realloc(ldif->lines, room * sizeof(*lines));

	if (raw != NULL)
		ldif->raw = raw;
	if (lines != NULL)
		ldif->lines = lines;
	if (raw == NULL || lines == NULL)
		return false;
	ldif->room = room;
	return true;
}

/* A physical line that begins a logical one: from `start` to the end of the text. */
static enum idm_result
begin_line(struct ldif_file *ldif, size_t start, struct idm_error *err)
{
	ldif->in_comment = ldif->text[start] == '#';
	if (ldif->in_comment) {
		ldif->text_len = start;
		return IDM_OK;
	}
	if (ldif->count == ldif->room && !grow_lines(ldif))
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	ldif->raw[ldif->count++] = (struct raw_line){ ldif->number, start, ldif->text_len - start };
	return append(ldif, (const uint8_t *)"", 1, err);
}

/* A line that begins with a space goes on with the one before it (RFC 2849 note 2). */
static enum idm_result
continue_line(struct ldif_file *ldif, size_t start, struct idm_error *err)
{
	struct raw_line *line;
	size_t len = ldif->text_len - start - 1;

	if (ldif->in_comment) {
		ldif->text_len = start;
		return IDM_OK;
	}
	if (ldif->count == 0)
		return begin_line(ldif, start, err); /* which is a fault of its own */
	line = &ldif->raw[ldif->count - 1];
	memmove(ldif->text + line->start + line->len, ldif->text + start + 1, len);
	line->len += len;
	ldif->text_len = line->start + line->len;
	return append(ldif, (const uint8_t *)"", 1, err);
}

/* Collect the lines up to the next empty one; IDM_NOT_FOUND: there are none. */
static enum idm_result
read_record(struct ldif_file *ldif, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	ldif->text_len = 0;
	ldif->count = 0;
	ldif->in_comment = false;
	for (;;) {
		size_t start = ldif->text_len;

		result = append_physical(ldif, err);
		if (result != IDM_OK)
			break;
		if (ldif->text_len == start && ldif->count != 0)
			return IDM_OK;
		if (ldif->text_len == start)
			ldif->in_comment = false;
		else if (ldif->text[start] == ' ')
			result = continue_line(ldif, start, err);
		else
			result = begin_line(ldif, start, err);
		if (result != IDM_OK)
			return result;
	}
	return result == IDM_NOT_FOUND && ldif->count != 0 ? IDM_OK : result;
}

/* --- a line */

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 4512 section 2.5: a type by name or OID, and options; our own names have a `_`. */
static bool
is_description(const char *text, size_t len)
{
	bool fresh = true; /* the type, or an option, begins */

	if (len > LDIF_TYPE_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ';' ? fresh : !is_alnum(text[i]) && strchr("-._", text[i]) == NULL)
			return false;
		fresh = text[i] == ';';
	}
	return !fresh;
}

/* Padded, and of nothing but its alphabet (RFC 4648 section 4). */
static bool
is_base64(const char *text, size_t len)
{
	size_t padding = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '=')
			padding++;
		else if (padding != 0 || (!is_alnum(text[i]) && text[i] != '+' && text[i] != '/'))
			return false;
	}
	return len % 4 == 0 && padding <= 2;
}

/* What libldap would not find, or would answer by reading other files. */
static const char *
find_fault(const char *text, size_t len, bool *empty)
{
	const char *colon = memchr(text, ':', len), *value;

	*empty = false;
	if (memchr(text, '\0', len) != NULL || memchr(text, '\r', len) != NULL)
		return "the line holds a NUL or a carriage return: write the value in base64";
	if (text[0] == ' ')
		return "the line goes on with nothing: remove the space in front";
	if (colon == NULL)
		return "there is no ':' in the line: write ATTRIBUTE: VALUE";
	if (!is_description(text, (size_t)(colon - text)))
		return "what stands before the ':' is no attribute";
	value = colon + 1 + (colon[1] == ':' || colon[1] == '<');
	value += strspn(value, " ");
	*empty = *value == '\0';
	if (colon[1] == '<')
		return "a value by URL is not read: put it into the file, in base64";
	if (colon[1] == ':' && !is_base64(value, len - (size_t)(value - text)))
		return "the value is no base64";
	return NULL;
}

/* `text` is of `raw`, with a NUL behind it; it is changed. */
static void
parse_line(char *text, const struct raw_line *raw, struct ldif_line *out)
{
	struct berval type = { 0, NULL }, value = { 0, NULL };
	const char *options;
	int freeval = 0;
	bool empty;

	*out = (struct ldif_line){ .number = raw->number };
	out->fault = find_fault(text, raw->len, &empty);
	if (out->fault != NULL)
		return;
	if (empty) /* libldap takes no empty base64 */
		*(strchr(text, ':') + 1) = '\0';
	if (ldif_parse_line2(text, &type, &value, &freeval) != 0) {
		out->fault = "the line can't be read";
		return;
	}
	options = strchr(type.bv_val, ';');
	out->type = idm_span_cstr(type.bv_val);
	if (options != NULL) {
		out->type.len = (size_t)(options - type.bv_val);
		out->options = idm_span_cstr(options + 1);
	}
	out->value = idm_span_of(value.bv_val, value.bv_len);
}

/* `version: 1` in front of the first record, or alone (RFC 2849). */
static bool
skip_version(struct ldif_file *ldif, struct ldif_record *out)
{
	struct ldif_line *first = &ldif->lines[0];

	if (ldif->version_seen)
		return false;
	ldif->version_seen = true;
	if (first->fault != NULL || !idm_span_equal_nocase(first->type, IDM_SPAN_LIT("version")))
		return false;
	if (!idm_span_is(first->value, "1")) {
		first->fault = "an unknown version of LDIF: write version: 1";
		return false;
	}
	out->lines++;
	out->count--;
	return true;
}

enum idm_result
ldif_file_next(struct ldif_file *ldif, struct ldif_record *out, struct idm_error *err)
{
	enum idm_result result;

	do {
		result = read_record(ldif, err);
		if (result != IDM_OK)
			return result;
		for (size_t i = 0; i < ldif->count; i++)
			parse_line(ldif->text + ldif->raw[i].start, &ldif->raw[i], &ldif->lines[i]);
		*out = (struct ldif_record){ ldif->lines, ldif->count };
	} while (skip_version(ldif, out) && out->count == 0);
	return IDM_OK;
}
