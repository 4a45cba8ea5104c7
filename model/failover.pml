/*
 * The failover by votes (docs/adr/0003) for a model checker: three redis, three sentinels, two probes. docs/model.md says what is in
 * it and what is not; model/run names the runs, with the settings (-D) of each.
 *
 * There is no clock. What has no time-out happens when it likes, or never. Where src/metadata/timings.ts guarantees an order it is a
 * guard. None holds for probe 0, the slow one: a pause may end between any two of its steps.
 *
 * A step is one atomic block. A command that is delayed on the network is a step that comes late; one that is lost, or whose answer
 * is lost, is a branch of the step. Each step prints itself, so that a trail reads as a story.
 */
#include "state.pml"
#include "sentinel.pml"
#include "probe.pml"

/* ---- clients, replication, time, faults ---- */

/* The acknowledgement comes with the write: that is the worst case. On the side without a majority it may be lost; until the fence. */
#define hasMajority(r) (phase == WHOLE || phase == HEALED || heard(r) >= 2)
#define write(r) \
  :: atomic { writes < WRITES && served(r) && writable(r) -> data[r] = data[r] | (1 << writes); must = must | (hasMajority(r) -> 1 << writes : 0); \
    writes++; printf("a client writes to redis-%d\n", r); \
    if :: (phase == FENCED || phase == FOUND_DOWN) && !hasMajority(r) -> printf("P1 BROKEN: a master that is cut off takes a write after the fence\n"); assert(false) :: else fi }
#define replicate(r) \
  :: atomic { inStream(r) && data[r] != data[follows[r]] -> data[r] = data[follows[r]]; printf("redis-%d has what redis-%d has\n", r, follows[r]) }
#define unpause(r) \
  :: atomic { paused[r] && (pauser[r] == SLOW || !hurried[pauser[r]]) -> paused[r] = false; printf("the pause of redis-%d ends by itself\n", r) }
/* The fence closes a master that hears no majority of the sentinels. It opens when a majority
 * and every one that it hears names it, and has for as long as an election takes (in time: none is under way). */
#define isCutOff(r) (phase >= CUT && phase <= FOUND_DOWN && isMaster(r) && heard(r) < 2)
#define nobodyElects (!hurried[0] && !hurried[1] && !failover[0] && !failover[1] && !failover[2])
#define fence(r) \
  :: atomic { CUTS && !NO_FENCE && isCutOff(r) && !closed[r] -> closed[r] = true; printf("the fence closes redis-%d\n", r) } \
  :: atomic { closed[r] && (!isMaster(r) || (heardNaming(r) >= 2 && (OPENS_AT_ONCE || (heardNaming(r) == heard(r) && nobodyElects)))) -> closed[r] = false; printf("the fence of redis-%d opens\n", r) }
#define isFenced(r) (NO_FENCE || !isCutOff(r) || closed[r])

proctype Redis () {
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
  fence(0)
  fence(1)
  fence(2)
  od
}

proctype Faults () {
end:
  do
  :: atomic { takeovers > 0 -> takeovers--; deluded = (STALE && holder == SLOW); holder = 1 - holder; printf("probe-%d has the Lease now\n", holder) }
  :: atomic { deluded -> deluded = false; printf("probe-%d knows that it lost the Lease\n", SLOW) }
  :: atomic { crashes > 0 -> crashes--; crashed[0] = true }
  :: atomic { crashes > 0 -> crashes--; crashed[1] = true }
  /* What only the dead one had is lost, and the sentinels may choose one that has less than another. */
  :: atomic { deaths > 0 -> deaths--; up[0] = false; paused[0] = false; must = must & (data[1] | data[2]); printf("redis-0 dies\n") }
  /* redis-start.sh: it waits while it is named, and follows whoever else is */
  :: atomic { !up[0] && namers(1) >= 2 -> up[0] = true; follows[0] = 1; printf("redis-0 is back and follows redis-1\n") }
  :: atomic { !up[0] && namers(2) >= 2 -> up[0] = true; follows[0] = 2; printf("redis-0 is back and follows redis-2\n") }
#if CUTS
  :: atomic { phase == WHOLE ->
      phase = CUT; side[0] = 1; must = must & data[1] & data[2];
      if :: side[1] = 1; must = must | (data[0] & data[2]) :: true fi;
      if :: side[3] = 1 :: side[3] = 1; side[4] = 1 :: true fi;
      if :: side[6] = 1 :: true fi;
      if :: side[7] = 1 :: true fi;
      printf("the network is cut: redis %d %d %d, sentinels %d %d %d, probes %d %d\n", side[0], side[1], side[2], side[3], side[4], side[5], side[6], side[7]) }
  :: atomic { phase == CUT && isFenced(0) && isFenced(1) && isFenced(2) -> phase = FENCED; printf("time: fenceMs\n") }
  :: atomic { phase == FENCED -> phase = FOUND_DOWN; printf("time: down-after\n") }
  :: atomic { phase >= CUT && phase <= FOUND_DOWN -> phase = HEALED; printf("the network is whole again\n") }
#endif
  od
}

/* ---- properties ---- */
/* Two failovers of the sentinels' own can overlap: where that is tried, only the other properties are asked. */
#define taking(r) (P1_ASKED && served(r) && writable(r))
#define two(a, b) (taking(a) && taking(b))
#define isIn(r, other) (!up[other] || other == r || follows[other] == r)
#define isWell(r) (namers(r) == 3 && writable(r) && label == r && has(r, must) && isIn(r, 0) && isIn(r, 1) && isIn(r, 2))

proctype Watch () {
end:
  if
  :: (phase == WHOLE || phase >= FENCED) && (two(0, 1) || two(0, 2) || two(1, 2)) -> printf("P1 BROKEN: two masters take writes of clients\n"); assert(false)
  :: timeout ->
    /* nothing can happen any more */
    if
    :: isWell(0) || isWell(1) || isWell(2) || !isLeft
    :: else ->
      printf("P4 BROKEN: the sentinels name %d %d %d, the label is on %d\n", names[0], names[1], names[2], label);
      printf("data %d %d %d, needed is %d; they follow %d %d %d\n", data[0], data[1], data[2], must, follows[0], follows[1], follows[2]);
      assert(false)
    fi
  fi
}

init {
  atomic {
    byte i = 0;
    do
    :: i < 3 -> up[i] = true; votedFor[i] = NOBODY; i++
    :: i == 3 -> break
    od;
    i = 0;
    do
    :: i <= LAST_EPOCH -> elected[i] = NOBODY; i++
    :: i > LAST_EPOCH -> i = 0; break
    od;
    run Redis(); run Faults(); run Gossip(); holder = HOLDER; run Probe(0); run Probe(1); run Watch();
    if
    :: FAILOVERS > 0 -> run Sentinel(0); run Sentinel(1); run Sentinel(2)
    :: else
    fi
  }
}
