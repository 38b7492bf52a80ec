/*
 * ca_bundle.h: the certificates of authorities that a fetcher trusts, from one PEM bundle.
 *
 * A bundle that was replaced is taken up by itself: it is looked at if somebody wants to fetch, at
 * most every MTASTS_CA_BUNDLE_INTERVAL seconds, by one stat. A file that was changed in the last
 * two seconds may still be written to, and is read at a later look. What cannot be read, holds no
 * certificate or ends in the midst of one never replaces a good one: the certificates of before
 * stay, and the caller is told once. So a bundle that is missing is never taken for a fault of a
 * policy host.
 *
 * libcurl is given these certificates and no file: it would keep what it read for a day, and fail
 * each fetch while the file is missing.
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

/*
 * Reads the bundle. error: MTASTS_CA_BUNDLE_TEXT bytes, a sentence on failure.
 *   MTASTS_NO_FILE, MTASTS_PERMISSION  it cannot be read
 *   MTASTS_INVALID                     it holds no certificate, or a damaged one
 *   MTASTS_NO_MEMORY, MTASTS_IO
 */
enum mtasts_status mtasts_ca_bundle_new(const char *path, char *error,
                                        struct mtasts_ca_bundle **trust);
void mtasts_ca_bundle_free(struct mtasts_ca_bundle *trust);

/* Good until the next look; a session that has it keeps it. */
X509_STORE *mtasts_ca_bundle_store(const struct mtasts_ca_bundle *trust);

enum mtasts_ca_bundle_change {
  MTASTS_CA_BUNDLE_SAME,
  MTASTS_CA_BUNDLE_RENEWED,
  MTASTS_CA_BUNDLE_BROKEN, /* what stands there now is of no use */
};

/* Looks, if it is time to; at_once: in any case, and does not wait until the file is at rest. What
 * is new is said once: words gets a sentence then. */
enum mtasts_ca_bundle_change mtasts_ca_bundle_look(struct mtasts_ca_bundle *trust, bool at_once,
                                                   char words[MTASTS_CA_BUNDLE_TEXT]);

#endif
