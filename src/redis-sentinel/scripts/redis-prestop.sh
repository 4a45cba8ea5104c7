#!/bin/sh
# preStop of a redis pod: hands a master over without losing an acknowledged write, and does nothing for a replica.
# The sentinel-probe normally does the same over its open connections; this script leaves it a moment to begin, then
# does it itself. Every step may be repeated by both. Always succeeds: SIGTERM follows in any case.
# shellcheck disable=SC2086 # lists of addresses are split into words everywhere here
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

LIMIT=${LIMIT:-13}
# The probe begins two or three seconds after the deletion, for kube-proxy's sake and until the replicas are level; the master serves its
# clients until then (seconds).
PROBE_WAIT=${PROBE_WAIT:-4}
KUBE_PROXY_WAIT=${KUBE_PROXY_WAIT:-1.3}

# A first append only file may take this long, of the pod's 60 seconds; a failover must be over by LIMIT.
FILE_WAIT=${FILE_WAIT:-45}

finish() {
  say "$@"
  leave
}

# A failover may still come, and the pause of the writes ends by itself: the sooner this one ends the better.
give_up() {
  say "$@"
  exit 0
}

# After a full synchronization redis writes its first append only file, and ignores a SIGTERM meanwhile ("Writing initial AOF, can't
# exit"): the pod would stay until it is killed. INFO does not tell this from another rewriting, which may be waited for in vain.
leave() {
  while now && [ $((clock - started)) -lt $((FILE_WAIT * 100)) ]; do
    local_ask local INFO persistence
    await_answers 1
    grep -qE '^aof_rewrite_(in_progress|scheduled):1' "$ANSWERS/local" || break
    sleep 0.1
  done
  exit 0
}

# in_time SECONDS: before that point of the script, and before its own end
in_time() {
  now
  [ $((clock - started)) -lt $((LIMIT * 100)) ] && [ $((clock - since)) -lt $(($1 * 100)) ]
}

step() {
  now
  since=$clock
}

local_ask() {
  key=$1
  shift
  ask "$key" "$LOCAL_ADDRESS" "$REDIS_PORT" "$@"
}

look_at_redis() {
  local_ask local INFO replication
  for peer in $peers; do ask "redis-$peer" "$peer" "$REDIS_PORT" INFO replication; done
  await_answers 1
  for peer in $peers; do
    read_info_of "redis-$peer"
    if [ "$role" = slave ] && [ "$master_host" = "$me" ]; then followed_me="$(without "$peer" $followed_me) $peer"; fi
  done
}

still_master() {
  read_info_of local
  [ "$role" = master ]
}

# new: a peer that says it is master, and that a sentinel names or that has followed this one. Another may be a former master with old
# data, and to follow it would copy that over everything.
find_new_master() {
  new=''
  for peer in $peers; do
    read_info_of "redis-$peer"
    if [ "$role" = master ] && listed "$peer" "$votes $followed_me"; then new=$peer; fi
  done
}

# The sentinel-probe, or a failover of the sentinels, has made this pod a replica.
end_as_replica() {
  new=$master_host
  say "no longer the master, follows $new"
  await_other_replica
  await_kube_proxy
  leave
}

# kube-proxy follows within a second (docs/failover.md). Until then a client that is led here gets READONLY and tries again, and when this
# pod is gone the read-only Service leads to replicas alone.
await_kube_proxy() {
  sleep "$KUBE_PROXY_WAIT"
}

# chosen: the one sentinel that gets every forced failover, the lowest ordinal that answers
look_at_sentinels() {
  for sentinel in $sentinels; do
    ask "sentinel-$sentinel" "$sentinel" "$SENTINEL_PORT" SENTINEL MASTER "$MASTER_NAME"
  done
  look_at_redis
  chosen='' named='' votes='' begun=no
  for sentinel in $sentinels; do
    read_master <"$ANSWERS/sentinel-$sentinel"
    [ -n "$address" ] || continue
    votes="$votes $address"
    [ -n "$chosen" ] || { chosen=$sentinel named=$address; }
    case $flags in *failover_in_progress*) begun=yes ;; esac
  done
}

# A lost node costs its second once, not in each look while the writes wait.
forget_silent() {
  for sentinel in $sentinels; do
    [ -s "$ANSWERS/sentinel-$sentinel" ] || sentinels=$(without "$sentinel" $sentinels)
  done
  for peer in $peers; do
    [ -s "$ANSWERS/redis-$peer" ] || peers=$(without "$peer" $peers)
  done
}

# The sentinels may well reach one that is locked to this script, and promote it however much it lacks.
refuse_locked() {
  for peer in $peers; do
    if refuses "redis-$peer"; then finish "no handover: $peer refuses the password or the certificate"; fi
  done
}

# Gives the sentinel-probe its time: returns early when a handover has begun.
let_others_begin() {
  step
  until [ "$begun" = yes ] || [ $((clock - since)) -ge $((PROBE_WAIT * 100)) ]; do
    sleep 0.1
    look_at_sentinels
    still_master || end_as_replica
    now
  done
}

