/* Bursts of work with faults close to them, since most races need both at once. */
#include "plan.h"

#include <string.h>

#include "bus.h"
#include "client.h"
#include "db.h"
#include "moderation.h"
#include "pod.h"

struct step {
	struct plan *plan;
	size_t number;
	int64_t at_ns;
	const struct action *action;
	int64_t who, channel, ns, xid;
	bool flag;
};
struct action {
	const char *name;
	void (*run)(struct world *w, const struct step *s);
	int64_t least_ns, most_ns; /* how long it lasts */
};
struct plan {
	struct world *world;
	struct random_seeded dice; /* of its own: the steps stay the same whatever is left out */
	VEC(struct step) steps;
	int64_t bursts[5];
	size_t n_bursts, n_moderation;
	bool hard;
};

/* ---- chance of the plan's own */

static double unit(struct plan *p)
{
	return (double)(random_u64(&p->dice.base) >> 11) / (double)(UINT64_C(1) << 53);
}

static size_t pick(struct plan *p, size_t n)
{
	return (size_t)random_below(&p->dice.base, n);
}

static int64_t between(struct plan *p, int64_t least, int64_t most)
{
	return least + (int64_t)(unit(p) * (double)(most - least));
}

/* ---- what people do */

static struct client *client_of(struct world *w, const struct step *s)
{
	return w->clients[s->who % CLIENTS];
}

static void do_say(struct world *w, const struct step *s)
{
	client_say(client_of(w, s), s->channel);
}

static void do_edit(struct world *w, const struct step *s)
{
	client_edit(client_of(w, s), s->channel, s->flag);
}

static void do_react(struct world *w, const struct step *s)
{
	client_react(client_of(w, s), s->channel, !s->flag);
}

static void do_pin(struct world *w, const struct step *s)
{
	client_pin(w->clients[0], s->channel, !s->flag);
}

static void do_join(struct world *w, const struct step *s)
{
	client_command(client_of(w, s), CHANGE_JOIN, s->channel, 0);
}

static void do_add(struct world *w, const struct step *s)
{
	client_command(w->clients[0], CHANGE_JOIN, s->channel, 2 + s->who % (PEOPLE - 1));
}

static void do_leave(struct world *w, const struct step *s)
{
	if (client_user(client_of(w, s)) > 1) client_command(client_of(w, s), CHANGE_LEAVE, s->channel, 0);
}

static void do_kick(struct world *w, const struct step *s)
{
	client_command(w->clients[0], CHANGE_KICK, s->channel, 2 + s->who % (PEOPLE - 1));
}

static void do_topic(struct world *w, const struct step *s)
{
	client_command(w->clients[0], CHANGE_TOPIC, s->channel, 0);
}

static void do_rename(struct world *w, const struct step *s)
{
	client_command(client_of(w, s), CHANGE_USER, 0, 0);
}

static void restart(struct world *w, void (*meanwhile)(struct world *w, const struct step *s), const struct step *s)
{
	for (int i = 0; i < PODS; i++) {
		struct sim_pod *p = pod_in(w, i);
		if (p) pod_kill(p);
	}
	meanwhile(w, s);
	for (int i = 0; i < PODS; i++) pod_boot(w, i);
}

static void weeks_pass(struct world *w, const struct step *s)
{
	world_leap(w, s->ns / MS * 12);
}

/* Rows become too old. Over weeks nothing stays on its way, as if all had been started anew. */
static void do_days(struct world *w, const struct step *s)
{
	if (s->who % 4)
		world_leap(w, s->ns / MS);
	else
		restart(w, weeks_pass, s);
}

/* ---- what goes wrong */

static void undo_later(struct world *w, const struct step *s, void (*undo)(void *))
{
	world_at(w, s->ns, undo, (void *)s);
}

static struct sim_pod *pod_of_step(struct world *w, const struct step *s)
{
	return pod_in(w, (int)(s->who % PODS));
}

static void redis_up(void *arg)
{
	const struct step *s = arg;
	s->plan->world->redis->up = true;
}

