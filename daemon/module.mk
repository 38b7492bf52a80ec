# mtastsd, the daemon: answers, asks net/, writes the cache, refreshes.
daemon_USES    := engine cache common report net
daemon_PKGS    := jansson libevent_core
daemon_PROGRAM := $(if $(wildcard daemon/main.c),mtastsd)
