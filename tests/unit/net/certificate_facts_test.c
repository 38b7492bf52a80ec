#include "certificate_facts.h"

#include <string.h>
#include <time.h>

#include "ascii.h"
#include "certificate.h"
#include "scripted_https.h"
#include "unit.h"

#define HOST "mx.mail.example"

enum signer {
  KNOWN,
  MIDDLE, /* an intermediate of KNOWN's */
  LAPSED, /* an expired one */
  FEEBLE, /* one with a key of RSA 1024 bits */
  UNKNOWN,
  ITSELF,
  SIGNERS,
};

static struct https_authority signers[SIGNERS];
static X509_STORE *trust;
static struct mtasts_arena arena;

static EVP_PKEY *make_key(int bits) {
  return bits > 0 ? EVP_RSA_gen((unsigned)bits) : EVP_EC_gen("P-256");
}

static struct https_authority make_authority(const char *cn, enum signer above, int until,
                                             int bits) {
  struct https_authority made = {.key = make_key(bits)};
  made.certificate =
      https_certificate(cn, NULL, -1000, until, made.key, above == ITSELF ? NULL : &signers[above]);
  return made;
}

static void make_signers(void) {
  if (trust)
    return;
  signers[KNOWN] = https_authority("Known CA");
  signers[UNKNOWN] = https_authority("Unknown CA");
  signers[MIDDLE] = make_authority("Middle CA", KNOWN, 1000, 0);
  signers[LAPSED] = make_authority("Lapsed CA", KNOWN, -5, 0);
  signers[FEEBLE] = make_authority("Feeble CA", KNOWN, 1000, 1024);
  trust = X509_STORE_new();
  X509_STORE_add_cert(trust, signers[KNOWN].certificate);
}

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of their meaning */
struct facts_case {
  const char *what;
  enum signer signer;
  bool sends_issuer;
  int bits; /* of RSA; 0: EC */
  bool sha1;
  const char *names;
  int until; /* days */
  int level;
  /* what is seen */
  bool trusted, self_signed, names_host, weak_key, weak_signature, good;
  const char *key_text;
  const char *detail; /* a part of it */
};

static const struct facts_case cases[] = {
    {"good", KNOWN, false, 0, false, "DNS:" HOST, 30, 2, true, false, true, false, false, true,
     "EC 256 bits, ecdsa-with-SHA256", ""},
    {"an intermediate that is sent", MIDDLE, true, 0, false, "DNS:" HOST, 30, 2, true, false, true,
     false, false, true, "EC 256 bits, ecdsa-with-SHA256", ""},
    {"one that is not", MIDDLE, false, 0, false, "DNS:" HOST, 30, 0, false, false, true, false,
     false, false, "EC 256 bits, ecdsa-with-SHA256", "issuer certificate; issued by Middle CA"},
    {"one that has expired", LAPSED, true, 0, false, "DNS:" HOST, 30, 0, false, false, true, false,
     false, false, "EC 256 bits, ecdsa-with-SHA256",
     "an issuer's certificate: certificate has expired; issued by Known CA"},
    {"one with a weak key", FEEBLE, true, 0, false, "DNS:" HOST, 30, 0, true, false, true, true,
     false, true, "issuer's certificate: RSA 1024 bits, ecdsa-with-SHA256", ""},
    {"unknown", UNKNOWN, true, 0, false, "DNS:" HOST, 30, 0, false, false, true, false, false,
     false, "EC 256 bits, ecdsa-with-SHA256", "self"},
    {"self-signed", ITSELF, false, 0, false, "DNS:" HOST, 30, 0, false, true, true, false, false,
     false, "EC 256 bits, ecdsa-with-SHA256", "self"},
    {"self-signed with SHA-1", ITSELF, false, 0, true, "DNS:" HOST, 30, 0, false, true, true, false,
     false, false, "EC 256 bits, ecdsa-with-SHA1", "self"},
    {"expired, else good", KNOWN, false, 0, false, "DNS:" HOST, -2, 0, true, false, true, false,
     false, false, "EC 256 bits, ecdsa-with-SHA256", ""},
    {"expired and unknown", UNKNOWN, false, 0, false, "DNS:" HOST, -2, 0, false, false, true, false,
     false, false, "EC 256 bits, ecdsa-with-SHA256", "issuer certificate"},
    {"another name", KNOWN, false, 0, false, "DNS:other.example,DNS:*.other.example", 30, 0, true,
     false, false, false, false, false, "EC 256 bits, ecdsa-with-SHA256", ""},
    {"a wildcard", KNOWN, false, 0, false, "DNS:*.mail.example", 30, 0, true, false, true, false,
     false, true, "EC 256 bits, ecdsa-with-SHA256", ""},
    {"RSA 1024 bits, as for a mail server", KNOWN, false, 1024, false, "DNS:" HOST, 30, 0, true,
     false, true, true, false, true, "RSA 1024 bits, ecdsa-with-SHA256", ""},
    {"RSA 1024 bits, as for a policy host", KNOWN, false, 1024, false, "DNS:" HOST, 30, 2, false,
     false, true, true, false, false, "RSA 1024 bits, ecdsa-with-SHA256", "too weak"},
    {"RSA 2048 bits", KNOWN, false, 2048, false, "DNS:" HOST, 30, 2, true, false, true, false,
     false, true, "RSA 2048 bits, ecdsa-with-SHA256", ""},
    {"signed with SHA-1, as for a mail server", KNOWN, false, 0, true, "DNS:" HOST, 30, 0, true,
     false, true, false, true, true, "EC 256 bits, ecdsa-with-SHA1", ""},
    {"signed with SHA-1, as for a policy host", KNOWN, false, 0, true, "DNS:" HOST, 30, 2, false,
     false, true, false, true, false, "EC 256 bits, ecdsa-with-SHA1", "too weak"},
};

