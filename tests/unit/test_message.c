/*
 * LDAPMessages in and out.  The requests in hexadecimal are what OpenLDAP's tools sent; what we
 * write is read with liblber.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <lber.h>
#include <cmocka.h>

#include "ldapd/message.h"

#define LIT IDM_SPAN_LIT

static const struct ldap_controls no_controls;

static const char bind_alice[] =
    "3056020101603202010304257569643d616c6963652c6f753d70656f706c652c64633d6578616d706c652c"
    "64633d636f6d8006736563726574a01d301b0419312e332e362e312e342e312e34322e322e32372e382e35"
    "2e31";

/* (&(objectClass=person)(|(uid=a*b*c)(!(mail=*)))(uidNumber>=5)(uidNumber<=9)(sn~=x)
 *   (member:1.2.840.113556.1.4.1941:=cn=g)(cn:dn:caseIgnoreMatch:=y)), two controls */
static const char search_all_kinds[] =
    "308201200201026381d8041164633d6578616d706c652c64633d636f6d0a01020a010002010502010a0101"
    "00a081a2a315040b6f626a656374436c6173730406706572736f6ea11aa410040375696430098001618101"
    "62820163a20687046d61696ca50e04097569644e756d626572040135a60e04097569644e756d6265720401"
    "39a8070402736e040178a9278117312e322e3834302e3131333535362e312e342e3139343182066d656d62"
    "65728304636e3d67a91b810f6361736549676e6f72654d617463688202636e8301798401ff300f04037569"
    "6404086d656d6265724f66a040301b0419312e332e362e312e342e312e34322e322e32372e382e352e3130"
    "210416312e322e3834302e3131333535362e312e342e333139040730050201640400";

static const char modify_group[] =
    "3064020102665f0416636e3d672c64633d6578616d706c652c64633d636f6d304530150a0100301004066d"
    "656d6265723106040161040162300d0a0101300804046d61696c3100300e0a010230090402736e31030401"
    "51300d0a0103300804016e3103040132";

static const char add_group[] =
    "304702010268420416636e3d672c64633d6578616d706c652c64633d636f6d302830090402636e31030401"
    "67301b040b6f626a656374436c617373310c040567726f75700403746f70";

static const char delete_group[] = "301b0201024a16636e3d672c64633d6578616d706c652c64633d636f6d";

static const char rename_group[] =
    "303e0201026c390416636e3d672c64633d6578616d706c652c64633d636f6d0404636e3d680101ff80166f"
    "753d782c64633d6578616d706c652c64633d636f6d";

static const char compare_member[] =
    "302e0201026e290416636e3d672c64633d6578616d706c652c64633d636f6d300f04066d656d6265720405"
    "616c696365";

static const char whoami[] = "301e02010277198017312e332e362e312e342e312e343230332e312e31312e33";

static const char password_modify[] =
    "303502010277308017312e332e362e312e342e312e343230332e312e31312e318115301380077569643d62"
    "6f6281036f6c6482036e6577";

static const char unbind[] = "30050201034200";
static const char abandon_two[] = "3006020103500102";

static const char *const requests[] = {
	bind_alice,
	search_all_kinds,
	modify_group,
	add_group,
	delete_group,
	rename_group,
	compare_member,
	whoami,
	password_modify,
	unbind,
	abandon_two,
};

enum { REQUEST_COUNT = sizeof(requests) / sizeof(requests[0]) };

/* What a test makes: its requests and what is decoded from them. */
static struct idm_arena *arena;

static int
set_up(void **state)
{
	(void)state;
	arena = idm_arena_new(4 * 1024 * 1024);
	return arena == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	idm_arena_free(&arena);
	return 0;
}

static struct idm_span
from_hex(const char *text)
{
	size_t len = strlen(text) / 2;
	uint8_t *out = idm_arena_alloc(arena, len);

	assert_non_null(out);
	for (size_t i = 0; i < len; i++) {
		char octet[] = { text[2 * i], text[2 * i + 1], 0 };

		out[i] = (uint8_t)strtoul(octet, NULL, 16);
	}
	return idm_span_of(out, len);
}

/* Decode from a block of the exact size, where ASan sees one octet too far; the result is not kept.
 */
static enum ldap_decode
decode_exactly(struct idm_span pdu, const struct ldap_limits *limits, struct idm_arena *scratch)
{
	uint8_t *exact = malloc(pdu.len);
	struct ldap_message message;
	enum ldap_decode status;

	assert_non_null(exact);
	memcpy(exact, pdu.ptr, pdu.len);
	status = ldap_message_decode(idm_span_of(exact, pdu.len), limits, scratch, &message);
	free(exact);
	return status;
}

static enum ldap_decode
decode_with(struct idm_span pdu, const struct ldap_limits *limits, struct ldap_message *out)
{
	enum ldap_decode status = ldap_message_decode(pdu, limits, arena, out);

	assert_int_equal(decode_exactly(pdu, limits, arena), status);
	return status;
}

static enum ldap_decode
decode(struct idm_span pdu, struct ldap_message *out)
{
	return decode_with(pdu, &ldap_limits_default, out);
}

/* A request that must be understood. */
static struct ldap_message
decoded(const char *hex)
{
	struct ldap_message message;

	assert_int_equal(decode(from_hex(hex), &message), LDAP_DECODE_OK);
	return message;
}

static void
assert_bad(const char *hex)
{
	struct ldap_message message;

	assert_int_equal(decode(from_hex(hex), &message), LDAP_DECODE_BAD);
}

static void
assert_refused(struct idm_span pdu, enum ldap_op op, enum ldap_result_code code)
{
	struct ldap_message message;

	assert_int_equal(decode(pdu, &message), LDAP_DECODE_REFUSED);
	assert_int_equal(message.message_id, 2);
	assert_int_equal(message.op, op);
	assert_int_equal(message.refusal, code);
	assert_non_null(message.refusal_text);
}

static void
assert_span(struct idm_span span, const char *expected)
{
	assert_int_equal(span.len, strlen(expected));
	assert_memory_equal(span.ptr, expected, span.len);
}

static void
bind_is_understood_with_its_control(void **state)
{
	struct ldap_message m = decoded(bind_alice);

	(void)state;
	assert_int_equal(m.message_id, 1);
	assert_int_equal(m.op, LDAP_BIND_REQUEST);
	assert_span(m.bind.name, "uid=alice,ou=people,dc=example,dc=com");
	assert_int_equal(m.bind.auth, LDAP_AUTH_SIMPLE);
	assert_span(m.bind.password, "secret");
	assert_int_equal(m.control_count, 1);
	assert_span(m.controls[0].oid, "1.3.6.1.4.1.42.2.27.8.5.1");
	assert_false(m.controls[0].critical);
	assert_false(m.controls[0].has_value);
}

