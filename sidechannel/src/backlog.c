/* SPDX-License-Identifier: Apache-2.0 */
#include "backlog.h"

#include "table.h"
#include <stdio.h>
#include <stdlib.h>

baton__backlog_item *baton__backlog_first(const baton__backlog *backlog)
{
    return backlog->first;
}

void baton__backlog_drop_first(baton__backlog *backlog)
{
    baton__backlog_item *item = backlog->first;
    DL_DELETE(backlog->first, item);
    backlog->count--;
    backlog->bytes -= item->size;
    free(item->text);
    free(item);
}

size_t baton__backlog_add(baton__backlog *backlog, const char *subject, char *text, size_t size)
{
    baton__backlog_item *item = size <= BATON__BACKLOG_BYTES_MAX ? malloc(sizeof(*item)) : NULL;
    if (item == NULL) {
        free(text);
        return 1;
    }
    size_t dropped = 0;
    while (backlog->count >= BATON__BACKLOG_COUNT_MAX ||
           backlog->bytes > BATON__BACKLOG_BYTES_MAX - size) {
        baton__backlog_drop_first(backlog);
        dropped++;
    }
    (void)snprintf(item->subject, sizeof(item->subject), "%s", subject);
    item->text = text;
    item->size = size;
    DL_APPEND(backlog->first, item);
    backlog->count++;
    backlog->bytes += size;
    return dropped;
}

void baton__backlog_fini(baton__backlog *backlog)
{
    while (backlog->first != NULL) {
        baton__backlog_drop_first(backlog);
    }
}
