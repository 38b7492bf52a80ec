/*
 * mtasts report build: writes the TLS reports of one UTC day (RFC 8460) from recorded outcomes.
 *
 * Two processes do it, so that root can write where only root may and yet opens no store as root
 * (identity.h). The child gives up root, reads the store and builds the reports. The parent, which
 * takes the reports through a pipe, writes the files. It checks the names that it is given.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ascii.h"
#include "build.h"
#include "idn.h"
#include "json.h"
#include "out.h"
#include "outcome_access.h"
#include "rfc3339.h"

enum {
  FILE_MODE = 0644,
  DIRECTORY_MODE = 0755,
  PART_MAX = 1 << 30, /* bytes of one report that the parent takes */
};

struct building {
  const struct mtasts_options *options;
  uint32_t day;
  struct mtasts_outcome_access access;
  struct mtasts_report_site site;
  struct mtasts_domain *domains; /* that are wanted; all if wanted is 0, then those found */
  size_t wanted, count, room;
  bool no_memory;
};

/* the child */

static bool write_all(int fd, struct mtasts_span bytes) {
  while (bytes.len > 0) {
    ssize_t sent = write(fd, bytes.data, bytes.len);
    if (sent < 0 && errno != EINTR)
      return false;
    if (sent > 0) {
      bytes.data += sent;
      bytes.len -= (size_t)sent;
    }
  }
  return true;
}

/* A report for the parent: its length, then domain, report-id, file name, counts and gzip. */
static int pass_report(int fd, const struct mtasts_day_report *day,
                       const struct mtasts_built_report *built) {
  struct mtasts_bytes bytes = {0};
  mtasts_bytes_number(&bytes, 0, 4);
  mtasts_bytes_text(&bytes, mtasts_span_of(day->domain.name));
  mtasts_bytes_text(&bytes, mtasts_span_of(built->id));
  mtasts_bytes_text(&bytes, mtasts_span_of(built->file_name));
  mtasts_bytes_number(&bytes, day->successful, 8);
  mtasts_bytes_number(&bytes, day->failed, 8);
  mtasts_bytes_text(&bytes, (struct mtasts_span){(const char *)built->gzip, built->gzip_size});
  mtasts_bytes_patch(&bytes, 0, (uint32_t)(bytes.len - 4));
  int code = bytes.failed                               ? MTASTS_EXIT_MEMORY
             : write_all(fd, mtasts_bytes_span(&bytes)) ? MTASTS_EXIT_OK
                                                        : MTASTS_EXIT_IO;
  mtasts_bytes_free(&bytes);
  return code;
}

static int build_domain(const struct building *building, const struct mtasts_domain *domain,
                        int fd) {
  struct mtasts_day_report *day;
  struct mtasts_built_report built;
  enum mtasts_status status =
      mtasts_outcome_store_read(building->access.store, building->day, domain, &day);
  if (status == MTASTS_ABSENT)
    return MTASTS_EXIT_OK;
  if (status != MTASTS_OK)
    return mtasts_outcome_access_print_error(&building->access, status);
  int code = MTASTS_EXIT_MEMORY;
  if (mtasts_report_build(&building->site, day, &built)) {
    code = pass_report(fd, day, &built);
    mtasts_built_report_free(&built);
  } else {
    mtasts_print_error(domain->name, "out of memory");
  }
  mtasts_day_report_free(day);
  return code;
}

static bool keep_domain(void *context, const struct mtasts_domain *domain, unsigned kinds) {
  struct building *building = context;
  (void)kinds;
  if (building->count == building->room) {
    size_t room = building->room ? 2 * building->room : 64;
    struct mtasts_domain *grown = realloc(building->domains, room * sizeof *grown);
    if (!grown) {
      building->no_memory = true;
      return false;
    }
    building->domains = grown;
    building->room = room;
  }
  building->domains[building->count++] = *domain;
  return true;
}

static int build_all(struct building *building, int fd) {
  int code = mtasts_outcome_access_open(&building->access, MTASTS_OUTCOME_READ);
  if (code != MTASTS_EXIT_OK || !building->access.store)
    return code;
  if (building->wanted == 0) {
    enum mtasts_status status =
        mtasts_outcome_store_domains(building->access.store, building->day, keep_domain, building);
    if (building->no_memory)
      status = MTASTS_NO_MEMORY;
    if (status != MTASTS_OK)
      return mtasts_outcome_access_print_error(&building->access, status);
  }
  for (size_t i = 0; i < building->count && code == MTASTS_EXIT_OK; i++)
    code = build_domain(building, &building->domains[i], fd);
  return code;
}

