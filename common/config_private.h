/*
 * config_private.h: one table of every key of mtasts.conf: its section, name and default, and how
 * its values are checked and kept. For config.c, config_keys.c and config_parse.c only.
 */
#ifndef MTASTS_CONFIG_PRIVATE_H
#define MTASTS_CONFIG_PRIVATE_H

#include "config.h"
#include "error_text.h"

struct mtasts_config_key;

/*
 * Reads one value into *out. Returns NULL, or why it is refused. If the value is a string, *out
 * points into text.
 */
typedef const char *mtasts_config_key_fn(const struct mtasts_config_key *key, const char *text,
                                         void *out);

struct mtasts_config_key {
  const char *section; /* "root" for keys outside of any section, as libconfuse calls it */
  const char *name;
  const char *fallback; /* the default; NULL: must be given. Of a list: each ends with NUL */
  mtasts_config_key_fn *read;
  size_t offset;     /* in struct mtasts_config; of `override` in struct mtasts_override_draft */
  size_t element;    /* bytes of a list's element; 0: not a list */
  bool set;          /* a list whose values become bits of one number */
  unsigned decimals; /* decimals that a number may have; it is kept times ten to that power */
  uint64_t min, max; /* of a number, as kept */
  const char *const *choices; /* ends with NULL; the value is the index */
};

enum {
  MTASTS_CONFIG_KEYS_MAX = 128
};

/* The keys of one section are adjacent. */
extern const struct mtasts_config_key mtasts_config_keys[];
extern const size_t mtasts_config_key_count;

/* The values of an `override` section. */
struct mtasts_override_draft {
  enum mtasts_mode mode;
  unsigned dane_off; /* 0 or 1 */
  int64_t until;
  struct mtasts_strings mx;
};

/* Are users and groups to be looked up? The `accounts` of the mtasts_config_read that is
 * running. */
bool mtasts_config_wants_accounts(void);

enum mtasts_status mtasts_config_read(struct mtasts_span text, const char *name, bool accounts,
                                      char error[MTASTS_ERROR_TEXT], struct mtasts_config **config);

/* Frees libconfuse's tree of a configuration; NULL is fine. */
void mtasts_config_free_tree(void *tree);

/* Room for one value of any key. */
union mtasts_config_value {
  const char *text;
  uint64_t number;
  struct mtasts_network network;
};

#endif
