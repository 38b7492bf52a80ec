#include "config_private.h"
#include "config_text.h"
#include "idn.h"
#include "strbuf.h"

#include <confuse.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  OVERRIDES_MAX = 4096,
  PATTERNS_MAX = 256, /* of one override: packed, they take at most the size of a policy's */
};

/* Protects libconfuse's lexer, which freeing a tree uses as well. */
static pthread_mutex_t lexer = PTHREAD_MUTEX_INITIALIZER;

/*
 * A static variable, because libconfuse's callbacks have no context argument, and it has one lexer
 * for the process anyway.
 */
static struct parse {
  const char *name; /* of the file */
  bool accounts;    /* are users and groups to be looked up? */
  char *error;
  enum mtasts_status status;
  struct mtasts_config *config;
  struct mtasts_domain_override *overrides;
  unsigned
      lines[MTASTS_CONFIG_KEYS_MAX]; /* the line of each key, in this override or the file; or 0 */
} * parsing;

bool mtasts_config_wants_accounts(void) {
  return parsing->accounts;
}

/* Keeps the first error. Its text may quote the file, so it is made printable. */
__attribute__((format(printf, 2, 0))) static void set_error(unsigned line, const char *format,
                                                            va_list arguments) {
  char why[512];
  struct mtasts_strbuf error = {.data = parsing->error, .size = MTASTS_ERROR_TEXT};
  if (parsing->status != MTASTS_OK)
    return;
  parsing->status = MTASTS_INVALID;
  vsnprintf(why, sizeof why, format, arguments);
  mtasts_strbuf_printf(&error, "%s:%u: ", parsing->name, line);
  mtasts_strbuf_printable(&error, mtasts_span_of(why));
}

__attribute__((format(printf, 2, 3))) static void fail(unsigned line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  set_error(line, format, arguments);
  va_end(arguments);
}

static void fail_memory(void) {
  parsing->status = MTASTS_NO_MEMORY;
  snprintf(parsing->error, MTASTS_ERROR_TEXT, "out of memory");
}

/* Errors that libconfuse itself finds: syntax, unknown keys. */
__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *format,
                                                           va_list arguments) {
  set_error((unsigned)cfg->line, format, arguments);
}

static const struct mtasts_config_key *find_key(const char *section, const char *name) {
  for (size_t i = 0; i < mtasts_config_key_count; i++)
    if (strcmp(mtasts_config_keys[i].section, section) == 0 &&
        strcmp(mtasts_config_keys[i].name, name) == 0)
      return &mtasts_config_keys[i];
  return NULL;
}

static unsigned *line_of(const struct mtasts_config_key *key) {
  return &parsing->lines[key - mtasts_config_keys];
}

/* "; it takes …", if the key has choices or bounds. */
static void describe(const struct mtasts_config_key *key, char *out, size_t size) {
  struct mtasts_strbuf text = {.data = out, .size = size};
  out[0] = '\0';
  for (size_t i = 0; key->choices && key->choices[i]; i++)
    mtasts_strbuf_printf(&text, "%s\"%s\"", i ? ", " : "; it takes ", key->choices[i]);
  double scale = key->decimals == 3 ? 1000 : 1;
  if (key->max)
    mtasts_strbuf_printf(&text, "; it takes %.15g to %.15g", (double)key->min / scale,
                         (double)key->max / scale);
}

static void fail_value(unsigned line, const struct mtasts_config_key *key, const char *text,
                       const char *why) {
  char takes[128];
  bool in_root = strcmp(key->section, "root") == 0;
  describe(key, takes, sizeof takes);
  fail(line, "%s%s%s: \"%.80s\" %s%s", in_root ? "" : key->section, in_root ? "" : ".", key->name,
       text, why, takes);
}

/* Checks a value at its line; build reads it again when the whole file has been parsed. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result) {
  const struct mtasts_config_key *key = find_key(cfg->name, opt->name);
  union mtasts_config_value value = {0};
  /* `section|key` is libconfuse's own short form; it would bypass our table. */
  if (!key) {
    fail((unsigned)cfg->line, "%.80s: write it inside of its section", opt->name);
    return -1;
  }
  *line_of(key) = (unsigned)cfg->line;
  const char *why = key->read(key, text, &value);
  if (why) {
    fail_value((unsigned)cfg->line, key, text, why);
    return -1;
  }
  *(const char **)result = text;
  return 0;
}

