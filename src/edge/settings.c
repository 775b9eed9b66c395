#include "edge/settings.h"

#include <stdlib.h>

#include "app/own.h"
#include "edge/list.h"
#include "edge/me.h"
#include "store/setting.h"

#define KEY_MOST 64

static bool is_key(struct str s)
{
	if (!s.n || s.n > KEY_MOST) return false;
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		bool letter = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
		if (!letter && (!i || (ch != '.' && ch != '_' && ch != '-'))) return false;
	}
	return true;
}

/* ---- all of them */

enum err setting_list_run(struct request *q, struct db_conn *c)
{
	const struct page_ask *ask = q->in;
	struct setting_page page;
	if (ask->cursor.p && !is_key(ask->cursor)) return page_cursor(q, ERR_INVALID);
	enum err e = setting_list(c, &q->arena, q->actor.user_id, ask->cursor, (size_t)ask->limit, &page);
	if (e) return e;
	struct json_out o = list_open(q);
	for (size_t i = 0; i < page.n; i++) {
		json_open(&o, '{');
		setting_fields(&o, &page.items[i]);
		json_field_i64(&o, "user_rev", page.items[i].user_rev);
		json_close(&o, '}');
	}
	list_close(&o, page.next);
	return OK;
}

/* ---- one */

static enum err take(struct request *q, struct setting_row **out)
{
	struct setting_row *s = arena_new(&q->arena, struct setting_row);
	q->in = s;
	*s = (struct setting_row){ q->params[0], STR_NONE, 0 };
	*out = s;
	if (is_key(s->key)) return OK;
	return problem_field(&q->problem, "key",
						 "must be 1 to %d of a-z, 0-9, '.', '_' and '-', the first a letter or digit", KEY_MOST);
}

/* As it is told to other devices, whatever blanks it came with. */
static enum err value_take(struct request *q, json_t *value, struct str *out)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text) return problem_field(&q->problem, "value", "cannot be kept");
	*out = arena_str(&q->arena, str_of(text));
	free(text);
	int64_t most = q->pod->config->setting_bytes;
	if ((int64_t)out->n <= most) return OK;
	return problem_field(&q->problem, "value", "is longer than %lld bytes", (long long)most);
}

enum err setting_put_take(struct request *q)
{
	struct setting_row *s;
	json_t *value = NULL;
	struct json_in in;
	enum err e = take(q, &s);
	json_in_open(&in, q->json, &q->problem);
	if (json_in_any(&in, "value", JSON_NEED, &value)) e = err_first(e, value_take(q, value, &s->value));
	return err_first(json_in_close(&in), e);
}

enum err setting_delete_take(struct request *q)
{
	struct setting_row *s;
	return take(q, &s);
}

static enum err write_in(struct db_conn *c, struct own_write *w)
{
	struct request *q = w->arg;
	struct setting_row *s = q->in;
	int64_t most = q->pod->config->settings_per_person;
	s->user_rev = w->user_rev;
	enum err e = setting_write(c, w->user_id, s, most, &w->changed);
	if (e != ERR_LIMIT_REACHED) return e;
	return problem_set(&q->problem, e, "At most %lld settings", (long long)most);
}

static enum err write(struct request *q, struct db_conn *c)
{
	struct own_write w = { .user_id = q->actor.user_id, .write = write_in, .arg = q };
	return own_write(c, q->pod->bus, &w);
}

enum err setting_put_run(struct request *q, struct db_conn *c)
{
	return write(q, c);
}

enum err setting_delete_run(struct request *q, struct db_conn *c)
{
	return write(q, c);
}
