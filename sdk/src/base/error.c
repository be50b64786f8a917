/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ERROR_TEXT_SIZE = 512 };

static _Thread_local char error_text[ERROR_TEXT_SIZE];

/* By way of a copy: the arguments may contain the present text, to say more about it. */
static void set_text(const char *format, va_list arguments, const char *suffix)
{
    char text[ERROR_TEXT_SIZE];
    int length = vsnprintf(text, sizeof(text), format, arguments);
    if (length < 0) {
        length = 0;
        text[0] = '\0';
    }
    if (suffix != NULL && (size_t)length < sizeof(text)) {
        (void)snprintf(text + length, sizeof(text) - (size_t)length, ": %s", suffix);
    }
    memcpy(error_text, text, sizeof(text));
}

baton_status baton__fail(baton_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_text(format, arguments, NULL);
    va_end(arguments);
    return status;
}

baton_status baton__fail_as_is(baton_status status, const char *text)
{
    size_t length = strnlen(text, ERROR_TEXT_SIZE - 1);
    memmove(error_text, text, length);
    error_text[length] = '\0';
    return status;
}

baton_status baton__fail_errno(int error_number, const char *format, ...)
{
    char buffer[128];
    const char *reason = strerror_r(error_number, buffer, sizeof(buffer)); /* GNU's, returns text */
    va_list arguments;
    va_start(arguments, format);
    set_text(format, arguments, reason);
    va_end(arguments);
    return error_number == ENOMEM ? BATON_ERR_OUT_OF_MEMORY : BATON_ERR_SYSTEM;
}

baton_status baton__fail_memory(const char *what)
{
    return baton__fail(BATON_ERR_OUT_OF_MEMORY, "out of memory for %s", what);
}

const char *baton_error_text(void)
{
    return error_text;
}
