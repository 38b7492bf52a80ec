#include "fetch.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "ca_bundle.h"
#include "clock.h"
#include "curl_loop.h"
#include "policy_request.h"
#include "trace.h"

enum {
  MORE_MS = 100,      /* of connecting, until more addresses are asked for */
  HANDSHAKE_MS = 500, /* of TLS, until the next address is tried in parallel */
  ATTEMPTS_MAX = 3,   /* connections of one fetch at a time */
};

struct mtasts_fetcher {
  struct mtasts_curl_loop *loop;
  struct event_base *base;
  struct mtasts_ca_bundle *trust;
  mtasts_fetcher_changed_fn *changed; /* may be NULL */
  void *news_context;
  char *proxy; /* "" for none */
  uint32_t timeout;
  bool allow_private;
  LIST_HEAD(fetch_list, mtasts_fetch) fetches;
};

/* One connection, and libcurl's work on it. */
struct attempt {
  LIST_ENTRY(attempt) link;
  struct mtasts_fetch *fetch;
  struct in6_addr address;
  struct mtasts_policy_request request;
};

struct mtasts_fetch {
  LIST_ENTRY(mtasts_fetch) link;
  struct mtasts_fetcher *fetcher;
  mtasts_fetch_fn *callback;
  mtasts_fetch_more_fn *more; /* NULL: nothing more to ask for */
  void *context;
  uint64_t started;
  struct mtasts_connector *connector; /* NULL: by a proxy */
  LIST_HEAD(attempt_list, attempt) attempts;
  bool complete;             /* no other addresses will be added */
  struct event *welcome;     /* fires after MORE_MS */
  struct event *unsecured;   /* fires after HANDSHAKE_MS */
  struct event *unconnected; /* fires after half of the timeout */
  struct in6_addr refused;   /* an address that may not be used; unspecified: none */
  bool any_usable;
  struct mtasts_fetch_answer failure; /* of the last attempt that failed before it was secured */
  char host[MTASTS_DOMAIN_MAX + 1];
};

/* the life of a fetch */

static void attempt_free(struct attempt *attempt) {
  LIST_REMOVE(attempt, link);
  if (attempt->request.response.easy)
    mtasts_curl_loop_remove(attempt->fetch->fetcher->loop, attempt->request.response.easy);
  mtasts_policy_request_clear(&attempt->request);
  free(attempt->request.response.body);
  free(attempt);
}

static void free_event(struct event *event) {
  if (event)
    event_free(event);
}

static void fetch_free(struct mtasts_fetch *fetch) {
  struct attempt *next;
  LIST_REMOVE(fetch, link);
  for (struct attempt *attempt = LIST_FIRST(&fetch->attempts); attempt; attempt = next) {
    next = LIST_NEXT(attempt, link);
    attempt_free(attempt);
  }
  mtasts_connector_free(fetch->connector);
  free_event(fetch->welcome);
  free_event(fetch->unsecured);
  free_event(fetch->unconnected);
  free(fetch);
}

void mtasts_fetch_cancel(struct mtasts_fetch *fetch) {
  if (fetch)
    fetch_free(fetch);
}

/* Frees the fetch and then calls back: the callback may start and cancel others. */
static void finish(struct mtasts_fetch *fetch, const struct mtasts_fetch_answer *answer,
                   char *body) {
  mtasts_fetch_fn *callback = fetch->callback;
  void *context = fetch->context;
  fetch_free(fetch);
  callback(context, answer);
  free(body);
}

bool mtasts_fetch_is_local(const struct mtasts_fetch *fetch) {
  const struct attempt *first = LIST_FIRST(&fetch->attempts);
  if (!fetch->connector)
    return first && mtasts_response_proxy_fails(&first->request.response);
  bool waits = fetch->failure.error == MTASTS_ERROR_NONE && !first;
  return fetch->failure.local || (waits && mtasts_connector_local(fetch->connector));
}

