/*
 * certs: the certificates of the lab, good and bad.
 *
 *   certs DIR < LIST        a line a host: HOST [KIND]
 *
 * Writes DIR/ca.pem, the test CA, and DIR/HOST.crt and DIR/HOST.key for each host.
 * Keys are EC P-256, each host has its own: a thousand take less than a second.
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
    ITSELF
  } signer;
  const char *not_before, *not_after; /* ASN.1 generalised times; NULL: yesterday, next year */
};

static const struct kind kinds[] = {
    {"good", "DNS:%s", 0, TEST_CA, NULL, NULL},
    {"expired", "DNS:%s", 0, TEST_CA, "20200101000000Z", "20210101000000Z"},
    {"future", "DNS:%s", 0, TEST_CA, "20900101000000Z", "20910101000000Z"},
    {"self-signed", "DNS:%s", 0, ITSELF, NULL, NULL},
    {"unknown-ca", "DNS:%s", 0, UNKNOWN_CA, NULL, NULL},
    {"cn-only", NULL, 0, TEST_CA, NULL, NULL},
    {"wrong-name", "DNS:www.%s", 1, TEST_CA, NULL, NULL},
    {"mx-name", "DNS:mx.%s", 1, TEST_CA, NULL, NULL},
    {"wildcard", "DNS:*.%s", 1, TEST_CA, NULL, NULL},
    {"wildcard-above", "DNS:*.%s", 2, TEST_CA, NULL, NULL},
    {"wildcard-partial", "DNS:mta-*.%s", 1, TEST_CA, NULL, NULL},
    {"many-names", "many", 0, TEST_CA, NULL, NULL},
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

static struct issuer authority(const char *name) {
  struct issuer ca = {NULL, EVP_EC_gen("P-256")};
  need(ca.key != NULL, name);
  ca.cert = certificate(ca.key, name, NULL);
  extend(ca.cert, NID_basic_constraints, "critical,CA:TRUE");
  extend(ca.cert, NID_key_usage, "critical,keyCertSign");
  need(X509_sign(ca.cert, ca.key, EVP_sha256()), name);
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
  /* The CN is the host also where the SAN is another: who falls back to it is caught. */
  X509 *cert = certificate(key, host, signer);
  if (kind->not_before)
    need(ASN1_TIME_set_string(X509_getm_notBefore(cert), kind->not_before) &&
             ASN1_TIME_set_string(X509_getm_notAfter(cert), kind->not_after),
         host);
  extend(cert, NID_basic_constraints, "critical,CA:FALSE");
  subject_names(cert, kind, host);
  need(X509_sign(cert, signer ? signer->key : key, EVP_sha256()), host);
  return cert;
}

/* One of cert and key is written, the other NULL. */
static void write_pem(const char *directory, const char *name, X509 *cert, EVP_PKEY *key) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "w");
  need(file != NULL, path);
  need(cert ? PEM_write_X509(file, cert)
            : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL),
       path);
  need(fclose(file) == 0, path);
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
  struct issuer known = authority("mtasts lab CA");
  struct issuer unknown = authority("a CA that nobody knows");
  write_pem(argv[1], "ca.pem", known.cert, NULL);

  char line[400], host[256], kind_name[32], file[300];
  while (fgets(line, sizeof line, stdin)) {
    int fields = sscanf(line, "%255s %31s", host, kind_name);
    if (fields < 1)
      continue;
    const struct kind *kind = find_kind(fields == 2 ? kind_name : "good");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    need(key != NULL, host);
    const struct issuer *signer[] = {&known, &unknown, NULL};
    X509 *cert = leaf(key, host, kind, signer[kind->signer]);
    snprintf(file, sizeof file, "%s.crt", host);
    write_pem(argv[1], file, cert, NULL);
    snprintf(file, sizeof file, "%s.key", host);
    write_pem(argv[1], file, NULL, key);
    X509_free(cert);
    EVP_PKEY_free(key);
  }
  X509_free(known.cert);
  EVP_PKEY_free(known.key);
  X509_free(unknown.cert);
  EVP_PKEY_free(unknown.key);
  return 0;
}
