#include "lookup_session.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "clock.h"
#include "daemon_access.h"
#include "daemon_client.h"
#include "dane.h"
#include "endpoint.h"
#include "entry_reply.h"
#include "lookup_session_cache.h"
#include "net_setup.h"
#include "out.h"
#include "resolver.h"
#include "span.h"

enum {
  BURST = 256,        /* cached answers in a row, before other events are handled */
  FLUSH_MS = 100,     /* at most, from an answer to its commit */
  REACHABLE_WAIT = 2, /* seconds for any DNS server to answer */
  /* Deadlines of mtastsd that a refresh may take: with a dead resolver, a look-up needs one for the
   * record and one for the policy host. */
  REFRESH_WAITS = 4,
};

struct running_lookup {
  LIST_ENTRY(running_lookup) link;
  struct mtasts_lookup_session *session;
  struct mtasts_lookup_item item;
  struct mtasts_lookup *lookup; /* NULL: mtastsd was asked */
  bool refreshing; /* mtastsd was asked to refresh; the request for the entry follows */
  bool late;       /* mtastsd has not refreshed in time */
  unsigned waits;  /* number of refresh requests */
  int64_t began;   /* time of the first refresh request */
};

struct mtasts_lookup_session {
  struct mtasts_lookup_session_options options;
  struct mtasts_lookup_session_cache cache;
  struct mtasts_daemon_client *client; /* NULL: mtastsd was never asked */
  bool alone; /* without mtastsd: the session uses the cache and the network itself */
  struct event_base *base;
  struct event *more;  /* triggers the next domains */
  struct event *flush; /* triggers a commit; NULL: nothing is stored */
  struct mtasts_net net;
  struct mtasts_net without_dane; /* for a domain whose override has dane = "off" */
  LIST_HEAD(running_lookups, running_lookup) running_lookups;
  unsigned in_flight;
  bool ended;      /* `next` has no more domains */
  bool halted;     /* by mtasts_lookup_session_stop, or because of `code` */
  int code;        /* the exit code of the error that ended the run */
  int unconnected; /* the exit code that explains why there is no network; 0: there is one, or it
                      was not tried */
  const char *trouble; /* the failure of mtastsd that ended the run */
  uint64_t asked, dns_failed;
};

static int64_t wall_clock(void) {
  return (int64_t)time(NULL);
}

/* Opening */

static void flush(evutil_socket_t fd, short what, void *context);
static void fill(evutil_socket_t fd, short what, void *context);
static bool open_network(struct mtasts_lookup_session *session);

static int no_memory(const char *what) {
  mtasts_print_error(what, "out of memory");
  return MTASTS_EXIT_MEMORY;
}

static int open_without_daemon(struct mtasts_lookup_session *session) {
  session->alone = true;
  int code = mtasts_lookup_session_cache_open(&session->cache, session->options.options,
                                              session->options.storing);
  if (code != MTASTS_EXIT_OK)
    return code;
  if (session->cache.access.store && !(session->flush = evtimer_new(session->base, flush, session)))
    return no_memory("event loop");
  return MTASTS_EXIT_OK;
}

static int open_daemon_client(struct mtasts_lookup_session *session) {
  session->client =
      mtasts_daemon_client_new(session->base, session->cache.access.config->ask.socket);
  if (session->options.jobs > MTASTS_DAEMON_CLIENT_MAX)
    session->options.jobs = MTASTS_DAEMON_CLIENT_MAX;
  return session->client ? MTASTS_EXIT_OK : no_memory("mtastsd");
}

/* --offline uses only the cache, and --explain shows the session's own steps. */
static bool served(const struct mtasts_lookup_session *session) {
  const struct mtasts_options *options = session->options.options;
  return !options->offline && !options->explain &&
         mtasts_daemon_access_serves(options, session->cache.access.config);
}

