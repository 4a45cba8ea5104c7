#!/bin/sh
# Readiness of a sentinel pod: it answers and can name a master. Looks at no other pod, and keeps the members right.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

# Since when this sentinel knows more members than there are, in hundredths of a second since boot; and how long it waits.
STALE=$DATA_DIR/.stale
STALE_LIMIT=${STALE_LIMIT:-30}
TURN_SECONDS=${TURN_SECONDS:-10}
# Since when the certificate of this pod is newer than that of its sentinel.
RENEWED=$DATA_DIR/.renewed

count() {
  echo $#
}

# A sentinel never forgets a member by itself (sentinel.md 7), and one that was removed counts for the majority for ever.
# Its start knows only the members in cluster.env, and keeps the state: so it ends itself, one ordinal after the other,
# and the kubelet starts it again.
forget_removed() {
  # shellcheck disable=SC2086 # lists
  if [ "$flags" != master ] || { [ "$known_replicas" -lt "$(count $REDIS_ADDRESSES)" ] && [ "$known_sentinels" -lt "$(count $SENTINEL_ADDRESSES)" ]; }; then
    rm -f "$STALE"
    return
  fi
  restart_in_turn "$STALE" "$STALE_LIMIT" 'restarts without the members that were removed'
}

# restart_in_turn FILE SECONDS REASON: that long after the first call, and ten seconds after the ordinal before it. The kubelet starts it again,
# with its state.
restart_in_turn() {
  now
  [ -s "$1" ] || echo "$clock" >"$1"
  read -r since <"$1"
  [ $((clock - since)) -ge $((($2 + ordinal * TURN_SECONDS) * 100)) ] || return 0
  rm -f "$1"
  local_cli "$SENTINEL_PORT" SHUTDOWN >/dev/null
  refuse "$3"
}

# A running sentinel reads no certificate anew.
renew_certificate() {
  certificate_is_new || return 0
  blindly restart_in_turn "$RENEWED" 0 'restarts with the new certificate'
}

judge() {
  read_master
  [ -z "$refusal" ] || refuse 'sentinel refuses the password'
  [ -n "$address" ] || refuse "sentinel does not name a master for $MASTER_NAME"
  forget_removed
}

local_sentinel() {
  local_cli "$SENTINEL_PORT" SENTINEL "$@"
}

use_password_towards_others() {
  use_towards_others operator-sentinel
  all_ok "$(printf 'SENTINEL SET %s auth-user %s auth-pass %s\nSENTINEL CONFIG SET sentinel-user %s\nSENTINEL CONFIG SET sentinel-pass %s\n' \
    "$MASTER_NAME" "$their_user" "$their_password" "$their_user" "$their_password" | local_cli "$SENTINEL_PORT")"
}

# A sentinel asks a redis for its role every ten seconds. One that last heard "master" of a replica, and then is cut off together with the
# real master, makes the one that was promoted meanwhile follow that old master when the network is back, before it hears the news: all
# that was written since is lost (sentinel.c, +convert-to-slave). A start forgets the setting, and before Redis 7.0 there is none.
ask_each_second() {
  local_sentinel DEBUG INFO-PERIOD 1000 >/dev/null
}

refuse_while_waiting
load_cluster || refuse 'no cluster.env'
apply_passwords "$SENTINEL_PORT"
renew_certificate
ask_each_second
renew_early_links "$SENTINEL_PORT"
local_sentinel MASTER "$MASTER_NAME" | judge
