/*
 * mtasts report status: what became of a day's TLS reports.
 */
#include <inttypes.h>
#include <time.h>

#include "out.h"
#include "report_day_list.h"
#include "report_rows.h"

static int add_row(struct mtasts_delivery_run *run, const struct mtasts_day_entry *entry,
                   uint32_t day, struct mtasts_report_rows *rows) {
  struct mtasts_delivery delivery = {
      .run = run, .day = day, .domain = entry->domain, .kinds = entry->kinds};
  int code = mtasts_delivery_load(&delivery);
  bool goes_on = day >= mtasts_day_number(time(NULL));
  if (code == MTASTS_EXIT_OK) {
    if (goes_on)
      delivery.state.status = MTASTS_SEND_RECORDING;
    code = mtasts_report_rows_add(rows, &delivery);
    if (delivery.later > 0)
      mtasts_print_error(delivery.domain.name,
                         "%" PRIu64 " sessions came after its report was made; no report has them",
                         delivery.later);
  }
  mtasts_delivery_release(&delivery);
  return code;
}

static int print_day(const struct mtasts_report_access *access, uint32_t day, bool json) {
  struct mtasts_delivery_run delivery_run = {.access = access};
  struct mtasts_day_list list = {.entries = NULL};
  struct mtasts_report_rows *rows = mtasts_report_rows_new(json);
  int code = rows ? mtasts_day_list_read(access, day, &list) : MTASTS_EXIT_MEMORY;
  for (size_t i = 0; code == MTASTS_EXIT_OK && i < list.count; i++)
    code = add_row(&delivery_run, &list.entries[i], day, rows);
  mtasts_report_rows_end(rows);
  mtasts_day_list_free(&list);
  return code;
}

static int run(const struct mtasts_options *options) {
  struct mtasts_report_access access;
  uint32_t day;
  if (!mtasts_outcome_access_day(options->day, &day))
    return MTASTS_EXIT_USAGE;
  int code = mtasts_report_access_open(options, MTASTS_REPORT_USE_READ, &access);
  if (code == MTASTS_EXIT_OK && access.outcomes.store)
    code = print_day(&access, day, options->json);
  return mtasts_report_access_close(&access, code);
}

const struct mtasts_command mtasts_command_report_status = {
    .name = "report status",
    .arguments = "[--day YYYY-MM-DD]",
    .summary = "Lists what became of this site's TLS reports",
    .help =
        "Lists each policy domain of a day (yesterday, UTC): its sessions, whether its report\n"
        "was sent, to where, when, and why not.\n\n"
        "  --day YYYY-MM-DD  another day; one that goes on is listed as recording\n\n"
        "Examples:\n"
        "  mtasts report status\n"
        "  mtasts --json report status --day 2026-11-30 | jq 'select(.status == \"deferred\")'\n",
    .least = 0,
    .max = 0,
    .run = run,
};
