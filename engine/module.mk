# RFC 8461 as pure functions; knows nothing but include/.
engine_USES :=
engine_PKGS :=
