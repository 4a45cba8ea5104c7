#!/bin/sh
# Runs beside the redis of a pod, as `redis-fence.sh PID`: redis-start.sh starts it, and redis-ready.sh again when it is gone.
# A master that hears no majority of the sentinels for FENCE_MILLISECONDS takes no writes any more, before the other side can elect another
# one, nor does one of which they say that another one has taken its place. It takes them again when a majority names it: docs/adr/0003.
# The fence also keeps min-replicas-to-write right, and notes the age of the data.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

# min-replicas-to-write of a closed master: no number of replicas meets it, and nobody else sets it
CLOSED=2147483647
STAMP_SECONDS=2
# A cut that heals may show sentinels that still name this one while another one is being promoted: so long they must agree before it opens.
OPEN_SECONDS=${OPEN_SECONDS:-3}
# A sentinel that has waited for an answer to its PING for longer (ms) is about to find this redis down, though this redis hears it. One whose
# connection was closed may wait for a second until it connects again.
DEAF_MILLISECONDS=1500
# Rounds until the scripts are read again: an upgrade of the operator changes them.
ROUNDS=${ROUNDS:-600}

server=$1
role='' reigns=no heard_at='' silent=0 given='' stamped=0 nap='' rounds=0 agreed_at=''

# Everything that was started ends here, and is waited for: redis-server as PID 1 reaps nobody.
end_round() {
  # shellcheck disable=SC2086 # lists of process ids
  [ -z "$asked$nap" ] || kill -9 $asked $nap
  wait
  asked='' nap=''
}

# There is one for each redis: whoever came last is in the file.
is_mine() {
  owner=''
  [ ! -s "$FENCE" ] || read -r owner _ <"$FENCE"
  [ "$owner" = "$$" ] && kill -0 "$server"
}

# A third of the time: two rounds without an answer follow the last one with answers. A replica only waits to be a master. In shell without a
# process: 1.000 from 1000.
set_period() {
  period=$((FENCE_MILLISECONDS / 3))
  [ "$role" = master ] && [ "$period" -le 1000 ] || period=1000
  thousandths=$((1000 + period % 1000))
  seconds=$((period / 1000)).${thousandths#1}
}

# All are asked at once, and all have as long as the round lasts.
ask_all() {
  asks=$role
  if [ "$asks" = master ]; then
    for sentinel in $SENTINEL_ADDRESSES; do
      # what a process that never came to run leaves is no answer
      : >"$ANSWERS/$sentinel"
      commands=$ANSWERS/questions
      ask "$sentinel" "$sentinel" "$SENTINEL_PORT"
    done
  fi
  # The last one, as a control: when not even this one answers, this machine is too busy to tell anything.
  use_accepted
  : >"$ANSWERS/local"
  commands=$ANSWERS/commands
  ask local "$LOCAL_ADDRESS" "$REDIS_PORT"
  commands=''
  use_here "$password"
  sleep "$seconds" &
  nap=$!
  wait "$nap"
  nap=''
  end_round
}

# said: its role, or nothing when it is not known. One that has as many clients as maxclients allows has answered: it goes on to serve those.
read_local() {
  said='' time='' minimum='' was=$role
  {
    read -r time && read -r _ && read -r _ && read -r minimum
    read_info
  } <"$ANSWERS/local"
  said=$role role=$was
  case $time in *[!0-9]*) time='' ;; esac
  is_full=no
  for file in "$ANSWERS/local" "$ANSWERS/local.error"; do
    answer=''
    read -r answer <"$file"
    case $answer in *'max number of clients'*) is_full=yes said=$role ;; esac
  done
}

# Under which addresses: that of a new Service is in the list before redis announces it.
find_me() {
  me=''
  [ ! -s "$ANNOUNCED" ] || read -r me <"$ANNOUNCED"
  [ $# -le "$ordinal" ] || { shift "$ordinal" && me="$me $1"; }
}

# read_voice KEY: whom it names, and for how long (ms) it has had no answer to a PING from the master that it monitors.
read_voice() {
  line=''
  {
    read -r line && read -r _
    read_master
  } <"$ANSWERS/$1"
  case $flags,$unanswered in *disconnected*,0) unanswered=$quiet ;; esac
}

# named: how many name this one, and hear it. others: how many name another pod. waited: how long (ms) the last of those that hear it has waited.
count_voices() {
  sentinels=0 heard=0 named=0 others=0 waited=0
  for sentinel in $SENTINEL_ADDRESSES; do
    sentinels=$((sentinels + 1))
    read_voice "$sentinel"
    if listed "$line" "$me"; then
      # a network policy may let through what this pod sends to it, and not what it sends here
      [ "$unanswered" -le "$DEAF_MILLISECONDS" ] || continue
      [ "$unanswered" -le "$waited" ] || waited=$unanswered
      named=$((named + 1))
    elif listed "$line" "$REDIS_ADDRESSES"; then
      others=$((others + 1))
    fi
    # one that refuses the password or the certificate has answered, and one that is not there takes part in no election
    if [ -s "$ANSWERS/$sentinel" ] || is_down "$sentinel" || refuses "$sentinel"; then heard=$((heard + 1)); fi
  done
}

majority() {
  [ $(($1 * 2)) -gt "$sentinels" ]
}

# set_minimum NUMBER
set_minimum() {
  use_accepted
  ask set "$LOCAL_ADDRESS" "$REDIS_PORT" CONFIG SET min-replicas-to-write "$1"
  use_here "$password"
  await_answers 1
  first_line set
  [ "$line" = OK ] || return 1
  minimum=$1
}

