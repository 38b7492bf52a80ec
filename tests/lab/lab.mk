# The programs of the lab, and those of its benches.
LAB := $(O)/tests/lab/certs $(O)/tests/lab/rogue $(O)/tests/lab/smtp $(O)/tests/lab/ask \
       $(O)/tests/lab/forward $(O)/tests/lab/relay $(O)/tests/lab/milter_client
HANDSHAKE_BENCH := $(O)/tests/bench/handshake_bench $(O)/tests/bench/spent

$(LAB:%=%.o) $(HANDSHAKE_BENCH:%=%.o): $(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call compile)
$(LAB) $(HANDSHAKE_BENCH): %: %.o
	$(CC) -pie $(LINK) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,openssl)

# Exim loads these, so they are built without a sanitizer.
$(O)/tests/lab/crash.so: tests/lab/crash.c
	@mkdir -p $(@D)
	$(CC) $(STD) $(WARN) $(WERROR) -fPIC -shared -o $@ $<
LAB += $(O)/tests/lab/crash.so

.PHONY: lab-tools
lab-tools: $(LAB)

.PHONY: valgrind
valgrind: $(PROGRAMS) $(PLUGINS) $(LAB) ## run mtastsd, the milter and Exim with the plugin under valgrind, in the lab (as root)
	@contrib/deps lint
	@O=$(O) tests/lab/lab test valgrind
