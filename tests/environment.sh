# A test's environment does not depend on the user who starts it: each script that can be run alone sources this first.
# shellcheck shell=bash

# Order, classes of characters, error texts and times are those of one locale.
export LC_ALL=C.UTF-8 TZ=UTC
unset LANGUAGE POSIXLY_CORRECT
# Settings of libcurl, OpenSSL and the C library: the lab has servers, CAs and names of its own.
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE RES_OPTIONS LOCALDOMAIN
