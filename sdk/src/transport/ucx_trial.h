/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TRANSPORT_UCX_TRIAL_H
#define BATON_TRANSPORT_UCX_TRIAL_H

#include <baton/transport.h>
#include <stdbool.h>

/* What UCX said while this thread listened: its last error, without the place in its source. */
enum { BATON__UCX_WORDS_SIZE = 256 };

/*
 * Whether UCX makes an endpoint as baton's over this transport and device alone: tried, with one to ourselves, since
 * UCX has no question for it. network: device is one of UCX_NET_DEVICES. words: what UCX said if it does not.
 */
baton_transport_use baton__ucx_try(const char *transport, const char *device, bool network,
                                   char words[BATON__UCX_WORDS_SIZE]);

/* What its words mean for a transport over which UCX made no endpoint. */
baton_transport_use baton__ucx_use_of_words(const char *words);

#endif
