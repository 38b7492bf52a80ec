/*
 * bus_error.h: what a process does when the disk fails under a file that it has mapped (SIGBUS).
 *
 * LMDB writes to lock.mdb through a map. On a file system that copies a page before it is written
 * (btrfs, ZFS), or whose disk fails, such a write may find no place, and the kernel sends SIGBUS.
 * The page can still be read then, so a copy of it in memory takes its place in the map, and the
 * process goes on. From then on other processes do not see what this one writes there, nor this one
 * them: a writer opens its environment again as soon as it can write (mtasts_bus_error_count).
 *
 * Any other SIGBUS, as of data.mdb on a disk that cannot be read, ends the process with one line on
 * standard error and EX_IOERR. No clean-shutdown mark is left then (clean_shutdown.h), so the next
 * writer checks each page.
 *
 * Process-wide; for programs, not for libraries in another's process. The plugin and the milter map
 * no file, and need none of this.
 */
#ifndef MTASTS_BUS_ERROR_H
#define MTASTS_BUS_ERROR_H

#include <stdbool.h>

/* Before any environment is opened. program: in the line; kept. False: no descriptors. */
bool mtasts_bus_error_catch(const char *program);

/* How many pages have been taken into memory so far. From any thread. */
unsigned mtasts_bus_error_count(void);

#endif
