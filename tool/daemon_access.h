/*
 * daemon_access.h: mtastsd, as a command meets it.
 *
 * It keeps the cache of its configuration and asks the Internet; while it runs, a command
 * leaves both to it. What is asked here waits for the reply; daemon_client.h asks many things at
 * once.
 */
#ifndef MTASTS_TOOL_DAEMON_ACCESS_H
#define MTASTS_TOOL_DAEMON_ACCESS_H

#include "command.h"
#include "config.h"

enum {
  MTASTS_DAEMON_ACCESS_REPLY_MAX = 1 << 20, /* bytes of a payload, more than mtastsd sends */
};

/* Milliseconds after which mtastsd is held for dead: its own deadline, and time to get there. */
uint32_t mtasts_daemon_access_timeout(const struct mtasts_config *config);

/* Does somebody listen at the configured socket? */
bool mtasts_daemon_access_is_there(const struct mtasts_config *config);

/*
 * Is this command to go through mtastsd? Where it answers, and no option names another cache,
 * resolver or trust than its own. Says so where it is there and gives no answer.
 */
bool mtasts_daemon_access_serves(const struct mtasts_options *options,
                                 const struct mtasts_config *config);

/* Why mtastsd cannot be asked, as a sentence: "mtastsd has gone". Of MTASTS_IO, errno tells. */
const char *mtasts_daemon_access_trouble(enum mtasts_status status);

/* Says that mtastsd cannot be asked, and `then`. */
void mtasts_daemon_access_print_error(const struct mtasts_config *config, enum mtasts_status status,
                                      const char *then);

/* Says what mtastsd replied in place of OK; returns the exit code. */
int mtasts_daemon_access_refused(const struct mtasts_config *config, struct mtasts_span reply);

/* What mtastsd counts, as a JSON object in room. */
enum mtasts_status mtasts_daemon_access_stats(const struct mtasts_config *config, char *buffer,
                                              size_t size, struct mtasts_span *json);

/* Is this the reply's first word? Then takes it and the space behind it away. */
bool mtasts_daemon_access_says(struct mtasts_span *reply, const char *word);

#endif
