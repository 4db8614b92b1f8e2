# adc - the build. `make` gives build/adc and build/libadc.a; `make help` lists the other goals and the variables.
#
# Sources are found by wildcard: a new .c file needs no change here. What is generated lives under $(B) and is included
# like the rest ("frontend/grammar.h", "frontend/lexer.h", "passes/adjoint_rules.inc").

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
FLEX ?= flex
BISON ?= bison
OBJCOPY ?= objcopy
PREFIX ?= /usr/local
TESTS ?= tests
VERSION := $(or $(shell sed -n 's/^\#define ADC_VERSION "\(.*\)"/\1/p' driver/driver.h 2>/dev/null),0.1.0)

# ---- LLVM ------------------------------------------------------------------------------------------------------------

B ?= build$(if $(LLVM),-$(LLVM))$(if $(SAN),-san)
export LLVM_CONFIG
LLVM_FOUND := $(shell LLVM_CONFIG='$(LLVM_CONFIG)' .ci/find-llvm $(LLVM))
ifneq ($(LLVM_FOUND),)
LLVM_BIN := $(shell $(LLVM_FOUND) --bindir)
LLVM_INC := $(shell $(LLVM_FOUND) --includedir)
LLVM_LIBDIR := $(shell $(LLVM_FOUND) --libdir)
LLVM_LIBS := $(shell $(LLVM_FOUND) --link-shared --ldflags --libs core)
# Debian's libLLVM.so is on the loader's path besides; an LLVM built elsewhere is not.
ifneq ($(filter-out /usr/%,$(LLVM_LIBDIR)),)
LLVM_LIBS += -Wl,-rpath,$(LLVM_LIBDIR)
endif
endif
RT_CLANG := $(LLVM_BIN)/clang
LIT := $(firstword $(wildcard $(LLVM_BIN)/lit $(LLVM_BIN)/../build/utils/lit/lit.py) lit)

# ---- flags -----------------------------------------------------------------------------------------------------------

comma := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
STD := -std=c17 -D_POSIX_C_SOURCE=200809L
WARN := -Wall -Wextra -Wpedantic -Werror
ALL_CFLAGS = $(STD) $(WARN) -I. -I$(B) $(CFLAGS) $(SANFLAGS) -MMD -MP
# What flex and bison write is not ours to tidy.
GEN_WARN := -Wno-pedantic -Wno-sign-compare -Wno-unused
# Lazy binding: adc calls few of the functions that it links, and starts often.
ALL_LDFLAGS = $(LDFLAGS) $(SANFLAGS) -Wl,-z,lazy
LIBS = $(LLVM_LIBS) -lm
# Bitcode that every target can take: nothing in it may depend on the machine that compiled it.
RT_FLAGS := -std=c17 -O2 $(WARN) -I. -ffreestanding -fno-math-errno -fno-stack-protector -fcf-protection=none \
  -fno-asynchronous-unwind-tables -emit-llvm

V ?=
Q := $(if $(V),,@)
say = $(if $(V),@:,@echo "  $(1)")

# ---- sources ---------------------------------------------------------------------------------------------------------

