/*
 * observation_fixture.h: observations in a small text form, for tests. tests/data/check/README has
 * the form. A fixture holds one observation, which begins as that of a domain without a fault.
 */
#ifndef OBSERVATION_FIXTURE_H
#define OBSERVATION_FIXTURE_H

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "ascii.h"
#include "chain_fixture.h"
#include "observation.h"
#include "rfc3339.h"

enum {
  FIXTURE_WORDS = 24,
  FIXTURE_LIST = 40,
  FIXTURE_DAY = 86400,
};

/* One line, cut into words; a word is KEY=VALUE, or KEY alone with an empty value. */
struct fixture_line {
  struct {
    char *key, *value;
    size_t len; /* of the value: it may hold NUL */
    bool quoted;
  } words[FIXTURE_WORDS];
  size_t count;
};

struct fixture {
  struct mtasts_observation seen;
  struct mtasts_arena arena;
  struct chains chains;
  int64_t now;
  bool has_https, has_mx, has_rua; /* of this case: the first one of a kind replaces the default */
  struct mtasts_seen_https https[FIXTURE_LIST];
  struct mtasts_seen_mx mx[FIXTURE_LIST];
  struct mtasts_seen_mail_server servers[FIXTURE_LIST][FIXTURE_LIST];
  struct mtasts_seen_rua rua[FIXTURE_LIST];
  char wrong[160]; /* the first word that means nothing; "": none */
};

static struct mtasts_span fixture_copy(struct fixture *f, const char *text, size_t len) {
  return mtasts_arena_copy(&f->arena, (struct mtasts_span){text, len});
}

static void fixture_wrong(struct fixture *f, const char *word) {
  if (!*f->wrong)
    snprintf(f->wrong, sizeof f->wrong, "%s", word);
}

/* Reads one escape behind the backslash; returns the byte. */
static char fixture_escape(const char **at) {
  char c = *(*at)++;
  if (c == 'n')
    return '\n';
  if (c == 'r')
    return '\r';
  if (c == 't')
    return '\t';
  if (c != 'x')
    return c;
  unsigned value = 0;
  for (int i = 0; i < 2; i++, ++*at)
    value = value * 16 + (unsigned)(**at <= '9' ? **at - '0' : (**at | 0x20) - 'a' + 10);
  return (char)value;
}

/* Cuts a line into words. A `"` begins a text with escapes, as a value or as a word. */
static void fixture_cut(struct fixture *f, const char *text, struct fixture_line *line) {
  line->count = 0;
  for (text += strspn(text, " "); *text && *text != '#'; text += strspn(text, " ")) {
    char *word = mtasts_arena_alloc(&f->arena, strlen(text) + 1);
    char *value = NULL;
    char *out = word;
    bool quoted = false;
    while (*text && *text != ' ') {
      if (*text == '=' && !value && !quoted) {
        *out++ = '\0';
        value = out;
        text++;
      } else if (*text == '"') {
        quoted = true;
        for (text++; *text && *text != '"';) {
          char c = *text++;
          *out++ = c == '\\' ? fixture_escape(&text) : c;
        }
        text += *text == '"';
      } else {
        *out++ = *text++;
      }
    }
    *out = '\0';
    if (line->count == FIXTURE_WORDS) {
      fixture_wrong(f, "too many words");
      return;
    }
    line->words[line->count].key = word;
    line->words[line->count].value = value ? value : out;
    line->words[line->count].len = value ? (size_t)(out - value) : (size_t)(out - word);
    line->words[line->count++].quoted = quoted && !value;
  }
}

static struct mtasts_seen_answer fixture_answer(struct fixture *f, const char *word) {
  struct mtasts_seen_answer answer = {
      .asked = true, .ttl = 3600, .security = MTASTS_SECURITY_INSECURE};
  const struct mtasts_span detail = MTASTS_SPAN("SERVFAIL");
  if (strcmp(word, "unasked") == 0)
    answer.asked = false;
  else if (strcmp(word, "nodata") == 0)
    answer.outcome = MTASTS_DNS_NODATA;
  else if (strcmp(word, "nxdomain") == 0)
    answer.outcome = MTASTS_DNS_NXDOMAIN;
  else if (strcmp(word, "secure") == 0)
    answer.security = MTASTS_SECURITY_SECURE;
  else if (strcmp(word, "unvalidated") == 0)
    answer.security = MTASTS_SECURITY_UNKNOWN;
  else if (strcmp(word, "failed") == 0)
    answer.outcome = MTASTS_DNS_FAILED, answer.detail = detail;
  else if (strcmp(word, "local") == 0)
    answer.outcome = MTASTS_DNS_FAILED, answer.local = true;
  else if (strcmp(word, "bogus") == 0)
    answer.outcome = MTASTS_DNS_BOGUS, answer.security = MTASTS_SECURITY_BOGUS;
  else if (strcmp(word, "answer") != 0 && strcmp(word, "insecure") != 0)
    fixture_wrong(f, word);
  return answer;
}

