/* The probe: decide.ts, decide-handover.ts, decide-succession.ts, hold-election.ts. */

/* The Lease is asked again in the step of each command. */
#define mayAct(p) (holder == p || (p == SLOW && deluded))

/* ---- what it sees ---- */
#define count(p, r) ((hears(p, 0) && names[0] == r) + (hears(p, 1) && names[1] == r) + (hears(p, 2) && names[2] == r))
#define named(p) (count(p, 0) >= 2 -> 0 : (count(p, 1) >= 2 -> 1 : (count(p, 2) >= 2 -> 2 : NOBODY)))
#define seesMaster(p, r) (sees(p, r) && isMaster(r))
#define seesReplica(p, r) (sees(p, r) && isReplica(r))
#define seesNoMaster(p) (!seesMaster(p, 0) && !seesMaster(p, 1) && !seesMaster(p, 2))
#define seenData(p, r) (sees(p, r) -> dataOf(r) : 0)
#define seesNoFailover(p) (!(hears(p, 0) && failover[0]) && !(hears(p, 1) && failover[1]) && !(hears(p, 2) && failover[2]))
/* Proven dead, or silent and found down by a majority. */
#define isGone(p, r) (!up[r] || (!sees(p, r) && phase == FOUND_DOWN))

/* ---- what follows from it ---- */
/* judge: a majority names a living master */
#define isConfirmed(p) (named(p) != NOBODY && seesMaster(p, named(p)))
#define isUnanimous(p) (named(p) != NOBODY && count(p, named(p)) == 3)
/* electionObstacle, publication: a single sentinel that is ahead has a reason */
#define knows(p, s, a, b) (!hears(p, s) || names[s] == (a) || names[s] == (b))
#define isUndisputed(p, r) (named(p) != NOBODY && knows(p, 0, named(p), r) && knows(p, 1, named(p), r) && knows(p, 2, named(p), r) && seesNoFailover(p))
/* demotions, repointing */
#define isZombie(p, r) (isConfirmed(p) && isUnanimous(p) && seesNoFailover(p) && seesMaster(p, r) && r != named(p))
#define isAstray(p, r) (isConfirmed(p) && isUnanimous(p) && seesNoFailover(p) && seesReplica(p, r) && r != named(p) && follows[r] != named(p))
/* successor: it was in that master's stream, and nobody who was has more */
#define isComparable(p, r, of) (seesReplica(p, r) && follows[r] == of)
#define isLevel(p, r, of) (isComparable(p, r, of) && (NOT_PROVEN || data[r] == data[of]))
#define isFullest(p, r) (sees(p, r) && up[r] && has(r, seenData(p, 0)) && has(r, seenData(p, 1)) && has(r, seenData(p, 2)))
/* succession; somebody who was promoted, is not named, and has less does not count */
#define isEqual(p, r, to) (seesMaster(p, r) && has(r, data[to]))
#define isSuccessor(p, r) (isUndisputed(p, named(p)) && isGone(p, named(p)) && isComparable(p, r, named(p)) && !isEqual(p, 0, r) && !isEqual(p, 1, r) && !isEqual(p, 2, r) && \
  (NOT_PROVEN || isFullest(p, r)))
/* publication: the sentinels do not know the master yet */
#define isUnpublished(p, r) (isUndisputed(p, r) && named(p) != r && !isMaster(named(p)) && seesMaster(p, r) && isFullest(p, r))
/* The named one lives and follows, and has more than any master: it was closed for a successor that is not level. It goes on. */
#define isToReopen(p, r) (isUndisputed(p, r) && named(p) == r && seesReplica(p, r) && isFullest(p, r) && !isEqual(p, 0, r) && !isEqual(p, 1, r) && !isEqual(p, 2, r))
/* The named one lives and follows, nobody is master, and another one has more: commands crossed each other. */
#define isCrossed(p, r) (CROSSED_RULE && isUndisputed(p, named(p)) && seesReplica(p, named(p)) && seesNoMaster(p) && isFullest(p, r) && \
  r != named(p) && !isFullest(p, named(p)))
/* A person, or a deletion, wants another master than redis-0. */
#define isWanted(p) (HANDOVER && isConfirmed(p) && isUndisputed(p, named(p)) && named(p) == 0 && label == 0 && deaths == 0)

