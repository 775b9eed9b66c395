#include "edge/threads.h"

#include "app/own.h"
#include "codec/codec.h"
#include "edge/me.h"
#include "edge/messages.h"
#include "store/thread.h"

/* ---- one */

/* A reply has no place in the main flow, or one that says nothing of its thread. */
static enum err place_take(struct request *q, const char *name, enum page_kind kind, struct page_query *p)
{
	struct str text = STR_NONE;
	enum err e = request_query_str(q, name, &text);
	if (!e && str_starts(text, STR("seq:")))
		return problem_field(&q->problem, name, "must be a message_id or a time: seq:N is of the main flow");
	return e ? e : message_place_take(q, name, kind, p);
}

enum err thread_get_take(struct request *q)
{
	struct thread_query *t = arena_new(&q->arena, struct thread_query);
	struct page_query place = { .kind = PAGE_LAST };
	int64_t limit = 50;
	q->in = t;
	enum err e = request_id_param(q, 0, &t->channel_id);
	if (!e) e = request_id_param(q, 1, &t->root_id);
	if (!e) e = place_take(q, "before", PAGE_BEFORE, &place);
	if (!e) e = place_take(q, "after", PAGE_AFTER, &place);
	if (!e) e = place_take(q, "around", PAGE_AROUND, &place);
	if (!e) e = request_limit(q, PAGE_USUAL, PAGE_MOST, &limit);
	t->kind = place.kind;
	t->message_id = place.message_id, t->time_ms = place.time_ms;
	t->limit = (size_t)limit;
	return e;
}

static enum err is_reply(struct request *q, int64_t thread_id)
{
	return problem_set(&q->problem, ERR_NOT_FOUND, "this message is a reply in the thread of %lld",
					   (long long)thread_id);
}

static void put_own(struct json_out *o, const struct thread_mark *m, int64_t mention_count)
{
	json_field_bool(o, "following", m->following);
	json_field_i64(o, "read_seq", m->read_seq);
	json_field_i64(o, "mention_count", mention_count);
}

static void reply_thread(struct request *q, const struct thread_page *t)
{
	const struct page *p = &t->page;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_key(&o, "root"), codec_message(&o, &t->root);
	message_put_many(&o, "items", p->items, p->n);
	json_field_bool(&o, "before", p->before);
	json_field_bool(&o, "after", p->after);
	message_page_named(&o, p);
	json_key(&o, "me");
	json_open(&o, '{');
	put_own(&o, &t->mark, t->mention_count);
	json_close(&o, '}');
	message_put_position(&o, p->epoch, p->channel.rev, p->channel.rev_at);
	json_close(&o, '}');
}

enum err thread_get_run(struct request *q, struct db_conn *c)
{
	const struct thread_query *in = q->in;
	struct thread_page t;
	enum err e = thread_read(c, &q->arena, &q->actor, in, &t);
	if (e == ERR_NOT_FOUND) return message_missing(q, c, in->channel_id);
	if (e == ERR_INVALID) return is_reply(q, t.root.thread_id);
	if (!e) e = message_present(q, t.page.epoch);
	if (!e) reply_thread(q, &t);
	return e;
}

/* ---- those that one follows */

enum err thread_list_take(struct request *q)
{
	struct threads_query *t = arena_new(&q->arena, struct threads_query);
	struct str unread = STR_NONE;
	struct page_ask page;
	q->in = t;
	t->most = q->pod->config->threads_listed;
	enum err e = request_query_str(q, "unread", &unread);
	t->unread = str_eq(unread, STR("true"));
	if (!e && unread.p && !t->unread && !str_eq(unread, STR("false")))
		e = problem_field(&q->problem, "unread", "must be true or false");
	if (!e) e = page_take(q, &page);
	if (e) return e;
	t->cursor = page.cursor, t->limit = (size_t)page.limit;
	return OK;
}

static void reply_threads(struct request *q, const struct threads *t)
{
	struct json_out o = reply_json(q);
	char epoch[17];
	codec_epoch(epoch, t->page.epoch);
	json_open(&o, '{');
	json_key(&o, "items");
	json_open(&o, '[');
	for (size_t i = 0; i < t->page.n; i++) {
		json_open(&o, '{');
		json_key(&o, "root"), codec_message(&o, &t->page.items[i]);
		put_own(&o, &t->items[i].mark, t->items[i].mention_count);
		json_field_i64(&o, "unread", t->items[i].unread);
		json_close(&o, '}');
	}
	json_close(&o, ']');
	json_key(&o, "users");
	json_open(&o, '[');
	for (size_t i = 0; i < t->page.n_users; i++) codec_user(&o, &t->page.users[i]);
	json_close(&o, ']');
	json_field_str(&o, "next", t->next);
	json_field_text(&o, "epoch", epoch);
	json_close(&o, '}');
}

enum err thread_list_run(struct request *q, struct db_conn *c)
{
	struct threads t;
	enum err e = threads_read(c, &q->arena, &q->actor, q->in, &t);
	if (e) return page_cursor(q, e);
	e = message_present(q, t.page.epoch);
	if (!e) reply_threads(q, &t);
	return e;
}

/* ---- one's own part */

static enum err write_take(struct request *q, enum thread_move move, struct thread_write **out)
{
	struct thread_write *w = arena_new(&q->arena, struct thread_write);
	q->in = *out = w;
	w->move = move;
	enum err e = request_id_param(q, 0, &w->channel_id);
	return e ? e : request_id_param(q, 1, &w->root_id);
}

static enum err follow_take(struct request *q, enum thread_move move)
{
	struct thread_write *w;
	struct str epoch = STR_NONE;
	enum err e = write_take(q, move, &w);
	if (!e) e = request_query_str(q, "epoch", &epoch);
	return e ? e : request_epoch(q, epoch, &w->epoch);
}

enum err thread_follow_take(struct request *q)
{
	return follow_take(q, THREAD_FOLLOW);
}

enum err thread_unfollow_take(struct request *q)
{
	return follow_take(q, THREAD_UNFOLLOW);
}

enum err thread_read_take(struct request *q)
{
	struct thread_write *w;
	struct json_in in;
	struct str epoch = STR_NONE;
	enum err e = write_take(q, THREAD_READ, &w);
	if (e) return e;
	json_in_open(&in, q->json, &q->problem);
	json_in_i64(&in, "message_id", JSON_NEED, 1, ID_MOST, &w->message_id);
	json_in_str(&in, "epoch", JSON_MAY, &epoch);
	e = json_in_close(&in);
	return e ? e : request_epoch(q, epoch, &w->epoch);
}

static enum err write_in(struct db_conn *c, struct own_write *w)
{
	struct request *q = w->arg;
	return thread_write(c, &q->arena, &q->actor, q->in, w->user_rev, &w->changed);
}

enum err thread_write_run(struct request *q, struct db_conn *c)
{
	struct own_write w = { .user_id = q->actor.user_id, .write = write_in, .arg = q };
	const struct thread_write *in = q->in;
	enum err e = own_write(c, q->pod->bus, &w);
	if (e == ERR_INVALID) return is_reply(q, in->reply_of);
	if (e == ERR_NOT_FOUND && in->found) return problem_set(&q->problem, e, "there is no such message in this thread");
	return e == ERR_NOT_FOUND ? message_missing(q, c, in->channel_id) : e;
}
