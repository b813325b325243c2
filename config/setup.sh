#!/usr/bin/env bash
# setup.sh DIR: make DIR the directory of an instance: certificates, server.toml, FreeRADIUS' raddb.
#
# What exists is kept, but what the variables below say is brought up to date.  It prints the true
# path of the directory: where root's clone lies below a directory that others may not enter, the
# unprivileged users could not reach the data, so it goes to /var/lib/kanidm-run and DIR is a link.
#
#   DOMAIN, LDAPS_PORT, RADIUS_PORT   as for `make run`
#   RADIUS_ACCT_PORT                  unset: the one behind RADIUS_PORT
#   MODULE                            rlm_kanidm.so
#   ARGON2_M_KIB, ARGON2_T            cost of a password hash; unset: the default of SPEC 6.2
#   TLS_MAX_VERSION                   of EAP: 1.2 or 1.3
#
# As root it makes the users that the processes run as:
#   kanidm-core   owns the database and the keys: kanidmd and the core process
#   kanidm-ldap   the workers, who read the database by their group kanidm-read
#   freerad       Debian's user for freeradius; run.sh adds kanidm-read when it starts it
set -euo pipefail
umask 077

top=$(realpath "$(dirname "$0")/..")
dir=$(realpath -ms "$1")
domain=${DOMAIN:-idm.example.com}
ldaps_port=${LDAPS_PORT:-3636}
radius_port=${RADIUS_PORT:-1812}
radius_acct_port=${RADIUS_ACCT_PORT:-$((radius_port % 65535 + 1))}
module=${MODULE:-$top/build/lib/rlm_kanidm.so}
is_root=$([ "$(id -u)" -eq 0 ] && echo yes || echo no)

die() {
	echo "setup: $*" >&2
	exit 1
}

# others_may_enter DIR: every directory above DIR can be searched by everybody.
others_may_enter() {
	local path
	path=$(dirname "$1")
	while :; do
		if [ -e "$path" ] && (($(stat -Lc '0%a' "$path") % 2 == 0)); then
			return 1
		fi
		[ "$path" != / ] || return 0
		path=$(dirname "$path")
	done
}

