/* /auth/sessions, /auth/logout, and what lists have in common. */
#include "app/sessions.h"

#include "edge/auth.h"
#include "edge/list.h"
#include "edge/me.h"

enum err page_take(struct request *q, struct page_ask *out)
{
	out->cursor = STR_NONE;
	enum err e = request_query_str(q, "cursor", &out->cursor);
	return e ? e : request_limit(q, PAGE_USUAL, PAGE_MOST, &out->limit);
}

enum err page_cursor(struct request *q, enum err e)
{
	return e == ERR_INVALID ? problem_field(&q->problem, "cursor", "is none of ours") : e;
}

enum err session_list_take(struct request *q)
{
	struct page_ask *ask = arena_new(&q->arena, struct page_ask);
	q->in = ask;
	return page_take(q, ask);
}

static void put_session(struct request *q, struct json_out *o, const struct session_row *s)
{
	json_open(o, '{');
	json_field_str(o, "id", s->id);
	json_field_text(o, "kind", s->kind == SESSION_CLIENT ? "client" : "cookie");
	put_time(o, "created_at", s->created_at);
	put_time(o, "last_used_at", s->used_at);
	put_time(o, "expires_at", s->expires_at);
	json_field_str(o, "address", s->address);
	json_field_str(o, "user_agent", s->agent);
	json_field_bool(o, "current", str_eq(s->id, str_of(q->actor.session_id)));
	json_close(o, '}');
}

enum err session_list_run(struct request *q, struct db_conn *c)
{
	const struct page_ask *ask = q->in;
	struct session_page page;
	enum err e = session_list(c, &q->arena, q->actor.user_id, clock_wall_ms(q->pod->clock), ask->cursor,
							  (size_t)ask->limit, &page);
	if (e) return page_cursor(q, e);
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page.n; i++) put_session(q, &o, &page.items[i]);
	list_close(&o, page.next);
	return OK;
}

static enum err end_session(struct request *q, struct db_conn *c, struct str id)
{
	enum err e = sessions_end(c, q->pod->bus, q->actor.user_id, id, clock_wall_ms(q->pod->clock));
	if (!e && q->credential.kind == CREDENTIAL_COOKIE && str_eq(id, str_of(q->actor.session_id)))
		reply_cookie(q, STR_NONE);
	return e;
}

enum err session_delete_run(struct request *q, struct db_conn *c)
{
	return end_session(q, c, q->params[0]);
}

enum err session_delete_others_run(struct request *q, struct db_conn *c)
{
	return sessions_end_others(c, q->pod->bus, q->actor.user_id, str_of(q->actor.session_id),
							   clock_wall_ms(q->pod->clock));
}

enum err logout_run(struct request *q, struct db_conn *c)
{
	enum err e = end_session(q, c, str_of(q->actor.session_id));
	return e == ERR_NOT_FOUND ? OK : e; /* by another request, a moment ago */
}
