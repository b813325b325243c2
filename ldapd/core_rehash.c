/*
 * A password that fitted a hash made elsewhere, or at other parameters, is hashed anew (SPEC 6.2,
 * 6.3).  Nobody waits for that: where the pool or the line of changes is full it is left for the
 * next time.  The credential stays the same one, so whoever proved it goes on (CHANGES 16, 19).
 */
#include <assert.h>
#include <stdlib.h>

#include "ldapd/core.h"
#include "ldapd/log.h"

/* Credentials that are under way: several logins at once ask for the same. */
struct core_rehashing {
	struct idm_uuid account;
	uint32_t attr_number;
	struct core_rehashing *next;
};

static struct core_rehashing **
find(struct core *core, const struct idm_uuid *account, uint32_t attr_number)
{
	struct core_rehashing **at = &core->rehashing;

	while (*at != NULL &&
	       ((*at)->attr_number != attr_number || !idm_uuid_equal(&(*at)->account, account)))
		at = &(*at)->next;
	return at;
}

/* NULL: it is under way already, or there is no memory to note it. */
static struct core_job *
begin(struct core *core, const struct idm_uuid *account, const struct idm_auth_test *test)
{
	struct core_rehashing **at = find(core, account, test->attr_number);
	struct core_job *job;

	if (*at != NULL)
		return NULL;
	*at = calloc(1, sizeof(**at));
	if (*at == NULL)
		return NULL;
	(*at)->account = *account;
	(*at)->attr_number = test->attr_number;
	job = core_job_own(core);
	job->request.target = *account;
	job->secret = (struct idm_request_secret){ .attr_number = test->attr_number,
		.set_at_no = test->set_at_no };
	return job;
}

static void
end(struct core_job *job)
{
	struct core_rehashing **at = find(job->core, &job->request.target, job->secret.attr_number);
	struct core_rehashing *over = *at;

	assert(over != NULL);
	*at = over->next;
	free(over);
	core_job_done(job, LDAP_SUCCESS, ""); /* nobody hears of it */
}

static void
on_stored(struct core_job *job, enum idm_result result, const struct idm_error *err)
{
	char uuid[IDM_UUID_TEXT];

	idm_uuid_format(&job->request.target, uuid);
	if (result == IDM_OK)
		log_info("core: a password of %s is stored as Argon2id now", uuid);
	else
		log_info("core: a password of %s is not stored anew: %s", uuid, err->text);
	end(job);
}

/* Is it still stored as it was tested?  Others may have logged in, or set another, meanwhile. */
static enum idm_result
check_needed(struct core_job *job, struct idm_error *err)
{
	const struct idm_uuid *account = &job->request.target;
	struct idm_span blob, phc;
	struct core_read read;
	struct idm_entry entry;
	enum idm_result result = core_read_begin(job, &read, err);

	if (result == IDM_OK)
		result = idm_lookup_uuid(&read.read, account, &entry, err);
	if (result == IDM_OK)
		result =
		    idm_lookup_secret(&read.read, entry.id, job->secret.attr_number, &blob, err);
	if (result == IDM_OK && idm_seal_set_at(blob) != job->secret.set_at_no)
		result = IDM_NOT_FOUND;
	if (result == IDM_OK)
		result = idm_unseal(job->core->data.password_ring, account, job->secret.attr_number,
		    blob, job->arena, &phc, err);
	if (result == IDM_OK && !idm_password_needs_upgrade(phc, &job->core->config->argon2))
		result = IDM_NOT_FOUND;
	core_read_end(&read);
	return result;
}

static void
on_hashed(struct hash_job *hash)
{
	struct core_job *job = hash->context;
	struct idm_error err = { .text = "" };
	enum idm_result result = hash->result;

	if (result == IDM_OK)
		result = check_needed(job, &err);
	if (result == IDM_OK)
		job->secret.plain = idm_arena_copy(job->arena, idm_span_cstr(hash->phc));
	if (result != IDM_OK || job->secret.plain.ptr == NULL) {
		end(job);
		return;
	}
	job->request.operation = IDM_OP_MODIFY;
	job->request.secrets = &job->secret;
	job->request.secret_count = 1;
	core_change(job, on_stored);
}

static void
on_dropped(struct hash_job *hash)
{
	end(hash->context);
}

void
core_rehash(struct core *core, const struct hash_job *fitted)
{
	const struct idm_auth_test *test = &fitted->plan.tests[fitted->fitted];
	struct hash_job *hash;
	struct core_job *job;

	if (!idm_password_needs_upgrade(idm_span_cstr(test->phc), &core->config->argon2))
		return;
	job = begin(core, &fitted->plan.account, test);
	if (job == NULL)
		return;
	hash = hash_job_new(
	    HASH_MAKE, idm_span_of((const uint8_t *)fitted->password, fitted->password_len));
	if (hash == NULL) {
		end(job);
		return;
	}
	hash->context = job;
	hash->done = on_hashed;
	hash->dropped = on_dropped;
	if (hash_pool_submit_spare(core->pool, hash))
		return;
	on_dropped(hash);
	hash_job_free(&hash);
}
