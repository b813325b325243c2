#include "common/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static enum idm_result
find(const char *user_name, const char *group_name, const struct passwd **user,
    const struct group **group, struct idm_error *err)
{
	*user = getpwnam(user_name);
	if (*user == NULL)
		return idm_fail(err, IDM_INVALID,
		    "there is no user %s: create it, or set another in server.toml", user_name);
	*group = getgrnam(group_name);
	if (*group == NULL)
		return idm_fail(err, IDM_INVALID,
		    "there is no group %s: create it, or set another in server.toml", group_name);
	return IDM_OK;
}

enum idm_result
privilege_check(const char *user_name, const char *group_name, struct idm_error *err)
{
	const struct passwd *user;
	const struct group *group;

	return geteuid() == 0 ? find(user_name, group_name, &user, &group, err) : IDM_OK;
}

enum idm_result
privilege_drop(const char *user_name, const char *group_name, struct idm_error *err)
{
	const struct passwd *user;
	const struct group *group;
	enum idm_result result;

	if (geteuid() != 0)
		return IDM_OK;
	result = find(user_name, group_name, &user, &group, err);
	if (result != IDM_OK)
		return result;
	if (setgroups(1, &group->gr_gid) != 0 || setgid(user->pw_gid) != 0 ||
	    setuid(user->pw_uid) != 0 || setuid(0) == 0)
		return idm_fail(
		    err, IDM_SYSTEM, "can't become user %s: %s", user_name, strerror(errno));
	return IDM_OK;
}
