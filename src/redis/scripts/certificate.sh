# shellcheck shell=sh
# Sourced where the spec may have `tls`: the mounted certificate, and its renewal under a running server.

TLS_DIR=${TLS_DIR:-/tls}
# of the files that the running server has read
CERTIFICATE=$DATA_DIR/.certificate

certificate_sum() {
  cat "$TLS_DIR/tls.crt" "$TLS_DIR/tls.key" "$TLS_DIR/ca.crt" 2>/dev/null | sha256sum
}

note_certificate() {
  if [ -r "$TLS_DIR/tls.crt" ]; then certificate_sum >"$CERTIFICATE"; else rm -f "$CERTIFICATE"; fi
}

certificate_is_new() {
  [ -s "$CERTIFICATE" ] && [ -r "$TLS_DIR/tls.crt" ] && [ "$(certificate_sum)" != "$(cat "$CERTIFICATE")" ]
}

# apply_certificate PORT: redis reads its files again. Open connections stay; when it refuses them it goes on with what it has.
apply_certificate() {
  certificate_is_new || return 0
  answer=$(blindly local_cli "$1" CONFIG SET tls-cert-file "$TLS_DIR/tls.crt")
  case $answer in
    OK) say 'uses the new certificate' ;;
    '') return 0 ;;
    *) say "the new certificate is refused: $answer" ;;
  esac
  certificate_sum >"$CERTIFICATE"
}
