#include "fetch.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deaf.h"
#include "namespace.h"
#include "scripted_https.h"
#include "unit.h"

#define OK       "HTTP/1.1 200 OK\r\n"
#define FETCH    MTASTS_ERROR_POLICY_FETCH
#define WEBPKI   MTASTS_ERROR_WEBPKI_INVALID
#define TEXT     "Content-Type: text/plain\r\n"
#define LABEL_50 "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcd"

/* Filled in before the server starts. */
static char exact_response[70000];
static char large_response[70000];
static char header_response[80000];
static char expired_detail[128];
static char future_detail[128];

/* Each site, and the result of a fetch from it. */
struct fetch_case {
  struct https_site site;
  enum mtasts_error error;
  const char *detail; /* how it begins */
};

static const struct fetch_case cases[] = {
    {{.host = "good.example"}, 0, ""},
    /* libcurl 8.14 waits for such a close after it has answered: for the address sanitizer */
    {{"late.example", OK TEXT "Content-Length: 59\r\n\r\n" HTTPS_POLICY, .manner = HTTPS_LATE},
     0,
     ""},
    /* RFC 8461 section 3.3: certificates */
    {{.host = "a.wildcard.example", .names = "DNS:*.wildcard.example"}, 0, ""},
    {{.host = "a.b.wildcard.example", .names = "DNS:*.wildcard.example"},
     WEBPKI,
     "certificate of a.b.wildcard.example is not for that name (it names *.wildcard.example)"},
    {{.host = "part.part.example", .names = "DNS:p*.part.example"},
     WEBPKI,
     "certificate of part.part.example is not for that name (it names p*.part.example)"},
    {{.host = "wrong.example", .names = "DNS:a.example,IP:127.0.0.1,DNS:b.example"},
     WEBPKI,
     "certificate of wrong.example is not for that name (it names a.example, b.example)"},
    {{.host = "escape.example", .names = "DNS:\033[31m.example"},
     WEBPKI,
     "certificate of escape.example is not for that name (it names \\x1b[31m.example)"},
    {{.host = "many.example",
      .names = "DNS:" LABEL_50 ".example,DNS:" LABEL_50 ".a.example,DNS:" LABEL_50 ".b.example"},
     WEBPKI,
     "certificate of many.example is not for that name (it names " LABEL_50 ".example and 2 more)"},
    {{.host = "cn.example", .certificate = CERT_CN_ONLY},
     WEBPKI,
     "certificate of cn.example has no subjectAltName"},
    {{.host = "ip.example", .names = "IP:127.0.0.1"},
     WEBPKI,
     "certificate of ip.example has no subjectAltName"},
    {{.host = "expired.example", .from = -20, .until = -10}, WEBPKI, expired_detail},
    {{.host = "future.example", .from = 10}, WEBPKI, future_detail},
    {{.host = "self.example", .certificate = CERT_SELF_SIGNED},
     WEBPKI,
     "certificate of self.example is self-signed"},
    {{.host = "unknown.example", .certificate = CERT_UNKNOWN_CA},
     WEBPKI,
     "certificate of unknown.example is signed by an unknown authority (Nobody \\x1b[1m)"},
    {{.host = "tls11.example", .manner = HTTPS_TLS11},
     FETCH,
     "TLS handshake with tls11.example failed: "},
    /* status and header */
    {{.host = "301.example",
      .response = "HTTP/1.1 301 Moved\r\nLocation: https://good.example/\r\n" TEXT "\r\n"},
     FETCH,
     "HTTP status 301 from 301.example: a redirect is not followed"},
    {{.host = "404.example", .response = "HTTP/1.1 404 No\r\n" TEXT "\r\nnot here"},
     FETCH,
     "HTTP status 404 from 404.example"},
    {{.host = "500.example", .response = "HTTP/1.1 500 No\r\n" TEXT "\r\n"},
     FETCH,
     "HTTP status 500 from 500.example"},
    {{.host = "204.example", .response = "HTTP/1.1 204 None\r\n" TEXT "\r\n"},
     FETCH,
     "HTTP status 204 from 204.example"},
    {{.host = "404-endless.example",
      .response = "HTTP/1.1 404 No\r\n" TEXT "\r\n",
      .manner = HTTPS_ENDLESS},
     FETCH,
     "HTTP status 404 from 404-endless.example"},
    {{.host = "http10.example", .response = "HTTP/1.0 200 OK\r\n" TEXT "\r\n" HTTPS_POLICY}, 0, ""},
    {{.host = "http09.example", .response = HTTPS_POLICY}, FETCH, "fetching from http09.example: "},
    {{.host = "interim.example",
      .response = "HTTP/1.1 103 Early\r\nLink: </>\r\n\r\n" OK TEXT "\r\n" HTTPS_POLICY},
     0,
     ""},
    {{.host = "media.example", .response = OK "Content-Type: text/html\r\n\r\n" HTTPS_POLICY},
     FETCH,
     "media.example sends media type text/html, not text/plain"},
    {{.host = "plainer.example", .response = OK "Content-Type: text/plainer\r\n\r\n" HTTPS_POLICY},
     FETCH,
     "plainer.example sends media type text/plainer, not text/plain"},
    {{.host = "hostile.example", .response = OK "Content-Type: \033[2J\xff\r\n\r\n" HTTPS_POLICY},
     FETCH,
     "hostile.example sends media type \\x1b[2J\\xff, not text/plain"},
    {{.host = "no-media.example", .response = OK "\r\n" HTTPS_POLICY},
     FETCH,
     "no-media.example sends no media type; text/plain is required"},
    {{.host = "two-media.example", .response = OK TEXT TEXT "\r\n" HTTPS_POLICY},
     FETCH,
     "two-media.example sends several media types"},
    {{.host = "parameter.example",
      .response = OK "content-type:  Text/PLAIN ; charset=\"utf-8\"\r\n\r\n" HTTPS_POLICY},
     0,
     ""},
    {{.host = "identity.example",
      .response = OK TEXT "Content-Encoding: identity\r\n\r\n" HTTPS_POLICY},
     0,
     ""},
    {{.host = "gzip.example", .response = OK TEXT "Content-Encoding: gzip\r\n\r\n" HTTPS_POLICY},
     FETCH,
     "gzip.example sends the policy in content coding gzip, which was not asked for"},
    {{.host = "chunked.example",
      .response = OK TEXT "Transfer-Encoding: chunked\r\n\r\n10\r\nversion: STSv1\nm\r\n"
                          "2b\r\node: enforce\nmx: *.example\nmax_age: 604800\n\r\n0\r\n\r\n"},
     0,
     ""},
    {{.host = "header.example", .response = header_response},
     FETCH,
     "header.example sends more than 65536 bytes of header"},
    /* size and time */
    {{.host = "exact.example", .response = exact_response}, 0, ""},
    {{.host = "large.example", .response = large_response},
     FETCH,
     "policy of large.example is larger than 65536 bytes"},
    {{.host = "length.example",
      .response = OK TEXT "Content-Length: 65537\r\n\r\n",
      .manner = HTTPS_SLOW},
     FETCH,
     "policy of length.example is larger than 65536 bytes"},
    {{.host = "endless.example", .response = OK TEXT "\r\n", .manner = HTTPS_ENDLESS},
     FETCH,
     "policy of endless.example is larger than 65536 bytes"},
    {{.host = "partial.example", .response = OK TEXT "Content-Length: 100\r\n\r\n" HTTPS_POLICY},
     FETCH,
     "policy of partial.example is cut short: 59 bytes arrived, Content-Length is 100"},
    {{.host = "two-lengths.example",
      .response = OK TEXT "Content-Length: 59\r\nContent-Length: 60\r\n\r\n" HTTPS_POLICY},
     FETCH,
     "two-lengths.example sends no valid Content-Length"},
    {{.host = "no-length.example", .response = OK TEXT "Content-Length: 5x\r\n\r\n" HTTPS_POLICY},
     FETCH,
     ""},
    {{.host = "abrupt.example", .manner = HTTPS_ABRUPT},
     FETCH,
     "policy of abrupt.example may be cut short: it has no length, and no close_notify came"},
    {{.host = "silent.example", .manner = HTTPS_SILENT},
     FETCH,
     "silent.example did not send its policy within 2.0 s"},
    {{.host = "slow.example", .response = OK TEXT "\r\n", .manner = HTTPS_SLOW},
     FETCH,
     "slow.example did not send its policy within 2.0 s"},
};