# close_master SINCE REASON: SINCE is for redis-ready.sh. One that cannot be told to take no writes is ended: its start waits for a majority.
close_master() {
  if [ "$is_full" = yes ]; then
    [ ! -s "$FENCED" ] || return 0
    say "ends redis, which has no connection left to be told to take no writes: $2"
    kill -TERM "$server"
  elif [ "$minimum" != "$CLOSED" ]; then
    set_minimum "$CLOSED" || return 0
    say "takes no writes: $2"
  fi
  echo "$1" >"$FENCED"
}

open_again() {
  [ "$is_full" = no ] || return 0
  if [ "$minimum" = "$CLOSED" ]; then
    set_minimum "$MIN_REPLICAS" || return 0
    say "takes writes: $1"
  fi
  [ ! -e "$FENCED" ] || rm -f "$FENCED"
}

# The number of pods may have changed. Only then: a person may have set another number.
keep_minimum() {
  if [ -z "$minimum" ] || [ "$minimum" = "$CLOSED" ] || [ "$given" = "$MIN_REPLICAS" ]; then return; fi
  [ "$minimum" = "$MIN_REPLICAS" ] || set_minimum "$MIN_REPLICAS" || return 0
  given=$MIN_REPLICAS
}

# stamp SECONDS: since its data was as new as the master's. Written in place, so that it costs no process. After a loss of power it may be empty:
# redis-start.sh then takes the time of the file.
stamp() {
  [ -n "$time" ] && [ "$keeps_data" = yes ] || return 0
  at=$((time - $1))
  if [ "$at" -ge $((stamped + STAMP_SECONDS)) ] || [ "$at" -lt "$stamped" ]; then
    stamped=$at
    echo "$at" >"$IN_STREAM"
  fi
}

# Silence is believed when this redis has answered meanwhile and the round took no longer than it should: not of a machine that is too busy, or
# was stopped. A master that was promoted a moment ago has the same time until the sentinels publish it; one that they have named is replaced
# as soon as they name another one.
judge_master() {
  [ "$asks" = master ] || { heard_at=$began silent=0 && return; }
  count_voices
  if majority "$named"; then
    reigns=yes
  elif majority "$others"; then
    silent=$((silent + 1))
  elif ! majority "$heard" && [ "$said" = master ] && [ $(((clock - began) * 10)) -lt $((period * 2)) ]; then
    silent=$((silent + 1))
  fi
  if majority "$heard" && ! majority "$others"; then heard_at=$((began - waited / 10)) silent=0; fi
  if majority "$named" && [ "$others" = 0 ]; then agreed_at=${agreed_at:-$began}; else agreed_at=''; fi
  [ "$said" = master ] || return 0
  if majority "$named"; then
    may_open || return 0
    open_again 'a majority of the sentinels names it'
    stamp 0
  elif majority "$others" && { [ "$reigns" = yes ] || is_late; }; then
    close_master unnamed 'a majority of the sentinels names another one'
  elif is_late; then
    close_master "$heard_at" "no majority of the sentinels is heard for $(((clock - heard_at) / 100)) s"
  elif [ -s "$FENCED" ] && majority "$heard"; then
    close_master unnamed 'no majority of the sentinels names it'
  fi
  keep_minimum
}

# One that is open stays so.
may_open() {
  [ "$minimum" != "$CLOSED" ] || { [ -n "$agreed_at" ] && [ $((clock - agreed_at)) -ge $((OPEN_SECONDS * 100)) ]; }
}

is_late() {
  [ "$silent" -ge 2 ] && [ $(((clock - heard_at) * 10)) -ge "$FENCE_MILLISECONDS" ]
}

# A replica is open, so that a promotion finds it so.
judge_replica() {
  reigns=no
  open_again 'it is a replica'
  keep_minimum
  # a link over which nothing comes is up until repl-timeout
  [ "$link" != up ] || [ -e "$UNFINISHED" ] || stamp "$unheard"
}

load_cluster || exit 0
open_answers
# Without a file nothing is as old as its note, and a volume that hangs would hold the fence.
keeps_data=no
if grep -q '^appendonly yes' "$CONFIG_DIR/redis.conf"; then keeps_data=yes; fi
trap 'end_round; close_answers' EXIT
printf 'TIME\nCONFIG GET min-replicas-to-write\nINFO replication\n' >"$ANSWERS/commands"
printf 'SENTINEL GET-MASTER-ADDR-BY-NAME %s\nSENTINEL MASTER %s\n' "$MASTER_NAME" "$MASTER_NAME" >"$ANSWERS/questions"
now
echo "$$ $server $clock" >"$FENCE"
while is_mine; do
  load_cluster || exit 0
  # shellcheck disable=SC2086 # a list
  find_me $REDIS_ADDRESSES
  set_period
  now
  began=$clock
  echo "$$ $server $clock" >"$FENCE"
  ask_all
  read_local
  now
  # one that does not answer is what it was
  case $said in master | slave) role=$said ;; esac
  if [ "$role" = master ]; then judge_master; elif [ "$said" = slave ]; then judge_replica; fi
  rounds=$((rounds + 1))
  if [ "$rounds" -ge "$ROUNDS" ] && [ "$silent" = 0 ]; then exec sh "$CONFIG_DIR/redis-fence.sh" "$server"; fi
done
