#include "app/sessions.h"

#include <string.h>

#include "store/person.h"

void sessions_tell(struct bus *bus, const struct sessions_ended *ended)
{
	for (size_t i = 0; i < ended->ids.n; i++) {
		struct user_news *n = user_news_create(0);
		n->user_id = ended->user_id;
		n->user_rev = ended->user_rev;
		n->epoch = ended->epoch;
		n->list_moved = true;
		memcpy(n->revoked_session, ended->ids.p[i].id, sizeof ended->ids.p[i].id);
		bus_publish_user(bus, n);
		user_news_unref(n);
	}
}

/* Commits, or takes back after an error; what was ended is told, and freed. */
static enum err finish(struct db_conn *c, struct bus *bus, struct sessions_ended *ended, enum err e)
{
	if (!e)
		e = db_commit(c);
	else
		db_rollback(c);
	if (!e) sessions_tell(bus, ended);
	sessions_ended_release(ended);
	return e;
}

enum err sessions_end(struct db_conn *c, struct bus *bus, int64_t user_id, struct str session_id, int64_t now_ms)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	return finish(c, bus, &ended, session_end(c, user_id, session_id, now_ms, &ended));
}

enum err sessions_end_others(struct db_conn *c, struct bus *bus, int64_t user_id, struct str kept, int64_t now_ms)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	return finish(c, bus, &ended, session_end_others(c, user_id, kept, now_ms, &ended));
}

enum err sessions_end_token(struct db_conn *c, struct bus *bus, int64_t user_id, struct str token_id, int64_t now_ms)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	return finish(c, bus, &ended, token_end(c, user_id, token_id, now_ms, &ended));
}

/* ---- */

static enum err still_the_same(struct db_conn *c, int64_t user_id, struct str before)
{
	struct arena a;
	struct person_key now;
	enum err e = person_lock(c, user_id);
	if (e) return e == ERR_NOT_FOUND ? ERR_BAD_CREDENTIALS : e;
	arena_init(&a);
	e = person_by_id(c, &a, user_id, &now);
	if (!e && (!now.user_id || !str_eq(now.password_hash, before))) e = ERR_BAD_CREDENTIALS;
	arena_release(&a);
	return e;
}

enum err sessions_login(struct db_conn *c, struct bus *bus, struct session_new *n, struct str before, struct str stale)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = still_the_same(c, n->user_id, before);
	if (!e) e = session_create(c, n, &ended);
	if (!e && stale.p) e = person_set_password(c, n->user_id, before, stale);
	return finish(c, bus, &ended, e);
}

enum err sessions_refresh(struct db_conn *c, struct bus *bus, struct str token, int64_t now_ms, struct refreshed *out)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = session_rotate(c, token, now_ms, out, &ended);
	bool reused = e == ERR_SESSION_REVOKED && ended.ids.n;
	enum err written = finish(c, bus, &ended, reused ? OK : e);
	return reused && !written ? e : written;
}

enum err sessions_new_password(struct db_conn *c, struct bus *bus, int64_t user_id, struct str before, struct str after,
							   struct str kept, int64_t now_ms)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = still_the_same(c, user_id, before);
	if (!e) e = session_end_others(c, user_id, kept, now_ms, &ended);
	if (!e) e = person_set_password(c, user_id, before, after);
	return finish(c, bus, &ended, e);
}

enum err sessions_new_token(struct db_conn *c, struct token_new *n)
{
	enum err e = db_begin(c);
	if (e) return e;
	e = token_create(c, n);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}
