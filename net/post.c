#include "post.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "ascii.h"
#include "ca_bundle.h"
#include "certificate.h"
#include "connect.h"
#include "curl_loop.h"
#include "dns_message.h"
#include "printable.h"
#include "resolver.h"

enum {
  HEADER_BYTES_MAX = 65536,
  BODY_BYTES_MAX = 65536, /* of the answer, which is not used */
  A = 0,
  AAAA = 1,
  FAMILIES = 2,
};

struct mtasts_poster {
  struct mtasts_curl_loop *transfers;
  struct event_base *base;
  struct mtasts_resolver *resolver;
  struct mtasts_ca_bundle *trust;
  char *proxy; /* "" for none */
  uint32_t timeout;
  bool allow_private;
  LIST_HEAD(post_list, mtasts_post) posts;
};

/* One connection, and libcurl's work on it. */
struct transfer {
  CURL *easy; /* NULL: none is in flight */
  CURLSH *share;
  struct curl_slist *pin;
  struct curl_slist *fields;
  struct mtasts_tls_watch tls;
  int socket; /* connected; -1: it is libcurl's, or libcurl makes one to the proxy */
  bool connected;
  bool in_body; /* the header of the answer is complete */
  size_t header_bytes;
  size_t body_bytes;
  char curl_error[CURL_ERROR_SIZE];
};

struct mtasts_post {
  LIST_ENTRY(mtasts_post) link;
  struct mtasts_poster *poster;
  struct mtasts_post_options options;
  struct mtasts_dns_query *queries[FAMILIES];
  struct mtasts_connector *connector; /* NULL: by a proxy */
  struct event *limit;
  struct transfer transfer;
  struct in6_addr refused; /* an address that may not be used; unspecified: none */
  bool any_usable;
  struct mtasts_post_answer failure; /* of the DNS, or of a connection that failed */
  char host[MTASTS_DOMAIN_MAX + 1];
  char *url;
};

/* its life */

static void transfer_end(struct mtasts_post *post) {
  struct transfer *transfer = &post->transfer;
  if (transfer->easy) {
    mtasts_curl_loop_remove(post->poster->transfers, transfer->easy);
    curl_easy_cleanup(transfer->easy);
  }
  mtasts_certificate_unwatch(&transfer->tls);
  if (transfer->share)
    curl_share_cleanup(transfer->share);
  curl_slist_free_all(transfer->pin);
  curl_slist_free_all(transfer->fields);
  if (transfer->socket >= 0)
    close(transfer->socket);
  *transfer = (struct transfer){.socket = -1};
}

static void post_free(struct mtasts_post *post) {
  LIST_REMOVE(post, link);
  transfer_end(post);
  for (unsigned i = 0; i < FAMILIES; i++)
    mtasts_resolver_cancel(post->queries[i]);
  mtasts_connector_free(post->connector);
  if (post->limit)
    event_free(post->limit);
  free(post->url);
  free(post);
}

void mtasts_post_cancel(struct mtasts_post *post) {
  if (post)
    post_free(post);
}

/* Frees the post and then calls back: the callback may start and cancel others. */
static void finish(struct mtasts_post *post, const struct mtasts_post_answer *answer) {
  const struct mtasts_post_answer copy = *answer;
  mtasts_post_fn *done = post->options.done;
  void *context = post->options.context;
  post_free(post);
  done(context, &copy);
}

