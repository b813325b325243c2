/* QR codes (ISO/IEC 18004) in the terminal. */
#ifndef ADMIN_QR_H
#define ADMIN_QR_H

#include <stdbool.h>
#include <stdio.h>

enum { QR_QUIET = 4 /* light modules around it, as the standard wants them */ };

/*
 * Print `text` as a QR code of half blocks (UTF-8), a line end behind each row; `colour`: white on
 * black whatever the terminal's own colours are, else light modules in the terminal's text colour.
 * False: it is too long for one, or there is no memory.
 */
bool qr_print(FILE *out, const char *text, bool colour);

#endif
