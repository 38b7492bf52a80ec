/*
 * daemon_access.h: a command's access to mtastsd.
 *
 * mtastsd owns the cache of its configuration and does the look-ups. While it runs, a command
 * leaves both to it. The functions here wait for the reply; daemon_client.h sends many requests at
 * once.
 */
#ifndef MTASTS_TOOL_DAEMON_ACCESS_H
#define MTASTS_TOOL_DAEMON_ACCESS_H

#include "command.h"
#include "config.h"

enum {
  MTASTS_DAEMON_ACCESS_REPLY_MAX = 1 << 20, /* bytes of a payload; mtastsd sends less */
};

/* Milliseconds after which mtastsd counts as dead: its own deadline, and time for the transfer. */
uint32_t mtasts_daemon_access_timeout(const struct mtasts_config *config);

/* Does a process listen at the configured socket? */
bool mtasts_daemon_access_is_there(const struct mtasts_config *config);

/*
 * Should this command use mtastsd? Yes if it answers, and no option names another cache, resolver
 * or trust store than its own. Prints a message if mtastsd runs and does not answer.
 */
bool mtasts_daemon_access_serves(const struct mtasts_options *options,
                                 const struct mtasts_config *config);

/* Why mtastsd cannot be asked, as a sentence: "mtastsd has gone". For MTASTS_IO the text comes from
 * errno. */
const char *mtasts_daemon_access_trouble(enum mtasts_status status);

/* Prints that mtastsd cannot be asked, and `then`. */
void mtasts_daemon_access_print_error(const struct mtasts_config *config, enum mtasts_status status,
                                      const char *then);

/* Prints the reply that mtastsd sent instead of OK; returns the exit code. */
int mtasts_daemon_access_refused(const struct mtasts_config *config, struct mtasts_span reply);

/* The counters of mtastsd, as a JSON object in `buffer`. */
enum mtasts_status mtasts_daemon_access_stats(const struct mtasts_config *config, char *buffer,
                                              size_t size, struct mtasts_span *json);

/* Is this the first word of the reply? If so, removes it and the space after it. */
bool mtasts_daemon_access_says(struct mtasts_span *reply, const char *word);

#endif
