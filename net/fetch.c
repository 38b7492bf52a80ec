#include "fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "address.h"
#include "ascii.h"
#include "certificate.h"
#include "printable.h"

enum {
  ERROR_SIZE = 256,
  HTTPS_PORT = 443,
  HEADER_BYTES_MAX = 65536,
  BUFFER_SIZE = 4096, /* libcurl's, for each fetch in flight */
  BODY_FIRST = 1024,
};

struct mtasts_fetcher {
  CURLM *multi;
  struct event_base *base;
  struct event *timer;
  char *ca_file;
  char *proxy; /* "" for none */
  uint32_t timeout;
  bool allow_private;
  LIST_HEAD(fetch_list, mtasts_fetch) fetches;
};

struct mtasts_fetch {
  LIST_ENTRY(mtasts_fetch) link;
  struct mtasts_fetcher *fetcher;
  mtasts_fetch_fn *callback;
  void *context;
  CURL *easy;
  CURLSH *share; /* holds the table of addresses, for this fetch alone */
  struct curl_slist *pins;
  struct event *refusal; /* where there is nothing to connect to */
  struct in6_addr addresses[MTASTS_FETCH_ADDRESSES];
  size_t address_count;
  uint32_t time_left; /* milliseconds */
  size_t header_bytes;
  char *body;
  size_t size;
  size_t capacity;
  bool connected; /* TCP */
  bool too_large;
  struct mtasts_certificate_fault fault;
  char curl_error[CURL_ERROR_SIZE];
  char host[MTASTS_DOMAIN_MAX + 1];
};

/* the answer */

__attribute__((format(printf, 3, 4))) static void
fail(struct mtasts_fetch_answer *answer, enum mtasts_error error, const char *format, ...) {
  char text[2 * MTASTS_DETAIL_MAX];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  answer->error = error;
  mtasts_printable((struct mtasts_span){text, length < 0 ? 0 : strlen(text)}, answer->detail,
                   sizeof answer->detail);
}

/* Are all fields of that name just this word, by letter case ignored, up to a `;`? *count is how
 * many there are; *value the last of them. */
static bool fields_are(struct mtasts_fetch *fetch, const char *name, struct mtasts_span word,
                       size_t *count, const char **value) {
  struct curl_header *field;
  bool all = true;
  *value = "";
  for (*count = 0;
       curl_easy_header(fetch->easy, name, *count, CURLH_HEADER, -1, &field) == CURLHE_OK;
       ++*count) {
    size_t length = strcspn(field->value, ";");
    while (length > 0 && mtasts_is_wsp(field->value[length - 1]))
      length--;
    bool same = length == word.len;
    for (size_t i = 0; same && i < length; i++)
      same = mtasts_lower(field->value[i]) == word.data[i];
    all = all && same;
    *value = field->value;
  }
  return all;
}

/* RFC 8461 section 3.3: text/plain. A coding was not asked for, and can hide a large body. */
static void judge_header(struct mtasts_fetch *fetch, struct mtasts_fetch_answer *answer) {
  size_t count;
  const char *value;
  if (!fields_are(fetch, "Content-Type", MTASTS_SPAN("text/plain"), &count, &value))
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s sends media type %s, not text/plain", fetch->host,
         value);
  else if (count != 1)
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s sends %s", fetch->host,
         count ? "several media types" : "no media type; text/plain is required");
  else if (!fields_are(fetch, "Content-Encoding", MTASTS_SPAN("identity"), &count, &value) ||
           !fields_are(fetch, "Transfer-Encoding", MTASTS_SPAN("chunked"), &count, &value))
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s sends the policy in coding %s, unasked",
         fetch->host, value);
}

/* How far did it get before the time was over? */
static void judge_timeout(struct mtasts_fetch *fetch, struct mtasts_fetch_answer *answer) {
  curl_off_t secured = 0;
  curl_off_t total = 0;
  curl_easy_getinfo(fetch->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
  curl_easy_getinfo(fetch->easy, CURLINFO_TOTAL_TIME_T, &total);
  const char *what = "did not send its policy";
  answer->unreached = !fetch->connected;
  if (answer->unreached)
    what = "did not accept a connection";
  else if (secured == 0)
    what = "did not finish the TLS handshake";
  fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s %s within %.1f s", fetch->host, what,
       (double)total / 1e6);
}

