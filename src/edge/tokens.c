/* /auth/tokens. */
#include "app/sessions.h"
#include "edge/list.h"
#include "edge/me.h"
#include "edge/signed.h"
#include "model/text.h"

#define NAME_MOST 64

static void put_fields(struct json_out *o, const struct token_row *t)
{
	json_field_str(o, "id", t->id);
	json_field_str(o, "name", t->name);
	put_scopes(o, t->scopes);
	put_time(o, "created_at", t->created_at);
	put_time(o, "last_used_at", t->used_at);
	put_time(o, "expires_at", t->expires_at);
}

enum err token_list_run(struct request *q, struct db_conn *c)
{
	const struct page_ask *ask = q->in;
	struct token_page page;
	enum err e = token_list(c, &q->arena, q->actor.user_id, clock_wall_ms(q->pod->clock), ask->cursor,
							(size_t)ask->limit, &page);
	if (e) return page_cursor(q, e);
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page.n; i++) {
		json_open(&o, '{');
		put_fields(&o, &page.items[i]);
		json_close(&o, '}');
	}
	list_close(&o, page.next);
	return OK;
}

/* ---- making */

static enum err check_name(struct request *q, struct str *name)
{
	struct str s = name->n <= 1024 ? text_nfc(&q->arena, text_trim(*name)) : STR_NONE, rest = s;
	if (!s.p || text_blank(s) || str_codepoints(s) > NAME_MOST)
		return problem_field(&q->problem, "name", "1 to 64 characters, not blank");
	for (int32_t c; (c = text_next(&rest)) >= 0;)
		if (text_control(c) || text_bidi(c)) return problem_field(&q->problem, "name", "has a control character");
	*name = s;
	return OK;
}

static enum err check_scopes(struct request *q, const json_t *list, int *out)
{
	*out = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		int one = 0;
		struct str name = str_of(json_string_value(json_array_get(list, i)));
		if (!name.p || str_has(name, ',') || !scopes_parse(name, &one))
			return problem_field(&q->problem, "scopes", "must be some of read, write, manage and admin");
		*out |= one;
	}
	return *out ? OK : problem_field(&q->problem, "scopes", "one at least is wanted");
}

enum err scopes_take(struct request *q, struct json_in *in, enum json_need need, int *out)
{
	json_t *list;
	return json_in_array(in, "scopes", need, 16, &list) ? check_scopes(q, list, out) : OK;
}

enum err token_create_take(struct request *q)
{
	struct token_new *n = arena_new(&q->arena, struct token_new);
	struct json_in in;
	enum err e = OK;
	q->in = n;
	n->now_ms = clock_wall_ms(q->pod->clock);
	json_in_open(&in, q->json, &q->problem);
	if (json_in_str(&in, "name", JSON_NEED, &n->name)) e = check_name(q, &n->name);
	e = err_first(e, scopes_take(q, &in, JSON_NEED, &n->scopes));
	if (json_in_time(&in, "expires_at", true, &n->expires_at) && n->expires_at && n->expires_at <= n->now_ms)
		e = err_first(e, problem_field(&q->problem, "expires_at", "must be in the future"));
	return err_first(json_in_close(&in), e);
}

static enum err write_run(struct request *q, struct db_conn *c)
{
	struct token_new *n = q->in;
	n->user_id = q->actor.user_id;
	n->by = &q->credential;
	n->most_alive = q->pod->config->tokens_per_person;
	enum err e = sessions_new_token(c, n);
	if (e == ERR_LIMIT_REACHED)
		return problem_set(&q->problem, e, "One person has at most %lld tokens", (long long)n->most_alive);
	if (e) return e;
	const struct token_row row = { str_of(n->session_id), n->name, n->scopes, n->now_ms, 0, n->expires_at };
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	put_fields(&o, &row);
	json_field_text(&o, "token", n->secret);
	json_close(&o, '}');
	q->reply.status = 201;
	return OK;
}

void token_prepare(struct request *q, struct token_new *n)
{
	uint8_t *scram = arena_alloc(&q->arena, SCRAM_BYTES), salt[SCRAM_SALT];
	random_kernel.bytes(&random_kernel, salt, sizeof salt);
	token_make(n->secret);
	token_scram(str_of(n->secret), salt, scram);
	n->scram = scram;
}

enum err token_create_run(struct request *q, struct db_conn *c)
{
	token_prepare(q, q->in);
	request_then(q, LANE_write, write_run);
	return OK;
}

enum err token_delete_run(struct request *q, struct db_conn *c)
{
	return sessions_end_token(c, q->pod->bus, q->actor.user_id, q->params[0], clock_wall_ms(q->pod->clock));
}
