#include "core/radius.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "core/admission.h"
#include "core/builtin.h"
#include "core/closure.h"
#include "core/groups.h"

enum {
	DECIDE_TRIES = 3,
	REASON_CHARS = sizeof(((struct idm_radius_answer *)0)->reason) - 1,
};

struct idm_radius_memory {
	struct idm_arena *arena;   /* of the decision at hand */
	struct idm_groups *groups; /* NULL: there was no memory for it; then it is slower */
};

/* One decision on one snapshot. */
struct decision {
	const struct idm_keyring *ring;
	const struct idm_radius_query *query;
	struct idm_read read;
	struct idm_entry account;
	struct idm_radius_answer *out;
};

/* What was decided: IDM_OK, with verdict and reason for the log. */
static enum idm_result
decide(struct decision *d, enum idm_radius_verdict verdict, const char *reason)
{
	d->out->verdict = verdict;
	snprintf(d->out->reason, sizeof(d->out->reason), "%.*s", REASON_CHARS, reason);
	return IDM_OK;
}

/* Without the DOMAIN of `DOMAIN\name`, as Windows sends it; whichever it is, the name is ours. */
static struct idm_span
without_nt_domain(struct idm_span name)
{
	const uint8_t *backslash = name.len == 0 ? NULL : memchr(name.ptr, '\\', name.len);
	size_t skip = backslash == NULL ? 0 : (size_t)(backslash - name.ptr) + 1;

	return idm_span_of(name.ptr + skip, name.len - skip);
}

static void
describe_account(struct decision *d)
{
	struct idm_span name = idm_entry_text(&d->account, IDM_ATTR_NAME);
	struct idm_radius_answer *out = d->out;

	out->uuid = d->account.uuid;
	snprintf(out->name, sizeof(out->name), "%.*s", IDM_SPAN_ARG(name));
	idm_lookup_spn(&d->read, &d->account, out->spn);
	out->expire_s = idm_entry_datetime(&d->account, IDM_ATTR_ACCOUNT_EXPIRE, INT64_MAX);
}

/* IDM_NOT_FOUND: nobody with this name, or what has it is no account. */
static enum idm_result
find_account(struct decision *d, struct idm_error *err)
{
	struct idm_span name = without_nt_domain(d->query->user_name);
	enum idm_result result = idm_lookup_text(&d->read, name, &d->account, err);

	if (result == IDM_INVALID)
		return IDM_NOT_FOUND; /* what can't be a name is nobody's */
	if (result != IDM_OK)
		return result;
	return idm_entry_has_class(&d->account, "account") ? IDM_OK : IDM_NOT_FOUND;
}

/* *inside: the account is in the group that the query names; a group that is gone holds nobody. */
static enum idm_result
in_named_group(struct decision *d, struct idm_span name, const struct idm_ids *memberof,
    bool *inside, struct idm_error *err)
{
	struct idm_entry group;
	enum idm_result result = idm_lookup_text(&d->read, name, &group, err);

	*inside = result == IDM_OK && idm_ids_has(memberof, group.id);
	return result == IDM_NOT_FOUND || result == IDM_INVALID ? IDM_OK : result;
}

/* The same of a reference that the domain holds. */
static enum idm_result
in_referenced_group(struct decision *d, struct idm_span reference, const struct idm_ids *memberof,
    bool *inside, struct idm_error *err)
{
	struct idm_uuid uuid;
	struct idm_entry group;
	enum idm_result result;

	if (!idm_uuid_load(reference, &uuid))
		return idm_fail(err, IDM_CORRUPT, "radius_required_group is no reference");
	result = idm_lookup_uuid(&d->read, &uuid, &group, err);
	*inside = result == IDM_OK && idm_ids_has(memberof, group.id);
	return result == IDM_NOT_FOUND ? IDM_OK : result;
}

static enum idm_result
in_domain_groups(
    struct decision *d, const struct idm_ids *memberof, bool *inside, struct idm_error *err)
{
	struct idm_uuid uuid = idm_uuid_builtin(IDM_BUILTIN_DOMAIN_INFO);
	struct idm_entry domain;
	struct idm_value_iter groups;
	struct idm_value group;
	enum idm_result result = idm_lookup_uuid(&d->read, &uuid, &domain, err);

	if (result == IDM_NOT_FOUND)
		return idm_fail(err, IDM_CORRUPT, "the database has no domain_info");
	if (result != IDM_OK)
		return result;
	groups = idm_entry_values(&domain, IDM_ATTR_RADIUS_REQUIRED_GROUP);
	while (result == IDM_OK && !*inside && idm_value_next(&groups, &group))
		result = in_referenced_group(d, group.stored, memberof, inside, err);
	return result;
}

/* Is the account, at any depth, in one of the required groups?  Required of nobody: in none. */
static enum idm_result
in_required_group(struct decision *d, bool *inside, struct idm_error *err)
{
	struct idm_ids memberof;
	enum idm_result result = idm_closure_memberof(&d->read, &d->account, &memberof, err);

	*inside = false;
	if (result != IDM_OK)
		return result;
	if (d->query->group_count == 0)
		return in_domain_groups(d, &memberof, inside, err);
	for (size_t i = 0; result == IDM_OK && !*inside && i < d->query->group_count; i++)
		result = in_named_group(d, d->query->groups[i], &memberof, inside, err);
	return result;
}

