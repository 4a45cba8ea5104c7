# shellcheck shell=bash
# Static binaries from the Go modules in local/go, one folder each: go.mod and go.sum pin every version.
# A binary is built again when its folder, its flags or Go itself change (the key beside it says from what it was built).

BINARIES="kube-apiserver kubelet kube-controller-manager kube-proxy kube-scheduler kubectl etcd coredns local-path-provisioner"

module_of() { # BINARY -> FOLDER PACKAGE
  case $1 in
    kube*) echo "kubernetes k8s.io/kubernetes/cmd/$1" ;;
    etcd | coredns) echo "$1 ." ;;
    local-path-provisioner) echo "$1 github.com/rancher/local-path-provisioner" ;;
    *) die "unknown binary '$1'; there are: $BINARIES" ;;
  esac
}

go_flags() { # BINARY: what Kubernetes says its version is; a client that asks for it parses it
  local flags="-s -w" p
  if [ "${1#kube}" != "$1" ]; then
    for p in component-base client-go; do
      flags+=" -X k8s.io/$p/version.gitVersion=v$KUBERNETES_VERSION -X k8s.io/$p/version.gitMajor=1"
      flags+=" -X k8s.io/$p/version.gitMinor=$(echo "$KUBERNETES_VERSION" | cut -d. -f2) -X k8s.io/$p/version.gitTreeState=clean"
    done
  fi
  echo "$flags"
}

go_version() { command -v go >/dev/null && go env GOVERSION 2>/dev/null; }

key_of() { # BINARY FOLDER
  { go_version; go_flags "$1"; cd "$HERE/go/$2" && cat go.mod go.sum ./*.go; } | sha256sum | cut -d' ' -f1
}

check_go() {
  local have
  have=$(go_version) || have=go0
  [ "$(printf 'go1.26\n%s\n' "$have" | sort -V | head -n 1)" = go1.26 ] ||
    die "Go 1.26 or newer is needed to build Kubernetes, and go must be in PATH; found: ${have/%go0/none}"
}

build_binary() { # BINARY FOLDER PACKAGE
  cd "$HERE/go/$2" || return
  export CGO_ENABLED=0 GOFLAGS='-mod=readonly -buildvcs=false' GOTOOLCHAIN=local
  go build -trimpath -ldflags "$(go_flags "$1")" -o "$BIN/$1.new" "$3"
  mv -f "$BIN/$1.new" "$BIN/$1"
}

build_binaries() { # [BINARY...]
  local name folder package key todo=0
  [ $# -gt 0 ] || { local all; read -ra all <<< "$BINARIES"; set -- "${all[@]}"; }
  mkdir -p "$BIN"
  for name in "$@"; do
    read -r folder package <<< "$(module_of "$name")"
    [ -n "$folder" ] || exit 1
    key=$(key_of "$name" "$folder")
    [ ! -x "$BIN/$name" ] || [ "$(cat "$BIN/.$name.key" 2>/dev/null)" != "$key" ] || continue
    if [ "$todo" = 0 ]; then
      check_go
      check_disk 6
      say "building what is missing; the first time takes about 10 minutes on 2 cores (kube-apiserver most of it)"
      todo=1
    fi
    run_logged "build $name" "$LOG/build-$name.log" build_binary "$name" "$folder" "$package"
    echo "$key" > "$BIN/.$name.key"
  done
}

# The first process of every pod and of every node: it sleeps and reaps orphans.
build_pause() {
  [ ! -x "$BIN/pause" ] || [ "$HERE/lib/pause.c" -nt "$BIN/pause" ] || return 0
  mkdir -p "$BIN"
  gcc -Os -static -s -o "$BIN/pause.new" "$HERE/lib/pause.c"
  mv -f "$BIN/pause.new" "$BIN/pause"
}
