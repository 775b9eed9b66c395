#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/channels.h"
#include "edge/list.h"
#include "edge/me.h"
#include "eph/present.h"
#include "hub/hub.h"
#include "model/text.h"
#include "store/block.h"
#include "store/channel.h"

struct member_query {
	int64_t channel_id;
	struct page_ask page;
	struct str q;
	bool online;
};

enum err member_list_take(struct request *q)
{
	struct member_query *m = arena_new(&q->arena, struct member_query);
	struct str online = STR_NONE;
	q->in = m;
	m->q = STR_NONE;
	enum err e = request_id_param(q, 0, &m->channel_id);
	if (!e) e = request_query_str(q, "q", &m->q);
	if (!e) e = page_take(q, &m->page);
	if (!e) e = request_query_str(q, "online", &online);
	if (!e && online.p && !str_eq(online, STR("true")) && !str_eq(online, STR("false")))
		e = problem_field(&q->problem, "online", "must be true or false");
	m->online = !e && online.p && online.n == 4;
	if (!e && m->q.n > 256) e = problem_field(&q->problem, "q", "is longer than 256 bytes");
	return e;
}

static void put_member(struct json_out *o, const struct member *m)
{
	json_open(o, '{');
	json_field_i64(o, "user_id", m->user.id);
	json_field_text(o, "role", channel_role_name(m->role));
	json_field_bool(o, "voice", m->voice);
	json_field_time(o, "muted_until", m->silenced_until);
	json_field_time(o, "joined_at", m->joined_at);
	json_close(o, '}');
}

static void reply_members(struct request *q, const struct member_page *page)
{
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page->n; i++) put_member(&o, &page->items[i]);
	list_more(&o, "users");
	for (size_t i = 0; i < page->n; i++) codec_user(&o, &page->items[i].user);
	list_close(&o, page->next);
}

/* ---- those who are there */

#define LOOK_MOST 1000 /* members who are looked at one by one; of more channels those who wrote or typed lately */

static bool in_ids(const struct member_ids *ids, int64_t id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->ids[i] == id) return true;
	return false;
}

/* Leaves the first `limit` of them who are not offline; who has blocked the reader is. */
static void keep_online(struct request *q, struct member_page *page, const struct member_ids *blockers, size_t limit)
{
	int64_t *ids = arena_array(&q->arena, int64_t, page->n + 1);
	uint8_t *states = arena_array(&q->arena, uint8_t, page->n + 1);
	size_t n = 0, read = page->n;
	for (size_t i = 0; i < read; i++) ids[i] = page->items[i].user.id;
	hub_presences(q->pod->hub, ids, read, states);
	for (size_t i = 0; i < read; i++)
		if (in_ids(blockers, ids[i])) states[i] = PRESENCE_OFFLINE;
	for (size_t i = 0; i < read; i++) {
		if (!states[i]) continue;
		if (n == limit) {
			page->next = arena_printf(&q->arena, "%lld", (long long)page->items[n - 1].user.id);
			break;
		}
		page->items[n++] = page->items[i];
	}
	page->n = n;
}

static struct member_ids lately(struct request *q, int64_t channel_id)
{
	char key[48];
	struct eph *eph = q->pod->eph;
	struct eph_items items = eph->ops->set_get(eph, eph_present_key(channel_id, key), &q->arena);
	int64_t *ids = arena_array(&q->arena, int64_t, items.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < items.n; i++)
		if (str_i64(items.p[i].name, 1, INT64_MAX, &ids[n])) n++;
	return (struct member_ids){ ids, n };
}

/* A page of a thousand at a time until one has somebody who is there. */
static enum err list_online(struct request *q, struct db_conn *c, const struct channel *ch, struct str key,
							struct member_page *page)
{
	const struct member_query *m = q->in;
	struct member_ids ids = { 0 }, blockers;
	int64_t *against;
	bool large = ch->large || ch->member_count > LOOK_MOST;
	struct str cursor = m->page.cursor;
	if (large) ids = lately(q, m->channel_id);
	enum err e = blocks_against(c, &q->arena, q->actor.user_id, &against, &blockers.n);
	blockers.ids = against;
	while (!e) {
		e = member_list(c, &q->arena, m->channel_id, large ? &ids : NULL, key, cursor, LOOK_MOST, page);
		if (e) return e;
		keep_online(q, page, &blockers, (size_t)m->page.limit);
		if (page->n || !page->next.p) return OK;
		cursor = page->next;
	}
	return e;
}

enum err member_list_run(struct request *q, struct db_conn *c)
{
	const struct member_query *m = q->in;
	struct channel ch;
	struct member_page page;
	enum err e = channel_read(c, &q->arena, m->channel_id, &q->actor, true, &ch);
	if (e) return e;
	struct str key = m->q.n ? text_fold(&q->arena, m->q) : STR_NONE;
	if (m->online)
		e = list_online(q, c, &ch, key, &page);
	else if (ch.large && key.n)
		e = member_list_named(c, &q->arena, m->channel_id, key, m->page.cursor, (size_t)m->page.limit, &page);
	else
		e = member_list(c, &q->arena, m->channel_id, NULL, key, m->page.cursor, (size_t)m->page.limit, &page);
	if (!e) reply_members(q, &page);
	return page_cursor(q, e);
}

enum err member_ids_take(struct request *q, int64_t *channel_id, int64_t *user_id)
{
	enum err e = request_id_param(q, 0, channel_id);
	if (!e) e = request_id_param(q, 1, user_id);
	return !e && !*user_id ? ERR_NOT_FOUND : e; /* nobody; to a change it would mean oneself */
}

static enum err read_role(struct json_in *in, struct change *c)
{
	struct str text;
	enum channel_role role;
	if (!json_in_str(in, "role", JSON_MAY, &text)) return OK;
	if (!channel_role_parse(text, &role)) return problem_field(in->problem, "role", "must be member, op or owner");
	c->role = (int)role;
	return OK;
}

static void read_silence(struct json_in *in, struct change_until *until)
{
	until->given = json_in_time(in, "muted_until", true, &until->ms);
}

static enum err read_member(struct request *q, struct change *c)
{
	struct json_in in;
	bool voice;
	if (!q->json) return OK;
	json_in_open(&in, q->json, &q->problem);
	enum err e = read_role(&in, c);
	if (json_in_bool(&in, "voice", JSON_MAY, &voice)) c->voice = voice;
	read_silence(&in, &c->until);
	return err_first(json_in_close(&in), e);
}

/* Adds the person, or changes role, voice and silence of one who is a member. */
enum err member_put_take(struct request *q)
{
	int64_t channel_id, user_id;
	enum err e = member_ids_take(q, &channel_id, &user_id);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_JOIN, channel_id);
	c->change.user_id = user_id;
	e = read_member(q, &c->change);
	if (e) return e;
	if (c->change.role >= 0 || c->change.voice >= 0 || c->change.until.given) c->change.kind = CHANGE_ROLE;
	return append_call_submit(c);
}

enum err member_delete_take(struct request *q)
{
	int64_t channel_id, user_id;
	struct str reason = STR_NONE;
	enum err e = member_ids_take(q, &channel_id, &user_id);
	if (!e) e = request_query_str(q, "reason", &reason);
	if (!e && reason.p) e = channel_line_check(&q->arena, "reason", &reason, &q->problem);
	if (e) return e;
	struct append_call *c = append_call(q, CHANGE_KICK, channel_id);
	c->change.user_id = user_id;
	c->change.text = reason;
	return append_call_submit(c);
}