static void judge_failure(struct mtasts_fetch *fetch, CURLcode result,
                          struct mtasts_fetch_answer *answer) {
  const char *words = fetch->curl_error[0] ? fetch->curl_error : curl_easy_strerror(result);
  long error = 0;
  switch ((int)result) {
  case CURLE_PEER_FAILED_VERIFICATION:
    fail(answer, MTASTS_ERROR_WEBPKI_INVALID, "certificate of %s is refused: %s", fetch->host,
         words);
    break;
  case CURLE_SSL_CONNECT_ERROR:
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "TLS handshake with %s failed: %s", fetch->host, words);
    break;
  case CURLE_OPERATION_TIMEDOUT:
    judge_timeout(fetch, answer);
    break;
  case CURLE_COULDNT_CONNECT:
    answer->unreached = true;
    curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &error);
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "cannot connect to %s: %s", fetch->host,
         error > 0 ? strerrordesc_np((int)error) : words);
    break;
  default:
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "fetching from %s: %s", fetch->host, words);
  }
}

static void judge(struct mtasts_fetch *fetch, CURLcode result, struct mtasts_fetch_answer *answer) {
  curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &answer->status);
  if (answer->status > 0 && answer->status < 200)
    answer->status = 0; /* interim only */
  if (fetch->fault.detail[0])
    fail(answer, MTASTS_ERROR_WEBPKI_INVALID, "%s", fetch->fault.detail);
  else if (answer->status >= 300 && answer->status < 400)
    /* RFC 8461 section 3.3: redirects MUST NOT be followed */
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "HTTP status %ld from %s: a redirect is not followed",
         answer->status, fetch->host);
  else if (answer->status != 0 && answer->status != 200)
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "HTTP status %ld from %s", answer->status, fetch->host);
  else if (fetch->header_bytes > HEADER_BYTES_MAX)
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "%s sends more than %d bytes of header", fetch->host,
         HEADER_BYTES_MAX);
  else if (fetch->too_large || result == CURLE_FILESIZE_EXCEEDED)
    fail(answer, MTASTS_ERROR_POLICY_FETCH, "policy of %s is larger than %d bytes", fetch->host,
         MTASTS_POLICY_MAX);
  else if (result != CURLE_OK)
    judge_failure(fetch, result, answer);
  else
    judge_header(fetch, answer);
  if (answer->error == MTASTS_ERROR_NONE)
    answer->body = (struct mtasts_span){fetch->body ? fetch->body : "", fetch->size};
}

/* the life of a fetch */

static void fetch_free(struct mtasts_fetch *fetch) {
  LIST_REMOVE(fetch, link);
  if (fetch->easy) {
    curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
    curl_easy_cleanup(fetch->easy);
  }
  if (fetch->share)
    curl_share_cleanup(fetch->share);
  curl_slist_free_all(fetch->pins);
  if (fetch->refusal)
    event_free(fetch->refusal);
  free(fetch->body);
  free(fetch);
}

/* Calls back, and frees what the callback no longer needs; it may start and cancel others. */
static void finish(struct mtasts_fetch *fetch, const struct mtasts_fetch_answer *answer) {
  mtasts_fetch_fn *callback = fetch->callback;
  void *context = fetch->context;
  char *body = fetch->body;
  fetch->body = NULL;
  fetch_free(fetch);
  callback(context, answer);
  free(body);
}

static void collect(struct mtasts_fetcher *fetcher) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(fetcher->multi, &left))) {
    struct mtasts_fetch *fetch = NULL;
    struct mtasts_fetch_answer answer = {.error = MTASTS_ERROR_NONE};
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&fetch);
    judge(fetch, message->data.result, &answer);
    finish(fetch, &answer);
  }
}

void mtasts_fetch_cancel(struct mtasts_fetch *fetch) {
  if (fetch)
    fetch_free(fetch);
}

/* what libcurl calls */

static size_t take_body(char *data, size_t unit, size_t count, void *context) {
  struct mtasts_fetch *fetch = context;
  size_t size = unit * count;
  long status = 0;
  curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return 0;
  if (size > MTASTS_POLICY_MAX - fetch->size) {
    fetch->too_large = true;
    return 0;
  }
  if (fetch->size + size > fetch->capacity) {
    size_t capacity = fetch->capacity ? fetch->capacity : BODY_FIRST;
    while (capacity < fetch->size + size)
      capacity *= 2;
    char *grown = realloc(fetch->body, capacity);
    if (!grown)
      return 0;
    fetch->body = grown;
    fetch->capacity = capacity;
  }
  memcpy(fetch->body + fetch->size, data, size);
  fetch->size += size;
  return size;
}

