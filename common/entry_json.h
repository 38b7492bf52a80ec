/*
 * entry_json.h: what is known of a domain, as JSON (jansson).
 *
 * The keys, their order and meanings are a public interface of mtasts(1). The json_t belongs to the
 * caller; NULL means out of memory.
 */
#ifndef MTASTS_ENTRY_JSON_H
#define MTASTS_ENTRY_JSON_H

#include <jansson.h>

#include "error_text.h"
#include "mtasts.h"
#include "mx_list.h"

/* "policy", "absent", "invalid" or "error": the state of a domain's entry, in one word. */
const char *mtasts_entry_state_name(const struct mtasts_entry *entry);

/* The object of `cache list`, `show` and `export`: the whole entry, without loss, except the member
 * `unresolved`, the cause of a wait of two minutes. */
json_t *mtasts_entry_json(const struct mtasts_domain *domain, const struct mtasts_entry *entry);

enum {
  MTASTS_ENTRY_JSON_MAX = 1 << 20 /* bytes of a line to import */
};

/* What an imported entry points into. */
struct mtasts_entry_buffers {
  unsigned char patterns[MTASTS_POLICY_MAX];
  unsigned char hosts[MTASTS_MX_LIST_MAX];
  char detail[MTASTS_DETAIL_MAX];
};

/*
 * Reads one line of an export. The input is untrusted: everything is checked again (names,
 * patterns, enumerations, times, expires = fetched + max_age), and unknown and repeated keys are
 * refused. `policy_domain` and `state` are required, and for a policy its own five keys; the others
 * may be missing or null.
 *
 *   MTASTS_INVALID    error says why (error_text.h)
 *   MTASTS_TOO_LARGE  over MTASTS_ENTRY_JSON_MAX bytes; *error says so
 */
enum mtasts_status mtasts_entry_from_json(struct mtasts_span line,
                                          struct mtasts_entry_buffers *store,
                                          struct mtasts_domain *domain, struct mtasts_entry *entry,
                                          char error[MTASTS_ERROR_TEXT]);

#endif
