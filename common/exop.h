/*
 * The extended operations that the console and scripts use besides RFC 3062 and RFC 4532: object
 * identifiers below 2.25.<uuid> (ITU-T X.667) and the ASN.1 of their values, in BER.
 *
 * In all of them `target` is a name, spn, uuid or DN; times are seconds since 1970 (UTC), 0 where
 * there is none.
 */
#ifndef COMMON_EXOP_H
#define COMMON_EXOP_H

#define EXOP_ARC "2.25.123209621810078090685772533944019847912"

/*
 * Begin a login session for the identity that is bound by its primary password.
 * Request: no value.
 * Response: SEQUENCE { token OCTET STRING, expire INTEGER, privilegedUntil INTEGER,
 *                      spn OCTET STRING }
 */
#define EXOP_SESSION_BEGIN EXOP_ARC ".1"

/*
 * End a session: the one that is bound (no value), or another of one's account, or of another's.
 * Request: SEQUENCE { sessionId OCTET STRING, target OCTET STRING OPTIONAL }; no target: oneself
 * Response: no value.
 */
#define EXOP_SESSION_END EXOP_ARC ".2"

/*
 * Prove the primary password again, and the second factor where there is one: the session that is
 * bound can write for some minutes.  Refusals as of EXOP_LOGIN.
 * Request: SEQUENCE { password OCTET STRING, code OCTET STRING OPTIONAL }
 * Response: SEQUENCE { privilegedUntil INTEGER }
 */
#define EXOP_SESSION_REAUTH EXOP_ARC ".3"

/*
 * The state of an account's credentials, for those who may search it.
 * Request: SEQUENCE { target OCTET STRING }
 * Response: SEQUENCE { spn OCTET STRING, displayname OCTET STRING, uuid OCTET STRING,
 *                      primary OCTET STRING, unix OCTET STRING, secondFactor OCTET STRING,
 *                      canWrite BOOLEAN, softlocks SEQUENCE OF SEQUENCE {
 *                          credential OCTET STRING, failures INTEGER, networks INTEGER,
 *                          lockedUntil INTEGER, forgottenAt INTEGER, slowed BOOLEAN } }
 *   primary, unix: "not set", "password set", "generated password set"
 *   secondFactor: "not set", "set"
 *   softlocks: of each credential (by its attribute) that did not fit lately, how often and from
 *     how many networks, until when one of those is locked out, when that is forgotten, and
 *     whether it is tested once a second only, wherever from; for oneself, and those who may
 *     search account_softlock_expire
 */
#define EXOP_CREDENTIAL_STATUS EXOP_ARC ".4"

/*
 * Would this password do for the account?  Success, or constraintViolation with the reasons.
 * Request: SEQUENCE { target OCTET STRING, password OCTET STRING }
 * Response: no value.
 */
#define EXOP_CREDENTIAL_JUDGE EXOP_ARC ".5"

/*
 * The RADIUS secret of an account.
 * Request: SEQUENCE { target OCTET STRING, action ENUMERATED { show(0), generate(1), delete(2) } }
 * Response: SEQUENCE { secret OCTET STRING }, empty where there is none (show) or no more (delete)
 */
#define EXOP_RADIUS_SECRET EXOP_ARC ".6"

enum exop_radius_action {
	EXOP_RADIUS_SHOW = 0,
	EXOP_RADIUS_GENERATE = 1,
	EXOP_RADIUS_DELETE = 2,
};

/*
 * The sessions of an account that have not expired (SPEC 7.3).
 * Request: SEQUENCE { target OCTET STRING }, empty: oneself
 * Response: SEQUENCE { spn OCTET STRING, sessions SEQUENCE OF SEQUENCE {
 *                          sessionId OCTET STRING, source OCTET STRING, begun INTEGER,
 *                          expire INTEGER, privilegedUntil INTEGER, current BOOLEAN } },
 *                      oldest first; `current`: it is the one that is bound
 */
#define EXOP_SESSION_LIST EXOP_ARC ".7"

/*
 * The API tokens of a service account (SPEC 7.4).
 * Request: SEQUENCE { target OCTET STRING, action ENUMERATED { status(0), generate(1), destroy(2)
 * }, label OCTET STRING, readWrite BOOLEAN, expire INTEGER OPTIONAL
 *                                                             -- generate alone; none: never
 *                     tokenId OCTET STRING                    -- destroy alone }
 * Response to status: SEQUENCE { spn OCTET STRING, tokens SEQUENCE OF SEQUENCE {
 *                         tokenId OCTET STRING, label OCTET STRING, issued INTEGER,
 *                         readWrite BOOLEAN, expire INTEGER OPTIONAL } }, oldest first
 * to generate: SEQUENCE { token OCTET STRING, tokenId OCTET STRING }; it is told this once
 * to destroy: no value.
 */
