/*
 * options.h: the command line, as one plain struct.
 *
 * Long options are written `--name value` or `--name=value`, before or after the command and
 * between its words; `--` ends them. Some options take several words: `--mx A B`. Global options
 * work with every command; the others work with the commands that the table in options.c names.
 */
#ifndef MTASTS_TOOL_OPTIONS_H
#define MTASTS_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "mtasts.h"

/* Values of an option that may be repeated: at most one per argument. */
struct mtasts_option_values {
  char **items;
  size_t count;
};

struct mtasts_options {
  /* global; NULL if not given */
  char *config;
  char *cache;
  char *resolver;
  char *ca_file;
  bool json, no_color, verbose, help, version;

  bool offline, refresh, explain; /* query */
  bool yes, repair;               /* cache clear, cache verify */
  bool due, all;                  /* refresh */
  char *jobs;                     /* warm, refresh */
  char *mode, *max_age;           /* policy new */
  struct mtasts_option_values mx;
  struct mtasts_option_values filters; /* cache list */

  bool failures, csv, reverse_dns, prometheus, check; /* report show, which takes `explain` too */
  char *since, *until, *domain, *by, *html, *fail_over, *against, *authserv_id;
  char *command, *mail; /* report watch, watch */
  char *day;            /* report build, send, status */
  char *dir;            /* report build, publish */
  bool dry_run;         /* report send */

  bool no_smtp; /* check, watch */
  char *expect, *timeout, *helo;
  char *state;   /* check, watch, report watch */
  char *metrics; /* watch */

  bool from_mx, force; /* publish, which takes mode, max_age, mx and domain too */
  char *ttl, *cert, *key, *provider, *listen;
  struct mtasts_option_values tlsrpt, web;

  bool from_start, once; /* outcome follow */
  char *file;            /* outcome follow, publish */
  char *position;        /* outcome follow */

  struct mtasts_option_values arguments; /* the command's arguments */
};

/*
 * Reads the options that `command` takes ("" for the global ones alone) from argv[0] on. With an
 * empty command it stops at the first word, else it reads all. Returns the number of arguments
 * used, or -1 after an error, which it prints.
 */
int mtasts_options_read(struct mtasts_options *options, const char *command, int argc, char **argv);

void mtasts_options_free(struct mtasts_options *options);

/* Reads decimal digits: a number from least to most (at least 9); false for anything else. */
bool mtasts_number_read(const char *text, unsigned long least, unsigned long max,
                        unsigned long *number);

#endif
