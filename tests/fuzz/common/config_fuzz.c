/* Any bytes as a configuration: no crash, an error with a text, or a whole configuration. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mtasts_config *config = NULL;
  char error[MTASTS_ERROR_TEXT];
  error[0] = '\0';
  enum mtasts_status status =
      mtasts_config_parse((struct mtasts_span){(const char *)data, size}, "f", error, &config);
  if (status != MTASTS_OK) {
    if (config || strncmp(error, "f:", 2) != 0)
      abort();
    return 0;
  }
  for (size_t i = 0; i < config->override_count; i++)
    if (mtasts_config_override(config, &config->overrides[i].domain) !=
        &config->overrides[i].override)
      abort();
  if (config->cache.directory[0] != '/' || config->refresh.retry_min > config->refresh.retry_max)
    abort();
  mtasts_config_free(config);
  /* Whatever came before, the next file is read as it stands. */
  status = mtasts_config_parse((struct mtasts_span){"log = stderr", 12}, "f", error, &config);
  if (status != MTASTS_OK || config->log != MTASTS_LOG_STDERR)
    abort();
  mtasts_config_free(config);
  return 0;
}
