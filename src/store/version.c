#include "store/version.h"

static const struct sql SQL_BEFORE = {
	"SELECT rev, body, at FROM message_edits WHERE channel_id = $1 AND message_id = $2 AND rev < $3 ORDER BY rev DESC "
	"LIMIT $4",
	NULL,
};

/* A row says when its version was replaced: that is when the one after it was written. So the first row is read for its
 * time alone, and the oldest version is as old as the message. */
enum err versions_read(struct db_conn *c, struct arena *a, const struct versions_query *q, struct version_page *out)
{
	const struct message *m = q->message;
	struct db_rows rows;
	bool first = q->below > m->body_rev;
	struct version *v = arena_array(a, struct version, q->limit + 2);
	size_t n = 0;
	if (first) v[n++] = (struct version){ .rev = m->body_rev, .body = m->body };
	enum err e = db_query(c, &SQL_BEFORE,
						  DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), DB_I64(first ? m->body_rev : q->below),
								  DB_I64((int64_t)q->limit + 1 - (int64_t)n)),
						  &rows);
	if (e) return e;
	for (; n <= q->limit && db_next(&rows); n++) {
		if (n) v[n - 1].at = db_i64(&rows, 2);
		v[n] = (struct version){ .rev = db_i64(&rows, 0), .body = arena_str(a, db_str(&rows, 1)) };
	}
	e = db_end(&rows);
	if (n && n <= q->limit) v[n - 1].at = m->created_at;
	*out = (struct version_page){ .items = v, .n = n > q->limit ? q->limit : n };
	if (n > q->limit) out->next = v[out->n - 1].rev;
	return e;
}
