#include "report_delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addr_spec.h"
#include "ascii.h"
#include "idn.h"
#include "out.h"
#include "post.h"
#include "report_mail.h"
#include "report_suppression.h"
#include "sendmail.h"

enum {
  STATE_ROOM = 64 << 10, /* bytes of a state beside the frozen report */
  SPARE = 256 << 10,     /* bytes of the store, for the results of all reports in flight */
  BYTES_MAX = 32 << 20,  /* of reports in flight, before another one is begun */
  PATIENCE = 3,          /* attempts that wait for the DNS of another domain */
};

static struct mtasts_outcome_store *store_of(const struct mtasts_delivery *delivery) {
  return delivery->run->access->outcomes.store;
}

struct mtasts_span mtasts_delivery_id(struct mtasts_delivery *delivery) {
  const struct mtasts_frozen_report *frozen = &delivery->state.report;
  if (frozen->report_id.len > 0)
    return frozen->report_id;
  if (!delivery->id)
    delivery->id = mtasts_report_id(&delivery->run->access->site, &delivery->domain, delivery->day);
  return delivery->id ? mtasts_span_of(delivery->id) : MTASTS_SPAN("");
}

/* loading */

static int load_state(struct mtasts_delivery *delivery) {
  size_t size = 0;
  enum mtasts_status status = mtasts_report_state_get(store_of(delivery), delivery->day,
                                                      &delivery->domain, &delivery->stored, &size);
  if (status == MTASTS_ABSENT)
    return MTASTS_EXIT_OK;
  if (status != MTASTS_OK)
    return mtasts_outcome_access_print_error(&delivery->run->access->outcomes, status);
  /* Of a state that cannot be read it is not known what was sent: nothing is sent twice for it. */
  if (mtasts_send_state_decode((struct mtasts_span){delivery->stored, size}, &delivery->state) ==
      MTASTS_OK)
    return MTASTS_EXIT_OK;
  mtasts_print_error(delivery->domain.name,
                     "what became of its report cannot be read; it is left alone");
  return MTASTS_EXIT_DATA;
}

/* Counters may go on after the report was made: outcomes that a full disk held up. */
static void take_frozen_counts(struct mtasts_delivery *delivery) {
  const struct mtasts_frozen_report *frozen = &delivery->state.report;
  uint64_t made = frozen->successful + frozen->failed;
  uint64_t counted = delivery->successful + delivery->failed;
  bool is_fixed = frozen->gzip.len > 0 || delivery->state.status == MTASTS_SEND_SENT;
  if (frozen->report_id.len == 0 || !is_fixed)
    return;
  delivery->later = counted > made ? counted - made : 0;
  delivery->successful = frozen->successful;
  delivery->failed = frozen->failed;
}

int mtasts_delivery_load(struct mtasts_delivery *delivery) {
  const struct mtasts_report_access *access = delivery->run->access;
  struct mtasts_day_report *report;
  enum mtasts_status status =
      mtasts_outcome_store_read(access->outcomes.store, delivery->day, &delivery->domain, &report);
  if (status != MTASTS_OK)
    return mtasts_outcome_access_print_error(&access->outcomes, status);
  delivery->successful = report->successful;
  delivery->failed = report->failed;
  mtasts_day_report_free(report); /* it is large, and read again if it is sent */
  int code = load_state(delivery);
  take_frozen_counts(delivery);
  return code;
}

void mtasts_delivery_release(struct mtasts_delivery *delivery) {
  mtasts_built_report_free(&delivery->built);
  free(delivery->id);
  free(delivery->stored);
}

/* storing */

static enum mtasts_status store(struct mtasts_delivery *delivery, size_t spare) {
  struct mtasts_bytes bytes = {.data = NULL};
  enum mtasts_status status = MTASTS_OK;
  mtasts_send_state_encode(&delivery->state, &bytes);
  if (bytes.failed)
    status = MTASTS_NO_MEMORY;
  else if (spare > 0)
    status = mtasts_report_state_fits(store_of(delivery), delivery->day, &delivery->domain,
                                      bytes.len, spare);
  if (status == MTASTS_OK)
    status = mtasts_report_state_put(store_of(delivery), delivery->day, &delivery->domain,
                                     mtasts_bytes_span(&bytes));
  mtasts_bytes_free(&bytes);
  return status;
}

