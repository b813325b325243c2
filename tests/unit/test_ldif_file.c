/* LDIF as it comes: folded, commented, in base64, with either line end; and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/ldif_file.h"
#include "tests/support/temp_dir.h"

struct scene {
	char dir[64];
	char path[96];
	struct ldif_file *ldif;
	struct ldif_record record;
	struct idm_error err;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	temp_dir_make("ldif", s->dir, sizeof(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/file", s->dir);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	ldif_file_close(&s->ldif);
	temp_dir_remove(s->dir);
	free(s);
	return 0;
}

static void
open_bytes(struct scene *s, const char *bytes, size_t len)
{
	FILE *file = fopen(s->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	ldif_file_close(&s->ldif);
	if (ldif_file_open(s->path, &s->ldif, &s->err) != IDM_OK)
		fail_msg("%s", s->err.text);
}

static void
open_text(struct scene *s, const char *text)
{
	open_bytes(s, text, strlen(text));
}

static void
assert_next(struct scene *s)
{
	if (ldif_file_next(s->ldif, &s->record, &s->err) != IDM_OK)
		fail_msg("no record: %s", s->err.text);
	assert_int_not_equal(s->record.count, 0);
}

static void
assert_end(struct scene *s)
{
	assert_int_equal(ldif_file_next(s->ldif, &s->record, &s->err), IDM_NOT_FOUND);
	assert_int_equal(ldif_file_position(s->ldif), ldif_file_size(s->ldif));
}

static void
assert_line(struct scene *s, size_t index, uint64_t number, const char *type, const char *value)
{
	const struct ldif_line *line = &s->record.lines[index];

	assert_in_range(index, 0, s->record.count - 1);
	if (line->fault != NULL)
		fail_msg("line %d: %s", (int)line->number, line->fault);
	assert_int_equal(line->number, number);
	assert_true(idm_span_is(line->type, type));
	assert_true(idm_span_is(line->value, value));
}

static void
assert_fault(struct scene *s, size_t index, uint64_t number, const char *what)
{
	const struct ldif_line *line = &s->record.lines[index];

	assert_in_range(index, 0, s->record.count - 1);
	assert_non_null(line->fault);
	assert_int_equal(line->number, number);
	if (strstr(line->fault, what) == NULL)
		fail_msg("%s", line->fault);
}

static void
records_end_at_empty_lines_and_lines_keep_their_numbers(void **state)
{
	struct scene *s = *state;

	open_text(s, "version: 1\n# a comment\n\n\ndn: cn=a\ncn: a\n\n"
		     "# before\n# and\n  going on\ndn: cn=b\n# inside\ncn:b\n\n\n");
	assert_next(s);
	assert_int_equal(s->record.count, 2);
	assert_line(s, 0, 5, "dn", "cn=a");
	assert_line(s, 1, 6, "cn", "a");
	assert_next(s);
	assert_int_equal(s->record.count, 2);
	assert_line(s, 0, 11, "dn", "cn=b");
	assert_line(s, 1, 13, "cn", "b");
	assert_end(s);
	assert_end(s);
}

static void
the_version_may_stand_before_the_first_record(void **state)
{
	struct scene *s = *state;

	open_text(s, "version: 1\ndn: cn=a\nversion: 1\n");
	assert_next(s);
	assert_line(s, 0, 2, "dn", "cn=a");
	assert_line(s, 1, 3, "version", "1"); /* an attribute like any */
	open_text(s, "version: 2\ndn: cn=a\n");
	assert_next(s);
	assert_fault(s, 0, 1, "version");
}

static void
folded_lines_are_joined(void **state)
{
	struct scene *s = *state;

	open_text(
	    s, "dn: cn=al\n ice,dc=exa\n mple\ndescription: one\n  two\n \n three\nsn:\n  x\n");
	assert_next(s);
	assert_line(s, 0, 1, "dn", "cn=alice,dc=example");
	assert_line(s, 1, 4, "description", "one twothree");
	assert_line(s, 2, 8, "sn", "x");
}

