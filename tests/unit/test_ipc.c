/* Frames between worker and core process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ldapd/ipc.h"

static const struct idm_identity bob = { .kind = IDM_IDENTITY_SESSION,
	.uuid = { { 1, 2, 3 } },
	.session = { { 9, 8 } },
	.scope = IDM_SCOPE_READ_WRITE,
	.privileged_until_s = 1700000000,
	.expire_s = INT64_MAX,
	.credential_attr = 17,
	.credential_no = 42,
	.high_privilege = true };

static void
assert_span(struct idm_span span, const char *text)
{
	assert_int_equal(span.len, strlen(text));
	assert_memory_equal(span.ptr, text, span.len);
}

static void
assert_bob(const struct idm_identity *identity)
{
	assert_int_equal(identity->kind, bob.kind);
	assert_true(idm_uuid_equal(&identity->uuid, &bob.uuid));
	assert_true(idm_uuid_equal(&identity->session, &bob.session));
	assert_int_equal(identity->scope, bob.scope);
	assert_int_equal(identity->privileged_until_s, bob.privileged_until_s);
	assert_int_equal(identity->expire_s, bob.expire_s);
	assert_int_equal(identity->credential_attr, bob.credential_attr);
	assert_int_equal(identity->credential_no, bob.credential_no);
	assert_int_equal(identity->high_privilege, bob.high_privilege);
}

static struct ipc_frame
frame_of(enum ipc_type type)
{
	struct ipc_frame frame = { .type = type };

	switch (type) {
	case IPC_BIND:
		frame.bind = (struct ipc_bind){ 7, IDM_SPAN_LIT("192.0.2.7"), IDM_SPAN_LIT("bob"),
			IDM_SPAN_LIT("secret") };
		break;
	case IPC_OPERATION:
		frame.operation =
		    (struct ipc_operation){ 8, 3, IDM_SPAN_LIT("ldapi"), IDM_SPAN_LIT("0\003pdu") };
		break;
	case IPC_RELEASE: frame.release.handle = 77; break;
	case IPC_BOUND:
		frame.bound = (struct ipc_bound){ 7, LDAP_SUCCESS, IDM_SPAN_LIT("text"),
			IDM_SPAN_LIT("reason"), 5, bob };
		break;
	case IPC_DONE:
		frame.done = (struct ipc_done){ 8, LDAP_BUSY, IDM_SPAN_LIT("later"),
			IDM_SPAN_LIT("1.2.3"), true, IDM_SPAN_LIT("value"), true, bob,
			IDM_SPAN_LIT("before"), IDM_SPAN_LIT("after") };
		break;
	case IPC_REVOKED:
		frame.revoked = (struct ipc_revoked){ bob.uuid, IPC_REVOKE_SESSION, bob.session };
		break;
	case IPC_COUNTS:
		for (int i = 0; i < COUNT_ALL; i++)
			frame.counts.of[i] = (UINT64_C(1) << 40) + (uint64_t)i;
		break;
	}
	return frame;
}

static void
assert_same(const struct ipc_frame *frame)
{
	switch (frame->type) {
	case IPC_BIND:
		assert_int_equal(frame->bind.seq, 7);
		assert_span(frame->bind.source, "192.0.2.7");
		assert_span(frame->bind.name, "bob");
		assert_span(frame->bind.password, "secret");
		break;
	case IPC_OPERATION:
		assert_int_equal(frame->operation.seq, 8);
		assert_int_equal(frame->operation.handle, 3);
		assert_span(frame->operation.source, "ldapi");
		assert_span(frame->operation.pdu, "0\003pdu");
		break;
	case IPC_RELEASE: assert_int_equal(frame->release.handle, 77); break;
	case IPC_BOUND:
		assert_int_equal(frame->bound.code, LDAP_SUCCESS);
		assert_span(frame->bound.text, "text");
		assert_span(frame->bound.reason, "reason");
		assert_int_equal(frame->bound.handle, 5);
		assert_bob(&frame->bound.identity);
		break;
	case IPC_DONE:
		assert_int_equal(frame->done.code, LDAP_BUSY);
		assert_span(frame->done.text, "later");
		assert_span(frame->done.oid, "1.2.3");
		assert_true(frame->done.has_value);
		assert_span(frame->done.value, "value");
		assert_span(frame->done.pre_read, "before");
		assert_span(frame->done.post_read, "after");
		assert_true(frame->done.has_identity);
		assert_bob(&frame->done.identity);
		break;
	case IPC_REVOKED:
		assert_true(idm_uuid_equal(&frame->revoked.account, &bob.uuid));
		assert_int_equal(frame->revoked.what, IPC_REVOKE_SESSION);
		assert_true(idm_uuid_equal(&frame->revoked.session, &bob.session));
		break;
	case IPC_COUNTS:
		for (int i = 0; i < COUNT_ALL; i++)
			assert_int_equal(frame->counts.of[i], (UINT64_C(1) << 40) + (uint64_t)i);
		break;
	}
}

static void
every_type_comes_out_as_it_went_in(void **state)
{
	struct ipc_buffer buffer = { NULL, 0, 0 };
	size_t pos = 0;

	(void)state;
	for (enum ipc_type type = IPC_BIND; type <= IPC_COUNTS; type++) {
		struct ipc_frame frame = frame_of(type);

		assert_true(ipc_encode(&buffer, &frame));
	}
	for (enum ipc_type type = IPC_BIND; type <= IPC_COUNTS; type++) {
		size_t len = ipc_frame_length(buffer.data + pos, buffer.len - pos);
		struct ipc_frame frame;

		assert_true(ipc_decode(idm_span_of(buffer.data + pos, len), &frame));
		assert_int_equal(frame.type, type);
		assert_same(&frame);
		pos += len;
	}
	assert_int_equal(pos, buffer.len);
	ipc_buffer_free(&buffer);
}

/* A block of its own, so that ASan sees one octet too far; its length field says `len`. */
static bool
decodes(const uint8_t *frame, size_t len)
{
	uint8_t *copy = malloc(len);
	struct ipc_frame out;
	bool decoded;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	if (len >= 4)
		idm_store_u32((uint32_t)(len - 4), copy);
	decoded = ipc_decode(idm_span_of(copy, len), &out);
	free(copy);
	return decoded;
}

