#include "edge/channels.h"

#include <string.h>

#include "app/marker.h"
#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/http_conn.h"
#include "edge/limit.h"
#include "edge/list.h"
#include "edge/me.h"
#include "model/text.h"
#include "store/channel.h"
#include "store/epoch.h"

struct list_query {
	struct str q;
	struct page_ask page;
};

/* ---- lists */

enum err channel_list_take(struct request *q)
{
	struct list_query *in = arena_new(&q->arena, struct list_query);
	q->in = in;
	in->q = STR_NONE;
	return page_take(q, &in->page);
}

enum err channel_browse_take(struct request *q)
{
	enum err e = channel_list_take(q);
	struct list_query *in = q->in;
	if (!e) e = request_query_str(q, "q", &in->q);
	if (!e && in->q.n > 256) e = problem_field(&q->problem, "q", "is longer than 256 bytes");
	return e;
}

static void reply_page(struct request *q, const struct channel_page *page)
{
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page->n; i++) codec_channel(&o, &page->items[i]);
	list_close(&o, page->next);
}

enum err channel_list_run(struct request *q, struct db_conn *c)
{
	const struct list_query *in = q->in;
	struct channel_page page;
	enum err e = channel_mine(c, &q->arena, q->actor.user_id, in->page.cursor, (size_t)in->page.limit, &page);
	if (!e) reply_page(q, &page);
	return page_cursor(q, e);
}

enum err channel_browse_run(struct request *q, struct db_conn *c)
{
	const struct list_query *in = q->in;
	struct channel_page page;
	struct str key = STR_NONE;
	if (q->actor.role == USER_GUEST)
		return problem_set(&q->problem, ERR_NOT_ALLOWED, "Guests see their own channels only");
	if (in->q.n) key = text_fold(&q->arena, in->q);
	enum err e = channel_browse(c, &q->arena, q->actor.user_id, key, in->page.cursor, (size_t)in->page.limit, &page);
	if (!e) reply_page(q, &page);
	return page_cursor(q, e);
}

/* ---- one */

struct channel_ref {
	int64_t id;
	int status;
};

static enum err reply_channel(struct request *q, struct db_conn *c, const struct channel_ref *ref)
{
	struct channel ch;
	enum err e = channel_read(c, &q->arena, ref->id, &q->actor, false, &ch);
	if (e) return e;
	struct json_out o = reply_json(q);
	codec_channel(&o, &ch);
	q->reply.status = ref->status;
	return OK;
}

enum err channel_id_take(struct request *q)
{
	struct channel_ref *ref = arena_new(&q->arena, struct channel_ref);
	q->in = ref;
	return request_id_param(q, 0, &ref->id);
}

enum err channel_get_run(struct request *q, struct db_conn *c)
{
	return reply_channel(q, c, q->in);
}

/* After a change of the channel: its row as it is now. */
static enum err changed_run(struct request *q, struct db_conn *c)
{
	struct append_call *call = q->in;
	struct channel_ref ref = { call->change.channel_id, 0 };
	if (call->change.new_channel_id) ref.id = call->change.new_channel_id;
	if (call->change.create && !call->change.repeated) ref.status = 201;
	return reply_channel(q, c, &ref);
}

/* ---- making */

static enum err read_history(struct json_in *in, struct channel_create *create)
{
	struct str text;
	enum channel_history history;
	if (!json_in_str(in, "history", JSON_MAY, &text)) return OK;
	if (channel_history_parse(text, &history)) {
		create->history = history;
		return OK;
	}
	return problem_field(in->problem, "history", "must be all or joined");
}

static enum err read_name(struct request *q, struct json_in *in, enum json_need need, struct str *name, struct str *key)
{
	struct str given;
	*name = STR_NONE;
	if (!json_in_str(in, "name", need, &given)) return OK;
	return channel_name_check(&q->arena, given, name, key, &q->problem);
}

static enum err read_topic(struct request *q, struct json_in *in, struct str *topic)
{
	*topic = STR_NONE;
	if (!json_in_str(in, "topic", JSON_MAY, topic)) return OK;
	*topic = arena_str(&q->arena, *topic);
	return channel_topic_check(&q->arena, topic, &q->problem);
}

enum err channel_create_take(struct request *q)
{
	struct append_call *c = append_call(q, CHANGE_CHANNEL, 0);
	struct json_in in;
	bool private = false;
	json_in_open(&in, q->json, &q->problem);
	enum err e = read_name(q, &in, JSON_NEED, &c->create.name, &c->create.name_key);
	e = err_first(e, read_topic(q, &in, &c->create.topic));
	json_in_bool(&in, "private", JSON_MAY, &private);
	e = err_first(e, read_history(&in, &c->create));
	e = err_first(json_in_close(&in), e);
	if (e) return e;
	c->create.kind = private ? CHANNEL_PRIVATE : CHANNEL_PUBLIC;
	c->create.dm_key = STR_NONE;
	c->change.create = &c->create;
	c->run = changed_run;
	return append_call_submit(c);
}