/* Stores the state, if there is room for `spare` bytes besides. If the report is too large for the
 * store, or the store is full, it is stored without the report, which is then built again each
 * time, from the same counters. Returns false if it could not be stored; other reports may be
 * smaller. */
static bool keep(struct mtasts_delivery *delivery, size_t spare) {
  struct mtasts_delivery_run *run = delivery->run;
  struct mtasts_span *gzip = &delivery->state.report.gzip;
  const struct mtasts_span whole = *gzip;
  if (gzip->len > MTASTS_REPORT_STATE_MAX - STATE_ROOM)
    *gzip = MTASTS_SPAN("");
  enum mtasts_status status = store(delivery, spare);
  if (status != MTASTS_OK && gzip->len > 0) {
    *gzip = MTASTS_SPAN("");
    status = store(delivery, spare);
  }
  *gzip = whole;
  if (status != MTASTS_OK && run->store_code == MTASTS_EXIT_OK)
    run->store_code = mtasts_outcome_access_print_error(&run->access->outcomes, status);
  return status == MTASTS_OK;
}

static int build(struct mtasts_delivery *delivery) {
  const struct mtasts_report_access *access = delivery->run->access;
  struct mtasts_day_report *report;
  enum mtasts_status status =
      mtasts_outcome_store_read(access->outcomes.store, delivery->day, &delivery->domain, &report);
  if (status != MTASTS_OK)
    return mtasts_outcome_access_print_error(&access->outcomes, status);
  bool built = mtasts_report_build(&access->site, report, &delivery->built);
  delivery->successful = report->successful;
  delivery->failed = report->failed;
  mtasts_day_report_free(report);
  free(delivery->built.json); /* many times as large as the rest */
  delivery->built.json = NULL;
  if (built)
    return MTASTS_EXIT_OK;
  mtasts_print_error(delivery->domain.name, "out of memory");
  return MTASTS_EXIT_MEMORY;
}

/* Fixes what is sent, unless that was done. Returns false if that fails, for this report alone. */
static bool freeze(struct mtasts_delivery *delivery) {
  struct mtasts_frozen_report *frozen = &delivery->state.report;
  const struct mtasts_built_report *built = &delivery->built;
  const struct mtasts_config *config = delivery->run->access->outcomes.config;
  const struct mtasts_domain *submitter = &delivery->run->access->site.submitter;
  if (frozen->gzip.len > 0)
    return true;
  delivery->code = build(delivery);
  if (delivery->code != MTASTS_EXIT_OK)
    return false;
  *frozen = (struct mtasts_frozen_report){
      .report_id = mtasts_span_of(built->id),
      .file_name = mtasts_span_of(built->file_name),
      .submitter = {submitter->name, submitter->len},
      .from = mtasts_span_of(config->report.from),
      .gzip = {(const char *)built->gzip, built->gzip_size},
      .date = frozen->date != 0 ? frozen->date : time(NULL),
      .successful = delivery->successful,
      .failed = delivery->failed,
  };
  return true;
}

/* Stores that an attempt begins, if there is room for what becomes of it. A report that is taken,
 * and of which that cannot be stored, would be sent again and again. */
static bool begin(struct mtasts_delivery *delivery) {
  struct mtasts_send_state *state = &delivery->state;
  const struct mtasts_send_state before = *state;
  mtasts_send_begin(state, time(NULL));
  state->detail = MTASTS_SPAN("");
  state->rua_count = 0; /* none of them has a result yet */
  bool kept = keep(delivery, SPARE);
  if (!kept)
    *state = before;
  state->rua_count = before.rua_count;
  return kept;
}

