/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include <baton/id.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_SIZE = 64 };

/* A table, since names are checked in every message, and isalnum depends on the locale. */
static const bool name_characters[256] = {
    ['-'] = true, ['_'] = true, ['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true,
    ['5'] = true, ['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, ['A'] = true, ['B'] = true,
    ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true, ['G'] = true, ['H'] = true, ['I'] = true,
    ['J'] = true, ['K'] = true, ['L'] = true, ['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true,
    ['Q'] = true, ['R'] = true, ['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true,
    ['X'] = true, ['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,
    ['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true,
    ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true,
    ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true, ['y'] = true,
    ['z'] = true};

static bool is_name_character(char c)
{
    return name_characters[(unsigned char)c];
}

bool baton__name_is_valid(const char *name)
{
    if (name == NULL) {
        return false;
    }
    size_t length = 0;
    /* Four a step; the zero is none, so nothing behind it is looked at. */
    while (length < NAME_SIZE && is_name_character(name[length]) &&
           is_name_character(name[length + 1]) && is_name_character(name[length + 2]) &&
           is_name_character(name[length + 3])) {
        length += 4;
    }
    while (length < NAME_SIZE && is_name_character(name[length])) {
        length++;
    }
    return length != 0 && length < NAME_SIZE && name[length] == '\0';
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
