/*
 * certs: the certificates of the lab, good and bad.
 *
 *   certs DIR < LIST        a line a host: HOST [KIND [tlsa]]
 *
 * Writes DIR/ca.pem, the test CA, and DIR/HOST.crt and DIR/HOST.key for each host; DIR/HOST.tlsa if
 * `tlsa` is given: a line for each kind of TLSA record (RFC 6698), of the leaf (ee) and of its
 * issuer (ta): ee|ta SELECTOR MATCHING-TYPE DATA. Keys are EC P-256 but for one kind,
 * each host has its own: a thousand take less than a second.
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400L

struct issuer {
  X509 *cert;
  EVP_PKEY *key;
};

/* What is wrong with a leaf, all zero for a good one. */
struct kind {
  const char *name;
  const char *san;    /* with %s for the name below; NULL: no SAN at all */
  int labels_removed; /* from the host's left, for that name */
  enum {
    TEST_CA,
    UNKNOWN_CA,
    ITSELF,
    INTERMEDIATE, /* signed by TEST_CA */
  } signer;
  const char *not_before, *not_after; /* ASN.1 generalised times; NULL: yesterday, next year */
  int chain;                          /* the signer's certificate comes with it */
  int age, left;                      /* days; 0 and 0: the dates above */
  enum {
    STRONG,
    RSA_1024,
    SHA_1
  } strength;
};

static const struct kind kinds[] = {
    {"good", "DNS:%s", 0, TEST_CA, NULL, NULL, 0},
    {"expired", "DNS:%s", 0, TEST_CA, "20200101000000Z", "20210101000000Z", 0},
    {"future", "DNS:%s", 0, TEST_CA, "20900101000000Z", "20910101000000Z", 0},
    {"self-signed", "DNS:%s", 0, ITSELF, NULL, NULL, 0},
    {"unknown-ca", "DNS:%s", 0, UNKNOWN_CA, NULL, NULL, 0},
    {"cn-only", NULL, 0, TEST_CA, NULL, NULL, 0},
    {"wrong-name", "DNS:www.%s", 1, TEST_CA, NULL, NULL, 0},
    {"mx-name", "DNS:mx.%s", 1, TEST_CA, NULL, NULL, 0},
    {"wildcard", "DNS:*.%s", 1, TEST_CA, NULL, NULL, 0},
    {"wildcard-above", "DNS:*.%s", 2, TEST_CA, NULL, NULL, 0},
    {"wildcard-partial", "DNS:mta-*.%s", 1, TEST_CA, NULL, NULL, 0},
    {"many-names", "many", 0, TEST_CA, NULL, NULL, 0},
    {"with-ca", "DNS:%s", 0, TEST_CA, NULL, NULL, 1},
    {"own-ca", "DNS:%s", 0, UNKNOWN_CA, NULL, NULL, 1},
    {"own-ca-wrong-name", "DNS:www.%s", 1, UNKNOWN_CA, NULL, NULL, 1},
    {"intermediate", "DNS:%s", 0, INTERMEDIATE, NULL, NULL, 1},
    {"no-intermediate", "DNS:%s", 0, INTERMEDIATE, NULL, NULL, 0},
    {"all-wrong", "DNS:www.%s", 1, UNKNOWN_CA, "20200101000000Z", "20210101000000Z", 0},
    {"expiring", "DNS:%s", 0, TEST_CA, NULL, NULL, 0, 80, 10},    /* under 14 days of 90 */
    {"expires-soon", "DNS:%s", 0, TEST_CA, NULL, NULL, 0, 88, 2}, /* under 3 days of 90 */
    {"short-lived", "DNS:%s", 0, TEST_CA, NULL, NULL, 0, 2, 4},   /* right: a sixth is a day */
    {"renewed-late", "DNS:%s", 0, TEST_CA, NULL, NULL, 0, 36, 9}, /* right: a sixth of 45 is 7.5 */
    {"weak-key", "DNS:%s", 0, TEST_CA, NULL, NULL, 0, 0, 0, RSA_1024},
    {"weak-signature", "DNS:%s", 0, TEST_CA, NULL, NULL, 0, 0, 0, SHA_1},
};

static void need(int ok, const char *what) {
  if (ok)
    return;
  fprintf(stderr, "certs: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static X509 *certificate(EVP_PKEY *key, const char *common_name, const struct issuer *issuer) {
  static long serial;
  X509 *cert = X509_new();
  need(cert && X509_set_version(cert, X509_VERSION_3) && X509_set_pubkey(cert, key) &&
           ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial) &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -DAY) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), 365 * DAY) &&
           X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                      (const unsigned char *)common_name, -1, -1, 0) &&
           X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer->cert : cert)),
       common_name);
  return cert;
}

static void extend(X509 *cert, int nid, const char *value) {
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
  need(extension && X509_add_ext(cert, extension, -1), value);
  X509_EXTENSION_free(extension);
}

static struct issuer authority(const char *name, const struct issuer *above) {
  struct issuer ca = {NULL, EVP_EC_gen("P-256")};
  need(ca.key != NULL, name);
  ca.cert = certificate(ca.key, name, above);
  extend(ca.cert, NID_basic_constraints, "critical,CA:TRUE");
  extend(ca.cert, NID_key_usage, "critical,keyCertSign");
  need(X509_sign(ca.cert, above ? above->key : ca.key, EVP_sha256()), name);
  return ca;
}

