#include "https_probe.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "ascii.h"
#include "certificate_facts.h"
#include "clock.h"
#include "curl_loop.h"
#include "policy_request.h"
#include "printable.h"
#include "tcp_connect.h"

enum {
  FIELD_SIZE = 8192, /* of a header field's value that is kept */
};

struct mtasts_https_prober {
  struct mtasts_https_prober_options options;
  struct event_base *base;
  struct mtasts_curl_loop *loop;
  int level; /* OpenSSL's own security level, which holds in a fetch */
};

struct mtasts_https_probe {
  struct mtasts_https_prober *prober;
  mtasts_https_probe_fn *done;
  void *context;
  const char *host;
  uint64_t started; /* microseconds */
  struct mtasts_seen_https seen;
  struct mtasts_tcp_connect *connecting;
  struct event *refusal;
  bool handled; /* the session was looked at, just before the request */
  bool in_loop; /* the request is in libcurl's loop */
  struct mtasts_policy_request request;
};

/* its end */

void mtasts_https_probe_cancel(struct mtasts_https_probe *probe) {
  if (!probe)
    return;
  mtasts_tcp_connect_cancel(probe->connecting);
  if (probe->refusal)
    event_free(probe->refusal);
  if (probe->in_loop)
    mtasts_curl_loop_remove(probe->prober->loop, probe->request.response.easy);
  mtasts_policy_request_clear(&probe->request);
  free(probe->request.response.body);
  free(probe);
}

/* Frees the probe, and then calls back. */
static void finish(struct mtasts_https_probe *probe) {
  const struct mtasts_seen_https seen = probe->seen;
  mtasts_https_probe_fn *done = probe->done;
  void *context = probe->context;
  mtasts_https_probe_cancel(probe);
  done(context, &seen);
}

static void set_detail(struct mtasts_https_probe *probe, const char *text) {
  char printable[MTASTS_DETAIL_MAX + 1];
  mtasts_printable(mtasts_span_of(text), printable, sizeof printable);
  probe->seen.detail = mtasts_arena_copy(probe->prober->options.arena, mtasts_span_of(printable));
}

static void lack_memory(struct mtasts_https_probe *probe) {
  probe->prober->options.arena->failed = true;
  set_detail(probe, "out of memory");
}

/* Why there is no TLS session. */
static void take_tls_failure(struct mtasts_https_probe *probe,
                             const struct mtasts_fetch_answer *answer) {
  const struct mtasts_tls_watch *watch = &probe->request.response.tls;
  char text[MTASTS_DETAIL_MAX];
  probe->seen.tls = watch->too_old ? MTASTS_TLS_TOO_OLD : MTASTS_TLS_FAILED;
  snprintf(text, sizeof text, "the server sent the TLS alert \"%s\"",
           SSL_alert_desc_string_long(watch->alert));
  set_detail(probe, watch->alert != 0 ? text : answer->detail);
}

/* What HTTP said. */
static void take_answer(struct mtasts_https_probe *probe, CURLcode result,
                        const struct mtasts_fetch_answer *answer) {
  const struct mtasts_response *response = &probe->request.response;
  struct mtasts_arena *arena = probe->prober->options.arena;
  struct mtasts_seen_https *seen = &probe->seen;
  char value[FIELD_SIZE];
  seen->status = answer->status;
  seen->too_large =
      answer->status == 200 && (response->too_large || result == CURLE_FILESIZE_EXCEEDED);
  seen->has_type = mtasts_response_field(response, "Content-Type", value, sizeof value) > 0;
  if (seen->has_type)
    seen->type = mtasts_arena_copy(arena, mtasts_span_of(value));
  if (mtasts_response_field(response, "Location", value, sizeof value) > 0)
    seen->target = mtasts_arena_copy(arena, mtasts_span_of(value));
  seen->accepted = answer->error == MTASTS_ERROR_NONE;
  /* Of another status no body is wanted: the status says all. */
  seen->complete = seen->too_large || (answer->status != 0 && answer->status != 200) ||
                   mtasts_response_is_whole(response, result);
  if (seen->complete && answer->status == 200 && !seen->too_large)
    seen->body = mtasts_arena_copy(
        arena, (struct mtasts_span){response->body ? response->body : "", response->size});
  if (!seen->accepted)
    set_detail(probe, answer->detail);
}

static void end(void *item, CURLcode result) {
  struct mtasts_https_probe *probe = item;
  struct mtasts_fetch_answer answer = {.error = MTASTS_ERROR_NONE};
  mtasts_response_evaluate(&probe->request.response, result, &answer);
  /* A proxy that fails is a fault of this host's: it says nothing of the policy host. */
  if (probe->request.response.by_proxy)
    probe->seen.connect = answer.local                        ? MTASTS_CONNECT_NO_ROUTE
                          : probe->request.response.connected ? MTASTS_CONNECT_DONE
                                                              : MTASTS_CONNECT_FAILED;
  if (probe->seen.connect != MTASTS_CONNECT_DONE)
    set_detail(probe, answer.detail);
  else if (!probe->request.response.tls.secured)
    take_tls_failure(probe, &answer);
  else if (probe->handled && result != CURLE_ABORTED_BY_CALLBACK)
    take_answer(probe, result, &answer);
  finish(probe);
}

/* its course */

