#include "edge/reactions.h"

#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/list.h"
#include "edge/me.h"
#include "edge/messages.h"
#include "model/emoji.h"
#include "store/history.h"
#include "store/reaction.h"

static enum err take_place(struct request *q, int64_t *channel_id, int64_t *message_id, struct str *emoji)
{
	enum err e = request_id_param(q, 0, channel_id);
	if (!e) e = request_id_param(q, 1, message_id);
	*emoji = q->params[2];
	return e ? e : emoji_check(&q->arena, emoji, &q->problem);
}

/* ---- one's own */

static enum err reaction_change(struct request *q, bool on)
{
	int64_t channel_id, message_id;
	struct str emoji, epoch = STR_NONE;
	enum err e = take_place(q, &channel_id, &message_id, &emoji);
	if (!e) e = request_query_str(q, "epoch", &epoch);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_REACTION, channel_id);
	c->change.message_id = message_id;
	c->change.text = emoji;
	c->change.on = on;
	e = append_call_epoch(c, epoch);
	return e ? e : append_call_submit(c);
}

enum err reaction_put_take(struct request *q)
{
	return reaction_change(q, true);
}

enum err reaction_delete_take(struct request *q)
{
	return reaction_change(q, false);
}

/* ---- who has given it */

enum err reaction_list_take(struct request *q)
{
	struct reaction_query *r = arena_new(&q->arena, struct reaction_query);
	struct page_ask page;
	q->in = r;
	enum err e = take_place(q, &r->channel_id, &r->message_id, &r->emoji);
	if (!e) e = page_take(q, &page);
	if (e) return e;
	r->cursor = page.cursor, r->limit = (size_t)page.limit;
	return OK;
}

static void reply_givers(struct request *q, const struct given_page *p)
{
	struct json_out o = list_open(q);
	for (size_t i = 0; i < p->n; i++) {
		json_open(&o, '{');
		json_field_i64(&o, "user_id", p->items[i].user.id);
		json_field_time(&o, "at", p->items[i].at);
		json_close(&o, '}');
	}
	list_more(&o, "users");
	for (size_t i = 0; i < p->n; i++) codec_user(&o, &p->items[i].user);
	list_close(&o, p->next);
}

enum err reaction_list_run(struct request *q, struct db_conn *c)
{
	const struct reaction_query *r = q->in;
	struct given_page page;
	struct message m;
	enum err e = message_read(c, &q->arena, &q->actor, r->channel_id, r->message_id, &m);
	if (e == ERR_NOT_FOUND) return message_missing(q, c, r->channel_id);
	if (!e && m.deleted_at) return problem_set(&q->problem, ERR_NOT_FOUND, "this message was deleted");
	if (!e) e = reaction_givers(c, &q->arena, r, &page);
	if (!e) reply_givers(q, &page);
	return page_cursor(q, e);
}