#define EXOP_API_TOKEN EXOP_ARC ".8"

enum exop_token_action {
	EXOP_TOKEN_STATUS = 0,
	EXOP_TOKEN_GENERATE = 1,
	EXOP_TOKEN_DESTROY = 2,
};

/*
 * The audit trail, for who may read audit_trail of the system's configuration.
 *
 * list: records, the newest first, that are older than `before` (0: than none), at most `limit` of
 * them (0: as many as fit), and that fit all the rest: of a second from `since` on and before
 * `until` (0: any), by `actor` and about `target` (each a name, spn or uuid; empty: anybody), of an
 * operation (empty: any) and an outcome.
 * Request: SEQUENCE { action ENUMERATED { list(0) }, before INTEGER, limit INTEGER, since INTEGER,
 *                     until INTEGER, actor OCTET STRING, target OCTET STRING,
 *                     operation OCTET STRING, outcome ENUMERATED { any(0), ok(1), refused(2) } }
 * Response: SEQUENCE { next INTEGER, records SEQUENCE OF Record }
 *   Record: SEQUENCE { serial INTEGER, at INTEGER, trusted BOOLEAN, protocol OCTET STRING,
 *                      operation OCTET STRING, outcome OCTET STRING, actor OCTET STRING,
 *                      actorName OCTET STRING, session OCTET STRING, source OCTET STRING,
 *                      target OCTET STRING, targetName OCTET STRING, change INTEGER,
 *                      reason OCTET STRING, attributesLeft INTEGER,
 *                      attributes SEQUENCE OF OCTET STRING, hash OCTET STRING }
 * An answer comes after so much work: `next`, unless it is 0, is the `before` to go on with.
 * `actor`, `session` and `target` are uuids, empty where there is none; `change` is the number of
 * a change, 0 for what was none; `hash` is the record's own, in hexadecimal digits.
 *
 * verify: walk over the chain from the record `from` on (0: the oldest that is kept).
 * Request: SEQUENCE { action ENUMERATED { verify(1) }, from INTEGER }
 * Response: SEQUENCE { next INTEGER, first INTEGER, last INTEGER, hash OCTET STRING,
 *                      broken INTEGER, text OCTET STRING }
 * `hash` is that of the record `last`; `broken`, unless it is 0, is the first record at which the
 * chain does not hold, and `text` says how.
 */
#define EXOP_AUDIT EXOP_ARC ".9"

enum exop_audit_action {
	EXOP_AUDIT_LIST = 0,
	EXOP_AUDIT_VERIFY = 1,
};

enum exop_audit_outcome {
	EXOP_AUDIT_ANY = 0,
	EXOP_AUDIT_OK = 1,
	EXOP_AUDIT_REFUSED = 2,
};

/*
 * What `actor` (empty: oneself) may do with `target`, and by which profiles.  Everybody may ask
 * about himself and what he sees; about others who is in idm_acp_manage_priv.
 * Request: SEQUENCE { actor OCTET STRING, target OCTET STRING }
 * Response: SEQUENCE { actor OCTET STRING, target OCTET STRING, highPrivilege BOOLEAN,
 *                      builtIn BOOLEAN, grants SEQUENCE OF Grant }
 *   Grant: SEQUENCE { profile OCTET STRING, through Names, search Names, add Names, remove Names,
 *                     classes Names, delete BOOLEAN }
 *   Names: SEQUENCE OF OCTET STRING
 * `through` names the groups that receive the profile and hold the actor, or the entry's manager;
 * `highPrivilege` and `builtIn` are the target's: a built-in can't be deleted, renamed or
 * re-classed, whatever a profile grants.
 */
#define EXOP_ACCESS_EXPLAIN EXOP_ARC ".10"

/*
 * Application passwords of an account.
 * Request: SEQUENCE { target OCTET STRING, action ENUMERATED { list(0), create(1), destroy(2) },
 *                     application OCTET STRING, label OCTET STRING   -- to create
 *                     id OCTET STRING }                              -- to destroy
 * Response: list: SEQUENCE { spn OCTET STRING, SEQUENCE OF SEQUENCE { id OCTET STRING,
 *                            application OCTET STRING, label OCTET STRING, issued INTEGER } }
 *           create: SEQUENCE { password OCTET STRING, id OCTET STRING }; destroy: none
 */
#define EXOP_APPLICATION_PASSWORD EXOP_ARC ".15"

