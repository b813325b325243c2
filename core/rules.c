/* What a change must hold to beyond schema and access: names, claims, built-ins (SPEC 2.3-2.5, 4).
 */
#include "core/builtin.h"
#include "core/evaluation.h"
#include "core/rest.h"

static bool
is_profile(const struct idm_draft *draft)
{
	return idm_draft_has_class(draft, "access_control_profile");
}

/* Does another entry hold the claim?  *other is then that entry. */
static enum idm_result
taken_by_other(struct idm_evaluation *e, enum idm_claim kind, uint32_t attr_number,
    struct idm_span norm, bool *taken, struct idm_entry *other)
{
	struct idm_claim_key key = idm_claim_key(kind, attr_number, norm);
	uint64_t id;
	enum idm_result result = idm_lookup_claim_id(e->read, &key, &id, e->err);

	*taken = false;
	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result == IDM_OK)
		result = idm_lookup_id(e->read, id, other, e->err);
	if (result == IDM_OK)
		*taken = !e->exists || other->id != e->before.id;
	return result;
}

static enum idm_result
check_taken(struct idm_evaluation *e, const struct idm_attr *attr, const struct idm_value *value)
{
	struct idm_entry other;
	struct idm_span text;
	bool taken;
	enum idm_claim kind = idm_claim_kind(attr, is_profile(e->draft));
	enum idm_result result = taken_by_other(e, kind, attr->number, value->norm, &taken, &other);

	if (result != IDM_OK || !taken)
		return result;
	text = idm_value_print(attr, value->stored, e->read->arena);
	return idm_refuse(e->err, attr->number == IDM_ATTR_NAME ? IDM_EXISTS : IDM_CONSTRAINT,
	    "%s %.*s is taken by another entry: %s", attr->name, IDM_SPAN_ARG(text),
	    e->request->operation == IDM_OP_REVIVE ? "let that one give it up, then revive this one"
						   : "choose another");
}

static enum idm_result
check_unique(struct idm_evaluation *e)
{
	enum idm_result result = IDM_OK;
	uint32_t number;

	for (size_t i = 0; (number = idm_draft_attr_at(e->draft, i)) != 0; i++) {
		const struct idm_attr *attr = idm_schema_attr_number(e->read->schema, number);
		const struct idm_value *values;
		size_t count;

		if (attr == NULL || idm_claim_kind(attr, false) == 0)
			continue;
		values = idm_draft_values(e->draft, number, &count);
		for (size_t k = 0; k < count && result == IDM_OK; k++)
			result = check_taken(e, attr, &values[k]);
		if (result != IDM_OK)
			return result;
	}
	return IDM_OK;
}

/* Is there a new value, by norm, of a single-valued text attribute? */
static bool
is_new(const struct idm_evaluation *e, uint32_t number, struct idm_value *out)
{
	size_t count;
	const struct idm_value *values = idm_draft_values(e->draft, number, &count);

	if (count == 0)
		return false;
	*out = values[0];
	return !e->exists || !idm_entry_has_norm(&e->before, number, values[0].norm);
}

static enum idm_result
check_denied(struct idm_evaluation *e, struct idm_span name)
{
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_SYSTEM_CONFIG);
	struct idm_entry config;
	enum idm_result result = idm_lookup_uuid(e->read, &uuid, &config, e->err);

	if (result == IDM_NOT_FOUND)
		return IDM_OK; /* a database that is being made */
	if (result == IDM_OK && idm_entry_has_norm(&config, IDM_ATTR_DENIED_NAME, name))
		return idm_refuse(e->err, IDM_CONSTRAINT,
		    "the name %.*s is denied here: choose another", IDM_SPAN_ARG(name));
	return result;
}

