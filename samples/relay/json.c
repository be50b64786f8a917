/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the UTF-8 sequence that begins here, 0 if it is none (too long forms and surrogates
 * included). */
static size_t sequence_length(const unsigned char *s)
{
    size_t length = s[0] < 0x80                    ? 1
                    : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                    : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                    : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                   : 0;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool excluded = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
                    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
    return length > 1 && excluded ? 0 : length;
}

static void print_text(FILE *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0') {
        size_t length = sequence_length(s);
        if (length == 0) {
            (void)fputs("\\ufffd", out);
            length = 1;
        } else if (*s < 0x20 || *s == 0x7f || *s == '"' || *s == '\\') {
            (void)fprintf(out, "\\u%04x", *s);
        } else {
            (void)fwrite(s, 1, length, out);
        }
        s += length;
    }
}

char *json_of_file(const char *path, uint64_t size)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        return NULL;
    }
    (void)fputs("{\"name\":\"", out);
    print_text(out, path);
    (void)fprintf(out, "\",\"size\":%llu}", (unsigned long long)size);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

bool json_find_sha256(const char *json, char text_out[SHA256_TEXT_SIZE])
{
    static const char key[] = "\"sha256\"";
    const char *s = strstr(json, key);
    if (s == NULL) {
        return false;
    }
    s += sizeof key - 1;
    s += strspn(s, " \t\r\n");
    if (*s++ != ':') {
        return false;
    }
    s += strspn(s, " \t\r\n");
    if (*s++ != '"' || strspn(s, "0123456789abcdef") != SHA256_TEXT_SIZE - 1 ||
        s[SHA256_TEXT_SIZE - 1] != '"') {
        return false;
    }
    memcpy(text_out, s, SHA256_TEXT_SIZE - 1);
    text_out[SHA256_TEXT_SIZE - 1] = '\0';
    return true;
}
