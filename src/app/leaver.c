#include "app/leaver.h"

#include <pthread.h>
#include <string.h>

#include "app/turns.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/deletion.h"

#define SLICE 100
#define TAKEN_MS 60000 /* for so long nobody else goes on with it */

enum stage { STAGE_TAKE, STAGE_MESSAGES, STAGE_CHANNELS };

struct leaver_change {
	struct change change;
	struct leaver *of;
};
struct leaver {
	struct leaver_options o;
	pthread_mutex_t lock;
	bool halted; /* under the lock */
	struct turns turns;
	bool failed;
	/* while a turn runs the lane's, else the reactor's */
	enum stage stage;
	struct deletion deletion;
	struct deletion_at at, before; /* before: where this slice began */
	struct deletion_item items[SLICE];
	size_t n, waiting;
	bool retry; /* something of the slice was not written */
	struct leaver_change changes[SLICE];
};

/* ---- on the lane: what is to be done next */

static enum err next(struct turns *t, struct db_conn *c)
{
	struct leaver *l = container_of(t, struct leaver, turns);
	int64_t now_ms = clock_wall_ms(l->o.clock);
	enum err e = OK;
	l->n = 0;
	if (l->stage == STAGE_TAKE) {
		e = deletion_take(c, now_ms, now_ms + TAKEN_MS, &l->deletion);
		if (e) return e;
		l->at = (struct deletion_at){ 0 };
		l->stage = l->deletion.messages ? STAGE_MESSAGES : STAGE_CHANNELS;
	} else {
		e = deletion_keep(c, l->deletion.user_id, now_ms + TAKEN_MS);
	}
	l->before = l->at;
	if (!e && l->stage == STAGE_MESSAGES) {
		bool over;
		e = deletion_messages(c, l->deletion.user_id, &l->at, l->items, SLICE, &l->n, &over);
		if (e || l->n || !over) return e; /* a slice may have had nothing but tombstones */
		l->at = l->before = (struct deletion_at){ 0 };
		l->stage = STAGE_CHANNELS;
	}
	if (!e) e = deletion_channels(c, l->deletion.user_id, &l->at, l->items, SLICE, &l->n);
	if (e || l->n) return e;
	l->stage = STAGE_TAKE;
	return deletion_over(c, l->deletion.user_id);
}

/* ---- on the reactor */

static bool matters(enum err e)
{
	return e && e != ERR_NOT_FOUND && e != ERR_NOT_ALLOWED && e != ERR_NOT_MEMBER;
}

static void one_less(struct leaver *l, enum err e)
{
	if (matters(e)) l->retry = true;
	if (--l->waiting) return;
	if (l->retry) l->at = l->before;
	turns_again(&l->turns, l->retry ? l->o.every_ms : 0);
}

static void change_done(struct change *c)
{
	struct leaver *l = container_of(c, struct leaver_change, change)->of;
	enum err e = c->err;
	arena_release(&c->arena);
	one_less(l, e);
}

static void submit(struct leaver *l, size_t i)
{
	const struct deletion_item *item = &l->items[i];
	struct change *c = &l->changes[i].change;
	l->changes[i].of = l;
	*c = (struct change){
		.kind = item->message_id ? CHANGE_DELETE : CHANGE_LEAVE,
		.channel_id = item->channel_id,
		.message_id = item->message_id,
		.as_user = l->deletion.user_id,
		.role = -1,
		.voice = -1,
		.address = STR_NONE,
		.request_id = STR_NONE,
		.home = l->o.home,
		.done = change_done,
	};
	pthread_mutex_lock(&l->lock);
	enum err e = l->halted ? ERR_DRAINING : append_submit(l->o.append, c);
	pthread_mutex_unlock(&l->lock);
	if (e) one_less(l, e);
}

static void next_done(struct turns *t, enum err e)
{
	struct leaver *l = container_of(t, struct leaver, turns);
	enum err fault = e == ERR_NOT_FOUND ? OK : e;  /* nothing is to be done */
	bool begun = l->stage != STAGE_TAKE || !fault; /* a look for one that fails leaves nothing undone */
	if (begun && err_ends(&l->failed, fault)) log_event(LOG_INFO, "account.deletion_back");
	if (begun && err_begins(&l->failed, fault))
		log_event(LOG_WARN, "account.deletion_failed", LOG_TEXT("error", err_row(e)->code));
	if (fault) l->at = l->before;
	if (e || !l->n) {
		turns_again(t, e ? l->o.every_ms : 0);
		return;
	}
	l->retry = false;
	l->waiting = l->n + 1; /* one more, so that it does not end while they are handed over */
	for (size_t i = 0; i < l->n; i++) submit(l, i);
	one_less(l, OK);
}

/* ---- life */

struct leaver *leaver_create(const struct leaver_options *o)
{
	struct leaver *l = mem_new(struct leaver);
	l->o = *o;
	pthread_mutex_init(&l->lock, NULL);
	l->turns =
		(struct turns){ .home = o->home, .lane = o->write, .every_ms = o->every_ms, .run = next, .done = next_done };
	turns_begin(&l->turns, 0);
	return l;
}

void leaver_halt(struct leaver *l)
{
	pthread_mutex_lock(&l->lock);
	l->halted = true;
	pthread_mutex_unlock(&l->lock);
}

void leaver_stop(struct leaver *l)
{
	turns_stop(&l->turns);
}

void leaver_destroy(struct leaver *l)
{
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}
