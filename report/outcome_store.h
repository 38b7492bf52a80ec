/*
 * outcome_store.h: the store of outcomes: counters by day and domain (aggregate.h), and what became
 * of each report. An LMDB environment of its own, in `outcome.directory`.
 *
 * mtastsd writes the counters, `mtasts report send` the states. LMDB lets one write at a time, for
 * milliseconds. A handle is used by one thread of the process that opened it, and a process has one
 * at most for each directory. A child must not use it.
 *
 * What a function wrote is on disk when it returns: after kill -9 or a power cut a transaction is
 * there as a whole, or not at all. After a failed write the handle may be used again: the next
 * function opens the environment again, and also lock.mdb if its disk has failed (bus_error.h).
 *
 * A writer that closes the store in order leaves a mark of that. Without it, the next to open the
 * store next checks each page first, which reads the whole file: a damaged one would make LMDB
 * crash.
 *
 * A day is a number of days since 1970-01-01, UTC. errno is set for statuses that
 * mtasts_env_reason explains.
 */
#ifndef MTASTS_REPORT_OUTCOME_STORE_H
#define MTASTS_REPORT_OUTCOME_STORE_H

#include "config.h"
#include "day_report.h"
#include "outcome_batch.h"

enum {
  MTASTS_REPORT_STATE_MAX = 4 << 20, /* bytes: the frozen report is part of it */
};

struct mtasts_outcome_store;

enum mtasts_outcome_access_mode {
  MTASTS_OUTCOME_READ,
  MTASTS_OUTCOME_WRITE, /* makes the directory and the files if they are missing */
};

/* The directory of the store: `outcome.directory`, or `outcomes` in the cache's. False: too long
 * for a path. */
bool mtasts_outcome_directory(const struct mtasts_config *config, char *out, size_t size);

/*
 * Opens the store. error: see error_text.h.
 *
 *   MTASTS_NO_FILE     nothing was recorded yet: no directory, or no file there
 *   MTASTS_PERMISSION  may not read the data, or may not write the lock file
 *   MTASTS_CORRUPT     damaged
 *   MTASTS_LOCKED      to write: another process checks the pages
 *   MTASTS_INVALID     not a store of outcomes, or of another version
 *   MTASTS_IO          any other failure
 *   MTASTS_NO_MEMORY
 */
enum mtasts_status mtasts_outcome_store_open(const struct mtasts_config *config,
                                             enum mtasts_outcome_access_mode mode,
                                             char error[MTASTS_ERROR_TEXT],
                                             struct mtasts_outcome_store **store);
/* The same in a directory that a descriptor or another path names. */
enum mtasts_status mtasts_outcome_store_open_at(const struct mtasts_config *config,
                                                const char *directory,
                                                enum mtasts_outcome_access_mode mode,
                                                char error[MTASTS_ERROR_TEXT],
                                                struct mtasts_outcome_store **store);
/* NULL is fine. */
void mtasts_outcome_store_close(struct mtasts_outcome_store *store);

/* Does opening to write take long: is the file large, and to be checked? */
bool mtasts_outcome_store_opens_slowly(const char *directory);

/* Is the open file still the one in the directory? */
bool mtasts_outcome_store_in_place(const struct mtasts_outcome_store *store);

/* counters */

struct mtasts_outcome_written {
  uint64_t recorded; /* sessions */
  uint64_t refused;  /* sessions whose domain's organisation has its share */
  /* recorded sessions that are missing at their TLSA base domain, whose organisation has its */
  uint64_t base_refused;
};

/*
 * Adds all outcomes of a batch to its day, in one transaction. The batch stays the caller's.
 *
 *   MTASTS_FULL     there is no room, and no day that may be dropped for it
 *   MTASTS_TIMEOUT  a part of the oldest day was dropped to make room, and nothing was added: call
 *                   it again
 */
enum mtasts_status mtasts_outcome_store_add(struct mtasts_outcome_store *store,
                                            const struct mtasts_outcome_batch *batch,
                                            struct mtasts_outcome_written *written);

/* The first day that is kept: `keep_days` before today, but three at least. For a report is tried
 * until two days after its own. */
uint32_t mtasts_outcome_first_kept(uint32_t today, uint32_t keep_days);

/* Drops a part of the oldest day before `day`, with its states. *more: there is more to drop. */
enum mtasts_status mtasts_outcome_store_drop(struct mtasts_outcome_store *store, uint32_t day,
                                             bool *more);

/* Called for each policy domain of a day, in the order of their names, with bits of enum
 * mtasts_report_domain. Returns false to stop. It may use no function of the store. */
typedef bool mtasts_outcome_domain_fn(void *context, const struct mtasts_domain *domain,
                                      unsigned kinds);
enum mtasts_status mtasts_outcome_store_domains(struct mtasts_outcome_store *store, uint32_t day,
                                                mtasts_outcome_domain_fn *visit, void *context);

/* The counters of one domain and day. MTASTS_ABSENT: there are none. The caller frees the report.
 */
enum mtasts_status mtasts_outcome_store_read(struct mtasts_outcome_store *store, uint32_t day,
                                             const struct mtasts_domain *domain,
                                             struct mtasts_day_report **report);

/* states of reports: bytes that `mtasts report send` alone understands */

/* MTASTS_ABSENT: there is none. The caller frees *state, which is never NULL on OK. */
enum mtasts_status mtasts_report_state_get(struct mtasts_outcome_store *store, uint32_t day,
                                           const struct mtasts_domain *domain, char **state,
                                           size_t *size);
/* MTASTS_TOO_LARGE: over MTASTS_REPORT_STATE_MAX. */
enum mtasts_status mtasts_report_state_put(struct mtasts_outcome_store *store, uint32_t day,
                                           const struct mtasts_domain *domain,
                                           struct mtasts_span state);
/*
 * Can a state of `size` bytes be stored, and is there room for `spare` bytes more? Stores nothing,
 * but gives the file that room on the disk. For what must be stored later, with no other choice.
 *
 *   MTASTS_FULL  no
 */
enum mtasts_status mtasts_report_state_fits(struct mtasts_outcome_store *store, uint32_t day,
                                            const struct mtasts_domain *domain, size_t size,
                                            size_t spare);
/* Called for each state of a day, in the order of the domains. Returns false to stop. It may use no
 * function of the store. */
typedef bool mtasts_report_state_fn(void *context, const struct mtasts_domain *domain,
                                    struct mtasts_span state);
enum mtasts_status mtasts_report_state_each(struct mtasts_outcome_store *store, uint32_t day,
                                            mtasts_report_state_fn *visit, void *context);

/* sizes */

struct mtasts_outcome_stats {
  uint64_t bytes;      /* of pages in use */
  uint64_t file_bytes; /* of the file's pages, in use or free */
  uint64_t domains;    /* of all days */
  uint64_t days;
  uint32_t first, last; /* the oldest and the newest day; unset if days is 0 */
};

enum mtasts_status mtasts_outcome_store_stats(struct mtasts_outcome_store *store,
                                              struct mtasts_outcome_stats *stats);

#endif
