/*
 * map_reply.h: the maps of the socketmap protocol, and the reply of each map for a domain. Pure.
 */
#ifndef MTASTS_MAP_REPLY_H
#define MTASTS_MAP_REPLY_H

#include "config.h"
#include "socketmap.h"

enum mtasts_map {
  MTASTS_MAP_POSTFIX, /* `postfix`, `QUERY` and any name that is not below */
  MTASTS_MAP_TLSRPT,  /* `postfix-tlsrpt`, `QUERYwithTLSRPT` */
  MTASTS_MAP_STS,
  /* on the ask socket alone */
  MTASTS_MAP_DECISION,
  MTASTS_MAP_ENTRY,
  MTASTS_MAP_REFRESH,
  MTASTS_MAP_RECHECK,
  MTASTS_MAP_REMOVE,
  MTASTS_MAP_IMPORT,
  MTASTS_MAP_STATS,
};

enum mtasts_map mtasts_map_named(struct mtasts_span name, enum mtasts_socket_kind socket_kind);

/* Are its replies for an MTA, in Postfix's format or a variant of it? */
static inline bool mtasts_map_is_mta(enum mtasts_map map) {
  return map == MTASTS_MAP_POSTFIX || map == MTASTS_MAP_TLSRPT || map == MTASTS_MAP_STS;
}

struct mtasts_map_answer {
  struct mtasts_span text;                /* the domain as it was asked for */
  const struct mtasts_domain *domain;     /* NULL: there is no policy domain */
  const struct mtasts_entry *entry;       /* NULL: nothing is known */
  const struct mtasts_override *override; /* in force, or NULL */
  enum mtasts_freshness freshness;
  bool other_port;                 /* mail does not go to port 25: DANE does not apply */
  struct mtasts_decision decision; /* by mtasts_map_answer_decide */
};

void mtasts_map_answer_decide(struct mtasts_map_answer *found, int64_t now);

/* Writes the map's reply for the answer; returns its bytes. out: MTASTS_REPLY_MAX bytes. */
size_t mtasts_map_reply_write(enum mtasts_map map, const struct mtasts_map_answer *found,
                              const struct mtasts_config *config, int64_t now, char *out);

/* A reply of a fixed text. */
size_t mtasts_map_reply_text(const char *text, char *out);

#endif
