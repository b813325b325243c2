/*
 * The FreeRADIUS module: the identity core, asked in-process (SPEC 9, DESIGN 7).
 *
 * authorize finds the account and gives its RADIUS secret to the modules that check passwords;
 * post-auth decides again, about the account that authorize, the TLS tunnel or the resumed TLS
 * session named (its "handle"), and alone adds reply attributes.  Both ask idm_radius_decide.
 *
 * Worker threads share an instance and change nothing in it.  The module has no HUP_SAFE: an
 * instance lives as long as the process, and all instances share one environment.
 */
#include <freeradius/radiusd.h>
#include <freeradius/modules.h>

#include <pthread.h>

#include "common/clock.h"
#include "core/radius.h"
#include "core/store.h"
#include "rlm_kanidm/reply.h"
#include "rlm_kanidm/report.h"
#include "rlm_kanidm/ring.h"

enum {
	REQUIRED_GROUPS_MAX = 64,
	LOG_NAME_BYTES = 320,
	DECISION_BYTES = 8 << 20, /* the most that one decision may use: groups above an account */
};

/* An instance: what modules.conf says, and what came of it. */
struct rlm_kanidm {
	char const *database; /* the directory of identity.mdb */
	char const *key_file;
	uint32_t session_timeout_s; /* 0: only the account's expiry limits a session */
	char const *report_socket;  /* NULL: in the directory of key_file; "": none */

	struct idm_span required_groups[REQUIRED_GROUPS_MAX]; /* borrowed from the configuration */
	size_t required_count;                                /* 0: the domain's decide */
	struct idm_store *store;                              /* the process's */
	struct ring *ring;
	struct reporter *reporter;
};

static const CONF_PARSER module_config[] = {
	{ "database",
	    FR_CONF_OFFSET(
		PW_TYPE_STRING | PW_TYPE_REQUIRED | PW_TYPE_NOT_EMPTY, struct rlm_kanidm, database),
	    NULL },
	{ "key_file",
	    FR_CONF_OFFSET(
		PW_TYPE_STRING | PW_TYPE_REQUIRED | PW_TYPE_NOT_EMPTY, struct rlm_kanidm, key_file),
	    NULL },
	{ "session_timeout", FR_CONF_OFFSET(PW_TYPE_INTEGER, struct rlm_kanidm, session_timeout_s),
	    "0" },
	{ "report_socket", FR_CONF_OFFSET(PW_TYPE_STRING, struct rlm_kanidm, report_socket), NULL },
	CONF_PARSER_TERMINATOR
};

/*
 * LMDB allows one environment of a file in a process, so instances share it and count.  `memories`
 * holds each thread's memory, made when it first decides.
 */
static struct {
	pthread_mutex_t lock;
	struct idm_store *store;
	char *path;
	unsigned int users;
	pthread_key_t memories;
} environment = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* A destructor of thread-specific data. */
static void
free_memory(void *value)
{
	struct idm_radius_memory *memory = value;

	idm_radius_memory_free(&memory);
}

static struct idm_radius_memory *
thread_memory(void)
{
	struct idm_radius_memory *memory = pthread_getspecific(environment.memories);

	if (memory != NULL)
		return memory;
	memory = idm_radius_memory_new(DECISION_BYTES);
	if (memory != NULL && pthread_setspecific(environment.memories, memory) != 0)
		idm_radius_memory_free(&memory);
	return memory;
}

static enum idm_result
open_environment(const char *path, struct idm_error *err)
{
	enum idm_result result;

	if (!clock_init(err))
		return IDM_SYSTEM;
	if (pthread_key_create(&environment.memories, free_memory) != 0)
		return idm_fail(err, IDM_SYSTEM, "no thread-specific key is free");
	environment.path = strdup(path);
	result = environment.path == NULL ? idm_fail(err, IDM_SYSTEM, "out of memory")
					  : idm_store_open_reader(path, &environment.store, err);
	if (result == IDM_OK)
		return result;
	free(environment.path);
	environment.path = NULL;
	pthread_key_delete(environment.memories);
	return result;
}

/* The worker threads have ended; the thread that calls has used memory too. */
static void
close_environment(void)
{
	free_memory(pthread_getspecific(environment.memories));
	pthread_key_delete(environment.memories);
	idm_store_close(&environment.store);
	free(environment.path);
	environment.path = NULL;
}

