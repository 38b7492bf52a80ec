#include "resolver.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "clock.h"
#include "insecure_zones.h"
#include "printable.h"
#include "process.h"
#include "trust_anchor.h"

enum {
  HEDGE_MS = 1000, /* of silence, before the next server is asked too */
  LINGER_MS = 200, /* that libunbound runs longer than our own timer */
  TRIES = 3,       /* in one query (RFC 9520 section 3.1); more if the timeout is long */
  TRY_MS = 1750,   /* at most, from one try to the next */
  SOCKETS_MIN = 2, /* libunbound's queries of one server in flight; more wait for their turn */
  SOCKETS_MAX = 1024,
  CLASS_IN = 1,
  DETAIL_MAX = 1024, /* bytes of libunbound's error text that are read */
};

struct mtasts_resolver {
  struct event_base *base;
  uint32_t timeout; /* seconds */
  size_t preferred; /* the server that answered last */
  bool validates;
  int anchor; /* a file in memory while the resolver is set up; else -1 */
  const struct mtasts_resolver_options *options; /* while the resolver is set up */
  unsigned resolvers;
  struct mtasts_dns_server_list servers;
  mtasts_resolver_observe_fn *observe;
  void *observe_context;
  int64_t sign;                   /* milliseconds: when any server last answered */
  struct mtasts_dns_query *probe; /* for the root; NULL: there is none */
  struct ub_ctx
      *contexts[MTASTS_RESOLVER_SERVERS]; /* one a server, so that this file decides their order */
  LIST_HEAD(query_list, mtasts_dns_query) queries;
};

/* One server asked for one query. */
struct ask {
  struct mtasts_dns_query *query;
  size_t server;
  int id;        /* libunbound's */
  int64_t since; /* milliseconds: when libunbound was asked */
  bool open;
  bool silent; /* libunbound has given the server up without an answer */
  bool failed; /* the server has answered with a failure */
  int error;   /* errno: there is no way to the server */
};

struct mtasts_dns_query {
  LIST_ENTRY(mtasts_dns_query) link;
  struct mtasts_resolver *resolver;
  mtasts_dns_fn *callback;
  void *context;
  struct event *timer;
  int64_t begun;    /* milliseconds of the monotonic clock */
  int64_t deadline; /* likewise */
  int64_t hedge;
  size_t first; /* server */
  size_t asked; /* of the servers, from the first on */
  struct ask asks[MTASTS_RESOLVER_SERVERS];
  struct mtasts_dns_answer *answer; /* NULL: none yet; its bytes follow it */
  uint16_t type;
  char name[];
};

/*
 * The configuration of libunbound, once for each server: without a cache, without memory of
 * failures. By default libunbound doubles its timeout for a server after each query that times out
 * because of some domain, and finally stops asking the server for all domains. An infra-host-ttl in
 * the past prevents that, so all tries of one query have the same timeout.
 */
static const char settings[] =
    "server:\n"
    "  module-config: \"%siterator\"\n"
    "  verbosity: 0\n"
    "  use-syslog: no\n"
    "  logfile: \"\"\n"
    "  chroot: \"\"\n"
    "  username: \"\"\n"
    "  directory: \"\"\n"
    "  do-not-query-localhost: no\n"
    "  udp-connect: no\n" /* else a query would fail while a server restarts */
    "  minimal-responses: no\n"
    "  rrset-roundrobin: no\n"
    "  outgoing-range: %u\n"
    "  outgoing-num-tcp: %u\n"
    "  infra-host-ttl: -1\n"
    "  infra-cache-numhosts: 16\n"
    "  infra-cache-slabs: 1\n" /* one thread needs one table, not four */
    "  msg-cache-slabs: 1\n"
    "  rrset-cache-slabs: 1\n"
    "  key-cache-slabs: 1\n"
    "  unknown-server-time-limit: %u\n"
    "  outbound-msg-retry: %u\n"
    "%s"
    "forward-zone:\n"
    "  name: \".\"\n"
    "  forward-addr: \"%s\"\n"
    "  forward-no-cache: yes\n";

/*
 * The further configuration if answers are validated. libunbound first asks without the CD bit. It
 * sets the bit only after a validating server has found the answer bogus, and then validates the
 * answer itself; other domains need no second query. Repeating a bogus query is useless, since it
 * goes to the same server. The trusted keys are not signalled (RFC 8145), since servers have no use
 * for them.
 */
static const char validation[] = "  trust-anchor-file: \"/proc/self/fd/%d\"\n"
                                 "  trust-anchor-signaling: no\n"
                                 "  root-key-sentinel: no\n"
                                 "  val-max-restart: 1\n"
                                 "  val-bogus-ttl: 1\n"
                                 "  aggressive-nsec: no\n";