/* libcurl is about to send the request: looks at the session first. */
static int before_request(void *context, char *peer, char *local, int peer_port, int local_port) {
  struct mtasts_https_probe *probe = context;
  const struct mtasts_https_prober_options *options = &probe->prober->options;
  struct mtasts_seen_https *seen = &probe->seen;
  struct curl_tlssessioninfo *session = NULL;
  const struct mtasts_certificate_context certificate = {
      .trust = options->trust,
      .host = probe->host,
      .now = options->now,
      .level = probe->prober->level,
      .arena = options->arena,
  };
  (void)peer;
  (void)local;
  (void)peer_port;
  (void)local_port;
  probe->handled = true;
  if (curl_easy_getinfo(probe->request.response.easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK ||
      !session || !session->internals) {
    seen->tls = MTASTS_TLS_FAILED;
    set_detail(probe, "libcurl does not show its TLS session");
    return CURL_PREREQFUNC_ABORT;
  }
  const SSL *tls = session->internals;
  bool old = SSL_version(tls) < TLS1_2_VERSION;
  seen->tls = old ? MTASTS_TLS_TOO_OLD : MTASTS_TLS_DONE;
  mtasts_certificate_facts(tls, &certificate, &seen->certificate);
  if (old)
    seen->detail = mtasts_arena_printf(options->arena, "the server has nothing newer than %s",
                                       SSL_get_version(tls));
  return !old && mtasts_certificate_is_good(&seen->certificate, options->now)
             ? CURL_PREREQFUNC_OK
             : CURL_PREREQFUNC_ABORT;
}

static long left_of(const struct mtasts_https_probe *probe, uint64_t milliseconds) {
  uint64_t gone = (mtasts_clock_us() - probe->started) / 1000;
  return gone < milliseconds ? (long)(milliseconds - gone) : 1;
}

/* Makes the request over a connected socket, or by the proxy. */
static bool start_request(struct mtasts_https_probe *probe, int fd) {
  const struct mtasts_https_prober_options *options = &probe->prober->options;
  struct mtasts_response *response = &probe->request.response;
  const struct mtasts_policy_request_options request = {
      .trust = options->trust,
      .socket = fd,
      .address = &probe->seen.address,
      .proxy = options->proxy,
      .timeout = left_of(probe, options->timeout),
      .connect_timeout = left_of(probe, options->timeout / 2), /* as in a fetch */
      .item = probe,
  };
  response->tls.host = probe->host;
  response->tls.any_certificate = true;
  response->started = probe->started;
  probe->in_loop =
      mtasts_policy_request_set_up(&probe->request, &request) &&
      curl_easy_setopt(response->easy, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK &&
      curl_easy_setopt(response->easy, CURLOPT_PREREQDATA, probe) == CURLE_OK &&
      mtasts_curl_loop_add(probe->prober->loop, response->easy);
  return probe->in_loop;
}

static void on_connected(void *context, enum mtasts_seen_connect outcome, int fd, int error) {
  struct mtasts_https_probe *probe = context;
  probe->connecting = NULL;
  probe->seen.connect = outcome;
  if (outcome != MTASTS_CONNECT_DONE) {
    set_detail(probe, strerrordesc_np(error));
    finish(probe);
  } else if (!start_request(probe, fd)) {
    lack_memory(probe);
    finish(probe);
  }
}

/* The address is a private one. */
static void on_refused(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  finish(context);
}

static bool begin(struct mtasts_https_probe *probe, const struct in6_addr *address) {
  const struct mtasts_https_prober_options *options = &probe->prober->options;
  const struct mtasts_tcp_connect_options connect = {
      .base = probe->prober->base,
      .address = probe->seen.address,
      .port = MTASTS_HTTPS_PORT,
      .timeout = options->timeout / 2, /* as in a fetch */
      .done = on_connected,
      .context = probe,
  };
  if (!address)
    return start_request(probe, -1);
  probe->seen.private_address = !options->allow_private && !mtasts_address_global(address);
  if (!probe->seen.private_address)
    return mtasts_tcp_connect_start(&connect, &probe->connecting) == MTASTS_OK;
  probe->refusal = evtimer_new(probe->prober->base, on_refused, probe);
  if (probe->refusal)
    event_active(probe->refusal, EV_TIMEOUT, 0);
  return probe->refusal != NULL;
}

enum mtasts_status mtasts_https_probe_start(struct mtasts_https_prober *prober, const char *host,
                                            const struct in6_addr *address,
                                            mtasts_https_probe_fn *done, void *context,
                                            struct mtasts_https_probe **probe) {
  struct mtasts_https_probe *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->prober = prober;
  made->done = done;
  made->context = context;
  made->host = host;
  made->started = mtasts_clock_us();
  made->request.socket = -1;
  if (address)
    made->seen.address = *address;
  if (!begin(made, address)) {
    mtasts_https_probe_cancel(made);
    return MTASTS_NO_MEMORY;
  }
  *probe = made;
  return MTASTS_OK;
}

/* the prober */

enum mtasts_status mtasts_https_prober_new(struct event_base *base,
                                           const struct mtasts_https_prober_options *options,
                                           char error[MTASTS_ERROR_TEXT],
                                           struct mtasts_https_prober **prober) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  struct mtasts_https_prober *made = context ? calloc(1, sizeof *made) : NULL;
  if (!made) {
    SSL_CTX_free(context);
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
    return MTASTS_NO_MEMORY;
  }
  made->options = *options;
  made->base = base;
  made->level = SSL_CTX_get_security_level(context);
  SSL_CTX_free(context);
  enum mtasts_status status = mtasts_curl_loop_new(base, end, error, &made->loop);
  if (status != MTASTS_OK) {
    free(made);
    return status;
  }
  signal(SIGPIPE, SIG_IGN);
  *prober = made;
  return MTASTS_OK;
}

void mtasts_https_prober_free(struct mtasts_https_prober *prober) {
  if (!prober)
    return;
  mtasts_curl_loop_free(prober->loop);
  free(prober);
}
