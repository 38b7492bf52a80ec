#include "resolver.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <time.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "server.h"

enum {
  ERROR_SIZE = 256,
  RESOLVCONF_SERVERS = 3,
  HEDGE_MS = 1000,  /* of silence, before the next server is asked too */
  LINGER_MS = 200,  /* that libunbound goes on after our own timer */
  SOCKETS_MIN = 16, /* libunbound's queries of one server in flight; more wait for their turn */
  SOCKETS_MAX = 1024,
  CLASS_IN = 1,
};

struct mtasts_resolver {
  struct event_base *base;
  uint32_t timeout; /* seconds */
  size_t preferred; /* the server that answered last */
  size_t count;
  struct mtasts_server servers[MTASTS_RESOLVER_SERVERS];
  struct ub_ctx *contexts[MTASTS_RESOLVER_SERVERS]; /* one a server: the order is ours */
  LIST_HEAD(query_list, mtasts_dns_query) queries;
};

/* One server asked for one query. */
struct ask {
  struct mtasts_dns_query *query;
  size_t server;
  int id; /* libunbound's */
  bool open;
};

struct mtasts_dns_query {
  LIST_ENTRY(mtasts_dns_query) link;
  struct mtasts_resolver *resolver;
  mtasts_dns_fn *callback;
  void *context;
  struct event *timer;
  int64_t deadline; /* milliseconds of the monotonic clock */
  int64_t hedge;
  size_t first; /* server */
  size_t asked; /* of the servers, from the first on */
  struct ask asks[MTASTS_RESOLVER_SERVERS];
  struct mtasts_dns_answer *answer; /* once there is one; its bytes follow it */
  uint16_t type;
  char name[];
};

static int64_t milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * What libunbound is told, once for each server. The server alone counts: no cache, no memory of
 * failures. An infra-host-ttl that lies in the past is what keeps libunbound from doubling its
 * patience with a server for each query that some domain let time out, and from giving the server
 * up for everybody in the end. The tries of one query then are all of one length, and together
 * last a little longer than our own timer.
 */
static const char settings[] = "server:\n"
                               "  module-config: \"iterator\"\n"
                               "  verbosity: 0\n"
                               "  use-syslog: no\n"
                               "  logfile: \"\"\n"
                               "  chroot: \"\"\n"
                               "  username: \"\"\n"
                               "  directory: \"\"\n"
                               "  do-not-query-localhost: no\n"
                               "  udp-connect: no\n" /* a restarting resolver is waited for */
                               "  minimal-responses: no\n"
                               "  rrset-roundrobin: no\n"
                               "  outgoing-range: %u\n"
                               "  outgoing-num-tcp: %u\n"
                               "  infra-host-ttl: -1\n"
                               "  infra-cache-numhosts: 16\n"
                               "  unknown-server-time-limit: %u\n"
                               "  outbound-msg-retry: %u\n"
                               "  local-zone: \"test.\" nodefault\n"
                               "forward-zone:\n"
                               "  name: \".\"\n"
                               "  forward-addr: \"%s\"\n"
                               "  forward-no-cache: yes\n";

/* A share of the descriptors that the process may open: half for us, among the servers. */
static unsigned sockets_each(size_t servers) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return SOCKETS_MIN;
  rlim_t each = limit.rlim_cur / 2 / servers;
  if (each < SOCKETS_MIN)
    return SOCKETS_MIN;
  return each < SOCKETS_MAX ? (unsigned)each : SOCKETS_MAX;
}

