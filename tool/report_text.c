#include "report_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "check_note.h"
#include "findings.h"
#include "out.h"
#include "safe_text.h"

enum {
  COLUMNS_MOST = 120, /* of mtasts_out_columns */
  NUMBER = 27,        /* 2^63 - 1 with commas, a NUL */
  SHARE = 9,          /* "100.0 %" and two spaces */
  FACT = 17,          /* where the value of a fact begins */
  OVERVIEW_ROWS = 11,
  CHANGES_MAX = 20, /* names of each kind that are new, or gone */
  LINE_BYTES = 4096,
};

/* the terminal */

static bool utf8_terminal(void) {
  return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* numbers */

/* With a comma between thousands. */
static const char *grouped(uint64_t number, char text[NUMBER]) {
  char digits[NUMBER];
  int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
  size_t at = 0;
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0)
      text[at++] = ',';
    text[at++] = digits[i];
  }
  text[at] = '\0';
  return text;
}

static double share_of(uint64_t part, uint64_t rest) {
  double all = (double)part + (double)rest;
  return all > 0 ? (double)part / all : 0;
}

static enum mtasts_colour colour_of(double failed) {
  if (failed == 0)
    return MTASTS_GREEN;
  return failed < 0.01 ? MTASTS_YELLOW : MTASTS_RED;
}

/* How wide the numbers of a column are. */
static size_t width_of(const struct mtasts_count **counts, size_t used, bool successful,
                       size_t least) {
  char text[NUMBER];
  size_t width = least;
  for (size_t i = 0; i < used; i++) {
    size_t len = strlen(grouped(successful ? counts[i]->successful : counts[i]->failed, text));
    width = len > width ? len : width;
  }
  return width;
}

/* tables */

struct layout {
  size_t name, successful, failed, bar; /* columns; a bar of 0 is left out */
  bool utf8;
};

/* The name of a row: for a source, its name in the DNS as well, if it was asked for. */
struct row_name {
  char text[INET6_ADDRSTRLEN + 1 + sizeof((struct mtasts_domain *)0)->name];
  struct mtasts_span span;
};

static void name_row(const struct mtasts_sums *sums, const struct mtasts_show_table *table,
                     const struct mtasts_count *count, struct row_name *name) {
  bool source = strcmp(table->word, "source") == 0;
  struct mtasts_span known =
      source ? mtasts_address_name(sums->names, count->name) : (struct mtasts_span){"", 0};
  name->span = count->name;
  if (known.len == 0 || count->name.len + 1 + known.len >= sizeof name->text)
    return;
  int len = snprintf(name->text, sizeof name->text, "%.*s %.*s", (int)count->name.len,
                     count->name.data, (int)known.len, known.data);
  name->span = (struct mtasts_span){name->text, (size_t)len};
}

static void print_name(const struct layout *layout, struct mtasts_span name) {
  char text[4 * COLUMNS_MOST + 1];
  struct mtasts_span shown = name.len > 0 ? name : (struct mtasts_span){"-", 1};
  printf("  %s", mtasts_safe_pad(shown, layout->name, layout->utf8, text));
}

static void print_bar(const struct layout *layout, double share) {
  char bar[COLUMNS_MOST + 3];
  if (layout->bar > 2)
    printf("  %s", mtasts_bar(share, layout->bar - 2, bar));
}

static struct layout layout_of(const struct mtasts_sums *sums,
                               const struct mtasts_show_table *table,
                               const struct mtasts_count **counts, size_t used) {
  size_t columns = mtasts_out_columns();
  struct layout layout = {.utf8 = utf8_terminal()};
  layout.failed = width_of(counts, used, false, table->details ? strlen("sessions") : 6);
  layout.successful = table->details ? 0 : width_of(counts, used, true, strlen("successful"));
  size_t numbers = 2 + layout.failed + (table->details ? 0 : 2 + layout.successful) + SHARE;
  size_t longest = strlen(table->title);
  for (size_t i = 0; i < used; i++) {
    struct row_name name;
    name_row(sums, table, counts[i], &name);
    size_t width = mtasts_safe_columns(name.span, layout.utf8);
    longest = width > longest ? width : longest;
  }
  size_t room = columns > numbers + 12 ? columns - numbers - 2 : 10;
  layout.name = longest < room ? longest : room;
  layout.bar = room > layout.name + 8 ? room - layout.name - 2 : 0;
  if (layout.bar > 24)
    layout.bar = 24;
  return layout;
}

