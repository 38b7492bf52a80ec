/*
 * outage.h: does the DNS work at all? What a resolver fails to answer is no word of a domain's, so
 * the waits that it causes end with the outage (RFC 2308 section 7, RFC 9520 section 3.2).
 *
 * It is judged by how look-ups end, and by probes. If a look-up fails, the root is asked for, which
 * every resolver knows: no answer to that is an outage. So is a row of failures of different
 * domains without an answer between them: a resolver that has lost its own way out still knows the
 * root. Any answer to a question that was not the root's ends an outage; the root's, that of a
 * resolver which did not answer for it before.
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
  MTASTS_OUTAGE_PROBE_MS = 2000,         /* a probe without an answer for so long has failed */
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
  bool row;                  /* the root is known, and many domains fail */
  bool suspected;            /* a look-up has failed since the last answer */
  bool answered;             /* these servers have answered anything */
  bool over;                 /* no look-up has failed since the last answer */
  int64_t since;             /* the outage began; kept when it ends */
  int64_t summary;           /* when the next one is due */
  int64_t probe;             /* no probe before that */
  unsigned long long failed; /* look-ups in the outage; kept when it ends */
  unsigned domains_failed;   /* one after the other, of those kept below */
  uint32_t domains[MTASTS_OUTAGE_ROW];
  uint16_t type; /* of the last look-up that failed, with its name */
  char name[MTASTS_DOMAIN_MAX + 1];
};

/* Other servers are asked from now on: an outage goes on until they answer. A probe is due. */
void mtasts_outage_renew(struct mtasts_outage *outage);

/* A look-up has ended: has a server answered it? name: "" for the root, which is a probe. */
enum mtasts_outage_change mtasts_outage_lookup_ended(struct mtasts_outage *outage, const char *name,
                                                     uint16_t type, bool answered, int64_t now);

/* To be called once a second or so. */
enum mtasts_outage_change mtasts_outage_tick(struct mtasts_outage *outage, int64_t now);

/* Is a probe to be made? *name and *type: what for. A type of 0: whatever the root has. The next
 * probe is due some time after this one has ended. */
bool mtasts_outage_wants_probe(struct mtasts_outage *outage, int64_t now, const char **name,
                               uint16_t *type);

#endif
