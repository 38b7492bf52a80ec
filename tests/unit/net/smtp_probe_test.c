#include "smtp_probe.h"

#include <event2/event.h>

#include "ascii.h"
#include "namespace.h"
#include "scripted_smtp.h"
#include "unit.h"

#define HOST "mx.mail.example"
#define EHLO "EHLO probe.example\r\n"
#define QUIT "QUIT\r\n"
#define TALK EHLO "STARTTLS\r\n"

enum {
  TIMEOUT_MS = 2000,
  CASES = SMTP_SITES_MAX,
};

enum trust {
  NO_CERTIFICATE,
  GOOD,
  UNTRUSTED,
  SELF_SIGNED,
  WRONG_NAME,
  EXPIRED,
  ALL_WRONG, /* untrusted, expired, wrong name: each is seen */
};

struct probe_case {
  const char *name;
  struct smtp_site site;
  enum mtasts_seen_smtp smtp;
  bool offered;
  unsigned reply;
  enum mtasts_seen_tls tls;
  enum trust trust;
  const char *said;   /* by the probe; NULL: not looked at */
  const char *detail; /* how it begins */
};

#define PLAIN_OK MTASTS_SMTP_OK, true, 220

static char long_line[6000];
static char many_lines[8000];
static char long_reply[80000];