/* A server's context with the certificate of the case. */
static SSL_CTX *make_server(const struct facts_case *c) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY *key = make_key(c->bits);
  const struct https_authority *issuer = c->signer == ITSELF ? NULL : &signers[c->signer];
  X509 *certificate = https_certificate(HOST, c->names, -90, c->until, key, issuer);
  if (c->sha1)
    X509_sign(certificate, issuer ? issuer->key : key, EVP_sha1());
  SSL_CTX_set_security_level(context, 0);
  CU_ASSERT(SSL_CTX_use_certificate(context, certificate) == 1);
  CU_ASSERT(SSL_CTX_use_PrivateKey(context, key) == 1);
  if (c->sends_issuer)
    SSL_CTX_add1_chain_cert(context, issuer->certificate);
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

/* A handshake in memory, and what is seen of the server. */
static void see(SSL_CTX *from, const struct facts_case *c, struct mtasts_seen_certificate *seen) {
  SSL_CTX *to = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(to, 0);
  SSL *server = SSL_new(from);
  SSL *client = SSL_new(to);
  BIO *one;
  BIO *other;
  CU_ASSERT_FATAL(BIO_new_bio_pair(&one, 0, &other, 0) == 1);
  SSL_set_bio(server, one, one);
  SSL_set_bio(client, other, other);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
  for (int i = 0; i < 20 && (!SSL_is_init_finished(client) || !SSL_is_init_finished(server)); i++) {
    SSL_do_handshake(client);
    SSL_do_handshake(server);
  }
  unit_check(SSL_is_init_finished(client), "%s: handshake", c->what);
  const struct mtasts_certificate_context context = {
      .trust = trust, .host = HOST, .now = time(NULL), .level = c->level, .arena = &arena};
  mtasts_certificate_facts(client, &context, seen);
  SSL_free(client);
  SSL_free(server);
  SSL_CTX_free(to);
}

static void each(void) {
  make_signers();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct facts_case *c = &cases[i];
    struct mtasts_seen_certificate seen;
    SSL_CTX *server = make_server(c);
    see(server, c, &seen);
    int64_t now = time(NULL);
    unit_check(seen.present, "%s: present", c->what);
    unit_check(seen.trusted == c->trusted, "%s: %.*s", c->what, (int)seen.trust_detail.len,
               seen.trust_detail.data);
    unit_check(seen.self_signed == c->self_signed, "%s: self-signed", c->what);
    unit_check(seen.names_host == c->names_host, "%s: name", c->what);
    unit_check(seen.weak_key == c->weak_key, "%s: key", c->what);
    unit_check(seen.weak_signature == c->weak_signature, "%s: signature", c->what);
    unit_check(mtasts_certificate_is_good(&seen, now) == c->good, "%s: good", c->what);
    unit_check(mtasts_span_equal(seen.key_text, mtasts_span_of(c->key_text)), "%s: %.*s", c->what,
               (int)seen.key_text.len, seen.key_text.data);
    unit_check(c->trusted ? !seen.trust_detail.data
                          : seen.trust_detail.data && strstr(seen.trust_detail.data, c->detail),
               "%s: %.*s", c->what, (int)seen.trust_detail.len, seen.trust_detail.data);
    unit_check(seen.chain_count == (c->sends_issuer ? 2 : 1), "%s: chain", c->what);
    int64_t days = (seen.not_after - now + 43200) / 86400;
    unit_check(days == c->until || days == c->until + 1, "%s: dates", c->what);
    SSL_CTX_free(server);
  }
  mtasts_arena_free(&arena);
}

static void names(void) {
  struct mtasts_seen_certificate seen;
  static const struct facts_case c = {.what = "names",
                                      .signer = KNOWN,
                                      .names = "DNS:a.example,IP:192.0.2.1,DNS:\033.example",
                                      .until = 30};
  make_signers();
  SSL_CTX *server = make_server(&c);
  see(server, &c, &seen);
  CU_ASSERT_FATAL(seen.name_count == 2);
  CU_ASSERT(mtasts_span_equal(seen.names[0], MTASTS_SPAN("a.example")));
  CU_ASSERT(mtasts_span_equal(seen.names[1], MTASTS_SPAN("\033.example")));
  SSL_CTX_free(server);
  mtasts_arena_free(&arena);
}

static void free_all(void) {
  for (size_t i = 0; i < ITSELF; i++)
    https_authority_free(&signers[i]);
  X509_STORE_free(trust);
  CU_ASSERT_PTR_NULL(arena.last);
}

const char *const unit_name = "net/certificate_facts";
const struct unit_test unit_tests[] = {
    {"trust, dates, names and strength, each apart", each},
    {"the names as they are", names},
    {"all is freed", free_all},
    {NULL, NULL},
};
