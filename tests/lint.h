/*
 * For `make lint` alone, before every file but core/result.c: tell the analyzer that idm_fail
 * returns the result that it is given, which it can't see from one file.
 */
#ifndef TESTS_LINT_H
#define TESTS_LINT_H

#include "core/result.h"

#define idm_fail(err, result, ...) ((idm_fail)(err, result, __VA_ARGS__), (result))

#endif
