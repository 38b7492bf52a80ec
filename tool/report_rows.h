/*
 * report_rows.h: what became of reports, as a table for people or as JSON lines.
 */
#ifndef MTASTS_TOOL_REPORT_ROWS_H
#define MTASTS_TOOL_REPORT_ROWS_H

#include "report_delivery.h"

struct mtasts_report_rows;

/* NULL without memory, which it prints. */
struct mtasts_report_rows *mtasts_report_rows_new(bool json);

/* Adds a report. Returns an exit code. */
int mtasts_report_rows_add(struct mtasts_report_rows *rows, struct mtasts_delivery *delivery);

/* Prints what is left to print, and frees. NULL is fine. */
void mtasts_report_rows_end(struct mtasts_report_rows *rows);

#endif
