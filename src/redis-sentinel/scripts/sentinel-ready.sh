#!/bin/sh
# Readiness of a sentinel pod: it answers and can name a master. Keeps what it knows of the members right; no other pod's state
# changes the answer.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"
# shellcheck source=sentinel-members.sh
. "$CONFIG_DIR/sentinel-members.sh"

# How long a member that is none any more stays known, in seconds, and how far apart the ordinals restart then.
STALE_LIMIT=${STALE_LIMIT:-30}
TURN_SECONDS=${TURN_SECONDS:-10}
# The same when the master is at another address: until then this sentinel is of no use.
MOVED_LIMIT=${MOVED_LIMIT:-2}
# How long a restart waits for all the others to answer. After that a half of them is enough.
ALONE_LIMIT=${ALONE_LIMIT:-60}
# Without need of a restart for this long the next one is the first one again.
CALM_SECONDS=${CALM_SECONDS:-120}
# A master that this sentinel has never reached is given the patience of the start no longer than this.
PATIENCE_LIMIT=${PATIENCE_LIMIT:-30}

# A running sentinel forgets nobody by itself (sentinel.md 7), and who was removed counts for the majority for ever; nor does it take another
# address for its master. Its start knows only the members in cluster.env, and keeps the state: so it ends itself, one ordinal after the
# other, and the kubelet starts it again.
# restart_in_turn NAME SECONDS TURN REASON ADDRESSES: that long after the first call, and TURN seconds after the ordinal before it. A restart
# that changed nothing, for it was for the same addresses a short while ago, doubles the time, up to 128 times.
restart_in_turn() {
  count=0 before=''
  [ ! -s "$RESTARTS-$1" ] || read -r count before <"$RESTARTS-$1"
  common "$5" "$before" || count=0
  lasted "$SINCE-$1" $((($2 << count) + ordinal * $3)) || return 0
  may_leave $((($2 << count) + ordinal * $3)) || return 0
  if [ "$2" -gt 0 ] && [ "$count" -lt 7 ]; then echo "$((count + 1)) $5" >"$RESTARTS-$1"; fi
  say "$4; were this to go on, the next restart would be $(($2 << (count + 1))) s later"
  local_cli "$SENTINEL_PORT" SHUTDOWN >/dev/null
  refuse "$4"
}

# common LIST LIST: have they a word in common?
common() {
  for word in $1; do if listed "$word" "$2"; then return 0; fi; done
  return 1
}

# may_leave SECONDS: all the others answer, whatever they answer, or half of them do and the turn was long ago.
may_leave() {
  open_answers
  # shellcheck disable=SC2086 # lists
  others=$(without "$(entry "$ordinal" $SENTINEL_ADDRESSES)" $SENTINEL_ADDRESSES) all=0 up=0
  for other in $others; do ask "$other" "$other" "$SENTINEL_PORT" PING; done
  await_answers 1
  for other in $others; do
    all=$((all + 1))
    if refuses "$other" || [ -n "$line" ]; then up=$((up + 1)); fi
  done
  [ "$up" -eq "$all" ] || { [ $((up * 2)) -ge "$all" ] && [ $((clock - since)) -ge $((($1 + ALONE_LIMIT) * 100)) ]; }
}

# A running sentinel reads no certificate anew.
renew_certificate() {
  certificate_is_new || return 0
  blindly restart_in_turn certificate 0 "$TURN_SECONDS" 'restarts with the new certificate' ''
}

# A Service that was deleted comes back with another address: the sentinel goes on under that one, and the next hello, within two seconds,
# tells it to the others.
announce() {
  # shellcheck disable=SC2086 # a list
  me=$(entry "$ordinal" $SENTINEL_ADDRESSES)
  [ -s "$ANNOUNCED" ] && read -r announced <"$ANNOUNCED" && [ -n "$me" ] && [ "$me" != "$announced" ] || return 0
  [ "$(local_sentinel CONFIG SET announce-ip "$me")" = OK ] || return 0
  echo "$me" >"$ANNOUNCED"
  say "is at $me now, no longer at $announced"
}

