#include "app/marker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "codec/codec.h"
#include "proto/json.h"
#include "store/epoch.h"

#define GATHER_MS 1000
#define SLICE 500     /* markers of one transaction */
#define TRIES_MOST 30 /* of one slice, a second each */

struct noted {
	struct marker marker;
	struct noted *next; /* another one of the same person */
};

struct markers {
	struct markers_options o;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct id_map people; /* user_id -> struct noted */
	size_t n;
	bool armed, writing, over;
	struct mail arm;
	struct timer timer;
	struct deferred free_later;
	struct job job;
	VEC(struct marker) batch; /* ascending; [batch_at, n) is still to be written */
	size_t batch_at, slice_n;
	int tries;
	uint64_t epoch;
};

/* ---- noting */

static void arm_arrives(struct reactor *r, struct mail *mail)
{
	struct markers *m = container_of(mail, struct markers, arm);
	timer_set(r, &m->timer, GATHER_MS);
}

static struct noted *find(struct markers *m, const struct marker *k)
{
	for (struct noted *n = id_map_get(&m->people, k->user_id); n; n = n->next)
		if (n->marker.channel_id == k->channel_id && n->marker.epoch == k->epoch) return n;
	return NULL;
}

static size_t waiting(const struct markers *m)
{
	return m->n + (m->batch.n - m->batch_at);
}

static void arm(struct markers *m)
{
	if (m->armed) return;
	m->armed = true;
	m->arm.deliver = arm_arrives;
	reactor_post(m->o.home, &m->arm);
}

static enum err note(struct markers *m, const struct marker *k)
{
	struct noted *n = find(m, k);
	if (!n) {
		if (waiting(m) >= m->o.most || m->over) return ERR_BUSY;
		n = mem_new(struct noted);
		n->marker = *k;
		n->next = id_map_get(&m->people, k->user_id);
		id_map_put(&m->people, k->user_id, n);
		m->n++;
	}
	if (k->message_id > n->marker.message_id) n->marker.message_id = k->message_id;
	arm(m);
	return OK;
}

enum err marker_note(struct markers *m, const struct marker *k)
{
	pthread_mutex_lock(&m->lock);
	enum err e = note(m, k);
	pthread_mutex_unlock(&m->lock);
	return e;
}

/* ---- writing */

static void job_done(struct job *j);

static const struct sql SQL_NO_WAIT = { "SET LOCAL synchronous_commit TO off", "SELECT 1" };

static void take_all(struct markers *m) /* under the lock */
{
	struct id_slot slot;
	vec_clear(&m->batch);
	for (size_t i = 0; id_map_next(&m->people, &i, &slot);) {
		for (struct noted *n = slot.value, *next; n; n = next) {
			next = n->next;
			vec_push(&m->batch, n->marker);
			mem_free(n);
		}
	}
	id_map_release(&m->people);
	m->people = (struct id_map){ 0 };
	m->n = m->batch_at = 0;
	if (m->batch.n) qsort(m->batch.p, m->batch.n, sizeof *m->batch.p, marker_order);
}

/* What may be written in the present epoch, each pair once: of two epochs one's message_id is another message now. */
static size_t present(const struct markers *m, const struct marker *all, size_t n, struct marker *out)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		const struct marker *in = &all[i];
		if (in->epoch && in->epoch != m->epoch) continue;
		if (!k || marker_order(&out[k - 1], in))
			out[k++] = *in;
		else if (in->message_id > out[k - 1].message_id)
			out[k - 1] = *in;
	}
	return k;
}

