#include "netloop.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "ad_check.h"
#include "cache_check.h"
#include "clock_watch.h"
#include "config_diff.h"
#include "dns_server.h"
#include "dns_watch.h"
#include "entry_codec.h"
#include "fetch.h"
#include "log.h"
#include "lookup_log.h"
#include "override_log.h"
#include "process.h"
#include "resolver.h"
#include "scheduler.h"
#include "tick.h"
#include "validator.h"

enum {
  NICE = 5, /* so that a TLS handshake does not delay the front loop */
  TRY_MS = 5000,
  LOG_EVERY_MS = 60000,
};

struct mtasts_netloop {
  struct mtasts_scheduler scheduler;
  struct mtasts_snapshot *snapshot;
  struct mtasts_queue *inbox;
  struct mtasts_usage_filter *usage;
  struct mtasts_tick tick;
  struct mtasts_admission admission; /* of a cache that is being checked */
  struct mtasts_clock_watch clock;
  int64_t went; /* of the last tick, by mtasts_clock_coarse_ms */
  struct mtasts_dns_watch dns;
  bool renew; /* a new resolver and validator could not be made: tried again */
  struct mtasts_ratelimit store_error_log; /* of that */
  struct mtasts_ratelimit tried;           /* limits writing again after a failure */
  bool require_dnssec;
  bool dnssec_works; /* by the last check that had an answer, of any validator */
  struct mtasts_ad_check *ad_check;
  enum mtasts_ad ad;                         /* as it was logged */
  struct mtasts_resolvconf_state resolvconf; /* of the file that named the MTAs' resolver */
  struct mtasts_override_log overrides;
  struct event *mail;
  struct event *second;
  bool stopped;
};

static int64_t wall_clock(void) {
  return (int64_t)time(NULL);
}

uint32_t mtasts_netloop_lookups(const struct mtasts_config *config) {
  unsigned share = mtasts_process_descriptors().lookups;
  return share < config->refresh.in_flight ? share : config->refresh.in_flight;
}

/* jobs */

static void renew_dns(struct mtasts_netloop *loop);

static void configure(struct mtasts_netloop *loop, struct mtasts_job *job) {
  const struct mtasts_config *config = job->snapshot->config;
  struct mtasts_discover_settings settings = mtasts_config_settings(config);
  bool renew = loop->snapshot && !mtasts_config_diff_same_dns(loop->snapshot->config, config);
  settings.resolver_back = loop->scheduler.net.settings.resolver_back;
  settings.resolver_out = loop->scheduler.net.settings.resolver_out;
  settings.clock_in_doubt = loop->scheduler.net.settings.clock_in_doubt;
  settings.keep_expired = loop->scheduler.net.settings.keep_expired;
  if (loop->snapshot && !renew) /* as it was opened */
    settings.dane = loop->scheduler.net.settings.dane;
  mtasts_override_log_configure(&loop->overrides, config,
                                loop->snapshot ? loop->snapshot->config : NULL, wall_clock());
  mtasts_snapshot_unref(loop->snapshot);
  loop->snapshot = job->snapshot;
  job->snapshot = NULL;
  loop->scheduler.in_flight = mtasts_netloop_lookups(config);
  loop->scheduler.config = config;
  loop->scheduler.net.deadline = config->refresh.deadline;
  loop->scheduler.net.settings = settings;
  if (renew)
    renew_dns(loop);
  if (loop->scheduler.net.fetcher)
    mtasts_fetcher_renew(loop->scheduler.net.fetcher);
}

static enum mtasts_status import(struct mtasts_netloop *loop, const struct mtasts_job *job) {
  struct mtasts_scheduler *scheduler = &loop->scheduler;
  struct mtasts_entry entry;
  if (!job->value || mtasts_entry_decode(job->value, job->value_size, &entry) != MTASTS_OK)
    return MTASTS_CORRUPT;
  if (!mtasts_entry_check(&entry))
    return MTASTS_INVALID;
  enum mtasts_status status =
      mtasts_store_put(scheduler->store, &job->domain, &entry, scheduler->net.now());
  if (status != MTASTS_OK && status != MTASTS_FULL)
    return status;
  enum mtasts_status committed = mtasts_scheduler_store_changed(scheduler, &job->domain);
  if (status == MTASTS_OK)
    status = committed;
  if (status == MTASTS_OK)
    mtasts_scheduler_set_due(scheduler, &job->domain, &entry);
  return status;
}