static void
other_ways_to_authenticate_are_recognised(void **state)
{
	struct ldap_message m = decoded("301602010260110201030400a30a040845585445524e414c");

	(void)state;
	assert_int_equal(m.bind.auth, LDAP_AUTH_SASL);
	assert_span(m.bind.mechanism, "EXTERNAL");
	m = decoded("301902010260140201030400a30d0405504c41494e040400610062");
	assert_int_equal(m.bind.auth, LDAP_AUTH_SASL);
	assert_span(m.bind.mechanism, "PLAIN");
	m = decoded("300c020102600702010304008900"); /* what Windows tries first */
	assert_int_equal(m.bind.auth, LDAP_AUTH_UNKNOWN);
	m = decoded("300c020102600702010304008000");
	assert_int_equal(m.bind.auth, LDAP_AUTH_SIMPLE);
	assert_span(m.bind.name, "");
	assert_span(m.bind.password, "");
	assert_bad("300c020102600702010304000400");
	assert_bad("300a02010260050201030400");
}

static void
another_version_is_answered_with_protocol_error(void **state)
{
	(void)state;
	assert_refused(
	    from_hex("300c020102600702010204008000"), LDAP_BIND_REQUEST, LDAP_PROTOCOL_ERROR);
	assert_bad("300c020102600702010004008000");
}

static const struct ldap_filter *
child(const struct ldap_filter *parent, size_t n)
{
	const struct ldap_filter *out = parent->children;

	while (n-- > 0)
		out = out->next;
	return out;
}

static void
every_kind_of_filter_item_is_understood(void **state)
{
	struct ldap_message m = decoded(search_all_kinds);
	const struct ldap_filter *root = m.search.filter;
	const struct ldap_filter *any = child(child(root, 1), 0);

	(void)state;
	assert_int_equal(root->kind, LDAP_FILTER_AND);
	assert_int_equal(root->child_count, 7);
	assert_null(child(root, 6)->next);
	assert_int_equal(child(root, 0)->kind, LDAP_FILTER_EQUALITY);
	assert_span(child(root, 0)->attribute, "objectClass");
	assert_span(child(root, 0)->value, "person");
	assert_int_equal(child(root, 1)->kind, LDAP_FILTER_OR);
	assert_int_equal(child(root, 1)->child_count, 2);
	assert_int_equal(any->kind, LDAP_FILTER_SUBSTRINGS);
	assert_span(any->attribute, "uid");
	assert_span(any->initial, "a");
	assert_int_equal(any->any_count, 1);
	assert_span(any->any[0], "b");
	assert_span(any->final, "c");
	assert_int_equal(any->next->kind, LDAP_FILTER_NOT);
	assert_int_equal(any->next->child_count, 1);
	assert_int_equal(any->next->children->kind, LDAP_FILTER_PRESENT);
	assert_span(any->next->children->attribute, "mail");
	assert_int_equal(child(root, 2)->kind, LDAP_FILTER_GREATER_OR_EQUAL);
	assert_span(child(root, 2)->value, "5");
	assert_int_equal(child(root, 3)->kind, LDAP_FILTER_LESS_OR_EQUAL);
	assert_span(child(root, 3)->attribute, "uidNumber");
	assert_int_equal(child(root, 4)->kind, LDAP_FILTER_APPROX);
	assert_span(child(root, 4)->value, "x");
}

static void
extensible_items_are_understood(void **state)
{
	struct ldap_message m = decoded(search_all_kinds);
	const struct ldap_filter *in_chain = child(m.search.filter, 5);

	(void)state;
	assert_int_equal(in_chain->kind, LDAP_FILTER_EXTENSIBLE);
	assert_span(in_chain->rule, "1.2.840.113556.1.4.1941");
	assert_span(in_chain->attribute, "member");
	assert_span(in_chain->value, "cn=g");
	assert_false(in_chain->dn_attributes);
	assert_span(in_chain->next->rule, "caseIgnoreMatch");
	assert_true(in_chain->next->dn_attributes);
}

static void
a_search_is_understood(void **state)
{
	struct ldap_message m = decoded(search_all_kinds);

	(void)state;
	assert_int_equal(m.op, LDAP_SEARCH_REQUEST);
	assert_span(m.search.base, "dc=example,dc=com");
	assert_int_equal(m.search.scope, LDAP_SCOPE_SUB);
	assert_int_equal(m.search.deref, 0);
	assert_int_equal(m.search.size_limit, 5);
	assert_int_equal(m.search.time_limit_s, 10);
	assert_false(m.search.types_only);
	assert_int_equal(m.search.attribute_count, 2);
	assert_span(m.search.attributes[0], "uid");
	assert_span(m.search.attributes[1], "memberOf");
	assert_int_equal(m.control_count, 2);
	assert_span(m.controls[1].oid, "1.2.840.113556.1.4.319");
	assert_true(m.controls[1].has_value);
	assert_int_equal(m.controls[1].value.len, 7);
}

static void
a_modify_is_understood(void **state)
{
	struct ldap_message m = decoded(modify_group);
	const struct ldap_modification *change = m.modify.changes;

	(void)state;
	assert_int_equal(m.op, LDAP_MODIFY_REQUEST);
	assert_span(m.modify.dn, "cn=g,dc=example,dc=com");
	assert_int_equal(m.modify.change_count, 4);
	assert_int_equal(change[0].kind, LDAP_MODIFY_ADD);
	assert_span(change[0].attribute.type, "member");
	assert_int_equal(change[0].attribute.value_count, 2);
	assert_span(change[0].attribute.values[1], "b");
	assert_int_equal(change[1].kind, LDAP_MODIFY_DELETE);
	assert_int_equal(change[1].attribute.value_count, 0);
	assert_int_equal(change[2].kind, LDAP_MODIFY_REPLACE);
	assert_span(change[2].attribute.values[0], "Q");
	assert_int_equal(change[3].kind, LDAP_MODIFY_INCREMENT);
	assert_span(change[3].attribute.values[0], "2");
}

static void
an_add_is_understood(void **state)
{
	struct ldap_message m = decoded(add_group);

	(void)state;
	assert_int_equal(m.op, LDAP_ADD_REQUEST);
	assert_span(m.add.dn, "cn=g,dc=example,dc=com");
	assert_int_equal(m.add.attribute_count, 2);
	assert_span(m.add.attributes[0].type, "cn");
	assert_span(m.add.attributes[0].values[0], "g");
	assert_span(m.add.attributes[1].type, "objectClass");
	assert_int_equal(m.add.attributes[1].value_count, 2);
	assert_span(m.add.attributes[1].values[1], "top");
}

