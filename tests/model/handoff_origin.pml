/* The origin of handoff.pml, which includes this file: what it answers, when it fences, and when its memory is quiet. */

#ifdef NO_FRESH_TOKEN
#define TOKEN 1
#else
#define TOKEN attempt
#endif

/* The check that every message that moves or ends something must pass. */
#define LIVE(h) (offer == GRANTED && token[h] == TOKEN)

/* The origin's own count decides, not the order of messages: MOVED can overtake the bytes. */
#if defined(WRITABLE) && !defined(DIRECT) && !defined(NO_COUNT)
#define ALL_COUNTED(h) (counted & BIT(h))
#else
#define ALL_COUNTED(h) true
#endif

/* Proof that the attempt of an OPEN can't touch the memory any more. */
#ifdef NO_DRAIN
#define QUIET(h) true
#elif defined(DIRECT)
#define QUIET(h) ((said_released & BIT(h)) || (life[CONSUMER_OF(h)] == KILLED && !(flight & BIT(h))))
#else
#define QUIET(h) (!(flight & BIT(h))) /* the endpoint is closed by force and drained */
#endif

/*
 * The consumer's lease began with its OPEN, the origin's with the GRANT that answers it, so the origin's can't end
 * while the one of that OPEN runs. If the consumer has another OPEN in hand, the older lease may be over.
 */
#define LEASE_MAY_END(h) (life[CONSUMER_OF(h)] != ALIVE || !SAME_CONSUMER(h) || lease_over[CONSUMER_OF(h)])

inline fence()
{
    offer = FENCED;
    noted = NOBODY
}

inline complete(h)
{
    offer = COMPLETE;
    winner = current;
#ifdef ACK_MODE
    assert(acked & BIT(current)); /* (6) MOVED ends nothing */
#endif
    assert(moved & BIT(current)); /* (2) */
    assert(!(denied & BIT(current))); /* (2) nobody was told no who turns out to be the winner */
#if defined(WRITABLE) && !defined(DIRECT)
    assert(counted & BIT(current)); /* (2) all bytes are there */
#endif
#ifdef DIRECT
    said_released = said_released | BIT(current); /* MOVED comes after the flush: no access is left */
#endif
    tell(h, COMMIT);
    noted = NOBODY
}

/*
 * The answer to what can't be served. The winner is never refused: its MOVED, ACK or DONE is a repeat, because the
 * first COMMIT may be lost, and its OPEN or READ is a late copy; a REFUSE would make it say EXPIRED.
 */
inline refuse(h)
{
    if
#ifndef REFUSE_THE_WINNER
    :: offer == COMPLETE && winner == h -> tell(h, COMMIT)
    :: else -> tell(h, REFUSE)
#else
    :: tell(h, REFUSE)
#endif
    fi
}

inline on_open(h)
{
#ifdef DATA_BEFORE_GRANT
    flight = flight | BIT(h);
#endif
    if
    :: offer == OFFERED && open_attempt[h] == attempt ->
       offer = GRANTED;
       current = h;
       granted = granted | BIT(h);
       grant_token[h] = TOKEN;
       tell(h, GRANT);
#ifdef EAGER
       flight = flight | BIT(h)
#endif
    :: offer == GRANTED && current == h -> tell(h, GRANT) /* a repeated OPEN gets the same GRANT */
    :: else -> refuse(h)
    fi
}

inline on_chunk(h)
{
    if
#ifdef NO_CHUNK_CHECK
    :: flight = flight | BIT(h)
#else
    :: LIVE(h) -> flight = flight | BIT(h)
    :: else -> refuse(h)
#endif
    fi
}

/* MOVED, ACK or DONE: whatever may end the attempt well. */
inline on_end(h)
{
    if
    :: LIVE(h) ->
       if
       :: ALL_COUNTED(h) -> complete(h)
       :: else -> noted = h
       fi
    :: else -> refuse(h)
    fi
}

inline on_moved(h)
{
#if defined(ACK_MODE) && !defined(ACK_BY_MOVED)
    if
    :: LIVE(h) -> skip /* MOVED ends nothing: the application's word does */
    :: else -> refuse(h)
    fi
#else
    on_end(h)
#endif
}

/* NACK or FAIL: the attempt ends badly. */
inline on_nack(h)
{
    if
    :: LIVE(h) -> fence(); tell(h, NACKED)
    :: else -> refuse(h)
    fi
}

