#!/bin/sh
# Docker's redis is built with protected-mode off, Debian's with protected-mode on: say so, unless somebody else does.
binary=/usr/bin/$(basename "$0")
case "$*" in *protected-mode* | *--version* | -v | *--help* | -h | --test-memory* | --check-system | -) exec "$binary" "$@" ;; esac
if [ -f "$1" ] && grep -qi '^[[:space:]]*protected-mode' "$1"; then exec "$binary" "$@"; fi
exec "$binary" "$@" --protected-mode no
