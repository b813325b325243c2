/* Who has to go because of a change (CHANGES 21): from the entry before, and the item. */
#include "core/evaluation.h"

/* The last word of an item about an attribute; NULL: it says nothing of it. */
static const struct idm_mod *
last_mod(const struct idm_item *item, uint32_t attr_number)
{
	for (size_t i = item->mod_count; i > 0; i--) {
		if (item->mods[i - 1].attr_number == attr_number)
			return &item->mods[i - 1];
	}
	return NULL;
}

/* A time that the item sets; `fallback`: it is taken away. */
static int64_t
time_after(const struct idm_mod *mod, int64_t fallback)
{
	return mod->kind == IDM_MOD_SET && mod->count != 0
		   ? idm_datetime_load(mod->values[0].stored)
		   : fallback;
}

/* The window became narrower, at one of its ends. */
static bool
locks(const struct idm_entry *before, const struct idm_item *item)
{
	const struct idm_mod *from = last_mod(item, IDM_ATTR_ACCOUNT_VALID_FROM);
	const struct idm_mod *expire = last_mod(item, IDM_ATTR_ACCOUNT_EXPIRE);

	if (from != NULL && time_after(from, INT64_MIN) >
				idm_entry_datetime(before, IDM_ATTR_ACCOUNT_VALID_FROM, INT64_MIN))
		return true;
	return expire != NULL && time_after(expire, INT64_MAX) <
				     idm_entry_datetime(before, IDM_ATTR_ACCOUNT_EXPIRE, INT64_MAX);
}

/* A service account becomes a person: whoever knew how to log in as the one is not the other. */
static bool
becomes_another(const struct idm_entry *before, const struct idm_item *item)
{
	const struct idm_mod *class = last_mod(item, IDM_ATTR_CLASS);

	if (class == NULL || !idm_entry_has_class(before, "service_account"))
		return false;
	for (size_t i = 0; i < class->count; i++) {
		if (idm_span_is(class->values[i].norm, "service_account"))
			return false;
	}
	return true;
}

static bool
removes_members(const struct idm_item *item)
{
	for (size_t i = 0; i < item->mod_count; i++) {
		const struct idm_mod *mod = &item->mods[i];

		if (mod->attr_number != IDM_ATTR_MEMBER || mod->kind == IDM_MOD_ADD)
			continue;
		if (mod->kind != IDM_MOD_REMOVE || mod->count != 0)
			return true;
	}
	return false;
}

static bool
ends_tokens(const struct idm_item *item)
{
	for (size_t i = 0; i < item->token_count; i++) {
		if (item->tokens[i].row.len == 0)
			return true;
	}
	return false;
}

bool
idm_secret_change_is_new(const struct idm_change_set *set, const struct idm_secret_change *change)
{
	return change->blob.len == 0 || idm_seal_set_at(change->blob) == set->no;
}

static bool
changes_secrets(const struct idm_change_set *set, const struct idm_item *item)
{
	for (size_t i = 0; i < item->secret_count; i++) {
		if (idm_secret_change_is_new(set, &item->secrets[i]))
			return true;
	}
	return false;
}

bool
idm_change_revokes(
    const struct idm_change_set *set, const struct idm_entry *before, const struct idm_item *item)
{
	switch (item->kind) {
	case IDM_ITEM_RECYCLE:
	case IDM_ITEM_SESSION: return true;
	case IDM_ITEM_CREATE:
	case IDM_ITEM_REVIVE:
	case IDM_ITEM_TOMBSTONE:
	case IDM_ITEM_PURGE: return false;
	case IDM_ITEM_MODIFY: break;
	}
	if (removes_members(item) || ends_tokens(item))
		return true;
	return before != NULL &&
	       (changes_secrets(set, item) || locks(before, item) || becomes_another(before, item));
}
