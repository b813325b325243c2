#include "admin/answer.h"

#include <stdio.h>

#include "admin/output.h"

json_t *
answer_list(const struct cli *cli, struct berval *value,
    json_t *(*read)(const struct cli *cli, BerElement *ber))
{
	BerElement *ber = value == NULL ? NULL : ber_init(value);
	struct berval spn;
	char *last;
	ber_len_t len;
	json_t *list = NULL;

	if (ber != NULL && ber_scanf(ber, "{m", &spn) != LBER_ERROR)
		list = json_array();
	for (ber_tag_t tag = list == NULL ? LBER_DEFAULT : ber_first_element(ber, &len, &last);
	     tag != LBER_DEFAULT; tag = ber_next_element(ber, &len, last)) {
		json_t *one = read(cli, ber);

		if (one != NULL) {
			json_array_append_new(list, one);
			continue;
		}
		json_decref(list);
		list = NULL;
		break;
	}
	ber_free(ber, 1);
	return list;
}

int
answer_show_once(const struct cli *cli, struct berval *value, const char *kind, const char *remedy)
{
	BerElement *ber = value == NULL ? NULL : ber_init(value);
	struct berval text, id;
	int status = CLI_DONE;

	if (ber == NULL || ber_scanf(ber, "{mm}", &text, &id) == LBER_ERROR)
		status = cli_fail(cli, "the server's answer does not decode: %s", remedy);
	else if (cli->json)
		output_json(json_pack("{s:s, s:s%, s:s%}", "status", "ok", kind, text.bv_val,
		    (size_t)text.bv_len, "id", id.bv_val, (size_t)id.bv_len));
	else
		printf("Success: This %s will only be displayed ONCE\n%.*s\n", kind,
		    (int)text.bv_len, text.bv_val);
	client_wipe_ber(ber);
	return status;
}
