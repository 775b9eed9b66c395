/* A request's way, in the order of the functions: its head is judged by everything that a head can tell (origin, route,
 * limits, sizes, type, credential); a verdict found there is answered once the body was read away, or at once and with
 * the end of the connection where that could take long. Then the body, `take`, the job on its lane, the answer. */
#include <assert.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "edge/http_conn.h"

#define BODY_PATIENCE 4 /* times body_timeout_s: a body that is not streamed must be whole by then */

/* ---- who and where from */
static bool sane_id(struct str s)
{
	if (s.n == 0 || s.n > REQUEST_ID) return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], low = c | 0x20;
		if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.') return false;
	}
	return true;
}

static void name_request(struct request *q)
{
	struct str given = q->head ? http_header_get(q->head, "x-request-id") : STR_NONE;
	if (q->id[0]) return;
	if (sane_id(given))
		memcpy(q->id, given.p, given.n);
	else
		ulid_make(q->pod->random, clock_wall_ms(q->pod->clock), q->id);
}

static void find_client(struct request *q)
{
	struct request_core *core = q->core;
	char text[ADDRESS_TEXT];
	struct asker c = proxy_client(&core->here->edge->proxies, q->head, q->address, q->https);
	core->address = c.address;
	q->https = c.https, q->forwarded = c.forwarded;
	address_format(&c.address, text);
	if (!str_eq(q->address, str_of(text))) q->address = arena_str(&q->arena, str_of(text));
}

/* ---- the body, as the head announces it */
static bool type_is(struct str type, const char *wanted)
{
	struct str bare;
	if (!str_split(&type, ';', &bare)) return false;
	return str_eq_nocase(str_trim(bare), str_of(wanted));
}

static bool is_json(const struct request *q)
{
	return type_is(http_header_get(q->head, "content-type"), "application/json");
}

static enum err check_type(struct request *q)
{
	struct str type = http_header_get(q->head, "content-type");
	if (is_json(q)) return OK;
	if (q->route->body == BODY_form && type_is(type, "application/x-www-form-urlencoded")) return OK;
	return problem_set(&q->problem, ERR_UNSUPPORTED_MEDIA, "The body must be application/json");
}

static enum err check_body(struct request *q)
{
	const struct http_head *head = q->head;
	bool may = q->route->body == BODY_json_may && head->has_body;
	bool wanted = q->route->body == BODY_json || q->route->body == BODY_form || may;
	if (wanted && !head->chunked && head->length < 0)
		return problem_set(&q->problem, ERR_LENGTH_REQUIRED, "A body is wanted, with its Content-Length");
	if (wanted) {
		enum err e = check_type(q);
		if (e) return e;
	}
	if (q->route->body != BODY_sink && head->length > q->body_most)
		return problem_set(&q->problem, ERR_TOO_LARGE, "The body may have %lld bytes", (long long)q->body_most);
	return OK;
}

/* ---- the query: what would be ignored is a mistake of whoever asks */
#define NAME_SHOWN 64

static enum err check_query(struct request *q)
{
	struct str rest = q->head->query, name;
	enum err e = OK;
	while (q->route->query && http_query_next(&q->arena, &rest, &name)) {
		if (!name.p) return problem_set(&q->problem, ERR_MALFORMED, "A query parameter is badly escaped or not UTF-8");
		if (route_takes(q->route, name)) continue;
		const char *field = name.n && name.n <= NAME_SHOWN ? arena_cstr(&q->arena, name) : "query";
		e = problem_field(&q->problem, field, "is no parameter of this");
	}
	return e;
}

/* ---- the head's verdict */
static enum err judge(struct request *q)
{
	struct request_core *core = q->core;
	credential_read(q, STR_NONE);
	enum err e = origin_check(q, false);
	if (!e)
		e = route_find(core->here->edge->table, q->head->method, q->head->path, &q->route, q->params, &core->allowed);
	if (!e) e = charge_head(q);
	if (!e && q->route->auth == AUTH_session && q->credential.kind == CREDENTIAL_NONE)
		e = core->bad_jwt ? problem_set(&q->problem, ERR_UNAUTHENTICATED, "The access token is wrong or has expired")
						  : ERR_UNAUTHENTICATED;
	if (!e) e = check_body(q);
	return e ? e : check_query(q);
}

