#include "post.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "namespace.h"
#include "resolver.h"
#include "scripted_dns.h"
#include "scripted_https.h"
#include "unit.h"

const char *const unit_name = "net/post";

#define OK "HTTP/1.1 200 OK\r\n"

static char long_header[80000];

/* Each site, and what becomes of a POST to it. */
struct post_case {
  struct https_site site;
  bool taken;
  const char *detail; /* how it begins */
};

static const struct post_case cases[] = {
    {{.host = "ok.example", .response = OK "Content-Length: 0\r\n\r\n"}, true, ""},
    {{.host = "body.example", .response = OK "\r\nthank you"}, true, ""},
    {{.host = "201.example", .response = "HTTP/1.1 201 Created\r\n\r\n"}, true, ""},
    {{.host = "204.example", .response = "HTTP/1.1 204 None\r\n\r\n"}, true, ""},
    {{.host = "299.example", .response = "HTTP/1.0 299 Own\r\n\r\n"}, true, ""},
    {{.host = "interim.example", .response = "HTTP/1.1 103 Early\r\nLink: </>\r\n\r\n" OK "\r\n"},
     true,
     ""},
    {{.host = "endless.example", .response = OK "\r\n", .manner = HTTPS_ENDLESS}, true, ""},
    {{.host = "abrupt.example", .response = OK "\r\n", .manner = HTTPS_ABRUPT}, true, ""},
    {{.host = "open.example", .response = OK "\r\n", .manner = HTTPS_OPEN}, true, ""},
    {{.host = "owes.example", .response = OK "Content-Length: 9\r\n\r\nhalf", .manner = HTTPS_OPEN},
     true,
     ""},
    {{.host = "open-interim.example",
      .response = "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n",
      .manner = HTTPS_OPEN},
     true,
     ""},
    {{.host = "open-500.example", .response = "HTTP/1.1 500 No\r\n\r\n", .manner = HTTPS_OPEN},
     false,
     "HTTP status 500 from open-500.example"},
    {{.host = "open-103.example", .response = "HTTP/1.1 103 Early\r\n\r\n", .manner = HTTPS_OPEN},
     false,
     "open-103.example: it did not answer within 2 s"},
    {{.host = "open-half.example", .response = OK "X: ", .manner = HTTPS_OPEN},
     false,
     "open-half.example: it did not answer within 2 s"},
    {{.host = "only-interim.example", .response = "HTTP/1.1 103 Early\r\n\r\n"},
     false,
     "only-interim.example: Empty reply"},
    {{.host = "cut.example", .response = OK "Server: "},
     false,
     "cut.example ended the connection before its answer"},
    {{.host = "http09.example", .response = "thank you"}, false, "http09.example: "},
    {{.host = "empty.example", .response = ""}, false, "empty.example: "},
    {{.host = "301.example",
      .response = "HTTP/1.1 301 Moved\r\nLocation: https://ok.example/\r\n\r\n"},
     false,
     "HTTP status 301 from 301.example: a redirect is not followed"},
    {{.host = "307.example",
      .response = "HTTP/1.1 307 Moved\r\nLocation: https://ok.example/\r\n\r\n"},
     false,
     "HTTP status 307 from 307.example: a redirect is not followed"},
    {{.host = "400.example", .response = "HTTP/1.1 400 No\r\n\r\n"},
     false,
     "HTTP status 400 from 400.example"},
    {{.host = "500.example", .response = "HTTP/1.1 500 No\r\n\r\n"},
     false,
     "HTTP status 500 from 500.example"},
    {{.host = "header.example", .response = long_header},
     false,
     "header.example sends more than 65536 bytes of header"},
    {{.host = "silent.example", .manner = HTTPS_SILENT},
     false,
     "silent.example: it did not answer within 2 s"},
    {{.host = "wrong.example", .names = "DNS:a.example"},
     false,
     "certificate of wrong.example is not for that name (it names a.example)"},
    {{.host = "expired.example", .from = -20, .until = -10},
     false,
     "certificate of expired.example expired "},
    {{.host = "self.example", .certificate = CERT_SELF_SIGNED},
     false,
     "certificate of self.example is self-signed"},
    {{.host = "tls11.example", .manner = HTTPS_TLS11}, false, "tls11.example: "},
    {{.host = NULL}, false, NULL},
};

