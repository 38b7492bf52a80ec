# The programs of the lab, and the yardstick of its bench.
LAB := $(O)/tests/lab/certs $(O)/tests/lab/rogue
HANDSHAKE_BENCH := $(O)/tests/bench/handshake_bench

$(LAB:%=%.o) $(HANDSHAKE_BENCH).o: $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile)
$(LAB) $(HANDSHAKE_BENCH): %: %.o
	$(CC) -pie $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,openssl)

.PHONY: lab-tools
lab-tools: $(LAB)
