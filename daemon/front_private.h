/*
 * front_private.h: one request to the front loop and its reply: at once from the cache, or later.
 * For front.c and front_request.c alone.
 */
#ifndef MTASTS_FRONT_PRIVATE_H
#define MTASTS_FRONT_PRIVATE_H

#include <event2/event_struct.h>

#include "discover.h"
#include "front.h"
#include "outcome_socket.h"
#include "ratelimit.h"
#include "unstored.h"
#include "waiters.h"

struct mtasts_front {
  struct event_base *base;
  struct mtasts_snapshot *snapshot;
  struct mtasts_discover_settings settings; /* of the snapshot */
  struct mtasts_reader *reader;
  struct mtasts_queue *inbox;
  struct mtasts_usage_filter *usage;
  struct mtasts_stats *stats;
  struct mtasts_socketmap *socketmap;
  struct mtasts_outcome_recorder *recorder;
  struct mtasts_outcome_socket *outcomes; /* NULL: there is no outcome socket */
  struct mtasts_waiters waiters;
  struct mtasts_unstored unstored;  /* newer entries than the cache has */
  struct mtasts_jobs jobs;          /* taken from the inbox, not handled yet */
  struct mtasts_pending_job *ended; /* of the first job: its waiters are being answered */
  struct event rest_event;          /* pending while jobs are left for the next turn of the loop */
  struct event inbox_event;
  struct event deadline_event;
  int64_t deadline; /* that deadline_event is set to; INT64_MAX: none */
  struct event drain_event;
  struct mtasts_ratelimit too_many_log;
  bool odd_map;                 /* a request for a map that is not named `postfix` was logged */
  char reply[MTASTS_REPLY_MAX]; /* of a waiter */
};

/* A mtasts_request_fn; its context is the front. */
size_t mtasts_front_answer(void *context, struct mtasts_peer *peer,
                           const struct mtasts_request *request, char *out);

/* A request has arrived that must wait for its turn: starts the look-up that it will need. */
void mtasts_front_prefetch(void *context, const struct mtasts_peer *peer,
                           const struct mtasts_request *request);

/* A mtasts_discovery_fn; its context is the front. */
enum mtasts_result_type mtasts_front_discovery(void *context, struct mtasts_span domain,
                                               struct mtasts_span *reason);

/* Writes the reply to a waiter. job: the job that ended; NULL at the deadline. Returns its bytes.
 */
size_t mtasts_front_answer_late(struct mtasts_front *front, const struct mtasts_waiter *waiter,
                                const struct mtasts_job *job, char *out);

/* Sets the timer for the earliest deadline. */
void mtasts_front_set_deadline(struct mtasts_front *front);

#endif
