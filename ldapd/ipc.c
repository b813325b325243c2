#include "ldapd/ipc.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "core/store.h"

enum { LENGTH_BYTES = 4, FIRST_ROOM = 512 };

/* --- reading: the first violation sets `bad`, and from then on all is zero or empty */

struct fields {
	struct idm_span rest;
	bool bad;
};

/* The one place that compares with what is left and moves on. */
static struct idm_span
take(struct fields *f, size_t n)
{
	struct idm_span out = { f->rest.ptr, n };

	if (f->bad || n > f->rest.len) {
		f->bad = true;
		return IDM_SPAN_EMPTY;
	}
	f->rest.ptr += n;
	f->rest.len -= n;
	return out;
}

static uint8_t
take_u8(struct fields *f)
{
	struct idm_span bytes = take(f, 1);

	return bytes.len == 1 ? bytes.ptr[0] : 0;
}

static uint32_t
take_u32(struct fields *f)
{
	struct idm_span bytes = take(f, 4);

	return bytes.len == 4 ? idm_store_load_u32(bytes.ptr) : 0;
}

static uint64_t
take_u64(struct fields *f)
{
	struct idm_span bytes = take(f, 8);

	return bytes.len == 8 ? idm_store_load_u64(bytes.ptr) : 0;
}

static struct idm_span
take_span(struct fields *f)
{
	return take(f, take_u32(f));
}

static bool
take_bool(struct fields *f)
{
	uint8_t value = take_u8(f);

	f->bad = f->bad || value > 1;
	return value == 1;
}

static struct idm_uuid
take_uuid(struct fields *f)
{
	struct idm_span bytes = take(f, IDM_UUID_BYTES);
	struct idm_uuid uuid = { { 0 } };

	if (bytes.len == IDM_UUID_BYTES)
		memcpy(uuid.bytes, bytes.ptr, IDM_UUID_BYTES);
	return uuid;
}

/* A worker never makes an identity, so INTERNAL does not travel. */
static struct idm_identity
take_identity(struct fields *f)
{
	struct idm_identity identity = { .kind = take_u8(f) };

	f->bad = f->bad || (uint8_t)identity.kind >= IDM_IDENTITY_INTERNAL;
	identity.uuid = take_uuid(f);
	identity.session = take_uuid(f);
	identity.scope = take_bool(f) ? IDM_SCOPE_READ_WRITE : IDM_SCOPE_READ_ONLY;
	identity.privileged_until_s = (int64_t)take_u64(f);
	identity.expire_s = (int64_t)take_u64(f);
	identity.credential_attr = take_u32(f);
	identity.credential_no = take_u64(f);
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
decode_bound(struct fields *f, struct ipc_bound *out)
{
	out->seq = take_u64(f);
	out->code = take_u32(f);
	out->text = take_span(f);
	out->reason = take_span(f);
	out->handle = take_u64(f);
	out->identity = take_identity(f);
}

static void
decode_done(struct fields *f, struct ipc_done *out)
{
	out->seq = take_u64(f);
	out->code = take_u32(f);
	out->text = take_span(f);
	out->oid = take_span(f);
	out->has_value = take_bool(f);
	out->value = take_span(f);
	out->has_identity = take_bool(f);
	out->identity = take_identity(f);
}

bool
ipc_decode(struct idm_span frame, struct ipc_frame *out)
{
	struct fields f = { frame, false };

	memset(out, 0, sizeof(*out));
	f.bad = take_u32(&f) != frame.len - LENGTH_BYTES;
	out->type = take_u8(&f);
	switch (out->type) {
	case IPC_BIND:
		out->bind.seq = take_u64(&f);
		out->bind.source = take_span(&f);
		out->bind.name = take_span(&f);
		out->bind.password = take_span(&f);
		break;
	case IPC_OPERATION:
		out->operation.seq = take_u64(&f);
		out->operation.handle = take_u64(&f);
		out->operation.source = take_span(&f);
		out->operation.pdu = take_span(&f);
		break;
	case IPC_RELEASE: out->release.handle = take_u64(&f); break;
	case IPC_BOUND: decode_bound(&f, &out->bound); break;
	case IPC_DONE: decode_done(&f, &out->done); break;
	case IPC_REVOKED:
		out->revoked.account = take_uuid(&f);
		out->revoked.session = take_uuid(&f);
		break;
	default: return false;
	}
	return !f.bad && f.rest.len == 0;
}

/* --- writing */

static bool
reserve(struct ipc_buffer *out, size_t bytes)
{
	size_t room = out->room == 0 ? FIRST_ROOM : out->room;
	uint8_t *data;

	if (bytes > SIZE_MAX / 2 - out->len)
		return false;
	while (room < out->len + bytes)
		room *= 2;
	if (room == out->room)
		return true;
	data = malloc(room); /* not realloc: what it leaves behind may hold passwords */
	if (data == NULL)
		return false;
	if (out->len != 0)
		memcpy(data, out->data, out->len);
	if (out->data != NULL)
		OPENSSL_cleanse(out->data, out->room);
	free(out->data);
	out->data = data;
	out->room = room;
	return true;
}

static bool
put(struct ipc_buffer *out, const void *bytes, size_t n)
{
	if (!reserve(out, n))
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
	       put_u32(out, identity->credential_attr) && put_u64(out, identity->credential_no);
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
		       put_identity(out, &frame->done.identity);
	case IPC_REVOKED:
		return put_uuid(out, &frame->revoked.account) &&
		       put_uuid(out, &frame->revoked.session);
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
