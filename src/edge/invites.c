/* /invites: made and taken back on the write lane, in a transaction with its row of the audit; accepted through the
 * append queue, since a channel is joined: the join takes the use (store/append_member.c). */
#include "edge/invites.h"

#include <string.h>

#include "app/own.h"
#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/http_conn.h"
#include "edge/list.h"
#include "edge/me.h"
#include "model/permit.h"
#include "store/audit.h"
#include "store/channel.h"
#include "store/epoch.h"
#include "store/invite.h"
#include "store/own.h"
#include "store/person.h"

static enum err missing(struct request *q)
{
	return problem_set(&q->problem, ERR_NOT_FOUND, "There is no such invite");
}

static void reply_invite(struct request *q, const struct invite *i, bool whole, int status)
{
	struct json_out o = reply_json(q);
	codec_invite(&o, i, whole);
	q->reply.status = status;
}

/* ---- making one */

struct making {
	struct invite invite;
	char code[INVITE_CODE + 1];
	bool there;          /* the same was made before */
	bool unheard;        /* whom it is for has blocked its maker */
	struct own_list own; /* what they are told */
	uint64_t epoch;
};

static enum err check_end(struct request *q, const struct invite *i)
{
	if (i->expires_at <= i->created_at) return problem_field(&q->problem, "expires_at", "must be in the future");
	if (i->expires_at - i->created_at > INVITE_LIFE_MOST_MS)
		return problem_field(&q->problem, "expires_at", "must be within 366 days");
	return OK;
}

static enum err check_together(struct request *q, const struct invite *i, bool has_uses)
{
	enum err e = OK;
	if (i->guest && !i->channel_id)
		e = problem_field(&q->problem, "guest", "goes with a channel_id: a guest is in that");
	if (i->guest && i->user_id)
		e = problem_field(&q->problem, "guest", "is for accounts that are made, not for a user_id");
	if (i->user_id && !i->channel_id) e = problem_field(&q->problem, "user_id", "goes with a channel_id");
	if (i->user_id && has_uses && i->max_uses != 1) e = problem_field(&q->problem, "max_uses", "is 1 for one person");
	return e;
}

enum err invite_create_take(struct request *q)
{
	struct making *m = arena_new(&q->arena, struct making);
	struct invite *i = &m->invite;
	struct json_in in;
	enum err e = OK;
	q->in = m;
	i->created_at = clock_wall_ms(q->pod->clock);
	i->expires_at = i->created_at + INVITE_LIFE_MS;
	i->max_uses = INVITE_USES;
	json_in_open(&in, q->json, &q->problem);
	json_in_i64(&in, "channel_id", JSON_MAY, 1, ID_MOST, &i->channel_id);
	json_in_i64(&in, "user_id", JSON_MAY, 1, ID_MOST, &i->user_id);
	bool has_uses = json_in_i64(&in, "max_uses", JSON_MAY, 1, INVITE_USES_MOST, &i->max_uses);
	if (json_in_time(&in, "expires_at", false, &i->expires_at)) e = check_end(q, i);
	json_in_bool(&in, "guest", JSON_MAY, &i->guest);
	e = err_first(json_in_close(&in), e);
	if (!e) e = check_together(q, i, has_uses);
	if (i->user_id) i->max_uses = 1;
	return e;
}

/* May the actor invite there? */
static enum err ask_permit(struct request *q, struct db_conn *c, const struct invite *i)
{
	struct channel ch;
	struct permit p = { .actor = &q->actor };
	if (i->channel_id) {
		enum err e = channel_read(c, &q->arena, i->channel_id, &q->actor, true, &ch);
		if (e) return request_no_channel(q, e);
		p.channel = &ch, p.member = ch.has_me, p.role = ch.me.role;
	}
	struct permit_answer a = permit_invite(&p, i->user_id != 0);
	return a.err && a.why ? problem_set(&q->problem, a.err, "%s", a.why) : a.err;
}

static const struct sql SQL_MEMBER = {
	"SELECT 1 FROM members WHERE channel_id = $1 AND user_id = $2 AND left_rev IS NULL", NULL
};

static enum err ask_person(struct request *q, struct db_conn *c, struct making *m)
{
	const struct invite *i = &m->invite;
	struct user u;
	enum err e = person_seen(c, &q->arena, &q->actor, i->user_id, &u);
	if (e == ERR_NOT_FOUND || (!e && (u.deactivated || u.deleted)))
		return problem_set(&q->problem, ERR_NOT_FOUND, "There is no such person");
	if (!e) e = db_one(c, &SQL_MEMBER, DB_ARGS(DB_I64(i->channel_id), DB_I64(i->user_id)), NULL, NULL);
	if (!e) return problem_set(&q->problem, ERR_CONFLICT, "This person is in the channel");
	return e == ERR_NOT_FOUND ? invite_blocked(c, i->user_id, i->created_by, &m->unheard) : e;
}

