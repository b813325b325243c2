/*
 * DNs as clients write them: what parses is written and parsed again to an equal DN, and what it
 * stands for stays the same.
 *
 *   make fuzz, or by hand:
 *   clang -std=c11 -I. -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
 *       tests/fuzz/fuzz_dn.c common/dn.c core/arena.c core/span.c -lcrypto -lunistring
 */
#include <assert.h>

#include "common/dn.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_BYTES = 64 * 1024 };

static void
check_target(const struct dn_target *t, const struct dn_target *again)
{
	assert(t->kind == again->kind && t->container == again->container);
	assert(idm_span_equal(t->value, again->value));
	assert(idm_span_equal(t->application, again->application));
	assert(t->kind != DN_ENTRY || t->naming == again->naming);
}

/* What names an entry is written as its DN, which names the same. */
static void
check_entry(const struct dn_target *t, const struct dn_suffix *suffix, struct idm_arena *arena)
{
	uint8_t text[4 * DN_BYTES_MAX];
	size_t len = dn_of_entry(t->container, t->value, suffix, text, sizeof(text));
	struct dn_target again;

	assert(len <= sizeof(text));
	if (len > DN_BYTES_MAX || t->value.len == 0)
		return;
	dn_to_target(idm_span_of(text, len), suffix, arena, &again);
	assert(again.kind == DN_ENTRY && again.container == t->container);
	assert(idm_span_equal(again.value, t->value));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct idm_arena *arena = idm_arena_new(ARENA_BYTES);
	struct idm_span text = idm_span_of(data, len), written;
	struct dn_target target, again;
	struct dn_suffix suffix;
	struct dn dn, second;

	if (arena == NULL || !dn_suffix_of_domain(IDM_SPAN_LIT("idm.example.com"), arena, &suffix))
		abort();
	dn_to_target(text, &suffix, arena, &target);
	if (target.kind == DN_ENTRY)
		check_entry(&target, &suffix, arena);
	if (dn_parse(text, arena, &dn)) {
		written = dn_text(&dn, arena);
		assert(written.ptr != NULL);
		/* Escaping by a backslash alone is never longer than what it was parsed from. */
		assert(written.len <= len);
		assert(dn_parse(written, arena, &second) && dn_equal(&dn, &second));
		dn_to_target(written, &suffix, arena, &again);
		check_target(&target, &again);
	}
	idm_arena_free(&arena);
	return 0;
}
