#include "session.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "asker.h"
#include "clock.h"
#include "daemon.h"
#include "dane.h"
#include "endpoint.h"
#include "network.h"
#include "out.h"
#include "resolver.h"
#include "ruling.h"
#include "session_cache.h"
#include "span.h"

enum {
  BURST = 256,        /* cached answers in a row, before the loop sees to other things */
  FLUSH_MS = 100,     /* at most, from an answer to its commit */
  REACHABLE_WAIT = 2, /* seconds for any DNS server to show that it is there */
  /* Deadlines of mtastsd that a refresh may take: a dead resolver costs a look-up of the record and
   * one of the policy host. */
  REFRESH_WAITS = 4,
};

struct flight {
  LIST_ENTRY(flight) link;
  struct mtasts_session *session;
  struct mtasts_question question;
  struct mtasts_lookup *lookup; /* NULL: mtastsd was asked */
  bool refreshing;              /* mtastsd was asked to refresh; the question proper is next */
  bool late;                    /* it has not done so in time */
  unsigned waits;               /* how often it was asked to */
  int64_t began;                /* that */
};

struct mtasts_session {
  struct mtasts_session_options options;
  struct mtasts_session_cache cache;
  struct mtasts_asker *asker; /* NULL: mtastsd was never asked */
  bool alone;                 /* without mtastsd: the cache is ours, and the network */
  struct event_base *base;
  struct event *more;  /* go on with the next questions */
  struct event *flush; /* NULL: nothing is stored */
  struct mtasts_net net;
  struct mtasts_net without_dane; /* for a domain whose override says dane = "off" */
  LIST_HEAD(flights, flight) flights;
  unsigned in_flight;
  bool ended;          /* there is no next question */
  bool halted;         /* by mtasts_session_stop, or for `code` */
  int code;            /* why it could not go on */
  int unconnected;     /* an exit code: why there is no network; 0: there is, or it was not tried */
  const char *trouble; /* with mtastsd, which ended it */
  uint64_t asked, dns_failed;
};

static int64_t wall_clock(void) {
  return (int64_t)time(NULL);
}

/* opening */

static void flush(evutil_socket_t fd, short what, void *context);
static void fill(evutil_socket_t fd, short what, void *context);
static bool open_network(struct mtasts_session *session);

static int no_memory(const char *what) {
  mtasts_complain(what, "out of memory");
  return MTASTS_EXIT_MEMORY;
}

static int open_alone(struct mtasts_session *session) {
  session->alone = true;
  int code = mtasts_session_cache_open(&session->cache, session->options.options,
                                       session->options.storing);
  if (code != MTASTS_EXIT_OK)
    return code;
  if (session->cache.place.store && !(session->flush = evtimer_new(session->base, flush, session)))
    return no_memory("event loop");
  return MTASTS_EXIT_OK;
}

static int open_asker(struct mtasts_session *session) {
  session->asker = mtasts_asker_new(session->base, session->cache.place.config->ask.socket);
  if (session->options.jobs > MTASTS_ASKER_MAX)
    session->options.jobs = MTASTS_ASKER_MAX;
  return session->asker ? MTASTS_EXIT_OK : no_memory("mtastsd");
}

/* --offline is of the cache alone, and --explain shows steps of our own. */
static bool served(const struct mtasts_session *session) {
  const struct mtasts_options *options = session->options.options;
  return !options->offline && !options->explain &&
         mtasts_daemon_serves(options, session->cache.place.config);
}

static int set_up(struct mtasts_session *session) {
  const struct mtasts_options *options = session->options.options;
  const char *fault = options->resolver ? mtasts_server_fault(options->resolver) : NULL;
  if (fault) {
    mtasts_complain(options->resolver, "--resolver takes an address, or ADDR@PORT; this %s", fault);
    return MTASTS_EXIT_USAGE;
  }
  if (session->options.place) {
    session->cache.place = *session->options.place;
    *session->options.place = (struct mtasts_place){.config = NULL};
  }
  int code =
      mtasts_place_load(options, mtasts_session_cache_wanted(options), &session->cache.place);
  if (code != MTASTS_EXIT_OK)
    return code;
  session->net.now = wall_clock;
  session->net.settings = mtasts_config_settings(session->cache.place.config);
  session->base = event_base_new();
  if (session->base)
    session->more = event_new(session->base, -1, 0, fill, session);
  if (!session->more)
    return no_memory("event loop");
  code = served(session) ? open_asker(session) : open_alone(session);
  /* What was named must be good, even where the cache will answer. */
  if (code == MTASTS_EXIT_OK && !options->offline && (options->resolver || options->ca_file) &&
      !open_network(session))
    code = session->unconnected;
  return code;
}

