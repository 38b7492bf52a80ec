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

static void send_outcome(const struct mtasts_smtp_session_outcome *outcome) {
  static char buffer[MTASTS_DATAGRAM_MAX];
  struct mtasts_strbuf text = MTASTS_STRBUF(buffer);
  const struct mtasts_config *config = mtasts_domain_query_config();
  if (!config || !config->outcome.record || outcome->decided->domain.len == 0)
    return;
  mtasts_outcome_format_datagram(outcome, &text);
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

void mtasts_outcome_send_mismatch(const struct mtasts_domain_decision *decided,
                                  struct mtasts_span mx_list, struct mtasts_span first) {
  static struct mtasts_domain last;
  struct mtasts_smtp_session none = {.counted = false};
  struct mtasts_smtp_session_outcome outcome = {
      .decided = decided,
      .session = &none,
      .ending = mtasts_smtp_session_ending_unlisted,
      .detail = mx_list,
      .sender = {"", 0},
  };
  /* If nothing is enforced, a session follows, and it is reported by itself. */
  if (decided->entry_reply.monitor ||
      (last.len == decided->domain.len && memcmp(last.name, decided->domain.name, last.len) == 0))
    return;
  last = decided->domain;
  snprintf(none.host, sizeof none.host, "%.*s", (int)first.len, first.data);
  send_outcome(&outcome);
  log_line(&outcome);
}