/* A hundred other names, the host's own last. */
static void many_names(X509 *cert, const char *host) {
  char san[8192];
  size_t used = 0;
  for (int i = 0; i < 100; i++)
    used += (size_t)snprintf(san + used, sizeof san - used, "DNS:customer%d.hoster.example,", i);
  snprintf(san + used, sizeof san - used, "DNS:%s", host);
  extend(cert, NID_subject_alt_name, san);
}

static void subject_names(X509 *cert, const struct kind *kind, const char *host) {
  if (!kind->san)
    return;
  if (!strcmp(kind->name, "many-names")) {
    many_names(cert, host);
    return;
  }
  const char *name = host;
  for (int i = 0; i < kind->labels_removed && strchr(name, '.'); i++)
    name = strchr(name, '.') + 1;
  const char *mark = strstr(kind->san, "%s");
  char san[300];
  snprintf(san, sizeof san, "%.*s%s", (int)(mark - kind->san), kind->san, name);
  extend(cert, NID_subject_alt_name, san);
}

static X509 *leaf(EVP_PKEY *key, const char *host, const struct kind *kind,
                  const struct issuer *signer) {
  /* The CN is the host even if the SAN is another name: so a client that falls back to the CN is
   * detected. */
  X509 *cert = certificate(key, host, signer);
  if (kind->not_before)
    need(ASN1_TIME_set_string(X509_getm_notBefore(cert), kind->not_before) &&
             ASN1_TIME_set_string(X509_getm_notAfter(cert), kind->not_after),
         host);
  if (kind->left > 0)
    need(X509_gmtime_adj(X509_getm_notBefore(cert), -kind->age * DAY) &&
             X509_gmtime_adj(X509_getm_notAfter(cert), kind->left * DAY),
         host);
  extend(cert, NID_basic_constraints, "critical,CA:FALSE");
  subject_names(cert, kind, host);
  need(X509_sign(cert, signer ? signer->key : key,
                 kind->strength == SHA_1 ? EVP_sha1() : EVP_sha256()),
       host);
  return cert;
}

static FILE *create(const char *directory, const char *name, const char *suffix) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s%s", directory, name, suffix);
  FILE *file = fopen(path, "w");
  need(file != NULL, path);
  return file;
}

/* above may be NULL. */
static void write_certificate(FILE *file, X509 *cert, X509 *above) {
  need(PEM_write_X509(file, cert) && (!above || PEM_write_X509(file, above)) && fclose(file) == 0,
       "a certificate");
}

static void write_key(FILE *file, EVP_PKEY *key) {
  need(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) && fclose(file) == 0, "a key");
}

static void write_tlsa(FILE *file, const char *of, X509 *cert) {
  const EVP_MD *digests[] = {NULL, EVP_sha256(), EVP_sha512()}; /* by matching type */
  for (int selector = 0; selector <= 1; selector++) {
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    int size = selector == 0 ? i2d_X509(cert, &der) : i2d_PUBKEY(X509_get0_pubkey(cert), &der);
    need(size > 0, of);
    for (int matching = 0; matching <= 2; matching++) {
      const unsigned char *data = der;
      unsigned data_size = (unsigned)size;
      if (matching > 0) {
        need(EVP_Digest(der, (size_t)size, digest, &data_size, digests[matching], NULL), of);
        data = digest;
      }
      fprintf(file, "%s %d %d ", of, selector, matching);
      for (unsigned i = 0; i < data_size; i++)
        fprintf(file, "%02x", data[i]);
      fputc('\n', file);
    }
    OPENSSL_free(der);
  }
}

static const struct kind *find_kind(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp(kinds[i].name, name))
      return &kinds[i];
  fprintf(stderr, "certs: no such kind of certificate: %s\n", name);
  exit(64);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: certs DIR < LIST\n", stderr);
    return 64;
  }
  struct issuer known = authority("mtasts lab CA", NULL);
  struct issuer unknown = authority("a CA that is not trusted", NULL);
  struct issuer middle = authority("mtasts lab intermediate CA", &known);
  write_certificate(create(argv[1], "ca.pem", ""), known.cert, NULL);

  char line[400], host[256], kind_name[32], tlsa[5];
  while (fgets(line, sizeof line, stdin)) {
    int fields = sscanf(line, "%255s %31s %4s", host, kind_name, tlsa);
    if (fields < 1)
      continue;
    const struct kind *kind = find_kind(fields >= 2 ? kind_name : "good");
    EVP_PKEY *key = kind->strength == RSA_1024 ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
    need(key != NULL, host);
    const struct issuer *signer[] = {&known, &unknown, NULL, &middle};
    const struct issuer *above = signer[kind->signer];
    X509 *cert = leaf(key, host, kind, above);
    X509 *parent = above ? above->cert : cert;
    write_certificate(create(argv[1], host, ".crt"), cert, kind->chain ? parent : NULL);
    write_key(create(argv[1], host, ".key"), key);
    if (fields == 3) {
      FILE *file = create(argv[1], host, ".tlsa");
      write_tlsa(file, "ee", cert);
      write_tlsa(file, "ta", parent);
      need(fclose(file) == 0, host);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
  }
  X509_free(known.cert);
  EVP_PKEY_free(known.key);
  X509_free(unknown.cert);
  EVP_PKEY_free(unknown.key);
  X509_free(middle.cert);
  EVP_PKEY_free(middle.key);
  return 0;
}
