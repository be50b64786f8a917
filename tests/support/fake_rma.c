/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_rma_state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

enum { JOBS_MAX = 64 };

enum kind { GET, PUT, FLUSH };

typedef struct pending {
    baton__rma_link *link;
    baton__rma_span span;
    baton__rma_job *job;
    enum kind kind;
} pending;

struct baton__rma_link {
    baton__rma *rma;
    uint64_t number;
    uint64_t other; /* 0: not connected */
    bool broken;
    bool closing;
    int native;
    void (*failed)(void *owner, int native);
    void *owner;
    baton__rma_link *prev;
    baton__rma_link *next;
};

struct baton__rma {
    int fd;
    baton__rma_link *links;
    pending jobs[JOBS_MAX];
    unsigned count;
};

fake_rma_state fake_rma;

void fake_rma_reset(void)
{
    for (unsigned i = 0; i < fake_rma.count; i++) {
        free(fake_rma.regions[i]);
    }
    memset(&fake_rma, 0, sizeof(fake_rma));
}

void fake_rma_set(fake_rma_fault fault)
{
    fake_rma.fault = fault;
}

void fake_rma_hold(bool held)
{
    fake_rma.held = held;
}

unsigned fake_rma_accesses(void)
{
    return fake_rma.accesses;
}

unsigned fake_rma_links(void)
{
    return fake_rma.links;
}

static baton__rma *all[8];
static unsigned all_count;

static baton_status open_device(const char **why_out, baton__rma **rma_out)
{
    if (fake_rma.fault == FAKE_RMA_NO_DEVICE || all_count == 8) {
        *why_out = "there is no fake device";
        return BATON_ERR_NOT_SUPPORTED;
    }
    baton__rma *rma = calloc(1, sizeof(*rma));
    if (rma == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    rma->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    all[all_count++] = rma;
    *rma_out = rma;
    return BATON_OK;
}

static void end_jobs(baton__rma *rma, const baton__rma_link *link, baton_status status)
{
    for (unsigned i = 0; i < rma->count;) {
        if (link != NULL && rma->jobs[i].link != link) {
            i++;
            continue;
        }
        pending p = rma->jobs[i];
        memmove(&rma->jobs[i], &rma->jobs[i + 1], (--rma->count - i) * sizeof(p));
        p.job->done(p.job, status, -1);
        i = 0;
    }
}

static void destroy_link(baton__rma_link *link)
{
    DL_DELETE(link->rma->links, link);
    fake_rma.links--;
    free(link);
}

static void close_device(baton__rma *rma)
{
    end_jobs(rma, NULL, BATON_ERR_CANCELLED);
    while (rma->links != NULL) {
        destroy_link(rma->links);
    }
    for (unsigned i = 0; i < all_count; i++) {
        if (all[i] == rma) {
            all[i] = all[--all_count];
        }
    }
    (void)close(rma->fd);
    free(rma);
}

static const char *name(const baton__rma *rma)
{
    (void)rma;
    return "rc_fake";
}

static baton__rma_link *find_link(uint64_t number)
{
    for (unsigned i = 0; i < all_count; i++) {
        baton__rma_link *link;
        DL_FOREACH(all[i]->links, link)
        {
            if (link->number == number) {
                return link;
            }
        }
    }
    return NULL;
}

static bool waits(const pending *p)
{
    bool trial = p->kind != FLUSH && p->span.size == FAKE_RMA_PAGE;
    return fake_rma.fault == FAKE_RMA_DEAF || fake_rma.fault == FAKE_RMA_STUCK || (fake_rma.held && !trial && p->kind != FLUSH);
}

void fake_rma_reach_devices(int (*peek)(const void *, void *, size_t), int (*poke)(void *, const void *, size_t))
{
    fake_rma.peek = peek;
    fake_rma.poke = poke;
}

/* Either may be of a device. */
static void move(void *to, const void *from, size_t size)
{
    uint8_t *between = malloc(size);
    if (between == NULL) {
        abort();
    }
    if (fake_rma.peek == NULL || fake_rma.peek(from, between, size) != 0) {
        memcpy(between, from, size);
    }
    if (fake_rma.poke == NULL || fake_rma.poke(to, between, size) != 0) {
        memcpy(to, between, size);
    }
    free(between);
}

static baton_status do_one(const pending *p)
{
    const baton__rma_link *other = find_link(p->link->other);
    if (other == NULL || other->closing || other->broken) {
        return BATON_ERR_PEER_LOST;
    }
    if (p->kind == FLUSH) {
        return BATON_OK;
    }
    if (!fake_rma_is_allowed(&p->span)) {
        return BATON_ERR_FORBIDDEN;
    }
    void *theirs = (void *)(uintptr_t)p->span.address;
    if (p->kind == GET) {
        move(p->span.pointer, theirs, p->span.size);
        if (fake_rma.fault == FAKE_RMA_WRONG_BYTES) {
            *(uint8_t *)p->span.pointer ^= 1;
        }
    } else {
        move(theirs, p->span.pointer, p->span.size);
    }
    fake_rma.accesses++;
    return BATON_OK;
}

static int progress(baton__rma *rma)
{
    int done = 0;
    baton__rma_link *link;
    baton__rma_link *next;
    DL_FOREACH_SAFE(rma->links, link, next)
    {
        if (link->closing && fake_rma.fault != FAKE_RMA_STUCK) {
            end_jobs(rma, link, BATON_ERR_CANCELLED);
            destroy_link(link);
            done++;
        }
    }
    for (unsigned i = 0; i < rma->count;) {
        pending p = rma->jobs[i];
        if (waits(&p) && !p.link->broken) {
            i++;
            continue;
        }
        memmove(&rma->jobs[i], &rma->jobs[i + 1], (--rma->count - i) * sizeof(p));
        baton_status status = p.link->broken ? BATON_ERR_CANCELLED : do_one(&p);
        bool failed = status != BATON_OK && !p.link->broken;
        p.link->broken = p.link->broken || failed;
        p.job->done(p.job, status, status == BATON_OK ? 0 : -1);
        if (failed && !p.link->closing) {
            p.link->failed(p.link->owner, -1);
        }
        done++;
        i = 0;
    }
    return done;
}

void fake_rma_break(void)
{
    for (unsigned i = 0; i < all_count; i++) {
        baton__rma_link *link;
        baton__rma_link *next;
        DL_FOREACH_SAFE(all[i]->links, link, next)
        {
            bool told = link->broken || link->closing;
            link->broken = true;
            if (!told) {
                link->failed(link->owner, -1);
            }
        }
    }
}

static bool arm(baton__rma *rma)
{
    for (unsigned i = 0; i < rma->count; i++) {
        if (!waits(&rma->jobs[i]) || rma->jobs[i].link->broken) {
            return false;
        }
    }
    return true;
}

static int fd_of(const baton__rma *rma)
{
    return rma->fd;
}

static bool reaches_devices(const baton__rma *rma)
{
    (void)rma;
    return fake_rma.peek != NULL;
}

static size_t get_min(const baton__rma *rma)
{
    (void)rma;
    return 32;
}

static baton_status link_create(baton__rma *rma, void (*failed)(void *owner, int native), void *owner,
                                baton__rma_link **link_out)
{
    baton__rma_link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return BATON_ERR_OUT_OF_MEMORY;
    }
    *link = (baton__rma_link){.rma = rma, .number = ++fake_rma.last_link, .failed = failed, .owner = owner};
    DL_APPEND(rma->links, link);
    fake_rma.links++;
    *link_out = link;
    return BATON_OK;
}