# The sentinel chooses by figures up to ten seconds old, so every replica that answers must be a good choice.
# level [OFFSET]: all of them follow this master, and have all of it up to OFFSET.
level() {
  found=0
  for peer in $peers; do
    read_info_of "redis-$peer"
    if refuses "redis-$peer"; then return 1; fi
    [ -n "$role" ] || continue
    [ "$role" = slave ] && [ "$link" = up ] && [ "$offset" -ge "${1:-0}" ] || return 1
    found=$((found + 1))
  done
  [ "$found" -gt 0 ]
}

await_links() {
  step
  until level; do
    in_time 4 || finish 'no handover: a replica is not linked'
    sleep 0.1
    look_at_redis
    still_master || end_as_replica
    find_new_master
    [ -z "$new" ] || return 0
  done
}

# The pause ends by itself; reads go on. Without it a handover would lose writes.
pause_writes() {
  now
  local_ask pause CLIENT PAUSE $((LIMIT * 1000 - (clock - started) * 10)) WRITE
  await_answers 1
  first_line pause
  answer=${line:-nothing}
  [ "$answer" = OK ] || { resume_writes && finish "no handover: CLIENT PAUSE answers $answer"; }
}

resume_writes() {
  local_ask resume CLIENT UNPAUSE
  await_answers 1
}

await_offsets() {
  step
  while :; do
    look_at_redis
    still_master || end_as_replica
    level "$master_offset" && return
    find_new_master
    [ -z "$new" ] || return 0
    in_time 2 || { resume_writes && finish 'no handover: a replica lags'; }
    sleep 0.02
  done
}

# Right after a failover the sentinel has no figures of the replicas yet and answers NOGOODSLAVE: try again.
force_failover() {
  step
  while :; do
    ask failover "$chosen" "$SENTINEL_PORT" SENTINEL FAILOVER "$MASTER_NAME"
    await_answers 1
    first_line failover
    case $line in OK | *INPROG*) return ;; esac
    in_time 2 || { resume_writes && finish "no handover: $chosen answers ${line:-nothing}"; }
    sleep 0.1
  done
}

# Not resumed when it takes too long: what was accepted may still happen, and then each write here is lost.
await_promotion() {
  step
  until [ -n "$new" ]; do
    look_at_sentinels
    still_master || end_as_replica
    find_new_master
    in_time 6 || give_up 'no promotion in time'
    [ -n "$new" ] || sleep 0.02
  done
}

# Before the paused writes go on: they get READONLY, and their connections are closed so that clients look again.
become_replica() {
  printf 'MULTI\nREPLICAOF %s %s\nCLIENT UNPAUSE\nCLIENT KILL TYPE normal\nEXEC\n' "$new" "$REDIS_PORT" >"$ANSWERS/commands"
  step
  role=''
  # one that hangs for a second has perhaps read MULTI alone
  until [ "$role" = slave ]; do
    in_time 6 || give_up "not demoted, $new is the master"
    commands=$ANSWERS/commands
    kept_flags=$REDIS_CLI_FLAGS
    use_there operator-probe "$credential"
    local_ask demote
    REDIS_CLI_FLAGS=$kept_flags
    use_here "$password"
    commands=''
    await_answers 1
    while read -r line; do
      case $line in NOAUTH* | NOPERM* | EXECABORT*) give_up "not demoted, $new is the master: $line" ;; esac
    done <"$ANSWERS/demote"
    local_ask local INFO replication
    await_answers 1
    read_info_of local
  done
}

# While this pod is the only replica of the new master, min-replicas-to-write would stop the writes with it.
await_other_replica() {
  [ "$(without "$new" $peers)" ] || return 0
  step
  while in_time 4; do
    ask new "$new" "$REDIS_PORT" INFO replication
    await_answers 1
    read_info_of new
    for follower in $followers; do
      case $follower in "ip=$me,"*) ;; *state=online*) return ;; esac
    done
    sleep 0.1
  done
}

now
started=$clock since=$clock
open_answers
load_cluster || { say 'no cluster.env' && exit 0; }
[ -z "$no_password" ] || finish "no handover: $no_password"
me=$(entry "$ordinal" $REDIS_ADDRESSES)
# an ordinal that is being scaled away may be in the list no more
[ -n "$me" ] || { [ -s "$ANNOUNCED" ] && read -r me <"$ANNOUNCED"; }
peers=$(without "$me" $REDIS_ADDRESSES)
sentinels=$SENTINEL_ADDRESSES
followed_me='' votes=''

local_ask local INFO replication
await_answers 1
if refuses local; then finish 'no handover: redis refuses the password or the certificate'; fi
still_master || leave
[ "$replicas" -gt 0 ] || finish 'no handover: no replica'

look_at_sentinels
refuse_locked
forget_silent
let_others_begin
[ -n "$chosen" ] || finish 'no handover: no sentinel answers'
find_new_master
if [ -z "$new" ] && [ "$named" = "$me" ]; then
  [ "$begun" = yes ] || await_links
  [ -n "$new" ] || { pause_writes && await_offsets; }
  [ -n "$new" ] || [ "$begun" = yes ] || force_failover
fi
await_promotion
become_replica
say "handed over to $new"
await_other_replica
await_kube_proxy
leave
