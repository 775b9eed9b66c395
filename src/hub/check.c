/* A check goes round: reactor 0 tells every reactor that it asks (from then on an owner notes what it had before it
 * delivers more), the last one to hear submits the read; the answer goes to the owners' and the people's reactors as
 * mails. Mails of one sender arrive in order, so an answer finds its own question. What counts is what is served when
 * it arrives. Where the rows cannot tell, each reactor reads the heads of what it serves by id, after the snapshot.
 * Embedded, where only an operator's command writes beside it, the check asks for what that has told. */
#include "hub/check.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/heads.h"
#include "hub/owner.h"
#include "hub/person.h"
#include "store/told.h"

struct check {
	struct hub *hub;
	struct timer timer; /* reactor 0, as all below but `good_ns` */
	bool asking, again;
	uint64_t n;
	struct moment prev;
	uint64_t prev_history;
	bool failed;             /* the last one */
	_Atomic int64_t good_ns; /* 0: none */
};

struct ask {
	struct job job;
	struct check *check;
	uint64_t history, n;
	int64_t began_ns;
	_Atomic size_t unheard; /* reactors */
	struct arena arena;
	struct moment prev;
	struct moves found;
	struct ask_mail {
		struct mail mail;
		struct ask *ask;
	} mails[];
};

static struct hub_reactor *home(const struct check *c)
{
	return c->hub->r[0];
}

/* ---- the answer, on each reactor */

struct answer {
	struct mail mail;
	uint64_t history;
	bool known;
	size_t n;
	struct moved rows[];
};

static void channel_moved(struct hub_reactor *hr, const struct moved *m)
{
	struct owner *o = owner_get(hr, m->channel_id);
	if (!o) return; /* nobody here is in this channel */
	if (m->rev < owner_had(o)) {
		hub_went_back(hr);
		return;
	}
	if (o->open && m->rev > o->last) metric_add(hr->cell, METRIC_HUB_CHECK_FOUND, 1);
	owner_behind(o, m->rev);
}

static void answer_arrives(struct reactor *r, struct mail *m)
{
	struct answer *a = container_of(m, struct answer, mail);
	struct hub_reactor *hr = hub_here(r);
	if (a->history > hr->history) hub_follow(hr);
	if (a->history == hr->history && !hr->hub->stopping) {
		for (size_t i = 0; i < a->n; i++) {
			if (a->rows[i].user_id)
				person_head(hr, a->rows[i].user_id, a->rows[i].rev);
			else
				channel_moved(hr, &a->rows[i]);
		}
		if (!a->known) heads_all(hr);
	}
	mem_free(a);
}

static bool goes_to(const struct hub *h, size_t reactor, const struct moved *m)
{
	return m->user_id || hub_owner_index(h, m->channel_id) == reactor;
}

static void answer_send(const struct ask *k, size_t reactor)
{
	const struct hub *h = k->check->hub;
	const struct moves *found = &k->found;
	size_t n = 0;
	for (size_t i = 0; i < found->n; i++) n += goes_to(h, reactor, &found->rows[i]);
	if (found->known && !n) return;
	struct answer *a = mem_alloc(sizeof *a + n * sizeof *a->rows);
	*a = (struct answer){ .mail.deliver = answer_arrives, .history = k->history, .known = found->known };
	for (size_t i = 0; i < found->n; i++)
		if (goes_to(h, reactor, &found->rows[i])) a->rows[a->n++] = found->rows[i];
	reactor_post(h->r[reactor]->reactor, &a->mail);
}

/* ---- asking */

static void ask_run(struct job *j, void *state)
{
	struct ask *k = container_of(j, struct ask, job);
	const struct bus *bus = k->check->hub->bus;
	bool told = db_conn_kind(state) == DB_SQLITE && bus->ops->certain(bus);
	j->err = (told ? moves_told : moves_read)(state, &k->arena, &k->prev, &k->found);
}

static void ask_free(struct ask *k)
{
	arena_release(&k->arena);
	mem_free(k);
}

static int64_t interval_ms(const struct check *c)
{
	const struct config *g = c->hub->config;
	bool often = (home(c)->away || c->failed) && g->head_check_away_ms < g->head_check_ms;
	return often ? g->head_check_away_ms : g->head_check_ms;
}

static void take(struct check *c, struct ask *k)
{
	struct metrics_cell *cell = home(c)->cell;
	moment_release(&c->prev);
	c->prev = moment_copy(&k->found.now);
	c->prev_history = k->history;
	atomic_store(&c->good_ns, k->began_ns);
	metric_add(cell, METRIC_HUB_CHECK_ROWS, (int64_t)k->found.n);
	metric_add(cell, METRIC_HUB_CHECK_WHOLE, !k->found.known);
	for (size_t i = 0; i < c->hub->n; i++) answer_send(k, i);
}

