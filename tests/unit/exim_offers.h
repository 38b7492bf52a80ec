/*
 * exim_offers.h: what the plugin wants of Exim's local_scan API, for a program that stands in for
 * Exim, and what came of it.
 */
#ifndef EXIM_OFFERS_H
#define EXIM_OFFERS_H

#include <stdbool.h>

/* Exim's store: the last piece first. */
struct exim_stored {
  struct exim_stored *next;
  bool tainted;
  unsigned char bytes[];
};

extern struct exim_stored *exim_stored;
extern char exim_logged[65536]; /* the main log */
extern unsigned exim_log_lines;
extern unsigned exim_lookups; /* by dnsdb */
extern bool exim_has_message; /* false: `exim -bt` */

#endif
