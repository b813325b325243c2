/* Datagrams from the FreeRADIUS module to the core process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/radius_report.h"

static const struct idm_report rita = { .kind = IDM_REPORT_REFUSED,
	.account = { { 1, 2, 3 } },
	.name = { (const uint8_t *)"rita", 4 },
	.reason = { (const uint8_t *)"wrong", 5 },
	.nas = { (const uint8_t *)"192.0.2.1", 9 },
	.port = { (const uint8_t *)"17", 2 },
	.session = { (const uint8_t *)"5A", 2 },
	.station = { (const uint8_t *)"02-00", 5 } };

static void
assert_same(const struct idm_report *a, const struct idm_report *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(idm_uuid_equal(&a->account, &b->account));
	assert_true(idm_span_equal(a->name, b->name));
	assert_true(idm_span_equal(a->reason, b->reason));
	assert_true(idm_span_equal(a->nas, b->nas));
	assert_true(idm_span_equal(a->port, b->port));
	assert_true(idm_span_equal(a->session, b->session));
	assert_true(idm_span_equal(a->station, b->station));
}

/* A block of its own, so that ASan sees one octet too far. */
static bool
decodes(const uint8_t *datagram, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	struct idm_report out;
	bool decoded;

	assert_non_null(copy);
	memcpy(copy, datagram, len);
	decoded = idm_report_decode(idm_span_of(copy, len), &out);
	free(copy);
	return decoded;
}

static void
every_kind_comes_out_as_it_went_in(void **state)
{
	uint8_t datagram[IDM_REPORT_MAX];

	(void)state;
	for (int kind = IDM_REPORT_ACCEPTED; kind <= IDM_REPORT_STOPPED; kind++) {
		struct idm_report in = rita, out;
		size_t len;

		in.kind = (enum idm_report_kind)kind;
		len = idm_report_encode(&in, datagram);
		assert_true(idm_report_decode(idm_span_of(datagram, len), &out));
		assert_same(&in, &out);
	}
}

static void
what_is_not_known_stays_empty(void **state)
{
	const struct idm_report in = { .kind = IDM_REPORT_FAILED };
	uint8_t datagram[IDM_REPORT_MAX];
	struct idm_report out;
	size_t len = idm_report_encode(&in, datagram);

	(void)state;
	assert_true(idm_report_decode(idm_span_of(datagram, len), &out));
	assert_true(idm_uuid_is_null(&out.account));
	assert_int_equal(out.name.len + out.reason.len + out.nas.len + out.station.len, 0);
}

static void
long_texts_are_cut_and_the_datagram_keeps_its_size(void **state)
{
	static uint8_t much[5000];
	const struct idm_span text = { much, sizeof(much) };
	const struct idm_report in = { IDM_REPORT_ACCEPTED, { { 0 } }, text, text, text, text, text,
		text };
	uint8_t *datagram = malloc(IDM_REPORT_MAX);
	struct idm_report out;
	size_t len;

	(void)state;
	assert_non_null(datagram);
	memset(much, 'x', sizeof(much));
	len = idm_report_encode(&in, datagram);
	assert_true(len <= IDM_REPORT_MAX);
	assert_true(idm_report_decode(idm_span_of(datagram, len), &out));
	assert_int_equal(out.name.len, IDM_REPORT_NAME_MAX);
	assert_int_equal(out.reason.len, IDM_REPORT_REASON_MAX);
	assert_int_equal(out.station.len, IDM_REPORT_SHORT_MAX);
	free(datagram);
}

static void
every_truncation_and_every_tail_is_refused(void **state)
{
	uint8_t datagram[IDM_REPORT_MAX] = { 0 };
	size_t len = idm_report_encode(&rita, datagram);

	(void)state;
	for (size_t n = 0; n < len; n++)
		assert_false(decodes(datagram, n));
	assert_true(decodes(datagram, len));
	assert_false(decodes(datagram, len + 1));
}

static void
other_versions_kinds_and_lengths_are_refused(void **state)
{
	static const uint8_t hostile[] = { 0, 6, 0x7f, 0xff };
	uint8_t datagram[IDM_REPORT_MAX];
	size_t len = idm_report_encode(&rita, datagram);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		uint8_t kept = datagram[i];

		for (size_t k = 0; k < sizeof(hostile); k++) {
			datagram[i] = hostile[k];
			if (decodes(datagram, len))
				assert_true(i > 1); /* neither version nor kind */
		}
		datagram[i] = kept;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_comes_out_as_it_went_in),
		cmocka_unit_test(what_is_not_known_stays_empty),
		cmocka_unit_test(long_texts_are_cut_and_the_datagram_keeps_its_size),
		cmocka_unit_test(every_truncation_and_every_tail_is_refused),
		cmocka_unit_test(other_versions_kinds_and_lengths_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
