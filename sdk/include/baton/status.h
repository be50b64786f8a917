/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Status codes. One list gives the enum, the names and the texts.
 *
 * The same codes say why a call failed and why an operation ended (its "reason").
 */
#ifndef BATON_STATUS_H
#define BATON_STATUS_H

#include <baton/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, text). Values are part of the wire format: never renumber, only append. */
#define BATON_STATUS_LIST(X)                                                                       \
    X(OK, 0, "success")                                                                            \
    X(ERR_INVALID_ARGUMENT, -1, "an argument is not valid")                                        \
    X(ERR_OUT_OF_MEMORY, -2, "out of memory")                                                      \
    X(ERR_NOT_BUILT_IN, -3, "this build of baton has no support for the device")                   \
    X(ERR_NOT_SUPPORTED, -4, "not supported here")                                                 \
    X(ERR_LIMIT, -5, "a configured limit is reached")                                              \
    X(ERR_WRONG_STATE, -6, "not allowed in the present state")                                     \
    X(ERR_WRONG_THREAD, -7, "would wait for the very thread that calls")                           \
    X(ERR_WRONG_PROCESS, -8, "the handle was made before fork() and is of no use in the child")    \
    X(ERR_SHUT_DOWN, -9, "the connector or worker is shutting down")                               \
    X(ERR_TIMED_OUT, -10, "the wait timed out; the operation goes on")                             \
    X(ERR_SYSTEM, -11, "a system call failed")                                                     \
    X(ERR_MALFORMED, -20, "the encoding is malformed")                                             \
    X(ERR_CHECKSUM, -21, "the checksum does not match")                                            \
    X(ERR_VERSION, -22, "an unknown version of the format")                                        \
    X(ERR_TOO_LARGE, -23, "larger than the limit for it")                                          \
    X(ERR_KIND_MISMATCH, -24, "the kinds do not pair: read needs readable, write needs writable")  \
    X(ERR_COUNT_MISMATCH, -25, "the lists of descriptors differ in count")                         \
    X(ERR_SIZE_MISMATCH, -26, "sizes that must be equal are not")                                \
    X(ERR_TRANSPORT, -40, "UCX reported an error")                                                 \
    X(ERR_UNREACHABLE, -41, "the peer cannot be reached")                                          \
    X(ERR_PEER_LOST, -42, "the peer died or its connection was lost")                              \
    X(ERR_STALE_PEER, -43, "another process answers at the address of the peer")                   \
    X(ERR_UNKNOWN_OPERATION, -44, "the peer does not know the operation")                          \
    X(ERR_TAKEN, -45, "another consumer has taken it")                                             \
    X(ERR_BUSY, -46, "the peer is busy")                                                           \
    X(ERR_FORBIDDEN, -47, "a token or key is wrong")                                               \
    X(ERR_DEVICE, -48, "the CUDA runtime reported an error")                                       \
    X(ERR_DEADLINE, -60, "the deadline of the operation passed")                                   \
    X(ERR_EXPIRED, -61, "the lease or the offer expired")                                          \
    X(ERR_CANCELLED, -62, "cancelled on this side")                                                \
    X(ERR_PEER_CANCELLED, -63, "cancelled by the peer")                                            \
    X(ERR_PEER_FAILED, -64, "the peer's side failed")                                              \
    X(ERR_UNCONFIRMED, -65, "the data moved, but the origin never confirmed it")                   \
    X(ERR_NACKED, -66, "the consumer processed it and answered no")                                \
    X(ERR_REJECTED, -67, "the consumer rejected it")                                               \
    X(ERR_QUARANTINED, -68, "a peer may still reach the memory; it is held back")                  \
    X(ERR_ATTEMPTS, -69, "every attempt failed")                                                   \
    X(ERR_NO_CONSUMER, -80, "nobody listens for the offer")                                        \
    X(ERR_NATS, -81, "nats.c reported an error")                                                   \
    X(ERR_NATS_DISCONNECTED, -82, "not connected to a NATS server")                                \
    X(ERR_NATS_AUTHENTICATION, -83, "the NATS server refused the credentials")                     \
    X(ERR_NATS_DENIED, -84, "the NATS server's permissions deny the subject")                      \
    X(ERR_QUEUE_FULL, -85, "the bounded queue is full")

/** Result of a call, and reason of an ended operation. 0 is success, failures are negative. */
typedef enum baton_status {
#define BATON_STATUS_ENUM(name, value, text) BATON_##name = (value),
    BATON_STATUS_LIST(BATON_STATUS_ENUM)
#undef BATON_STATUS_ENUM
} baton_status;

/**
 * Name of a status, such as "ERR_DEADLINE".
 * Ownership: a constant string, never NULL; "UNKNOWN" for a value that is not in the list.
 * Threads: any. Blocking: no.
 */
BATON_API const char *baton_status_name(baton_status status);

/**
 * What a status means, in words.
 * Ownership: a constant string, never NULL. Threads: any. Blocking: no.
 */
BATON_API const char *baton_status_text(baton_status status);

/**
 * What failed last on the calling thread, where, and what to do about it: one line.
 * Every public function that returns a failure sets it; success leaves it as it was.
 * Ownership: valid until the next baton call on this thread; never NULL ("" before any failure).
 * Threads: any, each has its own. Blocking: no.
 */
BATON_API const char *baton_error_text(void);

#ifdef __cplusplus
}
#endif
#endif