static int set_up(struct mtasts_lookup_session *session) {
  const struct mtasts_options *options = session->options.options;
  const char *fault =
      options->resolver ? mtasts_endpoint_dns_server_error(options->resolver) : NULL;
  if (fault) {
    mtasts_print_error(options->resolver, "--resolver takes an address, or ADDR@PORT; this %s",
                       fault);
    return MTASTS_EXIT_USAGE;
  }
  if (session->options.access) {
    session->cache.access = *session->options.access;
    *session->options.access = (struct mtasts_cache_access){.config = NULL};
  }
  int code = mtasts_cache_access_load(options, mtasts_lookup_session_cache_wanted(options),
                                      &session->cache.access);
  if (code != MTASTS_EXIT_OK)
    return code;
  session->net.now = wall_clock;
  session->net.settings = mtasts_config_settings(session->cache.access.config);
  session->base = event_base_new();
  if (session->base)
    session->more = event_new(session->base, -1, 0, fill, session);
  if (!session->more)
    return no_memory("event loop");
  code = served(session) ? open_daemon_client(session) : open_without_daemon(session);
  /* Named options must be valid, even if the cache answers. */
  if (code == MTASTS_EXIT_OK && !options->offline && (options->resolver || options->ca_file) &&
      !open_network(session))
    code = session->unconnected;
  return code;
}

int mtasts_lookup_session_open(const struct mtasts_lookup_session_options *options,
                               struct mtasts_lookup_session **session) {
  struct mtasts_lookup_session *made = calloc(1, sizeof *made);
  *session = NULL;
  if (!made)
    return no_memory("look-ups");
  made->options = *options;
  LIST_INIT(&made->running_lookups);
  int code = set_up(made);
  if (code != MTASTS_EXIT_OK) {
    mtasts_lookup_session_close(made, code);
    return code;
  }
  *session = made;
  return MTASTS_EXIT_OK;
}

struct event_base *mtasts_lookup_session_base(const struct mtasts_lookup_session *session) {
  return session->base;
}

/* The network, opened for the first domain that needs it */

static bool halt(struct mtasts_lookup_session *session, int code) {
  session->code = code;
  session->halted = true;
  return false;
}

/* False: there is no network. A batch then ends; else cached domains are still answered. */
static bool open_network(struct mtasts_lookup_session *session) {
  if (session->unconnected != MTASTS_EXIT_OK)
    return false;
  int code = mtasts_net_setup_open(&session->net, session->base, session->options.options,
                                   session->cache.access.config,
                                   mtasts_cache_access_ca_file(&session->cache.access));
  session->unconnected = code;
  if (code != MTASTS_EXIT_OK && session->options.daemon_only)
    halt(session, code);
  return code == MTASTS_EXIT_OK;
}

/* One domain */

static void trace(const struct mtasts_lookup_item *item, uint64_t since, const char *section,
                  const char *text) {
  if (item->trace)
    item->trace(item->token, mtasts_clock_us() - since, section, text);
}

static void trace_lookup(void *context, uint64_t took, const char *section, const char *text) {
  const struct running_lookup *running_lookup = context;
  running_lookup->item.trace(running_lookup->item.token, took, section, text);
}

static void store(struct mtasts_lookup_session *session, const struct mtasts_domain *domain,
                  const struct mtasts_entry *entry) {
  /* The first answer of a group waits this long for others; the store commits a full group itself.
   */
  const struct timeval wait = {.tv_usec = FLUSH_MS * 1000};
  if (mtasts_lookup_session_cache_put(&session->cache, domain, entry, wall_clock()))
    event_add(session->flush, &wait);
}

static const struct mtasts_override *override_of(const struct mtasts_lookup_session *session,
                                                 const struct mtasts_domain *domain, int64_t now) {
  return mtasts_config_override_at(session->cache.access.config, domain, now);
}

/* The resolver, validator and fetcher for a domain, once the network is open. */
static const struct mtasts_net *net_for(struct mtasts_lookup_session *session,
                                        const struct mtasts_domain *domain) {
  const struct mtasts_override *override = override_of(session, domain, wall_clock());
  if (!override || !override->dane_off)
    return &session->net;
  session->without_dane = session->net;
  session->without_dane.validator = NULL;
  session->without_dane.settings.dane = false;
  return &session->without_dane;
}

