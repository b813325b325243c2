/*
 * What begins with an account, and ends when it becomes high privilege (SPEC 4), where a change
 * makes so many accounts that, or so few, that no item names them: all sessions are looked at.
 *
 * A first part is done at once, and what is left in steps between which clients are served, but no
 * change is decided: none may come in between by which an account is no longer what ends its
 * sessions.  local.mdb knows of it until it is done.  It may take its time: nothing that ends by it
 * is accepted any more from the commit of the change on (core/authenticate.h).
 */
#ifndef LDAPD_CORE_REVIEW_H
#define LDAPD_CORE_REVIEW_H

#include "ldapd/core.h"

bool core_review_set_up(struct core *core);
void core_review_tear_down(struct core *core);

/* All have to be looked at; `local` is a write transaction of local.mdb. */
enum idm_result core_review_note(const struct idm_txn *local, struct idm_error *err);

/* That was noted and committed: begin, from the beginning. */
enum idm_result core_review_begin(struct core *core, struct idm_error *err);

/* To the end of what was begun. */
enum idm_result core_review_finish(struct core *core, struct idm_error *err);

/* At the start: what was noted and not done when a process ended. */
enum idm_result core_review_missed(struct core *core, struct idm_error *err);

#endif
