#include "ldapd/entry_read.h"

#include "ldapd/view.h"

enum {
	ENTRY_BYTES = 256 * 1024, /* of an entry that goes with an answer */
	ENTRY_MEMBERS = 2048,     /* no other change is decided while they are written */
};

static const struct ldap_control *
find_control(const struct ldap_message *message, const char *oid)
{
	for (size_t i = 0; i < message->control_count; i++) {
		if (idm_span_is(message->controls[i].oid, oid))
			return &message->controls[i];
	}
	return NULL;
}

/* AttributeSelection ::= SEQUENCE OF LDAPString (RFC 4511 section 4.5.1) */
static bool
decode(const struct ldap_control *control, struct idm_arena *arena, struct core_entry_read *out)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(control->value, &bad);
	struct ber_reader list = ber_read_nested(&top, BER_SEQUENCE);
	struct idm_span *attributes;

	out->count = ber_count(list);
	if (bad || out->count > ldap_limits_default.attributes_asked)
		return false;
	attributes = idm_arena_array(arena, out->count + 1, sizeof(*attributes));
	if (attributes == NULL)
		return false;
	for (size_t i = 0; i < out->count; i++)
		attributes[i] = ber_read_octets(&list, BER_OCTET_STRING);
	ber_read_end(&top);
	out->attributes = attributes;
	out->asked = true;
	return !bad;
}

/* The SearchResultEntry of a message that holds one. */
static struct idm_span
entry_of(struct idm_span message)
{
	bool bad = false;
	struct ber_reader top = ber_reader_of(message, &bad);
	struct ber_reader inner = ber_read_nested(&top, BER_SEQUENCE);

	ber_read_integer(&inner, BER_INTEGER, 0, LDAP_MESSAGE_ID_MAX);
	return idm_span_of(inner.pos, (size_t)(inner.end - inner.pos));
}

static enum idm_result
write_entry(const struct view *view, const struct idm_entry *entry,
    const struct idm_attrset *readable, struct core_entry_read *out, struct idm_error *err)
{
	struct view_progress progress = { .budget = ENTRY_MEMBERS };
	struct view_selection selection;
	struct ldap_entry_writer writer;
	struct ber_writer w;
	uint8_t dn[TREE_DN_BYTES];
	enum idm_result result = view_select(
	    view->read->schema, out->attributes, out->count, view->read->arena, &selection, err);

	if (result != IDM_OK)
		return result;
	ber_writer_init(&w, ENTRY_BYTES);
	ldap_entry_begin(&writer, &w, 1, tree_dn(view->suffix, entry, dn), false);
	result = view_write(view, entry, readable, &selection, &progress, &writer, err);
	if (result == IDM_OK &&
	    (!ldap_entry_end(&writer, (struct ldap_controls){ NULL, 0 }) || progress.more))
		result =
		    idm_refuse(err, IDM_LIMIT, "the entry is too large to be read with its change");
	if (result == IDM_OK) {
		out->value =
		    idm_arena_copy(view->read->arena, entry_of(idm_span_of(w.data, w.len)));
		if (out->value.ptr == NULL)
			result = idm_fail(err, IDM_LIMIT, "no memory for an entry");
	}
	ber_writer_free(&w);
	return result;
}

/* Of an entry that the caller does not see nothing is read. */
static enum idm_result
read_entry(struct core_job *job, const struct idm_read *read, const struct idm_uuid *uuid,
    struct core_entry_read *out, struct idm_error *err)
{
	struct idm_access_table **table = &job->core->data.table;
	struct idm_access *access;
	struct idm_attrset readable;
	struct idm_entry entry;
	struct view view = { .read = read };
	enum idm_result result = idm_lookup_uuid(read, uuid, &entry, err);

	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK)
		result = tree_refresh(read, &job->core->tree, err);
	if (result == IDM_OK)
		result = idm_access_table_refresh(read, table, err);
	if (result == IDM_OK)
		result = idm_access_resolve(read, *table, &job->identity, job->arena, &access, err);
	if (result == IDM_OK)
		result = idm_access_search(read, access, &entry, &readable, err);
	if (result != IDM_OK || idm_attrset_is_empty(&readable))
		return result;
	view.suffix = &job->core->tree->suffix;
	view.access = access;
	return write_entry(&view, &entry, &readable, out, err);
}

static enum idm_result
look(void *context, const struct idm_read *read, const struct idm_uuid *uuid, bool after,
    struct idm_error *err)
{
	struct core_job *job = context;
	struct core_entry_read *out = after ? &job->post_read : &job->pre_read;

	out->value = IDM_SPAN_EMPTY;
	return out->asked ? read_entry(job, read, uuid, out, err) : IDM_OK;
}

bool
entry_read_ask(struct core_job *job, struct ldap_result *refusal)
{
	const struct ldap_control *pre = find_control(&job->message, LDAP_CONTROL_PRE_READ);
	const struct ldap_control *post = find_control(&job->message, LDAP_CONTROL_POST_READ);

	if (job->message.op == LDAP_ADD_REQUEST) /* where there is nothing to read */
		pre = NULL;
	if (job->message.op == LDAP_DELETE_REQUEST)
		post = NULL;

	*refusal = (struct ldap_result){ .code = LDAP_PROTOCOL_ERROR,
		.text = IDM_SPAN_LIT("a read entry control does not decode") };
	if ((pre != NULL && !decode(pre, job->arena, &job->pre_read)) ||
	    (post != NULL && !decode(post, job->arena, &job->post_read)))
		return false;
	if (pre != NULL || post != NULL) {
		job->request.look = look;
		job->request.look_context = job;
	}
	return true;
}
