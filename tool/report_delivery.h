/*
 * report_delivery.h: the delivery of one report: is it due, where is it to go, and what becomes of
 * it (RFC 8460 sections 3 and 5). On a libevent loop; one thread.
 *
 * What is to be sent is stored before the first rua is given anything, and what became of it
 * afterwards. If the process is killed in between, the next run sends the same again.
 */
#ifndef MTASTS_TOOL_REPORT_DELIVERY_H
#define MTASTS_TOOL_REPORT_DELIVERY_H

#include "report_access.h"
#include "rua_lookup.h"

struct event_base;
struct mtasts_poster;

/* A TLSA policy of `base` is in the report to `recipient`. */
struct mtasts_base_pair {
  struct mtasts_domain base, recipient;
  bool failed; /* the report to the recipient has failed sessions */
};

/* What the deliveries of a run share. */
struct mtasts_delivery_run {
  const struct mtasts_report_access *access;
  struct event_base *base;
  struct mtasts_rua_lookups *lookups;
  struct mtasts_poster *poster; /* NULL: HTTPS cannot be used */
  bool forced;                  /* the moment and the waits do not count */
  bool dry;                     /* nothing is sent or stored */
  bool program_missing;         /* sendmail could not be run, and that was printed */
  int code;       /* not 0: the day cannot be read, and that was printed; nothing is begun */
  int store_code; /* not 0: a state could not be stored, and that was printed, once */
  size_t bytes;   /* of the reports that are being handed over */
  const struct mtasts_base_pair *pairs; /* of the day that is being worked on, sorted by base */
  size_t pair_count;
};

struct mtasts_delivery {
  struct mtasts_delivery_run *run;
  uint32_t day;
  struct mtasts_domain domain;
  unsigned kinds; /* bits of enum mtasts_report_domain */
  struct mtasts_send_state state;
  bool acted;                  /* something was done, or would be; if not, the state is as it was */
  uint64_t successful, failed; /* of the report that was made, else of the counters */
  uint64_t later;              /* sessions that came after that report was made */
  bool held;                   /* it waits until fewer bytes are in flight */
  int code;                    /* not 0: what failed for this report alone, and was printed */

  /* of the module */
  void (*done)(struct mtasts_delivery *delivery);
  void *context; /* the caller's */
  struct mtasts_built_report built;
  char *id;     /* if the report is not made yet */
  char *stored; /* the bytes of the stored state */
  size_t bytes; /* of the report, while it is handed over */
  const struct mtasts_rua_set *set;
  size_t first_pair, next_pair;
  bool unknown;   /* the DNS did not say where a recipient of a pair gets its report */
  bool comparing; /* the answer about the recipient of next_pair is awaited */
  unsigned pending;
  char details[MTASTS_REPORT_RUAS_MAX][MTASTS_DETAIL_MAX + 1];
};

/*
 * Reads the report and its state, which the run may not have opened for writing. The caller has set
 * run, day, domain and kinds, and zeroed the rest. On failure prints an error and returns an exit
 * code; mtasts_delivery_release is due in both cases.
 */
int mtasts_delivery_load(struct mtasts_delivery *delivery);

/* Delivers what is due. Calls `done` once, from inside or from the loop; the callee must not
 * release the delivery before it has returned to the loop. */
void mtasts_delivery_start(struct mtasts_delivery *delivery,
                           void (*done)(struct mtasts_delivery *delivery));

/* Goes on with a delivery that is held, if there is room now. */
void mtasts_delivery_resume(struct mtasts_delivery *delivery);

void mtasts_delivery_release(struct mtasts_delivery *delivery);

/* The report-id that was sent, or that is going to be; empty without memory. */
struct mtasts_span mtasts_delivery_id(struct mtasts_delivery *delivery);

/* When it is tried first. */
int64_t mtasts_delivery_moment(const struct mtasts_delivery *delivery);

#endif