static enum mtasts_status remove_domain(struct mtasts_netloop *loop,
                                        const struct mtasts_domain *domain) {
  enum mtasts_status status = mtasts_store_remove(loop->scheduler.store, domain);
  if (status == MTASTS_LOCKED)
    return status; /* the cache is checked or salvaged: what is in memory stays as well */
  mtasts_due_queue_drop(loop->scheduler.due_queue, domain);
  mtasts_scheduler_store_changed(&loop->scheduler, domain);
  return status;
}

static void do_job(struct mtasts_netloop *loop, struct mtasts_job *job) {
  struct mtasts_scheduler *scheduler = &loop->scheduler;
  enum mtasts_status status = MTASTS_OK;
  switch (job->kind) {
  case MTASTS_JOB_LOOK_UP:
  case MTASTS_JOB_RECHECK:
  case MTASTS_JOB_REFRESH:
    /* Jobs that want no answer may be many, so they are freed at once. */
    status = mtasts_scheduler_request(scheduler, &job->domain, job->kind, mtasts_job_urgency(job),
                                      job->token ? job : NULL);
    if (status == MTASTS_OK && job->token)
      return; /* the task owns it now */
    break;
  case MTASTS_JOB_REMOVE:
    status = remove_domain(loop, &job->domain);
    break;
  case MTASTS_JOB_IMPORT:
    status = import(loop, job);
    break;
  case MTASTS_JOB_CONFIGURE:
    configure(loop, job);
    break;
  case MTASTS_JOB_LISTEN: /* jobs for the front loop */
  case MTASTS_JOB_OUTCOMES:
  case MTASTS_JOB_UNSTORED:
  case MTASTS_JOB_RECORD:
    break;
  case MTASTS_JOB_CHECKED:
    mtasts_admission_take(&loop->admission, job->status);
    break;
  case MTASTS_JOB_PING:
    mtasts_loop_seen(scheduler->stats, MTASTS_LOOP_NET);
    break;
  case MTASTS_JOB_STOP:
    loop->stopped = true;
    event_base_loopbreak(scheduler->base);
    break;
  }
  mtasts_scheduler_answer(scheduler, job, status);
}

static void read_mail(struct mtasts_netloop *loop) {
  struct mtasts_jobs jobs = STAILQ_HEAD_INITIALIZER(jobs);
  struct mtasts_job *job;
  mtasts_queue_take(loop->inbox, &jobs);
  while ((job = STAILQ_FIRST(&jobs))) {
    STAILQ_REMOVE_HEAD(&jobs, link);
    if (loop->stopped)
      mtasts_scheduler_answer(&loop->scheduler, job, MTASTS_TIMEOUT);
    else
      do_job(loop, job);
  }
}

static void set_doubts(struct mtasts_netloop *loop) {
  struct mtasts_discover_settings *settings = &loop->scheduler.net.settings;
  settings->clock_in_doubt = mtasts_clock_in_doubt(&loop->clock);
  settings->keep_expired = !mtasts_clock_settled(&loop->clock, mtasts_clock_uptime());
}

/* If the clock jumps, planned times are shifted with it. Stored times have their own rules
 * (clock_watch.h). */
static void look_at_clock(struct mtasts_netloop *loop) {
  atomic_llong *back = &loop->scheduler.stats->resolver_back;
  int64_t now = wall_clock();
  int64_t jump = mtasts_clock_look(&loop->clock, now, mtasts_clock_uptime());
  set_doubts(loop);
  if (jump == 0)
    return;
  mtasts_lookup_log_tell_clock(jump, mtasts_clock_in_doubt(&loop->clock), now);
  mtasts_due_queue_shift(loop->scheduler.due_queue, jump);
  mtasts_usage_filter_shift(loop->usage, jump);
  if (atomic_load_explicit(back, memory_order_relaxed) != 0)
    atomic_fetch_add_explicit(back, jump, memory_order_relaxed);
}

