#include "edge/blocks.h"

#include "app/own.h"
#include "store/block.h"
#include "store/person.h"

struct blocking {
	struct block block;
	bool on;
};

static enum err write_in(struct db_conn *c, struct own_write *w)
{
	struct blocking *b = w->arg;
	b->block.user_rev = w->user_rev;
	return b->on ? block_set(c, &b->block, &w->changed) : block_end(c, &b->block, &w->changed);
}

/* Whom a guest may not know of is nobody to them; but a block that they have made is theirs to end, whoever has left
 * their channels since. */
static enum err ask_person(struct request *q, struct db_conn *c, const struct blocking *b)
{
	struct user who;
	enum err e = person_seen(c, &q->arena, &q->actor, b->block.blocked_id, &who);
	return e == ERR_NOT_FOUND && !b->on ? block_there(c, q->actor.user_id, b->block.blocked_id) : e;
}

/* Whoever is blocked learns nothing of it, but their list knows whose presence is not theirs to see. */
static enum err write(struct request *q, struct db_conn *c, bool on)
{
	struct blocking b = { .on = on };
	enum err e = request_id_param(q, 0, &b.block.blocked_id);
	if (!e) e = ask_person(q, c, &b);
	if (e) return e;
	if (b.block.blocked_id == q->actor.user_id)
		return problem_set(&q->problem, ERR_NOT_ALLOWED, "Nobody blocks themselves");
	b.block.user_id = q->actor.user_id;
	b.block.now_ms = clock_wall_ms(q->pod->clock);
	b.block.most = q->pod->config->blocks_per_person;
	struct own_write w = { .user_id = b.block.user_id, .other_id = b.block.blocked_id, .write = write_in, .arg = &b };
	e = own_write(c, q->pod->bus, &w);
	if (e != ERR_LIMIT_REACHED) return e;
	return problem_set(&q->problem, e, "At most %lld people", (long long)b.block.most);
}

enum err block_put_run(struct request *q, struct db_conn *c)
{
	return write(q, c, true);
}

enum err block_delete_run(struct request *q, struct db_conn *c)
{
	return write(q, c, false);
}
