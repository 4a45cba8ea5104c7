#!/bin/sh
# Startup and liveness of a sentinel pod: any answer is alive, NOAUTH as well.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

if [ -e "$WAITING" ]; then exit 0; fi
load_cluster || exit 1
is_alive "$SENTINEL_PORT"
