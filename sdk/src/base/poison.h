/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_POISON_H
#define BATON_BASE_POISON_H

/* Memory on a free list: a touch of it is an error where AddressSanitizer watches. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BATON__HAS_POISON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(BATON__HAS_POISON)
#define BATON__HAS_POISON 1
#endif

#ifdef BATON__HAS_POISON
#include <sanitizer/asan_interface.h>
#define BATON__POISON(memory, size) __asan_poison_memory_region((memory), (size))
#define BATON__UNPOISON(memory, size) __asan_unpoison_memory_region((memory), (size))
#else
#define BATON__POISON(memory, size) ((void)(memory), (void)(size))
#define BATON__UNPOISON(memory, size) ((void)(memory), (void)(size))
#endif

#endif
