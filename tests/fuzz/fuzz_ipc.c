/* Frames between worker and core process.  `make fuzz`. */
#include "ldapd/ipc.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = ipc_frame_length(data, size);
	struct ipc_buffer again = { NULL, 0, 0 };
	struct ipc_frame frame;

	if (len == 0 || len == SIZE_MAX || !ipc_decode(idm_span_of(data, len), &frame))
		return 0;
	if (!ipc_encode(&again, &frame) || again.len != len)
		abort();
	ipc_buffer_free(&again);
	return 0;
}