/* Ends a fetch that has no connection and no address left. */
static void give_up(struct mtasts_fetch *fetch) {
  struct mtasts_fetch_answer answer = fetch->failure;
  int error = mtasts_connector_error(fetch->connector);
  char text[INET6_ADDRSTRLEN];
  answer.local = mtasts_fetch_is_local(fetch);
  if (answer.error == MTASTS_ERROR_NONE && fetch->any_usable && error != 0)
    mtasts_response_fail(&answer, MTASTS_ERROR_POLICY_FETCH, "cannot connect to %s: %s",
                         fetch->host, strerrordesc_np(error));
  else if (answer.error == MTASTS_ERROR_NONE && fetch->any_usable)
    mtasts_response_fail(&answer, MTASTS_ERROR_POLICY_FETCH,
                         "%s did not accept a connection within %.1f s", fetch->host,
                         (double)(mtasts_clock_us() - fetch->started) / 1e6);
  else if (answer.error == MTASTS_ERROR_NONE && IN6_IS_ADDR_UNSPECIFIED(&fetch->refused))
    mtasts_response_fail(&answer, MTASTS_ERROR_POLICY_FETCH, "%s has no address", fetch->host);
  else if (answer.error == MTASTS_ERROR_NONE) {
    mtasts_address_text(&fetch->refused, text, sizeof text);
    mtasts_response_fail(&answer, MTASTS_ERROR_POLICY_FETCH,
                         "address %s of %s is not globally routable", text, fetch->host);
  }
  finish(fetch, &answer, NULL);
}

/* Asks for other addresses, once. */
static void want_more(struct mtasts_fetch *fetch) {
  mtasts_fetch_more_fn *more = fetch->more;
  fetch->more = NULL;
  if (more)
    more(fetch->context);
}

/* Is the limit of connections reached? The next one then waits until one of them ends. */
static bool has_enough_connections(const struct mtasts_fetch *fetch) {
  const struct attempt *attempt;
  unsigned count = 0;
  LIST_FOREACH(attempt, &fetch->attempts, link) count++;
  return count >= ATTEMPTS_MAX;
}

/* An attempt has ended without an answer from the policy host. */
static void go_on(struct mtasts_fetch *fetch) {
  if (mtasts_connector_has_more(fetch->connector) && !has_enough_connections(fetch))
    mtasts_connector_go(fetch->connector);
  else if (LIST_EMPTY(&fetch->attempts) && fetch->complete)
    give_up(fetch);
  else
    want_more(fetch);
}

static bool may_go_on(const struct mtasts_fetch *fetch, const struct attempt *failed) {
  return fetch->connector && !failed->request.response.tls.secured &&
         !failed->request.response.tls.detail[0] &&
         (mtasts_connector_has_more(fetch->connector) || !fetch->complete ||
          LIST_NEXT(LIST_FIRST(&fetch->attempts), link));
}

static void end_attempt(void *item, CURLcode result) {
  struct attempt *attempt = item;
  struct mtasts_fetch *fetch = attempt->fetch;
  struct mtasts_fetch_answer answer = {.error = MTASTS_ERROR_NONE, .address = attempt->address};
  mtasts_response_evaluate(&attempt->request.response, result, &answer);
  if (may_go_on(fetch, attempt)) {
    fetch->failure = answer;
    attempt_free(attempt);
    go_on(fetch);
    return;
  }
  char *body = attempt->request.response.body;
  attempt->request.response.body = NULL;
  finish(fetch, &answer, body);
}

/* starting */

bool mtasts_fetcher_needs_addresses(const struct mtasts_fetcher *fetcher) {
  return fetcher->proxy[0] == '\0';
}

/* The remaining part of so many milliseconds since the start; at least one. */
static long left_of(const struct mtasts_fetch *fetch, uint64_t milliseconds) {
  uint64_t exhausted = (mtasts_clock_us() - fetch->started) / 1000;
  return exhausted < milliseconds ? (long)(milliseconds - exhausted) : 1;
}

