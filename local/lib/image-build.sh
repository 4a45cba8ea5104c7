# shellcheck shell=bash
# Builds the project's own Dockerfile by buildah. The build has no network: npm takes everything from this machine's own
# npm cache, which `npm ci` on the machine fills before.

archive_of() { # TAG or NAME
  local name=${1#docker.io/}
  echo "$IMAGES/$(echo "${name#library/}" | tr '/:' '__').tar"
}

# The files that Docker would send to the build: .dockerignore ignores everything but what it names with a "!".
build_inputs() { # DIR
  local pattern
  ( cd "$1" || exit
    printf '%s\n' Dockerfile .dockerignore
    sed -n 's/^!//p' .dockerignore | while read -r pattern; do
      # shellcheck disable=SC2086 # the pattern may be a glob
      find $pattern -type f 2>/dev/null
    done ) | sort -u
}

inputs_key() { # DIR
  { recipe_key node; build_inputs "$1" | ( cd "$1" && xargs -d '\n' sha256sum ); } | sha256sum | cut -d' ' -f1
}

# `npm ci` in a copy of the folder leaves in npm's cache every packument and tarball that the same command asks for
# inside the build. The lock file decides, so once per lock file.
warm_npm_cache() { # DIR
  local copy=$WORK/npm-warm f
  rm -rf "$copy"
  mkdir -p "$copy"
  for f in package.json package-lock.json .npmrc; do [ ! -e "$1/$f" ] || cp "$1/$f" "$copy/"; done
  ( cd "$copy" && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund )
  rm -rf "$copy"
}

# `--isolation chroot` refuses `--network none`: buildah itself gets a network namespace with nothing in it.
run_build() { # TAG DIR CACHE
  unshare -n buildah bud "${POLICY[@]}" --pull-never --isolation chroot --layers -v "$3:/npm-cache" \
    --build-arg NPM_FLAGS="--offline --cache /npm-cache" -t "$1" -f "$2/Dockerfile" "$2"
  save "$1" "$(archive_of "$1")"
}

build_project() { # TAG DIR
  local tag=$1 dir archive key lock cache
  dir=$(realpath "$2")
  [ -f "$dir/Dockerfile" ] || die "no Dockerfile in $dir"
  case $tag in */*) ;; *) tag=docker.io/library/$tag ;; esac
  archive=$(archive_of "$tag")
  make_image node
  key=$(inputs_key "$dir")
  if [ -z "${FORCE:-}" ] && [ -s "$archive" ] && [ "$(cat "$archive.key" 2>/dev/null)" = "$key" ]; then
    say "image $1 is up to date: $archive"
    return 0
  fi
  lock=$(sha256sum < "$dir/package-lock.json")
  cache=$(npm config get cache)
  if [ "$(cat "$WORK/.npm-warm.key" 2>/dev/null)" != "$lock $cache" ]; then
    run_logged "npm ci, to fill npm's cache for the build" "$LOG/npm-warm.log" warm_npm_cache "$dir"
    echo "$lock $cache" > "$WORK/.npm-warm.key"
  fi
  run_logged "image $1" "$LOG/image-build.log" run_build "$tag" "$dir" "$cache"
  echo "$key" > "$archive.key"
  say "$archive ($(du -m "$archive" | cut -f1) MiB); local/cluster load-image puts it onto every node"
}
