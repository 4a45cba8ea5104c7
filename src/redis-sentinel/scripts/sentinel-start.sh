#!/bin/sh
# Starts the sentinel of one pod. The file it runs on is written anew each time: the settings come from the ConfigMap,
# so that a changed spec takes effect, and the state (master, epochs) from the file that the last sentinel left.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"
# shellcheck source=sentinel-members.sh
. "$CONFIG_DIR/sentinel-members.sh"

STATE=$DATA_DIR/sentinel.conf
# Without state, this many looks at the others come before the last known master is taken.
LOOKS=${LOOKS:-3}
# At the first bootstrap the master is given this long to start (seconds), before another one may be promoted.
BOOTSTRAP_LIMIT=${BOOTSTRAP_LIMIT:-30}
# A sentinel that starts gives its master this long at least. When all pods start together, redis waits for a majority of the
# sentinels, and is slower on a busy machine: it must not be taken for dead meanwhile. sentinel-ready.sh sets what the spec says.
PATIENCE_MILLISECONDS=5000

# Votes are in the epochs: a sentinel that forgot them could vote twice.
read_state() {
  master='' former='' former_epoch='' config_epoch='' leader_epoch='' current_epoch=''
  [ -s "$STATE" ] || return 0
  while read -r directive option first second _; do
    [ "$directive" = sentinel ] || continue
    case $option in
      monitor) master=$second ;;
      config-epoch) config_epoch=$second ;;
      leader-epoch) leader_epoch=$second ;;
      current-epoch) current_epoch=$first ;;
    esac
  done <"$STATE"
  [ -z "$master" ] || translate
}

# A master that is no longer at its address is the same ordinal at the new one, in the same epoch: with an older one the others would
# bring the old address back. One without an ordinal is being scaled away, or nobody knows it: who knows better is asked.
translate() {
  moved=$(now_at "$master")
  if [ -n "$moved" ]; then
    [ "$moved" = "$master" ] || source="it was $master before its Service was made anew"
    master=$moved
  elif ! listed "$master" "$REDIS_ADDRESSES"; then
    former=$master former_epoch=$config_epoch master='' config_epoch=''
  fi
}

look() {
  for sentinel in $SENTINEL_ADDRESSES; do
    [ "$sentinel" = "$me" ] || ask "sentinel-$sentinel" "$sentinel" "$SENTINEL_PORT" SENTINEL MASTER "$MASTER_NAME"
  done
  for redis in $REDIS_ADDRESSES; do ask "redis-$redis" "$redis" "$REDIS_PORT" INFO replication; done
  await_answers 1
  locked=''
  for key in $SENTINEL_ADDRESSES; do if refuses "sentinel-$key"; then locked="$locked $key"; fi; done
  for key in $REDIS_ADDRESSES; do if refuses "redis-$key"; then locked="$locked $key"; fi; done
}

# The other sentinels know best, the newest epoch first.
ask_sentinels() {
  best=-1
  for sentinel in $SENTINEL_ADDRESSES; do
    [ -s "$ANSWERS/sentinel-$sentinel" ] || continue
    read_master <"$ANSWERS/sentinel-$sentinel"
    if listed "$address" "$REDIS_ADDRESSES $former" && [ "$epoch" -gt "$best" ]; then
      best=$epoch master=$address source="sentinel $sentinel names it in epoch $epoch"
    fi
  done
}

# Then the redis pods: a master counts for itself and a replica for the one that it follows, dead or alive.
ask_redis() {
  voices='' best=0 running='' candidate=''
  for redis in $REDIS_ADDRESSES; do
    read_info_of "redis-$redis"
    case $role in
      master) voices="$voices $redis" running="$running $redis" ;;
      slave) voices="$voices $master_host" ;;
    esac
  done
  for one in $LAST_MASTER $REDIS_ADDRESSES $former; do
    count=0
    for voice in $voices; do [ "$voice" = "$one" ] && count=$((count + 1)); done
    if [ "$count" -gt "$best" ] && listed "$one" "$REDIS_ADDRESSES $former"; then
      best=$count candidate=$one source="$count redis pods name it"
    fi
  done
}

# The Secret may be a new one, which the kubelet brings here later than elsewhere.
await_unlocked() {
  waiting "no state, looks for the master; refuses the password or the certificate:$locked"
  looks=1
  load_cluster
  until [ -z "$no_password" ]; do
    waiting "$no_password"
    sleep 0.5
    load_cluster
  done
}

find_master() {
  looks=0
  until [ -n "$master" ]; do
    [ "$looks" -eq 0 ] || sleep 0.5
    looks=$((looks + 1))
    waiting "no state, looks for the master${candidate:+; $candidate does not answer yet}"
    look
    ask_sentinels
    if [ -n "$master" ]; then break; fi
    # whoever refuses may know better than the rest: no guess without them
    if [ -n "$locked" ]; then await_unlocked && continue; fi
    ask_redis
    if [ -n "$LAST_MASTER$former" ]; then choose; else choose_first; fi
  done
  [ "$master" != "$former" ] || config_epoch=$former_epoch
}

