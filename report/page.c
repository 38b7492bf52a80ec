#include "page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "advice.h"
#include "check_note.h"
#include "findings.h"
#include "instant.h"
#include "page_style.h"
#include "rfc3339.h"
#include "safe_text.h"
#include "show.h"

enum {
  CHART_WIDTH = 1000, /* units of the drawing, which is stretched to the page */
  CHART_HEIGHT = 200,
  CALENDAR_DAYS = 800, /* in a longer period, days without a report take no room */
  ROWS_MAX = 1000,
};

/* text */

static void put_text(FILE *stream, struct mtasts_span text) {
  while (text.len > 0) {
    struct mtasts_safe_char next = mtasts_safe_take(&text);
    switch (next.code) {
    case '&':
      fputs("&amp;", stream);
      break;
    case '<':
      fputs("&lt;", stream);
      break;
    case '>':
      fputs("&gt;", stream);
      break;
    case '"':
      fputs("&quot;", stream);
      break;
    case '\'':
      fputs("&#39;", stream);
      break;
    default:
      fwrite(next.bytes, 1, next.len, stream);
    }
  }
}

static void put(FILE *stream, const char *text) {
  put_text(stream, (struct mtasts_span){text, strlen(text)});
}

static void put_name(FILE *stream, struct mtasts_span name) {
  if (name.len > 0)
    put_text(stream, name);
  else
    fputs("<i>not named</i>", stream);
}

/* With a comma between thousands. */
static void put_number(FILE *stream, uint64_t number) {
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0)
      putc(',', stream);
    putc(digits[i], stream);
  }
}

static double share_of(uint64_t part, uint64_t rest) {
  double all = (double)part + (double)rest;
  return all > 0 ? (double)part / all : 0;
}

/* 99.96 % is not 100.0 %. */
static double percent_of(uint64_t successful, uint64_t failed) {
  double percent = share_of(successful, failed) * 100;
  return failed > 0 && percent > 99.9 ? 99.9 : percent;
}

/* head and verdict */

static void put_head(FILE *stream, const struct mtasts_page *page) {
  fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n"
        "<meta http-equiv=\"Content-Security-Policy\" "
        "content=\"default-src 'none'; style-src 'unsafe-inline'\" />\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
        "<meta name=\"robots\" content=\"noindex\" />\n<title>TLS reports",
        stream);
  if (*page->title) {
    fputs(" of ", stream);
    put(stream, page->title);
  }
  fprintf(stream, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", mtasts_page_style);
}

static void put_verdict(FILE *stream, const struct mtasts_page *page) {
  const struct mtasts_sums *sums = page->sums;
  bool any = sums->successful > 0 || sums->failed > 0;
  fputs("<h1>Was mail", stream);
  if (*page->title) {
    fputs(" for ", stream);
    put(stream, page->title);
  }
  fprintf(stream, " protected by TLS?</h1>\n<p class=\"verdict%s\">",
          sums->failed > 0 ? " bad" : "");
  if (!any) {
    fputs("No session was reported.", stream);
  } else if (sums->failed == 0) {
    fputs("Yes: all ", stream);
    put_number(stream, sums->successful);
    fputs(" reported sessions were.", stream);
  } else {
    fprintf(stream,
            "%.1f %% of the reported sessions were: ", percent_of(sums->successful, sums->failed));
    put_number(stream, sums->failed);
    fputs(" failed, ", stream);
    put_number(stream, sums->successful);
    fputs(" succeeded.", stream);
  }
  fputs("</p>\n", stream);
}

static void put_fact(FILE *stream, const char *name, uint64_t number) {
  fprintf(stream, "<div><dt>%s</dt><dd>", name);
  put_number(stream, number);
  fputs("</dd></div>\n", stream);
}

