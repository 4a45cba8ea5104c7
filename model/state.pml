/* Everything that exists, and how it is seen. */
#define NOBODY 7
#define NOWHERE 7
#define SLOW 0            /* probe 0 */

/* ---- redis 0, 1 and 2 ---- */
bit  up[3];
byte follows[3];          /* itself: it is master. NOWHERE: a replica of an address where nobody is */
byte data[3];             /* the set of writes that it has: a bit for each */
bit  paused[3];           /* CLIENT PAUSE ... WRITE is in force */
byte pauser[3];           /* whose pause that is */
bit  closed[3];           /* the fence: min-replicas-to-write cannot be met */
byte label;               /* whom the master Service leads to */

/* ---- sentinels. On disk: both epochs, the name. Lost in a crash: the leader that was voted for, a failover, its delay ---- */
byte epoch[3];            /* current_epoch */
byte votedIn[3];          /* leader_epoch */
byte votedFor[3];         /* leader: a sentinel, or PROBE and the probe's number */
byte config[3];           /* config_epoch of the master that it names */
byte names[3];
byte failover[3];         /* failover_state */
byte failoverEpoch[3];
byte chosen[3];           /* promoted_slave */
bit  waits[3];            /* failover_start_time is not 2 x failover-timeout ago */
#define PROBE 3
#define IDLE 0
#define WAIT_START 1
#define CHOSEN 2
#define WAIT_PROMOTION 3

/* ---- probes ---- */
byte holder;              /* of the Lease */
bit  deluded;             /* the slow one has lost it, does not know, and its connections stand */
bit  crashed[2];
bit  hurried[2];          /* it is between its pause, or its election, and the end of it */

/* ---- the network: one cut. The fence closes before anybody is found down: src/metadata/timings.ts ---- */
#define WHOLE 0
#define CUT 1
#define FENCED 2          /* fenceMs later */
#define FOUND_DOWN 3      /* down-after later */
#define HEALED 4
byte phase;
bit  side[8];             /* of redis 0 to 2, sentinels 3 to 5, probes 6 and 7 */
#if CUTS
#define together(a, b) (phase == WHOLE || phase == HEALED || side[a] == side[b])
#else
#define together(a, b) true
#endif
#define hears(p, s) together(6 + p, 3 + s)
#define sees(p, r) together(6 + p, r)

/* ---- faults to come, and what the properties need ---- */
byte takeovers = TAKEOVERS, crashes = CRASHES, deaths = DEATHS, restarts = RESTARTS, failovers = FAILOVERS;
byte writes;
byte must;                /* the acknowledged writes that may not be lost */
byte elected[LAST_EPOCH + 1];

#define isMaster(r) (up[r] && follows[r] == r)
#define isReplica(r) (up[r] && follows[r] != r)
#define writable(r) (isMaster(r) && !paused[r] && !closed[r])
#define has(r, set) ((data[r] & (set)) == (set))
#define dataOf(r) (up[r] -> data[r] : 0)
#define namers(r) ((names[0] == r) + (names[1] == r) + (names[2] == r))
/* Of the sentinels that redis r hears. */
#define heard(r) (together(r, 3) + together(r, 4) + together(r, 5))
#define heardNaming(r) ((together(r, 3) && names[0] == r) + (together(r, 4) && names[1] == r) + (together(r, 5) && names[2] == r))
/* Clients use the master Service, or ask any one sentinel. */
#define served(r) (label == r || namers(r) > 0)
/* In a ring of replicas nobody has a stream to give. */
#define inStream(r) (isReplica(r) && follows[r] != NOWHERE && isMaster(follows[r]) && together(r, follows[r]))

#define top2(a, b) ((a) > (b) -> (a) : (b))
#define newest top2(top2(epoch[0], epoch[1]), epoch[2])
/* The bound of the model: no epoch is left. */
#define isLeft (newest < LAST_EPOCH)
