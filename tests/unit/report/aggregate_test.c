/* Counters of outcomes: what is one policy and one detail, and the bounds. */
#include "aggregate.h"

#include "outcome_fixture.h"

const char *const unit_name = "report/aggregate";

enum {
  DAY = 20000,
};

static uint64_t details_of(const struct mtasts_day_policy *policy) {
  uint64_t sum = 0;
  for (size_t i = 0; i < policy->detail_count; i++)
    sum += policy->details[i].count;
  return sum;
}

static uint64_t details_of_type(const struct mtasts_day_report *report,
                                enum mtasts_result_type result) {
  uint64_t sum = 0;
  for (size_t i = 0; i < report->policy_count; i++)
    for (size_t j = 0; j < report->policies[i].detail_count; j++)
      if (report->policies[i].details[j].detail.result == result)
        sum += report->policies[i].details[j].count;
  return sum;
}

/* Details with a result type and nothing else. */
static size_t bare_of(const struct mtasts_day_report *report) {
  size_t bare = 0;
  for (size_t i = 0; i < report->policies[0].detail_count; i++)
    bare += report->policies[0].details[i].detail.fields[MTASTS_FIELD_HELO].len == 0;
  return bare;
}

#define STS(domain, more, flag)                                                                    \
  "{\"d\":\"" domain "\",\"policies\":[{\"policy-type\":2," more "\"f\":" flag "}]}"

static void test_equal(void) {
  struct mtasts_outcome_store *store = store_up("");
  store_tell(store, DAY, STS("a.example", "\"policy-string\":[\"mode: enforce\"],", "0"), 3);
  store_tell(store, DAY, STS("A.Example.", "\"policy-string\":[\"mode: enforce\"],", "1"), 2);
  store_tell(store, DAY, STS("a.example", "\"policy-string\":[\"mode: testing\"],", "0"), 1);
  store_tell(store, DAY,
             STS("a.example",
                 "\"policy-string\":[\"mode: testing\"],\"mx-host\":[\"MX.a.example\"],", "0"),
             1);
  store_tell(store, DAY + 1, STS("a.example", "", "0"), 7);
  struct mtasts_day_report *report = store_read(store, DAY, "a.example");
  CU_ASSERT_EQUAL(report->policy_count, 3);
  CU_ASSERT_EQUAL(report->successful, 5);
  CU_ASSERT_EQUAL(report->failed, 2);
  CU_ASSERT_EQUAL(report->kinds, MTASTS_REPORT_RECIPIENT);
  mtasts_day_report_free(report);
  CU_ASSERT_PTR_NULL(store_read(store, DAY, "b.example"));
  CU_ASSERT_PTR_NULL(store_read(store, DAY, "example"));
  report = store_read(store, DAY + 1, "a.example");
  CU_ASSERT_EQUAL(report->successful, 7);
  mtasts_day_report_free(report);
  store_down(store);
}

/* A domain whose name continues another's. */
static void test_prefix(void) {
  struct mtasts_outcome_store *store = store_up("");
  store_tell(store, DAY, STS("a.example", "", "0"), 1);
  store_tell(store, DAY, STS("a.example.com", "", "1"), 1);
  struct mtasts_day_report *report = store_read(store, DAY, "a.example");
  CU_ASSERT_EQUAL(report->policy_count, 1);
  CU_ASSERT_EQUAL(report->failed, 0);
  mtasts_day_report_free(report);
  store_down(store);
}

static void test_tlsa_base(void) {
  struct mtasts_outcome_store *store = store_up("");
  store_tell(
      store, DAY,
      "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":1,\"policy-domain\":"
      "\"mx.b.example\",\"policy-string\":[\"3 1 1 00\"],\"f\":0},{\"policy-type\":2,\"f\":0}]}",
      2);
  store_tell(store, DAY,
             "{\"d\":\"mx.b.example\",\"policies\":[{\"policy-type\":1,\"policy-string\":"
             "[\"3 1 1 00\"],\"f\":1}]}",
             1);
  struct mtasts_day_report *report = store_read(store, DAY, "mx.b.example");
  CU_ASSERT_EQUAL(report->policy_count, 1);
  CU_ASSERT_EQUAL(report->successful, 2);
  CU_ASSERT_EQUAL(report->failed, 1);
  CU_ASSERT_EQUAL(report->kinds, MTASTS_REPORT_RECIPIENT | MTASTS_REPORT_TLSA_BASE);
  mtasts_day_report_free(report);
  report = store_read(store, DAY, "a.example");
  CU_ASSERT_EQUAL(report->policy_count, 2);
  CU_ASSERT_EQUAL(report->successful, 4);
  mtasts_day_report_free(report);
  store_down(store);
}

