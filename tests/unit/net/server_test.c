#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

/* The servers of a resolv.conf with that text, separated by spaces; at most three. */
static void read_text(const char *text, char *out, size_t size) {
  struct mtasts_server servers[3];
  size_t count = 0;
  size_t length = 0;
  char path[] = "/tmp/mtasts-resolv-XXXXXX";
  int fd = mkstemp(path);
  CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  CU_ASSERT_EQUAL(mtasts_server_resolvconf(path, 3, servers, &count), MTASTS_OK);
  unlink(path);
  for (size_t i = 0; i < count; i++)
    length += (size_t)snprintf(out + length, size - length, "%s%s", i ? " " : "", servers[i].text);
}

static void resolvconf(void) {
  static const struct {
    const char *text;
    const char *servers;
  } cases[] = {
      {"", "127.0.0.1@53"},
      {"# nameserver 1.2.3.4\nsearch example\n", "127.0.0.1@53"},
      {"nameserver 192.0.2.1\n", "192.0.2.1@53"},
      {"nameserver\t192.0.2.1 # mine\r\nnameserver  2001:db8::1", "192.0.2.1@53 2001:db8::1@53"},
      {"nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
       "1.1.1.1@53 2.2.2.2@53 3.3.3.3@53"},
      {"nameserver example.com\nnameserver 1.1.1.1\n", "1.1.1.1@53"},
      {"nameservers 1.1.1.1\nnameserver2.2.2.2\n", "127.0.0.1@53"},
      {"nameserver fe80::1%lo\n", "fe80::1%lo@53"},
  };
  char servers[512];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    read_text(cases[i].text, servers, sizeof servers);
    unit_check(strcmp(servers, cases[i].servers) == 0, "%s: %s", cases[i].text, servers);
  }
  size_t count;
  struct mtasts_server server;
  CU_ASSERT_EQUAL(mtasts_server_resolvconf("/nowhere/resolv.conf", 1, &server, &count), MTASTS_IO);
}

const char *const unit_name = "server";
const struct unit_test unit_tests[] = {
    {"resolv.conf names the servers", resolvconf},
    {NULL, NULL},
};