static void do_redis_down(struct world *w, const struct step *s)
{
	redis_down(w->redis);
	undo_later(w, s, redis_up);
}

static void do_half_open(struct world *w, const struct step *s)
{
	struct sim_pod *p = pod_of_step(w, s);
	if (p) sim_bus_half_open(p->bus);
}

static void do_lossy(struct world *w, const struct step *s)
{
	w->redis->loss = s->flag ? 0.7 : 0.3;
}

static void do_disorder(struct world *w, const struct step *s)
{
	w->redis->reorder = 0.3;
}

static void boots(void *arg)
{
	const struct step *s = arg;
	if (!s->plan->world->over) pod_boot(s->plan->world, (int)(s->who % PODS));
}

static void do_kill(struct world *w, const struct step *s)
{
	struct sim_pod *p = pod_of_step(w, s);
	if (!p) return;
	pod_kill(p);
	undo_later(w, s, boots);
}

static void do_drain(struct world *w, const struct step *s)
{
	struct sim_pod *p = pod_of_step(w, s);
	if (p) pod_drain(p, s->ns / MS);
}

static void do_stall(struct world *w, const struct step *s)
{
	struct sim_pod *p = pod_of_step(w, s);
	if (p) p->stalled_ns = w->now_ns + s->ns;
}

static void do_cut(struct world *w, const struct step *s)
{
	client_cut(client_of(w, s));
}

static void reads_again(void *arg)
{
	const struct step *s = arg;
	client_slow(client_of(s->plan->world, s), false);
}

static void do_slow(struct world *w, const struct step *s)
{
	client_slow(client_of(w, s), true);
	undo_later(w, s, reads_again);
}

static void db_up(void *arg)
{
	const struct step *s = arg;
	s->plan->world->db->down = false;
}

static void do_db_down(struct world *w, const struct step *s)
{
	w->db->down = true;
	undo_later(w, s, db_up);
}

static void db_steady(void *arg)
{
	const struct step *s = arg;
	s->plan->world->db->flaky = 0;
}

static void do_db_flaky(struct world *w, const struct step *s)
{
	w->db->flaky = 0.25;
	undo_later(w, s, db_steady);
}

static void db_sure(void *arg)
{
	const struct step *s = arg;
	s->plan->world->db->unknown = 0;
}

static void do_unknown(struct world *w, const struct step *s)
{
	w->db->unknown = 0.5;
	undo_later(w, s, db_sure);
}

/* One that was forgotten in the midst of something: it holds back the oldest snapshot, and commits nothing. */
static void tx_ends(void *arg)
{
	const struct step *s = arg;
	moves_end(s->plan->world->db, s->xid);
}

static void do_long_tx(struct world *w, const struct step *s)
{
	((struct step *)s)->xid = moves_begin(w->db);
	undo_later(w, s, tx_ends);
}

/* A standby is promoted that was not told the last commits: its end of the log is taken now, and it is the primary
 * after `ns`. */
static void promoted(void *arg)
{
	const struct step *s = arg;
	if (s->plan->world->over || s->plan->world->calm) return;
	sim_db_restore(s->plan->world->db, true);
}

static void do_failover(struct world *w, const struct step *s)
{
	if (w->counts.went_back || w->db->has_copy) return;
	sim_db_copy(w->db);
	undo_later(w, s, promoted);
}

static void copies_back(struct world *w, const struct step *s)
{
	sim_db_restore(w->db, false);
}

/* A copy of the file is put in its place while everything is stopped: the epoch stays the same. */
static void copied_back(void *arg)
{
	const struct step *s = arg;
	struct world *w = s->plan->world;
	if (!w->over && !w->calm) restart(w, copies_back, s);
}

static void do_copy_back(struct world *w, const struct step *s)
{
	if (w->counts.went_back || w->db->has_copy) return;
	sim_db_copy(w->db);
	undo_later(w, s, copied_back);
}

/* ---- the tables */

