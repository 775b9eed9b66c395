#include "store/person.h"

#include <sodium.h>

#include "base/map.h"

#include "model/channel.h"
#include "model/text.h"
#include "store/rows.h"

/* ---- the head */

static const struct sql SQL_LOCK = { "SELECT rev FROM user_heads WHERE user_id = $1 FOR NO KEY UPDATE", NULL };
static const struct sql SQL_MOVE = { "UPDATE user_heads SET rev = rev + 1 WHERE user_id = $1 RETURNING rev", NULL };
static const struct sql SQL_MOVED = { "INSERT INTO moves (user_id, rev) VALUES ($1, $2)", NULL };

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err person_lock(struct db_conn *c, int64_t user_id)
{
	int64_t rev;
	return db_conn_kind(c) == DB_POSTGRES ? db_one(c, &SQL_LOCK, DB_ARGS(DB_I64(user_id)), i64_take, &rev) : OK;
}

enum err person_move(struct db_conn *c, int64_t user_id, int64_t *user_rev)
{
	enum err e = db_one(c, &SQL_MOVE, DB_ARGS(DB_I64(user_id)), i64_take, user_rev);
	if (!e && db_conn_kind(c) == DB_POSTGRES)
		e = db_exec(c, &SQL_MOVED, DB_ARGS(DB_I64(user_id), DB_I64(*user_rev)), NULL);
	return e;
}

/* ---- making */

static const struct sql SQL_TAKE_NAME = {
	"INSERT INTO used_names (name_hash, user_id, at) VALUES ($1, 0, $2) ON CONFLICT (name_hash) DO NOTHING", NULL
};
static const struct sql SQL_NAME_OF = { "UPDATE used_names SET user_id = $2 WHERE name_hash = $1", NULL };
static const struct sql SQL_NEXT_ID = { "UPDATE counters SET value = value + 1 WHERE name = 'user_id' RETURNING value",
										NULL };
static const struct sql SQL_CREATE = {
	"INSERT INTO users (user_id, username, display_name, display_key, role, bot, password_hash, created_at, "
	"created_by) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	NULL,
};
static const struct sql SQL_HEAD = { "INSERT INTO user_heads (user_id, rev) VALUES ($1, 0)", NULL };
static const struct sql SQL_ANY = { "SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1) t", NULL };

static enum err insert(struct db_conn *c, const struct person_new *p)
{
	struct arena a;
	arena_init(&a);
	struct str key = p->display_name.p ? text_fold(&a, p->display_name) : STR_NONE;
	enum user_role role = p->first ? USER_OWNER : p->role;
	enum err e =
		db_exec(c, &SQL_CREATE,
				DB_ARGS(DB_I64(p->user_id), DB_TEXT(p->username), DB_TEXT(p->display_name), DB_TEXT(key), DB_I64(role),
						DB_BOOL(p->bot), DB_TEXT(p->password_hash), DB_I64(p->now_ms), db_opt(p->created_by)),
				NULL);
	arena_release(&a);
	return e;
}

enum err person_create(struct db_conn *c, struct person_new *p)
{
	uint8_t bytes[crypto_hash_sha256_BYTES];
	int64_t changed = 0;
	crypto_hash_sha256(bytes, (const unsigned char *)p->username.p, p->username.n);
	struct db_value hash = DB_BYTES(((struct str){ (const char *)bytes, sizeof bytes }));
	enum err e = db_exec(c, &SQL_TAKE_NAME, DB_ARGS(hash, DB_I64(p->now_ms)), &changed);
	if (!e && !changed) return ERR_NAME_TAKEN;
	if (!e) e = db_one(c, &SQL_NEXT_ID, DB_NO_ARGS, i64_take, &p->user_id); /* from here on one at a time */
	p->first = p->user_id == 1;
	if (!e) e = db_exec(c, &SQL_NAME_OF, DB_ARGS(hash, DB_I64(p->user_id)), NULL);
	if (!e) e = insert(c, p);
	if (!e) e = db_exec(c, &SQL_HEAD, DB_ARGS(DB_I64(p->user_id)), NULL);
	return e;
}

enum err person_any(struct db_conn *c, bool *any)
{
	int64_t n = 0;
	enum err e = db_one(c, &SQL_ANY, DB_NO_ARGS, i64_take, &n);
	*any = n > 0;
	return e;
}

/* ---- reading */

/* Joining channel 0 comes last and takes the person's first rev of it; but a profile may have been changed before. */
#define IN_CHANNEL(which) "EXISTS (SELECT 1 FROM members m WHERE m.user_id = u.user_id AND m.channel_id " which ")"
#define SETTLED                                                                                                        \
	"CASE WHEN u.changed_rev > 0 AND (" IN_CHANNEL("= 0") " OR (u.role = 0 AND " IN_CHANNEL(                           \
		"> 0") ")) THEN 1 ELSE 0 END"
_Static_assert(USER_GUEST == 0, "as SETTLED has it");
#define KEY                                                                                                            \
	"SELECT u.user_id, u.password_hash, " SETTLED                                                                      \
	" FROM users u WHERE u.deactivated_at IS NULL AND u.deleted_at IS NULL AND "
static const struct sql SQL_BY_NAME = { KEY "u.username = $1 AND u.password_hash IS NOT NULL", NULL };
static const struct sql SQL_BY_ID = { KEY "u.user_id = $1", NULL };
static const struct sql SQL_READ = { "SELECT " USER_COLUMNS " FROM users u WHERE u.user_id = $1", NULL };

struct reading {
	struct arena *a;
	void *out;
};

