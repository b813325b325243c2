# One Makefile for everything; `make run` and `make test` set up what they need.
#
#   make            build the programs into build/
#   make run        set up and run an instance in the foreground: see README.md
#   make test       every test: unit, component, sanitizers, end to end (what CI calls)
#   make test-long  the same, with many times as many random cases
#   make check      unit and component tests alone (SAN=1: with ASan and UBSan, in build-san/)
#   make e2e        end-to-end tests alone (SAN=1: the daemons of build-san/; E2E=tests/e2e/test_X.py)
#   make bench      what it costs in small and large directories: README.md; BENCH_SIZES="1000 1000000"
#   make lint       clang-format, clang-tidy, cppcheck, shellcheck, mandoc
#   make fuzz       each fuzz target over its seeds for FUZZ_SECONDS
#   make install    DESTDIR= PREFIX=
#   make deps       install the Debian packages of config/packages.txt
#
# V=1 shows the commands.

BUILD    ?= build$(if $(SAN),-san)
PREFIX   ?= /usr
DESTDIR  ?=
VERSION  := 0.1.0
# When the sources were last changed: the clock's floor (common/clock.h), the same for each build.
BUILD_S  := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || date -r Makefile +%s))

CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wconversion -Wno-sign-conversion
WERROR   ?= -Werror
HARDEN   := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
INSTRUMENT = $(if $(SAN),$(SANITIZE),$(HARDEN)) $(if $(FUZZ),-fsanitize=fuzzer-no-link)
DEFINE   := -I. -D_DEFAULT_SOURCE -D_GNU_SOURCE -DIDM_VERSION='"$(VERSION)"'
COMPILE   = $(CC) $(STD) $(DEFINE) -fPIC -fvisibility=hidden $(WARN) $(WERROR) $(INSTRUMENT) \
            $(EXTRA) $(CPPFLAGS) $(CFLAGS) -MMD -MP
say       = $(if $(V),,@printf '%-5s %s\n' $(1) $@ && )
HARDLINK := -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
LINK      = $(CC) $(if $(SAN),$(SANITIZE)) -pie $(HARDLINK) $(LDFLAGS)

# FreeRADIUS' headers want GNU C, its build.h before all else, and NDEBUG as the server has it; the
# headers that libfreeradius-dev 3.2.1 forgets are in rlm_kanidm/include.
STD       = -std=c11
RLM_FLAGS = -std=gnu11 -Irlm_kanidm/include -include freeradius/build.h -DNDEBUG

CORE_LIBS  := -llmdb -lcrypto -lcrypt -largon2 -lzxcvbn -lunistring -lxxhash -linih -lpthread
LDAPD_LIBS := -levent -levent_openssl -lssl -lseccomp
ADMIN_LIBS := -lldap -llber -ljansson -lqrencode
RLM_LIBS   := -L/usr/lib/freeradius -lfreeradius-server -lfreeradius-radius -ltalloc
RLM_RPATH  := -Wl,-rpath,/usr/lib/freeradius

