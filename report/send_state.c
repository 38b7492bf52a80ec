#include "send_state.h"

#include <openssl/sha.h>

#include "ascii.h"
#include "instant.h"
#include "strbuf.h"

enum {
  VERSION = 1,
  SETTLE = 60, /* seconds after midnight until the last outcomes are in the store */
};

/* Attempts, in seconds since the first one. RFC 8460 section 5.5: for 24 hours, with ever longer
 * waits. Five minutes less than a multiple of 20 minutes, so that a timer that runs every 20
 * minutes meets each, even if it is a little early. */
static const int32_t offsets[] = {900, 3300, 6900, 14100, 26100, 47700, 84900};

const char *mtasts_send_status_name(enum mtasts_send_status status) {
  static const char *const names[] = {
      "pending",    "sent",         "deferred",   "expired",   "no-record",
      "suppressed", "success-only", "would-send", "recording",
  };
  return names[status];
}

const char *mtasts_rua_status_name(enum mtasts_rua_status status) {
  static const char *const names[] = {"sent", "failed", "suppressed", "would-send"};
  return names[status];
}

/* the stored form */

static void add_time(struct mtasts_bytes *out, int64_t time) {
  mtasts_bytes_number(out, (uint64_t)time, 8);
}

static int64_t take_time(struct mtasts_bytes_reader *reader) {
  return (int64_t)mtasts_bytes_take_number(reader, 8);
}

static void add_report(struct mtasts_bytes *out, const struct mtasts_frozen_report *report) {
  mtasts_bytes_text(out, report->report_id);
  mtasts_bytes_text(out, report->file_name);
  mtasts_bytes_text(out, report->submitter);
  mtasts_bytes_text(out, report->from);
  mtasts_bytes_text(out, report->gzip);
  add_time(out, report->date);
  mtasts_bytes_number(out, report->successful, 8);
  mtasts_bytes_number(out, report->failed, 8);
}

static void take_report(struct mtasts_bytes_reader *reader, struct mtasts_frozen_report *report) {
  report->report_id = mtasts_bytes_take_text(reader);
  report->file_name = mtasts_bytes_take_text(reader);
  report->submitter = mtasts_bytes_take_text(reader);
  report->from = mtasts_bytes_take_text(reader);
  report->gzip = mtasts_bytes_take_text(reader);
  report->date = take_time(reader);
  report->successful = mtasts_bytes_take_number(reader, 8);
  report->failed = mtasts_bytes_take_number(reader, 8);
}

void mtasts_send_state_encode(const struct mtasts_send_state *state, struct mtasts_bytes *out) {
  mtasts_bytes_number(out, VERSION, 1);
  mtasts_bytes_number(out, state->status, 1);
  mtasts_bytes_number(out, state->open, 1);
  mtasts_bytes_number(out, state->attempts, 4);
  add_time(out, state->first_attempt);
  add_time(out, state->last_attempt);
  add_report(out, &state->report);
  mtasts_bytes_text(out, state->detail);
  mtasts_bytes_number(out, state->rua_count, 1);
  for (size_t i = 0; i < state->rua_count; i++) {
    mtasts_bytes_text(out, state->ruas[i].uri);
    mtasts_bytes_text(out, state->ruas[i].detail);
    mtasts_bytes_number(out, state->ruas[i].status, 1);
  }
}

enum mtasts_status mtasts_send_state_decode(struct mtasts_span bytes,
                                            struct mtasts_send_state *state) {
  struct mtasts_bytes_reader reader = {.rest = bytes};
  struct mtasts_send_state read = {.status = MTASTS_SEND_PENDING};
  if (mtasts_bytes_take_number(&reader, 1) != VERSION)
    return MTASTS_CORRUPT;
  uint64_t status = mtasts_bytes_take_number(&reader, 1);
  uint64_t open = mtasts_bytes_take_number(&reader, 1);
  read.attempts = (uint32_t)mtasts_bytes_take_number(&reader, 4);
  read.first_attempt = take_time(&reader);
  read.last_attempt = take_time(&reader);
  take_report(&reader, &read.report);
  read.detail = mtasts_bytes_take_text(&reader);
  read.rua_count = (size_t)mtasts_bytes_take_number(&reader, 1);
  if (read.rua_count > MTASTS_REPORT_RUAS_MAX || status > MTASTS_SEND_SUPPRESSED || open > 1)
    return MTASTS_CORRUPT;
  read.status = (enum mtasts_send_status)status;
  read.open = open == 1;
  for (size_t i = 0; i < read.rua_count; i++) {
    read.ruas[i].uri = mtasts_bytes_take_text(&reader);
    read.ruas[i].detail = mtasts_bytes_take_text(&reader);
    uint64_t rua = mtasts_bytes_take_number(&reader, 1);
    if (rua > MTASTS_RUA_SUPPRESSED)
      return MTASTS_CORRUPT;
    read.ruas[i].status = (enum mtasts_rua_status)rua;
  }
  if (reader.failed || reader.rest.len > 0)
    return MTASTS_CORRUPT;
  *state = read;
  return MTASTS_OK;
}

