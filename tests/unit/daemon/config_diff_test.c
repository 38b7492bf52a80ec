#include "config_diff.h"

#include "unit.h"

#include <string.h>

const char *const unit_name = "daemon/config_diff";

static struct mtasts_config *parse(const char *text) {
  char error[MTASTS_ERROR_TEXT] = "";
  struct mtasts_config *config = NULL;
  mtasts_config_parse((struct mtasts_span){text, strlen(text)}, "test", error, &config);
  unit_check(config != NULL, "%s: %s", text, error);
  return config;
}

static void each_key(void) {
  const struct {
    const char *text, *needed;
  } cases[] = {
      {"", ""},
      {"cache { directory = \"/a\" }", "cache"},
      {"cache { map_size = 2097152 }", "cache"},
      {"cache { max_absent = 5000 }", "cache"},
      {"dns { without_ad = \"policy\" }", ""},
      {"https { allow_private = true }", "https"},
      {"https { ca_file = \"/a.pem\" }", "https"},
      {"ask { socket = \"/run/a\" }", "ask.socket"},
      {"ask { mode = 0600 }", "ask.socket"},
      {"socketmap { listen = {\"inet:127.0.0.1:8461\"} }", "socketmap.listen"},
      {"socketmap { listen = {\"unix:/run/a\", \"inet:127.0.0.1:8461\"} }", "socketmap.listen"},
      {"socketmap { mode = 0666 }", "socketmap.listen"},
      {"outcome { socket = \"/run/a\" }", "outcome.socket"},
      {"metrics { listen = \"127.0.0.1:8463\" }", "metrics.listen"},
      {"metrics { mode = 0600 }", "metrics.listen"},
      {"log = \"stderr\"", "log"},
      {"user = \"root\" group = \"root\"",
       "ask.socket, socketmap.listen, outcome.socket, metrics.listen, user or group"},
      {"log = \"stderr\" https { timeout = 9 }", "https, log"},
      /* Taken up at once. */
      {"dns { servers = {\"127.0.0.1\"} timeout = 3 dnssec = \"off\" trust_anchor = \"/a\" }", ""},
      {"ask { deadline = 9 on_unknown = \"defer\" }", ""},
      {"refresh { interval = 3600 in_flight = 8 }", ""},
      {"socketmap { bracketed = false plain_level = \"may\" }", ""},
      {"site_mode = \"monitor\" override \"a.example\" { mode = \"none\" }", ""},
  };
  struct mtasts_config *old = parse("");
  for (size_t i = 0; old && i < sizeof cases / sizeof *cases; i++) {
    char needed[256];
    struct mtasts_config *new = parse(cases[i].text);
    if (!new)
      continue;
    mtasts_config_diff_needs_restart(old, new, needed, sizeof needed);
    unit_check(strcmp(needed, cases[i].needed) == 0, "%s: %s", cases[i].text, needed);
    mtasts_config_free(new);
  }
  mtasts_config_free(old);
}

static void fits(void) {
  char needed[8];
  struct mtasts_config *old = parse("");
  struct mtasts_config *new = parse("cache { directory = \"/a\" } log = \"stderr\"");
  if (old && new) {
    mtasts_config_diff_needs_restart(old, new, needed, sizeof needed);
    CU_ASSERT_STRING_EQUAL(needed, "cache, ");
  }
  mtasts_config_free(old);
  mtasts_config_free(new);
}

static void section_dns(void) {
  static const char *const texts[] = {
      "",
      "dns { servers = {\"127.0.0.1\"} }",
      "dns { servers = {\"127.0.0.1\", \"::1\"} }",
      "dns { timeout = 3 }",
      "dns { dnssec = \"off\" }",
      "dns { trust_anchor = \"/a\" }",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    for (size_t j = 0; j < sizeof texts / sizeof *texts; j++) {
      struct mtasts_config *a = parse(texts[i]);
      struct mtasts_config *b = parse(texts[j]);
      unit_check(a && b && mtasts_config_diff_same_dns(a, b) == (i == j), "%s, %s", texts[i],
                 texts[j]);
      mtasts_config_free(a);
      mtasts_config_free(b);
    }
}

const struct unit_test unit_tests[] = {{"each key that needs a restart is named", each_key},
                                       {"a list that is too long is cut", fits},
                                       {"a change of section dns is found", section_dns},
                                       {NULL, NULL}};
