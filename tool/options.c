#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "ascii.h"
#include "out.h"

enum kind {
  FLAG,
  TEXT,
  LIST,
  WORDS, /* a LIST to which the words behind its value belong, too */
};

/* commands: the commands that take the option; NULL: a global option. */
static const struct known {
  const char *name;
  const char *command;
  size_t offset;
  enum kind kind;
  char letter;
} known_options[] = {
#define AT(member) offsetof(struct mtasts_options, member)
    {"config", NULL, AT(config), TEXT, 0},
    {"cache", NULL, AT(cache), TEXT, 0},
    {"resolver", NULL, AT(resolver), TEXT, 0},
    {"ca-file", NULL, AT(ca_file), TEXT, 0},
    {"json", NULL, AT(json), FLAG, 0},
    {"no-color", NULL, AT(no_color), FLAG, 0},
    {"verbose", NULL, AT(verbose), FLAG, 'v'},
    {"help", NULL, AT(help), FLAG, 'h'},
    {"version", NULL, AT(version), FLAG, 0},
    {"offline", "query", AT(offline), FLAG, 0},
    {"refresh", "query", AT(refresh), FLAG, 0},
    {"explain", "query", AT(explain), FLAG, 0},
    {"jobs", "warm", AT(jobs), TEXT, 0},
    {"jobs", "refresh", AT(jobs), TEXT, 0},
    {"due", "refresh", AT(due), FLAG, 0},
    {"all", "refresh", AT(all), FLAG, 0},
    {"mode", "policy new", AT(mode), TEXT, 0},
    {"mx", "policy new", AT(mx), WORDS, 0},
    {"max-age", "policy new", AT(max_age), TEXT, 0},
    {"filter", "cache list", AT(filters), LIST, 0},
    {"yes", "cache clear", AT(yes), FLAG, 'y'},
    {"repair", "cache verify", AT(repair), FLAG, 0},
    {"day", "report send", AT(day), TEXT, 0},
    {"dry-run", "report send", AT(dry_run), FLAG, 0},
    {"day", "report status", AT(day), TEXT, 0},
    {"since", "report show", AT(since), TEXT, 0},
    {"until", "report show", AT(until), TEXT, 0},
    {"domain", "report show", AT(domain), TEXT, 0},
    {"failures", "report show", AT(failures), FLAG, 0},
    {"by", "report show", AT(by), TEXT, 0},
    {"csv", "report show", AT(csv), FLAG, 0},
    {"html", "report show", AT(html), TEXT, 0},
    {"fail-over", "report show", AT(fail_over), TEXT, 0},
    {"day", "report build", AT(day), TEXT, 0},
    {"dir", "report build", AT(dir), TEXT, 0},
    {"reverse-dns", "report show", AT(reverse_dns), FLAG, 0},
    {"check", "report show", AT(check), FLAG, 0},
    {"against", "report show", AT(against), TEXT, 0},
    {"explain", "report show", AT(explain), FLAG, 0},
    {"prometheus", "report show", AT(prometheus), FLAG, 0},
    {"authserv-id", "report show", AT(authserv_id), TEXT, 0},
    {"authserv-id", "report watch", AT(authserv_id), TEXT, 0},
    {"fail-over", "report watch", AT(fail_over), TEXT, 0},
    {"state", "report watch", AT(state), TEXT, 0},
    {"command", "report watch", AT(command), TEXT, 0},
    {"mail", "report watch", AT(mail), TEXT, 0},
    {"mail", "watch", AT(mail), TEXT, 0},
    {"command", "watch", AT(command), TEXT, 0},
    {"metrics", "watch", AT(metrics), TEXT, 0},
    {"no-smtp", "watch", AT(no_smtp), FLAG, 0},
    {"state", "watch", AT(state), TEXT, 0},
    {"timeout", "watch", AT(timeout), TEXT, 0},
    {"helo", "watch", AT(helo), TEXT, 0},
    {"domain", "publish", AT(domain), TEXT, 0},
    {"file", "publish", AT(file), TEXT, 0},
    {"mode", "publish", AT(mode), TEXT, 0},
    {"dir", "publish", AT(dir), TEXT, 0},
    {"from-mx", "publish", AT(from_mx), FLAG, 0},
    {"mx", "publish", AT(mx), WORDS, 0},
    {"max-age", "publish", AT(max_age), TEXT, 0},
    {"tlsrpt", "publish", AT(tlsrpt), WORDS, 0},
    {"web", "publish", AT(web), WORDS, 0},
    {"ttl", "publish", AT(ttl), TEXT, 0},
    {"cert", "publish", AT(cert), TEXT, 0},
    {"key", "publish", AT(key), TEXT, 0},
    {"provider", "publish", AT(provider), TEXT, 0},
    {"force", "publish", AT(force), FLAG, 0},
    {"dir", "publish serve-ask", AT(dir), TEXT, 0},
    {"listen", "publish serve-ask", AT(listen), TEXT, 0},
    {"dir", "publish delegations", AT(dir), TEXT, 0},
    {"provider", "publish delegations", AT(provider), TEXT, 0},
    {"no-smtp", "check", AT(no_smtp), FLAG, 0},
    {"expect", "check", AT(expect), TEXT, 0},
    {"state", "check", AT(state), TEXT, 0},
    {"timeout", "check", AT(timeout), TEXT, 0},
    {"helo", "check", AT(helo), TEXT, 0},
    {"file", "outcome follow", AT(file), TEXT, 0},
    {"position", "outcome follow", AT(position), TEXT, 0},
    {"from-start", "outcome follow", AT(from_start), FLAG, 0},
    {"once", "outcome follow", AT(once), FLAG, 0},
#undef AT
};

