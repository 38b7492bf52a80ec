/*
 * mta_log_private.h: what mta_log.c shares with the readers of each MTA's lines.
 */
#ifndef MTASTS_REPORT_MTA_LOG_PRIVATE_H
#define MTASTS_REPORT_MTA_LOG_PRIVATE_H

#include "mta_log.h"
#include "span.h"

enum {
  LOG_QUEUE_MAX = 24, /* bytes of a queue id */
  LOG_FAILED_MAX = 8, /* hosts of one message that failed before the last one */
  LOG_OWN_MAX = 64,   /* messages with reports of ours that are under way */
};

/* A connection, as far as the log has told of it. */
struct log_hop {
  char host[MTASTS_DOMAIN_MAX + 1]; /* "": none */
  char address[MTASTS_LOG_ADDRESS_MAX];
  enum mtasts_log_tls tls;
  enum mtasts_result_type result; /* a fault that was logged */
  char reason[MTASTS_LOG_REASON_MAX];
};

struct log_process {
  uint32_t pid;
  bool sendmail;
  uint64_t used;       /* the number of its last line; 0: free */
  struct log_hop open; /* the connection of the last lines */
  struct log_hop failed[LOG_FAILED_MAX];
  size_t failures;
  struct log_hop told; /* the session that was told last, */
  char told_queue[LOG_QUEUE_MAX];
};

struct mtasts_mta_log {
  mtasts_log_session_fn *fn;
  void *context;
  char own_sender[MTASTS_DOMAIN_MAX + 66];
  uint64_t lines;
  bool tls_seen[2];   /* of Postfix and Sendmail: the log has lines about TLS */
  bool tls_elsewhere; /* Postfix's tlsproxy makes the TLS of connections that it reuses */
  char own[LOG_OWN_MAX][LOG_QUEUE_MAX];
  size_t own_next;
  struct log_process processes[MTASTS_LOG_PROCESSES];
};

/* Does the text begin so? If so, drops it. */
bool log_take(struct mtasts_span *text, const char *start);

bool log_holds(struct mtasts_span text, const char *words);

/* Drops all up to these words and the words. False: they are not there. */
bool log_after(struct mtasts_span *text, const char *words);

/* `QUEUEID: ` at the start; drops it. */
bool log_take_queue(struct mtasts_span *text, char queue[LOG_QUEUE_MAX]);

void log_keep(char *out, size_t size, struct mtasts_span text);

/* Sets host and address. False: they are no host name or no address. */
bool log_set_host(struct log_hop *hop, struct mtasts_span host, struct mtasts_span address);

void log_set_failure(struct log_hop *hop, enum mtasts_result_type result, const char *reason);

/* The domain of `<local@domain>`. False: not an address of that form, or a quoted one, which could
 * hold text that looks like the rest of the line. */
bool log_domain(struct mtasts_span address, struct mtasts_domain *domain);

/* A message with one of our reports. */
void log_note_sender(struct mtasts_mta_log *log, const char *queue, struct mtasts_span sender);
bool log_is_own(const struct mtasts_mta_log *log, const char *queue);

void log_tell(struct mtasts_mta_log *log, const struct mtasts_domain *domain,
              const struct log_hop *hop);

/* Tells of the hosts that failed before the last one. */
void log_tell_failed(struct mtasts_mta_log *log, struct log_process *process,
                     const struct mtasts_domain *domain);

void log_add_failed(struct log_process *process, const struct log_hop *hop);

/* smtp(8); the process of a line with any other program is NULL. */
void log_take_postfix(struct mtasts_mta_log *log, struct log_process *process,
                      struct mtasts_span text);
void log_take_sendmail(struct mtasts_mta_log *log, struct log_process *process,
                       struct mtasts_span text);

#endif
