/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

#include "table.h"
#include <stdio.h>
#include <stdlib.h>

void baton__backlog_drop(baton__backlog *backlog, baton__backlog_item *item)
{
    DL_DELETE(backlog->first, item); /* NOLINT(clang-analyzer-core.NullDereference) */
    backlog->count--;
    backlog->bytes -= item->size;
    free(item->text);
    free(item);
}

size_t baton__backlog_add(baton__backlog *backlog, const char *subject, char *text, size_t size)
{
    baton__backlog_item *item = size <= BATON__BACKLOG_BYTES_MAX ? calloc(1, sizeof(*item)) : NULL;
    if (item == NULL) {
        free(text);
        return 1;
    }
    size_t dropped = 0;
    while (backlog->count >= BATON__BACKLOG_COUNT_MAX ||
           backlog->bytes > BATON__BACKLOG_BYTES_MAX - size) {
        baton__backlog_drop(backlog, backlog->first);
        dropped++;
    }
    (void)snprintf(item->subject, sizeof(item->subject), "%s", subject);
    item->text = text;
    item->size = size;
    item->number = ++backlog->numbers;
    DL_APPEND(backlog->first, item);
    backlog->count++;
    backlog->bytes += size;
    return dropped;
}

baton__backlog_item *baton__backlog_find(const baton__backlog *backlog, uint64_t number)
{
    baton__backlog_item *item;
    DL_FOREACH(backlog->first, item)
    {
        if (item->number == number) {
            return item;
        }
    }
    return NULL;
}

void baton__backlog_fini(baton__backlog *backlog)
{
    while (backlog->first != NULL) {
        baton__backlog_drop(backlog, backlog->first);
    }
}
