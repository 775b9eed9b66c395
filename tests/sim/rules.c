/* The rules of moderation, read off each channel's log: what was forbidden at a rev stands at none. What retention has
 * deleted belongs to it. */
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "judge.h"

struct rules { /* of one channel, as of the last row */
	int64_t channel_id, rev;
	bool ended, archived, read_only;
	int64_t slow_ms;
	bool banned[PEOPLE + 1], silenced[PEOPLE + 1], voice[PEOPLE + 1];
	int64_t sent_at[PEOPLE + 1]; /* in slow mode; 0: not */
};

static const struct sql SQL_LOG = {
	"SELECT channel_id, rev, at, kind, user_id, actor_id, data FROM sim_every_change WHERE channel_id > 0 UNION ALL "
	"SELECT channel_id, rev, created_at, 'message', NULL, author_id, NULL FROM sim_every_message ORDER BY 1, 2",
	NULL,
};

static bool says(struct str data, const char *what)
{
	return data.p && memmem(data.p, data.n, what, strlen(what));
}

static void flag(struct str data, const char *yes, const char *no, bool *out)
{
	if (says(data, yes)) *out = true;
	if (says(data, no)) *out = false;
}

static void set(struct rules *r, struct str data)
{
	static const char key[] = "\"slow_mode_s\":";
	const char *at = data.p ? memmem(data.p, data.n, key, sizeof key - 1) : NULL;
	flag(data, "\"archived\":true", "\"archived\":false", &r->archived);
	flag(data, "\"read_only\":true", "\"read_only\":false", &r->read_only);
	if (at) r->slow_ms = (at[sizeof key - 1] - '0') * INT64_C(1000); /* one digit here */
}

static void breach(struct world *w, const struct rules *r, const char *what, int64_t who)
{
	fault(w, "%s: %lld-r%lld of %lld", what, (long long)r->channel_id, (long long)r->rev, (long long)who);
}

/* Edits, reactions and pins; a message besides. */
static void judge_speech(struct world *w, const struct rules *r, int64_t who)
{
	if (r->archived) breach(w, r, "written into an archive", who);
	if (r->silenced[who]) breach(w, r, "written in silence", who);
	if (r->read_only && !r->voice[who] && who != 1) breach(w, r, "written without voice", who);
}

static void judge_message(struct world *w, struct rules *r, int64_t who, int64_t at)
{
	judge_speech(w, r, who);
	if (!r->slow_ms || who == 1) return;
	if (r->sent_at[who] && at - r->sent_at[who] < r->slow_ms) breach(w, r, "written too soon", who);
	r->sent_at[who] = at;
}

static void judge_row(struct world *w, struct rules *r, const struct db_rows *rows)
{
	struct str kind = db_str(rows, 3), data = db_str(rows, 6);
	int64_t who = db_i64(rows, 4), actor = db_i64(rows, 5);
	if (r->ended) breach(w, r, "after the end", actor);
	if (str_eq(kind, STR("message"))) judge_message(w, r, actor, db_i64(rows, 2));
	if (str_eq(kind, STR("edit")) || str_eq(kind, STR("reaction")) || str_eq(kind, STR("pin")))
		judge_speech(w, r, actor);
	if (str_eq(kind, STR("join")) && r->banned[who]) breach(w, r, "banned, and came in", who);
	if (str_eq(kind, STR("ban"))) flag(data, "\"banned\":true", "\"banned\":false", &r->banned[who]);
	if (str_eq(kind, STR("role"))) {
		flag(data, "\"voice\":true", "\"voice\":false", &r->voice[who]);
		r->silenced[who] = !says(data, "\"muted_until\":null");
	}
	if (str_eq(kind, STR("join")) || str_eq(kind, STR("leave")) || str_eq(kind, STR("kick"))) r->voice[who] = false;
	if (str_eq(kind, STR("channel"))) set(r, data);
	r->ended = r->ended || str_eq(kind, STR("deleted"));
}

void judge_rules(struct world *w)
{
	struct rules r = { 0 };
	struct db_rows rows;
	w->db->looking = true;
	if (db_query(w->db->look, &SQL_LOG, DB_NO_ARGS, &rows)) abort();
	while (db_next(&rows)) {
		if (r.channel_id != db_i64(&rows, 0)) r = (struct rules){ .channel_id = db_i64(&rows, 0) };
		r.rev = db_i64(&rows, 1);
		judge_row(w, &r, &rows);
	}
	if (db_end(&rows)) abort();
	w->db->looking = false;
}
