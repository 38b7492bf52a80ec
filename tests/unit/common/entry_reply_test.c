#include "entry_reply.h"

#include "ascii.h"
#include "unit.h"

#include <stdlib.h>

const char *const unit_name = "common/entry_reply";

enum {
  T0 = 1767225600 /* 2026-01-01T00:00:00Z */
};

static const unsigned char patterns[] = "\x0fmx1.example.com"
                                        "\x12*.mail.example.com";
static char out[MTASTS_ENTRY_REPLY_MAX];

static struct mtasts_entry full_entry(void) {
  static unsigned char packed[256];
  struct mtasts_mx_host hosts[] = {{10, MTASTS_DANE_USABLE, MTASTS_SPAN("mx1.example.com")}};
  struct mtasts_entry entry = {
      .has_policy = true,
      .policy = {MTASTS_MODE_ENFORCE, 604800, {patterns, sizeof patterns - 1, 2}},
      .policy_id = "20260101T0000",
      .fetched = T0,
      .expires = T0 + 604800,
      .record = MTASTS_RECORD_VALID,
      .record_id = "20260101T0000",
      .detail = MTASTS_SPAN(""),
      .mx_state = MTASTS_MX_LISTED,
  };
  mtasts_mx_list_pack(hosts, 1, packed, &entry.mx);
  return entry;
}