/* memberof idm_people_write_priv or idm_account_write_priv, and not about oneself. */
static enum idm_result
may_take_resting(struct idm_evaluation *e, bool *out)
{
	static const uint64_t groups[] = { IDM_BUILTIN_PEOPLE_WRITE, IDM_BUILTIN_ACCOUNT_WRITE };
	struct idm_ids above = { NULL, 0, 0 };
	struct idm_entry actor, group;
	enum idm_result result;

	*out = e->identity->kind == IDM_IDENTITY_INTERNAL;
	if (*out || idm_uuid_equal(&e->identity->uuid, &e->uuid))
		return IDM_OK;
	result = idm_lookup_uuid(e->read, &e->identity->uuid, &actor, e->err);
	if (result == IDM_OK)
		result = idm_closure_memberof(e->read, &actor, &above, e->err);
	for (size_t i = 0; i < 2 && result == IDM_OK; i++) {
		struct idm_uuid uuid = idm_uuid_builtin(groups[i]);

		result = idm_lookup_uuid(e->read, &uuid, &group, e->err);
		*out = *out || (result == IDM_OK && idm_ids_has(&above, group.id));
	}
	return result;
}

/* A name that was given up rests for seven days (SPEC 2.5); its former holder may have it back. */
static enum idm_result
check_resting(struct idm_evaluation *e, struct idm_span name)
{
	struct idm_rest rest;
	bool may = false;
	enum idm_result result = idm_rest_find(e->read->txn, name, &rest, e->err);

	if (result == IDM_NOT_FOUND)
		return IDM_OK;
	if (result != IDM_OK || rest.until_s <= e->read->now.at_s ||
	    idm_uuid_equal(&rest.holder, &e->uuid))
		return result;
	result = may_take_resting(e, &may);
	if (result == IDM_OK && !may)
		return idm_refuse(e->err, IDM_CONSTRAINT,
		    "the name %.*s was given up less than 7 days ago: only members of "
		    "idm_people_write_priv or idm_account_write_priv may give it to another entry",
		    IDM_SPAN_ARG(name));
	return result;
}

/* name@domain of one entry may not be another one's mail, nor the other way round (SPEC 2.3). */
static enum idm_result
check_name_against_mail(struct idm_evaluation *e, struct idm_span name)
{
	char *spn =
	    idm_arena_printf(e->read->arena, "%.*s@%s", IDM_SPAN_ARG(name), e->read->domain);
	struct idm_entry other;
	bool taken;
	enum idm_result result;

	if (spn == NULL)
		return IDM_LIMIT;
	result =
	    taken_by_other(e, IDM_CLAIM_MAIL, IDM_ATTR_MAIL, idm_span_cstr(spn), &taken, &other);
	if (result == IDM_OK && taken)
		return idm_refuse(e->err, IDM_CONSTRAINT,
		    "%s is the mail address of another account: choose another name", spn);
	return result;
}

static enum idm_result
check_mail_against_spn(struct idm_evaluation *e, const struct idm_value *mail)
{
	size_t domain_len = strlen(e->read->domain);
	struct idm_span name = { mail->norm.ptr, 0 };
	struct idm_entry other;
	bool taken;
	enum idm_result result;

	if (mail->norm.len <= domain_len + 1)
		return IDM_OK;
	name.len = mail->norm.len - domain_len - 1;
	if (name.ptr[name.len] != '@' ||
	    memcmp(name.ptr + name.len + 1, e->read->domain, domain_len) != 0)
		return IDM_OK;
	result = taken_by_other(e, IDM_CLAIM_NAME, IDM_ATTR_NAME, name, &taken, &other);
	if (result == IDM_OK && taken)
		return idm_refuse(e->err, IDM_CONSTRAINT,
		    "mail %.*s is the spn of another entry: choose another",
		    IDM_SPAN_ARG(mail->stored));
	return result;
}

static enum idm_result
check_mails(struct idm_evaluation *e)
{
	size_t count;
	const struct idm_value *mails = idm_draft_values(e->draft, IDM_ATTR_MAIL, &count);
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < count && result == IDM_OK; i++)
		result = check_mail_against_spn(e, &mails[i]);
	return result;
}

