#include "store/mention.h"

#include <string.h>

#include "model/mention.h"

static const struct sql SQL_NAMED = {
	"SELECT u.user_id FROM users u JOIN members m ON m.channel_id = $2 AND m.user_id = u.user_id AND m.left_rev IS "
	"NULL "
	"WHERE u.username = $1 AND u.user_id <> $3 AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = u.user_id AND "
	"b.blocked_id = $3)",
	NULL,
};
static const struct sql SQL_INSERT = {
	"INSERT INTO mentions (channel_id, message_id, user_id, thread_id, at) VALUES ($1, $2, $3, $4, $5)", NULL
};
static const struct sql SQL_DELETE = { "DELETE FROM mentions WHERE channel_id = $1 AND message_id = $2", NULL };

static void id_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

/* Ascending, as they are read later. */
static void insert_sorted(struct message *m, int64_t id)
{
	size_t i = m->n_mentions++;
	for (; i > 0 && m->mention_ids[i - 1] > id; i--) m->mention_ids[i] = m->mention_ids[i - 1];
	m->mention_ids[i] = id;
}

enum err mentions_resolve(struct db_conn *c, struct arena *a, struct message *m, bool all)
{
	struct mentions found;
	enum err e = OK;
	m->n_mentions = 0, m->mention_ids = NULL, m->mention_all = false;
	if (!m->body.n || !memchr(m->body.p, '@', m->body.n)) return OK;
	mentions_find(m->body, &found);
	m->mention_all = found.all && all;
	if (found.n) m->mention_ids = arena_array(a, int64_t, found.n);
	for (size_t i = 0; i < found.n && !e; i++) {
		int64_t id = 0;
		e = db_one(c, &SQL_NAMED,
				   DB_ARGS(DB_TEXT(mention_name(&found, i)), DB_I64(m->channel_id), DB_I64(m->author_id)), id_take,
				   &id);
		if (e == ERR_NOT_FOUND) e = OK;
		if (id) insert_sorted(m, id);
	}
	return e;
}

enum err mentions_write(struct db_conn *c, const struct message *m, int64_t at)
{
	enum err e = OK;
	for (size_t i = 0; i < m->n_mentions && !e; i++)
		e = db_exec(c, &SQL_INSERT,
					DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), DB_I64(m->mention_ids[i]),
							db_opt(m->thread_id), DB_I64(at)),
					NULL);
	return e;
}

enum err mentions_rewrite(struct db_conn *c, const struct message *m, int64_t at)
{
	enum err e = db_exec(c, &SQL_DELETE, DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id)), NULL);
	return e ? e : mentions_write(c, m, at);
}