enum exop_application_action {
	EXOP_APPLICATION_LIST = 0,
	EXOP_APPLICATION_CREATE = 1,
	EXOP_APPLICATION_DESTROY = 2,
};

/*
 * Set the unix password of an account, which logins over LDAP are tried with first (SPEC 8.4).
 * Request: SEQUENCE { target OCTET STRING, password OCTET STRING }, empty: one is generated
 * Response: SEQUENCE { genPasswd [0] OCTET STRING OPTIONAL }, as RFC 3062 has it
 */
#define EXOP_UNIX_PASSWORD EXOP_ARC ".17"

/*
 * Credential update sessions (SPEC 6.8): what is to become of an account's credentials is put
 * together step by step, shown, and stored by commit.  A session lasts 15 minutes; the newest one
 * of an account wins, and an older one is refused with the reason.
 * Request: SEQUENCE { action ENUMERATED, session OCTET STRING, text OCTET STRING }
 *   session: empty with begin and useToken; text: what the action wants, else empty
 * Response: SEQUENCE { session OCTET STRING, spn OCTET STRING, displayname OCTET STRING,
 *                      uuid OCTET STRING, primary Credential, unix Credential,
 *                      secondFactor Credential, backupCodes Credential, canCommit BOOLEAN,
 *                      whyNot OCTET STRING, told OCTET STRING, expire INTEGER }
 *   Credential: SEQUENCE { state OCTET STRING, pending BOOLEAN }
 *     state: as of EXOP_CREDENTIAL_STATUS; of a second factor "not set", "set" or "cleared by the
 *     reset"; of backup codes "not set" or how many are left
 *     pending: so it will be after commit
 *   told: what the action alone tells: a generated password, an otpauth URI, backup codes
 * The response of commit and cancel has no value.  Anonymous may use a token, and go on with that
 * session.
 */
#define EXOP_CREDENTIAL_UPDATE EXOP_ARC ".12"

enum exop_update_action {
	EXOP_UPDATE_BEGIN = 0,     /* text: target; empty: oneself */
	EXOP_UPDATE_USE_TOKEN = 1, /* text: a reset token */
	EXOP_UPDATE_STATUS = 2,
	EXOP_UPDATE_PASSWORD = 3, /* text: the new primary password */
	EXOP_UPDATE_GENERATE = 4, /* one is made, and told */
	EXOP_UPDATE_REMOVE = 5,   /* of the primary password */
	EXOP_UPDATE_UNIX_PASSWORD = 6,
	EXOP_UPDATE_UNIX_REMOVE = 7,
	EXOP_UPDATE_COMMIT = 8,
	EXOP_UPDATE_CANCEL = 9,
	EXOP_UPDATE_TOTP = 10,         /* a secret is made, and told */
	EXOP_UPDATE_TOTP_CODE = 11,    /* text: a code that proves that it was taken over */
	EXOP_UPDATE_TOTP_REMOVE = 12,  /* of the second factor, backup codes too */
	EXOP_UPDATE_BACKUP_CODES = 13, /* new ones are made, and told, a blank between them */
};

/*
 * A reset token for an account: who holds it may begin one update session after the other, until
 * one is committed.
 * Request: SEQUENCE { target OCTET STRING, seconds INTEGER }, 300 to 86400 of them; 0: 3600
 * Response: SEQUENCE { token OCTET STRING, expire INTEGER, spn OCTET STRING }
 */
#define EXOP_RESET_TOKEN EXOP_ARC ".13"

/*
 * Forget the failures of an account's credentials: for those who may write account_softlock_expire.
 * Request: SEQUENCE { target OCTET STRING }
 * Response: no value.
 */
#define EXOP_SOFTLOCK_RESET EXOP_ARC ".11"

/*
 * Log in with the primary password, and a second factor where the account has one, from a
 * connection that need not be bound, and stays as it is.
 * Request: SEQUENCE { name OCTET STRING, password OCTET STRING, code OCTET STRING }
 *   name: as in a bind; code: a one-time code or a backup code; empty: none yet
 * Response: as of EXOP_SESSION_BEGIN; strongerAuthRequired: the password is right, and a code is
 * wanted; invalidCredentials: it is wrong, or (with a text) the code is
 */
#define EXOP_LOGIN EXOP_ARC ".14"

/*
 * Passwords are set with RFC 3062: userIdentity is a target, none is oneself; without a
 * newPasswd one is generated and returned.
 */
#define EXOP_PASSWORD_MODIFY "1.3.6.1.4.1.4203.1.11.1"
#define EXOP_WHOAMI "1.3.6.1.4.1.4203.1.11.3"
#define EXOP_CANCEL "1.3.6.1.1.8" /* RFC 3909: a search that is under way */

#endif
