# Proofs by force: the real programs are killed, and every answer is judged.
CRASH := $(O)/tests/proof/crash
$(CRASH).o: tests/proof/crash.c
	@mkdir -p $(@D)
	$(call compile,$(call includes,tool))
$(CRASH): $(CRASH).o $(call archives,common)
	$(CC) $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(call packages,common) jansson) -lpthread

PROOF := $(CRASH)

.PHONY: crash
crash: $(PROGRAMS) $(CRASH) ## kill -9 of every writer of the cache, CYCLES=10000 times, with readers that judge
	@$(CRASH) $(O) $(or $(CYCLES),10000)
