/* Who is in a channel: join, add, leave, kick, role. A row of somebody who has left stays, so that the person's list
 * can say so; whoever comes back finds it. */
#include "store/append_tx.h"
#include "store/indexed.h"
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
	"UPDATE members SET role = $3, voice = $4, user_rev = $5, silenced_until = $6 WHERE channel_id = $1 AND user_id = "
	"$2",
	NULL,
};
static const struct sql SQL_PERSON = { "SELECT role, deactivated_at, deleted_at FROM users WHERE user_id = $1", NULL };
static const struct sql SQL_COMMON = {
	"SELECT 1 FROM members mine JOIN members m ON m.channel_id = mine.channel_id JOIN heads h ON h.channel_id = "
	"m.channel_id WHERE mine.user_id = $1 AND mine.left_rev IS NULL AND m.user_id = $2 AND m.left_rev IS NULL AND "
	"h.deleted_at IS NULL LIMIT 1",
	NULL,
};
static const struct sql SQL_BLOCKED = { "SELECT 1 FROM blocks WHERE user_id = $1 AND blocked_id = $2", NULL };
/* Nobody is asked before they are in a DM, and it cannot be left: those count for who made them. */
static const struct sql SQL_COUNT = { CHANNELS_OF("$1", "$2"), NULL };
static const struct sql SQL_OTHER_OWNER = { OTHER_CHANNEL_OWNER("$1", "$2"), NULL };

static enum err there_is(struct tx_ask *q, const struct sql *sql, struct db_args args, bool *out)
{
	enum err e = db_one(q->tx->c, sql, args, NULL, NULL);
	*out = e == OK;
	return e == ERR_NOT_FOUND ? OK : e;
}

int64_t tx_subject(const struct tx_ask *q)
{
	return q->c->user_id ? q->c->user_id : q->c->actor_id;
}

struct standing {
	enum user_role role;
	bool active;
};

static void standing_take(const struct db_rows *r, void *arg)
{
	struct standing *s = arg;
	s->role = (enum user_role)db_i64(r, 0);
	s->active = db_is_null(r, 1) && db_is_null(r, 2);
}

enum err tx_ask_person(struct tx_ask *q, int64_t user_id)
{
	struct standing s = { 0 };
	enum err e = db_one(q->tx->c, &SQL_PERSON, DB_ARGS(DB_I64(user_id)), standing_take, &s);
	if (e == ERR_NOT_FOUND) e = OK;
	q->permit.person = s.active;
	q->permit.target_admin = s.role >= USER_ADMIN;
	if (!e) e = there_is(q, &SQL_BLOCKED, DB_ARGS(DB_I64(user_id), DB_I64(q->c->actor_id)), &q->permit.blocked);
	return e;
}

enum err tx_ask_stranger(struct tx_ask *q, int64_t user_id)
{
	if (q->actor->role != USER_GUEST || q->permit.strangers) return OK;
	bool common;
	enum err e = there_is(q, &SQL_COMMON, DB_ARGS(DB_I64(q->c->actor_id), DB_I64(user_id)), &common);
	q->permit.strangers = !e && !common;
	return e;
}

/* About somebody else: who they are here, whether they want to hear from the actor, and whether the actor may know of
 * them. */
enum err tx_ask_target(struct tx_ask *q)
{
	int64_t who = tx_subject(q);
	q->permit.other = who != q->c->actor_id;
	if (!q->permit.channel) return OK;
	if (!q->permit.other) {
		q->target = q->me;
	} else {
		enum err e = tx_member_read(q->tx, q->c->channel_id, who, &q->target);
		if (!e) e = tx_ask_person(q, who);
		if (!e && !q->target.row) e = tx_ask_stranger(q, who); /* who has been here is none */
		if (e) return e;
	}
	q->permit.target_member = q->target.member;
	q->permit.target_role = q->target.role;
	return OK;
}

/* Would the channel be without an owner if the person were none? */
static enum err ask_last_owner(struct tx_ask *q)
{
	bool other;
	if (!q->permit.channel || !q->target.member || q->target.role != CHANNEL_OWNER) return OK;
	enum err e = there_is(q, &SQL_OTHER_OWNER, DB_ARGS(DB_I64(q->c->channel_id), DB_I64(tx_subject(q))), &other);
	q->permit.last_owner = !e && !other;
	return e;
}

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err tx_channels_left(struct tx_ask *q, int64_t user_id, bool *out)
{
	int64_t n = 0;
	enum err e = db_one(q->tx->c, &SQL_COUNT, DB_ARGS(DB_I64(user_id), DB_I64(CHANNEL_DM)), count_take, &n);
	*out = n < q->tx->w->config->channels_per_person;
	return e;
}

struct str tx_member_name(struct tx_ask *q)
{
	return arena_printf(q->tx->a, "channel:%lld/user:%lld", (long long)q->c->channel_id, (long long)tx_subject(q));
}

static struct str role_json(struct tx_ask *q, enum channel_role role, bool voice)
{
	return arena_printf(q->tx->a, "\"role\":\"%s\",\"voice\":%s", channel_role_name(role), voice ? "true" : "false");
}

/* A silence that is over is none. */
static int64_t silence(const struct tx_ask *q, int64_t until)
{
	return until > q->tx->now_ms ? until : 0;
}

static struct str standing_json(struct tx_ask *q, enum channel_role role, bool voice, int64_t silenced_until)
{
	struct tx_json j;
	tx_json_open(&j);
	json_field_text(&j.out, "role", channel_role_name(role));
	json_field_bool(&j.out, "voice", voice);
	json_field_time(&j.out, "muted_until", silenced_until);
	return tx_json_close(&j, q->tx->a);
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
	return tx_audit(q, q->permit.other ? "member.add" : "member.join", tx_member_name(q), STR_NONE, after);
}

