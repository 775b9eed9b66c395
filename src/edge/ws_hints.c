/* Operations of which nothing is kept. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/codec.h"
#include "edge/typing.h"
#include "edge/ws_call.h"
#include "hub/presence.h"
#include "hub/watch.h"
#include "store/person.h"

static enum err typing_judge(struct ws_call *c, struct db_conn *db)
{
	const struct typing *t = c->in;
	return typing_allowed(c->w->pod, db, &c->arena, &c->actor, t, &c->problem);
}

static void typing_judged(struct ws_call *c)
{
	typing_tell(c->w->pod, c->actor.user_id, c->in);
}

/* Only to channels that the session is attached to: everything else is refused without a look at the database. */
void ws_op_typing(struct ws_request *q)
{
	struct typing t = { 0 };
	json_in_i64(&q->in, "channel_id", JSON_NEED, 1, ID_MOST, &t.channel_id);
	json_in_i64(&q->in, "thread_id", JSON_MAY, 1, ID_MOST, &t.thread_id);
	enum err e = json_in_close(&q->in);
	if (!e && !session_sub(q->w->session, t.channel_id)) e = ERR_NOT_MEMBER;
	if (!e) e = typing_rate(q->w->pod, q->w->session->user_id, &q->problem);
	if (e) {
		ws_refuse(q, e);
		return;
	}
	struct ws_call *c = ws_call_create(q, typing_judge, typing_judged);
	struct typing *in = arena_new(&c->arena, struct typing);
	*in = t;
	c->in = in;
	ws_call_submit(c);
}

/* ---- presence */

static enum err take(struct ws_request *q, const char *kind, const char *what, const struct rate *rate)
{
	char key[48];
	int64_t retry_ms = 0;
	int n = snprintf(key, sizeof key, "%s:%lld", kind, (long long)q->w->session->user_id);
	if (eph_take(q->w->pod->eph, (struct str){ key, (size_t)n }, rate, &retry_ms)) return OK;
	return problem_set(&q->problem, problem_wait(&q->problem, retry_ms), "Too many of these at once: %s", what);
}

void ws_op_presence(struct ws_request *q)
{
	static const struct rate rate = { .count = 1, .per_ms = 1000, .burst = 20 };
	struct str text = STR_NONE;
	enum presence state = PRESENCE_OFFLINE;
	bool there = json_in_str(&q->in, "state", JSON_NEED, &text);
	if (there && (!presence_parse(text, &state) || state == PRESENCE_OFFLINE))
		problem_field(&q->problem, "state", "must be online or idle");
	enum err e = json_in_close(&q->in);
	if (!e && state == PRESENCE_OFFLINE) e = ERR_INVALID;
	if (!e) e = take(q, "p", "presence", &rate);
	if (e)
		ws_refuse(q, e);
	else
		presence_set(q->w->session, state);
}

/* ---- watch */

struct ws_watch {           /* of a socket that has ever watched */
	json_t *ref;            /* of the set that was taken last, until it is answered; NULL: none */
	uint32_t asked, judged; /* how many sets; the number of the one that was taken last */
	bool limited;           /* to the people of common channels */
};

struct watch_ask {
	int64_t *ids;
	size_t n;
	uint32_t number;
};

void ws_watch_free(struct ws_conn *w)
{
	if (!w->watches) return;
	json_decref(w->watch->ref);
	mem_free(w->watch);
	w->watches = false;
}

json_t *ws_watch_answers(struct ws_conn *w)
{
	json_t *ref = w->watches ? w->watch->ref : NULL;
	if (ref) w->watch->ref = NULL;
	return ref;
}

static void overtaken(struct ws_conn *w, const json_t *ref)
{
	struct problem p = { 0 };
	if (ref) ws_answer_error(w, ref, ERR_CONFLICT, &p);
}

/* What is still being judged, or answered, was so as of before. */
void ws_watch_left(struct ws_conn *w, int64_t channel_id)
{
	bool guest = channel_id == 0; /* from now on */
	if (!w->watches || !w->session || !(w->watch->limited || guest)) return;
	json_t *ref = ws_watch_answers(w);
	overtaken(w, ref);
	json_decref(ref);
	w->watch->judged = w->watch->asked + 1;
	watch_end(w->session);
}

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static size_t distinct(int64_t *ids, size_t n)
{
	size_t kept = 0;
	if (n) qsort(ids, n, sizeof *ids, by_id);
	for (size_t i = 0; i < n; i++)
		if (!kept || ids[kept - 1] != ids[i]) ids[kept++] = ids[i];
	return kept;
}

/* Those whom one may know of: for a guest the people of common channels. Who is no one is left out, too. */
static enum err watch_judge(struct ws_call *c, struct db_conn *db)
{
	struct watch_ask *ask = c->in;
	struct people_page page;
	const struct people_query query = { .who = &c->actor,
										.q = STR_NONE,
										.ids = ask->ids,
										.n_ids = ask->n,
										.channel_id = -1,
										.cursor = STR_NONE,
										.limit = WATCH_MOST };
	if (!ask->n) return OK;
	enum err e = people_find(db, &c->arena, &query, &page);
	if (e) return e;
	for (size_t i = 0; i < page.n; i++) ask->ids[i] = page.items[i].id;
	ask->n = distinct(ask->ids, page.n);
	return OK;
}

/* Answers come in any order: the set that was said last stays. */
static void watch_judged(struct ws_call *c)
{
	const struct watch_ask *ask = c->in;
	struct ws_conn *w = c->w;
	struct ws_watch *x = w->watch;
	if (!w->session || !w->watches) return;
	if ((int32_t)(ask->number - x->judged) < 0) {
		overtaken(w, c->ref);
		return;
	}
	json_t *before = x->ref;
	x->ref = json_incref(c->ref);
	enum err e = watch_set(w->session, ask->ids, ask->n);
	if (e) {
		json_decref(x->ref);
		x->ref = before;
		ws_answer_error(w, c->ref, e, &c->problem);
		return;
	}
	x->judged = ask->number;
	x->limited = c->actor.role == USER_GUEST;
	overtaken(w, before);
	json_decref(before);
}

static bool ids_read(struct ws_request *q, const json_t *array, int64_t *ids)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *v = json_array_get(array, i);
		ids[i] = json_is_integer(v) ? json_integer_value(v) : 0;
		if (ids[i] >= 1 && ids[i] <= ID_MOST) continue;
		problem_field(&q->problem, "user_ids", "each must be the id of a person");
		return false;
	}
	return true;
}

void ws_op_watch(struct ws_request *q)
{
	static const struct rate rate = { .count = 2, .per_ms = 1000, .burst = 30 };
	int64_t ids[WATCH_MOST];
	json_t *array = NULL;
	json_in_array(&q->in, "user_ids", JSON_NEED, WATCH_MOST, &array);
	enum err e = json_in_close(&q->in);
	if (!e && !ids_read(q, array, ids)) e = ERR_INVALID;
	if (!e) e = take(q, "w", "watch", &rate);
	if (e) {
		ws_refuse(q, e);
		return;
	}
	if (!q->w->watches) q->w->watch = mem_new(struct ws_watch);
	q->w->watches = true;
	struct ws_call *c = ws_call_create(q, watch_judge, watch_judged);
	struct watch_ask *ask = arena_new(&c->arena, struct watch_ask);
	ask->n = distinct(ids, json_array_size(array));
	ask->ids = arena_array(&c->arena, int64_t, WATCH_MOST + 1);
	memcpy(ask->ids, ids, ask->n * sizeof *ids);
	ask->number = ++q->w->watch->asked;
	c->in = ask;
	ws_call_submit(c);
}
