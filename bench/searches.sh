# Searches over many messages. Sourced by bench/run.

# The members, and the messages that are searched, put there without the append.
search_filled() # DATABASE DIR
{
	local from=$SECONDS url=sqlite:$2/data/linnet.db
	[ "$1" != postgres ] || url=$DATABASE_URL
	mkdir -p "$2/data"
	admin "$2" create-user --count 100 --prefix member --tokens "$2/tokens"
	"$build/bench/messages" "$url" "$(head -1 "$2/tokens" | cut -d' ' -f1)" "$messages" 1000 2>"$tmp/log" ||
		die "messages: $(tail -1 "$tmp/log")"
	say "$messages messages on $1 in $((SECONDS - from)) s"
	search_settle "$1"
}

# As autovacuum would have it after a while.
search_settle() { [ "$1" != postgres ] || psql_run search -qc 'VACUUM ANALYZE' || die 'VACUUM ANALYZE'; }

# What the database takes.
search_bytes() # DATABASE DIR
{
	if [ "$1" = postgres ]; then
		psql_run search -Atc "SELECT pg_database_size('search')"
	else
		stat -c %s "$2/data/linnet.db"
	fi
}

# The server makes the index; its first searches wait for that.
search_indexed() # OUT DATABASE DIR
{
	local before
	before=$(search_bytes "$2" "$3")
	serve_start "$3"
	load "$3/setup" search --port "$port" --tokens "$3/tokens" --queries 1 --label "$2"
	server_stop
	search_settle "$2"
	printf '{"bench":"search","label":"%s/index","index_s":%s,"bytes_per_message":%s}\n' "$2" "$(field index_s "$3/setup")" \
		$((($(search_bytes "$2" "$3") - before) / messages)) >>"$1"
}

bench_search()
{
	local out=$1 database dir
	for database in sqlite postgres; do
		dir=$tmp/search-$database
		if [ $database = postgres ]; then
			postgres_start || { say "no Postgres: left out" && continue; }
			export DATABASE_URL=${postgres_url%/*}/search
		fi
		if [ ! -e "$dir/setup" ]; then
			[ $database = sqlite ] || psql_run postgres -qc 'CREATE DATABASE search'
			search_filled $database "$dir"
			search_indexed "$out" $database "$dir"
		fi
		serve_start "$dir"
		load "$out" search --port "$port" --tokens "$dir/tokens" --queries $queries --label $database
		load "$out" history --port "$port" --tokens "$dir/tokens" --queries $((5 * queries)) --label $database
		server_stop
		unset DATABASE_URL
	done
}
