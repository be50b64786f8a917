/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include <baton/id.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 64 };

/* By hand, since isalnum depends on the locale. */
static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool baton__name_is_valid(const char *name)
{
    if (name == NULL) {
        return false;
    }
    size_t length = 0;
    for (; name[length] != '\0'; length++) {
        if (length == NAME_SIZE - 1 || !is_name_character(name[length])) {
            return false;
        }
    }
    return length != 0;
}

void baton__name_default(char text[64])
{
    enum { HOST_SIZE = NAME_SIZE - sizeof("-2147483647-ffff") + 1 };
    char host[256] = "";
    if (gethostname(host, sizeof(host)) != 0 || host[0] == '\0') {
        memcpy(host, "host", sizeof("host"));
    }
    host[HOST_SIZE - 1] = '\0'; /* also ends a host name that gethostname has cut */
    for (char *c = host; *c != '\0'; c++) {
        if (!is_name_character(*c)) {
            *c = '-';
        }
    }
    baton_uuid random = baton_uuid_random();
    (void)snprintf(text, NAME_SIZE, "%.*s-%d-%02x%02x", HOST_SIZE - 1, host, (int)getpid(),
                   random.bytes[0], random.bytes[1]);
}