static void on_mail(evutil_socket_t fd, short what, void *context) {
  struct mtasts_netloop *loop = context;
  (void)fd;
  (void)what;
  look_at_clock(loop); /* the clock may have been set since the last tick */
  read_mail(loop);
  if (!loop->stopped)
    mtasts_scheduler_start(&loop->scheduler);
}

/* the tick */

/* After any failed write, /healthz reports it until a write has succeeded. So one is tried even if
 * there is nothing to store. */
static void watch_store(struct mtasts_netloop *loop) {
  struct mtasts_store *store = loop->scheduler.store;
  if (mtasts_store_fails(store) && mtasts_ratelimit(&loop->tried, TRY_MS))
    mtasts_scheduler_log_store_error(&loop->scheduler, mtasts_store_try(store));
  atomic_store_explicit(&loop->scheduler.stats->store_fails, mtasts_store_fails(store),
                        memory_order_relaxed);
}

static void begin_clock(struct mtasts_netloop *loop, int64_t written) {
  int64_t now = wall_clock();
  mtasts_clock_begin(&loop->clock, now, mtasts_clock_uptime(), written);
  set_doubts(loop);
  if (mtasts_clock_in_doubt(&loop->clock))
    mtasts_lookup_log_tell_clock(0, true, now);
}

static void on_second(evutil_socket_t fd, short what, void *context) {
  struct mtasts_netloop *loop = context;
  int64_t uptime = mtasts_clock_coarse_ms();
  uint64_t elapsed = (uint64_t)(uptime - loop->went);
  (void)fd;
  (void)what;
  loop->went = uptime;
  look_at_clock(loop);
  watch_store(loop);
  if (mtasts_dns_watch_go(&loop->dns, loop->snapshot->config->dns.servers.items,
                          loop->snapshot->config->dns.servers.count) ||
      loop->renew)
    renew_dns(loop);
  if (loop->ad_check && mtasts_resolvconf_changed(MTASTS_RESOLVCONF, &loop->resolvconf))
    mtasts_ad_check_again(loop->ad_check);
  loop->scheduler.net.settings.resolver_back =
      atomic_load_explicit(&loop->scheduler.stats->resolver_back, memory_order_relaxed);
  loop->scheduler.net.settings.resolver_out =
      atomic_load_explicit(&loop->scheduler.stats->dns_fails, memory_order_relaxed);
  mtasts_override_log_tick(&loop->overrides, loop->snapshot->config, loop->scheduler.net.now());
  mtasts_tick_run(&loop->tick, loop->scheduler.net.now(), elapsed);
}

/* its life */

static void on_dnssec_check(void *context, const struct mtasts_validator_check *check) {
  struct mtasts_netloop *loop = context;
  if (check->why)
    mtasts_count(loop->scheduler.stats, MTASTS_COUNT_DNSSEC_BROKEN);
  loop->dnssec_works = !check->why || check->silent;
  if (check->changed)
    mtasts_lookup_log_dnssec(check, loop->require_dnssec);
}

static enum mtasts_status open_validator(struct mtasts_netloop *loop,
                                         const struct mtasts_resolver_options *resolver,
                                         char error[MTASTS_ERROR_TEXT]) {
  const struct mtasts_config *config = loop->snapshot->config;
  struct mtasts_validator_options options = {
      .resolver = *resolver,
      .plain = loop->scheduler.net.resolver,
      .require = config->dns.dnssec == MTASTS_DNSSEC_REQUIRE,
      .worked = loop->dnssec_works,
      .checked = on_dnssec_check,
      .context = loop,
  };
  options.resolver.trust_anchor = config->dns.trust_anchor;
  loop->require_dnssec = options.require;
  snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
  return mtasts_validator_new(loop->scheduler.base, &options, &loop->scheduler.net.validator);
}

/* The result of the check of the MTAs' resolver. Silence is no change: the resolver may be
 * starting. */
static void on_ad_check(void *context, const struct mtasts_ad_answer *answer) {
  struct mtasts_netloop *loop = context;
  if (answer->ad == MTASTS_AD_UNKNOWN)
    return;
  atomic_store_explicit(&loop->scheduler.stats->host_ad, (int)answer->ad, memory_order_relaxed);
  if (answer->ad == loop->ad)
    return;
  loop->ad = answer->ad;
  mtasts_lookup_log_ad(answer, loop->snapshot->config->dns.without_ad);
}