int mtasts_session_open(const struct mtasts_session_options *options,
                        struct mtasts_session **session) {
  struct mtasts_session *made = calloc(1, sizeof *made);
  *session = NULL;
  if (!made)
    return no_memory("look-ups");
  made->options = *options;
  LIST_INIT(&made->flights);
  int code = set_up(made);
  if (code != MTASTS_EXIT_OK) {
    mtasts_session_close(made, code);
    return code;
  }
  *session = made;
  return MTASTS_EXIT_OK;
}

struct event_base *mtasts_session_base(const struct mtasts_session *session) {
  return session->base;
}

/* the network, opened for the first question that needs it */

static bool halt(struct mtasts_session *session, int code) {
  session->code = code;
  session->halted = true;
  return false;
}

/* False: there is none. A batch ends then; else what is cached still answers. */
static bool open_network(struct mtasts_session *session) {
  if (session->unconnected != MTASTS_EXIT_OK)
    return false;
  int code =
      mtasts_network_open(&session->net, session->base, session->options.options,
                          session->cache.place.config, mtasts_place_ca_file(&session->cache.place));
  session->unconnected = code;
  if (code != MTASTS_EXIT_OK && session->options.loyal)
    halt(session, code);
  return code == MTASTS_EXIT_OK;
}

/* one domain */

static void trace(const struct mtasts_question *question, uint64_t since, const char *section,
                  const char *text) {
  if (question->trace)
    question->trace(question->token, mtasts_clock_us() - since, section, text);
}

static void trace_lookup(void *context, uint64_t took, const char *section, const char *text) {
  const struct flight *flight = context;
  flight->question.trace(flight->question.token, took, section, text);
}

static void store(struct mtasts_session *session, const struct mtasts_domain *domain,
                  const struct mtasts_entry *entry) {
  /* The first of a group waits this long for others; a full group is committed by the store. */
  const struct timeval wait = {.tv_usec = FLUSH_MS * 1000};
  if (mtasts_session_cache_put(&session->cache, domain, entry, wall_clock()))
    event_add(session->flush, &wait);
}

static const struct mtasts_override *override_of(const struct mtasts_session *session,
                                                 const struct mtasts_domain *domain, int64_t now) {
  return mtasts_config_override_at(session->cache.place.config, domain, now);
}

/* With what a domain is looked up, once the network is open. */
static const struct mtasts_net *net_for(struct mtasts_session *session,
                                        const struct mtasts_domain *domain) {
  const struct mtasts_override *override = override_of(session, domain, wall_clock());
  if (!override || !override->dane_off)
    return &session->net;
  session->without_dane = session->net;
  session->without_dane.validator = NULL;
  session->without_dane.settings.dane = false;
  return &session->without_dane;
}

static void land(struct flight *flight) {
  LIST_REMOVE(flight, link);
  flight->session->in_flight--;
  mtasts_lookup_free(flight->lookup);
  free(flight);
}

static void looked_up(void *context, const struct mtasts_discovery *discovery) {
  struct flight *flight = context;
  struct mtasts_session *session = flight->session;
  struct mtasts_result result = {
      .entry = &discovery->entry,
      .freshness = discovery->freshness,
      .asked = true,
      .monitor = session->cache.place.config->site_mode == MTASTS_SITE_MONITOR,
      .now = wall_clock(),
  };
  result.override = override_of(session, &flight->question.domain, result.now);
  session->asked++;
  session->dns_failed += discovery->entry.error == MTASTS_ERROR_DNS;
  if (discovery->changed)
    store(session, &flight->question.domain, &discovery->entry);
  session->options.done(session->options.context, &flight->question, &result);
  land(flight);
  fill(-1, 0, session);
}