/* If the key is not set, its default is read like a value. */
static const char *text_of(const struct mtasts_config_key *key, cfg_opt_t *opt, size_t i) {
  if (opt->flags & CFGF_MODIFIED)
    return i < cfg_opt_size(opt) ? cfg_opt_getnstr(opt, (unsigned)i) : NULL;
  const char *text = key->fallback;
  if (!key->element && !key->set)
    return i == 0 ? text : NULL;
  for (; i > 0 && *text; i--)
    text += strlen(text) + 1;
  return *text ? text : NULL;
}

static void read_key(const struct mtasts_config_key *key, cfg_opt_t *opt, void *base) {
  char *field = (char *)base + key->offset;
  struct {
    void *items;
    size_t count;
  } list = {0};
  size_t count = 0;
  while (text_of(key, opt, count))
    count++;
  if (key->element && count > 0) {
    list.items = calloc(count, key->element);
    list.count = count;
    if (!list.items) {
      fail_memory();
      return;
    }
  }
  for (size_t i = 0; i < count; i++) {
    const char *text = text_of(key, opt, i);
    void *out = key->element ? (char *)list.items + i * key->element : field;
    const char *why = key->read(key, text, out);
    /* The user and the group are the only defaults that may fail: they may not exist. */
    if (why && !(opt->flags & CFGF_MODIFIED))
      parsing->config->user_missing = true;
    else if (why)
      fail_value(*line_of(key), key, text, why);
  }
  if (key->element)
    memcpy(field, &list, sizeof list);
  /* The configuration keeps the list. */
  /* cppcheck-suppress memleak */
} /* NOLINT(clang-analyzer-unix.Malloc) */

static void read_section(cfg_t *section, const char *name, void *base) {
  for (size_t i = 0; i < mtasts_config_key_count && parsing->status == MTASTS_OK; i++)
    if (strcmp(mtasts_config_keys[i].section, name) == 0)
      read_key(&mtasts_config_keys[i], cfg_getopt(section, mtasts_config_keys[i].name), base);
}

/* Packs the patterns of an override, each as one length byte and the name. */
static bool pack_patterns(const struct mtasts_strings *strings, struct mtasts_names *names) {
  char pattern[MTASTS_DOMAIN_MAX];
  size_t size = 0;
  for (size_t i = 0; i < strings->count; i++)
    size += strlen(strings->items[i]) + 1;
  unsigned char *data = malloc(size ? size : 1);
  if (!data)
    return false;
  size = 0;
  for (size_t i = 0; i < strings->count; i++) {
    const char *text = strings->items[i];
    size_t len = mtasts_mx_pattern((struct mtasts_span){text, strlen(text)}, pattern);
    data[size++] = (unsigned char)len;
    memcpy(data + size, pattern, len);
    size += len;
  }
  *names = (struct mtasts_names){.data = data, .size = size, .count = strings->count};
  return true;
}

/* The domain of an override's title, which no other override may have. */
static bool read_title(const char *title, unsigned line, struct mtasts_domain *domain) {
  const struct mtasts_config *config = parsing->config;
  struct mtasts_span text = {title, strlen(title)};
  if (mtasts_domain_from_text(text, domain) != MTASTS_OK) {
    fail(line, "override: \"%.80s\" is not a domain that can have a policy", title);
    return false;
  }
  for (size_t i = 0; i < config->override_count; i++) {
    if (strcmp(parsing->overrides[i].domain.name, domain->name) == 0) {
      fail(line, "override: there is already one for %s", domain->name);
      return false;
    }
  }
  return true;
}

