# mtasts, the tool.
tool_USES    := engine cache common report check net
tool_PKGS    := jansson libevent_core
tool_PROGRAM := mtasts
