/*
 * ca_bundle.h: the certificates of authorities that a fetcher trusts, from one PEM bundle.
 *
 * A bundle that was replaced is loaded automatically. Before a fetch, at most once every
 * MTASTS_CA_BUNDLE_INTERVAL seconds, one stat checks the file. A file that was changed in the last
 * two seconds may still be written to, so a later check reads it. A file that cannot be read, holds
 * no certificate or ends in the middle of one never replaces a good bundle: the earlier
 * certificates stay in use, and the caller gets one error. So a missing bundle is never taken for a
 * fault of a policy host.
 *
 * libcurl gets these certificates and no file name. With a file, it would keep what it read for a
 * day, and fail each fetch while the file is missing.
 *
 * For one thread.
 */
#ifndef MTASTS_CA_BUNDLE_H
#define MTASTS_CA_BUNDLE_H

#include <openssl/x509_vfy.h>

#include "mtasts.h"

enum {
  MTASTS_CA_BUNDLE_INTERVAL = 10, /* seconds */
  MTASTS_CA_BUNDLE_TEXT = 512,    /* bytes, with the NUL */
};

struct mtasts_ca_bundle;

/* The file to read: this one, or the system's bundle if it is NULL or "". */
const char *mtasts_ca_bundle_path(const char *ca_file);

/*
 * Reads the bundle. error: MTASTS_CA_BUNDLE_TEXT bytes, a sentence on failure.
 *   MTASTS_NO_FILE, MTASTS_PERMISSION  it cannot be read
 *   MTASTS_INVALID                     it holds no certificate, or a damaged one
 *   MTASTS_NO_MEMORY, MTASTS_IO
 */
enum mtasts_status mtasts_ca_bundle_new(const char *path, char *error,
                                        struct mtasts_ca_bundle **trust);
void mtasts_ca_bundle_free(struct mtasts_ca_bundle *trust);

/* Good until the next mtasts_ca_bundle_look. A TLS session that uses the store holds its own
 * reference. */
X509_STORE *mtasts_ca_bundle_store(const struct mtasts_ca_bundle *trust);

enum mtasts_ca_bundle_change {
  MTASTS_CA_BUNDLE_SAME,
  MTASTS_CA_BUNDLE_RENEWED,
  MTASTS_CA_BUNDLE_BROKEN, /* the file cannot be used now */
};

/* Checks the file if the interval is over. at_once: checks it now, and reads it even if it was
 * changed in the last two seconds. A change is reported once, with a sentence in words. */
enum mtasts_ca_bundle_change mtasts_ca_bundle_look(struct mtasts_ca_bundle *trust, bool at_once,
                                                   char words[MTASTS_CA_BUNDLE_TEXT]);

#endif