static void key_take(const struct db_rows *r, void *arg)
{
	const struct reading *g = arg;
	struct person_key *k = g->out;
	k->user_id = db_i64(r, 0);
	k->password_hash = arena_str(g->a, db_str(r, 1));
	k->settled = db_i64(r, 2) != 0;
}

static enum err key_read(struct db_conn *c, struct arena *a, const struct sql *q, struct db_value by,
						 struct person_key *out)
{
	struct reading g = { a, out };
	*out = (struct person_key){ .password_hash = STR_NONE };
	enum err e = db_one(c, q, DB_ARGS(by), key_take, &g);
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err person_by_name(struct db_conn *c, struct arena *a, struct str username, struct person_key *out)
{
	return key_read(c, a, &SQL_BY_NAME, DB_TEXT(username), out);
}

enum err person_by_id(struct db_conn *c, struct arena *a, int64_t user_id, struct person_key *out)
{
	return key_read(c, a, &SQL_BY_ID, DB_I64(user_id), out);
}

static const struct sql SQL_LAST_ID = { "SELECT value FROM counters WHERE name = 'user_id'", NULL };
static const struct sql SQL_STAND_IN = {
	"SELECT password_hash FROM users WHERE user_id >= $1 AND user_id < $2 AND password_hash IS NOT NULL "
	"ORDER BY user_id LIMIT 1",
	NULL,
};

#define STAND_IN_RANGE 1000 /* ids looked at: those of programs have no password */

static void hash_take(const struct db_rows *r, void *arg)
{
	const struct reading *g = arg;
	*(struct str *)g->out = arena_str(g->a, db_str(r, 0));
}

/* The place in the list of people changes only when there are twice as many. */
enum err person_stand_in(struct db_conn *c, struct arena *a, struct str username, struct str *password_hash)
{
	struct reading g = { a, password_hash };
	int64_t last = 0, range = 1;
	*password_hash = STR_NONE;
	enum err e = db_one(c, &SQL_LAST_ID, DB_NO_ARGS, i64_take, &last);
	if (e) return e;
	while (range <= last / 2) range *= 2;
	int64_t from = 1 + (int64_t)(hash_bytes(username.p, username.n, 0) % (uint64_t)range);
	e = db_one(c, &SQL_STAND_IN, DB_ARGS(DB_I64(from), DB_I64(from + STAND_IN_RANGE)), hash_take, &g);
	if (e == ERR_NOT_FOUND && from > 1)
		e = db_one(c, &SQL_STAND_IN, DB_ARGS(DB_I64(1), DB_I64(1 + STAND_IN_RANGE)), hash_take, &g);
	return e == ERR_NOT_FOUND ? OK : e;
}

static void user_read(const struct db_rows *r, void *arg)
{
	const struct reading *g = arg;
	user_take(r, 0, g->a, g->out);
}

enum err person_read(struct db_conn *c, struct arena *a, int64_t user_id, struct user *out)
{
	struct reading g = { a, out };
	return db_one(c, &SQL_READ, DB_ARGS(DB_I64(user_id)), user_read, &g);
}

enum err person_seen(struct db_conn *c, struct arena *a, const struct actor *who, int64_t user_id, struct user *out)
{
	struct people_page page;
	const struct people_query q = { .who = who, .ids = &user_id, .n_ids = 1, .channel_id = -1, .limit = 1 };
	enum err e = people_find(c, a, &q, &page);
	if (!e && !page.n) return ERR_NOT_FOUND;
	if (!e) *out = page.items[0];
	return e;
}

/* ---- changing */

static const struct sql SQL_PASSWORD = {
	"UPDATE users SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2", NULL
};
static const struct sql SQL_NAMED = { "SELECT user_id FROM users WHERE username = $1 AND deleted_at IS NULL", NULL };
static const struct sql SQL_RESET = { "UPDATE users SET password_hash = $2 WHERE user_id = $1", NULL };
static const struct sql SQL_DEFAULTS = {
	"SELECT c.channel_id FROM channels c JOIN heads h ON h.channel_id = c.channel_id WHERE c.is_default = 1 AND "
	"h.kind = $1 AND h.archived = 0 AND h.deleted_at IS NULL ORDER BY c.channel_id LIMIT $2",
	NULL,
};

enum err person_set_password(struct db_conn *c, int64_t user_id, struct str before, struct str after)
{
	int64_t changed = 0;
	enum err e = db_exec(c, &SQL_PASSWORD, DB_ARGS(DB_I64(user_id), DB_TEXT(before), DB_TEXT(after)), &changed);
	return !e && !changed ? ERR_CONFLICT : e;
}

enum err person_named(struct db_conn *c, struct str username, int64_t *user_id)
{
	return db_one(c, &SQL_NAMED, DB_ARGS(DB_TEXT(username)), i64_take, user_id);
}

enum err person_reset_password(struct db_conn *c, int64_t user_id, struct str after)
{
	return db_exec(c, &SQL_RESET, DB_ARGS(DB_I64(user_id), DB_TEXT(after)), NULL);
}

enum err person_defaults(struct db_conn *c, int64_t *channel_ids, size_t most, size_t *n)
{
	struct db_rows rows;
	*n = 0;
	enum err e = db_query(c, &SQL_DEFAULTS, DB_ARGS(DB_I64(CHANNEL_PUBLIC), DB_I64((int64_t)most)), &rows);
	if (e) return e;
	while (db_next(&rows)) channel_ids[(*n)++] = db_i64(&rows, 0);
	return db_end(&rows);
}
