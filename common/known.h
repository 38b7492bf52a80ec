/*
 * known.h: what is known of a domain at one moment, and what that means for its mail. Pure.
 */
#ifndef MTASTS_KNOWN_H
#define MTASTS_KNOWN_H

#include "ruling.h"

struct mtasts_known {
  struct mtasts_domain domain; /* its name is "" where the MTA named none */
  struct mtasts_ruling ruling;
  struct mtasts_decision decision; /* points into the ruling */
  int64_t now;                     /* seconds since the epoch: when it was decided */
  char why[1024];                  /* why the verdict is unknown or defer; else "" */
};

/* What happens to mail: the verdict after on_unknown and site_mode. Never unknown. */
enum mtasts_verdict mtasts_known_verdict(const struct mtasts_known *known);

/* May mail go to this MX host? */
bool mtasts_known_allows(const struct mtasts_known *known, struct mtasts_span host);

/* The DANE state of one MX host. NONE if DANE of the domain counts no more, or is off by an
 * override: its hosts' states stay in the entry. USABLE only if DANE governs the domain, so
 * that the MTA checks the host's certificate by it. */
enum mtasts_dane mtasts_known_dane(const struct mtasts_known *known, struct mtasts_span host);

#endif
