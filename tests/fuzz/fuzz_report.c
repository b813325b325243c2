/* Datagrams of the FreeRADIUS module: what is taken has one form.  `make fuzz`. */
#include <string.h>

#include "core/radius_report.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[IDM_REPORT_MAX];
	struct idm_report report;

	if (!idm_report_decode(idm_span_of(data, size), &report))
		return 0;
	require(idm_report_encode(&report, again) == size);
	require(memcmp(again, data, size) == 0);
	return 0;
}
