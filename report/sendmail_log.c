/* Lines of Sendmail 8.17 and 8.18 with LogLevel 9, its default, or more, and contrib/sendmail's
 * rules. Sendmail names no address of a host that failed before the last one. */
#include <string.h>

#include "mta_log_private.h"

/* `HOST.` or `HOST` up to a blank or comma; drops it. */
static bool take_host(struct mtasts_span *text, struct log_hop *hop) {
  size_t len = 0;
  while (len < text->len && mtasts_is_visible(text->data[len]) && text->data[len] != ',')
    len++;
  struct mtasts_span host = {text->data, len};
  mtasts_span_drop(text, len);
  if (host.len > 0 && host.data[host.len - 1] == '.')
    host.len--;
  return log_set_host(hop, host, MTASTS_SPAN(""));
}

/* STARTTLS=client: */
static void take_tls(struct mtasts_mta_log *log, struct log_process *process,
                     struct mtasts_span text) {
  struct log_hop hop = {.tls = MTASTS_LOG_TLS};
  log->tls_seen[1] = true;
  if (log_take(&text, " relay=")) {
    if (take_host(&text, &hop) && log_take(&text, ", version=") && log_after(&text, ", verify=")) {
      if (log_take(&text, "OK,"))
        hop.tls = MTASTS_LOG_VERIFIED;
      process->open = hop;
      process->told_queue[0] = '\0'; /* another connection */
    }
  } else if (log_take(&text, " error:")) {
    process->open = hop;
    log_set_failure(&process->open, MTASTS_RESULT_VALIDATION, "TLS handshake failed");
  }
}

/* The ruleset tls_server refuses a host: `arg1=VERIFY, relay=HOST, reject=TEXT`. VERIFY is
 * Sendmail's macro {verify}. */
static void take_refusal(struct log_process *process, struct mtasts_span text) {
  static const struct {
    const char *verify;
    enum mtasts_result_type result;
    const char *reason;
  } faults[] = {
      {"NONE", MTASTS_RESULT_NO_STARTTLS, ""}, /* not offered, or refused for good */
      {"TEMP", MTASTS_RESULT_NO_STARTTLS, "STARTTLS refused"},
      {"SOFTWARE", MTASTS_RESULT_VALIDATION, "TLS handshake failed"},
      {"PROTOCOL", MTASTS_RESULT_VALIDATION, "no reply to STARTTLS"},
      {"FAILURE", MTASTS_RESULT_VALIDATION, "no reply to STARTTLS"},
      /* Expired, self-signed or of an unknown issuer: the log does not say which. */
      {"FAIL", MTASTS_RESULT_VALIDATION, "certificate not verified"},
      {"NO", MTASTS_RESULT_VALIDATION, "no certificate"},
      {"NOT", MTASTS_RESULT_VALIDATION, "no certificate"},
  };
  struct mtasts_span verify;
  struct log_hop hop = {.tls = MTASTS_LOG_FAILED};
  mtasts_span_cut(&text, ',', &verify);
  if (!log_take(&text, " relay=") || !take_host(&text, &hop) || !log_take(&text, ", reject="))
    return;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    if (mtasts_span_equal(verify, mtasts_span_of(faults[i].verify)))
      log_set_failure(&hop, faults[i].result, faults[i].reason);
  if (mtasts_span_equal(verify, MTASTS_SPAN("OK")) && log_holds(text, " has another name; see: "))
    log_set_failure(&hop, MTASTS_RESULT_HOST_MISMATCH, "");
  if (hop.result != MTASTS_RESULT_SUCCESS)
    log_add_failed(process, &hop);
}

/* The ruleset tls_rcpt refuses a host that the policy does not list. */
static void take_unlisted(struct log_process *process, struct mtasts_span text) {
  struct log_hop hop = {.tls = MTASTS_LOG_FAILED};
  if (!log_after(&text, ", relay=") || !take_host(&text, &hop) ||
      !log_holds(text, " does not list "))
    return;
  log_set_failure(&hop, MTASTS_RESULT_VALIDATION, "mtasts-policy-mx-mismatch");
  log_add_failed(process, &hop);
}

