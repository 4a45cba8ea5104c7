# shellcheck shell=bash
# What runs, what it says and what it costs.

status() {
  local name state dead=0
  [ -n "$(known)" ] || { echo "no cluster: local/cluster up makes one"; exit 3; }
  printf '%-28s %9s %-6s %8s\n' PART PID STATE RSS_MIB
  for name in $(known); do
    state=up
    alive "$name" || { state=DEAD; dead=1; }
    printf '%-28s %9s %-6s %8s\n' "$name" "$(pid_of "$name")" "$state" "$(rss_of "$name")"
  done
  echo
  timeout 10 kubectl --kubeconfig "$KUBECONFIG_FILE" get nodes -o wide || dead=1
  return $dead
}

rss_of() { awk '/^VmRSS/{print int($2/1024)}' "/proc/$(pid_of "$1")/status" 2>/dev/null || true; }

logs() { # [NAME [LINES]]
  if [ $# = 0 ]; then
    find "$LOG" -name '*.log' -printf '%f %k KiB\n' 2>/dev/null | sed 's/\.log / /' | sort | column -t
  else
    [ -e "$LOG/$1.log" ] || die "no log of '$1'; local/cluster logs lists them"
    tail -n "${2:-100}" "$LOG/$1.log"
  fi
}

ticks_of() { # NAME: CPU time used so far, in clock ticks
  local stat
  stat=$(cat "/proc/$(pid_of "$1")/stat" 2>/dev/null) || return 0
  echo "${stat##*) }" | awk '{print $12 + $13}'
}

machine_ticks() { awk '/^cpu /{print $2+$3+$4+$7+$8+$9, $5+$6}' /proc/stat; }

idle() { # SECONDS
  local name before machine after hz
  declare -A before
  hz=$(getconf CLK_TCK)
  case $1 in ''|0|*[!0-9]*) die "idle needs a number of seconds" ;; esac
  machine=$(machine_ticks)
  for name in $(known); do before[$name]=$(ticks_of "$name"); done
  sleep "$1"
  printf '%-28s %18s %8s\n' PART 'CPU % OF ONE CORE' RSS_MIB
  for name in $(known); do
    after=$(ticks_of "$name")
    if [ -z "$after" ] || [ -z "${before[$name]:-}" ]; then continue; fi
    awk -v n="$name" -v t="$((after - before[$name]))" -v s="$1" -v hz="$hz" -v rss="$(rss_of "$name")" \
      'BEGIN{printf "%-28s %18.2f %8d\n", n, t * 100 / hz / s, rss}'
  done
  echo "$machine $(machine_ticks)" |
    awk -v c="$(nproc)" '{b=$3-$1; i=$4-$2; printf "the whole machine: busy %.1f %% of %d cores\n", 100*b/(b+i), c}'
}
