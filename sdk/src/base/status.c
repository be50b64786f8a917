/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/status.h>

/* The parameters are int, so that a value from the wire that is no enumerator is legal in a switch.
 */
static const char *name_of(int value)
{
    switch (value) {
#define STATUS_NAME(name, value, text) \
    case (value):                      \
        return #name;
        BATON_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    default:
        return "UNKNOWN";
    }
}

static const char *text_of(int value)
{
    switch (value) {
#define STATUS_TEXT(name, value, text) \
    case (value):                      \
        return (text);
        BATON_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    default:
        return "a status that this version of baton does not know";
    }
}

const char *baton_status_name(baton_status status)
{
    return name_of((int)status);
}

const char *baton_status_text(baton_status status)
{
    return text_of((int)status);
}
