#!/bin/sh
# Startup and liveness of a sentinel pod: any answer is alive.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

if [ -e "$WAITING" ]; then exit 0; fi
load_cluster || exit 1
# shellcheck disable=SC2086 # the flags are several words
exec "$CLI" -h "$LOCAL_ADDRESS" -p "$SENTINEL_PORT" $REDIS_CLI_FLAGS PING
