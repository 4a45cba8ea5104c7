# shellcheck shell=bash
# One certificate authority, one certificate and kubeconfig per component. They are kept by `down --keep-images`.

APISERVER_NAMES="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
APISERVER_NAMES+=",DNS:localhost,IP:10.96.0.1,IP:$CP_IP,IP:127.0.0.1"

cert() { # NAME COMMON_NAME [ORGANIZATION] [ALTERNATIVE_NAMES]
  local subject="/CN=$2"
  [ ! -s "$PKI/$1.crt" ] || return 0
  [ -z "${3:-}" ] || subject="/O=$3/CN=$2"
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$1.key"
  {
    printf 'keyUsage=digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n'
    [ -z "${4:-}" ] || echo "subjectAltName=$4"
  } > "$PKI/$1.ext"
  openssl req -new -key "$PKI/$1.key" -subj "$subject" 2>/dev/null |
    openssl x509 -req -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -CAcreateserial -days 3650 \
      -out "$PKI/$1.crt" -extfile "$PKI/$1.ext" 2>/dev/null
}

kubeconfig() { # NAME FILE; a present one is left alone, running components read it
  [ ! -s "$2" ] || return 0
  ( umask 077; cat > "$2" ) <<Y
apiVersion: v1
kind: Config
clusters:
- name: redis-operator-local
  cluster: {server: "https://$CP_IP:6443", certificate-authority-data: $(base64 -w0 < "$PKI/ca.crt")}
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 < "$PKI/$1.crt")
    client-key-data: $(base64 -w0 < "$PKI/$1.key")
contexts:
- {name: redis-operator-local, context: {cluster: redis-operator-local, user: $1}}
current-context: redis-operator-local
Y
}

pki() {
  local i name
  mkdir -p "$PKI"
  chmod 700 "$PKI"
  if [ ! -s "$PKI/ca.crt" ]; then
    openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/ca.key"
    openssl req -x509 -new -key "$PKI/ca.key" -subj /CN=redis-operator-local-ca -days 3650 -out "$PKI/ca.crt"
  fi
  if [ ! -s "$PKI/sa.pub" ]; then
    openssl genrsa -out "$PKI/sa.key" 2048 2>/dev/null
    openssl rsa -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub" 2>/dev/null
  fi
  cert apiserver kube-apiserver "" "$APISERVER_NAMES"
  cert apiserver-kubelet kube-apiserver-kubelet-client system:masters
  cert front-proxy front-proxy-client
  cert admin kubernetes-admin system:masters
  cert kube-controller-manager system:kube-controller-manager
  cert kube-scheduler system:kube-scheduler
  cert kube-proxy system:kube-proxy
  cert coredns coredns
  cert local-path-provisioner local-path-provisioner
  for i in $(workers); do cert "worker$i" "system:node:worker$i" system:nodes; done
  for name in kube-controller-manager kube-scheduler kube-proxy coredns local-path-provisioner; do
    kubeconfig "$name" "$PKI/$name.kubeconfig"
  done
  for i in $(workers); do kubeconfig "worker$i" "$PKI/worker$i.kubeconfig"; done
  kubeconfig admin "$KUBECONFIG_FILE"
}
