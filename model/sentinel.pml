/* Sentinels, as sentinel.c of Redis 7.0 has them. */

/* sentinelVoteLeader. A request that names another master than this sentinel monitors gets no vote, and raises no epoch. */
inline vote (voter, master, number, candidate, granted) {
  granted = false;
  if
  :: names[voter] != master
  :: names[voter] == master ->
    epoch[voter] = top2(epoch[voter], number);
    if
    :: votedIn[voter] < number && epoch[voter] <= number ->
      votedIn[voter] = epoch[voter]; votedFor[voter] = candidate;
      if
      :: candidate != voter -> waits[voter] = (FAILOVERS > 0)              /* failover_start_time = now */
      :: candidate == voter
      fi
    :: else
    fi;
    granted = (votedIn[voter] == number && votedFor[voter] == candidate)
  fi
}

/* sentinelResetMaster */
inline reset (voter) { votedFor[voter] = NOBODY; failover[voter] = IDLE; failoverEpoch[voter] = 0; chosen[voter] = 0; waits[voter] = false }

/* sentinelProcessHelloMessage */
inline hear (voter, master, number) {
  epoch[voter] = top2(epoch[voter], number);
  if
  :: config[voter] >= number
  :: config[voter] < number ->
    config[voter] = number;
    if
    :: names[voter] == master
    :: names[voter] != master -> names[voter] = master; reset(voter)
    fi
  fi
}

inline isElected (who, number) {
  if
  :: elected[number] == NOBODY || elected[number] == who
  :: else -> printf("P3 BROKEN: epoch %d has two leaders\n", number); assert(false)
  fi;
  elected[number] = (LEADERS -> who : NOBODY)
}

/* They pass on what they know every two seconds. */
#define gossip(a, b) \
  :: atomic { config[a] > config[b] && together(3 + a, 3 + b) -> hear(b, names[a], config[a]); \
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

/* sentinelCheckSubjectivelyDown and ...Objectively, with a quorum of 2 */
#define isDown(s) (!up[names[s]] || (!together(3 + s, names[s]) && phase == FOUND_DOWN))
#define agrees(s, o) (together(3 + s, 3 + o) && names[o] == names[s] && isDown(o))
#define isObjectivelyDown(s) (isDown(s) && agrees(s, 0) + agrees(s, 1) + agrees(s, 2) >= 2)
/* sentinelSelectSlave, by figures that may be old: any replica that it hears */
#define mayChoose(s, r) (up[r] && names[s] != r && together(3 + s, r))
/* sentinelRefreshInstanceInfo: a replica has been master for four publish periods, and the known master looks sane */
#define isRogue(s, r) (isMaster(r) && names[s] != r && together(3 + s, r) && isMaster(names[s]) && !isDown(s) && together(3 + s, names[s]) && \
  failover[s] == IDLE && isUpToDate(s) && !hurried[0] && !hurried[1])
/* The others pass on what they know in two seconds: that is less than 2 x failover-timeout, and than four publish periods. */
#define isBehind(s, o) (together(3 + s, 3 + o) && config[o] > config[s])
#define isUpToDate(s) (!isBehind(s, 0) && !isBehind(s, 1) && !isBehind(s, 2))
#define ask(o) \
  if \
  :: o != s && together(3 + s, 3 + o) -> vote(o, names[s], epoch[s], s, granted); votes = votes + (votedFor[o] == s && votedIn[o] == epoch[s]) \
  :: true \
  fi

proctype Sentinel (byte s) {
  byte votes, own;
  bit granted;
end:
  do
  /* sentinelStartFailoverIfNeeded */
  :: atomic { failovers > 0 && isObjectivelyDown(s) && failover[s] == IDLE && !waits[s] && epoch[s] < LAST_EPOCH ->
      failovers--; epoch[s]++; failoverEpoch[s] = epoch[s]; failover[s] = WAIT_START; printf("sentinel-%d starts a failover in epoch %d\n", s, epoch[s]) }
  /* It asks in its current epoch, and counts votes of that; the failover keeps its own number: sentinelGetLeader */
  :: atomic { failover[s] == WAIT_START ->
      ask(0); ask(1); ask(2);
      own = (votes > 0 -> s : (votedIn[(s + 1) % 3] == epoch[s] && votedFor[(s + 1) % 3] != NOBODY -> votedFor[(s + 1) % 3] : s));
      vote(s, names[s], failoverEpoch[s], own, granted);
      votes = votes + (votedFor[s] == s && votedIn[s] == failoverEpoch[s]);
      if
      :: votes >= 2 ->
        isElected(s, failoverEpoch[s]); failover[s] = CHOSEN;
        if
        :: mayChoose(s, 0) -> chosen[s] = 0
        :: mayChoose(s, 1) -> chosen[s] = 1
        :: mayChoose(s, 2) -> chosen[s] = 2
        :: else -> failover[s] = IDLE; failoverEpoch[s] = 0; waits[s] = true
        fi;
        printf("sentinel-%d is elected in epoch %d, chooses redis-%d\n", s, failoverEpoch[s], chosen[s])
      :: votes < 2 -> failover[s] = IDLE; failoverEpoch[s] = 0; waits[s] = true; printf("sentinel-%d is not elected\n", s)
      fi;
      votes = 0; own = 0; granted = 0 }
  /* sentinelFailoverSendSlaveOfNoOne */
  :: atomic { failover[s] == CHOSEN && up[chosen[s]] && together(3 + s, chosen[s]) ->
      follows[chosen[s]] = chosen[s]; failover[s] = WAIT_PROMOTION; must = must & data[chosen[s]]; printf("sentinel-%d promotes redis-%d\n", s, chosen[s]) }
  /* sentinelRefreshInstanceInfo: an INFO says that it is master. The epoch is taken, whatever it was; the rest as if at once. */
  :: atomic { failover[s] == WAIT_PROMOTION && isMaster(chosen[s]) && together(3 + s, chosen[s]) ->
      config[s] = failoverEpoch[s]; names[s] = chosen[s]; printf("sentinel-%d names redis-%d, epoch %d\n", s, names[s], config[s]); reset(s) }
  /* failover-timeout */
  :: atomic { failover[s] > WAIT_START -> failover[s] = IDLE; failoverEpoch[s] = 0; chosen[s] = 0; waits[s] = true; printf("sentinel-%d gives up its failover\n", s) }
  :: atomic { waits[s] && failovers > 0 && isUpToDate(s) && !hurried[0] && !hurried[1] -> waits[s] = false; printf("sentinel-%d has waited long enough\n", s) }
  :: atomic { isRogue(s, 0) -> follows[0] = names[s]; printf("sentinel-%d converts redis-0, which follows redis-%d\n", s, names[s]) }
  :: atomic { isRogue(s, 1) -> follows[1] = names[s]; printf("sentinel-%d converts redis-1, which follows redis-%d\n", s, names[s]) }
  :: atomic { isRogue(s, 2) -> follows[2] = names[s]; printf("sentinel-%d converts redis-2, which follows redis-%d\n", s, names[s]) }
  :: atomic { restarts > 0 && (failover[s] != IDLE || waits[s]) ->
      restarts--; reset(s); printf("sentinel-%d restarts\n", s) }
  od
}
