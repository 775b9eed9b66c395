/* The query is kept as text until the lane has the job: its words' memory is taken and given back there. */
#include "edge/search.h"

#include "app/share.h"
#include "codec/codec.h"
#include "edge/list.h"
#include "edge/me.h"
#include "store/search.h"

#define FILTERS 4

static const char *const filter_names[FILTERS] = { "from", "before", "after", "has" };

struct search_call {
	struct str q, filters[FILTERS];
	int64_t channel_id; /* 0: all */
	struct page_ask page;
};

enum err search_take(struct request *q)
{
	struct search_call *call = arena_new(&q->arena, struct search_call);
	q->in = call;
	call->q = STR_NONE;
	enum err e = request_query_str(q, "q", &call->q);
	for (size_t i = 0; !e && i < FILTERS; i++) {
		call->filters[i] = STR_NONE;
		e = request_query_str(q, filter_names[i], &call->filters[i]);
	}
	if (!e) e = request_query_i64(q, "channel_id", 1, ID_MOST, &call->channel_id);
	if (!e) e = page_take(q, &call->page);
	int64_t most = q->pod->config->search_query;
	if (!e && (int64_t)call->q.n > most)
		e = problem_field(&q->problem, "q", "is longer than %lld bytes", (long long)most);
	for (size_t i = 0; !e && i < FILTERS; i++)
		if ((int64_t)call->filters[i].n > most)
			e = problem_field(&q->problem, filter_names[i], "is longer than %lld bytes", (long long)most);
	return e;
}

static enum err understand(struct request *q, const struct search_call *call, struct query *query)
{
	const char *why = NULL;
	enum err e = call->q.p ? query_parse(query, &q->arena, call->q, &why) : OK;
	if (e) return problem_field(&q->problem, "q", "%s", why);
	for (size_t i = 0; i < FILTERS; i++) {
		if (!call->filters[i].p) continue;
		e = query_filter(query, &q->arena, str_of(filter_names[i]), call->filters[i], &why);
		if (e) return problem_field(&q->problem, filter_names[i], "%s", why);
	}
	return query_asks(query) ? OK : problem_field(&q->problem, "q", "a word is wanted, or from: or has:");
}

static void put_hit(struct json_out *o, const struct search_hit *hit)
{
	json_open(o, '{');
	json_key(o, "message"), codec_message(o, &hit->message);
	json_key(o, "snippet");
	json_open(o, '[');
	for (size_t i = 0; i < hit->n_snippet; i++) json_put_str(o, hit->snippet[i]);
	json_close(o, ']');
	json_close(o, '}');
}

static void reply(struct request *q, const struct search_page *p)
{
	struct json_out o = list_open(q);
	for (size_t i = 0; i < p->n; i++) put_hit(&o, &p->items[i]);
	list_more(&o, "users");
	for (size_t i = 0; i < p->n_users; i++) codec_user(&o, &p->users[i]);
	list_close(&o, p->next);
}

static void count(struct pod *pod, const struct search_page *p, size_t limit)
{
	atomic_fetch_add(&pod->searches, 1);
	atomic_fetch_add(&pod->search_scanned, p->scanned);
	if (p->next.p && p->n < limit) atomic_fetch_add(&pod->searches_cut, 1);
}

/* One person's searches never have the lane to themselves for long. */
static enum err read_in_turn(struct request *q, struct db_conn *c, const struct search_ask *ask,
							 struct search_page *page)
{
	struct shares *shares = q->pod->searchers;
	int64_t began_ms = clock_monotonic_ns(&clock_real) / 1000000, retry_ms;
	if (!shares_take(shares, q->actor.user_id, began_ms, ask->for_ms, &retry_ms)) {
		return problem_set(&q->problem, problem_wait(&q->problem, retry_ms),
						   "One person's searches take turns with others': go on in a moment");
	}
	enum err e = search_read(c, &q->arena, &q->actor, ask, page);
	int64_t took_ms = clock_monotonic_ns(&clock_real) / 1000000 - began_ms;
	shares_give(shares, q->actor.user_id, ask->for_ms - took_ms);
	return e;
}

enum err search_run(struct request *q, struct db_conn *c)
{
	const struct search_call *call = q->in;
	struct query query;
	struct search_page page;
	query_init(&query);
	enum err e = understand(q, call, &query);
	if (!e) {
		const struct search_ask ask = { .query = &query,
										.channel_id = call->channel_id,
										.cursor = call->page.cursor,
										.limit = (size_t)call->page.limit,
										.for_ms = q->pod->config->search_ms };
		e = read_in_turn(q, c, &ask, &page);
		if (!e) {
			count(q->pod, &page, ask.limit);
			reply(q, &page);
		} else {
			e = page_cursor(q, request_no_channel(q, e));
		}
	}
	query_release(&query);
	return e;
}
