#include "core/change.h"

#include <inttypes.h>

#include "core/authenticate.h"
#include "core/builtin.h"
#include "core/evaluation.h"
#include "core/floor.h"

/*
 * What a reference may refer to (SPEC 2.1): a manager is an account or a group, as is whatever an
 * administrator's attribute refers to, and all else are groups.
 */
static enum idm_result
check_referent(struct idm_evaluation *e, const struct idm_attr *attr, struct idm_span text,
    const struct idm_entry *referent)
{
	bool account =
	    attr->number == IDM_ATTR_ENTRY_MANAGED_BY || attr->number >= IDM_ATTR_CUSTOM_MIN;

	if (idm_entry_has_class(referent, "group") ||
	    (account && idm_entry_has_class(referent, "account")))
		return IDM_OK;
	return idm_refuse(e->err, IDM_CONSTRAINT, "%s: %.*s is %s", attr->name, IDM_SPAN_ARG(text),
	    account ? "neither an account nor a group" : "no group");
}

/* References are resolved to their uuid; everything else is the syntax's business. */
static enum idm_result
parse_value(struct idm_evaluation *e, const struct idm_attr *attr, struct idm_span text,
    struct idm_value *out)
{
	struct idm_entry entry;
	enum idm_result result;

	if (attr->number == IDM_ATTR_ACP_TARGET || attr->number == IDM_ATTR_DYNGROUP_FILTER) {
		result = idm_filter_pin(e->read, text, &text, e->err);
		if (result != IDM_OK)
			return result;
	}
	if (attr->syntax != IDM_SYNTAX_REFERENCE)
		return idm_value_parse(attr, text, e->read->arena, out, e->err);
	result = idm_evaluation_resolve(e, attr, text, &entry);
	if (result == IDM_OK)
		result = check_referent(e, attr, text, &entry);
	if (result != IDM_OK)
		return result;
	out->stored = idm_arena_copy(e->read->arena, idm_uuid_span(&entry.uuid));
	out->norm = out->stored;
	return out->stored.ptr == NULL ? IDM_LIMIT : IDM_OK;
}

/* What no request may write as an attribute, whoever asks. */
static enum idm_result
check_writable(struct idm_evaluation *e, const struct idm_request_mod *mod)
{
	const struct idm_attr *attr = mod->attr;

	if (attr->number == IDM_ATTR_DOMAIN_NAME && e->request->operation == IDM_OP_RENAME_DOMAIN)
		return IDM_OK;
	if ((attr->flags & (IDM_ATTR_COMPUTED | IDM_ATTR_SYSTEM)) != 0)
		return idm_refuse(e->err, IDM_DENIED,
		    "%s is computed by the server and can't be written", attr->name);
	if ((attr->flags & (IDM_ATTR_ROWS | IDM_ATTR_LOCAL | IDM_ATTR_WRITE_ONLY)) != 0)
		return idm_refuse(e->err, IDM_DENIED,
		    "%s is not written as an attribute: use the command for it", attr->name);
	if ((attr->syntax == IDM_SYNTAX_CREDENTIAL || attr->syntax == IDM_SYNTAX_SECRET) &&
	    mod->count != 0)
		return idm_refuse(e->err, IDM_DENIED,
		    "%s is set by its own operation (Password Modify, RADIUS secret), not as an "
		    "attribute",
		    attr->name);
	return IDM_OK;
}

static enum idm_result
add_values(struct idm_evaluation *e, const struct idm_request_mod *mod)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < mod->count && result == IDM_OK; i++) {
		struct idm_value value;

		result = parse_value(e, mod->attr, mod->values[i], &value);
		if (result == IDM_OK)
			result = idm_draft_add(e->draft, mod->attr->number, value);
	}
	return result;
}

/* What a value to be removed matches by: an SSH key by its tag alone. */
static enum idm_result
parse_removed(struct idm_evaluation *e, const struct idm_attr *attr, struct idm_span text,
    struct idm_span *norm)
{
	struct idm_value value;
	enum idm_result result;

	if (attr->syntax == IDM_SYNTAX_SSHKEY)
		return idm_assertion_parse(attr, text, e->read->arena, norm, e->err);
	result = parse_value(e, attr, text, &value);
	*norm = value.norm;
	return result;
}

