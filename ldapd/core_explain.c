/* Effective rights: what an account may do with an entry, and by which profile (SPEC 5). */
#include "core/explain.h"

#include "common/exop.h"
#include "core/builtin.h"
#include "core/closure.h"
#include "ldapd/ber.h"
#include "ldapd/core.h"

enum { ANSWER_BYTES = 256 * 1024 };

/* A question, and what it takes to answer it. */
struct question {
	struct core_job *job;
	struct core_read read;
	struct idm_access *caller;
	struct idm_entry actor;
	struct idm_entry target;
	bool own;    /* the caller asks about himself */
	bool others; /* the caller may ask about others */
	struct idm_error err;
};

static bool
decode(struct idm_span value, struct idm_span *actor, struct idm_span *target)
{
	bool bad = false;
	struct ber_reader r = ber_reader_of(value, &bad);
	struct ber_reader seq = ber_read_nested(&r, BER_SEQUENCE);

	*actor = ber_read_octets(&seq, BER_OCTET_STRING);
	*target = ber_read_octets(&seq, BER_OCTET_STRING);
	ber_read_end(&seq);
	ber_read_end(&r);
	return !bad;
}

/* --- who may ask what */

/* Whoever may not ask about others is not told whether there is such an account. */
static enum idm_result
find_actor(struct question *q, struct idm_span text)
{
	const struct idm_uuid *own = &q->job->identity.uuid;
	enum idm_result result = text.len == 0
				     ? idm_lookup_uuid(&q->read.read, own, &q->actor, &q->err)
				     : core_find(&q->read, text, &q->actor, &q->err);

	if (result != IDM_OK && result != IDM_NOT_FOUND)
		return result;
	q->own = result == IDM_OK && idm_uuid_equal(&q->actor.uuid, own);
	if (!q->own && !q->others)
		return idm_refuse(&q->err, IDM_DENIED,
		    "needs the right to ask for the rights of others; idm_acp_manage_priv grants "
		    "it");
	if (result == IDM_NOT_FOUND)
		return idm_refuse(&q->err, IDM_NOT_FOUND, "no matching entries");
	if (!idm_entry_has_class(&q->actor, "account"))
		return idm_refuse(&q->err, IDM_INVALID, "only accounts have rights");
	return IDM_OK;
}

/* Who may ask about others may ask about every entry, else only about those he sees. */
static enum idm_result
find_target(struct question *q, struct idm_span text)
{
	struct idm_attrset readable;
	enum idm_result result = core_find(&q->read, text, &q->target, &q->err);

	if (result == IDM_OK && !q->others) {
		result =
		    idm_access_search(&q->read.read, q->caller, &q->target, &readable, &q->err);
		if (result == IDM_OK && idm_attrset_is_empty(&readable))
			result = IDM_NOT_FOUND;
	}
	if (result == IDM_NOT_FOUND)
		return idm_refuse(&q->err, IDM_NOT_FOUND, "no matching entries");
	return result;
}

static enum idm_result
begin(struct question *q, struct idm_span actor, struct idm_span target)
{
	enum idm_result result = core_read_begin(q->job, &q->read, &q->err);

	if (result == IDM_OK)
		result = core_rights(&q->read, &q->caller, &q->err);
	if (result != IDM_OK)
		return result;
	q->others = idm_access_explains_others(&q->read.read, q->caller);
	result = find_actor(q, actor);
	return result == IDM_OK ? find_target(q, target) : result;
}

/* Another account is asked about as if it had just logged in. */
static enum idm_result
resolve_actor(struct question *q, struct idm_access **out)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);
	struct idm_identity identity = { .kind = IDM_IDENTITY_PASSWORD,
		.uuid = q->actor.uuid,
		.scope = IDM_SCOPE_READ_WRITE,
		.privileged_until_s = INT64_MAX,
		.expire_s = INT64_MAX };

	if (q->own) {
		*out = q->caller;
		return IDM_OK;
	}
	if (idm_uuid_equal(&identity.uuid, &anonymous))
		identity.kind = IDM_IDENTITY_ANONYMOUS;
	return idm_access_resolve(
	    &q->read.read, q->job->core->data.table, &identity, q->job->arena, out, &q->err);
}