FOLDERS := ir frontend passes codegen driver
src = $(wildcard $(1)/*.c)
obj = $(patsubst %.c,$(B)/%.o,$(1))
GRAMMAR := $(patsubst %.y,$(B)/%.c,$(wildcard frontend/*.y))
LEXER := $(patsubst %.l,$(B)/%.c,$(wildcard frontend/*.l))
.SECONDARY: $(GRAMMAR) $(LEXER)
RULES := $(patsubst %.rules,$(B)/%_rules.inc,$(wildcard passes/*.rules))
CLI_SRC := $(wildcard driver/main.c driver/cmd_*.c)

ir_OBJ := $(call obj,$(call src,ir))
frontend_OBJ := $(call obj,$(call src,frontend)) $(GRAMMAR:.c=.o) $(LEXER:.c=.o)
passes_OBJ := $(call obj,$(call src,passes))
codegen_OBJ := $(call obj,$(call src,codegen)) $(B)/codegen/runtime_bc.o $(B)/codegen/math_bc.o $(B)/codegen/pool_bc.o \
  $(B)/codegen/gemm_bc.o
driver_OBJ := $(call obj,$(filter-out $(CLI_SRC),$(call src,driver)))
cli_OBJ := $(call obj,$(CLI_SRC) runtime/pool.c)
LIB_OBJ := $(foreach f,$(FOLDERS),$($(f)_OBJ))
RULEGEN_OBJ := $(call obj,$(call src,passes/rulegen))
FUZZ_SMOKE := $(if $(wildcard tests/fuzz/smoke.c),$(B)/tests/fuzz_smoke)
SUPPORT_SRC := $(wildcard tests/support/*.c)
SUPPORT_MAIN := $(if $(SUPPORT_SRC),$(shell grep -l '^int main\b' $(SUPPORT_SRC)))
SUPPORT := $(SUPPORT_MAIN:tests/support/%.c=$(B)/tests/%)
SUPPORT_OBJ := $(call obj,$(filter-out $(SUPPORT_MAIN),$(SUPPORT_SRC)) $(wildcard tests/support/*/*.c))

# ---- goals -----------------------------------------------------------------------------------------------------------

.PHONY: all objects support deps demo check do-demo do-check do-fuzz bench ulp lint format fuzz install install-only uninstall clean help FORCE

all: $(B)/adc $(B)/libadc.a

objects: $(LIB_OBJ) $(cli_OBJ)

support: $(SUPPORT) $(FUZZ_SMOKE)

help:
	@echo 'make            $(B)/adc and $(B)/libadc.a'
	@echo 'make demo       install what is missing, build, train the example classifier'
	@echo 'make check      install what is missing, build, run every test (TESTS="tests/ir ..." for a part)'
	@echo 'make lint       the rules of the source tree'
	@echo 'make fuzz       the libFuzzer target, run for FUZZ_SECONDS (60)'
	@echo 'make bench      the benchmark set, beside JAX, PyTorch and CasADi after `make bench/peers` (ROWS="gmm conv:f32")'
	@echo 'make ulp        errors of the elementary functions against MPFR, N=100000 points each (FUNCTIONS="exp pow/2")'
	@echo 'make format     clang-format over the sources'
	@echo 'make install    into DESTDIR/PREFIX (/usr/local); make uninstall takes it away'
	@echo 'make clean      remove every build directory'
	@echo 'Variables: CC, CFLAGS, LDFLAGS, LLVM=NN or LLVM_CONFIG=path, SAN=1 (sanitizers), B=dir (build directory), V=1'

# A build that nobody gave a -j uses every processor.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

demo:
	@.ci/install-deps build $(LLVM)
	@+$(MAKE) $(JOBS) --no-print-directory do-demo

check:
	@.ci/install-deps check $(LLVM)
	@+$(MAKE) $(JOBS) --no-print-directory do-check

deps:
	@.ci/install-deps check $(LLVM)

# ---- objects ---------------------------------------------------------------------------------------------------------

# Objects are made again when the compiler, its flags or LLVM change.
FLAGS_NOW = $(CC) $(ALL_CFLAGS) $(LLVM_FOUND)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' >$@

ifeq ($(LLVM_FOUND),)
NEED_LLVM := need-llvm
.PHONY: need-llvm
need-llvm:
	@echo "No LLVM $(or $(LLVM),19 or newer) with its C headers: run '.ci/install-deps build $(LLVM)' or give LLVM_CONFIG=path" >&2
	@exit 1
endif


