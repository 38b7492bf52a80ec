# What a domain publishes, judged: an observation (all that DNS, HTTPS and SMTP said) becomes findings.
check_USES := report engine cache common
check_PKGS := jansson openssl