static enum err join_write(struct tx_ask *q, const struct invite *i, bool audit)
{
	struct change *c = q->c;
	int64_t who = tx_subject(q), silenced = silence(q, q->target.silenced_until); /* leaving does not end it */
	bool quiet = q->ch->row.large && !audit;                                      /* what is privileged is to be seen */
	struct str standing =
		silenced ? standing_json(q, CHANNEL_MEMBER, false, silenced) : role_json(q, CHANNEL_MEMBER, false);
	enum err e = quiet ? OK : tx_change(q, CHANGE_JOIN, 0, who, standing);
	if (e) return e;
	c->user_rev = tx_person_rev(q->tx, who);
	q->ch->row.member_count++;
	if (quiet) tx_quiet(q, who, 0);
	e = tx_member_add(q, who, q->ch->row.rev, c->user_rev);
	if (!e) e = tx_size(q);
	if (!e && q->permit.invited) e = invite_use(q->tx->c, i->code);
	if (!e && q->permit.invited && i->user_rev) /* a rev of its own, behind the channel's */
		e = invite_ended(q->tx->c, who, i->code, tx_person_rev(q->tx, who));
	return e || !audit ? e : join_audit(q, i);
}

enum err write_join(struct tx_ask *q)
{
	struct invite invite = { 0 };
	bool audit, room;
	enum err e = tx_ask_target(q);
	if (!e) e = tx_ask_banned(q);
	if (!e && q->c->invite.p) e = ask_invite(q, &invite);
	if (e || q->c->err || !tx_permitted(q, &audit)) return e;
	e = tx_channels_left(q, tx_subject(q), &room);
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
	if (q->c->kind != CHANGE_LEAVE && q->c->text.n) json_field_str(&j.out, "reason", q->c->text);
	return tx_json_close(&j, q->tx->a);
}

enum err tx_member_remove(struct tx_ask *q, enum change_kind kind)
{
	struct change *c = q->c;
	int64_t who = tx_subject(q);
	bool quiet = q->ch->row.large && kind == CHANGE_LEAVE;
	enum err e = quiet ? OK : tx_change(q, kind, 0, who, reason_json(q));
	if (e) return e;
	c->user_rev = tx_person_rev(q->tx, who);
	q->ch->row.member_count--;
	int64_t rev = q->ch->row.rev;
	if (quiet) tx_quiet(q, who, rev);
	e = db_exec(q->tx->c, &SQL_LEAVE,
				DB_ARGS(DB_I64(c->channel_id), DB_I64(who), DB_I64(rev), DB_I64(q->ch->at), DB_I64(c->user_rev),
						db_opt(quiet ? rev : 0)),
				NULL);
	return e ? e : tx_size(q);
}

static enum err leave_write(struct tx_ask *q, bool audit)
{
	enum err e = tx_member_remove(q, q->c->kind);
	if (e || !audit) return e;
	struct str before = as_object(q, role_json(q, q->target.role, q->target.voice));
	return tx_audit(q, "member.kick", tx_member_name(q), before, as_object(q, reason_json(q)));
}

enum err write_leave(struct tx_ask *q)
{
	bool audit;
	if (q->c->kind == CHANGE_LEAVE) q->c->user_id = 0;
	enum err e = tx_ask_target(q);
	if (!e && !q->c->as_user) e = ask_last_owner(q); /* whose account goes, goes */
	if (e || !tx_permitted(q, &audit)) return e;
	return leave_write(q, audit);
}

/* ---- role, voice, silence */

struct standing_in {
	enum channel_role role;
	bool voice;
	int64_t silenced_until;
};

static enum err role_write(struct tx_ask *q, const struct standing_in *was, const struct standing_in *now)
{
	struct change *c = q->c;
	int64_t who = tx_subject(q);
	struct str before = as_object(q, standing_json(q, was->role, was->voice, was->silenced_until)),
			   after = standing_json(q, now->role, now->voice, now->silenced_until);
	enum err e = tx_change(q, CHANGE_ROLE, 0, who, after);
	if (e) return e;
	c->user_rev = tx_person_rev(q->tx, who);
	e = db_exec(q->tx->c, &SQL_ROLE,
				DB_ARGS(DB_I64(c->channel_id), DB_I64(who), DB_I64(now->role), DB_BOOL(now->voice), DB_I64(c->user_rev),
						db_opt(now->silenced_until)),
				NULL);
	return e ? e : tx_audit(q, "member.role", tx_member_name(q), before, as_object(q, after));
}

enum err write_role(struct tx_ask *q)
{
	bool audit;
	enum err e = tx_ask_target(q);
	if (!e) e = ask_last_owner(q);
	if (e) return e;
	const struct change *c = q->c;
	const struct standing_in was = { q->target.role, q->target.voice, silence(q, q->target.silenced_until) };
	struct standing_in now = was;
	if (c->role >= 0) now.role = (enum channel_role)c->role;
	if (c->voice >= 0) now.voice = c->voice != 0;
	if (c->until.given) now.silenced_until = silence(q, c->until.ms);
	q->permit.new_role = now.role;
	q->permit.silences = now.silenced_until != was.silenced_until;
	if (!tx_permitted(q, &audit)) return OK;
	if (now.role == was.role && now.voice == was.voice && !q->permit.silences) return OK;
	return role_write(q, &was, &now);
}
