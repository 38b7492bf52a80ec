/* Lines of Postfix's smtp(8), as versions 3.4 to 3.9 write them with smtp_tls_loglevel = 1. */
#include <string.h>

#include "mta_log_private.h"

/* `HOST[ADDRESS]:PORT` or `HOST[ADDRESS]`; drops it. */
static bool take_peer(struct mtasts_span *text, struct log_hop *hop) {
  struct mtasts_span host;
  struct mtasts_span address;
  if (!mtasts_span_cut(text, '[', &host) || !mtasts_span_cut(text, ']', &address) ||
      !log_set_host(hop, host, address))
    return false;
  if (mtasts_span_take(text, ':'))
    while (text->len > 0 && mtasts_is_digit(text->data[0]))
      mtasts_span_drop(text, 1);
  return true;
}

static bool is_same(const struct log_hop *a, const struct log_hop *b) {
  return strcmp(a->host, b->host) == 0 && strcmp(a->address, b->address) == 0;
}

/* Begins a connection, unless it is the one of the last lines. */
static void open_hop(struct log_process *process, const struct log_hop *peer) {
  if (!is_same(&process->open, peer))
    process->open = *peer;
}

/* Why OpenSSL has not verified a certificate. */
static void set_fault(struct log_hop *hop, struct mtasts_span why) {
  if (log_holds(why, "has expired"))
    log_set_failure(hop, MTASTS_RESULT_EXPIRED, "");
  else if (log_holds(why, "hostname mismatch"))
    log_set_failure(hop, MTASTS_RESULT_HOST_MISMATCH, "");
  else if (log_holds(why, "self-signed") || log_holds(why, "self signed"))
    log_set_failure(hop, MTASTS_RESULT_NOT_TRUSTED, "self-signed certificate");
  else if (log_holds(why, "issuer"))
    log_set_failure(hop, MTASTS_RESULT_NOT_TRUSTED, "issuer not trusted");
  else
    log_set_failure(hop, MTASTS_RESULT_VALIDATION, "certificate not verified");
}

/* `error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:`; the reason is one of OpenSSL's own texts. */
static void keep_library_reason(struct log_hop *hop, struct mtasts_span text) {
  struct mtasts_span field;
  for (int i = 0; i < 4; i++)
    if (!mtasts_span_cut(&text, ':', &field))
      return;
  for (size_t i = 0; i < field.len; i++)
    if (!mtasts_is_alnum(field.data[i]) && !memchr(" -._/", field.data[i], 5))
      return;
  if (hop->tls == MTASTS_LOG_FAILED && hop->result == MTASTS_RESULT_VALIDATION && field.len > 0)
    log_keep(hop->reason, sizeof hop->reason, field);
}

/* Lines about a connection that name no message. True: it was one. */
static bool take_connection(struct mtasts_mta_log *log, struct log_process *process,
                            struct mtasts_span text) {
  static const struct {
    const char *words;
    enum mtasts_log_tls tls;
  } levels[] = {
      {"Verified", MTASTS_LOG_VERIFIED},
      {"Trusted", MTASTS_LOG_TLS},
      {"Untrusted", MTASTS_LOG_TLS},
      {"Anonymous", MTASTS_LOG_TLS},
  };
  struct log_hop peer = {.tls = MTASTS_LOG_TLS};
  if (log_take(&text, "SSL_connect error to ") && take_peer(&text, &peer)) {
    process->open = peer;
    log_set_failure(&process->open, MTASTS_RESULT_VALIDATION, "TLS handshake failed");
    return true;
  }
  if (log_take(&text, "warning: TLS library problem: error:")) {
    keep_library_reason(&process->open, text);
    return true;
  }
  log_take(&text, "server ");
  if (log_take(&text, "certificate verification failed for ") && take_peer(&text, &peer)) {
    process->open = peer;
    set_fault(&process->open, text);
    return true;
  }
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    struct mtasts_span rest = text;
    if (!log_take(&rest, levels[i].words) || !log_take(&rest, " TLS connection established to ") ||
        !take_peer(&rest, &peer))
      continue;
    log->tls_seen[0] = true;
    open_hop(process, &peer);
    process->open.tls = levels[i].tls;
    return true;
  }
  return false;
}

