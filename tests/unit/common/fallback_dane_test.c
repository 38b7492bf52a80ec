#include "fallback.h"

#include <string.h>

#include "unit.h"

const char *const unit_name = "common/fallback_dane";

enum {
  DAY = 86400
};

static const int64_t now = 1800000000;

/* The verdict for an entry under a configuration; "unknown" if nothing is known. */
static const char *verdict(const char *configuration, const struct mtasts_entry *entry) {
  static char room[MTASTS_ENTRY_REPLY_MAX];
  const struct mtasts_domain domain = {"example.com", 11};
  struct mtasts_config *config = NULL;
  struct mtasts_entry_reply entry_reply;
  char error[MTASTS_ERROR_TEXT];
  CU_ASSERT_EQUAL_FATAL(
      mtasts_config_parse((struct mtasts_span){configuration, strlen(configuration)}, "test", error,
                          &config),
      MTASTS_OK);
  mtasts_fallback_reply(config, &domain, entry, now, room, &entry_reply);
  const char *word = mtasts_verdict_name(mtasts_entry_reply_decide(&entry_reply, now).verdict);
  mtasts_config_free(config);
  return word;
}

static const char with[] = "dns { dnssec = \"auto\" }";
static const char without[] = "dns { dnssec = \"off\" }";

/* A domain without a policy, looked at so long ago, with DANE that lapsed so long ago. */
static struct mtasts_entry entry_of(int64_t checked, enum mtasts_dane dane, int64_t lapsed) {
  return (struct mtasts_entry){.record = MTASTS_RECORD_ABSENT,
                               .checked = now - checked,
                               .next_check = now - checked + 300,
                               .mx_state = MTASTS_MX_LISTED,
                               .dane = dane,
                               .dane_expires = now - lapsed};
}

static void knows(void) {
  struct mtasts_entry entry = entry_of(10, MTASTS_DANE_NONE, DAY);
  CU_ASSERT_STRING_EQUAL(verdict(with, NULL), "unknown");
  CU_ASSERT_STRING_EQUAL(verdict(with, &entry), "none");
  entry = entry_of(300, MTASTS_DANE_NONE, DAY);
  CU_ASSERT_STRING_EQUAL(verdict(with, &entry), "unknown");
}

static void dane(void) {
  struct mtasts_entry entry = entry_of(300, MTASTS_DANE_USABLE, 0);
  CU_ASSERT_STRING_EQUAL(verdict(with, &entry), "dane");
  entry = entry_of(300, MTASTS_DANE_BOGUS, DAY - 1);
  CU_ASSERT_STRING_EQUAL(verdict(with, &entry), "defer");
  entry = entry_of(300, MTASTS_DANE_USABLE, DAY);
  CU_ASSERT_STRING_EQUAL(verdict(with, &entry), "unknown");
}

static void without_dane(void) {
  struct mtasts_entry entry = entry_of(10, MTASTS_DANE_USABLE, 0);
  CU_ASSERT_STRING_EQUAL(verdict(without, &entry), "none");
  entry = entry_of(300, MTASTS_DANE_USABLE, 0);
  CU_ASSERT_STRING_EQUAL(verdict(without, &entry), "unknown");
}

static void overridden(void) {
  static const char override[] = "override \"example.com\" { mode = \"none\" }";
  struct mtasts_entry entry = entry_of(300, MTASTS_DANE_USABLE, 0);
  CU_ASSERT_STRING_EQUAL(verdict(override, &entry), "dane");
  CU_ASSERT_STRING_EQUAL(verdict(override, NULL), "none");
  entry.dane = MTASTS_DANE_BOGUS;
  CU_ASSERT_STRING_EQUAL(verdict(override, &entry), "none");
}

/* The postmaster's word is above DANE if it says so, until it ends. */
static void exempt(void) {
  static const char off[] = "override \"example.com\" { dane = \"off\" }";
  static const char none[] = "override \"example.com\" { mode = \"none\" dane = \"off\" }";
  static const char ended[] = "override \"example.com\" { dane = \"off\" until = \"2027-01-14\" }";
  static const char ends[] = "override \"example.com\" { dane = \"off\" until = \"2027-01-15\" }";
  struct mtasts_entry entry = entry_of(10, MTASTS_DANE_USABLE, 0); /* 2027-01-15T08:00:00Z */
  CU_ASSERT_STRING_EQUAL(verdict(off, &entry), "none");
  CU_ASSERT_STRING_EQUAL(verdict(none, &entry), "none");
  CU_ASSERT_STRING_EQUAL(verdict(none, NULL), "none");
  CU_ASSERT_STRING_EQUAL(verdict(off, NULL), "unknown");
  CU_ASSERT_STRING_EQUAL(verdict(ended, &entry), "dane");
  CU_ASSERT_STRING_EQUAL(verdict(ends, &entry), "none");
  entry = entry_of(300, MTASTS_DANE_BOGUS, 0);
  entry.has_policy = true;
  entry.policy.mode = MTASTS_MODE_ENFORCE;
  entry.policy.max_age = DAY;
  entry.policy.mx = (struct mtasts_names){(const unsigned char *)"\x0emx.example.com", 15, 1};
  entry.fetched = now;
  entry.expires = now + DAY;
  CU_ASSERT_STRING_EQUAL(verdict(with, &entry), "defer");
  CU_ASSERT_STRING_EQUAL(verdict(off, &entry), "enforce");
}

const struct unit_test unit_tests[] = {
    {"what was looked at counts until its next check", knows},
    {"DANE counts for a day after it has lapsed", dane},
    {"with dnssec off there is no DANE", without_dane},
    {"an override does not beat DANE, unless it says so", overridden},
    {"an override that says so does, until it ends", exempt},
    {NULL, NULL},
};
