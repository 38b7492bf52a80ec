/*
 * dns_records.h: the DNS records of a publication, and the forms in which they are written. Pure.
 *
 * For a domain of its own there is one set: the record at `_mta-sts.`, that at `_smtp._tls.` if
 * reports are wanted, and the addresses of the policy host if they are given.
 *
 * With a provider's zone there are two. The customer's has aliases alone, which never change. The
 * provider's has the records, at the same names below its zone: `_mta-sts.example.com.ZONE`.
 */
#ifndef MTASTS_PUBLISH_DNS_RECORDS_H
#define MTASTS_PUBLISH_DNS_RECORDS_H

#include <stdio.h>

#include "publication.h"

enum {
  MTASTS_PUBLISHED_MAX = 2 + MTASTS_WEB_MAX,      /* records of one set */
  MTASTS_PUBLISHED_NAMES = 3,                     /* different owner names of one set */
  MTASTS_OWNER_SIZE = 2 * MTASTS_DOMAIN_MAX + 16, /* bytes, before it is validated */
};

enum mtasts_published_kind {
  MTASTS_PUBLISHED_STS,
  MTASTS_PUBLISHED_TLSRPT,
  MTASTS_PUBLISHED_HOST,
};

struct mtasts_published_record {
  enum mtasts_published_kind kind;
  const char *owner; /* no trailing dot */
  const char *type;  /* "TXT", "A", "AAAA", "CNAME" */
  const char *value; /* of TXT: its data without quotes; of CNAME: a name without trailing dot */
};

/* The records point into it, so it must not be moved. */
struct mtasts_published_set {
  struct mtasts_published_record records[MTASTS_PUBLISHED_MAX];
  size_t count;
  char owners[MTASTS_PUBLISHED_NAMES][MTASTS_OWNER_SIZE];
  char targets[MTASTS_PUBLISHED_NAMES][MTASTS_OWNER_SIZE];
  char sts[64];
  char tlsrpt[MTASTS_TLSRPT_MAX + 32];
};

/* What is set in the zone that holds the records: the domain's own, or the provider's. */
void mtasts_published_records(const struct mtasts_publication *publication,
                              struct mtasts_published_set *set);

/* The aliases that a provider's customer sets. Only with a provider's zone. */
void mtasts_published_aliases(const struct mtasts_publication *publication,
                              struct mtasts_published_set *set);

/* Lines of a zone file (RFC 1035 section 5). Errors of the stream are the caller's to see. */
void mtasts_published_zone(FILE *stream, const struct mtasts_published_set *set, uint32_t ttl);

/* Commands for nsupdate(1): what is there of the types at these names is deleted first, and so is
 * an alias, beside which nothing else may stand. */
void mtasts_published_nsupdate(FILE *stream, const struct mtasts_published_set *set, uint32_t ttl);

/* Name, type and value of each record, separated by a tab, for a provider's web form. */
void mtasts_published_plain(FILE *stream, const struct mtasts_published_set *set);

#endif