/* The number of sockets for each server: its share of the process's descriptors. A thousand of them
 * cost 1 MB of memory. */
static unsigned sockets_each(const struct mtasts_resolver *resolver) {
  unsigned max = SOCKETS_MAX / resolver->resolvers;
  unsigned share = mtasts_process_descriptors().queries;
  unsigned each = share / resolver->resolvers / (unsigned)resolver->servers.count;
  if (each < SOCKETS_MIN)
    return SOCKETS_MIN;
  return each < max ? each : max;
}

/* Milliseconds from one try to the next. */
static unsigned try_of(const struct mtasts_resolver *resolver) {
  unsigned third = (resolver->timeout * 1000 + LINGER_MS) / TRIES;
  return third < TRY_MS ? third : TRY_MS;
}

/*
 * How many tries libunbound makes. It spends one on each timeout (before 1.22, on two timeouts with
 * another packet between them), and one on each answer that is a failure. A query without
 * validation is one question, so one try is enough, and this file asks again itself. A validated
 * query also asks for keys and DS, and each of these must survive a lost packet. If libunbound
 * gives up first it calls the answer bogus, so its tries must last longer than our timeout.
 */
static unsigned tries_of(const struct mtasts_resolver *resolver) {
  unsigned each = try_of(resolver);
  return resolver->validates ? (resolver->timeout * 1000 + LINGER_MS + each - 1) / each : 1;
}

/* libunbound reads options for forward zones only from files, so this is a file in memory. */
static int configure(struct ub_ctx *context, const struct mtasts_resolver *resolver,
                     const struct mtasts_dns_server *server) {
  char path[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
  char validating[sizeof validation + 3 * sizeof(int)] = "";
  unsigned sockets = sockets_each(resolver);
  int status = UB_READFILE;
  int file = memfd_create("mtasts-resolver", MFD_CLOEXEC);
  if (file < 0)
    return status;
  if (resolver->anchor >= 0)
    snprintf(validating, sizeof validating, validation, resolver->anchor);
  if (dprintf(file, settings, *validating ? "validator " : "", sockets, sockets / 16 + 1,
              try_of(resolver), tries_of(resolver), validating, server->forward) > 0 &&
      mtasts_insecure_zones_write(file, resolver->options->insecure,
                                  resolver->options->insecure_count)) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    status = ub_ctx_config(context, path);
  }
  close(file);
  /* Only this call makes libunbound read the anchor before the first query. */
  if (status == 0 && *validating)
    status = ub_ctx_data_remove(context, "mtasts.invalid.");
  return status;
}

static enum mtasts_status open_contexts(struct mtasts_resolver *resolver,
                                        char error[MTASTS_ERROR_TEXT]) {
  for (size_t i = 0; i < resolver->servers.count; i++) {
    int code = UB_INITFAIL;
    resolver->contexts[i] = ub_ctx_create_event(resolver->base);
    if (resolver->contexts[i]) {
      ub_ctx_debugout(resolver->contexts[i], NULL); /* else it writes queries' names to stderr */
      code = configure(resolver->contexts[i], resolver, &resolver->servers.list[i]);
    }
    if (code != 0) {
      snprintf(error, MTASTS_ERROR_TEXT, "libunbound: %s%s", ub_strerror(code),
               resolver->validates ? "; is the trust anchor file in zone format?" : "");
      return MTASTS_IO;
    }
  }
  return MTASTS_OK;
}

enum mtasts_status mtasts_resolver_new(struct event_base *base,
                                       const struct mtasts_resolver_options *options,
                                       char error[MTASTS_ERROR_TEXT],
                                       struct mtasts_resolver **resolver) {
  struct mtasts_resolver *made = calloc(1, sizeof *made);
  if (!made) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  made->base = base;
  made->timeout = options->timeout ? options->timeout : 1;
  made->anchor = -1;
  made->options = options;
  made->resolvers = options->resolvers ? options->resolvers : 1;
  made->validates = options->trust_anchor != NULL;
  LIST_INIT(&made->queries);
  enum mtasts_status status =
      mtasts_dns_server_list_find(options->servers, options->server_count, &made->servers, error);
  if (status == MTASTS_OK && options->trust_anchor)
    status = mtasts_trust_anchor_open(options->trust_anchor, error, &made->anchor);
  if (status == MTASTS_OK)
    status = open_contexts(made, error);
  if (made->anchor >= 0) {
    close(made->anchor);
    made->anchor = -1;
  }
  made->options = NULL;
  if (status != MTASTS_OK) {
    mtasts_resolver_free(made);
    return status;
  }
  signal(SIGPIPE, SIG_IGN); /* libunbound's TCP writes without MSG_NOSIGNAL */
  *resolver = made;
  return MTASTS_OK;
}

