/*
 * The failover by votes (docs/adr/0003) for a model checker: three redis, three sentinels, two probes. docs/model.md says what is in
 * it and what is not; model/run names the runs, with the settings (-D) of each.
 *
 * There is no clock. What has no time-out happens when it likes, or never. Where src/metadata/timings.ts guarantees an order it is a
 * guard ("in time"). It never holds for probe 0, the slow one: that may be late everywhere, and believe in a Lease that it has lost.
 *
 * A step is one atomic block. A command that is delayed on the network is a step that comes late; one that is lost, or whose answer
 * is lost, is a branch of the step. Each step prints itself, so that a trail reads as a story.
 */
#define NOBODY 7
#define NOWHERE 7
#define SLOW 0
#define PROBE 3           /* a probe asks for votes under this and its number, a sentinel under its number */

/* ---- redis ---- */
bit  up[3];
byte follows[3];          /* itself: it is master */
byte data[3];             /* the set of writes that it has: a bit for each */
bit  paused[3];           /* CLIENT PAUSE ... WRITE is in force */
byte pauser[3];           /* whose pause that is */
byte label;               /* whom the master Service leads to */

/* ---- sentinels. Written to disk: both epochs, the name. Lost in a crash: the leader that was voted for, a failover under way ---- */
byte epoch[3];            /* current_epoch */
byte votedIn[3];          /* leader_epoch */
byte votedFor[3];         /* leader */
byte config[3];           /* config_epoch of the master that it names */
byte names[3];

/* ---- probes ---- */
byte holder;              /* of the Lease */
bit  deluded;             /* the slow one has lost it and does not know */
bit  crashed[2];
bit  hurried[2];          /* it watches the clock of its pause */

/* ---- clients, and what the properties need ---- */
byte writes;
byte must;                /* the acknowledged writes that may not be lost */
byte elected[LAST_EPOCH + 1];

byte takeovers = TAKEOVERS, crashes = CRASHES, deaths = DEATHS;   /* faults to come */

#define isMaster(r) (up[r] && follows[r] == r)
#define isReplica(r) (up[r] && follows[r] != r)
#define writable(r) (isMaster(r) && !paused[r])
#define has(r, set) ((data[r] & (set)) == (set))
#define namers(r) ((names[0] == r) + (names[1] == r) + (names[2] == r))
#define served(r) (label == r || namers(r) > 0)
/* In a ring of replicas nobody has a stream to give. */
#define inStream(r) (isReplica(r) && follows[r] != NOWHERE && isMaster(follows[r]))
#define named(p) ((names[0] == names[1] || names[0] == names[2]) -> names[0] : ((names[1] == names[2]) -> names[1] : NOBODY))

/* The Lease is asked again in the step of each command; the slow probe's answer may be old. */
#define CLOSED (!ONE_STEP)
#define mayAct(p) (holder == p || (p == SLOW && deluded))

#define top2(a, b) ((a) > (b) -> (a) : (b))
#define newest (top2(top2(epoch[0], epoch[1]), epoch[2]))
#define isLeft (newest < LAST_EPOCH)

/* ---------------------------------------------------------------- sentinels ---- */

/* sentinelVoteLeader. Called only when the request has the address of the master that this sentinel monitors. */
inline vote (s, master, number, who, granted) {
  granted = false;
  if
  :: names[s] != master
  :: names[s] == master ->
    epoch[s] = top2(epoch[s], number);
    if
    :: votedIn[s] < number && epoch[s] <= number -> votedIn[s] = epoch[s]; votedFor[s] = who
    :: else
    fi;
    granted = (votedIn[s] == number && votedFor[s] == who)
  fi
}

/* sentinelProcessHelloMessage; another master: sentinelResetMaster. */
inline hear (s, master, number) {
  epoch[s] = top2(epoch[s], number);
  if
  :: config[s] >= number
  :: config[s] < number ->
    config[s] = number;
    if
    :: names[s] == master
    :: names[s] != master -> names[s] = master; votedFor[s] = NOBODY
    fi
  fi
}

inline isElected (who, number) {
  if
  :: elected[number] == NOBODY || elected[number] == who
  :: else -> printf("P3 BROKEN: epoch %d has two leaders\n", number); assert(false)
  fi;
  elected[number] = (GHOSTS -> who : NOBODY)
}

/* They pass on what they know every two seconds. */
#define gossip(a, b) \
  :: atomic { config[a] > config[b] -> hear(b, names[a], config[a]); \
    printf("sentinel-%d tells sentinel-%d: redis-%d, epoch %d\n", a, b, names[a], config[a]) }

