#include "edge/mentions.h"

#include "codec/codec.h"
#include "edge/list.h"
#include "edge/me.h"
#include "store/mention.h"

enum err mention_list_take(struct request *q)
{
	struct page_ask *ask = arena_new(&q->arena, struct page_ask);
	q->in = ask;
	return page_take(q, ask);
}

enum err mention_list_run(struct request *q, struct db_conn *c)
{
	const struct page_ask *ask = q->in;
	const struct mentions_query query = { q->actor.user_id, ask->cursor, (size_t)ask->limit };
	struct mention_page page;
	enum err e = mentions_list(c, &q->arena, &query, &page);
	if (e) return page_cursor(q, e);
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page.n; i++) {
		json_open(&o, '{');
		json_key(&o, "message"), codec_message(&o, &page.items[i]);
		json_close(&o, '}');
	}
	list_more(&o, "users");
	for (size_t i = 0; i < page.n_users; i++) codec_user(&o, &page.users[i]);
	list_close(&o, page.next);
	return OK;
}
