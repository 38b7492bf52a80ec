/*
 * command.h: the description of a command for main.c, and the exit codes (mtasts(1)): those of
 * sysexits(3), and one of our own.
 */
#ifndef MTASTS_TOOL_COMMAND_H
#define MTASTS_TOOL_COMMAND_H

#include <sysexits.h>

#include "options.h"

enum mtasts_exit {
  MTASTS_EXIT_OK = EX_OK,
  MTASTS_EXIT_NO = 1,                /* a host that does not match, a domain that is not cached */
  MTASTS_EXIT_USAGE = EX_USAGE,      /* wrong options or arguments */
  MTASTS_EXIT_DATA = EX_DATAERR,     /* malformed input */
  MTASTS_EXIT_NOFILE = EX_NOINPUT,   /* no such file */
  MTASTS_EXIT_AWAY = EX_UNAVAILABLE, /* no resolver answers, or mtastsd has stopped answering */
  MTASTS_EXIT_MEMORY = EX_OSERR,
  MTASTS_EXIT_CREATE = EX_CANTCREAT, /* cannot create */
  MTASTS_EXIT_IO = EX_IOERR,
  MTASTS_EXIT_LATER = EX_TEMPFAIL, /* verdict defer, or another process is writing */
  MTASTS_EXIT_DENIED = EX_NOPERM,  /* no permission */
  MTASTS_EXIT_CONFIG = EX_CONFIG,
};

struct mtasts_command {
  const char *name;      /* "query", or two words: "cache list" */
  const char *arguments; /* "[--offline] DOMAIN…" */
  const char *summary;   /* one line of the list of commands */
  const char *help;      /* options and examples */
  size_t least, max;     /* number of words that it takes */
  bool monitors;         /* its exit codes are those of check_status.h, also for wrong usage */
  int (*run)(const struct mtasts_options *options);
};

extern const struct mtasts_command mtasts_command_check;
extern const struct mtasts_command mtasts_command_query;
extern const struct mtasts_command mtasts_command_warm;
extern const struct mtasts_command mtasts_command_refresh;
extern const struct mtasts_command mtasts_command_record_parse;
extern const struct mtasts_command mtasts_command_policy_parse;
extern const struct mtasts_command mtasts_command_policy_match;
extern const struct mtasts_command mtasts_command_policy_new;
extern const struct mtasts_command mtasts_command_cache_list;
extern const struct mtasts_command mtasts_command_cache_show;
extern const struct mtasts_command mtasts_command_cache_stats;
extern const struct mtasts_command mtasts_command_cache_remove;
extern const struct mtasts_command mtasts_command_cache_clear;
extern const struct mtasts_command mtasts_command_cache_expire;
extern const struct mtasts_command mtasts_command_cache_verify;
extern const struct mtasts_command mtasts_command_cache_compact;
extern const struct mtasts_command mtasts_command_cache_backup;
extern const struct mtasts_command mtasts_command_cache_export;
extern const struct mtasts_command mtasts_command_cache_import;
extern const struct mtasts_command mtasts_command_cache_salvage;
extern const struct mtasts_command mtasts_command_report_selftest;
extern const struct mtasts_command mtasts_command_report_send;
extern const struct mtasts_command mtasts_command_report_show;
extern const struct mtasts_command mtasts_command_report_status;
extern const struct mtasts_command mtasts_command_report_build;
extern const struct mtasts_command mtasts_command_report_watch;
extern const struct mtasts_command mtasts_command_outcome_follow;
extern const struct mtasts_command mtasts_command_watch;
extern const struct mtasts_command mtasts_command_publish;
extern const struct mtasts_command mtasts_command_publish_serve_ask;
extern const struct mtasts_command mtasts_command_publish_delegations;

#endif
