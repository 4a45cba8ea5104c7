# shellcheck shell=bash
# A worker: namespaces of its own (network, mount, PID, UTS, IPC) with a containerd, a kubelet and a kube-proxy inside.

NODE_FOLDERS="var etc opt mnt srv"   # each node writes to its own copy (overlay) of these
HOST_PATHS=${ROL_HOST_PATHS:-/data}  # ... and has an empty folder of its own at these: hostPath volumes of pods

in_node() { # N COMMAND...
  local i=$1
  shift
  alive "worker$i.init" || die "worker$i is not running"
  nsenter -t "$(pid_of "worker$i.init")" -m -n -p -u -i -- "$@"
}

# node_run N NAME COMMAND...: nsenter -p forks, and the pid that counts is that of its child
node_run() {
  local i=$1 name=worker$1.$2 outer child=''
  shift 2
  alive "$name" && return 0
  ( cg_join "$PREFIX/worker$i/system" "$BASHPID"
    exec setsid nsenter -t "$(pid_of "worker$i.init")" -m -n -p -u -i -- "$@" >> "$LOG/$name.log" 2>&1 </dev/null ) &
  outer=$!
  for _ in $(seq 250); do
    if [ "$(cat "/proc/$outer/comm" 2>/dev/null)" = nsenter ] && child=$(pgrep -P "$outer"); then break; fi
    sleep 0.02
  done
  if [ -z "$child" ] || ! remember "$name" "$child"; then die "$name did not start: $LOG/$name.log"; fi
}

node_init_script() { # N FOLDER: what the node's first process does before it sleeps
  cat <<E
set -e
mount --make-rprivate /
for d in $NODE_FOLDERS; do
  [ ! -d /\$d ] || mount -t overlay overlay -o lowerdir=/\$d,upperdir=$2/overlay/\$d/upper,workdir=$2/overlay/\$d/work /\$d
done
mkdir -p /var/lib/containerd /var/lib/kubelet /var/lib/cni /var/local-path-provisioner
mount --bind $2/containerd /var/lib/containerd
mount --bind $2/kubelet /var/lib/kubelet
mount --bind $2/cni /var/lib/cni
mount --bind $2/log /var/log
mount --bind $2/local-path /var/local-path-provisioner
for d in $HOST_PATHS; do mkdir -p $2/host-path\$d; mount --bind $2/host-path\$d \$d; done
mkdir -p /var/log/pods /var/log/containers
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/containerd /run/netns
hostname worker$1
echo worker$1 > /etc/hostname
printf '127.0.0.1 localhost\n$(worker_ip "$1") worker$1\n' > /etc/hosts
rm -f /etc/resolv.conf
echo 'nameserver $CP_IP' > /etc/resolv.conf
[ -s $2/machine-id ] || tr -d - < /proc/sys/kernel/random/uuid > $2/machine-id
cp $2/machine-id /etc/machine-id
mount --make-rshared /
touch $RUN/worker$1.ready
exec $BIN/pause
E
}

node_folders() { # FOLDER
  local d
  mkdir -p "$1"/{containerd,kubelet,cni,log,local-path,host-path}
  for d in $NODE_FOLDERS; do mkdir -p "$1/overlay/$d"/{upper,work}; done
  for d in $HOST_PATHS; do
    [ -d "$d" ] || { mkdir -p "$d"; echo "$d" >> "$STATE/made-folders"; } # a mount needs a place; `down` removes it
  done
}

