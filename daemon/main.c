/*
 * mtastsd: opens sockets and cache, as root if root starts it. Then it runs three threads: the
 * front loop (front.h), the net loop (netloop.h) and the writer of outcomes (outcome_writer.h). The
 * main thread waits for signals and serves the metrics (metrics.h).
 */
#include <errno.h>
#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "bus_error.h"
#include "cache_check.h"
#include "cache_open.h"
#include "clock_watch.h"
#include "config_diff.h"
#include "daemon_main.h"
#include "files.h"
#include "front.h"
#include "listeners.h"
#include "metrics.h"
#include "netloop.h"
#include "outcome_store.h"
#include "outcome_writer.h"
#include "periodic_checks.h"
#include "process.h"
#include "service.h"
#include "store.h"
#include "thread.h"

enum {
  TRIM_THRESHOLD = 1 << 17, /* bytes; more free memory than that is returned to the system */
  REST = 10,                /* seconds between checks whether memory can be returned */
  QUEUES = 3,
};

#define NOT_YET "this version does not know it yet"

/* Everything, in the order in which it is opened. */
struct daemon {
  struct mtasts_daemon_main program;
  struct mtasts_config *config; /* at the start; `snapshot` owns it */
  struct mtasts_snapshot *snapshot;
  struct event_base *base; /* of this thread */
  int signals;             /* a signalfd */
  struct event *signalled;
  struct event *rest;
  int signal; /* that has arrived; 0: none yet */
  struct mtasts_listeners listeners;
  int64_t written; /* when the cache was, before this start; 0: not known */
  struct mtasts_cache_opening opening;
  struct mtasts_store *store;
  struct mtasts_cache_check check;
  struct mtasts_queue to_net;
  struct mtasts_queue to_front;
  struct mtasts_queue to_outcomes;
  size_t queues; /* of the three, in this order, that are open */
  struct mtasts_usage_filter *usage;
  struct mtasts_stats stats;
  unsigned long long lookups; /* their count when memory was last returned */
  struct mtasts_netloop *netloop;
  struct mtasts_front *front;
  struct mtasts_outcome_writer *outcomes;
  struct mtasts_metrics *metrics; /* NULL: none */
  struct mtasts_cache_location location;
  struct mtasts_periodic_checks *checks;
  struct mtasts_thread net_thread;
  struct mtasts_thread front_thread;
  struct mtasts_thread outcome_thread;
};

/* words */

static const char *site_mode(const struct mtasts_config *config) {
  return config->site_mode == MTASTS_SITE_MONITOR ? "monitor" : "enforce";
}

/* Warns of settings that weaken protection or have no effect yet. */
static void log_warnings(const struct mtasts_config *config) {
  if (config->site_mode == MTASTS_SITE_MONITOR)
    mtasts_log(MTASTS_LOG_WARNING, "site_mode=monitor: nothing is enforced");
  if (config->dns.dnssec == MTASTS_DNSSEC_OFF)
    mtasts_log(MTASTS_LOG_WARNING, "dns.dnssec=off: DANE is neither looked up nor claimed");
  if (*config->shared.url)
    mtasts_log(MTASTS_LOG_WARNING, "shared.url: " NOT_YET);
}

static void log_stats(const struct daemon *daemon, const char *event) {
  char text[MTASTS_LOG_LINE_MAX * 3 / 4];
  size_t len = mtasts_stats_text(&daemon->stats, text, sizeof text);
  mtasts_log(MTASTS_LOG_INFO, "%s %.*s", event, (int)len, text);
}

/* command line */

static const char usage[] =
    "mtastsd [OPTION...]: MTA-STS (RFC 8461) for the mail servers that send\n\n"
    "  --config FILE  configuration (" MTASTS_CONFIG_PATH ")\n"
    "  --foreground   stay there, and log to standard error\n"
    "  --check-config is the configuration good? Starts nothing\n"
    "  -v, --verbose  log more\n"
    "  -h, --help     this\n"
    "      --version  the version\n\n"
    "Manual: mtastsd(8), mtasts.conf(5)\n";

/* opening */

