#include "report_counts.h"

#include "outcome_store.h"
#include "send_state.h"

static const struct {
  enum mtasts_send_status status;
  enum mtasts_counter counter;
} counted[] = {
    {MTASTS_SEND_SENT, MTASTS_COUNT_REPORTS_SENT},
    {MTASTS_SEND_DEFERRED, MTASTS_COUNT_REPORTS_DEFERRED},
    {MTASTS_SEND_EXPIRED, MTASTS_COUNT_REPORTS_EXPIRED},
    {MTASTS_SEND_NO_RECORD, MTASTS_COUNT_REPORTS_NO_RECORD},
    {MTASTS_SEND_SUPPRESSED, MTASTS_COUNT_REPORTS_SUPPRESSED},
};

enum {
  KINDS = sizeof counted / sizeof *counted,
  DAYS = 2, /* before today: reports of older ones are done */
};

static bool count_state(void *context, const struct mtasts_domain *domain,
                        struct mtasts_span bytes) {
  uint64_t *counts = context;
  struct mtasts_send_state state;
  (void)domain;
  if (mtasts_send_state_decode(bytes, &state) == MTASTS_OK)
    for (size_t i = 0; i < KINDS; i++)
      counts[i] += state.status == counted[i].status;
  return true;
}

void mtasts_report_counts(struct mtasts_outcome_store *store, uint32_t today,
                          struct mtasts_stats *stats) {
  uint64_t counts[KINDS] = {0};
  for (uint32_t back = 1; back <= DAYS && back <= today; back++)
    if (mtasts_report_state_each(store, today - back, count_state, counts) != MTASTS_OK)
      return;
  for (size_t i = 0; i < KINDS; i++)
    mtasts_count_set(stats, counted[i].counter, counts[i]);
}
