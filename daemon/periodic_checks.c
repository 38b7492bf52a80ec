#include "periodic_checks.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"
#include "watchdog.h"

enum {
  STATUS_MAX = 1024, /* bytes of a notification */
};

struct mtasts_periodic_checks {
  struct mtasts_periodic_checks_options options;
  struct mtasts_watchdog watchdog;
  struct event tend;
  struct event sign;
};

/* systemd shows only one line of a status. */
void mtasts_periodic_checks_notify(const struct mtasts_listeners *listeners, const char *first) {
  char closed[STATUS_MAX / 2];
  char text[STATUS_MAX];
  if (mtasts_listeners_failed(listeners, closed, sizeof closed) == 0) {
    mtasts_service_notify(first);
    return;
  }
  closed[strcspn(closed, "\n")] = '\0';
  snprintf(text, sizeof text, "%s\nSTATUS=not listening everywhere: %s", first, closed);
  mtasts_service_notify(text);
}

static bool give_front(const struct mtasts_periodic_checks *checks, enum mtasts_listener_kind kind,
                       int fd, int old) {
  bool outcomes = kind == MTASTS_LISTENER_OUTCOME;
  struct mtasts_job *job = mtasts_job_new(outcomes ? MTASTS_JOB_OUTCOMES : MTASTS_JOB_LISTEN);
  if (!job)
    return false;
  job->fd = fd;
  job->old = old;
  job->socket_kind = kind == MTASTS_LISTENER_ASK ? MTASTS_SOCKET_ASK : MTASTS_SOCKET_SOCKETMAP;
  mtasts_queue_give(checks->options.health.inboxes[MTASTS_LOOP_FRONT], job);
  return true;
}

static bool give(void *context, enum mtasts_listener_kind kind, int fd, int old) {
  const struct mtasts_periodic_checks *checks = context;
  if (kind != MTASTS_LISTENER_METRICS)
    return give_front(checks, kind, fd, old);
  if (!checks->options.metrics)
    return false;
  mtasts_metrics_listen(checks->options.metrics, fd);
  return true;
}

static void on_check(evutil_socket_t fd, short what, void *context) {
  struct mtasts_periodic_checks *checks = context;
  (void)fd;
  (void)what;
  if (mtasts_listeners_check(checks->options.listeners, give, checks))
    mtasts_periodic_checks_notify(checks->options.listeners, "STATUS=");
  mtasts_cache_location_check(checks->options.location);
}

static void on_sign(evutil_socket_t fd, short what, void *context) {
  struct mtasts_periodic_checks *checks = context;
  (void)fd;
  (void)what;
  mtasts_watchdog_step(&checks->watchdog);
}

struct mtasts_periodic_checks *
mtasts_periodic_checks_new(const struct mtasts_periodic_checks_options *options) {
  const struct timeval retry = {.tv_sec = MTASTS_LISTENERS_RETRY};
  const int64_t half = options->watchdog / 2;
  const struct timeval sign = {.tv_sec = half / 1000, .tv_usec = half % 1000 * 1000};
  struct mtasts_periodic_checks *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->options = *options;
  made->watchdog.health = options->health;
  event_assign(&made->tend, options->base, -1, EV_PERSIST, on_check, made);
  event_assign(&made->sign, options->base, -1, EV_PERSIST, on_sign, made);
  if (event_add(&made->tend, &retry) == 0 && (half == 0 || event_add(&made->sign, &sign) == 0))
    return made;
  mtasts_periodic_checks_free(made);
  return NULL;
}

void mtasts_periodic_checks_free(struct mtasts_periodic_checks *checks) {
  if (!checks)
    return;
  event_del(&checks->tend);
  event_del(&checks->sign);
  free(checks);
}
