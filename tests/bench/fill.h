/*
 * fill.h: a cache of any number of domains for the benches: domain-000000.mail.example.com and so
 * on, each with an enforce policy of two mx patterns.
 */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include "store.h"

enum {
  FILL_NAME_SIZE = 64, /* bytes, with the NUL: a line of the processor's cache */
  FILL_MOST = 1000000,
};

enum fill_kind {
  FILL_POLICY, /* alone: the MX hosts were never looked up */
  FILL_LISTED, /* with its MX host, as mtastsd keeps it without DNSSEC */
  FILL_SECURE, /* likewise, as it keeps it with DNSSEC: there is no DANE, and that is known */
  FILL_DANE,   /* with two MX hosts that have DANE */
};

/* The name of the i-th domain; returns its length. */
size_t fill_name(size_t i, char name[FILL_NAME_SIZE]);

/* An entry fetched and checked at `now`, due for a check six hours later, live for seven days. What
 * it points to is static. */
struct mtasts_entry fill_entry(enum fill_kind kind, int64_t now);

/* Puts the domains from `from` up to and without `to`. */
enum mtasts_status fill_store(struct mtasts_store *store, size_t from, size_t to,
                              enum fill_kind kind, int64_t now);

#endif
