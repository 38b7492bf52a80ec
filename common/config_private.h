/*
 * config_private.h: every key of mtasts.conf in one table: its section, name, default, and how a
 * value of it is checked and kept. For config.c, config_keys.c and config_parse.c alone.
 */
#ifndef MTASTS_CONFIG_PRIVATE_H
#define MTASTS_CONFIG_PRIVATE_H

#include "config.h"
#include "error_text.h"

struct mtasts_config_key;

/*
 * Reads one value into *out. Returns NULL, or why it is refused. Keeps pointing at text where
 * the value is a string.
 */
typedef const char *mtasts_config_key_fn(const struct mtasts_config_key *key, const char *text,
                                         void *out);

struct mtasts_config_key {
  const char *section; /* "root" for those outside of any, as libconfuse calls it */
  const char *name;
  const char *fallback; /* the default; NULL: must be given. Of a list: each ends with NUL */
  mtasts_config_key_fn *read;
  size_t offset;     /* in struct mtasts_config; of `override` in struct mtasts_override_draft */
  size_t element;    /* bytes of a list's element; 0: not a list */
  bool set;          /* a list whose values become bits of one number */
  unsigned decimals; /* that a number may have; it is kept times ten to that power */
  uint64_t min, max; /* of a number as it is kept */
  const char *const *choices; /* ends with NULL; the value is the index */
};

enum {
  MTASTS_CONFIG_KEYS_MAX = 128
};

/* The keys of one section stand together. */
extern const struct mtasts_config_key mtasts_config_keys[];
extern const size_t mtasts_config_key_count;

/* An `override` section as it is written. */
struct mtasts_override_draft {
  enum mtasts_mode mode;
  unsigned dane_off; /* 0 or 1 */
  int64_t until;
  struct mtasts_strings mx;
};

/* Are users and groups to be looked up? As mtasts_config_read was told for the file that is being
 * read. */
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
