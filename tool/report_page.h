/*
 * report_page.h: the pages of `report show --html`: one file, or a directory with an index and a
 * page for each domain. Each file appears whole or not at all.
 */
#ifndef MTASTS_TOOL_REPORT_PAGE_H
#define MTASTS_TOOL_REPORT_PAGE_H

#include "by_domain.h"
#include "page.h"

/* Is the path a directory, or one that is to be made: does it end in `/`? */
bool mtasts_report_page_is_directory(const char *path);

/* Both complain, and return an exit code. */
int mtasts_report_page(const char *path, const struct mtasts_page *page);
int mtasts_report_pages(const char *directory, const struct mtasts_page *page,
                        const struct mtasts_by_domain *domains);

#endif