static void
delete_rename_and_compare_are_understood(void **state)
{
	struct ldap_message m = decoded(delete_group);

	(void)state;
	assert_int_equal(m.op, LDAP_DELETE_REQUEST);
	assert_span(m.delete_dn, "cn=g,dc=example,dc=com");
	m = decoded(rename_group);
	assert_int_equal(m.op, LDAP_MODIFY_DN_REQUEST);
	assert_span(m.modify_dn.new_rdn, "cn=h");
	assert_true(m.modify_dn.delete_old_rdn);
	assert_true(m.modify_dn.has_new_superior);
	assert_span(m.modify_dn.new_superior, "ou=x,dc=example,dc=com");
	m = decoded("30140201026c0f0404636e3d670404636e3d68010100");
	assert_false(m.modify_dn.delete_old_rdn);
	assert_false(m.modify_dn.has_new_superior);
	m = decoded(compare_member);
	assert_int_equal(m.op, LDAP_COMPARE_REQUEST);
	assert_span(m.compare.dn, "cn=g,dc=example,dc=com");
	assert_span(m.compare.attribute, "member");
	assert_span(m.compare.value, "alice");
}

static void
unbind_and_abandon_are_understood_and_have_no_response(void **state)
{
	struct ldap_message m = decoded(unbind);

	(void)state;
	assert_int_equal(m.op, LDAP_UNBIND_REQUEST);
	assert_int_equal(m.message_id, 3);
	assert_int_equal(ldap_response_tag(m.op), 0);
	m = decoded(abandon_two);
	assert_int_equal(m.op, LDAP_ABANDON_REQUEST);
	assert_int_equal(m.abandon_id, 2);
	assert_int_equal(ldap_response_tag(m.op), 0);
	assert_bad("3006020102420178");
	assert_bad("30080201027003020101"); /* an abandon that is constructed */
}

static void
extended_requests_are_understood(void **state)
{
	struct ldap_message m = decoded(whoami);

	(void)state;
	assert_int_equal(m.op, LDAP_EXTENDED_REQUEST);
	assert_span(m.extended.oid, "1.3.6.1.4.1.4203.1.11.3");
	assert_false(m.extended.has_value);
	m = decoded("300c02010277078003312e328100");
	assert_true(m.extended.has_value);
	assert_int_equal(m.extended.value.len, 0);
	assert_bad("30080201027703810178");
}

static void
a_password_modify_is_understood(void **state)
{
	struct ldap_message m = decoded(password_modify);
	struct ldap_password_modify modify;

	(void)state;
	assert_true(ldap_password_modify_decode(m.extended.value, &modify));
	assert_true(modify.has_user && modify.has_old && modify.has_new);
	assert_span(modify.user, "uid=bob");
	assert_span(modify.old_password, "old");
	assert_span(modify.new_password, "new");
	for (size_t n = 1; n < m.extended.value.len; n++)
		assert_false(
		    ldap_password_modify_decode(idm_span_of(m.extended.value.ptr, n), &modify));
	assert_true(ldap_password_modify_decode(from_hex("3000"), &modify));
	assert_false(modify.has_user || modify.has_old || modify.has_new);
	assert_false(ldap_password_modify_decode(IDM_SPAN_EMPTY, &modify));
	assert_true(ldap_password_modify_decode(from_hex("30028200"), &modify));
	assert_true(modify.has_new && modify.new_password.len == 0);
	assert_false(ldap_password_modify_decode(from_hex("300482008100"), &modify));
	assert_false(ldap_password_modify_decode(from_hex("30008200"), &modify));
	assert_false(ldap_password_modify_decode(from_hex("30028300"), &modify));
}

static void
long_forms_of_length_are_understood_everywhere(void **state)
{
	/* (&(cn=a)(uid=*)) with a control, each constructed length as Windows writes it */
	struct ldap_message m = decoded(
	    "308400000051020102638400000037040464633d780a01020a0100020100020100010100a0840000"
	    "0012a384000000070402636e04016187037569643084000000040402636ea0840000000b30840000"
	    "00050403312e32");

	(void)state;
	assert_span(m.search.base, "dc=x");
	assert_int_equal(m.search.filter->child_count, 2);
	assert_span(m.search.filter->children->value, "a");
	assert_span(m.search.attributes[0], "cn");
	assert_span(m.controls[0].oid, "1.2");
	assert_bad("308002010242000000");
	assert_bad("300702010263800000");
}

static void
message_ids_keep_their_range(void **state)
{
	(void)state;
	assert_int_equal(decoded("300802047fffffff4200").message_id, INT32_MAX);
	assert_bad("30050201004200"); /* the server's own (RFC 4511 section 4.4) */
	assert_bad("30050201ff4200");
	assert_bad("3009020500800000004200");
	assert_bad("3006020200014200");
	assert_bad("30050a01014200");
}

static void
what_is_no_request_is_a_violation(void **state)
{
	(void)state;
	assert_bad("300c02010261070a010004000400"); /* a BindResponse */
	assert_bad("30050201027e00");
	assert_bad("3003020102");
	assert_bad("300702010242004200"); /* two operations */
	assert_bad("3005020102420000");   /* more behind the message */
	assert_bad("020102");
}

static void
components_of_later_standards_are_ignored(void **state)
{
	struct ldap_message m = decoded("3012020102600a020103040080008501788a0179");

	(void)state;
	assert_int_equal(m.op, LDAP_BIND_REQUEST);
	assert_bad("300f020102600a02010304008000040178"); /* but none that has a meaning */
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < REQUEST_COUNT; i++) {
		struct idm_span whole = from_hex(requests[i]);

		for (size_t n = 1; n < whole.len; n++) {
			struct idm_span cut = idm_span_of(whole.ptr, n);

			assert_int_equal(
			    decode_exactly(cut, &ldap_limits_default, arena), LDAP_DECODE_BAD);
		}
	}
}

/* Cut the contents and make the outermost length fit, so that the inner ones are put to the test.
 */
static void
every_truncation_within_a_fitting_frame_is_no_crash(void **state)
{
	(void)state;
	for (size_t i = 0; i < REQUEST_COUNT; i++) {
		struct idm_span whole = from_hex(requests[i]);
		bool bad = false;
		struct ber_reader top = ber_reader_of(whole, &bad);
		struct idm_span content = ber_read_octets(&top, BER_SEQUENCE);

		for (size_t n = 0; n < content.len; n++) {
			struct ber_writer w;
			size_t mark;
			enum ldap_decode status;

			ber_writer_init(&w, 1024);
			ber_write_octets(&w, BER_SEQUENCE, idm_span_of(content.ptr, n));
			mark = w.len;
			status =
			    decode_exactly(idm_span_of(w.data, mark), &ldap_limits_default, arena);
			/* Only before the controls is a shorter message whole. */
			if (status == LDAP_DECODE_OK)
				assert_int_equal(content.ptr[n], 0xa0);
			ber_writer_free(&w);
		}
	}
}

