#!/bin/sh
# Installs what config/debian-packages.txt lists and this machine lacks. Usage: install-packages.sh [GROUP...]
# Groups: build test (default: build). Asks for sudo only when something is missing and you are not root.
set -eu

list="$(dirname -- "$0")/debian-packages.txt"
[ $# -gt 0 ] || set -- build

wanted=""
for group in "$@"; do
  packages="$(awk -v group="[$group]" '
    /^\[/ { inside = ($1 == group); found = found || inside; next }
    { sub(/#.*/, "") }
    inside && NF { print $1 }
    END { exit !found }' "$list")" || {
    echo "install-packages.sh: group '$group' is not in $list; allowed: build test" >&2
    exit 2
  }
  wanted="$wanted $packages"
done

missing=""
for package in $wanted; do
  state="$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)"
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing:$missing"
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-packages.sh: missing packages and no sudo; as root run: apt-get install$missing" >&2
    exit 4
  }
  as_root=sudo
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words on purpose
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
