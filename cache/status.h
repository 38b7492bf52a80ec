/*
 * status.h: what an errno or an LMDB error is called where it leaves the module.
 */
#ifndef MTASTS_CACHE_STATUS_H
#define MTASTS_CACHE_STATUS_H

#include "mtasts.h"

/* MTASTS_IO with errno set for what has no status of its own. */
enum mtasts_status mtasts_env_status(int rc);

#endif