proctype Gossip () {
end:
  do
  gossip(0, 1)
  gossip(0, 2)
  gossip(1, 0)
  gossip(1, 2)
  gossip(2, 0)
  gossip(2, 1)
  od
}

/* ---------------------------------------------------------------- the probe ---- */

mtype = { PLANNED, DEAD, UNPUBLISHED, CROSSED };

#define forget() d_step { m = 0; t = 0; e = 0; votes = 0; s = 0; hurried[p] = false }

/* decide.ts, judge: a majority names a living master. */
#define isConfirmed(p) (named(p) != NOBODY && isMaster(named(p)))
#define isUnanimous(p) (named(p) != NOBODY && namers(named(p)) == 3)
/* decide-succession.ts, electionObstacle and publication: a single sentinel that is ahead has a reason */
#define knows(s, a, b) (names[s] == (a) || names[s] == (b))
#define isUndisputed(p, r) (knows(0, named(p), r) && knows(1, named(p), r) && knows(2, named(p), r))
/* decide.ts, demotions and repointing */
#define isZombie(p, r) (isConfirmed(p) && isUnanimous(p) && isMaster(r) && r != named(p))
#define isAstray(p, r) (isConfirmed(p) && isUnanimous(p) && isReplica(r) && r != named(p) && follows[r] != named(p))
/* decide-succession.ts: its data is comparable, and nobody comparable has more */
#define isBest(r, of) (isReplica(r) && follows[r] == of && \
  (!isReplica(0) || follows[0] != of || has(r, data[0])) && \
  (!isReplica(1) || follows[1] != of || has(r, data[1])) && \
  (!isReplica(2) || follows[2] != of || has(r, data[2])))
#define isFullest(r) (up[r] && has(r, (up[0] -> data[0] : 0)) && has(r, (up[1] -> data[1] : 0)) && has(r, (up[2] -> data[2] : 0)))
#define isOnly(r) (isMaster(r) && isMaster(0) + isMaster(1) + isMaster(2) == 1)
#define isPromoted(p, r) (named(p) != NOBODY && isUndisputed(p, r) && named(p) != r && !isMaster(named(p)) && (CLOSED -> isMaster(r) && isFullest(r) : isOnly(r)))
/* It is named and lives, and follows; and nobody else has more, nor is master and has as much. It goes on. */
#define isRival(r, other) (isMaster(r) && has(r, data[other]))
#define isToReopen(p, r) (CLOSED && named(p) == r && isReplica(r) && isFullest(r) && !isRival(0, r) && !isRival(1, r) && !isRival(2, r))
#define isSuccessor(p, r) (isUnanimous(p) && !up[named(p)] && !isMaster(0) && !isMaster(1) && !isMaster(2) && isBest(r, named(p)))
/* Nobody is master, and the one that is named lives and follows: two commands crossed each other. Everybody is in sight. */
#define isDeposed(p, r) (DEPOSED && isUnanimous(p) && up[named(p)] && !isMaster(0) && !isMaster(1) && !isMaster(2) && isFullest(r) && r != named(p) && !isFullest(named(p)))
#define isLevel(r, of) (isReplica(r) && follows[r] == of && (NOT_PROVEN || data[r] == data[of]))
#define wantsHandover(p) (isConfirmed(p) && isUnanimous(p) && named(p) == 0 && label == 0 && deaths == 0)

#define demote_(r, master) follows[r] = master; printf("probe-%d: redis-%d is a second master and follows redis-%d\n", p, r, master)
#define repoint_(r, master) follows[r] = master; printf("probe-%d: redis-%d follows redis-%d\n", p, r, master)
#define reopen_(r) follows[r] = r; printf("probe-%d: redis-%d is named, has everything, and goes on\n", p, r)
#define relabel_(r) label = r; printf("probe-%d: the label is on redis-%d\n", p, r)
/* Between its look and its command the slow one is late. */
#define late(command) if :: p == SLOW -> goto command :: else fi
#define repair(r) \
  :: atomic { mayAct(p) && isZombie(p, r) -> m = named(p); t = r; late(demoteZombie); demote_(t, m); goto look } \
  :: atomic { mayAct(p) && isAstray(p, r) -> m = named(p); t = r; late(repoint); repoint_(t, m); goto look } \
  :: atomic { mayAct(p) && isToReopen(p, r) -> t = r; late(reopen); reopen_(t); goto look } \
  :: atomic { mayAct(p) && isConfirmed(p) && named(p) == r && label != r -> t = r; late(relabel); relabel_(t); goto look }
