#include "app/append_queue.h"

void change_list_init(struct change_list *l)
{
	l->first = NULL, l->end = &l->first, l->n = 0;
}

void change_list_add(struct change_list *l, struct change *c)
{
	c->next = NULL;
	*l->end = c;
	l->end = &c->next;
	l->n++;
}

/* Takes the one that *at points to. */
static struct change *take_at(struct change_list *l, struct change **at)
{
	struct change *c = *at;
	*at = c->next;
	if (!c->next) l->end = at;
	c->next = NULL;
	l->n--;
	return c;
}

struct change *change_list_take(struct change_list *l)
{
	return l->first ? take_at(l, &l->first) : NULL;
}

void append_queue_init(struct append_queue *q)
{
	*q = (struct append_queue){ 0 };
	change_list_init(&q->waiting);
}

void append_queue_release(struct append_queue *q)
{
	id_map_release(&q->seen);
}

void append_queue_add(struct append_queue *q, struct change *c)
{
	change_list_add(&q->waiting, c);
	q->bytes += c->bytes;
}

void append_queue_return(struct append_queue *q, struct change_list *back)
{
	if (!back->n) return;
	for (struct change *c = back->first; c; c = c->next) q->bytes += c->bytes;
	*back->end = q->waiting.first;
	if (!q->waiting.first) q->waiting.end = back->end;
	q->waiting.first = back->first;
	q->waiting.n += back->n;
	change_list_init(back);
}

/* What may break a unique name goes alone, so that it fails alone. */
static bool goes_alone(const struct change *c)
{
	bool username = c->kind == CHANGE_USER && c->person && c->person->has_username;
	return c->create || username || (c->kind == CHANGE_CHANNEL && c->text_key.p);
}

/* A reply in a thread changes its root as well, and is written as other changes are. */
static bool is_send(const struct change *c)
{
	return c->kind == CHANGE_MESSAGE && !c->send->thread_id;
}

enum verdict { TAKE, LEAVE, LAST };

static enum verdict judge(const struct change *c, const struct append_pick *p, bool held)
{
	bool first = p->n == 0;
	if (held) return LEAVE;
	if (goes_alone(c)) return first ? LAST : LEAVE;
	if (!first && is_send(c) != p->sends) return LEAVE;
	if (first || !p->alone) return c->skips < APPEND_SKIPS || first ? TAKE : LEAVE;
	return c->channel_id == p->changes[0]->channel_id ? TAKE : LEAVE;
}

static void put(struct append_pick *p, struct change *c, bool last)
{
	if (p->n == 0) p->sends = is_send(c), p->alone = last || c->skips >= APPEND_SKIPS;
	p->changes[p->n++] = c;
}

void append_queue_pick(struct append_queue *q, struct append_pick *p)
{
	static char held;
	bool last = false;
	p->n = 0, p->alone = false;
	for (struct change **at = &q->waiting.first; *at && p->n < p->most && !last;) {
		struct change *c = *at;
		enum verdict v = judge(c, p, !q->no_fifo && !c->create && q->seen.n && id_map_get(&q->seen, c->channel_id));
		if (v == LEAVE) {
			if (!c->create) id_map_put(&q->seen, c->channel_id, &held); /* what comes after must wait as well */
			at = &c->next;
			continue;
		}
		last = v == LAST;
		q->bytes -= c->bytes;
		put(p, take_at(&q->waiting, at), last);
	}
	id_map_release(&q->seen);
}

static bool is_gone(const struct change *c)
{
	return c->gone && atomic_load_explicit(c->gone, memory_order_relaxed);
}

void append_queue_drop_late(struct append_queue *q, int64_t now_ns, int64_t wait_ns, struct change_list *late)
{
	for (struct change **at = &q->waiting.first; *at;) {
		struct change *c = *at;
		if (now_ns - c->queued_ns <= wait_ns && !is_gone(c)) {
			at = &c->next;
			continue;
		}
		q->bytes -= c->bytes;
		change_list_add(late, take_at(&q->waiting, at));
	}
}
