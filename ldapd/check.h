/* `kanidm-ldapd -t`, which is `kanidmd configtest`: would a start succeed? */
#ifndef LDAPD_CHECK_H
#define LDAPD_CHECK_H

#include "common/config.h"

/*
 * Look at everything that the configuration names: certificate and key, users and groups,
 * directories, key files and the database with its format and domain.  Starts, makes and changes
 * nothing.  On anything but IDM_OK err->text names what is wrong, and the remedy.
 */
enum idm_result check_configuration(const struct server_config *config, struct idm_error *err);

#endif