static enum idm_result
environment_take(const char *path, struct idm_store **out, struct idm_error *err)
{
	enum idm_result result = IDM_OK;

	pthread_mutex_lock(&environment.lock);
	if (environment.users == 0)
		result = open_environment(path, err);
	else if (strcmp(path, environment.path) != 0)
		result = idm_fail(err, IDM_INVALID,
		    "another kanidm module has database = %s, and a server can have only one",
		    environment.path);
	if (result == IDM_OK) {
		environment.users++;
		*out = environment.store;
	}
	pthread_mutex_unlock(&environment.lock);
	return result;
}

static void
environment_release(struct idm_store **store)
{
	if (*store == NULL)
		return;
	*store = NULL;
	pthread_mutex_lock(&environment.lock);
	if (--environment.users == 0)
		close_environment();
	pthread_mutex_unlock(&environment.lock);
}

static const char required_group[] = "required_group";

static bool
item_is_known(const char *name)
{
	for (const CONF_PARSER *item = module_config; item->name != NULL; item++) {
		if (strcmp(name, item->name) == 0)
			return true;
	}
	return strcmp(name, required_group) == 0;
}

/* The server takes any item.  But a required_group that is misspelt would let everybody in. */
static bool
check_items(CONF_SECTION *conf)
{
	CONF_ITEM *item = cf_item_find_next(conf, NULL);

	for (; item != NULL; item = cf_item_find_next(conf, item)) {
		if (cf_item_is_data(item))
			continue;
		if (!cf_item_is_pair(item)) {
			cf_log_err(item, "kanidm has no sections");
			return false;
		}
		if (!item_is_known(cf_pair_attr(cf_item_to_pair(item)))) {
			cf_log_err(item,
			    "kanidm has no item %s: database, key_file, "
			    "session_timeout, required_group, report_socket",
			    cf_pair_attr(cf_item_to_pair(item)));
			return false;
		}
	}
	return true;
}

/* `required_group = NAME`, any number of times. */
static bool
read_required_groups(CONF_SECTION *conf, struct rlm_kanidm *inst)
{
	CONF_PAIR *pair = cf_pair_find(conf, required_group);

	for (; pair != NULL; pair = cf_pair_find_next(conf, pair, required_group)) {
		const char *value = cf_pair_value(pair);

		if (value == NULL || *value == '\0') {
			cf_log_err_cp(pair, "name a group, or leave the line out");
			return false;
		}
		if (inst->required_count == REQUIRED_GROUPS_MAX) {
			cf_log_err_cp(pair, "more than %d required groups: make one group of them",
			    REQUIRED_GROUPS_MAX);
			return false;
		}
		inst->required_groups[inst->required_count++] = idm_span_cstr(value);
	}
	return true;
}

/*
 * Nothing needs registering before the other modules are instantiated.  But a module that has a
 * bootstrap is never instantiated again on HUP, whatever its flags.
 */
static int
mod_bootstrap(CONF_SECTION *conf, void *instance)
{
	return check_items(conf) && read_required_groups(conf, instance) ? 0 : -1;
}

static int
mod_instantiate(CONF_SECTION *conf, void *instance)
{
	struct rlm_kanidm *inst = instance;
	struct idm_error err;

	if (environment_take(inst->database, &inst->store, &err) != IDM_OK) {
		cf_log_err_cs(conf, "database: %s", err.text);
		return -1;
	}
	if (ring_open(inst->key_file, &inst->ring, &err) != IDM_OK) {
		cf_log_err_cs(conf, "key_file: %s", err.text);
		return -1;
	}
	if (inst->report_socket == NULL)
		inst->report_socket = report_default_path(inst, inst->key_file);
	if (inst->report_socket != NULL)
		inst->reporter = reporter_new(inst->report_socket);
	if (inst->reporter == NULL) {
		cf_log_err_cs(conf, "report_socket: too long a path, or no memory");
		return -1;
	}
	return 0;
}

static int
mod_detach(void *instance)
{
	struct rlm_kanidm *inst = instance;

	ring_close(&inst->ring);
	reporter_free(&inst->reporter);
	environment_release(&inst->store);
	return 0;
}

/* The packet of the NAS: that of the outer request where this one is of a tunnel. */
static const RADIUS_PACKET *
nas_packet(const REQUEST *request)
{
	while (request->parent != NULL)
		request = request->parent;
	return request->packet;
}

static struct idm_span
text_of(const RADIUS_PACKET *packet, unsigned int attr)
{
	const VALUE_PAIR *pair = fr_pair_find_by_num(packet->vps, attr, 0, TAG_ANY);

	return pair == NULL ? IDM_SPAN_EMPTY : idm_span_of(pair->vp_strvalue, pair->vp_length);
}

