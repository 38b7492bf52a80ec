/*
 * exim_api.h: all that the plugin wants of Exim, which alone is done in exim_api.c: its local_scan
 * API is the only part of Exim that a plugin can see.
 */
#ifndef MTASTS_PLUGIN_EXIM_API_H
#define MTASTS_PLUGIN_EXIM_API_H

#include <sys/types.h>

#include "mtasts.h"

/* One line in Exim's main log, cut to MTASTS_LOG_LINE_MAX; control bytes are escaped. */
__attribute__((format(printf, 1, 2))) void mtasts_exim_api_log(const char *format, ...);

/* Exim's own user and group. */
bool mtasts_exim_api_user(uid_t *uid, gid_t *gid);

/* Exim's dnsdb look-up: type is one of its own ("cname", "mxh"). *answer lives in Exim's store:
 * what was found, with colons between; empty if there is none. False: the DNS does not say, or the
 * name is none of a host. */
bool mtasts_exim_api_lookup(const char *type, struct mtasts_span name, struct mtasts_span *answer);

/* A copy in Exim's store. tainted: it has bytes that came with a message, and Exim must not use it
 * as a file name or a command. */
unsigned char *mtasts_exim_api_string(struct mtasts_span text, bool tainted);

#endif