static void on_signal(evutil_socket_t fd, short what, void *context) {
  struct daemon *daemon = context;
  struct signalfd_siginfo info;
  (void)what;
  if (read(fd, &info, sizeof info) != sizeof info)
    return;
  daemon->signal = (int)info.ssi_signo;
  event_base_loopbreak(daemon->base);
}

static void on_rest(evutil_socket_t fd, short what, void *context);

/* Called before any thread is made, so that all threads inherit the mask: only next_signal takes
 * signals. SIGUSR2 says that a thread has ended. */
static int catch_signals(struct daemon *daemon) {
  const int waited_for[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
  const struct timeval rest = {.tv_sec = REST};
  sigset_t signals;
  sigemptyset(&signals);
  for (size_t i = 0; i < sizeof waited_for / sizeof *waited_for; i++)
    sigaddset(&signals, waited_for[i]);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  signal(SIGPIPE, SIG_IGN);
  if (!mtasts_bus_error_catch(daemon->program.name))
    return mtasts_daemon_main_fail(&daemon->program, EX_OSERR, "out of descriptors");
  daemon->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  daemon->base = event_base_new();
  if (daemon->base) {
    daemon->signalled =
        event_new(daemon->base, daemon->signals, EV_READ | EV_PERSIST, on_signal, daemon);
    daemon->rest = event_new(daemon->base, -1, EV_PERSIST, on_rest, daemon);
  }
  if (daemon->signals >= 0 && daemon->signalled && daemon->rest &&
      event_add(daemon->signalled, NULL) == 0 && event_add(daemon->rest, &rest) == 0)
    return EX_OK;
  return mtasts_daemon_main_fail(&daemon->program, EX_OSERR, "out of memory or descriptors");
}

/* Sets up memory and descriptors. Returns how many peers there may be. */
static unsigned prepare_process(const struct daemon *daemon) {
  mallopt(M_ARENA_MAX, 2); /* one for the front loop, and one for everything else */
  mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD);
  mtasts_process_raise_descriptors();
  struct mtasts_descriptors shares = mtasts_process_descriptors();
  if (shares.lookups < daemon->config->refresh.in_flight)
    mtasts_daemon_main_warn(
        &daemon->program,
        "few descriptors (ulimit -n, LimitNOFILE= of the unit): at most %u look-ups "
        "at a time, and %u connections",
        shares.lookups, shares.peers);
  return shares.peers < MTASTS_PEERS_MAX ? shares.peers : MTASTS_PEERS_MAX;
}

static int open_listeners(struct daemon *daemon) {
  char error[MTASTS_ERROR_TEXT];
  const struct mtasts_listeners *listeners = &daemon->listeners;
  bool served = mtasts_listeners_open(&daemon->listeners, daemon->config, error);
  int number = errno;
  for (size_t i = 0; served && i < listeners->address_count; i++)
    if (!listeners->addresses[i].open)
      mtasts_daemon_main_warn(&daemon->program,
                              "%s; the other sockets serve, and this one is tried every %d seconds",
                              listeners->addresses[i].why, MTASTS_LISTENERS_RETRY);
  if (served)
    return EX_OK;
  return mtasts_daemon_main_fail(&daemon->program, mtasts_daemon_main_code_of_listen(number), "%s",
                                 error);
}

/* The same for the store of outcomes, if it is not in the cache's. Without it mtastsd starts all
 * the same, and the writer logs why it cannot write. */
static void make_outcome_directory(const struct mtasts_config *config,
                                   const struct mtasts_owner *owner) {
  int fd;
  if (*config->outcome.directory && config->outcome.record &&
      mtasts_files_directory(config->outcome.directory, owner, &fd) == 0)
    close(fd);
}

/* As root, makes the cache's directory for the user that it then becomes, who may not be allowed to
 * make it. */
