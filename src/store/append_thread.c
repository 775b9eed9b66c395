/* Replies in threads. A root shows what its thread is by absolute values, which move with the rev of the reply (or of a
 * reply's deletion) under the head's lock. Each reply keeps what its root had become by it, and a deletion's row has it
 * in its data: so their events say the same whenever they are read.
 *
 * Whoever replies, is mentioned in the thread or has written its root follows it from then on: a row once, and a move
 * of the person's head, which is locked before. Who has a row is not written again, but that a mention or an own reply
 * makes one follow who had stopped. */
#include "codec/codec.h"
#include "model/mention.h"
#include "store/append_tx.h"
#include "store/indexed.h"
#include "store/rows.h"

static const struct sql SQL_ROOT = {
	"SELECT author_id, deleted_at, thread_id, thread_count, thread_last_id, thread_last_at, thread_last_seq, "
	"thread_users FROM messages WHERE channel_id = $1 AND message_id = $2",
	NULL,
};
static const struct sql SQL_ROOT_WRITE = {
	"UPDATE messages SET thread_count = $3, thread_last_id = $4, thread_last_at = $5, thread_last_seq = $6, "
	"thread_users = $7, changed_rev = $8 WHERE channel_id = $1 AND message_id = $2",
	NULL,
};
static const struct sql SQL_NAMED = { "SELECT user_id FROM users WHERE username = $1", NULL };
static const struct sql SQL_FOLLOWERS = {
	"SELECT user_id, following FROM thread_follows WHERE channel_id = $1 AND thread_id = $2 AND " IDS_ANY("user_id",
																										  "$3"),
	"SELECT user_id, following FROM thread_follows WHERE channel_id = $1 AND thread_id = $2 AND " IDS_ANY_SQLITE(
		"user_id", "$3"),
};
/* $6: also one who has stopped. $7: not who has blocked this person. */
static const struct sql SQL_FOLLOW = {
	"INSERT INTO thread_follows (channel_id, thread_id, user_id, following, read_seq, user_rev) "
	"SELECT $1, $2, $3, 1, $4, $5 WHERE EXISTS (SELECT 1 FROM members m WHERE m.channel_id = $1 AND m.user_id = $3 AND "
	"m.left_rev IS NULL) AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = $3 AND b.blocked_id = $7) "
	"ON CONFLICT (channel_id, thread_id, user_id) DO UPDATE SET following = 1, "
	"read_seq = excluded.read_seq, user_rev = excluded.user_rev WHERE thread_follows.following = 0 AND $6 = 1",
	NULL,
};

/* ---- who will follow */

static void id_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static enum err look_up(struct append_tx *tx, const struct sql *q, struct db_args args, int64_t *ids, size_t *n)
{
	ids[*n] = 0;
	enum err e = db_one(tx->c, q, args, id_take, &ids[*n]);
	if (ids[*n]) ++*n;
	return e == ERR_NOT_FOUND ? OK : e;
}

/* The actor and the root's author first, then whom it names. Whether they are members is seen when it is written. */
static enum err candidates(struct append_tx *tx, const struct change *c, int64_t actor_id, int64_t *ids, size_t *n)
{
	struct mentions found;
	ids[0] = actor_id, *n = 1;
	mentions_find(c->send->body, &found);
	enum err e = look_up(tx, &SQL_ROOT, DB_ARGS(DB_I64(c->channel_id), DB_I64(c->send->thread_id)), ids, n);
	for (size_t i = 0; i < found.n && !e; i++)
		e = look_up(tx, &SQL_NAMED, DB_ARGS(DB_TEXT(mention_name(&found, i))), ids, n);
	return e;
}

enum err thread_gather(struct append_tx *tx, const struct change *c, int64_t actor_id)
{
	int64_t ids[2 + MESSAGE_MENTIONS + 1];
	size_t n;
	struct db_rows rows;
	struct tx_member me;
	enum err e = tx_member_read(tx, c->channel_id, actor_id, &me);
	if (e || !me.member) return e; /* will be refused: nobody is looked up, or locked, for those outside */
	e = candidates(tx, c, actor_id, ids, &n);
	if (!e)
		e = db_query(tx->c, &SQL_FOLLOWERS,
					 DB_ARGS(DB_I64(c->channel_id), DB_I64(c->send->thread_id), ids_param(tx->c, tx->a, ids, n)),
					 &rows);
	if (e) return e;
	while (db_next(&rows))
		for (size_t i = 0; i < n; i++)
			if (ids[i] == db_i64(&rows, 0) && db_i64(&rows, 1)) ids[i] = 0;
	for (size_t i = 0; i < n; i++) tx_want_person(tx, ids[i]);
	return db_end(&rows);
}

/* Who is not among those whose heads were locked follows it already. */
static enum err follow(struct tx_ask *q, const struct message *m, int64_t user_id, int64_t read_seq, bool again,
					   int64_t named_by)
{
	const struct tx_person *p = id_map_get(&q->tx->people, user_id);
	int64_t n = 0;
	if (!p) return OK;
	enum err e = db_exec(q->tx->c, &SQL_FOLLOW,
						 DB_ARGS(DB_I64(m->channel_id), DB_I64(m->thread_id), DB_I64(user_id), DB_I64(read_seq),
								 DB_I64(p->rev + 1), DB_BOOL(again), DB_I64(named_by)),
						 &n);
	if (!e && n) tx_person_rev(q->tx, user_id);
	return e;
}

