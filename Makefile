# One Makefile for everything: `make run` and `make test` set up what they need.
#
#   make            build the programs into build/
#   make run        set up and run a demonstration instance in the foreground (see README)
#   make test       set up and run every test: lint-free build, unit, component, sanitizers, e2e
#   make check      unit and component tests only (SAN=1: with ASan and UBSan, in build-san/)
#   make lint       clang-format, clang-tidy, cppcheck, shellcheck, mandoc
#   make install    DESTDIR= PREFIX=

BUILD    ?= build$(if $(SAN),-san)
PREFIX   ?= /usr
DESTDIR  ?=
VERSION  := 0.1.0

CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wconversion -Wno-sign-conversion
WERROR   ?= -Werror
HARDEN   := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
COMPILE   = $(CC) -std=c11 -I. -D_DEFAULT_SOURCE -D_GNU_SOURCE -DIDM_VERSION='"$(VERSION)"' -fPIC \
            -fvisibility=hidden $(WARN) $(WERROR) $(if $(SAN),$(SANITIZE),$(HARDEN)) \
            $(CPPFLAGS) $(CFLAGS) -MMD -MP
LINK      = $(CC) $(if $(SAN),$(SANITIZE)) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)

CORE_LIBS   := -llmdb -lcrypto -largon2 -lunistring -lxxhash -lpthread
LDAPD_LIBS  := -levent -levent_openssl -lssl -lseccomp -linih

core_OBJ   := $(patsubst %.c,$(BUILD)/%.o,$(wildcard core/*.c))
common_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard common/*.c))
ldapd_OBJ  := $(patsubst %.c,$(BUILD)/%.o,$(filter-out ldapd/main.c,$(wildcard ldapd/*.c)))
test_BIN   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test_*.c tests/component/test_*.c))

.PHONY: all check
.SECONDARY:
all: $(BUILD)/libidm.a

$(BUILD)/libidm.a: $(core_OBJ)
$(BUILD)/libcommon.a: $(common_OBJ)
$(BUILD)/libldapd.a: $(ldapd_OBJ)
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/libldapd.a $(BUILD)/libcommon.a $(BUILD)/libidm.a
	$(LINK) -o $@ $^ $(CORE_LIBS) $(LDAPD_LIBS) -lcmocka

check: $(test_BIN)
	@set -e; for t in $(test_BIN); do $$t; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
