/* SPDX-License-Identifier: Apache-2.0 */
/* Points in the order of a stream. */
#include "state.h"

#include <stdlib.h>

fake_mark *fake_mark_make(void)
{
    fake_mark *mark = calloc(1, sizeof(*mark));
    if (mark != NULL) {
        mark->references = 1;
    }
    return mark;
}

fake_mark *fake_mark_acquire(fake_mark *mark)
{
    mark->references++;
    return mark;
}

void fake_mark_release(fake_mark *mark)
{
    if (mark != NULL && --mark->references == 0) {
        free(mark);
    }
}

void fake_mark_set(fake_mark *mark, cudaError_t error)
{
    mark->done = true;
    mark->error = error;
    (void)pthread_cond_broadcast(&fake_changed);
}

cudaError_t fake_mark_wait(fake_mark *mark)
{
    while (!mark->done) {
        (void)pthread_cond_wait(&fake_changed, &fake_lock);
    }
    return mark->error;
}
