/* What others see of a person: a change of channel 0, whose row names the person and no more. */
#include <string.h>

#include "model/text.h"
#include "store/append_tx.h"
#include "store/rows.h"

static const struct sql SQL_READ = { "SELECT " USER_COLUMNS " FROM users u WHERE u.user_id = $1", NULL };
static const struct sql SQL_WRITE = {
	"UPDATE users SET display_name = $2, display_key = $3, changed_rev = $4, status = $5, do_not_disturb = $6, "
	"user_rev = $7 "
	"WHERE user_id = $1",
	NULL
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

/* The first change of an account is that it is there: everybody but guests is then a member of channel 0. */
static bool joins(const struct tx_ask *q, const struct user *u)
{
	return q->c->person->settle && u->role != USER_GUEST && !q->target.member;
}

/* True: it was another text, or none. */
static bool take_text(bool has, struct str text, struct str *mine)
{
	bool same = (mine->p != NULL) == (text.p != NULL) && str_eq(*mine, text);
	if (!has || same) return false;
	*mine = text;
	return true;
}

/* False: it is so already. */
static bool apply(const struct tx_ask *q, struct user *u)
{
	const struct person_patch *p = q->c->person;
	bool changed = take_text(p->has_display_name, p->display_name, &u->display_name);
	changed |= take_text(p->has_status, p->status, &u->status);
	changed |= p->has_disturb && u->do_not_disturb != p->do_not_disturb;
	if (p->has_disturb) u->do_not_disturb = p->do_not_disturb;
	return changed || joins(q, u) || (p->settle && !u->changed_rev);
}

static enum err person_write(struct tx_ask *q, struct user *u)
{
	struct change *c = q->c;
	bool joining = joins(q, u);
	enum err e = tx_change(q, CHANGE_USER, 0, u->id, STR_NONE);
	if (e) return e;
	u->changed_rev = c->fields->rev;
	c->fields->user = u;
	c->user_rev = tx_person_rev(q->tx, u->id);
	struct str key = u->display_name.p ? text_fold(q->tx->a, u->display_name) : STR_NONE;
	e = db_exec(q->tx->c, &SQL_WRITE,
				DB_ARGS(DB_I64(u->id), DB_TEXT(u->display_name), DB_TEXT(key), DB_I64(u->changed_rev),
						DB_TEXT(u->status), DB_BOOL(u->do_not_disturb), DB_I64(c->user_rev)),
				NULL);
	if (e || !joining) return e;
	q->ch->row.member_count++;
	c->user_rev = tx_person_rev(q->tx, u->id); /* what they are and where they are have each a rev of their own */
	return tx_member_add(q, u->id, u->changed_rev, c->user_rev);
}

enum err write_person(struct tx_ask *q)
{
	struct change *c = q->c;
	int64_t who = c->user_id ? c->user_id : c->actor_id;
	struct user *u = arena_new(&c->arena, struct user); /* the event is made from it */
	struct reading g = { &c->arena, u };
	bool audit;
	q->permit.other = who != c->actor_id;
	if (!tx_permitted(q, &audit)) return OK;
	enum err e = db_one(q->tx->c, &SQL_READ, DB_ARGS(DB_I64(who)), read_take, &g);
	if (!e) e = tx_member_read(q->tx, c->channel_id, who, &q->target);
	if (e || !apply(q, u)) return e;
	return person_write(q, u);
}
