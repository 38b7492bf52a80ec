#include "signature.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

const char *const unit_name = "signature";

#define SUBMITTER "TLS-Report-Submitter: org.example\n\n"
#define RESULTS   "Authentication-Results: "

static void found(void) {
  static const struct {
    const char *message, *id;
    enum mtasts_signed found;
  } cases[] = {
      {RESULTS "x; dkim=pass header.d=org.example\n" SUBMITTER, "", MTASTS_SIGNED_YES},
      {RESULTS "x 1;\n\tspf=fail;\r\n dkim = pass (a;b) header.d = \"ORG.example\"\r\n" SUBMITTER,
       "", MTASTS_SIGNED_YES},
      {RESULTS "x; dkim=pass header.i=@org.example\n" SUBMITTER, "", MTASTS_SIGNED_YES},
      {RESULTS "x; dkim=pass header.i=a@b@org.example\n" SUBMITTER, "", MTASTS_SIGNED_YES},
      {RESULTS "x; dkim=fail header.d=org.example; dkim=pass header.d=org.example\n" SUBMITTER, "",
       MTASTS_SIGNED_YES},
      {RESULTS "x; dkim=pass header.d=org.example\nTLS-Report-Submitter: mail.org.example.\n\n", "",
       MTASTS_SIGNED_YES},
      {RESULTS "x; dkim=pass header.d=mail.org.example\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x; dkim=pass header.d=example\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x; dkim=pass header.d=xorg.example\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x; dkim=passed header.d=org.example\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x; dkim=none; arc=pass header.d=org.example\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x (; dkim=pass header.d=org.example\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x; =;==;;dkim==pass header.d=org.example\n" SUBMITTER, "", MTASTS_SIGNED_NO},
      {RESULTS "x; none\n" RESULTS "y; dkim=pass header.d=org.example\n" SUBMITTER, "",
       MTASTS_SIGNED_NO},
      {RESULTS "x; none\n" RESULTS "Y; dkim=pass header.d=org.example\n" SUBMITTER, "y",
       MTASTS_SIGNED_YES},
      {RESULTS "y; none\n" RESULTS "y; dkim=pass header.d=org.example\n" SUBMITTER, "y",
       MTASTS_SIGNED_NO},
      {RESULTS "x; dkim=pass header.d=org.example\n" SUBMITTER, "y", MTASTS_SIGNED_UNKNOWN},
      {RESULTS "x; dkim=pass header.d=org.example\n\n", "", MTASTS_SIGNED_UNKNOWN},
      {"Subject: x\n\n" RESULTS "x; dkim=pass header.d=org.example\n" SUBMITTER, "",
       MTASTS_SIGNED_UNKNOWN},
      {SUBMITTER, "", MTASTS_SIGNED_UNKNOWN},
      {"", "", MTASTS_SIGNED_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_span message = {cases[i].message, strlen(cases[i].message)};
    struct mtasts_span id = {cases[i].id, strlen(cases[i].id)};
    unit_check(mtasts_signature_read(message, id).found == cases[i].found, "%s", cases[i].message);
  }
}

const struct unit_test unit_tests[] = {
    {"what the receiving host found", found},
    {NULL, NULL},
};