/* the end */

static void finish(struct mtasts_delivery *delivery) {
  delivery->run->bytes -= delivery->bytes;
  delivery->bytes = 0;
  delivery->done(delivery);
}

/* Ends it without an attempt, which is not counted: the fault is this host's. */
static void leave_out(struct mtasts_delivery *delivery, const char *why) {
  delivery->acted = true;
  delivery->state.status = MTASTS_SEND_DEFERRED;
  delivery->state.detail = mtasts_span_of(why);
  delivery->state.rua_count = 0;
  finish(delivery);
}

/* Ends it without an attempt: nothing was given to any rua. */
static void settle(struct mtasts_delivery *delivery, enum mtasts_send_status status,
                   const char *detail) {
  struct mtasts_send_state *state = &delivery->state;
  const bool dry = delivery->run->dry;
  delivery->acted = true;
  state->detail = mtasts_span_of(detail);
  if (status == MTASTS_SEND_DEFERRED) {
    mtasts_send_begin(state, time(NULL));
    mtasts_send_conclude(state, status);
    state->attempts -= dry;
  } else {
    state->status = status;
    state->open = false;
    state->last_attempt = time(NULL);
  }
  if (!dry)
    keep(delivery, 0);
  finish(delivery);
}

/* All ruas have a result. */
static void conclude(struct mtasts_delivery *delivery) {
  struct mtasts_send_state *state = &delivery->state;
  bool sent = false;
  for (size_t i = 0; i < state->rua_count; i++)
    sent |= state->ruas[i].status == MTASTS_RUA_SENT;
  /* RFC 8460 section 5.5: one that has taken it is enough. */
  mtasts_send_conclude(state, sent ? MTASTS_SEND_SENT : MTASTS_SEND_DEFERRED);
  keep(delivery, 0);
  finish(delivery);
}

/* sending */

static void set_result(struct mtasts_delivery *delivery, size_t i, bool taken, const char *detail) {
  struct mtasts_rua_result *result = &delivery->state.ruas[i];
  result->status = taken ? MTASTS_RUA_SENT : MTASTS_RUA_FAILED;
  snprintf(delivery->details[i], sizeof delivery->details[i], "%s", detail);
  result->detail = mtasts_span_of(delivery->details[i]);
}

static bool is_to_be_mailed(const struct mtasts_delivery *delivery, size_t i) {
  return delivery->set->targets[i].kind == MTASTS_RUA_MAILTO &&
         delivery->state.ruas[i].status == MTASTS_RUA_FAILED;
}

static void end_part(struct mtasts_delivery *delivery) {
  if (--delivery->pending == 0)
    conclude(delivery);
}

static void on_mailed(void *context, const struct mtasts_sendmail_answer *answer) {
  struct mtasts_delivery *delivery = context;
  struct mtasts_delivery_run *run = delivery->run;
  if (answer->missing && !run->program_missing) {
    mtasts_print_error("report.sendmail", "%s; name the program in mtasts.conf", answer->detail);
    run->program_missing = true;
  }
  for (size_t i = 0; i < delivery->set->count; i++)
    if (is_to_be_mailed(delivery, i))
      set_result(delivery, i, answer->taken, answer->detail);
  end_part(delivery);
}