/* IDM_NOT_FOUND: the account has none. */
static enum idm_result
unseal_secret(struct decision *d, struct idm_error *err)
{
	struct idm_span blob, plain;
	enum idm_result result =
	    idm_lookup_secret(&d->read, d->account.id, IDM_ATTR_RADIUS_SECRET, &blob, err);

	if (result != IDM_OK)
		return result;
	result = idm_unseal(
	    d->ring, &d->account.uuid, IDM_ATTR_RADIUS_SECRET, blob, d->read.arena, &plain, err);
	if (result != IDM_OK)
		return result;
	if (plain.len == 0 || plain.len > sizeof(d->out->secret))
		return idm_fail(err, IDM_CORRUPT, "the RADIUS secret of %s has %zu octets",
		    d->out->spn, plain.len);
	memcpy(d->out->secret, plain.ptr, plain.len);
	d->out->secret_len = plain.len;
	return IDM_OK;
}

static enum idm_result
decide_account(struct decision *d, struct idm_error *err)
{
	struct idm_error why = { .text = "" };
	bool inside;
	enum idm_result result = idm_admission_check(&d->read, &d->account, &why);

	if (result == IDM_DENIED)
		return decide(d, IDM_RADIUS_OUTSIDE_WINDOW, why.text);
	if (result != IDM_OK)
		return idm_fail(err, result, "%s", why.text);
	if (!idm_entry_has_class(&d->account, "person"))
		return decide(
		    d, IDM_RADIUS_SERVICE_ACCOUNT, "a service account has no RADIUS access");
	result = in_required_group(d, &inside, err);
	if (result != IDM_OK)
		return result;
	if (!inside)
		return decide(d, IDM_RADIUS_NOT_IN_GROUP, "in none of the required groups");
	result = d->query->need_secret ? unseal_secret(d, err) : IDM_OK;
	if (result == IDM_NOT_FOUND)
		return decide(d, IDM_RADIUS_NO_SECRET, "no RADIUS secret is set");
	if (result != IDM_OK)
		return result;
	return decide(d, IDM_RADIUS_ACCEPT, "");
}

static enum idm_result
decide_in(struct decision *d, const struct idm_txn *txn, struct idm_now now,
    struct idm_radius_memory *memory, struct idm_error *err)
{
	enum idm_result result = idm_read_attach(txn, memory->arena, now, &d->read, err);

	if (result == IDM_OK)
		result = idm_groups_use(memory->groups, &d->read, err);
	if (result != IDM_OK)
		return result;
	result = find_account(d, err);
	if (result == IDM_NOT_FOUND)
		return decide(d, IDM_RADIUS_NOT_FOUND, "no account has this name");
	if (result != IDM_OK)
		return result;
	describe_account(d);
	return decide_account(d, err);
}

/* On the newest snapshot; IDM_BUSY: it took so long that the snapshot may be gone. */
static enum idm_result
decide_once(struct idm_store *store, struct decision *d, struct idm_now now,
    struct idm_radius_memory *memory, struct idm_error *err)
{
	struct idm_txn txn;
	enum idm_result result;

	idm_radius_answer_wipe(d->out);
	result = idm_store_read_begin(store, &txn, err);
	if (result != IDM_OK)
		return result;
	result = decide_in(d, &txn, now, memory, err);
	/* A snapshot that is too old may have gone while it was read: whatever it said is void. */
	if (idm_store_read_check(&txn, NULL) != IDM_OK)
		result = idm_fail(err, IDM_BUSY, "the decision took too long");
	idm_store_read_end(&txn);
	return result;
}

enum idm_result
idm_radius_decide(struct idm_store *store, const struct idm_keyring *ring,
    const struct idm_radius_query *query, struct idm_now now, struct idm_radius_memory *memory,
    struct idm_radius_answer *out, struct idm_error *err)
{
	struct decision d = { .ring = ring, .query = query, .out = out };
	enum idm_result result = IDM_BUSY;

	for (int i = 0; i < DECIDE_TRIES && result == IDM_BUSY; i++)
		result = decide_once(store, &d, now, memory, err);
	idm_arena_reset(memory->arena); /* a secret was in it */
	if (result != IDM_OK)
		idm_radius_answer_wipe(out);
	return result;
}

struct idm_radius_memory *
idm_radius_memory_new(size_t decision_budget_bytes)
{
	struct idm_radius_memory *memory = calloc(1, sizeof(*memory));

	if (memory == NULL)
		return NULL;
	memory->arena = idm_arena_new(decision_budget_bytes);
	if (memory->arena == NULL)
		idm_radius_memory_free(&memory);
	else
		memory->groups = idm_groups_new(IDM_GROUPS_THREAD_BYTES);
	return memory;
}

void
idm_radius_memory_free(struct idm_radius_memory **memory)
{
	if (*memory == NULL)
		return;
	idm_groups_free(&(*memory)->groups);
	idm_arena_free(&(*memory)->arena);
	free(*memory);
	*memory = NULL;
}

void
idm_radius_answer_wipe(struct idm_radius_answer *answer)
{
	OPENSSL_cleanse(answer, sizeof(*answer));
	answer->verdict = IDM_RADIUS_NOT_FOUND; /* an answer that nobody gave lets nobody in */
}
