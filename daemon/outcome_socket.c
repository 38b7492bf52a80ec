#include "outcome_socket.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "ratelimit.h"

enum {
  LINES_BURST = 100, /* log lines in a row, */
  LINE_MS = 200,     /* and one in so long */
  BURST = 16,        /* datagrams received at once */
  BURSTS = 4,        /* in a row, before the loop does other work */
  DRAIN_MAX = 1000,  /* times as many at the end */
};

struct mtasts_outcome_socket {
  struct event event;
  int fd;
  struct mtasts_outcome_socket_options options;
  struct mtasts_burst_limit lines;
  struct mtasts_burst_limit refused_lines;
  struct mmsghdr headers[BURST];
  struct iovec vectors[BURST];
  char datagrams[BURST][MTASTS_OUTCOME_MAX]; /* untouched pages use no memory */
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

/* One line at most for each that is not counted. */
static void log_refusal(struct mtasts_outcome_socket *outcomes, enum mtasts_outcome_refusal refusal,
                        size_t size) {
  unsigned long suppressed = outcomes->refused_lines.suppressed;
  if (!mtasts_burst_limit(&outcomes->refused_lines, LINE_MS, LINES_BURST))
    return;
  if (suppressed > 0)
    mtasts_log(MTASTS_LOG_WARNING, "outcomes: %lu more that were not counted are not logged",
               suppressed);
  outcomes->refused_lines.suppressed = 0;
  mtasts_log(MTASTS_LOG_WARNING, "outcome not counted: reason=%s bytes=%zu",
             mtasts_outcome_refusal_name(refusal), size);
}

static void refuse(struct mtasts_outcome_socket *outcomes, enum mtasts_outcome_refusal refusal,
                   size_t size) {
  struct mtasts_stats *stats = outcomes->options.stats;
  mtasts_count(stats, (enum mtasts_counter)(MTASTS_COUNT_REFUSED_EMPTY + (int)refusal -
                                            (int)MTASTS_OUTCOME_EMPTY));
  if (refusal != MTASTS_OUTCOME_NO_ROOM)
    mtasts_count(stats, MTASTS_COUNT_OUTCOME_MALFORMED);
  log_refusal(outcomes, refusal, size);
}

static void take(struct mtasts_outcome_socket *outcomes, const char *datagram, size_t size,
                 int64_t now) {
  struct mtasts_stats *stats = outcomes->options.stats;
  const struct mtasts_outcome *outcome = NULL;
  mtasts_count(stats, MTASTS_COUNT_OUTCOMES);
  enum mtasts_outcome_refusal refusal =
      size > MTASTS_OUTCOME_MAX
          ? MTASTS_OUTCOME_OVERSIZED
          : mtasts_outcome_recorder_take(outcomes->options.recorder,
                                         (struct mtasts_span){datagram, size}, now, &outcome);
  if (refusal != MTASTS_OUTCOME_ACCEPTED)
    refuse(outcomes, refusal, size);
  if (!outcome || !outcome->failed)
    return;
  mtasts_count(stats, MTASTS_COUNT_OUTCOME_FAILURES);
  log_outcome(outcomes, outcome);
  if (outcome->policy == MTASTS_POLICY_TYPE_STS)
    mtasts_waiters_background_lookup(outcomes->options.waiters, MTASTS_JOB_RECHECK,
                                     &outcome->domain, NULL);
}

/* False: nothing has arrived any more. An empty datagram is no end of file. */
static bool take_burst(struct mtasts_outcome_socket *outcomes) {
  for (int i = 0; i < BURST; i++)
    outcomes->headers[i].msg_hdr =
        (struct msghdr){.msg_iov = &outcomes->vectors[i], .msg_iovlen = 1};
  /* MSG_TRUNC: gives the datagram's full size, even if it is too large. */
  int count = recvmmsg(outcomes->fd, outcomes->headers, BURST, MSG_DONTWAIT | MSG_TRUNC, NULL);
  int64_t now = (int64_t)time(NULL);
  for (int i = 0; i < count; i++)
    take(outcomes, outcomes->datagrams[i], outcomes->headers[i].msg_len, now);
  return count == BURST;
}

static void on_datagrams(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  for (int i = 0; i < BURSTS && take_burst(context); i++)
    continue;
}

struct mtasts_outcome_socket *
mtasts_outcome_socket_new(const struct mtasts_outcome_socket_options *options, int fd) {
  struct mtasts_outcome_socket *made = malloc(sizeof *made);
  if (!made)
    return NULL;
  for (size_t i = 0; i < BURST; i++)
    made->vectors[i] = (struct iovec){made->datagrams[i], sizeof made->datagrams[i]};
  made->fd = fd;
  made->options = *options;
  made->lines = made->refused_lines = (struct mtasts_burst_limit){0};
  event_assign(&made->event, options->base, fd, EV_READ | EV_PERSIST, on_datagrams, made);
  if (event_add(&made->event, NULL) == 0)
    return made;
  free(made);
  return NULL;
}

void mtasts_outcome_socket_drain(struct mtasts_outcome_socket *outcomes) {
  for (int i = 0; i < DRAIN_MAX && take_burst(outcomes); i++)
    continue;
}

void mtasts_outcome_socket_free(struct mtasts_outcome_socket *outcomes) {
  if (!outcomes)
    return;
  mtasts_outcome_socket_drain(outcomes);
  event_del(&outcomes->event);
  close(outcomes->fd);
  free(outcomes);
}
