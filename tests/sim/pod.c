#include "pod.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app/retention.h"
#include "app/sweeper.h"
#include "bus.h"
#include "hub/hub_reactor.h"
#include "judge.h"
#include "link.h"
#include "loop/conn.h"

/* ---- time */

static struct sim_pod *pod_of(const struct clock *c)
{
	return container_of(c, struct sim_pod, clock);
}

static int64_t pod_wall_ms(const struct clock *c)
{
	return clock_wall_ms(&pod_of(c)->world->clock);
}

static int64_t pod_monotonic_ns(const struct clock *c)
{
	return pod_of(c)->world->now_ns + pod_of(c)->ahead_ns;
}

/* ---- lanes: a job runs at one drawn moment, and its answer comes at another */

struct pod_task {
	struct sim_pod *pod;
	struct lane *lane;
	struct job *job;     /* NULL: was dealt with when its pod was killed */
	int64_t xid;         /* of the transaction that has begun; 0: none */
	bool ran, scheduled; /* scheduled: an event of the world has it, and frees it */
};

static void task_forget(struct pod_task *t)
{
	for (size_t i = 0; i < t->pod->tasks.n; i++)
		if (t->pod->tasks.p[i] == t) {
			for (size_t k = i + 1; k < t->pod->tasks.n; k++) t->pod->tasks.p[k - 1] = t->pod->tasks.p[k];
			t->pod->tasks.n--;
			return;
		}
}

static void caught(struct job *j) {}

static void answered(struct reactor *r, struct mail *m)
{
	struct job *j = container_of(m, struct job, mail);
	j->done(j);
}

/* Without its way back: that is gone later. */
static void task_run(struct pod_task *t)
{
	struct job *j = t->job;
	struct reactor *home = j->home;
	void (*done)(struct job *) = j->done;
	t->ran = true;
	j->home = NULL;
	j->done = caught;
	t->pod->world->db->xid = t->xid;
	lane_run_job(t->lane, j);
	moves_end(t->pod->world->db, t->xid);
	t->pod->world->db->xid = 0;
	j->home = home;
	j->done = done;
}

static void task_end(struct pod_task *t)
{
	struct job *j = t->job;
	t->job = NULL;
	task_forget(t);
	if (!j->home) {
		j->done(j);
		return;
	}
	j->mail.deliver = answered;
	reactor_post(j->home, &j->mail);
}

static void task_ends(void *arg)
{
	struct pod_task *t = arg;
	if (t->job) task_end(t);
	mem_free(t);
}

static void task_runs(void *arg)
{
	struct pod_task *t = arg;
	if (!t->job) {
		mem_free(t);
		return;
	}
	bool comes_back = t->job->home != NULL;
	task_run(t);
	world_at(t->pod->world, comes_back ? world_delay(t->pod->world, DELAY_ANSWER) : 0, task_ends, t);
}

static void on_submitted(void *arg, struct lane *l, struct job *j)
{
	struct sim_pod *p = arg;
	struct pod_task *t = mem_new(struct pod_task);
	*t = (struct pod_task){ .pod = p, .lane = l, .job = j };
	if (l == p->write && !p->dead) t->xid = moves_begin(p->world->db);
	vec_push(&p->tasks, t);
	t->scheduled = !p->dead;
	if (!p->dead) world_at(p->world, world_delay(p->world, l == p->sync ? DELAY_READ : DELAY_COMMIT), task_runs, t);
}

static void *open_read(void *arg, int thread)
{
	return sim_db_take(arg, DB_READ);
}

static void *open_write(void *arg, int thread)
{
	return sim_db_take(arg, DB_WRITE);
}

static void close_conn(void *state)
{
	struct db_conn *c = state;
	sim_db_give(sim_db_of(c), c);
}

static struct lane *lane_make(struct sim_pod *p, const char *name, void *(*open)(void *, int))
{
	const struct lane_options o = { .name = name,
									.threads = 1,
									.most_queued = 100,
									.open = open,
									.close = close_conn,
									.arg = p->world->db,
									.clock = &p->clock };
	return lane_create_virtual(&o, on_submitted, p);
}

/* ---- reactors */

static void loop_turns(void *arg)
{
	struct pod_loop *l = arg;
	struct world *w = l->pod->world;
	if (l->pod->dead || l->turn_ns > w->now_ns) return; /* moved */
	l->turn_ns = INT64_MAX;
	if (reactor_turn(l->reactor)) {
		l->turn_ns = w->now_ns + world_delay(w, DELAY_TURN);
		world_at(w, l->turn_ns - w->now_ns, loop_turns, l);
	}
}

static void loop_wake(struct pod_loop *l)
{
	struct world *w = l->pod->world;
	int64_t next = reactor_next_ms(l->reactor), at;
	if (next == INT64_MAX) return;
	at = next * MS <= w->now_ns ? w->now_ns + MS / 100 : next * MS;
	if (at >= l->turn_ns) return;
	if (at <= w->now_ns + MS / 100) at = w->now_ns + world_delay(w, DELAY_TURN);
	if (at < l->pod->stalled_ns) at = l->pod->stalled_ns;
	if (at >= l->turn_ns) return;
	l->turn_ns = at;
	world_at(w, at - w->now_ns, loop_turns, l);
}