judge() {
  read_master
  [ -z "$refusal" ] || refuse 'sentinel refuses the password'
  [ -n "$address" ] || refuse "sentinel does not name a master for $MASTER_NAME"
  end_patience
  moved=$(now_at "$address")
  if [ -n "$moved" ] && [ "$moved" != "$address" ]; then
    follow_moved
  else
    rm -f "$SINCE-moved"
    look_at_members
  fi
}

# sentinel-start.sh says why. What was reached once is watched from now on as the spec says.
end_patience() {
  [ -e "$PATIENT" ] || return 0
  case $runid/$flags in
    /* | *_down*) lasted "$PATIENT" "$PATIENCE_LIMIT" || return 0 ;;
  esac
  [ "$(local_sentinel SET "$MASTER_NAME" down-after-milliseconds "$DOWN_AFTER_MILLISECONDS")" != OK ] || rm -f "$PATIENT"
}

# The master's Service was made anew.
follow_moved() {
  case $flags in *failover_in_progress*) return ;; esac
  restart_in_turn moved "$MOVED_LIMIT" "$MOVED_LIMIT" "restarts, for the master is at $moved now, no longer at $address" "$moved"
}

look_at_members() {
  stale='' gone='' strangers=''
  listed "$address" "$REDIS_ADDRESSES" || strangers="master $address"
  read_known replica "$REDIS_ADDRESSES" <<EOT
$(local_sentinel REPLICAS "$MASTER_NAME")
EOT
  read_known sentinel "$SENTINEL_ADDRESSES" <<EOT
$(local_sentinel SENTINELS "$MASTER_NAME")
EOT
  tell_strangers
  # only a master that is up is known again at once
  if [ "$flags" = master ] && [ -n "$stale" ]; then
    rm -f "$SINCE-calm"
    restart_in_turn stale "$STALE_LIMIT" "$TURN_SECONDS" "restarts without members that are none any more:$stale" "${gone# }"
  else
    rm -f "$SINCE-stale"
    for file in "$RESTARTS"-*; do
      if [ -e "$file" ] && lasted "$SINCE-calm" "$CALM_SECONDS"; then rm -f "$file"; fi
    done
  fi
}

# While the cluster is being scaled, or its Services are made anew, members are strangers for as long as the kubelet takes to bring cluster.env.
tell_strangers() {
  before=''
  [ ! -s "$STRANGERS" ] || read -r before <"$STRANGERS"
  [ "$strangers" != "$before" ] || return 0
  echo "$strangers" >"$STRANGERS"
  if [ -n "$strangers" ]; then
    say "knows who is not in cluster.env: $strangers. A replica that stays so is not of this cluster, and may be promoted: see docs/volumes.md"
  else
    say 'knows nobody any more who is not in cluster.env'
  fi
}

local_sentinel() {
  local_cli "$SENTINEL_PORT" SENTINEL "$@"
}

use_password_towards_others() {
  use_towards_others operator-sentinel
  all_ok "$(printf 'SENTINEL SET %s auth-user %s auth-pass %s\nSENTINEL CONFIG SET sentinel-user %s\nSENTINEL CONFIG SET sentinel-pass %s\n' \
    "$MASTER_NAME" "$their_user" "$their_password" "$their_user" "$their_password" | local_cli "$SENTINEL_PORT")"
}

# A sentinel asks a redis for its role every ten seconds. One that last heard "master" of a replica, and then is cut off together with the
# real master, makes the one that was promoted meanwhile follow that old master when the network is back, before it hears the news: all
# that was written since is lost (sentinel.c, +convert-to-slave). A start forgets the setting, and before Redis 7.0 there is none.
ask_each_second() {
  local_sentinel DEBUG INFO-PERIOD 1000 >/dev/null
}

refuse_while_waiting
load_cluster || refuse 'no cluster.env'
apply_passwords "$SENTINEL_PORT"
renew_certificate
ask_each_second
renew_early_links "$SENTINEL_PORT"
announce
local_sentinel MASTER "$MASTER_NAME" | judge
