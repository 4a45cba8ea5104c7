# shellcheck shell=sh
# Sourced by every other script here: the server of this pod and the passwords. Runs in dash and in busybox ash; writes nowhere but in
# DATA_DIR.
# shellcheck disable=SC2034 # most variables are for the scripts that source this file

CONFIG_DIR=${CONFIG_DIR:-/config}
DATA_DIR=${DATA_DIR:-/data}
AUTH_DIR=${AUTH_DIR:-/auth}
# Not the announced address: a pod that calls its own Service needs hairpin traffic, which not every network has.
LOCAL_ADDRESS=${LOCAL_ADDRESS:-127.0.0.1}
WAITING=$DATA_DIR/.waiting
# the output of a check that passes is shown nowhere, that of PID 1 is the pod's log
HOOK_LOG=${HOOK_LOG:-/proc/1/fd/2}
REDIS_CLI_FLAGS=${REDIS_CLI_FLAGS:-}
told=''

# redis-server or redis-cli; valkey's own packages have no redis-* names
program() {
  if command -v "redis-$1" >/dev/null 2>&1; then echo "redis-$1"; else echo "valkey-$1"; fi
}
CLI=$(program cli)

log() {
  echo "${0##*/} ${POD_NAME}: $*" >&2
}

# say WORD...: into the pod's log, from a script that the kubelet runs
say() {
  { echo "${0##*/} $POD_NAME: $*" >>"$HOOK_LOG"; } 2>/dev/null || log "$*"
}

# Hundredths of a second since boot: a clock that costs no process and that nobody sets back.
now() {
  read -r uptime _ </proc/uptime
  clock=${uptime%.*}${uptime#*.}
}

# One line for the readiness script and for the log, there only when it changes and every ten seconds.
waiting() {
  now
  if [ "$1" != "$told" ] || [ $((clock - told_at)) -ge 1000 ]; then
    told=$1
    told_at=$clock
    printf 'waiting: %s\n' "$1" >"$WAITING"
    log "waiting: $1"
  fi
}

# The first act of a start. Its last one, when all notes are of the new server, is to remove the file: a check in between would judge by the
# notes of the former server, and might end the new one.
begin_start() {
  echo 'waiting: starts' >"$WAITING"
}

refuse() {
  echo "$1"
  exit 1
}

refuse_while_waiting() {
  if [ -e "$WAITING" ]; then
    read -r reason <"$WAITING"
    refuse "$reason"
  fi
}

# local_cli PORT COMMAND...: without a command it reads commands from standard input
local_cli() {
  local_port=$1
  shift
  # shellcheck disable=SC2086 # the flags are several words
  "$CLI" -h "$LOCAL_ADDRESS" -p "$local_port" $REDIS_CLI_FLAGS "$@" 2>/dev/null
}

# is_alive PORT: any answer at all. Needs neither the password nor the right certificates: a Secret that changes must not
# let the kubelet restart all pods at once.
is_alive() {
  unset REDISCLI_AUTH
  REDIS_CLI_FLAGS=${REDIS_CLI_FLAGS% --user default}
  blindly local_cli "$1" PING
}

# blindly COMMAND...: whatever certificate this pod's own server shows
blindly() {
  flags=$REDIS_CLI_FLAGS
  REDIS_CLI_FLAGS=$(echo "$REDIS_CLI_FLAGS" | sed 's/--cacert [^ ]*/--insecure/')
  "$@"
  status=$?
  REDIS_CLI_FLAGS=$flags
  return "$status"
}

# is_refusal LINE: redis-cli goes on without having logged in and prints this where the answer should be, with status 0.
is_refusal() {
  case $1 in NOAUTH* | WRONGPASS* | NOPERM* | 'AUTH failed'*) ;; *) return 1 ;; esac
}
