/*
 * The audit trail as the core process writes it: each login, refusal, secret that was shown and
 * change has its record, and no secret is in any.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/exop.h"
#include "core/session.h"
#include "tests/support/server.h"
#include "tests/support/store_dir.h"
#include "tests/support/test_clock.h"
#include "tests/support/trail.h"

#define PEOPLE "ou=people," DIRECTORY_SUFFIX
#define BEN "uid=ben," PEOPLE

static struct requests r;
static uint64_t from; /* records of the test begin behind it */

static int
fresh(void **state)
{
	struct server *s = *state;
	int result = server_fresh(state);

	test_clock.monotonic_ms += 10000; /* a new second for what is refused */
	from = trail_write(s->core);
	return result;
}

static void
expect_line(struct server *s, const char *line)
{
	trail_expect(s->core, from, line);
}

/* --- logins */

static uint64_t
bind_by(struct server *s, const char *source, const char *name, const char *password)
{
	struct ipc_frame frame = { .type = IPC_BIND };

	frame.bind.source = idm_span_cstr(source);
	frame.bind.name = idm_span_cstr(name);
	frame.bind.password = idm_span_cstr(password);
	server_fresh_frames(s);
	far_end_send(&s->far, &frame);
	return server_await_frame(s, IPC_BOUND)->bound.handle;
}

static void
each_login_is_recorded_with_how_it_was_proved(void **state)
{
	struct server *s = *state;
	struct idm_audit_record record;
	struct idm_txn txn;

	assert_true(bind_by(s, "ldapi", "anna", SERVER_PASSWORD) != 0);
	expect_line(s, "ldapi login ok anna > - [] by password");
	assert_true(bind_by(s, "192.0.2.7", "uid=anna," PEOPLE, SERVER_PASSWORD) != 0);
	expect_line(s, "ldap login ok anna > - [] by password");
	bind_by(s, "192.0.2.7", "anonymous", "whatever");
	expect_line(s, "ldap login ok anonymous > - [] as anonymous");

	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_audit_get(&txn, from + 2, &record, &s->err), IDM_OK);
	assert_true(idm_span_is(record.source, "192.0.2.7"));
	assert_true(idm_span_is(record.actor_name, "anna@" REALM_DOMAIN));
	assert_int_equal(record.at_s, REALM_NOW_S);
	assert_true(record.trusted);
	idm_store_read_end(&txn);
}

/* To the client all of them are the same. */
static void
a_refused_login_is_recorded_with_its_true_reason(void **state)
{
	struct server *s = *state;

	bind_by(s, "192.0.2.7", "anna", "not her password");
	expect_line(s, "ldap login denied anna > - [] wrong password");
	bind_by(s, "192.0.2.7", "ben", "whatever it may be");
	expect_line(s, "ldap login denied ben > - [] no credential is set");
	bind_by(s, "192.0.2.7", "carl", "whatever it may be");
	expect_line(s, "ldap login denied carl > - [] not valid before*");
	bind_by(s, "192.0.2.7", "nobody-here", "whatever it may be");
	expect_line(s, "ldap login denied nobody-here > - [] no such account");
	bind_by(s, "192.0.2.7", "uid=nobody-here2," PEOPLE, "whatever it may be");
	expect_line(s, "ldap login denied nobody-here2 > - [] no such account");
	bind_by(s, "192.0.2.7", "staff", "whatever it may be");
	expect_line(s, "ldap login denied staff > - [] not an account");
}

static void
log_in(struct server *s, const char *name, char token[IDM_TOKEN_TEXT])
{
	const struct ipc_done *done;

	request_extended(&r, 1, EXOP_SESSION_BEGIN, IDM_SPAN_EMPTY);
	done = server_ask(s, bind_by(s, "192.0.2.7", name, SERVER_PASSWORD), &r);
	assert_int_equal(done->code, LDAP_SUCCESS);
	snprintf(token, IDM_TOKEN_TEXT, "%s", exop_fields(done->value));
}

static struct idm_uuid
session_of(struct server *s, uint64_t serial)
{
	struct idm_audit_record record;
	struct idm_txn txn;

	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_audit_get(&txn, serial, &record, &s->err), IDM_OK);
	idm_store_read_end(&txn);
	return record.session;
}

static bool
is_trusted(struct server *s, uint64_t serial)
{
	struct idm_audit_record record;
	struct idm_txn txn;

	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_audit_get(&txn, serial, &record, &s->err), IDM_OK);
	idm_store_read_end(&txn);
	return record.trusted;
}

