/* What others see of a person: a change of channel 0, whose row names the person and no more. Admins change role, name
 * and whether somebody may act at all; the head of channel 0, which the transaction has, keeps two of them from taking
 * each other's last owner. */
#include <sodium.h>
#include <string.h>

#include "model/permit_person.h"
#include "model/text.h"
#include "store/append_tx.h"
#include "store/indexed.h"
#include "store/rows.h"

static const struct sql SQL_READ = { "SELECT " USER_COLUMNS " FROM users u WHERE u.user_id = $1", NULL };
static const struct sql SQL_WRITE = {
	"UPDATE users SET display_name = $2, display_key = $3, changed_rev = $4, status = $5, do_not_disturb = $6, "
	"user_rev = $7, username = $8, role = $9, avatar = $10, deactivated_at = CASE WHEN $11 = 1 THEN "
	"coalesce(deactivated_at, $12) END WHERE user_id = $1",
	NULL
};
static const struct sql SQL_LEAVE = {
	"UPDATE members SET left_rev = $2, left_at = $3, user_rev = $4 WHERE channel_id = 0 AND user_id = $1", NULL
};
static const struct sql SQL_OTHER_OWNER = { OTHER_OWNER("$1"), NULL };
static const struct sql SQL_TAKE_NAME = {
	"INSERT INTO used_names (name_hash, user_id, at) VALUES ($1, $2, $3) ON CONFLICT (name_hash) DO UPDATE SET user_id "
	"= "
	"$2 WHERE used_names.user_id = $2",
	NULL,
};
static const struct sql SQL_DELETION = {
	"INSERT INTO deletions (user_id, messages, at, actor_id) VALUES ($1, $2, $3, $4)", NULL
};
/* What is nobody's business any more. */
static const struct sql erasures[] = {
	{ "UPDATE users SET password_hash = NULL, deleted_at = $2 WHERE user_id = $1", NULL },
	{ "DELETE FROM sessions WHERE user_id = $1 AND $2 > 0", NULL },
	{ "DELETE FROM ended_invites WHERE user_id = $1 AND $2 > 0", NULL },
	{ "DELETE FROM settings WHERE user_id = $1 AND $2 > 0", NULL },
	{ "DELETE FROM blocks WHERE user_id = $1 AND $2 > 0", NULL },
	{ "DELETE FROM thread_follows WHERE user_id = $1 AND $2 > 0", NULL },
	{ "DELETE FROM reset_codes WHERE user_id = $1 AND $2 > 0", NULL },
};

struct reading {
	struct arena *a;
	struct user *user;
};

static void read_take(const struct db_rows *r, void *arg)
{
	const struct reading *g = arg;
	user_take(r, 0, g->a, g->user);
}

/* ---- by admins */

static bool administers(const struct person_patch *p)
{
	return p->has_role || p->has_username || p->has_deactivated || p->deletes;
}

static bool verdict(struct tx_ask *q, const struct permit_person *ask)
{
	struct permit_answer a = permit_person(ask);
	q->c->err = a.why ? problem_set(&q->c->problem, a.err, "%s", a.why) : a.err;
	return !a.err;
}

static bool ends_owner(const struct permit_person *ask)
{
	return ask->target->role == USER_OWNER && (ask->act == PERSON_DELETE || ask->new_role != USER_OWNER || ask->off);
}

/* False: c->err has the verdict. The other owners are looked for last: channel 0 waits meanwhile. */
static enum err may_administer(struct tx_ask *q, const struct user *u, bool *may)
{
	const struct person_patch *p = q->c->person;
	struct permit_person ask = {
		.act = p->deletes ? PERSON_DELETE : PERSON_CHANGE,
		.actor = q->actor,
		.need_scope = q->c->need_scope,
		.target = u,
		.new_role = p->has_role ? p->role : u->role,
		.off = p->has_deactivated ? p->deactivated : u->deactivated,
	};
	*may = verdict(q, &ask);
	if (!*may || !ends_owner(&ask)) return OK;
	enum err e = db_one(q->tx->c, &SQL_OTHER_OWNER, DB_ARGS(DB_I64(u->id)), NULL, NULL);
	ask.last_owner = e == ERR_NOT_FOUND;
	*may = verdict(q, &ask);
	return ask.last_owner ? OK : e;
}

