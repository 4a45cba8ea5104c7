# shellcheck shell=sh
# The users of this pod's server, and the change of their passwords while it runs. What changes is a credential: the identity of the
# RedisSentinel together with the password of the Secret that the spec may name under `auth`. A redis user may have several passwords:
# those of a new credential are accepted as soon as the pod sees it, used towards the others when none of them refuses them, and those of
# the former one end ten minutes later. So nobody is refused, in whatever order the kubelets bring the files. A server that was started by
# a version without identities is taken along in the same way.
# No password is ever on a command line, which everybody on the node can read: redis-cli has it in its environment or from its standard
# input, and printf is a part of the shell.
# shellcheck disable=SC2034 # most variables are for the scripts that source this file

# The credentials that the server of this pod accepts, the newest first, one a line: "IDENTITY PASSWORD". A `-` is no identity, and nothing
# behind it no password.
CREDENTIALS=$DATA_DIR/.credentials
# written at each check of a server that runs
LATELY=$DATA_DIR/.lately
# there when the newest one is what this server uses towards the others
USED=$DATA_DIR/.password-used
FORMER_SECONDS=${FORMER_SECONDS:-600}
NEWLINE='
'
# shellcheck source=users.sh
. "$CONFIG_DIR/users.sh"

# no_password: why there is none although there should be one, so that nothing starts unprotected by mistake.
load_password() {
  unset REDISCLI_AUTH
  no_password='' password='' previous=''
  if [ -d "$AUTH_DIR" ]; then
    # also for what redis and sentinel write later: both keep passwords in the files that they rewrite
    umask 077
    read_secret previous-password && previous=$secret
    if read_secret password; then password=$secret; else no_password="$AUTH_DIR/password is not one line with a password"; fi
  fi
  use_here "$password"
  own=${IDENTITY:--}
  credential="$own "
  if wants_password; then credential=$credential$password; else previous=''; fi
  [ "$previous" != "$password" ] || previous=''
  # what is accepted when no change is under way
  wanted=$credential${previous:+$NEWLINE$own $previous}
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

# use_there USER CREDENTIAL: for redis-cli as well
use_there() {
  made=$(password_of "$1" "$2")
  use_here "${made:-$password}"
  [ -z "$made" ] || REDIS_CLI_FLAGS="${REDIS_CLI_FLAGS% --user default} --user $1"
}

# secret: the one line of that file of the Secret
read_secret() {
  secret='' more=''
  [ -r "$AUTH_DIR/$1" ] && { IFS= read -r secret || :; IFS= read -r more || :; } <"$AUTH_DIR/$1"
  [ -n "$secret" ] && [ -z "$more" ]
}

# Is a password wanted? While a running cluster gets one, pods without it are among the others: AUTH is `open` in cluster.env until then.
wants_password() {
  [ -n "$password" ] && [ "${AUTH:-required}" = required ]
}

# accepted: what the running server accepts, also when a version without identities has started it
read_credentials() {
  accepted=''
  if [ -r "$CREDENTIALS" ]; then
    read_lines '' <"$CREDENTIALS"
  else
    [ ! -r "$DATA_DIR/.password" ] || read_lines '- ' <"$DATA_DIR/.password"
    [ ! -r "$DATA_DIR/.password-former" ] || read_lines '- ' <"$DATA_DIR/.password-former"
  fi
  accepted=${accepted:-- }
  newest=${accepted%%"$NEWLINE"*}
}

read_lines() {
  while IFS= read -r line; do accepted=$accepted${accepted:+$NEWLINE}$1$line; done
}

# contains LINES LINE
contains() {
  case "$NEWLINE$1$NEWLINE" in *"$NEWLINE$2$NEWLINE"*) ;; *) return 1 ;; esac
}

# union LINES...: each line once
union() {
  all=''
  printf '%s\n' "$@" | while IFS= read -r line; do
    if [ -z "$line" ] || contains "$all" "$line"; then continue; fi
    all=$all$NEWLINE$line
    printf '%s\n' "$line"
  done
}

# keep TEXT FILE: whole or not at all
keep() {
  rm -f "$2.new"
  printf '%s\n' "$1" >"$2.new" && mv "$2.new" "$2"
}

# For the file of a server that starts; using: the credential that it can use towards the others.
user_lines() {
  accepted=$wanted
  if [ -r "$CREDENTIALS" ]; then
    while IFS= read -r line; do if still_good "$line"; then accepted=$(union "$accepted" "$line"); fi; done <"$CREDENTIALS"
  elif is_of_before || others_refuse "$credential"; then
    accepted=$(union "$accepted" "- ${credential#* }" "${previous:+- $previous}")
  fi
  choose_credential
  [ "$accepted" = '- ' ] || acl_lines user 'on ~* &* +@all' '' "$accepted"
  exporter_line
}

# still_good CREDENTIAL: of those that this volume has known. Others may not have a new one yet; but a volume that was away for long must
# not bring back a password that was given up meanwhile.
still_good() {
  case $1 in "- "* | "$own "*) if contains "$wanted" "$own ${1#* }"; then return 0; fi ;; esac
  [ -e "$LATELY" ] && is_younger "$LATELY"
}

