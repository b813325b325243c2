/* QR codes in the terminal: what is printed is the code, module by module. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <qrencode.h>

#include "admin/qr.h"

#define TEXT "kPq7R-Wx2Yz-34567-AbcDe"

enum { WIDTH_MAX = 64 };

struct printed {
	bool light[2 * WIDTH_MAX][WIDTH_MAX];
	int width;
	int height;
};

/* What a terminal shows of it: half blocks are two modules, one above the other. */
static void
take_row(const char *line, size_t len, struct printed *out)
{
	int x = 0;

	for (size_t i = 0; i < len; x++) {
		bool upper = false, lower = false;

		if (line[i] == ' ') {
			i++;
		} else {
			assert_true(len - i >= 3 && memcmp(line + i, "\xe2\x96", 2) == 0);
			upper = line[i + 2] == '\x80' || line[i + 2] == '\x88';
			lower = line[i + 2] == '\x84' || line[i + 2] == '\x88';
			assert_true(upper || lower);
			i += 3;
		}
		assert_true(x < WIDTH_MAX);
		out->light[out->height][x] = upper;
		out->light[out->height + 1][x] = lower;
	}
	assert_true(out->width == 0 || out->width == x);
	out->width = x;
	out->height += 2;
}

static void
print(const char *text, bool colour, char **bytes, size_t *len)
{
	FILE *out = open_memstream(bytes, len);

	assert_non_null(out);
	assert_true(qr_print(out, text, colour));
	fclose(out);
}

static void
take_all(const char *bytes, struct printed *out)
{
	memset(out, 0, sizeof(*out));
	while (*bytes != '\0') {
		size_t len = strcspn(bytes, "\n");

		assert_int_equal(bytes[len], '\n');
		take_row(bytes, len, out);
		bytes += len + 1;
	}
}

static void
each_module_is_shown_with_light_around(void **state)
{
	QRcode *code = QRcode_encodeString(TEXT, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	static struct printed shown;
	char *bytes;
	size_t len;

	(void)state;
	assert_non_null(code);
	print(TEXT, false, &bytes, &len);
	take_all(bytes, &shown);
	assert_int_equal(shown.width, code->width + 2 * QR_QUIET);
	assert_true(shown.height >= shown.width);
	for (int y = 0; y < shown.height; y++) {
		for (int x = 0; x < shown.width; x++) {
			int cx = x - QR_QUIET, cy = y - QR_QUIET;
			bool inside = cx >= 0 && cy >= 0 && cx < code->width && cy < code->width;

			assert_int_equal(shown.light[y][x],
			    !inside || (code->data[cy * code->width + cx] & 1) == 0);
		}
	}
	free(bytes);
	QRcode_free(code);
}

/* The finder patterns are where a camera looks for them (ISO/IEC 18004 section 6.3.3). */
static void
its_corners_are_finder_patterns(void **state)
{
	static const char *const finder[] = { "#######", "#.....#", "#.###.#", "#.###.#", "#.###.#",
		"#.....#", "#######" };
	static struct printed shown;
	char *bytes;
	size_t len;
	int far;

	(void)state;
	print(TEXT, false, &bytes, &len);
	take_all(bytes, &shown);
	far = shown.width - QR_QUIET - 7;
	for (int y = 0; y < 7; y++) {
		for (int x = 0; x < 7; x++) {
			bool light = finder[y][x] == '.';

			assert_int_equal(shown.light[QR_QUIET + y][QR_QUIET + x], light);
			assert_int_equal(shown.light[QR_QUIET + y][far + x], light);
			assert_int_equal(shown.light[far + y][QR_QUIET + x], light);
		}
	}
	free(bytes);
}

static void
colours_are_set_and_reset_in_each_row(void **state)
{
	char *bytes;
	size_t len;

	(void)state;
	print(TEXT, true, &bytes, &len);
	for (char *line = strtok(bytes, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		assert_int_equal(strncmp(line, "\033[97;40m", 8), 0);
		assert_string_equal(line + strlen(line) - 4, "\033[0m");
	}
	free(bytes);
}

static void
what_is_too_long_is_refused(void **state)
{
	char *text = malloc(8000);
	FILE *out = fopen("/dev/null", "w");

	(void)state;
	assert_non_null(text);
	assert_non_null(out);
	memset(text, 'x', 7999);
	text[7999] = '\0';
	assert_false(qr_print(out, text, false));
	fclose(out);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_module_is_shown_with_light_around),
		cmocka_unit_test(its_corners_are_finder_patterns),
		cmocka_unit_test(colours_are_set_and_reset_in_each_row),
		cmocka_unit_test(what_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