/* A search with the filter that `write` makes out of `n`. */
static struct idm_span
search_with(void (*write)(struct ber_writer *w, size_t n), size_t n)
{
	struct ber_writer w;
	size_t message, search;
	struct idm_span out;

	ber_writer_init(&w, 1024 * 1024);
	message = ber_open(&w, BER_SEQUENCE, BER_LONG);
	ber_write_integer(&w, BER_INTEGER, 2);
	search = ber_open(&w, LDAP_SEARCH_REQUEST, BER_LONG);
	ber_write_octets(&w, BER_OCTET_STRING, LIT("dc=x"));
	ber_write_integer(&w, BER_ENUMERATED, LDAP_SCOPE_SUB);
	ber_write_integer(&w, BER_ENUMERATED, 3);
	ber_write_integer(&w, BER_INTEGER, 0);
	ber_write_integer(&w, BER_INTEGER, 0);
	ber_write_boolean(&w, BER_BOOLEAN, false);
	write(&w, n);
	ber_write_octets(&w, BER_SEQUENCE, IDM_SPAN_EMPTY);
	ber_close(&w, search);
	ber_close(&w, message);
	assert_false(w.failed);
	out = idm_arena_copy(arena, idm_span_of(w.data, w.len));
	assert_non_null(out.ptr);
	ber_writer_free(&w);
	return out;
}

static void
write_present(struct ber_writer *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ber_write_octets(w, 0x87, LIT("uid"));
}

/* `n` levels, the innermost of which is an item. */
static void
write_nested(struct ber_writer *w, size_t n)
{
	size_t marks[4096];
	const uint8_t tags[] = { 0xa0, 0xa1, 0xa2 };

	for (size_t i = 0; i < n - 1; i++)
		marks[i] = ber_open(w, tags[i % 3], BER_SHORT);
	write_present(w, 1);
	for (size_t i = n - 1; i > 0; i--)
		ber_close(w, marks[i - 1]);
}

/* An OR of `n` items. */
static void
write_flat(struct ber_writer *w, size_t n)
{
	size_t mark = ber_open(w, 0xa1, BER_SHORT);

	write_present(w, n);
	ber_close(w, mark);
}

static void
write_pieces(struct ber_writer *w, size_t n)
{
	size_t item = ber_open(w, 0xa4, BER_SHORT);
	size_t pieces;

	ber_write_octets(w, BER_OCTET_STRING, LIT("uid"));
	pieces = ber_open(w, BER_SEQUENCE, BER_SHORT);
	for (size_t i = 0; i < n; i++)
		ber_write_octets(w, 0x81, LIT("a"));
	ber_close(w, pieces);
	ber_close(w, item);
}

static void
write_assertion(struct ber_writer *w, size_t n)
{
	size_t item = ber_open(w, 0xa3, BER_SHORT);
	uint8_t *value;

	ber_write_octets(w, BER_OCTET_STRING, LIT("uid"));
	value = ber_write_room(w, BER_OCTET_STRING, n);
	assert_non_null(value);
	memset(value, 'a', n);
	ber_close(w, item);
}

static void
write_description(struct ber_writer *w, size_t n)
{
	uint8_t *type = ber_write_room(w, 0x87, n);

	assert_non_null(type);
	memset(type, 'a', n);
}

/* `most` is understood, one more is refused. */
static void
assert_limit(void (*write)(struct ber_writer *w, size_t n), size_t most)
{
	struct ldap_message m;

	assert_int_equal(decode(search_with(write, most), &m), LDAP_DECODE_OK);
	assert_refused(
	    search_with(write, most + 1), LDAP_SEARCH_REQUEST, LDAP_ADMIN_LIMIT_EXCEEDED);
}

static void
filters_keep_their_limits(void **state)
{
	(void)state;
	assert_limit(write_nested, ldap_limits_default.filter_depth);
	assert_limit(write_flat, ldap_limits_default.filter_nodes - 1);
	assert_limit(write_pieces, ldap_limits_default.substring_pieces);
	assert_limit(write_assertion, ldap_limits_default.assertion_bytes);
	assert_limit(write_description, ldap_limits_default.description_bytes);
}

static void
an_or_of_512_items_is_understood(void **state)
{
	struct ldap_message m;

	(void)state;
	assert_int_equal(decode(search_with(write_flat, 512), &m), LDAP_DECODE_OK);
	assert_int_equal(m.search.filter->child_count, 512);
	assert_span(child(m.search.filter, 511)->attribute, "uid");
}

static void
a_deeply_nested_filter_is_refused_whatever_the_limits(void **state)
{
	struct ldap_limits wide = ldap_limits_default;
	struct ldap_message m;

	(void)state;
	assert_refused(
	    search_with(write_nested, 4096), LDAP_SEARCH_REQUEST, LDAP_ADMIN_LIMIT_EXCEEDED);
	wide.filter_depth = SIZE_MAX;
	wide.filter_nodes = SIZE_MAX;
	assert_int_equal(decode_with(search_with(write_nested, LDAP_FILTER_DEPTH_MAX), &wide, &m),
	    LDAP_DECODE_OK);
	assert_int_equal(
	    decode_with(search_with(write_nested, LDAP_FILTER_DEPTH_MAX + 1), &wide, &m),
	    LDAP_DECODE_REFUSED);
	assert_int_equal(
	    decode_with(search_with(write_nested, 4096), &wide, &m), LDAP_DECODE_REFUSED);
}

/* A search whose filter is given in hexadecimal. */
static const char *filter_hex;

static void
write_hex(struct ber_writer *w, size_t n)
{
	struct idm_span filter = from_hex(filter_hex);
	bool bad = false;
	struct ber_reader r = ber_reader_of(filter, &bad);
	uint8_t tag;
	struct idm_span content = ber_read_any(&r, &tag);

	(void)n;
	ber_read_end(&r);
	assert_false(bad);
	ber_write_octets(w, tag, content);
}

static struct idm_span
search_for(const char *hex)
{
	filter_hex = hex;
	return search_with(write_hex, 0);
}

static void
assert_filter_bad(const char *hex)
{
	struct ldap_message m;

	assert_int_equal(decode(search_for(hex), &m), LDAP_DECODE_BAD);
}

static void
malformed_filters_are_violations(void **state)
{
	(void)state;
	assert_filter_bad("a200");                           /* NOT of nothing */
	assert_filter_bad("a20a87037569648703756964");       /* NOT of two */
	assert_filter_bad("a703756964");                     /* present, constructed */
	assert_filter_bad("80058703756964");                 /* AND, primitive */
	assert_filter_bad("0403756964");                     /* no choice of a filter */
	assert_filter_bad("6a03756964");                     /* likewise */
	assert_filter_bad("a3040402636e");                   /* equality without a value */
	assert_filter_bad("a30a0402636e040161040162");       /* with two */
	assert_filter_bad("a9048202636e");                   /* extensible without a value */
	assert_filter_bad("a40d04037569643006820161800162"); /* final before initial */
	assert_filter_bad("a40d04037569643006800161800162"); /* two initials */
	assert_filter_bad("a40d04037569643006820161820162"); /* two finals */
	assert_filter_bad("a40a04037569643003830161");       /* no piece's tag */
}