/* the times */

int64_t mtasts_send_moment(int64_t day, struct mtasts_span submitter, struct mtasts_span domain) {
  char buffer[2 * MTASTS_DOMAIN_MAX + 32];
  struct mtasts_strbuf seed = MTASTS_STRBUF(buffer);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  uint64_t number = 0;
  mtasts_strbuf_printf(&seed, "%lld ", (long long)day);
  mtasts_strbuf_add(&seed, submitter);
  mtasts_strbuf_put(&seed, " ");
  mtasts_strbuf_add(&seed, domain);
  SHA256((const unsigned char *)seed.data, seed.len, digest);
  for (size_t i = 0; i < sizeof number; i++)
    number = number << 8 | digest[i];
  return (day + 1) * MTASTS_DAY_SECONDS + SETTLE +
         (int64_t)(number % (MTASTS_REPORT_SPREAD - SETTLE));
}

int64_t mtasts_send_next_attempt(const struct mtasts_send_state *state) {
  int64_t passed = state->last_attempt - state->first_attempt;
  for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
    if (offsets[i] > passed)
      return state->first_attempt + offsets[i];
  return -1;
}

bool mtasts_send_is_missed(const struct mtasts_send_state *state, int64_t moment, int64_t now) {
  return state->attempts == 0 && state->status == MTASTS_SEND_PENDING &&
         now - moment >= MTASTS_REPORT_TRY_SECONDS;
}

enum mtasts_send_step mtasts_send_decide(const struct mtasts_send_state *state, int64_t moment,
                                         int64_t now, bool forced) {
  if (state->status == MTASTS_SEND_SENT)
    return MTASTS_SEND_DONE;
  if (forced)
    return MTASTS_SEND_TRY;
  if (state->status != MTASTS_SEND_PENDING && state->status != MTASTS_SEND_DEFERRED)
    return MTASTS_SEND_DONE;
  if (state->attempts == 0)
    return now >= moment && !mtasts_send_is_missed(state, moment, now) ? MTASTS_SEND_TRY
                                                                       : MTASTS_SEND_WAIT;
  if (now < state->last_attempt)
    return MTASTS_SEND_TRY; /* the clock was turned back: the stored times say nothing */
  if (now - state->first_attempt >= MTASTS_REPORT_TRY_SECONDS)
    return MTASTS_SEND_EXPIRE;
  if (state->open)
    return MTASTS_SEND_TRY;
  int64_t next = mtasts_send_next_attempt(state);
  return next >= 0 && now >= next ? MTASTS_SEND_TRY : MTASTS_SEND_WAIT;
}

void mtasts_send_begin(struct mtasts_send_state *state, int64_t now) {
  if (state->attempts == 0 || now < state->first_attempt)
    state->first_attempt = now;
  state->attempts += state->attempts < UINT32_MAX;
  state->last_attempt = now;
  state->open = true;
  state->status = MTASTS_SEND_DEFERRED;
}

void mtasts_send_conclude(struct mtasts_send_state *state, enum mtasts_send_status status) {
  bool over = state->last_attempt - state->first_attempt >= MTASTS_REPORT_TRY_SECONDS ||
              mtasts_send_next_attempt(state) < 0;
  state->open = false;
  state->status = status == MTASTS_SEND_DEFERRED && over ? MTASTS_SEND_EXPIRED : status;
  if (state->status == MTASTS_SEND_SENT)
    state->report.gzip = (struct mtasts_span){"", 0};
}
