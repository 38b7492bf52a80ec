#include "session.h"

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "endpoint.h"
#include "fetch.h"
#include "out.h"
#include "place.h"
#include "resolver.h"

enum {
  BURST = 256,        /* cached answers in a row, before the loop sees to other things */
  FLUSH_MS = 100,     /* at most, from an answer to its commit */
  REACHABLE_WAIT = 2, /* seconds for any DNS server to show that it is there */
};

struct flight {
  LIST_ENTRY(flight) link;
  struct mtasts_session *session;
  struct mtasts_question question;
  struct mtasts_lookup *lookup;
};

struct mtasts_session {
  struct mtasts_session_options options;
  struct mtasts_place place;
  struct mtasts_reader *reader; /* NULL: no cache */
  struct event_base *base;
  struct event *more;  /* go on with the next questions */
  struct event *flush; /* NULL: nothing is stored */
  struct mtasts_net net;
  LIST_HEAD(flights, flight) flights;
  unsigned in_flight;
  bool ended;             /* there is no next question */
  bool halted;            /* by mtasts_session_stop, or for `code` */
  int code;               /* why it could not go on */
  enum mtasts_status put; /* what storing came to, the first time that it failed */
  uint64_t asked, dns_failed;
};

static int64_t wall_clock(void) {
  return (int64_t)time(NULL);
}

static uint64_t microseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* opening */

__attribute__((format(printf, 2, 3))) static void note(const struct mtasts_session *session,
                                                       const char *format, ...) {
  char sentence[512];
  va_list arguments;
  if (!session->options.options->verbose)
    return;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  mtasts_complain(session->place.directory, "%s", sentence);
}

/* A cache that somebody named must work. The default one is used where it may be: an ordinary
 * user's `mtasts query` needs no set-up. */
static int go_without(const struct mtasts_session *session, enum mtasts_status status) {
  if (session->place.named)
    return mtasts_place_complain(&session->place, status);
  note(session, "no cache is used (%s)", mtasts_status_name(status));
  return MTASTS_EXIT_OK;
}

static int open_to_read(struct mtasts_session *session) {
  enum mtasts_status status = mtasts_place_read(&session->place);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  if (status != MTASTS_CORRUPT && status != MTASTS_NO_FILE)
    return go_without(session, status);
  if (session->place.named || status == MTASTS_CORRUPT)
    mtasts_place_complain(&session->place, status);
  return MTASTS_EXIT_OK; /* as if nothing were known */
}

static int open_cache(struct mtasts_session *session) {
  const struct mtasts_options *options = session->options.options;
  if (options->offline)
    return open_to_read(session);
  /* Answers of another resolver or other trust are no business of the common cache. */
  if ((options->resolver || options->ca_file) && !session->place.named)
    return MTASTS_EXIT_OK;
  enum mtasts_status status = mtasts_place_write(&session->place);
  if (status == MTASTS_OK)
    return MTASTS_EXIT_OK;
  if (status == MTASTS_CORRUPT)
    return mtasts_place_complain(&session->place, status), MTASTS_EXIT_OK;
  if (mtasts_place_read(&session->place) != MTASTS_OK)
    return go_without(session, status);
  note(session, "answers are not stored: %s",
       status == MTASTS_LOCKED ? "another process is writing this cache" : "no permission");
  return MTASTS_EXIT_OK;
}

static void flush(evutil_socket_t fd, short what, void *context);
static void fill(evutil_socket_t fd, short what, void *context);
static bool open_network(struct mtasts_session *session);

static bool make_loop(struct mtasts_session *session) {
  session->base = event_base_new();
  if (!session->base)
    return false;
  session->more = event_new(session->base, -1, 0, fill, session);
  if (!session->place.store)
    return session->more != NULL;
  session->flush = evtimer_new(session->base, flush, session);
  return session->more && session->flush;
}