void pod_poke(struct sim_pod *p, int loop)
{
	struct pod_loop *l = &p->loops[loop];
	int64_t at = p->world->now_ns + world_delay(p->world, DELAY_TURN);
	if (p->dead || at >= l->turn_ns) return;
	l->turn_ns = at;
	world_at(p->world, at - p->world->now_ns, loop_turns, l);
}

void pods_wake(struct world *w)
{
	for (size_t i = 0; i < w->pods.n; i++) {
		struct sim_pod *p = w->pods.p[i];
		for (size_t r = 0; r < POD_REACTORS && !p->dead; r++) loop_wake(&p->loops[r]);
	}
}

/* ---- finding one */

struct sim_pod *pod_in(struct world *w, int slot)
{
	for (size_t i = w->pods.n; i-- > 0;)
		if (w->pods.p[i]->slot == slot && !w->pods.p[i]->dead) return w->pods.p[i];
	return NULL;
}

struct sim_pod *pod_any(struct world *w)
{
	struct sim_pod *open[PODS];
	size_t n = 0;
	for (int i = 0; i < PODS; i++) {
		struct sim_pod *p = pod_in(w, i);
		if (p && !p->draining) open[n++] = p;
	}
	return n ? open[world_pick(w, n)] : NULL;
}

/* ---- life */

static void epoch_changed(void *arg, uint64_t epoch)
{
	struct sim_pod *p = arg;
	hub_epoch_changed(p->hub, epoch);
}

static void open_hub(struct sim_pod *p)
{
	struct reactor *reactors[POD_REACTORS];
	for (size_t i = 0; i < POD_REACTORS; i++) reactors[i] = p->loops[i].reactor;
	const struct hub_options o = {
		.config = &p->world->config,
		.metrics = p->metrics,
		.bus = p->bus,
		.sync = p->sync,
		.write = p->write,
		.reactors = reactors,
		.n_reactors = POD_REACTORS,
		.dialects = link_dialects,
		.n_dialects = 1,
		.epoch = p->epoch,
	};
	p->hub = hub_create(&o);
}

static void open_append(struct sim_pod *p)
{
	const struct append_options o = {
		.config = &p->world->config,
		.lane = p->write,
		.bus = p->bus,
		.clock = &p->clock,
		.metrics = p->metrics,
		.epoch_changed = epoch_changed,
		.arg = p,
	};
	p->append = append_create(&o, &p->epoch);
}

static void open_sweeper(struct sim_pod *p)
{
	const struct sweeper_options o = {
		.write = p->write, .home = p->loops[0].reactor, .metrics = p->metrics, .every_ms = 1000, .kept_ms = 8000
	};
	p->sweeper = sweeper_create(&o);
}

static void open_retention(struct sim_pod *p)
{
	const struct retention_options o = { .config = &p->world->config,
										 .write = p->write,
										 .append = p->append,
										 .home = p->loops[0].reactor,
										 .clock = &p->clock,
										 .rows = 5 };
	if (o.config->retention_days) p->retention = retention_create(&o);
}

static void open_loops(struct sim_pod *p)
{
	for (int i = 0; i < POD_REACTORS; i++) {
		const struct reactor_options o = { .index = i, .clock = &p->clock };
		p->loops[i] = (struct pod_loop){ p, reactor_create_virtual(&o), INT64_MAX };
		conn_layer_open(p->loops[i].reactor, 4096);
	}
}

struct booting {
	struct world *world;
	int slot;
};

static void boot_again(void *arg)
{
	struct booting *b = arg;
	if (!b->world->over) pod_boot(b->world, b->slot);
	mem_free(b);
}

void pod_boot(struct world *w, int slot)
{
	struct epoch epoch;
	if (pod_in(w, slot)) return;
	struct db_conn *c = sim_db_take(w->db, DB_WRITE);
	enum err e = epoch_open(c, &epoch);
	sim_db_give(w->db, c);
	if (e) {
		struct booting *b = mem_new(struct booting);
		*b = (struct booting){ w, slot };
		world_at(w, 100 * MS, boot_again, b);
		return;
	}
	struct sim_pod *p = mem_new(struct sim_pod);
	p->clock = (struct clock){ pod_wall_ms, pod_monotonic_ns };
	p->world = w;
	p->slot = slot;
	p->epoch = epoch;
	snprintf(p->name, sizeof p->name, "p%zu", w->pods.n);
	p->metrics = metrics_create();
	p->bus = sim_bus_create(w->redis, p->name);
	p->sync = lane_make(p, "sync", open_read);
	p->write = lane_make(p, "write", open_write);
	open_loops(p);
	open_hub(p);
	open_append(p);
	open_sweeper(p);
	open_retention(p);
	vec_push(&w->pods, p);
	trace(w, "%s begins in slot %d, epoch %016llx", p->name, slot, (unsigned long long)epoch.hash);
}