static const struct probe_case cases[] = {
    {"good",
     {"127.0.1.1"},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     GOOD,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"TLS 1.2 alone",
     {"127.0.1.2", .tls_max = TLS1_2_VERSION},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     GOOD,
     TALK "<TLSv1.2 mx.mail.example>" QUIT,
     ""},
    /* postscreen and greet_pause make clients wait (rule 15), here in a shorter time */
    {"a slow banner",
     {"127.0.1.3", .delay = 1500},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     GOOD,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"a banner of several lines, byte by byte",
     {"127.0.1.4", .greeting = "220-one\r\n220-two\r\n220 three\r\n", .dribble = 10},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     GOOD,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"no STARTTLS",
     {"127.0.1.5", .ehlo = "250-mail\r\n250-XSTARTTLS\r\n250 STARTTLSX\r\n"},
     MTASTS_SMTP_OK,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     EHLO QUIT,
     ""},
    {"STARTTLS in the first line is the server's name",
     {"127.0.1.6", .ehlo = "250 STARTTLS\r\n"},
     MTASTS_SMTP_OK,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     EHLO QUIT,
     ""},
    {"STARTTLS refused",
     {"127.0.1.7", .starttls = "454-4.7.0 TLS not available\r\n454 due to local problem\r\n"},
     MTASTS_SMTP_OK,
     true,
     454,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     TALK QUIT,
     ""},
    {"STARTTLS answered by no reply",
     {"127.0.1.8", .starttls = "what?\r\n"},
     MTASTS_SMTP_OK,
     true,
     MTASTS_STARTTLS_GARBAGE,
     MTASTS_TLS_FAILED,
     NO_CERTIFICATE,
     TALK,
     "what came is no SMTP reply"},
    {"STARTTLS and then closed",
     {"127.0.1.9", .starttls = ""},
     MTASTS_SMTP_OK,
     true,
     0,
     MTASTS_TLS_FAILED,
     NO_CERTIFICATE,
     TALK,
     "the server closed the connection before its reply to STARTTLS"},
    {"bytes injected after STARTTLS",
     {"127.0.1.10", .starttls = "220 go\r\n250-mail\r\n250 AUTH PLAIN\r\n"},
     PLAIN_OK,
     MTASTS_TLS_FAILED,
     NO_CERTIFICATE,
     TALK,
     "bytes in the clear follow the reply to STARTTLS"},
    {"greeting 421",
     {"127.0.1.11", .greeting = "421 too many connections\r\n"},
     MTASTS_SMTP_REFUSED,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     QUIT,
     ""},
    {"greeting 554",
     {"127.0.1.12", .greeting = "554-no\r\n554 service\r\n"},
     MTASTS_SMTP_REFUSED,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     QUIT,
     ""},
    {"EHLO 450",
     {"127.0.1.13", .ehlo = "450 greylisted\r\n"},
     MTASTS_SMTP_REFUSED,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     EHLO QUIT,
     ""},
    {"421 in the middle of the reply to EHLO",
     {"127.0.1.14", .ehlo = "250-mail\r\n421 too many\r\n"},
     MTASTS_SMTP_REFUSED,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     EHLO QUIT,
     ""},
    {"HTTP",
     {"127.0.1.15", .greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     "",
     "what came is no SMTP reply"},
    {"a greeting of 354",
     {"127.0.1.16", .greeting = "354 go\r\n"},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     "",
     "the reply's code"},
    {"silence",
     {"127.0.1.17", .manner = SMTP_SILENT},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     "",
     "its greeting did not come within 2.0 s"},
    {"closed at once",
     {"127.0.1.18", .manner = SMTP_CLOSES},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     "",
     "the server closed the connection before its greeting"},
    {"a reply without end",
     {"127.0.1.19", .greeting = "220-more\r\n", .manner = SMTP_ENDLESS},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     "",
     "a reply has too many lines"},
    {"a line without end",
     {"127.0.1.20", .greeting = long_line, .manner = SMTP_ENDLESS},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     "",
     "a line of a reply is too long"},
    {"a reply that is too long",
     {"127.0.1.21", .greeting = long_reply},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     "",
     "a reply is too long"},
    {"a reply of many lines",
     {"127.0.1.22", .greeting = many_lines},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     GOOD,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"TLS 1.1 alone",
     {"127.0.1.23", .tls_max = TLS1_1_VERSION},
     PLAIN_OK,
     MTASTS_TLS_TOO_OLD,
     GOOD,
     TALK "<TLSv1.1 mx.mail.example>" QUIT,
     "the server has nothing newer"},
    {"TLS 1.0 alone",
     {"127.0.1.24", .tls_max = TLS1_VERSION},
     PLAIN_OK,
     MTASTS_TLS_TOO_OLD,
     GOOD,
     TALK "<TLSv1 mx.mail.example>" QUIT,
     "the server has nothing newer"},
    {"no TLS behind STARTTLS",
     {"127.0.1.25", .manner = SMTP_NO_TLS},
     PLAIN_OK,
     MTASTS_TLS_FAILED,
     NO_CERTIFICATE,
     NULL,
     "what the server sent is not TLS"},
    {"a handshake without end",
     {"127.0.1.26", .manner = SMTP_TLS_HANGS},
     PLAIN_OK,
     MTASTS_TLS_FAILED,
     NO_CERTIFICATE,
     NULL,
     "the end of the TLS handshake did not come within 2.0 s"},
    {"expired",
     {"127.0.1.27", .tls = {.from = -20, .until = -10}},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     EXPIRED,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"self-signed",
     {"127.0.1.28", .tls = {.certificate = CERT_SELF_SIGNED}},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     SELF_SIGNED,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"unknown authority, or an intermediate is missing",
     {"127.0.1.29", .tls = {.certificate = CERT_UNKNOWN_CA}},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     UNTRUSTED,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"another name",
     {"127.0.1.30", .tls = {.names = "DNS:other.example,DNS:*.mx.mail.example"}},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     WRONG_NAME,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"all three",
     {"127.0.1.31", .tls = {.names = "DNS:other.example",
                            .certificate = CERT_UNKNOWN_CA,
                            .from = -20,
                            .until = -10}},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     ALL_WRONG,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"the CN does not count",
     {"127.0.1.32", .tls = {.certificate = CERT_CN_ONLY}},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     WRONG_NAME,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"a wildcard of one label",
     {"127.0.1.33", .tls = {.names = "DNS:*.mail.example"}},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     GOOD,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"lines that end in LF, codes alone",
     {"127.0.1.34", .greeting = "220\n", .ehlo = "250-\n250-StartTLS \n250\n"},
     PLAIN_OK,
     MTASTS_TLS_DONE,
     GOOD,
     TALK "<TLSv1.3 mx.mail.example>" QUIT,
     ""},
    {"it speaks twice before EHLO",
     {"127.0.1.35", .greeting = "220 one\r\n220 two\r\n"},
     MTASTS_SMTP_PROTOCOL,
     false,
     0,
     MTASTS_TLS_NOT_TRIED,
     NO_CERTIFICATE,
     NULL,
     "the reply's code"},
};

static struct https_authority known;
static struct https_authority unknown;
static X509_STORE *trust;
static struct event_base *base;
static struct mtasts_arena arena;
static struct smtp_server server;
static struct smtp_site sites[CASES + 2];

static bool set_up(void) {
  static bool done;
  if (done)
    return true;
  if (!namespace_enter()) {
    unit_skip("no network namespace");
    return false;
  }
  memset(long_line, 'x', sizeof long_line - 1);
  memcpy(long_line, "220 ", 4);
  for (size_t i = 0; i < 200; i++)
    memcpy(many_lines + strlen(many_lines), i < 199 ? "220-still greeting\r\n" : "220 it\r\n",
           i < 199 ? 20 : 8);
  for (size_t i = 0; i < 20; i++) {
    size_t at = i * 3600;
    memset(long_reply + at, 'y', 3600);
    memcpy(long_reply + at, "220-", 4);
    memcpy(long_reply + at + 3598, "\r\n", 2);
  }
  known = https_authority("Known CA");
  unknown = https_authority("Unknown CA");
  trust = X509_STORE_new();
  X509_STORE_add_cert(trust, known.certificate);
  base = event_base_new();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    sites[i] = cases[i].site;
  sites[sizeof cases / sizeof *cases].address = "::1";
  done = smtp_start(&server, sites, &known, &unknown);
  CU_ASSERT_FATAL(done);
  return done;
}

struct result {
  bool ended;
  struct mtasts_seen_mail_server seen;
};

static void take(void *context, const struct mtasts_seen_mail_server *seen) {
  struct result *result = context;
  unit_check(!result->ended, "the callback comes once");
  *result = (struct result){true, *seen};
}

static struct mtasts_smtp_probe *start(const char *address, const char *helo,
                                       struct result *result) {
  struct mtasts_smtp_probe *probe = NULL;
  struct mtasts_smtp_probe_options options = {
      .base = base,
      .address = {.s6_addr = {[10] = 0xff, [11] = 0xff}},
      .port = 25,
      .allow_private = true,
      .host = HOST,
      .helo = helo,
      .trust = trust,
      .now = time(NULL),
      .timeout = TIMEOUT_MS,
      .arena = &arena,
      .done = take,
      .context = result,
  };
  if (inet_pton(AF_INET, address, &options.address.s6_addr[12]) != 1)
    inet_pton(AF_INET6, address, &options.address);
  CU_ASSERT(mtasts_smtp_probe_start(&options, &probe) == MTASTS_OK);
  return probe;
}

static bool starts(struct mtasts_span text, const char *with) {
  return text.len >= strlen(with) && (text.len == 0 || memcmp(text.data, with, strlen(with)) == 0);
}

static void check_certificate(const struct probe_case *c,
                              const struct mtasts_seen_certificate *seen) {
  int64_t now = time(NULL);
  bool trusted = c->trust == GOOD || c->trust == WRONG_NAME || c->trust == EXPIRED;
  bool named = c->trust != WRONG_NAME && c->trust != ALL_WRONG;
  bool expired = c->trust == EXPIRED || c->trust == ALL_WRONG;
  unit_check(seen->present == (c->trust != NO_CERTIFICATE), "%s: a certificate", c->name);
  if (!seen->present || c->trust == NO_CERTIFICATE)
    return;
  unit_check(seen->trusted == trusted, "%s: trusted %d, %.*s", c->name, seen->trusted,
             (int)seen->trust_detail.len, seen->trust_detail.data);
  unit_check(trusted == (seen->trust_detail.len == 0), "%s: a reason", c->name);
  unit_check(seen->names_host == named, "%s: names %d", c->name, seen->names_host);
  unit_check((seen->not_after < now) == expired && seen->not_before < now, "%s: dates", c->name);
  unit_check(seen->self_signed == (c->trust == SELF_SIGNED), "%s: self-signed", c->name);
  unit_check(seen->chain_count == 1 && seen->chain[0].len > 100, "%s: chain", c->name);
  unit_check(!seen->weak_key && !seen->weak_signature, "%s: strength", c->name);
}

static void check_case(const struct probe_case *c, const struct mtasts_seen_mail_server *seen,
                       const char *said) {
  unit_check(seen->connect == MTASTS_CONNECT_DONE, "%s: connect %d", c->name, seen->connect);
  unit_check(seen->smtp == c->smtp, "%s: smtp %d", c->name, seen->smtp);
  unit_check(seen->offers_starttls == c->offered, "%s: offers %d", c->name, seen->offers_starttls);
  unit_check(seen->starttls_reply == c->reply, "%s: reply %u", c->name, seen->starttls_reply);
  unit_check(seen->tls == c->tls, "%s: tls %d, %.*s", c->name, seen->tls, (int)seen->detail.len,
             seen->detail.data);
  unit_check(starts(seen->detail, c->detail) && (seen->detail.len == 0) == !*c->detail,
             "%s: detail %.*s", c->name, (int)seen->detail.len, seen->detail.data);
  unit_check(!c->said || strcmp(said, c->said) == 0, "%s: said %s", c->name, said);
  check_certificate(c, &seen->certificate);
}

/* All at once, as in a check. */
static void all_servers(void) {
  enum {
    COUNT = sizeof cases / sizeof *cases
  };
  struct result results[COUNT] = {0};
  if (!set_up())
    return;
  for (size_t i = 0; i < COUNT; i++)
    start(cases[i].site.address, "probe.example", &results[i]);
  CU_ASSERT(event_base_dispatch(base) >= 0);
  usleep(200000); /* for the servers to read the last command */
  for (size_t i = 0; i < COUNT; i++) {
    unit_check(results[i].ended, "%s: ended", cases[i].name);
    unit_check(server.connected[i] == 1, "%s: one connection", cases[i].name);
    pthread_mutex_lock(&server.lock);
    check_case(&cases[i], &results[i].seen, server.said[i]);
    pthread_mutex_unlock(&server.lock);
  }
  mtasts_arena_free(&arena);
}

static void reply_is_kept(void) {
  struct result result = {0};
  if (!set_up())
    return;
  start("127.0.1.12", "probe.example", &result);
  event_base_dispatch(base);
  CU_ASSERT(mtasts_span_equal(result.seen.reply, MTASTS_SPAN("554 service")));
  mtasts_arena_free(&arena);
}

static void own_name(void) {
  struct result result = {0};
  if (!set_up())
    return;
  /* The namespace has the name of the machine: without a dot, the address literal is the name. */
  char host[300] = "";
  gethostname(host, sizeof host - 1);
  server.said[0][0] = '\0';
  start(cases[0].site.address, NULL, &result);
  event_base_dispatch(base);
  const char *expected = strchr(host, '.') ? host : "[127.0.0.1]";
  CU_ASSERT(strncmp(server.said[0], "EHLO ", 5) == 0);
  unit_check(strncmp(server.said[0] + 5, expected, strlen(expected)) == 0, "said %s",
             server.said[0]);
  mtasts_arena_free(&arena);
}

static void ipv6_literal(void) {
  struct result result = {0};
  if (!set_up())
    return;
  char host[300] = "";
  gethostname(host, sizeof host - 1);
  const char *said = server.said[sizeof cases / sizeof *cases];
  start("::1", NULL, &result);
  event_base_dispatch(base);
  CU_ASSERT(result.seen.tls == MTASTS_TLS_DONE);
  if (strchr(host, '.'))
    unit_omit("this machine's name has a dot");
  else
    CU_ASSERT(strncmp(said, "EHLO [IPv6:::1]\r\n", 17) == 0);
  mtasts_arena_free(&arena);
}

static void no_connection(void) {
  struct result refused = {0};
  struct result no_route = {0};
  struct result ipv6 = {0};
  if (!set_up())
    return;
  start("127.0.9.9", NULL, &refused);
  start("8.8.8.8", NULL, &no_route);
  start("2001:4860:4860::8888", NULL, &ipv6);
  event_base_dispatch(base);
  CU_ASSERT(refused.seen.connect == MTASTS_CONNECT_FAILED);
  CU_ASSERT(starts(refused.seen.detail, "Connection refused"));
  CU_ASSERT(no_route.seen.connect == MTASTS_CONNECT_NO_ROUTE);
  CU_ASSERT(ipv6.seen.connect == MTASTS_CONNECT_NO_ROUTE);
  CU_ASSERT(!ipv6.seen.certificate.present && ipv6.seen.smtp == MTASTS_SMTP_NOT_TRIED);
  mtasts_arena_free(&arena);
}

static void private_address(void) {
  struct result result = {0};
  struct mtasts_smtp_probe *probe = NULL;
  if (!set_up())
    return;
  unsigned before = server.connected[0];
  const struct mtasts_smtp_probe_options options = {
      .base = base,
      .address = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 127, [14] = 1, [15] = 1}},
      .port = 25,
      .host = HOST,
      .trust = trust,
      .timeout = TIMEOUT_MS,
      .arena = &arena,
      .done = take,
      .context = &result,
  };
  CU_ASSERT(mtasts_smtp_probe_start(&options, &probe) == MTASTS_OK);
  CU_ASSERT(!result.ended);
  event_base_dispatch(base);
  CU_ASSERT(result.seen.private_address && result.seen.connect == MTASTS_CONNECT_NOT_TRIED);
  CU_ASSERT(server.connected[0] == before);
}

