/*
 * publish_judge.h: would a policy of mode enforce lose mail? The MX hosts are asked and judged as
 * `mtasts check` does it, as if the new policies were in force.
 */
#ifndef MTASTS_TOOL_PUBLISH_JUDGE_H
#define MTASTS_TOOL_PUBLISH_JUDGE_H

#include "publish_list.h"

/*
 * Asks the MX hosts of all domains of the list. If root runs the command, a child without root's
 * rights does.
 *
 *   MTASTS_EXIT_OK     no error was found
 *   MTASTS_EXIT_NO     one was: printed, with ids and subjects
 *   MTASTS_EXIT_LATER  no DNS server answers: printed
 *   others             it could not begin: printed
 */
int mtasts_publish_judge(const struct mtasts_options *options,
                         const struct mtasts_publish_list *list);

#endif