/* ---- death: nothing that is done from here on is seen by anybody; it only gives the memory back */

static bool settle_tasks(struct sim_pod *p)
{
	bool any = p->tasks.n > 0;
	while (p->tasks.n) {
		struct pod_task *t = p->tasks.p[0];
		bool scheduled = t->scheduled;
		if (!t->ran) task_run(t);
		task_end(t);
		if (!scheduled) mem_free(t);
	}
	return any;
}

static bool settle_loops(struct sim_pod *p)
{
	bool any = false;
	for (size_t i = 0; i < POD_REACTORS; i++) {
		struct reactor *r = p->loops[i].reactor;
		bool more = true;
		while (more) {
			more = reactor_turn(r) || reactor_next_ms(r) <= (p->world->now_ns + p->ahead_ns) / MS;
			any |= more;
		}
	}
	return any;
}

static void quiesce(struct sim_pod *p)
{
	int quiet = 0;
	p->ahead_ns = 3600 * SECOND;
	for (int i = 0; i < 10000 && quiet < 4; i++) {
		bool any = settle_loops(p);
		any |= settle_tasks(p);
		any |= append_state(p->append).waiting > 0;
		quiet = any ? 0 : quiet + 1;
		p->ahead_ns += 60 * MS;
	}
	assert(quiet);
}

static void count_up(struct sim_pod *p)
{
	struct counts *c = &p->world->counts;
	c->delivered += metric_total(p->metrics, METRIC_HUB_DELIVERED);
	c->healed += metric_total(p->metrics, METRIC_HUB_HEALED);
	c->replayed += metric_total(p->metrics, METRIC_HUB_REPLAYED);
	c->resets += metric_total(p->metrics, METRIC_HUB_RESETS);
	c->parked += metric_total(p->metrics, METRIC_HUB_PARKED);
	c->unknown += metric_total(p->metrics, METRIC_APPEND_UNKNOWN);
}

static void take_down(struct sim_pod *p)
{
	append_destroy(p->append);
	lane_destroy(p->write);
	lane_destroy(p->sync);
	sweeper_stop(p->sweeper);
	if (p->retention) retention_stop(p->retention);
	hub_stop(p->hub);
	for (size_t i = POD_REACTORS; i-- > 0;) {
		conn_layer_close(p->loops[i].reactor);
		reactor_destroy(p->loops[i].reactor);
	}
	sweeper_destroy(p->sweeper);
	if (p->retention) retention_destroy(p->retention);
	hub_destroy(p->hub);
	p->bus->ops->destroy(p->bus);
	metrics_destroy(p->metrics);
}

void pod_kill(struct sim_pod *p)
{
	if (p->dead) return;
	trace(p->world, "%s dies", p->name);
	count_up(p);
	p->dead = true;
	sim_bus_kill(p->bus);
	p->world->db->dead = true;
	hub_ask_no_more(p->hub);
	if (p->retention) retention_close(p->retention);
	for (size_t i = 0; i < p->links.n; i++) link_pod_died(p->links.p[i]);
	quiesce(p);
	take_down(p);
	p->world->db->dead = false;
	p->world->counts.crashes++;
	judge_order(p->world->judge, p);
}

struct draining {
	struct sim_pod *pod;
	int64_t until_ns;
};

/* Its clients have gone, and what they sent is written; or the time is over. */
static void drain_looks(void *arg)
{
	struct draining *d = arg;
	struct sim_pod *p = d->pod;
	bool done = p->dead || (!hub_sessions(p->hub) && !append_state(p->append).waiting && !p->tasks.n);
	if (!done && p->world->now_ns < d->until_ns) {
		world_at(p->world, 20 * MS, drain_looks, d);
		return;
	}
	int slot = p->slot;
	bool again = !p->dead && !p->world->over;
	pod_kill(p);
	if (again) {
		struct booting *b = mem_new(struct booting);
		*b = (struct booting){ p->world, slot };
		world_at(p->world, world_between(p->world, 100 * MS, SECOND), boot_again, b);
	}
	mem_free(d);
}

void pod_drain(struct sim_pod *p, int64_t within_ms)
{
	if (p->dead || p->draining) return;
	trace(p->world, "%s drains", p->name);
	p->draining = true;
	hub_drain(p->hub, within_ms);
	struct draining *d = mem_new(struct draining);
	*d = (struct draining){ p, p->world->now_ns + within_ms * MS + SECOND };
	world_at(p->world, 20 * MS, drain_looks, d);
}

void pod_free(struct sim_pod *p)
{
	assert(p->dead);
	vec_release(&p->tasks);
	vec_release(&p->links);
	vec_release(&p->wrote);
	mem_free(p);
}

void pod_submit(struct sim_pod *p, struct change *c, int64_t *number)
{
	*number = ++p->next_submitted;
	enum err e = append_submit(p->append, c);
	if (!e) return;
	c->err = e;
	c->done(c);
}
