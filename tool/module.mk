# mtasts, the tool.
tool_USES    := engine cache common report check publish net
tool_PKGS    := jansson libevent_core libevent_extra
tool_PROGRAM := mtasts
