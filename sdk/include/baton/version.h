/* SPDX-License-Identifier: Apache-2.0 */
/** Version of the library that is loaded. The one place of the number is CMakeLists.txt. */
#ifndef BATON_VERSION_H
#define BATON_VERSION_H

#include <baton/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Such as "0.1.0". A constant string. Threads: any. Blocking: no. */
BATON_API const char *baton_version(void);
/** Version of the UCX library that is loaded, such as "1.13.1". A constant string. */
BATON_API const char *baton_transport_version(void);

#ifdef __cplusplus
}
#endif
#endif