/* Starts an attempt by the proxy, or on a connected socket, which it owns. False: no memory. */
static bool attempt_start(struct mtasts_fetch *fetch, int fd, const struct in6_addr *address) {
  struct attempt *made = calloc(1, sizeof *made);
  if (!made) {
    if (fd >= 0)
      close(fd);
    return false;
  }
  made->fetch = fetch;
  if (address)
    made->address = *address;
  made->request.response.tls.host = fetch->host;
  made->request.response.started = fetch->started;
  LIST_INSERT_HEAD(&fetch->attempts, made, link);
  const struct mtasts_policy_request_options options = {
      .trust = mtasts_ca_bundle_store(fetch->fetcher->trust),
      .socket = fd,
      .address = &made->address,
      .proxy = fetch->fetcher->proxy,
      .timeout = left_of(fetch, (uint64_t)fetch->fetcher->timeout * 1000),
      .connect_timeout = left_of(fetch, (uint64_t)fetch->fetcher->timeout * 1000 / 2),
      .item = made,
  };
  if (mtasts_policy_request_set_up(&made->request, &options) &&
      mtasts_curl_loop_add(fetch->fetcher->loop, made->request.response.easy))
    return true;
  attempt_free(made);
  return false;
}

static void add_milliseconds(struct event *event, long milliseconds) {
  event_add(event, &(struct timeval){milliseconds / 1000, milliseconds % 1000 * 1000});
}

static void on_connected(void *context, int fd, const struct in6_addr *address) {
  struct mtasts_fetch *fetch = context;
  event_del(fetch->welcome);
  add_milliseconds(fetch->unsecured, HANDSHAKE_MS);
  if (attempt_start(fetch, fd, address))
    return;
  mtasts_response_fail(&fetch->failure, MTASTS_ERROR_POLICY_FETCH,
                       "fetching from %s: out of memory", fetch->host);
  fetch->failure.local = true;
  go_on(fetch);
}

static void on_exhausted(void *context) {
  go_on(context);
}

static void on_welcome(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  want_more(context);
}

static bool is_secured(const struct mtasts_fetch *fetch) {
  const struct attempt *attempt;
  LIST_FOREACH(attempt, &fetch->attempts, link)
  if (attempt->request.response.tls.secured)
    return true;
  return false;
}

/* The server has accepted the connection and is silent: another address may answer. */
static void on_unsecured(evutil_socket_t fd, short what, void *context) {
  struct mtasts_fetch *fetch = context;
  (void)fd;
  (void)what;
  if (!is_secured(fetch))
    go_on(fetch);
}

/* The time for connecting is over. libcurl limits handshakes in progress itself. */
static void on_unconnected(evutil_socket_t fd, short what, void *context) {
  struct mtasts_fetch *fetch = context;
  (void)fd;
  (void)what;
  fetch->complete = true;
  fetch->more = NULL;
  if (LIST_EMPTY(&fetch->attempts))
    give_up(fetch);
  else
    mtasts_connector_stop(fetch->connector);
}

static void add_addresses(struct mtasts_fetch *fetch, const struct mtasts_addresses *addresses) {
  for (size_t i = 0; i < addresses->count; i++)
    if (mtasts_connector_add(fetch->connector, &addresses->items[i]))
      fetch->any_usable = true;
    else if (IN6_IS_ADDR_UNSPECIFIED(&fetch->refused))
      fetch->refused = addresses->items[i];
}

void mtasts_fetch_add(struct mtasts_fetch *fetch, const struct mtasts_addresses *addresses,
                      bool last) {
  if (!fetch->connector || fetch->complete)
    return;
  fetch->complete = last;
  add_addresses(fetch, addresses);
  if (LIST_EMPTY(&fetch->attempts) ||
      (!is_secured(fetch) && !evtimer_pending(fetch->unsecured, NULL)))
    mtasts_connector_go(fetch->connector);
}

/* Begins to connect. Returns false without memory. */
static bool begin(struct mtasts_fetch *fetch, const struct mtasts_addresses *addresses) {
  const struct mtasts_fetcher *fetcher = fetch->fetcher;
  const struct mtasts_connector_options options = {
      .port = MTASTS_HTTPS_PORT,
      .allow_private = fetcher->allow_private,
      .connected = on_connected,
      .exhausted = on_exhausted,
      .context = fetch,
  };
  if (!mtasts_fetcher_needs_addresses(fetcher))
    return attempt_start(fetch, -1, NULL);
  fetch->connector = mtasts_connector_new(fetcher->base, &options);
  fetch->welcome = evtimer_new(fetcher->base, on_welcome, fetch);
  fetch->unsecured = evtimer_new(fetcher->base, on_unsecured, fetch);
  fetch->unconnected = evtimer_new(fetcher->base, on_unconnected, fetch);
  if (!fetch->connector || !fetch->welcome || !fetch->unsecured || !fetch->unconnected)
    return false;
  add_addresses(fetch, addresses);
  add_milliseconds(fetch->welcome, MORE_MS);
  add_milliseconds(fetch->unconnected, (long)fetcher->timeout * 1000 / 2);
  mtasts_connector_go(fetch->connector);
  return true;
}

