#!/bin/sh
# A Redis with a password or TLS: `start` in its pod, and `alive` and `ready` as its probes.
set -u
# shellcheck source=local.sh
. "${CONFIG_DIR:-/config}/local.sh"
# shellcheck source=passwords.sh
. "$CONFIG_DIR/passwords.sh"
# shellcheck source=certificate.sh
. "$CONFIG_DIR/certificate.sh"
# shellcheck source=/dev/null # written by the operator
[ ! -r "$CONFIG_DIR/server.env" ] || . "$CONFIG_DIR/server.env"

REDIS_PORT=${REDIS_PORT:-6379}

# there are none
others_refuse() {
  return 1
}

use_password_towards_others() {
  :
}

start() {
  begin_start
  trap 'exit 143' TERM INT
  until [ -z "$no_password" ]; do
    waiting "$no_password"
    sleep 1
    load_password
  done
  # not over the old file, which would keep its mode
  rm -f "$DATA_DIR/redis.conf"
  { cat "$CONFIG_DIR/redis.conf" && echo && user_lines; } >"$DATA_DIR/redis.conf" || exit 1
  note_passwords
  note_certificate
  rm -f "$WAITING"
  unset REDISCLI_AUTH
  exec "$(program server)" "$DATA_DIR/redis.conf"
}

ready() {
  refuse_while_waiting
  apply_certificate "$REDIS_PORT"
  apply_passwords "$REDIS_PORT"
  apply_users "$REDIS_PORT"
  answer=$(local_cli "$REDIS_PORT" PING)
  [ "$answer" = PONG ] || refuse "redis answers ${answer:-nothing}"
}

load_password
case $1 in
  start) start ;;
  alive) [ -e "$WAITING" ] || is_alive "$REDIS_PORT" ;;
  ready) ready ;;
  *) refuse "usage: ${0##*/} start|alive|ready" ;;
esac
