/*
 * exim_api.h: all that the plugin uses of Exim. Only exim_api.c calls Exim's local_scan API, the
 * only part of Exim that a plugin can see.
 */
#ifndef MTASTS_PLUGIN_EXIM_API_H
#define MTASTS_PLUGIN_EXIM_API_H

#include <sys/types.h>

#include "mtasts.h"

/* One line in Exim's main log, cut to MTASTS_LOG_LINE_MAX; control bytes are escaped. */
__attribute__((format(printf, 1, 2))) void mtasts_exim_api_log(const char *format, ...);

/* Exim's own user and group. */
bool mtasts_exim_api_user(uid_t *uid, gid_t *gid);

/* Does Exim deliver a message? False while it shows how an address is routed (exim -bt). */
bool mtasts_exim_api_has_message(void);

/* Exim's dnsdb look-up. type is one of Exim's ("cname", "mxh", "tlsa"). *answer lives in Exim's
 * store: what was found, separated by colons; empty if there is none. False: the DNS does not
 * answer, or the name is no host name. */
bool mtasts_exim_api_lookup(const char *type, struct mtasts_span name, struct mtasts_span *answer);

/* Makes a copy in Exim's store. tainted: it contains bytes of a message, and Exim must not use it
 * as a file name or a command. */
unsigned char *mtasts_exim_api_string(struct mtasts_span text, bool tainted);

#endif
