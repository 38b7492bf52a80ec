#include "outage.h"

#include "dns_message.h"
#include "unit.h"

enum {
  T = MTASTS_RR_TXT,
  R = MTASTS_RR_NS,
};

static enum mtasts_outage_change fails(struct mtasts_outage *outage, const char *name,
                                       int64_t now) {
  return mtasts_outage_lookup_ended(outage, name, *name ? T : R, false, now);
}

static enum mtasts_outage_change answers(struct mtasts_outage *outage, const char *name,
                                         int64_t now) {
  return mtasts_outage_lookup_ended(outage, name, *name ? T : R, true, now);
}

/* The name that the next probe asks for; NULL: there is none. */
static const char *probe(struct mtasts_outage *outage, int64_t now) {
  const char *name = NULL;
  uint16_t type;
  return mtasts_outage_wants_probe(outage, now, &name, &type) ? name : NULL;
}

static void new_servers(void) {
  struct mtasts_outage outage = {.out = false};
  mtasts_outage_renew(&outage);
  CU_ASSERT_STRING_EQUAL_FATAL(probe(&outage, 0), "");
  CU_ASSERT_PTR_NULL(probe(&outage, 500));
  CU_ASSERT_EQUAL(answers(&outage, "", 600), MTASTS_OUTAGE_FIRST);
  CU_ASSERT_EQUAL(answers(&outage, "a.example", 700), MTASTS_OUTAGE_SAME);
  CU_ASSERT_PTR_NULL(probe(&outage, 100000));
}

static void silent_resolver(void) {
  struct mtasts_outage outage = {.out = false};
  mtasts_outage_renew(&outage);
  answers(&outage, "", 0);
  CU_ASSERT_EQUAL(fails(&outage, "_mta-sts.a.example", 20000), MTASTS_OUTAGE_SAME);
  CU_ASSERT_STRING_EQUAL_FATAL(probe(&outage, 20000), "");
  CU_ASSERT_EQUAL(fails(&outage, "", 22000), MTASTS_OUTAGE_BEGINS);
  CU_ASSERT_EQUAL(fails(&outage, "b.example", 22500), MTASTS_OUTAGE_SAME);
  CU_ASSERT_STRING_EQUAL_FATAL(probe(&outage, 23000), ""); /* soon, though others are seldom */
  CU_ASSERT_EQUAL(fails(&outage, "", 25000), MTASTS_OUTAGE_SAME);
  CU_ASSERT_EQUAL(mtasts_outage_tick(&outage, 22000 + 299000), MTASTS_OUTAGE_SAME);
  CU_ASSERT_EQUAL(mtasts_outage_tick(&outage, 22000 + 300000), MTASTS_OUTAGE_LASTS);
  CU_ASSERT_EQUAL(mtasts_outage_tick(&outage, 22000 + 301000), MTASTS_OUTAGE_SAME);
  CU_ASSERT_EQUAL(answers(&outage, "", 400000), MTASTS_OUTAGE_ENDS);
  CU_ASSERT_EQUAL(outage.failed, 2);
  CU_ASSERT_EQUAL(outage.since, 22000);
  CU_ASSERT_EQUAL(mtasts_outage_tick(&outage, 900000), MTASTS_OUTAGE_SAME);
  /* The next outage is counted from zero. */
  fails(&outage, "a.example", 900000);
  CU_ASSERT_EQUAL(fails(&outage, "", 902000), MTASTS_OUTAGE_BEGINS);
  CU_ASSERT_EQUAL(outage.failed, 1);
  CU_ASSERT_EQUAL(answers(&outage, "a.example", 903000), MTASTS_OUTAGE_ENDS);
}

static void failing_domain(void) {
  struct mtasts_outage outage = {.out = false};
  mtasts_outage_renew(&outage);
  answers(&outage, "", 0);
  for (int64_t i = 0; i < 100; i++) {
    CU_ASSERT_EQUAL(fails(&outage, "_mta-sts.a.example", 20000 + i), MTASTS_OUTAGE_SAME);
    CU_ASSERT_EQUAL(fails(&outage, "mx.a.example", 20000 + i), MTASTS_OUTAGE_SAME);
  }
  CU_ASSERT_PTR_NOT_NULL(probe(&outage, 20100));
  CU_ASSERT_EQUAL(answers(&outage, "", 20101), MTASTS_OUTAGE_SAME);
  fails(&outage, "a.example", 20102);
  CU_ASSERT_PTR_NULL(probe(&outage, 20103)); /* the root was asked for just now */
  CU_ASSERT_PTR_NOT_NULL(probe(&outage, 40000));
}

/* A resolver that has lost its way out still knows the root. */
static void lost_resolver(void) {
  static const char *const names[] = {"_mta-sts.a.example", "b.example", "c.example", "d.example",
                                      "mx.e.example",       "f.example", "g.example", "h.example"};
  struct mtasts_outage outage = {.out = false};
  mtasts_outage_renew(&outage);
  answers(&outage, "", 0);
  for (unsigned i = 0; i < MTASTS_OUTAGE_ROW; i++) {
    CU_ASSERT_EQUAL(answers(&outage, "", 1000), MTASTS_OUTAGE_SAME);
    CU_ASSERT_EQUAL(fails(&outage, names[i], 1000),
                    i < MTASTS_OUTAGE_ROW - 1 ? MTASTS_OUTAGE_SAME : MTASTS_OUTAGE_BEGINS);
  }
  CU_ASSERT_EQUAL(outage.failed, MTASTS_OUTAGE_ROW);
  CU_ASSERT_EQUAL(answers(&outage, "", 2000), MTASTS_OUTAGE_SAME);
  CU_ASSERT_STRING_EQUAL_FATAL(probe(&outage, 2000), "h.example");
  CU_ASSERT_EQUAL(answers(&outage, "h.example", 3000), MTASTS_OUTAGE_ENDS);
  /* An answer between them: the domains fail for themselves. */
  for (unsigned i = 0; i < 4 * MTASTS_OUTAGE_ROW; i++) {
    CU_ASSERT_EQUAL(fails(&outage, names[i % MTASTS_OUTAGE_ROW], 4000), MTASTS_OUTAGE_SAME);
    if (i % 4 == 0)
      CU_ASSERT_EQUAL(answers(&outage, "good.example", 4000), MTASTS_OUTAGE_SAME);
  }
}

/* Other servers during an outage: it goes on until one of them answers. */
static void renewed(void) {
  struct mtasts_outage outage = {.out = false};
  mtasts_outage_renew(&outage);
  CU_ASSERT_EQUAL(fails(&outage, "", 2000), MTASTS_OUTAGE_BEGINS);
  mtasts_outage_renew(&outage);
  CU_ASSERT_STRING_EQUAL_FATAL(probe(&outage, 2001), "");
  CU_ASSERT_EQUAL(fails(&outage, "", 4000), MTASTS_OUTAGE_SAME);
  mtasts_outage_renew(&outage);
  CU_ASSERT_EQUAL(answers(&outage, "", 5000), MTASTS_OUTAGE_ENDS);
}

const char *const unit_name = "daemon/outage";
const struct unit_test unit_tests[] = {
    {"new servers are asked for the root", new_servers},
    {"a silent resolver is an outage, from the root's silence to any answer", silent_resolver},
    {"a domain that fails is none", failing_domain},
    {"a row of different domains is one", lost_resolver},
    {"other servers end it when they answer", renewed},
    {NULL, NULL},
};
