/*
 * tower.h: the net loop's control tower: which look-up flies when, what becomes of its result, and
 * who is told, after the commit.
 *
 * All in the net loop's thread. Fields are for the net loop to fill and to read.
 */
#ifndef MTASTS_TOWER_H
#define MTASTS_TOWER_H

#include <event2/event.h>

#include "agenda.h"
#include "flights.h"
#include "lookup.h"
#include "origins.h"
#include "stats.h"
#include "store.h"
#include "uptime.h"
#include "use.h"

enum {
  /* Domains that are tried again sooner than once an interval: 1.2 MB at most, and no more than
   * 14 look-ups a second were all of them failing for the first time. */
  MTASTS_AGENDA_MOST = 4096,

  MTASTS_NET_WAITING_MAX = 16384, /* look-ups that wait for their turn; past it, MTASTS_FULL */
  /* RFC 8461 section 5.1 asks for a new look at the TXT record before a permanent failure; a
   * domain is looked at again for that at most once in so many seconds. */
  MTASTS_RECHECK_EVERY = 60,
};

struct mtasts_tower {
  /* The owner's. */
  struct event_base *base;
  struct mtasts_net net;
  struct mtasts_store *store;
  const struct mtasts_use *use;
  struct mtasts_stats *stats;
  struct mtasts_queue *to_front;      /* NULL: nobody answers but this loop */
  uint32_t in_flight;                 /* look-ups at a time */
  const struct mtasts_config *config; /* its overrides; NULL: there are none */

  /* The tower's. */
  struct mtasts_agenda *agenda;
  struct mtasts_reader *reader;
  struct mtasts_net without_dane; /* of a domain whose override says dane = "off" */
  struct mtasts_flights flights;
  struct mtasts_origins origins;
  struct mtasts_seldom looked; /* at those that are held for an address */
  struct event *commit;
  struct event *turn;              /* one in the air will have taken long */
  struct mtasts_seldom complained; /* of a store that fails */
};

/* The owner's part is there already. False: no memory, or the store cannot be read; close it. */
bool mtasts_tower_open(struct mtasts_tower *tower);

void mtasts_tower_close(struct mtasts_tower *tower);

/* Commits what is learnt, and answers the jobs of all other flights with MTASTS_TIMEOUT. */
void mtasts_tower_clear(struct mtasts_tower *tower);

/* Gives a job back to the front loop, or frees it where nobody wants an answer. */
void mtasts_tower_answer(struct mtasts_tower *tower, struct mtasts_job *job,
                         enum mtasts_status status);

/* The flight has landed, or will not: answers all who wait for it, and makes room for the next one
 * to the same domain, if that is wanted. Its look-up has been freed. */
void mtasts_tower_finish(struct mtasts_tower *tower, struct mtasts_flight *flight,
                         enum mtasts_status status);

/* Is there room for one more look-up to wait? */
bool mtasts_tower_room(const struct mtasts_tower *tower, bool waited);

/*
 * Asks for a look-up, or joins one that does as much: a REFRESH that comes while an ordinary one
 * is in the air is made after it, unless nobody wants an answer and it is not due by then. job:
 * NULL, or the tower's from then on if this is OK. MTASTS_FULL, MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_tower_request(struct mtasts_tower *tower,
                                        const struct mtasts_domain *domain,
                                        enum mtasts_job_kind kind, enum mtasts_urgency urgency,
                                        struct mtasts_job *job);

/* Starts what may start. To be called after requests. */
void mtasts_tower_launch(struct mtasts_tower *tower);

/* What the cache holds; NULL: nothing that can be read. Good until the next call. */
const struct mtasts_entry *mtasts_tower_known(struct mtasts_tower *tower,
                                              const struct mtasts_domain *domain,
                                              struct mtasts_entry *entry);

/* Puts the domain on the agenda where the hand would come too late for it, else off it. */
void mtasts_tower_mind(struct mtasts_tower *tower, const struct mtasts_domain *domain,
                       const struct mtasts_entry *entry);

/* Somebody has changed the store behind the look-ups' back: commits, and what is in the air for
 * that domain begins anew, as it knows what is no longer so. Returns the commit's status. */
enum mtasts_status mtasts_tower_changed(struct mtasts_tower *tower,
                                        const struct mtasts_domain *domain);

/*
 * For another resolver: ends the look-ups under way, so that nothing of tower->net is in use, and
 * begins them again. Deadlines of those who wait stay. Not from inside a look-up's callback.
 */
void mtasts_tower_abort(struct mtasts_tower *tower);
void mtasts_tower_resume(struct mtasts_tower *tower);

/* Logs a failure of the cache, seldom. A cache that fails costs a line, not an answer; one that is
 * full has its own (store.h). Returns the status. */
enum mtasts_status mtasts_tower_complain(struct mtasts_tower *tower, enum mtasts_status status);

/* Tries again to store what the store did not take: one of them, and if it is taken, the others. */
void mtasts_tower_save_again(struct mtasts_tower *tower);

/* Sees to it that what is pending in the store is committed soon. */
void mtasts_tower_commit_soon(struct mtasts_tower *tower);

#endif