enum {
  CASES = sizeof cases / sizeof *cases
};

static struct https_site sites[CASES + 1];

static void fill_responses(void) {
  char day[32];
  time_t then = time(NULL) - 10 * 86400;
  strftime(day, sizeof day, "%Y-%m-%d", gmtime(&then));
  snprintf(expired_detail, sizeof expired_detail, "certificate of expired.example expired %s", day);
  then = time(NULL) + 10 * 86400 - 60;
  strftime(day, sizeof day, "%Y-%m-%d", gmtime(&then));
  snprintf(future_detail, sizeof future_detail,
           "certificate of future.example is not valid before %s", day);
  size_t length = (size_t)snprintf(exact_response, sizeof exact_response, OK TEXT "\r\n");
  memset(exact_response + length, 'x', MTASTS_POLICY_MAX);
  memcpy(large_response, exact_response, sizeof large_response);
  large_response[length + MTASTS_POLICY_MAX] = 'x';
  length = (size_t)snprintf(header_response, sizeof header_response, OK);
  while (length < 70000)
    length += (size_t)snprintf(header_response + length, sizeof header_response - length,
                               "X: " LABEL_50 LABEL_50 "\r\n");
  snprintf(header_response + length, sizeof header_response - length, TEXT "\r\n" HTTPS_POLICY);
  for (size_t i = 0; i < CASES; i++)
    sites[i] = cases[i].site;
}

