#!/bin/sh
# preStop of a redis pod: a master with replicas stays until it is none any more. The sentinel-probe hands it over without losing an
# acknowledged write; without a probe the SIGTERM that follows loses nothing either, since redis then waits for its replicas, and the sentinels
# promote one of them after their time. Always succeeds: SIGTERM follows in any case.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

KUBE_PROXY_WAIT=${KUBE_PROXY_WAIT:-1.3}
# A first append only file may take this long, of the pod's 60 seconds.
FILE_WAIT=${FILE_WAIT:-45}

# in_time SECONDS: since this script began
in_time() {
  now
  [ $((clock - started)) -lt $(($1 * 100)) ]
}

# ask_redis KEY ADDRESS SECTION
ask_redis() {
  ask "$1" "$2" "$REDIS_PORT" INFO "$3"
  await_answers 1
}

# may_be_master: it is one with replicas, or does not tell: it wants another password, is in a script that does not end, or is too busy to answer
# in time
may_be_master() {
  use_accepted
  ask_redis local "$LOCAL_ADDRESS" replication
  use_here "$password"
  read_info_of local
  case $role in
    master) [ "$replicas" -gt 0 ] ;;
    slave) return 1 ;;
    *)
      if is_down local; then return 1; fi
      [ -s "$ANSWERS/local" ] || refusal='redis does not answer'
      ;;
  esac
}

# kube-proxy follows within a second (docs/failover.md). Until then a client that is led here gets READONLY and tries again, and when this
# pod is gone the read-only Service leads to replicas alone.
await_kube_proxy() {
  sleep "$KUBE_PROXY_WAIT"
}

# While the new master has too few other replicas, min-replicas-to-write would stop its writes without this one.
await_other_replicas() {
  me=''
  [ ! -s "$ANNOUNCED" ] || read -r me <"$ANNOUNCED"
  until_then=$(((clock - started) / 100 + 4))
  while in_time "$until_then"; do
    ask_redis new "$new" replication
    read_info_of new
    others=0
    for follower in $followers; do
      case $follower in "ip=$me,"*) ;; *state=online*) others=$((others + 1)) ;; esac
    done
    [ "$others" -lt "$MIN_REPLICAS" ] || return 0
    sleep 0.1
  done
}

# After a full synchronization redis writes its first append only file, and ignores a SIGTERM meanwhile ("Writing initial AOF, can't
# exit"): the pod would stay until it is killed. INFO does not tell this from another rewriting, which may be waited for in vain.
await_file() {
  use_accepted
  while in_time "$FILE_WAIT"; do
    ask_redis local "$LOCAL_ADDRESS" persistence
    grep -qE '^aof_rewrite_(in_progress|scheduled):1' "$ANSWERS/local" || [ ! -s "$ANSWERS/local" ] || break
    ! is_down local || break
    sleep 0.1
  done
}

now
started=$clock was_master=no
open_answers
load_cluster || { say 'no cluster.env' && exit 0; }
while may_be_master; do
  was_master=yes
  in_time "$HANDOVER_SECONDS" || { say "no handover in time: ${refusal:-the sentinels will promote a replica}" && exit 0; }
  sleep 0.1
done
if [ "$was_master" = yes ] && [ "$role" = slave ]; then
  new=$master_host
  say "no longer the master, follows $new"
  await_other_replicas
  await_kube_proxy
fi
await_file