static enum err audit(struct request *q, struct db_conn *c, const char *action, const struct invite *i, int64_t now_ms)
{
	struct str target =
		i->channel_id ? arena_printf(&q->arena, "channel:%lld", (long long)i->channel_id) : STR("server");
	struct str what =
		arena_printf(&q->arena, "{\"created_by\":%lld,\"user_id\":%lld,\"max_uses\":%lld,\"uses\":%lld,\"guest\":%s}",
					 (long long)i->created_by, (long long)i->user_id, (long long)i->max_uses, (long long)i->uses,
					 i->guest ? "true" : "false");
	bool made = i->code.p == NULL;
	const struct audit_row row = {
		.actor_id = q->actor.user_id,
		.now_ms = now_ms,
		.action = action,
		.target = target,
		.before = made ? STR_NONE : what,
		.after = made ? what : STR_NONE,
		.address = q->address,
		.request_id = str_of(q->id),
	};
	return audit_write(c, &row);
}

static enum err room_for_one(struct request *q, struct db_conn *c, const struct invite *i)
{
	int64_t n = 0, most = q->pod->config->invites_per_person;
	enum err e = invite_count(c, i->created_by, i->created_at, &n);
	if (e || n < most) return e;
	return problem_set(&q->problem, ERR_LIMIT_REACHED, "One person has at most %lld invites that can still be used",
					   (long long)most);
}

static enum err insert(struct request *q, struct db_conn *c, struct making *m)
{
	struct invite *i = &m->invite;
	enum err e = OK; /* people are locked before invites, as by a join */
	if (i->user_id && !m->unheard) e = person_move(c, i->user_id, &i->user_rev);
	if (!e) e = room_for_one(q, c, i);
	if (!e) e = audit(q, c, "invite.create", i, i->created_at);
	invite_code_make(m->code);
	i->code = str_of(m->code);
	if (!e) e = invite_insert(c, i);
	if (!e && i->user_rev) e = own_read(c, &q->arena, i->user_id, i->user_rev - 1, &m->own);
	return e;
}

/* A retry, or somebody who has forgotten. */
static enum err find_same(struct request *q, struct db_conn *c, struct making *m)
{
	enum err e = invite_same(c, &q->arena, &m->invite, &m->invite);
	m->there = !e;
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err create_in(struct request *q, struct db_conn *c, struct making *m)
{
	struct invite *i = &m->invite;
	i->created_by = q->actor.user_id;
	enum err e = ask_permit(q, c, i);
	if (!e && i->user_id) e = ask_person(q, c, m);
	if (!e && i->user_id) e = find_same(q, c, m);
	if (!e && !m->there) e = insert(q, c, m);
	if (!e) e = epoch_read(c, &m->epoch);
	return e ? e : invite_find(c, &q->arena, i->code, i);
}

/* Their own things have moved by this one. */
static void tell(struct request *q, const struct making *m)
{
	struct str frame = m->own.n == 1 ? m->own.items[0].frame : STR("");
	struct user_news *n = user_news_create(frame.n);
	n->user_id = m->invite.user_id;
	n->user_rev = m->invite.user_rev;
	n->epoch = m->epoch;
	n->list_moved = true;
	if (frame.n) memcpy(n->json, frame.p, frame.n);
	bus_publish_user(q->pod->bus, n);
	user_news_unref(n);
}

enum err invite_create_run(struct request *q, struct db_conn *c)
{
	struct making *m = q->in;
	enum err e = db_begin(c);
	if (e) return e;
	e = create_in(q, c, m);
	if (!e)
		e = db_commit(c);
	else
		db_rollback(c);
	if (e) return e;
	if (m->invite.user_rev && !m->there) tell(q, m);
	reply_invite(q, &m->invite, true, m->there ? 200 : 201);
	return OK;
}

/* ---- lists */

struct list_ask {
	struct page_ask page;
	int64_t channel_id; /* -1: those to me */
};

enum err invite_list_take(struct request *q)
{
	struct list_ask *ask = arena_new(&q->arena, struct list_ask);
	q->in = ask;
	ask->channel_id = -1;
	enum err e = request_query_i64(q, "channel_id", 0, ID_MOST, &ask->channel_id);
	return e ? e : page_take(q, &ask->page);
}

/* Operators see all of a channel's, admins all to the server; others see their own. */
static enum err whose(struct request *q, struct db_conn *c, int64_t channel_id, int64_t *created_by)
{
	struct channel ch = { .id = 0 };
	bool all = q->actor.role >= USER_ADMIN;
	enum err e = channel_id ? channel_read(c, &q->arena, channel_id, &q->actor, true, &ch) : OK;
	if (!e && channel_id) {
		const struct permit p = { .actor = &q->actor, .channel = &ch, .member = ch.has_me, .role = ch.me.role };
		all = permit_operates(&p);
	}
	*created_by = all ? 0 : q->actor.user_id;
	return request_no_channel(q, e);
}

static void reply_list(struct request *q, const struct invite_page *page, bool whole)
{
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page->n; i++) codec_invite(&o, &page->items[i], whole);
	list_close(&o, page->next);
}

