/*
 * mtasts check: do MTA-STS, TLS-RPT and the mail servers of a domain work?
 */
#include <stdlib.h>
#include <string.h>

#include "check_status.h"
#include "check_text.h"
#include "command.h"
#include "idn.h"
#include "json.h"
#include "progress.h"

enum {
  TIMEOUT = 30,       /* seconds */
  TIMEOUT_MAX = 3600, /* seconds */
  HELO_MAX = 255,     /* bytes: RFC 5321 section 4.5.3.1.2 */
};

/* reading the command line: each prints an error and returns false if it is wrong */

static bool read_expect(const char *text, struct mtasts_check_request *request) {
  if (!text)
    return true;
  request->has_expect = true;
  for (int mode = MTASTS_MODE_NONE; mode <= MTASTS_MODE_ENFORCE; mode++)
    if (strcmp(text, mtasts_mode_name((enum mtasts_mode)mode)) == 0) {
      request->expect = (enum mtasts_mode)mode;
      return true;
    }
  mtasts_print_error(text, "--expect is enforce, testing or none");
  return false;
}

static bool read_timeout(const char *text, struct mtasts_check_request *request) {
  unsigned long seconds = TIMEOUT;
  if (text && !mtasts_number_read(text, 1, TIMEOUT_MAX, &seconds)) {
    mtasts_print_error(text, "--timeout is 1 to %d seconds", TIMEOUT_MAX);
    return false;
  }
  request->timeout = (uint32_t)seconds;
  return true;
}

/* A host name, or an address literal in brackets (RFC 5321 section 4.1.3). */
static bool read_helo(const char *text, struct mtasts_check_request *request) {
  struct mtasts_domain domain;
  request->helo = text;
  if (!text)
    return true;
  size_t len = strlen(text);
  bool literal = len > 2 && text[0] == '[' && text[len - 1] == ']' &&
                 strspn(text + 1, "0123456789abcdefABCDEF.:IPv") == len - 2;
  bool name = !strpbrk(text, "[]:") &&
              mtasts_domain_parse((struct mtasts_span){text, len}, &domain) == MTASTS_OK;
  if (len <= HELO_MAX && (literal || name))
    return true;
  mtasts_print_error(text, "--helo is a host name, or an address as in [192.0.2.1]");
  return false;
}

static bool read_domains(const struct mtasts_options *options, struct mtasts_domain *domains) {
  for (size_t i = 0; i < options->arguments.count; i++) {
    const char *text = options->arguments.items[i];
    if (strpbrk(text, "[]:") || mtasts_domain_from_text((struct mtasts_span){text, strlen(text)},
                                                        &domains[i]) != MTASTS_OK) {
      mtasts_print_error(text, "not a domain");
      return false;
    }
  }
  return true;
}

/* output */

static json_t *finding_json(const struct mtasts_finding *finding) {
  json_t *value =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "id", finding->id, "severity",
                mtasts_severity_name(finding->severity), "subject", finding->subject, "message",
                finding->message, "remedy", finding->remedy, "rfc", finding->rfc);
  if (finding->line > 0)
    json_object_set_new(value, "line", json_integer(finding->line));
  if (finding->result_type)
    json_object_set_new(value, "result_type", json_string(finding->result_type));
  return value;
}

static int print_json(const struct mtasts_domain *domains,
                      const struct mtasts_check_results *results) {
  int code = MTASTS_EXIT_OK;
  for (size_t i = 0; i < results->count && code == MTASTS_EXIT_OK; i++) {
    const struct mtasts_findings *findings = mtasts_check_results_at(results, i);
    json_t *list = json_array();
    for (size_t k = 0; k < findings->count; k++)
      json_array_append_new(list, finding_json(&findings->items[k]));
    code = mtasts_json_print(json_pack("{s:s, s:s, s:o}", "domain", domains[i].name, "status",
                                       mtasts_check_status(findings), "findings", list));
  }
  return code;
}

static int check(const struct mtasts_check_request *request) {
  struct mtasts_check_results results;
  double started = mtasts_seconds();
  int code = mtasts_check_run(request, &results);
  if (code != MTASTS_EXIT_OK)
    return mtasts_check_unusable(request->options->json);
  int exit = mtasts_check_exit(&results);
  if (request->options->json) {
    if (print_json(request->domains, &results) != MTASTS_EXIT_OK)
      exit = MTASTS_CHECK_EXIT_UNKNOWN;
  } else {
    mtasts_check_first_line(request->domains, &results, mtasts_seconds() - started);
    mtasts_check_text(request->domains, &results);
  }
  mtasts_check_results_free(&results);
  return exit;
}

static int run(const struct mtasts_options *options) {
  struct mtasts_domain *domains = calloc(options->arguments.count, sizeof *domains);
  struct mtasts_check_request request = {
      .options = options,
      .domains = domains,
      .count = options->arguments.count,
      .smtp = !options->no_smtp,
      .state = options->state,
  };
  bool usable = false;
  if (!domains)
    mtasts_print_error("check", "out of memory");
  else
    usable = read_expect(options->expect, &request) && read_timeout(options->timeout, &request) &&
             read_helo(options->helo, &request) && read_domains(options, domains);
  int exit = usable ? check(&request) : mtasts_check_unusable(options->json);
  free(domains);
  return exit;
}

const struct mtasts_command mtasts_command_check = {
    .name = "check",
    .arguments = "[--no-smtp] [--expect MODE] [--state DIR] [--timeout S] [--helo NAME] DOMAIN...",
    .summary = "Checks a domain's MTA-STS, TLS-RPT and mail servers; names remedies",
    .help = "Asks the DNS, the policy host and each address of each MX host, and says what is\n"
            "wrong and what to do. Sends no mail. Exit 0: all is well; 1: warnings; 2: errors;\n"
            "3: it could not be judged. The first line is for Nagios and its kind.\n\n"
            "  --no-smtp      connect to no mail server\n"
            "  --expect MODE  an error unless a policy of this mode is served\n"
            "  --state DIR    where it remembers what it saw (check in the cache directory)\n"
            "  --timeout S    seconds for one connection to a mail server, 1 to 3600 (30)\n"
            "  --helo NAME    the name in EHLO (this host's)\n\n"
            "Examples:\n"
            "  mtasts check example.com\n"
            "  mtasts check --expect enforce --state /var/lib/nagios/mtasts example.com\n"
            "  mtasts --json check example.com example.net | jq .findings\n",
    .least = 1,
    .max = SIZE_MAX,
    .monitors = true,
    .run = run,
};
