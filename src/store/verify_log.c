/* The log of a channel is the merge of two ranges, messages and changes by rev. It is read as clients read it, and must
 * be what they may rely on: no rev without a row, times that do not fall, message ids and seqs that count up. */
#include "store/verify.h"

#include <stdarg.h>
#include <stdio.h>

/* Of each table the first rows of the slice, then of both together the first. */
static const struct sql SQL_ROWS = {
	"SELECT w.rev, w.at, w.message_id, w.seq FROM ("
	"SELECT * FROM (SELECT rev, created_at AS at, message_id, seq FROM messages WHERE channel_id = $1 AND rev > $2 "
	"ORDER BY rev LIMIT $3) a UNION ALL "
	"SELECT * FROM (SELECT rev, at, 0 AS message_id, CAST(NULL AS BIGINT) AS seq FROM changes WHERE channel_id = $1 "
	"AND rev > $2 ORDER BY rev LIMIT $3) b) w ORDER BY w.rev LIMIT $3",
	NULL,
};

struct walk {
	struct verify *v;
	const struct verify_head *h;
	int64_t rev, at, id, seq, id_at, seq_at; /* of the last row, message, message with a seq; seq -1: not known */
	int64_t n;                               /* rows of this slice */
};

void verify_found(struct verify *v, const char *check, int64_t channel_id, struct str text)
{
	const struct finding f = { check, channel_id, text };
	if (v->given_up) return;
	v->findings++;
	v->found(v->arg, &f);
	v->given_up = v->findings >= VERIFY_MOST;
}

void verify_says(struct verify *v, const char *check, int64_t channel_id, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	verify_found(v, check, channel_id, str_of(text));
}

#define LL(n) ((long long)(n))

static void missing(struct walk *w, int64_t from, int64_t to)
{
	if (from > to) return;
	if (from == to)
		verify_says(w->v, "rev_missing", w->h->channel_id, "rev %lld is in no row", LL(from));
	else
		verify_says(w->v, "rev_missing", w->h->channel_id, "revs %lld to %lld are in no row", LL(from), LL(to));
}

static void message_row(struct walk *w, const struct db_rows *r)
{
	int64_t id = db_i64(r, 2), seq = db_i64(r, 3), rev = db_i64(r, 0), channel = w->h->channel_id;
	if (id != w->id + 1)
		verify_says(w->v, "message_id", channel, "rev %lld is message %lld, after message %lld", LL(rev), LL(id),
					LL(w->id));
	w->id = id, w->id_at = db_i64(r, 1);
	if (db_is_null(r, 3)) return;
	if (w->seq >= 0 && seq != w->seq + 1)
		verify_says(w->v, "seq", channel, "message %lld has seq %lld, after seq %lld", LL(id), LL(seq), LL(w->seq));
	w->seq = seq, w->seq_at = db_i64(r, 1);
}

static void row(struct walk *w, const struct db_rows *r)
{
	int64_t rev = db_i64(r, 0), at = db_i64(r, 1);
	missing(w, w->rev + 1, rev - 1);
	if (at < w->at)
		verify_says(w->v, "time_falls", w->h->channel_id, "rev %lld is of %lld, the one before it of %lld", LL(rev),
					LL(at), LL(w->at));
	w->rev = rev, w->at = at;
	w->n++;
	if (db_i64(r, 2)) message_row(w, r);
}

static enum err slice(struct db_conn *c, struct walk *w, int64_t most)
{
	struct db_rows rows;
	w->n = 0;
	enum err e = db_query(c, &SQL_ROWS, DB_ARGS(DB_I64(w->h->channel_id), DB_I64(w->rev), DB_I64(most)), &rows);
	if (e) return e;
	while (db_next(&rows)) row(w, &rows);
	return db_end(&rows);
}

static void differs(struct walk *w, const char *what, int64_t head, int64_t rows)
{
	if (head == rows) return;
	verify_says(w->v, "head", w->h->channel_id, "the head has %s %lld, its rows %lld", what, LL(head), LL(rows));
}

/* The head tells what its last rows are. */
static void judge_head(struct walk *w)
{
	const struct verify_head *h = w->h;
	if (w->rev < h->rev) missing(w, w->rev + 1, h->rev);
	if (w->rev > h->rev) differs(w, "rev", h->rev, w->rev);
	if (w->rev == h->rev && h->rev > 0) differs(w, "rev_at", h->rev_at, w->at);
	differs(w, "last_id", h->last_id, w->id);
	if (w->seq >= 0) differs(w, "last_seq", h->last_seq, w->seq);
	if (w->id_at && h->last_at != w->seq_at) differs(w, "last_at", h->last_at, w->id_at);
}

enum err verify_log(struct db_conn *c, struct verify *v, const struct verify_head *h, int64_t most)
{
	struct walk w = { v, h, h->min_rev, h->min_rev_at, h->min_id, h->min_rev ? -1 : 0, 0, 0, 0 };
	enum err e = OK;
	do e = slice(c, &w, most);
	while (!e && w.n == most && !v->given_up);
	if (!e && !v->given_up) judge_head(&w);
	v->revs += w.rev - h->min_rev;
	return e;
}