__attribute__((format(printf, 2, 3))) static void say(struct mtasts_post_answer *answer,
                                                      const char *format, ...) {
  char text[2 * MTASTS_DETAIL_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  mtasts_printable(mtasts_span_of(text), answer->detail, sizeof answer->detail);
}

static bool asks_dns(const struct mtasts_post *post) {
  return post->queries[A] || post->queries[AAAA];
}

/* Ends a post that has no connection and no address left. */
static void give_up(struct mtasts_post *post) {
  struct mtasts_post_answer answer = post->failure;
  int error = post->connector ? mtasts_connector_error(post->connector) : 0;
  char text[INET6_ADDRSTRLEN];
  if (!answer.detail[0] && post->any_usable)
    say(&answer, "cannot connect to %s: %s", post->host,
        error != 0 ? strerrordesc_np(error) : "it does not answer");
  else if (!answer.detail[0] && IN6_IS_ADDR_UNSPECIFIED(&post->refused))
    say(&answer, "%s has no address", post->host);
  else if (!post->any_usable && !IN6_IS_ADDR_UNSPECIFIED(&post->refused)) {
    mtasts_address_text(&post->refused, text, sizeof text);
    say(&answer, "address %s of %s is private, not globally routable; see https.allow_private",
        text, post->host);
  }
  finish(post, &answer);
}

/* No connection is in flight: the next address, or the end. */
static void go_on(struct mtasts_post *post) {
  if (mtasts_connector_has_more(post->connector))
    mtasts_connector_go(post->connector);
  else if (!asks_dns(post))
    give_up(post);
}

/* the answer */

/* Describes how far the post got. */
static const char *describe_silence(const struct mtasts_post *post) {
  if (asks_dns(post) && !post->any_usable)
    return "the DNS did not give its address";
  if (!post->transfer.easy || (!post->transfer.connected && post->connector))
    return "it did not accept a connection";
  return post->transfer.tls.secured ? "it did not answer" : "it did not finish the TLS handshake";
}

/* The whole report must have left before the answer: a status alone proves nothing. */
static bool has_sent_all(const struct mtasts_post *post) {
  curl_off_t sent = 0;
  curl_easy_getinfo(post->transfer.easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent == (curl_off_t)post->options.body.len;
}

/* Is the header of the final answer complete? */
static bool has_answer(const struct mtasts_post *post) {
  const struct transfer *transfer = &post->transfer;
  long status = 0;
  if (!transfer->easy || !transfer->in_body || !transfer->tls.secured)
    return false;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200;
}

static void evaluate(const struct mtasts_post *post, CURLcode result,
                     struct mtasts_post_answer *answer) {
  const struct transfer *transfer = &post->transfer;
  const char *text = transfer->curl_error[0] ? transfer->curl_error : curl_easy_strerror(result);
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  answer->status = transfer->in_body && status >= 200 ? status : 0;
  if (transfer->tls.detail[0])
    say(answer, "%s", transfer->tls.detail);
  else if (answer->status >= 300 && answer->status < 400)
    say(answer, "HTTP status %ld from %s: a redirect is not followed", status, post->host);
  else if (answer->status >= 400)
    say(answer, "HTTP status %ld from %s", status, post->host);
  else if (answer->status != 0 && has_sent_all(post))
    answer->taken = true; /* RFC 8460 section 5.4, whatever comes behind the header */
  else if (transfer->header_bytes > HEADER_BYTES_MAX)
    say(answer, "%s sends more than %d bytes of header", post->host, HEADER_BYTES_MAX);
  else if (result == CURLE_OK && answer->status == 0)
    say(answer, "%s ended the connection before its answer was complete", post->host);
  else if (result == CURLE_OK)
    say(answer, "%s did not take the whole report", post->host);
  else
    say(answer, "%s: %s", post->host, text);
}

/* A status that came in time counts, also if the body behind it does not end. */
static void on_limit(evutil_socket_t fd, short what, void *context) {
  struct mtasts_post *post = context;
  struct mtasts_post_answer answer = {.taken = false};
  (void)fd;
  (void)what;
  if (has_answer(post))
    evaluate(post, CURLE_OPERATION_TIMEDOUT, &answer);
  else
    say(&answer, "%s: %s within %u s", post->host, describe_silence(post),
        (unsigned)post->poster->timeout);
  finish(post, &answer);
}

static void on_done(void *context, CURLcode result) {
  struct mtasts_post *post = context;
  struct mtasts_post_answer answer = {.taken = false};
  const struct transfer *transfer = &post->transfer;
  evaluate(post, result, &answer);
  bool repeatable = !transfer->tls.secured && !transfer->tls.detail[0];
  if (!post->connector || !repeatable ||
      (!mtasts_connector_has_more(post->connector) && !asks_dns(post))) {
    finish(post, &answer);
    return;
  }
  post->failure = answer;
  transfer_end(post);
  go_on(post);
}

/* callbacks of libcurl */

static size_t drop_body(char *data, size_t unit, size_t count, void *context) {
  struct transfer *transfer = context;
  (void)data;
  transfer->body_bytes += unit * count;
  return transfer->body_bytes > BODY_BYTES_MAX ? 0 : unit * count;
}

/* Takes one line of the header. The headers of interim answers and of a proxy come first. The
 * transfer ends with the header: the server may keep the connection open behind it. */
static size_t take_header(char *data, size_t unit, size_t count, void *context) {
  struct mtasts_post *post = context;
  struct transfer *transfer = &post->transfer;
  struct mtasts_span line = {data, unit * count};
  transfer->header_bytes += line.len;
  if (transfer->header_bytes > HEADER_BYTES_MAX)
    return 0;
  if (mtasts_span_starts(line, MTASTS_SPAN("HTTP/")))
    transfer->in_body = false;
  else if (mtasts_span_equal(line, MTASTS_SPAN("\r\n")) ||
           mtasts_span_equal(line, MTASTS_SPAN("\n")))
    transfer->in_body = true;
  return has_answer(post) && has_sent_all(post) ? 0 : line.len;
}

static CURLcode set_up_tls(CURL *easy, void *tls, void *context) {
  struct mtasts_post *post = context;
  X509_STORE *store = mtasts_ca_bundle_store(post->poster->trust);
  (void)easy;
  post->transfer.connected = true;
  if (X509_STORE_up_ref(store) != 1)
    return CURLE_OUT_OF_MEMORY;
  SSL_CTX_set_cert_store(tls, store);
  return mtasts_certificate_watch(tls, &post->transfer.tls) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* Gives libcurl the connected socket. libcurl may itself open a socket to a proxy. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to) {
  struct mtasts_post *post = context;
  if (purpose == CURLSOCKTYPE_IPCXN && !post->connector)
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  int fd = post->transfer.socket;
  post->transfer.socket = -1;
  if (fd < 0)
    errno = EACCES;
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int set_up_socket(void *context, curl_socket_t fd, curlsocktype purpose) {
  const struct mtasts_post *post = context;
  (void)fd;
  (void)purpose;
  return post->connector ? CURL_SOCKOPT_ALREADY_CONNECTED : CURL_SOCKOPT_OK;
}

/* Stops libcurl from using its own resolver. */
static int refuse_to_resolve(void *resolver, void *reserved, void *context) {
  (void)resolver;
  (void)reserved;
  (void)context;
  return 1;
}

/* starting */

/* The host's address for libcurl, and a table of addresses of its own for it. */
static bool pin(struct mtasts_post *post, const struct in6_addr *address) {
  char text[INET6_ADDRSTRLEN];
  char entry[sizeof post->host + sizeof ":65535:[]" + sizeof text];
  struct transfer *transfer = &post->transfer;
  transfer->share = curl_share_init();
  if (!transfer->share ||
      curl_share_setopt(transfer->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK)
    return false;
  if (!address)
    return true;
  mtasts_address_text(address, text, sizeof text);
  snprintf(entry, sizeof entry, strchr(text, ':') ? "%s:%u:[%s]" : "%s:%u:%s", post->host,
           (unsigned)post->options.port, text);
  transfer->pin = curl_slist_append(NULL, entry);
  return transfer->pin != NULL;
}

static bool add_fields(struct mtasts_post *post) {
  char type[128];
  struct transfer *transfer = &post->transfer;
  snprintf(type, sizeof type, "Content-Type: %s", post->options.type);
  transfer->fields = curl_slist_append(NULL, type);
  return transfer->fields && curl_slist_append(transfer->fields, "Expect:");
}

static bool set_up(struct mtasts_post *post, const struct in6_addr *address) {
  const struct mtasts_poster *poster = post->poster;
  struct transfer *transfer = &post->transfer;
  CURL *easy = transfer->easy;
  transfer->tls.host = post->host;
  if (!pin(post, address) || !add_fields(post))
    return false;
  bool ok = true;
#define SET(option, value) (ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok)
  SET(CURLOPT_URL, post->url);
  SET(CURLOPT_PROTOCOLS_STR, "https");
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_USERAGENT, "mtasts/" MTASTS_VERSION);
  SET(CURLOPT_POST, 1L);
  SET(CURLOPT_POSTFIELDS, post->options.body.data);
  SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->options.body.len);
  SET(CURLOPT_HTTPHEADER, transfer->fields);
  SET(CURLOPT_WRITEFUNCTION, drop_body);
  SET(CURLOPT_WRITEDATA, transfer);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_HEADERDATA, post);
  SET(CURLOPT_ERRORBUFFER, transfer->curl_error);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_PRIVATE, post);
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_PROXY, poster->proxy); /* "" also ignores the proxies of the environment */
  SET(CURLOPT_NOPROXY, "");
  SET(CURLOPT_SHARE, transfer->share);
  SET(CURLOPT_RESOLVE, transfer->pin);
  if (address)
    SET(CURLOPT_RESOLVER_START_FUNCTION, refuse_to_resolve);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_OPENSOCKETDATA, post);
  SET(CURLOPT_SOCKOPTFUNCTION, set_up_socket);
  SET(CURLOPT_SOCKOPTDATA, post);
  SET(CURLOPT_FRESH_CONNECT, 1L);
  SET(CURLOPT_FORBID_REUSE, 1L);
  SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a resumed session is not verified */
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_CA_CACHE_TIMEOUT, 0L); /* set_up_tls sets the certificates */
  SET(CURLOPT_CAINFO, NULL);
  SET(CURLOPT_CAPATH, NULL);
  SET(CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
  SET(CURLOPT_SSL_CTX_DATA, post);
#undef SET
  return ok;
}