/* Is the body short and surely on its way, so that the connection can live on? */
static bool soon_over(const struct request *q)
{
	const struct http_head *head = q->head;
	return !head->has_body ||
		   (!head->expect_continue && head->length >= 0 && head->length <= q->pod->config->json_body);
}

static void ask_for_body(struct request *q)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (q->head->expect_continue && q->head->has_body) conn_write_copy(q->core->http->conn, line, sizeof line - 1);
}

/* What may be done here at all: told to pages of other origins (a preflight), and to who asks; unless a row of the
 * table has an answer of its own. False: it has. */
static bool answer_options(struct request *q, enum err *e)
{
	struct request_core *core = q->core;
	*e = OK;
	if (str_eq(q->head->path, STR("*"))) return true;
	*e = route_find(core->here->edge->table, HTTP_OPTIONS, q->head->path, &q->route, q->params, &core->allowed);
	if (*e == ERR_NOT_FOUND) return true;
	bool own = *e == OK && !http_header_get(q->head, "access-control-request-method").p;
	*e = OK;
	return !own;
}

static void stream_begin(struct request *q, enum err e);

void dispatch_head(struct request *q)
{
	struct request_core *core = q->core;
	core->pending = true;
	atomic_fetch_add(&core->here->pending, 1);
	core->body_deadline_ms = reactor_now_ms(request_reactor(q)) + BODY_PATIENCE * 1000 * q->pod->config->body_timeout_s;
	name_request(q);
	find_client(q);
	enum err e = OK;
	core->decided = q->head->method == HTTP_OPTIONS && answer_options(q, &e);
	if (!core->decided) e = judge(q);
	if (core->decided || e) {
		core->decided = true;
		core->verdict = e;
		if (!soon_over(q)) request_finish(q, e);
	} else if (q->route->body == BODY_sink) {
		http_conn_state(core->http, HTTP_HELD);
		dispatch_job(q, q->route->lane, q->route->run, stream_begin);
	} else {
		ask_for_body(q);
	}
}

/* ---- the body */
static void stream_begin(struct request *q, enum err e)
{
	struct request_core *core = q->core;
	if (!e && core->http) e = q->route->sink->begin(q);
	if (e || !core->http) {
		request_finish(q, e);
		return;
	}
	core->streaming = true; /* from here on the sink says when it is over */
	core->body_deadline_ms = 0;
	if (q->head->length > q->body_most) {
		dispatch_failed(q, ERR_TOO_LARGE, NULL);
		return;
	}
	ask_for_body(q);
	http_conn_state(core->http, HTTP_READ_BODY);
	http_conn_pump(core->http);
}

void dispatch_body(struct request *q, struct str piece)
{
	struct request_core *core = q->core;
	core->body_n += (int64_t)piece.n;
	if (core->body_n > q->body_most)
		dispatch_failed(q, core->decided && core->verdict ? core->verdict : ERR_TOO_LARGE, NULL);
	else if (core->decided)
		return;
	else if (core->streaming)
		q->route->sink->piece(q, piece);
	else if (q->route->body != BODY_none)
		buf_add_str(&core->body, piece);
}

static enum err read_body(struct request *q)
{
	q->body = buf_str(&q->core->body);
	bool may = q->route->body == BODY_json_may && q->body.n;
	bool json = q->route->body == BODY_json || may || (q->route->body == BODY_form && is_json(q));
	if (!json) return OK;
	if (q->body.n == 0) return problem_set(&q->problem, ERR_MALFORMED, "The body is empty");
	return json_read(q->body, &q->json, &q->problem);
}

void dispatch_done(struct request *q)
{
	struct request_core *core = q->core;
	enum err e = core->verdict;
	core->whole = true;
	if (core->streaming) {
		core->sink_over = true;
		q->route->sink->end(q);
		return;
	}
	if (!core->decided) e = read_body(q);
	if (!core->decided && !e && q->route->take) {
		bool start = core->handed = q->route->lane == LANE_start;
		e = q->route->take(q);
		if (!e && start) return; /* q may be gone already */
	}
	if (core->decided || e)
		request_finish(q, e);
	else if (q->route->lane == LANE_inline)
		request_finish(q, q->route->run(q, NULL));
	else
		dispatch_job(q, q->route->lane, q->route->run, NULL);
}

