#include "core/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum idm_result
idm_fail(struct idm_error *err, enum idm_result result, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return result;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	err->client_text[0] = '\0';
	return result;
}

enum idm_result
idm_refuse(struct idm_error *err, enum idm_result result, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return result;
	va_start(args, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	memcpy(err->client_text, err->text, sizeof(err->client_text));
	return result;
}

const char *
idm_result_name(enum idm_result result)
{
	switch (result) {
	case IDM_OK: return "ok";
	case IDM_NOT_FOUND: return "not found";
	case IDM_DENIED: return "denied";
	case IDM_INVALID: return "invalid";
	case IDM_SCHEMA: return "schema violation";
	case IDM_CONSTRAINT: return "constraint violation";
	case IDM_EXISTS: return "exists";
	case IDM_PROTECTED: return "protected";
	case IDM_ASSERTION: return "assertion failed";
	case IDM_LIMIT: return "limit";
	case IDM_BUSY: return "busy";
	case IDM_CORRUPT: return "corrupt";
	case IDM_SYSTEM: return "system";
	}
	return "unknown";
}