static enum err write_slice(struct markers *m, struct db_conn *c, struct arena *a, struct marker **written, size_t *n)
{
	struct db_rows rows;
	*written = arena_array(a, struct marker, m->slice_n);
	*n = 0;
	enum err e = db_begin(c);
	if (e) return e;
	e = db_query(c, &SQL_NO_WAIT, DB_NO_ARGS, &rows);
	if (!e) e = db_end(&rows);
	if (!e) e = epoch_read(c, &m->epoch);
	if (!e) *n = present(m, m->batch.p + m->batch_at, m->slice_n, *written);
	if (!e) e = markers_forward(c, a, *written, *n, clock_wall_ms(m->o.clock));
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

static void job_run(struct job *j, void *state)
{
	struct markers *m = container_of(j, struct markers, job);
	struct arena a;
	struct marker *written;
	size_t n;
	arena_init(&a);
	j->err = write_slice(m, state, &a, &written, &n);
	for (size_t i = 0; i < n && !j->err; i++)
		if (written[i].moved) marker_tell(m->o.bus, &written[i], m->epoch);
	arena_release(&a);
}

static bool submit(struct markers *m) /* under the lock */
{
	size_t left = m->batch.n - m->batch_at;
	m->slice_n = left < SLICE ? left : SLICE;
	m->job = (struct job){ .sure = true, .run = job_run, .done = job_done };
	m->writing = m->slice_n && !lane_submit(m->o.write, &m->job);
	if (!m->writing) m->batch_at = m->batch.n; /* nothing is left; or the lane has ended */
	return m->writing;
}

/* What could not be written stays, and is tried again in a second; its readers hear of no failure, so they would not
 * send it again. At the end, or when it never works, it is given up. */
static void slice_failed(struct markers *m)
{
	bool gives_up = m->over || ++m->tries >= TRIES_MOST;
	if (m->tries == 1 || gives_up)
		log_event(LOG_WARN, "marker.write_failed", LOG_INT("markers", (int64_t)waiting(m)),
				  LOG_BOOL("given_up", gives_up));
	if (gives_up) m->batch_at = m->batch.n, m->tries = 0;
	if (waiting(m)) arm(m);
}

static void job_done(struct job *j) /* on the lane */
{
	struct markers *m = container_of(j, struct markers, job);
	enum err e = j->err;
	pthread_mutex_lock(&m->lock);
	m->writing = false;
	if (e)
		slice_failed(m);
	else
		m->batch_at += m->slice_n, m->tries = 0;
	if (e || !submit(m)) pthread_cond_broadcast(&m->idle);
	pthread_mutex_unlock(&m->lock);
}

static void start_writing(struct markers *m) /* under the lock */
{
	if (m->writing) return;
	if (m->batch_at == m->batch.n) take_all(m);
	submit(m);
}

static void timer_due(struct reactor *r, struct timer *t)
{
	struct markers *m = container_of(t, struct markers, timer);
	pthread_mutex_lock(&m->lock);
	start_writing(m);
	m->armed = m->n > 0; /* the last batch was still being written */
	if (m->armed) timer_set(r, t, GATHER_MS);
	pthread_mutex_unlock(&m->lock);
}

static bool wait_idle(struct markers *m, int64_t ms, const struct timespec *until)
{
	if (ms >= 0) return pthread_cond_timedwait(&m->idle, &m->lock, until) != ETIMEDOUT;
	pthread_cond_wait(&m->idle, &m->lock);
	return true;
}

bool markers_flush(struct markers *m, int64_t ms)
{
	struct timespec until;
	bool in_time = true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000 + 1;
	pthread_mutex_lock(&m->lock);
	m->over = true;
	while ((m->writing || waiting(m)) && in_time) {
		start_writing(m);
		if (m->writing) in_time = wait_idle(m, ms, &until);
	}
	pthread_mutex_unlock(&m->lock);
	return in_time;
}

/* ---- telling */

void marker_tell(struct bus *bus, const struct marker *m, uint64_t epoch)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_text(&o, "op", "read");
	const struct channel_me me = {
		.read_id = m->read_id, .read_seq = m->read_seq, .mention_count = m->mention_count, .read_at = m->read_at
	};
	codec_read(&o, m->channel_id, &me, m->back);
	json_close(&o, '}');
	struct user_news *n = user_news_create(b.n);
	n->user_id = m->user_id;
	n->epoch = epoch;
	n->marker_channel = m->channel_id, n->marker_at = m->read_at;
	memcpy(n->json, b.p, b.n);
	bus_publish_user(bus, n);
	user_news_unref(n);
	buf_release(&b);
}

/* ---- life */

struct markers *markers_create(const struct markers_options *o)
{
	struct markers *m = mem_new(struct markers);
	m->o = *o;
	pthread_mutex_init(&m->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&m->idle, &attr);
	pthread_condattr_destroy(&attr);
	timer_init(&m->timer, timer_due);
	return m;
}

static void markers_free(struct deferred *d)
{
	struct markers *m = container_of(d, struct markers, free_later);
	timer_clear(&m->timer);
	vec_release(&m->batch);
	pthread_cond_destroy(&m->idle);
	pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

void markers_destroy(struct markers *m)
{
	take_all(m);
	m->free_later.run = markers_free; /* the mail that arms the timer may still be on its way */
	reactor_on_destroy(m->o.home, &m->free_later);
}
