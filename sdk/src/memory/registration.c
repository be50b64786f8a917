/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/registration.h"

#include "base/error.h"
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct baton__registration {
    const baton_descriptor *descriptor;
    baton__memory *memory;
    uint32_t uses;
    UT_hash_handle hh;
};

static baton__registration *find(baton__registrations *registrations, const baton_descriptor *descriptor)
{
    baton__registration *found;
    HASH_FIND_PTR(registrations->by_descriptor, &descriptor, found);
    return found;
}

baton_status baton__registration_acquire(baton__registrations *registrations, baton_descriptor *descriptor)
{
    baton__registration *registration = find(registrations, descriptor);
    if (registration != NULL) {
        registration->uses++;
        return BATON_OK;
    }
    registration = calloc(1, sizeof(*registration));
    if (registration == NULL) {
        return baton__fail_memory("a registration");
    }
    baton_status status = registrations->table->memory_register(
        registrations->transport, baton_descriptor_pointer(descriptor),
        baton_descriptor_size(descriptor), &registration->memory);
    if (status != BATON_OK) {
        free(registration);
        return status;
    }
    registration->descriptor = descriptor;
    registration->uses = 1;
    HASH_ADD_PTR(registrations->by_descriptor, descriptor, registration);
    if (registration->hh.tbl == NULL) { /* HASH_NONFATAL_OOM: not added */
        registrations->table->memory_deregister(registrations->transport, registration->memory);
        free(registration);
        return baton__fail_memory("a registration");
    }
    registrations->made++;
    registrations->live++;
    return BATON_OK;
}

void baton__registration_release(baton__registrations *registrations, baton_descriptor *descriptor)
{
    baton__registration *registration = find(registrations, descriptor);
    if (registration == NULL || --registration->uses != 0) {
        return;
    }
    HASH_DEL(registrations->by_descriptor, registration);
    registrations->table->memory_deregister(registrations->transport, registration->memory);
    registrations->live--;
    free(registration);
}
