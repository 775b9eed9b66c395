/* One turn of the append on its lane: settle what is unsettled, else choose a batch, write it, tell everybody.
 *
 * A batch that fails for a reason of its own is written again in halves, until the one change that is at fault stands
 * alone. What could not be written because the database is away goes back to the front of the queue and stays there
 * until it has waited for append_wait_ms. */
#include <string.h>

#include "app/append_private.h"
#include "base/log.h"

/* ---- giving back */

static void deliver(struct reactor *r, struct mail *m)
{
	for (struct change *c = container_of(m, struct change, mail), *next; c; c = next) {
		struct event *const events[] = { c->before_event, c->event, c->also_event };
		next = c->next;
		c->done(c);
		for (size_t i = 0; i < countof(events); i++) event_unref(events[i]);
	}
}

/* One mail to each reactor that waits: its changes hang together by `next`, oldest first. */
static void give_back(struct append *a, struct change *const *changes, size_t n)
{
	struct {
		struct reactor *home;
		struct change *first, *last;
	} few[32];
	size_t n_few = 0;
	for (size_t i = 0; i < n; i++) {
		struct change *c = changes[i];
		size_t k = 0;
		c->next = NULL;
		while (k < n_few && few[k].home != c->home) k++;
		if (k == n_few && n_few == countof(few)) { /* more reactors than that: in turns */
			for (k = 0; k < n_few; k++) reactor_post(few[k].home, &few[k].first->mail);
			k = n_few = 0;
		}
		c->mail.deliver = deliver;
		if (k < n_few) {
			few[k].last = few[k].last->next = c;
			continue;
		}
		few[n_few].home = c->home;
		few[n_few].first = few[n_few].last = c;
		n_few++;
	}
	for (size_t k = 0; k < n_few; k++) reactor_post(few[k].home, &few[k].first->mail);
}

void append_fail_list(struct append *a, struct change_list *list, enum err e)
{
	for (struct change *c; (c = change_list_take(list));) {
		c->err = e;
		c->fields = NULL;
		if (e == ERR_UNAVAILABLE) c->problem.retry_after_s = 1;
		give_back(a, &c, 1);
	}
}

static void fail_all(struct append *a, struct change **changes, size_t n, enum err e)
{
	struct change_list list;
	change_list_init(&list);
	for (size_t i = 0; i < n; i++) change_list_add(&list, changes[i]);
	append_fail_list(a, &list, e);
}

/* ---- after a commit */

static void publish_people(struct append *a, const struct append_batch *b)
{
	for (size_t i = 0; i < b->moved.n; i++) {
		struct user_news *news = user_news_create(0);
		news->user_id = b->moved.p[i].user_id;
		news->user_rev = b->moved.p[i].user_rev;
		news->epoch = b->epoch;
		news->list_moved = true;
		bus_publish_user(a->o.bus, news);
		user_news_unref(news);
	}
}

static struct event *event_of(struct append *a, const struct append_batch *b, struct event_fields *f)
{
	f->epoch = b->epoch;
	struct event *e = codec_event_in(&a->scratch, f);
	vec_push(&a->events, e);
	return e;
}

static void publish_events(struct append *a, const struct append_batch *b)
{
	vec_clear(&a->events);
	for (size_t i = 0; i < b->n; i++) {
		struct change *c = b->changes[i];
		c->now_epoch = b->epoch;
		if (c->err) continue;
		if (c->before) c->before_event = event_of(a, b, c->before);
		if (c->fields) c->event = event_of(a, b, c->fields);
		if (c->also) c->also_event = event_of(a, b, c->also);
	}
	if (a->events.n) bus_publish(a->o.bus, a->events.p, a->events.n);
}

static void committed(struct append *a, struct append_batch *b)
{
	int64_t now = clock_monotonic_ns(a->o.clock);
	size_t n = 0;
	append_publish_left(a, b);
	publish_events(a, b);
	append_publish_quiet(a, b);
	publish_people(a, b);
	metric_add(a->cell, METRIC_APPEND_BATCHES, 1);
	metric_add(a->cell, METRIC_APPEND_CHANGES, (int64_t)a->events.n);
	for (size_t i = 0; i < b->n; i++) {
		struct change *c = b->changes[i];
		if (c->err == ERR_SKIPPED) {
			c->err = OK, c->skips++;
			change_list_add(&a->back, c);
			continue;
		}
		c->skips = 0;
		metric_observe(a->cell, METRIC_APPEND_SECONDS, now - c->queued_ns);
		b->changes[n++] = c;
	}
	give_back(a, b->changes, n);
}

/* ---- writing */

static void return_later(struct append *a, struct change **changes, size_t n)
{
	for (size_t i = 0; i < n; i++) change_list_add(&a->back, changes[i]);
}

/* Nobody may be served before the new epoch is stored; what was meant for the old one is not written. */
static void another_epoch(struct append *a, struct db_conn *conn, uint64_t found)
{
	struct epoch fresh = { .hash = found };
	if (epoch_open(conn, &fresh)) {
		a->pause = true;
		return;
	}
	log_event(LOG_WARN, "append.epoch_changed");
	append_epoch(a, fresh.hash);
	if (a->o.epoch_changed) a->o.epoch_changed(a->o.arg, fresh.hash);
}