/* ---- the job */
enum err dispatch_session(struct request *q, struct db_conn *c)
{
	struct actor *a = &q->actor;
	enum err e = q->core->here->edge->session(c, &q->credential, clock_wall_ms(q->pod->clock), a);
	if (!e) e = charge_person(q);
	if (e) return e;
	if (q->route->scope == SCOPE_own)
		return a->session_kind == SESSION_TOKEN
				   ? problem_set(&q->problem, ERR_SCOPE_MISSING, "API tokens cannot do this")
				   : OK;
	return (a->scopes & q->route->scope) == q->route->scope ? OK : ERR_SCOPE_MISSING;
}

static void job_run(struct job *j, void *state)
{
	struct request_core *core = container_of(j, struct request_core, job);
	struct request *q = &core->request;
	struct db_conn *c = core->lane == LANE_cpu ? NULL : state;
	enum err e = core->lane != LANE_cpu && q->route->auth == AUTH_session ? dispatch_session(q, c) : OK;
	if (!e && core->run) e = core->run(q, c);
	if (!e && !core->next_run && !core->after) reply_pack(q);
	core->verdict = e;
}

#define HALF_GONE_NS 1000000000

/* Somebody who ended the sending side may still read; one who had to wait so long besides has given up. */
static bool job_unwanted(const struct job *j)
{
	const struct request_core *core = container_of(j, struct request_core, job);
	if (core->lane != LANE_read && core->lane != LANE_slow) return false;
	if (atomic_load(&core->gone)) return true;
	return atomic_load(&core->peer_ended) && clock_monotonic_ns(core->request.pod->clock) - j->queued_ns > HALF_GONE_NS;
}

static void submit(struct request *q, enum route_lane lane, enum err (*run)(struct request *, struct db_conn *));

static void job_done(struct job *j)
{
	struct request_core *core = container_of(j, struct request_core, job);
	struct request *q = &core->request;
	enum err e = j->err ? j->err : core->verdict;
	enum err (*next)(struct request *, struct db_conn *) = core->next_run;
	core->next_run = NULL;
	if (!e && next)
		submit(q, core->next_lane, next);
	else if (core->after)
		core->after(q, e);
	else
		request_finish(q, e);
}

static void submit(struct request *q, enum route_lane lane, enum err (*run)(struct request *, struct db_conn *))
{
	struct request_core *core = q->core;
	struct lane *const lanes[] = {
		[LANE_read] = q->pod->read, [LANE_write] = q->pod->write, [LANE_cpu] = q->pod->cpu, [LANE_slow] = q->pod->slow
	};
	struct lane *l = lanes[lane];
	core->lane = lane;
	core->run = run;
	core->verdict = OK;
	core->job = (struct job){ .home = request_reactor(q), .unwanted = job_unwanted, .run = job_run, .done = job_done };
	enum err e = l ? lane_submit(l, &core->job) : ERR_UNAVAILABLE;
	if (!e) return;
	if (core->after)
		core->after(q, e);
	else
		request_finish(q, e);
}

void dispatch_job(struct request *q, enum route_lane lane, enum err (*run)(struct request *, struct db_conn *),
				  void (*after)(struct request *q, enum err e))
{
	q->core->handed = true;
	q->core->after = after;
	if (lane == LANE_cpu && q->route->auth == AUTH_session) { /* no hashing for somebody unknown */
		request_then(q, LANE_cpu, run);
		submit(q, LANE_read, NULL);
	} else {
		submit(q, lane, run);
	}
}

/* ---- the end */

/* What the log may say of a path. An invite's code is as good as a password: the row's path stands for it. Where there
 * is no row nobody knows what stands behind the first segment. */
static struct str path_shown(const struct request *q)
{
	struct str path = q->head ? q->head->path : STR_NONE, rest = path, part;
	if (q->route) return strstr(q->route->path, "{code}") ? str_of(q->route->path) : path;
	bool any = str_split(&rest, '/', &part) && str_split(&rest, '/', &part);
	if (any && str_eq(part, STR("api"))) str_split(&rest, '/', &part);
	return any ? str_upto(path, (size_t)(part.p + part.n - path.p)) : path;
}

static void log_access(const struct request *q, int status, size_t bytes, int64_t ns)
{
	const struct http_head *head = q->head;
	if (!q->pod->config->access_log) return;
	log_event(LOG_INFO, "http.request", LOG_TEXT("method", head ? http_method_name(head->method) : NULL),
			  LOG_STR("path", path_shown(q)), LOG_TEXT("operation", q->route ? q->route->operation : NULL),
			  LOG_INT("status", status), LOG_REAL("ms", (double)ns / 1e6), LOG_INT("bytes", (int64_t)bytes),
			  LOG_STR("address", q->address), LOG_INT("user_id", q->actor.user_id), LOG_TEXT("request_id", q->id),
			  LOG_BOOL("gone", q->core->http == NULL));
}

