/* Bare batches: 500 messages of 200 bytes over 100 channels in one transaction, one after the other, into the server's
 * own table with its keys and indexes, by one statement without a server. What a commit in batches could reach at most.
 *
 *   batches DATABASE_URL [MILLISECONDS]      the database is its own, filled with nothing else
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/db.h"
#include "db/migrate.h"
#include "measure.h"
#include "options.h"
#include "result.h"
#include "store/migrations.h"

#define BATCH 500
#define BATCHES_MOST 100000

#define COLUMNS                                                                                                        \
	"INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, "  \
	"body, "                                                                                                           \
	"created_at) "
#define PLACE "i % 100 + 1, $1 + i / 100, $1 + i / 100, $1 + i / 100, $1 + i / 100, $1 + i / 100, "
static const struct sql insert = {
	COLUMNS "SELECT " PLACE "n, n || n, 1 + i % 256, repeat('x', 200), $2 "
			"FROM (SELECT i, uuid_send(gen_random_uuid()) AS n FROM generate_series(0, 499) i) g",
	"WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g WHERE i < 499) " COLUMNS "SELECT " PLACE
	"randomblob(16), randomblob(32), 1 + i % 256, printf('%.*c', 200, 'x'), $2 FROM g"
};
static const struct sql last = { "SELECT coalesce(max(message_id), 0) FROM messages WHERE channel_id = 1", NULL };

static void take(const struct db_rows *rows, void *arg)
{
	*(int64_t *)arg = db_i64(rows, 0);
}

static void batch(struct db_conn *c, int64_t first)
{
	int64_t changed = 0;
	if (db_begin(c) || db_exec(c, &insert, DB_ARGS(DB_I64(first), DB_I64(clock_wall_ms(&clock_real))), &changed) ||
		db_commit(c))
		fail("a batch failed");
	if (changed != BATCH) fail("a batch wrote %lld rows", (long long)changed);
}

int main(int argc, char **argv)
{
	static struct hist h;
	struct db *db;
	int64_t ms = argc > 2 ? atoll(argv[2]) : 2000, first = 0, n = 0;
	struct db_options o = {
		.statement_timeout_ms = 60000, .connect_timeout_ms = 5000, .most_connections = 2, .fsync = true
	};
	if (argc < 2 || ms < 1 || ms > 600000) fail("batches DATABASE_URL [MILLISECONDS]");
	o.url = argv[1];
	if (db_create(&o, &db)) fail("a bad URL");
	struct db_conn *c = db_conn_create(db, DB_APPEND);
	if (migrate_up(c, migration_list, migration_count, NULL) || db_one(c, &last, DB_NO_ARGS, take, &first))
		fail("no database");
	int64_t start = now_ns(), at = start, cpu = cpu_self();
	for (; at < start + ms * 1000000 && n < BATCHES_MOST; n++) {
		batch(c, first + 1 + n * (BATCH / 100));
		int64_t now = now_ns();
		hist_add(&h, now - at);
		at = now;
	}
	cpu = cpu_self() - cpu;
	db_conn_destroy(c);
	db_destroy(db);

	double seconds = (double)(at - start) / 1e9;
	struct result r;
	result_open(&r, "sends", strncmp(argv[1], "sqlite:", 7) != 0 ? "postgres/bare" : "sqlite/bare");
	result_real(&r, "seconds", seconds);
	result_int(&r, "messages", n * BATCH);
	result_real(&r, "messages_per_s", (double)n * BATCH / seconds);
	result_int(&r, "messages_per_commit", BATCH);
	result_real(&r, "server_cpu_s", (double)cpu / 1e9);
	result_real(&r, "p50_us", (double)hist_at(&h, 0.5) / 1e3);
	result_real(&r, "p99_us", (double)hist_at(&h, 0.99) / 1e3);
	result_close(&r);
	return 0;
}
