/*
 * The hand-off of one offer: one origin, two consumers, a network that loses, repeats and delays.
 *
 * What is modelled
 *   The origin offers, grants, serves chunks, fences, offers again, ends and releases its memory. A consumer opens,
 *   moves the bytes, says MOVED (and ACK or NACK), and ends. World ends leases, kills and freezes consumers, and moves
 *   the chunks that are in flight. A stopped consumer is one that takes no step for a while: any process here may be
 *   slow for any time; FROZEN is the one that is never continued.
 *
 * How messages are modelled
 *   A box is a set of messages. A message is taken out of its box in any order (delay), or never (loss); a few times in
 *   a run it stays in the box when it is taken (repeat: `repeats`), which stands for duplicates and for sending again.
 *   A message belongs to the OPEN that it follows from, so boxes are numbered like OPENs: see OPENS.
 *
 * Why every run is finite
 *   Each step takes a message, ends a lease, or uses up one of the counted events. run.sh lets spin prove it: there is
 *   no cycle at all, and no end in which somebody still waits.
 *
 * Where it stands
 *   handoff_origin.pml and handoff_consumer.pml hold the two sides; here are what they share, and the world.
 *
 * Switches
 *   ACK_MODE  the application's ACK or NACK ends the hand-off     (default: MOVED does)
 *   WRITABLE  consumers write into the origin's memory            (default: they read it)
 *   DIRECT    consumers reach the memory without being served, so that a fence alone does not end their access
 *             (paths `map` and `rma`)                             (default: the origin serves every chunk, path `am`)
 *   EAGER     OPEN asks for the first bytes already, and GRANT brings them; WRITABLE: OPEN brings them
 *   ON_NATS   DONE and FAIL go out too, by the other way; without it, a repeat of MOVED, ACK or NACK stands for them
 *   REOPEN    consumer 0 can open a second time, with a new nonce
 *   REPEATS, DEATHS, CANCELS, ATTEMPTS  how often each may happen
 *   The mutations are listed in README.md; each takes one rule away.
 */

#ifndef REPEATS
#define REPEATS 1 /* messages that arrive twice */
#endif
#ifndef DEATHS
#define DEATHS 1 /* consumers killed, or stopped and never continued */
#endif
#ifndef CANCELS
#define CANCELS 1 /* cancels, of either side */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2 /* GRANTs that the origin makes */
#endif

/* An OPEN is named by its nonce; here nonces are numbers: consumer 0 sends OPEN 0, and 2 where REOPEN; consumer 1: 1. */
#ifdef REOPEN
#define OPENS 3
#else
#define OPENS 2
#endif
#define OPENS_OF(c) (c == 0 -> OPENS - 1 : 1)
#define CONSUMER_OF(h) ((h) % 2)
#define BIT(h) (1 << (h))
#define NOBODY 255

/* Messages from consumer to origin. READ stands for WRITE where WRITABLE. DONE and FAIL travel on NATS. */
#define OPEN 1
#define READ 2
#define MOVED 4
#define ACK 8
#define NACK 16
#define DONE 32
#define FAIL 64
#define CANCEL 128 /* in both directions */
#define RELEASED 256
/* Messages from origin to consumer. */
#define GRANT 1
#define REFUSE 2
#define DATA 4
#define COMMIT 8
#define NACKED 16

short to_origin[OPENS];
short to_consumer[OPENS];
byte repeats = REPEATS;
byte cancels = CANCELS;
byte deaths = DEATHS;

/* What the messages of an OPEN carry. */
byte open_attempt[OPENS]; /* OPEN: the attempt it is for */
byte grant_token[OPENS];  /* GRANT: the token of the operation */
byte token[OPENS];        /* READ, MOVED, ACK, NACK, DONE, FAIL: the token that the consumer holds; 0: none */