static struct in6_addr fixture_address(struct fixture *f, const char *text) {
  char mapped[64];
  struct in6_addr address = {0};
  snprintf(mapped, sizeof mapped, "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
  if (inet_pton(AF_INET6, mapped, &address) != 1)
    fixture_wrong(f, text);
  return address;
}

/* certificates */

static struct mtasts_seen_certificate fixture_certificate(const struct fixture *f) {
  return (struct mtasts_seen_certificate){
      .present = true,
      .not_before = f->now - 30 * FIXTURE_DAY,
      .not_after = f->now + 60 * FIXTURE_DAY,
      .trusted = true,
      .names_host = true,
  };
}

/* Is this a word about a certificate? Then it is applied. */
static bool fixture_certificate_word(struct fixture *f, const char *key, const char *value,
                                     struct mtasts_seen_certificate *certificate) {
  int64_t number = strtoll(value, NULL, 10);
  if (strcmp(key, "no-cert") == 0) {
    certificate->present = false;
  } else if (strcmp(key, "left") == 0) { /* seconds from now to its end; then `life` */
    certificate->not_after = f->now + number;
  } else if (strcmp(key, "life") == 0) {
    certificate->not_before = certificate->not_after - number;
  } else if (strcmp(key, "begins") == 0) {
    certificate->not_before = f->now + number;
  } else if (strcmp(key, "untrusted") == 0) {
    certificate->trusted = false;
    certificate->trust_detail = MTASTS_SPAN("unable to get local issuer certificate");
  } else if (strcmp(key, "self-signed") == 0) {
    certificate->trusted = false;
    certificate->self_signed = true;
  } else if (strcmp(key, "names") == 0) {
    struct mtasts_span *names = mtasts_arena_array(&f->arena, 1, sizeof *names);
    names[0] = fixture_copy(f, value, strlen(value));
    certificate->names = names;
    certificate->name_count = 1;
    certificate->names_host = false;
  } else if (strcmp(key, "weak-key") == 0) {
    certificate->weak_key = true;
    certificate->key_text = MTASTS_SPAN("RSA 1024 bits, sha256WithRSAEncryption");
  } else if (strcmp(key, "weak-signature") == 0) {
    certificate->weak_signature = true;
  } else if (strcmp(key, "chain") == 0) { /* that of chain_fixture.h */
    certificate->chain = f->chains.chain;
    certificate->chain_count = 2;
  } else {
    return false;
  }
  return true;
}

/* the policy host */

static enum mtasts_seen_connect fixture_connect(struct fixture *f, const char *word) {
  static const char *const words[] = {"not-tried", "done", "failed", "no-route", "deadline"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i], word) == 0)
      return (enum mtasts_seen_connect)i;
  fixture_wrong(f, word);
  return MTASTS_CONNECT_DONE;
}

static enum mtasts_seen_tls fixture_tls(struct fixture *f, const char *word) {
  static const char *const words[] = {"not-tried", "done", "old", "failed"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i], word) == 0)
      return (enum mtasts_seen_tls)i;
  fixture_wrong(f, word);
  return MTASTS_TLS_DONE;
}

static void fixture_https_word(struct fixture *f, struct mtasts_seen_https *https, const char *key,
                               const char *value, size_t len) {
  if (strcmp(key, "private") == 0) {
    https->private_address = true;
    https->connect = MTASTS_CONNECT_NOT_TRIED;
  } else if (strcmp(key, "connect") == 0) {
    https->connect = fixture_connect(f, value);
    https->detail = https->connect == MTASTS_CONNECT_FAILED ? MTASTS_SPAN("Connection refused")
                                                            : (struct mtasts_span){NULL, 0};
  } else if (strcmp(key, "tls") == 0) {
    https->tls = fixture_tls(f, value);
  } else if (strcmp(key, "incomplete") == 0) {
    https->complete = false;
  } else if (strcmp(key, "refused") == 0) { /* a whole answer that senders do not take */
    https->accepted = false;
  } else if (strcmp(key, "status") == 0) {
    https->status = strtol(value, NULL, 10);
  } else if (strcmp(key, "type") == 0) {
    https->type = fixture_copy(f, value, len);
    https->has_type = true;
  } else if (strcmp(key, "no-type") == 0) {
    https->has_type = false;
  } else if (strcmp(key, "target") == 0) {
    https->target = fixture_copy(f, value, len);
  } else if (strcmp(key, "large") == 0) {
    https->too_large = true;
  } else if (strcmp(key, "body") == 0) {
    https->body = fixture_copy(f, value, len);
  } else if (!fixture_certificate_word(f, key, value, &https->certificate)) {
    fixture_wrong(f, key);
  }
}

