# shellcheck shell=bash
# A bridge inside the control plane's network namespace joins it, the workers and the machine's root namespace.
# No namespace has an uplink: nothing in the cluster can reach, or be reached from, anything outside this machine.

worker_ip() { echo "10.89.0.$((10 + $1))"; }

netns() { nsenter --net="/run/netns/$PREFIX-$1" -- "${@:2}"; } # not `ip netns exec`: it remounts /sys and hides the cgroups

netns_make() { # NAME
  if ! netns "$1" true 2>/dev/null; then
    rm -f "/run/netns/$PREFIX-$1" # a file without its mount: left over from another mount namespace
    ip netns add "$PREFIX-$1"
  fi
  netns "$1" ip link set lo up
  netns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
    net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
}

# link NAME IP: a veth pair, v-NAME on the bridge, eth0 in the namespace; "root" is the machine's own namespace
link() {
  local name=$1 dev=eth0 inside=(netns "$1")
  if [ "$name" = root ]; then dev=$PREFIX-root inside=(env); fi
  if ! { netns cp ip link show "v-$name" && "${inside[@]}" ip link show "$dev"; } >/dev/null 2>&1; then
    # half a pair is of no use: an interface goes with its peer
    netns cp ip link del "v-$name" 2>/dev/null || true
    "${inside[@]}" ip link del "$dev" 2>/dev/null || true
    ip link del "$PREFIX-tmp" 2>/dev/null || true
    ip link add "$PREFIX-tmp" type veth peer name "v-$name" netns "$PREFIX-cp"
    if [ "$name" = root ]; then
      ip link set "$PREFIX-tmp" name "$dev"
    else
      ip link set "$PREFIX-tmp" netns "$PREFIX-$name" name "$dev"
    fi
    netns cp ip link set "v-$name" master br0 up
  fi
  "${inside[@]}" ip addr replace "$2/24" dev "$dev"
  "${inside[@]}" ip link set "$dev" up
}

network_worker() { # N
  local i=$1 j
  netns_make "worker$i"
  link "worker$i" "$(worker_ip "$i")"
  netns "worker$i" ip route replace "$SERVICE_CIDR" dev eth0
  netns cp ip route replace "10.244.$i.0/24" via "$(worker_ip "$i")"
  # Straight to the worker, not through the control plane: that would see half of a pod's connection,
  # and kube-proxy's rules there drop what conntrack calls INVALID.
  ip route replace "10.244.$i.0/24" via "$(worker_ip "$i")" dev "$PREFIX-root"
  for j in $(workers); do
    [ "$j" = "$i" ] || netns "worker$i" ip route replace "10.244.$j.0/24" via "$(worker_ip "$j")"
  done
}

network_up() {
  local i range
  # Nothing for these ranges may leave by the machine's default route, cluster up or not: these routes stay after `down`.
  for range in 10.89.0.0/24 "$SERVICE_CIDR" "$POD_CIDR"; do ip route replace unreachable "$range" metric 4000; done
  netns_make cp
  netns cp sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 \
    net.bridge.bridge-nf-call-arptables=0
  netns cp ip link show br0 >/dev/null 2>&1 || netns cp ip link add br0 type bridge forward_delay 0
  netns cp ip addr replace "$CP_IP/24" dev br0
  netns cp ip link set br0 up
  link root "$ROOT_IP"
  ip route replace "$SERVICE_CIDR" via "$CP_IP" dev "$PREFIX-root"
  netns cp ip route replace "$SERVICE_CIDR" dev br0
  for i in $(workers); do network_worker "$i"; done
}

network_down() {
  local file
  for file in "/run/netns/$PREFIX"-*; do
    [ ! -e "$file" ] || ip netns del "$(basename "$file")" 2>/dev/null || rm -f "$file"
  done
  ip link del "$PREFIX-root" 2>/dev/null || true
}
