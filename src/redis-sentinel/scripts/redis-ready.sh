#!/bin/sh
# Readiness of a redis pod: it serves its role. A replica that has been synchronized once stays ready without its
# master, or all readers would lose their endpoints in each failover. The kubelet's timeout bounds a hanging redis.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

refuse() {
  echo "$1"
  exit 1
}

judge() {
  read_info
  [ -n "$role" ] || refuse 'redis does not answer'
  [ "$loading" = 0 ] || refuse 'redis is loading its data'
  [ "$role" = slave ] || exit 0
  if [ "$link" = up ]; then
    [ -e "$DATA_DIR/.synced" ] || : >"$DATA_DIR/.synced"
  fi
  [ -e "$DATA_DIR/.synced" ] || refuse "not yet synchronized with the master $master_host"
}

if [ -e "$WAITING" ]; then
  read -r reason <"$WAITING"
  refuse "$reason"
fi
load_cluster || refuse 'no cluster.env'
# shellcheck disable=SC2086 # the flags are several words
"$CLI" -h "$LOCAL_ADDRESS" -p "$REDIS_PORT" $REDIS_CLI_FLAGS INFO 2>/dev/null | judge
