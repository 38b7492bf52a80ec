#include "dns_records.h"

#include <arpa/inet.h>

#include "ascii.h"
#include "strbuf.h"

enum {
  STRING_MAX = 255, /* bytes of a string in a TXT record, RFC 1035 section 3.3 */
};

static const char *const label_of[MTASTS_PUBLISHED_NAMES] = {
    [MTASTS_PUBLISHED_STS] = "_mta-sts.",
    [MTASTS_PUBLISHED_TLSRPT] = "_smtp._tls.",
    [MTASTS_PUBLISHED_HOST] = MTASTS_POLICY_HOST_LABEL,
};

static void add(struct mtasts_published_set *set, enum mtasts_published_kind kind, const char *type,
                const char *value) {
  if (set->count < MTASTS_PUBLISHED_MAX)
    set->records[set->count++] =
        (struct mtasts_published_record){kind, set->owners[kind], type, value};
}

/* "A", "AAAA", or "CNAME" for a name. */
static const char *type_of(const char *web) {
  struct in6_addr address;
  if (inet_pton(AF_INET, web, &address) == 1)
    return "A";
  return inet_pton(AF_INET6, web, &address) == 1 ? "AAAA" : "CNAME";
}

void mtasts_published_records(const struct mtasts_publication *publication,
                              struct mtasts_published_set *set) {
  const char *zone = publication->provider_zone;
  struct mtasts_strbuf tlsrpt = MTASTS_STRBUF(set->tlsrpt);
  set->count = 0;
  for (size_t i = 0; i < MTASTS_PUBLISHED_NAMES; i++)
    snprintf(set->owners[i], sizeof set->owners[i], "%s%s%s%s", label_of[i], publication->domain,
             zone ? "." : "", zone ? zone : "");
  snprintf(set->sts, sizeof set->sts, "v=STSv1; id=%s;", publication->id);
  add(set, MTASTS_PUBLISHED_STS, "TXT", set->sts);
  mtasts_strbuf_put(&tlsrpt, "v=TLSRPTv1; rua=");
  for (size_t i = 0; i < publication->rua.count; i++) {
    mtasts_strbuf_put(&tlsrpt, i > 0 ? "," : "");
    mtasts_strbuf_put(&tlsrpt, publication->rua.items[i]);
  }
  if (publication->rua.count > 0)
    add(set, MTASTS_PUBLISHED_TLSRPT, "TXT", set->tlsrpt);
  for (size_t i = 0; i < publication->web.count; i++)
    add(set, MTASTS_PUBLISHED_HOST, type_of(publication->web.items[i]), publication->web.items[i]);
}

void mtasts_published_aliases(const struct mtasts_publication *publication,
                              struct mtasts_published_set *set) {
  set->count = 0;
  for (size_t i = 0; i < MTASTS_PUBLISHED_NAMES; i++) {
    snprintf(set->owners[i], sizeof set->owners[i], "%s%s", label_of[i], publication->domain);
    snprintf(set->targets[i], sizeof set->targets[i], "%s%s.%s", label_of[i], publication->domain,
             publication->provider_zone);
    if (i != MTASTS_PUBLISHED_TLSRPT || publication->rua.count > 0)
      add(set, (enum mtasts_published_kind)i, "CNAME", set->targets[i]);
  }
}

/* The data of a record in the form of a zone file. A TXT record is split into strings; nothing in
 * it needs an escape. */
static void put_data(FILE *stream, const struct mtasts_published_record *record) {
  const char *left = record->value;
  if (strcmp(record->type, "CNAME") == 0) {
    fprintf(stream, "%s.", record->value);
  } else if (strcmp(record->type, "TXT") == 0) {
    for (size_t len = strlen(left); len > 0; len = strlen(left)) {
      size_t part = len < STRING_MAX ? len : STRING_MAX;
      fprintf(stream, "%s\"%.*s\"", left > record->value ? " " : "", (int)part, left);
      left += part;
    }
  } else {
    fputs(record->value, stream);
  }
}

static void put_line(FILE *stream, const struct mtasts_published_record *record, uint32_t ttl) {
  fprintf(stream, "%s. %u IN %s ", record->owner, ttl, record->type);
  put_data(stream, record);
  putc('\n', stream);
}

void mtasts_published_zone(FILE *stream, const struct mtasts_published_set *set, uint32_t ttl) {
  for (size_t i = 0; i < set->count; i++)
    put_line(stream, &set->records[i], ttl);
}

static void put_deletes(FILE *stream, const struct mtasts_published_record *record) {
  static const char *const types[] = {"CNAME", "TXT", "A", "AAAA"};
  bool host = record->kind == MTASTS_PUBLISHED_HOST;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (i == 0 || host == (i > 1))
      fprintf(stream, "update delete %s. %s\n", record->owner, types[i]);
}

void mtasts_published_nsupdate(FILE *stream, const struct mtasts_published_set *set, uint32_t ttl) {
  for (size_t i = 0; i < set->count; i++) {
    if (i == 0 || set->records[i].kind != set->records[i - 1].kind)
      put_deletes(stream, &set->records[i]);
    fputs("update add ", stream);
    put_line(stream, &set->records[i], ttl);
  }
  fputs("send\n", stream);
}

void mtasts_published_plain(FILE *stream, const struct mtasts_published_set *set) {
  for (size_t i = 0; i < set->count; i++)
    fprintf(stream, "%s\t%s\t%s\n", set->records[i].owner, set->records[i].type,
            set->records[i].value);
}
