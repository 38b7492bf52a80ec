/*
 * report_names.h: asks the DNS for the names of the sending addresses with most failures, and puts
 * them into the sums.
 */
#ifndef MTASTS_TOOL_REPORT_NAMES_H
#define MTASTS_TOOL_REPORT_NAMES_H

#include "command.h"
#include "sums.h"

struct mtasts_report_names;

/*
 * The DNS servers are those of --resolver, else of the configuration, else of resolv.conf. Returns
 * an exit code: 0 also if no server answers (then addresses are shown without names), or if there
 * are no sources. *names must outlive the sums' use, and is NULL after an error, which is printed.
 */
int mtasts_report_names_ask(const struct mtasts_options *options, struct mtasts_sums *sums,
                            struct mtasts_report_names **names);
void mtasts_report_names_free(struct mtasts_report_names *names);

#endif
