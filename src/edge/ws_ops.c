/* The operations of a client, a row each. What is wrong with the form (no JSON, no known op, anything before hello)
 * closes with 4002; a request that is refused is answered by `error` and never closes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/marker.h"
#include "base/mem.h"
#include "codec/codec.h"
#include "edge/limit.h"
#include "edge/send.h"
#include "edge/ws_gate.h"
#include "edge/ws_request.h"

#define REF_MOST 64

struct ws_op {
	const char *name;
	bool before_hello;
	int scope;
	void (*run)(struct ws_request *q);
};

/* ---- answers */

void ws_put_ref(struct json_out *o, const json_t *ref)
{
	if (json_is_string(ref))
		json_field_str(o, "ref", (struct str){ json_string_value(ref), json_string_length(ref) });
	else if (json_is_integer(ref))
		json_field_i64(o, "ref", json_integer_value(ref));
}

static void put_fields(struct json_out *o, const struct problem *p)
{
	if (!p->n_fields) return;
	json_key(o, "errors");
	json_open(o, '[');
	for (size_t i = 0; i < p->n_fields; i++) {
		json_open(o, '{');
		json_field_text(o, "field", p->fields[i].field);
		json_field_str(o, "detail", p->fields[i].detail);
		json_close(o, '}');
	}
	json_close(o, ']');
}

void ws_answer_error(struct ws_conn *w, const json_t *ref, enum err e, const struct problem *p)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_text(&o, "op", "error");
	ws_put_ref(&o, ref);
	json_field_text(&o, "code", err_row(e)->code);
	/* What is asked for here is of a channel, which is what is missing where nothing else is said. */
	struct str plain = e == ERR_NOT_FOUND ? STR("There is no such channel") : str_of(err_row(e)->title);
	json_field_str(&o, "detail", p->detail.p ? p->detail : plain);
	put_fields(&o, p);
	if (p->retry_after_s) json_field_i64(&o, "retry_after", p->retry_after_s);
	json_close(&o, '}');
	ws_send(w, buf_str(&b));
	buf_release(&b);
}

void ws_refuse(struct ws_request *q, enum err e)
{
	ws_answer_error(q->w, q->ref, e, &q->problem);
}

/* ---- hello */

struct hello_parts {
	VEC(struct cursor) cursors;
	uint64_t epoch;
	int64_t user_rev;
};

void ws_hello_free(struct ws_conn *w)
{
	if (w->watches || !w->hello) return;
	vec_release(&w->hello->cursors);
	mem_free(w->hello);
	w->hello = NULL;
}

static bool cursor_read(const char *key, const json_t *v, struct cursor *c)
{
	if (!str_i64(str_of(key), 0, ID_MOST, &c->channel_id)) return false;
	c->at = 0;
	const json_t *rev = v;
	if (json_is_array(v)) {
		if (json_array_size(v) != 2 || !json_is_string(json_array_get(v, 1))) return false;
		rev = json_array_get(v, 0);
		if (!time_parse(str_of(json_string_value(json_array_get(v, 1))), &c->at)) return false;
	}
	c->rev = json_is_integer(rev) ? json_integer_value(rev) : -1;
	return c->rev >= 0 && c->rev <= ID_MOST;
}

static bool cursors_read(struct ws_request *q, json_t *object, struct hello_parts *h)
{
	const char *key;
	json_t *v;
	size_t most = (size_t)q->w->pod->config->channels_per_person + CURSORS_MOST;
	if (json_object_size(object) > CURSORS_MOST) {
		problem_field(&q->problem, "cursors", "at most %d in one hello; say more", CURSORS_MOST);
		return false;
	}
	json_object_foreach(object, key, v)
	{
		struct cursor c;
		if (!cursor_read(key, v, &c)) {
			problem_field(&q->problem, "cursors", "each is CHANNEL_ID: REV or [REV, AT]");
			return false;
		}
		vec_push(&h->cursors, c);
	}
	if (h->cursors.n > most) problem_field(&q->problem, "cursors", "at most %zu", most);
	return h->cursors.n <= most;
}

static int by_channel(const void *a, const void *b)
{
	const struct cursor *x = a, *y = b;
	return x->channel_id < y->channel_id ? -1 : x->channel_id > y->channel_id;
}

