/* A key ring in memory, as the files of core/seal.h share it; for nobody else. */
#ifndef CORE_KEYRING_H
#define CORE_KEYRING_H

#include "core/gcm.h"
#include "core/seal.h"

enum {
	KEYS_MAX = 64,
	KEY_ID_MAX = 999999999,         /* 9 digits */
	KEY_FILE_MAX_BYTES = 16 * 1024, /* it is read into locked memory */
};

struct key {
	uint32_t id;
	bool active; /* false: retired, it unseals only */
	uint8_t bytes[IDM_GCM_KEY_BYTES];
};

struct idm_keyring {
	enum idm_purpose purpose;
	EVP_CIPHER *cipher; /* fetched once: a look-up for each secret costs more than AES */
	size_t count;
	struct key keys[KEYS_MAX];
	/* What follows is used while the file is read, and wiped then. */
	char text[KEY_FILE_MAX_BYTES + 1];
};

const char *idm_purpose_name(enum idm_purpose purpose);

#endif
