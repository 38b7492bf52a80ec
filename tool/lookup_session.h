/*
 * lookup_session.h: looks up many domains in parallel, for query, warm and refresh.
 *
 * If mtastsd serves the command (daemon_access.h), it is asked. Else each domain is looked up in
 * the overrides, then in the cache, and then in the network if the cache is not enough. What is
 * learnt is stored if the session may write. If mtastsd stops answering, the session prints that
 * once and goes on without it, or ends if it is `daemon_only`. All runs on one libevent loop in one
 * thread. The session takes the next domain from the caller only when it can start it, so a list
 * may have any length.
 */
#ifndef MTASTS_TOOL_LOOKUP_SESSION_H
#define MTASTS_TOOL_LOOKUP_SESSION_H

#include "command.h"
#include "lookup.h"

struct event_base;
struct mtasts_cache_access;
struct mtasts_lookup_session;

struct mtasts_lookup_item {
  struct mtasts_domain domain;
  mtasts_trace_fn *trace; /* may be NULL */
  void *token;            /* passed to trace; belongs to the caller */
};

struct mtasts_lookup_result {
  const struct mtasts_entry *entry;       /* NULL: no entry is known; valid during the call */
  const struct mtasts_override *override; /* in force, or NULL; valid during the call */
  enum mtasts_freshness freshness;
  bool asked;   /* the network or mtastsd answered, not the cache */
  bool monitor; /* site_mode is monitor: nothing is enforced */
  int64_t now;
};

enum mtasts_supply {
  MTASTS_SUPPLY_GIVEN,
  MTASTS_SUPPLY_LATER, /* the caller will call mtasts_lookup_session_wake */
  MTASTS_SUPPLY_END,
};

enum mtasts_storing {
  MTASTS_STORING,         /* answers are stored, here or by mtastsd */
  MTASTS_STORING_NOWHERE, /* there is no cache, or it may not be written */
  MTASTS_STORING_FAILED,  /* mtasts_lookup_session_close will print the error */
};

struct mtasts_lookup_session_options {
  const struct mtasts_options *options;
  struct mtasts_cache_access *access; /* loaded, and taken over; NULL: the session loads its own */
  unsigned jobs;                      /* maximum of look-ups in flight */
  bool forced;                        /* look up even if the cache has an answer */
  bool storing;                       /* fail if there is no cache to write to */
  bool daemon_only; /* once mtastsd is asked, the run ends if it stops answering */
  enum mtasts_supply (*next)(void *context, struct mtasts_lookup_item *item);
  void (*done)(void *context, const struct mtasts_lookup_item *item,
               const struct mtasts_lookup_result *result);
  void *context;
};

/* On failure prints an error and returns an exit code; *session is then NULL. */
int mtasts_lookup_session_open(const struct mtasts_lookup_session_options *options,
                               struct mtasts_lookup_session **session);

struct event_base *mtasts_lookup_session_base(const struct mtasts_lookup_session *session);

/* Runs until `next` returns END and all domains are answered. Returns an exit code: 0, the error
 * that ended the run, or MTASTS_EXIT_AWAY if no DNS server answers. It prints the error, unless
 * mtastsd has ended a daemon-only session: the caller prints that. */
int mtasts_lookup_session_run(struct mtasts_lookup_session *session);

/* The failure of mtastsd that ended a daemon-only session, "mtastsd has gone"; NULL: none. */
const char *mtasts_lookup_session_trouble(const struct mtasts_lookup_session *session);

/* Call it when `next` has a domain again. */
void mtasts_lookup_session_wake(struct mtasts_lookup_session *session);

/* Drops all look-ups in flight; the run ends. All that is stored stays. */
void mtasts_lookup_session_stop(struct mtasts_lookup_session *session);

enum mtasts_storing mtasts_lookup_session_storing(const struct mtasts_lookup_session *session);

/* The exit code that explains why nothing is stored; 0 if it is stored, or was not wanted. The
 * error has been printed. */
int mtasts_lookup_session_unstored(const struct mtasts_lookup_session *session);

/* Commits and closes. Returns code; if that is 0 and storing failed, another. */
int mtasts_lookup_session_close(struct mtasts_lookup_session *session, int code);

#endif
