/* In place of src/store/epoch.c, with the same functions, as on Postgres: the epoch is the server's, whoever asks, and
 * the database keeps the last one that it was served under. */
#include "store/epoch.h"

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "db.h"

static const struct sql SQL_GET = { "SELECT value FROM meta WHERE key = $1", NULL };
static const struct sql SQL_PUT = {
	"INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", NULL
};

static void stored_take(const struct db_rows *r, void *arg)
{
	codec_epoch_parse(db_str(r, 0), arg);
}

static enum err stored_get(struct db_conn *c, uint64_t *out)
{
	*out = 0;
	enum err e = db_one(c, &SQL_GET, DB_ARGS(DB_TEXT(STR("epoch"))), stored_take, out);
	return e == ERR_NOT_FOUND ? OK : e;
}

uint64_t sim_db_stored_epoch(struct sim_db *d)
{
	uint64_t stored;
	bool looking = d->looking;
	d->looking = true;
	if (stored_get(d->look, &stored)) abort();
	d->looking = looking;
	return stored;
}

enum err epoch_read(struct db_conn *c, uint64_t *hash)
{
	uint64_t stored;
	enum err e = stored_get(c, &stored); /* a statement, which may fail */
	*hash = e ? 0 : sim_db_of(c)->epoch;
	return e;
}

static enum err store(struct db_conn *c, uint64_t hash)
{
	char text[17];
	uint64_t stored;
	codec_epoch(text, hash);
	enum err e = stored_get(c, &stored);
	if (e || stored == hash) return e;
	return db_exec(c, &SQL_PUT, DB_ARGS(DB_TEXT(STR("epoch")), DB_TEXT(str_of(text))), NULL);
}

enum err epoch_open(struct db_conn *c, struct epoch *out)
{
	struct sim_db *d = sim_db_of(c);
	*out = (struct epoch){ .uuid = "00000000-0000-4000-8000-000000000000", .hash = d->epoch };
	bool other = sim_db_stored_epoch(d) != d->epoch;
	enum err e = db_begin(c);
	if (e) return e;
	e = store(c, d->epoch);
	if (e)
		db_rollback(c);
	else
		e = db_commit(c);
	if (other && sim_db_stored_epoch(d) == d->epoch) moves_forget(&d->history); /* also when its answer was lost */
	return e;
}