static struct flight *take_off(struct mtasts_session *session,
                               const struct mtasts_question *question) {
  struct flight *flight = calloc(1, sizeof *flight);
  if (!flight) {
    halt(session, no_memory(question->domain.name));
    return NULL;
  }
  flight->session = session;
  flight->question = *question;
  flight->refreshing = session->options.forced;
  flight->began = wall_clock();
  LIST_INSERT_HEAD(&session->flights, flight, link);
  session->in_flight++;
  return flight;
}

/* Nobody can be asked: an unexpired policy governs all the same (RFC 8461 section 3.3). */
static void answer_unasked(struct mtasts_session *session, const struct mtasts_question *question,
                           struct mtasts_result *result, struct mtasts_entry *stored) {
  if (result->entry) {
    stored->error = MTASTS_ERROR_DNS;
    stored->detail = MTASTS_SPAN("the network could not be opened: nobody was asked");
  }
  session->options.done(session->options.context, question, result);
}

static void start(struct mtasts_session *session, const struct mtasts_question *question,
                  const struct mtasts_entry *known) {
  struct flight *flight = take_off(session, question);
  const struct mtasts_lookup_options options = {
      .net = net_for(session, &question->domain),
      .base = session->base,
      .domain = &question->domain,
      .known = known,
      .forced = session->options.forced,
      .done = looked_up,
      .trace = question->trace ? trace_lookup : NULL,
      .context = flight,
  };
  if (flight && mtasts_lookup_start(&options, &flight->lookup) != MTASTS_OK) {
    land(flight);
    halt(session, no_memory(question->domain.name));
  }
}

/* What the cache knows; NULL where that is nothing. A damaged value is as good as none. */
static const struct mtasts_entry *read_cache(struct mtasts_session *session,
                                             const struct mtasts_question *question,
                                             const struct mtasts_discover_settings *settings,
                                             struct mtasts_entry *entry) {
  uint64_t since = mtasts_clock_us();
  if (!session->cache.consulted)
    return NULL;
  enum mtasts_status status = mtasts_session_cache_get(&session->cache, &question->domain, entry);
  if (status == MTASTS_OK) {
    trace(question, since, "5.1", "cache: known");
    mtasts_discover_heed(settings, entry);
    /* Whoever asks again has perhaps mended the resolver meanwhile. */
    if (entry->record == MTASTS_RECORD_ERROR)
      entry->next_check = 0;
    return entry;
  }
  trace(question, since, "5.1",
        status == MTASTS_ABSENT ? "cache: not known" : "cache: the stored value cannot be read");
  return NULL;
}

/* Is what is known enough to ask no further? An override's policy beats that of the domain,
 * never DANE. */
static bool is_enough(const struct mtasts_session *session,
                      const struct mtasts_discover_settings *settings,
                      const struct mtasts_result *known) {
  if (known->override && !known->override->no_policy &&
      (!settings->dane || (known->entry && mtasts_dane_counts(known->entry, known->now))))
    return true;
  return known->entry && !session->options.forced &&
         mtasts_discover_due(settings, known->entry, known->now) == 0;
}

static void begin_alone(struct mtasts_session *session, const struct mtasts_question *question) {
  const struct mtasts_config *config = session->cache.place.config;
  struct mtasts_entry stored;
  struct mtasts_result result = {
      .freshness = MTASTS_CACHED,
      .monitor = config->site_mode == MTASTS_SITE_MONITOR,
      .now = wall_clock(),
  };
  result.override = override_of(session, &question->domain, result.now);
  if (result.override)
    trace(question, mtasts_clock_us(), "5", "override in mtasts.conf: in force");
  const struct mtasts_discover_settings settings =
      mtasts_settings_with(&session->net.settings, result.override);
  result.entry = read_cache(session, question, &settings, &stored);
  bool enough = session->options.options->offline || is_enough(session, &settings, &result);
  if (enough)
    session->options.done(session->options.context, question, &result);
  else if (open_network(session))
    start(session, question, result.entry);
  else if (!session->halted)
    answer_unasked(session, question, &result, &stored);
}

/* one domain, through mtastsd */

/* Goes on without mtastsd, from this domain on; or, loyal, does not: one that comes back needs the
 * cache to itself, and while it has it nothing that we learn could be stored. */
