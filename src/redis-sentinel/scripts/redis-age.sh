# shellcheck shell=sh
# Sourced by redis-start.sh: how new the data of this pod is, told to the sentinels as a replica-priority.

# redis-fence.sh notes every two seconds that this redis is in its master's stream.
STAMP_SLACK=5
# It is noted every two seconds, a master is heard every second, and each second may have just begun.
BEHIND_SECONDS=6
# 2020: an age that is not known is before it
EPOCH=1577836800

# written: when the newest of the data files was written, in seconds since 1970
read_file_times() {
  written=0
  for file in "$DATA_DIR"/appendonlydir/*.aof "$DATA_DIR"/appendonlydir/*.rdb "$DATA_DIR"/appendonly.aof "$DATA_DIR"/dump.rdb; do
    [ -s "$file" ] || continue
    # a synchronization writes it, and a start with append only files does not read it
    case $file in */dump.rdb) if grep -q '^appendonly yes' "$CONFIG_DIR/redis.conf"; then continue; fi ;; esac
    modified=$(stat -c %Y "$file")
    [ "$modified" -le "$written" ] || written=$modified
  done
}

# last: when this redis was last in the stream; empty when it is not known
read_stamp() {
  last=''
  [ -e "$IN_STREAM" ] || return 0
  read -r last <"$IN_STREAM"
  # a loss of power may leave an empty file
  case $last in '' | 0* | *[!0-9]* | ???????????*) last=$(stat -c %Y "$IN_STREAM") ;; esac
}

# left_behind MASTER: a sentinel has heard the master later than this redis was in its stream: it went on, with writes that are not here.
left_behind() {
  read_stamp
  [ "${last:-0}" -ge "$EPOCH" ] || return 1
  for sentinel in $SENTINEL_ADDRESSES; do
    ask "master-$sentinel" "$sentinel" "$SENTINEL_PORT" SENTINEL MASTER "$MASTER_NAME"
  done
  await_answers 1
  for sentinel in $SENTINEL_ADDRESSES; do
    read_master <"$ANSWERS/master-$sentinel"
    # shellcheck disable=SC2154 # read_master is in cluster.sh
    # without its run id this sentinel has never heard it
    if [ "$address" != "$1" ] || [ -z "$runid" ]; then continue; fi
    # shellcheck disable=SC2154
    [ $(($(date +%s) - quiet / 1000 - last)) -le "$BEHIND_SECONDS" ] || return 0
  done
  return 1
}

# written: how new the data is. The time of the files alone does not tell: redis repairs a cut file at a start, and may rewrite one while its
# master is away. So it is no later than a moment after this redis was last in the stream; and that is noted again, or the next start would
# believe the repaired file. Where it is not known, or in the future since a clock was wrong, it is moved to before 2020, in the same order.
read_age() {
  read_file_times
  read_stamp
  [ -z "$last" ] || [ "$written" -le $((last + STAMP_SLACK)) ] || written=$((last + STAMP_SLACK))
  if [ -z "$last" ] || [ "$written" -gt $(($(date +%s) + 3600)) ]; then written=$((written % EPOCH)); fi
  [ "$written" -gt "$STAMP_SLACK" ] || written=$((STAMP_SLACK + 1))
  echo $((written - STAMP_SLACK)) >"$IN_STREAM"
}

# Sentinels prefer the replica with the lowest number, and never take one with 0. The offset, which they look at next, is
# 0 after each restart: so a replica that starts tells by this number how new its data is, and that there is
# none. redis-ready.sh sets the usual 100 when it is synchronized, and no age is as good as that, whatever the clock says: until 2078 each
# second has a number of its own.
# priority_of_data MASTER
priority_of_data() {
  if is_new && [ -z "$masters$live$filled$locked$strangers" ]; then echo 100 && return; fi
  if ! holds_data || left_behind "$1"; then echo 0 && return; fi
  read_age
  if [ "$written" -lt "$EPOCH" ]; then newness=$((written / 8)); else newness=$((300000000 + written - EPOCH)); fi
  [ "$newness" -lt 2147483546 ] || newness=2147483546
  echo $((2147483647 - newness))
}