static enum idm_result
delete_values(struct idm_evaluation *e, const struct idm_request_mod *mod)
{
	enum idm_result result = IDM_OK;
	size_t count;

	idm_draft_values(e->draft, mod->attr->number, &count);
	if (mod->count == 0 && count == 0)
		return idm_refuse(
		    e->err, IDM_CONSTRAINT, "there is no %s to remove", mod->attr->name);
	if (mod->count == 0)
		idm_draft_clear(e->draft, mod->attr->number);
	for (size_t i = 0; i < mod->count && result == IDM_OK; i++) {
		struct idm_span norm;

		result = parse_removed(e, mod->attr, mod->values[i], &norm);
		if (result == IDM_OK && !idm_draft_remove(e->draft, mod->attr->number, norm))
			result =
			    idm_refuse(e->err, IDM_CONSTRAINT, "%s has no value %.*s to remove",
				mod->attr->name, IDM_SPAN_ARG(mod->values[i]));
	}
	return result;
}

/*
 * The one place that knows what each kind of modification comes to (SPEC 5.5): values present,
 * values removed.  There is no default: a kind that is not named is refused.
 */
static enum idm_result
apply_request_mod(struct idm_evaluation *e, const struct idm_request_mod *mod)
{
	enum idm_result result;

	if (mod->attr->number == IDM_ATTR_PASSWORD_IMPORT)
		return idm_evaluate_import(e, mod);
	result = check_writable(e, mod);
	if (result != IDM_OK)
		return result;
	switch (mod->kind) {
	case IDM_REQUEST_ADD:
		idm_attrset_add(&e->change.present, mod->attr);
		return (mod->attr->flags & IDM_ATTR_EDGE) != 0 ? idm_evaluate_member(e, mod)
							       : add_values(e, mod);
	case IDM_REQUEST_DELETE:
		idm_attrset_add(&e->change.removed, mod->attr);
		return (mod->attr->flags & IDM_ATTR_EDGE) != 0 ? idm_evaluate_member(e, mod)
							       : delete_values(e, mod);
	case IDM_REQUEST_REPLACE:
		idm_attrset_add(&e->change.removed, mod->attr);
		if (mod->count != 0)
			idm_attrset_add(&e->change.present, mod->attr);
		if ((mod->attr->flags & IDM_ATTR_EDGE) != 0)
			return idm_evaluate_member(e, mod);
		idm_draft_clear(e->draft, mod->attr->number);
		return add_values(e, mod);
	}
	return idm_fail(e->err, IDM_DENIED, "unknown kind of modification");
}

static enum idm_result
apply_request(struct idm_evaluation *e)
{
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < e->request->mod_count && result == IDM_OK; i++)
		result = apply_request_mod(e, &e->request->mods[i]);
	for (size_t i = 0; i < e->request->secret_count && result == IDM_OK; i++)
		result = idm_evaluate_secret(e, &e->request->secrets[i]);
	idm_evaluate_token_access(e);
	return result;
}

/* The order of the classes says nothing: where none comes or goes, they stay as they are stored. */
static enum idm_result
keep_classes(struct idm_evaluation *e)
{
	struct idm_value_iter iter = idm_entry_values(&e->before, IDM_ATTR_CLASS);
	struct idm_value value;
	enum idm_result result = IDM_OK;

	idm_draft_clear(e->draft, IDM_ATTR_CLASS);
	while (result == IDM_OK && idm_value_next(&iter, &value))
		result = idm_draft_add(e->draft, IDM_ATTR_CLASS, value);
	return result;
}

/* The class values that come or go, for access. */
static enum idm_result
note_classes(struct idm_evaluation *e)
{
	size_t after_count, before_count = 0;
	const struct idm_value *after = idm_draft_values(e->draft, IDM_ATTR_CLASS, &after_count);
	struct idm_value_iter iter = { IDM_SPAN_EMPTY, 0 };
	struct idm_value value;
	struct idm_span *out;

	if (e->exists)
		iter = idm_entry_values(&e->before, IDM_ATTR_CLASS);
	before_count = iter.left;
	out = idm_arena_array(e->read->arena, after_count + before_count + 1, sizeof(*out));
	if (out == NULL)
		return IDM_LIMIT;
	e->change.classes = out;
	for (size_t i = 0; i < after_count; i++) {
		if (!e->exists || !idm_entry_has_norm(&e->before, IDM_ATTR_CLASS, after[i].norm))
			out[e->change.class_count++] = after[i].norm;
	}
	while (idm_value_next(&iter, &value)) {
		if (!idm_draft_has_norm(e->draft, IDM_ATTR_CLASS, value.norm))
			out[e->change.class_count++] = value.norm;
	}
	return e->change.class_count == 0 ? keep_classes(e) : IDM_OK;
}

