# shellcheck shell=sh
# Sourced by sentinel-start.sh and sentinel-ready.sh: who this sentinel knows, and who belongs to the cluster.
# shellcheck disable=SC2034,SC2154 # variables are for the scripts that source this file, or of cluster.sh

# the redis addresses by ordinal when the sentinel started: they change when Services are created anew
KNOWN=$DATA_DIR/.redis-addresses
# Stamps of the uptime begin with this. None is of use after a restart, or a reboot of the node: each start removes them.
SINCE=$DATA_DIR/.since
# there while the sentinel is as patient as it was at its start
PATIENT=$SINCE-start
# with the name of a reason behind it: how often this sentinel has restarted for that lately, and for whom
RESTARTS=$DATA_DIR/.restarts
# what stands in the log already
STRANGERS=$DATA_DIR/.strangers

# lasted FILE SECONDS: true that long after the first call, as long as nobody removes the file.
lasted() {
  now
  [ -s "$1" ] || echo "$clock" >"$1"
  read -r since <"$1"
  [ $((clock - since)) -ge $(($2 * 100)) ]
}

# now_at ADDRESS: where the redis is that had this address at the start; nothing when there was none, or when it is being scaled away.
now_at() {
  [ -s "$KNOWN" ] || return 0
  read -r known <"$KNOWN"
  place=0
  for one in $known; do
    # shellcheck disable=SC2086 # a list
    if [ "$one" = "$1" ]; then entry "$place" $REDIS_ADDRESSES && return; fi
    place=$((place + 1))
  done
}

# read_known KIND ADDRESSES: reads the answer to SENTINEL REPLICAS or SENTINEL SENTINELS from standard input. Of those that cluster.env does
# not have, `stale` (`gone`: their addresses) are silent, and `strangers` are not: they would be known again a moment after a restart.
read_known() {
  while read -r field && read -r value; do
    case $field in
      ip) other=$value ;;
      flags)
        if listed "$other" "$2"; then continue; fi
        case $value in
          *s_down* | *disconnected*) stale="$stale $1 $other" gone="$gone $other" ;;
          *) strangers="${strangers:+$strangers, }$1 $other" ;;
        esac
        ;;
    esac
  done
}