node_init() { # N
  local i=$1 folder=$STATE/nodes/worker$1
  alive "worker$i.init" && return 0
  node_forget "$i"
  cg_remove "$PREFIX/worker$i"
  cg_make "$PREFIX/worker$i"
  cg_make "$PREFIX/worker$i/system"
  node_folders "$folder"
  node_init_script "$i" "$folder" > "$RUN/worker$i.init.sh"
  rm -f "$RUN/worker$i.ready"
  ( cg_join "$PREFIX/worker$i/system" "$BASHPID"
    exec setsid nsenter --net="/run/netns/$PREFIX-worker$i" -- unshare -m -p -u -i -f --kill-child --mount-proc \
      bash "$RUN/worker$i.init.sh" >> "$LOG/worker$i.init.log" 2>&1 </dev/null ) &
  local outer=$!
  wait_for 10 test -e "$RUN/worker$i.ready" || die "worker$i did not start: $(tail -n 5 "$LOG/worker$i.init.log")"
  remember "worker$i.init" "$(pgrep -P "$outer")"
}

node_containerd() { # N
  local i=$1 conf=$RUN/worker$1
  mkdir -p "$conf.cni"
  cat > "$conf.cni/10-bridge.conflist" <<J
{"cniVersion":"0.4.0","name":"bridge","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"isDefaultGateway":true,"ipMasq":false,"hairpinMode":true,
  "ipam":{"type":"host-local","dataDir":"/var/lib/cni/networks","ranges":[[{"subnet":"10.244.$i.0/24"}]]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
J
  # restrict_oom_score_adj: this process may lack CAP_SYS_RESOURCE; hugetlb: that controller may be missing
  cat > "$conf.containerd.toml" <<T
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$conf.cni"
T
  node_run "$i" containerd containerd --config "$conf.containerd.toml" --log-level warn
}

containerd_answers() { in_node "$1" ctr version; }

# cgroupRoot must exist in every hierarchy. Swap may be on. The thresholds are off: images are local and could not be
# pulled again, and the "disk" of every node is the machine's.
node_kubelet() { # N
  local i=$1
  cat > "$RUN/worker$i.kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {x509: {clientCAFile: $PKI/ca.crt}, webhook: {enabled: true}, anonymous: {enabled: false}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
# a changed Secret or ConfigMap is in the pods within seconds, not within a minute and a half: the tests wait for it
syncFrequency: 10s
cgroupRoot: /$PREFIX/worker$i
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
failCgroupV1: false
failSwapOn: false
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: /etc/resolv.conf
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
oomScoreAdj: 0
healthzBindAddress: 127.0.0.1
rotateCertificates: false
Y
  node_run "$i" kubelet "$BIN/kubelet" --config "$RUN/worker$i.kubelet.yaml" --v 1 \
    --kubeconfig "$PKI/worker$i.kubeconfig" --hostname-override "worker$i" --node-ip "$(worker_ip "$i")" \
    --root-dir /var/lib/kubelet --cert-dir /var/lib/kubelet/pki \
    --runtime-cgroups "/$PREFIX/worker$i/system" --kubelet-cgroups "/$PREFIX/worker$i/system"
}

node_kube_proxy() { # N
  proxy_config "$RUN/worker$1.kube-proxy.yaml" "worker$1" "$(worker_ip "$1")"
  node_run "$1" kube-proxy "$BIN/kube-proxy" --config "$RUN/worker$1.kube-proxy.yaml"
}

node_forget() { forget "worker$1."{init,containerd,kubelet,kube-proxy}; }

# The first process of a PID namespace takes every other one with it: pods, shims, containerd, kubelet.
node_stop() { # N
  stop "worker$1.init" KILL
  node_forget "$1"
  cg_remove "$PREFIX/worker$1"
}

node_load() { # N ARCHIVE; once per node, again when the archive is newer
  local stamp
  stamp=$STATE/nodes/worker$1/loaded-$(basename "$2" .tar)
  [ ! -e "$stamp" ] || [ "$2" -nt "$stamp" ] || return 0
  in_node "$1" ctr -n k8s.io images import --snapshotter overlayfs "$2" >> "$LOG/worker$1.images.log" 2>&1 ||
    die "loading $2 on worker$1: $(tail -n 3 "$LOG/worker$1.images.log")"
  touch "$stamp"
}