static struct idm_span
port_of(const RADIUS_PACKET *packet, char number[16])
{
	struct idm_span name = text_of(packet, PW_NAS_PORT_ID);
	const VALUE_PAIR *pair = fr_pair_find_by_num(packet->vps, PW_NAS_PORT, 0, TAG_ANY);

	if (name.len != 0 || pair == NULL)
		return name;
	snprintf(number, 16, "%u", pair->vp_integer);
	return idm_span_cstr(number);
}

/* Tell the core process, for the audit trail. */
static void
report(const struct rlm_kanidm *inst, const REQUEST *request, enum idm_report_kind kind,
    const struct idm_uuid *account, struct idm_span name, const char *reason)
{
	const RADIUS_PACKET *packet = nas_packet(request);
	char nas[INET6_ADDRSTRLEN] = "";
	char number[16];
	struct idm_report out = {
		.kind = kind,
		.name = name,
		.reason = idm_span_cstr(reason),
		.port = port_of(packet, number),
		.session = text_of(packet, PW_ACCT_SESSION_ID),
		.station = text_of(packet, PW_CALLING_STATION_ID),
	};

	if (account != NULL)
		out.account = *account;
	if (inet_ntop(packet->src_ipaddr.af, &packet->src_ipaddr.ipaddr, nas, sizeof(nas)) != NULL)
		out.nas = idm_span_cstr(nas);
	report_send(inst->reporter, &out);
}

/* The one line that a decision gets.  `who` may be what a client sent, so it is escaped. */
static void
log_line(REQUEST *request, log_type_t type, const char *what, struct idm_span who, const char *why)
{
	const RADIUS_PACKET *packet = nas_packet(request);
	char name[LOG_NAME_BYTES];
	char nas[INET6_ADDRSTRLEN];

	fr_prints(name, sizeof(name), (const char *)who.ptr, (ssize_t)who.len, '"');
	if (inet_ntop(packet->src_ipaddr.af, &packet->src_ipaddr.ipaddr, nas, sizeof(nas)) == NULL)
		strlcpy(nas, "unknown", sizeof(nas));
	radlog_request(type, L_DBG_LVL_OFF, request, "%s \"%s\", NAS %s: %s", what, name, nas, why);
}

/*
 * Say why the answer will be no.  It is logged once, when the server has decided (log_refusal), or
 * at once where there will be no answer.
 */
static rlm_rcode_t
refuse(REQUEST *request, rlm_rcode_t code, struct idm_span who, const char *why)
{
	module_failure_msg(request, "%s", why);
	if (code == RLM_MODULE_FAIL)
		log_line(request, L_ERR, "no answer about", who, why);
	return code;
}

static rlm_rcode_t
verdict_code(enum idm_radius_verdict verdict)
{
	switch (verdict) {
	case IDM_RADIUS_ACCEPT: return RLM_MODULE_OK;
	case IDM_RADIUS_NOT_FOUND: return RLM_MODULE_NOTFOUND;
	case IDM_RADIUS_OUTSIDE_WINDOW: return RLM_MODULE_USERLOCK;
	case IDM_RADIUS_SERVICE_ACCOUNT:
	case IDM_RADIUS_NO_SECRET:
	case IDM_RADIUS_NOT_IN_GROUP: return RLM_MODULE_REJECT;
	}
	return RLM_MODULE_FAIL;
}

/* Whoever typed "anonymous" or an old name, or a uuid: the line says whose account it is. */
static rlm_rcode_t
refuse_account(REQUEST *request, rlm_rcode_t code, const struct idm_radius_answer *answer)
{
	char why[sizeof(answer->spn) + sizeof(answer->reason) + 2];
	struct idm_span spn = idm_span_cstr(answer->spn);

	snprintf(why, sizeof(why), "%s%s%s", answer->spn, spn.len > 0 ? ": " : "", answer->reason);
	return refuse(request, code, spn, why);
}

/* The core's answer, and the second for which it was given. */
struct decision {
	int64_t at_s;
	struct idm_radius_answer answer; /* wiped by whoever has the decision */
};

/* With the keys as they are; once more where they have been replaced since they were read. */
static enum idm_result
ask(const struct rlm_kanidm *inst, const struct idm_radius_query *query, struct idm_now now,
    struct idm_radius_answer *answer, struct idm_error *err)
{
	struct idm_radius_memory *memory = thread_memory();
	const struct idm_keyring *keys = ring_keys(inst->ring);
	enum idm_result result;