/* A new one is in the lists of people who were not asked: so it takes from a rate of its own. To open one that is there
 * does not. Two that are made at once may take a token too many. */
static enum err dm_rate_run(struct request *q, struct db_conn *c)
{
	const struct append_call *call = q->in;
	int64_t ids[DM_PEOPLE + 1], there, retry_ms = 0;
	size_t n = call->create.n_users;
	struct str key;
	memcpy(ids, call->create.user_ids, n * sizeof *ids);
	ids[n++] = q->actor.user_id;
	enum err e = dm_key(&q->arena, ids, &n, &key, &q->problem);
	if (!e) e = channel_of_dm(c, key, &there);
	if (e || there) return e;
	if (limit_person(q->pod->eph, &q->pod->config->rate_dms, "dms", q->actor.user_id, &retry_ms)) return OK;
	return problem_set(&q->problem, problem_wait(&q->problem, retry_ms), "Too many new direct messages of one person");
}

static void dm_rate_asked(struct request *q, enum err e)
{
	if (!e) e = append_call_submit(q->in);
	if (e) request_finish(q, e);
}

enum err dm_create_take(struct request *q)
{
	struct append_call *c = append_call(q, CHANGE_CHANNEL, 0);
	struct json_in in;
	json_t *ids = NULL;
	json_in_open(&in, q->json, &q->problem);
	json_in_array(&in, "user_ids", JSON_NEED, DM_PEOPLE, &ids);
	enum err e = json_in_close(&in);
	if (e) return e;
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const json_t *id = json_array_get(ids, i);
		if (!json_is_integer(id) || json_integer_value(id) < 1 || json_integer_value(id) > ID_MOST)
			return problem_field(&q->problem, "user_ids", "must be ids of people");
		c->create.user_ids[c->create.n_users++] = json_integer_value(id);
	}
	c->create.kind = CHANNEL_DM;
	c->create.name = c->create.name_key = c->create.topic = STR_NONE;
	c->change.create = &c->create; /* the append adds the actor and makes the key */
	c->run = changed_run;
	dispatch_job(q, LANE_read, dm_rate_run, dm_rate_asked);
	return OK;
}

/* ---- changing: name and settings are one change, the topic is another */

static void read_flag(struct json_in *in, const char *name, int *flag, bool *given)
{
	bool value;
	if (!json_in_bool(in, name, JSON_MAY, &value)) return;
	*flag = value;
	*given = true;
}

static enum err read_settings(struct json_in *in, struct channel_patch *p, bool *given)
{
	struct str text;
	enum channel_history history;
	*p = CHANNEL_PATCH_NONE;
	read_flag(in, "private", &p->make_private, given);
	read_flag(in, "read_only", &p->read_only, given);
	read_flag(in, "archived", &p->archived, given);
	read_flag(in, "default", &p->is_default, given);
	if (json_in_i64(in, "slow_mode_s", JSON_MAY, 0, SLOW_MODE_MOST, &p->slow_mode_s)) *given = true;
	if (!json_in_str(in, "history", JSON_MAY, &text)) return OK;
	if (!channel_history_parse(text, &history)) return problem_field(in->problem, "history", "must be all or joined");
	p->history = (int)history;
	*given = true;
	return OK;
}

enum err channel_patch_take(struct request *q)
{
	struct json_in in;
	struct str name, key, topic;
	bool settings = false;
	int64_t id;
	enum err e = request_id_param(q, 0, &id);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_CHANNEL, id);
	json_in_open(&in, q->json, &q->problem);
	e = read_name(q, &in, JSON_MAY, &name, &key);
	e = err_first(e, read_topic(q, &in, &topic));
	e = err_first(e, read_settings(&in, &c->patch, &settings));
	e = err_first(json_in_close(&in), e);
	if (e) return e;
	if (!name.p && !topic.p && !settings)
		return problem_set(&q->problem, ERR_INVALID, "Nothing to change: a name, a topic or a setting is wanted");
	if (topic.p && (name.p || settings))
		return problem_field(&q->problem, "topic", "is changed apart from name and settings: one a request");
	if (topic.p) c->change.kind = CHANGE_TOPIC;
	c->change.text = topic.p ? topic : name;
	if (name.p) c->change.text_key = key;
	if (settings) c->change.patch = &c->patch;
	c->run = changed_run;
	return append_call_submit(c);
}

