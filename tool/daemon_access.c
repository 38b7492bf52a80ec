#include "daemon_access.h"

#include <errno.h>
#include <string.h>

#include "ask.h"
#include "out.h"
#include "span.h"

enum {
  PROBE_WAIT = 2000, /* milliseconds; counters need no look-up, so this is ample */
  GRACE = 2000,      /* milliseconds */
  STATS_MAX = 8192,  /* bytes of the counters and the netstring around them */
};

static const char going_on[] = "going on without it";

uint32_t mtasts_daemon_access_timeout(const struct mtasts_config *config) {
  return config->ask.deadline + GRACE;
}

bool mtasts_daemon_access_says(struct mtasts_span *reply, const char *word) {
  struct mtasts_span rest = *reply;
  struct mtasts_span head;
  size_t len = strlen(word);
  if (!mtasts_span_cut(&rest, ' ', &head) || head.len != len || memcmp(head.data, word, len) != 0)
    return false;
  *reply = rest;
  return true;
}

enum mtasts_status mtasts_daemon_access_stats(const struct mtasts_config *config, char *buffer,
                                              size_t size, struct mtasts_span *json) {
  const struct mtasts_ask request = {
      .socket = config->ask.socket,
      .map = "stats",
      .deadline = PROBE_WAIT,
      .buffer = buffer,
      .buffer_size = size,
  };
  enum mtasts_status status = mtasts_ask(&request, (struct mtasts_span){"", 0}, json);
  if (status == MTASTS_OK && !mtasts_daemon_access_says(json, "OK"))
    return MTASTS_CORRUPT;
  return status;
}

static enum mtasts_status probe(const struct mtasts_config *config) {
  char buffer[STATS_MAX];
  struct mtasts_span json;
  return mtasts_daemon_access_stats(config, buffer, sizeof buffer, &json);
}

bool mtasts_daemon_access_is_there(const struct mtasts_config *config) {
  return probe(config) != MTASTS_AWAY;
}

const char *mtasts_daemon_access_trouble(enum mtasts_status status) {
  if (status == MTASTS_TIMEOUT)
    return "mtastsd does not answer";
  if (status == MTASTS_AWAY)
    return "mtastsd has gone";
  if (status == MTASTS_CORRUPT)
    return "what mtastsd answers is not understood";
  return status == MTASTS_IO && errno != 0 ? strerror(errno) : mtasts_status_name(status);
}

void mtasts_daemon_access_print_error(const struct mtasts_config *config, enum mtasts_status status,
                                      const char *then) {
  mtasts_print_error(config->ask.socket, "%s; %s", mtasts_daemon_access_trouble(status), then);
}

int mtasts_daemon_access_refused(const struct mtasts_config *config, struct mtasts_span reply) {
  int code = mtasts_daemon_access_says(&reply, "TEMP")   ? MTASTS_EXIT_LATER
             : mtasts_daemon_access_says(&reply, "PERM") ? MTASTS_EXIT_DENIED
                                                         : MTASTS_EXIT_AWAY;
  mtasts_print_error(config->ask.socket, "mtastsd says: %.*s", (int)reply.len, reply.data);
  return code;
}

bool mtasts_daemon_access_serves(const struct mtasts_options *options,
                                 const struct mtasts_config *config) {
  if (options->resolver || options->ca_file || options->cache)
    return false;
  enum mtasts_status status = probe(config);
  if (status == MTASTS_PERMISSION && options->verbose)
    mtasts_print_error(config->ask.socket, "no permission to ask mtastsd; %s", going_on);
  else if (status != MTASTS_OK && status != MTASTS_AWAY && status != MTASTS_PERMISSION)
    mtasts_daemon_access_print_error(config, status, going_on);
  return status == MTASTS_OK;
}