static enum idm_result
check_name(struct idm_evaluation *e)
{
	struct idm_value name;
	enum idm_result result = IDM_OK;

	if (is_profile(e->draft) || !is_new(e, IDM_ATTR_NAME, &name))
		return IDM_OK;
	/* Nobody logs in as an application, nor as a profile. */
	if (!idm_draft_has_class(e->draft, "application"))
		result = check_denied(e, name.norm);
	if (result == IDM_OK)
		result = check_resting(e, name.norm);
	if (result == IDM_OK)
		result = check_name_against_mail(e, name.norm);
	return result;
}

/* IEEE 802.1Q keeps 0 and 4095 (SPEC 9.4). */
static enum idm_result
check_vlans(struct idm_evaluation *e)
{
	static const uint32_t vlans[] = { IDM_ATTR_RADIUS_VLAN,
		IDM_ATTR_RADIUS_CLIENT_DEFAULT_VLAN };

	for (size_t i = 0; i < sizeof(vlans) / sizeof(vlans[0]); i++) {
		struct idm_value value;
		uint32_t vlan = 1;

		if (is_new(e, vlans[i], &value))
			vlan = idm_uint32_load(value.norm);
		if (vlan == 0 || vlan > 4094)
			return idm_refuse(e->err, IDM_CONSTRAINT,
			    "%s %u is no VLAN: choose from 1 to 4094",
			    idm_schema_attr_number(e->read->schema, vlans[i])->name, vlan);
	}
	return IDM_OK;
}

/* A built-in keeps its name, and a dynamic one its filter; no class of it comes or goes (SPEC 4).
 */
static enum idm_result
check_builtin(struct idm_evaluation *e)
{
	static const uint32_t kept[] = { IDM_ATTR_NAME, IDM_ATTR_DYNGROUP_FILTER, IDM_ATTR_OU };

	if (!e->exists || !idm_uuid_is_builtin(&e->uuid))
		return IDM_OK;
	if (e->change.class_count != 0)
		return idm_refuse(
		    e->err, IDM_PROTECTED, "system protected object: its class can't be changed");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct idm_value_iter iter = idm_entry_values(&e->before, kept[i]);
		struct idm_value value;

		while (idm_value_next(&iter, &value)) {
			if (!idm_draft_has_norm(e->draft, kept[i], value.norm))
				return idm_refuse(e->err, IDM_PROTECTED,
				    "system protected object: its %s can't be changed",
				    idm_schema_attr_number(e->read->schema, kept[i])->name);
		}
	}
	return IDM_OK;
}

/* Deleting and reviving are operations: nobody writes their classes by hand. */
static enum idm_result
check_lifecycle(struct idm_evaluation *e)
{
	for (size_t i = 0; i < e->change.class_count; i++) {
		struct idm_span class = e->change.classes[i];

		if (idm_span_is(class, "recycled") || idm_span_is(class, "tombstone"))
			return idm_refuse(e->err, IDM_DENIED,
			    "class %.*s comes with deleting the entry and can't be written",
			    IDM_SPAN_ARG(class));
	}
	return IDM_OK;
}

bool
idm_rules_becomes_person(const struct idm_evaluation *e)
{
	return e->exists && idm_entry_has_class(&e->before, "service_account") &&
	       idm_draft_has_class(e->draft, "person");
}

/*
 * What an entry is stays: it decides where its edges stand (core/closure.h), and who may do what
 * with it.  A service account alone may become a person (SPEC 5.4).
 */
static enum idm_result
check_kind(struct idm_evaluation *e)
{
	for (size_t i = 0; e->exists && i < e->change.class_count; i++) {
		struct idm_span name = e->change.classes[i];
		const struct idm_class *class = idm_schema_class(e->read->schema, name);

		if (class == NULL || (!class->structural && !idm_span_is(name, "dyngroup")) ||
		    idm_rules_becomes_person(e))
			continue;
		return idm_refuse(e->err, IDM_SCHEMA,
		    "class %.*s says what an entry is and can't come or go: make a new entry",
		    IDM_SPAN_ARG(name));
	}
	return IDM_OK;
}

static bool
sets_secret(const struct idm_evaluation *e, uint32_t attr_number)
{
	const struct idm_request_secret *secret;

	for (size_t i = 0; (secret = idm_evaluation_secret(e, i)) != NULL; i++) {
		if (secret->attr_number == attr_number && secret->plain.ptr != NULL)
			return true;
	}
	return false;
}