static void finish(struct running_lookup *running_lookup) {
  LIST_REMOVE(running_lookup, link);
  running_lookup->session->in_flight--;
  mtasts_lookup_free(running_lookup->lookup);
  free(running_lookup);
}

static void looked_up(void *context, const struct mtasts_discovery *discovery) {
  struct running_lookup *running_lookup = context;
  struct mtasts_lookup_session *session = running_lookup->session;
  struct mtasts_lookup_result result = {
      .entry = &discovery->entry,
      .freshness = discovery->freshness,
      .asked = true,
      .monitor = session->cache.access.config->site_mode == MTASTS_SITE_MONITOR,
      .now = wall_clock(),
  };
  result.override = override_of(session, &running_lookup->item.domain, result.now);
  session->asked++;
  session->dns_failed += discovery->entry.error == MTASTS_ERROR_DNS;
  if (discovery->changed)
    store(session, &running_lookup->item.domain, &discovery->entry);
  session->options.done(session->options.context, &running_lookup->item, &result);
  finish(running_lookup);
  fill(-1, 0, session);
}

static struct running_lookup *take_off(struct mtasts_lookup_session *session,
                                       const struct mtasts_lookup_item *item) {
  struct running_lookup *running_lookup = calloc(1, sizeof *running_lookup);
  if (!running_lookup) {
    halt(session, no_memory(item->domain.name));
    return NULL;
  }
  running_lookup->session = session;
  running_lookup->item = *item;
  running_lookup->refreshing = session->options.forced;
  running_lookup->began = wall_clock();
  LIST_INSERT_HEAD(&session->running_lookups, running_lookup, link);
  session->in_flight++;
  return running_lookup;
}

/* No look-up is possible: an unexpired policy still governs (RFC 8461 section 3.3). */
static void answer_unasked(struct mtasts_lookup_session *session,
                           const struct mtasts_lookup_item *item,
                           struct mtasts_lookup_result *result, struct mtasts_entry *stored) {
  if (result->entry) {
    stored->error = MTASTS_ERROR_DNS;
    stored->detail = MTASTS_SPAN("the network could not be opened: no look-up was made");
  }
  session->options.done(session->options.context, item, result);
}

static void start(struct mtasts_lookup_session *session, const struct mtasts_lookup_item *item,
                  const struct mtasts_entry *cached) {
  struct running_lookup *running_lookup = take_off(session, item);
  const struct mtasts_lookup_options options = {
      .net = net_for(session, &item->domain),
      .base = session->base,
      .domain = &item->domain,
      .cached = cached,
      .forced = session->options.forced,
      .done = looked_up,
      .trace = item->trace ? trace_lookup : NULL,
      .context = running_lookup,
  };
  if (running_lookup && mtasts_lookup_start(&options, &running_lookup->lookup) != MTASTS_OK) {
    finish(running_lookup);
    halt(session, no_memory(item->domain.name));
  }
}

/* Reads the cache; NULL if it has no entry. A damaged value counts as none. */
static const struct mtasts_entry *read_cache(struct mtasts_lookup_session *session,
                                             const struct mtasts_lookup_item *item,
                                             const struct mtasts_discover_settings *settings,
                                             struct mtasts_entry *entry) {
  uint64_t since = mtasts_clock_us();
  if (!session->cache.consulted)
    return NULL;
  enum mtasts_status status =
      mtasts_lookup_session_cache_get(&session->cache, &item->domain, entry);
  if (status == MTASTS_OK) {
    trace(item, since, "5.1", "cache: known");
    mtasts_discover_apply_settings(settings, entry);
    /* Between two calls the user may have repaired the resolver, so a failed record is looked up
     * again. */
    if (entry->record == MTASTS_RECORD_ERROR)
      entry->next_check = 0;
    return entry;
  }
  trace(item, since, "5.1",
        status == MTASTS_ABSENT ? "cache: not known" : "cache: the stored value cannot be read");
  return NULL;
}