static int drop_root(struct daemon *daemon) {
  const struct mtasts_config *config = daemon->config;
  const struct mtasts_owner owner = {config->uid, config->gid};
  int fd;
  if (geteuid() == 0) {
    int rc = mtasts_files_directory(config->cache.directory, &owner, &fd);
    if (rc != 0)
      return mtasts_daemon_main_fail(&daemon->program, EX_CANTCREAT, "cache: %s: %s",
                                     config->cache.directory, strerror(rc));
    close(fd);
    make_outcome_directory(config, &owner);
  }
  if (config->uid == geteuid() && config->gid == getegid()) /* perhaps root of a user namespace */
    return EX_OK;
  return mtasts_daemon_main_drop_root(&daemon->program, config);
}

static int open_cache(struct daemon *daemon) {
  struct mtasts_cache_opening *opening = &daemon->opening;
  *opening = (struct mtasts_cache_opening){.program = &daemon->program,
                                           .config = daemon->config,
                                           .usage = daemon->usage,
                                           .stats = &daemon->stats};
  daemon->written = mtasts_clock_written(daemon->config->cache.directory);
  int code = mtasts_cache_open_writer(opening);
  daemon->store = opening->store;
  return code;
}

static bool start_check(struct daemon *daemon) {
  daemon->check.directory = daemon->config->cache.directory;
  daemon->check.to_net = &daemon->to_net;
  return !mtasts_cache_waits(mtasts_store_cache(daemon->store)) ||
         mtasts_cache_check_start(&daemon->check);
}

static bool open_queues(struct daemon *daemon) {
  struct mtasts_queue *const queues[QUEUES] = {&daemon->to_net, &daemon->to_front,
                                               &daemon->to_outcomes};
  while (daemon->queues < QUEUES && mtasts_queue_init(queues[daemon->queues]))
    daemon->queues++;
  return daemon->queues == QUEUES;
}

static void close_queues(struct daemon *daemon) {
  struct mtasts_queue *const queues[QUEUES] = {&daemon->to_net, &daemon->to_front,
                                               &daemon->to_outcomes};
  for (; daemon->queues > 0; daemon->queues--)
    mtasts_queue_destroy(queues[daemon->queues - 1]);
}

static int open_outcomes(struct daemon *daemon) {
  daemon->outcomes =
      mtasts_outcome_writer_new(daemon->snapshot, &daemon->to_outcomes, &daemon->stats);
  return daemon->outcomes ? EX_OK
                          : mtasts_daemon_main_fail(&daemon->program, EX_OSERR, "out of memory");
}

static int open_netloop(struct daemon *daemon) {
  char error[MTASTS_ERROR_TEXT];
  const struct mtasts_netloop_options options = {
      .snapshot = daemon->snapshot,
      .store = daemon->store,
      .written = daemon->written,
      .inbox = &daemon->to_net,
      .to_front = &daemon->to_front,
      .usage = daemon->usage,
      .stats = &daemon->stats,
  };
  enum mtasts_status status = mtasts_netloop_new(&options, error, &daemon->netloop);
  if (status == MTASTS_OK)
    return EX_OK;
  return mtasts_daemon_main_fail(&daemon->program,
                                 status == MTASTS_INVALID || status == MTASTS_NO_FILE ? EX_CONFIG
                                 : status == MTASTS_PERMISSION                        ? EX_NOPERM
                                                               : EX_UNAVAILABLE,
                                 "%s", error);
}

static int open_front(struct daemon *daemon, unsigned peers_max) {
  char error[MTASTS_ERROR_TEXT];
  const struct mtasts_front_options options = {
      .snapshot = daemon->snapshot,
      .cache = mtasts_store_cache(daemon->store),
      .to_net = &daemon->to_net,
      .to_outcomes = &daemon->to_outcomes,
      .inbox = &daemon->to_front,
      .usage = daemon->usage,
      .stats = &daemon->stats,
      .listeners = daemon->listeners.listeners,
      .listener_count = daemon->listeners.listener_count,
      .outcome_fd = daemon->listeners.outcome_fd,
      .peers_max = peers_max,
  };
  if (mtasts_front_new(&options, error, &daemon->front) == MTASTS_OK)
    return EX_OK;
  return mtasts_daemon_main_fail(&daemon->program, EX_UNAVAILABLE, "%s", error);
}