/* A server, a loop, a fetcher, and the files they need. */
struct fixture {
  struct https_authority known;
  struct https_authority unknown;
  struct https_server server;
  struct event_base *base;
  struct mtasts_fetcher *fetcher;
  char ca_file[64];
  char other_ca_file[64];
  char error[MTASTS_ERROR_TEXT];
};

struct result {
  struct event_base *base;
  unsigned calls;
  enum mtasts_error error;
  size_t size;
  char body[sizeof HTTPS_POLICY];
  char detail[MTASTS_DETAIL_MAX + 1];
  char address[INET6_ADDRSTRLEN];
};

static void take(void *context, const struct mtasts_fetch_answer *answer) {
  struct result *result = context;
  result->calls++;
  result->error = answer->error;
  result->size = answer->body.len;
  if (answer->body.len == sizeof HTTPS_POLICY - 1)
    memcpy(result->body, answer->body.data, answer->body.len);
  snprintf(result->detail, sizeof result->detail, "%s", answer->detail);
  mtasts_address_text(&answer->address, result->address, sizeof result->address);
  if (result->base)
    event_base_loopbreak(result->base);
}

static bool write_file(char *path, size_t size, const struct https_authority *authority) {
  snprintf(path, size, "/tmp/mtasts-fetch-XXXXXX");
  int fd = mkstemp(path);
  close(fd);
  return fd >= 0 && (!authority || https_write_bundle(authority, path));
}

static void set_up(struct fixture *f, bool allow_private, uint32_t timeout) {
  memset(f, 0, sizeof *f);
  if (!sites[0].host)
    fill_responses();
  f->known = https_authority("Test CA");
  f->unknown = https_authority("Nobody \033[1m");
  CU_ASSERT_TRUE_FATAL(write_file(f->ca_file, sizeof f->ca_file, &f->known));
  CU_ASSERT_TRUE_FATAL(write_file(f->other_ca_file, sizeof f->other_ca_file, &f->unknown));
  /* None of this may matter. */
  setenv("SSL_CERT_FILE", f->other_ca_file, 1);
  setenv("CURL_CA_BUNDLE", f->other_ca_file, 1);
  setenv("https_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  struct mtasts_fetcher_options options = {
      .ca_file = f->ca_file, .timeout = timeout, .allow_private = allow_private};
  f->base = event_base_new();
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  CU_ASSERT_TRUE_FATAL(
      https_start(&f->server, "127.0.0.1", GLOBAL_ADDRESS, sites, &f->known, &f->unknown));
  enum mtasts_status status = mtasts_fetcher_new(f->base, &options, f->error, &f->fetcher);
  unit_check(status == MTASTS_OK, "fetcher: %s", f->error);
  CU_ASSERT_EQUAL_FATAL(status, MTASTS_OK);
}

