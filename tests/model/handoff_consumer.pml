/* A consumer of handoff.pml, which includes this file: from its OPEN to what it says of the end. */

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
