# TLS-RPT (RFC 8460): reports that arrived are found, read and summed up.
report_USES := engine cache common
report_PKGS := jansson zlib libcrypto
