/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CORE_GATES_H
#define BATON_CORE_GATES_H

/*
 * What an operation's memory waits for (device/gate.h): one gate after the other, until all are open. A gate opens on a thread of CUDA's,
 * which posts a task; so the loop sleeps meanwhile.
 */

/* Creation, any thread: those of the descriptors. Errors: ERR_OUT_OF_MEMORY. */
baton_status baton__gates_take(baton_operation *operation);
/* Owner thread: begins to wait. A gate that will never open stops the operation with ERR_DEVICE. */
void baton__gates_begin(baton_operation *operation);
/* Owner thread: the operation is over. */
void baton__gates_leave(baton_operation *operation);
/* Nobody waits. */
void baton__gates_fini(baton_operation *operation);
/* Whether the memory may be touched; true where there is no gate. */
bool baton__gates_are_open(const baton_operation *operation);

#endif