/* Is the known entry enough, without a look-up? An override replaces the domain's policy, but never
 * DANE. */
static bool is_enough(const struct mtasts_lookup_session *session,
                      const struct mtasts_discover_settings *settings,
                      const struct mtasts_lookup_result *cached) {
  if (cached->override && !cached->override->no_policy &&
      (!settings->dane || (cached->entry && mtasts_dane_counts(cached->entry, cached->now))))
    return true;
  return cached->entry && !session->options.forced &&
         mtasts_discover_due(settings, cached->entry, cached->now) == 0;
}

static void begin_without_daemon(struct mtasts_lookup_session *session,
                                 const struct mtasts_lookup_item *item) {
  const struct mtasts_config *config = session->cache.access.config;
  struct mtasts_entry stored;
  struct mtasts_lookup_result result = {
      .freshness = MTASTS_CACHED,
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .now = wall_clock(),
  };
  result.override = override_of(session, &item->domain, result.now);
  if (result.override)
    trace(item, mtasts_clock_us(), "5", "override in mtasts.conf: in force");
  const struct mtasts_discover_settings settings =
      mtasts_settings_with(&session->net.settings, result.override);
  result.entry = read_cache(session, item, &settings, &stored);
  bool enough = session->options.options->offline || is_enough(session, &settings, &result);
  if (enough)
    session->options.done(session->options.context, item, &result);
  else if (open_network(session))
    start(session, item, result.entry);
  else if (!session->halted)
    answer_unasked(session, item, &result, &stored);
}

/* One domain, through mtastsd */

/* Goes on without mtastsd from this domain on, or ends the session if it is daemon-only. A
 * restarted mtastsd needs the cache for itself, so nothing that such a session learns could be
 * stored. */
static void stop_using_daemon(struct running_lookup *running_lookup, enum mtasts_status status) {
  struct mtasts_lookup_session *session = running_lookup->session;
  struct mtasts_lookup_item item = running_lookup->item;
  finish(running_lookup);
  if (session->halted)
    return;
  if (session->options.daemon_only) {
    session->trouble = mtasts_daemon_access_trouble(status);
    halt(session, MTASTS_EXIT_AWAY);
    return;
  }
  if (!session->alone) {
    mtasts_daemon_access_print_error(session->cache.access.config, status, "going on without it");
    int code = open_without_daemon(session);
    if (code != MTASTS_EXIT_OK)
      halt(session, code);
  }
  if (!session->halted)
    begin_without_daemon(session, &item);
}

/* How the entry was learnt, seen from its own times after a refresh. */
static enum mtasts_freshness freshness_since(const struct mtasts_entry *entry, int64_t began) {
  if (entry->has_policy && entry->fetched >= began)
    return MTASTS_FETCHED;
  return entry->checked >= began ? MTASTS_ASKED : MTASTS_CACHED;
}

/* mtastsd replaces the cached policy by an override. */
static void take_override(const struct mtasts_lookup_session *session,
                          const struct running_lookup *running_lookup,
                          struct mtasts_entry_reply *entry_reply, struct mtasts_override *override,
                          struct mtasts_lookup_result *result) {
  const struct mtasts_override *own =
      override_of(session, &running_lookup->item.domain, result->now);
  *override = (struct mtasts_override){.policy = entry_reply->entry.policy,
                                       .dane_off = entry_reply->dane_off,
                                       .no_policy = !entry_reply->overridden};
  /* No expiry is later than max_age allows; the configuration has the true end. */
  override->until = own                       ? own->until
                    : entry_reply->overridden ? entry_reply->entry.expires
                                              : INT64_MAX;
  if (entry_reply->overridden)
    entry_reply->entry.has_policy = false;
  result->override = override;
}