static void keep_unsettled(struct append *a, struct append_batch *b)
{
	memcpy(a->unsettled_room, b->changes, b->n * sizeof *b->changes);
	vec_release(&a->unsettled.moved);
	a->unsettled = *b;
	a->unsettled.changes = a->unsettled_room;
	b->moved.p = NULL, b->moved.n = b->moved.cap = 0;
	a->unsettled_ns = clock_monotonic_ns(a->o.clock);
}

/* False: what comes behind these changes must not be written in this turn. */
static bool write_some(struct append *a, struct db_conn *conn, struct change **changes, size_t n, bool sends,
					   bool alone)
{
	struct append_batch b = { .changes = changes, .n = n, .sends = sends, .alone = alone, .epoch = a->picked_epoch };
	size_t half = n / 2, back = a->back.n;
	enum err e = append_write(&a->writer, conn, &b);
	/* a unique name was taken between the look and the insert: the next look sees it */
	for (int i = 0; i < 3 && e == ERR_CONFLICT && n == 1; i++) e = append_write(&a->writer, conn, &b);
	switch (e) {
	case OK: committed(a, &b); break;
	case ERR_UNKNOWN_OUTCOME: keep_unsettled(a, &b); break;
	case ERR_EPOCH_CHANGED:
		fail_all(a, changes, n, ERR_UNAVAILABLE);
		another_epoch(a, conn, b.epoch);
		break;
	case ERR_UNAVAILABLE:
		return_later(a, changes, n);
		a->pause = true;
		break;
	default:
		if (n == 1) fail_all(a, changes, n, e);
	}
	append_batch_release(&b);
	if (e == OK) return a->back.n == back;
	if (e == ERR_UNKNOWN_OUTCOME || e == ERR_EPOCH_CHANGED || e == ERR_UNAVAILABLE) return false;
	if (n == 1) return true;
	if (write_some(a, conn, changes, half, sends, alone))
		return write_some(a, conn, changes + half, n - half, sends, alone);
	return_later(a, changes + half, n - half);
	return false;
}

/* ---- settling */

static void give_up(struct append *a)
{
	log_event(LOG_ERROR, "append.outcome_unknown", LOG_INT("changes", (int64_t)a->unsettled.n));
	append_give_up(&a->writer);
	fail_all(a, a->unsettled.changes, a->unsettled.n, ERR_UNAVAILABLE);
	a->unsettled.n = 0;
}

static void settle(struct append *a, struct db_conn *conn)
{
	struct append_batch b = a->unsettled;
	enum settled how = SETTLED_NOT;
	a->unsettled.moved.p = NULL, a->unsettled.moved.n = a->unsettled.moved.cap = 0;
	enum err e = append_settle(&a->writer, conn, &b, &how);
	if (e == ERR_EPOCH_CHANGED) {
		give_up(a);
		another_epoch(a, conn, b.epoch);
	} else if (how == SETTLED_WRITTEN) {
		a->unsettled.n = 0;
		metric_add(a->cell, METRIC_APPEND_UNKNOWN, 1);
		committed(a, &b);
	} else if (how == SETTLED_NOTHING) {
		a->unsettled.n = 0;
		metric_add(a->cell, METRIC_APPEND_UNKNOWN, 1);
		return_later(a, b.changes, b.n);
	} else {
		a->unsettled = b;
		b.moved.p = NULL, b.moved.n = b.moved.cap = 0;
		a->pause = true;
		if (clock_monotonic_ns(a->o.clock) - a->unsettled_ns > a->wait_ns) give_up(a);
	}
	append_batch_release(&b);
}

/* ---- one turn */

static void pick(struct append *a, struct append_pick *p)
{
	*p = (struct append_pick){ .changes = a->picked, .most = (size_t)a->o.config->append_batch };
	pthread_mutex_lock(&a->lock);
	append_queue_pick(&a->queue, p);
	a->picked_epoch = a->epoch;
	a->flying = p->n;
	a->flying_since = p->n ? p->changes[0]->queued_ns : 0;
	pthread_mutex_unlock(&a->lock);
}

void append_drop_late(struct append *a)
{
	struct change_list late;
	change_list_init(&late);
	pthread_mutex_lock(&a->lock);
	append_queue_drop_late(&a->queue, clock_monotonic_ns(a->o.clock), a->wait_ns, &late);
	if (late.n) metric_add(a->refused, METRIC_APPEND_REFUSED, (int64_t)late.n);
	pthread_mutex_unlock(&a->lock);
	append_fail_list(a, &late, ERR_UNAVAILABLE);
}

static void land(struct append *a)
{
	pthread_mutex_lock(&a->lock);
	append_queue_return(&a->queue, &a->back);
	a->flying = a->unsettled.n;
	pthread_mutex_unlock(&a->lock);
}

void append_run(struct job *j, void *state)
{
	struct append *a = container_of(j, struct append, job);
	struct append_pick p;
	append_drop_late(a);
	if (a->unsettled.n) {
		settle(a, state);
	} else {
		pick(a, &p);
		if (p.n) write_some(a, state, p.changes, p.n, p.sends, p.alone);
	}
	land(a);
}
