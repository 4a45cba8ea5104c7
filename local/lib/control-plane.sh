# shellcheck shell=bash
# The control plane: plain processes of the machine in the network namespace "cp".

CP_PARTS="etcd kube-apiserver kube-controller-manager kube-scheduler cp-kube-proxy coredns local-path-provisioner"

cp_run() { # NAME COMMAND...
  local name=$1
  shift
  alive "$name" && return 0
  setsid nsenter --net="/run/netns/$PREFIX-cp" -- "$@" >> "$LOG/$name.log" 2>&1 </dev/null &
  remember "$name" $!
}

cp_etcd() {
  mkdir -p "$STATE/etcd"
  cp_run etcd "$BIN/etcd" --name cp --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster cp=http://127.0.0.1:2380
}

cp_kube_apiserver() {
  cp_run kube-apiserver "$BIN/kube-apiserver" --etcd-servers http://127.0.0.1:2379 \
    --bind-address 0.0.0.0 --advertise-address "$CP_IP" --secure-port 6443 --allow-privileged \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --service-cluster-ip-range "$SERVICE_CIDR" \
    --client-ca-file "$PKI/ca.crt" --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
    --kubelet-client-certificate "$PKI/apiserver-kubelet.crt" --kubelet-client-key "$PKI/apiserver-kubelet.key" \
    --kubelet-preferred-address-types InternalIP \
    --requestheader-client-ca-file "$PKI/ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-extra-headers-prefix X-Remote-Extra- --requestheader-group-headers X-Remote-Group \
    --requestheader-username-headers X-Remote-User \
    --proxy-client-cert-file "$PKI/front-proxy.crt" --proxy-client-key-file "$PKI/front-proxy.key" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$PKI/sa.pub" --service-account-signing-key-file "$PKI/sa.key" \
    --audit-policy-file "$HERE/audit-policy.yaml" --audit-log-path "$LOG/audit.log" --audit-log-maxsize 50 --audit-log-maxbackup 1
}

# allocate-node-cidrs=false: the CNI configuration of each worker fixes its range
cp_kube_controller_manager() {
  local conf=$PKI/kube-controller-manager.kubeconfig
  cp_run kube-controller-manager "$BIN/kube-controller-manager" --bind-address 127.0.0.1 --leader-elect=false \
    --kubeconfig "$conf" --authentication-kubeconfig "$conf" --authorization-kubeconfig "$conf" \
    --use-service-account-credentials --service-account-private-key-file "$PKI/sa.key" --root-ca-file "$PKI/ca.crt" \
    --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
    --allocate-node-cidrs=false --cluster-cidr "$POD_CIDR" --service-cluster-ip-range "$SERVICE_CIDR"
}

cp_kube_scheduler() {
  local conf=$PKI/kube-scheduler.kubeconfig
  cp_run kube-scheduler "$BIN/kube-scheduler" --bind-address 127.0.0.1 --leader-elect=false \
    --kubeconfig "$conf" --authentication-kubeconfig "$conf" --authorization-kubeconfig "$conf"
}

# kube-proxy exits when its configuration file is written to: a present one is left alone.
# The conntrack values are 0 (leave alone) because they cannot be written in a network namespace.
proxy_config() { # FILE HOSTNAME IP
  [ -s "$1" ] || cat > "$1" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
iptables: {minSyncPeriod: ${ROL_PROXY_MIN_SYNC:-1s}}
hostnameOverride: $2
bindAddress: $3
clientConnection: {kubeconfig: $PKI/kube-proxy.kubeconfig}
clusterCIDR: $POD_CIDR
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
oomScoreAdj: 0
Y
}

# Service addresses for the control plane's processes and, routed through here, for the machine's root namespace.
# A mount namespace with its own /run keeps its iptables lock apart from the machine's.
cp_cp_kube_proxy() {
  proxy_config "$RUN/cp-kube-proxy.yaml" worker1 "$CP_IP"
  # shellcheck disable=SC2016 # the inner shell expands them
  cp_run cp-kube-proxy unshare -m --propagation private \
    sh -c 'mount -t tmpfs tmpfs /run; exec "$0" --config "$1"' "$BIN/kube-proxy" "$RUN/cp-kube-proxy.yaml"
}

# The server block for "." answers NXDOMAIN to what is outside the cluster; as `template` comes before `kubernetes`
# in the chain, it cannot stand in the same block.
cp_coredns() {
  cat > "$RUN/Corefile" <<C
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    bind $CP_IP
    errors
    health 127.0.0.1:8080
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       kubeconfig $PKI/coredns.kubeconfig redis-operator-local
       pods insecure
       ttl 30
    }
    cache 30
    loadbalance
}
.:53 {
    bind $CP_IP
    template ANY ANY . {
       rcode NXDOMAIN
    }
}
C
  cp_run coredns "$BIN/coredns" -conf "$RUN/Corefile"
}

cp_local_path_provisioner() {
  cat > "$RUN/local-path.json" <<J
{"nodePathMap":[{"node":"DEFAULT_PATH_FOR_NON_LISTED_NODES","paths":["/var/local-path-provisioner"]}]}
J
  cat > "$RUN/local-path-helper.yaml" <<Y
apiVersion: v1
kind: Pod
metadata: {name: helper-pod}
spec: {containers: [{name: helper-pod, image: "docker.io/library/busybox:stable", imagePullPolicy: IfNotPresent}]}
Y
  cp_run local-path-provisioner env POD_NAMESPACE=local-path-storage "$BIN/local-path-provisioner" start \
    --kubeconfig "$PKI/local-path-provisioner.kubeconfig" --config "$RUN/local-path.json" \
    --provisioner-name rancher.io/local-path --namespace local-path-storage \
    --helper-image docker.io/library/busybox:stable --helper-pod-file "$RUN/local-path-helper.yaml" \
    --configmap-name local-path-config --service-account-name local-path-provisioner-service-account
}

cp_start() { # PART
  case " $CP_PARTS " in *" $1 "*) ;; *) die "unknown part '$1' of the control plane; there are: $CP_PARTS" ;; esac
  "cp_${1//-/_}"
}