$(B)/%.o: %.c $(B)/flags
	$(call say,CC      $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/codegen/%.o: codegen/%.c $(B)/flags | $(NEED_LLVM)
	$(call say,CC      $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -isystem $(LLVM_INC) -c $< -o $@

$(B)/%.o: $(B)/%.c $(B)/flags
	$(call say,CC      $<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(GEN_WARN) -c $< -o $@

$(B)/%.c $(B)/%.h: %.y
	$(call say,BISON   $<)
	@mkdir -p $(@D)
	$(Q)$(BISON) -Wall -Werror=conflicts-sr,conflicts-rr --header=$(B)/$*.h -o $(B)/$*.c $<

$(B)/%.c $(B)/%.h: %.l
	$(call say,FLEX    $<)
	@mkdir -p $(@D)
	$(Q)$(FLEX) --header-file=$(B)/$*.h -o $(B)/$*.c $<

$(frontend_OBJ): | $(GRAMMAR:.c=.h) $(LEXER:.c=.h)
$(passes_OBJ): | $(RULES)

# ---- the rule table --------------------------------------------------------------------------------------------------

$(RULEGEN_OBJ): | $(GRAMMAR:.c=.h) $(LEXER:.c=.h)

# Archives, so that only what the tool calls is linked.
$(B)/host/rulegen: $(RULEGEN_OBJ) $(B)/lib-frontend.a $(B)/lib-ir.a
	$(call say,LINK    $@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ -lm -o $@

$(B)/passes/%_rules.inc: passes/%.rules $(B)/host/rulegen
	$(call say,RULES   $<)
	@mkdir -p $(@D)
	$(Q)$(B)/host/rulegen $< >$@.tmp && mv $@.tmp $@

# ---- the runtime, embedded as bitcode --------------------------------------------------------------------------------

# Elementary functions are linked after the loops have been optimised, file by file as they are needed, the others before, the threads
# where they are asked for.  Those are compiled for adc itself too: what `adc run` calls shares its own.
MATH_SRC := $(wildcard runtime/math_*.c)
POOL_BC := $(B)/runtime/pool.bc
GEMM_BC := $(B)/runtime/gemm.bc
RT_BC := $(filter-out $(POOL_BC) $(GEMM_BC),$(patsubst %.c,$(B)/%.bc,$(filter-out $(MATH_SRC),$(call src,runtime))))
# Doubles and floats, without and with a fused multiply-add.
MATH_KIND := f64 f32 f64-fused f32-fused
MATH_BC := $(foreach k,$(MATH_KIND),$(patsubst runtime/%.c,$(B)/runtime/$(k)/%.bc,$(MATH_SRC)))

# Scalar code, which codegen/widen.c makes vectors of.
$(MATH_BC): RT_FLAGS += -fno-vectorize -fno-slp-vectorize
$(B)/runtime/f32/%.bc $(B)/runtime/f32-fused/%.bc: RT_FLAGS += -DSINGLE=1
$(B)/runtime/f64-fused/%.bc $(B)/runtime/f32-fused/%.bc: RT_FLAGS += -DFUSED=1

define bitcode
	$(call say,CLANG   $@)
	@mkdir -p $(@D)
	$(Q)$(RT_CLANG) $(RT_FLAGS) -MMD -MP -c $< -o $@
endef
$(B)/runtime/%.bc: runtime/%.c $(B)/flags | $(NEED_LLVM)
	$(bitcode)
$(B)/runtime/mask.bc: runtime/mask.ll $(B)/flags | $(NEED_LLVM)
	$(call say,CLANG   $@)
	@mkdir -p $(@D)
	$(Q)$(RT_CLANG) -Wno-override-module -emit-llvm -c $< -o $@
$(B)/runtime/gemm.bc: RT_FLAGS += -fno-slp-vectorize -Xclang -mlink-builtin-bitcode -Xclang $(B)/runtime/mask.bc
$(B)/runtime/gemm.bc: $(B)/runtime/mask.bc
define math_rule
$(B)/runtime/$(1)/%.bc: runtime/%.c $(B)/flags | $(NEED_LLVM)
	$$(bitcode)
endef
$(foreach k,$(MATH_KIND),$(eval $(call math_rule,$(k))))

# Declared by codegen as: extern const unsigned char adc_NAME_bc[]; extern const size_t adc_NAME_bc_size;
$(B)/codegen/runtime_bc.c: $(RT_BC) Makefile | $(NEED_LLVM)
$(B)/codegen/pool_bc.c: $(POOL_BC) | $(NEED_LLVM)
$(B)/codegen/runtime_bc.c $(B)/codegen/pool_bc.c: $(B)/codegen/%_bc.c:
	$(call say,EMBED   $@)
	@mkdir -p $(@D)
	$(Q)$(LLVM_BIN)/llvm-link $(filter %.bc,$^) -o $(B)/runtime/$*.linked.bc
	$(Q){ echo '#include <stddef.h>'; \
	  echo 'extern const unsigned char adc_$*_bc[]; extern const size_t adc_$*_bc_size;'; \
	  echo 'const unsigned char adc_$*_bc[] __attribute__((aligned(16))) = {'; \
	  od -An -v -tx1 $(B)/runtime/$*.linked.bc | sed 's/ \(..\)/0x\1,/g'; \
	  echo '0};'; \
	  echo 'const size_t adc_$*_bc_size = sizeof adc_$*_bc - 1;'; } >$@

# codegen/math_bc.h says what it defines.
$(B)/codegen/math_bc.c: $(MATH_BC) runtime/embed.sh codegen/math_bc.h | $(NEED_LLVM)
	$(call say,EMBED   $@)
	@mkdir -p $(@D)
	$(Q)runtime/embed.sh $(LLVM_BIN)/llvm-nm $(MATH_BC) >$@

# Matrix products, each a file: the bitcode, and assembly for x86-64 processors that have vectors of that width, which is put into a
# module as it is: names of its own for labels, no global symbol, a section for each function.  Without strength reduction, as all code for
# x86-64 (codegen/optimise.c).
GEMM_KIND := gemm gemm_rows gemm_columns
GEMM_16 := $(foreach k,$(GEMM_KIND),adc_rt_$(k)_f64_16 adc_rt_$(k)_f32_16)
GEMM_32 := $(foreach k,$(GEMM_KIND),adc_rt_$(k)_f64_32 adc_rt_$(k)_f32_32)
GEMM_64 := $(foreach k,$(GEMM_KIND),adc_rt_$(k)_f64_64 adc_rt_$(k)_f32_64)
GEMM := $(GEMM_16) $(GEMM_32) $(GEMM_64)
GEMM_DIR := $(B)/runtime/gemm
gemm_zeros = $(if $(filter adc_rt_gemm_f%,$*),--rglob='$*_.*')
$(GEMM_32:%=$(GEMM_DIR)/%.s): ASM_FEATURES := -mattr=+avx,+fma,-slow-unaligned-mem-32
$(GEMM_64:%=$(GEMM_DIR)/%.s): ASM_FEATURES := -mattr=+avx512f,+fma
$(GEMM_DIR)/%.bc: $(GEMM_BC)
	@mkdir -p $(@D)
	$(Q)$(LLVM_BIN)/llvm-extract --recursive --func=$* $(if $(filter adc_rt_gemm_f%,$*),--func=$*_blas) $(gemm_zeros) $< -o $@
$(GEMM_DIR)/%.s: $(GEMM_BC) Makefile
	$(call say,LLC     $@)
	@mkdir -p $(@D)
	$(Q)$(LLVM_BIN)/llvm-extract --recursive --func=$* $(gemm_zeros) -S $< -o - | sed 's/"\(target-[a-z]*\|tune-cpu\)"="[^"]*"//g; /^target triple/d' \
	  | $(LLVM_BIN)/llc -O3 -disable-lsr -mtriple=x86_64-linux-gnu $(ASM_FEATURES) -relocation-model=pic -function-sections -asm-verbose=0 -o $@.tmp
	$(Q)sed '/^[[:space:]]*\.\(globl\|ident\|file\|addrsig\|addrsig_sym\)\>/d; /\.note\.GNU-stack/d; s/\.L/.L$*_/g' \
	  $@.tmp >$@ && rm $@.tmp
$(B)/codegen/gemm_bc.c: $(GEMM:%=$(GEMM_DIR)/%.bc) $(GEMM:%=$(GEMM_DIR)/%.s) runtime/embed_gemm.sh codegen/gemm_bc.h | $(NEED_LLVM)
	$(call say,EMBED   $@)
	@mkdir -p $(@D)
	$(Q)runtime/embed_gemm.sh $(GEMM_DIR) $(GEMM) >$@

# ---- adc, libadc.a ---------------------------------------------------------------------------------------------------

$(B)/adc: $(LIB_OBJ) $(cli_OBJ)
	$(call say,LINK    $@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -lpthread -o $@

# One object, in which every name but adc_* has become local: a user's program may use any name of ours.
$(B)/libadc.a: $(LIB_OBJ)
	$(call say,AR      $@)
	$(Q)$(LD) -r $^ -o $(B)/libadc.o
	$(Q)$(OBJCOPY) -w --keep-global-symbol='adc_*' --keep-global-symbol='!adc_runtime_bc*' --keep-global-symbol='!adc_math_file' \
	  --keep-global-symbol='!adc_pool_bc*' --keep-global-symbol='!adc_gemm_file' $(B)/libadc.o
	$(Q)rm -f $@.new && $(AR) rcs $@.new $(B)/libadc.o && mv $@.new $@

# For working in one folder.
$(B)/lib-ir.a: $(ir_OBJ)
$(B)/lib-frontend.a: $(frontend_OBJ)
$(B)/lib-passes.a: $(passes_OBJ)
$(B)/lib-codegen.a: $(codegen_OBJ)
$(B)/lib-driver.a: $(driver_OBJ)
$(FOLDERS:%=$(B)/lib-%.a):
	$(call say,AR      $@)
	$(Q)rm -f $@.new && $(AR) rcs $@.new $^ && mv $@.new $@

# ---- tests -----------------------------------------------------------------------------------------------------------

# Each file of tests/support with a main is a program; the others, and those of its folders, are linked to all of them.
# They see the compiler's own names, so they are linked with its objects and not with libadc.a.
$(SUPPORT): $(B)/tests/%: $(B)/tests/support/%.o $(SUPPORT_OBJ) $(LIB_OBJ)
	$(call say,LINK    $@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -lpthread -o $@

# A test that calls make must ask for this very build, or it would make everything again.
SAME_BUILD = make -s -C $(CURDIR) B='$(B)' CC='$(CC)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)' SAN='$(SAN)' LLVM_CONFIG='$(LLVM_FOUND)'

do-check: all $(SUPPORT) $(FUZZ_SMOKE)
	@rm -f $(B)/lit.json
	@$(LIT) -sv --no-progress-bar -j $$(nproc) -o $(B)/lit.json --param build=$(abspath $(B)) \
	  --param llvm_bin=$(LLVM_BIN) --param llvm_version=$(shell $(LLVM_FOUND) --version) --param llvm_libs='$(LLVM_LIBS)' \
	  --param cc='$(CC)' --param san='$(SAN)' --param sanflags='$(SANFLAGS)' --param make="$(SAME_BUILD)" $(TESTS) || :
	@.ci/count-results $(B)/lit.json

# ---- demo, lint, fuzz ------------------------------------------------------------------------------------------------

do-demo: all
	@+$(MAKE) --no-print-directory -C examples/iris ADC=$(abspath $(B)/adc) OUT=$(abspath $(B)/examples/iris) run

lint:
	@LINT_FORMAT=1 python3 tests/lint/lint.py

format:
	clang-format -i $(wildcard $(foreach f,$(FOLDERS) runtime passes/rulegen,$(f)/*.c $(f)/*.h))

# The smoke run is an ordinary program with a main of its own; the libFuzzer target is built apart, wholly by clang.
$(B)/tests/fuzz_smoke: $(B)/tests/fuzz/fuzz_frontend.o $(B)/tests/fuzz/smoke.o $(LIB_OBJ)
	$(call say,LINK    $@)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(LIBS) -o $@

FUZZ_SECONDS ?= 60
$(B)/tests/fuzz_frontend: $(B)/tests/fuzz/fuzz_frontend.o $(LIB_OBJ)
	$(call say,LINK    $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $^ $(LIBS) -o $@

fuzz:
	@.ci/install-deps fuzz $(LLVM)
	@+$(MAKE) --no-print-directory do-fuzz

do-fuzz:
	@+$(MAKE) $(JOBS) --no-print-directory B=build-fuzz CC=$(RT_CLANG) SAN=1 CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' \
	  build-fuzz/tests/fuzz_frontend
	@mkdir -p build-fuzz/found
	build-fuzz/tests/fuzz_frontend -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 \
	  -artifact_prefix=build-fuzz/found/ -dict=tests/fuzz/tdsl.dict build-fuzz/found tests/fuzz/corpus

# ---- benchmarks ------------------------------------------------------------------------------------------------------

BENCH_PYTHON := $(firstword $(wildcard bench/peers/bin/python) python3)
ROWS ?=
BENCH ?= --seconds 5

ulp: $(B)/adc
	$(Q)N=$(N) FUNCTIONS="$(FUNCTIONS)" bench/math/ulp.sh $(B)/adc

bench: $(B)/adc
	@$(BENCH_PYTHON) bench/run.py --adc $(B)/adc $(BENCH) $(ROWS)

# PyTorch's own index has it without what a graphics card needs.
bench/peers:
	python3 -m venv $@
	-$@/bin/pip install -q --retries 0 --timeout 10 --index-url https://download.pytorch.org/whl/cpu $$(grep ^torch bench/peers.txt)
	$@/bin/pip install -q -r bench/peers.txt || { rm -rf $@; exit 1; }

# ---- install ---------------------------------------------------------------------------------------------------------

INSTALL ?= install
DEST = $(DESTDIR)$(PREFIX)
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@VERSION@|$(VERSION)|g' -e 's|@LLVM_LIBS@|$(strip $(LLVM_LIBS))|g'
INSTALLED := bin/adc lib/libadc.a include/adc.h lib/pkgconfig/adc.pc lib/cmake/adc/adcConfig.cmake \
  lib/cmake/adc/adcConfigVersion.cmake share/man/man1/adc.1 share/bash-completion/completions/adc \
  share/zsh/site-functions/_adc share/fish/vendor_completions.d/adc.fish

# install-only is for tests and packagers: it makes nothing again.
install: all
	@+$(MAKE) --no-print-directory install-only

install-only:
	$(INSTALL) -d $(sort $(dir $(addprefix $(DEST)/,$(INSTALLED))))
	$(INSTALL) -m 755 $(B)/adc $(DEST)/bin/adc
	$(INSTALL) -m 644 $(B)/libadc.a $(DEST)/lib/libadc.a
	$(INSTALL) -m 644 driver/adc.h $(DEST)/include/adc.h
	$(FILL) driver/install/adc.pc.in >$(DEST)/lib/pkgconfig/adc.pc
	$(FILL) driver/install/adcConfig.cmake.in >$(DEST)/lib/cmake/adc/adcConfig.cmake
	$(FILL) driver/install/adcConfigVersion.cmake.in >$(DEST)/lib/cmake/adc/adcConfigVersion.cmake
	$(FILL) driver/install/adc.1.in >$(DEST)/share/man/man1/adc.1
	$(INSTALL) -m 644 driver/install/adc.bash $(DEST)/share/bash-completion/completions/adc
	$(INSTALL) -m 644 driver/install/adc.zsh $(DEST)/share/zsh/site-functions/_adc
	$(INSTALL) -m 644 driver/install/adc.fish $(DEST)/share/fish/vendor_completions.d/adc.fish

uninstall:
	rm -f $(addprefix $(DEST)/,$(INSTALLED))
	-rmdir $(DEST)/lib/cmake/adc 2>/dev/null

# ---- the rest --------------------------------------------------------------------------------------------------------

clean:
	rm -rf build build-*

DEPFILES = $(patsubst %.o,%.d,$(LIB_OBJ) $(cli_OBJ) $(RULEGEN_OBJ)) $(RT_BC:.bc=.d) $(MATH_BC:.bc=.d) $(POOL_BC:.bc=.d) $(GEMM_BC:.bc=.d) $(SUPPORT:$(B)/tests/%=$(B)/tests/support/%.d) $(SUPPORT_OBJ:.o=.d) $(wildcard $(B)/tests/fuzz/*.d)
-include $(wildcard $(DEPFILES))