static void print_header(const struct layout *layout, const struct mtasts_show_table *table) {
  fputs(mtasts_colour_on(MTASTS_BOLD), stdout);
  print_name(layout, (struct mtasts_span){table->title, strlen(table->title)});
  if (!table->details)
    printf("  %*s", (int)layout->successful, "successful");
  printf("  %*s    %s%s\n", (int)layout->failed, table->details ? "sessions" : "failed",
         table->details ? "share" : " rate", mtasts_colour_off(MTASTS_BOLD));
}

/* total: the sessions that a share of details is of. */
static void print_row(const struct layout *layout, const struct mtasts_sums *sums,
                      const struct mtasts_show_table *table, const struct mtasts_count *count,
                      uint64_t total) {
  struct row_name name;
  char text[NUMBER];
  double failed = share_of(count->failed, count->successful);
  double share = total > 0 ? (double)count->failed / (double)total : 0;
  name_row(sums, table, count, &name);
  print_name(layout, name.span);
  if (!table->details)
    printf("  %*s", (int)layout->successful, grouped(count->successful, text));
  enum mtasts_colour colour = table->details ? MTASTS_PLAIN : colour_of(failed);
  printf("  %*s  %s%5.1f %%%s", (int)layout->failed, grouped(count->failed, text),
         mtasts_colour_on(colour), (table->details ? share : 1 - failed) * 100,
         mtasts_colour_off(colour));
  print_bar(layout, table->details ? share : 1 - failed);
  putchar('\n');
}

/* Text in lines of the terminal's width, each with the indent. Words that are too long are cut. */
static void print_wrapped(size_t indent, const char *text) {
  char word[4 * COLUMNS_MOST + 1];
  bool utf8 = utf8_terminal();
  size_t columns = mtasts_out_columns();
  size_t used = 0;
  for (size_t len; *text; text += len + strspn(text + len, " ")) {
    len = strcspn(text, " ");
    struct mtasts_span span = {text, len};
    size_t width = mtasts_safe_columns(span, utf8);
    if (width > columns - indent)
      width = columns - indent;
    mtasts_safe_pad(span, width, utf8, word);
    if (used > 0 && used + 1 + width > columns) {
      putchar('\n');
      used = 0;
    }
    printf("%*s%s", used > 0 ? 1 : (int)indent, "", word);
    used += (used > 0 ? 1 : indent) + width;
  }
  putchar('\n');
}

static void print_advice(struct mtasts_span name) {
  struct mtasts_advice result;
  if (!mtasts_advice_find(name, &result))
    return;
  print_wrapped(6, result.meaning);
  print_wrapped(6, result.remedy);
}

static void print_check(const struct mtasts_sums *sums, struct mtasts_span name) {
  struct mtasts_check_note note;
  if (mtasts_check_note(sums, NULL, name, &note))
    print_wrapped(6, note.text);
}

static uint64_t total_of(const struct mtasts_count **counts, size_t used) {
  uint64_t total = 0;
  for (size_t i = 0; i < used; i++)
    total = mtasts_sum(total, counts[i]->failed);
  return total;
}

static bool print_table(const struct mtasts_sums *sums, enum mtasts_show_by by, size_t max,
                        bool advice) {
  const struct mtasts_show_table *table = mtasts_show_table(by);
  const struct mtasts_policy_counts *tally = mtasts_show_tally(sums, by);
  const struct mtasts_count **counts = mtasts_tally_sorted(tally, table->order);
  if (!counts)
    return tally->used == 0 && puts("  none") >= 0;
  size_t rows = tally->used < max ? tally->used : max;
  struct layout layout = layout_of(sums, table, counts, rows);
  uint64_t total = total_of(counts, tally->used);
  print_header(&layout, table);
  for (size_t i = 0; i < rows; i++) {
    print_row(&layout, sums, table, counts[i], total);
    if (advice && by == MTASTS_BY_RESULT)
      print_advice(counts[i]->name);
    if (by == MTASTS_BY_RESULT)
      print_check(sums, counts[i]->name);
  }
  if (rows < tally->used)
    printf("  and %zu more: --by %s\n", tally->used - rows, table->word);
  free(counts);
  return true;
}

