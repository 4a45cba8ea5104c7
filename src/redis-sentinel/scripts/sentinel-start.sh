#!/bin/sh
# Starts the sentinel of one pod. The file it runs on is written anew each time: the settings come from the ConfigMap,
# so that a changed spec takes effect, and the state (master, epochs) from the file that the last sentinel left.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

STATE=$DATA_DIR/sentinel.conf
# the redis addresses by ordinal at the time of the state: they change when Services are created anew
KNOWN=$DATA_DIR/.redis-addresses
# Without state, this many looks at the others come before the last known master is taken.
LOOKS=${LOOKS:-3}

# Votes are in the epochs: a sentinel that forgot them could vote twice.
read_state() {
  master='' config_epoch='' leader_epoch='' current_epoch=''
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
  listed "$master" "$REDIS_ADDRESSES" || translate
}

# A master that is no longer at its address is the same ordinal at the new one. Its epoch goes: the others know better.
translate() {
  former=$master master='' config_epoch='' position=0
  [ -n "$former" ] && [ -s "$KNOWN" ] || return 0
  read -r addresses <"$KNOWN"
  for address in $addresses; do
    # shellcheck disable=SC2086 # a list
    [ "$address" = "$former" ] && master=$(entry "$position" $REDIS_ADDRESSES)
    position=$((position + 1))
  done
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
    if listed "$address" "$REDIS_ADDRESSES" && [ "$epoch" -gt "$best" ]; then
      best=$epoch master=$address source="sentinel $sentinel names it in epoch $epoch"
    fi
  done
}

# Then the redis pods: a master counts for itself and a replica for the one that it follows, dead or alive.
ask_redis() {
  voices='' best=0
  for redis in $REDIS_ADDRESSES; do
    read_info_of "redis-$redis"
    case $role in
      master) voices="$voices $redis" ;;
      slave) voices="$voices $master_host" ;;
    esac
  done
  for candidate in $LAST_MASTER $REDIS_ADDRESSES; do
    count=0
    for voice in $voices; do [ "$voice" = "$candidate" ] && count=$((count + 1)); done
    if [ "$count" -gt "$best" ] && listed "$candidate" "$REDIS_ADDRESSES"; then
      best=$count master=$candidate source="$count redis pods name it"
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
  until [ -n "$master" ] || [ "$looks" -eq "$LOOKS" ]; do
    [ "$looks" -eq 0 ] || sleep 0.5
    looks=$((looks + 1))
    waiting 'no state, looks for the master'
    look
    ask_sentinels
    if [ -n "$master" ]; then return; fi
    # whoever refuses may know better than the rest: no guess without them
    if [ -z "$locked" ]; then ask_redis; else await_unlocked; fi
  done
  [ -z "$master" ] || return 0
  if listed "$LAST_MASTER" "$REDIS_ADDRESSES"; then
    master=$LAST_MASTER source='it was the last master'
  else
    master=${REDIS_ADDRESSES%% *} source='it is the first ordinal'
  fi
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
  echo "sentinel down-after-milliseconds $MASTER_NAME $DOWN_AFTER_MILLISECONDS"
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

rm -rf "$WAITING" "$DATA_DIR"/.answers.*
open_answers
while :; do
  load_cluster || exit 1
  # shellcheck disable=SC2086 # a list
  me=$(entry "$ordinal" $SENTINEL_ADDRESSES)
  [ -z "$me" ] || [ -n "$no_password" ] || break
  waiting "${no_password:-no address for ordinal $ordinal in cluster.env yet}"
  sleep 1
done
source='it was before the restart'
read_state
find_master
# by way of a second file: a crash in the middle must not cost the state
rm -f "$STATE.new"
write_config >"$STATE.new" && mv "$STATE.new" "$STATE" || exit 1
echo "$REDIS_ADDRESSES" >"$KNOWN"
rm -f "$WAITING"
close_answers
now
echo "$clock" >"$STARTED"
note_passwords
note_certificate
unset REDISCLI_AUTH
log "monitors $master: $source"
exec "$(program server)" "$STATE" --sentinel
