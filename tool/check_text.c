#include "check_text.h"

#include <string.h>

#include "check_status.h"

enum {
  INDENT = 4, /* columns */
};

/* Writes words into lines of the terminal's width. All texts are ASCII, so that a byte is a column.
 * used: columns of the line so far. */
static void print_words(const char *text, size_t len, size_t used) {
  size_t columns = mtasts_out_columns();
  bool begun = used > INDENT;
  for (size_t at = 0; at < len;) {
    size_t word = strcspn(text + at, " \n");
    if (word > len - at)
      word = len - at;
    if (begun && used + 1 + word > columns) {
      printf("\n%*s", INDENT, "");
      used = INDENT;
      begun = false;
    }
    /* A word that is longer than a line is cut where the line ends. */
    size_t part = used + begun + word > columns ? columns - used - begun : word;
    printf("%s%.*s", begun ? " " : "", (int)part, text + at);
    used += begun + part;
    begun = true;
    at += part;
    if (part < word) {
      printf("\n%*s", INDENT, "");
      used = INDENT;
      begun = false;
      continue;
    }
    at += strspn(text + at, " ");
  }
  putchar('\n');
}

/* Each line of the text begins a line. */
static void print_lines(const char *text, const char *lead) {
  for (bool more = true; more;) {
    size_t len = strcspn(text, "\n");
    printf("%*s%s", INDENT, "", lead);
    print_words(text, len, INDENT + strlen(lead));
    more = text[len] != '\0';
    text += len + more;
    lead = "";
  }
}

static void print_finding(const struct mtasts_finding *finding) {
  enum mtasts_colour colour = mtasts_severity_colour(finding->severity);
  char line[32] = "";
  const char *severity = mtasts_severity_name(finding->severity);
  if (finding->line > 0)
    snprintf(line, sizeof line, ", line %u", finding->line);
  printf("  %s%s%s %s%s%s\n", mtasts_colour_on(colour), severity, mtasts_colour_off(colour),
         mtasts_colour_on(MTASTS_BOLD), finding->id, mtasts_colour_off(MTASTS_BOLD));
  char where[1024];
  snprintf(where, sizeof where, "%s%s", finding->subject, line);
  print_lines(where, "at:");
  print_lines(finding->message, "");
  if (*finding->remedy)
    print_lines(finding->remedy, "To do:");
}

void mtasts_check_text(const struct mtasts_domain *domains,
                       const struct mtasts_check_results *results) {
  for (size_t i = 0; i < results->count; i++) {
    const struct mtasts_findings *findings = &results->findings[i];
    if (results->firsts[i] != i)
      continue;
    printf("\n%s%s%s\n", mtasts_colour_on(MTASTS_BOLD), domains[i].name,
           mtasts_colour_off(MTASTS_BOLD));
    for (size_t k = 0; k < findings->count; k++)
      print_finding(&findings->items[k]);
    if (findings->count == 0)
      puts("  All is well.");
  }
}