/* Starts a transfer by the proxy, or on a connected socket, which it owns. False: no memory. */
static bool transfer_start(struct mtasts_post *post, int fd, const struct in6_addr *address) {
  struct transfer *transfer = &post->transfer;
  CURL *easy = curl_easy_init();
  transfer->socket = fd;
  transfer->easy = easy;
  if (easy && set_up(post, address) && mtasts_curl_loop_add(post->poster->transfers, easy))
    return true;
  transfer_end(post);
  return false;
}

static void on_connected(void *context, int fd, const struct in6_addr *address) {
  struct mtasts_post *post = context;
  if (transfer_start(post, fd, address))
    return;
  say(&post->failure, "%s: out of memory", post->host);
  go_on(post);
}

static void on_exhausted(void *context) {
  struct mtasts_post *post = context;
  if (!post->transfer.easy)
    go_on(post);
}

/* An IPv4 address is stored mapped. */
static bool read_address(const struct mtasts_rr *rr, unsigned which, struct in6_addr *address) {
  static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
  const size_t size = which == A ? 4 : 16;
  if (rr->rdata_size != size)
    return false;
  memcpy(address->s6_addr, mapped, sizeof mapped);
  memcpy(address->s6_addr + sizeof *address - size, rr->message + rr->rdata, size);
  return true;
}