/* https ADDRESS WORD…: an address of the policy host */
static void fixture_https(struct fixture *f, const struct fixture_line *line) {
  struct mtasts_span body = f->https[0].body;
  if (!f->has_https)
    f->seen.https_count = 0;
  f->has_https = true;
  struct mtasts_seen_https *https = &f->https[f->seen.https_count++];
  *https = (struct mtasts_seen_https){
      .address = fixture_address(f, line->words[1].key),
      .connect = MTASTS_CONNECT_DONE,
      .tls = MTASTS_TLS_DONE,
      .certificate = fixture_certificate(f),
      .complete = true,
      .accepted = true,
      .status = 200,
      .has_type = true,
      .type = MTASTS_SPAN("text/plain"),
      .body = body,
  };
  for (size_t i = 2; i < line->count; i++)
    fixture_https_word(f, https, line->words[i].key, line->words[i].value, line->words[i].len);
  f->seen.policy_host.count = f->seen.https_count;
}

/* mail servers */

static void fixture_tlsa(struct fixture *f, struct mtasts_seen_mx *mx, const char *word) {
  struct mtasts_span *records = mtasts_arena_array(&f->arena, mx->tlsa.count + 1, sizeof *records);
  for (size_t i = 0; i < mx->tlsa.count; i++)
    records[i] = mx->tlsa.records[i];
  if (!chains_record(&f->chains, word, &records[mx->tlsa.count]))
    fixture_wrong(f, word);
  mx->tlsa.records = records;
  mx->tlsa.count++;
}

/* mx HOST WORD…: an MX host; the lines `server` behind it are its addresses */
static void fixture_mx(struct fixture *f, const struct fixture_line *line) {
  if (!f->has_mx)
    f->seen.mx_count = 0;
  f->has_mx = true;
  struct mtasts_seen_mx *mx = &f->mx[f->seen.mx_count];
  *mx = (struct mtasts_seen_mx){
      .host = fixture_copy(f, line->words[1].key, strlen(line->words[1].key)),
      .preference = 10,
      .addresses = {.a = fixture_answer(f, "nodata"), .aaaa = fixture_answer(f, "nodata")},
      .tlsa = {.answer = fixture_answer(f, "nodata")},
      .servers = f->servers[f->seen.mx_count],
  };
  mx->tlsa.name = mtasts_arena_printf(&f->arena, "_25._tcp.%s", line->words[1].key);
  f->seen.mx_count++;
  for (size_t i = 2; i < line->count; i++) {
    const char *key = line->words[i].key;
    const char *value = line->words[i].value;
    if (strcmp(key, "address") == 0)
      mx->is_address = true;
    else if (strcmp(key, "alias") == 0)
      mx->addresses.alias = fixture_copy(f, value, strlen(value));
    else if (strcmp(key, "a") == 0)
      mx->addresses.a = fixture_answer(f, value);
    else if (strcmp(key, "aaaa") == 0)
      mx->addresses.aaaa = fixture_answer(f, value);
    else if (strcmp(key, "tlsa") == 0)
      mx->tlsa.answer = fixture_answer(f, value);
    else if (strcmp(key, "base") == 0)
      mx->tlsa.name = mtasts_arena_printf(&f->arena, "_25._tcp.%s", value);
    else if (strcmp(key, "record") == 0)
      fixture_tlsa(f, mx, value);
    else
      fixture_wrong(f, key);
  }
}

