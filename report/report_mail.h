/*
 * report_mail.h: the mail that carries a report (RFC 8460 section 5.3): multipart/report with a
 * text for people and the gzip file. 7 bit, lines end in LF as sendmail(8) takes them and are
 * shorter than 998 bytes. Pure: the same values give the same bytes, so a repeated mail has the
 * same Message-ID and boundary.
 */
#ifndef MTASTS_REPORT_REPORT_MAIL_H
#define MTASTS_REPORT_REPORT_MAIL_H

#include "bytes.h"

/* Names, addresses and the report-id are of printable ASCII. */
struct mtasts_report_mail {
  struct mtasts_span domain;    /* the policy domain */
  struct mtasts_span submitter; /* the domain of the contact address */
  struct mtasts_span from;
  const struct mtasts_span *to; /* addresses, at least one */
  size_t to_count;
  struct mtasts_span report_id;
  struct mtasts_span file_name;
  struct mtasts_span gzip;
  int64_t day;  /* days since 1970-01-01, UTC */
  int64_t date; /* seconds since the epoch */
  uint64_t successful, failed;
  const char *note; /* a paragraph for people, of lines that end in LF; NULL: none */
};

/* Appends the mail. */
void mtasts_report_mail_build(const struct mtasts_report_mail *mail, struct mtasts_bytes *out);

#endif
