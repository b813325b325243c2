/* What FreeRADIUS reports to the core process, and what the audit trail has of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "ldapd/core_radius.h"
#include "tests/support/server.h"
#include "tests/support/test_clock.h"
#include "tests/support/trail.h"

static uint64_t from; /* records of the test begin behind it */

static int
fresh(void **state)
{
	struct server *s = *state;
	int result = server_fresh(state);

	test_clock.monotonic_ms += 100000; /* another second, and another minute */
	from = trail_write(s->core);
	return result;
}

static struct sockaddr_un
address_of(const struct server *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/" IDM_REPORT_SOCKET,
	    s->config.key_path);

	assert_true(len > 0 && (size_t)len < sizeof(address.sun_path));
	return address;
}

static void
send_octets(struct server *s, const void *octets, size_t len)
{
	const struct sockaddr_un address = address_of(s);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(sendto(fd, octets, len, MSG_DONTWAIT, (const struct sockaddr *)&address,
			     sizeof(address)),
	    (ssize_t)len);
	close(fd);
	server_settle(s);
}

static void
tell(struct server *s, const struct idm_report *report)
{
	uint8_t datagram[IDM_REPORT_MAX];

	send_octets(s, datagram, idm_report_encode(report, datagram));
}

static void
each_login_is_recorded_with_its_outcome(void **state)
{
	struct server *s = *state;
	struct idm_report report = { .kind = IDM_REPORT_ACCEPTED,
		.account = realm_uuid(s->realm, "anna"),
		.name = IDM_SPAN_LIT("anna@" REALM_DOMAIN),
		.reason = IDM_SPAN_LIT("authenticated"),
		.nas = IDM_SPAN_LIT("192.0.2.1"),
		.port = IDM_SPAN_LIT("17"),
		.station = IDM_SPAN_LIT("02-00-00-00-00-01") };

	tell(s, &report);
	trail_expect(s->core, from,
	    "radius login ok anna > - [] authenticated (port 17, station 02-00-00-00-00-01)");
	report = (struct idm_report){ .kind = IDM_REPORT_REFUSED,
		.name = IDM_SPAN_LIT("EXAMPLE\\ben"),
		.reason = IDM_SPAN_LIT("in none of the required groups") };
	tell(s, &report);
	trail_expect(
	    s->core, from, "radius login denied ben > - [] in none of the required groups");
	report.name = IDM_SPAN_LIT("nobody-here");
	report.reason = IDM_SPAN_LIT("no account has this name");
	tell(s, &report);
	trail_expect(
	    s->core, from, "radius login denied nobody-here > - [] no account has this name");
	report = (struct idm_report){ .kind = IDM_REPORT_FAILED,
		.name = IDM_SPAN_LIT("anna"),
		.reason = IDM_SPAN_LIT("the database can't be read") };
	tell(s, &report);
	trail_expect(s->core, from, "radius login system anna > - [] the database can't be read");
}

/* People type passwords into the wrong field. */
static void
what_is_no_name_is_not_written_down(void **state)
{
	struct server *s = *state;
	struct idm_report report = { .kind = IDM_REPORT_REFUSED,
		.name = IDM_SPAN_LIT("My Secret: 42!"),
		.reason = IDM_SPAN_LIT("no account has this name") };

	tell(s, &report);
	trail_expect(
	    s->core, from, "radius login denied what is no name > - [] no account has this name");
	report.name = IDM_SPAN_EMPTY;
	tell(s, &report);
	assert_int_equal(trail_count(s->core, from, "radius login denied *"), 2);
}

static void
sessions_are_recorded_as_they_begin_and_end(void **state)
{
	struct server *s = *state;
	struct idm_report report = { .kind = IDM_REPORT_STARTED,
		.name = IDM_SPAN_LIT("anna"),
		.reason = IDM_SPAN_LIT("session started"),
		.session = IDM_SPAN_LIT("5A3B") };

	tell(s, &report);
	trail_expect(
	    s->core, from, "radius accounting ok anna > - [] session started (session 5A3B)");
	report.kind = IDM_REPORT_STOPPED;
	report.reason = IDM_SPAN_LIT("session stopped");
	tell(s, &report);
	trail_expect(
	    s->core, from, "radius accounting ok anna > - [] session stopped (session 5A3B)");
}

static void
what_is_no_report_is_counted_and_nothing_more(void **state)
{
	struct server *s = *state;
	static const uint8_t much[IDM_REPORT_MAX + 100];
	uint64_t unknown = s->core->counts.reports_unknown;

	send_octets(s, "hello", 5);
	send_octets(s, "", 0);
	send_octets(s, much, sizeof(much));
	assert_int_equal(s->core->counts.reports_unknown, unknown + 3);
	assert_int_equal(trail_write(s->core), from);
}

/* Who may send can't push others out of the trail. */
static void
so_many_are_taken_a_second(void **state)
{
	struct server *s = *state;
	uint64_t before = s->core->counts.reports_over_rate;
	struct idm_report report = { .kind = IDM_REPORT_ACCEPTED,
		.account = realm_uuid(s->realm, "anna") };

	for (int i = 0; i < CORE_RADIUS_REPORTS_MAX + 7; i++)
		tell(s, &report);
	assert_int_equal(s->core->counts.reports_over_rate, before + 7);
	assert_int_equal(
	    trail_count(s->core, from, "radius login ok anna*"), CORE_RADIUS_REPORTS_MAX);
	test_clock.monotonic_ms += 1000;
	tell(s, &report);
	assert_int_equal(s->core->counts.reports_over_rate, before + 7);
}

static void
the_socket_is_for_nobody_else(void **state)
{
	struct server *s = *state;
	const struct sockaddr_un address = address_of(s);
	struct stat st;

	assert_int_equal(stat(address.sun_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0757, 0600); /* the group's bit where root set that up */
}

static void
it_goes_with_the_core_process_and_comes_again(void **state)
{
	struct server *s = *state;
	const struct sockaddr_un address = address_of(s);
	struct idm_report report = { .kind = IDM_REPORT_ACCEPTED,
		.account = realm_uuid(s->realm, "anna") };
	struct stat st;

	core_radius_free(&s->core->radius);
	assert_int_not_equal(stat(address.sun_path, &st), 0);
	server_restart_core(s);
	from = trail_write(s->core);
	tell(s, &report);
	trail_expect(s->core, from, "radius login ok anna > - []");
}

#define on_its_own(test) cmocka_unit_test_setup(test, fresh)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		on_its_own(each_login_is_recorded_with_its_outcome),
		on_its_own(what_is_no_name_is_not_written_down),
		on_its_own(sessions_are_recorded_as_they_begin_and_end),
		on_its_own(what_is_no_report_is_counted_and_nothing_more),
		on_its_own(so_many_are_taken_a_second),
		on_its_own(the_socket_is_for_nobody_else),
		on_its_own(it_goes_with_the_core_process_and_comes_again),
	};

	return cmocka_run_group_tests(tests, server_setup_core, server_teardown);
}
