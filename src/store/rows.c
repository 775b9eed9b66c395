#include "store/rows.h"

#include <string.h>

#include "base/buf.h"

static size_t ids_parse(struct str list, int64_t *out, size_t most)
{
	size_t n = 0;
	struct str part;
	while (n < most && list.p && str_split(&list, ',', &part))
		if (str_i64(part, 0, INT64_MAX, &out[n])) n++;
	return n;
}

/* A reply's own is the last one of what it tells. */
static void thread_take(const struct db_rows *r, int at, struct message *m)
{
	struct thread *t = &m->thread;
	bool reply = m->thread_id != 0;
	t->count = db_i64(r, reply ? at + 24 : at + 18);
	t->last_id = reply ? m->message_id : db_i64(r, at + 19);
	t->last_at = reply ? m->created_at : db_i64(r, at + 20);
	t->last_seq = reply ? m->thread_seq : db_i64(r, at + 22);
	thread_users_parse(db_str(r, at + 23), t);
}

void message_take(const struct db_rows *r, int at, struct arena *a, struct message *out)
{
	*out = (struct message){ 0 };
	out->channel_id = db_i64(r, at);
	out->message_id = db_i64(r, at + 1);
	out->seq = db_i64(r, at + 2);
	out->rev = db_i64(r, at + 3);
	out->changed_rev = db_i64(r, at + 4);
	out->body_rev = db_i64(r, at + 5);
	struct str nonce = db_str(r, at + 6);
	if (nonce.n == sizeof out->nonce) memcpy(out->nonce, nonce.p, sizeof out->nonce);
	out->author_id = db_i64(r, at + 7);
	out->kind = (enum message_kind)db_i64(r, at + 8);
	out->body = arena_str(a, db_str(r, at + 9));
	out->created_at = db_i64(r, at + 10);
	out->edited_at = db_i64(r, at + 11);
	out->deleted_at = db_i64(r, at + 12);
	out->reply_to = db_i64(r, at + 13);
	out->thread_id = db_i64(r, at + 14);
	out->thread_seq = db_i64(r, at + 15);
	out->mention_all = db_i64(r, at + 16) != 0;
	out->pinned = !db_is_null(r, at + MESSAGE_PINNED_AT);
	thread_take(r, at, out);
	if (!out->deleted_at && !db_is_null(r, at + 21)) reactions_parse(a, db_str(r, at + 21), &out->reactions);
	struct str mentions = db_str(r, at + 25);
	if (!mentions.p) return;
	out->mention_ids = arena_array(a, int64_t, MESSAGE_MENTIONS);
	out->n_mentions = ids_parse(mentions, out->mention_ids, MESSAGE_MENTIONS);
}

void channel_take(const struct db_rows *r, int at, struct arena *a, struct channel *out)
{
	*out = (struct channel){ 0 };
	out->id = db_i64(r, at);
	out->kind = (enum channel_kind)db_i64(r, at + 1);
	out->name = arena_str(a, db_str(r, at + 2));
	out->topic = arena_str(a, db_str(r, at + 3));
	out->history = (enum channel_history)db_i64(r, at + 4);
	out->slow_mode_s = db_i64(r, at + 5);
	out->read_only = db_i64(r, at + 6) != 0;
	out->archived = db_i64(r, at + 7) != 0;
	out->is_default = db_i64(r, at + 8) != 0;
	out->deleted = !db_is_null(r, at + 9);
	out->large = db_i64(r, at + 10) != 0;
	out->rev = db_i64(r, at + 11);
	out->rev_at = db_i64(r, at + 12);
	out->last_id = db_i64(r, at + 13);
	out->last_seq = db_i64(r, at + 14);
	out->last_at = db_i64(r, at + 15);
	out->min_rev = db_i64(r, at + 16);
	out->member_count = db_i64(r, at + 17);
	out->min_id = db_i64(r, at + 19);
	struct str key = db_str(r, at + 18);
	if (key.p) out->n_users = ids_parse(key, out->user_ids, DM_PEOPLE);
}

void channel_me_take(const struct db_rows *r, int at, struct arena *a, struct channel *out)
{
	channel_take(r, at, a, out);
	at += CHANNEL_COLUMN_COUNT;
	out->has_me = true;
	out->me.role = (enum channel_role)db_i64(r, at);
	out->me.voice = db_i64(r, at + 1) != 0;
	out->me.read_id = db_i64(r, at + 2);
	out->me.read_seq = db_i64(r, at + 3);
	out->me.level = (enum notify_level)db_i64(r, at + 4);
	out->me.muted_until = db_i64(r, at + 5);
	out->me.hidden =
		!db_is_null(r, at + 6) && db_i64(r, at + 6) >= out->last_id; /* shows again with the next message */
	out->me.first_id = db_i64(r, at + 7);
	out->me.joined_rev = db_i64(r, at + 8);
	out->me.user_rev = db_i64(r, at + 9);
	out->me.mention_count = db_i64(r, at + 10);
	out->me.read_at = db_i64(r, at + 11);
	out->me.cut_rev = db_i64(r, at + 12);
	out->me.silenced_until = db_i64(r, at + 13);
}

void user_take(const struct db_rows *r, int at, struct arena *a, struct user *out)
{
	*out = (struct user){ 0 };
	out->id = db_i64(r, at);
	out->username = arena_str(a, db_str(r, at + 1));
	out->display_name = arena_str(a, db_str(r, at + 2));
	out->avatar = arena_str(a, db_str(r, at + 3));
	out->role = (enum user_role)db_i64(r, at + 4);
	out->bot = db_i64(r, at + 5) != 0;
	out->deactivated = !db_is_null(r, at + 6);
	out->deleted = !db_is_null(r, at + 7);
	out->changed_rev = db_i64(r, at + 8);
	out->status = arena_str(a, db_str(r, at + 9));
	out->do_not_disturb = db_i64(r, at + 10) != 0;
}

struct db_value ids_param(const struct db_conn *c, struct arena *a, const int64_t *ids, size_t n)
{
	bool pg = db_conn_kind(c) == DB_POSTGRES;
	struct buf b;
	buf_init(&b);
	buf_add_byte(&b, pg ? '{' : '[');
	for (size_t i = 0; i < n; i++) {
		if (i) buf_add_byte(&b, ',');
		buf_add_i64(&b, ids[i]);
	}
	buf_add_byte(&b, pg ? '}' : ']');
	struct str s = arena_str(a, buf_str(&b));
	buf_release(&b);
	return db_text(s);
}