static void look_at_bundle(struct mtasts_fetcher *fetcher, bool at_once) {
  char words[MTASTS_CA_BUNDLE_TEXT];
  enum mtasts_ca_bundle_change changed = mtasts_ca_bundle_look(fetcher->trust, at_once, words);
  if (changed != MTASTS_CA_BUNDLE_SAME && fetcher->changed)
    fetcher->changed(fetcher->news_context, changed == MTASTS_CA_BUNDLE_BROKEN, words);
}

void mtasts_fetcher_renew(struct mtasts_fetcher *fetcher) {
  look_at_bundle(fetcher, true);
}

enum mtasts_status mtasts_fetcher_start(struct mtasts_fetcher *fetcher,
                                        const struct mtasts_fetch_options *options,
                                        struct mtasts_fetch **fetch) {
  if (strlen(options->host) > MTASTS_DOMAIN_MAX)
    return MTASTS_INVALID;
  struct mtasts_fetch *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->fetcher = fetcher;
  made->callback = options->done;
  made->more = options->more;
  made->complete = !options->more;
  made->context = options->context;
  made->started = mtasts_clock_us();
  LIST_INIT(&made->attempts);
  snprintf(made->host, sizeof made->host, "%s", options->host);
  LIST_INSERT_HEAD(&fetcher->fetches, made, link);
  look_at_bundle(fetcher, false);
  if (!begin(made, options->addresses)) {
    fetch_free(made);
    return MTASTS_NO_MEMORY;
  }
  *fetch = made;
  return MTASTS_OK;
}

enum mtasts_status mtasts_fetcher_new(struct event_base *base,
                                      const struct mtasts_fetcher_options *options,
                                      char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_fetcher **fetcher) {
  struct mtasts_curl_loop *loop = NULL;
  struct mtasts_ca_bundle *trust = NULL;
  char words[MTASTS_CA_BUNDLE_TEXT];
  enum mtasts_status status = mtasts_curl_loop_new(base, end_attempt, error, &loop);
  if (status != MTASTS_OK)
    return status;
  status = mtasts_ca_bundle_new(mtasts_ca_bundle_path(options->ca_file), words, &trust);
  if (status != MTASTS_OK)
    snprintf(error, MTASTS_ERROR_TEXT, "%.*s", MTASTS_ERROR_TEXT - 1, words);
  struct mtasts_fetcher *made = status == MTASTS_OK ? calloc(1, sizeof *made) : NULL;
  if (!made) {
    if (status == MTASTS_OK)
      snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    mtasts_ca_bundle_free(trust);
    mtasts_curl_loop_free(loop);
    return status == MTASTS_OK ? MTASTS_NO_MEMORY : status;
  }
  LIST_INIT(&made->fetches);
  made->loop = loop;
  made->base = base;
  made->timeout = options->timeout ? options->timeout : 1;
  made->allow_private = options->allow_private;
  made->trust = trust;
  made->changed = options->changed;
  made->news_context = options->news_context;
  made->proxy = strdup(options->proxy ? options->proxy : "");
  if (!made->proxy) {
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    mtasts_fetcher_free(made);
    return MTASTS_NO_MEMORY;
  }
  signal(SIGPIPE, SIG_IGN);
  *fetcher = made;
  return MTASTS_OK;
}

void mtasts_fetcher_free(struct mtasts_fetcher *fetcher) {
  if (!fetcher)
    return;
  struct mtasts_fetch *next;
  for (struct mtasts_fetch *fetch = LIST_FIRST(&fetcher->fetches); fetch; fetch = next) {
    next = LIST_NEXT(fetch, link);
    fetch_free(fetch);
  }
  mtasts_curl_loop_free(fetcher->loop);
  free(fetcher->proxy);
  mtasts_ca_bundle_free(fetcher->trust);
  free(fetcher);
}