static enum idm_result
check_create_access(struct idm_evaluation *e)
{
	struct idm_entry entry;
	struct idm_span flat;
	enum idm_result result;

	if (e->edge_count != 0)
		return idm_refuse(e->err, IDM_CONSTRAINT,
		    "a group is created without members: add them when it is there");
	result = idm_draft_encode(e->draft, &e->uuid, e->set->no, &flat, e->err);
	if (result == IDM_OK)
		result = idm_entry_view(flat, 0, &entry, e->err);
	if (result == IDM_OK)
		result = idm_access_create(e->read, e->access, &entry, false, e->err);
	return result;
}

static enum idm_result
check_access(struct idm_evaluation *e)
{
	enum idm_result result = note_classes(e);

	if (result != IDM_OK)
		return result;
	if (!e->exists)
		return check_create_access(e);
	return idm_access_modify(e->read, e->access, &e->before, &e->change, e->err);
}

enum idm_result
idm_evaluation_check_schema(const struct idm_evaluation *e)
{
	enum idm_result result = idm_schema_check(e->read->schema, e->draft, e->err);

	return result == IDM_INVALID ? IDM_SCHEMA : result;
}

static enum idm_result
set_time(struct idm_evaluation *e, uint32_t attr_number)
{
	uint8_t *stored = idm_arena_alloc(e->read->arena, 8);
	struct idm_span span = { stored, 8 };

	if (stored == NULL)
		return IDM_LIMIT;
	idm_datetime_store(e->set->at_s, stored);
	idm_draft_clear(e->draft, attr_number);
	return idm_draft_add(e->draft, attr_number, (struct idm_value){ span, span });
}

/* Do the draft and the entry before hold the same values of an attribute, in the same order? */
static bool
same_values(const struct idm_evaluation *e, uint32_t number)
{
	size_t count;
	const struct idm_value *after = idm_draft_values(e->draft, number, &count);
	struct idm_value_iter iter;
	struct idm_value value;

	if (!e->exists)
		return count == 0;
	iter = idm_entry_values(&e->before, number);
	for (size_t i = 0; i < count; i++) {
		if (!idm_value_next(&iter, &value) ||
		    !idm_span_equal(value.stored, after[i].stored))
			return false;
	}
	return !idm_value_next(&iter, &value);
}

static bool
changes_nothing(const struct idm_evaluation *e)
{
	const struct idm_request_secret *secret;
	uint32_t number;

	if (!e->exists || e->edge_count != 0 || e->edges_cleared || e->request->token != NULL)
		return false;
	for (size_t i = 0; (secret = idm_evaluation_secret(e, i)) != NULL; i++) {
		if (secret->plain.ptr != NULL)
			return false;
	}
	for (size_t i = 0; (number = idm_draft_attr_at(e->draft, i)) != 0; i++) {
		if (!same_values(e, number))
			return false;
	}
	for (uint32_t i = 0; (number = idm_entry_attr_at(&e->before, i)) != 0; i++) {
		if (!same_values(e, number))
			return false;
	}
	return true;
}

static void
add_mod(struct idm_item *item, enum idm_mod_kind kind, uint32_t number,
    const struct idm_value *values, size_t count)
{
	struct idm_mod *mod = &item->mods[item->mod_count++];

	mod->kind = kind;
	mod->attr_number = number;
	mod->values = (struct idm_value *)(uintptr_t)values; /* the codec reads them only */
	mod->count = count;
}

/* The difference of draft and entry, as SET and CLEAR; room is left for edges. */
static enum idm_result
collect_mods(struct idm_evaluation *e, struct idm_item *item)
{
	size_t room = 4;
	uint32_t number;

	for (size_t i = 0; idm_draft_attr_at(e->draft, i) != 0; i++)
		room++;
	room += e->exists ? e->before.attr_count : 0;
	item->mods = idm_arena_array(e->read->arena, room, sizeof(*item->mods));
	if (item->mods == NULL)
		return IDM_LIMIT;
	for (size_t i = 0; (number = idm_draft_attr_at(e->draft, i)) != 0; i++) {
		size_t count;
		const struct idm_value *values = idm_draft_values(e->draft, number, &count);

		if (!same_values(e, number))
			add_mod(item, IDM_MOD_SET, number, values, count);
	}
	for (uint32_t i = 0; e->exists && (number = idm_entry_attr_at(&e->before, i)) != 0; i++) {
		size_t count;

		idm_draft_values(e->draft, number, &count);
		if (count == 0)
			add_mod(item, IDM_MOD_CLEAR, number, NULL, 0);
	}
	return IDM_OK;
}

