/*
 * For `make lint` alone, before every file but core/result.c: tell the analyzer that
 * these functions return the result that they are given, which it can't see from one file.
 */
#ifndef TESTS_LINT_H
#define TESTS_LINT_H

#include "core/result.h"

#define idm_fail(err, result, ...) ((idm_fail)(err, result, __VA_ARGS__), (result))
#define idm_refuse(err, result, ...) ((idm_refuse)(err, result, __VA_ARGS__), (result))

#endif