static void tear_down(struct fixture *f) {
  mtasts_fetcher_free(f->fetcher);
  event_base_free(f->base);
  https_stop(&f->server);
  https_authority_free(&f->known);
  https_authority_free(&f->unknown);
  unlink(f->ca_file);
  unlink(f->other_ca_file);
}

/* Fetches from addresses, separated by commas. */
static struct result fetch_from(struct fixture *f, const char *host, const char *list) {
  struct in6_addr items[4];
  struct mtasts_addresses addresses = {items, 0};
  char text[128];
  snprintf(text, sizeof text, "%s", list);
  for (char *rest, *one = strtok_r(text, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
    char mapped[64];
    snprintf(mapped, sizeof mapped, "%s%s", strchr(one, ':') ? "" : "::ffff:", one);
    CU_ASSERT_EQUAL(inet_pton(AF_INET6, mapped, &items[addresses.count++]), 1);
  }
  struct result result = {.base = f->base};
  struct mtasts_fetch *fetch;
  const struct mtasts_fetch_options options = {host, &addresses, take, NULL, &result};
  CU_ASSERT_EQUAL_FATAL(mtasts_fetcher_start(f->fetcher, &options, &fetch), MTASTS_OK);
  unit_check(result.calls == 0, "%s: answered from inside the call", host);
  event_base_dispatch(f->base);
  unit_check(result.calls == 1, "%s: %u answers", host, result.calls);
  return result;
}

static void outcomes(void) {
  struct fixture f;
  set_up(&f, true, 2);
  for (size_t i = 0; i < CASES; i++) {
    const char *host = cases[i].site.host;
    struct result result = fetch_from(&f, host, "127.0.0.1");
    unit_check(result.error == cases[i].error, "%s: error %d, %s", host, (int)result.error,
               result.detail);
    unit_check(strncmp(result.detail, cases[i].detail, strlen(cases[i].detail)) == 0 &&
                   (result.detail[0] == '\0') == (cases[i].error == 0),
               "%s: %s", host, result.detail);
    if (strcmp(host, "exact.example") == 0)
      unit_check(result.size == MTASTS_POLICY_MAX, "%s: %zu bytes", host, result.size);
    else if (result.error == 0)
      unit_check(strcmp(result.body, HTTPS_POLICY) == 0, "%s: another body", host);
  }
  unit_check(f.server.connections == CASES, "%u connections", f.server.connections);
  tear_down(&f);
}

static void request(void) {
  struct fixture f;
  set_up(&f, true, 2);
  fetch_from(&f, "good.example", "127.0.0.1");
  static const char expected[] = "GET /.well-known/mta-sts.txt HTTP/1.1\r\n"
                                 "Host: good.example\r\n"
                                 "User-Agent: mtasts/" MTASTS_VERSION "\r\n"
                                 "Accept: */*\r\n\r\n";
  unit_check(strcmp(f.server.request, expected) == 0, "%s", f.server.request);
  tear_down(&f);
}

static void addresses(void) {
  struct fixture f;
  struct result result;
  set_up(&f, true, 2);
  result = fetch_from(&f, "good.example", "");
  CU_ASSERT_STRING_EQUAL(result.detail, "good.example has no address");
  result = fetch_from(&f, "good.example", "127.0.0.7");
  CU_ASSERT_STRING_EQUAL(result.detail, "cannot connect to good.example: Connection refused");
  /* The next fetch of a host knows nothing of the last one's addresses. */
  CU_ASSERT_EQUAL(fetch_from(&f, "good.example", "127.0.0.1").error, MTASTS_ERROR_NONE);
  CU_ASSERT_EQUAL(fetch_from(&f, "good.example", "::1").error, MTASTS_ERROR_POLICY_FETCH);
  CU_ASSERT_EQUAL(fetch_from(&f, "good.example", "127.0.0.1").error, MTASTS_ERROR_NONE);
  /* One of several will do. */
  result = fetch_from(&f, "good.example", "::1,127.0.0.7,127.0.0.1");
  unit_check(result.error == MTASTS_ERROR_NONE, "several addresses: %s", result.detail);
  tear_down(&f);

  set_up(&f, false, 2);
  result = fetch_from(&f, "good.example", "127.0.0.1,::1");
  CU_ASSERT_STRING_EQUAL(result.detail,
                         "address 127.0.0.1 of good.example is not globally routable");
  CU_ASSERT_EQUAL(f.server.connections, 0);
  result = fetch_from(&f, "good.example", "127.0.0.1," GLOBAL_ADDRESS);
  unit_check(result.error == MTASTS_ERROR_NONE, "global address: %s", result.detail);
  CU_ASSERT_EQUAL(f.server.connections, 1);
  tear_down(&f);
}

static void silent_handshake(void) {
  struct fixture f;
  set_up(&f, true, 2);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  inet_pton(AF_INET, "127.0.0.9", &address.sin_addr);
  CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  CU_ASSERT_EQUAL(listen(fd, 1), 0);
  struct result result = fetch_from(&f, "good.example", "127.0.0.9");
  CU_ASSERT_STRING_EQUAL(result.detail,
                         "good.example did not finish the TLS handshake within 1.0 s");
  close(fd);
  tear_down(&f);
}

/* A server that accepts the connection and then fails or hangs costs little time if there are
 * others. */
static void useless_servers(void) {
  struct fixture f;
  struct deaf_server mute;
  struct deaf_server resets;
  set_up(&f, true, 30);
  CU_ASSERT_TRUE_FATAL(deaf_start(&mute, "127.0.0.9", DEAF_MUTE));
  CU_ASSERT_TRUE_FATAL(deaf_start(&resets, "127.0.0.10", DEAF_RESETS));
  static const char *const lists[] = {
      "127.0.0.9,127.0.0.1",
      "127.0.0.10,127.0.0.1",
      "127.0.0.7,127.0.0.10,127.0.0.9,127.0.0.1",
  };
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    time_t began = time(NULL);
    struct result result = fetch_from(&f, "good.example", lists[i]);
    unit_check(result.error == MTASTS_ERROR_NONE, "%s: %s", lists[i], result.detail);
    CU_ASSERT_STRING_EQUAL(result.address, "127.0.0.1");
    unit_check(time(NULL) - began < 10, "%s: late", lists[i]);
  }
  struct result result = fetch_from(&f, "good.example", "127.0.0.10,127.0.0.7");
  CU_ASSERT_EQUAL(result.error, MTASTS_ERROR_POLICY_FETCH);
  /* A certificate that is refused is the policy host's word, whatever others would have sent. */
  result = fetch_from(&f, "self.example", "127.0.0.1,127.0.0.7");
  CU_ASSERT_EQUAL(result.error, MTASTS_ERROR_WEBPKI_INVALID);
  deaf_stop(&mute);
  deaf_stop(&resets);
  tear_down(&f);
}

