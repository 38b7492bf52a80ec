# Proofs: the real programs are killed, and every answer is checked.
SCRATCH := $(O)/tests/proof/scratch.o
$(SCRATCH): tests/proof/scratch.c
	@mkdir -p $(@D)
	$(call compile)

CRASH := $(O)/tests/proof/crash
$(CRASH).o: tests/proof/crash.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,tool))
$(CRASH): $(CRASH).o $(SCRATCH) $(call archives,common)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,common) jansson) -lpthread

# Its own open, write, fsync … replace libc's, for LMDB's library too: hence -rdynamic.
POWER := $(O)/tests/proof/power
POWER_OBJ := $(POWER).o $(O)/tests/proof/record.o
$(POWER_OBJ): $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile,-U_FORTIFY_SOURCE $(call includes,cache))
$(POWER): $(POWER_OBJ) $(SCRATCH) $(call archives,cache)
	$(CC) $(LINK) -rdynamic $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,cache)) -ldl

# The clock is preloaded before a sanitizer's library, so it is built without one.
SOAK  := $(O)/tests/proof/soak
CLOCK := $(O)/tests/proof/clock.so
SOAK_OBJ := $(addprefix $(O)/tests/proof/,soak.o oracle.o world.o)
$(SOAK_OBJ): $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile,-iquote tests/unit $(call includes,tool))
$(SOAK): $(SOAK_OBJ) $(SCRATCH) $(call archives,common)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,common) jansson openssl) -lpthread -lm
$(CLOCK): tests/proof/clock.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(WERROR) -O2 -fPIC -fvisibility=hidden -shared -o $@ $<

PROOF := $(CRASH) $(POWER) $(SOAK) $(CLOCK)

.PHONY: crash
crash: $(PROGRAMS) $(CRASH) ## kill -9 of every writer of the cache, CYCLES=10000 times, while readers check it
	@$(CRASH) $(O) $(or $(CYCLES),10000)

.PHONY: power
power: $(POWER) ## power cuts: the writes since the last sync dropped and torn, IMAGES=1000 times
	@$(POWER) $(or $(IMAGES),1000)

.PHONY: soak
soak: $(PROGRAMS) $(SOAK) $(CLOCK) ## run a mixed load in a world that breaks, for SECONDS=3600, and check each answer
	@$(SOAK) $(O) $(or $(SECONDS),3600)

.PHONY: faults
faults: tests ## run the case of each attack and fault that once broke the project (faults.list)
	@tests/proof/faults $(O)