/* The origin. */
mtype = { OFFERED, GRANTED, FENCED, COMPLETE, CANCELLED, ERRORED };
mtype offer = OFFERED;
byte attempt = 1;
byte current = NOBODY; /* the OPEN that holds the attempt */
byte noted = NOBODY;   /* the OPEN that asked for the end before its bytes were all counted */
byte granted;          /* set of OPENs */
byte quiet;            /* set of OPENs whose attempt is over: proven that it can't touch the memory any more */
byte counted;          /* set of OPENs whose bytes are all written, as the origin counts */
byte said_released;    /* set of OPENs that are known to have given up their access */
bool released;         /* the memory is its owner's again */
bool quarantined;      /* the offer has ended and says that the memory is not quiet yet */
byte winner = NOBODY;  /* the OPEN that held the attempt when the origin became COMPLETE */

/* The consumers. */
mtype = { ALIVE, KILLED, FROZEN };
mtype life[2] = ALIVE;
byte opened[2] = NOBODY;  /* the OPEN in hand; its lease is the one that runs */
byte holds[2] = NOBODY;   /* the OPEN whose GRANT was accepted */
bool lease_over[2];       /* by the clock: a stopped consumer does not know it yet */
bool ended[2];

/* Chunks on their way, a set of OPENs: the bytes in the origin's memory are being touched. */
byte flight;

/* For the properties only. */
byte moved;     /* set of OPENs whose consumer sent MOVED */
byte acked;     /* set of OPENs whose consumer sent ACK */
byte denied;    /* set of OPENs whose consumer ended with a definite no */
byte completes; /* consumers that said COMPLETE */

#define OVER(state) (state == COMPLETE || state == CANCELLED || state == ERRORED)
#define SAME_CONSUMER(h) (opened[CONSUMER_OF(h)] == h)

/* What a consumer ignores is not kept: a message for an OPEN that it no longer has in hand. */
inline tell(h, kind)
{
    if
#ifdef NO_NONCE_CHECK
    :: to_consumer[h] = to_consumer[h] | kind
#else
    :: SAME_CONSUMER(h) -> to_consumer[h] = to_consumer[h] | kind
    :: else
#endif
    fi
}

inline take(box, kind)
{
    if
    :: box = box & ~kind
    :: repeats > 0 -> repeats-- /* the message stays */
    fi
}

#include "handoff_origin.pml"
#include "handoff_consumer.pml"

/* ------------------------------------------------------------------------------------------------------ world --- */

inline touch(h)
{
    assert(granted & BIT(h));  /* (7) */
    assert(!(quiet & BIT(h))); /* (1) */
    assert(!released);         /* (1) */
#ifdef WRITABLE
    assert(current == h); /* (5) not while, or after, the memory is offered to somebody else */
    counted = counted | BIT(h);
#else
    tell(h, DATA);
#endif
    flight = flight & ~BIT(h)
}

#define MOVE(h) :: atomic { flight & BIT(h) -> touch(h) }
#define END_LEASE(c) :: atomic { opened[c] != NOBODY && !lease_over[c] && life[c] == ALIVE -> lease_over[c] = true }
/* Where a fence ends all access, the origin can't tell a dead consumer from one that is never continued. */
#ifdef DIRECT
#define PROVEN_DEATH(c) :: life[c] = KILLED
#else
#define PROVEN_DEATH(c)
#endif
#define STRIKE(c) \
    :: atomic { deaths > 0 && !ended[c] && life[c] == ALIVE -> \
       deaths--; \
       if \
       :: life[c] = FROZEN \
       PROVEN_DEATH(c) \
       fi }

active proctype World()
{
end:
    do
    MOVE(0)
    MOVE(1)
#ifdef REOPEN
    MOVE(2)
#endif
    END_LEASE(0)
    END_LEASE(1)
    STRIKE(0)
    STRIKE(1)
    od
}

init
{
    atomic {
        run Consumer(0);
        run Consumer(1)
    }
}
