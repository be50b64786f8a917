/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/version.h>

#ifndef BATON_VERSION_STRING
#error "BATON_VERSION_STRING comes from project() in CMakeLists.txt"
#endif

const char *baton_version(void)
{
    return BATON_VERSION_STRING;
}