static void give_up_asking(struct flight *flight, enum mtasts_status status) {
  struct mtasts_session *session = flight->session;
  struct mtasts_question question = flight->question;
  land(flight);
  if (session->halted)
    return;
  if (session->options.loyal) {
    session->trouble = mtasts_daemon_trouble(status);
    halt(session, MTASTS_EXIT_AWAY);
    return;
  }
  if (!session->alone) {
    mtasts_daemon_complain(session->cache.place.config, status, "going on without it");
    int code = open_alone(session);
    if (code != MTASTS_EXIT_OK)
      halt(session, code);
  }
  if (!session->halted)
    begin_alone(session, &question);
}

/* How the entry came to be, once it was refreshed: its own times tell. */
static enum mtasts_freshness freshness_since(const struct mtasts_entry *entry, int64_t began) {
  if (entry->has_policy && entry->fetched >= began)
    return MTASTS_FETCHED;
  return entry->checked >= began ? MTASTS_ASKED : MTASTS_CACHED;
}

/* mtastsd puts an override in the place of the cached policy. */
static void take_override(const struct mtasts_session *session, const struct flight *flight,
                          struct mtasts_ruling *ruling, struct mtasts_override *override,
                          struct mtasts_result *result) {
  const struct mtasts_override *own = override_of(session, &flight->question.domain, result->now);
  *override = (struct mtasts_override){.policy = ruling->entry.policy,
                                       .dane_off = ruling->dane_off,
                                       .no_policy = !ruling->overridden};
  /* No expiry is further away than max_age allows; the configuration has the true end. */
  override->until = own ? own->until : ruling->overridden ? ruling->entry.expires : INT64_MAX;
  if (ruling->overridden)
    ruling->entry.has_policy = false;
  result->override = override;
}

/* A refresh that is not done yet is no word against the cached policy, which governs (RFC 8461
 * section 3.3). */
static void tell_late(const struct flight *flight, struct mtasts_entry *entry) {
  if (entry->checked >= flight->began || entry->error != MTASTS_ERROR_NONE)
    return; /* it was done meanwhile, or there is a reason already */
  entry->error = MTASTS_ERROR_DNS;
  entry->detail = MTASTS_SPAN("mtastsd could not refresh it in time, and goes on trying");
}

/* An unknown ruling: mtastsd has no answer yet. */
static void pass_on(struct flight *flight, struct mtasts_ruling *ruling) {
  struct mtasts_session *session = flight->session;
  struct mtasts_override override;
  struct mtasts_result result = {
      .freshness = ruling->freshness,
      .monitor = ruling->monitor,
      .now = wall_clock(),
  };
  if (ruling->known)
    result.entry = &ruling->entry;
  if (flight->late && ruling->known && !ruling->overridden)
    tell_late(flight, &ruling->entry);
  if (ruling->overridden || ruling->dane_off)
    take_override(session, flight, ruling, &override, &result);
  if (!ruling->overridden && ruling->known && session->options.forced)
    result.freshness = freshness_since(&ruling->entry, flight->began);
  result.asked = !ruling->known || result.freshness != MTASTS_CACHED || flight->late;
  session->asked += result.asked;
  session->dns_failed += result.asked && ruling->known && ruling->entry.error == MTASTS_ERROR_DNS;
  session->options.done(session->options.context, &flight->question, &result);
  land(flight);
}

static enum mtasts_status ask(struct flight *flight);

/* The reply to the refresh. Not done yet: waits on for what is under way, and in the end asks for
 * what is known. Returns what asking came to. */
static enum mtasts_status refreshed(struct flight *flight, struct mtasts_span reply) {
  bool ok = mtasts_daemon_says(&reply, "OK");
  if (!ok && !mtasts_daemon_says(&reply, "TEMP"))
    return MTASTS_CORRUPT;
  flight->late = !ok;
  flight->refreshing = !ok && ++flight->waits < REFRESH_WAITS;
  return ask(flight);
}

static void answered(void *context, enum mtasts_status status, struct mtasts_span reply) {
  struct flight *flight = context;
  struct mtasts_session *session = flight->session;
  struct mtasts_ruling ruling = {.known = false};
  if (status == MTASTS_OK && flight->refreshing) {
    if ((status = refreshed(flight, reply)) == MTASTS_OK)
      return;
  } else if (status == MTASTS_OK) {
    status = mtasts_ruling_read(reply, &ruling);
  }
  if (status == MTASTS_OK)
    pass_on(flight, &ruling);
  else
    give_up_asking(flight, status);
  fill(-1, 0, session);
}

