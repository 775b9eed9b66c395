#include "database.h"

#include "options.h"

void database_open(struct database *d, const char *url)
{
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