void mtasts_report_line(size_t indent, const char *format, ...) {
  char text[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  print_wrapped(indent, text);
}

static bool print_signatures(const struct mtasts_sums *sums) {
  const struct mtasts_policy_counts *tally = &sums->signatures;
  const struct mtasts_count **counts = mtasts_tally_sorted(tally, MTASTS_LARGEST);
  if (!counts)
    return tally->used == 0;
  puts("\n  Signatures (DKIM) that your host found");
  for (size_t i = 0; i < tally->used && i < MTASTS_FINDINGS_MAX; i++) {
    struct mtasts_span organization = mtasts_count_part(counts[i], 0);
    struct mtasts_span submitter = mtasts_count_part(counts[i], 1);
    mtasts_report_line(6, "%.*s signed %" PRIu64 " of %" PRIu64 " reports of %.*s",
                       (int)submitter.len, submitter.data, counts[i]->successful,
                       mtasts_sum(counts[i]->successful, counts[i]->failed), (int)organization.len,
                       organization.data);
  }
  free(counts);
  return true;
}

bool mtasts_report_table(const struct mtasts_sums *sums, enum mtasts_show_by by) {
  return print_table(sums, by, SIZE_MAX, true) &&
         (by != MTASTS_BY_REPORTER || print_signatures(sums));
}

/* two spans */

static void print_names(const char *word, const struct mtasts_show_table *table,
                        const struct mtasts_policy_counts *in,
                        const struct mtasts_policy_counts *out,
                        const struct mtasts_count **sorted) {
  size_t said = 0;
  for (size_t i = 0; i < in->used; i++) {
    if (mtasts_tally_find(out, sorted[i]->name))
      continue;
    if (said++ < CHANGES_MAX)
      mtasts_report_line(2, "%s %s: %.*s", word, table->word,
                         sorted[i]->name.len > 0 ? (int)sorted[i]->name.len : 1,
                         sorted[i]->name.len > 0 ? sorted[i]->name.data : "-");
  }
  if (said > CHANGES_MAX)
    printf("  and %zu more\n", said - CHANGES_MAX);
}

/* Names of a table that are in the one sums alone. */
static bool print_only(const char *word, enum mtasts_show_by by, const struct mtasts_sums *in,
                       const struct mtasts_sums *out) {
  const struct mtasts_policy_counts *tally = mtasts_show_tally(in, by);
  const struct mtasts_count **sorted = mtasts_tally_sorted(tally, MTASTS_LARGEST);
  if (!sorted)
    return tally->used == 0;
  print_names(word, mtasts_show_table(by), tally, mtasts_show_tally(out, by), sorted);
  free(sorted);
  return true;
}

static void print_span(const char *word, const struct mtasts_sums *sums) {
  char failed[NUMBER];
  char all[NUMBER];
  double share = share_of(sums->failed, sums->successful);
  if (sums->reports == 0)
    printf("  %-14s no report\n", word);
  else
    mtasts_report_line(2, "%-14s %s to %s: %s of %s sessions failed (%.2f %%)", word,
                       mtasts_day_text(sums->start).text, mtasts_day_text(sums->end).text,
                       grouped(sums->failed, failed),
                       grouped(mtasts_sum(sums->successful, sums->failed), all), share * 100);
}

bool mtasts_report_changes(const struct mtasts_sums *now, const struct mtasts_sums *before) {
  static const enum mtasts_show_by tables[] = {MTASTS_BY_RESULT, MTASTS_BY_REPORTER,
                                               MTASTS_BY_DOMAIN, MTASTS_BY_MX, MTASTS_BY_SOURCE};
  printf("\n%sCompared%s\n", mtasts_colour_on(MTASTS_BOLD), mtasts_colour_off(MTASTS_BOLD));
  print_span("now", now);
  print_span("before", before);
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    if (!print_only("new", tables[i], now, before) || !print_only("gone", tables[i], before, now))
      return false;
  return true;
}

/* overview */

static void print_fact(const char *name, const char *value) {
  printf("  %-14s %s\n", name, value);
}

/* A character for each day: the higher, the more of its sessions failed. */
static void print_days(const struct mtasts_count **days, size_t used) {
  static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static const char ascii[] = "_.-=+*%#";
  size_t room = mtasts_out_columns() - 18;
  double worst = 0;
  bool utf8 = utf8_terminal();
  for (size_t i = 0; i < used; i++) {
    double failed = share_of(days[i]->failed, days[i]->successful);
    worst = failed > worst ? failed : worst;
  }
  if (used < 2 || worst <= 0)
    return;
  printf("  %-14s ", "failures a day");
  for (size_t i = used > room ? used - room : 0; i < used; i++) {
    double height = share_of(days[i]->failed, days[i]->successful) / worst * 7;
    size_t step = height > 0 && height < 1 ? 1 : (size_t)height;
    printf("%.*s", utf8 ? 3 : 1, utf8 ? blocks[step] : &ascii[step]);
  }
  putchar('\n');
}

static void print_worst(const struct mtasts_count **days, size_t used) {
  char failed[NUMBER];
  char all[NUMBER];
  char line[160];
  const struct mtasts_count *worst = NULL;
  for (size_t i = 0; i < used; i++)
    if (days[i]->failed > 0 && (!worst || share_of(days[i]->failed, days[i]->successful) >
                                              share_of(worst->failed, worst->successful)))
      worst = days[i];
  if (!worst)
    return;
  double rate = share_of(worst->failed, worst->successful) * 100;
  int len = snprintf(line, sizeof line, "%.*s: %s of %s sessions failed (%.1f %%)",
                     (int)worst->name.len, worst->name.data, grouped(worst->failed, failed),
                     grouped(mtasts_sum(worst->successful, worst->failed), all), rate);
  if (FACT + (size_t)len > mtasts_out_columns())
    snprintf(line, sizeof line, "%.*s: %.1f %% failed", (int)worst->name.len, worst->name.data,
             rate);
  print_fact("worst day", line);
}

static void print_rate(const struct mtasts_sums *sums) {
  char bar[32];
  double failed = share_of(sums->failed, sums->successful);
  enum mtasts_colour colour = colour_of(failed);
  if (sums->successful == 0 && sums->failed == 0) {
    print_fact("success rate", "no session was reported");
    return;
  }
  /* 99.96 % is not 100.0 %. */
  double percent = (1 - failed) * 100;
  if (failed > 0 && percent > 99.9)
    percent = 99.9;
  printf("  %-14s %s%.1f %%%s  %s\n", "success rate", mtasts_colour_on(colour), percent,
         mtasts_colour_off(colour), mtasts_bar(1 - failed, 20, bar));
}

static void print_finding(void *context, const struct mtasts_report_finding *finding) {
  static const enum mtasts_colour colours[] = {
      [MTASTS_FINDING_GOOD] = MTASTS_GREEN,
      [MTASTS_FINDING_NOTICE] = MTASTS_YELLOW,
      [MTASTS_FINDING_PROBLEM] = MTASTS_RED,
  };
  bool *any = context;
  if (!*any)
    printf("\n%sWhat to look at%s\n", mtasts_colour_on(MTASTS_BOLD),
           mtasts_colour_off(MTASTS_BOLD));
  *any = true;
  fputs(mtasts_colour_on(colours[finding->level]), stdout);
  print_wrapped(2, finding->text);
  fputs(mtasts_colour_off(colours[finding->level]), stdout);
  if (*finding->remedy)
    print_wrapped(6, finding->remedy);
  if (finding->check.verdict)
    print_wrapped(6, finding->check.text);
}

bool mtasts_report_overview(const struct mtasts_sums *sums, uint64_t duplicates) {
  char text[NUMBER];
  char line[128];
  if (sums->reports == 0)
    return puts("No TLS report to show.") >= 0;
  const struct mtasts_count **days = mtasts_tally_sorted(&sums->days, MTASTS_BY_NAME);
  if (!days)
    return false;
  printf("%sTLS reports%s\n", mtasts_colour_on(MTASTS_BOLD), mtasts_colour_off(MTASTS_BOLD));
  snprintf(line, sizeof line, "%s to %s", mtasts_day_text(sums->start).text,
           mtasts_day_text(sums->end).text);
  print_fact("period", line);
  snprintf(line, sizeof line, "%s%s", grouped(sums->reports, text),
           duplicates > 0 ? ", duplicates left out" : "");
  print_fact("reports", line);
  print_fact("reporters", grouped(sums->reporters.used, text));
  print_fact("successful", grouped(sums->successful, text));
  print_fact("failed", grouped(sums->failed, text));
  print_rate(sums);
  print_worst(days, sums->days.used);
  print_days(days, sums->days.used);
  free(days);
  printf("\n%sFailures by result%s\n", mtasts_colour_on(MTASTS_BOLD),
         mtasts_colour_off(MTASTS_BOLD));
  if (sums->results.used == 0) {
    puts("  none");
    return mtasts_report_findings(sums, print_finding, &(bool){false});
  }
  if (!print_table(sums, MTASTS_BY_RESULT, OVERVIEW_ROWS, false))
    return false;
  puts("\n  What a result means and what to do: --by result");
  return mtasts_report_findings(sums, print_finding, &(bool){false});
}