static int open_metrics(struct daemon *daemon) {
  const struct mtasts_metrics_options options = {
      .base = daemon->base,
      .fd = daemon->listeners.metrics_fd,
      .snapshot = daemon->snapshot,
      .stats = &daemon->stats,
      .cache = mtasts_store_cache(daemon->store),
      .usage = daemon->usage,
      .listeners = &daemon->listeners,
      .location = &daemon->location,
      .inboxes = {[MTASTS_LOOP_FRONT] = &daemon->to_front, [MTASTS_LOOP_NET] = &daemon->to_net},
  };
  bool wanted = options.fd >= 0 || *daemon->config->metrics.listen;
  if (!wanted || (daemon->metrics = mtasts_metrics_new(&options)))
    return EX_OK;
  return mtasts_daemon_main_fail(&daemon->program, EX_OSERR, "out of memory or descriptors");
}

static int open_periodic_checks(struct daemon *daemon) {
  const struct mtasts_periodic_checks_options options = {
      .base = daemon->base,
      .listeners = &daemon->listeners,
      .location = &daemon->location,
      .metrics = daemon->metrics,
      .health =
          {.stats = &daemon->stats,
           .inboxes =
               {[MTASTS_LOOP_FRONT] = &daemon->to_front, [MTASTS_LOOP_NET] = &daemon->to_net}},
      .watchdog = mtasts_service_watchdog(),
  };
  mtasts_cache_location_set(&daemon->location, daemon->config->cache.directory,
                            &daemon->stats.replaced);
  daemon->checks = mtasts_periodic_checks_new(&options);
  return daemon->checks
             ? EX_OK
             : mtasts_daemon_main_fail(&daemon->program, EX_OSERR, "out of memory or descriptors");
}

static int open_all(struct daemon *daemon) {
  unsigned peers_max = prepare_process(daemon);
  int code = open_listeners(daemon);
  if (code == EX_OK)
    code = drop_root(daemon);
  if (code != EX_OK)
    return code;
  daemon->usage = mtasts_usage_filter_new(time(NULL));
  if (!open_queues(daemon) || !daemon->usage)
    return mtasts_daemon_main_fail(&daemon->program, EX_OSERR, "out of memory or descriptors");
  code = open_cache(daemon);
  if (code == EX_OK) {
    mtasts_usage_filter_load(daemon->usage, daemon->config->cache.directory, time(NULL));
    code = open_netloop(daemon);
  }
  if (code == EX_OK)
    code = open_outcomes(daemon);
  if (code == EX_OK)
    code = open_front(daemon, peers_max);
  if (code == EX_OK)
    code = open_metrics(daemon);
  return code == EX_OK ? open_periodic_checks(daemon) : code;
}

/* Must run while this process still holds the cache's lock. */
static void save_usage(const struct daemon *daemon) {
  const char *directory = daemon->config ? daemon->config->cache.directory : NULL;
  if (daemon->store && !mtasts_usage_filter_save(daemon->usage, directory, time(NULL)))
    mtasts_log(MTASTS_LOG_WARNING,
               "which domains are in use could not be saved in %s: %s; after the next start all "
               "count as in use",
               directory, strerror(errno));
}

static void close_all(struct daemon *daemon) {
  mtasts_periodic_checks_free(daemon->checks);
  mtasts_listeners_remove(&daemon->listeners);
  mtasts_metrics_free(daemon->metrics);
  mtasts_front_free(daemon->front);
  mtasts_outcome_writer_free(daemon->outcomes);
  mtasts_netloop_free(daemon->netloop);
  mtasts_job_free(daemon->front_thread.stop);
  mtasts_job_free(daemon->outcome_thread.stop);
  mtasts_job_free(daemon->net_thread.stop);
  close_queues(daemon);
  save_usage(daemon);
  mtasts_store_close(daemon->store);
  mtasts_usage_filter_free(daemon->usage);
  mtasts_snapshot_unref(daemon->snapshot);
  if (daemon->signalled)
    event_free(daemon->signalled);
  if (daemon->rest)
    event_free(daemon->rest);
  if (daemon->base)
    event_base_free(daemon->base);
  if (daemon->signals >= 0)
    close(daemon->signals);
}

