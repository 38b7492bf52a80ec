#include "dns_server_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "strbuf.h"

enum {
  RESOLVCONF_SERVERS = 3,
};

static enum mtasts_status take_named(const char *const *named, size_t count,
                                     struct mtasts_dns_server_list *servers,
                                     char error[MTASTS_ERROR_TEXT]) {
  if (count > MTASTS_RESOLVER_SERVERS) {
    snprintf(error, MTASTS_ERROR_TEXT, "%zu DNS servers are given, at most %d can be asked", count,
             MTASTS_RESOLVER_SERVERS);
    return MTASTS_INVALID;
  }
  for (size_t i = 0; i < count; i++) {
    enum mtasts_status status = mtasts_dns_server_parse(named[i], &servers->list[servers->count]);
    if (status == MTASTS_OK) {
      servers->count++;
    } else if (status == MTASTS_ABSENT) {
      snprintf(servers->trouble, sizeof servers->trouble,
               "DNS server %.80s cannot be asked: this machine has no such interface", named[i]);
    } else {
      snprintf(error, MTASTS_ERROR_TEXT,
               "\"%.80s\" is not the address of a DNS server (write ADDR or ADDR@PORT; a "
               "link-local one with its interface, and no other: fe80::53%%eth0)",
               named[i]);
      return MTASTS_INVALID;
    }
  }
  return MTASTS_OK;
}

static enum mtasts_status take_resolvconf(struct mtasts_dns_server_list *servers,
                                          char error[MTASTS_ERROR_TEXT]) {
  if (mtasts_resolvconf_read(MTASTS_RESOLVCONF, RESOLVCONF_SERVERS, servers->list,
                             &servers->count) != MTASTS_OK) {
    snprintf(error, MTASTS_ERROR_TEXT, "%s: %s; name a DNS server in the configuration",
             MTASTS_RESOLVCONF, strerrordesc_np(errno));
    return MTASTS_IO;
  }
  if (errno != 0)
    snprintf(servers->trouble, sizeof servers->trouble,
             "%s: %s; the DNS server on this machine is asked (127.0.0.1)", MTASTS_RESOLVCONF,
             strerrordesc_np(errno));
  return MTASTS_OK;
}

enum mtasts_status mtasts_dns_server_list_find(const char *const *named, size_t count,
                                               struct mtasts_dns_server_list *servers,
                                               char error[MTASTS_ERROR_TEXT]) {
  struct mtasts_dns_server_list found = {.count = 0};
  enum mtasts_status status =
      count > 0 ? take_named(named, count, &found, error) : take_resolvconf(&found, error);
  if (status == MTASTS_OK)
    *servers = found;
  return status;
}

bool mtasts_dns_server_list_same(const struct mtasts_dns_server_list *a,
                                 const struct mtasts_dns_server_list *b) {
  bool same = a->count == b->count && strcmp(a->trouble, b->trouble) == 0;
  for (size_t i = 0; same && i < a->count; i++)
    same = strcmp(a->list[i].forward, b->list[i].forward) == 0;
  return same;
}

void mtasts_dns_server_list_write(const struct mtasts_dns_server_list *servers, char *out) {
  struct mtasts_strbuf text = {.data = out, .size = MTASTS_DNS_SERVER_LIST_TEXT};
  out[0] = '\0';
  for (size_t i = 0; i < servers->count; i++)
    mtasts_strbuf_printf(&text, "%s%s", i > 0 ? "," : "", servers->list[i].text);
}