static size_t take_header(char *data, size_t unit, size_t count, void *context) {
  struct mtasts_fetch *fetch = context;
  (void)data;
  fetch->header_bytes += unit * count;
  return fetch->header_bytes > HEADER_BYTES_MAX ? 0 : unit * count;
}

static CURLcode set_up_tls(CURL *easy, void *tls, void *context) {
  struct mtasts_fetch *fetch = context;
  (void)easy;
  fetch->connected = true;
  return mtasts_certificate_watch(tls, &fetch->fault) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* An address as one of IPv6. Returns false for other families and ports. */
static bool read_address(const struct sockaddr *socket, struct in6_addr *address) {
  if (socket->sa_family == AF_INET6) {
    struct sockaddr_in6 ipv6;
    memcpy(&ipv6, socket, sizeof ipv6);
    *address = ipv6.sin6_addr;
    return ntohs(ipv6.sin6_port) == HTTPS_PORT;
  }
  if (socket->sa_family != AF_INET)
    return false;
  struct sockaddr_in ipv4;
  memcpy(&ipv4, socket, sizeof ipv4);
  *address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
  memcpy(&address->s6_addr[12], &ipv4.sin_addr, sizeof ipv4.sin_addr);
  return ntohs(ipv4.sin_port) == HTTPS_PORT;
}

static bool may_connect(const struct mtasts_fetcher *fetcher, const struct in6_addr *address) {
  return fetcher->allow_private || mtasts_address_global(address);
}

/* The last word on where a connection goes: whatever libcurl believes, only to an address that
 * was pinned, and that is allowed. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to) {
  const struct mtasts_fetch *fetch = context;
  struct in6_addr address;
  bool pinned = !mtasts_fetcher_needs_addresses(fetch->fetcher);
  if (!pinned && read_address(&to->addr, &address) && may_connect(fetch->fetcher, &address))
    for (size_t i = 0; i < fetch->address_count && !pinned; i++)
      pinned = memcmp(&address, &fetch->addresses[i], sizeof address) == 0;
  if (purpose != CURLSOCKTYPE_IPCXN || !pinned) {
    errno = EACCES;
    return CURL_SOCKET_BAD;
  }
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* libcurl's own resolver is about to be used: never. */
static int refuse_to_resolve(void *resolver, void *reserved, void *context) {
  (void)resolver;
  (void)reserved;
  (void)context;
  return 1;
}

/* starting */

bool mtasts_fetcher_needs_addresses(const struct mtasts_fetcher *fetcher) {
  return fetcher->proxy[0] == '\0';
}

/* What tells libcurl the addresses of the host; nothing where a proxy looks them up. */
static bool pin(struct mtasts_fetch *fetch) {
  if (fetch->address_count == 0)
    return true;
  char entry[sizeof fetch->host +
             sizeof ":443:" + MTASTS_FETCH_ADDRESSES * (INET6_ADDRSTRLEN + sizeof "[],")];
  size_t length = (size_t)snprintf(entry, sizeof entry, "%s:%d:", fetch->host, HTTPS_PORT);
  for (size_t i = 0; i < fetch->address_count; i++) {
    const struct in6_addr *address = &fetch->addresses[i];
    char text[INET6_ADDRSTRLEN];
    bool mapped = IN6_IS_ADDR_V4MAPPED(address);
    inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? &address->s6_addr[12] : address->s6_addr, text,
              sizeof text);
    length += (size_t)snprintf(entry + length, sizeof entry - length, mapped ? "%s%s" : "%s[%s]",
                               i ? "," : "", text);
  }
  fetch->pins = curl_slist_append(NULL, entry);
  return fetch->pins != NULL;
}