static void put_facts(FILE *stream, const struct mtasts_page *page) {
  const struct mtasts_sums *sums = page->sums;
  if (sums->reports > 0)
    fprintf(stream, "<p class=\"dim\">%s to %s, UTC</p>\n", mtasts_day_text(sums->start).text,
            mtasts_day_text(sums->end).text);
  fputs("<dl class=\"facts\">\n", stream);
  put_fact(stream, "reports", sums->reports);
  put_fact(stream, "reporters", sums->reporters.used);
  put_fact(stream, "successful sessions", sums->successful);
  put_fact(stream, "failed sessions", sums->failed);
  fputs("</dl>\n", stream);
}

/* findings */

static void put_advice(FILE *stream, const char *text) {
  fputs("<span class=\"advice\">", stream);
  put(stream, text);
  fputs("</span>", stream);
}

static void put_finding(void *context, const struct mtasts_report_finding *finding) {
  FILE *stream = context;
  fprintf(stream, "<li class=\"%s\">", mtasts_finding_level_name(finding->level));
  put(stream, finding->text);
  if (*finding->remedy)
    put_advice(stream, finding->remedy);
  if (finding->check.verdict)
    put_advice(stream, finding->check.text);
  fputs("</li>\n", stream);
}

static void count_finding(void *context, const struct mtasts_report_finding *finding) {
  (void)finding;
  ++*(size_t *)context;
}

static bool put_findings(FILE *stream, const struct mtasts_sums *sums) {
  size_t count = 0;
  if (!mtasts_report_findings(sums, count_finding, &count))
    return false;
  if (count == 0)
    return true;
  fputs("<h2>What to look at</h2>\n<ul class=\"findings\">\n", stream);
  bool done = mtasts_report_findings(sums, put_finding, stream);
  fputs("</ul>\n", stream);
  return done;
}

/* the charts */

struct chart {
  const struct mtasts_count **days;
  size_t count;
  int64_t slots; /* days that take room */
  bool calendar; /* days without a report take room too */
  double most;   /* sessions of the largest day */
  double worst;  /* the largest share that failed in a day */
};

static struct chart chart_of(const struct mtasts_count **days, size_t count) {
  struct chart chart = {.days = days, .count = count, .slots = (int64_t)count};
  for (size_t i = 0; i < count; i++) {
    double all = (double)days[i]->successful + (double)days[i]->failed;
    double share = share_of(days[i]->failed, days[i]->successful);
    chart.most = all > chart.most ? all : chart.most;
    chart.worst = share > chart.worst ? share : chart.worst;
  }
  if (count > 0) {
    int64_t span = (days[count - 1]->first - days[0]->first) / MTASTS_DAY_SECONDS + 1;
    chart.calendar = span <= CALENDAR_DAYS;
    chart.slots = chart.calendar ? span : chart.slots;
  }
  return chart;
}

/* A part of the largest value as a height: none is 0, any is seen. */
static double height_of(double value, double largest) {
  if (value <= 0 || largest <= 0)
    return 0;
  double height = value / largest * CHART_HEIGHT;
  return height < 2 ? 2 : height;
}

static double step_of(const struct chart *chart) {
  return (double)CHART_WIDTH / (double)chart->slots;
}

static double place_of(const struct chart *chart, size_t i) {
  int64_t slot = chart->calendar
                     ? (chart->days[i]->first - chart->days[0]->first) / MTASTS_DAY_SECONDS
                     : (int64_t)i;
  return (double)slot * step_of(chart);
}

static void put_mark(FILE *stream, const struct chart *chart, size_t i, const char *kind,
                     double bottom, double height) {
  double width = step_of(chart) > 3 ? step_of(chart) * 0.86 : step_of(chart);
  fprintf(stream, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" />",
          kind, place_of(chart, i), CHART_HEIGHT - bottom - height, width, height);
}