/* Parts of one hello may name a channel twice: the first is taken. */
static void cursors_sort(struct hello_parts *h)
{
	size_t n = 0;
	if (h->cursors.n) qsort(h->cursors.p, h->cursors.n, sizeof *h->cursors.p, by_channel);
	for (size_t i = 0; i < h->cursors.n; i++)
		if (!n || h->cursors.p[n - 1].channel_id != h->cursors.p[i].channel_id) h->cursors.p[n++] = h->cursors.p[i];
	h->cursors.n = n;
}

static void hello_refused(struct ws_request *q)
{
	const struct problem_field *fault = &q->problem.fields[0];
	struct str why = STR("this hello cannot be read");
	if (q->problem.n_fields) why = arena_printf(&q->arena, "hello: %s: " STR_FMT, fault->field, STR_ARG(fault->detail));
	ws_fail(q->w, ERR_PROTOCOL, why);
}

static void op_hello(struct ws_request *q)
{
	struct ws_conn *w = q->w;
	json_t *cursors = NULL;
	struct str epoch = STR_NONE;
	bool more = false;
	if (w->session->greeted) {
		ws_fail(w, ERR_PROTOCOL, STR("hello comes once"));
		return;
	}
	if (!w->hello) w->hello = mem_new(struct hello_parts);
	json_in_object(&q->in, "cursors", JSON_MAY, &cursors);
	json_in_str(&q->in, "epoch", JSON_MAY, &epoch);
	json_in_i64(&q->in, "user_rev", JSON_MAY, 0, ID_MOST, &w->hello->user_rev);
	json_in_bool(&q->in, "more", JSON_MAY, &more);
	/* An epoch that is none of ours is another history: everything is reset. */
	if (epoch.p && !codec_epoch_parse(epoch, &w->hello->epoch)) w->hello->epoch = UINT64_MAX;
	if (json_in_close(&q->in) || (cursors && !cursors_read(q, cursors, w->hello))) {
		hello_refused(q);
		return;
	}
	if (more) return;
	cursors_sort(w->hello);
	const struct hello h = { w->hello->cursors.p, w->hello->cursors.n, w->hello->epoch, w->hello->user_rev };
	session_hello(w->session, &h);
	ws_hello_free(w);
}

/* ---- send */

struct ws_append {
	struct change change;
	struct send send;
	struct ws_conn *w;
	json_t *ref;
};

static void append_free(struct ws_append *s)
{
	json_decref(s->ref);
	arena_release(&s->change.arena);
	struct ws_conn *w = s->w;
	mem_free(s);
	ws_release(w);
}

static void answer_ack(struct ws_append *s)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_text(&o, "op", "ack");
	ws_put_ref(&o, s->ref);
	json_key(&o, "message");
	send_answer(&o, &s->change);
	json_close(&o, '}');
	ws_send(s->w, buf_str(&b));
	buf_release(&b);
}

static void append_done(struct change *c)
{
	struct ws_append *s = container_of(c, struct ws_append, change);
	if (!c->err)
		answer_ack(s);
	else
		ws_answer_error(s->w, s->ref, c->err, &c->problem);
	append_free(s);
}

struct credential ws_credential(const struct ws_conn *w)
{
	struct credential c = { .kind = CREDENTIAL_JWT, .user_id = w->session->user_id };
	memcpy(c.session_id, w->session->session_id, sizeof c.session_id);
	return c;
}

static enum err rate_take(struct ws_request *q)
{
	const struct pod *pod = q->w->pod;
	int64_t retry_ms = 0;
	if (limit_person(pod->eph, &pod->config->rate_messages, "messages", q->w->session->user_id, &retry_ms)) return OK;
	return problem_set(&q->problem, problem_wait(&q->problem, retry_ms),
					   "Too many messages: a limit of what one person sends, edits and reacts");
}

static void op_send(struct ws_request *q)
{
	struct ws_append *s = mem_new(struct ws_append);
	struct change *c = &s->change;
	arena_init(&c->arena);
	s->w = q->w;
	s->ref = json_incref(q->ref);
	q->w->pending++;
	json_in_i64(&q->in, "channel_id", JSON_NEED, 0, ID_MOST, &c->channel_id);
	s->send.channel_id = c->channel_id;
	send_read(&q->in, &c->arena, q->w->pod->config, &s->send);
	enum err e = json_in_close(&q->in);
	if (!e) e = rate_take(q);
	if (!e) {
		c->kind = CHANGE_MESSAGE;
		c->credential = ws_credential(q->w);
		c->need_scope = SCOPE_WRITE;
		c->send = &s->send;
		c->epoch = session_epoch(q->w->session);
		c->home = conn_reactor(q->w->conn);
		c->gone = &q->w->gone;
		c->done = append_done;
		e = append_submit(q->w->pod->append, c);
	}
	if (!e) return;
	ws_refuse(q, e);
	append_free(s);
}

