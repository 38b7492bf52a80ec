/*
 * ask: the other end of mtastsd's unix sockets, for the checks.
 *
 *   ask SOCKET MAP KEY       asks by the socketmap protocol, and prints the reply
 *   ask -c SOCKET COUNT MAP KEY  the same on so many connections at once; a line each
 *   ask -i SOCKET COUNT      opens so many connections, says "idle", and holds them until it is
 * killed ask -r SOCKET            sends standard input as it is, and prints all that comes back ask
 * -d SOCKET            sends standard input as one datagram
 *
 * Exits with 1 if the connection ends before the reply, 69 if no process listens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define INPUT_MAX (1 << 20) /* bytes */

static int reach(const char *path, int type) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (strlen(path) >= sizeof at.sun_path) {
    fprintf(stderr, "ask: %s: too long\n", path);
    exit(64);
  }
  memcpy(at.sun_path, path, strlen(path));
  if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
    perror(path);
    exit(69);
  }
  return fd;
}

static void send_request(int fd, const char *map, const char *key) {
  dprintf(fd, "%zu:%s %s,", strlen(map) + 1 + strlen(key), map, key);
}

/* Prints the payload of the netstring that comes; false: the connection ended before. */
static int print_reply(int fd) {
  FILE *replies = fdopen(fd, "r");
  size_t length = 0;
  int digit = replies ? getc(replies) : EOF;
  for (; digit >= '0' && digit <= '9'; digit = getc(replies))
    length = 10 * length + (size_t)(digit - '0');
  int whole = digit == ':';
  while (whole && length-- > 0) {
    int c = getc(replies);
    whole = c != EOF && putchar(c) != EOF;
  }
  whole = whole && getc(replies) == ',';
  putchar('\n');
  if (replies)
    fclose(replies);
  return whole;
}

static int ask_at_once(const char *path, int count, const char *map, const char *key) {
  int *fds = calloc((size_t)count, sizeof *fds);
  int whole = fds != NULL;
  for (int i = 0; whole && i < count; i++) {
    fds[i] = reach(path, SOCK_STREAM);
    send_request(fds[i], map, key);
  }
  for (int i = 0; whole && i < count; i++)
    whole = print_reply(fds[i]);
  free(fds);
  return whole ? 0 : 1;
}

__attribute__((noreturn)) static void hold(const char *path, int count) {
  for (int i = 0; i < count; i++)
    reach(path, SOCK_STREAM);
  puts("idle");
  fflush(stdout);
  for (;;)
    pause();
}

static char input[INPUT_MAX];

static int send_input(const char *path, int type) {
  int fd = reach(path, type);
  size_t size = fread(input, 1, sizeof input, stdin);
  if (send(fd, input, size, MSG_NOSIGNAL) != (ssize_t)size)
    return 1;
  if (type == SOCK_DGRAM)
    return 0;
  ssize_t n;
  while ((n = read(fd, input, sizeof input)) > 0)
    fwrite(input, 1, (size_t)n, stdout);
  return 0;
}

static int print_datagrams(const char *path) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
  umask(0); /* any user may send */
  if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
    perror(path);
    return 69;
  }
  ssize_t n;
  while ((n = recv(fd, input, sizeof input, 0)) >= 0) {
    printf("%.*s\n", (int)n, input);
    fflush(stdout);
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc == 4 && argv[1][0] != '-')
    return ask_at_once(argv[1], 1, argv[2], argv[3]);
  if (argc == 6 && strcmp(argv[1], "-c") == 0)
    return ask_at_once(argv[2], (int)strtol(argv[3], NULL, 10), argv[4], argv[5]);
  if (argc == 4 && strcmp(argv[1], "-i") == 0)
    hold(argv[2], (int)strtol(argv[3], NULL, 10));
  if (argc == 3 && strcmp(argv[1], "-r") == 0)
    return send_input(argv[2], SOCK_STREAM);
  if (argc == 3 && strcmp(argv[1], "-d") == 0)
    return send_input(argv[2], SOCK_DGRAM);
  if (argc == 3 && strcmp(argv[1], "-l") == 0)
    return print_datagrams(argv[2]);
  fputs("usage: ask SOCKET MAP KEY | -c SOCKET COUNT MAP KEY | -i SOCKET COUNT | -r SOCKET | "
        "-d SOCKET | -l SOCKET\n",
        stderr);
  return 64;
}
