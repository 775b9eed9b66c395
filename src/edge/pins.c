#include "edge/pins.h"

#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/me.h"
#include "edge/messages.h"
#include "store/history.h"

static enum err pin_change(struct request *q, bool on)
{
	int64_t channel_id, message_id;
	struct str epoch = STR_NONE;
	enum err e = request_id_param(q, 0, &channel_id);
	if (!e) e = request_id_param(q, 1, &message_id);
	if (!e) e = request_query_str(q, "epoch", &epoch);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_PIN, channel_id);
	c->change.message_id = message_id;
	c->change.on = on;
	e = append_call_epoch(c, epoch);
	return e ? e : append_call_submit(c);
}

enum err pin_put_take(struct request *q)
{
	return pin_change(q, true);
}

enum err pin_delete_take(struct request *q)
{
	return pin_change(q, false);
}

/* ---- those of a channel */

enum err pin_list_take(struct request *q)
{
	struct pins_query *p = arena_new(&q->arena, struct pins_query);
	struct page_ask page;
	q->in = p;
	enum err e = request_id_param(q, 0, &p->channel_id);
	if (!e) e = page_take(q, &page);
	if (e) return e;
	p->cursor = page.cursor, p->limit = (size_t)page.limit;
	return OK;
}

static void reply_pins(struct request *q, const struct pins *p)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_key(&o, "items");
	json_open(&o, '[');
	for (size_t i = 0; i < p->page.n; i++) {
		json_open(&o, '{');
		json_key(&o, "message"), codec_message(&o, &p->page.items[i]);
		json_field_i64(&o, "user_id", p->pins[i].user_id);
		json_field_time(&o, "at", p->pins[i].at);
		json_close(&o, '}');
	}
	json_close(&o, ']');
	message_page_named(&o, &p->page);
	json_field_str(&o, "next", p->next);
	json_close(&o, '}');
}

enum err pin_list_run(struct request *q, struct db_conn *c)
{
	struct pins p;
	enum err e = pins_read(c, &q->arena, &q->actor, q->in, &p);
	if (!e) reply_pins(q, &p);
	return page_cursor(q, e);
}
