#include "app/welcome.h"

#include "base/log.h"
#include "store/invite.h"
#include "store/person.h"

enum stage { STAGE_JOIN, STAGE_SETTLE, STAGE_OVER };

struct welcome_change {
	struct change change;
	struct welcome *of;
};

static void advance(struct welcome *w);

/* A channel that went meanwhile does not stand in the way. */
static bool matters(enum err e)
{
	return e && e != ERR_NOT_FOUND && e != ERR_NOT_ALLOWED && e != ERR_LIMIT_REACHED && e != ERR_INVITE_EXPIRED &&
		   e != ERR_INVITE_USED_UP;
}

static void one_less(struct welcome *w, enum err e)
{
	if (matters(e) && !w->err) w->err = e;
	if (--w->waiting == 0) advance(w);
}

static void change_done(struct change *c)
{
	struct welcome *w = container_of(c, struct welcome_change, change)->of;
	enum err e = c->err;
	arena_release(&c->arena);
	one_less(w, e);
}

static struct change *change_begin(struct welcome *w, size_t i, enum change_kind kind, int64_t channel_id)
{
	struct change *c = &w->changes[i].change;
	w->changes[i].of = w;
	*c = (struct change){
		.kind = kind,
		.channel_id = channel_id,
		.credential = w->credential,
		.as_user = w->as_user,
		.invite = STR_NONE,
		.role = -1,
		.voice = -1,
		.address = w->address,
		.request_id = w->request_id,
		.home = w->home,
		.done = change_done,
	};
	return c;
}

static void submit(struct welcome *w, struct change *c)
{
	enum err e = append_submit(w->append, c);
	if (e) one_less(w, e);
}

static void join_all(struct welcome *w)
{
	w->waiting = w->n_channels + 1; /* one more, so that it does not end while they are handed over */
	for (size_t i = 0; i < w->n_channels; i++) submit(w, change_begin(w, i, CHANGE_JOIN, w->channel_ids[i]));
	if (w->invite_channel) {
		struct change *c = change_begin(w, w->n_channels, CHANGE_JOIN, w->invite_channel);
		c->invite = w->invite;
		w->waiting++;
		submit(w, c);
	}
	one_less(w, OK);
}

static void settle(struct welcome *w)
{
	w->settle = (struct person_patch){ .settle = true };
	struct change *c = change_begin(w, 0, CHANGE_USER, 0);
	c->person = &w->settle;
	w->waiting = 1;
	submit(w, c);
}

static void advance(struct welcome *w)
{
	enum stage stage = w->err ? STAGE_OVER : (enum stage)w->stage++;
	switch (stage) {
	case STAGE_JOIN: join_all(w); break;
	case STAGE_SETTLE: settle(w); break;
	case STAGE_OVER:
		if (w->err) log_event(LOG_WARN, "account.welcome_failed", LOG_TEXT("error", err_row(w->err)->name));
		w->done(w, w->err);
		break;
	}
}

enum err welcome_find(struct welcome *w, struct db_conn *c, struct arena *a, int64_t user_id)
{
	struct invite own;
	enum err e = person_defaults(c, w->channel_ids, WELCOME_CHANNELS, &w->n_channels);
	if (!e) e = invite_of_new(c, a, user_id, &own);
	if (!e) w->invite_channel = own.channel_id, w->invite = own.code;
	return e == ERR_NOT_FOUND ? OK : e;
}

void welcome_start(struct welcome *w)
{
	w->changes = arena_array(w->arena, struct welcome_change, w->n_channels + 1);
	w->stage = STAGE_JOIN;
	w->err = OK;
	advance(w);
}
