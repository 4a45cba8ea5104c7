#!/bin/sh
# Readiness of a redis pod: it serves its role. A replica that has been synchronized once stays ready without its
# master, or all readers would lose their endpoints in each failover. The kubelet's timeout bounds a hanging redis.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

# hundredths of a second
FENCE_STALE=${FENCE_STALE:-1000}

local_redis() {
  local_cli "$REDIS_PORT" "$@"
}

use_password_towards_others() {
  use_towards_others operator-replication
  all_ok "$(printf 'CONFIG SET masteruser %s\nCONFIG SET masterauth %s\n' "$their_user" "$their_password" | local_redis)"
}

# A Service that was deleted comes back with another address: the pod goes on under that one. A replica says who it is
# when it connects, so it connects again.
announce() {
  # shellcheck disable=SC2086 # a list
  me=$(entry "$ordinal" $REDIS_ADDRESSES)
  [ -s "$ANNOUNCED" ] && read -r announced <"$ANNOUNCED" && [ -n "$me" ] && [ "$me" != "$announced" ] || return 0
  [ "$(local_redis CONFIG SET replica-announce-ip "$me")" = OK ] || return 0
  local_redis CLIENT KILL TYPE master >/dev/null
  echo "$me" >"$ANNOUNCED"
}

# Directives that a running redis takes, when they have changed since it started or was told; a start reads all of them. One that is
# taken out keeps its value until the next start.
apply_live() {
  [ -e "$CONFIG_DIR/live.conf" ] && ! cmp -s "$CONFIG_DIR/live.conf" "$LIVE" || return 0
  while read -r name value; do
    [ "$name" != '#' ] || continue
    # a file has quotes around words, CONFIG SET takes them as they are
    case $value in '"'*'"') value=${value#?} value=${value%?} ;; esac
    answer=$(local_redis CONFIG SET "$name" "$value" </dev/null)
    case $answer in
      OK) ;;
      # in a moment it may take it
      '' | BUSY* | LOADING* | NOAUTH* | WRONGPASS* | NOPERM* | 'ERR max number'*) return 0 ;;
      *) say "CONFIG SET $name: $answer" ;;
    esac
  done <"$CONFIG_DIR/live.conf"
  cp "$CONFIG_DIR/live.conf" "$LIVE"
}

# redis-fence.sh looks at the sentinels at least once a second. A pod of an older operator has none yet, and its redis is PID 1.
keep_fence() {
  server='' beat=''
  now
  [ ! -s "$FENCE" ] || read -r _ server beat <"$FENCE"
  if [ -z "$beat" ] || [ $((clock - beat)) -ge "$FENCE_STALE" ]; then start_fence "${server:-1}"; fi
}

# A master that takes no writes.
refuse_fenced() {
  [ -s "$FENCED" ] && read -r since <"$FENCED" || return 0
  now
  case $since in
    unnamed) refuse 'takes no writes: no majority of the sentinels names it' ;;
    *) refuse "takes no writes: it has heard no majority of the sentinels for $(((clock - since) / 100)) s" ;;
  esac
}

# 0 is of a start without data, or of the probe: this replica is out of the stream of a master that goes on, and must not succeed it. A link over
# which nothing comes is up until repl-timeout.
may_succeed() {
  [ "$priority" != 0 ] || { [ "$link" = up ] && [ "$unheard" -le 1 ]; }
}

judge() {
  read_info
  [ -z "$refusal" ] || refuse 'redis refuses the password'
  [ -n "$role" ] || refuse 'redis does not answer'
  [ "$loading" = 0 ] || refuse 'redis is loading its data'
  [ "$disk" = ok ] || refuse 'redis cannot write to its disk'
  # with the link up and nothing being written, the file has what this redis has
  [ "$rewriting" = yes ] || { [ "$role" = slave ] && [ "$link" != up ]; } || rm -f "$BEHIND"
  [ "$role" = slave ] || { refuse_fenced && exit 0; }
  # redis-start.sh has told the sentinels how old its data was; once it was in a stream its offset tells, also when the master is gone
  if [ "$link" = up ] || [ "$offset" -gt 1 ]; then
    may_succeed && [ "$priority" != 100 ] && local_redis CONFIG SET replica-priority 100 >/dev/null
  fi
  # nor before its first file is written: a rolling update that goes on would leave no complete copy on any disk
  [ ! -e "$DATA_DIR/.synced" ] || exit 0
  [ "$link" = up ] || refuse "not yet synchronized with the master $master_host"
  [ "$rewriting" = no ] || refuse 'synchronized, and writes its first append only file'
  : >"$DATA_DIR/.synced"
}

refuse_while_waiting
load_cluster || refuse 'no cluster.env'
apply_certificate "$REDIS_PORT"
apply_passwords "$REDIS_PORT"
apply_users "$REDIS_PORT"
announce
apply_live
renew_early_links "$REDIS_PORT"
keep_fence
local_redis INFO | judge
