/*
 * mtasts report selftest: sends one report of no outcomes, to see whether the MTA signs reports.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "addr_spec.h"
#include "ascii.h"
#include "json.h"
#include "out.h"
#include "report_access.h"
#include "report_mail.h"
#include "sendmail.h"

static const char note[] =
    "It is a test: `mtasts report selftest` made it, and it counts nothing.\n"
    "A receiver ignores a report that is not signed with DKIM (RFC 8460 section 3).\n"
    "Look at the header of this mail: there must be a DKIM-Signature with d= the\n"
    "domain of From, with h= that names TLS-Report-Domain and TLS-Report-Submitter,\n"
    "and without l=. Authentication-Results, which your receiver adds, must say\n"
    "dkim=pass.\n";

static void take(void *context, const struct mtasts_sendmail_answer *answer) {
  *(struct mtasts_sendmail_answer *)context = *answer;
}

/* A report without policies, about the domain of the address. The id has the time, so that each
 * test is another mail. */
static bool build_mail(const struct mtasts_report_access *access,
                       const struct mtasts_addr_spec *address, struct mtasts_bytes *message) {
  const time_t now = time(NULL);
  struct mtasts_day_report day = {.day = mtasts_day_number(now), .domain = address->domain};
  struct mtasts_built_report built;
  char id[64];
  const struct mtasts_span to = mtasts_span_of(address->text);
  if (!mtasts_report_build(&access->site, &day, &built))
    return false;
  snprintf(id, sizeof id, "selftest-%lld", (long long)now);
  const struct mtasts_report_mail mail = {
      .domain = {address->domain.name, address->domain.len},
      .submitter = {access->site.submitter.name, access->site.submitter.len},
      .from = mtasts_span_of(access->outcomes.config->report.from),
      .to = &to,
      .to_count = 1,
      .report_id = mtasts_span_of(id),
      .file_name = mtasts_span_of(built.file_name),
      .gzip = {(const char *)built.gzip, built.gzip_size},
      .day = day.day,
      .date = now,
      .note = note,
  };
  mtasts_report_mail_build(&mail, message);
  mtasts_built_report_free(&built);
  return !message->failed;
}

static int send_mail(const struct mtasts_report_access *access, const char *to,
                     struct mtasts_span message) {
  const struct mtasts_config *config = access->outcomes.config;
  struct mtasts_sendmail_answer answer = {.taken = false};
  struct mtasts_sendmail *mail;
  struct event_base *base = event_base_new();
  const struct mtasts_sendmail_options options = {
      .program = config->report.sendmail,
      .from = config->report.from,
      .to = &to,
      .to_count = 1,
      .message = message,
      .timeout = config->report.timeout,
      .done = take,
      .context = &answer,
  };
  if (base && mtasts_sendmail_start(base, &options, &mail) == MTASTS_OK)
    event_base_dispatch(base);
  else
    snprintf(answer.detail, sizeof answer.detail, "cannot be started");
  if (base)
    event_base_free(base);
  if (answer.taken)
    return MTASTS_EXIT_OK;
  mtasts_print_error("report.sendmail", "%s", answer.detail);
  return answer.missing ? MTASTS_EXIT_AWAY : MTASTS_EXIT_LATER;
}

static void print_advice(const struct mtasts_report_access *access, const char *to) {
  printf("A test report is on its way to %s.\n"
         "Look at its header there:\n"
         "  DKIM-Signature          must be there, with d= %s,\n"
         "                          h= that names TLS-Report-Domain and TLS-Report-Submitter,\n"
         "                          and without l=\n"
         "  Authentication-Results  must say dkim=pass\n"
         "If it is not signed: docs/tlsrpt.md has the settings of Exim, Postfix and OpenDKIM.\n",
         to, strrchr(access->outcomes.config->report.from, '@') + 1);
}

static int run(const struct mtasts_options *options) {
  struct mtasts_report_access access;
  struct mtasts_addr_spec address;
  struct mtasts_bytes message = {.data = NULL};
  const char *text = options->arguments.items[0];
  const char *why = mtasts_addr_spec_parse(mtasts_span_of(text), &address);
  if (why) {
    mtasts_print_error(text, "the address %s", why);
    return MTASTS_EXIT_USAGE;
  }
  int code = mtasts_report_access_open(options, MTASTS_REPORT_USE_MAIL, &access);
  if (code == MTASTS_EXIT_OK && !build_mail(&access, &address, &message)) {
    mtasts_print_error("report", "out of memory");
    code = MTASTS_EXIT_MEMORY;
  }
  if (code == MTASTS_EXIT_OK)
    code = send_mail(&access, address.text, mtasts_bytes_span(&message));
  if (code == MTASTS_EXIT_OK && options->json)
    code = mtasts_json_print(json_pack("{s:s,s:s}", "address", address.text, "status", "sent"));
  else if (code == MTASTS_EXIT_OK)
    print_advice(&access, address.text);
  mtasts_bytes_free(&message);
  return mtasts_report_access_close(&access, code);
}

const struct mtasts_command mtasts_command_report_selftest = {
    .name = "report selftest",
    .arguments = "ADDRESS",
    .summary = "Sends a test report to you, to see whether it is signed",
    .help =
        "Hands one report of no outcomes to sendmail, as `report send` does. At the other end,\n"
        "look whether the mail was signed with DKIM: receivers ignore a report that was not\n"
        "(RFC 8460 section 3).\n\n"
        "Examples:\n"
        "  mtasts report selftest postmaster@example.com\n",
    .least = 1,
    .max = 1,
    .run = run,
};
