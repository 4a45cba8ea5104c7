# shellcheck shell=sh
# Sourced by every other script here: the cluster's addresses, questions to other processes that cannot hang, and the
# reading of their answers.
# shellcheck disable=SC2034 # most variables are for the scripts that source this file

case ${0##*/} in
  sentinel-*) SERVER=sentinel OWN_USERS='operator-sentinel operator-probe' ;;
  *) SERVER=redis OWN_USERS='operator-replication operator-sentinel operator-probe' ;;
esac
# shellcheck source=../../redis/scripts/local.sh
. "${CONFIG_DIR:-/config}/local.sh"
# shellcheck source=../../redis/scripts/passwords.sh
. "$CONFIG_DIR/passwords.sh"
# shellcheck source=../../redis/scripts/certificate.sh
. "$CONFIG_DIR/certificate.sh"

# not on the volume: one that is full, or hangs, must not keep a master open
MEMORY_DIR=${MEMORY_DIR:-/dev/shm}
[ -w "$MEMORY_DIR" ] || MEMORY_DIR=$DATA_DIR
ANSWERS=$MEMORY_DIR/.answers.$$
# the address under which the redis that runs now is known
ANNOUNCED=$DATA_DIR/.announced
# the live.conf that the running redis has
LIVE=$DATA_DIR/.live
# when the server that runs now was started, in hundredths of a second since boot; gone when renew_early_links has been here
STARTED=$DATA_DIR/.started
EARLY=${EARLY:-3}
# there when the append only file is older than what this volume's redis last held: redis-start.sh
BEHIND=$DATA_DIR/.behind
# there when a person has decided: redis-serve.sh
SERVE=$DATA_DIR/.serve
# of redis-fence.sh: its process, that of its redis, and when it last began a round, in hundredths of a second since boot
FENCE=$MEMORY_DIR/.fence
# there while this master takes no writes: when it last heard a majority of the sentinels, or `unnamed`
FENCED=$MEMORY_DIR/.fenced
# when this redis last was in its master's stream, or the master that a majority names, in seconds since 1970
IN_STREAM=$DATA_DIR/.in-stream
# what a first copy leaves until its append only file is written: redis-start.sh
UNFINISHED=$DATA_DIR/appendonlydir/temp-appendonly.aof.incr
CARRIAGE_RETURN=$(printf '\r')
asked=''

# The kubelet refreshes the files while the pod runs, so a script that waits calls this again in each round.
load_cluster() {
  [ -r "$CONFIG_DIR/cluster.env" ] || return 1
  REDIS_CLI_FLAGS='' AUTH='' IDENTITY=''
  # shellcheck source=/dev/null # written by the operator
  . "$CONFIG_DIR/cluster.env"
  ordinal=${POD_NAME##*-}
  load_password
}

# entry N WORD...: the word of ordinal N, or nothing
entry() {
  [ $# -gt $(($1 + 1)) ] || return 0
  shift $(($1 + 1))
  echo "$1"
}

# without WORD WORD...: all the others
without() {
  rest='' left_out=$1
  shift
  for word in "$@"; do [ "$word" = "$left_out" ] || rest="$rest $word"; done
  echo "$rest"
}

# listed WORD LIST
listed() {
  case " $2 " in *" $1 "*) [ -n "$1" ] ;; *) return 1 ;; esac
}

# PID 1 ignores a SIGTERM that it does not handle: without the trap a waiting pod takes its whole grace period to go.
open_answers() {
  trap 'close_answers' EXIT
  trap 'exit 143' TERM INT
  mkdir -p "$ANSWERS"
}

close_answers() {
  rm -rf "$ANSWERS"
}

# ask KEY ADDRESS PORT COMMAND...: asks in the background, with the text of $commands as standard input if it is set.
ask() {
  key=$1 address=$2 port=$3
  shift 3
  # shellcheck disable=SC2086 # the flags are several words
  "$CLI" -h "$address" -p "$port" $REDIS_CLI_FLAGS "$@" <"${commands:-/dev/null}" >"$ANSWERS/$key" 2>"$ANSWERS/$key.error" &
  asked="$asked $!"
}

# Waits for all that was asked, SECONDS at most however many do not answer. No `timeout`: that of busybox leaves an
# orphan at each call, which redis-server as PID 1 never reaps, and redis-cli has no limit for a connection before 8.0.
await_answers() {
  [ -n "$asked" ] || return 0
  # shellcheck disable=SC2086 # a list of process ids
  (
    trap 'kill "$nap"; wait "$nap"; exit' TERM
    sleep "${1:-1}" &
    nap=$!
    wait "$nap"
    kill -9 $asked
  ) >/dev/null 2>&1 &
  watchdog=$!
  # shellcheck disable=SC2086
  wait $asked 2>/dev/null
  kill "$watchdog" 2>/dev/null
  wait "$watchdog" 2>/dev/null
  asked=''
}

# first_line KEY
first_line() {
  line=''
  [ -s "$ANSWERS/$1" ] && read -r line <"$ANSWERS/$1"
  line=${line%"$CARRIAGE_RETURN"}
}

# is_down KEY: nobody is there at all.
is_down() {
  while read -r line; do
    case $line in *'Connection refused'*) return 0 ;; esac
  done <"$ANSWERS/$1.error"
  return 1
}