static void
a_fold_may_split_anything(void **state)
{
	struct scene *s = *state;

	open_text(s, "d\n n:\n : Y249Y\n WxpY\n 2U=\ncn; l\n");
	assert_next(s);
	assert_line(s, 0, 1, "dn", "cn=alice");
	assert_fault(s, 1, 6, "no ':'");
}

static void
either_line_end_will_do(void **state)
{
	struct scene *s = *state;

	open_text(s, "dn: cn=a\r\ncn: long\r\n er\r\n\r\ndn: cn=b\r\ncn: b");
	assert_next(s);
	assert_line(s, 1, 2, "cn", "longer");
	assert_next(s);
	assert_line(s, 1, 6, "cn", "b"); /* the last line has no end */
	assert_end(s);
	open_text(s, "dn: cn=a\rcn: b\n");
	assert_next(s);
	assert_fault(s, 0, 1, "carriage return");
}

static void
base64_may_hold_any_octets(void **state)
{
	struct scene *s = *state;
	struct idm_span value;

	open_text(s, "dn: cn=a\njpegPhoto:: AAEC/w==\ncn:: w7xiZXI=\nsn::\ngn::   \nou:\n");
	assert_next(s);
	value = s->record.lines[1].value;
	assert_int_equal(value.len, 4);
	assert_memory_equal(value.ptr, "\0\1\2\xff", 4);
	assert_line(s, 2, 3, "cn",
	    "\xc3\xbc"
	    "ber");
	assert_line(s, 3, 4, "sn", "");
	assert_line(s, 4, 5, "gn", "");
	assert_line(s, 5, 6, "ou", "");
}

static void
what_is_no_base64_is_a_fault(void **state)
{
	static const char *const values[] = { "Y", "YQ", "YQ=", "Y===", "====", "YQ==YQ==", "YQ=a",
		"Y Q=", "YQ==\t", "Y-_=", "\xc3\xbc==" };
	struct scene *s = *state;
	char text[64];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		snprintf(text, sizeof(text), "dn: cn=a\ncn:: %s\nsn: b\n", values[i]);
		open_text(s, text);
		assert_next(s);
		assert_fault(s, 1, 2, "base64");
		assert_line(s, 2, 3, "sn", "b");
	}
}

static void
options_are_told_apart(void **state)
{
	struct scene *s = *state;

	open_text(s, "dn: cn=a\nmail;primary: a@b\ncn;lang-en;x-y: a\n2.5.4.3: a\n");
	assert_next(s);
	assert_line(s, 1, 2, "mail", "a@b");
	assert_true(idm_span_is(s->record.lines[1].options, "primary"));
	assert_true(idm_span_is(s->record.lines[2].options, "lang-en;x-y"));
	assert_line(s, 3, 4, "2.5.4.3", "a");
	assert_int_equal(s->record.lines[3].options.len, 0);
}

static void
nothing_but_the_file_is_read(void **state)
{
	struct scene *s = *state;

	open_text(s, "include: file:///etc/passwd\n\ndn: cn=a\njpegPhoto:< file:///etc/passwd\n"
		     "cn:\n <file:///etc/passwd\n");
	assert_next(s);
	assert_int_equal(s->record.count, 1);
	assert_line(s, 0, 1, "include", "file:///etc/passwd");
	assert_next(s);
	assert_int_equal(s->record.count, 3);
	assert_fault(s, 1, 4, "URL");
	assert_fault(s, 2, 5, "URL");
	assert_end(s);
}