/* Names that are not of the table above have addresses of their own. */
static const struct dns_line zone[] = {
    {"private.test", "A", "10.0.0.1"},    {"mapped.test", "AAAA", "::ffff:127.0.0.1"},
    {"fails.test", "RCODE", "2"},         {"dropped.test", "DROP", ""},
    {"nothing.test", "TXT", "x"},         {"alias.test", "CNAME", "real.test"},
    {"real.test", "A", GLOBAL_ADDRESS},   {"both.test", "A", GLOBAL_ADDRESS},
    {"both.test", "AAAA", "2001:db8::1"}, {"refused.test", "A", "127.0.0.9"},
    {"*.example", "A", GLOBAL_ADDRESS},   {NULL, NULL, NULL},
};

enum {
  CASES = sizeof cases / sizeof *cases,
  DNS_PORT = 5399,
};

static struct https_site sites[CASES + 2];
static struct https_server server;
static struct dns_server names;
static struct https_authority known, unknown;
static char bundle[] = "/tmp/mtasts-post-XXXXXX";
static bool ready;

/* Raises the servers, once. */
static bool raise(void) {
  if (ready || !namespace_enter())
    return ready;
  memcpy(long_header, OK "X: ", sizeof OK "X: " - 1);
  memset(long_header + strlen(long_header), 'x', 70000);
  memcpy(long_header + strlen(long_header), "\r\n\r\n", 5);
  for (size_t i = 0; i + 1 < CASES; i++)
    sites[i] = cases[i].site;
  sites[CASES - 1] = (struct https_site){.host = "alias.test", .response = OK "\r\n"};
  sites[CASES] = (struct https_site){.host = "both.test", .response = OK "\r\n"};
  known = https_authority("Test");
  unknown = https_authority("Nobody");
  int fd = mkstemp(bundle);
  close(fd);
  ready = fd >= 0 && https_write_bundle(&known, bundle) &&
          https_start(&server, GLOBAL_ADDRESS, "127.0.0.1", sites, &known, &unknown) &&
          dns_start(&names, DNS_PORT, zone);
  return ready;
}

struct run {
  struct event_base *base;
  struct mtasts_resolver *resolver;
  struct mtasts_poster *poster;
  unsigned open;
  struct mtasts_post_answer answers[CASES];
};

struct slot {
  struct run *run;
  size_t number;
};

static void take(void *context, const struct mtasts_post_answer *answer) {
  struct slot *slot = context;
  slot->run->answers[slot->number] = *answer;
  slot->run->open--;
}

static bool run_open(struct run *run, bool allow_private) {
  static const char *const servers[] = {"127.0.0.1@5399"};
  char error[MTASTS_ERROR_TEXT];
  const struct mtasts_resolver_options resolver = {
      .servers = servers, .server_count = 1, .timeout = 1};
  *run = (struct run){.base = event_base_new()};
  if (mtasts_resolver_new(run->base, &resolver, error, &run->resolver) != MTASTS_OK)
    return false;
  const struct mtasts_poster_options poster = {
      .resolver = run->resolver, .ca_file = bundle, .timeout = 2, .allow_private = allow_private};
  return mtasts_poster_new(run->base, &poster, error, &run->poster) == MTASTS_OK;
}

static void run_close(struct run *run) {
  mtasts_poster_free(run->poster);
  mtasts_resolver_free(run->resolver);
  event_base_free(run->base);
}

#define BODY "a report of no interest\0in bytes"

static struct mtasts_post *start(struct run *run, struct slot *slot, const char *host) {
  static char url[128];
  struct mtasts_post *post = NULL;
  snprintf(url, sizeof url, "https://%s/tls?a=b", host);
  const struct mtasts_post_options options = {
      .host = host,
      .port = 443,
      .url = url,
      .type = "application/tlsrpt+gzip",
      .body = {BODY, sizeof BODY - 1},
      .done = take,
      .context = slot,
  };
  CU_ASSERT_EQUAL_FATAL(mtasts_post_start(run->poster, &options, &post), MTASTS_OK);
  run->open++;
  return post;
}

/* One POST alone. */
static struct mtasts_post_answer post_to(const char *host, bool allow_private) {
  struct run run;
  struct slot slot = {&run, 0};
  CU_ASSERT_FATAL(run_open(&run, allow_private));
  start(&run, &slot, host);
  while (run.open > 0)
    event_base_loop(run.base, EVLOOP_ONCE);
  run_close(&run);
  return run.answers[0];
}