static void
a_session_is_recorded_from_its_begin_to_its_end(void **state)
{
	struct server *s = *state;
	const char *wrong = "not the password", *right = SERVER_PASSWORD;
	char token[IDM_TOKEN_TEXT];
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_uuid id, told;
	uint64_t handle, last;

	log_in(s, "anna", token);
	assert_true(idm_token_parse(idm_span_cstr(token), &id, hash));
	handle = bind_by(s, "192.0.2.7", "dn=token", token);
	request_extended(&r, 1, EXOP_SESSION_REAUTH, exop_strings(&wrong, 1));
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_INVALID_CREDENTIALS);
	server_unlock(s);
	request_extended(&r, 1, EXOP_SESSION_REAUTH, exop_strings(&right, 1));
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	request_extended(&r, 1, EXOP_SESSION_END, IDM_SPAN_EMPTY);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	assert_int_equal(bind_by(s, "192.0.2.7", "dn=token", token), 0);

	last = trail_write(s->core);
	assert_int_equal(last - from, 7);
	assert_string_equal(trail_line(s->core, from + 1), "ldap login ok anna > - [] by password");
	assert_string_equal(trail_line(s->core, from + 2), "ldap session-begin ok anna > anna []");
	assert_string_equal(trail_line(s->core, from + 3), "ldap login ok anna > - [] by session");
	assert_string_equal(
	    trail_line(s->core, from + 4), "ldap reauth denied anna > - [] wrong password");
	assert_string_equal(trail_line(s->core, from + 5), "ldap reauth ok anna > - []");
	assert_string_equal(
	    trail_line(s->core, from + 6), "ldap session-end ok anna > anna [user_session]");
	assert_string_equal(trail_line(s->core, from + 7),
	    "ldap login denied a token > - [] no such token or session");
	for (uint64_t i = from + 2; i <= last; i++) {
		told = session_of(s, i);
		assert_true(idm_uuid_equal(&told, &id));
	}
}

/* A token that is somebody's is known by its id, though its secret is wrong. */
static void
whose_token_was_refused_is_recorded(void **state)
{
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT];

	log_in(s, "anna", token);
	token[IDM_TOKEN_TEXT - 3] = token[IDM_TOKEN_TEXT - 3] == 'A' ? 'B' : 'A';
	assert_int_equal(bind_by(s, "192.0.2.7", "dn=token", token), 0);
	expect_line(s, "ldap login denied anna > - [] the token's secret is wrong");
}

/* --- refusals */

