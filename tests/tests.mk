# Tests. tests/unit/<module>/x_test.c and tests/fuzz/<module>/x_fuzz.c are linked with
# their module and the modules that it uses; tests/bench and tests/scenarios with those that they name.

test_modules := engine cache common report check publish net daemon plugin milter tool
unit_SRC := $(foreach m,$(test_modules),$(wildcard tests/unit/$(m)/*_test.c))
fuzz_SRC := $(foreach m,$(test_modules),$(wildcard tests/fuzz/$(m)/*_fuzz.c))
UNITS    := $(unit_SRC:%.c=$(O)/%)
REPLAYS  := $(fuzz_SRC:%.c=$(O)/%_replay)
FUZZERS  := $(fuzz_SRC:%.c=$(O)/%)

$(O)/tests/unit/unit.o: tests/unit/unit.c
	@mkdir -p $(@D)
	$(call compile)
$(O)/tests/fuzz/replay.o: tests/fuzz/replay.c
	@mkdir -p $(@D)
	$(call compile)

# $(1) module
define test_module
$(O)/tests/unit/$(1)/%.o: tests/unit/$(1)/%.c
	@mkdir -p $$(@D)
	$$(call compile,-iquote tests/unit $$(call includes,$(1)))
$(O)/tests/unit/$(1)/%_test: $(O)/tests/unit/$(1)/%_test.o $(O)/tests/unit/unit.o $(call archives,$(1))
	$$(CC) $$(LINK) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call pkg_libs,cunit $$(call packages,$(1))) -lpthread
$(O)/tests/fuzz/$(1)/%.o: tests/fuzz/$(1)/%.c
	@mkdir -p $$(@D)
	$$(call compile,-Wno-missing-prototypes $$(call includes,$(1)))
$(O)/tests/fuzz/$(1)/%_fuzz_replay: $(O)/tests/fuzz/$(1)/%_fuzz.o $(O)/tests/fuzz/replay.o $(call archives,$(1))
	$$(CC) $$(LINK) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call pkg_libs,$$(call packages,$(1)))
$(O)/tests/fuzz/$(1)/%_fuzz: $(O)/tests/fuzz/$(1)/%_fuzz.o $(call archives,$(1))
	$$(CC) $$(LINK) -fsanitize=fuzzer $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call pkg_libs,$$(call packages,$(1)))
endef
$(foreach m,$(test_modules),$(eval $(call test_module,$(m))))
.SECONDARY:
-include tests/unit/plugin.mk

# Simulations: the daemon through time, with a simulated world instead of net/lookup.c.
WEEK       := $(addprefix $(O)/tests/sim/daemon/,week.o world.o scripted_lookup.o)
FIGURE     := $(O)/tests/bench/figure.o
WEEK_BENCH := $(O)/tests/bench/week_bench
$(WEEK): $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,daemon))
WEEK_UNITS := $(O)/tests/unit/daemon/week_test $(O)/tests/unit/daemon/tick_test
$(O)/tests/unit/daemon/week_test $(WEEK_BENCH): LINK += -Wl,--wrap=mtasts_log
$(WEEK_UNITS): %: %.o $(O)/tests/unit/unit.o $(WEEK) $(call archives,daemon)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,cunit $(call packages,daemon)) -lpthread
$(WEEK_BENCH).o: tests/bench/week_bench.c
	@mkdir -p $(@D)
	$(call compile)
$(WEEK_BENCH): %: %.o $(WEEK) $(FIGURE) $(call archives,daemon)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,daemon)) -lpthread

# Fills a store of outcomes, for the tests of the tool and of the lab.
RECORD_OUTCOMES := $(O)/tests/tool/record_outcomes
$(RECORD_OUTCOMES).o: tests/tool/record_outcomes.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,report))
$(RECORD_OUTCOMES): $(RECORD_OUTCOMES).o $(call archives,report)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,report))

# Scenarios: the engine through time; entries are kept in the form in which the cache stores them.
SCENARIOS := $(O)/tests/scenarios/scenarios
$(O)/tests/scenarios/%.o: tests/scenarios/%.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,cache))
$(SCENARIOS): $(O)/tests/scenarios/scenarios.o $(call archives,cache)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,cache))
-include tests/lab/lab.mk
include tests/proof/proof.mk

TIERS ?= units scenarios corpora tool page proof other lab
TESTED = $(PROGRAMS) $(PLUGINS) $(LIBS) $(UNITS) $(SCENARIOS) $(REPLAYS) $(RECORD_OUTCOMES)

.PHONY: deps roots check check-here tests other bench fuzz asan tsan demo
deps: ## install the Debian packages that building and testing need
	@contrib/deps

# The lab skips parts whose root is missing; in CI that is a failure.
roots: deps ## install other MTAs and the other Debian in root directories, for the lab (as root)
	@tests/lab/roots || :

tests: $(TESTED) $(LAB) $(PROOF)

check: roots ## build and run every test
	@$(MAKE) --no-print-directory check-here
check-here: tests $(if $(filter other lab,$(TIERS)),other)
	@tests/run $(O) $(TIERS)

# With the other Debian's compiler and libraries, into a build tree of its own. Skipped with a sanitizer.
other: ## build everything in a root of the other Debian as well (as root)
ifeq ($(findstring -fsanitize,$(CFLAGS)),)
	@export O=$(O); tests/lab/other true 2>/dev/null || exit 0; \
	  tests/lab/other make -s -j$$(nproc) O=$(O)-other WERROR=-Werror tests
endif

demo: deps ## start a private internet, look up ten domains and show the results
	@tests/lab/roots postfix sendmail || :
	@$(MAKE) --no-print-directory -s demo-here
.PHONY: demo-here
demo-here: $(PROGRAMS) $(PLUGINS) $(LAB) $(RECORD_OUTCOMES)
	@O=$(O) tests/lab/lab demo

SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
asan: ## run the tests under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory O=build-asan CFLAGS="$(SANITIZE) -fsanitize=address,undefined" check-here
tsan: ## run unit tests and scenarios under the thread sanitizer
	@$(MAKE) --no-print-directory O=build-tsan CFLAGS="$(SANITIZE) -fsanitize=thread" TIERS="units scenarios" check-here

FUZZ_SECONDS ?= 60
fuzz: ## fuzz every parser, FUZZ_SECONDS=60 each
	@$(MAKE) --no-print-directory O=build-fuzz CC=clang fuzz-here \
	  CFLAGS="$(SANITIZE) -fsanitize=address,undefined,fuzzer-no-link"
.PHONY: fuzz-here
fuzz-here: $(FUZZERS)
	@for target in $(FUZZERS); do \
	  name=$$(basename $$target _fuzz); mkdir -p $(O)/corpus/$$name; \
	  echo "== $$name"; \
	  $$target -max_total_time=$(FUZZ_SECONDS) -max_len=70000 -timeout=10 -print_final_stats=0 -verbosity=0 \
	    -artifact_prefix=$(O)/$$name- $(O)/corpus/$$name tests/fuzz/corpus/$$name || exit 1; \
	done; echo "nothing found"

.PHONY: lint
lint: ## check formatting, banned functions, man pages and exported symbols; static analysis
	@contrib/deps lint
	@$(MAKE) --no-print-directory -s $(O)/engine.a $(O)/libmtasts.so
	@tests/lint $(O)

# Benches compare each figure with its limit: medians of interleaved rounds. Floods, disk, week and memory: one run and
# a fixed limit. tests/bench/run lists the parts.
$(FIGURE): tests/bench/figure.c
	@mkdir -p $(@D)
	$(call compile)

FILL       := $(O)/tests/bench/fill.o
BARE       := $(O)/tests/bench/bare.o
FILL_CACHE := $(O)/tests/bench/fill_cache
$(FILL) $(BARE) $(FILL_CACHE).o: $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,cache))
$(FILL_CACHE): $(FILL_CACHE).o $(FILL) $(call archives,cache)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,cache))

DISK_BENCH := $(O)/tests/bench/disk_bench
$(DISK_BENCH).o: tests/bench/disk_bench.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,cache))
$(DISK_BENCH): $(DISK_BENCH).o $(FILL) $(FIGURE) $(call archives,cache)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,cache)) -lpthread

POLICY_BENCH := $(O)/tests/bench/policy_bench
$(POLICY_BENCH).o: tests/bench/policy_bench.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,engine))
$(POLICY_BENCH): $(POLICY_BENCH).o $(FIGURE) $(call archives,engine)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,engine))

FLOOD_BENCH := $(O)/tests/bench/flood_bench
$(FLOOD_BENCH).o: tests/bench/flood_bench.c
	@mkdir -p $(@D)
	$(call compile,-iquote tests/unit $(call includes,cache))
$(FLOOD_BENCH): $(FLOOD_BENCH).o $(O)/tests/unit/unit.o $(FIGURE) $(call archives,cache)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,cunit $(call packages,cache))

$(O)/tests/bench/decision_bench.o: tests/bench/decision_bench.c
	@mkdir -p $(@D)
	$(call compile,-Wno-missing-prototypes $(call includes,cache))
$(O)/tests/bench/decision_bench: $(O)/tests/bench/decision_bench.o $(FILL) $(BARE) $(FIGURE) $(call archives,cache)
	$(CC) $(LINK) -Wl,--wrap=mdb_get $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,cache))

ANSWER_BENCHES := $(O)/tests/bench/answer_bench $(O)/tests/bench/paced_bench $(O)/tests/bench/start_bench $(if $(PLUGINS),$(O)/tests/bench/plugin_bench)
BENCH_TOOLS    := $(O)/tests/bench/constant.o $(O)/tests/bench/client.o
$(ANSWER_BENCHES:%=%.o) $(BENCH_TOOLS): $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile)
$(ANSWER_BENCHES): %: %.o $(BENCH_TOOLS) $(BARE) $(FIGURE)
	$(CC) $(LINK) -rdynamic $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libevent_core lmdb) -ldl

ASK_BENCH := $(O)/tests/bench/ask_bench
$(ASK_BENCH).o: tests/bench/ask_bench.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,cache))
$(ASK_BENCH): $(ASK_BENCH).o $(FILL) $(BENCH_TOOLS) $(call archives,cache)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libevent_core $(call packages,cache))

READERS_BENCH := $(O)/tests/bench/readers_bench
$(READERS_BENCH).o: tests/bench/readers_bench.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,cache))
$(READERS_BENCH): $(READERS_BENCH).o $(FILL) $(FIGURE) $(BENCH_TOOLS) $(call archives,cache)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,libevent_core $(call packages,cache)) -lpthread

OUTCOME_BENCH := $(O)/tests/bench/outcome_bench
$(OUTCOME_BENCH).o: tests/bench/outcome_bench.c
	@mkdir -p $(@D)
	$(call compile)
$(OUTCOME_BENCH): $(OUTCOME_BENCH).o $(FIGURE)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm

NOOP_MILTER := $(O)/tests/bench/noop_milter
$(NOOP_MILTER).o: tests/bench/noop_milter.c
	@mkdir -p $(@D)
	$(call compile)
$(NOOP_MILTER): $(NOOP_MILTER).o
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,milter) -lpthread

.PHONY: bench bench-here
bench: deps ## measure, and compare with the limits (docs/performance.md); PARTS="decision dane" for some
	@tests/lab/roots postfix || :
	@$(MAKE) --no-print-directory bench-here
BENCHES := $(HANDSHAKE_BENCH) $(FILL_CACHE) $(O)/tests/bench/decision_bench $(READERS_BENCH) \
           $(ANSWER_BENCHES) $(ASK_BENCH) $(POLICY_BENCH) $(DISK_BENCH) $(FLOOD_BENCH) $(WEEK_BENCH) \
           $(OUTCOME_BENCH) $(NOOP_MILTER)
bench-here: $(PROGRAMS) $(PLUGINS) $(LAB) $(BENCHES)
	@tests/bench/run $(O) $(PARTS)
