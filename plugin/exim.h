/*
 * exim.h: the functions that Exim calls by ${dlfunc{…/exim-mtasts.so}{NAME}{ARGUMENT}…}; see
 * exim-mtasts(8). All of them return OK whatever happens, since Exim takes anything else for
 * leave to go on without us, and yield a defined string. Exim's argument vector goes wrong past
 * seven arguments, so more are refused.
 */
#ifndef MTASTS_PLUGIN_EXIM_H
#define MTASTS_PLUGIN_EXIM_H

#include "mtasts.h"

MTASTS_API int mtasts_policy(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_cert(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_event(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_mode(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_mx_ok(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_mx(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_unlisted(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_version(unsigned char **yield, int argc, unsigned char **argv);
MTASTS_API int mtasts_preload(unsigned char **yield, int argc, unsigned char **argv);

#endif
