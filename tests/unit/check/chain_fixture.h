/*
 * chain_fixture.h: a certificate for mx.example.com and that of its authority, made by OpenSSL, and
 * TLSA records that match them or do not.
 */
#ifndef CHAIN_FIXTURE_H
#define CHAIN_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

#include "mtasts.h"

enum {
  CHAIN_RECORD = 3 + 32, /* bytes of a TLSA record with a SHA-256 */
};

struct chains {
  struct mtasts_span chain[2]; /* the server's, the authority's; DER */
  unsigned char ee[CHAIN_RECORD], ta[CHAIN_RECORD], other[CHAIN_RECORD], pkix[CHAIN_RECORD];
};

/* A certificate from 2026 to 2027, signed by the issuer's key. */
static X509 *chain_certificate(const char *name, EVP_PKEY *key, X509 *issuer,
                               EVP_PKEY *issuer_key) {
  X509 *certificate = X509_new();
  X509V3_CTX context;
  X509_NAME *subject = X509_get_subject_name(certificate);
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
  ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20260101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(certificate), "20271231000000Z");
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
  X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject);
  X509_set_pubkey(certificate, key);
  X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension =
      X509V3_EXT_conf_nid(NULL, &context, issuer ? NID_subject_alt_name : NID_basic_constraints,
                          issuer ? "DNS:mx.example.com" : "critical,CA:TRUE");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, issuer ? issuer_key : key, EVP_sha256());
  return certificate;
}

static void chain_record(unsigned char *record, unsigned usage, unsigned selector,
                         const unsigned char *bytes, size_t size) {
  record[0] = (unsigned char)usage;
  record[1] = (unsigned char)selector;
  record[2] = 1;
  SHA256(bytes, size, record + 3);
}

static void chains_make(struct chains *chains) {
  EVP_PKEY *ca_key = EVP_EC_gen("P-256");
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *ca = chain_certificate("Test CA", ca_key, NULL, NULL);
  X509 *leaf = chain_certificate("mx.example.com", key, ca, ca_key);
  X509 *both[] = {leaf, ca};
  for (size_t i = 0; i < 2; i++) {
    unsigned char *der = NULL;
    int len = i2d_X509(both[i], &der);
    chains->chain[i] = (struct mtasts_span){(const char *)der, (size_t)len};
  }
  unsigned char *spki = NULL;
  int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
  chain_record(chains->ee, 3, 1, spki, (size_t)len);
  chain_record(chains->pkix, 1, 1, spki, (size_t)len);
  chain_record(chains->ta, 2, 0, (const unsigned char *)chains->chain[1].data,
               chains->chain[1].len);
  chain_record(chains->other, 3, 1, (const unsigned char *)"other", 5);
  OPENSSL_free(spki);
  X509_free(leaf);
  X509_free(ca);
  EVP_PKEY_free(key);
  EVP_PKEY_free(ca_key);
}

static void chains_free(struct chains *chains) {
  for (size_t i = 0; i < 2; i++)
    OPENSSL_free((void *)(uintptr_t)chains->chain[i].data);
}

/* The record of this name: ee and ta match, other does not, pkix is not usable. */
static bool chains_record(const struct chains *chains, const char *name,
                          struct mtasts_span *record) {
  const unsigned char *bytes = strcmp(name, "ee") == 0      ? chains->ee
                               : strcmp(name, "ta") == 0    ? chains->ta
                               : strcmp(name, "other") == 0 ? chains->other
                               : strcmp(name, "pkix") == 0  ? chains->pkix
                                                            : NULL;
  *record = (struct mtasts_span){(const char *)bytes, CHAIN_RECORD};
  return bytes != NULL;
}

#endif
