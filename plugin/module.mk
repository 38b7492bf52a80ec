# exim-mtasts.so, the plugin for Exim's dlfunc. Never net/: nothing in it talks to the Internet.
# Built where Exim's headers are (package exim4-dev); EXIM_INCLUDE names another place.
plugin_USES    := engine cache common
plugin_PKGS    :=
plugin_CFLAGS  := -DDLFUNC_IMPL -isystem $(EXIM_INCLUDE)
ifneq ($(and $(wildcard $(EXIM_INCLUDE)/local_scan.h),$(wildcard plugin/*.c)),)
plugin_PLUGIN  := exim-mtasts.so
endif
