# shellcheck shell=bash
# Processes that outlive the script: NAME.pid has the process id, NAME.stamp tells that it is still the same process.
# After a reboot, or when everything was killed, an old id may belong to a stranger; the stamp (start time and boot) tells.

# stamp_of PID: the 22nd field of stat is the start time; the command's name before it may hold spaces and brackets
stamp_of() {
  local stat boot
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  boot=$(cat /proc/sys/kernel/random/boot_id)
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  echo "${20} $boot"
}

remember() { # NAME PID
  stamp_of "$2" > "$RUN/$1.stamp" || return 1
  echo "$2" > "$RUN/$1.pid"
}

forget() { # NAME...
  local n
  for n in "$@"; do rm -f "$RUN/$n.pid" "$RUN/$n.stamp"; done
}

pid_of() { cat "$RUN/$1.pid" 2>/dev/null; }

# A killed orphan may stay a zombie for seconds where pid 1 reaps slowly, and kill -0 finds zombies.
alive() { # NAME
  local pid
  pid=$(pid_of "$1") && [ -n "$pid" ] || return 1
  [ "$(stamp_of "$pid")" = "$(cat "$RUN/$1.stamp" 2>/dev/null)" ] || return 1
  ! grep -q '^State:.[ZX]' "/proc/$pid/status" 2>/dev/null
}

# stop NAME [SIGNAL]: end this one process, wait up to 5 s for it, then KILL
stop() {
  local pid
  if alive "$1"; then
    pid=$(pid_of "$1")
    kill -"${2:-TERM}" "$pid" 2>/dev/null || true
    for _ in $(seq 250); do alive "$1" || break; sleep 0.02; done
    if alive "$1"; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  forget "$1"
}

# names of every process that was started and not stopped
known() { find "$RUN" -maxdepth 1 -name '*.pid' -printf '%f\n' 2>/dev/null | sed 's/\.pid$//' | sort; }

# wait_for SECONDS COMMAND...
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}
