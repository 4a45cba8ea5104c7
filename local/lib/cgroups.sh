# shellcheck shell=bash
# cgroups v1: one parent per node in every hierarchy, so that a node's kubelet and its pods stay below it.

cg_hierarchies() { awk '$3=="cgroup"{print $2}' /proc/mounts; }

cg_check() {
  local c
  for c in cpu cpuset memory pids devices freezer; do
    awk -v c="$c" '$3=="cgroup" && (","$4",") ~ (","c",") {f=1} END{exit !f}' /proc/mounts && continue
    die "no cgroup v1 hierarchy with the controller '$c' is mounted below /sys/fs/cgroup." \
        "On a machine with cgroup v2 only, or in a container without cgroups, use Docker and kind (local/kind.yaml)"
  done
}

# cpuset.cpus and cpuset.mems start empty and must be filled from the top down, or no process may join
cg_make() { # PATH, below every hierarchy
  local h d part
  for h in $(cg_hierarchies); do
    d=$h
    for part in ${1//\// }; do
      d=$d/$part
      mkdir -p "$d"
      if [ -e "$d/cpuset.cpus" ] && [ -z "$(cat "$d/cpuset.cpus")" ]; then
        cat "$d/../cpuset.cpus" > "$d/cpuset.cpus"
        cat "$d/../cpuset.mems" > "$d/cpuset.mems"
      fi
    done
  done
}

cg_join() { # PATH PID
  local h
  for h in $(cg_hierarchies); do echo "$2" > "$h/$1/cgroup.procs"; done
}

# The kernel takes a moment to empty a group after its last process was killed: try for up to 2 s.
cg_remove() { # PATH
  local h left
  for _ in $(seq 20); do
    left=0
    for h in $(cg_hierarchies) /sys/fs/cgroup/unified; do
      [ -d "$h/$1" ] || continue
      find "$h/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ ! -d "$h/$1" ] || left=1
    done
    [ "$left" = 1 ] || return 0
    sleep 0.1
  done
}