static void
filters_that_mean_nothing_are_answered_with_protocol_error(void **state)
{
	(void)state;
	assert_refused(search_for("a40704037569643000"), LDAP_SEARCH_REQUEST, LDAP_PROTOCOL_ERROR);
	assert_refused(search_for("a903830178"), LDAP_SEARCH_REQUEST, LDAP_PROTOCOL_ERROR);
}

static void
absolute_true_and_false_and_unknown_choices_are_understood(void **state)
{
	struct ldap_message m;

	(void)state;
	assert_int_equal(decode(search_for("a000"), &m), LDAP_DECODE_OK);
	assert_int_equal(m.search.filter->kind, LDAP_FILTER_AND);
	assert_null(m.search.filter->children);
	assert_int_equal(decode(search_for("a100"), &m), LDAP_DECODE_OK);
	assert_int_equal(m.search.filter->kind, LDAP_FILTER_OR);
	assert_int_equal(decode(search_for("a10aaa030401788703756964"), &m), LDAP_DECODE_OK);
	assert_int_equal(child(m.search.filter, 0)->kind, LDAP_FILTER_UNKNOWN);
	assert_int_equal(child(m.search.filter, 1)->kind, LDAP_FILTER_PRESENT);
}

static void
a_substring_piece_may_stand_alone(void **state)
{
	struct ldap_message m;

	(void)state;
	assert_int_equal(decode(search_for("a40a04037569643003820161"), &m), LDAP_DECODE_OK);
	assert_null(m.search.filter->initial.ptr);
	assert_int_equal(m.search.filter->any_count, 0);
	assert_span(m.search.filter->final, "a");
	assert_int_equal(decode(search_for("a40a04037569643003800161"), &m), LDAP_DECODE_OK);
	assert_span(m.search.filter->initial, "a");
	assert_null(m.search.filter->final.ptr);
}

static void
choices_that_are_not_known_are_answered_with_protocol_error(void **state)
{
	struct ldap_message m;
	const char scope[] =
	    "3021020102631c040464633d780a01030a010002010002010001010087037569643000";
	const char deref[] =
	    "3021020102631c040464633d780a01020a010402010002010001010087037569643000";

	(void)state;
	assert_refused(from_hex(scope), LDAP_SEARCH_REQUEST, LDAP_PROTOCOL_ERROR);
	assert_refused(from_hex(deref), LDAP_SEARCH_REQUEST, LDAP_PROTOCOL_ERROR);
	assert_refused(from_hex("301c02010266170404636e3d67300f300d0a010430080401613103040162"),
	    LDAP_MODIFY_REQUEST, LDAP_PROTOCOL_ERROR);
	assert_int_equal(decode(search_with(write_present, 1), &m), LDAP_DECODE_OK);
	assert_int_equal(m.search.deref, 3); /* there are no aliases, but many clients ask so */
}

static void
an_attribute_to_add_has_a_value(void **state)
{
	(void)state;
	assert_refused(from_hex("301502010268100404636e3d67300830060402636e3100"), LDAP_ADD_REQUEST,
	    LDAP_PROTOCOL_ERROR);
	assert_int_equal(decoded("300d02010268080404636e3d673000").add.attribute_count, 0);
	assert_int_equal(decoded("300d02010266080404636e3d673000").modify.change_count, 0);
	assert_bad("301c02010266170404636e3d67300f300d0a010030080401613103020101");
}

static void
attribute_lists_are_taken_as_they_are(void **state)
{
	struct ldap_message m = decoded("302b0201026326040464633d780a01020a010002010002010001010087"
					"03756964300a04000403312e3104012a");

	(void)state;
	assert_int_equal(m.search.attribute_count, 3);
	assert_span(m.search.attributes[0], "");
	assert_span(m.search.attributes[1], "1.1");
	assert_span(m.search.attributes[2], "*");
}

static void
controls_are_understood_in_every_form(void **state)
{
	struct ldap_message m = decoded("30130201024200a00c300a0403312e320101000400");

	(void)state;
	assert_int_equal(m.control_count, 1);
	assert_false(m.controls[0].critical);
	assert_true(m.controls[0].has_value);
	assert_int_equal(m.controls[0].value.len, 0);
	assert_int_equal(decoded("30070201024200a000").control_count, 0);
	assert_bad("300c0201024200a0053003010101");
	assert_bad("30110201024200a00a30080403312e32020101");
}

/* A delete with `n` controls, the last one critical. */
static struct idm_span
delete_with_controls(size_t n)
{
	struct ber_writer w;
	size_t message, list;
	struct idm_span out;

	ber_writer_init(&w, 1024);
	message = ber_open(&w, BER_SEQUENCE, BER_SHORT);
	ber_write_integer(&w, BER_INTEGER, 2);
	ber_write_octets(&w, LDAP_DELETE_REQUEST, LIT("cn=g"));
	list = ber_open(&w, 0xa0, BER_SHORT);
	for (size_t i = 0; i < n; i++) {
		size_t mark = ber_open(&w, BER_SEQUENCE, BER_SHORT);

		ber_write_octets(&w, BER_OCTET_STRING, LIT("1.2.3"));
		if (i == n - 1)
			ber_write_boolean(&w, BER_BOOLEAN, true);
		ber_close(&w, mark);
	}
	ber_close(&w, list);
	ber_close(&w, message);
	out = idm_arena_copy(arena, idm_span_of(w.data, w.len));
	ber_writer_free(&w);
	return out;
}

static void
controls_keep_their_limit(void **state)
{
	struct ldap_message m;

	(void)state;
	assert_int_equal(decode(delete_with_controls(8), &m), LDAP_DECODE_OK);
	assert_int_equal(m.control_count, 8);
	assert_false(m.controls[6].critical);
	assert_true(m.controls[7].critical);
	assert_refused(delete_with_controls(9), LDAP_DELETE_REQUEST, LDAP_ADMIN_LIMIT_EXCEEDED);
}

static void
lists_and_names_keep_their_limits(void **state)
{
	struct ldap_limits tight = ldap_limits_default;
	struct ldap_message m;

	(void)state;
	tight.attributes_asked = 1;
	assert_int_equal(decode_with(from_hex(search_all_kinds), &tight, &m), LDAP_DECODE_REFUSED);
	tight = ldap_limits_default;
	tight.attributes_sent = 1;
	assert_int_equal(decode_with(from_hex(modify_group), &tight, &m), LDAP_DECODE_REFUSED);
	assert_int_equal(decode_with(from_hex(add_group), &tight, &m), LDAP_DECODE_REFUSED);
	tight = ldap_limits_default;
	tight.dn_bytes = 21;
	for (size_t i = 0; i < 7; i++) {
		if (requests[i] == search_all_kinds)
			continue;
		assert_int_equal(
		    decode_with(from_hex(requests[i]), &tight, &m), LDAP_DECODE_REFUSED);
		assert_int_equal(m.refusal, LDAP_ADMIN_LIMIT_EXCEEDED);
	}
}

