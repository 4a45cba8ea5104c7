# shellcheck shell=bash
# How each image is made: from Debian and npm packages, as no registry of images is asked.

NODE_VERSION=24.21.0
NPM_VERSION=11.21.2

tag_of() { # IMAGE
  case $1 in
    pause) echo registry.k8s.io/pause:3.10 ;;
    busybox) echo docker.io/library/busybox:stable ;;
    redis) echo docker.io/library/redis:7.0 ;;
    redis-exporter) echo docker.io/oliver006/redis_exporter:v1.50.0 ;;
    base) echo localhost/debian:bookworm ;;
    node) echo docker.io/library/node:24-bookworm-slim ;;
    *) die "unknown image '$1'; there are: pause busybox redis redis-exporter node" ;;
  esac
}

# fetch FOLDER PACKAGE...: downloads and leaves the .deb files there; apt's own user must be able to write
fetch() {
  local folder=$1
  shift
  rm -rf "$folder"
  mkdir -p "$folder"
  chmod 777 "$folder"
  ( cd "$folder" && apt-get -q download "$@" )
}

# commit CONTAINER IMAGE
commit() { bh commit "${POLICY[@]}" -q --rm "$1" "$(tag_of "$2")"; }

image_pause() {
  local c
  c=$(bh from "${POLICY[@]}" scratch)
  bh add -q "$c" "$BIN/pause" /pause
  bh config --entrypoint '["/pause"]' --user 65535:65535 "$c"
  commit "$c" pause
}

image_busybox() {
  local c name
  fetch "$WORK/busybox-deb" busybox-static
  rm -rf "$WORK/busybox"
  mkdir -p "$WORK/busybox"/{bin,tmp,etc}
  chmod 1777 "$WORK/busybox/tmp"
  dpkg-deb --fsys-tarfile "$WORK"/busybox-deb/*.deb | tar -xO ./bin/busybox > "$WORK/busybox/bin/busybox"
  chmod 755 "$WORK/busybox/bin/busybox"
  for name in $("$WORK/busybox/bin/busybox" --list | grep -vx busybox); do ln -sf busybox "$WORK/busybox/bin/$name"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$WORK/busybox/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' > "$WORK/busybox/etc/group"
  c=$(bh from "${POLICY[@]}" scratch)
  bh add -q "$c" "$WORK/busybox" /
  bh config --cmd sh --env PATH=/bin "$c"
  commit "$c" busybox
}

# The smallest Debian 12, from the mirror that this machine's own apt uses.
image_base() {
  local c mirror
  mirror=$(apt-get indextargets --format "\$(REPO_URI)" | head -n 1)
  rm -rf "$WORK/base"
  debootstrap --variant=minbase bookworm "$WORK/base" "$mirror"
  rm -rf "$WORK"/base/var/cache/apt/archives/*.deb "$WORK"/base/var/lib/apt/lists/* \
    "$WORK"/base/usr/share/{doc,man,locale}/* "$WORK"/base/dev/* "$WORK"/base/etc/apt/sources.list
  c=$(bh from "${POLICY[@]}" scratch)
  bh add -q "$c" "$WORK/base" /
  bh config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$c"
  commit "$c" base
  rm -rf "$WORK/base"
}

image_redis() {
  local c m name
  c=$(bh from "${POLICY[@]}" --pull-never "$(tag_of base)")
  m=$(bh mount "$c")
  fetch "$WORK/redis-deb" redis-server redis-tools libjemalloc2 liblua5.1-0 liblzf1 lua-bitop lua-cjson libatomic1 \
    libssl3 libsystemd0
  cp -r "$WORK/redis-deb" "$m/debs"
  chroot "$m" groupadd -r -g 999 redis
  chroot "$m" useradd -r -g redis -u 999 -d /data -s /bin/sh redis
  # dpkg in the image's own root, not `dpkg-deb -x` from outside: that would replace /lib -> /usr/lib by a folder
  printf '#!/bin/sh\nexit 101\n' > "$m/usr/sbin/policy-rc.d"
  chmod 755 "$m/usr/sbin/policy-rc.d"
  chroot "$m" env DEBIAN_FRONTEND=noninteractive sh -c 'dpkg -i /debs/*.deb'
  rm -rf "$m/debs" "$m/usr/sbin/policy-rc.d" "$m"/usr/share/{doc,man,locale}/*
  mkdir -p "$m/data"
  chown 999:999 "$m/data"
  install -m 755 "$HERE/lib/redis-entrypoint.sh" "$m/usr/local/bin/docker-entrypoint.sh"
  for name in redis-server redis-sentinel; do
    install -m 755 "$HERE/lib/redis-wrapper.sh" "$m/usr/local/bin/$name"
  done
  chroot "$m" ldconfig
  chroot "$m" redis-server --version
  bh umount "$c"
  bh config --workingdir /data --port 6379 --volume /data --entrypoint '["docker-entrypoint.sh"]' --cmd redis-server \
    --env REDIS_VERSION=7.0.15 "$c"
  commit "$c" redis
}

# Debian's build of oliver006/redis_exporter (1.45.0) under the tag that users name; it needs the C library alone.
image_redis-exporter() {
  local c root=$WORK/redis-exporter lib
  fetch "$WORK/redis-exporter-deb" prometheus-redis-exporter
  rm -rf "$root"
  mkdir -p "$root"
  dpkg-deb --fsys-tarfile "$WORK"/redis-exporter-deb/*.deb | tar -xO ./usr/bin/prometheus-redis-exporter > "$root/redis_exporter"
  chmod 755 "$root/redis_exporter"
  for lib in $(ldd "$root/redis_exporter" | grep -o '/[^ ]*'); do install -D -m 755 "$lib" "$root$lib"; done
  chroot "$root" /redis_exporter --version
  c=$(bh from "${POLICY[@]}" scratch)
  bh add -q "$c" "$root" /
  bh config --entrypoint '["/redis_exporter"]' --port 9121 --user 59000:59000 "$c"
  commit "$c" redis-exporter
}

image_node() {
  local c m folder=$WORK/node arch
  arch=$(node -p process.arch)
  rm -rf "$folder"
  mkdir -p "$folder"/{node,npm}
  ( cd "$folder" && npm pack -s "node-linux-$arch@$NODE_VERSION" "npm@$NPM_VERSION" )
  tar xzf "$folder"/node-linux-*.tgz -C "$folder/node" --strip-components=1
  tar xzf "$folder"/npm-*.tgz -C "$folder/npm" --strip-components=1
  c=$(bh from "${POLICY[@]}" --pull-never "$(tag_of base)")
  m=$(bh mount "$c")
  install -m 755 "$folder/node/bin/node" "$m/usr/local/bin/node"
  ln -sf node "$m/usr/local/bin/nodejs"
  mkdir -p "$m/usr/local/lib/node_modules"
  cp -r "$folder/npm" "$m/usr/local/lib/node_modules/npm"
  chmod 755 "$m"/usr/local/lib/node_modules/npm/bin/*.js
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$m/usr/local/bin/npm"
  ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$m/usr/local/bin/npx"
  chroot "$m" groupadd -g 1000 node
  chroot "$m" useradd -u 1000 -g node -m -s /bin/bash node
  chroot "$m" node --version
  chroot "$m" npm --version
  bh umount "$c"
  bh config --cmd node --env NODE_VERSION=$NODE_VERSION "$c"
  commit "$c" node
}