inline serve(h)
{
    if
    :: to_origin[h] & OPEN -> take(to_origin[h], OPEN); on_open(h)
    :: to_origin[h] & READ -> take(to_origin[h], READ); on_chunk(h)
    :: to_origin[h] & MOVED -> take(to_origin[h], MOVED); on_moved(h)
    :: to_origin[h] & ACK -> take(to_origin[h], ACK); on_end(h)
    :: to_origin[h] & DONE -> take(to_origin[h], DONE); on_end(h)
    :: to_origin[h] & NACK -> take(to_origin[h], NACK); on_nack(h)
    :: to_origin[h] & FAIL -> take(to_origin[h], FAIL); on_nack(h)
    :: to_origin[h] & CANCEL ->
       take(to_origin[h], CANCEL);
       if
       :: offer == GRANTED && current == h -> fence() /* the offer itself lives on */
       :: else
       fi
    :: to_origin[h] & RELEASED ->
       take(to_origin[h], RELEASED);
       said_released = said_released | BIT(h)
    fi
}

inline offer_again()
{
    if
    :: attempt < ATTEMPTS -> attempt++; current = NOBODY; offer = OFFERED
    :: else -> offer = ERRORED
    fi
}

/*
 * Fewer states: a message that would change nothing, and whose answer nobody waits for, stays in its box for ever. A
 * gone consumer's OPEN can still be granted, and its MOVED can still end the attempt.
 */
#define HEARD(h) \
    (to_origin[h] != 0 && (SAME_CONSUMER(h) || LIVE(h) || (to_origin[h] & RELEASED) \
                           || (offer == GRANTED && current == h) \
                           || ((to_origin[h] & OPEN) && offer == OFFERED && open_attempt[h] == attempt)))

/* Quarantine is per attempt: one that is not quiet yet keeps the memory, also when later ones are. */
#define NO_ACCESS(h) (!(granted & BIT(h)) || (quiet & BIT(h)) || QUIET(h))
#if defined(NO_QUARANTINE)
#define ALL_QUIET (current == NOBODY || NO_ACCESS(current))
#elif defined(REOPEN)
#define ALL_QUIET (NO_ACCESS(0) && NO_ACCESS(1) && NO_ACCESS(2))
#else
#define ALL_QUIET (NO_ACCESS(0) && NO_ACCESS(1))
#endif

active proctype Origin()
{
    do
    :: atomic { HEARD(0) -> serve(0) }
    :: atomic { HEARD(1) -> serve(1) }
#ifdef REOPEN
    :: atomic { HEARD(2) -> serve(2) }
#endif

    :: atomic { offer == OFFERED -> offer = ERRORED } /* the deadline */

    :: atomic { cancels > 0 && !OVER(offer) ->
       cancels--;
       if
       :: offer == GRANTED -> tell(current, CANCEL)
       :: else
       fi;
       offer = CANCELLED;
       noted = NOBODY }

    :: atomic { offer == GRANTED && LEASE_MAY_END(current) ->
       /* (8) who still believes in its lease must not lose it */
       assert(life[CONSUMER_OF(current)] != ALIVE || holds[CONSUMER_OF(current)] != current
              || lease_over[CONSUMER_OF(current)]);
       fence() }

    :: atomic { noted != NOBODY && ALL_COUNTED(noted) -> complete(noted) }

    :: atomic { offer == FENCED && QUIET(current) -> quiet = quiet | BIT(current); offer_again() }
#if defined(DIRECT) && !defined(WRITABLE)
    :: atomic { offer == FENCED -> offer_again() } /* readers don't disturb each other */
#endif
#if defined(DIRECT) && defined(WRITABLE)
    :: atomic { offer == FENCED -> offer = ERRORED; quarantined = true } /* no proof came in time */
#endif
#ifdef OFFER_BEFORE_QUIET
    :: atomic { offer == FENCED -> offer_again() }
#endif

    :: atomic { OVER(offer) && !released && ALL_QUIET -> quiet = granted; released = true; quarantined = false }
#ifdef DIRECT
    :: atomic { OVER(offer) && !released && !quarantined -> quarantined = true }
#endif
#ifdef REACH_QUARANTINED
    :: atomic { quarantined -> assert(false) } /* to see that a run can come here at all */
#endif

    /* Only the model stops listening here: there is nobody left to answer. (4) is that this is always reached. */
    :: atomic { OVER(offer) && (released || quarantined) && ended[0] && ended[1] -> break }
    od
}
