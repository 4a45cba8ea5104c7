#!/bin/sh
# For a person, when every redis pod waits and none can know who has the newest data:
#   kubectl exec POD -c redis -- sh /config/redis-serve.sh
# This pod then starts as master with the data that it has, and the others follow it. What only they have is lost.
set -u
# shellcheck source=cluster.sh
. "${CONFIG_DIR:-/config}/cluster.sh"

if [ ! -e "$WAITING" ]; then
  echo "redis runs in this pod, or its start does not wait: nothing to decide" >&2
  exit 1
fi
: >"$SERVE"
echo "this pod starts as master with its data; see its log"
