/* What a client keeps of one channel, and how what it is told is merged into it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "page.h"

const struct held *shelf_held(const struct shelf *s, int64_t message_id)
{
	for (size_t i = 0; i < s->cache.n; i++)
		if (s->cache.p[i].message_id == message_id) return &s->cache.p[i];
	return NULL;
}

/* What is told of a message that was not sent along may be newer than what is merged now. */
void shelf_merge(struct shelf *s, const struct held *m, bool is_new)
{
	struct held *had = (struct held *)shelf_held(s, m->message_id);
	if (had) {
		int64_t outdated = had->outdated;
		if (had->changed_rev < m->changed_rev) *had = *m;
		had->outdated = outdated > had->changed_rev ? outdated : 0;
	} else if (is_new) {
		vec_push(&s->cache, *m);
	}
}

/* ---- reactions: kept as the database keeps them, `a 2 1,3;b 1 2` */

static void text_add(char out[REACTIONS_TEXT], const char *item, size_t n)
{
	size_t have = strlen(out);
	if (have + n + 2 > REACTIONS_TEXT) abort();
	if (have) out[have++] = ';';
	memcpy(out + have, item, n);
	out[have + n] = 0;
}

/* `{"emoji":"a","count":2,"user_ids":[1,3]...`: as an item, with its count, 0 when nobody gives it. False: no such. */
static bool item_of(const char *json, char out[REACTIONS_TEXT], long *count)
{
	char emoji;
	int at = 0;
	if (sscanf(json, "\"emoji\":\"%c\",\"count\":%ld,\"user_ids\":[%n", &emoji, count, &at) < 2 || !at) return false;
	snprintf(out, REACTIONS_TEXT, "%c %ld %.*s", emoji, *count, (int)strcspn(json + at, "]"), json + at);
	return true;
}

void held_reactions(struct held *m, const char *message_json)
{
	static const char key[] = "\"reactions\":[";
	const char *p = strstr(message_json, key);
	char item[REACTIONS_TEXT];
	long count;
	for (p = p ? p + sizeof key - 1 : NULL; p && *p == '{' && item_of(p + 1, item, &count);) {
		text_add(m->reactions, item, strlen(item));
		p = strchr(p, '}');
		p += p && p[1] == ',' ? 2 : 1;
	}
}

/* Another value takes the place of the old one; a new one comes last. */
static void react(struct held *m, const char *item, long count)
{
	char out[REACTIONS_TEXT] = "";
	bool found = false;
	for (const char *p = m->reactions; *p;) {
		size_t n = strcspn(p, ";");
		bool same = *p == *item;
		found |= same;
		if (!same)
			text_add(out, p, n);
		else if (count)
			text_add(out, item, strlen(item));
		p += n + (p[n] == ';');
	}
	if (!found && count) text_add(out, item, strlen(item));
	memcpy(m->reactions, out, sizeof out);
}

void thread_text(const char *json, char out[THREAD_TEXT])
{
	long count, last, seq;
	int at = 0;
	out[0] = 0;
	if (!strncmp(json, "\"thread\":null", 13)) return;
	if (sscanf(json,
			   "\"thread\":{\"count\":%ld,\"last_id\":%ld,\"last_at\":\"%*[^\"]\",\"last_seq\":%ld,\"user_ids\":[%n",
			   &count, &last, &seq, &at) < 3 ||
		!at)
		abort();
	snprintf(out, THREAD_TEXT, "%ld %ld %ld %.*s", count, last, seq, (int)strcspn(json + at, "]"), json + at);
}

static void apply_value(struct held *m, const struct early *e)
{
	static const char pinned[] = "\"pinned\":", thread[] = "\"thread\":";
	char item[REACTIONS_TEXT];
	long count;
	if (!strncmp(e->value, pinned, sizeof pinned - 1))
		m->pinned = e->value[sizeof pinned - 1] == 't';
	else if (!strncmp(e->value, thread, sizeof thread - 1))
		thread_text(e->value, m->thread);
	else if (item_of(e->value, item, &count))
		react(m, item, count);
	else
		abort();
	m->changed_rev = e->rev;
}

/* ---- events about a message that do not carry it */

/* A reaction, a pin or a root's thread says its value as of its rev. Whatever else has happened to a message makes it
 * be read again; until it is, none is applied to it: it would look newer than it is. */
static void apply_told(struct client *k, int slot, const struct early *e)
{
	struct held *m = (struct held *)shelf_held(&k->shelves[slot], e->message_id);
	if (!m || m->changed_rev >= e->rev) return;
	if (e->value[0] && !m->outdated) {
		apply_value(m, e);
		return;
	}
	m->outdated = e->rev;
	page_again(k, slot, e->message_id);
}

void shelf_told(struct client *k, int slot, const struct early *e)
{
	struct shelf *s = &k->shelves[slot];
	if (s->paging) vec_push(&s->early, *e);
	if (e->held.message_id)
		shelf_merge(s, &e->held, e->is_new);
	else
		apply_told(k, slot, e);
}

void shelf_page_came(struct client *k, int slot)
{
	struct shelf *s = &k->shelves[slot];
	s->paging = false;
	for (size_t i = 0; i < s->early.n; i++) {
		const struct early e = s->early.p[i];
		if (e.held.message_id)
			shelf_merge(s, &e.held, e.is_new);
		else
			apply_told(k, slot, &e);
	}
	vec_clear(&s->early);
}
