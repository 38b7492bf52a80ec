#include "build.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <zlib.h>

#include "ascii.h"
#include "idn.h"
#include "rfc3339.h"

enum {
  GZIP_WINDOW = 15 + 16, /* zlib's largest window, in gzip's form */
  GZIP_MEMORY = 8,
  ID_DIGEST = 16,          /* bytes of the digest in a report-id */
  FILE_NAME_DOMAINS = 170, /* bytes of both domains in a file name */
};

const char *mtasts_report_site_read(const struct mtasts_config *config,
                                    struct mtasts_report_site *site) {
  const char *at = strrchr(config->report.contact, '@');
  *site = (struct mtasts_report_site){
      .organization = config->report.organization, .contact = config->report.contact, .host = ""};
  if (!*config->report.organization)
    return "report.organization";
  if (!at || mtasts_domain_from_text(mtasts_span_of(at + 1), &site->submitter) != MTASTS_OK)
    return "report.contact";
  return *config->report.from ? NULL : "report.from";
}

/* JSON */

static void put(struct mtasts_bytes *json, const char *text) {
  mtasts_bytes_add(json, mtasts_span_of(text));
}

/* A string of UTF-8. Control characters, which only the configuration could bring, are left out. */
static void put_string(struct mtasts_bytes *json, struct mtasts_span text) {
  put(json, "\"");
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c == '"' || c == '\\')
      put(json, "\\");
    if (c >= ' ' && c != 0x7f)
      mtasts_bytes_add(json, (struct mtasts_span){text.data + i, 1});
  }
  put(json, "\"");
}

/* `,"key":` */
static void put_key(struct mtasts_bytes *json, const char *key) {
  put(json, ",\"");
  put(json, key);
  put(json, "\":");
}

static void put_pair(struct mtasts_bytes *json, const char *key, struct mtasts_span value) {
  if (value.len == 0)
    return;
  put_key(json, key);
  put_string(json, value);
}

static void put_count(struct mtasts_bytes *json, uint64_t count) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRIu64, count < INT64_MAX ? count : (uint64_t)INT64_MAX);
  put(json, digits);
}

static void put_texts(struct mtasts_bytes *json, const char *key,
                      const struct mtasts_texts *texts) {
  struct mtasts_span text;
  const char *before = "[";
  if (texts->count == 0)
    return;
  put_key(json, key);
  for (size_t cursor = 0; mtasts_texts_next(texts, &cursor, &text); before = ",") {
    put(json, before);
    put_string(json, text);
  }
  put(json, "]");
}

static void put_detail(struct mtasts_bytes *json, const struct mtasts_day_detail *counted) {
  static const char *const keys[MTASTS_FIELDS] = {
      [MTASTS_FIELD_SENDING_IP] = "sending-mta-ip",
      [MTASTS_FIELD_MX] = "receiving-mx-hostname",
      [MTASTS_FIELD_HELO] = "receiving-mx-helo",
      [MTASTS_FIELD_RECEIVING_IP] = "receiving-ip",
      [MTASTS_FIELD_INFORMATION] = "additional-information",
      [MTASTS_FIELD_REASON] = "failure-reason-code",
  };
  put(json, "{\"result-type\":\"");
  put(json, mtasts_result_type_name((unsigned)counted->detail.result));
  put(json, "\"");
  for (size_t i = 0; i < MTASTS_FIELDS; i++)
    put_pair(json, keys[i], counted->detail.fields[i]);
  put_key(json, "failed-session-count");
  put_count(json, counted->count);
  put(json, "}");
}

static void put_policy(struct mtasts_bytes *json, const struct mtasts_day_policy *counted) {
  const struct mtasts_outcome_policy *policy = &counted->policy;
  put(json, "{\"policy\":{\"policy-type\":\"");
  put(json, mtasts_policy_type_name((unsigned)policy->type));
  put(json, "\"");
  put_texts(json, "policy-string", &policy->strings);
  put_pair(json, "policy-domain", policy->domain);
  put_texts(json, "mx-host", &policy->hosts);
  put(json, "},\"summary\":{\"total-successful-session-count\":");
  put_count(json, counted->successful);
  put_key(json, "total-failure-session-count");
  put_count(json, counted->failed);
  put(json, "}");
  for (size_t i = 0; i < counted->detail_count; i++) {
    put(json, i == 0 ? ",\"failure-details\":[" : ",");
    put_detail(json, &counted->details[i]);
  }
  put(json, counted->detail_count > 0 ? "]}" : "}");
}

