/* Reading the audit trail (EXOP_AUDIT): the newest records that fit, and whether its chain holds.
 */
#include "common/exop.h"
#include "core/builtin.h"
#include "ldapd/ber.h"
#include "ldapd/core_audit.h"
#include "ldapd/core_exop.h"

enum {
	LIMIT_MAX = 1000,
	LIST_BYTES = 192 * 1024, /* of an answer, beyond which no record is begun */
	ANSWER_BYTES = LIST_BYTES + 8 * 1024,
	LOOK_AT_ONCE = 20000, /* records an answer, so that other clients need not wait */
	CHECK_AT_ONCE = 20000,
};

/* An entry by what it is called now, or was. */
struct wanted_entry {
	struct idm_span text;
	bool found; /* it is this one now */
	struct idm_uuid uuid;
};

/* What is looked for. */
struct wanted {
	uint64_t before;
	int64_t limit;
	int64_t since_s;
	int64_t until_s;
	struct wanted_entry actor;
	struct wanted_entry target;
	struct idm_span operation;
	int64_t outcome;
	enum idm_audit_operation operation_no;
};

/* --- the request */

static bool
read_list(struct ber_reader *seq, struct wanted *out)
{
	out->before = (uint64_t)ber_read_integer(seq, BER_INTEGER, 0, INT64_MAX);
	out->limit = ber_read_integer(seq, BER_INTEGER, 0, INT64_MAX);
	out->since_s = ber_read_integer(seq, BER_INTEGER, INT64_MIN, INT64_MAX);
	out->until_s = ber_read_integer(seq, BER_INTEGER, INT64_MIN, INT64_MAX);
	out->actor.text = ber_read_octets(seq, BER_OCTET_STRING);
	out->target.text = ber_read_octets(seq, BER_OCTET_STRING);
	out->operation = ber_read_octets(seq, BER_OCTET_STRING);
	out->outcome = ber_read_integer(seq, BER_ENUMERATED, EXOP_AUDIT_ANY, EXOP_AUDIT_REFUSED);
	ber_read_end(seq);
	if (out->limit == 0 || out->limit > LIMIT_MAX)
		out->limit = LIMIT_MAX;
	return !*seq->bad;
}

/* The entry that a text names, if it names one now, or its uuid that it is itself. */
static enum idm_result
resolve(const struct core_read *read, struct wanted_entry *wanted, struct idm_error *err)
{
	struct idm_entry entry;
	enum idm_result result;

	wanted->found = idm_uuid_parse(wanted->text, &wanted->uuid);
	if (wanted->text.len == 0 || wanted->found)
		return IDM_OK;
	result = core_find(read, wanted->text, &entry, err);
	wanted->found = result == IDM_OK;
	if (wanted->found)
		wanted->uuid = entry.uuid;
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
prepare(const struct core_read *read, struct wanted *w, struct idm_error *err)
{
	enum idm_result result = resolve(read, &w->actor, err);

	if (result == IDM_OK)
		result = resolve(read, &w->target, err);
	if (result == IDM_OK && w->operation.len != 0 &&
	    !idm_audit_operation_find(w->operation, &w->operation_no))
		return idm_refuse(err, IDM_INVALID, "there is no operation of that name");
	return result;
}

/* --- what fits */

/* By its uuid, or by the name that it had then, with or without the domain. */
static bool
names(
    const struct wanted_entry *wanted, bool has, const struct idm_uuid *uuid, struct idm_span name)
{
	struct idm_span text = wanted->text;

	if (text.len == 0 || (has && wanted->found && idm_uuid_equal(&wanted->uuid, uuid)))
		return true;
	if (name.len > text.len && name.ptr[text.len] == '@')
		name.len = text.len;
	return idm_span_equal_nocase(name, text);
}

static bool
fits(const struct wanted *w, const struct idm_audit_record *record)
{
	if (w->outcome != EXOP_AUDIT_ANY &&
	    (w->outcome == EXOP_AUDIT_OK) != (record->outcome == IDM_OK))
		return false;
	return (w->since_s == 0 || record->at_s >= w->since_s) &&
	       (w->until_s == 0 || record->at_s < w->until_s) &&
	       (w->operation_no == 0 || record->operation == w->operation_no) &&
	       names(&w->actor, record->has_actor, &record->actor, record->actor_name) &&
	       names(&w->target, record->has_target, &record->target, record->target_name);
}

/* --- the answer */

static void
put_text(struct ber_writer *w, const char *text)
{
	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(text));
}