enum err channel_delete_take(struct request *q)
{
	int64_t id;
	enum err e = request_id_param(q, 0, &id);
	return e ? e : append_call_submit(append_call(q, CHANGE_DELETED, id));
}

enum err channel_join_take(struct request *q)
{
	int64_t id;
	enum err e = request_id_param(q, 0, &id);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_JOIN, id);
	c->run = changed_run;
	return append_call_submit(c);
}

enum err channel_leave_take(struct request *q)
{
	int64_t id;
	enum err e = request_id_param(q, 0, &id);
	return e ? e : append_call_submit(append_call(q, CHANGE_LEAVE, id));
}

/* ---- one's own part */

struct me_query {
	int64_t id;
	struct me_patch patch;
};

enum err channel_me_take_patch(struct request *q)
{
	struct me_query *m = arena_new(&q->arena, struct me_query);
	struct json_in in;
	struct str level;
	q->in = m;
	enum err e = request_id_param(q, 0, &m->id);
	if (e) return e;
	json_in_open(&in, q->json, &q->problem);
	m->patch.has_level = json_in_str(&in, "level", JSON_MAY, &level);
	if (m->patch.has_level && !notify_level_parse(level, &m->patch.level))
		e = problem_field(&q->problem, "level", "must be default, all, mentions or none");
	m->patch.has_muted = json_in_time(&in, "muted_until", true, &m->patch.muted_until);
	m->patch.has_hidden = json_in_bool(&in, "hidden", JSON_MAY, &m->patch.hidden);
	return err_first(json_in_close(&in), e);
}

static void tell_moved(struct request *q, const struct me_patch *p)
{
	struct user_news *n = user_news_create(0);
	n->user_id = q->actor.user_id;
	n->user_rev = p->user_rev;
	n->epoch = p->epoch;
	n->list_moved = true;
	bus_publish_user(q->pod->bus, n);
	user_news_unref(n);
}

enum err channel_me_run(struct request *q, struct db_conn *c)
{
	struct me_query *m = q->in;
	struct channel ch;
	enum err e = channel_read(c, &q->arena, m->id, &q->actor, true, &ch);
	if (!e) e = member_patch(c, m->id, q->actor.user_id, &m->patch);
	if (e) return e;
	tell_moved(q, &m->patch);
	struct channel_ref ref = { m->id, 0 };
	return reply_channel(q, c, &ref);
}

/* ---- read markers */

static enum err mark_take(struct request *q, int64_t least)
{
	struct marker *m = arena_new(&q->arena, struct marker);
	struct json_in in;
	struct str epoch = STR_NONE;
	q->in = m;
	enum err e = request_id_param(q, 0, &m->channel_id);
	if (e) return e;
	json_in_open(&in, q->json, &q->problem);
	json_in_i64(&in, "message_id", JSON_NEED, least, ID_MOST, &m->message_id);
	json_in_str(&in, "epoch", JSON_MAY, &epoch);
	e = json_in_close(&in);
	return e ? e : request_epoch(q, epoch, &m->epoch);
}

enum err channel_read_take(struct request *q)
{
	return mark_take(q, 0);
}

enum err channel_unread_take(struct request *q)
{
	return mark_take(q, 1);
}

/* The id is compared with the epoch of the very transaction that it is used in. */
static enum err mark_in(struct request *q, struct db_conn *c, bool back, uint64_t *epoch)
{
	struct marker *m = q->in;
	struct channel ch;
	enum err e = epoch_read(c, epoch);
	if (!e && m->epoch && m->epoch != *epoch) e = ERR_EPOCH_CHANGED;
	if (!e) e = channel_read(c, &q->arena, m->channel_id, &q->actor, true, &ch);
	if (e) return e;
	e = marker_move(c, m, back, clock_wall_ms(q->pod->clock));
	return e == ERR_NOT_FOUND ? problem_set(&q->problem, e, "There is no such message yet") : e;
}

static enum err mark(struct request *q, struct db_conn *c, bool back)
{
	struct marker *m = q->in;
	uint64_t epoch;
	m->user_id = q->actor.user_id;
	enum err e = db_begin(c);
	if (e) return e;
	e = mark_in(q, c, back, &epoch);
	if (!e)
		e = db_commit(c);
	else
		db_rollback(c);
	if (!e && m->moved) marker_tell(q->pod->bus, m, epoch);
	return e;
}

enum err channel_read_run(struct request *q, struct db_conn *c)
{
	return mark(q, c, false);
}

enum err channel_unread_run(struct request *q, struct db_conn *c)
{
	return mark(q, c, true);
}
