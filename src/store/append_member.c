/* Who is in a channel: join, add, leave, kick, role. A row of somebody who has left stays, so that the person's list
 * can say so; whoever comes back finds it. */
#include "store/append_tx.h"
#include "store/invite.h"

static const struct sql SQL_JOIN = {
	"INSERT INTO members (channel_id, user_id, joined_rev, joined_at, first_id, read_id, read_seq, read_at, user_rev) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $4, $8) ON CONFLICT (channel_id, user_id) DO UPDATE SET "
	"role = 0, voice = 0, joined_rev = $3, joined_at = $4, left_rev = NULL, left_at = NULL, first_id = $5, read_id = "
	"$6, "
	"read_seq = $7, read_at = $4, hidden_at = NULL, user_rev = $8, "
	"cut_rev = CASE WHEN members.cut_rev < $3 THEN members.cut_rev END", /* else nothing came in between */
	NULL,
};
static const struct sql SQL_LEAVE = {
	"UPDATE members SET left_rev = $3, left_at = $4, role = 0, voice = 0, user_rev = $5, "
	"cut_rev = coalesce($6, cut_rev) WHERE channel_id = $1 AND user_id = $2",
	NULL,
};
static const struct sql SQL_ROLE = {
	"UPDATE members SET role = $3, voice = $4, user_rev = $5 WHERE channel_id = $1 AND user_id = $2", NULL
};
static const struct sql SQL_ACTIVE = {
	"SELECT user_id FROM users WHERE user_id = $1 AND deactivated_at IS NULL AND deleted_at IS NULL", NULL
};
static const struct sql SQL_BLOCKED = { "SELECT 1 FROM blocks WHERE user_id = $1 AND blocked_id = $2", NULL };
static const struct sql SQL_COUNT = {
	"SELECT count(*) FROM members WHERE user_id = $1 AND channel_id > 0 AND left_rev IS NULL", NULL
};

static enum err there_is(struct tx_ask *q, const struct sql *sql, struct db_args args, bool *out)
{
	enum err e = db_one(q->tx->c, sql, args, NULL, NULL);
	*out = e == OK;
	return e == ERR_NOT_FOUND ? OK : e;
}

static int64_t subject(const struct tx_ask *q)
{
	return q->c->user_id ? q->c->user_id : q->c->actor_id;
}

enum err tx_ask_person(struct tx_ask *q, int64_t user_id)
{
	enum err e = there_is(q, &SQL_ACTIVE, DB_ARGS(DB_I64(user_id)), &q->permit.person);
	if (!e) e = there_is(q, &SQL_BLOCKED, DB_ARGS(DB_I64(user_id), DB_I64(q->c->actor_id)), &q->permit.blocked);
	return e;
}

/* About somebody else: who they are here, and whether they want to hear from the actor. */
static enum err ask_target(struct tx_ask *q)
{
	int64_t who = subject(q);
	q->permit.other = who != q->c->actor_id;
	if (!q->permit.channel) return OK;
	if (!q->permit.other) {
		q->target = q->me;
	} else {
		enum err e = tx_member_read(q->tx, q->c->channel_id, who, &q->target);
		if (!e) e = tx_ask_person(q, who);
		if (e) return e;
	}
	q->permit.target_member = q->target.member;
	q->permit.target_role = q->target.role;
	return OK;
}

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err tx_channels_left(struct tx_ask *q, int64_t user_id, bool *out)
{
	int64_t n = 0;
	enum err e = db_one(q->tx->c, &SQL_COUNT, DB_ARGS(DB_I64(user_id)), count_take, &n);
	*out = n < q->tx->w->config->channels_per_person;
	return e;
}

static struct str member_target(struct tx_ask *q)
{
	return arena_printf(q->tx->a, "channel:%lld/user:%lld", (long long)q->c->channel_id, (long long)subject(q));
}

static struct str role_json(struct tx_ask *q, enum channel_role role, bool voice)
{
	return arena_printf(q->tx->a, "\"role\":\"%s\",\"voice\":%s", channel_role_name(role), voice ? "true" : "false");
}

static struct str as_object(struct tx_ask *q, struct str inside)
{
	return arena_printf(q->tx->a, "{" STR_FMT "}", STR_ARG(inside));
}

/* ---- join and add */

enum err tx_member_add(struct tx_ask *q, int64_t user_id, int64_t joined_rev, int64_t user_rev)
{
	const struct channel *h = &q->ch->row;
	int64_t first = h->history == HISTORY_JOINED ? h->last_id + 1 : 1;
	return db_exec(q->tx->c, &SQL_JOIN,
				   DB_ARGS(DB_I64(h->id), DB_I64(user_id), DB_I64(joined_rev), DB_I64(q->ch->at), DB_I64(first),
						   DB_I64(h->last_id), DB_I64(h->last_seq), DB_I64(user_rev)),
				   NULL);
}

/* The invite stays as it is from here to the end of the transaction, so that its last use is one person's. Who is in
 * the channel already needs none: it may be a retry of the very request that took that use. */