/*
 * Whoever knew the password of a service account is not to have the person's, nor is its manager to
 * be one (SPEC 5.4).  What the request itself sets is the person's.
 */
static enum idm_result
end_service_account(struct idm_evaluation *e)
{
	static const uint32_t secrets[] = { IDM_ATTR_PRIMARY_CREDENTIAL, IDM_ATTR_UNIX_PASSWORD,
		IDM_ATTR_RADIUS_SECRET };

	if (!idm_rules_becomes_person(e))
		return IDM_OK;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (!sets_secret(e, secrets[i]))
			idm_draft_clear(e->draft, secrets[i]);
	}
	idm_draft_clear(e->draft, IDM_ATTR_ENTRY_MANAGED_BY);
	return IDM_OK;
}

/* anonymous never holds a credential, a service account only generated ones (SPEC 5.1, 6.1). */
static enum idm_result
check_secrets(struct idm_evaluation *e)
{
	struct idm_uuid anonymous = idm_uuid_builtin(IDM_BUILTIN_ANONYMOUS);

	if (e->request->secret_count != 0 && idm_uuid_equal(&e->uuid, &anonymous))
		return idm_refuse(
		    e->err, IDM_PROTECTED, "system protected object: anonymous has no credentials");
	for (size_t i = 0; i < e->request->secret_count; i++) {
		const struct idm_request_secret *secret = &e->request->secrets[i];

		if (secret->plain.ptr != NULL && secret->set_at_no == 0 &&
		    strcmp(secret->marker, "password") == 0 &&
		    idm_draft_has_class(e->draft, "service_account"))
			return idm_refuse(e->err, IDM_CONSTRAINT,
			    "a service account holds generated passwords alone: ask for one "
			    "without naming it");
	}
	return IDM_OK;
}

enum idm_result
idm_rules_check(struct idm_evaluation *e)
{
	enum idm_result (*const rules[])(struct idm_evaluation *) = { check_builtin,
		check_lifecycle, check_kind, idm_rules_schema, idm_rules_members,
		idm_rules_receivers, idm_rules_dyngroup, check_secrets, idm_rules_token, check_name,
		idm_rules_posix, check_unique, check_mails, check_vlans, idm_rules_policy,
		idm_rules_profile, end_service_account, idm_rules_domain };
	enum idm_result result = IDM_OK;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && result == IDM_OK; i++)
		result = rules[i](e);
	return result;
}

/* Who comes back has given up its names, so each of them may have been taken. */
enum idm_result
idm_rules_check_revived(struct idm_evaluation *e)
{
	size_t count;
	const struct idm_value *names = idm_draft_values(e->draft, IDM_ATTR_NAME, &count);
	enum idm_result result = check_unique(e);

	if (result == IDM_OK && count != 0 && !is_profile(e->draft))
		result = check_name_against_mail(e, names[0].norm);
	if (result == IDM_OK)
		result = check_mails(e);
	/* What it says was checked when it was written; other entries have changed since. */
	if (result == IDM_OK)
		result = idm_rules_profile(e);
	if (result == IDM_OK)
		result = idm_rules_dyngroup(e);
	return result == IDM_OK ? idm_rules_schema(e) : result;
}

static void
add_claim(struct idm_item *item, enum idm_claim kind, bool take, uint32_t attr_number,
    struct idm_span norm)
{
	item->claims[item->claim_count++] =
	    (struct idm_claim_change){ kind, take, attr_number, norm };
}

/* Releases of what `before` claims and the draft (NULL: nothing) no longer does. */
static void
collect_releases(struct idm_evaluation *e, const struct idm_entry *before,
    const struct idm_draft *draft, struct idm_item *item)
{
	bool of_profile = idm_entry_has_class(before, "access_control_profile");

	for (uint32_t i = 0; idm_entry_attr_at(before, i) != 0; i++) {
		uint32_t number = idm_entry_attr_at(before, i);
		const struct idm_attr *attr = idm_schema_attr_number(e->read->schema, number);
		struct idm_value_iter iter = idm_entry_values(before, number);
		enum idm_claim kind = attr == NULL ? 0 : idm_claim_kind(attr, of_profile);
		struct idm_value value;

		if (kind == 0)
			continue;
		while (idm_value_next(&iter, &value)) {
			if (draft == NULL || !idm_draft_has_norm(draft, number, value.norm))
				add_claim(item, kind, false, number, value.norm);
		}
	}
}

