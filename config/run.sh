#!/usr/bin/env bash
# What `make run` does after the build: set up an instance, run it in the foreground, say how to
# use it.  SIGINT or SIGTERM stops what was started here, and nothing else.
#
#   RUN_DIR       run               the instance's directory; what is in it is kept
#   DOMAIN        idm.example.com
#   LDAPS_PORT    3636
#   RADIUS_PORT   1812
#   DEMO          yes               no: do not make demo_user
#   BUILD         build
set -euo pipefail
umask 077

top=$(realpath "$(dirname "$0")/..")
bin=$top/${BUILD:-build}/bin
export RUN_DIR=${RUN_DIR:-run} DOMAIN=${DOMAIN:-idm.example.com}
export LDAPS_PORT=${LDAPS_PORT:-3636} RADIUS_PORT=${RADIUS_PORT:-1812}
pids=()

say() {
	printf '%s\n' "$*"
}

# shellcheck disable=SC2317 # called by the trap
stop() {
	local pid
	trap '' INT TERM
	for pid in "${pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	pids=()
}

die() {
	echo "run: $*" >&2
	exit 1
}

# start LOG COMMAND...: in the background, in a session of its own, so that Ctrl-C reaches only us.
start() {
	local log=$1
	shift
	setsid "$@" </dev/null >"$log" 2>&1 &
	pids+=($!)
}

# wait_until WHAT LOG PID COMMAND...: until COMMAND succeeds; not longer than 30 s or the process.
wait_until() {
	local what=$1 log=$2 pid=$3 deadline=$((SECONDS + 30))
	shift 3
	until "$@" >/dev/null 2>&1; do
		if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
			tail -n 20 "$log" >&2
			die "$what did not start; its log: $log"
		fi
		sleep 0.1
	done
}

# The administrators' passwords are set once, before a server runs.
recover() {
	local name=$1 answer
	[ ! -s "$dir/$name.password" ] || return 0
	answer=$("$bin/kanidmd" recover_account "$name" -c "$dir/server.toml" -o json) ||
		die "kanidmd recover_account $name failed"
	json_value password <<<"$answer" >"$dir/$name.password.new"
	mv "$dir/$name.password.new" "$dir/$name.password"
}

# json_value KEY: the string of that name in the JSON object on stdin, without a line's end.
json_value() {
	local value
	value=$(sed -nE 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"([^"]*)".*/\1/p')
	[ -n "$value" ] || die "no \"$1\" in an answer of our own programs"
	printf '%s' "$value"
}

# The CLI over the local socket, with its cached sessions in the instance and not in $HOME.
kanidm() {
	HOME=$dir/home KANIDM_URL=$url "$bin/kanidm" "$@"
}

make_demo_user() {
	[ ! -s "$dir/demo_user.password" ] || [ ! -s "$dir/demo_user.radius" ] || return 0
	mkdir -p "$dir/home"
	KANIDM_PASSWORD=$(cat "$dir/idm_admin.password") kanidm login --name idm_admin >/dev/null
	kanidm account get demo_user --name idm_admin >/dev/null 2>&1 ||
		kanidm account create demo_user "Demonstration User" --name idm_admin >/dev/null
	if [ ! -s "$dir/demo_user.password" ]; then
		kanidm account credential generate-pw demo_user --name idm_admin -o json |
			json_value password >"$dir/demo_user.password.new"
		mv "$dir/demo_user.password.new" "$dir/demo_user.password"
	fi
	if [ ! -s "$dir/demo_user.radius" ]; then
		kanidm account radius generate_secret demo_user --name idm_admin >/dev/null
		kanidm account radius show_secret demo_user --name idm_admin -o json |
			json_value secret >"$dir/demo_user.radius.new"
		mv "$dir/demo_user.radius.new" "$dir/demo_user.radius"
		kanidm group add_members radius_access_allowed demo_user --name idm_admin >/dev/null
	fi
	kanidm logout --name idm_admin >/dev/null
}

