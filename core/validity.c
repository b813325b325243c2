#include "core/validity.h"

/* The window; a border that the entry does not have lies beyond all time. */
struct window {
	int64_t from_s;
	int64_t expire_s;
};

static struct window
window_of(const struct idm_entry *entry)
{
	return (struct window){
		.from_s = idm_entry_datetime(entry, IDM_ATTR_ACCOUNT_VALID_FROM, INT64_MIN),
		.expire_s = idm_entry_datetime(entry, IDM_ATTR_ACCOUNT_EXPIRE, INT64_MAX),
	};
}

static enum idm_result
refuse(struct idm_error *err, const char *why, int64_t border_s)
{
	char text[IDM_TIME_TEXT];

	idm_time_format(border_s, text);
	return idm_fail(err, IDM_DENIED, "%s %s", why, text);
}

enum idm_result
idm_validity_check(const struct idm_entry *entry, struct idm_now now, struct idm_error *err)
{
	struct window window = window_of(entry);

	if (window.from_s == INT64_MIN && window.expire_s == INT64_MAX)
		return IDM_OK;
	if (!now.trusted)
		return idm_fail(err, IDM_DENIED, "time is not trusted");
	/* Expiry first: where the borders cross, it is what keeps the account out for good. */
	if (now.at_s >= window.expire_s)
		return refuse(err, "expired at", window.expire_s);
	if (now.at_s < window.from_s)
		return refuse(err, "not valid before", window.from_s);
	return IDM_OK;
}

int64_t
idm_validity_border_s(const struct idm_entry *entry, struct idm_now now)
{
	struct window window = window_of(entry);

	if (window.from_s >= window.expire_s)
		return INT64_MAX; /* never valid */
	if (now.at_s < window.from_s)
		return window.from_s;
	return now.at_s < window.expire_s ? window.expire_s : INT64_MAX;
}
