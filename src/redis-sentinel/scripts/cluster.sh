# shellcheck shell=sh
# Sourced by every other script here: the cluster's addresses, questions to other processes that cannot hang, and the
# reading of their answers. Runs in dash and in busybox ash; writes nowhere but in DATA_DIR.
# shellcheck disable=SC2034 # most variables are for the scripts that source this file

CONFIG_DIR=${CONFIG_DIR:-/config}
DATA_DIR=${DATA_DIR:-/data}
AUTH_DIR=${AUTH_DIR:-/auth}
# Not the announced address: a pod that calls its own Service needs hairpin traffic, which not every network has.
LOCAL_ADDRESS=${LOCAL_ADDRESS:-127.0.0.1}
ANSWERS=$DATA_DIR/.answers.$$
WAITING=$DATA_DIR/.waiting
# the address under which the redis that runs now is known
ANNOUNCED=$DATA_DIR/.announced
# the live.conf that the running redis has
LIVE=$DATA_DIR/.live
# when the server that runs now was started, in hundredths of a second since boot; gone when renew_early_links has been here
STARTED=$DATA_DIR/.started
EARLY=${EARLY:-3}
# there when a person has decided: redis-serve.sh
SERVE=$DATA_DIR/.serve
CARRIAGE_RETURN=$(printf '\r')
asked=''
told=''

# redis-server or redis-cli; valkey's own packages have no redis-* names
program() {
  if command -v "redis-$1" >/dev/null 2>&1; then echo "redis-$1"; else echo "valkey-$1"; fi
}
CLI=$(program cli)

# The kubelet refreshes the files while the pod runs, so a script that waits calls this again in each round.
load_cluster() {
  [ -r "$CONFIG_DIR/cluster.env" ] || return 1
  REDIS_CLI_FLAGS=''
  # shellcheck source=/dev/null # written by the operator
  . "$CONFIG_DIR/cluster.env"
  ordinal=${POD_NAME##*-}
  load_password
}

# The password of the mounted Secret, for redis-cli in its environment: everybody on the node can read command lines.
# no_password: why there is none although there should be one, so that nothing starts unprotected by mistake.
load_password() {
  unset REDISCLI_AUTH
  no_password='' password='' more=''
  [ -d "$AUTH_DIR" ] || return 0
  [ -r "$AUTH_DIR/password" ] && { IFS= read -r password || :; IFS= read -r more || :; } <"$AUTH_DIR/password"
  if [ -z "$password" ] || [ -n "$more" ]; then
    no_password="$AUTH_DIR/password is not one line with a password"
    return 0
  fi
  export REDISCLI_AUTH="$password"
  # also for what redis and sentinel write later: both keep the password in the files that they rewrite
  umask 077
}

# password_lines DIRECTIVE...: each with the password, as redis.conf wants it quoted; nothing when there is no password.
# printf is a part of the shell and sed reads its standard input: again no command line.
password_lines() {
  [ -n "${REDISCLI_AUTH:-}" ] || return 0
  quoted=$(printf '%s\n' "$REDISCLI_AUTH" | sed 's/["\\]/\\&/g')
  for directive in "$@"; do printf '%s "%s"\n' "$directive" "$quoted"; done
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

# Hundredths of a second since boot: a clock that costs no process and that nobody sets back.
now() {
  read -r uptime _ </proc/uptime
  clock=${uptime%.*}${uptime#*.}
}

log() {
  echo "${0##*/} ${POD_NAME}: $*" >&2
}

# One line for redis-ready.sh and for the log, there only when it changes and every ten seconds.
waiting() {
  now
  if [ "$1" != "$told" ] || [ $((clock - told_at)) -ge 1000 ]; then
    told=$1
    told_at=$clock
    printf 'waiting: %s\n' "$1" >"$WAITING"
    log "waiting: $1"
  fi
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

# is_alive PORT: any answer at all. Needs neither the password nor the right certificates: a Secret that changes must not
# let the kubelet restart all pods at once.
is_alive() {
  unset REDISCLI_AUTH
  case $REDIS_CLI_FLAGS in *--tls*) REDIS_CLI_FLAGS='--tls --insecure' ;; esac
  # shellcheck disable=SC2086 # the flags are several words
  exec "$CLI" -h "$LOCAL_ADDRESS" -p "$1" $REDIS_CLI_FLAGS PING
}

# first_line KEY
first_line() {
  line=''
  [ -s "$ANSWERS/$1" ] && read -r line <"$ANSWERS/$1"
  line=${line%"$CARRIAGE_RETURN"}
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
  # shellcheck disable=SC2086 # the flags are several words
  set -- "$CLI" -h "$LOCAL_ADDRESS" -p "$1" $REDIS_CLI_FLAGS
  "$@" CLIENT LIST 2>/dev/null | sed -n 's/^id=\([0-9]*\) .* name=sentinel-.*/CLIENT KILL ID \1/p' | "$@" >/dev/null 2>&1
  # a copy that is under way would begin again
  "$@" INFO replication 2>/dev/null | grep -q '^slave[0-9]*:.*state=[^o]' || "$@" CLIENT KILL TYPE replica >/dev/null 2>&1
}

# is_refusal LINE: redis-cli goes on without having logged in and prints this where the answer should be, with status 0.
is_refusal() {
  case $1 in NOAUTH* | WRONGPASS* | NOPERM* | 'AUTH failed'*) ;; *) return 1 ;; esac
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

# Reads the answer to INFO from standard input; role stays empty when there was none.
read_info() {
  refusal='' role='' link='' master_host='' loading=0 replicas=0 offset=0 master_offset=0 keys=0 followers='' whole=no priority=100 disk=ok
  while IFS=: read -r field value; do
    value=${value%"$CARRIAGE_RETURN"}
    case $field in
      role) role=$value ;;
      loading) loading=$value ;;
      master_host) master_host=$value ;;
      master_link_status) link=$value ;;
      slave_repl_offset) offset=$value ;;
      master_repl_offset) master_offset=$value ;;
      connected_slaves) replicas=$value ;;
      slave_priority) priority=$value ;;
      aof_last_write_status) disk=$value ;;
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
  refusal='' address='' flags='' epoch=0 runid='' known_replicas=0 known_sentinels=0
  while read -r field && read -r value; do
    case $field in
      ip) address=$value ;;
      flags) flags=$value ;;
      config-epoch) epoch=$value ;;
      runid) runid=$value ;;
      num-slaves) known_replicas=$value ;;
      num-other-sentinels) known_sentinels=$value ;;
      *) if is_refusal "$field"; then refusal=$field; fi ;;
    esac
  done
}
