/* States of reports in a store that is nearly full. */
#include "outcome_fixture.h"

const char *const unit_name = "report/report_state";

enum {
  DAY = 20000,
  LARGE = 60000,
  SPARE = 256 << 10,
};

static struct mtasts_domain domain_of(int number) {
  struct mtasts_domain domain;
  char name[32];
  snprintf(name, sizeof name, "d%d.example", number);
  CU_ASSERT_EQUAL(mtasts_domain_parse(mtasts_span_of(name), &domain), MTASTS_OK);
  return domain;
}

static enum mtasts_status put(struct mtasts_outcome_store *store, int number, size_t size) {
  static char bytes[LARGE];
  struct mtasts_domain domain = domain_of(number);
  return mtasts_report_state_put(store, DAY, &domain, (struct mtasts_span){bytes, size});
}

static enum mtasts_status fits(struct mtasts_outcome_store *store, int number, size_t size) {
  struct mtasts_domain domain = domain_of(number);
  return mtasts_report_state_fits(store, DAY, &domain, size, SPARE);
}

/* Whatever was found to fit can be stored, and then be replaced by its end: what a report became,
 * with every other one that is in flight. */
static void room_for_the_end(void) {
  struct mtasts_outcome_store *store = store_up("max_size = 1048576");
  int large = 0;
  int small = 0;
  while (large < 1000 && fits(store, large, LARGE) == MTASTS_OK)
    CU_ASSERT_EQUAL(put(store, large++, LARGE), MTASTS_OK);
  unit_check(large >= 5 && large < 100, "%d large states fit", large);
  CU_ASSERT_EQUAL(fits(store, large, LARGE), MTASTS_FULL);
  while (small < 16 && fits(store, 1000 + small, 500) == MTASTS_OK)
    CU_ASSERT_EQUAL(put(store, 1000 + small++, 500), MTASTS_OK);
  unit_check(small > 0, "no state without its report fits");
  for (int i = 0; i < small; i++)
    CU_ASSERT_EQUAL(put(store, 1000 + i, 4000), MTASTS_OK);
  store_down(store);
}

/* It stores nothing. */
static void nothing_stored(void) {
  struct mtasts_outcome_store *store = store_up("");
  struct mtasts_domain domain = domain_of(1);
  char *state = NULL;
  size_t size;
  CU_ASSERT_EQUAL(fits(store, 1, LARGE), MTASTS_OK);
  CU_ASSERT_EQUAL(mtasts_report_state_get(store, DAY, &domain, &state, &size), MTASTS_ABSENT);
  free(state);
  store_down(store);
}

const struct unit_test unit_tests[] = {
    {"what fits leaves room for its end", room_for_the_end},
    {"a question stores nothing", nothing_stored},
    {NULL, NULL},
};