static size_t link_address(const baton__rma_link *link, uint8_t address[BATON__RMA_ADDRESS_MAX])
{
    memcpy(address, &link->number, sizeof(link->number));
    return sizeof(link->number);
}

static baton_status link_connect(baton__rma_link *link, const uint8_t *address, size_t size)
{
    if (size != sizeof(link->other)) {
        return BATON_ERR_MALFORMED;
    }
    if (fake_rma.fault == FAKE_RMA_UNREACHABLE) {
        return BATON_ERR_UNREACHABLE;
    }
    memcpy(&link->other, address, size);
    return BATON_OK;
}

static void link_close(baton__rma_link *link)
{
    link->closing = true;
}

static baton_status begin(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job, enum kind kind)
{
    baton__rma *rma = link->rma;
    if (rma->count == JOBS_MAX) {
        return BATON_ERR_BUSY;
    }
    pending *p = &rma->jobs[rma->count++];
    *p = (pending){.link = link, .job = job};
    p->kind = kind;
    if (span != NULL) {
        p->span = *span;
    }
    return BATON_OK;
}

static baton_status get(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job)
{
    return begin(link, span, job, GET);
}

static baton_status put(baton__rma_link *link, const baton__rma_span *span, baton__rma_job *job)
{
    return begin(link, span, job, PUT);
}

static baton_status flush(baton__rma_link *link, baton__rma_job *job)
{
    return begin(link, NULL, job, FLUSH);
}

static const char *native_text(int native)
{
    return native == 0 ? "success" : "fake failure";
}

const baton__rma_table fake_rma_table = {
    .open = open_device,
    .close = close_device,
    .name = name,
    .progress = progress,
    .arm = arm,
    .fd = fd_of,
    .get_min = get_min,
    .reaches_devices = reaches_devices,
    .region_create = fake_rma_region_create,
    .region_destroy = fake_rma_region_destroy,
    .region_key = fake_rma_region_key,
    .key_open = fake_rma_key_open,
    .link_create = link_create,
    .link_address = link_address,
    .link_connect = link_connect,
    .link_close = link_close,
    .get = get,
    .put = put,
    .flush = flush,
    .native_text = native_text,
};
