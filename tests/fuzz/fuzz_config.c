/* Any bytes as server.toml: what is taken is complete and in bounds, what is not is told in text.
 */
#include "common/config.h"
#include "tests/fuzz/fuzz.h"

/* One line that a terminal shows as it is, and that names the file. */
static void
check_error(const struct idm_error *err)
{
	require(strncmp(err->text, "f:", 2) == 0);
	require(strlen(err->text) < sizeof(err->text) - 1);
	for (const char *pos = err->text; *pos != '\0'; pos++)
		require((unsigned char)*pos >= 0x20 && *pos != 0x7f);
}

static void
check_config(const struct server_config *config)
{
	const struct server_limits *limits = &config->limits;

	require(config->domain[0] != '\0' && config->db_path[0] == '/');
	require(config->key_path[0] == '/' && config->workers >= 1 && config->workers <= 256);
	require((config->tls_chain[0] == '\0') == (config->tls_key[0] == '\0'));
	require(idm_argon2_valid(&config->argon2));
	require(limits->message_bytes >= limits->message_bytes_unbound);
	require(limits->hash_pool_threads >= 1 && limits->filter_depth <= 32);
	for (size_t i = 0; i < config->ldapbindaddress_count; i++)
		require(config->ldapbindaddress[i].addr_len > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server_config config;
	struct idm_error err;
	uint8_t *text = malloc(size == 0 ? 1 : size); /* a block of its own: no NUL behind it */

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	if (config_parse("f", idm_span_of(text, size), &config, &err) == IDM_OK)
		check_config(&config);
	else
		check_error(&err);
	free(text);
	return 0;
}
