/* Log lines as anybody who sends or receives mail can make them: each session that is found has
 * names and addresses in normal form, and a reason without control characters. */
#include "mta_log.h"

#include <stdlib.h>
#include <string.h>

#include "ascii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth) {
  if (!truth)
    abort();
}

static void check_session(void *context, const struct mtasts_log_session *session) {
  struct mtasts_domain domain;
  (void)context;
  require(mtasts_domain_parse(mtasts_span_of(session->domain.name), &domain) == MTASTS_OK);
  require(strcmp(domain.name, session->domain.name) == 0);
  require(mtasts_domain_parse(mtasts_span_of(session->host), &domain) == MTASTS_OK);
  require(strspn(session->address, "0123456789abcdefABCDEF.:") == strlen(session->address));
  require((session->tls == MTASTS_LOG_FAILED) == (session->result != MTASTS_RESULT_SUCCESS));
  for (const char *c = session->reason; *c; c++)
    require(*c == ' ' || mtasts_is_visible(*c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_mta_log *log = mtasts_mta_log_new("tls@sender.example", check_session, NULL);
  require(log != NULL);
  while (size > 0) {
    const uint8_t *end = memchr(data, '\n', size);
    size_t len = end ? (size_t)(end - data) : size;
    struct mtasts_log_line line;
    if (mtasts_log_line_read((struct mtasts_span){(const char *)data, len}, &line))
      mtasts_mta_log_take(log, &line);
    size_t used = end ? len + 1 : len;
    data += used;
    size -= used;
  }
  mtasts_mta_log_free(log);
  return 0;
}