/* libunbound reads options for forward zones from files only: this one is in memory. */
static int configure(struct ub_ctx *context, const struct mtasts_resolver *resolver,
                     const struct mtasts_server *server) {
  char path[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
  /* libunbound sends a try twice, the second time with less EDNS. */
  unsigned tries = resolver->timeout < 4 ? 2 : (resolver->timeout + 1) / 2;
  unsigned wait = (resolver->timeout * 1000 + LINGER_MS) / (2 * tries);
  unsigned sockets = sockets_each(resolver->count);
  int status = UB_READFILE;
  int file = memfd_create("mtasts-resolver", MFD_CLOEXEC);
  if (file < 0)
    return status;
  if (dprintf(file, settings, sockets, sockets / 8, wait, tries, server->text) > 0) {
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    status = ub_ctx_config(context, path);
  }
  close(file);
  return status;
}

/* The servers to ask. */
static enum mtasts_status find_servers(struct mtasts_resolver *resolver,
                                       const struct mtasts_resolver_options *options, char *error) {
  static const char resolvconf[] = "/etc/resolv.conf";
  if (options->server_count > MTASTS_RESOLVER_SERVERS) {
    snprintf(error, ERROR_SIZE, "%zu DNS servers are given, at most %d can be asked",
             options->server_count, MTASTS_RESOLVER_SERVERS);
    return MTASTS_INVALID;
  }
  for (size_t i = 0; i < options->server_count; i++) {
    if (mtasts_server_parse(options->servers[i], &resolver->servers[i]) != MTASTS_OK) {
      snprintf(error, ERROR_SIZE,
               "\"%.80s\" is not the address of a DNS server (write ADDR or ADDR@PORT)",
               options->servers[i]);
      return MTASTS_INVALID;
    }
    resolver->count++;
  }
  if (resolver->count > 0)
    return MTASTS_OK;
  enum mtasts_status status =
      mtasts_server_resolvconf(resolvconf, RESOLVCONF_SERVERS, resolver->servers, &resolver->count);
  if (status != MTASTS_OK)
    snprintf(error, ERROR_SIZE, "%s: %s; name a DNS server in the configuration", resolvconf,
             strerrordesc_np(errno));
  return status;
}

enum mtasts_status mtasts_resolver_new(struct event_base *base,
                                       const struct mtasts_resolver_options *options, char *error,
                                       struct mtasts_resolver **resolver) {
  struct mtasts_resolver *made = calloc(1, sizeof *made);
  if (!made) {
    snprintf(error, ERROR_SIZE, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  made->base = base;
  made->timeout = options->timeout ? options->timeout : 1;
  LIST_INIT(&made->queries);
  enum mtasts_status status = find_servers(made, options, error);
  for (size_t i = 0; status == MTASTS_OK && i < made->count; i++) {
    made->contexts[i] = ub_ctx_create_event(base);
    int code = UB_INITFAIL;
    if (made->contexts[i]) {
      ub_ctx_debugout(made->contexts[i], NULL); /* else it writes queries' names to stderr */
      code = configure(made->contexts[i], made, &made->servers[i]);
    }
    if (code != 0) {
      snprintf(error, ERROR_SIZE, "libunbound: %s", ub_strerror(code));
      status = MTASTS_IO;
    }
  }
  if (status != MTASTS_OK) {
    mtasts_resolver_free(made);
    return status;
  }
  signal(SIGPIPE, SIG_IGN); /* libunbound's TCP writes without MSG_NOSIGNAL */
  *resolver = made;
  return MTASTS_OK;
}

static void query_free(struct mtasts_dns_query *query) {
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
  for (size_t i = 0; i < resolver->count; i++)
    ub_ctx_delete(resolver->contexts[i]);
  free(resolver);
}

/* A message of the server that settles the query, with its bytes behind it, or NULL. */
static struct mtasts_dns_answer *read_answer(const unsigned char *bytes, size_t size,
                                             uint16_t type) {
  struct mtasts_dns_answer *answer = malloc(sizeof *answer + size);
  if (!answer)
    return NULL;
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

/* libunbound has done with one server; this may come from inside ub_resolve_event. */
static void receive(void *context, int rcode, void *packet, int size, int security, char *why_bogus,
                    int was_ratelimited) {
  struct ask *ask = context;
  struct mtasts_dns_query *query = ask->query;
  (void)security;
  (void)why_bogus;
  (void)was_ratelimited;
  ask->open = false;
  if (!query->answer && rcode == MTASTS_RCODE_NOERROR && packet && size > 0) {
    query->answer = read_answer(packet, (size_t)size, query->type);
    if (query->answer)
      query->resolver->preferred = ask->server;
  }
  event_active(query->timer, EV_TIMEOUT, 0);
}

/* Asks the next server. Returns false where libunbound will not. */
static bool ask_next(struct mtasts_dns_query *query, int64_t now) {
  struct mtasts_resolver *resolver = query->resolver;
  struct ask *ask = &query->asks[query->asked];
  *ask = (struct ask){
      .query = query,
      .server = (query->first + query->asked) % resolver->count,
      .open = true,
  };
  query->asked++;
  query->hedge = now + HEDGE_MS;
  int code = ub_resolve_event(resolver->contexts[ask->server], query->name, query->type, CLASS_IN,
                              ask, receive, &ask->id);
  if (code != 0)
    ask->open = false;
  return code == 0;
}

static bool any_open(const struct mtasts_dns_query *query) {
  for (size_t i = 0; i < query->asked; i++)
    if (query->asks[i].open)
      return true;
  return false;
}

static const char *type_name(uint16_t type) {
  switch (type) {
  case MTASTS_RR_A:
    return "A";
  case MTASTS_RR_AAAA:
    return "AAAA";
  case MTASTS_RR_MX:
    return "MX";
  case MTASTS_RR_TXT:
    return "TXT";
  default:
    return "DNS";
  }
}

/* Calls back with the answer, or with why there is none. */
static void finish(struct mtasts_dns_query *query, bool timed_out) {
  struct mtasts_dns_answer failed = {.outcome = MTASTS_DNS_FAILED};
  const char *type = type_name(query->type);
  if (!query->answer && timed_out)
    snprintf(failed.detail, sizeof failed.detail, "%s %.200s: no answer in %u s", type, query->name,
             (unsigned)query->resolver->timeout);
  else if (!query->answer)
    snprintf(failed.detail, sizeof failed.detail, "%s %.200s: SERVFAIL from the resolver", type,
             query->name);
  struct mtasts_dns_answer *answer = query->answer;
  mtasts_dns_fn *callback = query->callback;
  void *context = query->context;
  query->answer = NULL;
  query_free(query);
  callback(context, answer ? answer : &failed);
  free(answer);
}

/* What is next: the end, another server, or waiting. */
static void step(evutil_socket_t socket, short what, void *context) {
  struct mtasts_dns_query *query = context;
  int64_t now = milliseconds();
  (void)socket;
  (void)what;
  bool more = query->asked < query->resolver->count;
  if (query->answer || now >= query->deadline || (!more && !any_open(query))) {
    finish(query, now >= query->deadline);
    return;
  }
  if (more && (now >= query->hedge || !any_open(query)))
    ask_next(query, now);
  more = query->asked < query->resolver->count;
  int64_t wake = more && query->hedge < query->deadline ? query->hedge : query->deadline;
  if (!any_open(query))
    wake = now;
  int64_t wait = wake > now ? wake - now : 0;
  event_add(query->timer, &(struct timeval){wait / 1000, wait % 1000 * 1000});
}

enum mtasts_status mtasts_resolver_ask(struct mtasts_resolver *resolver, const char *name,
                                       uint16_t type, mtasts_dns_fn *callback, void *context,
                                       struct mtasts_dns_query **query) {
  size_t length = strlen(name);
  if (length == 0 || length > MTASTS_DOMAIN_MAX)
    return MTASTS_INVALID;
  struct mtasts_dns_query *made = calloc(1, sizeof *made + length + 1);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->resolver = resolver;
  made->callback = callback;
  made->context = context;
  made->first = resolver->preferred;
  made->type = type;
  made->deadline = milliseconds() + (int64_t)resolver->timeout * 1000;
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
  return mtasts_server_answers(resolver->servers, resolver->count, timeout);
}
