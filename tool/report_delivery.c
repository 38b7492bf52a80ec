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
#include "sendmail.h"

enum {
  STATE_ROOM = 64 << 10, /* bytes of a state beside the frozen report */
};

static struct mtasts_outcome_store *store_of(const struct mtasts_delivery *delivery) {
  return delivery->run->access->outcomes.store;
}

/* Returns false without memory, which it prints. */
static bool build(struct mtasts_delivery *delivery) {
  if (delivery->built.id ||
      mtasts_report_build(&delivery->run->access->site, delivery->report, &delivery->built))
    return true;
  mtasts_print_error(delivery->domain.name, "out of memory");
  delivery->run->code = MTASTS_EXIT_MEMORY;
  return false;
}

struct mtasts_span mtasts_delivery_id(struct mtasts_delivery *delivery) {
  const struct mtasts_frozen_report *frozen = &delivery->state.report;
  if (frozen->report_id.len > 0)
    return frozen->report_id;
  return build(delivery) ? mtasts_span_of(delivery->built.id) : MTASTS_SPAN("");
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

int mtasts_delivery_load(struct mtasts_delivery *delivery) {
  const struct mtasts_report_access *access = delivery->run->access;
  enum mtasts_status status = mtasts_outcome_store_read(access->outcomes.store, delivery->day,
                                                        &delivery->domain, &delivery->report);
  if (status != MTASTS_OK)
    return mtasts_outcome_access_print_error(&access->outcomes, status);
  delivery->successful = delivery->report->successful;
  delivery->failed = delivery->report->failed;
  return load_state(delivery);
}

void mtasts_delivery_release(struct mtasts_delivery *delivery) {
  mtasts_day_report_free(delivery->report);
  mtasts_built_report_free(&delivery->built);
  free(delivery->stored);
}

/* storing */

/* Returns false if it could not be stored; the run then ends. */
static bool keep(struct mtasts_delivery *delivery) {
  struct mtasts_delivery_run *run = delivery->run;
  struct mtasts_bytes bytes = {.data = NULL};
  mtasts_send_state_encode(&delivery->state, &bytes);
  enum mtasts_status status =
      bytes.failed ? MTASTS_NO_MEMORY
                   : mtasts_report_state_put(store_of(delivery), delivery->day, &delivery->domain,
                                             mtasts_bytes_span(&bytes));
  if (status != MTASTS_OK)
    run->code = mtasts_outcome_access_print_error(&run->access->outcomes, status);
  mtasts_bytes_free(&bytes);
  return status == MTASTS_OK;
}

/* Fixes what is sent, unless that was done. Returns false without memory. */
static bool freeze(struct mtasts_delivery *delivery) {
  struct mtasts_frozen_report *frozen = &delivery->state.report;
  const struct mtasts_built_report *built = &delivery->built;
  const struct mtasts_config *config = delivery->run->access->outcomes.config;
  const struct mtasts_domain *submitter = &delivery->run->access->site.submitter;
  if (frozen->gzip.len > 0)
    return true;
  if (!build(delivery))
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

/* Stores that an attempt begins. A report that is too large for the store is built anew each time,
 * from the same counters. */
static bool begin(struct mtasts_delivery *delivery) {
  struct mtasts_frozen_report *frozen = &delivery->state.report;
  if (!freeze(delivery))
    return false;
  mtasts_send_begin(&delivery->state, time(NULL));
  delivery->state.detail = MTASTS_SPAN("");
  size_t rua_count = delivery->state.rua_count;
  struct mtasts_span gzip = frozen->gzip;
  delivery->state.rua_count = 0; /* none of them has a result yet */
  if (gzip.len > MTASTS_REPORT_STATE_MAX - STATE_ROOM)
    frozen->gzip = MTASTS_SPAN("");
  bool kept = keep(delivery);
  frozen->gzip = gzip;
  delivery->state.rua_count = rua_count;
  return kept;
}

/* the end */

static void finish(struct mtasts_delivery *delivery) {
  delivery->done(delivery);
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
  if (!dry && status != MTASTS_SEND_SUCCESS_ONLY)
    keep(delivery);
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
  if (state->report.gzip.len > MTASTS_REPORT_STATE_MAX - STATE_ROOM)
    state->report.gzip = MTASTS_SPAN("");
  keep(delivery);
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

static bool is_suppressed(const struct mtasts_delivery *delivery,
                          const struct mtasts_rua_target *target) {
  const struct mtasts_strings *suppress = &delivery->run->access->outcomes.config->report.suppress;
  struct mtasts_addr_spec address;
  for (size_t i = 0; target->kind == MTASTS_RUA_MAILTO && i < suppress->count; i++)
    if (!mtasts_addr_spec_parse(mtasts_span_of(suppress->items[i]), &address) &&
        mtasts_span_equal_nocase(mtasts_span_of(address.text), mtasts_span_of(target->target)))
      return true;
  return false;
}

/* Lists the ruas of the record: each is FAILED until it has taken the report. Returns whether there
 * is one to send to. */
static bool list_ruas(struct mtasts_delivery *delivery) {
  struct mtasts_send_state *state = &delivery->state;
  bool any = false;
  state->rua_count = delivery->set->count;
  for (size_t i = 0; i < state->rua_count; i++) {
    const struct mtasts_rua_target *target = &delivery->set->targets[i];
    bool suppressed = is_suppressed(delivery, target);
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

static void send_to_all(struct mtasts_delivery *delivery) {
  if (!list_ruas(delivery)) {
    settle(delivery, MTASTS_SEND_SUPPRESSED, "");
    return;
  }
  if (delivery->run->dry) {
    settle(delivery, MTASTS_SEND_WOULD_SEND, "");
    return;
  }
  delivery->acted = true;
  if (!begin(delivery)) {
    finish(delivery);
    return;
  }
  delivery->pending = 1; /* until all have been started */
  start_mail(delivery);
  for (size_t i = 0; i < delivery->set->count; i++)
    if (delivery->set->targets[i].kind == MTASTS_RUA_HTTPS)
      start_post(delivery, i);
  end_part(delivery);
}

/* where it goes */

/* A TLSA base domain gets no second report of what the report to a recipient domain told an equal
 * set of ruas. */
static void suppress_second(struct mtasts_delivery *delivery,
                            const struct mtasts_domain *recipient) {
  struct mtasts_send_state *state = &delivery->state;
  list_ruas(delivery);
  for (size_t i = 0; i < state->rua_count; i++) {
    snprintf(delivery->details[i], sizeof delivery->details[i],
             "gets the report about %.150s, which has these sessions", recipient->name);
    state->ruas[i].status = MTASTS_RUA_SUPPRESSED;
    state->ruas[i].detail = mtasts_span_of(delivery->details[i]);
  }
  settle(delivery, MTASTS_SEND_SUPPRESSED, "");
}

static void compare(struct mtasts_delivery *delivery);

static void take_other_set(void *context, const struct mtasts_rua_set *set) {
  struct mtasts_delivery *delivery = context;
  const struct mtasts_base_pair *pair = &delivery->run->pairs[delivery->next_pair++];
  bool inside = !delivery->comparing;
  delivery->comparing = false;
  if (set->state == MTASTS_RUA_SET_UNKNOWN) {
    delivery->next_pair = SIZE_MAX;
    settle(delivery, MTASTS_SEND_DEFERRED, set->detail);
  } else if (set->state == MTASTS_RUA_SET_FOUND && mtasts_rua_set_equal(set, delivery->set)) {
    delivery->next_pair = SIZE_MAX;
    suppress_second(delivery, &pair->recipient);
  } else if (!inside) {
    compare(delivery);
  }
}

/* Asks where each recipient domain gets its reports, one after the other. The answer may come from
 * inside, as the domains may be many. */
static void compare(struct mtasts_delivery *delivery) {
  const struct mtasts_delivery_run *run = delivery->run;
  while (delivery->next_pair < run->pair_count &&
         mtasts_domain_compare(&run->pairs[delivery->next_pair].base, &delivery->domain) == 0) {
    size_t asked = delivery->next_pair;
    mtasts_rua_lookups_ask(run->lookups, &run->pairs[asked].recipient, take_other_set, delivery);
    if (delivery->next_pair == SIZE_MAX)
      return;
    if (delivery->next_pair == asked) {
      delivery->comparing = true;
      return;
    }
  }
  send_to_all(delivery);
}

static size_t first_pair(const struct mtasts_delivery *delivery) {
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
    delivery->next_pair = first_pair(delivery);
    compare(delivery);
  }
}

static bool is_domain_suppressed(const struct mtasts_delivery *delivery) {
  const struct mtasts_strings *suppress = &delivery->run->access->outcomes.config->report.suppress;
  struct mtasts_domain domain;
  for (size_t i = 0; i < suppress->count; i++)
    if (!strchr(suppress->items[i], '@') &&
        mtasts_domain_from_text(mtasts_span_of(suppress->items[i]), &domain) == MTASTS_OK &&
        mtasts_domain_compare(&domain, &delivery->domain) == 0)
      return true;
  return false;
}

int64_t mtasts_delivery_moment(const struct mtasts_delivery *delivery) {
  const struct mtasts_domain *submitter = &delivery->run->access->site.submitter;
  return mtasts_send_moment(delivery->day, (struct mtasts_span){submitter->name, submitter->len},
                            (struct mtasts_span){delivery->domain.name, delivery->domain.len});
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
      keep(delivery);
    finish(delivery);
    return;
  case MTASTS_SEND_TRY:
    break;
  }
  if (!run->access->outcomes.config->report.success && delivery->failed == 0)
    settle(delivery, MTASTS_SEND_SUCCESS_ONLY, "");
  else if (is_domain_suppressed(delivery))
    settle(delivery, MTASTS_SEND_SUPPRESSED, "report.suppress has the domain");
  else
    mtasts_rua_lookups_ask(run->lookups, &delivery->domain, take_set, delivery);
}