/* One mail to all addresses. */
static void start_mail(struct mtasts_delivery *delivery) {
  const struct mtasts_frozen_report *frozen = &delivery->state.report;
  const struct mtasts_config *config = delivery->run->access->outcomes.config;
  struct mtasts_span to[MTASTS_REPORT_RUAS_MAX];
  const char *addresses[MTASTS_REPORT_RUAS_MAX];
  char from[MTASTS_ADDR_SPEC_MAX + 1];
  struct mtasts_bytes message = {.data = NULL};
  struct mtasts_sendmail *mail;
  size_t count = 0;
  for (size_t i = 0; i < delivery->set->count; i++)
    if (is_to_be_mailed(delivery, i)) {
      addresses[count] = delivery->set->targets[i].target;
      to[count] = mtasts_span_of(addresses[count]);
      count++;
    }
  if (count == 0)
    return;
  const struct mtasts_report_mail values = {
      .domain = {delivery->domain.name, delivery->domain.len},
      .submitter = frozen->submitter,
      .from = frozen->from,
      .to = to,
      .to_count = count,
      .report_id = frozen->report_id,
      .file_name = frozen->file_name,
      .gzip = frozen->gzip,
      .day = delivery->day,
      .date = frozen->date,
      .successful = frozen->successful,
      .failed = frozen->failed,
  };
  mtasts_report_mail_build(&values, &message);
  snprintf(from, sizeof from, "%.*s", (int)frozen->from.len, frozen->from.data);
  const struct mtasts_sendmail_options options = {
      .program = config->report.sendmail,
      .from = from,
      .to = addresses,
      .to_count = count,
      .message = mtasts_bytes_span(&message),
      .timeout = config->report.timeout,
      .done = on_mailed,
      .context = delivery,
  };
  delivery->pending++;
  if (message.failed || mtasts_sendmail_start(delivery->run->base, &options, &mail) != MTASTS_OK)
    on_mailed(delivery, &(struct mtasts_sendmail_answer){.detail = "sendmail cannot be started"});
  mtasts_bytes_free(&message);
}

/* One POST; it belongs to the rua of that number. */
struct posting {
  struct mtasts_delivery *delivery;
  size_t rua;
};

static void on_posted(void *context, const struct mtasts_post_answer *answer) {
  struct posting posting = *(struct posting *)context;
  free(context);
  set_result(posting.delivery, posting.rua, answer->taken, answer->detail);
  end_part(posting.delivery);
}

static void start_post(struct mtasts_delivery *delivery, size_t i) {
  const struct mtasts_rua_target *target = &delivery->set->targets[i];
  struct mtasts_poster *poster = delivery->run->poster;
  struct mtasts_post *post;
  struct posting *posting = poster ? malloc(sizeof *posting) : NULL;
  delivery->pending++;
  if (posting)
    *posting = (struct posting){delivery, i};
  const struct mtasts_post_options options = {
      .host = target->host,
      .port = target->port,
      .url = target->target,
      .type = "application/tlsrpt+gzip",
      .body = delivery->state.report.gzip,
      .done = on_posted,
      .context = posting,
  };
  if (posting && mtasts_post_start(poster, &options, &post) == MTASTS_OK)
    return;
  free(posting);
  set_result(delivery, i, false,
             poster ? "out of memory" : "HTTPS cannot be used here: its certificates are missing");
  end_part(delivery);
}

/* Lists the ruas of the record: each is FAILED until it has taken the report. Returns whether there
 * is one to send to. */
static bool list_ruas(struct mtasts_delivery *delivery) {
  struct mtasts_send_state *state = &delivery->state;
  const struct mtasts_strings *list = &delivery->run->access->outcomes.config->report.suppress;
  bool any = false;
  state->rua_count = delivery->set->count;
  for (size_t i = 0; i < state->rua_count; i++) {
    const struct mtasts_rua_target *target = &delivery->set->targets[i];
    bool suppressed = mtasts_suppression_has_target(list, target);
    state->ruas[i] = (struct mtasts_rua_result){
        .uri = mtasts_span_of(target->uri),
        .detail = mtasts_span_of(suppressed ? "report.suppress has it" : ""),
        .status = suppressed           ? MTASTS_RUA_SUPPRESSED
                  : delivery->run->dry ? MTASTS_RUA_WOULD_SEND
                                       : MTASTS_RUA_FAILED,
    };
    any = any || !suppressed;
  }
  return any;
}