start_ldapd() {
	local log=$dir/log/kanidm-ldapd.log
	start "$log" "$bin/kanidm-ldapd" -c "$dir/server.toml"
	wait_until kanidm-ldapd "$log" "${pids[-1]}" \
		ldapsearch -H "$url" -x -LLL -s base -b '' -o nettimeout=2 namingContexts
}

# As root: as freerad with kanidm-read and without Debian's other groups of it (shadow, ssl-cert).
# raddb names no user, since freeradius' own switch would take the groups of /etc/group.
start_radius() {
	local log=$dir/log/freeradius.log as=()
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid freerad --regid freerad --groups kanidm-read)
	start "$log" "${as[@]}" /usr/sbin/freeradius -f -l stdout -d "$dir/freeradius"
	wait_until freeradius "$log" "${pids[-1]}" grep -q 'Ready to process requests' "$log"
}

introduce() {
	local suffix="dc=${DOMAIN//./,dc=}" d=$RUN_DIR
	say "kanidm runs for $DOMAIN:"
	say "  LDAPS     ldaps://localhost:$LDAPS_PORT   (CA: $d/ca.pem)"
	say "  ldapi     $url"
	say "  RADIUS    127.0.0.1:$RADIUS_PORT          (secret: $d/radius.secret)"
	say "  accounts  admin, idm_admin (passwords: $d/admin.password, $d/idm_admin.password)"
	say "  logs      $d/log/"
	[ "${DEMO:-yes}" != no ] || return 0
	say "  person    demo_user (password: $d/demo_user.password; RADIUS secret: $d/demo_user.radius)"
	say ""
	say "To try, in another terminal, in $PWD; 5 locks demo_user, then 1, 3 and 4 are refused:"
	say ""
	say "1  LDAPTLS_CACERT=$d/ca.pem ldapwhoami -H ldaps://localhost:$LDAPS_PORT -x -D uid=demo_user,ou=people,$suffix -y $d/demo_user.password"
	say "2  LDAPTLS_CACERT=$d/ca.pem ldapsearch -H ldaps://localhost:$LDAPS_PORT -x -LLL -b $suffix '(uid=demo_user)'"
	say "3  radtest demo_user \"\$(cat $d/demo_user.radius)\" 127.0.0.1:$RADIUS_PORT 0 \"\$(cat $d/radius.secret)\""
	say "4  radtest -t mschap demo_user \"\$(cat $d/demo_user.radius)\" 127.0.0.1:$RADIUS_PORT 0 \"\$(cat $d/radius.secret)\""
	say "5  export KANIDM_URL=$url; KANIDM_PASSWORD=\"\$(cat $d/idm_admin.password)\" ${bin#"$PWD"/}/kanidm login -D idm_admin && ${bin#"$PWD"/}/kanidm account validity expire_at demo_user 1970-01-01T00:00:00+00:00 -D idm_admin"
	say ""
	say "expire_at demo_user never unlocks it again."
	say ""
}

for port in "$LDAPS_PORT" "$RADIUS_PORT"; do
	if ! [[ $port =~ ^[0-9]{1,5}$ ]] || ((port < 1 || port > 65535)); then
		die "$port: no port number"
	fi
done
[[ $DOMAIN =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$ ]] ||
	die "DOMAIN=$DOMAIN: not a domain name in lower case"

trap stop EXIT
trap 'exit 0' INT TERM
dir=$(MODULE=$top/${BUILD:-build}/lib/rlm_kanidm.so "$top/config/setup.sh" "$RUN_DIR")
url=ldapi://${dir//\//%2F}%2Fldapi

recover admin
recover idm_admin
start_ldapd
[ "${DEMO:-yes}" = no ] || make_demo_user
start_radius
introduce
say ready

# Until a signal comes, or one of the two ends, which it should not.
wait -n "${pids[@]}" || true
die "a server ended; see $dir/log/"