enum idm_result
idm_evaluation_draft_item(struct idm_evaluation *e, enum idm_item_kind kind, struct idm_item **out)
{
	enum idm_result result = set_time(e, IDM_ATTR_LAST_MODIFIED);

	*out = idm_evaluation_item(e, e->exists ? &e->before : NULL, kind);
	if (*out == NULL)
		return IDM_LIMIT;
	if (result == IDM_OK)
		result = collect_mods(e, *out);
	if (result == IDM_OK)
		result = idm_evaluate_secrets(e, *out);
	if (result == IDM_OK && !idm_draft_fits(e->draft))
		return idm_refuse(e->err, IDM_LIMIT,
		    "the entry is larger than %d octets: remove or shorten values",
		    IDM_ENTRY_BYTES_MAX);
	return result;
}

static enum idm_result
make_item(struct idm_evaluation *e)
{
	struct idm_item *item;
	enum idm_result result = IDM_OK;

	if (!e->exists)
		result = set_time(e, IDM_ATTR_CREATED);
	if (result == IDM_OK)
		result = idm_evaluation_draft_item(
		    e, e->exists ? IDM_ITEM_MODIFY : IDM_ITEM_CREATE, &item);
	if (result == IDM_OK)
		result = idm_rules_claims(e, item);
	if (result == IDM_OK)
		result = idm_evaluate_token(e, item);
	if (result == IDM_OK && idm_rules_becomes_person(e))
		result = idm_evaluation_end_tokens(e, &e->uuid, item);
	if (result != IDM_OK)
		return result;
	item->flags = idm_rules_flags(e);
	result = idm_evaluate_dynamic(e, item);
	if (result != IDM_OK)
		return result;
	return idm_evaluate_edges(e, item); /* last: it may move the items */
}

