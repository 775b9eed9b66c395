#include "edge/touch.h"

#include <string.h>

#include "base/map.h"
#include "edge/http_conn.h"
#include "store/session.h"

#define AGAIN_MS 60000 /* within it a session is not written twice by one reactor, whatever its requests have read */

struct touch_job {
	struct job job;
	char session_id[SESSION_ID + 1];
	int64_t now_ms, every_ms;
};

static void job_run(struct job *j, void *conn)
{
	const struct touch_job *t = container_of(j, struct touch_job, job);
	/* an error is the log's, and tried again with the next use */
	session_touch(conn, str_of(t->session_id), t->now_ms, t->every_ms);
}

static void job_done(struct job *j)
{
	mem_free(container_of(j, struct touch_job, job));
}

void touch_session(struct pod *pod, struct reactor *home, const char session_id[SESSION_ID + 1], int64_t now_ms,
				   int64_t every_ms)
{
	struct touch_job *t = mem_new(struct touch_job);
	memcpy(t->session_id, session_id, sizeof t->session_id);
	t->now_ms = now_ms, t->every_ms = every_ms;
	t->job = (struct job){ .home = home, .run = job_run, .done = job_done };
	if (lane_submit(pod->write, &t->job)) mem_free(t);
}

static bool just_done(struct request *q)
{
	struct touched *known = &q->core->here->touched;
	uint64_t session = hash_bytes(q->actor.session_id, SESSION_ID, 0);
	int64_t now = reactor_now_ms(request_reactor(q));
	size_t i = session % TOUCH_SLOTS;
	if (known->slots[i].session == session && now < known->slots[i].until_ms) return true;
	known->slots[i].session = session;
	known->slots[i].until_ms = now + AGAIN_MS;
	return false;
}

static void slide_cookie(struct request *q)
{
	struct str cookie = q->core->http ? credential_cookie(q) : STR_NONE;
	for (size_t i = 0; i < q->reply.n_headers; i++)
		if (str_eq_nocase(q->reply.headers[i].name, STR("set-cookie"))) return;
	if (cookie.p && q->reply.n_headers < REPLY_HEADERS) reply_cookie(q, cookie);
}

void touch(struct request *q)
{
	const struct actor *a = &q->actor;
	int64_t now = clock_wall_ms(q->pod->clock);
	if (!a->session_id[0] || now - a->used_at < SESSION_TOUCH_MS || !q->pod->write || just_done(q)) return;
	if (a->session_kind == SESSION_COOKIE && q->credential.kind == CREDENTIAL_COOKIE) slide_cookie(q);
	touch_session(q->pod, request_reactor(q), a->session_id, now, SESSION_TOUCH_MS);
}