static void take_addresses(struct mtasts_post *post, unsigned which,
                           const struct mtasts_dns_answer *answer) {
  struct mtasts_rr rr;
  struct in6_addr address;
  size_t cursor = 0;
  post->queries[which] = NULL;
  if (answer->outcome == MTASTS_DNS_ANSWER)
    while (mtasts_dns_message_next(&answer->message, &cursor, &rr)) {
      if (!read_address(&rr, which, &address))
        continue;
      if (mtasts_connector_add(post->connector, &address))
        post->any_usable = true;
      else if (IN6_IS_ADDR_UNSPECIFIED(&post->refused))
        post->refused = address;
    }
  else if (answer->detail[0])
    say(&post->failure, "%s", answer->detail);
  if (!post->transfer.easy)
    go_on(post);
}

static void take_a(void *context, const struct mtasts_dns_answer *answer) {
  take_addresses(context, A, answer);
}

static void take_aaaa(void *context, const struct mtasts_dns_answer *answer) {
  take_addresses(context, AAAA, answer);
}

/* Begins to look the host up. Returns false without memory. */
static bool begin(struct mtasts_post *post) {
  const struct mtasts_poster *poster = post->poster;
  const struct mtasts_connector_options options = {
      .port = post->options.port,
      .allow_private = poster->allow_private,
      .connected = on_connected,
      .exhausted = on_exhausted,
      .context = post,
  };
  post->limit = evtimer_new(poster->base, on_limit, post);
  if (!post->limit || event_add(post->limit, &(struct timeval){.tv_sec = poster->timeout}) != 0)
    return false;
  if (poster->proxy[0])
    return transfer_start(post, -1, NULL);
  post->connector = mtasts_connector_new(poster->base, &options);
  return post->connector &&
         mtasts_resolver_ask(poster->resolver, post->host, MTASTS_RR_A, take_a, post,
                             &post->queries[A]) == MTASTS_OK &&
         mtasts_resolver_ask(poster->resolver, post->host, MTASTS_RR_AAAA, take_aaaa, post,
                             &post->queries[AAAA]) == MTASTS_OK;
}

