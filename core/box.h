/* Which box this is, in the change sets that it makes (CHANGES 2): made once, kept in local.mdb. */
#ifndef CORE_BOX_H
#define CORE_BOX_H

#include "core/store.h"

enum idm_result idm_box_uuid(struct idm_store *store, struct idm_uuid *out, struct idm_error *err);

#endif
