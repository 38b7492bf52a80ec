/*
 * validate.h: may this value stand in what is published? Each function returns NULL, or what is
 * wrong, as words that follow the value: `VALUE: words`. Pure.
 */
#ifndef MTASTS_PUBLISH_VALIDATE_H
#define MTASTS_PUBLISH_VALIDATE_H

#include "publication.h"

enum {
  MTASTS_PUBLISH_PATH_MAX = 4096 - 64, /* bytes of an absolute path, without what is added to it */
};

/* A policy domain as people write it; U-labels become A-labels. An address, `[host]` and a port are
 * refused. */
const char *mtasts_validate_domain(struct mtasts_span text, struct mtasts_domain *domain);

/* A host name, for the target of an alias: lower case and without a trailing dot in *name. */
const char *mtasts_validate_host(struct mtasts_span text, struct mtasts_domain *name);

/*
 * A path that stands in the configuration of four web servers: no white space, no quote, no brace
 * but those of `{host}`, no character with a meaning for one of them. host: is `{host}` allowed?
 */
const char *mtasts_validate_path(const char *path, bool host);

#endif
