#include "outcome_send.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ascii.h"
#include "domain_query.h"
#include "exim_api.h"
#include "log.h"

static void send_to(const char *path, struct mtasts_span datagram) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = strlen(path);
  if (len == 0 || len >= sizeof address.sun_path)
    return;
  memcpy(address.sun_path, path, len);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return;
  (void)!sendto(fd, datagram.data, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL,
                (const struct sockaddr *)&address, sizeof address);
  close(fd);
}

/* The records by which Exim judged the host; it has just looked them up. */
static void find_tlsa(const char *host, struct mtasts_span *records) {
  char name[sizeof "_25._tcp." + MTASTS_DOMAIN_MAX];
  int n = snprintf(name, sizeof name, "_25._tcp.%s", host);
  struct mtasts_span found;
  if (n > 0 && (size_t)n < sizeof name &&
      mtasts_exim_api_lookup("tlsa", (struct mtasts_span){name, (size_t)n}, &found))
    *records = found;
}

static void send_outcome(const struct mtasts_smtp_session_outcome *outcome) {
  static char buffer[MTASTS_DATAGRAM_MAX];
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  const struct mtasts_config *config = mtasts_domain_query_config();
  struct mtasts_smtp_session_outcome complete = *outcome;
  if (!config || !config->outcome.record || outcome->decided->domain.len == 0 ||
      outcome->ending.ours)
    return;
  if (outcome->ending.dane && outcome->ending.result != MTASTS_RESULT_DNSSEC_INVALID &&
      outcome->ending.result != MTASTS_RESULT_DANE_REQUIRED)
    find_tlsa(outcome->session->host, &complete.tlsa);
  mtasts_outcome_format_datagram(&complete, &text);
  if (!text.full)
    send_to(config->outcome.socket, (struct mtasts_span){text.data, text.len});
}

/* Did Exim keep the mail back because of this failure, or would it if site_mode were enforce? */
static bool keeps_back(const struct mtasts_smtp_session_outcome *outcome) {
  if (outcome->ending.result == MTASTS_RESULT_SUCCESS)
    return false;
  return outcome->ending.dane || outcome->decided->decision.verdict == MTASTS_VERDICT_ENFORCE ||
         mtasts_domain_decision_verdict(outcome->decided) == MTASTS_VERDICT_ENCRYPT;
}

static void log_line(const struct mtasts_smtp_session_outcome *outcome) {
  char line[MTASTS_LOG_LINE_MAX];
  struct mtasts_strbuf text = MTASTS_STRBUF(line);
  mtasts_outcome_format_line(outcome, &text);
  mtasts_exim_api_log("%s", line);
  mtasts_domain_query_recheck(&outcome->decided->domain);
}

void mtasts_outcome_send(const struct mtasts_smtp_session_outcome *outcome) {
  send_outcome(outcome);
  if (keeps_back(outcome))
    log_line(outcome);
}

/* Is this the first time that this process reports the domain without a session? A message has
 * several recipients. No message: Exim shows the routing of an address (-bt). */
static bool is_new(const struct mtasts_domain_decision *decided) {
  static struct mtasts_domain last;
  if ((last.len == decided->domain.len && memcmp(last.name, decided->domain.name, last.len) == 0) ||
      !mtasts_exim_api_has_message())
    return false;
  last = decided->domain;
  return true;
}

static void send_without_session(const struct mtasts_smtp_session_outcome *outcome) {
  if (!is_new(outcome->decided))
    return;
  send_outcome(outcome);
  log_line(outcome);
}

void mtasts_outcome_send_mismatch(const struct mtasts_domain_decision *decided,
                                  struct mtasts_span mx_list, struct mtasts_span first) {
  struct mtasts_smtp_session none = {.counted = false};
  /* If nothing is enforced, a session follows, and it is reported by itself. */
  if (decided->entry_reply.monitor)
    return;
  snprintf(none.host, sizeof none.host, "%.*s", (int)first.len, first.data);
  send_without_session(&(struct mtasts_smtp_session_outcome){
      .decided = decided,
      .session = &none,
      .ending = mtasts_smtp_session_ending_unlisted,
      .detail = mx_list,
  });
}

/* Finds the first MX host whose DNSSEC is bogus, or whose TLSA records cannot be looked up. */
static enum mtasts_dane find_bogus(const struct mtasts_entry *entry, struct mtasts_span *host) {
  struct mtasts_mx_host mx;
  *host = MTASTS_SPAN("");
  for (size_t cursor = 0; mtasts_mx_next(&entry->mx, &cursor, &mx);)
    if (mx.dane == MTASTS_DANE_BOGUS || mx.dane == MTASTS_DANE_ERROR) {
      *host = mx.host;
      return mx.dane;
    }
  return entry->dane == MTASTS_DANE_BOGUS ? entry->dane : MTASTS_DANE_NONE;
}

void mtasts_outcome_send_bogus(const struct mtasts_domain_decision *decided) {
  const struct mtasts_entry *entry = &decided->entry_reply.entry;
  struct mtasts_smtp_session none = {.counted = false};
  struct mtasts_span host;
  if (mtasts_domain_decision_verdict(decided) != MTASTS_VERDICT_DEFER ||
      decided->decision.verdict != MTASTS_VERDICT_DEFER || !decided->entry_reply.has_entry)
    return;
  enum mtasts_dane state = find_bogus(entry, &host);
  if (state == MTASTS_DANE_NONE)
    return;
  /* The entry's detail is for this site's log: it names our resolver. */
  struct mtasts_smtp_session_outcome outcome = {
      .decided = decided,
      .session = &none,
      .ending = mtasts_smtp_session_ending_bogus,
      .detail = entry->detail,
  };
  if (state == MTASTS_DANE_ERROR)
    outcome.ending.reason = MTASTS_SPAN("TLSA records cannot be looked up");
  snprintf(none.host, sizeof none.host, "%.*s", (int)host.len, host.data);
  send_without_session(&outcome);
}