/* What the draft claims and `before` (NULL: nothing) did not. */
static void
collect_takes(struct idm_evaluation *e, const struct idm_entry *before, struct idm_item *item)
{
	bool of_profile = is_profile(e->draft);
	uint32_t number;

	for (size_t i = 0; (number = idm_draft_attr_at(e->draft, i)) != 0; i++) {
		const struct idm_attr *attr = idm_schema_attr_number(e->read->schema, number);
		enum idm_claim kind = attr == NULL ? 0 : idm_claim_kind(attr, of_profile);
		const struct idm_value *values;
		size_t count;

		if (kind == 0)
			continue;
		values = idm_draft_values(e->draft, number, &count);
		for (size_t k = 0; k < count; k++) {
			if (before == NULL || !idm_entry_has_norm(before, number, values[k].norm))
				add_claim(item, kind, true, number, values[k].norm);
		}
	}
}

/* Room for a claim a value: before, and in the draft. */
static enum idm_result
room_for_claims(struct idm_evaluation *e, const struct idm_entry *before, struct idm_item *item)
{
	size_t room = 1;
	uint32_t number;

	for (uint32_t i = 0; before != NULL && (number = idm_entry_attr_at(before, i)) != 0; i++)
		room += idm_entry_values(before, number).left;
	for (size_t i = 0; e->draft != NULL && (number = idm_draft_attr_at(e->draft, i)) != 0;
	     i++) {
		size_t count;

		idm_draft_values(e->draft, number, &count);
		room += count;
	}
	item->claims = idm_arena_array(e->read->arena, room, sizeof(*item->claims));
	return item->claims == NULL ? IDM_LIMIT : IDM_OK;
}

enum idm_result
idm_rules_claims(struct idm_evaluation *e, struct idm_item *item)
{
	enum idm_result result = room_for_claims(e, e->exists ? &e->before : NULL, item);

	if (result != IDM_OK)
		return result;
	if (e->exists)
		collect_releases(e, &e->before, e->draft, item);
	collect_takes(e, e->exists ? &e->before : NULL, item);
	return IDM_OK;
}

enum idm_result
idm_rules_take(struct idm_evaluation *e, struct idm_item *item)
{
	enum idm_result result = room_for_claims(e, NULL, item);

	if (result == IDM_OK)
		collect_takes(e, NULL, item);
	return result;
}

enum idm_result
idm_rules_release(struct idm_evaluation *e, const struct idm_entry *entry, struct idm_item *item)
{
	enum idm_result result = room_for_claims(e, entry, item);

	if (result == IDM_OK)
		collect_releases(e, entry, NULL, item);
	return result;
}

/* Has the entry the class, before the change or after it? */
static bool
is_or_was(const struct idm_evaluation *e, const char *class_name)
{
	return idm_draft_has_class(e->draft, class_name) ||
	       (e->exists && idm_entry_has_class(&e->before, class_name));
}

uint32_t
idm_rules_flags(const struct idm_evaluation *e)
{
	uint32_t flags = 0;

	if (is_or_was(e, "access_control_profile"))
		flags |= IDM_ITEM_FLAG_ACCESS;
	if (is_or_was(e, "attributetype") || is_or_was(e, "classtype"))
		flags |= IDM_ITEM_FLAG_SCHEMA;
	if (is_or_was(e, "group"))
		flags |= IDM_ITEM_FLAG_GROUPS;
	if (is_or_was(e, "radius_policy") || is_or_was(e, "radius_client") ||
	    is_or_was(e, "domain_info"))
		flags |= IDM_ITEM_FLAG_RADIUS;
	return flags;
}
