# Several pods on one Postgres and one Redis, all on the first processor. Sourced by bench/run.
# They leave $pod_ports and $pod_pids, and of each list "PORT:PID,..." by pods_from.
pod_ports=() pod_pids=() redis=

# redis_start: nothing in it must survive. Leaves $redis and REDIS_URL.
redis_start()
{
	local i port
	command -v redis-server >/dev/null || return 1
	for ((i = 0; i < 20; i++)); do
		port=$((20000 + RANDOM % 10000))
		: >"$tmp/redis.log"
		taskset -c 0 redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$tmp" >"$tmp/redis.log" 2>&1 &
		redis=$!
		until grep -q 'Ready to accept connections' "$tmp/redis.log"; do
			kill -0 "$redis" 2>/dev/null || continue 2 # the port was taken
			sleep 0.05
		done
		export REDIS_URL=redis://127.0.0.1:$port/0
		return 0
	done
	return 1
}

redis_stop()
{
	[ -z "$redis" ] || process_end KILL "$redis"
	redis=
	unset REDIS_URL
}

process_end() # SIGNAL PID: and is waited for
{
	kill -"$1" "$2" 2>/dev/null || true
	wait "$2" 2>/dev/null || true
}

# pods_start N: as serve_start, of backends. Each is waited for.
pods_start()
{
	local i
	export JWT_SECRET=${JWT_SECRET-$(od -An -N 32 -tx1 /dev/urandom | tr -d ' \n')}
	export LINNET_DRAIN_ACCEPT_S=0 LINNET_DRAIN_S=1
	for ((i = 0; i < $1; i++)); do
		backend_start
		pod_ports+=("$port") pod_pids+=("$server")
		server=
	done
}

pods_stop()
{
	local pid
	for pid in "${pod_pids[@]}"; do process_end TERM "$pid"; done
	pod_ports=() pod_pids=()
}

# pods_from FIRST [COUNT]: "PORT:PID,..." of them.
pods_from()
{
	local i list=
	for ((i = $1; i < $1 + ${2:-1}; i++)); do list+=${list:+,}${pod_ports[i]}:${pod_pids[i]}; done
	echo "$list"
}

# cluster_start DATABASE: Postgres and Redis, with a database of that name, which is made once. Leaves DATABASE_URL.
cluster_start()
{
	postgres_start || { say 'no Postgres: left out' && return 1; }
	redis_start || { say 'no Redis: left out' && return 1; }
	taskset -acp 0 "$postgres" >/dev/null
	export DATABASE_URL=${postgres_url%/*}/$1
	[ -e "$tmp/$1.made" ] || psql_run postgres -qc "CREATE DATABASE $1"
	: >"$tmp/$1.made"
}

# statements_count DATABASE: from now on, by connections that are made anew.
statements_count()
{
	psql_run "$1" -qc 'CREATE EXTENSION IF NOT EXISTS pg_stat_statements' -c "ALTER DATABASE $1 SET pg_stat_statements.track = top"
}

# group_make NAME PREFIX COUNT CHANNELS: COUNT people in #general and CHANNELS of their own, their tokens added to $tmp/NAME/tokens.
group_make()
{
	admin "$tmp/$1" create-user --count "$3" --prefix "$2" --tokens "$tmp/$1/group" --channels "$(seq -f "$2-%g" -s, 1 "$4")"
	cat "$tmp/$1/group" >>"$tmp/$1/tokens"
	rm "$tmp/$1/group" # it would not be written over
}

cluster_stop()
{
	pods_stop
	redis_stop
	[ -z "$postgres" ] || taskset -acp "0-$(($(nproc) - 1))" "$postgres" >/dev/null
	unset DATABASE_URL
}
