# shellcheck shell=sh
# Sourced where the spec has `auth`: the password of the mounted Secret, and its change under a running server. A redis user may have
# several passwords: a new one is accepted as soon as the pod sees it, used towards the others when none of them refuses it, and the former
# one ends ten minutes later. So nobody is refused, in whatever order the kubelets bring the Secret.
# No password is ever on a command line, which everybody on the node can read: redis-cli has it in its environment or from its standard
# input, and printf is a part of the shell.
# shellcheck disable=SC2034 # most variables are for the scripts that source this file

# the newest password that the server of this pod accepts; none: it wants none
ACCEPTED=$DATA_DIR/.password
# accepted beside it
FORMER=$DATA_DIR/.password-former
# there when the newest one is what this server uses towards the others
USED=$DATA_DIR/.password-used
# the users.acl that the server has
USERS=$DATA_DIR/.users
FORMER_SECONDS=${FORMER_SECONDS:-600}
# of the exporter's own user, made by the pod's init container
EXPORTER=${EXPORTER:-/exporter/password.json}
# Users with the rights that replication, the sentinels and the probe need, and passwords that are made from the one of the Secret: what
# these processes keep does not open the data. The scripts themselves and the applications are `default`.
OWN_USERS=${OWN_USERS:-}
SERVER=${SERVER:-redis}

# no_password: why there is none although there should be one, so that nothing starts unprotected by mistake.
load_password() {
  unset REDISCLI_AUTH
  no_password='' password='' previous=''
  [ -d "$AUTH_DIR" ] || return 0
  # also for what redis and sentinel write later: both keep passwords in the files that they rewrite
  umask 077
  read_secret previous-password && previous=$secret
  if read_secret password; then password=$secret; else no_password="$AUTH_DIR/password is not one line with a password"; fi
  use_here "$password"
}

# use_here PASSWORD: for redis-cli; with the user's name it is right also where no password is wanted
use_here() {
  unset REDISCLI_AUTH
  [ -z "$1" ] || export REDISCLI_AUTH="$1"
  case $REDIS_CLI_FLAGS in
    *'--user default'*) ;;
    *) [ -z "$1" ] || REDIS_CLI_FLAGS="$REDIS_CLI_FLAGS --user default" ;;
  esac
}

# secret: the one line of that file of the Secret
read_secret() {
  secret='' more=''
  [ -r "$AUTH_DIR/$1" ] && { IFS= read -r secret || :; IFS= read -r more || :; } <"$AUTH_DIR/$1"
  [ -n "$secret" ] && [ -z "$more" ]
}

read_password() {
  kept=''
  [ ! -r "$1" ] || IFS= read -r kept <"$1"
}

# quoted PREFIX PASSWORD: as redis.conf and redis-cli want it
quoted() {
  printf '"%s%s"' "$1" "$(printf '%s\n' "$2" | sed 's/["\\]/\\&/g')"
}

# password_of USER PASSWORD
password_of() {
  if [ "$1" = default ]; then printf '%s' "$2"; else printf '%s:%s' "$1" "$2" | sha256sum | cut -d' ' -f1; fi
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
    'sentinel operator-probe') echo 'allchannels +ping +psubscribe +client|setname +sentinel' ;;
  esac
}

# acl_lines COMMAND RULES-OF-DEFAULT RESET PASSWORD...: for redis.conf, or for redis-cli
acl_lines() {
  command=$1 rules=$2 reset=$3
  shift 3
  for user in default $OWN_USERS; do
    [ "$user" = default ] || rules="on -@all $(rules_of "$user")"
    printf '%s %s' "$command" "$user${rules:+ $rules}${reset:+ $reset}"
    for one in "$@"; do [ -z "$one" ] || printf ' %s' "$(quoted '>' "$(password_of "$user" "$one")")"; done
    echo
  done
}

# use_towards_others USER: user and password for others
use_towards_others() {
  if wants_password; then their_user=$1; else their_user=default; fi
  their_password=$(quoted '' "$(password_of "$their_user" "$password")")
}

# Is a password wanted? While a running cluster gets one, pods without it are among the others: AUTH is `open` in cluster.env until then.
wants_password() {
  [ -n "$password" ] && [ "${AUTH:-required}" = required ]
}

