/* Where a page is asked for: by seq or by time it is looked for. */
#include "store/page.h"
#include "store/rows.h"

static const struct sql SQL_AT = {
	"SELECT t.message_id, t.created_at FROM messages t WHERE t.channel_id = $1 AND t.message_id >= $2 ORDER BY "
	"t.message_id LIMIT 1",
	NULL,
};
static const struct sql SQL_AT_SEQ = {
	"SELECT t.message_id, t.seq FROM messages t WHERE t.channel_id = $1 AND " FLOW_ID " >= $2 AND t.seq IS NOT NULL "
	"ORDER BY " FLOW_ID " LIMIT 1",
	NULL,
};

/* Times ascend with ids, and so do seqs: the first message not before `least`, by halving; last_id + 1 when there is
 * none. */
static enum err place_of(struct db_conn *c, const struct channel *ch, const struct sql *sql, int64_t least, int64_t *id)
{
	int64_t lo = 1, hi = ch->last_id + 1;
	*id = hi;
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2, at = INT64_MAX, found = hi;
		struct db_rows rows;
		enum err e = db_query(c, sql, DB_ARGS(DB_I64(ch->id), DB_I64(mid)), &rows);
		if (e) return e;
		while (db_next(&rows)) found = db_i64(&rows, 0), at = db_i64(&rows, 1);
		if ((e = db_end(&rows))) return e;
		if (at < least)
			lo = found + 1;
		else
			hi = mid, *id = found;
	}
	return OK;
}

/* `after` a seq is from the next one on; a time may be that of several. */
enum err page_place(struct db_conn *c, const struct channel *ch, const struct page_query *q, int64_t *id)
{
	*id = q->message_id;
	if (q->time_ms) return place_of(c, ch, &SQL_AT, q->time_ms, id);
	return q->seq ? place_of(c, ch, &SQL_AT_SEQ, q->seq + (q->kind == PAGE_AFTER), id) : OK;
}