static const struct known *find(const char *command, const char *name, size_t len, char letter) {
  for (size_t i = 0; i < sizeof known_options / sizeof *known_options; i++) {
    const struct known *k = &known_options[i];
    bool named = name ? strlen(k->name) == len && memcmp(k->name, name, len) == 0
                      : k->letter != 0 && k->letter == letter;
    if (named && (!k->command || strcmp(k->command, command) == 0))
      return k;
  }
  return NULL;
}

/* max: the number of values that the command line can hold. */
static bool append(struct mtasts_option_values *values, char *item, size_t max) {
  if (!values->items)
    values->items = calloc(max + 1, sizeof *values->items);
  if (!values->items) {
    mtasts_print_error("options", "out of memory");
    return false;
  }
  values->items[values->count++] = item;
  return true;
}

static bool store(struct mtasts_options *options, const struct known *k, char *value, size_t max) {
  char *member = (char *)options + k->offset;
  switch (k->kind) {
  case FLAG:
    *(bool *)member = true;
    return true;
  case TEXT:
    *(char **)(void *)member = value;
    return true;
  case LIST:
  case WORDS:
    return append((struct mtasts_option_values *)(void *)member, value, max);
  }
  return false;
}

static bool unknown(const char *command, const char *argument) {
  mtasts_print_error(argument, "no such option; see mtasts %s%s--help", command,
                     *command ? " " : "");
  return false;
}

/* "-v", or several letters in one argument. */
static bool read_letters(struct mtasts_options *options, const char *command, char *argument) {
  for (const char *letter = argument + 1; *letter; letter++) {
    const struct known *k = find(command, NULL, 0, *letter);
    if (!k)
      return unknown(command, argument);
    if (!store(options, k, NULL, 0))
      return false;
  }
  return true;
}

/* Returns how many arguments it used; 0 after an error, which it prints. If the words behind the
 * option belong to it, *words becomes its list. */
static int read_long(struct mtasts_options *options, const char *command, int argc, char **argv,
                     struct mtasts_option_values **words) {
  char *name = argv[0] + 2;
  char *equals = strchr(name, '=');
  size_t len = equals ? (size_t)(equals - name) : strlen(name);
  const struct known *k = find(command, name, len, 0);
  if (!k)
    return unknown(command, argv[0]), 0;
  if (k->kind == FLAG && equals) {
    mtasts_print_error(argv[0], "this option takes no value");
    return 0;
  }
  char *value = equals ? equals + 1 : NULL;
  int used = 1;
  if (k->kind != FLAG && !equals) {
    value = argc > 1 ? argv[1] : NULL;
    used = 2;
  }
  if (k->kind != FLAG && (!value || !*value)) {
    mtasts_print_error(argv[0], "this option needs a value; see mtasts %s%s--help", command,
                       *command ? " " : "");
    return 0;
  }
  if (k->kind == WORDS)
    *words = (struct mtasts_option_values *)(void *)((char *)options + k->offset);
  return store(options, k, value, (size_t)argc) ? used : 0;
}

int mtasts_options_read(struct mtasts_options *options, const char *command, int argc,
                        char **argv) {
  /* `policy new` has no arguments but patterns. */
  struct mtasts_option_values *rest =
      strcmp(command, "policy new") == 0 ? &options->mx : &options->arguments;
  struct mtasts_option_values *words = rest;
  bool ended = false;
  int i = 0;
  while (i < argc) {
    char *argument = argv[i];
    if (ended || argument[0] != '-' || argument[1] == '\0') {
      if (!*command)
        break;
      if (!append(words, argument, (size_t)argc))
        return -1;
      i++;
    } else if (strcmp(argument, "--") == 0) {
      ended = true;
      i++;
    } else if (argument[1] == '-') {
      words = rest;
      int used = read_long(options, command, argc - i, argv + i, &words);
      if (used == 0)
        return -1;
      i += used;
    } else {
      if (!read_letters(options, command, argument))
        return -1;
      i++;
    }
  }
  return i;
}

void mtasts_options_free(struct mtasts_options *options) {
  free(options->mx.items);
  free(options->tlsrpt.items);
  free(options->web.items);
  free(options->filters.items);
  free(options->arguments.items);
}

bool mtasts_number_read(const char *text, unsigned long least, unsigned long max,
                        unsigned long *number) {
  unsigned long value = 0;
  if (!*text)
    return false;
  for (; *text; text++) {
    if (!mtasts_is_digit(*text))
      return false;
    unsigned long digit = (unsigned long)(*text - '0');
    if (value > (max - digit) / 10)
      return false;
    value = value * 10 + digit;
  }
  if (value < least)
    return false;
  *number = value;
  return true;
}
