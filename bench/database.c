#include "database.h"

#include "measure.h"
#include "options.h"

void database_open(struct database *d, const char *url)
{
	*d = (struct database){ 0 };
	struct db_options o = {
		.url = url, .statement_timeout_ms = 60000, .connect_timeout_ms = 5000, .most_connections = 2, .fsync = true
	};
	if (!url || db_create(&o, &d->db)) fail("--database-url is missing, or bad");
	d->conn = db_conn_create(d->db, DB_READ);
}

void database_close(struct database *d)
{
	db_conn_destroy(d->conn);
	db_destroy(d->db);
}

static const struct sql SQL_STATEMENTS = {
	"SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(rows), 0)::bigint, "
	"coalesce(sum(total_exec_time * 1000), 0)::bigint, "
	"coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint FROM pg_stat_statements "
	"WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query ~* $1 AND query !~* $2",
	NULL
};

static void take(const struct db_rows *r, void *arg)
{
	*(struct statements *)arg = (struct statements){ db_i64(r, 0), db_i64(r, 1), db_i64(r, 2), db_i64(r, 3) };
}

struct statements database_statements(struct database *d, const char *pattern, const char *but)
{
	struct statements s;
	if (db_one(d->conn, &SQL_STATEMENTS, DB_ARGS(DB_TEXT(str_of(pattern)), DB_TEXT(str_of(but))), take, &s))
		fail("pg_stat_statements cannot be read");
	return s;
}

struct statements statements_since(struct statements a, struct statements b)
{
	return (struct statements){ b.calls - a.calls, b.rows - a.rows, b.us - a.us, b.blocks - a.blocks };
}

static const struct sql SQL_BACKENDS = {
	"SELECT pid::bigint FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND "
	"strpos(query, $1) > 0",
	NULL
};

static void backend_see(struct database *d, pid_t pid)
{
	int64_t ns;
	for (size_t i = 0; i < d->n_backends; i++)
		if (d->backends[i].pid == pid) return;
	if (d->n_backends == BACKENDS_MOST) fail("more than %d connections of the pods", BACKENDS_MOST);
	if (cpu_of(pid, &ns)) d->backends[d->n_backends++] = (struct backend){ pid, ns, ns };
}

int64_t database_cpu(struct database *d, const char *text)
{
	struct db_rows rows;
	int64_t sum = 0, ns;
	if (db_query(d->conn, &SQL_BACKENDS, DB_ARGS(DB_TEXT(str_of(text))), &rows))
		fail("pg_stat_activity cannot be read");
	while (db_next(&rows)) backend_see(d, (pid_t)db_i64(&rows, 0));
	if (db_end(&rows)) fail("pg_stat_activity cannot be read");
	for (size_t i = 0; i < d->n_backends; i++) {
		struct backend *b = &d->backends[i];
		if (cpu_of(b->pid, &ns)) b->ns = ns;
		sum += b->ns - b->begun_ns;
	}
	return sum;
}

static const struct sql SQL_TABLE = {
	"SELECT pg_table_size(relid), pg_indexes_size(relid), n_live_tup, n_dead_tup, n_tup_ins, n_tup_upd, n_tup_hot_upd, "
	"autovacuum_count FROM pg_stat_user_tables WHERE relname = $1",
	NULL
};

static void take_table(const struct db_rows *r, void *arg)
{
	*(struct table_size *)arg = (struct table_size){ db_i64(r, 0), db_i64(r, 1), db_i64(r, 2), db_i64(r, 3),
													 db_i64(r, 4), db_i64(r, 5), db_i64(r, 6), db_i64(r, 7) };
}

struct table_size database_table(struct database *d, const char *table)
{
	struct table_size t;
	if (db_one(d->conn, &SQL_TABLE, DB_ARGS(DB_TEXT(str_of(table))), take_table, &t))
		fail("there is no table %s", table);
	return t;
}
