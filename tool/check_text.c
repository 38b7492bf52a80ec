#include "check_text.h"

#include <string.h>

#include "check_status.h"

enum {
  INDENT = 4, /* columns */
};

/* Writes words into lines of the terminal's width. A word that is longer than a line is not cut: it
 * may be a URL. used: columns of the line so far. */
static void print_words(const char *text, size_t len, size_t used) {
  size_t columns = mtasts_out_columns();
  bool begun = used > INDENT;
  for (size_t at = 0; at < len;) {
    size_t word = strcspn(text + at, " \n");
    if (word > len - at)
      word = len - at;
    size_t width = mtasts_check_columns(text + at, word);
    if (begun && used + 1 + width > columns) {
      printf("\n%*s", INDENT, "");
      used = INDENT;
      begun = false;
    }
    fputs(begun ? " " : "", stdout);
    mtasts_check_put(text + at, word);
    used += begun + width;
    begun = true;
    at += word;
    at += strspn(text + at, " ");
  }
  putchar('\n');
}

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* Is this line meant to be pasted: a DNS record ("NAME. IN TYPE DATA"), the text of one, a line of
 * a policy? Then it stays whole. */
static bool is_pasted(const char *line) {
  static const char *const fields[] = {"version: ", "mode: ", "max_age: ", "mx: "};
  size_t name = strcspn(line, " \n");
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (begins(line, fields[i]))
      return true;
  return *line == '"' || (name > 0 && line[name - 1] == '.' && begins(line + name, " IN "));
}

/* Each line of the text begins a line. */
static void print_lines(const char *text, const char *lead) {
  for (bool more = true; more;) {
    size_t len = strcspn(text, "\n");
    printf("%*s%s", INDENT, "", lead);
    if (!*lead && is_pasted(text)) {
      mtasts_check_put(text, len);
      putchar('\n');
    } else {
      print_words(text, len, INDENT + strlen(lead));
    }
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
