/* Any bytes as a record of the audit trail, and as the texts of one. */
#include "core/audit.h"
#include "tests/fuzz/fuzz.h"

/* One record has one form: what is taken gives the same octets again. */
static void
check_record(struct idm_span octets)
{
	struct idm_audit_record record;
	uint8_t body[IDM_AUDIT_BODY_MAX];
	struct idm_error err;

	if (idm_audit_decode(octets, &record, &err) != IDM_OK)
		return;
	require(idm_span_equal(idm_span_of(body, idm_audit_encode(&record, body)), octets));
}

/* Whatever a client typed, the record of it decodes. */
static void
check_texts(struct idm_span text)
{
	struct idm_audit_record record = { .protocol = IDM_AUDIT_LDAP,
		.operation = IDM_AUDIT_MODIFY,
		.actor_name = text,
		.target_name = text,
		.reason = text,
		.source = text };
	uint8_t body[IDM_AUDIT_BODY_MAX];
	struct idm_audit_record again;
	size_t len;

	for (size_t i = 0; i <= text.len && i < 40; i++)
		idm_audit_name_attribute(&record, idm_span_of(text.ptr, text.len - i));
	len = idm_audit_encode(&record, body);
	require(idm_audit_decode(idm_span_of(body, len), &again, NULL) == IDM_OK);
	require(again.attribute_count == record.attribute_count);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	require(copy != NULL);
	for (size_t i = 0; i < size; i++)
		copy[i] = data[i];
	check_record(idm_span_of(copy, size));
	check_texts(idm_span_of(copy, size));
	free(copy);
	return 0;
}