/* ---- commands of one step. Between its look and its command the slow probe is late. ---- */
#define demote_(r, master) follows[r] = master; printf("probe-%d: redis-%d is a second master and follows redis-%d\n", p, r, master)
#define repoint_(r, master) follows[r] = master; printf("probe-%d: redis-%d follows redis-%d\n", p, r, master)
#define reopen_(r) follows[r] = r; printf("probe-%d: redis-%d is named, has everything, and goes on\n", p, r)
#define relabel_(r) label = r; printf("probe-%d: the label is on redis-%d\n", p, r)
#define late(command) if :: p == SLOW -> goto command :: else fi
#define repair(r) \
  :: atomic { mayAct(p) && isZombie(p, r) -> m = named(p); t = r; late(demoteZombie); demote_(t, m); goto look } \
  :: atomic { mayAct(p) && isAstray(p, r) -> m = named(p); t = r; late(repoint); repoint_(t, m); goto look } \
  :: atomic { mayAct(p) && isToReopen(p, r) -> t = r; late(reopen); reopen_(t); goto look } \
  :: atomic { mayAct(p) && isConfirmed(p) && named(p) == r && label != r -> t = r; late(relabel); relabel_(t); goto look }
#define elect(r) \
  :: atomic { mayAct(p) && isLeft && isUnpublished(p, r) -> m = named(p); t = r; reason = UNPUBLISHED; goto ask } \
  :: atomic { mayAct(p) && isLeft && isSuccessor(p, r) -> m = named(p); t = r; reason = DEAD; goto ask } \
  :: atomic { mayAct(p) && isLeft && isCrossed(p, r) -> m = named(p); t = r; reason = CROSSED; goto ask }

#define forget() d_step { m = 0; t = 0; e = 0; votes = 0; s = 0; granted = 0; reason = 0; hurried[p] = false }

mtype = { PLANNED, DEAD, UNPUBLISHED, CROSSED };