/* A session that Postfix gave up for lack of TLS: its own words, in parentheses or alone. */
static bool take_refusal(const struct log_process *process, struct mtasts_span text,
                         struct log_hop *hop) {
  bool logged = process->open.result != MTASTS_RESULT_SUCCESS;
  if (log_take(&text, "Server certificate not ")) {
    *hop = process->open;
    hop->tls = MTASTS_LOG_FAILED;
    if (!logged)
      log_set_failure(hop, MTASTS_RESULT_VALIDATION, "certificate not verified");
    return hop->host[0];
  }
  if (log_take(&text, "Cannot start TLS: ")) {
    *hop = process->open;
    hop->tls = MTASTS_LOG_FAILED;
    if (!logged)
      log_set_failure(hop, MTASTS_RESULT_VALIDATION, "TLS handshake failed");
    return hop->host[0];
  }
  if (log_take(&text, "TLS is required, but was not offered by host ")) {
    log_set_failure(hop, MTASTS_RESULT_NO_STARTTLS, "STARTTLS not offered");
    return take_peer(&text, hop);
  }
  if (log_take(&text, "TLS is required, but host ")) {
    log_set_failure(hop, MTASTS_RESULT_NO_STARTTLS, "STARTTLS refused");
    return take_peer(&text, hop) && log_take(&text, " refused to start TLS");
  }
  if (log_take(&text, "lost connection with ") || log_take(&text, "conversation with ")) {
    log_set_failure(hop, MTASTS_RESULT_VALIDATION, "no reply to STARTTLS");
    return take_peer(&text, hop) && log_holds(text, "the STARTTLS response");
  }
  return false;
}

/* The last session of a message: `relay=HOST[ADDRESS]:PORT, … status=STATUS (TEXT)`. False: there
 * was none, or it had been told. */
static bool take_last(const struct mtasts_mta_log *log, const struct log_process *process,
                      struct mtasts_span text, struct log_hop *hop) {
  struct log_hop relay = {.tls = MTASTS_LOG_CLEAR};
  /* conn_use: the connection has carried a message before. */
  if (!take_peer(&text, &relay) || log_take(&text, ", conn_use=") || !log_after(&text, ", status="))
    return false;
  bool sent = log_take(&text, "sent (");
  if (!sent && !log_after(&text, " ("))
    return false;
  if (!sent && take_refusal(process, text, hop))
    return true;
  if (is_same(&process->open, &relay)) {
    *hop = process->open;
    return hop->tls != MTASTS_LOG_FAILED;
  }
  *hop = relay;
  if (!log->tls_seen[0] || log->tls_elsewhere)
    hop->tls = MTASTS_LOG_UNKNOWN;
  return sent || (log_take(&text, "host ") && log_holds(text, " said: "));
}

static void take_recipient(struct mtasts_mta_log *log, struct log_process *process,
                           const char *queue, struct mtasts_span text) {
  struct mtasts_span address = text;
  struct mtasts_domain domain;
  struct log_hop hop = {.tls = MTASTS_LOG_CLEAR};
  const char *end = memmem(text.data, text.len, ">, ", 3);
  if (!end)
    return;
  address.len = (size_t)(end + 1 - text.data);
  mtasts_span_drop(&text, address.len);
  bool found = log_domain(address, &domain) && !log_is_own(log, queue);
  if (found)
    log_tell_failed(log, process, &domain);
  process->failures = 0;
  bool ended = log_after(&text, ", relay=") && take_last(log, process, text, &hop);
  bool told = strcmp(process->told_queue, queue) == 0 && is_same(&process->told, &hop);
  process->open.host[0] = '\0';
  if (!ended || told)
    return;
  process->told = hop;
  log_keep(process->told_queue, sizeof process->told_queue, mtasts_span_of(queue));
  if (found)
    log_tell(log, &domain, &hop);
}

void log_take_postfix(struct mtasts_mta_log *log, struct log_process *process,
                      struct mtasts_span text) {
  char queue[LOG_QUEUE_MAX];
  struct log_hop hop = {.tls = MTASTS_LOG_FAILED};
  if (take_connection(log, process, text) || !log_take_queue(&text, queue))
    return;
  if (log_take(&text, "to="))
    take_recipient(log, process, queue, text);
  else if (take_refusal(process, text, &hop))
    log_add_failed(process, &hop);
}
