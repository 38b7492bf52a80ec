/*
 * memory_json.h: a memory as the JSON text of its file. Pure.
 */
#ifndef MTASTS_MEMORY_JSON_H
#define MTASTS_MEMORY_JSON_H

#include "memory.h"

/* A text that the caller frees; NULL: no memory. */
char *mtasts_memory_write(const struct mtasts_domain *domain, const struct mtasts_memory *memory);

/* False: it is not what mtasts_memory_write writes for this domain. Then *memory is undefined. */
bool mtasts_memory_read(struct mtasts_span text, const struct mtasts_domain *domain,
                        struct mtasts_memory *memory);

#endif
