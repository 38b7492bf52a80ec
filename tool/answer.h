/*
 * answer.h: reads domains, and prints the answers for people.
 */
#ifndef MTASTS_TOOL_ANSWER_H
#define MTASTS_TOOL_ANSWER_H

#include "answer_json.h"
#include "out.h"

/* Reads the policy domain of a text that the user typed; prints an error if there is none. */
bool mtasts_read_domain(const char *text, struct mtasts_domain *domain);

enum mtasts_colour mtasts_mode_colour(enum mtasts_mode mode);
enum mtasts_colour mtasts_verdict_colour(enum mtasts_verdict verdict);

/* Prints the report of one domain. */
void mtasts_answer_print(const struct mtasts_answer *answer, int64_t now);

/* A table of several domains: one row each. */
struct mtasts_table *mtasts_answer_table(void);
void mtasts_answer_row(struct mtasts_table *table, const struct mtasts_answer *answer);

#endif
