# Proofs by force: the real programs are killed, and every answer is judged.
CRASH := $(O)/tests/proof/crash
$(CRASH).o: tests/proof/crash.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,tool))
$(CRASH): $(CRASH).o $(call archives,common)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,common) jansson) -lpthread

# Its own open, write, fsync … come before libc's, for LMDB's library too: hence -rdynamic.
POWER := $(O)/tests/proof/power
POWER_OBJ := $(POWER).o $(O)/tests/proof/record.o
$(POWER_OBJ): $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile,-U_FORTIFY_SOURCE $(call includes,cache))
$(POWER): $(POWER_OBJ) $(call archives,cache)
	$(CC) $(LINK) -rdynamic $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,cache)) -ldl

PROOF := $(CRASH) $(POWER)

.PHONY: crash
crash: $(PROGRAMS) $(CRASH) ## kill -9 of every writer of the cache, CYCLES=10000 times, with readers that judge
	@$(CRASH) $(O) $(or $(CYCLES),10000)

.PHONY: power
power: $(POWER) ## power cuts: the writes since the last sync dropped and torn, IMAGES=1000 times
	@$(POWER) $(or $(IMAGES),1000)
