#include "app/append_timer.h"

#include <pthread.h>

#include "base/mem.h"

struct append_timer {
	struct mail mail, end;
	struct timer timer;
	struct reactor *reactor; /* that holds it */
	pthread_mutex_t lock;
	struct append *append; /* NULL: gone */
	int64_t delay_ms;
	bool (*fire)(struct append *a);
	bool pending; /* shall fire */
	bool held;    /* a reactor has it, as mail or timer */
};

static void timer_free(struct append_timer *t)
{
	pthread_mutex_destroy(&t->lock);
	mem_free(t);
}

static void fired(struct reactor *r, struct timer *timer)
{
	struct append_timer *t = container_of(timer, struct append_timer, timer);
	pthread_mutex_lock(&t->lock);
	bool due = t->pending && t->append;
	t->pending = false;
	if (due && t->fire(t->append)) t->pending = true;
	t->held = t->pending;
	if (t->held) timer_set(r, &t->timer, t->delay_ms);
	pthread_mutex_unlock(&t->lock);
}

static void arrived(struct reactor *r, struct mail *m)
{
	struct append_timer *t = container_of(m, struct append_timer, mail);
	timer_init(&t->timer, fired);
	timer_set(r, &t->timer, t->delay_ms);
}

struct append_timer *append_timer_create(struct append *a, int64_t delay_ms, bool (*fire)(struct append *a))
{
	struct append_timer *t = mem_new(struct append_timer);
	pthread_mutex_init(&t->lock, NULL);
	t->append = a;
	t->delay_ms = delay_ms > 0 ? delay_ms : 1;
	t->fire = fire;
	t->mail.deliver = arrived;
	return t;
}

void append_timer_arm(struct append_timer *t, struct reactor *r)
{
	pthread_mutex_lock(&t->lock);
	if (!t->held) {
		t->reactor = r;
		reactor_post(r, &t->mail);
	}
	t->pending = t->held = true;
	pthread_mutex_unlock(&t->lock);
}

bool append_timer_claim(struct append_timer *t)
{
	pthread_mutex_lock(&t->lock);
	bool pending = t->pending;
	t->pending = false;
	pthread_mutex_unlock(&t->lock);
	return pending;
}

static void ended(struct reactor *r, struct mail *m)
{
	struct append_timer *t = container_of(m, struct append_timer, end);
	timer_clear(&t->timer);
	timer_free(t);
}

/* Comes to the reactor behind the mail that armed it. */
void append_timer_destroy(struct append_timer *t)
{
	pthread_mutex_lock(&t->lock);
	bool held = t->held;
	t->append = NULL;
	t->pending = false;
	t->end.deliver = ended;
	pthread_mutex_unlock(&t->lock);
	if (!held)
		timer_free(t);
	else
		reactor_post(t->reactor, &t->end);
}
