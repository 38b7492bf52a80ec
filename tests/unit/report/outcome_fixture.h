/* A store of outcomes in a directory of its own, and outcomes from datagrams. */
#ifndef OUTCOME_FIXTURE_H
#define OUTCOME_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "outcome.h"
#include "outcome_store.h"
#include "unit.h"

static char outcome_directory[64];
static struct mtasts_config *outcome_config;

static inline int remove_file(const char *path, const struct stat *file, int kind, struct FTW *at) {
  (void)file;
  (void)kind;
  (void)at;
  return remove(path);
}

static inline void store_down(struct mtasts_outcome_store *store) {
  mtasts_outcome_store_close(store);
  mtasts_config_free(outcome_config);
  outcome_config = NULL;
  CU_ASSERT_EQUAL(nftw(outcome_directory, remove_file, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline struct mtasts_outcome_store *store_open(enum mtasts_outcome_access_mode mode) {
  char error[MTASTS_ERROR_TEXT] = "";
  struct mtasts_outcome_store *store = NULL;
  enum mtasts_status status = mtasts_outcome_store_open(outcome_config, mode, error, &store);
  unit_check(status == MTASTS_OK, "%s: %s", mtasts_status_name(status), error);
  return store;
}

/* more: further keys of the section outcome. */
static inline struct mtasts_outcome_store *store_up(const char *more) {
  char text[256];
  char error[MTASTS_ERROR_TEXT];
  snprintf(outcome_directory, sizeof outcome_directory, "/tmp/mtasts-outcomes-XXXXXX");
  CU_ASSERT_PTR_NOT_NULL(mkdtemp(outcome_directory));
  snprintf(text, sizeof text, "outcome { directory = \"%s/store\" %s }\n", outcome_directory, more);
  CU_ASSERT_EQUAL(mtasts_config_parse(mtasts_span_of(text), "test", error, &outcome_config),
                  MTASTS_OK);
  return store_open(MTASTS_OUTCOME_WRITE);
}

/* Adds a datagram to a batch. */
static inline void batch_tell(struct mtasts_outcome_batch *batch, const char *datagram,
                              uint64_t count) {
  struct mtasts_outcome outcome;
  enum mtasts_outcome_refusal refusal = mtasts_outcome_read(mtasts_span_of(datagram), &outcome);
  unit_check(refusal == MTASTS_OUTCOME_ACCEPTED, "%s: %s", mtasts_outcome_refusal_name(refusal),
             datagram);
  if (refusal != MTASTS_OUTCOME_ACCEPTED)
    return;
  CU_ASSERT_PTR_NOT_NULL(
      mtasts_outcome_batch_add(batch, mtasts_bytes_span(&outcome.packed), count));
  mtasts_bytes_free(&outcome.packed);
}

static inline enum mtasts_status store_add(struct mtasts_outcome_store *store,
                                           const struct mtasts_outcome_batch *batch,
                                           struct mtasts_outcome_written *written) {
  enum mtasts_status status;
  while ((status = mtasts_outcome_store_add(store, batch, written)) == MTASTS_TIMEOUT)
    continue;
  return status;
}

static inline void store_write(struct mtasts_outcome_store *store,
                               struct mtasts_outcome_batch *batch) {
  struct mtasts_outcome_written written;
  enum mtasts_status status = store_add(store, batch, &written);
  unit_check(status == MTASTS_OK, "%s", mtasts_status_name(status));
  unit_check(written.refused == 0, "%llu refused", (unsigned long long)written.refused);
  mtasts_outcome_batch_free(batch);
}

static inline void store_tell(struct mtasts_outcome_store *store, uint32_t day,
                              const char *datagram, uint64_t count) {
  struct mtasts_outcome_batch *batch = mtasts_outcome_batch_new(day, 64 << 20);
  batch_tell(batch, datagram, count);
  store_write(store, batch);
}

/* NULL: nothing was counted. */
static inline struct mtasts_day_report *store_read(struct mtasts_outcome_store *store, uint32_t day,
                                                   const char *name) {
  struct mtasts_domain domain;
  struct mtasts_day_report *report = NULL;
  CU_ASSERT_EQUAL(mtasts_domain_parse(mtasts_span_of(name), &domain), MTASTS_OK);
  enum mtasts_status status = mtasts_outcome_store_read(store, day, &domain, &report);
  unit_check(status == MTASTS_OK || status == MTASTS_ABSENT, "%s", mtasts_status_name(status));
  return report;
}

#endif
