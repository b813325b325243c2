/* The figures of the flat entry's layout (core/entry.h), shared by the view and the draft. */
#ifndef CORE_ENTRY_FORMAT_H
#define CORE_ENTRY_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum {
	ENTRY_MAGIC = 0x4549, /* "IE" */
	ENTRY_FORMAT = 1,
	ENTRY_HEADER_BYTES = 32,
	ATTR_ROW_BYTES = 12,
	VALUE_HEADER_BYTES = 8,
};

#define NORM_IS_STORED UINT32_MAX /* as the normalised length: it is the stored bytes */

/* The length of a stored value by its syntax; 0: any. */
enum {
	FIXED_UUID = 16,
	FIXED_REFERENCE = 16,
	FIXED_DATETIME = 8,
	FIXED_UINT32 = 4,
	FIXED_BOOLEAN = 1,
	FIXED_NETWORK = 17,
	FIXED_KEYWORD = 0,
	FIXED_INAME = 0,
	FIXED_INAME_DNS = 0,
	FIXED_SPN = 0,
	FIXED_UTF8 = 0,
	FIXED_UTF8_NOCASE = 0,
	FIXED_EMAIL = 0,
	FIXED_FILTER = 0,
	FIXED_CREDENTIAL = 0,
	FIXED_SECRET = 0,
	FIXED_SESSION = 0,
	FIXED_SSHKEY = 0,
	FIXED_PATH = 0,
};

/* As above, by the number of a built-in attribute; 0: any length, or not built in. */
size_t idm_entry_fixed_bytes(uint32_t number);

#endif
