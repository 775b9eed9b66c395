#include "edge/messages.h"

#include "base/clock.h"
#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/send.h"
#include "hub/hub.h"
#include "store/channel.h"
#include "store/history.h"

/* ---- pages */

enum err message_place_take(struct request *q, const char *name, enum page_kind kind, struct page_query *p)
{
	struct str text = STR_NONE;
	enum err e = request_query_str(q, name, &text);
	if (e || !text.p) return e;
	if (p->kind != PAGE_LAST) return problem_field(&q->problem, name, "one place is enough");
	p->kind = kind;
	if (str_starts(text, STR("seq:"))) {
		if (str_i64(str_from(text, 4), 1, ID_MOST, &p->seq)) return OK;
		return problem_field(&q->problem, name, "seq: is followed by the number of a message in the main flow");
	}
	if (str_i64(text, kind == PAGE_AFTER ? 0 : 1, ID_MOST, &p->message_id)) return OK;
	if (time_parse(text, &p->time_ms) && p->time_ms > 0) return OK;
	return problem_field(&q->problem, name, "must be a message_id, seq:N or a time");
}

static enum err take_threads(struct request *q, struct page_query *p)
{
	struct str text = STR_NONE;
	enum err e = request_query_str(q, "threads", &text);
	if (e || !text.p) return e;
	p->threads = str_eq(text, STR("true"));
	return p->threads || str_eq(text, STR("false")) ? OK
													: problem_field(&q->problem, "threads", "must be true or false");
}

enum err message_list_take(struct request *q)
{
	struct page_query *p = arena_new(&q->arena, struct page_query);
	int64_t limit = 50;
	q->in = p;
	enum err e = request_id_param(q, 0, &p->channel_id);
	if (!e) e = message_place_take(q, "before", PAGE_BEFORE, p);
	if (!e) e = message_place_take(q, "after", PAGE_AFTER, p);
	if (!e) e = message_place_take(q, "around", PAGE_AROUND, p);
	if (!e) e = take_threads(q, p);
	if (!e) e = request_limit(q, PAGE_USUAL, PAGE_MOST, &limit);
	p->limit = (size_t)limit;
	return e;
}

static void put_events(struct json_out *o, const char *name, struct event *const *events, size_t n)
{
	json_key(o, name);
	json_open(o, '[');
	for (size_t i = 0; i < n; i++) json_put_raw(o, (struct str){ events[i]->json, events[i]->json_n });
	json_close(o, ']');
}

void message_put_many(struct json_out *o, const char *name, const struct message *m, size_t n)
{
	json_key(o, name);
	json_open(o, '[');
	for (size_t i = 0; i < n; i++) codec_message(o, &m[i]);
	json_close(o, ']');
}

void message_put_position(struct json_out *o, uint64_t epoch, int64_t rev, int64_t at)
{
	char text[17];
	codec_epoch(text, epoch);
	json_field_text(o, "epoch", text);
	json_field_i64(o, "rev", rev);
	if (at) json_field_time(o, "at", at);
}

static void put_mine(struct json_out *o, const struct page *p)
{
	json_key(o, "mine");
	json_open(o, '[');
	for (size_t i = 0; i < p->n_mine; i++) {
		json_open(o, '{');
		json_field_i64(o, "message_id", p->mine[i].message_id);
		json_field_str(o, "emoji", p->mine[i].emoji);
		json_close(o, '}');
	}
	json_close(o, ']');
}

void message_page_named(struct json_out *o, const struct page *p)
{
	message_put_many(o, "refs", p->refs, p->n_refs);
	json_key(o, "users");
	json_open(o, '[');
	for (size_t i = 0; i < p->n_users; i++) codec_user(o, &p->users[i]);
	json_close(o, ']');
	put_mine(o, p);
}

enum err message_present(struct request *q, uint64_t epoch)
{
	if (hub_serves(q->pod->hub, epoch)) return OK;
	q->problem.retry_after_s = 1;
	return ERR_UNAVAILABLE;
}

static void reply_page(struct request *q, const struct page *p)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	message_put_many(&o, "items", p->items, p->n);
	json_field_bool(&o, "before", p->before);
	json_field_bool(&o, "after", p->after);
	put_events(&o, "changes", p->changes, p->n_changes);
	message_page_named(&o, p);
	message_put_position(&o, p->epoch, p->channel.rev, p->channel.rev_at);
	json_close(&o, '}');
}

enum err message_list_run(struct request *q, struct db_conn *c)
{
	struct page p;
	enum err e = page_read(c, &q->arena, &q->actor, q->in, &p);
	if (e) return e;
	e = message_present(q, p.epoch);
	if (!e) reply_page(q, &p);
	page_release(&p);
	return e;
}

/* ---- sending */

static void reply_message(struct append_call *c, int status)
{
	struct json_out o = reply_json(c->q);
	send_answer(&o, &c->change);
	c->q->reply.status = status;
}

static void created(struct append_call *c)
{
	reply_message(c, c->change.repeated ? 200 : 201);
}

static void changed(struct append_call *c)
{
	reply_message(c, 200);
}

