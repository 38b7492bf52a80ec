#include "finder.h"

#include "ascii.h"
#include "json_text.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

const char *const unit_name = "finder";

enum {
  LARGE = MTASTS_FOUND_MAX + 4096,
};

struct events {
  size_t reports, rejected, warnings, in_mail;
  uint64_t message; /* of the last event */
  char reason[512];
};

static void take_report(void *context, uint64_t message, const struct mtasts_found *found) {
  struct events *events = context;
  events->reports++;
  events->in_mail += found->domain.len > 0;
  events->message = message;
  CU_ASSERT(json_is_object(found->root));
  CU_ASSERT(found->text.data[0] == '{' && found->text.data[found->text.len - 1] == '}');
}

static void take_rejected(void *context, uint64_t message, const char *reason) {
  struct events *events = context;
  events->rejected++;
  events->message = message;
  snprintf(events->reason, sizeof events->reason, "%s", reason);
}

static void take_warning(void *context, uint64_t message, const char *text) {
  struct events *events = context;
  (void)message;
  (void)text;
  events->warnings++;
}

static const struct mtasts_finder_events calls = {take_report, take_rejected, take_warning};

static struct events find(const char *data, size_t len) {
  struct events events = {0};
  struct mtasts_finder *finder = mtasts_finder_new(&calls, &events);
  if (len > 0)
    mtasts_finder_feed(finder, (struct mtasts_span){data, len});
  mtasts_finder_end(finder);
  mtasts_finder_free(finder);
  return events;
}

static void check(const char *what, const char *data, size_t len, size_t reports, size_t rejected,
                  size_t warnings, const char *reason) {
  struct events events = find(data, len);
  unit_check(events.reports == reports && events.rejected == rejected &&
                 events.warnings == warnings,
             "%s: %zu reports, %zu rejected, %zu warnings", what, events.reports, events.rejected,
             events.warnings);
  unit_check(strstr(events.reason, reason) != NULL, "%s: %s, not %s", what, events.reason, reason);
}
#define CHECK(what, text, reports, rejected, warnings, reason)                                     \
  check(what, text, sizeof(text) - 1, reports, rejected, warnings, reason)

