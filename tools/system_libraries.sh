#!/bin/sh
# Install the named Debian/Ubuntu packages where that is possible; elsewhere say what is lacking and go on.
set -eu
missing=""
for package in "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo -n"; fi
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
  $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
fi
echo "Note: these system libraries are missing and could not be installed here:$missing" >&2
echo "Without g++ the slow reference rasteriser is used, without the others mesh export or browser tests are left out." >&2
echo "On Debian or Ubuntu: sudo apt-get install$missing" >&2
