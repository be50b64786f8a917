/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_DOCTOR_FACTS_H
#define BATON_CLI_DOCTOR_FACTS_H

#include <baton/baton.h>

enum { DOCTOR_LINES_MAX = 16, DOCTOR_LINE_SIZE = 512 };

/* What several checks ask for, found out once. */
typedef struct doctor_facts {
    baton_transport_list *transports; /* NULL if UCX could not even list them */
    char failure[DOCTOR_LINE_SIZE];   /* why no connector can be opened; "" if one can */
    bool shared_memory;               /* a transport to other processes of this host is used */
    bool network;                     /* one to other hosts is */
    bool rdma;                        /* one of those is not TCP */
    bool rma;                         /* one-sided access can be switched on */
    char rma_text[BATON_TRANSPORT_TEXT_SIZE]; /* by what, or why not */
    bool rdma_devices;                /* the kernel has RDMA devices */
    unsigned ucx_major;
    unsigned ucx_minor;
    size_t metadata_bytes;   /* JSON of a readable of one descriptor; 0: not known */
    size_t descriptor_bytes; /* each further one */
    /* What UCX warned of meanwhile, each once. */
    unsigned lines;
    char line[DOCTOR_LINES_MAX][DOCTOR_LINE_SIZE];
} doctor_facts;

/* Opens UCX several times: some milliseconds without RDMA. */
void doctor_facts_init(doctor_facts *facts);
void doctor_facts_fini(doctor_facts *facts);

/* Cuts "ucx: " before and " (file:line)" behind a log line of UCX's. False: it is not one. */
bool doctor_words_of_ucx(const char *line, char *text, size_t size);

#endif
