/* What a client of the metrics may send: its status never depends on what stands behind the end of
 * the header.  `make fuzz`. */
#include "ldapd/metrics_server.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int status = metrics_request_status(idm_span_of(data, size));
	const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);

	if (size > METRICS_REQUEST_MAX)
		require(status == 431);
	else if (end == NULL)
		require(status == 0);
	else
		require(
		    status == metrics_request_status(idm_span_of(data, (size_t)(end - data) + 4)));
	return 0;
}
