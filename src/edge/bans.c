#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/channels.h"
#include "edge/list.h"
#include "edge/me.h"
#include "model/permit.h"
#include "store/ban.h"
#include "store/channel.h"

struct bans_query {
	int64_t channel_id;
	struct page_ask page;
};

enum err ban_list_take(struct request *q)
{
	struct bans_query *b = arena_new(&q->arena, struct bans_query);
	q->in = b;
	enum err e = request_id_param(q, 0, &b->channel_id);
	return e ? e : page_take(q, &b->page);
}

static void put_ban(struct json_out *o, const struct ban *b)
{
	json_open(o, '{');
	json_field_i64(o, "user_id", b->user.id);
	json_field_i64(o, "actor_id", b->actor_id);
	json_field_time(o, "at", b->at);
	json_field_time(o, "until", b->until);
	json_field_str(o, "reason", b->reason);
	json_close(o, '}');
}

static void reply_bans(struct request *q, const struct ban_page *page)
{
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page->n; i++) put_ban(&o, &page->items[i]);
	list_more(&o, "users");
	for (size_t i = 0; i < page->n; i++) codec_user(&o, &page->items[i].user);
	list_close(&o, page->next);
}

static enum err may_see(struct request *q, const struct channel *ch)
{
	const struct permit p = { .actor = &q->actor, .channel = ch, .member = true, .role = ch->me.role };
	bool has = ch->kind == CHANNEL_PUBLIC || ch->kind == CHANNEL_PRIVATE;
	if (has && permit_operates(&p)) return OK;
	return problem_set(&q->problem, ERR_NOT_ALLOWED, "only operators see who is banned");
}

enum err ban_list_run(struct request *q, struct db_conn *c)
{
	const struct bans_query *b = q->in;
	struct channel ch;
	struct ban_page page;
	enum err e = channel_read(c, &q->arena, b->channel_id, &q->actor, true, &ch);
	if (!e) e = may_see(q, &ch);
	if (e) return e;
	e = ban_list(c, &q->arena, b->channel_id, clock_wall_ms(q->pod->clock), b->page.cursor, (size_t)b->page.limit,
				 &page);
	if (!e) reply_bans(q, &page);
	return page_cursor(q, e);
}

static enum err read_ban(struct request *q, struct change *c)
{
	struct json_in in;
	struct str reason = STR_NONE;
	enum err e = OK;
	if (!q->json) return OK;
	json_in_open(&in, q->json, &q->problem);
	c->until.given = true;
	json_in_time(&in, "until", true, &c->until.ms);
	if (json_in_str(&in, "reason", JSON_MAY, &reason))
		e = channel_line_check(&q->arena, "reason", &reason, &q->problem);
	c->text = reason;
	return err_first(json_in_close(&in), e);
}

static enum err ban_take(struct request *q, bool on)
{
	int64_t channel_id, user_id;
	enum err e = member_ids_take(q, &channel_id, &user_id);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_BAN, channel_id);
	c->change.user_id = user_id;
	c->change.on = on;
	c->change.text = STR_NONE;
	e = on ? read_ban(q, &c->change) : OK;
	return e ? e : append_call_submit(c);
}

enum err ban_put_take(struct request *q)
{
	return ban_take(q, true);
}

enum err ban_delete_take(struct request *q)
{
	return ban_take(q, false);
}
