#include "report_mail.h"

#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "finder.h"
#include "json_text.h"
#include "unit.h"

const char *const unit_name = "report/report_mail";

/* {"policies":[]} in gzip */
#define GZIP                                                                                       \
  "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\xc8\xcf\xc9\x4c\xce\x4c\x2d\x56\xb2\x8a"   \
  "\x8e\xad\x05\x00\xcc\xf6\xd2\x2f\x0f\x00\x00\x00"

static const char subject[] = "\nSubject: Report Domain: example.net Submitter: sender.example"
                              " Report-ID: <2026-11-30.abc@sender.example>\n";
static const char disposition[] =
    "\nContent-Disposition: attachment;\n"
    " filename=\"sender.example!example.net!1764460800!1764547199.json.gz\"\n";

static const struct mtasts_span to[] = {{"tls@example.net", 15}, {"a!b@example.org", 15}};

static struct mtasts_report_mail sample(void) {
  return (struct mtasts_report_mail){
      .domain = MTASTS_SPAN("example.net"),
      .submitter = MTASTS_SPAN("sender.example"),
      .from = MTASTS_SPAN("reports@sender.example"),
      .to = to,
      .to_count = 2,
      .report_id = MTASTS_SPAN("2026-11-30.abc"),
      .file_name = MTASTS_SPAN("sender.example!example.net!1764460800!1764547199.json.gz"),
      .gzip = {GZIP, sizeof GZIP - 1},
      .day = 20787,
      .date = 1796094245,
      .successful = 12,
      .failed = 3,
  };
}

static void build(const struct mtasts_report_mail *mail, struct mtasts_bytes *out) {
  *out = (struct mtasts_bytes){.data = NULL};
  mtasts_report_mail_build(mail, out);
  mtasts_bytes_number(out, 0, 1); /* for strstr */
  out->len--;
  CU_ASSERT_FALSE_FATAL(out->failed);
}

/* How often a header field of that name is there. */
static unsigned count_field(const char *text, const char *name) {
  unsigned count = 0;
  const char *end = strstr(text, "\n\n");
  char line[64];
  snprintf(line, sizeof line, "\n%s: ", name);
  count += strncmp(text, line + 1, strlen(line + 1)) == 0;
  for (const char *at = text; (at = strstr(at, line)) && at < end; at++)
    count++;
  return count;
}

static void header_fields(void) {
  static const char *const names[] = {"From",
                                      "To",
                                      "Date",
                                      "Message-ID",
                                      "Subject",
                                      "TLS-Report-Domain",
                                      "TLS-Report-Submitter",
                                      "TLS-Required",
                                      "MIME-Version",
                                      "Content-Type"};
  static const char *const lines[] = {
      "From: reports@sender.example\n",
      "\nTo: tls@example.net,\n a!b@example.org\n",
      "\nDate: Tue, 01 Dec 2026 03:04:05 +0000\n",
      "\nMessage-ID: <2026-11-30.abc@sender.example>\n",
      subject,
      "\nTLS-Report-Domain: example.net\n",
      "\nTLS-Report-Submitter: sender.example\n",
      "\nTLS-Required: No\n",
      "\nMIME-Version: 1.0\n",
      "\nContent-Type: multipart/report; report-type=tlsrpt;\n boundary=\"=_mtasts_",
      disposition,
  };
  struct mtasts_report_mail mail = sample();
  struct mtasts_bytes out;
  build(&mail, &out);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    unit_check(count_field(out.data, names[i]) == 1, "%s", names[i]);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    unit_check(strstr(out.data, lines[i]) != NULL, "not there: %s", lines[i]);
  mtasts_bytes_free(&out);
  mail.report_id = MTASTS_SPAN("x@y.example");
  build(&mail, &out);
  CU_ASSERT(strstr(out.data, "\nMessage-ID: <x@y.example>\n") != NULL);
  mtasts_bytes_free(&out);
}

