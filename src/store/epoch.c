/* In Postgres the epoch is computed by each transaction that asks (linnet_epoch() in the migrations); `meta` remembers
 * the last one that was served. An SQLite file is one history: what it was given at first stays. */
#include "store/epoch.h"

#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "codec/codec.h"

#define ADVISORY_LOCK "7310591024" /* of whoever stores an epoch */

static const struct sql SQL_LOCK = { "SELECT pg_advisory_xact_lock(" ADVISORY_LOCK ")", NULL };
static const struct sql SQL_GET = { "SELECT value FROM meta WHERE key = $1", NULL };
static const struct sql SQL_PUT = {
	"INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", NULL
};
static const struct sql SQL_MADE = { "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
									 NULL };
static const struct sql SQL_EPOCH = { "SELECT linnet_epoch()", "SELECT value FROM meta WHERE key = 'epoch'" };
static const struct sql SQL_FORGET_MOVES = { "DELETE FROM moves", NULL };

struct text {
	char z[64];
};

static void text_take(const struct db_rows *r, void *arg)
{
	struct text *t = arg;
	struct str s = str_upto(db_str(r, 0), sizeof t->z - 1);
	memcpy(t->z, s.p ? s.p : "", s.n);
	t->z[s.n] = 0;
}

/* Empty where there is none. */
static enum err meta_get(struct db_conn *c, const char *key, struct text *out)
{
	out->z[0] = 0;
	enum err e = db_one(c, &SQL_GET, DB_ARGS(DB_TEXT(str_of(key))), text_take, out);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err meta_put(struct db_conn *c, const struct sql *q, const char *key, const char *value)
{
	return db_exec(c, q, DB_ARGS(DB_TEXT(str_of(key)), DB_TEXT(str_of(value))), NULL);
}

static enum err uuid_open(struct db_conn *c, char out[37])
{
	char made[UUID_TEXT + 1];
	struct text t;
	enum err e = meta_get(c, "uuid", &t);
	if (!e && !t.z[0]) {
		uuid_make(&random_kernel, made);
		e = meta_put(c, &SQL_MADE, "uuid", made);
		if (!e) e = meta_get(c, "uuid", &t);
	}
	memcpy(out, t.z, UUID_TEXT);
	out[UUID_TEXT] = 0;
	return e;
}

/* SQLite: given once. */
static enum err epoch_made(struct db_conn *c, const char *uuid)
{
	char text[17];
	if (db_conn_kind(c) == DB_POSTGRES) return OK;
	uint64_t hash = hash_bytes(uuid, strlen(uuid), 1);
	codec_epoch(text, hash ? hash : 1);
	return meta_put(c, &SQL_MADE, "epoch", text);
}

static void epoch_take(const struct db_rows *r, void *arg)
{
	uint64_t *hash = arg;
	if (db_conn_kind(r->conn) == DB_POSTGRES)
		*hash = (uint64_t)db_i64(r, 0);
	else
		codec_epoch_parse(db_str(r, 0), hash);
	if (!*hash) *hash = 1;
}

enum err epoch_read(struct db_conn *c, uint64_t *hash)
{
	*hash = 0;
	enum err e = db_one(c, &SQL_EPOCH, DB_NO_ARGS, epoch_take, hash);
	return e == ERR_NOT_FOUND ? ERR_INTERNAL : e;
}

/* Rows of another history would hide what this one moves. */
static enum err epoch_store(struct db_conn *c, uint64_t hash)
{
	char text[17];
	struct text stored;
	codec_epoch(text, hash);
	enum err e = meta_get(c, "epoch", &stored);
	if (e || !strcmp(stored.z, text)) return e;
	if (stored.z[0]) log_event(LOG_WARN, "epoch.changed", LOG_TEXT("before", stored.z), LOG_TEXT("now", text));
	e = db_exec(c, &SQL_FORGET_MOVES, DB_NO_ARGS, NULL);
	return e ? e : meta_put(c, &SQL_PUT, "epoch", text);
}

static enum err epoch_found(struct db_conn *c, struct epoch *out)
{
	enum err e = OK;
	if (db_conn_kind(c) == DB_POSTGRES) e = db_one(c, &SQL_LOCK, DB_NO_ARGS, NULL, NULL);
	if (!e) e = uuid_open(c, out->uuid);
	if (!e) e = epoch_made(c, out->uuid);
	if (!e) e = epoch_read(c, &out->hash);
	return e ? e : epoch_store(c, out->hash);
}

enum err epoch_open(struct db_conn *c, struct epoch *out)
{
	*out = (struct epoch){ 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = epoch_found(c, out);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

static const struct sql SQL_FORGET = { "DELETE FROM meta WHERE key IN ('uuid', 'epoch')", NULL };
static const struct sql SQL_FORGET_APPENDERS = { "DELETE FROM appenders", NULL };

enum err epoch_renew(struct db_conn *c)
{
	struct epoch made;
	enum err e = db_begin(c);
	if (e) return e;
	e = db_exec(c, &SQL_FORGET, DB_NO_ARGS, NULL);
	if (!e) e = db_exec(c, &SQL_FORGET_MOVES, DB_NO_ARGS, NULL);
	if (!e) e = db_exec(c, &SQL_FORGET_APPENDERS, DB_NO_ARGS, NULL);
	if (!e) e = epoch_found(c, &made);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}
