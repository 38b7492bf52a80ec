/*
 * mta_log.h: finds SMTP sessions in the log lines of Postfix and of Sendmail, which tell no
 * outcomes themselves (Postfix before 3.10 and all of Sendmail).
 *
 * A session's lines are spread: the TLS of a connection is in one, the recipient and the host in
 * another. Lines of one process belong together, so state is kept for each process, of the last
 * MTASTS_LOG_PROCESSES. A session that was reused is found once.
 *
 * Log lines are hostile: senders, recipients and the other side's replies are in them. All memory
 * is bounded, names are checked, and no text of the other side is kept. Pure, but for memory.
 */
#ifndef MTASTS_REPORT_MTA_LOG_H
#define MTASTS_REPORT_MTA_LOG_H

#include "tlsrpt.h"

enum {
  MTASTS_LOG_PROCESSES = 256,
  MTASTS_LOG_REASON_MAX = 80,
  MTASTS_LOG_ADDRESS_MAX = 46,
};

enum mtasts_log_tls {
  MTASTS_LOG_CLEAR,    /* no TLS */
  MTASTS_LOG_TLS,      /* TLS; nothing is known of the certificate */
  MTASTS_LOG_VERIFIED, /* TLS with a certificate as the MTA required it */
  MTASTS_LOG_FAILED,   /* the MTA gave up the session for lack of TLS */
  MTASTS_LOG_UNKNOWN,  /* the log does not say whether there was TLS */
};

struct mtasts_log_session {
  struct mtasts_domain domain; /* the recipient's */
  char host[MTASTS_DOMAIN_MAX + 1];
  char address[MTASTS_LOG_ADDRESS_MAX]; /* "" unknown */
  enum mtasts_log_tls tls;
  enum mtasts_result_type result;     /* of MTASTS_LOG_FAILED */
  char reason[MTASTS_LOG_REASON_MAX]; /* failure-reason-code; "" none */
};

/* Receives each session; must not keep the pointer. */
typedef void mtasts_log_session_fn(void *context, const struct mtasts_log_session *session);

struct mtasts_log_line {
  struct mtasts_span program; /* postfix/smtp, sm-mta */
  struct mtasts_span text;    /* what the program wrote */
  uint32_t pid;
};

/* Reads a line of a log file: date, host, `PROGRAM[PID]: ` and the text. False: it is none. */
bool mtasts_log_line_read(struct mtasts_span line, struct mtasts_log_line *read);

struct mtasts_mta_log;

/* own_sender: the sender of our own reports, whose sessions are not told (RFC 8460 section 5.3);
 * copied, "" for none. NULL: no memory. */
struct mtasts_mta_log *mtasts_mta_log_new(const char *own_sender, mtasts_log_session_fn *fn,
                                          void *context);
void mtasts_mta_log_take(struct mtasts_mta_log *log, const struct mtasts_log_line *line);
void mtasts_mta_log_free(struct mtasts_mta_log *log);

#endif
