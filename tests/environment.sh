# What a test sees does not depend on who starts it: each script that can be run by itself sources this first.
# shellcheck shell=bash

# Order, classes of characters, error texts and times are those of one locale.
export LC_ALL=C.UTF-8 TZ=UTC
unset LANGUAGE POSIXLY_CORRECT
# What libcurl, OpenSSL and the C library would ask: the lab has servers, CAs and names of its own.
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE RES_OPTIONS LOCALDOMAIN
