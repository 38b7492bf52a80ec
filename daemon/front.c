#include "front.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "error_map.h"
#include "front_private.h"

enum {
  DRAIN_MS = 2500, /* for running look-ups, of the three seconds that a STOP may take */
};

static struct timeval milliseconds(int64_t ms) {
  return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* waiters */

/* Gives the waiter its reply; its peer may then get the next ones. job NULL: the deadline has come.
 */
static void reply_late(struct mtasts_front *front, struct mtasts_waiter *waiter,
                       const struct mtasts_job *job) {
  struct mtasts_peer *peer = waiter->peer;
  if (waiter->pending_job->kind == MTASTS_JOB_LOOK_UP)
    mtasts_count_wait(front->stats, mtasts_clock_coarse_ms() - waiter->since);
  size_t size = mtasts_front_answer_late(front, waiter, job, front->reply);
  mtasts_waiters_release(&front->waiters, waiter);
  mtasts_peer_reply(peer, (struct mtasts_span){front->reply, size});
}

static void on_gone(void *context, struct mtasts_peer *peer) {
  struct mtasts_front *front = context;
  mtasts_waiters_release(&front->waiters, mtasts_peer_token(peer));
}

void mtasts_front_set_deadline(struct mtasts_front *front) {
  struct mtasts_waiter *first = mtasts_waiters_first(&front->waiters);
  if (!first || first->deadline >= front->deadline)
    return;
  int64_t wait = first->deadline - mtasts_clock_coarse_ms();
  struct timeval timeout = milliseconds(wait > 0 ? wait : 0);
  event_add(&front->deadline_event, &timeout);
  front->deadline = first->deadline;
}

static void on_deadline(evutil_socket_t fd, short what, void *context) {
  struct mtasts_front *front = context;
  int64_t now = mtasts_clock_coarse_ms();
  struct mtasts_waiter *waiter;
  (void)fd;
  (void)what;
  while ((waiter = mtasts_waiters_first(&front->waiters)) && waiter->deadline <= now) {
    reply_late(front, waiter, NULL);
    if (!mtasts_socketmap_has_time(front->socketmap))
      break; /* the other waiters follow in the next turn */
  }
  front->deadline = INT64_MAX;
  mtasts_front_set_deadline(front);
}

/* the inbox */

/* Takes over the reference. */
static void configure(struct mtasts_front *front, struct mtasts_snapshot *snapshot) {
  mtasts_snapshot_unref(front->snapshot);
  front->snapshot = snapshot;
  front->settings = mtasts_config_settings(snapshot->config);
  if (front->socketmap)
    mtasts_socketmap_limit(front->socketmap, snapshot->config->socketmap.network_connections,
                           snapshot->config->socketmap.network_lookups);
  if (front->recorder)
    mtasts_outcome_recorder_configure(front->recorder, snapshot->config->outcome.record);
}

/* False: some waiters are left for the next turn of the loop. */
static bool take_answer(struct mtasts_front *front, const struct mtasts_job *job) {
  if (!front->ended)
    front->ended = mtasts_waiters_end(&front->waiters, job);
  for (struct mtasts_waiter *waiter; (waiter = TAILQ_FIRST(&front->ended->waiters));) {
    reply_late(front, waiter, job);
    if (!mtasts_socketmap_has_time(front->socketmap) && !TAILQ_EMPTY(&front->ended->waiters))
      return false;
  }
  free(front->ended);
  front->ended = NULL;
  return true;
}

static void on_drained(void *context) {
  struct mtasts_front *front = context;
  event_base_loopbreak(front->base);
}

static void on_drain_over(evutil_socket_t fd, short what, void *context) {
  struct mtasts_front *front = context;
  (void)fd;
  (void)what;
  for (struct mtasts_waiter *waiter; (waiter = mtasts_waiters_first(&front->waiters));)
    reply_late(front, waiter, NULL);
  event_base_loopbreak(front->base);
}

/* Takes the descriptor out of the job, unless there is no memory. */
static void listen_on(struct mtasts_front *front, struct mtasts_job *job) {
  struct sockaddr_un address = {.sun_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  if (mtasts_socketmap_replace(front->socketmap, job->old, job->fd, job->socket_kind)) {
    job->fd = -1;
    return;
  }
  /* No memory. Its file is removed, so that mtasts_listeners_check misses the socket and opens it
   * again. */
  if (getsockname(job->fd, (struct sockaddr *)&address, &size) == 0 &&
      address.sun_family == AF_UNIX)
    unlink(address.sun_path);
}

static struct mtasts_outcome_socket *new_outcome_socket(struct mtasts_front *front, int fd) {
  const struct mtasts_outcome_socket_options options = {
      .base = front->base,
      .waiters = &front->waiters,
      .recorder = front->recorder,
      .stats = front->stats,
  };
  return mtasts_outcome_socket_new(&options, fd);
}

static void take_outcomes(struct mtasts_front *front, struct mtasts_job *job) {
  struct mtasts_outcome_socket *made = new_outcome_socket(front, job->fd);
  if (!made)
    return;
  job->fd = -1;
  mtasts_outcome_socket_free(front->outcomes);
  front->outcomes = made;
}

static void stop(struct mtasts_front *front) {
  struct timeval timeout = milliseconds(DRAIN_MS);
  event_add(&front->drain_event, &timeout);
  mtasts_socketmap_drain(front->socketmap, on_drained);
}

/* False: the turn of the loop is over, and the job is not finished. */
static bool do_job(struct mtasts_front *front, struct mtasts_job *job) {
  switch (job->kind) {
  case MTASTS_JOB_CONFIGURE:
    configure(front, mtasts_snapshot_ref(job->snapshot));
    break;
  case MTASTS_JOB_UNSTORED:
    mtasts_unstored_set(&front->unstored, &job->domain, job->value, job->value_size);
    job->value = NULL;
    break;
  case MTASTS_JOB_LISTEN:
    listen_on(front, job);
    break;
  case MTASTS_JOB_OUTCOMES:
    take_outcomes(front, job);
    break;
  case MTASTS_JOB_PING:
    mtasts_loop_seen(front->stats, MTASTS_LOOP_FRONT);
    break;
  case MTASTS_JOB_STOP:
    stop(front);
    break;
  case MTASTS_JOB_CHECKED: /* jobs for other threads */
  case MTASTS_JOB_RECORD:
    break;
  case MTASTS_JOB_LOOK_UP:
  case MTASTS_JOB_RECHECK:
  case MTASTS_JOB_REFRESH:
  case MTASTS_JOB_REMOVE:
  case MTASTS_JOB_IMPORT:
    return take_answer(front, job);
  }
  return true;
}

/* Many waiters may need one answer, and many answers may arrive at once. If they need more time
 * than one turn of the loop has, the rest is left for the next turn. */
static void do_jobs(struct mtasts_front *front) {
  struct mtasts_job *job;
  while ((job = STAILQ_FIRST(&front->jobs)) && do_job(front, job)) {
    STAILQ_REMOVE_HEAD(&front->jobs, link);
    mtasts_job_free(job);
    if (!mtasts_socketmap_has_time(front->socketmap))
      break;
  }
  if (!STAILQ_EMPTY(&front->jobs))
    event_add(&front->rest_event, &(struct timeval){.tv_sec = 0});
}

static void on_rest(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  do_jobs(context);
}

static void on_inbox(evutil_socket_t fd, short what, void *context) {
  struct mtasts_front *front = context;
  (void)fd;
  (void)what;
  mtasts_queue_take(front->inbox, &front->jobs);
  if (!event_pending(&front->rest_event, EV_TIMEOUT, NULL))
    do_jobs(front);
}

/* life */

static struct event_base *new_base(void) {
  struct event_config *config = event_config_new();
  struct event_base *base = NULL;
  if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
    base = event_base_new_with_config(config);
  if (config)
    event_config_free(config);
  return base;
}

static bool listen_all(struct mtasts_front *front, const struct mtasts_front_options *options) {
  const struct mtasts_socketmap_options served = {
      .base = front->base,
      .stats = front->stats,
      .request = mtasts_front_answer,
      .ahead = mtasts_front_prefetch,
      .gone = on_gone,
      .context = front,
      .peers_max = options->peers_max,
      .network_peers_max = options->snapshot->config->socketmap.network_connections,
      .network_pending_jobs_max = options->snapshot->config->socketmap.network_lookups,
  };
  front->socketmap = mtasts_socketmap_new(&served);
  if (!front->socketmap)
    return false;
  mtasts_waiters_init(&front->waiters, options->to_net, mtasts_socketmap_clients(front->socketmap));
  for (size_t i = 0; i < options->listener_count; i++)
    if (!mtasts_socketmap_listen(front->socketmap, options->listeners[i].fd,
                                 options->listeners[i].socket_kind))
      return false;
  const struct mtasts_outcome_recorder_options recorded = {
      .base = front->base,
      .to_writer = options->to_outcomes,
      .stats = front->stats,
      .discovery = mtasts_front_discovery,
      .context = front,
  };
  front->recorder = mtasts_outcome_recorder_new(&recorded);
  if (!front->recorder)
    return false;
  mtasts_outcome_recorder_configure(front->recorder, options->snapshot->config->outcome.record);
  if (options->outcome_fd >= 0)
    front->outcomes = new_outcome_socket(front, options->outcome_fd);
  return front->outcomes || options->outcome_fd < 0;
}

static bool make_loop(struct mtasts_front *front, const struct mtasts_front_options *options) {
  front->base = new_base();
  if (!front->base)
    return false;
  event_assign(&front->deadline_event, front->base, -1, 0, on_deadline, front);
  event_assign(&front->drain_event, front->base, -1, 0, on_drain_over, front);
  event_assign(&front->rest_event, front->base, -1, 0, on_rest, front);
  event_assign(&front->inbox_event, front->base, front->inbox->fd, EV_READ | EV_PERSIST, on_inbox,
               front);
  return event_add(&front->inbox_event, NULL) == 0 && listen_all(front, options);
}

enum mtasts_status mtasts_front_new(const struct mtasts_front_options *options,
                                    char error[MTASTS_ERROR_TEXT], struct mtasts_front **front) {
  struct mtasts_front *made = malloc(sizeof *made);
  if (!made) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  /* Not the reply buffer: untouched pages use no memory. */
  memset(made, 0, offsetof(struct mtasts_front, reply));
  made->inbox = options->inbox;
  made->usage = options->usage;
  made->stats = options->stats;
  made->deadline = INT64_MAX;
  STAILQ_INIT(&made->jobs);
  mtasts_unstored_init(&made->unstored);
  mtasts_waiters_init(&made->waiters, options->to_net, NULL);
  configure(made, mtasts_snapshot_ref(options->snapshot));
  enum mtasts_status status = mtasts_reader_new(options->cache, &made->reader);
  if (status != MTASTS_OK)
    snprintf(error, MTASTS_ERROR_TEXT, "the cache cannot be read: %s",
             mtasts_env_reason(status, errno));
  else if (!make_loop(made, options)) {
    snprintf(error, MTASTS_ERROR_TEXT, "the front loop cannot be started: %s", strerror(errno));
    status = MTASTS_IO;
  }
  if (status == MTASTS_OK)
    *front = made;
  else
    mtasts_front_free(made);
  return status;
}

void mtasts_front_run(struct mtasts_front *front) {
  event_base_dispatch(front->base);
  if (front->outcomes)
    mtasts_outcome_socket_drain(front->outcomes);
  mtasts_outcome_recorder_flush(front->recorder);
}

void mtasts_front_free(struct mtasts_front *front) {
  if (!front)
    return;
  mtasts_socketmap_free(front->socketmap);
  mtasts_outcome_socket_free(front->outcomes);
  mtasts_outcome_recorder_free(front->recorder);
  mtasts_waiters_destroy(&front->waiters);
  free(front->ended);
  for (struct mtasts_job *job; (job = STAILQ_FIRST(&front->jobs)); mtasts_job_free(job))
    STAILQ_REMOVE_HEAD(&front->jobs, link);
  mtasts_unstored_free(&front->unstored);
  mtasts_reader_free(front->reader);
  if (front->base) {
    event_del(&front->inbox_event);
    event_del(&front->deadline_event);
    event_del(&front->drain_event);
    event_del(&front->rest_event);
    event_base_free(front->base);
  }
  mtasts_snapshot_unref(front->snapshot);
  free(front);
}
