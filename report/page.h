/*
 * page.h: sums of TLS reports as one HTML page, complete in itself: no script, nothing loaded from
 * elsewhere, and a Content-Security-Policy that says so. Every string of a report is text.
 */
#ifndef MTASTS_REPORT_PAGE_H
#define MTASTS_REPORT_PAGE_H

#include <stdio.h>

#include "sums.h"

struct mtasts_page {
  const struct mtasts_sums *sums;
  const char *title; /* of the page, without "TLS reports"; a domain, or "" for all */
  uint64_t duplicates, rejected;
  int64_t now; /* when the page is made, seconds */
};

/* Returns false without memory. Errors of the stream are the caller's to see. */
bool mtasts_page_write(FILE *stream, const struct mtasts_page *page);

/* The index of many pages, one for each domain: a row for each of `domains`, linked to FILE. */
struct mtasts_page_link {
  const struct mtasts_count *domain;
  const char *file; /* a name that needs no escapes in a URL */
};
bool mtasts_page_index(FILE *stream, const struct mtasts_page *page,
                       const struct mtasts_page_link *links, size_t count);

#endif