static void query_free(struct mtasts_dns_query *query) {
  if (query == query->resolver->probe)
    query->resolver->probe = NULL;
  for (size_t i = 0; i < query->asked; i++)
    if (query->asks[i].open)
      ub_cancel(query->resolver->contexts[query->asks[i].server], query->asks[i].id);
  LIST_REMOVE(query, link);
  if (query->timer)
    event_free(query->timer);
  free(query->answer);
  free(query);
}

void mtasts_resolver_cancel(struct mtasts_dns_query *query) {
  if (query)
    query_free(query);
}

void mtasts_resolver_free(struct mtasts_resolver *resolver) {
  if (!resolver)
    return;
  struct mtasts_dns_query *next;
  for (struct mtasts_dns_query *query = LIST_FIRST(&resolver->queries); query; query = next) {
    next = LIST_NEXT(query, link);
    query_free(query);
  }
  for (size_t i = 0; i < resolver->servers.count; i++)
    ub_ctx_delete(resolver->contexts[i]);
  free(resolver);
}

const struct mtasts_dns_server_list *
mtasts_resolver_servers(const struct mtasts_resolver *resolver) {
  return &resolver->servers;
}

void mtasts_resolver_observe(struct mtasts_resolver *resolver, mtasts_resolver_observe_fn *observe,
                             void *context) {
  resolver->observe = observe;
  resolver->observe_context = context;
}

/* Reads a server's message into a new answer, with its bytes after it. NULL: it does not answer the
 * query, or no memory. */
static struct mtasts_dns_answer *read_answer(const unsigned char *bytes, size_t size,
                                             uint16_t type) {
  struct mtasts_dns_answer *answer = malloc(sizeof *answer + size);
  if (!answer)
    return NULL;
  answer->local = false;
  unsigned char *copy = (unsigned char *)(answer + 1);
  memcpy(copy, bytes, size);
  answer->detail[0] = '\0';
  if (mtasts_dns_message_read(copy, size, type, &answer->message) == MTASTS_OK) {
    if (answer->message.rcode == MTASTS_RCODE_NXDOMAIN)
      answer->outcome = MTASTS_DNS_NXDOMAIN;
    else
      answer->outcome = answer->message.count > 0 ? MTASTS_DNS_ANSWER : MTASTS_DNS_NODATA;
    if (answer->message.rcode == MTASTS_RCODE_NOERROR ||
        answer->message.rcode == MTASTS_RCODE_NXDOMAIN)
      return answer;
  }
  free(answer);
  return NULL;
}

const char *mtasts_rr_type_name(uint16_t type) {
  switch (type) {
  case MTASTS_RR_A:
    return "A";
  case MTASTS_RR_AAAA:
    return "AAAA";
  case MTASTS_RR_CNAME:
    return "CNAME";
  case MTASTS_RR_DNSKEY:
    return "DNSKEY";
  case MTASTS_RR_MX:
    return "MX";
  case MTASTS_RR_NS:
    return "NS";
  case MTASTS_RR_PTR:
    return "PTR";
  case MTASTS_RR_TLSA:
    return "TLSA";
  case MTASTS_RR_TXT:
    return "TXT";
  default:
    return "DNS";
  }
}

static const char *shown_name(const struct mtasts_dns_query *query) {
  return *query->name ? query->name : ".";
}

/* "MX example.com: signature expired …", of libunbound's "validation failure <example.com. MX IN>:
 * signature expired …". */
static void describe_bogus(const struct mtasts_dns_query *query, const char *why, char *detail) {
  char text[DETAIL_MAX];
  const char *colon = why ? strstr(why, ">: ") : NULL;
  if (colon)
    why = colon + 3;
  snprintf(text, sizeof text, "%s %s: %s", mtasts_rr_type_name(query->type), shown_name(query),
           why ? why : "DNSSEC validation failed");
  mtasts_printable((struct mtasts_span){text, strlen(text)}, detail, MTASTS_DETAIL_MAX + 1);
}

/* Takes libunbound's validation result: 0, insecure; 1, bogus; 2, secure. If it is bogus, another
 * server gets a little time to give a better answer. */
