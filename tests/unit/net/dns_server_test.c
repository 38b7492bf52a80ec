#include "dns_server.h"

#include <errno.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

/* The servers of a resolv.conf with that text, separated by spaces; at most three. */
static void read_text(const char *text, char *out, size_t size) {
  struct mtasts_dns_server servers[3];
  size_t count = 0;
  size_t length = 0;
  char path[] = "/tmp/mtasts-resolv-XXXXXX";
  int fd = mkstemp(path);
  CU_ASSERT_EQUAL_FATAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  CU_ASSERT_EQUAL(mtasts_resolvconf_read(path, 3, servers, &count), MTASTS_OK);
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
      {"nameserver fe80::1%nowhere0\nnameserver fe80::1\nnameserver ::1\n", "::1@53"},
  };
  char servers[512];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    read_text(cases[i].text, servers, sizeof servers);
    unit_check(strcmp(servers, cases[i].servers) == 0, "%s: %s", cases[i].text, servers);
  }
  /* As resolv.conf(5) says of a file that is missing. */
  size_t count = 0;
  struct mtasts_dns_server server;
  CU_ASSERT_EQUAL(mtasts_resolvconf_read("/nowhere/resolv.conf", 1, &server, &count), MTASTS_OK);
  CU_ASSERT_EQUAL(errno, ENOENT);
  unit_check(count == 1 && strcmp(server.text, "127.0.0.1@53") == 0, "missing: %s", server.text);
  CU_ASSERT_EQUAL(mtasts_resolvconf_read("/tmp", 1, &server, &count), MTASTS_OK);
  CU_ASSERT_EQUAL(errno, EISDIR);
  CU_ASSERT_EQUAL(count, 1);
}

static void addresses(void) {
  static const struct {
    const char *text;
    enum mtasts_status status;
    const char *shown;
    const char *forward;
  } cases[] = {
      {"192.0.2.1", MTASTS_OK, "192.0.2.1@53", "192.0.2.1@53"},
      {"2001:db8::1@5353", MTASTS_OK, "2001:db8::1@5353", "2001:db8::1@5353"},
      {"fe80::1%lo", MTASTS_OK, "fe80::1%lo@53", "fe80::1%1@53"},
      {"fe80::1%lo@5353", MTASTS_OK, "fe80::1%lo@5353", "fe80::1%1@5353"},
      {"fe80::1%1", MTASTS_OK, "fe80::1%1@53", "fe80::1%1@53"},
      {"fe80::1%nowhere0", MTASTS_ABSENT, NULL, NULL},
      {"fe80::1%4711", MTASTS_ABSENT, NULL, NULL},
      {"fe80::1%99999999999", MTASTS_ABSENT, NULL, NULL},
      {"fe80::1", MTASTS_INVALID, NULL, NULL},
      {"fe80::1%", MTASTS_INVALID, NULL, NULL},
      {"2001:db8::1%lo", MTASTS_INVALID, NULL, NULL},
      {"192.0.2.1%lo", MTASTS_INVALID, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct mtasts_dns_server server = {.size = 0};
    enum mtasts_status status = mtasts_dns_server_parse(cases[i].text, &server);
    unit_check(status == cases[i].status, "%s: %s", cases[i].text, mtasts_status_name(status));
    if (status == MTASTS_OK)
      unit_check(strcmp(server.text, cases[i].shown) == 0 &&
                     strcmp(server.forward, cases[i].forward) == 0,
                 "%s: %s, %s", cases[i].text, server.text, server.forward);
  }
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fputs(text, file);
  fclose(file);
  /* As if it had been written long ago: only what changes may show. */
  usleep(10000);
}

/* Takes a state that is not young, whatever the clock says. */
static bool changed(const char *path, struct mtasts_resolvconf_state *state) {
  bool result = mtasts_resolvconf_changed(path, state);
  state->recently_written = false;
  return result;
}

static void changes(void) {
  char directory[] = "/tmp/mtasts-server-XXXXXX";
  char link[64], one[64], other[64];
  struct mtasts_resolvconf_state state = {.error = 0};
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(directory));
  snprintf(link, sizeof link, "%s/resolv.conf", directory);
  snprintf(one, sizeof one, "%s/one", directory);
  snprintf(other, sizeof other, "%s/other", directory);
  changed(link, &state);
  CU_ASSERT_FALSE(changed(link, &state)); /* still missing */
  CU_ASSERT_EQUAL(symlink("one", link), 0);
  CU_ASSERT_FALSE(changed(link, &state)); /* a link to nothing */
  write_file(one, "nameserver 192.0.2.1\n");
  CU_ASSERT_TRUE(changed(link, &state)); /* appears as the link's target */
  CU_ASSERT_FALSE(changed(link, &state));
  write_file(one, "nameserver 192.0.2.2\n");
  CU_ASSERT_TRUE(changed(link, &state)); /* of the same size */
  write_file(other, "nameserver 192.0.2.2\n");
  CU_ASSERT_EQUAL(rename(other, one), 0);
  CU_ASSERT_TRUE(changed(link, &state)); /* replaced */
  write_file(other, "nameserver 192.0.2.3\n");
  CU_ASSERT_FALSE(changed(link, &state));
  unlink(link);
  CU_ASSERT_EQUAL(symlink("other", link), 0);
  CU_ASSERT_TRUE(changed(link, &state)); /* the link shows elsewhere */
  chmod(other, 0);
  CU_ASSERT_TRUE(changed(link, &state));
  unlink(other);
  CU_ASSERT_TRUE(changed(link, &state));
  unlink(link);
  unlink(one);
  rmdir(directory);
}

static void young_files(void) {
  struct mtasts_resolvconf_state state = {.error = 0};
  char path[] = "/tmp/mtasts-server-XXXXXX";
  close(mkstemp(path));
  mtasts_resolvconf_changed(path, &state);
  CU_ASSERT_TRUE(mtasts_resolvconf_changed(path, &state)); /* a later write might not show */
  unlink(path);
}

const char *const unit_name = "net/dns_server";
const struct unit_test unit_tests[] = {
    {"resolv.conf names the servers", resolvconf},
    {"addresses, link-local ones with their interface", addresses},
    {"a file that changes is noticed, also behind links", changes},
    {"a file that has just changed is read once more", young_files},
    {NULL, NULL},
};
