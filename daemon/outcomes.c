#include "outcomes.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "outcome.h"
#include "uptime.h"

enum {
  LINES_BURST = 100, /* log lines in a row, */
  LINE_MS = 200,     /* and one in so long */
  BURST = 64,        /* datagrams in a row, before the loop sees to other things */
};

struct mtasts_outcomes {
  struct event event;
  int fd;
  struct mtasts_waiters *waiters;
  struct mtasts_stats *stats;
  struct mtasts_pace lines;
  char datagram[MTASTS_OUTCOME_MAX];
};

/* Whoever may tell outcomes may tell any number of them, of any domain. */
static void tell(struct mtasts_outcomes *outcomes, const struct mtasts_outcome *outcome) {
  char mx[2 * MTASTS_DOMAIN_MAX];
  unsigned long held = outcomes->lines.held;
  if (!mtasts_pace(&outcomes->lines, LINE_MS, LINES_BURST))
    return;
  if (held > 0)
    mtasts_log(MTASTS_LOG_INFO, "outcomes: %lu more sessions that failed are not logged", held);
  outcomes->lines.held = 0;
  mtasts_log_value((struct mtasts_span){outcome->mx, strlen(outcome->mx)}, mx, sizeof mx);
  mtasts_log(MTASTS_LOG_INFO, "outcome domain=%s policy=%s result=%s mx=%s", outcome->domain.name,
             mtasts_policy_type_name(outcome->policy), mtasts_result_type_name(outcome->result),
             mx);
}

static void take(struct mtasts_outcomes *outcomes, size_t size) {
  struct mtasts_span datagram = {outcomes->datagram, size};
  struct mtasts_outcome outcome;
  mtasts_count(outcomes->stats, MTASTS_COUNT_OUTCOMES);
  if (size > sizeof outcomes->datagram || mtasts_outcome_read(datagram, &outcome) != MTASTS_OK) {
    mtasts_count(outcomes->stats, MTASTS_COUNT_OUTCOME_MALFORMED);
    return;
  }
  if (!outcome.failed)
    return;
  mtasts_count(outcomes->stats, MTASTS_COUNT_OUTCOME_FAILURES);
  tell(outcomes, &outcome);
  if (outcome.policy == MTASTS_POLICY_TYPE_STS)
    mtasts_waiters_look_behind(outcomes->waiters, MTASTS_JOB_RECHECK, &outcome.domain, NULL);
}

static void on_datagrams(evutil_socket_t fd, short what, void *context) {
  struct mtasts_outcomes *outcomes = context;
  (void)what;
  for (int i = 0; i < BURST; i++) {
    /* MSG_TRUNC: the size that it had, even where that is too much. */
    ssize_t size =
        recv(fd, outcomes->datagram, sizeof outcomes->datagram, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0)
      return;
    take(outcomes, (size_t)size);
  }
}

struct mtasts_outcomes *mtasts_outcomes_new(struct event_base *base, int fd,
                                            struct mtasts_waiters *waiters,
                                            struct mtasts_stats *stats) {
  struct mtasts_outcomes *made = malloc(sizeof *made);
  if (!made)
    return NULL;
  made->fd = fd;
  made->lines = (struct mtasts_pace){0};
  made->waiters = waiters;
  made->stats = stats;
  event_assign(&made->event, base, fd, EV_READ | EV_PERSIST, on_datagrams, made);
  if (event_add(&made->event, NULL) == 0)
    return made;
  free(made);
  return NULL;
}

void mtasts_outcomes_free(struct mtasts_outcomes *outcomes) {
  if (!outcomes)
    return;
  event_del(&outcomes->event);
  close(outcomes->fd);
  free(outcomes);
}