/* the parent */

static bool read_all(int fd, char *bytes, size_t len) {
  while (len > 0) {
    ssize_t got = read(fd, bytes, len);
    if (got == 0 || (got < 0 && errno != EINTR))
      return false;
    if (got > 0) {
      bytes += got;
      len -= (size_t)got;
    }
  }
  return true;
}

/* Of the characters of domain names, `!` and digits; no hidden file. */
static bool is_plain_name(struct mtasts_span name) {
  bool plain = name.len > 0 && name.data[0] != '.' && name.len < NAME_MAX - sizeof ".new";
  for (size_t i = 0; i < name.len && plain; i++)
    plain = mtasts_domain_chars[(unsigned char)name.data[i]] || name.data[i] == '!';
  return plain;
}

/* Under another name first, so that no half file has the name of a report. */
static int write_file(int directory, const char *name, struct mtasts_span gzip) {
  char temporary[NAME_MAX + sizeof ".new"];
  snprintf(temporary, sizeof temporary, "%s.new", name);
  unlinkat(directory, temporary, 0);
  int fd =
      openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
  if (fd < 0)
    return errno;
  int rc = write_all(fd, gzip) ? 0 : errno;
  if (close(fd) != 0 && rc == 0)
    rc = errno;
  if (rc == 0 && renameat(directory, temporary, directory, name) != 0)
    rc = errno;
  if (rc != 0)
    unlinkat(directory, temporary, 0);
  return rc;
}

struct passed_report {
  struct mtasts_span domain, id, file_name, gzip;
  uint64_t successful, failed;
};

static int print_report(const struct building *building, const struct passed_report *report,
                        const char *file) {
  char date[MTASTS_RFC3339_SIZE];
  mtasts_rfc3339_format((int64_t)building->day * MTASTS_DAY_SECONDS, date);
  date[sizeof "2026-01-31" - 1] = '\0';
  if (building->options->json)
    return mtasts_json_print(json_pack(
        "{s:o, s:s, s:o, s:o, s:I, s:I}", "policy_domain", mtasts_json_text(report->domain), "day",
        date, "report_id", mtasts_json_text(report->id), "file",
        mtasts_json_text(mtasts_span_of(file)), "successful", (json_int_t)report->successful,
        "failed", (json_int_t)report->failed));
  printf("%.*s: %" PRIu64 " sessions, %s%" PRIu64 " failed%s: %s\n", (int)report->domain.len,
         report->domain.data, report->successful + report->failed,
         mtasts_colour_on(report->failed > 0 ? MTASTS_YELLOW : MTASTS_PLAIN), report->failed,
         mtasts_colour_off(report->failed > 0 ? MTASTS_YELLOW : MTASTS_PLAIN), file);
  return MTASTS_EXIT_OK;
}

static int take_report(const struct building *building, int directory, struct mtasts_span bytes) {
  struct mtasts_bytes_reader reader = {.rest = bytes};
  struct passed_report report;
  char name[NAME_MAX + 1];
  char file[PATH_MAX];
  report.domain = mtasts_bytes_take_text(&reader);
  report.id = mtasts_bytes_take_text(&reader);
  report.file_name = mtasts_bytes_take_text(&reader);
  report.successful = mtasts_bytes_take_number(&reader, 8);
  report.failed = mtasts_bytes_take_number(&reader, 8);
  report.gzip = mtasts_bytes_take_text(&reader);
  const char *dir = building->options->dir ? building->options->dir : ".";
  bool here = strcmp(dir, ".") == 0;
  if (reader.failed || !is_plain_name(report.file_name)) {
    mtasts_print_error(dir, "a report has a name that no file can have: %.*s",
                       (int)report.domain.len, report.domain.data);
    return MTASTS_EXIT_IO;
  }
  memcpy(name, report.file_name.data, report.file_name.len);
  name[report.file_name.len] = '\0';
  snprintf(file, sizeof file, "%s%s%s", here ? "" : dir, here ? "" : "/", name);
  int rc = write_file(directory, name, report.gzip);
  if (rc == 0)
    return print_report(building, &report, file);
  mtasts_print_error(file, "cannot be written: %s", strerror(rc));
  return MTASTS_EXIT_IO;
}

