/*
 * addr_spec.h: a mail address as this project accepts one: a dot-atom, `@` and a domain name of two
 * labels or more (RFC 5322 section 3.4.1). Quoted local parts, address literals and addresses
 * outside of ASCII are refused. Pure.
 */
#ifndef MTASTS_ADDR_SPEC_H
#define MTASTS_ADDR_SPEC_H

#include "mtasts.h"

#define MTASTS_LOCAL_PART_MAX 64 /* bytes, RFC 5321 section 4.5.3.1.1 */
#define MTASTS_ADDR_SPEC_MAX  (MTASTS_LOCAL_PART_MAX + 1 + MTASTS_DOMAIN_MAX)

struct mtasts_addr_spec {
  char text[MTASTS_ADDR_SPEC_MAX + 1]; /* the address, its domain in lower case */
  size_t local_len;                    /* bytes of the local part, which begins the text */
  struct mtasts_domain domain;
};

/* Reads an address. Returns NULL, or what is wrong with it: words that follow "the address"; then
 * *address is not to be used. */
const char *mtasts_addr_spec_parse(struct mtasts_span text, struct mtasts_addr_spec *address);

#endif
