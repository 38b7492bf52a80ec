#include "insecure_zones.h"

#include <stdio.h>
#include <string.h>

#include "idn.h"

static const char *const known[] = {"internal", "intranet", "private", "corp",      "home",
                                    "lan",      "local",    "alt",     "home.arpa", NULL};

static bool write_zone(int file, const char *name) {
  return dprintf(file,
                 "  domain-insecure: \"%s.\"\n"
                 "  local-zone: \"%s.\" nodefault\n",
                 name, name) > 0;
}

bool mtasts_insecure_zones_write(int file, const char *const *zones, size_t count) {
  static const char head[] = "server:\n"
                             "  unblock-lan-zones: yes\n"
                             "  insecure-lan-zones: yes\n"
                             "  local-zone: \"test.\" nodefault\n";
  if (dprintf(file, "%s", head) < 0)
    return false;
  for (size_t i = 0; known[i]; i++)
    if (!write_zone(file, known[i]))
      return false;
  for (size_t i = 0; i < count; i++) {
    struct mtasts_domain domain;
    struct mtasts_span text = {zones[i], strlen(zones[i])};
    if (mtasts_domain_from_text(text, &domain) != MTASTS_OK || !write_zone(file, domain.name))
      return false;
  }
  return true;
}
