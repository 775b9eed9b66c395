/* linnet admin list: what there is, a line each, for people or (--json) for programs. A table names the columns of each
 * list; a statement returns them in that order, by pages of the key that comes first. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "bin/admin.h"
#include "model/text.h"
#include "proto/json.h"
#include "store/person.h"

#define COMMAND "list"
#define PAGE 1000
#define COLUMNS 10

enum column_kind { COLUMN_TEXT = 1, COLUMN_NUMBER, COLUMN_TIME };
struct column {
	const char *name;
	enum column_kind kind;
	int width; /* of text; wider values push the others */
};
struct listed {
	const char *name;
	struct column columns[COLUMNS];
	struct sql sql; /* $1: behind this key; $2: now; $3: at most; $4: a username, or NULL */
	bool of_person; /* takes --username */
};

#define ALIVE "revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > $2)"
#define ROLE(x) "CASE " x " WHEN 0 THEN 'guest' WHEN 1 THEN 'member' WHEN 2 THEN 'admin' ELSE 'owner' END"

static const struct listed lists[] = {
	{ "people",
	  { { "id", COLUMN_NUMBER, 6 },
		{ "username", COLUMN_TEXT, 20 },
		{ "role", COLUMN_TEXT, 6 },
		{ "state", COLUMN_TEXT, 11 },
		{ "sessions", COLUMN_NUMBER, 8 },
		{ "tokens", COLUMN_NUMBER, 6 },
		{ "created_at", COLUMN_TIME, 20 },
		{ "used_at", COLUMN_TIME, 20 },
		{ "display_name", COLUMN_TEXT, 1 } },
	  { "SELECT u.user_id, u.username, " ROLE(
		  "u.role") ", CASE WHEN u.deleted_at IS NOT NULL THEN 'deleted' WHEN "
					"u.deactivated_at IS NOT NULL THEN 'deactivated' WHEN u.bot = 1 THEN 'bot' ELSE 'active' END, "
					"(SELECT count(*) "
					"FROM sessions s WHERE s.user_id = u.user_id AND s.kind <> 'token' AND " ALIVE
					"), (SELECT count(*) FROM sessions "
					"s WHERE s.user_id = u.user_id AND s.kind = 'token' AND " ALIVE
					"), u.created_at, (SELECT max(s.used_at) FROM "
					"sessions s WHERE s.user_id = u.user_id), u.display_name FROM users u WHERE u.user_id > $1 ORDER "
					"BY u.user_id "
					"LIMIT $3" } },
	{ "channels",
	  { { "id", COLUMN_NUMBER, 6 },
		{ "kind", COLUMN_TEXT, 7 },
		{ "name", COLUMN_TEXT, 20 },
		{ "state", COLUMN_TEXT, 9 },
		{ "members", COLUMN_NUMBER, 7 },
		{ "messages", COLUMN_NUMBER, 8 },
		{ "rev", COLUMN_NUMBER, 8 },
		{ "last_at", COLUMN_TIME, 20 },
		{ "created_at", COLUMN_TIME, 20 },
		{ "people", COLUMN_TEXT, 1 } }, /* of a direct message: their ids */
	  { "SELECT h.channel_id, CASE h.kind WHEN 0 THEN 'public' WHEN 1 THEN 'private' WHEN 2 THEN 'dm' ELSE 'server' "
		"END, "
		"c.name, CASE WHEN h.deleted_at IS NOT NULL THEN 'deleted' WHEN h.archived = 1 THEN "
		"'archived' "
		"WHEN h.read_only = 1 THEN 'read_only' WHEN c.is_default = 1 THEN 'default' ELSE 'open' END, h.member_count, "
		"h.last_id, h.rev, CASE WHEN h.last_id > 0 THEN h.last_at END, CASE WHEN c.created_at > 0 THEN c.created_at "
		"END, c.dm_key "
		"FROM heads h JOIN channels c ON c.channel_id = h.channel_id WHERE h.channel_id > $1 AND $2::bigint > 0 ORDER "
		"BY "
		"h.channel_id LIMIT $3" } },
	{ "sessions",
	  { { "id", COLUMN_TEXT, 26 },
		{ "kind", COLUMN_TEXT, 6 },
		{ "username", COLUMN_TEXT, 20 },
		{ "address", COLUMN_TEXT, 15 },
		{ "created_at", COLUMN_TIME, 20 },
		{ "used_at", COLUMN_TIME, 20 },
		{ "expires_at", COLUMN_TIME, 20 },
		{ "name", COLUMN_TEXT, 1 } },
	  { "SELECT s.session_id, s.kind, u.username, s.address, s.created_at, CASE WHEN s.used_at > 0 THEN s.used_at END, "
		"s.expires_at, coalesce(s.name, s.agent) FROM sessions s JOIN users u ON u.user_id = s.user_id WHERE "
		"s.session_id "
		"> $1 AND s." ALIVE " AND ($4 = '' OR u.username = $4) ORDER BY s.session_id LIMIT $3" },
	  true },
};

struct listing {
	struct admin_job job;
	const struct listed *list;
	const char *username;
	bool json;
	struct buf out;
	char after[64]; /* the last key */
	size_t n;
};

/* ---- one value */

/* Nothing that a terminal takes for a command. */
static void put_shown(struct buf *out, struct str s)
{
	while (s.n) {
		struct str rest = s;
		size_t step = str_utf8_step(s);
		bool shown = step && !text_hidden(text_next(&rest));
		if (shown)
			buf_add(out, s.p, step);
		else
			buf_add_byte(out, '?');
		s = str_from(s, step ? step : 1);
	}
}