static void
a_refused_change_is_recorded_with_what_was_to_be_changed(void **state)
{
	struct server *s = *state;

	request_modify(&r, 1, BEN, "=mail", "mine@example.com", "=displayname", "Ben", NULL);
	assert_int_equal(
	    server_ask(s, server_login(s, "anna"), &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap modify denied anna > ben [mail,displayname] needs*");
	request_add(&r, 1, "uid=mallory," PEOPLE, "displayname", "Mallory", NULL);
	assert_int_equal(
	    server_ask(s, server_login(s, "anna"), &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap create denied anna > uid=mallory," PEOPLE " [displayname] needs*");
	request_delete(&r, 1, BEN);
	assert_int_equal(
	    server_ask(s, server_login(s, "anna"), &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap delete denied anna > ben [] needs*");
	request_rename(&r, 1, BEN, "uid=benedict", NULL);
	assert_int_equal(
	    server_ask(s, server_login(s, "anna"), &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap modify denied anna > ben [name] needs*");
	request_modify(&r, 1, BEN, "=memberof", "staff", NULL);
	assert_int_equal(
	    server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap modify denied idm_admin > ben [memberof]*");
	request_modify(&r, 1, BEN, "=nonsense", "x", NULL);
	assert_int_equal(
	    server_ask(s, server_login(s, "idm_admin"), &r)->code, LDAP_UNDEFINED_ATTRIBUTE_TYPE);
	expect_line(
	    s, "ldap modify schema violation idm_admin > ben [nonsense] there is no attribute*");
	request_delete(&r, 1, BEN);
	server_ask(s, 0, &r);
	expect_line(s, "ldap delete not found anonymous > ben [] no matching entries");
}

/* What the client is not told (SPEC 5.6) the trail says. */
static void
what_the_client_may_not_see_is_named_in_the_trail(void **state)
{
	struct server *s = *state;

	request_delete(&r, 1, "uuid=00000000-0000-0000-0000-000000f00002," DIRECTORY_SUFFIX);
	assert_int_equal(server_ask(s, server_login(s, "anna"), &r)->code, LDAP_NO_SUCH_OBJECT);
	assert_int_equal(trail_count(s->core, from, "ldap delete not found anna > *"), 1);
}

static void
refused_extended_operations_are_recorded(void **state)
{
	static const char *const texts[] = { "ben", "a much better pass phrase" };
	struct server *s = *state;
	uint64_t handle = server_login(s, "anna");

	request_extended(&r, 1, EXOP_CREDENTIAL_STATUS, exop_strings(texts, 1));
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap read denied anna > ben [primary_credential] needs the right to read*");
	request_extended(&r, 1, EXOP_CREDENTIAL_JUDGE, exop_strings(texts, 2));
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap judge-password denied anna > ben [primary_credential] needs*");
	request_extended(&r, 1, EXOP_UNIX_PASSWORD, exop_strings(texts, 2));
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap modify denied anna > ben [unix_password] needs*");
	request_extended(&r, 1, EXOP_ACCESS_EXPLAIN, exop_strings(texts, 2));
	server_ask(s, handle, &r);
	expect_line(s, "ldap read denied anna > *");
	request_extended(&r, 1, EXOP_CREDENTIAL_STATUS, exop_strings(texts, 1));
	server_ask(s, 0, &r);
	expect_line(s, "ldap read denied anonymous > - [primary_credential] bind first");
}

static struct idm_span
radius_value(const char *target, enum exop_radius_action action)
{
	static uint8_t octets[64];
	size_t len = strlen(target);

	octets[0] = 0x30;
	octets[1] = (uint8_t)(2 + len + 3);
	octets[2] = 0x04;
	octets[3] = (uint8_t)len;
	memcpy(octets + 4, target, len);
	octets[4 + len] = 0x0a;
	octets[5 + len] = 1;
	octets[6 + len] = (uint8_t)action;
	return idm_span_of(octets, 7 + len);
}

static enum ldap_result_code
ask_radius(struct server *s, const char *actor, const char *target, enum exop_radius_action action)
{
	request_extended(&r, 1, EXOP_RADIUS_SECRET, radius_value(target, action));
	return server_ask(s, server_login(s, actor), &r)->code;
}

static void
a_secret_that_is_shown_or_was_to_be_is_recorded(void **state)
{
	struct server *s = *state;

	assert_int_equal(ask_radius(s, "idm_admin", "ben", EXOP_RADIUS_GENERATE), LDAP_SUCCESS);
	expect_line(s, "ldap modify ok idm_admin > ben [radius_secret]");
	assert_int_equal(ask_radius(s, "idm_admin", "ben", EXOP_RADIUS_SHOW), LDAP_SUCCESS);
	expect_line(s, "ldap read-secret ok idm_admin > ben [radius_secret]");
	assert_int_equal(
	    ask_radius(s, "anna", "ben", EXOP_RADIUS_SHOW), LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(
	    s, "ldap read-secret denied anna > ben [radius_secret] needs the right to read*");
	assert_int_equal(
	    ask_radius(s, "anna", "ben", EXOP_RADIUS_DELETE), LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap modify denied anna > ben [radius_secret] needs*");
}

/* --- changes */

static void
each_change_has_its_records_whoever_made_it(void **state)
{
	struct server *s = *state;
	uint64_t handle = server_login(s, "idm_admin");

	request_add(&r, 1, "uid=dora," PEOPLE, "displayname", "Dora", NULL);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	expect_line(s, "ldap create ok idm_admin > dora [class,name,displayname]");
	request_modify(
	    &r, 1, "uid=dora," PEOPLE, "=mail", "d@example.com", "=legalname", "D", NULL);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	expect_line(s, "ldap modify ok idm_admin > dora [legalname,mail]");
	request_rename(&r, 1, "uid=dora," PEOPLE, "uid=doro", NULL);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	expect_line(s, "ldap modify ok idm_admin > doro [name]");
	request_modify(&r, 1, "cn=staff,ou=groups," DIRECTORY_SUFFIX, "+member", "doro", NULL);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	expect_line(s, "ldap modify ok idm_admin > staff [member]");
	request_delete(&r, 1, "uid=doro," PEOPLE);
	assert_int_equal(server_ask(s, handle, &r)->code, LDAP_SUCCESS);
	expect_line(s, "ldap delete ok idm_admin > doro []");
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=displayname", "B", NULL), IDM_OK);
	expect_line(s, "kanidmd modify ok - > ben [displayname]");
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=displayname", "Ben Birne", NULL), IDM_OK);
}

/* The uuid of the entry that was made last. */
static const char *
made(struct server *s, char out[IDM_UUID_TEXT])
{
	idm_uuid_format(&s->realm->set.items[0].uuid, out);
	return out;
}

/* One whose attribute is gone by the time that the change is taken over has its number. */
static void
attributes_are_named_and_those_that_are_gone_by_their_number(void **state)
{
	struct server *s = *state;
	struct realm *realm = s->realm;
	char badge[IDM_UUID_TEXT], employee[IDM_UUID_TEXT];

	assert_int_equal(realm_create(realm, NULL, "class", "attributetype", "attributetype_name",
			     "badge", "attributetype_syntax", "utf8", NULL),
	    IDM_OK);
	made(s, badge);
	assert_int_equal(realm_create(realm, NULL, "class", "classtype", "classtype_name",
			     "employee", "classtype_may", "badge", NULL),
	    IDM_OK);
	made(s, employee);
	assert_int_equal(realm_modify(realm, NULL, "ben", "+class", "employee", NULL), IDM_OK);
	assert_int_equal(realm_modify(realm, NULL, "ben", "=badge", "planted 17", NULL), IDM_OK);
	expect_line(s, "kanidmd create ok - > badge *");
	expect_line(s, "kanidmd modify ok - > ben [class]");
	expect_line(s, "kanidmd modify ok - > ben [badge]");
	assert_int_equal(realm_modify(realm, NULL, "ben", "=badge", "", NULL), IDM_OK);
	assert_int_equal(realm_modify(realm, NULL, "ben", "-class", "employee", NULL), IDM_OK);
	assert_int_equal(realm_delete(realm, NULL, employee), IDM_OK);
	assert_int_equal(realm_delete(realm, NULL, badge), IDM_OK);
	expect_line(s, "kanidmd modify ok - > ben [4096]");
	expect_line(s, "kanidmd delete ok - > *");
}

static unsigned
records_of_change(struct server *s, uint64_t no)
{
	uint64_t last = trail_write(s->core);
	struct idm_audit_record record;
	struct idm_txn txn;
	unsigned count = 0;

	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	for (uint64_t i = 1; i <= last; i++) {
		assert_int_equal(idm_audit_get(&txn, i, &record, &s->err), IDM_OK);
		count += record.change_no == no;
	}
	idm_store_read_end(&txn);
	return count;
}

/* Changes that no running process followed: of one that crashed, or of an offline tool. */
static void
what_was_changed_before_a_start_is_taken_over_once(void **state)
{
	struct server *s = *state;
	uint64_t first = realm_applied(s->realm) + 1, last;

	for (int i = 0; i < 300; i++) /* more than are taken at once */
		assert_int_equal(realm_modify(s->realm, NULL, "ben", "=displayname",
				     i % 2 == 0 ? "Ben" : "Ben Birne", NULL),
		    IDM_OK);
	last = realm_applied(s->realm);
	assert_int_equal(last - first, 299);
	server_restart_core(s);
	for (uint64_t no = first; no <= last; no += 23)
		assert_int_equal(records_of_change(s, no), 1);
	assert_int_equal(records_of_change(s, last), 1);
	server_restart_core(s);
	assert_int_equal(records_of_change(s, first), 1);
	assert_int_equal(records_of_change(s, last), 1);
	assert_int_equal(records_of_change(s, 1), 1); /* the built-in entries */
}

static void
changes_that_are_recorded_nowhere_are_told_to_be_lost(void **state)
{
	struct server *s = *state;
	struct idm_txn txn;
	uint64_t no;
	uint8_t key[8];

	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=displayname", "B", NULL), IDM_OK);
	no = realm_applied(s->realm);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=displayname", "Ben Birne", NULL), IDM_OK);
	assert_int_equal(idm_store_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	idm_store_u64(no, key);
	assert_int_equal(idm_store_del(&txn, IDM_DB_CHANGES, idm_span_of(key, 8), &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	expect_line(s, "internal lost limit - > - [] changes*");
	assert_int_equal(records_of_change(s, no + 1), 1);
}

/* Its uuid is null, as is that of nobody. */
static void
admin_is_told_from_nobody(void **state)
{
	struct server *s = *state;
	const char *target = "admin";

	bind_by(s, "ldapi", "admin", SERVER_PASSWORD);
	expect_line(s, "ldapi login ok admin > - [] by password");
	bind_by(s, "192.0.2.7", "admin", "not its password");
	expect_line(s, "ldap login denied admin > - [] wrong password");
	request_modify(
	    &r, 1, "cn=idm_service_desk,ou=groups," DIRECTORY_SUFFIX, "=description", "desk", NULL);
	assert_int_equal(server_ask(s, server_login(s, "admin"), &r)->code, LDAP_SUCCESS);
	expect_line(s, "ldap modify ok admin > idm_service_desk [description]");
	request_modify(
	    &r, 1, "uid=admin,ou=services," DIRECTORY_SUFFIX, "=mail", "a@example.com", NULL);
	assert_int_equal(
	    server_ask(s, server_login(s, "anna"), &r)->code, LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s, "ldap modify denied anna > admin [mail] needs*");
	request_extended(&r, 1, EXOP_CREDENTIAL_STATUS, exop_strings(&target, 1));
	server_ask(s, server_login(s, "anna"), &r);
	expect_line(s, "ldap read denied anna > admin [primary_credential] needs*");
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=displayname", "B", NULL), IDM_OK);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "ben", "=displayname", "Ben Birne", NULL), IDM_OK);
	assert_int_equal(trail_count(s->core, from, "kanidmd modify ok - > ben [displayname]"), 2);
}

/* --- the clock */

static void
a_clock_that_is_no_longer_trusted_or_is_again_is_recorded(void **state)
{
	struct server *s = *state;

	core_clock_keep(s->core); /* the floor is now */
	test_clock.now_s = REALM_NOW_S - 1000;
	test_clock.unsynchronised = true;
	core_clock_keep(s->core);
	bind_by(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	trail_write(s->core);
	test_clock.now_s = REALM_NOW_S;
	test_clock.unsynchronised = false;
	core_clock_keep(s->core);
	core_clock_keep(s->core);
	trail_write(s->core);
	assert_string_equal(trail_line(s->core, from + 1),
	    "internal clock denied - > - [] it is behind the last trusted time");
	assert_false(is_trusted(s, from + 2));
	assert_string_equal(
	    trail_line(s->core, from + 3), "internal clock ok - > - [] it is trusted");
	assert_int_equal(trail_count(s->core, from, "*"), 3);
}

/* --- what has no room */

static void
refusals_that_come_too_fast_are_counted_and_drown_nobody(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < CORE_AUDIT_REFUSED_MAX + 40; i++)
		bind_by(s, "192.0.2.7", "dn=token", "not a token");
	bind_by(s, "192.0.2.7", "anna", SERVER_PASSWORD);
	request_delete(&r, 1, BEN);
	server_ask(s, server_login(s, "anna"), &r);
	assert_int_equal(
	    trail_count(s->core, from, "ldap login denied a token*"), CORE_AUDIT_REFUSED_MAX);
	expect_line(s, "ldap login ok anna > - [] by password");
	expect_line(s, "ldap delete denied anna > ben []*");
	expect_line(
	    s, "internal lost limit - > - [] 40 records had no room: too many came at once");
	test_clock.monotonic_ms += 1000;
	bind_by(s, "192.0.2.7", "dn=token", "not a token");
	assert_int_equal(
	    trail_count(s->core, from, "ldap login denied a token*"), CORE_AUDIT_REFUSED_MAX + 1);
}

static void
what_does_not_fit_the_queue_is_counted(void **state)
{
	struct server *s = *state;
	char reason[300];
	unsigned most = CORE_AUDIT_QUEUE_BYTES / 400 + 100;
	uint64_t before;

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	for (unsigned i = 0; i < most + CORE_AUDIT_QUEUE_BYTES / 300; i++) {
		struct idm_audit_record record = { .protocol = IDM_AUDIT_INTERNAL,
			.operation = IDM_AUDIT_CLOCK,
			.reason = idm_span_cstr(reason) };

		core_audit(s->core, &record);
	}
	before = trail_count(s->core, from, "internal clock ok - > - [] xxx*");
	assert_in_range(before, CORE_AUDIT_QUEUE_BYTES / 500, CORE_AUDIT_QUEUE_BYTES / 300);
	assert_int_equal(trail_count(s->core, from, "internal lost limit - > - []*"), 1);
}

/* And whatever waits is written when the process ends. */
static void
the_end_writes_what_waits(void **state)
{
	struct server *s = *state;

	bind_by(s, "192.0.2.7", "somebody-else", "whatever it may be");
	server_restart_core(s);
	expect_line(s, "ldap login denied somebody-else > - [] no such account");
}

/* --- reading */

/* What is looked for; the rest is left open. */
struct look {
	int64_t before, limit, since_s, until_s;
	const char *actor, *target, *operation;
	int64_t outcome;
};

static const struct ipc_done *
ask_list(struct server *s, const char *who, const struct look *look)
{
	static uint8_t octets[512];
	const char *const texts[] = { look->actor, look->target, look->operation };
	struct ber_writer w;
	size_t seq, len;

	ber_writer_init(&w, sizeof(octets));
	seq = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_ENUMERATED, EXOP_AUDIT_LIST);
	ber_write_integer(&w, BER_INTEGER, look->before);
	ber_write_integer(&w, BER_INTEGER, look->limit);
	ber_write_integer(&w, BER_INTEGER, look->since_s);
	ber_write_integer(&w, BER_INTEGER, look->until_s);
	for (size_t i = 0; i < 3; i++)
		ber_write_octets(
		    &w, BER_OCTET_STRING, idm_span_cstr(texts[i] == NULL ? "" : texts[i]));
	ber_write_integer(&w, BER_ENUMERATED, look->outcome);
	ber_close(&w, seq);
	assert_false(w.failed);
	len = w.len;
	memcpy(octets, w.data, len);
	ber_writer_free(&w);
	request_extended(&r, 1, EXOP_AUDIT, idm_span_of(octets, len));
	return server_ask(s, server_login(s, who), &r);
}

/* The serial numbers of the answer, counted from this test's first record: "3 2 1"; and where it
 * is to go on. */
static const char *
list(struct server *s, const struct look *look, int64_t *next)
{
	static char text[8192];
	const struct ipc_done *done;
	struct ber_reader all, seq, records, record;
	bool bad = false;
	int64_t on;
	size_t len = 0;

	trail_write(s->core);
	done = ask_list(s, "admin", look);
	assert_int_equal(done->code, LDAP_SUCCESS);
	all = ber_reader_of(done->value, &bad);
	seq = ber_read_nested(&all, BER_SEQUENCE);
	on = ber_read_integer(&seq, BER_INTEGER, 0, INT64_MAX);
	records = ber_read_nested(&seq, BER_SEQUENCE);
	text[0] = '\0';
	while (!ber_at_end(&records)) {
		record = ber_read_nested(&records, BER_SEQUENCE);
		len +=
		    (size_t)snprintf(text + len, sizeof(text) - len, "%s%lld", len == 0 ? "" : " ",
			(long long)(ber_read_integer(&record, BER_INTEGER, 1, INT64_MAX) -
				    (int64_t)from));
	}
	assert_false(bad);
	if (next != NULL)
		*next = on;
	return text;
}

static void
put_login(struct server *s, const char *name, enum idm_result outcome)
{
	struct idm_audit_record record = { .protocol = IDM_AUDIT_RADIUS,
		.operation = IDM_AUDIT_LOGIN,
		.outcome = outcome,
		.actor = realm_uuid(s->realm, name) };

	core_audit(s->core, &record);
}

static void
records_are_found_by_who_what_and_when_the_newest_first(void **state)
{
	struct server *s = *state;
	int64_t this_test = REALM_NOW_S + 5000;
	char uuid[IDM_UUID_TEXT];
	struct idm_uuid anna = realm_uuid(s->realm, "anna");
	int64_t next;

	idm_uuid_format(&anna, uuid);
	test_clock.now_s = this_test;
	put_login(s, "anna", IDM_OK);     /* 1 */
	put_login(s, "ben", IDM_DENIED);  /* 2 */
	put_login(s, "anna", IDM_DENIED); /* 3 */
	test_clock.now_s = this_test + 10;
	request_delete(&r, 1, BEN);
	server_ask(s, server_login(s, "anna"), &r); /* 4 */
	put_login(s, "anna", IDM_OK);               /* 5 */
	test_clock.now_s = REALM_NOW_S;

#define LOOK(...) list(s, &(struct look){ .since_s = this_test, __VA_ARGS__ }, NULL)
	assert_string_equal(LOOK(.limit = 0), "5 4 3 2 1");
	assert_string_equal(LOOK(.limit = 2), "5 4");
	assert_string_equal(LOOK(.before = (int64_t)from + 3), "2 1");
	assert_string_equal(LOOK(.actor = "anna"), "5 4 3 1");
	assert_string_equal(LOOK(.actor = "ANNA@" REALM_DOMAIN), "5 4 3 1");
	assert_string_equal(LOOK(.actor = uuid), "5 4 3 1");
	assert_string_equal(LOOK(.actor = "ann"), "");
	assert_string_equal(LOOK(.actor = "ben"), "2");
	assert_string_equal(LOOK(.target = "ben"), "4");
	assert_string_equal(LOOK(.actor = "anna", .target = "ben", .operation = "delete"), "4");
	assert_string_equal(LOOK(.operation = "login"), "5 3 2 1");
	assert_string_equal(LOOK(.outcome = EXOP_AUDIT_OK), "5 1");
	assert_string_equal(LOOK(.outcome = EXOP_AUDIT_REFUSED), "4 3 2");
	assert_string_equal(LOOK(.until_s = this_test + 10), "3 2 1");
#undef LOOK
	list(s, &(struct look){ .limit = 2 }, &next);
	assert_true(next == (int64_t)from + 4);
	list(s, &(struct look){ .before = 3 }, &next);
	assert_true(next == 0);
	assert_int_equal(ask_list(s, "admin", &(struct look){ .operation = "nonsense" })->code,
	    LDAP_INVALID_ATTRIBUTE_SYNTAX);
}

/* An account that has a new name is found by its old one in what it did under that. */
static void
who_was_renamed_is_found_by_both_names(void **state)
{
	struct server *s = *state;

	put_login(s, "ben", IDM_OK); /* 1 */
	trail_write(s->core);
	assert_int_equal(realm_modify(s->realm, NULL, "ben", "=name", "benno", NULL), IDM_OK);
	trail_write(s->core); /* 2 is the change */
	assert_string_equal(
	    list(
		s, &(struct look){ .actor = "ben", .before = (int64_t)from + 3, .limit = 1 }, NULL),
	    "1");
	assert_string_equal(
	    list(s, &(struct look){ .actor = "benno", .before = (int64_t)from + 3, .limit = 1 },
		NULL),
	    "1");
	assert_int_equal(realm_modify(s->realm, NULL, "benno", "=name", "ben", NULL), IDM_OK);
}

static void
only_who_may_read_the_trail_reads_it(void **state)
{
	struct server *s = *state;

	assert_int_equal(ask_list(s, "anna", &(struct look){ .limit = 1 })->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	expect_line(s,
	    "ldap read denied anna > - [audit_trail] needs the right to read audit_trail; "
	    "idm_audit_read_priv grants it");
	assert_int_equal(ask_list(s, "idm_admin", &(struct look){ .limit = 1 })->code,
	    LDAP_INSUFFICIENT_ACCESS_RIGHTS);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_audit_read_priv", "+member", "anna", NULL), IDM_OK);
	assert_int_equal(ask_list(s, "anna", &(struct look){ .limit = 1 })->code, LDAP_SUCCESS);
	assert_int_equal(
	    realm_modify(s->realm, NULL, "idm_audit_read_priv", "-member", "anna", NULL), IDM_OK);
}

static void
the_server_walks_over_the_chain(void **state)
{
	static const uint8_t value[] = { 0x30, 6, 0x0a, 1, EXOP_AUDIT_VERIFY, 0x02, 1, 0 };
	struct server *s = *state;
	struct idm_txn txn;
	struct idm_audit_extent extent;
	const char *fields;
	char begins[64];
	uint8_t key[8];

	trail_write(s->core);
	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_audit_extent(&txn, &extent, &s->err), IDM_OK);
	idm_store_read_end(&txn);
	request_extended(&r, 1, EXOP_AUDIT, idm_span_of(value, sizeof(value)));
	fields = exop_fields(server_ask(s, server_login(s, "admin"), &r)->value);
	snprintf(begins, sizeof(begins), "0|1|%llu|", (unsigned long long)extent.last);
	assert_memory_equal(fields, begins, strlen(begins));
	assert_int_equal(strlen(fields), strlen(begins) + 64 + strlen("|0|"));

	assert_int_equal(idm_store_local_write_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	idm_store_u64(from, key);
	assert_int_equal(
	    idm_store_del(&txn, IDM_DB_AUDIT, idm_span_of(key, sizeof(key)), &s->err), IDM_OK);
	assert_int_equal(idm_store_write_commit(&txn, &s->err), IDM_OK);
	request_extended(&r, 1, EXOP_AUDIT, idm_span_of(value, sizeof(value)));
	fields = exop_fields(server_ask(s, server_login(s, "admin"), &r)->value);
	snprintf(begins, sizeof(begins), "|%llu|it is not there", (unsigned long long)from);
	assert_string_equal(
	    strrchr(fields, '|') - (strlen(begins) - strlen("|it is not there")), begins);
}

/* --- nothing that is secret */

static bool
file_holds(struct server *s, const char *file, struct idm_span needle)
{
	char path[TEMP_DIR_BYTES + 32];
	size_t len;
	uint8_t *octets;
	bool found;

	snprintf(path, sizeof(path), "%s/%s", s->dir, file);
	octets = store_dir_load(path, &len);
	found = memmem(octets, len, needle.ptr, needle.len) != NULL;
	free(octets);
	return found;
}

static void
expect_nowhere(struct server *s, const char *secret)
{
	trail_write(s->core);
	if (file_holds(s, "local.mdb", idm_span_cstr(secret)))
		fail_msg("local.mdb holds \"%s\"", secret);
}

static void
no_secret_is_in_the_trail(void **state)
{
	static const char *const texts[] = { "ben", "planted in judge 5" };
	const char *planted = "planted in reauth 6";
	struct server *s = *state;
	char token[IDM_TOKEN_TEXT], lower[IDM_TOKEN_TEXT], radius[64];
	uint64_t handle;

	log_in(s, "anna", token);
	for (size_t i = 0; i < sizeof(lower); i++)
		lower[i] = token[i] >= 'A' && token[i] <= 'Z' ? (char)(token[i] + 32) : token[i];
	bind_by(s, "192.0.2.7", "anna", "Planted as password 1");
	bind_by(s, "192.0.2.7", "Planted as name 2", "whatever it may be");
	bind_by(s, "192.0.2.7", "uid=Planted as name 3," PEOPLE, "whatever it may be");
	bind_by(s, "192.0.2.7", token, "whatever it may be");
	bind_by(s, "192.0.2.7", "dn=token", "Planted as token 4");
	handle = bind_by(s, "192.0.2.7", "dn=token", token);
	request_extended(&r, 1, EXOP_CREDENTIAL_JUDGE, exop_strings(texts, 2));
	server_ask(s, handle, &r);
	request_extended(&r, 1, EXOP_SESSION_REAUTH, exop_strings(&planted, 1));
	server_ask(s, handle, &r);
	request_modify(&r, 1, BEN, "=primary_credential", "planted as value 7", NULL);
	server_ask(s, handle, &r);
	request_extended(&r, 1, EXOP_RADIUS_SECRET, radius_value("ben", EXOP_RADIUS_GENERATE));
	snprintf(radius, sizeof(radius), "%s",
	    exop_fields(server_ask(s, server_login(s, "idm_admin"), &r)->value));
	assert_true(strlen(radius) > 20);

	assert_true(trail_write(s->core) >= from + 9);
	expect_nowhere(s, token);
	expect_nowhere(s, lower);
	expect_nowhere(s, radius);
	for (size_t i = 0; i < 2; i++) {
		expect_nowhere(s, i == 0 ? "Planted" : "planted");
		expect_nowhere(s, i == 0 ? SERVER_PASSWORD : "whatever");
	}
	assert_true(file_holds(s, "local.mdb", IDM_SPAN_LIT("what is no name")));
}

static void
the_chain_holds_over_all_of_it(void **state)
{
	struct server *s = *state;
	struct idm_audit_check found;
	struct idm_txn txn;

	trail_write(s->core);
	assert_int_equal(idm_store_local_read_begin(s->core->data.store, &txn, &s->err), IDM_OK);
	assert_int_equal(idm_audit_check(&txn, 0, SIZE_MAX, &found, &s->err), IDM_OK);
	idm_store_read_end(&txn);
	assert_int_equal(found.broken, 0);
	assert_true(found.extent.last > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_login_is_recorded_with_how_it_was_proved, fresh),
		cmocka_unit_test_setup(a_refused_login_is_recorded_with_its_true_reason, fresh),
		cmocka_unit_test_setup(a_session_is_recorded_from_its_begin_to_its_end, fresh),
		cmocka_unit_test_setup(whose_token_was_refused_is_recorded, fresh),
		cmocka_unit_test_setup(
		    a_refused_change_is_recorded_with_what_was_to_be_changed, fresh),
		cmocka_unit_test_setup(what_the_client_may_not_see_is_named_in_the_trail, fresh),
		cmocka_unit_test_setup(refused_extended_operations_are_recorded, fresh),
		cmocka_unit_test_setup(a_secret_that_is_shown_or_was_to_be_is_recorded, fresh),
		cmocka_unit_test_setup(each_change_has_its_records_whoever_made_it, fresh),
		cmocka_unit_test_setup(
		    attributes_are_named_and_those_that_are_gone_by_their_number, fresh),
		cmocka_unit_test_setup(admin_is_told_from_nobody, fresh),
		cmocka_unit_test_setup(what_was_changed_before_a_start_is_taken_over_once, fresh),
		cmocka_unit_test_setup(
		    changes_that_are_recorded_nowhere_are_told_to_be_lost, fresh),
		cmocka_unit_test_setup(
		    a_clock_that_is_no_longer_trusted_or_is_again_is_recorded, fresh),
		cmocka_unit_test_setup(
		    refusals_that_come_too_fast_are_counted_and_drown_nobody, fresh),
		cmocka_unit_test_setup(what_does_not_fit_the_queue_is_counted, fresh),
		cmocka_unit_test_setup(the_end_writes_what_waits, fresh),
		cmocka_unit_test_setup(
		    records_are_found_by_who_what_and_when_the_newest_first, fresh),
		cmocka_unit_test_setup(who_was_renamed_is_found_by_both_names, fresh),
		cmocka_unit_test_setup(only_who_may_read_the_trail_reads_it, fresh),
		cmocka_unit_test_setup(no_secret_is_in_the_trail, fresh),
		cmocka_unit_test_setup(the_chain_holds_over_all_of_it, fresh),
		cmocka_unit_test_setup(the_server_walks_over_the_chain, fresh),
	};

	int failed;

	requests_init(&r);
	failed = cmocka_run_group_tests(tests, server_setup_core, server_teardown);
	requests_free(&r);
	return failed;
}