/* One's own former name may be taken again. */
static enum err take_name(struct tx_ask *q, const struct user *u)
{
	uint8_t bytes[crypto_hash_sha256_BYTES];
	int64_t changed = 0;
	crypto_hash_sha256(bytes, (const unsigned char *)u->username.p, u->username.n);
	struct db_value hash = DB_BYTES(((struct str){ (const char *)bytes, sizeof bytes }));
	enum err e = db_exec(q->tx->c, &SQL_TAKE_NAME, DB_ARGS(hash, DB_I64(u->id), DB_I64(q->tx->now_ms)), &changed);
	if (!e && !changed) q->c->err = problem_set(&q->c->problem, ERR_NAME_TAKEN, "Somebody has, or had, this name");
	return e;
}

static void forget_all(const struct tx_ask *q, struct user *u)
{
	u->username = arena_printf(&q->c->arena, "deleted-%lld", (long long)u->id);
	u->display_name = u->status = u->avatar = STR_NONE;
	u->role = USER_MEMBER;
	u->do_not_disturb = u->deactivated = false;
	u->deleted = true;
}

static enum err erase(struct tx_ask *q, const struct user *u)
{
	enum err e = OK;
	struct db_value who = DB_I64(u->id), at = DB_I64(q->ch->at);
	for (size_t i = 0; i < countof(erasures) && !e; i++) e = db_exec(q->tx->c, &erasures[i], DB_ARGS(who, at), NULL);
	if (e) return e;
	return db_exec(q->tx->c, &SQL_DELETION, DB_ARGS(who, DB_BOOL(q->c->person->messages), at, DB_I64(q->c->actor_id)),
				   NULL);
}

static struct str audit_json(struct tx_ask *q, const struct user *u)
{
	const struct person_patch *p = q->c->person;
	struct tx_json j;
	tx_json_open(&j);
	json_open(&j.out, '{');
	if (p->has_username) json_field_str(&j.out, "username", u->username);
	if (p->has_role) json_field_text(&j.out, "role", user_role_name(u->role));
	if (p->has_deactivated) json_field_bool(&j.out, "deactivated", u->deactivated);
	if (p->deletes) json_field_bool(&j.out, "deleted", u->deleted);
	if (p->deletes && u->deleted) json_field_bool(&j.out, "messages", p->messages);
	json_close(&j.out, '}');
	return tx_json_close(&j, q->tx->a);
}

static enum err audit(struct tx_ask *q, const struct user *before, const struct user *after)
{
	struct str target = arena_printf(q->tx->a, "user:%lld", (long long)after->id);
	return tx_audit(q, q->c->person->deletes ? "user.delete" : "user.change", target, audit_json(q, before),
					audit_json(q, after));
}

/* ---- what changes */

/* Everybody but guests and those who are gone is a member of channel 0, from the first change of an account on: that it
 * is there. */
static bool joins(const struct tx_ask *q, const struct user *u)
{
	const struct person_patch *p = q->c->person;
	return (p->settle || p->has_role) && u->role != USER_GUEST && !u->deleted && !q->target.member;
}

static bool leaves(const struct tx_ask *q, const struct user *u)
{
	return q->target.member && (u->role == USER_GUEST || u->deleted);
}

/* True: it was another text, or none. */
static bool take_text(bool has, struct str text, struct str *mine)
{
	bool same = (mine->p != NULL) == (text.p != NULL) && str_eq(*mine, text);
	if (!has || same) return false;
	*mine = text;
	return true;
}

static bool take_bool(bool has, bool value, bool *mine)
{
	if (!has || *mine == value) return false;
	*mine = value;
	return true;
}