/* ---- the rest */

static void op_read(struct ws_request *q)
{
	int64_t channel_id = 0, message_id = 0;
	json_in_i64(&q->in, "channel_id", JSON_NEED, 1, ID_MOST, &channel_id);
	json_in_i64(&q->in, "message_id", JSON_NEED, 0, ID_MOST, &message_id);
	enum err e = json_in_close(&q->in);
	if (!e && !session_sub(q->w->session, channel_id)) e = ERR_NOT_MEMBER;
	const struct marker m = { .channel_id = channel_id,
							  .user_id = q->w->session->user_id,
							  .message_id = message_id,
							  .epoch = session_epoch(q->w->session) };
	if (!e) e = marker_note(q->w->pod->markers, &m);
	if (e) ws_refuse(q, e);
}

static void op_ping(struct ws_request *q)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_text(&o, "op", "pong");
	ws_put_ref(&o, q->ref);
	json_close(&o, '}');
	ws_send(q->w, buf_str(&b));
	buf_release(&b);
}

static const struct ws_op ops[] = {
	{ "hello", true, SCOPE_READ, op_hello },        { "send", false, SCOPE_WRITE, op_send },
	{ "read", false, SCOPE_WRITE, op_read },        { "ping", true, SCOPE_READ, op_ping },
	{ "typing", false, SCOPE_WRITE, ws_op_typing }, { "presence", false, SCOPE_WRITE, ws_op_presence },
	{ "watch", false, SCOPE_READ, ws_op_watch },
};

static const struct ws_op *op_find(struct str name)
{
	for (size_t i = 0; i < countof(ops); i++)
		if (str_eq(name, str_of(ops[i].name))) return &ops[i];
	return NULL;
}

/* What is wrong with it; NULL: nothing. */
static const char *ref_read(struct ws_request *q, json_t *root)
{
	json_t *ref = json_object_get(root, "ref");
	if (!ref || json_is_null(ref)) return NULL;
	if (!json_is_integer(ref) && !json_is_string(ref)) return "ref is no string or number";
	if (json_is_string(ref) && json_string_length(ref) > REF_MOST) return "ref: at most 64 bytes";
	q->ref = ref;
	return NULL;
}

/* A name that is too long for a reason is left out. */
static struct str op_unknown(struct ws_request *q, struct str name)
{
	if (!name.n || name.n > REF_MOST) return STR("no known op");
	return arena_printf(&q->arena, "no known op: " STR_FMT, STR_ARG(name));
}

static void refuse_scope(struct ws_request *q, int scope)
{
	char text[32];
	scopes_format(scope, text);
	ws_refuse(q, problem_set(&q->problem, ERR_SCOPE_MISSING, "The token needs the scope %s", text));
}

static void request_run(struct ws_request *q, json_t *root)
{
	struct str name = STR_NONE;
	json_in_open(&q->in, root, &q->problem);
	q->in.lenient = true;
	json_in_str(&q->in, "op", JSON_NEED, &name);
	const struct ws_op *op = name.p ? op_find(name) : NULL;
	const char *bad_ref = op ? ref_read(q, root) : NULL;
	if (!op || bad_ref)
		ws_fail(q->w, ERR_PROTOCOL, op ? str_of(bad_ref) : op_unknown(q, name));
	else if (!op->before_hello && !q->w->session->greeted)
		ws_fail(q->w, ERR_PROTOCOL, STR("hello comes first"));
	else if (op->scope & ~q->w->scopes)
		refuse_scope(q, op->scope);
	else
		op->run(q);
}

void ws_message(struct ws_conn *w, struct str text)
{
	struct ws_request q = { .w = w };
	json_t *root = NULL;
	arena_init(&q.arena);
	problem_init(&q.problem, &q.arena);
	if (json_read(text, &root, &q.problem))
		ws_fail(w, ERR_PROTOCOL, STR("no JSON"));
	else
		request_run(&q, root);
	json_decref(root);
	arena_release(&q.arena);
}