/* threads */

static void run_net(void *context) {
  mtasts_netloop_run(context);
}

static void run_front(void *context) {
  mtasts_front_run(context);
}

static void run_outcomes(void *context) {
  mtasts_outcome_writer_run(context);
}

static bool start_threads(struct daemon *daemon) {
  daemon->net_thread = (struct mtasts_thread){
      .name = "mtasts-net", .run = run_net, .context = daemon->netloop, .queue = &daemon->to_net};
  daemon->front_thread = (struct mtasts_thread){.name = "mtasts-front",
                                                .run = run_front,
                                                .context = daemon->front,
                                                .queue = &daemon->to_front};
  daemon->outcome_thread = (struct mtasts_thread){.name = "mtasts-outcomes",
                                                  .run = run_outcomes,
                                                  .context = daemon->outcomes,
                                                  .queue = &daemon->to_outcomes};
  return mtasts_thread_start(&daemon->net_thread) && mtasts_thread_start(&daemon->outcome_thread) &&
         mtasts_thread_start(&daemon->front_thread) && start_check(daemon);
}

/* glibc keeps the memory of a burst of look-ups in fragments; an idle daemon does not need it. */
static void give_memory_back(struct daemon *daemon) {
  unsigned long long lookups = mtasts_count_get(&daemon->stats, MTASTS_COUNT_LOOKUPS);
  if (lookups == daemon->lookups || mtasts_count_get(&daemon->stats, MTASTS_COUNT_IN_FLIGHT) > 0)
    return;
  daemon->lookups = lookups;
  malloc_trim(0);
}

static void on_rest(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  give_memory_back(context);
  mtasts_log_flush_repeated();
}

/* Waits for a signal, and serves metrics meanwhile. */
static int next_signal(struct daemon *daemon) {
  daemon->signal = 0;
  event_base_dispatch(daemon->base);
  return daemon->signal;
}

/* False: a second signal has come, and the thread still runs. */
static bool stop_thread(struct daemon *daemon, struct mtasts_thread *thread) {
  if (!thread->started)
    return true;
  mtasts_queue_give(thread->queue, thread->stop);
  thread->stop = NULL;
  while (!atomic_load(&thread->ended)) {
    int number = next_signal(daemon);
    if (number == SIGTERM || number == SIGINT)
      return false;
  }
  pthread_join(thread->id, NULL);
  return true;
}

/* Stops the front loop first, which answers its waiters; then the writer of outcomes, which writes
 * what the front loop has received; then the net loop, which commits its results. */
static int stop_threads(struct daemon *daemon, int code) {
  mtasts_service_notify("STOPPING=1");
  mtasts_cache_check_stop(&daemon->check);
  mtasts_periodic_checks_free(daemon->checks);
  daemon->checks = NULL;
  mtasts_listeners_remove(&daemon->listeners);
  mtasts_metrics_free(daemon->metrics);
  daemon->metrics = NULL;
  if (!stop_thread(daemon, &daemon->front_thread) ||
      !stop_thread(daemon, &daemon->outcome_thread) || !stop_thread(daemon, &daemon->net_thread)) {
    mtasts_log(MTASTS_LOG_WARNING, "second signal to stop: waiting requests got no answer");
    mtasts_log_close();
    _exit(code); /* the cache is not damaged by this */
  }
  log_stats(daemon, "stop");
  return code;
}

/* signals */

/* Files and sockets that were opened at the start stay open, so the new configuration is compared
 * with the one at the start. */