/* A fetch whose addresses come in two parts. */
struct parts {
  struct result result; /* first */
  struct mtasts_fetch *fetch;
  const char *second; /* "": none */
  unsigned asked;
};

static void give_second(void *context) {
  struct parts *parts = context;
  struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
  struct mtasts_addresses addresses = {&address, parts->second[0] != '\0'};
  parts->asked++;
  if (addresses.count > 0)
    CU_ASSERT_EQUAL(inet_pton(AF_INET, parts->second, &address.s6_addr[12]), 1);
  mtasts_fetch_add(parts->fetch, &addresses, true);
}

static void more_addresses(void) {
  static const struct {
    const char *first;
    const char *second;
    const char *detail; /* "": the policy comes */
    unsigned asked;
  } pairs[] = {
      {"127.0.0.1", "127.0.0.7", "", 0},
      {"127.0.0.7", "127.0.0.1", "", 1},  /* refuses */
      {"127.0.0.9", "127.0.0.1", "", 1},  /* silent */
      {"127.0.0.10", "127.0.0.1", "", 1}, /* mute */
      {"", "127.0.0.1", "", 1},
      {"127.0.0.7", "", "cannot connect to good.example: Connection refused", 1},
      {"127.0.0.9", "", "good.example did not accept a connection within ", 1},
      {"127.0.0.10", "", "good.example did not finish the TLS handshake within ", 1},
      {"", "", "good.example has no address", 1},
  };
  struct fixture f;
  struct deaf_server silent;
  struct deaf_server mute;
  set_up(&f, true, 6);
  CU_ASSERT_TRUE_FATAL(deaf_start(&silent, "127.0.0.9", DEAF_SILENT));
  CU_ASSERT_TRUE_FATAL(deaf_start(&mute, "127.0.0.10", DEAF_MUTE));
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    struct parts parts = {.result.base = f.base, .second = pairs[i].second};
    struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
    struct mtasts_addresses addresses = {&address, pairs[i].first[0] != '\0'};
    inet_pton(AF_INET, pairs[i].first, &address.s6_addr[12]);
    const struct mtasts_fetch_options options = {"good.example", &addresses, take, give_second,
                                                 &parts};
    CU_ASSERT_EQUAL_FATAL(mtasts_fetcher_start(f.fetcher, &options, &parts.fetch), MTASTS_OK);
    CU_ASSERT_EQUAL(parts.asked, 0);
    event_base_dispatch(f.base);
    const struct result *result = &parts.result;
    unit_check(result->calls == 1 && (parts.asked == pairs[i].asked || !pairs[i].asked),
               "%s, then %s: %u answers, asked for more %u times", pairs[i].first, pairs[i].second,
               result->calls, parts.asked);
    unit_check(pairs[i].detail[0]
                   ? strncmp(result->detail, pairs[i].detail, strlen(pairs[i].detail)) == 0
                   : result->error == MTASTS_ERROR_NONE,
               "%s, then %s: %s", pairs[i].first, pairs[i].second, result->detail);
  }
  deaf_stop(&silent);
  deaf_stop(&mute);
  tear_down(&f);
}