# The server of this pod may not have the Secret's newest password yet.
use_accepted() {
  read_credentials
  use_here "${newest#* }"
}

# start_fence PID: beside the redis with that process id, which is its parent, or becomes it when the script that starts it has ended. It holds
# none of the script's own files open, or the kubelet would wait for it.
start_fence() {
  sh "$CONFIG_DIR/redis-fence.sh" "$1" </dev/null >/dev/null 2>&1 &
}

# renew_early_links PORT: closes, once, what the other pods opened in the first seconds of this server; they connect again within one.
# While a pod has no endpoint kube-proxy rejects a connection to its Service with an ICMP error. On the node of the one that connects, Linux
# only queues that error, sends the SYN again a second later, and the connection comes about: but the error stays in its queue, epoll
# reports it for ever, and the event loop of that redis or sentinel takes a whole core until the connection is closed.
renew_early_links() {
  [ -s "$STARTED" ] || return 0
  read -r since <"$STARTED"
  now
  [ $((clock - since)) -ge $((EARLY * 100)) ] || return 0
  rm -f "$STARTED"
  local_cli "$1" CLIENT LIST | sed -n 's/^id=\([0-9]*\) .* name=sentinel-.*/CLIENT KILL ID \1/p' | local_cli "$1" >/dev/null
  # a copy that is under way would begin again
  local_cli "$1" INFO replication | grep -q '^slave[0-9]*:.*state=[^o]' || local_cli "$1" CLIENT KILL TYPE replica >/dev/null
}

# refuses KEY: somebody is there, but wants another password or certificate. That is neither a fact nor a silence.
refuses() {
  first_line "$1"
  if [ -n "$line" ]; then
    is_refusal "$line"
    return
  fi
  [ -s "$ANSWERS/$1.error" ] || return 1
  while read -r line; do
    case $line in *SSL_connect* | *'TLS connection'* | *'I/O error'*) return 0 ;; esac
  done <"$ANSWERS/$1.error"
  return 1
}

# others_refuse CREDENTIAL: is there another pod that does not know it? Asked is as a user that redis and sentinels have: a server without it
# that wants no password says so as well, and redis-cli goes on as `default`.
others_refuse() {
  open_answers
  kept_flags=$REDIS_CLI_FLAGS
  use_there operator-sentinel "$1"
  # shellcheck disable=SC2086 # lists
  for address in $(without "${me:-}" $SENTINEL_ADDRESSES); do ask "$address" "$address" "$SENTINEL_PORT" PING; done
  # shellcheck disable=SC2086
  for address in $(without "${me:-}" $REDIS_ADDRESSES); do ask "$address" "$address" "$REDIS_PORT" PING; done
  REDIS_CLI_FLAGS=$kept_flags
  use_here "$password"
  await_answers 1
  for address in $REDIS_ADDRESSES $SENTINEL_ADDRESSES; do
    if refuses "$address" || grep -q 'AUTH failed' "$ANSWERS/$address.error" 2>/dev/null; then return 0; fi
  done
  return 1
}

# Reads the answer to INFO from standard input; role stays empty when there was none.
read_info() {
  refusal='' role='' link='' master_host='' loading=0 replicas=0 offset=0 master_offset=0 keys=0 followers='' whole=no priority=100 disk=ok
  rewriting=no unheard=0
  while IFS=: read -r field value; do
    value=${value%"$CARRIAGE_RETURN"}
    case $field in
      role) role=$value ;;
      loading) loading=$value ;;
      master_host) master_host=$value ;;
      master_link_status) link=$value ;;
      master_last_io_seconds_ago) unheard=$value ;;
      slave_repl_offset) offset=$value ;;
      master_repl_offset) master_offset=$value ;;
      connected_slaves) replicas=$value ;;
      slave_priority) priority=$value ;;
      aof_last_write_status) disk=$value ;;
      aof_rewrite_in_progress | aof_rewrite_scheduled) [ "$value" = 0 ] || rewriting=yes ;;
      slave[0-9]*) followers="$followers $value" ;;
      # the last section: without it a cut answer would look like an empty redis
      '# Keyspace'*) whole=yes ;;
      db[0-9]*) keys=1 ;;
      *) if is_refusal "$field"; then refusal=$field; fi ;;
    esac
  done
}

read_info_of() {
  role='' whole=no
  [ -s "$ANSWERS/$1" ] && read_info <"$ANSWERS/$1"
}

# Reads the answer to SENTINEL MASTER from standard input; address stays empty when there was none.
read_master() {
  refusal='' address='' flags='' epoch=0 runid='' known_replicas=0 known_sentinels=0 unanswered=0 quiet=0
  while read -r field && read -r value; do
    case $field in
      ip) address=$value ;;
      flags) flags=$value ;;
      config-epoch) epoch=$value ;;
      runid) runid=$value ;;
      num-slaves) known_replicas=$value ;;
      num-other-sentinels) known_sentinels=$value ;;
      last-ping-sent) unanswered=$value ;;
      last-ok-ping-reply) quiet=$value ;;
      *) if is_refusal "$field"; then refusal=$field; fi ;;
    esac
  done
}
