#include "ldapd/rootdse.h"

#include "common/exop.h"
#include "ldapd/assertion.h"
#include "ldapd/entry_read.h"
#include "ldapd/monitor.h"
#include "ldapd/paging.h"
#include "ldapd/sort_control.h"

/* Clients decide what they do by these lists: they name what works, and nothing else. */
static const char *const controls[] = {
	LDAP_CONTROL_MANAGE_DSA_IT,
	LDAP_CONTROL_PAGED,
	LDAP_CONTROL_SORT,
	LDAP_CONTROL_ASSERTION,
	LDAP_CONTROL_PRE_READ,
	LDAP_CONTROL_POST_READ,
};

static const char *const extensions[] = {
	EXOP_WHOAMI,
	EXOP_CANCEL,
	EXOP_PASSWORD_MODIFY,
	EXOP_SESSION_BEGIN,
	EXOP_SESSION_END,
	EXOP_SESSION_REAUTH,
	EXOP_CREDENTIAL_STATUS,
	EXOP_CREDENTIAL_JUDGE,
	EXOP_RADIUS_SECRET,
	EXOP_SESSION_LIST,
	EXOP_API_TOKEN,
	EXOP_AUDIT,
	EXOP_ACCESS_EXPLAIN,
	EXOP_APPLICATION_PASSWORD,
	EXOP_UNIX_PASSWORD,
	EXOP_CREDENTIAL_UPDATE,
	EXOP_RESET_TOKEN,
	EXOP_SOFTLOCK_RESET,
	EXOP_LOGIN,
};

static const char *const features[] = {
	"1.3.6.1.4.1.4203.1.5.1", /* all operational attributes: "+" (RFC 3673) */
	"1.3.6.1.4.1.4203.1.5.2", /* attributes by class: "@class" (RFC 4529) */
	"1.3.6.1.4.1.4203.1.5.3", /* absolute True and False filters (RFC 4526) */
};

static void
add_list(struct made_entry *entry, const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		made_add_text(entry, name, VIEW_OPERATIONAL, list[i]);
}

#define ADD_LIST(entry, name, list) add_list(entry, name, list, sizeof(list) / sizeof((list)[0]))

enum idm_result
rootdse_make(const struct view *view, struct made_entry *out, struct idm_error *err)
{
	bool monitor;
	enum idm_result result = monitor_may_read(view->read, view->access, &monitor, err);

	if (result != IDM_OK)
		return result;
	*out = (struct made_entry){ .arena = view->read->arena, .dn = "" };
	made_add_text(out, "objectClass", VIEW_USER, "top");
	made_add(out, "namingContexts", VIEW_OPERATIONAL, view->suffix->text);
	made_add(out, "defaultNamingContext", VIEW_OPERATIONAL, view->suffix->text);
	made_add_text(out, "subschemaSubentry", VIEW_OPERATIONAL, VIEW_SUBSCHEMA_DN);
	made_add_text(out, "supportedLDAPVersion", VIEW_OPERATIONAL, "3");
	if (monitor)
		made_add_text(out, "monitorContext", VIEW_OPERATIONAL, MONITOR_DN);
	ADD_LIST(out, "supportedControl", controls);
	ADD_LIST(out, "supportedExtension", extensions);
	ADD_LIST(out, "supportedFeatures", features);
	made_add_text(out, "vendorName", VIEW_OPERATIONAL, "kanidm-ldapd");
	made_add_text(out, "vendorVersion", VIEW_OPERATIONAL, IDM_VERSION);
	return out->failed ? idm_fail(err, IDM_LIMIT, "no memory for the RootDSE") : IDM_OK;
}