enum err message_create_take(struct request *q)
{
	struct json_in in;
	struct str epoch = STR_NONE;
	int64_t id;
	enum err e = request_id_param(q, 0, &id);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_MESSAGE, id);
	json_in_open(&in, q->json, &q->problem);
	c->send.channel_id = id;
	send_read(&in, &q->arena, q->pod->config, &c->send);
	json_in_str(&in, "epoch", JSON_MAY, &epoch);
	e = json_in_close(&in);
	if (!e) e = append_call_epoch(c, epoch);
	if (e) return e;
	c->change.send = &c->send;
	c->then = created;
	return append_call_submit(c);
}

/* ---- one message */

struct message_ref {
	int64_t channel_id, message_id;
};

static enum err take_ids(struct request *q, struct message_ref *ref)
{
	enum err e = request_id_param(q, 0, &ref->channel_id);
	return e ? e : request_id_param(q, 1, &ref->message_id);
}

enum err message_id_take(struct request *q)
{
	struct message_ref *ref = arena_new(&q->arena, struct message_ref);
	q->in = ref;
	return take_ids(q, ref);
}

enum err message_missing(struct request *q, struct db_conn *c, int64_t channel_id)
{
	struct channel ch;
	enum err e = channel_read(c, &q->arena, channel_id, &q->actor, true, &ch);
	return e ? e : request_missing(q, 1);
}

enum err message_get_run(struct request *q, struct db_conn *c)
{
	const struct message_ref *ref = q->in;
	struct message m;
	enum err e = message_read(c, &q->arena, &q->actor, ref->channel_id, ref->message_id, &m);
	if (e) return e == ERR_NOT_FOUND ? message_missing(q, c, ref->channel_id) : e;
	struct json_out o = reply_json(q);
	codec_message(&o, &m);
	return OK;
}

enum err message_patch_take(struct request *q)
{
	struct message_ref ref;
	struct json_in in;
	struct str epoch = STR_NONE, body = STR_NONE;
	enum err e = take_ids(q, &ref);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_EDIT, ref.channel_id);
	json_in_open(&in, q->json, &q->problem);
	if (json_in_str(&in, "body", JSON_NEED, &body)) {
		body = arena_str(&q->arena, body);
		e = message_body_check(&q->arena, &body, (size_t)q->pod->config->message_body, &q->problem);
	}
	json_in_i64(&in, "if_rev", JSON_MAY, 1, ID_MOST, &c->change.if_body_rev);
	json_in_str(&in, "epoch", JSON_MAY, &epoch);
	enum err closed = json_in_close(&in);
	if (closed || e) return closed ? closed : e;
	if ((e = append_call_epoch(c, epoch))) return e;
	c->change.message_id = ref.message_id;
	c->change.text = body;
	c->then = changed;
	return append_call_submit(c);
}

enum err message_delete_take(struct request *q)
{
	struct message_ref ref;
	struct str epoch = STR_NONE;
	enum err e = take_ids(q, &ref);
	if (!e) e = request_query_str(q, "epoch", &epoch);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_DELETE, ref.channel_id);
	c->change.message_id = ref.message_id;
	e = append_call_epoch(c, epoch);
	return e ? e : append_call_submit(c);
}

/* ---- catch-up */

static enum err reset(struct request *q)
{
	return problem_set(&q->problem, ERR_RESET,
					   "This place is older than what is kept, past the channel's end, or of another epoch");
}

enum err changes_list_take(struct request *q)
{
	struct changes_query *in = arena_new(&q->arena, struct changes_query);
	struct str epoch = STR_NONE;
	int64_t limit = 100;
	q->in = in;
	in->since_rev = in->since_message_id = -1;
	enum err e = request_id_param(q, 0, &in->channel_id);
	if (!e) e = request_query_i64(q, "since_rev", 0, ID_MOST, &in->since_rev);
	if (!e) e = request_query_i64(q, "since_message_id", 0, ID_MOST, &in->since_message_id);
	if (!e) e = request_query_str(q, "epoch", &epoch);
	if (!e) e = request_limit(q, 100, CHANGES_MOST, &limit);
	if (!e) e = request_epoch(q, epoch, &in->epoch);
	if (e) return e == ERR_EPOCH_CHANGED ? reset(q) : e;
	if ((in->since_rev < 0) == (in->since_message_id < 0))
		return problem_field(&q->problem, "since_rev", "one of since_rev and since_message_id is wanted");
	in->limit = (size_t)limit;
	return OK;
}

static void reply_changes(struct request *q, const struct changes *p)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	put_events(&o, "items", p->items, p->n);
	json_field_bool(&o, "after", p->after);
	message_put_position(&o, p->epoch, p->rev, p->at);
	json_close(&o, '}');
}

enum err changes_list_run(struct request *q, struct db_conn *c)
{
	struct changes p;
	enum err e = changes_read(c, &q->arena, &q->actor, q->in, &p);
	if (e) return e == ERR_RESET ? reset(q) : e;
	e = message_present(q, p.epoch);
	if (!e) reply_changes(q, &p);
	changes_release(&p);
	return e;
}
