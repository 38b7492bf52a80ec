/*
 * mtasts warm: looks up every domain of a list.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ascii.h"
#include "batch.h"
#include "idn.h"
#include "input.h"
#include "out.h"

enum {
  LINE_BYTES = 1024, /* bytes of a domain and its comment */
};

struct warm {
  const char *name; /* of the list */
  struct mtasts_lines lines;
  struct mtasts_batch batch;
  uint64_t bad; /* lines without a domain name */
  int code;
};

/* The list */

/* The domain of a line, without white space around it and without a comment (`#`). */
static struct mtasts_span trim(struct mtasts_span line) {
  const char *comment = memchr(line.data, '#', line.len);
  if (comment)
    line.len = (size_t)(comment - line.data);
  while (line.len > 0 && mtasts_is_wsp(line.data[0])) {
    line.data++;
    line.len--;
  }
  while (line.len > 0 && mtasts_is_wsp(line.data[line.len - 1]))
    line.len--;
  return line;
}

static void print_line_error(struct warm *warm, const char *why) {
  mtasts_print_error(warm->name, "line %" PRIu64 ": %s", warm->lines.number, why);
  warm->bad++;
  warm->batch.passed_over++;
}

/* Reads lines until one has a domain. */
static enum mtasts_supply next(void *context, struct mtasts_domain *domain) {
  struct warm *warm = context;
  for (;;) {
    struct mtasts_span line;
    enum mtasts_line got = mtasts_lines_next(&warm->lines, warm->batch.pipe < 0, &line);
    if (got == MTASTS_LINE_LATER)
      return MTASTS_SUPPLY_LATER;
    if (got == MTASTS_LINE_ERROR) {
      mtasts_print_error(warm->name, "%s", strerror(errno));
      warm->code = MTASTS_EXIT_IO;
    }
    if (got != MTASTS_LINE)
      return MTASTS_SUPPLY_END;
    /* Only a comment may be cut off. */
    if (line.len > LINE_BYTES && !memchr(line.data, '#', line.len)) {
      print_line_error(warm, "the line is too long");
      continue;
    }
    struct mtasts_span text = trim(line);
    if (text.len == 0)
      continue;
    enum mtasts_status status = mtasts_domain_from_text(text, domain);
    if (status == MTASTS_OK)
      return MTASTS_SUPPLY_GIVEN;
    if (status == MTASTS_NO_POLICY) /* an address or .parent: nothing to look up */
      warm->batch.passed_over++;
    else
      print_line_error(warm, "not a domain name");
  }
}

/* Counts the domains of a file; 0 if it is no regular file. */
static uint64_t count_domains(void *context) {
  const struct warm *warm = context;
  int fd = warm->lines.fd;
  struct stat status;
  struct mtasts_lines lines;
  struct mtasts_span line;
  uint64_t count = 0;
  off_t start = lseek(fd, 0, SEEK_CUR);
  if (start < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
      !mtasts_lines_init(&lines, fd, LINE_BYTES))
    return 0;
  while (mtasts_lines_next(&lines, true, &line) == MTASTS_LINE)
    count += trim(line).len > 0;
  mtasts_lines_free(&lines);
  return lseek(fd, start, SEEK_SET) == start ? count : 0;
}

static int warm_list(struct warm *warm) {
  int code = mtasts_batch_run(&warm->batch);
  if (warm->bad > 0)
    fprintf(warm->batch.options->json ? stderr : stdout, "%" PRIu64 " %s no domain name\n",
            warm->bad, warm->bad == 1 ? "line was" : "lines were");
  if (code == MTASTS_EXIT_OK)
    code = warm->code;
  return code == MTASTS_EXIT_OK && warm->bad > 0 ? MTASTS_EXIT_DATA : code;
}

static int run(const struct mtasts_options *options) {
  const char *path = options->arguments.count > 0 ? options->arguments.items[0] : NULL;
  struct warm warm = {.name = mtasts_input_name(path)};
  int code;
  int fd = mtasts_input_open(path, &code);
  if (fd < 0)
    return code;
  bool piped = lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE;
  warm.batch = (struct mtasts_batch){
      .options = options,
      .name = "warm",
      .rest = "the same list again asks only for the rest",
      .pipe = piped ? fd : -1,
      .total = count_domains,
      .next = next,
      .context = &warm,
  };
  if (mtasts_lines_init(&warm.lines, fd, LINE_BYTES)) {
    code = warm_list(&warm);
  } else {
    mtasts_print_error("warm", "out of memory");
    code = MTASTS_EXIT_MEMORY;
  }
  mtasts_lines_free(&warm.lines);
  if (fd != STDIN_FILENO)
    close(fd);
  return code;
}

const struct mtasts_command mtasts_command_warm = {
    .name = "warm",
    .arguments = "[--jobs N] [FILE]",
    .summary = "Looks up every domain of a list and stores what it learns",
    .help = "Reads standard input without FILE: one domain a line, # begins a comment.\n"
            "Domains that are cached and not due are skipped. With --json, prints a line of\n"
            "`query` for each domain. An interrupt keeps what was learnt: a second run with the\n"
            "same list looks up the rest. If mtastsd runs, it is asked, 64 domains at a time;\n"
            "if it stops answering, the run ends.\n\n"
            "  --jobs N  look-ups in flight at most, 1 to 4096 (64)\n\n"
            "Examples:\n"
            "  mtasts --cache /tmp/cache warm domains.txt\n"
            "  cut -d@ -f2 addresses | sort -u | mtasts warm --jobs 256\n",
    .least = 0,
    .max = 1,
    .run = run,
};
