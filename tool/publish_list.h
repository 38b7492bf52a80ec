/*
 * publish_list.h: the domains that `mtasts publish` works on, each with its mx patterns.
 */
#ifndef MTASTS_TOOL_PUBLISH_LIST_H
#define MTASTS_TOOL_PUBLISH_LIST_H

#include "command.h"

struct mtasts_publish_item {
  struct mtasts_domain domain;
  char **mx; /* lower case, each once */
  size_t mx_count;
  unsigned long line; /* of the file; 0: it came from --domain */
};

struct mtasts_publish_list {
  struct mtasts_publish_item *items;
  size_t count;
};

/*
 * Fills the list from --domain and --mx, or from --file: a domain a line, with patterns of its own
 * behind it, or else those of --mx. No domain may be there twice. On failure prints an error and
 * returns an exit code; the list is to be freed all the same.
 */
int mtasts_publish_list_read(const struct mtasts_options *options,
                             struct mtasts_publish_list *list);

/* Adds a pattern, unless the domain has it. False without memory. */
bool mtasts_publish_item_add(struct mtasts_publish_item *item, struct mtasts_span pattern);

/* Prints what is wrong with a domain: `LIST: line 3: DOMAIN: why`, or `DOMAIN: why`. */
void mtasts_publish_item_error(const struct mtasts_options *options,
                               const struct mtasts_publish_item *item, const char *why);

void mtasts_publish_list_free(struct mtasts_publish_list *list);

#endif
