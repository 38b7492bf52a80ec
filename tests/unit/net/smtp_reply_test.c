#include "smtp_reply.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define WHOLE MTASTS_SMTP_REPLY_WHOLE
#define MORE  MTASTS_SMTP_REPLY_MORE
#define BAD   MTASTS_SMTP_REPLY_BAD

static const struct {
  const char *bytes;
  enum mtasts_smtp_reply_state state;
  unsigned code, lines;
  bool starttls;
  size_t left; /* bytes behind the reply */
  const char *last;
} cases[] = {
    {"220 mail.example ESMTP\r\n", WHOLE, 220, 1, false, 0, "220 mail.example ESMTP"},
    {"220\r\n", WHOLE, 220, 1, false, 0, "220"},
    {"220\n", WHOLE, 220, 1, false, 0, "220"},
    {"220 \r\n250 next\r\n", WHOLE, 220, 1, false, 10, "220 "},
    {"250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n", WHOLE, 250, 3, true, 0, "250 STARTTLS"},
    {"250-mail\r\n250-starttls\r\n250 HELP\r\n", WHOLE, 250, 3, true, 0, "250 HELP"},
    {"250-mail\r\n250-STARTTLS required\r\n250 HELP\r\n", WHOLE, 250, 3, true, 0, "250 HELP"},
    {"250-mail\r\n250-STARTTLS\n250 HELP\n", WHOLE, 250, 3, true, 0, "250 HELP"},
    {"250-STARTTLS\r\n250 HELP\r\n", WHOLE, 250, 2, false, 0, "250 HELP"},
    {"250 STARTTLS\r\n", WHOLE, 250, 1, false, 0, "250 STARTTLS"},
    {"250-mail\r\n250-XSTARTTLS\r\n250 STARTTLSX\r\n", WHOLE, 250, 3, false, 0, "250 STARTTLSX"},
    {"250-mail\r\n250 STARTTL\r\n", WHOLE, 250, 2, false, 0, "250 STARTTL"},
    {"250-mail\r\n250- STARTTLS\r\n250 x\r\n", WHOLE, 250, 3, false, 0, "250 x"},
    {"250-mail\r\n421 closing\r\n", WHOLE, 421, 2, false, 0, "421 closing"},
    {"599 x\r\n", WHOLE, 599, 1, false, 0, "599 x"},
    {"220-mail\r\n", MORE, 220, 1, false, 0, "220-mail"},
    {"22", MORE, 0, 0, false, 0, "22"},
    {"", MORE, 0, 0, false, 0, ""},
    {"\r\n", BAD, 0, 0, false, 1, ""},
    {"\n", BAD, 0, 0, false, 0, ""},
    {"22\r\n", BAD, 0, 0, false, 1, "22"},
    {"22\n", BAD, 0, 0, false, 0, "22"},
    {"2200 x\r\n", BAD, 0, 0, false, 4, "220"},
    {"199 x\r\n", BAD, 0, 0, false, 6, ""},
    {"600 x\r\n", BAD, 0, 0, false, 6, ""},
    {"HTTP/1.1 400\r\n", BAD, 0, 0, false, 13, ""},
    {"SSH-2.0\r\n", BAD, 0, 0, false, 8, ""},
    {"220-mail\r\njunk\r\n", BAD, 220, 1, false, 5, "220-mail"},
    {"220-mail\r\n\r\n", BAD, 220, 1, false, 1, "220-mail"},
};

static void each(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (size_t piece = 1; piece < 8; piece++) {
      struct mtasts_smtp_reply reply = {.code = 0};
      const char *bytes = cases[i].bytes;
      size_t size = strlen(bytes);
      size_t at = 0;
      while (at < size && reply.state == MORE)
        at += mtasts_smtp_reply_read(&reply, bytes + at, size - at < piece ? size - at : piece);
      unit_check(reply.state == cases[i].state, "%s: state %d", bytes, reply.state);
      unit_check(reply.code == cases[i].code, "%s: code %u", bytes, reply.code);
      unit_check(reply.lines == cases[i].lines, "%s: lines %u", bytes, reply.lines);
      unit_check(reply.starttls == cases[i].starttls, "%s: STARTTLS", bytes);
      unit_check((reply.why != NULL) == (cases[i].state == BAD), "%s: why", bytes);
      unit_check(cases[i].state == BAD || size - at == cases[i].left, "%s: left %zu", bytes,
                 size - at);
      unit_check(cases[i].state == BAD ||
                     (reply.last_length == strlen(cases[i].last) &&
                      memcmp(reply.last, cases[i].last, reply.last_length) == 0),
                 "%s: last %.*s", bytes, (int)reply.last_length, reply.last);
    }
}

/* Reads `count` copies of a text, and returns how many bytes were taken. */
static size_t repeat(struct mtasts_smtp_reply *reply, const char *text, size_t count) {
  size_t taken = 0;
  memset(reply, 0, sizeof *reply);
  for (size_t i = 0; i < count && reply->state == MORE; i++)
    taken += mtasts_smtp_reply_read(reply, text, strlen(text));
  return taken;
}

static void bounds(void) {
  struct mtasts_smtp_reply reply;
  CU_ASSERT(repeat(&reply, "220-x\r\n", 100000) == 7 * MTASTS_SMTP_LINES_MAX);
  CU_ASSERT(reply.state == BAD);
  memset(&reply, 0, sizeof reply);
  CU_ASSERT(mtasts_smtp_reply_read(&reply, "220 ", 4) == 4);
  size_t taken = 0;
  while (reply.state == MORE && taken < 100000)
    taken += mtasts_smtp_reply_read(&reply, "x", 1);
  CU_ASSERT(taken == MTASTS_SMTP_LINE_MAX - 3 && reply.state == BAD);
  CU_ASSERT(reply.last_length == MTASTS_SMTP_LAST_MAX);
  /* A line of the largest size is fine. */
  char *line = malloc(MTASTS_SMTP_LINE_MAX + 3);
  memset(line, 'x', MTASTS_SMTP_LINE_MAX);
  memcpy(line, "220-", 4);
  memcpy(line + MTASTS_SMTP_LINE_MAX - 1, "\r\n", 3);
  CU_ASSERT(repeat(&reply, line, 100) <= MTASTS_SMTP_REPLY_MAX && reply.state == BAD);
  CU_ASSERT(reply.lines == MTASTS_SMTP_REPLY_MAX / (MTASTS_SMTP_LINE_MAX + 1));
  free(line);
}

const char *const unit_name = "net/smtp_reply";
const struct unit_test unit_tests[] = {
    {"replies, whole or in pieces", each},
    {"what has no end is bad", bounds},
    {NULL, NULL},
};
