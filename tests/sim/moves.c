/* In place of src/store/moves.c, with the same functions: the program takes these, and the library's stay out. */
#include "store/moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "moves.h"

#define KNOWN_MS 5000 /* for a head check each 3 s */

/* ---- the server's side */

int64_t moves_begin(struct sim_db *d)
{
	int64_t xid = d->history.next_xid++;
	vec_push(&d->history.active, xid);
	return xid;
}

void moves_end(struct sim_db *d, int64_t xid)
{
	for (size_t i = 0; i < d->history.active.n; i++)
		if (d->history.active.p[i] == xid) {
			vec_drop_swap(&d->history.active, i);
			return;
		}
}

static const struct sql SQL_HEADS = {
	"SELECT 0, channel_id, rev FROM heads UNION ALL SELECT user_id, 0, rev FROM user_heads", NULL
};

static void look_at(struct sim_db *d, int64_t xid)
{
	struct history *h = &d->history;
	struct db_rows rows;
	if (db_query(d->look, &SQL_HEADS, DB_NO_ARGS, &rows)) abort();
	while (db_next(&rows)) {
		const struct move m = { xid, db_i64(&rows, 0), db_i64(&rows, 1), db_i64(&rows, 2) };
		int64_t *had = m.user_id ? &h->user_rev[m.user_id] : &h->channel_rev[channel_slot(m.channel_id)];
		if (xid && *had != m.rev) vec_push(&h->rows, m);
		*had = m.rev;
	}
	if (db_end(&rows)) abort();
}

void moves_commit(struct sim_db *d, int64_t xid)
{
	bool looking = d->looking;
	d->looking = true;
	look_at(d, xid);
	d->looking = looking;
}

void moves_copy(struct history *to, const struct history *from)
{
	vec_clear(&to->active); /* a server that begins has none */
	vec_clear(&to->rows);
	for (size_t i = 0; i < from->rows.n; i++) vec_push(&to->rows, from->rows.p[i]);
	to->next_xid = from->next_xid;
	memcpy(to->channel_rev, from->channel_rev, sizeof to->channel_rev);
	memcpy(to->user_rev, from->user_rev, sizeof to->user_rev);
}

void moves_forget(struct history *h)
{
	vec_clear(&h->rows);
}

/* ---- what the project calls. A snapshot is its xmax and what was active below: "17:12,15," */

struct moment moment_copy(const struct moment *m)
{
	struct moment copy = *m;
	if (m->snapshot.n) copy.snapshot.p = mem_dup(m->snapshot.p, m->snapshot.n + 1); /* with the NUL */
	return copy;
}

void moment_release(struct moment *m)
{
	if (m->snapshot.n) mem_free((char *)m->snapshot.p);
	*m = (struct moment){ 0 };
}

static struct str snapshot(const struct history *h, struct arena *a)
{
	struct buf b;
	buf_init(&b);
	buf_printf(&b, "%lld:", (long long)h->next_xid);
	for (size_t i = 0; i < h->active.n; i++) buf_printf(&b, "%lld,", (long long)h->active.p[i]);
	struct str s = arena_str(a, buf_str(&b)); /* with a NUL behind it */
	buf_release(&b);
	return s;
}

static bool saw(const struct moment *m, int64_t xid)
{
	char *at = (char *)m->snapshot.p;
	if (xid >= strtoll(at, &at, 10)) return false;
	while (*at++ && *at)
		if (strtoll(at, &at, 10) == xid) return false;
	return true;
}

static enum err now(struct db_conn *c, struct arena *a, struct moment *out)
{
	struct sim_db *d = sim_db_of(c);
	*out = (struct moment){ .server = 1 + d->generation };
	enum err e = epoch_read(c, &out->epoch);
	out->snapshot = snapshot(&d->history, a);
	out->asked_ms = out->taken_ms = d->world->now_ns / MS;
	return e;
}

static bool same_server(const struct moment *x, const struct moment *y)
{
	return x->snapshot.n && x->epoch == y->epoch && x->server == y->server;
}

static void add(struct moves *out, const struct move *m)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->rows[i].user_id == m->user_id && out->rows[i].channel_id == m->channel_id) {
			if (m->rev > out->rows[i].rev) out->rows[i].rev = m->rev;
			return;
		}
	out->rows[out->n++] = (struct moved){ m->user_id, m->channel_id, m->rev };
}

enum err moves_read(struct db_conn *c, struct arena *a, const struct moment *prev, struct moves *out)
{
	const struct history *h = &sim_db_of(c)->history;
	*out = (struct moves){ 0 };
	enum err e = now(c, a, &out->now);
	if (e) return e;
	out->known = same_server(prev, &out->now) && out->now.taken_ms - prev->asked_ms <= KNOWN_MS;
	out->rows = arena_array(a, struct moved, h->rows.n + 1);
	for (size_t i = 0; out->known && i < h->rows.n; i++)
		if (!saw(prev, h->rows.p[i].xid)) add(out, &h->rows.p[i]);
	return OK;
}

enum err moves_sweep(struct db_conn *c, struct arena *a, struct sweep *s)
{
	struct history *h = &sim_db_of(c)->history;
	s->mine = false, s->swept = s->left = 0;
	enum err e = now(c, a, &s->now);
	if (e) return e;
	s->mine = same_server(&s->old, &s->now) && s->now.asked_ms - s->old.taken_ms >= s->kept_ms;
	for (size_t i = h->rows.n; s->mine && i-- > 0 && s->swept < s->most;) {
		if (!saw(&s->old, h->rows.p[i].xid)) continue;
		vec_drop_swap(&h->rows, i);
		s->swept++;
	}
	s->left = (int64_t)h->rows.n;
	return OK;
}