static void account(struct request *q, size_t bytes)
{
	static const enum metric classes[] = { METRIC_HTTP_REQUESTS_2XX, METRIC_HTTP_REQUESTS_3XX, METRIC_HTTP_REQUESTS_4XX,
										   METRIC_HTTP_REQUESTS_5XX };
	struct edge_reactor *here = q->core->here;
	int status = q->reply.status;
	int64_t ns = reactor_now_ns(here->reactor) - q->core->started_ns;
	if (here->cell && status >= 200 && status < 600) {
		metric_add(here->cell, classes[status / 100 - 2], 1);
		metric_observe(here->cell, METRIC_HTTP_REQUEST_SECONDS, ns);
	}
	log_access(q, status, bytes, ns);
}

enum err dispatch_learn(struct request *q, enum err e)
{
	struct metrics_cell *cell = q->core->here->cell;
	if (!e) touch(q);
	if (e == ERR_BAD_CREDENTIALS && cell) metric_add(cell, METRIC_LOGIN_FAILED, 1);
	return charge_end(q, e);
}

/* What is the same for every route that refuses a credential, or does not find what its path names. */
static void explain(struct request *q, enum err e)
{
	char scope[32];
	if (q->problem.detail.p) return;
	if (e == ERR_NOT_FOUND) request_missing(q, 0);
	if (!q->route) return;
	if (e == ERR_UNAUTHENTICATED && q->credential.kind != CREDENTIAL_NONE)
		problem_set(&q->problem, e, "This %s is not known, or has ended",
					q->credential.kind == CREDENTIAL_TOKEN ? "token" : "session");
	if (e == ERR_SCOPE_MISSING && q->credential.kind == CREDENTIAL_TOKEN && q->route->scope != SCOPE_own) {
		scopes_format(q->route->scope, scope);
		problem_set(&q->problem, e, "The token needs the scope %s", scope);
	}
}

static bool ends_connection(const struct request *q)
{
	const struct http_head *head = q->head;
	if (q->reply.close || !head || !head->keep_alive || atomic_load(&q->pod->draining)) return true;
	return head->has_body && !q->core->whole;
}

/* Sends the answer and lets the connection go on; q stays. */
static void answer(struct request *q, enum err e)
{
	struct http_conn *h = q->core->http;
	bool close = ends_connection(q);
	explain(q, e);
	if (e) reply_problem(q, e);
	reply_pack(q);
	size_t bytes = reply_send(q, close);
	account(q, bytes);
	q->core->http = NULL;
	h->request = NULL;
	if (close) http_conn_answered(h, true);
}

void request_finish(struct request *q, enum err e)
{
	struct http_conn *h = q->core->http;
	assert(reactor_here(request_reactor(q)));
	e = dispatch_learn(q, e);
	if (h)
		answer(q, e);
	else if (!q->reply.status)
		log_access(q, 0, 0, reactor_now_ns(request_reactor(q)) - q->core->started_ns);
	request_destroy(q);
	if (h && h->state != HTTP_OVER) http_conn_answered(h, false);
}

void dispatch_upgraded(struct request *q)
{
	q->reply.status = 101;
	account(q, 0);
	q->core->http->request = NULL;
	request_destroy(q);
}

void dispatch_failed(struct request *q, enum err e, const char *detail)
{
	struct request_core *core = q->core;
	name_request(q);
	if (!q->head) find_client(q);
	if (detail) problem_set(&q->problem, e, "%s", detail);
	q->reply.close = true;
	if (!core->streaming) {
		request_finish(q, e);
		return;
	}
	answer(q, e);
	atomic_store(&core->gone, true);
	if (core->sink_over) return;
	core->sink_over = true;
	q->route->sink->gone(q);
}

void dispatch_gone(struct request *q)
{
	struct request_core *core = q->core;
	core->http->request = NULL;
	core->http = NULL;
	atomic_store(&core->gone, true);
	if (core->streaming && !core->sink_over) {
		core->sink_over = true;
		q->route->sink->gone(q);
	} else if (!core->streaming && !core->handed) {
		request_destroy(q);
	}
}