static void put_day(FILE *stream, const struct chart *chart, size_t i) {
  const struct mtasts_count *day = chart->days[i];
  double good = height_of((double)day->successful, chart->most);
  double bad = height_of((double)day->failed, chart->most);
  if (good + bad > CHART_HEIGHT)
    good = CHART_HEIGHT - bad;
  fprintf(stream, "<g class=\"day\"><title>%.*s: ", (int)day->name.len, day->name.data);
  put_number(stream, day->successful);
  fputs(" successful, ", stream);
  put_number(stream, day->failed);
  fputs(" failed</title>", stream);
  put_mark(stream, chart, i, "good", 0, good);
  put_mark(stream, chart, i, "bad", good, bad);
  fputs("</g>\n", stream);
}

static void put_failed_day(FILE *stream, const struct chart *chart, size_t i) {
  const struct mtasts_count *day = chart->days[i];
  double share = share_of(day->failed, day->successful);
  fprintf(stream, "<g><title>%.*s: %.2f %% failed</title>", (int)day->name.len, day->name.data,
          share * 100);
  put_mark(stream, chart, i, "bad", 0, height_of(share, chart->worst));
  fputs("</g>\n", stream);
}

/* name: its accessible name, which needs no escapes. */
static void begin_drawing(FILE *stream, const char *name) {
  fprintf(stream,
          "<svg role=\"img\" aria-label=\"%s\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" "
          "xmlns=\"http://www.w3.org/2000/svg\">\n",
          name, CHART_WIDTH, CHART_HEIGHT);
}

/* The first and the last day, and what stands between them. */
static void put_ends(FILE *stream, const struct chart *chart, const char *between) {
  const struct mtasts_count *first = chart->days[0];
  const struct mtasts_count *last = chart->days[chart->count - 1];
  fprintf(stream, "<p class=\"ends\"><span>%.*s</span><span>%s</span><span>%.*s</span></p>\n",
          (int)first->name.len, first->name.data, between, (int)last->name.len, last->name.data);
}

static void put_session_chart(FILE *stream, const struct chart *chart) {
  char name[128];
  snprintf(name, sizeof name, "Sessions a day, %zu days, at most %.0f sessions in one",
           chart->count, chart->most);
  fputs("<h2>Sessions a day</h2>\n", stream);
  begin_drawing(stream, name);
  for (size_t i = 0; i < chart->count; i++)
    put_day(stream, chart, i);
  fputs("</svg>\n", stream);
  if (chart->count == 0)
    return;
  put_ends(stream, chart,
           "<span class=\"key g\"></span>successful<span class=\"key b\"></span>failed");
}

/* The few sessions that fail are not seen beside those that succeed. */
static void put_failure_chart(FILE *stream, const struct chart *chart) {
  char most[64];
  char name[128];
  if (chart->count == 0 || chart->worst <= 0)
    return;
  snprintf(most, sizeof most, "at most %.2f %% in a day", chart->worst * 100);
  fputs("<h2>Share of sessions that failed, a day</h2>\n", stream);
  snprintf(name, sizeof name, "Share of sessions that failed, a day: %s", most);
  begin_drawing(stream, name);
  for (size_t i = 0; i < chart->count; i++)
    put_failed_day(stream, chart, i);
  fputs("</svg>\n", stream);
  put_ends(stream, chart, most);
}

static bool put_charts(FILE *stream, const struct mtasts_sums *sums) {
  const struct mtasts_count **days = mtasts_tally_sorted(&sums->days, MTASTS_BY_NAME);
  if (!days && sums->days.used > 0)
    return false;
  struct chart chart = chart_of(days, days ? sums->days.used : 0);
  put_session_chart(stream, &chart);
  put_failure_chart(stream, &chart);
  free(days);
  return true;
}

/* tables */

static void put_bar(FILE *stream, double share, bool good) {
  fprintf(stream,
          "<td class=\"w\"><span class=\"bar%s\"><span style=\"width:%.1f%%\"></span></span></td>",
          good ? " g" : "", share * 100);
}