static void
an_arena_that_is_used_up_is_a_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < REQUEST_COUNT; i++) {
		enum ldap_decode status = LDAP_DECODE_REFUSED;

		for (size_t budget = 0; status == LDAP_DECODE_REFUSED; budget += 16) {
			struct idm_arena *small = idm_arena_new(budget);

			assert_non_null(small);
			status = decode_exactly(from_hex(requests[i]), &ldap_limits_default, small);
			idm_arena_free(&small);
			assert_true(budget < 4096);
		}
		assert_int_equal(status, LDAP_DECODE_OK);
	}
}

/* The generator is fixed (xorshift), so that a failure can be had again. */
static uint32_t
next_random(void)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

/* Change one place: `*len` never grows, and stays 1 or more. */
static void
mutate(uint8_t *data, size_t *len)
{
	size_t at = next_random() % *len;

	switch (next_random() % 5) {
	case 0: data[at] = (uint8_t)next_random(); break;
	case 1: data[at] ^= (uint8_t)(1U << next_random() % 8); break;
	case 2: data[at]++; break;
	case 3: data[at] = data[next_random() % *len]; break;
	default: /* leave an octet out, and let the outermost length know */
		if (*len > 4 && at >= 2 && data[1] < 0x80) {
			memmove(data + at, data + at + 1, *len - at - 1);
			--*len;
			data[1]--;
		}
	}
}

/* What was decoded lies within what it was decoded from. */
static void
assert_within(struct idm_span span, struct idm_span pdu)
{
	if (span.len == 0)
		return;
	assert_true(span.ptr >= pdu.ptr && span.ptr + span.len <= pdu.ptr + pdu.len);
}

static void
assert_filter_within(const struct ldap_filter *filter, struct idm_span pdu)
{
	for (; filter != NULL; filter = filter->next) {
		assert_within(filter->attribute, pdu);
		assert_within(filter->value, pdu);
		assert_within(filter->rule, pdu);
		assert_within(filter->initial, pdu);
		assert_within(filter->final, pdu);
		for (size_t i = 0; i < filter->any_count; i++)
			assert_within(filter->any[i], pdu);
		assert_filter_within(filter->children, pdu);
	}
}

static void
assert_message_within(const struct ldap_message *m, struct idm_span pdu)
{
	for (size_t i = 0; i < m->control_count; i++) {
		assert_within(m->controls[i].oid, pdu);
		assert_within(m->controls[i].value, pdu);
	}
	if (m->op == LDAP_SEARCH_REQUEST) {
		assert_filter_within(m->search.filter, pdu);
		for (size_t i = 0; i < m->search.attribute_count; i++)
			assert_within(m->search.attributes[i], pdu);
	} else if (m->op == LDAP_MODIFY_REQUEST) {
		for (size_t i = 0; i < m->modify.change_count; i++)
			assert_within(m->modify.changes[i].attribute.type, pdu);
	}
}

static void
mutations_never_lead_outside(void **state)
{
	struct idm_arena *scratch = idm_arena_new(64 * 1024);
	size_t understood = 0;

	(void)state;
	assert_non_null(scratch);
	for (size_t round = 0; round < 6000; round++) {
		struct idm_span pdu = from_hex(requests[round % REQUEST_COUNT]);
		uint8_t *data = malloc(pdu.len);
		size_t len = pdu.len;
		struct ldap_message m;

		assert_non_null(data);
		memcpy(data, pdu.ptr, pdu.len);
		for (uint32_t n = 1 + next_random() % 3; n > 0; n--)
			mutate(data, &len);
		data = realloc(data, len);
		assert_non_null(data);
		pdu = idm_span_of(data, len);
		if (ldap_message_decode(pdu, &ldap_limits_default, scratch, &m) == LDAP_DECODE_OK) {
			assert_message_within(&m, pdu);
			understood++;
		}
		free(data);
		idm_arena_reset(scratch);
		if (round % 100 == 0)
			idm_arena_reset(arena);
	}
	assert_true(understood > 100); /* else the mutations were too coarse to test anything */
	idm_arena_free(&scratch);
}

/* One message as liblber reads it, up to the contents of its protocolOp. */
static BerElement *
read_with_lber(const struct ber_writer *w, int message_id, ber_tag_t tag)
{
	struct berval bv = { w->len, (char *)w->data };
	BerElement *ber = ber_init(&bv);
	ber_int_t id;
	ber_tag_t found;

	assert_non_null(ber);
	assert_int_not_equal(ber_scanf(ber, "{it{", &id, &found), LBER_ERROR);
	assert_int_equal(id, message_id);
	assert_int_equal(found, tag);
	return ber;
}

static void
assert_berval(struct berval bv, const char *expected)
{
	assert_int_equal(bv.bv_len, strlen(expected));
	assert_memory_equal(bv.bv_val, expected, bv.bv_len);
}

static void
assert_result(BerElement *ber, enum ldap_result_code code, const char *dn, const char *text)
{
	struct berval found_dn, found_text;
	ber_int_t found;

	assert_int_not_equal(ber_scanf(ber, "emm", &found, &found_dn, &found_text), LBER_ERROR);
	assert_int_equal(found, code);
	assert_berval(found_dn, dn);
	assert_berval(found_text, text);
}

static void
every_result_is_read_by_liblber(void **state)
{
	const enum ldap_op ops[] = { LDAP_BIND_REQUEST, LDAP_SEARCH_REQUEST, LDAP_MODIFY_REQUEST,
		LDAP_ADD_REQUEST, LDAP_DELETE_REQUEST, LDAP_MODIFY_DN_REQUEST, LDAP_COMPARE_REQUEST,
		LDAP_EXTENDED_REQUEST };
	const ber_tag_t tags[] = { 0x61, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x78 };
	const struct ldap_result result = { LDAP_SYNC_REFRESH_REQUIRED, LIT("dc=x"), LIT("no") };
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 1000);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		BerElement *ber;

		assert_true(ldap_result_encode(
		    &w, INT32_MAX, ldap_response_tag(ops[i]), &result, no_controls));
		ber = read_with_lber(&w, INT32_MAX, tags[i]);
		assert_result(ber, LDAP_SYNC_REFRESH_REQUIRED, "dc=x", "no");
		ber_free(ber, 1);
		ber_writer_reset(&w);
	}
	ber_writer_free(&w);
}

static void
a_bind_response_is_written_in_fourteen_octets(void **state)
{
	const struct ldap_result success = { 0 };
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 14);
	assert_true(ldap_result_encode(&w, 1, LDAP_TAG_BIND_RESPONSE, &success, no_controls));
	assert_int_equal(w.len, 14);
	assert_memory_equal(w.data, "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", 14);
	assert_false(ldap_result_encode(&w, 2, LDAP_TAG_BIND_RESPONSE, &success, no_controls));
	assert_int_equal(w.len, 14);
	assert_false(w.failed);
	ber_writer_free(&w);
}