/* All sites at once. */
static void every_answer(void) {
  struct run run;
  struct slot slots[CASES];
  if (!raise()) {
    unit_skip("no network namespace");
    return;
  }
  CU_ASSERT_FATAL(run_open(&run, false));
  for (size_t i = 0; i + 1 < CASES; i++) {
    slots[i] = (struct slot){&run, i};
    start(&run, &slots[i], cases[i].site.host);
  }
  while (run.open > 0)
    event_base_loop(run.base, EVLOOP_ONCE);
  for (size_t i = 0; i + 1 < CASES; i++) {
    const struct mtasts_post_answer *answer = &run.answers[i];
    const char *host = cases[i].site.host;
    unit_check(answer->taken == cases[i].taken, "%s: taken %d: %s", host, answer->taken,
               answer->detail);
    unit_check(strncmp(answer->detail, cases[i].detail, strlen(cases[i].detail)) == 0, "%s: %s",
               host, answer->detail);
    unit_check(answer->taken == (answer->detail[0] == '\0'), "%s: detail", host);
  }
  run_close(&run);
}

static void the_request(void) {
  if (!raise()) {
    unit_skip("no network namespace");
    return;
  }
  struct mtasts_post_answer answer = post_to("ok.example", false);
  CU_ASSERT(answer.taken);
  static const char *const lines[] = {
      "POST /tls?a=b HTTP/1.1\r\n",
      "\r\nHost: ok.example\r\n",
      "\r\nContent-Type: application/tlsrpt+gzip\r\n",
      "\r\nContent-Length: 32\r\n",
      "\r\n\r\na report of no interest",
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    unit_check(strstr(server.request, lines[i]) != NULL, "%s is not in %s", lines[i],
               server.request);
  CU_ASSERT(strstr(server.request, "Expect:") == NULL);
  CU_ASSERT(strstr(server.request, "Cookie") == NULL);
}

static void addresses(void) {
  static const struct {
    const char *host;
    bool allow_private, taken;
    const char *detail;
  } hosts[] = {
      {"private.test", false, false, "address 10.0.0.1 of private.test is private"},
      {"mapped.test", false, false, "address 127.0.0.1 of mapped.test is private"},
      {"fails.test", false, false, "fails.test: SERVFAIL"},
      {"dropped.test", false, false, ""},
      {"nothing.test", false, false, "nothing.test has no address"},
      {"refused.test", true, false, "cannot connect to refused.test: Connection refused"},
      {"alias.test", false, true, ""},
      {"both.test", true, true, ""},
  };
  if (!raise()) {
    unit_skip("no network namespace");
    return;
  }
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    struct mtasts_post_answer answer = post_to(hosts[i].host, hosts[i].allow_private);
    unit_check(answer.taken == hosts[i].taken, "%s: %s", hosts[i].host, answer.detail);
    unit_check(strstr(answer.detail, hosts[i].detail) != NULL, "%s: %s", hosts[i].host,
               answer.detail);
  }
}

/* Nothing calls back, and nothing is left (asan). */
static void cancelled(void) {
  struct run run;
  struct slot slot = {&run, 0};
  if (!raise()) {
    unit_skip("no network namespace");
    return;
  }
  CU_ASSERT_FATAL(run_open(&run, false));
  struct mtasts_post *post = start(&run, &slot, "silent.example");
  for (int i = 0; i < 20; i++)
    event_base_loop(run.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  mtasts_post_cancel(post);
  start(&run, &slot, "silent.example");
  event_base_loop(run.base, EVLOOP_NONBLOCK);
  run_close(&run);
  CU_ASSERT_EQUAL(run.open, 2);
}

static void finish(void) {
  if (!ready)
    return;
  https_stop(&server);
  dns_stop(&names);
  https_authority_free(&known);
  https_authority_free(&unknown);
  CU_ASSERT_EQUAL(unlink(bundle), 0);
}

const struct unit_test unit_tests[] = {
    {"every answer of a server", every_answer},
    {"the request", the_request},
    {"addresses and the DNS", addresses},
    {"a post is cancelled", cancelled},
    {"the servers end", finish},
    {NULL, NULL},
};