static void hand_over(struct mtasts_delivery *delivery) {
  if (!freeze(delivery)) {
    leave_out(delivery, "it cannot be built");
    return;
  }
  delivery->bytes = delivery->state.report.gzip.len;
  delivery->run->bytes += delivery->bytes;
  if (!begin(delivery)) {
    leave_out(delivery, "what becomes of it cannot be stored, so nothing was sent");
    return;
  }
  delivery->acted = true;
  delivery->pending = 1; /* until all have been started */
  start_mail(delivery);
  for (size_t i = 0; i < delivery->set->count; i++)
    if (delivery->set->targets[i].kind == MTASTS_RUA_HTTPS)
      start_post(delivery, i);
  end_part(delivery);
}

static void send_to_all(struct mtasts_delivery *delivery) {
  if (!list_ruas(delivery)) {
    settle(delivery, MTASTS_SEND_SUPPRESSED, "");
    return;
  }
  if (delivery->run->dry) {
    settle(delivery, MTASTS_SEND_WOULD_SEND, "");
    return;
  }
  /* Its size is not known before it is built. */
  delivery->held = delivery->run->bytes >= BYTES_MAX;
  if (!delivery->held)
    hand_over(delivery);
}

void mtasts_delivery_resume(struct mtasts_delivery *delivery) {
  delivery->held = delivery->held && delivery->run->bytes >= BYTES_MAX;
  if (!delivery->held)
    hand_over(delivery);
}

/* where it goes */

/* A TLSA base domain gets no second report of what the reports to the recipient domains say to an
 * equal set of ruas. */
static void suppress_second(struct mtasts_delivery *delivery) {
  struct mtasts_send_state *state = &delivery->state;
  const char *recipient = delivery->run->pairs[delivery->first_pair].recipient.name;
  size_t others = delivery->next_pair - delivery->first_pair - 1;
  list_ruas(delivery);
  for (size_t i = 0; i < state->rua_count; i++) {
    char *detail = delivery->details[i];
    if (state->ruas[i].status == MTASTS_RUA_SUPPRESSED)
      continue; /* by report.suppress */
    if (others == 0)
      snprintf(detail, MTASTS_DETAIL_MAX, "gets the report about %.150s, which has these sessions",
               recipient);
    else
      snprintf(detail, MTASTS_DETAIL_MAX,
               "gets the reports about %.100s and %zu more, which have these sessions", recipient,
               others);
    state->ruas[i].status = MTASTS_RUA_SUPPRESSED;
    state->ruas[i].detail = mtasts_span_of(detail);
  }
  settle(delivery, MTASTS_SEND_SUPPRESSED, "");
}

/* Is there a report to the recipient domain, and does it go to an equal set of ruas? */
static bool has_same_report(const struct mtasts_delivery *delivery,
                            const struct mtasts_base_pair *pair, const struct mtasts_rua_set *set) {
  const struct mtasts_config *config = delivery->run->access->outcomes.config;
  return set->state == MTASTS_RUA_SET_FOUND && mtasts_rua_set_equal(set, delivery->set) &&
         (config->report.success || pair->failed) &&
         !mtasts_suppression_has_domain(&config->report.suppress, &pair->recipient);
}

static void compare(struct mtasts_delivery *delivery);

/* One recipient domain without such a report is enough: nobody else would get its sessions. If the
 * DNS does not say, the report waits for it, but not until it expires. */
static void take_other_set(void *context, const struct mtasts_rua_set *set) {
  struct mtasts_delivery *delivery = context;
  const struct mtasts_base_pair *pair = &delivery->run->pairs[delivery->next_pair++];
  bool inside = !delivery->comparing;
  delivery->comparing = false;
  if (set->state == MTASTS_RUA_SET_UNKNOWN && delivery->state.attempts < PATIENCE) {
    delivery->unknown = true;
  } else if (!has_same_report(delivery, pair, set)) {
    delivery->next_pair = SIZE_MAX;
    send_to_all(delivery);
    return;
  }
  if (!inside)
    compare(delivery);
}

/* Asks where each recipient domain gets its reports, one after the other. The answer may come from
 * inside, as the domains may be many. */