enum err invite_list_run(struct request *q, struct db_conn *c)
{
	const struct list_ask *ask = q->in;
	struct invite_page page;
	struct invites_query query = {
		.now_ms = clock_wall_ms(q->pod->clock),
		.channel_id = ask->channel_id,
		.cursor = ask->page.cursor,
		.limit = (size_t)ask->page.limit,
	};
	enum err e = OK;
	if (ask->channel_id < 0) {
		e = invites_to(c, &q->arena, q->actor.user_id, &query, &page);
	} else {
		e = whose(q, c, ask->channel_id, &query.created_by);
		if (!e) e = invites_of_channel(c, &q->arena, &query, &page);
	}
	if (!e) reply_list(q, &page, ask->channel_id >= 0);
	return page_cursor(q, e);
}

/* ---- one */

enum err invite_get_run(struct request *q, struct db_conn *c)
{
	struct invite i;
	enum err e = invite_read(c, &q->arena, q->params[0], false, &i);
	if (e) return e == ERR_NOT_FOUND ? missing(q) : e;
	e = invite_judge(&i, i.user_id, clock_wall_ms(q->pod->clock));
	if (!e) reply_invite(q, &i, false, 200);
	return e;
}

static enum err joined_run(struct request *q, struct db_conn *c)
{
	const struct append_call *call = q->in;
	struct channel ch;
	enum err e = channel_read(c, &q->arena, call->change.channel_id, &q->actor, true, &ch);
	if (e) return e;
	struct json_out o = reply_json(q);
	codec_channel(&o, &ch);
	return OK;
}

/* Where to: the append judges it under the channel's lock. */
static enum err find_run(struct request *q, struct db_conn *c)
{
	struct invite *i = q->in;
	enum err e = invite_read(c, &q->arena, q->params[0], false, i);
	if (!e && i->user_id && i->user_id != q->actor.user_id) e = ERR_NOT_FOUND;
	return e == ERR_NOT_FOUND ? missing(q) : e;
}

static void found(struct request *q, enum err e)
{
	const struct invite *i = q->in;
	if (e || !i->channel_id) { /* to the server: here they are already */
		request_finish(q, e);
		return;
	}
	struct append_call *c = append_call(q, CHANGE_JOIN, i->channel_id);
	c->change.invite = i->code;
	c->run = joined_run;
	e = append_call_submit(c);
	if (e) request_finish(q, e);
}

enum err invite_accept_take(struct request *q)
{
	q->in = arena_new(&q->arena, struct invite);
	dispatch_job(q, LANE_read, find_run, found);
	return OK;
}

/* ---- taking one back, or declining it */

static enum err may_delete(struct request *q, struct db_conn *c, const struct invite *i)
{
	int64_t me = q->actor.user_id, only_by = me;
	if (i->user_id == me || i->created_by == me) return OK;
	enum err e = whose(q, c, i->channel_id, &only_by);
	if (e == ERR_NOT_MEMBER || e == ERR_NOT_FOUND) return missing(q);
	if (!e && only_by)
		e = problem_set(&q->problem, ERR_NOT_ALLOWED, "only who made an invite and operators take it back");
	return e;
}

struct taking {
	struct request *q;
	struct invite invite;
};

/* In a transaction. To decline is nobody's business. */
static enum err take_back(struct db_conn *c, const struct taking *t)
{
	struct request *q = t->q;
	enum err e = invite_delete(c, t->invite.code);
	if (e || t->invite.user_id == q->actor.user_id) return e;
	return audit(q, c, "invite.delete", &t->invite, clock_wall_ms(q->pod->clock));
}

static enum err take_back_told(struct db_conn *c, struct own_write *w)
{
	const struct taking *t = w->arg;
	enum err e = take_back(c, t);
	if (!e) e = invite_ended(c, w->user_id, t->invite.code, w->user_rev);
	w->changed = !e;
	return e;
}

static enum err take_back_alone(struct db_conn *c, const struct taking *t)
{
	enum err e = db_begin(c);
	if (e) return e;
	e = take_back(c, t);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

enum err invite_delete_run(struct request *q, struct db_conn *c)
{
	struct taking t = { .q = q };
	const struct invite *i = &t.invite;
	enum err e = invite_find(c, &q->arena, q->params[0], &t.invite);
	if (e) return e == ERR_NOT_FOUND ? missing(q) : e;
	e = may_delete(q, c, i);
	if (e) return e;
	struct own_write w = { .user_id = i->user_id, .write = take_back_told, .arg = &t };
	bool told = i->user_rev && i->uses < i->max_uses; /* of it, and not yet of its end */
	e = told ? own_write(c, q->pod->bus, &w) : take_back_alone(c, &t);
	return e == ERR_NOT_FOUND ? missing(q) : e;
}