enum { SAY, EDIT, REACT, PIN, TOPIC, RENAME, JOIN, ADD, LEAVE, KICK, DAYS };
static const struct action work[] = {
	[SAY] = { "say", do_say, 0, 0 },
	[EDIT] = { "edit", do_edit, 0, 0 },
	[REACT] = { "react", do_react, 0, 0 },
	[PIN] = { "pin", do_pin, 0, 0 },
	[TOPIC] = { "topic", do_topic, 0, 0 },
	[RENAME] = { "rename", do_rename, 0, 0 },
	[JOIN] = { "join", do_join, 0, 0 },
	[ADD] = { "add", do_add, 0, 0 },
	[LEAVE] = { "leave", do_leave, 0, 0 },
	[KICK] = { "kick", do_kick, 0, 0 },
	[DAYS] = { "days", do_days, DAY_MS *MS, 4 * DAY_MS *MS },
};
static const struct action wrongs[] = {
	{ "redis_down", do_redis_down, 300 * MS, 4 * SECOND },
	{ "half_open", do_half_open, 0, 0 },
	{ "kill", do_kill, 200 * MS, 3 * SECOND },
	{ "drain", do_drain, 100 * MS, 2 * SECOND },
	{ "stall", do_stall, 50 * MS, 3 * SECOND },
	{ "cut", do_cut, 0, 0 },
	{ "slow", do_slow, SECOND, 6 * SECOND },
	{ "db_down", do_db_down, 100 * MS, 1500 * MS },
	{ "db_flaky", do_db_flaky, 500 * MS, 3 * SECOND },
	{ "unknown", do_unknown, 500 * MS, 3 * SECOND },
	{ "long_tx", do_long_tx, 500 * MS, 8 * SECOND },
	{ "failover", do_failover, 50 * MS, 2 * SECOND },
	{ "copy_back", do_copy_back, 50 * MS, 2 * SECOND },
};
static const struct action lossy = { "lossy", do_lossy, 0, 0 }, disorder = { "disorder", do_disorder, 0, 0 };

/* ---- drawing */

static int64_t when(struct plan *p, int64_t before_ns)
{
	int64_t at = unit(p) < 0.75 ? p->bursts[pick(p, p->n_bursts)] + between(p, -before_ns, 600 * MS)
								: between(p, SECOND / 2, (CHAOS_S - 3) * SECOND);
	return at < SECOND / 2 ? SECOND / 2 : at;
}

static struct step *add(struct plan *p, const struct action *a, int64_t at_ns)
{
	struct step s = { .plan = p, .action = a, .at_ns = at_ns };
	s.who = (int64_t)pick(p, 1000);
	s.flag = unit(p) < 0.3;
	s.ns = between(p, a->least_ns, a->most_ns);
	vec_push(&p->steps, s);
	return &p->steps.p[p->steps.n - 1];
}

static const struct action *draw_work(struct plan *p, double churn)
{
	double k = unit(p);
	if (k < churn) {
		static const int kinds[] = { JOIN, JOIN, JOIN, ADD, LEAVE, KICK, KICK, KICK };
		return &work[kinds[pick(p, countof(kinds))]];
	}
	if (k < churn + 0.1) return &work[EDIT];
	if (k < churn + 0.19) return &work[REACT];
	if (k < churn + 0.21) return &work[PIN];
	if (k < churn + 0.24) return &work[TOPIC];
	if (k < churn + 0.26) return &work[RENAME];
	return k < churn + 0.28 ? &work[DAYS] : &work[SAY];
}

static void draw_people(struct plan *p)
{
	static const int64_t sets[][3] = { { 10, 10, 10 }, { 11, 11, 11 }, { 10, 11, 11 }, { 10, 11, 12 } };
	static const double churns[] = { 0.1, 0.3, 0.6 };
	const int64_t *set = sets[pick(p, countof(sets))];
	double churn = churns[pick(p, countof(churns))];
	for (size_t n = 10 + pick(p, 60); n; n--) add(p, draw_work(p, churn), when(p, 0))->channel = set[pick(p, 3)];
}

