#include "tlsa_match.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "ascii.h"
#include "unit.h"

enum {
  LEAF,   /* for mx.example.com, signed by the authority */
  CA,     /* presented by the server */
  OTHERS, /* self-signed, of somebody else */
  OLD,    /* as LEAF, expired */
  COUNT,
};

struct made {
  X509 *certificate;
  EVP_PKEY *key;
  struct mtasts_span der, spki;
};
static struct made made[COUNT];

static void make(struct made *out, const char *name, bool authority, int days,
                 const struct made *issuer) {
  static long serial;
  X509V3_CTX context;
  X509 *certificate = X509_new();
  X509_NAME *subject = X509_get_subject_name(certificate);
  char names[64];
  out->key = EVP_EC_gen("P-256");
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
  X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject);
  X509_time_adj_ex(X509_getm_notBefore(certificate), days - 100, 0, NULL);
  X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL);
  X509_set_pubkey(certificate, out->key);
  X509V3_set_ctx(&context, issuer ? issuer->certificate : certificate, certificate, NULL, NULL, 0);
  snprintf(names, sizeof names, "DNS:%s", name);
  X509_EXTENSION *extension =
      X509V3_EXT_conf_nid(NULL, &context, authority ? NID_basic_constraints : NID_subject_alt_name,
                          authority ? "critical,CA:TRUE" : names);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, issuer ? issuer->key : out->key, EVP_sha256());
  out->certificate = certificate;
  unsigned char *der = NULL;
  out->der.len = (size_t)i2d_X509(certificate, &der);
  out->der.data = (const char *)der;
  der = NULL;
  out->spki.len = (size_t)i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  out->spki.data = (const char *)der;
}

static void make_all(void) {
  if (made[LEAF].certificate)
    return;
  make(&made[CA], "A CA that nobody knows", true, 50, NULL);
  make(&made[LEAF], "mx.example.com", false, 50, &made[CA]);
  make(&made[OTHERS], "mx.example.com", false, 50, NULL);
  make(&made[OLD], "mx.example.com", false, -10, &made[CA]);
}

static void free_all(void) {
  for (size_t i = 0; i < COUNT; i++) {
    X509_free(made[i].certificate);
    EVP_PKEY_free(made[i].key);
    OPENSSL_free((void *)(uintptr_t)made[i].der.data);
    OPENSSL_free((void *)(uintptr_t)made[i].spki.data);
  }
  CU_ASSERT(made[LEAF].der.len > 0);
}

/* Writes "USAGE SELECTOR MATCHING OF", where OF is one of the certificates. */
static struct mtasts_span record(const char *text, unsigned char bytes[4096]) {
  const struct made *of = &made[text[6] - '0'];
  struct mtasts_span data = text[2] == '0' ? of->der : of->spki;
  unsigned size = (unsigned)data.len;
  bytes[0] = (unsigned char)(text[0] - '0');
  bytes[1] = (unsigned char)(text[2] - '0');
  bytes[2] = (unsigned char)(text[4] - '0');
  if (text[4] == '0')
    memcpy(bytes + 3, data.data, data.len);
  else
    EVP_Digest(data.data, data.len, bytes + 3, &size, text[4] == '2' ? EVP_sha512() : EVP_sha256(),
               NULL);
  return (struct mtasts_span){(const char *)bytes, size + 3};
}