static void
an_extended_response_carries_name_and_value(void **state)
{
	const struct ldap_extended_response response = {
		.oid = LIT("1.2.3"), .has_value = true, .value = LIT("u:alice")
	};
	struct ber_writer w;
	struct berval name, value;
	ber_tag_t name_tag, value_tag;
	BerElement *ber;

	(void)state;
	ber_writer_init(&w, 1000);
	assert_true(ldap_extended_encode(&w, 7, &response, no_controls));
	ber = read_with_lber(&w, 7, 0x78);
	assert_result(ber, LDAP_SUCCESS, "", "");
	assert_int_not_equal(
	    ber_scanf(ber, "tmtm}}", &name_tag, &name, &value_tag, &value), LBER_ERROR);
	assert_int_equal(name_tag, 0x8a);
	assert_int_equal(value_tag, 0x8b);
	assert_berval(name, "1.2.3");
	assert_berval(value, "u:alice");
	ber_free(ber, 1);
	ber_writer_free(&w);
}

static void
a_disconnection_is_a_message_without_an_id(void **state)
{
	struct ber_writer w;
	struct berval name;
	BerElement *ber;

	(void)state;
	ber_writer_init(&w, 1000);
	assert_true(ldap_disconnection_encode(&w, LDAP_PROTOCOL_ERROR, "cannot be read"));
	ber = read_with_lber(&w, 0, 0x78);
	assert_result(ber, LDAP_PROTOCOL_ERROR, "", "cannot be read");
	assert_int_not_equal(ber_scanf(ber, "m}}", &name), LBER_ERROR);
	assert_berval(name, "1.3.6.1.4.1.1466.20036");
	ber_free(ber, 1);
	ber_writer_free(&w);
}

static void
an_intermediate_response_may_lack_name_or_value(void **state)
{
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 1000);
	assert_true(ldap_intermediate_encode(&w, 5, LIT("1.2"), LIT(""), no_controls));
	assert_int_equal(w.len, 14);
	assert_memory_equal(w.data, "\x30\x0c\x02\x01\x05\x79\x07\x80\x03\x31\x2e\x32\x81\x00", 14);
	ber_writer_reset(&w);
	assert_true(ldap_intermediate_encode(&w, 5, IDM_SPAN_EMPTY, IDM_SPAN_EMPTY, no_controls));
	assert_memory_equal(w.data, "\x30\x05\x02\x01\x05\x79\x00", 7);
	ber_writer_free(&w);
}

static void
a_generated_password_is_told(void **state)
{
	struct ber_writer w;

	(void)state;
	ber_writer_init(&w, 100);
	ldap_password_modify_encode(&w, LIT("abc"));
	assert_int_equal(w.len, 7);
	assert_memory_equal(w.data, "\x30\x05\x80\x03\x61\x62\x63", 7);
	ber_writer_free(&w);
}

/* uid: alice; objectClass: person, top; an attribute whose values nobody may see; cn: Alice */
static void
write_alice(struct ldap_entry_writer *e, struct ber_writer *w, bool types_only)
{
	uint8_t *room;

	ldap_entry_begin(e, w, 2, LIT("uid=alice,dc=x"), types_only);
	ldap_entry_attribute(e, LIT("uid"));
	ldap_entry_value(e, LIT("alice"));
	ldap_entry_attribute(e, LIT("objectClass"));
	ldap_entry_value(e, LIT("person"));
	ldap_entry_value(e, LIT("top"));
	ldap_entry_attribute(e, LIT("secret"));
	ldap_entry_attribute(e, LIT("cn"));
	room = ldap_entry_value_room(e, 5);
	if (room != NULL)
		memcpy(room, "Alice", 5);
}

/* The next attribute of an entry has the type and the values, of which NULL ends the list. */
static void
assert_attribute(BerElement *ber, const char *type, const char *const *values)
{
	struct berval found;
	BerVarray list = NULL;
	size_t n = 0;

	assert_int_not_equal(ber_scanf(ber, "{m[W]}", &found, &list), LBER_ERROR);
	assert_berval(found, type);
	for (; values[n] != NULL; n++) {
		assert_non_null(list);
		assert_berval(list[n], values[n]);
	}
	assert_true(list == NULL || list[n].bv_val == NULL);
	ber_bvarray_free(list);
}

static void
an_entry_is_read_by_liblber(void **state)
{
	struct ber_writer w;
	struct ldap_entry_writer e;
	struct berval dn;
	BerElement *ber;

	(void)state;
	ber_writer_init(&w, 1000);
	write_alice(&e, &w, false);
	assert_true(ldap_entry_end(&e, no_controls));
	ber = read_with_lber(&w, 2, 0x64);
	assert_int_not_equal(ber_scanf(ber, "m{", &dn), LBER_ERROR);
	assert_berval(dn, "uid=alice,dc=x");
	assert_attribute(ber, "uid", (const char *[]){ "alice", NULL });
	assert_attribute(ber, "objectClass", (const char *[]){ "person", "top", NULL });
	assert_attribute(ber, "cn", (const char *[]){ "Alice", NULL });
	assert_int_not_equal(ber_scanf(ber, "}}}"), LBER_ERROR);
	ber_free(ber, 1);
	ber_writer_free(&w);
}

static void
types_only_leaves_the_values_out(void **state)
{
	struct ber_writer w;
	struct ldap_entry_writer e;
	struct berval dn;
	BerElement *ber;

	(void)state;
	ber_writer_init(&w, 1000);
	write_alice(&e, &w, true);
	assert_true(ldap_entry_end(&e, no_controls));
	ber = read_with_lber(&w, 2, 0x64);
	assert_int_not_equal(ber_scanf(ber, "m{", &dn), LBER_ERROR);
	assert_attribute(ber, "uid", (const char *[]){ NULL });
	assert_attribute(ber, "objectClass", (const char *[]){ NULL });
	assert_attribute(ber, "cn", (const char *[]){ NULL });
	assert_int_not_equal(ber_scanf(ber, "}}}"), LBER_ERROR);
	ber_free(ber, 1);
	ber_writer_free(&w);
}

static void
an_entry_without_attributes_is_an_entry(void **state)
{
	struct ber_writer w;
	struct ldap_entry_writer e;

	(void)state;
	ber_writer_init(&w, 1000);
	ldap_entry_begin(&e, &w, 2, LIT("dc=x"), false);
	assert_true(ldap_entry_end(&e, no_controls));
	assert_int_equal(w.len, 15);
	assert_memory_equal(w.data, "\x30\x0d\x02\x01\x02\x64\x08\x04\x04\x64\x63\x3d\x78\x30", 14);
	ber_writer_free(&w);
}

