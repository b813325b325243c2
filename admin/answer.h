/* The answers of extended operations that list things of an account, or tell a secret once. */
#ifndef ADMIN_ANSWER_H
#define ADMIN_ANSWER_H

#include "admin/client.h"

/*
 * SEQUENCE { spn OCTET STRING, SEQUENCE OF what `read` reads } as an array.  `read` gives one as an
 * object, NULL: it does not decode.  NULL: nor does the answer.
 */
json_t *answer_list(const struct cli *cli, struct berval *value,
    json_t *(*read)(const struct cli *cli, BerElement *ber));

/*
 * Show the text of SEQUENCE { text OCTET STRING, id OCTET STRING }; `kind` is what it is, as
 * "token", and `remedy` what to do when the answer does not decode.  What it was copied into is
 * wiped; `value` is the caller's to wipe.
 */
int answer_show_once(
    const struct cli *cli, struct berval *value, const char *kind, const char *remedy);

#endif