/* An HTTP proxy for one connection: takes CONNECT, and passes bytes on to the server. */
struct proxy {
  int listener;
  char request[1024];
};

static void *run_proxy(void *context) {
  struct proxy *proxy = context;
  static const char reply[] = "HTTP/1.1 200 Go\r\n\r\n";
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(443)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct pollfd ends[2] = {{.events = POLLIN}, {.events = POLLIN}};
  ends[0].fd = accept(proxy->listener, NULL, NULL);
  ends[1].fd = socket(AF_INET, SOCK_STREAM, 0);
  bool open = recv(ends[0].fd, proxy->request, sizeof proxy->request - 1, 0) > 0 &&
              connect(ends[1].fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              send(ends[0].fd, reply, sizeof reply - 1, MSG_NOSIGNAL) > 0;
  while (open && poll(ends, 2, 5000) > 0)
    for (size_t i = 0; i < 2; i++) {
      char bytes[4096];
      ssize_t size = ends[i].revents ? recv(ends[i].fd, bytes, sizeof bytes, 0) : -1;
      open = open && size != 0;
      if (size > 0)
        send(ends[1 - i].fd, bytes, (size_t)size, MSG_NOSIGNAL);
    }
  close(ends[0].fd);
  close(ends[1].fd);
  return NULL;
}

static void by_proxy(void) {
  struct fixture f;
  struct proxy proxy = {.listener = -1};
  struct mtasts_fetcher *direct;
  pthread_t thread;
  set_up(&f, false, 2);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(3128)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  proxy.listener = socket(AF_INET, SOCK_STREAM, 0);
  CU_ASSERT_EQUAL(bind(proxy.listener, (struct sockaddr *)&address, sizeof address), 0);
  CU_ASSERT_EQUAL(listen(proxy.listener, 1), 0);
  CU_ASSERT_EQUAL(pthread_create(&thread, NULL, run_proxy, &proxy), 0);
  direct = f.fetcher;
  CU_ASSERT_TRUE(mtasts_fetcher_needs_addresses(direct));
  CU_ASSERT_EQUAL_FATAL(
      mtasts_fetcher_new(f.base,
                         &(struct mtasts_fetcher_options){
                             .ca_file = f.ca_file, .timeout = 2, .proxy = "http://127.0.0.1:3128"},
                         f.error, &f.fetcher),
      MTASTS_OK);
  CU_ASSERT_FALSE(mtasts_fetcher_needs_addresses(f.fetcher));
  setenv("no_proxy", "*", 1);
  struct result result = fetch_from(&f, "good.example", "");
  unit_check(result.error == MTASTS_ERROR_NONE, "%s", result.detail);
  unit_check(strncmp(proxy.request, "CONNECT good.example:443 ", 25) == 0, "%s", proxy.request);
  unsetenv("no_proxy");
  shutdown(proxy.listener, SHUT_RDWR); /* ends the thread if no client came */
  pthread_join(thread, NULL);
  close(proxy.listener);
  mtasts_fetcher_free(direct);
  tear_down(&f);
}

static void bundles(void) {
  struct event_base *base = event_base_new();
  struct mtasts_fetcher *fetcher = NULL;
  char empty[64];
  char error[MTASTS_ERROR_TEXT];
  CU_ASSERT_TRUE_FATAL(write_file(empty, sizeof empty, NULL));
  CU_ASSERT_EQUAL(mtasts_fetcher_new(base,
                                     &(struct mtasts_fetcher_options){.ca_file = "/nowhere/ca.pem"},
                                     error, &fetcher),
                  MTASTS_NO_FILE);
  CU_ASSERT_STRING_EQUAL(error, "CA bundle /nowhere/ca.pem: No such file or directory");
  CU_ASSERT_EQUAL(
      mtasts_fetcher_new(base, &(struct mtasts_fetcher_options){.ca_file = empty}, error, &fetcher),
      MTASTS_INVALID);
  unit_check(strstr(error, "holds no PEM certificate") != NULL, "%s", error);
  CU_ASSERT_EQUAL(mtasts_fetcher_new(base, &(struct mtasts_fetcher_options){.ca_file = "/tmp"},
                                     error, &fetcher),
                  MTASTS_INVALID);
  setenv("SSL_CERT_FILE", empty, 1);
  CU_ASSERT_EQUAL(
      mtasts_fetcher_new(base, &(struct mtasts_fetcher_options){.ca_file = NULL}, error, &fetcher),
      MTASTS_OK); /* the system's */
  mtasts_fetcher_free(fetcher);
  unlink(empty);
  event_base_free(base);
}

/* In flight at once, some of them cancelled; those that end with the fetcher call no callback. */
static void many(void) {
  enum {
    FETCHES = 128
  };
  static struct result results[FETCHES];
  static struct mtasts_fetch *fetches[FETCHES];
  struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
  struct fixture f;
  set_up(&f, true, 30);
  for (size_t i = 0; i < FETCHES; i++) {
    results[i].base = f.base;
    const struct mtasts_fetch_options options = {i % 4 == 3 ? "silent.example" : "good.example",
                                                 &(struct mtasts_addresses){&address, 1}, take,
                                                 NULL, &results[i]};
    CU_ASSERT_EQUAL(mtasts_fetcher_start(f.fetcher, &options, &fetches[i]), MTASTS_OK);
  }
  for (size_t i = 0; i < FETCHES; i += 4)
    mtasts_fetch_cancel(fetches[i]);
  for (size_t answers = 0; answers < FETCHES / 2;) {
    event_base_dispatch(f.base);
    answers = 0;
    for (size_t i = 0; i < FETCHES; i++)
      answers += results[i].calls;
  }
  mtasts_fetcher_free(f.fetcher);
  f.fetcher = NULL;
  for (size_t i = 0; i < FETCHES; i++) {
    unsigned calls = i % 4 == 1 || i % 4 == 2;
    unit_check(results[i].calls == calls, "fetch %zu: %u answers", i, results[i].calls);
    unit_check(results[i].error == MTASTS_ERROR_NONE, "fetch %zu: %s", i, results[i].detail);
  }
  tear_down(&f);
}

const char *const unit_name = "net/fetch";
const struct unit_test unit_tests[] = {
    {"each way to serve a policy has its error and detail", outcomes},
    {"the request is as plain as can be", request},
    {"only the given addresses are connected to, and only global ones", addresses},
    {"a server that is silent in the handshake is left", silent_handshake},
    {"a server that hangs or fails in the handshake costs a moment", useless_servers},
    {"addresses may come in two parts", more_addresses},
    {"a proxy that is configured is used", by_proxy},
    {"a bundle without certificates is an error", bundles},
    {"many at once, cancelled and freed", many},
    {NULL, NULL},
};