/* A refresh that is not done yet says nothing against the cached policy, which still governs (RFC
 * 8461 section 3.3). */
static void report_late(const struct running_lookup *running_lookup, struct mtasts_entry *entry) {
  if (entry->checked >= running_lookup->began || entry->error != MTASTS_ERROR_NONE)
    return; /* the refresh is done by now, or there is a reason already */
  entry->error = MTASTS_ERROR_DNS;
  entry->detail = MTASTS_SPAN("mtastsd could not refresh it in time, and goes on trying");
}

/* An unknown entry reply: mtastsd has no answer yet. */
static void pass_on(struct running_lookup *running_lookup, struct mtasts_entry_reply *entry_reply) {
  struct mtasts_lookup_session *session = running_lookup->session;
  struct mtasts_override override;
  struct mtasts_lookup_result result = {
      .freshness = entry_reply->freshness,
      .monitor = entry_reply->monitor,
      .now = wall_clock(),
  };
  if (entry_reply->has_entry)
    result.entry = &entry_reply->entry;
  if (running_lookup->late && entry_reply->has_entry && !entry_reply->overridden)
    report_late(running_lookup, &entry_reply->entry);
  if (entry_reply->overridden || entry_reply->dane_off)
    take_override(session, running_lookup, entry_reply, &override, &result);
  if (!entry_reply->overridden && entry_reply->has_entry && session->options.forced)
    result.freshness = freshness_since(&entry_reply->entry, running_lookup->began);
  result.asked =
      !entry_reply->has_entry || result.freshness != MTASTS_CACHED || running_lookup->late;
  session->asked += result.asked;
  session->dns_failed +=
      result.asked && entry_reply->has_entry && entry_reply->entry.error == MTASTS_ERROR_DNS;
  session->options.done(session->options.context, &running_lookup->item, &result);
  finish(running_lookup);
}

static enum mtasts_status ask(struct running_lookup *running_lookup);

/* Handles the reply to a refresh. If the refresh is not done yet, it waits again, and in the end
 * asks for the known entry. Returns the status of asking. */
static enum mtasts_status refreshed(struct running_lookup *running_lookup,
                                    struct mtasts_span reply) {
  bool ok = mtasts_daemon_access_says(&reply, "OK");
  if (!ok && !mtasts_daemon_access_says(&reply, "TEMP"))
    return MTASTS_CORRUPT;
  running_lookup->late = !ok;
  running_lookup->refreshing = !ok && ++running_lookup->waits < REFRESH_WAITS;
  return ask(running_lookup);
}

static void answered(void *context, enum mtasts_status status, struct mtasts_span reply) {
  struct running_lookup *running_lookup = context;
  struct mtasts_lookup_session *session = running_lookup->session;
  struct mtasts_entry_reply entry_reply = {.has_entry = false};
  if (status == MTASTS_OK && running_lookup->refreshing) {
    if ((status = refreshed(running_lookup, reply)) == MTASTS_OK)
      return;
  } else if (status == MTASTS_OK) {
    status = mtasts_entry_reply_read(reply, &entry_reply);
  }
  if (status == MTASTS_OK)
    pass_on(running_lookup, &entry_reply);
  else
    stop_using_daemon(running_lookup, status);
  fill(-1, 0, session);
}

static enum mtasts_status ask(struct running_lookup *running_lookup) {
  const struct mtasts_lookup_session *session = running_lookup->session;
  const struct mtasts_domain *domain = &running_lookup->item.domain;
  return mtasts_daemon_client_ask(session->client, running_lookup->refreshing ? "refresh" : "entry",
                                  (struct mtasts_span){domain->name, domain->len},
                                  mtasts_daemon_access_timeout(session->cache.access.config),
                                  answered, running_lookup);
}

static void begin_asking(struct mtasts_lookup_session *session,
                         const struct mtasts_lookup_item *item) {
  struct running_lookup *running_lookup = take_off(session, item);
  if (!running_lookup)
    return;
  enum mtasts_status status = ask(running_lookup);
  if (status != MTASTS_OK)
    stop_using_daemon(running_lookup, status);
}