static enum mtasts_status ask(struct flight *flight) {
  const struct mtasts_session *session = flight->session;
  const struct mtasts_domain *domain = &flight->question.domain;
  return mtasts_asker_ask(session->asker, flight->refreshing ? "refresh" : "entry",
                          (struct mtasts_span){domain->name, domain->len},
                          mtasts_daemon_patience(session->cache.place.config), answered, flight);
}

static void begin_asking(struct mtasts_session *session, const struct mtasts_question *question) {
  struct flight *flight = take_off(session, question);
  if (!flight)
    return;
  enum mtasts_status status = ask(flight);
  if (status != MTASTS_OK)
    give_up_asking(flight, status);
}

/* the loop */

static void flush(evutil_socket_t fd, short what, void *context) {
  struct mtasts_session *session = context;
  (void)fd;
  (void)what;
  mtasts_session_cache_flush(&session->cache);
}

static void fill(evutil_socket_t fd, short what, void *context) {
  struct mtasts_session *session = context;
  (void)fd;
  (void)what;
  for (int i = 0; !session->halted && !session->ended && session->in_flight < session->options.jobs;
       i++) {
    if (i == BURST) {
      mtasts_session_wake(session);
      return;
    }
    struct mtasts_question question = {0};
    enum mtasts_supply supply = session->options.next(session->options.context, &question);
    if (supply == MTASTS_SUPPLY_LATER)
      return;
    if (supply == MTASTS_SUPPLY_END)
      session->ended = true;
    else if (session->alone)
      begin_alone(session, &question);
    else
      begin_asking(session, &question);
  }
}

void mtasts_session_wake(struct mtasts_session *session) {
  event_active(session->more, 0, 0);
}

void mtasts_session_stop(struct mtasts_session *session) {
  session->halted = true;
}

/* Tells a broken resolver from a broken domain. */
static int check_resolver(struct mtasts_session *session) {
  if (session->unconnected != MTASTS_EXIT_OK)
    return session->unconnected;
  if (session->asked == 0 || session->dns_failed < session->asked)
    return MTASTS_EXIT_OK;
  if (!open_network(session))
    return session->unconnected;
  if (mtasts_resolver_reachable(session->net.resolver, REACHABLE_WAIT))
    return MTASTS_EXIT_OK;
  const struct mtasts_strings *servers = &session->cache.place.config->dns.servers;
  const char *named = session->options.options->resolver;
  if (!named && servers->count > 0)
    named = servers->items[0];
  mtasts_complain("resolver", "%s: no answer; check --resolver or /etc/resolv.conf",
                  named ? named : "those of /etc/resolv.conf");
  return MTASTS_EXIT_AWAY;
}

int mtasts_session_run(struct mtasts_session *session) {
  fill(-1, 0, session);
  while (!session->halted && (!session->ended || session->in_flight > 0))
    if (event_base_loop(session->base, EVLOOP_ONCE) != 0) {
      mtasts_complain("event loop", "nothing to wait for");
      return MTASTS_EXIT_IO;
    }
  if (session->halted)
    return session->code;
  return check_resolver(session);
}

const char *mtasts_session_trouble(const struct mtasts_session *session) {
  return session->trouble;
}

int mtasts_session_unstored(const struct mtasts_session *session) {
  return session->cache.unstored;
}

enum mtasts_storing mtasts_session_storing(const struct mtasts_session *session) {
  if (session->cache.put != MTASTS_OK)
    return MTASTS_STORING_FAILED;
  return session->alone && !session->cache.place.store ? MTASTS_STORING_NOWHERE : MTASTS_STORING;
}

int mtasts_session_close(struct mtasts_session *session, int code) {
  for (struct flight *next, *flight = LIST_FIRST(&session->flights); flight; flight = next) {
    next = LIST_NEXT(flight, link);
    mtasts_lookup_free(flight->lookup);
    free(flight);
  }
  mtasts_asker_free(session->asker);
  mtasts_network_close(&session->net);
  if (session->flush)
    event_free(session->flush);
  if (session->more)
    event_free(session->more);
  if (session->base)
    event_base_free(session->base);
  code = mtasts_session_cache_close(&session->cache, code);
  free(session);
  return code;
}
