/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_CHANNEL_H
#define BATON_CLI_PERF_CHANNEL_H

#include <baton/sdk.h>

/*
 * The two sides of a run talk over a stream socket, of the same host or of another one: parameters,
 * metadata, and when the timed part begins and ends. Frames of 8 bytes of header (type, length of
 * what follows; little-endian) and at most PERF_FRAME_MAX bytes. The first frame of each side is
 * HELLO with the version of all this. There is no authentication: it is for networks that are
 * trusted.
 *
 * All waits have a deadline, and end at once when a signal came or the other side is gone. Failures
 * are recorded (perf_failure.h).
 */

/* X(NAME, number): what follows is text unless it says otherwise. */
#define PERF_FRAME_LIST(X)                                                         \
    X(HELLO, 1)    /* "baton perf 2" */                                            \
    X(OPTIONS, 2)  /* the options of the run, as on a command line */              \
    X(READY, 3)    /* what was asked for is in place */                            \
    X(PREPARE, 4)  /* "FIRST COUNT TIMED": make passive operations */              \
    X(METADATA, 5) /* of one operation: its binary form */                         \
    X(BEGIN, 6)    /* the timed part begins: read the clocks */                    \
    X(BEGUN, 7)                                                                    \
    X(END, 8)    /* it is over */                                                  \
    X(USAGE, 9)  /* "NANOSECONDS PATH": of CPU between the two; of the last one */  \
    X(CHECK, 10) /* does the memory hold what it should? answer: READY or ERROR */ \
    X(NAME, 11)  /* a name that the other side takes */                            \
    X(BYE, 12)   /* all is well, and over */                                       \
    X(ERROR, 13) /* "STATUS words": ended, since */

typedef enum perf_frame {
#define PERF_FRAME_ENUM(name, number) PERF_FRAME_##name = (number),
    PERF_FRAME_LIST(PERF_FRAME_ENUM)
#undef PERF_FRAME_ENUM
} perf_frame;

enum { PERF_FRAME_MAX = 4 << 20, PERF_ANSWER_MS = 10000, PERF_SLICE_MS = 50 };

/* One end. Zeroed but for fd before use; not copied or moved while driven is set. */
typedef struct perf_channel {
    int fd;
    unsigned char *data; /* of the last frame that was received, with a zero behind it */
    size_t size;
    baton_connector *driven; /* what waiting drives; NULL: nothing */
    baton_source source;     /* fd in the loop of driven */
    baton_task task;
    bool is_ready; /* fd is readable, says that loop */
} perf_channel;

/* Takes fd, and makes it non-blocking. */
void perf_channel_init(perf_channel *channel, int fd);
/* Closes fd. A driven connector must be gone. */
void perf_channel_fini(perf_channel *channel);
/* From now on waiting drives the progress of a connector without a thread of its own. */
void perf_channel_drive(perf_channel *channel, baton_connector *connector);

baton_status perf_channel_send(perf_channel *channel, perf_frame type, const void *data,
                               size_t size);
baton_status perf_channel_say(perf_channel *channel, perf_frame type, const char *text);
/* The other side learns why this one ends, if it still listens: what was recorded. */
void perf_channel_send_failure(perf_channel *channel);

/* The next frame, its contents in data and size. ERROR is a failure: that of the other side. */
baton_status perf_channel_receive(perf_channel *channel, uint32_t timeout_ms, perf_frame *type_out);
/* The next frame, which must be of that type. */
baton_status perf_channel_expect(perf_channel *channel, perf_frame type, uint32_t timeout_ms);

/* Says HELLO and hears the other's. */
baton_status perf_channel_greet(perf_channel *channel, uint32_t timeout_ms);

/* Does not wait. BATON_OK, or a failure recorded: a signal, or the other side has said ERROR or is
 * gone. For use while something else is waited for, when no frame is due. */
baton_status perf_channel_check(perf_channel *channel);

#endif