#define elect(r) \
  :: atomic { mayAct(p) && isLeft && isPromoted(p, r) -> m = named(p); t = r; reason = UNPUBLISHED; goto ask } \
  :: atomic { mayAct(p) && isLeft && isSuccessor(p, r) -> m = named(p); t = r; reason = DEAD; goto ask } \
  :: atomic { mayAct(p) && isLeft && isDeposed(p, r) -> m = named(p); t = r; reason = CROSSED; goto ask }

proctype Probe (byte p) {
  byte m, t, e, votes, s;
  bit granted;
  mtype reason;

start:
  {
    skip;
look:
    atomic { forget(); reason = 0; granted = 0 };
end:
    if
    repair(0)
    repair(1)
    repair(2)
    elect(0)
    elect(1)
    elect(2)
    :: atomic { mayAct(p) && isLeft && wantsHandover(p) && PLANNED_HANDOVER -> m = named(p); reason = PLANNED; goto pause }
    fi;

    /* ---- commands of one step ---- */
demoteZombie:
    atomic { if :: mayAct(p) && up[t] -> demote_(t, m) :: else fi; goto look };
repoint:
    atomic { if :: mayAct(p) && up[t] -> repoint_(t, m) :: else fi; goto look };
reopen:
    atomic { if :: mayAct(p) && up[t] -> reopen_(t) :: else fi; goto look };
relabel:
    atomic { if :: mayAct(p) -> relabel_(t) :: else fi; goto look };

    /* ---- a planned handover begins: decide-handover.ts ---- */
pause:
    atomic {
      if
      :: mayAct(p) && isMaster(m) -> printf("probe-%d pauses redis-%d\n", p, m); paused[m] = true; pauser[m] = p; hurried[p] = true
      :: else -> goto look
      fi
    };
prove:
    /* decide-succession.ts, successor: the first one that has everything */
    atomic {
      if
      :: !isMaster(m) -> goto look
      :: isMaster(m) && isLevel(1, m) -> t = 1
      :: isMaster(m) && isLevel(2, m) && !isLevel(1, m) -> t = 2
      :: isMaster(m) -> goto resume
      fi;
      printf("probe-%d sees redis-%d level with redis-%d\n", p, t, m)
    };

    /* ---- every way to another master: hold-election.ts ---- */
ask:
    /* All at once. An answer may be lost, or be that of a vote in an epoch which somebody else has asked for meanwhile. */
    atomic {
      if
      :: isLeft -> e = newest + 1
      :: p == SLOW && newest > 0 && votedFor[0] != PROBE + p && votedFor[1] != PROBE + p && votedFor[2] != PROBE + p -> e = newest
      :: !isLeft && p != SLOW -> goto resume
      fi;
      do
      :: s < 3 ->
        vote(s, m, e, PROBE + p, granted);
        printf("probe-%d asks sentinel-%d for its vote in epoch %d: %d\n", p, s, e, granted);
        if
        :: !knows(s, m, t) -> votes = 10                     /* hold-election.ts, isAgainst */
        :: knows(s, m, t) -> votes = votes + granted
        :: LOSSY -> printf("its answer is lost\n")
        fi;
        s++
      :: s == 3 -> s = 0; granted = 0; break
      od;
      if
      :: votes < 10 && votes >= (NO_MAJORITY -> 1 : 2) -> votes = 0; isElected(PROBE + p, e)
      :: else -> votes = 0; e = 0; goto resume
      fi
    };

promote:
    atomic {
      if
      :: reason == UNPUBLISHED
      :: reason != UNPUBLISHED && mayAct(p) && up[t] && (reason != PLANNED || p == SLOW || hurried[p]) ->
        if
        :: reason == DEAD && (!has(t, (up[0] -> data[0] : 0)) || !has(t, (up[1] -> data[1] : 0)) || !has(t, (up[2] -> data[2] : 0))) ->
          printf("P2 BROKEN: probe-%d promotes redis-%d, and a living redis has more\n", p, t); assert(false)
        :: else
        fi;
        printf("probe-%d is elected in epoch %d and promotes redis-%d\n", p, e, t);
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
      :: !up[m] -> goto hello
      :: up[m] && mayAct(p) && (reason != PLANNED || p == SLOW || hurried[p]) ->
        s = isMaster(m);
        if
        :: ONE_STEP -> printf("probe-%d: the former master redis-%d follows redis-%d (which has %d, it had %d)\n", p, m, t, data[t], data[m]); follows[m] = t
        :: !ONE_STEP -> printf("probe-%d closes the former master redis-%d, which has %d\n", p, m, data[m]); follows[m] = NOWHERE
        fi;
        paused[m] = false
      :: else -> goto resume
      fi;
      hurried[p] = false
    };
    /* MULTI, ROLE, REPLICAOF nowhere: it took no write after what ROLE said, and that can still be undone. */
    atomic {
      if
      :: ONE_STEP
      :: !ONE_STEP && mayAct(p) && isMaster(t) && has(t, data[m]) -> follows[m] = t; printf("probe-%d: the former master redis-%d follows redis-%d\n", p, m, t)
      :: !ONE_STEP && mayAct(p) && !(isMaster(t) && has(t, data[m])) ->
        if
        :: s == 1 -> follows[m] = m; printf("probe-%d: redis-%d is not level any more, redis-%d goes on\n", p, t, m)
        :: s == 0
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
      do
      :: s < 3 && mayAct(p) -> hear(s, t, e); printf("probe-%d says hello to sentinel-%d: redis-%d, epoch %d\n", p, s, t, e); s++
      :: s < 3 && (LOSSY || !mayAct(p)) -> printf("probe-%d says hello to sentinel-%d: lost\n", p, s); s++
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
      :: mayAct(p) && reason == PLANNED && isMaster(m) -> printf("probe-%d gives up, redis-%d goes on\n", p, m); paused[m] = false
      :: else
      fi;
      goto look
    }
  } unless {
    atomic { crashed[p] -> crashed[p] = false; forget(); reason = 0; granted = 0; printf("probe-%d crashes and starts again\n", p) };
    goto start
  }
}

