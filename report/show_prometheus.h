/*
 * show_prometheus.h: the sums of reports as metrics in Prometheus' text format, for the textfile
 * collector of the node exporter.
 *
 * Labels are bounded: the 100 largest domains and reporters, the others together; the result types
 * of RFC 8460, the others together.
 */
#ifndef MTASTS_REPORT_SHOW_PROMETHEUS_H
#define MTASTS_REPORT_SHOW_PROMETHEUS_H

#include <stdio.h>

#include "sums.h"

/* Returns false without memory. Errors of the stream are the caller's to see. */
bool mtasts_show_prometheus(FILE *stream, const struct mtasts_sums *sums, uint64_t duplicates,
                            uint64_t rejected);

#endif
