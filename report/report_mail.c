#include "report_mail.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "ascii.h"
#include "instant.h"
#include "rfc3339.h"
#include "strbuf.h"

enum {
  BASE64_LINE = 57,     /* bytes of a line of 76 characters, RFC 2045 section 6.8 */
  SUBJECT_MAX = 900,    /* bytes of a subject in one line; RFC 5322 section 2.1.1 allows 998 */
  BOUNDARY_DIGITS = 32, /* of the digest */
#define BOUNDARY_START "=_mtasts_"
  BOUNDARY_SIZE = sizeof BOUNDARY_START + BOUNDARY_DIGITS,
};

/* Text of bounded length; names are added by add(). */
__attribute__((format(printf, 2, 3))) static void put(struct mtasts_bytes *out, const char *format,
                                                      ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (len > 0)
    mtasts_bytes_add(out, (struct mtasts_span){text, strlen(text)});
}

static void add(struct mtasts_bytes *out, const char *before, struct mtasts_span text,
                const char *after) {
  mtasts_bytes_add(out, mtasts_span_of(before));
  mtasts_bytes_add(out, text);
  mtasts_bytes_add(out, mtasts_span_of(after));
}

/* id-left "@" id-right of RFC 5322 section 3.6.4. */
static void add_id(const struct mtasts_report_mail *mail, struct mtasts_bytes *out) {
  bool has_at = mail->report_id.len > 0 && memchr(mail->report_id.data, '@', mail->report_id.len);
  add(out, "<", mail->report_id, "");
  if (!has_at)
    add(out, "@", mail->submitter, "");
  put(out, ">\n");
}

/* RFC 5322 section 3.3; not by strftime, whose names depend on the locale. */
static void add_date(int64_t date, struct mtasts_bytes *out) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const time_t seconds = (time_t)date;
  struct tm at;
  if (gmtime_r(&seconds, &at))
    put(out, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d +0000\n", days + 3 * at.tm_wday, at.tm_mday,
        months + 3 * at.tm_mon, at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
}

/* RFC 8460 section 5.3. It is folded only if one line would be too long. */
static void add_subject(const struct mtasts_report_mail *mail, struct mtasts_bytes *out) {
  size_t len = mail->domain.len + 2 * mail->submitter.len + mail->report_id.len + 64;
  const char *space = len > SUBJECT_MAX ? "\n " : " ";
  add(out, "Subject: Report Domain: ", mail->domain, space);
  add(out, "Submitter: ", mail->submitter, space);
  put(out, "Report-ID: ");
  add_id(mail, out);
}

static void add_header(const struct mtasts_report_mail *mail, const char *boundary,
                       struct mtasts_bytes *out) {
  add(out, "From: ", mail->from, "\n");
  for (size_t i = 0; i < mail->to_count; i++)
    add(out, i == 0 ? "To: " : ",\n ", mail->to[i], "");
  put(out, "\n");
  add_date(mail->date, out);
  put(out, "Message-ID: ");
  add_id(mail, out);
  add_subject(mail, out);
  add(out, "TLS-Report-Domain: ", mail->domain, "\n");
  add(out, "TLS-Report-Submitter: ", mail->submitter, "\n");
  /* RFC 8460 section 3: reports are delivered despite failures of TLS, by RFC 8689's field. MTAs
   * then record no outcome of the session. */
  put(out, "TLS-Required: No\n");
  put(out, "Auto-Submitted: auto-generated\n"); /* RFC 3834 section 5 */
  put(out,
      "MIME-Version: 1.0\n"
      "Content-Type: multipart/report; report-type=tlsrpt;\n boundary=\"%s\"\n\n",
      boundary);
}

static void add_text(const struct mtasts_report_mail *mail, struct mtasts_bytes *out) {
  char midnight[MTASTS_RFC3339_SIZE];
  mtasts_rfc3339_format(mail->day * MTASTS_DAY_SECONDS, midnight);
  put(out, "Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n\n");
  add(out, "This is a TLS report (RFC 8460) from\n  ", mail->submitter, "\n");
  add(out, "about its SMTP sessions to\n  ", mail->domain, "\n");
  put(out, "on %.10s (UTC). Sessions that succeeded: %llu, that failed: %llu.\n", midnight,
      (unsigned long long)mail->successful, (unsigned long long)mail->failed);
  put(out, "The report is attached, as JSON in gzip.\n");
  if (mail->note)
    add(out, "\n", mtasts_span_of(mail->note), "");
}

static void add_base64(struct mtasts_span data, struct mtasts_bytes *out) {
  for (size_t at = 0; at < data.len; at += BASE64_LINE) {
    unsigned char line[4 * BASE64_LINE / 3 + 2];
    size_t len = data.len - at < BASE64_LINE ? data.len - at : BASE64_LINE;
    int encoded = EVP_EncodeBlock(line, (const unsigned char *)data.data + at, (int)len);
    add(out, "", (struct mtasts_span){(const char *)line, (size_t)encoded}, "\n");
  }
}

/* No line of base64 or of the text begins like it. */
static void make_boundary(const struct mtasts_report_mail *mail, char boundary[BOUNDARY_SIZE]) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  struct mtasts_strbuf text = {.data = boundary, .size = BOUNDARY_SIZE};
  SHA256((const unsigned char *)mail->gzip.data, mail->gzip.len, digest);
  mtasts_strbuf_put(&text, BOUNDARY_START);
  for (size_t i = 0; i < BOUNDARY_DIGITS / 2; i++)
    mtasts_strbuf_printf(&text, "%02x", digest[i]);
}

void mtasts_report_mail_build(const struct mtasts_report_mail *mail, struct mtasts_bytes *out) {
  char boundary[BOUNDARY_SIZE];
  make_boundary(mail, boundary);
  add_header(mail, boundary, out);
  put(out, "This is a message in MIME format.\n\n--%s\n", boundary);
  add_text(mail, out);
  put(out, "\n--%s\nContent-Type: application/tlsrpt+gzip;\n", boundary);
  add(out, " name=\"", mail->file_name, "\"\n");
  put(out, "Content-Transfer-Encoding: base64\nContent-Disposition: attachment;\n");
  add(out, " filename=\"", mail->file_name, "\"\n\n");
  add_base64(mail->gzip, out);
  put(out, "\n--%s--\n", boundary);
}