/* A new one; from the server's own console (import) it may come with the request. */
static enum idm_result
choose_uuid(struct idm_evaluation *e)
{
	char text[IDM_UUID_TEXT];
	struct idm_entry other;
	enum idm_result result;

	e->uuid = e->request->target;
	if (idm_uuid_is_null(&e->uuid) || e->identity->kind != IDM_IDENTITY_INTERNAL) {
		if (!idm_uuid_generate(&e->uuid))
			return idm_fail(e->err, IDM_SYSTEM, "no random octets");
		return IDM_OK;
	}
	idm_uuid_format(&e->uuid, text);
	if (idm_uuid_is_builtin(&e->uuid))
		return idm_refuse(e->err, IDM_PROTECTED, "uuid %s is a built-in entry's", text);
	result = idm_lookup_uuid(e->read, &e->uuid, &other, e->err);
	if (result == IDM_OK)
		return idm_refuse(e->err, IDM_EXISTS, "uuid %s is taken by another entry", text);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
evaluate_create(struct idm_evaluation *e)
{
	const struct idm_value object = { IDM_SPAN_LIT("object"), IDM_SPAN_LIT("object") };
	enum idm_result result;

	if (idm_store_nearly_full(e->read->txn))
		return idm_refuse(e->err, IDM_LIMIT,
		    "the database is nearly full: no new entries; delete some or make room");
	result = choose_uuid(e);
	if (result != IDM_OK)
		return result;
	e->draft = idm_draft_new(e->read->arena);
	if (e->draft == NULL)
		return IDM_LIMIT;
	result = idm_draft_add(e->draft, IDM_ATTR_CLASS, object);
	return result;
}

/* From here on `before` is a copy: the change set borrows from it, and outlives the map's bytes. */
static enum idm_result
keep_before(struct idm_evaluation *e)
{
	struct idm_span copy = idm_arena_copy(e->read->arena, e->before.bytes);

	if (copy.ptr == NULL)
		return IDM_LIMIT;
	return idm_entry_view(copy, e->before.id, &e->before, e->err);
}

/* May there be such an entry for this operation? */
static bool
is_target(const struct idm_entry *entry, enum idm_operation operation)
{
	bool tombstone = idm_entry_has_class(entry, "tombstone");

	switch (operation) {
	case IDM_OP_REVIVE:
	case IDM_OP_TOMBSTONE: return idm_entry_has_class(entry, "recycled") && !tombstone;
	case IDM_OP_PURGE: return tombstone;
	case IDM_OP_CREATE:
	case IDM_OP_MODIFY:
	case IDM_OP_DELETE:
	case IDM_OP_BOOTSTRAP:
	case IDM_OP_RECOVER: break;
	case IDM_OP_RENAME_DOMAIN: return idm_entry_has_class(entry, "domain_info");
	}
	return idm_entry_is_live(entry);
}

static enum idm_result
find_target(struct idm_evaluation *e)
{
	const struct idm_request *request = e->request;
	enum idm_result result = idm_lookup_uuid(e->read, &request->target, &e->before, e->err);

	if (result == IDM_NOT_FOUND ||
	    (result == IDM_OK && !is_target(&e->before, request->operation)))
		return idm_refuse(e->err, IDM_NOT_FOUND, "no matching entries");
	if (result == IDM_OK)
		result = keep_before(e);
	if (result != IDM_OK)
		return result;
	e->exists = true;
	e->uuid = e->before.uuid;
	e->draft = idm_draft_of(e->read->arena, &e->before);
	return e->draft == NULL ? IDM_LIMIT : IDM_OK;
}

/*
 * Of a new entry that can't be made as it was asked for, what it was to be: whoever may not make
 * such an entry is not told what is wrong with this one.
 */
static void
apply_classes(struct idm_evaluation *e)
{
	struct idm_error *err = e->err;

	e->err = NULL;
	for (size_t i = 0; i < e->request->mod_count; i++) {
		if (e->request->mods[i].attr->number == IDM_ATTR_CLASS)
			(void)apply_request_mod(e, &e->request->mods[i]);
	}
	e->err = err;
}

/* What the request makes of the draft, and whether it may: `refused` is told only then. */
static enum idm_result
apply_permitted(struct idm_evaluation *e)
{
	struct idm_error *err = e->err;
	struct idm_error refusal = { .text = "" };
	enum idm_result refused, result;

	e->err = &refusal;
	refused = apply_request(e);
	e->err = err;
	if (refused != IDM_OK && !e->exists)
		apply_classes(e);
	result = check_access(e);
	if (result != IDM_OK || refused == IDM_OK)
		return result;
	if (err != NULL)
		*err = refusal;
	return refused;
}

/*
 * Syntax, access, rules, schema: in this order, and a value that is refused for what is stored, or
 * for its syntax, only to those who may write the attribute.  So nobody learns of an entry by a
 * rule.
 */
static enum idm_result
evaluate_write(struct idm_evaluation *e)
{
	enum idm_result result = apply_permitted(e);

	if (result == IDM_OK)
		result = idm_evaluation_check_base(e);
	if (result == IDM_OK)
		result = idm_rules_check(e);
	if (result == IDM_OK)
		result = idm_evaluation_check_schema(e);
	if (result == IDM_OK && changes_nothing(e)) {
		e->set->no = 0;
		return IDM_OK;
	}
	return result == IDM_OK ? make_item(e) : result;
}

/*
 * The request was put together from another snapshot, and the schema may have changed since: its
 * attributes become those of this one, by their numbers.  `out` is a copy of the request.
 */
static enum idm_result
renew_attributes(
    struct idm_evaluation *e, const struct idm_request *request, struct idm_request *out)
{
	struct idm_request_mod *mods =
	    idm_arena_array(e->read->arena, request->mod_count, sizeof(*mods));

	if (mods == NULL)
		return IDM_LIMIT;
	*out = *request;
	out->mods = mods;
	e->request = out;
	for (size_t i = 0; i < request->mod_count; i++) {
		mods[i] = request->mods[i];
		mods[i].attr =
		    idm_schema_attr_number(e->read->schema, request->mods[i].attr->number);
		if (mods[i].attr == NULL)
			return idm_refuse(e->err, IDM_SCHEMA, "there is no attribute %s any more",
			    request->mods[i].attr->name);
	}
	return IDM_OK;
}

/* The header: the next number, and a second that never goes back nor follows a wild jump. */
static enum idm_result
begin_set(struct idm_evaluation *e)
{
	struct idm_change_set *set = e->set;
	const struct idm_now *now = &e->read->now;
	uint64_t applied, last;
	bool wild;
	enum idm_result result;

	memset(set, 0, sizeof(*set));
	result = idm_store_get_number(e->read->txn, IDM_DB_META, "applied", &applied, e->err);
	if (result == IDM_OK)
		result = idm_store_get_number(e->read->txn, IDM_DB_META, "at", &last, e->err);
	if (result != IDM_OK)
		return result;
	set->request_id = e->request->id;
	set->no = applied + 1;
	set->at_s = now->at_s;
	wild = !now->trusted && set->at_s > (int64_t)last + IDM_CLOCK_JUMP_S;
	if (set->at_s < (int64_t)last || (last != 0 && (wild || e->context->clock_jumped)))
		set->at_s = (int64_t)last;
	set->actor = idm_uuid_is_null(&e->request->actor) ? e->identity->uuid : e->request->actor;
	set->session = e->identity->session;
	set->box = e->context->box;
	set->source = idm_span_cstr(e->request->source);
	set->operation = e->request->operation;
	return IDM_OK;
}

/* Whether it may write at all is asked behind whether it sees the entry (SPEC 5.6). */
static enum idm_result
check_identity(struct idm_evaluation *e)
{
	struct idm_access *access;
	enum idm_result result;

	/* The request has waited, for a hash or its turn, and the changes before it count. */
	result = idm_auth_recheck(e->read, NULL, e->identity, e->err);
	if (result == IDM_OK)
		result = idm_access_table_refresh(e->read, e->context->table, e->err);
	if (result == IDM_OK)
		result = idm_access_resolve(
		    e->read, *e->context->table, e->identity, e->read->arena, &access, e->err);
	if (result == IDM_OK)
		e->access = access;
	return result;
}

static enum idm_result
evaluate_operation(struct idm_evaluation *e)
{
	enum idm_result result = IDM_OK;

	if (e->request->operation != IDM_OP_CREATE)
		result = find_target(e);
	if (result != IDM_OK)
		return result;
	switch (e->request->operation) {
	case IDM_OP_CREATE:
		result = evaluate_create(e);
		return result == IDM_OK ? evaluate_write(e) : result;
	case IDM_OP_MODIFY:
	case IDM_OP_RECOVER: return evaluate_write(e);
	case IDM_OP_RENAME_DOMAIN:
		if (e->identity->kind != IDM_IDENTITY_INTERNAL)
			break;
		return evaluate_write(e);
	case IDM_OP_DELETE: return idm_evaluate_recycle(e);
	case IDM_OP_REVIVE: return idm_evaluate_revive(e);
	case IDM_OP_TOMBSTONE: return idm_evaluate_tombstone(e);
	case IDM_OP_PURGE: return idm_evaluate_purge(e);
	case IDM_OP_BOOTSTRAP: break;
	}
	return idm_fail(e->err, IDM_DENIED, "no such operation can be asked for");
}

/* What holds of each item, whatever it was made by; and whether the record takes the whole. */
static enum idm_result
finish_set(struct idm_evaluation *e)
{
	for (size_t i = 0; i < e->set->item_count; i++) {
		struct idm_item *item = &e->set->items[i];
		bool own = e->exists && idm_uuid_equal(&item->uuid, &e->uuid);

		if (idm_change_revokes(e->set, own ? &e->before : NULL, item))
			item->flags |= IDM_ITEM_REVOKES;
	}
	return idm_change_size(e->set, &e->set->bytes, e->err);
}

enum idm_result
idm_change_evaluate(const struct idm_read *read, const struct idm_change_context *context,
    const struct idm_identity *identity, const struct idm_request *request,
    struct idm_change_set *out, struct idm_error *err)
{
	struct idm_evaluation e = { .read = read,
		.context = context,
		.identity = identity,
		.request = request,
		.set = out,
		.err = err };
	struct idm_request own;
	enum idm_result result;

	if (err != NULL)
		err->text[0] = err->client_text[0] = '\0';
	result = begin_set(&e);
	if (result == IDM_OK)
		result = check_identity(&e);
	if (result == IDM_OK)
		result = renew_attributes(&e, request, &own);
	if (result == IDM_OK)
		result = evaluate_operation(&e);
	if (result == IDM_OK)
		result = finish_set(&e);
	if (result == IDM_LIMIT && err != NULL && err->text[0] == '\0')
		return idm_refuse(err, IDM_LIMIT, "the request is too large: split it");
	return result;
}