/* Who replies has read what was there; to the others what is new begins with this reply. */
static enum err follow_all(struct tx_ask *q, const struct message *m)
{
	enum err e = follow(q, m, m->author_id, m->thread_seq, true, 0);
	for (size_t i = 0; i < m->n_mentions && !e; i++)
		e = follow(q, m, m->mention_ids[i], m->thread_seq - 1, true, m->author_id);
	return e ? e : follow(q, m, q->root.author_id, m->thread_seq - 1, false, 0);
}

/* ---- the root */

struct root_row {
	struct tx_ask *q;
	bool deleted;
	int64_t thread_id;
};

static void root_take(const struct db_rows *r, void *arg)
{
	struct root_row *row = arg;
	struct thread *t = &row->q->root.thread;
	row->q->root.author_id = db_i64(r, 0);
	row->deleted = !db_is_null(r, 1);
	row->thread_id = db_i64(r, 2);
	*t = (struct thread){
		.count = db_i64(r, 3), .last_id = db_i64(r, 4), .last_at = db_i64(r, 5), .last_seq = db_i64(r, 6)
	};
	thread_users_parse(db_str(r, 7), t);
}

static enum err root_read(struct tx_ask *q, int64_t root_id, struct root_row *row)
{
	*row = (struct root_row){ .q = q };
	return db_one(q->tx->c, &SQL_ROOT, DB_ARGS(DB_I64(q->c->channel_id), DB_I64(root_id)), root_take, row);
}

static enum err root_write(struct tx_ask *q, int64_t root_id, int64_t rev)
{
	const struct thread *t = &q->root.thread;
	return db_exec(q->tx->c, &SQL_ROOT_WRITE,
				   DB_ARGS(DB_I64(q->c->channel_id), DB_I64(root_id), DB_I64(t->count), db_opt(t->last_id),
						   db_opt(t->last_at), db_opt(t->last_seq), DB_TEXT(thread_users_text(q->tx->a, t)),
						   DB_I64(rev)),
				   NULL);
}

enum err thread_ask(struct tx_ask *q)
{
	struct root_row row = { 0 };
	struct problem *p = &q->c->problem;
	int64_t root_id = q->c->send->thread_id;
	enum err e = root_id < q->me.first_id ? ERR_NOT_FOUND : root_read(q, root_id, &row);
	if (e == ERR_NOT_FOUND)
		q->c->err = problem_field(p, "thread_id", "there is no such message");
	else if (!e && row.thread_id)
		q->c->err = problem_field(p, "thread_id", "is a reply itself: name the root of its thread, %lld",
								  (long long)row.thread_id);
	else if (!e && row.deleted)
		q->c->err = problem_field(p, "thread_id", "this message was deleted");
	return e == ERR_NOT_FOUND ? OK : e;
}

void thread_number(struct tx_ask *q, struct message *m)
{
	struct thread *t = &q->root.thread;
	m->thread_seq = ++t->last_seq;
	t->count++;
	t->last_id = m->message_id;
	t->last_at = m->created_at;
	thread_name(t, m->author_id);
	m->thread = *t;
}

enum err thread_written(struct tx_ask *q, const struct message *m)
{
	enum err e = root_write(q, m->thread_id, m->rev);
	return e ? e : follow_all(q, m);
}

/* ---- a reply goes */

#define LOOK_BACK 100 /* replies, for who has written last */
static const struct sql SQL_LAST = { LAST_REPLIES, NULL };

static enum err read_last(struct tx_ask *q, const struct message *m)
{
	struct thread *t = &q->root.thread;
	struct db_rows rows;
	t->last_id = t->last_at = 0, t->n_users = 0;
	enum err e =
		db_query(q->tx->c, &SQL_LAST,
				 DB_ARGS(DB_I64(m->channel_id), DB_I64(m->thread_id), DB_I64(m->message_id), DB_I64(LOOK_BACK)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		if (!t->last_id) t->last_id = db_i64(&rows, 0), t->last_at = db_i64(&rows, 1);
		thread_name_last(t, db_i64(&rows, 2));
	}
	return db_end(&rows);
}

enum err thread_without(struct tx_ask *q, const struct message *m, struct str *data)
{
	struct root_row row;
	struct tx_json j;
	/* The root is gone by retention: slices of it, which do not lock the head, may be emptying its row now. */
	if (m->thread_id <= q->ch->row.min_id) return OK;
	enum err e = root_read(q, m->thread_id, &row);
	if (e) return e == ERR_NOT_FOUND ? OK : e;
	if (q->root.thread.count > 0) q->root.thread.count--;
	e = read_last(q, m);
	if (e) return e;
	tx_json_open(&j);
	codec_root(&j.out, m->thread_id, &q->root.thread);
	*data = tx_json_close(&j, q->tx->a);
	return OK;
}

enum err thread_deleted(struct tx_ask *q, const struct message *m)
{
	return root_write(q, m->thread_id, m->changed_rev);
}
