#include "response.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "namespace.h"
#include "scripted_https.h"
#include "unit.h"

#define POLICY "version: STSv1\nmode: enforce\nmx: *.example\nmax_age: 604800\n"
#define HEAD   "Content-Type: text/plain\r\n"

/* How a body shows its end. */
static const struct https_site sites[] = {
    {.host = "length.example",
     .response = "HTTP/1.1 200 OK\r\n" HEAD "Content-Length: 59\r\n\r\n" POLICY},
    {.host = "chunked.example",
     .response = "HTTP/1.1 200 OK\r\n" HEAD "Transfer-Encoding: chunked\r\n\r\n10\r\nversion: "
                 "STSv1\nm\r\n2b\r\node: enforce\nmx: *.example\nmax_age: 604800\n\r\n0\r\n\r\n"},
    {.host = "close.example",
     .response = "HTTP/1.1 200 OK\r\n" HEAD "Connection: close\r\n\r\n" POLICY},
    {.host = "http10.example", .response = "HTTP/1.0 200 OK\r\n" HEAD "\r\n" POLICY},
    {.host = "interim.example",
     .response = "HTTP/1.1 103 Early\r\nLink: </>\r\n\r\nHTTP/1.1 200 OK\r\n" HEAD "\r\n" POLICY},
    {.host = NULL},
};

struct fixture {
  struct https_authority authority;
  struct https_server server;
  struct event_base *base;
  struct mtasts_fetcher *fetcher;
  char ca_file[64];

  /* of the last fetch */
  enum mtasts_error error;
  size_t size;
  char body[sizeof POLICY];
  char detail[MTASTS_DETAIL_MAX + 1];
};

static void set_up(struct fixture *f) {
  char error[MTASTS_ERROR_TEXT];
  memset(f, 0, sizeof *f);
  f->authority = https_authority("Test CA");
  snprintf(f->ca_file, sizeof f->ca_file, "/tmp/mtasts-response-XXXXXX");
  close(mkstemp(f->ca_file));
  CU_ASSERT_TRUE_FATAL(https_write_bundle(&f->authority, f->ca_file));
  CU_ASSERT_TRUE_FATAL(namespace_enter());
  CU_ASSERT_TRUE_FATAL(
      https_start(&f->server, "127.0.0.1", "127.0.0.2", sites, &f->authority, &f->authority));
  f->base = event_base_new();
  struct mtasts_fetcher_options options = {
      .ca_file = f->ca_file, .timeout = 30, .allow_private = true};
  CU_ASSERT_EQUAL_FATAL(mtasts_fetcher_new(f->base, &options, error, &f->fetcher), MTASTS_OK);
}

static void tear_down(struct fixture *f) {
  mtasts_fetcher_free(f->fetcher);
  event_base_free(f->base);
  https_stop(&f->server);
  https_authority_free(&f->authority);
  unlink(f->ca_file);
}

static void take(void *context, const struct mtasts_fetch_answer *answer) {
  struct fixture *f = context;
  f->error = answer->error;
  f->size = answer->body.len;
  if (f->size > 0 && f->size < sizeof f->body)
    memcpy(f->body, answer->body.data, f->size);
  snprintf(f->detail, sizeof f->detail, "%s", answer->detail);
  event_base_loopbreak(f->base);
}

static void fetch(struct fixture *f, const char *host) {
  struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
  struct mtasts_fetch *started;
  memset(f->body, 0, sizeof f->body);
  CU_ASSERT_EQUAL_FATAL(
      mtasts_fetcher_start(
          f->fetcher,
          &(struct mtasts_fetch_options){.host = host,
                                         .addresses = &(struct mtasts_addresses){&address, 1},
                                         .done = take,
                                         .context = f},
          &started),
      MTASTS_OK);
  event_base_dispatch(f->base);
}

/* An answer that ends early. An attacker on the path can end the connection, but only the policy
 * host can send close_notify, which completes a body without a length. */
static void check_cut(struct fixture *f, const struct https_site *site) {
  static const char *const endings[] = {"close_notify", "FIN", "RST"};
  const char *body = strstr(site->response, HEAD);
  body = strstr(body, "\r\n\r\n") + 4;
  size_t body_at = (size_t)(body - site->response);
  size_t length = strlen(site->response);
  size_t sent = length - f->server.cut;
  bool unframed = strcmp(body, POLICY) == 0 && !strstr(site->response, "Content-Length");
  bool whole = f->server.cut == 0 && !unframed;
  if (unframed && f->server.ending == HTTPS_NOTIFIED)
    whole = sent >= body_at;
  fetch(f, site->host);
  if (f->server.ending == HTTPS_RESET && whole && f->error != MTASTS_ERROR_NONE)
    return; /* the kernel may throw away what was received before */
  /* RFC 9112 section 8: complete with the zero-sized chunk; the empty line after it may be missing.
   */
  if (strstr(site->response, "chunked") && f->server.cut <= 2)
    whole = f->error == MTASTS_ERROR_NONE;
  size_t expected = unframed ? sent - body_at : strlen(POLICY);
  unit_check((f->error == MTASTS_ERROR_NONE) == whole, "%s, %s behind %zu of %zu bytes: %s",
             site->host, endings[f->server.ending], sent, length,
             whole ? f->detail : "taken for whole");
  if (whole)
    unit_check(f->size == expected && memcmp(f->body, POLICY, expected) == 0,
               "%s, %s behind %zu of %zu bytes: %zu bytes: %s", site->host,
               endings[f->server.ending], sent, length, f->size, f->body);
  else
    unit_check(f->error == MTASTS_ERROR_POLICY_FETCH && f->size == 0 && f->detail[0],
               "%s, %s behind %zu of %zu bytes: error %d, %s", site->host,
               endings[f->server.ending], sent, length, f->error, f->detail);
}

static void cut_at_every_byte(int tls_version, enum https_ending ending) {
  for (const struct https_site *site = sites; site->host; site++) {
    struct fixture f;
    set_up(&f);
    f.server.tls_version = tls_version;
    f.server.ending = ending;
    for (f.server.cut = 0; f.server.cut <= strlen(site->response); f.server.cut++)
      check_cut(&f, site);
    tear_down(&f);
  }
}

static void announced(void) {
  cut_at_every_byte(TLS1_3_VERSION, HTTPS_NOTIFIED);
}

static void announced_12(void) {
  cut_at_every_byte(TLS1_2_VERSION, HTTPS_NOTIFIED);
}

static void unannounced(void) {
  cut_at_every_byte(TLS1_3_VERSION, HTTPS_CLOSED);
}

static void unannounced_12(void) {
  cut_at_every_byte(TLS1_2_VERSION, HTTPS_CLOSED);
}

static void reset(void) {
  cut_at_every_byte(TLS1_3_VERSION, HTTPS_RESET);
}

const char *const unit_name = "net/response";
const struct unit_test unit_tests[] = {
    {"cut at every byte, close_notify, TLS 1.3", announced},
    {"cut at every byte, close_notify, TLS 1.2", announced_12},
    {"cut at every byte, no close_notify, TLS 1.3", unannounced},
    {"cut at every byte, no close_notify, TLS 1.2", unannounced_12},
    {"cut at every byte, reset", reset},
    {NULL, NULL},
};
