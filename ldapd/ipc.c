#include "ldapd/ipc.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "core/fields.h"
#include "core/store.h"

enum { LENGTH_BYTES = 4, FIRST_ROOM = 512 };

/* --- reading */

/* A worker never makes an identity, so INTERNAL does not travel. */
static struct idm_identity
take_identity(struct idm_fields *f)
{
	struct idm_identity identity = { .kind = idm_fields_u8(f) };

	f->bad = f->bad || (uint8_t)identity.kind >= IDM_IDENTITY_INTERNAL;
	identity.uuid = idm_fields_uuid(f);
	identity.session = idm_fields_uuid(f);
	identity.scope = idm_fields_bool(f) ? IDM_SCOPE_READ_WRITE : IDM_SCOPE_READ_ONLY;
	identity.privileged_until_s = (int64_t)idm_fields_u64(f);
	identity.expire_s = (int64_t)idm_fields_u64(f);
	identity.credential_attr = idm_fields_u32(f);
	identity.credential_no = idm_fields_u64(f);
	identity.high_privilege = idm_fields_bool(f);
	return identity;
}

size_t
ipc_frame_length(const uint8_t *data, size_t len)
{
	uint32_t body;

	if (len < LENGTH_BYTES)
		return 0;
	body = idm_store_load_u32(data);
	if (body > IPC_FRAME_MAX - LENGTH_BYTES)
		return SIZE_MAX;
	return len < LENGTH_BYTES + body ? 0 : LENGTH_BYTES + body;
}

static void
decode_bound(struct idm_fields *f, struct ipc_bound *out)
{
	out->seq = idm_fields_u64(f);
	out->code = idm_fields_u32(f);
	out->text = idm_fields_span(f);
	out->reason = idm_fields_span(f);
	out->handle = idm_fields_u64(f);
	out->identity = take_identity(f);
}

static void
decode_done(struct idm_fields *f, struct ipc_done *out)
{
	out->seq = idm_fields_u64(f);
	out->code = idm_fields_u32(f);
	out->text = idm_fields_span(f);
	out->oid = idm_fields_span(f);
	out->has_value = idm_fields_bool(f);
	out->value = idm_fields_span(f);
	out->has_identity = idm_fields_bool(f);
	out->identity = take_identity(f);
	out->pre_read = idm_fields_span(f);
	out->post_read = idm_fields_span(f);
}

static void
decode_counts(struct idm_fields *f, struct counts *out)
{
	f->bad = f->bad || idm_fields_u32(f) != COUNT_ALL;
	for (int i = 0; i < (int)COUNT_ALL; i++)
		out->of[i] = idm_fields_u64(f);
}

bool
ipc_decode(struct idm_span frame, struct ipc_frame *out)
{
	struct idm_fields f = { frame, false };

	memset(out, 0, sizeof(*out));
	f.bad = idm_fields_u32(&f) != frame.len - LENGTH_BYTES;
	out->type = idm_fields_u8(&f);
	switch (out->type) {
	case IPC_BIND:
		out->bind.seq = idm_fields_u64(&f);
		out->bind.source = idm_fields_span(&f);
		out->bind.name = idm_fields_span(&f);
		out->bind.password = idm_fields_span(&f);
		break;
	case IPC_OPERATION:
		out->operation.seq = idm_fields_u64(&f);
		out->operation.handle = idm_fields_u64(&f);
		out->operation.source = idm_fields_span(&f);
		out->operation.pdu = idm_fields_span(&f);
		break;
	case IPC_RELEASE: out->release.handle = idm_fields_u64(&f); break;
	case IPC_BOUND: decode_bound(&f, &out->bound); break;
	case IPC_DONE: decode_done(&f, &out->done); break;
	case IPC_REVOKED:
		out->revoked.account = idm_fields_uuid(&f);
		out->revoked.what = idm_fields_u8(&f);
		f.bad = f.bad || out->revoked.what > IPC_REVOKE_RISEN;
		out->revoked.session = idm_fields_uuid(&f);
		break;
	case IPC_COUNTS: decode_counts(&f, &out->counts); break;
	default: return false;
	}
	return idm_fields_end(&f);
}

/* --- writing */

bool
ipc_buffer_reserve(struct ipc_buffer *buffer, size_t bytes)
{
	size_t room = buffer->room == 0 ? FIRST_ROOM : buffer->room;
	uint8_t *data;

	if (bytes > SIZE_MAX / 2 - buffer->len)
		return false;
	while (room < buffer->len + bytes)
		room *= 2;
	if (room == buffer->room)
		return true;
	data = malloc(room); /* not realloc: what it leaves behind may hold passwords */
	if (data == NULL)
		return false;
	if (buffer->len != 0)
		memcpy(data, buffer->data, buffer->len);
	if (buffer->data != NULL)
		OPENSSL_cleanse(buffer->data, buffer->room);
	free(buffer->data);
	buffer->data = data;
	buffer->room = room;
	return true;
}