static void compare(struct mtasts_delivery *delivery) {
  const struct mtasts_delivery_run *run = delivery->run;
  while (delivery->next_pair < run->pair_count &&
         mtasts_domain_compare(&run->pairs[delivery->next_pair].base, &delivery->domain) == 0) {
    size_t asked = delivery->next_pair;
    delivery->comparing = false;
    mtasts_rua_lookups_ask(run->lookups, &run->pairs[asked].recipient, take_other_set, delivery);
    if (delivery->next_pair == SIZE_MAX)
      return;
    if (delivery->next_pair == asked) {
      delivery->comparing = true;
      return;
    }
  }
  if (delivery->unknown)
    settle(delivery, MTASTS_SEND_DEFERRED,
           "the DNS does not say where the reports to its recipient domains go");
  else if (delivery->next_pair > delivery->first_pair)
    suppress_second(delivery);
  else
    send_to_all(delivery);
}

static size_t find_first_pair(const struct mtasts_delivery *delivery) {
  const struct mtasts_delivery_run *run = delivery->run;
  size_t low = 0;
  size_t high = run->pair_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (mtasts_domain_compare(&run->pairs[middle].base, &delivery->domain) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void take_set(void *context, const struct mtasts_rua_set *set) {
  struct mtasts_delivery *delivery = context;
  delivery->set = set;
  delivery->state.rua_count = 0;
  if (set->state == MTASTS_RUA_SET_UNKNOWN) {
    settle(delivery, MTASTS_SEND_DEFERRED, set->detail);
  } else if (set->state == MTASTS_RUA_SET_NONE) {
    settle(delivery, MTASTS_SEND_NO_RECORD, set->detail);
  } else if (delivery->kinds & MTASTS_REPORT_RECIPIENT) {
    send_to_all(delivery);
  } else {
    delivery->first_pair = delivery->next_pair = find_first_pair(delivery);
    compare(delivery);
  }
}

int64_t mtasts_delivery_moment(const struct mtasts_delivery *delivery) {
  const struct mtasts_domain *submitter = &delivery->run->access->site.submitter;
  return mtasts_send_moment(delivery->day, (struct mtasts_span){submitter->name, submitter->len},
                            (struct mtasts_span){delivery->domain.name, delivery->domain.len});
}

/* It is not remembered, and so the same at each run: a timer's run does not list it. */
static void say_success_only(struct mtasts_delivery *delivery) {
  delivery->acted = delivery->run->forced || delivery->run->dry;
  delivery->state.status = MTASTS_SEND_SUCCESS_ONLY;
  delivery->state.detail = MTASTS_SPAN("");
  delivery->state.rua_count = 0;
  finish(delivery);
}

void mtasts_delivery_start(struct mtasts_delivery *delivery,
                           void (*done)(struct mtasts_delivery *delivery)) {
  const struct mtasts_delivery_run *run = delivery->run;
  delivery->done = done;
  switch (mtasts_send_decide(&delivery->state, mtasts_delivery_moment(delivery), time(NULL),
                             run->forced)) {
  case MTASTS_SEND_WAIT:
  case MTASTS_SEND_DONE:
    finish(delivery);
    return;
  case MTASTS_SEND_EXPIRE:
    delivery->acted = true;
    delivery->state.status = MTASTS_SEND_EXPIRED;
    delivery->state.open = false;
    if (!run->dry)
      keep(delivery, 0);
    finish(delivery);
    return;
  case MTASTS_SEND_TRY:
    break;
  }
  const struct mtasts_config *config = run->access->outcomes.config;
  if (!config->report.success && delivery->failed == 0)
    say_success_only(delivery);
  else if (mtasts_suppression_has_domain(&config->report.suppress, &delivery->domain))
    settle(delivery, MTASTS_SEND_SUPPRESSED, "report.suppress has the domain");
  else if (mtasts_rua_lookups_silent(run->lookups))
    leave_out(delivery, "no DNS server answers");
  else
    mtasts_rua_lookups_ask(run->lookups, &delivery->domain, take_set, delivery);
}