/* --- the answer */

static void
put_words(struct ber_writer *w, const struct idm_span *words, size_t count)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_LONG);

	for (size_t i = 0; i < count; i++)
		ber_write_octets(w, BER_OCTET_STRING, words[i]);
	ber_close(w, seq);
}

static void
put_attributes(struct ber_writer *w, const struct idm_schema *schema, const struct idm_attrset *set)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_LONG);
	const struct idm_attr *attr;

	for (size_t i = 0; (attr = idm_schema_attr_at(schema, i)) != NULL; i++) {
		if (idm_attrset_has(set, attr))
			ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(attr->name));
	}
	ber_close(w, seq);
}

static void
put_granted(
    struct ber_writer *w, const struct idm_schema *schema, const struct idm_granted *granted)
{
	size_t seq = ber_open(w, BER_SEQUENCE, BER_LONG);

	ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(granted->profile));
	put_words(w, granted->through, granted->through_count);
	put_attributes(w, schema, &granted->search);
	put_attributes(w, schema, &granted->present);
	put_attributes(w, schema, &granted->removed);
	put_words(w, granted->classes, granted->class_count);
	ber_write_boolean(w, BER_BOOLEAN, granted->deletes);
	ber_close(w, seq);
}

/* Accounts and groups by their spn, other entries by their DN. */
static void
put_name(struct ber_writer *w, const struct question *q, const struct idm_entry *entry)
{
	uint8_t dn[TREE_DN_BYTES];
	char spn[IDM_SPN_MAX];

	if (idm_entry_has_spn(entry) && idm_lookup_spn(&q->read.read, entry, spn) != 0)
		ber_write_octets(w, BER_OCTET_STRING, idm_span_cstr(spn));
	else
		ber_write_octets(w, BER_OCTET_STRING, tree_dn(&q->read.tree->suffix, entry, dn));
}

static void
answer(const struct question *q, bool hp, const struct idm_granted *list, size_t count)
{
	struct ber_writer w;
	size_t seq, grants;

	ber_writer_init(&w, ANSWER_BYTES);
	seq = ber_open(&w, BER_SEQUENCE, BER_LONG);
	put_name(&w, q, &q->actor);
	put_name(&w, q, &q->target);
	ber_write_boolean(&w, BER_BOOLEAN, hp);
	ber_write_boolean(&w, BER_BOOLEAN, idm_uuid_is_builtin(&q->target.uuid));
	grants = ber_open(&w, BER_SEQUENCE, BER_LONG);
	for (size_t i = 0; i < count; i++)
		put_granted(&w, q->read.read.schema, &list[i]);
	ber_close(&w, grants);
	ber_close(&w, seq);
	core_job_value(q->job, &w, NULL);
}

void
core_explain(struct core_job *job)
{
	struct question q = { .job = job };
	struct idm_access *access;
	struct idm_granted *list;
	struct idm_span actor, target;
	bool hp;
	size_t count;
	enum idm_result result;

	if (!decode(job->message.extended.value, &actor, &target)) {
		core_job_done(job, LDAP_PROTOCOL_ERROR, "the value does not decode");
		return;
	}
	job->subject = target;
	result = begin(&q, actor, target);
	if (result == IDM_OK)
		result = resolve_actor(&q, &access);
	if (result == IDM_OK)
		result = idm_closure_is_hp(&q.read.read, &q.target, &hp, &q.err);
	if (result == IDM_OK)
		result = idm_access_explain(&q.read.read, access, &q.target, &list, &count, &q.err);
	if (result == IDM_OK)
		answer(&q, hp, list, count);
	else
		core_job_fail(job, result, &q.err);
	core_read_end(&q.read);
}