static bool
put(struct ipc_buffer *out, const void *bytes, size_t n)
{
	if (!ipc_buffer_reserve(out, n))
		return false;
	if (n != 0)
		memcpy(out->data + out->len, bytes, n);
	out->len += n;
	return true;
}

static bool
put_u8(struct ipc_buffer *out, uint8_t value)
{
	return put(out, &value, 1);
}

static bool
put_u32(struct ipc_buffer *out, uint32_t value)
{
	uint8_t bytes[4];

	idm_store_u32(value, bytes);
	return put(out, bytes, sizeof(bytes));
}

static bool
put_u64(struct ipc_buffer *out, uint64_t value)
{
	uint8_t bytes[8];

	idm_store_u64(value, bytes);
	return put(out, bytes, sizeof(bytes));
}

static bool
put_span(struct ipc_buffer *out, struct idm_span span)
{
	return span.len <= IPC_FRAME_MAX && put_u32(out, (uint32_t)span.len) &&
	       put(out, span.ptr, span.len);
}

static bool
put_uuid(struct ipc_buffer *out, const struct idm_uuid *uuid)
{
	return put(out, uuid->bytes, sizeof(uuid->bytes));
}

static bool
put_identity(struct ipc_buffer *out, const struct idm_identity *identity)
{
	return put_u8(out, (uint8_t)identity->kind) && put_uuid(out, &identity->uuid) &&
	       put_uuid(out, &identity->session) &&
	       put_u8(out, identity->scope == IDM_SCOPE_READ_WRITE) &&
	       put_u64(out, (uint64_t)identity->privileged_until_s) &&
	       put_u64(out, (uint64_t)identity->expire_s) &&
	       put_u32(out, identity->credential_attr) && put_u64(out, identity->credential_no) &&
	       put_u8(out, identity->high_privilege);
}

static bool
put_counts(struct ipc_buffer *out, const struct counts *counts)
{
	if (!put_u32(out, COUNT_ALL))
		return false;
	for (int i = 0; i < (int)COUNT_ALL; i++) {
		if (!put_u64(out, counts->of[i]))
			return false;
	}
	return true;
}

static bool
put_body(struct ipc_buffer *out, const struct ipc_frame *frame)
{
	switch (frame->type) {
	case IPC_BIND:
		return put_u64(out, frame->bind.seq) && put_span(out, frame->bind.source) &&
		       put_span(out, frame->bind.name) && put_span(out, frame->bind.password);
	case IPC_OPERATION:
		return put_u64(out, frame->operation.seq) &&
		       put_u64(out, frame->operation.handle) &&
		       put_span(out, frame->operation.source) &&
		       put_span(out, frame->operation.pdu);
	case IPC_RELEASE: return put_u64(out, frame->release.handle);
	case IPC_BOUND:
		return put_u64(out, frame->bound.seq) &&
		       put_u32(out, (uint32_t)frame->bound.code) &&
		       put_span(out, frame->bound.text) && put_span(out, frame->bound.reason) &&
		       put_u64(out, frame->bound.handle) &&
		       put_identity(out, &frame->bound.identity);
	case IPC_DONE:
		return put_u64(out, frame->done.seq) && put_u32(out, (uint32_t)frame->done.code) &&
		       put_span(out, frame->done.text) && put_span(out, frame->done.oid) &&
		       put_u8(out, frame->done.has_value) && put_span(out, frame->done.value) &&
		       put_u8(out, frame->done.has_identity) &&
		       put_identity(out, &frame->done.identity) &&
		       put_span(out, frame->done.pre_read) && put_span(out, frame->done.post_read);
	case IPC_REVOKED:
		return put_uuid(out, &frame->revoked.account) &&
		       put_u8(out, (uint8_t)frame->revoked.what) &&
		       put_uuid(out, &frame->revoked.session);
	case IPC_COUNTS: return put_counts(out, &frame->counts);
	}
	return false;
}

bool
ipc_encode(struct ipc_buffer *out, const struct ipc_frame *frame)
{
	size_t start = out->len;
	size_t body;

	if (!put_u32(out, 0) || !put_u8(out, (uint8_t)frame->type) || !put_body(out, frame)) {
		out->len = start;
		return false;
	}
	body = out->len - start - LENGTH_BYTES;
	if (body > IPC_FRAME_MAX - LENGTH_BYTES) {
		out->len = start;
		return false;
	}
	idm_store_u32((uint32_t)body, out->data + start);
	return true;
}

void
ipc_buffer_free(struct ipc_buffer *buffer)
{
	if (buffer->data != NULL)
		OPENSSL_cleanse(buffer->data, buffer->room);
	free(buffer->data);
	*buffer = (struct ipc_buffer){ NULL, 0, 0 };
}
