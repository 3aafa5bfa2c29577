# make            build/weft
# make tests      every unit test and the programs that the end-to-end tests use
# make check      builds and runs the unit tests
# make SAN=address,undefined BUILD=build-asan ...   the same under sanitizers (SAN=thread likewise)
# make fuzz       libFuzzer targets (clang)
# `scripts/test` calls all of these; a reader needs only the first.

BUILD ?= build
SAN   ?=
CC    ?= cc

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wvla \
       -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wundef -Wimplicit-fallthrough \
       -Wnull-dereference -Werror
HARD = -fstack-protector-strong -fstack-clash-protection -fPIE
# _FORTIFY_SOURCE=3 where the compiler and the C library know it (they warn where not), else 2.
FORTIFY := $(shell echo | $(CC) -O2 -Werror -D_FORTIFY_SOURCE=3 -include stdio.h -E - \
             >/dev/null 2>&1 && echo 3 || echo 2)
ifeq ($(SAN),)
OPT  = -O2 -g -D_FORTIFY_SOURCE=$(FORTIFY) $(HARD)
LINK = -pie -Wl,-z,relro,-z,now,-z,noexecstack
else
OPT  = -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
LINK = -fsanitize=$(SAN)
endif

CPPFLAGS_ALL = -Isrc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(CPPFLAGS)
CFLAGS_ALL   = -std=c11 -pthread $(WARN) $(OPT) $(CFLAGS)
LDLIBS_ALL   = -lcurl -lcrypto -pthread $(LDLIBS)

SRC   := $(sort $(wildcard src/*/*.c))
LIB   := $(filter-out src/app/main.c,$(SRC))
OBJ   := $(LIB:src/%.c=$(BUILD)/obj/%.o)
TESTS := $(sort $(wildcard tests/base/test_*.c tests/proto/test_*.c tests/io/test_*.c \
                           tests/find/test_*.c tests/swarm/test_*.c tests/peer/test_*.c \
                           tests/app/test_*.c))
THREADS := $(sort $(wildcard tests/threads/test_*.c))
FUZZ    := $(sort $(wildcard tests/fuzz/fuzz_*.c))

TESTBIN   := $(TESTS:%.c=$(BUILD)/%)
THREADBIN := $(THREADS:%.c=$(BUILD)/%)
FUZZBIN   := $(FUZZ:%.c=$(BUILD)/%)

all: $(BUILD)/weft

$(BUILD)/weft: $(BUILD)/obj/app/main.o $(BUILD)/libweft.a
	$(CC) $(CFLAGS_ALL) $(LINK) -o $@ $^ $(LDLIBS_ALL)

$(BUILD)/libweft.a: $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

tests: $(BUILD)/weft $(TESTBIN) $(THREADBIN)
# The whole library is built with coverage for the fuzzer, so this wants a BUILD of its own.
fuzz: CFLAGS_ALL += -fsanitize=fuzzer-no-link
fuzz: $(FUZZBIN)

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/libweft.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -fsanitize=fuzzer -o $@ $< \
	  $(BUILD)/libweft.a $(LDLIBS_ALL)

$(BUILD)/tests/%: tests/%.c $(BUILD)/libweft.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP $(LINK) -o $@ $< \
	  $(BUILD)/libweft.a -lcmocka $(LDLIBS_ALL)

check: tests
	@for t in $(TESTBIN) $(THREADBIN); do echo "== $$t"; $$t || exit 1; done

clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(BUILD)/obj/app/main.d $(TESTBIN:=.d) $(THREADBIN:=.d) $(FUZZBIN:=.d)

.PHONY: all tests fuzz check clean
