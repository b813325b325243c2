#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "core/network.h"

static const char *
parse(const char *text, uint8_t out[IDM_NETWORK_BYTES])
{
	size_t len = strlen(text);
	uint8_t *exact = malloc(len + (len == 0)); /* ASan sees one byte too far */
	const char *fault;

	assert_non_null(exact);
	memcpy(exact, text, len);
	fault = idm_network_parse(idm_span_of(exact, len), out);
	free(exact);
	return fault;
}

static void
assert_becomes(const char *text, const char *printed)
{
	uint8_t stored[IDM_NETWORK_BYTES];
	char again[IDM_NETWORK_TEXT];

	if (parse(text, stored) != NULL)
		fail_msg("%s is refused", text);
	assert_true(idm_network_format(idm_span_of(stored, sizeof(stored)), again));
	assert_string_equal(again, printed);
}

static bool
contains(const char *network, const char *address)
{
	uint8_t stored[IDM_NETWORK_BYTES], bytes[16];

	assert_null(parse(network, stored));
	assert_int_equal(inet_pton(AF_INET6, address, bytes), 1);
	return idm_network_contains(idm_span_of(stored, sizeof(stored)), bytes);
}

static void
networks_survive_the_round_trip(void **state)
{
	(void)state;
	assert_becomes("192.0.2.0/24", "192.0.2.0/24");
	assert_becomes("192.0.2.7", "192.0.2.7/32");
	assert_becomes("192.0.2.7/32", "192.0.2.7/32");
	assert_becomes("192.0.2.4/31", "192.0.2.4/31");
	assert_becomes("0.0.0.0/0", "0.0.0.0/0");
	assert_becomes("10.0.0.0/8", "10.0.0.0/8");
	assert_becomes("2001:db8::/32", "2001:db8::/32");
	assert_becomes("2001:DB8:0:0::1", "2001:db8::1/128");
	assert_becomes("::/0", "::/0");
	assert_becomes("8000::/1", "8000::/1");
	assert_becomes("::ffff:192.0.2.0/120", "192.0.2.0/24"); /* the same network */
}

static void
what_is_no_network_is_refused(void **state)
{
	static const char *const texts[] = { "", "/", "/24", "192.0.2.0/", "192.0.2.0/33",
		"192.0.2.0/-1", "192.0.2.0/024", "192.0.2.0/24/24", "192.0.2.0/255.255.255.0",
		"192.0.2/24", "192.0.2.256", "192.0.02.1", "192.0.2.0 /24", "192.0.2.0/ 24",
		"2001:db8::/129", "2001:db8::/1000", "2001:db8:::/32", "fe80::1%eth0",
		"example.com", "[::1]", "1",
		"11111:22222:33333:44444:55555:66666:77777:88888:99999" };
	uint8_t stored[IDM_NETWORK_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (parse(texts[i], stored) == NULL)
			fail_msg("%s is taken", texts[i]);
		assert_int_equal(stored[0], 0);
	}
	assert_non_null(idm_network_parse(idm_span_of("192.0.2.1\0", 10), stored));
}

static void
bits_behind_the_prefix_are_told_with_the_nearest_network(void **state)
{
	static const struct {
		const char *text;
		const char *nearest;
	} networks[] = { { "192.0.2.1/24", "192.0.2.0/24" }, { "192.0.2.1/31", "192.0.2.0/31" },
		{ "2001:db8::1/32", "2001:db8::/32" }, { "255.255.255.255/1", "128.0.0.0/1" } };

	(void)state;
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		uint8_t stored[IDM_NETWORK_BYTES];
		char nearest[IDM_NETWORK_TEXT];

		assert_string_equal(
		    parse(networks[i].text, stored), "has bits set behind the prefix");
		assert_true(idm_network_format(idm_span_of(stored, sizeof(stored)), nearest));
		assert_string_equal(nearest, networks[i].nearest);
	}
}

static void
a_network_contains_its_addresses_and_no_others(void **state)
{
	(void)state;
	assert_true(contains("192.0.2.0/24", "::ffff:192.0.2.0"));
	assert_true(contains("192.0.2.0/24", "::ffff:192.0.2.255"));
	assert_false(contains("192.0.2.0/24", "::ffff:192.0.3.0"));
	assert_false(contains("192.0.2.0/24", "::192.0.2.1"));
	assert_true(contains("192.0.2.8/29", "::ffff:192.0.2.15"));
	assert_false(contains("192.0.2.8/29", "::ffff:192.0.2.16"));
	assert_true(contains("0.0.0.0/0", "::ffff:203.0.113.9"));
	assert_false(contains("0.0.0.0/0", "2001:db8::1"));
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(contains("2001:db8::1", "2001:db8::1"));
	assert_false(contains("2001:db8::1", "2001:db8::2"));
}

static void
damaged_networks_contain_nothing_and_have_no_text(void **state)
{
	uint8_t stored[IDM_NETWORK_BYTES + 1] = { 129 };
	const uint8_t address[16] = { 0 };
	char text[IDM_NETWORK_TEXT];

	(void)state;
	assert_false(idm_network_contains(idm_span_of(stored, IDM_NETWORK_BYTES), address));
	assert_false(idm_network_format(idm_span_of(stored, IDM_NETWORK_BYTES), text));
	stored[0] = 0;
	for (size_t n = 0; n <= sizeof(stored); n++) {
		assert_int_equal(
		    idm_network_contains(idm_span_of(stored, n), address), n == IDM_NETWORK_BYTES);
		assert_int_equal(
		    idm_network_format(idm_span_of(stored, n), text), n == IDM_NETWORK_BYTES);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_survive_the_round_trip),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(bits_behind_the_prefix_are_told_with_the_nearest_network),
		cmocka_unit_test(a_network_contains_its_addresses_and_no_others),
		cmocka_unit_test(damaged_networks_contain_nothing_and_have_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