/* The date-range is a whole UTC day (RFC 8460 section 4.1). */
static void put_report(struct mtasts_bytes *json, const struct mtasts_report_site *site,
                       const struct mtasts_day_report *day, const char *id) {
  char begin[MTASTS_RFC3339_SIZE];
  char end[MTASTS_RFC3339_SIZE];
  int64_t start = (int64_t)day->day * MTASTS_DAY_SECONDS;
  mtasts_rfc3339_format(start, begin);
  mtasts_rfc3339_format(start + MTASTS_DAY_SECONDS - 1, end);
  put(json, "{\"organization-name\":");
  put_string(json, mtasts_span_of(site->organization));
  put(json, ",\"date-range\":{\"start-datetime\":\"");
  put(json, begin);
  put(json, "\",\"end-datetime\":\"");
  put(json, end);
  put(json, "\"}");
  put_pair(json, "contact-info", mtasts_span_of(site->contact));
  put_pair(json, "report-id", mtasts_span_of(id));
  put_key(json, "policies");
  put(json, "[");
  for (size_t i = 0; i < day->policy_count; i++) {
    put(json, i == 0 ? "" : ",");
    put_policy(json, &day->policies[i]);
  }
  put(json, "]}");
}

/* names */

static void add_name(struct mtasts_bytes *names, const char *name) {
  mtasts_bytes_text(names, mtasts_span_of(name));
}

/* `2026-11-30-HEX@SUBMITTER`: the digits are of the site, the domain and the day. */
char *mtasts_report_id(const struct mtasts_report_site *site, const struct mtasts_domain *domain,
                       uint32_t day) {
  struct mtasts_bytes names = {0};
  unsigned char digest[EVP_MAX_MD_SIZE] = {0};
  char hex[2 * ID_DIGEST + 1];
  char date[MTASTS_RFC3339_SIZE];
  char *id = NULL;
  add_name(&names, site->submitter.name);
  add_name(&names, site->organization);
  add_name(&names, site->host);
  add_name(&names, domain->name);
  mtasts_bytes_number(&names, day, 4);
  if (!names.failed && EVP_Digest(names.data, names.len, digest, NULL, EVP_sha256(), NULL) == 1) {
    for (size_t i = 0; i < ID_DIGEST; i++)
      snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    mtasts_rfc3339_format((int64_t)day * MTASTS_DAY_SECONDS, date);
    if (asprintf(&id, "%.10s-%s@%s", date, hex, site->submitter.name) < 0)
      id = NULL;
  }
  mtasts_bytes_free(&names);
  return id;
}

/* A file cannot have a name of more than 255 bytes. If the domain is too long for that, its last
 * labels stand for it, and the digits of the report-id keep the name unique. */
static char *file_name(const struct mtasts_report_site *site, const struct mtasts_day_report *day,
                       const char *id) {
  int64_t begin = (int64_t)day->day * MTASTS_DAY_SECONDS;
  int64_t end = begin + MTASTS_DAY_SECONDS - 1;
  const char *domain = day->domain.name;
  size_t room =
      FILE_NAME_DOMAINS > site->submitter.len ? FILE_NAME_DOMAINS - site->submitter.len : 0;
  char *name;
  while (strlen(domain) > room && strchr(domain, '.'))
    domain = strchr(domain, '.') + 1;
  int len =
      domain == day->domain.name
          ? asprintf(&name, "%s!%s!%" PRId64 "!%" PRId64 ".json.gz", site->submitter.name, domain,
                     begin, end)
          : asprintf(&name, "%s!%s!%" PRId64 "!%" PRId64 "!%.*s.json.gz", site->submitter.name,
                     domain, begin, end, 2 * ID_DIGEST, id + sizeof "2026-01-31-" - 1);
  return len < 0 ? NULL : name;
}

/* gzip */

static bool compress_json(struct mtasts_built_report *built) {
  z_stream stream = {0};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return false;
  size_t bound = deflateBound(&stream, built->json_size);
  built->gzip = malloc(bound);
  stream.next_in = (unsigned char *)built->json;
  stream.avail_in = (uInt)built->json_size;
  stream.next_out = built->gzip;
  stream.avail_out = (uInt)bound;
  bool done = built->gzip && bound <= UINT32_MAX && deflate(&stream, Z_FINISH) == Z_STREAM_END;
  built->gzip_size = stream.total_out;
  deflateEnd(&stream);
  return done;
}

bool mtasts_report_build(const struct mtasts_report_site *site, const struct mtasts_day_report *day,
                         struct mtasts_built_report *built) {
  struct mtasts_bytes json = {0};
  struct mtasts_built_report made = {.id = mtasts_report_id(site, &day->domain, day->day)};
  if (made.id) {
    made.file_name = file_name(site, day, made.id);
    put_report(&json, site, day, made.id);
  }
  made.json = json.data;
  made.json_size = json.len;
  if (made.id && made.file_name && json.data && !json.failed && compress_json(&made)) {
    *built = made;
    return true;
  }
  mtasts_built_report_free(&made);
  return false;
}

void mtasts_built_report_free(struct mtasts_built_report *built) {
  free(built->json);
  free(built->gzip);
  free(built->id);
  free(built->file_name);
  *built = (struct mtasts_built_report){0};
}
