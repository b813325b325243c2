/* The bounded reader, the growing writer and the search for a frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ldapd/ber.h"

#define BYTES(...) idm_span_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))

static enum ber_frame
frame(struct idm_span data, size_t max, size_t *total)
{
	return ber_frame(data.ptr, data.len, max, total);
}

static void
a_frame_is_whole_when_its_length_says_so(void **state)
{
	size_t total;

	(void)state;
	assert_int_equal(frame(BYTES(0x30, 3, 1, 2, 3), 100, &total), BER_FRAME_COMPLETE);
	assert_int_equal(total, 5);
	assert_int_equal(frame(BYTES(0x30, 3, 1, 2, 3, 0x30, 9), 100, &total), BER_FRAME_COMPLETE);
	assert_int_equal(total, 5);
	assert_int_equal(frame(BYTES(0x30, 0x84, 0, 0, 0, 1, 7), 100, &total), BER_FRAME_COMPLETE);
	assert_int_equal(total, 7);
	assert_int_equal(frame(BYTES(0x30, 3, 1, 2), 100, &total), BER_FRAME_MORE);
	assert_int_equal(total, 5);
}

static void
a_frame_without_its_header_needs_more(void **state)
{
	size_t total;

	(void)state;
	assert_int_equal(ber_frame(NULL, 0, 100, &total), BER_FRAME_MORE);
	assert_int_equal(total, 0);
	assert_int_equal(frame(BYTES(0x30), 100, &total), BER_FRAME_MORE);
	assert_int_equal(frame(BYTES(0x30, 0x82, 0x01), 1000, &total), BER_FRAME_MORE);
	assert_int_equal(total, 0);
}

static void
a_frame_that_ldap_forbids_is_bad_at_once(void **state)
{
	size_t total;

	(void)state;
	assert_int_equal(frame(BYTES(0x16), 100, &total), BER_FRAME_BAD); /* a TLS record */
	assert_int_equal(frame(BYTES('G', 'E', 'T', ' '), 100, &total), BER_FRAME_BAD);
	assert_int_equal(frame(BYTES(0x30, 0x80), 100, &total), BER_FRAME_BAD); /* indefinite */
	assert_int_equal(frame(BYTES(0x30, 0x85), 100, &total), BER_FRAME_BAD);
	assert_int_equal(frame(BYTES(0x30, 0xff), 100, &total), BER_FRAME_BAD);
	assert_int_equal(frame(BYTES(0x30, 0x00), 100, &total), BER_FRAME_BAD);
	assert_int_equal(frame(BYTES(0x30, 0x82, 0, 0), 100, &total), BER_FRAME_BAD);
	assert_int_equal(total, 0);
}

static void
a_frame_above_the_maximum_is_refused_from_its_header(void **state)
{
	size_t total;

	(void)state;
	assert_int_equal(frame(BYTES(0x30, 3, 1, 2, 3), 5, &total), BER_FRAME_COMPLETE);
	assert_int_equal(frame(BYTES(0x30, 3), 4, &total), BER_FRAME_TOO_LARGE);
	assert_int_equal(frame(BYTES(0x30, 3), 1, &total), BER_FRAME_TOO_LARGE);
	assert_int_equal(
	    frame(BYTES(0x30, 0x84, 0xff, 0xff, 0xff, 0xff), 65536, &total), BER_FRAME_TOO_LARGE);
	assert_int_equal(total, 0);
}

/* One read of a fresh cursor. */
struct fixture {
	bool bad;
	struct ber_reader r;
};

static struct fixture *
reader(struct idm_span data)
{
	static struct fixture f;

	f.bad = false;
	f.r = ber_reader_of(data, &f.bad);
	return &f;
}

static void
assert_integer(struct idm_span data, int64_t value)
{
	struct fixture *f = reader(data);

	assert_true(ber_read_integer(&f->r, BER_INTEGER, INT64_MIN, INT64_MAX) == value);
	ber_read_end(&f->r);
	assert_false(f->bad);
}

static void
assert_no_integer(struct idm_span data)
{
	struct fixture *f = reader(data);

	assert_true(ber_read_integer(&f->r, BER_INTEGER, INT64_MIN, INT64_MAX) == 0);
	assert_true(f->bad);
}

