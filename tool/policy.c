/*
 * mtasts policy parse, match, new: policy bodies (RFC 8461 section 3.2).
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "input.h"
#include "json.h"
#include "out.h"
#include "printable.h"

enum {
  MAX_AGE_DEFAULT =
      604800, /* seconds; RFC 8461 section 3.2 recommends weeks, and its example has one */
};

/* A policy body and its parsed form. */
struct parsed {
  char *body;
  unsigned char *store;
  struct mtasts_policy policy;
  struct mtasts_policy_report report;
};

static void parsed_free(struct parsed *parsed) {
  free(parsed->body);
  free(parsed->store);
}

static enum mtasts_status parse(struct parsed *parsed, size_t size) {
  parsed->store = malloc(size + 1);
  if (!parsed->store)
    return MTASTS_NO_MEMORY;
  return mtasts_policy_parse((struct mtasts_span){parsed->body, size}, parsed->store,
                             &parsed->policy, &parsed->report);
}

/* Prints an error, unless quiet. */
static int parse_failed(const struct mtasts_options *options, const char *name,
                        enum mtasts_status status, const struct mtasts_policy_diagnostic *error) {
  if (status == MTASTS_NO_MEMORY) {
    mtasts_print_error(name, "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  const char *why = error->text ? error->text : mtasts_status_name(status);
  if (options->json) {
    int code = mtasts_json_print(
        json_pack("{s:b,s:s,s:I}", "valid", 0, "error", why, "line", (json_int_t)error->line));
    return code == MTASTS_EXIT_OK ? MTASTS_EXIT_DATA : code;
  }
  if (error->line > 0)
    mtasts_print_error(name, "line %u: %s", error->line, why);
  else
    mtasts_print_error(name, "%s", why);
  return MTASTS_EXIT_DATA;
}

/* Reads and parses a file; returns an exit code. */
static int load(const struct mtasts_options *options, const char *path, struct parsed *parsed) {
  size_t size;
  int code = mtasts_input_all(path, MTASTS_POLICY_MAX, &parsed->body, &size);
  if (code != MTASTS_EXIT_OK)
    return code;
  enum mtasts_status status = parse(parsed, size);
  if (status != MTASTS_OK)
    return parse_failed(options, mtasts_input_name(path), status, &parsed->report.error);
  return MTASTS_EXIT_OK;
}

static size_t kept_warnings(const struct mtasts_policy_report *report) {
  return report->warning_count < MTASTS_WARNINGS_MAX ? report->warning_count : MTASTS_WARNINGS_MAX;
}

static json_t *policy_json(const struct parsed *parsed) {
  json_t *mx = json_array();
  json_t *warnings = json_array();
  struct mtasts_span name;
  for (size_t cursor = 0; mtasts_names_next(&parsed->policy.mx, &cursor, &name);)
    json_array_append_new(mx, json_stringn(name.data, name.len));
  for (size_t i = 0; i < kept_warnings(&parsed->report); i++)
    json_array_append_new(warnings, json_pack("{s:I,s:s}", "line",
                                              (json_int_t)parsed->report.warnings[i].line, "text",
                                              parsed->report.warnings[i].text));
  return json_pack("{s:b,s:s,s:s,s:I,s:o,s:o}", "valid", 1, "version", "STSv1", "mode",
                   mtasts_mode_name(parsed->policy.mode), "max_age",
                   (json_int_t)parsed->policy.max_age, "mx", mx, "warnings", warnings);
}

static void print_policy(const struct parsed *parsed) {
  char words[MTASTS_OUT_TEXT_MAX];
  struct mtasts_span name;
  const char *label = "mx:";
  printf("%svalid%s\nmode:     %s\nmax_age:  %u (%s)\n", mtasts_colour_on(MTASTS_GREEN),
         mtasts_colour_off(MTASTS_GREEN), mtasts_mode_name(parsed->policy.mode),
         parsed->policy.max_age, mtasts_duration(parsed->policy.max_age, words));
  for (size_t cursor = 0; mtasts_names_next(&parsed->policy.mx, &cursor, &name); label = "")
    printf("%-9s %.*s\n", label, (int)name.len, name.data);
  for (size_t i = 0; i < kept_warnings(&parsed->report); i++)
    printf("%swarning:  line %u: %s%s\n", mtasts_colour_on(MTASTS_YELLOW),
           parsed->report.warnings[i].line, parsed->report.warnings[i].text,
           mtasts_colour_off(MTASTS_YELLOW));
  if (parsed->report.warning_count > MTASTS_WARNINGS_MAX)
    printf("and %zu warnings more\n", parsed->report.warning_count - MTASTS_WARNINGS_MAX);
}

static int run_parse(const struct mtasts_options *options) {
  struct parsed parsed = {0};
  int code =
      load(options, options->arguments.count > 0 ? options->arguments.items[0] : NULL, &parsed);
  if (code == MTASTS_EXIT_OK && options->json)
    code = mtasts_json_print(policy_json(&parsed));
  else if (code == MTASTS_EXIT_OK)
    print_policy(&parsed);
  parsed_free(&parsed);
  return code;
}

/* The command match */

static int print_match(const struct mtasts_options *options, const char *host,
                       struct mtasts_span pattern) {
  struct mtasts_span text = {host, strlen(host)};
  bool match = pattern.data != NULL;
  if (options->json)
    return mtasts_json_print(
        json_pack("{s:o,s:b,s:o}", "host", mtasts_json_text(text), "match", match, "pattern",
                  match ? json_stringn(pattern.data, pattern.len) : json_null()));
  enum mtasts_colour colour = match ? MTASTS_GREEN : MTASTS_RED;
  char shown[1024];
  mtasts_printable(text, shown, sizeof shown);
  printf("%s%s%s %s", mtasts_colour_on(colour), mtasts_yes_mark(match), mtasts_colour_off(colour),
         shown);
  if (match)
    printf(" matches %.*s\n", (int)pattern.len, pattern.data);
  else
    printf(" matches no mx pattern\n");
  return MTASTS_EXIT_OK;
}

static int run_match(const struct mtasts_options *options) {
  struct parsed parsed = {0};
  bool all = true;
  int code = load(options, options->arguments.items[0], &parsed);
  for (size_t i = 1; i < options->arguments.count && code == MTASTS_EXIT_OK; i++) {
    const char *host = options->arguments.items[i];
    struct mtasts_span pattern =
        mtasts_mx_match(&parsed.policy.mx, (struct mtasts_span){host, strlen(host)});
    all = all && pattern.data;
    code = print_match(options, host, pattern);
  }
  parsed_free(&parsed);
  return code == MTASTS_EXIT_OK && !all ? MTASTS_EXIT_NO : code;
}

/* The command new */

/* Is this a mode of RFC 8461? */
static bool mode_known(const char *mode) {
  static const enum mtasts_mode modes[] = {MTASTS_MODE_NONE, MTASTS_MODE_TESTING,
                                           MTASTS_MODE_ENFORCE};
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(mode, mtasts_mode_name(modes[i])) == 0)
      return true;
  return false;
}

/* Checks the options; returns an exit code. */
static int check_new(const struct mtasts_options *options, unsigned long *max_age) {
  if (!options->mode) {
    mtasts_print_error("policy new", "--mode is missing: enforce, testing or none");
    return MTASTS_EXIT_USAGE;
  }
  if (!mode_known(options->mode)) {
    mtasts_print_error(options->mode, "no such mode; it is enforce, testing or none");
    return MTASTS_EXIT_DATA;
  }
  if (options->mx.count == 0 && strcmp(options->mode, mtasts_mode_name(MTASTS_MODE_NONE)) != 0) {
    mtasts_print_error("policy new", "mode %s needs --mx, with your MX hosts or *.patterns",
                       options->mode);
    return MTASTS_EXIT_USAGE;
  }
  if (options->max_age && !mtasts_number_read(options->max_age, 0, MTASTS_MAX_AGE_MAX, max_age)) {
    mtasts_print_error(options->max_age, "--max-age is 0 to %u seconds", MTASTS_MAX_AGE_MAX);
    return MTASTS_EXIT_DATA;
  }
  return MTASTS_EXIT_OK;
}

/* Writes the policy's lines in the order of RFC 8461's example; returns an exit code. */
static int write_new(const struct mtasts_options *options, unsigned long max_age, FILE *out) {
  fprintf(out, "version: STSv1\nmode: %s\n", options->mode);
  for (size_t i = 0; i < options->mx.count; i++) {
    const char *text = options->mx.items[i];
    char pattern[MTASTS_DOMAIN_MAX];
    size_t len = mtasts_mx_pattern((struct mtasts_span){text, strlen(text)}, pattern);
    if (len == 0) {
      mtasts_print_error(text,
                         "not an mx pattern: write mx.example.com or *.example.com, in A-labels");
      return MTASTS_EXIT_DATA;
    }
    fprintf(out, "mx: %.*s\n", (int)len, pattern);
  }
  fprintf(out, "max_age: %lu\n", max_age);
  return MTASTS_EXIT_OK;
}

/* The JSON of `policy parse`, and the file itself. */
static int print_new_json(const struct parsed *parsed, size_t size) {
  json_t *value = policy_json(parsed);
  if (value && json_object_set_new(value, "text", json_stringn(parsed->body, size)) != 0) {
    json_decref(value);
    value = NULL;
  }
  return mtasts_json_print(value);
}

static int run_new(const struct mtasts_options *options) {
  struct parsed parsed = {0};
  unsigned long max_age = MAX_AGE_DEFAULT;
  size_t size = 0;
  int code = check_new(options, &max_age);
  if (code != MTASTS_EXIT_OK)
    return code;
  FILE *out = open_memstream(&parsed.body, &size);
  if (!out) {
    mtasts_print_error("policy new", "out of memory");
    return MTASTS_EXIT_MEMORY;
  }
  code = write_new(options, max_age, out);
  fclose(out);
  if (code == MTASTS_EXIT_OK) {
    /* A printed policy has passed the same parser that senders of our kind use. */
    enum mtasts_status status = parse(&parsed, size);
    if (status != MTASTS_OK)
      code = parse_failed(options, "policy new", status, &parsed.report.error);
    else if (options->json)
      code = print_new_json(&parsed, size);
    else
      fwrite(parsed.body, 1, size, stdout);
  }
  parsed_free(&parsed);
  return code;
}

const struct mtasts_command mtasts_command_policy_parse = {
    .name = "policy parse",
    .arguments = "[FILE]",
    .summary = "Checks a policy file; lists errors and warnings by line",
    .help = "Reads standard input without FILE, or if it is \"-\".\n"
            "Exit 65 if the policy is invalid.\n\n"
            "Examples:\n"
            "  mtasts policy parse mta-sts.txt\n"
            "  curl -s https://mta-sts.example.com/.well-known/mta-sts.txt | mtasts policy parse\n",
    .least = 0,
    .max = 1,
    .run = run_parse,
};

const struct mtasts_command mtasts_command_policy_match = {
    .name = "policy match",
    .arguments = "FILE HOST...",
    .summary = "Compares MX hosts with a policy's mx patterns",
    .help = "FILE may be \"-\" for standard input. Exit 0 if all hosts match, else 1.\n\n"
            "Examples:\n"
            "  mtasts policy match mta-sts.txt mx1.example.com mx2.example.com\n",
    .least = 2,
    .max = SIZE_MAX,
    .run = run_match,
};

const struct mtasts_command mtasts_command_policy_new = {
    .name = "policy new",
    .arguments = "--mode enforce|testing|none [--mx PATTERN...]... [--max-age SECONDS]",
    .summary = "Prints a valid policy file",
    .help = "  --mode MODE        enforce, testing or none\n"
            "  --mx PATTERN...      MX hosts, or *.domain for all names one label below\n"
            "  --max-age SECONDS  how long senders may keep the policy (604800: a week)\n\n"
            "Examples:\n"
            "  mtasts policy new --mode testing --mx mx1.example.com mx2.example.com\n"
            "  mtasts policy new --mode enforce --mx '*.mail.example.com' --max-age 2592000\n",
    .least = 0,
    .max = 0,
    .run = run_new,
};