static void add_override(cfg_t *section, unsigned line) {
  struct mtasts_config *config = parsing->config;
  struct mtasts_override_draft draft = {0};
  struct mtasts_domain_override new = {0};
  if (config->override_count == OVERRIDES_MAX) {
    fail(line, "override: more than %d of them", OVERRIDES_MAX);
    return;
  }
  if (!read_title(cfg_title(section), line, &new.domain))
    return;
  read_section(section, "override", &draft);
  bool moded = cfg_getopt(section, "mode")->flags & CFGF_MODIFIED;
  if (parsing->status == MTASTS_OK && !moded && (!draft.dane_off || draft.mx.count > 0))
    fail(line, "override \"%s\": mode is missing%s", new.domain.name,
         draft.dane_off ? ": mx needs one" : "; only with dane = \"off\" it may be left out");
  if (parsing->status == MTASTS_OK && draft.mode != MTASTS_MODE_NONE && draft.mx.count == 0)
    fail(line, "override \"%s\": mx is missing: mode %s needs at least one mx pattern",
         new.domain.name, mtasts_mode_name(draft.mode));
  if (draft.mx.count > PATTERNS_MAX)
    fail(line, "override \"%s\": more than %d mx patterns", new.domain.name, PATTERNS_MAX);
  if (parsing->status != MTASTS_OK)
    goto done;

  new.override.until = draft.until;
  new.override.policy.mode = draft.mode;
  new.override.dane_off = draft.dane_off;
  new.override.no_policy = !moded;
  size_t size = (config->override_count + 1) * sizeof new;
  struct mtasts_domain_override *grown = realloc(parsing->overrides, size);
  if (grown)
    config->overrides = parsing->overrides = grown;
  if (!grown || !pack_patterns(&draft.mx, &new.override.policy.mx)) {
    fail_memory();
    goto done;
  }
  grown[config->override_count++] = new;
done:
  free((void *)(uintptr_t)draft.mx.items);
}

/* Called at an override's closing brace; the lines of its keys are better for errors. */
static int on_override(cfg_t *cfg, cfg_opt_t *opt) {
  unsigned line = 0;
  for (size_t i = 0; i < mtasts_config_key_count; i++) {
    if (strcmp(mtasts_config_keys[i].section, opt->name) != 0)
      continue;
    unsigned *at = &parsing->lines[i];
    if (*at && (!line || *at < line))
      line = *at;
    *at = 0;
  }
  add_override(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1), line ? line : (unsigned)cfg->line);
  return parsing->status == MTASTS_OK ? 0 : -1;
}

static int by_domain(const void *a, const void *b) {
  const struct mtasts_domain_override *x = a;
  const struct mtasts_domain_override *y = b;
  return strcmp(x->domain.name, y->domain.name);
}

/* Checks that the first of two keys does not exceed the second. */
static void check_order(const char *section, const char *low, uint64_t low_value, const char *high,
                        uint64_t high_value) {
  unsigned a = *line_of(find_key(section, low));
  unsigned b = *line_of(find_key(section, high));
  if (low_value > high_value)
    fail(a > b ? a : b, "%s.%s: %llu is more than %s, which is %llu", section, low,
         (unsigned long long)low_value, high, (unsigned long long)high_value);
}

static void resolve_accounts(struct mtasts_config *config) {
  gid_t *const gids[] = {&config->ask.access.gid, &config->socketmap.access.gid,
                         &config->outcome.access.gid, &config->metrics.access.gid,
                         &config->milter.access.gid};
  const struct passwd *user = parsing->accounts ? getpwnam(config->user) : NULL;
  const struct group *group = parsing->accounts ? getgrnam(config->group) : NULL;
  config->uid = user ? user->pw_uid : (uid_t)-1;
  config->gid = group ? group->gr_gid : (gid_t)-1;
  /* If the user exists and the file names no group, use the user's own group, rather than
   * root's. */
  if (user && !group) {
    config->gid = user->pw_gid;
    config->user_missing = false;
  }
  for (size_t i = 0; i < sizeof gids / sizeof *gids; i++)
    if (*gids[i] == (gid_t)-1)
      *gids[i] = config->gid;
}

/* Reads the configuration from libconfuse's tree. */
static void build(cfg_t *tree, struct mtasts_config *config) {
  for (size_t i = 0; i < mtasts_config_key_count; i++) {
    const char *name = mtasts_config_keys[i].section;
    bool first = i == 0 || strcmp(mtasts_config_keys[i - 1].section, name) != 0;
    if (first && strcmp(name, "override") != 0)
      read_section(strcmp(name, "root") == 0 ? tree : cfg_getsec(tree, name), name, config);
  }
  check_order("cache", "map_size", config->cache.map_size, "map_size_max",
              config->cache.map_size_max);
  check_order("refresh", "retry_min", config->refresh.retry_min, "retry_max",
              config->refresh.retry_max);
  if (parsing->status != MTASTS_OK)
    return;
  resolve_accounts(config);
  if (config->override_count > 1)
    qsort(parsing->overrides, config->override_count, sizeof *parsing->overrides, by_domain);
}

