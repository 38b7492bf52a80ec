#include "fallback.h"

#include "domain_decision_fixture.h"

const char *const unit_name = "common/fallback";

static struct fixture fixture;
static char room[MTASTS_ENTRY_REPLY_MAX];
static struct mtasts_entry_reply entry_reply;

static struct mtasts_config *configured(const char *text) {
  char error[MTASTS_ERROR_TEXT];
  struct mtasts_config *config = NULL;
  mtasts_config_parse(span(text), "t", error, &config);
  CU_ASSERT_PTR_NOT_NULL_FATAL(config);
  return config;
}

/* The verdict on good.example at `now`, of what the cache holds. */
static enum mtasts_verdict verdict(const char *text, const struct mtasts_entry *entry,
                                   int64_t now) {
  struct mtasts_config *config = configured(text);
  struct mtasts_domain domain;
  CU_ASSERT_EQUAL_FATAL(mtasts_domain_parse(span("good.example"), &domain), MTASTS_OK);
  memset(&entry_reply, 0xff, sizeof entry_reply);
  mtasts_fallback_reply(config, &domain, entry, now, room, &entry_reply);
  mtasts_config_free(config);
  CU_ASSERT_EQUAL(entry_reply.freshness, MTASTS_CACHED);
  return mtasts_entry_reply_decide(&entry_reply, now).verdict;
}

static const struct mtasts_entry *cached(const char *policy) {
  return &decided(&fixture, policy)->entry_reply.entry;
}

static void nothing_cached(void) {
  CU_ASSERT_EQUAL(verdict("", NULL, NOW), MTASTS_VERDICT_UNKNOWN);
  CU_ASSERT_FALSE(entry_reply.has_entry || entry_reply.overridden || entry_reply.monitor ||
                  entry_reply.defer);
  verdict("ask { on_unknown = \"defer\" } site_mode = \"monitor\"", NULL, NOW);
  CU_ASSERT(entry_reply.defer && entry_reply.monitor && !entry_reply.has_entry);
}

/* RFC 8461 section 5.1: until it expires, whatever became of the record. */
static void a_policy_governs(void) {
  const struct mtasts_entry *entry = cached(ENFORCE);
  CU_ASSERT_EQUAL(verdict("", entry, NOW), MTASTS_VERDICT_ENFORCE);
  CU_ASSERT(entry_reply.has_entry && !entry_reply.overridden);
  CU_ASSERT_STRING_EQUAL(entry_reply.entry.policy_id, "id1");
  CU_ASSERT_EQUAL(verdict("", entry, entry->expires - 1), MTASTS_VERDICT_ENFORCE);
  CU_ASSERT_EQUAL(verdict("", entry, entry->expires), MTASTS_VERDICT_UNKNOWN);
  CU_ASSERT_FALSE(entry_reply.has_entry);
  CU_ASSERT_EQUAL(verdict("", cached(TESTING), NOW), MTASTS_VERDICT_TESTING);
}

/* That there is none is known as long as mtastsd would not look again. */
static void absence(void) {
  struct mtasts_entry entry = *cached(NULL);
  entry.next_check = NOW + 300;
  CU_ASSERT_EQUAL(verdict("", &entry, NOW + 299), MTASTS_VERDICT_NONE);
  CU_ASSERT_EQUAL(verdict("", &entry, NOW + 300), MTASTS_VERDICT_UNKNOWN);
}

#define OVERRIDE                                                                                   \
  "override \"good.example\" { mode = \"enforce\" mx = {\"mx9.good.example\"} "                    \
  "until = \"2027-01-31\" }"

static void check_overridden(const struct mtasts_entry *entry) {
  CU_ASSERT_EQUAL(verdict(OVERRIDE, entry, NOW), MTASTS_VERDICT_ENFORCE);
  CU_ASSERT(entry_reply.has_entry && entry_reply.overridden);
  CU_ASSERT_STRING_EQUAL(entry_reply.entry.policy_id, "override");
  CU_ASSERT_PTR_NOT_NULL(
      mtasts_mx_match(&entry_reply.entry.policy.mx, span("mx9.good.example")).data);
}

static void overridden(void) {
  const int64_t over = NOW + 31 * 86400;
  check_overridden(NULL);
  CU_ASSERT_EQUAL(entry_reply.entry.mx.count, 0);
  check_overridden(cached(TESTING));
  CU_ASSERT_EQUAL(entry_reply.entry.mx.count, 1);
  CU_ASSERT_EQUAL(verdict(OVERRIDE, NULL, over), MTASTS_VERDICT_UNKNOWN);
  CU_ASSERT_EQUAL(
      verdict("override \"other.example\" { mode = \"enforce\" mx = {\"a.b\"} }", NULL, NOW),
      MTASTS_VERDICT_UNKNOWN);
}

/* Impossible names make no entry, and override no other domain. */
static void damaged(void) {
  struct mtasts_entry entry = *cached(ENFORCE);
  struct mtasts_mx_host hosts[] = {{.host = span("mx1 x=y")}};
  mtasts_mx_list_pack(hosts, 1, fixture.hosts, &entry.mx);
  CU_ASSERT_EQUAL(verdict("", &entry, NOW), MTASTS_VERDICT_UNKNOWN);
  CU_ASSERT_FALSE(entry_reply.has_entry || entry_reply.overridden);
  check_overridden(&entry);
  CU_ASSERT_EQUAL(entry_reply.entry.mx.count, 0);
}

const struct unit_test unit_tests[] = {{"nothing cached", nothing_cached},
                                       {"a policy governs until it expires", a_policy_governs},
                                       {"that there is none is known for a while", absence},
                                       {"the postmaster's override", overridden},
                                       {"a damaged entry", damaged},
                                       {NULL, NULL}};