static int set_up(struct mtasts_session *session) {
  const struct mtasts_options *options = session->options.options;
  if (options->resolver && !mtasts_server_valid(options->resolver)) {
    mtasts_complain(options->resolver, "--resolver takes an address, or ADDR@PORT");
    return MTASTS_EXIT_USAGE;
  }
  int code = mtasts_place_load(options, &session->place);
  if (code == MTASTS_EXIT_OK)
    code = open_cache(session);
  if (code != MTASTS_EXIT_OK)
    return code;
  if (session->place.cache &&
      mtasts_reader_new(session->place.cache, &session->reader) != MTASTS_OK)
    note(session, "the cache cannot be read");
  const struct mtasts_config *config = session->place.config;
  session->net.now = wall_clock;
  session->net.settings = (struct mtasts_discover_settings){
      .refresh_interval = config->refresh.interval,
      .retry_min = config->refresh.retry_min,
      .retry_max = config->refresh.retry_max,
  };
  if (!make_loop(session)) {
    mtasts_complain("event loop", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  /* What was named must be good, even where the cache will answer. */
  if (!options->offline && (options->resolver || options->ca_file))
    open_network(session);
  return session->code;
}

int mtasts_session_open(const struct mtasts_session_options *options,
                        struct mtasts_session **session) {
  struct mtasts_session *made = calloc(1, sizeof *made);
  *session = NULL;
  if (!made) {
    mtasts_complain("look-ups", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
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

static bool open_resolver(struct mtasts_session *session) {
  const struct mtasts_config *config = session->place.config;
  const char *named = session->options.options->resolver;
  struct mtasts_resolver_options options = {
      .servers = named ? &named : config->dns.servers.items,
      .server_count = named ? 1 : config->dns.servers.count,
      .timeout = config->dns.timeout,
  };
  char error[256];
  if (mtasts_resolver_new(session->base, &options, error, &session->net.resolver) == MTASTS_OK)
    return true;
  mtasts_complain("resolver", "%s; name one with --resolver", error);
  return halt(session, MTASTS_EXIT_AWAY);
}

static bool open_fetcher(struct mtasts_session *session) {
  const struct mtasts_config *config = session->place.config;
  const char *named = session->options.options->ca_file;
  struct mtasts_fetcher_options options = {
      .ca_file = named                    ? named
                 : *config->https.ca_file ? config->https.ca_file
                                          : NULL,
      .timeout = config->https.timeout,
      .allow_private = config->https.allow_private,
      .proxy = *config->https.proxy ? config->https.proxy : NULL,
  };
  char error[256];
  enum mtasts_status status =
      mtasts_fetcher_new(session->base, &options, error, &session->net.fetcher);
  if (status == MTASTS_OK)
    return true;
  mtasts_complain("HTTPS", "%s; name a PEM file of certificates with --ca-file", error);
  return halt(session, status == MTASTS_NO_FILE      ? MTASTS_EXIT_NOFILE
                       : status == MTASTS_PERMISSION ? MTASTS_EXIT_DENIED
                       : status == MTASTS_INVALID    ? MTASTS_EXIT_DATA
                                                     : MTASTS_EXIT_IO);
}

static bool open_network(struct mtasts_session *session) {
  if (session->net.fetcher)
    return true;
  return open_resolver(session) && open_fetcher(session);
}

/* one domain */

static void trace(const struct mtasts_question *question, uint64_t since, const char *section,
                  const char *text) {
  if (question->trace)
    question->trace(question->token, microseconds() - since, section, text);
}

static void trace_lookup(void *context, uint64_t took, const char *section, const char *text) {
  const struct flight *flight = context;
  flight->question.trace(flight->question.token, took, section, text);
}

static void store(struct mtasts_session *session, const struct mtasts_domain *domain,
                  const struct mtasts_entry *entry) {
  if (!session->place.store || session->put != MTASTS_OK)
    return;
  session->put = mtasts_store_put(session->place.store, domain, entry, wall_clock());
  /* The first of a group waits this long for others; a full group is committed by the store. */
  struct timeval wait = {.tv_usec = FLUSH_MS * 1000};
  if (mtasts_store_pending(session->place.store) == 1)
    event_add(session->flush, &wait);
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
      .now = wall_clock(),
  };
  session->asked++;
  session->dns_failed += discovery->entry.error == MTASTS_ERROR_DNS;
  if (discovery->changed)
    store(session, &flight->question.domain, &discovery->entry);
  session->options.done(session->options.context, &flight->question, &result);
  land(flight);
  fill(-1, 0, session);
}

static void start(struct mtasts_session *session, const struct mtasts_question *question,
                  const struct mtasts_entry *known) {
  if (!open_network(session))
    return;
  struct flight *flight = calloc(1, sizeof *flight);
  if (flight) {
    flight->session = session;
    flight->question = *question;
    if (mtasts_lookup_start(&session->net, session->base, &question->domain, known,
                            session->options.forced, looked_up,
                            question->trace ? trace_lookup : NULL, flight,
                            &flight->lookup) == MTASTS_OK) {
      LIST_INSERT_HEAD(&session->flights, flight, link);
      session->in_flight++;
      return;
    }
  }
  free(flight);
  mtasts_complain(question->domain.name, "the look-up cannot be started: out of memory");
  halt(session, MTASTS_EXIT_MEMORY);
}

/* What the cache knows; NULL where that is nothing. A damaged value is as good as none. */
static const struct mtasts_entry *read_cache(struct mtasts_session *session,
                                             const struct mtasts_question *question,
                                             struct mtasts_entry *entry) {
  uint64_t since = microseconds();
  if (!session->reader)
    return NULL;
  enum mtasts_status status = mtasts_reader_get(session->reader, &question->domain, entry);
  if (status == MTASTS_OK) {
    trace(question, since, "5.1", "cache: known");
    /* Whoever asks again has perhaps mended the resolver meanwhile. */
    if (entry->record == MTASTS_RECORD_ERROR)
      entry->next_check = 0;
    return entry;
  }
  trace(question, since, "5.1",
        status == MTASTS_ABSENT ? "cache: not known" : "cache: the stored value cannot be read");
  return NULL;
}

static void begin(struct mtasts_session *session, const struct mtasts_question *question) {
  const struct mtasts_options *options = session->options.options;
  struct mtasts_entry stored;
  struct mtasts_result result = {.freshness = MTASTS_CACHED, .now = wall_clock()};
  const struct mtasts_override *override =
      mtasts_config_override(session->place.config, &question->domain);
  if (override && result.now < override->until) {
    result.override = override;
    trace(question, microseconds(), "5", "override in mtasts.conf: in force, nobody is asked");
  }
  result.entry = read_cache(session, question, &stored);
  bool enough = result.override || options->offline ||
                (result.entry && !session->options.forced &&
                 mtasts_discover_due(&session->net.settings, result.entry, result.now) == 0);
  if (enough)
    session->options.done(session->options.context, question, &result);
  else
    start(session, question, result.entry);
}

/* the loop */

static void flush(evutil_socket_t fd, short what, void *context) {
  struct mtasts_session *session = context;
  (void)fd;
  (void)what;
  if (session->put == MTASTS_OK && mtasts_store_pending(session->place.store) > 0)
    session->put = mtasts_store_flush(session->place.store);
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
    else
      begin(session, &question);
  }
}

void mtasts_session_wake(struct mtasts_session *session) {
  event_active(session->more, 0, 0);
}

void mtasts_session_stop(struct mtasts_session *session) {
  session->halted = true;
}

/* Tells a broken resolver from a broken domain. */
static int check_resolver(const struct mtasts_session *session) {
  if (session->asked == 0 || session->dns_failed < session->asked ||
      mtasts_resolver_reachable(session->net.resolver, REACHABLE_WAIT))
    return MTASTS_EXIT_OK;
  const struct mtasts_strings *servers = &session->place.config->dns.servers;
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

int mtasts_session_close(struct mtasts_session *session, int code) {
  for (struct flight *next, *flight = LIST_FIRST(&session->flights); flight; flight = next) {
    next = LIST_NEXT(flight, link);
    mtasts_lookup_free(flight->lookup);
    free(flight);
  }
  mtasts_fetcher_free(session->net.fetcher);
  mtasts_resolver_free(session->net.resolver);
  if (session->flush)
    event_free(session->flush);
  if (session->more)
    event_free(session->more);
  if (session->base)
    event_base_free(session->base);
  mtasts_reader_free(session->reader);
  if (session->put != MTASTS_OK) {
    int failed = mtasts_place_complain(&session->place, session->put);
    code = code == MTASTS_EXIT_OK ? failed : code;
  }
  code = mtasts_place_close(&session->place, code);
  free(session);
  return code;
}
