#include "web_snippets.h"

#include "publication_fixture.h"

const char *const unit_name = "publish/web_snippets";

static fixture_write_fn *const all[] = {mtasts_snippet_nginx, mtasts_snippet_apache,
                                        mtasts_snippet_caddy, mtasts_snippet_lighttpd};

/* That the servers understand them is shown by the lab's part `publish`. */
static void each(void) {
  struct mtasts_publication publication = fixture_publication();
  publication.has_certificate = true;
  for (size_t i = 0; i < 4; i++) {
    CU_ASSERT(fixture_has(all[i], &publication, "mta-sts.example.com"));
    CU_ASSERT(fixture_has(all[i], &publication, "/srv/example.com/www"));
    CU_ASSERT(fixture_has(all[i], &publication, "/.well-known/mta-sts.txt"));
    CU_ASSERT(fixture_has(all[i], &publication, "/c/mta-sts.example.com.pem"));
    CU_ASSERT(fixture_has(all[i], &publication, "/k/mta-sts.example.com/mta-sts.example.com.key"));
    CU_ASSERT_FALSE(fixture_has(all[i], &publication, "{host}"));
  }
}

static void certificate_of_caddy(void) {
  struct mtasts_publication publication = fixture_publication();
  CU_ASSERT_FALSE(fixture_has(mtasts_snippet_caddy, &publication, "tls"));
  publication.has_certificate = true;
  CU_ASSERT(fixture_has(mtasts_snippet_caddy, &publication,
                        "\ttls /c/mta-sts.example.com.pem "
                        "/k/mta-sts.example.com/mta-sts.example.com.key\n"));
}

/* 46 bytes fit a bucket of nginx's hash table; a longer name is a regular expression. */
static void long_names(void) {
  struct mtasts_publication publication = fixture_publication();
  publication.domain = "a-domain-of-thirty-eight-bytes.example";
  CU_ASSERT(fixture_has(mtasts_snippet_nginx, &publication,
                        " mta-sts.a-domain-of-thirty-eight-bytes.example;"));
  publication.domain = "a-domain-of-thirty-nine--bytes0.example";
  CU_ASSERT(fixture_has(mtasts_snippet_nginx, &publication,
                        " ~^mta-sts\\.a-domain-of-thirty-nine--bytes0\\.example$;"));
}

const struct unit_test unit_tests[] = {{"each", each},
                                       {"certificate_of_caddy", certificate_of_caddy},
                                       {"long_names", long_names},
                                       {NULL, NULL}};