	if (memory == NULL)
		return idm_fail(err, IDM_SYSTEM, "out of memory");
	result = idm_radius_decide(inst->store, keys, query, now, memory, answer, err);
	if (result == IDM_CORRUPT && ring_renew(inst->ring, keys))
		result = idm_radius_decide(
		    inst->store, ring_keys(inst->ring), query, now, memory, answer, err);
	return result;
}

/* Ask the core about `who`, and log a refusal.  RLM_MODULE_OK: the answer has the secret too. */
static rlm_rcode_t
decide(
    const struct rlm_kanidm *inst, REQUEST *request, struct idm_span who, struct decision *decision)
{
	struct idm_radius_answer *answer = &decision->answer;
	const struct idm_radius_query query = {
		.user_name = who,
		.groups = inst->required_groups,
		.group_count = inst->required_count,
		.need_secret = true,
	};
	struct idm_now now = idm_store_now(inst->store, clock_now_s());
	struct idm_error err = { .text = "" };
	rlm_rcode_t code;

	idm_radius_answer_wipe(answer);
	if (ask(inst, &query, now, answer, &err) != IDM_OK)
		return refuse(request, RLM_MODULE_FAIL, who, err.text);
	decision->at_s = now.at_s;
	code = verdict_code(answer->verdict);
	if (code != RLM_MODULE_OK)
		return refuse_account(request, code, answer);
	return code;
}

static struct idm_span
typed_name(const REQUEST *request)
{
	const VALUE_PAIR *name = request->username;

	return name == NULL ? IDM_SPAN_EMPTY : idm_span_of(name->vp_strvalue, name->vp_length);
}

/* The secret for pap, chap and mschap, and the handle for post-auth, into the control list. */
static bool
give_account(REQUEST *request, const struct idm_radius_answer *answer)
{
	char handle[HANDLE_TEXT];

	return handle_format(answer, handle) && handle_set(request, &request->config, handle) &&
	       reply_give_secret(request, idm_span_of(answer->secret, answer->secret_len));
}

/* There will be no answer: that is known now, and at no later point. */
static rlm_rcode_t
report_failure(const struct rlm_kanidm *inst, REQUEST *request, rlm_rcode_t code)
{
	const char *why = failure_message(request->packet->vps);

	if (code == RLM_MODULE_FAIL)
		report(inst, request, IDM_REPORT_FAILED, NULL, typed_name(request),
		    why == NULL ? "" : why);
	return code;
}

static rlm_rcode_t
authorize(const struct rlm_kanidm *inst, REQUEST *request)
{
	struct idm_span who = typed_name(request);
	struct decision decision;
	rlm_rcode_t code;

	if (who.len == 0)
		return refuse(request, RLM_MODULE_INVALID, who, "no User-Name");
	code = decide(inst, request, who, &decision);
	if (code == RLM_MODULE_OK && !give_account(request, &decision.answer))
		code = refuse(request, RLM_MODULE_FAIL, who, "out of memory");
	idm_radius_answer_wipe(&decision.answer);
	return code;
}

static rlm_rcode_t
mod_authorize(void *instance, REQUEST *request)
{
	return report_failure(instance, request, authorize(instance, request));
}

/*
 * Whom post-auth is about.  In the outer server of a TLS method that is whom the inner server's
 * reply or the resumed session names, never the outer name.  Where two are named they must agree.
 */
static struct idm_span
find_handle(REQUEST *request)
{
	const struct idm_span found[] = {
		handle_get(request->config),     /* authorize saw the name itself */
		handle_get(request->state),      /* the session was resumed */
		handle_get(request->reply->vps), /* the tunnel's inner reply */
	};
	struct idm_span handle = IDM_SPAN_EMPTY;

	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		if (found[i].len == 0)
			continue;
		if (handle.len > 0 && !idm_span_equal(handle, found[i]))
			return IDM_SPAN_EMPTY;
		handle = found[i];
	}
	return handle;
}

