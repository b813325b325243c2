/*
 * What is no entry of the store and read by all, before a bind too: the RootDSE (RFC 4512 section
 * 5.1) and cn=subschema (section 4.2), generated from the schema and the table of view_table.c.
 */
#ifndef LDAPD_ROOTDSE_H
#define LDAPD_ROOTDSE_H

#include "ldapd/made_entry.h"

#define LDAP_CONTROL_MANAGE_DSA_IT "2.16.840.1.113730.3.4.2"

/* In the read's arena; IDM_LIMIT: it is used up. */
enum idm_result rootdse_make(
    const struct view *view, struct made_entry *out, struct idm_error *err);
enum idm_result subschema_make(
    const struct view *view, struct made_entry *out, struct idm_error *err);

#endif