static void take_up(struct daemon *daemon, struct mtasts_snapshot *snapshot) {
  struct mtasts_queue *const queues[] = {&daemon->to_front, &daemon->to_net, &daemon->to_outcomes};
  struct mtasts_job *jobs[] = {mtasts_job_new(MTASTS_JOB_CONFIGURE),
                               mtasts_job_new(MTASTS_JOB_CONFIGURE),
                               mtasts_job_new(MTASTS_JOB_CONFIGURE)};
  char restart[256];
  if (!jobs[0] || !jobs[1] || !jobs[2]) {
    for (size_t i = 0; i < 3; i++)
      mtasts_job_free(jobs[i]);
    mtasts_daemon_main_keep_old("out of memory");
    return;
  }
  for (size_t i = 0; i < 3; i++) {
    jobs[i]->snapshot = mtasts_snapshot_ref(snapshot);
    mtasts_queue_give(queues[i], jobs[i]);
  }
  if (daemon->metrics)
    mtasts_metrics_configure(daemon->metrics, snapshot);
  const struct mtasts_config *config = snapshot->config;
  mtasts_log(MTASTS_LOG_INFO, "reload overrides=%zu site_mode=%s", config->override_count,
             site_mode(config));
  log_warnings(config);
  mtasts_config_diff_needs_restart(daemon->config, config, restart, sizeof restart);
  if (*restart)
    mtasts_log(MTASTS_LOG_WARNING, "reload: changed, but in force only after a restart: %s",
               restart);
}

static void reload(struct daemon *daemon) {
  char text[MTASTS_ERROR_TEXT];
  struct mtasts_config *config;
  mtasts_daemon_main_reloading();
  if (mtasts_config_load(daemon->program.config_path, text, &config) != MTASTS_OK) {
    mtasts_daemon_main_keep_old(text);
  } else {
    struct mtasts_snapshot *snapshot = mtasts_snapshot_new(config);
    if (snapshot)
      take_up(daemon, snapshot);
    else {
      mtasts_config_free(config);
      mtasts_daemon_main_keep_old("out of memory");
    }
    mtasts_snapshot_unref(snapshot);
  }
  mtasts_service_notify("READY=1");
}

/* Waits until a signal asks for the end, or a thread ends by itself. Returns the exit code. */
static int wait_for_end(struct daemon *daemon) {
  for (;;) {
    int number = next_signal(daemon);
    if (number == SIGHUP)
      reload(daemon);
    else if (number == SIGUSR1)
      log_stats(daemon, "stats");
    else if (number != SIGUSR2)
      return EX_OK;
    else if (atomic_load(&daemon->front_thread.ended) ||
             atomic_load(&daemon->outcome_thread.ended) || atomic_load(&daemon->net_thread.ended))
      return mtasts_daemon_main_fail(&daemon->program, EX_SOFTWARE,
                                     "a loop has ended by itself: stopping");
  }
}

static int serve(struct daemon *daemon) {
  const struct mtasts_config *config = daemon->config;
  if (!start_threads(daemon))
    return stop_threads(
        daemon, mtasts_daemon_main_fail(&daemon->program, EX_OSERR, "a thread cannot be started"));
  mtasts_log(MTASTS_LOG_INFO, "start version=%s cache=%s %s overrides=%zu site_mode=%s",
             MTASTS_VERSION, config->cache.directory, daemon->listeners.text,
             config->override_count, site_mode(config));
  log_warnings(config);
  mtasts_periodic_checks_notify(&daemon->listeners, "READY=1");
  mtasts_service_ready();
  return stop_threads(daemon, wait_for_end(daemon));
}

static int run(struct daemon *daemon) {
  int code = mtasts_daemon_main_settle(&daemon->program, daemon->config);
  if (code >= 0)
    return code;
  code = catch_signals(daemon);
  if (code == EX_OK)
    code = open_all(daemon);
  if (code == EX_OK)
    code = serve(daemon);
  return code;
}

int main(int argc, char **argv) {
  static struct daemon daemon = {
      .program = {.name = "mtastsd", .usage = usage},
      .listeners.outcome_fd = -1,
      .listeners.metrics_fd = -1,
      .signals = -1,
  };
  mtasts_process_begin();
  int code = mtasts_daemon_main_begin(&daemon.program, argc, argv, &daemon.config);
  if (code >= 0 || !daemon.config)
    return code;
  daemon.snapshot = mtasts_snapshot_new(daemon.config);
  code = daemon.snapshot ? run(&daemon)
                         : mtasts_daemon_main_fail(&daemon.program, EX_OSERR, "out of memory");
  close_all(&daemon);
  mtasts_log_close();
  return code;
}