static void say_outcome(struct check *c, enum err e)
{
	if (!e == !c->failed) return;
	c->failed = e != OK;
	if (e)
		log_event(LOG_WARN, "hub.head_check_failed", LOG_TEXT("error", err_row(e)->code));
	else
		log_event(LOG_INFO, "hub.head_check_back");
}

static void ask_done(struct job *j)
{
	struct ask *k = container_of(j, struct ask, job);
	struct check *c = k->check;
	struct reactor *r = home(c)->reactor;
	c->asking = false;
	if (!c->hub->stopping) {
		say_outcome(c, j->err);
		metric_observe(home(c)->cell, METRIC_HUB_CHECK_SECONDS, reactor_now_ns(r) - k->began_ns);
		if (!j->err && hub_ours(home(c), k->history, k->found.now.epoch)) take(c, k);
		timer_set(r, &c->timer, c->again ? 0 : interval_ms(c));
		c->again = false;
	}
	ask_free(k);
}

static void ask_lost(struct reactor *r, struct mail *m)
{
	ask_done(container_of(m, struct job, mail));
}

static void ask_heard(struct reactor *r, struct mail *m)
{
	struct ask *k = container_of(m, struct ask_mail, mail)->ask;
	struct hub *h = k->check->hub;
	hub_here(r)->check = k->n;
	if (atomic_fetch_sub(&k->unheard, 1) != 1) return;
	if (!h->stopping && !lane_submit(h->sync, &k->job)) return;
	k->job.err = ERR_BUSY;
	k->job.mail.deliver = ask_lost;
	reactor_post(k->job.home, &k->job.mail);
}

static void ask(struct check *c)
{
	struct hub *h = c->hub;
	struct ask *k = mem_zalloc(sizeof *k + h->n * sizeof *k->mails);
	arena_init(&k->arena);
	k->check = c;
	k->history = home(c)->history;
	k->n = ++c->n;
	k->began_ns = reactor_now_ns(home(c)->reactor);
	if (c->prev_history == k->history) {
		k->prev = c->prev;
		k->prev.snapshot = arena_str(&k->arena, c->prev.snapshot);
	}
	k->job = (struct job){ .home = home(c)->reactor, .sure = true, .run = ask_run, .done = ask_done };
	atomic_init(&k->unheard, h->n);
	c->asking = true;
	for (size_t i = 0; i < h->n; i++) {
		k->mails[i] = (struct ask_mail){ { NULL, ask_heard }, k };
		reactor_post(h->r[i]->reactor, &k->mails[i].mail);
	}
}

void check_soon(struct check *c)
{
	if (c->hub->stopping || fault_on(c->hub->config, STR("no_head_check"))) return;
	if (c->asking)
		c->again = true;
	else
		ask(c);
}

static void check_due(struct reactor *r, struct timer *t)
{
	check_soon(container_of(t, struct check, timer));
}

/* ---- life */

static void write_age(void *arg, struct buf *out)
{
	int64_t ms = check_age_ms(arg);
	if (ms >= 0) metrics_line(out, METRIC_HUB_CHECK_AGE, NULL, ms / 1000);
}

struct check *check_create(struct hub *h)
{
	struct check *c = mem_new(struct check);
	c->hub = h;
	timer_init(&c->timer, check_due);
	metrics_source(h->metrics, write_age, c);
	return c;
}

void check_begin(struct check *c)
{
	timer_set(home(c)->reactor, &c->timer, interval_ms(c));
}

int64_t check_age_ms(const struct check *c)
{
	int64_t good = atomic_load(&c->good_ns);
	return good ? (reactor_now_ns(home(c)->reactor) - good) / 1000000 : -1;
}

void check_stop(struct check *c)
{
	timer_clear(&c->timer);
}

void check_destroy(struct check *c)
{
	moment_release(&c->prev);
	mem_free(c);
}

/* ---- the bus away */

struct away_mail {
	struct mail mail;
	bool away;
};

static void away_arrives(struct reactor *r, struct mail *m)
{
	struct away_mail *am = container_of(m, struct away_mail, mail);
	struct hub_reactor *hr = hub_here(r);
	hr->away = am->away;
	if (am->away && !hr->hub->stopping) heads_unconfirmed(hr);
	if (hr == hr->hub->r[0] && hr->hub->check) check_soon(hr->hub->check);
	mem_free(am);
}

void heads_away(struct hub *h, bool away)
{
	for (size_t i = 0; i < h->n; i++) {
		struct away_mail *am = mem_new(struct away_mail);
		am->mail.deliver = away_arrives;
		am->away = away;
		reactor_post(h->r[i]->reactor, &am->mail);
	}
}