obj = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(2),$(wildcard $(1))))
core_OBJ    := $(call obj,core/*.c)
common_OBJ  := $(call obj,common/*.c)
ldapd_OBJ   := $(call obj,ldapd/*.c,ldapd/main.c)
rlm_OBJ     := $(call obj,rlm_kanidm/*.c)
kanidmd_OBJ := $(call obj,admin/server_*.c) $(BUILD)/admin/prompt.o
kanidm_OBJ  := $(call obj,admin/*.c,admin/kanidm.c admin/kanidmd.c $(wildcard admin/server_*.c))
support_OBJ := $(call obj,tests/support/*.c)
# For the end-to-end tests: the same objects, but a clock that KANIDM_TEST_CLOCK can shift.
test_common_OBJ := $(patsubst $(BUILD)/common/clock.o,$(BUILD)/test/common/clock.o,$(common_OBJ))

programs := bin/kanidm bin/kanidmd bin/kanidm-ldapd
ifeq ($(SAN)$(FUZZ),)
programs += lib/rlm_kanidm.so
endif

unit_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/component/test_*.c))
ifneq ($(SAN),) # FreeRADIUS' libraries come without sanitizers
unit_TESTS := $(filter-out $(BUILD)/tests/unit/test_rlm_%,$(unit_TESTS))
endif
bench_OBJ := $(call obj,tests/bench/*.c,$(wildcard tests/bench/bench_*.c))
bench_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c))
fuzz_TARGETS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all test-variant check check-asan e2e test test-long bench bench-programs lint fuzz fuzz-run run deps install clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(addprefix $(BUILD)/,$(programs)) $(BUILD)/libidm.a
test-variant: $(addprefix $(BUILD)/test/,$(programs))

# --- libraries and objects

$(BUILD)/libidm.a: $(core_OBJ)
$(BUILD)/libcommon.a: $(common_OBJ)
$(BUILD)/test/libcommon.a: $(test_common_OBJ)
$(BUILD)/libldapd.a: $(ldapd_OBJ)
$(BUILD)/libadmin.a: $(kanidm_OBJ)
$(BUILD)/librlm.a: $(rlm_OBJ)
$(BUILD)/libsupport.a: $(support_OBJ)
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

$(BUILD)/rlm_kanidm/%.o $(BUILD)/tests/unit/test_rlm_%.o: STD = $(RLM_FLAGS)
$(BUILD)/common/clock.o: EXTRA = -DIDM_BUILD_S=$(BUILD_S)
$(BUILD)/test/common/clock.o: EXTRA = -DIDM_TEST_CLOCK

$(BUILD)/test/common/clock.o: common/clock.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -c -o $@ $<

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -c -o $@ $<

# --- programs: in $(BUILD) the ones to ship, in $(BUILD)/test the ones with the clock to shift

define program_rules
$(1)/bin/kanidm-ldapd: $(BUILD)/ldapd/main.o $(BUILD)/libldapd.a $(1)/libcommon.a $(BUILD)/libidm.a
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(LINK) -o $$@ $$^ $$(CORE_LIBS) $$(LDAPD_LIBS)

$(1)/bin/kanidmd: $(BUILD)/admin/kanidmd.o $(kanidmd_OBJ) $(1)/libcommon.a $(BUILD)/libidm.a
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(LINK) -o $$@ $$^ $$(ADMIN_LIBS) $$(CORE_LIBS)

$(1)/bin/kanidm: $(BUILD)/admin/kanidm.o $(BUILD)/libadmin.a $(1)/libcommon.a $(BUILD)/libidm.a
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(LINK) -o $$@ $$^ $$(ADMIN_LIBS) $$(CORE_LIBS)

$(1)/lib/rlm_kanidm.so: $(rlm_OBJ) $(1)/libcommon.a $(BUILD)/libidm.a
	@mkdir -p $$(@D)
	$$(call say,LINK)$$(CC) -shared $(HARDLINK),-z,defs,--exclude-libs,ALL $$(LDFLAGS) -o $$@ $$^ $$(CORE_LIBS) $$(RLM_LIBS)
endef
$(eval $(call program_rules,$(BUILD)))
$(eval $(call program_rules,$(BUILD)/test))

# --- tests

TEST_LIBS = $(addprefix $(BUILD)/,libsupport.a libadmin.a libldapd.a libcommon.a libidm.a)

$(BUILD)/tests/unit/test_rlm_%: $(BUILD)/tests/unit/test_rlm_%.o $(BUILD)/librlm.a $(TEST_LIBS)
	$(call say,LINK)$(LINK) -o $@ $^ $(CORE_LIBS) $(RLM_LIBS) $(RLM_RPATH) -lcmocka

$(BUILD)/libbench.a: $(bench_OBJ)
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libbench.a $(TEST_LIBS)
	$(call say,LINK)$(LINK) -o $@ $^ $(CORE_LIBS) $(LDAPD_LIBS)

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(TEST_LIBS)
	$(call say,LINK)$(LINK) -fsanitize=fuzzer -o $@ $^ $(CORE_LIBS) $(LDAPD_LIBS) $(ADMIN_LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_LIBS)
	$(call say,LINK)$(LINK) -o $@ $^ $(CORE_LIBS) $(LDAPD_LIBS) $(ADMIN_LIBS) -lcmocka

check: $(unit_TESTS)
	@tests/run-unit $(unit_TESTS)

check-asan:
	$(PARALLEL) SAN=1 check

# The module is always the plain build's: FreeRADIUS has no sanitizers.
e2e: $(if $(SAN),,all $(bench_PROGRAMS)) test-variant
	@$(if $(SAN),$(PARALLEL) SAN= BUILD=build test-variant)
	@BUILD=$(BUILD) tests/run-e2e $(E2E)

test:
	@config/deps.sh build run test
	@MAKE='$(PARALLEL)' tests/run-all

bench:
	@config/deps.sh build run test
	@$(PARALLEL) $(if $(V),,-s) bench-programs
	@tests/bench/run

bench-programs: all $(bench_PROGRAMS)

test-long: export KANIDM_TEST_LONG = 1
test-long: test

FUZZ_SECONDS ?= 20
fuzz:
	@config/deps.sh build test lint
	$(PARALLEL) CC=clang SAN=1 FUZZ=1 BUILD=build-fuzz fuzz-run

fuzz-run: $(fuzz_TARGETS)
	@tests/run-fuzz $(FUZZ_SECONDS) $(fuzz_TARGETS)

lint: export LINT_DEFINE = $(DEFINE)
lint: export LINT_STD = $(STD)
lint: export LINT_RLM = $(RLM_FLAGS)
lint:
	@tests/lint

# --- running and installing

# A recursive make that uses all processors, unless the caller has said how many.
PARALLEL = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

deps:
	@config/deps.sh

run:
	@config/deps.sh build run
	@$(PARALLEL) $(if $(V),,-s) all
	@exec config/run.sh

MAN = $(wildcard man/*.[1-8])
install: all
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin sbin lib/freeradius share/kanidm)
	install -m 755 $(BUILD)/bin/kanidm $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(BUILD)/bin/kanidmd $(BUILD)/bin/kanidm-ldapd $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 $(BUILD)/lib/rlm_kanidm.so $(DESTDIR)$(PREFIX)/lib/freeradius/
	install -m 644 config/server.toml $(DESTDIR)$(PREFIX)/share/kanidm/
	cp -R config/freeradius $(DESTDIR)$(PREFIX)/share/kanidm/
	chmod -R u=rwX,go=rX $(DESTDIR)$(PREFIX)/share/kanidm/freeradius
	set -e; for page in $(MAN); do dir=$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; \
		install -d $$dir; install -m 644 $$page $$dir/; done

clean:
	rm -rf build build-san build-fuzz build-clang

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
