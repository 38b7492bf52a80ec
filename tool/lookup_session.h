/*
 * lookup_session.h: many domains asked for side by side, by query, warm and refresh alike.
 *
 * mtastsd is asked where it serves the command (daemon_access.h). Else for each domain: an
 * override, then the cache, then the network where the cache is not enough; what is learnt is
 * stored where the session may write. Where mtastsd ceases to answer, the session says so once and
 * goes on in that way, or ends there if it is `daemon_only`. Everything runs on one libevent loop
 * in one thread. A domain is taken from the caller when there is room for it, so a list may be of
 * any length.
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
  void *token;            /* the caller's; trace gets it */
};

struct mtasts_lookup_result {
  const struct mtasts_entry *entry;       /* NULL: nothing is known; good for the call */
  const struct mtasts_override *override; /* in force, or NULL; good for the call */
  enum mtasts_freshness freshness;
  bool asked;   /* the network or mtastsd, and not the cache alone */
  bool monitor; /* site_mode: nothing is enforced */
  int64_t now;
};

enum mtasts_supply {
  MTASTS_SUPPLY_GIVEN,
  MTASTS_SUPPLY_LATER, /* mtasts_lookup_session_wake will tell */
  MTASTS_SUPPLY_END,
};

enum mtasts_storing {
  MTASTS_STORING,         /* what is learnt is stored, here or by mtastsd */
  MTASTS_STORING_NOWHERE, /* there is no cache, or none that may be written */
  MTASTS_STORING_FAILED,  /* mtasts_lookup_session_close will complain */
};

struct mtasts_lookup_session_options {
  const struct mtasts_options *options;
  struct mtasts_cache_access *access; /* loaded, and taken over; NULL: the session loads its own */
  unsigned jobs;                      /* look-ups in flight at most */
  bool forced;                        /* ask anew, whatever is cached */
  bool storing;                       /* without a cache to write to there is no use in it */
  bool daemon_only; /* once mtastsd is asked, nobody else is: where it goes, the run ends */
  enum mtasts_supply (*next)(void *context, struct mtasts_lookup_item *item);
  void (*done)(void *context, const struct mtasts_lookup_item *item,
               const struct mtasts_lookup_result *result);
  void *context;
};

/* Complains and returns an exit code on failure; *session is then NULL. */
int mtasts_lookup_session_open(const struct mtasts_lookup_session_options *options,
                               struct mtasts_lookup_session **session);

struct event_base *mtasts_lookup_session_base(const struct mtasts_lookup_session *session);

/* Runs until next says END and all is answered. Returns an exit code: 0, or why it could not
 * go on, or MTASTS_EXIT_AWAY where no DNS server answers. It complains, but where mtastsd has left
 * a daemon-only session: that is for the caller to tell. */
int mtasts_lookup_session_run(struct mtasts_lookup_session *session);

/* What mtastsd did to a daemon-only session, "mtastsd has gone"; NULL: nothing. */
const char *mtasts_lookup_session_trouble(const struct mtasts_lookup_session *session);

/* There is a next question again. */
void mtasts_lookup_session_wake(struct mtasts_lookup_session *session);

/* Drops what is in flight; the run ends. What is stored stays. */
void mtasts_lookup_session_stop(struct mtasts_lookup_session *session);

enum mtasts_storing mtasts_lookup_session_storing(const struct mtasts_lookup_session *session);

/* The exit code that says why nothing is stored; 0 where it is, or was not wanted. It was told. */
int mtasts_lookup_session_unstored(const struct mtasts_lookup_session *session);

/* Commits and closes. Returns code, or another where that is 0 and storing failed. */
int mtasts_lookup_session_close(struct mtasts_lookup_session *session, int code);

#endif