static char *zip(const char *text, size_t len, size_t *size) {
  z_stream stream = {0};
  size_t room = len / 100 + 1000 + (len < 100000 ? len : 0);
  char *out = malloc(room);
  deflateInit2(&stream, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
  stream.next_in = (z_const Bytef *)(uintptr_t)text;
  stream.avail_in = (uInt)len;
  stream.next_out = (Bytef *)out;
  stream.avail_out = (uInt)room;
  CU_ASSERT(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  *size = room - stream.avail_out;
  deflateEnd(&stream);
  return out;
}

static void kinds(void) {
  mtasts_json_text_init();
  CHECK("nothing", "", 0, 1, 0, "empty");
  CHECK("JSON", "{}", 1, 0, 0, "");
  CHECK("white space, a BOM, white space", " \n\xEF\xBB\xBF\t{}", 1, 0, 0, "");
  CHECK("several", "{}{} \r\n{}", 3, 0, 0, "");
  CHECK("NULs behind", "{}\0\0\n\0", 1, 0, 0, "");
  CHECK("other bytes behind", "{}]", 1, 0, 1, "");
  CHECK("a malformed one behind", "{}{", 1, 1, 0, "JSON");
  CHECK("no UTF-8", "{\"a\":\"\xFF\"}", 1, 0, 1, "");
  CHECK("zip", "PK\003\004", 0, 1, 0, "zip");
  CHECK("an empty zip", "PK\005\006", 0, 1, 0, "zip");
  CHECK("UTF-16, little", "{\0}\0", 0, 1, 0, "UTF-16");
  CHECK("UTF-16, big, marked", "\xFE\xFF\0{", 0, 1, 0, "UTF-16");
  CHECK("DMARC", "<?xml?>\n<feedback>", 0, 1, 0, "DMARC");
  CHECK("other XML", "<?xml?>\n<other>", 0, 1, 0, "no TLS report");
  CHECK("an array", "[{}]", 0, 1, 0, "no TLS report");
  CHECK("a letter", "Subject: x\n\nhello\n", 0, 1, 0, "no TLS report");
  CHECK("a body", "Subject: x\n\n{}\n", 1, 0, 0, "");
  CHECK("an mbox", "From a\nA: 1\n\n{}\n\nFrom b\nA: 1\n\nx\n", 1, 1, 0, "no TLS report");
  CHECK("an mbox without a message", "From a to b\n", 0, 1, 0, "no TLS report");
  CHECK("gzip cut", "\x1f\x8b\x08", 0, 1, 0, "gzip");
}

static void where(void) {
  static const char mbox[] = "From a\nA: 1\n\nx\n\n"
                             "From b\nTLS-Report-Domain: a.example\n\n{}\n";
  struct events events = find(mbox, sizeof mbox - 1);
  CU_ASSERT(events.message == 2 && events.in_mail == 1);
  events = find("{}", 2);
  CU_ASSERT(events.message == 0 && events.in_mail == 0);
}

/* gzip in gzip, up to the bound. */
static void nesting(void) {
  size_t size = 2;
  char *bytes = strdup("{}");
  for (int depth = 1; depth < 12; depth++) {
    size_t larger;
    char *next = zip(bytes, size, &larger);
    free(bytes);
    bytes = next;
    size = larger;
    check("gzip in gzip", bytes, size, depth < 8, depth >= 8, 0, depth < 8 ? "" : "nested");
  }
  free(bytes);
}

static void bounds(void) {
  size_t size;
  char *large = malloc(LARGE);
  CU_ASSERT_PTR_NOT_NULL_FATAL(large);
  memset(large, ' ', LARGE);
  memcpy(large, "{}", 2);
  check("as large as may be", large, MTASTS_FOUND_MAX, 1, 0, 0, "");
  check("too large", large, MTASTS_FOUND_MAX + 1, 0, 1, 0, "20 MiB");
  char *zipped = zip(large, MTASTS_FOUND_MAX, &size);
  check("gzip, as large as may be", zipped, size, 1, 0, 0, "");
  free(zipped);
  zipped = zip(large, MTASTS_FOUND_MAX + 1, &size);
  check("gzip, too large", zipped, size, 0, 1, 0, "20 MiB");
  free(zipped);
  memcpy(large, "A: 1\n\n{}", 8);
  check("a message too large", large, LARGE, 0, 1, 0, "20 MiB");
  memcpy(large, "From a\nA: 1\n\nx\n", 15);
  memcpy(large + LARGE - 22, "\n\nFrom b\nA: 1\n\n{}    ", 21);
  check("a message of an mbox too large, the next one not", large, LARGE, 1, 1, 0, "20 MiB");
  free(large);
}

/* A message of very many parts, each a stream that inflates to 20 MiB of nothing. */
static void bomb(void) {
  enum {
    PARTS = 200,
    ROOM = 8 << 20
  };
  size_t size;
  char *zeros = calloc(1, MTASTS_FOUND_MAX);
  char *zipped = zip(zeros, MTASTS_FOUND_MAX, &size);
  char *message = malloc(ROOM);
  size_t at = (size_t)snprintf(message, ROOM, "Content-Type: multipart/mixed; boundary=b\n\n");
  for (int i = 0; i < PARTS; i++) {
    at += (size_t)snprintf(message + at, ROOM - at, "--b\n\n");
    memcpy(message + at, zipped, size);
    at += size;
    message[at++] = '\n';
  }
  at += (size_t)snprintf(message + at, ROOM - at, "--b\n\n{}\n--b--\n");
  check("a bomb, and a report behind it", message, at, 1, PARTS, 0, "far more");
  free(message);
  free(zipped);
  free(zeros);
}

static void parts(void) {
  enum {
    MOST = 250000
  };
  char *texts = malloc(2 * (MOST + 5));
  CU_ASSERT_PTR_NOT_NULL_FATAL(texts);
  for (size_t i = 0; i < MOST + 5; i++)
    memcpy(texts + 2 * i, "{}", 2);
  check("as many as may be", texts, (size_t)2 * MOST, MOST, 0, 0, "");
  check("too many", texts, (size_t)2 * (MOST + 5), MOST, 1, 0, "more than");
  free(texts);
}

/* What an input was does not reach the next one. */
static void again(void) {
  struct events events = {0};
  struct mtasts_finder *finder = mtasts_finder_new(&calls, &events);
  static const char *const inputs[] = {"From a\nA: 1\n\n{}\n", "{}", "A: 1\n\n{}", "{} {}"};
  for (size_t i = 0; i < 4; i++) {
    mtasts_finder_feed(finder, (struct mtasts_span){inputs[i], strlen(inputs[i])});
    mtasts_finder_end(finder);
  }
  mtasts_finder_end(finder);
  CU_ASSERT(events.reports == 5 && events.rejected == 1);
  mtasts_finder_free(finder);
}

const struct unit_test unit_tests[] = {
    {"what bytes are", kinds},
    {"where it was found", where},
    {"gzip in gzip", nesting},
    {"no more than 20 MiB", bounds},
    {"a gzip bomb", bomb},
    {"no more than so many parts", parts},
    {"one input after another", again},
    {NULL, NULL},
};