# For the file of a server that starts. What it accepted before is good for another while: others may not have the new one yet.
user_lines() {
  if wants_password; then
    read_password "$ACCEPTED"
    [ "$kept" != "$password" ] || read_password "$FORMER"
    former=${kept:-$previous}
    [ "$former" != "$password" ] || former=''
    acl_lines user 'on ~* &* +@all' '' "$password" "$former"
  fi
  [ ! -r "$EXPORTER" ] || printf 'user operator-exporter on -@all +ping +info +slowlog +latency +client|list +client|setname %s\n' \
    "$(quoted '>' "$(sed 's/.*:"\(.*\)"}$/\1/' "$EXPORTER")")"
}

# After user_lines: what the server that starts now will accept.
note_passwords() {
  rm -f "$USERS"
  if ! wants_password; then
    rm -f "$ACCEPTED" "$FORMER"
    return
  fi
  keep_password "$password" "$ACCEPTED"
  rm -f "$FORMER"
  [ -z "$former" ] || keep_password "$former" "$FORMER"
  : >"$USED"
}

keep_password() {
  rm -f "$2.new"
  printf '%s\n' "$1" >"$2.new" && mv "$2.new" "$2"
}

# apply_passwords PORT: the running server accepts what the Secret says now. A Secret that is gone or empty changes nothing.
apply_passwords() {
  [ -d "$AUTH_DIR" ] || return 0
  read_password "$ACCEPTED"
  if [ -n "$no_password" ]; then
    # once a minute
    [ "$(date +%M)" = "$(cat "$DATA_DIR/.told" 2>/dev/null)" ] || { date +%M >"$DATA_DIR/.told"; say "$no_password: the last one stays in force"; }
    no_password=''
    use_here "$kept"
    return
  fi
  wants_password || return 0
  [ "$password" = "$kept" ] || accept_password "$1" || return 0
  [ -e "$USED" ] || use_password
  if [ -e "$FORMER" ]; then end_former "$1"; else accept_previous "$1"; fi
}

accept_password() {
  use_here "$kept"
  # nobody has a password at an open server: from now on everybody needs it
  first=''
  [ -n "$kept" ] || first=resetpass
  answer=$(acl_lines 'ACL SETUSER' '' "$first" "$password" | local_cli "$1")
  use_here "$password"
  all_ok "$answer" || return 1
  rm -f "$USED"
  [ -z "$kept" ] || keep_password "$kept" "$FORMER"
  keep_password "$password" "$ACCEPTED"
  say 'accepts the new password'
}

# all_ok ANSWERS: one OK for each command
all_ok() {
  [ -n "$1" ] && ! printf '%s\n' "$1" | grep -qvx OK
}

# Who is silent reads it at its start. use_password_towards_others is the server's own way.
use_password() {
  if others_refuse; then return; fi
  use_password_towards_others || return 0
  : >"$USED"
  say 'uses the new password'
}

# The Secret names another one: good for as long as it does.
accept_previous() {
  [ -n "$previous" ] && [ "$previous" != "$password" ] || return 0
  all_ok "$(acl_lines 'ACL SETUSER' '' '' "$previous" | local_cli "$1")" && keep_password "$previous" "$FORMER"
}

end_former() {
  read_password "$FORMER"
  [ -e "$USED" ] && [ "$kept" != "$previous" ] && [ $(($(date +%s) - $(stat -c %Y "$USED"))) -ge "$FORMER_SECONDS" ] || return 0
  answer=$(acl_lines 'ACL SETUSER' '' resetpass "$password" | local_cli "$1")
  all_ok "$answer" || return 0
  rm -f "$FORMER"
  say 'accepts the former password no more'
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

user_commands() {
  grep -Ev '^user (default|operator-[a-z]*) ' "$1" | sed -n 's/^user \([^ ][^ ]*\) /ACL SETUSER \1 reset /p'
}

gone_users() {
  [ -e "$USERS" ] || return 0
  user_commands "$USERS" | while read -r _ _ name _; do
    grep -q "^user $name " "$USERS.new" || echo "ACL DELUSER $name"
  done
}
