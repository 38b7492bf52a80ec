#include "report_rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ascii.h"
#include "json.h"
#include "out.h"
#include "rfc3339.h"
#include "strbuf.h"

enum {
  CELL_MAX = 512, /* bytes */
};

struct mtasts_report_rows {
  bool json;
  struct mtasts_table *table; /* NULL: no row yet */
};

struct mtasts_report_rows *mtasts_report_rows_new(bool json) {
  struct mtasts_report_rows *made = calloc(1, sizeof *made);
  if (made)
    made->json = json;
  else
    mtasts_print_error("reports", "out of memory");
  return made;
}

/* When a deferred report is tried again. After a kill it is the next run that tries it. */
static int64_t next_attempt(const struct mtasts_send_state *state) {
  if (state->attempts == 0)
    return time(NULL); /* this run left it out */
  int64_t next = state->open ? state->last_attempt : mtasts_send_next_attempt(state);
  return next >= 0 ? next : state->last_attempt;
}

static void format_day(uint32_t day, char out[MTASTS_RFC3339_SIZE]) {
  mtasts_rfc3339_format((int64_t)day * MTASTS_DAY_SECONDS, out);
  out[10] = '\0';
}

/* JSON */

static json_t *text_or_null(struct mtasts_span text) {
  return text.len > 0 ? mtasts_json_text(text) : json_null();
}

