/*
 * error_map.h: what an errno or an LMDB error is called where it leaves the module.
 */
#ifndef MTASTS_CACHE_ERROR_MAP_H
#define MTASTS_CACHE_ERROR_MAP_H

#include "mtasts.h"

/* Sets errno where that is not 0: the errno that it is, EUSERS for a full table of readers, else
 * EIO.
 */
enum mtasts_status mtasts_env_status(int rc);

/* Why a cache cannot be used, in words: the status, and errno as it was left with it. Constant, or
 * the C library's. */
const char *mtasts_env_reason(enum mtasts_status status, int error);

#endif
