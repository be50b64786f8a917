/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/registration.h"

#include "base/error.h"
#include "base/fork.h"
#include "memory/descriptor.h"
#include "memory/range_tree.h"
#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

typedef struct registration registration;
struct registration {
    baton__range range; /* in the tree while newcomers may share it */
    baton__memory *memory;
    bool open;
    uint32_t uses;  /* descriptors */
    uint32_t whole; /* of these, of just this range */
    registration *prev; /* in all, or in doomed */
    registration *next;
};

struct baton__registrations {
    uint32_t references; /* __atomic: the connector, and the links */
    uint32_t fork_generation;
    const baton__transport_table *table;
    baton__transport *transport;
    void (*wake)(void *context);
    void *context;
    uint64_t made;
    uint64_t live;
    pthread_mutex_t lock; /* of what follows, and of uses and whole; never held while the transport is called */
    bool ended;
    baton__range_tree open;
    registration *all;
    registration *doomed;
};

/* What a descriptor uses: one for each connector that has needed it. */
struct baton__registration_link {
    baton__registration_link *next;
    baton__registrations *registrations;
    registration *used; /* gone where the table has ended */
    bool whole;
};

static void unref(baton__registrations *table)
{
    if (__atomic_sub_fetch(&table->references, 1, __ATOMIC_ACQ_REL) == 0) {
        (void)pthread_mutex_destroy(&table->lock);
        free(table);
    }
}

baton_status baton__registrations_create(const baton__transport_table *table, baton__transport *transport,
                                         void (*wake)(void *context), void *context,
                                         baton__registrations **registrations_out)
{
    baton__registrations *made = calloc(1, sizeof(*made));
    if (made == NULL || pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        return baton__fail_memory("the registrations of a connector");
    }
    made->references = 1;
    made->fork_generation = baton__fork_generation();
    made->table = table;
    made->transport = transport;
    made->wake = wake;
    made->context = context;
    *registrations_out = made;
    return BATON_OK;
}

static void deregister(baton__registrations *table, registration *list)
{
    while (list != NULL) {
        registration *next = list->next;
        table->table->memory_deregister(table->transport, list->memory);
        table->live--;
        free(list);
        list = next;
    }
}

void baton__registrations_work(baton__registrations *table)
{
    (void)pthread_mutex_lock(&table->lock);
    registration *doomed = table->doomed;
    table->doomed = NULL;
    (void)pthread_mutex_unlock(&table->lock);
    deregister(table, doomed);
}

void baton__registrations_end(baton__registrations *table)
{
    if (table == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&table->lock);
    table->ended = true;
    registration *all = table->all;
    table->all = NULL;
    (void)pthread_mutex_unlock(&table->lock);
    deregister(table, all);
    baton__registrations_work(table);
    unref(table);
}

uint64_t baton__registrations_made(const baton__registrations *table)
{
    return table->made;
}

uint64_t baton__registrations_live(const baton__registrations *table)
{
    return table->live;
}

static void close_to_newcomers(baton__registrations *table, registration *used)
{
    if (used->open) {
        used->open = false;
        baton__range_tree_remove(&table->open, &used->range);
    }
}

/* The lock is held. */
static void use(registration *used, baton__registration_link *link, uintptr_t start, uintptr_t end)
{
    link->used = used;
    link->whole = used->range.start == start && used->range.end == end;
    used->uses++;
    used->whole += link->whole ? 1 : 0;
}

static bool share(baton__registrations *table, baton__registration_link *link, uintptr_t start, uintptr_t end)
{
    (void)pthread_mutex_lock(&table->lock);
    baton__range *found = baton__range_tree_find(&table->open, start, end);
    if (found != NULL) {
        use((registration *)found, link, start, end);
    }
    (void)pthread_mutex_unlock(&table->lock);
    return found != NULL;
}

/* Open ranges inside of it are served by it from now on. What lies between the segments of strided memory may be somebody else's, so that
 * vouches for nothing. */
static void publish(baton__registrations *table, registration *made, baton__registration_link *link, bool strided)
{
    (void)pthread_mutex_lock(&table->lock);
    for (baton__range *inside; !strided && (inside = baton__range_tree_take_inside(&table->open, &made->range)) != NULL;) {
        ((registration *)inside)->open = false;
    }
    made->open = !strided;
    if (made->open) {
        baton__range_tree_insert(&table->open, &made->range);
    }
    DL_APPEND(table->all, made);
    use(made, link, made->range.start, made->range.end);
    (void)pthread_mutex_unlock(&table->lock);
    table->made++;
    table->live++;
}

static baton_status make(baton__registrations *table, baton__registration_link *link, uintptr_t start, uintptr_t end,
                         void *pointer, bool strided)
{
    registration *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return baton__fail_memory("a registration");
    }
    baton_status status = table->table->memory_register(table->transport, pointer, end - start, &made->memory);
    if (status != BATON_OK) {
        free(made);
        return status;
    }
    made->range = (baton__range){.start = start, .end = end};
    publish(table, made, link, strided);
    return BATON_OK;
}

/* Other connectors put theirs there at the same time, and nothing is taken away while the descriptor lives. */
static void append_link(baton_descriptor *descriptor, baton__registration_link *link)
{
    link->next = __atomic_load_n(&descriptor->links, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&descriptor->links, &link->next, link, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

baton_status baton__registration_need(baton__registrations *table, baton_descriptor *descriptor)
{
    for (baton__registration_link *link = __atomic_load_n(&descriptor->links, __ATOMIC_ACQUIRE); link != NULL; link = link->next) {
        if (link->registrations == table) {
            return BATON_OK;
        }
    }
    baton__registration_link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return baton__fail_memory("a registration");
    }
    uintptr_t start = (uintptr_t)descriptor->pointer;
    uintptr_t end = start + baton__descriptor_extent(descriptor);
    bool strided = baton_descriptor_segments(descriptor, NULL, NULL) != 1;
    baton_status status = !strided && share(table, link, start, end)
                              ? BATON_OK
                              : make(table, link, start, end, descriptor->pointer, strided);
    if (status != BATON_OK) {
        free(link);
        return status;
    }
    link->registrations = table;
    (void)__atomic_add_fetch(&table->references, 1, __ATOMIC_RELAXED);
    append_link(descriptor, link);
    return BATON_OK;
}

static void drop(baton__registrations *table, const baton__registration_link *link)
{
    (void)pthread_mutex_lock(&table->lock);
    if (!table->ended) {
        registration *used = link->used;
        used->whole -= link->whole ? 1 : 0;
        if (used->whole == 0) {
            close_to_newcomers(table, used);
        }
        if (--used->uses == 0) {
            bool first = table->doomed == NULL;
            DL_DELETE(table->all, used);
            DL_APPEND(table->doomed, used);
            if (first) {
                table->wake(table->context); /* inside the lock: the table has not ended */
            }
        }
    }
    (void)pthread_mutex_unlock(&table->lock);
}

void baton__registration_drop(baton_descriptor *descriptor)
{
    uint32_t generation = baton__fork_generation();
    for (baton__registration_link *link = descriptor->links; link != NULL;) {
        baton__registration_link *next = link->next;
        if (link->registrations->fork_generation == generation) { /* else it is the parent's, and so is the lock */
            drop(link->registrations, link);
            unref(link->registrations);
        }
        free(link);
        link = next;
    }
    descriptor->links = NULL;
}