static void evaluate(struct mtasts_dns_query *query, struct mtasts_dns_answer *answer, int security,
                     const char *why_bogus) {
  int64_t soon = mtasts_clock_ms() + HEDGE_MS;
  if (!query->resolver->validates) {
    answer->security = MTASTS_SECURITY_UNKNOWN;
  } else if (security == 2 || security == 0) {
    answer->security = security == 2 ? MTASTS_SECURITY_SECURE : MTASTS_SECURITY_INSECURE;
  } else {
    answer->security = MTASTS_SECURITY_BOGUS;
    answer->outcome = MTASTS_DNS_BOGUS;
    describe_bogus(query, why_bogus, answer->detail);
    query->deadline = soon < query->deadline ? soon : query->deadline;
  }
}

static bool settled(const struct mtasts_dns_query *query) {
  return query->answer && query->answer->outcome != MTASTS_DNS_BOGUS;
}

/* libunbound has no answer from the server and does not say why. If that comes before the first try
 * has timed out, the server has answered with a failure. Otherwise it was silent, or so slow that
 * it is asked again. */
static void take_failure(struct ask *ask) {
  const struct mtasts_resolver *resolver = ask->query->resolver;
  if (mtasts_clock_ms() - ask->since >= try_of(resolver) * 9 / 10)
    ask->silent = true;
  else if ((ask->error = mtasts_dns_server_route(&resolver->servers.list[ask->server])) == 0) {
    ask->failed = true;
    /* libunbound merges several queries for the root and ends all of them together, even one that
     * began late. So for the root a quick failure may be silence. */
    if (*ask->query->name)
      ask->query->resolver->sign = mtasts_clock_ms();
  }
}

/* libunbound's result for one server; may be called from inside ub_resolve_event. */
static void receive(void *context, int rcode, void *packet, int size, int security, char *why_bogus,
                    int was_ratelimited) {
  struct ask *ask = context;
  struct mtasts_dns_query *query = ask->query;
  struct mtasts_dns_answer *answer = NULL;
  (void)was_ratelimited;
  ask->open = false;
  if (rcode == MTASTS_RCODE_NOERROR && packet && size > 0)
    answer = read_answer(packet, (size_t)size, query->type);
  if (answer)
    query->resolver->sign = mtasts_clock_ms();
  if (!answer) {
    take_failure(ask);
  } else if (settled(query)) {
    free(answer);
  } else {
    evaluate(query, answer, security, why_bogus);
    free(query->answer);
    query->answer = answer;
    if (settled(query))
      query->resolver->preferred = ask->server;
  }
  event_active(query->timer, EV_TIMEOUT, 0);
}

static void ask_server(struct ask *ask, int64_t now) {
  const struct mtasts_dns_query *query = ask->query;
  ask->since = now;
  ask->open = true;
  ask->silent = false;
  if (ub_resolve_event(query->resolver->contexts[ask->server], shown_name(query), query->type,
                       CLASS_IN, ask, receive, &ask->id) != 0) {
    ask->open = false;
    ask->error = ENOMEM;
  }
}

static void ask_next(struct mtasts_dns_query *query, int64_t now) {
  struct ask *ask = &query->asks[query->asked];
  *ask = (struct ask){
      .query = query,
      .server = (query->first + query->asked) % query->resolver->servers.count,
  };
  query->asked++;
  query->hedge = now + HEDGE_MS;
  ask_server(ask, now);
}

/* Asks the silent servers again. */
static void ask_again(struct mtasts_dns_query *query, int64_t now) {
  for (size_t i = 0; i < query->asked; i++)
    if (query->asks[i].silent)
      ask_server(&query->asks[i], now);
}

static bool any_open(const struct mtasts_dns_query *query) {
  for (size_t i = 0; i < query->asked; i++)
    if (query->asks[i].open)
      return true;
  return false;
}

static bool any_sign(const struct mtasts_dns_query *query) {
  return query->resolver->sign >= query->begun;
}

/* Why there is no answer: what the servers did. */
static void describe_failure(const struct mtasts_dns_query *query,
                             struct mtasts_dns_answer *answer) {
  const struct mtasts_resolver *resolver = query->resolver;
  const struct ask *failed = NULL;
  const struct ask *lost = NULL;
  bool silent = false;
  char why[256];
  char text[DETAIL_MAX];
  for (size_t i = 0; i < query->asked; i++) {
    const struct ask *ask = &query->asks[i];
    if (ask->failed && !failed)
      failed = ask;
    else if (ask->error != 0 && !lost)
      lost = ask;
    else if (ask->open || ask->silent)
      silent = true;
  }
  answer->local = !failed && (!silent || !any_sign(query));
  if (failed && silent)
    snprintf(why, sizeof why, "SERVFAIL from %s, no answer from another server in %u s",
             resolver->servers.list[failed->server].text, (unsigned)resolver->timeout);
  else if (failed)
    snprintf(why, sizeof why, "SERVFAIL from the resolver");
  else if (silent)
    snprintf(why, sizeof why, "no answer in %u s", (unsigned)resolver->timeout);
  else if (lost)
    snprintf(why, sizeof why, "%s cannot be asked: %s", resolver->servers.list[lost->server].text,
             strerrordesc_np(lost->error));
  else
    snprintf(why, sizeof why, "%.250s",
             *resolver->servers.trouble ? resolver->servers.trouble : "no server was asked");
  snprintf(text, sizeof text, "%s %.200s: %s", mtasts_rr_type_name(query->type), shown_name(query),
           why);
  mtasts_printable((struct mtasts_span){text, strlen(text)}, answer->detail, MTASTS_DETAIL_MAX + 1);
}

