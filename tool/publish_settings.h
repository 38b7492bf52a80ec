/*
 * publish_settings.h: the options of `mtasts publish`, validated, as far as they are the same for
 * all domains of a call.
 */
#ifndef MTASTS_TOOL_PUBLISH_SETTINGS_H
#define MTASTS_TOOL_PUBLISH_SETTINGS_H

#include <netinet/in.h>

#include "command.h"
#include "publication.h"

enum {
  MTASTS_SETTINGS_PATH = 4096,
};

struct mtasts_publish_settings {
  struct mtasts_publication common;     /* without domain, mx, id, web_root and begins */
  char directory[MTASTS_SETTINGS_PATH]; /* absolute, no slash at its end */
  char certificate[MTASTS_SETTINGS_PATH];
  char key[MTASTS_SETTINGS_PATH];
  struct mtasts_domain provider;
  char web[MTASTS_WEB_MAX][MTASTS_DOMAIN_MAX + 3];
  const char *web_items[MTASTS_WEB_MAX];
};

/* The settings point into themselves and into the options. On failure prints an error and returns
 * an exit code. */
int mtasts_publish_settings_read(const struct mtasts_options *options,
                                 struct mtasts_publish_settings *settings);

/* An absolute path from what the user wrote, validated; host: may it have `{host}`? On failure
 * prints an error and returns an exit code. */
int mtasts_publish_path(const char *text, bool host, char path[MTASTS_SETTINGS_PATH]);

#endif
