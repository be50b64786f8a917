/*
 * One attempt, one origin, one consumer, and sessions that are lost in the middle of a chunked transfer.
 *
 * What is modelled
 *   The consumer opens a session, asks for chunks, and when the session is lost drains its end of it and opens the
 *   next one: the same nonce, so that the same attempt goes on. The origin drains the old session, serves the new one,
 *   and is COMPLETE only when no chunk of any session is on its way.
 *   A chunk has two ends, and each can be busy without the other: the origin's memory is being read, then the bytes are
 *   in the network, then the consumer's buffer is being written.
 *
 * How messages are modelled
 *   As in handoff.pml: a set for each session; late, lost, and repeated a few times. Losing a session loses no message
 *   for sure: what was on its way may still come, and an OPEN of the old session may come after that of the new one.
 *
 * Why every run is finite
 *   As in handoff.pml, and run.sh lets spin prove it in the same way.
 */

#ifndef REPEATS
#define REPEATS 1
#endif
#ifndef SESSIONS
#define SESSIONS 2
#endif
#define CHUNKS 2
#define ALL_CHUNKS 3 /* the set of all chunks */
#define BIT(k) (1 << (k))
#define NONE 255

/* Messages, each of a session. To the origin: */
#define OPEN 1
#define READ(k) (2 << (k)) /* 2, 4 */
#define MOVED 8
/* To the consumer: */
#define GRANT 1
#define DATA(k) (2 << (k)) /* 2, 4 */
#define COMMIT 8
#define REFUSE 16

byte to_origin[SESSIONS];
byte to_consumer[SESSIONS];
byte repeats = REPEATS;

/* The origin. */
mtype = { OFFERED, GRANTED, FENCED, COMPLETE, ERRORED };
mtype offer = OFFERED;
byte served = NONE;  /* the session that the origin serves */
byte wanted = NONE;  /* the session that it will serve once the old one is drained */
bool ending;         /* MOVED has come */
byte sending[SESSIONS]; /* sets of chunks: the origin's end is busy */
bool origin_released;

/* The consumer. */
byte session;                /* the one it uses */
byte receiving[SESSIONS];    /* sets of chunks: the consumer's end is busy */
byte have;                   /* set of chunks: its bitmap */
bool lease_over;             /* the consumer's; the origin's ends later */
bool consumer_released;

bool lost[SESSIONS];

#define OVER(state) (state == COMPLETE || state == ERRORED)

inline take(box, kind)
{
    if
    :: box = box & ~kind
    :: repeats > 0 -> repeats--
    fi
}

/* ---------------------------------------------------------------------------------------------------- origin --- */

#ifdef NO_ORIGIN_DRAIN
#define DRAINED(s) true
#else
#define DRAINED(s) (sending[s] == 0)
#endif

#if SESSIONS > 2
#define ALL_DRAINED (sending[0] == 0 && sending[1] == 0 && sending[2] == 0)
#else
#define ALL_DRAINED (sending[0] == 0 && sending[1] == 0)
#endif

#ifdef COMPLETE_EARLY
#define CAN_COMPLETE (wanted == NONE -> sending[served] == 0 : sending[wanted] == 0)
#else
#define CAN_COMPLETE ALL_DRAINED
#endif

/* Sessions are numbered by the consumer, so that the origin can tell an old OPEN from a new one. */
#define NEWER(s) (s > served && (wanted == NONE || s > wanted))

inline on_open(s)
{
    if
    :: offer == OFFERED -> offer = GRANTED; served = s; to_consumer[s] = to_consumer[s] | GRANT
#ifdef REFUSE_OWN_NONCE
    :: offer == GRANTED && s != served -> to_consumer[s] = to_consumer[s] | REFUSE /* "taken" */
#else
    :: offer == GRANTED && NEWER(s) -> wanted = s /* the GRANT waits for the drain */
#endif
    :: offer == GRANTED && s == served -> to_consumer[s] = to_consumer[s] | GRANT
    :: offer == COMPLETE -> to_consumer[s] = to_consumer[s] | COMMIT
    :: offer == FENCED || offer == ERRORED -> to_consumer[s] = to_consumer[s] | REFUSE
    :: else /* an OPEN of an old session */
    fi
}

inline on_read(s, k)
{
    if
    :: offer == GRANTED && s == served && wanted == NONE && !ending -> sending[s] = sending[s] | BIT(k)
    :: else /* a chunk of a session that is not served: the consumer's end of it is gone, or MOVED has come */
    fi
}

/* MOVED names the attempt, so it counts whatever session it came by. */
inline on_moved(s)
{
    if
    :: offer == GRANTED -> ending = true
    :: offer == COMPLETE -> to_consumer[session] = to_consumer[session] | COMMIT
    :: else -> to_consumer[session] = to_consumer[session] | REFUSE
    fi
}

#define ORIGIN_HEARS(s) \
    :: atomic { to_origin[s] & OPEN -> take(to_origin[s], OPEN); on_open(s) } \
    :: atomic { to_origin[s] & READ(0) -> take(to_origin[s], READ(0)); on_read(s, 0) } \
    :: atomic { to_origin[s] & READ(1) -> take(to_origin[s], READ(1)); on_read(s, 1) } \
    :: atomic { to_origin[s] & MOVED -> take(to_origin[s], MOVED); on_moved(s) }