choose() {
  master=$candidate
  [ -z "$master" ] && [ "$looks" -ge "$LOOKS" ] || return 0
  if listed "$LAST_MASTER" "$REDIS_ADDRESSES"; then
    master=$LAST_MASTER source='it was the last master'
  else
    master=$former source='it was before the restart, and nobody knows better'
  fi
}

# The first bootstrap: the first ordinal needs no sentinel to become master (redis-start.sh). A sentinel that monitors it before it has
# answered takes it for dead a moment later, and a replica is promoted. One that does not come at all is replaced.
choose_first() {
  [ -n "$candidate" ] || candidate=${REDIS_ADDRESSES%% *} source='it is the first ordinal'
  if listed "$candidate" "$running" || lasted "$SINCE-bootstrap" "$BOOTSTRAP_LIMIT"; then master=$candidate; fi
}

# The members are seeded: a sentinel learns replicas from a living master every ten seconds, and knows none when that
# master dies before; it learns sentinels by hellos through the same master. Members that were removed are left out,
# or they would count for the majority for ever.
write_config() {
  cat "$CONFIG_DIR/sentinel.conf" || return 1
  # shellcheck disable=SC2086 # a list
  id=$(entry "$ordinal" $SENTINEL_IDS)
  echo
  [ -z "$id" ] || echo "sentinel myid $id"
  echo "sentinel announce-ip $me"
  echo "sentinel announce-port $SENTINEL_PORT"
  echo "sentinel monitor $MASTER_NAME $master $REDIS_PORT $QUORUM"
  echo "sentinel down-after-milliseconds $MASTER_NAME $down_after"
  echo "sentinel failover-timeout $MASTER_NAME $FAILOVER_TIMEOUT"
  # one replica at a time synchronizes with a new master, the others go on serving
  echo "sentinel parallel-syncs $MASTER_NAME 1"
  user_lines
  use_towards_others operator-sentinel
  if [ "$their_password" != '""' ]; then
    # no echo: that of dash takes backslashes apart
    printf 'sentinel sentinel-user %s\nsentinel sentinel-pass %s\n' "$their_user" "$their_password"
    printf 'sentinel auth-user %s %s\nsentinel auth-pass %s %s\n' "$MASTER_NAME" "$their_user" "$MASTER_NAME" "$their_password"
  fi
  [ -z "$config_epoch" ] || echo "sentinel config-epoch $MASTER_NAME $config_epoch"
  [ -z "$leader_epoch" ] || echo "sentinel leader-epoch $MASTER_NAME $leader_epoch"
  [ -z "$current_epoch" ] || echo "sentinel current-epoch $current_epoch"
  for redis in $REDIS_ADDRESSES; do
    [ "$redis" = "$master" ] || echo "sentinel known-replica $MASTER_NAME $redis $REDIS_PORT"
  done
  position=0
  for sentinel in $SENTINEL_ADDRESSES; do
    # shellcheck disable=SC2086 # a list
    id=$(entry "$position" $SENTINEL_IDS)
    position=$((position + 1))
    if [ "$sentinel" = "$me" ] || [ -z "$id" ]; then continue; fi
    echo "sentinel known-sentinel $MASTER_NAME $sentinel $SENTINEL_PORT $id"
  done
}

# keep_on_disk FILE: FILE.new takes its place when it is on the disk as a whole. Without that a loss of power may leave an empty one, and a sentinel
# that forgot its votes.
keep_on_disk() {
  dd if=/dev/null of="$1.new" conv=notrunc,fsync 2>/dev/null && mv "$1.new" "$1"
}

begin_start
rm -rf "$STRANGERS" "$SINCE"-* "$DATA_DIR"/.answers.* "$MEMORY_DIR"/.answers.*
open_answers
while :; do
  load_cluster || exit 1
  # shellcheck disable=SC2086 # a list
  me=$(entry "$ordinal" $SENTINEL_ADDRESSES)
  [ -z "$me" ] || [ -n "$no_password" ] || break
  waiting "${no_password:-no address for ordinal $ordinal in cluster.env yet}"
  sleep 1
done
source='it was before the restart' candidate=''
read_state
find_master
down_after=$DOWN_AFTER_MILLISECONDS
if [ "$down_after" -lt "$PATIENCE_MILLISECONDS" ]; then
  down_after=$PATIENCE_MILLISECONDS
  now
  echo "$clock" >"$PATIENT"
fi
# by way of a second file: a crash in the middle must not cost the state
rm -f "$STATE.new"
write_config >"$STATE.new" && keep_on_disk "$STATE" || exit 1
echo "$REDIS_ADDRESSES" >"$KNOWN.new" && keep_on_disk "$KNOWN"
echo "$me" >"$ANNOUNCED"
close_answers
now
echo "$clock" >"$STARTED"
note_passwords
note_certificate
rm -f "$WAITING"
unset REDISCLI_AUTH
log "monitors $master: $source"
exec "$(program server)" "$STATE" --sentinel
