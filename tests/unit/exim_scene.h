/*
 * exim_scene.h: what stands around the plugin in a test: a configuration, a cache, something at
 * the ask socket, somebody who collects outcomes; all in a directory of its own.
 */
#ifndef EXIM_SCENE_H
#define EXIM_SCENE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "entry_reply.h"

enum {
  SCENE_PATH = 128,
};

enum scene_daemon {
  SCENE_ABSENT,
  SCENE_STALE,    /* a socket that nobody listens at */
  SCENE_ANSWERS,  /* by the domain's first label, see exim_scene.c */
  SCENE_SLOW,     /* a byte at a time */
  SCENE_SILENT,   /* takes the request, says nothing */
  SCENE_CLOSES,   /* at once */
  SCENE_CUTS,     /* in the middle of the reply */
  SCENE_NONSENSE, /* replies that are none */
  SCENE_RANDOM,   /* right replies with wrong bytes */
  SCENE_DAEMONS,
};

struct scene {
  char directory[32];
  char cache[SCENE_PATH];
  pid_t daemon;
  int outcomes; /* a bound datagram socket */
};

/* more: lines of mtasts.conf. */
void scene_begin(struct scene *scene, enum scene_daemon daemon, const char *more);
void scene_end(struct scene *scene);

/* Fills the cache: `enforce`, `big` (a policy in pages of its own), `expired`, `fresh` (known to
 * have no record), `lapsed` and 300 others, all under example. */
void scene_cache(const struct scene *scene);
void scene_file(const struct scene *scene, const char *name, char path[SCENE_PATH]);

/* The next datagram, NUL-terminated; false where there is none. */
bool scene_outcome(const struct scene *scene, char *out, size_t size);

#endif