make_directory() {
	if [ "$is_root" = yes ] && [ ! -L "$dir" ] && ! others_may_enter "$dir"; then
		[ ! -e "$dir" ] || die "$dir: other users can't reach it; move it away, or set RUN_DIR"
		local hash
		hash=$(printf '%s' "$dir" | sha256sum | cut -c 1-12)
		install -d -m 755 /var/lib/kanidm-run "/var/lib/kanidm-run/$hash" "$(dirname "$dir")"
		ln -s "/var/lib/kanidm-run/$hash" "$dir"
	fi
	mkdir -p "$dir"
	dir=$(realpath "$dir")
	chmod 755 "$dir"
	[ ${#dir} -le 100 ] || die "$dir: too long a path for a Unix socket; set RUN_DIR to a shorter one"
}

make_users() {
	getent group kanidm-read >/dev/null || groupadd --system kanidm-read
	local user
	for user in kanidm-core kanidm-ldap; do
		getent passwd $user >/dev/null || useradd --system --user-group --no-create-home \
			--home-dir /nonexistent --shell /usr/sbin/nologin $user
	done
	id -nG kanidm-ldap | grep -qw kanidm-read || usermod --append --groups kanidm-read kanidm-ldap
}

# own OWNER:GROUP MODE PATH...; an unprivileged instance belongs to whoever started it.
own() {
	local who=$1 mode=$2
	shift 2
	[ "$is_root" = no ] || chown "$who" "$@"
	chmod "$mode" "$@"
}

make_certificates() {
	local tls=$dir/tls
	mkdir -p "$tls"
	chmod 755 "$tls"
	if [ ! -s "$tls/ca.key" ]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
			-subj "/CN=$domain test CA" -addext keyUsage=critical,keyCertSign,cRLSign \
			-keyout "$tls/ca.key" -out "$dir/ca.pem" 2>/dev/null
		rm -f "$tls/chain.pem"
	fi
	# A month before its end, or for another name, the server's certificate is made anew.
	# libldap takes this machine's name for "localhost", so that stands in it too.
	local name names="DNS:localhost,IP:127.0.0.1,IP:::1" good=yes
	openssl x509 -noout -checkend 2592000 -in "$tls/chain.pem" >/dev/null 2>&1 || good=no
	for name in "$domain" "$(uname -n)" "$(hostname -f 2>/dev/null || uname -n)"; do
		[[ ,$names, == *,DNS:$name,* ]] || names="DNS:$name,$names"
		[ $good = no ] || openssl x509 -noout -checkhost "$name" -in "$tls/chain.pem" |
			grep -q 'does match' || good=no
	done
	if [ $good = no ]; then
		openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj "/CN=$domain" -keyout "$tls/key.pem" -out "$tls/request.pem" 2>/dev/null
		openssl x509 -req -days 397 -in "$tls/request.pem" -out "$tls/chain.pem" \
			-CA "$dir/ca.pem" -CAkey "$tls/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
			-extfile <(printf '%s\n' "subjectAltName=$names" \
				keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth \
				basicConstraints=critical,CA:FALSE) 2>/dev/null
		rm -f "$tls/request.pem"
	fi
	chmod 644 "$tls/chain.pem"
	own root:kanidm-ldap 640 "$tls/key.pem"
}

# set_key KEY VALUE: in server.toml, whose other lines stay as they are.
set_key() {
	local value=${2//\\/\\\\}
	value=${value//|/\\|}
	value=${value//&/\\&}
	sed -i "s|^$1 = .*|$1 = $value|" "$dir/server.toml"
}

make_server_toml() {
	if [ ! -e "$dir/server.toml" ]; then
		cat >"$dir/server.toml" <<-'END'
			# Made by config/setup.sh, which keeps the paths, the domain and the port up to date
			# and leaves the rest alone.  All keys: server.toml(5).
			domain = ""
			db_path = ""
			key_path = ""
			tls_chain = ""
			tls_key = ""
			ldapbindaddress = ""
			ldapi_path = ""
			log_level = "info"
			# For Prometheus, on this machine:
			# metrics_address = "127.0.0.1:9637"
		END
		[ -z "${ARGON2_M_KIB:-}" ] || printf 'argon2_m_kib = %d\nargon2_t = %d\n' \
			"$ARGON2_M_KIB" "${ARGON2_T:-1}" >>"$dir/server.toml"
		[ "$is_root" = no ] || cat >>"$dir/server.toml" <<-'END'
			core_user = "kanidm-core"
			worker_user = "kanidm-ldap"
			read_group = "kanidm-read"
			radius_group = "freerad"
		END
	fi
	set_key domain "\"$domain\""
	set_key db_path "\"$dir/db\""
	set_key key_path "\"$dir/keys\""
	set_key tls_chain "\"$dir/tls/chain.pem\""
	set_key tls_key "\"$dir/tls/key.pem\""
	set_key ldapbindaddress "\"127.0.0.1:$ldaps_port\""
	set_key ldapi_path "\"$dir/ldapi\""
}

# The raddb is a copy, so that freerad can read it, and local.conf says what is this instance's.
make_raddb() {
	local raddb=$dir/freeradius
	[ -s "$dir/radius.secret" ] || openssl rand -hex 16 | tr -d '\n' >"$dir/radius.secret"
	mkdir -p "$raddb" "$raddb/lib" "$raddb/state"
	cp "$top"/config/freeradius/* "$raddb/"
	install -m 644 "$module" "$raddb/lib/rlm_kanidm.so.new"
	mv "$raddb/lib/rlm_kanidm.so.new" "$raddb/lib/rlm_kanidm.so"
	cp "$dir/tls/chain.pem" "$dir/tls/key.pem" "$raddb/"
	cp "$dir/ca.pem" "$raddb/ca.pem"
	cat >"$raddb/local.conf" <<-END
		# Made by config/setup.sh at each start, as this whole directory is.
		raddb_dir = "$raddb"
		state_dir = "$raddb/state"
		module_dir = "$raddb/lib"
		database_dir = "$dir/db"
		radius_key_file = "$dir/keys/radius.keys"
		radius_address = 127.0.0.1
		radius_port = $radius_port
		radius_acct_port = $radius_acct_port
		localhost_secret = "$(cat "$dir/radius.secret")"
		tls_certificate = "$raddb/chain.pem"
		tls_key = "$raddb/key.pem"
		tls_ca = "$raddb/ca.pem"
		tls_max_version = "${TLS_MAX_VERSION:-1.2}"
	END
	own root:freerad 750 "$raddb" "$raddb/lib"
	own freerad:freerad 750 "$raddb/state"
	find "$raddb" -maxdepth 1 -type f -print0 | while IFS= read -r -d '' file; do
		own root:freerad 640 "$file"
	done
}

make_directory
[ "$is_root" = no ] || make_users
make_certificates
mkdir -p "$dir/db" "$dir/keys" "$dir/log"
# Set-group-ID: what kanidm-core creates in there belongs to kanidm-read.
own kanidm-core:kanidm-read 2750 "$dir/db"
# FreeRADIUS reads radius.keys in there; password.keys is for its owner alone.
own kanidm-core:freerad 2750 "$dir/keys"
make_server_toml
make_raddb
chmod 600 "$dir/server.toml" "$dir/ca.pem" "$dir/radius.secret"
echo "$dir"