static void
every_truncation_and_every_tail_is_refused(void **state)
{
	(void)state;
	for (enum ipc_type type = IPC_BIND; type <= IPC_COUNTS; type++) {
		struct ipc_buffer buffer = { NULL, 0, 0 };
		struct ipc_frame frame = frame_of(type);

		assert_true(ipc_encode(&buffer, &frame));
		for (size_t len = 5; len < buffer.len; len++)
			assert_false(decodes(buffer.data, len));
		assert_true(decodes(buffer.data, buffer.len));
		assert_true(ipc_encode(&buffer, &frame));
		assert_false(decodes(buffer.data, buffer.len / 2 + 1));
		ipc_buffer_free(&buffer);
	}
}

static void
every_changed_octet_is_refused_or_read_within_bounds(void **state)
{
	(void)state;
	for (enum ipc_type type = IPC_BIND; type <= IPC_COUNTS; type++) {
		struct ipc_buffer buffer = { NULL, 0, 0 };
		struct ipc_frame frame = frame_of(type);

		assert_true(ipc_encode(&buffer, &frame));
		for (size_t i = 4; i < buffer.len; i++) {
			uint8_t kept = buffer.data[i];

			buffer.data[i] = 0xff;
			decodes(buffer.data, buffer.len);
			buffer.data[i] = kept;
		}
		ipc_buffer_free(&buffer);
	}
}

static void
an_internal_identity_does_not_travel(void **state)
{
	struct ipc_buffer buffer = { NULL, 0, 0 };
	struct ipc_frame frame = frame_of(IPC_BOUND);

	(void)state;
	frame.bound.identity.kind = IDM_IDENTITY_INTERNAL;
	assert_true(ipc_encode(&buffer, &frame));
	assert_false(decodes(buffer.data, buffer.len));
	ipc_buffer_free(&buffer);
}

static void
a_length_is_whole_or_not_yet_or_too_much(void **state)
{
	const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 1 };
	struct ipc_buffer buffer = { NULL, 0, 0 };
	struct ipc_frame frame = frame_of(IPC_BIND);

	(void)state;
	assert_int_equal(ipc_frame_length(huge, 3), 0);
	assert_int_equal(ipc_frame_length(huge, sizeof(huge)), SIZE_MAX);
	assert_true(ipc_encode(&buffer, &frame));
	assert_int_equal(ipc_frame_length(buffer.data, buffer.len - 1), 0);
	assert_int_equal(ipc_frame_length(buffer.data, buffer.len), buffer.len);
	ipc_buffer_free(&buffer);
}

static void
a_frame_that_is_too_large_is_not_made(void **state)
{
	uint8_t *much = calloc(1, IPC_FRAME_MAX);
	struct ipc_buffer buffer = { NULL, 0, 0 };
	struct ipc_frame frame = frame_of(IPC_OPERATION);

	(void)state;
	assert_non_null(much);
	frame.operation.pdu = idm_span_of(much, IPC_FRAME_MAX);
	assert_false(ipc_encode(&buffer, &frame));
	assert_int_equal(buffer.len, 0);
	ipc_buffer_free(&buffer);
	free(much);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_out_as_it_went_in),
		cmocka_unit_test(every_truncation_and_every_tail_is_refused),
		cmocka_unit_test(every_changed_octet_is_refused_or_read_within_bounds),
		cmocka_unit_test(an_internal_identity_does_not_travel),
		cmocka_unit_test(a_length_is_whole_or_not_yet_or_too_much),
		cmocka_unit_test(a_frame_that_is_too_large_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
