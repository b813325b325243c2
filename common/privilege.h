/* Giving up root: what is started as root becomes another user before it touches data. */
#ifndef COMMON_PRIVILEGE_H
#define COMMON_PRIVILEGE_H

#include "core/result.h"

/*
 * Become `user` with his own group and `group` as the only supplementary one.  Who is not root
 * stays as he is.  IDM_INVALID: there is no such user or group; IDM_SYSTEM: the kernel refused.
 */
enum idm_result privilege_drop(const char *user, const char *group, struct idm_error *err);

/* Would privilege_drop find user and group?  Who is not root needs none. */
enum idm_result privilege_check(const char *user, const char *group, struct idm_error *err);

#endif
