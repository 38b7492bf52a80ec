#include "outcome_recorder.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "day_report.h"
#include "outcome_batch.h"

enum {
  COLLECT_MS = 500,             /* what arrives is on disk within a second */
  BATCH_BYTES = 8 << 20,        /* of one batch */
  BATCHES_MAX = 4,              /* that the writer has not taken yet */
  KNOWN_SLOTS = 2048,           /* of the table of datagrams, */
  KNOWN_MAX = 4096,             /* which holds so many, */
  KNOWN_DATAGRAM_MAX = 4 << 10, /* of so many bytes each, */
  KNOWN_BYTES = 16 << 20,       /* of so many bytes in all, with what they say, */
  KNOWN_MS = 60000,             /* for so long */
};

/* A datagram that has arrived lately. */
struct known {
  struct mtasts_keyed keyed; /* the datagram */
  struct known *after;
  struct mtasts_outcome outcome;
  struct mtasts_batched_outcome *batched; /* in this batch; NULL: not there under its own words */
};

struct mtasts_outcome_recorder {
  struct mtasts_outcome_recorder_options options;
  bool record;
  struct event timer; /* pending while a batch has outcomes */
  struct mtasts_outcome_batch *batch;
  struct mtasts_key_table table;
  struct known *known; /* all that are in the table */
  size_t known_count;
  size_t known_bytes;         /* of datagrams and packed outcomes, as allocated */
  bool known_full;            /* a datagram found no room */
  int64_t known_since;        /* by mtasts_clock_coarse_ms */
  struct mtasts_outcome last; /* that is not in the table */
};

static void forget_known(struct mtasts_outcome_recorder *recorder) {
  for (struct known *known; (known = recorder->known); free(known)) {
    recorder->known = known->after;
    mtasts_bytes_free(&known->outcome.packed);
  }
  recorder->known_count = recorder->known_bytes = 0;
  recorder->known_full = false;
  recorder->known_since = mtasts_clock_coarse_ms();
  if (recorder->table.slots)
    memset(recorder->table.slots, 0, recorder->table.slot_count * sizeof(struct mtasts_keyed *));
}

/* The batch has gone: what is known is no part of it any more. */
static void leave_batch(struct mtasts_outcome_recorder *recorder) {
  if (recorder->known_full || mtasts_clock_coarse_ms() - recorder->known_since >= KNOWN_MS) {
    forget_known(recorder);
    return;
  }
  for (struct known *known = recorder->known; known; known = known->after)
    known->batched = NULL;
}

static bool writer_is_slow(const struct mtasts_outcome_recorder *recorder) {
  return atomic_load_explicit(&recorder->options.stats->outcome_batches, memory_order_relaxed) >=
         BATCHES_MAX;
}

static void set_timer(struct mtasts_outcome_recorder *recorder) {
  const struct timeval wait = {.tv_usec = COLLECT_MS * 1000};
  if (!event_pending(&recorder->timer, EV_TIMEOUT, NULL))
    event_add(&recorder->timer, &wait);
}

void mtasts_outcome_recorder_flush(struct mtasts_outcome_recorder *recorder) {
  struct mtasts_job *job = recorder->batch ? mtasts_job_new(MTASTS_JOB_RECORD) : NULL;
  if (!job) {
    if (recorder->batch)
      set_timer(recorder); /* no memory: tried again */
    return;
  }
  leave_batch(recorder);
  job->batch = recorder->batch;
  recorder->batch = NULL;
  atomic_fetch_add_explicit(&recorder->options.stats->outcome_batches, 1, memory_order_relaxed);
  mtasts_queue_give(recorder->options.to_writer, job);
}

static void on_timer(evutil_socket_t fd, short what, void *context) {
  struct mtasts_outcome_recorder *recorder = context;
  (void)fd;
  (void)what;
  if (writer_is_slow(recorder))
    set_timer(recorder);
  else
    mtasts_outcome_recorder_flush(recorder);
}

struct mtasts_outcome_recorder *
mtasts_outcome_recorder_new(const struct mtasts_outcome_recorder_options *options) {
  struct mtasts_outcome_recorder *made = calloc(1, sizeof *made);
  if (!made || !mtasts_key_table_init(&made->table, KNOWN_SLOTS)) {
    free(made);
    return NULL;
  }
  made->options = *options;
  event_assign(&made->timer, options->base, -1, 0, on_timer, made);
  return made;
}