#define MATCH   MTASTS_OK
#define NO      MTASTS_INVALID
#define USELESS MTASTS_ABSENT

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of their meaning */
static const struct {
  const char *what;
  const char *records[3];
  int chain[3]; /* ends with -1 */
  const char *name;
  enum mtasts_status expected;
} cases[] = {
    {"DANE-EE, the key", {"3 1 1 0"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"DANE-EE, SHA-512", {"3 1 2 0"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"DANE-EE, the whole key", {"3 1 0 0"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"DANE-EE, the certificate", {"3 0 1 0"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"DANE-EE, the whole certificate", {"3 0 0 0"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"names are nothing to DANE-EE", {"3 1 1 0"}, {LEAF, CA, -1}, "other.example", MATCH},
    {"nor are dates", {"3 1 1 3"}, {OLD, CA, -1}, "mx.example.com", MATCH},
    {"nor is who has signed", {"3 1 1 2"}, {OTHERS, -1}, "mx.example.com", MATCH},
    {"another key", {"3 1 1 2"}, {LEAF, CA, -1}, "mx.example.com", NO},
    {"the key of the authority as DANE-EE", {"3 1 1 1"}, {LEAF, CA, -1}, "mx.example.com", NO},
    {"one of two matches", {"3 1 1 2", "3 1 1 0"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"a useless one beside one that matches",
     {"1 1 1 2", "3 1 1 0"},
     {LEAF, -1},
     "x.example",
     MATCH},
    {"a useless one beside one that does not", {"1 1 1 0", "3 1 1 2"}, {LEAF, -1}, "x.example", NO},
    {"PKIX alone", {"1 1 1 0", "0 0 1 1"}, {LEAF, CA, -1}, "mx.example.com", USELESS},
    {"an unknown selector", {"3 9 1 0"}, {LEAF, CA, -1}, "mx.example.com", USELESS},
    {"DANE-TA, the certificate", {"2 0 1 1"}, {LEAF, CA, -1}, "mx.example.com", MATCH},
    {"DANE-TA, the key", {"2 1 1 1"}, {LEAF, CA, -1}, "mx.example.com", MATCH},
    {"DANE-TA, not presented", {"2 0 1 1"}, {LEAF, -1}, "mx.example.com", NO},
    {"DANE-TA, whole in the record", {"2 0 0 1"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"DANE-TA, its whole key in the record", {"2 1 0 1"}, {LEAF, -1}, "mx.example.com", MATCH},
    {"names count to DANE-TA", {"2 0 1 1"}, {LEAF, CA, -1}, "other.example", NO},
    {"so do dates", {"2 0 1 1"}, {OLD, CA, -1}, "mx.example.com", NO},
    {"DANE-TA of somebody else", {"2 0 1 2"}, {LEAF, CA, -1}, "mx.example.com", NO},
    {"one that has not signed it", {"2 0 1 1"}, {OTHERS, CA, -1}, "mx.example.com", NO},
    {"no certificate", {"3 1 1 0"}, {-1}, "mx.example.com", NO},
};

static void each(void) {
  make_all();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    static unsigned char bytes[3][4096];
    struct mtasts_span records[3];
    struct mtasts_span chain[3];
    struct mtasts_span name = mtasts_span_of(cases[i].name);
    struct mtasts_tlsa_question question = {
        .records = records, .chain = chain, .names = &name, .name_count = 1, .now = time(NULL)};
    for (; cases[i].records[question.record_count]; question.record_count++)
      records[question.record_count] =
          record(cases[i].records[question.record_count], bytes[question.record_count]);
    for (; cases[i].chain[question.chain_count] >= 0; question.chain_count++)
      chain[question.chain_count] = made[cases[i].chain[question.chain_count]].der;
    enum mtasts_status status = mtasts_tlsa_match(&question);
    unit_check(status == cases[i].expected, "%s: %s", cases[i].what, mtasts_status_name(status));
  }
}

/* RFC 7672 section 3.2.2: any of the names will do. */
static void names(void) {
  static unsigned char bytes[4096];
  make_all();
  struct mtasts_span records = record("2 0 1 1", bytes);
  struct mtasts_span chain[] = {made[LEAF].der, made[CA].der};
  struct mtasts_span list[] = {
      MTASTS_SPAN("base.example"), MTASTS_SPAN("mx.example.com"), {"mx.example.com\0.evil", 20}};
  struct mtasts_tlsa_question question = {.records = &records,
                                          .record_count = 1,
                                          .chain = chain,
                                          .chain_count = 2,
                                          .names = list,
                                          .name_count = 2,
                                          .now = time(NULL)};
  CU_ASSERT(mtasts_tlsa_match(&question) == MTASTS_OK);
  question.name_count = 1;
  CU_ASSERT(mtasts_tlsa_match(&question) == MTASTS_INVALID);
  question.names = list + 2;
  CU_ASSERT(mtasts_tlsa_match(&question) != MTASTS_OK);
}

static void damaged(void) {
  static unsigned char bytes[4096];
  make_all();
  struct mtasts_span name = MTASTS_SPAN("mx.example.com");
  struct mtasts_span records[] = {record("3 1 1 0", bytes), {NULL, 0}, {"\3\1", 2}};
  struct mtasts_span chain[] = {{made[LEAF].der.data, made[LEAF].der.len - 1}, {NULL, 0}};
  struct mtasts_tlsa_question question = {.records = records,
                                          .record_count = 3,
                                          .chain = chain,
                                          .chain_count = 2,
                                          .names = &name,
                                          .name_count = 1,
                                          .now = time(NULL)};
  CU_ASSERT(mtasts_tlsa_match(&question) == MTASTS_INVALID);
  chain[0] = made[LEAF].der;
  CU_ASSERT(mtasts_tlsa_match(&question) == MTASTS_OK);
}

const char *const unit_name = "check/tlsa_match";
const struct unit_test unit_tests[] = {
    {"usages, selectors and matching types", each},
    {"any of the names", names},
    {"damaged records and certificates", damaged},
    {"all is freed", free_all},
    {NULL, NULL},
};
