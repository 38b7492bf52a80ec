/*
 * rua_lookup.h: where a domain wants its reports: its TLSRPT record, looked up once in a run (RFC
 * 8460 section 3). On the loop of the resolver; one thread.
 */
#ifndef MTASTS_TOOL_RUA_LOOKUP_H
#define MTASTS_TOOL_RUA_LOOKUP_H

#include "rua.h"
#include "send_state.h"

struct mtasts_resolver;
struct mtasts_rua_lookups;

struct mtasts_rua_target {
  enum mtasts_rua_kind kind; /* MAILTO or HTTPS */
  uint16_t port;             /* HTTPS */
  char *uri;                 /* as it stands in the record */
  char *target;              /* rua.h; equal ones are one */
  char *host;                /* HTTPS */
};

enum mtasts_rua_set_state {
  MTASTS_RUA_SET_FOUND,
  MTASTS_RUA_SET_NONE,    /* no valid record, or no URI that can be used */
  MTASTS_RUA_SET_UNKNOWN, /* the DNS did not say */
};

struct mtasts_rua_set {
  enum mtasts_rua_set_state state;
  char detail[MTASTS_DETAIL_MAX + 1]; /* of NONE and UNKNOWN: why */
  size_t count;                       /* of FOUND */
  struct mtasts_rua_target targets[MTASTS_REPORT_RUAS_MAX];
};

/* NULL without memory. */
struct mtasts_rua_lookups *mtasts_rua_lookups_new(struct mtasts_resolver *resolver);
/* Cancels what is in flight without calling back; frees all sets. NULL is fine. */
void mtasts_rua_lookups_free(struct mtasts_rua_lookups *lookups);

/* The set lives until mtasts_rua_lookups_free. */
typedef void mtasts_rua_set_fn(void *context, const struct mtasts_rua_set *set);

/* Calls back exactly once: from inside if the domain's set is known, else from the loop. Without
 * memory the set is UNKNOWN. */
void mtasts_rua_lookups_ask(struct mtasts_rua_lookups *lookups, const struct mtasts_domain *domain,
                            mtasts_rua_set_fn *done, void *context);

/* Have so many look-ups ended without a sign of any server, one after the other, that further ones
 * only take time? */
bool mtasts_rua_lookups_silent(const struct mtasts_rua_lookups *lookups);

/* Have both the same targets, in whatever order? Both are FOUND. */
bool mtasts_rua_set_equal(const struct mtasts_rua_set *a, const struct mtasts_rua_set *b);

#endif
