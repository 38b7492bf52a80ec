#include "upkeep.h"

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

struct mtasts_upkeep {
  struct mtasts_upkeep_options options;
  struct mtasts_watchdog watchdog;
  struct event tend;
  struct event sign;
};

/* One line of a status is all that systemd shows. */
void mtasts_upkeep_notify(const struct mtasts_doors *doors, const char *first) {
  char closed[STATUS_MAX / 2];
  char text[STATUS_MAX];
  if (mtasts_doors_closed(doors, closed, sizeof closed) == 0) {
    mtasts_service_notify(first);
    return;
  }
  closed[strcspn(closed, "\n")] = '\0';
  snprintf(text, sizeof text, "%s\nSTATUS=not listening everywhere: %s", first, closed);
  mtasts_service_notify(text);
}

static bool give_front(const struct mtasts_upkeep *upkeep, enum mtasts_door_kind kind, int fd,
                       int old) {
  bool outcomes = kind == MTASTS_KIND_OUTCOME;
  struct mtasts_job *job = mtasts_job_new(outcomes ? MTASTS_JOB_OUTCOMES : MTASTS_JOB_LISTEN);
  if (!job)
    return false;
  job->fd = fd;
  job->old = old;
  job->door = kind == MTASTS_KIND_ASK ? MTASTS_DOOR_ASK : MTASTS_DOOR_SOCKETMAP;
  mtasts_queue_give(upkeep->options.health.inboxes[MTASTS_LOOP_FRONT], job);
  return true;
}

static bool give(void *context, enum mtasts_door_kind kind, int fd, int old) {
  const struct mtasts_upkeep *upkeep = context;
  if (kind != MTASTS_KIND_METRICS)
    return give_front(upkeep, kind, fd, old);
  if (!upkeep->options.metrics)
    return false;
  mtasts_metrics_listen(upkeep->options.metrics, fd);
  return true;
}

static void on_tend(evutil_socket_t fd, short what, void *context) {
  struct mtasts_upkeep *upkeep = context;
  (void)fd;
  (void)what;
  if (mtasts_doors_tend(upkeep->options.doors, give, upkeep))
    mtasts_upkeep_notify(upkeep->options.doors, "STATUS=");
  mtasts_cache_place_check(upkeep->options.place);
}

static void on_sign(evutil_socket_t fd, short what, void *context) {
  struct mtasts_upkeep *upkeep = context;
  (void)fd;
  (void)what;
  mtasts_watchdog_step(&upkeep->watchdog);
}

struct mtasts_upkeep *mtasts_upkeep_new(const struct mtasts_upkeep_options *options) {
  const struct timeval retry = {.tv_sec = MTASTS_DOORS_RETRY};
  const int64_t half = options->watchdog / 2;
  const struct timeval sign = {.tv_sec = half / 1000, .tv_usec = half % 1000 * 1000};
  struct mtasts_upkeep *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->options = *options;
  made->watchdog.health = options->health;
  event_assign(&made->tend, options->base, -1, EV_PERSIST, on_tend, made);
  event_assign(&made->sign, options->base, -1, EV_PERSIST, on_sign, made);
  if (event_add(&made->tend, &retry) == 0 && (half == 0 || event_add(&made->sign, &sign) == 0))
    return made;
  mtasts_upkeep_free(made);
  return NULL;
}

void mtasts_upkeep_free(struct mtasts_upkeep *upkeep) {
  if (!upkeep)
    return;
  event_del(&upkeep->tend);
  event_del(&upkeep->sign);
  free(upkeep);
}