static size_t wrong_named(const char *name)
{
	size_t i = 0;
	while (strcmp(wrongs[i].name, name) != 0) i++;
	return i;
}

/* Nothing is looked for where no days pass. */
static void draw_retention(struct plan *p)
{
	struct config *c = &p->world->config;
	for (size_t i = 0; i < p->steps.n; i++)
		if (p->steps.p[i].action == &work[DAYS]) c->retention_days = 1;
	c->retention_sweep_ms = between(p, 500, 2000);
}

/* Hard ones: more goes wrong, and rather what gives sessions another place to begin from. */
static void draw_wrongs(struct plan *p)
{
	static const char *const third[] = { "failover", "half_open", "slow", "copy_back" };
	size_t often[3] = { pick(p, countof(wrongs)), pick(p, countof(wrongs)), pick(p, countof(wrongs)) };
	if (p->hard) {
		often[0] = wrong_named("cut"), often[1] = wrong_named("kill");
		often[2] = wrong_named(third[pick(p, countof(third))]);
	}
	for (size_t n = p->hard ? 6 + pick(p, 9) : pick(p, 12); n; n--) {
		size_t k = unit(p) < 0.7 ? often[pick(p, 3)] : pick(p, countof(wrongs));
		add(p, &wrongs[k], when(p, SECOND / 2));
	}
	if (p->hard || unit(p) < 0.5) add(p, &lossy, 0);
	if (unit(p) < 0.3) add(p, &disorder, 0);
}

static void run_step(void *arg)
{
	struct step *s = arg;
	struct world *w = s->plan->world;
	if (w->calm || w->over) return;
	trace(w, "#%zu %s", s->number, s->action->name);
	s->action->run(w, s);
}

static bool masked(size_t number, const uint64_t *mask, size_t n_mask)
{
	for (size_t i = 0; i < n_mask; i++)
		if (mask[i] == number) return true;
	return false;
}

static void draw_speeds(struct plan *p)
{
	static const int slow[] = { 1, 1, 1, 6, 30 };
	static const enum delay reads[] = { DELAY_READ, DELAY_ANSWER, DELAY_SUB, DELAY_COMMIT };
	for (int d = 0; d < DELAYS; d++) p->world->scale[d] = slow[pick(p, countof(slow))];
	for (size_t i = 0; p->hard && i < countof(reads); i++) p->world->scale[reads[i]] = pick(p, 2) ? 10 : 30;
}

struct plan *plan_create(struct world *w, const uint64_t *mask, size_t n_mask)
{
	struct plan *p = mem_new(struct plan);
	p->world = w;
	random_seeded_init(&p->dice, w->seed * 7919 + 1);
	p->n_bursts = 2 + pick(p, 4);
	for (size_t i = 0; i < p->n_bursts; i++) p->bursts[i] = between(p, SECOND, (CHAOS_S - 4) * SECOND);
	p->hard = unit(p) < 0.3;
	draw_speeds(p);
	w->redis->thin = 0.1;
	draw_people(p);
	draw_wrongs(p);
	draw_retention(p);
	for (size_t i = 0; i < p->steps.n; i++) {
		p->steps.p[i].number = i;
		if (!masked(i, mask, n_mask)) world_at(w, p->steps.p[i].at_ns, run_step, &p->steps.p[i]);
	}
	p->n_moderation = moderation_draw(w, p->steps.n, mask, n_mask);
	return p;
}

size_t plan_size(const struct plan *p)
{
	return p->steps.n + p->n_moderation;
}

void plan_calm(struct plan *p)
{
	struct world *w = p->world;
	w->calm = true;
	w->redis->loss = w->redis->reorder = 0;
	w->redis->up = true;
	w->db->down = false;
	w->db->flaky = w->db->unknown = 0;
	for (int i = 0; i < CLIENTS; i++) client_slow(w->clients[i], false);
	for (int i = 0; i < PODS; i++) pod_boot(w, i);
}

void plan_free(struct plan *p)
{
	moderation_free(p->world);
	vec_release(&p->steps);
	mem_free(p);
}