/* The account is let in: name it to the outer server or, in the outer server, answer the NAS. */
static rlm_rcode_t
let_in(const struct rlm_kanidm *inst, REQUEST *request, const struct decision *decision,
    const char *handle)
{
	const struct idm_radius_answer *answer = &decision->answer;
	struct idm_span who = idm_span_cstr(answer->spn);
	bool resumed = handle_get(request->state).len > 0;
	uint32_t timeout_s;

	if (request->parent != NULL) {
		if (!handle_set(request->reply, &request->reply->vps, handle))
			return refuse(request, RLM_MODULE_FAIL, who, "out of memory");
		return RLM_MODULE_UPDATED;
	}
	handle_clear(&request->reply->vps);
	timeout_s = session_timeout(inst->session_timeout_s, answer->expire_s, decision->at_s);
	if (!reply_limit_session(request, timeout_s) || !reply_name_account(request, answer->name))
		return refuse(request, RLM_MODULE_FAIL, who, "out of memory");
	log_line(request, L_AUTH, "let in", who, resumed ? "TLS session resumed" : "authenticated");
	report(inst, request, IDM_REPORT_ACCEPTED, &answer->uuid, who,
	    resumed ? "TLS session resumed" : "authenticated");
	return RLM_MODULE_UPDATED;
}

/* Once more: the account may have been locked since, and a resumed session skipped authorize. */
static rlm_rcode_t
decide_again(const struct rlm_kanidm *inst, REQUEST *request, struct idm_span handle)
{
	struct idm_span who = handle_uuid(handle);
	struct decision decision;
	char fresh[HANDLE_TEXT];
	rlm_rcode_t code = decide(inst, request, who, &decision);

	if (code != RLM_MODULE_OK)
		goto out;
	if (!handle_format(&decision.answer, fresh))
		code = refuse(request, RLM_MODULE_FAIL, who, "libcrypto failed");
	else if (!idm_span_equal(handle, idm_span_cstr(fresh)))
		code = refuse(request, RLM_MODULE_REJECT, idm_span_cstr(decision.answer.spn),
		    "the RADIUS secret was changed since the session began");
	else
		code = let_in(inst, request, &decision, fresh);
out:
	idm_radius_answer_wipe(&decision.answer);
	return code;
}

/*
 * Post-Auth-Type REJECT: the line about a refusal, whichever module refused.  What an inner server
 * refuses reaches the outer one as well; only the first of them logs.
 */
static rlm_rcode_t
log_refusal(const struct rlm_kanidm *inst, REQUEST *request)
{
	const char *why = failure_message(request->packet->vps);

	if (failure_message(request->state) != NULL)
		return RLM_MODULE_NOOP;
	if (why == NULL)
		why = "no module knows it";
	log_line(request, L_AUTH, "refused", typed_name(request), why);
	report(inst, request, IDM_REPORT_REFUSED, NULL, typed_name(request), why);
	if (request->parent != NULL)
		failure_set(request->parent->state_ctx, &request->parent->state, why);
	return RLM_MODULE_NOOP;
}

static rlm_rcode_t
mod_post_auth(void *instance, REQUEST *request)
{
	struct idm_span handle;
	rlm_rcode_t code;

	if (request->reply->code == PW_CODE_ACCESS_REJECT)
		return log_refusal(instance, request);
	handle = find_handle(request);
	if (handle_uuid(handle).len == 0)
		return refuse(request, RLM_MODULE_REJECT, typed_name(request),
		    "nothing says which account was authenticated");
	code = decide_again(instance, request, handle);
	/* Only authorize goes on where an account is unknown: another module may know it. */
	if (code == RLM_MODULE_NOTFOUND)
		code = RLM_MODULE_REJECT;
	return report_failure(instance, request, code);
}

/* A session begins or ends; what it needed on its way was asked for at its login. */
static rlm_rcode_t
mod_accounting(void *instance, REQUEST *request)
{
	const VALUE_PAIR *status =
	    fr_pair_find_by_num(request->packet->vps, PW_ACCT_STATUS_TYPE, 0, TAG_ANY);

	if (status == NULL)
		return RLM_MODULE_INVALID;
	if (status->vp_integer == PW_STATUS_START)
		report(instance, request, IDM_REPORT_STARTED, NULL, typed_name(request),
		    "session started");
	else if (status->vp_integer == PW_STATUS_STOP)
		report(instance, request, IDM_REPORT_STOPPED, NULL, typed_name(request),
		    "session stopped");
	return RLM_MODULE_OK;
}

__attribute__((visibility("default"))) extern module_t rlm_kanidm;
module_t rlm_kanidm = {
	.magic = RLM_MODULE_INIT,
	.name = "kanidm",
	.type = RLM_TYPE_THREAD_SAFE,
	.inst_size = sizeof(struct rlm_kanidm),
	.config = module_config,
	.bootstrap = mod_bootstrap,
	.instantiate = mod_instantiate,
	.detach = mod_detach,
	.methods = {
		[MOD_AUTHORIZE] = mod_authorize,
		[MOD_ACCOUNTING] = mod_accounting,
		[MOD_POST_AUTH] = mod_post_auth,
	},
};
