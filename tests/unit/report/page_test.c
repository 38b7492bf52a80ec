#include "page.h"

#include "build_report.h"
#include "unit.h"

#include <stdlib.h>

const char *const unit_name = "page";

static const struct mtasts_report_filter everything = {0};

static char *write_page(const struct mtasts_sums *sums, const char *title) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  const struct mtasts_page page = {.sums = sums, .title = title, .now = BUILT_EPOCH};
  CU_ASSERT(mtasts_page_write(stream, &page));
  fclose(stream);
  CU_ASSERT(strlen(text) == size);
  return text;
}

static size_t count(const char *text, const char *words) {
  size_t found = 0;
  for (const char *at = text; (at = strstr(at, words)); at++)
    found++;
  return found;
}

/* Every element that begins ends, in order; attributes have quotes. Elements of the body only: the
 * style has no markup. */
static void check_closed(const char *text) {
  char open[64][16];
  size_t depth = 0;
  CU_ASSERT(strncmp(text, "<!DOCTYPE html>", 15) == 0);
  for (const char *at = text + 15; (at = strchr(at, '<')); at++) {
    const char *end = strchr(at, '>');
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    CU_ASSERT_FATAL(depth < 63);
    bool closing = at[1] == '/';
    size_t len = strcspn(at + 1 + closing, " >/");
    CU_ASSERT_FATAL(len > 0 && len < sizeof open[0]);
    for (const char *equals = at; (equals = memchr(equals, '=', (size_t)(end - equals)));) {
      if (equals[1] == '"' && (equals = memchr(equals + 2, '"', (size_t)(end - equals - 2))))
        continue;
      unit_check(false, "no quotes: %.60s", at);
      break;
    }
    if (closing) {
      unit_check(depth > 0 && strlen(open[depth - 1]) == len &&
                     memcmp(open[depth - 1], at + 2, len) == 0,
                 "closes another: %.40s", at);
      depth -= depth > 0;
    } else if (end[-1] != '/') {
      memcpy(open[depth], at + 1, len);
      open[depth++][len] = '\0';
    }
    at = end;
  }
  unit_check(depth == 0, "%zu elements are open", depth);
}

static void of_reports(void) {
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  for (int day = 0; day < 20; day++)
    built_add(&sums, &everything,
              &(struct built){.successful = 90,
                              .failed = day == 3 ? 10 : 0,
                              .result = day == 3 ? "certificate-expired" : NULL,
                              .source = "s",
                              .mx = "m",
                              .mode = "testing",
                              .day = 2 * day});
  char *text = write_page(&sums, "example.com");
  check_closed(text);
  CU_ASSERT(count(text, "<g class=\"day\">") == 20);
  CU_ASSERT(count(text, "<h2>") >= 7);
  CU_ASSERT(count(text, "99.4 %") >= 1);
  static const char *const wanted[] = {"<html lang=\"en\">",
                                       "<meta charset=\"utf-8\"",
                                       "default-src 'none'",
                                       "name=\"viewport\"",
                                       "<title>TLS reports of example.com</title>",
                                       "<svg role=\"img\" aria-label=\"",
                                       "<th scope=\"col\"",
                                       "<th scope=\"row\"",
                                       "prefers-color-scheme: dark",
                                       "@media print",
                                       "Renew the certificate"};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    unit_check(strstr(text, wanted[i]) != NULL, "no %s", wanted[i]);
  static const char *const unwanted[] = {"<script", "javascript:", "<a ",  "<form",  "<link",
                                         "<iframe", "https:",      "src=", "onclick"};
  for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
    unit_check(strstr(text, unwanted[i]) == NULL, "%s", unwanted[i]);
  CU_ASSERT(count(text, "http:") == 2); /* of xmlns */ /* of xmlns, in two drawings */
  CU_ASSERT(count(text, "<svg role=\"img\" aria-label=\"") == 2);
  free(text);
  mtasts_sums_free(&sums);
}

static void of_strangers(void) {
  static const char evil[] = "<script>alert(1)</script>\"'&\x1b\xE2\x80\xAE\xFF";
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  built_add(&sums, &everything,
            &(struct built){.organization = evil,
                            .domain = evil,
                            .result = evil,
                            .source = evil,
                            .mx = evil,
                            .failed = 1});
  char *text = write_page(&sums, evil);
  check_closed(text);
  CU_ASSERT(count(text, "<script") == 0);
  CU_ASSERT(count(text, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;") >= 6);
  CU_ASSERT(count(text, "\x1b") == 0 && count(text, "\xE2\x80\xAE") == 0);
  CU_ASSERT(count(text, "\xFF") == 0);
  free(text);
  mtasts_sums_free(&sums);
}

static void of_nothing(void) {
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  char *text = write_page(&sums, "");
  check_closed(text);
  CU_ASSERT(count(text, "No session was reported.") == 1);
  CU_ASSERT(count(text, "<svg role=\"img\"") == 1);
  free(text);
  mtasts_sums_free(&sums);
}

/* Reports that name themselves centuries apart, and numbers as large as they get. */
static void extremes(void) {
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  for (int i = 0; i < 1025; i++)
    built_add(
        &sums, &everything,
        &(struct built){.successful = ((uint64_t)1 << 53) - 1, .failed = 1, .day = 3000 * (i % 5)});
  char *text = write_page(&sums, "");
  check_closed(text);
  CU_ASSERT(count(text, "<g class=\"day\">") == 5);
  CU_ASSERT(count(text, "nan") == 0 && count(text, "inf<") == 0 && count(text, "=\"-") == 0);
  free(text);
  mtasts_sums_free(&sums);
}

static void index_of_domains(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  struct mtasts_sums sums;
  mtasts_sums_init(&sums);
  built_add(&sums, &everything, &(struct built){.successful = 1, .domain = "<x>"});
  const struct mtasts_page page = {.sums = &sums, .title = ""};
  const struct mtasts_page_link link = {mtasts_tally_find(&sums.domains, built_span("<x>")),
                                        "domain-1.html"};
  CU_ASSERT(mtasts_page_index(stream, &page, &link, 1));
  fclose(stream);
  check_closed(text);
  CU_ASSERT(count(text, "<a href=\"domain-1.html\">&lt;x&gt;</a>") == 1);
  free(text);
  mtasts_sums_free(&sums);
}

const struct unit_test unit_tests[] = {
    {"a page is complete and closed, with a mark a day", of_reports},
    {"strings of reports are text", of_strangers},
    {"a page of nothing", of_nothing},
    {"long periods, large numbers", extremes},
    {"an index", index_of_domains},
    {NULL, NULL},
};
