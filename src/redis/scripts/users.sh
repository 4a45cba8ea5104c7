# shellcheck shell=sh
# Sourced by passwords.sh: the users of this pod's server, as lines of its configuration or as commands.
# shellcheck disable=SC2034,SC2154 # passwords.sh uses what is here, and has read the credentials

# the rules of the operator's users that the server has
RULES=$DATA_DIR/.rules
# the users.acl that the server has
USERS=$DATA_DIR/.users
# of the exporter's own user, made by the pod's init container
EXPORTER=${EXPORTER:-/exporter/password.json}
# Users with the rights that replication, the sentinels and the probe need, and passwords that are made from the credential: what these
# processes keep does not open the data, and only the pods of this RedisSentinel take it. The scripts themselves and the applications are
# `default`, and so is whoever is refused where no password is wanted, such as a sentinel of another cluster that a used address leads here.
OWN_USERS=${OWN_USERS:-}
SERVER=${SERVER:-redis}

# quoted PREFIX PASSWORD: as redis.conf and redis-cli want it
quoted() {
  printf '"%s%s"' "$1" "$(printf '%s\n' "$2" | sed 's/["\\]/\\&/g')"
}

# password_of USER CREDENTIAL: nothing when there is no such user
password_of() {
  case "$1 ${2%% *}" in
    'default '*) printf '%s' "${2#* }" && return ;;
    *' -') text=$1:${2#* } ;;
    *) text=$1:${2%% *}:${2#* } ;;
  esac
  [ "$2" != '- ' ] || return 0
  sum=$(printf '%s' "$text" | sha256sum)
  printf '%s' "${sum%% *}"
}

# rules_of USER: an unknown command would keep the server from starting, and a sentinel has few
rules_of() {
  case "$SERVER $1" in
    'redis operator-replication') echo '+psync +replconf +ping' ;;
    # as Redis' own documentation of Sentinel says
    'redis operator-sentinel')
      echo 'allchannels +ping +info +role +publish +subscribe +multi +exec +slaveof +config|rewrite +client|setname +client|kill +script|kill'
      ;;
    'redis operator-probe')
      echo '+ping +role +info +multi +exec +replicaof +config|get +config|set +client|setname +client|pause +client|unpause +client|kill' \
        '+script|kill +function|kill'
      ;;
    'sentinel operator-sentinel') echo 'allchannels +ping +info +role +publish +subscribe +client|setname +sentinel' ;;
    'sentinel operator-probe') echo 'allchannels +ping +publish +psubscribe +client|setname +sentinel' ;;
  esac
}

# What `default` may not: give a redis another master, and say or hear what sentinels tell each other (by a channel of redis, or directly).
# Not while anybody may still do that as `default`.
restriction() {
  [ -n "$OWN_USERS" ] || return 0
  case "$NEWLINE$1" in *"$NEWLINE- "*) return ;; esac
  case $SERVER in
    redis) echo "-replicaof -slaveof -failover -publish -subscribe clearselectors (+publish +subscribe$(other_channels))" ;;
    sentinel) echo '-publish -sentinel|is-master-down-by-addr' ;;
  esac
}

# Patterns for all channels whose names do not begin with this, since no rule can take one channel away.
other_channels() {
  rest=__sentinel__: begin=''
  while [ -n "$rest" ]; do
    next=${rest#?}
    char=${rest%"$next"} rest=$next
    printf ' &%s[^%s]* &%s' "$begin" "$char" "$begin$char"
    begin=$begin$char
  done
}

all_rules() {
  for user in $OWN_USERS; do printf '%s ' "$user $(rules_of "$user")"; done
  restriction "$accepted"
}

# acl_lines COMMAND RULES-OF-DEFAULT RESET CREDENTIALS: for redis.conf, or for redis-cli
acl_lines() {
  for user in default $OWN_USERS; do
    if [ "$user" = default ]; then
      rules=$(restriction "$4")
      rules=$2${2:+${rules:+ }}$rules
    else
      rules="on -@all $(rules_of "$user")"
    fi
    printf '%s' "$1 $user${rules:+ $rules}${3:+ $3}"
    passwords_of "$user" "$4"
    echo
  done
}

# passwords_of USER CREDENTIALS
passwords_of() {
  first=${2%%"$NEWLINE"*}
  if [ "$1" = default ] && [ -z "${first#* }" ]; then printf ' nopass' && return; fi
  printf '%s\n' "$2" | while IFS= read -r line; do
    made=$(password_of "$1" "$line")
    [ -z "$made" ] || printf ' %s' "$(quoted '>' "$made")"
  done
}

exporter_line() {
  [ ! -r "$EXPORTER" ] || printf 'user operator-exporter on -@all +ping +info +slowlog +latency +client|list +client|setname %s\n' \
    "$(quoted '>' "$(sed 's/.*:"\(.*\)"}$/\1/' "$EXPORTER")")"
}

# apply_users PORT: the lines "user NAME RULE..." of the Secret's users.acl, whenever they change. Never of the operator's own users.
apply_users() {
  # a Secret that is gone changes nothing here either
  [ -s "$AUTH_DIR/password" ] || return 0
  [ -r "$AUTH_DIR/users.acl" ] || [ -e "$USERS" ] || return 0
  cat "$AUTH_DIR/users.acl" >"$USERS.new" 2>/dev/null || : >"$USERS.new"
  if [ -e "$USERS" ] && cmp -s "$USERS.new" "$USERS"; then
    rm -f "$USERS.new"
    return
  fi
  { user_commands "$USERS.new"; gone_users; } >"$USERS.commands"
  local_cli "$1" <"$USERS.commands" >"$USERS.answers"
  # one that is busy is told again in the next check: a user that was taken out must not stay for want of one answer
  if [ "$(grep -c . "$USERS.answers")" -lt "$(grep -c . "$USERS.commands")" ] ||
    grep -qE '^(BUSY|LOADING|NOAUTH|WRONGPASS|NOPERM|AUTH failed|ERR max number)' "$USERS.answers"; then
    rm -f "$USERS.new" "$USERS.commands" "$USERS.answers"
    return
  fi
  # the answer to a wrong rule may hold the rule, and so a password
  wrong=$(grep -vcE '^(OK|[0-9]+|)$' "$USERS.answers")
  rm -f "$USERS.answers" "$USERS.commands"
  mv "$USERS.new" "$USERS"
  say "users.acl: $wrong lines are refused"
}

# A name in quotes might be one of the operator's own users.
user_commands() {
  grep -Ev '^user (default|operator-[a-z]*) ' "$1" | sed -n "s/^user \\([^ \"'\\\\][^ \"'\\\\]*\\) /ACL SETUSER \\1 reset /p"
}

gone_users() {
  [ -e "$USERS" ] || return 0
  user_commands "$USERS" | while read -r _ _ name _; do
    grep -q "^user $name " "$USERS.new" || echo "ACL DELUSER $name"
  done
}