static void
response_controls_follow_the_operation(void **state)
{
	const struct ldap_control list[] = {
		{ .oid = LIT("1.2.3"), .has_value = true, .value = LIT("v") },
		{ .oid = LIT("1.2.4"), .critical = true },
	};
	struct ber_writer w;
	struct ldap_entry_writer e;
	struct berval first, value, second;
	ber_int_t critical;
	BerElement *ber;

	(void)state;
	ber_writer_init(&w, 1000);
	ldap_entry_begin(&e, &w, 2, LIT("dc=x"), false);
	assert_true(ldap_entry_end(&e, (struct ldap_controls){ list, 2 }));
	ber = read_with_lber(&w, 2, 0x64);
	assert_int_not_equal(
	    ber_scanf(ber, "x{}}{{mm}{mb}}", &first, &value, &second, &critical), LBER_ERROR);
	assert_berval(first, "1.2.3");
	assert_berval(value, "v");
	assert_berval(second, "1.2.4");
	assert_true(critical);
	ber_free(ber, 1);
	ber_writer_free(&w);
}

static void
an_entry_that_does_not_fit_leaves_what_was_before(void **state)
{
	size_t whole;
	struct ber_writer w;
	struct ldap_entry_writer e;

	(void)state;
	ber_writer_init(&w, 1000);
	write_alice(&e, &w, false);
	assert_true(ldap_entry_end(&e, no_controls));
	whole = w.len;
	ber_writer_free(&w);
	for (size_t budget = 14; budget < 14 + whole; budget++) {
		const struct ldap_result success = { 0 };

		ber_writer_init(&w, budget);
		assert_true(
		    ldap_result_encode(&w, 1, LDAP_TAG_BIND_RESPONSE, &success, no_controls));
		write_alice(&e, &w, false);
		assert_false(ldap_entry_end(&e, no_controls));
		assert_int_equal(w.len, 14);
		assert_false(w.failed);
		ber_writer_free(&w);
	}
}

static void
an_entry_can_be_taken_back(void **state)
{
	struct ber_writer w;
	struct ldap_entry_writer e;

	(void)state;
	ber_writer_init(&w, 1000);
	ber_write_boolean(&w, BER_BOOLEAN, true);
	write_alice(&e, &w, false);
	ldap_entry_cancel(&e);
	assert_int_equal(w.len, 3);
	ber_writer_free(&w);
}

static void
a_large_entry_is_read_back(void **state)
{
	enum { VALUES = 5000 };
	struct ber_writer w;
	struct ldap_entry_writer e;
	bool bad = false;
	struct ber_reader r;
	uint8_t tag;

	(void)state;
	ber_writer_init(&w, 1024 * 1024);
	ldap_entry_begin(&e, &w, 2, LIT("cn=all,dc=x"), false);
	ldap_entry_attribute(&e, LIT("member"));
	for (size_t i = 0; i < VALUES; i++)
		ldap_entry_value(&e, LIT("uid=somebody,ou=people,dc=example,dc=com"));
	assert_true(ldap_entry_end(&e, no_controls));
	r = ber_reader_of(idm_span_of(w.data, w.len), &bad);
	r = ber_read_nested(&r, BER_SEQUENCE);
	assert_int_equal(ber_read_integer(&r, BER_INTEGER, 0, 9), 2);
	r = ber_read_nested(&r, LDAP_TAG_SEARCH_ENTRY);
	ber_read_any(&r, &tag);
	r = ber_read_nested(&r, BER_SEQUENCE);
	r = ber_read_nested(&r, BER_SEQUENCE);
	assert_span(ber_read_octets(&r, BER_OCTET_STRING), "member");
	r = ber_read_nested(&r, BER_SET);
	assert_int_equal(ber_count(r), VALUES);
	assert_false(bad);
	ber_writer_free(&w);
}

static void
operations_and_results_have_names(void **state)
{
	(void)state;
	assert_string_equal(ldap_op_name(LDAP_MODIFY_DN_REQUEST), "modifyDN");
	assert_string_equal(ldap_op_name((enum ldap_op)0x61), "unknown");
	assert_int_equal(ldap_response_tag((enum ldap_op)0x61), 0);
	assert_string_equal(ldap_result_name(LDAP_NO_SUCH_OBJECT), "noSuchObject");
	assert_string_equal(ldap_result_name((enum ldap_result_code)9), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bind_is_understood_with_its_control),
		TEST(other_ways_to_authenticate_are_recognised),
		TEST(another_version_is_answered_with_protocol_error),
		TEST(every_kind_of_filter_item_is_understood),
		TEST(extensible_items_are_understood),
		TEST(a_search_is_understood),
		TEST(a_modify_is_understood),
		TEST(an_add_is_understood),
		TEST(delete_rename_and_compare_are_understood),
		TEST(unbind_and_abandon_are_understood_and_have_no_response),
		TEST(extended_requests_are_understood),
		TEST(a_password_modify_is_understood),
		TEST(long_forms_of_length_are_understood_everywhere),
		TEST(message_ids_keep_their_range),
		TEST(what_is_no_request_is_a_violation),
		TEST(components_of_later_standards_are_ignored),
		TEST(every_truncation_is_refused),
		TEST(every_truncation_within_a_fitting_frame_is_no_crash),
		TEST(filters_keep_their_limits),
		TEST(an_or_of_512_items_is_understood),
		TEST(a_deeply_nested_filter_is_refused_whatever_the_limits),
		TEST(malformed_filters_are_violations),
		TEST(filters_that_mean_nothing_are_answered_with_protocol_error),
		TEST(absolute_true_and_false_and_unknown_choices_are_understood),
		TEST(a_substring_piece_may_stand_alone),
		TEST(choices_that_are_not_known_are_answered_with_protocol_error),
		TEST(an_attribute_to_add_has_a_value),
		TEST(attribute_lists_are_taken_as_they_are),
		TEST(controls_are_understood_in_every_form),
		TEST(controls_keep_their_limit),
		TEST(lists_and_names_keep_their_limits),
		TEST(an_arena_that_is_used_up_is_a_limit),
		TEST(mutations_never_lead_outside),
		TEST(every_result_is_read_by_liblber),
		TEST(a_bind_response_is_written_in_fourteen_octets),
		TEST(an_extended_response_carries_name_and_value),
		TEST(a_disconnection_is_a_message_without_an_id),
		TEST(an_intermediate_response_may_lack_name_or_value),
		TEST(a_generated_password_is_told),
		TEST(an_entry_is_read_by_liblber),
		TEST(types_only_leaves_the_values_out),
		TEST(an_entry_without_attributes_is_an_entry),
		TEST(response_controls_follow_the_operation),
		TEST(an_entry_that_does_not_fit_leaves_what_was_before),
		TEST(an_entry_can_be_taken_back),
		TEST(a_large_entry_is_read_back),
		TEST(operations_and_results_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