proctype Probe (byte p) {
  byte m;                 /* the predecessor */
  byte t;                 /* the successor */
  byte e, votes, s;
  bit granted;
  mtype reason;

start:
  {
    skip;
look:
    atomic { forget() };
end:
    if
    repair(0)
    repair(1)
    repair(2)
    elect(0)
    elect(1)
    elect(2)
    :: atomic { mayAct(p) && isLeft && isWanted(p) -> m = named(p); reason = PLANNED; goto pause }
    fi;

demoteZombie:
    atomic { if :: mayAct(p) && up[t] && sees(p, t) -> demote_(t, m) :: else fi; goto look };
repoint:
    atomic { if :: mayAct(p) && up[t] && sees(p, t) -> repoint_(t, m) :: else fi; goto look };
reopen:
    atomic { if :: mayAct(p) && up[t] && sees(p, t) -> reopen_(t) :: else fi; goto look };
relabel:
    atomic { if :: mayAct(p) -> relabel_(t) :: else fi; goto look };

    /* ---- a planned handover begins ---- */
pause:
    atomic {
      if
      :: mayAct(p) && seesMaster(p, m) -> printf("probe-%d pauses redis-%d\n", p, m); paused[m] = true; pauser[m] = p; hurried[p] = true
      :: else -> goto look
      fi
    };
prove:
    atomic {
      if
      :: !seesMaster(p, m) -> goto look
      :: seesMaster(p, m) && isLevel(p, 1, m) -> t = 1
      :: seesMaster(p, m) && isLevel(p, 2, m) && !isLevel(p, 1, m) -> t = 2
      :: seesMaster(p, m) -> goto resume
      fi;
      printf("probe-%d sees redis-%d level with redis-%d\n", p, t, m)
    };

    /* ---- every way to another master ---- */
ask:
    /* All at once. An answer may be lost: it could have been one against the election, so there is none. The slow one may ask in an epoch that others have asked for meanwhile, but never twice in one. */
    atomic {
      hurried[p] = true;
      if
      :: isLeft -> e = newest + 1
      :: p == SLOW && newest > 0 && votedFor[0] != PROBE + p && votedFor[1] != PROBE + p && votedFor[2] != PROBE + p -> e = newest
      :: !isLeft -> goto resume
      fi;
      do
      :: s < 3 ->
        if
        :: !hears(p, s)
        :: hears(p, s) ->
          vote(s, m, e, PROBE + p, granted);
          printf("probe-%d asks sentinel-%d for its vote in epoch %d: %d\n", p, s, e, granted);
          if
          :: !(knows(p, s, m, t) && failover[s] == IDLE) && !BLIND -> votes = 10        /* isAgainst */
          :: (knows(p, s, m, t) && failover[s] == IDLE) || BLIND -> votes = votes + (VOTES_OF_OTHERS -> votedIn[s] == e : granted)
          :: LOSSY -> printf("its answer is lost\n"); votes = (FIRST_MAJORITY -> votes : 10)
          fi
        fi;
        s++
      :: s == 3 -> s = 0; granted = 0; break
      od;
      if
      :: votes < 10 && votes >= (NO_MAJORITY -> 0 : 2) -> votes = 0; isElected(PROBE + p, e)
      :: else -> votes = 0; e = 0; goto resume
      fi
    };

promote:
    atomic {
      if
      :: reason == UNPUBLISHED
      :: reason != UNPUBLISHED && mayAct(p) && up[t] && sees(p, t) ->
        printf("probe-%d is elected in epoch %d and promotes redis-%d\n", p, e, t);
        if
        :: reason == DEAD && isGone(p, m) && !(has(t, seenData(p, 0)) && has(t, seenData(p, 1)) && has(t, seenData(p, 2))) ->
          printf("P2 BROKEN: a living redis that it sees has more\n"); assert(false)
        :: else
        fi;
        follows[t] = t
      :: reason != UNPUBLISHED -> goto resume
      fi
    };
    if
    :: atomic { HELLO_FIRST && reason == PLANNED -> goto hello }
    :: else
    fi;

demote:
    atomic {
      if
      :: isGone(p, m) || !sees(p, m) -> goto hello
      :: up[m] && sees(p, m) && mayAct(p) ->
        s = isMaster(m);
        if
        :: ONE_STEP -> printf("probe-%d: the former master redis-%d follows redis-%d (which has %d, it had %d)\n", p, m, t, data[t], data[m]); follows[m] = t
        :: !ONE_STEP -> printf("probe-%d closes the former master redis-%d, which has %d\n", p, m, data[m]); follows[m] = NOWHERE
        fi;
        paused[m] = false
      :: else -> goto resume
      fi
    };
    /* MULTI, ROLE, REPLICAOF nowhere: it took no write after what ROLE said, and that can still be undone. */
    atomic {
      if
      :: ONE_STEP || !sees(p, m)
      :: !ONE_STEP && sees(p, m) && mayAct(p) && seesMaster(p, t) && has(t, data[m]) ->
        follows[m] = t; printf("probe-%d: the former master redis-%d follows redis-%d\n", p, m, t)
      :: !ONE_STEP && sees(p, m) && mayAct(p) && !(seesMaster(p, t) && has(t, data[m])) ->
        if
        :: s == 1 && count(p, m) >= 2 && isUndisputed(p, m) -> follows[m] = m; printf("probe-%d: redis-%d is not level any more, redis-%d goes on\n", p, t, m)
        :: else                                        /* the sentinels know another one by now */
        fi;
        goto look
      :: !ONE_STEP && !mayAct(p) -> goto look
      fi;
      s = 0
    };
    if
    :: atomic { HELLO_FIRST && reason == PLANNED -> goto look }
    :: else
    fi;

hello:
    atomic {
      s = 0;
      do
      :: s < 3 && mayAct(p) && hears(p, s) -> hear(s, t, e); printf("probe-%d says hello to sentinel-%d: redis-%d, epoch %d\n", p, s, t, e); s++
      :: s < 3 && (LOSSY || !mayAct(p) || !hears(p, s)) -> printf("probe-%d says hello to sentinel-%d: lost\n", p, s); s++
      :: s == 3 -> s = 0; break
      od
    };
    if
    :: atomic { HELLO_FIRST && reason == PLANNED -> goto demote }
    :: else -> goto look
    fi;

resume:
    atomic {
      if
      :: mayAct(p) && reason == PLANNED && seesMaster(p, m) -> printf("probe-%d gives up, redis-%d goes on\n", p, m); paused[m] = false
      :: else
      fi;
      goto look
    }
  } unless {
    atomic { crashed[p] -> crashed[p] = false; forget(); printf("probe-%d crashes and starts again\n", p) };
    goto start
  }
}
