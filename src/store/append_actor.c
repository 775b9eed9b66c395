/* Who asks for each change of a batch: by their session, which may have ended, or as whoever they are. */
#include "store/account.h"
#include "store/append_tx.h"

#define SERVER ((int64_t)-1) /* the actor of a change that is by nobody */

static bool is_verdict(enum err e)
{
	return e == ERR_UNAUTHENTICATED || e == ERR_SESSION_REVOKED;
}

static enum err read_sessions(struct append_tx *tx, const struct credential *const *creds, const size_t *of, size_t n)
{
	struct actor *actors = arena_array(tx->a, struct actor, n + 1);
	enum err *verdicts = arena_array(tx->a, enum err, n + 1), e = OK;
	if (n > 1 && db_conn_kind(tx->c) == DB_POSTGRES)
		e = session_actors(tx->c, tx->a, creds, n, tx->now_ms, actors, verdicts);
	else
		for (size_t i = 0; i < n && !e; i++) {
			verdicts[i] = session_actor(tx->c, creds[i], tx->now_ms, &actors[i]);
			if (verdicts[i] && !is_verdict(verdicts[i])) e = verdicts[i];
		}
	for (size_t i = 0; i < n && !e; i++) tx->actors[of[i]] = actors[i], tx->b->changes[of[i]]->err = verdicts[i];
	return e;
}

static const struct sql SQL_ROLE_OF = { "SELECT role FROM users WHERE user_id = $1", NULL };

static void role_take(const struct db_rows *r, void *arg)
{
	*(enum user_role *)arg = (enum user_role)db_i64(r, 0);
}

/* Without a session, as whoever they are by now. */
static enum err read_user(struct append_tx *tx, int64_t user_id, struct actor *out)
{
	*out = (struct actor){ .user_id = user_id, .role = USER_GUEST, .scopes = SCOPE_ALL };
	enum err e = db_one(tx->c, &SQL_ROLE_OF, DB_ARGS(DB_I64(user_id)), role_take, &out->role);
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err tx_actors_read(struct append_tx *tx)
{
	enum err e = OK;
	const struct credential **creds = arena_array(tx->a, const struct credential *, tx->b->n);
	size_t *of = arena_array(tx->a, size_t, tx->b->n), n = 0;
	tx->actors = arena_array(tx->a, struct actor, tx->b->n);
	for (size_t i = 0; i < tx->b->n; i++) {
		struct change *c = tx->b->changes[i];
		struct tx_channel *ch = c->create ? NULL : id_map_get(&tx->channels, c->channel_id);
		c->err = OK, c->fields = c->before = c->also = NULL, c->repeated = c->bare = c->quiet = false, c->left_rev = 0;
		if (ch && ch->skipped) {
			c->err = ERR_SKIPPED;
			continue;
		}
		if (c->as_user) {
			e = read_user(tx, c->as_user, &tx->actors[i]);
			if (e) return e;
			continue;
		}
		if (c->by_server) {
			tx->actors[i].user_id = SERVER;
			continue;
		}
		creds[n] = &c->credential, of[n++] = i;
	}
	return read_sessions(tx, creds, of, n);
}
