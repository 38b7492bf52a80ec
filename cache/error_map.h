/*
 * error_map.h: maps an errno or an LMDB error to the status that callers outside of the module get.
 */
#ifndef MTASTS_CACHE_ERROR_MAP_H
#define MTASTS_CACHE_ERROR_MAP_H

#include "mtasts.h"

/* If rc is not 0, sets errno: to rc if that is an errno, to EUSERS if the table of readers is full,
 * else to EIO.
 * */
enum mtasts_status mtasts_env_status(int rc);

/* Why a cache cannot be used, as text for people. error: the errno that came with the status. The
 * text is constant, or the C library's. */
const char *mtasts_env_reason(enum mtasts_status status, int error);

#endif
