#include "moderation.h"

#include "client.h"

#define FAR_MS INT64_C(4102444800000)
#define SLOW_S 1
#define AGAIN_NS (100 * MS)

/* ---- what is asked; false: nobody is there to ask it now */

static bool ask(struct moderation *m, struct request r)
{
	r.channel_id = m->channel_id;
	return client_moderate(m->world->clients[0], &r);
}

static bool ban(struct moderation *m, bool on)
{
	return ask(m, (struct request){ .kind = CHANGE_BAN, .user_id = m->user_id, .on = on });
}

static bool silence(struct moderation *m, bool on)
{
	return ask(m, (struct request){
					  .kind = CHANGE_ROLE, .user_id = m->user_id, .voice = -1, .until = { true, on ? FAR_MS : 0 } });
}

static bool voice(struct moderation *m, bool on)
{
	return ask(m, (struct request){ .kind = CHANGE_ROLE, .user_id = m->user_id, .voice = on });
}

static bool settings(struct moderation *m, struct channel_patch p)
{
	return ask(m, (struct request){ .kind = CHANGE_CHANNEL, .patches = true, .patch = p });
}

static bool read_only(struct moderation *m, bool on)
{
	struct channel_patch p = CHANNEL_PATCH_NONE;
	p.read_only = on;
	return settings(m, p);
}

static bool archived(struct moderation *m, bool on)
{
	struct channel_patch p = CHANNEL_PATCH_NONE;
	p.archived = on;
	return settings(m, p);
}

static bool slow(struct moderation *m, bool on)
{
	struct channel_patch p = CHANNEL_PATCH_NONE;
	p.slow_mode_s = on ? SLOW_S : 0;
	return settings(m, p);
}

static bool delete_channel(struct moderation *m, bool on)
{
	return ask(m, (struct request){ .kind = CHANGE_DELETED });
}

/* The end of a channel comes seldom, and late: nothing happens in it any more. */
enum { DELETE_CHANNEL = 7 };
static const struct moderation_act acts[] = {
	{ "ban", ban, 500 * MS, 5 * SECOND },
	{ "ban_for_good", ban, 0, 0 },
	{ "silence", silence, 500 * MS, 5 * SECOND },
	{ "voice", voice, SECOND, 10 * SECOND },
	{ "read_only", read_only, 500 * MS, 3 * SECOND },
	{ "archived", archived, 500 * MS, 3 * SECOND },
	{ "slow", slow, SECOND, 5 * SECOND },
	[DELETE_CHANNEL] = { "delete_channel", delete_channel, 0, 0 },
};

/* ---- when */

/* The end is asked for until somebody is there to hear it, so that what was stopped goes on. */
static void ends(void *arg)
{
	struct moderation *m = arg;
	if (m->world->over) return;
	trace(m->world, "#%zu %s ends", m->number, m->act->name);
	if (!m->act->run(m, false)) world_at(m->world, AGAIN_NS, ends, m);
}

static void begins(void *arg)
{
	struct moderation *m = arg;
	if (m->world->calm || m->world->over) return;
	trace(m->world, "#%zu %s", m->number, m->act->name);
	m->act->run(m, true);
	if (m->act->most_ns) world_at(m->world, m->ns, ends, m);
}

/* ---- drawing */

static size_t pick(struct random_seeded *dice, size_t n)
{
	return (size_t)random_below(&dice->base, n);
}

static int64_t between(struct random_seeded *dice, int64_t least, int64_t most)
{
	return most > least ? least + (int64_t)random_below(&dice->base, (uint64_t)(most - least)) : least;
}

static void add(struct world *w, struct random_seeded *dice, size_t act, size_t number)
{
	struct moderation *m = mem_new(struct moderation);
	int64_t from = act == DELETE_CHANNEL ? (CHAOS_S - 10) * SECOND : SECOND;
	*m = (struct moderation){ .world = w, .act = &acts[act], .number = number };
	m->at_ns = between(dice, from, (CHAOS_S - 3) * SECOND);
	m->ns = between(dice, m->act->least_ns, m->act->most_ns);
	m->channel_id = channel_at(1 + (int)pick(dice, CHANNELS - 1));
	m->user_id = 2 + (int64_t)pick(dice, PEOPLE - 1);
	vec_push(&w->moderation, m);
}

static bool masked(size_t number, const uint64_t *mask, size_t n_mask)
{
	for (size_t i = 0; i < n_mask; i++)
		if (mask[i] == number) return true;
	return false;
}

size_t moderation_draw(struct world *w, size_t number, const uint64_t *mask, size_t n_mask)
{
	struct random_seeded dice;
	random_seeded_init(&dice, w->seed * 104729 + 2);
	if (pick(&dice, 2)) return 0;
	size_t n = 2 + pick(&dice, 10);
	for (size_t i = 0; i < n; i++) add(w, &dice, pick(&dice, DELETE_CHANNEL), number + i);
	if (pick(&dice, 3) == 0) add(w, &dice, DELETE_CHANNEL, number + n++);
	for (size_t i = 0; i < n; i++) {
		struct moderation *m = w->moderation.p[i];
		if (!masked(m->number, mask, n_mask)) world_at(w, m->at_ns, begins, m);
	}
	return n;
}

void moderation_free(struct world *w)
{
	for (size_t i = 0; i < w->moderation.n; i++) mem_free(w->moderation.p[i]);
	vec_release(&w->moderation);
}
