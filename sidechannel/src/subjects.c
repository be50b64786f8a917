/* SPDX-License-Identifier: Apache-2.0 */
#include "subjects.h"

#include "base/name.h"
#include <string.h>

#define PREFIX_MAX 128

static const char *const kind_tokens[] = {
    [BATON__SUBJECT_OFFER] = "offer",
    [BATON__SUBJECT_TO] = "to",
    [BATON__SUBJECT_DONE] = "done",
};

static bool is_token_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool baton__prefix_is_valid(const char *prefix)
{
    if (prefix == NULL) {
        return false;
    }
    size_t length = 0;
    char before = '.';
    for (; prefix[length] != '\0'; length++) {
        char c = prefix[length];
        bool ends_empty_token = c == '.' && before == '.';
        if (length == PREFIX_MAX || ends_empty_token || (c != '.' && !is_token_character(c))) {
            return false;
        }
        before = c;
    }
    return before != '.';
}

/* Appends a token and the dot before it; returns the end. */
static char *append_token(char *end, const char *token)
{
    size_t length = strlen(token);
    *end = '.';
    memcpy(end + 1, token, length);
    return end + 1 + length;
}

static char *append_prefix(char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    memcpy(text, prefix, length);
    return text + length;
}

/* It fits: 128 of the prefix, twice 63 of a name, and the rest. */
void baton__subject_print(char text[BATON__SUBJECT_MAX], const char *prefix,
                          baton__subject_kind kind, const char *target, const char *sender)
{
    char *end = append_token(append_prefix(text, prefix), kind_tokens[kind]);
    *append_token(append_token(end, target), sender) = '\0';
}

void baton__subject_event(char text[BATON__SUBJECT_MAX], const char *prefix, const char *worker)
{
    *append_token(append_token(append_prefix(text, prefix), "event"), worker) = '\0';
}

/* Copies the token at *text, moves *text behind it and behind its dot. */
static bool take_name(const char **text, bool last, char name_out[64])
{
    size_t length = strcspn(*text, ".");
    if (length > 63 || ((*text)[length] == '\0') != last) {
        return false;
    }
    memcpy(name_out, *text, length);
    name_out[length] = '\0';
    *text += length + (last ? 0 : 1);
    return baton__name_is_valid(name_out);
}

static bool take_kind(const char **text, baton__subject_kind *kind_out)
{
    for (size_t i = BATON__SUBJECT_OFFER; i <= BATON__SUBJECT_DONE; i++) {
        size_t length = strlen(kind_tokens[i]);
        if (strncmp(*text, kind_tokens[i], length) == 0 && (*text)[length] == '.') {
            *text += length + 1;
            *kind_out = (baton__subject_kind)i;
            return true;
        }
    }
    return false;
}

bool baton__subject_parse(const char *text, const char *prefix, baton__subject *subject_out)
{
    size_t length = strlen(prefix);
    if (strncmp(text, prefix, length) != 0 || text[length] != '.') {
        return false;
    }
    text += length + 1;
    baton__subject subject;
    memset(&subject, 0, sizeof(subject));
    if (!take_kind(&text, &subject.kind) || !take_name(&text, false, subject.target) ||
        !take_name(&text, true, subject.sender)) {
        return false;
    }
    *subject_out = subject;
    return true;
}