static bool set_up(struct mtasts_fetch *fetch) {
  const struct mtasts_fetcher *fetcher = fetch->fetcher;
  char url[sizeof fetch->host + sizeof "https:///.well-known/mta-sts.txt"];
  CURL *easy = fetch->easy = curl_easy_init();
  fetch->share = curl_share_init();
  if (!easy || !fetch->share || !pin(fetch) ||
      curl_share_setopt(fetch->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) != CURLSHE_OK)
    return false;
  snprintf(url, sizeof url, "https://%s/.well-known/mta-sts.txt", fetch->host);
  bool ok = true;
#define SET(option, value) (ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok)
  SET(CURLOPT_URL, url);
  SET(CURLOPT_PROTOCOLS_STR, "https");
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_USERAGENT, "mtasts/" MTASTS_VERSION);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_PRIVATE, fetch);
  SET(CURLOPT_ERRORBUFFER, fetch->curl_error);
  SET(CURLOPT_TIMEOUT_MS, (long)fetch->time_left);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)fetcher->timeout * 1000 / 2);
  SET(CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
  SET(CURLOPT_MAXFILESIZE, (long)MTASTS_POLICY_MAX);
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, fetch);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_HEADERDATA, fetch);
  /* "" keeps the environment's proxies out as well */
  SET(CURLOPT_PROXY, fetcher->proxy);
  SET(CURLOPT_NOPROXY, "");
  SET(CURLOPT_SHARE, fetch->share);
  SET(CURLOPT_RESOLVE, fetch->pins);
  if (mtasts_fetcher_needs_addresses(fetcher))
    SET(CURLOPT_RESOLVER_START_FUNCTION, refuse_to_resolve);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_OPENSOCKETDATA, fetch);
  SET(CURLOPT_FRESH_CONNECT, 1L);
  SET(CURLOPT_FORBID_REUSE, 1L);
  SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a resumed session is not verified */
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  /* The multi handle keeps the parsed bundle only where there is no path (facts/lab.md). */
  SET(CURLOPT_CAINFO, fetcher->ca_file);
  SET(CURLOPT_CAPATH, NULL);
  SET(CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
  SET(CURLOPT_SSL_CTX_DATA, fetch);
#undef SET
  return ok;
}

/* Answers from the loop where there is no address to connect to. */
static void refuse(evutil_socket_t socket, short what, void *context) {
  struct mtasts_fetch *fetch = context;
  struct mtasts_fetch_answer answer = {.unreached = true};
  char text[INET6_ADDRSTRLEN];
  (void)socket;
  (void)what;
  const struct in6_addr *first = &fetch->addresses[0];
  bool mapped = IN6_IS_ADDR_V4MAPPED(first);
  inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? &first->s6_addr[12] : first->s6_addr, text,
            sizeof text);
  if (IN6_IS_ADDR_UNSPECIFIED(first))
    fail(&answer, MTASTS_ERROR_POLICY_FETCH, "%s has no address", fetch->host);
  else
    fail(&answer, MTASTS_ERROR_POLICY_FETCH, "address %s of %s is not globally routable", text,
         fetch->host);
  finish(fetch, &answer);
}

/* Keeps those that may be connected to; where there are none, the first one, for the message. */
static void keep_addresses(struct mtasts_fetch *fetch, const struct mtasts_addresses *addresses) {
  for (size_t i = 0; i < addresses->count && fetch->address_count < MTASTS_FETCH_ADDRESSES; i++)
    if (may_connect(fetch->fetcher, &addresses->items[i]))
      fetch->addresses[fetch->address_count++] = addresses->items[i];
  if (fetch->address_count == 0 && addresses->count > 0)
    fetch->addresses[0] = addresses->items[0];
}

enum mtasts_status mtasts_fetcher_start(struct mtasts_fetcher *fetcher, const char *host,
                                        const struct mtasts_addresses *addresses, uint32_t spent,
                                        mtasts_fetch_fn *callback, void *context,
                                        struct mtasts_fetch **fetch) {
  if (strlen(host) > MTASTS_DOMAIN_MAX)
    return MTASTS_INVALID;
  struct mtasts_fetch *made = calloc(1, sizeof *made);
  if (!made)
    return MTASTS_NO_MEMORY;
  made->fetcher = fetcher;
  made->callback = callback;
  made->context = context;
  made->time_left = spent < fetcher->timeout * 1000 ? fetcher->timeout * 1000 - spent : 1;
  snprintf(made->host, sizeof made->host, "%s", host);
  made->fault.host = made->host;
  LIST_INSERT_HEAD(&fetcher->fetches, made, link);
  keep_addresses(made, addresses);
  bool started;
  if (made->address_count == 0 && mtasts_fetcher_needs_addresses(fetcher)) {
    made->refusal = evtimer_new(fetcher->base, refuse, made);
    started = made->refusal != NULL;
    if (started)
      event_active(made->refusal, EV_TIMEOUT, 0);
  } else {
    started = set_up(made) && curl_multi_add_handle(fetcher->multi, made->easy) == CURLM_OK;
  }
  if (!started) {
    fetch_free(made);
    return MTASTS_NO_MEMORY;
  }
  *fetch = made;
  return MTASTS_OK;
}

