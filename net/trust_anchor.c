#include "trust_anchor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
  FILE_MAX = 65536, /* bytes that are read */
};

/* Does the line hold a trusted record? unbound appends the key's RFC 5011 state; trusted are valid
 * ones, and those that are missing from the zone for a while. */
static bool trusted(const char *line) {
  static const char word[] = ";;state=";
  const char *state = strstr(line, word);
  line += strspn(line, " \t\r\n");
  if (*line == '\0' || *line == ';' || *line == '$')
    return false;
  return !state || state[sizeof word - 1] == '2' || state[sizeof word - 1] == '3';
}

/* Copies the trusted lines. Returns how many, or -1 if they cannot be written. */
static int copy(FILE *from, int to) {
  char *line = NULL;
  size_t size = 0;
  size_t total = 0;
  int count = 0;
  for (ssize_t length; (length = getline(&line, &size, from)) > 0;) {
    total += (size_t)length;
    if (total > FILE_MAX)
      break;
    if (!trusted(line))
      continue;
    if (write(to, line, (size_t)length) != length) {
      count = -1;
      break;
    }
    count++;
  }
  free(line);
  return count;
}

enum mtasts_status mtasts_trust_anchor_open(const char *path, char error[MTASTS_ERROR_TEXT],
                                            int *fd) {
  FILE *file = fopen(path, "re");
  if (!file) {
    enum mtasts_status status = errno == ENOENT ? MTASTS_NO_FILE : MTASTS_IO;
    snprintf(error, MTASTS_ERROR_TEXT, "%.180s: %s", path, strerrordesc_np(errno));
    return status;
  }
  enum mtasts_status status = MTASTS_NO_MEMORY;
  int memory = memfd_create("mtasts-anchor", MFD_CLOEXEC);
  int count = memory < 0 ? -1 : copy(file, memory);
  if (count > 0)
    status = MTASTS_OK;
  else if (ferror(file))
    status = MTASTS_IO;
  else if (count == 0)
    status = MTASTS_INVALID;
  snprintf(error, MTASTS_ERROR_TEXT, "%.180s: %s", path,
           status == MTASTS_INVALID ? "no trust anchor in it" : mtasts_status_name(status));
  fclose(file);
  if (status == MTASTS_OK)
    *fd = memory;
  else if (memory >= 0)
    close(memory);
  return status;
}
