#include "store/own.h"

#include <stdlib.h>

#include "base/vec.h"
#include "codec/codec.h"
#include "store/invite.h"
#include "store/rows.h"
#include "store/setting.h"
#include "store/thread.h"

/* ---- the kinds: user_rev first, then what `put` writes; $1 the person, $2 since, $3 how many */

static void put_setting(struct json_out *o, const struct db_rows *r, struct arena *a)
{
	const struct setting_row s = { db_str(r, 1), db_str(r, 2), db_i64(r, 0) };
	setting_fields(o, &s);
}

/* The ids are written as an array's inside, by the database. */
static void put_me(struct json_out *o, const struct db_rows *r, struct arena *a)
{
	struct user u;
	user_take(r, 1, a, &u);
	json_key(o, "user");
	codec_user(o, &u);
	json_key(o, "blocked_ids");
	struct str ids = db_is_null(r, 1 + USER_COLUMN_COUNT) ? STR("") : db_str(r, 1 + USER_COLUMN_COUNT);
	json_put_raw(o, arena_printf(a, "[" STR_FMT "]", STR_ARG(ids)));
}

static void put_thread(struct json_out *o, const struct db_rows *r, struct arena *a)
{
	const struct thread_mark m = { db_i64(r, 1), db_i64(r, 2), db_i64(r, 3) != 0, db_i64(r, 4) };
	thread_mark_fields(o, &m);
}

static void put_invite(struct json_out *o, const struct db_rows *r, struct arena *a)
{
	struct invite i;
	invite_take(r, 1, a, &i);
	json_key(o, "invite");
	codec_invite(o, &i, false);
}

/* Over: without what it was. */
static void put_invite_ended(struct json_out *o, const struct db_rows *r, struct arena *a)
{
	json_field_str(o, "code", db_str(r, 1));
}

#define ME(blocked)                                                                                                    \
	"SELECT u.user_rev, " USER_COLUMNS ", (" blocked ") FROM users u WHERE u.user_id = $1 AND u.user_rev > $2 LIMIT "  \
	"$3"
static const struct kind {
	const char *op;
	struct sql sql;
	void (*put)(struct json_out *o, const struct db_rows *r, struct arena *a);
	bool listed;
} kinds[] = {
	{ "setting",
	  { "SELECT t.user_rev, t.key, t.value FROM settings t WHERE t.user_id = $1 AND t.user_rev > $2 AND t.key <> '' "
		"ORDER BY t.user_rev LIMIT $3",
		NULL },
	  put_setting,
	  false },
	{ "thread",
	  { "SELECT t.user_rev, t.channel_id, t.thread_id, t.following, t.read_seq FROM thread_follows t WHERE t.user_id = "
		"$1 AND t.user_rev > $2 ORDER BY t.user_rev LIMIT $3",
		NULL },
	  put_thread,
	  false },
	{ "me",
	  { ME("SELECT string_agg(b.blocked_id::text, ',' ORDER BY b.blocked_id) FROM blocks b WHERE b.user_id = "
		   "u.user_id"),
		ME("SELECT group_concat(b.blocked_id, ',') FROM (SELECT x.blocked_id FROM blocks x WHERE x.user_id = u.user_id "
		   "ORDER BY x.blocked_id) b") },
	  put_me,
	  true },
	{ "invite",
	  { "SELECT i.user_rev, " INVITE_COLUMNS INVITE_FROM "i.user_id = $1 AND i.user_rev > $2 AND " INVITE_WAITS
		" AND " INVITE_HOLDS " ORDER BY i.user_rev LIMIT $3",
		NULL },
	  put_invite,
	  false },
	{ "invite",
	  { "SELECT n.user_rev, n.code FROM ended_invites n WHERE n.user_id = $1 AND n.user_rev > $2 ORDER BY n.user_rev "
		"LIMIT $3",
		NULL },
	  put_invite_ended,
	  false },
};

/* ---- reading */

struct gathering {
	struct arena *a;
	VEC(struct own) v;
	int64_t upto;
};

static struct str frame_of(const struct kind *k, const struct db_rows *r, struct arena *a)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_text(&o, "op", k->op);
	k->put(&o, r, a);
	json_field_i64(&o, "user_rev", db_i64(r, 0));
	json_close(&o, '}');
	struct str frame = arena_str(a, buf_str(&b));
	buf_release(&b);
	return frame;
}

static enum err read_kind(struct db_conn *c, const struct kind *k, int64_t user_id, int64_t since, struct gathering *g)
{
	struct db_rows rows;
	size_t n = 0;
	int64_t rev = since;
	enum err e = db_query(c, &k->sql, DB_ARGS(DB_I64(user_id), DB_I64(since), DB_I64(OWN_MOST)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		rev = db_i64(&rows, 0);
		const struct own item = { rev, frame_of(k, &rows, g->a), k->listed };
		vec_push(&g->v, item);
		n++;
	}
	if (n == OWN_MOST && rev < g->upto) g->upto = rev;
	return db_end(&rows);
}

static int by_user_rev(const void *a, const void *b)
{
	const struct own *x = a, *y = b;
	return (x->user_rev > y->user_rev) - (x->user_rev < y->user_rev);
}

enum err own_read(struct db_conn *c, struct arena *a, int64_t user_id, int64_t since, struct own_list *out)
{
	struct gathering g = { .a = a, .upto = INT64_MAX };
	enum err e = settings_reach(c, user_id, &out->reach);
	for (size_t i = 0; i < countof(kinds) && !e; i++) e = read_kind(c, &kinds[i], user_id, since, &g);
	if (g.v.n) qsort(g.v.p, g.v.n, sizeof *g.v.p, by_user_rev);
	while (g.v.n && g.v.p[g.v.n - 1].user_rev > g.upto) g.v.n--;
	out->items = arena_array(a, struct own, g.v.n + 1);
	for (size_t i = 0; i < g.v.n; i++) out->items[i] = g.v.p[i];
	out->n = g.v.n;
	out->upto = g.upto;
	vec_release(&g.v);
	return e;
}