static void put_row(FILE *stream, const struct mtasts_sums *sums,
                    const struct mtasts_show_table *table, const struct mtasts_count *count,
                    uint64_t total) {
  fputs("<tr><th scope=\"row\">", stream);
  put_name(stream, count->name);
  struct mtasts_advice result;
  if (strcmp(table->word, "result") == 0 && mtasts_advice_find(count->name, &result)) {
    fputs("<span class=\"advice\">", stream);
    put(stream, result.meaning);
    putc(' ', stream);
    put(stream, result.remedy);
    fputs("</span>", stream);
    struct mtasts_check_note note;
    if (mtasts_check_note(sums, NULL, count->name, &note))
      put_advice(stream, note.text);
  }
  struct mtasts_span name = strcmp(table->word, "source") == 0
                                ? mtasts_address_name(sums->names, count->name)
                                : (struct mtasts_span){"", 0};
  if (name.len > 0) {
    fputs("<span class=\"advice\">", stream);
    put_text(stream, name);
    fputs("</span>", stream);
  }
  fputs("</th>", stream);
  if (!table->details) {
    fputs("<td class=\"n\">", stream);
    put_number(stream, count->successful);
    fputs("</td>", stream);
  }
  fputs("<td class=\"n\">", stream);
  put_number(stream, count->failed);
  double share = table->details ? (total > 0 ? (double)count->failed / (double)total : 0)
                                : share_of(count->successful, count->failed);
  double percent = table->details ? share * 100 : percent_of(count->successful, count->failed);
  fprintf(stream, "</td><td class=\"n\">%.1f %%</td>", percent);
  put_bar(stream, share, !table->details);
  fputs("</tr>\n", stream);
}

static void put_columns(FILE *stream, const struct mtasts_show_table *table, const char *heading) {
  fprintf(stream,
          "<div class=\"scroll\"><table aria-label=\"%s\">\n<thead><tr><th scope=\"col\">%s</th>",
          heading, table->title);
  if (!table->details)
    fputs("<th scope=\"col\" class=\"n\">successful</th>", stream);
  fprintf(
      stream,
      "<th scope=\"col\" class=\"n\">%s</th><th scope=\"col\" class=\"n\">%s</th>"
      "<th scope=\"col\" class=\"w\"><span class=\"dim\">%s</span></th></tr></thead>\n<tbody>\n",
      table->details ? "sessions" : "failed", table->details ? "share" : "rate",
      table->details ? "of all failures" : "successful");
}

static bool put_table(FILE *stream, const struct mtasts_sums *sums, enum mtasts_show_by by,
                      const char *heading) {
  const struct mtasts_show_table *table = mtasts_show_table(by);
  const struct mtasts_policy_counts *tally = mtasts_show_tally(sums, by);
  const struct mtasts_count **counts = mtasts_tally_sorted(tally, table->order);
  uint64_t total = 0;
  if (!counts && tally->used > 0)
    return false;
  for (size_t i = 0; i < tally->used; i++)
    total = mtasts_sum(total, counts[i]->failed);
  fprintf(stream, "<h2>%s</h2>\n", heading);
  put_columns(stream, table, heading);
  for (size_t i = 0; i < tally->used && i < ROWS_MAX; i++)
    put_row(stream, sums, table, counts[i], total);
  fputs("</tbody>\n</table></div>\n", stream);
  if (tally->used == 0)
    fputs("<p class=\"dim\">None.</p>\n", stream);
  if (tally->used > ROWS_MAX)
    fprintf(stream, "<p class=\"dim\">and %zu more</p>\n", tally->used - ROWS_MAX);
  free(counts);
  return true;
}

