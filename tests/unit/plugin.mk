# The plugin in a host program that replaces Exim, so that both run under the sanitizers.
ifneq ($(plugin_PLUGIN),)
EXIM_HOST := $(O)/tests/unit/plugin/exim_host_test
exim_host_OBJ := $(patsubst %,$(O)/tests/unit/plugin/exim_%.o,host checks offers fixture)

$(O)/tests/unit/plugin/exim_%.o: tests/unit/exim_%.c
	@mkdir -p $(@D)
	$(call compile,-iquote tests/unit $(call includes,plugin))
$(EXIM_HOST): $(exim_host_OBJ) $(O)/tests/unit/unit.o $(call archives,common) $(O)/$(plugin_PLUGIN)
	$(CC) $(LINK) -rdynamic $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(call pkg_libs,cunit $(call packages,common)) -ldl -lpthread
UNITS += $(EXIM_HOST)
endif