static void put_value(struct listing *l, const struct column *k, const struct db_rows *r, int col)
{
	char time[TIME_TEXT];
	if (db_is_null(r, col)) {
		buf_add_byte(&l->out, '-');
	} else if (k->kind == COLUMN_TEXT) {
		put_shown(&l->out, db_str(r, col));
	} else if (k->kind == COLUMN_NUMBER) {
		buf_add_i64(&l->out, db_i64(r, col));
	} else { /* to the second */
		time_format(db_i64(r, col), time);
		buf_printf(&l->out, "%.19sZ", time);
	}
}

static void pad(struct listing *l, size_t from, int width)
{
	size_t used = l->out.n - from;
	for (size_t i = used; i < (size_t)width; i++) buf_add_byte(&l->out, ' ');
}

/* ---- one line */

static bool is_last(const struct listed *k, size_t i)
{
	return i + 1 == COLUMNS || !k->columns[i + 1].name;
}

static void put_title(struct listing *l)
{
	for (size_t i = 0; i < COLUMNS && l->list->columns[i].name; i++) {
		const struct column *k = &l->list->columns[i];
		size_t from = l->out.n;
		buf_add_str(&l->out, str_of(k->name));
		if (!is_last(l->list, i)) pad(l, from, k->width), buf_add_byte(&l->out, ' ');
	}
	buf_add_byte(&l->out, '\n');
}

static void put_text(struct listing *l, const struct db_rows *r)
{
	for (size_t i = 0; i < COLUMNS && l->list->columns[i].name; i++) {
		const struct column *k = &l->list->columns[i];
		size_t from = l->out.n;
		put_value(l, k, r, (int)i);
		if (!is_last(l->list, i)) pad(l, from, k->width), buf_add_byte(&l->out, ' ');
	}
	buf_add_byte(&l->out, '\n');
}

static void put_json(struct listing *l, const struct db_rows *r)
{
	struct json_out o;
	json_out_init(&o, &l->out);
	json_open(&o, '{');
	for (size_t i = 0; i < COLUMNS && l->list->columns[i].name; i++) {
		const struct column *k = &l->list->columns[i];
		int col = (int)i;
		if (db_is_null(r, col))
			json_field_null(&o, k->name);
		else if (k->kind == COLUMN_TEXT)
			json_field_str(&o, k->name, db_str(r, col));
		else if (k->kind == COLUMN_TIME)
			json_field_time(&o, k->name, db_i64(r, col));
		else
			json_field_i64(&o, k->name, db_i64(r, col));
	}
	json_close(&o, '}');
	buf_add_byte(&l->out, '\n');
}

/* ---- pages */

static void row(struct listing *l, const struct db_rows *r)
{
	bool text = l->list->columns[0].kind == COLUMN_TEXT;
	if (text)
		snprintf(l->after, sizeof l->after, STR_FMT, STR_ARG(db_str(r, 0)));
	else
		snprintf(l->after, sizeof l->after, "%lld", (long long)db_i64(r, 0));
	(l->json ? put_json : put_text)(l, r);
	l->n++;
}

static enum err page(struct listing *l, struct db_conn *c, struct str name, int64_t now_ms)
{
	struct db_rows rows;
	int64_t id = -1;
	bool text = l->list->columns[0].kind == COLUMN_TEXT;
	if (!text && l->after[0]) str_i64(str_of(l->after), -1, INT64_MAX, &id);
	struct db_value after = text ? DB_TEXT(str_of(l->after)) : DB_I64(id);
	struct db_args args = DB_ARGS(after, DB_I64(now_ms), DB_I64(PAGE), DB_TEXT(name));
	if (!l->list->of_person) args.n--;
	l->n = 0;
	enum err e = db_query(c, &l->list->sql, args, &rows);
	if (e) return e;
	while (db_next(&rows)) row(l, &rows);
	e = db_end(&rows);
	if (l->out.n) fwrite(l->out.p, 1, l->out.n, stdout);
	l->out.n = 0;
	return e;
}

static enum err run(struct admin_job *j, struct process *p, struct db_conn *c, struct problem *problem)
{
	struct listing *l = container_of(j, struct listing, job);
	struct str name = l->username ? admin_username(&j->arena, l->username) : STR("");
	int64_t user_id;
	enum err e = l->username ? person_named(c, name, &user_id) : OK;
	if (e == ERR_NOT_FOUND) return problem_set(problem, e, "there is no account " STR_FMT, STR_ARG(name));
	if (e) return e;
	buf_init(&l->out);
	if (!l->json) put_title(l);
	do e = page(l, c, name, clock_wall_ms(p->pod.clock));
	while (!e && l->n == PAGE);
	buf_release(&l->out);
	if (!e && (fflush(stdout) != 0 || ferror(stdout)))
		return problem_set(problem, ERR_UNAVAILABLE, "cannot be written");
	return e;
}

int admin_list(int argc, char **argv)
{
	struct listing l = { .job = { .command = COMMAND, .use = PROCESS_READS, .run = run } };
	const struct admin_word words[] = { { "--username", &l.username } };
	l.json = admin_flag(&argc, argv, "--json");
	const char *missing = admin_take(&argc, argv, words, countof(words)), *what = admin_first(&argc, argv);
	for (size_t i = 0; what && i < countof(lists); i++)
		if (strcmp(lists[i].name, what) == 0) l.list = &lists[i];
	if (missing) return admin_wrong(COMMAND, missing, "a value is missing");
	if (!l.list) return admin_wrong(COMMAND, what ? what : "", "give people, channels or sessions");
	if (l.username && !l.list->of_person) return admin_wrong(COMMAND, "--username", "is for sessions");
	return admin_run(&l.job, argc, argv);
}
