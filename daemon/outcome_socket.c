#include "outcome_socket.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "outcome_datagram.h"
#include "ratelimit.h"

enum {
  LINES_BURST = 100, /* log lines in a row, */
  LINE_MS = 200,     /* and one in so long */
  BURST = 64,        /* datagrams in a row, before the loop does other work */
};

struct mtasts_outcome_socket {
  struct event event;
  int fd;
  struct mtasts_waiters *waiters;
  struct mtasts_stats *stats;
  struct mtasts_burst_limit lines;
  char datagram[MTASTS_OUTCOME_MAX];
};

/* A process that may send outcomes can send any number of them, for any domain, so log lines are
 * limited. */
static void log_outcome(struct mtasts_outcome_socket *outcomes,
                        const struct mtasts_outcome *outcome) {
  char mx[2 * MTASTS_DOMAIN_MAX];
  unsigned long suppressed = outcomes->lines.suppressed;
  if (!mtasts_burst_limit(&outcomes->lines, LINE_MS, LINES_BURST))
    return;
  if (suppressed > 0)
    mtasts_log(MTASTS_LOG_INFO, "outcomes: %lu more sessions that failed are not logged",
               suppressed);
  outcomes->lines.suppressed = 0;
  mtasts_log_value((struct mtasts_span){outcome->mx, strlen(outcome->mx)}, mx, sizeof mx);
  mtasts_log(MTASTS_LOG_INFO, "outcome domain=%s policy=%s result=%s mx=%s", outcome->domain.name,
             mtasts_policy_type_name(outcome->policy), mtasts_result_type_name(outcome->result),
             mx);
}

static void take(struct mtasts_outcome_socket *outcomes, size_t size) {
  struct mtasts_span datagram = {outcomes->datagram, size};
  struct mtasts_outcome outcome;
  mtasts_count(outcomes->stats, MTASTS_COUNT_OUTCOMES);
  if (size > sizeof outcomes->datagram ||
      mtasts_outcome_datagram_read(datagram, &outcome) != MTASTS_OK) {
    mtasts_count(outcomes->stats, MTASTS_COUNT_OUTCOME_MALFORMED);
    return;
  }
  if (!outcome.failed)
    return;
  mtasts_count(outcomes->stats, MTASTS_COUNT_OUTCOME_FAILURES);
  log_outcome(outcomes, &outcome);
  if (outcome.policy == MTASTS_POLICY_TYPE_STS)
    mtasts_waiters_background_lookup(outcomes->waiters, MTASTS_JOB_RECHECK, &outcome.domain, NULL);
}

static void on_datagrams(evutil_socket_t fd, short what, void *context) {
  struct mtasts_outcome_socket *outcomes = context;
  (void)what;
  for (int i = 0; i < BURST; i++) {
    /* MSG_TRUNC: returns the datagram's full size, even if it is too large. */
    ssize_t size =
        recv(fd, outcomes->datagram, sizeof outcomes->datagram, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0)
      return;
    take(outcomes, (size_t)size);
  }
}

struct mtasts_outcome_socket *mtasts_outcome_socket_new(struct event_base *base, int fd,
                                                        struct mtasts_waiters *waiters,
                                                        struct mtasts_stats *stats) {
  struct mtasts_outcome_socket *made = malloc(sizeof *made);
  if (!made)
    return NULL;
  made->fd = fd;
  made->lines = (struct mtasts_burst_limit){0};
  made->waiters = waiters;
  made->stats = stats;
  event_assign(&made->event, base, fd, EV_READ | EV_PERSIST, on_datagrams, made);
  if (event_add(&made->event, NULL) == 0)
    return made;
  free(made);
  return NULL;
}

void mtasts_outcome_socket_free(struct mtasts_outcome_socket *outcomes) {
  if (!outcomes)
    return;
  event_del(&outcomes->event);
  close(outcomes->fd);
  free(outcomes);
}