/* Many details of one result type: exactly as many as there may be, and more. */
static void test_details(void) {
  struct mtasts_outcome_store *store = store_up("");
  char datagram[256];
  for (int day = 0; day < 2; day++) {
    int count = day == 0 ? MTASTS_DETAILS_MAX : 1700;
    struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(DAY + (uint32_t)day, 64 << 20);
    for (int i = 0; i < count; i++) {
      snprintf(datagram, sizeof datagram,
               STS("a.example", "\"failure-details\":[{\"c\":%d,\"h\":\"h%d.example\"}],", "1"),
               i % 2 ? 203 : 204, i);
      batch_tell(batch, datagram, 2);
    }
    store_write(store, batch);
    if (day == 1)
      store_tell(store, DAY + (uint32_t)day,
                 STS("a.example", "\"failure-details\":[{\"c\":205,\"h\":\"late.example\"}],", "1"),
                 1);
    struct mtasts_day_report *report = store_read(store, DAY + (uint32_t)day, "a.example");
    CU_ASSERT_EQUAL(report->policy_count, 1);
    unit_check(report->policies[0].detail_count == MTASTS_DETAILS_MAX, "%zu details",
               report->policies[0].detail_count);
    CU_ASSERT_EQUAL(report->failed, 2 * (uint64_t)count + (day == 1));
    CU_ASSERT_EQUAL(bare_of(report), day == 0 ? 0 : 3);
    CU_ASSERT_EQUAL(details_of_type(report, MTASTS_RESULT_NOT_TRUSTED), (uint64_t)count);
    CU_ASSERT_EQUAL(details_of_type(report, MTASTS_RESULT_EXPIRED), (uint64_t)count);
    CU_ASSERT_EQUAL(details_of_type(report, MTASTS_RESULT_VALIDATION), day == 1);
    mtasts_day_report_free(report);
  }
  store_down(store);
}

/* Further policies of one type and domain; further policy domains; and both types. */
static void test_policies(void) {
  struct mtasts_outcome_store *store = store_up("");
  char datagram[512];
  for (uint32_t day = 0; day < 3; day++) {
    uint32_t count = day == 0 ? MTASTS_POLICIES_MAX : 350;
    struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(DAY + day, 64 << 20);
    for (uint32_t i = 0; i < count; i++) {
      if (day < 2)
        snprintf(datagram, sizeof datagram,
                 STS("a.example",
                     "\"policy-string\":[\"max_age: %u\"],\"failure-details\":[{\"c\":203,\"n\":"
                     "\"mx%u.example\"}],",
                     "1"),
                 i, i % 3);
      else
        snprintf(datagram, sizeof datagram,
                 "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":%d,\"policy-domain\":"
                 "\"mx%u.b.example\",\"policy-string\":[\"%u\"],\"failure-details\":[{\"c\":203}],"
                 "\"f\":1}]}",
                 i % 2 ? 1 : 2, i, i);
      batch_tell(batch, datagram, 1);
    }
    store_write(store, batch);
    if (day > 0)
      store_tell(store, DAY + day,
                 "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":9,\"f\":0}]}", 1);
    struct mtasts_day_report *report = store_read(store, DAY + day, "a.example");
    unit_check(report->policy_count <= MTASTS_POLICIES_MAX &&
                   (day > 0 || report->policy_count == MTASTS_POLICIES_MAX),
               "%zu policies", report->policy_count);
    CU_ASSERT_EQUAL(report->failed, count);
    CU_ASSERT_EQUAL(report->successful, day > 0);
    CU_ASSERT_EQUAL(details_of_type(report, MTASTS_RESULT_NOT_TRUSTED), count);
    uint64_t details = 0;
    for (size_t i = 0; i < report->policy_count; i++) {
      details += details_of(&report->policies[i]);
      CU_ASSERT(report->policies[i].detail_count <= MTASTS_DETAILS_MAX);
    }
    CU_ASSERT_EQUAL(details, count);
    mtasts_day_report_free(report);
  }
  store_down(store);
}

const struct unit_test unit_tests[] = {
    {"equal policies and details are counted as one", test_equal},
    {"no domain counts for another whose name it continues", test_prefix},
    {"sessions under TLSA records are the TLSA base domain's as well", test_tlsa_base},
    {"a policy has a bounded number of details, and no count is lost", test_details},
    {"a domain has a bounded number of policies, and no count is lost", test_policies},
    {NULL, NULL}};