active proctype Origin()
{
    do
    ORIGIN_HEARS(0)
    ORIGIN_HEARS(1)
#if SESSIONS > 2
    ORIGIN_HEARS(2)
#endif

    :: atomic { offer == GRANTED && wanted != NONE && DRAINED(served) ->
       served = wanted;
       wanted = NONE;
       to_consumer[served] = to_consumer[served] | GRANT }

    :: atomic { offer == GRANTED && ending && CAN_COMPLETE ->
       assert(have == ALL_CHUNKS); /* (2) */
       offer = COMPLETE;
       origin_released = true;
       to_consumer[session] = to_consumer[session] | COMMIT }

    :: atomic { offer == OFFERED && lease_over -> offer = ERRORED; origin_released = true } /* the deadline */
    :: atomic { offer == GRANTED && lease_over -> offer = FENCED }
    :: atomic { offer == FENCED && ALL_DRAINED -> offer = ERRORED; origin_released = true }

    /* Only the model stops listening here: there is nobody left to answer. */
    :: atomic { OVER(offer) && origin_released && consumer_released -> break }
    od
}

/* -------------------------------------------------------------------------------------------------- consumer --- */

/* The consumer's end of a session is drained: what is being written is done or dropped, and nothing more begins. */
#ifdef NO_CONSUMER_DRAIN
#define CONSUMER_DRAINED true
#else
#define CONSUMER_DRAINED (receiving[session] == 0)
#endif
#if SESSIONS > 2
#define NOTHING_RECEIVED (receiving[0] == 0 && receiving[1] == 0 && receiving[2] == 0)
#else
#define NOTHING_RECEIVED (receiving[0] == 0 && receiving[1] == 0)
#endif

#define RECEIVED(kind) to_consumer[session] & kind -> take(to_consumer[session], kind)
#define SEND(kind) to_origin[session] = to_origin[session] | (kind)

/* Asks for what its bitmap lacks. */
inline ask()
{
    if
    :: !(have & BIT(0)) -> SEND(READ(0))
    :: else
    fi;
    if
    :: !(have & BIT(1)) -> SEND(READ(1))
    :: else
    fi
}

inline begin(k)
{
    take(to_consumer[session], DATA(k));
    if
    :: !((have | receiving[session]) & BIT(k)) -> receiving[session] = receiving[session] | BIT(k)
    :: else /* a duplicate */
    fi
}

active proctype Consumer()
{
    bool granted;
    bool moved;
    mtype result;

open_session:
    atomic { SEND(OPEN) };

    do
    :: atomic { RECEIVED(GRANT);
       if
       :: !granted -> granted = true; ask()
       :: else
       fi }
    :: atomic { granted && !lost[session] && (to_consumer[session] & DATA(0)) -> begin(0) }
    :: atomic { granted && !lost[session] && (to_consumer[session] & DATA(1)) -> begin(1) }
    :: atomic { granted && !moved && have == ALL_CHUNKS && NOTHING_RECEIVED -> moved = true; SEND(MOVED) }

    :: atomic { RECEIVED(COMMIT);
       assert(offer == COMPLETE && moved && have == ALL_CHUNKS); /* (2) */
       break }
    :: atomic { RECEIVED(REFUSE);
       assert(lease_over || offer == ERRORED); /* (9) an attempt that is its own and alive is not refused */
       assert(offer != COMPLETE); /* (2) */
       break }
    :: lease_over -> break /* EXPIRED, or UNCONFIRMED after MOVED */

    :: atomic { lost[session] && session < SESSIONS - 1 && CONSUMER_DRAINED ->
       session++;
       granted = false;
       if
       :: moved -> SEND(MOVED) /* the COMMIT may have been lost with the session */
       :: else
       fi;
       goto open_session }
    od;

#ifdef RELEASE_EARLY
    consumer_released = true
#else
    atomic { NOTHING_RECEIVED -> consumer_released = true }
#endif
}

/* ------------------------------------------------------------------------------------------------------ world --- */

/* The origin's end: the chunk is read and goes into the network, or the forced close of a lost session drops it. */
#define LEAVE(s, k) \
    :: atomic { sending[s] & BIT(k) -> \
       assert(!origin_released); /* (1) */ \
       assert(served == s); /* (1) one session at a time has chunks on their way */ \
       sending[s] = sending[s] & ~BIT(k); \
       to_consumer[s] = to_consumer[s] | DATA(k) } \
    :: atomic { (sending[s] & BIT(k)) && (lost[s] || offer == FENCED) -> sending[s] = sending[s] & ~BIT(k) }

/* The consumer's end: the chunk is written and counted, or dropped with its session. */
#define ARRIVE(s, k) \
    :: atomic { receiving[s] & BIT(k) -> \
       assert(!consumer_released); /* (1) */ \
       assert(session == s); /* (1) nothing of an old session is written any more */ \
       receiving[s] = receiving[s] & ~BIT(k); \
       have = have | BIT(k) } \
    :: atomic { (receiving[s] & BIT(k)) && (lost[s] || lease_over) -> receiving[s] = receiving[s] & ~BIT(k) }

#define CHUNKS_OF(s) \
    LEAVE(s, 0) \
    LEAVE(s, 1) \
    ARRIVE(s, 0) \
    ARRIVE(s, 1)

active proctype World()
{
end:
    do
    CHUNKS_OF(0)
    CHUNKS_OF(1)
#if SESSIONS > 2
    CHUNKS_OF(2)
#endif
    :: atomic { !lost[session] && session < SESSIONS - 1 && !consumer_released -> lost[session] = true }
    :: atomic { !lease_over && !consumer_released -> lease_over = true }
    od
}