static cfg_opt_t option_of(const struct mtasts_config_key *key) {
  cfg_flag_t flags = CFGF_NODEFAULT | (key->element || key->set ? CFGF_LIST : CFGF_NONE);
  return (cfg_opt_t)CFG_STR_CB(key->name, NULL, flags, on_value);
}

/* Every value is a string for libconfuse: our own table checks more than its types can. */
static cfg_t *make_tree(void) {
  cfg_opt_t top[MTASTS_CONFIG_KEYS_MAX];
  cfg_opt_t inner[2 * MTASTS_CONFIG_KEYS_MAX];
  size_t tops = 0;
  size_t inners = 0;
  for (size_t i = 0; i < mtasts_config_key_count; i++) {
    const char *section = mtasts_config_keys[i].section;
    if (strcmp(section, "root") == 0) {
      top[tops++] = option_of(&mtasts_config_keys[i]);
      continue;
    }
    bool titled = strcmp(section, "override") == 0;
    cfg_flag_t flags = titled ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : CFGF_NONE;
    if (i == 0 || strcmp(mtasts_config_keys[i - 1].section, section) != 0)
      top[tops++] = (cfg_opt_t)CFG_SEC(section, &inner[inners], flags);
    inner[inners++] = option_of(&mtasts_config_keys[i]);
    if (i + 1 == mtasts_config_key_count || strcmp(mtasts_config_keys[i + 1].section, section) != 0)
      inner[inners++] = (cfg_opt_t)CFG_END();
  }
  top[tops] = (cfg_opt_t)CFG_END();
  cfg_t *tree = cfg_init(top, CFGF_NONE);
  if (tree) {
    cfg_set_error_function(tree, on_error);
    cfg_set_validate_func(tree, "override", on_override);
  }
  return tree;
}

static void parse_text(char *text, size_t len) {
  unsigned line;
  const char *why = mtasts_config_clean(text, len, &line);
  if (why) {
    fail(line, "%s", why);
    return;
  }
  cfg_t *tree = make_tree();
  parsing->config->tree = tree;
  errno = 0;
  bool parsed = tree && cfg_parse_buf(tree, text) == CFG_SUCCESS;
  if (!tree || (!parsed && errno == ENOMEM))
    fail_memory();
  else if (!parsed) /* an empty key is the only mistake that libconfuse does not report */
    fail((unsigned)tree->line, "a key is empty");
  else if (parsing->status == MTASTS_OK)
    build(tree, parsing->config);
}

enum mtasts_status mtasts_config_read(struct mtasts_span text, const char *name, bool accounts,
                                      char error[MTASTS_ERROR_TEXT],
                                      struct mtasts_config **config) {
  struct parse parse = {.name = name, .accounts = accounts, .error = error};
  char *copy = malloc(text.len + 1);
  parse.config = calloc(1, sizeof *parse.config);
  pthread_mutex_lock(&lexer);
  parsing = &parse;
  if (text.len > MTASTS_CONFIG_MAX) {
    parse.status = MTASTS_TOO_LARGE;
    snprintf(error, MTASTS_ERROR_TEXT, "%s: larger than %d bytes", name, MTASTS_CONFIG_MAX);
  } else if (!copy || !parse.config) {
    fail_memory();
  } else {
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    parse_text(copy, text.len);
  }
  parsing = NULL;
  pthread_mutex_unlock(&lexer);
  free(copy);
  if (parse.status == MTASTS_OK)
    *config = parse.config;
  else
    mtasts_config_free(parse.config);
  return parse.status;
}

enum mtasts_status mtasts_config_parse(struct mtasts_span text, const char *name,
                                       char error[MTASTS_ERROR_TEXT],
                                       struct mtasts_config **config) {
  return mtasts_config_read(text, name, true, error, config);
}

void mtasts_config_free_tree(void *tree) {
  if (!tree)
    return;
  pthread_mutex_lock(&lexer);
  cfg_free(tree);
  pthread_mutex_unlock(&lexer);
}
