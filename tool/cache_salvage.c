/*
 * mtasts cache salvage: copies what can be read of a damaged cache into a new one.
 */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "cache_access.h"
#include "format.h"
#include "input.h"
#include "json.h"
#include "out.h"

static int print_salvaged(const struct mtasts_options *options,
                          const struct mtasts_salvaged *salvaged) {
  if (options->json)
    return mtasts_json_print(json_pack("{s:I,s:I}", "domains", (json_int_t)salvaged->domains,
                                       "damaged", (json_int_t)salvaged->damaged));
  printf("%" PRIu64 " domains salvaged, %" PRIu64 " places damaged\n", salvaged->domains,
         salvaged->damaged);
  return MTASTS_EXIT_OK;
}

/* Completes a salvage that an earlier process did not. */
static enum mtasts_status salvage_rest(struct mtasts_cache_access *access,
                                       struct mtasts_salvaged *salvaged) {
  mtasts_cache_close(access->cache); /* a process may open an environment only once at a time */
  access->cache = NULL;
  enum mtasts_status status = mtasts_cache_access_write(access);
  if (status == MTASTS_OK)
    mtasts_cache_recover_rest(mtasts_cache_access_path(access), access->store, time(NULL),
                              salvaged);
  return status;
}

/* Salvages the cache's own data.mdb, which is renamed. An undamaged one stays. */
static int salvage_own(const struct mtasts_options *options, struct mtasts_cache_access *access) {
  struct mtasts_salvaged salvaged = {.status = MTASTS_OK};
  enum mtasts_status status = mtasts_cache_access_read(access);
  bool rest = (status == MTASTS_OK || status == MTASTS_NO_FILE) &&
              mtasts_salvage_marked(mtasts_cache_access_path(access));
  if (rest)
    status = salvage_rest(access, &salvaged);
  if (status == MTASTS_OK && !rest) {
    mtasts_print_error(access->directory, "nothing is damaged; the cache stays as it is");
    return print_salvaged(options, &salvaged);
  }
  if (status == MTASTS_CORRUPT && mtasts_format_unknown(mtasts_cache_access_path(access)) == 0)
    status = mtasts_cache_access_recover(access, &salvaged);
  if (status == MTASTS_OK)
    status = salvaged.status;
  if (status != MTASTS_OK)
    return mtasts_cache_access_print_error(access, status);
  mtasts_print_error(access->directory, "the damaged file is kept as " MTASTS_FILE_DAMAGED);
  return print_salvaged(options, &salvaged);
}

static int salvage_file(const struct mtasts_options *options, int fd,
                        struct mtasts_cache_access *access) {
  int code = mtasts_cache_access_open(options, MTASTS_CACHE_ACCESS_CREATE, access);
  if (code != MTASTS_EXIT_OK)
    return code;
  struct mtasts_salvaged salvaged = mtasts_salvage(fd, access->store, time(NULL));
  if (salvaged.status != MTASTS_OK)
    return mtasts_cache_access_print_error(access, salvaged.status);
  return print_salvaged(options, &salvaged);
}

static int run(const struct mtasts_options *options) {
  struct mtasts_cache_access access = {0};
  int code;
  if (options->arguments.count == 0) {
    code = mtasts_cache_access_load(options, MTASTS_CACHE_ACCESS_CHANGE, &access);
    if (code == MTASTS_EXIT_OK)
      code = salvage_own(options, &access);
    return mtasts_cache_access_close(&access, code);
  }
  int fd = mtasts_input_open(options->arguments.items[0], &code);
  if (fd < 0)
    return code;
  code = salvage_file(options, fd, &access);
  if (fd != STDIN_FILENO)
    close(fd);
  return mtasts_cache_access_close(&access, code);
}

const struct mtasts_command mtasts_command_cache_salvage = {
    .name = "cache salvage",
    .arguments = "[FILE]",
    .summary = "Copies what can be read of a damaged cache into a new one",
    .help = "Without FILE the cache's own data.mdb, if it is damaged: it is kept "
            "as\n" MTASTS_FILE_DAMAGED
            ". With FILE a data.mdb from elsewhere, into the cache that is there; of a\n"
            "domain that both have, what was looked up last stays. mtastsd does the former by\n"
            "itself when it starts. A salvage that was interrupted is completed.\n\n"
            "Examples:\n"
            "  mtasts cache salvage\n"
            "  mtasts cache salvage /var/lib/mtasts/" MTASTS_FILE_DAMAGED "\n",
    .least = 0,
    .max = 1,
    .run = run,
};