static void check_lines(const struct mtasts_bytes *out) {
  size_t start = 0;
  for (size_t i = 0; i < out->len; i++) {
    char c = out->data[i];
    unit_check(c == '\n' || (c >= ' ' && c <= '~'), "byte %02x", (unsigned char)c);
    if (c == '\n') {
      unit_check(i - start < 998, "a line of %zu bytes", i - start);
      start = i + 1;
    }
  }
  CU_ASSERT_EQUAL(start, out->len);
}

/* The longest names, twenty addresses, a large report. */
static void long_lines(void) {
  static char gzip[300000];
  char name[MTASTS_DOMAIN_MAX + 1];
  char address[400];
  struct mtasts_span many[20];
  struct mtasts_report_mail mail = sample();
  struct mtasts_bytes out;
  for (size_t i = 0; i < MTASTS_DOMAIN_MAX; i++)
    name[i] = i % 50 == 49 ? '.' : 'a';
  for (size_t i = 0; i < sizeof gzip; i++)
    gzip[i] = (char)(i * 7);
  int len = snprintf(address, sizeof address, "%.64s@%.253s", name, name);
  for (size_t i = 0; i < 20; i++)
    many[i] = (struct mtasts_span){address, (size_t)len};
  mail.domain = mail.submitter = (struct mtasts_span){name, MTASTS_DOMAIN_MAX};
  mail.report_id = mail.domain;
  mail.to = many;
  mail.to_count = 20;
  mail.gzip = (struct mtasts_span){gzip, sizeof gzip};
  build(&mail, &out);
  check_lines(&out);
  CU_ASSERT(out.len > sizeof gzip * 4 / 3);
  mtasts_bytes_free(&out);
}

static void same_bytes(void) {
  struct mtasts_report_mail mail = sample();
  struct mtasts_bytes one;
  struct mtasts_bytes two;
  build(&mail, &one);
  build(&mail, &two);
  CU_ASSERT(mtasts_span_equal(mtasts_bytes_span(&one), mtasts_bytes_span(&two)));
  check_lines(&one);
  mtasts_bytes_free(&one);
  mtasts_bytes_free(&two);
}

struct seen {
  unsigned reports, others;
  char domain[64];
};

static void take_report(void *context, uint64_t message, const struct mtasts_found *found) {
  struct seen *seen = context;
  (void)message;
  seen->reports++;
  snprintf(seen->domain, sizeof seen->domain, "%.*s", (int)found->domain.len, found->domain.data);
}

static void take_other(void *context, uint64_t message, const char *reason) {
  struct seen *seen = context;
  (void)message;
  (void)reason;
  seen->others++;
}

/* Our own reader of reports finds it. */
static void is_read(void) {
  const struct mtasts_finder_events events = {
      .report = take_report, .reject = take_other, .warn = take_other};
  struct mtasts_report_mail mail = sample();
  struct mtasts_bytes out;
  struct seen seen = {0};
  mtasts_json_text_init();
  build(&mail, &out);
  struct mtasts_finder *finder = mtasts_finder_new(&events, &seen);
  CU_ASSERT_PTR_NOT_NULL_FATAL(finder);
  mtasts_finder_feed(finder, mtasts_bytes_span(&out));
  mtasts_finder_end(finder);
  mtasts_finder_free(finder);
  CU_ASSERT_EQUAL(seen.reports, 1);
  CU_ASSERT_EQUAL(seen.others, 0);
  CU_ASSERT_STRING_EQUAL(seen.domain, "example.net");
  mtasts_bytes_free(&out);
}

const struct unit_test unit_tests[] = {
    {"each header field is there once, as RFC 8460 has it", header_fields},
    {"no line is too long, every byte is printable ASCII", long_lines},
    {"the same values give the same bytes", same_bytes},
    {"the reader of reports finds it", is_read},
    {NULL, NULL},
};