static void
put_uuid(struct ber_writer *w, bool has, const struct idm_uuid *uuid)
{
	char text[IDM_UUID_TEXT];

	idm_uuid_format(uuid, text);
	put_text(w, has ? text : "");
}

static void
put_hash(struct ber_writer *w, const uint8_t hash[IDM_AUDIT_HASH_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	char text[2 * IDM_AUDIT_HASH_BYTES + 1] = "";

	for (size_t i = 0; i < IDM_AUDIT_HASH_BYTES; i++) {
		text[2 * i] = hex[hash[i] >> 4];
		text[2 * i + 1] = hex[hash[i] & 15];
	}
	put_text(w, text);
}

static void
put_record(struct ber_writer *w, const struct idm_audit_record *record)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_LONG), attributes;

	ber_write_integer(w, BER_INTEGER, (int64_t)record->serial);
	ber_write_integer(w, BER_INTEGER, record->at_s);
	ber_write_boolean(w, BER_BOOLEAN, record->trusted);
	put_text(w, idm_audit_protocol_name(record->protocol));
	put_text(w, idm_audit_operation_name(record->operation));
	put_text(w, idm_result_name(record->outcome));
	put_uuid(w, record->has_actor, &record->actor);
	ber_write_octets(w, BER_OCTET_STRING, record->actor_name);
	put_uuid(w, !idm_uuid_is_null(&record->session), &record->session);
	ber_write_octets(w, BER_OCTET_STRING, record->source);
	put_uuid(w, record->has_target, &record->target);
	ber_write_octets(w, BER_OCTET_STRING, record->target_name);
	ber_write_integer(w, BER_INTEGER, (int64_t)record->change_no);
	ber_write_octets(w, BER_OCTET_STRING, record->reason);
	ber_write_integer(w, BER_INTEGER, record->attributes_left);
	attributes = ber_open(w, BER_SEQUENCE, BER_LONG);
	for (size_t i = 0; i < record->attribute_count; i++)
		ber_write_octets(w, BER_OCTET_STRING, record->attributes[i]);
	ber_close(w, attributes);
	put_hash(w, record->hash);
	ber_close(w, seq);
}

/*
 * Put records that fit, from the serial number `serial` down; *next is where it is to go on.  A
 * record that is damaged or gone is passed over: verifying tells.
 */
static enum idm_result
put_records(const struct core_read *read, const struct wanted *wanted,
    const struct idm_audit_extent *extent, struct ber_writer *w, uint64_t *next,
    struct idm_error *err)
{
	uint64_t serial = extent->last + 1;
	int64_t found = 0;
	enum idm_result result = IDM_OK;

	if (wanted->before != 0 && wanted->before < serial)
		serial = wanted->before;
	for (int looked = 0; serial > extent->before + 1 && looked < LOOK_AT_ONCE &&
			     found < wanted->limit && w->len < LIST_BYTES;
	     looked++) {
		struct idm_audit_record record;

		result = idm_audit_get(&read->local, --serial, &record, err);
		if (result == IDM_OK && fits(wanted, &record)) {
			put_record(w, &record);
			found++;
		}
		if (result != IDM_OK && result != IDM_NOT_FOUND && result != IDM_CORRUPT)
			return result;
	}
	*next = serial > extent->before + 1 ? serial : 0;
	return IDM_OK;
}

