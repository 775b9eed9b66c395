#include "edge/users.h"

#include "codec/codec.h"
#include "edge/list.h"
#include "edge/me.h"
#include "model/text.h"
#include "store/channel.h"
#include "store/person.h"

#define Q_MOST 256

struct users_ask {
	struct page_ask page;
	struct str q;
	int64_t channel_id; /* -1: not asked */
	int64_t *ids;
	size_t n_ids;
};

static enum err ids_read(struct request *q, struct str text, struct users_ask *ask)
{
	struct str part;
	ask->ids = arena_array(&q->arena, int64_t, USER_IDS_MOST);
	while (str_split(&text, ',', &part)) {
		if (ask->n_ids == USER_IDS_MOST || !str_i64(part, 0, ID_MOST, &ask->ids[ask->n_ids]))
			return problem_field(&q->problem, "ids", "must be at most %d ids, with commas between", USER_IDS_MOST);
		ask->n_ids++;
	}
	return OK;
}

enum err user_list_take(struct request *q)
{
	struct users_ask *ask = arena_new(&q->arena, struct users_ask);
	struct str ids = STR_NONE;
	q->in = ask;
	ask->q = STR_NONE;
	ask->channel_id = -1;
	enum err e = request_query_str(q, "q", &ask->q);
	if (!e) e = request_query_str(q, "ids", &ids);
	if (!e) e = request_query_i64(q, "channel_id", 0, ID_MOST, &ask->channel_id);
	if (!e) e = page_take(q, &ask->page);
	if (!e && ids.p) e = ids_read(q, ids, ask);
	if (!e && ids.p) e = request_limit(q, USER_IDS_MOST, USER_IDS_MOST, &ask->page.limit);
	if (!e && ask->q.n > Q_MOST) e = problem_field(&q->problem, "q", "is longer than %d bytes", Q_MOST);
	if (!e && ask->q.n) ask->q = text_fold(&q->arena, ask->q);
	return e;
}

enum err user_list_run(struct request *q, struct db_conn *c)
{
	const struct users_ask *ask = q->in;
	struct people_page page;
	struct channel ch = { .id = 0 };
	struct people_query query = {
		.who = &q->actor,
		.q = ask->q,
		.ids = ask->ids,
		.n_ids = ask->n_ids,
		.channel_id = ask->channel_id,
		.cursor = ask->page.cursor,
		.limit = (size_t)ask->page.limit,
	};
	enum err e = ask->channel_id >= 0 ? channel_read(c, &q->arena, ask->channel_id, &q->actor, true, &ch) : OK;
	if (e) return request_no_channel(q, e);
	query.large = ch.large;
	e = people_find(c, &q->arena, &query, &page);
	if (e) return page_cursor(q, e);
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page.n; i++) codec_user(&o, &page.items[i]);
	list_close(&o, page.next);
	return OK;
}

enum err user_get_run(struct request *q, struct db_conn *c)
{
	struct user u;
	int64_t id;
	enum err e = request_id_param(q, 0, &id);
	if (!e) e = person_seen(c, &q->arena, &q->actor, id, &u);
	if (e) return e;
	struct json_out o = reply_json(q);
	codec_user(&o, &u);
	return OK;
}
