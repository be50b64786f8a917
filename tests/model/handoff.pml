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
 * Switches
 *   ACK_MODE  the application's ACK or NACK ends the hand-off     (default: MOVED does)
 *   WRITABLE  consumers write into the origin's memory            (default: they read it)
 *   DIRECT    consumers reach the memory without being served, so that a fence alone does not end their access
 *             (paths `map` and `rma`)                             (default: the origin serves every chunk, path `am`)
 *   EAGER     OPEN asks for the first bytes already, and GRANT brings them
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

/* ---------------------------------------------------------------------------------------------------- origin --- */

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

/* -------------------------------------------------------------------------------------------------- consumers --- */

/* COMPLETE and CANCELLED are answers too. NOT_ACKED is what a consumer says once its NACK is answered by NACKED. */
mtype = { REFUSED, EXPIRED, UNCONFIRMED, NOT_ACKED };

inline say(result)
{
#ifdef REACH
    assert(result != REACH); /* to see that a run can end like this at all */
#endif
    if
    :: result == COMPLETE ->
       assert(offer == COMPLETE && winner == holds[c]); /* (2) */
       completes++;
       assert(completes <= 1) /* (3) */
    :: else ->
       /* (2) after MOVED there are two answers only, and a third for who said NACK */
       assert(!(moved & BIT(h)) || result == UNCONFIRMED || result == EXPIRED || result == NOT_ACKED);
       /* (2) and only UNCONFIRMED leaves it open whether the origin is COMPLETE by this attempt */
       assert(result == UNCONFIRMED || offer != COMPLETE || winner != h);
       if
       :: result != UNCONFIRMED -> denied = denied | BIT(h)
       :: else
       fi
    fi
}

#define ON(kind) to_consumer[h] & kind -> take(to_consumer[h], kind)
#define SEND(kind) to_origin[h] = to_origin[h] | (kind)

/* How a consumer begins to move the bytes once it has the GRANT. */
#if defined(DIRECT)
#define START flight = flight | BIT(h)
#elif defined(EAGER)
#define START skip
#else
#define START SEND(READ)
#endif

#ifdef ON_NATS
#define RECORD(kind) kind
#else
#define RECORD(kind) 0
#endif

proctype Consumer(byte c)
{
    byte h = c; /* the OPEN in hand */
    byte tries = 0;

    {
    skip;
offered: /* a late OFFER is the same as a late OPEN to the origin, which alone judges whether it is stale */
    atomic {
        if
        :: tries == OPENS_OF(c) -> goto out
        :: else
        fi;
        h = c + 2 * tries;
        tries++;
        open_attempt[h] = attempt;
        opened[c] = h;
        lease_over[c] = false; /* the lease starts with OPEN */
        SEND(OPEN)
    };

    /* waits for GRANT */
    if
    :: atomic { ON(GRANT); token[h] = grant_token[h]; holds[c] = h; START }
#if defined(NO_NONCE_CHECK) && defined(REOPEN)
    :: atomic { h > 1 && (to_consumer[c] & GRANT) ->
       h = c; /* goes on with the old GRANT, and counts on the lease of the new OPEN */
       denied = denied & ~BIT(h);
       take(to_consumer[h], GRANT);
       token[h] = grant_token[h];
       holds[c] = h;
       START }
#endif
    :: atomic { ON(REFUSE); say(REFUSED); goto over }
    :: atomic { ON(CANCEL); say(CANCELLED); goto over }
    :: atomic { lease_over[c] -> say(EXPIRED); goto over }
    :: atomic { cancels > 0 -> cancels--; SEND(CANCEL); say(CANCELLED); goto over }
    fi;

    /* has the GRANT: moves the bytes */
    if
#if defined(DIRECT) && defined(NO_FLUSH)
    :: true
#elif defined(DIRECT)
    :: !(flight & BIT(h)) -> skip /* a get has its bytes, a put is flushed */
#elif defined(WRITABLE)
    :: true /* the send is complete, which proves nothing about the origin */
#else
    :: atomic { ON(DATA) }
#endif
    :: atomic { ON(REFUSE); say(EXPIRED); goto over }
    :: atomic { ON(CANCEL); say(CANCELLED); goto over }
    :: atomic { lease_over[c] -> say(EXPIRED); goto over }
    :: atomic { cancels > 0 -> cancels--; SEND(CANCEL); say(CANCELLED); goto over }
    fi;

    /* has moved the bytes */
#ifdef ACK_MODE
    atomic { moved = moved | BIT(h); SEND(MOVED) };
    if
    :: atomic { acked = acked | BIT(h); SEND(ACK | RECORD(DONE)) }
    :: atomic { SEND(NACK | RECORD(FAIL)); goto nacked }
    :: atomic { ON(REFUSE); say(EXPIRED); goto over }
    :: atomic { ON(CANCEL); say(EXPIRED); goto over }
    :: atomic { lease_over[c] -> say(EXPIRED); goto over } /* nothing that ends it was sent */
    fi;
#else
    atomic { moved = moved | BIT(h); SEND(MOVED | RECORD(DONE)) };
#endif

    /* waits for the answer, and can't cancel any more */
    if
#ifdef NO_COMMIT
    :: atomic { say(COMPLETE) }
#endif
    :: atomic { ON(COMMIT); say(COMPLETE) }
    :: atomic { ON(REFUSE); say(EXPIRED) }
    :: atomic { ON(CANCEL); say(EXPIRED) }
    :: atomic { lease_over[c] -> say(UNCONFIRMED) }
#ifdef CANCEL_AFTER_MOVED
    :: atomic { cancels > 0 -> cancels--; SEND(CANCEL); say(CANCELLED) }
#endif
    fi;
    goto over;

#ifdef ACK_MODE
nacked:
    if
    :: atomic { ON(NACKED); say(NOT_ACKED) }
    :: atomic { ON(REFUSE); say(EXPIRED) }
    :: atomic { ON(CANCEL); say(EXPIRED) }
    :: atomic { lease_over[c] -> say(EXPIRED) } /* its own word was no: the origin can't be COMPLETE by it */
    fi;
#endif

over:
    atomic {
#ifdef DIRECT
        !(flight & BIT(h)); /* gives up its access: flushed first, then said */
        SEND(RELEASED);
#endif
#ifndef NO_NONCE_CHECK
        to_consumer[h] = 0;
#endif
        opened[c] = NOBODY;
        holds[c] = NOBODY
    };
    goto offered;

out:
    skip
    } unless { life[c] != ALIVE };

    ended[c] = true
}

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