# A version without identities has used this volume, so the others may be of that version, too.
is_of_before() {
  [ -e "$DATA_DIR/.seen" ] || [ -e "$DATA_DIR/.redis-addresses" ]
}

# is_younger FILE: than the time for which a former credential is good
is_younger() {
  [ $(($(date +%s) - $(stat -c %Y "$1"))) -lt "$FORMER_SECONDS" ]
}

# using: the newest credential that none of the others refuses
choose_credential() {
  rest=$accepted
  until [ -z "$rest" ]; do
    using=${rest%%"$NEWLINE"*}
    rest=${rest#"$using"}
    rest=${rest#"$NEWLINE"}
    if [ "$using" = "$accepted" ] || ! others_refuse "$using"; then return 0; fi
  done
  using=$credential
}

# use_towards_others USER: user and password for others
use_towards_others() {
  their_user=$1 their_password=$(password_of "$1" "$using")
  # where there is no such user yet, a password is good as well
  [ -n "$their_password" ] || their_user=default their_password=$password
  their_password=$(quoted '' "$their_password")
}

# After user_lines: what the server that starts now will accept.
note_passwords() {
  rm -f "$USERS" "$DATA_DIR/.password" "$DATA_DIR/.password-former"
  keep "$accepted" "$CREDENTIALS"
  keep "$(all_rules)" "$RULES"
  if [ "$using" = "$credential" ]; then : >"$USED"; else rm -f "$USED"; fi
}

# apply_passwords PORT: the running server accepts what identity and Secret say now. A Secret that is gone or empty changes nothing.
apply_passwords() {
  [ -n "$OWN_USERS$password$no_password" ] || return 0
  # not `:`, whose redirection would end the script where the disk takes nothing
  { printf '' >"$LATELY"; } 2>/dev/null
  read_credentials
  if [ -n "$no_password" ]; then
    # once a minute
    [ "$(date +%M)" = "$(cat "$DATA_DIR/.told" 2>/dev/null)" ] || { date +%M >"$DATA_DIR/.told"; say "$no_password: the last one stays in force"; }
    no_password=''
    use_here "${newest#* }"
    return
  fi
  { [ "$newest" = "$credential" ] && [ "$(all_rules)" = "$(cat "$RULES" 2>/dev/null)" ]; } || accept_credential "$1" || return 0
  [ -e "$USED" ] || use_credential
  accept_previous "$1"
  [ "$accepted" = "$wanted" ] || end_former "$1"
}

accept_credential() {
  use_here "${newest#* }"
  accepted=$(union "$credential" "$accepted")
  set_users "$1" '' "$accepted"
  failed=$?
  use_here "$password"
  [ "$failed" = 0 ] || return 1
  [ "$newest" != "$credential" ] || return 0
  rm -f "$USED"
  say "accepts the new $(what_changes)"
}

# set_users PORT RESET CREDENTIALS: and notes that they are
set_users() {
  all_ok "$(acl_lines 'ACL SETUSER' '' "$2" "$3" | local_cli "$1")" || return 1
  accepted=$3
  keep "$accepted" "$CREDENTIALS"
  keep "$(all_rules)" "$RULES"
  rm -f "$DATA_DIR/.password" "$DATA_DIR/.password-former"
}

# all_ok ANSWERS: one OK for each command
all_ok() {
  [ -n "$1" ] && ! printf '%s\n' "$1" | grep -qvx OK
}

what_changes() {
  changes=$(printf '%s\n' "$accepted" | while IFS= read -r line; do [ "${line#* }" = "${credential#* }" ] || echo password; done)
  echo "${changes%%"$NEWLINE"*}" | sed 's/^$/identity/'
}

# Who is silent reads it at its start. use_password_towards_others is the server's own way.
use_credential() {
  if others_refuse "$credential"; then return; fi
  using=$credential
  use_password_towards_others || return 0
  : >"$USED"
  say "uses the new $(what_changes)"
}

# The Secret names another one: good for as long as it does.
accept_previous() {
  if [ -z "$previous" ] || contains "$accepted" "$own $previous"; then return; fi
  set_users "$1" '' "$(union "$accepted" "$own $previous")"
}

end_former() {
  [ -e "$USED" ] && ! is_younger "$USED" || return 0
  if sentinels_are_default "$1"; then return; fi
  changed=$(what_changes)
  set_users "$1" resetpass "$wanted" || return 0
  say "accepts the former $changed no more"
}

# A connection of a sentinel of this RedisSentinel has a name with its id. As long as one is here as `default` it may have to be.
sentinels_are_default() {
  [ -z "$(restriction "$accepted")" ] || return 1
  ids=''
  for id in ${SENTINEL_IDS:-}; do ids=$ids${ids:+|}$(printf '%.8s' "$id"); done
  [ -n "$ids" ] && local_cli "$1" CLIENT LIST | grep -qE "name=sentinel-($ids)-.* user=default"
}
