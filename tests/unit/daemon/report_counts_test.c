#include "report_counts.h"

#include "report/outcome_fixture.h"
#include "send_state.h"

const char *const unit_name = "daemon/report_counts";

static void put_state(struct mtasts_outcome_store *store, uint32_t day, const char *name,
                      enum mtasts_send_status status) {
  struct mtasts_domain domain;
  struct mtasts_bytes bytes = {.data = NULL};
  const struct mtasts_send_state state = {.status = status};
  CU_ASSERT_EQUAL(mtasts_domain_parse(mtasts_span_of(name), &domain), MTASTS_OK);
  mtasts_send_state_encode(&state, &bytes);
  CU_ASSERT_EQUAL(mtasts_report_state_put(store, day, &domain, mtasts_bytes_span(&bytes)),
                  MTASTS_OK);
  mtasts_bytes_free(&bytes);
}

static void counts(void) {
  static const char datagram[] = "{\"d\":\"a.example\",\"policies\":[{\"policy-type\":9,"
                                 "\"policy-domain\":\"a.example\",\"f\":0}]}";
  struct mtasts_outcome_store *store = store_up("");
  struct mtasts_stats stats = {0};
  CU_ASSERT_PTR_NOT_NULL_FATAL(store);
  store_tell(store, 20000, datagram, 1);
  store_tell(store, 20002, datagram, 1);
  put_state(store, 20001, "a.example", MTASTS_SEND_SENT);
  put_state(store, 20001, "b.example", MTASTS_SEND_SENT);
  put_state(store, 20002, "a.example", MTASTS_SEND_DEFERRED);
  put_state(store, 20002, "b.example", MTASTS_SEND_EXPIRED);
  put_state(store, 20002, "c.example", MTASTS_SEND_NO_RECORD);
  put_state(store, 20003, "a.example", MTASTS_SEND_SENT);     /* today */
  put_state(store, 20000, "c.example", MTASTS_SEND_DEFERRED); /* too old to change */
  for (int i = 0; i < 2; i++) /* gauges: a second count adds nothing */
    mtasts_report_counts(store, 20003, &stats);
  CU_ASSERT_EQUAL(mtasts_count_get(&stats, MTASTS_COUNT_REPORTS_SENT), 2);
  CU_ASSERT_EQUAL(mtasts_count_get(&stats, MTASTS_COUNT_REPORTS_DEFERRED), 1);
  CU_ASSERT_EQUAL(mtasts_count_get(&stats, MTASTS_COUNT_REPORTS_EXPIRED), 1);
  CU_ASSERT_EQUAL(mtasts_count_get(&stats, MTASTS_COUNT_REPORTS_NO_RECORD), 1);
  CU_ASSERT_EQUAL(mtasts_count_get(&stats, MTASTS_COUNT_REPORTS_SUPPRESSED), 0);
  store_down(store);
}

const struct unit_test unit_tests[] = {
    {"the reports of the two days before today are counted by status", counts},
    {NULL, NULL},
};
