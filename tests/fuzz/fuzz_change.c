/* Change sets as octets: whatever decodes must encode to the same octets again.  `make fuzz`. */
#include <stdlib.h>

#include "core/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct idm_arena *arena = idm_arena_new(8 * 1024 * 1024);
	struct idm_change_set set;
	struct idm_span again;

	if (arena == NULL)
		return 0;
	if (idm_change_decode(idm_span_of(data, size), arena, &set, NULL) == IDM_OK &&
	    idm_change_encode(&set, arena, &again, NULL) == IDM_OK && again.len > size)
		abort(); /* it can only become shorter: a norm that need not be written */
	idm_arena_free(&arena);
	return 0;
}
