#include "publish_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "out.h"
#include "printable.h"
#include "span.h"
#include "validate.h"

enum {
  LINE_MAX_BYTES = 65536, /* of a domain and its patterns */
};

static const char not_a_pattern[] =
    "not an mx pattern; write mx.example.com or *.example.com, in A-labels";

static int no_memory(void) {
  mtasts_print_error("publish", "out of memory");
  return MTASTS_EXIT_MEMORY;
}

bool mtasts_publish_item_add(struct mtasts_publish_item *item, struct mtasts_span pattern) {
  for (size_t i = 0; i < item->mx_count; i++)
    if (mtasts_span_equal(mtasts_span_of(item->mx[i]), pattern))
      return true;
  char **mx = reallocarray(item->mx, item->mx_count + 1, sizeof *mx);
  if (!mx)
    return false;
  item->mx = mx;
  mx[item->mx_count] = strndup(pattern.data, pattern.len);
  if (!mx[item->mx_count])
    return false;
  item->mx_count++;
  return true;
}

static struct mtasts_publish_item *append(struct mtasts_publish_list *list) {
  struct mtasts_publish_item *items = list->items;
  /* The capacity is the next power of two. */
  if ((list->count & (list->count + 1)) == 0)
    items = reallocarray(items, 2 * (list->count + 1), sizeof *items);
  if (!items)
    return NULL;
  list->items = items;
  struct mtasts_publish_item *item = &items[list->count++];
  *item = (struct mtasts_publish_item){.line = 0};
  return item;
}

/* Prints what is wrong with a word: of a line of the file, or of the command line (line 0). */
static int refuse(const struct mtasts_options *options, unsigned long line, struct mtasts_span word,
                  const char *why) {
  char shown[512];
  mtasts_printable(word, shown, sizeof shown);
  if (line > 0)
    mtasts_print_error(mtasts_input_name(options->file), "line %lu: %s: %s", line, shown, why);
  else
    mtasts_print_error(shown, "%s", why);
  return MTASTS_EXIT_DATA;
}

void mtasts_publish_item_error(const struct mtasts_options *options,
                               const struct mtasts_publish_item *item, const char *why) {
  refuse(options, item->line, (struct mtasts_span){item->domain.name, item->domain.len}, why);
}

static int add_pattern(const struct mtasts_options *options, struct mtasts_publish_item *item,
                       struct mtasts_span word) {
  char pattern[MTASTS_DOMAIN_MAX];
  size_t len = mtasts_mx_pattern(word, pattern);
  if (len == 0)
    return refuse(options, item->line, word, not_a_pattern);
  bool added = mtasts_publish_item_add(item, (struct mtasts_span){pattern, len});
  return added ? MTASTS_EXIT_OK : no_memory();
}

static int add_common(const struct mtasts_options *options, struct mtasts_publish_item *item) {
  int code = MTASTS_EXIT_OK;
  for (size_t i = 0; i < options->mx.count && code == MTASTS_EXIT_OK; i++)
    code = add_pattern(options, item, mtasts_span_of(options->mx.items[i]));
  return code;
}

/* Those of --mx, even if no domain gets them. */
static int check_common(const struct mtasts_options *options) {
  char pattern[MTASTS_DOMAIN_MAX];
  for (size_t i = 0; i < options->mx.count; i++) {
    struct mtasts_span word = mtasts_span_of(options->mx.items[i]);
    if (mtasts_mx_pattern(word, pattern) == 0)
      return refuse(options, 0, word, not_a_pattern);
  }
  return MTASTS_EXIT_OK;
}

/* Does the mode need a pattern that nothing has given? */
static bool lacks_patterns(const struct mtasts_options *options,
                           const struct mtasts_publish_item *item) {
  return item->mx_count == 0 && !options->from_mx &&
         strcmp(options->mode, mtasts_mode_name(MTASTS_MODE_NONE)) != 0;
}

static bool take_word(struct mtasts_span *line, struct mtasts_span *word) {
  mtasts_span_skip_wsp(line);
  *word = (struct mtasts_span){line->data, 0};
  while (word->len < line->len && !mtasts_is_wsp(line->data[word->len]))
    word->len++;
  mtasts_span_drop(line, word->len);
  return word->len > 0;
}

