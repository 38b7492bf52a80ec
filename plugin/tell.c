#include "tell.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ascii.h"
#include "host.h"
#include "log.h"
#include "source.h"

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

static void send_outcome(const struct mtasts_told *told) {
  static char buffer[MTASTS_DATAGRAM_MAX];
  struct mtasts_text text = MTASTS_TEXT(buffer);
  const struct mtasts_config *config = mtasts_source_config();
  if (!config || !config->outcome.record || told->known->domain.len == 0)
    return;
  mtasts_outcome_datagram(told, &text);
  if (!text.full)
    send_to(config->outcome.socket, (struct mtasts_span){text.data, text.len});
}

/* Did Exim keep the mail back for this, or would it but for site_mode? */
static bool keeps_back(const struct mtasts_told *told) {
  if (told->ending.result == MTASTS_RESULT_SUCCESS)
    return false;
  return told->ending.dane || told->known->decision.verdict == MTASTS_VERDICT_ENFORCE ||
         mtasts_known_verdict(told->known) == MTASTS_VERDICT_ENCRYPT;
}

static void log_line(const struct mtasts_told *told) {
  char line[MTASTS_LOG_LINE_MAX];
  struct mtasts_text text = MTASTS_TEXT(line);
  mtasts_outcome_line(told, &text);
  mtasts_host_log("%s", line);
  mtasts_source_recheck(&told->known->domain);
}

void mtasts_tell(const struct mtasts_told *told) {
  send_outcome(told);
  if (keeps_back(told))
    log_line(told);
}

void mtasts_tell_mismatch(const struct mtasts_known *known, struct mtasts_span mx_list,
                          struct mtasts_span first) {
  static struct mtasts_domain last;
  struct mtasts_session none = {.counted = false};
  struct mtasts_told told = {
      .known = known,
      .session = &none,
      .ending = mtasts_ending_unlisted,
      .detail = mx_list,
      .sender = {"", 0},
  };
  /* Where nothing is enforced a session follows, which is told for itself. */
  if (known->ruling.monitor ||
      (last.len == known->domain.len && memcmp(last.name, known->domain.name, last.len) == 0))
    return;
  last = known->domain;
  snprintf(none.host, sizeof none.host, "%.*s", (int)first.len, first.data);
  send_outcome(&told);
  log_line(&told);
}
