#include "admin/qr.h"

#include <qrencode.h>

/* Is the module light?  All outside of the code are. */
static bool
is_light(const QRcode *code, int x, int y)
{
	if (x < 0 || y < 0 || x >= code->width || y >= code->width)
		return true;
	return (code->data[y * code->width + x] & 1) == 0;
}

/* Two rows of modules make a row of characters. */
static void
print_row(FILE *out, const QRcode *code, int y, bool colour)
{
	static const char *const blocks[2][2] = { { " ", "\u2584" }, { "\u2580", "\u2588" } };

	if (colour)
		fputs("\033[97;40m", out);
	for (int x = -QR_QUIET; x < code->width + QR_QUIET; x++)
		fputs(blocks[is_light(code, x, y)][is_light(code, x, y + 1)], out);
	fputs(colour ? "\033[0m\n" : "\n", out);
}

bool
qr_print(FILE *out, const char *text, bool colour)
{
	QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);

	if (code == NULL)
		return false;
	for (int y = -QR_QUIET; y < code->width + QR_QUIET; y += 2)
		print_row(out, code, y, colour);
	QRcode_free(code);
	return true;
}
