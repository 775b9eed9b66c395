/* What a message said before: for its author, and for those who moderate its channel, which leaves a row in the audit.
 */
#include "edge/list.h"
#include "edge/me.h"
#include "edge/mentions.h"
#include "edge/messages.h"
#include "model/permit.h"
#include "store/audit.h"
#include "store/channel.h"
#include "store/history.h"
#include "store/version.h"

struct history_ask {
	int64_t channel_id, message_id;
	struct page_ask page;
};

enum err message_history_take(struct request *q)
{
	struct history_ask *ask = arena_new(&q->arena, struct history_ask);
	q->in = ask;
	enum err e = request_id_param(q, 0, &ask->channel_id);
	if (!e) e = request_id_param(q, 1, &ask->message_id);
	return e ? e : page_take(q, &ask->page);
}

static enum err audit(struct request *q, struct db_conn *c, const struct message *m)
{
	const struct audit_row row = {
		.actor_id = q->actor.user_id,
		.now_ms = clock_wall_ms(q->pod->clock),
		.action = "message.history",
		.target = arena_printf(&q->arena, "%lld-%lld", (long long)m->channel_id, (long long)m->message_id),
		.before = STR_NONE,
		.after = STR_NONE,
		.address = q->address,
		.request_id = str_of(q->id),
	};
	return audit_write(c, &row);
}

static enum err ask_permit(struct request *q, const struct channel *ch, const struct message *m, bool *audited)
{
	const struct permit p = {
		.actor = &q->actor,
		.channel = ch,
		.member = ch->has_me,
		.role = ch->me.role,
		.message = true,
		.own_message = m->author_id == q->actor.user_id,
		.message_deleted = m->deleted_at != 0,
	};
	struct permit_answer a = permit_history(&p);
	*audited = a.audit;
	return a.err && a.why ? problem_set(&q->problem, a.err, "%s", a.why) : a.err;
}

static enum err read_in(struct request *q, struct db_conn *c, int64_t below, struct version_page *page)
{
	const struct history_ask *ask = q->in;
	struct channel ch;
	struct message *m = arena_new(&q->arena, struct message);
	bool audited = false;
	enum err e = channel_read(c, &q->arena, ask->channel_id, &q->actor, true, &ch);
	if (!e) e = message_find(c, &q->arena, &ch, ask->message_id, m);
	if (e) return e == ERR_NOT_FOUND ? message_missing(q, c, ask->channel_id) : e;
	e = ask_permit(q, &ch, m, &audited);
	const struct versions_query query = { m, below, (size_t)ask->page.limit };
	if (!e) e = versions_read(c, &q->arena, &query, page);
	return e || !audited ? e : audit(q, c, m);
}

static void reply_versions(struct request *q, const struct version_page *page)
{
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page->n; i++) {
		json_open(&o, '{');
		json_field_i64(&o, "body_rev", page->items[i].rev);
		json_field_str(&o, "body", page->items[i].body);
		json_field_time(&o, "at", page->items[i].at);
		json_close(&o, '}');
	}
	list_close(&o, page->next ? arena_printf(&q->arena, "%lld", (long long)page->next) : STR_NONE);
}

enum err message_history_run(struct request *q, struct db_conn *c)
{
	const struct history_ask *ask = q->in;
	struct version_page page;
	int64_t below = INT64_MAX;
	if (ask->page.cursor.p && !str_i64(ask->page.cursor, 1, INT64_MAX, &below)) return page_cursor(q, ERR_INVALID);
	enum err e = db_begin(c);
	if (e) return e;
	e = read_in(q, c, below, &page);
	if (!e)
		e = db_commit(c);
	else
		db_rollback(c);
	if (!e) reply_versions(q, &page);
	return e;
}
