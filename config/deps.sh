#!/usr/bin/env bash
# deps.sh [PART...]: install what is missing of the packages of config/packages.txt, of all parts or
# of those named: build, run, test, lint.  Asks nothing; with nothing missing it needs neither the
# network nor root.
set -euo pipefail
cd "$(dirname "$0")"

mapfile -t wanted < <(awk -v parts=" $* " '
	/^# to [a-z]+/ { part = $3; sub(/[^a-z].*/, "", part) }
	{ sub(/#.*/, ""); gsub(/[[:space:]]/, "") }
	$0 != "" && (parts == "  " || index(parts, " " part " ")) { print }' packages.txt)

command -v dpkg-query >/dev/null || {
	echo "make deps: this is no Debian system; install by hand what config/packages.txt lists" >&2
	exit 1
}

# dpkg-query fails when it does not know one of the names: that is what we want to find out.
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2>/dev/null |
	sed -n 's/^.i  *//p' || true)
missing=()
for package in "${wanted[@]}"; do
	grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || {
		echo "make deps: missing packages need root: run as root or install sudo, or:" >&2
		echo "  apt-get install ${missing[*]}" >&2
		exit 1
	}
	as_root=(sudo)
fi

echo "make deps: installing ${missing[*]}"

# Debian starts a service when it is installed.  Its freeradius would take our port, so nothing is
# started while we install, and a freeradius that we brought in does not start at boot either.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e $policy ]; then
	printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
	"${as_root[@]}" chmod 755 $policy
	made_policy=yes
fi
cleanup() {
	[ $made_policy = no ] || "${as_root[@]}" rm -f $policy
}
trap cleanup EXIT

apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
"${apt[@]}" update || echo "make deps: apt-get update failed; trying with the lists at hand" >&2
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null || {
	echo "make deps: apt-get could not install: ${missing[*]}" >&2
	echo "  check the network and /etc/apt/sources.list (Debian 12 main), then run it again" >&2
	exit 1
}

if [[ " ${missing[*]} " == *" freeradius "* && -d /run/systemd/system ]]; then
	"${as_root[@]}" systemctl disable --now freeradius.service >/dev/null 2>&1 || true
fi
