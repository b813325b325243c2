/*
 * Credential update sessions (SPEC 6.8), in the core process' memory alone: a restart ends them,
 * and gives the reset tokens back that they began with.
 *
 * core_updates keeps them; core_update serves the steps, core_update_commit the last one, and
 * core_reset the tokens that one may begin with.
 */
#ifndef LDAPD_CORE_UPDATE_H
#define LDAPD_CORE_UPDATE_H

#include "core/reset.h"
#include "core/second_factor.h"
#include "ldapd/core_exop.h"

enum {
	CORE_UPDATE_S = 15 * 60,
	CORE_UPDATES_MAX = 1024, /* that of as many accounts may be open at once */
};

enum core_update_state {
	CORE_UPDATE_OPEN,
	CORE_UPDATE_COMMITTING,
	CORE_UPDATE_SUPERSEDED, /* by a newer one of the account */
	CORE_UPDATE_REVOKED,    /* the account is not what it was when it began */
};

enum core_update_what {
	CORE_UPDATE_KEEP,
	CORE_UPDATE_SET,
	CORE_UPDATE_REMOVE,
};

/* What is to become of a password. */
struct core_update_password {
	enum core_update_what what;
	const char *marker; /* "password", "generated" */
	bool is_short;      /* it will do beside a second factor alone */
	char phc[IDM_PHC_BYTES];
};

/* And of the second factor. */
struct core_update_factor {
	bool offered; /* a secret was shown, and no code of it came back yet */
	struct idm_totp offer;
	enum core_update_what totp_what;
	struct idm_totp totp;
	uint64_t step;     /* whose code proved it: it is not taken again */
	bool stored_short; /* the stored password is short */
	bool cleared;      /* by who resets the password of somebody else */
	enum core_update_what codes_what;
	struct idm_backup_codes codes;
};

struct core_update {
	struct core_update *next;
	struct idm_uuid id; /* of its token, with the hash of whose secret it is kept */
	uint8_t hash[IDM_TOKEN_HASH_BYTES];
	struct idm_uuid account;
	bool high_privilege; /* that the account was when it began */
	uint64_t expire_ms;  /* by the clock that runs while the machine sleeps */
	int64_t expire_s;    /* the same for people */
	enum core_update_state state;
	/* Begun by whom; with a reset token: who made that, and whose rights it takes therefore. */
	struct idm_uuid begun_by;
	bool by_reset;
	struct idm_token_row reset; /* its row, without a label */

	/* What commit will do. */
	struct core_update_password primary;
	struct core_update_password unix_password;
	struct core_update_factor factor;
};

struct core_updates *core_updates_new(void);
void core_updates_free(struct core_updates **updates);

/*
 * A new one of an account, the only one that is open from now on; `token` (to be wiped) is for who
 * began it.  IDM_BUSY: too many are open.
 */
enum idm_result core_updates_add(struct core *core, const struct idm_uuid *account,
    bool high_privilege, char token[IDM_TOKEN_TEXT], struct core_update **out,
    struct idm_error *err);

/* The open one that the token is of.  IDM_DENIED tells what became of it. */
enum idm_result core_updates_find(
    struct core *core, struct idm_span token, struct core_update **out, struct idm_error *err);
/* The same by its id: a step that went on elsewhere comes back to it. */
enum idm_result core_updates_find_id(
    struct core *core, const struct idm_uuid *id, struct core_update **out, struct idm_error *err);

/* It is over, and what it held wiped. */
void core_updates_remove(struct core *core, const struct idm_uuid *id);
/* Forget those whose time is over. */
void core_updates_sweep(struct core *core);
/* What has become of an account ends its update sessions: its own are told so. */
void core_updates_revoke(struct core *core, const struct idm_uuid *account);

/* Those of accounts that are high privilege, and were not when they began, are over. */
enum idm_result core_updates_review(struct core *core, struct idm_error *err);

/*
 * A newest snapshot with the session's account as the target, by the rights of who began it, which
 * job->identity has from here on.  IDM_DENIED: they do not suffice any more to see it; whether they
 * do to write it, *may_write says (and `why`, if not).  Always ended by core_read_end(&a->read).
 */
enum idm_result core_update_access(struct core_job *job, const struct core_update *update,
    struct core_access *a, enum idm_result *may_write, struct idm_error *why,
    struct idm_error *err);

/* Answer with the session's state; `session` and `told` may be empty. */
void core_update_answer(struct core_job *job, const struct core_update *update,
    struct idm_span session, struct idm_span told);

/* The steps that have their own files. */
void core_update_use_token(struct core_job *job, struct idm_span token);
void core_update_commit(struct core_job *job, struct core_update *update);

/* May the session commit?  `why_not` gets the reason; `may_write`, `why`: of core_update_access. */
enum idm_result core_update_check(const struct core_update *update, const struct core_access *a,
    enum idm_result may_write, const struct idm_error *why, struct idm_error *why_not);

/* The second factor (core_update_factor.c): whether there is one after commit, the steps about it,
 * what a reset by somebody else does with it, and how it is told. */
bool core_update_has_factor(const struct core_update *update, const struct idm_entry *account);
void core_update_totp(struct core_job *job, struct core_update *update);
void core_update_totp_code(struct core_job *job, struct core_update *update, struct idm_span code);
void core_update_totp_remove(struct core_job *job, struct core_update *update);
void core_update_backup_codes(struct core_job *job, struct core_update *update);
void core_update_clear_factor(struct core_update *update, const struct idm_entry *account);
/* A short password is to be set beside the stored factor, which is to say so. */
enum idm_result core_update_keep_factor(struct core_job *job, struct core_update *update,
    const struct core_access *a, struct idm_error *err);
enum idm_result core_update_write_factor(struct core_job *job, const struct core_update *update,
    const struct core_access *a, struct ber_writer *w, struct idm_error *err);

/* Service accounts have generated passwords alone. */
enum idm_result core_update_check_target(const struct core_access *a, struct idm_error *err);

/* The row of the token that a session began with: stored again, or gone. */
enum idm_result core_reset_store(
    struct core_job *job, const struct idm_token_row *row, struct idm_error *err);
enum idm_result core_reset_remove(
    struct core_job *job, const struct idm_uuid *id, struct idm_error *err);
/* Is it still there?  IDM_NOT_FOUND: no. */
enum idm_result core_reset_check(
    const struct core_read *read, const struct core_update *update, struct idm_error *err);

#endif