/* Reads an exact copy, so that a sanitizer sees a byte read too far. */
static enum mtasts_status read_copy(const char *payload, size_t size, bool *known) {
  struct mtasts_entry_reply entry_reply = {.has_entry = false};
  char *copy = malloc(size ? size : 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  memcpy(copy, payload, size);
  enum mtasts_status status =
      mtasts_entry_reply_read((struct mtasts_span){copy, size}, &entry_reply);
  *known = entry_reply.has_entry;
  free(copy);
  return status;
}

static bool same_entry(const struct mtasts_entry *a, const struct mtasts_entry *b) {
  unsigned char one[1024];
  unsigned char two[1024];
  size_t size = mtasts_entry_size(a);
  return size <= sizeof one && size == mtasts_entry_size(b) &&
         mtasts_entry_encode(a, one) == mtasts_entry_encode(b, two) && memcmp(one, two, size) == 0;
}

/* Every combination of words, with and without an entry. */
static void round_trip(void) {
  for (unsigned i = 0; i < 3 * 32; i++) {
    struct mtasts_entry_reply entry_reply = {
        .has_entry = i & 1,
        .entry = full_entry(),
        .freshness = (enum mtasts_freshness)(i / 32),
        .overridden = (i & 3) == 3,
        .monitor = i & 4,
        .defer = i & 8,
        .dane_off = i & 16,
    };
    struct mtasts_entry_reply back;
    size_t size = mtasts_entry_reply_write(&entry_reply, out);
    enum mtasts_status status = mtasts_entry_reply_read((struct mtasts_span){out, size}, &back);
    unit_check(status == MTASTS_OK && back.has_entry == entry_reply.has_entry &&
                   back.freshness == entry_reply.freshness &&
                   back.overridden == entry_reply.overridden &&
                   back.monitor == entry_reply.monitor && back.defer == entry_reply.defer &&
                   back.dane_off == entry_reply.dane_off,
               "combination %u", i);
    if (status == MTASTS_OK && back.has_entry)
      unit_check(same_entry(&back.entry, &entry_reply.entry), "combination %u: another entry", i);
  }
}

static void words(void) {
  struct mtasts_entry_reply entry_reply = {
      .entry = full_entry(), .freshness = MTASTS_ASKED, .defer = true};
  static const char unknown[] = "OK asked defer\n";
  static const char all[] = "OK fetched override dane-off monitor defer\n";
  size_t size = mtasts_entry_reply_write(&entry_reply, out);
  CU_ASSERT(size == sizeof unknown - 1 && memcmp(out, unknown, size) == 0);
  entry_reply =
      (struct mtasts_entry_reply){true, full_entry(), MTASTS_FETCHED, true, true, true, true};
  size = mtasts_entry_reply_write(&entry_reply, out);
  CU_ASSERT_EQUAL(size, sizeof all - 1 + mtasts_entry_size(&entry_reply.entry));
  CU_ASSERT(memcmp(out, all, sizeof all - 1) == 0);
}

static void heads(void) {
  static const char *const good[] = {"OK cached\n", "OK asked monitor\n", "OK fetched defer\n",
                                     "OK cached monitor defer\n"};
  static const char *const bad[] = {
      "",
      "OK",
      "OK ",
      "OK cached",
      "OK \n",
      "OK  cached\n",
      "OK cached \n",
      "OK cached\r\n",
      "ok cached\n",
      "OK Cached\n",
      "OK cache\n",
      "OK cachedd\n",
      "OK cachedmonitor\n",
      "OK cached  monitor\n",
      "OK cached\tmonitor\n",
      "OK cached monitor\n\n",
      "OK cached defer monitor\n",
      "OK cached monitor override\n",
      "OK cached monitor monitor\n",
      "OK cached stale\n",
      "OK monitor\n",
      "OK cached override\n", /* of what? */
      "OK cached\nx",
      "NOTFOUND ",
      "TEMP later",
      "PERM no",
      "{\"domain\":\"example.com\"}",
  };
  bool known = true;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    unit_check(read_copy(good[i], strlen(good[i]), &known) == MTASTS_OK && !known, "refused: %s",
               good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    unit_check(read_copy(bad[i], strlen(bad[i]), &known) == MTASTS_CORRUPT, "taken: %s", bad[i]);
}

static void damage(void) {
  struct mtasts_entry_reply entry_reply = {true, full_entry(), MTASTS_CACHED, true,
                                           true, true,         true};
  size_t size = mtasts_entry_reply_write(&entry_reply, out);
  bool known;
  CU_ASSERT_EQUAL(read_copy(out, size, &known), MTASTS_OK);
  CU_ASSERT(known);
  for (size_t cut = 0; cut < size; cut++)
    unit_check(read_copy(out, cut, &known) == MTASTS_CORRUPT, "cut to %zu bytes", cut);
  for (size_t bit = 0; bit < size * 8; bit++) {
    out[bit / 8] = (char)(out[bit / 8] ^ 1 << bit % 8);
    unit_check(read_copy(out, size, &known) == MTASTS_CORRUPT, "bit %zu flipped", bit);
    out[bit / 8] = (char)(out[bit / 8] ^ 1 << bit % 8);
  }
}

/* A whole value with a right checksum, but with what would forge an attribute of a reply. */
static void forgery(void) {
  static const unsigned char forged[] = "\x14mx1.example.com id=x";
  struct mtasts_entry_reply entry_reply = {.has_entry = true, .entry = full_entry()};
  bool known;
  entry_reply.entry.policy.mx = (struct mtasts_names){forged, sizeof forged - 1, 1};
  CU_ASSERT_EQUAL(read_copy(out, mtasts_entry_reply_write(&entry_reply, out), &known),
                  MTASTS_CORRUPT);
  entry_reply.entry = full_entry();
  memcpy(entry_reply.entry.policy_id, "a b", 4);
  CU_ASSERT_EQUAL(read_copy(out, mtasts_entry_reply_write(&entry_reply, out), &known),
                  MTASTS_CORRUPT);
  entry_reply.entry = full_entry();
  entry_reply.entry.has_policy = false;
  CU_ASSERT_EQUAL(read_copy(out, mtasts_entry_reply_write(&entry_reply, out), &known), MTASTS_OK);
  entry_reply.overridden = true; /* by a policy that is not there */
  CU_ASSERT_EQUAL(read_copy(out, mtasts_entry_reply_write(&entry_reply, out), &known),
                  MTASTS_CORRUPT);
}

static void too_large(void) {
  size_t size = 2 * MTASTS_ENTRY_REPLY_MAX;
  unsigned char *many = malloc(size);
  char *room = malloc(MTASTS_ENTRY_REPLY_MAX);
  CU_ASSERT_FATAL(many && room);
  for (size_t at = 0; at < size; at += 2)
    memcpy(many + at, "\1x", 2);
  struct mtasts_entry_reply entry_reply = {
      .has_entry = true, .entry = full_entry(), .overridden = true};
  bool known = true;
  entry_reply.entry.policy.mx = (struct mtasts_names){many, size, size / 2};
  CU_ASSERT_EQUAL(read_copy(room, mtasts_entry_reply_write(&entry_reply, room), &known), MTASTS_OK);
  CU_ASSERT(!known);
  free(many);
  free(room);
}

static void check_decision(const char *what, const struct mtasts_entry_reply *entry_reply,
                           int64_t now, enum mtasts_verdict verdict, enum mtasts_source source) {
  struct mtasts_decision decision = mtasts_entry_reply_decide(entry_reply, now);
  bool governs = source != MTASTS_SOURCE_NONE && verdict != MTASTS_VERDICT_NONE;
  unit_check(decision.verdict == verdict && decision.source == source, "%s: %s from %s", what,
             mtasts_verdict_name(decision.verdict), mtasts_source_name(decision.source));
  unit_check(decision.policy == (governs ? &entry_reply->entry.policy : NULL), "%s: another policy",
             what);
}

static void decisions(void) {
  struct mtasts_entry_reply entry_reply = {
      .has_entry = false, .entry = full_entry(), .defer = true};
  int64_t late = T0 + 604800;
  check_decision("nothing known", &entry_reply, T0, MTASTS_VERDICT_UNKNOWN, MTASTS_SOURCE_NONE);
  entry_reply.has_entry = true;
  check_decision("cached", &entry_reply, T0, MTASTS_VERDICT_ENFORCE, MTASTS_SOURCE_CACHE);
  check_decision("expired", &entry_reply, late, MTASTS_VERDICT_NONE, MTASTS_SOURCE_CACHE);
  entry_reply.freshness = MTASTS_FETCHED;
  check_decision("fetched", &entry_reply, late, MTASTS_VERDICT_ENFORCE, MTASTS_SOURCE_NETWORK);
  entry_reply.overridden = true;
  entry_reply.freshness = MTASTS_CACHED;
  entry_reply.entry.policy.mode = MTASTS_MODE_TESTING;
  check_decision("overridden", &entry_reply, late, MTASTS_VERDICT_TESTING, MTASTS_SOURCE_OVERRIDE);
  entry_reply.entry.dane = MTASTS_DANE_USABLE;
  entry_reply.entry.dane_expires = T0 + 300;
  check_decision("DANE", &entry_reply, T0, MTASTS_VERDICT_DANE, MTASTS_SOURCE_OVERRIDE);
  entry_reply.dane_off = true;
  check_decision("DANE off", &entry_reply, T0, MTASTS_VERDICT_TESTING, MTASTS_SOURCE_OVERRIDE);
  entry_reply.overridden = false;
  entry_reply.entry.policy.mode = MTASTS_MODE_ENFORCE;
  check_decision("DANE off, own policy", &entry_reply, T0, MTASTS_VERDICT_ENFORCE,
                 MTASTS_SOURCE_OVERRIDE);
  entry_reply.dane_off = false;
  check_decision("DANE on again", &entry_reply, T0, MTASTS_VERDICT_DANE, MTASTS_SOURCE_CACHE);
}

const struct unit_test unit_tests[] = {
    {"what is written is read back", round_trip},
    {"a reply in its exact words", words},
    {"a head is taken or refused to the byte", heads},
    {"cut or flipped anywhere, a reply is corrupt", damage},
    {"names and ids that would forge an attribute are corrupt", forgery},
    {"an entry that does not fit is not written", too_large},
    {"an entry reply decides as the engine does", decisions},
    {NULL, NULL}};
