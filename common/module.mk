# What programs share: configuration, log, names, JSON.
common_USES := engine cache
common_PKGS := libconfuse jansson libidn2
