/*
 * observe_tables.h: what the servers of observe_test.c have: the zone, policy hosts, mail servers.
 */
#ifndef OBSERVE_TABLES_H
#define OBSERVE_TABLES_H

#include "scripted_dns.h"
#include "scripted_https.h"
#include "scripted_smtp.h"

#define RECORD "v=STSv1; id=20260101;"
#define OK     "HTTP/1.1 200 OK\r\n"
#define TEXT   "Content-Type: text/plain\r\n"
#define SITE(domain)                                                                               \
  { "mta-sts." domain, "A", "127.0.0.1" }

#define MANY_1(n)                                                                                  \
  { "many.example", "MX", "10 h" n ".many.example" }
#define MANY_10(n)                                                                                 \
  MANY_1(n "0"), MANY_1(n "1"), MANY_1(n "2"), MANY_1(n "3"), MANY_1(n "4"), MANY_1(n "5"),        \
      MANY_1(n "6"), MANY_1(n "7"), MANY_1(n "8"), MANY_1(n "9")

static const struct dns_line zone[] = {
    {"_mta-sts.whole.example", "TXT", RECORD},
    {"_mta-sts.whole.example", "TXT", "another"},
    {"_smtp._tls.whole.example", "TXT",
     "v=TLSRPTv1; rua=mailto:a@whole.example,https://reports.example/a,"
     "mailto:b@null.example,https://reports.example:444/,mailto:c@implicit.example,"
     "ftp://whole.example,mailto:d@none.example"},
    {"reports.example", "A", "127.0.0.1"},
    {"mta-sts.whole.example", "CNAME", "web.example"},
    {"web.example", "A", "127.0.0.1"},
    {"web.example", "AAAA", "::1"},
    {"whole.example", "MX", "20 mx2.mail.example"},
    {"whole.example", "MX", "10 MX.mail.example"},
    {"whole.example", "MX", "30 mx.mail.example"},
    {"mx.mail.example", "A", "127.0.1.1"},
    {"mx.mail.example", "A", "127.0.1.2"},
    {"mx2.mail.example", "CNAME", "mx3.mail.example"},
    {"mx3.mail.example", "A", "127.0.1.2"},
    {"shares.example", "MX", "10 mx.mail.example"},
    {"null.example", "MX", "0 "},
    {"null-and.example", "MX", "0 "},
    {"null-and.example", "MX", "10 mx.mail.example"},
    {"implicit.example", "A", "127.0.1.1"},
    {"empty.example", "TXT", "nothing else"},
    {"fails.example", "RCODE", "2"},
    {"_mta-sts.fails.example", "RCODE", "2"},
    {"_smtp._tls.fails.example", "RCODE", "2"},
    {"mta-sts.fails.example", "RCODE", "2"},
    {"dropped.example", "DROP", ""},
    {"_mta-sts.dropped.example", "DROP", ""},
    MANY_10("0"),
    MANY_10("1"),
    MANY_10("2"),
    MANY_10("3"),
    MANY_10("4"),
    {"*.many.example", "A", "127.0.1.3"},
    {"literal.example", "MX", "10 127.0.1.1"},
    {"literal.example", "MX", "20 bad host.example"},
    {"literal.example", "MX", "30 no-address.example"},
    {"no-address.example", "TXT", "no address"},
    SITE("404.example"),
    SITE("redirect.example"),
    SITE("html.example"),
    SITE("no-type.example"),
    SITE("two-types.example"),
    SITE("large.example"),
    SITE("short.example"),
    SITE("cut.example"),
    SITE("gzip.example"),
    SITE("silent.example"),
    SITE("tls11.example"),
    SITE("expired.example"),
    SITE("unknown.example"),
    SITE("wrong.example"),
    SITE("http09.example"),
    {"mta-sts.refused.example", "A", "127.0.0.9"},
    {"mta-sts.no-route.example", "A", "8.8.8.8"},
    {"slow.example", "MX", "10 slow1.example"},
    {"slow.example", "MX", "10 slow2.example"},
    {"slow1.example", "A", "127.0.1.3"},
    {"slow1.example", "A", "127.0.1.4"},
    {"slow1.example", "A", "127.0.1.5"},
    {"slow2.example", "A", "127.0.1.3"},
    {"twice.example", "MX", "10 mx.twice.example"},
    {"mx.twice.example", "A", "127.0.1.9"},
    {"mx.twice.example", "A", "127.0.1.1"},
    {"mx.twice.example", "AAAA", "::2"},
    {"mx.twice.example", "AAAA", "::1"},
    {"mx.twice.example", "AAAA", "::ffff:127.0.1.1"},
    {"*.late.example", "SLOW", "20"},
    {"_mta-sts.a.late.example", "TXT", RECORD},
    {NULL, NULL, NULL},
};

/* A resolver that answers each question with SERVFAIL, and one that does not know a domain. */
static const struct dns_line broken[] = {
    {"", "RCODE", "2"},
    {"*.example", "RCODE", "2"},
    {NULL, NULL, NULL},
};
static const struct dns_line broken_domain[] = {
    {"*.example", "RCODE", "2"},
    {NULL, NULL, NULL},
};

static const struct https_site https_sites[] = {
    {.host = "mta-sts.whole.example"},
    {.host = "mta-sts.404.example", .response = "HTTP/1.1 404 No\r\n" TEXT "\r\nnot here"},
    {.host = "mta-sts.redirect.example",
     .response = "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\n\r\n"},
    {.host = "mta-sts.html.example",
     .response = OK "Content-Type: text/html; x\r\n\r\n" HTTPS_POLICY},
    {.host = "mta-sts.no-type.example", .response = OK "\r\n" HTTPS_POLICY},
    {.host = "mta-sts.two-types.example", .response = OK TEXT TEXT "\r\n" HTTPS_POLICY},
    {.host = "mta-sts.large.example", .response = OK TEXT "\r\n", .manner = HTTPS_ENDLESS},
    {.host = "mta-sts.short.example",
     .response = OK TEXT "Content-Length: 999\r\n\r\n" HTTPS_POLICY},
    {.host = "mta-sts.cut.example", .response = OK TEXT "\r\nversion", .manner = HTTPS_ABRUPT},
    {.host = "mta-sts.gzip.example",
     .response = OK TEXT "Content-Encoding: gzip\r\n\r\n" HTTPS_POLICY},
    {.host = "mta-sts.silent.example", .manner = HTTPS_SILENT},
    {.host = "mta-sts.tls11.example", .manner = HTTPS_TLS11},
    {.host = "mta-sts.expired.example", .from = -20, .until = -10},
    {.host = "mta-sts.unknown.example", .certificate = CERT_UNKNOWN_CA},
    {.host = "mta-sts.wrong.example", .names = "DNS:wrong.example"},
    {.host = "mta-sts.http09.example", .response = HTTPS_POLICY},
    {.host = NULL},
};

static const struct smtp_site smtp_sites[] = {
    {"127.0.1.1"},
    {"127.0.1.2", .tls = {.host = "mx3.mail.example"}},
    {"127.0.1.3", .manner = SMTP_SILENT},
    {"127.0.1.4", .manner = SMTP_SILENT},
    {"127.0.1.5", .manner = SMTP_SILENT},
    {NULL},
};

#endif