/* ---------------------------------------------------------------- the world ---- */

/* The client Service and every client that asks any sentinel. The acknowledgement comes with the write: that is the worst case. */
#define write(r) \
  :: atomic { writes < WRITES && served(r) && writable(r) -> data[r] = data[r] | (1 << writes); must = must | (1 << writes); writes++; \
    printf("a client writes to redis-%d\n", r) }
#define replicate(r) \
  :: atomic { inStream(r) && data[r] != data[follows[r]] -> data[r] = data[follows[r]]; printf("redis-%d has what redis-%d has\n", r, follows[r]) }
#define unpause(r) \
  :: atomic { paused[r] && (pauser[r] == SLOW || !hurried[pauser[r]]) -> paused[r] = false; printf("the pause of redis-%d ends by itself\n", r) }

proctype World () {
end:
  do
  write(0)
  write(1)
  write(2)
  replicate(0)
  replicate(1)
  replicate(2)
  unpause(0)
  unpause(1)
  unpause(2)
  :: atomic { takeovers > 0 -> takeovers--; deluded = (STALE && holder == SLOW); holder = 1 - holder; printf("probe-%d has the Lease now\n", holder) }
  :: atomic { deluded -> deluded = false; printf("probe-%d knows that it lost the Lease\n", SLOW) }
  :: atomic { crashes > 0 -> crashes--; crashed[0] = true }
  :: atomic { crashes > 0 -> crashes--; crashed[1] = true }
  :: atomic { deaths > 0 -> deaths--; up[0] = false; must = must & (data[1] | data[2]); printf("redis-0 dies\n") }
  od
}

/* ---------------------------------------------------------------- properties ---- */

#define two(a, b) (served(a) && writable(a) && served(b) && writable(b))
#define isWell(r) (namers(r) == 3 && isMaster(r) && label == r && has(r, must) && (!up[0] || r == 0 || follows[0] == r) && \
  (!up[1] || r == 1 || follows[1] == r) && (!up[2] || r == 2 || follows[2] == r))

proctype Watch () {
end:
  if
  :: two(0, 1) || two(0, 2) || two(1, 2) -> printf("P1 BROKEN: two masters take writes of clients\n"); assert(false)
  :: timeout ->
    /* nothing can happen any more */
    if
    :: isWell(0) || isWell(1) || isWell(2)
    :: else ->
      if
      :: !isLeft -> skip                                   /* the bound of the model */
      :: else ->
        printf("P4 BROKEN: names %d %d %d, label %d, data %d %d %d, needed %d\n", names[0], names[1], names[2], label,
          data[0], data[1], data[2], must);
        assert(false)
      fi
    fi
  fi
}

init {
  atomic {
    byte i = 0;
    do
    :: i < 3 -> up[i] = true; follows[i] = 0; names[i] = 0; votedFor[i] = NOBODY; i++
    :: i == 3 -> break
    od;
    i = 0;
    do
    :: i <= LAST_EPOCH -> elected[i] = NOBODY; i++
    :: i > LAST_EPOCH -> i = 0; break
    od;
    run World(); run Gossip(); run Probe(0); run Probe(1); run Watch()
  }
}