/* the loop */

static void socket_ready(evutil_socket_t socket, short what, void *context) {
  struct mtasts_fetcher *fetcher = context;
  int running;
  int ready = ((what & EV_READ) ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) ? CURL_CSELECT_OUT : 0);
  curl_multi_socket_action(fetcher->multi, socket, ready, &running);
  collect(fetcher);
}

static void time_out(evutil_socket_t socket, short what, void *context) {
  struct mtasts_fetcher *fetcher = context;
  int running;
  (void)socket;
  (void)what;
  curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  collect(fetcher);
}

/* CURLMOPT_SOCKETFUNCTION: keeps one event for each socket, which libcurl remembers for us. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *known) {
  struct mtasts_fetcher *fetcher = context;
  short events = (short)(((what & CURL_POLL_IN) ? EV_READ : 0) |
                         ((what & CURL_POLL_OUT) ? EV_WRITE : 0) | EV_PERSIST);
  (void)easy;
  if (known)
    event_free(known);
  struct event *event = NULL;
  if (what != CURL_POLL_REMOVE)
    event = event_new(fetcher->base, socket, events, socket_ready, fetcher);
  if (event && event_add(event, NULL) != 0) {
    event_free(event);
    event = NULL;
  }
  curl_multi_assign(fetcher->multi, socket, event);
  return event || what == CURL_POLL_REMOVE ? 0 : -1;
}

/* CURLMOPT_TIMERFUNCTION */
static int set_timer(CURLM *multi, long wait, void *context) {
  struct mtasts_fetcher *fetcher = context;
  (void)multi;
  if (wait < 0)
    return event_del(fetcher->timer);
  return event_add(fetcher->timer, &(struct timeval){wait / 1000, wait % 1000 * 1000});
}

/* Is there at least one certificate in the bundle? libcurl would only say so at each fetch. */
static enum mtasts_status check_bundle(const char *path, char *error) {
  FILE *file = fopen(path, "re");
  if (!file) {
    int code = errno;
    snprintf(error, ERROR_SIZE, "CA bundle %.160s: %s", path, strerrordesc_np(code));
    return code == EACCES ? MTASTS_PERMISSION : MTASTS_NO_FILE;
  }
  X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
  fclose(file);
  ERR_clear_error();
  if (!certificate) {
    snprintf(error, ERROR_SIZE, "CA bundle %.160s: holds no PEM certificate", path);
    return MTASTS_INVALID;
  }
  X509_free(certificate);
  return MTASTS_OK;
}

static const char *bundle_of(const struct mtasts_fetcher_options *options) {
  if (options->ca_file && options->ca_file[0])
    return options->ca_file;
  const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
  return built_in ? built_in : "/etc/ssl/certs/ca-certificates.crt";
}

enum mtasts_status mtasts_fetcher_new(struct event_base *base,
                                      const struct mtasts_fetcher_options *options, char *error,
                                      struct mtasts_fetcher **fetcher) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    snprintf(error, ERROR_SIZE, "libcurl cannot be initialised");
    return MTASTS_IO;
  }
  enum mtasts_status status = check_bundle(bundle_of(options), error);
  struct mtasts_fetcher *made = status == MTASTS_OK ? calloc(1, sizeof *made) : NULL;
  if (!made) {
    if (status == MTASTS_OK)
      snprintf(error, ERROR_SIZE, "out of memory");
    curl_global_cleanup();
    return status == MTASTS_OK ? MTASTS_NO_MEMORY : status;
  }
  LIST_INIT(&made->fetches);
  made->base = base;
  made->timeout = options->timeout ? options->timeout : 1;
  made->allow_private = options->allow_private;
  made->ca_file = strdup(bundle_of(options));
  made->proxy = strdup(options->proxy ? options->proxy : "");
  made->timer = evtimer_new(base, time_out, made);
  made->multi = curl_multi_init();
  if (!made->ca_file || !made->proxy || !made->timer || !made->multi) {
    snprintf(error, ERROR_SIZE, "out of memory");
    mtasts_fetcher_free(made);
    return MTASTS_NO_MEMORY;
  }
  curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
  curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
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
  curl_multi_cleanup(fetcher->multi);
  if (fetcher->timer)
    event_free(fetcher->timer);
  free(fetcher->proxy);
  free(fetcher->ca_file);
  free(fetcher);
  curl_global_cleanup();
}
