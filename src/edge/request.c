/* A request's memory, and what handlers ask of it. */
#include <assert.h>
#include <string.h>

#include "base/id.h"
#include "codec/codec.h"
#include "edge/http_conn.h"

struct request *request_create(struct edge_reactor *here, struct http_conn *h)
{
	struct request_core *core = mem_new(struct request_core);
	struct request *q = &core->request;
	core->http = h;
	core->peer_ended = h->peer_ended;
	core->here = here;
	core->started_ns = reactor_now_ns(here->reactor);
	q->core = core;
	q->pod = here->edge->pod;
	arena_init(&q->arena);
	q->address = arena_str(&q->arena, conn_peer(h->conn));
	q->https = conn_is_tls(h->conn);
	q->body_most = q->pod->config->json_body;
	problem_init(&q->problem, &q->arena);
	buf_init(&q->reply.body);
	buf_init(&core->body);
	return q;
}

void request_destroy(struct request *q)
{
	struct request_core *core = q->core;
	if (core->pending) atomic_fetch_sub(&core->here->pending, 1);
	if (q->json) json_decref(q->json);
	chunk_unref(q->reply.shared);
	buf_release(&q->reply.body);
	buf_release(&core->body);
	arena_release(&q->arena);
	mem_free(core);
}

struct reactor *request_reactor(struct request *q)
{
	return q->core->here->reactor;
}

bool request_gone(const struct request *q)
{
	return atomic_load(&q->core->gone);
}

/* ---- what is asked */
/* By the segment before the i-th {parameter} of the row's path. */
static const char *noun_of(const struct route *row, int i)
{
	static const struct {
		const char *segment, *noun;
	} nouns[] = {
		{ "channels", "channel" }, { "messages", "message" }, { "threads", "message" },  { "members", "person" },
		{ "bans", "person" },      { "users", "person" },     { "sessions", "session" }, { "tokens", "token" },
		{ "invites", "invite" },   { "settings", "setting" }, { "docs", "file" },
	};
	struct str rest = str_of(row->path), segment, before = STR("");
	for (; str_split(&rest, '/', &segment); before = segment)
		if (str_starts(segment, STR("{")) && i-- == 0) break;
	for (size_t k = 0; k < countof(nouns); k++)
		if (str_eq(before, str_of(nouns[k].segment))) return nouns[k].noun;
	return "thing";
}

enum err request_missing(struct request *q, int i)
{
	if (!q->route || !strchr(q->route->path, '{'))
		return problem_set(&q->problem, ERR_NOT_FOUND, "There is no such path");
	return problem_set(&q->problem, ERR_NOT_FOUND, "There is no such %s", noun_of(q->route, i));
}

enum err request_no_channel(struct request *q, enum err e)
{
	return e == ERR_NOT_FOUND ? problem_set(&q->problem, e, "There is no such channel") : e;
}

enum err request_id_param(struct request *q, int i, int64_t *id)
{
	return str_i64(q->params[i], 0, ID_MOST, id) ? OK : request_missing(q, i);
}

enum err request_query_str(struct request *q, const char *name, struct str *out)
{
	bool ok = true;
	assert(route_takes(q->route, str_of(name)));
	struct str value = http_query_get(&q->arena, q->head->query, name, &ok);
	*out = value;
	return ok ? OK
			  : problem_set(&q->problem, ERR_MALFORMED, "The query parameter %s is badly escaped or not UTF-8", name);
}

enum err request_query_i64(struct request *q, const char *name, int64_t min, int64_t max, int64_t *out)
{
	struct str value;
	enum err e = request_query_str(q, name, &value);
	if (e || !value.p) return e;
	if (str_i64(value, min, max, out)) return OK;
	return problem_field(&q->problem, name, "must be a whole number from %lld to %lld", (long long)min, (long long)max);
}

enum err request_epoch(struct request *q, struct str text, uint64_t *epoch)
{
	if (!text.p) return OK;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] >= 'A' && text.p[i] <= 'F') text.n = 0; /* as the contract says */
	if (!codec_epoch_parse(text, epoch)) return problem_field(&q->problem, "epoch", "must be 16 digits of 0-9a-f");
	return *epoch ? OK : ERR_EPOCH_CHANGED;
}

enum err request_limit(struct request *q, int64_t dflt, int64_t most, int64_t *out)
{
	*out = dflt;
	return request_query_i64(q, "limit", 1, most, out);
}

/* ---- what is answered */
void reply_header(struct request *q, const char *name, struct str value)
{
	assert(q->reply.n_headers < REPLY_HEADERS);
	q->reply.headers[q->reply.n_headers++] = (struct http_header){ str_of(name), value };
}

struct json_out reply_json(struct request *q)
{
	struct json_out o;
	json_out_init(&o, &q->reply.body);
	return o;
}

#define COOKIE_S 2592000 /* 30 days */

void reply_cookie(struct request *q, struct str token)
{
	const char *name = q->https ? "__Host-linnet_session" : "linnet_session";
	const char *secure = q->https ? "; Secure" : "";
	struct str value = token.p
						   ? arena_printf(&q->arena, "%s=" STR_FMT "; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s",
										  name, STR_ARG(token), COOKIE_S, secure)
						   : arena_printf(&q->arena, "%s=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax%s", name, secure);
	reply_header(q, "Set-Cookie", value);
}

void request_then(struct request *q, enum route_lane lane, enum err (*run)(struct request *q, struct db_conn *c))
{
	q->core->next_lane = lane;
	q->core->next_run = run;
}

void request_pause(struct request *q)
{
	struct http_conn *h = q->core->http;
	if (h && h->state == HTTP_READ_BODY) http_conn_state(h, HTTP_HELD);
}

void request_resume(struct request *q)
{
	struct http_conn *h = q->core->http;
	if (!h || h->state != HTTP_HELD) return;
	http_conn_state(h, HTTP_READ_BODY);
	http_conn_pump(h);
}
