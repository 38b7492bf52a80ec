#include "mail.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const unit_name = "report/mail";

struct leaves {
  char text[4096];
  size_t len, count;
};

static void take(void *context, struct mtasts_span bytes, bool inner) {
  (void)inner;
  struct leaves *leaves = context;
  leaves->count++;
  if (bytes.len + 2 > sizeof leaves->text - leaves->len)
    return;
  leaves->text[leaves->len++] = '<';
  if (bytes.len > 0)
    memcpy(leaves->text + leaves->len, bytes.data, bytes.len);
  leaves->len += bytes.len;
  leaves->text[leaves->len++] = '>';
}

/* a message, its leaves */
static void check(unsigned line, const struct unit_field *fields, size_t count) {
  struct leaves leaves = {.len = 0};
  if (count != 2) {
    unit_check(false, "line %u: %zu fields", line, count);
    return;
  }
  enum mtasts_mail status =
      mtasts_mail_leaves((struct mtasts_span){fields[0].data, fields[0].len}, take, &leaves);
  unit_check(status == MTASTS_MAIL_OK, "line %u: status %d", line, status);
  unit_check(leaves.len == fields[1].len && memcmp(leaves.text, fields[1].data, leaves.len) == 0,
             "line %u: got %.*s", line, (int)leaves.len, leaves.text);
}

static void vectors(void) {
  unit_vectors("tests/data/report/mail.tsv", 25, check);
}

/* Multiparts inside of each other, the innermost with a leaf. */
static char *nested(unsigned depth, size_t *size) {
  char *text = NULL;
  FILE *stream = open_memstream(&text, size);
  for (unsigned i = 0; i < depth; i++)
    fprintf(stream, "Content-Type: multipart/mixed; boundary=b%u-\n\n--b%u-\n", i, i);
  fputs("\nleaf", stream);
  fclose(stream);
  return text;
}

static void depth(void) {
  static const struct {
    size_t leaves;
    unsigned depth;
    enum mtasts_mail status;
  } cases[] = {
      {1, 1, MTASTS_MAIL_OK},
      {1, MTASTS_MAIL_DEPTH, MTASTS_MAIL_OK},
      {0, MTASTS_MAIL_DEPTH + 1, MTASTS_MAIL_TOO_DEEP},
      {0, 100000, MTASTS_MAIL_TOO_DEEP},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct leaves leaves = {.len = 0};
    size_t size;
    char *text = nested(cases[i].depth, &size);
    enum mtasts_mail status = mtasts_mail_leaves((struct mtasts_span){text, size}, take, &leaves);
    unit_check(status == cases[i].status && leaves.count == cases[i].leaves,
               "depth %u: status %d, %zu leaves", cases[i].depth, status, leaves.count);
    free(text);
  }
}

/* Encoded parts inside of encoded parts hold memory at once. */
static void decoded_at_once(void) {
  static const char head[] = "Content-Type: message/rfc822\n"
                             "Content-Transfer-Encoding: quoted-printable\n\n=20";
  size_t size = MTASTS_MAIL_DECODED + 2;
  char *text = malloc(size + sizeof head);
  struct leaves leaves = {.len = 0};
  memset(text, 'x', size + sizeof head);
  memcpy(text, head, sizeof head - 1);
  CU_ASSERT(mtasts_mail_leaves((struct mtasts_span){text, size}, take, &leaves) == MTASTS_MAIL_OK);
  CU_ASSERT(leaves.count == 1);
  size += sizeof head;
  CU_ASSERT(mtasts_mail_leaves((struct mtasts_span){text, size}, take, &leaves) ==
            MTASTS_MAIL_TOO_LARGE);
  free(text);
}

static void fields(void) {
  static const char text[] = "Subject: one\nTLS-Report-Domain: a.example\n b\n"
                             "tls-report-domain: second\nX : y\n\nTo: body\n";
  struct mtasts_span message = {text, sizeof text - 1};
  struct mtasts_span body;
  CU_ASSERT(mtasts_mail_field(message, "TLS-report-DOMAIN", &body) && body.len == 13 &&
            memcmp(body.data, " a.example\n b", 13) == 0);
  CU_ASSERT(mtasts_mail_field(message, "X", &body) && body.len == 2);
  CU_ASSERT(!mtasts_mail_field(message, "To", &body));
}

static void beginnings(void) {
  static const struct {
    const char *text;
    bool begins;
  } cases[] = {
      {"From: a", true},   {"X-Y:", true},       {"Return-Path : x", true}, {"From a@b", false},
      {"", false},         {":", false},         {" From: a", false},       {"\nFrom: a", false},
      {"caf\xc3:", false}, {"{\"a\":1}", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    unit_check(mtasts_mail_begins((struct mtasts_span){cases[i].text, strlen(cases[i].text)}) ==
                   cases[i].begins,
               "%s", cases[i].text);
}

const struct unit_test unit_tests[] = {
    {"the leaves of messages", vectors},
    {"parts are followed to a bounded depth", depth},
    {"memory for decoded parts is bounded", decoded_at_once},
    {"fields of the header", fields},
    {"what begins with a header field", beginnings},
    {NULL, NULL},
};