/* The loop */

static void flush(evutil_socket_t fd, short what, void *context) {
  struct mtasts_lookup_session *session = context;
  (void)fd;
  (void)what;
  mtasts_lookup_session_cache_flush(&session->cache);
}

static void fill(evutil_socket_t fd, short what, void *context) {
  struct mtasts_lookup_session *session = context;
  (void)fd;
  (void)what;
  for (int i = 0; !session->halted && !session->ended && session->in_flight < session->options.jobs;
       i++) {
    if (i == BURST) {
      mtasts_lookup_session_wake(session);
      return;
    }
    struct mtasts_lookup_item item = {0};
    enum mtasts_supply supply = session->options.next(session->options.context, &item);
    if (supply == MTASTS_SUPPLY_LATER)
      return;
    if (supply == MTASTS_SUPPLY_END)
      session->ended = true;
    else if (session->alone)
      begin_without_daemon(session, &item);
    else
      begin_asking(session, &item);
  }
}

void mtasts_lookup_session_wake(struct mtasts_lookup_session *session) {
  event_active(session->more, 0, 0);
}

void mtasts_lookup_session_stop(struct mtasts_lookup_session *session) {
  session->halted = true;
}

/* Distinguishes a broken resolver from a broken domain. */
static int check_resolver(struct mtasts_lookup_session *session) {
  if (session->unconnected != MTASTS_EXIT_OK)
    return session->unconnected;
  if (session->asked == 0 || session->dns_failed < session->asked)
    return MTASTS_EXIT_OK;
  if (!open_network(session))
    return session->unconnected;
  if (mtasts_resolver_reachable(session->net.resolver, REACHABLE_WAIT))
    return MTASTS_EXIT_OK;
  const struct mtasts_strings *servers = &session->cache.access.config->dns.servers;
  const char *named = session->options.options->resolver;
  if (!named && servers->count > 0)
    named = servers->items[0];
  mtasts_print_error("resolver", "%s: no answer; check --resolver or /etc/resolv.conf",
                     named ? named : "those of /etc/resolv.conf");
  return MTASTS_EXIT_AWAY;
}

int mtasts_lookup_session_run(struct mtasts_lookup_session *session) {
  fill(-1, 0, session);
  while (!session->halted && (!session->ended || session->in_flight > 0))
    if (event_base_loop(session->base, EVLOOP_ONCE) != 0) {
      mtasts_print_error("event loop", "nothing to wait for");
      return MTASTS_EXIT_IO;
    }
  if (session->halted)
    return session->code;
  return check_resolver(session);
}

const char *mtasts_lookup_session_trouble(const struct mtasts_lookup_session *session) {
  return session->trouble;
}

int mtasts_lookup_session_unstored(const struct mtasts_lookup_session *session) {
  return session->cache.unstored;
}

enum mtasts_storing mtasts_lookup_session_storing(const struct mtasts_lookup_session *session) {
  if (session->cache.put != MTASTS_OK)
    return MTASTS_STORING_FAILED;
  return session->alone && !session->cache.access.store ? MTASTS_STORING_NOWHERE : MTASTS_STORING;
}

int mtasts_lookup_session_close(struct mtasts_lookup_session *session, int code) {
  for (struct running_lookup *next, *running_lookup = LIST_FIRST(&session->running_lookups);
       running_lookup; running_lookup = next) {
    next = LIST_NEXT(running_lookup, link);
    mtasts_lookup_free(running_lookup->lookup);
    free(running_lookup);
  }
  mtasts_daemon_client_free(session->client);
  mtasts_net_setup_close(&session->net);
  if (session->flush)
    event_free(session->flush);
  if (session->more)
    event_free(session->more);
  if (session->base)
    event_base_free(session->base);
  code = mtasts_lookup_session_cache_close(&session->cache, code);
  free(session);
  return code;
}
