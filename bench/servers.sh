# Servers of the benchmark, one at a time, each on the first processor unless `free` is set. Sourced by bench/run.
# They leave $server, its process, and $port.

# Waits until the program says where it listens; what it logs goes to $tmp/log.
listening_wait()
{
	local i
	for ((i = 0; i < 600; i++)); do
		port=$(sed -n 's/.*"listening".*"address":"[^"]*:\([0-9]*\)".*/\1/p' "$tmp/log" | head -1)
		[ -z "$port" ] || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	tail -5 "$tmp/log" >&2
	die 'a server did not start'
}

program_start()
{
	: >"$tmp/log"
	if [ -n "${free-}" ]; then "$@" 2>"$tmp/log" & else taskset -c 0 "$@" 2>"$tmp/log" & fi
	server=$!
	listening_wait
}

# linnet_start ARGUMENT...: one reactor, no rate limits; further settings come from the environment.
linnet_start()
{
	LINNET_RATE_MESSAGES=off LINNET_RATE_REQUESTS=off LINNET_RATE_LOGIN=off LINNET_RATE_REGISTER=off LINNET_RATE_SEARCH=off LINNET_RATE_PEOPLE=off LINNET_ACCESS_LOG=false \
		LINNET_REACTORS=1 LINNET_LOG_LEVEL=info program_start "$build/linnet" "$@" --listen 127.0.0.1:0
}
serve_start() { linnet_start serve --data "$1/data"; } # DIR
backend_start() { linnet_start backend; }

server_wait() # it ends by itself
{
	wait "$server" || die 'a program of the benchmark failed'
	server=
}

server_stop()
{
	[ -n "$server" ] || return 0
	kill "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	server=
}

# members_make DIR CHANNELS MEMBERS: a data directory, tokens of MEMBERS in DIR/tokens, all of them in #general and in
# CHANNELS more, whose ids are in DIR/channels. In one transaction: 10,000 members in 50 channels are half a million rows.
# It is made once; every round finds it.
members_make()
{
	local dir=$1 names
	[ ! -e "$dir/made" ] || return 0
	say "$3 members in $2 channels"
	mkdir -p "$dir/data"
	names=$(seq -f 'bench-%g' -s, 1 "$2")
	admin "$dir" create-user --count "$3" --prefix member --tokens "$dir/tokens" ${names:+--channels "$names"}
	if [ "$2" -gt 0 ]; then
		serve_start "$dir"
		load "$dir/setup" channels --port "$port" --tokens "$dir/tokens"
		server_stop
		channel_ids "$dir/setup" >"$dir/channels"
	fi
	: >"$dir/made"
}
admin()
{
	local dir=$1
	shift
	"$build/linnet" admin "$@" --data "$dir/data" >"$tmp/log" 2>&1 || { tail -5 "$tmp/log" >&2 && die "linnet admin $1 failed"; }
}

# ---- Postgres, with its own settings as they come: fsync is on; statements are counted where a database says so. Leaves $postgres and $postgres_url.
postgres= postgres_url=
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
psql_run() { as_postgres "$(postgres_bin)/psql" -d "${postgres_url%/*}/$1" "${@:2}"; } # DATABASE ARGUMENT...

postgres_start()
{
	[ -z "$postgres" ] || return 0
	local bin dir=$tmp/postgres i
	bin=$(postgres_bin)
	[ -n "$bin" ] || return 1
	chmod 711 "$tmp"
	mkdir -p "$dir"
	[ "$(id -u)" != 0 ] || chown postgres "$dir"
	as_postgres "$bin/initdb" -D "$dir/data" -U linnet -A trust -E UTF8 --locale=C >"$tmp/initdb.log" 2>&1 || return 1
	local port=$((20000 + RANDOM % 10000))
	as_postgres "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses=127.0.0.1 -p "$port" \
		-c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=none >"$tmp/postgres.log" 2>&1 &
	for ((i = 0; i < 600; i++)); do
		! as_postgres "$bin/psql" -h "$dir" -p "$port" -U linnet -d postgres -qc 'CREATE DATABASE linnet' >/dev/null 2>&1 || break
		sleep 0.05
	done
	as_postgres "$bin/psql" -h "$dir" -p "$port" -U linnet -d postgres -qc 'CREATE DATABASE bare' || return 1
	postgres=$(head -1 "$dir/data/postmaster.pid")
	postgres_url=postgresql://linnet@127.0.0.1:$port/linnet
}

postgres_stop()
{
	[ -z "$postgres" ] || kill -INT "$postgres" 2>/dev/null || true
	[ -z "$postgres" ] || wait || true
	postgres=
}