static void
integers_are_read_in_their_shortest_form(void **state)
{
	(void)state;
	assert_integer(BYTES(2, 1, 0), 0);
	assert_integer(BYTES(2, 1, 0x7f), 127);
	assert_integer(BYTES(2, 2, 0, 0x80), 128);
	assert_integer(BYTES(2, 1, 0xff), -1);
	assert_integer(BYTES(2, 1, 0x80), -128);
	assert_integer(BYTES(2, 2, 0xff, 0x7f), -129);
	assert_integer(BYTES(2, 4, 0x7f, 0xff, 0xff, 0xff), INT32_MAX);
	assert_integer(BYTES(2, 8, 0x80, 0, 0, 0, 0, 0, 0, 0), INT64_MIN);
	assert_integer(BYTES(2, 8, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), INT64_MAX);
}

static void
integers_in_another_form_are_refused(void **state)
{
	(void)state;
	assert_no_integer(BYTES(2, 0));
	assert_no_integer(BYTES(2, 2, 0, 7));
	assert_no_integer(BYTES(2, 2, 0xff, 0x80));
	assert_no_integer(BYTES(2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_no_integer(BYTES(2, 9, 0, 0x80, 0, 0, 0, 0, 0, 0, 0));
	assert_no_integer(BYTES(10, 1, 7));
}

static void
integers_keep_their_range(void **state)
{
	struct fixture *f = reader(BYTES(2, 1, 5, 2, 1, 6));

	(void)state;
	assert_int_equal(ber_read_integer(&f->r, BER_INTEGER, 0, 5), 5);
	assert_false(f->bad);
	assert_int_equal(ber_read_integer(&f->r, BER_INTEGER, 0, 5), 0);
	assert_true(f->bad);
	f = reader(BYTES(2, 1, 0xff));
	ber_read_integer(&f->r, BER_INTEGER, 0, 5);
	assert_true(f->bad);
}

static void
every_length_form_of_up_to_four_octets_is_read(void **state)
{
	const struct idm_span forms[] = {
		BYTES(4, 2, 'a', 'b'),
		BYTES(4, 0x81, 2, 'a', 'b'),
		BYTES(4, 0x82, 0, 2, 'a', 'b'),
		BYTES(4, 0x83, 0, 0, 2, 'a', 'b'),
		BYTES(4, 0x84, 0, 0, 0, 2, 'a', 'b'),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct fixture *f = reader(forms[i]);

		assert_true(idm_span_is(ber_read_octets(&f->r, BER_OCTET_STRING), "ab"));
		ber_read_end(&f->r);
		assert_false(f->bad);
	}
}

static void
assert_no_octets(struct idm_span data)
{
	struct fixture *f = reader(data);
	struct idm_span octets = ber_read_octets(&f->r, BER_OCTET_STRING);

	assert_int_equal(octets.len, 0);
	assert_true(f->bad);
}

static void
forbidden_lengths_and_tags_are_refused(void **state)
{
	(void)state;
	assert_no_octets(BYTES(4));
	assert_no_octets(BYTES(4, 1));
	assert_no_octets(BYTES(4, 3, 'a', 'b'));
	assert_no_octets(BYTES(4, 0x80, 'a', 0, 0));
	assert_no_octets(BYTES(4, 0x85, 0, 0, 0, 0, 1, 'a'));
	assert_no_octets(BYTES(4, 0x84, 0xff, 0xff, 0xff, 0xff, 'a'));
	assert_no_octets(BYTES(4, 0x82, 0));
	assert_no_octets(BYTES(0x24, 3, 4, 1, 'a')); /* constructed */
	assert_no_octets(BYTES(0x0c, 1, 'a'));
}

static void
nothing_is_read_after_a_violation(void **state)
{
	struct fixture *f = reader(BYTES(5, 0, 4, 1, 'a', 2, 1, 7, 1, 1, 0xff));
	struct ber_reader copy = f->r;
	uint8_t tag;

	(void)state;
	ber_read_octets(&f->r, BER_OCTET_STRING);
	assert_true(f->bad);
	assert_true(ber_at_end(&f->r));
	assert_int_equal(ber_next_tag(&f->r), 0);
	assert_int_equal(ber_read_octets(&f->r, BER_OCTET_STRING).len, 0);
	assert_int_equal(ber_read_integer(&f->r, BER_INTEGER, 0, 9), 0);
	assert_false(ber_read_boolean(&f->r, BER_BOOLEAN));
	assert_int_equal(ber_read_any(&copy, &tag).len, 0); /* the flag is the message's */
	assert_int_equal(ber_count(copy), 0);
}

static void
a_nested_reader_ends_where_its_element_does(void **state)
{
	struct fixture *f = reader(BYTES(0x30, 3, 4, 1, 'a', 4, 1, 'b'));
	struct ber_reader inner = ber_read_nested(&f->r, BER_SEQUENCE);

	(void)state;
	assert_true(idm_span_is(ber_read_octets(&inner, BER_OCTET_STRING), "a"));
	assert_true(ber_at_end(&inner));
	assert_true(idm_span_is(ber_read_octets(&f->r, BER_OCTET_STRING), "b"));
	assert_false(f->bad);
	f = reader(BYTES(0x30, 3, 4, 2, 'a', 4, 1, 'b')); /* inner longer than outer */
	inner = ber_read_nested(&f->r, BER_SEQUENCE);
	ber_read_octets(&inner, BER_OCTET_STRING);
	assert_true(f->bad);
}

static void
what_is_left_at_an_end_is_a_violation(void **state)
{
	struct fixture *f = reader(BYTES(4, 0));

	(void)state;
	ber_read_end(&f->r);
	assert_true(f->bad);
}

static void
booleans_have_one_octet(void **state)
{
	struct fixture *f = reader(BYTES(1, 1, 0, 1, 1, 0xff, 1, 1, 1));

	(void)state;
	assert_false(ber_read_boolean(&f->r, BER_BOOLEAN));
	assert_true(ber_read_boolean(&f->r, BER_BOOLEAN));
	assert_true(ber_read_boolean(&f->r, BER_BOOLEAN));
	assert_false(f->bad);
	f = reader(BYTES(1, 2, 0, 1));
	ber_read_boolean(&f->r, BER_BOOLEAN);
	assert_true(f->bad);
	f = reader(BYTES(1, 0));
	ber_read_boolean(&f->r, BER_BOOLEAN);
	assert_true(f->bad);
}

static void
elements_are_counted_without_being_taken(void **state)
{
	struct fixture *f = reader(BYTES(4, 0, 2, 1, 5, 0x30, 2, 4, 0));

	(void)state;
	assert_int_equal(ber_count(f->r), 3);
	assert_int_equal(ber_next_tag(&f->r), BER_OCTET_STRING);
	f = reader(BYTES(4, 0, 2, 9, 5));
	assert_int_equal(ber_count(f->r), 0);
	assert_true(f->bad);
	f = reader(BYTES(0x1f, 0x81, 0x01, 0)); /* a tag of more octets */
	assert_int_equal(ber_count(f->r), 0);
	assert_true(f->bad);
}

static void
assert_written(struct ber_writer *w, struct idm_span expected)
{
	assert_false(w->failed);
	assert_int_equal(w->len, expected.len);
	assert_memory_equal(w->data, expected.ptr, expected.len);
	ber_writer_reset(w);
}

static void
elements_are_written_in_their_shortest_form(void **state)
{
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 1000);
	ber_write_integer(&w, BER_INTEGER, 0);
	ber_write_integer(&w, BER_INTEGER, 127);
	ber_write_integer(&w, BER_ENUMERATED, 128);
	ber_write_integer(&w, BER_INTEGER, -128);
	assert_written(&w, BYTES(2, 1, 0, 2, 1, 0x7f, 10, 2, 0, 0x80, 2, 1, 0x80));
	ber_write_integer(&w, BER_INTEGER, INT32_MAX);
	ber_write_integer(&w, BER_INTEGER, -129);
	assert_written(&w, BYTES(2, 4, 0x7f, 0xff, 0xff, 0xff, 2, 2, 0xff, 0x7f));
	ber_write_integer(&w, BER_INTEGER, INT64_MIN);
	assert_written(&w, BYTES(2, 8, 0x80, 0, 0, 0, 0, 0, 0, 0));
	ber_write_boolean(&w, BER_BOOLEAN, true);
	ber_write_boolean(&w, BER_BOOLEAN, false);
	ber_write_octets(&w, BER_OCTET_STRING, IDM_SPAN_LIT("hi"));
	ber_write_octets(&w, 0x80, IDM_SPAN_EMPTY);
	assert_written(&w, BYTES(1, 1, 0xff, 1, 1, 0, 4, 2, 'h', 'i', 0x80, 0));
	ber_writer_free(&w);
}

/* Write `len` octets within an element opened as `expect`; read them back. */
static void
assert_opened(struct ber_writer *w, size_t len, enum ber_expect expect, size_t header)
{
	bool bad = false;
	struct ber_reader r, inner;
	struct idm_span octets;
	size_t mark = ber_open(w, BER_SEQUENCE, expect);
	uint8_t *room = ber_write_room(w, BER_OCTET_STRING, len);

	assert_non_null(room);
	memset(room, 'x', len);
	ber_close(w, mark);
	assert_int_equal(w->len, header + header + len);
	r = ber_reader_of(idm_span_of(w->data, w->len), &bad);
	inner = ber_read_nested(&r, BER_SEQUENCE);
	octets = ber_read_octets(&inner, BER_OCTET_STRING);
	assert_int_equal(octets.len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(octets.ptr[i], 'x');
	ber_read_end(&inner);
	ber_read_end(&r);
	assert_false(bad);
	ber_writer_reset(w);
}

static void
an_opened_element_gets_the_shortest_length_however_it_was_guessed(void **state)
{
	const enum ber_expect guesses[] = { BER_SHORT, BER_LONG };
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 20 * 1000 * 1000);
	for (size_t i = 0; i < 2; i++) {
		assert_opened(&w, 0, guesses[i], 2);
		assert_opened(&w, 125, guesses[i], 2);
		assert_opened(&w, 128, guesses[i], 3);
		assert_opened(&w, 252, guesses[i], 3);
		assert_opened(&w, 256, guesses[i], 4);
		assert_opened(&w, 65531, guesses[i], 4);
		assert_opened(&w, 65536, guesses[i], 5);
		assert_opened(&w, 16 * 1024 * 1024, guesses[i], 6);
	}
	ber_writer_free(&w);
}

static void
a_writer_stops_at_its_budget_and_can_be_rewound(void **state)
{
	struct ber_writer w;
	size_t mark;

	(void)state;
	ber_writer_init(&w, 10);
	ber_write_octets(&w, BER_OCTET_STRING, IDM_SPAN_LIT("12345678"));
	assert_false(w.failed);
	assert_int_equal(w.len, 10);
	ber_write_octets(&w, BER_OCTET_STRING, IDM_SPAN_EMPTY);
	assert_true(w.failed);
	assert_int_equal(w.len, 10);
	ber_writer_rewind(&w, 0);
	assert_false(w.failed);
	assert_null(ber_write_room(&w, BER_OCTET_STRING, 9));
	assert_true(w.failed);
	mark = ber_open(&w, BER_SEQUENCE, BER_SHORT); /* nothing happens any more */
	ber_write_integer(&w, BER_INTEGER, 1);
	ber_close(&w, mark);
	assert_int_equal(w.len, 0);
	assert_true(w.size <= 10);
	ber_writer_free(&w);
}

static void
a_length_that_does_not_fit_any_more_fails(void **state)
{
	struct ber_writer w;
	size_t mark;

	(void)state;
	ber_writer_init(&w, 2 + 2 + 127); /* the longer length of what is opened is one too many */
	mark = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	assert_non_null(memset(ber_write_room(&w, BER_OCTET_STRING, 127), 0, 127));
	ber_close(&w, mark);
	assert_true(w.failed);
	ber_writer_free(&w);
	assert_null(w.data);
}

static void
what_was_written_is_wiped(void **state)
{
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 100);
	ber_write_octets(&w, BER_OCTET_STRING, IDM_SPAN_LIT("secret"));
	ber_writer_rewind(&w, 3);
	assert_memory_equal(w.data, "\x04\x06s\0\0\0\0\0", 8);
	ber_writer_reset(&w);
	assert_memory_equal(w.data, "\0\0\0", 3);
	ber_writer_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_whole_when_its_length_says_so),
		cmocka_unit_test(a_frame_without_its_header_needs_more),
		cmocka_unit_test(a_frame_that_ldap_forbids_is_bad_at_once),
		cmocka_unit_test(a_frame_above_the_maximum_is_refused_from_its_header),
		cmocka_unit_test(integers_are_read_in_their_shortest_form),
		cmocka_unit_test(integers_in_another_form_are_refused),
		cmocka_unit_test(integers_keep_their_range),
		cmocka_unit_test(every_length_form_of_up_to_four_octets_is_read),
		cmocka_unit_test(forbidden_lengths_and_tags_are_refused),
		cmocka_unit_test(nothing_is_read_after_a_violation),
		cmocka_unit_test(a_nested_reader_ends_where_its_element_does),
		cmocka_unit_test(what_is_left_at_an_end_is_a_violation),
		cmocka_unit_test(booleans_have_one_octet),
		cmocka_unit_test(elements_are_counted_without_being_taken),
		cmocka_unit_test(elements_are_written_in_their_shortest_form),
		cmocka_unit_test(an_opened_element_gets_the_shortest_length_however_it_was_guessed),
		cmocka_unit_test(a_writer_stops_at_its_budget_and_can_be_rewound),
		cmocka_unit_test(a_length_that_does_not_fit_any_more_fails),
		cmocka_unit_test(what_was_written_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
