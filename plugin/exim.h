/*
 * exim.h: the functions that Exim calls by ${dlfunc{…/exim-mtasts.so}{NAME}{ARGUMENT}…}; see
 * exim-mtasts(8). Each always returns OK and yields a defined string: after any other status Exim
 * goes on without the plugin. Exim's argument vector is wrong beyond seven arguments, so more are
 * refused.
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
