#include "store/log.h"

#include "codec/codec.h"
#include "store/rows.h"

/* A change whose message is gone is delivered without it: the join never loses a rev. */
#define CHANGE_COLUMNS "x.rev, x.kind, x.at, x.message_id, x.user_id, x.actor_id, x.data, t.changed_rev, t.message_id, "
#define CHANGE_FROM                                                                                                    \
	" FROM changes x LEFT JOIN messages t ON t.channel_id = x.channel_id AND t.message_id = x.message_id "             \
	"LEFT JOIN users u ON x.kind = 'user' AND u.user_id = x.user_id "                                                  \
	"WHERE x.channel_id = $1 AND x.rev > $2 AND x.rev <= $3 ORDER BY x.rev LIMIT $4"
#define CHANGE_MESSAGE_AT 9
#define CHANGE_USER_AT (CHANGE_MESSAGE_AT + MESSAGE_COLUMN_COUNT)

static const struct sql SQL_MESSAGES = {
	"SELECT " MESSAGE_COLUMNS
	" FROM messages t WHERE t.channel_id = $1 AND t.rev > $2 AND t.rev <= $3 ORDER BY t.rev LIMIT $4",
	"SELECT " MESSAGE_COLUMNS_SQLITE
	" FROM messages t WHERE t.channel_id = $1 AND t.rev > $2 AND t.rev <= $3 ORDER BY t.rev LIMIT $4",
};
/* Among a thousand edits: there is an index of these kinds alone, which SQLite does not come upon by itself. */
#define SYSTEM_FROM(indexed)                                                                                           \
	" FROM changes x" indexed " LEFT JOIN messages t ON t.channel_id = x.channel_id AND t.message_id = x.message_id "  \
	"WHERE x.channel_id = $1 AND x.rev > $2 AND x.rev <= $3 AND "                                                      \
	"x.kind IN ('join', 'leave', 'kick', 'role', 'topic', 'channel', 'pin') ORDER BY x.rev DESC LIMIT $4"
static const struct sql SQL_SYSTEM = {
	"SELECT " CHANGE_COLUMNS MESSAGE_COLUMNS SYSTEM_FROM(""),
	"SELECT " CHANGE_COLUMNS MESSAGE_COLUMNS_SQLITE SYSTEM_FROM(" INDEXED BY changes_system"),
};
static const struct sql SQL_CHANGES = {
	"SELECT " CHANGE_COLUMNS MESSAGE_COLUMNS ", " USER_COLUMNS CHANGE_FROM,
	"SELECT " CHANGE_COLUMNS MESSAGE_COLUMNS_SQLITE ", " USER_COLUMNS CHANGE_FROM,
};

struct reading {
	const struct log_read *q;
	struct arena *arena;
	struct buf scratch;
	struct event **messages, **changes;
	size_t n_messages, n_changes;
};

static struct event *message_event(struct reading *g, const struct db_rows *r)
{
	struct message m;
	message_take(r, 0, g->arena, &m);
	const struct event_fields f = {
		.kind = CHANGE_MESSAGE,
		.channel_id = m.channel_id,
		.rev = m.rev,
		.at = m.created_at,
		.actor_id = m.author_id,
		.message_id = m.message_id,
		.epoch = g->q->epoch,
		.message = &m,
	};
	return codec_event_in(&g->scratch, &f);
}

static struct event *change_event(struct reading *g, const struct db_rows *r)
{
	struct message m;
	struct user u;
	struct event_fields f = {
		.channel_id = g->q->channel_id,
		.rev = db_i64(r, 0),
		.at = db_i64(r, 2),
		.message_id = db_i64(r, 3),
		.user_id = db_i64(r, 4),
		.actor_id = db_i64(r, 5),
		.data = db_str(r, 6),
		.epoch = g->q->epoch,
	};
	if (!change_kind_parse(db_str(r, 1), &f.kind)) f.kind = CHANGE_UPDATE; /* of a later version: still takes its rev */
	if (f.kind == CHANGE_JOIN) f.joined_rev = f.rev;
	/* what has its value with it is of its own rev, whatever came later */
	f.changed_rev = change_row(f.kind)->carries ? db_i64(r, 7) : f.message_id ? f.rev : 0;
	/* what retention has taken is gone, also where its row is still there */
	bool there = !db_is_null(r, 8) && db_i64(r, 3) > g->q->min_id;
	if (!g->q->clipped && change_row(f.kind)->carries && there) {
		message_take(r, CHANGE_MESSAGE_AT, g->arena, &m);
		f.message = &m;
	}
	if (f.kind == CHANGE_USER && !db_is_null(r, CHANGE_USER_AT)) {
		user_take(r, CHANGE_USER_AT, g->arena, &u);
		f.user = &u;
	}
	return codec_event_in(&g->scratch, &f);
}

static enum err read_rows(struct db_conn *c, struct reading *g, const struct sql *sql,
						  struct event *(*make)(struct reading *, const struct db_rows *), struct event **out,
						  size_t *n)
{
	const struct log_read *q = g->q;
	struct db_rows rows;
	struct db_args args = DB_ARGS(DB_I64(q->channel_id), DB_I64(q->since), DB_I64(q->upto), DB_I64((int64_t)q->most));
	enum err e = db_query(c, sql, args, &rows);
	if (e) return e;
	while (db_next(&rows))
		if (*n < q->most) out[(*n)++] = make(g, &rows);
	return db_end(&rows);
}

/* Both are ascending; what lies beyond `most` is dropped again. */
static void merge(struct reading *g, struct event **events, size_t *n)
{
	size_t i = 0, k = 0;
	while (i < g->n_messages || k < g->n_changes) {
		bool message = k == g->n_changes || (i < g->n_messages && g->messages[i]->rev < g->changes[k]->rev);
		struct event *e = message ? g->messages[i++] : g->changes[k++];
		if (*n < g->q->most)
			events[(*n)++] = e;
		else
			event_unref(e);
	}
}

enum err log_read(struct db_conn *c, struct arena *a, const struct log_read *q, struct event ***events, size_t *n)
{
	struct reading g = { .q = q, .arena = a };
	*n = 0;
	*events = NULL;
	if (q->upto <= q->since || !q->most) return OK;
	buf_init(&g.scratch);
	g.messages = arena_array(a, struct event *, q->most);
	g.changes = arena_array(a, struct event *, q->most);
	*events = arena_array(a, struct event *, q->most);
	enum err e = read_rows(c, &g, &SQL_MESSAGES, message_event, g.messages, &g.n_messages);
	if (!e) e = read_rows(c, &g, &SQL_CHANGES, change_event, g.changes, &g.n_changes);
	merge(&g, *events, n);
	buf_release(&g.scratch);
	return e;
}

enum err log_system(struct db_conn *c, struct arena *a, const struct log_read *q, struct event ***events, size_t *n)
{
	struct reading g = { .q = q, .arena = a };
	*n = 0;
	buf_init(&g.scratch);
	*events = arena_array(a, struct event *, q->most);
	enum err e = read_rows(c, &g, &SQL_SYSTEM, change_event, *events, n);
	for (size_t i = 0; i < *n / 2; i++) {
		struct event *last = (*events)[*n - 1 - i];
		(*events)[*n - 1 - i] = (*events)[i];
		(*events)[i] = last;
	}
	buf_release(&g.scratch);
	return e;
}
