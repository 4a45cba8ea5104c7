#!/bin/sh
# Readiness of a sentinel pod: it answers and can name a master. Looks at no other pod.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

refuse() {
  echo "$1"
  exit 1
}

judge() {
  read_master
  [ -z "$refusal" ] || refuse 'sentinel refuses the password'
  [ -n "$address" ] || refuse "sentinel does not name a master for $MASTER_NAME"
}

if [ -e "$WAITING" ]; then
  read -r reason <"$WAITING"
  refuse "$reason"
fi
load_cluster || refuse 'no cluster.env'
[ -z "$no_password" ] || refuse "$no_password"
# shellcheck disable=SC2086 # the flags are several words
"$CLI" -h "$LOCAL_ADDRESS" -p "$SENTINEL_PORT" $REDIS_CLI_FLAGS SENTINEL MASTER "$MASTER_NAME" 2>/dev/null | judge