/* `, mailer=M, … relay=HOST. [ADDRESS], … stat=TEXT`. False: no session that the log tells of. */
static bool take_last(const struct mtasts_mta_log *log, const struct log_process *process,
                      struct mtasts_span text, struct log_hop *hop) {
  struct mtasts_span address = MTASTS_SPAN("");
  if (!log_after(&text, ", relay=") || !take_host(&text, hop))
    return false;
  if (log_take(&text, " ["))
    mtasts_span_cut(&text, ']', &address);
  if (!log_set_host(hop, mtasts_span_of(hop->host), address) || !log_after(&text, ", stat="))
    return false;
  bool sent = log_take(&text, "Sent");
  if (strcmp(process->open.host, hop->host) == 0 && process->open.tls != MTASTS_LOG_FAILED) {
    hop->tls = process->open.tls;
    return true;
  }
  hop->tls = log->tls_seen[1] ? MTASTS_LOG_CLEAR : MTASTS_LOG_UNKNOWN;
  return sent;
}

static bool is_smtp(struct mtasts_span text) {
  static const char *const mailers[] = {"esmtp,", "smtp,", "smtp8,", "dsmtp,", "relay,"};
  if (!log_after(&text, ", mailer="))
    return false;
  for (size_t i = 0; i < sizeof mailers / sizeof *mailers; i++)
    if (log_take(&text, mailers[i]))
      return true;
  return false;
}

/* The last session failed by the rules, and stands among the failed ones. Its address is known now.
 */
static bool has_failed(struct log_process *process, const struct log_hop *hop) {
  bool failed = false;
  for (size_t i = 0; i < process->failures; i++)
    if (strcmp(process->failed[i].host, hop->host) == 0) {
      memcpy(process->failed[i].address, hop->address, sizeof hop->address);
      failed = true;
    }
  return failed;
}

/* `to=<A>,<B>, delay=…`. A process keeps a connection for further messages, and logs no STARTTLS
 * for them, so a host counts once until there is another connection. */
static void take_recipient(struct mtasts_mta_log *log, struct log_process *process,
                           const char *queue, struct mtasts_span text) {
  struct mtasts_span address;
  struct mtasts_domain domain;
  struct log_hop hop = {.tls = MTASTS_LOG_CLEAR};
  bool smtp = is_smtp(text);
  bool ended = take_last(log, process, text, &hop);
  mtasts_span_cut(&text, ',', &address);
  bool found = smtp && log_domain(address, &domain) && !log_is_own(log, queue);
  bool failed = has_failed(process, &hop);
  if (found)
    log_tell_failed(log, process, &domain);
  process->failures = 0;
  bool told = process->told_queue[0] && strcmp(process->told.host, hop.host) == 0;
  if (!ended || failed || told || !smtp)
    return;
  process->told = hop;
  log_keep(process->told_queue, sizeof process->told_queue, mtasts_span_of(queue));
  if (found)
    log_tell(log, &domain, &hop);
}

static void take_sender(struct mtasts_mta_log *log, const char *queue, struct mtasts_span text) {
  struct mtasts_span sender;
  mtasts_span_take(&text, '<');
  mtasts_span_cut(&text, ',', &sender);
  if (sender.len > 0 && sender.data[sender.len - 1] == '>')
    sender.len--;
  log_note_sender(log, queue, sender);
}

void log_take_sendmail(struct mtasts_mta_log *log, struct log_process *process,
                       struct mtasts_span text) {
  char queue[LOG_QUEUE_MAX] = "";
  if (log_take(&text, "STARTTLS=client,")) {
    take_tls(log, process, text);
    return;
  }
  bool queued = log_take_queue(&text, queue);
  if (log_take(&text, "ruleset=tls_server, arg1="))
    take_refusal(process, text);
  else if (log_take(&text, "ruleset=tls_rcpt, "))
    take_unlisted(process, text);
  else if (queued && log_take(&text, "to="))
    take_recipient(log, process, queue, text);
  else if (queued && log_take(&text, "from="))
    take_sender(log, queue, text);
}
