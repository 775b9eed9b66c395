/* The server's own settings: rows of `meta`, changed under the lock of channel 0, whose event tells everybody. */
#include "store/append_tx.h"
#include "store/server.h"

static const struct sql SQL_SET = {
	"INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", NULL
};
static const struct sql SQL_UNSET = { "DELETE FROM meta WHERE key = $1", NULL };

static enum err set(struct tx_ask *q, struct str key, struct str value)
{
	if (!value.p) return db_exec(q->tx->c, &SQL_UNSET, DB_ARGS(DB_TEXT(key)), NULL);
	return db_exec(q->tx->c, &SQL_SET, DB_ARGS(DB_TEXT(key), DB_TEXT(value)), NULL);
}

static bool differ(struct str a, struct str b)
{
	return (a.p != NULL) != (b.p != NULL) || !str_eq(a, b);
}

static struct str as_object(struct tx_ask *q, struct str inside)
{
	return arena_printf(q->tx->a, "{" STR_FMT "}", STR_ARG(inside));
}

static enum err server_write(struct tx_ask *q, const struct server_row *was, const struct server_patch *p)
{
	bool name = p->name.p && differ(p->name, was->name),
		 mode = p->has_registration && differ(p->registration, was->registration);
	struct tx_json before, after;
	tx_json_open(&before), tx_json_open(&after);
	if (name) json_field_str(&before.out, "name", was->name), json_field_str(&after.out, "name", p->name);
	if (mode)
		json_field_str(&before.out, "registration", was->registration),
			json_field_str(&after.out, "registration", p->registration);
	struct str then = tx_json_close(&before, q->tx->a), now = tx_json_close(&after, q->tx->a);
	if (!now.n) return OK;
	enum err e = tx_change(q, CHANGE_SERVER, 0, 0, now);
	if (!e && name) e = set(q, STR("name"), p->name);
	if (!e && mode) e = set(q, STR("registration"), p->registration);
	return e ? e : tx_audit(q, "server.update", STR("server"), as_object(q, then), as_object(q, now));
}

enum err write_server(struct tx_ask *q)
{
	const struct server_patch *p = q->c->server;
	struct server_row was;
	bool audit;
	if (!tx_permitted(q, &audit)) return OK;
	if (p->has_registration && q->tx->w->config->registration.n) {
		q->c->err = problem_set(&q->c->problem, ERR_CONFLICT, "LINNET_REGISTRATION says so, and comes first");
		return OK;
	}
	enum err e = server_read(q->tx->c, q->tx->a, &was);
	return e ? e : server_write(q, &was, p);
}
