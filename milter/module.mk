# mtasts-milter, for Sendmail and Postfix: logs and flags outbound mail. Never net/: it asks mtastsd.
milter_USES    := engine cache common
milter_PKGS    := milter
milter_PROGRAM := $(if $(wildcard milter/main.c),mtasts-milter)