/* Calls back with the answer, or with why there is none. */
static void finish(struct mtasts_dns_query *query) {
  const struct mtasts_resolver *resolver = query->resolver;
  struct mtasts_dns_answer failed = {.outcome = MTASTS_DNS_FAILED};
  if (!query->answer)
    describe_failure(query, &failed);
  if (resolver->observe && query != resolver->probe)
    resolver->observe(resolver->observe_context, query->name, query->type,
                      query->answer ? NULL : failed.detail);
  struct mtasts_dns_answer *answer = query->answer;
  mtasts_dns_fn *callback = query->callback;
  void *context = query->context;
  query->answer = NULL;
  query_free(query);
  callback(context, answer ? answer : &failed);
  free(answer);
}

static void on_probed(void *context, const struct mtasts_dns_answer *answer) {
  struct mtasts_resolver *resolver = context;
  (void)answer;
  resolver->probe = NULL;
}

/* Sends a probe if no server has answered anything for a while. Returns when that time is reached,
 * if it lies ahead; else the deadline. */
static int64_t look_for_sign(struct mtasts_dns_query *query, int64_t now) {
  struct mtasts_resolver *resolver = query->resolver;
  if (resolver->probe || any_sign(query))
    return query->deadline;
  if (now < query->begun + HEDGE_MS)
    return query->begun + HEDGE_MS;
  mtasts_resolver_ask(resolver, "", MTASTS_RR_NS, on_probed, resolver, &resolver->probe);
  return query->deadline;
}

/* Takes the next step: ends the query, asks another server, or waits. */
static void step(evutil_socket_t socket, short what, void *context) {
  struct mtasts_dns_query *query = context;
  int64_t now = mtasts_clock_ms();
  (void)socket;
  (void)what;
  bool more = query->asked < query->resolver->servers.count;
  if (settled(query) || now >= query->deadline) {
    finish(query);
    return;
  }
  ask_again(query, now);
  if (more && (now >= query->hedge || query->answer || !any_open(query)))
    ask_next(query, now);
  more = query->asked < query->resolver->servers.count;
  if (!more && !any_open(query)) {
    finish(query);
    return;
  }
  int64_t wake = look_for_sign(query, now);
  if (more && query->hedge < wake)
    wake = query->hedge;
  if (!any_open(query))
    wake = now;
  int64_t wait = wake > now ? wake - now : 0;
  event_add(query->timer, &(struct timeval){wait / 1000, wait % 1000 * 1000});
}

enum mtasts_status mtasts_resolver_ask(struct mtasts_resolver *resolver, const char *name,
                                       uint16_t type, mtasts_dns_fn *callback, void *context,
                                       struct mtasts_dns_query **query) {
  size_t length = strlen(name);
  if (length > MTASTS_DOMAIN_MAX)
    return MTASTS_INVALID;
  struct mtasts_dns_query *made = calloc(1, sizeof *made + length + 1);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->resolver = resolver;
  made->callback = callback;
  made->context = context;
  made->first = resolver->preferred;
  made->type = type;
  made->begun = mtasts_clock_ms();
  made->deadline = made->begun + (int64_t)resolver->timeout * 1000;
  memcpy(made->name, name, length + 1);
  LIST_INSERT_HEAD(&resolver->queries, made, link);
  made->timer = evtimer_new(resolver->base, step, made);
  if (!made->timer) {
    query_free(made);
    return MTASTS_NO_MEMORY;
  }
  event_active(made->timer, EV_TIMEOUT, 0);
  *query = made;
  return MTASTS_OK;
}

bool mtasts_resolver_reachable(const struct mtasts_resolver *resolver, uint32_t timeout) {
  return mtasts_dns_server_answers(resolver->servers.list, resolver->servers.count, timeout);
}
