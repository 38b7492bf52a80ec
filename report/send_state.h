/*
 * send_state.h: what is remembered of the sending of one report, and when it is tried (RFC 8460
 * sections 4.1 and 5.5). Pure: the caller gives the time and stores the bytes.
 *
 * The report is frozen before its first attempt: id, file name, bytes and date are stored, so that
 * every attempt sends the same. An attempt is stored before it begins. If it has no stored end, the
 * process was killed in it, and the next run repeats it at once.
 *
 * Times are seconds since the epoch by the wall clock. A day is the number of days since 1970-01-01
 * in UTC. All spans belong to the bytes that were decoded, or to the caller.
 */
#ifndef MTASTS_REPORT_SEND_STATE_H
#define MTASTS_REPORT_SEND_STATE_H

#include "bytes.h"
#include "rua.h"

enum {
  MTASTS_REPORT_RUAS_MAX = 20,           /* of one record that are used */
  MTASTS_REPORT_SPREAD = 4 * 3600,       /* seconds after midnight in which reports begin */
  MTASTS_REPORT_TRY_SECONDS = 24 * 3600, /* from the first attempt on */
};

enum mtasts_send_status {
  MTASTS_SEND_PENDING, /* never tried */
  MTASTS_SEND_SENT,    /* one rua has taken it: never sent again */
  MTASTS_SEND_DEFERRED,
  MTASTS_SEND_EXPIRED, /* no rua has taken it within a day */
  MTASTS_SEND_NO_RECORD,
  MTASTS_SEND_SUPPRESSED,
  MTASTS_SEND_SUCCESS_ONLY, /* report.success is off, and no session failed; not stored */
  MTASTS_SEND_WOULD_SEND,   /* of --dry-run; not stored */
  MTASTS_SEND_RECORDING,    /* the day goes on; not stored */
};

/* "no-record" */
const char *mtasts_send_status_name(enum mtasts_send_status status);

enum mtasts_rua_status {
  MTASTS_RUA_SENT,
  MTASTS_RUA_FAILED,
  MTASTS_RUA_SUPPRESSED,
  MTASTS_RUA_WOULD_SEND,
};

/* "would-send" */
const char *mtasts_rua_status_name(enum mtasts_rua_status status);

struct mtasts_rua_result {
  struct mtasts_span uri; /* as it stands in the record */
  struct mtasts_span detail;
  enum mtasts_rua_status status;
};

/* The frozen report. */
struct mtasts_frozen_report {
  struct mtasts_span report_id;
  struct mtasts_span file_name;
  struct mtasts_span submitter;
  struct mtasts_span from;
  struct mtasts_span gzip; /* empty if the report is done */
  int64_t date;            /* of the mail */
  uint64_t successful, failed;
};

struct mtasts_send_state {
  enum mtasts_send_status status;
  bool open; /* an attempt has begun, and its end is not stored */
  uint32_t attempts;
  int64_t first_attempt;
  int64_t last_attempt;
  struct mtasts_frozen_report report;                    /* empty if it was never frozen */
  struct mtasts_span detail;                             /* why there is no rua result; or empty */
  struct mtasts_rua_result ruas[MTASTS_REPORT_RUAS_MAX]; /* of the last attempt */
  size_t rua_count;
};

/* Appends the stored form. */
void mtasts_send_state_encode(const struct mtasts_send_state *state, struct mtasts_bytes *out);

/* MTASTS_CORRUPT: not what encode writes. */
enum mtasts_status mtasts_send_state_decode(struct mtasts_span bytes,
                                            struct mtasts_send_state *state);

/* When the report of a day is tried first: always the same moment for the same names, one to 240
 * minutes after midnight. */
int64_t mtasts_send_moment(int64_t day, struct mtasts_span submitter, struct mtasts_span domain);

/* When a deferred report is tried again; -1: not at all, as its day is over. */
int64_t mtasts_send_next_attempt(const struct mtasts_send_state *state);

/* Was it never tried, though its moment is more than a day past? Such a report is due only if it is
 * forced: else the first run of a site would send all the days that are kept, at once. */
bool mtasts_send_is_missed(const struct mtasts_send_state *state, int64_t moment, int64_t now);

enum mtasts_send_step {
  MTASTS_SEND_WAIT,   /* its moment has not come */
  MTASTS_SEND_TRY,    /* now */
  MTASTS_SEND_EXPIRE, /* its day is over: nothing is sent */
  MTASTS_SEND_DONE,
};

/* What is due at `now`. moment: mtasts_send_moment. forced: everything that no rua has taken is
 * tried, whatever the time. */
enum mtasts_send_step mtasts_send_decide(const struct mtasts_send_state *state, int64_t moment,
                                         int64_t now, bool forced);

/* An attempt begins; the caller then stores the state. */
void mtasts_send_begin(struct mtasts_send_state *state, int64_t now);

/* It has ended: as `status`, and if that is DEFERRED, as EXPIRED if no attempt is left. If the
 * report is SENT, its bytes are dropped from the state. */
void mtasts_send_conclude(struct mtasts_send_state *state, enum mtasts_send_status status);

#endif