static void cancelled(void) {
  struct result result = {0};
  if (!set_up())
    return;
  for (int steps = 0; steps < 12; steps++) {
    struct mtasts_smtp_probe *probe = start(cases[0].site.address, "probe.example", &result);
    for (int i = 0; i < steps && !result.ended; i++)
      event_base_loop(base, EVLOOP_ONCE);
    if (!result.ended)
      mtasts_smtp_probe_cancel(probe);
    result.ended = false;
  }
  event_base_dispatch(base);
  CU_ASSERT(!result.ended);
  mtasts_arena_free(&arena);
}

static void tear_down(void) {
  if (!base)
    return;
  smtp_stop(&server);
  X509_STORE_free(trust);
  https_authority_free(&known);
  https_authority_free(&unknown);
  event_base_free(base);
  CU_ASSERT(arena.last == NULL);
}

const char *const unit_name = "net/smtp_probe";
const struct unit_test unit_tests[] = {
    {"every kind of server is described", all_servers},
    {"the reply that decides is kept", reply_is_kept},
    {"it says its name, or its address", own_name},
    {"and over IPv6", ipv6_literal},
    {"no connection: refused, or no route", no_connection},
    {"a private address is not connected to", private_address},
    {"a probe can be cancelled at each step", cancelled},
    {"all is freed", tear_down},
    {NULL, NULL},
};