/* Only if the receiving host says anything of signatures. */
static bool put_signatures(FILE *stream, const struct mtasts_sums *sums) {
  const struct mtasts_policy_counts *tally = &sums->signatures;
  const struct mtasts_count **counts = mtasts_tally_sorted(tally, MTASTS_LARGEST);
  if (!counts)
    return tally->used == 0;
  fputs("<h2>Signatures of reports</h2>\n<div class=\"scroll\"><table aria-label=\"Signatures of "
        "reports\">\n<thead><tr><th scope=\"col\">Reporter</th>"
        "<th scope=\"col\">signed by</th><th scope=\"col\" class=\"n\">signed</th>"
        "<th scope=\"col\" class=\"n\">not signed</th></tr></thead>\n<tbody>\n",
        stream);
  for (size_t i = 0; i < tally->used && i < ROWS_MAX; i++) {
    fputs("<tr><th scope=\"row\">", stream);
    put_name(stream, mtasts_count_part(counts[i], 0));
    fputs("</th><td>", stream);
    put_text(stream, mtasts_count_part(counts[i], 1));
    fputs("</td><td class=\"n\">", stream);
    put_number(stream, counts[i]->successful);
    fputs("</td><td class=\"n\">", stream);
    put_number(stream, counts[i]->failed);
    fputs("</td></tr>\n", stream);
  }
  fputs("</tbody>\n</table></div>\n", stream);
  free(counts);
  return true;
}

static void put_end(FILE *stream, const struct mtasts_page *page) {
  char made[MTASTS_RFC3339_SIZE];
  mtasts_rfc3339_format(page->now, made);
  fprintf(stream,
          "<p class=\"dim\">From TLS reports (RFC 8460) that other mail servers sent. "
          "%" PRIu64 " duplicates left out, %" PRIu64 " inputs were no report. "
          "Made %s by mtasts %s.</p>\n</main>\n</body>\n</html>\n",
          page->duplicates, page->rejected, made, MTASTS_VERSION);
}

bool mtasts_page_write(FILE *stream, const struct mtasts_page *page) {
  static const struct {
    enum mtasts_show_by by;
    const char *heading;
  } tables[] = {
      {MTASTS_BY_RESULT, "Failures by result"},
      {MTASTS_BY_SOURCE, "Failures by sending address"},
      {MTASTS_BY_REPORTER, "Reporters"},
      {MTASTS_BY_MX, "Failures by MX host"},
      {MTASTS_BY_DAY, "Days"},
      {MTASTS_BY_DOMAIN, "Domains"},
  };
  put_head(stream, page);
  put_verdict(stream, page);
  put_facts(stream, page);
  if (!put_findings(stream, page->sums) || !put_charts(stream, page->sums))
    return false;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    if (!put_table(stream, page->sums, tables[i].by, tables[i].heading))
      return false;
  if (!put_signatures(stream, page->sums))
    return false;
  put_end(stream, page);
  return true;
}

bool mtasts_page_index(FILE *stream, const struct mtasts_page *page,
                       const struct mtasts_page_link *links, size_t count) {
  put_head(stream, page);
  put_verdict(stream, page);
  put_facts(stream, page);
  if (!put_findings(stream, page->sums) || !put_charts(stream, page->sums))
    return false;
  fputs("<h2>Domains</h2>\n<div class=\"scroll\"><table aria-label=\"Domains\">\n<thead><tr><th "
        "scope=\"col\">Domain</th><th scope=\"col\" "
        "class=\"n\">successful</th><th scope=\"col\" class=\"n\">failed</th><th scope=\"col\" "
        "class=\"n\">rate</th><th scope=\"col\" class=\"w\"><span class=\"dim\">successful</span>"
        "</th></tr></thead>\n<tbody>\n",
        stream);
  for (size_t i = 0; i < count; i++) {
    fprintf(stream, "<tr><th scope=\"row\"><a href=\"%s\">", links[i].file);
    put_name(stream, links[i].domain->name);
    fputs("</a></th><td class=\"n\">", stream);
    put_number(stream, links[i].domain->successful);
    fputs("</td><td class=\"n\">", stream);
    put_number(stream, links[i].domain->failed);
    fprintf(stream, "</td><td class=\"n\">%.1f %%</td>",
            percent_of(links[i].domain->successful, links[i].domain->failed));
    put_bar(stream, share_of(links[i].domain->successful, links[i].domain->failed), true);
    fputs("</tr>\n", stream);
  }
  fputs("</tbody>\n</table></div>\n", stream);
  put_end(stream, page);
  return true;
}