void mtasts_outcome_recorder_free(struct mtasts_outcome_recorder *recorder) {
  if (!recorder)
    return;
  mtasts_outcome_recorder_flush(recorder);
  event_del(&recorder->timer);
  forget_known(recorder);
  mtasts_outcome_batch_free(recorder->batch);
  mtasts_key_table_destroy(&recorder->table);
  mtasts_bytes_free(&recorder->last.packed);
  free(recorder);
}

void mtasts_outcome_recorder_configure(struct mtasts_outcome_recorder *recorder, bool record) {
  recorder->record = record && recorder->options.to_writer;
  if (!recorder->record)
    mtasts_outcome_recorder_flush(recorder);
}

/* A batch has the outcomes of one UTC day. False: no memory. */
static bool have_batch(struct mtasts_outcome_recorder *recorder, int64_t now) {
  uint32_t day = mtasts_day_number(now);
  if (recorder->batch &&
      (mtasts_outcome_batch_day(recorder->batch) != day ||
       (mtasts_outcome_batch_half_full(recorder->batch) && !writer_is_slow(recorder))))
    mtasts_outcome_recorder_flush(recorder);
  if (!recorder->batch)
    recorder->batch = mtasts_outcome_batch_new(day, BATCH_BYTES);
  return recorder->batch && mtasts_outcome_batch_day(recorder->batch) == day;
}

/* Keeps the outcome of a datagram, which then belongs to the table. NULL: it is not kept. */
static struct known *remember(struct mtasts_outcome_recorder *recorder, struct mtasts_span datagram,
                              uint64_t hash, const struct mtasts_outcome *outcome) {
  size_t bytes = sizeof(struct known) + datagram.len + outcome->packed.room;
  if (datagram.len > KNOWN_DATAGRAM_MAX)
    return NULL;
  recorder->known_full |=
      recorder->known_count >= KNOWN_MAX || recorder->known_bytes + bytes > KNOWN_BYTES;
  struct known *known = recorder->known_full ? NULL : malloc(sizeof *known + datagram.len);
  if (!known)
    return NULL;
  char *copy = (char *)(known + 1);
  memcpy(copy, datagram.data, datagram.len);
  *known = (struct known){.keyed = {.hash = hash, .key = {copy, datagram.len}},
                          .after = recorder->known,
                          .outcome = *outcome};
  mtasts_key_table_add(&recorder->table, &known->keyed);
  recorder->known = known;
  recorder->known_count++;
  recorder->known_bytes += bytes;
  return known;
}

/* Counts one session. known: NULL, or where the outcome is kept. */
static bool count(struct mtasts_outcome_recorder *recorder, const struct mtasts_outcome *outcome,
                  struct known *known) {
  struct mtasts_bytes changed;
  if (outcome->asks_discovery &&
      mtasts_outcome_apply_discovery(outcome, recorder->options.discovery,
                                     recorder->options.context, &changed)) {
    bool added = mtasts_outcome_batch_add(recorder->batch, mtasts_bytes_span(&changed), 1);
    mtasts_bytes_free(&changed);
    return added;
  }
  if (known && known->batched) {
    known->batched->count++;
    return true;
  }
  struct mtasts_batched_outcome *batched =
      mtasts_outcome_batch_add(recorder->batch, mtasts_bytes_span(&outcome->packed), 1);
  if (known)
    known->batched = batched;
  return batched;
}

enum mtasts_outcome_refusal mtasts_outcome_recorder_take(struct mtasts_outcome_recorder *recorder,
                                                         struct mtasts_span datagram, int64_t now,
                                                         const struct mtasts_outcome **outcome) {
  bool recorded = recorder->record && have_batch(recorder, now);
  uint64_t hash = recorded ? mtasts_key_hash(&recorder->table, datagram) : 0;
  struct known *known =
      recorded ? (struct known *)mtasts_key_table_find(&recorder->table, hash, datagram) : NULL;
  struct mtasts_outcome read = {0};
  *outcome = NULL;
  if (!known) {
    enum mtasts_outcome_refusal refusal = mtasts_outcome_read(datagram, &read);
    if (refusal != MTASTS_OUTCOME_ACCEPTED)
      return refusal;
    known = recorded ? remember(recorder, datagram, hash, &read) : NULL;
  }
  if (!known) {
    mtasts_bytes_free(&recorder->last.packed);
    recorder->last = read;
  }
  *outcome = known ? &known->outcome : &recorder->last;
  if (!recorder->record)
    return MTASTS_OUTCOME_ACCEPTED;
  if (!recorded)
    return MTASTS_OUTCOME_NO_ROOM;
  set_timer(recorder);
  return count(recorder, *outcome, known) ? MTASTS_OUTCOME_ACCEPTED : MTASTS_OUTCOME_NO_ROOM;
}