/* Starts the check of the MTAs' resolver, if DANE is looked up here. */
static enum mtasts_status open_ad_check(struct mtasts_netloop *loop) {
  mtasts_ad_check_free(loop->ad_check);
  loop->ad_check = NULL;
  mtasts_resolvconf_changed(MTASTS_RESOLVCONF, &loop->resolvconf);
  return loop->scheduler.net.settings.dane
             ? mtasts_ad_check_new(loop->scheduler.base, MTASTS_RESOLVCONF, on_ad_check, loop,
                                   &loop->ad_check)
             : MTASTS_OK;
}

/* Opens resolver and validator as they are configured. */
static enum mtasts_status open_dns(struct mtasts_netloop *loop, char error[MTASTS_ERROR_TEXT]) {
  const struct mtasts_config *config = loop->snapshot->config;
  const struct mtasts_resolver_options resolver = {
      .servers = config->dns.servers.items,
      .server_count = config->dns.servers.count,
      .timeout = config->dns.timeout,
      .insecure = config->dns.insecure.items,
      .insecure_count = config->dns.insecure.count,
      .resolvers = loop->scheduler.net.settings.dane ? 2 : 1,
  };
  struct mtasts_net *net = &loop->scheduler.net;
  enum mtasts_status status =
      mtasts_resolver_new(loop->scheduler.base, &resolver, error, &net->resolver);
  if (status == MTASTS_OK && net->settings.dane)
    status = open_validator(loop, &resolver, error);
  if (status == MTASTS_OK)
    mtasts_dns_watch_take(&loop->dns, net->resolver);
  return status;
}

/* Makes a new resolver and validator, for other servers or a changed section dns. Running look-ups
 * begin again with them. If they cannot be made, the old ones stay in use. */
static void renew_dns(struct mtasts_netloop *loop) {
  struct mtasts_net *net = &loop->scheduler.net;
  const struct mtasts_net old = *net;
  char error[MTASTS_ERROR_TEXT];
  net->resolver = NULL;
  net->validator = NULL;
  loop->renew = open_dns(loop, error) != MTASTS_OK;
  if (!loop->renew) {
    mtasts_scheduler_abort(&loop->scheduler);
    mtasts_validator_free(old.validator);
    mtasts_resolver_free(old.resolver);
    mtasts_scheduler_resume(&loop->scheduler);
    open_ad_check(loop); /* without memory the MTAs' resolver is not checked */
    malloc_trim(0);      /* the old libunbound contexts held a megabyte or two */
    return;
  }
  if (mtasts_ratelimit(&loop->store_error_log, LOG_EVERY_MS))
    mtasts_log(MTASTS_LOG_WARNING,
               "dns: %s; the earlier DNS servers stay in use, and this is tried again", error);
  mtasts_validator_free(net->validator);
  mtasts_resolver_free(net->resolver);
  net->resolver = old.resolver;
  net->validator = old.validator;
  net->settings.dane = old.validator != NULL;
}

static void on_bundle(void *context, bool broken, const char *sentence) {
  (void)context;
  mtasts_log(broken ? MTASTS_LOG_WARNING : MTASTS_LOG_INFO, "https: %s", sentence);
}

static enum mtasts_status open_net(struct mtasts_netloop *loop, char error[MTASTS_ERROR_TEXT]) {
  const struct mtasts_config *config = loop->snapshot->config;
  const struct mtasts_fetcher_options fetcher = {
      .ca_file = config->https.ca_file,
      .changed = on_bundle,
      .timeout = config->https.timeout,
      .allow_private = config->https.allow_private,
      .proxy = config->https.proxy,
  };
  struct mtasts_net *net = &loop->scheduler.net;
  net->now = wall_clock;
  snprintf(error, MTASTS_ERROR_TEXT, "the net loop cannot be started: out of memory");
  if (!mtasts_dns_watch_open(&loop->dns, loop->scheduler.base, loop->scheduler.stats, wall_clock))
    return MTASTS_NO_MEMORY;
  enum mtasts_status status = open_dns(loop, error);
  if (status == MTASTS_OK)
    status = open_ad_check(loop);
  if (status == MTASTS_OK)
    status = mtasts_fetcher_new(loop->scheduler.base, &fetcher, error, &net->fetcher);
  return status;
}

