# ./dev cluster: PostgreSQL, Redis, backends and nginx as processes of this machine, as they stand on a cluster. Sourced by ./dev.

cluster_usage='./dev cluster [--pods 2] [--port 8080] [--data ./data-cluster]'
declare -A part_of # a process: which part it is
parts=()           # processes in the order of their start

# part NAME COMMAND...: starts a process whose output goes to its log. It is in a session of its own, so that Ctrl-C reaches this
# script alone, which knows in what order to stop; and it ends with this script, whatever happens to that.
part()
{
	local name=$1
	shift
	: >"$data/log/$name" # at once: what an earlier life said must not be taken for this one's
	setsid setpriv --pdeathsig TERM "$@" >>"$data/log/$name" 2>&1 </dev/null 9>&- &
	part_of[$!]=$name
	parts+=($!)
}

part_wait() # until NAME is so far: COMMAND succeeds
{
	local name=$1 pid=${parts[-1]} i
	shift
	for ((i = 0; i < 600; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	part_failed "$name" 'did not start'
}

part_failed()
{
	say "$1 $2; the end of $data/log/$1:"
	tail -15 "$data/log/$1" >&2
	exit 1
}

# Backends first, while what they need is there; each part is waited for.
cluster_stop()
{
	local rc=$? i
	trap - EXIT
	trap '' INT TERM
	for name in nginx pod redis postgres; do
		for pid in "${parts[@]}"; do
			[[ ${part_of[$pid]} == $name* ]] || continue
			# SIGINT: Postgres cuts its clients off and ends well
			kill -$([ $name = postgres ] && echo INT || echo TERM) "$pid" 2>/dev/null || true
		done
		for pid in "${parts[@]}"; do
			[[ ${part_of[$pid]} == $name* ]] || continue
			for ((i = 0; i < 300; i++)); do
				kill -0 "$pid" 2>/dev/null || break
				sleep 0.05
			done
			! kill -KILL "$pid" 2>/dev/null || say "${part_of[$pid]} did not end and was killed"
		done
	done
	say 'stopped'
	exit $rc
}

free_port()
{
	local port
	while :; do
		port=$((12000 + RANDOM % 18000))
		(: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo $port
}

postgres_bin() { ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1; }

# It refuses to run as root.
as_postgres=()
[ "$(id -u)" != 0 ] || as_postgres=(setpriv --reuid postgres --regid postgres --init-groups)

cluster_postgres()
{
	local dir=$data/postgres bin port
	bin=$(postgres_bin)
	port=$(free_port)
	mkdir -p "$dir"
	if [ ${#as_postgres[@]} -gt 0 ]; then
		chown postgres "$dir"
		"${as_postgres[@]}" test -w "$dir" || die "the user postgres cannot come to $dir: give another place by --data"
	fi
	if [ ! -e "$dir/main/PG_VERSION" ]; then
		say "making the database in $dir"
		rm -rf "$dir/new"
		(cd "$dir" && quietly "${as_postgres[@]}" "$bin/initdb" -D new -U linnet -A trust -E UTF8 --locale=C) || die 'initdb failed'
		mv "$dir/new" "$dir/main" # whole, or not there
	fi
	part postgres "${as_postgres[@]}" setpriv --pdeathsig INT "$bin/postgres" -D "$dir/main" -p "$port" \
		-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200
	part_wait postgres "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"
	if [ -z "$("$bin/psql" -h 127.0.0.1 -p "$port" -U linnet -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname = 'linnet'")" ]; then
		"$bin/psql" -h 127.0.0.1 -p "$port" -U linnet -d postgres -qc 'CREATE DATABASE linnet'
	fi
	export DATABASE_URL=postgresql://linnet@127.0.0.1:$port/linnet
	say "database $DATABASE_URL"
}

# Nothing in it must survive.
cluster_redis()
{
	local port
	port=$(free_port)
	part redis redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$data"
	part_wait redis redis-cli -p "$port" ping
	export REDIS_URL=redis://127.0.0.1:$port/0
	say "redis $REDIS_URL"
}

listening() { grep -q '"event":"listening"' "$data/log/$1"; }
address_of() { sed -n 's/.*"event":"listening".*"address":"\([^"]*\)".*/\1/p' "$data/log/$1" | head -1; }

# The same for all; what the environment says goes before.
cluster_settings()
{
	umask 077
	[ -s "$data/secret" ] || od -An -N 32 -tx1 /dev/urandom | tr -d ' \n' >"$data/secret"
	[ -s "$data/setup_code" ] || od -An -N 8 -tx1 /dev/urandom | tr -d ' \n' >"$data/setup_code"
	umask 022
	export JWT_SECRET=${JWT_SECRET-$(<"$data/secret")}
	export LINNET_SETUP_CODE=${LINNET_SETUP_CODE-$(<"$data/setup_code")}
	export LINNET_REGISTRATION=${LINNET_REGISTRATION-open}
	export PUBLIC_URL=${PUBLIC_URL-http://127.0.0.1:$1}
	export TRUSTED_PROXIES=127.0.0.1/32
	# nobody else sends people here while one of them stops
	export LINNET_DRAIN_ACCEPT_S=${LINNET_DRAIN_ACCEPT_S-0} LINNET_DRAIN_S=${LINNET_DRAIN_S-1}
}

cluster_run()
{
	local pods=2 port=8080 i ports=() died
	data=$PWD/data-cluster # not in ./data, which `serve` keeps to its owner: Postgres runs as another
	while [ $# -gt 0 ]; do
		case $1 in
		--pods=* | --port=* | --data=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
		--pods) pods=${2-} && shift 2 ;;
		--port) port=${2-} && shift 2 ;;
		--data) data=$(realpath -m "${2-}") && shift 2 ;;
		*) die "usage: $cluster_usage" ;;
		esac
	done
	[[ $pods =~ ^[1-9][0-9]?$ && $port =~ ^[0-9]+$ ]] || die "usage: $cluster_usage"
	mkdir -p "$data/log"
	exec 9>"$data/lock"
	flock -n 9 || die "a cluster runs on $data already"
	[ "$port" != 0 ] || port=$(free_port)
	! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || die "port $port is taken: give another by --port"
	trap cluster_stop EXIT
	trap 'exit 0' INT TERM
	cluster_settings "$port"
	cluster_postgres
	cluster_redis
	for ((i = 1; i <= pods; i++)); do
		part "pod-$i" build/linnet backend --listen 127.0.0.1:0
		part_wait "pod-$i" listening "pod-$i"
		ports+=("$(address_of "pod-$i" | sed 's/.*://')")
		say "pod-$i on http://$(address_of "pod-$i"), process ${parts[-1]}, its log in $data/log/pod-$i"
	done
	tools/dev/nginx.sh "$data" "$port" "${ports[@]}" >"$data/nginx.conf"
	part nginx nginx -p "$data" -c "$data/nginx.conf" -e stderr
	part_wait nginx eval "(: </dev/tcp/127.0.0.1/$port)"
	say "the first account needs the setup code $LINNET_SETUP_CODE"
	say "open http://127.0.0.1:$port (Ctrl-C stops it)"
	wait -n -p died "${parts[@]}" || true
	[ -z "${died-}" ] || part_failed "${part_of[$died]}" 'ended by itself'
}
