/*
 * outage.h: does the DNS work at all? If the resolver fails, no domain is at fault, so the
 * back-offs that the failure causes end with the outage (RFC 2308 section 7, RFC 9520 section 3.2).
 *
 * Outages are detected by the ends of queries, and by probes. If a query fails, a probe asks for
 * the root, which every working resolver can answer. An outage begins if the probe has no answer.
 * It also begins if MTASTS_OUTAGE_ROW different domains fail without an answer between them: a
 * resolver that has lost its own uplink still answers for the root. An answer to any query but the
 * root's ends an outage. An answer for the root ends it only if the resolver did not answer for the
 * root before.
 *
 * Pure: no clock, no log. Times are milliseconds by mtasts_clock_coarse_ms. One thread.
 */
#ifndef MTASTS_OUTAGE_H
#define MTASTS_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "mtasts.h"

enum {
  MTASTS_OUTAGE_ROW = 8,                 /* domains that fail one after the other */
  MTASTS_OUTAGE_PROBE_MS = 2000,         /* a probe without an answer by then has failed */
  MTASTS_OUTAGE_PROBE_EVERY_MS = 1000,   /* between probes in an outage */
  MTASTS_OUTAGE_PROBE_SELDOM_MS = 10000, /* between probes while some domains fail */
  MTASTS_OUTAGE_SUMMARY_MS = 300 * 1000, /* between lines about an outage that lasts */
};

enum mtasts_outage_change {
  MTASTS_OUTAGE_SAME,
  MTASTS_OUTAGE_FIRST, /* the first answer of these servers, without an outage before it */
  MTASTS_OUTAGE_BEGINS,
  MTASTS_OUTAGE_LASTS, /* a summary is due */
  MTASTS_OUTAGE_ENDS,
};

struct mtasts_outage {
  bool out;
  bool row;                  /* the root is answered, but many domains fail */
  bool suspected;            /* a query has failed since the last answer */
  bool answered;             /* these servers have answered anything */
  bool over;                 /* no query has failed since the last answer */
  int64_t since;             /* the outage began; kept when it ends */
  int64_t summary;           /* when the next one is due */
  int64_t probe;             /* no probe before that */
  unsigned long long failed; /* queries in the outage; kept when it ends */
  unsigned domains_failed;   /* one after the other, of those kept below */
  uint32_t domains[MTASTS_OUTAGE_ROW];
  uint16_t type; /* of the last query that failed, with its name */
  char name[MTASTS_DOMAIN_MAX + 1];
};

/* The list of servers has changed: an outage lasts until the new servers answer. A probe is due. */
void mtasts_outage_renew(struct mtasts_outage *outage);

/* A query has ended. answered: a server has answered it. name: "" for the root, a probe. */
enum mtasts_outage_change mtasts_outage_lookup_ended(struct mtasts_outage *outage, const char *name,
                                                     uint16_t type, bool answered, int64_t now);

/* To be called once a second or so. */
enum mtasts_outage_change mtasts_outage_tick(struct mtasts_outage *outage, int64_t now);

/* Must a probe be sent? *name and *type: its question; type 0: any type that the root has. The next
 * probe is due some time after this one has ended. */
bool mtasts_outage_wants_probe(struct mtasts_outage *outage, int64_t now, const char **name,
                               uint16_t *type);

#endif
