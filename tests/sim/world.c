#include "world.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "bus.h"
#include "client.h"
#include "db.h"
#include "judge.h"
#include "plan.h"
#include "pod.h"

#define LONGEST_NS (5 * SECOND) /* a timeout would have come */

int64_t channel_at(int slot)
{
	return slot ? 9 + slot : 0;
}

int channel_slot(int64_t channel_id)
{
	if (channel_id == 0) return 0;
	return channel_id > 9 && channel_id < 9 + CHANNELS ? (int)channel_id - 9 : -1;
}

/* ---- time */

static struct world *world_of(const struct clock *c)
{
	return container_of(c, struct world, clock);
}

static int64_t wall_ms(const struct clock *c)
{
	const struct world *w = world_of(c);
	int64_t at = BEGIN_MS + w->now_ns / MS;
	for (size_t i = 0; i < w->leaps.n; i++) at += w->leaps.p[i].by_ms;
	return at;
}

void world_leap(struct world *w, int64_t by_ms)
{
	const struct leap l = { clock_wall_ms(&w->clock), by_ms };
	vec_push(&w->leaps, l);
	trace(w, "%lld days pass", (long long)(by_ms / DAY_MS));
}

int64_t world_lived_ms(const struct world *w, int64_t wall_ms)
{
	int64_t lived = wall_ms;
	for (size_t i = 0; i < w->leaps.n; i++)
		if (w->leaps.p[i].from_ms < wall_ms) lived -= w->leaps.p[i].by_ms;
	return lived;
}

static int64_t monotonic_ns(const struct clock *c)
{
	return world_of(c)->now_ns;
}

static bool before(const struct world_event *a, const struct world_event *b)
{
	return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->n < b->n);
}

void world_at(struct world *w, int64_t in_ns, void (*run)(void *arg), void *arg)
{
	const struct world_event e = { w->now_ns + (in_ns > 0 ? in_ns : 0), w->next_event++, run, arg };
	vec_push(&w->queue, e);
	size_t i = w->queue.n - 1;
	for (; i && before(&e, &w->queue.p[(i - 1) / 2]); i = (i - 1) / 2) w->queue.p[i] = w->queue.p[(i - 1) / 2];
	w->queue.p[i] = e;
}

static struct world_event take_next(struct world *w)
{
	struct world_event first = w->queue.p[0], last = vec_pop(&w->queue);
	size_t n = w->queue.n, i = 0;
	for (size_t k = 1; k < n; k = 2 * i + 1) {
		if (k + 1 < n && before(&w->queue.p[k + 1], &w->queue.p[k])) k++;
		if (!before(&w->queue.p[k], &last)) break;
		w->queue.p[i] = w->queue.p[k];
		i = k;
	}
	if (n) w->queue.p[i] = last;
	return first;
}

static void run_until(struct world *w, int64_t until_ns)
{
	while (w->queue.n && w->queue.p[0].at_ns <= until_ns) {
		struct world_event e = take_next(w);
		w->now_ns = e.at_ns;
		w->steps++;
		e.run(e.arg);
		pods_wake(w);
	}
	w->now_ns = until_ns;
}

/* ---- chance */

double world_unit(struct world *w)
{
	return (double)(random_u64(&w->dice.base) >> 11) / (double)(UINT64_C(1) << 53);
}

bool world_chance(struct world *w, double p)
{
	return p > 0 && world_unit(w) < p;
}

size_t world_pick(struct world *w, size_t n)
{
	return (size_t)random_below(&w->dice.base, n);
}

int64_t world_between(struct world *w, int64_t least_ns, int64_t most_ns)
{
	return least_ns + (int64_t)(world_unit(w) * (double)(most_ns - least_ns));
}

/* Mostly short, with a long tail; which kind is slow differs from run to run. */
int64_t world_delay(struct world *w, enum delay d)
{
	static const int64_t mean[DELAYS] = {
		[DELAY_READ] = 5 * MS,    [DELAY_ANSWER] = 5 * MS, [DELAY_COMMIT] = 6 * MS, [DELAY_BUS] = 4 * MS,
		[DELAY_PUBLISH] = 4 * MS, [DELAY_SUB] = 8 * MS,    [DELAY_LINK] = 5 * MS,   [DELAY_TURN] = MS / 10,
	};
	double ns =
		-log(1 - world_unit(w)) * (double)mean[d] * (world_chance(w, 0.05) ? 15 : 1) * (w->calm ? 1 : w->scale[d]);
	return ns > (double)LONGEST_NS ? LONGEST_NS : (int64_t)ns;
}

/* ---- a run */

static void set_up(struct world *w, const char *off)
{
	struct config *c = &w->config;
	config_init(c);
	if (w->seed % 3 == 1) c->large_from = 3, c->large_until = 2;
	c->ring_events = 6;
	c->replay_channel = 12;
	c->replay_events = 40;
	c->append_batch = 6;
	c->conn_soft = 1000;
	c->conn_hard = 30000;
	c->append_wait_ms = 5000;
	c->retention_days = 0; /* plan.c */
#if LINNET_FAULTS
	c->faults = str_of(off ? off : "");
#endif
	for (int d = 0; d < DELAYS; d++) w->scale[d] = 1;
}

struct world *world_create(const struct world_options *o, struct sim_db *db)
{
	struct world *w = mem_new(struct world);
	w->clock = (struct clock){ wall_ms, monotonic_ns };
	w->seed = o->seed;
	w->hash = 0xcbf29ce484222325u;
	w->tracing = o->tracing;
	w->db = db;
	random_seeded_init(&w->dice, o->seed);
	buf_init(&w->lines);
	set_up(w, o->off);
	sim_db_begin(db, w);
	w->judge = judge_create(w);
	w->redis = redis_create(w);
	w->plan = plan_create(w, o->mask, o->n_mask); /* what it does makes up the configuration */
	for (int i = 0; i < PODS; i++) pod_boot(w, i);
	for (int i = 0; i < CLIENTS; i++) w->clients[i] = client_create(w, i, i < PEOPLE ? i + 1 : 2);
	return w;
}

/* Everything dies; what is still on its way finds nobody. */
static void wind_up(struct world *w)
{
	w->over = true;
	for (size_t i = 0; i < w->pods.n; i++) pod_kill(w->pods.p[i]);
	while (w->queue.n) {
		struct world_event e = take_next(w);
		e.run(e.arg);
	}
}

void world_run(struct world *w)
{
	run_until(w, CHAOS_S * SECOND);
	plan_calm(w->plan);
	for (int s = 1; s <= CALM_S; s++) {
		run_until(w, (CHAOS_S + s) * SECOND);
		if (judge_converged(w->judge)) break;
	}
	judge_end(w->judge);
	wind_up(w);
	trace(w, "the end");
}

void world_destroy(struct world *w)
{
	judge_free(w->judge);
	plan_free(w->plan);
	for (int i = 0; i < CLIENTS; i++) client_free(w->clients[i]);
	for (size_t i = 0; i < w->pods.n; i++) {
		for (size_t k = 0; k < w->pods.p[i]->links.n; k++) link_free(w->pods.p[i]->links.p[k]);
		pod_free(w->pods.p[i]);
	}
	redis_destroy(w->redis);
	vec_release(&w->pods);
	vec_release(&w->queue);
	vec_release(&w->leaps);
	config_release(&w->config);
	trace_release(w);
	w->db->world = NULL;
	mem_free(w);
}