static void fixture_server_word(struct fixture *f, struct mtasts_seen_mail_server *server,
                                const char *key, const char *value, size_t len) {
  if (strcmp(key, "private") == 0) {
    server->private_address = true;
    server->connect = MTASTS_CONNECT_NOT_TRIED;
  } else if (strcmp(key, "connect") == 0) {
    server->connect = fixture_connect(f, value);
  } else if (strcmp(key, "smtp") == 0) {
    server->smtp = strcmp(value, "refused") == 0 ? MTASTS_SMTP_REFUSED : MTASTS_SMTP_PROTOCOL;
  } else if (strcmp(key, "reply") == 0) {
    server->reply = fixture_copy(f, value, len);
  } else if (strcmp(key, "no-starttls") == 0) {
    server->offers_starttls = false;
  } else if (strcmp(key, "starttls") == 0) {
    server->starttls_reply = (unsigned)strtoul(value, NULL, 10);
  } else if (strcmp(key, "tls") == 0) {
    server->tls = fixture_tls(f, value);
  } else if (strcmp(key, "detail") == 0) {
    server->detail = fixture_copy(f, value, len);
  } else if (!fixture_certificate_word(f, key, value, &server->certificate)) {
    fixture_wrong(f, key);
  }
  if (server->connect != MTASTS_CONNECT_DONE)
    server->smtp = MTASTS_SMTP_NOT_TRIED;
}

/* server ADDRESS WORD… */
static void fixture_server(struct fixture *f, const struct fixture_line *line) {
  size_t at = f->seen.mx_count - 1;
  struct mtasts_seen_mx *mx = &f->mx[at];
  struct mtasts_seen_mail_server *server = &f->servers[at][mx->server_count++];
  bool v6 = strchr(line->words[1].key, ':') != NULL;
  *server = (struct mtasts_seen_mail_server){
      .address = fixture_address(f, line->words[1].key),
      .connect = MTASTS_CONNECT_DONE,
      .smtp = MTASTS_SMTP_OK,
      .offers_starttls = true,
      .starttls_reply = 220,
      .tls = MTASTS_TLS_DONE,
      .certificate = fixture_certificate(f),
  };
  *(v6 ? &mx->addresses.aaaa : &mx->addresses.a) = fixture_answer(f, "secure");
  mx->addresses.count = mx->server_count;
  for (size_t i = 2; i < line->count; i++)
    fixture_server_word(f, server, line->words[i].key, line->words[i].value, line->words[i].len);
}

/* TXT records and their targets */

static void fixture_txt(struct fixture *f, struct mtasts_seen_txt *txt,
                        const struct fixture_line *line) {
  struct mtasts_span *texts = mtasts_arena_array(&f->arena, line->count, sizeof *texts);
  *txt = (struct mtasts_seen_txt){.answer = fixture_answer(f, "answer"), .texts = texts};
  for (size_t i = 1; i < line->count; i++)
    if (strcmp(line->words[i].key, "ttl") == 0)
      txt->answer.ttl = (uint32_t)strtoul(line->words[i].value, NULL, 10);
    else if (line->words[i].quoted)
      texts[txt->count++] = fixture_copy(f, line->words[i].key, line->words[i].len);
    else
      txt->answer = fixture_answer(f, line->words[i].key);
}

/* rua URI WORD… */
static void fixture_rua(struct fixture *f, const struct fixture_line *line) {
  if (!f->has_rua)
    f->seen.rua_count = 0;
  f->has_rua = true;
  struct mtasts_seen_rua *rua = &f->rua[f->seen.rua_count++];
  *rua = (struct mtasts_seen_rua){
      .uri = fixture_copy(f, line->words[1].key, strlen(line->words[1].key)),
      .host = MTASTS_SPAN("reports.example"),
      .https = strncmp(line->words[1].key, "https", 5) == 0,
      .addresses = {.a = fixture_answer(f, "answer"), .aaaa = fixture_answer(f, "nodata"), NULL, 1},
      .connect = MTASTS_CONNECT_DONE,
  };
  rua->mx = fixture_answer(f, rua->https ? "unasked" : "answer");
  rua->has_mx = !rua->https;
  for (size_t i = 2; i < line->count; i++) {
    const char *key = line->words[i].key;
    const char *value = line->words[i].value;
    if (strcmp(key, "mx") == 0)
      rua->mx = fixture_answer(f, value), rua->has_mx = false;
    else if (strcmp(key, "null-mx") == 0)
      rua->null_mx = true;
    else if (strcmp(key, "a") == 0)
      rua->addresses.a = fixture_answer(f, value), rua->addresses.count = 0;
    else if (strcmp(key, "connect") == 0)
      rua->connect = fixture_connect(f, value);
    else
      fixture_wrong(f, key);
  }
}

#endif
