/* Bans: rows of channel_masks with a person and no mask. One that is over counts no more, and goes when another is
 * written. Whoever is in the channel is put out by it, by a rev of its own behind the ban's, so that they hear of both.
 */
#include "store/append_tx.h"

#define OF_PERSON "channel_id = $1 AND kind = 'b' AND mask = '' AND user_id = $2"
static const struct sql SQL_BAN = { "SELECT until, reason FROM channel_masks WHERE " OF_PERSON
									" AND (until IS NULL OR until > $3)",
									NULL };
static const struct sql SQL_PUT = {
	"INSERT INTO channel_masks (channel_id, kind, mask, user_id, actor_id, at, until, reason) VALUES ($1, 'b', '', $2, "
	"$3, $4, $5, $6) ON CONFLICT (channel_id, kind, mask, user_id) DO UPDATE SET actor_id = $3, at = $4, until = $5, "
	"reason = $6",
	NULL,
};
static const struct sql SQL_LIFT = { "DELETE FROM channel_masks WHERE " OF_PERSON, NULL };
static const struct sql SQL_FORGET = { "DELETE FROM channel_masks WHERE channel_id = $1 AND kind = 'b' AND until <= $2",
									   NULL };
static const struct sql SQL_COUNT = { "SELECT count(*) FROM channel_masks WHERE channel_id = $1 AND kind = 'b'", NULL };
static const struct sql SQL_KNOWN = { "SELECT 1 FROM users WHERE user_id = $1 AND deleted_at IS NULL", NULL };

struct ban {
	struct arena *a;
	bool there;
	int64_t until; /* 0: without an end */
	struct str reason;
};

static void ban_take(const struct db_rows *r, void *arg)
{
	struct ban *b = arg;
	b->there = true;
	b->until = db_i64(r, 0);
	b->reason = arena_str(b->a, db_str(r, 1));
}

static enum err ban_read(struct tx_ask *q, struct ban *b)
{
	*b = (struct ban){ .a = q->tx->a };
	if (!q->permit.channel) return OK;
	enum err e = db_one(q->tx->c, &SQL_BAN,
						DB_ARGS(DB_I64(q->c->channel_id), DB_I64(tx_subject(q)), DB_I64(q->tx->now_ms)), ban_take, b);
	q->permit.banned = b->there;
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err tx_ask_banned(struct tx_ask *q)
{
	struct ban b;
	return ban_read(q, &b);
}

/* Also who is deactivated, and may be back before the ban ends. */
static enum err ask_known(struct tx_ask *q)
{
	enum err e = db_one(q->tx->c, &SQL_KNOWN, DB_ARGS(DB_I64(tx_subject(q))), NULL, NULL);
	q->permit.person = !e;
	return e == ERR_NOT_FOUND ? OK : e;
}

static struct str ban_json(struct tx_ask *q, bool banned, int64_t until, struct str reason)
{
	struct tx_json j;
	tx_json_open(&j);
	json_field_bool(&j.out, "banned", banned);
	if (banned) json_field_time(&j.out, "until", until);
	if (banned && reason.n) json_field_str(&j.out, "reason", reason);
	return tx_json_close(&j, q->tx->a);
}

static enum err audit(struct tx_ask *q, const char *action, const struct ban *was, struct str after)
{
	struct str before = STR_NONE;
	if (was->there)
		before = arena_printf(q->tx->a, "{" STR_FMT "}", STR_ARG(ban_json(q, true, was->until, was->reason)));
	return tx_audit(q, action, tx_member_name(q), before, arena_printf(q->tx->a, "{" STR_FMT "}", STR_ARG(after)));
}

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

/* c->err: there are too many. */
static enum err ask_room(struct tx_ask *q)
{
	struct change *c = q->c;
	int64_t n = 0, most = q->tx->w->config->bans;
	enum err e = db_exec(q->tx->c, &SQL_FORGET, DB_ARGS(DB_I64(c->channel_id), DB_I64(q->tx->now_ms)), NULL);
	if (!e) e = db_one(q->tx->c, &SQL_COUNT, DB_ARGS(DB_I64(c->channel_id)), count_take, &n);
	if (!e && n >= most)
		c->err = problem_set(&c->problem, ERR_LIMIT_REACHED, "at most %lld bans in a channel", (long long)most);
	return e;
}

/* What was said first is kept beside what is said last. */
static enum err put_out(struct tx_ask *q)
{
	struct change *c = q->c;
	c->before = arena_new(&c->arena, struct event_fields);
	*c->before = *c->fields;
	return tx_member_remove(q, CHANGE_KICK);
}

static enum err ban_write(struct tx_ask *q, const struct ban *was)
{
	struct change *c = q->c;
	struct str after = ban_json(q, true, c->until.ms, c->text);
	enum err e = was->there ? OK : ask_room(q);
	if (e || c->err) return e;
	e = tx_change(q, CHANGE_BAN, 0, tx_subject(q), after);
	if (!e)
		e = db_exec(q->tx->c, &SQL_PUT,
					DB_ARGS(DB_I64(c->channel_id), DB_I64(tx_subject(q)), DB_I64(c->actor_id), DB_I64(q->ch->at),
							db_opt(c->until.ms), DB_TEXT(c->text.n ? c->text : STR_NONE)),
					NULL);
	if (!e) e = audit(q, "member.ban", was, after);
	return !e && q->target.member ? put_out(q) : e;
}

static enum err lift(struct tx_ask *q, const struct ban *was)
{
	struct str after = ban_json(q, false, 0, STR_NONE);
	enum err e = tx_change(q, CHANGE_BAN, 0, tx_subject(q), after);
	if (!e) e = db_exec(q->tx->c, &SQL_LIFT, DB_ARGS(DB_I64(q->c->channel_id), DB_I64(tx_subject(q))), NULL);
	return e ? e : audit(q, "member.unban", was, after);
}

enum err write_ban(struct tx_ask *q)
{
	struct change *c = q->c;
	struct ban was;
	bool audited;
	q->permit.on = c->on;
	enum err e = tx_ask_target(q);
	if (!e) e = ask_known(q);
	if (!e) e = ban_read(q, &was);
	if (e || !tx_permitted(q, &audited)) return e;
	if (!c->on) return lift(q, &was);
	if (c->until.ms && c->until.ms <= q->tx->now_ms) {
		c->err = problem_field(&c->problem, "until", "must be in the future");
		return OK;
	}
	bool same = was.there && was.until == c->until.ms && str_eq(was.reason, c->text);
	return same && !q->target.member ? OK : ban_write(q, &was);
}
