/*
 * How a module logs: radlog() outside a request, radlog_request() and module_failure_msg()
 * (declared by radiusd.h) inside one.  The numbers are the server's; test_rlm_layout.c and the
 * end-to-end tests would notice others.
 */
#ifndef RLM_KANIDM_LOG_H
#define RLM_KANIDM_LOG_H

#include <stdarg.h>

typedef enum log_type {
	L_AUTH = 2,
	L_INFO = 3,
	L_ERR = 4,
	L_WARN = 5,
	L_DBG = 16,
} log_type_t;

typedef enum log_lvl {
	L_DBG_LVL_DISABLE = -1,
	L_DBG_LVL_OFF = 0,
	L_DBG_LVL_1,
	L_DBG_LVL_2,
} log_lvl_t;

/* A member of REQUEST. */
typedef void (*radlog_func_t)(
    log_type_t type, log_lvl_t level, REQUEST *request, char const *format, va_list arguments);

int radlog(log_type_t type, char const *format, ...) __attribute__((format(printf, 2, 3)));
void radlog_request(log_type_t type, log_lvl_t level, REQUEST *request, char const *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
