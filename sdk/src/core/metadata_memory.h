/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_METADATA_MEMORY_H
#define BATON_CORE_METADATA_MEMORY_H

#include <stddef.h>

/* Memory of metadata: what most of them need is kept for the next one, for all threads of the process. Undefined contents. NULL: no
 * memory. */
void *baton__metadata_memory_take(size_t size);
/* size: as it was taken. NULL is legal. */
void baton__metadata_memory_give(void *memory, size_t size);

#endif
