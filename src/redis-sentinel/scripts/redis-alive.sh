#!/bin/sh
# Startup and liveness of a redis pod: any answer is alive, LOADING and NOAUTH as well. So is a start script that waits: a
# restart would only add the kubelet's back-off to the wait. Looks at no other pod.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

if [ -e "$WAITING" ]; then exit 0; fi
load_cluster || exit 1
is_alive "$REDIS_PORT"