static void renew_bundle(struct mtasts_poster *poster) {
  char words[MTASTS_CA_BUNDLE_TEXT];
  (void)mtasts_ca_bundle_look(poster->trust, false, words); /* the old one stays if it is broken */
}

enum mtasts_status mtasts_post_start(struct mtasts_poster *poster,
                                     const struct mtasts_post_options *options,
                                     struct mtasts_post **post) {
  struct mtasts_post *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->poster = poster;
  made->options = *options;
  made->transfer.socket = -1;
  made->url = strdup(options->url);
  snprintf(made->host, sizeof made->host, "%s", options->host);
  LIST_INSERT_HEAD(&poster->posts, made, link);
  renew_bundle(poster);
  if (!made->url || !begin(made)) {
    post_free(made);
    return MTASTS_NO_MEMORY;
  }
  *post = made;
  return MTASTS_OK;
}

/* the poster */

static const char *bundle_of(const struct mtasts_poster_options *options) {
  if (options->ca_file && options->ca_file[0])
    return options->ca_file;
  const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
  return built_in ? built_in : "/etc/ssl/certs/ca-certificates.crt";
}

enum mtasts_status mtasts_poster_new(struct event_base *base,
                                     const struct mtasts_poster_options *options,
                                     char error[MTASTS_ERROR_TEXT], struct mtasts_poster **poster) {
  struct mtasts_ca_bundle *trust = NULL;
  char words[MTASTS_CA_BUNDLE_TEXT];
  enum mtasts_status status = mtasts_ca_bundle_new(bundle_of(options), words, &trust);
  struct mtasts_poster *made = status == MTASTS_OK ? calloc(1, sizeof *made) : NULL;
  if (!made) {
    snprintf(error, MTASTS_ERROR_TEXT, "%.*s", MTASTS_ERROR_TEXT - 1,
             status == MTASTS_OK ? "out of memory" : words);
    mtasts_ca_bundle_free(trust);
    return status == MTASTS_OK ? MTASTS_NO_MEMORY : status;
  }
  LIST_INIT(&made->posts);
  made->base = base;
  made->trust = trust;
  made->resolver = options->resolver;
  made->timeout = options->timeout ? options->timeout : 1;
  made->allow_private = options->allow_private;
  made->proxy = strdup(options->proxy ? options->proxy : "");
  if (made->proxy)
    status = mtasts_curl_loop_new(base, on_done, error, &made->transfers);
  else
    snprintf(error, MTASTS_ERROR_TEXT, "out of memory");
  if (!made->transfers) {
    mtasts_poster_free(made);
    return status == MTASTS_OK ? MTASTS_NO_MEMORY : status;
  }
  signal(SIGPIPE, SIG_IGN);
  *poster = made;
  return MTASTS_OK;
}

void mtasts_poster_free(struct mtasts_poster *poster) {
  struct mtasts_post *next;
  if (!poster)
    return;
  for (struct mtasts_post *post = LIST_FIRST(&poster->posts); post; post = next) {
    next = LIST_NEXT(post, link);
    post_free(post);
  }
  mtasts_curl_loop_free(poster->transfers);
  free(poster->proxy);
  mtasts_ca_bundle_free(poster->trust);
  free(poster);
}