static bool open_events(struct mtasts_netloop *loop) {
  const struct timeval second = {.tv_sec = 1};
  struct event_base *base = loop->scheduler.base;
  loop->mail = event_new(base, loop->inbox->fd, EV_READ | EV_PERSIST, on_mail, loop);
  loop->second = event_new(base, -1, EV_PERSIST, on_second, loop);
  return loop->mail && loop->second && event_add(loop->mail, NULL) == 0 &&
         event_add(loop->second, &second) == 0;
}

static void on_admitted(void *context) {
  struct mtasts_netloop *loop = context;
  mtasts_tick_recall(&loop->tick);
  mtasts_scheduler_store_again(&loop->scheduler);
}

static bool open_admission(struct mtasts_netloop *loop) {
  loop->admission.store = loop->scheduler.store;
  loop->admission.stats = loop->scheduler.stats;
  loop->admission.admitted = on_admitted;
  loop->admission.context = loop;
  return mtasts_admission_open(&loop->admission, loop->scheduler.base,
                               loop->snapshot->config->cache.directory);
}

static enum mtasts_status open_loop(struct mtasts_netloop *loop, char error[MTASTS_ERROR_TEXT]) {
  loop->scheduler.base = event_base_new();
  snprintf(error, MTASTS_ERROR_TEXT, "the net loop cannot be started: out of memory");
  if (!loop->scheduler.base)
    return MTASTS_NO_MEMORY;
  enum mtasts_status status = open_net(loop, error);
  if (status != MTASTS_OK)
    return status;
  loop->went = mtasts_clock_coarse_ms();
  return open_admission(loop) && mtasts_scheduler_open(&loop->scheduler) &&
                 mtasts_tick_open(&loop->tick, &loop->scheduler, loop->usage) && open_events(loop)
             ? MTASTS_OK
             : MTASTS_NO_MEMORY;
}

enum mtasts_status mtasts_netloop_new(const struct mtasts_netloop_options *options,
                                      char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_netloop **netloop) {
  struct mtasts_netloop *made = calloc(1, sizeof *made);
  if (!made) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  made->inbox = options->inbox;
  made->usage = options->usage;
  made->scheduler.store = options->store;
  made->scheduler.usage = options->usage;
  made->scheduler.stats = options->stats;
  made->scheduler.to_front = options->to_front;
  struct mtasts_job first = {.snapshot = mtasts_snapshot_ref(options->snapshot)};
  configure(made, &first);
  begin_clock(made, options->written);
  enum mtasts_status status = open_loop(made, error);
  if (status == MTASTS_OK)
    *netloop = made;
  else
    mtasts_netloop_free(made);
  return status;
}

void mtasts_netloop_run(struct mtasts_netloop *loop) {
  /* On Linux, of this thread only. */
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICE);
  event_base_dispatch(loop->scheduler.base);
  loop->stopped = true;
  read_mail(loop);
  mtasts_scheduler_clear(&loop->scheduler);
}

void mtasts_netloop_free(struct mtasts_netloop *loop) {
  if (!loop)
    return;
  struct mtasts_scheduler *scheduler = &loop->scheduler;
  mtasts_admission_close(&loop->admission);
  mtasts_scheduler_close(scheduler);
  mtasts_tick_close(&loop->tick);
  mtasts_ad_check_free(loop->ad_check);
  mtasts_fetcher_free(scheduler->net.fetcher);
  mtasts_dns_watch_close(&loop->dns);
  mtasts_validator_free(scheduler->net.validator);
  mtasts_resolver_free(scheduler->net.resolver);
  if (loop->mail)
    event_free(loop->mail);
  if (loop->second)
    event_free(loop->second);
  if (scheduler->base)
    event_base_free(scheduler->base);
  mtasts_snapshot_unref(loop->snapshot);
  free(loop);
}