static int take_reports(const struct building *building, int directory, int from_child) {
  char head[4];
  int code = MTASTS_EXIT_OK;
  while (read_all(from_child, head, sizeof head)) {
    struct mtasts_bytes_reader reader = {.rest = {head, sizeof head}};
    size_t size = (size_t)mtasts_bytes_take_number(&reader, sizeof head);
    char *bytes = size <= PART_MAX ? malloc(size + 1) : NULL;
    if (!bytes) {
      mtasts_print_error("report build", "out of memory");
      return MTASTS_EXIT_MEMORY;
    }
    /* If the child ends early, its exit code tells why. A report that cannot be written is no
     * reason to leave the others out. */
    if (read_all(from_child, bytes, size)) {
      int taken = take_report(building, directory, (struct mtasts_span){bytes, size});
      code = code == MTASTS_EXIT_OK ? taken : code;
    }
    free(bytes);
  }
  return code;
}

static int wait_for(pid_t pid) {
  int ended;
  while (waitpid(pid, &ended, 0) < 0)
    if (errno != EINTR)
      return MTASTS_EXIT_IO;
  if (WIFEXITED(ended))
    return WEXITSTATUS(ended);
  mtasts_print_error("report build", "ended by signal %d (%s)", WTERMSIG(ended),
                     strsignal(WTERMSIG(ended)));
  return MTASTS_EXIT_IO;
}

static int build_in_child(struct building *building, int directory) {
  int ends[2];
  fflush(NULL);
  pid_t pid = pipe(ends) == 0 ? fork() : -1;
  if (pid < 0) {
    mtasts_print_error("report build", "cannot begin: %s", strerror(errno));
    return MTASTS_EXIT_MEMORY;
  }
  if (pid == 0) {
    close(ends[0]);
    close(directory);
    int code = build_all(building, ends[1]);
    fflush(NULL);
    _exit(code);
  }
  close(ends[1]);
  int code = take_reports(building, directory, ends[0]);
  close(ends[0]);
  int childs = wait_for(pid);
  return code == MTASTS_EXIT_OK ? childs : code;
}

static int open_directory(const char *path) {
  if (mkdir(path, DIRECTORY_MODE) != 0 && errno != EEXIST)
    return -1;
  return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool read_domains(struct building *building) {
  const struct mtasts_option_values *words = &building->options->arguments;
  for (size_t i = 0; i < words->count; i++) {
    struct mtasts_domain domain;
    if (mtasts_domain_from_text(mtasts_span_of(words->items[i]), &domain) != MTASTS_OK) {
      mtasts_print_error(words->items[i], "not a domain");
      return false;
    }
    keep_domain(building, &domain, 0);
  }
  building->wanted = words->count;
  return true;
}

static int build_reports(struct building *building) {
  static struct utsname machine;
  int code = mtasts_outcome_access_load(building->options, &building->access);
  if (code != MTASTS_EXIT_OK)
    return code;
  const char *missing = mtasts_report_site_read(building->access.config, &building->site);
  if (missing) {
    mtasts_print_error(missing, "is empty; reports need it: mtasts.conf(5)");
    return MTASTS_EXIT_CONFIG;
  }
  if (uname(&machine) == 0)
    building->site.host = machine.nodename;
  const char *path = building->options->dir ? building->options->dir : ".";
  int directory = open_directory(path);
  if (directory < 0) {
    mtasts_print_error(path, "%s", strerror(errno));
    return MTASTS_EXIT_CREATE;
  }
  code = build_in_child(building, directory);
  close(directory);
  return code;
}

static int run(const struct mtasts_options *options) {
  struct building building = {.options = options};
  int code = MTASTS_EXIT_USAGE;
  if (mtasts_outcome_access_day(options->day, &building.day) && read_domains(&building))
    code = building.no_memory ? MTASTS_EXIT_MEMORY : build_reports(&building);
  free(building.domains);
  return mtasts_outcome_access_close(&building.access, code);
}

const struct mtasts_command mtasts_command_report_build = {
    .name = "report build",
    .arguments = "[--day DAY] [--dir DIR] [DOMAIN...]",
    .summary = "Writes this site's TLS reports of a day as files",
    .help =
        "One gzip file of JSON (RFC 8460) for each policy domain, from the outcomes that mtastsd\n"
        "has recorded. Sends nothing, asks no DNS, and changes nothing; the day may still go\n"
        "on.\n\n"
        "  --day DAY  the UTC day, as in 2026-01-31 (yesterday)\n"
        "  --dir DIR  where the files go (.); made if it is missing\n\n"
        "Examples:\n"
        "  mtasts report build --dir /tmp/reports\n"
        "  mtasts report build --day 2026-01-31 example.com\n",
    .least = 0,
    .max = SIZE_MAX,
    .run = run,
};
