/* A socket is let in by its session's row once; this sees to it that it goes on to be let in by it. What ends a session
 * on purpose is told at once by the person's head (hub/list.h); that one runs out, nobody tells. */
#include "base/mem.h"
#include "edge/touch.h"
#include "edge/ws_conn.h"
#include "store/account.h"
#include "store/session.h"

#define LOOK_MS SESSION_TOUCH_MS
/* A browser's cookie can only be moved on by an answer of HTTP, which does it when the last use is an hour ago: an open
 * socket, which is always in use, leaves it the time. */
#define COOKIE_NOTE_MS (24 * SESSION_TOUCH_MS)

struct look {
	struct job job;
	struct ws_conn *w;
	struct credential credential;
	struct actor actor;
};

/* Give or take a quarter, so that those who came together do not look together. */
static void look_later(struct ws_conn *w, const struct actor *a, int64_t now_ms)
{
	int64_t in = LOOK_MS * 3 / 4 + (int64_t)random_below(&random_kernel, LOOK_MS / 2);
	w->look_at_ms = now_ms + in;
	if (a->expires_at && a->expires_at < w->look_at_ms) w->look_at_ms = a->expires_at;
}

void ws_keep_open(struct ws_conn *w, const struct actor *actor)
{
	look_later(w, actor, reactor_wall_ms(conn_reactor(w->conn)));
}

static void still_good(struct ws_conn *w, const struct actor *a)
{
	int64_t now = reactor_wall_ms(conn_reactor(w->conn));
	int64_t every = a->session_kind == SESSION_COOKIE ? COOKIE_NOTE_MS : SESSION_TOUCH_MS;
	look_later(w, a, now);
	if (now - a->used_at >= every) touch_session(w->pod, conn_reactor(w->conn), a->session_id, now, every);
}

static void look_run(struct job *j, void *conn)
{
	struct look *l = container_of(j, struct look, job);
	j->err = session_actor(conn, &l->credential, clock_wall_ms(l->w->pod->clock), &l->actor);
}

static void look_done(struct job *j)
{
	struct look *l = container_of(j, struct look, job);
	struct ws_conn *w = l->w;
	w->looking = false;
	if (w->conn && !w->closing) {
		if (!j->err)
			still_good(w, &l->actor);
		else if (j->err == ERR_UNAUTHENTICATED || j->err == ERR_SESSION_REVOKED)
			ws_fail(w, j->err, STR_NONE);
		/* else it is not known: the next heartbeat asks again */
	}
	mem_free(l);
	ws_release(w);
}

static bool look_unwanted(const struct job *j)
{
	return atomic_load(&container_of(j, struct look, job)->w->gone);
}

void ws_keep(struct ws_conn *w)
{
	if (w->looking || w->closing || !w->session || reactor_wall_ms(conn_reactor(w->conn)) < w->look_at_ms) return;
	struct look *l = mem_new(struct look);
	l->w = w;
	l->credential = ws_credential(w);
	l->job =
		(struct job){ .home = conn_reactor(w->conn), .unwanted = look_unwanted, .run = look_run, .done = look_done };
	if (lane_submit(w->pod->read, &l->job)) {
		mem_free(l);
		return;
	}
	w->looking = true;
	w->pending++;
}
