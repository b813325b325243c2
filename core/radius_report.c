#include "core/radius_report.h"

#include "core/fields.h"
#include "core/store.h"

enum { TEXTS = 6 };

/* In the order in which they are written, each with the most that it may hold. */
static const size_t most[TEXTS] = { IDM_REPORT_NAME_MAX, IDM_REPORT_REASON_MAX,
	IDM_REPORT_SHORT_MAX, IDM_REPORT_SHORT_MAX, IDM_REPORT_SHORT_MAX, IDM_REPORT_SHORT_MAX };

_Static_assert(2 + IDM_UUID_BYTES + TEXTS * 4 + IDM_REPORT_NAME_MAX + IDM_REPORT_REASON_MAX +
		       4 * IDM_REPORT_SHORT_MAX <=
		   IDM_REPORT_MAX,
    "the longest report does not fit");

static uint8_t *
put_text(uint8_t *at, struct idm_span text, size_t limit)
{
	size_t len = text.len < limit ? text.len : limit;

	idm_store_u32((uint32_t)len, at);
	if (len != 0)
		memcpy(at + 4, text.ptr, len);
	return at + 4 + len;
}

size_t
idm_report_encode(const struct idm_report *report, uint8_t out[IDM_REPORT_MAX])
{
	const struct idm_span texts[TEXTS] = { report->name, report->reason, report->nas,
		report->port, report->session, report->station };
	uint8_t *at = out;

	*at++ = IDM_REPORT_VERSION;
	*at++ = (uint8_t)report->kind;
	memcpy(at, report->account.bytes, IDM_UUID_BYTES);
	at += IDM_UUID_BYTES;
	for (size_t i = 0; i < TEXTS; i++)
		at = put_text(at, texts[i], most[i]);
	return (size_t)(at - out);
}

bool
idm_report_decode(struct idm_span datagram, struct idm_report *out)
{
	struct idm_fields f = { datagram, false };
	struct idm_span texts[TEXTS];

	*out = (struct idm_report){ 0 };
	f.bad = datagram.len > IDM_REPORT_MAX || idm_fields_u8(&f) != IDM_REPORT_VERSION;
	out->kind = idm_fields_u8(&f);
	f.bad = f.bad || out->kind < IDM_REPORT_ACCEPTED || out->kind > IDM_REPORT_STOPPED;
	out->account = idm_fields_uuid(&f);
	for (size_t i = 0; i < TEXTS; i++) {
		texts[i] = idm_fields_span(&f);
		f.bad = f.bad || texts[i].len > most[i];
	}
	out->name = texts[0];
	out->reason = texts[1];
	out->nas = texts[2];
	out->port = texts[3];
	out->session = texts[4];
	out->station = texts[5];
	return idm_fields_end(&f);
}
