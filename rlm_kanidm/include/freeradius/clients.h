/*
 * RADCLIENT is the server's description of a NAS.  The module only passes pointers to it, so its
 * members are not declared and no code here can depend on where they are.
 */
#ifndef RLM_KANIDM_CLIENTS_H
#define RLM_KANIDM_CLIENTS_H

#include <freeradius/listen.h>

typedef struct radclient RADCLIENT;
typedef struct radclient_list RADCLIENT_LIST;

#endif
