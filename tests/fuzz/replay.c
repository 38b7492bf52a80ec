/* Runs a fuzz target over the files of its committed corpus, without a fuzzing engine. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  INPUT_MAX = 1 << 20
};

static int replay(const char *directory, const char *name, uint8_t *input) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  FILE *file = fopen(path, "rbe");
  if (!file) {
    perror(path);
    return 1;
  }
  size_t size = fread(input, 1, INPUT_MAX, file);
  fclose(file);
  /* An exact copy, so that a sanitizer sees the first byte read too far. */
  uint8_t *exact = malloc(size ? size : 1);
  if (!exact)
    return 1;
  for (size_t i = 0; i < size; i++)
    exact[i] = input[i];
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
    return 64;
  }
  uint8_t *input = malloc(INPUT_MAX);
  DIR *directory = opendir(argv[1]);
  unsigned passed = 0;
  unsigned failed = 0;
  if (!input || !directory) {
    perror(argv[1]);
    free(input);
    return 1;
  }
  for (struct dirent *file; (file = readdir(directory));) {
    if (file->d_name[0] == '.')
      continue;
    if (replay(argv[1], file->d_name, input) == 0)
      passed++;
    else
      failed++;
  }
  closedir(directory);
  free(input);
  /* What is counted is the corpus. An input that cannot be borne ends this process before. */
  bool held = failed == 0 && passed > 0;
  printf("%-40s %u inputs: %d passed, %d failed\n", argv[1], passed + failed, held, !held);
  return held ? 0 : 1;
}
