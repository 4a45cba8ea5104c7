# shellcheck shell=bash disable=SC2034
# Names, folders and small helpers that every script in local/ shares (SC2034: they are used by the other files).

# One folder holds everything: binaries, images, the cluster's state, the kubeconfig.
HOME_DIR=${REDIS_OPERATOR_LOCAL:-${XDG_CACHE_HOME:-$HOME/.cache}/redis-operator-local}
BIN=$HOME_DIR/bin
IMAGES=$HOME_DIR/images
STATE=$HOME_DIR/state
BUILD=$HOME_DIR/build
LOG=$HOME_DIR/log
RUN=$STATE/run
PKI=$STATE/pki
KUBECONFIG_FILE=$HOME_DIR/kubeconfig
export PATH=$BIN:$PATH:/usr/local/sbin:/usr/sbin:/sbin

KUBERNETES_VERSION=1.34.4
PREFIX=rol                   # of network namespaces, links and cgroups
ROOT_IP=10.89.0.1            # the machine itself, where tests and clients run
CP_IP=10.89.0.2              # the control plane; also written in addons.yaml
SERVICE_CIDR=10.96.0.0/16
POD_CIDR=10.244.0.0/16       # worker N has 10.244.N.0/24
DNS_IP=10.96.0.10

BOLD='' RED='' GREEN='' RESET=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' RESET=$'\e[0m'; fi

since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN{printf "%.1f", b-a}'; }
START=$EPOCHREALTIME
say() { printf '%s[%6.1f s]%s %s\n' "$BOLD" "$(since "$START")" "$RESET" "$*"; }
die() { printf '%serror:%s %s\n' "$RED" "$RESET" "$*" >&2; exit 1; }

# run_logged LABEL LOG COMMAND...: one line at the start, one a minute, one with the seconds at the end;
# the command's own output goes to LOG, whose tail is shown when it fails.
run_logged() {
  local label=$1 log=$2 t=$EPOCHREALTIME beat rc=0
  shift 2
  mkdir -p "$(dirname "$log")"
  say "$label ..."
  ( while sleep 60; do say "$label: still at it after $(since "$t") s"; done ) 2>/dev/null &
  beat=$!
  ( set -e; "$@" ) > "$log" 2>&1 </dev/null &
  wait $! || rc=$?
  # the sleep inside is a process of its own: left alone it would hold our output open for up to a minute
  # shellcheck disable=SC2046
  kill "$beat" $(pgrep -P "$beat") 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  if [ "$rc" != 0 ]; then
    tail -n 20 "$log" >&2
    die "$label failed after $(since "$t") s; the whole log: $log"
  fi
  say "$label: ${GREEN}done${RESET} in $(since "$t") s"
}

need_root() { [ "$(id -u)" = 0 ] || die "$1 needs root (network namespaces, mounts, cgroups); run it with sudo -E"; }

# Each node hides these behind folders of its own, so what a node must see may not lie there.
check_home() {
  case "$HOME_DIR/" in
    /var/*|/etc/*|/opt/*|/mnt/*|/srv/*|/data/*|/run/*|/proc/*|/sys/*|/dev/*)
      die "the folder $HOME_DIR may not lie under /var, /etc, /opt, /mnt, /srv, /data, /run, /proc, /sys or /dev;" \
          "set REDIS_OPERATOR_LOCAL to another folder" ;;
    /*) ;;
    *) die "REDIS_OPERATOR_LOCAL must be an absolute path, not $HOME_DIR" ;;
  esac
}

# check_disk GIB: fail early and in words, rather than in the middle of a link step
check_disk() {
  local free
  mkdir -p "$HOME_DIR"
  free=$(df -Pm "$HOME_DIR" | awk 'NR==2{print int($4/1024)}')
  [ "$free" -ge "$1" ] || die "about $1 GiB are needed under $HOME_DIR (and in Go's caches), $free GiB are free"
}

# with_lock NAME SCRIPT ARGS...: one at a time on this machine; -o keeps the lock out of the daemons that are started.
with_lock() {
  local name=$1 file=/run/lock/redis-operator-local.$1.lock rc=0
  shift
  mkdir -p /run/lock
  flock -n -o -E 75 "$file" env ROL_LOCKED="$name" "$@" || rc=$?
  if [ "$rc" = 75 ]; then
    say "another run holds $file; waiting for it (up to 30 minutes)"
    rc=0
    flock -w 1800 -o -E 75 "$file" env ROL_LOCKED="$name" "$@" || rc=$?
    [ "$rc" != 75 ] || die "gave up waiting for $file"
  fi
  exit "$rc"
}