static json_t *list_ruas(const struct mtasts_send_state *state) {
  json_t *list = json_array();
  for (size_t i = 0; list && i < state->rua_count; i++) {
    const struct mtasts_rua_result *rua = &state->ruas[i];
    json_t *item =
        json_pack("{s:o,s:s,s:o}", "uri", mtasts_json_text(rua->uri), "status",
                  mtasts_rua_status_name(rua->status), "detail", text_or_null(rua->detail));
    if (json_array_append_new(list, item) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}

static int print_json(struct mtasts_delivery *delivery) {
  const struct mtasts_send_state *state = &delivery->state;
  char day[MTASTS_RFC3339_SIZE];
  char next[MTASTS_RFC3339_SIZE];
  format_day(delivery->day, day);
  bool waits = state->status == MTASTS_SEND_DEFERRED;
  mtasts_rfc3339_format(next_attempt(state), next);
  json_t *ruas = list_ruas(state);
  if (!ruas)
    return mtasts_json_print(NULL);
  return mtasts_json_print(
      json_pack("{s:s,s:s,s:o,s:s,s:I,s:o,s:o,s:o,s:I,s:I}", "policy_domain", delivery->domain.name,
                "day", day, "report_id", mtasts_json_text(mtasts_delivery_id(delivery)), "status",
                mtasts_send_status_name(state->status), "attempts", (json_int_t)state->attempts,
                "next_attempt", waits ? json_string(next) : json_null(), "rua", ruas, "detail",
                text_or_null(state->detail), "successful", (json_int_t)delivery->successful,
                "failed", (json_int_t)delivery->failed));
}

/* the table */

static enum mtasts_colour colour_of(enum mtasts_send_status status) {
  switch (status) {
  case MTASTS_SEND_SENT:
    return MTASTS_GREEN;
  case MTASTS_SEND_DEFERRED:
    return MTASTS_YELLOW;
  case MTASTS_SEND_EXPIRED:
    return MTASTS_RED;
  case MTASTS_SEND_PENDING:
  case MTASTS_SEND_NO_RECORD:
  case MTASTS_SEND_SUPPRESSED:
  case MTASTS_SEND_SUCCESS_ONLY:
  case MTASTS_SEND_WOULD_SEND:
  case MTASTS_SEND_RECORDING:
    return MTASTS_PLAIN;
  }
  return MTASTS_PLAIN;
}

/* The ruas that have it, or would get it. */
static void list_takers(const struct mtasts_send_state *state, struct mtasts_strbuf *text) {
  for (size_t i = 0; i < state->rua_count; i++) {
    const struct mtasts_rua_result *rua = &state->ruas[i];
    if (rua->status != MTASTS_RUA_SENT && rua->status != MTASTS_RUA_WOULD_SEND)
      continue;
    mtasts_strbuf_put(text, text->len > 0 ? ", " : "");
    mtasts_strbuf_printable(text, rua->uri);
  }
}

/* Why there is no report, or which rua has not taken it. */
static void list_reasons(const struct mtasts_send_state *state, struct mtasts_strbuf *text) {
  mtasts_strbuf_printable(text, state->detail);
  for (size_t i = 0; i < state->rua_count; i++) {
    const struct mtasts_rua_result *rua = &state->ruas[i];
    if (rua->detail.len == 0)
      continue;
    mtasts_strbuf_put(text, text->len > 0 ? "; " : "");
    mtasts_strbuf_printable(text, rua->uri);
    mtasts_strbuf_put(text, ": ");
    mtasts_strbuf_printable(text, rua->detail);
  }
}

static void describe_time(const struct mtasts_delivery *delivery, struct mtasts_strbuf *text) {
  const struct mtasts_send_state *state = &delivery->state;
  char text_of[MTASTS_OUT_TEXT_MAX];
  int64_t moment = mtasts_delivery_moment(delivery);
  if (state->status == MTASTS_SEND_SENT)
    mtasts_strbuf_put(text, mtasts_absolute_time(state->last_attempt, text_of));
  else if (state->status == MTASTS_SEND_DEFERRED)
    mtasts_strbuf_printf(text, "again %s", mtasts_absolute_time(next_attempt(state), text_of));
  else if (mtasts_send_is_missed(state, moment, time(NULL)))
    mtasts_strbuf_put(text, "with --day");
  else if (state->status == MTASTS_SEND_PENDING)
    mtasts_strbuf_printf(text, "from %s", mtasts_absolute_time(moment, text_of));
}

static void add_cell(struct mtasts_report_rows *rows, struct mtasts_strbuf *text) {
  mtasts_table_cell(rows->table, MTASTS_PLAIN, "%s", text->len > 0 ? text->data : "-");
  mtasts_strbuf_cut(text, 0);
}

static int add_row(struct mtasts_report_rows *rows, const struct mtasts_delivery *delivery) {
  static const char *const headers[] = {"DAY",     "DOMAIN", "SESSIONS", "FAILED", "REPORT",
                                        "SENT TO", "WHEN",   "WHY NOT",  NULL};
  const struct mtasts_send_state *state = &delivery->state;
  char buffer[CELL_MAX];
  char day[MTASTS_RFC3339_SIZE];
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  if (!rows->table)
    rows->table = mtasts_table_new(stdout, headers);
  if (!rows->table) {
    mtasts_print_error("reports", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  format_day(delivery->day, day);
  mtasts_table_cell(rows->table, MTASTS_PLAIN, "%s", day);
  mtasts_table_cell(rows->table, MTASTS_BOLD, "%s", delivery->domain.name);
  mtasts_table_cell(rows->table, MTASTS_PLAIN, "%" PRIu64, delivery->successful + delivery->failed);
  mtasts_table_cell(rows->table, delivery->failed > 0 ? MTASTS_YELLOW : MTASTS_PLAIN, "%" PRIu64,
                    delivery->failed);
  mtasts_table_cell(rows->table, colour_of(state->status), "%s",
                    mtasts_send_status_name(state->status));
  mtasts_strbuf_cut(&text, 0);
  list_takers(state, &text);
  add_cell(rows, &text);
  describe_time(delivery, &text);
  add_cell(rows, &text);
  list_reasons(state, &text);
  add_cell(rows, &text);
  return MTASTS_EXIT_OK;
}

int mtasts_report_rows_add(struct mtasts_report_rows *rows, struct mtasts_delivery *delivery) {
  if (!rows->json)
    return add_row(rows, delivery);
  int code = print_json(delivery);
  fflush(stdout); /* a run may take long, and may be killed */
  return code;
}

void mtasts_report_rows_end(struct mtasts_report_rows *rows) {
  if (!rows)
    return;
  mtasts_table_end(rows->table);
  free(rows);
}