static int read_line(const struct mtasts_options *options, struct mtasts_publish_list *list,
                     unsigned long number, struct mtasts_span line) {
  struct mtasts_span text, word;
  int code = MTASTS_EXIT_OK;
  mtasts_span_cut(&line, '#', &text);
  if (!take_word(&text, &word))
    return MTASTS_EXIT_OK;
  struct mtasts_publish_item *item = append(list);
  if (!item)
    return no_memory();
  item->line = number;
  const char *why = mtasts_validate_domain(word, &item->domain);
  if (why)
    return refuse(options, number, word, why);
  struct mtasts_span domain = word;
  while (code == MTASTS_EXIT_OK && take_word(&text, &word))
    code = add_pattern(options, item, word);
  if (code == MTASTS_EXIT_OK && item->mx_count == 0)
    code = add_common(options, item);
  if (code == MTASTS_EXIT_OK && lacks_patterns(options, item))
    code = refuse(options, number, domain,
                  "has no mx patterns, and neither --mx nor --from-mx is "
                  "given");
  return code;
}

static int read_lines(const struct mtasts_options *options, struct mtasts_publish_list *list,
                      int fd) {
  struct mtasts_lines lines;
  struct mtasts_span line;
  int code = MTASTS_EXIT_OK;
  enum mtasts_line got = MTASTS_LINE;
  if (!mtasts_lines_init(&lines, fd, LINE_MAX_BYTES))
    return no_memory();
  while (code == MTASTS_EXIT_OK && (got = mtasts_lines_next(&lines, true, &line)) == MTASTS_LINE)
    code = line.len > LINE_MAX_BYTES
               ? refuse(options, lines.number, (struct mtasts_span){line.data, 40},
                        "the line is longer than 65,536 bytes")
               : read_line(options, list, lines.number, line);
  if (got == MTASTS_LINE_ERROR) {
    mtasts_print_error(mtasts_input_name(options->file), "%s", strerror(errno));
    code = MTASTS_EXIT_IO;
  }
  mtasts_lines_free(&lines);
  return code;
}

/* For sorting by domain, then by line. */
struct place {
  const struct mtasts_publish_item *item;
};

static int compare(const void *a, const void *b) {
  const struct mtasts_publish_item *x = ((const struct place *)a)->item;
  const struct mtasts_publish_item *y = ((const struct place *)b)->item;
  int order = mtasts_domain_compare(&x->domain, &y->domain);
  return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* A domain that is there twice would be written twice, and the last one would win. */
static int find_repeats(const struct mtasts_options *options,
                        const struct mtasts_publish_list *list) {
  int code = MTASTS_EXIT_OK;
  struct place *places = calloc(list->count + 1, sizeof *places);
  if (!places)
    return no_memory();
  for (size_t i = 0; i < list->count; i++)
    places[i].item = &list->items[i];
  qsort(places, list->count, sizeof *places, compare);
  for (size_t i = 1; i < list->count && code == MTASTS_EXIT_OK; i++) {
    const struct mtasts_publish_item *first = places[i - 1].item;
    const struct mtasts_publish_item *second = places[i].item;
    if (mtasts_domain_compare(&first->domain, &second->domain) != 0)
      continue;
    mtasts_print_error(mtasts_input_name(options->file),
                       "line %lu: %s: this domain is in line %lu already", second->line,
                       second->domain.name, first->line);
    code = MTASTS_EXIT_DATA;
  }
  free(places);
  return code;
}

static int read_file(const struct mtasts_options *options, struct mtasts_publish_list *list) {
  int code = MTASTS_EXIT_OK;
  int fd = mtasts_input_open(options->file, &code);
  if (fd < 0)
    return code;
  code = read_lines(options, list, fd);
  if (fd != STDIN_FILENO)
    close(fd);
  return code == MTASTS_EXIT_OK ? find_repeats(options, list) : code;
}

int mtasts_publish_list_read(const struct mtasts_options *options,
                             struct mtasts_publish_list *list) {
  int code = check_common(options);
  if (code != MTASTS_EXIT_OK)
    return code;
  if (options->file)
    return read_file(options, list);
  struct mtasts_publish_item *item = append(list);
  if (!item)
    return no_memory();
  struct mtasts_span word = mtasts_span_of(options->domain);
  const char *why = mtasts_validate_domain(word, &item->domain);
  if (why)
    return refuse(options, 0, word, why);
  code = add_common(options, item);
  if (code == MTASTS_EXIT_OK && lacks_patterns(options, item)) {
    mtasts_print_error("publish",
                       "mode %s needs --mx, with your MX hosts or *.patterns, or "
                       "--from-mx",
                       options->mode);
    return MTASTS_EXIT_USAGE;
  }
  return code;
}

void mtasts_publish_list_free(struct mtasts_publish_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    for (size_t k = 0; k < list->items[i].mx_count; k++)
      free(list->items[i].mx[k]);
    free(list->items[i].mx);
  }
  free(list->items);
  *list = (struct mtasts_publish_list){.count = 0};
}
