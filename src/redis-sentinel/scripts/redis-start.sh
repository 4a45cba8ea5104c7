#!/bin/sh
# Starts the redis of one pod as the right role. It looks at all sentinels and all other redis pods, decides, and looks
# again while it cannot be sure: no pod decides alone to be master, and an empty data set never replaces a full one.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"
# shellcheck source=redis-age.sh
. "$CONFIG_DIR/redis-age.sh"

# A peer that does not answer is given this long at the first bootstrap (seconds), in case its volume holds old data.
BOOTSTRAP_WAIT=${BOOTSTRAP_WAIT:-3}
# A named master with data gives the others this long to answer, less than the sentinels take to act.
RESUME_WAIT=${RESUME_WAIT:-2}
# After this long without another master, a pod with data serves it.
HANDOVER_LIMIT=${HANDOVER_LIMIT:-60}

look() {
  for sentinel in $SENTINEL_ADDRESSES; do
    ask "sentinel-$sentinel" "$sentinel" "$SENTINEL_PORT" SENTINEL GET-MASTER-ADDR-BY-NAME "$MASTER_NAME"
  done
  for peer in $REDIS_ADDRESSES; do
    [ "$peer" = "$me" ] || ask "redis-$peer" "$peer" "$REDIS_PORT" INFO
  done
  await_answers 1
  read_votes
  read_peers
}

# agreed: the address that a majority of all configured sentinels names.
read_votes() {
  sentinels=0 answered=0 votes='' agreed='' strangers=''
  for sentinel in $SENTINEL_ADDRESSES; do
    sentinels=$((sentinels + 1))
    if refuses "sentinel-$sentinel"; then strangers="$strangers $sentinel"; fi
    first_line "sentinel-$sentinel"
    # an error text or a foreign address is no vote
    listed "$line" "$REDIS_ADDRESSES" || continue
    answered=$((answered + 1))
    votes="$votes $line"
  done
  for candidate in $REDIS_ADDRESSES; do
    count=0
    for vote in $votes; do [ "$vote" = "$candidate" ] && count=$((count + 1)); done
    [ $((count * 2)) -gt "$sentinels" ] && agreed=$candidate
  done
}

# live: replicas that were in the replication stream since their own start. A replica that has restarted as well, or
# never synchronized, reports an offset of 0 or 1; one with the priority 0 has less than its master had, and nobody promotes it.
# locked: those that refuse the password or the certificate; they run, so what they hold may be newer than anything here, and only a person
# can open them.
read_peers() {
  silent='' masters='' followed='' live='' filled='' locked=''
  for peer in $REDIS_ADDRESSES; do
    [ "$peer" = "$me" ] && continue
    if refuses "redis-$peer"; then locked="$locked $peer" && continue; fi
    read_info_of "redis-$peer"
    [ "$whole" = yes ] || role=''
    case $role in
      master)
        masters="$masters $peer"
        [ "$replicas" -gt 0 ] && followed="$followed $peer"
        ;;
      slave)
        if [ "$offset" -gt 1 ]; then
          replicas_seen="$replicas_seen $peer"
          [ "$priority" = 0 ] || live="$live $peer"
        fi
        ;;
      *) silent="$silent $peer" && continue ;;
    esac
    if [ "$keys" = 1 ] || [ "$loading" = 1 ]; then filled="$filled $peer"; fi
  done
  [ -z "$masters$live$filled" ] || lived=yes
}

