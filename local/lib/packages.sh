# shellcheck shell=bash
# Debian packages: only what is missing is installed, by apt-get.

PACKAGES="containerd runc containernetworking-plugins iptables nftables conntrack socat ethtool kmod iproute2 openssl
  procps util-linux buildah netavark debootstrap gcc libc6-dev jq curl iputils-ping redis-tools
  redis-server busybox shellcheck lua5.1 spin"

missing_packages() {
  local p
  for p in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
  done
}

install_packages() {
  local missing policy=/usr/sbin/policy-rc.d made=''
  command -v apt-get dpkg-query >/dev/null ||
    die "the local cluster is made of Debian packages (containerd, runc, buildah, ...), and there is no apt-get here." \
        "Use Docker and kind instead: local/kind.yaml"
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  need_root "installing Debian packages ($missing)"
  run_logged "apt-get update" "$LOG/apt-update.log" apt-get -q update
  # Their services (containerd, redis) are not wanted on this machine: forbid their start for the time of the installation.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    made=yes
  fi
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive run_logged "apt-get install $missing" "$LOG/apt-install.log" \
    apt-get -q install -y --no-install-recommends $missing
  [ -z "$made" ] || rm -f "$policy"
}

# The alerts' tests need promtool. Its package would bring a service on port 9090 and a web page's libraries: only the program is taken.
install_promtool() {
  ! command -v promtool >/dev/null || return 0
  say "promtool ..."
  mkdir -p "$BIN" "$LOG"
  unpack_promtool > "$LOG/promtool.log" 2>&1 || say "no promtool, so the alerts are not tested; the log: $LOG/promtool.log"
}

unpack_promtool() {
  local dir
  dir=$(mktemp -d "$HOME_DIR/promtool.XXXXXX") || return
  ( cd "$dir" && { apt-get -q download prometheus || { apt-get -q update && apt-get -q download prometheus; }; } ) &&
    dpkg-deb --fsys-tarfile "$dir"/prometheus_*.deb | tar -x -C "$dir" ./usr/bin/promtool &&
    mv -f "$dir/usr/bin/promtool" "$BIN/promtool"
  set -- $?
  rm -rf "$dir"
  return "$1"
}