static enum idm_result
answer_list(struct core_job *job, const struct core_read *read, struct wanted *wanted,
    struct idm_error *err)
{
	struct idm_audit_extent extent;
	struct ber_writer list, answer;
	uint64_t next = 0;
	size_t seq;
	enum idm_result result = prepare(read, wanted, err);

	if (result == IDM_OK)
		result = idm_audit_extent(&read->local, &extent, err);
	if (result != IDM_OK)
		return result;
	ber_writer_init(&list, ANSWER_BYTES);
	result = put_records(read, wanted, &extent, &list, &next, err);
	if (result == IDM_OK) {
		ber_writer_init(&answer, ANSWER_BYTES + 64);
		seq = ber_open(&answer, BER_SEQUENCE, BER_LONG);
		ber_write_integer(&answer, BER_INTEGER, (int64_t)next);
		ber_write_octets(&answer, BER_SEQUENCE, idm_span_of(list.data, list.len));
		ber_close(&answer, seq);
		core_job_value(job, &answer, NULL);
	}
	ber_writer_free(&list);
	return result;
}

static enum idm_result
answer_verify(
    struct core_job *job, const struct core_read *read, uint64_t from, struct idm_error *err)
{
	struct idm_audit_check check;
	struct ber_writer w;
	size_t seq;
	enum idm_result result = idm_audit_check(&read->local, from, CHECK_AT_ONCE, &check, err);

	if (result != IDM_OK)
		return result;
	ber_writer_init(&w, CORE_VALUE_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_LONG);
	ber_write_integer(&w, BER_INTEGER, (int64_t)check.next);
	ber_write_integer(&w, BER_INTEGER, (int64_t)check.extent.before + 1);
	ber_write_integer(&w, BER_INTEGER, (int64_t)check.extent.last);
	put_hash(&w, check.extent.last_hash);
	ber_write_integer(&w, BER_INTEGER, (int64_t)check.broken);
	put_text(&w, check.text);
	ber_close(&w, seq);
	core_job_value(job, &w, NULL);
	return IDM_OK;
}

/* --- the operation */

/* May the caller read it?  It is an attribute of the system's configuration. */
static enum idm_result
begin(struct core_job *job, struct core_access *a, struct idm_error *err)
{
	struct idm_uuid config = idm_uuid_builtin(IDM_BUILTIN_SYSTEM_CONFIG);
	enum idm_result result = core_read_begin(job, &a->read, err);

	if (result == IDM_OK)
		result = idm_lookup_uuid(&a->read.read, &config, &a->target, err);
	if (result == IDM_OK)
		result = core_rights(&a->read, &a->access, err);
	if (result == IDM_OK)
		result = idm_access_search(&a->read.read, a->access, &a->target, &a->readable, err);
	return result == IDM_OK ? core_may_read(a, IDM_ATTR_AUDIT_TRAIL, err) : result;
}

void
core_audit_trail(struct core_job *job)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(job->message.extended.value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);
	struct wanted wanted = { .before = 0 };
	struct core_access a;
	struct idm_error err = { .text = "" };
	int64_t action = ber_read_integer(&seq, BER_ENUMERATED, EXOP_AUDIT_LIST, EXOP_AUDIT_VERIFY);
	enum idm_result result;

	ber_read_end(&r);
	if (action == EXOP_AUDIT_LIST)
		read_list(&seq, &wanted);
	else
		wanted.before = (uint64_t)ber_read_integer(&seq, BER_INTEGER, 0, INT64_MAX);
	ber_read_end(&seq);
	if (bad) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	result = begin(job, &a, &err);
	if (result == IDM_OK && action == EXOP_AUDIT_LIST)
		result = answer_list(job, &a.read, &wanted, &err);
	else if (result == IDM_OK)
		result = answer_verify(job, &a.read, wanted.before, &err);
	if (result != IDM_OK)
		core_job_fail(job, result, &err);
	core_read_end(&a.read);
}