static enum err ask_invite(struct tx_ask *q, struct invite *i)
{
	if (!q->permit.channel || q->permit.other || q->me.member) return OK;
	enum err e = invite_read(q->tx->c, q->tx->a, q->c->invite, true, i);
	if (!e && i->channel_id != q->c->channel_id) e = ERR_NOT_FOUND;
	if (!e) q->c->err = invite_judge(i, q->c->actor_id, q->tx->now_ms);
	if (e == ERR_NOT_FOUND) q->c->err = problem_set(&q->c->problem, e, "There is no such invite"), e = OK;
	q->permit.invited = !e && !q->c->err;
	return e;
}

static enum err join_audit(struct tx_ask *q, const struct invite *i)
{
	struct str after = STR_NONE;
	if (q->permit.invited) after = arena_printf(q->tx->a, "{\"invited_by\":%lld}", (long long)i->created_by);
	return tx_audit(q, q->permit.other ? "member.add" : "member.join", member_target(q), STR_NONE, after);
}

static enum err join_write(struct tx_ask *q, const struct invite *i, bool audit)
{
	struct change *c = q->c;
	int64_t who = subject(q);
	bool quiet = q->ch->row.large && !audit; /* what is privileged is to be seen */
	enum err e = quiet ? OK : tx_change(q, CHANGE_JOIN, 0, who, role_json(q, CHANNEL_MEMBER, false));
	if (e) return e;
	c->user_rev = tx_person_rev(q->tx, who);
	q->ch->row.member_count++;
	if (quiet) tx_quiet(q, who, 0);
	e = tx_member_add(q, who, q->ch->row.rev, c->user_rev);
	if (!e) e = tx_size(q);
	if (!e && q->permit.invited) e = invite_use(q->tx->c, i->code);
	return e || !audit ? e : join_audit(q, i);
}

enum err write_join(struct tx_ask *q)
{
	struct invite invite = { 0 };
	bool audit, room;
	enum err e = ask_target(q);
	if (!e && q->c->invite.p) e = ask_invite(q, &invite);
	if (e || q->c->err || !tx_permitted(q, &audit)) return e;
	e = tx_channels_left(q, subject(q), &room);
	if (e || room) return e ? e : join_write(q, &invite, audit);
	q->c->err = problem_set(&q->c->problem, ERR_LIMIT_REACHED, "one person is in at most %lld channels",
							(long long)q->tx->w->config->channels_per_person);
	return OK;
}

/* ---- leave and kick */

static struct str reason_json(struct tx_ask *q)
{
	struct tx_json j;
	tx_json_open(&j);
	if (q->c->kind == CHANGE_KICK && q->c->text.n) json_field_str(&j.out, "reason", q->c->text);
	return tx_json_close(&j, q->tx->a);
}

static enum err leave_write(struct tx_ask *q, bool audit)
{
	struct change *c = q->c;
	int64_t who = subject(q);
	struct str reason = reason_json(q);
	bool quiet = q->ch->row.large && c->kind == CHANGE_LEAVE;
	enum err e = quiet ? OK : tx_change(q, c->kind, 0, who, reason);
	if (e) return e;
	c->user_rev = tx_person_rev(q->tx, who);
	q->ch->row.member_count--;
	int64_t rev = q->ch->row.rev;
	if (quiet) tx_quiet(q, who, rev);
	e = db_exec(q->tx->c, &SQL_LEAVE,
				DB_ARGS(DB_I64(c->channel_id), DB_I64(who), DB_I64(rev), DB_I64(q->ch->at), DB_I64(c->user_rev),
						db_opt(quiet ? rev : 0)),
				NULL);
	if (!e) e = tx_size(q);
	if (e || !audit) return e;
	struct str before = as_object(q, role_json(q, q->target.role, q->target.voice));
	return tx_audit(q, "member.kick", member_target(q), before, as_object(q, reason));
}

enum err write_leave(struct tx_ask *q)
{
	bool audit;
	if (q->c->kind == CHANGE_LEAVE) q->c->user_id = 0;
	enum err e = ask_target(q);
	if (e || !tx_permitted(q, &audit)) return e;
	return leave_write(q, audit);
}

/* ---- role */

static enum err role_write(struct tx_ask *q, enum channel_role role, bool voice)
{
	struct change *c = q->c;
	int64_t who = subject(q);
	struct str before = as_object(q, role_json(q, q->target.role, q->target.voice)), after = role_json(q, role, voice);
	enum err e = tx_change(q, CHANGE_ROLE, 0, who, after);
	if (e) return e;
	c->user_rev = tx_person_rev(q->tx, who);
	e = db_exec(q->tx->c, &SQL_ROLE,
				DB_ARGS(DB_I64(c->channel_id), DB_I64(who), DB_I64(role), DB_BOOL(voice), DB_I64(c->user_rev)), NULL);
	return e ? e : tx_audit(q, "member.role", member_target(q), before, as_object(q, after));
}

enum err write_role(struct tx_ask *q)
{
	bool audit;
	enum err e = ask_target(q);
	if (e) return e;
	enum channel_role role = q->c->role >= 0 ? (enum channel_role)q->c->role : q->target.role;
	bool voice = q->c->voice >= 0 ? q->c->voice != 0 : q->target.voice;
	q->permit.new_role = role;
	if (!tx_permitted(q, &audit)) return OK;
	if (role == q->target.role && voice == q->target.voice) return OK;
	return role_write(q, role, voice);
}
