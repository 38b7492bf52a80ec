/*
 * bus_error.h: what a process does if the disk fails below a file that it has mapped (SIGBUS).
 *
 * LMDB writes to lock.mdb through a map. Such a write can fail if the disk fails. It can also find
 * no space on a file system that copies a page before it is written (btrfs, ZFS). The kernel then
 * sends SIGBUS. The page can still be read then. So a copy of it in memory replaces it in the map,
 * and the process goes on. From then on this process and the others no longer see each other's
 * writes to that page. A writer therefore opens its environment again as soon as it can write
 * (mtasts_bus_error_count).
 *
 * Any other SIGBUS, for example if data.mdb cannot be read, ends the process with one line on
 * standard error and EX_IOERR. It leaves no clean-shutdown mark (clean_shutdown.h), so the next
 * writer checks each page.
 *
 * Process-wide: for programs, not for a library in another program's process. The plugin and the
 * milter map no file and do not need it.
 */
#ifndef MTASTS_BUS_ERROR_H
#define MTASTS_BUS_ERROR_H

#include <stdbool.h>

/* Call it before any environment is opened. program: the name in that line; the pointer is kept.
 * False: no descriptors. */
bool mtasts_bus_error_catch(const char *program);

/* How many pages have been replaced by copies in memory so far. From any thread. */
unsigned mtasts_bus_error_count(void);

#endif