# Redis reads either the append only files or dump.rdb, never both. The base that a new redis writes at its first start
# is an empty one of about 90 bytes; any later base has been through a synchronization.
holds_data() {
  if ! grep -q '^appendonly yes' "$CONFIG_DIR/redis.conf"; then
    [ -s "$DATA_DIR/dump.rdb" ]
    return
  fi
  [ -s "$DATA_DIR/appendonly.aof" ] && return
  for file in "$DATA_DIR"/appendonlydir/*.aof "$DATA_DIR"/appendonlydir/*.rdb; do
    case $file in
      *.1.base.rdb) [ -s "$file" ] && [ "$(wc -c <"$file")" -gt 160 ] && return ;;
      *) [ -s "$file" ] && return ;;
    esac
  done
  return 1
}

# After a full synchronization redis keeps the former append only file, complete and old, until the first one of the copy is written; what
# comes meanwhile goes to this file. One that dies in between comes back with the old data.
note_unfinished_copy() {
  [ ! -e "$UNFINISHED" ] || { : >"$BEHIND" && rm -f "$UNFINISHED"; }
}

# Data that is as new as this pod has ever had it.
is_current() {
  holds_data && [ ! -e "$BEHIND" ]
}

# Nobody has ever seen a master of this cluster, in no look of this start either, and this volume is new.
is_new() {
  [ -z "$LAST_MASTER$lived" ] && [ ! -e "$DATA_DIR/.seen" ] && ! holds_data
}

# The first bootstrap goes on without those that are silent, but not when a sentinel has reached a master once: it then
# knows that one's run id, and whoever is silent now may have its data.
may_bootstrap_alone() {
  elapsed "$BOOTSTRAP_WAIT" || return 1
  for sentinel in $SENTINEL_ADDRESSES; do
    ask "master-$sentinel" "$sentinel" "$SENTINEL_PORT" SENTINEL MASTER "$MASTER_NAME"
  done
  await_answers 1
  for sentinel in $SENTINEL_ADDRESSES; do
    if refuses "master-$sentinel"; then return 1; fi
    read_master <"$ANSWERS/master-$sentinel"
    [ -z "$runid" ] || { lived=yes && log "not the first bootstrap: sentinel $sentinel has reached a master before"; }
  done
  [ -z "$lived" ]
}

elapsed() {
  now
  [ $((clock - started)) -ge $(($1 * 100)) ]
}

decide() {
  decision='wait'
  if [ -z "$agreed" ]; then
    decide_without_majority
  elif [ "$agreed" != "$me" ]; then
    # also when that one is down: the sentinels then repoint this replica
    decision=replica target=$agreed
  elif [ -n "$masters" ]; then
    decide_between_masters
  elif [ -n "$live" ] || { [ -n "$filled" ] && ! is_current; }; then
    decide_return
  elif [ -n "$locked" ]; then
    reason="$me is named master, but does not know about the data of$locked"
  elif [ -z "$silent" ]; then
    decision=master
  elif is_current; then
    # not for long: the sentinels would promote one that did start, however old its data is
    reason="$me is named master, but does not know about the data of$silent"
    elapsed "$RESUME_WAIT" && decision=master
  else
    if [ -e "$BEHIND" ]; then has='old data'; else has='no data'; fi
    reason="$me is named master and has $has, but those that do not answer may have it:$silent"
    is_new && may_bootstrap_alone && decision=master
  fi
}

# Without a majority only a master that somebody else believes in is followed, since a lonely one may be a former
# master that comes back from a partition with old data.
decide_without_majority() {
  trusted=''
  for master in $masters; do
    listed "$master" "$votes" && trusted="$trusted $master"
  done
  [ -n "$trusted" ] || trusted=$followed
  [ -n "$trusted" ] || { listed "$LAST_MASTER" "$masters" && trusted=" $LAST_MASTER"; }
  [ -n "$trusted" ] || holds_data || trusted=$masters
  case $trusted in
    '') ;;
    ' '*' '*) reason="several masters and no majority of the sentinels:$trusted" && return ;;
    *) decision=replica target=${trusted# } && return ;;
  esac
  reason="$answered of $sentinels sentinels answer without a majority, redis with data:${filled:- none}, silent:${silent:- none}"
  decide_bootstrap
}

decide_bootstrap() {
  first=${REDIS_ADDRESSES%% *}
  is_new && [ -z "$masters$live$filled$locked$strangers" ] || return 0
  for vote in $votes; do [ "$vote" = "$first" ] || return 0; done
  if [ "$me" != "$first" ]; then
    decision=replica target=$first
  elif [ -z "$silent" ] || may_bootstrap_alone; then
    decision=master
  fi
}

# The sentinels publish a promotion about a second after it. Until one does, the other master may as well be a former
# one with old data: wait for them, unless this script itself has seen it as a replica before.
decide_between_masters() {
  reason="$me is named master, but another one says it is:$masters"
  for master in $masters; do
    if listed "$master" "$votes $replicas_seen"; then decision=replica target=$master; fi
  done
}

# This pod was the master and has restarted: it never resumes while others have the data, and chooses none of them. The probe promotes the
# best one, by the sentinels' votes, as soon as it finds this one dead; without a probe the sentinels do, after their time.
decide_return() {
  reason="$me has restarted as the named master, the data is at${live:-$filled}: another one is to be promoted"
  is_current && elapsed "$HANDOVER_LIMIT" && decision=master
}

# start ROLE [MASTER]
start() {
  # not over the old file, which would keep its mode
  rm -f "$DATA_DIR/redis.conf"
  cat "$CONFIG_DIR/redis.conf" >"$DATA_DIR/redis.conf" || exit 1
  {
    echo
    echo "replica-announce-ip $me"
    echo "replica-announce-port $REDIS_PORT"
    # the probe ends a script that blocks the master before the sentinels fail over because of it
    echo "busy-reply-threshold $((DOWN_AFTER_MILLISECONDS * 4 / 10))"
    # redis.conf has another one from five pods on: its text must stay what it was, or an upgrade would restart all
    echo "min-replicas-to-write $MIN_REPLICAS"
    [ "$1" = master ] || echo "replicaof $2 $REDIS_PORT"
    [ "$1" = master ] || echo "replica-priority $(priority_of_data "$2")"
    # a replica without writes knows by these that it is in the stream
    echo 'repl-ping-replica-period 1'
    user_lines
    use_towards_others operator-replication
    printf 'masteruser %s\nmasterauth %s\n' "$their_user" "$their_password"
  } >>"$DATA_DIR/redis.conf"
  # .seen: this volume has served once. .synced: says redis-ready.sh, of the process that runs now.
  : >"$DATA_DIR/.seen"
  echo "$me" >"$ANNOUNCED"
  cp "$CONFIG_DIR/live.conf" "$LIVE" 2>/dev/null
  now
  echo "$clock" >"$STARTED"
  rm -f "$SERVE" "$DATA_DIR/.synced" "$FENCE" "$FENCED"
  # what it starts with is the data from now on
  [ "$1" != master ] || rm -f "$BEHIND"
  close_answers
  note_passwords
  note_certificate
  unset REDISCLI_AUTH
  rm -f "$WAITING"
  start_fence $$
  log "starts as $*; $answered of $sentinels sentinels answer and name${votes:- nobody}," \
    "masters:${masters:- none}, live replicas:${live:- none}, with data:${filled:- none}, silent:${silent:- none}"
  exec "$(program server)" "$DATA_DIR/redis.conf"
}

begin_start
rm -rf "$SERVE" "$DATA_DIR"/.answers.* "$MEMORY_DIR"/.answers.*
open_answers
note_unfinished_copy
now
started=$clock replicas_seen='' lived=''
while :; do
  load_cluster || exit 1
  # shellcheck disable=SC2086 # a list
  me=$(entry "$ordinal" $REDIS_ADDRESSES)
  if [ -z "$me" ]; then
    decision='wait' reason="no address for ordinal $ordinal in cluster.env yet"
  elif [ -n "$no_password" ]; then
    decision='wait' reason=$no_password
  else
    look
    if [ -e "$SERVE" ]; then decision=master && log 'starts as master: a person has decided'; else decide; fi
    [ -z "$locked$strangers" ] || reason="$reason; refuses the password or the certificate:$locked$strangers"
  fi
  case $decision in
    master) start master ;;
    replica) start replica "$target" ;;
  esac
  waiting "$reason"
  sleep 0.1
done