static void
what_is_no_line_is_a_fault_and_the_others_are_read(void **state)
{
	struct scene *s = *state;
	static const char nul[] = "dn: cn=a\ncn: a\0b\nsn: c\n";

	open_text(s, " folded from nothing\ndn: cn=a\nno colon\n: no type\ncn;: a\n;x: a\n"
		     "c n: a\ncn : a\n-\n\xc3\xbc: a\n\tcn: a\nsn: b\n");
	assert_next(s);
	assert_int_equal(s->record.count, 12);
	assert_fault(s, 0, 1, "space in front");
	assert_fault(s, 2, 3, "no ':'");
	for (size_t i = 3; i < 8; i++)
		assert_fault(s, i, i + 1, "no attribute");
	assert_fault(s, 8, 9, "no ':'");
	assert_fault(s, 9, 10, "no attribute");
	assert_fault(s, 10, 11, "no attribute");
	assert_line(s, 11, 12, "sn", "b");
	open_bytes(s, nul, sizeof(nul) - 1);
	assert_next(s);
	assert_fault(s, 1, 2, "NUL");
	assert_line(s, 2, 3, "sn", "c");
}

static void
an_empty_file_has_no_records(void **state)
{
	static const char *const texts[] = { "", "\n", "\r\n\n", "# nothing\n", "#", "version: 1",
		"version: 1\n\n" };
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		open_text(s, texts[i]);
		assert_end(s);
	}
}

static void
it_is_read_twice(void **state)
{
	struct scene *s = *state;

	open_text(s, "version: 1\ndn: cn=a\n\ndn: cn=b\n");
	for (int i = 0; i < 2; i++) {
		assert_next(s);
		assert_line(s, 0, 2, "dn", "cn=a");
		assert_next(s);
		assert_line(s, 0, 4, "dn", "cn=b");
		assert_end(s);
		assert_int_equal(ldif_file_rewind(s->ldif, &s->err), IDM_OK);
	}
}

/* Longer than any buffer: each line folded many times, and many lines. */
static void
records_may_be_long(void **state)
{
	enum { LINES = 3000, FOLDS = 10 };
	struct scene *s = *state;
	FILE *file = fopen(s->path, "w");

	assert_non_null(file);
	fputs("dn: cn=a\n", file);
	for (int i = 0; i < LINES; i++) {
		fprintf(file, "member: ");
		for (int k = 0; k < FOLDS; k++)
			fprintf(file, "%030d\n ", i);
		fputs("x\n", file);
	}
	assert_int_equal(fclose(file), 0);
	assert_int_equal(ldif_file_open(s->path, &s->ldif, &s->err), IDM_OK);
	assert_next(s);
	assert_int_equal(s->record.count, LINES + 1);
	for (int i = 0; i < LINES; i++) {
		assert_int_equal(s->record.lines[i + 1].number, 2 + i * (FOLDS + 1));
		assert_int_equal(s->record.lines[i + 1].value.len, 30 * FOLDS + 1);
	}
	assert_end(s);
}

static void
what_is_no_file_is_told(void **state)
{
	struct scene *s = *state;

	assert_int_equal(ldif_file_open("/nonexistent/file", &s->ldif, &s->err), IDM_SYSTEM);
	assert_non_null(strstr(s->err.text, "/nonexistent/file: No such file"));
	assert_int_equal(ldif_file_open(s->dir, &s->ldif, &s->err), IDM_SYSTEM);
	assert_non_null(strstr(s->err.text, "not a regular file"));
	assert_int_equal(ldif_file_open("/dev/zero", &s->ldif, &s->err), IDM_SYSTEM);
	assert_null(s->ldif);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(records_end_at_empty_lines_and_lines_keep_their_numbers),
		T(the_version_may_stand_before_the_first_record),
		T(folded_lines_are_joined),
		T(a_fold_may_split_anything),
		T(either_line_end_will_do),
		T(base64_may_hold_any_octets),
		T(what_is_no_base64_is_a_fault),
		T(options_are_told_apart),
		T(nothing_but_the_file_is_read),
		T(what_is_no_line_is_a_fault_and_the_others_are_read),
		T(an_empty_file_has_no_records),
		T(it_is_read_twice),
		T(records_may_be_long),
		T(what_is_no_file_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