/* False: it is so already. */
static bool apply(const struct tx_ask *q, struct user *u)
{
	const struct person_patch *p = q->c->person;
	bool changed = take_text(p->has_display_name, p->display_name, &u->display_name);
	changed |= take_text(p->has_status, p->status, &u->status);
	changed |= take_text(p->has_username, p->username, &u->username);
	changed |= take_bool(p->has_disturb, p->do_not_disturb, &u->do_not_disturb);
	changed |= take_bool(p->has_deactivated, p->deactivated, &u->deactivated);
	if (p->has_role && u->role != p->role) u->role = p->role, changed = true;
	if (p->deletes) forget_all(q, u), changed = true;
	return changed || joins(q, u) || (p->settle && !u->changed_rev);
}

static enum err update(struct tx_ask *q, const struct user *u)
{
	struct str key = u->display_name.p ? text_fold(q->tx->a, u->display_name) : STR_NONE;
	return db_exec(q->tx->c, &SQL_WRITE,
				   DB_ARGS(DB_I64(u->id), DB_TEXT(u->display_name), DB_TEXT(key), DB_I64(u->changed_rev),
						   DB_TEXT(u->status), DB_BOOL(u->do_not_disturb), DB_I64(q->c->user_rev), DB_TEXT(u->username),
						   DB_I64(u->role), DB_TEXT(u->avatar), DB_BOOL(u->deactivated), DB_I64(q->ch->at)),
				   NULL);
}

/* What they are and where they are have each a rev of their own. */
static enum err move_member(struct tx_ask *q, const struct user *u)
{
	struct change *c = q->c;
	bool joining = joins(q, u), leaving = leaves(q, u);
	if (!joining && !leaving) return OK;
	c->user_rev = tx_person_rev(q->tx, u->id);
	q->ch->row.member_count += joining ? 1 : -1;
	if (joining) return tx_member_add(q, u->id, u->changed_rev, c->user_rev);
	return db_exec(q->tx->c, &SQL_LEAVE,
				   DB_ARGS(DB_I64(u->id), DB_I64(u->changed_rev), DB_I64(q->ch->at), DB_I64(c->user_rev)), NULL);
}

static enum err person_write(struct tx_ask *q, struct user *u)
{
	struct change *c = q->c;
	enum err e = tx_change(q, CHANGE_USER, 0, u->id, STR_NONE);
	if (e) return e;
	u->changed_rev = c->fields->rev;
	c->fields->user = u;
	c->user_rev = tx_person_rev(q->tx, u->id);
	e = update(q, u);
	if (!e) e = move_member(q, u);
	return !e && c->person->deletes ? erase(q, u) : e;
}

static enum err administer(struct tx_ask *q, struct user *u)
{
	const struct user before = *u;
	bool may = false;
	enum err e = may_administer(q, u, &may);
	if (e || !may || !apply(q, u)) return e;
	if (!str_eq(u->username, before.username) && !u->deleted) e = take_name(q, u);
	if (e || q->c->err) return e;
	e = person_write(q, u);
	return e ? e : audit(q, &before, u);
}

enum err write_person(struct tx_ask *q)
{
	struct change *c = q->c;
	int64_t who = c->user_id ? c->user_id : c->actor_id;
	struct user *u = arena_new(&c->arena, struct user); /* the event is made from it */
	struct reading g = { &c->arena, u };
	bool audit_it;
	q->permit.other = who != c->actor_id;
	const struct permit_person at_all = { .act = PERSON_CHANGE, .actor = q->actor, .need_scope = c->need_scope };
	if (administers(c->person) && q->permit.other && !verdict(q, &at_all)) return OK;
	if (!administers(c->person) && !tx_permitted(q, &audit_it)) return OK;
	enum err e = db_one(q->tx->c, &SQL_READ, DB_ARGS(DB_I64(who)), read_take, &g);
	if (e == ERR_NOT_FOUND) {
		c->err = problem_set(&c->problem, e, "there is no such person");
		return OK;
	}
	if (!e) e = tx_member_read(q->tx, c->channel_id, who, &q->target);
	if (e) return e;
	if (administers(c->person)) return administer(q, u);
	return apply(q, u) ? person_write(q, u) : OK;
}
