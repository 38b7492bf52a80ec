# mtasts, the tool.
tool_USES    := engine cache common report net
tool_PKGS    := jansson libevent_core
tool_PROGRAM := mtasts
