#include "dns_records.h"

#include "publication_fixture.h"

const char *const unit_name = "publish/dns_records";

static void zone(FILE *stream, const struct mtasts_publication *publication) {
  struct mtasts_published_set set;
  mtasts_published_records(publication, &set);
  mtasts_published_zone(stream, &set, publication->ttl);
}

static void nsupdate(FILE *stream, const struct mtasts_publication *publication) {
  struct mtasts_published_set set;
  mtasts_published_records(publication, &set);
  mtasts_published_nsupdate(stream, &set, publication->ttl);
}

static void aliases(FILE *stream, const struct mtasts_publication *publication) {
  struct mtasts_published_set set;
  mtasts_published_aliases(publication, &set);
  mtasts_published_plain(stream, &set);
}

static bool writes(fixture_write_fn *write, const struct mtasts_publication *publication,
                   const char *expected) {
  char *text = fixture_text(write, publication);
  bool same = strcmp(text, expected) == 0;
  unit_check(same, "wrote: %s", text);
  free(text);
  return same;
}

#define STS "_mta-sts.example.com. 3600 IN TXT \"v=STSv1; id=20260101T000000000000;\"\n"

static void zones(void) {
  static const char *const web[] = {"192.0.2.1", "2001:db8::1"};
  static const char *const name[] = {"web.example"};
  static const char *const rua[] = {"mailto:a@b.example", "https://c.example/d"};
  struct mtasts_publication publication = fixture_publication();
  CU_ASSERT(writes(zone, &publication, STS));
  publication.web = (struct mtasts_texts){web, 2};
  CU_ASSERT(writes(zone, &publication,
                   STS "mta-sts.example.com. 3600 IN A 192.0.2.1\n"
                       "mta-sts.example.com. 3600 IN AAAA 2001:db8::1\n"));
  publication.web = (struct mtasts_texts){name, 1};
  publication.rua = (struct mtasts_texts){rua, 2};
  CU_ASSERT(writes(zone, &publication,
                   STS "_smtp._tls.example.com. 3600 IN TXT \"v=TLSRPTv1; "
                       "rua=mailto:a@b.example,https://c.example/d\"\n"
                       "mta-sts.example.com. 3600 IN CNAME web.example.\n"));
}

static void updates(void) {
  static const char *const web[] = {"192.0.2.1", "192.0.2.2"};
  struct mtasts_publication publication = fixture_publication();
  publication.web = (struct mtasts_texts){web, 2};
  CU_ASSERT(writes(nsupdate, &publication,
                   "update delete _mta-sts.example.com. CNAME\n"
                   "update delete _mta-sts.example.com. TXT\n"
                   "update add " STS "update delete mta-sts.example.com. CNAME\n"
                   "update delete mta-sts.example.com. A\n"
                   "update delete mta-sts.example.com. AAAA\n"
                   "update add mta-sts.example.com. 3600 IN A 192.0.2.1\n"
                   "update add mta-sts.example.com. 3600 IN A 192.0.2.2\n"
                   "send\n"));
}

static void provider(void) {
  static const char *const rua[] = {"mailto:a@b.example"};
  struct mtasts_publication publication = fixture_publication();
  publication.provider_zone = "sts.example";
  CU_ASSERT(writes(aliases, &publication,
                   "_mta-sts.example.com\tCNAME\t_mta-sts.example.com.sts.example\n"
                   "mta-sts.example.com\tCNAME\tmta-sts.example.com.sts.example\n"));
  publication.rua = (struct mtasts_texts){rua, 1};
  CU_ASSERT(fixture_has(aliases, &publication,
                        "_smtp._tls.example.com\tCNAME\t_smtp._tls.example.com.sts.example\n"));
  CU_ASSERT(fixture_has(zone, &publication, "_mta-sts.example.com.sts.example. 3600 IN TXT"));
}

/* The most that is accepted; each string of a TXT record has at most 255 bytes. */
static void most(void) {
  static char uris[4][MTASTS_TLSRPT_MAX / 4];
  static const char *const rua[] = {uris[0], uris[1], uris[2], uris[3]};
  static char addresses[MTASTS_WEB_MAX][16];
  static const char *web[MTASTS_WEB_MAX];
  struct mtasts_publication publication = fixture_publication();
  for (size_t i = 0; i < 4; i++)
    memset(uris[i], 'a', sizeof uris[i] - 1);
  for (size_t i = 0; i < MTASTS_WEB_MAX; i++) {
    snprintf(addresses[i], sizeof addresses[i], "192.0.2.%zu", i);
    web[i] = addresses[i];
  }
  publication.rua = (struct mtasts_texts){rua, 4};
  publication.web = (struct mtasts_texts){web, MTASTS_WEB_MAX};
  char *text = fixture_text(zone, &publication);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, " A 192.0.2.31\n"));
  const char *first = strstr(text, "\"v=TLSRPT");
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  size_t bytes = 0;
  for (size_t at = (size_t)(first - text); text[at] == '"';) {
    size_t len = strcspn(text + at + 1, "\"");
    CU_ASSERT(len > 0 && len <= 255);
    bytes += len;
    at += len + strlen("\"\" ");
  }
  CU_ASSERT(bytes == strlen("v=TLSRPTv1; rua=") + MTASTS_TLSRPT_MAX - 1);
  free(text);
}

const struct unit_test unit_tests[] = {
    {"zones", zones}, {"updates", updates}, {"provider", provider}, {"most", most}, {NULL, NULL}};
